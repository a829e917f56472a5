"""What is marked over the curves: why a day does not count, low days, the case; pure."""

from collections.abc import Sequence
from datetime import date, timedelta

from cloud.detection.drawing.axes import Plot, in_rows, short
from cloud.detection.drawing.lettering import LINE, Words, width_of, wrapped
from cloud.detection.drawing.sheet import Case, Part, Sheet
from cloud.detection.drawing.signs import SHORTLY, blank_days, letters
from cloud.detection.drawing.strokes import line, touched
from cloud.detection.evidence import DayLine, in_kwh, made_of
from cloud.detection.summary import runs
from cloud.detection.terms import terms_on

_TAG_ROW = 16


def tags_of(sheet: Sheet, plot: Plot, rows: Sequence[DayLine], case: Case) -> tuple[Words, ...]:
    """Name the days that do not count, and number the low ones that opened the case.

    A run of days carries its letter, and its reason in a word or two where there is room.
    """
    blank, named = blank_days(rows), letters(rows)
    tags = []
    for reason, letter in named.items():
        for first, last in runs([day for day, one in blank.items() if one is reason]):
            room = ((last - first).days + 1) * plot.column - 6
            text = f"{letter} {SHORTLY[reason]}"
            fits = width_of(text, sheet.small, is_bold=True) <= room
            middle = (plot.x(first) + plot.x(last)) / 2
            tags.append(_tag(sheet, plot, middle, text if fits else letter, "ink"))
    for place, day in enumerate(_opening_days(rows, case), start=1):
        tags.append(_tag(sheet, plot, plot.x(day), str(place), "low"))
    return in_rows(sorted(tags, key=lambda tag: tag.x), _TAG_ROW)


def _tag(sheet: Sheet, plot: Plot, x: float, text: str, look: str) -> Words:
    y = plot.top + 4 + sheet.small
    return Words(x, y, text, sheet.small, look, "middle", is_bold=True)


def _opening_days(rows: Sequence[DayLine], case: Case) -> list[date]:
    """Give the low days that opened the case, when they are as many as the rule asks for (D-13a).

    They are not when the counter told of a gap: such days count on the day on which it tells.
    """
    if case.onset is None or case.opened_on is None:
        return []
    low = [row.day for row in rows if row.is_low and case.onset <= row.day < case.opened_on]
    return low if len(low) == terms_on(case.opened_on).low_days else []


def chip(tag: Words) -> tuple[float, float, float, float]:
    """Give the place of a plain ground for a tag, so that it is read on a hatched day."""
    left, top, right, bottom = tag.box
    return left - 1, top, right + 1, bottom


def case_lines(sheet: Sheet, rows: Sequence[DayLine], case: Case) -> list[str]:
    """Give what is said of the case above the field, in lines; none without a case.

    A case that a fault opened is not called low: its first day need not be.
    """
    said = []
    if case.onset:
        is_low = any(row.is_low and row.day == case.onset for row in rows)
        said.append(f"{'low' if is_low else 'something wrong'} since {short(case.onset)}")
    if case.opened_on:
        said.append(f"case opened {short(case.opened_on)}")
    if case.closed_on:
        said.append(f"closed {short(case.closed_on)}")
    if not said:
        return []
    text = ", ".join(said)
    return wrapped(text[0].upper() + text[1:], sheet.room, sheet.size, is_bold=True)


def flags(sheet: Sheet, plot: Plot, case: Case, said: Sequence[str], top: float) -> Part:
    """Put the case's words above a bracket from its onset to its opening, and to its end.

    Each stands where its day begins, for a case is opened in the morning by the days before it.
    What lies before or after the days of the picture is said, and not drawn.
    """
    if not said:
        return Part(0)
    marks = [
        (look, plot.starts(day))
        for look, day in (("onset", case.onset), ("flag", case.opened_on), ("flag", case.closed_on))
        if day is not None and plot.days[0] <= day <= plot.days[-1] + timedelta(days=1)
    ]
    foot = top + len(said) * sheet.size * LINE + 3
    places = [x for _, x in marks]
    shapes = [line(look, [[(x, foot), (x, plot.bottom)]]) for look, x in marks]
    if len(places) > 1:
        shapes.append(line("flag", [[(min(places), foot), (max(places), foot)]]))
    widest = max(width_of(text, sheet.size, is_bold=True) for text in said)
    middle = (min(places) + max(places)) / 2 if places else plot.left + widest / 2
    middle = min(max(middle, sheet.margin + widest / 2), sheet.right - widest / 2)
    words = tuple(
        Words(
            middle,
            top + sheet.size * (0.9 + LINE * row),
            text,
            sheet.size,
            anchor="middle",
            is_bold=True,
        )
        for row, text in enumerate(said)
    )
    return Part(0, tuple(shapes), words)


def told_of_days(plot: Plot, rows: Sequence[DayLine]) -> str:
    """Give what a pointer is told of each day; all of its evidence would be too long here."""
    height = plot.bottom - plot.top
    days = "".join(
        touched(plot.starts(row.day), plot.top, plot.column, height, _shortly(row)) for row in rows
    )
    return f'<g class="hit">{days}</g>'


def _shortly(row: DayLine) -> str:
    if row.actual_wh is None:
        energy = "not known"
    elif row.expected_wh is None:
        energy = f"{in_kwh(row.actual_wh)} kWh"
    else:
        energy = made_of(row.actual_wh, row.expected_wh, row.floor_percent)
    counts = "low" if row.is_low else "good" if row.is_counted else SHORTLY[row.reason]
    return f"{short(row.day)}: {energy}, {counts}"
