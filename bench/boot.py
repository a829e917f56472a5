"""How long a second start of the whole stack takes until its door answers, beside two peers.

A second start is what a person waits for every day: the data folder is there, the template is
translated. Each start is a process of its own. The peers are the imports that a handler of ours
cannot do without, and moto's server, until it answers.
"""

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.peers import PEERS, free_port

ROOT = Path(__file__).parent.parent
TIMES = 5
GOAL_S = 2.0
PATIENCE_S = 60.0
MOTO_SERVER = PEERS / "moto_server"
IMPORTS = "import boto3, pynamodb, aws_lambda_powertools"
STACK = """
import sys
from pathlib import Path
from cloud.local.http import Door
from cloud.local.runtime import Runtime
folder, template = map(Path, sys.argv[1:])
runtime = Runtime(folder, template)
runtime.start()
door = Door(runtime)
door.start()
print(door.port, flush=True)
sys.stdin.read()
door.stop()
runtime.close()
"""
"""A stack until its input ends."""


@dataclass(frozen=True, slots=True)
class Started:
    """One thing that starts.

    Attributes:
        seconds: of the wall clock, from the start of its process until it answered or ended.
    """

    what: str
    seconds: float


def run() -> list[Started]:
    """Start each of them a few times, in turns; the median counts. Ours comes first."""
    with tempfile.TemporaryDirectory() as folder:
        first = _stack(Path(folder))  # makes the folder: it does not count
        starts: dict[str, Callable[[], float]] = {
            "the stack, a second start": lambda: _stack(Path(folder)),
            "imports of a handler": _imports,
        }
        if MOTO_SERVER.exists():
            starts["moto_server"] = _moto_server
        spent: dict[str, list[float]] = {what: [] for what in starts}
        for _ in range(TIMES):
            for what, start in starts.items():
                spent[what].append(start())
    return [
        *(Started(what, median(seconds)) for what, seconds in spent.items()),
        Started("the stack, its first start", first),
    ]


def _stack(folder: Path) -> float:
    command = [sys.executable, "-c", STACK, str(folder / "data"), str(ROOT / "template.yaml")]
    began = time.perf_counter()
    with _ended(command) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stack did not start: {process.wait()}")
        _until_it_answers(int(line), process)
        return time.perf_counter() - began


def _imports() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)  # noqa: S603 - our own
    return time.perf_counter() - began


def _moto_server() -> float:
    port = free_port()
    began = time.perf_counter()
    with _ended([str(MOTO_SERVER), "-H", "127.0.0.1", "-p", str(port)]) as process:
        _until_it_answers(port, process)
        return time.perf_counter() - began


@contextmanager
def _ended(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and end it with the block."""
    with subprocess.Popen(  # noqa: S603 - our own commands
        command,
        cwd=ROOT,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _until_it_answers(port: int, process: subprocess.Popen[str]) -> None:
    """Ask until there is an answer, whatever it says."""
    until = time.perf_counter() + PATIENCE_S
    while process.poll() is None and time.perf_counter() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/v1/openapi.json")
            connection.getresponse().read()
        except ConnectionError:
            time.sleep(0.005)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError(f"nothing answers on port {port}")


def main() -> int:
    """Print how long each start takes, and ours as a ratio to its peers."""
    ours, *others = run()
    verdict = "within" if ours.seconds <= GOAL_S else "over"
    print(f"{ours.what:30}{ours.seconds:7.2f} s   {verdict} the goal of {GOAL_S:g} s")
    for other in others:
        print(f"{other.what:30}{other.seconds:7.2f} s{ours.seconds / other.seconds:8.2f}x")
    if not MOTO_SERVER.exists():
        print("moto_server is left out: `make bench-peers` installs it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
