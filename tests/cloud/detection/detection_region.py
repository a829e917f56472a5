"""A small region for tests: sites beside each other, days that are all alike, one that is not."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from cloud.detection.baseline import KNOT_DAYS, Baseline
from cloud.detection.daily import Region, SiteDay, Track, judge_day
from cloud.detection.feed import FeedHour, Plane
from cloud.detection.neighbours import neighbourhoods
from cloud.detection.policy import FIRST
from cloud.detection.terms import Terms, terms_on
from cloud.detection.verdict import Reason, Verdict

CLEAR_WH = 40_000
START = date(2026, 5, 1)
TERMS = terms_on(FIRST)
A_DAY = timedelta(days=1)


def a_baseline(name: str, *, east_km: float = 0.0, clear_wh: float = CLEAR_WH) -> Baseline:
    return Baseline(
        site_id=name,
        latitude=40.0,
        longitude=-105.0 + east_km / 111.2 / math.cos(math.radians(40.0)),
        utc_offset_hours=-7,
        ac_limit_w=7600,
        planes=(Plane(8000, 25, 180),),
        clear_sky_wh=(float(clear_wh),) * len(KNOT_DAYS),
    )


def a_region(count: int = 8, *, apart_km: float = 1.0, clear_wh: float = CLEAR_WH) -> Region:
    sites = [a_baseline(f"S{n}", east_km=n * apart_km, clear_wh=clear_wh) for n in range(count)]
    return Region({site.site_id: site for site in sites}, neighbourhoods(sites, FIRST))


def wobble(name: str, day: date) -> float:
    """Give a little of its own to each site and day, the same each time, within 2 %."""
    return 1 + 0.02 * math.sin(7.3 * int(name[1:]) + 2.1 * day.toordinal())


def told(name: str, day: date, share: float = 0.9) -> SiteDay:
    return SiteDay(name, round(CLEAR_WH * share * wobble(name, day)), 1.0)


Change = Callable[[SiteDay], SiteDay]


@dataclass
class Played:
    """What became of a region, day by day."""

    tracks: Mapping[str, Track] = field(default_factory=dict)
    verdicts: dict[tuple[str, date], Verdict] = field(default_factory=dict)
    opened: list[tuple[str, date]] = field(default_factory=list)
    visits: list[tuple[str, date]] = field(default_factory=list)
    watched: list[tuple[str, date]] = field(default_factory=list)

    def reason(self, name: str, day: date) -> Reason:
        return self.verdicts[name, day].reason


def play(
    region: Region,
    days: int,
    *,
    shares: Callable[[date], float] = lambda day: 0.9,
    changes: Mapping[tuple[str, int], Change] | None = None,
    order: Callable[[Iterable[SiteDay]], Iterable[SiteDay]] = lambda rows: rows,
    feed: Callable[[date], tuple[FeedHour, ...]] | None = None,
    terms: Terms = TERMS,
    scale: float = 1.0,
) -> Played:
    """Judge a region for so many days; `changes` says what is different, by site and day."""
    played = Played()
    for number in range(days):
        day = START + number * A_DAY
        rows = [told(name, day, shares(day)) for name in region.baselines]
        rows = [replace(row, actual_wh=round((row.actual_wh or 0) * scale)) for row in rows]
        rows = [(changes or {}).get((row.site_id, number), lambda same: same)(row) for row in rows]
        before = played.tracks
        played.tracks, verdicts = judge_day(
            day, region, before, order(rows), terms=terms, feed=feed(day) if feed else None
        )
        for name, verdict in verdicts.items():
            played.verdicts[name, day] = verdict
            now = played.tracks[name].standing
            was = before[name].standing if name in before else None
            if now.case_on == day and not (was and was.case_on):
                played.opened.append((name, day))
            if now.visit_on == day and not (was and was.visit_on):
                played.visits.append((name, day))
            if now.watch_on == day and not (was and was.watch_on):
                played.watched.append((name, day))
    return played


def makes(share: float) -> Change:
    """Give a change: the site makes this share of what it would have made."""
    return lambda row: replace(row, actual_wh=round((row.actual_wh or 0) * share))


def silent(row: SiteDay) -> SiteDay:
    return replace(row, actual_wh=None, completeness=0.0)
