"""The funding calendar: funding days, cut-offs and bank holidays, month by month."""

import calendar
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cloud.funding.funding_calendar import (
    CalendarDay,
    funding_calendar,
    holiday_name,
    known_programmes,
)
from cloud.funding.policy import FIRST_DAY
from cloud.funding.process import published
from cloud.funding.schedule import Alternative, DateSource, local_day
from cloud.kernel.calendar import eastern_day
from cloud.kernel.policy import COMFORT
from cloud.portal.asking import Ask, Page, linked
from cloud.portal.partner_views.money_of import one_of
from cloud.portal.routes import EVERYBODY, Views

VIEWS = Views()
HERE = "/portal/calendar"
MONTHS = 4
"""Months of one page."""
AHEAD = 24
"""How many months from now on the calendar can be looked at."""
_WEEKS = calendar.Calendar(firstweekday=6)
_NEAR = timedelta(14)
"""How far from its regular day a run's cut-off lies, or the day to which it is moved, at most."""
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a month; None stands for a day of another month.

    Attributes:
        paid: runs whose money goes out on it; ends: runs that are cut off on it.
        holiday: its name on a day on which banks are closed.
    """

    on: date
    paid: Sequence[CalendarDay]
    ends: Sequence[CalendarDay]
    holiday: str


@dataclass(frozen=True, slots=True)
class Month:
    """A month, in weeks from Sunday to Saturday."""

    first: date
    weeks: Sequence[Sequence[Cell | None]]


@VIEWS.get(HERE, EVERYBODY)
def months(ask: Ask) -> Page:
    """Show some months of runs: what each pays, when, and why on that day (F01 to F03)."""
    today = eastern_day(ask.at)
    programme = one_of(ask, "programme", sorted(known_programmes())) or COMFORT
    announced = published(ask.records, programme)
    first = _asked(ask.query.get("month", ""), today)
    last = _later(first, MONTHS) - timedelta(1)
    days = _around(first, last, announced, programme)
    now = _around(today, today, announced, programme)
    coming = [one for one in now if one.cut_off_at > ask.at]
    to_pay = [one for one in now if one.cut_off_at <= ask.at and one.funding_date >= today]
    asked = programme if programme != COMFORT else ""
    earlier, later = _later(first, -MONTHS), _later(first, MONTHS)
    return Page(
        "partner/calendar.html",
        "Funding calendar",
        {
            "months": [_month(_later(first, one), days, programme) for one in range(MONTHS)],
            "weekdays": WEEKDAYS,
            "next": coming[0] if coming else None,
            "to_pay": to_pay,
            "moved": [
                one
                for one in days
                if one.note and first <= one.regular_date <= last and one.funding_date >= today
            ],
            "today": today,
            "programme": programme,
            "programmes": [
                (one.title(), linked(HERE, programme=one if one != COMFORT else ""), one)
                for one in sorted(known_programmes())
            ],
            "file": f"/calendar/{programme}.ics",
            "earlier": linked(HERE, programme=asked, month=_said(earlier))
            if _later(earlier, MONTHS) > FIRST_DAY
            else "",
            "later": linked(HERE, programme=asked, month=_said(later))
            if later <= _later(today.replace(day=1), AHEAD)
            else "",
            "published": DateSource.PUBLISHED,
        },
    )


def _around(
    first: date, last: date, announced: Sequence[Alternative], programme: str
) -> Sequence[CalendarDay]:
    return funding_calendar(max(FIRST_DAY, first - _NEAR), last + _NEAR, announced, programme)


def _asked(text: str, today: date) -> date:
    """Give the first day of the month that was asked for, within what there is to see."""
    now = today.replace(day=1)
    met = _MONTH.fullmatch(text)
    wanted = date(int(met[1]), int(met[2]), 1) if met else now
    return min(max(wanted, FIRST_DAY.replace(day=1)), _later(now, AHEAD))


def _later(first: date, months_: int) -> date:
    number = first.year * 12 + first.month - 1 + months_
    return date(number // 12, number % 12 + 1, 1)


def _said(first: date) -> str:
    return f"{first:%Y-%m}"


def _month(first: date, days: Sequence[CalendarDay], programme: str) -> Month:
    paid: Mapping[date, list[CalendarDay]] = defaultdict(list)
    ends: Mapping[date, list[CalendarDay]] = defaultdict(list)
    for one in days:
        paid[one.funding_date].append(one)
        ends[local_day(one.cut_off_at, programme)].append(one)
    weeks = [
        [
            Cell(day, paid.get(day, ()), ends.get(day, ()), holiday_name(day))
            if day.month == first.month
            else None
            for day in week
        ]
        for week in _WEEKS.monthdatescalendar(first.year, first.month)
    ]
    return Month(first, weeks)
