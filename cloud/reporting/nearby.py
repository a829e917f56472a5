"""The homes around one home, and how each of them did on a day: what a map of neighbours shows."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.detection.evidence import DayLine, unpacked
from cloud.detection.models import RegionRoster, SiteTrack, north_and_east, place_of
from cloud.detection.policy import MOST_NEIGHBOURS, NEAR
from cloud.kernel.ports import Records
from cloud.portfolio.models import Site

_MILES_PER_DEGREE = 69.1
_KM_PER_MILE = 1.609344


class Did(StrEnum):
    """How a home did on a day, as far as it says anything about its system."""

    WELL = "well"
    LOW = "low"
    UNCOUNTED = "does not count"
    """Something was made, but snow, the meter or the grid had its part: it proves nothing."""
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class NearHome:
    """One home and its day.

    Attributes:
        north_miles, east_miles: how far it lies from the home in the middle.
        line: its day beside what was expected of it; None where nothing is kept of that day.
    """

    site_id: str
    address: str
    north_miles: float
    east_miles: float
    line: DayLine | None

    @property
    def miles(self) -> float:
        """How far it is, in a straight line."""
        return math.hypot(self.north_miles, self.east_miles)

    @property
    def did(self) -> Did:
        """How it did; only a day that counts is well or low."""
        if self.line is None or self.line.ratio is None:
            return Did.UNKNOWN
        if not self.line.is_counted:
            return Did.UNCOUNTED
        return Did.LOW if self.line.is_low else Did.WELL


@dataclass(frozen=True, slots=True)
class Around:
    """A home in the middle, and the homes that it is judged beside, the nearest first."""

    day: date
    here: NearHome
    homes: tuple[NearHome, ...]

    def those(self, did: Did) -> tuple[NearHome, ...]:
        """Give those that did so; every home did one of the four."""
        return tuple(one for one in self.homes if one.did is did)


def lines_of(track: SiteTrack | None) -> tuple[DayLine, ...]:
    """Give what is kept of a home's days, oldest first; nothing where nothing can be read."""
    return (unpacked(track.lines) or ()) if track else ()


def around(records: Records, site: Site, *, day: date) -> Around:
    """Give the homes of a home's region that lie near enough to be asked, with their day (D-66).

    As many as detection asks at most (D-68). A home alone in its region has nobody around it. The
    roster tells who may be among them; those are loaded together, and then the days of the near
    ones.
    """
    roster = records.load(RegionRoster, site.region)
    others = _perhaps_near(roster.record, site, day) if roster else []
    sites = [one.record for one in records.load_all(Site, others).values()] if others else []
    near = _nearest(site, sites, day)
    tracks = records.load_all(SiteTrack, [site.id, *(one.id for one in near)])

    def seen(one: Site) -> NearHome:
        track = tracks.get(one.id)
        lines = {line.day: line for line in lines_of(track.record if track else None)}
        north, east = _offset(site, one)
        return NearHome(one.id, one.address, north, east, lines.get(day))

    return Around(day, seen(site), tuple(seen(one) for one in near))


def telling_day(lines: Iterable[DayLine], *, until: date | None = None) -> date | None:
    """Give the day that a map is best drawn of: the last low one, else the last that counts.

    Where none counts it is the last day all the same: whoever shows it says that it does not count.

    Args:
        lines: of the home in the middle.
        until: the last day to look at; None for the latest.
    """
    known = [one for one in lines if until is None or one.day <= until]
    low = [one.day for one in known if one.is_low]
    counted = [one.day for one in known if one.is_counted]
    return max(low or counted or [one.day for one in known], default=None)


def _perhaps_near(roster: RegionRoster, site: Site, day: date) -> list[str]:
    """Give the homes among which the nearest are: twice as many, for the roster's places are rough.

    A roster from before places were kept names all homes of the region.
    """
    others = [one for one in roster.site_ids if one != site.id]
    if len(roster.places) != len(roster.site_ids):
        return others
    here_north, here_east = north_and_east(place_of(site))
    narrow = math.cos(math.radians(site.latitude))

    def far(place: int) -> float:
        north, east = north_and_east(place)
        return math.hypot(north - here_north, (east - here_east) * narrow)

    places = dict(zip(roster.site_ids, map(far, roster.places), strict=True))
    return sorted(others, key=lambda one: (places[one], one))[: 2 * MOST_NEIGHBOURS.on(day)]


def _nearest(site: Site, sites: Iterable[Site], day: date) -> list[Site]:
    reach_miles = max(NEAR.on(day)) / _KM_PER_MILE
    placed = sorted((math.hypot(*_offset(site, one)), one.id, one) for one in sites)
    return [one for miles, _, one in placed if miles <= reach_miles][: MOST_NEIGHBOURS.on(day)]


def _offset(here: Site, there: Site) -> tuple[float, float]:
    """Give how far north and east a home lies; over such distances the Earth is flat."""
    narrow = math.cos(math.radians(here.latitude))
    return (
        (there.latitude - here.latitude) * _MILES_PER_DEGREE,
        (there.longitude - here.longitude) * _MILES_PER_DEGREE * narrow,
    )
