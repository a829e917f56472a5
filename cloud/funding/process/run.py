"""A funding run until it is approved: opened, previewed, held when unusual, approved by another.

Every step can be repeated, and interrupted anywhere: ids are made from causes, and a step that was
done is seen to be done.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from cloud.funding import breaker, planning
from cloud.funding.approval import approval_problems
from cloud.funding.direct_pay import DirectPay
from cloud.funding.models import (
    Deduction,
    DeductionState,
    FundingRun,
    Payable,
    PayableState,
    PaymentTrace,
    RunPlan,
    RunState,
)
from cloud.funding.policy import D03, D10, F27
from cloud.funding.schedule import Alternative, needs_same_day_file, window_ending
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Message, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.kernel.money import Money, total
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Project

CHUNK = 80
"""Items of one transaction; the store takes a hundred."""
RUN = "funding run"
APPROVED = "run_approved"
"""Topic of the message on which an approved run is carried out."""
_PAID = frozenset(
    {RunState.COMMITTED, RunState.FILED, RunState.SENDING, RunState.SENT, RunState.SETTLED}
)

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most that size."""
    return (items[start : start + size] for start in range(0, len(items), size))


def load_run(records: Records, run_id: str) -> Stored[FundingRun]:
    """Give a run with its version.

    Raises:
        NotFound: no run of that id was prepared.
    """
    return require(records.load(FundingRun, run_id), "funding run", run_id)


def load_plans(records: Records, run: FundingRun) -> list[Stored[RunPlan]]:
    """Give a run's plans in the order of the bank file.

    Raises:
        BrokenInvariant: they are not the ones that the run's hash stands for.
    """
    found = records.load_all(RunPlan, run.plan_ids)
    plans = [require(found.get(one), "plan", one) for one in run.plan_ids]
    if planning.plans_hash([stored.record for stored in plans]) != run.plans_hash:
        msg = f"run {run.id}: its plans are not the ones that were approved; nothing was written"
        raise BrokenInvariant(msg)
    return plans


def project_facts(records: Records, project_ids: Iterable[str]) -> dict[str, planning.ProjectFacts]:
    """Give what holds or frees the money of projects, by their ids; an empty id is none."""
    wanted = sorted({*project_ids} - {""})
    projects = records.load_all(Project, wanted)
    direct = records.load_all(DirectPay, wanted)
    return {
        one: planning.ProjectFacts(
            require(projects.get(one), "project", one).record,
            direct[one].record if one in direct else None,
        )
        for one in wanted
    }


def _plans(
    records: Records, run_id: str, cutoff: datetime, partners: Sequence[Partner], programme: str
) -> list[RunPlan]:
    """Plan every partner that has an item recorded before the cut-off, in the order of ids."""
    payables: dict[str, list[Payable]] = {}
    for item in records.find(Payable, by="state", value=PayableState.OPEN):
        if item.record.accrued_at < cutoff and item.record.programme == programme:
            payables.setdefault(item.record.partner_id, []).append(item.record)
    deductions: dict[str, list[Deduction]] = {}
    for debt in records.find(Deduction, by="state", value=DeductionState.OPEN):
        if debt.record.raised_at < cutoff and debt.record.programme == programme:
            deductions.setdefault(debt.record.partner_id, []).append(debt.record)
    projects = project_facts(
        records, {one.project_id for items in payables.values() for one in items}
    )
    return [
        planning.plan_of(
            run_id,
            partner,
            payables.get(partner.id, ()),
            deductions.get(partner.id, ()),
            projects,
            on=eastern_day(cutoff),
            programme=programme,
        )
        for partner in sorted(partners, key=lambda partner: partner.id)
        if partner.id in payables or partner.id in deductions
    ]


def _paid_before(
    records: Records, *, programme: str, cutoff: datetime
) -> list[Mapping[str, Money]]:
    """Give what the runs before paid, by partner and in all, as many as the breaker looks at."""
    known = [one.record for one in records.find(FundingRun, by="programme", value=programme)]
    earlier = [run for run in known if run.state in _PAID and run.cut_off_at < cutoff]
    earlier.sort(key=lambda run: run.cut_off_at)
    return [
        {breaker.ALL: run.net}
        | {
            line.record.partner_id: line.record.amount
            for line in records.find(PaymentTrace, by="run_id", value=run.id)
        }
        for run in earlier[-D10.on(eastern_day(cutoff), programme).runs :]
    ]


def prepare(
    records: Records,
    *,
    cutoff: datetime,
    published: Sequence[Alternative] = (),
    partners: Sequence[Partner],
    at: datetime,
    by: str,
    programme: str = COMFORT,
) -> FundingRun:
    """Preview the run of a cut-off: what each partner would be paid, and what is held and why.

    Nothing is reserved. Preparing again shows what has changed; a run that is approved already is
    given back as it is.

    Raises:
        BadInput: no window ends at the cut-off, or it has not passed yet.
    """
    window = window_ending(cutoff, published, programme=programme)
    if at < cutoff:
        msg = f"preparing the run of {cutoff.isoformat()}: its window is still open"
        raise BadInput(msg)
    run_id = window.run_id(programme)
    stored = records.load(FundingRun, run_id)
    if stored and stored.record.state is not RunState.PREVIEW:
        return stored.record
    plans = _plans(records, run_id, cutoff, partners, programme)
    day = eastern_day(cutoff)
    is_same_day = needs_same_day_file(window)
    net = total(plan.net for plan in plans)
    paid = {breaker.ALL: net} | {plan.partner_id: plan.net for plan in plans if plan.net}
    before = _paid_before(records, programme=programme, cutoff=cutoff)
    run = FundingRun(
        id=run_id,
        programme=programme,
        regular_date=window.regular_date,
        funding_date=window.funding_date,
        date_source=window.date_source,
        opens_at=window.opens_at,
        cut_off_at=window.cut_off_at,
        state=RunState.PREVIEW,
        plan_ids=tuple(plan.id for plan in plans),
        plans_hash=planning.plans_hash(plans),
        gross=total(plan.gross for plan in plans),
        net=net,
        flags=planning.flags(plans, is_same_day=is_same_day, on=day, programme=programme),
        preparer=by,
        prepared_at=at,
        unusual=breaker.unusual(paid, before, on=day, programme=programme),
        is_same_day=is_same_day,
    )
    if (
        stored
        and stored.record.plans_hash == run.plans_hash
        and stored.record.funding_date == run.funding_date
        and stored.record.unusual == run.unusual
    ):
        return stored.record
    known = records.load_all(RunPlan, run.plan_ids)
    for some in chunks([plan for plan in plans if plan.id not in known], CHUNK):
        records.commit(Change(saves=tuple(Save(plan) for plan in some)))
    receivers = sum(bool(plan.net) for plan in plans)
    says = f"{run_id} would pay {run.net} to {receivers} partner{'' if receivers == 1 else 's'}"
    event = Event(run_id, "run_prepared", at, by, "F01", says=says)
    save = stored.replaced_by(run) if stored else Save(run)
    records.commit(Change(saves=(save,), events=(event,)))
    return run


def release(
    records: Records, *, run_id: str, because: str, by: str, at: datetime
) -> FundingRun | Refused:
    """Let an unusual run go on after somebody looked at why it is unusual (D10).

    Whoever prepared it does not, and whoever does will not approve it. What is prepared anew with
    other plans is looked at anew.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if not run.unusual or run.state is not RunState.PREVIEW:
        return Refused("D10", f"run {run_id} is not held", "conflict")
    if run.released_by:
        return run
    if not because.strip():
        return Refused("D10", "letting an unusual run go on says why it is right", "reason_missing")
    if by == run.preparer:
        because = f"{by} prepared run {run_id}, so somebody else looks at why it is unusual"
        return Refused("D10", because, "maker_is_checker")
    released = replace(run, released_by=by)
    says = f"{by} looked at {run_id}: {because.strip()}"
    event = Event(run_id, "run_released", at, by, "D10", says=says)
    records.commit(Change(saves=(stored.replaced_by(released),), events=(event,)))
    return released


def approve(
    records: Records,
    *,
    run_id: str,
    plans_hash: str,
    partners: Sequence[Partner],
    by: str,
    roles: Collection[str],
    at: datetime,
) -> FundingRun | Refused:
    """Approve what was shown, named by its hash (D03).

    The plans are computed again from what is known now: whatever changed since makes the preview
    stale. Approving the same thing again gives the same answer. The approval leaves as a message,
    on which `run_all_after_approval` is called. A run that the breaker holds is approved only once
    somebody else let it go on (D10).
    """
    stored = load_run(records, run_id)
    run = stored.record
    current = plans_hash
    if run.state is RunState.PREVIEW:
        current = planning.plans_hash(
            _plans(records, run_id, run.cut_off_at, partners, run.programme)
        )
    day = eastern_day(run.cut_off_at)
    problems = approval_problems(
        preparer=run.preparer,
        approver=by,
        is_accounting=F27.on(day) in roles,
        shown_hash=plans_hash,
        current_hash=current if current == run.plans_hash else "",
        on=day,
    )
    if problems:
        because = f"run {run_id} cannot be approved by {by}: {', '.join(problems)}"
        return Refused(D03.id, because, problems[0])
    if run.state is not RunState.PREVIEW:
        return run
    if run.unusual and run.released_by in {"", by}:
        because = f"run {run_id} is held until somebody else looked: {'; '.join(run.unusual)}"
        return Refused(D10.id, because, "breaker")
    approved = replace(run, state=RunState.APPROVED, approver=by, approved_at=at)
    says = f"{by} approved {run.net} of {run_id}, prepared by {run.preparer}"
    records.commit(
        Change(
            saves=(stored.replaced_by(approved),),
            events=(Event(run_id, "run_approved", at, by, "D03", says=says),),
            messages=(Message(f"run-approved-{run_id}", APPROVED, {"run_id": run_id}, at),),
        )
    )
    return approved


def order_carrying_out(
    records: Records, *, run_id: str, by: str, at: datetime
) -> FundingRun | Refused:
    """Have an approved run carried out again where that stopped (D01); else nothing is asked."""
    stored = load_run(records, run_id)
    run = stored.record
    if run.state is RunState.PREVIEW:
        return Refused(D03.id, f"run {run_id} is not approved yet", "not_approved")
    if run.state not in {RunState.APPROVED, RunState.COMMITTED}:
        return run
    name = f"run-approved-{run_id}-{at.isoformat()}"
    message = Message(name, APPROVED, {"run_id": run_id}, at)
    event = Event(run_id, "carrying_out_ordered", at, by, "D01", says=f"{by} has {run_id} go on")
    records.commit(Change(events=(event,), messages=(message,)))
    return run
