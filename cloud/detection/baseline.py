"""What a site makes under a clear sky: its planes, its limit, its design's months; pure."""

import math
from dataclasses import dataclass
from datetime import date

from cloud.detection.feed import Plane
from cloud.kernel.errors import BadInput

KNOT_DAYS = tuple(range(1, 352, 10))
"""Days of the year for which clear-sky energy is known: every tenth."""
MONTHS = 12
_YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is worked out of a site once, at commissioning, and then only read.

    Attributes:
        clear_sky_wh: energy of a clear day, for each of KNOT_DAYS.
        month_shape: the design's months beside the same months of its model, each month's own
            share of what the design knows and the model does not (shade), 1.0 in the middle.
        prior_log_scale: logarithm of the design's year beside the model's, until days are known.
    """

    site_id: str
    latitude: float
    longitude: float
    utc_offset_hours: float
    ac_limit_w: float
    planes: tuple[Plane, ...]
    clear_sky_wh: tuple[float, ...]
    month_shape: tuple[float, ...] = (1.0,) * MONTHS
    prior_log_scale: float = 0.0

    def __post_init__(self) -> None:
        if len(self.clear_sky_wh) != len(KNOT_DAYS) or len(self.month_shape) != MONTHS:
            msg = (
                f"baseline of {self.site_id}: {len(KNOT_DAYS)} clear days and 12 months are needed"
            )
            raise BadInput(msg)
        if min(self.clear_sky_wh) <= 0 or min(self.month_shape) <= 0:
            msg = f"baseline of {self.site_id}: energies and shapes are above zero: build it anew"
            raise BadInput(msg)

    @property
    def facing_east(self) -> float:
        """How much of the modules' face is turned to the east, -1 to 1."""
        total = sum(plane.dc_w for plane in self.planes)
        return (
            sum(
                plane.dc_w
                * math.sin(math.radians(plane.tilt_deg))
                * math.sin(math.radians(plane.azimuth_deg))
                for plane in self.planes
            )
            / total
        )


@dataclass(frozen=True, slots=True)
class DayOfYear:
    """Where a day lies between the knots of a year, and between the middles of its months."""

    knot: int
    next_knot: int
    past_knot: float
    month: int
    next_month: int
    past_month: float


def place(day: date) -> DayOfYear:
    """Give where a day lies; the last knot is followed by the first, as December by January."""
    number = min(day.timetuple().tm_yday, _YEAR_DAYS)
    knot = min((number - 1) // 10, len(KNOT_DAYS) - 1)
    width = 10 if knot + 1 < len(KNOT_DAYS) else _YEAR_DAYS + KNOT_DAYS[0] - KNOT_DAYS[-1]
    middle = day.month - 1 + (day.day - 15.5) / 30.5
    month = math.floor(middle)
    return DayOfYear(
        knot=knot,
        next_knot=(knot + 1) % len(KNOT_DAYS),
        past_knot=(number - KNOT_DAYS[knot]) / width,
        month=month % MONTHS,
        next_month=(month + 1) % MONTHS,
        past_month=middle - month,
    )


def clear_sky_wh(baseline: Baseline, at: DayOfYear) -> float:
    """Give the energy of a clear day, shade left out."""
    known = baseline.clear_sky_wh
    return known[at.knot] * (1 - at.past_knot) + known[at.next_knot] * at.past_knot


def shape(baseline: Baseline, at: DayOfYear) -> float:
    """Give what the design's month makes of the model's, between the middles of two months."""
    known = baseline.month_shape
    return known[at.month] * (1 - at.past_month) + known[at.next_month] * at.past_month


def month_shape(
    p50_wh: tuple[float, ...], model_wh: tuple[float, ...]
) -> tuple[tuple[float, ...], float]:
    """Give the shape of the months and the logarithm of the year's level.

    Args:
        p50_wh: the design's energy of each month.
        model_wh: what the planes make in the same months of the design's typical year.
    """
    year = sum(p50_wh) / sum(model_wh)
    shares = tuple(p50 / model / year for p50, model in zip(p50_wh, model_wh, strict=True))
    return shares, math.log(year)
