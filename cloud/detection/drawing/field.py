"""The field of a picture: energy, expectation and floor over the days, and what is marked; pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from cloud.detection.drawing.axes import (
    Plot,
    dates_along,
    days_between,
    tick_label,
    ticks,
)
from cloud.detection.drawing.lettering import LINE, Words, width_of
from cloud.detection.drawing.marks import case_lines, chip, flags, tags_of, told_of_days
from cloud.detection.drawing.sheet import Case, Part, Sheet
from cloud.detection.drawing.signs import blank_days, is_told
from cloud.detection.drawing.strokes import Point, dots, grounds, line, rectangle, rings, triangles
from cloud.detection.evidence import DayLine
from cloud.detection.summary import runs
from cloud.detection.verdict import Reason

_NOTHING_WH = 1000
"""How high a field is on which no energy is known."""
_SHORT_CURVE_PX = 24
"""A curve of one day alone is drawn no further than this to both sides."""


def field(sheet: Sheet, rows: Sequence[DayLine], case: Case, top: float) -> tuple[Plot, Part]:
    """Draw the field with its edges, and give where its days and energies lie.

    From top to bottom: the words of the case, the tags of days, the curves, the dates.
    """
    said = case_lines(sheet, rows, case)
    plot = _plot(sheet, rows, top + (len(said) * sheet.size * LINE + 10 if said else 6))
    tags = tags_of(sheet, plot, rows, case)
    head = max((word.y for word in tags), default=plot.top + 10) - plot.top + 8
    plot = replace(plot, head=head, bottom=plot.bottom + head)
    parts = (
        _bands(sheet, plot, rows),
        _edges(sheet, plot),
        _curves(plot, rows),
        flags(sheet, plot, case, said, top),
        Part(0, (grounds(chip(tag) for tag in tags if tag.look == "ink"),), tags),
        Part(0, (told_of_days(plot, rows),)),
    )
    shapes = tuple(shape for part in parts for shape in part.shapes)
    words = tuple(word for part in parts for word in part.words)
    return plot, Part(plot.bottom + 6 + sheet.small * LINE, shapes, words)


def _plot(sheet: Sheet, rows: Sequence[DayLine], top: float) -> Plot:
    energies = [wh for row in rows for wh in (row.actual_wh, row.expected_wh) if wh]
    marks = ticks(max([*energies, *map(_mean_wh, rows)]) or _NOTHING_WH)
    labels = [tick_label(wh, marks[1]) for wh in marks]
    return Plot(
        days=days_between(rows[0].day, rows[-1].day),
        left=sheet.margin + max(width_of(one, sheet.small) for one in (*labels, "kWh")) + 6,
        right=sheet.right,
        top=top,
        head=0,
        bottom=top + sheet.field_height,
        most_wh=marks[-1],
    )


def _mean_wh(row: DayLine) -> float:
    """Give what each day of a gap made in the mean, as the counter told afterwards."""
    if row.gap is None or row.gap.actual_wh is None:
        return 0.0
    return row.gap.actual_wh / row.gap.days


def _bands(sheet: Sheet, plot: Plot, rows: Sequence[DayLine]) -> Part:
    """Draw what is behind a day: tinted where it is low, hatched where it does not count."""
    low = [row.day for row in rows if row.is_low]

    def tinted(x: float, y: float, width: float, height: float) -> str:
        return rectangle("lowday", x, y, width, height)

    blank = _bands_of(plot, [*blank_days(rows)], sheet.hatched)
    return Part(0, (_bands_of(plot, low, tinted), blank))


def _bands_of(
    plot: Plot, days: Sequence[date], draw: Callable[[float, float, float, float], str]
) -> str:
    return "".join(
        draw(
            plot.starts(first),
            plot.top,
            ((last - first).days + 1) * plot.column,
            plot.bottom - plot.top,
        )
        for first, last in runs(days)
    )


def _edges(sheet: Sheet, plot: Plot) -> Part:
    """Draw the energies on the left and the dates below."""
    marks = ticks(plot.most_wh)
    grid = line("grid", [[(plot.left, plot.y(wh)), (plot.right, plot.y(wh))] for wh in marks])
    words = [
        Words(
            plot.left - 6,
            plot.y(wh) + 0.35 * sheet.small,
            tick_label(wh, marks[1]),
            sheet.small,
            "dim",
            "end",
        )
        for wh in marks
    ]
    unit = replace(words[-1], y=words[-1].y - sheet.small * 1.2, text="kWh")
    dates = dates_along(plot, sheet.small, right=sheet.width - 3)
    return Part(0, (grid,), (*words, unit, *dates))


def _curves(plot: Plot, rows: Sequence[DayLine]) -> Part:
    """Draw expectation, floor and energy; a day that is not known breaks a curve."""
    expected = _pieces(plot, ((row.day, row.expected_wh) for row in rows))
    floors = _pieces(plot, ((row.day, row.floor_wh) for row in rows))
    made = _pieces(plot, ((row.day, row.actual_wh) for row in rows))
    known = [
        (row, (plot.x(row.day), plot.y(row.actual_wh))) for row in rows if row.actual_wh is not None
    ]
    return Part(
        0,
        (
            line("exp", _seen(plot, expected)),
            line("floor", _seen(plot, floors)),
            line("mean", _means(plot, rows)),
            line("made", (piece for piece in made if len(piece) > 1)),
            dots("dot", (at for row, at in known if row.reason is Reason.GOOD)),
            rings(at for row, at in known if not row.is_counted),
            triangles(at for row, at in known if row.is_low),
        ),
    )


def _means(plot: Plot, rows: Sequence[DayLine]) -> list[list[Point]]:
    """Give a level line across each gap of which the counter told, as far as it is shown."""
    levels = []
    for row in rows:
        if row.gap is not None and is_told(row):
            first = max(row.day - timedelta(days=row.gap.days), plot.days[0])
            y = plot.y(_mean_wh(row))
            if first < row.day:
                levels.append([(plot.starts(first) + 3, y), (plot.starts(row.day) - 3, y)])
    return levels


def _pieces(plot: Plot, values: Iterable[tuple[date, float | None]]) -> list[list[Point]]:
    """Give the pieces of a curve: a day without a value, or without a line, ends one."""
    pieces: list[list[Point]] = []
    last: date | None = None
    for day, value in values:
        if value is None:
            last = None
            continue
        if last is None or day - last != timedelta(days=1):
            pieces.append([])
        pieces[-1].append((plot.x(day), plot.y(value)))
        last = day
    return pieces


def _seen(plot: Plot, pieces: Sequence[Sequence[Point]]) -> list[Sequence[Point]]:
    """Give the pieces so that a day alone is seen: it is drawn across its column."""
    half = min(plot.column / 2, _SHORT_CURVE_PX)
    return [
        piece
        if len(piece) > 1
        else ((piece[0][0] - half, piece[0][1]), (piece[0][0] + half, piece[0][1]))
        for piece in pieces
    ]
