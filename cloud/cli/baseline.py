"""Works out a site's baseline from its design, off line, with pvlib: never inside a function.

pvlib, with numpy and pandas below it, is imported when the first baseline is asked for: whoever
does not ask needs neither it nor the two seconds that its import takes.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from cloud.detection.baseline import KNOT_DAYS, MONTHS, Baseline, Smoothing, month_shape
from cloud.detection.feed import DERATE, HEATING_C_M2_W, PER_C, Plane
from cloud.detection.policy import (
    FIRST,
    SHADE_DEPTH,
    SHADE_KEEPS,
    SHAPE_KEEPS,
    SHAPE_KEEPS_UNLIKE,
)
from cloud.kernel.errors import BadInput

_SMOOTHING = Smoothing(
    alike=SHAPE_KEEPS.on(FIRST),
    unlike=SHAPE_KEEPS_UNLIKE.on(FIRST),
    shade_keeps=SHADE_KEEPS.on(FIRST),
    shade_depth=SHADE_DEPTH.on(FIRST),
)
_QUARTERS = 96
_LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
"""Shares of clear-sky light at which an hour's energy is worked out; between them it is drawn."""
_CLEAR = _LEVELS.index(1.0)
_AIR_C = 20.0
"""Air temperature of the worked-out hours; another one is taken into account afterwards."""
_COMMON_YEAR = 2015
_SQUARE_DEG = 0.1
_MONTH_STARTS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


@dataclass(frozen=True, slots=True)
class Design:
    """What is known of a site on the day on which it is commissioned.

    Attributes:
        p50_wh: the design's energy of each month, shade included, snow left out.
    """

    site_id: str
    latitude: float
    longitude: float
    utc_offset_hours: float
    ac_limit_w: float
    planes: tuple[Plane, ...]
    p50_wh: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TypicalHour:
    """An hour of the typical year that stands behind the design's months."""

    month: int
    day: int
    hour: int
    ghi_wh_m2: float
    temp_c: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Sun and clear sky of a place, for the quarter hours of each of KNOT_DAYS."""

    day_of_year: Any
    zenith: Any
    azimuth: Any
    clear_ghi: Any
    extra: Any


def baselines(designs: Sequence[Design], typical: Sequence[TypicalHour]) -> dict[str, Baseline]:
    """Give the baseline of each design, by its site; see `built`."""
    return {baseline.site_id: baseline for baseline in built(designs, typical)}


def built(designs: Sequence[Design], typical: Sequence[TypicalHour]) -> Iterator[Baseline]:
    """Give the baseline of each design as it is worked out; some tens of milliseconds each.

    Raises:
        BadInput: the typical year leaves a month without light, or a design has no months.
    """
    year = _typical_columns(typical)
    for design in designs:
        yield _baseline(design, year)


def _baseline(design: Design, year: Any) -> Baseline:
    numpy = import_module("numpy")
    clear_ghi, made = _responses(design)
    clear = numpy.minimum(made[:, :, _CLEAR], design.ac_limit_w).sum(axis=1)
    months = _model_months(design, year, clear_ghi, made)
    if min(months) <= 0 or min(design.p50_wh) <= 0:
        msg = (
            f"baseline of {design.site_id}: a month has no energy, in the design or in its typical "
            "year: give all twelve months and all daylight hours"
        )
        raise BadInput(msg)
    shares, level = month_shape(design.p50_wh, tuple(months), _SMOOTHING)
    return Baseline(
        site_id=design.site_id,
        latitude=design.latitude,
        longitude=design.longitude,
        utc_offset_hours=design.utc_offset_hours,
        ac_limit_w=design.ac_limit_w,
        planes=design.planes,
        clear_sky_wh=tuple(float(value) for value in clear),
        month_shape=shares,
        prior_log_scale=level,
    )


def _responses(design: Design) -> tuple[Any, Any]:
    """Give clear-sky light and the planes' power by knot day, hour, and share of clear-sky light.

    Light is split after Erbs and laid on the planes after Hay and Davies; a module loses power as
    it gets warm. The inverter's limit is not applied yet.
    """
    numpy, pvlib = import_module("numpy"), import_module("pvlib")
    place = _place(
        round(design.latitude / _SQUARE_DEG),
        round(design.longitude / _SQUARE_DEG),
        design.utc_offset_hours,
    )
    shape = (len(KNOT_DAYS), 24, 4)
    made = numpy.zeros((len(KNOT_DAYS), 24, len(_LEVELS)))
    with numpy.errstate(all="ignore"):
        for level, share in enumerate(_LEVELS):
            ghi = share * place.clear_ghi
            split = pvlib.irradiance.erbs(ghi, place.zenith, place.day_of_year)
            power = numpy.zeros_like(ghi)
            for plane in design.planes:
                light = pvlib.irradiance.get_total_irradiance(
                    plane.tilt_deg,
                    plane.azimuth_deg,
                    place.zenith,
                    place.azimuth,
                    split["dni"],
                    ghi,
                    split["dhi"],
                    dni_extra=place.extra,
                    model="haydavies",
                )["poa_global"]
                light = numpy.nan_to_num(numpy.asarray(light))
                warm = _AIR_C + HEATING_C_M2_W * light - 25
                power += plane.dc_w / 1000 * light * (1 - PER_C * warm) * DERATE
            made[:, :, level] = power.reshape(shape).mean(axis=2)
    return place.clear_ghi.reshape(shape).mean(axis=2), made


@cache
def _place(latitude_steps: int, longitude_steps: int, utc_offset_hours: float) -> _Place:
    """Give the sky of a square of a tenth of a degree: all its sites share it."""
    numpy, pandas, pvlib = map(import_module, ("numpy", "pandas", "pvlib"))
    latitude, longitude = latitude_steps * _SQUARE_DEG, longitude_steps * _SQUARE_DEG
    minutes = numpy.concatenate(
        [
            (number - 1) * 1440 + 15 * numpy.arange(_QUARTERS) + 7.5 - 60 * utc_offset_hours
            for number in KNOT_DAYS
        ]
    )
    times = pandas.Timestamp(_COMMON_YEAR, 1, 1, tz="UTC") + pandas.to_timedelta(minutes, unit="m")
    altitude = float(pvlib.location.lookup_altitude(latitude, longitude))
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # pvlib's, about its own use of pandas
        sun = pvlib.solarposition.get_solarposition(times, latitude, longitude, altitude)
        zenith = sun["apparent_zenith"].to_numpy()
        clear = pvlib.clearsky.ineichen(
            zenith,
            pvlib.atmosphere.get_absolute_airmass(
                pvlib.atmosphere.get_relative_airmass(zenith),
                pvlib.atmosphere.alt2pres(altitude),
            ),
            pvlib.clearsky.lookup_linke_turbidity(times, latitude, longitude).to_numpy(),
            altitude=altitude,
        )["ghi"]
        day_of_year = numpy.repeat(numpy.array(KNOT_DAYS), _QUARTERS)
        return _Place(
            day_of_year=day_of_year,
            zenith=zenith,
            azimuth=sun["azimuth"].to_numpy(),
            clear_ghi=numpy.nan_to_num(numpy.asarray(clear)),
            extra=numpy.asarray(pvlib.irradiance.get_extra_radiation(day_of_year)),
        )


def _typical_columns(typical: Sequence[TypicalHour]) -> Any:
    numpy = import_module("numpy")
    return numpy.array(
        [
            (
                one.month - 1,
                min(_MONTH_STARTS[one.month - 1] + one.day, _MONTH_STARTS[one.month - 1] + 31),
                one.hour,
                one.ghi_wh_m2,
                one.temp_c,
            )
            for one in typical
        ]
    ).reshape(-1, 5)


def _model_months(design: Design, year: Any, clear_ghi: Any, made: Any) -> list[float]:
    """Give what the planes make in each month of the typical year, in Wh."""
    numpy = import_module("numpy")
    month, number, hour = (year[:, column].astype(int) for column in range(3))
    ghi, temp_c = year[:, 3], year[:, 4]
    number = numpy.minimum(number, 365)
    knot = numpy.minimum((number - 1) // 10, len(KNOT_DAYS) - 1)
    after = (knot + 1) % len(KNOT_DAYS)
    width = numpy.where(after == 0, 365 + KNOT_DAYS[0] - KNOT_DAYS[-1], 10)
    past = (number - numpy.array(KNOT_DAYS)[knot]) / width
    power = _drawn(knot, hour, ghi, clear_ghi, made) * (1 - past)
    power += _drawn(after, hour, ghi, clear_ghi, made) * past
    power = numpy.minimum(power * (1 - PER_C * (temp_c - _AIR_C)), design.ac_limit_w)
    return [float(power[month == one].sum()) for one in range(MONTHS)]


def _drawn(knot: Any, hour: Any, ghi: Any, clear_ghi: Any, made: Any) -> Any:
    """Give the power of hours with a given light, between the levels that were worked out."""
    numpy = import_module("numpy")
    clear = clear_ghi[knot, hour]
    share = numpy.where(clear > 1, ghi / numpy.maximum(clear, 1), 0.0).clip(0, _LEVELS[-1])
    step = _LEVELS[1]
    level = numpy.minimum((share / step).astype(int), len(_LEVELS) - 2)
    past = share / step - level
    return made[knot, hour, level] * (1 - past) + made[knot, hour, level + 1] * past
