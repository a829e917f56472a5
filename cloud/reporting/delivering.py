"""Delivering webhooks: one try of one event at one endpoint, and what follows from its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    Try,
    WebhookEndpoint,
    health_after,
    is_success,
    next_try_at,
    off_after,
    resting,
    signed,
    target_of,
)
from cloud.service.models import WorkOrder
from cloud.service.process import record_delivery

BY_WEBHOOK = "webhook"
OFFERS = frozenset({"work_order.offered", "work_order.offered_again"})
"""Events whose receipt is the receipt of an offer, which starts its clock (S-20)."""
SETTLING_TRIES = 8
"""How often what came of a try is written anew, where others of the endpoint were faster."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of sending: the status of an answer, or the fault in its place."""

    status: int = 0
    fault: str = ""


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
    at: datetime,
) -> DeliveryState | None:
    """Try one delivery once, as the message asks for that came for this try (WH-02, WH-03).

    A message that comes again after its try is on record changes nothing. One that comes again
    before sends the event again, under the same id. To an endpoint that is switched off nothing is
    sent; one that rests is left alone until it has (WH-08).

    Returns:
        How the delivery stands now; None where there is nothing to try.
    """
    stored = records.load(Delivery, delivery_id)
    if stored is None or (stored.record.round, stored.record.tried) != (round_, tried):
        return None
    delivery = stored.record
    if delivery.state is not DeliveryState.WAITING:
        return None
    endpoint = records.load(WebhookEndpoint, delivery.endpoint_id)
    event = records.load(ToldEvent, event_key(delivery.partner_id, delivery.number))
    if endpoint is None or event is None or event.record.expires_at <= at:
        return _given_up(records, stored, may_be_asked_for=False)
    as_asked = replace(endpoint.record, types=())
    if not is_told_to(records, as_asked, event.record, at=at):
        return _given_up(records, stored, may_be_asked_for=endpoint.record.off is not Off.DELETED)
    rests_until = _rest(records, endpoint.record.id, at)
    if rests_until is not None:
        return _put_off(records, stored, rests_until)
    made = _sent(outside, endpoint.record, event.record, at)
    if is_success(made) and event.record.type in OFFERS:
        _start_clock(records, event.record, at)
    return _settled(records, stored, made, at)


def _sent(outside: Outside, endpoint: WebhookEndpoint, event: ToldEvent, at: datetime) -> Try:
    """Post an event, signed with each secret that counts (WH-05)."""
    moment = at.astimezone(UTC).replace(microsecond=0)
    try:
        target_of(endpoint.url, to_loopback=outside.poster.to_loopback)
    except BadInput:
        return Try(moment, fault="address_refused")
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
    seconds, most_bytes = ATTEMPT_LIMITS.on(moment.date())
    answered = outside.poster.post(
        endpoint.url, headers=headers, body=body, seconds=seconds, most_bytes=most_bytes
    )
    return Try(moment, answered.status, answered.fault)


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


def _rest(records: Records, endpoint_id: str, at: datetime) -> datetime | None:
    """Give until when an endpoint is left alone, None where this try may go there (WH-08).

    When its rest is over one try finds out whether it answers again, and the others wait for that:
    so a silent endpoint never takes more than one call at a time, whatever waits for it.
    """
    health = _health(records, endpoint_id)
    until = health.record.rests_until
    if until is None or until > at:
        return until
    asked = resting(health.record, at=at)
    try:
        records.commit(Change(saves=(health.replaced_by(asked),)))
    except Conflict:
        return asked.rests_until
    return None


def _put_off(records: Records, stored: Stored[Delivery], until: datetime) -> DeliveryState:
    """Come back when the endpoint has rested; that is no try (WH-08)."""
    after = replace(stored.record, next_at=until)
    message = due_message(after, until, again=until.isoformat())
    records.commit(Change(saves=(stored.replaced_by(after),), messages=(message,)))
    return after.state


def _settled(records: Records, stored: Stored[Delivery], made: Try, at: datetime) -> DeliveryState:
    """Write down what came of a try: for the delivery, for its endpoint's health (WH-06)."""
    after, change = _after(stored, made, at)
    for left in reversed(range(SETTLING_TRIES)):
        try:
            records.commit(change + _of_endpoint(records, after.endpoint_id, made, at))
        except Conflict:
            current = records.load(Delivery, after.id)
            if not left or current is None or current.version != stored.version:
                raise
        else:
            break
    return after.state


def _after(stored: Stored[Delivery], made: Try, at: datetime) -> tuple[Delivery, Change]:
    before = stored.record
    tried = before.tried + 1
    next_at = None if is_success(made) else next_try_at(tried, at)
    if is_success(made):
        state = DeliveryState.DELIVERED
    else:
        state = DeliveryState.WAITING if next_at is not None else DeliveryState.FAILED
    after = replace(
        before,
        state=state,
        tries=(*before.tries, made)[-TRIES_KEPT:],
        tried=tried,
        next_at=next_at,
        failed_of=before.endpoint_id if state is DeliveryState.FAILED else "",
    )
    messages = (due_message(after, next_at),) if next_at is not None else ()
    return after, Change(saves=(stored.replaced_by(after),), messages=messages)


def _of_endpoint(records: Records, endpoint_id: str, made: Try, at: datetime) -> Change:
    """Give what a try changes of its endpoint: how it does, and whether it is on (WH-06)."""
    health = _health(records, endpoint_id)
    now = health_after(health.record, made, at=at)
    change = Change(saves=(health.replaced_by(now),)) if now != health.record else Change()
    off = off_after(now, made, at=at)
    stored = records.load(WebhookEndpoint, endpoint_id)
    if off is Off.NOT or stored is None or stored.record.off is not Off.NOT:
        return change
    after = replace(stored.record, off=off, off_at=at)
    says = f"endpoint {endpoint_id} was switched off: {off.replace('_', ' ')}"
    event = Event(
        endpoint_id, "webhook_switched_off", at, BY_WEBHOOK, "WH-06", (after.partner_id,), says
    )
    partner = records.load(Partner, after.partner_id)
    letters = (_switched_off(after, partner.record, at),) if partner is not None else ()
    return change + Change(saves=(stored.replaced_by(after),), events=(event,), letters=letters)


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
