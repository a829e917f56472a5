"""Asks gateways again for chunks that did not arrive: load, decide, send, note that it was done."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cloud.kernel.change import Change, Event
from cloud.kernel.ports import Records
from cloud.telemetry.gaps import (
    Numbered,
    Resend,
    command_text,
    is_unbroken,
    latest_numbering,
    numbered,
    request,
)
from cloud.telemetry.policy import ASKED_IN_VAIN, KEPT_BY_GATEWAY, TIME_TO_ARRIVE
from cloud.telemetry.ports import Chunks, Downlink, StoredChunk

ASKED = "chunks_asked_again"
_NAMED = re.compile(r"asked for again: ([0-9, -]+)")

_UNSET_FROM = datetime(1970, 1, 1, tzinfo=UTC)
_UNSET_UNTIL = datetime(2025, 1, 1, tzinfo=UTC)
"""A clock that was not set yet shows a time before the platform was there."""
_EVER = datetime(2242, 1, 1, tzinfo=UTC)


def ask_again(
    gateway_ids: Iterable[str],
    *,
    chunks: Chunks,
    records: Records,
    downlink: Downlink,
    at: datetime,
) -> int:
    """Ask each gateway for what is missing of its last days, and give how many chunks that were.

    It is meant to run with the sweep. Run again for the same instant it sends the same request,
    which a gateway obeys once; the history of `GATEWAY-<id>` tells when it was asked for what.

    Raises:
        Unavailable: the store or the way down does not answer; running it again is safe.
    """
    total = 0
    for gateway_id in gateway_ids:
        stored = chunks_since(chunks, gateway_id, at - KEPT_BY_GATEWAY.on(at.date()))
        if is_unbroken([one.sequence for one in stored]):
            continue
        known = [numbered(one) for one in stored]
        subject = f"GATEWAY-{gateway_id}"
        events = [event for event in records.history(subject) if event.what == ASKED]
        resend = request(
            gateway_id,
            known,
            asked=[event.at for event in events],
            given_up=given_up(events, known, at=at),
            at=at,
        )
        if resend is None:
            continue
        downlink.command(gateway_id, command_text(resend))
        records.commit(Change(events=(_noted(subject, resend, at),)))
        total += _count(resend)
    return total


def given_up(asked: Iterable[Event], known: Iterable[Numbered], *, at: datetime) -> frozenset[int]:
    """Give the numbers that were asked for often enough in vain (T-26).

    A request counts once a chunk came in late enough after it: then the gateway was there to
    answer. Several that only one and the same chunk came after count as one. What was asked of a
    queue that the gateway lost counts no more: its numbers name other chunks now.

    Args:
        asked: entries of the gateway's history that say what it was asked for.
        known: the chunks of its last days.
        at: now; what was asked for at this instant is only about to be answered.
    """
    current = latest_numbering(one for one in known if one.received_at <= at)
    heard_at = sorted(one.received_at for one in current)
    since = max(at - KEPT_BY_GATEWAY.on(at.date()), heard_at[0] if heard_at else at)
    settling = TIME_TO_ARRIVE.on(at.date())
    heard_after: dict[int, set[int]] = {}
    for event in asked:
        # Requests to a gateway that was away wait for it together: they are one.
        place = bisect_left(heard_at, event.at + settling)
        if event.at >= since and place < len(heard_at):
            for number in _numbers_in(event.says):
                heard_after.setdefault(number, set()).add(place)
    most = ASKED_IN_VAIN.on(at.date())
    return frozenset(number for number, heard in heard_after.items() if len(heard) >= most)


def _numbers_in(says: str) -> Sequence[int]:
    """Give the numbers that the sentence of a request names."""
    named = _NAMED.search(says)
    spans = named[1].split(", ") if named else []
    ends = [(int(span.partition("-")[0]), int(span.rpartition("-")[2])) for span in spans]
    return [number for first, last in ends for number in range(first, last + 1)]


def chunks_since(chunks: Chunks, gateway_id: str, since: datetime) -> list[StoredChunk]:
    """Give the chunks of a gateway's last days, with those whose clock was far from the truth."""
    return [
        *chunks.between(gateway_id, _UNSET_FROM, _UNSET_UNTIL),
        *chunks.between(gateway_id, since, _EVER),
    ]


def _noted(subject: str, resend: Resend, at: datetime) -> Event:
    named = ", ".join(
        str(first) if first == last else f"{first}-{last}" for first, last in resend.ranges
    )
    return Event(
        subject=subject,
        what=ASKED,
        at=at,
        by="sweep",
        rule="T-20",
        causes=(resend.id,),
        says=f"{_count(resend)} chunks did not arrive and were asked for again: {named}",
    )


def _count(resend: Resend) -> int:
    return sum(last - first + 1 for first, last in resend.ranges)
