"""What others wrote does not steer the terminal, whichever way it gets there."""

import ast
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cloud.cli import funding_shown, main, report, saying
from cloud.cli.screen import Screen
from cloud.kernel.change import Event
from cloud.local.demo.story import line, steps
from tests.cloud.cli.poisoning import POISON, WORD

CLI = Path(__file__).parents[3] / "cloud/cli"
AT = datetime(2026, 6, 8, 12, tzinfo=UTC)


def steering(text):
    return {one for one in text if not one.isprintable()} - {"\n"}


@given(st.text())
def test_any_text_is_made_harmless_and_what_is_stays(text):
    shown = saying.harmless(text)
    assert shown.isprintable()
    assert saying.harmless(shown) == shown
    assert steering(saying.harmless_page(text)) <= {"\t"}


@given(st.text())
def test_a_json_text_means_the_same_when_it_is_harmless(text):
    shown = saying.harmless_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == text
    assert not steering(shown)


A_TABLE = Table("x", box=None)
A_TABLE.add_row(f"cell {POISON}")
EVENT = Event("WO-1", "declined", AT, "P-1", "A-81", (), f"P-1 declined: no {POISON}\nWO-2 paid")
TRACE = [
    {"id": "T-1", "says": f"paid {POISON}\n└ approved by nobody", "causes": ["gone"]},
]
PLAN = {
    "partner_id": "P-1",
    "deductions": [{"applied": {"cents": 5}, "says": f"offset {POISON}"}],
    "held": [{"amount": {"cents": 5}, "says": "held", "held_for": [f"w9 {POISON}"]}],
}
REPORT = {
    "report": f"ageing {POISON}",
    "says": f"What is old {POISON}",
    "parameters": {"partner": f"P {POISON}"},
    "as_of": "2026-06-08T12:00:00Z",
    "columns": [{"name": "who", "unit": "", "says": ""}],
    "rows": [{"who": f"Jo {POISON}"}],
    "notes": [f"a note {POISON}"],
}


@pytest.mark.parametrize("is_terminal", [True, False], ids=["a terminal", "a pipe"])
@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param([f"words {POISON}"], id="words"),
        pytest.param([Text(f"words {POISON}")], id="text"),
        pytest.param([Padding(Text(f"words {POISON}"), (0, 2))], id="text with space around it"),
        pytest.param([A_TABLE], id="a table"),
        pytest.param([line(EVENT)], id="a line of the story"),
        pytest.param(list(steps(TRACE)), id="a trace"),
        pytest.param(list(funding_shown.reasons([PLAN])), id="why a partner is paid less"),
    ],
)
def test_a_screen_draws_no_text_that_steers(drawn, is_terminal):
    out = io.StringIO()
    on = Screen(file=out, width=300, force_terminal=is_terminal, color_system=None)
    for one in drawn:
        on.print(one)
    assert r"\x1b]0;owned" in out.getvalue()
    assert not steering(out.getvalue())


def test_a_report_is_drawn_without_what_steers():
    out = io.StringIO()
    report.draw(REPORT, Screen(file=out, width=2000))
    assert out.getvalue().count(WORD) >= 4
    assert not steering(out.getvalue())


def test_a_text_of_several_lines_is_no_step_of_its_own():
    for told in (line(EVENT), *steps(TRACE)):
        assert "\n" not in told.plain


def test_rich_still_steers_its_own_terminal():
    out = io.StringIO()
    Screen(file=out, force_terminal=True, color_system="standard").print(Text("x", "bold red"))
    assert out.getvalue() == "\x1b[1;31mx\x1b[0m\n"


def test_an_error_is_one_harmless_line(capsys):
    saying.complain(f"sunreeve order: no {POISON}\nand more")
    said = capsys.readouterr().err
    assert (said.count("\n"), WORD in said, steering(said)) == (1, True, set())


def test_a_word_of_the_command_line_comes_back_harmless(capsys):
    with pytest.raises(SystemExit):
        main([f"demolish{POISON}"])
    said = capsys.readouterr().err
    assert WORD in said
    assert not steering(said)


def test_nothing_is_printed_past_the_two_doors():
    """`cloud.cli.saying` prints, and a `Screen` draws; nobody else does."""
    past = []
    for path in sorted(CLI.rglob("*.py")):
        if path.name == "saying.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                is_raw = called in {"print", "Console", "sys.stdout.write", "sys.stderr.write"}
                past += [f"{path.name}:{node.lineno} {called}"] if is_raw else []
    assert past == []
