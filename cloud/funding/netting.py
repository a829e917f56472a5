"""How one partner's deductions are taken from its payables in a run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.funding.policy import D02, F10
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT


class DeductionKind(StrEnum):
    """What a deduction is for.

    EQUIPMENT is what a Direct Pay project's material cost, taken from the project's own money;
    MATERIAL is the same cost once a limit was missed, taken from any money (F19, F21, F22).
    REVOCATION takes back what a milestone paid that does not count any more.
    """

    PROJECT_NET_FUND = "project_net_fund"
    EQUIPMENT = "equipment"
    REVOCATION = "revocation"
    CANCELLATION = "cancellation"
    MATERIAL = "material"
    COMPLIANCE = "compliance"
    BACK_BILL = "back_bill"
    CLAWBACK_M1 = "clawback_m1"
    PREPAID_COMMISSION = "prepaid_commission"


OWN_PROJECT = frozenset({DeductionKind.PROJECT_NET_FUND, DeductionKind.EQUIPMENT})
"""Kinds that are taken from the money of the project that they are about, and from no other."""


@dataclass(frozen=True, slots=True)
class Credit:
    """Money that may be paid in this run: for a project's milestone, or for service."""

    project: str
    milestone: str
    amount: Money

    def __post_init__(self) -> None:
        if self.amount < ZERO:
            msg = f"payable of {self.project} {self.milestone}: {self.amount} is below zero"
            raise BadInput(msg)


@dataclass(frozen=True, slots=True)
class Debit:
    """An open deduction.

    Attributes:
        project: the project it is about; empty for one that is about the partner.
        is_paused: an extension postpones it; it is shown, and not taken.
    """

    id: str
    kind: DeductionKind
    project: str
    open: Money
    incurred_on: date
    is_paused: bool = False

    def __post_init__(self) -> None:
        if self.open < ZERO:
            msg = f"deduction {self.id}: {self.open} is below zero"
            raise BadInput(msg)


@dataclass(frozen=True, slots=True)
class Netting:
    """What a run does with one partner's items.

    Attributes:
        applied: deduction id -> what is taken now, in the order of taking; zeros are left out.
        remaining: deduction id -> what stays open.
        carried: the part of `remaining` that waits for money, without what is paused.
    """

    gross: Money
    applied: Mapping[str, Money]
    remaining: Mapping[str, Money]
    carried: Money

    @property
    def net(self) -> Money:
        """What is paid; zero makes no entry in the bank file."""
        return self.gross - total(self.applied.values())


def in_order(debits: Iterable[Debit], on: date, programme: str = COMFORT) -> list[Debit]:
    """Sort deductions as they are taken: by kind, then the oldest, then the lower id (D02)."""
    place = {kind: number for number, kind in enumerate(D02.on(on, programme))}
    return sorted(debits, key=lambda debit: (place[debit.kind], debit.incurred_on, debit.id))


def run_netting(
    credits_: Sequence[Credit],
    debits: Sequence[Debit],
    *,
    on: date,
    programme: str = COMFORT,
) -> Netting:
    """Take one partner's deductions from what is payable to it (D02, F10, F13).

    A project net fund takes from its own project only, commission from M1 and M2 only. Nothing
    goes below zero: what finds no money stays open. `on` is the day of the cut-off.
    """
    commission_milestones = F10.on(on, programme)
    credits_ = sorted(credits_, key=lambda credit: credit.milestone in commission_milestones)
    left = [credit.amount for credit in credits_]

    def may_take(debit: Debit, credit: Credit) -> bool:
        if debit.kind in OWN_PROJECT:
            return credit.project == debit.project
        if debit.kind is DeductionKind.PREPAID_COMMISSION:
            return credit.milestone in commission_milestones
        return True

    applied: dict[str, Money] = {}
    remaining: dict[str, Money] = {}
    carried = ZERO
    for debit in in_order(debits, on, programme):
        wanted = debit.open
        for place, credit in enumerate(credits_):
            if not debit.is_paused and may_take(debit, credit):
                taken = min(wanted, left[place])
                left[place] -= taken
                wanted -= taken
        if debit.open - wanted:
            applied[debit.id] = debit.open - wanted
        if wanted:
            remaining[debit.id] = wanted
            carried += ZERO if debit.is_paused else wanted
    return Netting(total(credit.amount for credit in credits_), applied, remaining, carried)
