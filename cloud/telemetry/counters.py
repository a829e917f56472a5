"""Lifetime counters at the two ends of a day, and what they made between; pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter

from cloud.telemetry.models import Sample
from cloud.telemetry.policy import COUNTER_SLACK, LONGEST_DAY, ROLL_OVER

_AT = attrgetter("at")


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one device around one day, in order of time.

    Attributes:
        day: the day, in the site's standard time.
        rows: the day's samples and those of the slack (T-01) before and after it.
        first: place of the day's first sample in `rows`.
        last: place behind the day's last sample.
        start: first instant of the day.
        end: first instant of the next.
        told: columns of each sample of the day.
    """

    day: date
    rows: Sequence[Sample]
    first: int
    last: int
    start: datetime
    end: datetime
    told: Sequence[Mapping[str, int | None]]

    @property
    def today(self) -> Sequence[Sample]:
        """Give the samples of the day itself."""
        return self.rows[self.first : self.last]

    def column(self, name: str) -> list[int | None]:
        """Give one column of the day's samples: by column a day is read several times as fast."""
        return [columns.get(name) for columns in self.told]

    def ends_of(self, column: str) -> tuple[int | None, int | None]:
        """Give a counter at the start and at the end of the day, None where it is not known."""
        slack = COUNTER_SLACK.on(self.day)
        return (
            _counter_at(self.rows, self.first, self.start, slack, column),
            _counter_at(self.rows, self.last, self.end, slack, column),
        )


def window_of(rows: Sequence[Sample], *, day: date, start: datetime) -> Window:
    """Give the window of a day, which begins at an instant, out of all samples of a device."""
    slack, end = COUNTER_SLACK.on(day), start + timedelta(days=1)
    low = bisect_left(rows, start - slack, key=_AT)
    first = bisect_left(rows, start, low, key=_AT)
    last = bisect_left(rows, end, first, key=_AT)
    high = bisect_right(rows, end + slack, last, key=_AT)
    told = [row.columns for row in rows[first:last]]
    return Window(day, rows[low:high], first - low, last - low, start, end, told)


def _counter_at(
    rows: Sequence[Sample], place: int, boundary: datetime, slack: timedelta, column: str
) -> int | None:
    """Give the counter at a boundary: the last known up to it, else the first after it (T-01)."""
    if place < len(rows) and rows[place].at == boundary:
        place += 1
    for row in reversed(rows[:place]):
        if row.at < boundary - slack:
            break
        if (value := row.columns.get(column)) is not None:
            return value
    for row in rows[place:]:
        if row.at > boundary + slack:
            break
        if (value := row.columns.get(column)) is not None:
            return value
    return None


def made(opening: int | None, closing: int | None, *, most_wh: float, day: date) -> int | None:
    """Give what a counter made, None when it cannot be told or is not believed (T-02).

    A counter that fell went round if that alone lets it have made no more than it could (T-07); any
    other fall is an exchange or an error. Where much could have been made, a fall proves nothing.
    What a counter tells below zero is not a count.
    """
    if opening is None or closing is None or min(opening, closing) < 0:
        return None
    rise = closing - opening
    if rise >= 0:
        return rise if rise <= most_wh else None
    rounds = (
        rise + period for period in ROLL_OVER.on(day) if opening <= period and 2 * most_wh < period
    )
    return next((round(wh) for wh in rounds if wh <= most_wh), None)


def most_made(rated_w: int, day: date) -> int:
    """Give the energy beyond which a day's counter is not believed (T-02)."""
    return rated_w * LONGEST_DAY.on(day)


def made_by_all(
    opening: Mapping[str, int | None],
    closing: Mapping[str, int | None],
    *,
    most_wh: float,
    day: date,
) -> int | None:
    """Give what counters made together; None when one of them cannot be told, or there is none."""
    if not opening or opening.keys() != closing.keys():
        return None
    total = 0
    for name, before in opening.items():
        wh = made(before, closing[name], most_wh=most_wh, day=day)
        if wh is None:
            return None
        total += wh
    return total
