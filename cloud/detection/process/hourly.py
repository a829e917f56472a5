"""A home's power hour by hour, read back from what its gateway sent: for a fault's evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.detection.codes import issues_in
from cloud.detection.daylight import Place, is_daylight
from cloud.detection.hours import hours_of, start_of_hour
from cloud.portfolio.models import Site
from cloud.telemetry.chunk import decode
from cloud.telemetry.days import samples_of
from cloud.telemetry.ports import Chunks

_HOUR = timedelta(hours=1)
MOST_HOURS = 24 * 7
_WINDOW = timedelta(days=1)
"""The longest window of a chunk: one that began before may hold the first hours."""


@dataclass(frozen=True, slots=True)
class HomeHour:
    """One hour of a home.

    Attributes:
        power_w: mean power; None unless all inverters told.
        is_day: the sun stood high enough in its middle.
        is_heard: an inverter was heard at all.
        is_off: an inverter was off all along, by day.
        issues: what devices showed in it, by the names of the issues.
        is_grid_lost: an inverter saw the grid gone or out of its bounds.
    """

    start: datetime
    power_w: int | None
    is_day: bool
    is_heard: bool
    is_off: bool = False
    issues: tuple[str, ...] = ()
    is_grid_lost: bool = False


def hours_of_home(
    chunks: Chunks, site: Site, *, since: datetime, until: datetime
) -> Sequence[HomeHour]:
    """Give every whole hour from an instant until another one, the unheard ones as well.

    At most a week; what lies before the last week of it is left out. Empty where no chunk of the
    time is at hand any more.

    Raises:
        Unavailable: the store does not answer.
    """
    first = max(since, until - MOST_HOURS * _HOUR)
    known = list(chunks.between(site.gateway_id, first - _WINDOW, until))
    if not known:
        return ()
    place = Place(site.latitude, site.longitude)
    devices = samples_of(decode(one.payload) for one in known)
    told = {
        one.hour: one
        for one in hours_of(devices, since=first, now=until, rated_w=site.dc_rating_w, place=place)
    }
    shown: dict[int, set[str]] = {}
    for rows in devices.values():
        for row in rows:
            shown.setdefault(_hour(row.at), set()).update(issues_in(row.columns))
    found = []
    for number in range(-(-int(first.timestamp()) // 3600), _hour(until)):
        start, hour = start_of_hour(number), told.get(number)
        share = hour.power_permille if hour else None
        found.append(
            HomeHour(
                start=start,
                power_w=None if share is None else round(share * site.dc_rating_w / 1000),
                is_day=is_daylight(start + _HOUR / 2, place),
                is_heard=hour is not None,
                is_off=hour is not None and hour.is_off,
                issues=tuple(sorted(shown.get(number, ()))),
                is_grid_lost=hour is not None and hour.is_grid_lost,
            )
        )
    return tuple(found) if any(one.is_heard for one in found) else ()


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600
