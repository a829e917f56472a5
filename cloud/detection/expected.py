"""What a site should have made on a day: what its healthy neighbours made, scaled to it; pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from cloud.detection.models import JudgedDay
from cloud.detection.policy import (
    DISPATCH_GUARD,
    FEWEST_NEIGHBOURS,
    PRODUCTION_FLOOR,
    WARM_UP,
    WIDEST_SPREAD,
)

_NORMAL = 1.4826
"""Makes a median absolute deviation comparable to a standard deviation of a normal spread."""
_FREE_SPREAD = 0.05
"""What healthy neighbours disagree by on any day; the guard begins beyond it."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What the neighbours say of a day.

    Attributes:
        yield_wh_per_w: median of what they made for each watt of rating, each by its own scale.
        spread: how much they disagree, in units of the logarithm.
        neighbours: how many they are.
    """

    yield_wh_per_w: float
    spread: float
    neighbours: int


def weather(yields: Sequence[float]) -> Weather | None:
    """Give what the neighbours' yields say of the day, None when nobody made anything."""
    shining = [value for value in yields if value > 0]
    if not shining:
        return None
    middle = median(shining)
    spread = _NORMAL * median(abs(math.log(value / middle)) for value in shining)
    return Weather(middle, spread, len(shining))


def tells_of_the_scale(*, day: date, actual_wh: int | None, sky: Weather | None) -> bool:
    """Tell whether a day has an answer from the site and from enough neighbours (D-61, D-63).

    How much they disagree is not asked: before their own scales are known, neighbours differ by
    their roofs.
    """
    return bool(actual_wh) and sky is not None and sky.neighbours >= FEWEST_NEIGHBOURS.on(day)


def learned_scale(ratios: Sequence[float], day: date) -> float | None:
    """Give the site's own scale once the warm-up has enough days, None before (D-63)."""
    if len(ratios) < WARM_UP.on(day):
        return None
    return median(ratios)


def judge(
    *,
    day: date,
    actual_wh: int | None,
    rated_w: int,
    scale: float | None,
    sky: Weather | None,
) -> JudgedDay:
    """Put a day beside what was expected of it, or say why not (D-61, D-62, D-64)."""
    reason = _cannot_judge(day, actual_wh, scale, sky)
    if reason or scale is None or sky is None:
        return JudgedDay(
            day, actual_wh, None, reason=reason, neighbours=sky.neighbours if sky else 0
        )
    doubt = DISPATCH_GUARD.on(day) * max(0.0, sky.spread - _FREE_SPREAD)
    return JudgedDay(
        day=day,
        actual_wh=actual_wh,
        expected_wh=round(rated_w * scale * sky.yield_wh_per_w),
        guarded_percent=PRODUCTION_FLOOR.on(day) * math.exp(-doubt),
        neighbours=sky.neighbours,
    )


def _cannot_judge(
    day: date, actual_wh: int | None, scale: float | None, sky: Weather | None
) -> str:
    if actual_wh is None:
        return "the counter is not known at both ends of the day, or most samples are missing"
    if scale is None:
        return "the site is new: its scale is still being learned"
    if sky is None or sky.neighbours < FEWEST_NEIGHBOURS.on(day):
        return "too few healthy neighbours tell of the day"
    if sky.spread > WIDEST_SPREAD.on(day):
        return "the neighbours disagree"
    return ""


def yields_without(site_id: str, yields: Mapping[str, float]) -> list[float]:
    """Give the neighbours' yields: everybody's but the site's own."""
    return [value for other, value in yields.items() if other != site_id]
