"""Days on which banks work, hours in which people do, and wall clocks that jump twice a year."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from cloud.kernel.errors import BadInput

EASTERN = ZoneInfo("America/New_York")
SATURDAY, SUNDAY = 5, 6
DAY = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 1970, 2200
"""Years of instants that are taken from outside: what lies beyond is a slip of the keyboard, and
sums of days would run out of what a date can hold."""

US_BANK = "us_bank"
"""Federal Reserve: a Saturday holiday is not moved, a Sunday one is kept on Monday."""
US_FEDERAL = "us_federal"
"""Office of Personnel Management: as above, but a Saturday holiday is kept on the Friday before."""


def _nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def _legal_holidays(year: int) -> Iterator[date]:
    """The eleven days named in 5 U.S.C. 6103(a), before any shift; Juneteenth since 2021."""
    monday, thursday = 0, 3
    yield date(year, 1, 1)
    yield _nth_weekday(year, 1, monday, 3)
    yield _nth_weekday(year, 2, monday, 3)
    yield _last_monday_of_may(year)
    if year >= 2021:
        yield date(year, 6, 19)
    yield date(year, 7, 4)
    yield _nth_weekday(year, 9, monday, 1)
    yield _nth_weekday(year, 10, monday, 2)
    yield date(year, 11, 11)
    yield _nth_weekday(year, 11, thursday, 4)
    yield date(year, 12, 25)


@cache
def holidays(calendar_id: str, year: int) -> frozenset[date]:
    """Give the weekdays of a year on which the calendar's offices are closed.

    ``us_bank`` follows the Federal Reserve Banks' schedule (a Saturday holiday leaves Friday open);
    ``us_federal`` follows 5 U.S.C. 6103(b) and E.O. 11582, by which 1 January on a Saturday is kept
    on 31 December of the year before, so that it counts in that year's list.

    Raises:
        BadInput: the calendar is not one of the two.
    """
    if calendar_id not in {US_BANK, US_FEDERAL}:
        msg = f"calendar {calendar_id!r} is unknown: use {US_BANK} or {US_FEDERAL}"
        raise BadInput(msg)
    days = set()
    for legal in (*_legal_holidays(year), date(year + 1, 1, 1)):
        kept = legal
        if legal.weekday() == SUNDAY:
            kept = legal + DAY
        elif legal.weekday() == SATURDAY:
            if calendar_id == US_BANK:
                continue
            kept = legal - DAY
        if kept.year == year:
            days.add(kept)
    return frozenset(days)


_KEPT_WALL_TIMES = 8192
"""Openings and closings that are kept: those of a few zones over some years. Each is asked for by
every clock that runs over its day."""


def is_banking_day(day: date) -> bool:
    """Tell whether the Federal Reserve Banks settle on that day (D07)."""
    return day.weekday() < SATURDAY and day not in holidays(US_BANK, day.year)


def next_banking_day(day: date) -> date:
    """Give the day itself if banks settle on it, else the first one after it that they do."""
    while not is_banking_day(day):
        day += DAY
    return day


@lru_cache(maxsize=_KEPT_WALL_TIMES)
def wall_time(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Give the instant at which a wall clock shows that time on that day.

    A time that the clock skips in spring is the end of the gap; a time that it shows twice in
    autumn is the later of the two.
    """
    later = datetime.combine(day, at, tzinfo=zone).replace(fold=1)
    instant = later.astimezone(UTC)
    if instant.astimezone(zone).time() == at:
        return later
    # In a gap, fold=1 reads the clock with the offset that holds only after the jump and so lands
    # before it: walk forward to the jump itself. Clocks jump on whole minutes.
    instant = instant.replace(second=0, microsecond=0)
    while instant.astimezone(zone).utcoffset() != later.utcoffset():
        instant += timedelta(minutes=1)
    return instant.astimezone(zone)


def eastern_day(instant: datetime) -> date:
    """Give the calendar date in Eastern time, in which all funding clocks count."""
    return instant.astimezone(EASTERN).date()


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """The working days and hours of one place.

    Attributes:
        id: ``us_bank`` or ``us_federal``.
        zone: the place's time zone.
        opens: first instant of a working day, inclusive.
        closes: end of a working day, exclusive.
        extra_closures: the owner's own closed days.
    """

    id: str
    zone: ZoneInfo
    opens: time
    closes: time
    extra_closures: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if not self.opens < self.closes:
            msg = f"calendar {self.id}: opening {self.opens} is not before closing {self.closes}"
            raise BadInput(msg)
        holidays(self.id, 2026)

    def is_business_day(self, day: date) -> bool:
        """Tell whether people work: Monday to Friday, no holiday, no closure of our own (S-24)."""
        return (
            day.weekday() < SATURDAY
            and day not in self.extra_closures
            and day not in holidays(self.id, day.year)
        )

    def opening(self, day: date) -> datetime:
        """Give the instant at which that day's work begins."""
        return wall_time(day, self.opens, self.zone)

    def closing(self, day: date) -> datetime:
        """Give the instant at which that day's work ends."""
        return wall_time(day, self.closes, self.zone)

    def business_days_from(self, day: date) -> Iterator[date]:
        """Give the business days from that day on, it included, without end."""
        while True:
            if self.is_business_day(day):
                yield day
            day += DAY

    def deemed(self, instant: datetime) -> datetime:
        """Give the instant itself in working hours, else the next opening (S-25)."""
        local = instant.astimezone(self.zone)
        for day in self.business_days_from(local.date()):
            if instant < self.opening(day):
                return self.opening(day)
            if instant < self.closing(day):
                return local
        raise AssertionError  # pragma: no cover - business days have no end

    def close_of_business(self, *, after: date, days: int) -> datetime:
        """Give the closing of the n-th business day after a date, the date itself not counted."""
        counted = self.business_days_from(after + DAY)
        for _ in range(days - 1):
            next(counted)
        return self.closing(next(counted))

    def working_time(
        self, start: datetime, end: datetime, paused: Iterable[tuple[datetime, datetime]] = ()
    ) -> timedelta:
        """Give the time within working hours from start to end that no pause covers.

        The pauses must not overlap one another (union them first).
        """
        spans = list(paused)
        worked = timedelta()
        for day in self.business_days_from(start.astimezone(self.zone).date()):
            opening, closing = max(start, self.opening(day)), min(end, self.closing(day))
            if self.opening(day) >= end:
                return worked
            if closing > opening:
                worked += _elapsed(opening, closing)
                worked -= sum(
                    (
                        _elapsed(max(opening, a), min(closing, b))
                        for a, b in spans
                        if min(closing, b) > max(opening, a)
                    ),
                    timedelta(),
                )
        raise AssertionError  # pragma: no cover - business days have no end


def _elapsed(start: datetime, end: datetime) -> timedelta:
    """Subtract in UTC: Python subtracts wall clocks when both ends carry one zone."""
    return end.astimezone(UTC) - start.astimezone(UTC)
