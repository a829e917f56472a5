"""Taking an invoice: complete and within what was approved, or not at all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cloud.invoicing import letters
from cloud.invoicing.approval import IssuingSpc, approval_due, reminder_due, route_to
from cloud.invoicing.completeness import (
    NOT_FOUND,
    Completeness,
    EarlierInvoice,
    InvoiceDraft,
    OnRecord,
    PriorApproval,
    WorkDone,
    check,
)
from cloud.invoicing.models import (
    DraftState,
    Invoice,
    InvoiceContent,
    InvoiceLine,
    InvoiceState,
    LineFinding,
    Paper,
    Rejected,
    SavedDraft,
)
from cloud.invoicing.policy import APPROVAL_DAYS, REMINDER_DAYS
from cloud.invoicing.process.books import (
    Books,
    books_of,
    commit_invoice,
    coordinator_of,
    load_partner,
)
from cloud.kernel.change import Change, Event, Save, Timer
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import total
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import Site
from cloud.service.clocks import AFTER_THE_LAST_INSTANT
from cloud.service.models import Cause, Report, WorkOrder
from cloud.service.sla import calendar_at

APPROVAL_DUE = "approval_due"
APPROVAL_REMINDER = "approval_reminder"


def submit(
    records: Records,
    *,
    partner_id: str,
    draft: InvoiceDraft,
    at: datetime,
    by: str,
    work_order_id: str | None = None,
) -> Invoice | Rejected:
    """Take a complete invoice and give it to whoever issued the work order (I-65, I-66).

    Everything that stands against it is told at once. `work_order_id` is the one that the mail
    thread or the page belongs to; without it the number on the invoice counts. The same invoice
    again changes nothing; one that was returned is submitted again under its number.
    """
    known = records.load(Invoice, invoice_id_of(partner_id, draft.invoice_number))
    books = _books(records, draft, work_order_id, known)
    verdict = _verdict(records, draft, books, known, partner_id=partner_id)
    if known is not None and books is not None and verdict.errors == ("duplicate_invoice_number",):
        is_repeated = known.record.content == _content(draft)
        if is_repeated and known.record.work_order_id == books.order.record.id:
            return known.record
    if books is None or verdict.errors:
        because = f"invoice {draft.invoice_number} cannot be taken: {', '.join(verdict.errors)}"
        return Rejected("I-65", because, "invoice_incomplete", verdict.errors)
    return _taken(records, books, draft, warnings=verdict.warnings, at=at, by=by)


def validate(
    records: Records, *, partner_id: str, draft: InvoiceDraft, work_order_id: str | None = None
) -> Completeness:
    """Tell what would stand against an invoice, without taking it (I-65)."""
    known = records.load(Invoice, invoice_id_of(partner_id, draft.invoice_number))
    books = _books(records, draft, work_order_id, known)
    return _verdict(records, draft, books, known, partner_id=partner_id)


def invoice_id_of(partner_id: str, number: str) -> str:
    """Name the invoice of a partner's number; a number is used once."""
    return derived("INV", partner_id, number.strip())


def open_elsewhere(draft: Stored[SavedDraft] | None, *, work_order_id: str) -> SavedDraft | None:
    """Give a draft that is still written for another work order: its number is taken (I-67)."""
    if draft is None or draft.record.state is not DraftState.OPEN:
        return None
    return draft.record if draft.record.work_order_id != work_order_id else None


def due_of(invoice: Invoice, order: WorkOrder) -> datetime | None:
    """Give by when an invoice is decided, None while it is back with the partner (I-66)."""
    return approval_due(
        submitted_at=invoice.submitted_at,
        business_days=APPROVAL_DAYS.on(order.policy_day),
        calendar=calendar_at(order.time_zone, on=order.policy_day),
        returned=[(one.since, one.until) for one in invoice.returned],
    )


def reminder_of(invoice: Invoice, order: WorkOrder) -> datetime | None:
    """Give when who decides is reminded, None while the partner has the invoice (I-66a)."""
    return reminder_due(
        submitted_at=invoice.submitted_at,
        business_days=REMINDER_DAYS.on(order.policy_day),
        calendar=calendar_at(order.time_zone, on=order.policy_day),
        returned=[(one.since, one.until) for one in invoice.returned],
    )


def spend_approvals(order: WorkOrder) -> list[PriorApproval]:
    """Give the approvals of a work order as an invoice is held against them (I-62)."""
    return [
        PriorApproval(one.role, one.is_written, one.at, one.max_total)
        for one in order.spend_approvals
    ]


def issuing_spc(records: Records, order: WorkOrder) -> IssuingSpc | None:
    """Give the coordinator who issued a work order, None where it was the queue."""
    spc = coordinator_of(records, order.spc_id)
    return IssuingSpc(spc.id, spc.is_active, spc.delegate_id) if spc else None


def timer_of(invoice: Invoice, wakes: str = APPROVAL_DUE) -> str:
    """Give the id of a timer that looks after the decision."""
    return f"{invoice.id}:{wakes}"


def timers_of(invoice: Invoice, order: WorkOrder, *, at: datetime) -> tuple[Timer, ...]:
    """Give the timers of an invoice that waits for its decision (I-66, I-66a)."""
    due_at = due_of(invoice, order) or at
    due = Timer(
        timer_of(invoice), invoice.id, APPROVAL_DUE, due_at.astimezone(UTC) + AFTER_THE_LAST_INSTANT
    )
    remind_at = reminder_of(invoice, order)
    if remind_at is None or invoice.reminded_at is not None:
        return (due,)
    name = timer_of(invoice, APPROVAL_REMINDER)
    # One that comes back late is reminded of at once, that is, in the next working hour.
    remind_at = max(remind_at, at).astimezone(UTC)
    return due, Timer(name, invoice.id, APPROVAL_REMINDER, remind_at)


def timer_names(invoice: Invoice) -> tuple[str, ...]:
    """Give the ids of all timers that an invoice may have."""
    return timer_of(invoice), timer_of(invoice, APPROVAL_REMINDER)


def _books(
    records: Records,
    draft: InvoiceDraft,
    work_order_id: str | None,
    known: Stored[Invoice] | None,
) -> Books | None:
    """Load what an invoice is held against and written with, once, so that both are the same."""
    number = draft.work_order_number.strip() if work_order_id is None else work_order_id
    try:
        return books_of(records, number, known) if number else None
    except NotFound:
        return None


def _verdict(
    records: Records,
    draft: InvoiceDraft,
    books: Books | None,
    known: Stored[Invoice] | None,
    *,
    partner_id: str,
) -> Completeness:
    assignment = books.order.record.assignment if books else None
    if books is None or assignment is None:
        return NOT_FOUND
    order = books.order.record
    is_correction = (
        known is not None
        and known.record.state is InvoiceState.RETURNED
        and known.record.work_order_id == order.id
    )
    mine = invoice_id_of(partner_id, draft.invoice_number)
    is_used = known is not None and not is_correction
    kept = records.load(SavedDraft, mine)
    is_held = open_elsewhere(kept, work_order_id=order.id) is not None
    others = books.spend.record.spent
    site = records.load(Site, order.site_id)
    return check(
        draft,
        caller_partner_id=partner_id,
        work=WorkDone(
            number=order.id,
            partner_id=assignment.partner_id,
            original_installer_id=order.original_installer_id,
            cause="" if order.cause is Cause.UNDETERMINED else order.cause,
            authorized_at=assignment.offered_at,
            is_report_complete=order.report_id is not None,
            departed_at=order.departed_at,
        ),
        spend_limit=order.spend_limit,
        approvals=spend_approvals(order),
        others=[EarlierInvoice(one.total, one.state) for one in others if one.invoice_id != mine],
        used_numbers={draft.invoice_number} if is_used or is_held else (),
        on=order.policy_day,
        on_record=OnRecord(site.record.customer_name, site.record.address) if site else None,
    )


def _content(draft: InvoiceDraft) -> InvoiceContent:
    """Give what a draft says, once it was found complete."""
    lines = tuple(
        InvoiceLine(line.category, line.description, line.amount, line.performed_at)
        for line in draft.lines
        if line.performed_at is not None
    )
    return InvoiceContent(
        number=draft.invoice_number.strip(),
        customer_name=draft.customer_name,
        site_address=draft.site_address,
        service_dates=draft.service_dates,
        description=draft.description,
        photo_count=draft.photo_count,
        lines=lines,
        total=total(line.amount for line in lines),
    )


def _papers(records: Records, order: WorkOrder) -> tuple[Paper, ...]:
    """Attach the report, its photos and the approvals of spending (I-65)."""
    report = records.load(Report, order.report_id) if order.report_id else None
    papers = []
    if report is not None:
        told = report.record.content
        papers.append(Paper("report", report.record.id, told.summary))
        photos: Sequence[str] = (*told.as_found.photos, *told.as_departed.photos)
        papers += [Paper("photo", photo) for photo in photos]
    papers += [
        Paper("approval", f"{one.by} {one.at.isoformat()}", f"up to {one.max_total} by {one.by}")
        for one in order.spend_approvals
    ]
    return tuple(papers)


def _taken(
    records: Records,
    books: Books,
    draft: InvoiceDraft,
    *,
    warnings: tuple[str, ...],
    at: datetime,
    by: str,
) -> Invoice:
    order = books.order.record
    partner_id = order.assignments[-1].partner_id
    routed_to = route_to(issuing_spc(records, order))
    earlier = books.invoice.record if books.invoice else None
    content = _content(draft)
    invoice = Invoice(
        id=invoice_id_of(partner_id, draft.invoice_number),
        work_order_id=order.id,
        partner_id=partner_id,
        site_id=order.site_id,
        content=content,
        state=InvoiceState.SUBMITTED,
        submitted_at=earlier.submitted_at if earlier else at,
        submitted_by=by,
        routed_to=routed_to,
        returned=tuple(
            replace(one, until=one.until or at) for one in (earlier.returned if earlier else ())
        ),
        reminded_at=earlier.reminded_at if earlier else None,
        papers=_papers(records, order),
        warnings=warnings,
        line_findings=_findings_kept(earlier, content) if earlier else (),
        disputes=earlier.disputes if earlier else (),
    )
    due_at = due_of(invoice, order) or at
    says = f"invoice {invoice.content.number} over {invoice.content.total} went to {routed_to}"
    partner = load_partner(records, partner_id)
    letter = letters.received(invoice, order=order, partner=partner, due_at=due_at, at=at)
    told = Change(
        saves=_draft_done(records, invoice),
        events=(Event(invoice.id, "submitted", at, by, "I-66", _causes(order), says),),
        letters=(letter,),
        timers=timers_of(invoice, order, at=at),
    )
    return commit_invoice(records, books, invoice, at=at, told=told)


def _findings_kept(earlier: Invoice, content: InvoiceContent) -> tuple[LineFinding, ...]:
    """Give what was found for lines that come again as they were, wherever they stand now (B-52).

    A line that was found stays so as long as one like it is there: leaving out its twin, or moving
    it, takes nothing off it.
    """
    left = dict(enumerate(content.lines))
    before = earlier.content.lines
    places: dict[int, int] = {}
    # Those that did not move go first, so that none of them gives its place to a twin.
    found = {one.line for one in earlier.line_findings}
    for place in sorted(found, key=lambda place: (left.get(place) != before[place], place)):
        alike = [new for new, line in left.items() if line == before[place]]
        if alike:
            places[place] = place if place in alike else alike[0]
            del left[places[place]]
    return tuple(
        replace(one, line=places[one.line]) for one in earlier.line_findings if one.line in places
    )


def _draft_done(records: Records, invoice: Invoice) -> tuple[Save, ...]:
    """Close the draft that the invoice was written in, if there is one."""
    draft = records.load(SavedDraft, invoice.id)
    if draft is None or draft.record.state is DraftState.SUBMITTED:
        return ()
    if open_elsewhere(draft, work_order_id=invoice.work_order_id) is not None:
        return ()
    return (draft.replaced_by(replace(draft.record, state=DraftState.SUBMITTED)),)


def _causes(order: WorkOrder) -> tuple[str, ...]:
    return (order.id, order.report_id or order.case_id)
