"""Clocks in business time: when one starts, when it is due, and how it stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from cloud.kernel.calendar import DAY, BusinessCalendar, wall_time
from cloud.service.policy import CALENDAR, EXTRA_CLOSURES, HOURS, PAUSABLE

Pausing = tuple[datetime, datetime | None]
"""From when to when a clock stands; without an end it stands still."""

_Span = tuple[datetime, datetime]
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_MIDNIGHT = "24:00"


class SlaMilestone(StrEnum):
    """What a partner has to reach in time."""

    ACCEPT = "accept"
    SCHEDULE = "schedule"
    COMPLETE = "complete"


class ClockState(StrEnum):
    """How a clock stands at an instant; it is derived, never stored."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    MET_LATE = "met_late"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a clock began to count and when it is due.

    Attributes:
        deemed_start: the start, moved into working hours.
        due_at: None while an open pause stops the clock: there is no due time until it is closed.
    """

    deemed_start: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class _UntilMidnight(BusinessCalendar):
    """Working days that end when the next day begins."""

    def closing(self, day: date) -> datetime:
        """Give the midnight that ends the day."""
        return wall_time(day + DAY, time(), self.zone)


def working_hours(
    calendar_id: str,
    *,
    zone: ZoneInfo,
    opens: str,
    closes: str,
    extra_closures: frozenset[date] = frozenset(),
) -> BusinessCalendar:
    """Give the calendar with hours as people write them (S-24, S-25); ``24:00`` ends the day."""
    if closes == _MIDNIGHT:
        begins = time.fromisoformat(opens)
        return _UntilMidnight(calendar_id, zone, begins, time.max, extra_closures)
    return BusinessCalendar(
        calendar_id, zone, time.fromisoformat(opens), time.fromisoformat(closes), extra_closures
    )


def calendar_at(time_zone: str, *, on: date) -> BusinessCalendar:
    """Give the working days and hours of a place by a day's policy (S-24, S-24b, S-25, S-26)."""
    opens, closes = HOURS.on(on)
    return working_hours(
        CALENDAR.on(on),
        zone=ZoneInfo(time_zone),
        opens=opens,
        closes=closes,
        extra_closures=EXTRA_CLOSURES.on(on),
    )


def deadline(
    milestone: SlaMilestone,
    *,
    start_at: datetime,
    business_days: int,
    calendar: BusinessCalendar,
    pauses: Sequence[Pausing] = (),
) -> Deadline:
    """Give when the clock is due (S-20, S-21, S-22, S-23, S-25).

    The day of receipt is not counted; the base deadline is the close of the n-th business day after
    it. That much working time must pass unpaused. Acceptance is never paused (S-27). A pause that
    begins when the time is up, and one outside working hours, changes nothing.
    """
    deemed = calendar.deemed(start_at)
    base = calendar.close_of_business(after=deemed.date(), days=business_days)
    stops = _union(pauses) if milestone in PAUSABLE.on(deemed.date()) else []
    budget = calendar.working_time(deemed, base)
    return Deadline(deemed, _when_worked(budget, start=deemed, calendar=calendar, stops=stops))


def state_of(
    milestone: SlaMilestone,
    *,
    found: Deadline,
    calendar: BusinessCalendar,
    pauses: Sequence[Pausing],
    met_at: datetime | None,
    now: datetime,
) -> ClockState:
    """Tell how the clock stands (S-20, S-23); what is done exactly when it is due is met.

    A clock without a due time was stopped before it ran out, so that whatever meets it is in time.
    """
    if met_at is not None:
        is_late = found.due_at is not None and met_at > found.due_at
        return ClockState.MET_LATE if is_late else ClockState.MET
    if found.due_at is None:
        return ClockState.PAUSED
    if now > found.due_at:
        return ClockState.OVERDUE
    stops = _union(pauses) if milestone in PAUSABLE.on(found.deemed_start.date()) else []
    for start, end in stops:
        stopped = max(start, found.deemed_start), min(end, found.due_at)
        if start <= now < end and calendar.working_time(*stopped):
            return ClockState.PAUSED
    return ClockState.RUNNING


def _union(pauses: Sequence[Pausing]) -> list[_Span]:
    """Merge what overlaps, so that two reasons at once stop the clock once (S-23)."""
    merged: list[_Span] = []
    for start, end in sorted(
        (start.astimezone(UTC), _NEVER if end is None else end.astimezone(UTC))
        for start, end in pauses
    ):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif end > start:
            merged.append((start, end))
    return merged


def _when_worked(
    budget: timedelta, *, start: datetime, calendar: BusinessCalendar, stops: Sequence[_Span]
) -> datetime | None:
    left = budget
    for day in calendar.business_days_from(start.date()):
        opening = max(start, calendar.opening(day)).astimezone(UTC)
        for begin, end in _unpaused(opening, calendar.closing(day).astimezone(UTC), stops):
            if end - begin >= left:
                return (begin + left).astimezone(calendar.zone)
            left -= end - begin
        if stops and stops[-1][1] == _NEVER and stops[-1][0] <= calendar.closing(day):
            return None
    raise AssertionError  # pragma: no cover - business days have no end


def _unpaused(opening: datetime, closing: datetime, stops: Sequence[_Span]) -> Iterator[_Span]:
    """Give the parts of a working day that no pause covers, in order."""
    edges = [opening]
    for start, end in stops:
        edges += [min(max(start, opening), closing), min(max(end, opening), closing)]
    edges.append(closing)
    return ((a, b) for place, (a, b) in enumerate(pairwise(edges)) if place % 2 == 0 and b > a)
