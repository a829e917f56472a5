from datetime import UTC, datetime, timedelta

import pytest

from cloud.detection.issues import (
    BATTERY,
    COMMS_LOSS,
    COMMUNICATIONS,
    INVERTER,
    Observed,
    case_family,
    families_of,
    observe,
)
from cloud.telemetry.models import Sample

NOW = datetime(2026, 6, 8, 18, tzinfo=UTC)
SINCE = NOW - timedelta(hours=8)
OK, ASLEEP, UNREACHABLE, PARTIAL, SUSPECT, FAULTED = range(6)
FAULT = {"St": 7, "W": 0}
WELL = {"St": 4, "W": 900}
BATTERY_WELL = {"BatSt": 3, "SoC": 500}


def row(hours_ago: float, columns, quality: int = OK) -> Sample:
    return Sample(NOW - timedelta(hours=hours_ago), quality, columns)


@pytest.mark.parametrize(
    ("columns", "issues"),
    [
        pytest.param({"St": 4}, set(), id="running"),
        pytest.param({"St": 7}, {"INV_FAULT"}, id="fault of models 101 to 103"),
        pytest.param({"InvSt": 6}, {"INV_FAULT"}, id="fault of model 701"),
        pytest.param({"InvSt": 7}, set(), id="standby of model 701 is not fault 7"),
        pytest.param({"DCSt_2": 7}, {"INV_FAULT"}, id="one input failed"),
        pytest.param({"St": None}, set(), id="not known"),
        pytest.param({"St": 99}, set(), id="a code that no table has"),
        pytest.param({"St": 1}, set(), id="off may be the night"),
        pytest.param({"St": 5}, set(), id="throttled may be a limit"),
        pytest.param({"Evt1": 0}, set(), id="no event"),
        pytest.param({"Evt1": 0b1}, {"GROUND_FAULT"}, id="lowest bit"),
        pytest.param({"Evt1": 0b10000}, set(), id="the grid went away"),
        pytest.param({"Evt1": 1 << 31}, set(), id="a bit that no table has"),
        pytest.param({"Alrm": 1 << 16}, {"MANUFACTURER_ALRM"}, id="alarm of model 701"),
        pytest.param(
            {"DCEvt_3": 1 << 15 | 1 << 12},
            {"ARC_DETECTION", "BLOWN_STRING_FUSE"},
            id="two bits of an input",
        ),
        pytest.param({"BatSt": 99, "BatSta": 2}, {"BATTERY_FAULT"}, id="battery, said twice"),
        pytest.param({"W": 7, "WH": 7}, set(), id="sevens that are no codes"),
    ],
)
def test_issues_of_a_sample(columns, issues):
    assert families_of(row(0, columns)) == issues


@pytest.mark.parametrize(
    ("issue", "family"),
    [
        ("INV_FAULT", INVERTER),
        ("GROUND_FAULT", INVERTER),
        ("BATTERY_FAULT", BATTERY),
        (COMMS_LOSS, COMMUNICATIONS),
    ],
)
def test_family_of_a_case(issue, family):
    assert case_family(issue) == family


def told(devices, running=(), family="INV_FAULT") -> Observed:
    clocks = {"INV_FAULT": running} if running else {}
    seen = {one.family: one for one in observe(devices, running=clocks, since=SINCE, now=NOW)}
    return seen[family]


@pytest.mark.rule("D-12")
@pytest.mark.parametrize(
    ("rows", "begins"),
    [
        pytest.param([row(3, WELL), row(2, FAULT), row(1, FAULT)], 2, id="first bad sample"),
        pytest.param([row(3, FAULT), row(2, WELL), row(1, FAULT)], 3, id="flapping"),
        pytest.param([row(9, FAULT), row(7, FAULT)], 9, id="sent after the last evaluation"),
        pytest.param([row(10, FAULT), row(9, WELL), row(7, FAULT)], 7, id="an older one was over"),
        pytest.param(
            [row(10, FAULT), row(9, {"St": 2}, ASLEEP), row(7, FAULT)], 10, id="asleep between"
        ),
        pytest.param([row(10, FAULT), row(9, {}, UNREACHABLE), row(7, FAULT)], 10, id="silent"),
    ],
)
def test_an_issue_begins_with_its_first_bad_sample(rows, begins):
    seen = told({"inverter": rows})
    assert seen.bad_since == NOW - timedelta(hours=begins)
    assert seen.devices == ("inverter",)


def test_samples_outside_of_the_time_since_the_last_evaluation_begin_nothing():
    rows = [row(9, FAULT), row(8, FAULT), row(4, WELL), row(-1, FAULT)]
    seen = observe({"inverter": rows}, running={}, since=SINCE, now=NOW)
    assert seen == (Observed(COMMS_LOSS, None, was_good=True),)


def test_an_issue_begins_with_the_first_of_two_devices():
    seen = told({"a": [row(2, FAULT)], "b": [row(5, FAULT)]})
    assert (seen.bad_since, seen.devices) == (NOW - timedelta(hours=5), ("a", "b"))


@pytest.mark.rule("D-12a")
@pytest.mark.parametrize(
    ("devices", "shown_by", "was_good"),
    [
        pytest.param({"inv": [row(1, WELL)]}, ["inv"], True, id="awake without it"),
        pytest.param({"inv": [row(1, {"St": 2}, ASLEEP)]}, ["inv"], False, id="asleep"),
        pytest.param({"inv": [row(1, WELL, SUSPECT)]}, ["inv"], False, id="suspect"),
        pytest.param(
            {"inv": [row(2, WELL), row(1, {"St": 2}, ASLEEP)]}, ["inv"], True, id="then asleep"
        ),
        pytest.param(
            {"inv": [row(1, {}, UNREACHABLE)], "bat": [row(1, BATTERY_WELL)]},
            ["inv"],
            False,
            id="silent, and the battery does not speak for it",
        ),
        pytest.param(
            {"inv": [row(1, {"St": 2}, ASLEEP)], "bat": [row(1, BATTERY_WELL)]},
            ["inv"],
            False,
            id="asleep, and the battery does not speak for it",
        ),
        pytest.param(
            {"inv": [row(1, {"St": None, "W": 900}, PARTIAL)]},
            ["inv"],
            False,
            id="its state could not be read",
        ),
        pytest.param(
            {"inv": [row(1, WELL)], "other": [row(1, {}, UNREACHABLE)]},
            ["inv"],
            True,
            id="another device is silent",
        ),
        pytest.param(
            {"inv": [row(1, WELL)], "other": [row(1, {}, UNREACHABLE)]},
            ["inv", "other"],
            False,
            id="one of the two that showed it is silent",
        ),
        pytest.param({"new": [row(1, WELL)]}, ["inv"], True, id="the device was exchanged"),
        pytest.param({"new": [row(1, WELL)]}, ["?"], True, id="not known who showed it"),
        pytest.param(
            {"new": [row(1, {"St": 2}, ASLEEP)]}, ["inv"], False, id="exchanged, and asleep"
        ),
    ],
)
def test_what_counts_as_good(devices, shown_by, was_good):
    seen = told(devices, running=shown_by)
    assert (seen.bad_since, seen.was_good) == (None, was_good)


@pytest.mark.parametrize(
    "devices",
    [
        pytest.param({}, id="nothing came"),
        pytest.param({"inv": [row(9, WELL)]}, id="nothing came since"),
        pytest.param({"inv": [row(1, {}, UNREACHABLE)]}, id="no device answers"),
    ],
)
def test_silence_is_an_issue_of_its_own(devices):
    seen = observe(devices, running={"INV_FAULT": ["inv"]}, since=SINCE, now=NOW)
    assert seen == (Observed(COMMS_LOSS, SINCE, was_good=False),)


def test_a_sleeping_site_is_heard():
    seen = told({"inv": [row(1, {"St": 2}, ASLEEP)]}, family=COMMS_LOSS)
    assert (seen.bad_since, seen.was_good) == (None, True)
