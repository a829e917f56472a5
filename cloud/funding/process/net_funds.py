"""Project by project: what was earned, what runs paid, what is taken of it, and what is left."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from cloud.funding.clawback import ReductionType, reduction_type, rule_of
from cloud.funding.models import Deduction, DeductionState, Payable, PayableState
from cloud.funding.process.payouts import Holdings
from cloud.funding.standing import TAKEN, asked
from cloud.kernel.money import Money, total


@dataclass(frozen=True, slots=True)
class ProjectNet:
    """How one project's money and its reductions stand against each other (F22, F25, F26).

    Attributes:
        project_id: empty for what is about no project, service and back-bills for instance.
        waiting: earned, and no run took it yet.
        paid: what runs took of it, before anything was netted.
        asked: all reductions, less what was dropped of them.
        taken: what runs took of the reductions.
        left: what is still to be taken; `paused` is the part of it that an extension postpones.
    """

    project_id: str
    waiting: Money
    paid: Money
    asked: Money
    taken: Money
    left: Money
    paused: Money

    @property
    def net(self) -> Money:
        """What the partner has of the project by now; below zero it came from other money."""
        return self.paid - self.taken


@dataclass(frozen=True, slots=True)
class Taking:
    """A deduction as its partner looks at it.

    Attributes:
        kind: what it is for; `type` is the article's name for that, `rule` what it follows.
        dropped: what is not asked for any more.
    """

    id: str
    project_id: str
    kind: str
    type: str
    rule: str
    raised: Money
    taken: Money
    dropped: Money
    left: Money
    is_open: bool
    is_paused: bool
    incurred_on: date
    says: str


def takings(found: Holdings, types: Iterable[ReductionType] = ReductionType) -> list[Taking]:
    """Give the deductions of some types: the open ones, oldest first, then the rest, latest first.

    A clawback that was given back stays in the list, with all of it dropped or paid again (F26).
    """
    wanted = set(types)
    rows = [
        Taking(
            id=one.id,
            project_id=one.project_id,
            kind=str(one.kind),
            type=str(reduction_type(one.kind)),
            rule=rule_of(one.kind),
            raised=one.raised,
            taken=one.recovered,
            dropped=one.dropped,
            left=one.open,
            is_open=one.state is DeductionState.OPEN,
            is_paused=one.paused,
            incurred_on=one.incurred_on,
            says=one.says,
        )
        for one in found.deductions
        if reduction_type(one.kind) in wanted
    ]
    standing = sorted((row for row in rows if row.is_open), key=lambda row: row.incurred_on)
    over = (row for row in rows if not row.is_open)
    return standing + sorted(over, key=lambda row: row.incurred_on, reverse=True)


def net_by_project(found: Holdings, *, only_reduced: bool = True) -> list[ProjectNet]:
    """Give the netting of each project that anything is taken for, the most to take first.

    Args:
        found: the organisation's money.
        only_reduced: leave out the projects without a reduction.
    """
    payables: Mapping[str, list[Payable]] = defaultdict(list)
    debts: Mapping[str, list[Deduction]] = defaultdict(list)
    for payable in found.payables:
        payables[payable.project_id].append(payable)
    for debt in found.deductions:
        debts[debt.project_id].append(debt)
    wanted = set(debts) if only_reduced else {*debts, *payables}
    rows = [_net(one, payables.get(one, ()), debts.get(one, ())) for one in wanted]
    return sorted(rows, key=lambda row: (-row.left.cents, row.project_id))


def sums(rows: Iterable[ProjectNet]) -> ProjectNet:
    """Sum rows; the id of the sum is empty."""
    kept = list(rows)
    return ProjectNet(
        project_id="",
        waiting=total(one.waiting for one in kept),
        paid=total(one.paid for one in kept),
        asked=total(one.asked for one in kept),
        taken=total(one.taken for one in kept),
        left=total(one.left for one in kept),
        paused=total(one.paused for one in kept),
    )


def _net(project_id: str, payables: Iterable[Payable], debts: Iterable[Deduction]) -> ProjectNet:
    earned, owed = list(payables), list(debts)
    still = [one for one in owed if one.state is DeductionState.OPEN]
    return ProjectNet(
        project_id=project_id,
        waiting=total(one.amount for one in earned if one.state is PayableState.OPEN),
        paid=total(one.amount for one in earned if one.state in TAKEN),
        asked=total(asked(one) for one in owed),
        taken=total(one.recovered for one in owed),
        left=total(one.open for one in still),
        paused=total(one.open for one in still if one.paused),
    )
