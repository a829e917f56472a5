"""A funding run: previewed, approved, committed to the books, filed for the bank.

Every step can be repeated, and interrupted anywhere: ids are made from causes, a step that was
done is seen to be done, and the bank file is built from what was committed.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from cloud.funding import ach, ledger, planning, remittance
from cloud.funding.approval import approval_problems
from cloud.funding.direct_pay import DirectPay
from cloud.funding.models import (
    Application,
    Deduction,
    DeductionState,
    FundingRun,
    LedgerEntry,
    Payable,
    PayableState,
    PaymentTrace,
    PlanState,
    RunPlan,
    RunState,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import F27
from cloud.funding.ports import RemittanceRenderer
from cloud.funding.process.booking import book, entry_change
from cloud.funding.process.telling import tell_of_run
from cloud.funding.schedule import Alternative, run_sequence, window_ending
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Message, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Documents, Records, Stored, require
from cloud.portfolio.models import Partner, Project

CHUNK = 80
"""Items of one transaction; the store takes a hundred."""
RUN = "funding run"
APPROVED = "run_approved"
"""Topic of the message on which an approved run is carried out."""
BANK_FILE = "text/plain"
ADVICE = "application/pdf"

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
    plans = [require(records.load(RunPlan, one), "plan", one) for one in run.plan_ids]
    if planning.plans_hash([stored.record for stored in plans]) != run.plans_hash:
        msg = f"run {run.id}: its plans are not the ones that were approved; nothing was written"
        raise BrokenInvariant(msg)
    return plans


def _plans(
    records: Records, run_id: str, cutoff: datetime, partners: Sequence[Partner]
) -> list[RunPlan]:
    """Plan every partner that has an item recorded before the cut-off, in the order of ids."""
    payables: dict[str, list[Payable]] = {}
    for item in records.find(Payable, by="state", value=PayableState.OPEN):
        if item.record.accrued_at < cutoff:
            payables.setdefault(item.record.partner_id, []).append(item.record)
    deductions: dict[str, list[Deduction]] = {}
    for debt in records.find(Deduction, by="state", value=DeductionState.OPEN):
        if debt.record.raised_at < cutoff:
            deductions.setdefault(debt.record.partner_id, []).append(debt.record)
    project_ids = {one.project_id for items in payables.values() for one in items}
    projects = project_facts(records, project_ids)
    return [
        planning.plan_of(
            run_id,
            partner,
            payables.get(partner.id, ()),
            deductions.get(partner.id, ()),
            projects,
            on=eastern_day(cutoff),
        )
        for partner in sorted(partners, key=lambda partner: partner.id)
        if partner.id in payables or partner.id in deductions
    ]


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
    window = window_ending(cutoff, published)
    if at < cutoff:
        msg = f"preparing the run of {cutoff.isoformat()}: its window is still open"
        raise BadInput(msg)
    run_id = window.run_id(programme)
    stored = records.load(FundingRun, run_id)
    if stored and stored.record.state is not RunState.PREVIEW:
        return stored.record
    plans = _plans(records, run_id, cutoff, partners)
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
        net=total(plan.net for plan in plans),
        flags=planning.flags(plans, on=eastern_day(cutoff)),
        preparer=by,
        prepared_at=at,
    )
    if (
        stored
        and stored.record.plans_hash == run.plans_hash
        and stored.record.funding_date == run.funding_date
    ):
        return stored.record
    missing = [plan for plan in plans if records.load(RunPlan, plan.id) is None]
    for some in chunks(missing, CHUNK):
        records.commit(Change(saves=tuple(Save(plan) for plan in some)))
    paid = sum(bool(plan.net) for plan in plans)
    says = f"{run_id} would pay {run.net} to {paid} partner{'' if paid == 1 else 's'}"
    event = Event(run_id, "run_prepared", at, by, "F01", says=says)
    save = stored.replaced_by(run) if stored else Save(run)
    records.commit(Change(saves=(save,), events=(event,)))
    return run


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
    on which `run_all_after_approval` is called.
    """
    stored = load_run(records, run_id)
    run = stored.record
    current = plans_hash
    if run.state is RunState.PREVIEW:
        current = planning.plans_hash(_plans(records, run_id, run.cut_off_at, partners))
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
        return Refused("D03", because, problems[0])
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


def commit(records: Records, *, run_id: str, at: datetime) -> FundingRun:
    """Write each partner's part of an approved run into the books, once (D01).

    A partner whose items another process changed after the approval is left out as a whole; its
    plan says so, and its items wait for the next run.

    Raises:
        BadInput: the run is not approved.
        BrokenInvariant: its plans are not the approved ones.
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
    committed = replace(run, state=RunState.COMMITTED)
    event = Event(run_id, "run_committed", at, RUN, "D01", says=f"{run_id} stands in the books")
    records.commit(Change(saves=(stored.replaced_by(committed),), events=(event,)))
    return committed


def _taken(deduction: Deduction, run_id: str, amount: Money) -> Deduction:
    taken = replace(deduction, applications=(*deduction.applications, Application(run_id, amount)))
    return taken if taken.open else replace(taken, state=DeductionState.CLOSED)


class _Stale(Exception):
    """An item is not what was approved."""


def _item_saves(records: Records, run: FundingRun, plan: RunPlan) -> list[Save]:
    """Give the saves that take a plan's items into the run, without those that are taken already.

    Raises:
        _Stale: another process changed one of them.
    """
    saves = []
    for offset in plan.deductions:
        debt = require(records.load(Deduction, offset.id), "deduction", offset.id)
        if offset.applied and run.id not in {one.run_id for one in debt.record.applications}:
            if debt.record.paused or debt.record.open < offset.applied:
                raise _Stale(offset.id)
            saves.append(debt.replaced_by(_taken(debt.record, run.id, offset.applied)))
    for planned in plan.payables:
        item = require(records.load(Payable, planned.id), "payable", planned.id)
        if item.record.run_id != run.id:
            if item.record.state is not PayableState.OPEN or item.record.hold:
                raise _Stale(planned.id)
            taken = replace(item.record, state=PayableState.PLANNED, run_id=run.id)
            saves.append(item.replaced_by(taken))
    return saves


def payment_entry_id(run_id: str, partner_id: str) -> str:
    """Name the ledger entry of a partner's part of a run."""
    return derived("LE", run_id, partner_id)


def _commit_partner(
    records: Records, run: FundingRun, stored: Stored[RunPlan], at: datetime
) -> None:
    """Take one partner's items and write its entry; the last transaction marks the plan.

    Long plans take several transactions. Only the last one posts, so that the books hold the
    whole payment or nothing of it; what the earlier ones took carries the run's id.
    """
    plan = stored.record
    done = replace(stored.record, state=PlanState.COMMITTED)
    try:
        saves = _item_saves(records, run, plan)
    except _Stale as changed:
        if _began(records, run, plan):
            msg = f"run {run.id}, {plan.partner_id}: {changed} changed in the middle of the commit"
            raise BrokenInvariant(msg) from changed
        says = f"{changed} changed after the approval; {plan.partner_id} waits for the next run"
        event = Event(plan.id, "plan_stale", at, RUN, "D01", (str(changed),), says)
        stale = stored.replaced_by(replace(plan, state=PlanState.STALE))
        records.commit(Change(saves=(stale,), events=(event,)))
        return
    if not plan.gross:
        records.commit(Change(saves=(stored.replaced_by(done),)))
        return
    *earlier, last = list(chunks(saves, CHUNK)) or [()]
    for some in earlier:
        records.commit(Change(saves=tuple(some)))
    taken: dict[DeductionKind, Money] = {}
    for offset in plan.deductions:
        taken[offset.kind] = taken.get(offset.kind, ZERO) + offset.applied
    entry_id = payment_entry_id(run.id, plan.partner_id)
    says = (
        f"{run.id}: {plan.gross} owed less {plan.gross - plan.net} taken is {plan.net} on its way"
    )

    def change() -> Change:
        return entry_change(
            records,
            plan.partner_id,
            entry_id=entry_id,
            postings=ledger.paying(plan.gross, taken, plan.net),
            event_at=run.cut_off_at,
            recorded_at=at,
            causes=(plan.id,),
            says=says,
        ) + Change(
            saves=(*last, stored.replaced_by(done)),
            events=(Event(plan.id, "plan_committed", at, RUN, "D01", says=says),),
        )

    book(records, entry_id, change)


def _began(records: Records, run: FundingRun, plan: RunPlan) -> bool:
    """Tell whether an earlier attempt took some of a plan's items."""
    debts = [records.load(Deduction, one.id) for one in plan.deductions]
    items = [records.load(Payable, one.id) for one in plan.payables]
    return any(item and item.record.run_id == run.id for item in items) or any(
        debt and run.id in {one.run_id for one in debt.record.applications} for debt in debts
    )


def paid_plans(records: Records, run: FundingRun) -> list[Stored[RunPlan]]:
    """Give the committed plans that pay something, in the order of the bank file."""
    return [
        stored
        for stored in load_plans(records, run)
        if stored.record.state is PlanState.COMMITTED and stored.record.net
    ]


def _credit(plan: RunPlan) -> ach.Credit:
    """Give the line of the bank file; its addenda is the RMR segment of ANSI X12 820."""
    amount = f"{plan.net.cents // 100}.{plan.net.cents % 100:02d}"
    identification = plan.partner_id
    if len(identification) > 15:
        identification = derived("P", plan.partner_id)
    return ach.Credit(
        routing_number=plan.routing_number,
        account_number=plan.account_number.value,
        amount=plan.net,
        identification=identification,
        name=plan.partner_name,
        note=f"RMR*IV*{plan.run_id}**{amount}\\",
    )


def _bank_file(
    records: Records, run: FundingRun, plans: Sequence[RunPlan], originator: ach.Originator
) -> bytes:
    """Build the bank file and hold it against the books before a byte leaves.

    Raises:
        BrokenInvariant: the file and the books do not agree.
    """
    content = ach.build(
        originator,
        [_credit(plan) for plan in plans],
        created_at=run.approved_at or run.prepared_at,
        effective_on=run.funding_date,
        run=run.id,
        sequence=run_sequence(run.regular_date),
    )
    read_back = ach.read(content)
    for plan, line in zip(plans, read_back.entries, strict=True):
        entry_id = payment_entry_id(run.id, plan.partner_id)
        entry = require(records.load(LedgerEntry, entry_id), "ledger entry", entry_id).record
        booked = ledger.trial_balance([entry]).get(ledger.ACH_IN_TRANSIT, ZERO)
        if line.credit.amount != plan.net or booked != -plan.net:
            msg = f"run {run.id}, {plan.partner_id}: the bank file and the books do not agree"
            raise BrokenInvariant(msg)
    return content


def file(
    records: Records,
    documents: Documents,
    *,
    run_id: str,
    originator: ach.Originator,
    renderer: RemittanceRenderer,
    at: datetime,
) -> FundingRun:
    """Make the bank file and the remittance letters of a committed run.

    The file is built from the committed plans and dated by the approval, so that building it again
    gives the same bytes. A run that pays nobody has no file.

    Raises:
        BadInput: the run is not committed yet, or an entry cannot be paid as it is.
        BrokenInvariant: the file and the books do not agree; nothing was written.
        Conflict: another file is kept for this run already.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if run.state in {RunState.PREVIEW, RunState.APPROVED}:
        msg = f"filing run {run_id}: it is not committed yet"
        raise BadInput(msg)
    if run.state is not RunState.COMMITTED:
        return run
    plans = paid_plans(records, run)
    reference, sha = "", ""
    if plans:
        content = _bank_file(records, run, [one.record for one in plans], originator)
        reference = f"ach/{run_id}.ach"
        sha = hashlib.sha256(content).hexdigest()
        documents.put(reference, content, BANK_FILE)  # before any advice says that it is there
        for place, plan in enumerate(plans, start=1):
            trace = ach.trace_number(originator, run_sequence(run.regular_date), place)
            _tell(
                records,
                documents,
                run=run,
                stored=plan,
                originator=originator,
                renderer=renderer,
                trace=trace,
                at=at,
            )
    for told in load_plans(records, run):
        tell_of_run(records, run, told.record, at=at)
    filed = replace(run, state=RunState.FILED, file_reference=reference, file_sha256=sha)
    entries = f"{len(plans)} {'entry' if len(plans) == 1 else 'entries'}"
    says = f"{run_id}: {entries}, {total(one.record.net for one in plans)}"
    event = Event(run_id, "run_filed", at, RUN, "F04", says=says)
    records.commit(Change(saves=(stored.replaced_by(filed),), events=(event,)))
    return filed


def _tell(
    records: Records,
    documents: Documents,
    *,
    run: FundingRun,
    stored: Stored[RunPlan],
    originator: ach.Originator,
    renderer: RemittanceRenderer,
    trace: str,
    at: datetime,
) -> None:
    """Keep a partner's advice, write its letter, and note the trace number; once."""
    plan = stored.record
    if plan.trace_number:
        return
    advice = remittance.advice_of(
        run, plan, originator, trace=trace, created_at=run.approved_at or run.prepared_at
    )
    reference = remittance.document_of(run.id, plan.partner_id)
    try:
        documents.get(reference)
    except NotFound:
        documents.put(reference, renderer.render(advice), ADVICE)
    line = PaymentTrace(trace, run.id, plan.partner_id, plan.id, plan.net)
    records.commit(
        Change(
            saves=(Save(line), stored.replaced_by(replace(plan, trace_number=trace))),
            letters=(remittance.letter_of(advice, plan.remittance_email, at=at),),
        )
    )


def run_all_after_approval(
    records: Records,
    documents: Documents,
    *,
    run_id: str,
    originator: ach.Originator,
    renderer: RemittanceRenderer,
    at: datetime,
) -> FundingRun:
    """Commit and file an approved run."""
    commit(records, run_id=run_id, at=at)
    return file(records, documents, run_id=run_id, originator=originator, renderer=renderer, at=at)
