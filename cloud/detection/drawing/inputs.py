"""The second panel: what each input of the inverter made, day by day, and which are dead; pure."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cloud.detection.drawing.axes import Plot, short
from cloud.detection.drawing.lettering import LINE, Words, plain, wrapped
from cloud.detection.drawing.sheet import Part, Sheet
from cloud.detection.drawing.strokes import line, triangles, upright
from cloud.detection.summary import runs

InputsByDay = Mapping[date, Mapping[str, int | None]]
"""Day -> input, as `SERIAL/1` -> its energy, None when it is not known."""

_STRIP = 30
_MOST = 4
"""More inputs than these are counted and not drawn; dead ones are drawn first."""
_PARTS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is known of the inputs of a site.

    Attributes:
        by_day: their energy.
        dead: those that no longer make their share, as another rule found.
    """

    by_day: InputsByDay
    dead: Collection[str]

    def names(self, days: Sequence[date]) -> list[str]:
        """Give the inputs of some days, the second before the tenth."""
        return sorted({name for day in days for name in self.by_day.get(day, ())}, key=_natural)

    def made(self, name: str, day: date) -> int | None:
        """Give the energy of an input on a day, None when it is not known."""
        return self.by_day.get(day, {}).get(name)

    def share(self, name: str, days: Sequence[date]) -> str:
        """Give an input's share of the energy of the days on which all inputs are known."""
        names = self.names(days)
        whole = own = 0
        for day in days:
            energies = {one: self.made(one, day) for one in names}
            known = [wh for wh in energies.values() if wh is not None]
            if name in energies and len(known) == len(names):
                whole += sum(known)
                own += energies[name] or 0
        if whole <= 0:
            return ""
        return "under 1%" if 0 < own * 200 < whole else f"{round(100 * own / whole)}%"


NO_INPUTS = Inputs({}, ())


def inputs_panel(
    sheet: Sheet, plot: Plot, inputs: Inputs, *, onset: date | None, top: float
) -> Part:
    """Draw a strip of bars for each input, below the days of the field; nothing without inputs."""
    names = inputs.names(plot.days)
    if not names:
        return Part(top)
    alive_last = sorted(names, key=lambda name: name not in inputs.dead)
    drawn = sorted(alive_last[:_MOST], key=_natural)
    top += 14
    heading = sheet.paragraph("Each input's share of the energy", top)
    strips: list[Part] = []
    y = heading.bottom + 4
    for name in drawn:
        said = _says(inputs, name, names, plot.days, onset)
        strips.append(_strip(sheet, plot, inputs, name, said=said, top=y))
        y = strips[-1].bottom + 8
    rest = len(names) - len(drawn)
    more = sheet.paragraph(f"and {rest} more", y, look="dim") if rest else Part(y)
    return Part(
        more.bottom,
        tuple(shape for strip in strips for shape in strip.shapes),
        (
            *(replace(word, is_bold=True) for word in heading.words),
            *(word for strip in strips for word in strip.words),
            *more.words,
        ),
    )


def _says(
    inputs: Inputs, name: str, names: Sequence[str], days: Sequence[date], onset: date | None
) -> str:
    """Say what an input's share was and is, and when it is dead."""
    called = _called(name, names)
    before = [day for day in days if onset and day < onset]
    since = [day for day in days if onset and day >= onset]
    was, now = inputs.share(name, before), inputs.share(name, since)
    if onset and was and now:
        text = f"{called}: {was} before {short(onset)}, {now} since"
    else:
        share = inputs.share(name, days)
        text = f"{called}: {share}" if share else f"{called}: not known"
    return f"{text}: dropped out" if name in inputs.dead else text


def _strip(sheet: Sheet, plot: Plot, inputs: Inputs, name: str, *, said: str, top: float) -> Part:
    is_dead = name in inputs.dead
    indent = 18 if is_dead else 0
    texts = wrapped(said, sheet.room - indent, sheet.size, most=2, is_bold=is_dead)
    words = tuple(
        Words(
            sheet.margin + indent,
            top + sheet.size * (1 + LINE * row),
            text,
            sheet.size,
            "low" if is_dead else "ink",
            is_bold=is_dead,
        )
        for row, text in enumerate(texts)
    )
    foot = round(top + len(texts) * sheet.size * LINE + _STRIP)
    most = _most(inputs, plot.days)
    bars = [
        (plot.x(day), foot, max(1, round(_STRIP * wh / most)))
        for day in plot.days
        if (wh := inputs.made(name, day))
    ]
    unknown = [day for day in plot.days if inputs.made(name, day) is None]
    blank = _hatched(plot, unknown, foot, sheet.hatched)
    mark = triangles([(sheet.margin + 7, top + sheet.size - 5)]) if is_dead else ""
    shapes = (
        blank,
        line("grid", [[(plot.left, foot), (plot.right, foot)]]),
        upright("bar", bars, plot.column * 0.7),
        mark,
    )
    return Part(foot, shapes, words)


def _hatched(
    plot: Plot,
    days: Sequence[date],
    foot: float,
    draw: Callable[[float, float, float, float], str],
) -> str:
    return "".join(
        draw(plot.starts(first), foot - _STRIP, ((last - first).days + 1) * plot.column, _STRIP)
        for first, last in runs(days)
    )


def _most(inputs: Inputs, days: Sequence[date]) -> int:
    made = (inputs.made(name, day) or 0 for day in days for name in inputs.by_day.get(day, ()))
    return max(1, *made, 1)


def _called(name: str, names: Sequence[str]) -> str:
    """Give what people call an input: its number, and its inverter where there are several."""
    inverters = {one.rpartition("/")[0] for one in names}
    inverter, _, place = name.rpartition("/")
    if len(inverters) == 1:
        return f"Input {plain(place)}"
    return f"Inverter {plain(inverter)}, input {plain(place)}"


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Give what orders names so that the second stands before the tenth."""
    return tuple(
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part)
        for part in _PARTS.split(name)
    )
