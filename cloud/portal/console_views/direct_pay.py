"""Direct Pay: vendors, orders, shipments and invoices, and material whose time runs out."""

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.funding.process import direct_pay
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.money import ZERO, Money, total
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, done, linked
from cloud.portal.console_views.money_desk import everywhere, one_of, partner_names, shown, told
from cloud.portal.money_words import NO_VENDOR, WORDS
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.models import Partner, Project, Site
from cloud.reporting.material_desk import (
    MaterialRow,
    billed_rows,
    material_row,
    material_rows,
    to_settle,
    vendors,
)
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, ADMIN, AUDITOR, RM

VIEWS = Views()
HERE = "/console/direct_pay"
VENDORS = HERE + "/vendors"
READERS = (ACCOUNTANT, ACCOUNTING, RM, AUDITOR)
_MOST = Money(10**10)
"""No vendor's invoice goes above it; a longer number is a slip of the hand."""
EASTERN_ZONE = "America/New_York"
"""Orders and shipments are typed as the bank's clocks show them; vendors know days."""
SHOWN: Mapping[str, str] = {
    "": "Clocks that run",
    "ordered": "Not shipped yet",
    "needed": "Invoice missing",
    "all": "All projects",
    "settle": "Invoices to take",
}


@VIEWS.get(HERE, *READERS)
def overview(ask: Ask) -> Page:
    """Show the projects that order through Direct Pay, whose clock ends first on top (F19, F28)."""
    show, names = one_of(ask, "show", tuple(SHOWN)), partner_names(ask)
    partner_id = one_of(ask, "partner", names)
    known = vendors(ask.records)
    rows = [
        row
        for row in material_rows(ask.records, known, at=ask.at)
        if partner_id in {"", row.direct.partner_id}
    ]
    debts = [one for one in to_settle(ask.records) if partner_id in {"", one.partner_id}]
    kept = debts if show == "settle" else [row for row in rows if _is_shown(row, show)]
    page = shown(ask, kept, show=show, partner=partner_id)
    counts = {one: sum(_is_shown(row, one) for row in rows) for one in SHOWN} | {
        "settle": len(debts)
    }
    return Page(
        "console/direct_pay.html",
        "Direct Pay",
        {
            **WORDS,
            **everywhere(ask),
            "page": page,
            "accounts": {} if show == "settle" else _accounts(ask, page.rows),
            "tabs": [
                (says, linked(HERE, show=name, partner=partner_id), name == show, counts[name])
                for name, says in SHOWN.items()
            ],
            "show": show,
            "says": SHOWN[show],
            "red": sum(row.is_red for row in rows),
            "waiting": counts["needed"],
            "to_take": total(one.open for one in debts),
            "vendor_names": {one.id: one.name for one in known},
            "partner_id": partner_id,
            "names": names,
            "today": eastern_day(ask.at),
        },
    )


def _is_shown(row: MaterialRow, show: str) -> bool:
    match show:
        case "":
            return row.limit is not None
        case "ordered":
            return row.direct.is_enrolled and row.direct.shipped_at is None
        case "needed":
            return row.direct.needs_invoice and row.direct.shipped_at is not None
    return True


def _accounts(ask: Ask, rows: Sequence[MaterialRow]) -> dict[str, str]:
    """Give the accounts' names, by the projects' ids."""
    projects = [row.project for row in rows]
    found = ask.records.load_all(Site, sorted({one.site_id for one in projects}))
    return {
        one.id: found[one.site_id].record.customer_name for one in projects if one.site_id in found
    }


# ---- one project ---------------------------------------------------------------------------------


@VIEWS.get(HERE + "/{project_id}", *READERS)
def one_project(ask: Ask) -> Page:
    """Show one project's order, shipment, invoices and clocks (F31)."""
    return _one(ask)


def _project(ask: Ask) -> Project:
    found = ask.records.load(Project, ask.names["project_id"])
    if found is None:
        raise Absent
    return found.record


def _one(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    project = _project(ask)
    direct = direct_pay.standing_of(ask.records, project, at=ask.at).record
    partner = ask.records.load(Partner, project.partner_id)
    org_vendor = partner.record.direct_pay_vendor_id if partner is not None else ""
    site = ask.records.load(Site, project.site_id)
    known = ask.records.load_all(Vendor, sorted({direct.vendor_id, org_vendor} - {""}))
    enters = ACCOUNTANT in ask.visitor.roles and not project.cancelled
    shipped = direct.shipped_at is not None
    billed = billed_rows(ask.records, direct)
    shows: dict[str, Any] = {
        **WORDS,
        **everywhere(ask),
        "project": project,
        "direct": direct,
        "row": material_row(direct, project, at=ask.at),
        "site": site.record if site is not None else None,
        "vendor": known[direct.vendor_id].record if direct.vendor_id in known else None,
        "org_vendor": org_vendor,
        "vendor_names": {name: one.record.name for name, one in known.items()},
        "billed": billed,
        "standing": direct.standing_invoices,
        "void_choices": [
            (one.number, f"{one.number}: {one.amount}") for one in direct.standing_invoices
        ],
        "forms": {
            "choice": enters and not shipped,
            "order": enters and direct.is_enrolled and direct.ordered_at is None,
            "shipment": enters and bool(direct.vendor_id) and not shipped,
            "invoice": enters and bool(direct.vendor_id) and direct.is_enrolled,
            "void": enters and bool(direct.standing_invoices),
        },
        "names": partner_names(ask),
        "log": ask.log(direct.id, of="project"),
        "today": eastern_day(ask.at),
        "to": f"{HERE}/{project.id}",
        "typed": typed,
        "form": form,
        "here": HERE,
    }
    title = f"Direct Pay of {project.id}"
    return Page("console/direct_pay_project.html", title, shows, 422 if typed else 200)


def _direct(ask: Ask, project: Project) -> DirectPay:
    return direct_pay.standing_of(ask.records, project, at=ask.at).record


@VIEWS.post(HERE + "/{project_id}/opt_in", ACCOUNTANT)
def opt_in(ask: Ask) -> Answer:
    """Let a project take part, as its partner asked by mail (F33)."""
    project = _project(ask)
    answer = direct_pay.opt_in(
        ask.records, project_id=project.id, partner_id=project.partner_id, **ask.acting()
    )
    return done(answer, to=f"{HERE}/{project.id}", said="It takes part. The vendor is told.")


@VIEWS.post(HERE + "/{project_id}/opt_out", ACCOUNTANT)
def opt_out(ask: Ask) -> Answer:
    """Let a project leave before the vendor ships, as its partner asked by mail (F33)."""
    project = _project(ask)
    answer = direct_pay.opt_out(
        ask.records, project_id=project.id, partner_id=project.partner_id, **ask.acting()
    )
    said = "It is out. The vendor bills the partner from now on, and is told."
    return done(answer, to=f"{HERE}/{project.id}", said=said)


@VIEWS.post(HERE + "/{project_id}/order", ACCOUNTANT)
def order(ask: Ask) -> Answer:
    """Enter an order that a vendor confirmed by mail (F34)."""
    project, typed = _project(ask), Typed(ask.form)
    number = typed.text("order_number", "Write the order's number.", most=60)
    ordered_at = typed.moment("ordered_at", EASTERN_ZONE, "Say when it was ordered.")
    if ordered_at is None or typed.as_typed:
        return _one(ask, typed.as_typed, "order")
    answer = direct_pay.record_order(
        ask.records,
        vendor_id=_direct(ask, project).vendor_id,
        project_id=project.id,
        order_number=number,
        ordered_at=ordered_at,
        **ask.acting(),
    )
    return _after(ask, answer, typed, "order", "The order is on record.")


@VIEWS.post(HERE + "/{project_id}/shipment", ACCOUNTANT)
def shipment(ask: Ask) -> Answer:
    """Enter a shipment of which a vendor told by mail; its date starts the 14 days (F19)."""
    project, typed = _project(ask), Typed(ask.form)
    shipped_at = typed.moment("shipped_at", EASTERN_ZONE, "Say when it was shipped.")
    if shipped_at is None or typed.as_typed:
        return _one(ask, typed.as_typed, "shipment")
    answer = direct_pay.record_shipment(
        ask.records,
        vendor_id=_direct(ask, project).vendor_id,
        project_id=project.id,
        shipped_at=shipped_at,
        **ask.acting(),
    )
    said = "The shipment is on record. Its clock runs from that day; nobody leaves any more."
    return _after(ask, answer, typed, "shipment", said)


@VIEWS.post(HERE + "/{project_id}/invoices", ACCOUNTANT)
def invoice(ask: Ask) -> Answer:
    """Enter a vendor's invoice that came by mail; this instant counts (D28, F20)."""
    project, typed = _project(ask), Typed(ask.form)
    number = typed.text("number", "Write the invoice's number.", most=60)
    amount = typed.amount("amount", "Write the amount.")
    document = typed.text("document", most=500)
    if amount is not None and not ZERO < amount <= _MOST:
        typed.is_wrong("amount", f"Write an amount above zero, and at most {_MOST}.")
    if amount is None or typed.as_typed:
        return _one(ask, typed.as_typed, "invoice")
    answer = direct_pay.receive_vendor_invoice(
        ask.records,
        vendor_id=_direct(ask, project).vendor_id,
        project_id=project.id,
        number=number,
        amount=amount,
        is_final=ask.form.has("is_final"),
        document=document,
        **ask.acting(),
    )
    said = "The invoice is on record, and is taken from the partner's money as agreed."
    return _after(ask, answer, typed, "invoice", said)


@VIEWS.post(HERE + "/{project_id}/invoices/void", ACCOUNTANT)
def void(ask: Ask) -> Answer:
    """Enter that a vendor credited an invoice in full (D28)."""
    project, typed = _project(ask), Typed(ask.form)
    direct = _direct(ask, project)
    numbers = frozenset(one.number for one in direct.standing_invoices)
    number = typed.one_of("void_number", numbers, "Choose the invoice.")
    because = typed.text("void_reason", "Say why the vendor took it back.")
    if typed.as_typed:
        return _one(ask, typed.as_typed, "void")
    answer = direct_pay.void_vendor_invoice(
        ask.records,
        vendor_id=direct.vendor_id,
        project_id=project.id,
        number=number,
        because=because,
        **ask.acting(),
    )
    said = "It is void. What was taken for it is paid back with the next run."
    return _after(ask, answer, typed, "void", said)


def _after(ask: Ask, answer: object, typed: Typed, form: str, said: str) -> Answer:
    if isinstance(answer, Refused):
        return _one(ask, typed.refused(told(answer)), form)
    return Go(f"{HERE}/{ask.names['project_id']}", said=said)


# ---- vendors -------------------------------------------------------------------------------------


@VIEWS.get(VENDORS, *READERS, ADMIN)
def all_vendors(ask: Ask) -> Page:
    """Show the vendors, and which organisations order from them (F30, F34)."""
    return _vendors(ask)


def _vendors(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    known = vendors(ask.records)
    names, partners = partner_names(ask), _partners(ask)
    changed = next((one for one in known if one.id == ask.query.get("vendor", "")), None)
    return Page(
        "console/vendors.html",
        "Vendors of Direct Pay",
        {
            **everywhere(ask),
            "vendors": known,
            "orgs": {
                one.id: [it for it in partners if it.direct_pay_vendor_id == one.id]
                for one in known
            },
            "names": names,
            "active": [
                *((one.id, one.name) for one in known if one.is_active),
                (NO_VENDOR, "None: it stays out of Direct Pay"),
            ],
            "changed": changed,
            "may_put": ADMIN in ask.visitor.roles,
            "may_choose": bool(ask.visitor.roles & {ACCOUNTANT, RM}),
            "typed": typed,
            "form": form or ("put" if changed else ""),
            "here": HERE,
        },
        status=422 if typed else 200,
    )


def _partners(ask: Ask) -> list[Partner]:
    found = ask.records.load_all(Partner, list(partner_names(ask)))
    return sorted((one.record for one in found.values()), key=lambda one: (one.name, one.id))


@VIEWS.post(VENDORS, ADMIN)
def put_vendor(ask: Ask) -> Answer:
    """Put a vendor on record, or what changed of it; its notices go where this says (F34)."""
    typed = Typed(ask.form)
    vendor_id = typed.text("vendor_id", "Give it a short name of its own, like V-CED.", most=60)
    name = typed.text("name", "Write its name.", most=200)
    email = typed.text("email", "Write its office's address.", most=254)
    orders = typed.text("orders_email", most=254)
    for field, said in (("email", email), ("orders_email", orders)):
        if said and "@" not in said[1:-1]:
            typed.is_wrong(field, "This is no mail address.")
    if typed.as_typed:
        return _vendors(ask, typed.as_typed, "put")
    vendor = Vendor(vendor_id, name, email, orders, ask.form.has("is_active"))
    direct_pay.put_vendor(ask.records, vendor=vendor, **ask.acting())
    return Go(VENDORS, said=f"{name} is on record as it stands here.")


@VIEWS.post(VENDORS + "/choice", ACCOUNTANT, RM)
def choose_vendor(ask: Ask) -> Answer:
    """Let an organisation's future projects order from a vendor, or from none (F30).

    That they order from none is chosen like a vendor: it is never what is left when nobody chose.
    """
    typed = Typed(ask.form)
    partner_id = typed.one_of("partner_id", partner_names(ask), "Choose the organisation.")
    offered = frozenset({NO_VENDOR, *(one.id for one in vendors(ask.records))})
    vendor_id = typed.one_of("chosen_vendor", offered, "Choose a vendor, or that it stays out.")
    if typed.as_typed:
        return _vendors(ask, typed.as_typed, "choose")
    if vendor_id == NO_VENDOR:
        direct_pay.leave_organisation(ask.records, partner_id=partner_id, **ask.acting())
        return Go(VENDORS, said="Its new projects stay out of Direct Pay. The vendor is told.")
    answer = direct_pay.enrol_organisation(
        ask.records, partner_id=partner_id, vendor_id=vendor_id, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _vendors(ask, typed.refused(told(answer)), "choose")
    said = "Its new projects order from this vendor from now on. The vendor is told."
    return Go(VENDORS, said=said)
