"""What becomes of a project's money when a milestone is revoked or the customer cancels."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from cloud.funding import ledger
from cloud.funding.cancellation import cancellation_offsets
from cloud.funding.clawback import rule_of
from cloud.funding.direct_pay import DirectPay, late_id
from cloud.funding.models import (
    CREDIT,
    Deduction,
    LedgerEntry,
    Payable,
    PayableState,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.process.clawing import LOOK_AGAIN, net_clawed
from cloud.funding.process.equipment import closing, credit_id
from cloud.funding.process.opening import (
    NOTHING,
    Posted,
    clawback_ids,
    dropped,
    milestone_causes,
    opened,
    payable_id,
    post_once,
    project_as_it_is,
    raised,
    reinstated_id,
    revocation_id,
    standing_of,
    withdrawn,
)
from cloud.funding.standing import TAKEN, Standing, asked
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Timer
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import PAYING, Milestone, Project, milestone_id

CANCELLATION_DUE = "cancellation_due"
"""What wakes the second look at a cancelled project."""
ITEMS = 30
"""Items that one transaction withdraws or drops: each takes two rows, and there are others."""
ROUNDS = 100
"""More transactions than any project can need; it ends a loop that should have ended."""


# --- a milestone that is revoked ---------------------------------------------------------------


def take_back_revoked(records: Records, *, project_id: str, at: datetime) -> None:
    """Take back what revoked milestones paid, each time of each once, the oldest first (D08).

    What no run took is withdrawn. What a run took is asked for again, less what clawbacks took of
    it already, and never more than was paid and not taken back (D14); the open part of a clawback
    of it is dropped. What was returned on an activation goes with the activation. Warranty offsets
    stay: the project owes them once. On a cancelled project there is nothing to do.
    """
    project = project_as_it_is(records, project_id).record
    times: Counter[Milestone] = Counter()
    for one in project.revoked:
        if one.milestone in PAYING:
            _take_back(records, project, one.milestone, times[one.milestone], at)
        times[one.milestone] += 1


def _take_back(
    records: Records, project: Project, milestone: Milestone, occurrence: int, at: datetime
) -> None:
    reached = milestone_id(project.id, milestone, occurrence)
    causes = milestone_causes(project, {milestone: occurrence})
    because = f"{milestone} was revoked"

    def decide() -> Posted:
        stored = project_as_it_is(records, project.id)
        now = stored.record
        if now.cancelled:
            return NOTHING
        posted = Posted((), Change(relies_on=(stored.relied_on(),)))
        standing = standing_of(records, now)
        left = standing.left(on=eastern_day(at), programme=now.programme)
        clawed = ZERO
        if milestone is Milestone.M1:
            names = clawback_ids(now, occurrence)
            clawed = net_clawed(standing, now, occurrence)
            for debt in records.load_all(Deduction, names).values():
                posted += dropped(debt, because=because, rule="D08", at=at)
                left, clawed = left + debt.record.open, clawed - debt.record.open
        names = (payable_id(now.id, milestone, occurrence),)
        if milestone is Milestone.M2:
            names += (reinstated_id(now.id, occurrence),)
        for item in records.load_all(Payable, names).values():
            if item.record.state is PayableState.OPEN:
                posted += withdrawn(records, item, because=because, rule="D08", at=at)
            elif item.record.state in TAKEN:
                amount = min(max(item.record.amount - clawed, ZERO), left)
                left -= amount
                posted += _revocation(now, item.record, amount, causes, at)
        return posted

    post_once(
        records,
        project.partner_id,
        entry_id=derived("LE", "revoked", reached),
        decide=decide,
        event_at=at,
        at=at,
        causes=causes,
        says=f"{milestone} of project {project.id} was revoked",
    )


def _revocation(
    project: Project, paid: Payable, amount: Money, causes: tuple[str, ...], at: datetime
) -> Posted:
    if not amount:
        return NOTHING
    deduction = Deduction(
        id=revocation_id(paid.id),
        kind=DeductionKind.REVOCATION,
        partner_id=project.partner_id,
        project_id=project.id,
        raised=amount,
        incurred_on=eastern_day(at),
        raised_at=at,
        says=f"{paid.says}: revoked",
        causes=(paid.id, *causes),
        programme=project.programme,
    )
    return raised(deduction, at=at)


# --- a project that is cancelled ---------------------------------------------------------------


def cancellation_id(project_id: str, number: int = 0) -> str:
    """Name what a cancelled project owes; a correction has a number."""
    return derived("DED", project_id, "cancellation", *((number,) if number else ()))


def commission_id(project_id: str) -> str:
    """Name the prepaid commission that a cancelled project owes."""
    return derived("DED", project_id, "prepaid_commission")


def take_back_cancelled(records: Records, *, project_id: str, at: datetime) -> None:
    """Settle a cancelled project: what waits is withdrawn, what was paid is asked for (F10, F25).

    All other reductions of the project end, and one deduction takes their place: what runs and
    vendors were paid, less what was recovered. Prepaid commission is owed beside it. A payable
    goes to a run or is withdrawn, never both, and what the run took is counted. Looking again
    corrects the difference, if a run or an index had been a moment behind; usually there is none.
    """
    if not project_as_it_is(records, project_id).record.cancelled:
        return
    for number in range(ROUNDS):
        is_done = records.load(LedgerEntry, _round_id(project_id, number)) is not None
        if not is_done and not _settle(records, project_id, number, at):
            return
    msg = f"settling cancelled project {project_id}: {ROUNDS} transactions did not end it"
    raise BrokenInvariant(msg)


def second_look(project_id: str, at: datetime) -> Timer:
    """Give the timer that looks at a cancelled project again, once all is sure to be seen."""
    name = derived("TMR", CANCELLATION_DUE, project_id)
    return Timer(name, project_id, CANCELLATION_DUE, at + LOOK_AGAIN)


def _round_id(project_id: str, number: int) -> str:
    return derived("LE", "cancelled", project_id, number)


def _settle(records: Records, project_id: str, number: int, at: datetime) -> bool:
    """Write one transaction of a settlement; tell whether there was anything left to write."""
    project = project_as_it_is(records, project_id).record
    cancelled_at = project.cancelled_at or at

    def decide() -> Posted:
        stored = project_as_it_is(records, project_id)
        standing = standing_of(records, stored.record)
        waiting = records.load_all(Payable, [one.id for one in standing.waiting])
        debts = records.load_all(
            Deduction, [one.id for one in standing.replaced_by_cancelling if one.open]
        )
        posted = Posted((), Change(relies_on=(stored.relied_on(),)))
        because = "the project was cancelled"
        for item in list(waiting.values())[:ITEMS]:
            posted += withdrawn(records, item, because=because, rule="F25", at=at)
        for debt in list(debts.values())[: max(ITEMS - len(waiting), 0)]:
            posted += dropped(debt, because=because, rule="F25", at=at)
        if len(waiting) + len(debts) > ITEMS:
            return posted
        return posted + _owed(records, stored.record, standing, number, at)

    return post_once(
        records,
        project.partner_id,
        entry_id=_round_id(project_id, number),
        decide=decide,
        event_at=cancelled_at,
        at=at,
        causes=(project_id,),
        says=f"project {project_id} was cancelled",
    )


def _owed(
    records: Records, project: Project, standing: Standing, number: int, at: datetime
) -> Posted:
    """Ask for what a cancelled project owes, or correct what was asked for (F10, F25)."""
    cancelled_on = eastern_day(project.cancelled_at or at)
    vendor, closed = _vendor(records, project.id, at)
    offsets = cancellation_offsets(
        # What is given back of a cost was recovered before, and stays the partner's to be paid.
        milestone_payments=[one.amount for one in (*standing.taken, *standing.credits_due)],
        vendor_payments=[vendor],
        already_recovered=standing.recovered,
        prepaid_commission=project.prepaid_commission,
        cancelled_on=cancelled_on,
        programme=project.programme,
    )
    numbers = range(number + 1)
    known = records.load_all(Deduction, [cancellation_id(project.id, one) for one in numbers])
    returned = records.load_all(Payable, [_credit_id(project.id, one) for one in numbers])
    so_far = total(asked(one.record) for one in known.values()) - total(
        one.record.amount for one in returned.values()
    )
    posted = Posted((), closed)
    if offsets.offset > so_far:
        says = f"cancelled project {project.id}: what was paid and not recovered"
        wanted = cancellation_id(project.id, number)
        more = offsets.offset - so_far
        posted += _debt(project, DeductionKind.CANCELLATION, wanted, more, says=says, at=at)
    elif offsets.offset < so_far:
        posted += _asked_too_much(project, known, so_far - offsets.offset, number, at)
    commission = commission_id(project.id)
    if offsets.commission_offset and records.load(Deduction, commission) is None:
        says = f"cancelled project {project.id}: commission paid before installation"
        kind, amount = DeductionKind.PREPAID_COMMISSION, offsets.commission_offset
        posted += _debt(project, kind, commission, amount, says=says, at=at)
    return posted


def _vendor(records: Records, project_id: str, at: datetime) -> tuple[Money, Change]:
    """Give what vendors had billed when the project was settled, and what notes that it was.

    Direct Pay asks by itself for what they bill later, and returns what they take back later.
    """
    found = records.load(DirectPay, project_id)
    billed, change = closing(records, project_id=project_id, at=at)
    if found is None or found.record.closed_at is None:
        return billed, change
    then = [
        one.amount
        for one in found.record.invoices
        if records.load(Deduction, late_id(one.id)) is None
        and (one.voided_at is None or _is_returned(records, one.id))
    ]
    return total(then), change


def _is_returned(records: Records, invoice: str) -> bool:
    """Tell whether an invoice was voided after the settlement: its credit is no project's then.

    Instants would not tell: an invoice may be voided at that of the settlement itself.
    """
    credit = records.load(Payable, credit_id(invoice))
    return credit is not None and not credit.record.project_id


def _debt(
    project: Project, kind: DeductionKind, wanted: str, amount: Money, *, says: str, at: datetime
) -> Posted:
    deduction = Deduction(
        id=wanted,
        kind=kind,
        partner_id=project.partner_id,
        project_id=project.id,
        raised=amount,
        incurred_on=eastern_day(project.cancelled_at or at),
        raised_at=at,
        says=says,
        causes=(project.id,),
        programme=project.programme,
    )
    return raised(deduction, at=at)


def _credit_id(project_id: str, number: int) -> str:
    return derived("PAY", project_id, "cancellation", CREDIT, number)


def _asked_too_much(
    project: Project,
    known: Mapping[str, Stored[Deduction]],
    excess: Money,
    number: int,
    at: datetime,
) -> Posted:
    """Ask for less, and return what was taken beyond it; no project's gate holds that money."""
    posted = NOTHING
    because = "less was paid than it asks for"
    for debt in known.values():
        part = min(debt.record.open, excess)
        if part:
            posted += dropped(debt, because=because, rule="F25", at=at, most=part)
            excess -= part
    if not excess:
        return posted
    kind = DeductionKind.CANCELLATION
    item = Payable(
        id=_credit_id(project.id, number),
        partner_id=project.partner_id,
        project_id="",
        work_order_id="",
        milestone=CREDIT,
        amount=excess,
        accrued_at=at,
        says=f"cancelled project {project.id}: more was taken than was paid",
        causes=(project.id,),
        programme=project.programme,
    )
    return posted + opened(item, ledger.giving_back(kind, excess), at=at, rule=rule_of(kind))
