"""Funding days: which run is paid when, and announcing another day than its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from cloud.funding import process as funding
from cloud.funding.funding_calendar import CalendarDay, funding_calendar, known_programmes
from cloud.funding.published import PublishedDay
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.policy import COMFORT
from cloud.portal.asking import Answer, Ask, Go, Page, linked
from cloud.portal.console_views.money_desk import everywhere, told
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, AUDITOR, TREASURY

VIEWS = Views()
HERE: Final = "/console/funding_days"
AHEAD: Final = timedelta(weeks=12)
"""How far the page looks ahead."""
_OLD: Final = 10
"""Announcements of the past that the page shows."""


@dataclass(frozen=True, slots=True)
class Row:
    """A run of the page; it may be moved until its window is cut off."""

    day: CalendarDay
    may_move: bool
    is_moved: bool

    @property
    def words(self) -> str:
        """The run's own day, as a choice says it."""
        own = self.day.regular_date
        return f"{own:%A, %B} {own.day}"


@VIEWS.get(HERE, ACCOUNTANT, ACCOUNTING, TREASURY, AUDITOR)
def funding_days(ask: Ask) -> Page:
    """Show the runs that come, and what was announced of them (F01 to F03, D43)."""
    return _page(ask)


def _page(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    programme = _programme(ask)
    today = eastern_day(ask.at)
    standing = funding.published(ask.records, programme)
    moved = {one.regular_date for one in standing}
    days = funding_calendar(today, today + AHEAD, standing, programme)
    rows = [Row(one, one.cut_off_at > ask.at, one.regular_date in moved) for one in days]
    found = ask.records.find(PublishedDay, by="programme", value=programme)
    announced = sorted((one.record for one in found), key=lambda one: one.published_at)
    return Page(
        "console/funding_days.html",
        "Funding days",
        {
            **everywhere(ask),
            "rows": rows,
            "open": [(one.day.regular_date.isoformat(), one.words) for one in rows if one.may_move],
            "open_moved": [
                (one.day.regular_date.isoformat(), one.words)
                for one in rows
                if one.may_move and one.is_moved
            ],
            "announced": announced[::-1][:_OLD],
            "programmes": _programmes(programme),
            "programme": programme,
            "is_only": len(known_programmes()) == 1,
            "may_say": ACCOUNTING in ask.visitor.roles,
            "typed": typed,
            "form": form,
            "today": today,
        },
        status=422 if typed else 200,
    )


def _programme(ask: Ask) -> str:
    said = ask.form["programme"] or ask.query.get("programme", "")
    return said if said in known_programmes() else COMFORT


def _programmes(chosen: str) -> Sequence[tuple[str, str, bool]]:
    return [
        (one.title(), linked(HERE, programme=one if one != COMFORT else ""), one == chosen)
        for one in sorted(known_programmes())
    ]


@VIEWS.post(HERE, ACCOUNTING)
def publish(ask: Ask) -> Answer:
    """Announce another funding day; every partner is written to, once (F03, D20)."""
    typed, programme = Typed(ask.form), _programme(ask)
    own = typed.day("regular_date", "Choose the run.")
    other = typed.day("alternative_date", "Choose the day on which it is paid.")
    if own is None or other is None or typed.as_typed:
        return _page(ask, typed.as_typed, "publish")
    answer = funding.publish_funding_day(
        ask.records, regular_date=own, alternative_date=other, programme=programme, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "alternative_date"), "publish")
    said = (
        f"The run of {_in_words(own)} is paid on {_in_words(other)}; every partner is written to."
    )
    return Go(_to(programme), said=said)


@VIEWS.post(HERE + "/withdraw", ACCOUNTING)
def withdraw(ask: Ask) -> Answer:
    """Take back what was announced for a run, before its cut-off; partners are told (D43)."""
    typed, programme = Typed(ask.form), _programme(ask)
    own = typed.day("withdrawn_date", "Choose the run.")
    because = typed.text("withdrawn_because", "Say why: the log keeps it.")
    if own is None or typed.as_typed:
        return _page(ask, typed.as_typed, "withdraw")
    answer = funding.withdraw_funding_day(
        ask.records, regular_date=own, because=because, programme=programme, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "withdrawn_date"), "withdraw")
    said = f"The run of {_in_words(own)} keeps its own day; every partner is written to."
    return Go(_to(programme), said=said)


def _to(programme: str) -> str:
    return linked(HERE, programme=programme if programme != COMFORT else "")


def _in_words(day: date) -> str:
    return f"{day:%B} {day.day}"
