"""What is drawn: tables that fit 60, 80 and 120 columns, plain text for a pipe, bars on request."""

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from cloud.cli import screen
from cloud.cli.screen import Column

ROOT = Path(__file__).parents[3]
COLUMNS = (
    Column("what"),
    Column("id"),
    Column("amount", is_number=True),
    Column("about", is_text=True),
)
LONG = "the inverter has been off since Sunday morning and nobody was at home when Jo called there"
ROWS = [
    {"what": "invoice", "id": "INV-3F3AAQ2FP6", "amount": "$1,412.50", "about": LONG},
    {"what": "record finding", "id": "WO-MN5GCQR726", "amount": "", "about": "short"},
]


def drawn(rows, width, columns=COLUMNS):
    out = io.StringIO()
    on = Console(file=out, width=width, highlight=False)
    screen.draw(rows, columns, on, nothing="nothing waits")
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_fits_and_breaks_words_only(width):
    lines = drawn(ROWS, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert lines[0].split() == ["what", "id", "amount", "about"]
    for whole in ("INV-3F3AAQ2FP6", "WO-MN5GCQR726", "$1,412.50", "record finding"):
        assert whole in text
    assert "…" not in text
    words = " ".join(text.split())
    assert all(word in words for word in LONG.split())


@pytest.mark.parametrize("width", [20, 30, 45])
def test_what_no_table_can_hold_is_drawn_as_cards(width):
    text = "\n".join(drawn(ROWS, width))
    assert text.startswith("invoice\n")
    assert "  amount  $1,412.50\n" in text
    assert "  amount\n" not in text  # what is empty is left out
    assert LONG in " ".join(text.split())  # nothing is cut
    assert width < 45 or max(map(len, text.splitlines())) <= width


GIVING_WAY = (
    Column("what", gives_way=2),
    Column("id"),
    Column("amount", is_number=True, gives_way=1),
    Column("about", is_text=True),
)


@pytest.mark.parametrize(
    ("width", "heads", "last"),
    [
        (58, "what id amount about", ""),
        (55, "what id about", "no room for: amount"),
        (32, "id about", "no room for: what, amount"),
    ],
    ids=["all of it", "the first to go is gone", "both are gone"],
)
def test_columns_that_may_go_are_left_out_and_named(width, heads, last):
    lines = drawn(ROWS, width, GIVING_WAY)
    assert lines[0].split() == heads.split()
    assert max(map(len, lines)) <= width
    assert lines[-1] == last or (not last and "no room" not in lines[-1])


def test_no_card_and_no_pipe_leaves_anything_out():
    for width in (20, screen.WIDEST):
        text = "\n".join(drawn(ROWS, width, GIVING_WAY))
        assert "$1,412.50" in text
        assert "no room" not in text


def test_a_wide_terminal_has_a_table_as_wide_as_it_needs():
    assert max(map(len, drawn(ROWS[1:], 300))) < 60


@pytest.mark.parametrize("width", [60, screen.WIDEST])
def test_nothing_is_said_in_words(width):
    assert drawn([], width) == ["nothing waits"]


def test_a_pipe_gets_a_record_a_line_without_a_frame():
    lines = drawn(ROWS, screen.WIDEST)
    assert lines == [
        "what            id                 amount  about",
        f"invoice         INV-3F3AAQ2FP6  $1,412.50  {LONG}",
        "record finding  WO-MN5GCQR726              short",
    ]


words = st.text(max_size=60)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("a", "b"), words)), min_size=1, max_size=4),
       st.sampled_from([8, 40, 80, screen.WIDEST]))  # fmt: skip
def test_what_others_wrote_steers_no_terminal_and_is_no_markup(rows, width):
    lines = drawn(rows, width, (Column("a"), Column("b", is_text=True)))
    assert all(one.isprintable() for line in lines for one in line)


def test_markup_of_others_is_text():
    row = {"a": "[bold red]x[/]", "b": "\x1b[2J\x07 two\nlines"}
    text = "\n".join(drawn([row], 80, (Column("a"), Column("b"))))
    assert "[bold red]x[/]" in text
    assert r"\x1b[2J\x07 two lines" in text


@pytest.mark.parametrize("width", [30, 80, screen.WIDEST])
def test_facts_are_one_below_another(width):
    out = io.StringIO()
    screen.facts(
        [("state", "open"), ("empty", ""), ("about", LONG)], Console(file=out, width=width)
    )
    lines = out.getvalue().splitlines()
    assert lines[0].rstrip() == "  state  open"
    assert "empty" not in out.getvalue()
    assert " ".join(out.getvalue().split()).endswith(LONG)
    assert width != 80 or max(len(line.rstrip()) for line in lines) <= 80


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "$0.00"),
        (5, "$0.05"),
        (-5, "-$0.05"),
        (123456789, "$1,234,567.89"),
        (-10000, "-$100.00"),
    ],
)
def test_an_amount_is_written_as_people_do(cents, text):
    assert screen.amount(cents) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-06-09T12:34:56Z", "2026-06-09 12:34Z"),
        ("2026-06-09T12:34:56.000001Z", "2026-06-09 12:34Z"),
        ("2026-06-09", "2026-06-09"),
        ("", ""),
        (None, ""),
        ("soon", "soon"),
    ],
)
def test_a_moment_is_told_to_the_minute(text, told):
    assert screen.moment(text) == told


def test_a_cell_keeps_its_style():
    assert screen.cell(Text("x", "bold")).style == "bold"


# ------------------------------------------------------------------------------- a real terminal
def on_a_terminal(code, *, width, environment=(), both=False):
    """Run code on a terminal so wide; give what it wrote there, and what went into the pipe."""
    main, sub = pty.openpty()
    fcntl.ioctl(sub, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    known = {name: value for name, value in os.environ.items()
             if name not in {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI"}}  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        cwd=ROOT, stdin=sub, stdout=sub if both else subprocess.PIPE, stderr=sub,
        env={**known, "TERM": "xterm-256color", **dict(environment)},
    )  # fmt: skip
    os.close(sub)
    seen = b""
    while True:
        try:
            more = os.read(main, 65536)
        except OSError:  # the terminal is gone: everything was read
            break
        if not more:
            break
        seen += more
    os.close(main)
    piped = process.stdout.read() if process.stdout else b""
    assert process.wait(60) == 0
    if process.stdout:
        process.stdout.close()
    return seen.decode(), piped.decode()


TABLE = f"""
from cloud.cli import screen
columns = [screen.Column("queue"), screen.Column("about", is_text=True)]
from rich.text import Text
rows = [{{"queue": Text("3", "bold red"), "about": {LONG!r}}}]
screen.draw(rows, columns, screen.console(), nothing="")
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_on_a_terminal_the_table_is_as_wide_as_that(width):
    seen, _ = on_a_terminal(TABLE, width=width, both=True)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in seen.splitlines()]
    assert max(map(len, plain)) <= width
    assert COLOUR.search(seen)


def test_no_color_is_honoured():
    seen, _ = on_a_terminal(TABLE, width=80, environment={"NO_COLOR": "1"}, both=True)
    assert not COLOUR.search(seen)
    assert "3" in seen


def test_a_pipe_is_plain_even_when_errors_go_to_a_terminal():
    seen, piped = on_a_terminal(TABLE, width=60)
    assert seen == ""
    assert piped == f"queue  about\n3      {LONG}\n"


BAR = """
from cloud.cli import screen
print(sum(screen.counted(range(5), "days", 5)))
"""
WAIT = """
from cloud.cli import screen
screen.PATIENCE_S = 0.0
with screen.patience("asking the stack"), screen.patience("never seen"):
    pass
print("done")
"""


def test_a_bar_goes_to_the_terminal_and_not_into_the_pipe():
    seen, piped = on_a_terminal(BAR, width=80)
    assert piped == "10\n"
    assert "days" in seen


def test_what_takes_long_is_told_once_and_wiped_away():
    seen, piped = on_a_terminal(WAIT, width=80)
    assert piped == "done\n"
    assert "asking the stack" in seen
    assert "never seen" not in seen
    assert "\x1b[2K" in seen


@pytest.mark.parametrize("code", [BAR, WAIT], ids=["a bar", "a wait"])
def test_nothing_moves_where_there_is_no_terminal(code):
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""


def test_json_is_one_document(capsys):
    screen.tell_json([{"cents": 5}])
    assert json.loads(capsys.readouterr().out) == [{"cents": 5}]
