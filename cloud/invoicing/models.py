"""What is known of a visit's cost: invoices, what they spend, and what is claimed back."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cloud.kernel.money import ZERO, Money


class InvoiceState(StrEnum):
    """Where an invoice stands."""

    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    REJECTED = "rejected"


class BackBillState(StrEnum):
    """Where a back-bill stands.

    Pending is exposure only; disputed is held; dropped was found to be nothing after all.
    """

    PENDING = "pending"
    DISPUTED = "disputed"
    POSTED = "posted"
    DROPPED = "dropped"


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
class Invoice:
    """An invoice for a work order; its id stands for the partner and its number.

    Attributes:
        submitted_at: when it was first complete; the clock of the decision starts here.
        routed_to: who decides.
        escalated_at: the deadline that passed without a decision.
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


@dataclass(frozen=True, slots=True)
class Spent:
    """What one invoice spends of its work order."""

    invoice_id: str
    total: Money
    state: InvoiceState


@dataclass(frozen=True, slots=True)
class WorkOrderSpend:
    """All invoices of a work order in the order of their submission; its id is the work order's.

    Two that are submitted at once both write it, so that together they cannot pass the limit.
    """

    id: str
    spent: tuple[Spent, ...] = ()


@dataclass(frozen=True, slots=True)
class BackBill:
    """What the original installer is charged for a work order.

    Attributes:
        partner_id: the original installer.
        total: what it owes by what was paid so far.
        posted: what was handed to the funding runs, in as many offsets as `revision` counts.
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
