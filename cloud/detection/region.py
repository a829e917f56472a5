"""A region's days judged from what is stored of them, anew where a day became known late; pure."""

import hashlib
import marshal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property, partial
from itertools import chain
from statistics import fmean, median
from types import MappingProxyType
from typing import Any

from cloud.detection.baseline import Baseline
from cloud.detection.daily import Region, SiteDay, Track, judge_day, new_track
from cloud.detection.models import RegionWeather
from cloud.detection.neighbours import neighbourhoods
from cloud.detection.packed import coldest_c, unpacked, unpacked_day
from cloud.detection.policy import OPEN_DAYS, RECENT_DAYS, SAMPLE_SHARE
from cloud.detection.terms import terms_on
from cloud.detection.verdict import Verdict
from cloud.telemetry.days import made_between
from cloud.telemetry.models import DayOfEnergy

_DAY = timedelta(days=1)
_PLAIN = 2
"""Version of marshal without references: the bytes follow from the values alone."""
COLD_DAYS = 4
"""A day's cold is the mean of so many days, itself among them (D-72)."""

Tracks = Mapping[str, Track]
Weathers = Mapping[date, RegionWeather]
NO_WEATHER: Weathers = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Packed:
    """A site's tracks as the sweep before left them, and what they were made of.

    Attributes:
        settled, recent, latest: after the day before the open days, before the recent ones, and
            after the last one; empty when there was no such day.
        older, newer: digests of the facts between `settled` and `recent`, and from there on.
        learned_on: what stands for the baseline that the scales in them were learned on; empty
            when nobody knows, and then they are taken as they are.
    """

    settled: Sequence[Any] = ()
    recent: Sequence[Any] = ()
    latest: Sequence[Any] = ()
    older: str = ""
    newer: str = ""
    learned_on: str = ""


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
    def row_by_day(self) -> Mapping[int, Sequence[Any]]:
        """What was measured, still packed, by the number of its day."""
        return {row[0]: row for row in self.rows}

    @cached_property
    def _told(self) -> Mapping[int, bytes]:
        return _told_of(self.rows)

    @cached_property
    def _read(self) -> dict[int, DayOfEnergy]:
        return {}

    def on(self, day: int) -> DayOfEnergy | None:
        """Give what was measured on a day by its number, None when nothing was.

        Of the days that are kept most sweeps ask for a few: each is read when it is asked for.
        """
        if day not in self._read and day in self.row_by_day:
            self._read[day] = unpacked_day(self.row_by_day[day])
        return self._read.get(day)

    def digest(self, *, after: date | None, until: date | None, weather: str = "") -> str:
        """Give what `digest_of` gives of the rows."""
        return _digest_of(self._told, after=after, until=until, weather=weather)

    @cached_property
    def learns_on(self) -> str:
        """What stands for its baseline, wherever a scale is learned on it."""
        return baseline_digest(self.baseline)

    @property
    def is_rebased(self) -> bool:
        """Tell whether its scales were learned on another baseline, which they do not fit."""
        return self.before.learned_on not in {"", self.learns_on}


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
    members: Mapping[str, Member],
    through: date,
    *,
    anew_from: date | None = None,
    weather: Weathers = NO_WEATHER,
) -> Rolled:
    """Judge a region's days up to one, from the newest standpoint that still holds (D-99, D-99a).

    A standpoint holds while what it was made of is the same: a day that became known late is
    judged as if it had been known in time, and its neighbours' day with it; and so is a day whose
    weather was told late. What is older than the open days is settled and stays. Day by day or all
    at once, the verdicts are the same.

    A site that has another baseline learns its scale anew, over the open days (D-63): a scale that
    was learned on the baseline before says nothing on this one. What its settled days came to
    stays. Nobody waits for fourteen days, because those that passed are judged again.

    Args:
        members: the region's sites.
        through: the last day to judge, a closed one.
        anew_from: judge from this day on even where nothing changed: a replay.
        weather: what is told of the weather, by day; a day that is not there has none.
    """
    days = _Days(members, through, weather)
    settled, recent, latest = (_standpoint(members, name) for name in _NAMES)
    base = settled
    if not any(one.is_rebased for one in members.values()):
        holds = partial(_holds, members, weather=weather, anew_from=anew_from)
        if holds(settled.day, recent.day, digest="older"):
            base = recent
            if holds(recent.day, latest.day, digest="newer"):
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


def digest_of(
    rows: Sequence[Sequence[Any]], *, after: date | None, until: date | None, weather: str = ""
) -> str:
    """Give what stands for the facts of a span: other facts give another text.

    Args:
        rows: packed days.
        after: the day before the span, None when it begins with the first day.
        until: its last day; of a span that is not there yet the text is empty.
        weather: what stands for the weather of the same span.
    """
    return _digest_of(_told_of(rows), after=after, until=until, weather=weather)


def _told_of(rows: Sequence[Sequence[Any]]) -> Mapping[int, bytes]:
    """Give rows as bytes, by the number of their day: equal rows give equal bytes."""
    return {row[0]: marshal.dumps(tuple(row), _PLAIN) for row in rows}


def _digest_of(
    told: Mapping[int, bytes], *, after: date | None, until: date | None, weather: str
) -> str:
    if until is None:
        return ""
    first, last = after.toordinal() if after else 0, until.toordinal()
    span = [one for number, one in told.items() if first < number <= last]
    return _digest(b"".join((*span, weather.encode())))


def weather_digest(weather: Weathers, *, after: date | None, until: date | None) -> str:
    """Give what stands for the weather that the days of a span are judged by; empty for none.

    The days before the span whose cold is part of its first days' belong to it.
    """
    first = after - (COLD_DAYS - 1) * _DAY if after else date.min
    told = [weather[day] for day in sorted(weather) if until and first < day <= until]
    return _digest(repr(told).encode()) if told else ""


def baseline_digest(baseline: Baseline) -> str:
    """Give what stands for a baseline, as far as a scale is learned on it.

    Its place and its design's level are left out, because they are not part of what a day's
    energy is divided by. Six digits count: what is worked out again on another machine is the same.
    """
    planes = sorted((one.dc_w, one.tilt_deg, one.azimuth_deg) for one in baseline.planes)
    numbers = (
        baseline.ac_limit_w,
        *chain.from_iterable(planes),
        *baseline.clear_sky_wh,
        *baseline.month_shape,
    )
    return _digest(" ".join(f"{number:.6g}" for number in numbers).encode())


def _digest(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()[:12]


def _standpoint(members: Mapping[str, Member], name: str) -> Standpoint:
    """Give a standpoint of the sweep before; a site that was not there has no track."""
    tracks = {}
    for site_id, member in members.items():
        cells = getattr(member.before, name)
        track = unpacked(cells) if cells else None
        if track is not None:
            tracks[site_id] = _with_new_scale(track, member) if member.is_rebased else track
    day = max((track.through for track in tracks.values() if track.through), default=None)
    return Standpoint(day, tracks)


def _with_new_scale(track: Track, member: Member) -> Track:
    return replace(track, scale=new_track(member.baseline).scale)


def _holds(
    members: Mapping[str, Member],
    after: date | None,
    until: date | None,
    *,
    digest: str,
    weather: Weathers,
    anew_from: date | None,
) -> bool:
    """Tell whether the later of two standpoints still follows from the earlier one."""
    if until is None or (anew_from is not None and anew_from <= until):
        return False
    sky = weather_digest(weather, after=after, until=until)
    for member in members.values():
        is_new = not member.before.latest
        if is_new and any(row[0] <= until.toordinal() for row in member.rows):
            return False
        told = member.digest(after=after, until=until, weather=sky)
        if not is_new and told != getattr(member.before, digest):
            return False
    return True


class _Days:
    """The facts of a region as its days."""

    def __init__(self, members: Mapping[str, Member], through: date, weather: Weathers) -> None:
        self._members = members
        self._through = through
        self._weather = weather

    @cached_property
    def _region(self) -> Region:
        baselines = {name: one.baseline for name, one in self._members.items()}
        return Region(baselines, neighbourhoods(baselines.values(), self._through))

    @cached_property
    def _nights(self) -> dict[date, float | None]:
        return {}

    def _night_c(self, day: date) -> float | None:
        """Give how cold a night was: the middle of what the region's cabinets tell of it."""
        if day not in self._nights:
            number = day.toordinal()
            rows = (one.row_by_day.get(number) for one in self._members.values())
            told = [cold for row in rows if row and (cold := coldest_c(row)) is not None]
            self._nights[day] = median(told) if told else None
        return self._nights[day]

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
        weather = self._weather.get(day) or RegionWeather("", day)
        mean_c = self._mean_c(day)
        number, rows = day.toordinal(), []
        for site_id, member in self._members.items():
            if member.commissioned_on > day:
                continue
            fact = member.on(number)
            if fact is not None and _has_another_source(member, fact) and site_id in tracks:
                tracks[site_id] = _with_new_scale(tracks[site_id], member)
            told = _row(site_id, member, fact)
            rows.append(replace(told, mean_4d_c=mean_c, is_snow_told=weather.is_snow_told))
        after, verdicts = judge_day(
            day, self._region, tracks, rows, terms=terms_on(day), feed=weather.hours or None
        )
        return Standpoint(day, after), verdicts

    def _mean_c(self, day: date) -> float | None:
        """Give how cold a day and those before it were (D-72).

        By the weather that is told of them; where none is, by what the cabinets tell of the nights.
        """
        latest = [day - number * _DAY for number in range(COLD_DAYS)]
        means = (self._weather[one].mean_c for one in latest if one in self._weather)
        told = [mean for mean in means if mean is not None]
        if not told:
            nights = map(self._night_c, latest)
            told = [night for night in nights if night is not None]
        return fmean(told) if told else None


def _row(site_id: str, member: Member, fact: DayOfEnergy | None) -> SiteDay:
    if fact is None:
        return SiteDay(site_id, None, 0.0)
    return SiteDay(
        site_id=site_id,
        actual_wh=fact.pv_wh,
        completeness=1.0 if _is_whole(fact) else fact.completeness,
        throttled_share=fact.throttled_share,
        since_gap_wh=_since_gap_wh(member, fact),
    )


def _is_whole(fact: DayOfEnergy) -> bool:
    """Tell whether a day is known: its counter spans it, and it has half of its samples (D-65)."""
    return fact.pv_wh is not None and fact.completeness >= SAMPLE_SHARE.on(fact.day)


def _last_whole(member: Member, before: date) -> DayOfEnergy | None:
    number = before.toordinal()
    earlier = (member.on(row[0]) for row in reversed(member.rows) if row[0] < number)
    return next((fact for fact in earlier if fact and _is_whole(fact)), None)


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
