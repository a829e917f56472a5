"""Writing an invoice: its lines, what is missing while it is typed, kept, sent (I-61 to I-67)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from cloud.invoicing import process
from cloud.invoicing.completeness import (
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_LINES,
    DraftLine,
    InvoiceDraft,
)
from cloud.invoicing.models import (
    DraftState,
    Invoice,
    InvoiceContent,
    InvoiceState,
    Rejected,
    SavedDraft,
)
from cloud.invoicing.policy import COST_CATEGORIES
from cloud.invoicing.process.submission import invoice_id_of
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.portal.asking import Absent, Answer, Ask, Form, Go, Page, Part
from cloud.portal.partner_views.order_shown import ORDERS, clock_text
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.shown import AsTyped, words
from cloud.portal.typed import Typed, too_long
from cloud.portal.whose import own, own_order
from cloud.portfolio.models import Site
from cloud.service.models import Report, WorkOrder

VIEWS = Views()
ONE = ORDERS + "/{order_id}/invoice"
INVOICES = "/portal/invoices"
TIMES = "\N{MULTIPLICATION SIGN}"
_MANY = re.compile(rf"(\d{{1,6}}(?:\.\d{{1,2}})?) {TIMES} (.*)", re.DOTALL)
_COUNT = re.compile(r"\d{1,6}(?:\.\d{1,2})?", re.ASCII)
_PARTS = ("kind", "words", "many", "amount", "at", "exact")

LACKING: Mapping[str, tuple[str, str]] = {
    "missing_invoice_number": ("Give the invoice a number", "number"),
    "missing_customer_name": ("Name the customer", "customer"),
    "missing_site_address": ("Give the address of the home", "address"),
    "missing_description": ("Say what was done", "description"),
    "missing_service_dates": ("Say when each line was performed", "lines"),
    "missing_time": ("Say when each line was performed", "lines"),
    "missing_cost_breakdown": ("Write at least one line", "lines"),
    "invalid_amount": ("Give every line an amount above zero", "lines"),
    "total_mismatch": ("Give every line an amount above zero", "lines"),
    "unknown_cost_category": (
        "Say of every line whether it is labor, materials or travel",
        "lines",
    ),
    "missing_photos": ("The report shows no photo: send one with it", "report"),
    "report_incomplete": ("The report of the visit is not there yet: send it first", "report"),
    "work_order_number_mismatch": ("This draft was written for another work order", "number"),
    "duplicate_invoice_number": ("This number was used before: give it another one", "number"),
    "work_before_authorization": ("A line was performed before the work was yours", "lines"),
    "work_after_departure": ("A line was performed after the technician had left", "lines"),
    "covered_by_workmanship_warranty": (
        "The cause was found to be your own workmanship, which is not reimbursed: "
        "you can dispute the finding",
        "finding",
    ),
    "prior_approval_missing": (
        "The work order comes to more than its limit: no written approval is there",
        "spend",
    ),
    "prior_approval_late": ("The written approval came after the work was performed", "spend"),
    "prior_approval_insufficient": ("It comes to more than what was approved in writing", "spend"),
}
"""What stands against an invoice -> what to do, and the field or the page where that is done."""
_ORDER = ("number", "customer", "address", "description", "lines", "report", "spend", "finding")


@dataclass(frozen=True, slots=True)
class Row:
    """A line as its form holds it.

    Attributes:
        exact: the instant behind `at`, which shows no seconds: a line that nobody changed stays
            the same line.
    """

    kind: str = "labor"
    words: str = ""
    many: str = ""
    amount: str = ""
    at: str = ""
    exact: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written into it that tells of a cost."""
        return not (self.words or self.amount or self.many)


@dataclass(frozen=True, slots=True)
class Written:
    """An invoice as its form holds it.

    Attributes:
        draft_id: the kept draft, or the invoice that came back, that it was opened from.
        is_fixed: the number stays, for it is an invoice that came back. The books say so, not the
            form.
    """

    number: str = ""
    customer: str = ""
    address: str = ""
    description: str = ""
    rows: tuple[Row, ...] = ()
    draft_id: str = ""
    is_fixed: bool = False


# ---- pages ---------------------------------------------------------------------------------------


@VIEWS.get(ONE, EVERYBODY)
def form(ask: Ask) -> Answer:
    """Show the form: an invoice that came back, a draft that was kept, or an empty one.

    What a link names is what is opened, and nothing else in its place.
    """
    order = _own(ask)
    opened = _opened(ask, order)
    return opened if isinstance(opened, Go) else _page(ask, order, opened)


@VIEWS.post(ONE, EVERYBODY)
def write(ask: Ask) -> Answer:
    """Keep what was written, and send it where that is asked; nothing that was typed is lost."""
    order = _own(ask)
    typed, written = Typed(ask.form), _held(ask, order, written_in(ask.form))
    if ask.form["deed"] == "more":
        if len(written.rows) < MOST_LINES:
            return _page(ask, order, written, rows=(*written.rows, _blank(order)))
        typed.is_wrong("", f"An invoice has at most {MOST_LINES} lines: write a second one.")
        return _page(ask, order, written, typed=typed.as_typed, status=422)
    draft = draft_of(ask, order, written, typed)
    common = {"partner_id": ask.partner_id, **ask.acting()}
    if typed.as_typed is not None:
        return _page(ask, order, written, typed=typed.as_typed, status=422)
    if not draft.invoice_number:
        typed.is_wrong("number", "Give it a number: your own, that no other invoice has.")
        return _page(ask, order, written, typed=typed.as_typed, status=422)
    if ask.form["deed"] != "send":
        kept = process.save_draft(ask.records, draft=draft, **common)
        if isinstance(kept, Refused):
            typed.is_wrong("number", _said(kept))
            return _page(ask, order, written, typed=typed.as_typed, status=422)
        _give_up_former(ask, written, kept.id)
        to = f"{ORDERS}/{order.id}/invoice?" + urlencode({"draft": kept.id})
        return Go(to, said="The draft is kept.")
    answer = process.submit(ask.records, draft=draft, work_order_id=order.id, **common)
    if isinstance(answer, Rejected):
        kept = process.save_draft(ask.records, draft=draft, **common)
        is_kept = not isinstance(kept, Refused)
        says = f"It cannot be sent yet (rule {answer.rule})."
        typed.is_wrong("", says + (" It is kept as a draft." if is_kept else ""))
        return _page(ask, order, written, typed=typed.as_typed, status=422)
    _give_up_former(ask, written, answer.id)
    return Go(f"{INVOICES}/{answer.id}", said=f"Invoice {answer.content.number} is sent.")


@VIEWS.post(ONE + "/check", EVERYBODY)
def check(ask: Ask) -> Part:
    """Say what an invoice would come to as it is typed so far; nothing is kept."""
    order = _own(ask)
    written = _held(ask, order, written_in(ask.form))
    return Part("partner/invoice_check.html", _outlook(ask, order, written))


# ---- what is written -----------------------------------------------------------------------------


def written_in(form: Form) -> Written:
    """Give the invoice as a form holds it, rows in their order; none is left out."""
    places = sorted(
        {
            int(number)
            for name in form.fields
            for part in _PARTS
            if (number := name.removeprefix(f"{part}_")) != name
            and number.isascii()
            and number.isdecimal()
            and len(number) < 4
        }
    )
    rows = tuple(Row(*(form[f"{part}_{place}"] for part in _PARTS)) for place in places)
    return Written(
        number=form["number"],
        customer=form["customer"],
        address=form["address"],
        description=form["description"],
        rows=rows,
        draft_id=form["draft"],
    )


def draft_of(ask: Ask, order: WorkOrder, written: Written, typed: Typed) -> InvoiceDraft:
    """Give what the rules judge; what cannot be read, or is too long, is noted at its field.

    What is too long is as long for a partner's program (`cloud.invoicing.completeness`), and
    nothing of it is cut.
    """
    for name in ("number", "customer", "address"):
        typed.text(name, most=LONGEST_NAME)
    typed.text("description", most=LONGEST_TEXT)
    lines, days = [], set[date]()
    for place, row in enumerate(written.rows):
        if row.is_empty:
            continue
        single = Typed(Form({name: (getattr(row, name),) for name in _PARTS}))
        amount = single.amount("amount")
        at = _exact(row, order) or single.moment("at", order.time_zone)
        for name, says in (single.as_typed.wrong if single.as_typed else {}).items():
            typed.is_wrong(f"{name}_{place}", says)
        if row.many and not _COUNT.fullmatch(row.many):
            typed.is_wrong(f"many_{place}", "Write how many there are, like 3 or 2.5.")
        if at is not None:
            days.add(at.astimezone(ZoneInfo(order.time_zone)).date())
        told = f"{row.many} {TIMES} {row.words}" if row.many else row.words
        if len(told) > LONGEST_TEXT:
            typed.is_wrong(f"words_{place}", too_long(told, LONGEST_TEXT))
        lines.append(DraftLine(row.kind, told, None if amount is None else amount.cents, at))
    if len(lines) > MOST_LINES:
        says = f"An invoice has at most {MOST_LINES} lines, and this one has {len(lines)}"
        typed.is_wrong("", f"{says}: put some into a second one.")
    cents = [one.amount_cents for one in lines if one.amount_cents is not None]
    return InvoiceDraft(
        invoice_number=written.number,
        customer_name=written.customer,
        site_address=written.address,
        work_order_number=order.id,
        service_dates=tuple(sorted(days)),
        description=written.description,
        photo_count=_photos(ask, order),
        lines=tuple(lines),
        total_cents=sum(cents) if len(cents) == len(lines) else None,
    )


def _exact(row: Row, order: WorkOrder) -> datetime | None:
    """Give the instant that a line had before, where its time was not changed."""
    try:
        found = datetime.fromisoformat(row.exact)
    except ValueError:
        return None
    is_same = found.tzinfo is not None and clock_text(found, order.time_zone) == row.at
    return found if is_same else None


def _photos(ask: Ask, order: WorkOrder) -> int:
    """Give how many photos the report shows: they go with the invoice (I-65)."""
    report = _report(ask, order)
    if report is None:
        return 0
    return len(report.content.as_found.photos) + len(report.content.as_departed.photos)


def _report(ask: Ask, order: WorkOrder) -> Report | None:
    found = ask.records.load(Report, order.report_id) if order.report_id else None
    return found.record if found else None


# ---- what it is opened from ----------------------------------------------------------------------


def _opened(ask: Ask, order: WorkOrder) -> Written | Go:
    """Give what to go on with: what a link names, what came back, the latest draft, or nothing."""
    if name := ask.query.get("correct", ""):
        invoice = own(ask, Invoice, name).record
        _require_of(order, invoice.work_order_id)
        return _correction(ask, order, invoice)
    if name := ask.query.get("draft", ""):
        draft = own(ask, SavedDraft, name).record
        _require_of(order, draft.work_order_id)
        return _named_draft(ask, order, draft)
    if name := ask.query.get("like", ""):
        earlier = own(ask, Invoice, name).record
        _require_of(order, earlier.work_order_id)
        return _of_content(earlier.content, order)
    if ask.query.get("new", "") == "yes":
        return _empty(ask, order)
    kept = [
        one.record
        for one in ask.records.find(SavedDraft, by="work_order_id", value=order.id)
        if one.record.partner_id == ask.partner_id and one.record.state is DraftState.OPEN
    ]
    latest = max(kept, key=lambda one: one.saved_at, default=None)
    if latest is not None:
        return _of_draft(latest, order, is_fixed=_returned(ask, order, latest.id) is not None)
    back = [
        one.record
        for one in ask.records.find(Invoice, by="work_order_id", value=order.id)
        if one.record.partner_id == ask.partner_id and one.record.state is InvoiceState.RETURNED
    ]
    if back:
        return _correction(ask, order, max(back, key=lambda one: one.returned[-1].since))
    return _empty(ask, order)


def _require_of(order: WorkOrder, work_order_id: str) -> None:
    if work_order_id != order.id:
        raise Absent


def _correction(ask: Ask, order: WorkOrder, invoice: Invoice) -> Written | Go:
    """Give an invoice that came back to be gone on with: as it was kept since, or as it was sent.

    One that is not back any more is looked at instead.
    """
    if invoice.state is not InvoiceState.RETURNED:
        return Go(f"{INVOICES}/{invoice.id}")
    draft = ask.records.load(SavedDraft, invoice.id)
    if draft is not None and draft.record.state is DraftState.OPEN:
        return _of_draft(draft.record, order, is_fixed=True)
    written = _of_content(invoice.content, order, number=invoice.content.number)
    return replace(written, draft_id=invoice.id, is_fixed=True)


def _named_draft(ask: Ask, order: WorkOrder, draft: SavedDraft) -> Written | Go:
    """Give a draft that a link names; where it was sent, the way to its invoice."""
    if draft.state is DraftState.OPEN:
        is_fixed = _returned(ask, order, draft.id) is not None
        return _of_draft(draft, order, is_fixed=is_fixed)
    if draft.state is DraftState.SUBMITTED:
        return Go(f"{INVOICES}/{draft.id}")
    number = draft.content.invoice_number
    said = f"The draft of invoice {number} was given up. Here is what there is now."
    return Go(f"{ORDERS}/{order.id}/invoice", said=said)


def _returned(ask: Ask, order: WorkOrder, invoice_id: str) -> Invoice | None:
    """Give an invoice of this work order that is back with its partner, None where it is not."""
    found = ask.records.load(Invoice, invoice_id) if invoice_id else None
    if found is None or found.record.state is not InvoiceState.RETURNED:
        return None
    invoice = found.record
    is_own = invoice.partner_id == ask.partner_id and invoice.work_order_id == order.id
    return invoice if is_own else None


def _held(ask: Ask, order: WorkOrder, written: Written) -> Written:
    """Give what was written with the number of the invoice that came back, where it is one."""
    back = _returned(ask, order, written.draft_id)
    return replace(written, number=back.content.number, is_fixed=True) if back else written


def _of_draft(draft: SavedDraft, order: WorkOrder, *, is_fixed: bool = False) -> Written:
    told = draft.content
    rows = tuple(
        _row(
            one.category,
            one.description,
            one.amount if isinstance(one.amount_cents, int) else None,
            one.performed_at,
            order,
        )
        for one in told.lines
    )
    return Written(
        told.invoice_number,
        told.customer_name,
        told.site_address,
        told.description,
        rows,
        draft.id,
        is_fixed,
    )


def _of_content(content: InvoiceContent, order: WorkOrder, *, number: str = "") -> Written:
    rows = tuple(
        _row(one.category, one.description, one.amount, one.performed_at, order)
        for one in content.lines
    )
    return Written(
        number,
        content.customer_name,
        content.site_address,
        content.description,
        rows,
    )


def _row(kind: str, said: str, amount: Money | None, at: datetime | None, order: WorkOrder) -> Row:
    met = _MANY.fullmatch(said)
    many, told = met.groups() if met else ("", said)
    shown = "" if amount is None else str(amount).removeprefix("$")
    if at is None:
        return Row(kind, told, many, shown)
    return Row(kind, told, many, shown, clock_text(at, order.time_zone), at.isoformat())


def _empty(ask: Ask, order: WorkOrder) -> Written:
    site = ask.records.load(Site, order.site_id)
    is_shown = site is not None and order.customer_hidden_at is None
    report = _report(ask, order)
    return Written(
        customer=site.record.customer_name if site and is_shown else "",
        address=site.record.address if site and is_shown else "",
        description=report.content.summary if report else "",
        rows=(_blank(order),),
    )


def _blank(order: WorkOrder) -> Row:
    """Give a line to be written: it was performed when the technician was there last."""
    at = order.departed_at
    return Row(at=clock_text(at, order.time_zone) if at else "")


# ---- what the page shows -------------------------------------------------------------------------


def _page(
    ask: Ask,
    order: WorkOrder,
    written: Written,
    *,
    rows: Sequence[Row] = (),
    typed: AsTyped | None = None,
    status: int = 200,
) -> Page:
    choices = [(one, words(one)) for one in COST_CATEGORIES.on(order.policy_day)]
    shows = {
        **_outlook(ask, order, written),
        "written": written,
        "rows": rows or written.rows or (_blank(order),),
        "blank": _blank(order),
        "kinds": choices,
        "longest": LONGEST_TEXT,
        "most_lines": MOST_LINES,
        "typed": typed,
        "photos": _photos(ask, order),
    }
    return Page("partner/invoice_form.html", f"Invoice for {order.id}", shows, status)


def _outlook(ask: Ask, order: WorkOrder, written: Written) -> dict[str, object]:
    draft = draft_of(ask, order, written, Typed(Form()))
    found = process.outlook(
        ask.records, partner_id=ask.partner_id, draft=draft, work_order_id=order.id
    )
    errors = set(found.verdict.errors)
    if not draft.invoice_number:
        errors.add("missing_invoice_number")
    if "missing_cost_breakdown" in errors:
        errors -= {"missing_service_dates", "total_mismatch"}
    if any(one.performed_at is None for one in draft.lines):
        errors = {*errors, "missing_time"} - {"missing_service_dates"}
    told = dict.fromkeys(LACKING.get(one, (words(one), "number")) for one in sorted(errors))
    lacking = sorted(told, key=lambda it: _ORDER.index(it[1]))
    to = f"{ORDERS}/{order.id}"
    links = {
        "report": f"{to}/report",
        "spend": f"{to}/spend",
        "finding": "/portal/back_bills/disputes/new?"
        + urlencode({"kind": "finding", "work_order": order.id}),
    }
    return {
        "order": order,
        "outlook": found,
        "lacking": [(says, links.get(place, f"#{place}")) for says, place in lacking],
        "number_id": invoice_id_of(ask.partner_id, draft.invoice_number),
    }


def _own(ask: Ask) -> WorkOrder:
    """Give the work order; an invoice is only of who has it.

    Raises:
        Absent: it is not, or not any more, the partner's.
    """
    stored, lost = own_order(ask, ask.names["order_id"])
    if lost is not None:
        raise Absent
    return stored.record


def _give_up_former(ask: Ask, written: Written, kept_id: str) -> None:
    """Let the draft go that was opened under another number: what was written is kept anew."""
    former = ask.records.load(SavedDraft, written.draft_id) if written.draft_id else None
    if former is None or former.record.partner_id != ask.partner_id or written.draft_id == kept_id:
        return
    if former.record.state is DraftState.OPEN:
        process.discard_draft(
            ask.records, draft_id=written.draft_id, partner_id=ask.partner_id, **ask.acting()
        )


def _said(refused: Refused) -> str:
    return f"{refused.because[:1].upper()}{refused.because[1:]} (rule {refused.rule})."
