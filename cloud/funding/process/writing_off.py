"""What was settled by writing it off: nobody paid it, so nobody gets it back (D13)."""

from collections.abc import Iterable

from cloud.funding.models import Deduction
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records
from cloud.portfolio.proposals import Proposal

WRITTEN_OFF = "written_off"
"""The way of settling a debt by hand in which nothing was taken (D13)."""


def written_off(records: Records, debts: Iterable[Deduction]) -> dict[str, Money]:
    """Give what was written off of deductions: it was settled, and not taken from the partner."""
    parts = [(debt.id, part) for debt in debts for part in debt.applications]
    acts = records.load_all(Proposal, sorted({part.run_id for _, part in parts}))
    off = {name for name, act in acts.items() if act.record.fact("how") == WRITTEN_OFF}
    found: dict[str, Money] = {}
    for debt_id, part in parts:
        if part.run_id in off:
            found[debt_id] = found.get(debt_id, ZERO) + part.amount
    return found
