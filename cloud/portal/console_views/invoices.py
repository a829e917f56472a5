"""Spend and invoices: what waits for somebody's leave, and each invoice beside what was agreed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloud.invoicing import process as invoicing
from cloud.invoicing.approval import SPC_QUEUE, needs_second
from cloud.invoicing.billing import BackBilling, BillableParty, customers_lines
from cloud.invoicing.models import BackBill, CustomerCharge, Invoice, InvoiceState
from cloud.invoicing.policy import SECOND_APPROVAL_CENTS
from cloud.invoicing.process.books import bill_id, load_spend
from cloud.invoicing.process.submission import due_of
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import require
from cloud.portal.as_shown import decided
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, done, linked
from cloud.portal.console_views.money_desk import (
    ROWS,
    Leafed,
    Shown,
    everywhere,
    leafed,
    one_of,
    partner_names,
    shown,
    told,
)
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.models import Site
from cloud.reporting.approval_desk import (
    SETTLED,
    InvoiceRow,
    invoice_rows,
    lines_of,
    settled_rows,
    spend_request_of,
    spend_requests,
)
from cloud.reporting.roles import ACCOUNTING, AMS, AUDITOR, RM, SPC
from cloud.reporting.shown_to_decide import invoice_shown, order_shown
from cloud.service import process as service
from cloud.service.models import Cause, Report, WorkOrder

VIEWS = Views()
HERE = "/console/invoices"
SPEND = HERE + "/spend"
READERS = (SPC, RM, ACCOUNTING, AUDITOR)
SPEND_READERS = (SPC, AMS, AUDITOR)
STATES: Mapping[str, str] = {
    "submitted": "Wait for a decision",
    "returned": "Back with the partner",
    "approved": "Approved, not paid yet",
    "paid": "Paid",
    "rejected": "Rejected",
    "void": "Void",
}
PARTIES = {
    BillableParty.OWNER: "We pay",
    BillableParty.CUSTOMER: "The customer pays",
    BillableParty.ORIGINAL_INSTALLER: "The original installer pays",
}
BACK_BILLED = {
    BackBilling.YES: "back-billed",
    BackBilling.PENDING: "back-billed if it is workmanship",
    BackBilling.NO: "",
}
LACKS = {
    "prior_approval_missing": "No written approval",
    "prior_approval_late": "Approved only after the work",
    "prior_approval_insufficient": "Above what was approved",
}
"""What a line above the limit lacks (I-62)."""
WARNINGS = {
    "customer_name_differs": "The customer's name is another than the one on record.",
    "site_address_differs": "The address is another than the one on record.",
}
_MOST = Money(10**9)
"""No approval goes above it; a longer number is a slip of the hand."""
_CERTAIN = frozenset({InvoiceState.APPROVED, InvoiceState.PAID})


# ---- the lists -----------------------------------------------------------------------------------


@VIEWS.get(HERE, *READERS)
def what_waits(ask: Ask) -> Page:
    """Show the requests to spend and the invoices in one state, what is due first on top."""
    state = one_of(ask, "state", STATES) or "submitted"
    names = partner_names(ask)
    wanted, partner_id = ask.query.get("q", "").strip()[:100], one_of(ask, "partner", names)
    asked: dict[str, Any] = {"state": state, "q": wanted, "partner": partner_id}

    def is_wanted(invoice: Invoice) -> bool:
        return partner_id in {"", invoice.partner_id} and _says(invoice, wanted)

    page: Shown | Leafed
    if InvoiceState(state) in SETTLED:
        settled = settled_rows(
            ask.records,
            InvoiceState(state),
            keeps=is_wanted if wanted or partner_id else None,
            most=ROWS,
            after=ask.query.get("after", ""),
        )
        rows: Sequence[InvoiceRow] = settled.found
        page = leafed(ask, settled, **asked)
    else:
        found = invoice_rows(ask.records, InvoiceState(state))
        rows = [row for row in found if is_wanted(row.invoice)]
        page = shown(ask, rows, **asked)
    sees_spend = bool(ask.visitor.roles & {*SPEND_READERS})
    requests = spend_requests(ask.records) if sees_spend else ()
    waits = state == "submitted"
    return Page(
        "console/invoices.html",
        "Spend and invoices",
        {
            **everywhere(ask),
            "page": page,
            "is_counted": isinstance(page, Shown),
            "requests": requests,
            "sees_spend": sees_spend,
            "sees_charges": bool(ask.visitor.roles & {SPC, ACCOUNTING, AUDITOR}),
            "sum": sum((row.invoice.content.total for row in rows), ZERO),
            "late": sum(waits and row.due_at is not None and row.due_at < ask.at for row in rows),
            "state": state,
            "states": [
                (says, linked(HERE, state=name, q=wanted, partner=partner_id), name == state, None)
                for name, says in STATES.items()
            ],
            "says": STATES,
            "wanted": wanted,
            "partner_id": partner_id,
            "names": names,
            "queue": SPC_QUEUE,
        },
    )


def _says(invoice: Invoice, wanted: str) -> bool:
    """Tell whether an invoice is what somebody looks for: by number, work order, home or words."""
    told = (
        invoice.id,
        invoice.content.number,
        invoice.work_order_id,
        invoice.site_id,
        invoice.content.customer_name,
        invoice.content.site_address,
    )
    return any(wanted.casefold() in one.casefold() for one in told)


# ---- leave to spend ------------------------------------------------------------------------------


@VIEWS.get(SPEND + "/{order_id}", *SPEND_READERS)
def one_request(ask: Ask) -> Page:
    """Show what a partner wants to spend, beside what it may (I-61, I-62)."""
    return _request(ask, _order(ask))


def _order(ask: Ask) -> WorkOrder:
    found = ask.records.load(WorkOrder, ask.names["order_id"])
    if found is None:
        raise Absent
    return found.record


def _request(ask: Ask, order: WorkOrder, typed: AsTyped | None = None, form: str = "") -> Page:
    request = spend_request_of(order)
    site = ask.records.load(Site, order.site_id)
    log = [one for one in ask.log(order.id, of="work_order") if one.what.startswith("spend_")]
    return Page(
        "console/spend.html",
        f"Spending on {order.id}",
        {
            **everywhere(ask),
            "order": order,
            "request": request,
            "estimate": order.assignments[-1].estimate if order.assignments else None,
            "site": site.record if site is not None else None,
            "names": partner_names(ask),
            "log": log,
            "typed": typed,
            "form": form,
            "may_decide": SPC in ask.visitor.roles and request is not None,
            "mark": order_shown(ask.records, order.id).mark(ask.at),
            "is_own": order.first_spend_approval is not None
            and order.first_spend_approval.by == ask.by,
            "start": f"{request.amount}".lstrip("$") if request and request.amount else "",
            "here": HERE,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(SPEND + "/{order_id}/approve", SPC)
def approve_spend(ask: Ask) -> Answer:
    """Approve in writing, before the work, what may be spent (I-62)."""
    order, typed = _order(ask), Typed(ask.form)
    amount = typed.amount("max_total", "Write up to how much in all.")
    if amount is not None and amount > _MOST:
        typed.is_wrong("max_total", f"At most {_MOST} can be approved here.")
    if amount is None or typed.as_typed:
        return _request(ask, order, typed.as_typed, "approve")
    answer = decided(
        ask,
        order_shown(ask.records, order.id),
        lambda records: service.approve_spend(
            records, work_order_id=order.id, max_total=amount, is_written=True, **ask.acting()
        ),
    )
    if isinstance(answer, Refused):
        return _request(ask, order, typed.refused(told(answer)), "approve")
    said = f"Up to {amount} may be spent on {order.id}. The partner is told in writing."
    if answer.first_spend_approval is not None:
        said = "Your approval is the first of two. Somebody else gives the second."
    return Go(f"{SPEND}/{order.id}", said=said)


@VIEWS.post(SPEND + "/{order_id}/reject", SPC)
def reject_spend(ask: Ask) -> Answer:
    """Refuse leave to spend more; the partner is told why (I-62)."""
    order, typed = _order(ask), Typed(ask.form)
    reason = typed.text("reject_reason", "Say why: the partner is told it.")
    if typed.as_typed:
        return _request(ask, order, typed.as_typed, "reject")
    answer = decided(
        ask,
        order_shown(ask.records, order.id),
        lambda records: service.reject_spend(
            records, work_order_id=order.id, reason=reason, **ask.acting()
        ),
    )
    if isinstance(answer, Refused):
        return _request(ask, order, typed.refused(told(answer)), "reject")
    return Go(f"{SPEND}/{order.id}", said="It is refused. The partner is told why.")


# ---- one invoice ---------------------------------------------------------------------------------


@VIEWS.get(HERE + "/{invoice_id}", *READERS)
def one_invoice(ask: Ask) -> Page:
    """Show an invoice: its lines beside report and approvals, what stands against it, who pays."""
    return _one(ask)


def _one(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    found = ask.records.load(Invoice, ask.names["invoice_id"])
    if found is None:
        raise Absent
    invoice = found.record
    order = require(
        ask.records.load(WorkOrder, invoice.work_order_id), "work order", invoice.work_order_id
    ).record
    spend = load_spend(ask.records, order.id).record
    report = ask.records.load(Report, order.report_id) if order.report_id else None
    site = ask.records.load(Site, invoice.site_id)
    bill = ask.records.load(BackBill, bill_id(order.id))
    charge = ask.records.load(CustomerCharge, derived("CC", invoice.id))
    against = _against(ask, invoice)
    limit = SECOND_APPROVAL_CENTS.on(order.policy_day)
    counted = {one.invoice_id for one in spend.spent}
    shows: dict[str, Any] = {
        **everywhere(ask),
        "invoice": invoice,
        "order": order,
        "lines": lines_of(invoice, order, spend),
        "others": [one for one in spend.spent if one.invoice_id != invoice.id] if counted else [],
        "report": report.record if report is not None else None,
        "site": site.record if site is not None else None,
        "bill": bill.record if bill is not None else None,
        "charge": charge.record if charge is not None else None,
        "to_charge": customers_lines(invoice, order) if invoice.state in _CERTAIN else (),
        "against": against,
        "forms": _forms(ask, invoice),
        "mark": invoice_shown(ask.records, invoice.id).mark(ask.at),
        "due_at": due_of(invoice, order) if invoice.state is InvoiceState.SUBMITTED else None,
        "needs_two": needs_second(invoice.content.total, above_cents=limit),
        "two_above": None if limit is None else Money(limit),
        "names": partner_names(ask),
        "log": ask.log(invoice.id, of="invoice"),
        "says": STATES,
        "parties": PARTIES,
        "back_billed": BACK_BILLED,
        "lacks": LACKS,
        "warnings": WARNINGS,
        "causes": [(str(one), one.replace("_", " ").capitalize()) for one in Cause],
        "queue": SPC_QUEUE,
        "photos": sum(one.kind == "photo" for one in invoice.papers),
        "typed": typed,
        "form": form,
        "to": f"{HERE}/{invoice.id}",
        "here": HERE,
    }
    title = f"Invoice {invoice.content.number}"
    return Page("console/invoice.html", title, shows, 422 if typed else 200)


def _against(ask: Ask, invoice: Invoice) -> tuple[Refused, ...]:
    """Give what stands against this person's approval; of who does not decide, against any."""
    if invoice.state is not InvoiceState.SUBMITTED:
        return ()
    by = ask.by if SPC in ask.visitor.roles else invoice.routed_to
    return invoicing.objections(ask.records, invoice_id=invoice.id, by=by)


def _forms(ask: Ask, invoice: Invoice) -> Mapping[str, bool]:
    """Tell what this person may do to it as it stands."""
    decides = SPC in ask.visitor.roles
    waits = invoice.state is InvoiceState.SUBMITTED
    return {
        "decide": decides and waits,
        "reject": decides and invoice.state in {InvoiceState.SUBMITTED, InvoiceState.RETURNED},
        "escalate": decides and waits and invoice.escalated_at is None,
        "causes": decides and (waits or invoice.state in _CERTAIN),
        "charge": decides and invoice.state in _CERTAIN,
        "void": ACCOUNTING in ask.visitor.roles
        and invoice.state is InvoiceState.APPROVED
        and invoice.void_requested_at is None,
    }


@VIEWS.post(HERE + "/{invoice_id}/approve", SPC)
def approve(ask: Ask) -> Answer:
    """Approve an invoice; never by who submitted it, above a limit by two people (I-66, I-66b)."""
    invoice_id = ask.names["invoice_id"]
    answer = _decided(ask, invoicing.approve)
    said = "It is approved, and goes to the next funding run."
    if isinstance(answer, Invoice) and answer.state is InvoiceState.SUBMITTED:
        said = "Your approval is the first of two. Somebody else gives the second."
    return done(answer, to=f"{HERE}/{invoice_id}", said=said)


@VIEWS.post(HERE + "/{invoice_id}/return", SPC)
def give_back(ask: Ask) -> Answer:
    """Give an invoice back to the partner; the clock of the decision stands meanwhile (I-66)."""
    typed = Typed(ask.form)
    reason = typed.text("return_reason", "Say what is to be corrected: the partner is told it.")
    if typed.as_typed:
        return _one(ask, typed.as_typed, "return")
    answer = _decided(ask, invoicing.return_to_partner, reason=reason)
    return _after(ask, answer, typed, "return", "It is back with the partner, who is told why.")


@VIEWS.post(HERE + "/{invoice_id}/reject", SPC)
def reject(ask: Ask) -> Answer:
    """Reject an invoice; the partner is told why (I-64)."""
    typed = Typed(ask.form)
    reason = typed.text("reject_reason", "Say why: the partner is told it.")
    if typed.as_typed:
        return _one(ask, typed.as_typed, "reject")
    answer = _decided(ask, invoicing.reject, reason=reason)
    return _after(ask, answer, typed, "reject", "It is rejected. The partner is told why.")


@VIEWS.post(HERE + "/{invoice_id}/escalate", SPC)
def escalate(ask: Ask) -> Answer:
    """Take an invoice to the relationship manager, at any time (I-69)."""
    invoice_id = ask.names["invoice_id"]
    answer = invoicing.escalate_by_coordinator(ask.records, invoice_id=invoice_id, **ask.acting())
    said = "The relationship manager is told of it. It still waits for a decision."
    return done(answer, to=f"{HERE}/{invoice_id}", said=said)


@VIEWS.post(HERE + "/{invoice_id}/void", ACCOUNTING)
def void(ask: Ask) -> Answer:
    """Ask the funding runs not to pay an approved invoice (I-64)."""
    typed = Typed(ask.form)
    reason = typed.text("void_reason", "Say why: the partner is told it.")
    if typed.as_typed:
        return _one(ask, typed.as_typed, "void")
    answer = _decided(ask, invoicing.request_void, reason=reason)
    said = "It is asked for. The invoice is void unless a run has taken it already."
    return _after(ask, answer, typed, "void", said)


@VIEWS.post(HERE + "/{invoice_id}/line_causes", SPC)
def find_causes(ask: Ask) -> Answer:
    """Note the cause of single lines; the work order's holds for the others (B-52)."""
    typed, causes = Typed(ask.form), {}
    known = {str(one): one for one in Cause}
    for name in ask.form.fields:
        place = name.removeprefix("cause_")
        if name.startswith("cause_") and place.isascii() and place.isdigit() and ask.form[name]:
            said = typed.one_of(name, known, "Choose one of the causes.")
            if said in known and len(place) < 5:
                causes[int(place)] = known[said]
    evidence = typed.text("evidence", "Say what it rests on.")
    if not causes:
        typed.is_wrong("", "Choose a cause for one line at least.")
    if typed.as_typed:
        return _one(ask, typed.as_typed, "causes")
    answer = _decided(ask, invoicing.record_line_causes, causes=causes, evidence=evidence)
    said = "It is noted. What is claimed back or charged follows from it."
    return _after(ask, answer, typed, "causes", said)


@VIEWS.post(HERE + "/{invoice_id}/customer_charge", SPC)
def propose_charge(ask: Ask) -> Answer:
    """Propose to charge the customer the lines that are its to bear (B-52)."""
    typed = Typed(ask.form)
    evidence = typed.text("charge_evidence", "Say what it rests on: a charge needs evidence.")
    if typed.as_typed:
        return _one(ask, typed.as_typed, "charge")
    answer = _decided(ask, invoicing.propose_charge, evidence=evidence)
    said = "It is proposed. Another coordinator approves it before the customer hears of it."
    return _after(ask, answer, typed, "charge", said)


def _decided(ask: Ask, deed: Callable[..., Any], **said: Any) -> Any:
    """Do a deed to the invoice of the path, as the page showed it (D09a)."""
    invoice_id = ask.names["invoice_id"]
    return decided(
        ask,
        invoice_shown(ask.records, invoice_id),
        lambda records: deed(records, invoice_id=invoice_id, **said, **ask.acting()),
    )


def _after(ask: Ask, answer: object, typed: Typed, form: str, said: str) -> Answer:
    """Give the invoice's page again: with what was done, or with the refusal in the form."""
    if isinstance(answer, Refused):
        return _one(ask, typed.refused(told(answer)), form)
    return Go(f"{HERE}/{ask.names['invoice_id']}", said=said)
