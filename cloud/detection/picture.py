"""The evidence as a picture: energy beside expectation, and which days count; pure."""

import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from html import escape

from cloud.detection.drawing.explained import explained, legend
from cloud.detection.drawing.field import field
from cloud.detection.drawing.inputs import Inputs, InputsByDay, inputs_panel
from cloud.detection.drawing.lettering import Words, plain, wrapped
from cloud.detection.drawing.looks import style
from cloud.detection.drawing.sheet import Case, Part, Sheet
from cloud.detection.drawing.strokes import number
from cloud.detection.evidence import KEPT_DAYS, DayLine
from cloud.detection.summary import between, for_a_homeowner

WIDE_PX = 900
"""Of a page on a screen."""
NARROW_PX = 390
"""Of a page on a phone."""
LEAST_PX = 320

_NO_TITLE = "Energy of each day"
_LONGEST_TITLE = 160
_NOTHING = "No day of this system was judged yet, so there is nothing to show."


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is laid out.

    Attributes:
        width: of all of it; the height as well.
        scope: the name of its styles and signs, its own among other pictures of a page.
        says: what it shows, for those who do not see it.
        shapes: what is drawn, below what is written.
        words: what is written.
    """

    width: float
    height: float
    scope: str
    title: str
    says: str
    shapes: tuple[str, ...]
    words: tuple[Words, ...]


def svg(
    lines: Iterable[DayLine],
    *,
    title: str,
    onset: date | None = None,
    opened_on: date | None = None,
    closed_on: date | None = None,
    inputs: InputsByDay | None = None,
    dead: Collection[str] = (),
    width_px: int = WIDE_PX,
) -> str:
    """Give the picture of a site's days as an SVG document, which is an element of a page as well.

    The same days give the same bytes. It has no script and asks for nothing from outside, follows
    the reader's choice of light or dark, and says in words what it shows.

    Args:
        lines: in any order; the last telling of a day counts. The newest 35 dates are drawn, and a
            date without a line as one of which nothing is stored.
        title: of whom the picture is; any text, of which the first 160 letters are shown.
        onset: the day on which what is wrong began.
        opened_on: the day on which its case was opened, which comes after the days that opened it.
        closed_on: the day on which its case was closed.
        inputs: day -> input -> its energy, for the panel of the inputs.
        dead: the inputs that no longer make their share, as another rule found.
        width_px: that it is laid out for, at least 320; letters are legible from there on.
    """
    case = Case(onset, opened_on, closed_on)
    return written(
        drawn(lines, title=title, case=case, inputs=Inputs(inputs or {}, dead), width_px=width_px)
    )


def drawn(
    lines: Iterable[DayLine], *, title: str, case: Case, inputs: Inputs, width_px: int
) -> Picture:
    """Give a picture laid out, with the place of every word."""
    rows = _newest(lines)
    heading = plain(title)[:_LONGEST_TITLE] or _NO_TITLE
    named = (rows, heading, case, sorted(inputs.dead), _ordered(inputs.by_day), width_px)
    sheet = Sheet(max(width_px, LEAST_PX), f"e{zlib.crc32(repr(named).encode()):08x}")
    parts = [_head(sheet, heading, rows)]
    if rows:
        parts.append(legend(sheet, rows, parts[-1].bottom + 6))
        plot, part = field(sheet, rows, case, parts[-1].bottom + 8)
        parts.append(part)
        parts.append(inputs_panel(sheet, plot, inputs, onset=case.onset, top=part.bottom))
        parts.append(explained(sheet, rows, parts[-1].bottom + 12))
    else:
        parts.append(sheet.paragraph(_NOTHING, parts[-1].bottom + 8, look="dim"))
    return Picture(
        width=sheet.width,
        height=round(parts[-1].bottom + sheet.margin),
        scope=sheet.scope,
        title=heading,
        says=for_a_homeowner(rows),
        shapes=tuple(shape for part in parts for shape in part.shapes),
        words=tuple(word for part in parts for word in part.words),
    )


def written(picture: Picture) -> str:
    """Give a laid-out picture as SVG."""
    scope, width, height = picture.scope, number(picture.width), number(picture.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{scope}" role="img" '
        f'aria-labelledby="{scope}t {scope}d" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="max-width:100%;height:auto" '
        'font-family="system-ui,sans-serif">'
        f'<title id="{scope}t">{escape(picture.title)}</title>'
        f'<desc id="{scope}d">{escape(picture.says)}</desc>'
        f"<style>{style(scope)}</style>"
        f'<pattern id="{scope}h" width="9" height="9" patternUnits="userSpaceOnUse">'
        '<path class="hatch" d="M-1 10L10-1M-1 1L1-1M8 10L10 8"/></pattern>'
        f'<rect class="card" width="{width}" height="{height}" rx="10"/>'
        f"{''.join(picture.shapes)}{_texts(picture.words)}</svg>\n"
    )


def element(picture: Picture, looks: str) -> str:
    """Give a laid-out picture as an element of a page that has styles of its own for it.

    It brings no style, so that a page that allows none within itself can hold it.

    Args:
        picture: as `drawn` lays it out.
        looks: the classes that the page's styles go by.
    """
    scope, width, height = picture.scope, number(picture.width), number(picture.height)
    return (
        f'<svg class="{looks}" role="img" aria-label="{escape(picture.says)}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<pattern id="{scope}h" width="9" height="9" patternUnits="userSpaceOnUse">'
        '<path class="hatch" d="M-1 10L10-1M-1 1L1-1M8 10L10 8"/></pattern>'
        f"{''.join(picture.shapes)}{_texts(picture.words)}</svg>"
    )


def _newest(lines: Iterable[DayLine]) -> tuple[DayLine, ...]:
    by_day = {line.day: line for line in lines}
    if not by_day:
        return ()
    since = max(by_day).toordinal() - KEPT_DAYS
    return tuple(by_day[day] for day in sorted(by_day) if day.toordinal() > since)


def _ordered(inputs: InputsByDay) -> list[tuple[date, list[tuple[str, int | None]]]]:
    return [(day, sorted(inputs[day].items())) for day in sorted(inputs)]


def _head(sheet: Sheet, title: str, rows: tuple[DayLine, ...]) -> Part:
    size = sheet.size + 5
    lines = wrapped(title, sheet.room, size, most=2, is_bold=True)
    words = tuple(
        Words(sheet.margin, sheet.margin + size * (0.9 + 1.25 * row), text, size, is_bold=True)
        for row, text in enumerate(lines)
    )
    bottom = words[-1].y + 0.3 * size
    if not rows:
        return Part(bottom, words=words)
    days = f"Energy of each day, {between(rows[0].day, rows[-1].day)}"
    below = sheet.paragraph(days, bottom, look="dim")
    return Part(below.bottom, words=(*words, *below.words))


def _texts(words: Iterable[Words]) -> str:
    """Write the words, those of one look together."""
    groups: dict[tuple[str, float, str], list[str]] = {}
    for one in words:
        look = f"{one.look} b" if one.is_bold else one.look
        groups.setdefault((look, one.size, one.anchor), []).append(
            f'<text x="{number(one.x)}" y="{number(one.y)}">{escape(one.text, quote=False)}</text>'
        )
    return "".join(
        f'<g class="{look}" font-size="{number(size)}" text-anchor="{anchor}">{"".join(texts)}</g>'
        for (look, size, anchor), texts in groups.items()
    )
