"""Reaching the homeowner, going there, and what was found to be the cause."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.kernel.change import Event, Message, Reliance
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, require
from cloud.portfolio import fitness
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.organisation import Technician
from cloud.portfolio.process import technicians_of
from cloud.service import booking, customer_letters, letters, pausing
from cloud.service.models import (
    AWAITING_OWNER,
    Cause,
    ContactAttempt,
    Task,
    Visit,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.process.saving import load_order, load_own, settle, waits_for

SCHEDULABLE = {WorkOrderState.ACCEPTED, WorkOrderState.SCHEDULING, WorkOrderState.SCHEDULED}
"""A visit can be agreed on, and nobody is there."""
AT_WORK = {*SCHEDULABLE, WorkOrderState.ON_SITE, WorkOrderState.AWAITING_REPORT}


def contact_attempt(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    channel: str,
    outcome: str,
    at: datetime,
    by: str,
) -> WorkOrder | Refused:
    """Note an attempt to reach the homeowner; the first one meets the milestone (S-21)."""
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = not_at_work(order, partner_id)
    if refused is not None:
        return refused
    attempt = ContactAttempt(at, channel, outcome)
    if attempt in order.contact_attempts:
        return order
    is_first = order.state is WorkOrderState.ACCEPTED
    after = replace(
        order,
        contact_attempts=tuple(sorted((*order.contact_attempts, attempt), key=lambda it: it.at)),
        state=WorkOrderState.SCHEDULING if is_first else order.state,
    )
    says = f"partner {partner_id} tried to reach the homeowner by {channel}: {outcome}"
    event = Event(order.id, "contact_attempted", at, by, "S-21", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,))


def schedule_visit(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    since: datetime,
    until: datetime,
    technician: str,
    at: datetime,
    by: str,
) -> WorkOrder | Refused:
    """Note a visit that was agreed with the homeowner, and confirm it to the customer (S-21, Q-78).

    Who agreed on a visit has reached the homeowner, so that a booking is an attempt as well. One
    that nobody made yet is moved, five times at most (S-21a to S-21c). After a visit that did not
    finish the work the clocks stand until the one that is booked now.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = not_at_work(order, partner_id)
    if refused is None and order.state not in SCHEDULABLE:
        because = f"work order {order.id} stands as {order.state}: no visit is booked now"
        refused = Refused("S-21", because, "conflict")
    if refused is not None:
        return refused
    ahead = _ahead(order)
    if ahead and (ahead.since, ahead.until, ahead.technician) == (since, until, technician):
        return order
    moves = booking.moves_after(order, ahead, since=since, until=until)
    refused = booking.refuse_window(order, since, until, at) or booking.refuse_move(order, moves)
    if refused is not None:
        return refused
    sent = _sent(records, order, Visit(since, until, technician, partner_id), moment=since)
    if isinstance(sent, Refused):
        return sent
    visit, relied = sent
    agreed = ContactAttempt(at, "booking", "agreed on a visit")
    after = pausing.between_visits(order, next_at=since, now=at, by=by)
    after = replace(
        after,
        visits=(*_made(order), visit),
        contact_attempts=order.contact_attempts or (agreed,),
        state=WorkOrderState.SCHEDULED,
        visit_moves=moves,
        task=order.task or waits_for(after),
    )
    site = require(records.load(Site, order.site_id), "site", order.site_id).record
    when = letters.in_words(since, order.time_zone)
    says = f"partner {partner_id} comes on {when}"
    event = Event(order.id, "visit_scheduled", at, by, "S-21", (order.case_id,), says)
    told = customer_letters.visit_moved if ahead else customer_letters.visit_agreed
    letter = told(order, site=site, visit=visit, at=at)
    return settle(
        records, stored, after, at=at, events=(event,), letters=(letter,), relies_on=relied
    )


def move_visit(
    records: Records,
    *,
    work_order_id: str,
    since: datetime,
    until: datetime,
    technician: str,
    because: str,
    at: datetime,
    by: str,
) -> WorkOrder | Refused:
    """Move the visit that lies ahead by a coordinator's word, and tell both sides (S-21, S-21c).

    A partner that moved it too often is sent to the coordinator, who talks to the homeowner: so the
    coordinator is not stopped by the number of moves, and a move counts as one all the same. Who
    comes must be fit for it as always. The same hours and technician again change nothing.

    Raises:
        NotFound: there is no such work order.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    partner_id, ahead = order.partner_id or "", _ahead(order)
    refused = not_at_work(order, partner_id)
    if refused is None and (ahead is None or order.state not in SCHEDULABLE):
        no = f"work order {order.id} has no visit ahead: its partner agrees on one first"
        refused = Refused("S-21", no, "conflict")
    if refused is not None or ahead is None:
        return refused or order
    named = {ahead.technician.casefold(), ahead.technician_id.casefold()} - {""}
    if (ahead.since, ahead.until) == (since, until) and technician.strip().casefold() in named:
        return order
    if not because.strip():
        return Refused(
            "S-21c", "who moves a visit says why: the partner reads it", "reason_missing"
        )
    refused = booking.refuse_window(order, since, until, at)
    if refused is not None:
        return refused
    sent = _sent(records, order, Visit(since, until, technician, partner_id), moment=since)
    if isinstance(sent, Refused):
        return sent
    visit, relied = sent
    after = replace(
        pausing.between_visits(order, next_at=since, now=at, by=by),
        visits=(*_made(order), visit),
        visit_moves=booking.moves_after(order, ahead, since=since, until=until),
    )
    after = replace(after, task=order.task or waits_for(after))
    site = require(records.load(Site, order.site_id), "site", order.site_id).record
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    when = letters.in_words(since, order.time_zone)
    says = f"{by} moved the visit of partner {partner_id} to {when}: {because.strip()}"
    event = Event(order.id, "visit_scheduled", at, by, "S-21c", (order.case_id,), says)
    told = (
        customer_letters.visit_moved(order, site=site, visit=visit, at=at),
        letters.visit_moved(order, partner=partner, visit=visit, because=because.strip(), at=at),
    )
    return settle(records, stored, after, at=at, events=(event,), letters=told, relies_on=relied)


def arrived(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    arrived_at: datetime,
    at: datetime,
    by: str,
    technician: str = "",
) -> WorkOrder | Refused:
    """Note that a technician is at the site (Q-78, A-81); what the partner paused for is over.

    `technician` says who, where it is somebody else than was booked, or where an emergency left no
    time to book. The same arrival again changes nothing.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = not_at_work(order, partner_id)
    if refused is not None:
        return refused
    last = order.visits[-1] if order.visits else None
    if last is not None and last.arrived_at == arrived_at:
        return order
    if order.state not in SCHEDULABLE:
        return Refused("A-81", f"work order {order.id} stands as {order.state}", "conflict")
    began = order.work_authorized_at
    if arrived_at > at or began is None or arrived_at < began or _is_before_last(order, arrived_at):
        because = "a visit begins after the work was taken and the one before it, and not ahead"
        return Refused("A-81", because, "invalid_arrival")
    ahead = _ahead(order)
    if ahead is None and not technician:
        return Refused("S-21", "no visit is booked: say which technician came", "visit_missing")
    visit = ahead or Visit(arrived_at, arrived_at, technician, partner_id)
    visit = replace(visit, technician=technician or visit.technician)
    sent = _sent(records, order, visit, moment=arrived_at)
    if isinstance(sent, Refused):
        return sent
    visit, relied = sent
    was_there = ContactAttempt(arrived_at, "visit", "was there")
    after = replace(
        order,
        visits=(*_made(order), replace(visit, arrived_at=arrived_at)),
        contact_attempts=order.contact_attempts or (was_there,),
        pauses=tuple(
            one
            if one.reason == AWAITING_OWNER or (one.until and one.until <= arrived_at)
            else replace(one, until=max(one.since, arrived_at))
            for one in order.pauses
        ),
        state=WorkOrderState.ON_SITE,
    )
    says = f"technician {visit.technician} of partner {partner_id} arrived"
    event = Event(order.id, "arrived", arrived_at, by, "Q-78", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,), relies_on=relied)


def departed(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    departed_at: datetime,
    is_finished: bool,
    at: datetime,
    by: str,
) -> WorkOrder | Refused:
    """Note that the technician left: the work is done, or somebody has to come again (S-22, S-23).

    What is done waits for its report. What is not waits for another visit: once that one is booked
    the clocks stand from this departure until then. The same departure again changes nothing.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = not_at_work(order, partner_id)
    if refused is not None:
        return refused
    made = _made(order)
    if made and (made[-1].departed_at, made[-1].is_finished) == (departed_at, is_finished):
        return order
    arrived_at = made[-1].arrived_at if made else None
    if order.state is not WorkOrderState.ON_SITE or arrived_at is None:
        return Refused("S-22", f"work order {order.id} stands as {order.state}", "conflict")
    if not arrived_at <= departed_at <= at:
        because = "who leaves has arrived before, and has left by now"
        return Refused("S-22", because, "invalid_departure")
    left = replace(made[-1], departed_at=departed_at, is_finished=is_finished)
    after = replace(
        order,
        visits=(*made[:-1], left),
        departed_at=departed_at if is_finished else None,
        state=WorkOrderState.AWAITING_REPORT if is_finished else WorkOrderState.SCHEDULING,
    )
    how = "the work is done" if is_finished else "another visit is needed"
    says = f"technician {left.technician} of partner {partner_id} left: {how}"
    event = Event(order.id, "departed", departed_at, by, "S-22", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,))


def record_finding(
    records: Records, *, work_order_id: str, cause: Cause, evidence: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Note what a coordinator found to be the cause, on evidence (B-50, B-51, B-52, B-53).

    It may be corrected, for example after a dispute; each time is on record, and invoicing is told,
    for what is claimed back follows from it.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    if order.state is not WorkOrderState.COMPLETED:
        because = (
            f"work order {order.id} stands as {order.state}: the cause is found after the work"
        )
        return Refused("B-53", because, "conflict")
    if not evidence.strip():
        return Refused("B-52", "a finding names what it rests on", "evidence_missing")
    if (order.cause, order.cause_evidence) == (cause, evidence):
        return order
    task = waits_for(order) if order.task is Task.RECORD_FINDING else order.task
    after = replace(order, cause=cause, cause_evidence=evidence, cause_found_by=by, task=task)
    says = f"{by} found {cause} on work order {order.id}: {evidence}"
    event = Event(order.id, "cause_found", at, by, "B-53", (order.report_id or order.id,), says)
    found = Message(
        id=derived("CF", order.id, cause, evidence, at.isoformat()),
        topic="cause_found",
        body={"work_order_id": order.id},
        at=at,
    )
    return settle(records, stored, after, at=at, events=(event,), messages=(found,))


def not_at_work(order: WorkOrder, partner_id: str) -> Refused | None:
    """Refuse who lost the order, who has not taken it, and who waits for an approval (I-62)."""
    if order.partner_id == partner_id and order.state is WorkOrderState.AWAITING_SPEND:
        because = "your estimate waits for a written approval: please do not schedule yet"
        return Refused("I-62", because, "awaiting_spend_approval")
    if order.partner_id == partner_id and order.state in AT_WORK:
        return None
    return Refused("R-44", f"work order {order.id} is not yours to work on now", "conflict")


def _ahead(order: WorkOrder) -> Visit | None:
    last = order.visits[-1] if order.visits else None
    return last if last is not None and last.arrived_at is None else None


def _made(order: WorkOrder) -> tuple[Visit, ...]:
    return tuple(one for one in order.visits if one.arrived_at is not None)


def _is_before_last(order: WorkOrder, arrived_at: datetime) -> bool:
    made = _made(order)
    left_at = made[-1].departed_at if made else None
    return left_at is not None and arrived_at < left_at


def _sent(
    records: Records, order: WorkOrder, visit: Visit, *, moment: datetime
) -> tuple[Visit, tuple[Reliance, ...]] | Refused:
    """Give the visit with who goes as they are on record, and what that rests on (Q-78).

    A technician is named by id or by name. Of a partner that never put one on record its own word
    on its certifications is taken.
    """
    site = require(records.load(Site, order.site_id), "site", order.site_id).record
    day = moment.astimezone(ZoneInfo(order.time_zone)).date()
    roster = technicians_of(records, visit.partner_id)
    if not roster:
        known = require(records.load(Partner, visit.partner_id), "partner", visit.partner_id)
        makers = fitness.certified_makers(known.record, (), on=day)
        if site.manufacturer and site.manufacturer.casefold() not in makers:
            because = f"partner {visit.partner_id} is not certified for {site.manufacturer}"
            return Refused("Q-78", because, "technician_not_certified")
        return replace(visit, technician_id="", certification=""), ()
    named = visit.technician.strip().casefold()
    ids = [one.id for one in roster if named in {one.id.casefold(), one.name.casefold()}]
    if len(ids) != 1:
        because = f"{visit.technician!r} names no technician of yours: use the id"
        return Refused("Q-78", because, "technician_unknown")
    stored = require(records.load(Technician, ids[0]), "technician", ids[0])
    held = stored.record.certified_by(site.manufacturer, on=day)
    if not stored.record.is_active or (site.manufacturer and held is None):
        because = f"{visit.technician} is not certified for {site.manufacturer} on {day}"
        return Refused("Q-78", because, "technician_not_certified")
    number = held.number if held else ""
    fit = replace(visit, technician_id=stored.record.id, certification=number)
    return fit, (stored.relied_on(),)
