"""CSV text: what goes in comes out, and no spreadsheet runs it."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kernel.csv_text import csv_text, in_text
from cloud.kernel.money import Money

EAST = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (Money(-123_456), "-1234.56"),
        (Money(5), "0.05"),
        (-7, "-7"),
        (date(2026, 12, 3), "2026-12-03"),
        (datetime(2026, 12, 3, 2, 31, tzinfo=EAST), "2026-12-03T07:31:00Z"),
        (datetime(2026, 12, 3, 2, 31, 0, 5, tzinfo=UTC), "2026-12-03T02:31:00.000005Z"),
        ("Ünïcode, with comma", "Ünïcode, with comma"),
        ("=1+1", "'=1+1"),
        ("-1", "'-1"),
        ("\u00a0@SUM(A1)", "'\u00a0@SUM(A1)"),
        ("a=1", "a=1"),
    ],
)
def test_a_cell_as_text(cell, text):
    assert in_text(cell) == text


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=1)))
def test_what_goes_in_comes_out(rows):
    read = list(csv.reader(io.StringIO(csv_text(rows), newline=""), strict=True))
    assert read == [[in_text(cell) for cell in row] for row in rows]
    formula = ("=", "+", "-", "@", "\t", "\r")
    assert not [
        cell for row in read for cell in row if cell.lstrip(" \n\u00a0").startswith(formula)
    ]


def test_lines_end_as_the_rfc_has_them():
    assert csv_text([["a", 'b"c'], [1, Money(100)]]) == 'a,"b""c"\r\n1,1.00\r\n'
