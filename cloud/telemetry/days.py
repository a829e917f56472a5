"""Samples from chunks, and days of energy from samples; pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from operator import attrgetter

from cloud.telemetry.chunk import Chunk
from cloud.telemetry.dictionary import COLUMNS, QUALITY_UNREACHABLE
from cloud.telemetry.models import DayOfEnergy, Sample
from cloud.telemetry.policy import COUNTER_SLACK, LONGEST_DAY

PV_COUNTER = "WH"
_COUNTING_MODELS = frozenset(source.partition(".")[0] for source in COLUMNS[PV_COUNTER].sources)


def samples_of(chunks: Iterable[Chunk]) -> dict[str, tuple[Sample, ...]]:
    """Give each device's samples in order of time.

    Chunks may come late, twice and in any order: the union by instant is the same. Where two chunks
    tell of one instant, the one with the higher sequence number stands; what a gateway sent before
    its clock was set never stands against what it sent with a true clock.
    """
    rows: dict[str, dict[datetime, Sample]] = {}
    for chunk in sorted(chunks, key=lambda chunk: (chunk.is_clock_synced, chunk.seq)):
        for device in chunk.devices:
            known = rows.setdefault(device.serial, {})
            for row, quality in enumerate(device.quality):
                if quality is None:
                    continue
                at = datetime.fromtimestamp(chunk.t0 + row * chunk.dt, UTC)
                columns = {name: column[row] for name, column in device.columns.items()}
                known[at] = Sample(at, quality, columns, device.layout)
    return {
        serial: tuple(sample for _, sample in sorted(known.items()))
        for serial, known in rows.items()
    }


def standard_day(instant: datetime, utc_offset_hours: int) -> date:
    """Give the date on a clock that never keeps summer time, in which days of energy are cut."""
    return instant.astimezone(timezone(timedelta(hours=utc_offset_hours))).date()


def start_of(day: date, utc_offset_hours: int) -> datetime:
    """Give the instant at which a day of energy begins."""
    return datetime.combine(day, time(), timezone(timedelta(hours=utc_offset_hours)))


def day_of_energy(
    devices: Mapping[str, Sequence[Sample]],
    *,
    day: date,
    utc_offset_hours: int,
    samples_expected: int,
    rated_w: int,
) -> DayOfEnergy:
    """Give the energy that a site made on a day, by lifetime counters (T-01, T-02).

    A device without such a counter (a battery) adds nothing. If any inverter's counter is not known
    at both ends of the day, fell, or rose beyond belief, the day is unknown: a part of a site is
    not the site, and a silent inverter is a part of it. One that has no samples around the day is
    not: it was not there yet, or was exchanged. Completeness is that of the inverter with the most
    gaps.
    """
    start, end = (
        start_of(day, utc_offset_hours),
        start_of(day + timedelta(days=1), utc_offset_hours),
    )
    total_wh: int | None = 0
    completeness = 1.0
    slack = COUNTER_SLACK.on(day)
    around = (_between(rows, start - slack, end + slack) for rows in devices.values())
    inverters = [rows for rows in around if _has_counter(rows)]
    for rows in inverters:
        opening, closing = _counter_at(rows, start), _counter_at(rows, end)
        seen = sum(start <= row.at < end and row.quality != QUALITY_UNREACHABLE for row in rows)
        completeness = min(completeness, seen / samples_expected)
        made = None if opening is None or closing is None else closing - opening
        if made is None or total_wh is None or not 0 <= made <= rated_w * LONGEST_DAY.on(day):
            total_wh = None
        else:
            total_wh += made
    if not inverters:
        return DayOfEnergy(day, None, 0.0)
    return DayOfEnergy(day, total_wh, min(1.0, completeness))


def _between(rows: Sequence[Sample], first: datetime, last: datetime) -> Sequence[Sample]:
    """Give the samples of a span, both ends included; the samples stand in order of time."""
    instant = attrgetter("at")
    return rows[bisect_left(rows, first, key=instant) : bisect_right(rows, last, key=instant)]


def _has_counter(rows: Sequence[Sample]) -> bool:
    """Tell whether a device counts: by its columns or, when it was silent all along, its models."""
    if any(row.quality != QUALITY_UNREACHABLE for row in rows):
        return any(PV_COUNTER in row.columns for row in rows)
    return any(not _COUNTING_MODELS.isdisjoint(row.layout.split(".")) for row in rows)


def _counter_at(rows: Sequence[Sample], boundary: datetime) -> int | None:
    """Give the counter at a boundary: the last known before it, else the first after (T-01)."""
    slack = COUNTER_SLACK.on(boundary.date())
    for row in reversed(_between(rows, boundary - slack, boundary)):
        if row.columns.get(PV_COUNTER) is not None:
            return row.columns[PV_COUNTER]
    for row in _between(rows, boundary, boundary + slack):
        if row.columns.get(PV_COUNTER) is not None:
            return row.columns[PV_COUNTER]
    return None
