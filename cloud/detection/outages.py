"""Outages of the grid: what many homes of a town see in one hour is no fault of theirs; pure."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.detection.codes import GRID_DISCONNECT
from cloud.detection.daylight import Place
from cloud.detection.hours import Hours, SiteHour, end_of_hour, start_of_hour
from cloud.detection.policy import (
    CELL,
    FEWEST_NEIGHBOURS,
    LATE_WINDOWS,
    OUTAGE_PAUSES,
    OUTAGE_SHARE,
)

_KM_PER_DEGREE = 111.2


@dataclass(frozen=True, slots=True)
class GridOutage:
    """The grid was gone, or out of bounds, for a part of a town.

    Attributes:
        cell: its name.
        hours: in which it was seen, in order; silence between them is not the end.
        sites: all sites of the cell, for the notice to them.
        shown_by: those that saw it.
    """

    cell: str
    hours: tuple[int, ...]
    sites: tuple[str, ...]
    shown_by: tuple[str, ...]

    @property
    def says(self) -> str:
        """One sentence for a person."""
        began = start_of_hour(self.hours[0])
        return (
            f"the grid was out or out of bounds for {len(self.shown_by)} of {len(self.sites)} "
            f"homes of cell {self.cell} since {began:%Y-%m-%d %H:%M} UTC"
        )


def grid_outages(
    hours: Hours, cells: Mapping[str, Collection[str]], known: Iterable[GridOutage] = ()
) -> tuple[GridOutage, ...]:
    """Give the outages of the grid, each for its cell and its hours (D-84).

    An hour belongs to one when more than a share of the cell's sites that were awake saw the grid
    gone, and enough were awake to tell; where one goes on, fewer are enough, for at night most
    sleep. Hours that are not far apart (D-84a) are one outage.

    Args:
        hours: site -> its hours.
        cells: cell -> its sites.
        known: outages of the evaluations before, that may go on.
    """
    last = {outage.cell: outage.hours[-1] for outage in known}
    found = []
    for cell, sites in sorted(cells.items()):
        awake: dict[int, int] = {}
        lost: dict[int, set[str]] = {}
        for site_id in sites:
            for hour in hours.get(site_id, ()):
                awake[hour.hour] = awake.get(hour.hour, 0) + hour.is_awake
                if hour.is_grid_lost:
                    lost.setdefault(hour.hour, set()).add(site_id)
        for number, shown in sorted(lost.items()):
            goes_on = cell in last and _is_near(last[cell], number)
            if _is_outage(len(shown), awake[number], start_of_hour(number), goes_on=goes_on):
                found.append(
                    GridOutage(cell, (number,), tuple(sorted(sites)), tuple(sorted(shown)))
                )
                last[cell] = number
    return merged(found)


def _is_outage(shown: int, awake: int, at: datetime, *, goes_on: bool) -> bool:
    day = at.date()
    fewest = 1 if goes_on else FEWEST_NEIGHBOURS.on(day)
    return awake >= fewest and shown > OUTAGE_SHARE.on(day) * awake


def _is_near(before: int, hour: int) -> bool:
    pause = OUTAGE_PAUSES.on(start_of_hour(hour).date()) / timedelta(hours=1)
    return 0 <= hour - before <= pause


def merged(outages: Iterable[GridOutage]) -> tuple[GridOutage, ...]:
    """Give outages with those joined that are one (D-84a), among them those that were known before.

    An outage that goes on keeps its first hour, so that its notice is sent once.
    """
    joined: list[GridOutage] = []
    for one in sorted(outages, key=lambda one: (one.cell, one.hours)):
        last = joined[-1] if joined else None
        if last is None or last.cell != one.cell or not _is_soon(last.hours[-1], one.hours[0]):
            joined.append(one)
            continue
        joined[-1] = GridOutage(
            one.cell,
            tuple(sorted({*last.hours, *one.hours})),
            tuple(sorted({*last.sites, *one.sites})),
            tuple(sorted({*last.shown_by, *one.shown_by})),
        )
    return tuple(joined)


def _is_soon(last: int, following: int) -> bool:
    pause = timedelta(hours=following - last - 1)
    return pause <= OUTAGE_PAUSES.on(start_of_hour(following).date())


def is_grid_out(
    site_id: str,
    hours: Sequence[SiteHour],
    outages: Iterable[GridOutage],
    *,
    since: datetime,
    now: datetime,
) -> bool:
    """Tell whether the grid was out at a home since the last evaluation, or shortly before (D-80).

    It was in an outage of its cell, and when its own inverter says that it is cut off: a failing
    battery is then all that the home has, whoever is to blame. A voltage out of bounds is none.

    Args:
        site_id: the home.
        hours: what it said.
        outages: those that are known.
        since: instant of the last evaluation.
        now: instant of this one.
    """
    first = since - LATE_WINDOWS.on(now.date())
    out = hours_out(outages).get(site_id, frozenset())
    own = {hour.hour for hour in hours if GRID_DISCONNECT in hour.grid}
    return any(first < end_of_hour(hour) <= now for hour in out | own)


def cells_of(places: Mapping[str, Place], *, now: datetime) -> dict[str, tuple[str, ...]]:
    """Give the sites of each cell (D-85): squares of the Earth, wider where sites are few.

    A site is in one cell. What is left in squares of the widest kind are cells too, however few.
    """
    day = now.date()
    cells: dict[str, tuple[str, ...]] = {}
    left = dict(places)
    *narrow, widest = CELL.on(day)
    for width_km in (*narrow, widest):
        squares: dict[str, list[str]] = {}
        for site_id, place in left.items():
            squares.setdefault(_square(place, width_km), []).append(site_id)
        for name, sites in squares.items():
            if len(sites) >= FEWEST_NEIGHBOURS.on(day) or width_km == widest:
                cells[name] = tuple(sorted(sites))
                for site_id in sites:
                    del left[site_id]
    return dict(sorted(cells.items()))


def _square(place: Place, width_km: float) -> str:
    row = math.floor(place.latitude * _KM_PER_DEGREE / width_km)
    middle = math.radians((row + 0.5) * width_km / _KM_PER_DEGREE)
    column = math.floor(place.longitude * _KM_PER_DEGREE * math.cos(middle) / width_km)
    return f"{width_km:.0f}km{row:+d}{column:+d}"


def hours_out(outages: Iterable[GridOutage]) -> dict[str, frozenset[int]]:
    """Give the hours in which the grid was out at each site of the cells."""
    found: dict[str, frozenset[int]] = {}
    for outage in outages:
        for site_id in outage.sites:
            found[site_id] = found.get(site_id, frozenset()) | frozenset(outage.hours)
    return found
