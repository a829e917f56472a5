"""A report as one page that stands by itself: no script, no address, every word escaped."""

from datetime import datetime
from html import escape

from cloud.adapters.tables_out import CSV_TYPE, as_csv
from cloud.kernel.csv_text import instant
from cloud.reporting.models import Cell, Column, Report
from cloud.reporting.schedules import ReportFormat

HTML_TYPE = "text/html; charset=utf-8"
_STYLE = (
    "body{font:14px/1.45 system-ui,sans-serif;color:#1c2228;margin:2rem}"
    "table{border-collapse:collapse}caption{text-align:left;color:#5b656e;padding:.5rem 0}"
    "th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #cdd2d7;vertical-align:top}"
    "th small{display:block;font-weight:normal;color:#5b656e}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}"
)


def as_html(report: Report) -> str:
    """Give a report as HTML: what it says, as of when, its rows and its notes.

    Cents are shown as dollars, instants in UTC, what is not known as nothing.
    """
    title = escape(report.name.replace("_", " "))
    asked = [f"{name} {value}" for name, value in report.asked.parameters.items() if value]
    told = escape(f"as of {instant(report.asked.as_of)}; {', '.join(asked)}")
    head = "".join(_head(one) for one in report.columns)
    rows = "".join(
        "<tr>"
        + "".join(_cell(cell, one) for cell, one in zip(row.cells, report.columns, strict=True))
        + "</tr>\n"
        for row in report.rows
    )
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in report.notes)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n<p>{escape(report.says)}</p>\n"
        f"<table>\n<caption>{told}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}"
        f"</tbody>\n</table>\n{notes}</body>\n</html>\n"
    )


def written(made: Report, wanted: ReportFormat) -> tuple[bytes, str]:
    """Give a report as a file of a format, with its media type."""
    if wanted is ReportFormat.HTML:
        return as_html(made).encode(), HTML_TYPE
    return as_csv(made).encode(), CSV_TYPE


def _head(column: Column) -> str:
    unit = "$" if column.unit == "cents" else column.unit
    below = f"<small>{escape(unit)}</small>" if unit else ""
    says = f' title="{escape(column.says)}"' if column.says else ""
    return f'<th scope="col"{says}>{escape(column.name.replace("_", " "))}{below}</th>'


def _cell(value: Cell, column: Column) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    kind = ' class="n"' if is_number else ""
    return f"<td{kind}>{escape(_text(value, column))}</td>"


def _text(value: Cell, column: Column) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, int) and column.unit == "cents":
        dollars, cents = divmod(abs(value), 100)
        return f"{'-' if value < 0 else ''}{dollars:,}.{cents:02d}"
    return str(value)
