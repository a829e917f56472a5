"""What the original installer owes when another partner mended its workmanship."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from cloud.invoicing.billing import BackBilling, Billing, billable_party, billing_of, causes_of
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Invoice,
    InvoiceState,
    Notice,
    Offset,
    WorkOrderSpend,
)
from cloud.invoicing.policy import BACK_BILL_MARKUP_BPS, BACK_BILL_OFFERS
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money, total
from cloud.service.models import Cause, WorkOrder

_NEVER_PAID = frozenset({InvoiceState.REJECTED, InvoiceState.VOID})


@dataclass(frozen=True, slots=True)
class PaidLine:
    """What was actually paid to the partner that did the work, by cause and invoice."""

    cause: str
    paid: Money
    invoice_id: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    """What the installer owes in all, and what of it is not posted yet.

    Attributes:
        to_post: negative where what was paid has shrunk since: a credit.
    """

    is_eligible: bool
    cost: Money = ZERO
    markup: Money = ZERO
    total: Money = ZERO
    to_post: Money = ZERO


def owed(
    lines: Iterable[PaidLine],
    *,
    is_workmanship_confirmed: bool,
    original_offer: str,
    markup_bps: int,
    already_posted: Money,
    on: date,
) -> Owed:
    """Give what the original installer owes (B-53, B-54).

    Nothing without both keys: workmanship confirmed, and the offer declined, unanswered or
    impossible to answer. The markup is taken once on the total of the workmanship lines, half a
    cent up. What was posted before is deducted, so that later costs post the difference.
    """
    if not is_workmanship_confirmed or original_offer not in BACK_BILL_OFFERS.on(on):
        return Owed(is_eligible=False)
    cost = total(line.paid for line in lines if line.cause == Cause.WORKMANSHIP)
    markup = cost.share_rounded_half_up(markup_bps)
    return Owed(
        is_eligible=True,
        cost=cost,
        markup=markup,
        total=cost + markup,
        to_post=cost + markup - already_posted,
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """One thing that a visit cost: a line of an invoice, or the owner's own technicians.

    Attributes:
        is_paid: the money left and did not come back.
    """

    cause: Cause
    amount: Money
    billing: Billing
    is_paid: bool
    source_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a work order's costs come to for its original installer.

    Attributes:
        is_confirmed: there is a line with both keys.
        is_pending: there is a line whose cause is open, and the offer was let pass.
        is_paid: something of a confirmed or pending line is paid.
        expected: with the markup, if all of it were paid and were workmanship.
        sources: ids of what was paid for workmanship.
    """

    is_confirmed: bool
    is_pending: bool
    is_paid: bool
    cost: Money
    markup: Money
    expected: Money
    sources: tuple[str, ...]

    @property
    def total(self) -> Money:
        """What is owed by what was paid, the markup included."""
        return self.cost + self.markup

    @property
    def is_any(self) -> bool:
        """Whether anything can be claimed, now or once a cause is found."""
        return self.is_confirmed or self.is_pending


def claim_of(order: WorkOrder, spend: WorkOrderSpend, invoices: Iterable[Invoice]) -> Claim:
    """Give what can be claimed back for a work order (B-52, B-53, B-54), line by line.

    Invoices that will never be paid count for nothing; the owner's own technicians count by their
    rate card, as paid.
    """
    costs = costs_of(order, spend, invoices)
    confirmed = [one for one in costs if one.billing.back_bill is BackBilling.YES]
    paid = [one for one in confirmed if one.is_paid]
    bps = BACK_BILL_MARKUP_BPS.on(order.policy_day)
    found = owed(
        [PaidLine(one.cause, one.amount, one.source_id) for one in paid],
        is_workmanship_confirmed=bool(confirmed),
        original_offer=order.original_offer,
        markup_bps=bps,
        already_posted=ZERO,
        on=order.policy_day,
    )
    possible = total(one.amount for one in costs)
    return Claim(
        is_confirmed=bool(confirmed),
        is_pending=len(confirmed) < len(costs),
        is_paid=any(one.is_paid for one in costs),
        cost=found.cost,
        markup=found.markup,
        expected=possible + possible.share_rounded_half_up(bps),
        sources=tuple(dict.fromkeys(one.source_id for one in paid)),
    )


def costs_of(
    order: WorkOrder, spend: WorkOrderSpend, invoices: Iterable[Invoice]
) -> tuple[Cost, ...]:
    """Give what a work order cost, line by line, as far as it is or may be claimed back (B-53)."""
    found = _costs(order, spend, invoices)
    return tuple(one for one in found if one.billing.back_bill is not BackBilling.NO)


def _costs(order: WorkOrder, spend: WorkOrderSpend, invoices: Iterable[Invoice]) -> Iterator[Cost]:
    for invoice in invoices:
        if invoice.state not in _NEVER_PAID:
            parts = zip(
                invoice.content.lines,
                causes_of(invoice, order),
                billing_of(invoice, order),
                strict=True,
            )
            for line, cause, billed in parts:
                yield Cost(cause, line.amount, billed, bool(invoice.paid), invoice.id)
    if spend.internal is not None:
        billed = billable_party(
            order.cause,
            performer_id=spend.internal.partner_id,
            original_installer_id=order.original_installer_id,
            original_offer=order.original_offer,
            on=order.policy_day,
        )
        internal = spend.internal
        yield Cost(order.cause, internal.amount, billed, is_paid=True, source_id=internal.id)


@dataclass(frozen=True, slots=True)
class Advance:
    """How a back-bill stands now, and what must be said and posted for that.

    Attributes:
        notice: what the installer must be told; None where it knows already.
        offset: what the funding runs take now; below zero they give it back.
    """

    bill: BackBill
    notice: Notice | None
    offset: Money


def advance(bill: BackBill, claim: Claim, *, now: datetime, due_at: datetime) -> Advance:
    """Move a back-bill to where the facts put it (B-53, B-54, B-54a).

    A rise is notified first and posted when its own term has passed; at the very instant that it is
    due it can still be disputed. What shrank is given back at once. While a dispute is open nothing
    is notified and nothing posted, in neither direction (X-85).

    Args:
        bill: as it stood.
        claim: what the costs come to.
        now: the present instant.
        due_at: the end of a term that begins now.
    """
    owes = ZERO if bill.is_overturned else max(ZERO, claim.total - bill.waived)
    cost, markup = (claim.cost, claim.markup) if owes else (ZERO, ZERO)
    bill = replace(bill, cost=cost, markup=markup, total=owes, expected=claim.expected)
    if bill.held_by:
        return Advance(replace(bill, state=state_of(bill, claim)), None, ZERO)
    notices = _capped(bill.notices, owes)
    offset = min(ZERO, owes - bill.posted)
    posted = bill.posted + offset
    notice = None
    if owes > max(posted, notices[-1].total if notices else ZERO):
        notice = Notice(owes, now, due_at)
        notices = (*notices, notice)
    ripe = max((one.total for one in notices if one.due_at < now), default=ZERO)
    offset += max(ZERO, ripe - posted)
    bill = _posted(replace(bill, notices=notices), offset, now)
    return Advance(replace(bill, state=state_of(bill, claim)), notice, offset)


def _posted(bill: BackBill, amount: Money, now: datetime) -> BackBill:
    """Give the bill with one offset more, or as it is where there is nothing to post."""
    if not amount:
        return bill
    revision = bill.revision + 1
    offset = Offset(derived("OFF", bill.id, revision), amount, now)
    return replace(
        bill,
        posted=bill.posted + amount,
        revision=revision,
        offsets=(*bill.offsets, offset),
    )


def state_of(bill: BackBill, claim: Claim) -> BackBillState:
    """Name where a back-bill stands; it follows from its amounts and the claim (B-53)."""
    if bill.held_by:
        return BackBillState.DISPUTED
    nothing = BackBillState.CREDITED if bill.offsets else BackBillState.DROPPED
    if bill.is_overturned or not claim.is_any:
        return nothing
    if bill.total and bill.posted < bill.total:
        return BackBillState.NOTIFIED
    if bill.total:
        return BackBillState.SETTLED if bill.is_taken else BackBillState.POSTED
    if claim.total:
        return nothing
    if claim.is_confirmed:
        return BackBillState.CONFIRMED
    return BackBillState.PENDING if claim.is_paid else BackBillState.CANDIDATE


def _capped(notices: Sequence[Notice], owes: Money) -> tuple[Notice, ...]:
    """Give the notices for no more than is owed: who was told of more was told of less as well."""
    kept: list[Notice] = []
    for notice in notices:
        told = min(notice.total, owes)
        if told > (kept[-1].total if kept else ZERO):
            kept.append(replace(notice, total=told))
    return tuple(kept)
