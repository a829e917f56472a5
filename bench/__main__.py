"""Runs every benchmark, each in a process of its own, one after the other: `make bench`."""

import subprocess
import sys
import time

NAMES = (
    "polling",
    "wrong_values",
    "ingest",
    "imports",
    "boot",
    "handlers",
    "pages",
    "dynamodb",
    "gateway",
    "jump",
    "detection",
    "funding",
    "storm",
    "cost_meter",
)
"""The quick ones first."""


def main() -> int:
    """Run them all and give 1 when one of them failed; their numbers decide nothing."""
    failed = []
    for name in NAMES:
        began = time.perf_counter()
        print(f"---- {name}", flush=True)
        done = subprocess.run(  # noqa: S603 - our own modules
            [sys.executable, "-m", f"bench.{name}"], check=False
        )
        if done.returncode != 0:
            failed.append(name)
        print(f"     ({time.perf_counter() - began:.0f} s)\n", flush=True)
    print("rates of a shared machine: compare the ratios, not the numbers")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
