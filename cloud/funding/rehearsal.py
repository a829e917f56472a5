"""What would be otherwise about a run, were it prepared now: partner by partner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud.funding.models import RunPlan
from cloud.kernel.money import ZERO, Money


@dataclass(frozen=True, slots=True)
class PlanChange:
    """What of one partner's plan would be otherwise.

    Attributes:
        before, now: what it was shown to be paid, and what it would be.
        came, went: payables and deductions that only one of the two has, by their ids.
        freed, held: payables that are held in the one and paid in the other.
        account_changed: the money would go to another account.
    """

    partner_id: str
    partner_name: str
    before: Money
    now: Money
    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()
    freed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    account_changed: bool = False

    @property
    def difference(self) -> Money:
        """What more would be paid; below zero it is less."""
        return self.now - self.before


def plan_changes(before: Sequence[RunPlan], now: Sequence[RunPlan]) -> tuple[PlanChange, ...]:
    """Give the partners whose plan would be another one (D03), in the order of their ids.

    A plan is the same where its hash is: what an approver relies on is in that.
    """
    old = {one.partner_id: one for one in before}
    new = {one.partner_id: one for one in now}
    return tuple(
        _change(known, old.get(one), new.get(one))
        for one, known in sorted({**old, **new}.items())
        if _hash(old.get(one)) != _hash(new.get(one))
    )


def _hash(plan: RunPlan | None) -> str:
    return plan.hash if plan is not None else ""


def _change(known: RunPlan, old: RunPlan | None, new: RunPlan | None) -> PlanChange:
    was, is_now = _items(old), _items(new)
    both = sorted(set(was) & set(is_now))
    return PlanChange(
        known.partner_id,
        known.partner_name,
        old.net if old else ZERO,
        new.net if new else ZERO,
        came=tuple(sorted(set(is_now) - set(was))),
        went=tuple(sorted(set(was) - set(is_now))),
        freed=tuple(one for one in both if was[one] and not is_now[one]),
        held=tuple(one for one in both if is_now[one] and not was[one]),
        account_changed=bool(old and new and old.bank_details_version != new.bank_details_version),
    )


def _items(plan: RunPlan | None) -> Mapping[str, bool]:
    """Give a plan's items by their ids, each with whether the plan holds it."""
    if plan is None:
        return {}
    return {
        **{one.id: False for one in plan.payables},
        **{one.id: False for one in plan.deductions},
        **{one.id: True for one in plan.held},
    }
