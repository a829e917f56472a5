"""The books of one partner as accounting reads them: entries, running balance, what they sum to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cloud.funding import ledger
from cloud.funding.models import Deduction, LedgerEntry, LedgerHead, Payable, RunPlan
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One posting of an entry.

    Attributes:
        debit, credit: one of them is the amount, the other None.
        balance: of the posting's account after it, a debit above zero.
        run_id: the run that the entry belongs to; empty for others.
    """

    entry: LedgerEntry
    account: str
    debit: Money | None
    credit: Money | None
    balance: Money
    run_id: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is shown of a partner's books, and whether the whole of them holds.

    Attributes:
        lines: of the accounts and the project that were asked for, oldest first.
        accounts: every account of the partner with its balance.
        sum: of all accounts; anything but zero is an error of ours.
        broken: what is wrong with the chain of entries; empty where it holds.
        entries: how many the chain has.
    """

    lines: tuple[SheetLine, ...]
    debits: Money
    credits: Money
    accounts: tuple[tuple[str, Money], ...]
    sum: Money
    broken: str
    entries: int

    @property
    def balance(self) -> Money:
        """Debits less credits of what is shown."""
        return self.debits - self.credits


def sheet_of(
    records: Records, partner_id: str, *, account: str = "", project_id: str = ""
) -> Sheet:
    """Give a partner's entries with running balances, and whether its books are whole (F04, D01).

    With a project, those entries that name it or one of its items are given, and its balances run
    over these alone. A payment stands for the whole of a partner's part of a run, so it is among
    them only by the run that took an item of the project.
    """
    chain = sorted(
        (one.record for one in records.find(LedgerEntry, by="partner_id", value=partner_id)),
        key=lambda one: one.number,
    )
    plans = {
        one.record.id: one.record
        for one in records.find(RunPlan, by="partner_id", value=partner_id)
    }
    kept = chain if not project_id else _about(records, chain, plans, project_id)
    balances = ledger.trial_balance(chain)
    lines = _lines(kept, plans, account)
    return Sheet(
        lines=lines,
        debits=total(one.debit for one in lines if one.debit),
        credits=total(one.credit for one in lines if one.credit),
        accounts=tuple(balances.items()),
        sum=total(balances.values()),
        broken=_broken(records, partner_id, chain),
        entries=len(chain),
    )


def _lines(
    entries: Sequence[LedgerEntry], plans: dict[str, RunPlan], account: str
) -> tuple[SheetLine, ...]:
    balances: dict[str, Money] = {}
    lines = []
    for entry in entries:
        run_id = next((plans[one].run_id for one in entry.causes if one in plans), "")
        for side in entry.postings:
            after = balances.get(side.account, ZERO) + side.amount
            balances[side.account] = after
            if account in {"", side.account}:
                is_debit = side.amount > ZERO
                lines.append(
                    SheetLine(
                        entry,
                        side.account,
                        side.amount if is_debit else None,
                        None if is_debit else -side.amount,
                        after,
                        run_id,
                    )
                )
    return tuple(lines)


def _about(
    records: Records,
    chain: Sequence[LedgerEntry],
    plans: dict[str, RunPlan],
    project_id: str,
) -> list[LedgerEntry]:
    payables = [one.record for one in records.find(Payable, by="project_id", value=project_id)]
    debts = [one.record for one in records.find(Deduction, by="project_id", value=project_id)]
    items: Collection[str] = {project_id, *(one.id for one in payables), *(one.id for one in debts)}
    runs = {one.run_id for one in payables if one.run_id}
    runs |= {part.run_id for one in debts for part in one.applications}
    wanted = {*items, *(one.id for one in plans.values() if one.run_id in runs)}
    return [one for one in chain if wanted & {*one.causes}]


def _broken(records: Records, partner_id: str, chain: Sequence[LedgerEntry]) -> str:
    head = records.load(LedgerHead, partner_id)
    if chain and head is None:
        return f"the end of the chain of {partner_id} is gone"
    try:
        ledger.verify(chain, (head.record,) if head else ())
    except BrokenInvariant as broken:
        return str(broken)
    return ""
