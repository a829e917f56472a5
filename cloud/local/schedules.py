"""When an EventBridge Scheduler expression is due: `rate(..)`, `cron(..)` and `at(..)` in a zone.

After "Schedule types in EventBridge Scheduler", EventBridge Scheduler user guide. Where the local
clock changes, one thing is read differently, see `parse`.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

Gap = Literal["end", "skip"]
"""What becomes of a local time that does not exist: due at the gap's end, or not at all."""

FIRST_YEAR, LAST_YEAR = 1970, 2199
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = {"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6}
_MONTHS |= {"JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12}
_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}


class Schedule(Protocol):
    """A parsed expression: a series of instants without a beginning."""

    def next_after(self, instant: datetime) -> datetime | None:
        """Give the first due instant that is later than this one, in UTC; None if none is left."""
        ...


def parse(
    expression: str,
    timezone: str = "UTC",
    *,
    start: datetime | None = None,
    in_gap: Gap = "end",
) -> Schedule:
    """Read a ScheduleExpression with its ScheduleExpressionTimezone.

    Args:
        expression: `rate(value unit)`, `cron(minutes hours day month weekday year)` or
            `at(yyyy-mm-ddThh:mm:ss)`.
        timezone: An IANA name; it does not touch a rate, whose day is always 24 hours.
        start: The instant a rate counts from. Without it a rate counts from 1970-01-01 UTC, so
            that a restart does not move it (AWS counts from the schedule's creation).
        in_gap: A local time that the spring change leaves out is due when the gap ends. AWS
            skips it ("Daylight savings time"); `"skip"` does so too. A time that the autumn
            change repeats is due once, the first time, as on AWS.

    Raises:
        ValueError: The expression or the zone is not one; the message names the bad field.
    """
    zone = _zone(timezone)
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression.strip())
    if not found:
        raise ValueError(f"{expression!r} is none of rate(..), cron(..) and at(..)")
    kind, inside = found.groups()
    if kind == "rate":
        return _parse_rate(inside, start or _EPOCH)
    if kind == "at":
        return _parse_at(inside, zone, in_gap)
    return _parse_cron(inside, zone, in_gap)


@dataclass(frozen=True, slots=True)
class Within:
    """The instants of a schedule from its StartDate to its EndDate, both included."""

    schedule: Schedule
    start: datetime | None
    end: datetime | None

    def next_after(self, instant: datetime) -> datetime | None:
        """Give the next due instant of the schedule that lies within."""
        if self.start is not None and instant < self.start:
            instant = self.start - timedelta(microseconds=1)
        due = self.schedule.next_after(instant)
        return None if due is None or (self.end is not None and due > self.end) else due


def within(
    schedule: Schedule, *, start: datetime | None = None, end: datetime | None = None
) -> Schedule:
    """Keep a schedule to the time between a StartDate and an EndDate, either of which may lack.

    A rate with a StartDate counts from it: give it to `parse`, too.

    Raises:
        ValueError: The end is not after the start.
    """
    if start is not None and end is not None and end <= start:
        raise ValueError(f"EndDate {end.isoformat()} is not after StartDate {start.isoformat()}")
    return Within(schedule, start, end)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"timezone {name!r} is not in the IANA database") from error


# ---- rate and at --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many minutes, hours or days of 24 hours, counted from one instant."""

    every: timedelta
    start: datetime

    def next_after(self, instant: datetime) -> datetime | None:
        """Give the next whole step, None beyond the calendar; the start itself is the first."""
        steps = (instant - self.start) // self.every + 1
        try:
            return (self.start + max(steps, 0) * self.every).astimezone(UTC)
        except OverflowError:
            return None


def _parse_rate(inside: str, start: datetime) -> Rate:
    found = re.fullmatch(r"\s*(\d+)\s+(minute|hour|day)s?\s*", inside)
    if not found:
        raise ValueError(f"rate({inside}): want a positive number and minutes, hours or days")
    value = int(found[1])
    if value == 0:
        raise ValueError(f"rate({inside}): value 0 is not positive")
    try:
        every = value * timedelta(**{f"{found[2]}s": 1})
    except OverflowError as error:
        raise ValueError(f"rate({inside}): the value is too large") from error
    return Rate(every, start)


@dataclass(frozen=True, slots=True)
class At:
    """Once."""

    instant: datetime | None

    def next_after(self, instant: datetime) -> datetime | None:
        """Give the instant if it is still to come."""
        return self.instant if self.instant and self.instant > instant else None


def _parse_at(inside: str, zone: tzinfo, in_gap: Gap) -> At:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inside):
        raise ValueError(f"at({inside}): want yyyy-mm-ddThh:mm:ss")
    try:
        local = datetime.fromisoformat(inside)
    except ValueError as error:
        raise ValueError(f"at({inside}): {error}") from error
    return At(_instant(local, zone, in_gap))


# ---- cron ---------------------------------------------------------------------------------------

DayRule = Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes of the local calendar that six fields agree on."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    is_day: DayRule
    zone: tzinfo
    in_gap: Gap = "end"

    def next_after(self, instant: datetime) -> datetime | None:
        """Give the first agreed minute after an instant."""
        floor = self._floor(instant)
        for day in self._days(floor.date()):
            for hour in self.hours:
                if day == floor.date() and hour < floor.hour:
                    continue
                for minute in self.minutes:
                    local = datetime.combine(day, time(hour, minute))
                    due = _instant(local, self.zone, self.in_gap)
                    if due is not None and due > instant:
                        return due
        return None

    def _floor(self, instant: datetime) -> datetime:
        """Give the wall-clock time to search from.

        A time before the instant on the wall can be due after it when the wall clock was changed
        in between: after a change the search begins a day early.
        """
        day = timedelta(days=1)
        now, yesterday = instant.astimezone(self.zone), (instant - day).astimezone(self.zone)
        wall = now.replace(tzinfo=None)
        return wall if now.utcoffset() == yesterday.utcoffset() else wall - day

    def _days(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= first and self.is_day(day):
                        yield day


def _instant(local: datetime, zone: tzinfo, in_gap: Gap) -> datetime | None:
    """Place a wall-clock time: the first of two, and for none the end of the gap or nothing."""
    before = local.replace(tzinfo=zone, fold=0)
    instant = before.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    if in_gap == "skip":
        return None
    return _end_of_gap(instant, local.replace(tzinfo=zone, fold=1).astimezone(UTC), zone)


def _end_of_gap(late: datetime, early: datetime, zone: tzinfo) -> datetime:
    """Find the change between two instants: the first second with the later one's offset.

    A missing wall time read with the offset of before lies after the change, and read with the
    offset of after it lies before (PEP 495).
    """
    after = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == after:
            late = middle
        else:
            early = middle
    return late


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a cron expression: its range, its names, and how to complain about it."""

    name: str
    low: int
    high: int
    names: dict[str, int]

    def fault(self, text: str, why: str) -> ValueError:
        return ValueError(f"cron {self.name} {text!r}: {why}")

    def number(self, text: str) -> int:
        value = self.names.get(text.upper())
        if value is None:
            if not re.fullmatch(r"\d+", text):
                raise self.fault(text, f"not a number of {self.low}-{self.high} nor a name")
            value = int(text)
        if not self.low <= value <= self.high:
            raise self.fault(text, f"not within {self.low}-{self.high}")
        return value

    def values(self, text: str) -> frozenset[int]:
        """Read lists, ranges and steps; a range may wrap (`FRI-MON`), a year's may not."""
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, part: str) -> list[int]:
        span, slash, step_text = part.partition("/")
        step = self._step(part, step_text) if slash else 1
        if span == "*":
            return list(range(self.low, self.high + 1, step))
        first_text, dash, last_text = span.partition("-")
        first = self.number(first_text)
        if not dash:
            return list(range(first, self.high + 1, step)) if slash else [first]
        last = self.number(last_text)
        if last >= first:
            return list(range(first, last + 1, step))
        if self.name == "year":
            raise self.fault(part, "the range runs backwards")
        size = self.high - self.low + 1
        wrapped = range(first, last + size + 1, step)
        return [(value - self.low) % size + self.low for value in wrapped]

    def _step(self, part: str, text: str) -> int:
        if not re.fullmatch(r"\d+", text) or int(text) == 0:
            raise self.fault(part, "the step after / is not a positive number")
        return int(text)


_MINUTES = _Field("minutes", 0, 59, {})
_HOURS = _Field("hours", 0, 23, {})
_DAY = _Field("day-of-month", 1, 31, {})
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day-of-week", 1, 7, _WEEKDAYS)
_YEAR = _Field("year", FIRST_YEAR, LAST_YEAR, {})


def _parse_cron(inside: str, zone: tzinfo, in_gap: Gap) -> Cron:
    fields = inside.split()
    if len(fields) != 6:
        raise ValueError(
            f"cron({inside}): want six fields (minutes hours day-of-month month day-of-week year),"
            f" got {len(fields)}"
        )
    minutes, hours, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise ValueError(f"cron({inside}): exactly one of day-of-month and day-of-week must be ?")
    return Cron(
        minutes=tuple(sorted(_MINUTES.values(minutes))),
        hours=tuple(sorted(_HOURS.values(hours))),
        months=_MONTH.values(month),
        years=_YEAR.values(year),
        is_day=_day_of_month(day) if weekday == "?" else _day_of_week(weekday),
        zone=zone,
        in_gap=in_gap,
    )


def _any_of(rules: list[DayRule]) -> DayRule:
    return lambda day: any(rule(day) for rule in rules)


def _day_of_month(text: str) -> DayRule:
    """Read the third field: numbers, `L` (last), `L-3`, `LW` (last weekday), `15W` (nearest)."""
    return _any_of([_one_day_of_month(part) for part in text.upper().split(",")])


def _one_day_of_month(part: str) -> DayRule:
    if found := re.fullmatch(r"L(?:-(\d+))?", part):
        back = int(found[1] or 0)
        if back > 30:
            raise _DAY.fault(part, "no month has so many days before its last")
        return lambda day: day.day == _last(day) - back
    if part == "LW":
        return lambda day: day.day == _nearest_weekday(day, _last(day))
    if found := re.fullmatch(r"(\d+)W", part):
        wanted = _DAY.number(found[1])
        return lambda day: day.day == _nearest_weekday(day, wanted)
    numbers = _DAY.values(part)
    return lambda day: day.day in numbers


def _last(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, wanted: int) -> int | None:
    """Give the Monday-to-Friday nearest to a day, without leaving its month."""
    last = _last(day)
    if wanted > last:
        return None
    weekday = date(day.year, day.month, wanted).weekday()
    if weekday == calendar.SATURDAY:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == calendar.SUNDAY:
        return wanted + 1 if wanted < last else wanted - 2
    return wanted


def _day_of_week(text: str) -> DayRule:
    """Read the fifth field: 1-7 or SUN-SAT, `L` (Saturday), `6L` (last Friday), `6#3` (third)."""
    return _any_of([_one_day_of_week(part) for part in text.upper().split(",")])


def _one_day_of_week(part: str) -> DayRule:
    if part == "L":
        return lambda day: _aws_weekday(day) == 7
    if found := re.fullmatch(r"(\w+)L", part):
        weekday = _WEEKDAY.number(found[1])
        return lambda day: _aws_weekday(day) == weekday and day.day > _last(day) - 7
    if found := re.fullmatch(r"(\w+)#(\d+)", part):
        weekday, which = _WEEKDAY.number(found[1]), int(found[2])
        if not 1 <= which <= 5:
            raise _WEEKDAY.fault(part, "a weekday comes one to five times in a month")
        return lambda day: _aws_weekday(day) == weekday and (day.day + 6) // 7 == which
    numbers = _WEEKDAY.values(part)
    return lambda day: _aws_weekday(day) in numbers


def _aws_weekday(day: date) -> int:
    """Count from Sunday = 1, as the fifth field does."""
    return day.isoweekday() % 7 + 1
