"""What goes in and out of the routes about payouts, risk, remittances and exports."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from cloud.adapters.plain_text import Plain
from cloud.functions.partner_api.shapes import In, Short
from cloud.funding.exports import ExportOrder
from cloud.funding.process.payouts import PayoutRow, TabTotal
from cloud.funding.process.remittances import Payment
from cloud.funding.process.risk import ClockRow, ReductionRow
from cloud.funding.views import Export


class PayoutOut(BaseModel):
    """A payable, a deduction (below zero), or a project whose vendor's invoice is missing."""

    id: str
    line: str
    project_id: str
    account_name: str
    milestone: str
    category: str
    rule: str
    amount_cents: int
    left_cents: int
    tab: str
    status: str
    holds: list[str]
    event_at: datetime
    funding_date: date | None
    run_id: str
    trace_number: str
    account_last4: str
    market: str
    salesperson: str
    programme: str
    says: str

    @classmethod
    def of(cls, row: PayoutRow) -> "PayoutOut":
        """Give the row as its Accounting Admin sees it (F35)."""
        return cls(
            id=row.id,
            line=row.kind,
            project_id=row.project_id,
            account_name=row.account_name,
            milestone=row.about,
            category=row.type,
            rule=row.rule,
            amount_cents=row.amount.cents,
            left_cents=row.left.cents,
            tab=row.tab,
            status=row.status,
            holds=list(row.holds),
            event_at=row.event_at,
            funding_date=row.funding_date,
            run_id=row.run_id,
            trace_number=row.trace_number,
            account_last4=row.account_last4,
            market=row.market,
            salesperson=row.salesperson,
            programme=row.programme,
            says=row.says,
        )


class TabOut(BaseModel):
    """What stands under one tab of the whole organisation, whatever else is filtered by."""

    tab: str
    rows: int
    payable_cents: int
    deducted_cents: int

    @classmethod
    def of(cls, found: TabTotal) -> "TabOut":
        """Give the sums."""
        return cls(
            tab=found.tab,
            rows=found.rows,
            payable_cents=found.payable.cents,
            deducted_cents=found.deducted.cents,
        )


class PayoutsOut(BaseModel):
    """The organisation's payouts, oldest first, with the sums of all tabs."""

    payouts: list[PayoutOut]
    tabs: list[TabOut]
    has_more: bool
    next_cursor: str


class ClockOut(BaseModel):
    """A clock that runs; red asks for action at once."""

    project_id: str
    account_name: str
    clock: str
    waits_for: str
    started_on: date
    age_days: int
    aging: str
    days_left: int
    is_red: bool
    due_on: date
    contract_due_on: date
    extension_days: int
    status: str
    amount_cents: int
    market: str
    salesperson: str
    programme: str

    @classmethod
    def of(cls, row: ClockRow) -> "ClockOut":
        """Give the clock (F28)."""
        return cls(
            project_id=row.project_id,
            account_name=row.account_name,
            clock=row.clock,
            waits_for=row.waits_for,
            started_on=row.started_on,
            age_days=row.age_days,
            aging=row.age_class,
            days_left=row.days_left,
            is_red=row.is_red,
            due_on=row.due_on,
            contract_due_on=row.contract_due_on,
            extension_days=row.extension_days,
            status=row.status,
            amount_cents=row.amount.cents,
            market=row.market,
            salesperson=row.salesperson,
            programme=row.programme,
        )


class ClocksOut(BaseModel):
    """Clocks by their place in a project's life, least time left first."""

    clocks: list[ClockOut]
    has_more: bool
    next_cursor: str


class ReductionOut(BaseModel):
    """A deduction of which something is open."""

    id: str
    project_id: str
    account_name: str
    kind: str
    category: str
    rule: str
    raised_cents: int
    taken_cents: int
    left_cents: int
    is_paused: bool
    incurred_on: date
    age_days: int
    aging: str
    says: str
    market: str
    salesperson: str
    programme: str

    @classmethod
    def of(cls, row: ReductionRow) -> "ReductionOut":
        """Give the reduction with the article's type (F26)."""
        return cls(
            id=row.id,
            project_id=row.project_id,
            account_name=row.account_name,
            kind=row.kind,
            category=row.type,
            rule=row.rule,
            raised_cents=row.raised.cents,
            taken_cents=row.taken.cents,
            left_cents=row.left.cents,
            is_paused=row.is_paused,
            incurred_on=row.incurred_on,
            age_days=row.age_days,
            aging=row.age_class,
            says=row.says,
            market=row.market,
            salesperson=row.salesperson,
            programme=row.programme,
        )


class ReductionsOut(BaseModel):
    """What is still to be taken, the oldest first."""

    reductions: list[ReductionOut]
    has_more: bool
    next_cursor: str


class RemittanceOut(BaseModel):
    """A payment; at what hour it arrives depends on the bank."""

    run_id: str
    funding_date: date
    amount_cents: int
    trace_number: str
    status: str
    return_code: str

    @classmethod
    def of(cls, payment: Payment) -> "RemittanceOut":
        """Give the payment as it stands (F04)."""
        return cls(
            run_id=payment.run_id,
            funding_date=payment.funding_date,
            amount_cents=payment.amount.cents,
            trace_number=payment.trace_number,
            status=payment.status,
            return_code=payment.return_code,
        )


class RemittancesOut(BaseModel):
    """The payments to the organisation, oldest first."""

    remittances: list[RemittanceOut]
    has_more: bool
    next_cursor: str


Word = Annotated[str, Field(max_length=200), Plain]


class ExportIn(In):
    """A report as CSV, of rows that fit all filters; an empty filter asks for nothing."""

    report: Literal["payouts", "clawbacks", "projects"]
    organisation: Short = ""
    aging: Word = ""
    category: Word = ""
    market: Word = ""
    milestone: Word = ""
    project: Word = ""
    salesperson: Word = ""
    status: Word = ""
    tab: Word = ""


class ExportOut(BaseModel):
    """How an export reaches who asked: download at once, or a file that a mail announces."""

    mode: str
    report: str
    row_count: int
    export_id: str
    state: str
    path: str
    asked_at: datetime | None
    ready_at: datetime | None
    kept_until: date | None

    @classmethod
    def at_once(cls, verdict: Export, *, report: str, path: str) -> "ExportOut":
        """Give where a small export is downloaded (F29)."""
        return cls(
            mode=verdict.mode,
            report=report,
            row_count=verdict.row_count,
            export_id="",
            state="ready",
            path=path,
            asked_at=None,
            ready_at=None,
            kept_until=None,
        )

    @classmethod
    def of(cls, order: ExportOrder) -> "ExportOut":
        """Give a large export as it stands (F29)."""
        return cls(
            mode="email",
            report=order.report,
            row_count=order.row_count,
            export_id=order.id,
            state=order.state,
            path=f"/v1/exports/{order.id}/file",
            asked_at=order.asked_at,
            ready_at=order.ready_at,
            kept_until=order.kept_until,
        )


class ExportsOut(BaseModel):
    """The exports that were announced by mail, oldest first."""

    exports: list[ExportOut]
    has_more: bool
    next_cursor: str
