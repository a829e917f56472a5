"""The demo, played once for all tests of its story."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

LOCAL = ZoneInfo("America/Denver")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Played:
    """What a played demo left behind."""

    folder: Path
    printed: str

    @property
    def entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads((self.folder / "story.json").read_text())
        return entries

    @property
    def lines(self) -> list[str]:
        """All but the devices' going to sleep and waking, which nobody wants to read."""
        return [
            line_of(entry)
            for entry in self.entries
            if entry["what"] != "device_state" or "faulted" in entry["says"]
        ]


def line_of(entry: dict[str, Any]) -> str:
    """One line for a person: when, who, by which rule, what, about what."""
    at = datetime.fromisoformat(entry["at"]).astimezone(LOCAL)
    who, rule, says = entry["who"], entry["rule"] or "-", entry["says"]
    return f"{at:%a %d %b %H:%M}  {who:<14} {rule:<6} {says}  [{entry['ids'][0]}]"


def command(folder: Path, *more: str) -> list[str]:
    """The command that plays the demo in a folder."""
    return [sys.executable, "-m", "cloud.cli", "demo", "--folder", str(folder), *more]


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], Played]:
    """Plays the demo in a folder of its own."""

    def run(more: Sequence[str] = ()) -> Played:
        folder = tmp_path_factory.mktemp("story") / "demo"
        done = subprocess.run(  # noqa: S603 - our own command
            command(folder, *more), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        assert not done.stderr, done.stderr[-4000:]
        return Played(folder, done.stdout)

    return run


@pytest.fixture(scope="session")
def played(play: Callable[[Sequence[str]], Played]) -> Played:
    """The whole demo, played to its end."""
    return play(())
