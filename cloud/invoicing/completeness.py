"""Whether an invoice may be submitted: everything that stands against it, at once."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cloud.invoicing.policy import APPROVER_ROLE, COST_CATEGORIES, NOT_COUNTED
from cloud.kernel.money import ZERO, Money, total

WORKMANSHIP = "workmanship"
MOST_LINES = 200
"""Lines of one invoice, however it comes."""
LONGEST_NAME = 200
"""Characters of an invoice's number, of the customer's name and of the address."""
LONGEST_TEXT = 4000
"""Characters of what was done, and of what one line was."""
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line as the partner wrote it.

    Attributes:
        amount_cents: as it came; only whole cents above zero are an amount.
        performed_at: None where the line names no time.
    """

    category: str
    description: str
    amount_cents: int | float | None
    performed_at: datetime | None

    @property
    def amount(self) -> Money:
        """The amount, or nothing where what was written is none."""
        return Money(self.amount_cents) if type(self.amount_cents) is int else ZERO


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice as the partner wrote it, nothing of it checked."""

    invoice_number: str
    customer_name: str
    site_address: str
    work_order_number: str
    service_dates: tuple[date, ...]
    description: str
    photo_count: int
    lines: tuple[DraftLine, ...]
    total_cents: int | float | None


@dataclass(frozen=True, slots=True)
class WorkDone:
    """The work order as far as an invoice is held against it.

    Attributes:
        cause: what a person found, empty before.
        authorized_at: when the work was authorised in writing; None when it never was.
        departed_at: when the technician left; nothing was performed after it. None is not known.
    """

    number: str
    partner_id: str
    original_installer_id: str
    cause: str
    authorized_at: datetime | None
    is_report_complete: bool
    departed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PriorApproval:
    """Leave to spend up to a total on the work order."""

    role: str
    is_written: bool
    at: datetime
    max_total: Money


@dataclass(frozen=True, slots=True)
class EarlierInvoice:
    """What another invoice of the same work order spends, by its state."""

    total: Money
    state: str


@dataclass(frozen=True, slots=True)
class Spending:
    """One line held against the limit.

    Attributes:
        running_total: of the work order, this line included.
    """

    performed_at: datetime
    running_total: Money


@dataclass(frozen=True, slots=True)
class Completeness:
    """What stands against an invoice.

    Attributes:
        needs_prior_approval: None where the caller may not know the work order.
        warnings: what a person should look at; it stops nothing.
    """

    errors: tuple[str, ...]
    needs_prior_approval: bool | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OnRecord:
    """The customer and the place as we know them."""

    customer_name: str
    site_address: str


NOT_FOUND = Completeness(("work_order_not_found",), None)


def check(
    draft: InvoiceDraft,
    *,
    caller_partner_id: str,
    work: WorkDone | None,
    spend_limit: Money,
    approvals: Sequence[PriorApproval],
    others: Iterable[EarlierInvoice],
    used_numbers: Collection[str],
    on: date,
    on_record: OnRecord | None = None,
) -> Completeness:
    """Give all errors of an invoice, sorted (I-61, I-62, I-63, I-64, I-65, I-67, A-81, B-51).

    A work order that is not the caller's does not exist for it: nothing else is told then. Work
    performed at the very instant of the authorisation is authorised. Another name or address than
    the one on record is a warning for who decides, not an error.
    """
    if work is None or work.partner_id != caller_partner_id:
        return NOT_FOUND
    spending = spend_of(
        ((line.performed_at, line.amount) for line in draft.lines), others=others, on=on
    )
    errors = {
        *_missing(draft, work),
        *_wrong(draft, on=on),
        *_forbidden(draft, work, used_numbers),
        *approval_errors(spending, approvals=approvals, spend_limit=spend_limit, on=on),
    }
    over = any(spent.running_total > spend_limit for spent in spending)
    warnings = differences(draft, on_record) if on_record else ()
    return Completeness(tuple(sorted(errors)), over, warnings)


def differences(draft: InvoiceDraft, known: OnRecord) -> tuple[str, ...]:
    """Give what an invoice says otherwise than our records (I-65).

    What is missing is no difference, nor are case, punctuation and a part that one of the two
    leaves out (a postcode, a middle name).
    """
    pairs = {
        "customer_name_differs": (draft.customer_name, known.customer_name),
        "site_address_differs": (draft.site_address, known.site_address),
    }
    return tuple(
        code for code, (said, kept) in pairs.items() if _differ(_words(said), _words(kept))
    )


def _differ(one: frozenset[str], other: frozenset[str]) -> bool:
    return not (one <= other or other <= one)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def spend_of(
    lines: Iterable[tuple[datetime | None, Money]], *, others: Iterable[EarlierInvoice], on: date
) -> tuple[Spending, ...]:
    """Give the running total of the work order, line by line in order of time (I-63, I-64).

    Other invoices come first, but those that spend nothing; a line without a time comes last.
    """
    idle = NOT_COUNTED.on(on)
    running = total(other.total for other in others if other.state not in idle)
    spending = []
    for performed_at, amount in sorted(
        ((performed_at or _LAST, amount) for performed_at, amount in lines), key=lambda it: it[0]
    ):
        running += amount
        spending.append(Spending(performed_at, running))
    return tuple(spending)


def approval_errors(
    spending: Iterable[Spending],
    *,
    approvals: Sequence[PriorApproval],
    spend_limit: Money,
    on: date,
) -> frozenset[str]:
    """Give what the prior approvals lack, over all lines (I-61, I-62, I-63, N-90).

    A line that leaves the total on the limit needs none. One over it needs the coordinator's
    written approval, given strictly before the line was performed, up to at least that total.
    """
    role = APPROVER_ROLE.on(on)
    written = [one for one in approvals if one.role == role and one.is_written]
    over = [spent for spent in spending if spent.running_total > spend_limit]
    verdicts = (_approval_error(spent, written) for spent in over)
    return frozenset(verdict for verdict in verdicts if verdict is not None)


def _approval_error(spent: Spending, written: Sequence[PriorApproval]) -> str | None:
    if not written:
        return "prior_approval_missing"
    timely = [approval for approval in written if approval.at < spent.performed_at]
    if not timely:
        return "prior_approval_late"
    if all(approval.max_total < spent.running_total for approval in timely):
        return "prior_approval_insufficient"
    return None


def _missing(draft: InvoiceDraft, work: WorkDone) -> Iterator[str]:
    """Give what is not there (I-65); blank text is missing text."""
    texts = {
        "missing_customer_name": draft.customer_name,
        "missing_site_address": draft.site_address,
        "missing_work_order_number": draft.work_order_number,
        "missing_description": draft.description,
    }
    yield from (code for code, text in texts.items() if not text.strip())
    lacks = {
        "missing_service_dates": not draft.service_dates,
        "missing_cost_breakdown": not draft.lines,
        "missing_photos": draft.photo_count < 1,
        "report_incomplete": not work.is_report_complete,
    }
    yield from (code for code, is_lacking in lacks.items() if is_lacking)


def _wrong(draft: InvoiceDraft, *, on: date) -> Iterator[str]:
    """Give what does not add up (I-67)."""
    known = COST_CATEGORIES.on(on)
    amounts = [line.amount_cents for line in draft.lines]
    if any(type(amount) is not int or amount <= 0 for amount in amounts):
        yield "invalid_amount"
    if any(line.category not in known for line in draft.lines):
        yield "unknown_cost_category"
    if sum(amount or 0 for amount in amounts) != draft.total_cents:
        yield "total_mismatch"


def _forbidden(draft: InvoiceDraft, work: WorkDone, used_numbers: Collection[str]) -> Iterator[str]:
    """Give what this work order does not allow (A-81, B-51, I-67)."""
    named = draft.work_order_number.strip()
    if named and named != work.number:
        yield "work_order_number_mismatch"
    if draft.invoice_number.strip() in {number.strip() for number in used_numbers}:
        yield "duplicate_invoice_number"
    if any(_is_before_authorization(line, work) for line in draft.lines):
        yield "work_before_authorization"
    if any(_is_after_departure(line, work) for line in draft.lines):
        yield "work_after_departure"
    if work.cause == WORKMANSHIP and work.partner_id == work.original_installer_id:
        yield "covered_by_workmanship_warranty"


def _is_after_departure(line: DraftLine, work: WorkDone) -> bool:
    """Tell whether a line claims an instant at which nobody was there any more.

    The instant decides whether an approval came before the work (I-62): it cannot be moved behind
    one.
    """
    if work.departed_at is None or line.performed_at is None:
        return False
    return line.performed_at > work.departed_at


def _is_before_authorization(line: DraftLine, work: WorkDone) -> bool:
    if work.authorized_at is None:
        return True
    return line.performed_at is not None and line.performed_at < work.authorized_at
