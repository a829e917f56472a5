"""Tables as they leave: CSV that tricks no spreadsheet, and JSON that says what it is."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

from cloud.reporting.models import Cell, Report

SCHEMA = "sunreeve.report.v1"
CSV_TYPE, JSON_TYPE = "text/csv; charset=utf-8; header=present", "application/json"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for the beginning of a formula (OWASP, CSV Injection)."""


def as_csv(report: Report) -> str:
    """Give a report as RFC 4180 text: CRLF ends a line, the last column names the records.

    Text that could be read as a formula begins with an apostrophe; numbers stay numbers.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*(column.name for column in report.columns), "subjects"])
    for row in report.rows:
        cells = [in_text(cell) for cell in row.cells]
        writer.writerow([*cells, _harmless(" ".join(row.subjects))])
    return out.getvalue()


def as_json(report: Report) -> str:
    """Give a report as JSON with its name, instant, parameters, columns and rows."""
    return json.dumps(to_plain(report), ensure_ascii=False, indent=1) + "\n"


def to_plain(report: Report) -> dict[str, Any]:
    """Give a report as plain values; each row has its records under ``subjects``."""
    names = [column.name for column in report.columns]
    return {
        "schema": SCHEMA,
        "report": report.name,
        "says": report.says,
        "as_of": instant(report.asked.as_of),
        "parameters": report.asked.parameters,
        "columns": [
            {"name": column.name, "unit": column.unit, "says": column.says}
            for column in report.columns
        ],
        "rows": [
            {
                **{
                    name: instant(cell) if isinstance(cell, datetime) else cell
                    for name, cell in zip(names, row.cells, strict=True)
                },
                "subjects": list(row.subjects),
            }
            for row in report.rows
        ],
        "notes": list(report.notes),
    }


def in_text(cell: Cell) -> str:
    """Give a cell as CSV text: nothing is empty, a formula is no formula."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return instant(cell)
    if isinstance(cell, str):
        return _harmless(cell)
    return str(cell)


def instant(moment: datetime) -> str:
    """Give an instant in UTC, to the second where it has no smaller part."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _harmless(text: str) -> str:
    """Give text that a spreadsheet shows and never runs; also what stands behind spaces."""
    return f"'{text}" if text.lstrip(" \n\u00a0\ufeff").startswith(_FORMULA) else text
