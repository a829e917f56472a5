"""The books: accounts, entries with their causes, whether all of it sums, checks of the whole."""

from datetime import timedelta
from typing import Any

from cloud.funding import process as funding
from cloud.funding.models import BooksCheck, LedgerEntry
from cloud.funding.process.run import RUN
from cloud.kernel.csv_text import csv_text
from cloud.kernel.money import total
from cloud.portal.asking import Absent, Answer, Ask, File, Go, Page, Part, linked
from cloud.portal.console_views.money_desk import READERS, everywhere, partner_names, shown
from cloud.portal.routes import Views
from cloud.portfolio.models import Partner, Project
from cloud.reporting.account_sheet import Sheet, sheet_of
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, TREASURY

VIEWS = Views()
HERE = "/console/ledger"
CHECKS = HERE + "/checks"
MOST_CHECKS = 10
PATIENCE = timedelta(minutes=15)
"""How long a check of the books is waited for before its page says that it may be stuck."""


@VIEWS.get(HERE, *READERS)
def books(ask: Ask) -> Page:
    """Show the last check of all books, its balances, and the way to each partner's entries."""
    checks = _checks(ask)
    latest = next((one for one in checks if one.done_at is not None), None)
    return Page(
        "console/ledger.html",
        "Ledger",
        {
            **everywhere(ask),
            "names": partner_names(ask),
            "checks": checks,
            "latest": latest,
            "sum": total(amount for _, amount in latest.balances) if latest else None,
            "may_check": bool(ask.visitor.roles & {ACCOUNTANT, ACCOUNTING, TREASURY}),
        },
    )


def _checks(ask: Ask) -> list[BooksCheck]:
    """Give the last checks: those of the nights, and the person's own."""
    found = [
        one.record
        for by in dict.fromkeys((RUN, ask.by))
        for one in ask.records.find(BooksCheck, by="by", value=by)
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)[:MOST_CHECKS]


@VIEWS.get(HERE + "/find", *READERS)
def find(ask: Ask) -> Answer:
    """Lead to the entries of the partner that was chosen, or of a project."""
    project_id = ask.query.get("project", "").strip()
    partner_id = ask.query.get("partner", "")
    if project_id:
        found = ask.records.load(Project, project_id) or ask.records.load(
            Project, project_id.upper()
        )
        if found is None:
            raise Absent
        return Go(linked(f"{HERE}/of/{found.record.partner_id}", project=found.record.id))
    return Go(f"{HERE}/of/{partner_id}" if partner_id else HERE)


def _sheet(ask: Ask) -> tuple[Partner, Sheet, str, str]:
    found = ask.records.load(Partner, ask.names["partner_id"])
    if found is None:
        raise Absent
    account, project = ask.query.get("account", "")[:200], ask.query.get("project", "")[:200]
    sheet = sheet_of(ask.records, found.record.id, account=account, project_id=project)
    return found.record, sheet, account, project


@VIEWS.get(HERE + "/of/{partner_id}", *READERS)
def one_partner(ask: Ask) -> Page:
    """Show a partner's entries, each with its cause, its run and the balance after it."""
    partner, sheet, account, project = _sheet(ask)
    # The latest first: who looks at books looks for what just happened.
    rows = sheet.lines[::-1]
    asked: dict[str, Any] = {"account": account, "project": project}
    return Page(
        "console/ledger_of.html",
        f"Ledger of {partner.name}",
        {
            **everywhere(ask),
            "partner": partner,
            "sheet": sheet,
            "account": account,
            "project": project,
            "page": shown(ask, rows, **asked),
            "csv": linked(f"{HERE}/of/{partner.id}/csv", **asked),
            "here": f"{HERE}/of/{partner.id}",
        },
    )


@VIEWS.get(HERE + "/of/{partner_id}/csv", *READERS)
def partner_csv(ask: Ask) -> File:
    """Give a partner's entries for a spreadsheet, oldest first."""
    partner, sheet, _, _ = _sheet(ask)
    heads = (
        "number",
        "entry",
        "recorded_at",
        "event_at",
        "account",
        "debit",
        "credit",
        "balance",
        "run",
        "causes",
        "says",
    )
    rows = (
        (
            one.entry.number,
            one.entry.id,
            one.entry.recorded_at,
            one.entry.event_at,
            one.account,
            one.debit,
            one.credit,
            one.balance,
            one.run_id,
            " ".join(one.entry.causes),
            one.entry.says,
        )
        for one in sheet.lines
    )
    text = csv_text([heads, *rows])
    return File(f"ledger-{partner.id}.csv", "text/csv; charset=utf-8", text.encode())


@VIEWS.get(HERE + "/entries/{entry_id}", *READERS)
def one_entry(ask: Ask) -> Page:
    """Show one entry: its sides, its causes, and its place in the chain."""
    found = ask.records.load(LedgerEntry, ask.names["entry_id"])
    if found is None:
        raise Absent
    entry = found.record
    return Page(
        "console/ledger_entry.html",
        f"Entry {entry.number} of {entry.partner_id}",
        {
            **everywhere(ask),
            "entry": entry,
            "sum": total(one.amount for one in entry.postings),
            "moved": total(one.amount for one in entry.postings if one.amount.cents > 0),
        },
    )


# ---- checks of the whole -------------------------------------------------------------------------


@VIEWS.post(CHECKS, ACCOUNTANT, ACCOUNTING, TREASURY)
def order_check(ask: Ask) -> Answer:
    """Have all books recomputed: chains, accounts, items, plans and bank files."""
    made = funding.order_check(ask.records, **ask.acting())
    return Go(f"{CHECKS}/{made.id}", said="All books are being recomputed.")


def _check(ask: Ask) -> BooksCheck:
    found = ask.records.load(BooksCheck, ask.names["check_id"])
    if found is None:
        raise Absent
    return found.record


@VIEWS.get(CHECKS + "/{check_id}", *READERS)
def one_check(ask: Ask) -> Page:
    """Show what a check of the books found."""
    check = _check(ask)
    return Page(
        "console/books_check.html",
        "Check of the books",
        {**everywhere(ask), **_shown(ask, check)},
    )


@VIEWS.get(CHECKS + "/{check_id}/progress", *READERS)
def check_progress(ask: Ask) -> Part:
    """Tell whether a check is done; asked for by script while it is not."""
    return Part("console/books_check_found.html", {**everywhere(ask), **_shown(ask, _check(ask))})


def _shown(ask: Ask, check: BooksCheck) -> dict[str, object]:
    return {
        "check": check,
        "sum": total(amount for _, amount in check.balances),
        "is_slow": check.done_at is None and ask.at - check.at > PATIENCE,
        "here": f"{CHECKS}/{check.id}",
    }
