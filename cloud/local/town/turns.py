"""The town's cases: how many, whose, when they begin, and how each of them goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from cloud.local.town import troubles
from cloud.local.town.draws import Draws
from cloud.local.town.making import ENDS_AT, STARTS_AT, days_before_end, office
from cloud.local.town.projects import APPROVED, Course, is_in_story
from cloud.local.town.troubles import Trouble
from cloud.service.models import Cause

FIRST_CASE_AFTER_DAYS = 42


class Turn(StrEnum):
    """How a case goes; most go plainly, and some stop for good where something went wrong."""

    PLAIN = "plain"
    SILENT = "silent"
    DECLINED = "declined"
    NOBODY = "nobody"
    COSTLY = "costly"
    COSTLY_REFUSED = "costly_refused"
    COSTLY_WAITING = "costly_waiting"
    MORE_COST = "more_cost"
    UNRESPONSIVE = "unresponsive"
    WAITS_FOR_PARTS = "waits_for_parts"
    WEATHER = "weather"
    QUESTION = "question"
    TWO_VISITS = "two_visits"
    NEVER_CALLS = "never_calls"
    NO_REPORT = "no_report"
    REPORT_RETURNED = "report_returned"
    CALLED_OFF = "called_off"
    INVOICE_DRAFT = "invoice_draft"
    INVOICE_WAITS = "invoice_waits"
    INVOICE_RETURNED = "invoice_returned"
    INVOICE_REJECTED = "invoice_rejected"
    INVOICE_VOID = "invoice_void"
    CLAIMED = "claimed"
    CLAIM_DISPUTED = "claim_disputed"
    CUSTOMERS = "customers"
    FROM_AFAR = "from_afar"
    NOT_MENDED = "not_mended"
    ROOF_LEAK = "roof_leak"
    ROOF_LEAK_SILENT = "roof_leak_silent"


OPEN_ENDS = {
    Turn.INVOICE_WAITS: (15, 27),
    Turn.SILENT: (1, 8),
    Turn.NO_REPORT: (9, 14),
    Turn.COSTLY_WAITING: (2, 5),
    Turn.INVOICE_DRAFT: (15, 22),
    Turn.UNRESPONSIVE: (6, 9),
    Turn.QUESTION: (2, 4),
    Turn.NEVER_CALLS: (6, 11),
    Turn.INVOICE_RETURNED: (22, 28),
    Turn.NOBODY: (2, 6),
    Turn.WAITS_FOR_PARTS: (6, 10),
    Turn.COSTLY_REFUSED: (4, 8),
    Turn.WEATHER: (4, 7),
    Turn.ROOF_LEAK_SILENT: (0, 0),
}
"""Turns that stop half-way, and how many days before the end such a case begins: any longer ago,
it would be a scandal."""
ENDED = (
    Turn.PLAIN, Turn.DECLINED, Turn.CLAIM_DISPUTED, Turn.COSTLY, Turn.INVOICE_REJECTED,
    Turn.TWO_VISITS, Turn.CLAIMED, Turn.PLAIN, Turn.CUSTOMERS, Turn.CLAIM_DISPUTED,
    Turn.INVOICE_REJECTED, Turn.PLAIN, Turn.FROM_AFAR, Turn.CUSTOMERS, Turn.INVOICE_RETURNED,
    Turn.REPORT_RETURNED, Turn.CLAIM_DISPUTED, Turn.ROOF_LEAK, Turn.INVOICE_REJECTED,
    Turn.CALLED_OFF, Turn.MORE_COST, Turn.PLAIN, Turn.INVOICE_VOID, Turn.NOT_MENDED,
)  # fmt: skip
_RECENT_DAYS = 30
_BILLED = frozenset(
    {
        Turn.INVOICE_DRAFT,
        Turn.INVOICE_WAITS,
        Turn.INVOICE_RETURNED,
        Turn.INVOICE_REJECTED,
        Turn.INVOICE_VOID,
    }
)
"""Turns that need an invoice: nobody sends one for work of its own that did not hold."""
LEAKS = frozenset({Turn.ROOF_LEAK, Turn.ROOF_LEAK_SILENT})


@dataclass(frozen=True, slots=True)
class Errand:
    """One case that the town will have.

    Attributes:
        number: counts them; what is drawn for one follows from it.
    """

    number: int
    course: Course
    trouble: Trouble
    turn: Turn
    opens_at: datetime

    @property
    def draws(self) -> Draws:
        """Give the row of its choices."""
        return Draws("errand", self.number)

    @property
    def is_recent(self) -> bool:
        """Tell whether it began in the last weeks, so that some of it may wait still."""
        return self.opens_at.date() > days_before_end(_RECENT_DAYS)

    def draws_of(self, what: object) -> Draws:
        """Give the row of its choices about one thing."""
        return Draws("errand", self.number, what)


def errands(listed: Sequence[Course]) -> tuple[Errand, ...]:
    """Give the town's cases: an eighth of its homes over the months, more in the last weeks."""
    past, recent = len(listed) // 8, max(len(listed) // 7, 4)
    first = STARTS_AT.date() + timedelta(FIRST_CASE_AFTER_DAYS)
    span = (ENDS_AT.date() - first).days - 28
    wanted = [
        (ENDED[number % len(ENDED)], first + timedelta(span * number // past))
        for number in range(past)
    ]
    wanted += [_recent(number, recent) for number in range(recent)]
    found: list[Errand] = []
    for number, (turn, opened) in enumerate(wanted):
        home = _home_for(listed, number, turn, opened, found)
        if home is not None:
            found.append(_errand(home, number, turn, opened))
    return tuple(found)


def _recent(number: int, of: int) -> tuple[Turn, date]:
    """Give a case of the last weeks: every other one goes plainly, the others stop half-way."""
    if number % 2 == 0:
        return Turn.PLAIN, days_before_end(number * 24 // of + 1)
    turns = tuple(OPEN_ENDS)
    turn = turns[number // 2 % len(turns)]
    days = Draws("recent", number).between(*OPEN_ENDS[turn])
    return turn, days_before_end(days)


_MINE = ("P-ALDER", "P-ALDER", "P-SACRAMENTO", "P-SACRAMENTO", "")
"""Whose homes are drawn: those who sign in have most of what is to be seen."""
_TWO_PARTNERS = frozenset({Turn.DECLINED, Turn.CLAIMED, Turn.CLAIM_DISPUTED})
"""Turns in which somebody else takes the work over: in their places somebody else is there."""
_ALONE = frozenset({"P-LONESTAR", "P-PRAIRIE", "P-GARDEN"})
"""Partners beside whom nobody takes service work: when they decline, a person has to choose."""
_REST_DAYS = 60
"""How long a home has no second case: two of one kind would be one."""


def _home_for(
    listed: Sequence[Course],
    number: int,
    turn: Turn,
    opened: date,
    before: Sequence[Errand],
) -> Course | None:
    draws = Draws("which", number)
    busy = {
        one.course.home.number
        for one in before
        if opened - one.opens_at.date() < timedelta(_REST_DAYS)
    }
    free = [
        one
        for one in listed
        if (one.day_of(APPROVED) or opened) < opened
        and one.home.number not in busy
        and not one.site.omnidian_onboarded
        and not is_in_story(one.home)
    ]
    mine = draws.pick(_MINE[:-1] if turn in _TWO_PARTNERS else _MINE)
    firms = _ALONE if turn is Turn.NOBODY else {mine}
    wanted = [one for one in free if one.firm.id in firms] or free
    return draws.pick(wanted) if wanted else None


def _errand(home: Course, number: int, turn: Turn, opened: date) -> Errand:
    draws = Draws("when", number)
    is_last_day = opened == ENDS_AT.date()
    hour = time(8, draws.between(5, 25)) if is_last_day else time(draws.between(8, 15), 10)
    at = office(opened, hour) + timedelta(minutes=0 if is_last_day else draws.below(45))
    usual = troubles.TROUBLES[number % len(troubles.TROUBLES)]
    if turn in _BILLED and usual.cause is Cause.WORKMANSHIP:
        usual = troubles.STRING
    trouble = {
        Turn.CLAIMED: troubles.LOOSE,
        Turn.CLAIM_DISPUTED: troubles.LOOSE,
        Turn.CUSTOMERS: troubles.SQUIRRELS,
        Turn.FROM_AFAR: troubles.OFFLINE,
        Turn.WAITS_FOR_PARTS: troubles.BATTERY,
    }.get(turn, usual)
    return Errand(number, home, trouble, turn, at)
