"""What people look at before they let money be spent: what is asked for, beside what was agreed.

Nothing is decided here: `cloud.service.process` and `cloud.invoicing.process` do that.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cloud.invoicing.backbill import Claim, Cost, claim_of, costs_of
from cloud.invoicing.billing import Billing, billing_of, causes_of
from cloud.invoicing.completeness import EarlierInvoice, approval_errors, spend_of
from cloud.invoicing.models import (
    BackBill,
    Invoice,
    InvoiceLine,
    InvoiceState,
    LineFinding,
    WorkOrderSpend,
)
from cloud.invoicing.policy import NOT_COUNTED
from cloud.invoicing.process.books import books_of
from cloud.invoicing.process.submission import due_of, spend_approvals
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records
from cloud.reporting.leafing import Rows, rows_like, rows_of
from cloud.service.models import AWAITING_OWNER, Cause, Task, WorkOrder, WorkOrderState

_ASKED = re.compile(r"asked for \$([\d,]{1,15})\.(\d\d)(?:: (.*))?", re.DOTALL)
"""What `request_spend` notes with the pause that waits for the answer (I-62)."""


# ---- leave to spend ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """One wish to spend more than may be spent without asking (I-62).

    Attributes:
        amount: up to what in all; None where it cannot be told.
        why: in the partner's words, empty where none are there.
        is_estimate: the work is not taken yet; it waits for this answer.
    """

    order: WorkOrder
    since: datetime
    amount: Money | None
    why: str
    is_estimate: bool

    @property
    def over(self) -> Money | None:
        """How much it is above what may be spent now."""
        return None if self.amount is None else self.amount - self.order.not_to_exceed


def spend_request_of(order: WorkOrder) -> SpendRequest | None:
    """Give what a work order waits for, None where it waits for no leave to spend."""
    if order.state is WorkOrderState.AWAITING_SPEND and order.assignments:
        offer = order.assignments[-1]
        since = offer.answered_at or offer.offered_at
        return SpendRequest(order, since, offer.estimate, offer.reason, is_estimate=True)
    waiting = [one for one in order.pauses if one.reason == AWAITING_OWNER and one.until is None]
    if not waiting:
        return None
    told = _ASKED.match(waiting[-1].evidence)
    amount = Money(int(told[1].replace(",", "") + told[2])) if told else None
    why = (told[3] or "") if told else waiting[-1].evidence
    return SpendRequest(order, waiting[-1].since, amount, why, is_estimate=False)


def spend_requests(records: Records) -> tuple[SpendRequest, ...]:
    """Give all requests that wait, emergencies first, then by how long they do (I-62)."""
    found = records.find(WorkOrder, by="task", value=Task.APPROVE_SPEND)
    asked = (spend_request_of(one.record) for one in found)
    return tuple(
        sorted(
            (one for one in asked if one is not None),
            key=lambda one: (not one.order.is_emergency, one.since, one.order.id),
        )
    )


# ---- invoices ------------------------------------------------------------------------------------


SETTLED = frozenset({InvoiceState.PAID, InvoiceState.REJECTED, InvoiceState.VOID})
"""States in which nothing is waited for: their piles only grow."""


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice in a list.

    Attributes:
        due_at: by when it is decided; None where nothing runs.
        over: of one that waits, how much all invoices of its work order together are above what
            may be spent on it; zero or less where they are not.
    """

    invoice: Invoice
    due_at: datetime | None
    over: Money


def invoice_rows(records: Records, state: InvoiceState) -> tuple[InvoiceRow, ...]:
    """Give the invoices in one state: undecided ones by when they are due, others latest first.

    What a work order may spend is held against all its invoices that count (I-64); the orders, and
    what they spend, are read all at once.
    """
    found = [one.record for one in records.find(Invoice, by="state", value=state)]
    if state is not InvoiceState.SUBMITTED:
        over = (InvoiceRow(one, None, ZERO) for one in found)
        return tuple(sorted(over, key=lambda one: (_decided(one), _id(one)), reverse=True))
    ids = sorted({one.work_order_id for one in found})
    orders = records.load_all(WorkOrder, ids)
    spends = {name: one.record for name, one in records.load_all(WorkOrderSpend, ids).items()}
    rows = (_waiting(one, orders[one.work_order_id].record, spends) for one in found)
    return tuple(sorted(rows, key=lambda one: (one.due_at or one.invoice.submitted_at, _id(one))))


def settled_rows(
    records: Records,
    state: InvoiceState,
    *,
    keeps: Callable[[Invoice], bool] | None,
    most: int,
    after: str = "",
) -> Rows[InvoiceRow]:
    """Give a page of the invoices in a state that they end in, those decided last in front.

    Args:
        records: where they are kept.
        state: one of `SETTLED`.
        keeps: tells which ones are sought; None for all.
        most: rows of the page.
        after: of the page before.
    """
    read = partial(records.latest, Invoice, value=state)
    if keeps is None:
        rows = rows_of(read, most=most, after=after)
    else:
        rows = rows_like(read, keeps, most=most, after=after)
    return Rows(tuple(InvoiceRow(one, None, ZERO) for one in rows.found), rows.after)


def _waiting(
    invoice: Invoice, order: WorkOrder, spends: Mapping[str, WorkOrderSpend]
) -> InvoiceRow:
    left_out = NOT_COUNTED.on(order.policy_day)
    spent = spends.get(order.id, WorkOrderSpend(order.id)).spent
    # Its own amount is the one on the invoice, be it in what the order spends or not yet.
    others = total(
        one.total for one in spent if one.invoice_id != invoice.id and one.state not in left_out
    )
    over = others + invoice.content.total - order.not_to_exceed
    return InvoiceRow(invoice, due_of(invoice, order), over)


def _id(row: InvoiceRow) -> str:
    return row.invoice.id


def _decided(row: InvoiceRow) -> datetime:
    return row.invoice.decided_at or row.invoice.submitted_at


@dataclass(frozen=True, slots=True)
class LineLook:
    """One line of an invoice beside what was agreed.

    Attributes:
        finding: who found its cause, where it is another than the work order's.
        running: what the work order had spent with it, line by line in order of time (I-63).
        lacks: what its prior approval lacks; empty where nothing is lacking (I-62).
    """

    place: int
    line: InvoiceLine
    cause: Cause
    finding: LineFinding | None
    billing: Billing
    running: Money
    is_over: bool
    lacks: str


def lines_of(invoice: Invoice, order: WorkOrder, spend: WorkOrderSpend) -> tuple[LineLook, ...]:
    """Give an invoice's lines with their cause, who bears them, and what allowed them (I-62, B-52).

    The invoices before it count first, as when it is approved.
    """
    ids = [one.invoice_id for one in spend.spent]
    earlier = spend.spent[: ids.index(invoice.id)] if invoice.id in ids else spend.spent
    lines = invoice.content.lines
    spending = spend_of(
        ((one.performed_at, one.amount) for one in lines),
        others=[EarlierInvoice(one.total, one.state) for one in earlier],
        on=order.policy_day,
    )
    by_time = sorted(range(len(lines)), key=lambda place: lines[place].performed_at)
    spent = dict(zip(by_time, spending, strict=True))
    causes, billed = causes_of(invoice, order), billing_of(invoice, order)
    looks = []
    for place, line in enumerate(lines):
        found = [one for one in invoice.line_findings if one.line == place]
        lacks = approval_errors(
            [spent[place]],
            approvals=spend_approvals(order),
            spend_limit=order.spend_limit,
            on=order.policy_day,
        )
        looks.append(
            LineLook(
                place=place,
                line=line,
                cause=causes[place],
                finding=found[-1] if found else None,
                billing=billed[place],
                running=spent[place].running_total,
                is_over=spent[place].running_total > order.spend_limit,
                lacks=min(lacks, default=""),
            )
        )
    return tuple(looks)


# ---- back-bills ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BillLook:
    """How a back-bill comes about: what the visit cost, and what of it the installer bears."""

    order: WorkOrder
    costs: tuple[Cost, ...]
    claim: Claim
    numbers: dict[str, str]
    """Id of an invoice -> its number."""


def bill_look(records: Records, bill: BackBill) -> BillLook:
    """Give the costs behind a back-bill, line by line (B-53, B-54)."""
    books = books_of(records, bill.work_order_id)
    order, spend = books.order.record, books.spend.record
    return BillLook(
        order,
        costs_of(order, spend, books.others),
        claim_of(order, spend, books.others),
        {one.id: one.content.number for one in books.others},
    )


def bills_in(records: Records, states: Collection[str]) -> tuple[BackBill, ...]:
    """Give the back-bills in some states; what is due to be disputed soonest comes first."""
    found = [
        one.record for state in states for one in records.find(BackBill, by="state", value=state)
    ]
    return tuple(sorted(found, key=_term))


def _term(bill: BackBill) -> tuple[bool, str, str]:
    """Put running terms first, by their end; then the others by id."""
    runs = bool(bill.notices) and bill.posted < bill.total
    return (not runs, bill.notices[-1].due_at.isoformat() if runs else "", bill.id)


def waits_to_be_posted(bill: BackBill) -> Money:
    """Give what of a back-bill is owed and not posted yet; never below zero."""
    return max(ZERO, bill.total - bill.posted)
