"""A region's days judged from what is stored of them, anew where a day became known late; pure."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from statistics import fmean, median
from typing import Any

from cloud.detection.baseline import Baseline
from cloud.detection.daily import Region, SiteDay, Track, judge_day, new_track
from cloud.detection.neighbours import neighbourhoods
from cloud.detection.packed import unpacked, unpacked_day
from cloud.detection.policy import OPEN_DAYS, RECENT_DAYS, SAMPLE_SHARE
from cloud.detection.terms import terms_on
from cloud.detection.verdict import Verdict
from cloud.telemetry.days import made_between
from cloud.telemetry.models import DayOfEnergy

_DAY = timedelta(days=1)
_COLD_DAYS = 4

Tracks = Mapping[str, Track]


@dataclass(frozen=True, slots=True)
class Packed:
    """A site's tracks as the sweep before left them, and what they were made of.

    Attributes:
        settled, recent, latest: after the day before the open days, before the recent ones, and
            after the last one; empty when there was no such day.
        older, newer: digests of the facts between `settled` and `recent`, and from there on.
    """

    settled: Sequence[Any] = ()
    recent: Sequence[Any] = ()
    latest: Sequence[Any] = ()
    older: str = ""
    newer: str = ""


@dataclass(frozen=True)
class Member:
    """A site among those that are judged together.

    Attributes:
        baseline: what it makes under a clear sky.
        rated_w: no counter rises faster than this.
        commissioned_on: its first day.
        rows: what was measured of it, oldest first, packed.
        before: what the sweep before left.
    """

    baseline: Baseline
    rated_w: int
    commissioned_on: date
    rows: Sequence[Sequence[Any]]
    before: Packed = field(default_factory=Packed)

    @cached_property
    def days(self) -> tuple[DayOfEnergy, ...]:
        """What was measured of it, oldest first."""
        return tuple(map(unpacked_day, self.rows))

    @cached_property
    def by_day(self) -> Mapping[date, DayOfEnergy]:
        """What was measured, by its day."""
        return {fact.day: fact for fact in self.days}


@dataclass(frozen=True, slots=True)
class Standpoint:
    """The tracks of all sites after a day; `day` is None before the first one."""

    day: date | None
    tracks: Tracks


@dataclass(frozen=True, slots=True)
class Rolled:
    """What became of a region: its standpoints, and the verdicts of the days judged this time."""

    settled: Standpoint
    recent: Standpoint
    latest: Standpoint
    verdicts: Mapping[date, Mapping[str, Verdict]]


def rolled(
    members: Mapping[str, Member], through: date, *, anew_from: date | None = None
) -> Rolled:
    """Judge a region's days up to one, from the newest standpoint that still holds (D-99, D-99a).

    A standpoint holds while the facts that it was made of are the same: a day that became known
    late is judged as if it had been known in time, and its neighbours' day with it. What is older
    than the open days is settled and stays. Day by day or all at once, the verdicts are the same.

    Args:
        members: the region's sites.
        through: the last day to judge, a closed one.
        anew_from: judge from this day on even where nothing changed: a replay.
    """
    days = _Days(members, through)
    settled, recent, latest = (_standpoint(members, name) for name in _NAMES)
    base = settled
    if _holds(members, settled.day, recent.day, "older", anew_from):
        base = recent
        if _holds(members, recent.day, latest.day, "newer", anew_from):
            base = latest
    settled_on = through - OPEN_DAYS.on(through) * _DAY
    recent_on = through - RECENT_DAYS.on(through) * _DAY
    passed = {base.day: base}
    verdicts = {}
    now = base
    for day in days.after(base.day, through):
        now, verdicts[day] = days.judged(now, day)
        passed[day] = now
    return Rolled(
        settled=passed.get(settled_on) or days.moved(settled, settled_on),
        recent=passed.get(recent_on) or days.moved(recent, recent_on),
        latest=now,
        verdicts=verdicts,
    )


_NAMES = ("settled", "recent", "latest")


def digest_of(rows: Sequence[Sequence[Any]], *, after: date | None, until: date | None) -> str:
    """Give what stands for the facts of a span: other facts give another text.

    Args:
        rows: packed days.
        after: the day before the span, None when it begins with the first day.
        until: its last day; of a span that is not there yet the text is empty.
    """
    if until is None:
        return ""
    first, last = after.toordinal() if after else 0, until.toordinal()
    told = repr([row for row in rows if first < row[0] <= last])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _standpoint(members: Mapping[str, Member], name: str) -> Standpoint:
    """Give a standpoint of the sweep before; a site that was not there has no track."""
    tracks = {}
    for site_id, member in members.items():
        cells = getattr(member.before, name)
        track = unpacked(cells) if cells else None
        if track is not None:
            tracks[site_id] = track
    day = max((track.through for track in tracks.values() if track.through), default=None)
    return Standpoint(day, tracks)


def _holds(
    members: Mapping[str, Member],
    after: date | None,
    until: date | None,
    digest: str,
    anew_from: date | None,
) -> bool:
    """Tell whether the later of two standpoints still follows from the earlier one."""
    if until is None or (anew_from is not None and anew_from <= until):
        return False
    for member in members.values():
        is_new = not member.before.latest
        if is_new and any(row[0] <= until.toordinal() for row in member.rows):
            return False
        told = digest_of(member.rows, after=after, until=until)
        if not is_new and told != getattr(member.before, digest):
            return False
    return True


class _Days:
    """The facts of a region as its days."""

    def __init__(self, members: Mapping[str, Member], through: date) -> None:
        self._members = members
        self._through = through

    @cached_property
    def _region(self) -> Region:
        baselines = {name: one.baseline for name, one in self._members.items()}
        return Region(baselines, neighbourhoods(baselines.values(), self._through))

    @cached_property
    def _nights(self) -> Mapping[date, float]:
        return _nights(self._members)

    def after(self, day: date | None, through: date) -> Iterator[date]:
        """Give the days after one, or all that anything is known of."""
        firsts = [date.fromordinal(one.rows[0][0]) for one in self._members.values() if one.rows]
        now = day + _DAY if day is not None else min(firsts, default=through + _DAY)
        while now <= through:
            yield now
            now += _DAY

    def moved(self, now: Standpoint, until: date) -> Standpoint:
        """Give a standpoint moved on to a day, or as it is when it is there already."""
        for day in self.after(now.day, until):
            now, _ = self.judged(now, day)
        return now

    def judged(self, now: Standpoint, day: date) -> tuple[Standpoint, Mapping[str, Verdict]]:
        """Give the standpoint after one more day, with the day's verdicts."""
        tracks = dict(now.tracks)
        rows = []
        for site_id, member in self._members.items():
            if member.commissioned_on > day:
                continue
            fact = member.by_day.get(day)
            if fact is not None and _has_another_source(member, fact) and site_id in tracks:
                fresh = new_track(member.baseline)
                tracks[site_id] = replace(tracks[site_id], scale=fresh.scale)
            rows.append(self._row(site_id, member, day))
        after, verdicts = judge_day(day, self._region, tracks, rows, terms=terms_on(day))
        return Standpoint(day, after), verdicts

    def _row(self, site_id: str, member: Member, day: date) -> SiteDay:
        fact = member.by_day.get(day)
        latest = (day - number * _DAY for number in range(_COLD_DAYS))
        nights = [self._nights[one] for one in latest if one in self._nights]
        mean_c = fmean(nights) if nights else None
        if fact is None:
            return SiteDay(site_id, None, 0.0, mean_4d_c=mean_c)
        return SiteDay(
            site_id=site_id,
            actual_wh=fact.pv_wh,
            completeness=1.0 if _is_whole(fact) else fact.completeness,
            throttled_share=fact.throttled_share,
            mean_4d_c=mean_c,
            since_gap_wh=_since_gap_wh(member, fact),
        )


def _is_whole(fact: DayOfEnergy) -> bool:
    """Tell whether a day is known: its counter spans it, and it has half of its samples (D-65)."""
    return fact.pv_wh is not None and fact.completeness >= SAMPLE_SHARE.on(fact.day)


def _nights(members: Mapping[str, Member]) -> Mapping[date, float]:
    """Give how cold a region's nights were: the middle of what its cabinets tell of each."""
    told: dict[date, list[float]] = {}
    for member in members.values():
        for fact in member.days:
            if fact.coldest_c is not None:
                told.setdefault(fact.day, []).append(fact.coldest_c)
    return {day: median(values) for day, values in told.items()}


def _last_whole(member: Member, before: date) -> DayOfEnergy | None:
    whole = (fact for fact in reversed(member.days) if fact.day < before and _is_whole(fact))
    return next(whole, None)


def _has_another_source(member: Member, fact: DayOfEnergy) -> bool:
    """Tell whether energy is read from elsewhere than on the last known day: a new scale begins."""
    earlier = _last_whole(member, fact.day)
    return (
        earlier is not None
        and _is_whole(fact)
        and earlier.pv_energy_source != fact.pv_energy_source
    )


def _since_gap_wh(member: Member, fact: DayOfEnergy) -> int | None:
    """Give what the counters made over the unknown days before a day, None when nobody knows."""
    earlier = _last_whole(member, fact.day)
    if earlier is None or not _is_whole(fact) or fact.day - earlier.day <= _DAY:
        return None
    return made_between(earlier, fact, rated_w=member.rated_w)
