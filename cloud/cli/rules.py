"""The rule book, read from the policies themselves."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, time, timedelta
from importlib import import_module
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cloud.kernel.money import Money
from cloud.kernel.policy import Rule

STAGES = ("portfolio", "telemetry", "detection", "service", "invoicing", "funding", "reporting")
"""In the order of the stream."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule with the module that states it."""

    rule: Rule[Any]
    module: str

    @property
    def text(self) -> str:
        """Everything that a person may search in."""
        rule = self.rule
        parts = (
            rule.id,
            rule.unit,
            rule.says,
            rule.note,
            str(rule.source),
            self.module,
            self.value,
        )
        return " ".join(parts).casefold()

    @property
    def value(self) -> str:
        """The latest value, for a person."""
        return shown(self.rule.values[max(self.rule.values)])


def book() -> Iterator[Entry]:
    """Give all rules, stage by stage, each stage in the order of its file."""
    for stage in STAGES:
        module = import_module(f"cloud.{stage}.policy")
        for value in vars(module).values():
            if isinstance(value, Rule):
                yield Entry(value, f"cloud/{stage}/policy.py")


def matching(words: Sequence[str]) -> list[Entry]:
    """Give the rules that hold all of the words; ``85%`` and ``85`` find the same."""
    wanted = [word.casefold() for line in words for word in line.split()]
    return [entry for entry in book() if all(word in entry.text for word in wanted)]


def shown(value: Any) -> str:
    """Give a value for a person."""
    if isinstance(value, Money | str):
        return str(value)
    if isinstance(value, timedelta):
        hours = value.total_seconds() / 3600
        return f"{hours:g} h" if hours >= 1 else f"{hours * 60:g} min"
    if isinstance(value, date | time):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"{f.name}={shown(getattr(value, f.name))}" for f in fields(value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(part)}" for key, part in value.items())
    if isinstance(value, tuple | frozenset | set | list):
        parts = [shown(part) for part in value]
        return ", ".join(parts if isinstance(value, tuple | list) else sorted(parts))
    return str(value)


def show(options: argparse.Namespace) -> int:
    """Print the rules that hold all of the words, or the whole book; 1 when there is none."""
    found = matching(options.words)
    if options.markdown:
        print(markdown(found), end="")
        return 0
    if not found:
        print(f"no rule holds {' '.join(options.words)!r}")
        return 1
    console = Console(highlight=False)
    for entry in found:
        rule = entry.rule
        programmes = ", ".join(("comfort", *rule.programmes))
        since = f"{programmes}, from {min(rule.values)}"
        console.print(f"[bold]{rule.id}[/]  [bold cyan]{entry.value}[/] {rule.unit}")
        for style, text in (
            ("", rule.says),
            ("italic", rule.note),
            ("dim", f"{entry.module} · {rule.source} · {since}"),
        ):
            if text:
                console.print(Padding(Text(text, style=style), (0, 0, 0, 6)))
    return 0


def markdown(entries: Sequence[Entry]) -> str:
    """Give the rule book as a page."""
    lines = [
        "# The rule book",
        "",
        'Every agreed number, made from the policies by `make rules-page`; `make rules W="85%"`',
        "searches it. A rule's text is ours; the article and section say where it was agreed.",
        "",
    ]
    for stage in STAGES:
        lines += [f"## {stage}", "", "| id | value | unit | from | says | where agreed |"]
        lines.append("|---|---|---|---|---|---|")
        for entry in entries:
            if entry.module != f"cloud/{stage}/policy.py":
                continue
            rule = entry.rule
            says = f"{rule.says}. *{rule.note}*" if rule.note else rule.says
            cells = (rule.id, entry.value, rule.unit, min(rule.values).isoformat(), says)
            row = [*map(str, cells), str(rule.source)]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        lines.append("")
    return "\n".join(lines)
