"""`kill -9` of queues that are sent to, received from and redriven: nothing is lost."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, and the seed is printed

import cloud
from cloud.local.queues import Queues

ROOT = Path(cloud.__file__).parents[1]
SCRIPT = Path(__file__).with_name("queue_process.py")
ROUNDS = 20
SEED = 20310101


class StandingClock:
    def now(self) -> datetime:
        return datetime(2031, 1, 1, tzinfo=UTC)


def lines_until_killed(database: Path, name: str, kill_after: int) -> list[list[str]]:
    """Run the process, kill it after so many lines, and give all whole lines that it wrote."""
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), str(database), name],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        written = [process.stdout.readline() for _ in range(kill_after)]
        process.kill()
        written += process.stdout.readlines()
        process.wait()
    whole = [line.decode().split() for line in written if line.endswith(b"\n")]
    assert len(whole) >= kill_after, "the process ended by itself"
    return whole


def test_what_was_acknowledged_is_there_and_what_was_deleted_is_not(tmp_path: Path) -> None:
    chance = Random(SEED)
    database = tmp_path / "queues.db"
    said: dict[str, set[str]] = {"sent": set(), "deleting": set(), "deleted": set()}
    for number in range(ROUNDS):
        for what, body in lines_until_killed(database, str(number), chance.randrange(20, 400)):
            said[what].add(body)
        queues = Queues(database, StandingClock())
        there = [one.body for name in ("q", "dead") for one in queues.peek(name, 10_000)]
        queues.close()
        about = f"round {number}, seed {SEED}"
        assert len(there) == len(set(there)), f"{about}: a message is there twice"
        assert said["sent"] - said["deleting"] - set(there) == set(), f"{about}: lost"
        assert said["deleted"] & set(there) == set(), f"{about}: deleted, and there again"
    assert len(said["deleted"]) > ROUNDS
    print(f"{len(said['sent'])} sent, {len(said['deleted'])} deleted")  # noqa: T201
