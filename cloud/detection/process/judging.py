"""A region is judged: all its sites beside each other, once all of them were measured."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cloud.detection.breaker import covers
from cloud.detection.evidence import unpacked
from cloud.detection.judging import (
    Judged,
    Remembered,
    heard_in,
    is_quiet,
    judged,
    last_closed_day,
    weather_days,
)
from cloud.detection.models import (
    Finding,
    HoldState,
    RegionOutages,
    RegionRoster,
    RegionSweep,
    RegionWeather,
    ShardResult,
    SiteBaseline,
    SiteFacts,
    SiteTrack,
    SweepHold,
    weather_id,
)
from cloud.detection.process.drawing import pictured
from cloud.detection.process.holding import held, settled_hold
from cloud.detection.process.kinds import kinds_noted
from cloud.detection.process.measuring import result_id
from cloud.detection.process.outages import noted
from cloud.detection.process.planning import require_current, watch_timer
from cloud.detection.process.tallying import tallied
from cloud.detection.process.telling import told_of
from cloud.kernel.change import NEW, Change, Save
from cloud.kernel.ports import Documents, Records, Stored, require
from cloud.portfolio.models import Site
from cloud.telemetry.days import start_of
from cloud.telemetry.ports import Chunks, chunk_id

_DAY = timedelta(days=1)

Tracks = Mapping[str, Stored[SiteTrack]]


def judge(
    records: Records,
    chunks: Chunks,
    documents: Documents,
    *,
    region_id: str,
    at: datetime,
    tell_holds_to: str,
) -> int:
    """Judge a region, and give how many things were found or are over.

    Each site of which something is new is written in one transaction with what is told of it: a
    sweep that is cut off is run again, and what was told already is told no second time. Findings
    at too many sites at once are held back, and a person is asked (D-97, D-98).
    """
    stored = require_current(records, region_id, at)
    if stored is None or stored.record.judged_at is not None:
        return 0
    told = _judge(records, chunks, documents, stored.record, tell_holds_to)
    _end(records, region_id, at)
    return told


def _judge(
    records: Records, chunks: Chunks, documents: Documents, sweep: RegionSweep, operations: str
) -> int:
    ids = require(records.load(RegionRoster, sweep.id), "roster", sweep.id).record.site_ids
    tracks = records.load_all(SiteTrack, ids)
    outages = records.load(RegionOutages, sweep.id)
    known = _remembered(records, sweep, ids, tracks, outages)
    hold = records.load(SweepHold, sweep.id)
    is_at_rest = hold is None or hold.record.state is HoldState.OVER
    if is_at_rest and is_quiet(known, sweep):
        return 0
    sites = {name: one.record for name, one in records.load_all(Site, ids).items()}
    built = {name: one.record for name, one in records.load_all(SiteBaseline, ids).items()}
    said = heard_in(sites, built, known, sweep)
    found = judged(sites, built, known, sweep, said)
    _warn(records, found)
    findings = [one for each in found for one in each.telling.findings if not one.hazard]
    is_decided = bool(findings) and covers(
        hold.record if hold else None, [one.id for one in findings]
    )
    why = "" if is_decided else tallied(records, sweep, found)
    if why:
        found = [_held_back(one) for one in found]
        records.commit(
            held(hold, sweep.id, findings, sites=len(sites), why=why, at=sweep.at, to=operations)
        )
    else:
        records.commit(settled_hold(hold, len(findings), sweep.at))
    is_discarded = is_decided and hold is not None and hold.record.state is HoldState.DISCARDED
    told = _write(records, chunks, documents, found, tracks, is_discarded=is_discarded)
    records.commit(noted(outages, sweep.id, said.outages, at=sweep.at, to=operations))
    weather = known.weather.get(last_closed_day(sweep))
    is_fed = weather is not None and bool(weather.hours)
    records.commit(kinds_noted(records, found, sweep, is_fed=is_fed, to=operations))
    return told


def _remembered(
    records: Records,
    sweep: RegionSweep,
    ids: Sequence[str],
    tracks: Tracks,
    outages: Stored[RegionOutages] | None,
) -> Remembered:
    parts = [result_id(sweep.id, shard) for shard in range(sweep.shards)]
    results = [one.record for one in records.load_all(ShardResult, parts).values()]
    facts = {name: one.record for name, one in records.load_all(SiteFacts, ids).items()}
    known = {name: one.record for name, one in tracks.items()}
    days = [weather_id(sweep.id, day) for day in weather_days(facts, known, sweep)]
    told = [one.record for one in records.load_all(RegionWeather, days).values()]
    return Remembered(
        facts=facts,
        tracks=known,
        results=[one for one in results if one.at == sweep.at],
        outages=outages.record if outages and outages.record.rows else None,
        weather={one.day: one for one in told},
    )


def _write(
    records: Records,
    chunks: Chunks,
    documents: Documents,
    found: Sequence[Judged],
    tracks: Tracks,
    *,
    is_discarded: bool,
) -> int:
    told, quiet = 0, []
    for one in found:
        before = tracks.get(one.site.id)
        save = Change(saves=(Save(one.after, before.version if before else NEW),))
        telling = one.telling
        if telling.findings or telling.recoveries:
            told += len(telling.findings) + len(telling.recoveries)
            shown = [
                _shown(chunks, documents, one, each)
                for each in telling.findings
                if each.hazard or not is_discarded
            ]
            records.commit(save + told_of(shown, telling.recoveries))
        elif before is None or one.after != before.record:
            quiet.append(save)
    for save in quiet:  # each by itself: together they would be a transaction, at twice the cost
        records.commit(save)
    return told


def _warn(records: Records, found: Sequence[Judged]) -> None:
    """Tell of what may hurt somebody before anything else, which may fail (D-80)."""
    for one in found:
        dangers = [each for each in one.telling.findings if each.hazard]
        if dangers:
            records.commit(told_of(dangers, ()))


def _held_back(one: Judged) -> Judged:
    """Give what becomes of a site while findings are held back: all but that they were told."""
    telling = one.telling.dangers_only()
    return replace(one, telling=telling, after=replace(one.after, told=telling.told))


def _shown(chunks: Chunks, documents: Documents, one: Judged, found: Finding) -> Finding:
    """Give a finding with its picture, and low days with the chunks that they were read from."""
    return replace(
        found,
        causes=found.causes or _boundary_chunks(chunks, one, found),
        picture=pictured(documents, one, found),
    )


def _boundary_chunks(chunks: Chunks, one: Judged, found: Finding) -> tuple[str, ...]:
    """Give the chunks between whose counters the last low day lies: before it and at its end."""
    lines = unpacked(one.after.lines) or ()
    low = [line.day for line in lines if line.is_low and line.day >= found.onset]
    if not low:
        return ()
    start = start_of(low[-1], one.site.utc_offset_hours)
    names = []
    for boundary in (start, start + _DAY):
        before = chunks.between(one.site.gateway_id, boundary - _DAY / 3, boundary)
        names += [chunk_id(stored) for stored in before][-1:]
    return tuple(names)


def _end(records: Records, region_id: str, at: datetime) -> None:
    stored = require_current(records, region_id, at)
    if stored is None:
        return
    sweep = replace(stored.record, judged_at=at)
    records.commit(
        Change(saves=(stored.replaced_by(sweep),), cancelled_timers=(watch_timer(sweep, at).id,))
    )
