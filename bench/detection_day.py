"""The day step alone: packed tracks as JSON in, `judge_day`, packed tracks as JSON out."""

import json
import sys
import time
from datetime import timedelta

import msgspec

from bench.detection_world import LAYOUTS, THROUGH, baselines, day_of, learned_tracks
from cloud.detection.baseline import Baseline
from cloud.detection.daily import Region, judge_day
from cloud.detection.neighbours import Neighbourhood, neighbourhoods
from cloud.detection.packed import packed, unpacked
from cloud.detection.terms import terms_on


def regions_of(sites: int, per_region: int) -> list[Region]:
    """Give the regions of a fleet; the first few have roofs of their own, the others copy them."""
    number = sites // per_region
    made = [baselines(per_region, seed) for seed in range(min(number, LAYOUTS))]
    own = [Region({one.site_id: one for one in roofs}, near_of(roofs)) for roofs in made]
    return [own[one % len(own)] for one in range(number)]


def near_of(roofs: list[Baseline]) -> dict[str, Neighbourhood]:
    """Give who is near whom, which is found once and not measured here."""
    return neighbourhoods(roofs, THROUGH)


def spent_s(sites: int, per_region: int, times: int) -> float:
    """Give the CPU seconds of a day of a fleet, state in and out, the best of some days."""
    regions = regions_of(sites, per_region)
    stored = [
        msgspec.json.encode(
            [packed(one) for one in learned_tracks([*region.baselines.values()], THROUGH, number)]
        )
        for number, region in enumerate(regions)
    ]
    best = float("inf")
    for number in range(times):
        day, spent = THROUGH + timedelta(days=number + 1), 0.0
        for at, region in enumerate(regions):
            told = day_of([*region.baselines.values()], day, at)
            began = time.process_time()
            read = (unpacked(cells) for cells in msgspec.json.decode(stored[at]))
            tracks = {track.site_id: track for track in read if track}
            after, _ = judge_day(day, region, tracks, told, terms=terms_on(day))
            stored[at] = msgspec.json.encode([packed(track) for track in after.values()])
            spent += time.process_time() - began
            assert len(after) == per_region
            assert all(track.through == day for track in after.values())
        best = min(best, spent)
    return best


def main() -> int:
    """`SITES PER_REGION TIMES`: print a line of JSON."""
    sites, per_region, times = map(int, sys.argv[1:])
    print(json.dumps({"seconds": spent_s(sites, per_region, times)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
