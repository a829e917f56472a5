"""Tells the story as it happens: every entry of the event log, in order, with rule and ids."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cloud.adapters.records import DynamoRecords
from cloud.kernel.change import Event
from cloud.local.demo.cast import LOCAL

_COLOURS = {
    "finding_made": "yellow",
    "case_opened": "yellow",
    "case_resolved": "green",
    "milestone_reached": "cyan",
    "invoice_approved": "cyan",
    "run_approved": "magenta",
    "run_filed": "bold magenta",
}
_QUIET = frozenset({"device_state", "site_registered", "partner_registered"})
"""What is in the log, and in story.json, but would drown the story on the terminal."""


class Story:
    """Follows the event log day by day and prints what is new."""

    def __init__(self, records: DynamoRecords, console: Console, *, from_day: date) -> None:
        self._records = records
        self._console = console
        self._day = from_day
        self._told: set[str] = set()

    def tell(self, now: datetime) -> None:
        """Print what was written since the last time."""
        while True:
            for event in self._records.events_of(self._day):
                key = f"{event.subject} {event.what} {event.at.isoformat()} {event.says}"
                if key not in self._told:
                    self._told.add(key)
                    if event.what not in _QUIET:
                        self._console.print(line(event), soft_wrap=True)
            if self._day >= now.date():
                return
            self._day += timedelta(days=1)
            self._told.clear()

    def save(self, path: Path, first: date, last: date) -> None:
        """Write the whole story as JSON: who did what when, by which rule, about which ids."""
        entries = []
        day = first
        while day <= last:
            entries += [_entry(event) for event in self._records.events_of(day)]
            day += timedelta(days=1)
        path.write_text(json.dumps(entries, indent=1) + "\n")


def _entry(event: Event) -> dict[str, object]:
    return {
        "at": event.at.isoformat(),
        "who": event.by,
        "what": event.what,
        "says": event.says,
        "rule": event.rule,
        "ids": [event.subject, *event.causes],
    }


def line(event: Event) -> Text:
    """Give one line for a person: when, who, by which rule, what, about what."""
    at = event.at.astimezone(LOCAL)
    text = Text()
    text.append(f"{at:%a %d %b %H:%M}  ", style="dim")
    text.append(f"{event.by[:14]:<14} ", style="bold")
    text.append(f"{event.rule[:6]:<6} ", style="blue")
    text.append(event.says or event.what.replace("_", " "), style=_COLOURS.get(event.what, ""))
    text.append(f"  {event.subject}", style="dim")
    return text


def steps(trace: list[dict[str, object]]) -> Iterator[Text]:
    """Give the walk from a bank line back to its causes, a line a step."""
    for depth, step in enumerate(trace):
        text = Text("  " * min(depth, 6) + ("└ " if depth else ""), style="dim")
        text.append(f"{step['says'] or 'no entry of its own'}")
        text.append(f"  {step['id']}", style="dim")
        yield text
