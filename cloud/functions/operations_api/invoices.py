"""Routes of invoices: who decides on them, what their lines were for, and what customers bear."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    ACCOUNTING,
    ADMIN,
    AUDITOR,
    RECORDS,
    RM,
    SPC,
    acting,
    decided,
    listed,
    marked,
    may,
    shown,
)
from cloud.functions.operations_api.money_shapes import (
    ChargeIn,
    DelegateIn,
    InternalCostIn,
    LineCausesIn,
)
from cloud.functions.operations_api.shapes import Listed, Marked, One, ReasonIn
from cloud.invoicing import process as invoicing
from cloud.invoicing.models import CustomerCharge, Invoice
from cloud.kernel.ports import require
from cloud.reporting.shown_to_decide import invoice_shown

router = Router()
TAGS, CHARGES = ["Invoices"], ["Customer charges"]


@router.get(
    "/ops/invoices", responses=answers(), tags=TAGS, middlewares=[may(SPC, RM, ACCOUNTING, AUDITOR)]
)
def list_invoices(state: str) -> Listed:
    """List the invoices in one state."""
    return listed(Invoice, "state", state)


@router.get(
    "/ops/invoices/<invoice_id>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, RM, ACCOUNTING, AUDITOR)],
)
def get_invoice(invoice_id: str) -> Marked:
    """Give one invoice, with what was attached and what to look at."""
    invoice = require(RECORDS.load(Invoice, invoice_id), "invoice", invoice_id).record
    return marked(invoice, invoice_shown(RECORDS, invoice_id))


def _done(deed: Callable[..., object], invoice_id: str, /, **said: Any) -> One:
    """Have an invoice decided on, as it was shown where the request says how (D09a)."""
    return shown(
        decided(
            lambda: invoice_shown(RECORDS, invoice_id),
            lambda records: deed(records, invoice_id=invoice_id, **said, **acting()),
        )
    )


@router.post(
    "/ops/invoices/<invoice_id>/approve", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def approve_invoice(invoice_id: str) -> One:
    """Approve an invoice; never by who submitted it (I-66)."""
    return _done(invoicing.approve, invoice_id)


@router.post(
    "/ops/invoices/<invoice_id>/return", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def return_invoice(invoice_id: str, body: ReasonIn) -> One:
    """Give an invoice back to the partner; the clock of the decision stands meanwhile."""
    return _done(invoicing.return_to_partner, invoice_id, reason=body.reason)


@router.post(
    "/ops/invoices/<invoice_id>/reject", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def reject_invoice(invoice_id: str, body: ReasonIn) -> One:
    """Reject an invoice."""
    return _done(invoicing.reject, invoice_id, reason=body.reason)


@router.post(
    "/ops/invoices/<invoice_id>/escalate", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def escalate_invoice(invoice_id: str) -> One:
    """Take an invoice to the relationship manager, at any time (I-69)."""
    return shown(invoicing.escalate_by_coordinator(RECORDS, invoice_id=invoice_id, **acting()))


@router.post(
    "/ops/invoices/<invoice_id>/void", responses=answers(), tags=TAGS, middlewares=[may(ACCOUNTING)]
)
def void_invoice(invoice_id: str, body: ReasonIn) -> One:
    """Ask the funding runs not to pay an approved invoice (I-64)."""
    return _done(invoicing.request_void, invoice_id, reason=body.reason)


@router.post(
    "/ops/invoices/<invoice_id>/line_causes", responses=answers(), tags=TAGS, middlewares=[may(SPC)]
)
def record_line_causes(invoice_id: str, body: LineCausesIn) -> One:
    """Note the cause of single lines; the work order's holds for the others (B-52)."""
    causes = {one.line: one.cause for one in body.causes}
    return _done(invoicing.record_line_causes, invoice_id, causes=causes, evidence=body.evidence)


@router.post(
    "/ops/work_orders/<number>/internal_cost",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC)],
)
def record_internal_cost(number: str, body: InternalCostIn) -> One:
    """Note what the owner's own technicians did, so that it can be claimed (R-46)."""
    return shown(
        invoicing.record_internal_cost(
            RECORDS,
            work_order_id=number,
            minutes=body.minutes,
            distance_km=body.distance_km,
            **acting(),
        )
    )


@router.post(
    "/ops/coordinators/<coordinator_id>/presence",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ADMIN)],
)
def delegate(coordinator_id: str, body: DelegateIn) -> One:
    """Say whether a coordinator is there and who stands in; open invoices follow (I-66)."""
    return shown(
        invoicing.delegate(
            RECORDS,
            coordinator_id=coordinator_id,
            is_active=body.is_active,
            delegate_id=body.delegate_id,
            **acting(),
        )
    )


@router.get(
    "/ops/customer_charges",
    responses=answers(),
    tags=CHARGES,
    middlewares=[may(SPC, ACCOUNTING, AUDITOR)],
)
def list_charges(state: str) -> Listed:
    """List what customers are asked to pay, in one state (B-52)."""
    return listed(CustomerCharge, "state", state)


@router.post(
    "/ops/invoices/<invoice_id>/customer_charge",
    responses=answers(),
    tags=CHARGES,
    middlewares=[may(SPC)],
)
def propose_charge(invoice_id: str, body: ChargeIn) -> One:
    """Propose to charge the customer the lines that are its to bear (B-52)."""
    return _done(invoicing.propose_charge, invoice_id, evidence=body.evidence)


@router.post(
    "/ops/customer_charges/<charge_id>/approve",
    responses=answers(),
    tags=CHARGES,
    middlewares=[may(SPC)],
)
def approve_charge(charge_id: str) -> One:
    """Approve a charge that another person proposed (B-52a)."""
    return shown(invoicing.approve_charge(RECORDS, charge_id=charge_id, **acting()))


@router.post(
    "/ops/customer_charges/<charge_id>/tell",
    responses=answers(),
    tags=CHARGES,
    middlewares=[may(SPC)],
)
def tell_customer(charge_id: str) -> One:
    """Tell the customer of an approved charge, once (B-52)."""
    return shown(invoicing.tell_customer(RECORDS, charge_id=charge_id, **acting()))


@router.post(
    "/ops/customer_charges/<charge_id>/withdraw",
    responses=answers(),
    tags=CHARGES,
    middlewares=[may(SPC)],
)
def withdraw_charge(charge_id: str, body: ReasonIn) -> One:
    """Withdraw a charge that did not leave yet."""
    return shown(
        invoicing.withdraw_charge(RECORDS, charge_id=charge_id, reason=body.reason, **acting())
    )


@router.post(
    "/ops/customer_charges/export", responses=answers(), tags=CHARGES, middlewares=[may(ACCOUNTING)]
)
def export_charges() -> Listed:
    """Give the rows of all charges that customers were told of and that did not leave yet."""
    return Listed(
        items=[codec.to_shown(row) for row in invoicing.export_charges(RECORDS, **acting())]
    )


@router.get(
    "/ops/customer_charges/exports/<export_id>",
    responses=answers(),
    tags=CHARGES,
    middlewares=[may(ACCOUNTING, AUDITOR)],
)
def get_export(export_id: str) -> Listed:
    """Give the rows of an export again, where its answer was lost (B-52)."""
    rows = invoicing.rows_of_export(RECORDS, export_id)
    return Listed(items=[codec.to_shown(row) for row in rows])
