"""The paper of a picture: its measures, what is set on it, and paragraphs; pure."""

from dataclasses import dataclass
from datetime import date

from cloud.detection.drawing.lettering import LINE, Words, wrapped

_LONGEST_LINE_PX = 780
"""A longer line of text is hard to read."""
_WIDE_FROM_PX = 600


@dataclass(frozen=True, slots=True)
class Part:
    """What stands below another part of a picture, and where it ends."""

    bottom: float
    shapes: tuple[str, ...] = ()
    words: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """What is marked of a case.

    Attributes:
        onset: the day on which what is wrong began.
        opened_on: the day it was opened, after the days that opened it; None while it is not.
        closed_on: the day it was closed, None while it is not.
    """

    onset: date | None
    opened_on: date | None
    closed_on: date | None


NO_CASE = Case(None, None, None)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The paper.

    Attributes:
        width: of all of it.
        scope: the name that its styles are kept under.
    """

    width: float
    scope: str

    @property
    def is_wide(self) -> bool:
        """Tell whether it is for a screen rather than for a phone."""
        return self.width >= _WIDE_FROM_PX

    @property
    def margin(self) -> float:
        """Give what is left free on all sides."""
        return 24 if self.is_wide else 12

    @property
    def right(self) -> float:
        """Give where the margin on the right begins."""
        return self.width - self.margin

    @property
    def room(self) -> float:
        """Give the width between the margins."""
        return self.width - 2 * self.margin

    @property
    def size(self) -> float:
        """Give the size of ordinary letters."""
        return 14 if self.is_wide else 13

    @property
    def small(self) -> float:
        """Give the size of the letters along an edge."""
        return 12

    @property
    def field_height(self) -> float:
        """Give how high the curves' field is."""
        return 250 if self.is_wide else 200

    def hatched(self, x: float, y: float, width: float, height: float) -> str:
        """Give a hatched rectangle."""
        return (
            f'<rect fill="url(#{self.scope}h)" x="{x:.1f}" y="{y:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"/>'
        )

    def paragraph(self, text: str, top: float, *, look: str = "ink", indent: float = 0) -> Part:
        """Set a paragraph whose first line is right below a height."""
        lines = wrapped(text, min(self.room, _LONGEST_LINE_PX) - indent, self.size)
        step = self.size * LINE
        words = tuple(
            Words(self.margin + indent, top + step * place + self.size, line, self.size, look)
            for place, line in enumerate(lines)
        )
        return Part(top + step * len(lines), words=words)
