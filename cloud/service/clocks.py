"""The clocks of a work order, derived from its facts: nothing here is stored or added up."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cloud.kernel.change import Event, Timer
from cloud.service import emergency, sla
from cloud.service.models import (
    Assignment,
    OriginalOffer,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.policy import (
    ACCEPT_DAYS,
    COMPLETE_DAYS,
    EMERGENCY_ACK_MINUTES,
    SCHEDULE_DAYS,
)
from cloud.service.sla import ClockState, Deadline, SlaMilestone

ACKNOWLEDGE_DUE = "acknowledge_due"
AFTER_THE_LAST_INSTANT = timedelta(seconds=1)
"""A deadline can be met until its last instant, so that its timer wakes just after it."""
BY_CLOCK = "clocks"
"""Who records a breach: nobody did anything."""

_DAYS = {
    SlaMilestone.ACCEPT: ACCEPT_DAYS,
    SlaMilestone.SCHEDULE: SCHEDULE_DAYS,
    SlaMilestone.COMPLETE: COMPLETE_DAYS,
}
_LATE = {ClockState.OVERDUE, ClockState.MET_LATE}


@dataclass(frozen=True, slots=True)
class SlaClock:
    """One clock of a work order that has started."""

    deadline: Deadline
    met_at: datetime | None
    state: ClockState


def wakes(milestone: SlaMilestone) -> str:
    """Give the name of the process that a clock's timer wakes."""
    return f"{milestone}_due"


def clock_of(order: WorkOrder, milestone: SlaMilestone, *, now: datetime) -> SlaClock | None:
    """Give a clock of the present assignment, None before it starts (S-20, S-21, S-22).

    Acceptance counts from the delivery of the offer; a mail that came back starts nothing.
    Scheduling and completion count from acceptance, or from spend approval where one was needed.
    """
    started_at, met_at = _facts(order, milestone)
    if started_at is None:
        return None
    calendar = sla.calendar_at(order.time_zone, on=order.policy_day)
    pauses = [(pause.since, pause.until) for pause in order.pauses]
    found = sla.deadline(
        milestone,
        start_at=started_at,
        business_days=_DAYS[milestone].on(order.policy_day),
        calendar=calendar,
        pauses=pauses,
    )
    state = sla.state_of(
        milestone, found=found, calendar=calendar, pauses=pauses, met_at=met_at, now=now
    )
    return SlaClock(found, met_at, state)


def emergency_of(order: WorkOrder, *, now: datetime) -> emergency.EmergencyVerdict | None:
    """Give how an emergency's call for help stands, None before it reached anyone (E-32, E-33)."""
    offer = order.assignment
    if not order.is_emergency or offer is None:
        return None
    if offer.delivered_at is None or offer.bounced_at is not None:
        return None
    return emergency.acknowledgement(
        contacted_at=max(offer.delivered_at, order.emergency_since or offer.delivered_at),
        minutes=EMERGENCY_ACK_MINUTES.on(order.policy_day),
        zone=sla.calendar_at(order.time_zone, on=order.policy_day).zone,
        channels=("email", "phone") if offer.phoned_at else ("email",),
        acknowledged_at=offer.acknowledged_at or offer.answered_at,
        is_declined=offer.state is AssignmentState.DECLINED,
        now=now,
    )


def may_be_reassigned(order: WorkOrder, *, now: datetime) -> bool:
    """Tell whether the work may be taken back from who was offered it (R-44, E-33)."""
    offer = order.assignment
    if offer is None or offer.state is not AssignmentState.OFFERED:
        return False
    accept = clock_of(order, SlaMilestone.ACCEPT, now=now)
    help_call = emergency_of(order, now=now)
    is_overdue = accept is not None and accept.state is ClockState.OVERDUE
    return is_overdue or (help_call is not None and help_call.may_reassign)


def judged(order: WorkOrder, *, now: datetime) -> tuple[WorkOrder, tuple[Event, ...]]:
    """Give the order with every breach on record, each once (S-20, S-21, S-22, S-20b).

    The breach is dated by the deadline, not by whoever looked. An offer that was left unanswered
    can then be given to another partner once a coordinator says so; one that was acknowledged is
    chased, for the partner did respond.
    """
    events = []
    for milestone in SlaMilestone:
        clock = clock_of(order, milestone, now=now)
        offer = order.assignment
        if clock is None or offer is None or clock.state not in _LATE:
            continue
        if milestone not in offer.missed and clock.deadline.due_at is not None:
            order = _with_offer(order, replace(offer, missed=(*offer.missed, milestone)))
            events.append(_missed(order, milestone, clock.deadline.due_at))
    if may_be_reassigned(order, now=now):
        order = _left_unanswered(order)
    return order, tuple(events)


def timers_of(order: WorkOrder, *, now: datetime) -> tuple[tuple[Timer, ...], tuple[str, ...]]:
    """Give the timers that an order needs, and the ids of those that it needs no longer."""
    due = dict(_due(order, now))
    timers = tuple(
        Timer(f"{order.id}:{name}", order.id, name, at.astimezone(UTC) + AFTER_THE_LAST_INSTANT)
        for name, at in due.items()
    )
    names = (ACKNOWLEDGE_DUE, *map(wakes, SlaMilestone))
    return timers, tuple(f"{order.id}:{name}" for name in names if name not in due)


def _due(order: WorkOrder, now: datetime) -> Iterator[tuple[str, datetime]]:
    offer = order.assignment
    if offer is None or order.state is WorkOrderState.CANCELLED:
        return
    for milestone in SlaMilestone:
        clock = clock_of(order, milestone, now=now)
        if clock is None or clock.met_at or milestone in offer.missed:
            continue
        if clock.deadline.due_at is not None:
            yield wakes(milestone), clock.deadline.due_at
    call = emergency_of(order, now=now)
    is_waiting = offer.acknowledged_at is None and order.state is WorkOrderState.OFFERED
    if call is not None and is_waiting:
        yield ACKNOWLEDGE_DUE, call.due_at


def _facts(order: WorkOrder, milestone: SlaMilestone) -> tuple[datetime | None, datetime | None]:
    """Give when a clock started and when it was met."""
    offer = order.assignment
    if offer is None:
        return None, None
    if milestone is SlaMilestone.ACCEPT:
        return (None if offer.bounced_at else offer.delivered_at), offer.answered_at
    if milestone is SlaMilestone.SCHEDULE:
        first = order.contact_attempts[0].at if order.contact_attempts else None
        return order.work_authorized_at, first
    if order.departed_at is None or order.reported_at is None:
        return order.work_authorized_at, None
    return order.work_authorized_at, max(order.departed_at, order.reported_at)


def _with_offer(order: WorkOrder, offer: Assignment) -> WorkOrder:
    return replace(order, assignments=(*order.assignments[:-1], offer))


def _left_unanswered(order: WorkOrder) -> WorkOrder:
    offer = order.assignments[-1]
    if offer.acknowledged_at is not None:
        return replace(order, task=Task.CHASE_PARTNER)
    silent = OriginalOffer.NO_RESPONSE
    if order.is_emergency:
        silent = OriginalOffer.COULD_NOT_RESPOND_EMERGENCY
    is_installer = offer.partner_id == order.original_installer_id
    return replace(
        order,
        state=WorkOrderState.REASSIGNABLE,
        task=Task.CONFIRM_REASSIGNMENT,
        original_offer=silent if is_installer else order.original_offer,
    )


def _missed(order: WorkOrder, milestone: SlaMilestone, due_at: datetime) -> Event:
    return Event(
        subject=order.id,
        what=f"{milestone}_missed",
        at=due_at.astimezone(UTC),
        by=BY_CLOCK,
        rule=_DAYS[milestone].id,
        causes=(order.case_id,),
        says=f"partner {order.partner_id} did not {milestone} work order {order.id} in time",
    )
