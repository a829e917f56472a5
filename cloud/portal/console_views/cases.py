"""Cases: what is wrong at a home, what shows it, and what the owner's people decide about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cloud.detection.drawing.inputs import Inputs
from cloud.detection.drawing.sheet import NO_CASE
from cloud.detection.drawing.sheet import Case as Marked
from cloud.detection.evidence import in_kwh, why
from cloud.detection.models import SiteTrack, Tier
from cloud.detection.process.hourly import HomeHour, hours_of_home
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ports import Stored
from cloud.portal.asking import Absent, Answer, Ask, File, Page, done, linked
from cloud.portal.console_views.emergencies import CATEGORIES
from cloud.portal.console_views.ways import names_of, way_to
from cloud.portal.evidence_charts import (
    days_chart,
    hours_chart,
    hours_say,
    map_says,
    neighbour_map,
    share_of,
)
from cloud.portal.families import family_words
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.models import Site
from cloud.portfolio.process import equipment_of, warranties_of
from cloud.portfolio.process.registry import all_partners
from cloud.reporting.case_evidence import Evidence, evidence_of, is_shown_by_days, tier_of
from cloud.reporting.emergency_board import OPEN_STATES, open_cases
from cloud.reporting.home_search import homes_like
from cloud.reporting.nearby import Around, around, telling_day
from cloud.reporting.roles import AMS, AUDITOR, SPC
from cloud.service import process as service
from cloud.service.cases import advice_of, local_day, step_refused
from cloud.service.models import (
    Case,
    CaseState,
    CaseTask,
    Cause,
    EmergencyCategory,
    Mail,
    ScopeLine,
    WorkOrder,
)
from cloud.service.policy import (
    ASKS_THE_DESK,
    CHANGES_NOTHING,
    KEEPS_CLEAR,
    KEEPS_ONLINE,
    LETS_IN,
    REPORTS_DAMAGE,
    TRIMS,
)
from cloud.telemetry.days import standard_day

VIEWS = Views()
PATH = "/console/cases"
MOST = 50
_HOMES_LOOKED_AT = 10
"""So many homes of a search are asked for their cases; more than that and it is too wide."""
_BEFORE, _AFTER = timedelta(days=1), timedelta(days=3)
"""Around the beginning of a fault, so much of its hours is drawn."""
TASKS = {
    CaseTask.TRIAGE: "Decide whether somebody goes",
    CaseTask.RETURN_VISIT: "Not mended: decide what is next",
    CaseTask.NO_DATA: "Says nothing: find out why",
    CaseTask.CALL_CUSTOMER: "Call the customer",
}
TIERS = {
    Tier.LITERAL: "Literal: the customer was told",
    Tier.DISPATCH: "Dispatch: sure enough to send somebody",
}
_DUTIES = (
    ASKS_THE_DESK,
    TRIMS,
    KEEPS_CLEAR,
    KEEPS_ONLINE,
    LETS_IN,
    CHANGES_NOTHING,
    REPORTS_DAMAGE,
)
_STATES = (
    ("", "Open"),
    (CaseState.OPEN.value, "To decide"),
    (CaseState.WITH_OMNIDIAN.value, "With the support center"),
    (CaseState.WORK_ORDERED.value, "Work ordered"),
    (CaseState.VERIFYING.value, "Verifying"),
    (CaseState.RESOLVED.value, "Resolved"),
    (CaseState.CLOSED.value, "Closed"),
    (CaseState.CANCELLED.value, "Cancelled"),
)
_STEPS: Mapping[str, tuple[frozenset[str], str]] = {
    "visit": (frozenset({AMS, SPC}), "require_site_visit"),
    "fix": (frozenset({AMS}), "remote_fix"),
    "emergency": (frozenset({AMS, SPC}), "escalate_emergency"),
    "confirms": (frozenset({AMS}), "customer_confirms"),
    "disagrees": (frozenset({AMS}), "customer_disagrees"),
    "hand_over": (frozenset({AMS}), "hand_over"),
    "external": (frozenset({AMS}), "external_update"),
    "returned": (frozenset({AMS}), "returned"),
    "cancel": (frozenset({AMS}), "cancel"),
}
"""Form of the page -> who may send it, and the step of the case that it takes (C-01)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case of the list."""

    case: Case
    site: Site | None
    tier: Tier | None


# ---- the list ------------------------------------------------------------------------------------


@VIEWS.get(PATH, SPC, AMS, AUDITOR)
def all_cases(ask: Ask) -> Page:
    """List cases by state, task and tier, emergencies first, then the oldest."""
    state, task = ask.query.get("state", ""), ask.query.get("task", "")
    tier, said = ask.query.get("tier", ""), ask.query.get("q", "").strip()[:200]
    still_open = open_cases(ask.records)
    is_too_wide = False
    if said:
        found, is_too_wide = _searched(ask, said)
    elif state in {"", *(one.value for one in OPEN_STATES)}:
        found = [one for one in still_open if not state or one.state == state]
    elif state in {one.value for one in CaseState}:
        kept = ask.records.find(Case, by="state", value=state)
        found = sorted((one.record for one in kept), key=lambda one: one.opened_at, reverse=True)
    else:
        found = []
    found = [one for one in found if not task or one.task == task]
    found.sort(key=lambda one: not (one.is_emergency and one.is_open))
    tracks = _tracks(ask, found) if tier else {}
    if tier:
        found = [one for one in found if (tier_of(one, tracks.get(one.site_id)) or "") == tier]
    start = _start(ask.query.get("from", ""), len(found))
    page = found[start : start + MOST]
    tracks = tracks or _tracks(ask, page)
    sites = _sites(ask, page)
    rows = [Row(one, sites.get(one.site_id), tier_of(one, tracks.get(one.site_id))) for one in page]
    counts = {one: sum(case.state == one for case in still_open) for one in OPEN_STATES}
    kept_query = {"state": state, "task": task, "tier": tier, "q": said}

    def to_of(**differs: object) -> str:
        return linked(PATH, **{**kept_query, **differs})

    return Page(
        "console/cases.html",
        "Cases",
        {
            "rows": rows,
            "said": said,
            "states": [
                (value, words, len(still_open) if not value else counts.get(CaseState(value)))
                for value, words in _STATES
            ],
            "state": state,
            "tasks": [("", "Any task"), *((one.value, words) for one, words in TASKS.items())],
            "task": task,
            "tiers": [("", "Any tier"), *((one.value, words) for one, words in TIERS.items())],
            "tier": tier,
            "task_words": TASKS,
            "family_words": family_words,
            "is_too_wide": is_too_wide,
            "to_of": to_of,
            "count": len(found),
            "earlier": to_of(**{"from": start - MOST}) if start else "",
            "later": to_of(**{"from": start + MOST}) if start + MOST < len(found) else "",
            "may_report": bool(ask.visitor.roles & {AMS, SPC}),
        },
    )


def _searched(ask: Ask, said: str) -> tuple[list[Case], bool]:
    """Give the cases of a number, or of the homes that the words mean; and if those are too many.

    A search looks at all states: who looks for a case does not know how it stands.
    """
    one = ask.records.load(Case, said) or ask.records.load(Case, said.upper())
    if one is not None:
        return [one.record], False
    order = ask.records.load(WorkOrder, said) or ask.records.load(WorkOrder, said.upper())
    if order is not None:
        of = ask.records.load(Case, order.record.case_id)
        return ([of.record] if of else []), False
    homes = homes_like(ask.records, said, on=ask.at.date())
    found = [
        stored.record
        for home in homes[:_HOMES_LOOKED_AT]
        for stored in ask.records.find(Case, by="site_id", value=home.id)
    ]
    found.sort(key=lambda one: (not one.is_open, -one.opened_at.timestamp()))
    return found, len(homes) > _HOMES_LOOKED_AT


def _sites(ask: Ask, cases: Sequence[Case]) -> dict[str, Site]:
    ids = sorted({one.site_id for one in cases})
    found = ask.records.load_all(Site, ids) if ids else {}
    return {name: one.record for name, one in found.items()}


def _tracks(ask: Ask, cases: Sequence[Case]) -> dict[str, SiteTrack]:
    ids = sorted({one.site_id for one in cases})
    found = ask.records.load_all(SiteTrack, ids) if ids else {}
    return {name: one.record for name, one in found.items()}


def _start(said: str, most: int) -> int:
    if not (said.isascii() and said.isdigit()) or len(said) > 6:
        return 0
    return min(int(said), max(most - 1, 0)) // MOST * MOST


# ---- one case ------------------------------------------------------------------------------------


@VIEWS.get(PATH + "/{case_id}", SPC, AMS, AUDITOR)
def one_case(ask: Ask) -> Page:
    """Show one case: what is wrong, what shows it, who was sent, and what may be done."""
    return _case_page(ask)


def _case_page(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    """Give the page of a case, with a form as it was filled in where something is wrong in it."""
    case, site = _case_of(ask)
    log = ask.log(case.id, of="case")
    evidence = evidence_of(ask.records, case, site, log=log)
    orders = [one.record for one in ask.records.find(WorkOrder, by="case_id", value=case.id)]
    orders.sort(key=lambda one: (one.issued_at, one.id), reverse=True)
    mails = [one.record for one in ask.records.find(Mail, by="thread", value=case.id)]
    forms = forms_open(ask, case, site, orders)
    hours = _hours(ask, case, site, evidence)
    near = _near(ask, case, site, evidence)
    return Page(
        "console/case.html",
        f"{family_words(case.family)}: {site.address}",
        {
            "case": case,
            "site": site,
            "evidence": evidence,
            "tier_words": TIERS.get(evidence.tier) if evidence.tier else "",
            "task_words": TASKS.get(case.task) if case.task else "",
            "days": evidence.lines,
            "days_drawn": _drawn(case, site, evidence),
            "hours": hours,
            "hours_drawn": (
                hours_chart(hours, zone=site.time_zone, onset=evidence.onset_at) if hours else ""
            ),
            "hours_say": hours_say(hours, zone=site.time_zone) if hours else "",
            "near": near,
            "map": neighbour_map(near) if near and near.homes else "",
            "map_says": map_says(near) if near else "",
            "share_of": share_of,
            "orders": orders,
            "names": names_of(
                ask,
                (
                    site.installer_id,
                    site.workmanship_partner_id,
                    *(one.partner_id for one in orders),
                ),
            ),
            "mails": sorted(mails, key=lambda one: one.at),
            "warranties": warranties_of(ask.records, site).warranties,
            "equipment": equipment_of(ask.records, site.id).record,
            "today": local_day(ask.at, site.time_zone),
            "log": log,
            "forms": forms,
            "typed": typed,
            "form": form,
            "scopes": _scopes(ask) if "visit" in forms or "order" in forms else (),
            "categories": CATEGORIES,
            "advices": _advices(ask, case),
            "order_lines": [
                (code, says)
                for code, says in zip(
                    ask.form.all("line_code"), ask.form.all("line_says"), strict=False
                )
                if form == "order"
            ],
            "home": way_to(ask, "site", site.id),
            "why": why,
            "in_kwh": in_kwh,
        },
        status=422 if typed else 200,
    )


def _case_of(ask: Ask) -> tuple[Case, Site]:
    stored = _stored(ask)
    site = ask.records.load(Site, stored.record.site_id)
    if site is None:
        raise Absent
    return stored.record, site.record


def _stored(ask: Ask) -> Stored[Case]:
    found = ask.records.load(Case, ask.names["case_id"])
    if found is None:
        raise Absent
    return found


def forms_open(ask: Ask, case: Case, site: Site, orders: Sequence[WorkOrder]) -> Mapping[str, bool]:
    """Give the forms that this person may send and that are open to the case as it stands."""
    day = local_day(ask.at, site.time_zone)
    roles = ask.visitor.roles
    found = {
        name
        for name, (who, step) in _STEPS.items()
        if roles & who and step_refused(case, step, on=day) is None
    }
    if not site.omnidian_onboarded:
        found.discard("hand_over")
    if case.is_emergency:
        found.discard("emergency")
    if roles & {AMS, SPC} and case.is_open:
        found.add("advice")
    if SPC in roles and case.state in {CaseState.OPEN, CaseState.VERIFYING}:
        is_free = not any(one.is_open for one in orders)
        found |= {"order"} if is_free else set()
    return {name: name in found for name in (*_STEPS, "advice", "order")}


def _drawn(case: Case, site: Site, evidence: Evidence) -> object:
    """Give the picture of the days; the case is marked where they still show its beginning."""
    if not evidence.lines:
        return ""
    offset = site.utc_offset_hours
    closed = case.resolved_at
    marked = NO_CASE
    if evidence.is_of_then:
        marked = Marked(
            evidence.onset_on,
            standard_day(case.opened_at, offset),
            standard_day(closed, offset) if closed else None,
        )
    return days_chart(
        evidence.lines,
        title="Energy of each day beside what was expected",
        case=marked,
        inputs=Inputs(evidence.inputs if evidence.has_inputs else {}, evidence.dead_inputs),
    )


def _hours(ask: Ask, case: Case, site: Site, evidence: Evidence) -> Sequence[HomeHour]:
    """Give the hours around the beginning of a fault; low days have none, and old chunks go."""
    if is_shown_by_days(case) or ask.house.chunks is None:
        return ()
    onset = evidence.onset_at or case.opened_at
    until = min(onset + _AFTER, ask.at)
    return hours_of_home(ask.house.chunks, site, since=onset - _BEFORE, until=until)


def _near(ask: Ask, case: Case, site: Site, evidence: Evidence) -> Around | None:
    """Give the homes around, on the day that tells most of the case."""
    last = case.resolved_at or case.recovered_at
    until = standard_day(last, site.utc_offset_hours) if last and evidence.is_of_then else None
    day = telling_day(evidence.lines, until=until)
    return around(ask.records, site, day=day) if day else None


def _scopes(ask: Ask) -> Sequence[str]:
    """Give the kinds of work that any active partner does."""
    return sorted(
        {scope for one in all_partners(ask.records) if one.active for scope in one.scopes}
    )


def _advices(ask: Ask, case: Case) -> Sequence[tuple[str, str]]:
    """Give what a customer may be told and was not: their duties, and work that they would pay."""
    day: date = ask.at.date()
    codes = [*(one.on(day) for one in _DUTIES), *(one.value for one in Cause)]
    told = ((code, advice_of(code, on=day)) for code in codes if code not in case.advised)
    return [(code, words) for code, words in told if words is not None]


@VIEWS.get(PATH + "/{case_id}/days.svg", SPC, AMS, AUDITOR)
def picture(ask: Ask) -> File:
    """Give the days behind a case as they were drawn when it was last told of, to keep."""
    case = _stored(ask).record
    if not case.pictures:
        raise Absent
    try:
        drawn = ask.house.documents.get(case.pictures[-1])
    except NotFound as gone:
        raise Absent from gone
    return File(f"{case.id}-days.svg", "image/svg+xml", drawn)


# ---- deeds ---------------------------------------------------------------------------------------


def _after(ask: Ask, typed: Typed, form: str, answer: object, said: str) -> Answer:
    """Give what follows a form: its sentence on the case's page, or the form with the refusal."""
    if isinstance(answer, Refused):
        because = answer.because[:1].upper() + answer.because[1:]
        return _case_page(ask, typed.refused(f"{because} (rule {answer.rule})"), form)
    return done(answer, to=f"{PATH}/{ask.names['case_id']}", said=said)


@VIEWS.post(PATH + "/{case_id}/visit", AMS, SPC)
def require_visit(ask: Ask) -> Answer:
    """Have somebody go: a work order is issued and offered (D-15, A-81)."""
    typed = Typed(ask.form)
    instructions = typed.text("visit_instructions", "Say what is wrong and what is to be done.")
    suspected = {"yes": True, "no": False}.get(ask.form["visit_workmanship"])
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "visit")
    # A coordinator who sends somebody looks after the work; else who does so by default.
    spc_id = ask.by if SPC in ask.visitor.roles else ask.house.desks.coordinator_id
    answer = service.require_site_visit(
        ask.records,
        case_id=ask.names["case_id"],
        scope=[one for one in ask.form.all("visit_scope") if one],
        instructions=instructions,
        is_workmanship_suspected=suspected,
        spc_id=spc_id,
        **ask.acting(),
    )
    return _after(ask, typed, "visit", answer, "A work order is issued, and the customer is told.")


@VIEWS.post(PATH + "/{case_id}/work_orders", SPC)
def issue(ask: Ask) -> Answer:
    """Issue a work order line by line; a total above the limit is the written approval (A-81)."""
    typed = Typed(ask.form)
    instructions = typed.text("order_instructions", "Say why, and what the partner has to know.")
    limit = typed.amount("order_limit")
    codes, says = ask.form.all("line_code"), ask.form.all("line_says")
    pairs = [(code, what) for code, what in zip(codes, says, strict=False) if code or what]
    if not pairs or not all(code and what for code, what in pairs):
        typed.is_wrong("order_lines", "Each line needs a kind of work and what exactly; write one.")
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "order")
    answer = service.issue(
        ask.records,
        case_id=ask.names["case_id"],
        scope_lines=[ScopeLine(code, what) for code, what in pairs],
        instructions=instructions,
        is_workmanship_suspected=ask.form.has("order_workmanship"),
        not_to_exceed=limit,
        **ask.acting(),
    )
    return _after(ask, typed, "order", answer, "The work order is issued and offered.")


@VIEWS.post(PATH + "/{case_id}/remote_fix", AMS)
def remote_fix(ask: Ask) -> Answer:
    """Note that it was mended from afar; the readings have to prove it (C-17)."""
    typed = Typed(ask.form)
    says = typed.text("fix_says", "Say what was done from afar.")
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "fix")
    answer = service.remote_fix(
        ask.records, case_id=ask.names["case_id"], says=says, **ask.acting()
    )
    return _after(ask, typed, "fix", answer, "Noted. The readings now have to show it.")


@VIEWS.post(PATH + "/{case_id}/emergency", AMS, SPC)
def escalate(ask: Ask) -> Answer:
    """Treat a case as an emergency, by a person's word (E-31)."""
    typed = Typed(ask.form)
    category = typed.one_of(
        "emergency_category", frozenset(EmergencyCategory), "Choose what kind of emergency it is."
    )
    reason = typed.text("emergency_reason")
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "emergency")
    answer = service.escalate_emergency(
        ask.records,
        case_id=ask.names["case_id"],
        category=EmergencyCategory(category),
        reason=reason,
        is_grid_out=ask.form.has("emergency_grid_out"),
        desks=ask.house.desks,
        **ask.acting(),
    )
    said = "It is an emergency now: the customer was warned, and its partner has to be called."
    return _after(ask, typed, "emergency", answer, said)


@VIEWS.post(PATH + "/{case_id}/cancel", AMS)
def cancel(ask: Ask) -> Answer:
    """Call a case off, and the work that is open on it."""
    typed = Typed(ask.form)
    reason = typed.text("cancel_reason", "Say why: the customer and the partner read it.")
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "cancel")
    answer = service.cancel(
        ask.records, case_id=ask.names["case_id"], because=reason, **ask.acting()
    )
    return _after(
        ask, typed, "cancel", answer, "The case is called off; customer and partner know."
    )


@VIEWS.post(PATH + "/{case_id}/customer_confirms", AMS)
def customer_confirms(ask: Ask) -> Answer:
    """Resolve a case because the customer says that it is mended (C-17c)."""
    typed = Typed(ask.form)
    says = typed.text("confirms_says")
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "confirms")
    answer = service.customer_confirms(
        ask.records, case_id=ask.names["case_id"], says=says, **ask.acting()
    )
    return _after(ask, typed, "confirms", answer, "The case is resolved by the customer's word.")


@VIEWS.post(PATH + "/{case_id}/customer_disagrees", AMS)
def customer_disagrees(ask: Ask) -> Answer:
    """Note that the customer says that it is not mended (C-17c)."""
    typed = Typed(ask.form)
    says = typed.text("disagrees_says", "Write down what the customer says.")
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "disagrees")
    answer = service.customer_disagrees(
        ask.records, case_id=ask.names["case_id"], says=says, **ask.acting()
    )
    return _after(ask, typed, "disagrees", answer, "Noted: it is not mended. Decide what is next.")


@VIEWS.post(PATH + "/{case_id}/hand_over", AMS)
def hand_over(ask: Ask) -> Answer:
    """Give a case to the support center with all that is known of it (C-15)."""
    answer = service.hand_over(
        ask.records, case_id=ask.names["case_id"], desks=ask.house.desks, **ask.acting()
    )
    return _after(ask, Typed(ask.form), "hand_over", answer, "The support center has it now.")


@VIEWS.post(PATH + "/{case_id}/external_update", AMS)
def external_update(ask: Ask) -> Answer:
    """Note the support center's number of a case and how it stands there (C-15)."""
    typed = Typed(ask.form)
    reference = typed.text("external_reference", "Write the support center's number.", most=200)
    status = typed.text("external_status", "Write how it stands there.", most=200)
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "external")
    answer = service.external_update(
        ask.records,
        case_id=ask.names["case_id"],
        reference=reference,
        status=status,
        **ask.acting(),
    )
    return _after(ask, typed, "external", answer, "Noted how it stands at the support center.")


@VIEWS.post(PATH + "/{case_id}/returned", AMS)
def returned(ask: Ask) -> Answer:
    """Take a case back from the support center (C-15)."""
    typed = Typed(ask.form)
    reason = typed.text("returned_reason", "Say why it came back.")
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "returned")
    answer = service.returned(
        ask.records, case_id=ask.names["case_id"], because=reason, **ask.acting()
    )
    return _after(ask, typed, "returned", answer, "The case is ours again.")


@VIEWS.post(PATH + "/{case_id}/advice", AMS, SPC)
def advise(ask: Ask) -> Answer:
    """Tell the customer of a duty, or of work that they would pay, before it begins (B-52)."""
    typed = Typed(ask.form)
    code = typed.text("advice_code", "Choose what the customer is told.", most=200)
    if typed.as_typed:
        return _case_page(ask, typed.as_typed, "advice")
    answer = service.advise_customer(
        ask.records, case_id=ask.names["case_id"], code=code, **ask.acting()
    )
    return _after(ask, typed, "advice", answer, "The customer is told.")
