"""How wide words are and where they break, for pictures laid out without a browser; pure."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

Anchor = Literal["start", "middle", "end"]

LINE = 1.4
"""Height of a line, in sizes of its letters."""
_ASCENT, _DESCENT = 0.8, 0.24
"""What letters reach above and below the line they stand on, in sizes of theirs."""
_BOLD = 1.12
_UNKNOWN_WIDTH = 1.0
_EMOJI = 0x1F000
_WIDTHS = (
    ("ijl|'", 0.28),
    ('I.,:;!/\\ f()[]t-"', 0.4),
    ("rsczJk", 0.56),
    ("abdeghnopquvxyLFEPST0123456789?$_*^`{}", 0.64),
    ("ABCDGHKNOQRUVXYZ&~+=<>#", 0.84),
    ("mwMW%@", 1.0),
)
_WIDTH = {letter: width for letters, width in _WIDTHS for letter in letters}
"""In sizes of the letter, of the widest of the usual fonts: what fits here fits everywhere."""
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Signs that turn the direction of what follows: one in a name would mirror our own words."""


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text at its place.

    Attributes:
        x: of its anchor.
        y: of the line that its letters stand on.
        look: class of its style; bold ones are wider.
    """

    x: float
    y: float
    text: str
    size: float
    look: str = "ink"
    anchor: Anchor = "start"
    is_bold: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Give left, top, right and bottom of what the words cover, at most."""
        width = width_of(self.text, self.size, is_bold=self.is_bold)
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return (
            left,
            self.y - _ASCENT * self.size,
            left + width,
            self.y + _DESCENT * self.size,
        )


def plain(text: str) -> str:
    """Give text as one line that XML can hold; what it cannot is shown as a replacement sign."""
    return " ".join(_NOT_IN_XML.sub("\ufffd", _TURNS.sub("", text)).split())


def width_of(text: str, size: float, *, is_bold: bool = False) -> float:
    """Give how wide a text is at most."""
    return sum(map(_letter_width, text)) * size * (_BOLD if is_bold else 1.0)


def wrapped(
    text: str, width: float, size: float, *, most: int = 0, is_bold: bool = False
) -> list[str]:
    """Give text in lines that fit, broken between words where it can be.

    Args:
        text: one line of it.
        width: that each line may have.
        size: of the letters.
        most: lines; the last of them ends in three dots when there would be more. 0 is no limit.
        is_bold: whether the letters are bold.
    """
    lines, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width_of(joined, size, is_bold=is_bold) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while width_of(line, size, is_bold=is_bold) > width and len(line) > 1:
            fits = _fitting(line, width, size, is_bold=is_bold)
            lines.append(line[:fits])
            line = line[fits:]
        if most and len(lines) > most:
            break
    lines.append(line)
    if most and len(lines) > most:
        lines[most - 1] = shortened(f"{lines[most - 1]} \u2026", width, size, is_bold=is_bold)
        del lines[most:]
    return lines


def shortened(text: str, width: float, size: float, *, is_bold: bool = False) -> str:
    """Give a text, cut with three dots where it is wider than its place."""
    if width_of(text, size, is_bold=is_bold) <= width:
        return text
    room = width - width_of("\u2026", size, is_bold=is_bold)
    return text[: _fitting(text, room, size, is_bold=is_bold)].rstrip("\u2026 ") + "\u2026"


def _fitting(text: str, width: float, size: float, *, is_bold: bool) -> int:
    """Give how many letters of a text fit, at least one."""
    passed = 0.0
    for count, letter in enumerate(text):
        passed += width_of(letter, size, is_bold=is_bold)
        if passed > width:
            return max(count, 1)
    return len(text)


@cache
def _letter_width(letter: str) -> float:
    if letter in _WIDTH:
        return _WIDTH[letter]
    if unicodedata.combining(letter):
        return 0.0
    parts = unicodedata.normalize("NFD", letter)
    if parts[0] != letter:
        return _WIDTH.get(parts[0], _UNKNOWN_WIDTH)
    return 1.4 if ord(letter) >= _EMOJI else _UNKNOWN_WIDTH
