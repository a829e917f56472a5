"""What a site's own chunks say: its days, and the issues under way; pure."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any

from cloud.detection.codes import STRING_MISSING
from cloud.detection.daylight import Place
from cloud.detection.hours import SiteHour, hours_of
from cloud.detection.issues import Observed, awaits_neighbours, observe
from cloud.detection.meters import arrived
from cloud.detection.models import IssueClock, SiteFacts
from cloud.detection.packed import packed_day, unpacked_day
from cloud.detection.policy import OPEN_DAYS
from cloud.detection.rules import moved
from cloud.detection.strings import are_inputs_of, learned_shares, strings_seen
from cloud.portfolio.models import Site
from cloud.telemetry.chunk import Chunk, decode
from cloud.telemetry.days import day_of_energy, samples_of, standard_day, start_of
from cloud.telemetry.gaps import is_unbroken, missing, numbered
from cloud.telemetry.models import DayOfEnergy, Sample
from cloud.telemetry.policy import COUNTER_SLACK, LATE_AFTER
from cloud.telemetry.ports import StoredChunk, chunk_id

_DAY = timedelta(days=1)
_BEFORE = timedelta(hours=12)
"""A chunk is found by the start of its window: so much earlier may one start that matters."""
_WHOLE = 1000
"""Completeness, in thousandths, of a day of which nothing is missing."""
_SPARE_DAYS = 10
"""Facts are kept for so many days more than are open: sweeps may pause for as long."""


@dataclass(frozen=True, slots=True)
class Read:
    """What is to be read of a site, and what is known of it.

    Attributes:
        before: as the evaluation before left it.
        late_from: start of the earliest window that came after its time, None when none did.
        at: the evaluation's instant.
        replay_from: first day to be made anew, None where what is known stands.
    """

    site: Site
    before: SiteFacts
    late_from: datetime | None
    at: datetime
    replay_from: date | None = None

    @property
    def first_day(self) -> date:
        """The first day to be made: the first that was never made, or that late windows change.

        A site that was never looked at begins with what would be kept of it: it may be older than
        the platform and its rules. What came too late for an open day changes nothing.
        """
        today = standard_day(self.at, self.site.utc_offset_hours)
        oldest = max(self.site.commissioned_on, today - _kept_days(today) * _DAY)
        if not self.before.rows:
            return oldest
        last = self.before.rows[-1]
        first = date.fromordinal(last[0]) + _DAY
        if last[1] is None or last[2] < _WHOLE:
            first = self._before_it_settled(first)
        if self.late_from is not None:
            touched = standard_day(self.late_from - _BEFORE, self.site.utc_offset_hours)
            first = min(first, touched)
        if self.replay_from is not None:
            first = min(first, self.replay_from)
        return max(first, oldest)

    def _before_it_settled(self, first: date) -> date:
        """Give the day before, while its last windows may still be on their way (T-25).

        What comes in time, but after the evaluation that made the day, is told by no late window.
        """
        settles = start_of(first, self.site.utc_offset_hours) + LATE_AFTER.on(first)
        settles += COUNTER_SLACK.on(first)
        seen = self.before.measured_at
        return first - _DAY if seen is not None and seen < settles else first

    @property
    def start(self) -> datetime:
        """The instant from which windows are needed."""
        day = start_of(self.first_day, self.site.utc_offset_hours)
        looked_at = self.before.measured_at
        if self.first_day < standard_day(self.at, self.site.utc_offset_hours):
            looked_at = min(day, looked_at or day)
        return (looked_at or day) - _BEFORE


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of a site after an evaluation read its chunks.

    Attributes:
        hours: what it said in each hour since, for its neighbours.
        waiting: issues that it shows, and of which the neighbours must be asked.
        is_broken: a chunk is missing among those that were read.
    """

    facts: SiteFacts
    hours: tuple[SiteHour, ...]
    waiting: tuple[Observed, ...]
    is_broken: bool = False


def measured(read: Read, chunks: Iterable[StoredChunk]) -> Measured:
    """Give what is known of a site once its chunks since `read.start` were read.

    The order of the chunks, and one that is there twice, change nothing. A replay measures the
    days; issues stand as the evaluation itself left them.
    """
    kept = tuple(chunks)
    decoded = [decode(chunk.payload) for chunk in kept]
    devices = samples_of(decoded)
    site, at, before = read.site, read.at, read.before
    days, new = _days(read, devices, decoded)
    known = {row[0]: row for row in before.rows}
    rows = known | {day.toordinal(): packed_day(one) for day, one in new.items()}
    today = standard_day(at, site.utc_offset_hours)
    first = (today - _kept_days(today) * _DAY).toordinal()
    facts = replace(
        before,
        rows=tuple(row for number, row in sorted(rows.items()) if number >= first),
        shares=_shares(before, days),
        measured_at=at,
    )
    if read.replay_from is not None:
        return Measured(facts, (), ())
    place = Place(site.latitude, site.longitude)
    since = before.measured_at or at - _DAY / 3
    latest = _since(devices, since - _BEFORE)
    seen = observe(
        latest,
        running={clock.family: clock.devices for clock in before.clocks},
        since=since,
        now=at,
        place=place,
        arrivals=[arrived(stored, chunk) for stored, chunk in zip(kept, decoded, strict=True)],
    )
    clocks = moved_clocks(
        before.clocks,
        (*seen, *_strings(read, facts, days, _changed(known, new), place)),
        chunk_at=lambda instant: _chunk_at(kept, decoded, instant),
    )
    return Measured(
        facts=replace(facts, clocks=clocks),
        hours=hours_of(latest, since=since, now=at, rated_w=site.dc_rating_w, place=place),
        waiting=tuple(one for one in seen if awaits_neighbours(one.family)),
        is_broken=_is_broken(kept, decoded, at),
    )


def _since(
    devices: Mapping[str, Sequence[Sample]], first: datetime
) -> Mapping[str, Sequence[Sample]]:
    """Give the samples from an instant on; the morning reads more, for the days."""
    instant = attrgetter("at")
    return {
        serial: rows[bisect_left(rows, first, key=instant) :] for serial, rows in devices.items()
    }


def moved_clocks(
    clocks: Iterable[IssueClock],
    seen: Iterable[Observed],
    *,
    chunk_at: Callable[[datetime], str] = lambda _: "",
) -> tuple[IssueClock, ...]:
    """Give the clocks of issues after what an evaluation saw of them (D-12, D-12a, D-81).

    Args:
        clocks: as the evaluation before left them.
        seen: what was seen since.
        chunk_at: gives the id of the chunk that holds an instant.
    """
    running = {clock.family: clock for clock in clocks}
    for one in seen:
        before = running.pop(one.family, None)
        clock = moved(before, family=one.family, bad_since=one.bad_since, was_good=one.was_good)
        if clock is None:
            continue
        running[one.family] = replace(
            clock,
            chunk_id=clock.chunk_id if before else chunk_at(clock.since),
            devices=tuple(sorted({*clock.devices, *one.devices})),
            present_hours=clock.present_hours + one.present_hours,
        )
    return tuple(clock for _, clock in sorted(running.items()))


def _days(
    read: Read, devices: Mapping[str, Sequence[Sample]], decoded: Sequence[Chunk]
) -> tuple[list[DayOfEnergy], dict[date, DayOfEnergy]]:
    """Give the days that matter now, oldest first, and those of them that were made now.

    On an evaluation that makes no day, none matters.
    """
    site, day = read.site, read.first_day
    today = standard_day(read.at, site.utc_offset_hours)
    if day >= today:
        return [], {}
    days = {one.day: one for one in map(unpacked_day, read.before.rows)}
    made = {}
    while day < today:
        start = start_of(day, site.utc_offset_hours)
        made[day] = days[day] = day_of_energy(
            devices,
            day=day,
            utc_offset_hours=site.utc_offset_hours,
            samples_expected=_samples_expected(decoded, start.timestamp()),
            rated_w=site.dc_rating_w,
            hybrids=_hybrids(days, day),
        )
        day += _DAY
    return [one for _, one in sorted(days.items())], made


def _shares(before: SiteFacts, days: Sequence[DayOfEnergy]) -> tuple[tuple[str, float], ...]:
    """Give the inputs' shares: learned once, and again only when the inputs are others (D-89)."""
    known = dict(before.shares)
    latest = next((day for day in reversed(days) if day.inputs_wh), None)
    if latest is None or (known and are_inputs_of(known, latest)):
        return before.shares
    same = [day for day in days if day.inputs_wh.keys() == latest.inputs_wh.keys()]
    return tuple(sorted(learned_shares(same).items())) or before.shares


def _changed(
    known: Mapping[int, Sequence[Any]], made: Mapping[date, DayOfEnergy]
) -> frozenset[date]:
    """Give the days that are known now as they were not before; one made again alike is not."""
    return frozenset(
        day
        for day, one in made.items()
        if one.pv_wh is not None and list(packed_day(one)) != list(known.get(day.toordinal(), ()))
    )


def _strings(
    read: Read,
    facts: SiteFacts,
    days: Sequence[DayOfEnergy],
    new: Collection[date],
    place: Place,
) -> tuple[Observed, ...]:
    running = [one.devices for one in read.before.clocks if one.family == STRING_MISSING]
    one = strings_seen(
        dict(facts.shares),
        days,
        new=new,
        running=running[0] if running else None,
        place=place,
        utc_offset_hours=read.site.utc_offset_hours,
    )
    return () if one is None else (one,)


def _is_broken(kept: Sequence[StoredChunk], decoded: Sequence[Chunk], at: datetime) -> bool:
    """Tell whether a chunk is missing among some, which is cheap to tell where none is (T-20)."""
    if is_unbroken([stored.sequence for stored in kept]):
        return False
    return bool(missing(map(numbered, kept, decoded), at=at))


def _hybrids(known: Mapping[date, DayOfEnergy], day: date) -> tuple[str, ...]:
    """Give the inverters that were seen to have their battery on the DC side, before a day."""
    earlier = [one for one in known if one < day]
    return known[max(earlier)].hybrids if earlier else ()


def _kept_days(today: date) -> int:
    return OPEN_DAYS.on(today) + _SPARE_DAYS


def _samples_expected(chunks: Sequence[Chunk], start: float) -> int:
    """Give how many samples a day should have, by the finest step at which it was read."""
    end = start + _DAY.total_seconds()
    steps = (chunk.dt for chunk in chunks if start < chunk.t0 + chunk.dt * chunk.n <= end)
    return max((86_400 // step for step in steps), default=1)


def _chunk_at(kept: Sequence[StoredChunk], decoded: Sequence[Chunk], instant: datetime) -> str:
    """Give the id of the chunk whose window holds an instant, empty when there is none."""
    for stored, chunk in zip(kept, decoded, strict=True):
        end = stored.window_start + timedelta(seconds=chunk.dt * chunk.n)
        if stored.window_start <= instant < end:
            return chunk_id(stored)
    return ""
