"""Every threat of docs/threat_model.md has a control and names tests that are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/threat_model.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([A-Z]-\d+) \|(.+)\|(.+)\|(.+)\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROWS = {found[1]: found.groups()[1:] for found in ROW.finditer(TEXT)}


def names_of(text: str) -> set[str]:
    """Give the tests that a module holds, those in classes as well."""
    return {
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def missing(cell: str) -> list[str]:
    named = TEST.findall(cell)
    if not named or TEST.sub("", cell).strip():
        return [f"no list of tests: {cell.strip()}"]
    return [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or name not in names_of((ROOT / path).read_text())
    ]


def test_every_line_of_a_table_is_a_row_with_an_id_of_its_own():
    lines = [line for line in TEXT.splitlines() if line.startswith("| ")]
    assert len(lines) == len(ROWS) + TEXT.count("| id | threat | control | test |")
    assert len(ROWS) >= 45


@pytest.mark.parametrize("row", ROWS)
def test_a_row_says_its_control_and_names_tests_that_are_there(row):
    threat, control, cell = ROWS[row]
    assert threat.strip()
    assert control.strip()
    assert missing(cell) == []


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("", id="nothing"),
        pytest.param("by hand", id="words"),
        pytest.param("`tests/contract/test_threat_model.py::test_a_row`", id="half a name"),
        pytest.param("`tests/contract/test_nothing.py::test_a_row`", id="no such file"),
    ],
)
def test_what_is_no_test_is_found(cell):
    assert missing(cell)
