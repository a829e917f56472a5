"""The numbers by which a day is judged, looked up once for all sites of the day; pure."""

from dataclasses import dataclass
from datetime import date
from functools import cache

from cloud.detection import policy


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rule book says on a day; each field is named for its rule."""

    production_floor: int
    low_days: int
    unjudged_days: int
    well_days: int
    fewest_neighbours: int
    widest_spread: float
    warm_up: int
    dispatch_guard: float
    near: tuple[float, ...]
    whole_day: float
    throttled: float
    dark_day: float
    snow_cold: float
    snow_spread: float
    snow_depth: float
    scale_step: float
    scale_clip: float
    scale_floor: float
    lone_spread: float
    watch_step: float
    watch_opens: float
    watch_closes: float
    suspected: int


@cache
def terms_on(day: date) -> Terms:
    """Give the numbers that hold on a day."""
    return Terms(
        **{name: getattr(policy, name.upper()).on(day) for name in Terms.__dataclass_fields__}
    )
