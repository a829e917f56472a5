"""The log is a line per thing, and a device that is off for a week does not fill a disk."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.operation.journal import MOST_AT_ONCE, QUIET_S, OneLine, Seldom

ROOT = Path(__file__).parents[2]


def record(message, *arguments, level=logging.WARNING):
    return logging.LogRecord("edge_agent.poll", level, "", 0, message, arguments, None)


class Hand:
    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


@pytest.fixture
def hand():
    return Hand()


def written(seldom, *records) -> list[str]:
    line = OneLine(has_priority=True)
    return [line.format(one) for one in records if seldom.filter(one)]


def test_a_week_of_failures_is_few_lines(hand):
    seldom = Seldom(hand)
    lines = []
    for minute in range(7 * 1440):
        hand.at = 60.0 * minute
        lines += written(seldom, record("%s: silent for %s s", "roof", minute))
    assert len(lines) <= MOST_AT_ONCE + 7 * 24
    assert lines[0] == "<4>poll: roof: silent for 0 s"
    assert lines[MOST_AT_ONCE].endswith("(and 57 more times)")
    assert lines[MOST_AT_ONCE + 1].endswith("(and 59 more times)")


def test_what_is_about_another_thing_is_written(hand):
    seldom = Seldom(hand)
    many = [record("%s: silent", f"device-{i}") for i in range(20)]
    assert len(written(seldom, *many)) == 20
    assert len(written(seldom, *(record("the broker is away") for _ in range(20)))) == MOST_AT_ONCE


def test_after_a_quiet_time_it_is_news_again(hand):
    seldom = Seldom(hand)
    assert len(written(seldom, *(record("x") for _ in range(3)))) == 3
    hand.at = QUIET_S
    assert written(seldom, *(record("x") for _ in range(3))) == ["<4>poll: x"] * 3


def test_memory_is_bounded(hand):
    seldom = Seldom(hand)
    for number in range(5000):
        seldom.filter(record("%s", number))
    assert len(seldom._kinds) <= 1000


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3)],
)
def test_the_priority_of_the_journal(level, priority):
    assert OneLine(has_priority=True).format(record("x", level=level)) == f"<{priority}>poll: x"


def test_a_device_cannot_write_lines_of_its_own():
    line = OneLine(has_priority=True).format(record("%s: odd", "roof\n<0>kernel: panic\x1b[2J"))
    assert line == "<4>poll: roof?<0>kernel: panic?[2J: odd"


def test_an_error_is_one_line():
    one = record("it broke")
    try:
        int("odd")
    except ValueError:
        one.exc_info = sys.exc_info()
    line = OneLine(has_priority=False).format(one)
    assert "\n" not in line
    assert "warning poll: it broke | Traceback" in line


CODE = """
import logging, os, sys
from edge_agent.operation import journal
status = os.fstat(2)
environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"} if sys.argv[1] == "1" else {}
journal.start("info", environ)
journal.start("warning", environ)
logging.getLogger("edge_agent.x").info("not this")
logging.getLogger("edge_agent.x").warning("this")
"""


@pytest.mark.parametrize(("is_journal", "begins"), [("1", "<4>x: this"), ("0", "")])
def test_where_standard_error_is_the_journal_its_form_is_used(is_journal, begins):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", CODE, is_journal],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(begins)
    assert done.stderr.endswith("x: this\n")
