"""A site's track as a short list, to be kept between two sweeps, and back; pure."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from cloud.detection.daily import Track
from cloud.detection.scale import Scale
from cloud.detection.verdict import Gap, Standing

FORMAT = 1
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
            case_on=_day(cells[12]),
            visit_on=_day(cells[13]),
            watch_on=_day(cells[14]),
        ),
        through=_day(cells[15]),
        last_wh=cells[16],
        melting=cells[17],
        gap=Gap(cells[18], cells[19]),
    )


def _number(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _day(number: int | None) -> date | None:
    return None if number is None else date.fromordinal(number)
