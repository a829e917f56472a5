"""Who decides a dispute, how old it is, and what is left of the claim."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from cloud.invoicing.models import Dispute, Outcome
from cloud.invoicing.policy import DISPUTE_DECIDERS
from cloud.kernel.money import ZERO, Money


def may_resolve(level: str, roles: Collection[str], *, on: date) -> bool:
    """Tell whether somebody with these roles decides at a level (X-87)."""
    return dict(DISPUTE_DECIDERS.on(on))[level] in roles


def ages(dispute: Dispute, *, now: datetime) -> tuple[tuple[str, timedelta], ...]:
    """Give how long a dispute lay at each level (X-87); it ages no more once it is closed."""
    until = dispute.closed_at or now
    ends = [*(step.since for step in dispute.steps[1:]), until]
    return tuple(
        (step.level, end - step.since) for step, end in zip(dispute.steps, ends, strict=True)
    )


def left_of(claimed: Money, outcome: Outcome, partial: Money | None) -> Money | None:
    """Give what is left of a claim after the decision, None where the decision makes no sense.

    A part is more than nothing and less than all of it: those have names of their own.
    """
    if outcome is Outcome.PARTIAL:
        is_part = partial is not None and ZERO < partial < claimed
        return partial if is_part else None
    if partial is not None:
        return None
    return claimed if outcome is Outcome.UPHELD else ZERO
