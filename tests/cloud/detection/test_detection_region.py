"""A region's days, rolled on from what is stored: the same by every way that leads there."""

import random  # noqa: TID251 - its seed is drawn, and shown when it fails
from dataclasses import replace
from datetime import date, timedelta

import pytest
from detection_region import A_DAY, CLEAR_WH, START, a_baseline, wobble
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.detection.packed import packed, packed_day
from cloud.detection.policy import OPEN_DAYS, RECENT_DAYS
from cloud.detection.region import Member, Packed, Rolled, digest_of, rolled
from cloud.detection.verdict import Reason
from cloud.telemetry.models import DayOfEnergy, PvEnergySource

HOMES, ILL = 7, "S3"
SPARE = 10
"""Days that are kept beyond the open ones."""
OPEN, RECENT = OPEN_DAYS.on(START), RECENT_DAYS.on(START)
NAMES = tuple(f"S{n}" for n in range(HOMES))

Days = dict[tuple[str, int], DayOfEnergy]
"""Site and number of the day -> what was measured."""


def day_of(number: int) -> date:
    return START + number * A_DAY


def fact(name: str, number: int, share: float = 0.9, **facts) -> DayOfEnergy:
    day = day_of(number)
    made = DayOfEnergy(day, round(CLEAR_WH * share * wobble(name, day)), 1.0)
    return replace(made, **facts)


def a_street(days: int, names=NAMES) -> Days:
    """Give days on which a home loses a third from the twentieth on."""
    return {
        (name, number): fact(name, number, 0.6 if name == ILL and number >= 20 else 0.9)
        for name in names
        for number in range(days)
    }


class Rolling:
    """A region that is judged as sweeps do: what is left is packed, kept, and rolled on."""

    def __init__(self, days: Days) -> None:
        self.days = days
        self.kept: dict[str, Packed] = {}
        self.verdicts: dict[tuple[str, int], object] = {}
        self.last: Rolled

    def members(self, through: int) -> dict[str, Member]:
        names = sorted({name for name, _ in self.days})
        return {
            name: Member(
                baseline=a_baseline(name, east_km=int(name[1:])),
                rated_w=8000,
                commissioned_on=day_of(min(n for one, n in self.days if one == name)),
                rows=self.rows(name, through),
                before=self.kept.get(name, Packed()),
            )
            for name in names
        }

    def rows(self, name: str, through: int):
        """Give the packed days that are kept: some more than are open."""
        numbers = sorted(n for one, n in self.days if one == name and n <= through)
        return tuple(packed_day(self.days[name, n]) for n in numbers if n > through - OPEN - SPARE)

    def to(self, through: int, *, anew_from: int | None = None) -> "Rolling":
        """Judge up to a day, and keep what the next sweep needs."""
        members = self.members(through)
        anew = None if anew_from is None else day_of(anew_from)
        self.last = rolled(members, day_of(through), anew_from=anew)
        for day, verdicts in self.last.verdicts.items():
            for name, verdict in verdicts.items():
                self.verdicts[name, (day - START).days] = verdict
        self.kept = {name: self._packed(name, member) for name, member in members.items()}
        return self

    def _packed(self, name: str, member: Member) -> Packed:
        cells, days = {}, {}
        for which in ("settled", "recent", "latest"):
            standpoint = getattr(self.last, which)
            track = standpoint.tracks.get(name)
            cells[which], days[which] = (
                () if track is None else tuple(packed(track)),
                standpoint.day,
            )
        return Packed(
            **cells,
            older=digest_of(member.rows, after=days["settled"], until=days["recent"]),
            newer=digest_of(member.rows, after=days["recent"], until=days["latest"]),
        )

    def judged_now(self) -> list[int]:
        return [(day - START).days for day in self.last.verdicts]


def by_days(days: Days, through: int, first: int = 0) -> Rolling:
    rolling = Rolling(days)
    for number in range(first, through + 1):
        rolling.to(number)
    return rolling


def same(one: Rolling, other: Rolling) -> None:
    assert one.verdicts == other.verdicts
    assert one.kept == other.kept


@pytest.mark.rule("D-99")
@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_day_by_day_or_with_pauses_is_all_the_same(seed):
    """Sweeps may pause for as long as facts are kept beyond the open days."""
    dice = random.Random(seed)
    days = a_street(47)
    for key in dice.sample(sorted(days), len(days) // 20):
        del days[key]  # of some days nothing is known
    paused, every, through = Rolling(days), Rolling(days), -1
    while through < 46:
        before, through = through, min(through + dice.randint(1, SPARE), 46)
        paused.to(through)
        for number in range(before + 1, through + 1):
            every.to(number)
        assert paused.last.latest == every.last.latest
    same(paused, every)


@pytest.mark.rule("D-99")
def test_all_at_once_is_the_same_within_the_open_days():
    days = a_street(OPEN)
    same(Rolling(days).to(OPEN - 1), by_days(days, OPEN - 1))


@pytest.mark.rule("D-99a")
def test_a_usual_day_is_judged_alone_and_the_same_again_not_at_all():
    rolling = by_days(a_street(45), 40)
    assert rolling.judged_now() == [40]
    assert rolling.to(40).judged_now() == []
    assert rolling.to(41).judged_now() == [41]


@pytest.mark.rule("D-99")
@pytest.mark.rule("D-99a")
@pytest.mark.parametrize(
    ("number", "judged"),
    [
        pytest.param(40, range(36, 42), id="yesterday: since the recent days"),
        pytest.param(36, range(36, 42), id="the oldest recent day"),
        pytest.param(35, range(6, 42), id="the day before: all open days"),
        pytest.param(6, range(6, 42), id="the oldest open day"),
        pytest.param(5, [41], id="a settled day changes nothing"),
    ],
)
def test_what_changes_late_is_judged_as_if_it_had_been_known_in_time(number, judged):
    late, prompt = a_street(45), a_street(45)
    if number >= 6:
        del late["S1", number]
    rolling = by_days(late, 40)
    late["S1", number] = prompt["S1", number] if number >= 6 else fact("S1", number, 0.1)
    assert rolling.to(41).judged_now() == list(judged)
    same(rolling, by_days(prompt, 41))


@pytest.mark.rule("D-99")
def test_a_replay_judges_from_the_day_asked_for_or_a_little_before_and_gives_the_same():
    rolling = by_days(a_street(45), 40)
    before, verdicts = dict(rolling.kept), dict(rolling.verdicts)
    for first, judged in ((41, []), (40, range(36, 41)), (36, range(36, 41)), (35, range(6, 41))):
        assert rolling.to(40, anew_from=first).judged_now() == list(judged)
        assert rolling.kept == before
        assert rolling.verdicts == verdicts


@pytest.mark.rule("T-05")
def test_energy_from_elsewhere_is_a_scale_of_its_own_that_warms_up():
    days = a_street(40)
    for number in range(25, 40):
        days["S1", number] = replace(
            fact("S1", number, 0.75), pv_energy_source=PvEnergySource.INPUT_COUNTERS
        )
    rolling = by_days(days, 39)
    reasons = [rolling.verdicts["S1", number].reason for number in (24, 25, 30, 39)]
    assert reasons[0] is not Reason.WARM_UP
    assert reasons[1:3] == [Reason.WARM_UP] * 2
    assert reasons[3] is not Reason.WARM_UP
    assert not any(rolling.verdicts["S1", number].is_low for number in range(40))
    same(Rolling(days).to(20).to(39), rolling)


@pytest.mark.rule("T-05")
def test_a_day_of_unknown_energy_is_no_other_source():
    days = a_street(30)
    days["S1", 25] = replace(
        fact("S1", 25), pv_wh=None, pv_energy_source=PvEnergySource.INPUT_COUNTERS
    )
    rolling = by_days(days, 29)
    assert rolling.verdicts["S1", 26].reason is not Reason.WARM_UP


def test_a_site_that_joins_is_judged_from_its_first_day_and_harms_no_other():
    before = a_street(40)
    rolling = by_days(before, 30)
    others = dict(rolling.verdicts)
    rolling.days = before | {("S7", number): fact("S7", number) for number in range(31, 40)}
    for number in range(31, 40):
        assert rolling.to(number).judged_now() == [number]
    assert rolling.verdicts["S7", 31].reason is Reason.WARM_UP
    assert {key: rolling.verdicts[key] for key in others} == others
    assert rolling.verdicts[ILL, 39].is_low


def test_a_site_whose_first_days_come_late_is_judged_from_them():
    days = a_street(40)
    rolling = by_days(days, 30)
    rolling.days = days | {("S7", number): fact("S7", number) for number in range(20, 40)}
    rolling.to(31)
    assert rolling.judged_now()[0] <= 20
    assert rolling.verdicts["S7", 20].reason is Reason.WARM_UP
    assert rolling.to(32).judged_now() == [32]


def test_a_site_that_leaves_takes_nobody_with_it():
    days = a_street(40)
    rolling = by_days(days, 30)
    rolling.days = {key: one for key, one in days.items() if key[0] != "S6"}
    del rolling.kept["S6"]
    assert rolling.to(31).judged_now() == [31]
    assert rolling.verdicts[ILL, 31].is_low


def test_tracks_of_another_format_are_judged_anew_from_the_days_that_are_kept():
    days = a_street(30)
    rolling = by_days(days, 24)
    for name, one in rolling.kept.items():
        whole = {"settled": one.settled, "recent": one.recent, "latest": one.latest}
        old = {which: (1, *cells[1:-1]) for which, cells in whole.items() if cells}
        rolling.kept[name] = replace(one, **old)
    assert rolling.to(25).judged_now() == list(range(26))
    same(rolling, by_days(days, 25))


def test_a_region_of_which_nothing_is_known_has_no_days():
    members = Rolling(a_street(1)).members(0)
    silent = {name: replace(one, rows=()) for name, one in members.items()}
    found = rolled(silent, day_of(10))
    assert (found.latest.day, found.verdicts) == (None, {})
    assert rolled({}, day_of(10)).verdicts == {}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(1, 10**6))
def test_a_digest_tells_of_a_change_within_its_days_and_of_no_other(changed, after, length, more):
    days = [packed_day(fact("S1", number)) for number in range(31)]
    until = after + length
    other = list(days)
    energy = (days[changed][1] or 0) + more
    other[changed] = (days[changed][0], energy, *days[changed][2:])
    span = {"after": day_of(after), "until": day_of(until)}
    is_within = after < changed <= until
    assert (digest_of(days, **span) != digest_of(other, **span)) is is_within
    assert digest_of(days, after=None, until=None) == ""


def test_three_days_of_a_home_that_lost_a_third_are_low():
    rolling = by_days(a_street(30), 24)
    low = [n for n in range(25) if rolling.verdicts[ILL, n].is_low]
    assert low[:3] == [20, 21, 22]
    opened = rolling.last.latest.tracks[ILL].standing.case_on
    assert opened == START + timedelta(days=22)
