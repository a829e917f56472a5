"""Whether a partner may stop a clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.kernel.calendar import DAY
from cloud.kernel.decision import Refused
from cloud.service.clocks import clock_of
from cloud.service.models import AWAITING_OWNER, WorkOrder
from cloud.service.policy import HOMEOWNER_ATTEMPTS, PAUSE_BACKDATING_DAYS, PAUSE_REASONS
from cloud.service.sla import ClockState, SlaMilestone, calendar_at

_UNRESPONSIVE = "homeowner_unresponsive"


def refusal(
    order: WorkOrder, *, reason: str, evidence: str, since: datetime, now: datetime
) -> Refused | None:
    """Give why a pause is not granted, or None (S-23, S-23b, S-23c).

    It needs an agreed reason and evidence, begins at most one business day before it is declared,
    and comes before the work is overdue. An unresponsive homeowner was tried on two days.
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
    if reason == _UNRESPONSIVE and _days_tried(order) < HOMEOWNER_ATTEMPTS.on(day):
        because = "a homeowner is unresponsive after attempts on two different days"
        return Refused("S-23c", because, "too_few_attempts")
    return None


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
