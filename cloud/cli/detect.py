"""Replays a fleet's days through detection, day by day, and writes the cases that it opens."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from cloud.cli.baseline import built
from cloud.cli.fleet import Day, appearing_whole, read_days, read_sites, read_typical_year
from cloud.cli.saying import say
from cloud.cli.screen import counted
from cloud.detection.baseline import Baseline
from cloud.detection.daily import Region, Track, judge_day
from cloud.detection.neighbours import neighbourhoods
from cloud.detection.policy import FIRST
from cloud.detection.terms import terms_on
from cloud.detection.verdict import NEW, Standing
from cloud.kernel.csv_text import csv_text

HEADER = ("site_id", "opened_on", "tier", "closed_on")
TIERS = {"literal": "case_on", "dispatch": "visit_on", "advisory": "watch_on"}
"""Tier -> where its first day stands in a site's standing."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One line of the answer; `closed_on` is None while it is open at the end of the days."""

    site_id: str
    opened_on: date
    tier: str
    closed_on: date | None = None


def detect(options: argparse.Namespace) -> int:
    """Replay the fleet of a folder and write its cases."""
    designs = read_sites(options.fleet / "sites.csv")
    typical = read_typical_year(options.fleet / "design_hours.csv.gz")
    days = read_days(options.fleet, {design.site_id for design in designs})
    worked_out = counted(built(designs, typical), "baselines", len(designs))
    known = {one.site_id: one for one in worked_out}
    opened = replay(known, counted(days, "days", len(days)))
    write_cases(options.out, opened)
    counts = ", ".join(f"{sum(one.tier == tier for one in opened)} {tier}" for tier in TIERS)
    say(f"{len(designs)} sites, {len(days)} days: {counts} in {options.out}")
    return 0


def replay(known: Mapping[str, Baseline], days: Iterable[Day]) -> list[Opened]:
    """Give what opens, and when it closes, over a fleet's days in order of time.

    Days before the rule book's first one are judged by its first numbers. What opens on a day
    follows from the days up to it only: each is judged before the next one is looked at.
    """
    region = Region(known, neighbourhoods(known.values(), FIRST))
    tracks: dict[str, Track] = {}
    opened: dict[tuple[str, str], Opened] = {}
    over: list[Opened] = []
    for day in days:
        terms = terms_on(max(day.date, FIRST))
        before = tracks
        tracks, _ = judge_day(day.date, region, before, day.sites, terms=terms, feed=day.feed)
        for site_id in sorted({one.site_id for one in day.sites}):
            was = before[site_id].standing if site_id in before else NEW
            for tier, closed in _moved(was, tracks[site_id].standing):
                key = (site_id, tier)
                if closed:
                    over.append(replace(opened.pop(key), closed_on=day.date))
                else:
                    opened[key] = Opened(site_id, day.date, tier)
    return sorted([*over, *opened.values()], key=lambda one: (one.opened_on, one.site_id, one.tier))


def _moved(was: Standing, now: Standing) -> Iterator[tuple[str, bool]]:
    """Give the tiers that opened or closed on a day, with whether they closed."""
    for tier, field in TIERS.items():
        before, after = getattr(was, field), getattr(now, field)
        if (before is None) != (after is None):
            yield tier, after is None


def write_cases(path: Path, opened: Sequence[Opened]) -> None:
    """Write the answer; the file is there whole or not at all."""
    rows = [(one.site_id, one.opened_on, one.tier, one.closed_on) for one in opened]
    with appearing_whole(path) as file:
        file.write(csv_text([HEADER, *rows], line_end="\n"))
