"""Who bears the cost of a visit, by what was found to be its cause."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.invoicing.models import ChargedLine, Invoice
from cloud.invoicing.policy import BACK_BILL_OFFERS, CUSTOMER_CAUSES
from cloud.service.models import Cause, WorkOrder


class BillableParty(StrEnum):
    """Who bears the cost in the end."""

    OWNER = "owner"
    CUSTOMER = "customer"
    ORIGINAL_INSTALLER = "original_installer"


class BackBilling(StrEnum):
    """Whether the original installer is back-billed; pending is shown as exposure."""

    YES = "yes"
    NO = "no"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Billing:
    """Who bears the cost, and whether who did the work is reimbursed."""

    party: BillableParty
    back_bill: BackBilling
    is_performer_reimbursable: bool = True


def billable_party(
    cause: str, *, performer_id: str, original_installer_id: str, original_offer: str, on: date
) -> Billing:
    """Give who bears the cost of a visit (B-50, B-51, B-52, B-53).

    An installer repairs its own workmanship at its own cost; everybody else is reimbursed whatever
    the cause. Workmanship is back-billed only to an installer that had its chance and let it pass:
    one that was never offered the work, or accepted it, is not, and the owner bears the cost. While
    the cause is undetermined such a back-bill is pending.
    """
    if cause in CUSTOMER_CAUSES.on(on):
        return Billing(BillableParty.CUSTOMER, BackBilling.NO)
    is_own_work = performer_id == original_installer_id
    if cause == Cause.WORKMANSHIP and is_own_work:
        own = BillableParty.ORIGINAL_INSTALLER
        return Billing(own, BackBilling.NO, is_performer_reimbursable=False)
    may_back_bill = not is_own_work and original_offer in BACK_BILL_OFFERS.on(on)
    if cause == Cause.WORKMANSHIP and may_back_bill:
        return Billing(BillableParty.ORIGINAL_INSTALLER, BackBilling.YES)
    if cause == Cause.UNDETERMINED and may_back_bill:
        return Billing(BillableParty.OWNER, BackBilling.PENDING)
    return Billing(BillableParty.OWNER, BackBilling.NO)


def causes_of(invoice: Invoice, order: WorkOrder) -> tuple[Cause, ...]:
    """Give the cause of each line (B-52): the one found for it, else the work order's."""
    places = range(len(invoice.content.lines))
    return tuple(invoice.cause_of(place) or order.cause for place in places)


def billing_of(invoice: Invoice, order: WorkOrder) -> tuple[Billing, ...]:
    """Give who bears each line of an invoice (B-50, B-51, B-52, B-53)."""
    return tuple(
        billable_party(
            cause,
            performer_id=invoice.partner_id,
            original_installer_id=order.original_installer_id,
            original_offer=order.original_offer,
            on=order.policy_day,
        )
        for cause in causes_of(invoice, order)
    )


def unreimbursable(invoice: Invoice, order: WorkOrder) -> tuple[int, ...]:
    """Give the places of the lines that their partner bears itself, from zero (B-51)."""
    billed = enumerate(billing_of(invoice, order))
    return tuple(place for place, one in billed if not one.is_performer_reimbursable)


def customers_lines(invoice: Invoice, order: WorkOrder) -> tuple[ChargedLine, ...]:
    """Give the lines that the customer bears (B-52)."""
    parts = zip(
        invoice.content.lines, causes_of(invoice, order), billing_of(invoice, order), strict=True
    )
    return tuple(
        ChargedLine(place, cause, line.description, line.amount)
        for place, (line, cause, billed) in enumerate(parts)
        if billed.party is BillableParty.CUSTOMER
    )
