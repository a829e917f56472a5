"""What is known of a visit's cost: invoices, what they spend, what is charged and claimed back."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cloud.invoicing.completeness import InvoiceDraft
from cloud.kernel.money import ZERO, Money, total
from cloud.service.models import Cause

WITHDRAWN = "withdrawn by the partner"
"""Why an invoice is void that its partner took back."""


class InvoiceState(StrEnum):
    """Where an invoice stands."""

    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    REJECTED = "rejected"
    PAID = "paid"
    VOID = "void"


class DraftState(StrEnum):
    """Where a kept draft stands; once it is submitted or discarded it can be opened again."""

    OPEN = "open"
    SUBMITTED = "submitted"
    DISCARDED = "discarded"


class BackBillState(StrEnum):
    """Where a back-bill stands.

    Candidate: nothing is paid and the cause is open. Pending: paid, the cause is open. Confirmed:
    both keys are there, nothing of it is notified. Notified: the installer has its time to dispute.
    Disputed: held. Posted: handed to the funding runs whole. Settled: taken by them whole. Dropped:
    nothing after all. Credited: all that was posted is given back.
    """

    CANDIDATE = "candidate"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    NOTIFIED = "notified"
    DISPUTED = "disputed"
    POSTED = "posted"
    SETTLED = "settled"
    DROPPED = "dropped"
    CREDITED = "credited"


class ChargeState(StrEnum):
    """Where what a customer is charged stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    TOLD = "told"
    EXPORTED = "exported"
    WITHDRAWN = "withdrawn"


class Subject(StrEnum):
    """What a partner may disagree with."""

    FINDING = "finding"
    BACK_BILL = "back_bill"
    INVOICE = "invoice"
    SLA_BREACH = "sla_breach"
    PAUSE = "pause"


class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """How a dispute ended: the claim stands, falls, or stands in part."""

    UPHELD = "upheld"
    OVERTURNED = "overturned"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line of a complete invoice."""

    category: str
    description: str
    amount: Money
    performed_at: datetime


@dataclass(frozen=True, slots=True)
class InvoiceContent:
    """What a complete invoice says."""

    number: str
    customer_name: str
    site_address: str
    service_dates: tuple[date, ...]
    description: str
    photo_count: int
    lines: tuple[InvoiceLine, ...]
    total: Money


@dataclass(frozen=True, slots=True)
class Returned:
    """An interval in which an invoice is back with the partner; without an end it still is."""

    since: datetime
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Paper:
    """What we attach to an invoice ourselves: the report, its photos, the approvals of spending."""

    kind: str
    reference: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class LineFinding:
    """What a person found to be the cause of one line.

    Attributes:
        line: its place, from zero.
    """

    line: int
    cause: Cause
    evidence: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """One run that paid an invoice.

    Attributes:
        trace_number: the line of the bank file; empty where deductions took all of it.
        returned_at: when the bank sent it back.
    """

    run_id: str
    amount: Money
    paid_at: datetime
    trace_number: str = ""
    returned_at: datetime | None = None
    return_code: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice for a work order; its id stands for the partner and its number.

    Attributes:
        submitted_at: when it was first complete; the clock of the decision starts here.
        routed_to: who decides.
        escalated_at: the deadline that passed without a decision, or when somebody escalated it.
        papers: what we attached.
        warnings: what the coordinator should look at, and what stops nothing.
        line_findings: where the cause of a line is another than the work order's.
        first_approved_by, first_approved_at: the first of two approvals, where two are needed.
        void_requested_at, void_requested_by, void_reason: somebody wants it not to be paid.
        disputes: disputes about it, the latest last.
        superseded: how often it came to say something else; each time is kept (`Superseded`).
    """

    id: str
    work_order_id: str
    partner_id: str
    site_id: str
    content: InvoiceContent
    state: InvoiceState
    submitted_at: datetime
    submitted_by: str
    routed_to: str
    returned: tuple[Returned, ...] = ()
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    escalated_at: datetime | None = None
    reminded_at: datetime | None = None
    papers: tuple[Paper, ...] = ()
    warnings: tuple[str, ...] = ()
    line_findings: tuple[LineFinding, ...] = ()
    first_approved_by: str = ""
    first_approved_at: datetime | None = None
    void_requested_at: datetime | None = None
    void_requested_by: str = ""
    void_reason: str = ""
    payments: tuple[Payment, ...] = ()
    disputes: tuple[str, ...] = ()
    superseded: int = 0

    @property
    def paid(self) -> Money:
        """What was paid of it and did not come back."""
        return total(one.amount for one in self.payments if one.returned_at is None)

    def cause_of(self, line: int) -> Cause | None:
        """Give the cause that was found for a line, None where the work order's holds (B-52)."""
        found = [one.cause for one in self.line_findings if one.line == line]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Superseded:
    """An invoice as it was until it was lowered, or submitted again after a correction.

    So that what it said at an instant can be told for good (`cloud.reporting.history`).
    """

    id: str
    invoice: Invoice
    until: datetime


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """An invoice that a partner is still writing; its id is the one that the invoice will have."""

    id: str
    partner_id: str
    work_order_id: str
    content: InvoiceDraft
    state: DraftState
    saved_at: datetime
    saved_by: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What one invoice spends of its work order."""

    invoice_id: str
    total: Money
    state: InvoiceState


@dataclass(frozen=True, slots=True)
class InternalCost:
    """What the owner's own technicians cost for a work order, by their rate card."""

    id: str
    partner_id: str
    minutes: int
    distance_km: int
    amount: Money
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class WorkOrderSpend:
    """All invoices of a work order in the order of their submission; its id is the work order's.

    Whatever changes an invoice writes it too, so that two changes of one work order's money never
    happen beside each other: together they cannot pass the limit, nor be claimed back twice.
    """

    id: str
    spent: tuple[Spent, ...] = ()
    internal: InternalCost | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """The installer was told that it owes so much, and has until `due_at` to dispute it."""

    total: Money
    at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Offset:
    """What was handed to the funding runs: above zero they take it, below they give it back."""

    id: str
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """What a funding run took of an offset."""

    offset_id: str
    run_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Standing:
    """How a back-bill stood from an instant on, so that exposure can be told for any day."""

    at: datetime
    state: BackBillState
    expected: Money
    total: Money
    posted: Money
    credited: Money


@dataclass(frozen=True, slots=True)
class BackBill:
    """What the original installer is charged for a work order.

    Attributes:
        partner_id: the original installer.
        cost, markup, total: what it owes by what was paid so far, less what disputes took off.
        posted: what was handed to the funding runs, in as many offsets as `revision` counts.
        dispute_level: where the dispute that holds it stands; empty without one.
        expected: what it would come to if all that is invoiced were paid and were workmanship.
        held_by: open disputes; while there is one nothing is posted.
        disputes: all disputes about it or its finding, the latest last.
        waived: what disputes took off for good.
        is_overturned: a dispute found that nothing is owed, whatever is paid later.
    """

    id: str
    work_order_id: str
    partner_id: str
    state: BackBillState
    cost: Money = ZERO
    markup: Money = ZERO
    total: Money = ZERO
    posted: Money = ZERO
    revision: int = 0
    dispute_level: str = ""
    expected: Money = ZERO
    notices: tuple[Notice, ...] = ()
    offsets: tuple[Offset, ...] = ()
    taken: tuple[Taken, ...] = ()
    held_by: tuple[str, ...] = ()
    disputes: tuple[str, ...] = ()
    waived: Money = ZERO
    is_overturned: bool = False
    standings: tuple[Standing, ...] = ()

    @property
    def credited(self) -> Money:
        """What was given back, above zero."""
        return -total(one.amount for one in self.offsets if one.amount < ZERO)

    @property
    def is_taken(self) -> bool:
        """Whether the funding runs have taken all that was handed to them."""
        raised = total(one.amount for one in self.offsets if one.amount > ZERO)
        return total(one.amount for one in self.taken) >= raised


@dataclass(frozen=True, slots=True)
class Step:
    """A level that a dispute came to."""

    level: str
    since: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """A partner's disagreement, from the coordinator to the agreement.

    Attributes:
        subject_id: what it is about: a back-bill, an invoice, or a work order and what of it.
        level: who decides it now.
        evidence: references of what was uploaded for it.
        steps: the levels that it came through, the present one last.
        new_amount: what is left of the claim; None where no money is disputed.
        credit: what is given back.
    """

    id: str
    kind: Subject
    subject_id: str
    work_order_id: str
    partner_id: str
    state: DisputeState
    level: str
    says: str
    opened_at: datetime
    opened_by: str
    evidence: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    outcome: Outcome | None = None
    reason: str = ""
    new_amount: Money | None = None
    credit: Money = ZERO
    closed_at: datetime | None = None
    closed_by: str = ""


@dataclass(frozen=True, slots=True)
class ChargedLine:
    """One line that the customer bears, and why."""

    line: int
    cause: Cause
    description: str
    amount: Money


@dataclass(frozen=True, slots=True)
class CustomerCharge:
    """What a customer is asked to pay for a visit; collecting it is not done here.

    Attributes:
        evidence: what it rests on, in words or references.
        times_told: how often the customer was told; one that was withdrawn may be told again.
        export_id: the export that it left with.
    """

    id: str
    invoice_id: str
    work_order_id: str
    site_id: str
    lines: tuple[ChargedLine, ...]
    total: Money
    evidence: str
    state: ChargeState
    proposed_at: datetime
    proposed_by: str
    approved_at: datetime | None = None
    approved_by: str = ""
    told_at: datetime | None = None
    exported_at: datetime | None = None
    exported_by: str = ""
    withdrawn_at: datetime | None = None
    withdrawn_by: str = ""
    reason: str = ""
    times_told: int = 0
    export_id: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An invoice that cannot be submitted: by which rule, and everything that stands against it.

    Attributes:
        errors: machine-readable codes, sorted.
    """

    rule: str
    because: str
    code: str
    errors: tuple[str, ...]
