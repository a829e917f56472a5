"""The warranties of a home, and who answers for the workmanship of what was built there."""

from typing import Final

from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, linked
from cloud.portal.console_views.money_desk import partner_names
from cloud.portal.console_views.ways import way_to
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped, words
from cloud.portal.typed import Typed
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Site
from cloud.portfolio.organisation import Warranty, WarrantyKind
from cloud.reporting.roles import ADMIN, AMS, AUDITOR, RM, SPC
from cloud.service.cases import local_day

VIEWS = Views()
HOME: Final = "/console/homes/{site_id}"


@VIEWS.get(HOME + "/warranties", SPC, AMS, RM, ADMIN, AUDITOR)
def warranties(ask: Ask) -> Page:
    """Show what is under warranty at a home, and who answers for the workmanship (B-55, R-43)."""
    return _page(ask)


def _site(ask: Ask) -> Site:
    found = ask.records.load(Site, ask.names["site_id"])
    if found is None:
        raise Absent
    return found.record


def _page(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    site, roles = _site(ask), ask.visitor.roles
    names = partner_names(ask)
    answers = site.answers_for_workmanship
    return Page(
        "console/warranties.html",
        f"Warranties of {site.address}",
        {
            "site": site,
            "home": f"/console/homes/{site.id}",
            "today": local_day(ask.at, site.time_zone),
            "warranties": portfolio.warranties_of(ask.records, site).warranties,
            "kinds": [(one.value, words(one)) for one in WarrantyKind],
            "answers": names.get(answers, answers),
            "answers_to": way_to(ask, "partner", answers),
            "built_by": names.get(site.installer_id, site.installer_id),
            "others": [(one, name) for one, name in names.items() if one != answers],
            "may_grant": ADMIN in roles,
            "may_void": bool(roles & {AMS, ADMIN}),
            "may_change": bool(roles & {RM, ADMIN}),
            "typed": typed,
            "form": form,
        },
        status=422 if typed else 200,
    )


def _to(site: Site) -> str:
    return linked(HOME.format(site_id=site.id) + "/warranties")


@VIEWS.post(HOME + "/warranties", ADMIN)
def grant(ask: Ask) -> Answer:
    """Put one more warranty of a home on record (B-55)."""
    site, typed = _site(ask), Typed(ask.form)
    kind = typed.one_of("kind", frozenset(WarrantyKind), "Choose what it covers.")
    starts = typed.day("starts_on", "Choose its first day.")
    ends = typed.day("ends_on", "Choose its last day.")
    if starts is not None and ends is not None and ends < starts:
        typed.is_wrong("ends_on", "It ends before it begins.")
    if starts is None or ends is None or typed.as_typed:
        return _page(ask, typed.as_typed, "grant")
    made = Warranty(WarrantyKind(kind), starts, ends)
    portfolio.grant_warranty(ask.records, site_id=site.id, warranty=made, **ask.acting())
    return Go(_to(site), said=f"A {words(made.kind).lower()} warranty is on record.")


@VIEWS.post(HOME + "/warranties/void", AMS, ADMIN)
def void(ask: Ask) -> Answer:
    """Void the warranties of a kind that hold on a day, from that day on (B-55)."""
    site, typed = _site(ask), Typed(ask.form)
    kind = typed.one_of("void_kind", frozenset(WarrantyKind), "Choose which.")
    on = typed.day("void_on", "Choose the first day on which it covers nothing.")
    reason = typed.text("void_reason", "Say why: nothing that detection finds voids a warranty.")
    if on is None or typed.as_typed:
        return _page(ask, typed.as_typed, "void")
    answer = portfolio.void_warranty(
        ask.records, site_id=site.id, kind=WarrantyKind(kind), on=on, reason=reason, **ask.acting()
    )
    if isinstance(answer, Refused):
        no = answer.because[:1].upper() + answer.because[1:]
        return _page(ask, typed.refused(f"{no} (rule {answer.rule}).", "void_on"), "void")
    return Go(_to(site), said=f"The {words(WarrantyKind(kind)).lower()} warranty is void.")


@VIEWS.post(HOME + "/installer", RM, ADMIN)
def change_installer(ask: Ask) -> Answer:
    """Let another partner answer for a home's workmanship, for new work orders only (R-43)."""
    site, typed = _site(ask), Typed(ask.form)
    names = partner_names(ask)
    partner_id = typed.one_of("installer_id", names, "Choose who answers for it from now on.")
    reason = typed.text("installer_reason", "Say why: the log keeps it.")
    if typed.as_typed:
        return _page(ask, typed.as_typed, "installer")
    try:
        answer = portfolio.change_installer(
            ask.records, site_id=site.id, partner_id=partner_id, reason=reason, **ask.acting()
        )
    except BadInput as no:
        return _page(ask, typed.refused(str(no), "installer_id"), "installer")
    if isinstance(answer, Refused):
        told = answer.because[:1].upper() + answer.because[1:]
        return _page(
            ask, typed.refused(f"{told} (rule {answer.rule}).", "installer_id"), "installer"
        )
    said = f"{names[partner_id]} answers for it in new work orders; open ones keep whom they name."
    return Go(_to(site), said=said)
