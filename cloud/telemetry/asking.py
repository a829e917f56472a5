"""Asks gateways again for chunks that did not arrive: load, decide, send, note that it was done."""

from collections.abc import Iterable
from datetime import UTC, datetime

from cloud.kernel.change import Change, Event
from cloud.kernel.ports import Records
from cloud.telemetry.gaps import Resend, command_text, is_unbroken, numbered, request
from cloud.telemetry.policy import KEPT_BY_GATEWAY
from cloud.telemetry.ports import Chunks, Downlink, StoredChunk

ASKED = "chunks_asked_again"

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
        known = _known(chunks, gateway_id, at)
        if is_unbroken([one.sequence for one in known]):
            continue
        subject = f"GATEWAY-{gateway_id}"
        asked = [event.at for event in records.history(subject) if event.what == ASKED]
        resend = request(gateway_id, map(numbered, known), asked=asked, at=at)
        if resend is None:
            continue
        downlink.command(gateway_id, command_text(resend))
        records.commit(Change(events=(_noted(subject, resend, at),)))
        total += _count(resend)
    return total


def _known(chunks: Chunks, gateway_id: str, at: datetime) -> list[StoredChunk]:
    """Give the chunks of the last days (T-21), with those whose clock was far from the truth."""
    since = at - KEPT_BY_GATEWAY.on(at.date())
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
