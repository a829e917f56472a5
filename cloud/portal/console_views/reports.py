"""Reports: what each says, asked as of any instant, as a table, as a picture and as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from cloud.adapters.report_html import HTML_TYPE, as_html
from cloud.adapters.table_pdf import as_pdf
from cloud.adapters.tables_out import CSV_TYPE, as_csv
from cloud.kernel.calendar import EASTERN
from cloud.kernel.csv_text import instant
from cloud.kernel.errors import BadInput
from cloud.portal.asking import Absent, Ask, File, Page, Part, linked
from cloud.portal.console_views.money_desk import partner_names, rule_to
from cloud.portal.console_views.ways import way_to
from cloud.portal.families import family_words
from cloud.portal.report_bars import Bars, bars_of
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped, words
from cloud.reporting.asking import question
from cloud.reporting.facts import of_partners_work, of_period
from cloud.reporting.headlines import headline
from cloud.reporting.models import ALL, Asked, Cell, Column, Report, Row
from cloud.reporting.parameters import PARAMETERS
from cloud.reporting.ports import ToldRecords
from cloud.reporting.process import REPORTS, report
from cloud.reporting.roles import ACCOUNTING, ADMIN, AMS, AUDITOR, REPORT_READERS, RM, SPC
from cloud.reporting.schedules import ReportSchedule
from cloud.reporting.scheduling import running_schedules, schedules_of

VIEWS = Views()
HERE = "/console/reports"
READERS = (SPC, RM, AMS, ACCOUNTING, AUDITOR)
SCHEDULERS = (SPC, RM, AMS, ACCOUNTING)
"""Who has reports sent: an auditor reads, and changes nothing."""
MOST_CELLS = 900
"""Of one page; a report with many columns shows fewer rows of them."""
MOST_ROWS = 50
LARGEST_FILE = 4_000_000
"""Bytes; a Lambda's answer is at most 6 MB, and a file in it takes a third more."""
MILESTONES = {
    "accept": "Answer the offer",
    "schedule": "Reach the homeowner",
    "complete": "Work and report",
}

GROUPS: Mapping[str, Mapping[str, str]] = {
    "What stands now": {
        "due_soon": "Due soon, and overdue",
        "ageing": "Open cases and work orders by age",
        "invoice_pipeline": "Invoices that wait",
        "compliance_expiry": "Licences and papers that end",
    },
    "How service works": {
        "sla_compliance": "Deadlines kept",
        "customer_clock": "How long customers wait",
        "pause_audit": "Pauses of clocks",
        "routing_audit": "How partners were found",
        "verification": "What the readings said after the work",
        "omnidian": "Cases with the support center",
        "detection_precision": "How often detection was right",
        "replay": "Another policy of deadlines",
    },
    "Partners and money": {
        "partner_scorecard": "Scorecard of all partners",
        "spend_control": "Spending and its limits",
        "back_bill_exposure": "Back-bills by standing",
    },
}
"""Group -> reports of it, each with its title."""
TITLES: Mapping[str, str] = {name: says for one in GROUPS.values() for name, says in one.items()}
_PERIOD = ("from", "until")
_ASKS: Mapping[str, Sequence[str]] = {
    "ageing": ("partner",),
    "back_bill_exposure": ("partner",),
    "compliance_expiry": ("partner", "horizon_hours"),
    "customer_clock": ("region",),
    "detection_precision": ("region",),
    "due_soon": ("horizon_hours", "partner", "region", "emergency"),
    "invoice_pipeline": ("partner",),
    "omnidian": ("region",),
    "partner_scorecard": ("partner",),
    "pause_audit": ("partner",),
    "replay": ("what_if", "partner", "milestone", "region", "emergency"),
    "routing_audit": ("partner", "region"),
    "sla_compliance": ("partner", "milestone", "region", "emergency"),
    "spend_control": ("partner",),
    "verification": ("partner", "region"),
}
"""Report -> the words that say something to it, beside its instant and its period."""
_PAGES = {
    "partner": "partner",
    "work_order": "work_order",
    "case": "case",
    "site": "site",
    "invoice": "invoice",
}
"""Name of a column -> what its cells are ids of."""
_IN_WORDS = frozenset(
    {
        "what",
        "waits_for",
        "owner",
        "milestone",
        "stage",
        "outcome",
        "routed_by",
        "reason",
        "serials",
        "change",
        "agreed",
        "what_if",
        "flags",
        "state",
        "decides",
    }
)
"""Columns whose cells are names of ours."""
_ENDINGS = {
    "_n": ", counted",
    "_shrunk": ", levelled",
    "_p50": ", median",
    "_p90": ", 90th percentile",
}
"""How names of columns end -> what is said instead; levelled shares start from OR-01's."""


def takes_period(name: str) -> bool:
    """Tell whether a report is about a period, and not about what stands at its instant."""
    return REPORTS[name][0] in {of_period, of_partners_work}


# ---- the list ------------------------------------------------------------------------------------


@VIEWS.get(HERE, *READERS, ADMIN)
def reports(ask: Ask) -> Page:
    """Show the reports with what each says, and which of them are sent regularly."""
    missing = {name: words(name) for name in REPORTS if name not in TITLES}
    groups = [*GROUPS.items(), *([("Others", missing)] if missing else [])]
    says = {name: summary(name) for name in REPORTS}
    mine, others = schedules(ask)
    return Page(
        "console/reports.html",
        "Reports",
        {
            "groups": groups,
            "says": says,
            "may_read": bool(ask.visitor.roles & REPORT_READERS),
            "may_schedule": bool(ask.visitor.roles & {*SCHEDULERS}),
            "mine": mine,
            "others": others,
            "title_of": title_of,
            "when_words": when_words,
        },
    )


def schedules(ask: Ask) -> tuple[list[ReportSchedule], list[ReportSchedule]]:
    """Give one's own scheduled reports, and to administrator and auditor all that run."""
    mine = schedules_of(ask.records, ask.by)
    if not ask.visitor.roles & {ADMIN, AUDITOR}:
        return mine, []
    known = {one.id for one in mine}
    return mine, [one for one in running_schedules(ask.records) if one.id not in known]


def title_of(name: str) -> str:
    """Give what a report is called."""
    return TITLES.get(name) or words(name)


def summary(name: str) -> str:
    """Give in one sentence what a report tells: its own first one, without the verb."""
    first = (REPORTS[name][1].__doc__ or "").partition("\n")[0].partition(" (")[0].rstrip(".")
    told = first.removeprefix("Tell ").removeprefix("List ").removesuffix(", in cents")
    return f"{told[:1].upper()}{told[1:]}."


def when_words(one: ReportSchedule) -> str:
    """Say when a report is sent."""
    when = one.when
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    at = f"at {when.hour:02d}:{when.minute:02d} ({when.time_zone.replace('_', ' ')})"
    match when.cadence.value:
        case "weekly":
            return f"each {days[when.weekday - 1]} {at}"
        case "monthly":
            return f"each month on day {when.day} {at}"
        case _:
            return f"each day {at}"


# ---- one report ----------------------------------------------------------------------------------


@VIEWS.get(HERE + "/{name}", *READERS)
def one_report(ask: Ask) -> Page:
    """Show one report: its question, and below it the answer, which comes by itself."""
    name = _name(ask)
    said = _said(ask)
    wrong = ""
    try:
        asked = question(said, now=ask.at)
    except BadInput as no:
        wrong, asked = _sentence(no), question({}, now=ask.at)
    pinned = {**said, "as_of": instant(asked.as_of)}
    shown = None
    if ask.query.get("show") == "now" and not wrong:
        try:
            shown = _made(ask, name, pinned)
        except BadInput as no:  # only the report itself reads some words, as another policy
            wrong = _sentence(no)
    shows: dict[str, Any] = {
        "name": name,
        "says": summary(name),
        "asks": {*_ASKS.get(name, ()), "as_of", *(_PERIOD if takes_period(name) else ())},
        "typed": AsTyped(said, {"": wrong}) if wrong else None,
        "given": {**said, "as_of": _eastern(said.get("as_of", ""))},
        "asked": asked,
        "partners": list(partner_names(ask).items()),
        "milestones": list(MILESTONES.items()),
        "parameters": {one.name: one for one in PARAMETERS},
        "to_made": linked(f"{HERE}/{name}/made", **pinned, page=ask.query.get("page", "")),
        "to_now": linked(f"{HERE}/{name}", **pinned, show="now"),
        "files": [
            (says, linked(f"{HERE}/{name}/{file}", **pinned))
            for says, file in (("CSV", "csv"), ("PDF", "pdf"), ("Page to keep", "html"))
        ],
        "to_schedule": linked(f"{HERE}/schedules/new", report=name, **_lasting(said)),
        "may_schedule": bool(ask.visitor.roles & {*SCHEDULERS}),
        "made": shown,
        "wrong": wrong,
        "is_made_at": asked.as_of,
    }
    return Page("console/report_of.html", title_of(name), shows, status=422 if wrong else 200)


@VIEWS.get(HERE + "/{name}/made", *READERS)
def made(ask: Ask) -> Part:
    """Give the answer by itself; what cannot be read of the question is told in its place."""
    name = _name(ask)
    try:
        shows = _made(ask, name, _said(ask))
    except BadInput as no:
        return Part("console/report_made.html", {"made": None, "wrong": _sentence(no)})
    return Part("console/report_made.html", {"made": shows, "wrong": ""})


@dataclass(frozen=True, slots=True)
class Shown:
    """One cell of a report: how it is shown, what it says, and the page that it leads to."""

    kind: str
    value: Cell
    to: str = ""


def _made(ask: Ask, name: str, said: Mapping[str, str]) -> dict[str, Any]:
    found = _run(ask, name, question(said, now=ask.at))
    names = partner_names(ask)
    most = max(10, min(MOST_ROWS, MOST_CELLS // len(found.columns)))
    page = ask.query.get("page", "")
    last = max(0, (len(found.rows) - 1) // most)
    number = min(int(page), last) if page.isascii() and page.isdigit() and len(page) < 7 else 0
    rows = found.rows[number * most : (number + 1) * most]
    here = f"{HERE}/{name}"
    return {
        "report": found,
        "heads": [(_head(one), one.unit == "cents" or _is_number(one)) for one in found.columns],
        "rows": [_cells(ask, found.columns, row, names) for row in rows],
        "first": number * most + 1,
        "count": len(found.rows),
        "bars": _bars(found, names),
        "explained": [one for one in found.columns if one.says],
        "head": _head,
        "earlier": linked(here, **said, page=number - 1 or "", show="now") if number else "",
        "later": linked(here, **said, page=number + 1, show="now") if number < last else "",
    }


def _run(ask: Ask, name: str, asked: Asked) -> Report:
    return report(cast("ToldRecords", ask.records), name, asked)


def _bars(found: Report, names: Mapping[str, str]) -> Bars | None:
    seen = headline(found)

    def named(text: str) -> str:
        if text in names:
            return names[text]
        first, _, rest = text.partition(" ")
        family = family_words(rest) if rest and rest.isupper() else rest
        return words(f"{first}, {family.lower()}" if rest and rest.isupper() else text)

    return bars_of(seen, named) if seen else None


def _cells(
    ask: Ask, columns: Sequence[Column], row: Row, names: Mapping[str, str]
) -> list[tuple[str, Shown]]:
    return [
        (_head(column), _cell(ask, column, cell, names))
        for column, cell in zip(columns, row.cells, strict=True)
    ]


def _cell(ask: Ask, column: Column, cell: Cell, names: Mapping[str, str]) -> Shown:
    match cell:
        case None | "":
            return Shown("none", None)
        case bool():
            return Shown("text", "Yes" if cell else "No")
        case datetime():
            return Shown("moment", cell)
        case int() | float():
            return Shown("money" if column.unit == "cents" else "number", cell)
    return _text(ask, column, cell, names)


def _text(ask: Ask, column: Column, said: str, names: Mapping[str, str]) -> Shown:
    if said == ALL:
        return Shown("text", "All")
    if column.name == "rule":
        return Shown("text", said, rule_to(said))
    about = _PAGES.get(column.name) or _about(said, names)
    if about:
        return Shown("text", names.get(said, said), way_to(ask, about, said))
    if column.name == "family":
        return Shown("text", family_words(said))
    return Shown("text", words(said) if column.name in _IN_WORDS else said)


def _about(said: str, names: Mapping[str, str]) -> str:
    """Give what a text is the id of, where it is one."""
    if said in names:
        return "partner"
    start = said.partition("-")[0]
    return {"WO": "work_order", "CASE": "case", "INV": "invoice"}.get(start, "")


def _head(column: Column) -> str:
    """Give what a column is called, with what its numbers count."""
    name = column.name
    for ending, says in _ENDINGS.items():
        if name.endswith(ending):
            name = name.removesuffix(ending) + says
    unit = {"cents": "", "": ""}.get(column.unit, f" ({column.unit})")
    return f"{words(name)}{unit}"


def _is_number(column: Column) -> bool:
    return bool(column.unit)


# ---- files ---------------------------------------------------------------------------------------


@VIEWS.get(HERE + "/{name}/csv", *READERS)
def as_csv_file(ask: Ask) -> File:
    """Give a report as CSV, all of its rows."""
    return _file(ask, "csv", CSV_TYPE, lambda found: as_csv(found).encode())


@VIEWS.get(HERE + "/{name}/pdf", *READERS)
def as_pdf_file(ask: Ask) -> File:
    """Give a report as PDF, to print."""
    return _file(ask, "pdf", "application/pdf", as_pdf)


@VIEWS.get(HERE + "/{name}/html", *READERS)
def as_html_file(ask: Ask) -> File:
    """Give a report as one page that stands by itself."""
    return _file(ask, "html", HTML_TYPE, lambda found: as_html(found).encode())


def _file(ask: Ask, ending: str, content_type: str, written: Any) -> File:
    name = _name(ask)
    found = _run(ask, name, question(_said(ask), now=ask.at))
    content: bytes = written(found)
    if len(content) > LARGEST_FILE:
        msg = f"report {name} is too long for one file: ask for a shorter period or one partner"
        raise BadInput(msg)
    day = found.asked.as_of.astimezone(EASTERN).date()
    return File(f"{name}-{day.isoformat()}.{ending}", content_type, content)


# ---- the question --------------------------------------------------------------------------------


def _name(ask: Ask) -> str:
    name = ask.names["name"]
    if name not in REPORTS:
        raise Absent
    return name


def _said(ask: Ask) -> dict[str, str]:
    """Give the words of the question; an instant without a zone is one of Eastern clocks."""
    said = {
        one.name: ask.query.get(one.name, "").strip()[:200]
        for one in PARAMETERS
        if ask.query.get(one.name, "").strip()
    }
    if "as_of" in said:
        said["as_of"] = _with_zone(said["as_of"])
    return said


def _with_zone(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if found.tzinfo is not None else instant(found.replace(tzinfo=EASTERN))


def _eastern(text: str) -> str:
    """Give an instant as a field for day and time takes it, on Eastern clocks."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return f"{found.astimezone(EASTERN):%Y-%m-%dT%H:%M}"


def _lasting(said: Mapping[str, str]) -> dict[str, str]:
    """Give the words that a schedule can keep: not those of one instant or period."""
    return {name: text for name, text in said.items() if name not in {"as_of", "from", "until"}}


def _sentence(no: Exception) -> str:
    told = str(no)
    return told[:1].upper() + told[1:] + ("" if told.endswith(".") else ".")
