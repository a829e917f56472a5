"""What detection remembers of a site, and what it tells."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Tier(StrEnum):
    """How sure detection is."""

    LITERAL = "literal"
    """The rule as agreed: a case, and a notice to the customer."""
    DISPATCH = "dispatch"
    """Sure enough to send somebody."""


@dataclass(frozen=True, slots=True)
class JudgedDay:
    """A day beside what was expected of it.

    Attributes:
        expected_wh: None when the day cannot be judged (few neighbours, they disagree, a gap).
        guarded_percent: the floor before somebody is sent, lowered by the spread (D-64).
        neighbours: how many sites the expectation stands on.
        reason: why it cannot be judged, or empty.
    """

    day: date
    actual_wh: int | None
    expected_wh: int | None
    guarded_percent: float = 85.0
    neighbours: int = 0
    reason: str = ""

    @property
    def is_judged(self) -> bool:
        """Tell whether the day has a verdict at all."""
        return self.actual_wh is not None and self.expected_wh is not None


@dataclass(frozen=True, slots=True)
class IssueClock:
    """How long something has been wrong.

    Attributes:
        family: the issue's name in the code table.
        since: the first bad observation; the 48 hours count from here (D-12).
        good_evaluations: evaluations in a row that saw it gone.
        told: a finding was made of it.
        chunk_id: the chunk that holds the first bad observation.
        devices: serial numbers of the devices that showed it: only they can say that it is gone.
    """

    family: str
    since: datetime
    good_evaluations: int = 0
    told: bool = False
    chunk_id: str = ""
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteState:
    """What the sweep remembers of one site, between two evaluations.

    Attributes:
        id: the site's.
        energy: the last days as the counters tell them, oldest first; unknown days are None.
        ratios: the warm-up's ratios to the neighbours, until the scale is learned.
        scale: what the site makes for each watt-hour that its neighbours' median makes per watt.
        judged: the latest judged days, oldest first.
        clocks: issues under way.
        evaluated_at: instant of the last evaluation; the same one again changes nothing.
        production_told: the tier of the finding that was made of low days, until they recover.
        production_family: the family under which that finding stands.
    """

    id: str
    energy: tuple[tuple[date, int | None, float], ...] = ()
    ratios: tuple[float, ...] = ()
    scale: float | None = None
    judged: tuple[JudgedDay, ...] = ()
    clocks: tuple[IssueClock, ...] = ()
    evaluated_at: datetime | None = None
    production_told: Tier | None = None
    production_family: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is wrong at a site, by a rule, with the evidence.

    Attributes:
        id: made from the site, the family and the onset.
        family: what its case stands under: a fault and what it costs are one family.
        rule: id of the rule that it follows.
        onset: the first low day, or the first bad observation's day.
        says: one sentence for a person.
        evidence: one line a day, or the observations, as shown on the case.
        causes: ids of the chunks behind it.
    """

    id: str
    site_id: str
    family: str
    tier: Tier
    rule: str
    onset: date
    found_at: datetime
    says: str
    evidence: tuple[str, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found is over: the telemetry is good again."""

    id: str
    site_id: str
    family: str
    seen_at: datetime
    says: str


@dataclass(frozen=True, slots=True)
class SweepMark:
    """How far a fleet has been judged; a site of which nothing is new is not written itself.

    Attributes:
        id: the fleet's clock and name.
        evaluated_at: instant of the last evaluation that was finished.
    """

    id: str
    evaluated_at: datetime
