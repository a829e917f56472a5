"""Whether a sweep found too much to be believed; pure."""

from collections.abc import Collection
from datetime import date

from cloud.detection.models import HoldState, SweepHold
from cloud.detection.policy import (
    BREAKER_LEAST,
    BREAKER_SHARE,
    FLEET_BREAKER_LEAST,
    FLEET_BREAKER_SHARE,
)


def too_many(*, opening: int, sites: int, all_opening: int, all_sites: int, on: date) -> str:
    """Give why findings are held back, empty when they are not (D-97, D-97a, D-98, D-98a).

    A share that is met exactly is not passed.

    Args:
        opening: sites of the region at which something new was found.
        sites: all its sites.
        all_opening: the same, of all regions of the clock that were judged so far.
        all_sites: all sites of the clock.
        on: day of the evaluation.
    """
    if opening > BREAKER_LEAST.on(on) and opening > sites * BREAKER_SHARE.on(on):
        return f"something new at {opening} of {sites} sites of one region at once"
    if all_opening > FLEET_BREAKER_LEAST.on(
        on
    ) and all_opening > all_sites * FLEET_BREAKER_SHARE.on(on):
        return f"something new at {all_opening} of {all_sites} sites of one clock at once"
    return ""


def covers(hold: SweepHold | None, finding_ids: Collection[str]) -> bool:
    """Tell whether a person has decided on all of these findings."""
    if hold is None or hold.state not in {HoldState.RELEASED, HoldState.DISCARDED}:
        return False
    return set(finding_ids) <= set(hold.finding_ids)
