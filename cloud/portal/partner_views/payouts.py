"""Payouts: what runs pay and paid, where each amount stands, and one payment line by line."""

from collections.abc import Collection, Sequence
from typing import Any

from cloud.funding.clawback import ReductionType
from cloud.funding.exports import link_minutes
from cloud.funding.netting import DeductionKind
from cloud.funding.process import paid_runs, payouts, remittances
from cloud.funding.process.paid_runs import EarnedLine, TakenLine
from cloud.funding.process.payouts import DEDUCTION, PAYABLE, PayoutFilter, PayoutRow
from cloud.funding.views import PENDING, RETURNED, SENT, SETTLED, WITHDRAWN
from cloud.kernel.calendar import eastern_day
from cloud.kernel.money import total
from cloud.portal.asking import Ask, Away, File, Form, Page, linked
from cloud.portal.money_words import MILESTONES, STATUSES, TABS, WORDS, milestone
from cloud.portal.partner_views.money_of import SECOND_LIST, chosen, one_of, shown
from cloud.portal.routes import Views
from cloud.portal.typed import Typed
from cloud.portal.whose import ADMIN

VIEWS = Views()
HERE = "/portal/payouts"
RUNS = 12
"""Payments that the first page shows; the rest stand behind `?all=1`."""
_CSV = "text/csv; charset=utf-8"


@VIEWS.get(HERE, ADMIN)
def all_payouts(ask: Ask) -> Page:
    """Show where every amount stands, and the payments so far (F35)."""
    about = chosen(ask)
    found = payouts.holdings(ask.records, about.partner_id, at=ask.at)
    rows = payouts.rows_of(found, at=ask.at)
    programmes = sorted({one.programme for one in rows})
    wanted, days = _filter(ask, programmes)
    tab, tabs = wanted.tab, payouts.totals(rows, at=ask.at)
    # The latest first: who looks for a payment looks for a new one.
    kept = payouts.wanted_rows(rows, wanted, at=ask.at)[::-1]
    asked = {"organisation": about.asked, **_kept_in_links(wanted)}
    page = shown(ask, kept, tab=tab if tab != "all" else "", **asked)
    runs = paid_runs.paid_runs(found)
    return Page(
        "partner/payouts.html",
        "Payouts",
        {
            **WORDS,
            "about": about,
            "runs": runs if ask.query.get("all") else runs[:RUNS],
            "runs_left_out": 0 if ask.query.get("all") else max(0, len(runs) - RUNS),
            "run_sums": {
                "gross": total(one.gross for one in runs),
                "taken": total(one.taken for one in runs),
                "net": total(one.net for one in runs),
            },
            "tabs": [
                (TABS[one.tab], linked(HERE, tab=one.tab, **asked), one.rows, one.tab == tab)
                for one in tabs
            ],
            "totals": {one.tab: one for one in tabs},
            "rows": payouts.named(ask.records, found, page.rows),
            "page": page,
            "sums": _sums(kept),
            "wanted": wanted,
            "tab": tab,
            "typed": days.as_typed,
            "choices": _choices({row.about for row in rows}, programmes),
            "csv": linked("/portal/exports/download", report="payouts", organisation=about.asked),
        },
    )


def _filter(ask: Ask, programmes: Sequence[str]) -> tuple[PayoutFilter, Typed]:
    """Give what is asked for; a day that is none asks for nothing, and is told beside its field."""
    days = Typed(Form({name: (ask.query.get(name, ""),) for name in ("since", "until")}))
    wanted = PayoutFilter(
        tab=one_of(ask, "tab", TABS) or "all",
        status=one_of(ask, "status", STATUSES),
        since=days.day("since"),
        until=days.day("until"),
        category=one_of(ask, "category", tuple(map(str, ReductionType))),
        milestone=one_of(ask, "milestone", MILESTONES),
        programme=one_of(ask, "programme", programmes),
        project_id=ask.query.get("project", ""),
    )
    return wanted, days


def _kept_in_links(wanted: PayoutFilter) -> dict[str, Any]:
    """Give the query that leads to the same filter under another tab or on another page."""
    return {
        "status": wanted.status,
        "since": wanted.since,
        "until": wanted.until,
        "category": wanted.category,
        "milestone": wanted.milestone,
        "programme": wanted.programme,
        "project": wanted.project_id,
    }


def _choices(abouts: Collection[str], programmes: Sequence[str]) -> dict[str, Any]:
    """Give what each select offers: milestones and programmes that are there, all else always."""
    return {
        "status": [(one, STATUSES[one]) for one in _STATUSES],
        "category": [(str(one), str(one)) for one in ReductionType],
        "milestone": [(one, MILESTONES[one]) for one in MILESTONES if one in abouts],
        "programme": [(one, one.title()) for one in programmes],
    }


_STATUSES = (PENDING, SENT, SETTLED, RETURNED, WITHDRAWN)


@VIEWS.get("/portal/payouts/{run_id}", ADMIN)
def one_payout(ask: Ask) -> Page:
    """Show one payment: each line of it, what was taken and why, and where the money went (F04)."""
    about, run_id = chosen(ask), ask.names["run_id"]
    found = paid_runs.statement(ask.records, run_id=run_id, partner_id=about.partner_id)
    return Page(
        "partner/payout.html",
        "Payment",
        {
            **WORDS,
            "about": about,
            "it": found,
            "run": found.run,
            "parts": shown(ask, found.parts, organisation=about.asked),
            "held": shown(ask, found.held, at="held", size=SECOND_LIST, organisation=about.asked),
            "waiting": shown(
                ask, found.waiting, at="waiting", size=SECOND_LIST, organisation=about.asked
            ),
            "why_open": {one.id: _why_open(one, found.held) for one in found.waiting},
            "waiting_sum": total(one.left for one in found.waiting),
            "held_sum": total(one.amount for one in found.held),
            "advice": linked(f"{HERE}/{run_id}/advice", organisation=about.asked),
            "lines": linked(f"{HERE}/{run_id}/lines", organisation=about.asked),
            "back": linked(HERE, organisation=about.asked),
        },
    )


def _why_open(line: TakenLine, held: Sequence[EarnedLine]) -> str:
    """Say why a run took nothing of a deduction (D02, F10, F13)."""
    if line.is_paused:
        return "An extension postpones it"
    if line.is_own_project:
        waits = [
            milestone(one.milestone)
            for one in held
            if one.project_id == line.project_id and one.milestone
        ]
        named = " and ".join(dict.fromkeys(waits)) or "next payment"
        return f"It is taken from this project's {named}, which waits"
    if line.kind == DeductionKind.PREPAID_COMMISSION:
        return "It is taken from M1 and M2 payments, and there was none left"
    return "There was no money left that it could be taken from"


@VIEWS.get("/portal/payouts/{run_id}/advice", ADMIN)
def advice(ask: Ask) -> Away:
    """Lead to the remittance advice as pages, for some minutes (D36)."""
    about, run_id = chosen(ask), ask.names["run_id"]
    reference = remittances.advice_document(ask.records, run_id=run_id, partner_id=about.partner_id)
    minutes = link_minutes(eastern_day(ask.at))
    name = f"remittance-{run_id}.pdf"
    return Away(ask.house.outside.desk.link(reference, name=name, minutes=minutes))


@VIEWS.get("/portal/payouts/{run_id}/lines", ADMIN)
def lines(ask: Ask) -> File:
    """Give the lines of a payment for a spreadsheet."""
    about, run_id = chosen(ask), ask.names["run_id"]
    reference = remittances.advice_lines(ask.records, run_id=run_id, partner_id=about.partner_id)
    return File(f"remittance-{run_id}.csv", _CSV, ask.house.documents.get(reference))


def _sums(rows: Sequence[PayoutRow]) -> dict[str, object]:
    """Sum what is shown: what is earned, what is taken, and what of both is still open."""
    return {
        "amount": total(row.amount for row in rows if row.kind == PAYABLE)
        + total(row.amount for row in rows if row.kind == DEDUCTION),
        "left": total(row.left for row in rows if row.kind == PAYABLE)
        - total(row.left for row in rows if row.kind == DEDUCTION),
    }
