"""The clocks of a work order, derived from its facts: nothing here is stored or added up."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cloud.kernel.calendar import DAY, wall_time
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
    REMINDER_DAYS,
    SCHEDULE_DAYS,
)
from cloud.service.sla import ClockState, Deadline, SlaMilestone

ACKNOWLEDGE_DUE = "acknowledge_due"
REMIND = "remind"
SOON, LATE = "soon", "late"
"""Ends of a reminder's name: before a deadline, and after it."""
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
class Reminder:
    """What a partner is to be reminded of, and from when on."""

    milestone: SlaMilestone
    when: str
    at: datetime

    @property
    def name(self) -> str:
        """What it is remembered by, for example ``accept_soon``."""
        return f"{self.milestone}_{self.when}"


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
    pauses = [(pause.since, pause.until) for pause in order.pauses if not pause.is_rejected]
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
        channels=channels_of(offer),
        acknowledged_at=offer.acknowledged_at or offer.answered_at,
        is_declined=offer.state is AssignmentState.DECLINED,
        now=now,
    )


def channels_of(offer: Assignment) -> tuple[str, ...]:
    """Give the ways in which a partner was reached for (E-32b): a call counts if it was tried."""
    mailed = offer.delivered_at is not None and offer.bounced_at is None
    ways = {"email": mailed, "phone": offer.phoned_at is not None}
    return tuple(way for way, was_tried in ways.items() if was_tried)


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
    events: list[Event] = []
    if order.state is WorkOrderState.CANCELLED:
        return order, ()
    for milestone in SlaMilestone:
        clock = clock_of(order, milestone, now=now)
        offer = order.assignment
        if clock is None or offer is None or clock.state not in _LATE:
            continue
        if milestone not in offer.missed and clock.deadline.due_at is not None:
            order = _with_offer(order, replace(offer, missed=(*offer.missed, milestone)))
            events.append(_missed(order, milestone, clock.deadline.due_at))
    if may_be_reassigned(order, now=now):
        before, order = order, _left_unanswered(order)
        call = emergency_of(order, now=now)
        is_silent = call is not None and order.assignments[-1].acknowledged_at is None
        if is_silent and call is not None and order.state is not before.state:
            events.append(_unanswered(order, call.due_at))
    return order, tuple(events)


def excused(order: WorkOrder, *, now: datetime, by: str) -> tuple[WorkOrder, tuple[Event, ...]]:
    """Give the order without the breaches that a granted pause excuses (S-23d); the log keeps both.

    What is late even so stays on record. Somebody has the order: who waits was authorised to work.
    """
    offer = order.assignments[-1]
    clocks = {one: clock_of(order, one, now=now) for one in offer.missed}
    late = tuple(one for one, clock in clocks.items() if clock and clock.state in _LATE)
    events = tuple(
        Event(
            subject=order.id,
            what=f"{one}_excused",
            at=now,
            by=by,
            rule="S-23d",
            causes=(order.case_id,),
            says=f"the pause that {by} granted excuses that it was late to {one}",
        )
        for one in offer.missed
        if one not in late
    )
    return _with_offer(order, replace(offer, missed=late)), events


def late_until(order: WorkOrder, *, now: datetime) -> datetime | None:
    """Give the last deadline that has passed unmet, before which no pause may reach (S-23)."""
    clocks = [clock_of(order, milestone, now=now) for milestone in SlaMilestone]
    passed = [
        clock.deadline.due_at
        for clock in clocks
        if clock is not None and clock.state in _LATE and clock.deadline.due_at is not None
    ]
    return max(passed, default=None)


def reminders_of(order: WorkOrder, *, now: datetime) -> tuple[Reminder, ...]:
    """Give the reminders that a partner has not had yet, the next one first (S-28).

    One business day before a deadline, unless the clock is that short, and once it has passed. They
    wait for business hours, but not in an emergency.
    """
    offer = order.assignment
    if offer is None or not order.is_open:
        return ()
    found = [
        one
        for milestone in SlaMilestone
        for one in _reminders(order, milestone, now)
        if one.name not in offer.reminded
    ]
    return tuple(sorted(found, key=lambda one: one.at))


def is_quiet(order: WorkOrder, *, now: datetime) -> bool:
    """Tell whether a partner is left in peace now (S-28); an emergency knows no such hours."""
    calendar = sla.calendar_at(order.time_zone, on=order.policy_day)
    return not order.is_emergency and calendar.deemed(now) > now


def timers_of(order: WorkOrder, *, now: datetime) -> tuple[tuple[Timer, ...], tuple[str, ...]]:
    """Give the timers that an order needs, and the ids of those that it needs no longer."""
    due = dict(_due(order, now))
    timers = tuple(
        Timer(f"{order.id}:{name}", order.id, name, at.astimezone(UTC) + AFTER_THE_LAST_INSTANT)
        for name, at in due.items()
    )
    names = (ACKNOWLEDGE_DUE, REMIND, *map(wakes, SlaMilestone))
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
    reminders = reminders_of(order, now=now)
    if reminders:
        yield REMIND, _in_hours(order, max(reminders[0].at, now))


def _reminders(order: WorkOrder, milestone: SlaMilestone, now: datetime) -> Iterator[Reminder]:
    clock = clock_of(order, milestone, now=now)
    if clock is None or clock.met_at is not None or clock.deadline.due_at is None:
        return
    due_at = clock.deadline.due_at
    calendar = sla.calendar_at(order.time_zone, on=order.policy_day)
    day = due_at.astimezone(calendar.zone).date()
    for _ in range(REMINDER_DAYS.on(order.policy_day)):
        day -= DAY
        while not calendar.is_business_day(day):
            day -= DAY
    before = wall_time(day, due_at.astimezone(calendar.zone).time(), calendar.zone)
    soon_at = _in_hours(order, before)
    if clock.deadline.deemed_start < before and soon_at < due_at and now <= due_at:
        yield Reminder(milestone, SOON, soon_at)
    late_at = due_at.astimezone(UTC) + AFTER_THE_LAST_INSTANT
    yield Reminder(milestone, LATE, _in_hours(order, late_at))


def _in_hours(order: WorkOrder, instant: datetime) -> datetime:
    """Give the instant, or the next opening where a partner is left in peace (S-28)."""
    if order.is_emergency:
        return instant
    return sla.calendar_at(order.time_zone, on=order.policy_day).deemed(instant)


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


def _unanswered(order: WorkOrder, due_at: datetime) -> Event:
    return Event(
        subject=order.id,
        what="left_unanswered",
        at=due_at.astimezone(UTC),
        by=BY_CLOCK,
        rule="E-33",
        causes=(order.case_id,),
        says=f"partner {order.partner_id} did not answer the emergency of work order {order.id}",
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
