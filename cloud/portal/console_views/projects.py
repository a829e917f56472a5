"""Projects: where each stands, its money, what holds it, and its end."""

from collections.abc import Callable, Sequence
from typing import Any

from cloud.funding import plan
from cloud.funding import process as funding
from cloud.funding.clocks import NtpToM1, ntp_to_m1
from cloud.funding.direct_pay import DirectPay
from cloud.funding.extension import ExtensionRequest
from cloud.funding.overdue import OverdueFile, OverdueState
from cloud.funding.process import net_funds, payouts, risk
from cloud.funding.process.cancel_outlook import cancellation_outlook
from cloud.funding.process.equipment import material_verdict
from cloud.funding.process.reductions import COMPLIANCE_OFFSET
from cloud.funding.process.risk import ClockRow
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, linked
from cloud.portal.console_views.money_desk import everywhere, one_of, partner_names, told
from cloud.portal.life_line import LifeLine, Point, life_line
from cloud.portal.money_words import CLOCKS, MILESTONES, WORDS
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped, moment
from cloud.portal.typed import Typed
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Milestone, Partner, Project, Site
from cloud.portfolio.papers import PartnerDocument
from cloud.portfolio.process import CANCEL_PROJECT, PREPAID_COMMISSION, CancellationReason
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.project_search import MOST, STATES, is_held, projects_like, state_of
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, AUDITOR, MONEY_ROLES, PROJECTS, RM

VIEWS = Views()
HERE = "/console/projects"
READERS = (PROJECTS, RM, ACCOUNTANT, ACCOUNTING, AUDITOR)
ENDS = {
    CancellationReason.CUSTOMER: "The customer leaves",
    CancellationReason.NO_INSTALLATION_160: "It was not installed in its 160 days",
    CancellationReason.OTHER: "Another reason",
}
HOLDS = {
    "compliance_case": ("A compliance case", portfolio.open_compliance_case),
    "stip": ("An administrative stip", portfolio.open_stip),
}
_CLOSING = {
    "compliance_case": portfolio.close_compliance_case,
    "stip": portfolio.close_stip,
}
_ABOUT_PROJECTS = frozenset({CANCEL_PROJECT, PREPAID_COMMISSION, COMPLIANCE_OFFSET})
_LOG = 30
"""Entries of the log that a page shows."""


# ---- finding one ---------------------------------------------------------------------------------


@VIEWS.get(HERE, *READERS)
def search(ask: Ask) -> Page:
    """Find projects by number, partner, address or how they stand."""
    names = partner_names(ask)
    said = ask.query.get("q", "").strip()[:200]
    partner_id, state = one_of(ask, "partner", names), one_of(ask, "state", STATES)
    after = ask.query.get("after", "")
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 7 else 0
    found = projects_like(
        ask.records,
        said=said,
        partner_id=partner_id,
        state=state,
        on=eastern_day(ask.at),
        after=start,
    )
    asked = {"q": said, "partner": partner_id, "state": state}
    overdue: Sequence[OverdueFile] = ()
    if not said and not partner_id and ask.visitor.roles & {PROJECTS, ACCOUNTING, AUDITOR}:
        files = ask.records.find(OverdueFile, by="state", value=OverdueState.OPEN)
        overdue = sorted((one.record for one in files), key=lambda one: one.since)
    return Page(
        "console/projects.html",
        "Projects",
        {
            **everywhere(ask),
            "asked_for": said,
            "partner_id": partner_id,
            "state": state,
            "names": names,
            "states": STATES,
            "found": found,
            "is_asked": bool(said or partner_id),
            "earlier": linked(HERE, **asked, after=max(0, start - MOST) or "") if start else "",
            "later": linked(HERE, **asked, after=start + MOST)
            if start + MOST < found.count
            else "",
            "overdue": overdue,
        },
    )


# ---- one project ---------------------------------------------------------------------------------


def _of(ask: Ask) -> Project:
    found = ask.records.load(Project, ask.names["project_id"])
    if found is None:
        raise Absent
    return found.record


@VIEWS.get(HERE + "/{project_id}", *READERS)
def one_project(ask: Ask) -> Page:
    """Show one project: milestones on its time line, clocks, money, holds, papers, proposals.

    What was paid for it and taken back is for who deals with money; what it pays by its plan, and
    what ending it would cost, is not hidden from who puts projects on record.
    """
    return _page(ask)


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    project = _of(ask)
    found = payouts.project_holdings(ask.records, project, at=ask.at)
    requests = [
        one.record for one in ask.records.find(ExtensionRequest, by="project_id", value=project.id)
    ]
    clocks = risk.clock_rows(found, risk.by_milestone(requests), at=ask.at)
    home = ask.records.load(Site, project.site_id)
    partner = ask.records.load(Partner, project.partner_id)
    direct = ask.records.load(DirectPay, project.id)
    shows: dict[str, Any] = {
        **WORDS,
        **everywhere(ask),
        "project": project,
        "state": STATES[state_of(project)],
        "is_held": is_held(project),
        "home": home.record if home else None,
        "partner": partner.record if partner else None,
        "milestones": _milestones(project),
        "shares": plan.split(project.value, project.plan, programme=project.programme),
        "running": clocks,
        "line": _line(ask, project, clocks),
        **_money(ask, found),
        "requests": sorted(requests, key=lambda one: one.submitted_at, reverse=True),
        "direct": direct.record if direct else None,
        "material": material_verdict(direct.record, project, ask.at) if direct else None,
        "papers": _papers(ask, project),
        "proposals": _proposals(ask, project),
        "sees_billed": _sees_billed(ask),
        "log": _log(ask, project),
        "to_record": _to_record(project),
        "holds": list(HOLDS.items()),
        "today": eastern_day(ask.at),
        "here": f"{HERE}/{project.id}",
        "typed": typed,
    }
    name = home.record.customer_name if home else project.id
    return Page("console/project.html", name, shows, status=422 if typed else 200)


def _money(ask: Ask, found: payouts.Holdings) -> dict[str, Any]:
    """Give what was paid and taken, for who deals with money; nothing of it for others."""
    sees_money = bool(ask.visitor.roles & MONEY_ROLES)
    if not sees_money:
        return {"sees_money": False}
    return {
        "sees_money": True,
        "rows": [one for one in payouts.rows_of(found, at=ask.at) if one.kind == "payable"],
        "takings": net_funds.takings(found),
        "net": net_funds.sums(net_funds.net_by_project(found, only_reduced=False)),
    }


def _proposals(ask: Ask, project: Project) -> list[Proposal]:
    """Give what is proposed of it that the visitor reads, the latest first (D09)."""
    told: frozenset[str] = frozenset()
    if ask.visitor.roles & MONEY_ROLES:
        told = _ABOUT_PROJECTS
    elif PROJECTS in ask.visitor.roles:
        told = frozenset({CANCEL_PROJECT})
    found = ask.records.find(Proposal, by="subject", value=project.id)
    own = [one.record for one in found if one.record.kind in told]
    return sorted(own, key=lambda one: one.at, reverse=True)


def _sees_billed(ask: Ask) -> bool:
    """Tell whether the visitor reads what vendors bill (F31): the readers of Direct Pay."""
    return bool(ask.visitor.roles & {RM, *MONEY_ROLES})


def _log(ask: Ask, project: Project) -> tuple[Event, ...]:
    """Give what the visitor may read of the log, the latest first."""
    return ask.log(project.id, of="project")[::-1][:_LOG]


def _papers(ask: Ask, project: Project) -> list[PartnerDocument]:
    """Give the papers that are for this project's case, the latest first."""
    found = ask.records.find(PartnerDocument, by="partner_id", value=project.partner_id)
    own = [one.record for one in found if one.record.project_id == project.id]
    return sorted(own, key=lambda one: one.recorded_at, reverse=True)


def _milestones(project: Project) -> list[tuple[Milestone, str, object]]:
    """Give each milestone of the project's life with the instant at which it was reached."""
    reached = dict(project.reached)
    return [(one, MILESTONES[str(one)], reached.get(one)) for one in Milestone]


def _to_record(project: Project) -> list[tuple[str, str]]:
    reached = dict(project.reached)
    return [(str(one), MILESTONES[str(one)]) for one in Milestone if one not in reached]


def _line(ask: Ask, project: Project, clocks: Sequence[ClockRow]) -> LifeLine:
    reached = [
        Point(eastern_day(at), "reached", MILESTONES[str(one)]) for one, at in project.reached
    ]
    revoked = [
        Point(
            eastern_day(one.revoked_at),
            "over",
            f"{MILESTONES[str(one.milestone)]} taken back",
            f"by {one.by}",
        )
        for one in project.revoked
    ]
    ends = [
        Point(
            row.due_on,
            "over" if row.days_left < 0 else "soon" if row.is_red else "due",
            "Last day" + (f", {row.extension_days} days extended" if row.extension_days else ""),
            CLOCKS[row.clock],
        )
        for row in clocks
    ]
    ended = (
        [Point(eastern_day(project.cancelled_at), "over", "Cancelled")]
        if project.cancelled_at is not None
        else []
    )
    return life_line([*reached, *revoked, *ends, *ended], eastern_day(ask.at))


# ---- milestones ----------------------------------------------------------------------------------


@VIEWS.post(HERE + "/{project_id}/milestones", PROJECTS)
def record_milestone(ask: Ask) -> Answer:
    """Record a milestone at the present instant (P-01, P-82)."""
    project, typed = _of(ask), Typed(ask.form)
    name = typed.one_of("milestone", frozenset(Milestone), "Choose the milestone.")
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    answer = portfolio.record_milestone(
        ask.records, project_id=project.id, milestone=Milestone(name), **ask.acting()
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "milestone"))
    return Go(f"{HERE}/{project.id}", said=f"{MILESTONES[name]} is recorded, as of now.")


@VIEWS.post(HERE + "/{project_id}/milestones/revoke", PROJECTS)
def revoke_milestone(ask: Ask) -> Answer:
    """Take back a milestone that should not have been recorded (P-82)."""
    project, typed = _of(ask), Typed(ask.form)
    name = typed.one_of("revoked", frozenset(Milestone), "Choose the milestone.")
    because = typed.text("revoked_because", "Say why it should not have been recorded.")
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    times = ask.form["occurrence_" + name]
    answer = portfolio.revoke_milestone(
        ask.records,
        project_id=project.id,
        milestone=Milestone(name),
        because=because,
        # The occurrence that the page showed: sent twice, a milestone reached again since stays.
        occurrence=int(times) if times.isascii() and times.isdigit() and len(times) < 4 else None,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "revoked"))
    said = f"{MILESTONES[name]} is taken back; what it paid is withdrawn or asked for again."
    return Go(f"{HERE}/{project.id}", said=said)


# ---- what holds its money ------------------------------------------------------------------------


@VIEWS.post(HERE + "/{project_id}/holds", PROJECTS, ACCOUNTANT)
def hold(ask: Ask) -> Answer:
    """Open a compliance case or a stip; the project's money waits for it (F18)."""
    project, typed = _of(ask), Typed(ask.form)
    what = typed.one_of("hold", HOLDS, "Choose what holds the money.")
    because = typed.text("hold_because", "Say why; the partner asks.")
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    if said := _already(ask, project, what, because, is_open=True):
        return _page(ask, typed.refused(said, "hold_because"))
    answer = HOLDS[what][1](ask.records, project_id=project.id, because=because, **ask.acting())
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "hold_because"))
    return Go(f"{HERE}/{project.id}", said="The project's money waits from now on.")


@VIEWS.post(HERE + "/{project_id}/holds/close", PROJECTS)
def free(ask: Ask) -> Answer:
    """Close a compliance case or a stip (F18)."""
    project, typed = _of(ask), Typed(ask.form)
    what = typed.one_of("closes", _CLOSING, "Choose what is closed.")
    because = typed.text("closes_because", "Say what settled it.")
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    if said := _already(ask, project, what, because, is_open=False):
        return _page(ask, typed.refused(said, "closes_because"))
    answer = _CLOSING[what](ask.records, project_id=project.id, because=because, **ask.acting())
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "closes_because"))
    said = "It is closed; the project's money waits for it no longer."
    return Go(f"{HERE}/{project.id}", said=said)


def _already(ask: Ask, project: Project, what: str, because: str, *, is_open: bool) -> str:
    """Say that it stands so already, and since when; empty where it does not.

    The same person's same words are the same form, sent twice: nothing is wrong with it.
    """
    is_so, last = portfolio.stands_already(ask.records, project, what, is_open=is_open)
    if not is_so or (last and (last.by, last.says) == (ask.by, because)):
        return ""
    how = "open already" if is_open else "closed already" if last else "not open"
    since = f", since {moment(last.at).striptags()} by {last.by}" if last else ""
    return f"It is {how}{since}. What you wrote was not kept."


# ---- money by the word of two people -------------------------------------------------------------


@VIEWS.post(HERE + "/{project_id}/compliance_offset", ACCOUNTANT)
def propose_offset(ask: Ask) -> Answer:
    """Propose to take money for a compliance case (F18, D09)."""
    return _propose(
        ask,
        "offset_amount",
        "offset_because",
        funding.propose_compliance_offset,
        "It is proposed. Another person of accounting agrees, and a run then takes it.",
    )


@VIEWS.post(HERE + "/{project_id}/prepaid_commission", ACCOUNTANT)
def propose_commission(ask: Ask) -> Answer:
    """Propose to note what was paid before the installation (F10, D09)."""
    return _propose(
        ask,
        "commission_amount",
        "commission_because",
        portfolio.propose_prepaid_commission,
        "It is proposed. Another person of accounting agrees.",
    )


def _propose(
    ask: Ask, amount_name: str, why_name: str, deed: Callable[..., object], said: str
) -> Answer:
    project, typed = _of(ask), Typed(ask.form)
    amount = typed.amount(amount_name, "Write the amount.")
    because = typed.text(why_name, "Say how it is known.")
    if amount is None or typed.as_typed:
        return _page(ask, typed.as_typed)
    try:
        answer = deed(
            ask.records,
            project_id=project.id,
            amount=Money(amount.cents),
            because=because,
            **ask.acting(),
        )
    except BadInput as wrong:
        typed.is_wrong(amount_name, str(wrong)[:1].upper() + str(wrong)[1:] + ".")
        return _page(ask, typed.as_typed)
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), amount_name))
    return Go(f"{HERE}/{project.id}", said=said)


# ---- its end -------------------------------------------------------------------------------------


@VIEWS.get(HERE + "/{project_id}/cancel", PROJECTS)
def cancel(ask: Ask) -> Page:
    """Show what ending the project would take back, before it is proposed (F10, F25)."""
    return _cancel(ask)


def _cancel(ask: Ask, typed: AsTyped | None = None) -> Page:
    project = _of(ask)
    home = ask.records.load(Site, project.site_id)
    found = ask.records.find(Proposal, by="subject", value=project.id)
    waits = [
        one.record
        for one in found
        if one.record.kind == CANCEL_PROJECT and one.record.state is ProposalState.PENDING
    ]
    return Page(
        "console/project_cancel.html",
        "End a project",
        {
            **WORDS,
            **everywhere(ask),
            "project": project,
            "home": home.record if home else None,
            "outlook": None
            if project.cancelled
            else cancellation_outlook(ask.records, project, at=ask.at),
            "clock": _days_to_install(ask, project),
            "is_installed": project.reached_at(Milestone.M1) is not None,
            "waits": waits,
            "ends": [(str(one), says) for one, says in ENDS.items()],
            "here": f"{HERE}/{project.id}",
            "typed": typed,
        },
        status=422 if typed else 200,
    )


def _days_to_install(ask: Ask, project: Project) -> NtpToM1 | None:
    """Give where its 160 days stand; None before they have begun (F06)."""
    ntp_at = project.reached_at(Milestone.NTP)
    if ntp_at is None:
        return None
    m1_at = project.reached_at(Milestone.M1)
    return ntp_to_m1(eastern_day(ntp_at), m1_at, ask.at, project.programme)


@VIEWS.post(HERE + "/{project_id}/cancel", PROJECTS)
def propose_cancellation(ask: Ask) -> Answer:
    """Propose to end a project; another person agrees (F06, D09)."""
    project, typed = _of(ask), Typed(ask.form)
    reason = typed.one_of("reason", frozenset(CancellationReason), "Choose why it ends.")
    because = typed.text("because", "Say how it is known; the partner asks.")
    if not ask.form.has("seen"):
        typed.is_wrong("seen", "Read what it takes back, and tick that you did.")
    if typed.as_typed:
        return _cancel(ask, typed.as_typed)
    answer = funding.propose_cancellation(
        ask.records,
        project_id=project.id,
        reason=CancellationReason(reason),
        because=because,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _cancel(ask, typed.refused(told(answer), "reason"))
    said = "It is proposed. Nothing ends before a person of accounting agrees."
    return Go(f"{HERE}/{project.id}", said=said)
