"""What a site said hour by hour: what the others of its region are judged beside; pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud.detection.codes import ISSUES, Needs, codes_of
from cloud.detection.daylight import Place
from cloud.detection.policy import LATE_WINDOWS
from cloud.detection.standstill import HOUR_S, is_inverter_of_modules, off_in_daylight
from cloud.telemetry.dictionary import QUALITY_ASLEEP, QUALITY_SUSPECT, QUALITY_UNREACHABLE
from cloud.telemetry.models import Sample

GRID_ISSUES = frozenset(name for name, issue in ISSUES.items() if issue.needs is Needs.GRID)
_SAYS_NOTHING = frozenset({QUALITY_ASLEEP, QUALITY_SUSPECT, QUALITY_UNREACHABLE})


@dataclass(frozen=True, slots=True)
class SiteHour:
    """What a site's inverters said in one hour.

    Attributes:
        hour: hours since 1970 began, UTC; it is over when the evaluation sees it.
        power_permille: mean power, as a share of the rating; None unless all inverters told.
        is_off: an inverter was off all along, by day.
        is_awake: an inverter was awake and could have told of the grid.
        grid: what it told of the grid, by the names of the issues.
    """

    hour: int
    power_permille: int | None
    is_off: bool = False
    is_awake: bool = False
    grid: tuple[str, ...] = ()

    @property
    def is_grid_lost(self) -> bool:
        """Tell whether an inverter saw the grid gone or out of its bounds."""
        return bool(self.grid)


Hours = Mapping[str, Sequence[SiteHour]]
"""Site -> what it said in each hour, in order of time."""


def hours_of(
    devices: Mapping[str, Sequence[Sample]],
    *,
    since: datetime,
    now: datetime,
    rated_w: int,
    place: Place,
) -> tuple[SiteHour, ...]:
    """Give what a site said in each hour that ended since the last evaluation, or shortly before.

    The hours before it (D-90) tell how long ago something began, whose windows came late. An hour
    of which nothing was heard is left out. The order of samples, and one that comes twice, change
    nothing.
    """
    first = since - LATE_WINDOWS.on(now.date())
    known = {
        serial: sorted({row.at: row for row in rows}.values(), key=lambda row: row.at)
        for serial, rows in devices.items()
    }
    inverters = {serial: rows for serial, rows in known.items() if is_inverter_of_modules(rows)}
    off = {serial: off_in_daylight(rows, now, place) for serial, rows in inverters.items()}
    by_hour: dict[int, dict[str, list[Sample]]] = {}
    for serial, rows in inverters.items():
        for row in rows:
            hour = _hour(row.at)
            if first < end_of_hour(hour) <= now:
                by_hour.setdefault(hour, {}).setdefault(serial, []).append(row)
    return tuple(
        _site_hour(hour, told, off, rated_w, len(inverters))
        for hour, told in sorted(by_hour.items())
        if any(row.quality != QUALITY_UNREACHABLE for rows in told.values() for row in rows)
    )


def _site_hour(
    hour: int,
    told: Mapping[str, Sequence[Sample]],
    off: Mapping[str, Collection[datetime]],
    rated_w: int,
    inverters: int,
) -> SiteHour:
    powers = [power for rows in told.values() if (power := _mean_w(rows)) is not None]
    codes = [(row.quality, codes_of(row.columns)) for rows in told.values() for row in rows]
    grid = frozenset[str]().union(*(one.shown for _, one in codes)) & GRID_ISSUES
    is_awake = any(
        quality not in _SAYS_NOTHING and not GRID_ISSUES.isdisjoint(one.showable)
        for quality, one in codes
    )
    return SiteHour(
        hour=hour,
        power_permille=round(max(sum(powers), 0) * 1000 / rated_w)
        if len(powers) == inverters
        else None,
        is_off=any(row.at in off[serial] for serial, rows in told.items() for row in rows),
        is_awake=is_awake or bool(grid),
        grid=tuple(sorted(grid)),
    )


def _mean_w(rows: Iterable[Sample]) -> float | None:
    known = [value for row in rows if (value := row.columns.get("W")) is not None]
    return sum(known) / len(known) if known else None


def packed_hours(hours: Iterable[SiteHour]) -> tuple[tuple[Any, ...], ...]:
    """Give hours as short lists, to be kept."""
    return tuple(
        (one.hour, one.power_permille, 2 * one.is_awake + one.is_off, *one.grid) for one in hours
    )


def unpacked_hours(rows: Iterable[Sequence[Any]]) -> tuple[SiteHour, ...]:
    """Give back the hours that were packed."""
    return tuple(
        SiteHour(hour, power, bool(flags & 1), bool(flags & 2), tuple(grid))
        for hour, power, flags, *grid in rows
    )


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // HOUR_S


def start_of_hour(hour: int) -> datetime:
    """Give the instant at which an hour begins."""
    return datetime.fromtimestamp(hour * HOUR_S, UTC)


def end_of_hour(hour: int) -> datetime:
    """Give the instant at which an hour is over."""
    return start_of_hour(hour + 1)
