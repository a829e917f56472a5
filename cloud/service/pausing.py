"""Whether a partner may stop a clock."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.kernel.calendar import DAY
from cloud.kernel.decision import Refused
from cloud.service.clocks import clock_of, late_until
from cloud.service.models import AWAITING_OWNER, Pause, PlannedEnd, WorkOrder
from cloud.service.policy import HOMEOWNER_ATTEMPTS, PAUSE_BACKDATING_DAYS, PAUSE_REASONS
from cloud.service.sla import ClockState, SlaMilestone, calendar_at

MULTI_VISIT = "multi_visit"
_UNRESPONSIVE = "homeowner_unresponsive"


def refusal(
    order: WorkOrder, *, reason: str, evidence: str, since: datetime, now: datetime
) -> Refused | None:
    """Give why a partner may not declare a pause, or None (S-23, S-23b, S-23c).

    It needs an agreed reason and evidence, begins at most one business day before it is declared,
    comes before the work is overdue and reaches behind no deadline that has passed. An unresponsive
    homeowner was tried on two days; a further visit is booked. What was rejected stays rejected.
    """
    day = order.policy_day
    if reason not in PAUSE_REASONS.on(day) or reason == AWAITING_OWNER:
        return Refused("S-23", f"{reason!r} is no reason that stops a clock", "unknown_reason")
    if not evidence.strip():
        return Refused("S-23", "a pause names its evidence", "evidence_missing")
    if since > now or since < earliest_start(order, now=now):
        because = "a pause begins at most one business day before it is declared"
        return Refused("S-23b", because, "pause_backdated")
    clock = clock_of(order, SlaMilestone.COMPLETE, now=now)
    if clock is not None and clock.state is ClockState.OVERDUE:
        return Refused("S-23", "the work is overdue: ask your coordinator", "declared_after_due")
    passed = late_until(order, now=now)
    if passed is not None and since < passed:
        because = "a deadline has passed since: ask your coordinator"
        return Refused("S-23", because, "declared_after_due")
    if any(one.is_rejected and (one.reason, one.since) == (reason, since) for one in order.pauses):
        return Refused("S-23d", "your coordinator rejected this pause", "pause_rejected")
    if reason == MULTI_VISIT and not has_visit_ahead(order, now=now):
        because = "for a further visit the next one is booked first"
        return Refused("S-23", because, "next_visit_missing")
    if reason == _UNRESPONSIVE and _days_tried(order) < HOMEOWNER_ATTEMPTS.on(day):
        because = "a homeowner is unresponsive after attempts on two different days"
        return Refused("S-23c", because, "too_few_attempts")
    return None


def ungranted(order: WorkOrder, *, reason: str, evidence: str) -> Refused | None:
    """Give why even a coordinator cannot grant a pause, or None (S-23d): reason and evidence."""
    if reason not in PAUSE_REASONS.on(order.policy_day) or reason == AWAITING_OWNER:
        return Refused("S-23", f"{reason!r} is no reason that stops a clock", "unknown_reason")
    if not evidence.strip():
        return Refused("S-23", "a pause names its evidence", "evidence_missing")
    return None


def has_visit_ahead(order: WorkOrder, *, now: datetime) -> bool:
    """Tell whether a visit is booked that nobody has made yet."""
    last = order.visits[-1] if order.visits else None
    return last is not None and last.arrived_at is None and last.since >= now


def between_visits(order: WorkOrder, *, next_at: datetime, now: datetime, by: str) -> WorkOrder:
    """Give the order with the pause that a further visit brings with it (S-23, S-23b).

    It runs from the departure of who did not finish to the visit that is booked next; booking
    another time moves its end, and then a coordinator looks at it again. It reaches no further back
    than any pause, and behind no deadline that has passed; overdue work has none.
    """
    made = [one for one in order.visits if one.departed_at is not None]
    clock = clock_of(order, SlaMilestone.COMPLETE, now=now)
    if not made or made[-1].is_finished or clock is None or clock.state is ClockState.OVERDUE:
        return order
    left_at = made[-1].departed_at
    running = [
        one
        for one in order.pauses
        if one.reason == MULTI_VISIT
        and not one.is_rejected
        and one.until is not None
        and one.until > now
    ]
    if running:
        last = running[-1]
        until = max(next_at, last.since)
        planned = (*last.planned, PlannedEnd(now, until))
        moved = replace(last, until=until, decided_at=None, decided_by="", planned=planned)
        pauses = tuple(moved if one is last else one for one in order.pauses)
        return replace(order, pauses=pauses)
    ended = [one.until for one in order.pauses if one.reason == MULTI_VISIT and one.until]
    floors = [left_at, earliest_start(order, now=now), late_until(order, now=now), *ended]
    since = max(one for one in floors if one is not None)
    if since >= next_at:
        return order
    evidence = f"the next visit is booked for {next_at.isoformat(timespec='minutes')}"
    planned = (PlannedEnd(now, next_at),)
    pause = Pause(MULTI_VISIT, since, next_at, evidence, by, declared_at=now, planned=planned)
    return replace(order, pauses=(*order.pauses, pause))


def earliest_start(order: WorkOrder, *, now: datetime) -> datetime:
    """Give the opening of the business day before this one (S-23b)."""
    calendar = calendar_at(order.time_zone, on=order.policy_day)
    day = now.astimezone(calendar.zone).date()
    for _ in range(PAUSE_BACKDATING_DAYS.on(order.policy_day)):
        day -= DAY
        while not calendar.is_business_day(day):
            day -= DAY
    return calendar.opening(day)


def _days_tried(order: WorkOrder) -> int:
    zone = ZoneInfo(order.time_zone)
    return len({attempt.at.astimezone(zone).date() for attempt in order.contact_attempts})
