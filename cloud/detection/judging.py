"""A region at an evaluation: all its sites beside each other, and what is told of each; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from cloud.detection.baseline import Baseline
from cloud.detection.codes import STRING_MISSING
from cloud.detection.daylight import Place
from cloud.detection.evidence import line_of, packed_with
from cloud.detection.findings import Seen, Telling, telling
from cloud.detection.hearing import Heard, heard, unpacked_outage
from cloud.detection.issues import Observed, awaits_neighbours
from cloud.detection.measuring import moved_clocks
from cloud.detection.models import (
    RegionOutages,
    RegionSweep,
    RegionWeather,
    ShardResult,
    SiteBaseline,
    SiteFacts,
    SiteTrack,
)
from cloud.detection.neighbours import neighbourhoods
from cloud.detection.packed import packed, through_of
from cloud.detection.provisional import provisional
from cloud.detection.region import (
    COLD_DAYS,
    Member,
    Packed,
    Rolled,
    Standpoint,
    digest_of,
    rolled,
    weather_digest,
)
from cloud.detection.terms import terms_on
from cloud.detection.verdict import NEW as NOTHING_JUDGED
from cloud.portfolio.models import Site
from cloud.telemetry.days import standard_day

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of a region's sites, and what they said at this evaluation.

    Attributes:
        weather: what is told of the region's weather, by day.
    """

    facts: Mapping[str, SiteFacts]
    tracks: Mapping[str, SiteTrack]
    results: Sequence[ShardResult]
    outages: RegionOutages | None
    weather: Mapping[date, RegionWeather] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a site.

    Attributes:
        inputs: day -> energy of each MPPT input, for the picture.
        dead_inputs: those that make next to nothing beside the others.
    """

    site: Site
    after: SiteTrack
    telling: Telling
    inputs: Mapping[date, Mapping[str, int | None]]
    dead_inputs: tuple[str, ...]


def last_closed_day(sweep: RegionSweep) -> date:
    """Give the day that an evaluation judges at last: the one before its own."""
    return standard_day(sweep.at, sweep.utc_offset_hours) - _DAY


def weather_days(
    facts: Mapping[str, SiteFacts], tracks: Mapping[str, SiteTrack], sweep: RegionSweep
) -> Sequence[date]:
    """Give the days whose weather an evaluation may ask for: the open ones (D-99).

    And those before them whose cold counts for the first of them (D-72).
    """
    through = last_closed_day(sweep)
    settled = _last(track.settled for track in tracks.values())
    firsts = (date.fromordinal(one.rows[0][0]) for one in facts.values() if one.rows)
    first = settled + _DAY if settled else min(firsts, default=through)
    start = first - (COLD_DAYS - 1) * _DAY
    return [start + number * _DAY for number in range((through - start).days + 1)]


def _last(cells: Iterable[Sequence[Any]]) -> date | None:
    return max((day for one in cells if (day := through_of(one))), default=None)


def is_quiet(known: Remembered, sweep: RegionSweep) -> bool:
    """Tell whether nothing can come of judging a region: no new day, no issue, nothing to end.

    A baseline that was put is not looked for: it counts when the next day is judged.
    """
    if sweep.replay_from is not None or known.outages is not None:
        return False
    if any(issues for result in known.results for _, _, issues in result.rows):
        return False
    through = last_closed_day(sweep)
    settled = _last(track.settled for track in known.tracks.values())
    recent = _last(track.recent for track in known.tracks.values())
    before = weather_digest(known.weather, after=settled, until=recent)
    since = weather_digest(known.weather, after=recent, until=through)
    for site_id, facts in known.facts.items():
        track = known.tracks.get(site_id)
        if facts.clocks or track is None or track.clocks or track.told:
            return False
        if through_of(track.latest) != through:
            return False
        if track.older != digest_of(facts.rows, after=settled, until=recent, weather=before):
            return False
        if track.newer != digest_of(facts.rows, after=recent, until=through, weather=since):
            return False
    return True


def heard_in(
    sites: Mapping[str, Site],
    baselines: Mapping[str, SiteBaseline],
    known: Remembered,
    sweep: RegionSweep,
) -> Heard:
    """Give what the sites said beside each other; a replay leaves issues as they were."""
    rows: list[Sequence[Any]] = []
    if sweep.replay_from is None:
        rows = [row for result in known.results for row in result.rows]

    def neighbours() -> Mapping[str, Sequence[str]]:
        built = [_baseline(baselines, site) for site in sites.values()]
        return {name: near.names for name, near in neighbourhoods(built, sweep.at.date()).items()}

    return heard(
        rows,
        map(unpacked_outage, known.outages.rows if known.outages else ()),
        {name: Place(site.latitude, site.longitude) for name, site in sites.items()},
        neighbours,
        since=sweep.since or sweep.at - _DAY / 3,
        now=sweep.at,
    )


def judged(
    sites: Mapping[str, Site],
    baselines: Mapping[str, SiteBaseline],
    known: Remembered,
    sweep: RegionSweep,
    said: Heard,
) -> list[Judged]:
    """Give what becomes of each site of a region, in order of their ids."""
    tracks = {name: known.tracks.get(name) or SiteTrack(name) for name in sites}
    members = {
        name: Member(
            baseline=_baseline(baselines, site),
            rated_w=site.dc_rating_w,
            commissioned_on=site.commissioned_on,
            rows=known.facts[name].rows if name in known.facts else (),
            before=_packed(tracks[name]),
        )
        for name, site in sites.items()
    }
    result = rolled(
        members, last_closed_day(sweep), anew_from=sweep.replay_from, weather=known.weather
    )
    settled, recent, last = result.settled.day, result.recent.day, result.latest.day
    before = weather_digest(known.weather, after=settled, until=recent)
    since = weather_digest(known.weather, after=recent, until=last)
    found = []
    for name, site in sorted(sites.items()):
        member = members[name]
        track = replace(
            _with_clocks(tracks[name], said.seen.get(name, ()), sweep.at),
            settled=_cells(result.settled, name),
            recent=_cells(result.recent, name),
            latest=_cells(result.latest, name),
            older=member.digest(after=settled, until=recent, weather=before),
            newer=member.digest(after=recent, until=last, weather=since),
            learned_on=member.learns_on,
        )
        found.append(
            _judged(
                site,
                member,
                known.facts.get(name),
                track,
                result,
                at=sweep.at,
                is_grid_out=name in said.out,
            )
        )
    return found


def _baseline(baselines: Mapping[str, SiteBaseline], site: Site) -> Baseline:
    known = baselines.get(site.id)
    return known.baseline if known else provisional(site)


def _packed(track: SiteTrack) -> Packed:
    return Packed(
        track.settled, track.recent, track.latest, track.older, track.newer, track.learned_on
    )


def _with_clocks(track: SiteTrack, seen: Sequence[Observed], at: datetime) -> SiteTrack:
    """Move the clocks of the issues that neighbours were asked of, once an evaluation (D-83)."""
    if not seen or track.clocks_at == at:
        return track
    clocks = moved_clocks(track.clocks, seen)
    return track if clocks == track.clocks else replace(track, clocks=clocks, clocks_at=at)


def _judged(
    site: Site,
    member: Member,
    facts: SiteFacts | None,
    track: SiteTrack,
    result: Rolled,
    *,
    at: datetime,
    is_grid_out: bool,
) -> Judged:
    new = [
        line_of(verdicts[site.id], terms_on(day))
        for day, verdicts in result.verdicts.items()
        if site.id in verdicts
    ]
    cells = tuple(packed_with(track.lines, new)) if track.lines or new else ()
    own = [clock for clock in facts.clocks if not awaits_neighbours(clock.family)] if facts else []
    latest = result.latest.tracks.get(site.id)
    told = telling(
        Seen(
            site_id=site.id,
            utc_offset_hours=site.utc_offset_hours,
            told=track.told,
            clocks=(*own, *track.clocks),
            standing=latest.standing if latest else NOTHING_JUDGED,
            cells=cells,
            at=at,
            is_grid_out=is_grid_out,
        )
    )
    after = replace(
        track,
        lines=cells,
        told=told.told,
        watched_in=site.region if latest and latest.standing.watch_on else "",
    )
    inputs = {}
    if told.findings:
        inputs = {day.day: day.inputs_wh for day in member.days if day.inputs_wh}
    dead = [clock.devices for clock in own if clock.family == STRING_MISSING]
    return Judged(site, after, told, inputs, dead[0] if dead else ())


def _cells(standpoint: Standpoint, site_id: str) -> tuple[Any, ...]:
    track = standpoint.tracks.get(site_id)
    return () if track is None else tuple(packed(track))
