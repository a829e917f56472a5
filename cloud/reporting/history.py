"""How a record stood at an instant, from the instants that it keeps and from the log.

What a record says today is believed only as far as it was said by then: every fact carries the
instant at which it became known, or its event does. What is derived from facts (a state, a verdict)
is derived again.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloud.invoicing.models import WITHDRAWN, Invoice, InvoiceState, Payment, Returned, Superseded
from cloud.kernel.change import Event
from cloud.kernel.money import Money
from cloud.service.models import (
    Assignment,
    Case,
    CaseOwner,
    CaseState,
    Cause,
    OriginalOffer,
    Pause,
    SpendApproval,
    Visit,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState

ORDER_EVENTS = (
    "accepted",
    "cancelled",
    "cause_found",
    "completed",
    "declined",
    "offered",
    "reassigned",
    "report_returned",
    "serials_settled",
    "spend_rejected",
    "visit_scheduled",
    "withdrawn",
)
CASE_EVENTS = (
    "case_cancelled",
    "case_closed",
    "case_opened",
    "case_reopened",
    "case_resolved",
    "handed_over",
    "recovered",
    "returned",
    "work_did_not_hold",
)
INVOICE_EVENTS = (
    "approved",
    "approved_first",
    "escalated",
    "lowered",
    "rejected",
    "reopened",
    "rerouted",
    "returned",
    "submitted",
    "void_requested",
    "void_too_late",
    "voided",
    "withdrawn",
)
"""Events that tell what the records do not keep by themselves."""

_TURNS = {
    "submitted": InvoiceState.SUBMITTED,
    "reopened": InvoiceState.SUBMITTED,
    "returned": InvoiceState.RETURNED,
    "approved": InvoiceState.APPROVED,
    "rejected": InvoiceState.REJECTED,
    "withdrawn": InvoiceState.VOID,
    "voided": InvoiceState.VOID,
}
"""Event of an invoice -> where it stands from then on; whether it is paid its payments tell."""
_BEGINS_ANEW = ("submitted", "lowered", "returned", "reopened")
"""Events after which the first of two approvals counts no more."""

_ENDS = {
    "case_resolved": CaseState.RESOLVED,
    "case_closed": CaseState.CLOSED,
    "case_cancelled": CaseState.CANCELLED,
    "cancelled": CaseState.CANCELLED,
}
_LOST_BY = {
    AssignmentState.DECLINED: {"declined"},
    AssignmentState.EXPIRED_REASSIGNED: {"reassigned"},
    AssignmentState.WITHDRAWN: {"withdrawn", "cancelled"},
}
_LOST = frozenset(_LOST_BY)
_OVER = {WorkOrderState.COMPLETED, WorkOrderState.CANCELLED}
_BY_REPORT = "visit"
"""Channel of the attempt that an arrival or a report implies: it is known only since then."""
_CAUSE = re.compile(rf"\bfound ({'|'.join(Cause)}) on work order\b")
_AMOUNT = re.compile(r"\$[\d,]+\.\d\d")


def order_at(order: WorkOrder, log: Sequence[Event], at: datetime) -> WorkOrder | None:
    """Give a work order as it stood, None where it was not issued yet.

    A pause and a visit are known since they were declared, not since they began. The ranking is
    the latest one that was stored.
    """
    if order.issued_at > at:
        return None
    log = known(log, at)
    order = _held_then(order, at)
    is_reported = _by(order.reported_at, at) is not None
    visits = _visits_at(order, log, at)
    was_there = is_reported or any(one.arrived_at is not None for one in visits)
    has_left = is_reported or any(one.departed_at is not None for one in visits)
    assignments = tuple(
        _offer_at(offer, order, log, at) for offer in order.assignments if offer.offered_at <= at
    )
    approvals = tuple(one for one in order.spend_approvals if one.at <= at)
    before = replace(
        order,
        assignments=assignments,
        spend_approvals=approvals,
        first_spend_approval=_first_spend_at(order, at),
        not_to_exceed=max([order.spend_limit, *(one.max_total for one in approvals)]),
        is_emergency=order.is_emergency and (order.emergency_since or at) <= at,
        emergency_since=_by(order.emergency_since, at),
        work_authorized_at=_by(order.work_authorized_at, at),
        contact_attempts=tuple(
            one
            for one in order.contact_attempts
            if one.at <= at and (was_there or one.channel != _BY_REPORT)
        ),
        visits=visits,
        pauses=_pauses_at(order.pauses, at),
        report_id=order.report_id if is_reported else None,
        departed_at=_by(order.departed_at, at) if has_left else None,
        reported_at=_by(order.reported_at, at),
        cause=_cause_at(order, log),
        task=None,
    )
    standing = _standing(before, log)
    holder = assignments[-1].partner_id if assignments else None
    return replace(
        before,
        state=standing,
        partner_id=None if standing is WorkOrderState.MANUAL_DISPATCH else holder,
        original_offer=_original_offer(before),
        excluded=tuple(one.partner_id for one in assignments if one.state in _LOST),
    )


def case_at(case: Case, log: Sequence[Event], orders: Iterable[WorkOrder], at: datetime) -> Case:
    """Give a case as it stood, its own work orders being given as they stood.

    The latest end or reopening decides whether it is open. Whoever was sent since makes it ordered,
    a report makes it wait for the readings.
    """
    log = known(log, at)
    turns = [one for one in log if one.what in _ENDS or one.what == "case_reopened"]
    reopenings = [one.at for one in turns if one.what == "case_reopened"]
    since = max(reopenings, default=case.opened_at)
    ended = bool(turns) and turns[-1].what in _ENDS
    resolved = [one.at for one in turns if one.what == "case_resolved" and one.at >= since]
    sent = [one for one in orders if one.issued_at >= since]
    reported = [one.departed_at for one in sent if one.departed_at and one.reported_at]
    recovered = [one.at for one in log if one.what == "recovered" and one.at >= since]
    state = CaseState.OPEN
    if ended:
        state = _ENDS[turns[-1].what]
    elif _is_away(case, log):
        state = CaseState.WITH_OMNIDIAN
    elif any(one.state not in _OVER for one in sent):
        state = CaseState.WORK_ORDERED
    elif reported and not _did_not_hold(log, since=max(reported)):
        state = CaseState.VERIFYING
    return replace(
        case,
        state=state,
        visited_at=max(reported, default=None),
        recovered_at=recovered[-1] if recovered else None,
        resolved_at=resolved[0] if ended and resolved else None,
        closed_at=_by(case.closed_at, at),
        verified_at=_by(case.verified_at, at),
        handed_over_at=_by(case.handed_over_at, at),
        reopened=len(reopenings),
        reports=tuple(one for one in case.reports if one.at <= at),
        checks=tuple(one for one in case.checks if one.at <= at),
        task=None,
    )


def invoice_at(
    invoice: Invoice,
    log: Sequence[Event],
    at: datetime,
    superseded: Sequence[Superseded] = (),
) -> Invoice | None:
    """Give an invoice as it stood, None where it was not submitted yet.

    What it said is what was kept of it when it was lowered or corrected; of a time when that was
    not kept, its amount is the one that the log gives. Where it stood is the latest turn of the
    log, and whether it was paid its payments. A decision that was undone since stood until then.
    """
    if invoice.submitted_at > at:
        return None
    log = known(log, at)
    said = _said_then(invoice, log, at, superseded)
    payments = tuple(_payment_at(one, at) for one in invoice.payments if one.paid_at <= at)
    turns = [one for one in log if one.what in _TURNS]
    state = _TURNS[turns[-1].what] if turns else InvoiceState.SUBMITTED
    is_open = state in {InvoiceState.SUBMITTED, InvoiceState.RETURNED}
    if state is InvoiceState.APPROVED and any(one.returned_at is None for one in payments):
        state = InvoiceState.PAID
    decision = None if is_open else _latest(turns, "approved", "rejected", "withdrawn")
    first = _latest(log, "approved_first", *_BEGINS_ANEW)
    first = first if first is not None and first.what == "approved_first" else None
    late = _latest(log, "escalated", "reopened")
    sent = _latest(log, "submitted", "rerouted")
    wish = _latest(log, "void_requested", "void_too_late", "withdrawn")
    return replace(
        said,
        state=state,
        routed_to=sent.says.rpartition(" ")[2] if sent else said.routed_to,
        returned=_returned_then(invoice, log, at),
        decided_at=decision.at if decision else None,
        decided_by=decision.by if decision else "",
        reason=_after(decision, " was rejected: "),
        escalated_at=late.at if late and late.what == "escalated" else None,
        reminded_at=_by(invoice.reminded_at, at),
        line_findings=tuple(one for one in said.line_findings if one.at <= at),
        first_approved_by=first.by if first else "",
        first_approved_at=first.at if first else None,
        payments=payments,
        **_void_wish(wish),
    )


def known(log: Sequence[Event], at: datetime) -> list[Event]:
    """Give the events that had become true by then."""
    return [one for one in log if one.at <= at]


def _first_spend_at(order: WorkOrder, at: datetime) -> SpendApproval | None:
    """Give the first of two approvals that waited for the second one."""
    waiting = [
        replace(one, by=one.first_by, at=one.first_at, first_by="", first_at=None)
        for one in order.spend_approvals
        if one.first_at is not None and one.first_at <= at < one.at
    ]
    latest = order.first_spend_approval
    waiting += [latest] if latest is not None and latest.at <= at else []
    return waiting[-1] if waiting else None


def with_offer(order: WorkOrder, place: int) -> WorkOrder:
    """Give a work order as if the offer at that place were its present one.

    Of one that was given on the facts up to then are told.
    """
    offer = order.assignments[place]
    held = order if offer.ended_at is None else _as_held(order, offer)
    return replace(held, assignments=order.assignments[: place + 1], partner_id=offer.partner_id)


def _held_then(order: WorkOrder, at: datetime) -> WorkOrder:
    """Give a work order with the facts of who had it at an instant, be it given on since."""
    offers = [one for one in order.assignments if one.offered_at <= at]
    is_over = bool(offers) and offers[-1].ended_at is not None and offers[-1].ended_at > at
    return _as_held(order, offers[-1]) if is_over else order


def _as_held(order: WorkOrder, offer: Assignment) -> WorkOrder:
    """Give a work order with the facts of an offer that was given on, before any report of it."""
    left = offer.visits[-1] if offer.visits else None
    return replace(
        order,
        work_authorized_at=offer.work_authorized_at,
        contact_attempts=offer.contact_attempts,
        visits=offer.visits,
        pauses=offer.pauses,
        spend_approvals=(*order.spend_approvals, *offer.spend_approvals),
        departed_at=left.departed_at if left and left.is_finished else None,
        reported_at=None,
        report_id=None,
    )


def _by(instant: datetime | None, at: datetime) -> datetime | None:
    return None if instant is None or instant > at else instant


def _count(log: Sequence[Event], what: str) -> int:
    return sum(one.what == what for one in log)


def _offer_at(
    offer: Assignment, order: WorkOrder, log: Sequence[Event], at: datetime
) -> Assignment:
    """Give an offer as it stood: unanswered as long as its answer had not come."""
    answered_at = _by(offer.answered_at, at)
    is_answered = answered_at is not None
    ended_at = _by(offer.ended_at, at)
    since = [one.what for one in log if one.at >= offer.offered_at]
    state = AssignmentState.OFFERED
    is_lost = ended_at is not None
    if offer.ended_at is None:  # called off, or of a time when that was not kept
        is_lost = not _LOST_BY.get(offer.state, set()).isdisjoint(since)
    if is_lost:
        state = offer.state
    elif "accepted" in since and not _was_rejected(since):
        is_waiting = _is_waiting(offer, order, at)
        state = AssignmentState.AWAITING_SPEND_APPROVAL if is_waiting else AssignmentState.ACCEPTED
    return replace(
        offer,
        state=state,
        delivered_at=_by(offer.delivered_at, at),
        bounced_at=_by(offer.bounced_at, at),
        phoned_at=_by(offer.phoned_at, at),
        acknowledged_at=_by(offer.acknowledged_at, at),
        answered_at=answered_at,
        is_late=offer.is_late and is_answered,
        estimate=offer.estimate if is_answered else None,
        reason=offer.reason if state in _LOST else "",
        missed=(),
        calls=tuple(one for one in offer.calls if one.at <= at),
        reminded=(),
        ended_at=ended_at,
        work_authorized_at=offer.work_authorized_at if ended_at else None,
        contact_attempts=offer.contact_attempts if ended_at else (),
        visits=offer.visits if ended_at else (),
        pauses=offer.pauses if ended_at else (),
    )


def _was_rejected(since: Sequence[str]) -> bool:
    """Tell whether the latest acceptance was undone: the spending that it needs was rejected."""
    turns = [what for what in since if what in {"accepted", "spend_rejected"}]
    return turns[-1:] == ["spend_rejected"]


def _is_waiting(offer: Assignment, order: WorkOrder, at: datetime) -> bool:
    """Tell whether an accepted offer waited for leave to spend.

    The start of its clocks tells it, of one that never started them its estimate.
    """
    if offer.ended_at is not None and offer.work_authorized_at is not None:
        return offer.work_authorized_at > at
    if offer is order.assignments[-1] and order.work_authorized_at is not None:
        return order.work_authorized_at > at
    is_over = offer.estimate is not None and offer.estimate > order.spend_limit
    approvals = (*order.spend_approvals, *offer.spend_approvals)
    return is_over and not any(offer.offered_at <= it.at <= at for it in approvals)


def _visits_at(order: WorkOrder, log: Sequence[Event], at: datetime) -> tuple[Visit, ...]:
    """Give the visits that had been booked, or that somebody had come to unannounced."""
    offered_at = max(
        (one.offered_at for one in order.assignments if one.offered_at <= at), default=at
    )
    booked = _count([one for one in log if one.at >= offered_at], "visit_scheduled")
    return tuple(
        _visit_at(visit, at)
        for place, visit in enumerate(order.visits)
        if place < booked or _by(visit.arrived_at, at) is not None
    )


def _visit_at(visit: Visit, at: datetime) -> Visit:
    departed_at = _by(visit.departed_at, at)
    return replace(
        visit,
        arrived_at=_by(visit.arrived_at, at),
        departed_at=departed_at,
        is_finished=visit.is_finished if departed_at else None,
    )


def _pauses_at(pauses: Sequence[Pause], at: datetime) -> tuple[Pause, ...]:
    """Give the pauses that had been declared, as far as anybody had decided on them.

    An end that was fixed ahead was known since then, one that a later act set only once it came.
    """
    return tuple(
        replace(
            pause,
            until=_by(pause.until, at) or _planned_end(pause, at),
            planned=tuple(one for one in pause.planned if one.told_at <= at),
            decided_at=_by(pause.decided_at, at),
            is_rejected=pause.is_rejected and _by(pause.decided_at, at) is not None,
        )
        for pause in pauses
        if (pause.declared_at or pause.since) <= at
    )


def _planned_end(pause: Pause, at: datetime) -> datetime | None:
    told = [one.until for one in pause.planned if one.told_at <= at]
    return told[-1] if told else None


def _cause_at(order: WorkOrder, log: Sequence[Event]) -> Cause:
    """Give the cause by its last event: the record keeps only the latest one."""
    found = [one for one in log if one.what == "cause_found"]
    if not found:
        return Cause.UNDETERMINED
    told = _CAUSE.search(found[-1].says)
    return Cause(told[1]) if told else order.cause


def _standing(order: WorkOrder, log: Sequence[Event]) -> WorkOrderState:
    if order.reported_at is not None:
        return WorkOrderState.COMPLETED
    if any(one.what == "cancelled" for one in log):
        return WorkOrderState.CANCELLED
    last = order.assignments[-1] if order.assignments else None
    if last is None or last.state in _LOST:
        return WorkOrderState.MANUAL_DISPATCH
    if last.state is AssignmentState.OFFERED:
        if _was_rejected([one.what for one in log if one.at >= last.offered_at]):
            return WorkOrderState.SPEND_REJECTED
        is_lost = last.bounced_at is not None and last.delivered_at is None
        return WorkOrderState.CONTACT_FAILED if is_lost else WorkOrderState.OFFERED
    if last.state is AssignmentState.AWAITING_SPEND_APPROVAL:
        return WorkOrderState.AWAITING_SPEND
    if order.visits:
        visit = order.visits[-1]
        if visit.departed_at is not None and visit.is_finished is not False:
            return WorkOrderState.AWAITING_REPORT
        is_there = visit.arrived_at is not None and visit.departed_at is None
        return WorkOrderState.ON_SITE if is_there else WorkOrderState.SCHEDULED
    return WorkOrderState.SCHEDULING if order.contact_attempts else WorkOrderState.ACCEPTED


def _original_offer(order: WorkOrder) -> OriginalOffer:
    """Give what became of the offer to the original installer (B-53)."""
    theirs = [one for one in order.assignments if one.partner_id == order.original_installer_id]
    if not theirs:
        return OriginalOffer.NOT_OFFERED
    state = theirs[-1].state
    if state is AssignmentState.DECLINED:
        return OriginalOffer.DECLINED
    if state is AssignmentState.EXPIRED_REASSIGNED:
        silent = OriginalOffer.NO_RESPONSE
        return OriginalOffer.COULD_NOT_RESPOND_EMERGENCY if order.is_emergency else silent
    # An acceptance stays one, also where its cost was rejected or it was withdrawn later.
    return OriginalOffer.ACCEPTED if theirs[-1].answered_at else OriginalOffer.NOT_OFFERED


def _is_away(case: Case, log: Sequence[Event]) -> bool:
    """Tell whether the support center leads a case: it was handed over, and did not come back."""
    turns = [one.what for one in log if one.what in {"handed_over", "returned"}]
    is_theirs = case.owner is CaseOwner.OMNIDIAN
    return turns[-1:] == ["handed_over"] or (is_theirs and not turns)


def _did_not_hold(log: Sequence[Event], *, since: datetime) -> bool:
    return any(one.what == "work_did_not_hold" and one.at >= since for one in log)


def _said_then(
    invoice: Invoice, log: Sequence[Event], at: datetime, superseded: Sequence[Superseded]
) -> Invoice:
    """Give an invoice with what it said: the first that was replaced only later, else its own."""
    later = [one for one in superseded if one.until > at]
    if later:
        return min(later, key=lambda one: one.until).invoice
    told = _latest(log, "submitted", "lowered")
    amounts = _AMOUNT.findall(told.says) if told is not None else ()
    if invoice.superseded or not amounts:
        return invoice
    total = Money.parse(amounts[-1])
    return replace(invoice, content=replace(invoice.content, total=total))


def _returned_then(invoice: Invoice, log: Sequence[Event], at: datetime) -> tuple[Returned, ...]:
    """Give when it had been back; the time that a rejection took counts once that was undone."""
    rejected = {one.at for one in log if one.what == "rejected"}
    return tuple(
        replace(one, until=until)
        for one in invoice.returned
        if one.since <= at and ((until := _by(one.until, at)) or one.since not in rejected)
    )


def _latest(log: Sequence[Event], *whats: str) -> Event | None:
    return next((one for one in reversed(log) if one.what in whats), None)


def _after(event: Event | None, words: str) -> str:
    return event.says.partition(words)[2] if event is not None else ""


def _void_wish(event: Event | None) -> dict[str, Any]:
    """Give who wanted it not to be paid, and why; of one that its partner took back, the reason."""
    if event is None or event.what == "void_too_late":
        return {"void_requested_at": None, "void_requested_by": "", "void_reason": ""}
    if event.what == "withdrawn":
        reason = WITHDRAWN
        return {"void_requested_at": None, "void_requested_by": "", "void_reason": reason}
    reason = _after(event, " not to be paid: ")
    return {
        "void_requested_at": event.at,
        "void_requested_by": event.by,
        "void_reason": reason,
    }


def _payment_at(payment: Payment, at: datetime) -> Payment:
    if _by(payment.returned_at, at) is None:
        return replace(payment, returned_at=None, return_code="")
    return payment
