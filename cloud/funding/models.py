"""What is known of money owed, taken back and paid."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cloud.funding.netting import DeductionKind
from cloud.funding.schedule import DateSource
from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT
from cloud.kernel.secret import Secret
from cloud.portfolio.models import AccountKind

SERVICE = "service"
RETURNED = "returned"
REINSTATED = "reinstated"
CREDIT = "credit"


class PayableState(StrEnum):
    """Where a payable stands.

    OPEN waits for a run; PLANNED was taken by a run, which says where the money is; PAID was
    settled by the bank; WITHDRAWN was taken back before any run took it.
    """

    OPEN = "open"
    PLANNED = "planned"
    PAID = "paid"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Payable:
    """Money that a partner earned.

    Attributes:
        milestone: the milestone's name, ``service``, ``returned`` for a payment that came back,
            ``reinstated`` for a clawback that is given back on activation, or ``credit`` for
            another deduction that is given back.
        accrued_at: the instant, recorded by the server, that decides its window.
        hold: why it waits although it is earned, for example ``unpriced_inverter``, or the action
            of a return that a person looks at first.
        run_id: the run that took it.
        causes: ids of what it was earned with.
        programme: whose runs pay it.
    """

    id: str
    partner_id: str
    project_id: str
    work_order_id: str
    milestone: str
    amount: Money
    accrued_at: datetime
    state: PayableState = PayableState.OPEN
    hold: str = ""
    run_id: str = ""
    says: str = ""
    causes: tuple[str, ...] = ()
    programme: str = COMFORT

    def __post_init__(self) -> None:
        if self.amount <= ZERO:
            msg = f"payable {self.id}: {self.amount} is not above zero"
            raise BadInput(msg)


class DeductionState(StrEnum):
    """Whether anything of a deduction is still to be taken."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Application:
    """What one run took of a deduction; settled by hand, it is the proposal that is named."""

    run_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Deduction:
    """Money that is taken from a partner's payables until nothing of it is open.

    Attributes:
        raised: its whole amount; what runs took of it stands in `applications`.
        incurred_on: the day that decides its turn among others of its kind.
        raised_at: the instant, recorded by the server, that decides its window.
        paused: a granted extension postpones it.
        dropped: what is not asked for any more.
        programme: whose runs take it.
    """

    id: str
    kind: DeductionKind
    partner_id: str
    project_id: str
    raised: Money
    incurred_on: date
    raised_at: datetime
    applications: tuple[Application, ...] = ()
    paused: bool = False
    state: DeductionState = DeductionState.OPEN
    says: str = ""
    causes: tuple[str, ...] = ()
    dropped: Money = ZERO
    programme: str = COMFORT

    def __post_init__(self) -> None:
        if self.raised <= ZERO:
            msg = f"deduction {self.id}: {self.raised} is not above zero"
            raise BadInput(msg)
        if self.open < ZERO:
            msg = f"deduction {self.id}: more than its {self.raised} was taken"
            raise BrokenInvariant(msg)

    @property
    def recovered(self) -> Money:
        """What was taken so far."""
        return total(one.amount for one in self.applications)

    @property
    def open(self) -> Money:
        """What is still to be taken."""
        return self.raised - self.recovered - self.dropped


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of an entry: a debit is above zero, a credit below."""

    account: str
    amount: Money


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A fact about money, written once and never changed; a correction is another entry.

    Attributes:
        id: made from its cause, so that the same cause writes one entry.
        number: its place in the partner's chain, from one.
        event_at: when it became true.
        recorded_at: when we wrote it down.
        previous_hash, hash: the chain that makes a later change of any entry visible.
    """

    id: str
    partner_id: str
    number: int
    postings: tuple[Posting, ...]
    event_at: datetime
    recorded_at: datetime
    causes: tuple[str, ...]
    says: str
    previous_hash: str
    hash: str

    def __post_init__(self) -> None:
        if len(self.postings) < 2 or not all(posting.amount for posting in self.postings):
            msg = f"ledger entry {self.id}: it needs two sides, and none of zero"
            raise BrokenInvariant(msg)
        rest = total(posting.amount for posting in self.postings)
        if rest:
            msg = f"ledger entry {self.id}: its postings sum to {rest}, not to zero"
            raise BrokenInvariant(msg)


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The end of a partner's chain; its id is the partner's."""

    id: str
    number: int
    hash: str


class RunState(StrEnum):
    """How far a run has come; it never goes back, but for a file that the bank did not get.

    SENDING: the file is being handed over, or nobody knows whether it was; the bank is asked.
    """

    PREVIEW = "preview"
    APPROVED = "approved"
    COMMITTED = "committed"
    FILED = "filed"
    SENDING = "sending"
    SENT = "sent"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class FundingRun:
    """One funding date of one programme.

    Attributes:
        id: programme and regular funding date.
        cut_off_at: what was recorded before it is in the run.
        plan_ids: its plans, in the order of the bank file.
        plans_hash: stands for all plans; an approval names it.
        flags: what an approver must look at, one sentence each.
        file_reference: the bank file; empty when nobody is paid.
        unusual: why the breaker holds the run (D10), one sentence each.
        released_by: who looked at what is unusual and let the run go on.
        is_same_day: its file leaves on the day on which it is paid (F03).
        sent_at, settled_at: when the bank had the file, and when it had paid.
        left_out: partners of whom something changed after the approval; gross and net are without
            them from the commit on.
        delivered: names of its files that the bank took.
        prenotes: the partners whose accounts the bank is asked about, each with the version of the
            bank details; pinned at the commit.
        prenote_reference: the file that asks, sent beside the other.
    """

    id: str
    programme: str
    regular_date: date
    funding_date: date
    date_source: DateSource
    opens_at: datetime
    cut_off_at: datetime
    state: RunState
    plan_ids: tuple[str, ...]
    plans_hash: str
    gross: Money
    net: Money
    flags: tuple[str, ...]
    preparer: str
    prepared_at: datetime
    approver: str = ""
    approved_at: datetime | None = None
    file_reference: str = ""
    file_sha256: str = ""
    unusual: tuple[str, ...] = ()
    released_by: str = ""
    is_same_day: bool = False
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    left_out: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    prenotes: tuple[tuple[str, int], ...] = ()
    prenote_reference: str = ""

    @property
    def dated_at(self) -> datetime:
        """What its files and letters are dated by: the approval, however often they are made."""
        return self.approved_at or self.prepared_at


@dataclass(frozen=True, slots=True)
class PlannedPayable:
    """A payable that the run pays, or one that it holds with the reasons."""

    id: str
    project_id: str
    milestone: str
    amount: Money
    says: str
    held_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedDeduction:
    """What the run takes of a deduction, and what it leaves open."""

    id: str
    kind: DeductionKind
    applied: Money
    left: Money
    paused: bool
    says: str


class PlanState(StrEnum):
    """Whether a plan was carried out.

    STALE: between approval and commit another process changed an item; nothing of the plan was
    carried out, and its items wait for the next run.
    """

    PREVIEW = "preview"
    COMMITTED = "committed"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run does for one partner, with the bank details that were approved with it.

    Its id carries the beginning of its hash: another content is another plan, so that preparing
    again never touches what was approved.
    """

    id: str
    run_id: str
    partner_id: str
    partner_name: str
    remittance_email: str
    routing_number: str
    account_number: Secret
    bank_details_version: int
    payables: tuple[PlannedPayable, ...]
    held: tuple[PlannedPayable, ...]
    deductions: tuple[PlannedDeduction, ...]
    gross: Money
    net: Money
    carried: Money
    hash: str = ""
    state: PlanState = PlanState.PREVIEW
    trace_number: str = ""
    account_kind: AccountKind = AccountKind.CHECKING


@dataclass(frozen=True, slots=True)
class PaymentTrace:
    """A line of a bank file; its id is the trace number, by which the bank speaks of it.

    Attributes:
        return_code: why it came back, or empty.
        settled_at: when the bank had paid it out; None while it is on its way.
        reversal: id of the proposal by which two people called it back.
        returned_in: id of the bank's file that said so, where it was one.
    """

    id: str
    run_id: str
    partner_id: str
    plan_id: str
    amount: Money
    return_code: str = ""
    settled_at: datetime | None = None
    reversal: str = ""
    returned_in: str = ""


@dataclass(frozen=True, slots=True)
class PrenoteTrace:
    """A question about an account in a file of ours; its id is the trace number.

    Attributes:
        bank_details_version: of the account that was asked about.
        return_code: why the bank said no, or empty.
    """

    id: str
    run_id: str
    partner_id: str
    bank_details_version: int
    return_code: str = ""


@dataclass(frozen=True, slots=True)
class BankEntry:
    """What became of one entry of a file of the bank's."""

    trace_number: str
    code: str
    action: str


@dataclass(frozen=True, slots=True)
class BankFileTaken:
    """A file of the bank's; its id is made from its content.

    Attributes:
        reference: where it is kept.
        count: entries in it.
        agreed_by: who else looked at it; None of it is done before.
        done: what became of them, in their order; empty until it was worked through.
        needs_person: some of them are for a person to look at.
    """

    id: str
    reference: str
    by: str
    at: datetime
    count: int
    agreed_by: str = ""
    done: tuple[BankEntry, ...] = ()
    needs_person: bool = False

    @property
    def state(self) -> str:
        """How far it has come: waiting for a second person, agreed to, or done."""
        if self.done or not self.count:
            return "done"
        return "agreed" if self.agreed_by else "waiting"


@dataclass(frozen=True, slots=True)
class BooksCheck:
    """One recomputing of everything, and what it found.

    Attributes:
        done_at: None until it was done.
        differences: how many things do not agree; of these `problems` holds the first.
    """

    id: str
    by: str
    at: datetime
    done_at: datetime | None = None
    partners: int = 0
    entries: int = 0
    items: int = 0
    runs: int = 0
    balances: tuple[tuple[str, Money], ...] = ()
    differences: int = 0
    problems: tuple[str, ...] = ()
