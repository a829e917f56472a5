"""Recomputing everything: chains, accounts, items, plans and bank files."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cloud.funding import ach, ledger
from cloud.funding.books import PartnerBooks, Seen, entries_at, problems_of
from cloud.funding.models import (
    Deduction,
    FundingRun,
    LedgerEntry,
    LedgerHead,
    Payable,
    PaymentTrace,
    PlanState,
    RunPlan,
    RunState,
)
from cloud.funding.process.run import load_plans
from cloud.kernel.errors import SunreeveError
from cloud.kernel.money import Money, total
from cloud.kernel.ports import Documents, Records
from cloud.portfolio.models import Partner

R = TypeVar("R")
_HAS_FILE = (RunState.FILED, RunState.SENDING, RunState.SENT, RunState.SETTLED)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was recomputed, and what did not agree.

    Attributes:
        balances: the trial balance over all partners; it sums to zero.
        problems: one sentence each; none means that all agrees.
    """

    partners: int
    entries: int
    items: int
    runs: int
    balances: dict[str, Money]
    problems: tuple[str, ...]


def partner_books(records: Records, partner_id: str) -> PartnerBooks:
    """Give all that is on record about one partner's money."""

    def found(kind: type[R]) -> list[R]:
        return [one.record for one in records.find(kind, by="partner_id", value=partner_id)]

    head = records.load(LedgerHead, partner_id)
    plans = found(RunPlan)
    traces = records.load_all(PaymentTrace, [one.trace_number for one in plans if one.trace_number])
    return PartnerBooks(
        partner_id,
        head.record if head else None,
        found(LedgerEntry),
        found(Payable),
        found(Deduction),
        plans,
        {name: one.record for name, one in traces.items()},
    )


def verify_books(
    records: Records,
    documents: Documents,
    *,
    partners: Sequence[Partner],
    programmes: Sequence[str],
) -> Verified:
    """Recompute every chain, account, item, plan and bank file (F04, D01).

    It reads only, and may run beside everything else; what a run is in the middle of counts as not
    done yet.
    """
    told: list[str] = []
    entries: list[LedgerEntry] = []
    items = 0
    for partner in partners:
        books = partner_books(records, partner.id)
        entries += books.entries
        items += len(books.payables) + len(books.deductions) + len(books.plans)
        told += problems_of(books)
    balances = ledger.trial_balance(entries)
    if total(balances.values()):
        told.append(f"all accounts sum to {total(balances.values())}, not to zero")
    runs = [
        one.record
        for programme in programmes
        for one in records.find(FundingRun, by="programme", value=programme)
    ]
    for run in runs:
        told += _run_problems(records, documents, run)
    return Verified(len(partners), len(entries), items, len(runs), balances, tuple(told))


def _run_problems(records: Records, documents: Documents, run: FundingRun) -> Iterator[str]:
    """Say what of a run does not agree: its plans, its file, its lines."""
    try:
        plans = [stored.record for stored in load_plans(records, run)]
        if run.state not in _HAS_FILE or not run.file_reference:
            return
        content = documents.get(run.file_reference)
        lines = {line.trace_number: line.credit.amount for line in ach.read(content).entries}
    except SunreeveError as wrong:
        yield f"run {run.id}: {wrong}"
        return
    if hashlib.sha256(content).hexdigest() != run.file_sha256:
        yield f"run {run.id}: {run.file_reference} is not the file that was made"
    paid = {
        one.trace_number: one.net for one in plans if one.state is PlanState.COMMITTED and one.net
    }
    if lines != paid:
        yield f"run {run.id}: the lines of its file are not its committed plans"
    booked = {
        name: stored.record.amount
        for name, stored in records.load_all(PaymentTrace, list(paid)).items()
    }
    if booked != paid:
        yield f"run {run.id}: its traces are not its committed plans"


def trial_balance_at(
    records: Records,
    *,
    partners: Sequence[Partner],
    at: datetime,
    seen: Seen = Seen.RECORDED,
) -> dict[str, Money]:
    """Give the balance of each account as of an instant, as it was known or as it had become."""
    entries = [
        stored.record
        for partner in partners
        for stored in records.find(LedgerEntry, by="partner_id", value=partner.id)
    ]
    return ledger.trial_balance(entries_at(entries, at, seen))
