"""Which days of a picture do not count, and how each reason is named on it; pure."""

from collections.abc import Mapping, Sequence
from datetime import date

from cloud.detection.drawing.axes import days_between
from cloud.detection.evidence import DayLine
from cloud.detection.verdict import Reason

SHORTLY: Mapping[Reason | None, str] = {
    Reason.UNKNOWN: "no readings",
    Reason.PARTIAL: "part missing",
    Reason.THROTTLED: "held back",
    Reason.STUCK_METER: "meter stuck",
    Reason.WARM_UP: "learning",
    Reason.NO_WEATHER: "no comparison",
    Reason.DISAGREE: "mixed sky",
    Reason.DARK: "too dark",
    Reason.SNOW: "snow",
    Reason.RESTLESS: "unsteady",
    None: "no record",
}
"""Why a day does not count, in a word or two; None is a day of which nothing is stored."""


def blank_days(rows: Sequence[DayLine]) -> dict[date, Reason | None]:
    """Give the days that do not count, each with its reason."""
    known = {row.day: row for row in rows}
    blank: dict[date, Reason | None] = {}
    for day in days_between(rows[0].day, rows[-1].day):
        row = known.get(day)
        if row is None or not row.is_counted:
            blank[day] = row.reason if row else None
    return blank


def letters(rows: Sequence[DayLine]) -> dict[Reason | None, str]:
    """Give the letter by which each reason of the picture is named, in order of their days."""
    reasons = dict.fromkeys(blank_days(rows).values())
    return dict(zip(reasons, "ABCDEFGHIJKLMNOP", strict=False))


def is_told(row: DayLine) -> bool:
    """Tell whether the counter told on this day of the unknown days before it."""
    return row.gap is not None and row.gap.actual_wh is not None
