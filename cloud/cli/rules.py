"""The rule book, read from the policies themselves."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rich.padding import Padding
from rich.text import Text

from cloud.cli.saying import say
from cloud.cli.screen import console, tell_json
from cloud.kernel.policy import Rule
from cloud.kernel.rule_text import shown

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


def show(options: argparse.Namespace) -> int:
    """Print the rules that hold all of the words, or the whole book; 1 when there is none."""
    found = matching(options.words)
    if options.markdown:
        say(markdown(found), end="")
        return 0
    if options.json:
        tell_json([shown_as_json(entry) for entry in found])
        return 0 if found else 1
    if not found:
        say(f"no rule holds {' '.join(options.words)!r}")
        return 1
    on = console()
    for entry in found:
        rule = entry.rule
        programmes = ", ".join(("comfort", *rule.programmes))
        since = f"{programmes}, from {min(rule.values)}"
        # Words, not markup: a bracket in a rule's text is a bracket.
        on.print(
            Text.assemble((rule.id, "bold"), "  ", (entry.value, "bold cyan"), f" {rule.unit}")
        )
        for style, text in (
            ("", rule.says),
            ("italic", rule.note),
            ("dim", f"{entry.module} · {rule.source} · {since}"),
        ):
            if text:
                on.print(Padding(Text(text, style=style), (0, 0, 0, 6), expand=False))
    return 0


def shown_as_json(entry: Entry) -> dict[str, Any]:
    """Give one rule for a program."""
    rule = entry.rule
    return {
        "id": rule.id,
        "value": entry.value,
        "unit": rule.unit,
        "from": min(rule.values).isoformat(),
        "programmes": ["comfort", *rule.programmes],
        "module": entry.module,
        "source": str(rule.source),
        "says": rule.says,
        "note": rule.note,
    }


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
