"""Makes the town: opens a stack, puts everybody on record, and lets five months pass.

It runs as a process of its own, so that no other stack, clock or connection is in its way:
``python -m cloud.local.town.build FOLDER HOMES``.
"""

import logging
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cloud.local.town import (
    desks,
    mails,
    money,
    partners,
    projects,
    risks,
    service,
    streets,
    vendors,
)
from cloud.local.town.making import ENDS_AT, STARTS_AT, Town
from cloud.local.town.places import PLACES
from cloud.local.town.projects import Course
from cloud.telemetry.days import start_of

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
_SWEEPS, _BOOKS = "cron(0 5,13,21 * * ? *)", "cron(0 4 ? * TUE-SAT *)"
"""Schedules that rest while months pass in which no home is listened to: sweeps, and the nightly
check, which would recompute the books a hundred times."""


def build(folder: Path, *, homes: int, tell: Callable[[datetime], None]) -> None:
    """Make a town of so many homes in a new data folder.

    Its months pass in three parts: before anybody listens to a home, while the homes of the story
    are listened to, and with the whole fleet.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    town = Town(folder, homes=homes, cache=folder.parent / "cache")
    listed = projects.courses(homes)
    with town.stack(_template(folder, resting=(_SWEEPS, _BOOKS))):
        fill(town, listed)
        town.play(_midnight(projects.STORY_FROM), tell)
    with town.stack(_template(folder, resting=(_BOOKS,))):
        _listen(town, listed, whole=False)
        town.play(_midnight(projects.DATA_FROM), tell)
    with town.stack(TEMPLATE):
        _listen(town, listed, whole=True)
        town.play(ENDS_AT, tell)


def _midnight(day: date) -> datetime:
    """Give the midnight that comes first to any of the town's clocks."""
    return start_of(day, max(place.utc_offset_hours for place in PLACES))


def _listen(town: Town, listed: Sequence[Course], *, whole: bool) -> None:
    """Let homes send from now on: those of the story each hour, the fleet's thrice a day."""
    story = streets.of_story(town.runtime, listed)
    if not whole:
        town.at(streets.OUT_UNTIL, lambda _town: streets.end_outage(story, listed))
    fleet = streets.of_fleet(town.runtime, listed) if whole else ()
    town.conductor.players.extend((story, *fleet))


def _template(folder: Path, *, resting: Sequence[str]) -> Path:
    path = folder.parent / f"template-{len(resting)}.yaml"
    path.write_text(rested(TEMPLATE.read_text(), resting))
    return path


def rested(template: str, schedules: Sequence[str]) -> str:
    """Give a template in which some schedules rest, named by their expressions."""
    for expression in schedules:
        line = re.compile(rf"^( *)ScheduleExpression: {re.escape(expression)}$", re.MULTILINE)
        template = line.sub(r"\g<0>\n\1State: DISABLED", template)
    return template


def fill(town: Town, listed: Sequence[Course]) -> None:
    """Put everybody on record, and all that will happen on the agenda."""
    partners.put_on_record(town)
    projects.plan(town, listed)
    service.plan(town, listed)
    vendors.plan(town, listed)
    money.plan(town)
    risks.plan(town, listed)
    desks.plan(town, listed)
    mails.plan(town)


def main(folder: Path, homes: int) -> None:
    """Make a town, and show on the terminal how far it is."""
    logging.getLogger("cloud").setLevel(logging.WARNING)
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it talks of its metrics
    console = Console(stderr=True)
    with Progress(
        TextColumn(f"making a town of {homes} homes, {{task.description}}"),
        BarColumn(bar_width=40),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("", total=(ENDS_AT - STARTS_AT).days)

        def tell(now: datetime) -> None:
            progress.update(bar, completed=(now - STARTS_AT).days, description=f"{now:%d %b %Y}")

        build(folder, homes=homes, tell=tell)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
