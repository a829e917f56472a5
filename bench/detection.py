"""How many sites one core judges and measures in a second, and in what memory, beside pandas.

All in means as the sweep does it: the records' stored text is read, the region is judged, and the
text of what became of each site is made. The peer is the same rule by whole columns, held to the
same verdicts first; it does the day step alone, and its state goes through JSON as ours does. CPU
time counts: of regions the median, of day steps the best of three. Each line is a process of its
own, so that its peak memory is its own. `python -m bench.detection --full` takes some minutes, and
leaves nothing out.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.peers import PEERS

ROOT = Path(__file__).parent.parent
SIZES = (1_000, 10_000, 100_000)
REGION, LARGE_REGION = 1_000, 5_000
GOAL = 30_000
WAYS = {
    "morning": "one new day, as every morning",
    "late": "... and a site's day of 3 days ago came late",
    "very late": "... and one of 20 days ago",
    "again": "no new day (twice of three times)",
    "paused": "one new day, Python's collector paused",
}


def child(module: str, *arguments: object, python: str = sys.executable) -> Any:
    """Run a module in a process of its own and give the JSON that it prints."""
    done = subprocess.run(  # noqa: S603 - our own modules
        [python, "-m", f"bench.{module}", *map(str, arguments)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout) if done.stdout else None


def all_in(folder: Path, *, is_full: bool) -> None:
    """Print what regions take all in, by fleet, by region, and by what came late."""
    text = {size: folder / f"region-{size}" for size in (REGION, LARGE_REGION)}
    for size, path in text.items():
        child("detection_region", "write", size, path)
    print(f"{'judged all in':44}{'fleet':>8}{'sites/s':>9}{'us a site: read':>17}", end="")
    print(f"{'judge':>7}{'write':>7}{'peak MB':>9}")
    plan = [(REGION, 1, 3, way) for way in WAYS]
    plan[1:1] = [(REGION, 10, 1, "morning"), (LARGE_REGION, 1, 1, "morning")]
    if is_full:
        plan[3:3] = [(REGION, 100, 1, "morning"), (LARGE_REGION, 20, 1, "morning")]
    first = None
    for per_region, regions, times, way in plan:
        found = child("detection_region", "judge", text[per_region], regions, times, way)
        each = {part: 1e6 * one for part, one in found["per_site"].items()}
        total = sum(each.values())
        first = first or total
        name = WAYS[way]
        if (per_region, regions) != (REGION, 1):
            name = (
                f"... {regions} of {per_region:,}" if regions > 1 else f"... one of {per_region:,}"
            )
        print(
            f"  {name:42}{found['sites']:8,}{1e6 / total:9,.0f}{each['decode']:17,.0f}"
            f"{each['judge']:7,.0f}{each.get('encode', 0):7,.0f}{found['peak_mb']:9,.0f}"
            f"   {total / first:.2f}x a site",
            flush=True,
        )
    if not is_full:
        print("  (100,000 all in takes minutes: --full; a region is all that a process knows of)")
    print(f"  goal: {GOAL:,} sites/s; an empty process has {found['empty_mb']:.0f} MB")


def day_step() -> bool:
    """Print the day step beside pandas, and give whether both agree."""
    python = PEERS / "python"
    is_there = (
        python.exists()
        and not subprocess.run(  # noqa: S603 - the peers' interpreter
            [python, "-c", "import pandas"], check=False, capture_output=True
        ).returncode
    )
    if not is_there:
        print("pandas is not there, and is left out: make bench-peers")
    agreed = child("detection_pandas", "agree", 120, 60, python=str(python)) if is_there else None
    print(f"{'the day step alone, state as JSON':44}{'fleet':>8}{'ours/s':>9}{'pandas/s':>10}")
    for size in SIZES:
        times = 3 if size < max(SIZES) else 1
        ours = size / child("detection_day", size, REGION, times)["seconds"]
        line = f"  {_regions(size // REGION):42}{size:8,}{ours:9,.0f}"
        if is_there:
            peer = child("detection_pandas", size, REGION, times, python=str(python))
            rate = size / peer["seconds"]
            line += f"{rate:10,.0f}   {ours / rate:.2f}x"
        print(line, flush=True)
    if agreed is None:
        return True
    print(
        f"  both judged {agreed['site_days']:,} hard site-days by {agreed['reasons']} of "
        f"{agreed['of_reasons']} reasons, with {agreed['visits']} visits: "
        f"{agreed['differ'] or 'none'} differ"
    )
    return not agreed["differ"] and agreed["reasons"] == agreed["of_reasons"]


def _regions(number: int) -> str:
    return f"{number} regions of {REGION:,}" if number > 1 else "one region"


def measuring(sizes: tuple[int, ...]) -> None:
    """Print what measuring takes, and where the time goes."""
    print(f"{'measured from chunks':44}{'sites':>8}{'sites/s':>9}{'peak MB':>9}")
    for size in sizes:
        found = child("detection_shard", size)
        print(
            f"  {'41 chunks of an hour of minutes':42}{found['sites']:8,}"
            f"{found['sites'] / found['seconds']:9,.1f}{found['peak_mb']:9,.0f}"
        )
    total = sum(found["parts"].values())
    shares = (f"{what} {100 * one / total:.0f}%" for what, one in found["parts"].items())
    print(f"  of its parts, measured by themselves: {', '.join(shares)}")


def main() -> int:
    """Print everything; 1 when pandas comes to other verdicts."""
    is_full = "--full" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        all_in(Path(folder), is_full=is_full)
    is_agreed = day_step()
    measuring((100, 500, 2_000) if is_full else (50,))
    return 0 if is_agreed else 1


if __name__ == "__main__":
    sys.exit(main())
