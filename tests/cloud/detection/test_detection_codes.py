import json
from datetime import UTC, datetime, timedelta

import pytest

from cloud.detection.codes import (
    BATTERY,
    COMMS_LOSS,
    COMMS_LOSS_DEVICE,
    COMMUNICATIONS,
    DATA,
    INVERTER,
    ISSUES,
    MEASURED,
    SHARPENED,
    STUCK_METER,
    Danger,
    Needs,
    Starts,
    case_family,
    codes_in,
    hazards_in,
    is_due,
    issues_in,
    showable_in,
    unknown_codes,
)
from cloud.detection.policy import HAZARDS
from cloud.kernel.change import Event
from cloud.service.emergency import is_emergency
from cloud.service.policy import EMERGENCIES
from cloud.telemetry.device_event import decode_event
from cloud.telemetry.dictionary import BITS, ENUMS

SINCE = datetime(2026, 6, 8, 12, tzinfo=UTC)
DAY = SINCE.date()
TABLES = {**ENUMS, **BITS}


def test_every_issue_of_the_dictionary_is_known_and_every_known_one_has_a_source():
    named = {code.issue for codes in TABLES.values() for code in codes.values() if code.issue}
    assert named | set(SHARPENED.values()) | MEASURED == set(ISSUES)
    assert not MEASURED & (named | set(SHARPENED.values()))
    assert all(name == issue.name for name, issue in ISSUES.items())


def test_what_is_sharpened_is_in_the_dictionary():
    for table, name in SHARPENED:
        assert name in {code.name for code in TABLES[table].values()}


def test_every_issue_is_said_in_words_of_its_own():
    said = [issue.says for issue in ISSUES.values()]
    assert len(set(said)) == len(said)
    assert all(words[0].islower() and not words.endswith(".") for words in said)
    assert not [words for words in said if "_" in words]


@pytest.mark.rule("D-80")
def test_hazards_are_those_of_the_emergency_rules():
    always, in_an_outage = EMERGENCIES.on(SINCE.date())
    told, told_in_an_outage = HAZARDS.on(SINCE.date())
    assert set(told) <= set(always)
    assert set(told_in_an_outage) == set(in_an_outage)
    for issue in ISSUES.values():
        assert issue.hazard in {"", *told, *told_in_an_outage}
        assert (issue.starts is Starts.AT_ONCE) == (issue.hazard in told)


@pytest.mark.rule("D-80")
@pytest.mark.parametrize("is_out", [False, True])
def test_detection_and_service_agree_on_what_is_an_emergency(is_out):
    for name, issue in ISSUES.items():
        at_once = is_due(name, since=SINCE, now=SINCE, is_grid_out=is_out)
        assert at_once == is_emergency(issue.hazard, grid_outage=is_out, on=SINCE.date())


@pytest.mark.parametrize(
    ("columns", "issues"),
    [
        pytest.param({"St": 4}, set(), id="running"),
        pytest.param({"St": 7}, {"INV_FAULT"}, id="fault of models 101 to 103"),
        pytest.param({"InvSt": 6}, {"INV_FAULT"}, id="fault of model 701"),
        pytest.param({"InvSt": 7}, {"INV_OFF_DAYLIGHT"}, id="standby of model 701 is no fault 7"),
        pytest.param({"DCSt_2": 7}, {"INV_FAULT"}, id="one input failed"),
        pytest.param({"St": None}, set(), id="not known"),
        pytest.param({"St": 99}, set(), id="a code that no table has"),
        pytest.param({"St": 1}, {"INV_OFF_DAYLIGHT"}, id="off, which may be the night"),
        pytest.param({"St": 5}, {"UNEXPLAINED_DERATE"}, id="throttled, which may be a limit"),
        pytest.param({"ThrotSrc": 1 << 14}, {"UNEXPLAINED_DERATE"}, id="derated"),
        pytest.param({"ThrotSrc": 1 << 11}, set(), id="held back by a schedule"),
        pytest.param({"Evt1": 0}, set(), id="no event"),
        pytest.param({"Evt1": 0b1}, {"GROUND_FAULT"}, id="lowest bit"),
        pytest.param({"Evt1": 0b10000}, {"GRID_DISCONNECT"}, id="the grid went away"),
        pytest.param({"Evt1": 1 << 8 | 1 << 11}, {"OVER_FREQUENCY", "AC_UNDER_VOLT"}, id="grid"),
        pytest.param({"Evt1": 1 << 31}, set(), id="a bit that no table has"),
        pytest.param({"Alrm": 1 << 16}, {"MANUFACTURER_ALRM"}, id="alarm of model 701"),
        pytest.param(
            {"DCEvt_3": 1 << 15 | 1 << 12},
            {"ARC_DETECTION", "BLOWN_STRING_FUSE"},
            id="two bits of an input",
        ),
        pytest.param(
            {"DCEvt_1": 0b111 << 20},
            {"TEST_FAILED", "INPUT_UNDER_VOLTAGE", "INPUT_OVER_CURRENT"},
            id="three more of an input",
        ),
        pytest.param({"PrtAlrm_2": 1 << 15}, {"ARC_DETECTION"}, id="an arc at a port"),
        pytest.param({"PrtSta_1": 3, "PrtTyp_1": 1}, {"BATTERY_FAULT"}, id="a battery's port"),
        pytest.param({"PrtSta_1": 3, "PrtTyp_1": 0}, {"INV_FAULT"}, id="a port of modules"),
        pytest.param({"PrtSta_1": 3}, {"BATTERY_FAULT"}, id="a port of nobody knows what"),
        pytest.param({"PrtSta_1": 3, "PrtTyp_2": 0}, {"BATTERY_FAULT"}, id="the other port's kind"),
        pytest.param({"BatSt": 99, "BatSta": 2}, {"BATTERY_FAULT"}, id="battery, said twice"),
        pytest.param({"BatEvt1": 1 << 1}, {"BATTERY_OVER_TEMP"}, id="the battery is too hot"),
        pytest.param({"BatEvt1": 1 << 2}, set(), id="a warning is no alarm"),
        pytest.param({"BatEvt1": 1 << 20}, {"BATTERY_CONTACTOR"}, id="its contactor"),
        pytest.param({"BatEvt1": 1 << 22}, {"BATTERY_GROUND_FAULT"}, id="its ground fault"),
        pytest.param({"BatEvt1": 0b101010101010}, {"BATTERY_OVER_TEMP", "BATTERY_FAULT"}, id="all"),
        pytest.param({"W": 7, "WH": 7}, set(), id="sevens that are no codes"),
    ],
)
def test_issues_of_a_sample(columns, issues):
    assert issues_in(columns) == issues
    assert issues_in(dict(reversed(columns.items()))) == issues
    assert issues <= showable_in(columns)


def test_every_code_shows_the_issue_that_its_table_names():
    for table, codes in TABLES.items():
        for value, code in codes.items():
            seen = [issue for _, issue in codes_in(table, value if table in ENUMS else 1 << value)]
            assert seen == [SHARPENED.get((table, code.name), code.issue)]


def test_a_port_can_only_fail_as_what_hangs_on_it():
    assert "BATTERY_FAULT" not in showable_in({"PrtSta_1": 1, "PrtTyp_1": 0})
    assert "INV_FAULT" not in showable_in({"PrtSta_1": 1, "PrtTyp_1": 1})
    assert "BATTERY_FAULT" not in showable_in({"DCSt_1": 4})


@pytest.mark.parametrize(
    ("columns", "unknown"),
    [
        ({"Evt1": 1 << 27 | 1}, {"Evt1 bit 27"}),
        ({"DCEvt_2": 1 << 30}, {"DCEvt_2 bit 30"}),
        ({"St": 12, "InvSt": None}, {"St 12"}),
        ({"Evt1": -(1 << 27)}, set()),
        ({"W": 9999, "EvtVnd1": 7}, set()),
    ],
)
def test_codes_that_no_table_explains(columns, unknown):
    assert unknown_codes(columns) == unknown


@pytest.mark.parametrize(
    ("issue", "family"),
    [
        ("INV_FAULT", INVERTER),
        ("GROUND_FAULT", INVERTER),
        ("STRING_MISSING", INVERTER),
        ("GRID_DISCONNECT", INVERTER),
        ("BATTERY_FAULT", BATTERY),
        ("BATTERY_GROUND_FAULT", BATTERY),
        (COMMS_LOSS, COMMUNICATIONS),
        (COMMS_LOSS_DEVICE, COMMUNICATIONS),
        (STUCK_METER, DATA),
        ("a name from long ago", INVERTER),
    ],
)
def test_family_of_a_case(issue, family):
    assert case_family(issue) == family


def test_which_issues_need_more_than_their_code():
    needs = {need: {name for name, one in ISSUES.items() if one.needs is need} for need in Needs}
    assert needs[Needs.NEIGHBOURS] == {"INV_OFF_DAYLIGHT"}
    assert needs[Needs.LIMIT] == {"UNEXPLAINED_DERATE"}
    assert needs[Needs.GRID] == {
        "GRID_DISCONNECT",
        "OVER_FREQUENCY",
        "UNDER_FREQUENCY",
        "AC_OVER_VOLT",
        "AC_UNDER_VOLT",
    }


TWO_DAYS = timedelta(hours=48)
SECOND = timedelta(seconds=1)


@pytest.mark.rule("D-12")
@pytest.mark.rule("D-80")
@pytest.mark.rule("D-81")
@pytest.mark.parametrize(
    ("issue", "lasted", "more", "due"),
    [
        pytest.param("INV_FAULT", TWO_DAYS - SECOND, {}, False, id="a second before 48 hours"),
        pytest.param("INV_FAULT", TWO_DAYS, {}, False, id="exactly 48 hours"),
        pytest.param("INV_FAULT", TWO_DAYS + SECOND, {}, True, id="a second after 48 hours"),
        pytest.param("a name from long ago", TWO_DAYS + SECOND, {}, True, id="not known any more"),
        pytest.param("ARC_DETECTION", timedelta(0), {}, True, id="an arc, at once"),
        pytest.param("BATTERY_OVER_TEMP", timedelta(0), {}, True, id="a hot battery, at once"),
        pytest.param("BATTERY_FAULT", TWO_DAYS, {}, False, id="a battery while there is a grid"),
        pytest.param("BATTERY_FAULT", timedelta(0), {"is_grid_out": True}, True, id="and without"),
        pytest.param("INV_FAULT", TWO_DAYS, {"is_grid_out": True}, False, id="an inverter without"),
        pytest.param(
            "OVER_TEMP", 9 * TWO_DAYS, {"present_hours": 48}, False, id="48 hours of heat"
        ),
        pytest.param("OVER_TEMP", 9 * TWO_DAYS, {"present_hours": 49}, True, id="49 hours of heat"),
        pytest.param("INV_FAULT", TWO_DAYS, {"present_hours": 99}, False, id="only heat adds up"),
    ],
)
def test_when_an_issue_is_due(issue, lasted, more, due):
    assert is_due(issue, since=SINCE, now=SINCE + lasted, **more) is due


def event_of(serial: str = "SN-1", **change) -> Event:
    body = {"v": 1, "gw": "gw-1", "boot": "5f", "at": 1782064800, "sn": serial, **change}
    return decode_event(json.dumps(body).encode(), SINCE)[1]


@pytest.mark.rule("D-80")
@pytest.mark.parametrize(
    ("change", "issues"),
    [
        pytest.param({"col": "Evt1", "from": 0, "to": 1}, ["GROUND_FAULT"], id="a ground fault"),
        pytest.param({"col": "Evt1", "from": None, "to": 1}, ["GROUND_FAULT"], id="from nothing"),
        pytest.param({"col": "DCEvt_2", "from": 0, "to": 1 << 15}, ["ARC_DETECTION"], id="an arc"),
        pytest.param({"col": "Evt1", "from": 1, "to": 0}, [], id="it is over"),
        pytest.param({"col": "Evt1", "from": 1, "to": None}, [], id="it is not known any more"),
        pytest.param({"col": "Evt1", "from": 1, "to": 3}, [], id="it was told before"),
        pytest.param({"col": "Evt1", "from": 0, "to": 1 << 7}, [], id="heat of an inverter"),
        pytest.param(
            {"col": "BatEvt1", "from": 1 << 2, "to": 1 << 2 | 1 << 1 | 1 << 20},
            ["BATTERY_CONTACTOR", "BATTERY_OVER_TEMP"],
            id="two of a battery at once",
        ),
        pytest.param({"col": "BatEvt1", "from": 0, "to": 1 << 9}, [], id="waits for the grid"),
        pytest.param({"col": "St", "from": 4, "to": 7}, [], id="a state is no bit"),
        pytest.param({"col": "EvtVnd1", "from": 0, "to": 1}, [], id="a maker's own"),
    ],
)
def test_hazards_of_an_event(change, issues):
    event = event_of(kind="alarm", **change)
    found = hazards_in(event, on=event.at.date())
    assert found == tuple(Danger(ISSUES[name], "SN-1", event.at) for name in issues)


@pytest.mark.parametrize(
    "serial", ["changed Evt1 from 0 to 1", "a device changed Evt1 from 0 to 1 of mine", "x from y"]
)
def test_a_serial_number_that_reads_like_an_event_stays_one(serial):
    quiet = event_of(serial, kind="alarm", col="Evt1", **{"from": 0, "to": 2})
    assert hazards_in(quiet, on=quiet.at.date()) == ()
    bad = event_of(serial, kind="alarm", col="Evt1", **{"from": 0, "to": 1})
    assert [one.serial for one in hazards_in(bad, on=bad.at.date())] == [serial]


@pytest.mark.rule("D-80")
def test_a_hazard_is_told_also_by_a_gateway_whose_clock_was_not_set():
    """It is of the instant at which it came in, which is the best that is known."""
    event = event_of(kind="alarm", col="Evt1", clk=0, **{"from": 0, "to": 1})
    assert hazards_in(event, on=DAY) == (Danger(ISSUES["GROUND_FAULT"], "SN-1", SINCE),)


def test_an_event_of_another_kind_tells_no_hazard():
    assert hazards_in(event_of(kind="state", **{"from": 0, "to": 5}), on=DAY) == ()
    assert hazards_in(Event("X", "case_opened", SINCE, "sweep"), on=DAY) == ()
    says = "device SN changed Evt1 from 0 to 1"
    assert hazards_in(Event("X", "case_opened", SINCE, "sweep", says=says), on=DAY) == ()
