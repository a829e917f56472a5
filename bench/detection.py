"""How many sites one core judges in a second, all in, beside pandas with the same rule.

All in: states decoded from JSON, who makes what, neighbours' middles, verdicts, states encoded.
The peer is the same literal rule over the same days, by whole columns: one site's ratio to the
weighted median of its neighbours. It decides less than we do (no snow, gap, doubt or watch-list),
so it is flattered. Each size runs in a process of its own, so that its peak memory is its own.
"""

import json
import math
import random
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from importlib import import_module
from importlib.util import find_spec

from cloud.detection.baseline import KNOT_DAYS, Baseline
from cloud.detection.daily import Region, SiteDay, judge_day
from cloud.detection.feed import FeedHour, Plane
from cloud.detection.neighbours import neighbourhoods
from cloud.detection.packed import packed, unpacked
from cloud.detection.terms import terms_on

SIZES = (1_000, 10_000, 100_000)
FIRST = date(2026, 6, 1)
WARM_DAYS = 20
MEASURED_DAYS = 3
PER_SQUARE_KM = 0.1
"""Sites in a square kilometre, as in a city where one roof in some hundreds is ours."""


def fleet(size: int) -> list[Baseline]:
    """Give sites over a square that grows with them, so that neighbours are as near as before."""
    dice = random.Random(size)
    side = math.sqrt(size / PER_SQUARE_KM) / 111.2
    return [
        Baseline(
            site_id=f"S{number:06d}",
            latitude=39.0 + dice.random() * side,
            longitude=-105.0 + dice.random() * side / 0.77,
            utc_offset_hours=-7,
            ac_limit_w=7600,
            planes=(Plane(8000, dice.uniform(10, 40), dice.uniform(90, 270)),),
            clear_sky_wh=(40_000.0,) * len(KNOT_DAYS),
        )
        for number in range(size)
    ]


def days_of(sites: list[Baseline], day: date) -> list[SiteDay]:
    """Give a day of all sites: clouds for all, and a little for each."""
    dice = random.Random(day.toordinal())
    cloud = dice.uniform(0.4, 1.0)
    return [
        SiteDay(site.site_id, round(40_000 * cloud * math.exp(dice.gauss(0, 0.07))), 1.0)
        for site in sites
    ]


def feed_of(day: date) -> tuple[FeedHour, ...]:
    """Give a day's light by the hour."""
    dice = random.Random(day.toordinal())
    return tuple(
        FeedHour(hour, dice.uniform(0.4, 1) * 950 * math.sin(math.pi * (hour - 4.5) / 15), 20.0)
        for hour in range(5, 20)
    )


def ours(size: int, *, is_fed: bool) -> tuple[float, float]:
    """Give seconds for a day of all sites, and seconds to find the neighbours once."""
    sites = fleet(size)
    began = time.perf_counter()
    region = Region({site.site_id: site for site in sites}, neighbourhoods(sites, FIRST))
    found = time.perf_counter() - began
    stored, spent = "[]", 0.0
    warm = WARM_DAYS if size <= 10_000 else 2
    for number in range(warm + MEASURED_DAYS):
        day = FIRST + timedelta(days=number)
        told, feed = days_of(sites, day), feed_of(day) if is_fed else None
        began = time.perf_counter()
        tracks = {
            track.site_id: track for cells in json.loads(stored) if (track := unpacked(cells))
        }
        after, _ = judge_day(day, region, tracks, told, terms=terms_on(day), feed=feed)
        stored = json.dumps([packed(track) for track in after.values()])
        if number >= warm:
            spent += time.perf_counter() - began
    return spent / MEASURED_DAYS, found


def pandas_peer(size: int) -> float:
    """Give seconds for a day of all sites by pandas, its state in and out of JSON as well."""
    pandas, numpy = import_module("pandas"), import_module("numpy")
    sites = fleet(size)
    near = neighbourhoods(sites, FIRST)
    place = {site.site_id: number for number, site in enumerate(sites)}
    pairs = pandas.DataFrame(
        [
            (number, place[name], weight)
            for number, site in enumerate(sites)
            for name, weight in zip(
                near[site.site_id].names, near[site.site_id].weights, strict=True
            )
        ],
        columns=["site", "other", "weight"],
    )
    state = pandas.DataFrame({"scale": 0.0, "low": 0}, index=range(size)).to_json()
    spent = 0.0
    for number in range(MEASURED_DAYS):
        told = days_of(sites, FIRST + timedelta(days=number))
        began = time.perf_counter()
        frame = pandas.read_json(_text(state))
        actual = numpy.array([one.actual_wh for one in told], dtype=float)
        frame["log"] = numpy.log(actual / 40_000) - frame["scale"]
        pairs["log"] = frame["log"].to_numpy()[pairs["other"].to_numpy()]
        ordered = pairs.sort_values(["site", "log"])
        passed = ordered.groupby("site")["weight"].cumsum()
        half = ordered.groupby("site")["weight"].transform("sum") / 2
        middle = ordered[passed >= half].groupby("site")["log"].first()
        difference = frame["log"] - middle
        is_low = difference < math.log(0.85)
        frame["low"] = numpy.where(is_low, frame["low"] + 1, 0)
        frame["scale"] += 0.03 * difference.clip(-0.15, 0.15).where(~is_low, 0.0)
        state = frame[["scale", "low"]].to_json()
        spent += time.perf_counter() - began
    return spent / MEASURED_DAYS


def _text(text: str) -> object:
    return import_module("io").StringIO(text)


def one(what: str, size: int) -> None:
    """Run one of them and print its rate and its peak memory."""
    found = 0.0
    if what == "pandas":
        spent = pandas_peer(size)
    else:
        spent, found = ours(size, is_fed=what == "ours, hourly feed")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:18} {size:8,} sites  {size / spent:10,.0f} sites/s  {peak_mb:6,.0f} MB peak"
        + (f"  neighbours once {found:5.1f} s" if found else ""),
        flush=True,
    )


def main() -> int:
    """Run every size of each in a process of its own."""
    if len(sys.argv) == 3:
        one(sys.argv[1], int(sys.argv[2]))
        return 0
    whats = ["ours, no feed", "ours, hourly feed"]
    if find_spec("pandas"):
        whats.append("pandas")
    else:
        print("pandas is not installed: it is left out (install sunreeve[baseline])")
    for size in SIZES:
        for what in whats:
            subprocess.run(  # noqa: S603 - ourselves
                [sys.executable, "-m", "bench.detection", what, str(size)], check=True
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
