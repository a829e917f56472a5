"""A part of a region is measured: each site's days and issues, from its own chunks alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cloud.detection.measuring import Read, measured
from cloud.detection.models import RegionRoster, RegionSweep, ShardResult, SiteFacts
from cloud.detection.packed import packed_result
from cloud.detection.process.planning import require_current, shard_of, verdict_order
from cloud.kernel.change import NEW, Change, Save
from cloud.kernel.errors import Conflict
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Site
from cloud.telemetry.asking import ask_again
from cloud.telemetry.configuring import notice_outcomes
from cloud.telemetry.late import LateWindows
from cloud.telemetry.ports import Chunks, Downlink

_TRIES = 20
_AHEAD = timedelta(days=3)
"""Windows from so far in the future are looked at: they tell of a clock that is wrong."""


def measure(
    records: Records,
    chunks: Chunks,
    downlink: Downlink,
    *,
    region_id: str,
    shard: int,
    at: datetime,
) -> int:
    """Measure a part of a region, and give how many sites something new was read of.

    The part that is done last orders the region to be judged. A site of which nothing is new is
    not written, and a gateway of which chunks are missing is asked for them again (T-20). What
    became of a configuration that a gateway was sent is noted. An order of an evaluation
    that is over changes nothing.
    """
    stored = require_current(records, region_id, at)
    if stored is None or shard in stored.record.measured:
        return 0
    sweep = stored.record
    roster = require(records.load(RegionRoster, region_id), "roster", region_id).record
    ids = shard_of(roster, shard, at)
    sites = records.load_all(Site, ids)
    known = records.load_all(SiteFacts, ids)
    late = records.load_all(LateWindows, [one.record.gateway_id for one in sites.values()])
    results = [
        one
        for site_id in ids
        if site_id in sites
        and (
            one := _measured(
                chunks,
                sites[site_id].record,
                known.get(site_id) or Stored(SiteFacts(site_id), NEW),
                late.get(sites[site_id].record.gateway_id),
                sweep=sweep,
            )
        )
    ]
    _keep_result(records, sweep, shard, results)
    changes = _each_mark_once(one.change for one in results if one.change)
    for (
        change
    ) in changes:  # each by itself: together they would be a transaction, at twice the cost
        records.commit(change)
    broken = sorted(one.gateway_id for one in results if one.is_broken)
    ask_again(broken, chunks=chunks, records=records, downlink=downlink, at=at)
    heard = [one.record.gateway_id for one in sites.values()]
    notice_outcomes(heard, chunks=chunks, records=records, at=at)
    _mark(records, region_id, shard, at)
    return len(changes)


def _each_mark_once(changes: Iterable[Change]) -> list[Change]:
    """Give the changes with each gateway's mark cleared once, were it to speak for two sites."""
    seen: set[str] = set()
    once = []
    for change in changes:
        marks = {one.record.id for one in change.saves if isinstance(one.record, LateWindows)}
        kept = [
            one
            for one in change.saves
            if not isinstance(one.record, LateWindows) or one.record.id not in seen
        ]
        seen |= marks
        once.append(replace(change, saves=tuple(kept)))
    return [change for change in once if change]


def result_id(region_id: str, shard: int) -> str:
    """Give the name under which a part's result is kept."""
    return f"{region_id}#{shard}"


@dataclass(frozen=True, slots=True)
class _Result:
    gateway_id: str
    change: Change
    row: tuple[Any, ...]
    is_broken: bool


def _measured(
    chunks: Chunks,
    site: Site,
    stored: Stored[SiteFacts],
    late: Stored[LateWindows] | None,
    *,
    sweep: RegionSweep,
) -> _Result | None:
    """Give what is written of a site; nothing where an order that was cut off has written it."""
    before, at = stored.record, sweep.at
    is_measured = before.measured_at is not None and before.measured_at >= at
    if is_measured and sweep.replay_from is None:
        return None
    looked_at = max((one for one in (before.measured_at, sweep.since) if one), default=None)
    before = replace(before, measured_at=looked_at)
    is_late = late is not None and late.record.earliest is not None
    late_from = late.record.earliest if late and is_late else None
    read = Read(site, before, late_from, at, sweep.replay_from)
    after = measured(read, chunks.between(site.gateway_id, read.start, at + _AHEAD))
    saves: tuple[Save, ...] = ()
    if replace(after.facts, measured_at=looked_at) != before:
        saves = (stored.replaced_by(after.facts),)
    if late is not None and is_late:
        saves = (*saves, late.replaced_by(LateWindows(site.gateway_id, None)))
    row = packed_result(site.id, after.hours, after.waiting)
    return _Result(site.gateway_id, Change(saves=saves), row, after.is_broken)


def _keep_result(
    records: Records, sweep: RegionSweep, shard: int, results: Sequence[_Result]
) -> None:
    """Keep what the part's sites said, before anything else: an order that is cut off finds it."""
    name = result_id(sweep.id, shard)
    stored = records.load(ShardResult, name)
    if stored is not None and stored.record.at == sweep.at:
        return
    rows = tuple(one.row for one in results if len(one.row) > 1)
    result = ShardResult(name, sweep.at, rows)
    records.commit(Change(saves=(Save(result, stored.version if stored else NEW),)))


def _mark(records: Records, region_id: str, shard: int, at: datetime) -> None:
    """Note that a part is done; several may end at once, and each has to stand.

    Raises:
        Conflict: others were in the way every time; the order comes again.
    """
    for _ in range(_TRIES):
        stored = require_current(records, region_id, at)
        if stored is None or shard in stored.record.measured:
            return
        done = tuple(sorted({*stored.record.measured, shard}))
        sweep = replace(stored.record, measured=done)
        messages = (verdict_order(sweep, at),) if sweep.is_measured else ()
        try:
            records.commit(Change(saves=(stored.replaced_by(sweep),), messages=messages))
        except Conflict:
            continue
        return
    msg = f"measuring part {shard} of {region_id}: it could not be noted; it is measured again"
    raise Conflict(msg)
