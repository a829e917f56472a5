"""The remittance advice as a document: one page if it fits, tables that go on if it does not."""

import unicodedata
from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from cloud.adapters.page_text import INK, MUTED, RULE_GREY, fitting, table
from cloud.funding.ach import transliterated
from cloud.funding.remittance import RemittanceAdvice
from cloud.kernel.money import ZERO, Money

MARGIN_MM = 18.0
PAGE_MM = (215.9, 279.4)
WIDTH_MM = PAGE_MM[0] - 2 * MARGIN_MM
BAND = (240, 244, 242)
FONT = "Helvetica"


def _shown(text: str) -> str:
    """Give the text in the letters that the built-in fonts have; others lose their accents."""
    fits = []
    for letter in text:
        try:
            letter.encode("cp1252")
            fits.append(letter)
        except UnicodeEncodeError:
            plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
            fits.append(plain or transliterated(letter) or "?")
    return "".join(fits).encode("latin-1", "replace").decode("latin-1")


def _negative(amount: Money) -> str:
    return f"-{amount}" if amount else str(amount)


class _Page(FPDF):  # type: ignore[misc] # the checker is told not to look into fpdf2
    """A letter page whose foot names the run, the trace number and the page."""

    def __init__(self, advice: RemittanceAdvice) -> None:
        super().__init__(orientation="portrait", unit="mm", format="letter")
        self._foot = _shown(f"{advice.run_id}   trace {advice.trace_number}")
        self.set_creation_date(advice.created_at)
        self.set_title(_shown(f"Remittance advice {advice.run_id} {advice.partner_id}"))
        self.set_author(_shown(advice.payer))
        self.set_lang("en-US")
        self.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM + 6)

    def footer(self) -> None:
        self.set_y(-MARGIN_MM)
        self.set_draw_color(*RULE_GREY)
        self.line(MARGIN_MM, self.get_y() - 2, PAGE_MM[0] - MARGIN_MM, self.get_y() - 2)
        foot = f"{self._foot}   page {self.page_no()} of {{nb}}"
        self.write_line(foot, size=8, color=MUTED)

    def write_line(
        self,
        text: str,
        *,
        size: float,
        color: tuple[int, int, int] = INK,
        style: str = "",
        width: float = WIDTH_MM,
        align: str = "L",
    ) -> None:
        self.set_font(FONT, style, size)
        self.set_text_color(*color)
        height = max(4.0, size * 0.46)
        self.cell(width, height, text, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _head(page: _Page, advice: RemittanceAdvice) -> None:
    top = page.get_y()
    page.write_line(_fitting(page, advice.payer, "B", 11, WIDTH_MM * 0.55), size=11, style="B")
    page.set_xy(MARGIN_MM + WIDTH_MM * 0.55, top)
    page.write_line("Remittance advice", size=11, color=MUTED, width=WIDTH_MM * 0.45, align="R")
    page.ln(7)


def _fitting(page: _Page, text: str, style: str, size: float, width: float) -> str:
    """Give the text, cut with three dots where it is wider than its place."""
    page.set_font(FONT, style, size)
    return fitting(page, _shown(text), width=width)


def _two_lines(page: _Page, text: str, width: float) -> None:
    """Write a value in bold, on two smaller lines when it is wider than its place."""
    page.set_font(FONT, "B", 10)
    left = page.get_x()
    if page.get_string_width(_shown(text)) <= width - 2:
        page.write_line(_shown(text), size=10, style="B", width=width)
        return
    page.set_font(FONT, "B", 8)
    lines = page.multi_cell(width, 3.6, _shown(text), dry_run=True, output="LINES")
    first, rest = lines[0], " ".join(lines[1:])
    page.write_line(first, size=8, style="B", width=width)
    page.set_xy(left, page.get_y() - 0.4)
    page.write_line(_fitting(page, rest, "B", 8, width - 2), size=8, style="B", width=width)


def _band(page: _Page, advice: RemittanceAdvice) -> None:
    """The sum, to whom and when, and how to find it on a bank statement."""
    top, height, inset = page.get_y(), 44.0, 6.0
    page.set_fill_color(*BAND)
    page.rect(MARGIN_MM, top, WIDTH_MM, height, style="F", round_corners=True, corner_radius=2)
    page.set_xy(MARGIN_MM + inset, top + inset)
    page.write_line("Net payment", size=9, color=MUTED)
    page.set_x(MARGIN_MM + inset)
    page.write_line(str(advice.net), size=24, style="B")
    page.set_xy(MARGIN_MM + inset, top + 24)
    day = f"{advice.funding_date:%A, %B} {advice.funding_date.day}, {advice.funding_date.year}"
    page.write_line(f"by ACH on {day}", size=10)
    page.set_x(MARGIN_MM + inset)
    page.write_line(f"to the account ending in {_shown(advice.account_last4)}", size=10)
    page.set_x(MARGIN_MM + inset)
    page.write_line("the hour of arrival depends on your bank", size=8, color=MUTED)
    left = MARGIN_MM + WIDTH_MM * 0.52
    facts = (
        ("Partner", advice.partner_name),
        ("Partner id", advice.partner_id),
        ("Funding run", advice.run_id),
        ("Trace number", advice.trace_number),
    )
    for place, (name, value) in enumerate(facts):
        page.set_xy(left, top + inset + place * 8.6)
        page.write_line(name, size=9, color=MUTED, width=26)
        page.set_xy(left + 26, top + inset + place * 8.6)
        _two_lines(page, value, WIDTH_MM * 0.48 - 26 - inset)
    page.set_y(top + height + 8)


def _title(page: _Page, text: str) -> None:
    if page.will_page_break(24):
        page.add_page()
    page.write_line(text, size=12, style="B")
    page.ln(1.5)


def _table(
    page: _Page,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    aligns: Sequence[str],
) -> None:
    """Write a table whose headings come again on every page it reaches."""
    page.set_font(FONT, "", 9)
    table(
        page,
        [[_shown(cell) for cell in cells] for cells in (headings, *rows)],
        widths=widths,
        aligns=tuple(aligns),
        line_mm=4.4,
        padding_mm=1.1,
    )
    page.ln(6)


def _sums(page: _Page, advice: RemittanceAdvice) -> None:
    """Gross, what was taken, net: right-aligned under the amounts of the tables."""
    if page.will_page_break(26):
        page.add_page()
    lines = [("Payables", str(advice.gross), ""), ("Deductions", _negative(advice.deducted), "")]
    for name, amount, style in (*lines, ("Net payment", str(advice.net), "B")):
        top = page.get_y()
        if style:
            page.set_draw_color(*INK)
            page.line(MARGIN_MM + WIDTH_MM * 0.6, top - 0.6, MARGIN_MM + WIDTH_MM, top - 0.6)
        page.set_xy(MARGIN_MM + WIDTH_MM * 0.6, top)
        page.write_line(name, size=10, style=style, width=WIDTH_MM * 0.2)
        page.set_xy(MARGIN_MM + WIDTH_MM * 0.8, top)
        page.write_line(amount, size=10, style=style, width=WIDTH_MM * 0.2, align="R")
        page.ln(1.8)
    page.ln(5)


def _closing(page: _Page, advice: RemittanceAdvice) -> None:
    words = []
    if advice.carried > ZERO:
        words.append(
            f"{advice.carried} of deductions is still open and will be taken from later payments."
        )
    words.append(
        "Questions about this payment are answered for Accounting Admins: write to "
        f"{advice.questions_to} and name the run {advice.run_id} and the trace number "
        f"{advice.trace_number}."
    )
    page.set_font(FONT, "", 9)
    page.set_text_color(*MUTED)
    page.multi_cell(WIDTH_MM, 4.6, _shown(" ".join(words)), align="L")


def draw(advice: RemittanceAdvice) -> bytes:
    """Give the advice as PDF; the same advice gives the same bytes.

    Of the bank account only the last four digits are known here.
    """
    page = _Page(advice)
    page.add_page()
    _head(page, advice)
    _band(page, advice)
    _title(page, "What you earned")
    _table(
        page,
        ("For", "Project", "Milestone", "Amount"),
        [(one.says or one.id, one.about, one.milestone, str(one.amount)) for one in advice.paid],
        (92, 34, 24, 30),
        ("LEFT", "LEFT", "LEFT", "RIGHT"),
    )
    if advice.taken:
        _title(page, "What was taken from it")
        _table(
            page,
            ("For", "Type", "Rule", "Left open", "Amount"),
            [
                (one.says or one.id, one.type, one.rule, str(one.left), _negative(one.amount))
                for one in advice.taken
            ],
            (72, 38, 14, 28, 28),
            ("LEFT", "LEFT", "LEFT", "RIGHT", "RIGHT"),
        )
    _sums(page, advice)
    _closing(page, advice)
    return bytes(page.output())
