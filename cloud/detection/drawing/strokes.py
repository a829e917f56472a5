"""Lines and shapes as SVG, in few bytes; pure."""

from collections.abc import Iterable, Sequence
from html import escape

Point = tuple[float, float]

_SIDE = 6.5


def number(value: float) -> str:
    """Give a measure with one digit after the point, where it has one."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def line(look: str, pieces: Iterable[Sequence[Point]]) -> str:
    """Give one line of several pieces, with nothing between them."""
    drawn = "".join(
        f"M{_point(piece[0])}" + "".join(f"L{_point(point)}" for point in piece[1:])
        for piece in pieces
    )
    return f'<path class="{look}" d="{drawn}"/>' if drawn else ""


def upright(look: str, bars: Iterable[tuple[float, float, float]], width: float) -> str:
    """Give bars that stand side by side: the middle, the foot and the height of each."""
    drawn = "".join(
        f"M{number(x)} {number(foot)}v{number(-height)}" for x, foot, height in bars if height > 0
    )
    return f'<path class="{look}" stroke-width="{number(width)}" d="{drawn}"/>' if drawn else ""


def dots(look: str, places: Iterable[Point]) -> str:
    """Give round dots: lines without length, whose ends are round."""
    drawn = "".join(f"M{_point(place)}h0" for place in places)
    return f'<path class="{look}" d="{drawn}"/>' if drawn else ""


def rings(places: Iterable[Point]) -> str:
    """Give round dots that are empty."""
    at = tuple(places)
    return dots("ring", at) + dots("hole", at)


def triangles(places: Iterable[Point]) -> str:
    """Give the marks of low days: triangles that point down at their places."""
    side, down = number(_SIDE), number(1.7 * _SIDE)
    drawn = "".join(
        f"M{number(x - _SIDE)} {number(y - _SIDE)}h{number(2 * _SIDE)}l-{side} {down}z"
        for x, y in places
    )
    return f'<path class="mark" d="{drawn}"/>' if drawn else ""


def grounds(boxes: Iterable[Sequence[float]]) -> str:
    """Give plain grounds for words, by left, top, right and bottom of each."""
    drawn = "".join(
        f"M{number(left)} {number(top)}H{number(right)}V{number(bottom)}H{number(left)}z"
        for left, top, right, bottom in boxes
    )
    return f'<path class="ground" d="{drawn}"/>' if drawn else ""


def touched(x: float, y: float, width: float, height: float, told: str) -> str:
    """Give a place that tells a pointer something; of the class of what it stands in."""
    drawn = f"M{number(x)} {number(y)}h{number(width)}v{number(height)}h-{number(width)}z"
    return f'<path d="{drawn}"><title>{escape(told)}</title></path>'


def rectangle(look: str, x: float, y: float, width: float, height: float) -> str:
    """Give a filled rectangle."""
    return (
        f'<rect class="{look}" x="{number(x)}" y="{number(y)}" '
        f'width="{number(width)}" height="{number(height)}"/>'
    )


def _point(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"
