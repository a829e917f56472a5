"""A report as PDF: the same bytes for the same report, every row, and a bound."""

import re
import zlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.adapters.table_page import MOST_ROWS, _fitting, _Page
from cloud.adapters.table_pdf import as_pdf
from cloud.kernel.errors import BadInput
from cloud.reporting.models import Asked, Column, Report, Row

ASKED = Asked(datetime(2026, 6, 30, tzinfo=UTC), date(2026, 6, 1), date(2026, 7, 1))


def a_report(rows: int = 1, columns: int = 3, cell: object = "x") -> Report:
    named = (Column("id"), *(Column(f"column_{n}", "hours") for n in range(columns - 1)))
    made = tuple(Row((f"WO-{n}", *(cell for _ in named[1:]))) for n in range(rows))
    return Report("due_soon", "What is due.", ASKED, named, made, ("A note.",))


class Measured(_Page):
    """A page that counts the letters it measures."""

    measured = 0

    def get_string_width(self, s, *rest, **how):
        self.measured += len(s)
        return super().get_string_width(s, *rest, **how)


def words(pdf: bytes) -> str:
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    found = b""
    for one in streams:
        try:
            found += zlib.decompress(one)
        except zlib.error:
            continue
    return b" ".join(re.findall(rb"\((.*?)\) Tj", found)).decode("latin-1")


def test_it_says_what_it_is_and_holds_every_row():
    text = words(as_pdf(a_report(rows=80)))
    for said in ("Due soon", "What is due.", "80 rows", "WO-0", "WO-79", "A note."):
        assert said in text, said


def test_many_columns_stand_in_bands_each_with_the_first():
    text = words(as_pdf(a_report(columns=20)))
    assert text.count("WO-0") == 3
    assert "column 18 \\(hours\\)" in text


def test_the_same_report_gives_the_same_bytes():
    assert as_pdf(a_report(rows=3)) == as_pdf(a_report(rows=3))


def test_what_nobody_prints_is_refused_with_what_to_do():
    with pytest.raises(BadInput, match="take the CSV"):
        as_pdf(a_report(rows=MOST_ROWS + 1))


@pytest.mark.parametrize(
    ("cell", "stands"),
    [
        pytest.param("short", "short", id="what fits stands whole"),
        pytest.param("W" * 4_000, "W" * 45 + "...", id="what does not is cut with three dots"),
        pytest.param("W" * 44 + " " * 9 + "W" * 90, "W" * 44 + "...", id="no blank before them"),
        pytest.param("  a \n b\t", "a b", id="one blank between words"),
    ],
)
def test_a_cell_is_one_line_of_its_width(cell, stands):
    page = Measured(a_report())
    page.set_font("Helvetica", "", 7.5)
    assert _fitting(page, cell, 45 * page.get_string_width("W") + page.get_string_width("...")) == (
        stands
    )


def test_a_long_text_is_measured_no_further_than_its_place_reaches():
    counts = []
    for letters in (400, 4_000):
        page = Measured(a_report())
        page.set_font("Helvetica", "", 7.5)
        _fitting(page, "i" * letters, 40.0)
        counts.append(page.measured)
    assert counts[0] == counts[1] <= 100


@settings(max_examples=25)
@given(st.one_of(st.text(max_size=80), st.none(), st.booleans(), st.floats(), st.datetimes()))
def test_any_cell_is_drawn(cell):
    if isinstance(cell, datetime):
        cell = cell.replace(tzinfo=UTC)
    assert as_pdf(a_report(cell=cell)).startswith(b"%PDF")
