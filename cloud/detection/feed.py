"""The sun of an hour on a roof: what a weather feed's irradiance should make there; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

_SOLAR_CONSTANT_W_M2 = 1366.1
_ALBEDO = 0.2
DERATE = 0.86 * 0.96
"""What wiring, dirt and mismatch leave, times the inverter: the usual 14 % and 4 %."""
HEATING_C_M2_W = 0.03
"""Degrees by which a module on a roof is warmer than the air, for each W/m2 (Ross)."""
PER_C = 0.0037
"""Share of power that crystalline silicon loses for each degree above 25."""
_HEATED = PER_C * HEATING_C_M2_W
_LOWEST_UP = 0.0872
"""The sun at 5 degrees: below it the halo is not laid on planes any stronger."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Modules that look the same way, as designed."""

    dc_w: float
    tilt_deg: float
    azimuth_deg: float


@dataclass(frozen=True, slots=True)
class FeedHour:
    """An hour of the weather feed.

    Attributes:
        hour: its start, 0 to 23, on the site's standard clock.
        ghi_wh_m2: global horizontal irradiation over it.
    """

    hour: int
    ghi_wh_m2: float
    temp_c: float


@dataclass(frozen=True, slots=True)
class SkyHour:
    """The light of an hour, split by where it comes from.

    What a plane gets of it is a sum of three: by how far it faces the sun, always, and by how far
    it faces up (Hay and Davies 1980, the ground's share in it).

    Attributes:
        east, north, up: direction of the sun, a unit vector.
        facing_w_m2: on a plane that faces the sun: the beam, and the sky's halo around it.
        always_w_m2: on a vertical plane that the sun does not reach.
        upward_w_m2: how much more than that a level one gets.
        cool: share of its rated power that a module would make as warm as the air.
    """

    east: float
    north: float
    up: float
    facing_w_m2: float
    always_w_m2: float
    upward_w_m2: float
    cool: float


def sun(
    day: date, hour: float, *, latitude: float, longitude: float, utc_offset_hours: float
) -> tuple[float, float, float]:
    """Give the direction of the sun: east, north and up; below the horizon `up` is negative.

    Spencer's series (1971) for declination and equation of time: within 0.3 degrees, which is
    less than anybody knows of a roof.
    """
    turn = 2 * math.pi * (day.timetuple().tm_yday - 1 + (hour - 12) / 24) / 365
    declination = (
        0.006918
        - 0.399912 * math.cos(turn)
        + 0.070257 * math.sin(turn)
        - 0.006758 * math.cos(2 * turn)
        + 0.000907 * math.sin(2 * turn)
        - 0.002697 * math.cos(3 * turn)
        + 0.00148 * math.sin(3 * turn)
    )
    minutes = 229.18 * (
        0.000075
        + 0.001868 * math.cos(turn)
        - 0.032077 * math.sin(turn)
        - 0.014615 * math.cos(2 * turn)
        - 0.040849 * math.sin(2 * turn)
    )
    solar_hour = hour + (longitude - 15 * utc_offset_hours) / 15 + minutes / 60
    angle = math.radians(15 * (solar_hour - 12))
    here = math.radians(latitude)
    return (
        -math.cos(declination) * math.sin(angle),
        math.cos(here) * math.sin(declination)
        - math.sin(here) * math.cos(declination) * math.cos(angle),
        math.sin(here) * math.sin(declination)
        + math.cos(here) * math.cos(declination) * math.cos(angle),
    )


def sky_of(
    day: date,
    hours: Sequence[FeedHour],
    *,
    latitude: float,
    longitude: float,
    utc_offset_hours: float,
) -> tuple[SkyHour, ...]:
    """Give the light of a day's hours at a place; an hour without sun or light is left out.

    An hour's sun is the mean of its quarters that are above the horizon, by how high they stand:
    so the hours of sunrise and sunset have a direction as well.
    """
    found = []
    extra = _SOLAR_CONSTANT_W_M2 * (
        1 + 0.033 * math.cos(2 * math.pi * day.timetuple().tm_yday / 365)
    )
    for one in hours:
        quarters = [
            sun(
                day,
                one.hour + part,
                latitude=latitude,
                longitude=longitude,
                utc_offset_hours=utc_offset_hours,
            )
            for part in (0.125, 0.375, 0.625, 0.875)
        ]
        lit = [(e, n, u) for e, n, u in quarters if u > 0]
        height = sum(u for _, _, u in lit) / 4
        if height < 0.01 or one.ghi_wh_m2 <= 0:
            continue
        east = sum(e * u for e, _, u in lit)
        north = sum(n * u for _, n, u in lit)
        up = sum(u * u for _, _, u in lit)
        length = math.sqrt(east * east + north * north + up * up)
        clearness = min(one.ghi_wh_m2 / (extra * height), 1.0)
        diffuse = one.ghi_wh_m2 * _diffuse_share(clearness)
        beam = min((one.ghi_wh_m2 - diffuse) / max(height, 0.05), extra)
        halo = beam / extra
        even, ground = diffuse * (1 - halo) / 2, one.ghi_wh_m2 * _ALBEDO / 2
        found.append(
            SkyHour(
                east=east / length,
                north=north / length,
                up=up / length,
                facing_w_m2=beam + diffuse * halo / max(up / length, _LOWEST_UP),
                always_w_m2=even + ground,
                upward_w_m2=even - ground,
                cool=1 - PER_C * (one.temp_c - 25),
            )
        )
    return tuple(found)


def _diffuse_share(clearness: float) -> float:
    """Give the share of global light that is diffuse (Erbs, Klein and Duffie 1982)."""
    if clearness <= 0.22:
        return 1 - 0.09 * clearness
    if clearness <= 0.8:
        return (
            0.9511
            - 0.1604 * clearness
            + 4.388 * clearness**2
            - 16.638 * clearness**3
            + 12.336 * clearness**4
        )
    return 0.165


def energy_wh(planes: Sequence[Plane], ac_limit_w: float, sky: Sequence[SkyHour]) -> float:
    """Give what the planes should make under a day's sky, up to the inverter's limit each hour.

    Shade is not in it, and neither is snow.
    """
    roofs = [_roof(plane) for plane in planes]
    total = 0.0
    for hour in sky:
        power = 0.0
        for dc, east, north, up in roofs:
            facing = hour.east * east + hour.north * north + hour.up * up
            light = hour.always_w_m2 + hour.upward_w_m2 * up
            if facing > 0:
                light += hour.facing_w_m2 * facing
            power += dc * light * (hour.cool - _HEATED * light)
        total += min(power, ac_limit_w)
    return total


@lru_cache(maxsize=1 << 17)
def _roof(plane: Plane) -> tuple[float, float, float, float]:
    """Give what a plane makes of a W/m2, and the direction that it faces: east, north, up."""
    tilt, azimuth = math.radians(plane.tilt_deg), math.radians(plane.azimuth_deg)
    flat = math.sin(tilt)
    return (
        plane.dc_w / 1000 * DERATE,
        flat * math.sin(azimuth),
        flat * math.cos(azimuth),
        math.cos(tilt),
    )
