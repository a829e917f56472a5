"""What is told of a site: what was found, once, and that it is over, once; pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from cloud.detection.codes import (
    COMMUNICATIONS,
    DATA,
    INVERTER,
    ISSUES,
    PRODUCTION,
    STRING_MISSING,
    Starts,
    is_due,
    is_emergency,
)
from cloud.detection.evidence import DayLine, says, unpacked
from cloud.detection.models import Finding, IssueClock, Recovery, Tier, Told
from cloud.detection.policy import ISSUE_CLEARS, PRODUCTION_FLOOR, WELL_DAYS
from cloud.detection.summary import for_a_homeowner
from cloud.detection.verdict import Reason, Standing
from cloud.kernel.ids import derived
from cloud.telemetry.days import standard_day


@dataclass(frozen=True, slots=True)
class Seen:
    """What an evaluation knows of a site.

    Attributes:
        told: what was told before and was not over.
        clocks: the issues under way.
        standing: what its days together say.
        cells: its last days as evidence, packed.
        at: the evaluation's instant.
        is_grid_out: the grid was out at the site.
    """

    site_id: str
    utc_offset_hours: int
    told: tuple[Told, ...]
    clocks: tuple[IssueClock, ...]
    standing: Standing
    cells: Sequence[Any]
    at: datetime
    is_grid_out: bool = False

    def lines(self) -> Sequence[DayLine]:
        """Give its last days, oldest first."""
        return unpacked(self.cells) or ()


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told at an evaluation.

    Attributes:
        before: what was told before.
        left: what of it is not over.
        news: what is told now, each with what stands as told by it.
    """

    before: tuple[Told, ...]
    left: tuple[Told, ...]
    news: tuple[tuple[Told, Finding], ...]
    recoveries: tuple[Recovery, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found and is told now."""
        return tuple(finding for _, finding in self.news)

    @property
    def told(self) -> tuple[Told, ...]:
        """What stands as told afterwards."""
        return _standing((*self.left, *(one for one, _ in self.news)))

    def dangers_only(self) -> "Telling":
        """Give what is told while everything else is held back: what may hurt somebody (D-80)."""
        news = tuple((one, finding) for one, finding in self.news if finding.hazard)
        mended = {one.family for one in self.recoveries}
        # What is over, but was not told to be because something new stands in its place, stays.
        left = tuple(one for one in self.before if one in self.left or one.family not in mended)
        return replace(self, left=left, news=news)


def _standing(told: Iterable[Told]) -> tuple[Told, ...]:
    """Give each thing that was told once, as it was told last."""
    latest = {(one.issue, one.since): one for one in told}
    return tuple(one for _, one in sorted(latest.items()))


def telling(seen: Seen) -> Telling:
    """Give what is new at a site, and what is over (D-12, D-13, D-77c)."""
    left = tuple(one for one in seen.told if not _is_over(one, seen))
    found = list(_of_issues(seen, left))
    told = [*left, *(one for one, _ in found)]
    found += _of_low_days(seen, left, is_fault_told=any(one.family == INVERTER for one in told))
    stands = _standing((*left, *(one for one, _ in found)))
    return Telling(seen.told, left, tuple(found), tuple(_recoveries(seen, stands)))


def _is_over(one: Told, seen: Seen) -> bool:
    if one.issue == PRODUCTION:
        return seen.standing.case_on is None
    return all(one.since != _since(clock) for clock in seen.clocks if clock.family == one.issue)


def _since(clock: IssueClock) -> str:
    return clock.since.astimezone(UTC).isoformat()


def _of_issues(seen: Seen, told: Sequence[Told]) -> Iterator[tuple[Told, Finding]]:
    """Give the issues that are due and were not told of (D-12, D-80, D-81, D-89).

    Nothing is told of an issue while the last evaluation saw it gone, though its clock still runs.
    A string that is missing under snow is not missed.
    """
    known = {(one.issue, one.since) for one in told}
    for clock in seen.clocks:
        if (clock.family, _since(clock)) in known or clock.good_evaluations:
            continue
        if clock.family == STRING_MISSING and _is_snowy(seen):
            continue
        if is_due(
            clock.family,
            since=clock.since,
            now=seen.at,
            present_hours=clock.present_hours,
            is_grid_out=seen.is_grid_out,
        ):
            finding = _of_clock(seen, clock)
            yield Told(clock.family, finding.family, _since(clock), finding.tier), finding


def _is_snowy(seen: Seen) -> bool:
    lines = seen.lines()
    return bool(lines) and lines[-1].reason is Reason.SNOW


def _of_clock(seen: Seen, clock: IssueClock) -> Finding:
    issue = ISSUES[clock.family]
    is_danger = is_emergency(issue, is_grid_out=seen.is_grid_out, on=seen.at.date())
    hours = int((seen.at - clock.since).total_seconds() // 3600)
    lasted = "" if is_danger else f", for more than {hours} hours now"
    rule = "D-81" if issue.starts is Starts.PRESENT else "D-12"
    told_of = f" ({', '.join(clock.devices)})" if clock.devices else ""
    return Finding(
        id=derived("F", seen.site_id, clock.family, clock.since.isoformat()),
        site_id=seen.site_id,
        family=issue.family,
        tier=Tier.LITERAL if issue.family in {COMMUNICATIONS, DATA} else Tier.DISPATCH,
        rule="D-80" if is_danger else rule,
        onset=standard_day(clock.since, seen.utc_offset_hours),
        found_at=seen.at,
        says=f"{issue.says}{lasted}",
        evidence=(
            f"{clock.family}{told_of}: first seen {clock.since.astimezone(UTC):%Y-%m-%d %H:%M} "
            f"UTC, not over by {seen.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        ),
        causes=(clock.chunk_id,) if clock.chunk_id else (),
        hazard=issue.hazard if is_danger else "",
        is_grid_out=seen.is_grid_out,
    )


def _of_low_days(
    seen: Seen, told: Sequence[Told], *, is_fault_told: bool
) -> Iterator[tuple[Told, Finding]]:
    """Give the low days, once, and once more when sure enough to send somebody (D-13, D-77b).

    They stand under the family of a fault that explains them; what was told already stays where it
    stands.
    """
    standing = seen.standing
    if standing.case_on is None:
        return
    tier = Tier.DISPATCH if standing.visit_on is not None else Tier.LITERAL
    before = next((one for one in told if one.issue == PRODUCTION), None)
    if before is not None and before.tier in {tier, Tier.DISPATCH}:
        return
    onset = standing.low_since or standing.case_on
    now = Told(PRODUCTION, INVERTER if is_fault_told else PRODUCTION, onset.isoformat(), tier)
    if before is not None:
        now = replace(before, tier=tier)
    yield now, _low(seen, now)


def _low(seen: Seen, told: Told) -> Finding:
    onset = date.fromisoformat(told.since)
    run = [line for line in seen.lines() if line.day >= onset]
    return Finding(
        id=derived("F", seen.site_id, PRODUCTION, told.since, told.tier),
        site_id=seen.site_id,
        family=told.family,
        tier=told.tier,
        rule="D-13",
        onset=onset,
        found_at=seen.at,
        says=_says_low(run, seen.at.date()),
        evidence=tuple(says(line) for line in run),
        causes=(),
        summary=for_a_homeowner(run),
    )


def _says_low(run: Sequence[DayLine], day: date) -> str:
    """Say how many days were low, or that the counter shows it of days that nobody heard of."""
    floor = PRODUCTION_FLOOR.on(day)
    expected = f"below {floor}% of what the neighbours' sun should have made here"
    low = sum(line.is_low for line in run)
    lost = [line.gap.days for line in run if line.gap and line.gap.is_loss(floor)]
    if lost:
        return f"the counter shows of {lost[-1]} days without readings that they were {expected}"
    return f"{low} days in a row {expected}"


def _recoveries(seen: Seen, stands: Sequence[Told]) -> Iterator[Recovery]:
    """Give one recovery for each family of which nothing that was told is left.

    While low days stand under a fault's family, the end of the fault alone is not the end.
    """
    for family in sorted({one.family for one in seen.told} - {one.family for one in stands}):
        yield Recovery(
            id=derived("R", seen.site_id, family, seen.at.isoformat()),
            site_id=seen.site_id,
            family=family,
            seen_at=seen.at,
            says=_says_over(seen, family),
        )


def _says_over(seen: Seen, family: str) -> str:
    gone = [one.issue for one in seen.told if one.family == family]
    if PRODUCTION in gone:
        days = WELL_DAYS.on(seen.at.date())
        return f"{days} days in a row make again what the neighbours' sun should make here"
    times = ISSUE_CLEARS.on(seen.at.date())
    return f"{', '.join(sorted(gone))} was not seen in {times} evaluations in a row"
