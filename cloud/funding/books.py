"""Whether the books, the items and the bank files say the same, each recomputed from the others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.funding import ledger
from cloud.funding.models import (
    RETURNED,
    Deduction,
    LedgerEntry,
    LedgerHead,
    Payable,
    PayableState,
    PaymentTrace,
    PlanState,
    RunPlan,
)
from cloud.funding.netting import DeductionKind
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.money import ZERO, Money, total

_HELD_AGAINST = {
    ledger.PARTNER_PAYABLE,
    ledger.ACH_IN_TRANSIT,
    *(ledger.receivable(kind) for kind in DeductionKind),
}
"""Accounts whose balance must be what the items sum to."""


class Seen(StrEnum):
    """Which of an entry's two instants counts: what had become true, or what we knew."""

    EVENT = "event_at"
    RECORDED = "recorded_at"


@dataclass(frozen=True, slots=True)
class PartnerBooks:
    """All that is on record about one partner's money."""

    partner_id: str
    head: LedgerHead | None
    entries: Sequence[LedgerEntry]
    payables: Sequence[Payable]
    deductions: Sequence[Deduction]
    plans: Sequence[RunPlan]
    traces: Mapping[str, PaymentTrace]


def entries_at(
    entries: Iterable[LedgerEntry], at: datetime, seen: Seen = Seen.RECORDED
) -> tuple[LedgerEntry, ...]:
    """Give the entries that count at an instant, it included."""
    return tuple(one for one in entries if getattr(one, seen) <= at)


def problems_of(books: PartnerBooks) -> tuple[str, ...]:
    """Say what does not agree in one partner's books; nothing where all does.

    The chain is recomputed entry by entry. What is owed to the partner, what it owes of each kind
    and what is on its way are each summed from the items and held against the accounts; each
    payable is looked for in the entries, and nothing is taken of a debt twice by one run.
    """
    if books.entries and books.head is None:
        return (f"{books.partner_id}: the end of its chain is gone",)
    try:
        ledger.verify(books.entries, (books.head,) if books.head else ())
    except BrokenInvariant as broken:
        return (str(broken),)
    balances = ledger.trial_balance(books.entries)
    expected = _expected(books)
    told = [
        f"{books.partner_id}: {account} is {balances.get(account, ZERO)} in the books, and its "
        f"items sum to {expected.get(account, ZERO)}"
        for account in sorted({*expected, *balances} & _HELD_AGAINST)
        if balances.get(account, ZERO) != expected.get(account, ZERO)
    ]
    causes = {cause for entry in books.entries for cause in (entry.id, *entry.causes)}
    told += [
        f"{books.partner_id}: payable {one.id} of {one.amount} stands in no entry"
        for one in books.payables
        if one.id not in causes and not (one.milestone == RETURNED and causes & {*one.causes})
    ]
    told += [
        f"{books.partner_id}: deduction {one.id} of {one.raised} stands in no entry"
        for one in books.deductions
        if one.id not in causes
    ]
    told += _plan_problems(books)
    for debt in books.deductions:
        runs = [one.run_id for one in debt.applications]
        if len(set(runs)) < len(runs):
            told.append(f"{books.partner_id}: a run took of deduction {debt.id} twice")
    return tuple(told)


def _plan_problems(books: PartnerBooks) -> Iterator[str]:
    """Say where a committed plan, its items, its entry and its line at the bank differ."""
    payables = {one.id: one for one in books.payables}
    deductions = {one.id: one for one in books.deductions}
    entries = {cause: entry for entry in books.entries for cause in entry.causes}
    for plan in books.plans:
        if plan.state is not PlanState.COMMITTED:
            continue
        who = f"{books.partner_id}, {plan.run_id}"
        for planned in plan.payables:
            item = payables.get(planned.id)
            if item is None or (item.amount, item.run_id) != (planned.amount, plan.run_id):
                yield f"{who}: payable {planned.id} is not the one that was paid"
        for offset in plan.deductions:
            taken = [
                part.amount
                for part in getattr(deductions.get(offset.id), "applications", ())
                if part.run_id == plan.run_id
            ]
            if total(taken) != offset.applied:
                yield f"{who}: of deduction {offset.id} {total(taken)} was taken, not as planned"
        booked = ledger.trial_balance([entries[plan.id]]) if plan.id in entries else {}
        gross = total(one.amount for one in plan.payables)
        if (booked.get(ledger.PARTNER_PAYABLE, ZERO), gross) != (plan.gross, plan.gross):
            yield f"{who}: its plan is of {plan.gross}, its items of {gross}, its entry another"
        line = books.traces.get(plan.trace_number)
        if line is not None and (line.partner_id, line.run_id, line.plan_id, line.amount) != (
            plan.partner_id,
            plan.run_id,
            plan.id,
            plan.net,
        ):
            yield f"{who}: payment {line.id} is another's"


def _expected(books: PartnerBooks) -> dict[str, Money]:
    """Sum the items: what the accounts should hold.

    What a run took and has not posted yet counts as if it were not taken.
    """
    posted = {one.run_id for one in books.plans if one.state is PlanState.COMMITTED}
    runs = {one.run_id for one in books.plans}
    owed = total(
        one.amount
        for one in books.payables
        if one.state is PayableState.OPEN
        or (one.state is PayableState.PLANNED and one.run_id not in posted)
    )
    on_its_way = total(
        one.net
        for one in books.plans
        if one.state is PlanState.COMMITTED and not _has_landed(books.traces.get(one.trace_number))
    )
    expected = {ledger.PARTNER_PAYABLE: -owed, ledger.ACH_IN_TRANSIT: -on_its_way}
    for debt in books.deductions:
        account = ledger.receivable(debt.kind)
        not_posted = total(one.amount for one in debt.applications if one.run_id in runs - posted)
        expected[account] = expected.get(account, ZERO) + debt.open + not_posted
    return expected


def _has_landed(trace: PaymentTrace | None) -> bool:
    return trace is not None and bool(trace.settled_at or trace.return_code)
