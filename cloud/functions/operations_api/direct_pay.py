"""Routes of Direct Pay: vendors, who takes part, and what came from vendors by mail."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    ACCOUNTANT,
    ACCOUNTING,
    ADMIN,
    AUDITOR,
    RECORDS,
    RM,
    acting,
    listed,
    may,
    shown,
)
from cloud.functions.operations_api.direct_pay_shapes import (
    OrderIn,
    ShipmentIn,
    VendorChoiceIn,
    VendorIn,
    VendorInvoiceIn,
    VoidIn,
)
from cloud.functions.operations_api.shapes import Listed, One
from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.funding.models import Deduction, DeductionState
from cloud.funding.process import direct_pay
from cloud.kernel.money import Money
from cloud.kernel.ports import require
from cloud.portfolio.models import Project

router = Router()
TAGS = ["Direct Pay"]
SEES = may(ACCOUNTANT, ACCOUNTING, RM, AUDITOR)
ENTERS = may(ACCOUNTANT)


@router.get("/ops/vendors", responses=answers(), tags=TAGS, middlewares=[SEES])
def list_vendors() -> Listed:
    """List the vendors that take part."""
    return listed(Vendor, "is_active", "True")


@router.post("/ops/vendors", responses=answers(), tags=TAGS, middlewares=[may(ADMIN)])
def put_vendor(body: VendorIn) -> One:
    """Put a vendor on record, or what changed of it; its notices go where this says (F34)."""
    vendor = Vendor(body.vendor_id, body.name, body.email, body.orders_email, body.is_active)
    return shown(direct_pay.put_vendor(RECORDS, vendor=vendor, **acting()))


@router.post(
    "/ops/partners/<partner_id>/direct_pay",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT, RM)],
)
def choose_vendor(partner_id: str, body: VendorChoiceIn) -> One:
    """Let an organisation's future projects order from a vendor, or from none (F30)."""
    if body.vendor_id is None:
        left = direct_pay.leave_organisation(RECORDS, partner_id=partner_id, **acting())
        return shown(left)
    joined = direct_pay.enrol_organisation(
        RECORDS, partner_id=partner_id, vendor_id=body.vendor_id, **acting()
    )
    return shown(joined)


@router.get("/ops/vendor_invoices_to_settle", responses=answers(), tags=TAGS, middlewares=[SEES])
def list_material() -> Listed:
    """List what is still to be taken for vendors' invoices, of all partners (F22)."""
    found = RECORDS.find(Deduction, by="state", value=DeductionState.OPEN)
    kinds = {"equipment", "material"}
    return Listed(items=[codec.to_shown(one.record) for one in found if one.record.kind in kinds])


@router.get(
    "/ops/projects/<project_id>/direct_pay", responses=answers(), tags=TAGS, middlewares=[SEES]
)
def get_direct_pay(project_id: str) -> One:
    """Give how a project stands with Direct Pay (F31)."""
    found = require(RECORDS.load(DirectPay, project_id), "Direct Pay of project", project_id)
    return shown(found.record)


@router.post(
    "/ops/projects/<project_id>/direct_pay/opt_in",
    responses=answers(),
    tags=TAGS,
    middlewares=[ENTERS],
)
def opt_in(project_id: str) -> One:
    """Let a project take part, as its partner asked by mail (F33)."""
    partner_id = _partner_of(project_id)
    return shown(
        direct_pay.opt_in(RECORDS, project_id=project_id, partner_id=partner_id, **acting())
    )


@router.post(
    "/ops/projects/<project_id>/direct_pay/opt_out",
    responses=answers(),
    tags=TAGS,
    middlewares=[ENTERS],
)
def opt_out(project_id: str) -> One:
    """Let a project leave before the vendor ships, as its partner asked by mail (F33)."""
    partner_id = _partner_of(project_id)
    return shown(
        direct_pay.opt_out(RECORDS, project_id=project_id, partner_id=partner_id, **acting())
    )


@router.post(
    "/ops/projects/<project_id>/direct_pay/order",
    responses=answers(),
    tags=TAGS,
    middlewares=[ENTERS],
)
def record_order(project_id: str, body: OrderIn) -> One:
    """Enter an order that a vendor confirmed by mail."""
    return shown(
        direct_pay.record_order(
            RECORDS,
            vendor_id=body.vendor_id,
            project_id=project_id,
            order_number=body.order_number,
            ordered_at=body.ordered_at,
            **acting(),
        )
    )


@router.post(
    "/ops/projects/<project_id>/direct_pay/shipment",
    responses=answers(),
    tags=TAGS,
    middlewares=[ENTERS],
)
def record_shipment(project_id: str, body: ShipmentIn) -> One:
    """Enter a shipment of which a vendor told by mail; its date starts the 14 days (F19)."""
    return shown(
        direct_pay.record_shipment(
            RECORDS,
            vendor_id=body.vendor_id,
            project_id=project_id,
            shipped_at=body.shipped_at,
            **acting(),
        )
    )


@router.post(
    "/ops/projects/<project_id>/direct_pay/invoices",
    responses=answers(),
    tags=TAGS,
    middlewares=[ENTERS],
)
def receive_invoice(project_id: str, body: VendorInvoiceIn) -> One:
    """Enter a vendor's invoice that came by mail; the instant of this call counts (D28, F20)."""
    return shown(
        direct_pay.receive_vendor_invoice(
            RECORDS,
            vendor_id=body.vendor_id,
            project_id=project_id,
            number=body.number,
            amount=Money(body.amount_cents),
            is_final=body.is_final,
            document=body.document,
            **acting(),
        )
    )


@router.post(
    "/ops/projects/<project_id>/direct_pay/invoices/void",
    responses=answers(),
    tags=TAGS,
    middlewares=[ENTERS],
)
def void_invoice(project_id: str, body: VoidIn) -> One:
    """Enter that a vendor credited an invoice in full (D28)."""
    return shown(
        direct_pay.void_vendor_invoice(
            RECORDS,
            vendor_id=body.vendor_id,
            project_id=project_id,
            number=body.number,
            because=body.reason,
            **acting(),
        )
    )


def _partner_of(project_id: str) -> str:
    return require(RECORDS.load(Project, project_id), "project", project_id).record.partner_id
