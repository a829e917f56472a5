"""Whether a baseline can be a site's own, and whether weather can be a region's day's; pure."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from cloud.detection.baseline import Baseline
from cloud.detection.feed import sun
from cloud.detection.models import RegionWeather
from cloud.kernel.errors import BadInput
from cloud.portfolio.models import Site
from cloud.telemetry.days import standard_day

_PLACE_DEG = 0.05
"""About five kilometres: who geocodes an address differently is not further off."""
_RATING_SHARE = 0.5
"""A missing plane, or kilowatts for watts, are further off; a rounded rating is not."""
_BEST_DAY_H = (0.5, 15.0)
"""A year's best clear day as hours at the rating: on any roof, anywhere on Earth."""
_WIDEST_LOG = 1.1
"""The design's year is a third to the threefold of the model's, or one of them has another unit."""

_REGION = re.compile(r"UTC([+-]\d\d)\.([NS])(\d\d)([EW])(\d\d\d)")
_MOST_WH_M2 = 1500.0
"""No hour has more light on level ground, clouds that reflect it included."""
_TEMPERATURES_C = (-90.0, 70.0)
_DAYLIGHT_UP = 0.1
"""The sun stands six degrees high: an hour that a feed cannot leave out."""
_NIGHT_UP = -0.05
_NIGHT_WH_M2 = 20.0
"""What a satellite may see of a night."""


def require_own(baseline: Baseline, site: Site) -> None:
    """Check that a baseline can be the one of a site.

    Raises:
        BadInput: it is another site's, or in other units, or not a number; one line says which.
    """
    wrong = next(_faults_of_baseline(baseline, site), "")
    if wrong:
        msg = f"putting the baseline of {site.id}: {wrong}"
        raise BadInput(msg)


def _faults_of_baseline(baseline: Baseline, site: Site) -> Iterator[str]:
    if baseline.site_id != site.id:
        yield f"it is the one of {baseline.site_id}: put it there"
    yield from _no_numbers(baseline)
    if baseline.utc_offset_hours != site.utc_offset_hours:
        yield (
            f"it is cut on a clock {baseline.utc_offset_hours:+g} h from UTC, the site's is "
            f"{site.utc_offset_hours:+d} h: build it on the site's"
        )
    place = (baseline.latitude - site.latitude, baseline.longitude - site.longitude)
    if max(map(abs, place)) > _PLACE_DEG:
        yield (
            f"its place {baseline.latitude:g}, {baseline.longitude:g} is not the site's "
            f"{site.latitude:g}, {site.longitude:g}: build it for the site's place"
        )
    total_w = sum(plane.dc_w for plane in baseline.planes)
    if abs(total_w - site.dc_rating_w) > _RATING_SHARE * site.dc_rating_w:
        yield (
            f"its planes have {total_w:g} W together, the site {site.dc_rating_w} W: "
            "give all planes, in watts"
        )
    least, most = (hours * total_w for hours in _BEST_DAY_H)
    best = max(baseline.clear_sky_wh)
    if not least <= best <= most:
        yield (
            f"its best clear day makes {best:g} Wh, planes of {total_w:g} W make {least:g} to "
            f"{most:g}: give watt-hours"
        )
    if abs(baseline.prior_log_scale) > _WIDEST_LOG:
        yield (
            f"its design's year is {math.exp(baseline.prior_log_scale):.3g} times the model's: "
            "give both in one unit"
        )


def _no_numbers(baseline: Baseline) -> Iterator[str]:
    """Say which number is none, or is where no roof can be."""
    if not baseline.planes:
        yield "it has no plane: give one at least"
    numbers = (
        baseline.latitude,
        baseline.longitude,
        baseline.utc_offset_hours,
        baseline.prior_log_scale,
        *baseline.clear_sky_wh,
        *baseline.month_shape,
    )
    if not all(map(math.isfinite, numbers)):
        yield "a number of it is not finite: build it anew"
    if not 0 < baseline.ac_limit_w < math.inf:
        yield f"ac_limit_w is {baseline.ac_limit_w:g}: give watts above zero"
    for plane in baseline.planes:
        if not 0 < plane.dc_w < math.inf:
            yield f"a plane has {plane.dc_w:g} W: give watts above zero"
        if not (0 <= plane.tilt_deg <= 90 and 0 <= plane.azimuth_deg <= 360):
            yield (
                f"a plane is tilted by {plane.tilt_deg:g} and faces {plane.azimuth_deg:g} degrees: "
                "give 0 to 90, and 0 to 360 clockwise from north"
            )


@dataclass(frozen=True, slots=True)
class Square:
    """The clock and the middle of a region, as its id tells them."""

    utc_offset_hours: int
    latitude: float
    longitude: float


def square_of(region_id: str) -> Square:
    """Give where a region lies.

    Raises:
        BadInput: the id is none of a region.
    """
    found = _REGION.fullmatch(region_id)
    if found is None:
        msg = f"{region_id!r} is no region: give its clock and square, as UTC-07.N39W106"
        raise BadInput(msg)
    hours, north, row, east, column = found.groups()
    south, west = int(row) * (-1) ** (north == "S"), int(column) * (-1) ** (east == "W")
    return Square(int(hours), south + 0.5, west + 0.5)


def require_whole(weather: RegionWeather, square: Square, *, at: datetime) -> None:
    """Check that weather can be that of a region's day, and that the day is told whole.

    A feed with hours that are missing would expect too little of every roof, and one on another
    clock too much of some: so its hours are held against the sun.

    Raises:
        BadInput: it cannot; one line says why.
    """
    wrong = next(_faults_of_weather(weather, square, at), "")
    if wrong:
        msg = f"putting the weather of {weather.id}: {wrong}"
        raise BadInput(msg)


def _faults_of_weather(weather: RegionWeather, square: Square, at: datetime) -> Iterator[str]:
    if weather.day >= standard_day(at, square.utc_offset_hours):
        yield "the day is not over: send it afterwards"
    if not weather.hours and weather.mean_c is None and weather.is_snow_told is None:
        yield "it tells nothing: give hours, the mean temperature or the word on snow"
    told_c = [hour.temp_c for hour in weather.hours]
    coldest, warmest = _TEMPERATURES_C
    for celsius in (*told_c, *([] if weather.mean_c is None else [weather.mean_c])):
        if not coldest <= celsius <= warmest:
            yield f"a temperature of {celsius:g} is no air's: give degrees Celsius"
    if weather.hours:
        yield from _faults_of_hours(weather, square)


def _faults_of_hours(weather: RegionWeather, square: Square) -> Iterator[str]:
    light = {one.hour: one.ghi_wh_m2 for one in weather.hours}
    if len(light) < len(weather.hours):
        yield "an hour is told twice: keep one of them"
    for hour, wh_m2 in sorted(light.items()):
        if not 0 <= hour <= 23:
            yield f"hour {hour} is none: give 0 to 23"
        if not 0 <= wh_m2 <= _MOST_WH_M2:
            yield f"hour {hour} has a light of {wh_m2:g}: give Wh/m2, 0 to {_MOST_WH_M2:g}"
    for hour in range(24):
        heights = [_up(weather.day, hour + part, square) for part in (0, 0.5, 1)]
        if hour not in light and heights[1] > _DAYLIGHT_UP:
            yield f"hour {hour} is missing, and the sun is up: give all hours of daylight"
        if light.get(hour, 0) > _NIGHT_WH_M2 and max(heights) < _NIGHT_UP:
            yield (
                f"hour {hour} has light, and the sun is down: give hours of standard time, "
                f"{square.utc_offset_hours:+d} h from UTC"
            )
    if not any(light.values()):
        yield "no hour has any light: leave the hours out when nothing is known of them"


def _up(day: date, hour: float, square: Square) -> float:
    return sun(
        day,
        hour,
        latitude=square.latitude,
        longitude=square.longitude,
        utc_offset_hours=square.utc_offset_hours,
    )[2]
