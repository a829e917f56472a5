"""Routes of a partner's work orders: from the offer to the report."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters.api import No, allowed, answers
from cloud.functions.partner_api.caller import caller, common
from cloud.functions.partner_api.desk import CLOCK, OUTSIDE, RECORDS, Cursor, Limit, page
from cloud.functions.partner_api.gate import here
from cloud.functions.partner_api.shapes import (
    AcceptIn,
    ArrivalIn,
    ContactIn,
    DeclineIn,
    DepartureIn,
    DraftedOut,
    LinkOut,
    PauseIn,
    QuestionIn,
    ReportIn,
    ReportOut,
    ResumeIn,
    ScheduleIn,
    SpendIn,
    WorkOrderOut,
    WorkOrdersOut,
)
from cloud.invoicing.models import Invoice
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.kernel.ports import Stored, require
from cloud.portfolio.models import Site
from cloud.service import process
from cloud.service.models import Incomplete, Report, WorkOrder
from cloud.service.process.showing import own_report_document

router = Router()
TAGS = ["Work orders"]


def shown(answer: WorkOrder | Refused) -> WorkOrderOut:
    """Give a work order as its partner may see it, or the refusal."""
    order = allowed(answer)
    site = RECORDS.load(Site, order.site_id)
    return _laid_out(order, site, RECORDS.find(Invoice, by="work_order_id", value=order.id))


def _laid_out(
    order: WorkOrder, site: Stored[Site] | None, invoices: Iterable[Stored[Invoice]]
) -> WorkOrderOut:
    found = require(site, "site", order.site_id).record
    return WorkOrderOut.of(
        order,
        partner_id=caller().partner_id,
        site=found,
        now=CLOCK.now(),
        invoice_ids=[s.record.id for s in invoices if s.record.partner_id == caller().partner_id],
    )


@router.get("/v1/work_orders", responses=answers(), tags=TAGS)
def list_work_orders(
    state: Annotated[str, Query(max_length=40)] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> WorkOrdersOut:
    """List the work orders that the partner has, oldest first, all or those in one state."""
    found = RECORDS.find(WorkOrder, by="partner_id", value=caller().partner_id)
    wanted, following = page(
        [one.record for one in found if state in {"", one.record.state}],
        of=f"work_orders {state}",
        place=lambda order: [order.issued_at.isoformat(), order.id],
        limit=limit,
        cursor=cursor,
    )
    sites = RECORDS.load_all(Site, list({order.site_id for order in wanted}))
    invoices = defaultdict(list)
    own = RECORDS.find(Invoice, by="partner_id", value=caller().partner_id) if wanted else ()
    for invoice in own:
        invoices[invoice.record.work_order_id].append(invoice)
    return WorkOrdersOut(
        work_orders=[
            _laid_out(order, sites.get(order.site_id), invoices[order.id]) for order in wanted
        ],
        has_more=bool(following),
        next_cursor=following,
    )


@router.get("/v1/work_orders/<number>", responses=answers(), tags=TAGS)
def get_work_order(number: str) -> WorkOrderOut:  # noqa: ARG001 - the gate loaded it
    """Give one work order that the partner has or had; of a past one the customer is left out."""
    order: WorkOrder = here()
    return shown(order)


@router.post("/v1/work_orders/<number>/acknowledge", responses=answers(), tags=TAGS)
def acknowledge(number: str) -> WorkOrderOut:
    """Say that the work order was received; it is not accepted by that (S-20b)."""
    return shown(process.acknowledge(RECORDS, work_order_id=number, **common(CLOCK.now())))


@router.post("/v1/work_orders/<number>/accept", responses=answers(), tags=TAGS)
def accept(number: str, body: AcceptIn) -> WorkOrderOut:
    """Accept the work order, with an estimate (R-44, I-63)."""
    estimate = None if body.estimate_cents is None else Money(body.estimate_cents)
    return shown(
        process.accept(RECORDS, work_order_id=number, estimate=estimate, **common(CLOCK.now()))
    )


@router.post("/v1/work_orders/<number>/decline", responses=answers(), tags=TAGS)
def decline(number: str, body: DeclineIn) -> WorkOrderOut:
    """Decline the work order; it is offered to somebody else (R-44)."""
    return shown(
        process.decline(RECORDS, work_order_id=number, reason=body.reason, **common(CLOCK.now()))
    )


@router.post("/v1/work_orders/<number>/contact_attempts", responses=answers(), tags=TAGS)
def contact_attempt(number: str, body: ContactIn) -> WorkOrderOut:
    """Log an attempt to reach the homeowner (S-21)."""
    return shown(
        process.contact_attempt(
            RECORDS,
            work_order_id=number,
            channel=body.channel,
            outcome=body.outcome,
            **common(CLOCK.now()),
        )
    )


@router.post("/v1/work_orders/<number>/schedule", responses=answers(), tags=TAGS)
def schedule(number: str, body: ScheduleIn) -> WorkOrderOut:
    """Note a visit that was agreed with the homeowner (S-21)."""
    return shown(
        process.schedule_visit(
            RECORDS,
            work_order_id=number,
            since=body.since,
            until=body.until,
            technician=body.technician,
            **common(CLOCK.now()),
        )
    )


@router.post("/v1/work_orders/<number>/arrive", responses=answers(), tags=TAGS)
def arrive(number: str, body: ArrivalIn) -> WorkOrderOut:
    """Note that a technician is at the site (Q-78)."""
    return shown(
        process.arrived(
            RECORDS,
            work_order_id=number,
            arrived_at=body.arrived_at,
            technician=body.technician,
            **common(CLOCK.now()),
        )
    )


@router.post("/v1/work_orders/<number>/depart", responses=answers(), tags=TAGS)
def depart(number: str, body: DepartureIn) -> WorkOrderOut:
    """Note that the technician left: done, or somebody has to come again (S-22, S-23)."""
    return shown(
        process.departed(
            RECORDS,
            work_order_id=number,
            departed_at=body.departed_at,
            is_finished=body.is_finished,
            **common(CLOCK.now()),
        )
    )


@router.post("/v1/work_orders/<number>/pauses", responses=answers(), tags=TAGS)
def pause(number: str, body: PauseIn) -> WorkOrderOut:
    """Stop the clocks of scheduling and completion, on evidence (S-23)."""
    return shown(
        process.pause(
            RECORDS,
            work_order_id=number,
            reason=body.reason,
            evidence=body.evidence,
            since=body.since,
            **common(CLOCK.now()),
        )
    )


@router.post("/v1/work_orders/<number>/resume", responses=answers(), tags=TAGS)
def resume(number: str, body: ResumeIn) -> WorkOrderOut:
    """End a pause; the deadlines move by the working time that it took (S-23)."""
    return shown(
        process.resume(RECORDS, work_order_id=number, reason=body.reason, **common(CLOCK.now()))
    )


@router.post("/v1/work_orders/<number>/spend_requests", responses=answers(), tags=TAGS)
def request_spend(number: str, body: SpendIn) -> WorkOrderOut:
    """Ask for leave to spend up to a total; the clocks wait for the answer (I-62)."""
    amount = Money(body.amount_cents)
    return shown(
        process.request_spend(RECORDS, work_order_id=number, amount=amount, **common(CLOCK.now()))
    )


@router.post("/v1/work_orders/<number>/questions", responses=answers(), tags=TAGS)
def ask(number: str, body: QuestionIn) -> WorkOrderOut:
    """Ask the coordinator something; the answer comes in the work order's thread (M-75)."""
    return shown(
        process.question(RECORDS, work_order_id=number, text=body.text, **common(CLOCK.now()))
    )


@router.post("/v1/work_orders/<number>/report/draft", responses=answers(), tags=TAGS)
def keep_report(number: str, body: ReportIn) -> DraftedOut:
    """Keep a report that is being written, and tell all that it lacks (P-71)."""
    kept = process.save_draft(
        RECORDS,
        work_order_id=number,
        content=body.content(),
        departed_at=body.departed_at,
        **common(CLOCK.now()),
    )
    drafted = allowed(kept)
    return DraftedOut(
        work_order_number=number,
        saved_at=drafted.draft.saved_at,
        missing=list(drafted.missing),
    )


@router.post("/v1/work_orders/<number>/report", responses=answers(), tags=TAGS)
def report(number: str, body: ReportIn) -> ReportOut:
    """Send the service report, which completes the work order (P-71)."""
    taken = process.submit_report(
        RECORDS,
        work_order_id=number,
        content=body.content(),
        departed_at=body.departed_at,
        **common(CLOCK.now()),
    )
    if isinstance(taken, Incomplete):
        raise No(Refused(taken.rule, taken.because, taken.code), taken.missing)
    return ReportOut.of(allowed(taken))


@router.get("/v1/work_orders/<number>/report", responses=answers(), tags=TAGS)
def get_report(number: str) -> ReportOut:
    """Give the latest version of the report, and what is to be corrected (P-71)."""
    order: WorkOrder = here()
    report_id = order.report_id if order.partner_id == caller().partner_id else None
    found = RECORDS.load(Report, report_id) if report_id else None
    return ReportOut.of(require(found, "report of work order", number).record)


@router.get("/v1/work_orders/<number>/report/document", responses=answers(), tags=TAGS)
def get_document(number: str) -> LinkOut:
    """Give an address that shows the report as we drew it, for some minutes (P-72)."""
    # Only who asks for pages draws them.
    from cloud.adapters import report_pdf  # noqa: PLC0415

    link = own_report_document(
        RECORDS,
        OUTSIDE,
        report_pdf,
        work_order_id=number,
        partner_id=caller().partner_id,
        at=CLOCK.now(),
    )
    return LinkOut(url=allowed(link))
