"""Money that is called back, and money that came back without saying whose it is: two people."""

from dataclasses import replace
from datetime import date, datetime

from cloud.funding import ach, ledger
from cloud.funding.models import (
    RETURNED,
    FundingRun,
    LedgerEntry,
    Payable,
    PaymentTrace,
    Posting,
    RunState,
)
from cloud.funding.policy import D41
from cloud.funding.process.booking import book, entry_change
from cloud.funding.process.lines import BANK_FILE_TYPE, file_of_day
from cloud.funding.process.run import load_payment, load_run
from cloud.funding.process.settlement import return_entry_id, returned_id
from cloud.funding.schedule import run_sequence
from cloud.kernel.calendar import DAY, eastern_day, next_banking_day
from cloud.kernel.change import Change, Event, Letter, Message, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.money import Money, total
from cloud.kernel.ports import Documents, Records
from cloud.portfolio import process as portfolio
from cloud.portfolio.proposals import Proposal

REVERSE, ASSIGN = "reverse_payment", "assign_suspense"
MAKE_REVERSAL = "reversal_wanted"
"""Topic of the message on which the file of a reversal is made."""
REVERSED = "reversed"
"""Stands where a bank's return code would, for a payment that was called back."""
TO_PARTNER, TO_BANK = "partner", "bank"
"""Whose money in suspense turns out to be: owed to the partner, or paid twice by the bank."""


def propose_reversal(
    records: Records, *, trace_number: str, reason: str, because: str, at: datetime, by: str
) -> Proposal | Refused:
    """Propose to call a payment back from the partner's bank, for a reason of the network (D41).

    Refused also where the network's days for it are over (D30).
    """
    line = load_payment(records, trace_number).record
    run = load_run(records, line.run_id).record
    if line.return_code or line.reversal:
        because = f"payment {trace_number} came back or is called back already"
        return Refused(D41.id, because, "conflict")
    if run.state not in {RunState.SENT, RunState.SETTLED}:
        because = f"run {run.id} is {run.state}: the bank does not have its file yet"
        return Refused(D41.id, because, "not_sent")
    refused = ach.reversal_refused(
        reason=reason, settled_on=run.funding_date, effective_on=_reverses_on(run, at)
    )
    if refused is not None:
        return refused
    facts = {"reason": reason}
    return portfolio.propose(
        records, kind=REVERSE, subject=trace_number, facts=facts, because=because, at=at, by=by
    )


def _reverses_on(run: FundingRun, at: datetime) -> date:
    """Give the banking day for which a reversal that is made now is dated."""
    return max(next_banking_day(eastern_day(at) + DAY), run.funding_date)


def agree_reversal(
    records: Records, *, proposal_id: str, at: datetime, by: str
) -> PaymentTrace | Refused:
    """Agree to call a payment back: its file is made, and the money awaited (D41).

    Nothing is booked before the bank gives the money back; then `record_reversed` is told.
    """
    proposed = portfolio.proposal(records, proposal_id)
    if proposed.record.kind != REVERSE:
        return _another_kind(proposed.record, REVERSE)
    stored = load_payment(records, proposed.record.subject)
    agreed = portfolio.agreeing(proposed, by=by, at=at)
    if isinstance(agreed, Refused):
        return agreed
    after, change = agreed
    if stored.record.reversal == proposal_id:
        # Agreed already: the file is asked for once more, for a message that was lost.
        records.commit(Change(messages=(_wanted(stored.record, by, at),)))
        return stored.record
    run = load_run(records, stored.record.run_id).record
    if stored.record.return_code or stored.record.reversal:
        because = f"payment {stored.record.id} came back or is called back already"
        return Refused(D41.id, because, "conflict")
    late = ach.reversal_refused(
        reason=after.fact("reason"), settled_on=run.funding_date, effective_on=_reverses_on(run, at)
    )
    if late is not None:
        return late
    called = replace(stored.record, reversal=proposal_id)
    says = f"{after.by} and {by} call payment {called.id} of {called.amount} back: {after.because}"
    event = Event(called.id, "reversal_ordered", at, by, D41.id, (proposal_id,), says)
    messages = (_wanted(called, by, at),)
    saves = (stored.replaced_by(called),)
    records.commit(change + Change(saves=saves, events=(event,), messages=messages))
    return called


def _wanted(line: PaymentTrace, by: str, at: datetime) -> Message:
    name = derived("REV", line.id, at.isoformat())
    return Message(name, MAKE_REVERSAL, {"trace_number": line.id, "by": by}, at)


def _another_kind(proposal: Proposal, wanted: str) -> Refused:
    """Refuse a proposal of something else: what was agreed there is not agreed here."""
    because = f"proposal {proposal.id} is about {proposal.kind}, not {wanted}"
    return Refused(D41.id, because.replace("_", " "), "conflict")


def reversal_reference(trace_number: str) -> str:
    """Give where the file of a reversal is kept."""
    return f"ach/reversals/{trace_number}.ach"


def make_reversal(
    records: Records,
    documents: Documents,
    *,
    trace_number: str,
    originator: ach.Originator,
    operations: str,
    at: datetime,
) -> str:
    """Make the file of a reversal that two people agreed on, for treasury to hand over (D30, D41).

    Made again it is the same file. What the bank was paid by is read from the file that it got.
    """
    line = load_payment(records, trace_number).record
    run = load_run(records, line.run_id).record
    proposed = portfolio.proposal(records, line.reversal).record
    decided_at = proposed.decided_at or at
    reference = reversal_reference(trace_number)
    places, number = ach.PLACES[ach.FileKind.REVERSALS], int(trace_number[-4:])
    content = ach.build_reversal(
        originator,
        ach.read(documents.get(run.file_reference)),
        [trace_number],
        reason=proposed.fact("reason"),
        settled_on=run.funding_date,
        created_at=decided_at,
        effective_on=_reverses_on(run, decided_at),
        sequence=run_sequence(run.regular_date, run.programme) % ach.BLOCK,
        file_of_day=file_of_day(ach.FileKind.REVERSALS, 0, number),
        first_place=places[number % len(places)],
    )
    documents.put(reference, content, BANK_FILE_TYPE)
    letter = Letter(
        id=f"reversal-{trace_number}",
        to=operations,
        subject=f"Hand the reversal of payment {trace_number} to the bank",
        text=(
            f"{proposed.by} and {proposed.decided_by} call payment {trace_number} of {line.amount} "
            f"to {line.partner_id} back: {proposed.because}\n\nThe file is kept as {reference}. "
            "Tell the partner before it settles, hand the file to the bank, and once the money is "
            f"back answer POST /ops/payments/{trace_number}/reversed."
        ),
        thread=run.id,
        at=decided_at,
    )
    records.commit(Change(letters=(letter,)))
    return reference


def record_reversed(
    records: Records, *, trace_number: str, at: datetime, by: str
) -> PaymentTrace | Refused:
    """Book that the bank gave called-back money back: into suspense, until two people say whose.

    A wrong receiver's partner is still owed; what the bank paid twice is nobody's here (D41).
    """
    line = load_payment(records, trace_number).record
    if not line.reversal:
        because = f"payment {trace_number} was not called back by two people"
        return Refused(D41.id, because, "conflict")
    entry_id = return_entry_id(trace_number)
    says = f"the bank gave {line.amount} of payment {trace_number} back, as it was called back"

    def change() -> Change:
        stored = load_payment(records, trace_number)
        source = ledger.BANK_CASH if stored.record.settled_at else ledger.ACH_IN_TRANSIT
        entry = entry_change(
            records,
            line.partner_id,
            entry_id=entry_id,
            postings=ledger.move(line.amount, debit=source, credit=ledger.SUSPENSE_RETURNS),
            event_at=at,
            recorded_at=at,
            causes=(trace_number, line.reversal),
            says=says,
        )
        event = Event(trace_number, "payment_reversed", at, by, D41.id, (line.reversal,), says)
        back = stored.replaced_by(replace(stored.record, return_code=REVERSED))
        return entry + Change(saves=(back,), events=(event,))

    book(records, entry_id, change)
    return load_payment(records, trace_number).record


def _assignment_entry_id(trace_number: str) -> str:
    return derived("LE", "suspense", trace_number)


def suspense_of(records: Records, trace_number: str) -> Money:
    """Give what of a returned payment waits in suspense."""
    wanted = [return_entry_id(trace_number), _assignment_entry_id(trace_number)]
    return total(
        -side.amount
        for entry in records.load_all(LedgerEntry, wanted).values()
        for side in entry.record.postings
        if side.account == ledger.SUSPENSE_RETURNS
    )


def propose_assignment(
    records: Records, *, trace_number: str, whose: str, because: str, at: datetime, by: str
) -> Proposal | Refused:
    """Propose whose money in suspense is: the partner's, or the bank's (D41)."""
    if not suspense_of(records, trace_number):
        because = f"nothing of payment {trace_number} is in suspense"
        return Refused(D41.id, because, "conflict")
    if whose not in {TO_PARTNER, TO_BANK}:
        because = f"money in suspense is the {TO_PARTNER}'s or the {TO_BANK}'s, not {whose!r}"
        return Refused(D41.id, because, "invalid_value")
    facts = {"whose": whose}
    return portfolio.propose(
        records, kind=ASSIGN, subject=trace_number, facts=facts, because=because, at=at, by=by
    )


def agree_assignment(
    records: Records, *, proposal_id: str, at: datetime, by: str
) -> PaymentTrace | Refused:
    """Agree whose money in suspense is, and book it so, once (D41)."""
    proposed = portfolio.proposal(records, proposal_id)
    if proposed.record.kind != ASSIGN:
        return _another_kind(proposed.record, ASSIGN)
    line = load_payment(records, proposed.record.subject).record
    agreed = portfolio.agreeing(proposed, by=by, at=at)
    if isinstance(agreed, Refused):
        return agreed
    after, decided = agreed
    amount = suspense_of(records, line.id)
    if not amount:
        return line
    entry_id = _assignment_entry_id(line.id)
    is_partners = after.fact("whose") == TO_PARTNER
    says = f"{amount} of payment {line.id} is the {after.fact('whose')}'s: {after.because}"
    credited = ledger.PARTNER_PAYABLE if is_partners else ledger.BANK_CASH
    run = load_run(records, line.run_id).record
    payable = Payable(
        id=returned_id(line.id),
        partner_id=line.partner_id,
        project_id="",
        work_order_id="",
        milestone=RETURNED,
        amount=amount,
        accrued_at=at,
        says=says,
        causes=(line.id,),
        programme=run.programme,
    )

    def change() -> Change:
        entry = entry_change(
            records,
            line.partner_id,
            entry_id=entry_id,
            postings=(
                Posting(ledger.SUSPENSE_RETURNS, amount),
                Posting(credited, -amount),
            ),
            event_at=at,
            recorded_at=at,
            causes=(line.id, proposal_id),
            says=says,
        )
        event = Event(line.id, "suspense_assigned", at, by, D41.id, (proposal_id,), says)
        saves = (Save(payable),) if is_partners else ()
        return entry + decided + Change(saves=saves, events=(event,))

    book(records, entry_id, change)
    return line
