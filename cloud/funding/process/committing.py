"""An approved run enters the books, each partner's part once, wherever it was interrupted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cloud.funding import ach, ledger, planning
from cloud.funding.direct_pay import DirectPay
from cloud.funding.models import (
    Application,
    Deduction,
    DeductionState,
    FundingRun,
    Payable,
    PayableState,
    PlanState,
    RunPlan,
    RunState,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.planning import has_bank_details
from cloud.funding.process.booking import book, entry_change
from cloud.funding.process.lines import MOST_QUESTIONS, asking, credit_of
from cloud.funding.process.run import RUN, chunks, load_plans, load_run
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Reliance, Save
from cloud.kernel.errors import BadInput, Conflict
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Prenote, Project
from cloud.portfolio.process import paid_partners

ITEMS = 90
"""Items of one transaction, what it relies on included; the store takes a hundred."""
_CONTROL = 6
"""Of them for the plan, the entry, the head of the chain, the event and the partner."""


def commit(records: Records, *, run_id: str, at: datetime) -> FundingRun:
    """Write each partner's part of an approved run into the books, once (D01).

    A partner of whom something changed after the approval (an item, a hold on a project, the bank
    details) is left out as a whole; its plan says so, and its items wait for the next run.

    Raises:
        BadInput: the run is not approved.
        BrokenInvariant: its plans are not the approved ones.
        Conflict: others changed the same items several times; the same call goes on.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if run.state is RunState.PREVIEW:
        msg = f"committing run {run_id}: it is not approved yet"
        raise BadInput(msg)
    if run.state is not RunState.APPROVED:
        return run
    for plan in load_plans(records, run):
        if plan.record.state is PlanState.PREVIEW:
            _commit_partner(records, run, plan, at)
    plans = [stored.record for stored in load_plans(records, run)]
    kept = [one for one in plans if one.state is PlanState.COMMITTED]
    committed = replace(
        run,
        state=RunState.COMMITTED,
        gross=total(one.gross for one in kept),
        net=total(one.net for one in kept),
        left_out=tuple(one.partner_id for one in plans if one.state is PlanState.STALE),
        prenotes=_to_be_asked_about(records),
    )
    event = Event(run_id, "run_committed", at, RUN, "D01", says=f"{run_id} stands in the books")
    records.commit(Change(saves=(stored.replaced_by(committed),), events=(event,)))
    return committed


def _to_be_asked_about(records: Records) -> tuple[tuple[str, int], ...]:
    """Give the partners whose accounts the bank is asked about with this run's file (D11)."""
    due = [
        one
        for one in paid_partners(records)
        if one.prenote is Prenote.DUE
        and has_bank_details(one)
        and not ach.fault_of(ach.FileKind.PRENOTES, asking(one))
    ]
    due.sort(key=lambda one: one.id)
    return tuple((one.id, one.bank_details_version) for one in due[:MOST_QUESTIONS])


def payment_entry_id(run_id: str, partner_id: str) -> str:
    """Name the ledger entry of a partner's part of a run."""
    return derived("LE", run_id, partner_id)


class _Stale(Exception):
    """Something is not what was approved."""


@dataclass(frozen=True, slots=True)
class _Taking:
    """One item to be taken by the run, and what must stay as it is meanwhile."""

    save: Save
    relies_on: tuple[Reliance, ...] = ()


@dataclass(frozen=True, slots=True)
class _Items:
    """A plan's items as they are now, and what holds or frees them."""

    partner: Stored[Partner]
    deductions: Mapping[str, Stored[Deduction]]
    payables: Mapping[str, Stored[Payable]]
    projects: Mapping[str, Stored[Project]]
    direct_pay: Mapping[str, Stored[DirectPay]]

    @classmethod
    def load(cls, records: Records, plan: RunPlan) -> "_Items":
        projects = sorted({one.project_id for one in plan.payables} - {""})
        return cls(
            require(records.load(Partner, plan.partner_id), "partner", plan.partner_id),
            records.load_all(Deduction, [one.id for one in plan.deductions]),
            records.load_all(Payable, [one.id for one in plan.payables]),
            records.load_all(Project, projects),
            records.load_all(DirectPay, projects),
        )

    def facts(self, project_id: str) -> planning.ProjectFacts | None:
        if project_id not in self.projects:
            return None
        direct = self.direct_pay.get(project_id)
        project = self.projects[project_id].record
        return planning.ProjectFacts(project, direct.record if direct else None)

    def relied_on(self, project_id: str) -> tuple[Reliance, ...]:
        known: tuple[Stored[Project] | Stored[DirectPay] | None, ...] = (
            self.projects.get(project_id),
            self.direct_pay.get(project_id),
        )
        return tuple(one.relied_on() for one in known if one is not None)


def _takings(run: FundingRun, plan: RunPlan, items: _Items) -> Iterator[_Taking]:
    """Give what takes a plan's items into the run, without those that are taken already.

    Raises:
        _Stale: something of it is not what was approved.
    """
    partner = items.partner.record
    if partner.bank_details_version != plan.bank_details_version:
        msg = f"the bank details of {partner.id}"
        raise _Stale(msg)
    wrong = ach.fault_of(ach.FileKind.PAYMENTS, credit_of(plan)) if plan.net else ""
    if wrong:
        raise _Stale(wrong)
    for offset in plan.deductions:
        debt = require(items.deductions.get(offset.id), "deduction", offset.id)
        if offset.applied and run.id not in {one.run_id for one in debt.record.applications}:
            if debt.record.paused or debt.record.open < offset.applied:
                raise _Stale(offset.id)
            yield _Taking(debt.replaced_by(_taken(debt.record, run.id, offset.applied)))
    day = eastern_day(run.cut_off_at)
    for planned in plan.payables:
        item = require(items.payables.get(planned.id), "payable", planned.id)
        if item.record.run_id != run.id:
            held = planning.held_for(item.record, partner, items.facts(planned.project_id), on=day)
            if item.record.state is not PayableState.OPEN or held:
                raise _Stale(planned.id)
            taken = replace(item.record, state=PayableState.PLANNED, run_id=run.id)
            yield _Taking(item.replaced_by(taken), items.relied_on(planned.project_id))


def _taken(deduction: Deduction, run_id: str, amount: Money) -> Deduction:
    taken = replace(deduction, applications=(*deduction.applications, Application(run_id, amount)))
    return taken if taken.open else replace(taken, state=DeductionState.CLOSED)


def _packed(takings: Sequence[_Taking]) -> list[list[_Taking]]:
    """Pack what is taken into transactions; the last has room for the entry and the plan."""
    packs: list[list[_Taking]] = [[]]
    size = 0
    for one in takings:
        more = 1 + len(one.relies_on)
        if size + more > ITEMS - _CONTROL:
            packs.append([])
            size = 0
        packs[-1].append(one)
        size += more
    return packs


def _change(items: _Items, pack: Sequence[_Taking]) -> Change:
    """Give the change of one pack; each thing that it relies on is named once."""
    relied = {(type(one.record), one.record.id): one for taking in pack for one in taking.relies_on}
    return Change(
        saves=tuple(one.save for one in pack),
        relies_on=(items.partner.relied_on(), *relied.values()),
    )


def _commit_partner(
    records: Records, run: FundingRun, stored: Stored[RunPlan], at: datetime
) -> None:
    """Take one partner's items and write its entry; the last transaction marks the plan.

    Long plans take several transactions. Only the last one posts, so that the books hold the
    whole payment or nothing of it; what the earlier ones took carries the run's id, and is let go
    again when the rest turns out to have changed.
    """
    plan = stored.record
    items = _Items.load(records, plan)
    try:
        *earlier, last = _packed(list(_takings(run, plan, items)))
        for pack in earlier:
            records.commit(_change(items, pack))
        _post(records, run, stored, _change(items, last), at)
    except _Stale as changed:
        _let_go(records, run, plan)
        says = f"{changed} changed after the approval; {plan.partner_id} waits for the next run"
        event = Event(plan.id, "plan_stale", at, RUN, "D01", (str(changed),), says)
        stale = stored.replaced_by(replace(plan, state=PlanState.STALE))
        records.commit(Change(saves=(stale,), events=(event,)))
    except Conflict:
        # Somebody changed one of them this moment: look again at what it is now.
        found = require(records.load(RunPlan, plan.id), "plan", plan.id)
        if found.record.state is not PlanState.PREVIEW:
            return
        if _Items.load(records, plan) == items:
            raise
        _commit_partner(records, run, found, at)


def _post(
    records: Records, run: FundingRun, stored: Stored[RunPlan], last: Change, at: datetime
) -> None:
    plan = stored.record
    done = stored.replaced_by(replace(plan, state=PlanState.COMMITTED))
    if not plan.gross:
        records.commit(last + Change(saves=(done,)))
        return
    taken: dict[DeductionKind, Money] = {}
    for offset in plan.deductions:
        taken[offset.kind] = taken.get(offset.kind, ZERO) + offset.applied
    entry_id = payment_entry_id(run.id, plan.partner_id)
    says = (
        f"{run.id}: {plan.gross} owed less {plan.gross - plan.net} taken is {plan.net} on its way"
    )
    written = Change(
        saves=(done,), events=(Event(plan.id, "plan_committed", at, RUN, "D01", says=says),)
    )

    def change() -> Change:
        entry = entry_change(
            records,
            plan.partner_id,
            entry_id=entry_id,
            postings=ledger.paying(plan.gross, taken, plan.net),
            event_at=run.cut_off_at,
            recorded_at=at,
            causes=(plan.id,),
            says=says,
        )
        return entry + last + written

    book(records, entry_id, change)


def _let_go(records: Records, run: FundingRun, plan: RunPlan) -> None:
    """Give back what earlier attempts took of a plan that cannot be carried out any more."""
    items = _Items.load(records, plan)
    saves = [
        item.replaced_by(replace(item.record, state=PayableState.OPEN, run_id=""))
        for item in items.payables.values()
        if item.record.run_id == run.id
    ]
    for debt in items.deductions.values():
        kept = tuple(one for one in debt.record.applications if one.run_id != run.id)
        if kept != debt.record.applications:
            freed = replace(debt.record, applications=kept, state=DeductionState.OPEN)
            saves.append(debt.replaced_by(freed))
    for some in chunks(saves, ITEMS):
        records.commit(Change(saves=tuple(some)))
