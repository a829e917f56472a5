"""What partners' programs call: answer work orders, report visits, send invoices.

The partner is the one that the token's client belongs to; nothing in a path or a body names it. A
work order of another partner does not exist for the caller.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger

from cloud.adapters import wiring
from cloud.adapters.api import PROBLEMS, No, Once, allowed, claims_of, problem, resolved, resolver
from cloud.functions.partner_api.shapes import (
    AcceptIn,
    ContactIn,
    DeclineIn,
    InvoiceIn,
    InvoiceOut,
    ReportIn,
    ReportOut,
    ScheduleIn,
    WorkOrderOut,
    WorkOrdersOut,
)
from cloud.invoicing.models import Invoice, Rejected
from cloud.invoicing.process import submit
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.money import Money
from cloud.kernel.ports import Stored, require
from cloud.portfolio.models import ApiClient, Site
from cloud.service import process
from cloud.service.models import Incomplete, WorkOrder

logger = Logger()
CLOCK = wiring.clock()
RECORDS = wiring.records(os.environ)
app = resolver()


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of a partner's program."""
    claims = claims_of(event)
    client = RECORDS.load(ApiClient, claims.get("client_id", ""))
    if client is None or "sunreeve/partner" not in claims.get("scope", "").split():
        answer = problem(403, "The token does not allow it", "the token is not a partner's")
        body = answer.body or ""
        return {"statusCode": 403, "headers": {"content-type": answer.content_type}, "body": body}
    app.append_context(partner_id=client.record.partner_id, by=client.record.id)
    return ONCE.answer(event, context, caller=client.record.id)


ONCE = Once(os.environ["IDEMPOTENCY_TABLE"], partial(resolved, app))


def _partner() -> str:
    partner_id: str = app.context["partner_id"]
    return partner_id


def _common() -> dict[str, Any]:
    return {"partner_id": _partner(), "at": CLOCK.now(), "by": app.context["by"]}


def _shown(answer: WorkOrder | Refused) -> WorkOrderOut:
    order = allowed(answer)
    site = RECORDS.load(Site, order.site_id)
    return _laid_out(order, site, RECORDS.find(Invoice, by="work_order_id", value=order.id))


def _laid_out(
    order: WorkOrder, site: Stored[Site] | None, invoices: Iterable[Stored[Invoice]]
) -> WorkOrderOut:
    found = require(site, "site", order.site_id).record
    return WorkOrderOut.of(
        order,
        customer_name=found.customer_name,
        site_address=found.address,
        invoice_ids=[s.record.id for s in invoices if s.record.partner_id == _partner()],
    )


@app.get("/v1/work_orders", responses=PROBLEMS, tags=["Work orders"])
def list_work_orders(state: str = "") -> WorkOrdersOut:
    """List the partner's work orders, all or those in one state."""
    found = RECORDS.find(WorkOrder, by="partner_id", value=_partner())
    orders = sorted((s.record for s in found), key=lambda order: (order.issued_at, order.id))
    wanted = [order for order in orders if state in {"", order.state}]
    sites = RECORDS.load_all(Site, list({order.site_id for order in wanted}))
    invoices = defaultdict(list)
    for invoice in RECORDS.find(Invoice, by="partner_id", value=_partner()) if wanted else ():
        invoices[invoice.record.work_order_id].append(invoice)
    return WorkOrdersOut(
        work_orders=[
            _laid_out(order, sites.get(order.site_id), invoices[order.id]) for order in wanted
        ]
    )


@app.get("/v1/work_orders/<number>", responses=PROBLEMS, tags=["Work orders"])
def get_work_order(number: str) -> WorkOrderOut:
    """Give one work order of the partner's."""
    stored = RECORDS.load(WorkOrder, number)
    if stored is None or stored.record.partner_id != _partner():
        msg = f"work order {number} is not one of yours: check the number"
        raise NotFound(msg)
    return _shown(stored.record)


@app.post("/v1/work_orders/<number>/acknowledge", responses=PROBLEMS, tags=["Work orders"])
def acknowledge(number: str) -> WorkOrderOut:
    """Say that the work order was received; it is not accepted by that (S-20b)."""
    return _shown(process.acknowledge(RECORDS, work_order_id=number, **_common()))


@app.post("/v1/work_orders/<number>/accept", responses=PROBLEMS, tags=["Work orders"])
def accept(number: str, body: AcceptIn) -> WorkOrderOut:
    """Accept the work order, with an estimate (R-44, I-63)."""
    estimate = None if body.estimate_cents is None else Money(body.estimate_cents)
    return _shown(process.accept(RECORDS, work_order_id=number, estimate=estimate, **_common()))


@app.post("/v1/work_orders/<number>/decline", responses=PROBLEMS, tags=["Work orders"])
def decline(number: str, body: DeclineIn) -> WorkOrderOut:
    """Decline the work order; it is offered to somebody else (R-44)."""
    order = process.decline(RECORDS, work_order_id=number, reason=body.reason, **_common())
    return _shown(order)


@app.post("/v1/work_orders/<number>/contact_attempts", responses=PROBLEMS, tags=["Work orders"])
def contact_attempt(number: str, body: ContactIn) -> WorkOrderOut:
    """Log an attempt to reach the homeowner (S-21)."""
    order = process.contact_attempt(
        RECORDS, work_order_id=number, channel=body.channel, outcome=body.outcome, **_common()
    )
    return _shown(order)


@app.post("/v1/work_orders/<number>/schedule", responses=PROBLEMS, tags=["Work orders"])
def schedule(number: str, body: ScheduleIn) -> WorkOrderOut:
    """Note a visit that was agreed with the homeowner (S-21)."""
    order = process.schedule_visit(
        RECORDS,
        work_order_id=number,
        since=body.since,
        until=body.until,
        technician=body.technician,
        **_common(),
    )
    return _shown(order)


@app.post("/v1/work_orders/<number>/report", responses=PROBLEMS, tags=["Work orders"])
def report(number: str, body: ReportIn) -> ReportOut:
    """Send the service report, which completes the work order (P-71)."""
    taken = process.submit_report(
        RECORDS,
        work_order_id=number,
        content=body.content(),
        departed_at=body.departed_at,
        **_common(),
    )
    if isinstance(taken, Incomplete):
        raise No(Refused(taken.rule, taken.because, taken.code), taken.missing)
    sent = allowed(taken)
    return ReportOut(report_id=sent.id, work_order_number=sent.work_order_id)


@app.post("/v1/invoices", responses=PROBLEMS, tags=["Invoices"])
def send_invoice(body: InvoiceIn) -> InvoiceOut:
    """Send an invoice; all that stands against it comes back at once (I-61 to I-66)."""
    taken = submit(RECORDS, draft=body.draft(), **_common())
    if isinstance(taken, Rejected):
        raise No(Refused(taken.rule, taken.because, taken.code), taken.errors)
    return _invoice(taken)


@app.get("/v1/invoices/<invoice_id>", responses=PROBLEMS, tags=["Invoices"])
def get_invoice(invoice_id: str) -> InvoiceOut:
    """Give one invoice of the partner's, as it stands (I-68)."""
    stored = RECORDS.load(Invoice, invoice_id)
    if stored is None or stored.record.partner_id != _partner():
        msg = f"invoice {invoice_id} is not one of yours: check the id"
        raise NotFound(msg)
    return _invoice(stored.record)


@app.get("/v1/openapi.json", include_in_schema=False)
def openapi() -> dict[str, Any]:
    """Describe this API."""
    # Asked for once a release; the models of OpenAPI take a quarter of a second to import.
    from aws_lambda_powertools.event_handler.openapi.models import Server  # noqa: PLC0415

    schema = app.get_openapi_schema(
        title="Sunreeve partner API", version="2026-11-22", servers=[Server(url="/")]
    )
    described: dict[str, Any] = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    return described


def _invoice(invoice: Invoice) -> InvoiceOut:
    return InvoiceOut(
        invoice_id=invoice.id,
        invoice_number=invoice.content.number,
        work_order_number=invoice.work_order_id,
        state=invoice.state,
        total_cents=invoice.content.total.cents,
    )
