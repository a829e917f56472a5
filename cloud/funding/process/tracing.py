"""Walking a line of the bank file back to what it was earned with."""

from dataclasses import dataclass

from cloud.funding import ach
from cloud.funding.models import Deduction, FundingRun, LedgerEntry, Payable, PaymentTrace, RunPlan
from cloud.funding.process.committing import payment_entry_id
from cloud.funding.process.run import load_run
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.ports import Documents, Records, require


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One thing on the way back: what it is, in a sentence, and what led to it."""

    id: str
    says: str
    causes: tuple[str, ...] = ()


def trace(records: Records, documents: Documents, *, trace_number: str) -> list[TraceStep]:
    """Give the steps from a line of a bank file to the invoices and milestones behind it.

    The line is read from the file as it was kept, not from our records. Causes that belong to
    earlier stages are followed through the event log, each once, as far as it goes.

    Raises:
        NotFound: no file of ours has that trace number.
        BrokenInvariant: the file does not hold what the records say.
    """
    line = require(records.load(PaymentTrace, trace_number), "trace number", trace_number).record
    run = load_run(records, line.run_id).record
    plan = require(records.load(RunPlan, line.plan_id), "plan", line.plan_id).record
    steps = [_bank_line(documents, run, plan, line)]
    entry_id = payment_entry_id(run.id, plan.partner_id)
    entry = require(records.load(LedgerEntry, entry_id), "ledger entry", entry_id).record
    items = [one.id for one in plan.payables] + [one.id for one in plan.deductions if one.applied]
    steps.append(TraceStep(plan.id, entry.says, (entry.id, *items)))
    steps.append(TraceStep(entry.id, f"entry {entry.number} of {plan.partner_id}: {entry.hash}"))
    seen = {step.id for step in steps}
    waiting = list(items)
    while waiting:
        about = waiting.pop(0)
        if about not in seen:
            seen.add(about)
            step = _step(records, about)
            steps.append(step)
            waiting += step.causes
    return steps


def _bank_line(
    documents: Documents, run: FundingRun, plan: RunPlan, line: PaymentTrace
) -> TraceStep:
    read = (
        ach.read(documents.get(run.file_reference)).entry(line.id) if run.file_reference else None
    )
    if read is None or read.credit.amount != line.amount:
        msg = f"trace {line.id}: {run.file_reference or 'no file'} does not hold {line.amount}"
        raise BrokenInvariant(msg)
    says = (
        f"{line.amount} to {read.credit.name}, account ending {plan.account_number.last4}: line "
        f"{read.line} of {run.file_reference}, for {run.funding_date.isoformat()}"
    )
    return TraceStep(line.id, says, (plan.id,))


def _step(records: Records, about: str) -> TraceStep:
    """Say what is known of one cause: an item of ours, or what its own log tells."""
    if payable := records.load(Payable, about):
        return TraceStep(about, payable.record.says, payable.record.causes)
    if deduction := records.load(Deduction, about):
        return TraceStep(about, deduction.record.says, deduction.record.causes)
    events = records.history(about)
    causes = dict.fromkeys(cause for event in events for cause in event.causes)
    said = [event.says for event in events if event.says]
    says = "; at last: ".join(dict.fromkeys((*said[:1], *said[-1:])))
    return TraceStep(about, says, tuple(causes))
