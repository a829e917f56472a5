"""A report's figures as bars: names at the left, figures at the right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloud.kernel.money import Money
from cloud.portal.shown import MINUS
from cloud.reporting.headlines import Headline

WIDTH = 360
"""Of the drawing, in its own units, which are the pixels of a telephone."""
_LEFT, _RIGHT, _ROW = 144, 76, 26
_LONGEST_NAME = 16
"""Letters that fit beside a bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure."""

    name: str
    figure: str
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class Bars:
    """The drawing, and what it says to who cannot see it."""

    title: str
    bars: Sequence[Bar]
    height: int
    says: str
    left: int = _LEFT
    width: int = WIDTH
    room: int = WIDTH - _LEFT - _RIGHT


def bars_of(found: Headline, name_of: Callable[[str], str]) -> Bars:
    """Draw figures on one scale that begins at nothing.

    Args:
        found: the figures.
        name_of: gives what a figure's own name is called on pages.
    """
    room = WIDTH - _LEFT - _RIGHT
    longest = max(found.most or 0, *(value for _, value in found.figures), 1)
    names = [name_of(name) for name, _ in found.figures]
    told = [_figure(value, found.unit) for _, value in found.figures]
    bars = tuple(
        Bar(_short(name), figure, place * _ROW + 4, round(max(value, 0) / longest * room))
        for place, (name, figure, (_, value)) in enumerate(
            zip(names, told, found.figures, strict=True)
        )
    )
    says = "; ".join(f"{name} {figure}" for name, figure in zip(names, told, strict=True))
    unit = f" ({found.unit})" if found.unit not in {"cents", "%", ""} else ""
    return Bars(
        title=f"{found.title}{unit}",
        bars=bars,
        height=len(bars) * _ROW + 6,
        says=f"{found.title}{unit}: {says}",
    )


def _figure(value: float, unit: str) -> str:
    if unit == "cents":
        return str(Money(int(value))).replace("-", MINUS)
    told = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return f"{told} %" if unit == "%" else told


def _short(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    return name[: _LONGEST_NAME - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
