"""Shows things on a terminal: tables that fit its width, bars, and text that cannot steer it.

Into a pipe everything is plain: no colour, no frames, a record a line, nothing cut.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.padding import Padding
from rich.progress import track
from rich.segment import Segment
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cloud.cli.saying import harmless, harmless_page, say_json

T = TypeVar("T")
Row = Mapping[str, Text | str]

WIDEST = 100_000
"""Columns of a pipe: nothing is wrapped in it."""
PATIENCE_S = 1.0
"""What takes longer than this is shown to go on."""
_LEAST_TEXT = 14
"""A column of words is wrapped down to so many characters; below that rows become cards."""
_BETWEEN = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: its heading, and where its cells are found in a row.
        is_number: it stands to the right.
        is_text: words, which may be wrapped; all else is shown whole.
        gives_way: left out where there is no room, 1 before 2; one with 0 stays.
    """

    name: str
    is_number: bool = False
    is_text: bool = False
    gives_way: int = 0


class Screen(Console):
    """A terminal that what others wrote cannot steer, and whose reader may leave.

    What a reader that left means is decided where commands end.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Give the parts of what is drawn, each harmless; rich's own steering stays."""
        for part in super().render(renderable, options):
            yield part if part.control else Segment(harmless_page(part.text), part.style)

    def on_broken_pipe(self) -> None:
        """Let the error pass.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError


def console() -> Console:
    """Give the terminal, or the pipe that stands in its place."""
    found = Screen(highlight=False)
    return found if found.is_terminal else Screen(highlight=False, width=WIDEST)


def is_wide(on: Console) -> bool:
    """Tell whether it is no terminal: lines may be as long as they are."""
    return on.width >= WIDEST


def tell_json(document: Any) -> None:
    """Print one JSON document."""
    say_json(json.dumps(document, indent=1))


def cell(value: Text | str) -> Text:
    """Give what others wrote as it is: no markup, one line, harmless."""
    if isinstance(value, Text):
        return value
    return Text(harmless(" ".join(value.split())))


def amount(cents: int) -> str:
    """Give an amount as people write it."""
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def moment(text: Any) -> str:
    """Give an instant of the API's as people read it, to the minute; nothing for none."""
    found = str(text or "")
    is_instant = found[10:11] == "T" and found[4:5] == found[7:8] == "-"
    return f"{found[:10]} {found[11:16]}Z" if is_instant else found


def draw(rows: Sequence[Row], columns: Sequence[Column], on: Console, *, nothing: str) -> None:
    """Draw rows as a table that fits; as cards, one below another, where none does.

    A number or an id is never broken and never cut: words are wrapped first, then columns are left
    out that may be, and said to be.
    """
    if not rows:
        on.print(Text(nothing, "italic"), soft_wrap=True)
        return
    cells = [[cell(row[one.name]) for one in columns] for row in rows]
    if is_wide(on):
        _draw_plain(cells, columns, on)
        return
    kept, fitting = _kept(cells, columns, on.width)
    if fitting is None:
        for line in cells:
            _draw_card(columns, line, on)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), header_style="bold")
    for place, width in zip(kept, fitting, strict=True):
        one = columns[place]
        table.add_column(
            one.name,
            justify="right" if one.is_number else "left",
            no_wrap=not one.is_text,
            overflow="fold",
            width=width,
        )
    for line in cells:
        table.add_row(*(line[place] for place in kept))
    on.print(table)
    left_out = [one.name for place, one in enumerate(columns) if place not in kept]
    if left_out:
        on.print(Text(f"no room for: {', '.join(left_out)}", "dim"))


def _kept(
    cells: Sequence[Sequence[Text]], columns: Sequence[Column], room: int
) -> tuple[list[int], list[int] | None]:
    """Give the places of the columns that are drawn, with their widths; None when none fit."""
    widths = [
        max(len(one.name), *(line[place].cell_len for line in cells))
        for place, one in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    may_go = sorted(
        (place for place in kept if columns[place].gives_way),
        key=lambda place: columns[place].gives_way,
    )
    while True:
        fitting = _fitting([widths[one] for one in kept], [columns[one] for one in kept], room)
        if fitting is not None or not may_go:
            return kept, fitting
        kept.remove(may_go.pop(0))


def facts(rows: Iterable[tuple[str, Text | str]], on: Console) -> None:
    """Draw names with their values, one below another; what is empty is left out."""
    known = [(name, cell(value)) for name, value in rows if cell(value)]
    longest = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        line = Text.assemble((f"  {name:<{longest}}  ", "dim"), value)
        if is_wide(on) or line.cell_len <= on.width:
            on.print(line, soft_wrap=True)
        else:
            on.print(Text(f"  {name}", "dim"))
            on.print(Padding(value, (0, 0, 0, 4), expand=False))


def _draw_plain(cells: Sequence[Sequence[Text]], columns: Sequence[Column], on: Console) -> None:
    lines = [[one.name for one in columns], *([one.plain for one in line] for line in cells)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        parts = [
            f"{text:>{width}}" if one.is_number else f"{text:<{width}}"
            for text, width, one in zip(line, widths, columns, strict=True)
        ]
        on.print(Text("  ".join(parts).rstrip()), soft_wrap=True)


def _fitting(widths: Sequence[int], columns: Sequence[Column], room: int) -> list[int] | None:
    """Give the width of each column of a table that fits; None when none does."""
    left = room - _BETWEEN * (len(widths) - 1)
    texts = [width for width, one in zip(widths, columns, strict=True) if one.is_text]
    left -= sum(widths) - sum(texts)
    if sum(texts) <= left:
        return list(widths)
    if left < sum(min(_LEAST_TEXT, width) for width in texts):
        return None
    # The longest gives way first: find the width that no text may exceed.
    most = next(
        width for width in range(max(texts), 0, -1) if sum(min(width, one) for one in texts) <= left
    )
    return [
        min(most, width) if one.is_text else width
        for width, one in zip(widths, columns, strict=True)
    ]


def _draw_card(columns: Sequence[Column], line: Sequence[Text], on: Console) -> None:
    """Draw one row by itself: its first cell, and the others below it; words are wrapped."""
    longest = max((len(one.name) for one in columns[1:]), default=0)
    on.print(Text(line[0].plain, "bold"), soft_wrap=True)
    for one, value in zip(columns[1:], line[1:], strict=True):
        told = Text.assemble((f"  {one.name:<{longest}}  ", "dim"), value)
        if one.is_text and told.cell_len > on.width > longest + 2 * _LEAST_TEXT:
            grid = Table.grid(padding=0)
            grid.add_column(width=longest + 4, no_wrap=True)
            grid.add_column(overflow="fold", width=on.width - longest - 4)
            grid.add_row(Text(f"  {one.name}", "dim"), value)
            on.print(grid)
        elif value:
            on.print(told, soft_wrap=True)


# ------------------------------------------------------------------------------- what takes a while
_is_shown = ContextVar("is_shown", default=False)
"""Something is shown to go on already: two bars would paint over each other."""


def counted(things: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Give the things as they come, with a bar on a terminal that shows how many are left."""
    screen = Screen(stderr=True)
    is_off = not screen.is_terminal or _is_shown.get()
    before = _is_shown.set(True)
    try:
        yield from track(things, what, total=total, console=screen, disable=is_off, transient=True)
    finally:
        _is_shown.reset(before)


class _Waiting:
    """Shows nothing at first, and that something is waited for after a second."""

    def __init__(self, what: str) -> None:
        self._spinner = Spinner("dots", Text(what))
        self._since_s = time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if time.monotonic() - self._since_s >= PATIENCE_S:
            yield self._spinner


@contextmanager
def patience(what: str) -> Iterator[None]:
    """Show on a terminal that something is waited for, once it takes longer than a second."""
    screen = Screen(stderr=True)
    if not screen.is_terminal or screen.is_dumb_terminal or _is_shown.get():
        yield
        return
    before = _is_shown.set(True)
    try:
        with Live(_Waiting(what), console=screen, transient=True, refresh_per_second=8):
            yield
    finally:
        _is_shown.reset(before)
