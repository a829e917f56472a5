"""A baseline for a site whose own has not been worked out yet: a usual roof, a clear sky; pure."""

import math
from datetime import date, timedelta
from functools import cache

from cloud.detection.baseline import KNOT_DAYS, Baseline
from cloud.detection.feed import FeedHour, Plane, energy_wh, sky_of, sun
from cloud.portfolio.models import Site

_COMMON_YEAR = date(2025, 1, 1)
_AIR_C = 20.0
_SQUARE_DEG = 0.25
_USUAL_TILT_DEG = 22.0
"""About five in twelve, the usual pitch of a roof in the United States."""


def provisional(site: Site) -> Baseline:
    """Give the clear days of a usual roof of the site's rating, turned to the equator.

    What it gets wrong of the roof, the site's own scale and its neighbours take back out, but for
    the seasons: so it stands only until `sunreeve baseline` has worked out the site's own.
    """
    square = (round(site.latitude / _SQUARE_DEG), round(site.longitude / _SQUARE_DEG))
    clear = _clear_wh_per_w(*square, site.utc_offset_hours)
    return Baseline(
        site_id=site.id,
        latitude=site.latitude,
        longitude=site.longitude,
        utc_offset_hours=site.utc_offset_hours,
        ac_limit_w=float(site.dc_rating_w),
        planes=(_usual_plane(site.latitude, float(site.dc_rating_w)),),
        clear_sky_wh=tuple(max(value * site.dc_rating_w, 1.0) for value in clear),
    )


def _usual_plane(latitude: float, dc_w: float) -> Plane:
    return Plane(dc_w, _USUAL_TILT_DEG, 180.0 if latitude >= 0 else 0.0)


@cache
def _clear_wh_per_w(
    latitude_steps: int, longitude_steps: int, utc_offset_hours: float
) -> tuple[float, ...]:
    """Give what each watt makes on a clear day, for each of KNOT_DAYS; all of a square share it."""
    place = {
        "latitude": latitude_steps * _SQUARE_DEG,
        "longitude": longitude_steps * _SQUARE_DEG,
        "utc_offset_hours": utc_offset_hours,
    }
    plane = _usual_plane(place["latitude"], 1000.0)
    found = []
    for knot in KNOT_DAYS:
        day = _COMMON_YEAR + timedelta(days=knot - 1)
        hours = [
            FeedHour(hour, _clear_wh_m2(sun(day, hour + 0.5, **place)[2]), _AIR_C)
            for hour in range(24)
        ]
        found.append(energy_wh((plane,), plane.dc_w, sky_of(day, hours, **place)) / plane.dc_w)
    return tuple(found)


def _clear_wh_m2(up: float) -> float:
    """Give the light of a clear hour on level ground, by the sun's height alone (Haurwitz 1945)."""
    return 1098 * up * math.exp(-0.057 / up) if up > 0 else 0.0
