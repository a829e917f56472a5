"""A site's day beside its expectation, and what its days together say; pure."""

import math
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from cloud.detection.neighbours import Weather
from cloud.detection.terms import Terms

_FREE_SPREAD = 0.05
"""What healthy neighbours differ by on any day; the guard begins beyond it."""


class Reason(StrEnum):
    """Why a day counted, or did not."""

    GOOD = "at or above the floor"
    LOW = "below the floor"
    UNKNOWN = "the day's energy is not known"
    PARTIAL = "part of the day's samples is missing"
    THROTTLED = "the inverter was held back by a limit"
    STUCK_METER = "the meter tells the same energy as the day before"
    WARM_UP = "the site is new: its scale is still being learned"
    NO_WEATHER = "too few healthy neighbours tell of the day, and no hourly feed does"
    DISAGREE = "the neighbours disagree"
    DARK = "too dark a day to tell"
    SNOW = "low, and snow may lie on the roof"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A site's day beside what was expected of it.

    Attributes:
        expected_wh: None when nothing can be expected.
        guarded_percent: the floor before somebody is sent, lowered by what neighbours differ by.
        weather: what was known of the sky, None when nothing was.
        reason: why the day counts, or does not.
    """

    site_id: str
    day: date
    actual_wh: int | None
    expected_wh: int | None
    guarded_percent: float
    weather: Weather | None
    reason: Reason

    @property
    def is_judged(self) -> bool:
        """Tell whether the day counts."""
        return self.reason in {Reason.GOOD, Reason.LOW}

    @property
    def is_low(self) -> bool:
        """Tell whether the day counts and is below the floor."""
        return self.reason is Reason.LOW

    @property
    def is_low_for_a_visit(self) -> bool:
        """Tell whether it is low even with the neighbours' doubt taken off (D-64)."""
        return self.is_low and is_below(self.actual_wh, self.expected_wh, self.guarded_percent)

    @property
    def ratio(self) -> float | None:
        """Give the share of the expectation that was made, None when either is not known."""
        if self.actual_wh is None or not self.expected_wh:
            return None
        return self.actual_wh / self.expected_wh


def is_below(actual_wh: int | None, expected_wh: int | None, percent: float) -> bool:
    """Tell whether a day made strictly less than a share of its expectation (D-13).

    Compared in whole watt-hours: a day exactly on the floor is not below it.
    """
    if actual_wh is None or expected_wh is None:
        return False
    return actual_wh * 100 < expected_wh * percent


def guarded_percent(spread: float, terms: Terms) -> float:
    """Give the floor before somebody is sent: lower on a day on which neighbours differ (D-64)."""
    doubt = terms.dispatch_guard * max(0.0, spread - _FREE_SPREAD)
    return terms.production_floor * math.exp(-doubt)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a site's days together say, up to its last one.

    Attributes:
        low: days in a row that count and are low.
        low_for_a_visit: those of them, the latest in a row, that are low for a visit too.
        low_since: the first of the low days.
        unjudged: days in a row that do not count.
        well: days in a row that count and are not low.
        trend: running mean of the log ratio, for the watch-list.
        case_on, visit_on, watch_on: day on which each was opened, None while it is not open.
    """

    low: int = 0
    low_for_a_visit: int = 0
    low_since: date | None = None
    unjudged: int = 0
    well: int = 0
    trend: float = 0.0
    case_on: date | None = None
    visit_on: date | None = None
    watch_on: date | None = None


def counted(standing: Standing, verdict: Verdict, terms: Terms) -> Standing:
    """Give the standing after one more day (D-13, D-13a, D-13b, D-13c).

    A day that does not count neither adds nor resets; more than ten of them in a row start the
    count afresh. Three low days open a case, three good days close it.
    """
    if not verdict.is_judged:
        unjudged = standing.unjudged + 1
        if unjudged > terms.unjudged_days:
            return replace(
                standing, low=0, low_for_a_visit=0, low_since=None, well=0, unjudged=unjudged
            )
        return replace(standing, unjudged=unjudged)
    if not verdict.is_low:
        well = standing.well + 1
        is_over = well >= terms.well_days
        return replace(
            standing,
            low=0,
            low_for_a_visit=0,
            low_since=None,
            unjudged=0,
            well=well,
            case_on=None if is_over else standing.case_on,
            visit_on=None if is_over else standing.visit_on,
        )
    low = standing.low + 1
    for_a_visit = standing.low_for_a_visit + 1 if verdict.is_low_for_a_visit else 0
    return replace(
        standing,
        low=low,
        low_for_a_visit=for_a_visit,
        low_since=standing.low_since or verdict.day,
        unjudged=0,
        well=0,
        case_on=standing.case_on or (verdict.day if low >= terms.low_days else None),
        visit_on=standing.visit_on or (verdict.day if for_a_visit >= terms.low_days else None),
    )


def watched(standing: Standing, verdict: Verdict, terms: Terms) -> Standing:
    """Give the standing with the watch-list moved on by a judged day (D-75, D-75a, D-75b).

    Never a case: what is on the list is looked at when somebody has time.
    """
    ratio = verdict.ratio
    if not verdict.is_judged or ratio is None:
        return standing
    seen = max(-0.5, min(0.5, math.log(max(ratio, 0.01))))
    trend = standing.trend + terms.watch_step * (seen - standing.trend)
    watch_on = standing.watch_on
    if watch_on is None and trend < terms.watch_opens:
        watch_on = verdict.day
    elif trend > terms.watch_closes:
        watch_on = None
    return replace(standing, trend=trend, watch_on=watch_on)
