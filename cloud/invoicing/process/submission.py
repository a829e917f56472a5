"""Taking an invoice: complete and within what was approved, or not at all."""

from dataclasses import replace
from datetime import UTC, datetime

from cloud.invoicing import letters
from cloud.invoicing.approval import IssuingSpc, approval_due, route_to
from cloud.invoicing.completeness import (
    NOT_FOUND,
    Completeness,
    EarlierInvoice,
    InvoiceDraft,
    PriorApproval,
    WorkDone,
    check,
)
from cloud.invoicing.models import (
    Invoice,
    InvoiceContent,
    InvoiceLine,
    InvoiceState,
    Rejected,
    Spent,
    WorkOrderSpend,
)
from cloud.invoicing.policy import APPROVAL_DAYS
from cloud.kernel.change import Change, Event, Timer
from cloud.kernel.ids import derived
from cloud.kernel.money import total
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner
from cloud.service.clocks import AFTER_THE_LAST_INSTANT
from cloud.service.models import Cause, Coordinator, WorkOrder
from cloud.service.sla import calendar_at

APPROVAL_DUE = "approval_due"


def submit(
    records: Records,
    *,
    partner_id: str,
    draft: InvoiceDraft,
    at: datetime,
    by: str,
    work_order_id: str | None = None,
) -> Invoice | Rejected:
    """Take a complete invoice and give it to whoever issued the work order (I-65, I-66).

    Everything that stands against it is told at once. `work_order_id` is the one that the mail
    thread or the page belongs to; without it the number on the invoice counts. The same invoice
    again changes nothing; one that was returned is submitted again under its number.
    """
    number = draft.work_order_number.strip() if work_order_id is None else work_order_id
    order_stored = records.load(WorkOrder, number) if number else None
    order = order_stored.record if order_stored else None
    invoice_id = derived("INV", partner_id, draft.invoice_number.strip())
    known = records.load(Invoice, invoice_id)
    is_correction = (
        known is not None
        and known.record.state is InvoiceState.RETURNED
        and known.record.work_order_id == number
    )
    verdict = _check(
        records,
        draft,
        order,
        partner_id=partner_id,
        invoice_id=invoice_id,
        is_number_used=known is not None and not is_correction,
    )
    if known is not None and order is not None and verdict.errors == ("duplicate_invoice_number",):
        is_repeated = known.record.content == _content(draft)
        if is_repeated and known.record.work_order_id == order.id:
            return known.record
    if order is None or verdict.errors:
        because = f"invoice {draft.invoice_number} cannot be taken: {', '.join(verdict.errors)}"
        return Rejected("I-65", because, "invoice_incomplete", verdict.errors)
    return _taken(records, known, order, draft, invoice_id=invoice_id, at=at, by=by)


def due_of(invoice: Invoice, order: WorkOrder) -> datetime | None:
    """Give by when an invoice is decided, None while it is back with the partner (I-66)."""
    return approval_due(
        submitted_at=invoice.submitted_at,
        business_days=APPROVAL_DAYS.on(order.policy_day),
        calendar=calendar_at(order.time_zone, on=order.policy_day),
        returned=[(one.since, one.until) for one in invoice.returned],
    )


def spend_approvals(order: WorkOrder) -> list[PriorApproval]:
    """Give the approvals of a work order as an invoice is held against them (I-62)."""
    return [
        PriorApproval(one.role, one.is_written, one.at, one.max_total)
        for one in order.spend_approvals
    ]


def load_spend(records: Records, work_order_id: str) -> Stored[WorkOrderSpend]:
    """Give what a work order's invoices spend so far."""
    return records.load(WorkOrderSpend, work_order_id) or Stored(WorkOrderSpend(work_order_id), 0)


def timer_of(invoice: Invoice) -> str:
    """Give the id of the timer that looks after the decision."""
    return f"{invoice.id}:{APPROVAL_DUE}"


def _check(
    records: Records,
    draft: InvoiceDraft,
    order: WorkOrder | None,
    *,
    partner_id: str,
    invoice_id: str,
    is_number_used: bool,
) -> Completeness:
    if order is None or order.assignment is None:
        return NOT_FOUND
    others = load_spend(records, order.id).record.spent
    return check(
        draft,
        caller_partner_id=partner_id,
        work=WorkDone(
            number=order.id,
            partner_id=order.assignment.partner_id,
            original_installer_id=order.original_installer_id,
            cause="" if order.cause is Cause.UNDETERMINED else order.cause,
            authorized_at=order.assignment.offered_at,
            is_report_complete=order.report_id is not None,
            departed_at=order.departed_at,
        ),
        spend_limit=order.spend_limit,
        approvals=spend_approvals(order),
        others=[
            EarlierInvoice(one.total, one.state) for one in others if one.invoice_id != invoice_id
        ],
        used_numbers={draft.invoice_number} if is_number_used else (),
        on=order.policy_day,
    )


def _content(draft: InvoiceDraft) -> InvoiceContent:
    """Give what a draft says, once it was found complete."""
    lines = tuple(
        InvoiceLine(line.category, line.description, line.amount, line.performed_at)
        for line in draft.lines
        if line.performed_at is not None
    )
    return InvoiceContent(
        number=draft.invoice_number.strip(),
        customer_name=draft.customer_name,
        site_address=draft.site_address,
        service_dates=draft.service_dates,
        description=draft.description,
        photo_count=draft.photo_count,
        lines=lines,
        total=total(line.amount for line in lines),
    )


def _taken(
    records: Records,
    known: Stored[Invoice] | None,
    order: WorkOrder,
    draft: InvoiceDraft,
    *,
    invoice_id: str,
    at: datetime,
    by: str,
) -> Invoice:
    partner_id = order.assignments[-1].partner_id
    spc = records.load(Coordinator, order.spc_id)
    routed_to = route_to(
        IssuingSpc(order.spc_id, spc.record.is_active, spc.record.delegate_id) if spc else None
    )
    earlier = known.record if known else None
    invoice = Invoice(
        id=invoice_id,
        work_order_id=order.id,
        partner_id=partner_id,
        site_id=order.site_id,
        content=_content(draft),
        state=InvoiceState.SUBMITTED,
        submitted_at=earlier.submitted_at if earlier else at,
        submitted_by=by,
        routed_to=routed_to,
        returned=tuple(
            replace(one, until=one.until or at) for one in (earlier.returned if earlier else ())
        ),
    )
    due_at = due_of(invoice, order) or at
    spend = load_spend(records, order.id)
    kept = tuple(one for one in spend.record.spent if one.invoice_id != invoice_id)
    spent = Spent(invoice_id, invoice.content.total, invoice.state)
    says = f"invoice {invoice.content.number} over {invoice.content.total} went to {routed_to}"
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    records.commit(
        Change(
            saves=(
                (known or Stored(invoice, 0)).replaced_by(invoice),
                spend.replaced_by(WorkOrderSpend(order.id, (*kept, spent))),
            ),
            events=(Event(invoice_id, "submitted", at, by, "I-66", _causes(order), says),),
            letters=(
                letters.received(invoice, order=order, partner=partner, due_at=due_at, at=at),
            ),
            timers=(
                Timer(
                    timer_of(invoice),
                    invoice_id,
                    APPROVAL_DUE,
                    due_at.astimezone(UTC) + AFTER_THE_LAST_INSTANT,
                ),
            ),
        )
    )
    return invoice


def _causes(order: WorkOrder) -> tuple[str, ...]:
    return (order.id, order.report_id or order.case_id)
