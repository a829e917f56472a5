"""Routes of exports: small ones at once, large ones as a file that a mail announces (F29)."""

from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters.api import allowed, answers
from cloud.functions.partner_api.caller import caller
from cloud.functions.partner_api.desk import CLOCK, OUTSIDE, RECORDS, Cursor, Limit, page
from cloud.functions.partner_api.gate import here
from cloud.functions.partner_api.money_desk import CSV, accounting_admin, as_csv, organisation_asked
from cloud.functions.partner_api.payout_shapes import ExportIn, ExportOut, ExportsOut
from cloud.functions.partner_api.shapes import LinkOut
from cloud.funding.exports import ExportOrder, link_minutes
from cloud.funding.process import exports
from cloud.kernel.calendar import eastern_day

router = Router()
TAGS = ["Exports"]
Word = Annotated[str, Query(max_length=200)]
ORDERED = {
    **answers(),
    HTTPStatus.ACCEPTED.value: {"description": "It is being written; a mail announces it"},
}


@router.post("/v1/exports", responses=ORDERED, tags=TAGS)
def order_export(body: ExportIn) -> Response[ExportOut]:
    """Ask for a report as CSV: where to download it, or that a mail will announce it (F29)."""
    accounting_admin("export_accounts")
    about = organisation_asked(RECORDS, body.organisation)
    filters = _filters(body.model_dump(exclude={"report", "organisation"}))
    made = exports.order_export(
        RECORDS,
        partner_id=caller().partner_id,
        about=about,
        report=body.report,
        filters=filters,
        by=caller().client_id,
        at=CLOCK.now(),
    )
    if isinstance(made, ExportOrder):
        return Response(status_code=202, content_type=JSON, body=ExportOut.of(made))
    of = {"organisation": body.organisation} if body.organisation else {}
    path = f"/v1/exports/download?{urlencode({'report': body.report, **of, **filters})}"
    return Response(
        status_code=200,
        content_type=JSON,
        body=ExportOut.at_once(made, report=body.report, path=path),
    )


JSON = "application/json"


@router.get("/v1/exports/download", responses=CSV, tags=TAGS)
def download_export(
    report: Literal["payouts", "clawbacks", "projects"],
    *,
    organisation: Word = "",
    aging: Word = "",
    category: Word = "",
    market: Word = "",
    milestone: Word = "",
    project: Word = "",
    salesperson: Word = "",
    status: Word = "",
    tab: Word = "",
) -> Response[str]:
    """Give a small export at once; one that is too large is to be ordered (F29)."""
    accounting_admin("export_accounts")
    filters = _filters(
        {
            "aging": aging,
            "category": category,
            "market": market,
            "milestone": milestone,
            "project": project,
            "salesperson": salesperson,
            "status": status,
            "tab": tab,
        }
    )
    about = organisation_asked(RECORDS, organisation)
    text = exports.download(RECORDS, about=about, report=report, filters=filters, at=CLOCK.now())
    return as_csv(allowed(text))


@router.get("/v1/exports", responses=answers(), tags=TAGS)
def list_exports(limit: Limit = 100, cursor: Cursor = "") -> ExportsOut:
    """List the exports that were or will be announced by mail, oldest first."""
    accounting_admin("export_accounts")
    found = RECORDS.find(ExportOrder, by="partner_id", value=caller().partner_id)
    given, following = page(
        [one.record for one in found],
        of="exports",
        place=lambda order: [order.asked_at.isoformat(), order.id],
        limit=limit,
        cursor=cursor,
    )
    shown = [ExportOut.of(one) for one in given]
    return ExportsOut(exports=shown, has_more=bool(following), next_cursor=following)


@router.get("/v1/exports/<export_id>", responses=answers(), tags=TAGS)
def get_export(export_id: str) -> ExportOut:  # noqa: ARG001 - the gate loaded it
    """Give an export as it stands."""
    order: ExportOrder = here()
    return ExportOut.of(order)


@router.get("/v1/exports/<export_id>/file", responses=answers(), tags=TAGS)
def get_export_file(export_id: str) -> LinkOut:
    """Give an address that downloads a finished export for some minutes (D35, D36)."""
    order: ExportOrder = here()
    now = CLOCK.now()
    reference = allowed(exports.ready_document(order, at=now))
    minutes = link_minutes(eastern_day(now))
    link = OUTSIDE.desk.link(reference, name=f"{order.report}-{export_id}.csv", minutes=minutes)
    return LinkOut(url=link)


def _filters(asked: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}
