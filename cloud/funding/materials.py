"""Direct Pay material: when the vendor's invoice is taken back from the partner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloud.funding.policy import D26, F19, F20, F21, F22, LimitEnd
from cloud.kernel.calendar import EASTERN, eastern_day, wall_time
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT, Rule

SUBMIT, APPROVE = "material_submit", "material_approve"
NOT_SUBMITTED = "install_not_submitted_14d"
NOT_APPROVED = "install_not_approved_30d"
RECEIVED = "invoice_received"
_CODES = {SUBMIT: NOT_SUBMITTED, APPROVE: NOT_APPROVED}


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
class Limit:
    """One of the two material limits, once its days have begun.

    Attributes:
        clock: `SUBMIT` or `APPROVE`.
        due_on: its last day.
        missed_from: the first instant at which it is missed.
        done_at: when what it waits for came, in time or not; None while it runs.
    """

    clock: str
    started_on: date
    due_on: date
    missed_from: datetime
    done_at: datetime | None

    def is_missed(self, as_of: datetime) -> bool:
        """Tell whether it passed without the thing; done before that instant is in time."""
        return (self.done_at or as_of) >= self.missed_from


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


def _begun(
    clock: str,
    started_on: date,
    done_at: datetime | None,
    *,
    days: Rule[int],
    programme: str,
) -> Limit:
    due_on = started_on + timedelta(days.on(started_on, programme))
    missed = missed_from(due_on, D26.on(due_on, programme)[clock])
    return Limit(clock, started_on, due_on, missed, done_at)


def _submit_limit(material: Material, as_of: datetime, programme: str) -> Limit | None:
    """Give the limit for the M1 packet of what was shipped (F19, F20).

    An invoice that came at the very instant of the posting, or after it, starts no days again.
    """
    shipped_at, posted = material.shipped_at, material.net_fund_posted_at
    if shipped_at is None:
        return None
    starts = [shipped_at]
    if F20.on(eastern_day(shipped_at), programme) == RECEIVED:
        starts += [
            one.received_at
            for one in material.invoices
            if one.received_at <= as_of and (posted is None or one.received_at < posted)
        ]
    done_at = _known(material.m1_submitted_at, as_of)
    return _begun(SUBMIT, eastern_day(max(starts)), done_at, days=F19, programme=programme)


def _approve_limit(material: Material, as_of: datetime, programme: str) -> Limit | None:
    """Give the limit for the approval of a packet, shipped or not (F21)."""
    submitted_at = _known(material.m1_submitted_at, as_of)
    if submitted_at is None:
        return None
    done_at = _known(material.install_approved_at, as_of)
    return _begun(APPROVE, eastern_day(submitted_at), done_at, days=F21, programme=programme)


def _known(at: datetime | None, as_of: datetime) -> datetime | None:
    """Give an instant, None where it has not come yet."""
    return at if at is not None and at <= as_of else None


def limits(material: Material, as_of: datetime, programme: str = COMFORT) -> tuple[Limit, ...]:
    """Give the limits whose days have begun as of an instant, over or not (D26, F19, F20, F21)."""
    both = (
        _submit_limit(material, as_of, programme),
        _approve_limit(material, as_of, programme),
    )
    return tuple(one for one in both if one is not None)


def running(material: Material, as_of: datetime, programme: str = COMFORT) -> tuple[Limit, ...]:
    """Give the limits that wait for their thing still, be their last day over already.

    Once the material was asked for they have done their work: none of them runs.
    """
    if material.net_fund_posted_at is not None:
        return ()
    return tuple(one for one in limits(material, as_of, programme) if one.done_at is None)


def judge(material: Material, as_of: datetime, programme: str = COMFORT) -> MaterialVerdict:
    """Judge both clocks as of an instant (D26, F19, F20, F21, F22).

    What happened after `as_of` is not known yet. A packet that came late has missed its limit.
    Both limits together recover the invoices once.
    """
    received = [invoice for invoice in material.invoices if invoice.received_at <= as_of]
    begun = {one.clock: one for one in limits(material, as_of, programme)}
    submit, approve = begun.get(SUBMIT), begun.get(APPROVE)
    triggers = tuple(_CODES[name] for name, one in begun.items() if one.is_missed(as_of))
    times = F22.on(eastern_day(as_of), programme)
    owed = total(invoice.amount for invoice in received) * times - material.already_recovered
    return MaterialVerdict(
        submit_due_date=submit.due_on if submit else None,
        approve_due_date=approve.due_on if approve else None,
        triggers=triggers,
        net_fund=max(owed, ZERO) if triggers else ZERO,
        is_waiting_for_invoice=bool(triggers) and not received,
        submit_missed_from=submit.missed_from if submit else None,
        approve_missed_from=approve.missed_from if approve else None,
    )
