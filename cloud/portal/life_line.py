"""A project's life as a line: what was reached and when, today, and the last days of its clocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

WIDTH = 360
"""Of the drawing, in its own units, which are the pixels of a telephone."""
_TOP, _LEAST, _MOST = 26, 44, 96
_DAYS_A_STEP = 1.1
"""Units that a day takes between two points, within the least and the most."""


@dataclass(frozen=True, slots=True)
class Point:
    """Something on the line.

    Attributes:
        kind: ``reached``, ``today``, ``due``, ``soon`` or ``over``.
        more: a few words below the name.
    """

    on: date
    kind: str
    name: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A point with its place on the drawing."""

    point: Point
    y: int


@dataclass(frozen=True, slots=True)
class LifeLine:
    """The drawing: its points from top to bottom, and what it says to who cannot see it."""

    points: Sequence[Placed]
    height: int
    today_y: int
    says: str

    @property
    def width(self) -> int:
        """How wide the drawing is."""
        return WIDTH


_ORDER = {"reached": 0, "over": 1, "today": 2, "soon": 3, "due": 4}


def life_line(points: Iterable[Point], today: date) -> LifeLine:
    """Place points by their days; gaps grow with the time between, within what can be read."""
    sorted_ = sorted(
        [*points, Point(today, "today", "Today")], key=lambda one: (one.on, _ORDER[one.kind])
    )
    placed: list[Placed] = []
    for point in sorted_:
        if placed:
            days = (point.on - placed[-1].point.on).days
            y = placed[-1].y + round(min(_MOST, max(_LEAST, days * _DAYS_A_STEP)))
        else:
            y = _TOP
        placed.append(Placed(point, y))
    said = [
        f"{one.point.name} {one.point.on:%B} {one.point.on.day}, {one.point.on.year}"
        for one in placed
    ]
    return LifeLine(
        points=tuple(placed),
        height=placed[-1].y + _TOP + 14,
        today_y=next(one.y for one in placed if one.point.kind == "today"),
        says="Time line of the project: " + "; ".join(said),
    )
