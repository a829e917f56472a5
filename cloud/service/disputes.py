"""Where a disagreement goes next, and what is given back when the partner was right."""

from dataclasses import dataclass
from datetime import date

from cloud.kernel.money import ZERO, Money
from cloud.service.policy import DISPUTE_LEVELS

NOT_WORKMANSHIP = "not_workmanship"
"""The finding that turns a back-bill into a credit."""


@dataclass(frozen=True, slots=True)
class DisputeStep:
    """The level that a dispute goes to, or None when it is over, and the credit to be posted."""

    level: str | None
    credit: Money


def next_step(
    level: str, *, is_resolved: bool, finding: str | None, posted: Money, on: date
) -> DisputeStep:
    """Give the next level of a dispute (X-86).

    Levels go forward only, and the last one stays. Nothing is credited before it is resolved; a
    finding that it was not workmanship then credits all that was posted.
    """
    if is_resolved:
        return DisputeStep(None, posted if finding == NOT_WORKMANSHIP else ZERO)
    levels = DISPUTE_LEVELS.on(on)
    following = min(levels.index(level) + 1, len(levels) - 1)
    return DisputeStep(levels[following], ZERO)
