"""A region's evaluation all in, from the stored text of its records and back, in a small process.

One process writes the text, another reads it, so that the peak memory is that of judging alone.
"""

import gc
import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bench.detection_world import AT, THROUGH, baselines, records_of, sweep_of
from cloud.adapters.codec import Codec
from cloud.detection.judging import Remembered, heard_in, is_quiet, judged
from cloud.detection.models import ShardResult, SiteBaseline, SiteFacts, SiteTrack
from cloud.detection.packed import through_of
from cloud.portfolio.models import Site

CODEC = Codec()
KINDS = {kind.__name__: kind for kind in (Site, SiteBaseline, SiteFacts, SiteTrack, ShardResult)}
MORNING, PAUSED, AGAIN = "morning", "paused", "again"
"""One new day; the same with Python's collector paused; an evaluation that has no new day."""
LATE_DAYS = {"late": 3, "very late": 20}
"""How many days ago the day was that one site of a region only tells of now."""


def write(size: int, path: Path) -> None:
    """Write the text of a region's records, one a line, as the store holds them."""
    records = records_of(baselines(size))
    with path.open("w", encoding="utf-8") as file:
        for group in (records.results, records.sites, records.baselines):
            _write(file, group)
        _write(file, records.facts)
        _write(file, records.tracks)


def _write(file: Any, group: list[Any]) -> None:
    for record in group:
        file.write(f"{type(record).__name__} {CODEC.to_text(record)}\n")


class Spent:
    """CPU seconds by what they went into."""

    def __init__(self) -> None:
        self.by: dict[str, float] = {}
        self._began = 0.0

    def begin(self) -> None:
        """Start the clock."""
        self._began = time.process_time()

    def end(self, what: str) -> None:
        """Stop it."""
        self.by[what] = self.by.get(what, 0.0) + time.process_time() - self._began


def evaluate(path: Path, number: int, what: str, spent: Spent) -> int:
    """Judge one region, a copy of the written one under names of its own; give its sites."""
    kept: dict[type, dict[str, Any]] = {kind: {} for kind in KINDS.values()}
    asked = kept.keys() - ({Site, SiteBaseline} if what == AGAIN else set())
    for kind, text in _texts(path, number):
        if kind not in asked:
            continue
        spent.begin()
        record: Any = CODEC.from_text(kind, text)
        spent.end("decode")
        kept[kind][record.id] = record
    sites, facts = kept[Site], kept[SiteFacts]
    sweep = sweep_of(len(facts))
    if what == AGAIN:
        sweep = replace(sweep, at=AT - timedelta(hours=16))
    if what in LATE_DAYS:
        _tell_late(facts, LATE_DAYS[what])
    spent.begin()
    known = Remembered(facts, kept[SiteTrack], [*kept[ShardResult].values()], None)
    is_nothing_new = is_quiet(known, sweep)
    assert is_nothing_new == (what == AGAIN), f"{what}: nothing new is {is_nothing_new}"
    if is_nothing_new:
        spent.end("judge")
        return len(facts)
    said = heard_in(sites, kept[SiteBaseline], known, sweep)
    found = judged(sites, kept[SiteBaseline], known, sweep, said)
    spent.end("judge")
    spent.begin()
    texts = [CODEC.to_text(one.after) for one in found]
    spent.end("encode")
    assert len(texts) == len(sites)
    assert all(through_of(one.after.latest) == THROUGH for one in found), "a site was not judged"
    return len(sites)


def _texts(path: Path, number: int) -> Iterator[tuple[type, str]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            kind, _, text = line.partition(" ")
            yield KINDS[kind], text.replace("S000-", f"S{number:03d}-")


def _tell_late(facts: dict[str, Any], days: int) -> None:
    """Let one site's day of some days ago be another one than when it was judged."""
    site_id = min(facts)
    rows = [*facts[site_id].rows]
    day, _, *rest = rows[-1 - days]
    rows[-1 - days] = (day, 12_345, *rest)
    facts[site_id] = replace(facts[site_id], rows=tuple(rows))


def peak_mb() -> float:
    """Give the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """`write SIZE PATH`, or `judge PATH REGIONS TIMES WHAT`, which prints a line of JSON."""
    if sys.argv[1] == "write":
        write(int(sys.argv[2]), Path(sys.argv[3]))
        return 0
    _, _, path, regions, times, what = sys.argv
    if what == PAUSED:
        gc.disable()
    empty, sites, each = peak_mb(), 0, []
    for number in [*range(int(regions))] * int(times):
        spent = Spent()
        sites = evaluate(Path(path), number, what, spent)
        each.append(spent.by)
    usual = {part: median(one[part] for one in each) / sites for part in each[0]}
    found = {"sites": sites * int(regions), "per_site": usual}
    print(json.dumps(found | {"peak_mb": peak_mb(), "empty_mb": empty}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
