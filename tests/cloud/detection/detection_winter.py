"""A real winter with real snow, and homes around it that had the same weather.

The real site is PVDAQ system 50 in `tests/data`. Its neighbours are made of the satellite's light
and the air's warmth at its place, which know nothing of what the site made. A day that is dark and
cold enough for snow covers their roofs; from the next day on it slides off by tilt and sun (Marion,
Schaefer, Caine and Sanchez, 2013: while the air is warmer than -1 C for each 80 W/m2, by 0.197 of
the roof in an hour, times the sine of the tilt). Roofs differ in how fast.
"""

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from cloud.detection.baseline import KNOT_DAYS, Baseline
from cloud.detection.daily import Region, SiteDay, Track, judge_day
from cloud.detection.feed import FeedHour, Plane, SkyHour, energy_wh, sky_of, sun
from cloud.detection.neighbours import neighbourhoods
from cloud.detection.policy import FIRST
from cloud.detection.terms import terms_on
from cloud.detection.verdict import Verdict

FILE = Path(__file__).parents[2] / "data" / "pvdaq_system_50_winter.csv"
REAL = "PVDAQ50"
LATITUDE, LONGITUDE, OFFSET_HOURS = 39.7406, -105.17, -7
PLANE = Plane(3400, 45, 180)
"""What fits its clear autumn days; the scale is learned, so that only the angle matters."""
NEIGHBOURS = 12
_SLIDES_PER_HOUR = 0.197
_SLIDES_BELOW = -80.0
_STORM_LIGHT = 0.6
"""Share of a cloudless day's light."""
RAIN_ABOVE_C = 2.0
"""Where snow turns into rain, give or take a degree; the source tells no frost, only zero."""
_TERMS = terms_on(FIRST)


@dataclass(frozen=True, slots=True)
class WinterDay:
    """A day of the fixture."""

    day: date
    wh: int
    completeness: float
    mean_c: float
    hours: tuple[FeedHour, ...]


@cache
def winter() -> tuple[WinterDay, ...]:
    """Give the days of the fixture, in order."""
    with FILE.open(newline="", encoding="ascii") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return tuple(_winter_day(row) for row in rows)


def _winter_day(row: Mapping[str, str]) -> WinterDay:
    hours = sorted(int(name[1:]) for name in row if name[0] == "g")
    return WinterDay(
        day=date.fromisoformat(row["day"]),
        wh=int(row["wh"]),
        completeness=int(row["samples"]) / 96,
        mean_c=float(row["mean_c"]),
        hours=tuple(
            FeedHour(hour, float(row[f"g{hour:02d}"]), float(row[f"t{hour:02d}"])) for hour in hours
        ),
    )


def clear_hours(day: date, temp_c: float = 10.0) -> tuple[FeedHour, ...]:
    """Give the hours of a cloudless day (Haurwitz 1945)."""
    return tuple(FeedHour(hour, _clear_wh(day, hour), temp_c) for hour in range(4, 21))


@cache
def _clear_wh(day: date, hour: int) -> float:
    here = {"latitude": LATITUDE, "longitude": LONGITUDE, "utc_offset_hours": OFFSET_HOURS}
    heights = [sun(day, hour + part, **here)[2] for part in (0.125, 0.375, 0.625, 0.875)]
    return sum(1098 * up * math.exp(-0.057 / up) for up in heights if up > 0.01) / 4


def _made(plane: Plane, day: date, hours: tuple[FeedHour, ...]) -> float:
    return energy_wh((plane,), plane.dc_w, _sky(day, hours))


@cache
def _sky(day: date, hours: tuple[FeedHour, ...]) -> tuple[SkyHour, ...]:
    return sky_of(day, hours, latitude=LATITUDE, longitude=LONGITUDE, utc_offset_hours=OFFSET_HOURS)


def a_share(*of: object) -> float:
    """Give a number from 0 to 1 that is the same for the same things, and else as if drawn."""
    place = sum(ord(letter) * (index + 1) ** 2 for index, letter in enumerate(repr(of)))
    return math.sin(place * 12.9898) * 43758.5453 % 1


def planes() -> dict[str, Plane]:
    """Give the roofs: the real one, and others as they stand on a street."""
    found = {REAL: PLANE}
    for number in range(NEIGHBOURS):
        tilt = 18 + 27 * a_share("tilt", number)
        azimuth = 140 + 80 * a_share("azimuth", number)
        found[f"N{number:02d}"] = Plane(5000 + 300 * number, tilt, azimuth)
    return found


@cache
def region() -> Region:
    """Give the real site among its neighbours, all within a few kilometres."""
    sites = [
        Baseline(
            site_id=name,
            latitude=LATITUDE + 0.004 * (index % 4),
            longitude=LONGITUDE + 0.006 * (index // 4),
            utc_offset_hours=OFFSET_HOURS,
            ac_limit_w=plane.dc_w,
            planes=(plane,),
            clear_sky_wh=tuple(
                _made(plane, day, clear_hours(day))
                for day in (date(2013, 1, 1) + timedelta(days=one - 1) for one in KNOT_DAYS)
            ),
        )
        for index, (name, plane) in enumerate(planes().items())
    ]
    return Region({site.site_id: site for site in sites}, neighbourhoods(sites, FIRST))


@cache
def made_around(snow_below_c: float | None) -> dict[str, tuple[int, ...]]:
    """Give what each neighbour made on each day, in Wh; without snow when it falls at no warmth."""
    stormy = [snow_below_c is not None and is_storm(one, snow_below_c) for one in winter()]
    return {
        name: tuple(_neighbour_days(name, plane, stormy))
        for name, plane in planes().items()
        if name != REAL
    }


def is_storm(one: WinterDay, snow_below_c: float = RAIN_ABOVE_C) -> bool:
    """Tell whether a day is dark and cold enough for snow, by the weather alone."""
    light = sum(hour.ghi_wh_m2 for hour in one.hours)
    clear = sum(_clear_wh(one.day, hour.hour) for hour in one.hours)
    return one.mean_c < snow_below_c and light < _STORM_LIGHT * clear


def _neighbour_days(name: str, plane: Plane, stormy: list[bool]) -> Iterator[int]:
    covered = 0.0
    pace = 0.4 + 1.2 * a_share("pace", name)
    slide = _SLIDES_PER_HOUR * math.sin(math.radians(plane.tilt_deg)) * pace
    for one, snows in zip(winter(), stormy, strict=True):
        covered = 1.0 if snows else covered
        lit = []
        for hour in one.hours:
            # A bare roof has the day's own light, whose sky is worked out once for all roofs.
            bare = hour.ghi_wh_m2 * (1 - covered)
            lit.append(replace(hour, ghi_wh_m2=bare) if covered else hour)
            slides = hour.ghi_wh_m2 > 0 and hour.temp_c > hour.ghi_wh_m2 / _SLIDES_BELOW
            if slides and not snows:
                covered = max(0.0, covered - slide)
        wobble = 1 + 0.06 * (a_share(name, one.day.toordinal()) - 0.5)
        yield round(_made(plane, one.day, tuple(lit)) * wobble)


@dataclass
class Winter:
    """What became of the real site, day by day, and of all sites."""

    verdicts: dict[date, Verdict] = field(default_factory=dict)
    cases: list[tuple[str, date]] = field(default_factory=list)
    visits: list[tuple[str, date]] = field(default_factory=list)


def judged(
    *,
    temperatures: bool = True,
    feed: bool = False,
    snow_below_c: float | None = RAIN_ABOVE_C,
    is_snow_told: Callable[[WinterDay], bool | None] = lambda day: None,
    share: Callable[[WinterDay], float] = lambda day: 1.0,
) -> Winter:
    """Judge the winter.

    Args:
        temperatures: whether the air's warmth is known.
        feed: whether an hourly feed of light is there.
        snow_below_c: how cold a dark day must be for snow to fall on the neighbours; None for bare
            roofs all winter.
        is_snow_told: what a weather feed says of snow on a day; None when there is none.
        share: what is left on a day of what the real site made.
    """
    here, around = region(), made_around(snow_below_c)
    tracks: dict[str, Track] = {}
    found = Winter()
    for index, one in enumerate(winter()):
        mean = [past.mean_c for past in winter()[max(0, index - 3) : index + 1]]
        known = {
            "mean_4d_c": sum(mean) / len(mean) if temperatures else None,
            "is_snow_told": is_snow_told(one),
        }
        rows = [SiteDay(REAL, round(one.wh * share(one)), one.completeness, **known)]
        rows += [SiteDay(name, days[index], 1.0, **known) for name, days in around.items()]
        before = tracks
        tracks, verdicts = judge_day(
            one.day, here, before, rows, terms=_TERMS, feed=one.hours if feed else None
        )
        found.verdicts[one.day] = verdicts[REAL]
        for name, track in tracks.items():
            if track.standing.case_on == one.day:
                found.cases.append((name, one.day))
            if track.standing.visit_on == one.day:
                found.visits.append((name, one.day))
    return found
