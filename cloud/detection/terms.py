"""The numbers by which a day is judged, looked up once for all sites of the day; pure."""

from dataclasses import dataclass, fields
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
    warm_up: int
    near: tuple[float, ...]
    whole_day: float
    throttled: float
    dark_day: float
    next_to_nothing: float
    dusk: float
    snow_cold: float
    snow_spread: float
    snow_depth: float
    snow_melts: int
    snow_wild: float
    snow_cool: float
    scale_step: float
    scale_clip: float
    scale_floor: float
    anchor_step: float
    dead_at_birth: float
    lone_spread: float
    watch_step: float
    watch_opens: float
    watch_closes: float
    suspected: int
    visit_forgives: float
    visit_day: float
    visit_sure: float
    visit_doubt: float
    widest_doubt: float
    doubt_factor: float
    usual_spread: float
    usual_weight: float
    sampling: float
    fewest_of_a_kind: int
    usual_unrest: float
    unrest_step: float


@cache
def terms_on(day: date) -> Terms:
    """Give the numbers that hold on a day."""
    return Terms(
        **{field.name: getattr(policy, field.name.upper()).on(day) for field in fields(Terms)}
    )
