"""What a run pays beside the runs before it: bars from the left, and the line that asks to look."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.funding.breaker import Usual
from cloud.funding.models import FundingRun
from cloud.kernel.money import Money

WIDTH = 360
"""Of the drawing, in its own units, which are the pixels of a telephone."""
_LEFT, _RIGHT, _ROW = 62, 104, 26


@dataclass(frozen=True, slots=True)
class Bar:
    """One run: its day at the left, its bar, its amount at the right."""

    run_id: str
    day: str
    amount: Money
    y: int
    width: int
    is_this: bool


@dataclass(frozen=True, slots=True)
class RunChart:
    """The drawing, and what it says to who cannot see it.

    Attributes:
        most_x, middle_x: where the lines of the breaker stand; None after too few runs.
    """

    bars: Sequence[Bar]
    height: int
    left: int
    middle_x: int | None
    most_x: int | None
    says: str

    @property
    def width(self) -> int:
        """How wide the drawing is."""
        return WIDTH


def run_chart(run: FundingRun, before: Sequence[FundingRun], usual: Usual | None) -> RunChart:
    """Draw a run below the ones before it, on one scale that begins at nothing."""
    shown = [*before, run]
    limit = usual.most.cents if usual else 0
    longest = max(1, limit, *(one.net.cents for one in shown))
    room = WIDTH - _LEFT - _RIGHT

    def x(cents: int) -> int:
        return _LEFT + round(max(cents, 0) / longest * room)

    bars = tuple(
        Bar(
            one.id,
            f"{one.funding_date:%b} {one.funding_date.day}",
            one.net,
            number * _ROW + 4,
            max(1, x(one.net.cents) - _LEFT),
            one.id == run.id,
        )
        for number, one in enumerate(shown)
    )
    told = "; ".join(f"{one.day} {one.amount}" for one in bars)
    asks = f" Usual is {usual.middle}; above {usual.most} somebody looks first." if usual else ""
    return RunChart(
        bars,
        height=len(shown) * _ROW + 6,
        left=_LEFT,
        middle_x=x(usual.middle.cents) if usual else None,
        most_x=x(usual.most.cents) if usual else None,
        says=f"What runs paid, the latest last: {told}.{asks}",
    )
