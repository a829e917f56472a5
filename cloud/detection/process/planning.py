"""An evaluation begins: each region's sites are shared out to be measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from cloud.detection.models import RegionRoster, RegionSweep, SweepTally, place_of
from cloud.detection.policy import SHARD_ANSWERS, SHARD_SITES
from cloud.kernel.change import NEW, Change, Message, Save, Timer
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import Site
from cloud.telemetry.days import standard_day

SHARD, REGION = "sweep_shard", "sweep_region"
"""Topics: a part of a region is to be measured, a region is to be judged."""
WATCH = "sweep_watch"
"""What the timer wakes that looks whether all parts have answered."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Sites that are to be measured, counted.

    Attributes:
        sites: those that are measured.
        passed_over: those of regions whose evaluation is not over, which no replay takes up.
    """

    sites: int
    passed_over: int = 0


def plan(
    records: Records, *, utc_offset_hours: int, at: datetime, replay_from: date | None = None
) -> Shared:
    """Share out the sites of one clock, and give how many there are (D-11, D-96).

    It is meant to run three times a day. A site that is not commissioned yet is passed over. The
    same evaluation again changes nothing, unless it is a replay; and a region whose evaluation is
    not over yet is not replayed.

    Args:
        records: the sites, and how far their regions are.
        utc_offset_hours: the clock.
        at: the evaluation's instant.
        replay_from: run the last evaluation again, and measure and judge the days from here on
            anew: the verdicts are the same, or something was not stored.
    """
    regions: dict[str, list[Site]] = {}
    for stored in records.find(Site, by="utc_offset_hours", value=str(utc_offset_hours)):
        site = stored.record
        if site.commissioned_on <= standard_day(at, utc_offset_hours):
            regions.setdefault(site.region, []).append(site)
    total = sum(map(len, regions.values()))
    if replay_from is None:  # a replay counts with the evaluation that it repeats
        _begin_tally(records, str(utc_offset_hours), at, total)
    passed_over = 0
    for region_id, sites in sorted(regions.items()):
        is_taken = _plan_region(
            records,
            RegionRoster(
                region_id, tuple(one.id for one in sites), tuple(place_of(one) for one in sites)
            ),
            utc_offset_hours=utc_offset_hours,
            at=at,
            replay_from=replay_from,
        )
        passed_over += 0 if is_taken else len(sites)
    return Shared(total - passed_over, passed_over)


def _begin_tally(records: Records, clock: str, at: datetime, sites: int) -> None:
    stored = records.load(SweepTally, clock)
    if sites and (stored is None or stored.record.at < at):
        begun = Save(SweepTally(clock, at, sites), stored.version if stored else NEW)
        records.commit(Change(saves=(begun,)))


def _plan_region(
    records: Records,
    listed: RegionRoster,
    *,
    utc_offset_hours: int,
    at: datetime,
    replay_from: date | None,
) -> bool:
    """Begin a region's evaluation; give whether it is measured, now or already."""
    region_id = listed.id
    stored = records.load(RegionSweep, region_id)
    before = stored.record if stored else None
    if before is not None and before.at >= at and replay_from is None:
        return True
    if replay_from is not None and (before is None or before.judged_at is None):
        return False  # its evaluation is not over: it is replayed afterwards
    begun = RegionSweep(
        id=region_id,
        utc_offset_hours=utc_offset_hours,
        at=at,
        shards=-(-len(listed.site_ids) // SHARD_SITES.on(at.date())),
    )
    if before is not None and replay_from is not None:  # the last evaluation, once more
        begun = replace(begun, at=before.at, replay_from=replay_from, replayed_at=at)
    if before is not None:
        begun = replace(begun, since=before.at if before.is_measured else before.since)
    roster = records.load(RegionRoster, region_id)
    saves = [Save(begun, stored.version if stored else NEW)]
    if roster is None or roster.record != listed:
        saves.append(Save(listed, roster.version if roster else NEW))
    records.commit(
        Change(
            saves=tuple(saves),
            messages=orders(begun, range(begun.shards), at),
            timers=(watch_timer(begun, at),),
        )
    )
    return True


def orders(sweep: RegionSweep, shards: Sequence[int], at: datetime) -> tuple[Message, ...]:
    """Give the messages that order parts of a region to be measured.

    Args:
        sweep: the evaluation.
        shards: numbers of the parts.
        at: when they are sent.
    """
    return tuple(
        Message(
            id=derived("SHARD", sweep.id, sweep.at.isoformat(), shard, _try(sweep)),
            topic=SHARD,
            at=at,
            body={"region": sweep.id, "shard": shard, "at": sweep.at.isoformat()},
        )
        for shard in shards
    )


def verdict_order(sweep: RegionSweep, at: datetime, *, why: str = "measured") -> Message:
    """Give the message that orders a region to be judged."""
    return Message(
        id=derived("REGION", sweep.id, sweep.at.isoformat(), _try(sweep), why),
        topic=REGION,
        at=at,
        body={"region": sweep.id, "at": sweep.at.isoformat()},
    )


def watch_timer(sweep: RegionSweep, at: datetime) -> Timer:
    """Give the timer that looks after an evaluation (D-100)."""
    return Timer(f"SWEEP-{sweep.id}", sweep.id, WATCH, at + SHARD_ANSWERS.on(at.date()))


def shard_of(roster: RegionRoster, shard: int, at: datetime) -> Sequence[str]:
    """Give the sites of a part."""
    most = SHARD_SITES.on(at.date())
    return roster.site_ids[shard * most : (shard + 1) * most]


def _try(sweep: RegionSweep) -> str:
    """Tell one sending of an order from the next, so that each leaves once."""
    return f"{sweep.replayed_at or ''}/{sweep.resent}"


def require_current(records: Records, region_id: str, at: datetime) -> Stored[RegionSweep] | None:
    """Give how far an evaluation is, None when a later one has begun or it never was."""
    stored = records.load(RegionSweep, region_id)
    return stored if stored is not None and stored.record.at == at else None
