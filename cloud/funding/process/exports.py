"""Exports: small ones are given at once, large ones are written, kept and announced (F29)."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from cloud.funding import views
from cloud.funding.exports import WANTED, ExportOrder, ExportState, letter_of
from cloud.funding.policy import D35, F29
from cloud.funding.process import payouts, risk
from cloud.funding.process.payouts import Holdings
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Message, Save
from cloud.kernel.csv_text import csv_text
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.ids import derived
from cloud.kernel.ports import Documents, Records, require
from cloud.portfolio.models import Milestone, Partner, Project

WRITER = "export"
CSV = "text/csv"
LARGEST_ANSWER = 5_000_000
"""Bytes: a Lambda's answer is at most 6 MB (AWS Lambda developer guide, quotas)."""

Row = Mapping[str, object]
Filters = Mapping[str, str]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "payouts": (
        "id",
        "line",
        "project",
        "account_name",
        "milestone",
        "category",
        "rule",
        "amount",
        "left",
        "tab",
        "status",
        "holds",
        "event_at",
        "aging",
        "funding_date",
        "run",
        "trace",
        "account_last4",
        "market",
        "salesperson",
        "programme",
        "says",
    ),
    "clawbacks": (
        "id",
        "line",
        "project",
        "account_name",
        "milestone",
        "category",
        "rule",
        "amount",
        "taken",
        "started_on",
        "age_days",
        "aging",
        "days_left",
        "red",
        "due_on",
        "contract_due_on",
        "extension_days",
        "status",
        "market",
        "salesperson",
        "programme",
        "says",
    ),
    "projects": (
        "project",
        "account_name",
        "market",
        "salesperson",
        "programme",
        "milestone",
        "status",
        "ntp_at",
        "install_submitted_at",
        "install_approved_at",
        "m1_at",
        "m2_at",
        "clock",
        "aging",
        "days_left",
        "red",
        "due_on",
    ),
}
"""What each report gives, in order; a filter is named like the column that it looks at."""

FILTERS = ("aging", "category", "market", "milestone", "project", "salesperson", "status", "tab")
"""Columns that may be filtered by, where a report has them."""
DAYS = {"payouts": "event_at", "clawbacks": "started_on"}
"""The column that a period looks at, of the reports that have one."""
PERIOD = ("since", "until")
"""First and last Eastern day of a period, both included."""


def order_export(
    records: Records,
    *,
    partner_id: str,
    about: str,
    report: str,
    filters: Filters,
    by: str,
    at: datetime,
    key: str = "",
) -> ExportOrder | views.Export:
    """Count what an export would hold; a large one is written by and by and announced (F29).

    Args:
        records: where everything is.
        partner_id: the organisation that asks.
        about: whose rows are wanted, itself or a part of it.
        report: one of `COLUMNS`.
        filters: column and value, each of `FILTERS`, and the days of `PERIOD`.
        by: who asks.
        at: now.
        key: who asks twice with one key asks once; without a key each asking is another.

    Raises:
        BadInput: there is no such report, or it has no such filter.
    """
    rows = rows_of(records, about, report=report, filters=filters, at=at)
    verdict = views.export(len(rows), on=eastern_day(at))
    if verdict.mode == "download":
        return verdict
    order = ExportOrder(
        id=derived(
            "EXP", by, about, report, key or at.isoformat(), *sorted(map(str, filters.items()))
        ),
        partner_id=partner_id,
        about=about,
        report=report,
        filters=tuple(sorted(filters.items())),
        row_count=len(rows),
        by=by,
        asked_at=at,
    )
    if (known := records.load(ExportOrder, order.id)) is not None:
        return known.record
    says = f"{by} asks for {report} of {about}: {len(rows)} rows"
    records.commit(
        Change(
            saves=(Save(order),),
            events=(Event(order.id, "export_asked", at, by, "F29", (about,), says),),
            messages=(
                Message(derived("MSG", order.id, WANTED), WANTED, {"export_id": order.id}, at),
            ),
        )
    )
    return order


def download(
    records: Records,
    *,
    about: str,
    report: str,
    filters: Filters,
    at: datetime,
) -> str | Refused:
    """Give a small export at once, as CSV; what is too large is refused and to be ordered (F29).

    Raises:
        BadInput: there is no such report, or it has no such filter.
    """
    rows = rows_of(records, about, report=report, filters=filters, at=at)
    verdict = views.export(len(rows), on=eastern_day(at))
    text = as_csv(report, rows) if verdict.mode == "download" else ""
    if verdict.mode != "download" or len(text.encode()) > LARGEST_ANSWER:
        because = f"{len(rows)} rows are too many for one answer: ask for them by mail, or filter"
        return Refused(F29.id, because, "too_large")
    return text


def build_export(
    records: Records,
    documents: Documents,
    *,
    export_id: str,
    at: datetime,
) -> ExportOrder:
    """Write the file of an export and announce it, once, however often it is called.

    What was kept before an interruption stands: the file is as of its first writing.

    Raises:
        NotFound: nobody asked for it.
    """
    stored = require(records.load(ExportOrder, export_id), "export", export_id)
    order = stored.record
    if order.state is ExportState.READY:
        return order
    content = _kept(documents, order)
    if content is None:
        rows = rows_of(
            records,
            order.about,
            report=order.report,
            filters=dict(order.filters),
            at=at,
        )
        content = as_csv(order.report, rows).encode()
        try:
            documents.put(order.document, content, CSV)
        except Conflict:  # another call was faster, and its file stands
            content = documents.get(order.document)
    ready = replace(
        order,
        state=ExportState.READY,
        reference=order.document,
        row_count=row_count(content),
        ready_at=at,
    )
    to = require(records.load(Partner, order.partner_id), "organisation", order.partner_id)
    says = f"{order.report} of {order.about} is written: {ready.row_count} rows"
    records.commit(
        Change(
            saves=(stored.replaced_by(ready),),
            events=(Event(order.id, "export_ready", at, WRITER, "F29", (order.about,), says),),
            letters=(letter_of(ready, to.record.remittance_email, at=at),),
        )
    )
    return ready


def ready_document(order: ExportOrder, *, at: datetime) -> str | Refused:
    """Give the reference of an export's file while it can be downloaded (D35)."""
    if order.kept_until is None:
        return Refused(F29.id, f"export {order.id} is being written: wait for its mail", "conflict")
    if eastern_day(at) > order.kept_until:
        because = f"export {order.id} was kept until {order.kept_until}: ask for a new one"
        return Refused(D35.id, because, "export_expired")
    return order.reference


def rows_of(
    records: Records,
    partner_id: str,
    *,
    report: str,
    filters: Filters,
    at: datetime,
) -> list[Row]:
    """Give the rows of a report that fit all filters, each with every column.

    Raises:
        BadInput: there is no such report, or it has no such filter.
    """
    if report not in COLUMNS:
        msg = f"export of {report!r}: use one of {', '.join(COLUMNS)}"
        raise BadInput(msg)
    days = {name: _day(filters[name]) for name in PERIOD if name in filters}
    columns = {name: value for name, value in filters.items() if name not in PERIOD}
    wrong = [*(PERIOD if days and report not in DAYS else ())]
    wrong += [name for name in columns if name not in FILTERS or name not in COLUMNS[report]]
    if wrong:
        known = [one for one in FILTERS if one in COLUMNS[report]]
        known += PERIOD if report in DAYS else ()
        msg = f"export of {report} by {wrong[0]!r}: filter by {', '.join(known)}"
        raise BadInput(msg)
    found = payouts.holdings(records, partner_id, at=at)
    if report == "payouts":
        rows: list[Row] = _payout_rows(found, at)
    elif report == "clawbacks":
        rows = _clawback_rows(records, found, at)
    else:
        rows = _project_rows(records, found, at)
    kept = [row for row in views.filtered(rows, columns) if _is_within(row, report, days)]
    names = payouts.account_names(records, found, {str(row["project"]) for row in kept})
    return [{**row, "account_name": names.get(str(row["project"]), "")} for row in kept]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        msg = f"export from or to {text!r}: write a day like 2026-06-08"
        raise BadInput(msg) from wrong


def _is_within(row: Row, report: str, days: Mapping[str, date]) -> bool:
    """Tell whether a row lies within a period; instants count by their Eastern day."""
    if not days:
        return True
    value = row[DAYS[report]]
    on = eastern_day(value) if isinstance(value, datetime) else value
    since, until = days.get("since", date.min), days.get("until", date.max)
    return isinstance(on, date) and since <= on <= until


def as_csv(report: str, rows: Sequence[Row]) -> str:
    """Give rows as CSV under the names of their columns."""
    columns = COLUMNS[report]
    return csv_text([columns, *([_cell(row[name]) for name in columns] for row in rows)])


def row_count(content: bytes) -> int:
    """Count the rows of a written export; a cell may hold line breaks of its own."""
    return sum(1 for _ in csv.reader(io.StringIO(content.decode(), newline=""))) - 1


def _cell(value: object) -> object:
    return " ".join(value) if isinstance(value, tuple) else value


def _payout_rows(found: Holdings, at: datetime) -> list[Row]:
    return [
        {
            "id": row.id,
            "line": row.kind,
            "project": row.project_id,
            "milestone": row.about,
            "category": row.type,
            "rule": row.rule,
            "amount": row.amount,
            "left": row.left,
            "tab": row.tab,
            "status": row.status,
            "holds": row.holds,
            "event_at": row.event_at,
            "aging": _aging(row.programme, (eastern_day(at) - row.incurred_on).days, at),
            "funding_date": row.funding_date,
            "run": row.run_id,
            "trace": row.trace_number,
            "account_last4": row.account_last4,
            "market": row.market,
            "salesperson": row.salesperson,
            "programme": row.programme,
            "says": row.says,
        }
        for row in payouts.rows_of(found, at=at)
    ]


def _clawback_rows(records: Records, found: Holdings, at: datetime) -> list[Row]:
    extensions = risk.extensions_by_project(records, found.partner.id)
    running: list[Row] = [
        {
            "id": "",
            "line": row.clock,
            "project": row.project_id,
            "milestone": row.waits_for,
            "category": "",
            "rule": "F28",
            "amount": row.amount,
            "taken": None,
            "started_on": row.started_on,
            "age_days": row.age_days,
            "aging": row.age_class,
            "days_left": row.days_left,
            "red": row.is_red,
            "due_on": row.due_on,
            "contract_due_on": row.contract_due_on,
            "extension_days": row.extension_days,
            "status": row.status,
            "market": row.market,
            "salesperson": row.salesperson,
            "programme": row.programme,
            "says": "",
        }
        for row in risk.clock_rows(found, extensions, at=at)
    ]
    owed: list[Row] = [
        {
            "id": row.id,
            "line": row.kind,
            "project": row.project_id,
            "milestone": "",
            "category": row.type,
            "rule": row.rule,
            "amount": row.left,
            "taken": row.taken,
            "started_on": row.incurred_on,
            "age_days": row.age_days,
            "aging": row.age_class,
            "days_left": None,
            "red": None,
            "due_on": None,
            "contract_due_on": None,
            "extension_days": None,
            "status": "paused" if row.is_paused else "open",
            "market": row.market,
            "salesperson": row.salesperson,
            "programme": row.programme,
            "says": row.says,
        }
        for row in risk.reduction_rows(found, at=at)
    ]
    return [*running, *owed]


def _project_rows(records: Records, found: Holdings, at: datetime) -> list[Row]:
    extensions = risk.extensions_by_project(records, found.partner.id)
    urgent: dict[str, risk.ClockRow] = {}
    for row in risk.clock_rows(found, extensions, at=at):
        known = urgent.get(row.project_id)
        if known is None or row.days_left < known.days_left:
            urgent[row.project_id] = row
    return [
        _project_row(facts.project, urgent.get(one))
        for one, facts in sorted(found.projects.items())
    ]


def _project_row(project: Project, clock: risk.ClockRow | None) -> Row:
    reached = dict(project.reached)
    latest = max(reached, key=lambda one: (reached[one], _ORDER[one]), default=None)
    is_active = Milestone.M2 in reached
    return {
        "project": project.id,
        "market": project.market,
        "salesperson": project.salesperson,
        "programme": project.programme,
        "milestone": str(latest or ""),
        "status": "cancelled" if project.cancelled else "activated" if is_active else "open",
        "ntp_at": reached.get(Milestone.NTP),
        "install_submitted_at": reached.get(Milestone.INSTALL_SUBMITTED),
        "install_approved_at": reached.get(Milestone.INSTALL_APPROVED),
        "m1_at": reached.get(Milestone.M1),
        "m2_at": reached.get(Milestone.M2),
        "clock": clock.clock if clock else "",
        "aging": clock.age_class if clock else "",
        "days_left": clock.days_left if clock else None,
        "red": clock.is_red if clock else None,
        "due_on": clock.due_on if clock else None,
    }


_ORDER = {one: place for place, one in enumerate(Milestone)}


def _aging(programme: str, days: int, at: datetime) -> str:
    return views.age_class(days, on=eastern_day(at), programme=programme)


def _kept(documents: Documents, order: ExportOrder) -> bytes | None:
    """Give what an interrupted call has written already."""
    try:
        return documents.get(order.document)
    except NotFound:
        return None
