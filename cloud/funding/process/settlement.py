"""After the file has left: sent, settled, or sent back by the bank."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloud.funding import ledger
from cloud.funding.models import (
    RETURNED,
    FundingRun,
    Payable,
    PayableState,
    PaymentTrace,
    Posting,
    RunPlan,
    RunState,
)
from cloud.funding.process.booking import book, entry_change
from cloud.funding.process.run import CHUNK, RUN, chunks, load_plans, load_run, paid_plans
from cloud.funding.process.telling import tell_of_return
from cloud.funding.returns import ReturnVerdict, judge_return
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner


def mark_sent(records: Records, *, run_id: str, by: str, at: datetime) -> FundingRun:
    """Note that the bank has the file; after a doubtful upload a person says so, not a retry."""
    stored = load_run(records, run_id)
    if stored.record.state in {RunState.SENT, RunState.SETTLED}:
        return stored.record
    if stored.record.state is not RunState.FILED:
        msg = f"run {run_id} is {stored.record.state}: there is no file that could be sent"
        raise BadInput(msg)
    sent = replace(stored.record, state=RunState.SENT)
    event = Event(run_id, "run_sent", at, by, "F04", says=f"the bank has the file of {run_id}")
    records.commit(Change(saves=(stored.replaced_by(sent),), events=(event,)))
    return sent


def settle(records: Records, *, run_id: str, at: datetime) -> FundingRun:
    """Book what the bank has paid out, without what came back before; once for each partner.

    Raises:
        BadInput: the file was not sent yet.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if run.state is RunState.SETTLED:
        return run
    if run.state is not RunState.SENT:
        msg = f"settling run {run_id}: it is {run.state}, its file was not sent"
        raise BadInput(msg)
    for plan in paid_plans(records, run):
        _settle_partner(records, plan.record, at)
    _mark_paid(records, [plan.record for plan in load_plans(records, run)])
    settled = replace(run, state=RunState.SETTLED)
    event = Event(run_id, "run_settled", at, RUN, "F04", says=f"the bank has paid {run_id} out")
    records.commit(Change(saves=(stored.replaced_by(settled),), events=(event,)))
    return settled


def _settle_partner(records: Records, plan: RunPlan, at: datetime) -> None:
    trace = require(records.load(PaymentTrace, plan.trace_number), "trace", plan.trace_number)
    if trace.record.return_code:
        return
    entry_id = derived("LE", plan.run_id, plan.partner_id, "settled")
    book(
        records,
        entry_id,
        lambda: entry_change(
            records,
            plan.partner_id,
            entry_id=entry_id,
            postings=ledger.move(plan.net, debit=ledger.ACH_IN_TRANSIT, credit=ledger.BANK_CASH),
            event_at=at,
            recorded_at=at,
            causes=(plan.trace_number,),
            says=f"{plan.net} of {plan.run_id} left the bank",
        ),
    )


def _mark_paid(records: Records, plans: Sequence[RunPlan]) -> None:
    saves = []
    for plan in plans:
        for planned in plan.payables:
            item = require(records.load(Payable, planned.id), "payable", planned.id)
            if item.record.state is PayableState.PLANNED and item.record.run_id == plan.run_id:
                saves.append(item.replaced_by(replace(item.record, state=PayableState.PAID)))
    for some in chunks(saves, CHUNK):
        records.commit(Change(saves=tuple(some)))


def return_payment(
    records: Records, *, trace_number: str, code: str, at: datetime
) -> ReturnVerdict:
    """Take a payment back that the bank returned, or note a change of details (D04).

    What is payable again opens as a new payable, held until somebody gives new bank details or has
    looked at it. The same return again changes nothing.

    Raises:
        NotFound: we sent no payment of that trace number.
        BadInput: the code is not one of a return or a change.
    """
    stored = require(records.load(PaymentTrace, trace_number), "payment", trace_number)
    line = stored.record
    verdict = judge_return(
        code, line.amount, was_processed=bool(line.return_code), on=eastern_day(at)
    )
    code = code.strip().upper()
    says = f"payment {trace_number} of {line.amount} to {line.partner_id}: {code}, {verdict.action}"
    event = Event(trace_number, "payment_returned", at, "bank", "D04", (line.plan_id,), says)
    if not verdict.reversed:
        if code.startswith("C"):
            told = replace(event, what="change_notified")
            records.commit(Change(events=(told,)))
        return verdict
    entry_id = derived("LE", "return", trace_number)
    settled = load_run(records, line.run_id).record.state is RunState.SETTLED
    sides = (
        Posting(ledger.BANK_CASH if settled else ledger.ACH_IN_TRANSIT, verdict.reversed),
        Posting(ledger.PARTNER_PAYABLE, -verdict.payable),
        Posting(ledger.SUSPENSE_RETURNS, -verdict.suspense),
    )

    if verdict.payable:
        # Before the books: interrupted here, the return comes again and finds all of it to do.
        run = load_run(records, line.run_id).record
        tell_of_return(records, run, line, code=code, at=at)

    def change() -> Change:
        entry = entry_change(
            records,
            line.partner_id,
            entry_id=entry_id,
            postings=tuple(side for side in sides if side.amount),
            event_at=at,
            recorded_at=at,
            causes=(trace_number,),
            says=says,
        )
        returned = stored.replaced_by(replace(line, return_code=code))
        return entry + Change(
            saves=(
                returned,
                *_payable_again(line, verdict, says, at),
                *_account_blocked(records, line, verdict),
            ),
            events=(event,),
        )

    book(records, entry_id, change)
    return verdict


def _payable_again(
    line: PaymentTrace, verdict: ReturnVerdict, says: str, at: datetime
) -> tuple[Save, ...]:
    if not verdict.payable:
        return ()
    payable = Payable(
        id=derived("PAY", RETURNED, line.id),
        partner_id=line.partner_id,
        project_id="",
        work_order_id="",
        milestone=RETURNED,
        amount=verdict.payable,
        accrued_at=at,
        hold=str(verdict.action),
        says=says,
        causes=(line.id,),
    )
    return (Save(payable),)


def _account_blocked(
    records: Records, line: PaymentTrace, verdict: ReturnVerdict
) -> tuple[Save, ...]:
    """Block the partner's bank details in the transaction that books the return.

    An event to the portfolio would leave a moment in which the next run pays to them again.
    """
    partner = records.load(Partner, line.partner_id)
    if not verdict.blocks_account or partner is None:
        return ()
    return (partner.replaced_by(replace(partner.record, bank_account_blocked=True)),)
