"""What mails ask of stages after service: invoices and disputes, in those stages' own shapes."""

from collections.abc import Mapping
from typing import Any

from cloud.invoicing import process as invoicing
from cloud.invoicing.completeness import DraftLine, InvoiceDraft
from cloud.invoicing.models import Rejected, Subject
from cloud.service.mail import PHOTOS
from cloud.service.mail_reading import DisputeIt, WrittenInvoice
from cloud.service.models import Report
from cloud.service.process.mail_desks import Desk, Outcome, Request, done, not_done, outcome_of


def _invoice(request: Request) -> Outcome:
    """Submit an invoice that was written in a mail or its paper (I-65)."""
    written: WrittenInvoice = request.command
    draft = InvoiceDraft(
        invoice_number=written.number,
        customer_name=written.customer,
        site_address=written.address,
        work_order_number=written.work_order or request.order.id,
        service_dates=written.service_dates,
        description=written.description,
        photo_count=_photos(request),
        lines=tuple(
            DraftLine(one.category, one.description, one.amount.cents, one.performed_at)
            for one in written.lines
        ),
        total_cents=written.total.cents if written.total is not None else None,
    )
    answer = invoicing.submit(
        request.records,
        partner_id=request.partner_id,
        draft=draft,
        at=request.at,
        by=request.by,
        work_order_id=request.order.id,
    )
    if isinstance(answer, Rejected):
        wrong = ", ".join(one.replace("_", " ") for one in answer.errors)
        return not_done(answer.code, f"Invoice {written.number or '(no number)'}: {wrong}.")
    return done(f"Invoice {answer.content.number} over {answer.content.total} is submitted.")


def _photos(request: Request) -> int:
    """Count the photos that support an invoice: of the report, and with the mail."""
    attached = sum(one.kind in PHOTOS for one in request.mail.attachments)
    stored = request.records.load(Report, request.order.report_id or "")
    if stored is None:
        return attached
    content = stored.record.content
    return attached + len(content.as_found.photos) + len(content.as_departed.photos)


def _dispute(request: Request) -> Outcome:
    """Open a dispute of a back-bill, or of the finding where the mail says so (X-85)."""
    command: DisputeIt = request.command
    first, _, rest = command.reason.partition(" ")
    is_named = first.lower().strip(",:;") in _SUBJECTS
    kind = _SUBJECTS.get(first.lower().strip(",:;"), Subject.BACK_BILL)
    answer = invoicing.open_dispute(
        request.records,
        kind=kind,
        work_order_id=request.order.id,
        partner_id=request.partner_id,
        says=rest if is_named else command.reason,
        at=request.at,
        by=request.by,
    )
    return outcome_of(answer, f"Your dispute is with your coordinator: {command.reason}")


_SUBJECTS = {
    "finding": Subject.FINDING,
    "back-bill": Subject.BACK_BILL,
    "backbill": Subject.BACK_BILL,
}

DESKS: Mapping[type[Any], Desk] = {WrittenInvoice: _invoice, DisputeIt: _dispute}
