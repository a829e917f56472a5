"""Commands that work on a stack of this machine."""

import argparse
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from cloud.cli import local
from cloud.kernel.errors import BadInput
from cloud.local.address import announced
from cloud.local.demo import cast
from cloud.local.demo.people import PEOPLE, person_api
from cloud.local.demo.play import Ports, Stage, play, seed, staged
from cloud.local.demo.story import steps


def demo(options: argparse.Namespace) -> int:
    """Play the demo; one that was broken off goes on, one that ended is played anew."""
    ended = (options.folder / "story.json").exists()
    if options.fresh or ended:
        _clear(options.folder)
    return play(options.folder, Console(soft_wrap=True), days=options.days)


def up(options: argparse.Namespace) -> int:
    """Run the stack with the demo's street until Ctrl-C, at a speed."""
    console = Console(soft_wrap=True)
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


def _say_where(stage: Stage, options: argparse.Namespace, console: Console) -> None:
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
    """Walk a line of a bank file back to its causes, over the stack's own API."""
    _must_exist(options.folder)
    with staged(options.folder / "data", Console(quiet=True)) as stage:
        auditor = person_api(
            stage.door.port, stage.runtime.issuer, stage.runtime.clock, "otto.audit", "auditor"
        )
        found = auditor.get(f"/ops/trace/{options.id}")["items"]
        auditor.close()
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        console = Console(soft_wrap=True)
        for line in steps(found):
            console.print(line)
    return 0


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
    with staged(options.folder / "data", Console(soft_wrap=True)) as stage:
        now = stage.runtime.clock.now()
        until = now + timedelta(days=options.jump or 0)
        if options.to:
            until = _instant(options.to)
        if until > now:
            with stage.conductor.jumping():
                stage.conductor.advance_to(until)
            stage.story.tell(stage.runtime.clock.now())
        shown = stage.runtime.clock.now().isoformat()
        print(json.dumps({"now": shown}) if options.json else shown)
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
