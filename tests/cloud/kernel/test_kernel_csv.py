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
        ("a - b; c = d, e@f", "a - b; c = d, e@f"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\ufe62 1", "'\ufe62 1"),
        ("\u200b\u2003+1", "'\u200b\u2003+1"),
        ('"=1', "'\"=1"),
        ("'=1", "''=1"),
        ("\tabc", "'\tabc"),
        ("\rabc", "'\rabc"),
        ("\nabc", "'\nabc"),
        ("seen;=1", "seen;'=1"),
        ("seen\n - twice", "seen\n' - twice"),
        ("seen\t@A1\r\n=1", "seen\t'@A1\r\n'=1"),
        (0.5, "0.5"),
        (-2.5, "-2.5"),
    ],
)
def test_a_cell_as_text(cell, text):
    assert in_text(cell) == text


# Written out once more, so that the check does not follow from what it checks.
SIGNS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
UNSEEN = ' \t\r\n\u00a0\u200b\ufeff"'
TEXTS = st.text(st.sampled_from([*SIGNS, *UNSEEN, *"a1;,'|(\\"])) | st.text(
    st.characters(exclude_characters="\0")
)


def runs(cell):
    """Tell whether a spreadsheet may run a cell: it begins as a formula and is no number."""
    try:
        float(cell)
    except ValueError:
        return cell.lstrip(UNSEEN).startswith(SIGNS)
    return cell.startswith(("\t", "\r"))


@given(st.lists(st.lists(TEXTS, min_size=1)))
def test_what_goes_in_comes_out(rows):
    read = list(csv.reader(io.StringIO(csv_text(rows), newline=""), strict=True))
    assert read == [[in_text(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, st.integers(), st.integers().map(Money))))
def test_no_cell_is_a_formula_however_a_spreadsheet_splits(separator, rows):
    text = csv_text([["P-1", *row] for row in rows])
    cells = [
        one for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for one in row
    ]
    assert not [cell for cell in cells if runs(cell)]


def test_that_check_finds_a_formula():
    assert all(map(runs, ["=1+1", "-1+cmd|' /C calc'!A0", "\u200b@A1", "\t=1", "\uff0b1+a"]))
    assert not any(map(runs, ["-7", "-1234.56", "1e5", "'=1", "a=1", ""]))


@given(st.integers() | st.integers().map(Money) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_stays_a_number(number):
    (cell,) = next(csv.reader([csv_text([[number]])]))
    if isinstance(number, Money):
        assert int(cell.replace(".", "")) == number.cents
    else:
        assert type(number)(cell) == number


def test_text_full_of_separators_is_read_once():
    for unit in ("\n", " ", "; ", ";'"):
        assert in_text("a" + unit * 300_000).startswith("a")


def test_lines_end_as_the_rfc_has_them():
    assert csv_text([["a", 'b"c'], [1, Money(100)]]) == 'a,"b""c"\r\n1,1.00\r\n'
    assert csv_text([["a"], ["b\nc"]], line_end="\n") == 'a\n"b\nc"\n'
