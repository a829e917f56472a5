"""A service report as a document: facts, words, photos in a grid, parts, and the proof."""

import unicodedata
from collections.abc import Mapping, Sequence
from io import BytesIO

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from cloud.adapters.page_text import INK, MUTED, RULE_GREY, fitting, table
from cloud.funding.ach import transliterated
from cloud.service.report_sheet import Copy, Proof, ReportSheet, Side

MARGIN_MM = 18.0
PAGE_MM = (215.9, 279.4)
WIDTH_MM = PAGE_MM[0] - 2 * MARGIN_MM
BOTTOM_MM = MARGIN_MM + 6
BAND, ACCENT, PLATE = (240, 244, 242), (32, 104, 82), (234, 237, 239)
WAITING = (150, 104, 20)
FONT = "Helvetica"
GAP_MM = 4.0
CAPTION_MM = 5.0
TWO_IN_A_ROW = frozenset({1, 2, 4})
"""So many photos are shown in rows of two, any other number in rows of three."""
_EMPTY = "nothing was said"
_LAST_LATIN = 0xFF
_PLAIN = {
    **dict.fromkeys("\u2018\u2019\u201a", "'"),
    **dict.fromkeys("\u201c\u201d\u201e", '"'),
    **dict.fromkeys("\u2013\u2014\u2022", "-"),
}
"""Signs that word processors write, and what a typewriter has for them."""


def _shown(text: str) -> str:
    """Give the text in the letters that the built-in fonts have; signs that steer are left out."""
    fits = []
    for letter in text.replace("\r\n", "\n").replace("\t", " "):
        if letter != "\n" and unicodedata.category(letter).startswith("C"):
            continue
        if ord(letter) <= _LAST_LATIN:
            fits.append(letter)
            continue
        plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        fits.append(_PLAIN.get(letter) or plain or transliterated(letter) or "?")
    return "".join(fits)


class _Page(FPDF):  # type: ignore[misc] # the checker is told not to look into fpdf2
    """A letter page whose foot names the work order, the report and the page."""

    def __init__(self, sheet: ReportSheet) -> None:
        super().__init__(orientation="portrait", unit="mm", format="letter")
        for_whom = "  customer's copy" if sheet.copy is Copy.CUSTOMER else ""
        self._foot = _shown(f"{sheet.work_order_id}  {sheet.report_id}{for_whom}")
        self.set_creation_date(sheet.as_of)
        self.set_title(_shown(f"Service report {sheet.work_order_id}"))
        self.set_lang("en-US")
        self.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
        self.c_margin = 0  # words begin where pictures do
        self.set_auto_page_break(auto=True, margin=BOTTOM_MM)

    def footer(self) -> None:
        self.set_y(-MARGIN_MM)
        self.set_draw_color(*RULE_GREY)
        self.set_line_width(0.2)
        self.line(MARGIN_MM, self.get_y() - 2, PAGE_MM[0] - MARGIN_MM, self.get_y() - 2)
        foot = f"{self._foot}   page {self.page_no()} of {{nb}}"
        self.write_line(foot, size=8, color=MUTED)

    @property
    def room_mm(self) -> float:
        """How much of the page is left."""
        return PAGE_MM[1] - BOTTOM_MM - float(self.get_y())

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

    def write_text(self, text: str, *, size: float = 10, color: tuple[int, int, int] = INK) -> None:
        self.set_font(FONT, "", size)
        self.set_text_color(*color)
        self.multi_cell(
            WIDTH_MM, size * 0.5, _shown(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )


def _fitting(page: _Page, text: str, style: str, size: float, width: float) -> str:
    """Give the text on one line, cut with three dots where it is wider than its place."""
    page.set_font(FONT, style, size)
    return fitting(page, " ".join(_shown(text).split()), width=width)


def _head(page: _Page, sheet: ReportSheet) -> None:
    page.set_fill_color(*ACCENT)
    page.rect(0, 0, PAGE_MM[0], 4, style="F")
    page.write_line("Service report", size=22, style="B")
    page.ln(1)
    where = _fitting(page, sheet.site_address, "", 11, WIDTH_MM)
    page.write_line(where, size=11, color=MUTED)
    page.ln(4)


def _band(page: _Page, sheet: ReportSheet) -> None:
    """The facts of the work order in two columns."""
    inset, line, column = 5.0, 11.0, WIDTH_MM / 2
    facts = (("Work order", sheet.work_order_id), *sheet.facts)
    facts = tuple((name, value) for name, value in facts if value.strip())
    height = 2 * inset + line * ((len(facts) + 1) // 2) - 2
    top = page.get_y()
    page.set_fill_color(*BAND)
    page.rect(MARGIN_MM, top, WIDTH_MM, height, style="F", round_corners=True, corner_radius=2)
    for place, (name, value) in enumerate(facts):
        left = MARGIN_MM + inset + column * (place % 2)
        page.set_xy(left, top + inset + line * (place // 2))
        page.write_line(name, size=8, color=MUTED, width=column - 2 * inset)
        page.set_x(left)
        width = column - 2 * inset
        page.write_line(_fitting(page, value, "B", 10, width), size=10, style="B", width=width)
    page.set_y(top + height + 7)


def _title(page: _Page, text: str, *, needs_mm: float = 20) -> None:
    """Write a heading, on the next page where it would stand alone at the foot of this one."""
    if page.room_mm < needs_mm:
        page.add_page()
    top = page.get_y()
    page.set_fill_color(*ACCENT)
    page.rect(MARGIN_MM, top + 0.6, 1.2, 4.4, style="F")
    page.set_x(MARGIN_MM + 3.5)
    page.write_line(text, size=12, style="B")
    page.ln(1.5)


def _words(page: _Page, title: str, text: str) -> None:
    _title(page, title)
    page.write_text(text.strip() or _EMPTY)
    page.ln(5)


def _side(page: _Page, title: str, side: Side, pictures: Mapping[str, bytes]) -> None:
    columns = 2 if len(side.photos) in TWO_IN_A_ROW else 3
    width = (WIDTH_MM - GAP_MM * (columns - 1)) / columns
    height = width * 0.75
    _title(page, title, needs_mm=24 + height + CAPTION_MM if side.photos else 20)
    page.write_text(side.notes.strip() or _EMPTY)
    page.ln(3)
    for start in range(0, len(side.photos), columns):
        if page.room_mm < height + CAPTION_MM:
            page.add_page()
        top = page.get_y()
        for place, photo in enumerate(side.photos[start : start + columns]):
            left = MARGIN_MM + place * (width + GAP_MM)
            _photo(page, pictures.get(photo.reference), (left, top, width, height))
            page.set_xy(left, top + height + 0.8)
            caption = _fitting(page, photo.caption, "", 7.5, width)
            page.write_line(caption, size=7.5, color=MUTED, width=width)
        page.set_y(top + height + CAPTION_MM + 2)
    page.ln(4)


def _photo(page: _Page, picture: bytes | None, frame: tuple[float, float, float, float]) -> None:
    """Lay a photo into its frame (left, top, width, height), whole and in the middle of it."""
    left, top, width, height = frame
    page.set_fill_color(*PLATE)
    page.rect(left, top, width, height, style="F", round_corners=True, corner_radius=1)
    if picture is None:
        page.set_xy(left, top + height / 2 - 2)
        said = "this photo is not kept any more"
        page.write_line(said, size=8, color=MUTED, width=width, align="C")
        return
    page.image(BytesIO(picture), left, top, width, height, keep_aspect_ratio=True)


def _exchanges(page: _Page, sheet: ReportSheet) -> None:
    _title(page, "Exchanged parts", needs_mm=34)
    rows = [
        (row.kind.capitalize() or "Part", row.old_serial, row.new_serial) for row in sheet.exchanges
    ]
    _table(page, ("Part", "Old serial number", "New serial number"), rows, (36, 72, 72))
    for name, value in sheet.exchange_facts:
        page.write_text(f"{name}: {value}", size=9, color=MUTED)
    page.ln(5)


def _table(
    page: _Page,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
) -> None:
    """Write a table whose headings come again on every page it reaches."""
    page.set_font(FONT, "", 10)
    table(
        page,
        [[_shown(cell) for cell in cells] for cells in (headings, *rows)],
        widths=widths,
        line_mm=4.6,
        padding_mm=1.3,
    )
    page.ln(2)


def _proofs(page: _Page, proofs: Sequence[Proof]) -> None:
    """What telemetry says of the work, each with a mark that is read without its colour too."""
    _title(page, "Seen by telemetry", needs_mm=16 + 8 * len(proofs))
    for proof in proofs:
        color = ACCENT if proof.is_proved else WAITING
        top = page.get_y()
        page.set_xy(MARGIN_MM, top)
        mark = "Confirmed" if proof.is_proved else "Open"
        page.write_line(mark, size=9, style="B", color=color, width=24)
        page.set_xy(MARGIN_MM + 24, top)
        page.set_font(FONT, "", 10)
        page.set_text_color(*INK)
        page.multi_cell(
            WIDTH_MM - 24,
            4.8,
            _shown(f"{proof.what}: {proof.says}"),
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        page.ln(1.5)
    page.ln(4)


def _sources(page: _Page, sheet: ReportSheet) -> None:
    """What else came with the report; a link is written out and leads nowhere by itself."""
    _title(page, "What came with it")
    for name in sheet.papers:
        page.write_text(name, size=9)
    if sheet.link:
        page.write_text(sheet.link, size=9)


def draw(sheet: ReportSheet, pictures: Mapping[str, bytes]) -> bytes:
    """Give a report as PDF; the same sheet and pictures give the same bytes.

    Photos are laid in as they are, so that many of them take little time and memory.
    """
    page = _Page(sheet)
    page.add_page()
    _head(page, sheet)
    _band(page, sheet)
    _words(page, "What was done", sheet.summary)
    _words(page, "Root cause", sheet.root_cause)
    if sheet.exchanges:
        _exchanges(page, sheet)
    _proofs(page, sheet.proofs)
    _side(page, "As found", sheet.found, pictures)
    _side(page, "As departed", sheet.departed, pictures)
    if sheet.papers or sheet.link:
        _sources(page, sheet)
    return bytes(page.output())
