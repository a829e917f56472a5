"""Extensions: requests to postpone a clawback, beside what their partner has postponed already."""

from collections.abc import Mapping
from typing import Any

from cloud.funding import process as funding
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.policy import D21
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.portal.as_shown import decided
from cloud.portal.asking import Absent, Answer, Ask, Away, Go, Page, linked
from cloud.portal.console_views.money_desk import everywhere, one_of, partner_names, shown, told
from cloud.portal.money_words import WORDS
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.models import Project, Site
from cloud.portfolio.policy import TWO_PEOPLE
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, AUDITOR, RM
from cloud.reporting.shown_to_decide import extension_shown
from cloud.service.process import link_to

VIEWS = Views()
MOST_EXPOSURES = 6
"""Partners whose postponed money stands beside the requests: each is read by itself."""
HERE = "/console/extensions"
READERS = (ACCOUNTANT, ACCOUNTING, RM, AUDITOR)
STATES: Mapping[str, str] = {
    "pending": "Wait for a decision",
    "approved": "Granted",
    "denied": "Denied",
    "withdrawn": "Taken back",
}
_FIELDS: Mapping[str, str] = {
    "account_finco_id": "Account",
    "account_primary_name": "Name of the account",
    "install_submission_date": "Install submitted",
    "eta_of_pto": "PTO expected",
    "extension_request_deadline": "Asked until",
}
"""What a request holds (F11), in the order in which people read it."""
PROBLEMS: Mapping[str, str] = {
    "account_finco_id_differs": "The account is another than the project's.",
    "account_primary_name_differs": "The name is another than ours for this account.",
    "install_submission_date_differs": "The day of the installation is another than ours.",
    "market_not_eligible": "The project's market does not have this reason.",
    "missing_reason_text": "The reason is not told in words.",
    "missing_proof_document": "There is no proof.",
}


@VIEWS.get(HERE, *READERS)
def requests(ask: Ask) -> Page:
    """Show the requests in one state, those due first on top, and each partner's cap (F12, F16)."""
    state, names = one_of(ask, "state", STATES) or "pending", partner_names(ask)
    partner_id = one_of(ask, "partner", names)
    found = [
        one.record
        for one in ask.records.find(ExtensionRequest, by="state", value=RequestState(state))
        if partner_id in {"", one.record.partner_id}
    ]
    if state == "pending":
        found.sort(key=lambda one: (one.decision_due_date, one.submitted_at, one.id))
    else:
        found.sort(key=lambda one: (one.decided_at or one.submitted_at, one.id), reverse=True)
    page = shown(ask, found, state=state, partner=partner_id)
    asked = {(one.partner_id, one.programme) for one in found} if state == "pending" else set()
    projects = ask.records.load_all(Project, sorted({one.project_id for one in page.rows}))
    homes = ask.records.load_all(Site, sorted({one.record.site_id for one in projects.values()}))
    accounts = {
        name: homes[one.record.site_id].record.customer_name
        for name, one in projects.items()
        if one.record.site_id in homes
    }
    today = eastern_day(ask.at)
    return Page(
        "console/extensions.html",
        "Extensions",
        {
            **WORDS,
            **everywhere(ask),
            "page": page,
            "exposures": [
                funding.exposure_of(ask.records, partner_id=one, programme=programme, at=ask.at)
                for one, programme in sorted(asked)[:MOST_EXPOSURES]
            ],
            "more_exposures": max(0, len(asked) - MOST_EXPOSURES),
            "late": sum(state == "pending" and one.decision_due_date < today for one in found),
            "states": [
                (says, linked(HERE, state=name, partner=partner_id), name == state, None)
                for name, says in STATES.items()
            ],
            "says": STATES,
            "state": state,
            "partner_id": partner_id,
            "names": names,
            "accounts": accounts,
            "today": today,
        },
    )


@VIEWS.get(HERE + "/{request_id}", *READERS)
def one_request(ask: Ask) -> Page:
    """Show one request: what it says, what we know, and what a grant would come to (F16)."""
    return _one(ask)


def _one(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    found = ask.records.load(ExtensionRequest, ask.names["request_id"])
    if found is None:
        raise Absent
    request = found.record
    fields, pending = dict(request.fields), request.state is RequestState.PENDING
    project = ask.records.load(Project, request.project_id)
    site = ask.records.load(Site, project.record.site_id) if project is not None else None
    outlook = None
    if pending and project is not None:
        outlook = funding.outlook(
            ask.records,
            project_id=request.project_id,
            partner_id=project.record.partner_id,
            fields=fields,
            reason_text=request.reason_text,
            proof_reference=request.proof_reference,
            at=ask.at,
        )
    decides = ACCOUNTING in ask.visitor.roles and pending
    is_own = request.by == ask.by
    shows: dict[str, Any] = {
        **WORDS,
        **everywhere(ask),
        "request": request,
        "fields": [(says, fields.get(name, "")) for name, says in _FIELDS.items()],
        "project": project.record if project is not None else None,
        "site": site.record if site is not None else None,
        "outlook": outlook,
        "problems": PROBLEMS,
        "standing": funding.exposure_of(
            ask.records, partner_id=request.partner_id, programme=request.programme, at=ask.at
        ),
        "most_days": D21.on(eastern_day(request.submitted_at), request.programme),
        "may_decide": decides and not is_own,
        "is_own": decides and is_own,
        "two_people": TWO_PEOPLE.id,
        "pending": pending,
        "mark": extension_shown(ask.records, request.id).mark(ask.at),
        "says": STATES,
        "names": partner_names(ask),
        "today": eastern_day(ask.at),
        "log": ask.log(request.id, of="extension"),
        "to": f"{HERE}/{request.id}",
        "typed": typed,
        "form": form,
        "here": HERE,
    }
    return Page("console/extension.html", "Extension", shows, 422 if typed else 200)


@VIEWS.get(HERE + "/{request_id}/proof", *READERS)
def proof(ask: Ask) -> Answer:
    """Lead to the proof of a request, for some minutes (F17, U-08)."""
    request = funding.load_request(ask.records, ask.names["request_id"]).record
    link = link_to(ask.house.outside.desk, funding.proof_of(ask.records, request), at=ask.at)
    if isinstance(link, Refused):
        return Go(f"{HERE}/{request.id}", refused=link)
    return Away(link)


@VIEWS.post(HERE + "/{request_id}/grant", ACCOUNTING)
def grant(ask: Ask) -> Answer:
    """Grant a request, within the cap; never by who submitted it (F13, F16, D09)."""
    request = funding.load_request(ask.records, ask.names["request_id"]).record
    typed, days = Typed(ask.form), None
    if request.days is None:
        most = D21.on(eastern_day(request.submitted_at), request.programme)
        days = typed.whole("days", "Say how many days it adds.", least=1, most=most)
    if typed.as_typed:
        return _one(ask, typed.as_typed, "grant")
    answer = decided(
        ask,
        extension_shown(ask.records, request.id),
        lambda records: funding.grant_extension(
            records, request_id=request.id, days=days, **ask.acting()
        ),
    )
    if isinstance(answer, Refused):
        return _one(ask, typed.refused(told(answer)), "grant")
    said = f"It is granted: {answer.days} days more. The partner is told, and the clawback pauses."
    return Go(f"{HERE}/{request.id}", said=said)


@VIEWS.post(HERE + "/{request_id}/deny", ACCOUNTING)
def deny(ask: Ask) -> Answer:
    """Deny a request; the partner is told why (F12)."""
    typed = Typed(ask.form)
    because = typed.text("reason", "Say why: the partner is told it.")
    if typed.as_typed:
        return _one(ask, typed.as_typed, "deny")
    request_id = ask.names["request_id"]
    answer = decided(
        ask,
        extension_shown(ask.records, request_id),
        lambda records: funding.deny_extension(
            records, request_id=request_id, because=because, **ask.acting()
        ),
    )
    if isinstance(answer, Refused):
        return _one(ask, typed.refused(told(answer)), "deny")
    return Go(f"{HERE}/{request_id}", said="It is denied. The partner is told why.")
