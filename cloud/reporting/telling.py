"""Telling partners: an entry of the log becomes events of their feeds, each once, and is read.

An event's place is given when it is written down: the next number of its partner's feed, in the
same transaction as the head that says how far the feed has come. So whoever has read up to a number
has missed nothing before it, however late an entry of the log was seen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud.funding.approval import is_allowed
from cloud.funding.direct_pay import DirectPay
from cloud.funding.exports import ExportOrder
from cloud.funding.extension import ExtensionRequest
from cloud.funding.models import Deduction, FundingRun, Payable, PaymentTrace, RunPlan
from cloud.funding.tickets import Ticket
from cloud.invoicing.models import BackBill, Dispute, Invoice
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import NEW, Change, Event, Message, Save
from cloud.kernel.errors import Conflict
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import ApiClient, Partner, Project
from cloud.portfolio.organisation import OptInRequest
from cloud.portfolio.papers import BankChange, PartnerDocument, PartnerPerson
from cloud.reporting import feed
from cloud.reporting.feed import FeedHead, Telling, Told, ToldEvent, Whose
from cloud.reporting.webhooks import (
    Delivery,
    DeliveryState,
    Off,
    WebhookBook,
    WebhookEndpoint,
    delivery_key,
)
from cloud.service.models import Assignment, WorkOrder

DELIVER = "webhook_due"
"""Topic of the message by which a delivery is tried."""
TRIES = 8
"""How often a feed that somebody else moved meanwhile is loaded again."""
PAGE_READS = 1000
"""Events that one page looks at; it ends there, and the next one goes on."""
_BATCH = 100

KINDS: Mapping[str, type[Any]] = {
    "service.WorkOrder": WorkOrder,
    "invoicing.Invoice": Invoice,
    "invoicing.BackBill": BackBill,
    "invoicing.Dispute": Dispute,
    "funding.Payable": Payable,
    "funding.Deduction": Deduction,
    "funding.RunPlan": RunPlan,
    "funding.FundingRun": FundingRun,
    "funding.PaymentTrace": PaymentTrace,
    "funding.ExtensionRequest": ExtensionRequest,
    "funding.Ticket": Ticket,
    "funding.ExportOrder": ExportOrder,
    "funding.DirectPay": DirectPay,
    "portfolio.Partner": Partner,
    "portfolio.Project": Project,
    "portfolio.BankChange": BankChange,
    "portfolio.PartnerDocument": PartnerDocument,
    "portfolio.OptInRequest": OptInRequest,
}
"""The kinds that the table of `cloud.reporting.feed` names."""


# ---------------------------------------------------------------------- telling
def tell(records: Records, entry: Event, *, key: str, at: datetime) -> tuple[ToldEvent, ...]:
    """Write an entry of the log down for the partners whose it is; a second time changes nothing.

    Args:
        records: where everything is kept.
        entry: as it stands in the log.
        key: what names the entry among all others.
        at: now: the moment of writing down, from which the event is kept (WH-01).

    Raises:
        Conflict: others kept moving the same feed; the same call may go through later.
    """
    written = []
    for told, partner_id, thing_id in _listeners(records, entry):
        made = _write_down(records, entry, told, partner_id, thing_id, key=key, at=at)
        written += [made] if made is not None else []
    return tuple(written)


def _listeners(records: Records, entry: Event) -> Iterator[tuple[Told, str, str]]:
    """Give each partner that is told, with how, and with the id of what it is about."""
    for told in feed.TOLD.get(entry.what, ()):
        about = (*entry.causes, "")[0] if told.by_cause else entry.subject
        stored = records.load(KINDS[told.kind], about) if about else None
        if stored is None:
            continue  # it is about another kind of thing that has entries of the same name
        for partner_id in _whose(records, told, stored, entry):
            yield told, partner_id, _thing_id(stored.record)
        return


def _whose(records: Records, told: Told, stored: Stored[Any], entry: Event) -> tuple[str, ...]:
    record = stored.record
    if told.whose is Whose.PAID:
        lines = records.find(PaymentTrace, by="run_id", value=record.id)
        paid = (one.record for one in lines if not one.record.return_code)
        return tuple(sorted({one.partner_id for one in paid}))
    if told.whose is Whose.OWN:
        owner = record.id if isinstance(record, Partner) else record.partner_id
        return (owner,) if owner else ()
    had = holder_at(record.assignments, entry.at, is_end=told.whose is Whose.GIVEN_ON)
    return (had.partner_id,) if had is not None else ()


def holder_at(offers: Sequence[Assignment], at: datetime, *, is_end: bool) -> Assignment | None:
    """Give the offer that a work order was out on at an instant, however it stands by now.

    At the instant at which it was given on, an end belongs to who lost it, all else to who has it.
    Later, while nobody has it, nothing that becomes of it is anybody's.
    """
    ended = [one for one in offers if one.ended_at == at]
    if is_end and ended:
        return ended[-1]
    # What a clock found out is dated by the deadline, and belongs to who had the order then.
    begun = [one for one in offers if one.offered_at <= at] or list(offers[:1])
    latest = begun[-1] if begun else None
    if latest is not None and latest.ended_at is not None and latest.ended_at < at:
        return None
    return latest


def _thing_id(record: Any) -> str:
    """Give the id by which partners know a thing; a payment is known by its run."""
    named = record.run_id if isinstance(record, RunPlan | PaymentTrace) else record.id
    return str(named)


def _write_down(
    records: Records,
    entry: Event,
    told: Told,
    partner_id: str,
    thing_id: str,
    *,
    key: str,
    at: datetime,
) -> ToldEvent | None:
    telling_id = derived("TELL", key, partner_id)
    partner = records.load(Partner, partner_id)
    if partner is None:
        return None
    for left in reversed(range(TRIES)):
        if records.load(Telling, telling_id) is not None:
            return None
        head = _head(records, partner_id)
        made = ToldEvent(
            id=feed.event_key(partner_id, head.record.last + 1),
            partner_id=partner_id,
            number=head.record.last + 1,
            type=told.type,
            at=entry.at,
            told_at=at,
            expires_at=feed.expires_at(at),
            thing=told.thing,
            thing_id=thing_id,
            mode=partner.record.mode,
            is_money=told.is_money,
        )
        mark = Telling(telling_id, made.number, made.expires_at)
        try:
            records.commit(Change(saves=(Save(mark),)) + appended(records, head, made))
        except Conflict:
            if not left:
                raise
        else:
            return made
    return None


def _head(records: Records, partner_id: str) -> Stored[FeedHead]:
    return records.load(FeedHead, partner_id) or Stored(FeedHead(partner_id), NEW)


def appended(records: Records, head: Stored[FeedHead], made: ToldEvent) -> Change:
    """Give the change that puts an event at the end of a feed, and on its way to the endpoints."""
    change = Change(saves=(head.replaced_by(feed.moved_on(head.record, made.told_at)), Save(made)))
    for endpoint in endpoints_of(records, made.partner_id):
        is_its_own = made.endpoint_id in {"", endpoint.id}
        if is_its_own and is_told_to(records, endpoint, made, at=made.told_at):
            change += _sent_off(endpoint, made)
    return change


def next_event(records: Records, partner_id: str) -> Stored[FeedHead]:
    """Give the head of a partner's feed, for who appends to it."""
    return _head(records, partner_id)


def endpoints_of(records: Records, partner_id: str) -> list[WebhookEndpoint]:
    """Give a partner's endpoints that were not deleted, oldest first."""
    book = records.load(WebhookBook, partner_id)
    ids = book.record.endpoint_ids if book else ()
    found = records.load_all(WebhookEndpoint, ids)
    return [found[one].record for one in ids if one in found]


def is_told_to(
    records: Records, endpoint: WebhookEndpoint, made: ToldEvent, *, at: datetime
) -> bool:
    """Tell whether an endpoint hears of an event: it is on, asked for it, and may know.

    Whoever named its URL may still call, in the name of a partner that is active (API-04); and
    for money has the role (F27).
    """
    if endpoint.off is not Off.NOT:
        return False
    if not made.endpoint_id and not feed.is_wanted(made.type, endpoint.types):
        return False
    partner = records.load(Partner, endpoint.partner_id)
    if partner is None or not partner.record.active:
        return False
    roles = _roles_of(records, endpoint.client_id, partner_id=endpoint.partner_id)
    return roles is not None and (not made.is_money or _is_for_money(roles, at))


def may_see_money(records: Records, who: str, *, partner_id: str, at: datetime) -> bool:
    """Tell whether a partner's program or person may know of money (F27)."""
    roles = _roles_of(records, who, partner_id=partner_id)
    return roles is not None and _is_for_money(roles, at)


def _is_for_money(roles: frozenset[str], at: datetime) -> bool:
    return is_allowed(roles, "view_payouts", same_organisation=True, on=eastern_day(at))


def _roles_of(records: Records, who: str, *, partner_id: str) -> frozenset[str] | None:
    """Give the roles of a partner's program or person; None where it is stopped, or not there."""
    client = records.load(ApiClient, who)
    if client is not None:
        is_well = client.record.partner_id == partner_id and not client.record.is_stopped
        return client.record.roles if is_well else None
    person = records.load(PartnerPerson, who)
    if person is None or person.record.partner_id != partner_id or not person.record.is_active:
        return None
    return person.record.roles


def _sent_off(endpoint: WebhookEndpoint, made: ToldEvent) -> Change:
    delivery = Delivery(
        id=delivery_key(endpoint.id, made.number),
        endpoint_id=endpoint.id,
        partner_id=made.partner_id,
        number=made.number,
        event_id=made.public_id,
        type=made.type,
        state=DeliveryState.WAITING,
        expires_at=made.expires_at,
        next_at=made.told_at,
    )
    return Change(saves=(Save(delivery),), messages=(due_message(delivery, made.told_at),))


def due_message(delivery: Delivery, at: datetime) -> Message:
    """Give the message by which a delivery is tried at an instant, once for each put-off."""
    causes = (delivery.id, delivery.round, delivery.tried, delivery.put_offs)
    names = ("delivery_id", "round", "tried", "put_offs")
    body = dict(zip(names, causes, strict=True))
    return Message(id=derived("WHK", *causes), topic=DELIVER, body=body, at=at)


# ---------------------------------------------------------------------- reading
@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of a feed.

    Attributes:
        last: the number up to which everything was looked at; the next page begins after it.
        has_more: whether there is more by now.
        missed: how many events had expired before they were read.
    """

    events: tuple[ToldEvent, ...]
    last: int
    has_more: bool
    missed: int


def read_feed(
    records: Records,
    *,
    partner_id: str,
    after: int | None,
    limit: int,
    types: Iterable[str] = (),
    with_money: bool,
    at: datetime,
) -> FeedPage:
    """Give what a partner was told after a number, in the order of the feed; nothing is left out.

    A reader without a number begins with the oldest that is still kept (WH-01). Money is only for
    who may see it (F27); what a reader may not see, or did not ask for, is passed over.
    """
    wanted = tuple(types)
    head = _head(records, partner_id).record
    oldest = feed.before_the_oldest(head, at)
    asked = oldest if after is None else min(after, head.last)
    place = begin = max(asked, oldest)
    given: list[ToldEvent] = []
    live = 0
    while place < head.last and len(given) < limit and place - begin < PAGE_READS:
        numbers = range(place + 1, min(place + _BATCH, head.last) + 1)
        keys = [feed.event_key(partner_id, number) for number in numbers]
        found = records.load_all(ToldEvent, keys)
        for number, key in zip(numbers, keys, strict=True):
            if len(given) == limit:
                break
            place = number
            stored = found.get(key)
            if stored is None or stored.record.expires_at <= at:
                continue
            live += 1
            if _is_shown(stored.record, wanted, with_money=with_money):
                given.append(stored.record)
    missed = place - asked - live if after is not None else 0
    return FeedPage(tuple(given), place, has_more=place < head.last, missed=missed)


def _is_shown(one: ToldEvent, wanted: Sequence[str], *, with_money: bool) -> bool:
    return feed.is_wanted(one.type, wanted) and (with_money or not one.is_money)


def event_of(records: Records, *, partner_id: str, event_id: str, at: datetime) -> ToldEvent | None:
    """Give one event of a partner's feed by the id that partners see, while it is kept."""
    number = feed.number_of(event_id)
    stored = records.load(ToldEvent, feed.event_key(partner_id, number)) if number else None
    if stored is None or stored.record.expires_at <= at.astimezone(UTC):
        return None
    return stored.record if stored.record.public_id == event_id else None
