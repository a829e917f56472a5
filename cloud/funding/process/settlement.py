"""After the bank has the file: what it paid out, and what it sent back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

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
from cloud.funding.policy import D44
from cloud.funding.process.booking import book, entry_change
from cloud.funding.process.filing import paid_plans
from cloud.funding.process.run import (
    CHUNK,
    RUN,
    chunks,
    load_payment,
    load_plans,
    load_run,
    references_of,
)
from cloud.funding.process.sending import refuse_own_run
from cloud.funding.process.telling import tell_of_return
from cloud.funding.returns import NOT_SENT, ReturnAction, ReturnVerdict, judge_return
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner

BANK = "bank"


def settle(
    records: Records, *, run_id: str, at: datetime, by: str = RUN, statement: Money | None = None
) -> FundingRun | Refused:
    """Book what the bank has paid out, without what came back before; once for each partner.

    The amount on the bank's statement, where one is given, must be the net of the run. Whoever
    prepared or approved the run does not say what the bank did (D40), and nobody says it before
    the funding date (D44). A run that has no file,
    because deductions took everything, is settled as it is.

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
    refused = refuse_own_run(run, by)
    if refused is not None:
        return refused
    is_without_file = run.state is RunState.FILED and not references_of(run)
    day, first = eastern_day(at), run.funding_date - timedelta(days=D44.on(run.funding_date))
    if day < first and not is_without_file:
        because = f"{run_id} is paid out on {run.funding_date}: say so on that day or later"
        return Refused(D44.id, because, "too_early")
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
        stored = load_payment(records, plan.trace_number)
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


def return_entry_id(trace_number: str) -> str:
    """Name the entry of money that came back; a payment comes back once, returned or reversed."""
    return derived("LE", "return", trace_number)


def returned_id(trace_number: str) -> str:
    """Name the payable of money that came back, and is owed to the partner again."""
    return derived("PAY", RETURNED, trace_number)


def return_payment(
    records: Records, *, trace_number: str, code: str, at: datetime, file_id: str = ""
) -> ReturnVerdict:
    """Take a payment back that the bank returned, or note a change of details (D04).

    Only what the bank has can come back: a return of a file that was not sent, or of one that
    nobody knows of whether it was, moves nothing and goes to a person. A change is put on record
    here, and applied by whoever has read what it says is right (`bank_files`).

    What is payable again opens as a new payable. Where the account is to blame it waits for new
    bank details, as all of the partner's money does; else a person looks at it first. The same
    return again changes nothing.

    Raises:
        NotFound: we sent no payment of that trace number.
        BadInput: the code is not one of a return or a change.
    """
    line = load_payment(records, trace_number).record
    run = load_run(records, line.run_id).record
    code = code.strip().upper()
    # What the same file did before it was interrupted is told again, and done no more. A payment
    # comes back once; its details may be corrected after that, and as often as the bank likes.
    is_same = bool(file_id) and line.returned_in == file_id
    was_processed = bool(line.return_code) and not is_same and not code.startswith("C")
    verdict = judge_return(
        code,
        line.amount,
        was_processed=was_processed,
        on=eastern_day(at),
        programme=run.programme,
    )
    if (is_same and verdict.reversed) or verdict.action is ReturnAction.DUPLICATE:
        return verdict
    says = f"payment {trace_number} of {line.amount} to {line.partner_id}: {code}, {verdict.action}"
    event = Event(trace_number, "payment_returned", at, BANK, "D04", (line.plan_id,), says)
    if not verdict.reversed:
        is_change = verdict.action is ReturnAction.APPLY_NOC
        what = "change_notified" if is_change else "return_disputed"
        records.commit(Change(events=(replace(event, what=what),)))
        return verdict
    if run.state not in {RunState.SENT, RunState.SETTLED}:
        says = f"payment {trace_number} came back, and run {run.id} is {run.state}: ask the bank"
        doubted = replace(event, what="return_doubted", says=says)
        records.commit(Change(events=(doubted,)))
        return NOT_SENT
    if verdict.payable:
        # Before the books: interrupted here, the return comes again and finds all of it to do.
        tell_of_return(records, run, line, code=code, at=at)
    _book_return(records, run, line, verdict, event, code=code, file_id=file_id)
    return verdict


def _book_return(
    records: Records,
    run: FundingRun,
    line: PaymentTrace,
    verdict: ReturnVerdict,
    event: Event,
    *,
    code: str,
    file_id: str,
) -> None:
    """Book the money where it left from, with what is payable again and the account's block."""
    entry_id = return_entry_id(line.id)

    def change() -> Change:
        stored = load_payment(records, line.id)
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
            event_at=event.at,
            recorded_at=event.at,
            causes=(line.id,),
            says=event.says,
        )
        return entry + Change(
            saves=(
                stored.replaced_by(replace(stored.record, return_code=code, returned_in=file_id)),
                *_payable_again(run, line, verdict, event.says, event.at),
                *_account_blocked(records, line, verdict),
            ),
            events=(event,),
        )

    book(records, entry_id, change)


def _payable_again(
    run: FundingRun, line: PaymentTrace, verdict: ReturnVerdict, says: str, at: datetime
) -> tuple[Save, ...]:
    if not verdict.payable:
        return ()
    waits_for_details = verdict.action is ReturnAction.NEW_AUTHORIZATION
    payable = Payable(
        id=returned_id(line.id),
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
