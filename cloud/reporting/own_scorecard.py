"""One partner's own figures: what each means, how often it was tried, what it leaves out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from cloud.kernel.calendar import eastern_day
from cloud.reporting.facts import Facts, of_own_work_now
from cloud.reporting.models import Asked, Cell
from cloud.reporting.partner_desk import quarter_of
from cloud.reporting.partners import Clocks, clocks_in, partner_scorecard, tries_of
from cloud.reporting.policy import PERFORMANCE_WEIGHTS
from cloud.reporting.ports import ToldRecords
from cloud.reporting.service_levels import Measured
from cloud.service.sla import ClockState

SAYS: Mapping[str, tuple[str, str]] = {
    "accept": (
        "Offers answered in time",
        "Of the offers that were answered or ran out; a bounced mail starts no clock.",
    ),
    "schedule": (
        "Homeowner reached in time",
        "Of the work orders taken, the first attempt or booking came by its deadline.",
    ),
    "complete": (
        "Completed in time",
        "Of the work orders taken, it was done and reported by the deadline, pauses left out.",
    ),
    "first_time_fix": (
        "Mended at the first visit",
        "Of reported work whose readings have stayed well for as long as it counts as one case, "
        "or have shown that it is not mended.",
    ),
    "report_right": (
        "Reports right at once",
        "Of the reports sent, no coordinator sent it back.",
    ),
    "invoice_right": (
        "Invoices right at once",
        "Of the invoices sent, it was neither returned nor rejected.",
    ),
}
"""Measure -> what it is called, and what it counts."""
WHY: Mapping[str, str] = {
    "cancelled": "the work order was called off",
    "bounced": "the mail with the offer came back",
    "undelivered": "the offer was not delivered",
    "taken_back": "it was taken back while its clock ran",
    "running": "its clock still runs",
    "paused": "its clock stands",
}
"""Why a clock has no verdict."""
_LATE = {ClockState.MET_LATE.value: "met, late", ClockState.OVERDUE.value: "not met"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of the period.

    Attributes:
        hits, tries: of so many tries so many were good.
        percent: None without a try.
        weight: what it counts for in the performance, out of 100; 0 where it does not (OR-02).
    """

    name: str
    title: str
    says: str
    hits: int
    tries: int
    percent: float | None
    weight: int


@dataclass(frozen=True, slots=True)
class ClockOf:
    """A clock of one work order, and why it is a miss or counts for nothing."""

    order_id: str
    milestone: str
    because: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnScorecard:
    """A partner's figures of a period.

    Attributes:
        performance: 0 to 100, by the figures of this period; what routing goes by counts a longer
            one.
        missed: deadlines that were not kept.
        excluded: clocks that have no verdict and count for nothing.
        emergency_minutes: percentile -> minutes to the first answer, of `emergencies` answers.
    """

    asked: Asked
    orders: int
    performance: int
    figures: tuple[Figure, ...]
    missed: tuple[ClockOf, ...]
    excluded: tuple[ClockOf, ...]
    emergency_minutes: Mapping[str, float | None]
    emergencies: int
    disputes_lost: int


@dataclass(frozen=True, slots=True)
class Quarter:
    """The figures of the work orders of one quarter, as they stand now."""

    since: date
    until: date
    figures: tuple[Figure, ...]

    @property
    def name(self) -> str:
        """Its name as people say it."""
        return f"Q{(self.since.month + 2) // 3} {self.since.year}"


def own_scorecard(
    records: ToldRecords, partner_id: str, *, since: date, until: date, at: datetime
) -> OwnScorecard:
    """Give a partner's figures of the work orders that it was offered in a period (OR-01, OR-02).

    They are those of the report ``partner_scorecard`` as of now; `at` is now.
    """
    facts = of_own_work_now(records, Asked(at, since, until, partner_id))
    clocks = clocks_in(facts)
    report = partner_scorecard(facts, clocks)
    names = [column.name for column in report.columns]
    row: dict[str, Cell] = (
        dict(zip(names, report.rows[0].cells, strict=True)) if report.rows else {}
    )
    missed, excluded = missed_and_excluded(clocks, partner_id)
    return OwnScorecard(
        facts.asked,
        orders=_whole(row.get("orders")),
        performance=_whole(row.get("performance")),
        figures=figures_of(facts, partner_id, clocks),
        missed=missed,
        excluded=excluded,
        emergency_minutes={
            name.removeprefix("emergency_p"): cell if isinstance(cell, float) else None
            for name, cell in row.items()
            if name.startswith("emergency_p")
        },
        emergencies=_whole(row.get("emergency_n")),
        disputes_lost=_whole(row.get("disputes_lost")),
    )


def quarters(
    records: ToldRecords, partner_id: str, *, at: datetime, many: int = 4
) -> tuple[Quarter, ...]:
    """Give the figures quarter by quarter, the present one last; the records are loaded once."""
    since, until = quarter_of(eastern_day(at))
    spans = [(since, until)]
    while len(spans) < many:
        before = quarter_of(date.fromordinal(spans[0][0].toordinal() - 1))
        spans.insert(0, before)
    facts = of_own_work_now(records, Asked(at, spans[0][0], until, partner_id))
    return tuple(
        Quarter(
            first,
            after,
            figures_of(
                replace(facts, asked=replace(facts.asked, since=first, until=after)), partner_id
            ),
        )
        for first, after in spans
    )


def figures_of(facts: Facts, partner_id: str, clocks: Clocks | None = None) -> tuple[Figure, ...]:
    """Give each measure of a partner, of the work orders issued in the period of the facts."""
    tries = tries_of(facts, clocks).get(partner_id, {})
    weights = PERFORMANCE_WEIGHTS.on(facts.asked.as_of.date())
    found = []
    for name, (title, says) in SAYS.items():
        hits, count = tries.get(name, (0, 0))
        share = round(100 * hits / count, 1) if count else None
        found.append(Figure(name, title, says, hits, count, share, weights.get(name, 0)))
    return tuple(found)


def missed_and_excluded(
    clocks: Clocks, partner_id: str
) -> tuple[tuple[ClockOf, ...], tuple[ClockOf, ...]]:
    """Give the clocks that a partner did not keep, and those that have no verdict."""
    own = [one for found in clocks.values() for one in found if one.partner_id == partner_id]
    return tuple(_told(own, _LATE)), tuple(_told(own, WHY))


def _told(clocks: Iterable[Measured], wanted: Mapping[str, str]) -> Iterator[ClockOf]:
    for one in clocks:
        because = wanted.get(str(one.outcome))
        if because is not None:
            yield ClockOf(one.order.id, one.milestone.value, because, one.due_at)


def _whole(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0
