"""What a case rests on, as it can be read now: since when, how sure, which days and inputs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar

from cloud.detection.codes import PRODUCTION, STRING_MISSING
from cloud.detection.evidence import DayLine
from cloud.detection.hearing import unpacked_outage
from cloud.detection.models import RegionOutages, SiteFacts, SiteTrack, Tier
from cloud.detection.outages import GridOutage
from cloud.detection.packed import unpacked_day
from cloud.kernel.change import Event
from cloud.kernel.ports import Records
from cloud.portfolio.models import Site
from cloud.reporting.nearby import lines_of
from cloud.service.cases import local_day
from cloud.service.models import Case, CaseSource
from cloud.telemetry.days import standard_day

R = TypeVar("R")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})[: ]")
_CHUNK = re.compile(r".*/(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})Z/\d+")
_FINDS = frozenset({"case_opened", "case_reopened", "evidence_added", "work_did_not_hold"})


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was found or told, as the log of the case has it."""

    at: datetime
    what: str
    rule: str
    says: str
    finding_id: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands behind a case.

    Attributes:
        says: what is wrong, in the words of the last finding or report.
        tier: how sure detection is now; None where a person told it, or where it is over.
        onset_on: the day on which it began, on the home's standard clock.
        onset_at: the instant, where it is known: of a fault the first bad observation.
        lines: the home's last days; those of now, not those of then, for a case long over.
        is_of_then: the days that are kept still show the beginning of the case.
        inputs: day -> input -> its energy, where the inverter tells of several.
        dead_inputs: those that make next to nothing beside the others, now.
        outages: of the grid, that go on or ended lately, and that took the home in.
    """

    says: str
    tier: Tier | None
    onset_on: date
    onset_at: datetime | None
    found: tuple[Found, ...]
    lines: tuple[DayLine, ...]
    is_of_then: bool
    inputs: Mapping[date, Mapping[str, int | None]]
    dead_inputs: tuple[str, ...]
    outages: tuple[GridOutage, ...]

    @property
    def has_inputs(self) -> bool:
        """Tell whether any day tells of two inputs: of one there is nothing to compare."""
        return any(len(one) > 1 for one in self.inputs.values())


def evidence_of(records: Records, case: Case, site: Site, *, log: Sequence[Event]) -> Evidence:
    """Give what stands behind a case: four records, and the log that the caller has loaded."""
    track = _record(records, SiteTrack, site.id)
    facts = _record(records, SiteFacts, site.id)
    grid = _record(records, RegionOutages, site.region)
    lines = lines_of(track)
    onset_on, onset_at = onset_of(case, site, track)
    days = [unpacked_day(cells) for cells in (facts.rows if facts else ())]
    clocks = [*(facts.clocks if facts else ()), *(track.clocks if track else ())]
    dead = sorted({one for c in clocks if c.family == STRING_MISSING for one in c.devices})
    outages = [unpacked_outage(row) for row in (grid.rows if grid else ())]
    found = found_in(log)
    return Evidence(
        says=found[-1].says if found and found[-1].says else _last_words(case),
        tier=tier_of(case, track),
        onset_on=onset_on,
        onset_at=onset_at,
        found=found,
        lines=lines,
        is_of_then=bool(lines) and lines[0].day <= onset_on <= lines[-1].day,
        inputs={one.day: one.inputs_wh for one in days if one.inputs_wh},
        dead_inputs=tuple(dead),
        outages=tuple(one for one in outages if site.id in one.sites),
    )


def found_in(log: Iterable[Event]) -> tuple[Found, ...]:
    """Give what was found and told of a case, the oldest first."""
    return tuple(
        Found(one.at, one.what, one.rule, one.says, one.causes[0] if one.causes else "")
        for one in log
        if one.what in _FINDS
    )


def tier_of(case: Case, track: SiteTrack | None) -> Tier | None:
    """Give how sure detection is of a case now; None where it says nothing of it (any more)."""
    tiers = {one.tier for one in (track.told if track else ()) if one.family == case.family}
    if Tier.DISPATCH in tiers:
        return Tier.DISPATCH
    return Tier.LITERAL if tiers else None


def onset_of(case: Case, site: Site, track: SiteTrack | None) -> tuple[date, datetime | None]:
    """Give the day on which a case's trouble began, and the instant where one is known.

    What detection still stands by goes first; then the chunks and lines that the case names; a
    case that a person told began, as far as we know, when it was told.
    """
    told = [one.since for one in (track.told if track else ()) if one.family == case.family]
    instants = sorted(datetime.fromisoformat(one) for one in told if "T" in one)
    days = sorted(date.fromisoformat(one) for one in told if "T" not in one)
    if instants:
        return standard_day(instants[0], site.utc_offset_hours), instants[0]
    if days:
        return days[0], None
    if case.source is CaseSource.DETECTION:
        named = [met[1] for one in case.evidence if (met := _DAY.match(one))]
        if named:
            return date.fromisoformat(min(named)), None
        windows = [met[1] for one in case.causes if (met := _CHUNK.fullmatch(one))]
        if windows:
            first = datetime.fromisoformat(min(windows)).replace(tzinfo=UTC)
            return standard_day(first, site.utc_offset_hours), first
    return local_day(case.opened_at, site.time_zone), None


def is_shown_by_days(case: Case) -> bool:
    """Tell whether a case's trouble shows in days of energy, rather than in hours of a fault."""
    return case.family == PRODUCTION


def _last_words(case: Case) -> str:
    return case.evidence[-1] if case.evidence else case.family.replace("_", " ").lower()


def _record(records: Records, kind: type[R], record_id: str) -> R | None:
    stored = records.load(kind, record_id)
    return stored.record if stored else None
