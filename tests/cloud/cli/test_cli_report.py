"""Reports on the terminal: what is drawn, and what is said where none can be."""

import io
import json

import pytest
from rich.console import Console

from cloud.cli import main
from cloud.cli.report import draw


def drawn(width=100, **facts):
    usual = {
        "report": "due_soon",
        "says": "What is due.",
        "as_of": "2026-06-30T12:00:00Z",
        "parameters": {"from": "2026-06-01", "partner": "all", "emergency": None},
        "columns": [
            {"name": "work_order", "unit": "", "says": ""},
            {"name": "due_at", "unit": "", "says": ""},
            {"name": "total", "unit": "cents", "says": ""},
            {"name": "late", "unit": "orders", "says": ""},
            {"name": "kept", "unit": "%", "says": ""},
            {"name": "kept_n", "unit": "tries", "says": ""},
        ],
        "rows": [
            {
                "work_order": "WO-1",
                "due_at": "2026-07-01T21:00:00Z",
                "total": -123456,
                "late": 0,
                "kept": 0.0,
                "kept_n": 3,
                "subjects": ["WO-1"],
            }
        ],
        "notes": ["a note"],
    }
    out = io.StringIO()
    draw({**usual, **facts}, Console(file=out, width=width))
    return out.getvalue()


def test_a_table_shows_money_and_moments_as_people_write_them():
    text = drawn()
    for part in ("due soon", "What is due.", "as of 2026-06-30T12:00:00Z", "a note", "WO-1"):
        assert part in text
    assert "2026-07-01 21:00Z" in text
    assert "-1,234.56" in text
    assert "from 2026-06-01" in text
    assert "partner" not in text
    assert "late" not in text  # a column of nothing but zeros
    assert "0.0" in text  # but a share of nothing is a share


def test_what_is_too_wide_is_drawn_row_by_row():
    text = drawn(width=40)
    assert "0.0% of 3" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 40


def test_text_of_others_is_not_markup():
    row = {"work_order": "[bold]x[/]", "due_at": "", "total": 1, "late": 1, "kept": 1, "kept_n": 1}
    assert "[bold]x[/]" in drawn(rows=[{**row, "subjects": []}])


def test_nothing_is_said_to_be_nothing():
    assert "nothing" in drawn(rows=[])


def test_more_rows_than_fit_are_counted():
    row = {"work_order": "WO", "due_at": "", "total": 1, "late": 1, "kept": 1, "kept_n": 1}
    text = drawn(rows=[{**row, "subjects": []}] * 201)
    assert "and 1 rows more" in text


def test_without_a_stack_one_line_says_how_to_start_one(tmp_path, capsys):
    assert (
        main(["report", "ageing", "--as-of", "2026-06-30T12:00Z", "--folder", str(tmp_path)]) == 3
    )
    said = capsys.readouterr().err
    assert said.startswith("sunreeve report: no stack runs in")
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [["--format", "xml"], ["--emergency", "perhaps"]])
def test_wrong_use_is_told_before_anything_is_asked(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["report", "ageing", *words])
    assert ended.value.code == 2
    assert json.dumps(words[1])[1:-1] in capsys.readouterr().err
