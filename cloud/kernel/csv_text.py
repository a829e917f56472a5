"""Rows as CSV text that tricks no spreadsheet, the same bytes for the same rows."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cloud.kernel.money import Money

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
"""What a spreadsheet may take for the beginning of a formula, also as wide or small characters.

Source: OWASP, CSV Injection.
"""

_UNSEEN = (
    " '\"\u00a0\u00ad\u1680\u2000-\u200f\u202a-\u202f\u205f-\u2064\u3000\ufeff\x00-\x08\x0e-\x1b"
)
"""What a spreadsheet drops, or a reader does not see, before such a sign."""

_ENDS = ";\t\r\n\x0b\x0c\x1c-\x1f\x85\u2028\u2029"
"""What ends a cell for a spreadsheet that expects another separator than a comma."""

_FORMULA = re.compile(f"(^|[{_ENDS}])(?=[{_UNSEEN}]*[{_SIGNS}])")
_ODD_START = ("\t", "\r", "\n")


def csv_text(rows: Iterable[Sequence[object]], *, line_end: str = "\r\n") -> str:
    """Give rows as RFC 4180 text: CRLF ends a line, quotes stand where they are needed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end)
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
    if isinstance(cell, int | float):
        return str(cell)
    return harmless(str(cell))


def instant(moment: datetime) -> str:
    """Give an instant in UTC, to the second where it has no smaller part."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def harmless(text: str) -> str:
    """Give text that a spreadsheet shows and never runs.

    A sign that begins a formula gets an apostrophe before it, also behind spaces, quotes and
    characters nobody sees. So does one in the middle of a text, behind a semicolon, a tab or a
    line break: a spreadsheet that splits at semicolons begins a cell there, whatever is quoted.
    """
    started = f"'{text}" if text.startswith(_ODD_START) else text
    return _FORMULA.sub(r"\1'", started)
