"""Plays the demo: boots and seeds the stack, lets a month pass, walks a cent back to its cause."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cloud.adapters import wiring
from cloud.adapters.records import DynamoRecords
from cloud.funding import ach
from cloud.kernel.change import NEW, Change, Save
from cloud.kernel.errors import BrokenInvariant
from cloud.local.conductor import Conductor
from cloud.local.controls import Controls
from cloud.local.demo import cast
from cloud.local.demo.cast import Household
from cloud.local.demo.people import (
    PartnerOffice,
    operations,
    partner_api,
    person_api,
    token_for,
)
from cloud.local.demo.story import Step, Story, chunk_of, steps
from cloud.local.face.face import Face
from cloud.local.homes.street import Street
from cloud.local.http import Door
from cloud.local.runtime import Runtime
from cloud.portfolio.models import ApiClient, Partner, Project, Site
from cloud.portfolio.process import register
from cloud.service import process as service
from cloud.telemetry.chunk import decode
from cloud.telemetry.dictionary import COLUMNS

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
CACHE = TEMPLATE.parent / "var" / "cache"
_STAGE = "dev"
_SEEDER = "seed"
_COUNTER = "WH"
_SHOWN = (_COUNTER, "St", "InvSt", "Evt1", "Alrm")


@dataclass(frozen=True, slots=True)
class Stage:
    """A running stack with its street, its people and its doors."""

    runtime: Runtime
    street: Street
    door: Door
    conductor: Conductor
    controls: Controls
    records: DynamoRecords
    story: Story


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a stack answers on 127.0.0.1; any free port where it is 0."""

    http: int = 0
    mqtt: int = 0
    smtp: int = 0


_WHERE_RECORDS_LIE = {
    "OPERATIONS_TABLE": "OperationsTable",
    "SITES_TABLE": "SitesTable",
    "MONEY_TABLE": "MoneyTable",
    "SECRETS_KEY": "SecretsKey",
}
"""What a function's environment says of them."""


def _offices(runtime: Runtime, street: Street, undo: ExitStack) -> list[PartnerOffice]:
    """Give an office for each partner of the cast, with its own way to the interface."""
    port, issuer, clock = runtime.http_port, runtime.issuer, runtime.clock
    offices = [
        PartnerOffice(partner_api(port, issuer, clock, client.id), street)
        for client in cast.CLIENTS
    ]
    for office in offices:
        undo.callback(office.close)
    return offices


def _face(runtime: Runtime, mover: Controls | None) -> Face:
    """Give the pages of the stack; they move its clock where there is somebody who does."""
    return Face(runtime, mover, partial(token_for, runtime.issuer))


@contextmanager
def staged(
    folder: Path,
    console: Console,
    *,
    ports: Ports = Ports(),
    households: Sequence[Household] = cast.HOUSEHOLDS,
    speed: float | None = None,
) -> Iterator[Stage]:
    """Boot the stack over a data folder, with the demo's cast; everything ends with the block.

    A folder that was played in before goes on from where it was, even after ``kill -9``.

    Args:
        folder: where its data lies.
        console: where the story is told.
        ports: where it answers.
        households: who lives in the street.
        speed: of the clock that somebody will let run; None when it is moved by hand, and then
            the pages show it and cannot move it.
    """
    runtime = Runtime(
        folder,
        TEMPLATE,
        starts_at=cast.STARTS_AT,
        # While a simulated clock stands, who was refused a request would be refused for ever.
        parameters={
            "Coordinator": cast.COORDINATOR.id,
            "WebhooksToLoopback": "yes",
            "RateLimits": "observed",
        },
        http_port=ports.http,
        mqtt_port=ports.mqtt,
        smtp_port=ports.smtp,
        cache=CACHE,
    )
    with ExitStack() as undo:
        undo.callback(runtime.close)
        runtime.start()
        street = Street(
            runtime,
            (household.home for household in households),
            first_day=cast.HISTORY_FROM,
            utc_offset_hours=cast.UTC_OFFSET_HOURS,
            chunk_rule=f"sunreeve_{_STAGE}_chunks",
            event_rule=f"sunreeve_{_STAGE}_events",
        )
        undo.callback(street.close)
        offices = _offices(runtime, street, undo)
        people = operations(runtime.http_port, runtime.issuer, runtime.clock)
        undo.callback(people.close)
        conductor = Conductor(runtime, (street, *offices, people))
        controls = Controls(conductor, speed=speed or 1.0)
        door = Door(runtime, face=_face(runtime, None if speed is None else controls))
        undo.callback(door.stop)
        door.start()
        street.open()
        records = wiring.records(_WHERE_RECORDS_LIE)
        story = Story(records, console, from_day=runtime.clock.now().date())
        yield Stage(runtime, street, door, conductor, controls, records, story)


def seed(stage: Stage, households: Sequence[Household] = cast.HOUSEHOLDS) -> None:
    """Put the cast on record and send the three weeks before the story; twice changes nothing."""
    at = cast.STARTS_AT
    known: tuple[Site | Partner | ApiClient | Project, ...] = (
        *(household.site for household in households),
        *cast.PARTNERS,
        *cast.CLIENTS,
        cast.PROJECT,
    )
    for record in known:
        if stage.records.load(type(record), record.id) is None:  # it may have changed since
            register(stage.records, record, at=at, by=_SEEDER)
    for partner in cast.PARTNERS:
        service.enlist(stage.records, partner_id=partner.id, at=at, by=_SEEDER)
    if stage.records.load(type(cast.COORDINATOR), cast.COORDINATOR.id) is None:
        stage.records.commit(Change(saves=(Save(cast.COORDINATOR, NEW),)))
    if stage.runtime.clock.now() == cast.STARTS_AT:
        stage.street.send_history(cast.HISTORY_FROM, cast.STORY_FROM)
        stage.conductor.settle()


def play(folder: Path, console: Console, *, days: int = cast.STORY_DAYS) -> int:
    """Play the demo's first days in a folder and leave its artefacts there; 0 when all went well.

    Raises:
        BrokenInvariant: the whole story was played and nothing was paid.
    """
    ends_at = cast.STARTS_AT + timedelta(days=days)
    logging.getLogger("cloud").setLevel(logging.WARNING)
    data = folder / "data"
    is_new = not data.exists()
    with staged(data, console) as stage:
        _greet(stage, console, is_new=is_new)
        seed(stage)
        with _progress(console) as progress:
            bar = progress.add_task("", total=days)
            while (now := stage.runtime.clock.now()) < ends_at:
                progress.update(
                    bar,
                    completed=(now - cast.STARTS_AT) / timedelta(days=1),
                    description=f"{now.astimezone(cast.LOCAL):%a %d %b %Y}",
                )
                stage.conductor.advance_to(min(now + timedelta(hours=6), ends_at))
                stage.story.tell(stage.runtime.clock.now())
        _leave_artefacts(stage, folder)
        if days >= cast.STORY_DAYS:
            _walk_back(stage, folder, console)
        console.print(f"artefacts in {folder}: ach, mail, reports, story.json")
    return 0


def _greet(stage: Stage, console: Console, *, is_new: bool) -> None:
    talking = sum(household.home.is_talking for household in cast.HOUSEHOLDS)
    console.rule("[bold]Sunreeve[/]: from a Modbus register to an ACH line")
    console.print(
        f"{len(cast.HOUSEHOLDS)} homes ({talking} over Modbus, MQTT and TLS), "
        f"{len(stage.runtime.stack.functions)} functions from template.yaml, "
        f"MQTT on 127.0.0.1:{stage.runtime.mqtt_port}, HTTP on 127.0.0.1:{stage.door.port}"
    )
    if not is_new:
        console.print(f"going on from {stage.runtime.clock.now():%Y-%m-%d %H:%M} UTC")


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _leave_artefacts(stage: Stage, folder: Path) -> None:
    """Copy what a person wants to look at beside the data."""
    bucket = stage.runtime.folder / "buckets" / "DocumentsBucket"
    places = {
        "ach": sorted(bucket.glob("ach/*.ach")),
        "reports": sorted(bucket.glob("remittances/**/*.pdf")),
        "mail": stage.runtime.mailbox.mails(),
    }
    for name, files in places.items():
        place = folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for file in files:
            parent = f"{file.parent.name}-" if name == "reports" else ""
            shutil.copyfile(file, place / f"{parent}{file.name}")
    stage.story.save(folder / "story.json", cast.HISTORY_FROM, stage.runtime.clock.now().date())


def _walk_back(stage: Stage, folder: Path, console: Console) -> None:
    """Take a paid line of a bank file and walk it back to the register it came from."""
    files = sorted((folder / "ach").glob("*.ach"))
    if not files:
        msg = "the month ended without a bank file: nothing was paid"
        raise BrokenInvariant(msg)
    console.rule("every cent can be walked back")
    auditor = person_api(
        stage.door.port, stage.runtime.issuer, stage.runtime.clock, "otto.audit", "auditor"
    )
    for file in files:
        for entry in ach.read(file.read_bytes()).entries:
            trace = auditor.get(f"/ops/trace/{entry.trace_number}")["items"]
            for text in steps(trace):
                console.print(text, soft_wrap=True)
            _register_behind(stage, trace, console)
            console.print()
    auditor.close()


def _register_behind(stage: Stage, trace: Sequence[Step], console: Console) -> None:
    """Show the registers in the chunks that a trace ends with, and hold them against the house.

    The chunk is read from the table, byte for byte as it was sent; the house is asked again for
    the same instant.
    """
    telemetry = wiring.chunks({"TELEMETRY_TABLE": "TelemetryTable"})
    for step in trace:
        chunk = chunk_of(str(step["id"]))
        if chunk is None:
            continue
        gateway, start = chunk
        for stored in telemetry.between(gateway, start, start + timedelta(seconds=1)):
            message = decode(stored.payload)
            at = datetime.fromtimestamp(message.t0 + message.dt * (message.n - 1), UTC)
            for device in message.devices:
                told = ", ".join(
                    f"{_point(name, device.layout)} = {device.columns[name][-1]}"
                    for name in _SHOWN
                    if name in device.columns
                )
                same = device.columns[_COUNTER][-1] == stage.street.energy_wh(gateway, at)
                console.print(
                    f"      {device.serial} at {at:%d %b %H:%M} UTC: {told}"
                    f"{'  (the house shows the same)' if same else '  (THE HOUSE DIFFERS)'}",
                    style="green" if same else "bold red",
                )


def _point(column: str, layout: str) -> str:
    """Give the SunSpec point that a column came from on a device with these models."""
    models = set(layout.split("."))
    sources = COLUMNS[column].sources
    return next((point for point in sources if point.partition(".")[0] in models), column)
