"""Clawback and Net-Fund: projects at risk, what is taken back, and one project's money."""

from collections.abc import Sequence
from typing import Any

from cloud.funding import plan
from cloud.funding.clawback import ReductionType
from cloud.funding.extension import ExtensionRequest
from cloud.funding.process import direct_pay, exports, net_funds, payouts, risk
from cloud.funding.process.risk import ClockRow
from cloud.funding.views import limit_days
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money, total
from cloud.portal.asking import Answer, Ask, File, Go, Page, linked
from cloud.portal.life_line import LifeLine, Point, life_line
from cloud.portal.money_words import CLOCK_DUE, CLOCKS, MILESTONES, WORDS
from cloud.portal.partner_views.money_of import SECOND_LIST, chosen, one_of, shown
from cloud.portal.routes import Views
from cloud.portal.whose import ADMIN, own_money
from cloud.portfolio.models import Milestone, Project, Site

VIEWS = Views()
HERE = "/portal/clawback"
_REPORT = "view_clawback_report"
_CSV = "text/csv; charset=utf-8"
_RED = "red"
_WITHIN = {_RED: 0, "over": -1, "7": 7, "14": 14, "30": 30, "60": 60}
"""Choices of days left: those that need action (F28), that are over, or have at most so many."""
_WITHIN_SAYS = [
    (_RED, "Needs action now"),
    ("over", "Over"),
    *((one, f"{one} or fewer") for one in _WITHIN if one.isdigit()),
]
_CLAWBACKS = (ReductionType.CLAWBACK, ReductionType.CLAWBACK_TO_NET_FUND)
_NET_FUNDS = (ReductionType.NET_FUND,)


@VIEWS.get(HERE, ADMIN)
def report(ask: Ask) -> Page:
    """Show the clocks that run and what each moves, or the netting project by project (F28)."""
    about = chosen(ask, action=_REPORT)
    tab = one_of(ask, "tab", ("net_fund",)) or "clawback"
    found = payouts.holdings(ask.records, about.partner_id, at=ask.at)
    extensions = risk.extensions_by_project(ask.records, about.partner_id)
    clocks = sorted(  # what runs out first, whichever clock it is; the report goes clock by clock
        risk.clock_rows(found, extensions, at=ask.at),
        key=lambda row: (row.days_left, row.project_id),
    )
    red = [row for row in clocks if row.is_red]
    takings = net_funds.takings(found, _CLAWBACKS if tab == "clawback" else _NET_FUNDS)
    nets = net_funds.net_by_project(found)
    within, clock = one_of(ask, "within", _WITHIN), one_of(ask, "clock", CLOCKS)
    kept = [row for row in clocks if _is_within(row, within) and clock in {"", row.clock}]
    asked: dict[str, Any] = {"organisation": about.asked, "tab": tab if tab != "clawback" else ""}
    page = (
        shown(ask, kept, within=within, clock=clock, **asked)
        if tab == "clawback"
        else shown(ask, nets, **asked)
    )
    taken = shown(
        ask, takings, at="reductions", size=SECOND_LIST, within=within, clock=clock, **asked
    )
    ids = {row.project_id for row in (*page.rows, *taken.rows)}
    return Page(
        "partner/clawback.html",
        "Clawback and Net-Fund",
        {
            **WORDS,
            "about": about,
            "tab": tab,
            "tabs": [
                (says, linked(HERE, tab=to, organisation=about.asked), tab == (to or "clawback"))
                for says, to in (("Clawback", ""), ("Net-Fund", "net_fund"))
            ],
            "page": page,
            "taken": taken,
            "names": payouts.account_names(ask.records, found, ids),
            "at_risk": total(row.unclaimed for row in clocks),
            "claimed": total(row.claimed for row in clocks),
            "red": (len(red), total(row.unclaimed for row in red)),
            "kept_sum": total(row.unclaimed for row in kept),
            "net_sums": net_funds.sums(nets),
            "taken_sums": _sums_of(takings),
            "within": within,
            "clock": clock,
            "limits": {one: limit_days(one, eastern_day(ask.at)) for one in CLOCKS},
            "choices": {"within": _WITHIN_SAYS, "clock": list(CLOCKS.items())},
            "csv": linked(f"{HERE}/csv", organisation=about.asked),
        },
    )


@VIEWS.get("/portal/clawback/csv", ADMIN)
def report_csv(ask: Ask) -> Answer:
    """Give the report as a table; one that is too large is to be asked for as an export (F29)."""
    about = chosen(ask, action=_REPORT)
    text = exports.download(
        ask.records, about=about.partner_id, report="clawbacks", filters={}, at=ask.at
    )
    if isinstance(text, Refused):
        return Go("/portal/exports", refused=text)
    return File("clawbacks.csv", _CSV, text.encode())


@VIEWS.get("/portal/projects/{project_id}", ADMIN)
def one_project(ask: Ask) -> Page:
    """Show one project's milestones, clocks, payouts, reductions, extensions and Direct Pay."""
    project = own_money(ask, Project, ask.names["project_id"]).record
    found = payouts.project_holdings(ask.records, project, at=ask.at)
    requests = [
        one.record
        for one in ask.records.find(ExtensionRequest, by="project_id", value=project.id)
        if one.record.partner_id == project.partner_id
    ]
    clocks = risk.clock_rows(found, risk.by_milestone(requests), at=ask.at)
    direct = direct_pay.standing_of(ask.records, project, at=ask.at).record
    home = ask.records.load(Site, project.site_id)
    shares = plan.split(project.value, project.plan, programme=project.programme)
    nets = net_funds.net_by_project(found, only_reduced=False)
    return Page(
        "partner/project.html",
        home.record.customer_name if home is not None else project.id,
        {
            **WORDS,
            "here": HERE,
            "project": project,
            "home": home.record if home is not None else None,
            "running": clocks,
            "rows": [row for row in payouts.rows_of(found, at=ask.at) if row.kind == "payable"],
            "takings": net_funds.takings(found),
            "net": net_funds.sums(nets),
            "requests": sorted(requests, key=lambda one: one.submitted_at, reverse=True),
            "direct": direct,
            "milestones": _milestones(project, shares),
            "line": _line(ask, project, clocks),
            "today": eastern_day(ask.at),
            "may_extend": any(one.clock == "m1_to_m2" for one in clocks),
        },
    )


def _sums_of(takings: Sequence[net_funds.Taking]) -> tuple[Money, Money, Money]:
    """Sum what was to be taken, what was, and what is left of it."""
    return (
        total(one.raised for one in takings),
        total(one.taken for one in takings),
        total(one.left for one in takings),
    )


def _is_within(row: ClockRow, within: str) -> bool:
    if within == _RED:
        return row.is_red
    return not within or row.days_left <= _WITHIN[within]


def _milestones(project: Project, shares: dict[Milestone, Money]) -> list[tuple[object, ...]]:
    """Give each milestone with the day it was reached and what it pays; M1 rests on one of two."""
    reached = dict(project.reached)
    return [
        (MILESTONES[str(one)], reached.get(one), shares.get(one))
        for one in Milestone
        if one in shares or one in reached
    ]


def _line(ask: Ask, project: Project, clocks: list[ClockRow]) -> LifeLine:
    reached = [
        Point(eastern_day(at), "reached", MILESTONES[str(one)]) for one, at in project.reached
    ]
    ends = [
        Point(
            row.due_on,
            "over" if row.days_left < 0 else "soon" if row.is_red else "due",
            CLOCK_DUE[row.clock],
            _extended(row),
        )
        for row in clocks
    ]
    cancelled = (
        [Point(eastern_day(project.cancelled_at), "over", "Cancelled")]
        if project.cancelled_at is not None
        else []
    )
    return life_line([*reached, *ends, *cancelled], eastern_day(ask.at))


def _extended(row: ClockRow) -> str:
    return f"with {row.extension_days} days of extension" if row.extension_days else ""
