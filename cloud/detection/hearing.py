"""What a region's sites said together: outages, and what neighbours confirm; pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cloud.detection.context import confirmed
from cloud.detection.daylight import Place
from cloud.detection.hours import end_of_hour
from cloud.detection.issues import Observed
from cloud.detection.outages import GridOutage, cells_of, grid_outages, is_grid_out, merged
from cloud.detection.packed import unpacked_result
from cloud.detection.policy import OUTAGE_PAUSES

Neighbours = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a region's hours since the last evaluation.

    Attributes:
        seen: site -> its issues that the neighbours were asked of.
        outages: of the grid, also those that may go on.
        out: the sites where the grid was out.
    """

    seen: Mapping[str, tuple[Observed, ...]] = field(default_factory=dict)
    outages: tuple[GridOutage, ...] = ()
    out: frozenset[str] = frozenset()


def heard(
    rows: Iterable[Sequence[Any]],
    known: Iterable[GridOutage],
    places: Mapping[str, Place],
    neighbours: Callable[[], Neighbours],
    *,
    since: datetime,
    now: datetime,
) -> Heard:
    """Give what the sites said, once each was put beside its neighbours (D-83, D-84).

    Args:
        rows: of the parts' results.
        known: outages of the evaluations before.
        places: where the sites lie.
        neighbours: gives who is near whom; asked for only when somebody has to be asked.
        since: instant of the evaluation before.
        now: instant of this one.
    """
    hours: dict[str, tuple[Any, ...]] = {}
    waiting: dict[str, tuple[Observed, ...]] = {}
    for row in rows:
        site_id, told, issues = unpacked_result(row)
        hours[site_id] = told
        if issues:
            waiting[site_id] = issues
    outages = still_known(known, now)
    if waiting:
        new = grid_outages(hours, cells_of(places, now=now), outages)
        outages = merged((*outages, *new))
    seen = {}
    if waiting:
        seen = confirmed(waiting, hours, neighbours(), outages, since=since, now=now)
    asked = {*waiting, *(site for outage in outages for site in outage.sites)}
    out = frozenset(
        site
        for site in asked
        if is_grid_out(site, hours.get(site, ()), outages, since=since, now=now)
    )
    return Heard(seen, outages, out)


def still_known(outages: Iterable[GridOutage], now: datetime) -> tuple[GridOutage, ...]:
    """Give the outages that ended a short while ago, or go on: an hour may join them (D-84a)."""
    longest = 2 * OUTAGE_PAUSES.on(now.date())
    return tuple(one for one in outages if now - end_of_hour(one.hours[-1]) <= longest)


def packed_outage(outage: GridOutage) -> tuple[Any, ...]:
    """Give an outage as a row, to be kept."""
    return (outage.cell, list(outage.hours), list(outage.sites), list(outage.shown_by))


def unpacked_outage(row: Sequence[Any]) -> GridOutage:
    """Give back the outage of a row."""
    cell, hours, sites, shown_by = row
    return GridOutage(cell, tuple(hours), tuple(sites), tuple(shown_by))
