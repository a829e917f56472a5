"""`kill -9` in the middle of the demo, three times: it goes on, and the story is the same."""

import random  # noqa: TID251 - with a printed seed
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.story.conftest import ROOT, Played, command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DAYS = 12
MARKS = (2, 6, 10)
"""Days of the story after which it is killed, at some moment of the next."""
KILLS = len(MARKS)
STARTS_AT = datetime(2026, 6, 1, 7, tzinfo=UTC)
EXPECTED = Path(__file__).with_name("story.txt")


STORY_ENDS = date(2026, 6, 13)


def day_of(line: str) -> date:
    """Give the day of a line of the story, all of which is in one year."""
    return datetime.strptime(f"{line[4:10]} 2026 +0000", "%d %b %Y %z").date()


def reach(folder: Path, instant: datetime, child: subprocess.Popen[bytes]) -> None:
    """Wait until the clock of a stack that plays in another process has come so far."""
    clock = folder / "data" / "clock.sqlite"
    while child.poll() is None:
        if clock.exists():
            with closing(sqlite3.connect(clock, timeout=30)) as opened:
                tables = opened.execute("SELECT name FROM sqlite_master").fetchall()
                row = opened.execute("SELECT now FROM clock").fetchone() if tables else None
            if row and datetime.fromisoformat(row[0]) >= instant:
                return
        time.sleep(0.05)


def test_the_story_goes_on_after_kill_9(tmp_path: Path) -> None:
    seed = int(time.monotonic_ns()) % 10**6
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    folder = tmp_path / "demo"
    killed = 0
    for mark in MARKS:
        child = subprocess.Popen(  # noqa: S603 - our own command
            command(folder, "--days", str(DAYS)),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        reach(folder, STARTS_AT + timedelta(days=mark + chance.random()), child)
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
    assert killed == KILLS
    done = subprocess.run(  # noqa: S603
        command(folder, "--days", str(DAYS)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]

    played = Played(folder, done.stdout)
    expected = [line for line in EXPECTED.read_text().splitlines() if day_of(line) < STORY_ENDS]
    # Within one instant the order may differ: what was not done is done after what was.
    assert sorted(played.lines) == sorted(expected)
