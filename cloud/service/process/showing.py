"""The pages of a report: drawn when somebody asks for them, kept, and shown by a link."""

import hashlib
from datetime import datetime

from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner, Site
from cloud.service.models import Case, Report, WorkOrder
from cloud.service.policy import LINK_MINUTES
from cloud.service.process.saving import load_order
from cloud.service.process.uploads import uploads_of
from cloud.service.report import upload_ids_in
from cloud.service.report_sheet import Copy, ReportRenderer, ReportSheet, sheet_of
from cloud.service.uploads import Outside


def report_document(
    records: Records,
    outside: Outside,
    renderer: ReportRenderer,
    *,
    work_order_id: str,
    copy: Copy,
    at: datetime,
) -> str | Refused:
    """Give a link to the pages of a work order's latest report (P-71, U-08).

    They are drawn when they are first asked for and again when a fact on them changed; each drawing
    is kept under a name of its own. Pictures are taken as they were made small, so that sixty of
    them are drawn in one call.

    Raises:
        NotFound: there is no such work order.
    """
    order = load_order(records, work_order_id).record
    if order.report_id is None:
        because = f"work order {order.id} has no report yet"
        return Refused("P-71", because, "conflict")
    sheet = report_sheet(records, order, copy)
    digest = hashlib.sha256(repr(sheet).encode()).hexdigest()[:16]
    reference = f"reports/{order.id}/{sheet.report_id}-{copy}-{digest}.pdf"
    if not outside.desk.is_kept(reference):
        pictures = {}
        for photo in sheet.photos:
            try:
                pictures[photo.reference] = outside.documents.get(photo.reference)
            except NotFound:
                continue  # the page says so in its place
        drawn = renderer.render(sheet, pictures)
        outside.documents.put(reference, drawn, "application/pdf")
    name = f"service-report-{order.id}.pdf"
    return outside.desk.link(reference, name=name, minutes=LINK_MINUTES.on(at.date()))


def own_report_document(
    records: Records,
    outside: Outside,
    renderer: ReportRenderer,
    *,
    work_order_id: str,
    partner_id: str,
    at: datetime,
) -> str | Refused:
    """Give a link to the pages of a report to the partner that wrote it (T-91).

    Once the case is closed they name neither the customer nor the address.

    Raises:
        NotFound: there is no report of that partner's, for whatever reason.
    """
    stored = records.load(WorkOrder, work_order_id)
    latest = records.load(Report, stored.record.report_id or "") if stored else None
    if latest is None or latest.record.partner_id != partner_id:
        msg = f"work order {work_order_id} has no report of yours: check the number"
        raise NotFound(msg)
    is_closed = stored is not None and stored.record.customer_hidden_at is not None
    copy = Copy.PAST if is_closed else Copy.PARTNER
    return report_document(
        records, outside, renderer, work_order_id=work_order_id, copy=copy, at=at
    )


def report_sheet(records: Records, order: WorkOrder, copy: Copy) -> ReportSheet:
    """Give all that the pages of a work order's latest report show.

    Raises:
        NotFound: it has none.
    """
    report = require(records.load(Report, order.report_id or ""), "report of", order.id).record
    return sheet_of(
        report,
        order=order,
        case=require(records.load(Case, order.case_id), "case", order.case_id).record,
        site=require(records.load(Site, order.site_id), "site", order.site_id).record,
        partner=require(
            records.load(Partner, report.partner_id), "partner", report.partner_id
        ).record,
        files=uploads_of(records, upload_ids_in(report.content)),
        copy=copy,
    )
