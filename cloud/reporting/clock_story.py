"""How the clocks of a work order were worked out, step by step; it decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from cloud.kernel.calendar import DAY, SATURDAY, BusinessCalendar
from cloud.reporting.service_levels import union
from cloud.service.clocks import clock_of
from cloud.service.models import WorkOrder
from cloud.service.policy import ACCEPT_DAYS, COMPLETE_DAYS, PAUSABLE, SCHEDULE_DAYS
from cloud.service.sla import ClockState, SlaMilestone, calendar_at, deadline

_RULES: Final = {
    SlaMilestone.ACCEPT: ACCEPT_DAYS,
    SlaMilestone.SCHEDULE: SCHEDULE_DAYS,
    SlaMilestone.COMPLETE: COMPLETE_DAYS,
}


@dataclass(frozen=True, slots=True)
class Stood:
    """A time in which a clock stood, each instant once, whatever many pauses cover it (S-23).

    Attributes:
        until: None while it stands.
        reasons: of the pauses that it was put together from.
        worked: working time of it that the clock did not count, so far.
    """

    since: datetime
    until: datetime | None
    reasons: tuple[str, ...]
    worked: timedelta


@dataclass(frozen=True, slots=True)
class ClockStory:
    """One clock of the present offer, with each step that led to its end.

    Attributes:
        rule: the rule that says how many business days there are.
        started_at: the delivery of the offer, or the leave to work.
        counted_from: that instant moved into working hours (S-25).
        base_due: when it would be due had nothing stopped it.
        closed: weekdays between start and end on which nobody works: holidays, our own closed days.
        stood: where it stood; empty for acceptance, which nothing stops (S-27).
        due_at: None while an open pause stops it.
    """

    milestone: SlaMilestone
    rule: str
    days: int
    state: ClockState
    started_at: datetime
    counted_from: datetime
    base_due: datetime
    closed: tuple[date, ...]
    stood: tuple[Stood, ...]
    due_at: datetime | None
    met_at: datetime | None

    @property
    def moved(self) -> timedelta:
        """Working time by which pauses have moved its end so far."""
        return sum((one.worked for one in self.stood), timedelta())


def clock_stories(order: WorkOrder, *, at: datetime) -> tuple[ClockStory, ...]:
    """Give the clocks of the present offer that have started (S-20, S-21, S-22, S-23).

    The end is the one that the clock itself gives (`cloud.service.clocks`); the steps before it
    are shown beside it and never added up to another.
    """
    calendar = calendar_at(order.time_zone, on=order.policy_day)
    found = []
    for milestone in SlaMilestone:
        clock = clock_of(order, milestone, now=at)
        started_at = _started_at(order, milestone)
        if clock is None or started_at is None:
            continue
        days = _RULES[milestone].on(order.policy_day)
        begun = clock.deadline.deemed_start
        plain = deadline(milestone, start_at=started_at, business_days=days, calendar=calendar)
        base_due = plain.due_at or begun  # without a pause it always has an end
        last = max(base_due, clock.deadline.due_at or base_due)
        is_paused = milestone in PAUSABLE.on(begun.date())
        found.append(
            ClockStory(
                milestone=milestone,
                rule=_RULES[milestone].id,
                days=days,
                state=clock.state,
                started_at=started_at,
                counted_from=begun,
                base_due=base_due,
                closed=_closed(calendar, begun, last),
                stood=_stood(order, calendar, begun, clock.met_at or at) if is_paused else (),
                due_at=clock.deadline.due_at,
                met_at=clock.met_at,
            )
        )
    return tuple(found)


def _started_at(order: WorkOrder, milestone: SlaMilestone) -> datetime | None:
    offer = order.assignment
    if milestone is SlaMilestone.ACCEPT:
        return offer.delivered_at if offer is not None else None
    return order.work_authorized_at


def _stood(
    order: WorkOrder, calendar: BusinessCalendar, start: datetime, end: datetime
) -> tuple[Stood, ...]:
    """Give the united times within a clock's run; what lies outside working hours moves nothing."""
    counted = [one for one in order.pauses if not one.is_rejected]
    found = []
    for since, until in union(order, end):
        if until <= start or since >= end:
            continue
        within = [one for one in counted if one.since < until and (one.until or end) > since]
        found.append(
            Stood(
                since=since,
                until=None if any(one.until is None for one in within) else until,
                reasons=tuple(dict.fromkeys(one.reason for one in within)),
                worked=calendar.working_time(max(since, start), min(until, end)),
            )
        )
    return tuple(found)


def _closed(calendar: BusinessCalendar, start: datetime, end: datetime) -> tuple[date, ...]:
    first, last = start.astimezone(calendar.zone).date(), end.astimezone(calendar.zone).date()
    days: Sequence[date] = [first + DAY * n for n in range((last - first).days + 1)]
    return tuple(
        day for day in days if day.weekday() < SATURDAY and not calendar.is_business_day(day)
    )
