"""Tracks and days as short lists, to be kept between two sweeps, and back; pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from cloud.detection.daily import Track
from cloud.detection.hours import SiteHour, packed_hours, unpacked_hours
from cloud.detection.issues import Observed
from cloud.detection.scale import Scale
from cloud.detection.verdict import Gap, Standing
from cloud.telemetry.models import DayOfEnergy, PvEnergySource

_THROUGH = 16
"""Where the last judged day stands."""
_COLDEST = 4
"""Where the temperature of a day's night stands."""
FORMAT = 2
"""Of the lists below; another one is not read, and its site is replayed from its stored days."""


def packed(track: Track) -> list[Any]:
    """Give a track as a list that JSON can hold; reading it back gives the same track."""
    scale, standing, gap = track.scale, track.standing, track.gap
    return [
        FORMAT,
        track.site_id,
        scale.log,
        scale.anchor_log,
        list(scale.days),
        scale.seen,
        standing.low,
        _number(standing.low_since),
        standing.unjudged,
        standing.well,
        standing.loss,
        standing.trend,
        standing.unrest,
        _number(standing.case_on),
        _number(standing.visit_on),
        _number(standing.watch_on),
        _number(track.through),
        track.last_wh,
        track.melting,
        gap.days,
        gap.expected_wh,
    ]


def unpacked(cells: Sequence[Any]) -> Track | None:
    """Give the track of a list, None when it was written in another format."""
    if cells[0] != FORMAT:
        return None
    return Track(
        cells[1],
        Scale(cells[2], cells[3], tuple(cells[4]), cells[5]),
        Standing(
            low=cells[6],
            low_since=_day(cells[7]),
            unjudged=cells[8],
            well=cells[9],
            loss=cells[10],
            trend=cells[11],
            unrest=cells[12],
            case_on=_day(cells[13]),
            visit_on=_day(cells[14]),
            watch_on=_day(cells[15]),
        ),
        through=_day(cells[_THROUGH]),
        last_wh=cells[17],
        melting=cells[18],
        gap=Gap(cells[19], cells[20]),
    )


def through_of(cells: Sequence[Any]) -> date | None:
    """Give the last day that a packed track was judged on, None when it cannot be read."""
    return _day(cells[_THROUGH]) if cells and cells[0] == FORMAT else None


def packed_day(day: DayOfEnergy) -> tuple[Any, ...]:
    """Give what a verdict needs of a day as a row; shares as thousandths, degrees as tenths.

    What lies within the row are lists, as they are when it is read back: equal days, equal rows.
    """
    return (
        day.day.toordinal(),
        day.pv_wh,
        round(1000 * day.completeness),
        round(1000 * day.throttled_share),
        None if day.coldest_c is None else round(10 * day.coldest_c),
        day.pv_energy_source.value,
        [[name, wh, day.closing_wh.get(name)] for name, wh in sorted(day.opening_wh.items())],
        [[name, wh] for name, wh in sorted(day.inputs_wh.items())],
        list(day.hybrids),
    )


def coldest_c(cells: Sequence[Any]) -> float | None:
    """Give how cold the cabinets were in the dark of a packed day, None when that is not known."""
    tenths = cells[_COLDEST]
    return None if tenths is None else tenths / 10


def unpacked_day(cells: Sequence[Any]) -> DayOfEnergy:
    """Give the day of a list; states and event bits are not kept."""
    return DayOfEnergy(
        day=date.fromordinal(cells[0]),
        pv_wh=cells[1],
        completeness=cells[2] / 1000,
        throttled_share=cells[3] / 1000,
        coldest_c=coldest_c(cells),
        pv_energy_source=PvEnergySource(cells[5]),
        opening_wh={name: opening for name, opening, _ in cells[6]},
        closing_wh={name: closing for name, _, closing in cells[6]},
        inputs_wh=dict(cells[7]),
        hybrids=tuple(cells[8]),
    )


def packed_result(
    site_id: str, hours: Iterable[SiteHour], waiting: Iterable[Observed]
) -> tuple[Any, ...]:
    """Give what a site said at an evaluation as a row; of one that said nothing only its name."""
    told = [hour for hour in hours if hour.power_permille or hour.is_off or hour.is_awake]
    issues = [
        [
            one.family,
            one.bad_since.isoformat() if one.bad_since else None,
            one.was_good,
            list(one.devices),
        ]
        for one in waiting
    ]
    if not told and not issues:
        return (site_id,)
    return (site_id, [list(row) for row in packed_hours(told)], issues)


def unpacked_result(
    row: Sequence[Any],
) -> tuple[str, tuple[SiteHour, ...], tuple[Observed, ...]]:
    """Give the site of a row, its hours, and the issues of which its neighbours must be asked."""
    site_id, hours, issues = row
    waiting = tuple(
        Observed(family, datetime.fromisoformat(since) if since else None, was_good, tuple(serials))
        for family, since, was_good, serials in issues
    )
    return site_id, unpacked_hours(hours), waiting


def _number(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _day(number: int | None) -> date | None:
    return None if number is None else date.fromordinal(number)
