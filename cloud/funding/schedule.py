"""Which window an event falls into, and on which day that window is paid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from cloud.funding.policy import D07, D24, F01, F02, F03, FIRST_DAY
from cloud.kernel.calendar import (
    DAY,
    US_BANK,
    is_banking_day,
    next_banking_day,
    wall_time,
)
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.kernel.policy import COMFORT, Rule

WEEK = timedelta(days=7)
SEQUENCES = 1_000
"""How many numbers of runs fit into a trace number; after nine years they come again."""

T = TypeVar("T")


class DateSource(StrEnum):
    """Why a run is paid on its day."""

    REGULAR = "regular"
    PUBLISHED = "published"
    NEXT_BANKING_DAY = "next_banking_day"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Alternative:
    """A funding day that was announced in place of a regular one."""

    regular_date: date
    alternative_date: date
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """The time whose events one run pays.

    Attributes:
        opens_at: first instant, inclusive.
        cut_off_at: end, exclusive.
        regular_date: the Tuesday or Thursday that names the run.
        funding_date: the day on which it is paid.
        date_source: why that day.
        programme: whose run it is.
    """

    opens_at: datetime
    cut_off_at: datetime
    regular_date: date
    funding_date: date
    date_source: DateSource
    programme: str = COMFORT

    def run_id(self, programme: str = "") -> str:
        """Name the run: programme and regular funding date, which no holiday changes (F01)."""
        return f"{programme or self.programme}-{self.regular_date.isoformat()}"


def _standing(rule: Rule[T], day: date, programme: str) -> T:
    """Give a rule's value on a day; before its first day, the one that it began with."""
    dated = rule.programmes.get(programme, rule.values)
    return rule.on(max(day, min(dated)), programme)


def local_day(instant: datetime, programme: str = COMFORT) -> date:
    """Give the calendar date of an instant where the programme's cut-offs are read (F02)."""
    near = instant.astimezone(UTC).date()
    return instant.astimezone(_standing(F02, near, programme).zone).date()


def _cut_offs(first: date, last: date, programme: str) -> Iterator[tuple[datetime, date]]:
    """Give the cut-offs on days from first to last, each with its regular funding date.

    Each follows the rules of its own day (D05), so that a rule that changes leaves neither a gap
    between windows nor an overlap.
    """
    day = first
    while day <= last:
        cut_off = _standing(F02, day, programme)
        for cycle in _standing(F01, day, programme):
            if day.weekday() == cycle.cut_off_weekday:
                ahead = timedelta((cycle.funding_weekday - cycle.cut_off_weekday) % 7)
                yield wall_time(day, cut_off.at, cut_off.zone), day + ahead
        day += DAY


def funding_day(
    regular_date: date,
    cut_off_at: datetime,
    published: Sequence[Alternative] = (),
    programme: str = COMFORT,
) -> tuple[date, DateSource]:
    """Give the day on which a run is paid (F03).

    A publication at the cut-off instant itself is not in advance. One that names a day on which
    banks are closed, or a day before the cut-off, is passed over.
    """
    announced = [
        alternative
        for alternative in sorted(published, key=lambda one: one.published_at)
        if alternative.regular_date == regular_date
        and alternative.published_at < cut_off_at.astimezone(UTC)
        and alternative.alternative_date >= local_day(cut_off_at, programme)
        and is_banking_day(alternative.alternative_date)
    ]
    if announced:
        return announced[-1].alternative_date, DateSource.PUBLISHED
    if D07.on(regular_date, programme) == US_BANK and is_banking_day(regular_date):
        return regular_date, DateSource.REGULAR
    return next_banking_day(regular_date), DateSource.NEXT_BANKING_DAY


def window_of(
    event_at: datetime, published: Sequence[Alternative] = (), programme: str = COMFORT
) -> Window:
    """Give the window that an event belongs to (F01, F02).

    Windows are half-open: an event at the cut-off instant belongs to the next one.

    Raises:
        BadInput: there were no runs on that day yet.
    """
    day, instant = local_day(event_at, programme), event_at.astimezone(UTC)
    F02.on(day, programme)
    around = list(_cut_offs(day - WEEK, day + WEEK, programme))
    opens_at = max(at for at, _ in around if at.astimezone(UTC) <= instant)
    cut_off_at, regular = min(
        (at, regular) for at, regular in around if at.astimezone(UTC) > instant
    )
    paid_on, source = funding_day(regular, cut_off_at, published, programme)
    return Window(opens_at, cut_off_at, regular, paid_on, source, programme)


def window_ending(
    cut_off_at: datetime, published: Sequence[Alternative] = (), programme: str = COMFORT
) -> Window:
    """Give the window that ends at a cut-off.

    Raises:
        BadInput: no window ends at that instant.
    """
    just_before = cut_off_at.astimezone(UTC) - timedelta(microseconds=1)
    window = window_of(just_before, published, programme)
    if window.cut_off_at.astimezone(UTC) != cut_off_at.astimezone(UTC):
        msg = f"no window ends at {cut_off_at.isoformat()}: the next ends at {window.cut_off_at}"
        raise BadInput(msg)
    return window


def schedule(
    first: date, last: date, published: Sequence[Alternative] = (), programme: str = COMFORT
) -> tuple[Window, ...]:
    """Give the windows whose cut-off lies on the days from first to last, both included (F01)."""
    return tuple(
        window_ending(at, published, programme) for at, _ in _cut_offs(first, last, programme)
    )


def window_paid_on(
    regular_date: date, published: Sequence[Alternative] = (), programme: str = COMFORT
) -> Window | None:
    """Give the window that is regularly paid on a day, None when no run is named for it (F01)."""
    around = _cut_offs(regular_date - WEEK + DAY, regular_date, programme)
    ends = [at for at, regular in around if regular == regular_date]
    return window_ending(ends[-1], published, programme) if ends else None


def exceeds_same_day_limit(amount: Money, on: date, programme: str = COMFORT) -> bool:
    """Tell whether an entry is too large to settle on the day of its file (F03)."""
    return amount > F03.on(on, programme)


def needs_same_day_file(window: Window) -> bool:
    """Tell whether a run's file must settle on the day on which it leaves (F03).

    A file for the next day leaves on a banking day before it, at the earliest on the cut-off's own
    day. A bank holiday on the Monday of a cut-off leaves none before Tuesday, and so does an
    alternative that is the cut-off's day.
    """
    day = window.cut_off_at.date()
    while day < window.funding_date:
        if is_banking_day(day):
            return False
        day += DAY
    return True


def run_sequence(regular_date: date, programme: str = COMFORT) -> int:
    """Number the runs: counted from the first week of the rules, in the programme's block (D24).

    The last three digits count the programme's own runs; what stands before them is its block, so
    that runs of two programmes on one day never share a number.
    """
    cycles = _standing(F01, regular_date, programme)
    first_monday = FIRST_DAY - FIRST_DAY.weekday() * DAY
    weeks = (regular_date - first_monday).days // 7
    in_week = sum(one.funding_weekday < regular_date.weekday() for one in cycles)
    block = _standing(D24, regular_date, programme)
    return block * SEQUENCES + (weeks * len(cycles) + in_week) % SEQUENCES
