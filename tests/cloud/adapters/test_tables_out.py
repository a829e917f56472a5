"""Tables as they leave: no spreadsheet runs them, every reader gets back what was in them."""

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest

from cloud.adapters.tables_out import as_csv, as_json
from cloud.reporting.models import Asked, Column, Report, Row

AS_OF = datetime(2026, 6, 30, 12, tzinfo=UTC)
ASKED = Asked(as_of=AS_OF, since=date(2026, 6, 1), until=date(2026, 7, 1))


def table(*cells, subjects=("WO-1",)):
    columns = tuple(Column(f"c{place}") for place in range(len(cells)))
    return Report("test", "says", ASKED, columns, (Row(tuple(cells), subjects),), ("a note",))


def read(text):
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1+cmd",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "\n=1",
        "\ufeff=1",
        "\u00a0+1",
    ],
)
def test_what_could_be_a_formula_is_text(text):
    (_, (cell, _)) = read(as_csv(table(text)))
    behind_a_break = {"\t=1": "'\t'=1", "\r=1": "'\r'=1", "\n=1": "'\n'=1"}
    assert cell == behind_a_break.get(text, f"'{text}")


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        pytest.param(None, "", id="unknown"),
        pytest.param(0, "0", id="zero is not unknown"),
        pytest.param(-5, "-5", id="a number below zero stays a number"),
        pytest.param(-0.5, "-0.5", id="also one with a decimal"),
        pytest.param(True, "yes", id="yes"),
        pytest.param(False, "no", id="no"),
        pytest.param(AS_OF, "2026-06-30T12:00:00Z", id="an instant"),
        pytest.param('say "no", twice', 'say "no", twice', id="quotes and commas"),
        pytest.param("two\nlines", "two\nlines", id="lines"),
        pytest.param("Zoë's: 5=5", "Zoë's: 5=5", id="a sign that is not the first"),
    ],
)
def test_cells_come_back(cell, found):
    text = as_csv(table(cell))
    assert read(text) == [["c0", "subjects"], [found, "WO-1"]]
    assert text.endswith("\r\n")


def test_each_row_names_the_records_that_it_rests_on():
    made = table(1, subjects=("WO-1", "CASE-2"))
    assert read(as_csv(made))[1][-1] == "WO-1 CASE-2"
    told = json.loads(as_json(made))
    assert told["rows"] == [{"c0": 1, "subjects": ["WO-1", "CASE-2"]}]
    assert (told["schema"], told["report"], told["as_of"]) == (
        "sunreeve.report.v1",
        "test",
        "2026-06-30T12:00:00Z",
    )
    assert told["parameters"]["from"] == "2026-06-01"
    assert told["notes"] == ["a note"]


def test_a_row_has_a_cell_for_each_column():
    with pytest.raises(ValueError, match="row of 1 in 2"):
        Report("test", "", ASKED, (Column("a"), Column("b")), (Row((1,)),))
