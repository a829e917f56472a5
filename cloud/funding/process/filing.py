"""A committed run becomes a bank file and a remittance advice for each partner."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloud.funding import ach, ledger, remittance
from cloud.funding.models import (
    FundingRun,
    LedgerEntry,
    Payable,
    PaymentTrace,
    PlanState,
    RunPlan,
    RunState,
)
from cloud.funding.ports import RemittanceRenderer
from cloud.funding.process.committing import payment_entry_id
from cloud.funding.process.debts import assess_debts
from cloud.funding.process.lines import BANK_FILE_TYPE, credit_of, file_of_day
from cloud.funding.process.prenoting import ask_about_accounts
from cloud.funding.process.run import RUN, load_plans, load_run
from cloud.funding.process.telling import tell_of_run
from cloud.funding.process.watching import watch_paid
from cloud.funding.schedule import run_sequence
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.errors import BadInput, BrokenInvariant, NotFound
from cloud.kernel.money import ZERO, total
from cloud.kernel.ports import Documents, Records, Stored, require
from cloud.portfolio.models import Milestone

_ADVICE_TYPE, _ADVICE_LINES_TYPE = "application/pdf", "text/csv"


def paid_plans(records: Records, run: FundingRun) -> list[Stored[RunPlan]]:
    """Give the committed plans that pay something, in the order of the bank file."""
    return [
        stored
        for stored in load_plans(records, run)
        if stored.record.state is PlanState.COMMITTED and stored.record.net
    ]


def _bank_file(
    records: Records, run: FundingRun, plans: Sequence[RunPlan], originator: ach.Originator
) -> bytes:
    """Build the bank file and hold it against the books before a byte leaves.

    Raises:
        BrokenInvariant: the file and the books do not agree.
    """
    entries = [credit_of(plan) for plan in plans]
    # One above the limit was approved with its flag: the file then goes without the mark (F03).
    is_same_day = run.is_same_day and ach.may_go_same_day(
        entries, created_at=run.dated_at, effective_on=run.funding_date
    )
    sequence = run_sequence(run.regular_date, run.programme)
    content = ach.build(
        originator,
        entries,
        created_at=run.dated_at,
        effective_on=run.funding_date,
        run=run.id,
        sequence=sequence,
        file_of_day=file_of_day(ach.FileKind.PAYMENTS, sequence),
        is_same_day=is_same_day,
    )
    read_back = ach.read(content)
    names = [payment_entry_id(run.id, plan.partner_id) for plan in plans]
    booked_as = records.load_all(LedgerEntry, names)
    for plan, line, name in zip(plans, read_back.entries, names, strict=True):
        entry = require(booked_as.get(name), "ledger entry", name).record
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
    # Before any advice says that it is there.
    reference, sha = _kept_file(records, documents, run, plans, originator)
    sequence = run_sequence(run.regular_date, run.programme)
    for place, plan in enumerate(plans, start=1):
        trace = ach.trace_number(originator, sequence, place)
        _advise(
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
        if told.record.carried:
            assess_debts(records, partner_id=told.record.partner_id, at=at)
    _watch_m1(records, run, at)
    asking = ask_about_accounts(records, documents, run, originator)
    filed = replace(
        run,
        state=RunState.FILED,
        file_reference=reference,
        file_sha256=sha,
        prenote_reference=asking,
    )
    entries = f"{len(plans)} {'entry' if len(plans) == 1 else 'entries'}"
    says = f"{run_id}: {entries}, {total(one.record.net for one in plans)}"
    event = Event(run_id, "run_filed", at, RUN, "F04", says=says)
    records.commit(Change(saves=(stored.replaced_by(filed),), events=(event,)))
    return filed


def _kept_file(
    records: Records,
    documents: Documents,
    run: FundingRun,
    plans: Sequence[Stored[RunPlan]],
    originator: ach.Originator,
) -> tuple[str, str]:
    """Keep the bank file; give its reference and digest, both empty where nobody is paid."""
    if not plans:
        return "", ""
    content = _bank_file(records, run, [one.record for one in plans], originator)
    reference = f"ach/{run.id}.ach"
    documents.put(reference, content, BANK_FILE_TYPE)
    return reference, hashlib.sha256(content).hexdigest()


def _watch_m1(records: Records, run: FundingRun, at: datetime) -> None:
    """Have each project looked at whose M1 this run paid, once its days are over (F08)."""
    taken = [
        planned.id
        for stored in load_plans(records, run)
        if stored.record.state is PlanState.COMMITTED
        for planned in stored.record.payables
        if planned.milestone == Milestone.M1
    ]
    found = records.load_all(Payable, taken)
    watch_paid(records, [found[one].record for one in taken], at=at)


def _advise(
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
    advice = remittance.advice_of(run, plan, originator, trace=trace, created_at=run.dated_at)
    reference = remittance.document_of(run.id, plan.partner_id)
    try:
        documents.get(reference)
    except NotFound:
        documents.put(reference, renderer.render(advice), _ADVICE_TYPE)
    lines = remittance.csv_document_of(run.id, plan.partner_id)
    documents.put(lines, remittance.csv_of(advice), _ADVICE_LINES_TYPE)
    line = PaymentTrace(trace, run.id, plan.partner_id, plan.id, plan.net)
    known = records.load(PaymentTrace, trace)  # of a run a thousand runs ago
    records.commit(
        Change(
            saves=(
                known.replaced_by(line) if known else Save(line),
                stored.replaced_by(replace(plan, trace_number=trace)),
            ),
            letters=(remittance.letter_of(advice, plan.remittance_email, at=at),),
        )
    )
