"""Written leave to spend more than the limit."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import Rule
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner
from cloud.service import letters
from cloud.service.models import (
    AWAITING_OWNER,
    SPC_ROLE,
    Coordinator,
    Pause,
    SpendApproval,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.policy import SECOND_SPEND_CENTS
from cloud.service.process.answers import asking_for_spend, due_of
from cloud.service.process.saving import (
    load_order,
    load_own,
    not_yours_now,
    settle,
    waits_for,
    with_offer,
)

_ASKED_FOR = "asked for "
"""What a pause that waits for the owner begins with; the amount and the reason follow."""
_ASKED = {WorkOrderState.AWAITING_SPEND, WorkOrderState.SPEND_REJECTED}


def approve_spend(
    records: Records,
    *,
    work_order_id: str,
    max_total: Money,
    is_written: bool,
    at: datetime,
    by: str,
    second_approval: Rule[int | None] = SECOND_SPEND_CENTS,
) -> WorkOrder | Refused:
    """Let a partner spend up to a total, in writing, from now on (I-62).

    `by` is a coordinator; the caller has seen to that. Where the estimate waited for it, the clocks
    of scheduling and completion start now; a pause that waited for it ends. One that was rejected
    before is accepted anew by the partner, within the new total. It covers nothing that was
    performed before. Above the amount of `second_approval` another person approves the same total
    as well (I-62a): until then it is noted, and nothing else changes. The same approval again
    changes nothing.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    refused = _refused(order, max_total=max_total, is_written=is_written)
    if refused is not None:
        return refused
    if any(
        by in {one.by, one.first_by} and one.max_total == max_total for one in order.spend_approvals
    ):
        return order
    approval = SpendApproval(by, SPC_ROLE, is_written, at, max_total)
    if takes_two(max_total, above_cents=second_approval.on(order.policy_day)):
        first = order.first_spend_approval
        if first is None or first.max_total != max_total:
            return _approved_once(records, stored, approval)
        if first.by == by:
            return order
        approval = replace(approval, first_by=first.by, first_at=first.at)
    after = replace(
        order,
        spend_approvals=(*order.spend_approvals, approval),
        first_spend_approval=None,
        not_to_exceed=max(order.not_to_exceed, max_total),
        pauses=tuple(_closed(pause, at) for pause in order.pauses),
        task=waits_for(order) if order.task is Task.APPROVE_SPEND else order.task,
    )
    if order.state is WorkOrderState.AWAITING_SPEND:
        taken = replace(order.assignments[-1], state=AssignmentState.ACCEPTED)
        after = replace(
            after,
            state=WorkOrderState.ACCEPTED,
            work_authorized_at=at,
            assignments=(*order.assignments[:-1], taken),
        )
    says = f"{by} approved up to {max_total} in writing for work order {order.id}"
    event = Event(order.id, "spend_approved", at, by, "I-62", (order.case_id,), says)
    partner_id = order.partner_id or ""
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    letter = letters.spend_approved(
        after, partner=partner, by=due_of(after, at), max_total=max_total, at=at
    )
    return settle(records, stored, after, at=at, events=(event,), letters=(letter,))


def takes_two(max_total: Money, *, above_cents: int | None) -> bool:
    """Tell whether two people give leave to spend so much (I-62a); without an amount never."""
    return above_cents is not None and max_total > Money(above_cents)


def _approved_once(
    records: Records, stored: Stored[WorkOrder], approval: SpendApproval
) -> WorkOrder:
    """Note the first of two approvals, in the place of one of another total, and ask for more."""
    order = stored.record
    after = replace(order, first_spend_approval=approval)
    by, at, total = approval.by, approval.at, approval.max_total
    says = f"{by} approved up to {total} for work order {order.id}: the first of two approvals"
    event = Event(
        order.id, "spend_approved_first", at, by, SECOND_SPEND_CENTS.id, (order.case_id,), says
    )
    spc = records.load(Coordinator, order.spc_id)
    names = [] if spc is None else [spc.record.id, spc.record.delegate_id]
    other = next((name for name in names if name and name != by), "")
    asked = records.load(Coordinator, other) if other else None
    sent = () if asked is None else (letters.spend_second(after, coordinator=asked.record, at=at),)
    return settle(records, stored, after, at=at, events=(event,), letters=sent)


def reject_spend(
    records: Records, *, work_order_id: str, reason: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Refuse leave to spend more (I-62).

    An estimate that waited for it goes back to the partner, which may accept with a lower one or
    decline; of work under way only the pause that waited ends. Rejecting again changes nothing.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    if not reason.strip():
        return Refused("I-62", "a rejection says why", "reason_missing")
    is_estimate = order.state is WorkOrderState.AWAITING_SPEND
    if order.state is WorkOrderState.SPEND_REJECTED:
        return order
    if not is_estimate and not any(_is_waiting(pause) for pause in order.pauses):
        return Refused("I-62", f"work order {order.id} waits for no approval", "conflict")
    after = replace(
        order,
        pauses=tuple(_closed(pause, at) for pause in order.pauses),
        first_spend_approval=None,
        task=waits_for(order),
    )
    if is_estimate:
        offered = replace(order.assignments[-1], state=AssignmentState.OFFERED)
        after = replace(with_offer(after, offered), state=WorkOrderState.SPEND_REJECTED)
    says = f"{by} rejected the cost of work order {order.id}: {reason}"
    event = Event(order.id, "spend_rejected", at, by, "I-62", (order.case_id,), says)
    partner_id = order.partner_id or ""
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    letter = letters.spend_rejected(after, partner=partner, reason=reason, at=at)
    return settle(records, stored, after, at=at, events=(event,), letters=(letter,))


def request_spend(
    records: Records,
    *,
    work_order_id: str,
    partner_id: str,
    amount: Money,
    at: datetime,
    by: str,
    why: str = "",
) -> WorkOrder | Refused:
    """Ask for leave to spend up to a total; the clocks wait for the answer (I-62, S-23a).

    `why` is told to whoever decides, in the partner's words. The same request again changes
    nothing; another one waits until that is answered, so that nobody approves what was not read.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    lost = not_yours_now(order, partner_id)
    if lost is not None:
        return lost
    if order.work_authorized_at is None or not order.is_open:
        because = f"work order {order.id} stands as {order.state}; ask while the work goes on"
        return Refused("I-62", because, "conflict")
    if amount <= order.not_to_exceed:
        because = f"{amount} is within the {order.not_to_exceed} that may be spent already"
        return Refused("I-61", because, "approval_not_needed")
    because = f": {why.strip()}" if why.strip() else ""
    evidence = f"{_ASKED_FOR}{amount}{because}"
    standing = next((pause for pause in order.pauses if _is_waiting(pause)), None)
    if standing is not None:
        return order if standing.evidence == evidence else _waits_already(standing)
    waiting = Pause(AWAITING_OWNER, at, None, evidence, by)
    after = replace(
        order,
        pauses=(*order.pauses, waiting),
        first_spend_approval=None,
        task=Task.APPROVE_SPEND,
    )
    says = f"partner {partner_id} asks for up to {amount} on work order {order.id}{because}"
    event = Event(order.id, "spend_requested", at, by, "I-62", (order.case_id,), says)
    sent = asking_for_spend(records, order, amount=amount, at=at, why=why)
    return settle(records, stored, after, at=at, events=(event,), letters=sent)


def _waits_already(pause: Pause) -> Refused:
    asked = pause.evidence.removeprefix(_ASKED_FOR).partition(":")[0]
    because = f"{asked} waits for an answer already: ask for something else once that has come"
    return Refused("I-62", because, "conflict")


def _is_waiting(pause: Pause) -> bool:
    return pause.reason == AWAITING_OWNER and pause.until is None


def _closed(pause: Pause, at: datetime) -> Pause:
    return replace(pause, until=at) if _is_waiting(pause) else pause


def _refused(order: WorkOrder, *, max_total: Money, is_written: bool) -> Refused | None:
    if not is_written:
        return Refused("I-62", "an approval of spending counts only in writing", "not_written")
    if max_total <= ZERO:
        return Refused("I-62", f"{max_total} is no amount to approve", "invalid_amount")
    if order.work_authorized_at is None and order.state not in _ASKED:
        because = f"work order {order.id} stands as {order.state}: nobody has taken it yet"
        return Refused("I-62", because, "conflict")
    return None
