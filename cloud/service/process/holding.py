"""Pauses of a work order: declared by its partner, decided by its coordinator."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner
from cloud.service import letters, pausing
from cloud.service.clocks import excused
from cloud.service.models import Pause, PlannedEnd, Task, WorkOrder, WorkOrderState
from cloud.service.process.saving import is_a_partners, load_order, load_own, settle, waits_for
from cloud.service.process.visits import SCHEDULABLE, not_at_work

_OVER = {WorkOrderState.COMPLETED, WorkOrderState.CANCELLED}


def pause(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    reason: str,
    evidence: str,
    since: datetime,
    at: datetime,
    by: str,
) -> WorkOrder | Refused:
    """Stop the clocks of scheduling and completion for one of the agreed reasons (S-23, S-23d).

    They stand at once; a coordinator looks at it and may reject it.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = not_at_work(order, partner_id)
    if refused is None and order.state not in SCHEDULABLE:
        refused = Refused("S-23", f"work order {order.id} stands as {order.state}", "conflict")
    if refused is not None:
        return refused
    if any(one.reason == reason and one.is_open for one in order.pauses):
        return order
    wrong = pausing.refusal(order, reason=reason, evidence=evidence, since=since, now=at)
    if wrong is not None:
        return wrong
    declared = Pause(reason, since, None, evidence, by, declared_at=at)
    after = replace(order, pauses=(*order.pauses, declared), task=order.task or Task.CONFIRM_PAUSE)
    says = f"work order {order.id} waits: {reason}"
    event = Event(order.id, "paused", at, by, "S-23", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,))


def resume(
    records: Records, *, work_order_id: str, partner_id: str, reason: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """End a pause; the deadlines move by the working time that it took (S-23)."""
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = not_at_work(order, partner_id)
    if refused is not None:
        return refused
    after = replace(
        order,
        pauses=tuple(
            replace(one, until=at) if one.reason == reason and one.is_open else one
            for one in order.pauses
        ),
    )
    if after == order:
        return order
    event = Event(order.id, "resumed", at, by, "S-23", (order.case_id,), f"{reason} is over")
    return settle(records, stored, after, at=at, events=(event,))


def confirm_pause(
    records: Records, *, work_order_id: str, number: int, at: datetime, by: str
) -> WorkOrder | Refused:
    """Let a declared pause count for good (S-23d); `number` counts the order's pauses from one."""
    stored = load_order(records, work_order_id)
    found = _undecided(stored.record, number, is_rejected=False)
    if not isinstance(found, Pause):
        return found
    says = f"{by} confirmed the pause for {found.reason} of work order {stored.record.id}"
    event = Event(
        stored.record.id, "pause_confirmed", at, by, "S-23d", (stored.record.case_id,), says
    )
    after = _decided(stored.record, number, replace(found, decided_at=at, decided_by=by))
    return settle(records, stored, after, at=at, events=(event,))


def reject_pause(
    records: Records, *, work_order_id: str, number: int, reason: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Let a declared pause never have stopped a clock (S-23d); the partner is told why.

    A deadline that passed meanwhile was missed when it was due, not now.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    found = _undecided(order, number, is_rejected=True)
    if not isinstance(found, Pause):
        return found
    if not reason.strip():
        return Refused("S-23d", "a rejection says why", "reason_missing")
    rejected = replace(
        found, decided_at=at, decided_by=by, is_rejected=True, until=found.until or at
    )
    after = _decided(order, number, rejected)
    says = f"{by} rejected the pause for {found.reason} of work order {order.id}: {reason}"
    event = Event(order.id, "pause_rejected", at, by, "S-23d", (order.case_id,), says)
    partner_id = order.assignments[-1].partner_id
    known = require(records.load(Partner, partner_id), "partner", partner_id)
    letter = letters.pause_rejected(order, partner=known.record, pause=found, reason=reason, at=at)
    return settle(records, stored, after, at=at, events=(event,), letters=(letter,))


def grant_pause(
    records: Records,
    *,
    work_order_id: str,
    reason: str,
    evidence: str,
    since: datetime,
    until: datetime | None,
    at: datetime,
    by: str,
) -> WorkOrder | Refused:
    """Stop the clocks on a coordinator's word, also of work that is overdue (S-23d).

    A breach that it excuses is taken off the record of the offer; the log keeps that it was there.
    Granting the same again changes nothing.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    if order.work_authorized_at is None or order.state in _OVER:
        return Refused("S-23d", f"work order {order.id} stands as {order.state}", "conflict")
    wrong = pausing.ungranted(order, reason=reason, evidence=evidence)
    if wrong is not None:
        return wrong
    if since > at or (until is not None and until <= since):
        return Refused("S-23d", "a pause has begun, and ends after that", "invalid_window")
    if any(
        (one.reason, one.since) == (reason, since) and not one.is_rejected for one in order.pauses
    ):
        return order
    granted = Pause(reason, since, until, evidence, by, at, decided_at=at, decided_by=by)
    if until is not None:
        granted = replace(granted, planned=(PlannedEnd(at, until),))
    after = replace(order, pauses=(*order.pauses, granted))
    says = f"{by} granted a pause for {reason} of work order {order.id}: {evidence}"
    event = Event(order.id, "pause_granted", at, by, "S-23d", (order.case_id,), says)
    after, excuses = excused(after, now=at, by=by)
    return settle(records, stored, after, at=at, events=(event, *excuses))


def _undecided(order: WorkOrder, number: int, *, is_rejected: bool) -> Pause | WorkOrder | Refused:
    """Give the pause that waits for a decision, or the answer to whoever decides it again."""
    if not 1 <= number <= len(order.pauses) or not is_a_partners(order.pauses[number - 1]):
        because = f"work order {order.id} has no pause {number} to decide on"
        return Refused("S-23d", because, "unknown_pause")
    found = order.pauses[number - 1]
    if found.decided_at is None:
        return found
    if found.is_rejected is is_rejected:
        return order
    return Refused("S-23d", f"pause {number} was decided by {found.decided_by}", "conflict")


def _decided(order: WorkOrder, number: int, decided: Pause) -> WorkOrder:
    pauses = (*order.pauses[: number - 1], decided, *order.pauses[number:])
    after = replace(order, pauses=pauses)
    is_done = order.task is Task.CONFIRM_PAUSE
    return replace(after, task=waits_for(after) if is_done else order.task)
