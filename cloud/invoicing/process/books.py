"""Loading an invoice with all that its money touches, and writing them together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from cloud.invoicing import claim_letters
from cloud.invoicing.backbill import Advance, Claim, advance, claim_of
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Invoice,
    InvoiceState,
    Notice,
    Offset,
    Spent,
    Standing,
    Superseded,
    WorkOrderSpend,
)
from cloud.invoicing.policy import BACK_BILL_NOTICE_DAYS
from cloud.kernel.calendar import BusinessCalendar
from cloud.kernel.change import Change, Event, Letter, Message, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner
from cloud.service.clocks import AFTER_THE_LAST_INSTANT
from cloud.service.models import Coordinator, WorkOrder
from cloud.service.sla import calendar_at

BY_INVOICING = "invoicing"
BACK_BILL_DUE = "back_bill_due"
ATTEMPTS = 5
"""How often a lost race for a work order's money is tried again."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Books:
    """The money of one work order as it was loaded.

    Attributes:
        invoice: the one that is about to change; None where none is.
        others: the invoices of the work order but that one.
    """

    order: Stored[WorkOrder]
    spend: Stored[WorkOrderSpend]
    invoice: Stored[Invoice] | None
    others: tuple[Invoice, ...]


def load_spend(records: Records, work_order_id: str) -> Stored[WorkOrderSpend]:
    """Give what a work order's invoices spend so far."""
    return records.load(WorkOrderSpend, work_order_id) or Stored(WorkOrderSpend(work_order_id), 0)


def load_invoice(records: Records, invoice_id: str) -> Stored[Invoice]:
    """Give an invoice with its version.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(Invoice, invoice_id), "invoice", invoice_id)


def load_order(records: Records, work_order_id: str) -> Stored[WorkOrder]:
    """Give a work order with its version.

    Raises:
        NotFound: there is none with that number.
    """
    return require(records.load(WorkOrder, work_order_id), "work order", work_order_id)


def load_partner(records: Records, partner_id: str) -> Partner:
    """Give a partner.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(Partner, partner_id), "partner", partner_id).record


def coordinator_of(records: Records, name: str) -> Coordinator | None:
    """Give a coordinator, None where the name stands for a queue."""
    found = records.load(Coordinator, name)
    return found.record if found else None


def books_of(records: Records, work_order_id: str, invoice: Stored[Invoice] | None = None) -> Books:
    """Load the money of a work order, around the invoice that is about to change."""
    spend = load_spend(records, work_order_id)
    mine = invoice.record.id if invoice else ""
    ids = [one.invoice_id for one in spend.record.spent if one.invoice_id != mine]
    found = records.load_all(Invoice, ids)
    others = tuple(found[one].record for one in ids if one in found)
    return Books(load_order(records, work_order_id), spend, invoice, others)


def commit_invoice(
    records: Records, books: Books, after: Invoice, *, at: datetime, told: Change
) -> Invoice:
    """Write an invoice with what it spends and what can be claimed back for it, at once.

    The work order is relied on: a finding or an approval that comes meanwhile stops this. Where it
    says something else from now on, what it said until now is kept beside it.
    """
    order = books.order.record
    kept = _superseded(books, after, at)
    after = replace(after, superseded=kept.invoice.superseded + 1) if kept else after
    known = {one.invoice_id: one for one in books.spend.record.spent}
    known[after.id] = Spent(after.id, after.content.total, after.state)
    spent = tuple(known.values())
    # What is submitted, for the first time or again, comes last: it is held against the limit after
    # whatever was taken meanwhile.
    if _enters(books, after):
        spent = (*(one for one in spent if one.invoice_id != after.id), known[after.id])
    spend = replace(books.spend.record, spent=spent)
    claimed = claim_change(records, order, spend, (*books.others, after), at=at)
    saves = (
        (books.invoice or Stored(after, 0)).replaced_by(after),
        books.spend.replaced_by(spend),
        *([Save(kept)] if kept else []),
    )
    records.commit(Change(saves=saves, relies_on=(books.order.relied_on(),)) + told + claimed)
    return after


def superseded_ids(invoice: Invoice) -> tuple[str, ...]:
    """Name the records of what an invoice said before, the oldest first."""
    return tuple(derived("INVS", invoice.id, place) for place in range(invoice.superseded))


def _superseded(books: Books, after: Invoice, at: datetime) -> Superseded | None:
    if books.invoice is None:
        return None
    before = books.invoice.record
    if before.content == after.content and not _enters(books, after):
        return None
    return Superseded(derived("INVS", before.id, before.superseded), before, at)


def _enters(books: Books, after: Invoice) -> bool:
    was_there = books.invoice is not None and books.invoice.record.state is InvoiceState.SUBMITTED
    return after.state is InvoiceState.SUBMITTED and not was_there


def claim_change(
    records: Records,
    order: WorkOrder,
    spend: WorkOrderSpend,
    invoices: tuple[Invoice, ...],
    *,
    at: datetime,
) -> Change:
    """Give what follows for the back-bill of a work order from its costs as they stand now."""
    claim = claim_of(order, spend, invoices)
    stored = records.load(BackBill, bill_id(order.id))
    if stored is None and not claim.is_any:
        return Change()
    before = stored or Stored(new_bill(order), 0)
    return advanced(records, before, before.record, claim, order=order, at=at)


def advanced(
    records: Records,
    stored: Stored[BackBill],
    bill: BackBill,
    claim: Claim,
    *,
    order: WorkOrder,
    at: datetime,
) -> Change:
    """Give the change that moves a back-bill on, with its letters, offset and timer (B-54, B-54a).

    Empty where nothing changes.
    """
    calendar = calendar_at(order.time_zone, on=order.policy_day)
    moved = advance(bill, claim, now=at, due_at=end_of_notice(order, calendar, at))
    after = _with_standing(moved.bill, at)
    if stored.version and after == stored.record:
        return Change()
    timer = Timer(f"{after.id}:{BACK_BILL_DUE}", after.id, BACK_BILL_DUE, at)
    due = [one.due_at for one in after.notices if one.due_at >= at and not after.held_by]
    # The store keeps instants in UTC.
    armed = (
        [replace(timer, due_at=min(due).astimezone(UTC) + AFTER_THE_LAST_INSTANT)] if due else []
    )
    causes = (order.id, order.case_id, *claim.sources)
    said = _told(records, stored.record.state, moved, order, causes=causes, at=at)
    return (
        Change(
            saves=(stored.replaced_by(after),),
            timers=tuple(armed),
            cancelled_timers=(timer.id,) if stored.record.notices and not armed else (),
        )
        + said
    )


def bill_id(work_order_id: str) -> str:
    """Name the back-bill of a work order; there is one at most."""
    return derived("BB", work_order_id)


def new_bill(order: WorkOrder) -> BackBill:
    """Give the back-bill of a work order before anything is known of it."""
    return BackBill(
        id=bill_id(order.id),
        work_order_id=order.id,
        partner_id=order.original_installer_id,
        state=BackBillState.CANDIDATE,
    )


def end_of_notice(order: WorkOrder, calendar: BusinessCalendar, at: datetime) -> datetime:
    """Give until when a back-bill that is notified now can be disputed (B-54a)."""
    days = BACK_BILL_NOTICE_DAYS.on(order.policy_day)
    return calendar.close_of_business(after=calendar.deemed(at).date(), days=days)


def retried(attempt: Callable[[], T]) -> T:
    """Do something again when others wrote to the same books first, a few times.

    Raises:
        Conflict: others were faster each time.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except Conflict:
            continue
    return attempt()


def conflict(invoice: Invoice, rule: str = "I-66") -> Refused:
    """Refuse what does not fit to where an invoice stands."""
    return Refused(rule, f"invoice {invoice.id} stands as {invoice.state}", "conflict")


def _told(
    records: Records,
    before: BackBillState,
    moved: Advance,
    order: WorkOrder,
    *,
    causes: tuple[str, ...],
    at: datetime,
) -> Change:
    """Give the events, letters and messages of a back-bill that moved."""
    bill = moved.bill
    change = Change()
    if bill.state is not before or not bill.standings:
        says = f"back-bill {bill.id} stands as {bill.state}: {bill.total} owed"
        event = Event(bill.id, f"back_bill_{bill.state}", at, BY_INVOICING, "B-53", causes, says)
        change += Change(events=(event,))
    if moved.notice is not None:
        change += _notified(records, bill, moved.notice, order, causes=causes, at=at)
    if moved.offset:
        change += _handed_on(records, bill, order, bill.offsets[-1], causes=causes, at=at)
    return change


def _notified(
    records: Records,
    bill: BackBill,
    notice: Notice,
    order: WorkOrder,
    *,
    causes: tuple[str, ...],
    at: datetime,
) -> Change:
    partner = load_partner(records, bill.partner_id)
    says = f"{bill.partner_id} is told of {notice.total} for work order {order.id}"
    letter = claim_letters.notified(bill, notice, partner=partner, time_zone=order.time_zone, at=at)
    event = Event(bill.id, "back_bill_told", at, BY_INVOICING, "B-54a", causes, says)
    return Change(events=(event,), letters=(letter,))


def _handed_on(
    records: Records,
    bill: BackBill,
    order: WorkOrder,
    offset: Offset,
    *,
    causes: tuple[str, ...],
    at: datetime,
) -> Change:
    """Give what the funding runs take from the installer; below zero they give it back."""
    partner = load_partner(records, bill.partner_id)
    if offset.amount > ZERO:
        says = f"workmanship on work order {order.id}: {bill.cost} paid, {bill.markup} markup"
        what, letter = "back_billed", claim_letters.back_billed
    else:
        says = f"back-bill {bill.id} of work order {order.id} is now {bill.total}"
        what, letter = "back_bill_credit_posted", claim_letters.credited
    amount = Money(abs(offset.amount.cents))
    return Change(
        events=(Event(bill.id, what, at, BY_INVOICING, "B-54", causes, says),),
        letters=(letter(bill, partner=partner, amount=amount, at=at),),
        messages=(_offset(bill, order, offset, says=says, causes=causes, at=at),),
    )


def _offset(
    bill: BackBill,
    order: WorkOrder,
    offset: Offset,
    *,
    says: str,
    causes: tuple[str, ...],
    at: datetime,
) -> Message:
    zone = calendar_at(order.time_zone, on=order.policy_day).zone
    body = {
        "offset_id": offset.id,
        "partner_id": bill.partner_id,
        "amount_cents": offset.amount.cents,
        "kind": "back_bill",
        "incurred_on": at.astimezone(zone).date().isoformat(),
        "says": says,
        "causes": list(causes),
    }
    return Message(id=offset.id, topic="offset", body=body, at=at)


def _with_standing(bill: BackBill, at: datetime) -> BackBill:
    """Note how a back-bill stands from now on, where that is new."""
    standing = Standing(at, bill.state, bill.expected, bill.total, bill.posted, bill.credited)
    latest = bill.standings[-1] if bill.standings else None
    if latest is not None and replace(latest, at=at) == standing:
        return bill
    return replace(bill, standings=(*bill.standings, standing))


def letters_to(
    coordinator: Coordinator | None, write: Callable[[Coordinator], Letter]
) -> tuple[Letter, ...]:
    """Write to a coordinator, or to nobody where a queue stands for one."""
    return () if coordinator is None else (write(coordinator),)
