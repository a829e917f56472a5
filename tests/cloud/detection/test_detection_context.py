from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from math import cos, radians

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.detection.codes import GRID_DISCONNECT, INV_OFF, is_due
from cloud.detection.context import confirmed
from cloud.detection.daylight import Place
from cloud.detection.hours import SiteHour, hours_of, packed_hours, unpacked_hours
from cloud.detection.issues import Observed, observe
from cloud.detection.models import IssueClock
from cloud.detection.outages import GridOutage, cells_of, grid_outages, is_grid_out, merged
from cloud.detection.rules import moved
from cloud.telemetry.models import Sample

RALEIGH = Place(35.7, -78.6)
NOW = datetime(2026, 6, 8, 18, tzinfo=UTC)
SINCE = NOW - timedelta(hours=8)
LAST = int(NOW.timestamp()) // 3600 - 1
"""The hour that ends now; LAST - 7 is the first since the last evaluation."""
ASLEEP, UNREACHABLE = 1, 2
NEIGHBOURS = tuple(f"n{number}" for number in range(6))


def at(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)


def samples(hour: int, columns, quality: int = 0, count: int = 4, **more) -> list[Sample]:
    step = timedelta(hours=1) / count
    return [Sample(at(hour) + step * n, quality, columns, **more) for n in range(count)]


def hours(devices, **more) -> tuple[SiteHour, ...]:
    window = {"since": SINCE, "now": NOW, "rated_w": 8000, "place": RALEIGH}
    return hours_of(devices, **{**window, **more})


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        pytest.param({"a": samples(LAST, {"St": 4, "W": 800})}, (100, False, False), id="running"),
        pytest.param(
            {"a": samples(LAST, {"W": 800}), "b": samples(LAST, {"W": 400})},
            (150, False, False),
            id="two inverters",
        ),
        pytest.param(
            {"a": samples(LAST, {"W": 800}), "b": samples(LAST, {"St": 4, "W": None})},
            (None, False, False),
            id="one of two does not tell its power",
        ),
        pytest.param(
            {"a": samples(LAST, {"W": 800}), "b": samples(LAST - 1, {"W": 400})},
            (None, False, False),
            id="one of two is silent",
        ),
        pytest.param(
            {"a": samples(LAST, {"W": 800}), "bat": samples(LAST, {"SoC": 5}, layout="1.802")},
            (100, False, False),
            id="a battery is no inverter",
        ),
        pytest.param({"a": samples(LAST, {"W": -8})}, (0, False, False), id="it draws power"),
        pytest.param({"a": samples(LAST, {"St": 1}, ASLEEP)}, (None, True, False), id="off"),
        pytest.param(
            {"a": samples(LAST, {"St": 1}, ASLEEP), "b": samples(LAST, {"St": 4, "W": 800})},
            (None, True, False),
            id="one of two is off",
        ),
        pytest.param({"a": samples(LAST, {"Evt1": 0, "W": 80})}, (10, False, True), id="awake"),
        pytest.param(
            {"a": samples(LAST, {"Evt1": 0, "W": 0}, ASLEEP)}, (0, False, False), id="asleep"
        ),
    ],
)
def test_an_hour_of_a_site(devices, said):
    found = [hour for hour in hours(devices) if hour.hour == LAST]
    assert [(one.power_permille, one.is_off, one.is_awake) for one in found] == [said]
    assert not found[0].is_grid_lost


def test_what_an_hour_says_of_the_grid():
    codes = samples(LAST, {"Evt1": 1 << 4 | 1 << 11 | 1, "W": 0})
    assert hours({"a": codes})[0].grid == ("AC_UNDER_VOLT", "GRID_DISCONNECT")
    assert hours({"a": samples(LAST, {"St": 1, "Evt1": 1 << 4}, ASLEEP)})[0].is_grid_lost


def test_hours_are_those_that_ended_since_the_last_evaluation_or_shortly_before():
    rows = [row for hour in range(LAST - 20, LAST + 3) for row in samples(hour, {"W": 800})]
    assert [one.hour for one in hours({"a": rows})] == list(range(LAST - 11, LAST + 1))


def test_an_hour_in_which_nothing_was_heard_is_left_out():
    assert hours({"a": samples(LAST, {}, UNREACHABLE, layout="1.103")}) == ()


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_and_duplicates_change_no_hour(shuffled):
    rows = samples(LAST, {"W": 800}) + samples(LAST - 1, {"St": 1}, ASLEEP)
    mixed = [*rows, *rows[::3]]
    shuffled.shuffle(mixed)
    assert hours({"a": mixed}) == hours({"a": rows})


def test_hours_are_kept_and_given_back():
    told = (
        SiteHour(LAST, None, is_off=True),
        SiteHour(LAST + 1, 500, is_awake=True, grid=("AC_OVER_VOLT", "GRID_DISCONNECT")),
    )
    assert unpacked_hours([list(row) for row in packed_hours(told)]) == told


def lit(*powers: int | None, hour: int = LAST) -> dict[str, list[SiteHour]]:
    return {name: [SiteHour(hour, power)] for name, power in zip(NEIGHBOURS, powers, strict=False)}


def off(*hours_off: int) -> list[SiteHour]:
    return [SiteHour(hour, 0, is_off=True) for hour in hours_off]


CANDIDATE = Observed(INV_OFF, SINCE - timedelta(hours=3), was_good=False, devices=("inv",))


def asked(own, others, one=CANDIDATE, outages=()):
    found = confirmed(
        {"home": [one]},
        {"home": own, **others},
        {"home": NEIGHBOURS},
        outages,
        since=SINCE,
        now=NOW,
    )
    return found["home"][0]


@pytest.mark.rule("D-83")
@pytest.mark.rule("D-61")
@pytest.mark.parametrize(
    ("powers", "is_issue"),
    [
        pytest.param((500, 400, 300, 200, 150), True, id="five neighbours that produce"),
        pytest.param((500, 400, 300, 200), False, id="four are too few"),
        pytest.param((500, 400, 300, 200, None), False, id="four and a silent one"),
        pytest.param((500, 400, 101, 0, 0), True, id="the middle just above a tenth"),
        pytest.param((500, 400, 100, 0, 0), False, id="the middle on a tenth"),
        pytest.param((900, 900, 99, 0, 0), False, id="the middle just below a tenth"),
        pytest.param((0, 0, 0, 0, 0, 0), False, id="all are dark"),
        pytest.param((), False, id="nobody is known"),
    ],
)
def test_an_inverter_is_off_only_beside_neighbours_that_run(powers, is_issue):
    seen = asked(off(LAST), lit(*powers))
    assert seen.bad_since == (at(LAST) if is_issue else None)
    assert seen.devices == (("inv",) if is_issue else ())
    assert not seen.was_good


def all_day(power: int = 500) -> dict[str, list[SiteHour]]:
    return {
        name: [SiteHour(hour, power) for hour in range(LAST - 30, LAST + 1)] for name in NEIGHBOURS
    }


@pytest.mark.rule("D-83")
@pytest.mark.parametrize(
    ("own", "begins"),
    [
        pytest.param(off(LAST - 2, LAST - 1, LAST), LAST - 2, id="since two hours before"),
        pytest.param(off(*range(LAST - 11, LAST + 1)), LAST - 10, id="since its first sample"),
        pytest.param(off(LAST - 9, LAST), LAST - 9, id="with silence between"),
        pytest.param(
            [*off(LAST - 9), SiteHour(LAST - 8, 300), *off(LAST)], LAST, id="it ran between"
        ),
        pytest.param(
            [*off(LAST - 9), SiteHour(LAST - 8, 0), *off(LAST)], LAST - 9, id="dark between"
        ),
        pytest.param(off(LAST - 9, LAST - 8), None, id="only before the last evaluation"),
        pytest.param(off(LAST + 1), None, id="the hour is not over"),
    ],
)
def test_an_inverter_is_off_since_the_first_hour_that_counts(own, begins):
    seen = asked(own, all_day())
    assert seen.bad_since == (None if begins is None else at(begins))


def test_the_night_before_does_not_count_though_the_inverter_was_off_in_it():
    others = all_day()
    for name in NEIGHBOURS:
        others[name] = [
            SiteHour(one.hour, 0 if one.hour < LAST - 2 else 500) for one in others[name]
        ]
    assert asked(off(*range(LAST - 8, LAST + 1)), others).bad_since == at(LAST - 2)


def test_an_inverter_that_ran_later_was_good_where_its_rest_does_not_count():
    ran = Observed(INV_OFF, SINCE, was_good=True, devices=("inv",))
    seen = asked([*off(LAST - 7), SiteHour(LAST, 300)], lit(0, 0, 0, 0, 0, hour=LAST - 7), ran)
    assert (seen.bad_since, seen.was_good) == (None, True)


def test_what_needs_no_neighbours_stays_as_it_is():
    fault = Observed("INV_FAULT", SINCE, was_good=False, devices=("inv",))
    assert asked([], {}, fault) == fault
    well = Observed(INV_OFF, None, was_good=True)
    assert asked(off(LAST), all_day(), well) == well


def lost(hour: int, name: str = GRID_DISCONNECT) -> SiteHour:
    return SiteHour(hour, 0, is_awake=True, grid=(name,))


GRID = Observed(GRID_DISCONNECT, at(LAST - 3), was_good=True, devices=("inv",))


def outage(*of_hours: int) -> GridOutage:
    return GridOutage("cell", of_hours, ("home", *NEIGHBOURS), NEIGHBOURS)


@pytest.mark.rule("D-84")
@pytest.mark.parametrize(
    ("own", "out", "begins", "was_good"),
    [
        pytest.param([lost(LAST - 3), lost(LAST)], [], LAST - 3, True, id="its own fault"),
        pytest.param([lost(LAST - 3), lost(LAST)], [LAST - 3, LAST], None, False, id="the grid's"),
        pytest.param([lost(LAST - 3), lost(LAST)], [LAST - 3], LAST, True, id="not back with it"),
        pytest.param([lost(LAST, "AC_OVER_VOLT")], [], None, True, id="another code"),
    ],
)
def test_the_grid_is_the_homes_fault_only_outside_of_an_outage(own, out, begins, was_good):
    seen = asked(own, {}, GRID, [outage(*out)] if out else [])
    since = None if begins is None else at(begins)
    assert (seen.bad_since, seen.was_good) == (since, was_good)


@pytest.mark.rule("D-84")
def test_an_inverter_that_is_off_in_an_outage_is_not_its_own_fault():
    assert asked(off(LAST), all_day(), CANDIDATE, [outage(LAST)]).bad_since is None
    assert asked(off(LAST - 1, LAST), all_day(), CANDIDATE, [outage(LAST - 1)]).bad_since == at(
        LAST
    )


def town(states: str, hour: int = LAST) -> dict[str, list[SiteHour]]:
    """X lost the grid, o is awake, z asleep, _ silent."""
    said = {
        "X": [lost(hour)],
        "o": [SiteHour(hour, 500, is_awake=True)],
        "z": [SiteHour(hour, 0)],
        "_": [],
    }
    return {f"s{number:02}": said[state] for number, state in enumerate(states)}


@pytest.mark.rule("D-84")
@pytest.mark.parametrize(
    ("states", "is_out"),
    [
        pytest.param("XXXooooooo", False, id="three of ten are not more than 30 %"),
        pytest.param("XXXXoooooo", True, id="four of ten"),
        pytest.param("XXXoooooo", True, id="three of nine"),
        pytest.param("XXooo", True, id="two of five"),
        pytest.param("XXoo", False, id="four homes are too few to tell"),
        pytest.param("XXooo" + "_" * 20, True, id="the silent are not asked: they have no power"),
        pytest.param("XXooo" + "z" * 20, True, id="nor are those asleep"),
        pytest.param("ooooo", False, id="all is well"),
        pytest.param("XXXXX", True, id="all of them"),
    ],
)
def test_an_outage_is_what_many_see_in_one_hour(states, is_out):
    hours_ = town(states)
    found = grid_outages(hours_, {"cell": tuple(hours_)})
    assert bool(found) is is_out
    for one in found:
        assert one.hours == (LAST,)
        assert one.sites == tuple(hours_)
        assert one.shown_by == tuple(f"s{n:02}" for n, state in enumerate(states) if state == "X")
        assert f"{states.count('X')} of {len(states)} homes" in one.says


def test_two_homes_that_lose_the_grid_at_different_hours_are_no_outage():
    hours_ = {
        name: [
            lost(hour)
            if (name, hour) in {("s0", LAST - 1), ("s1", LAST)}
            else SiteHour(hour, 500, is_awake=True)
            for hour in (LAST - 1, LAST)
        ]
        for name in ("s0", "s1", "s2", "s3", "s4")
    }
    assert grid_outages(hours_, {"cell": tuple(hours_)}) == ()


@pytest.mark.rule("D-84a")
@pytest.mark.parametrize(
    ("first", "second", "outages"),
    [
        pytest.param(LAST - 1, LAST, 1, id="the next hour"),
        pytest.param(LAST - 17, LAST, 1, id="sixteen hours of silence between"),
        pytest.param(LAST - 18, LAST, 2, id="seventeen"),
    ],
)
def test_an_outage_goes_on_through_a_night(first, second, outages):
    found = merged([outage(second), outage(first)])
    assert len(found) == outages
    assert found[0].hours[0] == first
    assert merged([*found, outage(second)]) == found


def test_outages_of_two_cells_stay_two():
    other = GridOutage("other", (LAST,), ("x",), ("x",))
    assert merged([outage(LAST), other]) == (outage(LAST), other)


@pytest.mark.rule("D-80")
@pytest.mark.parametrize(
    ("own", "outages", "is_out"),
    [
        pytest.param([SiteHour(LAST, 5)], [], False, id="nothing"),
        pytest.param([], [outage(LAST)], True, id="an outage of its cell"),
        pytest.param([], [outage(LAST - 20)], False, id="one that is over"),
        pytest.param([], [GridOutage("far", (LAST,), ("x",), ("x",))], False, id="of another cell"),
        pytest.param([lost(LAST)], [], True, id="its own inverter is cut off"),
        pytest.param([lost(LAST, "AC_OVER_VOLT")], [], False, id="too high a voltage is no outage"),
    ],
)
def test_whether_the_grid_is_out_at_a_home(own, outages, is_out):
    assert is_grid_out("home", own, outages, since=SINCE, now=NOW) is is_out


@pytest.mark.rule("D-85")
def test_cells_are_squares_that_widen_until_there_are_enough_sites():
    east = 111.2 * cos(radians(35.7))
    town_ = {f"t{n}": Place(35.701, -78.60 + n / 1000) for n in range(6)}
    village = {f"v{n}": Place(36.5, -78.60 + 5 * n / east) for n in range(5)}
    farm = {"farm": Place(40, -100)}
    cells = cells_of({**town_, **village, **farm}, now=NOW)
    sites = sorted(cells.values())
    assert sites[0] == ("farm",)
    assert sites[1] == tuple(sorted(town_))
    assert sorted(name for names in sites[2:] for name in names) == sorted(village)
    assert {name.partition("km")[0] for name in cells} <= {"12", "25", "50"}


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=3),
        st.builds(Place, st.floats(-60, 70), st.floats(-180, 180)),
    )
)
def test_every_site_is_in_one_cell(places):
    cells = cells_of(places, now=NOW)
    assert sorted(name for names in cells.values() for name in names) == sorted(places)
    turned = dict(reversed(places.items()))
    assert cells_of(turned, now=NOW) == cells


ZONE = timezone(timedelta(hours=-5))
FIRST = datetime(2026, 6, 1, tzinfo=ZONE)


def inverter(hour: float, *, is_off: bool, power: int = 4000) -> tuple[dict[str, int], int]:
    is_day = 6 <= hour % 24 < 18
    if is_off or not is_day:
        return {"St": 2, "W": 0, "Evt1": 0}, ASLEEP
    return {"St": 4, "W": power, "Evt1": 0}, 0


def street_told(says, days: int) -> list[float]:
    """Give after how many hours the first home is told of, by samples alone, three times a day."""
    names = ["home", *NEIGHBOURS]
    rows: dict[str, list[Sample]] = {name: [] for name in names}
    clocks: dict[str, IssueClock | None] = dict.fromkeys(names)
    told, instant = [], FIRST - timedelta(hours=3)
    for day in range(days):
        for evaluated in (5, 13, 21):
            now = FIRST + timedelta(days=day, hours=evaluated)
            window = {"since": now - timedelta(hours=8), "now": now}
            while instant <= now:
                for name in names:
                    columns, quality = says(name, (instant - FIRST).total_seconds() / 3600)
                    rows[name].append(Sample(instant.astimezone(UTC), quality, columns))
                instant += timedelta(minutes=30)
            seen, said = {}, {}
            for name in names:
                clock = clocks[name]
                devices = {f"SN-{name}": rows[name]}
                running = {INV_OFF: clock.devices} if clock else {}
                seen[name] = observe(devices, running=running, place=RALEIGH, **window)
                said[name] = hours_of(devices, rated_w=8000, place=RALEIGH, **window)
            near = {name: [other for other in names if other != name] for name in names}
            outages = grid_outages(said, {"cell": names})
            for name, found in confirmed(seen, said, near, outages, **window).items():
                one = next((one for one in found if one.family == INV_OFF), None)
                if one is None:
                    continue
                clock = moved(
                    clocks[name],
                    family=INV_OFF,
                    bad_since=one.bad_since,
                    was_good=one.was_good,
                )
                clocks[name] = clock and replace(clock, devices=one.devices or clock.devices)
                if (
                    clock
                    and not clock.good_evaluations
                    and is_due(INV_OFF, since=clock.since, now=now)
                ):
                    told.append((name, (now - FIRST).total_seconds() / 3600))
    assert {name for name, _ in told} <= {"home"}
    return [hours for _, hours in told]


@pytest.mark.rule("D-12")
@pytest.mark.rule("D-83")
@pytest.mark.parametrize(
    ("says", "told"),
    [
        pytest.param(
            lambda name, hour: inverter(hour, is_off=name == "home" and hour >= 10),
            [61, 69],
            id="off since ten: through two nights, until the third day at one",
        ),
        pytest.param(
            lambda name, hour: inverter(hour, is_off=name == "home" and hour >= 13),
            [69],
            id="off since one: exactly 48 hours later it is not told yet",
        ),
        pytest.param(
            lambda name, hour: inverter(hour, is_off=name == "home" and 10 <= hour < 34),
            [],
            id="off for a day",
        ),
        pytest.param(
            lambda name, hour: inverter(hour, is_off=name == "home" and hour >= 10, power=300),
            [],
            id="off while all others are under snow",
        ),
        pytest.param(lambda name, hour: inverter(hour, is_off=hour >= 10), [], id="all are off"),
        pytest.param(
            lambda name, hour: inverter(hour, is_off=name == "home" and not 11 <= hour % 24 < 14),
            [61, 69],
            id="flapping: it runs at noon only, every day",
        ),
    ],
)
def test_an_inverter_that_is_off_is_told_like_any_other_issue(says, told):
    assert street_told(says, days=3) == told
