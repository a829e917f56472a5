"""What is told of invoices, to their partners and to whoever decides (I-68)."""

from datetime import datetime

from cloud.invoicing.models import BackBill, Invoice
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import RelationshipManager
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
    return to_partner(
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
    return to_partner(
        invoice,
        partner,
        cause=("approved", len(invoice.disputes)),
        subject=subject,
        text=text,
        at=at,
    )


def returned(invoice: Invoice, *, partner: Partner, reason: str, at: datetime) -> Letter:
    """Ask the partner to correct an invoice."""
    text = (
        f"your invoice {invoice.content.number} for work order {invoice.work_order_id} needs a "
        f"correction: {reason}. Please correct it and submit it again under the same number; the "
        "time to decide stands until you do."
    )
    subject = f"Invoice {invoice.content.number} needs a correction"
    return to_partner(
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
    return to_partner(
        invoice,
        partner,
        cause=("rejected", len(invoice.disputes)),
        subject=subject,
        text=text,
        at=at,
    )


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


def escalated(invoice: Invoice, *, partner: Partner, at: datetime) -> Letter:
    """Tell the partner that the decision is late and who looks at it now (I-69)."""
    text = (
        f"the decision on your invoice {invoice.content.number} for work order "
        f"{invoice.work_order_id} is late. It is now on the relationship manager's list as well. "
        "You need not do anything."
    )
    subject = f"Invoice {invoice.content.number}: escalated"
    cause = ("escalated", len(invoice.returned))
    return to_partner(invoice, partner, cause=cause, subject=subject, text=text, at=at)


def paid(invoice: Invoice, *, partner: Partner, run_id: str, amount: Money, at: datetime) -> Letter:
    """Tell the partner which run pays the invoice."""
    text = (
        f"your invoice {invoice.content.number} for work order {invoice.work_order_id} is paid "
        f"with {amount} in the funding run {run_id}. The remittance advice of that run names it."
    )
    subject = f"Invoice {invoice.content.number} paid"
    return to_partner(invoice, partner, cause=("paid", run_id), subject=subject, text=text, at=at)


def payment_returned(
    invoice: Invoice, *, partner: Partner, run_id: str, code: str, at: datetime
) -> Letter:
    """Tell the partner that the bank sent the money back, and what it must do."""
    text = (
        f"the bank sent back what the funding run {run_id} paid, with the code {code}; your "
        f"invoice {invoice.content.number} for work order {invoice.work_order_id} was part of it. "
        "Please check your bank details in the portal. It is paid again once they are confirmed."
    )
    subject = f"Invoice {invoice.content.number}: the payment came back"
    return to_partner(
        invoice, partner, cause=("payment_returned", run_id), subject=subject, text=text, at=at
    )


def voided(invoice: Invoice, *, partner: Partner, at: datetime) -> Letter:
    """Tell the partner that an approved invoice is not paid after all, and why."""
    text = (
        f"your invoice {invoice.content.number} for work order {invoice.work_order_id} was "
        f"approved and has been voided before it was paid: {invoice.void_reason}. If you disagree, "
        "reply in this thread to your coordinator first, then turn to your relationship manager."
    )
    subject = f"Invoice {invoice.content.number} voided"
    return to_partner(invoice, partner, cause=("void",), subject=subject, text=text, at=at)


def withdrawn(invoice: Invoice, *, partner: Partner, at: datetime) -> Letter:
    """Confirm to the partner that it took an invoice back."""
    text = (
        f"you withdrew your invoice {invoice.content.number} for work order "
        f"{invoice.work_order_id}. It is not decided on and not paid. Should the work be paid "
        "after all, submit an invoice under another number."
    )
    subject = f"Invoice {invoice.content.number} withdrawn"
    return to_partner(invoice, partner, cause=("withdrawn",), subject=subject, text=text, at=at)


def reopened(invoice: Invoice, *, partner: Partner, dispute_id: str, at: datetime) -> Letter:
    """Tell the partner that a rejected invoice is decided on again."""
    text = (
        f"after dispute {dispute_id} your invoice {invoice.content.number} for work order "
        f"{invoice.work_order_id} is decided on again. You need not send it again."
    )
    subject = f"Invoice {invoice.content.number} is decided on again"
    return to_partner(
        invoice, partner, cause=("reopened", dispute_id), subject=subject, text=text, at=at
    )


def escalated_to(
    invoice: Invoice, *, manager: RelationshipManager, by: str, at: datetime
) -> Letter:
    """Put a decision before the partner's relationship manager (I-69)."""
    text = (
        f"Hello {manager.name},\n\nthe decision on invoice {invoice.content.number} "
        f"({invoice.id}) of partner {invoice.partner_id} over {invoice.content.total} for work "
        f"order {invoice.work_order_id} was escalated to you by {by}. It lies with "
        f"{invoice.routed_to}; please see to it that it is approved, returned or rejected."
    )
    return Letter(
        id=derived("LTR", invoice.id, "escalated_to", len(invoice.returned)),
        to=manager.email,
        subject=f"[{invoice.work_order_id}] Escalated: invoice {invoice.content.number}",
        text=text + _SIGNED,
        thread=invoice.work_order_id,
        at=at,
    )


def reminder(
    invoice: Invoice, *, coordinator: Coordinator, due_at: datetime, time_zone: str, at: datetime
) -> Letter:
    """Remind who decides, while there is time (I-66a)."""
    text = (
        f"Hello {coordinator.name},\n\ninvoice {invoice.content.number} ({invoice.id}) of partner "
        f"{invoice.partner_id} for work order {invoice.work_order_id} waits for your decision by "
        f"{in_words(due_at, time_zone)}. Please approve, return or reject it in the portal."
    )
    return Letter(
        id=derived("LTR", invoice.id, "reminder", len(invoice.returned)),
        to=coordinator.email,
        subject=f"[{invoice.work_order_id}] Please decide: invoice {invoice.content.number}",
        text=text + _SIGNED,
        thread=invoice.work_order_id,
        at=at,
    )


def handed_over(invoice: Invoice, *, coordinator: Coordinator, at: datetime) -> Letter:
    """Tell a coordinator that the decision on an invoice is theirs now (I-66)."""
    text = (
        f"Hello {coordinator.name},\n\nthe decision on invoice {invoice.content.number} "
        f"({invoice.id}) of partner {invoice.partner_id} for work order {invoice.work_order_id} "
        "came to you from another coordinator. Its clock goes on as it was."
    )
    return Letter(
        id=derived("LTR", invoice.id, "handed_over", coordinator.id, at.isoformat()),
        to=coordinator.email,
        subject=f"[{invoice.work_order_id}] Yours to decide: invoice {invoice.content.number}",
        text=text + _SIGNED,
        thread=invoice.work_order_id,
        at=at,
    )


def second_approval(invoice: Invoice, *, coordinator: Coordinator, at: datetime) -> Letter:
    """Ask for the second approval of a large invoice (I-66b)."""
    text = (
        f"Hello {coordinator.name},\n\ninvoice {invoice.content.number} ({invoice.id}) over "
        f"{invoice.content.total} of partner {invoice.partner_id} for work order "
        f"{invoice.work_order_id} has one approval, by {invoice.first_approved_by}. An amount like "
        "this needs a second one, by another person."
    )
    return Letter(
        id=derived("LTR", invoice.id, "second_approval", len(invoice.returned)),
        to=coordinator.email,
        subject=f"[{invoice.work_order_id}] Second approval: invoice {invoice.content.number}",
        text=text + _SIGNED,
        thread=invoice.work_order_id,
        at=at,
    )


def to_partner(
    about: Invoice | BackBill,
    partner: Partner,
    *,
    cause: tuple[str | int, ...],
    subject: str,
    text: str,
    at: datetime,
) -> Letter:
    """Give a letter about an invoice or a back-bill, in the thread of its work order."""
    return Letter(
        id=derived("LTR", about.id, *cause),
        to=partner.service_email,
        subject=f"[{about.work_order_id}] {subject}",
        text=f"Hello {partner.name},\n\n{text}{_SIGNED}",
        thread=about.work_order_id,
        at=at,
    )
