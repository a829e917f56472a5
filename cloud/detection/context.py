"""What a site's issues mean beside its neighbours: whose fault they are, its own or not; pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from statistics import median

from cloud.detection.codes import INV_OFF
from cloud.detection.hours import GRID_ISSUES, Hours, SiteHour, end_of_hour, start_of_hour
from cloud.detection.issues import Observed
from cloud.detection.outages import GridOutage, hours_out
from cloud.detection.policy import FEWEST_NEIGHBOURS, NEIGHBOURS_RUN


def confirmed(
    seen: Mapping[str, Sequence[Observed]],
    hours: Hours,
    neighbours: Mapping[str, Collection[str]],
    outages: Iterable[GridOutage] = (),
    *,
    since: datetime,
    now: datetime,
) -> dict[str, tuple[Observed, ...]]:
    """Give what is left of each site's issues once its neighbours were asked (D-83, D-84).

    An inverter that is off counts only in hours in which enough neighbours were known and their
    middle power was more than a tenth of the rating: else it is the weather, or evening. What an
    inverter says of the grid counts only in hours that are no outage of its cell, and so does an
    inverter that is off. An issue that does not count was not seen good either. All other issues
    stay as they are.

    Args:
        seen: site -> what its own samples tell.
        hours: site -> its hours, the neighbours' as well.
        neighbours: site -> the sites near it; never itself.
        outages: of the sites' cells.
        since: instant of the last evaluation.
        now: instant of this one.
    """
    out = hours_out(outages)
    powers = _Powers(hours)
    return {
        site_id: tuple(
            _confirmed(
                one,
                hours.get(site_id, ()),
                out.get(site_id, frozenset()),
                powers,
                neighbours.get(site_id, ()),
                since=since,
                now=now,
            )
            if one.bad_since is not None and (one.family == INV_OFF or one.family in GRID_ISSUES)
            else one
            for one in found
        )
        for site_id, found in seen.items()
    }


def _confirmed(
    one: Observed,
    hours: Sequence[SiteHour],
    out: Collection[int],
    powers: "_Powers",
    neighbours: Collection[str],
    *,
    since: datetime,
    now: datetime,
) -> Observed:
    assert one.bad_since is not None  # noqa: S101 - the caller asks of issues that were seen
    is_off = one.family == INV_OFF
    bad = {
        hour.hour: hour.hour not in out and (not is_off or powers.do_run(neighbours, hour.hour))
        for hour in hours
        if (hour.is_off if is_off else one.family in hour.grid)
    }
    counting = sorted(hour for hour, counts in bad.items() if counts)
    latest = [hour for hour in counting if since < end_of_hour(hour) <= now]
    if not latest:
        was_good = one.was_good and (is_off or not bad)
        return replace(one, bad_since=None, was_good=was_good, devices=(), present_hours=0)
    first = latest[0]
    for hour in reversed(hours):
        if hour.hour >= first:
            continue
        if hour.hour in bad:
            first = hour.hour if bad[hour.hour] else first
        elif hour.is_awake or hour.power_permille:
            break
    return replace(one, bad_since=max(one.bad_since, start_of_hour(first)))


@dataclass(frozen=True)
class _Powers:
    """What each site made in an hour, looked up when the first one asks."""

    hours: Hours

    @cached_property
    def by_hour(self) -> Mapping[int, Mapping[str, int]]:
        found: dict[int, dict[str, int]] = {}
        for site_id, hours in self.hours.items():
            for hour in hours:
                if hour.power_permille is not None:
                    found.setdefault(hour.hour, {})[site_id] = hour.power_permille
        return found

    def do_run(self, neighbours: Collection[str], hour: int) -> bool:
        """Tell whether enough neighbours are known in an hour, and their middle one made enough."""
        known = self.by_hour.get(hour, {})
        powers = [known[name] for name in neighbours if name in known]
        day = start_of_hour(hour).date()
        is_enough = len(powers) >= FEWEST_NEIGHBOURS.on(day)
        return is_enough and median(powers) > 1000 * NEIGHBOURS_RUN.on(day)
