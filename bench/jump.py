"""How long 160 days of every schedule of the template take, as the number of homes grows.

No peer plays a month of schedules in seconds: the measure is the growth, and how many days of one
home pass in a second.
"""

import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cloud.adapters import wiring
from cloud.adapters.records import DynamoRecords
from cloud.detection.models import SiteFacts, SiteTrack
from cloud.local.conductor import Conductor
from cloud.local.demo import cast
from cloud.local.homes.street import Home, Street
from cloud.local.lambdas import Functions
from cloud.local.runtime import Runtime
from cloud.portfolio.models import Site
from cloud.portfolio.process import register

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
HOMES = (5, 50)
DAYS = 160
HISTORY_DAYS = 21


@dataclass(frozen=True, slots=True)
class Jumped:
    """One jump.

    Attributes:
        chunks: taken in during the jump; the history before it is not counted, nor its time.
        fired: calls of functions by a schedule.
        evaluations: how often a site was judged.
        told: what the sweeps found or saw mended; healthy homes give none.
    """

    homes: int
    days: int
    seconds: float
    chunks: int
    fired: int
    evaluations: int
    told: int

    @property
    def home_days_per_second(self) -> float:
        """How many days of one home pass in a second."""
        return self.homes * self.days / self.seconds


class Counted:
    """Stands before the functions and counts what they are called for."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self.seen: Counter[str] = Counter()

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """Call a handler and give its answer."""
        answer = self._functions.invoke(name, event)
        if name == "IngestFunction":
            self.seen["chunks"] += len(event["Records"])
        if name == "DispatchFunction":
            self.seen["told"] += len(event["Records"])
        if "Records" not in event:
            self.seen["fired"] += 1
        return answer


def households(count: int) -> Iterator[tuple[Site, Home]]:
    """Give so many quiet, healthy homes, each with its site."""
    quiet = cast.HOUSEHOLDS[-1]
    for number in range(1, count + 1):
        gateway = f"gw-{number:04d}"
        site = replace(
            quiet.site,
            id=f"SITE-{number:04d}",
            gateway_id=gateway,
            dc_rating_w=3200 + 160 * (number % 9),
        )
        spec = replace(quiet.home.house, serial=f"SN-{number:04d}")
        size = site.dc_rating_w / 3200
        yield site, Home(gateway_id=gateway, house=spec, size=size)


@contextmanager
def street_of(count: int, folder: Path) -> Iterator[tuple[Conductor, DynamoRecords]]:
    """Give a stack whose homes have three weeks behind them, about to go on."""
    runtime = Runtime(folder, TEMPLATE, starts_at=cast.STARTS_AT)
    made = list(households(count))
    street = Street(
        runtime,
        (home for _, home in made),
        first_day=cast.HISTORY_FROM,
        utc_offset_hours=cast.UTC_OFFSET_HOURS,
        chunk_rule="sunreeve_dev_chunks",
        event_rule="sunreeve_dev_events",
    )
    records = wiring.records({"OPERATIONS_TABLE": "OperationsTable", "SITES_TABLE": "SitesTable"})
    try:
        for site, _ in made:
            register(records, site, at=cast.STARTS_AT, by="bench")
        street.open()
        street.send_history(_day_before(HISTORY_DAYS), cast.STORY_FROM)
        conductor = Conductor(runtime, [street])
        conductor.settle()
        yield conductor, records
    finally:
        street.close()
        runtime.close()
        wiring.forget()


def jump(homes: int, days: int) -> Jumped:
    """Let so many days pass over so many homes."""
    with (
        tempfile.TemporaryDirectory() as name,
        street_of(homes, Path(name)) as (conductor, records),
    ):
        runtime = conductor.runtime
        counted = Counted(runtime.functions)
        runtime.functions = counted  # type: ignore[assignment] # it only counts on the way
        before = _evaluations(records, homes)
        started = time.perf_counter()
        with conductor.jumping():
            conductor.advance_to(runtime.clock.now() + timedelta(days=days))
        seconds = time.perf_counter() - started
        return Jumped(
            homes=homes,
            days=days,
            seconds=seconds,
            chunks=counted.seen["chunks"],
            fired=counted.seen["fired"],
            evaluations=_evaluations(records, homes) - before,
            told=counted.seen["told"],
        )


def run(*, days: int = DAYS) -> list[Jumped]:
    """Jump with few homes and with ten times as many."""
    return [jump(homes, days) for homes in HOMES]


def _day_before(days: int) -> date:
    return cast.STORY_FROM - timedelta(days=days)


def _evaluations(records: DynamoRecords, homes: int) -> int:
    """Count what sweeps wrote of sites: each writing makes the next version."""
    kept = (
        records.load(kind, site.id)
        for site, _ in households(homes)
        for kind in (SiteFacts, SiteTrack)
    )
    return sum(one.version for one in kept if one is not None)


def main() -> int:
    """Print what each jump took."""
    logging.disable(logging.WARNING)
    found = run()
    heads = ("homes", "days", "seconds", "chunks", "firings", "evaluations", "told", "home-days/s")
    print("".join(f"{head:>13}" for head in heads))
    for one in found:
        print(
            f"{one.homes:13}{one.days:13}{one.seconds:13.1f}{one.chunks:13,}{one.fired:13,}"
            f"{one.evaluations:13,}{one.told:13,}{one.home_days_per_second:13.0f}"
        )
    few, many = found[0], found[-1]
    print(
        f"{many.homes / few.homes:.0f}x the homes take {many.seconds / few.seconds:.1f}x the time"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
