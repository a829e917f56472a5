"""`kill -9` in the middle of the demo, three times: it goes on, and the story is the same."""

import random  # noqa: TID251 - with a printed seed
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.story.conftest import ROOT, Played, command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DAYS = 12
KILLS = 3
EXPECTED = Path(__file__).with_name("story.txt")


def test_the_story_goes_on_after_kill_9(tmp_path: Path) -> None:
    seed = int(time.monotonic_ns()) % 10**6
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    folder = tmp_path / "demo"
    killed = 0
    for _ in range(KILLS):
        child = subprocess.Popen(  # noqa: S603 - our own command
            command(folder, "--days", str(DAYS)),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(8 + 6 * chance.random())
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
    assert killed >= 1, "it was over before it could be killed"
    done = subprocess.run(  # noqa: S603
        command(folder, "--days", str(DAYS)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]

    played = Played(folder, done.stdout)
    expected = [
        line for line in EXPECTED.read_text().splitlines() if line.split()[1:3] < ["13", "Jun"]
    ]
    # Within one instant the order may differ: what was not done is done after what was.
    assert sorted(played.lines) == sorted(expected)
