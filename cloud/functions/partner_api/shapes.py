"""What goes in and out of the partner API: shapes only, checked by type and size."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud.adapters.instants import Instant
from cloud.adapters.plain_text import Plain
from cloud.invoicing.completeness import (
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_LINES,
    DraftLine,
    InvoiceDraft,
)
from cloud.portfolio.models import Site
from cloud.service.clocks import clock_of
from cloud.service.models import Report, WorkOrder
from cloud.service.report import Condition, ExchangedPart, Rma, VisitReport
from cloud.service.sla import SlaMilestone

Text = Annotated[str, Field(max_length=LONGEST_TEXT), Plain]
Short = Annotated[str, Field(max_length=LONGEST_NAME), Plain]
Cents = Annotated[int, Field(ge=0, le=10**10)]


class In(BaseModel):
    """A body: what is not known in it is refused."""

    model_config = ConfigDict(extra="forbid")


class AcceptIn(In):
    """An acceptance, with what the work is thought to cost; 0 where the partner's warranty pays."""

    estimate_cents: Cents | None = None


class DeclineIn(In):
    """A refusal; the reason is read by the coordinator."""

    reason: Annotated[str, Field(min_length=1, max_length=4000), Plain]


class ContactIn(In):
    """One attempt to reach the homeowner."""

    channel: Short
    outcome: Text


class ScheduleIn(In):
    """A visit that was agreed with the homeowner."""

    since: Instant
    until: Instant
    technician: Short


class SpendIn(In):
    """The highest total that the work may come to."""

    amount_cents: Annotated[int, Field(gt=0, le=10**9)]


class PauseIn(In):
    """What stops the clocks, since when, and what proves it."""

    reason: Short
    evidence: Text
    since: Instant


class ResumeIn(In):
    """The pause that is over."""

    reason: Short


class ArrivalIn(In):
    """Somebody came to the site."""

    arrived_at: Instant
    technician: Short = ""


class DepartureIn(In):
    """Somebody left the site; is_finished says whether anything is left to be done."""

    departed_at: Instant
    is_finished: bool


class QuestionIn(In):
    """A question to the coordinator."""

    text: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S"), Plain]


class ConditionIn(In):
    """The system at one moment of the visit."""

    notes: Text = ""
    photos: Annotated[list[Short], Field(max_length=60)] = []


class PartIn(In):
    """One part that went and the one that came."""

    old_serial: Short = ""
    new_serial: Short = ""
    kind: Short = ""


class RmaIn(In):
    """An exchange under the maker's warranty."""

    initiated_by: Short
    parts: Annotated[list[PartIn], Field(max_length=60)] = []
    oem_case_number: Short = ""


class ReportIn(In):
    """The service report; everything that it lacks is named in one answer."""

    form: Short = "pdf"
    as_found: ConditionIn = ConditionIn()
    as_departed: ConditionIn = ConditionIn()
    summary: Text = ""
    root_cause: Text = ""
    rma: RmaIn | None = None
    papers: Annotated[list[Short], Field(max_length=60)] = []
    link: Annotated[str, Field(max_length=500), Plain] = ""
    departed_at: Instant

    def content(self) -> VisitReport:
        """Give what the rules judge."""
        exchange = self.rma and Rma(
            initiated_by=self.rma.initiated_by,
            parts=tuple(ExchangedPart(p.old_serial, p.new_serial, p.kind) for p in self.rma.parts),
            oem_case_number=self.rma.oem_case_number,
        )
        return VisitReport(
            form=self.form,
            as_found=Condition(self.as_found.notes, tuple(self.as_found.photos)),
            as_departed=Condition(self.as_departed.notes, tuple(self.as_departed.photos)),
            summary=self.summary,
            root_cause=self.root_cause,
            rma=exchange or None,
            papers=tuple(self.papers),
            link=self.link,
        )


class LineIn(In):
    """One line of an invoice, in cents."""

    category: Short
    description: Text = ""
    amount_cents: int
    performed_at: Instant


class InvoiceIn(In):
    """An invoice for a work order; everything that stands against it is named in one answer."""

    invoice_number: Annotated[
        str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S"), Plain
    ]
    customer_name: Short = ""
    site_address: Short = ""
    work_order_number: Short
    service_dates: Annotated[list[date], Field(max_length=60)] = []
    description: Text = ""
    photo_count: Annotated[int, Field(ge=0, le=1000)] = 0
    lines: Annotated[list[LineIn], Field(max_length=MOST_LINES)] = []
    total_cents: int

    def draft(self) -> InvoiceDraft:
        """Give what the rules judge."""
        return InvoiceDraft(
            invoice_number=self.invoice_number,
            customer_name=self.customer_name,
            site_address=self.site_address,
            work_order_number=self.work_order_number,
            service_dates=tuple(self.service_dates),
            description=self.description,
            photo_count=self.photo_count,
            lines=tuple(
                DraftLine(line.category, line.description, line.amount_cents, line.performed_at)
                for line in self.lines
            ),
            total_cents=self.total_cents,
        )


class WorkOrderOut(BaseModel):
    """A work order as its partner may see it."""

    number: str
    state: str
    case_id: str
    site_id: str
    scope: list[str]
    instructions: str
    issued_at: datetime
    time_zone: str
    not_to_exceed_cents: int
    is_emergency: bool
    assignment_state: str
    accept_due_at: datetime | None
    schedule_due_at: datetime | None
    complete_due_at: datetime | None
    is_accepted_late: bool
    visit_since: datetime | None
    visit_until: datetime | None
    report_id: str | None
    cause: str
    invoice_ids: list[str]
    customer_name: str
    site_address: str

    @classmethod
    def of(
        cls,
        order: WorkOrder,
        *,
        partner_id: str,
        site: Site,
        now: datetime,
        invoice_ids: list[str],
    ) -> "WorkOrderOut":
        """Give the work order as this partner may see it (T-91).

        The customer's name and address are told to who has the work, until its case is closed.
        """
        visit = order.visits[-1] if order.visits else None
        offer = [one for one in order.assignments if one.partner_id == partner_id][-1]
        is_theirs = order.partner_id == partner_id
        is_shown = is_theirs and order.customer_hidden_at is None
        due = {name: _due(order, name, now) if is_theirs else None for name in SlaMilestone}
        return cls(
            number=order.id,
            state=order.state,
            case_id=order.case_id,
            site_id=order.site_id,
            scope=list(order.scope),
            instructions=order.instructions,
            issued_at=order.issued_at,
            time_zone=order.time_zone,
            not_to_exceed_cents=order.not_to_exceed.cents,
            is_emergency=order.is_emergency,
            assignment_state=offer.state,
            accept_due_at=due[SlaMilestone.ACCEPT],
            schedule_due_at=due[SlaMilestone.SCHEDULE],
            complete_due_at=due[SlaMilestone.COMPLETE],
            is_accepted_late=offer.is_late,
            visit_since=visit.since if visit and is_theirs else None,
            visit_until=visit.until if visit and is_theirs else None,
            report_id=order.report_id if is_theirs else None,
            cause=order.cause,
            invoice_ids=invoice_ids,
            customer_name=site.customer_name if is_shown else "",
            site_address=site.address if is_shown else "",
        )


def _due(order: WorkOrder, milestone: SlaMilestone, now: datetime) -> datetime | None:
    clock = clock_of(order, milestone, now=now)
    return clock.deadline.due_at if clock is not None and clock.met_at is None else None


class WorkOrdersOut(BaseModel):
    """The partner's work orders, oldest first."""

    work_orders: list[WorkOrderOut]
    has_more: bool
    next_cursor: str


class ReportOut(BaseModel):
    """A report that was taken."""

    report_id: str
    work_order_number: str
    version: int
    state: str
    returned_for: list[str]
    serials: str

    @classmethod
    def of(cls, report: Report) -> "ReportOut":
        """Give the report as it stands."""
        return cls(
            report_id=report.id,
            work_order_number=report.work_order_id,
            version=report.version,
            state=report.state,
            returned_for=list(report.returned_for),
            serials=report.serials,
        )


class LinkOut(BaseModel):
    """An address that shows a file for some minutes."""

    url: str


class DraftedOut(BaseModel):
    """A report that is still being written, and all that it lacks."""

    work_order_number: str
    saved_at: datetime
    missing: list[str]
