"""Routes by which vendors' programs see their projects and tell of orders, shipments and invoices.

A vendor's program belongs to no partner: it has the scopes ``sunreeve/vendor:read`` and
``sunreeve/vendor:write`` and meets the projects that order from its vendor, and nothing else. The
routes are not in the partners' description of the API; docs/vendor_api.md has them.
"""

from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters.api import Forbidden, allowed
from cloud.functions.partner_api.caller import VENDOR_READS, VENDOR_WRITES, Caller, caller
from cloud.functions.partner_api.desk import CLOCK, RECORDS, Cursor, Limit, page
from cloud.functions.partner_api.direct_pay_shapes import (
    DirectPayOut,
    OrderIn,
    ShipmentIn,
    VendorInvoiceIn,
    VendorProjectsOut,
    VoidIn,
)
from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.funding.process import direct_pay
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.kernel.ports import require
from cloud.portfolio.models import Partner

router = Router()


def vendor(scope: str) -> Caller:
    """Give the vendor's program that calls.

    Raises:
        Forbidden: it is a partner's, its token lacks the scope, or its vendor does not take part
            any more; what that one has to tell of projects under way comes by mail.
    """
    found = caller()
    if not found.vendor_id or scope not in found.principal.scopes:
        msg = f"this is for vendors' programs with the scope sunreeve/{scope}"
        raise Forbidden(msg)
    known = RECORDS.load(Vendor, found.vendor_id)
    if known is None or not known.record.is_active:
        msg = f"vendor {found.vendor_id} does not take part in Direct Pay any more: write to us"
        raise Forbidden(msg)
    return found


def _common(project_id: str) -> dict[str, Any]:
    """Give what every command of a vendor's takes: who, about which project, when.

    Raises:
        NotFound: the project does not order from this vendor, or is of another mode (T-91).
    """
    mine = vendor(VENDOR_WRITES)
    found = RECORDS.load(DirectPay, project_id)
    partner = RECORDS.load(Partner, found.record.partner_id) if found else None
    if partner is None or partner.record.mode != mine.principal.mode:
        found = None
    require(found, "Direct Pay of project", project_id)
    return {
        "vendor_id": mine.vendor_id,
        "project_id": project_id,
        "at": CLOCK.now(),
        "by": mine.client_id,
    }


@router.get("/v1/vendor/projects", include_in_schema=False)
def list_projects(limit: Limit = 100, cursor: Cursor = "") -> VendorProjectsOut:
    """List the projects that order from the vendor, or did before they left, by their ids."""
    mine = vendor(VENDOR_READS)
    found = direct_pay.projects_of_vendor(RECORDS, mine.vendor_id, mode=mine.principal.mode)
    given, following = page(
        found, of="vendor_projects", place=lambda one: [one.id], limit=limit, cursor=cursor
    )
    today = eastern_day(CLOCK.now())
    return VendorProjectsOut(
        projects=[DirectPayOut.of(one, today) for one in given],
        has_more=bool(following),
        next_cursor=following,
    )


@router.post("/v1/vendor/orders", include_in_schema=False)
def record_order(body: OrderIn) -> DirectPayOut:
    """Tell that the vendor has a project's order."""
    answer = direct_pay.record_order(
        RECORDS,
        order_number=body.order_number,
        ordered_at=body.ordered_at,
        **_common(body.project_id),
    )
    return _shown(answer)


@router.post("/v1/vendor/shipments", include_in_schema=False)
def record_shipment(body: ShipmentIn) -> DirectPayOut:
    """Tell that the vendor shipped; nobody joins or leaves any more (F33)."""
    answer = direct_pay.record_shipment(
        RECORDS, shipped_at=body.shipped_at, **_common(body.project_id)
    )
    return _shown(answer)


@router.post("/v1/vendor/invoices", include_in_schema=False)
def receive_invoice(body: VendorInvoiceIn) -> DirectPayOut:
    """Bill the owner for a project's equipment; each number once (D28)."""
    answer = direct_pay.receive_vendor_invoice(
        RECORDS,
        number=body.number,
        amount=Money(body.amount_cents),
        is_final=body.is_final,
        **_common(body.project_id),
    )
    return _shown(answer)


@router.post("/v1/vendor/invoices/void", include_in_schema=False)
def void_invoice(body: VoidIn) -> DirectPayOut:
    """Take an invoice back in full (D28)."""
    answer = direct_pay.void_vendor_invoice(
        RECORDS, number=body.number, because=body.because, **_common(body.project_id)
    )
    return _shown(answer)


def _shown(answer: DirectPay | Refused) -> DirectPayOut:
    return DirectPayOut.of(allowed(answer), eastern_day(CLOCK.now()))
