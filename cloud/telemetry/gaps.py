"""Finds the chunks of a gateway that did not arrive, and says what to ask it for; pure.

A chunk can be lost although the gateway was told that it arrived. Its number then is missing, and
the gateway keeps what it sent for seven days. The message is described in `contract/COMMANDS.md`.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cloud.kernel.ids import derived
from cloud.telemetry.chunk import Chunk, decode
from cloud.telemetry.policy import (
    KEPT_BY_GATEWAY,
    MOST_NUMBERS,
    MOST_RANGES,
    REQUESTS_A_DAY,
    TIME_TO_ARRIVE,
)
from cloud.telemetry.ports import StoredChunk

_DAY = timedelta(days=1)
_CLOCK_SLACK = timedelta(minutes=5)
"""How far a gateway's clock may be ahead and still be believed."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """What a chunk that came in tells of its gateway's numbers.

    Attributes:
        boot: name of the start of the agent that made it.
        start, end: its window, end excluded.
        is_clock_believed: whether the window says when it was; a clock that was not set does not,
            nor does a window that began after it came in.
        received_at: when the cloud had it.
    """

    boot: str
    seq: int
    start: datetime
    end: datetime
    is_clock_believed: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Resend:
    """A request to send chunks again.

    Attributes:
        id: the gateway obeys one id once.
        ranges: first and last number of each, both in it, rising and apart.
    """

    id: str
    ranges: tuple[tuple[int, int], ...]


def numbered(stored: StoredChunk, chunk: Chunk | None = None) -> Numbered:
    """Give what a stored chunk tells of the numbers; its payload is decoded where it is not yet."""
    chunk = chunk or decode(stored.payload)
    is_past = stored.window_start <= stored.received_at + _CLOCK_SLACK
    return Numbered(
        boot=chunk.boot,
        seq=chunk.seq,
        start=stored.window_start,
        end=stored.window_start + timedelta(seconds=chunk.dt * chunk.n),
        is_clock_believed=chunk.is_clock_synced and is_past,
        received_at=stored.received_at,
    )


def is_unbroken(sequences: Sequence[int]) -> bool:
    """Tell by the numbers alone whether none can be missing: one of each, without a hole.

    A no says little: a gateway may have counted from 1 again, or sent a window twice.
    """
    if not sequences:
        return True
    span = max(sequences) - min(sequences) + 1
    return len(sequences) == span and len(set(sequences)) == span


def latest_numbering(chunks: Iterable[Numbered]) -> tuple[Numbered, ...]:
    """Give the chunks of the queue that the gateway has now, in order of their numbers.

    Starts of the agent go on with one numbering while their numbers rise with time. A gateway that
    lost its queue counts from 1 again: what it numbered before is gone, and is not asked for. Two
    starts whose clock was set back between them are taken for two queues: then less is asked for.
    """
    boots: dict[str, list[Numbered]] = {}
    for chunk in chunks:
        boots.setdefault(chunk.boot, []).append(chunk)
    found: list[Numbered] = []
    for boot in sorted(boots.values(), key=_lived_until):
        if found and min(one.seq for one in boot) <= max(one.seq for one in found):
            found = []
        found += boot
    return tuple(sorted(found, key=lambda one: one.seq))


def _lived_until(boot: Sequence[Numbered]) -> tuple[datetime, datetime]:
    """Give when a start of the agent was last heard of, by its own clock where that was set."""
    received = max(one.received_at for one in boot)
    believed = [one.end for one in boot if one.is_clock_believed]
    return (max(believed, default=received), received)


def missing(
    chunks: Iterable[Numbered], *, at: datetime, given_up: Collection[int] = ()
) -> tuple[tuple[int, int], ...]:
    """Give the ranges of numbers that a gateway should send again, newest last.

    By T-20 (they had time to arrive), T-21 (it still has them), T-23 and T-24 (a request ends
    somewhere; what does not fit is asked for the next time, when the newest have come). Before the
    lowest and after the highest number that came in nothing is known to be missing. Numbers that
    were asked for in vain (T-26) are passed over.
    """
    day = at.date()
    recent = at - KEPT_BY_GATEWAY.on(day)
    known = latest_numbering(
        one for one in chunks if one.received_at <= at and _since(one) >= recent
    )
    settled = at - TIME_TO_ARRIVE.on(day)
    most = _Most(known)
    ranges: list[tuple[int, int]] = []
    left = MOST_NUMBERS.on(day)
    provable: datetime | None = None
    for after, before in pairwise(reversed(known)):
        provable = min(provable or after.received_at, after.received_at)
        count = min(after.seq - before.seq - 1, most.between(before, after))
        if count <= 0 or provable > settled:
            continue
        for first, last in _spans(after.seq - count, after.seq - 1, left, given_up):
            ranges.append((first, last))
            left -= last - first + 1
        if left <= 0 or len(ranges) >= MOST_RANGES.on(day):
            break
    return tuple(reversed(ranges[: MOST_RANGES.on(day)]))


def _spans(
    first: int, last: int, most: int, given_up: Collection[int]
) -> Iterator[tuple[int, int]]:
    """Give the highest numbers of a range as ranges, the highest first, without some of them."""
    walls = sorted((one for one in given_up if first <= one <= last), reverse=True)
    for wall in (*walls, first - 1):
        count = min(last - wall, most)
        if count > 0:
            yield last - count + 1, last
            most -= count
        last = wall - 1


def _since(chunk: Numbered) -> datetime:
    """Give when a chunk's window began, or when it came in where its own clock was not set."""
    return chunk.start if chunk.is_clock_believed else chunk.received_at


class _Most:
    """How many chunks can be missing between two of a numbering: as many as windows are.

    A numbering may leap (a gateway that names its chunks by the hour): where the windows of two
    chunks close up, nothing is missing between them. One that makes several chunks of a window may
    miss as many of each. Where a clock was not set, or was set back, only the numbers tell.
    """

    def __init__(self, known: Sequence[Numbered]) -> None:
        believed = {one.seq: one for one in known if one.is_clock_believed}.values()
        lengths = [one.end - one.start for one in believed if one.end > one.start]
        self._shortest = min(lengths, default=timedelta(seconds=1))
        self._each = max(Counter(one.start for one in believed).values(), default=1)

    def between(self, before: Numbered, after: Numbered) -> int:
        """Give how many chunks can be missing between two, the lower number first."""
        numbers = after.seq - before.seq - 1
        is_believed = before.is_clock_believed and after.is_clock_believed
        if not is_believed or after.start < before.start:
            return numbers
        windows = max(0, -((before.end - after.start) // self._shortest))
        # Of the two windows at the ends themselves some chunks may be missing too.
        return self._each * windows + 2 * (self._each - 1)


def request(
    gateway_id: str,
    chunks: Iterable[Numbered],
    *,
    asked: Sequence[datetime],
    at: datetime,
    given_up: Collection[int] = (),
) -> Resend | None:
    """Give what to ask a gateway for now, None when nothing is missing or enough was asked (T-22).

    Args:
        gateway_id: whom to ask.
        chunks: what came in of its last days.
        asked: when it was asked before.
        at: now; the same instant again gives the same id, and is not counted as another request.
        given_up: numbers that were asked for in vain.
    """
    lately = {one for one in asked if at - _DAY < one < at}
    if len(lately) >= REQUESTS_A_DAY.on(at.date()):
        return None
    ranges = missing(chunks, at=at, given_up=given_up)
    if not ranges:
        return None
    return Resend(derived("RS", gateway_id, at.astimezone(UTC).isoformat()), ranges)


def command_text(resend: Resend) -> bytes:
    """Give the message that asks a gateway for chunks, keys in the contract's order."""
    message = {"v": 1, "do": "resend", "id": resend.id, "seq": resend.ranges}
    return json.dumps(message, separators=(",", ":"), ensure_ascii=True).encode("ascii")
