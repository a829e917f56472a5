import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.detection.codes import CLOCK_SKEW, COMMS_LOSS, COMMS_LOSS_DEVICE, DERATE, INV_OFF, is_due
from cloud.detection.daylight import Place
from cloud.detection.issues import Observed, advice, awaits_neighbours, observe
from cloud.detection.meters import Arrived
from cloud.detection.models import IssueClock
from cloud.detection.rules import moved
from cloud.detection.standstill import off_in_daylight
from cloud.telemetry.models import Sample

RALEIGH = Place(35.7, -78.6)

NOW = datetime(2026, 6, 8, 18, tzinfo=UTC)
"""An hour after noon."""
SINCE = NOW - timedelta(hours=8)
OK, ASLEEP, UNREACHABLE, PARTIAL, SUSPECT, FAULTED = range(6)
FAULT = {"St": 7, "W": 0}
WELL = {"St": 4, "W": 900}
BATTERY_WELL = {"BatSt": 3, "SoC": 500}


def row(hours_ago: float, columns, quality: int = OK) -> Sample:
    return Sample(NOW - timedelta(hours=hours_ago), quality, columns)


def told(devices, running=(), family="INV_FAULT", **more) -> Observed:
    clocks = {family: running} if running else {}
    found = observe(devices, running=clocks, since=SINCE, now=NOW, place=RALEIGH, **more)
    seen = {one.family: one for one in found}
    return seen.get(family, Observed(family, None, was_good=False))


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
    seen = observe({"inverter": rows}, running={}, since=SINCE, now=NOW, place=RALEIGH)
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
    ],
)
def test_silence_is_an_issue_of_its_own(devices):
    seen = observe(devices, running={"INV_FAULT": ["inv"]}, since=SINCE, now=NOW, place=RALEIGH)
    assert seen == (Observed(COMMS_LOSS, SINCE, was_good=False),)


@pytest.mark.parametrize(
    "devices",
    [
        pytest.param({"inv": [row(1, {"St": 2}, ASLEEP)]}, id="asleep"),
        pytest.param({"inv": [row(1, {}, UNREACHABLE)]}, id="the gateway speaks of a silent one"),
    ],
)
def test_a_site_of_which_anything_is_told_is_heard(devices):
    seen = told(devices, family=COMMS_LOSS)
    assert (seen.bad_since, seen.was_good) == (None, True)


@pytest.mark.rule("D-82")
@pytest.mark.parametrize(
    ("rows", "begins", "was_good"),
    [
        pytest.param([row(3, {}, UNREACHABLE), row(1, {}, UNREACHABLE)], 3, False, id="by day"),
        pytest.param([row(7.5, {}, UNREACHABLE)], None, False, id="before the sun stands high"),
        pytest.param(
            [row(3, WELL), row(2, {}, UNREACHABLE)], None, True, id="a reply that was missed"
        ),
        pytest.param(
            [row(12, {}, UNREACHABLE), row(3, {}, UNREACHABLE)], 3, False, id="silent since night"
        ),
        pytest.param(
            [row(20, {}, UNREACHABLE), row(12, {}, UNREACHABLE), row(3, {}, UNREACHABLE)],
            20,
            False,
            id="silent since the evening",
        ),
        pytest.param(
            [row(20, {}, UNREACHABLE), row(12, {"St": 2}, ASLEEP), row(3, {}, UNREACHABLE)],
            3,
            False,
            id="heard in the night",
        ),
    ],
)
def test_a_device_that_does_not_answer_by_day_is_lost(rows, begins, was_good):
    seen = told({"inv": rows, "bat": [row(1, BATTERY_WELL)]}, ["inv"], COMMS_LOSS_DEVICE)
    since = None if begins is None else NOW - timedelta(hours=begins)
    assert (seen.bad_since, seen.was_good) == (since, was_good)
    assert seen.devices == (() if begins is None else ("inv",))


def every_quarter(columns, *, hours: tuple[float, float], quality: int = OK, **models):
    """Give samples from some hours ago until fewer hours ago, the latter left out."""
    first, last = hours
    steps = range(round((first - last) * 4))
    return [
        Sample(NOW - timedelta(hours=first - step / 4), quality, columns, **models)
        for step in steps
    ]


OFF = {"St": 1, "W": 0}


@pytest.mark.rule("D-82")
@pytest.mark.parametrize(
    ("rows", "begins"),
    [
        pytest.param(every_quarter(OFF, hours=(4, 0), quality=ASLEEP), 4, id="off for hours"),
        pytest.param(every_quarter({"St": 2}, hours=(4, 0), quality=ASLEEP), 4, id="sleeping"),
        pytest.param(every_quarter({"St": 8, "W": 0}, hours=(4, 0)), 4, id="standing by"),
        pytest.param(every_quarter({"InvSt": 2, "W": 0}, hours=(4, 0)), 4, id="starting for ever"),
        pytest.param(every_quarter({"InvSt": 0, "W": 0}, hours=(4, 0)), 4, id="off, model 701"),
        pytest.param(every_quarter(OFF, hours=(8, 7)), None, id="off in the night"),
        pytest.param(
            every_quarter(OFF, hours=(4, 3.5)) + every_quarter(WELL, hours=(3.5, 0)),
            None,
            id="off for less than an hour",
        ),
        pytest.param(every_quarter(OFF, hours=(0.5, 0)), 0.5, id="off at the end of the hour"),
        pytest.param(
            every_quarter({"St": 1, "W": 500}, hours=(4, 0)), None, id="off, and yet with power"
        ),
        pytest.param(every_quarter(FAULT, hours=(4, 0)), None, id="failed, which is no rest"),
        pytest.param(
            every_quarter({"InvSt": 7, "W": 0}, hours=(4, 0), layout="1.701.713"),
            None,
            id="the inverter of a battery alone",
        ),
        pytest.param(
            every_quarter({"InvSt": 7, "W": 0, "PrtTyp_1": 1}, hours=(4, 0)),
            None,
            id="a battery on its only port",
        ),
        pytest.param(
            every_quarter({"InvSt": 7, "PrtTyp_1": 1, "PrtTyp_2": 0}, hours=(4, 0)),
            4,
            id="a battery on one port and modules on another",
        ),
    ],
)
def test_an_inverter_that_is_off_by_day_is_a_candidate(rows, begins):
    seen = told({"inv": rows}, family=INV_OFF)
    assert seen.bad_since == (None if begins is None else NOW - timedelta(hours=begins))


@pytest.mark.rule("D-82")
def test_an_hour_that_is_not_over_is_no_hour_of_rest():
    now = NOW - timedelta(minutes=20)
    rows = every_quarter(OFF, hours=(4, 1 / 4), quality=ASLEEP)
    assert off_in_daylight(rows, now, RALEIGH) == {
        row.at for row in rows if row.at < NOW - timedelta(hours=1)
    }
    assert off_in_daylight(rows[-3:], now, RALEIGH) == frozenset()


def test_a_sample_that_shows_an_issue_does_not_deny_it():
    seen = told({"inv": [row(1, FAULT, FAULTED)]}, ["inv"])
    assert (seen.bad_since, seen.was_good) == (NOW - timedelta(hours=1), False)


@pytest.mark.parametrize(
    ("columns", "quality", "was_good"),
    [
        pytest.param(WELL, OK, True, id="running"),
        pytest.param({"InvSt": 4}, OK, True, id="held back is running as well"),
        pytest.param(FAULT, FAULTED, False, id="failed is not running"),
        pytest.param({"St": 6}, OK, False, id="shutting down"),
        pytest.param({"St": 2}, ASLEEP, False, id="asleep before an hour of it is over"),
    ],
)
def test_an_inverter_that_runs_is_not_off(columns, quality, was_good):
    seen = told({"inv": [row(8 - 1 / 60, columns, quality)]}, ["inv"], INV_OFF)
    assert seen.was_good is was_good


@pytest.mark.parametrize(
    ("columns", "is_bad", "was_good"),
    [
        pytest.param({"InvSt": 4, "ThrotSrc": 0}, True, False, id="throttled by nothing"),
        pytest.param({"InvSt": 4, "LimEna": 0}, True, False, id="throttled, no limit is set"),
        pytest.param({"InvSt": 3, "ThrotSrc": 1 << 14}, True, False, id="derated"),
        pytest.param({"InvSt": 4, "ThrotSrc": 1 << 14 | 1}, False, False, id="derated and limited"),
        pytest.param({"InvSt": 4, "ThrotSrc": 1 << 5}, False, False, id="the grid asks for less"),
        pytest.param({"St": 5, "LimEna": 1}, False, False, id="a limit is set"),
        pytest.param({"St": 5, "LimEna": 1, "LimPct": 500}, False, False, id="a limit of half"),
        pytest.param({"St": 5, "LimEna": 1, "LimPct": 1000}, True, False, id="a limit of 100 %"),
        pytest.param({"St": 5}, False, False, id="it tells of no limits"),
        pytest.param({"St": 4}, False, True, id="running"),
        pytest.param({"InvSt": 3, "ThrotSrc": 0}, False, True, id="running, nothing throttles"),
    ],
)
def test_holding_back_without_a_limit(columns, is_bad, was_good):
    seen = told({"inv": [row(1, columns)]}, ["inv"], DERATE)
    assert (seen.bad_since is not None, seen.was_good) == (is_bad, was_good)


@pytest.mark.rule("D-81")
def test_heat_counts_the_hours_of_daylight_in_which_it_is_there():
    hot, cool = {"Evt1": 1 << 7}, {"Evt1": 0}
    day = every_quarter(hot, hours=(6, 5)) + every_quarter(cool, hours=(5, 4.5))
    rows = [*day, row(4.4, hot), *every_quarter(cool, hours=(4, 0))]
    seen = told({"a": rows, "b": every_quarter(hot, hours=(6, 5))}, family="OVER_TEMP")
    assert (seen.present_hours, seen.devices) == (2, ("a", "b"))
    night = told({"a": every_quarter(hot, hours=(8, 7.25))}, ["a"], "OVER_TEMP")
    assert (night.bad_since, night.was_good, night.present_hours) == (None, False, 0)


@pytest.mark.rule("D-90")
def test_every_hour_of_heat_is_counted_once_however_late_its_window_comes():
    rows = every_quarter({"Evt1": 1 << 7}, hours=(6, 0))
    counted = 0
    for hours in range(-6, 8):
        now = NOW + timedelta(hours=hours)
        found = observe(
            {"a": [row for row in rows if row.at <= now - timedelta(hours=2)]},
            running={"OVER_TEMP": ["a"]},
            since=now - timedelta(hours=1),
            now=now,
            place=RALEIGH,
        )
        counted += sum(one.present_hours for one in found)
    assert counted == 6


@pytest.mark.rule("D-90")
@pytest.mark.parametrize(
    ("hours_ago", "columns", "running", "is_bad"),
    [
        pytest.param(9, {"Evt1": 1}, (), True, id="an arc's window was on its way"),
        pytest.param(11.9, {"Evt1": 1}, (), True, id="almost four hours before"),
        pytest.param(12, {"Evt1": 1}, (), False, id="four hours before"),
        pytest.param(9, {"Evt1": 1}, ["inv"], False, id="it was known then"),
        pytest.param(9, {"Evt1": 2}, (), False, id="what is not told at once"),
    ],
)
def test_what_is_told_at_once_is_not_missed_between_two_evaluations(
    hours_ago, columns, running, is_bad
):
    family = "GROUND_FAULT" if columns["Evt1"] == 1 else "DC_OVER_VOLT"
    rows = [row(hours_ago, columns), row(1, {"Evt1": 0})]
    seen = told({"inv": rows}, running, family)
    assert (seen.bad_since is not None) is is_bad
    then_silent = told({"inv": rows[:1]}, running, family)
    assert (then_silent.bad_since is not None) is is_bad


@pytest.mark.rule("D-88")
@pytest.mark.parametrize(
    ("newest", "is_set", "is_bad"),
    [
        pytest.param(timedelta(0), True, False, id="in time"),
        pytest.param(timedelta(minutes=15), True, False, id="fifteen minutes ahead"),
        pytest.param(timedelta(minutes=15, seconds=1), True, True, id="more than that"),
        pytest.param(timedelta(days=-5), True, False, id="a back-fill that comes days late"),
        pytest.param(timedelta(days=-5), False, True, id="a clock that was never set"),
    ],
)
def test_a_clock_that_is_wrong(newest, is_set, is_bad):
    came = NOW - timedelta(hours=1)
    arrivals = [Arrived(came, came + newest, is_set)]
    seen = told({"inv": [row(1, WELL)]}, ["?"], CLOCK_SKEW, arrivals=arrivals)
    assert (seen.bad_since, seen.was_good) == (came if is_bad else None, True)


def test_a_gateway_from_the_future_is_not_lost():
    came = NOW - timedelta(hours=1)
    arrivals = [Arrived(came, NOW + timedelta(days=3), is_clock_set=True)]
    seen = told({"inv": [row(-72, WELL)]}, family=COMMS_LOSS, arrivals=arrivals)
    assert seen.bad_since is None


def test_chunks_of_before_say_nothing_of_the_clock_now():
    arrivals = [Arrived(SINCE, NOW, is_clock_set=False)]
    seen = told({"inv": [row(1, WELL)]}, ["?"], CLOCK_SKEW, arrivals=arrivals)
    assert (seen.bad_since, seen.was_good) == (None, False)


def test_codes_that_nobody_knows_are_advice_and_no_issue():
    rows = [row(2, {"Evt1": 1 << 27, "St": 77}), row(1, {"Evt1": 1 << 27})]
    assert advice({"inv": rows}, since=SINCE, now=NOW) == ("inv: Evt1 bit 27", "inv: St 77")
    assert advice({"inv": rows}, since=NOW, now=NOW) == ()
    seen = observe({"inv": rows}, running={}, since=SINCE, now=NOW, place=RALEIGH)
    assert seen == (Observed(COMMS_LOSS, None, was_good=True),)


def test_some_issues_await_the_neighbours():
    assert awaits_neighbours(INV_OFF)
    assert awaits_neighbours("AC_OVER_VOLT")
    assert not awaits_neighbours("INV_FAULT")
    assert not awaits_neighbours("a name from long ago")


SAMPLES = st.builds(
    row,
    st.integers(-4, 48).map(lambda quarters: quarters / 4),
    st.fixed_dictionaries(
        {},
        optional={
            "St": st.sampled_from([1, 4, 5, 7, 99]),
            "W": st.sampled_from([None, 0, 700]),
            "WH": st.sampled_from([10, 1000, 1300]),
            "Evt1": st.sampled_from([0, 1, 1 << 4, 1 << 7, 1 << 30]),
            "LimEna": st.sampled_from([0, 1]),
        },
    ),
    st.integers(0, 5),
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b"]), st.lists(SAMPLES, max_size=12, unique_by=lambda one: one.at)
    ),
    st.randoms(use_true_random=False),
)
def test_order_and_duplicates_change_nothing(devices, shuffled):
    running = {"INV_FAULT": ["a"], INV_OFF: ["b"], "GROUND_FAULT": ["c"]}
    mixed = {}
    for serial in sorted(devices, reverse=True):
        rows = [*devices[serial], *devices[serial][::2]]
        shuffled.shuffle(rows)
        mixed[serial] = rows
    window = {"running": running, "since": SINCE, "now": NOW, "place": RALEIGH}
    assert observe(mixed, **window) == observe(devices, **window)


class Home:
    """A home whose issue's clock is moved by evaluations, three a day, as a sweep does."""

    def __init__(self, name: str = "INV_FAULT") -> None:
        self.name = name
        self.clock: IssueClock | None = None
        self.hours = 0
        self.told_at: datetime | None = None

    def look(self, devices, since: datetime, now: datetime) -> None:
        running = {self.name: self.clock.devices} if self.clock else {}
        found = observe(devices, running=running, since=since, now=now, place=RALEIGH)
        for one in found:
            if one.family != self.name:
                continue
            clock = moved(
                self.clock, family=self.name, bad_since=one.bad_since, was_good=one.was_good
            )
            if clock is None:
                self.clock, self.hours = None, 0
                continue
            self.hours += one.present_hours
            self.clock = replace(clock, devices=tuple({*clock.devices, *one.devices}))
            due = is_due(self.name, since=clock.since, now=now, present_hours=self.hours)
            if due and clock.good_evaluations == 0 and self.told_at is None:
                self.told_at = now


ZONE = timezone(timedelta(hours=-5))
DAY_ONE = datetime(2026, 6, 1, tzinfo=ZONE)


def lived(home: Home, says, *, days: int = 8, first: datetime = DAY_ONE) -> float | None:
    """Give after how many hours from its first midnight something is told of a home."""
    rows: dict[str, list[Sample]] = {}
    instant = first - timedelta(hours=3)
    for day in range(days):
        for hour in (5, 13, 21):
            now = first + timedelta(days=day, hours=hour)
            while instant <= now:
                for serial, (columns, quality) in says((instant - first).total_seconds() / 3600):
                    known = rows.setdefault(serial, [])
                    known.append(Sample(instant.astimezone(UTC), quality, columns))
                instant += timedelta(minutes=30)
            home.look(rows, now - timedelta(hours=8), now)
    return None if home.told_at is None else (home.told_at - first).total_seconds() / 3600


def faulty(first, last=math.inf):
    def says(hour):
        return [("inv", (FAULT, FAULTED) if first <= hour < last else (WELL, OK))]

    return says


def by_turns(hour):
    return [("inv", (FAULT, FAULTED) if hour >= 6 and hour % 16 < 9 else (WELL, OK))]


def asleep_at_night(hour):
    if not 6 <= hour % 24 < 19:
        return [("inv", ({"St": 2}, ASLEEP))]
    return faulty(6)(hour)


def silent_from_noon(hour):
    return [("inv", ({}, UNREACHABLE))] if hour >= 12 else faulty(6)(hour)


def exchanged(hour):
    return [("old", (FAULT, FAULTED))] if hour < 30 else [("new", (WELL, OK))]


def exchanged_for_a_bad_one(hour):
    return [("old", (FAULT, FAULTED))] if hour < 30 else [("new", (FAULT, FAULTED))]


def other_of_two(hour):
    return [("a", (FAULT, FAULTED) if 6 <= hour < 8 else (WELL, OK)), ("b", (WELL, OK))]


@pytest.mark.rule("D-12")
@pytest.mark.rule("D-12a")
@pytest.mark.parametrize(
    ("says", "told_after"),
    [
        pytest.param(faulty(13.5), 69, id="47.5 hours at the evaluation before, then 55.5"),
        pytest.param(faulty(13), 69, id="exactly 48 hours are not longer"),
        pytest.param(faulty(12.5), 61, id="48 and a half"),
        pytest.param(faulty(6, 50), None, id="over before its 48 hours"),
        pytest.param(by_turns, 61, id="flapping: one good evaluation at a time ends nothing"),
        pytest.param(faulty(6, 9), None, id="over on the same day"),
        pytest.param(asleep_at_night, 61, id="nights say nothing, and count"),
        pytest.param(silent_from_noon, 61, id="silent: nothing tells that it is over"),
        pytest.param(exchanged, None, id="the device was exchanged"),
        pytest.param(exchanged_for_a_bad_one, 53, id="exchanged for one that fails as well"),
        pytest.param(other_of_two, None, id="the one of two that failed is well again"),
        pytest.param(lambda hour: [("inv", ({"St": 2}, ASLEEP))], None, id="asleep all along"),
    ],
)
def test_when_an_issue_is_told(says, told_after):
    assert lived(Home(), says) == told_after


@pytest.mark.rule("D-12")
@pytest.mark.parametrize(
    "first",
    [
        pytest.param(
            datetime(2026, 3, 7, tzinfo=ZONE), id="over the night that summer time begins"
        ),
        pytest.param(datetime(2026, 10, 31, tzinfo=ZONE), id="over the night that it ends"),
    ],
)
def test_summer_time_neither_shortens_nor_lengthens_48_hours(first):
    assert lived(Home(), faulty(12.5), first=first) == 61
    assert lived(Home(), faulty(13), first=first) == 69


@pytest.mark.rule("D-80")
def test_what_may_hurt_is_told_by_the_next_evaluation():
    def arcs(hour):
        return [("inv", ({"St": 4, "Evt1": int(30 <= hour < 30.5)}, OK))]

    assert lived(Home("GROUND_FAULT"), arcs) == 37


@pytest.mark.rule("D-81")
def test_heat_at_noon_is_told_when_its_hours_are_more_than_48():
    def hot(hour):
        return [("inv", ({"St": 4, "Evt1": (11 <= hour % 24 < 17) << 7}, OK))]

    assert lived(Home("OVER_TEMP"), hot, days=12) == 8 * 24 + 21
    assert lived(Home("OVER_TEMP"), hot, days=8) is None
