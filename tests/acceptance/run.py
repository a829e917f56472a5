"""Drives acceptance vectors through the product's own rules: `make vectors KIND=... DIR=...`.

Prints a line ``FAIL <file> <op> <what differed>`` for each failure and ``N passed, M failed`` last.
An op that nobody answers counts as a failure. Exit code 0 when all passed, 1 when any failed, 2 for
wrong use, which a folder without vectors is.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.acceptance import funding_ops, service_ops

Op = Callable[[dict[str, Any]], dict[str, Any]]

KINDS: Mapping[str, Mapping[str, Op]] = {"service": service_ops.OPS, "funding": funding_ops.OPS}
SHARED = Path(__file__).parents[3] / "shared" / "vectors"


def failure_of(vector: Mapping[str, Any], ops: Mapping[str, Op]) -> str | None:
    """Give what differs between what a vector expects and what the product says, or None."""
    op = vector["op"]
    if op not in ops:
        return "nobody answers this op"
    try:
        answer = ops[op](vector["given"])
    except Exception as raised:  # noqa: BLE001 - whatever is raised is this vector's failure
        return f"raised {type(raised).__name__}: {raised}"
    # Through JSON, as a vector file would hold it: tuples are lists there.
    answer = json.loads(json.dumps(answer))
    expect = vector["expect"]
    if answer == expect:
        return None
    differing = [
        f"{key}: expected {expect.get(key)!r}, got {answer.get(key)!r}"
        for key in sorted({*expect, *answer})
        if expect.get(key) != answer.get(key) or (key in expect) != (key in answer)
    ]
    return "; ".join(differing)


def run(folder: Path, ops: Mapping[str, Op]) -> Iterator[tuple[str, str | None]]:
    """Give for each vector of a folder its name with op, and its failure or None."""
    for path in sorted(folder.glob("*.json")):
        vector = json.loads(path.read_text())
        yield f"{path.name} {vector['op']}", failure_of(vector, ops)


def main(arguments: Sequence[str]) -> int:
    """Run the kinds and folders that the arguments name: ``[KIND [DIR]]``."""
    if len(arguments) > 2 or (arguments and arguments[0] not in KINDS):
        print(f"vectors: say KIND={'|'.join(KINDS)} and DIR=path, or nothing", file=sys.stderr)
        return 2
    kinds = arguments[:1] or list(KINDS)
    passed, failed = 0, 0
    for kind in kinds:
        folder = Path(arguments[1]) if len(arguments) == 2 else SHARED / kind
        count = 0
        for name, failure in run(folder, KINDS[kind]):
            count += 1
            if failure is None:
                passed += 1
            else:
                failed += 1
                print(f"FAIL {name} {failure}")
        if count == 0:
            print(f"vectors: there is no vector in {folder}: check DIR", file=sys.stderr)
            return 2
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
