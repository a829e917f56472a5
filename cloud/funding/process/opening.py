"""Opening, withdrawing and dropping items: each with its entry in the books, in one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloud.funding import ledger
from cloud.funding.clawback import rule_of
from cloud.funding.direct_pay import DirectPay, equipment_id, late_id, material_id
from cloud.funding.models import (
    CREDIT,
    REINSTATED,
    SERVICE,
    Deduction,
    DeductionState,
    LedgerEntry,
    Payable,
    PayableState,
    Posting,
)
from cloud.funding.policy import D12
from cloud.funding.process.booking import Chain, book
from cloud.funding.standing import Standing
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Save, Timer
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import PAYING, Milestone, Project, milestone_id

ACCRUAL, BY_CLOCK = "funding", "funding clock"
"""Who did it, where no person did: what follows from a fact, and what follows from a date."""
DEBT_DUE = "debt_due"
"""What wakes the look at a partner's debts (D12)."""


# --- names -------------------------------------------------------------------------------------


def payable_id(project_id: str, milestone: Milestone, occurrence: int = 0) -> str:
    """Name the payable of a milestone; a project has one for each time that it reaches it."""
    again = (occurrence,) if occurrence else ()
    return derived("PAY", project_id, milestone, *again)


def payable_of_invoice(invoice_id: str) -> str:
    """Name the payable of a service invoice; an invoice has one."""
    return derived("PAY", SERVICE, invoice_id)


def reinstated_id(project_id: str, m2_occurrence: int) -> str:
    """Name what is given back when a project is activated for that time (F26)."""
    again = (m2_occurrence,) if m2_occurrence else ()
    return derived("PAY", project_id, REINSTATED, *again)


def clawback_id(project_id: str, m1_occurrence: int, m2_occurrence: int) -> str:
    """Name the clawback of an M1 that waited in vain for that activation (F08)."""
    return derived("DED", project_id, "clawback_m1", m1_occurrence, m2_occurrence)


def revocation_id(of_payable: str) -> str:
    """Name what takes a payable back whose milestone was revoked (D08)."""
    return derived("DED", of_payable, "revoked")


def clawback_ids(project: Project, m1_occurrence: int) -> tuple[str, ...]:
    """Name all clawbacks that one M1 can have had."""
    waits = range(project.occurrence(Milestone.M2) + 1)
    return tuple(clawback_id(project.id, m1_occurrence, one) for one in waits)


def reinstated_ids(project: Project) -> tuple[str, ...]:
    """Name all that can have been given back to a project on activations."""
    times = range(project.occurrence(Milestone.M2) + 1)
    return tuple(reinstated_id(project.id, one) for one in times)


def standing_of(records: Records, project: Project) -> Standing:
    """Load all items of a project, each as it was last written.

    What has a name of its own is asked for by it, as an index may lag behind; of what else the
    index names, nothing is believed but the name.
    """
    named = [
        payable_id(project.id, milestone, occurrence)
        for milestone in PAYING
        for occurrence in range(project.occurrence(milestone) + 1)
    ]
    named += reinstated_ids(project)
    debts = [revocation_id(one) for one in named]
    for occurrence in range(project.occurrence(Milestone.M1) + 1):
        debts += clawback_ids(project, occurrence)
    direct = records.load(DirectPay, project.id)
    for invoice in direct.record.invoices if direct else ():
        debts += (equipment_id(invoice.id), material_id(invoice.id), late_id(invoice.id))
    named += [one.record.id for one in records.find(Payable, by="project_id", value=project.id)]
    debts += [one.record.id for one in records.find(Deduction, by="project_id", value=project.id)]
    payables = records.load_all(Payable, sorted({*named}))
    deductions = records.load_all(Deduction, sorted({*debts}))
    return Standing(
        tuple(payables[name].record for name in sorted(payables)),
        tuple(deductions[name].record for name in sorted(deductions)),
    )


def project_as_it_is(records: Records, project_id: str) -> Stored[Project]:
    """Give a project with its version.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(Project, project_id), "project", project_id)


# --- one item ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Posted:
    """What one decision does to a partner's books, and what is written with it."""

    postings: tuple[Posting, ...]
    written: Change

    def __add__(self, other: "Posted") -> "Posted":
        return Posted(self.postings + other.postings, self.written + other.written)


NOTHING = Posted((), Change())


def opened(
    item: Payable | Deduction, postings: tuple[Posting, ...], *, at: datetime, rule: str
) -> Posted:
    """Give what opens an item; a deduction sets the look at the partner's debts (D12)."""
    is_payable = isinstance(item, Payable)
    what = "payable_opened" if is_payable else "deduction_raised"
    event = Event(item.id, what, at, ACCRUAL, rule, item.causes, item.says)
    timers = () if is_payable else (_debt_timer(item, at),)
    return Posted(postings, Change(saves=(Save(item),), events=(event,), timers=timers))


def _debt_timer(item: Payable | Deduction, at: datetime) -> Timer:
    """Look at the partner's debts when this one is old; one of its own moves no other timer."""
    due_at = at + timedelta(D12.on(eastern_day(at), item.programme))
    return Timer(derived("TMR", DEBT_DUE, item.id), item.partner_id, DEBT_DUE, due_at)


def raised(deduction: Deduction, *, at: datetime) -> Posted:
    """Give what raises a deduction."""
    postings = ledger.raising(deduction.kind, deduction.raised)
    return opened(deduction, postings, at=at, rule=rule_of(deduction.kind))


def dropped(
    stored: Stored[Deduction], *, because: str, rule: str, at: datetime, most: Money | None = None
) -> Posted:
    """Give what asks no more for the open part of a deduction, or for so much of it at most."""
    debt = stored.record
    amount = debt.open if most is None else min(debt.open, most)
    if amount <= ZERO:
        return NOTHING
    after = replace(debt, dropped=debt.dropped + amount)
    if not after.open:
        after = replace(after, state=DeductionState.CLOSED)
    says = f"{amount} of {debt.id} is not asked for any more: {because}"
    event = Event(debt.id, "deduction_dropped", at, ACCRUAL, rule, debt.causes, says)
    return Posted(
        ledger.dropping(debt.kind, amount),
        Change(saves=(stored.replaced_by(after),), events=(event,)),
    )


def withdrawn(
    records: Records, stored: Stored[Payable], *, because: str, rule: str, at: datetime
) -> Posted:
    """Give what takes back a payable that no run took yet: the mirror of opening it."""
    item = stored.record
    account = ledger.PROJECT_COST
    if item.milestone == CREDIT:
        entry = records.load(LedgerEntry, derived("LE", item.id))
        others = [one.account for one in entry.record.postings] if entry else []
        account = next((one for one in others if one != ledger.PARTNER_PAYABLE), account)
    says = f"{item.says}: withdrawn, {because}"
    event = Event(item.id, "payable_withdrawn", at, ACCRUAL, rule, item.causes, says)
    return Posted(
        ledger.move(item.amount, debit=ledger.PARTNER_PAYABLE, credit=account),
        Change(
            saves=(stored.replaced_by(replace(item, state=PayableState.WITHDRAWN)),),
            events=(event,),
        ),
    )


# --- writing -----------------------------------------------------------------------------------


def open_item(
    records: Records,
    item: Payable | Deduction,
    postings: tuple[Posting, ...],
    *,
    event_at: datetime,
    at: datetime,
    rule: str,
) -> None:
    """Post the entry of an item and open the item, in one transaction, once."""
    post_once(
        records,
        item.partner_id,
        entry_id=derived("LE", item.id),
        decide=lambda: opened(item, postings, at=at, rule=rule),
        event_at=event_at,
        at=at,
        causes=(item.id, *item.causes),
        says=item.says,
    )


def post_once(
    records: Records,
    partner_id: str,
    *,
    entry_id: str,
    decide: Callable[[], Posted],
    event_at: datetime,
    at: datetime,
    causes: tuple[str, ...],
    says: str,
) -> bool:
    """Post what a decision gives, once; tell whether it was now.

    The end of the partner's books is read before the facts and written last, so that of two
    decisions about one partner's money the second is made on what the first one left. One that
    posts nothing writes no entry, and may be made again.

    Raises:
        Conflict: others were faster five times in a row.
    """
    is_posted = False

    def change() -> Change:
        nonlocal is_posted
        chain = Chain(records, partner_id)
        decided = decide()
        is_posted = bool(decided.postings)
        if is_posted:
            chain.add(
                entry_id,
                decided.postings,
                event_at=event_at,
                recorded_at=at,
                causes=(*causes, *_items_of(decided, but=causes)),
                says=says,
            )
        return chain.change() + decided.written

    return book(records, entry_id, change) and is_posted


def _items_of(decided: Posted, *, but: tuple[str, ...]) -> tuple[str, ...]:
    """Name the items that a decision opens or changes: their entry leads to each of them."""
    items = (save.record for save in decided.written.saves)
    names = [one.id for one in items if isinstance(one, Payable | Deduction)]
    return tuple(name for name in names if name not in but)


def milestone_causes(project: Project, occurrences: Mapping[Milestone, int]) -> tuple[str, ...]:
    """Name what led to an item: milestones, each at one of its times, and the project."""
    named = (milestone_id(project.id, one, number) for one, number in occurrences.items())
    return (*named, project.id)
