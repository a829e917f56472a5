"""Direct Pay material: when the vendor's invoice is taken back from the partner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloud.funding.policy import F19, F21, F22
from cloud.kernel.calendar import eastern_day
from cloud.kernel.money import ZERO, Money, total

NOT_SUBMITTED = "install_not_submitted_14d"
NOT_APPROVED = "install_not_approved_30d"


@dataclass(frozen=True, slots=True)
class VendorInvoice:
    """What the vendor billed the owner for a project's equipment."""

    amount: Money
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is known of one project's equipment.

    Attributes:
        already_recovered: what was taken back for these invoices before, for any reason.
        net_fund_posted_at: when it was taken; invoices after it start no clock again.
    """

    shipped_at: datetime | None
    invoices: Sequence[VendorInvoice] = ()
    m1_submitted_at: datetime | None = None
    install_approved_at: datetime | None = None
    already_recovered: Money = ZERO
    net_fund_posted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MaterialVerdict:
    """Where the two material clocks stand.

    Attributes:
        triggers: the limits that were missed.
        net_fund: what is to be taken back now.
        is_waiting_for_invoice: a limit was missed, but no amount is known yet.
    """

    submit_due_date: date | None
    approve_due_date: date | None
    triggers: tuple[str, ...]
    net_fund: Money
    is_waiting_for_invoice: bool


def _submit_due(material: Material, received: Sequence[VendorInvoice]) -> date | None:
    """Give the last day for the M1 packet (F19, F20)."""
    if material.shipped_at is None:
        return None
    posted = material.net_fund_posted_at
    restarts = [
        invoice.received_at
        for invoice in received
        if posted is None or invoice.received_at <= posted
    ]
    start = eastern_day(max([material.shipped_at, *restarts]))
    return start + timedelta(F19.on(start))


def _is_missed(due: date | None, done_at: datetime | None, as_of: datetime) -> bool:
    """Tell whether a day passed without the thing; done on the last day is in time."""
    if due is None:
        return False
    return eastern_day(min(done_at, as_of) if done_at is not None else as_of) > due


def judge(material: Material, as_of: datetime) -> MaterialVerdict:
    """Judge both clocks as of an instant (F19, F20, F21, F22).

    What happened after `as_of` is not known yet. A packet that came late has missed its limit.
    Both limits together recover the invoices once.
    """
    received = [invoice for invoice in material.invoices if invoice.received_at <= as_of]
    submitted_at = material.m1_submitted_at
    if submitted_at is not None and submitted_at > as_of:
        submitted_at = None
    submit_due = _submit_due(material, received)
    approve_due = None
    if submitted_at is not None:
        submitted_on = eastern_day(submitted_at)
        approve_due = submitted_on + timedelta(F21.on(submitted_on))
    missed = {
        NOT_SUBMITTED: _is_missed(submit_due, submitted_at, as_of),
        NOT_APPROVED: _is_missed(approve_due, material.install_approved_at, as_of),
    }
    triggers = tuple(code for code, wrong in missed.items() if wrong)
    times = F22.on(eastern_day(as_of))
    owed = total(invoice.amount for invoice in received) * times - material.already_recovered
    return MaterialVerdict(
        submit_due_date=submit_due,
        approve_due_date=approve_due,
        triggers=triggers,
        net_fund=max(owed, ZERO) if triggers else ZERO,
        is_waiting_for_invoice=bool(triggers) and not received,
    )
