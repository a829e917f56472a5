"""Which visits may be agreed on: how long, how far ahead, how often moved."""

from datetime import datetime, timedelta

from cloud.kernel.decision import Refused
from cloud.service.clocks import clock_of
from cloud.service.models import Visit, WorkOrder
from cloud.service.policy import VISIT_AHEAD, VISIT_HOURS, VISIT_MOVES
from cloud.service.sla import SlaMilestone


def refuse_window(
    order: WorkOrder, since: datetime, until: datetime, at: datetime
) -> Refused | None:
    """Say what is wrong with the hours of a visit, None where nothing is (S-21, S-21a, S-21b).

    A visit of exactly the longest time is taken, and so is one that begins at the last instant. An
    order whose clock does not run yet has the days of the rule alone.
    """
    if not at <= since < until:
        return Refused("S-21", "a visit lies ahead and ends after it begins", "invalid_window")
    hours = VISIT_HOURS.on(order.policy_day)
    if until - since > timedelta(hours=hours):
        because = f"a visit takes {hours} hours at most: agree on a part of one day"
        return Refused(VISIT_HOURS.id, because, "invalid_window")
    days = VISIT_AHEAD.on(order.policy_day)
    clock = clock_of(order, SlaMilestone.COMPLETE, now=at)
    due_at = clock.deadline.due_at if clock is not None else None
    last = max(at + timedelta(days=days), due_at or at)
    if since > last:
        because = f"a visit begins within {days} days or by the day the work is due: agree on one"
        return Refused(VISIT_AHEAD.id, because, "invalid_window")
    return None


def moves_after(order: WorkOrder, ahead: Visit | None, *, since: datetime, until: datetime) -> int:
    """Give how often the visit was moved once it is at those hours (S-21c)."""
    if ahead is None:
        return 0
    return order.visit_moves + ((ahead.since, ahead.until) != (since, until))


def refuse_move(order: WorkOrder, moves: int) -> Refused | None:
    """Refuse the move that is one too many (S-21c)."""
    most = VISIT_MOVES.on(order.policy_day)
    if moves <= most:
        return None
    because = f"the visit was moved {most} times: ask the coordinator, who talks to the homeowner"
    return Refused(VISIT_MOVES.id, because, "too_many_moves")
