"""Commands that work on a stack of this machine."""

import argparse
import http.client
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from cloud.cli import local, town
from cloud.cli.asking import OperationsApi
from cloud.cli.local import PATIENCE_S
from cloud.cli.saying import say
from cloud.cli.screen import Screen, counted, patience
from cloud.kernel.errors import BadInput
from cloud.local.address import announced
from cloud.local.demo import cast
from cloud.local.demo.people import PEOPLE, token_for
from cloud.local.demo.play import Ports, Stage, play, seed, staged
from cloud.local.demo.story import steps
from cloud.local.town.cache import is_town

_AUDITOR = "otto.audit"
_STEPS = 40
"""In which a jump is done, so that a bar can show it."""


def demo(options: argparse.Namespace) -> int:
    """Play the demo; one that was broken off goes on, one that ended is played anew."""
    ended = (options.folder / "story.json").exists()
    if options.fresh or ended:
        _clear(options.folder)
    return play(options.folder, Screen(soft_wrap=True), days=options.days)


def up(options: argparse.Namespace) -> int:
    """Run the stack with the demo's street, or a town, until Ctrl-C, at a speed."""
    if options.town or is_town(options.folder):
        return town.up(options)
    console = Screen(soft_wrap=True)
    households = (*cast.HOUSEHOLDS, *cast.more_households(options.homes))
    ports = Ports(options.port, options.mqtt_port, options.smtp_port)
    with (
        staged(
            options.folder / "data",
            console,
            ports=ports,
            households=households,
            speed=options.speed,
        ) as stage,
        announced(options.folder, stage.runtime),
    ):
        seed(stage, households)
        _say_where(stage, options, console)
        stage.controls.run(stage.story.tell)
    return 0


def _say_where(stage: Stage, options: argparse.Namespace, console: Screen) -> None:
    runtime = stage.runtime
    console.print(f"page   {runtime.address}/_local/")
    console.print(f"API    {runtime.address}/v1 and /ops")
    console.print(f"tables {runtime.address} (DynamoDB's protocol)")
    console.print(f"MQTT   mqtts://127.0.0.1:{runtime.mqtt_port}  (CA in {options.folder}/data/ca)")
    console.print(f"SMTP   127.0.0.1:{runtime.smtp_port}  (mail to anybody at MailDomain)")
    console.print(f"mail   {options.folder}/data/mail")
    names = ", ".join(client.id for client in cast.CLIENTS)
    console.print(f"clients {names}; people {', '.join(PEOPLE)}")
    console.print(f"token  sunreeve token NAME --folder {options.folder}, or POST /oauth2/token")
    for client in cast.CLIENTS:
        runtime.issuer.client_secret(client.id)
    console.print(f"       with a client's secret from {options.folder}/data/secrets/clients.json")
    console.print(
        f"the clock runs {options.speed:g} times as fast (sunreeve clock --help moves it); "
        "Ctrl-C stops it, nothing is lost"
    )


def trace(options: argparse.Namespace) -> int:
    """Walk a line of a bank file back to its causes, over the stack's own API.

    A stack that lies in a folder and does not run is started for it, and ends with the answer.
    """
    path = f"/ops/trace/{quote(options.id, safe='')}"
    if options.profile is not None or local.is_running(options.folder):
        found = OperationsApi.of(options).ask(_AUDITOR, "GET", path)["items"]
    else:
        _must_exist(options.folder)
        with (
            patience(f"starting the stack in {options.folder}"),
            staged(options.folder / "data", Screen(quiet=True)) as stage,
        ):
            door = _StageDoor(stage, f"in {options.folder}")
            found = OperationsApi(door).ask(_AUDITOR, "GET", path)["items"]
    if options.json:
        say(json.dumps(found, indent=1))
    else:
        console = Screen(soft_wrap=True)
        for line in steps(found):
            console.print(line)
    return 0


@dataclass(frozen=True, slots=True)
class _StageDoor:
    """The way to the API of a stack that this command started for itself."""

    stage: Stage
    name: str

    def open(self) -> http.client.HTTPConnection:
        """Give a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.stage.door.port, timeout=PATIENCE_S)

    def token(self, person: str) -> str:
        """Give a person's token."""
        return token_for(self.stage.runtime.issuer, person)


def clock(options: argparse.Namespace) -> int:
    """Show or move the clock: of the stack that runs in a folder, else of the one that lies there.

    Every schedule and timer on the way is passed in order.
    """
    if local.is_running(options.folder):
        return local.clock(options)
    if options.speed is not None or options.pause or options.resume:
        msg = f"no stack runs in {options.folder}: its clock can only jump; start it with up"
        raise BadInput(msg)
    _must_exist(options.folder)
    with staged(options.folder / "data", Screen(soft_wrap=True)) as stage:
        now = stage.runtime.clock.now()
        until = now + timedelta(days=options.jump or 0)
        if options.to:
            until = _instant(options.to)
        if until > now:
            # In steps, as a running stack jumps: what is due is the same, and can be shown.
            with stage.conductor.jumping():
                for step in counted(range(1, _STEPS + 1), f"to {until:%d %b %Y}", _STEPS):
                    stage.conductor.advance_to(now + (until - now) * step / _STEPS)
            stage.story.tell(stage.runtime.clock.now())
        shown = stage.runtime.clock.now().isoformat()
        say(json.dumps({"now": shown}) if options.json else shown)
    return 0


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as wrong:
        msg = f"reading --to {text}: {wrong}; write it like 2026-11-08T12:00Z"
        raise BadInput(msg) from wrong
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _clear(folder: Path) -> None:
    """Remove what a demo left in a folder, and nothing else."""
    if (folder / "data" / "clock.sqlite").exists():
        for name in ("data", "ach", "mail", "reports"):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / "story.json").unlink(missing_ok=True)


def _must_exist(folder: Path) -> None:
    if not (folder / "data").exists():
        msg = f"there is no stack in {folder}: play the demo first, or name another --folder"
        raise BadInput(msg)
    if is_town(folder):
        msg = f"{folder} is a town that does not run: start it with up, and ask again"
        raise BadInput(msg)
