"""Rows as CSV text that tricks no spreadsheet, the same bytes for the same rows."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cloud.kernel.money import Money

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for the beginning of a formula (OWASP, CSV Injection)."""


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Give rows as RFC 4180 text: CRLF ends a line, quotes stand where they are needed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([in_text(cell) for cell in row] for row in rows)
    return out.getvalue()


def in_text(cell: object) -> str:
    """Give a cell as text: nothing is empty, money is dollars, a formula is no formula.

    Only text can be a formula: a number below zero, or an amount, stays one.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return instant(cell)
    if isinstance(cell, Money):
        dollars, cents = divmod(abs(cell.cents), 100)
        return f"{'-' if cell.cents < 0 else ''}{dollars}.{cents:02d}"
    if isinstance(cell, str):
        return harmless(cell)
    return str(cell)


def instant(moment: datetime) -> str:
    """Give an instant in UTC, to the second where it has no smaller part."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def harmless(text: str) -> str:
    """Give text that a spreadsheet shows and never runs; also what stands behind spaces."""
    return f"'{text}" if text.lstrip(" \n\u00a0\ufeff").startswith(_FORMULA) else text
