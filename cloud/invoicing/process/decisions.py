"""What becomes of a submitted invoice: a person approves, returns or rejects it."""

from dataclasses import replace
from datetime import UTC, datetime

from cloud.invoicing import letters
from cloud.invoicing.approval import RELATIONSHIP_MANAGER, escalates_to
from cloud.invoicing.completeness import EarlierInvoice, approval_errors, spend_of
from cloud.invoicing.models import (
    Invoice,
    InvoiceState,
    Returned,
    Spent,
    WorkOrderSpend,
)
from cloud.invoicing.process.submission import (
    APPROVAL_DUE,
    due_of,
    load_spend,
    spend_approvals,
    timer_of,
)
from cloud.kernel.change import Change, Event, Letter, Message, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner
from cloud.service.clocks import AFTER_THE_LAST_INSTANT, BY_CLOCK
from cloud.service.models import Cause, Coordinator, WorkOrder


def approve(records: Records, *, invoice_id: str, by: str, at: datetime) -> Invoice | Refused:
    """Approve an invoice, which hands it to the funding runs as a payable (I-62, I-66).

    Whoever submitted it cannot approve it. The prior approvals are checked again, and so is the
    cause: a finding may have come since. The same approval again changes nothing.
    """
    stored = _load(records, invoice_id)
    invoice = stored.record
    if invoice.state is InvoiceState.APPROVED and invoice.decided_by == by:
        return invoice
    if invoice.state is not InvoiceState.SUBMITTED:
        return _conflict(invoice)
    if by == invoice.submitted_by:
        return Refused("I-66", "who submitted an invoice cannot approve it", "same_person")
    known = require(
        records.load(WorkOrder, invoice.work_order_id), "work order", invoice.work_order_id
    )
    order = known.record
    spend = load_spend(records, order.id)
    refused = _may_not_be_paid(invoice, order, spend.record)
    if refused is not None:
        return refused
    after = replace(invoice, state=InvoiceState.APPROVED, decided_at=at, decided_by=by)
    amount = after.content.total
    says = f"invoice {after.content.number} for work order {order.id}: {amount}, approved by {by}"
    payable = Message(
        id=derived("PAY", invoice_id),
        topic="payable",
        at=at,
        body={
            "invoice_id": invoice_id,
            "partner_id": invoice.partner_id,
            "work_order_id": order.id,
            "site_id": order.site_id,
            "amount_cents": amount.cents,
            "approved_at": at.astimezone(UTC).isoformat(),
            "says": says,
        },
    )
    letter = letters.approved(after, partner=_partner(records, invoice.partner_id), at=at)
    event = Event(invoice_id, "approved", at, by, "I-66", (order.id,), says)
    change = _decided(stored, spend, after, event, letter)
    # Cause and approvals stand in the work order: a finding that comes meanwhile stops this.
    records.commit(change + Change(messages=(payable,), relies_on=(known.relied_on(),)))
    return after


def return_to_partner(
    records: Records, *, invoice_id: str, reason: str, by: str, at: datetime
) -> Invoice | Refused:
    """Send an invoice back for a correction; the clock stands until it comes again (I-66)."""
    stored = _load(records, invoice_id)
    invoice = stored.record
    if invoice.state is InvoiceState.RETURNED:
        return invoice
    if invoice.state is not InvoiceState.SUBMITTED:
        return _conflict(invoice)
    after = replace(
        invoice,
        state=InvoiceState.RETURNED,
        returned=(*invoice.returned, Returned(at, None, reason)),
    )
    partner = _partner(records, invoice.partner_id)
    letter = letters.returned(after, partner=partner, reason=reason, at=at)
    says = f"invoice {invoice.content.number} went back to the partner: {reason}"
    event = Event(invoice_id, "returned", at, by, "I-66", (invoice.work_order_id,), says)
    spend = load_spend(records, invoice.work_order_id)
    records.commit(_decided(stored, spend, after, event, letter))
    return after


def reject(
    records: Records, *, invoice_id: str, reason: str, by: str, at: datetime
) -> Invoice | Refused:
    """Refuse to pay an invoice; it no longer counts against the work order's limit (I-64)."""
    stored = _load(records, invoice_id)
    invoice = stored.record
    if invoice.state is InvoiceState.REJECTED:
        return invoice
    if invoice.state is not InvoiceState.SUBMITTED:
        return _conflict(invoice)
    after = replace(
        invoice, state=InvoiceState.REJECTED, decided_at=at, decided_by=by, reason=reason
    )
    partner = _partner(records, invoice.partner_id)
    letter = letters.rejected(after, partner=partner, reason=reason, at=at)
    says = f"invoice {invoice.content.number} was rejected: {reason}"
    event = Event(invoice_id, "rejected", at, by, "I-64", (invoice.work_order_id,), says)
    spend = load_spend(records, invoice.work_order_id)
    records.commit(_decided(stored, spend, after, event, letter))
    return after


def wake(records: Records, *, timer: Timer, at: datetime) -> Invoice:
    """Escalate an invoice that nobody decided in time, once (I-66, I-69).

    Silence approves nothing. A deadline that moved meanwhile is looked at again when it comes.

    Raises:
        BadInput: the timer is another stage's.
    """
    if timer.wakes != APPROVAL_DUE:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is not the decision on an invoice"
        raise BadInput(msg)
    stored = _load(records, timer.subject)
    invoice = stored.record
    due_at = due_of(invoice, _order(records, invoice))
    if invoice.state is not InvoiceState.SUBMITTED or invoice.escalated_at or due_at is None:
        return invoice
    if escalates_to(due_at=due_at, now=at) is None:
        later = due_at.astimezone(UTC) + AFTER_THE_LAST_INSTANT
        records.commit(Change(timers=(replace(timer, due_at=later),)))
        return invoice
    due_at = due_at.astimezone(UTC)
    after = replace(invoice, escalated_at=due_at)
    says = f"invoice {invoice.content.number} was not decided in time: {RELATIONSHIP_MANAGER}"
    event = Event(invoice.id, "escalated", due_at, BY_CLOCK, "I-69", (invoice.work_order_id,), says)
    spc = records.load(Coordinator, invoice.routed_to)
    sent = (letters.overdue(invoice, coordinator=spc.record, at=at),) if spc else ()
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=sent))
    return after


def _may_not_be_paid(invoice: Invoice, order: WorkOrder, spend: WorkOrderSpend) -> Refused | None:
    """Give why an invoice may not be paid as things stand now (B-51, I-62)."""
    if order.cause is Cause.WORKMANSHIP and invoice.partner_id == order.original_installer_id:
        because = "an installer repairs its own workmanship at its own cost"
        return Refused("B-51", because, "covered_by_workmanship_warranty")
    ids = [one.invoice_id for one in spend.spent]
    earlier = spend.spent[: ids.index(invoice.id)]
    spending = spend_of(
        ((line.performed_at, line.amount) for line in invoice.content.lines),
        others=[EarlierInvoice(one.total, one.state) for one in earlier],
        on=order.policy_day,
    )
    errors = approval_errors(
        spending,
        approvals=spend_approvals(order),
        spend_limit=order.spend_limit,
        on=order.policy_day,
    )
    if not errors:
        return None
    because = f"invoice {invoice.content.number} lacks its prior approval"
    return Refused("I-62", because, min(errors))


def _decided(
    stored: Stored[Invoice],
    spend: Stored[WorkOrderSpend],
    after: Invoice,
    event: Event,
    letter: Letter,
) -> Change:
    spent = tuple(
        Spent(one.invoice_id, one.total, after.state) if one.invoice_id == after.id else one
        for one in spend.record.spent
    )
    saves: tuple[Save, ...] = (
        stored.replaced_by(after),
        spend.replaced_by(replace(spend.record, spent=spent)),
    )
    return Change(
        saves=saves, events=(event,), letters=(letter,), cancelled_timers=(timer_of(after),)
    )


def _load(records: Records, invoice_id: str) -> Stored[Invoice]:
    return require(records.load(Invoice, invoice_id), "invoice", invoice_id)


def _order(records: Records, invoice: Invoice) -> WorkOrder:
    found = records.load(WorkOrder, invoice.work_order_id)
    return require(found, "work order", invoice.work_order_id).record


def _partner(records: Records, partner_id: str) -> Partner:
    return require(records.load(Partner, partner_id), "partner", partner_id).record


def _conflict(invoice: Invoice) -> Refused:
    return Refused("I-66", f"invoice {invoice.id} stands as {invoice.state}", "conflict")
