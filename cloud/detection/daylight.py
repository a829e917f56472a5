"""When it is day at a place: while the sun stands high enough to be worked with; pure."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

from cloud.detection.feed import sun
from cloud.detection.policy import FIRST, SUN_UP

_QUARTER_S = 900
_STEPS_PER_DEGREE = 10
"""Places within a tenth of a degree share a sun: it stands a tenth of a degree higher or lower."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a site lies, in degrees, WGS 84."""

    latitude: float
    longitude: float


def is_daylight(at: datetime, place: Place) -> bool:
    """Tell whether the sun stands high enough at an instant (D-82), to a quarter of an hour."""
    return is_day_in(int(at.timestamp()) // _QUARTER_S, place)


def is_day_in(quarter: int, place: Place) -> bool:
    """Tell whether the sun stands high enough in a quarter of an hour, counted from 1970 (D-82)."""
    return _is_up(
        quarter,
        round(place.latitude * _STEPS_PER_DEGREE),
        round(place.longitude * _STEPS_PER_DEGREE),
    )


def first_light(day: date, place: Place, *, utc_offset_hours: int) -> datetime:
    """Give when it becomes day on a day of the site's standard clock; its noon in a polar night."""
    midnight = datetime.combine(day, time(), timezone(timedelta(hours=utc_offset_hours)))
    quarter = timedelta(seconds=_QUARTER_S)
    instants = (midnight + quarter * step for step in range(96))
    return next((at for at in instants if is_daylight(at, place)), midnight + quarter * 48)


@lru_cache(maxsize=1 << 16)
def _is_up(quarter: int, latitude_steps: int, longitude_steps: int) -> bool:
    middle = datetime.fromtimestamp((quarter + 0.5) * _QUARTER_S, UTC)
    _, _, up = sun(
        middle.date(),
        middle.hour + middle.minute / 60 + middle.second / 3600,
        latitude=latitude_steps / _STEPS_PER_DEGREE,
        longitude=longitude_steps / _STEPS_PER_DEGREE,
        utc_offset_hours=0,
    )
    # A gateway whose clock was never set sends readings from before there were rules.
    return up > math.sin(math.radians(SUN_UP.on(max(middle.date(), FIRST))))
