"""What the signs of a picture mean, and what it says, in words above and below it; pure."""

from collections.abc import Mapping, Sequence

from cloud.detection.drawing.axes import short, short_span
from cloud.detection.drawing.lettering import Words, width_of
from cloud.detection.drawing.sheet import Part, Sheet
from cloud.detection.drawing.signs import SHORTLY, blank_days, is_told, letters
from cloud.detection.drawing.strokes import dots, line, rectangle, rings, triangles
from cloud.detection.evidence import DayLine, made_of, says_of_gap
from cloud.detection.summary import homes, runs
from cloud.detection.terms import terms_on
from cloud.detection.verdict import Reason

_DARK_DAY = 0.6
"""A day of which less than this share of the best one was expected is called a dark one."""
_GLYPH, _BETWEEN, _ROW = 34, 18, 22
_MOST_SPANS = 3
"""Of days that are written out; more are counted."""

_BECAUSE: Mapping[Reason | None, str] = {
    Reason.UNKNOWN: "nothing was heard from the system, so what it made that day is not known",
    Reason.PARTIAL: "part of the day's readings is missing",
    Reason.THROTTLED: "a limit of the grid, or a setting, held the power back",
    Reason.STUCK_METER: "the meter told the same as on the day before",
    Reason.WARM_UP: "the system is new, and what it usually makes was still being learned",
    Reason.NO_WEATHER: "too few homes nearby could be compared with",
    Reason.DISAGREE: "the homes nearby differ too much to compare with",
    Reason.DARK: "so little sun that a difference tells nothing",
    Reason.SNOW: "low, and snow may lie on the roof",
    Reason.RESTLESS: "low, but this system's days differ so much that one tells little",
    None: "nothing is stored of it",
}


def legend(sheet: Sheet, rows: Sequence[DayLine], top: float) -> Part:
    """Set what each sign means, as far as it is on the picture."""
    x, y, shapes, words = sheet.margin, top + 12, [], []
    for glyph, text in _signs(sheet, rows):
        width = _GLYPH + width_of(text, sheet.size)
        if x > sheet.margin and x + width > sheet.right:
            x, y = sheet.margin, y + _ROW
        shapes.append(f'<g transform="translate({x:.0f} {y:.0f})">{glyph}</g>')
        words.append(Words(x + _GLYPH, y + 0.35 * sheet.size, text, sheet.size))
        x += width + _BETWEEN
    return Part(y + 12, tuple(shapes), tuple(words))


def _signs(sheet: Sheet, rows: Sequence[DayLine]) -> list[tuple[str, str]]:
    across = [[(0.0, 0.0), (26.0, 0.0)]]
    made = [row for row in rows if row.actual_wh is not None]
    floors = " or ".join(f"{one}%" for one in sorted({row.floor_percent for row in rows}))
    signs = (
        (bool(made), line("made", across) + dots("dot", [(13, 0)]), "made"),
        (_has_expectation(rows), line("exp", across), "expected"),
        (_has_expectation(rows), line("floor", across), f"{floors} of expected"),
        (
            any(row.is_low for row in rows),
            rectangle("lowday", 4, -9, 18, 18) + triangles([(13, 0)]),
            "low day",
        ),
        (bool(blank_days(rows)), sheet.hatched(4, -8, 18, 16), "does not count"),
        (any(not row.is_counted for row in made), rings([(13, 0)]), "made, not counted"),
        (
            any(map(is_told, rows[1:])),
            line("mean", across),
            "mean of the gap, by the counter",
        ),
    )
    return [(glyph, text) for is_shown, glyph, text in signs if is_shown]


def _has_expectation(rows: Sequence[DayLine]) -> bool:
    return any(row.expected_wh is not None for row in rows)


def explained(sheet: Sheet, rows: Sequence[DayLine], top: float) -> Part:
    """Set what the picture says below it: sentences, then one line for each letter."""
    parts = [Part(top)]
    if total := _total(rows):
        parts.append(sheet.paragraph(total, top))
    text = " ".join(filter(None, (_expectation(rows), _rule(rows), _clouds(rows))))
    parts.append(sheet.paragraph(text, parts[-1].bottom + 4, look="dim"))
    for row in rows:
        if is_told(row):
            told = f"Heard again on {short(row.day)}: {says_of_gap(row)}."
            parts.append(sheet.paragraph(told, parts[-1].bottom + 4))
    blank, named = blank_days(rows), letters(rows)
    if named:
        grey = "Hatched days do not count, neither for the system nor against it:"
        parts.append(sheet.paragraph(grey, parts[-1].bottom + 4, look="dim"))
    for reason, letter in named.items():
        days = runs([day for day, one in blank.items() if one is reason])
        spans = ", ".join(short_span(*span) for span in days)
        if len(days) > _MOST_SPANS:
            spans = f"{sum(one is reason for one in blank.values())} days"
        text = f"{SHORTLY[reason]} ({spans}): {_BECAUSE[reason]}"
        mark = sheet.paragraph(letter, parts[-1].bottom)
        words = sheet.paragraph(text, parts[-1].bottom, look="dim", indent=20)
        parts.append(Part(words.bottom, words=(*mark.words, *words.words)))
    return Part(parts[-1].bottom, words=tuple(word for part in parts for word in part.words))


def _expectation(rows: Sequence[DayLine]) -> str:
    known = [row for row in rows if row.expected_wh is not None]
    if not known:
        return "Nothing could be expected of these days: what the sky was is not known."
    near = homes(known)
    if not near:
        return "Expected is what this system should make in the hourly weather of that day."
    return (
        "Expected is what this system should make under that day's sky: it is learned from "
        f"its own past and from {near}."
    )


def _total(rows: Sequence[DayLine]) -> str:
    """Say what the low days made, or, when there are none, what all days made that count."""
    low = [row for row in rows if row.is_low]
    days = low or [row for row in rows if row.is_counted]
    if not days:
        return ""
    actual, expected = (
        sum(row.actual_wh or 0 for row in days),
        sum(row.expected_wh or 0 for row in days),
    )
    made = made_of(actual, expected, max(row.floor_percent for row in days))
    which = "low" if low else "counted"
    on = f"the {which} day" if len(days) == 1 else f"the {len(days)} {which} days"
    return f"On {on} the system made {made}{'.' if low else ': no day is low.'}"


def _rule(rows: Sequence[DayLine]) -> str:
    terms = terms_on(rows[-1].day)
    return (
        f"A day below the dashed line, {terms.production_floor}% of expected, is low; "
        f"{terms.low_days} of them in a row open a case."
    )


def _clouds(rows: Sequence[DayLine]) -> str:
    """Say why a dark day is not low, where there is one: the homes nearby had it as well."""
    best = max((row.expected_wh or 0 for row in rows), default=0)
    is_dark = any(
        row.reason is Reason.GOOD and (row.expected_wh or 0) < _DARK_DAY * best for row in rows
    )
    if not is_dark:
        return ""
    return "On dark days the homes nearby made less as well, so less was expected."
