"""A part of a region is measured from its chunks: how fast, where the time goes, in what memory."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from bench.detection_region import Spent, peak_mb
from bench.detection_world import AT, HOUSES, OFFSET, THROUGH, baselines, records_of, serial_of
from bench.detection_world import sweep_of as judged_sweep
from cloud.adapters.memory import MemoryRecords
from cloud.detection import process
from cloud.detection.daylight import Place
from cloud.detection.hours import hours_of
from cloud.detection.issues import observe
from cloud.detection.meters import arrived
from cloud.detection.models import RegionRoster, SiteFacts
from cloud.kernel.change import Change, Save
from cloud.telemetry.chunk import decode
from cloud.telemetry.days import day_of_energy, samples_of, start_of
from cloud.telemetry.ports import StoredChunk
from edge_agent.reading import Window, seal
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.quiet import readings

_HOUR = timedelta(hours=1)
_SINCE = AT - 8 * _HOUR
_LOOKED_AT = 25
"""Sites of which the parts of the work are timed one by one."""


class Sent:
    """Chunks of an hour of minutes each, as gateways of a few houses sent them."""

    def put(self, chunks: Iterable[StoredChunk]) -> None:
        """Refuse: nothing comes in while a part is measured."""
        raise NotImplementedError

    def between(self, gateway_id: str, start: datetime, end: datetime) -> Iterator[StoredChunk]:
        """Give a gateway's chunks, as `cloud.telemetry.ports.Chunks` does."""
        first = start.replace(minute=0)
        for hour in range((min(end, AT) - first) // _HOUR):
            at = first + hour * _HOUR
            payload = _payload(int(gateway_id[-6:]) % HOUSES, at)
            yield StoredChunk(gateway_id, at, _sequence(at), payload, at + 1.01 * _HOUR)


class Unheard:
    """A way down on which nothing has to be sent."""

    def command(self, gateway_id: str, payload: bytes) -> None:
        """Refuse: no chunk is missing here."""
        msg = f"{gateway_id} was sent {payload!r}, but its chunks are all there"
        raise AssertionError(msg)


def _sequence(at: datetime) -> int:
    return int(at.timestamp()) // 3600


@cache
def _house(number: int) -> House:
    midnight = start_of(THROUGH - timedelta(days=3), OFFSET)
    curve = Curve(f"bench-{number}", int(midnight.timestamp()))
    return House(HouseSpec(serial_of(number)), curve)


@cache
def _payload(number: int, at: datetime) -> bytes:
    t0 = int(at.timestamp())
    window = Window(f"gw-{number:06d}", "5f", _sequence(at), t0, 60, 60, 1)
    return seal(window, [*readings(_house(number), range(t0, t0 + 3600, 60))])


def a_region(size: int) -> tuple[MemoryRecords, str]:
    """Give the store before the first part of a region is measured."""
    store, known = MemoryRecords(), records_of(baselines(size))
    sweep = replace(judged_sweep(size), measured=())
    saves = [Save(sweep), Save(RegionRoster(sweep.id, tuple(one.id for one in known.sites)))]
    saves += map(Save, known.sites)
    saves += (Save(replace(one, rows=one.rows[:-1], measured_at=_SINCE)) for one in known.facts)
    for one in saves:
        store.commit(Change(saves=(one,)))
    return store, sweep.id


def measured_s(size: int) -> float:
    """Give the CPU seconds of a region's first part, and see that all its sites were measured."""
    store, region_id = a_region(size)
    sent = Sent()
    for number in range(HOUSES):  # the chunks are made before the clock runs
        tuple(sent.between(f"gw-{number:06d}", AT - 41 * _HOUR, AT))
    began = time.process_time()
    new = process.measure(store, sent, Unheard(), region_id=region_id, shard=0, at=AT)
    spent = time.process_time() - began
    roster = store.load(RegionRoster, region_id)
    assert roster is not None
    facts = store.load_all(SiteFacts, roster.record.site_ids[:new])
    days = [one.record.rows[-1] for one in facts.values()]
    assert all(day[0] == THROUGH.toordinal() and day[1] and day[2] == 1000 for day in days)
    return spent


def parts_s() -> dict[str, float]:
    """Give the CPU seconds of each part of the work on some sites."""
    sent, spent = Sent(), Spent()
    for number in range(_LOOKED_AT):
        _look_at(f"gw-{number:06d}", sent, spent)
    return {what: seconds / _LOOKED_AT for what, seconds in spent.by.items()}


def _look_at(gateway: str, sent: Sent, spent: Spent) -> None:
    place = Place(39.5, -104.5)
    kept = [*sent.between(gateway, AT - 41 * _HOUR, AT)]
    spent.begin()
    decoded = [decode(one.payload) for one in kept]
    spent.end("decode")
    spent.begin()
    devices = samples_of(decoded)
    spent.end("samples")
    spent.begin()
    day_of_energy(
        devices, day=THROUGH, utc_offset_hours=OFFSET, samples_expected=1440, rated_w=8000
    )
    spent.end("day")
    arrivals = [arrived(*one) for one in zip(kept, decoded, strict=True)]
    spent.begin()
    observe(devices, running={}, since=_SINCE, now=AT, place=place, arrivals=arrivals)
    spent.end("issues")
    spent.begin()
    hours_of(devices, since=_SINCE, now=AT, rated_w=8000, place=place)
    spent.end("hours")


def main() -> int:
    """Measure the first part of a region of so many sites, and print a line of JSON."""
    size, empty = int(sys.argv[1]), peak_mb()
    spent, sites = measured_s(size), min(size, 500)
    found = {"sites": sites, "seconds": spent, "peak_mb": peak_mb(), "empty_mb": empty}
    print(json.dumps(found | {"parts": parts_s()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
