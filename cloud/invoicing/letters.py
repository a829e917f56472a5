"""What partners are told of their invoices and back-bills."""

from datetime import datetime

from cloud.invoicing.models import BackBill, Invoice
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner
from cloud.service.letters import in_words
from cloud.service.models import Coordinator, WorkOrder

_SIGNED = "\n\nKind regards\nAftermarket Service"


def received(
    invoice: Invoice, *, order: WorkOrder, partner: Partner, due_at: datetime, at: datetime
) -> Letter:
    """Confirm a complete invoice, with who decides by when (I-66)."""
    text = (
        f"your invoice {invoice.content.number} over {invoice.content.total} for work order "
        f"{order.id} is complete. Your coordinator decides by "
        f"{in_words(due_at, order.time_zone)}. You need not do anything; its state is in the "
        "portal at any time."
    )
    subject = f"Invoice {invoice.content.number} received"
    return _to_partner(
        invoice,
        partner,
        cause=("received", len(invoice.returned)),
        subject=subject,
        text=text,
        at=at,
    )


def approved(invoice: Invoice, *, partner: Partner, at: datetime) -> Letter:
    """Tell the partner that it is paid in the next funding run."""
    text = (
        f"your invoice {invoice.content.number} over {invoice.content.total} for work order "
        f"{invoice.work_order_id} is approved. It is paid with the next funding run, and the "
        f"remittance advice names it as {invoice.id}. You need not do anything."
    )
    subject = f"Invoice {invoice.content.number} approved"
    return _to_partner(invoice, partner, cause=("approved",), subject=subject, text=text, at=at)


def returned(invoice: Invoice, *, partner: Partner, reason: str, at: datetime) -> Letter:
    """Ask the partner to correct an invoice."""
    text = (
        f"your invoice {invoice.content.number} for work order {invoice.work_order_id} needs a "
        f"correction: {reason}. Please correct it and submit it again under the same number; the "
        "time to decide stands until you do."
    )
    subject = f"Invoice {invoice.content.number} needs a correction"
    return _to_partner(
        invoice,
        partner,
        cause=("returned", len(invoice.returned)),
        subject=subject,
        text=text,
        at=at,
    )


def rejected(invoice: Invoice, *, partner: Partner, reason: str, at: datetime) -> Letter:
    """Tell the partner that an invoice is not paid, and whom it can ask."""
    text = (
        f"your invoice {invoice.content.number} for work order {invoice.work_order_id} is not "
        f"paid: {reason}. If you disagree, reply in this thread to your coordinator first, then "
        "turn to your relationship manager."
    )
    subject = f"Invoice {invoice.content.number} is not paid"
    return _to_partner(invoice, partner, cause=("rejected",), subject=subject, text=text, at=at)


def overdue(invoice: Invoice, *, coordinator: Coordinator, at: datetime) -> Letter:
    """Remind the coordinator of a decision that is late; the relationship manager sees it too."""
    text = (
        f"Hello {coordinator.name},\n\nthe decision on invoice {invoice.content.number} "
        f"({invoice.id}) of partner {invoice.partner_id} for work order {invoice.work_order_id} is "
        "late. Please approve, return or reject it in the portal today. It is now also on the "
        "relationship manager's list; silence approves nothing."
    )
    return Letter(
        id=derived("LTR", invoice.id, "overdue", len(invoice.returned)),
        to=coordinator.email,
        subject=f"[{invoice.work_order_id}] Decision overdue: invoice {invoice.content.number}",
        text=text + _SIGNED,
        thread=invoice.work_order_id,
        at=at,
    )


def back_billed(bill: BackBill, *, partner: Partner, amount: Money, at: datetime) -> Letter:
    """Tell the original installer what it is charged, why, and how to dispute it (B-54, X-85)."""
    text = (
        f"Hello {partner.name},\n\nwork order {bill.work_order_id} was first offered to you, was "
        "done by another partner, and the cause was found to be workmanship. That partner was paid "
        f"{bill.cost}; with the agreed markup of {bill.markup} this comes to {bill.total}. Of "
        f"this, {amount} is taken from your next payout as {bill.id}.\n\nIf you disagree with the "
        "finding, reply in this thread to your coordinator, then to your relationship manager."
    )
    return Letter(
        id=derived("LTR", bill.id, bill.revision),
        to=partner.service_email,
        subject=f"[{bill.work_order_id}] Back-bill {bill.id}: {amount}",
        text=text + _SIGNED,
        thread=bill.work_order_id,
        at=at,
    )


def _to_partner(
    invoice: Invoice,
    partner: Partner,
    *,
    cause: tuple[str | int, ...],
    subject: str,
    text: str,
    at: datetime,
) -> Letter:
    return Letter(
        id=derived("LTR", invoice.id, *cause),
        to=partner.service_email,
        subject=f"[{invoice.work_order_id}] {subject}",
        text=f"Hello {partner.name},\n\n{text}{_SIGNED}",
        thread=invoice.work_order_id,
        at=at,
    )
