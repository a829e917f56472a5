"""What the owner's people do with a work order as a whole: issue it, take it back, end it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Site
from cloud.service import customer_letters, letters
from cloud.service.cases import sent_for, sent_nobody
from cloud.service.clocks import timers_of
from cloud.service.models import (
    SPC_ROLE,
    Case,
    CaseOwner,
    CaseState,
    Finding,
    ScopeLine,
    SpendApproval,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.policy import SECOND_SPEND_CENTS
from cloud.service.process.answers import given_on
from cloud.service.process.dispatch import drafted, offered_next
from cloud.service.process.saving import load_order, settle, with_offer
from cloud.service.process.spend import takes_two

_ENDED = {WorkOrderState.COMPLETED, WorkOrderState.CANCELLED}
_BEFORE_ANYBODY_WENT = {
    WorkOrderState.OFFERED,
    WorkOrderState.CONTACT_FAILED,
    WorkOrderState.REASSIGNABLE,
    WorkOrderState.MANUAL_DISPATCH,
    WorkOrderState.AWAITING_SPEND,
    WorkOrderState.SPEND_REJECTED,
    WorkOrderState.ACCEPTED,
    WorkOrderState.SCHEDULING,
    WorkOrderState.SCHEDULED,
}


def issue(
    records: Records,
    *,
    case_id: str,
    scope_lines: Sequence[ScopeLine],
    instructions: str,
    is_workmanship_suspected: bool,
    not_to_exceed: Money | None,
    at: datetime,
    by: str,
) -> WorkOrder | Refused:
    """Issue a work order for a case, in writing: what is to be done, and up to which cost (A-81).

    `by` is a coordinator, whom it belongs to from now on. A total over the limit of the day is that
    coordinator's written approval as well (I-62). One work order of a case is open at a time; the
    same one again changes nothing.
    """
    known = require(records.load(Case, case_id), "case", case_id)
    case = known.record
    lines = tuple(scope_lines)
    orders = [
        load_order(records, one.record.id).record
        for one in records.find(WorkOrder, by="case_id", value=case_id)
    ]
    for one in orders:
        if one.is_open and (one.scope_lines, one.instructions) == (lines, instructions):
            return one
    refused = _unissuable(case, orders, lines=lines, instructions=instructions)
    if refused is not None:
        return refused
    site = require(records.load(Site, case.site_id), "site", case.site_id).record
    order = _written(
        case,
        site=site,
        number=derived("WO", case.id, len(orders) + 1),
        lines=lines,
        instructions=instructions,
        at=at,
        by=by,
    )
    order = replace(order, is_workmanship_suspected=is_workmanship_suspected)
    limited = _with_limit(order, not_to_exceed, at=at, by=by)
    if isinstance(limited, Refused):
        return limited
    order, events, sent = offered_next(records, limited, site=site, at=at)
    timers, _ = timers_of(order, now=at)
    sent_out = sent_for(case)
    records.commit(
        Change(
            saves=(Save(order, NEW), known.replaced_by(sent_out)),
            events=(*_issued_events(order, instructions, at=at, by=by), *events),
            letters=(*sent, customer_letters.visit_needed(sent_out, site=site, order=order, at=at)),
            timers=timers,
        )
    )
    return order


def withdraw(
    records: Records, *, work_order_id: str, reason: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Take a work order from its partner before anybody went, and offer it to the next (R-44).

    This is the coordinator's choice, not a refusal or silence of the partner: it is no key to a
    back-bill (B-53). A customer that a visit was agreed with is told.
    """
    stored = load_order(records, work_order_id)
    order, current = stored.record, stored.record.assignment
    refused = _too_late(order, reason)
    if refused is not None or current is None:
        because = f"work order {order.id} has no partner to be taken from"
        return refused or Refused("R-44", because, "conflict")
    after = with_offer(order, replace(current, state=AssignmentState.WITHDRAWN, reason=reason))
    says = f"{by} took work order {order.id} from partner {current.partner_id}: {reason}"
    event = Event(order.id, "withdrawn", at, by, "R-44", (order.case_id,), says)
    return given_on(
        records,
        stored,
        after,
        at=at,
        event=event,
        letters_to=(*_told(records, order, at), *_customer_told(records, order, at)),
    )


def cancel_order(
    records: Records, *, work_order_id: str, reason: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Call a work order off before anybody went (A-81); its case is open again for a decision.

    Its clocks are void and the partner is told not to go. The same again changes nothing.
    """
    stored = load_order(records, work_order_id)
    if stored.record.state is WorkOrderState.CANCELLED:
        return stored.record
    refused = _too_late(stored.record, reason)
    if refused is not None:
        return refused
    after, event, told = called_off(records, stored, reason=reason, at=at, by=by)
    known = require(records.load(Case, after.case_id), "case", after.case_id)
    saves: tuple[Save, ...] = ()
    if known.record.state is CaseState.WORK_ORDERED:
        saves = (known.replaced_by(sent_nobody(known.record)),)
    return settle(records, stored, after, at=at, events=(event,), letters=told, saves=saves)


def called_off(
    records: Records, stored: Stored[WorkOrder], *, reason: str, at: datetime, by: str
) -> tuple[WorkOrder, Event, tuple[Letter, ...]]:
    """Give a work order as called off, for whoever writes it, with the word to its partner (A-81).

    The caller has seen to it that nobody went yet, and settles it: its timers end with it.
    """
    order = stored.record
    after = replace(
        order,
        state=WorkOrderState.CANCELLED,
        task=None,
        closed_because=reason,
        pauses=tuple(replace(one, until=one.until or at) for one in order.pauses),
        open_questions=(),
    )
    if order.assignment is not None:
        off = replace(order.assignment, state=AssignmentState.WITHDRAWN, reason=reason)
        after = with_offer(after, off)
    says = f"{by} called work order {order.id} off: {reason}"
    event = Event(order.id, "cancelled", at, by, "A-81", (order.case_id,), says)
    return after, event, _told(records, order, at)


def _written(
    case: Case,
    *,
    site: Site,
    number: str,
    lines: tuple[ScopeLine, ...],
    instructions: str,
    at: datetime,
    by: str,
) -> WorkOrder:
    finding = Finding(
        id=number,
        site_id=site.id,
        family=case.family,
        rule="A-81",
        opened_on=at.astimezone(ZoneInfo(site.time_zone)).date(),
        says=instructions,
        dispatchable=True,
        scope=tuple(dict.fromkeys(line.code for line in lines)),
        picture=case.pictures[-1] if case.pictures else "",
    )
    order = drafted(case, site=site, finding=finding, number=number, spc_id=by, at=at)
    return replace(order, scope_lines=lines, issued_by=by)


def _issued_events(
    order: WorkOrder, instructions: str, *, at: datetime, by: str
) -> tuple[Event, Event]:
    """Say that a work order was issued, and of its case that somebody goes (A-81, D-15)."""
    says = f"{by} issued work order {order.id} for case {order.case_id}: {instructions}"
    goes = f"somebody goes: {instructions}"
    return (
        Event(order.id, "issued", at, by, "A-81", (order.case_id,), says),
        Event(order.case_id, "site_visit_required", at, by, "D-15", (order.id,), goes),
    )


def _with_limit(
    order: WorkOrder, not_to_exceed: Money | None, *, at: datetime, by: str
) -> WorkOrder | Refused:
    """Give a new order with its limit; above that of the day it is a written approval (I-62)."""
    if not_to_exceed is None or not_to_exceed == order.spend_limit:
        return order
    if not_to_exceed < order.spend_limit:
        because = f"up to {order.spend_limit} needs no approval, so that less cannot be set"
        return Refused("I-61", because, "below_limit")
    if takes_two(not_to_exceed, above_cents=SECOND_SPEND_CENTS.on(order.policy_day)):
        because = f"leave to spend {not_to_exceed} takes two people: issue it with less"
        return Refused(SECOND_SPEND_CENTS.id, because, "second_person_needed")
    approval = SpendApproval(by, SPC_ROLE, is_written=True, at=at, max_total=not_to_exceed)
    return replace(order, not_to_exceed=not_to_exceed, spend_approvals=(approval,))


def _unissuable(
    case: Case, orders: Sequence[WorkOrder], *, lines: Sequence[ScopeLine], instructions: str
) -> Refused | None:
    if case.owner is not CaseOwner.AMS or not case.is_open:
        because = f"case {case.id} stands as {case.state} with {case.owner}: nobody is sent"
        return Refused("A-81", because, "conflict")
    if any(one.state not in _ENDED for one in orders):
        return Refused("A-81", f"case {case.id} has a work order that is open", "conflict")
    is_complete = all(one.code.strip() and one.says.strip() for one in lines)
    if not lines or not is_complete or not instructions.strip():
        because = "a work order says line by line what is to be done, and why"
        return Refused("A-81", because, "scope_missing")
    return None


def _too_late(order: WorkOrder, reason: str) -> Refused | None:
    has_been_there = any(one.arrived_at is not None for one in order.visits)
    if order.state not in _BEFORE_ANYBODY_WENT or has_been_there:
        because = f"work order {order.id} stands as {order.state}: somebody went there"
        return Refused("A-81", because, "conflict")
    if not reason.strip():
        return Refused("A-81", "whoever takes work back says why", "reason_missing")
    return None


def _told(records: Records, order: WorkOrder, at: datetime) -> tuple[Letter, ...]:
    if order.partner_id is None:
        return ()
    partner = require(records.load(Partner, order.partner_id), "partner", order.partner_id).record
    return (letters.taken_back(order, partner=partner, at=at),)


def _customer_told(records: Records, order: WorkOrder, at: datetime) -> tuple[Letter, ...]:
    if not order.visits:
        return ()
    site = require(records.load(Site, order.site_id), "site", order.site_id).record
    return (customer_letters.partner_changed(order, site=site, at=at),)
