"""A report as a document: a table on wide pages, its columns in bands where there are many."""

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from cloud.adapters.page_text import INK, MUTED, RULE_GREY, fitting
from cloud.funding.ach import transliterated
from cloud.kernel.csv_text import instant
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.reporting.models import Cell, Column, Report

PAGE_MM = (279.4, 215.9)
MARGIN_MM = 14.0
WIDTH_MM = PAGE_MM[0] - 2 * MARGIN_MM
BAND = (240, 244, 242)
FONT = "Helvetica"
BAND_COLUMNS = 9
"""Columns beside one another, the first of the report among them each time."""
MOST_ROWS = 600
"""Rows that anybody prints; more of them are for a spreadsheet."""
_LINE_MM = 5.2
_LAST_LATIN = 0xFF


def draw(report: Report) -> bytes:
    """Give a report as PDF; the same report gives the same bytes.

    Raises:
        BadInput: it has more rows than `MOST_ROWS`.
    """
    if len(report.rows) > MOST_ROWS:
        msg = (
            f"report {report.name} has {len(report.rows)} rows, and a PDF at most {MOST_ROWS}: "
            "take the CSV, or ask for a shorter period or one partner"
        )
        raise BadInput(msg)
    page = _Page(report)
    page.add_page()
    _head(page, report)
    for columns in _bands(report.columns):
        _band(page, report, columns)
    for note in report.notes:
        page.lines(note, size=8, color=MUTED)
    return bytes(page.output())


class _Page(FPDF):  # type: ignore[misc] # the checker is told not to look into fpdf2
    """A wide letter page whose foot names the report, its instant and the page."""

    def __init__(self, report: Report) -> None:
        super().__init__(orientation="landscape", unit="mm", format="letter")
        self._foot = _shown(f"{_title(report.name)}   as of {instant(report.asked.as_of)}")
        self.set_creation_date(report.asked.as_of)
        self.set_title(_shown(f"{_title(report.name)} {report.asked.as_of:%Y-%m-%d}"))
        self.set_lang("en-US")
        self.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM + 6)

    def footer(self) -> None:
        self.set_y(-MARGIN_MM)
        self.lines(f"{self._foot}   page {self.page_no()} of {{nb}}", size=8, color=MUTED)

    def lines(
        self, text: str, *, size: float, color: tuple[int, int, int] = INK, style: str = ""
    ) -> None:
        self.set_font(FONT, style, size)
        self.set_text_color(*color)
        self.multi_cell(
            WIDTH_MM, size * 0.5, _shown(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )


def _head(page: _Page, report: Report) -> None:
    page.lines(_title(report.name), size=18, style="B")
    page.ln(1)
    page.lines(report.says, size=10)
    asked = [f"{name} {value}" for name, value in report.asked.parameters.items() if value]
    told = f"As of {instant(report.asked.as_of)}; {', '.join(asked)}; {len(report.rows)} rows."
    page.lines(told, size=8, color=MUTED)
    page.ln(3)


def _bands(columns: Sequence[Column]) -> Iterator[tuple[int, ...]]:
    """Give the places of the columns that stand beside one another, each time with the first."""
    rest = range(1, len(columns))
    step = BAND_COLUMNS - 1
    for start in range(0, max(len(rest), 1), step):
        yield (0, *rest[start : start + step])


def _band(page: _Page, report: Report, places: Sequence[int]) -> None:
    columns = [report.columns[place] for place in places]
    width = WIDTH_MM / len(places)
    if page.get_y() > PAGE_MM[1] - 4 * MARGIN_MM:
        page.add_page()
    _row(page, [_heading(one) for one in columns], width, is_head=True)
    for row in report.rows:
        if page.get_y() + _LINE_MM > PAGE_MM[1] - MARGIN_MM - 6:
            page.add_page()
            _row(page, [_heading(one) for one in columns], width, is_head=True)
        told = [_told(row.cells[place], report.columns[place]) for place in places]
        _row(page, told, width)
    page.ln(4)


def _row(page: _Page, cells: Sequence[str], width: float, *, is_head: bool = False) -> None:
    page.set_font(FONT, "B" if is_head else "", 7.5)
    page.set_text_color(*(MUTED if is_head else INK))
    page.set_fill_color(*BAND)
    page.set_draw_color(*RULE_GREY)
    for cell in cells:
        page.cell(width, _LINE_MM, _fitting(page, cell, width - 2), border="B", fill=is_head)
    page.ln(_LINE_MM)


def _fitting(page: _Page, text: str, width: float) -> str:
    """Give the text on one line, cut where it is wider than its place."""
    return fitting(page, " ".join(_shown(text).split()), width=width)


def _heading(column: Column) -> str:
    unit = "$" if column.unit == "cents" else column.unit
    return column.name.replace("_", " ") + (f" ({unit})" if unit else "")


def _told(cell: Cell, column: Column) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return instant(cell)
    if column.unit == "cents" and isinstance(cell, int):
        return str(Money(cell))
    return str(cell)


def _title(name: str) -> str:
    told = name.replace("_", " ")
    return told[:1].upper() + told[1:]


def _shown(text: str) -> str:
    """Give the text in the letters that the built-in fonts have; signs that steer are left out."""
    fits = []
    for letter in text:
        if unicodedata.category(letter).startswith("C"):
            continue
        if ord(letter) <= _LAST_LATIN:
            fits.append(letter)
            continue
        plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        fits.append(plain or transliterated(letter) or "?")
    return "".join(fits)
