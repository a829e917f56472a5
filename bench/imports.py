"""CPU of a cold import of each function's handler, beside what any such function has to import.

The peer is what a function like ours needs before it has a line of its own: boto3, pynamodb and
powertools, with powertools' event handler for those that answer HTTP.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cloud.local.template import Function, load

ROOT = Path(__file__).parent.parent
TIMES = 5
GOAL = 1.15
PEER = "import boto3, pynamodb.models, aws_lambda_powertools"
PEER_OF_HTTP = f"{PEER}\nimport aws_lambda_powertools.event_handler, pydantic"
CLIENT = "\nboto3.client('dynamodb')"

OF_LAMBDA = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "dummy",
    "AWS_SECRET_ACCESS_KEY": "dummy",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """One function.

    Attributes:
        cpu_ms: user and system time of a fresh interpreter that imports the handler, and ends.
        peer_ms: the same for the peer's imports and one DynamoDB client, which ours make too.
    """

    function: str
    cpu_ms: float
    peer_ms: float

    @property
    def ratio(self) -> float:
        """How many times the peer's CPU it takes."""
        return self.cpu_ms / self.peer_ms


def run() -> list[Imported]:
    """Import every handler of the template and its peer, in turns; the median of a few counts."""
    with tempfile.TemporaryDirectory() as cache:
        stack = load(ROOT / "template.yaml", cache=Path(cache))
    answering = {route.function for route in stack.routes}
    spent: dict[str, list[float]] = {}
    for _ in range(TIMES):
        for peer in (PEER, PEER_OF_HTTP):
            spent.setdefault(peer, []).append(_cpu_ms(peer + CLIENT, {}))
        for name, function in sorted(stack.functions.items()):
            spent.setdefault(name, []).append(_cpu_ms(importing(function), function.environment))
    return [
        Imported(
            function=name,
            cpu_ms=median(spent[name]),
            peer_ms=median(spent[PEER_OF_HTTP if name in answering else PEER]),
        )
        for name in sorted(stack.functions)
    ]


def importing(function: Function) -> str:
    """Give the code that does what Lambda does first: import the handler's module."""
    return f"import {function.handler.rpartition('.')[0]}"


def _cpu_ms(code: str, environment: Mapping[str, str]) -> float:
    """Give the CPU of a fresh interpreter that runs a piece of code, start to end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        env={**OF_LAMBDA, **environment, "PATH": os.environ.get("PATH", "")},
        cwd=ROOT,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> int:
    """Print each function beside its peer; what is over the goal is marked."""
    print(f"{'CPU of a cold import':24}{'ours':>9}{'peer':>9}{'ratio':>8}")
    for one in run():
        mark = "" if one.ratio <= GOAL else f"  over {GOAL}x"
        print(f"{one.function:24}{one.cpu_ms:6.0f} ms{one.peer_ms:6.0f} ms{one.ratio:7.2f}x{mark}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
