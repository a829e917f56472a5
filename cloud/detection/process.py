"""The sweep: three times a day each fleet is judged, and what is wrong is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from cloud.detection.expected import (
    judge,
    learned_scale,
    tells_of_the_scale,
    weather,
    yields_without,
)
from cloud.detection.issues import COMMS_LOSS, INVERTER, PRODUCTION, case_family, observe
from cloud.detection.models import (
    Finding,
    IssueClock,
    JudgedDay,
    Recovery,
    SiteState,
    SweepMark,
    Tier,
)
from cloud.detection.policy import (
    ISSUE_CLEARS,
    ISSUE_PERSISTS,
    PRODUCTION_FLOOR,
    SAMPLE_SHARE,
    WELL_DAYS,
)
from cloud.detection.rules import (
    has_persisted,
    is_producing_again,
    is_underproducing,
    low_days,
    may_send_somebody,
    moved,
)
from cloud.kernel.change import NEW, Change, Event, Message, Save
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored
from cloud.portfolio.models import Site
from cloud.telemetry.chunk import Chunk, decode
from cloud.telemetry.days import day_of_energy, samples_of, standard_day, start_of
from cloud.telemetry.models import Sample
from cloud.telemetry.ports import Chunks, chunk_id

SWEEP = "sweep"

_DAY = timedelta(days=1)
_REMEMBERED_DAYS = 30
_WAIT_FOR_DATA = timedelta(days=3)
"""How long an unknown day may still become known, before it is judged to be unknown."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A site as the sweep sees it: what it remembers, and what came in since."""

    site: Site
    stored: Stored[SiteState]
    devices: Mapping[str, Sequence[Sample]]
    energy: Mapping[date, tuple[int | None, float]]
    windows: tuple[tuple[datetime, datetime, str], ...]

    def chunk_at(self, instant: datetime) -> str:
        """Give the id of the chunk whose window holds an instant, empty when there is none."""
        held = (name for start, end, name in self.windows if start <= instant < end)
        return next(held, "")


def sweep(records: Records, chunks: Chunks, *, utc_offset_hours: int, at: datetime) -> int:
    """Judge all sites of one clock at an instant, and give how many things were found or mended.

    It is meant to run three times a day (D-11). A site that is not commissioned yet is passed over.
    A site of which something is new is written in a transaction of its own, with its findings: a
    sweep that is cut off is run again, and what was judged already stays as it is.
    """
    told = 0
    fleets: dict[str, list[Site]] = {}
    for stored in records.find(Site, by="utc_offset_hours", value=str(utc_offset_hours)):
        if stored.record.commissioned_on <= standard_day(at, utc_offset_hours):
            fleets.setdefault(stored.record.fleet, []).append(stored.record)
    for fleet, sites in sorted(fleets.items()):
        mark_id = f"{utc_offset_hours}/{fleet}"
        mark = records.load(SweepMark, mark_id)
        last = mark.record.evaluated_at if mark is not None else None
        if last is None or last < at:
            told += _sweep_fleet(records, chunks, sites, at, last)
            save = Save(SweepMark(mark_id, at), NEW if mark is None else mark.version)
            records.commit(Change(saves=(save,)))
    return told


def _sweep_fleet(
    records: Records, chunks: Chunks, sites: Sequence[Site], at: datetime, last: datetime | None
) -> int:
    states = records.load_all(SiteState, [site.id for site in sites])
    looked = [_look(_known(states, site.id, last), chunks, site, at) for site in sites]
    told = 0
    for one in looked:
        before = one.stored.record
        if before.evaluated_at is not None and before.evaluated_at >= at:
            continue
        after, findings, recoveries = evaluate(one, looked, at)
        if replace(after, evaluated_at=before.evaluated_at) == before:
            continue  # nothing is new, and the fleet's mark tells that it was looked at
        records.commit(_written(one.stored, after, findings, recoveries, at))
        told += len(findings) + len(recoveries)
    return told


def evaluate(
    one: Looked, fleet: Sequence[Looked], at: datetime
) -> tuple[SiteState, tuple[Finding, ...], tuple[Recovery, ...]]:
    """Give what becomes of a site at an evaluation, what was found, and what recovered; pure."""
    before = one.stored.record
    state = _judge_days(one, fleet, at)
    state, faults = _issues(one, state, at)
    is_fault_told = INVERTER in _told(before) | _told(state)
    state, low = _production(one, state, at, INVERTER if is_fault_told else PRODUCTION)
    state = replace(state, evaluated_at=at)
    return state, (*faults, *low), _recoveries(before, state, at)


def _known(
    states: Mapping[str, Stored[SiteState]], site_id: str, last: datetime | None
) -> Stored[SiteState]:
    """Give what is remembered of a site, which was last looked at when its fleet was."""
    stored = states.get(site_id)
    if stored is None:
        return Stored(SiteState(site_id), NEW)
    before = stored.record.evaluated_at
    if last is None or (before is not None and before >= last):
        return stored
    return Stored(replace(stored.record, evaluated_at=last), stored.version)


def _look(stored: Stored[SiteState], chunks: Chunks, site: Site, at: datetime) -> Looked:
    state = stored.record
    today = standard_day(at, site.utc_offset_hours)
    first = _first_unjudged(site, state, today)
    start = _read_from(site, state, first, today)
    kept = tuple(chunks.between(site.gateway_id, start, at))
    decoded = [decode(chunk.payload) for chunk in kept]
    devices = samples_of(decoded)
    energy = {day: (wh, share) for day, wh, share in state.energy}
    day = first
    while day < today:
        measured = day_of_energy(
            devices,
            day=day,
            utc_offset_hours=site.utc_offset_hours,
            samples_expected=_samples_expected(
                decoded, start_of(day, site.utc_offset_hours).timestamp()
            ),
            rated_w=site.dc_rating_w,
        )
        energy[day] = (measured.pv_wh, measured.completeness)
        day += _DAY
    return Looked(
        site=site,
        stored=stored,
        devices=devices,
        energy=energy,
        windows=tuple(
            (
                stored.window_start,
                stored.window_start + timedelta(seconds=chunk.dt * chunk.n),
                chunk_id(stored),
            )
            for stored, chunk in zip(kept, decoded, strict=True)
        ),
    )


def _first_unjudged(site: Site, state: SiteState, today: date) -> date:
    """Give the first day that has no verdict, or whose energy was unknown and may have come since.

    A gateway that was cut off sends its newest chunks first, so that a day in the past can become
    known after a later one. A site that was never looked at begins with what would be remembered
    of it: it may be older than the platform and its rules.
    """
    if state.judged:
        gaps = (
            verdict.day
            for verdict in state.judged
            if verdict.actual_wh is None and today - verdict.day <= _WAIT_FOR_DATA
        )
        after = state.judged[-1].day + _DAY
        return next(gaps, after) if state.scale is not None else after
    return max(site.commissioned_on, today - _REMEMBERED_DAYS * _DAY)


def _read_from(site: Site, state: SiteState, first: date, today: date) -> datetime:
    """Give the instant from which chunks are needed.

    That is a few hours before the first day that is not judged; once all closed days are, it is the
    last evaluation. A chunk is found by the start of its window, and a window that lasts longer
    than four hours may be missed.
    """
    start = start_of(first, site.utc_offset_hours)
    if first == today and state.evaluated_at is not None:
        start = state.evaluated_at
    return start - _DAY / 4


def _samples_expected(chunks: Sequence[Chunk], start: float) -> int:
    """Give how many samples a day should have, by the finest step at which it was read."""
    end = start + _DAY.total_seconds()
    steps = (chunk.dt for chunk in chunks if start < chunk.t0 + chunk.dt * chunk.n <= end)
    return max((86_400 // step for step in steps), default=1)


def _judge_days(one: Looked, fleet: Sequence[Looked], at: datetime) -> SiteState:
    state = one.stored.record
    today = standard_day(at, one.site.utc_offset_hours)
    day = _first_unjudged(one.site, state, today)
    ratios = list(state.ratios)
    judged = [verdict for verdict in state.judged if verdict.day < day]
    scale = state.scale
    while day < today:
        actual_wh, completeness = one.energy.get(day, (None, 0.0))
        waiting = today - day <= _WAIT_FOR_DATA
        if actual_wh is None and waiting and _may_still_come(one, day):
            break
        if completeness < SAMPLE_SHARE.on(day):
            actual_wh = None
        sky = weather(yields_without(one.site.id, _yields(fleet, day)))
        verdict = judge(
            day=day,
            actual_wh=actual_wh,
            rated_w=one.site.dc_rating_w,
            scale=scale,
            sky=sky,
        )
        if scale is None and tells_of_the_scale(day=day, actual_wh=actual_wh, sky=sky):
            assert actual_wh is not None  # noqa: S101 - such a day has both
            assert sky is not None  # noqa: S101
            ratios.append(actual_wh / one.site.dc_rating_w / sky.yield_wh_per_w)
            scale = learned_scale(ratios, day)
        judged.append(verdict)
        day += _DAY
    known = sorted(one.energy.items())[-_REMEMBERED_DAYS:]
    return replace(
        state,
        energy=tuple((day, wh, share) for day, (wh, share) in known),
        ratios=() if scale is not None else tuple(ratios),
        scale=scale,
        judged=tuple(judged[-_REMEMBERED_DAYS:]),
    )


def _may_still_come(one: Looked, day: date) -> bool:
    """Tell whether nothing was heard since the day ended: its samples may be on their way."""
    end = start_of(day + _DAY, one.site.utc_offset_hours)
    return not any(rows and rows[-1].at >= end for rows in one.devices.values())


def _yields(fleet: Sequence[Looked], day: date) -> dict[str, float]:
    """Give what each healthy site of the fleet made that day, by its own scale, per watt.

    A site of which something was found (low days, an issue) or with few samples of that day (D-65)
    is no witness of the weather.
    """
    yields = {}
    for one in fleet:
        state = one.stored.record
        actual_wh, completeness = one.energy.get(day, (None, 0.0))
        if actual_wh is None or completeness < SAMPLE_SHARE.on(day):
            continue
        if state.production_told is not None or any(clock.told for clock in state.clocks):
            continue
        yields[one.site.id] = actual_wh / one.site.dc_rating_w / (state.scale or 1.0)
    return yields


def _production(
    one: Looked, state: SiteState, at: datetime, family: str
) -> tuple[SiteState, tuple[Finding, ...]]:
    """Tell of low days, once, and once more when sure enough to send somebody (D-13, D-64).

    They stand under the given family; what was told already stays where it stands.
    """
    history = state.judged
    if not is_underproducing(history):
        if is_producing_again(history):
            state = replace(state, production_told=None, production_family="")
        return state, ()
    run = low_days(history)
    tier = Tier.DISPATCH if may_send_somebody(history) else Tier.LITERAL
    if state.production_told in {tier, Tier.DISPATCH}:
        return state, ()
    finding = Finding(
        id=derived("F", one.site.id, PRODUCTION, run[0].day.isoformat(), tier),
        site_id=one.site.id,
        family=state.production_family or family,
        tier=tier,
        rule="D-13",
        onset=run[0].day,
        found_at=at,
        says=(
            f"{len(run)} days in a row below {PRODUCTION_FLOOR.on(run[-1].day)}% "
            "of what the neighbours' sun should have made here"
        ),
        evidence=tuple(_line(day) for day in run),
        causes=_boundary_chunks(one, run[-1].day),
    )
    return replace(state, production_told=tier, production_family=finding.family), (finding,)


def _told(state: SiteState) -> frozenset[str]:
    """Give the families of which something was told that is not over."""
    faults = {case_family(clock.family) for clock in state.clocks if clock.told}
    return frozenset(faults | ({state.production_family} if state.production_told else set()))


def _recoveries(before: SiteState, after: SiteState, at: datetime) -> tuple[Recovery, ...]:
    """Give one recovery for each family of which nothing that was told is left.

    While low days stand under a fault's family, the end of the fault alone is not the end.
    """
    return tuple(
        Recovery(
            id=derived("R", before.id, family, at.isoformat()),
            site_id=before.id,
            family=family,
            seen_at=at,
            says=_says_over(before, family, at),
        )
        for family in sorted(_told(before) - _told(after))
    )


def _says_over(before: SiteState, family: str, at: datetime) -> str:
    gone = [
        clock.family
        for clock in before.clocks
        if clock.told and case_family(clock.family) == family
    ]
    if gone:
        times = ISSUE_CLEARS.on(at.date())
        return f"{', '.join(gone)} was not seen in {times} evaluations in a row"
    days = WELL_DAYS.on(at.date())
    return f"{days} days in a row make again what the neighbours' sun should make here"


def _boundary_chunks(one: Looked, day: date) -> tuple[str, ...]:
    """Give the chunks between whose counters a day's energy lies: before it and at its end."""
    start = start_of(day, one.site.utc_offset_hours)
    instants = (start - _DAY / 96, start + _DAY - _DAY / 96)
    return tuple(name for instant in instants if (name := one.chunk_at(instant)))


def _line(day: JudgedDay) -> str:
    assert day.actual_wh is not None  # noqa: S101 - a low day is a judged one
    assert day.expected_wh is not None  # noqa: S101
    return (
        f"{day.day}: {day.actual_wh / 1000:.1f} kWh of {day.expected_wh / 1000:.1f} kWh expected "
        f"({100 * day.actual_wh / day.expected_wh:.0f}%, {day.neighbours} neighbours)"
    )


def _issues(one: Looked, state: SiteState, at: datetime) -> tuple[SiteState, tuple[Finding, ...]]:
    """Move the clocks of all issues, and tell of those that have lasted (D-12).

    Nothing is told of an issue while the last evaluation saw it gone, though its clock still runs.
    """
    since = state.evaluated_at or at - _DAY / 3
    clocks = {clock.family: clock for clock in state.clocks}
    running = {clock.family: clock.devices for clock in state.clocks}
    findings: list[Finding] = []
    for seen in observe(one.devices, running=running, since=since, now=at):
        before = clocks.pop(seen.family, None)
        clock = moved(before, family=seen.family, bad_since=seen.bad_since, was_good=seen.was_good)
        if clock is None:
            continue
        if before is None:
            clock = replace(clock, chunk_id=one.chunk_at(clock.since))
        is_seen = clock.good_evaluations == 0
        if is_seen and not clock.told and has_persisted(clock.since, at):
            findings.append(_persisted(one, clock, at))
            clock = replace(clock, told=True)
        devices = tuple(sorted({*clock.devices, *seen.devices}))
        clocks[seen.family] = replace(clock, devices=devices)
    state = replace(state, clocks=tuple(clock for _, clock in sorted(clocks.items())))
    return state, tuple(findings)


def _persisted(one: Looked, clock: IssueClock, at: datetime) -> Finding:
    hours = ISSUE_PERSISTS.on(at.date()).total_seconds() / 3600
    lasted = (at - clock.since).total_seconds() / 3600
    return Finding(
        id=derived("F", one.site.id, clock.family, clock.since.isoformat()),
        site_id=one.site.id,
        family=case_family(clock.family),
        tier=Tier.LITERAL if clock.family == COMMS_LOSS else Tier.DISPATCH,
        rule="D-12",
        onset=standard_day(clock.since, one.site.utc_offset_hours),
        found_at=at,
        says=f"{clock.family} has lasted {lasted:.0f} hours, longer than {hours:.0f}",
        evidence=(
            f"first seen {clock.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC, "
            f"not over by {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        ),
        causes=(clock.chunk_id,) if clock.chunk_id else (),
    )


def _written(
    stored: Stored[SiteState],
    after: SiteState,
    findings: Sequence[Finding],
    recoveries: Sequence[Recovery],
    at: datetime,
) -> Change:
    """Give what is written: the state, and each finding for the stage that tells of it (D-14)."""
    events = tuple(
        Event(
            subject=found.id,
            what="finding_made",
            at=at,
            by=SWEEP,
            rule=found.rule,
            causes=found.causes,
            says=f"{found.site_id}: {found.says}",
        )
        for found in findings
    )
    told = tuple(
        Message(
            id=found.id,
            topic="finding",
            at=at,
            body={
                "finding_id": found.id,
                "site_id": found.site_id,
                "family": found.family,
                "tier": found.tier.value,
                "rule": found.rule,
                "onset": found.onset.isoformat(),
                "found_at": at.isoformat(),
                "says": found.says,
                "evidence": list(found.evidence),
                "causes": list(found.causes),
            },
        )
        for found in findings
    )
    mended = tuple(
        Message(
            id=seen.id,
            topic="recovery",
            at=at,
            body={
                "site_id": seen.site_id,
                "family": seen.family,
                "seen_at": at.isoformat(),
                "says": seen.says,
            },
        )
        for seen in recoveries
    )
    return Change(saves=(stored.replaced_by(after),), events=events, messages=told + mended)
