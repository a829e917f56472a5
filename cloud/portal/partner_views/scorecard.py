"""The partner's own figures: what each means, what it counts, and what it leaves out."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, cast

from cloud.kernel.calendar import DAY, eastern_day
from cloud.portal.asking import Ask, Page, Part
from cloud.portal.routes import EVERYBODY, Views
from cloud.portfolio.models import Partner
from cloud.reporting.own_scorecard import Quarter, own_scorecard, quarters
from cloud.reporting.partner_desk import quarter_of
from cloud.reporting.ports import ToldRecords

VIEWS = Views()
PERIODS: Mapping[str, str] = {
    "": "Last 90 days",
    "this": "This quarter",
    "last": "Last quarter",
}
CLOCKS = {"accept": "Answer", "schedule": "Reach the homeowner", "complete": "Work and report"}
MOST = 50
_DAYS = timedelta(days=90)


@VIEWS.get("/portal/scorecard", EVERYBODY)
def scorecard(ask: Ask) -> Page:
    """Show the figures of a period, those of the interface's ``/v1/scorecard`` by default."""
    chosen = ask.query.get("period", "")
    chosen = chosen if chosen in PERIODS else ""
    since, until = _period(chosen, eastern_day(ask.at))
    told = cast("ToldRecords", ask.records)
    found = own_scorecard(told, ask.partner_id, since=since, until=until, at=ask.at)
    partner = ask.records.load(Partner, ask.partner_id)
    shows: dict[str, Any] = {
        "found": found,
        "missed": found.missed[:MOST],
        "excluded": found.excluded[:MOST],
        "choices": [(value, says, None) for value, says in PERIODS.items()],
        "chosen": chosen,
        "since": since,
        "last": until - DAY,
        "partner": partner.record if partner else None,
        "clocks": CLOCKS,
        "trend": _drawn(quarters(told, ask.partner_id, at=ask.at)) if "trend" in ask.query else (),
    }
    return Page("partner/scorecard.html", "Scorecard", shows)


@VIEWS.get("/portal/scorecard/trend", EVERYBODY)
def trend(ask: Ask) -> Part:
    """Give the figures of the last four quarters; they take longer, and come by themselves."""
    told = cast("ToldRecords", ask.records)
    found = quarters(told, ask.partner_id, at=ask.at)
    return Part("partner/scorecard_trend.html", {"trend": _drawn(found)})


def _period(chosen: str, today: date) -> tuple[date, date]:
    this = quarter_of(today)
    match chosen:
        case "this":
            return this
        case "last":
            return quarter_of(this[0] - DAY)
        case _:
            return today + DAY - _DAYS, today + DAY


def _drawn(found: Sequence[Quarter]) -> Sequence[tuple[str, str, Sequence[tuple[str, Any]]]]:
    """Give each measure with its figure of every quarter, as a row of a table and of bars."""
    return [
        (
            figure.title,
            figure.name,
            [(quarter.name, quarter.figures[place]) for quarter in found],
        )
        for place, figure in enumerate(found[0].figures)
    ]
