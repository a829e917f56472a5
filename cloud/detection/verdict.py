"""A site's day beside its expectation, and what its days together say; pure."""

import math
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from cloud.detection.neighbours import Weather
from cloud.detection.terms import Terms

_FREE_DOUBT = 0.08
"""What is open on an ordinary day; the guard begins beyond it."""
_CLIP = 0.25
"""What one day can move the watch-list by: as a day this far off would, and no more."""
_ABSOLUTE = 1.25
"""Makes a mean absolute deviation comparable to a standard deviation of a normal spread."""
_LEAST_RATIO = 0.01
"""What a day of nothing counts as, where a logarithm is taken."""


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
    RESTLESS = "low, on a site whose own days scatter too widely to tell"


@dataclass(frozen=True, slots=True)
class Gap:
    """Days in a row of which the energy is not known.

    Attributes:
        days: how many.
        expected_wh: what was expected of them together, None when one of them had no weather.
        actual_wh: what the counter made between their two ends, None until it is heard again.
    """

    days: int = 0
    expected_wh: int | None = 0
    actual_wh: int | None = None

    def is_loss(self, percent: float) -> bool:
        """Tell whether energy was lost, and not only the connection; a day gets the mean of all."""
        return self.days > 0 and is_below(self.actual_wh, self.expected_wh, percent)


NO_GAP = Gap()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A site's day beside what was expected of it.

    Attributes:
        expected_wh: None when nothing can be expected.
        guarded_percent: the floor for a visit, lowered by what is in doubt (D-77c).
        weather: what was known of the sky, None when nothing was.
        reason: why the day counts, or does not.
        gap: the unknown days that end before this one, when the counter now tells of them.
    """

    site_id: str
    day: date
    actual_wh: int | None
    expected_wh: int | None
    guarded_percent: float
    weather: Weather | None
    reason: Reason
    gap: Gap | None = None

    @property
    def is_judged(self) -> bool:
        """Tell whether the day counts."""
        return self.reason is Reason.GOOD or self.reason is Reason.LOW

    @property
    def is_low(self) -> bool:
        """Tell whether the day counts and is below the floor."""
        return self.reason is Reason.LOW

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


def guarded_percent(doubt: float, terms: Terms) -> float:
    """Give the floor for a visit: lower on a day of which less is sure (D-77c)."""
    return terms.production_floor * math.exp(-terms.visit_doubt * max(0.0, doubt - _FREE_DOUBT))


def own_doubt(doubt: float, unrest: float, terms: Terms) -> float:
    """Give how far a site may be from its neighbours' middle, as restless as it is (D-102).

    A low day of a site whose days scatter more than usual is doubted by the part of its scatter
    that the usual one does not explain; one that scatters less is not believed any sooner.
    """
    if unrest <= 0:
        return doubt
    return math.sqrt(doubt * doubt + unrest * (unrest + 2 * terms.usual_unrest))


@dataclass(frozen=True, slots=True)
class Standing:
    """What a site's days together say, up to its last one.

    Attributes:
        low: days in a row that count and are low.
        low_since: the first of them.
        unjudged: days in a row that do not count.
        well: days in a row that count and are not low.
        loss: what is sure of a loss, added up over the days that count (D-77).
        trend: running mean of the log ratio, for the watch-list.
        unrest: how much more than usual its days scatter around that mean (D-102).
        case_on, visit_on, watch_on: day on which each was opened, None while it is not open.
    """

    low: int = 0
    low_since: date | None = None
    unjudged: int = 0
    well: int = 0
    loss: float = 0.0
    trend: float = 0.0
    unrest: float = 0.0
    case_on: date | None = None
    visit_on: date | None = None
    watch_on: date | None = None


NEW = Standing()
"""Of a site of which no day was judged."""


def counted(standing: Standing, verdict: Verdict, terms: Terms) -> Standing:
    """Give the standing after one more day (D-13, D-13a, D-13b, D-13c).

    A day that does not count neither adds nor resets; more than ten of them in a row start the
    count afresh. Three low days open a case, three good days close it. A gap in which energy was
    lost counts as so many low days, on the day on which the counter tells of it.
    """
    if verdict.gap is not None and verdict.gap.is_loss(terms.production_floor):
        standing = _low(standing, verdict.day, verdict.gap.days, terms)
    if not verdict.is_judged:
        unjudged = standing.unjudged + 1
        if unjudged > terms.unjudged_days:
            return replace(standing, low=0, low_since=None, well=0, loss=0.0, unjudged=unjudged)
        return replace(standing, unjudged=unjudged)
    trend, watch_on, loss = _watched(standing, verdict, terms)
    unrest = _unrest(standing, verdict, terms)
    if not verdict.is_low:
        well = standing.well + 1
        is_over = well >= terms.well_days
        return Standing(
            well=well,
            loss=loss,
            trend=trend,
            unrest=unrest,
            case_on=None if is_over else standing.case_on,
            visit_on=None if is_over else standing.visit_on,
            watch_on=watch_on,
        )
    standing = _low(standing, verdict.day, 1, terms)
    is_sure = standing.case_on is not None and loss > terms.visit_sure
    return replace(
        standing,
        loss=loss,
        trend=trend,
        unrest=unrest,
        visit_on=standing.visit_on or (verdict.day if is_sure else None),
        watch_on=watch_on,
    )


def _low(standing: Standing, day: date, days: int, terms: Terms) -> Standing:
    low = standing.low + days
    return replace(
        standing,
        low=low,
        low_since=standing.low_since or day,
        unjudged=0,
        well=0,
        case_on=standing.case_on or (day if low >= terms.low_days else None),
    )


def _watched(
    standing: Standing, verdict: Verdict, terms: Terms
) -> tuple[float, date | None, float]:
    """Give both running sums after a judged day: the trend with its list, and the loss.

    The watch-list's mean (D-75, D-75a, D-75b) opens nothing but a line on a list. What is sure of
    a loss (D-77, D-77a, D-77b) is what is sent upon: it grows by what a day lacks, less what a
    sound site may lack and the doubt (D-77c), and falls again on good days, to nothing.
    """
    seen = _seen(verdict)
    trend = standing.trend + terms.watch_step * (_clipped(seen) - standing.trend)
    watch_on = standing.watch_on
    if watch_on is None and trend < terms.watch_opens:
        watch_on = verdict.day
    elif trend > terms.watch_closes:
        watch_on = None
    doubt = math.log(terms.production_floor / verdict.guarded_percent)
    lost = min(-seen - terms.visit_forgives - doubt, terms.visit_day)
    return trend, watch_on, max(0.0, standing.loss + lost)


def _unrest(standing: Standing, verdict: Verdict, terms: Terms) -> float:
    """Give how restless a site is after a judged day (D-102, D-102a): around its own running mean.

    So a loss that stays is not unrest, and while a case is open nothing is learned.
    """
    if standing.case_on is not None:
        return standing.unrest
    apart = _ABSOLUTE * abs(_clipped(_seen(verdict)) - standing.trend) - terms.usual_unrest
    return standing.unrest + terms.unrest_step * (apart - standing.unrest)


def _seen(verdict: Verdict) -> float:
    return math.log(max(verdict.ratio or 0.0, _LEAST_RATIO))


def _clipped(seen: float) -> float:
    return max(-_CLIP, min(_CLIP, seen))
