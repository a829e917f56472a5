"""Draws what funding shows on a terminal: whole amounts, whatever its width."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from cloud.cli import screen
from cloud.kernel.money import Money

_STYLES = {"stale": "bold red", "committed": "green"}
_ITEMS = (("taken", "deductions", "applied"), ("held", "held", "amount"))
"""What is told of single items: the word, where they are, and the amount it is about."""


def amount(shown: Mapping[str, int]) -> str:
    """Write an amount of the API's as people do."""
    return str(Money(shown["cents"]))


def draw(rows: Sequence[screen.Row], console: Console, *, numbers: frozenset[str]) -> None:
    """Draw rows as a table, or one below another where that is wider than the terminal.

    An amount is never broken and never cut. What others wrote is shown as it is, and is no markup.
    """
    columns = [screen.Column(name, is_number=name in numbers) for name in rows[0]]
    screen.draw(rows, columns, console, nothing="")


def run(shown: Mapping[str, Any], plans: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Give the lines above a run's plans."""
    yield Text(f"{shown['id']}: {amount(shown['net'])} of {amount(shown['gross'])}", "bold")
    yield Text(f"  paid on {shown['funding_date']} ({_words(shown['date_source'])})")
    yield Text(f"  {shown['state']}, prepared by {shown['preparer']}")
    if shown["approver"]:
        yield Text(f"  approved by {shown['approver']}")
    if shown["file_reference"]:
        yield Text(f"  file {shown['file_reference']}")
    if not plans:
        yield Text("  nobody is owed anything", "italic")


def plan(shown: Mapping[str, Any]) -> Mapping[str, Text | str]:
    """Give the row of a partner's plan."""
    held = sum(one["amount"]["cents"] for one in shown["held"])
    return {
        "partner": shown["partner_id"],
        "gross": amount(shown["gross"]),
        "taken": str(Money(shown["gross"]["cents"] - shown["net"]["cents"])),
        "net": amount(shown["net"]),
        "carried": amount(shown["carried"]),
        "held": str(Money(held)),
        "state": Text(shown["state"], _STYLES.get(shown["state"], "")),
    }


def reasons(plans: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Give a line for each thing that lessens what a partner is paid, with what it is for."""
    for one in plans:
        for word, where, what in _ITEMS:
            for item in one[where]:
                if not item[what]["cents"]:
                    continue
                says = f"{one['partner_id']}: {amount(item[what])} {word}, {item['says']}"
                line = screen.cell(says)
                for reason in item.get("held_for", ()):
                    line.append(f"; {_words(reason)}", "yellow")
                yield Padding(line, (0, 0, 0, 2), expand=False)


def _words(code: str) -> str:
    return code.replace("_", " ")
