"""What becomes of a submitted invoice: people approve, return, reject or escalate it."""

from dataclasses import replace
from datetime import UTC, datetime

from cloud.invoicing import letters
from cloud.invoicing.approval import RELATIONSHIP_MANAGER, escalates_to, may_decide, needs_second
from cloud.invoicing.billing import unreimbursable
from cloud.invoicing.completeness import EarlierInvoice, approval_errors, spend_of
from cloud.invoicing.models import WITHDRAWN, Invoice, InvoiceState, Returned, WorkOrderSpend
from cloud.invoicing.policy import SECOND_APPROVAL_CENTS
from cloud.invoicing.process.books import (
    Books,
    books_of,
    commit_invoice,
    conflict,
    coordinator_of,
    letters_to,
    load_invoice,
    load_partner,
)
from cloud.invoicing.process.submission import due_of, issuing_spc, spend_approvals, timer_names
from cloud.kernel.change import Change, Event, Letter, Message
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.policy import Rule
from cloud.kernel.ports import Records
from cloud.portfolio.process import relationship_manager_of
from cloud.service.models import WorkOrder

_UNDECIDED = frozenset({InvoiceState.SUBMITTED, InvoiceState.RETURNED})


def approve(
    records: Records,
    *,
    invoice_id: str,
    by: str,
    at: datetime,
    second_approval: Rule[int | None] = SECOND_APPROVAL_CENTS,
) -> Invoice | Refused:
    """Approve an invoice, which hands it to the funding runs as a payable (I-62, I-66, I-66b).

    Only who it was routed to decides, and never who submitted it; above the amount of
    `second_approval` another person approves as well. The prior approvals are checked again, and so
    are the causes: a finding may have come since. The same approval again changes nothing.
    """
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    approvers = {invoice.decided_by, invoice.first_approved_by}
    if invoice.state in {InvoiceState.APPROVED, InvoiceState.PAID} and by in approvers:
        return invoice
    if invoice.state is not InvoiceState.SUBMITTED:
        return conflict(invoice)
    if by == invoice.submitted_by:
        return Refused("I-66", "who submitted an invoice cannot approve it", "same_person")
    books = books_of(records, invoice.work_order_id, stored)
    order = books.order.record
    wanted = needs_second(invoice.content.total, above_cents=second_approval.on(order.policy_day))
    is_second = wanted and bool(invoice.first_approved_by)
    refused = None if is_second else _not_theirs(records, invoice, order, by)
    refused = refused or _may_not_be_paid(invoice, order, books.spend.record)
    if refused is not None:
        return refused
    if wanted and not is_second:
        return _approved_once(records, books, invoice, by=by, at=at)
    if is_second and invoice.first_approved_by == by:
        return invoice
    return _approved(records, books, invoice, by=by, at=at)


def objections(
    records: Records,
    *,
    invoice_id: str,
    by: str,
    second_approval: Rule[int | None] = SECOND_APPROVAL_CENTS,
) -> tuple[Refused, ...]:
    """Give all that stands against a person's approval now, and decide nothing (B-51, I-62, I-66).

    `approve` would refuse for the first of them; none means that it would go through. To one who
    gave the first of two approvals it says so (I-66b).
    """
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    if invoice.state is not InvoiceState.SUBMITTED:
        return (conflict(invoice),)
    books = books_of(records, invoice.work_order_id, stored)
    order = books.order.record
    wanted = needs_second(invoice.content.total, above_cents=second_approval.on(order.policy_day))
    found: list[Refused | None] = []
    if by == invoice.submitted_by:
        found.append(Refused("I-66", "who submitted an invoice cannot approve it", "same_person"))
    if wanted and invoice.first_approved_by == by:
        because = f"{by} gave the first of two approvals, so somebody else gives the second"
        found.append(Refused(second_approval.id, because, "same_person"))
    if not (wanted and invoice.first_approved_by):
        found.append(_not_theirs(records, invoice, order, by))
    found.append(_may_not_be_paid(invoice, order, books.spend.record))
    return tuple(one for one in found if one is not None)


def return_to_partner(
    records: Records, *, invoice_id: str, reason: str, by: str, at: datetime
) -> Invoice | Refused:
    """Send an invoice back for a correction; the clock stands until it comes again (I-66)."""
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    if invoice.state is InvoiceState.RETURNED:
        return invoice
    if invoice.state is not InvoiceState.SUBMITTED:
        return conflict(invoice)
    books = books_of(records, invoice.work_order_id, stored)
    refused = _not_theirs(records, invoice, books.order.record, by) or _without_reason(reason)
    if refused is not None:
        return refused
    after = replace(
        invoice,
        state=InvoiceState.RETURNED,
        returned=(*invoice.returned, Returned(at, None, reason)),
        first_approved_by="",
        first_approved_at=None,
    )
    partner = load_partner(records, invoice.partner_id)
    letter = letters.returned(after, partner=partner, reason=reason, at=at)
    says = f"invoice {invoice.content.number} went back to the partner: {reason}"
    event = Event(invoice_id, "returned", at, by, "I-66", (invoice.work_order_id,), says)
    return commit_invoice(records, books, after, at=at, told=_decided(after, event, letter))


def reject(
    records: Records, *, invoice_id: str, reason: str, by: str, at: datetime
) -> Invoice | Refused:
    """Refuse to pay an invoice; it no longer counts against the work order's limit (I-64).

    So ends one, too, that went back to its partner and never came again.
    """
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    if invoice.state is InvoiceState.REJECTED:
        return invoice
    if invoice.state not in _UNDECIDED:
        return conflict(invoice)
    books = books_of(records, invoice.work_order_id, stored)
    refused = _not_theirs(records, invoice, books.order.record, by) or _without_reason(reason)
    if refused is not None:
        return refused
    after = replace(
        invoice,
        state=InvoiceState.REJECTED,
        decided_at=at,
        decided_by=by,
        reason=reason,
        returned=_back_until(invoice, at),
    )
    partner = load_partner(records, invoice.partner_id)
    letter = letters.rejected(after, partner=partner, reason=reason, at=at)
    says = f"invoice {invoice.content.number} was rejected: {reason}"
    event = Event(invoice_id, "rejected", at, by, "I-64", (invoice.work_order_id,), says)
    return commit_invoice(records, books, after, at=at, told=_decided(after, event, letter))


def withdraw_invoice(
    records: Records, *, invoice_id: str, partner_id: str, at: datetime, by: str
) -> Invoice | Refused:
    """Let a partner take back an invoice that nobody decided on: it is void (I-64).

    It no longer counts against the work order's limit. What is approved already is voided by the
    owner's people alone. The same again changes nothing.

    Raises:
        NotFound: the invoice is not the partner's.
    """
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    _require_own(invoice, partner_id)
    if invoice.state is InvoiceState.VOID:
        return invoice
    if invoice.state not in _UNDECIDED:
        return conflict(invoice, "I-64")
    after = replace(
        invoice,
        state=InvoiceState.VOID,
        decided_at=at,
        decided_by=by,
        void_reason=WITHDRAWN,
        returned=_back_until(invoice, at),
    )
    books = books_of(records, invoice.work_order_id, stored)
    letter = letters.withdrawn(after, partner=load_partner(records, partner_id), at=at)
    says = f"{by} withdrew invoice {invoice.content.number}"
    event = Event(invoice_id, "withdrawn", at, by, "I-64", (invoice.work_order_id,), says)
    return commit_invoice(records, books, after, at=at, told=_decided(after, event, letter))


def escalate(
    records: Records, *, invoice_id: str, partner_id: str, by: str, at: datetime
) -> Invoice | Refused:
    """Let a partner take a late decision to the relationship manager (I-69).

    A decision is late from the instant after it was due; while the clock stands it is not.

    Raises:
        NotFound: the invoice is not the partner's.
    """
    invoice = load_invoice(records, invoice_id).record
    _require_own(invoice, partner_id)
    if invoice.state is not InvoiceState.SUBMITTED:
        return conflict(invoice, "I-69")
    order = books_of(records, invoice.work_order_id).order.record
    due_at = due_of(invoice, order)
    if escalates_to(due_at=due_at, now=at) is None:
        because = f"invoice {invoice.content.number} is to be decided by {due_at}"
        return Refused("I-69", because, "not_due_yet")
    return escalated(records, invoice_id, by=by, at=at, since=at)


def escalate_by_coordinator(
    records: Records, *, invoice_id: str, by: str, at: datetime
) -> Invoice | Refused:
    """Let a coordinator take an invoice to the relationship manager at any time (I-69)."""
    invoice = load_invoice(records, invoice_id).record
    if invoice.state is not InvoiceState.SUBMITTED:
        return conflict(invoice, "I-69")
    return escalated(records, invoice_id, by=by, at=at, since=at)


def escalated(
    records: Records, invoice_id: str, *, by: str, at: datetime, since: datetime
) -> Invoice:
    """Put an invoice on the relationship manager's list, once (I-69)."""
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    if invoice.escalated_at is not None:
        return invoice
    after = replace(invoice, escalated_at=since.astimezone(UTC))
    says = f"invoice {invoice.content.number} was not decided yet: {RELATIONSHIP_MANAGER}"
    causes = (invoice.work_order_id,)
    event = Event(invoice.id, "escalated", since.astimezone(UTC), by, "I-69", causes, says)
    partner = load_partner(records, invoice.partner_id)
    sent = letters_to(
        coordinator_of(records, invoice.routed_to),
        lambda one: letters.overdue(invoice, coordinator=one, at=at),
    )
    sent += (letters.escalated(invoice, partner=partner, at=at),)
    manager = relationship_manager_of(records, invoice.partner_id)
    if manager is not None:
        sent += (letters.escalated_to(invoice, manager=manager, by=by, at=at),)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=sent))
    return after


def _approved_once(
    records: Records, books: Books, invoice: Invoice, *, by: str, at: datetime
) -> Invoice:
    """Note the first of two approvals, and ask for the second (I-66b)."""
    after = replace(invoice, first_approved_by=by, first_approved_at=at)
    order = books.order.record
    spc = issuing_spc(records, order)
    names = [] if spc is None else [spc.id, spc.delegate_id]
    other = next((name for name in names if name and name != by), "")
    sent = letters_to(
        coordinator_of(records, other),
        lambda one: letters.second_approval(after, coordinator=one, at=at),
    )
    says = f"invoice {invoice.content.number} has one approval of two, by {by}"
    event = Event(invoice.id, "approved_first", at, by, "I-66b", (order.id,), says)
    told = Change(events=(event,), letters=sent)
    return commit_invoice(records, books, after, at=at, told=told)


def _approved(
    records: Records, books: Books, invoice: Invoice, *, by: str, at: datetime
) -> Invoice:
    after = replace(invoice, state=InvoiceState.APPROVED, decided_at=at, decided_by=by)
    order = books.order.record
    amount = after.content.total
    says = f"invoice {after.content.number} for work order {order.id}: {amount}, approved by {by}"
    payable = Message(
        id=derived("PAY", invoice.id),
        topic="payable",
        at=at,
        body={
            "invoice_id": invoice.id,
            "partner_id": invoice.partner_id,
            "work_order_id": order.id,
            "site_id": order.site_id,
            "amount_cents": amount.cents,
            "approved_at": at.astimezone(UTC).isoformat(),
            "says": says,
        },
    )
    letter = letters.approved(after, partner=load_partner(records, invoice.partner_id), at=at)
    event = Event(invoice.id, "approved", at, by, "I-66", (order.id,), says)
    told = _decided(after, event, letter) + Change(messages=(payable,))
    return commit_invoice(records, books, after, at=at, told=told)


def _not_theirs(records: Records, invoice: Invoice, order: WorkOrder, by: str) -> Refused | None:
    if may_decide(by, routed_to=invoice.routed_to, spc=issuing_spc(records, order)):
        return None
    because = f"invoice {invoice.content.number} is for {invoice.routed_to} to decide"
    return Refused("I-66", because, "not_routed_to_you")


def _require_own(invoice: Invoice, partner_id: str) -> None:
    if invoice.partner_id != partner_id:
        msg = f"invoice {invoice.id} is not known here: check the id"
        raise NotFound(msg)


def _back_until(invoice: Invoice, at: datetime) -> tuple[Returned, ...]:
    """Give when an invoice was back with its partner, over now: its clock would stand for ever."""
    return tuple(replace(one, until=one.until or at) for one in invoice.returned)


def _without_reason(reason: str) -> Refused | None:
    if reason.strip():
        return None
    return Refused("I-66", "the partner must be told why", "reason_missing")


def _may_not_be_paid(invoice: Invoice, order: WorkOrder, spend: WorkOrderSpend) -> Refused | None:
    """Give why an invoice may not be paid as things stand now (B-51, I-62).

    It is paid whole or not at all: one line that its partner bears itself sends it back.
    """
    own = unreimbursable(invoice, order)
    if own:
        places = ", ".join(str(place + 1) for place in own)
        because = f"an installer repairs its own workmanship at its own cost: line {places}"
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


def _decided(after: Invoice, event: Event, letter: Letter) -> Change:
    return Change(events=(event,), letters=(letter,), cancelled_timers=timer_names(after))
