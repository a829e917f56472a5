"""Audit: the event log by thing, person, day and what happened, and what two people decided."""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

from cloud.kernel.calendar import FIRST_YEAR, LAST_YEAR
from cloud.kernel.errors import BadInput
from cloud.portal.asking import Ask, File, Page, linked
from cloud.portal.console_views.money_desk import PROPOSALS, one_of, rule_to, shown, trace_to
from cloud.portal.console_views.trace import rule_book
from cloud.portal.console_views.ways import way_to
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped, words
from cloud.reporting import audit, audit_search
from cloud.reporting.audit_search import LoggedRecords, Wanted
from cloud.reporting.policy import FIRST_DAY
from cloud.reporting.ports import ToldRecords
from cloud.reporting.roles import AUDITOR
from cloud.reporting.two_people import decided_by_two

VIEWS = Views()
HERE = "/console/audit"
TABS = ((HERE, "The log"), (f"{HERE}/two_people", "What two people decided"))
_ASKS = ("subject", "by", "what", "since", "until")
_DEEDS = {
    **PROPOSALS,
    "approve_run": "Approve a run",
    "change_bank_details": "Change bank details",
    "agree_bank_file": "Take in a bank's file",
    "book_run": "Say what the bank did with a run",
    "decide_extension": "Decide on an extension",
    "charge_customer": "Charge a customer",
    "approve_invoice": "Approve an invoice",
    "approve_spend": "Give leave to spend",
}
_CSV_TYPE = "text/csv; charset=utf-8; header=present"


@VIEWS.get(HERE, AUDITOR)
def log(ask: Ask) -> Page:
    """Show what happened: of a thing, a person, a kind of event, or of days; today by default."""
    said = _said(ask)
    today = audit.today(ask.at)
    wrong, found = "", audit.Page(())
    after = ask.query.get("after", "")[:60]
    try:
        wanted = _wanted(said, today)
        records = cast("LoggedRecords", ask.records)
        found = audit_search.look(records, wanted, today=today, after=after)
    except BadInput as no:
        told = str(no)
        wrong, wanted = told[:1].upper() + told[1:] + ".", Wanted(since=today, until=today)
    is_one_day = wanted.since == wanted.until and not wanted.subject
    shows: dict[str, Any] = {
        **_everywhere(ask),
        "given": said,
        "typed": AsTyped(said, {"": wrong}) if wrong else None,
        "events": found.events,
        "later": linked(HERE, **said, after=found.next) if found.next else "",
        "first": linked(HERE, **said) if after else "",
        "to_csv": linked(f"{HERE}/csv", **said),
        "asked_any": any(said.values()),
        "beside": [
            (one, linked(HERE, **{**said, "since": one.isoformat(), "until": one.isoformat()}))
            for one in audit_search.days_beside(wanted.since, today)
        ]
        if is_one_day
        else [],
        "day": wanted.since if is_one_day else None,
        "since": None if wanted.since == FIRST_DAY else wanted.since,
        "until": wanted.until,
        "day_words": "of UTC",
        "rules": rule_book(),
    }
    return Page("console/audit.html", "Audit", shows, status=422 if wrong else 200)


@VIEWS.get(HERE + "/csv", AUDITOR)
def as_file(ask: Ask) -> File:
    """Give all the events that are looked for as CSV, the oldest first."""
    said, today = _said(ask), audit.today(ask.at)
    wanted = _wanted(said, today)
    found = audit_search.everything(cast("LoggedRecords", ask.records), wanted, today=today)
    about = said["subject"] or said["by"] or said["what"] or wanted.since.isoformat()
    return File(f"log-{about}.csv", _CSV_TYPE, audit_search.as_csv(found).encode())


@VIEWS.get(HERE + "/two_people", AUDITOR)
def two_people(ask: Ask) -> Page:
    """Show who asked and who decided, of everything that takes two people (D09)."""
    everything = decided_by_two(cast("ToldRecords", ask.records), at=ask.at)
    kinds = {one.what: _DEEDS.get(one.what, words(one.what)) for one in everything}
    kind = one_of(ask, "kind", kinds)
    person = ask.query.get("person", "").strip()[:100]
    kept = [
        one
        for one in everything
        if kind in {"", one.what}
        and person in {"", one.asked_by, one.decided_by, one.stopped_by, *one.others}
    ]
    return Page(
        "console/audit_two.html",
        "What two people decided",
        {
            **_everywhere(ask),
            "found": shown(ask, kept, kind=kind, person=person),
            "kinds": sorted(kinds.items(), key=lambda it: it[1]),
            "kind": kind,
            "person": person,
            "alone": sum(one.is_one_person for one in everything),
            "total": len(everything),
            "deeds": _DEEDS,
        },
    )


def _everywhere(ask: Ask) -> dict[str, Any]:
    return {
        "tabs": [(says, to, to == ask.path, None) for to, says in TABS],
        "trace_to": trace_to,
        "rule_to": rule_to,
        "log_of": lambda **said: linked(HERE, **said),
        "way": lambda about, name: way_to(ask, about, name),
    }


def _said(ask: Ask) -> dict[str, str]:
    return {name: ask.query.get(name, "").strip()[:200] for name in _ASKS}


def _wanted(said: Mapping[str, str], today: date) -> Wanted:
    """Read what is looked for; without anything it is what happened today.

    A first day without a last one reaches until today, a last one alone back to the first of all.

    Raises:
        BadInput: a day is none, or the last one lies before the first.
    """
    since, until = _day(said["since"]), _day(said["until"])
    is_narrow = bool(said["subject"] or said["by"] or said["what"])
    if not (is_narrow or since or until):
        since = today
    return Wanted(
        subject=said["subject"],
        by=said["by"],
        what=said["what"].lower().replace(" ", "_"),
        since=since or FIRST_DAY,
        until=until or today,
    )


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        msg = f"reading the day {text[:40]!r}: choose it in the calendar, or write 2026-06-08"
        raise BadInput(msg)
    return found
