"""Routes of work orders: what the coordinators decide about visits, reports and their cost."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters.api import allowed, answers
from cloud.functions.operations_api.desk import (
    AMS,
    AUDITOR,
    CLOCK,
    OUTSIDE,
    RECORDS,
    SPC,
    acting,
    decided,
    listed,
    logged,
    marked,
    may,
    shown,
)
from cloud.functions.operations_api.service_shapes import (
    AnswerIn,
    AssignIn,
    PauseIn,
    PhoneIn,
    ReasonsIn,
    VisitMoveIn,
)
from cloud.functions.operations_api.shapes import (
    FindingIn,
    Listed,
    Marked,
    One,
    ReasonIn,
    SpendApprovalIn,
)
from cloud.kernel.money import Money
from cloud.kernel.ports import require
from cloud.reporting.shown_to_decide import order_shown
from cloud.service import process as service
from cloud.service.models import Report, WorkOrder
from cloud.service.process.showing import report_document
from cloud.service.report_sheet import Copy

router = Router()
TAGS = ["Work orders"]


@router.get(
    "/ops/work_orders", responses=answers(), tags=TAGS, middlewares=[may(SPC, AMS, AUDITOR)]
)
def list_work_orders(task: str) -> Listed:
    """List the work orders that wait for a person to do one thing."""
    return listed(WorkOrder, "task", task)


@router.get(
    "/ops/work_orders/<number>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def get_work_order(number: str) -> Marked:
    """Give one work order, with the whole ranking of who might have had it.

    Its mark stands for what is asked to be spent on it, and what was found.
    """
    order = require(RECORDS.load(WorkOrder, number), "work order", number).record
    return marked(order, order_shown(RECORDS, number))


@router.get(
    "/ops/work_orders/<number>/log",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def work_order_log(number: str) -> Listed:
    """Give everything that happened to a work order, the oldest first."""
    require(RECORDS.load(WorkOrder, number), "work order", number)
    return logged(number, of="work_order")


@router.get(
    "/ops/work_orders/<number>/reports",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def list_reports(number: str) -> Listed:
    """List the versions of a work order's report."""
    return listed(Report, "work_order_id", number)


def _decided(command: Callable[..., object], work_order_id: str, /, **said: Any) -> One:
    """Have a coordinator decide about money, as it was shown where the request says how (D09a)."""
    return shown(
        decided(
            lambda: order_shown(RECORDS, work_order_id),
            lambda records: command(records, work_order_id=work_order_id, **said, **acting()),
        )
    )


def _done(command: Callable[..., object], work_order_id: str, /, **said: Any) -> One:
    """Have a coordinator's command done to a work order."""
    return shown(command(RECORDS, work_order_id=work_order_id, **said, **acting()))


@router.post(
    "/ops/work_orders/<number>/assign", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def assign(number: str, body: AssignIn) -> One:
    """Offer a work order that has no partner to one that a person chose (R-42)."""
    return _done(service.assign, number, partner_id=body.partner_id)


@router.post(
    "/ops/work_orders/<number>/reassign", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def reassign(number: str) -> One:
    """Take a work order back from a partner that did not answer in time (R-44, E-33)."""
    return _done(service.reassign, number)


@router.post(
    "/ops/work_orders/<number>/withdraw", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def withdraw(number: str, body: ReasonIn) -> One:
    """Take a work order from its partner before anybody went, and offer it to the next (R-44)."""
    return _done(service.withdraw, number, reason=body.reason)


@router.post(
    "/ops/work_orders/<number>/cancel", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def cancel(number: str, body: ReasonIn) -> One:
    """Call a work order off before anybody went (A-81)."""
    return _done(service.cancel_order, number, reason=body.reason)


@router.post(
    "/ops/work_orders/<number>/resend_offer", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def resend_offer(number: str) -> One:
    """Offer the work again to the same partner, at the contact that counts now (S-20)."""
    return _done(service.resend_offer, number)


@router.post(
    "/ops/work_orders/<number>/phone_calls", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def phone_call(number: str, body: PhoneIn) -> One:
    """Log a call to the partner, whatever came of it (E-32)."""
    return _done(service.record_phone_call, number, outcome=body.outcome)


@router.post(
    "/ops/work_orders/<number>/visit", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def move_visit(number: str, body: VisitMoveIn) -> One:
    """Move the visit that lies ahead; homeowner and partner are told (S-21c)."""
    return shown(
        service.move_visit(
            RECORDS,
            work_order_id=number,
            since=body.since,
            until=body.until,
            technician=body.technician,
            because=body.reason,
            **acting(),
        )
    )


@router.post(
    "/ops/work_orders/<number>/spend_approvals",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC)],
)
def approve_spend(number: str, body: SpendApprovalIn) -> One:
    """Approve in writing, before the work, what may be spent (I-62)."""
    limit = Money(body.max_total_cents)
    return _decided(service.approve_spend, number, max_total=limit, is_written=True)


@router.post(
    "/ops/work_orders/<number>/spend_rejections",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC)],
)
def reject_spend(number: str, body: ReasonIn) -> One:
    """Refuse leave to spend more (I-62)."""
    return _decided(service.reject_spend, number, reason=body.reason)


@router.post(
    "/ops/work_orders/<number>/pauses", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def grant_pause(number: str, body: PauseIn) -> One:
    """Stop the clocks on a coordinator's word, also of work that is overdue (S-23d)."""
    return _done(
        service.grant_pause,
        number,
        reason=body.reason,
        evidence=body.evidence,
        since=body.since,
        until=body.until,
    )


@router.post(
    "/ops/work_orders/<number>/pauses/<place>/confirm",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC)],
)
def confirm_pause(number: str, place: int) -> One:
    """Let a pause that a partner declared count for good; the first one is 1 (S-23d)."""
    return _done(service.confirm_pause, number, number=place)


@router.post(
    "/ops/work_orders/<number>/pauses/<place>/reject",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC)],
)
def reject_pause(number: str, place: int, body: ReasonIn) -> One:
    """Let a declared pause never have stopped a clock; the partner is told why (S-23d)."""
    return _done(service.reject_pause, number, number=place, reason=body.reason)


@router.post(
    "/ops/work_orders/<number>/questions/<question_id>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC)],
)
def answer_question(number: str, question_id: str, body: AnswerIn) -> One:
    """Answer a partner's question, in its thread (M-75)."""
    return _done(service.answer_question, number, question_id=question_id, text=body.text)


@router.post(
    "/ops/work_orders/<number>/report/return",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC)],
)
def return_report(number: str, body: ReasonsIn) -> One:
    """Give a report back to the partner with what is to be corrected (P-71)."""
    return _done(service.return_report, number, reasons=body.reasons)


@router.post(
    "/ops/work_orders/<number>/report/serials",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC)],
)
def settle_serials(number: str, body: ReasonIn) -> One:
    """Settle serial numbers that the gateway's readings did not confirm (P-70b)."""
    return _done(service.settle_serials, number, because=body.reason)


@router.post(
    "/ops/work_orders/<number>/finding", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def record_finding(number: str, body: FindingIn) -> One:
    """Record what was found to be the cause (B-50 to B-53)."""
    return _decided(service.record_finding, number, cause=body.cause, evidence=body.evidence)


@router.get(
    "/ops/work_orders/<number>/report/document",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, AMS, AUDITOR)],
)
def get_document(number: str, copy: Copy = Copy.PARTNER) -> One:
    """Give an address that shows the report as we drew it; the customer's copy names no prices."""
    # Only who asks for pages draws them.
    from cloud.adapters import report_pdf  # noqa: PLC0415

    link = report_document(
        RECORDS, OUTSIDE, report_pdf, work_order_id=number, copy=copy, at=CLOCK.now()
    )
    return One(item={"url": allowed(link)})


@router.get(
    "/ops/reports_to_check", responses=answers(), tags=TAGS, middlewares=[may(SPC, AUDITOR)]
)
def list_reports_to_check(task: str) -> Listed:
    """List the reports that wait for a person, for example for serial numbers (P-70b)."""
    return listed(Report, "task", task)
