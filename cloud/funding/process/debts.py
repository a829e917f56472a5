"""Debts that no run takes: listed, written about each month, and settled by hand by two people."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloud.funding import ledger
from cloud.funding.dunning import Dunning, PartnerDebt, debt_of, dunning_letter, letter_due
from cloud.funding.models import (
    Application,
    Deduction,
    DeductionState,
    FundingRun,
    Payable,
    PayableState,
)
from cloud.funding.policy import D13
from cloud.funding.process.opening import BY_CLOCK, DEBT_DUE, NOTHING, Posted, post_once
from cloud.funding.process.writing_off import WRITTEN_OFF
from cloud.funding.standing import TAKEN
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records, require
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import LIVE, Partner
from cloud.portfolio.proposals import Proposal

SETTLEMENT = "settle_debt"
"""Kind of the proposal to settle a debt by hand (D13)."""


def debts(records: Records, *, as_of: datetime) -> tuple[PartnerDebt, ...]:
    """List who owes what, for how long, and whether money of its own waits; by partner."""
    open_: dict[str, list[Deduction]] = {}
    for stored in records.find(Deduction, by="state", value=DeductionState.OPEN):
        open_.setdefault(stored.record.partner_id, []).append(stored.record)
    waiting = {
        stored.record.partner_id
        for stored in records.find(Payable, by="state", value=PayableState.OPEN)
    }
    return tuple(
        debt_of(one, open_[one], has_open_payable=one in waiting, as_of=as_of)
        for one in sorted(open_)
    )


# --- letters -----------------------------------------------------------------------------------


def assess_debts(records: Records, *, partner_id: str, at: datetime) -> Dunning | None:
    """Write to a partner whose debts no run takes; look again when the next letter is due (D12).

    What is paused is not asked for. A partner that is only tried out is not written to.
    """
    stored = records.load(Dunning, partner_id)
    known = stored.record if stored else None
    found = records.find(Deduction, by="partner_id", value=partner_id)
    owed = [
        one.record
        for one in found
        if one.record.state is DeductionState.OPEN and one.record.open and not one.record.paused
    ]
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    if not owed or partner.mode != LIVE:
        return known
    due_at = letter_due(
        oldest_raised_at=min(one.raised_at for one in owed),
        last_run_at=_last_run_at(records, partner_id),
        written_at=known.written_at if known else None,
    )
    if at < due_at:
        records.commit(Change(timers=(_timer(partner_id, due_at),)))
        return known
    number = known.letters + 1 if known else 1
    after = Dunning(partner_id, number, at)
    letter = dunning_letter(partner, owed, number=number, at=at)
    says = f"{partner_id} was written to about {len(owed)} open debts, letter {number}"
    event = Event(
        partner_id, "dunned", at, BY_CLOCK, "D12", tuple(one.id for one in owed[:20]), says
    )
    next_at = letter_due(oldest_raised_at=at, last_run_at=None, written_at=None)
    records.commit(
        Change(
            saves=(stored.replaced_by(after) if stored else Save(after),),
            events=(event,),
            letters=(letter,),
            timers=(_timer(partner_id, next_at),),
        )
    )
    return after


def _timer(partner_id: str, due_at: datetime) -> Timer:
    return Timer(derived("TMR", DEBT_DUE, partner_id), partner_id, DEBT_DUE, due_at)


def _last_run_at(records: Records, partner_id: str) -> datetime | None:
    """Give the cut-off of the last run that took a payable of a partner, or None."""
    taken = {
        one.record.run_id
        for one in records.find(Payable, by="partner_id", value=partner_id)
        if one.record.state in TAKEN
    }
    runs = records.load_all(FundingRun, sorted(taken)).values()
    return max((one.record.cut_off_at for one in runs), default=None)


# --- settling by hand --------------------------------------------------------------------------


def propose_settlement(
    records: Records,
    *,
    deduction_id: str,
    amount: Money,
    how: str,
    because: str,
    at: datetime,
    by: str,
) -> Proposal | Refused:
    """Propose that a debt was paid by check or wire, or is written off (D13, D09).

    Refused: it is more than what is open.

    Raises:
        BadInput: there is no such way, or the amount is not above zero.
    """
    debt = require(records.load(Deduction, deduction_id), "deduction", deduction_id).record
    ways = D13.on(eastern_day(at), debt.programme)
    if how not in ways:
        msg = f"settling {deduction_id}: {how!r} is no way to; use one of {', '.join(ways)}"
        raise BadInput(msg)
    if amount <= ZERO:
        msg = f"settling {deduction_id}: {amount} is not above zero"
        raise BadInput(msg)
    if amount > debt.open:
        return _too_much(debt, amount)
    return portfolio.propose(
        records,
        kind=SETTLEMENT,
        subject=deduction_id,
        facts={"amount_cents": str(amount.cents), "how": how},
        because=because,
        at=at,
        by=by,
    )


def _too_much(debt: Deduction, amount: Money) -> Refused:
    because = f"of {debt.id} {debt.open} is open now, not {amount}: look again"
    return Refused(D13.id, because, "more_than_open")


def agree_settlement(
    records: Records, *, proposal_id: str, at: datetime, by: str
) -> Deduction | Refused:
    """Settle a debt as another person proposed (D13, D09).

    A run that took of it meanwhile is seen: what is not open any more is not settled.
    """
    first = portfolio.proposal(records, proposal_id).record
    if first.kind != SETTLEMENT:
        msg = f"proposal {proposal_id} is about {first.kind}: agree to it there"
        raise BadInput(msg)
    amount, how = Money(int(first.fact("amount_cents"))), first.fact("how")
    debt = require(records.load(Deduction, first.subject), "deduction", first.subject).record
    refusals: list[Refused] = []

    def decide() -> Posted:
        refusals.clear()
        agreed = portfolio.agreeing(portfolio.proposal(records, proposal_id), by=by, at=at)
        if isinstance(agreed, Refused):
            refusals.append(agreed)
            return NOTHING
        stored = require(records.load(Deduction, debt.id), "deduction", debt.id)
        if amount > stored.record.open:
            refusals.append(_too_much(stored.record, amount))
            return NOTHING
        proposal, change = agreed
        parts = (*stored.record.applications, Application(proposal_id, amount))
        after = replace(stored.record, applications=parts)
        if not after.open:
            after = replace(after, state=DeductionState.CLOSED)
        account = ledger.BAD_DEBT if how == WRITTEN_OFF else ledger.BANK_CASH
        says = f"{amount} of {debt.id} settled, {how.replace('_', ' ')}: {proposal.because}"
        event = Event(debt.id, "debt_settled", at, by, D13.id, (proposal_id,), says)
        postings = ledger.move(amount, debit=account, credit=ledger.receivable(debt.kind))
        saved = Change(saves=(stored.replaced_by(after),), events=(event,))
        return Posted(postings, change + saved)

    post_once(
        records,
        debt.partner_id,
        entry_id=derived("LE", proposal_id, "settled"),
        decide=decide,
        event_at=at,
        at=at,
        causes=(proposal_id, debt.id),
        says=f"{amount} of {debt.id} settled, {how.replace('_', ' ')}",
    )
    return _settled(records, debt.id, proposal_id, refusals)


def _settled(
    records: Records, deduction_id: str, proposal_id: str, refusals: Sequence[Refused]
) -> Deduction | Refused:
    found = require(records.load(Deduction, deduction_id), "deduction", deduction_id).record
    if proposal_id in {one.run_id for one in found.applications}:
        return found
    if not refusals:
        msg = f"proposal {proposal_id} was agreed to, and {deduction_id} does not say so"
        raise BrokenInvariant(msg)
    return refusals[0]
