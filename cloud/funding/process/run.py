"""A funding run until it is approved: opened, previewed, held when unusual, approved by another.

Every step can be repeated, and interrupted anywhere: ids are made from causes, and a step that was
done is seen to be done.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from cloud.funding.schedule import (
    Alternative,
    DateSource,
    Window,
    needs_same_day_file,
    window_ending,
)
from cloud.kernel.calendar import DAY, eastern_day, next_banking_day
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
OPEN = "run_open"
"""Topic of the message on which the run of a cut-off is prepared by hand."""
PREPARE = "run_prepare"
"""Topic of the message on which a run is prepared anew."""
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
    records_ = [stored.record for stored in plans]
    is_changed = any(planning.digest_of(one) != one.hash for one in records_)
    if is_changed or planning.plans_hash(records_) != run.plans_hash:
        msg = f"run {run.id}: its plans are not the ones that were approved; nothing was written"
        raise BrokenInvariant(msg)
    return plans


def load_payment(records: Records, trace_number: str) -> Stored[PaymentTrace]:
    """Give a line of a bank file of ours with its version.

    Raises:
        NotFound: no payment left under that trace number.
    """
    return require(records.load(PaymentTrace, trace_number), "payment", trace_number)


def references_of(run: FundingRun) -> tuple[str, ...]:
    """Give what of a run goes to the bank: the payments, and the questions about new accounts."""
    return tuple(one for one in (run.file_reference, run.prenote_reference) if one)


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


def _previewed(
    records: Records,
    window: Window,
    partners: Sequence[Partner],
    *,
    at: datetime,
    by: str,
    programme: str,
) -> tuple[FundingRun, list[RunPlan]]:
    """Work out a window's run and its plans from what is known now; nothing is written."""
    cutoff, run_id = window.cut_off_at, window.run_id(programme)
    plans = _plans(records, run_id, cutoff, partners, programme)
    day = eastern_day(cutoff)
    is_same_day = needs_same_day_file(window) and eastern_day(at) <= window.funding_date
    net = total(plan.net for plan in plans)
    # A file cannot be dated in the past: a run that is late is paid on the next banking day.
    is_late = eastern_day(at) > window.funding_date
    funding_date = next_banking_day(eastern_day(at) + DAY) if is_late else window.funding_date
    paid = {breaker.ALL: net} | {plan.partner_id: plan.net for plan in plans if plan.net}
    before = _paid_before(records, programme=programme, cutoff=cutoff)
    run = FundingRun(
        id=run_id,
        programme=programme,
        regular_date=window.regular_date,
        funding_date=funding_date,
        date_source=DateSource.LATE if is_late else window.date_source,
        opens_at=window.opens_at,
        cut_off_at=cutoff,
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
    return run, plans


def rehearse(
    records: Records,
    *,
    run_id: str,
    published: Sequence[Alternative] = (),
    partners: Sequence[Partner],
    at: datetime,
    by: str,
) -> tuple[FundingRun, tuple[RunPlan, ...]]:
    """Give a run and its plans as they would be, were they prepared now; nothing is written.

    Raises:
        NotFound: no run of that id was prepared.
    """
    run = load_run(records, run_id).record
    window = window_ending(run.cut_off_at, published, programme=run.programme)
    now, plans = _previewed(records, window, partners, at=at, by=by, programme=run.programme)
    return now, tuple(plans)


def _shows_the_same(shown: FundingRun, now: FundingRun) -> bool:
    return (shown.plans_hash, shown.funding_date, shown.unusual) == (
        now.plans_hash,
        now.funding_date,
        now.unusual,
    )


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
    run, plans = _previewed(records, window, partners, at=at, by=by, programme=programme)
    if stored and _shows_the_same(stored.record, run):
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


@dataclass(frozen=True, slots=True)
class Shown:
    """A run as it was prepared, and whether it still shows what is known."""

    run: FundingRun
    is_current: bool


def order_preparing(
    records: Records,
    *,
    run_id: str,
    published: Sequence[Alternative] = (),
    partners: Sequence[Partner],
    by: str,
    at: datetime,
) -> Shown:
    """Have a run prepared anew where something changed since; who asks cannot approve it (D03).

    A plan keeps the account that it pays to, so that it is written where accounts can be opened:
    the order leaves as a message. Asked again it is ordered again, and done once.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if run.state is not RunState.PREVIEW:
        return Shown(run, is_current=True)
    window = window_ending(run.cut_off_at, published, programme=run.programme)
    now, _ = _previewed(records, window, partners, at=at, by=by, programme=run.programme)
    if _shows_the_same(run, now):
        return Shown(run, is_current=True)
    name = f"run-prepare-{run_id}-{at.isoformat()}"
    message = Message(name, PREPARE, {"run_id": run_id, "by": by}, at)
    says = f"{by} has {run_id} prepared anew"
    event = Event(run_id, "preparing_ordered", at, by, "D03", says=says)
    records.commit(Change(events=(event,), messages=(message,), relies_on=(stored.relied_on(),)))
    return Shown(run, is_current=False)


def release(
    records: Records, *, run_id: str, plans_hash: str, because: str, by: str, at: datetime
) -> FundingRun | Refused:
    """Let an unusual run go on after somebody looked at why it is unusual (D10).

    What was looked at is named by its hash, as in an approval: what is prepared anew with other
    plans is looked at anew. Whoever prepared it does not, and whoever does will not approve it.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if not run.unusual or run.state is not RunState.PREVIEW:
        return Refused("D10", f"run {run_id} is not held", "conflict")
    if plans_hash != run.plans_hash:
        because = f"run {run_id} was prepared anew since: look at what it pays now"
        return Refused("D10", because, "stale_preview")
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
    refused = approval_refused(
        records, run, plans_hash=plans_hash, partners=partners, by=by, roles=roles, at=at
    )
    if refused is not None:
        return refused
    if run.state is not RunState.PREVIEW:
        return run
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


def approval_refused(
    records: Records,
    run: FundingRun,
    *,
    plans_hash: str,
    partners: Sequence[Partner],
    by: str,
    roles: Collection[str],
    at: datetime,
) -> Refused | None:
    """Tell why an approval of what was shown would be refused now (D03); None where it holds.

    A page asks it before it offers the button; nothing is written.
    """
    current = plans_hash
    if run.state is RunState.PREVIEW:
        current = planning.plans_hash(
            _plans(records, run.id, run.cut_off_at, partners, run.programme)
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
        said = {
            "maker_is_checker": f"{by} prepared run {run.id}, so another person approves it",
            "not_accounting": f"{by} is no accounting admin, and only one of them approves a run",
            "stale_preview": f"run {run.id} would pay otherwise now than was shown: it is prepared "
            "anew first"
            if plans_hash == run.plans_hash
            else f"run {run.id} is not any more what was shown: look at what it pays now",
        }
        return Refused(D03.id, "; ".join(said[one] for one in problems), problems[0])
    if run.state is not RunState.PREVIEW:
        return None
    if eastern_day(at) > run.funding_date:
        because = f"run {run.id} was to be paid on {run.funding_date}: prepare it anew, it is late"
        return Refused("F03", because, "stale_preview")
    if run.unusual and run.released_by in {"", by}:
        because = f"run {run.id} is held until somebody else looked: {'; '.join(run.unusual)}"
        return Refused(D10.id, because, "breaker")
    return None


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


def order_opening(
    records: Records, *, cutoff: datetime, programme: str, by: str, at: datetime
) -> str:
    """Have the run of a cut-off prepared that the schedule missed, and give its id (F01).

    Raises:
        BadInput: no window of the programme ends then, or it has not passed yet.
    """
    window = window_ending(cutoff, programme=programme)
    if at < cutoff:
        msg = f"preparing the run of {cutoff.isoformat()}: its window is still open"
        raise BadInput(msg)
    run_id = window.run_id(programme)
    body = {"scheduled_for": cutoff.isoformat(), "programme": programme, "by": by}
    message = Message(f"run-open-{run_id}-{at.isoformat()}", OPEN, body, at)
    event = Event(run_id, "opening_ordered", at, by, "F01", says=f"{by} has {run_id} prepared")
    records.commit(Change(events=(event,), messages=(message,)))
    return run_id
