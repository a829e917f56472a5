"""Tells the story as it happens: every entry of the event log, in order, with rule and ids."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

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
    "issued": "yellow",
    "approved": "cyan",
    "run_approved": "magenta",
    "run_filed": "bold magenta",
}
_QUIET = frozenset({"device_state", "site_registered", "partner_registered"})
"""What is in the log, and in story.json, but would drown the story on the terminal."""


Step = Mapping[str, Any]
"""One step of a trace, as the API shows it: id, says, causes."""


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
            for event in in_order(self._records.events_of(self._day)):
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
            entries += [_entry(event) for event in in_order(self._records.events_of(day))]
            day += timedelta(days=1)
        path.write_text(json.dumps(entries, indent=1) + "\n")


def in_order(events: Sequence[Event]) -> list[Event]:
    """Give events in order of time, and within one instant each after what led to it."""
    told: list[Event] = []
    for _, group in groupby(sorted(events, key=lambda event: event.at), lambda event: event.at):
        together = list(group)
        leads: dict[str, set[str]] = {}
        for event in together:
            leads.setdefault(event.subject, set()).update(set(event.causes) - {event.subject})
        depths: dict[str, int] = {}
        for _ in leads:  # no chain of causes within an instant is longer than its subjects
            depths = {
                subject: 1 + max((depths.get(cause, 0) for cause in causes), default=0)
                for subject, causes in leads.items()
            }
        told += sorted(together, key=lambda event: depths[event.subject])
    return told


def _entry(event: Event) -> dict[str, object]:
    return {
        "at": event.at.astimezone(UTC).isoformat(),
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
    text.append(
        _one_line(event.says) or event.what.replace("_", " "), style=_COLOURS.get(event.what, "")
    )
    text.append(f"  {event.subject}", style="dim")
    return text


def steps(trace: Sequence[Step]) -> Iterator[Text]:
    """Give the walk from a bank line back to its causes as a tree, each cause once.

    What has nothing to say of itself (a letter's id, say) is left out unless it leads on.
    """
    known = {str(step["id"]): step for step in trace}
    seen: set[str] = set()

    def walk(step_id: str, depth: int) -> Iterator[Text]:
        if step_id in seen:
            return
        seen.add(step_id)
        step = known.get(step_id, {"says": "", "causes": []})
        says = _one_line(str(step["says"])) or chunk_says(step_id)
        if says:
            text = Text("  " * depth + ("└ " if depth else ""), style="dim")
            text.append(says, style="bold" if not depth else "")
            text.append(f"  {step_id}", style="dim")
            yield text
        for cause in step["causes"]:
            yield from walk(str(cause), depth + bool(says))

    if trace:
        yield from walk(str(trace[0]["id"]), 0)


def _one_line(says: str) -> str:
    """Give what was said without the ends of lines in it: no part passes for another step."""
    return " ".join(says.split())


def chunk_of(step_id: str) -> tuple[str, datetime] | None:
    """Give the gateway and window start that a chunk's id names, None for any other id."""
    gateway, _, rest = step_id.partition("/")
    window, _, sequence = rest.partition("/")
    if not sequence.isdigit():
        return None
    return gateway, datetime.fromisoformat(window)


def chunk_says(step_id: str) -> str:
    """Say what a chunk's id names, or nothing for any other id."""
    chunk = chunk_of(step_id)
    if chunk is None:
        return ""
    gateway, start = chunk
    return f"readings that {gateway} sent for the window from {start:%Y-%m-%d %H:%M} UTC"
