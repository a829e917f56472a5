"""Invoices: the list with what was not invoiced yet, one with its way, and what is done to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from cloud.invoicing import process
from cloud.invoicing.approval import SPC_QUEUE, escalates_to
from cloud.invoicing.models import Dispute, Invoice, InvoiceState, SavedDraft
from cloud.invoicing.process.submission import due_of
from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.money import ZERO, total
from cloud.portal.asking import Absent, Ask, Go, Page, done
from cloud.portal.partner_views.money_of import Shown, shown
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.typed import Typed
from cloud.portal.whose import ADMIN, own
from cloud.reporting import partner_desk
from cloud.service.models import Coordinator, WorkOrder

VIEWS = Views()
HERE = "/portal/invoices"
ORDERS = "/portal/work_orders"
ONE = HERE + "/{invoice_id}"

STATES: Mapping[str, str] = {
    "submitted": "Waits for a decision",
    "returned": "Came back to you",
    "approved": "Approved",
    "rejected": "Refused",
    "paid": "Paid",
    "void": "Taken back",
}
"""State -> what partners call it."""
WARNINGS: Mapping[str, str] = {
    "customer_name_differs": "The customer's name differs from the one on record.",
    "site_address_differs": "The address differs from the one on record.",
}
_HAPPENED: Mapping[str, str] = {
    "draft_saved": "A draft was kept",
    "draft_discarded": "The draft was given up",
    "submitted": "You sent it",
    "lowered": "You lowered it",
    "returned": "It came back",
    "approved": "It was approved",
    "rejected": "It was refused",
    "withdrawn": "You took it back",
    "escalated": "It went to the relationship manager, for no decision came in time",
    "reopened": "It is decided on again after a dispute",
    "paid": "It was paid",
    "payment_returned": "The payment came back from the bank",
    "void_requested": "We asked for it not to be paid",
    "void_too_late": "It was paid before it could be voided",
    "voided": "It was voided",
}
"""What the log has of an invoice, in a partner's words; the rest is ours."""
_OPEN = frozenset({InvoiceState.SUBMITTED, InvoiceState.RETURNED})
_PLACES = {state: place for place, state in enumerate(("returned", "submitted", "rejected"))}


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of the log in a partner's words."""

    says: str
    at: datetime
    by: str
    rule: str
    what: str


@VIEWS.get(HERE, EVERYBODY)
def invoices(ask: Ask) -> Page:
    """List the invoices, what needs the partner first, with drafts and work not invoiced yet."""
    found = [one.record for one in ask.records.find(Invoice, by="partner_id", value=ask.partner_id)]
    wanted = ask.query.get("state", "")
    wanted = wanted if wanted in STATES else ""
    sought = ask.query.get("q", "").strip()
    rows = sorted(
        (
            one
            for one in found
            if wanted in {"", one.state}
            and sought.casefold() in f"{one.content.number} {one.work_order_id}".casefold()
        ),
        key=_place,
    )
    waiting = partner_desk.desk_of(ask.records, ask.partner_id, at=ask.at).waiting
    page: Shown = shown(ask, rows, state=wanted, q=sought)
    counts = {state: sum(one.state == state for one in found) for state in STATES}
    return Page(
        "partner/invoices.html",
        "Invoices",
        {
            "page": page,
            "states": STATES,
            "filters": [
                ("", "All", len(found)),
                *((state, words, counts[state]) for state, words in STATES.items()),
            ],
            "state": wanted,
            "q": sought,
            "dues": _dues(ask, page.rows),
            "unsent": [one for one in waiting if one.kind == "send_invoice"][:50],
            "drafts": [one for one in waiting if one.kind == "finish_draft"][:50],
            "in_doubt": total(one.content.total for one in found if one.state in _OPEN),
        },
    )


@VIEWS.get(HERE + "/new", EVERYBODY)
def new_invoice(ask: Ask) -> Go:
    """Lead to the form of one work order's invoice."""
    order_id = ask.query.get("work_order", "").strip()
    if not order_id or "/" in order_id:
        raise Absent
    return Go(f"{ORDERS}/{order_id}/invoice")


@VIEWS.get(HERE + "/drafts/{draft_id}", EVERYBODY)
def one_draft(ask: Ask) -> Go:
    """Lead to a kept draft, within the form of its work order."""
    draft = own(ask, SavedDraft, ask.names["draft_id"]).record
    return Go(f"{ORDERS}/{draft.work_order_id}/invoice?" + urlencode({"draft": draft.id}))


@VIEWS.post(HERE + "/drafts/{draft_id}/discard", EVERYBODY)
def discard(ask: Ask) -> Go:
    """Give a draft up; its number is free again."""
    draft_id = ask.names["draft_id"]
    answer = process.discard_draft(
        ask.records, draft_id=draft_id, partner_id=ask.partner_id, **ask.acting()
    )
    return done(answer, to=HERE, said="The draft is given up.")


@VIEWS.get(ONE, EVERYBODY)
def one_invoice(ask: Ask) -> Page:
    """Show one invoice: its lines, who decides by when, and what was paid (I-68)."""
    return _page(ask, own(ask, Invoice, ask.names["invoice_id"]).record)


@VIEWS.post(ONE + "/escalate", EVERYBODY)
def escalate(ask: Ask) -> Go:
    """Take a late decision to the relationship manager (I-69)."""
    invoice_id = ask.names["invoice_id"]
    answer = process.escalate(
        ask.records, invoice_id=invoice_id, partner_id=ask.partner_id, **ask.acting()
    )
    said = "The relationship manager has it now."
    return done(answer, to=f"{HERE}/{invoice_id}", said=said)


@VIEWS.post(ONE + "/withdraw", EVERYBODY)
def withdraw(ask: Ask) -> Go:
    """Take an undecided invoice back; its number stays used (I-64)."""
    invoice_id = ask.names["invoice_id"]
    answer = process.withdraw_invoice(
        ask.records, invoice_id=invoice_id, partner_id=ask.partner_id, **ask.acting()
    )
    return done(answer, to=f"{HERE}/{invoice_id}", said="The invoice is taken back.")


@VIEWS.post(ONE + "/lower", EVERYBODY)
def lower(ask: Ask) -> Page | Go:
    """Take money off the lines of an invoice that waits for its decision (I-67a)."""
    invoice = own(ask, Invoice, ask.names["invoice_id"]).record
    typed = Typed(ask.form)
    was = typed.amount("was") or invoice.content.total
    amounts = [
        typed.amount(f"to_{place}") if ask.form[f"to_{place}"] else line.amount
        for place, line in enumerate(invoice.content.lines)
    ]
    if typed.as_typed is not None:
        return _page(ask, invoice, typed=typed, status=422)
    answer = process.lower_invoice(
        ask.records,
        invoice_id=invoice.id,
        partner_id=ask.partner_id,
        was=was,
        amounts=[one or ZERO for one in amounts],
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        typed.is_wrong(
            "", f"{answer.because[:1].upper()}{answer.because[1:]} (rule {answer.rule})."
        )
        return _page(ask, invoice, typed=typed, status=422)
    return Go(f"{HERE}/{invoice.id}", said="The invoice is lowered.")


# ---- what a page shows ---------------------------------------------------------------------------


def _page(ask: Ask, invoice: Invoice, *, typed: Typed | None = None, status: int = 200) -> Page:
    order = _order(ask, invoice)
    is_ours = order is not None and order.partner_id == ask.partner_id
    due = due_of(invoice, order) if order and invoice.state in _OPEN else None
    is_late = (
        invoice.state is InvoiceState.SUBMITTED
        and escalates_to(due_at=due, now=ask.at) is not None
        and invoice.escalated_at is None
    )
    coordinator = ask.records.load(Coordinator, invoice.routed_to)
    return Page(
        "partner/invoice.html",
        f"Invoice {invoice.content.number}",
        {
            "it": invoice,
            "says": STATES[invoice.state],
            "zone": order.time_zone if order else None,
            "is_ours": is_ours,
            "is_shown": is_ours and order is not None and order.customer_hidden_at is None,
            "due": due,
            "is_late": is_late,
            "is_open": invoice.state in _OPEN,
            "decides": coordinator.record.name if coordinator else _queue(invoice),
            "came_back": [one for one in invoice.returned if one.until is None],
            "may_dispute": not _is_disputed(ask, invoice),
            "warnings": [WARNINGS.get(one, one) for one in invoice.warnings],
            "is_admin": ADMIN in ask.visitor.roles,
            "events": told_of(ask.records.history(invoice.id), invoice),
            "typed": typed.as_typed if typed else None,
        },
        status,
    )


def told_of(log: Sequence[Event], invoice: Invoice) -> Sequence[Told]:
    """Give an invoice's log in a partner's words; who of ours did it is not told by name."""
    found = []
    for event in log:
        says = _HAPPENED.get(event.what)
        if says is None:
            continue
        if event.what in {"returned", "rejected"}:
            _, _, why = event.says.partition(": ")
            says = f"{says}: {why}" if why else says
        if event.what == "lowered":
            says = f"You lowered it {event.says.partition(' was lowered ')[2]}"
        is_own = event.what in {"submitted", "lowered", "withdrawn", "draft_saved"}
        by = event.by if is_own or event.by == invoice.submitted_by else "the owner"
        found.append(Told(says, event.at, by, event.rule, event.what))
    return found


def _order(ask: Ask, invoice: Invoice) -> WorkOrder | None:
    found = ask.records.load(WorkOrder, invoice.work_order_id)
    return found.record if found else None


def _is_disputed(ask: Ask, invoice: Invoice) -> bool:
    """Tell whether the decision that stands was disputed already: each is disputed once (X-85)."""
    last = ask.records.load(Dispute, invoice.disputes[-1]) if invoice.disputes else None
    return last is not None and last.record.opened_at >= (invoice.decided_at or ask.at)


def _queue(invoice: Invoice) -> str:
    return "The coordinators" if invoice.routed_to == SPC_QUEUE else invoice.routed_to


def _dues(ask: Ask, rows: Sequence[Invoice]) -> Mapping[str, tuple[datetime | None, str]]:
    """Give by when each undecided invoice of a page is decided, and the home's zone."""
    waits = [one for one in rows if one.state in _OPEN]
    orders = ask.records.load_all(WorkOrder, sorted({one.work_order_id for one in waits}))
    found = {}
    for one in waits:
        if one.work_order_id in orders:
            order = orders[one.work_order_id].record
            found[one.id] = (due_of(one, order), order.time_zone)
    return found


def _place(invoice: Invoice) -> tuple[int, float]:
    """Put what came back first, then what waits, the oldest first; what is over by its latest."""
    place = _PLACES.get(invoice.state, len(_PLACES))
    moment = (invoice.decided_at or invoice.submitted_at).timestamp()
    return place, moment if place < len(_PLACES) - 1 else -moment
