"""What is wrong with the readings themselves: meters that stand still, counters that go back; pure.

A reading that cannot be true is a matter of data and never of production: the case says so.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import gcd

from cloud.detection.daylight import Place, is_daylight
from cloud.detection.policy import (
    CLOCK_WRONG,
    COUNTER_TURNS,
    FIRST,
    STUCK_DOUBT,
    STUCK_LEAST,
    STUCK_SAMPLES,
    STUCK_TIME,
)
from cloud.telemetry.chunk import Chunk
from cloud.telemetry.counters import made
from cloud.telemetry.dictionary import ENUMS
from cloud.telemetry.models import Sample
from cloud.telemetry.ports import StoredChunk

_POWER, _COUNTER = "W", "WH"
_COARSEST_WH = 1000
_IN_A_ROW = timedelta(hours=1)
"""Samples further apart are not in a row."""
_HELD_BACK = frozenset(
    (table, code.value)
    for table in ("St", "InvSt")
    for code in ENUMS.get(table, {}).values()
    if code.name == "THROTTLED"
)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A chunk as it came in.

    Attributes:
        at: when the cloud had it.
        newest_at: the instant of its last reading, by the gateway's clock.
        is_clock_set: what the gateway says of its clock.
    """

    at: datetime
    newest_at: datetime
    is_clock_set: bool


def arrived(stored: StoredChunk, chunk: Chunk) -> Arrived:
    """Give what a chunk tells of its gateway's clock."""
    rows = [
        row
        for device in chunk.devices
        for row, quality in enumerate(device.quality)
        if quality is not None
    ]
    newest = datetime.fromtimestamp(chunk.t0 + max(rows, default=0) * chunk.dt, UTC)
    return Arrived(stored.received_at, newest, chunk.is_clock_synced)


def is_clock_wrong(one: Arrived) -> bool:
    """Tell whether a chunk proves its gateway's clock wrong (D-88).

    It does when the gateway says so, or when a reading is from later than its own arrival. A
    reading that comes late proves nothing: it waited.
    """
    is_ahead = one.newest_at - one.at > CLOCK_WRONG.on(_day(one.at))
    return is_ahead or not one.is_clock_set


def turned_back(samples: Sequence[Sample]) -> tuple[frozenset[datetime], frozenset[datetime]]:
    """Give when a device's energy counter fell, and when it did not though it could have (D-87).

    A counter that went round at the end of its 32 bits did not fall. The samples stand in order of
    time.
    """
    known = [(row.at, value) for row in samples if (value := row.columns.get(_COUNTER)) is not None]
    fell = frozenset(
        at
        for (_, before), (at, now) in pairwise(known)
        if now < before and not _went_round(before, now, _day(at))
    )
    return fell, frozenset(at for _, (at, _) in pairwise(known)) - fell


def _went_round(before: int, now: int, day: date) -> bool:
    return made(before, now, most_wh=COUNTER_TURNS.on(day), day=day) is not None


def stood_still(
    samples: Sequence[Sample], place: Place
) -> tuple[frozenset[datetime], frozenset[datetime]]:
    """Give when a device's readings stood still, and when they moved.

    By D-86, D-86a, D-86b and D-86c: still are six daylight samples in a row, over more than an
    hour, in which power or counter did not change, while the two contradict each other. A counter
    may move in steps of a kilowatt-hour, and a power may be held by a limit: then the counter goes
    along with it. Without a counter a power that stands still is a stuck one, unless the inverter
    says that it is held back. The samples stand in order of time.
    """
    lit = [
        row for row in samples if (row.columns.get(_POWER) or 0) > 0 and is_daylight(row.at, place)
    ]
    step_wh = _step_wh(samples)
    still = frozenset(
        row.at
        for column in (_POWER, _COUNTER)
        for run in _runs(lit, column)
        if _contradicts(run, step_wh)
        for row in run
    )
    counted = [(row.at, value) for row in lit if (value := row.columns.get(_COUNTER)) is not None]
    moved = frozenset(at for (_, before), (at, now) in pairwise(counted) if now != before)
    return still, moved - still


def _runs(samples: Iterable[Sample], column: str) -> Iterator[list[Sample]]:
    """Give the runs of samples that say the same known value, without a long pause in them."""
    run: list[Sample] = []
    for row in samples:
        value = row.columns.get(column)
        if value is None:
            continue
        if run and (value != run[-1].columns.get(column) or row.at - run[-1].at > _IN_A_ROW):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _contradicts(run: Sequence[Sample], step_wh: int) -> bool:
    day = _day(run[0].at)
    if len(run) < STUCK_SAMPLES.on(day) or run[-1].at - run[0].at <= STUCK_TIME.on(day):
        return False
    made_wh = sum(
        (before.columns.get(_POWER) or 0) * (now.at - before.at).total_seconds() / 3600
        for before, now in pairwise(run)
    )
    least_wh = max(STUCK_LEAST.on(day), 2 * step_wh)
    opening, closing = run[0].columns.get(_COUNTER), run[-1].columns.get(_COUNTER)
    if opening is None or closing is None:
        return made_wh > least_wh and not any(map(_is_held_back, run))
    return abs(closing - opening - made_wh) > max(STUCK_DOUBT.on(day) * made_wh, least_wh)


def _is_held_back(row: Sample) -> bool:
    return any((table, row.columns.get(table)) in _HELD_BACK for table in ("St", "InvSt"))


def _step_wh(samples: Iterable[Sample]) -> int:
    """Give the step in which a counter moves, by what all its values can be divided by."""
    return gcd(_COARSEST_WH, *(row.columns.get(_COUNTER) or 0 for row in samples))


def _day(at: datetime) -> date:
    """Give the day by whose rules a reading is read, also where its clock was never set."""
    return max(at.date(), FIRST)
