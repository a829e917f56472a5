"""What goes in and out of the partner API: shapes only, checked by type and size."""

from datetime import date, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cloud.invoicing.completeness import DraftLine, InvoiceDraft
from cloud.service.models import WorkOrder
from cloud.service.report import Condition, ExchangedPart, Rma, VisitReport

Text = Annotated[str, Field(max_length=4000)]
Short = Annotated[str, Field(max_length=200)]
Cents = Annotated[int, Field(ge=0, le=10**10)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcceptIn(_In):
    """An acceptance, with what the work is thought to cost; 0 where the partner's warranty pays."""

    estimate_cents: Cents | None = None


class DeclineIn(_In):
    """A refusal; the reason is read by the coordinator."""

    reason: Annotated[str, Field(min_length=1, max_length=4000)]


class ContactIn(_In):
    """One attempt to reach the homeowner."""

    channel: Short
    outcome: Text


class ScheduleIn(_In):
    """A visit that was agreed with the homeowner."""

    since: AwareDatetime
    until: AwareDatetime
    technician: Short


class ConditionIn(_In):
    """The system at one moment of the visit."""

    notes: Text = ""
    photos: Annotated[list[Short], Field(max_length=60)] = []


class PartIn(_In):
    """One part that went and the one that came."""

    old_serial: Short = ""
    new_serial: Short = ""


class RmaIn(_In):
    """An exchange under the maker's warranty."""

    initiated_by: Short
    parts: Annotated[list[PartIn], Field(max_length=60)] = []
    oem_case_number: Short = ""


class ReportIn(_In):
    """The service report; everything that it lacks is named in one answer."""

    form: Short = "pdf"
    as_found: ConditionIn = ConditionIn()
    as_departed: ConditionIn = ConditionIn()
    summary: Text = ""
    root_cause: Text = ""
    rma: RmaIn | None = None
    departed_at: AwareDatetime

    def content(self) -> VisitReport:
        """Give what the rules judge."""
        exchange = self.rma and Rma(
            initiated_by=self.rma.initiated_by,
            parts=tuple(ExchangedPart(p.old_serial, p.new_serial) for p in self.rma.parts),
            oem_case_number=self.rma.oem_case_number,
        )
        return VisitReport(
            form=self.form,
            as_found=Condition(self.as_found.notes, tuple(self.as_found.photos)),
            as_departed=Condition(self.as_departed.notes, tuple(self.as_departed.photos)),
            summary=self.summary,
            root_cause=self.root_cause,
            rma=exchange or None,
        )


class LineIn(_In):
    """One line of an invoice, in cents."""

    category: Short
    description: Text = ""
    amount_cents: int
    performed_at: AwareDatetime


class InvoiceIn(_In):
    """An invoice for a work order; everything that stands against it is named in one answer."""

    invoice_number: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
    customer_name: Short = ""
    site_address: Short = ""
    work_order_number: Short
    service_dates: Annotated[list[date], Field(max_length=60)] = []
    description: Text = ""
    photo_count: Annotated[int, Field(ge=0, le=1000)] = 0
    lines: Annotated[list[LineIn], Field(max_length=200)] = []
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
        cls, order: WorkOrder, *, customer_name: str, site_address: str, invoice_ids: list[str]
    ) -> "WorkOrderOut":
        """Give the work order with what is needed to go there."""
        visit = order.visits[-1] if order.visits else None
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
            is_accepted_late=bool(order.assignment and order.assignment.is_late),
            visit_since=visit.since if visit else None,
            visit_until=visit.until if visit else None,
            report_id=order.report_id,
            cause=order.cause,
            invoice_ids=invoice_ids,
            customer_name=customer_name,
            site_address=site_address,
        )


class WorkOrdersOut(BaseModel):
    """The partner's work orders, oldest first."""

    work_orders: list[WorkOrderOut]


class ReportOut(BaseModel):
    """A report that was taken."""

    report_id: str
    work_order_number: str


class InvoiceOut(BaseModel):
    """An invoice as it stands."""

    invoice_id: str
    invoice_number: str
    work_order_number: str
    state: str
    total_cents: int
