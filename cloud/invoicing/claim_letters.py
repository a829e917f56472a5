"""What is told of back-bills, disputes and customers' charges."""

from datetime import datetime

from cloud.invoicing.letters import to_partner
from cloud.invoicing.models import BackBill, CustomerCharge, Dispute, DisputeState, Notice
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.organisation import RelationshipManager
from cloud.service.letters import in_words
from cloud.service.models import Coordinator

_SIGNED = "\n\nKind regards\nAftermarket Service"
_DISPUTE = (
    "If you disagree with the finding, open a dispute in the portal or reply in this thread to "
    "your coordinator, then turn to your relationship manager."
)


def notified(
    bill: BackBill, notice: Notice, *, partner: Partner, time_zone: str, at: datetime
) -> Letter:
    """Tell the original installer what it will be charged and until when it can dispute (B-54a)."""
    text = (
        f"work order {bill.work_order_id} was first offered to you, was done by another partner, "
        f"and the cause was found to be workmanship. That work cost {bill.cost}; with the agreed "
        f"markup of {bill.markup} back-bill {bill.id} comes to {notice.total} in all. It is taken "
        f"from your payouts after {in_words(notice.due_at, time_zone)}; a dispute that is opened "
        f"by then holds it until it is decided.\n\n{_DISPUTE}"
    )
    return to_partner(
        bill,
        partner,
        cause=("notice", notice.total.cents, notice.due_at.isoformat()),
        subject=f"Back-bill {bill.id}: {notice.total}, notice",
        text=text,
        at=at,
    )


def back_billed(bill: BackBill, *, partner: Partner, amount: Money, at: datetime) -> Letter:
    """Tell the original installer what is taken from its next payout (B-54, X-85)."""
    text = (
        f"the time to dispute back-bill {bill.id} of work order {bill.work_order_id} is over. It "
        f"comes to {bill.total}, {bill.cost} and the agreed markup of {bill.markup}. Of this, "
        f"{amount} is taken from your next payout.\n\n{_DISPUTE}"
    )
    subject = f"Back-bill {bill.id}: {amount}"
    cause = ("posted", bill.revision)
    return to_partner(bill, partner, cause=cause, subject=subject, text=text, at=at)


def credited(bill: BackBill, *, partner: Partner, amount: Money, at: datetime) -> Letter:
    """Tell the original installer what it gets back (X-86)."""
    text = (
        f"back-bill {bill.id} of work order {bill.work_order_id} now comes to {bill.total}. Of "
        f"what was taken before, {amount} is given back with your next payout. You need not do "
        "anything."
    )
    subject = f"Back-bill {bill.id}: {amount} given back"
    cause = ("credited", bill.revision)
    return to_partner(bill, partner, cause=cause, subject=subject, text=text, at=at)


def dispute_at(
    dispute: Dispute, *, reader: Coordinator | RelationshipManager, at: datetime
) -> Letter:
    """Tell one of the owner's people that a dispute came to a level (X-85, X-86)."""
    text = (
        f"Hello {reader.name},\n\npartner {dispute.partner_id} disputes {dispute.kind} "
        f"{dispute.subject_id} of work order {dispute.work_order_id}: {dispute.says}\n\nDispute "
        f"{dispute.id} now lies with {dispute.level}. Please look at its evidence in the portal."
    )
    return Letter(
        id=derived("LTR", dispute.id, dispute.level, reader.id),
        to=reader.email,
        subject=f"[{dispute.work_order_id}] Dispute {dispute.id}: {dispute.level}",
        text=text + _SIGNED,
        thread=dispute.work_order_id,
        at=at,
    )


def dispute_closed(dispute: Dispute, *, partner: Partner, at: datetime) -> Letter:
    """Tell the partner how its dispute ended, and what it gets back."""
    if dispute.state is DisputeState.WITHDRAWN:
        ended = "is withdrawn"
    else:
        ended = f"is decided, {dispute.outcome}: {dispute.reason}"
    money = f" {dispute.credit} is given back with your next payout." if dispute.credit else ""
    text = (
        f"Hello {partner.name},\n\nyour dispute {dispute.id} of {dispute.kind} "
        f"{dispute.subject_id} {ended}.{money}"
    )
    return Letter(
        id=derived("LTR", dispute.id, "closed"),
        to=partner.service_email,
        subject=f"[{dispute.work_order_id}] Dispute {dispute.id} closed",
        text=text + _SIGNED,
        thread=dispute.work_order_id,
        at=at,
    )


def charged(charge: CustomerCharge, *, site: Site, case_id: str, at: datetime) -> Letter:
    """Tell the customer what it is charged and why (B-52)."""
    lines = "\n".join(
        f"  {one.description or 'work'}: {one.amount} ({str(one.cause).replace('_', ' ')})"
        for one in charge.lines
    )
    text = (
        f"Hello {site.customer_name},\n\nthe following work at {site.address} is not covered by "
        f"your agreement:\n\n{lines}\n\nTogether {charge.total}. It rests on: {charge.evidence}\n\n"
        "An invoice follows; you need not pay anything on this mail. If you have a question or "
        f"disagree, reply to this mail and keep {case_id} in the subject."
    )
    return Letter(
        id=derived("LTR", charge.id, "charged", charge.times_told),
        to=site.customer_email,
        subject=f"[{case_id}] Work that is not covered: {charge.total}",
        text=text + _SIGNED,
        thread=case_id,
        at=at,
    )


def charge_withdrawn(charge: CustomerCharge, *, site: Site, case_id: str, at: datetime) -> Letter:
    """Tell the customer that a charge it was told of is no longer asked for."""
    text = (
        f"Hello {site.customer_name},\n\nwe told you of {charge.total} for work at {site.address}. "
        "It is withdrawn: you owe nothing for it."
    )
    return Letter(
        id=derived("LTR", charge.id, "withdrawn", charge.times_told),
        to=site.customer_email,
        subject=f"[{case_id}] Charge withdrawn",
        text=text + _SIGNED,
        thread=case_id,
        at=at,
    )
