from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.detection.codes import STRING_MISSING, is_due
from cloud.detection.daylight import Place, first_light
from cloud.detection.rules import moved
from cloud.detection.strings import are_inputs_of, learned_shares, missing_inputs, strings_seen
from cloud.telemetry.models import DayOfEnergy

RALEIGH = Place(35.7, -78.6)
FIRST = date(2026, 5, 1)
DAY = timedelta(days=1)
WELL = {"SN/1": 10_000, "SN/2": 8_000, "SN/3": 2_000}
SHARES = {"SN/1": 0.5, "SN/2": 0.4, "SN/3": 0.1}


def a_day(inputs, number: int = 0, **more) -> DayOfEnergy:
    known = [wh for wh in inputs.values() if wh is not None]
    return DayOfEnergy(FIRST + number * DAY, sum(known), 1.0, inputs_wh=inputs, **more)


def days(*inputs) -> list[DayOfEnergy]:
    return [a_day(one, number) for number, one in enumerate(inputs)]


@pytest.mark.rule("D-63")
def test_shares_are_the_middle_of_the_first_good_days():
    warm_up = days(*[WELL] * 12, {**WELL, "SN/2": 100}, {**WELL, "SN/1": 100})
    assert learned_shares(warm_up[:13]) == {}
    assert learned_shares(warm_up) == pytest.approx(SHARES)
    dead = [a_day({**WELL, "SN/2": 0}, number) for number in range(14, 80)]
    assert learned_shares([*warm_up, *dead]) == pytest.approx(SHARES)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([], id="no days"),
        pytest.param([a_day({"SN/1": 9000}, n) for n in range(20)], id="a single input"),
        pytest.param([a_day({}, n) for n in range(20)], id="no inputs are told"),
        pytest.param([a_day({**WELL, "SN/1": None}, n) for n in range(20)], id="one is not known"),
        pytest.param([a_day(WELL, n, throttled_share=0.06) for n in range(20)], id="held back"),
        pytest.param([a_day(dict.fromkeys(WELL, 0), n) for n in range(20)], id="nothing was made"),
    ],
)
def test_days_that_teach_no_shares(said):
    assert learned_shares(said) == {}


def test_an_exchanged_device_is_learned_anew():
    old, new = {"A/1": 5000, "A/2": 5000}, {"B/1": 9000, "B/2": 1000}
    said = [*(a_day(old, n) for n in range(20)), *(a_day(new, n) for n in range(20, 34))]
    assert learned_shares(said[:-1]) == {}
    assert learned_shares(said) == pytest.approx({"B/1": 0.9, "B/2": 0.1})
    assert are_inputs_of(learned_shares(said), said[-1])
    assert not are_inputs_of(learned_shares(said), said[0])


@pytest.mark.rule("D-89")
@pytest.mark.rule("D-89b")
@pytest.mark.rule("D-70")
@pytest.mark.parametrize(
    ("inputs", "missing"),
    [
        pytest.param(WELL, (), id="all is well"),
        pytest.param({**WELL, "SN/2": 0}, ("SN/2",), id="a dead string"),
        pytest.param({"SN/1": 9400, "SN/2": 600, "SN/3": 0}, ("SN/3",), id="on the floor is not"),
        pytest.param({"SN/1": 9401, "SN/2": 599, "SN/3": 0}, ("SN/2", "SN/3"), id="just below it"),
        pytest.param({"SN/1": 90, "SN/2": 80, "SN/3": 20}, None, id="too dark for all"),
        pytest.param({"SN/1": 5000, "SN/2": 4999, "SN/3": 0}, (), id="too dark for the small one"),
        pytest.param({"SN/1": 5000, "SN/2": 5000, "SN/3": 0}, ("SN/3",), id="just light enough"),
        pytest.param(dict.fromkeys(WELL, 0), None, id="the whole site makes nothing"),
        pytest.param({**WELL, "SN/2": None}, None, id="one input is not known"),
        pytest.param({"SN/1": 10_000, "SN/3": 2_000}, None, id="one input is not told"),
        pytest.param({**WELL, "SN/4": 1}, None, id="an input that is new"),
        pytest.param({"NEW/1": 10_000, "NEW/2": 0}, None, id="another device"),
        pytest.param({}, None, id="nothing is told"),
    ],
)
def test_inputs_that_make_next_to_nothing(inputs, missing):
    assert missing_inputs(SHARES, a_day(inputs)) == missing


@pytest.mark.rule("D-70")
def test_a_day_that_was_held_back_says_nothing():
    dead = {**WELL, "SN/2": 0}
    assert missing_inputs(SHARES, a_day(dead, throttled_share=0.05)) == ("SN/2",)
    assert missing_inputs(SHARES, a_day(dead, throttled_share=0.051)) is None


@given(st.integers(1, 50), st.permutations(sorted(WELL)))
def test_size_and_order_of_the_roof_change_nothing(times, names):
    dead = {**WELL, "SN/2": 0}
    scaled = a_day({name: dead[name] * times for name in names})
    assert missing_inputs(SHARES, scaled) == ("SN/2",)
    assert missing_inputs({}, scaled) is None


def run(signs: str) -> list[DayOfEnergy]:
    """M the second string is missing, T the third one, B both, g good, u not known."""
    inputs = {
        "g": WELL,
        "M": {**WELL, "SN/2": 0},
        "T": {**WELL, "SN/3": 0},
        "B": {**WELL, "SN/2": 0, "SN/3": 0},
        "u": {**WELL, "SN/1": None},
    }
    return days(*(inputs[sign] for sign in signs))


def seen(signs: str, *, running=None, new: int = 1):
    said = run(signs)
    return strings_seen(
        SHARES,
        said,
        new={day.day for day in said[len(said) - new :]},
        running=running,
        place=RALEIGH,
        utc_offset_hours=-5,
    )


@pytest.mark.rule("D-89a")
@pytest.mark.parametrize(
    ("signs", "begins", "inputs"),
    [
        pytest.param("gM", None, (), id="one day"),
        pytest.param("gMM", 1, ("SN/2",), id="two days running"),
        pytest.param("gMMM", 1, ("SN/2",), id="three"),
        pytest.param("MgM", None, (), id="a good day between"),
        pytest.param("gMuM", 1, ("SN/2",), id="a day that says nothing between"),
        pytest.param("gMT", None, (), id="first the one, then the other"),
        pytest.param("MMgTT", 3, ("SN/3",), id="later another one"),
        pytest.param("gMBB", 1, ("SN/2", "SN/3"), id="one, and then another one as well"),
    ],
)
def test_a_string_is_missing_on_two_days_running(signs, begins, inputs):
    found = seen(signs)
    light = first_light(FIRST + (begins or 0) * DAY, RALEIGH, utc_offset_hours=-5)
    assert found.family == STRING_MISSING
    assert (found.bad_since, found.devices) == (light if begins is not None else None, inputs)
    assert not found.was_good


@pytest.mark.rule("D-89a")
def test_what_keeps_a_missing_string_and_what_ends_it():
    assert seen("MMg", running=("SN/2",)).was_good
    assert seen("MMgM", running=("SN/2",)).bad_since is not None
    assert seen("MMu", running=("SN/2",)) is None
    assert seen("MM", new=0, running=("SN/2",)) is None
    assert seen("MMg", new=0) is None
    assert seen("") is None
    assert seen("uu") is None


@pytest.mark.rule("D-12")
@pytest.mark.rule("D-89a")
def test_a_dead_string_is_told_on_its_third_day_and_over_after_two_good_ones():
    signs, clock, told, over = "gggMMMMMMgg", None, [], []
    for number in range(1, len(signs) + 1):
        said = run(signs[:number])
        for hour in (5, 13, 21):
            now = datetime(2026, 5, 1, 5, tzinfo=UTC) + timedelta(days=number, hours=hour)
            one = strings_seen(
                SHARES,
                said,
                new={said[-1].day} if hour == 5 else set(),
                running=clock.devices if clock else None,
                place=RALEIGH,
                utc_offset_hours=-5,
            )
            was = clock
            if one is not None:
                clock = moved(
                    clock, family=one.family, bad_since=one.bad_since, was_good=one.was_good
                )
                clock = clock and replace(clock, devices=one.devices or clock.devices)
            if was and not clock:
                over.append((number, hour))
            if (
                clock
                and not clock.good_evaluations
                and is_due(one.family if one else STRING_MISSING, since=clock.since, now=now)
            ):
                told.append((number, hour))
    assert told[0] == (5, 13)
    assert over == [(11, 5)]
