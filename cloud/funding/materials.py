"""Direct Pay material: when the vendor's invoice is taken back from the partner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloud.funding.policy import D26, F19, F20, F21, F22, LimitEnd
from cloud.kernel.calendar import EASTERN, eastern_day, wall_time
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT

SUBMIT, APPROVE = "material_submit", "material_approve"
NOT_SUBMITTED = "install_not_submitted_14d"
NOT_APPROVED = "install_not_approved_30d"
RECEIVED = "invoice_received"


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
        submit_missed_from, approve_missed_from: the first instant at which each is missed.
    """

    submit_due_date: date | None
    approve_due_date: date | None
    triggers: tuple[str, ...]
    net_fund: Money
    is_waiting_for_invoice: bool
    submit_missed_from: datetime | None = None
    approve_missed_from: datetime | None = None


def missed_from(due: date, end: LimitEnd) -> datetime:
    """Give the first instant at which a limit is missed whose last day that is (D26)."""
    return wall_time(due + timedelta(end.days_after), end.at, EASTERN)


def _submit_due(
    shipped_at: datetime,
    received: Sequence[VendorInvoice],
    posted: datetime | None,
    programme: str,
) -> date:
    """Give the last day for the M1 packet of what was shipped (F19, F20)."""
    starts = [shipped_at]
    if F20.on(eastern_day(shipped_at), programme) == RECEIVED:
        starts += [
            invoice.received_at
            for invoice in received
            if posted is None or invoice.received_at <= posted
        ]
    start = eastern_day(max(starts))
    return start + timedelta(F19.on(start, programme))


def _is_missed(since: datetime | None, done_at: datetime | None, as_of: datetime) -> bool:
    """Tell whether a limit passed without the thing; done before that instant is in time."""
    if since is None:
        return False
    return (min(done_at, as_of) if done_at is not None else as_of) >= since


def judge(material: Material, as_of: datetime, programme: str = COMFORT) -> MaterialVerdict:
    """Judge both clocks as of an instant (D26, F19, F20, F21, F22).

    What happened after `as_of` is not known yet. A packet that came late has missed its limit.
    Both limits together recover the invoices once.
    """
    received = [invoice for invoice in material.invoices if invoice.received_at <= as_of]
    submitted_at = material.m1_submitted_at
    if submitted_at is not None and submitted_at > as_of:
        submitted_at = None
    submit_due = approve_due = submit_from = approve_from = None
    if material.shipped_at is not None:
        posted = material.net_fund_posted_at
        submit_due = _submit_due(material.shipped_at, received, posted, programme)
        submit_from = missed_from(submit_due, D26.on(submit_due, programme)[SUBMIT])
    if submitted_at is not None:
        submitted_on = eastern_day(submitted_at)
        approve_due = submitted_on + timedelta(F21.on(submitted_on, programme))
        approve_from = missed_from(approve_due, D26.on(approve_due, programme)[APPROVE])
    missed = {
        NOT_SUBMITTED: _is_missed(submit_from, submitted_at, as_of),
        NOT_APPROVED: _is_missed(approve_from, material.install_approved_at, as_of),
    }
    triggers = tuple(code for code, wrong in missed.items() if wrong)
    times = F22.on(eastern_day(as_of), programme)
    owed = total(invoice.amount for invoice in received) * times - material.already_recovered
    return MaterialVerdict(
        submit_due_date=submit_due,
        approve_due_date=approve_due,
        triggers=triggers,
        net_fund=max(owed, ZERO) if triggers else ZERO,
        is_waiting_for_invoice=bool(triggers) and not received,
        submit_missed_from=submit_from,
        approve_missed_from=approve_from,
    )
