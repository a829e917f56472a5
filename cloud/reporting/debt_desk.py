"""What partners owe: every deduction, how it stands, and how often its partner was written to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cloud.funding.dunning import Dunning
from cloud.funding.models import Application, Deduction, DeductionState
from cloud.funding.process.debts import SETTLEMENT
from cloud.kernel.money import Money, total
from cloud.kernel.ports import Records
from cloud.portfolio.proposals import Proposal


class Standing(StrEnum):
    """How a deduction stands.

    TAKEN: nothing is open, and runs or payments took some of it. WAIVED: nothing is open, and
    nothing of it was ever taken.
    """

    OPEN = "open"
    TAKEN = "taken"
    WAIVED = "waived"


def standing_of(debt: Deduction, written_off: Money) -> Standing:
    """Tell how a deduction stands; what two people wrote off was not taken (D13)."""
    if debt.state is DeductionState.OPEN:
        return Standing.OPEN
    return Standing.TAKEN if debt.recovered > written_off else Standing.WAIVED


@dataclass(frozen=True, slots=True)
class DebtRow:
    """A deduction, what was written off of it by hand, and how it stands."""

    debt: Deduction
    written_off: Money
    standing: Standing

    @property
    def taken(self) -> Money:
        """What runs took, and what was paid by check or wire."""
        return self.debt.recovered - self.written_off


def rows_of(records: Records, debts: Iterable[Deduction]) -> tuple[DebtRow, ...]:
    """Give deductions as they stand: open ones by age, then the others, the latest first."""
    known = list(debts)
    by_hand = [part.run_id for one in known for part in one.applications if is_by_hand(part)]
    found = records.load_all(Proposal, sorted(set(by_hand))) if by_hand else {}
    facts = {name: one.record for name, one in found.items()}
    rows = [_row(one, facts) for one in known]
    open_ = [one for one in rows if one.standing is Standing.OPEN]
    over = [one for one in rows if one.standing is not Standing.OPEN]
    return (
        *sorted(open_, key=lambda one: (one.debt.incurred_on, one.debt.id)),
        *sorted(over, key=lambda one: (one.debt.incurred_on, one.debt.id), reverse=True),
    )


def is_by_hand(part: Application) -> bool:
    """Tell whether two people settled this part, and no run took it (D13)."""
    return part.run_id.startswith("PRO-")


def _row(debt: Deduction, proposals: Mapping[str, Proposal]) -> DebtRow:
    off = total(
        part.amount
        for part in debt.applications
        if part.run_id in proposals
        and proposals[part.run_id].kind == SETTLEMENT
        and proposals[part.run_id].fact("how") == "written_off"
    )
    return DebtRow(debt, off, standing_of(debt, off))


def letters_of(records: Records, partner_ids: Iterable[str]) -> Mapping[str, Dunning]:
    """Give how often partners were written to about their debts, and when last (D12)."""
    found = records.load_all(Dunning, sorted(set(partner_ids)))
    return {name: one.record for name, one in found.items()}
