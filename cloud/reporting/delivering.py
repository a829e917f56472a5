"""Delivering webhooks: one try of one event at one endpoint, and what follows from its answer."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from cloud.kernel.change import NEW, Change, Event, Letter
from cloud.kernel.errors import BadInput, Conflict
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Partner
from cloud.reporting.endpoints import context_of
from cloud.reporting.feed import ToldEvent, event_key
from cloud.reporting.policy import ATTEMPT_LIMITS
from cloud.reporting.telling import due_message, is_told_to
from cloud.reporting.webhooks import (
    TRIES_KEPT,
    Delivery,
    DeliveryState,
    EndpointHealth,
    Off,
    Place,
    Try,
    WebhookEndpoint,
    come_again,
    health_after,
    is_success,
    next_try_at,
    off_after,
    place_in_line,
    signed,
    target_of,
)
from cloud.service.models import WorkOrder
from cloud.service.process import record_delivery

BY_WEBHOOK = "webhook"
OFFERS = frozenset({"work_order.offered", "work_order.offered_again"})
"""Events whose receipt is the receipt of an offer, which starts its clock (S-20)."""
NOTING_TRIES = 4
"""How often a place, or how an endpoint does, is written anew where others of it were faster."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of sending: the status of an answer, or the fault in its place.

    Attributes:
        took_s: seconds until it came.
    """

    status: int = 0
    fault: str = ""
    took_s: float = field(default=0.0, compare=False)


class Poster(Protocol):
    """Sends a request to where a URL leads."""

    @property
    def to_loopback(self) -> bool:
        """Whether a program on this machine may be sent to; never on AWS."""
        ...

    def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, seconds: int, most_bytes: int
    ) -> Answered:
        """Post the body and give what came of it, within the time; it never raises for that."""
        ...


class Opens(Protocol):
    """Whoever may open signing secrets."""

    def open(self, sealed: str, *, context: Mapping[str, str]) -> str:
        """Give what was sealed."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What delivering needs from outside."""

    poster: Poster
    secrets: Opens


def try_delivery(
    records: Records,
    outside: Outside,
    *,
    delivery_id: str,
    round_: int,
    tried: int,
    put_offs: int = 0,
    at: datetime,
) -> DeliveryState | None:
    """Try one delivery once, as the message asks for that came for this try (WH-02, WH-03).

    A message that comes again after its try is on record changes nothing. One that comes again
    before sends the event again, under the same id. To an endpoint that is switched off nothing is
    sent; one that rests is left alone until it has (WH-08), and what waits for it goes in line
    (WH-10). Which try is meant, and whether it is put off, the message says and not the clock: by
    this machine's it may come a moment before it is due.

    Returns:
        How the delivery stands now; None where there is nothing to try.
    """
    stored = records.load(Delivery, delivery_id)
    if stored is None or stored.record.state is not DeliveryState.WAITING:
        return None
    delivery = stored.record
    if (delivery.round, delivery.tried, delivery.put_offs) != (round_, tried, put_offs):
        return None
    endpoint = records.load(WebhookEndpoint, delivery.endpoint_id)
    event = records.load(ToldEvent, event_key(delivery.partner_id, delivery.number))
    if endpoint is None or event is None or event.record.expires_at <= at:
        return _given_up(records, stored, may_be_asked_for=False)
    as_asked = replace(endpoint.record, types=())
    if not is_told_to(records, as_asked, event.record, at=at):
        return _given_up(records, stored, may_be_asked_for=endpoint.record.off is not Off.DELETED)
    if not delivery.has_place:
        place = _place(records, delivery, at)
        if place.at > at or not place.is_kept:
            return _put_off(records, stored, place)
    answered = _sent(outside, endpoint.record, event.record, at)
    made = Try(at.astimezone(UTC).replace(microsecond=0), answered.status, answered.fault)
    if is_success(made) and event.record.type in OFFERS:
        _start_clock(records, event.record, at)
    return _settled(records, stored, made, at, took_s=answered.took_s)


def _sent(outside: Outside, endpoint: WebhookEndpoint, event: ToldEvent, at: datetime) -> Answered:
    """Post an event, signed with each secret that counts (WH-05)."""
    try:
        target_of(endpoint.url, to_loopback=outside.poster.to_loopback)
    except BadInput:
        return Answered(fault="address_refused")
    secrets = [
        Secret(outside.secrets.open(one.sealed.text, context=context_of(one.sealed)))
        for one in endpoint.signing(at)
    ]
    body = event.body()
    headers = {
        "content-type": "application/json",
        "user-agent": "sunreeve-webhooks/1",
        **signed(secrets, message_id=event.public_id, at=at, body=body),
    }
    seconds, most_bytes = ATTEMPT_LIMITS.on(at.astimezone(UTC).date())
    return outside.poster.post(
        endpoint.url, headers=headers, body=body, seconds=seconds, most_bytes=most_bytes
    )


def _start_clock(records: Records, event: ToldEvent, at: datetime) -> None:
    """Start the accept clock where the offer reached its partner by webhook (S-20).

    Only of the offer that stands: one that was given on meanwhile has no clock any more.
    """
    order = records.load(WorkOrder, event.thing_id)
    current = order.record.assignment if order is not None else None
    if order is None or current is None or current.partner_id != event.partner_id:
        return
    if event.at >= current.offered_at:
        record_delivery(
            records,
            thread=order.record.id,
            letter_id=current.letter_id,
            delivered_at=at,
            by=BY_WEBHOOK,
        )


def _given_up(
    records: Records, stored: Stored[Delivery], *, may_be_asked_for: bool
) -> DeliveryState:
    """Fail a delivery that cannot be tried: its endpoint is off, or its event is not kept."""
    after = replace(
        stored.record,
        state=DeliveryState.FAILED,
        next_at=None,
        failed_of=stored.record.endpoint_id if may_be_asked_for else "",
    )
    records.commit(Change(saves=(stored.replaced_by(after),)))
    return after.state


def _spread(delivery: Delivery) -> float:
    """Give a number from 0 to 1 that is the delivery's own: those that wait together come apart."""
    digest = hashlib.sha256(f"{delivery.id} {delivery.put_offs}".encode()).digest()
    return int.from_bytes(digest[:4]) / (1 << 32)


def _place(records: Records, delivery: Delivery, at: datetime) -> Place:
    """Give when a try may go to its endpoint, and keep that place for it (WH-10).

    Where others keep taking the place first, none is kept: it comes again soon.
    """
    for _ in range(NOTING_TRIES):
        health = _health(records, delivery.endpoint_id)
        after, place = place_in_line(health.record, at=at, spread=_spread(delivery))
        if after.rests_until == health.record.rests_until or not place.is_kept:
            return place
        try:
            records.commit(Change(saves=(health.replaced_by(after),)))
        except Conflict:
            continue
        return place
    return Place(come_again(at, spread=_spread(delivery)), is_kept=False)


def _put_off(records: Records, stored: Stored[Delivery], place: Place) -> DeliveryState:
    """Come back when its place is there; that is no try (WH-08)."""
    after = replace(
        stored.record,
        next_at=place.at,
        put_offs=stored.record.put_offs + 1,
        has_place=place.is_kept,
    )
    message = due_message(after, place.at)
    records.commit(Change(saves=(stored.replaced_by(after),), messages=(message,)))
    return after.state


def _settled(
    records: Records, stored: Stored[Delivery], made: Try, at: datetime, *, took_s: float
) -> DeliveryState:
    """Write down what came of a try: for the delivery, and for its endpoint (WH-06).

    The delivery is written by itself, so that a try that was made is never made again because
    others of its endpoint were written at the same moment.
    """
    tried = stored.record.tried + 1
    next_at = None if is_success(made) else next_try_at(tried, at)
    health, place = _noted(records, stored.record, made, at, took_s=took_s, next_at=next_at)
    after, change = _after(stored, made, place)
    records.commit(change)
    _switch_off(records, health, made, at)
    return after.state


def _noted(
    records: Records,
    delivery: Delivery,
    made: Try,
    at: datetime,
    *,
    took_s: float,
    next_at: datetime | None,
) -> tuple[EndpointHealth, Place | None]:
    """Write down how an endpoint does, as well as others let us; give the next try's place.

    What is not written down now is by the next one that fares the same.
    """
    for _ in range(NOTING_TRIES):
        health = _health(records, delivery.endpoint_id)
        now = health_after(health.record, made, at=at, took_s=took_s)
        place = Place(next_at, is_kept=False) if next_at is not None else None
        if next_at is not None and now.rests_until is not None and now.rests_until > next_at:
            now, place = place_in_line(now, at=next_at, spread=_spread(delivery))
        if now == health.record:
            return now, place
        try:
            records.commit(Change(saves=(health.replaced_by(now),)))
        except Conflict:
            continue
        return now, place
    return now, Place(next_at, is_kept=False) if next_at is not None else None


def _after(stored: Stored[Delivery], made: Try, place: Place | None) -> tuple[Delivery, Change]:
    before = stored.record
    if is_success(made):
        state = DeliveryState.DELIVERED
    else:
        state = DeliveryState.WAITING if place is not None else DeliveryState.FAILED
    after = replace(
        before,
        state=state,
        tries=(*before.tries, made)[-TRIES_KEPT:],
        tried=before.tried + 1,
        next_at=place.at if place is not None else None,
        failed_of=before.endpoint_id if state is DeliveryState.FAILED else "",
        put_offs=0,
        has_place=place is not None and place.is_kept,
    )
    messages = (due_message(after, place.at),) if place is not None else ()
    return after, Change(saves=(stored.replaced_by(after),), messages=messages)


def _switch_off(records: Records, health: EndpointHealth, made: Try, at: datetime) -> None:
    """Switch an endpoint off where a try says so, and write to its partner (WH-06).

    Where others of the endpoint keep being faster, the next failure does it.
    """
    off = off_after(health, made, at=at)
    for _ in range(NOTING_TRIES if off is not Off.NOT else 0):
        stored = records.load(WebhookEndpoint, health.id)
        if stored is None or stored.record.off is not Off.NOT:
            return
        try:
            records.commit(_switched(records, stored, off, at))
        except Conflict:
            continue
        return


def _switched(records: Records, stored: Stored[WebhookEndpoint], off: Off, at: datetime) -> Change:
    after = replace(stored.record, off=off, off_at=at)
    says = f"endpoint {after.id} was switched off: {off.replace('_', ' ')}"
    event = Event(
        after.id, "webhook_switched_off", at, BY_WEBHOOK, "WH-06", (after.partner_id,), says
    )
    partner = records.load(Partner, after.partner_id)
    letters = (_switched_off(after, partner.record, at),) if partner is not None else ()
    return Change(saves=(stored.replaced_by(after),), events=(event,), letters=letters)


def _health(records: Records, endpoint_id: str) -> Stored[EndpointHealth]:
    return records.load(EndpointHealth, endpoint_id) or Stored(EndpointHealth(endpoint_id), NEW)


def _switched_off(endpoint: WebhookEndpoint, partner: Partner, at: datetime) -> Letter:
    """Write to the service contact that nothing is sent to an endpoint any more (WH-06)."""
    why = {
        Off.GONE: "it answered 410 Gone",
        Off.FAILED_TOO_LONG: "for five days every try to reach it failed",
    }[endpoint.off]
    return Letter(
        id=derived("LTR", endpoint.id, "switched_off", at.isoformat()),
        to=partner.service_email,
        subject=f"[{endpoint.id}] Your webhook endpoint was switched off",
        text=(
            f"Hello {partner.name},\n\nwe send nothing to your webhook endpoint {endpoint.id} any "
            f"more: {why}.\nWhat we tell you can be read at GET /v1/events for 30 days. When the "
            f"endpoint works again, switch it on with POST /v1/webhook_endpoints/{endpoint.id} and "
            'is_active, and ask for what failed with "redeliver".\n\nKind regards\n'
            "Aftermarket Service"
        ),
        thread=endpoint.id,
        at=at,
    )
