"""After the bank has the file: what it paid out, and what it sent back."""

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
from cloud.funding.process.filing import paid_plans
from cloud.funding.process.run import (
    CHUNK,
    RUN,
    chunks,
    load_plans,
    load_run,
    references_of,
)
from cloud.funding.process.telling import tell_of_return
from cloud.funding.returns import ReturnAction, ReturnVerdict, judge_return
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner

BANK = "bank"


def settle(
    records: Records, *, run_id: str, at: datetime, by: str = RUN, statement: Money | None = None
) -> FundingRun | Refused:
    """Book what the bank has paid out, without what came back before; once for each partner.

    The amount on the bank's statement, where one is given, must be the net of the run. Whoever
    approved the run does not say what the bank did (D40). A run that has no file, because
    deductions took everything, is settled as it is.

    Raises:
        BadInput: the file was not sent yet, or the statement shows another amount.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if statement is not None and statement != run.net:
        msg = f"settling run {run_id}: the statement shows {statement}, its file {run.net}; ask"
        raise BadInput(f"{msg} the bank which entry is missing")
    if run.state is RunState.SETTLED:
        return run
    if by in {run.approver, run.preparer} and by != RUN:
        because = f"{by} prepared or approved run {run_id}, so somebody else says what the bank did"
        return Refused("D40", because, "maker_is_checker")
    is_without_file = run.state is RunState.FILED and not references_of(run)
    if run.state is not RunState.SENT and not is_without_file:
        msg = f"settling run {run_id}: it is {run.state}, its file was not sent"
        raise BadInput(msg)
    for plan in paid_plans(records, run):
        _settle_partner(records, plan.record, at)
    _mark_paid(records, [plan.record for plan in load_plans(records, run)])
    settled = replace(run, state=RunState.SETTLED, settled_at=at)
    event = Event(run_id, "run_settled", at, by, "F04", says=f"the bank has paid {run_id} out")
    records.commit(Change(saves=(stored.replaced_by(settled),), events=(event,)))
    return settled


def _settle_partner(records: Records, plan: RunPlan, at: datetime) -> None:
    """Book one payment as paid out, unless it came back; a return at the same time is seen."""
    entry_id = derived("LE", plan.run_id, plan.partner_id, "settled")

    def change() -> Change:
        stored = _line(records, plan.trace_number)
        if stored.record.return_code:
            return Change()
        entry = entry_change(
            records,
            plan.partner_id,
            entry_id=entry_id,
            postings=ledger.move(plan.net, debit=ledger.ACH_IN_TRANSIT, credit=ledger.BANK_CASH),
            event_at=at,
            recorded_at=at,
            causes=(plan.trace_number,),
            says=f"{plan.net} of {plan.run_id} left the bank",
        )
        return entry + Change(saves=(stored.replaced_by(replace(stored.record, settled_at=at)),))

    book(records, entry_id, change)


def _line(records: Records, trace_number: str) -> Stored[PaymentTrace]:
    return require(records.load(PaymentTrace, trace_number), "payment", trace_number)


def _mark_paid(records: Records, plans: Sequence[RunPlan]) -> None:
    names = [planned.id for plan in plans for planned in plan.payables]
    runs = {plan.run_id for plan in plans}
    saves = [
        item.replaced_by(replace(item.record, state=PayableState.PAID))
        for item in records.load_all(Payable, names).values()
        if item.record.state is PayableState.PLANNED and item.record.run_id in runs
    ]
    for some in chunks(saves, CHUNK):
        records.commit(Change(saves=tuple(some)))


def return_payment(
    records: Records, *, trace_number: str, code: str, at: datetime, file_id: str = ""
) -> ReturnVerdict:
    """Take a payment back that the bank returned, or note a change of details (D04).

    Only what the bank has can come back: a return of a file that was not sent, or of one that
    nobody knows of whether it was, moves nothing and goes to a person.

    What is payable again opens as a new payable. Where the account is to blame it waits for new
    bank details, as all of the partner's money does; else a person looks at it first. The same
    return again changes nothing.

    Raises:
        NotFound: we sent no payment of that trace number.
        BadInput: the code is not one of a return or a change.
    """
    line = _line(records, trace_number).record
    code = code.strip().upper()
    # What the same file did before it was interrupted is told again, and done no more.
    is_same = bool(file_id) and line.returned_in == file_id
    was_processed = bool(line.return_code) and not is_same
    verdict = judge_return(code, line.amount, was_processed=was_processed, on=eastern_day(at))
    if is_same and verdict.reversed:
        return verdict
    says = f"payment {trace_number} of {line.amount} to {line.partner_id}: {code}, {verdict.action}"
    event = Event(trace_number, "payment_returned", at, BANK, "D04", (line.plan_id,), says)
    if not verdict.reversed:
        if verdict.action is not ReturnAction.DUPLICATE:
            what = "change_notified" if code.startswith("C") else "return_disputed"
            records.commit(Change(events=(replace(event, what=what),)))
        return verdict
    run = load_run(records, line.run_id).record
    if run.state not in {RunState.SENT, RunState.SETTLED}:
        says = f"payment {trace_number} came back, and run {run.id} is {run.state}: ask the bank"
        doubted = replace(event, what="return_doubted", says=says)
        records.commit(Change(events=(doubted,)))
        return replace(
            verdict,
            reversed=ZERO,
            payable=ZERO,
            suspense=ZERO,
            blocks_account=False,
            action=ReturnAction.NOT_SENT,
        )
    if verdict.payable:
        # Before the books: interrupted here, the return comes again and finds all of it to do.
        tell_of_return(records, run, line, code=code, at=at)
    entry_id = derived("LE", "return", trace_number)

    def change() -> Change:
        stored = _line(records, trace_number)
        source = ledger.BANK_CASH if stored.record.settled_at else ledger.ACH_IN_TRANSIT
        sides = (
            Posting(source, verdict.reversed),
            Posting(ledger.PARTNER_PAYABLE, -verdict.payable),
            Posting(ledger.SUSPENSE_RETURNS, -verdict.suspense),
        )
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
        return entry + Change(
            saves=(
                stored.replaced_by(replace(stored.record, return_code=code, returned_in=file_id)),
                *_payable_again(run, line, verdict, says, at),
                *_account_blocked(records, line, verdict),
            ),
            events=(event,),
        )

    book(records, entry_id, change)
    return verdict


def _payable_again(
    run: FundingRun, line: PaymentTrace, verdict: ReturnVerdict, says: str, at: datetime
) -> tuple[Save, ...]:
    if not verdict.payable:
        return ()
    waits_for_details = verdict.action is ReturnAction.NEW_AUTHORIZATION
    payable = Payable(
        id=derived("PAY", RETURNED, line.id),
        partner_id=line.partner_id,
        project_id="",
        work_order_id="",
        milestone=RETURNED,
        amount=verdict.payable,
        accrued_at=at,
        hold="" if waits_for_details else str(verdict.action),
        says=says,
        causes=(line.id,),
        programme=run.programme,
    )
    return (Save(payable),)


def _account_blocked(
    records: Records, line: PaymentTrace, verdict: ReturnVerdict
) -> tuple[Save, ...]:
    """Block the partner's bank details in the transaction that books the return.

    An event to the portfolio would leave a moment in which the next run pays to them again.
    Details that were changed since the payment are not to blame.
    """
    partner = records.load(Partner, line.partner_id)
    if not verdict.blocks_account or partner is None:
        return ()
    plan = require(records.load(RunPlan, line.plan_id), "plan", line.plan_id).record
    if partner.record.bank_details_version != plan.bank_details_version:
        return ()
    return (partner.replaced_by(replace(partner.record, bank_account_blocked=True)),)
