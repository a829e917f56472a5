"""What goes in and out of the routes about money: invoices, back-bills, disputes."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from cloud.adapters.instants import Instant
from cloud.adapters.plain_text import Plain
from cloud.functions.partner_api.shapes import In, InvoiceIn, Short
from cloud.invoicing.completeness import Completeness
from cloud.invoicing.models import BackBill, Dispute, Invoice, SavedDraft, Subject

Evidence = Annotated[list[Short], Field(max_length=60)]
Reason = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S"), Plain]


class InvoiceOut(BaseModel):
    """An invoice as it stands."""

    invoice_id: str
    invoice_number: str
    work_order_number: str
    state: str
    total_cents: int
    paid_cents: int | None
    submitted_at: datetime
    decided_at: datetime | None
    reason: str
    warnings: list[str]

    @classmethod
    def of(cls, invoice: Invoice, *, shows_money: bool) -> "InvoiceOut":
        """Give the invoice as its partner may see it (I-68).

        What was paid is money's: without the role of an Accounting Admin it is null (F27).
        """
        returned = [one.reason for one in invoice.returned if one.until is None]
        return cls(
            invoice_id=invoice.id,
            invoice_number=invoice.content.number,
            work_order_number=invoice.work_order_id,
            state=invoice.state,
            total_cents=invoice.content.total.cents,
            paid_cents=invoice.paid.cents if shows_money else None,
            submitted_at=invoice.submitted_at,
            decided_at=invoice.decided_at,
            reason=invoice.reason or "".join(returned),
            warnings=list(invoice.warnings),
        )


class InvoicesOut(BaseModel):
    """The partner's invoices, oldest first."""

    invoices: list[InvoiceOut]
    has_more: bool
    next_cursor: str


class CheckOut(BaseModel):
    """What would stand against an invoice; nothing was taken."""

    valid: bool
    errors: list[str]
    warnings: list[str]
    prior_approval_required: bool | None

    @classmethod
    def of(cls, found: Completeness) -> "CheckOut":
        """Give the verdict."""
        return cls(
            valid=not found.errors,
            errors=list(found.errors),
            warnings=list(found.warnings),
            prior_approval_required=found.needs_prior_approval,
        )


class DraftOut(BaseModel):
    """An invoice that is still being written."""

    draft_id: str
    invoice_number: str
    work_order_number: str
    state: str
    saved_at: datetime

    @classmethod
    def of(cls, draft: SavedDraft) -> "DraftOut":
        """Give what was kept, by its names."""
        return cls(
            draft_id=draft.id,
            invoice_number=draft.content.invoice_number,
            work_order_number=draft.work_order_id,
            state=draft.state,
            saved_at=draft.saved_at,
        )


class DraftIn(InvoiceIn):
    """An invoice that is still being written; its lines may lack what they need in the end."""


class BackBillOut(BaseModel):
    """What the partner, as the original installer, owes for a work order."""

    back_bill_id: str
    work_order_number: str
    state: str
    cost_cents: int
    markup_cents: int
    total_cents: int
    posted_cents: int
    credited_cents: int
    dispute_by: datetime | None
    dispute_ids: list[str]

    @classmethod
    def of(cls, bill: BackBill) -> "BackBillOut":
        """Give the back-bill as who owes it may see it (B-54)."""
        return cls(
            back_bill_id=bill.id,
            work_order_number=bill.work_order_id,
            state=bill.state,
            cost_cents=bill.cost.cents,
            markup_cents=bill.markup.cents,
            total_cents=bill.total.cents,
            posted_cents=bill.posted.cents,
            credited_cents=bill.credited.cents,
            dispute_by=bill.notices[-1].due_at if bill.notices else None,
            dispute_ids=list(bill.disputes),
        )


class BackBillsOut(BaseModel):
    """The partner's back-bills."""

    back_bills: list[BackBillOut]
    has_more: bool
    next_cursor: str


class DisputeIn(In):
    """A disagreement, and what about."""

    kind: Subject
    work_order_number: Short
    what: Short = ""
    says: Reason
    evidence: Evidence = Field(default_factory=list)


class EvidenceIn(In):
    """References of what was uploaded for a dispute."""

    evidence: Annotated[list[Short], Field(min_length=1, max_length=60)]


class LevelIn(In):
    """The level that a dispute is taken to."""

    to_level: Short


class StepOut(BaseModel):
    """A level that a dispute came to."""

    level: str
    since: Instant


class DisputeOut(BaseModel):
    """A dispute as it stands."""

    dispute_id: str
    kind: str
    work_order_number: str
    state: str
    level: str
    says: str
    opened_at: datetime
    evidence: list[str]
    steps: list[StepOut]
    outcome: str | None
    reason: str
    credit_cents: int

    @classmethod
    def of(cls, dispute: Dispute) -> "DisputeOut":
        """Give the dispute as its partner may see it (X-85)."""
        return cls(
            dispute_id=dispute.id,
            kind=dispute.kind,
            work_order_number=dispute.work_order_id,
            state=dispute.state,
            level=dispute.level,
            says=dispute.says,
            opened_at=dispute.opened_at,
            evidence=list(dispute.evidence),
            steps=[StepOut(level=one.level, since=one.since) for one in dispute.steps],
            outcome=dispute.outcome,
            reason=dispute.reason,
            credit_cents=dispute.credit.cents,
        )


class DisputesOut(BaseModel):
    """The partner's disputes."""

    disputes: list[DisputeOut]
    has_more: bool
    next_cursor: str
