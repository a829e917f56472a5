"""Reaching the homeowner, going there, and saying what was found and done."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Site
from cloud.service import letters, pausing
from cloud.service.models import (
    Case,
    CaseState,
    Cause,
    ContactAttempt,
    Incomplete,
    Pause,
    Report,
    Task,
    Visit,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.process.intake import resolved
from cloud.service.process.saving import load_order, load_own, settle
from cloud.service.report import VisitReport, missing_from

_AT_WORK = {WorkOrderState.ACCEPTED, WorkOrderState.SCHEDULING, WorkOrderState.SCHEDULED}


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
    refused = _not_at_work(order, partner_id)
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
    """Note a visit that was agreed with the homeowner, and confirm it to the customer (S-21).

    Who agreed on a visit has reached the homeowner, so that a booking is an attempt as well.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = _not_at_work(order, partner_id)
    if refused is not None:
        return refused
    visit = Visit(since, until, technician)
    if visit in order.visits:
        return order
    if not at <= since < until:
        return Refused("S-21", "a visit lies ahead and ends after it begins", "invalid_window")
    booked = ContactAttempt(at, "booking", "agreed on a visit")
    after = replace(
        order,
        visits=(*order.visits, visit),
        contact_attempts=order.contact_attempts or (booked,),
        state=WorkOrderState.SCHEDULED,
    )
    site = require(records.load(Site, order.site_id), "site", order.site_id).record
    when = letters.in_words(since, order.time_zone)
    says = f"partner {partner_id} comes on {when}"
    event = Event(order.id, "visit_scheduled", at, by, "S-21", (order.case_id,), says)
    letter = letters.visit_agreed(order, site=site, visit=visit, at=at)
    return settle(records, stored, after, at=at, events=(event,), letters=(letter,))


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
    """Stop the clocks of scheduling and completion for one of the agreed reasons (S-23)."""
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = _not_at_work(order, partner_id)
    if refused is not None:
        return refused
    if any(one.reason == reason and one.until is None for one in order.pauses):
        return order
    wrong = pausing.refusal(order, reason=reason, evidence=evidence, since=since, now=at)
    if wrong is not None:
        return wrong
    after = replace(order, pauses=(*order.pauses, Pause(reason, since, None, evidence, by)))
    says = f"work order {order.id} waits: {reason}"
    event = Event(order.id, "paused", at, by, "S-23", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,))


def resume(
    records: Records, *, work_order_id: str, partner_id: str, reason: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """End a pause; the deadlines move by the working time that it took (S-23)."""
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    refused = _not_at_work(order, partner_id)
    if refused is not None:
        return refused
    after = replace(
        order,
        pauses=tuple(
            replace(one, until=at) if one.reason == reason and one.until is None else one
            for one in order.pauses
        ),
    )
    if after == order:
        return order
    event = Event(order.id, "resumed", at, by, "S-23", (order.case_id,), f"{reason} is over")
    return settle(records, stored, after, at=at, events=(event,))


def submit_report(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    content: VisitReport,
    departed_at: datetime,
    at: datetime,
    by: str,
) -> Report | Incomplete | Refused:
    """Take the report of the visit, which completes the work order (P-71, S-22).

    An incomplete one is not kept: the answer names all that it lacks. The case then waits for the
    readings; where they are well already, it is resolved at once.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    if order.partner_id == partner_id and order.report_id is not None:
        known = require(records.load(Report, order.report_id), "report", order.report_id).record
        taken = Refused("P-71", f"work order {order.id} has its report already", "conflict")
        return known if known.content == content else taken
    refused = _not_at_work(order, partner_id)
    if refused is not None:
        return refused
    if departed_at > at:
        return Refused("P-71", "the visit is not over yet", "departed_in_the_future")
    missing = missing_from(content, on=order.policy_day)
    if missing:
        because = f"the report of work order {order.id} lacks {', '.join(missing)}"
        return Incomplete("P-71", because, "report_incomplete", missing)
    report = Report(derived("RPT", order.id), order.id, partner_id, content, departed_at, at, by)
    after = replace(
        order,
        report_id=report.id,
        departed_at=departed_at,
        reported_at=at,
        contact_attempts=order.contact_attempts
        or (ContactAttempt(departed_at, "visit", "was there"),),
        pauses=tuple(replace(one, until=one.until or at) for one in order.pauses),
        state=WorkOrderState.COMPLETED,
        task=Task.RECORD_FINDING,
    )
    says = f"partner {partner_id} reported the work of work order {order.id}: {content.summary}"
    event = Event(order.id, "completed", at, by, "P-71", (order.case_id, report.id), says)
    case, events, sent = _verifying(records, order, visited_at=departed_at, at=at)
    settle(
        records,
        stored,
        after,
        at=at,
        events=(event, *events),
        letters=sent,
        saves=(Save(report), case),
    )
    return report


def record_finding(
    records: Records, *, work_order_id: str, cause: Cause, evidence: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Note what a coordinator found to be the cause, on evidence (B-50, B-51, B-52, B-53).

    It may be corrected, for example after a dispute; each time is on record.
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
    after = replace(order, cause=cause, cause_evidence=evidence, cause_found_by=by, task=None)
    says = f"{by} found {cause} on work order {order.id}: {evidence}"
    event = Event(order.id, "cause_found", at, by, "B-53", (order.report_id or order.id,), says)
    return settle(records, stored, after, at=at, events=(event,))


def _verifying(
    records: Records, order: WorkOrder, *, visited_at: datetime, at: datetime
) -> tuple[Save, tuple[Event, ...], tuple[Letter, ...]]:
    stored: Stored[Case] = require(records.load(Case, order.case_id), "case", order.case_id)
    case = replace(stored.record, state=CaseState.VERIFYING, visited_at=visited_at)
    if case.recovered_at is None:
        return stored.replaced_by(case), (), ()
    case, event, letter = resolved(records, case, at=at)
    return stored.replaced_by(case), (event,), (letter,)


def _not_at_work(order: WorkOrder, partner_id: str) -> Refused | None:
    """Refuse who lost the order, who has not taken it, and who waits for an approval (I-62)."""
    if order.partner_id == partner_id and order.state is WorkOrderState.AWAITING_SPEND:
        because = "your estimate waits for a written approval: please do not schedule yet"
        return Refused("I-62", because, "awaiting_spend_approval")
    if order.partner_id == partner_id and order.state in _AT_WORK:
        return None
    return Refused("R-44", f"work order {order.id} is not yours to work on now", "conflict")
