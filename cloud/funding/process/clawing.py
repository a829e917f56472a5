"""M1 money is clawed back when a system is not activated in time, and returned when it is."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from cloud.funding import clocks, ledger
from cloud.funding.clawback import Reduction, reinstatement, rule_of
from cloud.funding.clocks import M1ToM2, M2Status
from cloud.funding.models import REINSTATED, Deduction, DeductionState, Payable
from cloud.funding.netting import DeductionKind
from cloud.funding.process.extensions import extensions_of
from cloud.funding.process.opening import (
    BY_CLOCK,
    NOTHING,
    Posted,
    clawback_id,
    clawback_ids,
    dropped,
    milestone_causes,
    opened,
    payable_id,
    post_once,
    project_as_it_is,
    raised,
    reinstated_id,
    reinstated_ids,
    revocation_id,
    standing_of,
)
from cloud.funding.process.reductions import pause_deduction
from cloud.funding.process.writing_off import written_off
from cloud.funding.standing import TAKEN, Standing, asked
from cloud.kernel.calendar import DAY, EASTERN, eastern_day, wall_time
from cloud.kernel.change import Change, Timer
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import Milestone, Project, milestone_id

CLAWBACK_DUE = "clawback_due"
"""What wakes the look at a project that waits for its activation."""
LOOK_AGAIN = timedelta(hours=1)
"""After what another decision of the same moment is sure to be seen."""


def first_instant(day: date) -> datetime:
    """Give the instant at which an Eastern day begins, in UTC."""
    return wall_time(day, time.min, EASTERN).astimezone(UTC)


def clawback_timer(project_id: str, due_at: datetime) -> Timer:
    """Give the timer of a project's clock from M1 to activation; setting it again moves it."""
    return Timer(derived("TMR", CLAWBACK_DUE, project_id), project_id, CLAWBACK_DUE, due_at)


def clock_of(
    records: Records, project: Project, *, at: datetime, m1_paid: Money = ZERO
) -> M1ToM2 | None:
    """Give where a project's clock from M1 to activation stands, or None where none runs.

    It counts from the date of M1 (F09), with all extensions that were granted.
    """
    m1_on = clocks.m1_on(project)
    if m1_on is None or project.cancelled:
        return None
    return clocks.m1_to_m2(
        m1_on=m1_on,
        m1_paid=m1_paid,
        activated_at=project.reached_at(Milestone.M2),
        extensions=extensions_of(records, project.id),
        as_of=at,
        programme=project.programme,
    )


def net_clawed(standing: Standing, project: Project, m1_occurrence: int) -> Money:
    """Give what is clawed back of one M1, less what was returned of it on activations."""
    names = set(clawback_ids(project, m1_occurrence))
    back = total(asked(one) for one in standing.deductions if one.id in names)
    m1 = milestone_id(project.id, Milestone.M1, m1_occurrence)
    given = [one for one in standing.taken if one.milestone == REINSTATED and m1 in one.causes]
    undone = {revocation_id(one.id) for one in given}
    returned = total(one.amount for one in given)
    return back - returned + total(asked(one) for one in standing.deductions if one.id in undone)


def assess_clawback(records: Records, *, project_id: str, at: datetime) -> M1ToM2 | None:
    """Claw M1 back when a project was not activated in time (F07, F08, F13).

    Nothing is taken before a run took the M1 money, nothing more than that, and once for each M1
    and each activation that it waits for. While an extension runs the clawback is paused; when it
    ends, taking goes on. Looking again changes nothing, and sets the timer for the next look.
    """
    project = project_as_it_is(records, project_id).record
    clock = clock_of(records, project, at=at)
    if clock is None or clock.status is M2Status.ACTIVATED:
        return clock
    if clock.status is M2Status.CLAWBACK:
        _raise_clawback(records, project, at)
    _pause_as_due(records, project, clock, at)
    if clock.status is not M2Status.CLAWBACK:
        due_at = first_instant(clock.backend_due_date + DAY)
        records.commit(Change(timers=(clawback_timer(project_id, due_at),)))
    return clock


def _raise_clawback(records: Records, project: Project, at: datetime) -> None:
    m1, m2 = project.occurrence(Milestone.M1), project.occurrence(Milestone.M2)
    wanted = clawback_id(project.id, m1, m2)
    causes = milestone_causes(project, {Milestone.M1: m1})
    says = f"M1 of project {project.id} clawed back: not activated in time"

    def decide() -> Posted:
        stored = project_as_it_is(records, project.id)
        now = stored.record
        if (now.occurrence(Milestone.M1), now.occurrence(Milestone.M2)) != (m1, m2):
            return NOTHING
        paid = records.load(Payable, payable_id(project.id, Milestone.M1, m1))
        if paid is None or paid.record.state not in TAKEN:
            return NOTHING
        standing = standing_of(records, now)
        rest = max(paid.record.amount - net_clawed(standing, now, m1), ZERO)
        clock = clock_of(records, now, at=at, m1_paid=rest)
        left = standing.left(on=eastern_day(at), programme=now.programme)
        if clock is None or not min(clock.clawback, left):
            return NOTHING
        deduction = Deduction(
            id=wanted,
            kind=DeductionKind.CLAWBACK_M1,
            partner_id=now.partner_id,
            project_id=now.id,
            raised=min(clock.clawback, left),
            incurred_on=clock.backend_due_date + DAY,
            raised_at=at,
            says=f"{says} (due {clock.backend_due_date.isoformat()})",
            causes=causes,
            programme=now.programme,
        )
        # An extension that is granted this moment did not see it: look again.
        again = Change(
            relies_on=(stored.relied_on(),),
            timers=(clawback_timer(now.id, at + LOOK_AGAIN),),
        )
        return raised(deduction, at=at) + Posted((), again)

    post_once(
        records,
        project.partner_id,
        entry_id=derived("LE", wanted),
        decide=decide,
        event_at=at,
        at=at,
        causes=(wanted, *causes),
        says=says,
    )


def _pause_as_due(records: Records, project: Project, clock: M1ToM2, at: datetime) -> None:
    """Pause what is open while an extension runs, and take it up again when that ended (F13)."""
    names = clawback_ids(project, project.occurrence(Milestone.M1))
    for stored in records.load_all(Deduction, names).values():
        if stored.record.state is DeductionState.OPEN:
            is_paused = clock.status is M2Status.PAUSED
            pause_deduction(
                records, deduction_id=stored.record.id, paused=is_paused, by=BY_CLOCK, at=at
            )


def reinstate(records: Records, *, project: Project, at: datetime) -> Payable | None:
    """Give back on Activation Approved what was clawed back, and drop what is open of it (F26).

    What is given back is dated by the activation, so that it goes in the same window as M2. Money
    that a run took this moment counts as taken. None when there was nothing to give back.
    """
    m1, m2 = project.occurrence(Milestone.M1), project.occurrence(Milestone.M2)
    activated_at = project.reached_at(Milestone.M2)
    if activated_at is None:
        return None
    wanted = reinstated_id(project.id, m2)
    causes = milestone_causes(project, {Milestone.M1: m1, Milestone.M2: m2})
    says = f"project {project.id} was activated: its clawback is returned"

    def decide() -> Posted:
        stored = project_as_it_is(records, project.id)
        now = stored.record
        if now.cancelled or now.occurrence(Milestone.M2) != m2:
            return NOTHING
        debts, given = _clawed_and_given(records, now, m1)
        verdict = reinstatement(
            _reductions(records, debts),
            activated_on=eastern_day(activated_at),
            programme=now.programme,
        )
        amount = max(verdict.reinstated - total(one.amount for one in given), ZERO)
        posted = Posted((), Change(relies_on=(stored.relied_on(),)))
        if verdict.cancelled_open:
            for debt in debts:
                posted += dropped(debt, because="the project was activated", rule="F26", at=at)
        if amount:
            item = _given_back(wanted, now, amount, activated_at, causes)
            postings = ledger.giving_back(DeductionKind.CLAWBACK_M1, amount)
            posted += opened(item, postings, at=at, rule=rule_of(DeductionKind.CLAWBACK_M1))
        return posted

    post_once(
        records,
        project.partner_id,
        entry_id=derived("LE", wanted),
        decide=decide,
        event_at=activated_at,
        at=at,
        causes=(wanted, *causes),
        says=says,
    )
    found = records.load(Payable, wanted)
    return found.record if found else None


def _reductions(records: Records, debts: Sequence[Stored[Deduction]]) -> list[Reduction]:
    """Give clawbacks as reductions: what was written off of one was never taken."""
    off = written_off(records, [one.record for one in debts])
    return [
        Reduction(
            DeductionKind.CLAWBACK_M1,
            one.record.recovered - off.get(one.record.id, ZERO),
            one.record.open,
        )
        for one in debts
    ]


def _given_back(
    item_id: str, project: Project, amount: Money, activated_at: datetime, causes: tuple[str, ...]
) -> Payable:
    return Payable(
        id=item_id,
        partner_id=project.partner_id,
        project_id=project.id,
        work_order_id="",
        milestone=REINSTATED,
        amount=amount,
        accrued_at=activated_at,
        says=f"clawback of project {project.id} returned on activation: {amount}",
        causes=causes,
        programme=project.programme,
    )


def _clawed_and_given(
    records: Records, project: Project, m1_occurrence: int
) -> tuple[list[Stored[Deduction]], list[Payable]]:
    """Give what took back of one M1, undone returns included, and what returns of it were taken."""
    m1 = milestone_id(project.id, Milestone.M1, m1_occurrence)
    found = records.load_all(Payable, reinstated_ids(project)).values()
    given = [one.record for one in found if one.record.state in TAKEN and m1 in one.record.causes]
    names = [*clawback_ids(project, m1_occurrence), *(revocation_id(one.id) for one in given)]
    debts = records.load_all(Deduction, names)
    return [debts[name] for name in names if name in debts], given
