"""How text stands on a drawn page: cut to the one line that has room for it, and in tables."""

from collections.abc import Sequence

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, TableCellFillMode

INK, MUTED, RULE_GREY = (28, 34, 40), (104, 113, 122), (205, 210, 215)

CUT = "..."
"""Stands where a text goes on that its place has no room for."""


def fitting(page: FPDF, text: str, *, width: float) -> str:
    """Give a text that is wider than its place cut with three dots, in the page's present font.

    It is measured letter by letter and no further than its place reaches: what a line costs does
    not grow with the text that nobody sees.

    Args:
        page: the page, its font set.
        text: one line, in letters that the font has.
        width: of the place, in millimetres.
    """
    dots = page.get_string_width(CUT)
    reached, fits = 0.0, 0
    for count, letter in enumerate(text, 1):
        reached += page.get_string_width(letter)
        if reached > width:
            return f"{text[:fits].rstrip()}{CUT}"
        if reached + dots <= width:
            fits = count
    return text


def table(
    page: FPDF,
    rows: Sequence[Sequence[str]],
    *,
    widths: Sequence[int],
    aligns: str | tuple[str, ...] = "LEFT",
    line_mm: float,
    padding_mm: float,
) -> None:
    """Write a table in the page's present font; its headings come again on every page it reaches.

    Args:
        page: the page, its font set.
        rows: the headings first, in letters that the font has.
        widths: of the columns, against one another.
        aligns: of the columns, or of all of them.
        line_mm: height of a line.
        padding_mm: above and below the words of a row.
    """
    page.set_text_color(*INK)
    page.set_draw_color(*RULE_GREY)
    page.set_fill_color(255)
    page.set_line_width(0.2)
    with page.table(
        col_widths=tuple(widths),
        text_align=aligns,
        line_height=line_mm,
        padding=(padding_mm, 1.2, padding_mm, 1.2),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        cell_fill_mode=TableCellFillMode.NONE,
        headings_style=FontFace(emphasis="", color=MUTED, size_pt=8),
        repeat_headings=1,
    ) as drawn:
        for cells in rows:
            row = drawn.row()
            for cell in cells:
                row.cell(cell)
