"""How a project's value is split over its milestones."""

from collections.abc import Sequence
from datetime import date

from cloud.funding.policy import D06, FIRST_DAY
from cloud.kernel.errors import BadInput
from cloud.kernel.money import BASIS_POINTS, Money, total
from cloud.kernel.policy import COMFORT
from cloud.portfolio.models import Milestone, PlanShare


def split(
    value: Money,
    plan: Sequence[PlanShare],
    *,
    on: date = FIRST_DAY,
    programme: str = COMFORT,
) -> dict[Milestone, Money]:
    """Give the amount of each milestone; they sum to the value exactly (D06).

    Each is rounded down to the cent and the last milestone of the plan takes the remainder.

    Raises:
        BadInput: the plan is empty, names a milestone twice or does not sum to the whole.
    """
    milestones = [share.milestone for share in plan]
    if (
        len(set(milestones)) != len(milestones)
        or sum(share.share_bps for share in plan) != BASIS_POINTS
    ):
        msg = f"splitting {value}: the plan {milestones} must name each milestone once and sum to 1"
        raise BadInput(msg)
    amounts = {share.milestone: value.share_rounded_down(share.share_bps) for share in plan}
    amounts[milestones[D06.on(on, programme)]] += value - total(amounts.values())
    return amounts
