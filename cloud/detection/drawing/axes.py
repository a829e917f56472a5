"""Where a day and an energy lie on a picture, and what is written along its edges; pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from cloud.detection.drawing.lettering import Words, width_of
from cloud.detection.summary import MONTHS

_MOST_TICKS = 5
_EVERY_DAYS = (1, 2, 3, 5, 7, 14, 21, 35)
_APART = 10
"""Between two dates along the edge."""


@dataclass(frozen=True, slots=True)
class Plot:
    """The field of a picture on which each day has a column.

    Attributes:
        days: every date of it, those of which nothing is known as well.
        top: of the columns, above which nothing of the days is drawn.
        head: what the columns have above the curves, for what is said of a day.
        most_wh: energy at the upper edge of the curves; zero is their lower one.
    """

    days: tuple[date, ...]
    left: float
    right: float
    top: float
    head: float
    bottom: float
    most_wh: float

    @property
    def column(self) -> float:
        """Give how wide a day is."""
        return (self.right - self.left) / len(self.days)

    def starts(self, day: date) -> float:
        """Give where the column of a day begins, which may be outside of the field."""
        return self.left + (day - self.days[0]).days * self.column

    def x(self, day: date) -> float:
        """Give the middle of a day's column."""
        return self.starts(day) + self.column / 2

    def y(self, wh: float) -> float:
        """Give the height of an energy."""
        return self.bottom - (self.bottom - self.top - self.head) * wh / self.most_wh


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Give every date from the first to the last."""
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))


def ticks(most_wh: float) -> tuple[float, ...]:
    """Give round energies from zero to the first that is not below the most of a picture."""
    least = max(most_wh, 1.0) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(least))
    step = next(part * power for part in (1, 2, 5, 10) if part * power >= least * (1 - 1e-9))
    count = math.ceil(max(most_wh, 1.0) / step - 1e-9)
    return tuple(number * step for number in range(count + 1))


def tick_label(wh: float, step_wh: float) -> str:
    """Give an energy in kWh with as many digits as the steps of its axis need."""
    digits = max(0, 3 - math.floor(math.log10(step_wh) + 1e-9))
    return f"{wh / 1000:,.{digits}f}"


def short(day: date) -> str:
    """Give a day as it is written along the edge: `Jun 5`."""
    return f"{MONTHS[day.month - 1][:3]} {day.day}"


def short_span(first: date, last: date) -> str:
    """Give days in a row: `Jun 5 to 8`."""
    if first == last:
        return short(first)
    until = str(last.day) if (first.year, first.month) == (last.year, last.month) else short(last)
    return f"{short(first)} to {until}"


def dates_along(plot: Plot, size: float, *, right: float) -> tuple[Words, ...]:
    """Give the dates below a plot, as many as fit beside each other, none beyond the right edge."""
    widest = max(width_of(short(day), size) for day in plot.days)
    every = next(
        (days for days in _EVERY_DAYS if days * plot.column >= widest + _APART), _EVERY_DAYS[-1]
    )
    y = plot.bottom + 6 + size
    return tuple(
        Words(min(plot.x(day), right - widest / 2), y, short(day), size, "dim", "middle")
        for day in plot.days[::every]
    )


def in_rows(labels: Iterable[Words], step: float) -> tuple[Words, ...]:
    """Give labels, which come in order of their place, moved down where they cover each other."""
    placed: list[Words] = []
    ends: list[float] = []
    for label in labels:
        left, _, right, _ = label.box
        row = next((row for row, end in enumerate(ends) if end <= left), len(ends))
        ends[row : row + 1] = [right + 0.5]
        placed.append(replace(label, y=label.y + row * step))
    return tuple(placed)
