"""Which window an event falls into, and on which day that window is paid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from cloud.funding.policy import D07, F01, F02, F03, FIRST_DAY, THURSDAY
from cloud.kernel.calendar import (
    DAY,
    US_BANK,
    eastern_day,
    is_banking_day,
    next_banking_day,
    wall_time,
)
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.kernel.policy import COMFORT

WEEK = timedelta(days=7)


class DateSource(StrEnum):
    """Why a run is paid on its day."""

    REGULAR = "regular"
    PUBLISHED = "published"
    NEXT_BANKING_DAY = "next_banking_day"


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
    """

    opens_at: datetime
    cut_off_at: datetime
    regular_date: date
    funding_date: date
    date_source: DateSource

    def run_id(self, programme: str = COMFORT) -> str:
        """Name the run: programme and regular funding date, which no holiday changes (F01)."""
        return f"{programme}-{self.regular_date.isoformat()}"


def _cut_offs(first: date, last: date, *, policy_day: date) -> Iterator[tuple[datetime, date]]:
    """Give the cut-offs on days from first to last, each with its regular funding date."""
    cut_off = F02.on(policy_day)
    ahead = {
        cycle.cut_off_weekday: timedelta((cycle.funding_weekday - cycle.cut_off_weekday) % 7)
        for cycle in F01.on(policy_day)
    }
    day = first
    while day <= last:
        if day.weekday() in ahead:
            yield wall_time(day, cut_off.at, cut_off.zone), day + ahead[day.weekday()]
        day += DAY


def funding_day(
    regular_date: date, cut_off_at: datetime, published: Sequence[Alternative] = ()
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
        and alternative.alternative_date >= eastern_day(cut_off_at)
        and is_banking_day(alternative.alternative_date)
    ]
    if announced:
        return announced[-1].alternative_date, DateSource.PUBLISHED
    if D07.on(regular_date) == US_BANK and is_banking_day(regular_date):
        return regular_date, DateSource.REGULAR
    return next_banking_day(regular_date), DateSource.NEXT_BANKING_DAY


def window_of(event_at: datetime, published: Sequence[Alternative] = ()) -> Window:
    """Give the window that an event belongs to (F01, F02).

    Windows are half-open: an event at the cut-off instant belongs to the next one.
    """
    day, instant = eastern_day(event_at), event_at.astimezone(UTC)
    around = list(_cut_offs(day - WEEK, day + WEEK, policy_day=day))
    opens_at = max(at for at, _ in around if at.astimezone(UTC) <= instant)
    cut_off_at, regular = min(
        (at, regular) for at, regular in around if at.astimezone(UTC) > instant
    )
    return Window(opens_at, cut_off_at, regular, *funding_day(regular, cut_off_at, published))


def window_ending(cut_off_at: datetime, published: Sequence[Alternative] = ()) -> Window:
    """Give the window that ends at a cut-off.

    Raises:
        BadInput: no window ends at that instant.
    """
    window = window_of(cut_off_at.astimezone(UTC) - timedelta(microseconds=1), published)
    if window.cut_off_at.astimezone(UTC) != cut_off_at.astimezone(UTC):
        msg = f"no window ends at {cut_off_at.isoformat()}: the next ends at {window.cut_off_at}"
        raise BadInput(msg)
    return window


def schedule(first: date, last: date, published: Sequence[Alternative] = ()) -> tuple[Window, ...]:
    """Give the windows whose cut-off lies on the days from first to last, both included (F01)."""
    return tuple(window_ending(at, published) for at, _ in _cut_offs(first, last, policy_day=first))


def exceeds_same_day_limit(amount: Money, on: date) -> bool:
    """Tell whether an entry is too large to settle on the day of its file (F03)."""
    return amount > F03.on(on)


def run_sequence(regular_date: date) -> int:
    """Number the runs: two a week since the first week of the rules, Tuesday before Thursday."""
    first_monday = FIRST_DAY - FIRST_DAY.weekday() * DAY
    return (regular_date - first_monday).days // 7 * 2 + (regular_date.weekday() >= THURSDAY)
