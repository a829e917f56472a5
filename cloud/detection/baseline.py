"""What a site makes under a clear sky: its planes, its limit, its design's months; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import mul

from cloud.detection.feed import Plane
from cloud.kernel.errors import BadInput

KNOT_DAYS = tuple(range(1, 352, 10))
"""Days of the year for which clear-sky energy is known: every tenth."""
MONTHS = 12
_YEAR_DAYS = 365
_PAST_SOLSTICE = 2 * math.pi * 25.5 / 365.25
"""How far the middle of January is past the solstice of December, in turns of the year."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is worked out of a site once, at commissioning, and then only read.

    Attributes:
        clear_sky_wh: energy of a clear day, for each of KNOT_DAYS.
        month_shape: the design's months beside the same months of its model, each month's own
            share of what the design knows and the model does not (shade), 1.0 in the middle and
            smoothed over the year.
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


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How a design's months are smoothed.

    Attributes:
        alike: share that is kept of what is alike on both sides of a solstice, of the shape's
            first wave of the year, of its second, and so on (D-101).
        unlike: the same, of what is unlike (D-101a).
        shade_keeps: most that is kept of how much lower a shaded month was (D-101b).
        shade_depth: logarithm below the year's middle at which all of it would be (D-101c).
    """

    alike: Sequence[float]
    unlike: Sequence[float]
    shade_keeps: float
    shade_depth: float


def month_shape(
    p50_wh: tuple[float, ...], model_wh: tuple[float, ...], smoothing: Smoothing
) -> tuple[tuple[float, ...], float]:
    """Give the shape of the months, smoothed, and the year's level as a logarithm.

    A roof sees the same sun so many days before a solstice as after it, in either half of the
    world. So what two such months have alike is kept, and what they have unlike is mostly error.
    What all designs of a region have wrong in a month is smoothed alike, so that it still cancels
    between neighbours. Shade is the exception: a month that is low in the smoothed shape may be
    as low as the design says, for a horizon cuts off sharply.

    Args:
        p50_wh: the design's energy of each month.
        model_wh: what the planes make in the same months of the design's typical year.
        smoothing: how.
    """
    year = sum(p50_wh) / sum(model_wh)
    logs = [math.log(p50 / model / year) for p50, model in zip(p50_wh, model_wh, strict=True)]
    middle = math.fsum(logs) / MONTHS
    shares = []
    for told, smooth in zip(logs, _smooth(logs, smoothing), strict=True):
        believed = max(0.0, min(smoothing.shade_keeps, (middle - smooth) / smoothing.shade_depth))
        shares.append(math.exp(smooth + believed * min(told - smooth, 0.0)))
    return tuple(shares), math.log(year)


def _smooth(values: Sequence[float], smoothing: Smoothing) -> list[float]:
    """Give a year of months with each of its waves damped; their mean stays as it is."""
    smooth = [math.fsum(values) / MONTHS] * MONTHS
    for keeps, curve in ((smoothing.alike, math.cos), (smoothing.unlike, math.sin)):
        for wave, keep in enumerate(keeps, 1):
            form = [
                curve(wave * (2 * math.pi * at / MONTHS + _PAST_SOLSTICE)) for at in range(MONTHS)
            ]
            part = keep * math.fsum(map(mul, form, values)) / math.fsum(map(mul, form, form))
            smooth = [value + part * share for value, share in zip(smooth, form, strict=True)]
    return smooth
