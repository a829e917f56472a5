"""What a partner asks about its work, and what it is answered."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner
from cloud.service import letters
from cloud.service.models import Coordinator, Task, WorkOrder, WorkOrderState
from cloud.service.process.saving import (
    load_order,
    load_own,
    not_yours_now,
    settle,
    waits_for,
    with_offer,
)

_MOST = 20
"""Open questions of one work order; whoever has more waits for an answer first."""


def question(
    records: Records, *, work_order_id: str, partner_id: str, text: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Give a partner's question to the coordinator (M-75, S-20b).

    Who asks has received the work order: its first question acknowledges it. The log has the words.
    The same question again, while it is open, changes nothing.
    """
    stored = load_own(records, work_order_id=work_order_id, partner_id=partner_id)
    order = stored.record
    lost = not_yours_now(order, partner_id)
    if lost is not None:
        return lost
    if not text.strip():
        return Refused("M-75", "the question is empty", "text_missing")
    question_id = derived("QST", order.id, partner_id, " ".join(text.split()))
    if question_id in order.open_questions:
        return order
    if len(order.open_questions) >= _MOST:
        because = f"{_MOST} questions of work order {order.id} wait for an answer"
        return Refused("M-75", because, "too_many_questions")
    current = order.assignments[-1]
    after = with_offer(order, replace(current, acknowledged_at=current.acknowledged_at or at))
    is_back = order.state is WorkOrderState.REASSIGNABLE
    after = replace(
        after,
        state=WorkOrderState.OFFERED if is_back else order.state,
        open_questions=(*order.open_questions, question_id),
        task=Task.ANSWER_QUESTION if order.task is None or is_back else order.task,
    )
    says = f"partner {partner_id} asks: {text}"
    causes = (order.case_id, question_id)
    event = Event(order.id, "question_asked", at, by, "M-75", causes, says)
    spc = records.load(Coordinator, order.spc_id)
    sent = []
    if spc is not None:
        sent = [
            letters.question_asked(
                order, coordinator=spc.record, question_id=question_id, text=text, at=at
            )
        ]
    return settle(records, stored, after, at=at, events=(event,), letters=sent)


def answer_question(
    records: Records, *, work_order_id: str, question_id: str, text: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Answer a partner's question in its thread (M-75)."""
    stored = load_order(records, work_order_id)
    order = stored.record
    if not text.strip():
        return Refused("M-75", "the answer is empty", "text_missing")
    if order.partner_id is None or question_id not in order.open_questions:
        return Refused("M-75", f"question {question_id} is not open", "conflict")
    after = replace(
        order, open_questions=tuple(one for one in order.open_questions if one != question_id)
    )
    is_done = order.task is Task.ANSWER_QUESTION
    after = replace(after, task=waits_for(after) if is_done else order.task)
    partner = require(records.load(Partner, order.partner_id), "partner", order.partner_id).record
    letter = letters.question_answered(
        order, partner=partner, question_id=question_id, text=text, at=at
    )
    says = f"{by} answers: {text}"
    event = Event(order.id, "question_answered", at, by, "M-75", (question_id,), says)
    return settle(records, stored, after, at=at, events=(event,), letters=(letter,))
