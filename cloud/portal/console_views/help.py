"""Requests for help: what customers wrote or told, matched to a home and made a case."""

from cloud.kernel.decision import Refused
from cloud.portal.asking import Absent, Answer, Ask, Go, Page
from cloud.portal.console_views.ways import way_to
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.models import Site
from cloud.reporting.home_search import homes_like
from cloud.reporting.roles import AMS, AUDITOR, SPC
from cloud.service import process as service
from cloud.service.models import CaseSource, HelpRequest, HelpState, ReportedFamily

VIEWS = Views()
PATH = "/console/help"
MOST = 50
_OFFERED = 8
"""Homes that are offered for a request; a person who finds none searches."""
STATES = {
    HelpState.UNMATCHED: "Whose home is it",
    HelpState.NEW: "New",
    HelpState.LINKED: "Taken in",
    HelpState.DISMISSED: "Put away",
}
FAMILIES = (
    (ReportedFamily.NO_PRODUCTION.value, "Makes nothing"),
    (ReportedFamily.LOW_PRODUCTION.value, "Makes too little"),
    (ReportedFamily.BATTERY.value, "The battery"),
    (ReportedFamily.MONITORING.value, "The app or the monitoring"),
    (ReportedFamily.ROOF_LEAK.value, "The roof leaks"),
    (ReportedFamily.ELECTRICAL_HAZARD.value, "Sparks, shocks, bare wires"),
    (ReportedFamily.THERMAL_EVENT.value, "Fire, smoke or heat"),
    (ReportedFamily.PHYSICAL_DAMAGE.value, "Something is broken"),
    (ReportedFamily.OTHER.value, "Something else"),
)
SOURCES = (
    (CaseSource.PHONE.value, "By phone"),
    (CaseSource.EMAIL.value, "By mail"),
    (CaseSource.CHAT.value, "By chat"),
    (CaseSource.FORM.value, "By the form"),
)
_WORDS = dict(FAMILIES)


@VIEWS.get(PATH, AMS, AUDITOR)
def requests(ask: Ask) -> Page:
    """List requests by what became of them; those that wait first, the oldest on top."""
    chosen = ask.query.get("state", "")
    states = (
        [HelpState(chosen)] if chosen in set(HelpState) else [HelpState.UNMATCHED, HelpState.NEW]
    )
    waiting = {
        one: list(service.help_requests(ask.records, state=one))
        for one in {*states, HelpState.UNMATCHED, HelpState.NEW}
    }
    found = [one for state in states for one in waiting[state]]
    is_past = bool(chosen) and states[0] in {HelpState.LINKED, HelpState.DISMISSED}
    found.sort(key=lambda one: one.at, reverse=is_past)
    return Page(
        "console/help.html",
        "Requests for help",
        {
            "requests": found[:MOST],
            "more": max(len(found) - MOST, 0),
            "state": chosen,
            "states": [
                ("", "Waiting", sum(len(waiting[one]) for one in _WAITING)),
                *((one.value, words, None) for one, words in STATES.items()),
            ],
            "words": _WORDS,
            "state_words": STATES,
            "may_report": AMS in ask.visitor.roles,
        },
    )


_WAITING = (HelpState.UNMATCHED, HelpState.NEW)


@VIEWS.get(PATH + "/{request_id}", AMS, AUDITOR)
def one_request(ask: Ask) -> Page:
    """Show one request beside the homes that may be meant."""
    return _request_page(ask)


def _request_page(ask: Ask, typed: AsTyped | None = None) -> Page:
    request = _request(ask)
    is_open = request.state in _WAITING
    said = ask.query.get("q", "").strip()[:200]
    return Page(
        "console/help_request.html",
        f"{request.name or 'A customer'} asks for help",
        {
            "request": request,
            "words": _WORDS,
            "state_words": STATES,
            "is_open": is_open,
            "offered": _homes_meant(ask, request, said) if is_open else (),
            "said": said,
            "case": way_to(ask, "case", request.case_id) if request.case_id else "",
            "home": way_to(ask, "site", request.site_id) if request.site_id else "",
            "log": ask.log(request.id, of="help_request"),
            "may_decide": is_open and AMS in ask.visitor.roles,
            "typed": typed,
        },
        status=422 if typed else 200,
    )


def _homes_meant(ask: Ask, request: HelpRequest, said: str) -> list[tuple[Site, bool]]:
    """Give the homes to choose from, each with whether its customer has the request's address.

    Those of the mail address; where there are none, or a person looks for others, those whose
    address has the words.
    """
    key = request.email.strip().casefold()
    by_mail = [one.record for one in ask.records.find(Site, by="customer_key", value=key)]
    street = request.address.partition(",")[0]
    if by_mail and not said:
        found = by_mail
    else:
        found = list(homes_like(ask.records, said or street, on=ask.at.date()))
    return [(one, one.customer_key == key) for one in found[:_OFFERED]]


def _request(ask: Ask) -> HelpRequest:
    found = ask.records.load(HelpRequest, ask.names["request_id"])
    if found is None:
        raise Absent
    return found.record


@VIEWS.post(PATH + "/{request_id}/link", AMS)
def link(ask: Ask) -> Answer:
    """Report a request as one of a home that a person found (C-02)."""
    request = _request(ask)
    answer = service.link_help_request(
        ask.records,
        request_id=request.id,
        site_id=ask.form["site_id"] or "-",
        desks=ask.house.desks,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return Go(f"{PATH}/{request.id}", refused=answer)
    to = way_to(ask, "case", answer.case_id) if answer.case_id else ""
    said = "The request is a report of this case now."
    return Go(to or f"{PATH}/{request.id}", said=said)


@VIEWS.post(PATH + "/{request_id}/dismiss", AMS)
def dismiss(ask: Ask) -> Answer:
    """Put a request away that is none of ours (C-02)."""
    request, typed = _request(ask), Typed(ask.form)
    because = typed.text("because", "Say why it is none of ours.")
    if typed.as_typed:
        return _request_page(ask, typed.as_typed)
    answer = service.dismiss_help_request(
        ask.records, request_id=request.id, because=because, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _request_page(ask, typed.refused(f"{answer.because} Rule {answer.rule}."))
    return Go(PATH, said="The request is put away.")


# ---- what is told by phone -----------------------------------------------------------------------


@VIEWS.get(PATH + "/report", AMS, SPC)
def report_form(ask: Ask) -> Page:
    """Show the form for what a person tells: first the home, then what is wrong."""
    return _report_page(ask, site_id=ask.query.get("site_id", ""))


def _report_page(ask: Ask, *, site_id: str, typed: AsTyped | None = None) -> Page:
    said = ask.query.get("q", "").strip()[:200]
    stored = ask.records.load(Site, site_id) if site_id else None
    site = stored.record if stored else None
    return Page(
        "console/report.html",
        "Write down a report",
        {
            "site": site,
            "said": said,
            "homes": homes_like(ask.records, said, on=ask.at.date()) if said and not site else (),
            "families": FAMILIES,
            "sources": SOURCES,
            "typed": typed,
            "may_list": AMS in ask.visitor.roles,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(PATH + "/report", AMS, SPC)
def report(ask: Ask) -> Answer:
    """Take up what a person told the help desk by phone, mail or chat (C-02)."""
    typed, site_id = Typed(ask.form), ask.form["site_id"]
    source = typed.one_of("source", frozenset(CaseSource), "Choose how it was told.")
    family = typed.one_of("family", frozenset(ReportedFamily), "Choose what it is about.")
    says = typed.text("says", "Write down what was told.")
    reported_by, contact = typed.text("reported_by", most=200), typed.text("contact", most=200)
    if ask.records.load(Site, site_id) is None:
        typed.is_wrong("", "Find the home first.")
    if typed.as_typed:
        return _report_page(ask, site_id=site_id, typed=typed.as_typed)
    answer = service.report(
        ask.records,
        source=CaseSource(source),
        site_id=site_id,
        family=ReportedFamily(family),
        says=says,
        hazard="",
        is_grid_out=ask.form.has("is_grid_out"),
        reported_by=reported_by,
        contact=contact,
        desks=ask.house.desks,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        because = answer.because[:1].upper() + answer.because[1:]
        refused = typed.refused(f"{because} (rule {answer.rule})")
        return _report_page(ask, site_id=site_id, typed=refused)
    said = "Written down: it stands in this case, and the customer gets a letter."
    return Go(f"/console/cases/{answer.id}", said=said)
