"""What detection remembers of sites and regions, and what it tells."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from math import floor
from typing import Any

from cloud.detection.baseline import Baseline
from cloud.detection.feed import FeedHour
from cloud.portfolio.models import Site

_PLACES = 1000
"""Steps of a square of one degree, each way."""


class Tier(StrEnum):
    """How sure detection is."""

    LITERAL = "literal"
    """The rule as agreed: a case, and a notice to the customer."""
    DISPATCH = "dispatch"
    """Sure enough to send somebody."""


@dataclass(frozen=True, slots=True)
class JudgedDay:
    """A day beside what was expected of it, as the rule of three low days sees it.

    Attributes:
        expected_wh: None when the day cannot be judged (few neighbours, they disagree, a gap).
    """

    day: date
    actual_wh: int | None
    expected_wh: int | None

    @property
    def is_judged(self) -> bool:
        """Tell whether the day has a verdict at all."""
        return self.actual_wh is not None and self.expected_wh is not None


@dataclass(frozen=True, slots=True)
class IssueClock:
    """How long something has been wrong.

    Attributes:
        family: the issue's name in the code table.
        since: the first bad observation; the 48 hours count from here (D-12).
        good_evaluations: evaluations in a row that saw it gone.
        chunk_id: the chunk that holds the first bad observation.
        devices: serial numbers of the devices that showed it: only they can say that it is gone.
        present_hours: hours of daylight with it, of issues that add them up (D-81).
    """

    family: str
    since: datetime
    good_evaluations: int = 0
    chunk_id: str = ""
    devices: tuple[str, ...] = ()
    present_hours: int = 0


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What was measured of a site, by its own chunks alone.

    Attributes:
        id: the site's.
        rows: the last days, oldest first, packed (`cloud.detection.packed`).
        clocks: issues under way; of some, only the neighbours can tell whether they are issues.
        shares: the part of each MPPT input, as it was learned.
        measured_at: instant of the last evaluation that read its chunks.
    """

    id: str
    rows: tuple[tuple[Any, ...], ...] = ()
    clocks: tuple[IssueClock, ...] = ()
    shares: tuple[tuple[str, float], ...] = ()
    measured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What the sites of a part of a region said at an evaluation, for their neighbours to hear.

    Attributes:
        id: the region and the part's number.
        at: the evaluation's instant.
        rows: site, its hours, and the issues that it shows and cannot prove by itself, packed.
    """

    id: str
    at: datetime
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was found and is not over.

    Attributes:
        issue: the issue's name, or PRODUCTION.
        family: the family under which it was told: a fault and what it costs are one.
        since: the clock's beginning, or the first low day.
    """

    issue: str
    family: str
    since: str
    tier: Tier


@dataclass(frozen=True, slots=True)
class SiteTrack:
    """What was judged of a site, beside its region: a pure function of the region's facts.

    Attributes:
        id: the site's.
        settled: packed track before the oldest day that may still be judged anew.
        recent: the same before the days that are often still on their way.
        latest: the same after the last judged day.
        lines: the last days as evidence, oldest first, packed.
        told: what was found and is not over.
        clocks: issues under way that the neighbours confirmed.
        clocks_at: the evaluation that moved them last; the same one again leaves them.
        watched_in: its region while it is on the watch-list, which is never a case; else empty.
        older, newer: digests of the facts between `settled` and `recent`, and from there on:
            another one means that a day became known, or changed, after it was judged.
        learned_on: what stands for the baseline that its scales were learned on; empty when it
            was not kept, and then it is taken to be the present one.
    """

    id: str
    settled: tuple[Any, ...] = ()
    recent: tuple[Any, ...] = ()
    latest: tuple[Any, ...] = ()
    lines: tuple[Any, ...] = ()
    told: tuple[Told, ...] = ()
    clocks: tuple[IssueClock, ...] = ()
    clocks_at: datetime | None = None
    watched_in: str = ""
    older: str = ""
    newer: str = ""
    learned_on: str = ""


@dataclass(frozen=True, slots=True)
class SiteBaseline:
    """A site's baseline as the baseline job worked it out, at commissioning and once a year."""

    id: str
    baseline: Baseline
    built_on: date


@dataclass(frozen=True, slots=True)
class RegionWeather:
    """The weather of a region's day, as whoever provides weather tells it; not all is told.

    Attributes:
        id: the region and the day, as `weather_id` makes it.
        day: on the region's standard clock.
        hours: light and air of the hours of daylight; empty without an hourly feed.
        mean_c: mean air temperature of the day, None when it is not told.
        is_snow_told: whether snow may lie on the roofs, None when it is not told.
    """

    id: str
    day: date
    hours: tuple[FeedHour, ...] = ()
    mean_c: float | None = None
    is_snow_told: bool | None = None


def weather_id(region_id: str, day: date) -> str:
    """Give the id under which the weather of a region's day is kept."""
    return f"{region_id}/{day}"


@dataclass(frozen=True, slots=True)
class RegionRoster:
    """Who is judged together: the commissioned sites of one square and one clock, in order.

    Attributes:
        places: where each of them lies, as `place_of` tells; empty where that was not kept yet.
    """

    id: str
    site_ids: tuple[str, ...]
    places: tuple[int, ...] = ()


def place_of(site: Site) -> int:
    """Give where a site lies in its square: thousandths of a degree north, and east, in one number.

    To a tenth of a kilometre: enough to tell who is near before thousands of sites are loaded.
    """
    north, east = site.latitude - floor(site.latitude), site.longitude - floor(site.longitude)
    return int(north * _PLACES) * _PLACES + int(east * _PLACES)


def north_and_east(place: int) -> tuple[int, int]:
    """Give the thousandths of a degree that `place_of` put into one number."""
    return divmod(place, _PLACES)


@dataclass(frozen=True, slots=True)
class RegionSweep:
    """How far the latest evaluation of a region has come.

    Attributes:
        id: the region's clock and square.
        utc_offset_hours: the clock.
        at: the evaluation's instant.
        shards: in how many parts its sites are measured.
        measured: numbers of the parts that are done, in order.
        since: the latest evaluation before this one of which all parts were measured.
        judged_at: the evaluation's instant once it was judged, held back or not.
        resent: how often parts that did not answer were sent again.
        replay_from: first day that is measured and judged anew, None for the usual sweep.
        replayed_at: when that was asked for.
    """

    id: str
    utc_offset_hours: int
    at: datetime
    shards: int
    measured: tuple[int, ...] = ()
    since: datetime | None = None
    judged_at: datetime | None = None
    resent: int = 0
    replay_from: date | None = None
    replayed_at: datetime | None = None

    @property
    def is_measured(self) -> bool:
        """Tell whether all parts are done."""
        return len(self.measured) == self.shards


class HoldState(StrEnum):
    """What became of findings that were held back."""

    HELD = "held"
    """Nothing of it leaves until somebody decides."""
    RELEASED = "released"
    """A person looked, and it is true."""
    DISCARDED = "discarded"
    """A person looked, and it is not: it counts as told, and nobody is told."""
    OVER = "over"
    """It is not found any more, or is no longer too much."""


@dataclass(frozen=True, slots=True)
class SweepHold:
    """Findings that were too many to be believed, until a person decides (D-97, D-98).

    Attributes:
        id: the region's clock and square.
        finding_ids: what was held back; a decision covers these and no others.
        sites: how many sites were looked at.
        says: the reason, for a person.
    """

    id: str
    state: HoldState
    finding_ids: tuple[str, ...]
    sites: int
    held_at: datetime
    says: str
    examples: tuple[str, ...] = ()
    decided_by: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SweepTally:
    """At how many sites the sweep of one clock has found something new so far.

    Attributes:
        id: the clock, as hours from UTC.
        at: the evaluation's instant.
        sites: all sites of the clock.
        opening: region -> its sites at which something new was found, where there are any.
    """

    id: str
    at: datetime
    sites: int
    opening: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RegionOutages:
    """The outages of the grid that a region knows of, until they are over for long enough.

    Attributes:
        id: the region's clock and square.
        rows: cell, hours, sites, and those that showed it, packed.
    """

    id: str
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class RegionKinds:
    """The kinds of device of a region that make less than all others, and were told of.

    Attributes:
        id: the region's clock and square.
        kinds: make and model.
    """

    id: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is wrong at a site, by a rule, with the evidence.

    Attributes:
        id: made from the site, the issue and the onset.
        family: what its case stands under: a fault and what it costs are one family.
        rule: id of the rule that it follows.
        onset: the first low day, or the first bad observation's day.
        says: one sentence for a person.
        evidence: one line a day, or the observations, as shown on the case.
        causes: ids of the chunks behind it.
        hazard: what may hurt somebody, in the words of the emergency rules; empty when nothing.
        is_grid_out: the grid was out around the site as well.
        summary: its days in words for the homeowner; empty when they are not the reason.
        picture: where its days are drawn, in the document store; empty when nothing is.
    """

    id: str
    site_id: str
    family: str
    tier: Tier
    rule: str
    onset: date
    found_at: datetime
    says: str
    evidence: tuple[str, ...]
    causes: tuple[str, ...]
    hazard: str = ""
    is_grid_out: bool = False
    summary: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found is over: the telemetry is good again."""

    id: str
    site_id: str
    family: str
    seen_at: datetime
    says: str
