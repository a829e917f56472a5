"""Tables as they leave: CSV that tricks no spreadsheet, and JSON that says what it is."""

import json
from datetime import datetime
from typing import Any

from cloud.kernel.csv_text import csv_text, instant
from cloud.reporting.models import Report

SCHEMA = "sunreeve.report.v1"
CSV_TYPE, JSON_TYPE = "text/csv; charset=utf-8; header=present", "application/json"


def as_csv(report: Report) -> str:
    """Give a report as RFC 4180 text: CRLF ends a line, the last column names the records.

    Text that could be read as a formula begins with an apostrophe; numbers stay numbers.
    """
    header = [*(column.name for column in report.columns), "subjects"]
    return csv_text([header, *([*row.cells, " ".join(row.subjects)] for row in report.rows)])


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
