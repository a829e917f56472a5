"""What a partner answers to an offer, and what became of the letter that made it."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Event, Letter
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Site
from cloud.service import letters, offer
from cloud.service.clocks import clock_of, judged, may_be_reassigned
from cloud.service.models import (
    Assignment,
    Coordinator,
    OriginalOffer,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.process.dispatch import offered_next
from cloud.service.process.saving import load_order, load_own, not_yours_now, settle
from cloud.service.sla import SlaMilestone

BY_MAIL = "mail"
_TAKEN = {AssignmentState.ACCEPTED, AssignmentState.AWAITING_SPEND_APPROVAL}


def record_delivery(
    records: Records, *, thread: str, letter_id: str, delivered_at: datetime
) -> WorkOrder | None:
    """Start the accept clock when the letter that offers the work was delivered (S-20).

    None for a letter that offers no work, and for one whose offer is past.
    """
    found = _offered_by(records, thread, letter_id)
    if found is None:
        return None
    stored, current = found
    if current.delivered_at is not None:
        return stored.record
    after = _answered(stored.record, replace(current, delivered_at=delivered_at, bounced_at=None))
    says = f"the offer of work order {thread} reached partner {current.partner_id}"
    event = Event(thread, "delivered", delivered_at, BY_MAIL, "S-20", (letter_id,), says)
    return settle(records, stored, after, at=delivered_at, events=(event,))


def record_bounce(
    records: Records, *, thread: str, letter_id: str, at: datetime
) -> WorkOrder | None:
    """Void the accept clock of an offer whose letter came back, and ask a person (S-20)."""
    found = _offered_by(records, thread, letter_id)
    if found is None:
        return None
    stored, current = found
    if current.bounced_at is not None:
        return stored.record
    after = _answered(stored.record, replace(current, bounced_at=at))
    says = (
        f"the offer of work order {thread} came back: correct partner {current.partner_id}'s mail"
    )
    event = Event(thread, "bounced", at, BY_MAIL, "S-20", (letter_id,), says)
    after = replace(after, task=Task.CORRECT_CONTACT)
    return settle(records, stored, after, at=at, events=(event,))


def record_phone_call(
    records: Records, *, work_order_id: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Note that the partner was called as well, as an emergency asks for (E-32)."""
    stored = load_order(records, work_order_id)
    order = stored.record
    current = order.assignment
    if current is None:
        return Refused("E-32", f"work order {order.id} has no partner to call", "conflict")
    if current.phoned_at is not None:
        return order
    after = _answered(order, replace(current, phoned_at=at))
    after = replace(after, task=None if order.task is Task.PHONE_PARTNER else order.task)
    says = f"partner {current.partner_id} was called about work order {order.id}"
    event = Event(order.id, "phoned", at, by, "E-32", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,))


def acknowledge(
    records: Records, *, work_order_id: str, partner_id: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Note the first authentic answer of a partner; it is not an acceptance (S-20b)."""
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    lost = not_yours_now(order, partner_id)
    if lost is not None:
        return lost
    current = order.assignments[-1]
    if current.acknowledged_at is not None:
        return order
    after = _answered(order, replace(current, acknowledged_at=at))
    if order.state is WorkOrderState.REASSIGNABLE:
        after = replace(after, state=WorkOrderState.OFFERED)
    says = f"partner {partner_id} acknowledged work order {order.id}"
    event = Event(order.id, "acknowledged", at, by, "S-20", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,))


def accept(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    estimate: Money | None,
    at: datetime,
    by: str,
) -> WorkOrder | Refused:
    """Take a work order (R-44, I-63, S-21, S-22).

    The clocks of scheduling and completion start, unless the estimate needs a written approval:
    then they wait for it. The same acceptance again changes nothing.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    lost = not_yours_now(order, partner_id)
    if lost is not None:
        return lost
    current = order.assignments[-1]
    if current.state in _TAKEN and current.estimate == estimate:
        return order
    answer = offer.accept(
        current.state,
        accept_due_at=_accept_due(order, at),
        at=at,
        estimate=estimate,
        spend_limit=order.spend_limit,
    )
    if isinstance(answer, Refused):
        return answer
    after = _answered(
        order,
        replace(
            current,
            state=answer.state,
            answered_at=at,
            acknowledged_at=current.acknowledged_at or at,
            is_late=answer.is_late,
            estimate=estimate,
        ),
    )
    after = _taken(after, at)
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    sent = [letters.accepted(after, partner=partner, by=due_of(after, at), at=at)]
    if after.task is Task.APPROVE_SPEND and estimate is not None:
        sent += asking_for_spend(records, after, amount=estimate, at=at)
    how = "accepted late" if answer.is_late else "accepted"
    says = f"partner {partner_id} {how} work order {order.id}"
    event = Event(order.id, "accepted", at, by, "R-44", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,), letters=sent)


def decline(
    records: Records, *, work_order_id: str, partner_id: str, reason: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Refuse a work order; it is offered to the next partner at once (R-44, B-53).

    The same refusal again changes nothing.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    past = next(one for one in reversed(order.assignments) if one.partner_id == partner_id)
    if past.state is AssignmentState.DECLINED:
        return order
    lost = not_yours_now(order, partner_id)
    if lost is not None:
        return lost
    answer = offer.decline(past.state, accept_due_at=_accept_due(order, at), at=at)
    if isinstance(answer, Refused):
        return answer
    declined = replace(
        past,
        state=answer.state,
        answered_at=at,
        acknowledged_at=past.acknowledged_at or at,
        is_late=answer.is_late,
        reason=reason,
    )
    after = _answered(order, declined)
    if partner_id == order.original_installer_id:
        after = replace(after, original_offer=OriginalOffer.DECLINED)
    says = f"partner {partner_id} declined work order {order.id}: {reason or 'no reason given'}"
    event = Event(order.id, "declined", at, by, "R-44", (order.case_id,), says)
    return _given_on(records, stored, after, at=at, event=event)


def reassign(records: Records, *, work_order_id: str, at: datetime, by: str) -> WorkOrder | Refused:
    """Take a work order back from a partner that did not answer in time (R-44, E-33).

    A person confirms this. Whether it may be done is derived from the clocks, not from whether a
    timer has fired yet.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    if not may_be_reassigned(order, now=at):
        because = f"work order {order.id} stands as {order.state}; its partner still has its time"
        return Refused("R-44", because, "conflict")
    order, breaches = judged(order, now=at)
    expired = replace(order.assignments[-1], state=AssignmentState.EXPIRED_REASSIGNED)
    after = _answered(order, expired)
    if after.original_offer is OriginalOffer.NOT_OFFERED and _is_installers(after):
        after = replace(after, original_offer=OriginalOffer.NO_RESPONSE)
    says = f"work order {order.id} was taken back from partner {expired.partner_id}"
    event = Event(order.id, "reassigned", at, by, "R-44", (order.case_id,), says)
    return _given_on(records, stored, after, at=at, event=event, breaches=breaches)


def due_of(order: WorkOrder, at: datetime) -> letters.ByWhen:
    """Give the deadlines that a partner is told."""
    schedule = clock_of(order, SlaMilestone.SCHEDULE, now=at)
    complete = clock_of(order, SlaMilestone.COMPLETE, now=at)
    return letters.ByWhen(
        schedule.deadline.due_at if schedule else None,
        complete.deadline.due_at if complete else None,
    )


def asking_for_spend(
    records: Records, order: WorkOrder, *, amount: Money, at: datetime
) -> list[Letter]:
    """Give the letter that asks the coordinator for an approval; none where nobody is named."""
    spc = records.load(Coordinator, order.spc_id)
    if spc is None:
        return []
    return [letters.spend_asked(order, coordinator=spc.record, amount=amount, at=at)]


def _given_on(
    records: Records,
    stored: Stored[WorkOrder],
    after: WorkOrder,
    *,
    at: datetime,
    event: Event,
    breaches: tuple[Event, ...] = (),
) -> WorkOrder:
    """Offer the work to the next partner, whoever had it being excluded from now on."""
    after, late = judged(after, now=at)
    site = require(records.load(Site, after.site_id), "site", after.site_id).record
    after = replace(
        after, excluded=(*after.excluded, after.assignments[-1].partner_id), partner_id=None
    )
    after, offers, sent = offered_next(records, after, site=site, at=at)
    events = (event, *breaches, *late, *offers)
    return settle(records, stored, after, at=at, events=events, letters=sent)


def _taken(order: WorkOrder, at: datetime) -> WorkOrder:
    is_waiting = order.assignments[-1].state is AssignmentState.AWAITING_SPEND_APPROVAL
    return replace(
        order,
        state=WorkOrderState.AWAITING_SPEND if is_waiting else WorkOrderState.ACCEPTED,
        work_authorized_at=None if is_waiting else at,
        task=Task.APPROVE_SPEND if is_waiting else None,
        original_offer=OriginalOffer.ACCEPTED if _is_installers(order) else order.original_offer,
    )


def _is_installers(order: WorkOrder) -> bool:
    return order.partner_id == order.original_installer_id


def _answered(order: WorkOrder, current: Assignment) -> WorkOrder:
    return replace(order, assignments=(*order.assignments[:-1], current))


def _accept_due(order: WorkOrder, at: datetime) -> datetime | None:
    clock = clock_of(order, SlaMilestone.ACCEPT, now=at)
    return None if clock is None else clock.deadline.due_at


def _offered_by(
    records: Records, thread: str, letter_id: str
) -> tuple[Stored[WorkOrder], Assignment] | None:
    stored = records.load(WorkOrder, thread)
    current = stored.record.assignment if stored else None
    if stored is None or current is None or current.letter_id != letter_id:
        return None
    return stored, current
