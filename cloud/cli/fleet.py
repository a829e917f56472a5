"""Reads the folder of a fleet, and writes what is made of it whole or not at all."""

import csv
import gzip
import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TextIO

from cloud.cli.baseline import Design, TypicalHour
from cloud.detection.daily import SiteDay
from cloud.detection.feed import FeedHour, Plane
from cloud.kernel.errors import BadInput, NotFound

_COLD_DAYS = 4
_P50 = tuple(f"p50_kwh_{month:02d}" for month in range(1, 13))
_SITE_COLUMNS = (
    "site_id",
    "latitude",
    "longitude",
    "utc_offset_hours",
    "ac_limit_w",
    "planes",
    *_P50,
)
_DAY_COLUMNS = (
    "site_id",
    "date",
    "pv_wh",
    "completeness",
    "throttled_fraction",
    "t_mean_c",
    "snow_possible",
)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the whole fleet, as it is fed."""

    date: date
    sites: tuple[SiteDay, ...]
    feed: tuple[FeedHour, ...] | None


@dataclass(frozen=True, slots=True)
class WeatherDay:
    """The weather of a fleet's day; what the folder does not tell is empty or None."""

    date: date
    hours: tuple[FeedHour, ...]
    mean_c: float | None
    is_snow_told: bool | None


def read_sites(path: Path) -> list[Design]:
    """Give the designs of a fleet."""
    found: dict[str, Design] = {}
    for line in _lines(path, _SITE_COLUMNS):
        design = Design(
            site_id=line.text("site_id"),
            latitude=line.number("latitude", -90, 90),
            longitude=line.number("longitude", -180, 180),
            utc_offset_hours=line.number("utc_offset_hours", -12, 14),
            ac_limit_w=line.number("ac_limit_w", 1),
            planes=_planes(line),
            p50_wh=tuple(1000 * line.number(column, 0) for column in _P50),
        )
        if design.site_id in found:
            raise line.wrong(f"site {design.site_id} is there twice: keep one of them")
        found[design.site_id] = design
    if not found:
        msg = f"{path}: no site is in it: give one line for each"
        raise BadInput(msg)
    return list(found.values())


def _planes(line: "_Line") -> tuple[Plane, ...]:
    try:
        planes = tuple(
            Plane(float(one["dc_w"]), float(one["tilt_deg"]), float(one["azimuth_deg"]))
            for one in json.loads(line.text("planes"))
        )
    except (ValueError, KeyError, TypeError) as wrong:
        msg = "planes is a JSON list of dc_w, tilt_deg and azimuth_deg"
        raise line.wrong(msg) from wrong
    if not planes or not all(0 < plane.dc_w < math.inf for plane in planes):
        raise line.wrong("planes needs at least one plane, and dc_w above zero in each")
    if not all(math.isfinite(plane.tilt_deg + plane.azimuth_deg) for plane in planes):
        raise line.wrong("planes needs numbers for tilt_deg and azimuth_deg")
    return planes


def read_typical_year(path: Path) -> list[TypicalHour]:
    """Give the typical year behind the designs."""
    return [
        TypicalHour(
            month=int(line.number_in(line.text("month_day")[:2], "month_day", 1, 12)),
            day=int(line.number_in(line.text("month_day")[3:], "month_day", 1, 31)),
            hour=int(line.number("hour", 0, 23)),
            ghi_wh_m2=line.number("ghi_wh_m2", 0),
            temp_c=line.number("temp_c", -90, 70),
        )
        for line in _lines(path, ("month_day", "hour", "ghi_wh_m2", "temp_c"))
    ]


def read_days(folder: Path, sites: set[str]) -> list[Day]:
    """Give the fleet's days in order of time, each with the feed of its hours where there is one.

    The order of the lines and a line that is there twice change nothing.
    """
    path = folder / "days.csv.gz"
    lines: dict[date, dict[str, tuple[SiteDay, float | None]]] = {}
    for line in _lines(path, _DAY_COLUMNS):
        told, mean_c = _site_day(line, sites)
        of_day = lines.setdefault(line.day("date"), {})
        if of_day.setdefault(told.site_id, (told, mean_c)) != (told, mean_c):
            raise line.wrong(f"{told.site_id} has two different lines for a day: keep one of them")
    feed = _read_feed(folder / "hours.csv.gz")
    recent: dict[str, deque[tuple[date, float]]] = {}
    days = []
    for day in sorted(lines):
        sites_of_day = []
        for site_id, (told, mean_c) in sorted(lines[day].items()):
            cold = recent.setdefault(site_id, deque(maxlen=_COLD_DAYS))
            if mean_c is not None:
                cold.append((day, mean_c))
            known = [value for at, value in cold if (day - at).days < _COLD_DAYS]
            mean = math.fsum(known) / len(known) if known else None
            sites_of_day.append(replace(told, mean_4d_c=mean))
        days.append(Day(day, tuple(sites_of_day), feed.get(day)))
    return days


def read_weather(folder: Path) -> list[WeatherDay]:
    """Give the weather of the fleet's days in order of time; an untold day is not there.

    The temperature of a day is the mean of what its sites' lines tell. Snow may lie when at least
    half of the lines that say something of it say so.

    Raises:
        NotFound: the folder has neither days nor hours.
    """
    feed = _read_feed(folder / "hours.csv.gz")
    means: dict[date, list[float]] = {}
    snow: dict[date, list[float]] = {}
    days = folder / "days.csv.gz"
    if days.exists() or not feed:
        for line in _lines(days, ("date", "t_mean_c", "snow_possible")):
            for column, least, most, told in (
                ("t_mean_c", -90, 70, means),
                ("snow_possible", 0, 1, snow),
            ):
                value = line.maybe(column, least, most)
                if value is not None:
                    told.setdefault(line.day("date"), []).append(value)
    return [
        WeatherDay(
            date=day,
            hours=feed.get(day, ()),
            mean_c=round(math.fsum(means[day]) / len(means[day]), 2) if day in means else None,
            is_snow_told=2 * sum(snow[day]) >= len(snow[day]) if day in snow else None,
        )
        for day in sorted({*feed, *means, *snow})
    ]


def _site_day(line: "_Line", sites: set[str]) -> tuple[SiteDay, float | None]:
    site_id = line.text("site_id")
    if site_id not in sites:
        raise line.wrong(f"site {site_id!r} is not in sites.csv: add it there")
    energy = line.maybe("pv_wh", 0)
    snow = line.maybe("snow_possible", 0, 1)
    told = SiteDay(
        site_id=site_id,
        actual_wh=None if energy is None else round(energy),
        completeness=line.number("completeness", 0, 1),
        throttled_share=line.maybe("throttled_fraction", 0, 1) or 0.0,
        is_snow_told=None if snow is None else bool(snow),
    )
    return told, line.maybe("t_mean_c", -90, 70)


def _read_feed(path: Path) -> dict[date, tuple[FeedHour, ...]]:
    if not path.exists():
        return {}
    hours: dict[date, dict[int, FeedHour]] = {}
    for line in _lines(path, ("date", "hour", "ghi_wh_m2", "temp_c")):
        hour = int(line.number("hour", 0, 23))
        hours.setdefault(line.day("date"), {})[hour] = FeedHour(
            hour, line.number("ghi_wh_m2", 0), line.number("temp_c", -90, 70)
        )
    return {day: tuple(known[hour] for hour in sorted(known)) for day, known in hours.items()}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a file, which knows where it stands when something is wrong with it."""

    path: Path
    number_of_line: int
    cells: Mapping[str, str]

    def wrong(self, what: str) -> BadInput:
        """Give the error that names the line."""
        return BadInput(f"{self.path}, line {self.number_of_line}: {what}")

    def text(self, column: str) -> str:
        value = (self.cells[column] or "").strip()
        if not value:
            raise self.wrong(f"{column} is empty")
        return value

    def number(self, column: str, least: float, most: float = math.inf) -> float:
        return self.number_in(self.text(column), column, least, most)

    def maybe(self, column: str, least: float, most: float = math.inf) -> float | None:
        """Give a number, None when the cell is empty: unknown is never zero."""
        if not (self.cells[column] or "").strip():
            return None
        return self.number(column, least, most)

    def number_in(self, value: str, column: str, least: float, most: float) -> float:
        try:
            number = float(value)
        except ValueError as wrong:
            raise self.wrong(f"{column} is a number, not {value!r}") from wrong
        if not least <= number <= most or math.isinf(number):
            raise self.wrong(f"{column} is {value}, outside {least:g} to {most:g}")
        return number

    def day(self, column: str) -> date:
        try:
            return date.fromisoformat(self.text(column))
        except ValueError as wrong:
            raise self.wrong(f"{column} is a day like 2026-11-08") from wrong


def _lines(path: Path, columns: Sequence[str]) -> Iterator[_Line]:
    """Give the lines of a table, plain or zipped, once it has all columns.

    Raises:
        NotFound: there is no such file.
        BadInput: it cannot be read, or a column or a cell is missing.
    """
    opened: Callable[..., object] = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", newline="", encoding="utf-8-sig") as file:  # type: ignore[attr-defined]
            reader = csv.DictReader(file)
            missing = [one for one in columns if one not in (reader.fieldnames or ())]
            if missing:
                msg = f"{path}: column {', '.join(missing)} is missing: add it"
                raise BadInput(msg)
            for cells in reader:
                line = _Line(path, reader.line_num, cells)
                if any(cells[one] is None for one in columns):
                    raise line.wrong("it has fewer cells than the first line")
                yield line
    except FileNotFoundError as wrong:
        msg = f"{path}: there is no such file: give the folder of a fleet"
        raise NotFound(msg) from wrong
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as wrong:
        msg = f"{path}: it cannot be read ({wrong}): write it anew"
        raise BadInput(msg) from wrong


@contextmanager
def appearing_whole(path: Path) -> Iterator[TextIO]:
    """Give a file to write, which appears under its name when all is written, and else never."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("w", newline="", encoding="utf-8") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
