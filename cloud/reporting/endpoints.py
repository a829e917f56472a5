"""Webhook endpoints as their partner keeps them: made, changed, tried out, asked to send again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.kernel.secret import Sealed, Secret
from cloud.portfolio.models import Partner
from cloud.reporting import feed
from cloud.reporting.feed import PING, ToldEvent
from cloud.reporting.policy import (
    ASKED_PACE,
    MOST_ENDPOINTS,
    ROTATION_HOURS,
    SECRET_AGAIN_MINUTES,
)
from cloud.reporting.telling import (
    PAGE_READS,
    appended,
    due_message,
    endpoints_of,
    event_of,
    is_told_to,
    may_see_money,
    next_event,
)
from cloud.reporting.webhooks import (
    Delivery,
    DeliveryState,
    EndpointHealth,
    Off,
    SecretAsked,
    SigningSecret,
    WebhookBook,
    WebhookEndpoint,
    asked_after,
    delivery_key,
    rotated,
    sent_from,
    target_of,
)

MOST_SENT_AGAIN = 100
"""Failed deliveries that one call sends again; it is made once more for the rest."""
STUCK_AFTER = timedelta(hours=1)
"""A try that is overdue by this long was lost to a fault of ours; it may be asked for anew."""
_BATCH = 100


class Shuts(Protocol):
    """Whoever seals new secrets."""

    def seal(self, plain: str, *, context: Mapping[str, str]) -> str:
        """Give text that opens for this context alone."""
        ...


def context_of(sealed: Sealed) -> Mapping[str, str]:
    """Bind a signing secret to its endpoint, and to the characters that people know it by."""
    return {"record": sealed.context, "last4": sealed.last4}


def _sealed(seals: Shuts, secret: Secret, endpoint_id: str) -> Sealed:
    bare = Sealed("", f"WebhookEndpoint#{endpoint_id}", secret.last4)
    return replace(bare, text=seals.seal(secret.value, context=context_of(bare)))


# ---------------------------------------------------------------------- keeping
def create(
    records: Records,
    seals: Shuts,
    *,
    partner_id: str,
    url: str,
    types: tuple[str, ...],
    secret: Secret,
    at: datetime,
    by: str,
    form: str = "",
    to_loopback: bool = False,
) -> WebhookEndpoint | Refused:
    """Let a partner be told at a URL, signed with a new secret; at most ten of them (WH-04).

    A URL that is told already is refused, so that asking twice makes one endpoint. `form` is what
    the form of a page drew; `is_sent_again` tells by it whether the same one came twice (WH-12).

    Raises:
        BadInput: nothing may be sent to that URL, or a type is not known.
    """
    target_of(url, to_loopback=to_loopback)
    feed.require_types(types)
    known = endpoints_of(records, partner_id)
    if any(one.url == url for one in known):
        return Refused(MOST_ENDPOINTS.id, f"{url} is an endpoint already", "endpoint_exists")
    most = MOST_ENDPOINTS.on(at.astimezone(UTC).date())
    if len(known) >= most:
        because = f"an organisation has at most {most} endpoints: delete one first"
        return Refused(MOST_ENDPOINTS.id, because, "too_many_endpoints")
    endpoint_id = derived("WHE", partner_id, url, at.isoformat())
    made = WebhookEndpoint(
        id=endpoint_id,
        partner_id=partner_id,
        client_id=by,
        url=url,
        types=types,
        secrets=(SigningSecret(_sealed(seals, secret, endpoint_id)),),
        made_at=at,
        asked=_asked_by(form, at, by),
    )
    book = records.load(WebhookBook, partner_id) or Stored(WebhookBook(partner_id), NEW)
    listed = replace(book.record, endpoint_ids=(*book.record.endpoint_ids, endpoint_id))
    event = _event(made, "webhook_made", at, by, f"partner {partner_id} is told at an endpoint")
    records.commit(Change(saves=(Save(made), book.replaced_by(listed)), events=(event,)))
    return made


def own_endpoint(records: Records, *, endpoint_id: str, partner_id: str) -> Stored[WebhookEndpoint]:
    """Give an endpoint of a partner's.

    Raises:
        NotFound: there is none of that id, or not of this partner, or it was deleted.
    """
    stored = records.load(WebhookEndpoint, endpoint_id)
    is_own = stored is not None and stored.record.partner_id == partner_id
    is_there = stored is not None and stored.record.off is not Off.DELETED
    return require(stored if is_own and is_there else None, "webhook", endpoint_id)


def change(
    records: Records,
    *,
    endpoint_id: str,
    partner_id: str,
    url: str | None = None,
    types: tuple[str, ...] | None = None,
    is_active: bool | None = None,
    at: datetime,
    by: str,
    to_loopback: bool = False,
) -> WebhookEndpoint | Refused:
    """Change where an endpoint is, what it is told, or whether it is on; the rest stays.

    Who moves it to another URL answers for it from then on: money is told there as long as that
    program may see it (F27). One that is switched on, or moved, begins anew, whatever had failed.
    What is told of money is changed by who may see money, and by nobody else (F27).

    Raises:
        NotFound: it is not the partner's.
        BadInput: nothing may be sent to that URL, or a type is not known.
    """
    stored = own_endpoint(records, endpoint_id=endpoint_id, partner_id=partner_id)
    before = after = stored.record
    refused = _refuse_without_role(records, before, by, at)
    if refused is not None:
        return refused
    if types is not None:
        feed.require_types(types)
        after = replace(after, types=types)
    if url is not None and url != before.url:
        target_of(url, to_loopback=to_loopback)
        if any(one.url == url for one in endpoints_of(records, partner_id)):
            return Refused(MOST_ENDPOINTS.id, f"{url} is an endpoint already", "endpoint_exists")
        after = replace(after, url=url, client_id=by)
    saves: tuple[Save, ...] = ()
    is_switched_on = is_active is True and before.off is not Off.NOT
    if is_switched_on:
        after = replace(after, off=Off.NOT, off_at=None)
    if is_switched_on or after.url != before.url:
        health = records.load(EndpointHealth, endpoint_id)
        saves = (health.replaced_by(EndpointHealth(endpoint_id)),) if health else ()
    if is_active is False and before.off is Off.NOT:
        after = replace(after, off=Off.BY_PARTNER, off_at=at)
    if after == before:
        return before
    event = _event(after, "webhook_changed", at, by, f"endpoint {endpoint_id} was changed")
    records.commit(Change(saves=(stored.replaced_by(after), *saves), events=(event,)))
    return after


def delete(records: Records, *, endpoint_id: str, partner_id: str, at: datetime, by: str) -> None:
    """Send nothing to an endpoint any more, and forget its secrets.

    Raises:
        NotFound: it is not the partner's, or was deleted already.
    """
    stored = own_endpoint(records, endpoint_id=endpoint_id, partner_id=partner_id)
    after = replace(stored.record, off=Off.DELETED, off_at=at, secrets=())
    book = require(records.load(WebhookBook, partner_id), "webhooks of partner", partner_id)
    left = tuple(one for one in book.record.endpoint_ids if one != endpoint_id)
    listed = replace(book.record, endpoint_ids=left)
    event = _event(after, "webhook_deleted", at, by, f"endpoint {endpoint_id} was deleted")
    saves = (stored.replaced_by(after), book.replaced_by(listed))
    records.commit(Change(saves=saves, events=(event,)))


def rotate(
    records: Records,
    seals: Shuts,
    *,
    endpoint_id: str,
    partner_id: str,
    secret: Secret,
    at: datetime,
    by: str,
    form: str = "",
) -> WebhookEndpoint | Refused:
    """Put a new secret in the place of an endpoint's; for a day both sign (WH-05).

    At most three sign. A secret is never ended before its day: where three count, the next rotation
    is refused. So is that of an endpoint that is told of money, to who may not see it (F27).

    Raises:
        NotFound: it is not the partner's.
    """
    stored = own_endpoint(records, endpoint_id=endpoint_id, partner_id=partner_id)
    before = stored.record
    refused = _refuse_without_role(records, before, by, at)
    if refused is not None:
        return refused
    secrets = rotated(before.secrets, _sealed(seals, secret, endpoint_id), at=at)
    if secrets is None:
        next_at = min(one.until for one in before.signing(at) if one.until is not None)
        because = (
            f"endpoint {endpoint_id} has {len(before.signing(at))} secrets that sign: "
            f"the next can be made from {next_at.isoformat(timespec='seconds')}"
        )
        return Refused(ROTATION_HOURS.id, because, "too_many_secrets")
    asked = _asked_by(form, at, by)
    after = replace(before, secrets=secrets, rotations=before.rotations + 1, asked=asked)
    event = _event(after, "webhook_rotated", at, by, f"endpoint {endpoint_id} has a new secret")
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def is_sent_again(endpoint: WebhookEndpoint, *, form: str, at: datetime, by: str) -> bool:
    """Tell whether a form is the one that made the secret that counts, sent once more (WH-12)."""
    asked, mine = endpoint.asked, _asked_by(form, at, by)
    if asked is None or mine is None or (asked.form_sha256, asked.by) != (mine.form_sha256, by):
        return False
    minutes = SECRET_AGAIN_MINUTES.on(asked.at.astimezone(UTC).date())
    return at < asked.at + timedelta(minutes=minutes)


def _asked_by(form: str, at: datetime, by: str) -> SecretAsked | None:
    return SecretAsked(hashlib.sha256(form.encode()).hexdigest(), at, by) if form else None


def ping(
    records: Records, *, endpoint_id: str, partner_id: str, at: datetime, by: str
) -> ToldEvent | Refused:
    """Tell an endpoint, and no other, an event that says nothing, to try it out.

    It stands in the feed like any other. Asking too often is refused (WH-11).

    Raises:
        NotFound: it is not the partner's.
        Conflict: the feed moved at the same moment: ask again.
    """
    stored = own_endpoint(records, endpoint_id=endpoint_id, partner_id=partner_id)
    asked = _asked(stored.record, at)
    if isinstance(asked, Refused):
        return asked
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    head = next_event(records, partner_id)
    made = ToldEvent(
        id=feed.event_key(partner_id, head.record.last + 1),
        partner_id=partner_id,
        number=head.record.last + 1,
        type=PING,
        at=at,
        told_at=at,
        expires_at=feed.expires_at(at),
        thing=PING.partition(".")[0],
        thing_id=endpoint_id,
        mode=partner.mode,
        endpoint_id=endpoint_id,
    )
    tried = stored.replaced_by(replace(asked, pings=asked.pings + 1))
    event = _event(stored.record, "webhook_changed", at, by, f"{by} tries {endpoint_id} out")
    records.commit(Change(saves=(tried,), events=(event,)) + appended(records, head, made))
    return made


# ---------------------------------------------------------------------- deliveries
@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A page of deliveries, newest first; the next one goes on below a number."""

    deliveries: tuple[Delivery, ...]
    below: int
    has_more: bool


def deliveries(
    records: Records,
    endpoint: WebhookEndpoint,
    *,
    below: int | None,
    limit: int,
    state: str = "",
    with_money: bool = True,
    at: datetime,
) -> DeliveryPage:
    """Give what was sent to an endpoint, or is to be, newest first (WH-01).

    What is about money is passed over for who may not see it (F27).
    """
    head = next_event(records, endpoint.partner_id).record
    oldest = feed.before_the_oldest(head, at)
    place = begin = min(below or head.last + 1, head.last + 1)
    given: list[Delivery] = []
    while place > oldest + 1 and len(given) < limit and begin - place < PAGE_READS:
        numbers = range(place - 1, max(place - 1 - _BATCH, oldest), -1)
        keys = [delivery_key(endpoint.id, number) for number in numbers]
        found = records.load_all(Delivery, keys)
        for number, key in zip(numbers, keys, strict=True):
            if len(given) == limit:
                break
            place = number
            if key in found and _is_listed(found[key].record, state, with_money=with_money):
                given.append(found[key].record)
    return DeliveryPage(tuple(given), place, has_more=place > oldest + 1)


def _is_listed(one: Delivery, state: str, *, with_money: bool) -> bool:
    return state in {"", one.state} and (with_money or one.type not in feed.MONEY_TYPES)


@dataclass(frozen=True, slots=True)
class SentAgain:
    """How many deliveries were put on their way again, and whether some were left."""

    count: int
    has_more: bool


def redeliver(
    records: Records,
    *,
    endpoint_id: str,
    partner_id: str,
    event_id: str = "",
    since: datetime | None = None,
    at: datetime,
) -> SentAgain | Refused:
    """Send one event to an endpoint again, or all that failed for good since an instant.

    One that is on its way already is left on it, unless its try is long overdue: that one is sent
    again too. An event may also be one that the endpoint was never told of, as long as it may know
    it (F27). Many leave one after another, and asking too often is refused (WH-11).

    Raises:
        NotFound: the endpoint, or the event, is not the partner's, or is not kept any more.
        BadInput: neither an event nor an instant is named, or both are.
        Conflict: somebody else asked at the same moment: ask again.
    """
    stored = own_endpoint(records, endpoint_id=endpoint_id, partner_id=partner_id)
    if bool(event_id) is (since is not None):
        msg = f"sending again to {endpoint_id}: name an event or an instant, one of the two"
        raise BadInput(msg)
    asked = _asked(stored.record, at)
    if isinstance(asked, Refused):
        return asked
    if since is None:
        records.commit(Change(saves=(stored.replaced_by(asked),)))
        return _one_again(records, stored.record, event_id, at)
    begins = sent_from(asked.sends_until, at=at)
    if begins is None:
        because = f"endpoint {endpoint_id} is being sent what failed for an hour to come: wait"
        return Refused(ASKED_PACE.id, because, "too_often")
    lost = [
        one
        for attribute in ("failed_of", "waiting_of")
        for one in records.find(Delivery, by=attribute, value=endpoint_id)
        if _is_lost(one.record, at) and _lost_at(one.record) >= since
    ]
    _, _, step_s = ASKED_PACE.on(at.astimezone(UTC).date())
    step, taken = timedelta(seconds=step_s), lost[:MOST_SENT_AGAIN]
    after = replace(asked, sends_until=begins + step * len(taken))
    records.commit(Change(saves=(stored.replaced_by(after),)))
    count = 0
    for one in taken:
        count += _again(records, one, at, leaves_at=begins + step * count)
    return SentAgain(count, len(lost) > MOST_SENT_AGAIN)


def _is_lost(delivery: Delivery, at: datetime) -> bool:
    """Tell whether nobody tries it any more: it failed for good, or its try is long overdue."""
    due = delivery.next_at or at
    is_stuck = delivery.state is DeliveryState.WAITING and at >= due + STUCK_AFTER
    return delivery.expires_at > at and (is_stuck or delivery.state is DeliveryState.FAILED)


def _lost_at(delivery: Delivery) -> datetime:
    """Give when it failed last, or was due; one that was never tried failed when it was made."""
    if delivery.state is DeliveryState.WAITING and delivery.next_at is not None:
        return delivery.next_at
    return delivery.tries[-1].at if delivery.tries else datetime.max.replace(tzinfo=UTC)


def _one_again(
    records: Records, endpoint: WebhookEndpoint, event_id: str, at: datetime
) -> SentAgain | Refused:
    event = event_of(records, partner_id=endpoint.partner_id, event_id=event_id, at=at)
    is_known = event is not None and event.endpoint_id in {"", endpoint.id}
    if event is None or not is_known or not _may_know(records, endpoint, event, at):
        require(None, "event", event_id)
        return SentAgain(0, has_more=False)
    stored = records.load(Delivery, delivery_key(endpoint.id, event.number))
    if stored is not None:
        return SentAgain(int(_again(records, stored, at, leaves_at=at)), has_more=False)
    made = Delivery(
        id=delivery_key(endpoint.id, event.number),
        endpoint_id=endpoint.id,
        partner_id=endpoint.partner_id,
        number=event.number,
        event_id=event_id,
        type=event.type,
        state=DeliveryState.WAITING,
        expires_at=event.expires_at,
        next_at=at,
    )
    records.commit(Change(saves=(Save(made),), messages=(due_message(made, at),)))
    return SentAgain(1, has_more=False)


def _may_know(records: Records, endpoint: WebhookEndpoint, event: ToldEvent, at: datetime) -> bool:
    """Tell whether an endpoint may hear of an event, whatever types it asked for."""
    return is_told_to(records, replace(endpoint, types=()), event, at=at)


def _again(
    records: Records, stored: Stored[Delivery], at: datetime, *, leaves_at: datetime
) -> bool:
    before = stored.record
    if before.state is DeliveryState.WAITING and at < (before.next_at or at) + STUCK_AFTER:
        return False
    after = replace(
        before,
        state=DeliveryState.WAITING,
        next_at=leaves_at,
        round=before.round + 1,
        tried=0,
        failed_of="",
        put_offs=0,
        has_place=False,
    )
    messages = (due_message(after, leaves_at),)
    records.commit(Change(saves=(stored.replaced_by(after),), messages=messages))
    return True


def _asked(endpoint: WebhookEndpoint, at: datetime) -> WebhookEndpoint | Refused:
    """Give the endpoint with one request more on record, if it is on and one fits (WH-11)."""
    if endpoint.off is not Off.NOT:
        because = f"endpoint {endpoint.id} is switched off ({endpoint.off}): switch it on first"
        return Refused("WH-06", because, "endpoint_off")
    until = asked_after(endpoint.asked_until, at=at)
    if until is None:
        because = f"endpoint {endpoint.id} was tried out or sent to again too often: wait a minute"
        return Refused(ASKED_PACE.id, because, "too_often")
    return replace(endpoint, asked_until=until)


def _refuse_without_role(
    records: Records, endpoint: WebhookEndpoint, by: str, at: datetime
) -> Refused | None:
    """Say why somebody may not change an endpoint that is told of money (F27)."""
    partner_id = endpoint.partner_id
    if not may_see_money(records, endpoint.client_id, partner_id=partner_id, at=at):
        return None
    if may_see_money(records, by, partner_id=partner_id, at=at):
        return None
    because = (
        f"endpoint {endpoint.id} is told of money: that is changed by an Accounting Admin, "
        "or a program with that role"
    )
    return Refused("F27", because, "role_needed")


def _event(endpoint: WebhookEndpoint, what: str, at: datetime, by: str, says: str) -> Event:
    return Event(endpoint.id, what, at, by, MOST_ENDPOINTS.id, (endpoint.partner_id,), says)
