"""What a partner answers to an offer, and to whom the work goes then."""

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
    Coordinator,
    OriginalOffer,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.process.dispatch import offered_next
from cloud.service.process.saving import (
    load_order,
    load_own,
    not_yours_now,
    settle,
    waits_for,
    with_offer,
)
from cloud.service.sla import SlaMilestone

_TAKEN = {AssignmentState.ACCEPTED, AssignmentState.AWAITING_SPEND_APPROVAL}


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
    after = with_offer(order, replace(current, acknowledged_at=at))
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
    then they wait for it. The same acceptance again changes nothing; one whose cost was not
    approved may come again with a lower estimate, and counts from the first.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    lost = not_yours_now(order, partner_id)
    if lost is not None:
        return lost
    current = order.assignments[-1]
    if current.state in _TAKEN and current.estimate == estimate:
        return order
    is_rejected = order.state is WorkOrderState.SPEND_REJECTED and current.estimate == estimate
    if is_rejected and estimate is not None and estimate > order.not_to_exceed:
        because = f"{estimate} was not approved: accept with less, decline, or ask"
        return Refused("I-62", because, "spend_rejected")
    answer = offer.accept(
        current.state,
        accept_due_at=_accept_due(order, at),
        at=at,
        estimate=estimate,
        spend_limit=max(order.spend_limit, order.not_to_exceed),
    )
    if isinstance(answer, Refused):
        return answer
    is_first = current.answered_at is None
    after = with_offer(
        order,
        replace(
            current,
            state=answer.state,
            answered_at=current.answered_at or at,
            acknowledged_at=current.acknowledged_at or at,
            is_late=answer.is_late if is_first else current.is_late,
            estimate=estimate,
        ),
    )
    after = replace(_taken(after, at), first_spend_approval=None)
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    sent = [letters.accepted(after, partner=partner, by=due_of(after, at), at=at)]
    if after.task is Task.APPROVE_SPEND and estimate is not None:
        sent += asking_for_spend(records, after, amount=estimate, at=at)
    how = "accepted late" if is_first and answer.is_late else "accepted"
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
        answered_at=past.answered_at or at,
        acknowledged_at=past.acknowledged_at or at,
        is_late=answer.is_late if past.answered_at is None else past.is_late,
        reason=reason,
    )
    after = with_offer(order, declined)
    if partner_id == order.original_installer_id:
        after = replace(after, original_offer=OriginalOffer.DECLINED)
    says = f"partner {partner_id} declined work order {order.id}: {reason or 'no reason given'}"
    event = Event(order.id, "declined", at, by, "R-44", (order.case_id,), says)
    return given_on(records, stored, after, at=at, event=event)


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
    after = with_offer(order, expired)
    if after.original_offer is OriginalOffer.NOT_OFFERED and _is_installers(after):
        after = replace(after, original_offer=OriginalOffer.NO_RESPONSE)
    says = f"work order {order.id} was taken back from partner {expired.partner_id}"
    event = Event(order.id, "reassigned", at, by, "R-44", (order.case_id,), says)
    former = require(records.load(Partner, expired.partner_id), "partner", expired.partner_id)
    told = letters.taken_back(order, partner=former.record, at=at)
    return given_on(
        records, stored, after, at=at, event=event, breaches=breaches, letters_to=(told,)
    )


def due_of(order: WorkOrder, at: datetime) -> letters.ByWhen:
    """Give the deadlines that a partner is told."""
    schedule = clock_of(order, SlaMilestone.SCHEDULE, now=at)
    complete = clock_of(order, SlaMilestone.COMPLETE, now=at)
    return letters.ByWhen(
        schedule.deadline.due_at if schedule else None,
        complete.deadline.due_at if complete else None,
    )


def asking_for_spend(
    records: Records, order: WorkOrder, *, amount: Money, at: datetime, why: str = ""
) -> list[Letter]:
    """Give the letter that asks the coordinator for an approval; none where nobody is named."""
    spc = records.load(Coordinator, order.spc_id)
    if spc is None:
        return []
    return [letters.spend_asked(order, coordinator=spc.record, amount=amount, at=at, why=why)]


def given_on(
    records: Records,
    stored: Stored[WorkOrder],
    after: WorkOrder,
    *,
    at: datetime,
    event: Event,
    breaches: tuple[Event, ...] = (),
    letters_to: tuple[Letter, ...] = (),
) -> WorkOrder:
    """Offer the work to the next partner, whoever had it being excluded from now on (R-44).

    The next one begins anew: what its forerunner tried, agreed on and paused for stays with the
    offer that it had, by which it is judged, and binds nobody else. So does written leave to spend
    more: it was given to who asked for it, and the limit is the issued one again (I-62).
    """
    after, late = judged(after, now=at)
    issued = tuple(one for one in after.spend_approvals if one.at <= after.issued_at)
    site = require(records.load(Site, after.site_id), "site", after.site_id).record
    ended = replace(
        after.assignments[-1],
        ended_at=at,
        work_authorized_at=after.work_authorized_at,
        contact_attempts=after.contact_attempts,
        visits=after.visits,
        pauses=tuple(replace(one, until=min(one.until or at, at)) for one in after.pauses),
        spend_approvals=after.spend_approvals[len(issued) :],
    )
    after = replace(
        with_offer(after, ended),
        excluded=(*after.excluded, ended.partner_id),
        partner_id=None,
        work_authorized_at=None,
        contact_attempts=(),
        visits=(),
        pauses=(),
        spend_approvals=issued,
        first_spend_approval=None,
        not_to_exceed=max([after.spend_limit, *(one.max_total for one in issued)]),
        departed_at=None,
        open_questions=(),
    )
    after, offers, sent = offered_next(records, after, site=site, at=at)
    events = (event, *breaches, *late, *offers)
    return settle(records, stored, after, at=at, events=events, letters=(*sent, *letters_to))


def _taken(order: WorkOrder, at: datetime) -> WorkOrder:
    is_waiting = order.assignments[-1].state is AssignmentState.AWAITING_SPEND_APPROVAL
    return replace(
        order,
        state=WorkOrderState.AWAITING_SPEND if is_waiting else WorkOrderState.ACCEPTED,
        work_authorized_at=None if is_waiting else at,
        task=Task.APPROVE_SPEND if is_waiting else waits_for(order),
        original_offer=OriginalOffer.ACCEPTED if _is_installers(order) else order.original_offer,
    )


def _is_installers(order: WorkOrder) -> bool:
    return order.partner_id == order.original_installer_id


def _accept_due(order: WorkOrder, at: datetime) -> datetime | None:
    clock = clock_of(order, SlaMilestone.ACCEPT, now=at)
    return None if clock is None else clock.deadline.due_at
