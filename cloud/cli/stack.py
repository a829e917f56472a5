"""Commands that work on a stack of this machine."""

import argparse
import json
import shutil
import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from cloud.kernel.errors import BadInput
from cloud.local.clock import Pace, SimulatedClock
from cloud.local.demo import cast
from cloud.local.demo.people import PEOPLE, Claims, person_api
from cloud.local.demo.play import CACHE, TEMPLATE, play, seed, staged
from cloud.local.demo.story import steps
from cloud.local.issuer import Issuer
from cloud.local.template import load


def demo(options: argparse.Namespace) -> int:
    """Play the demo; one that was broken off goes on, one that ended is played anew."""
    ended = (options.folder / "story.json").exists()
    if options.fresh or ended:
        _clear(options.folder)
    return play(options.folder, Console(soft_wrap=True), days=options.days)


def up(options: argparse.Namespace) -> int:
    """Run the stack with the demo's street until Ctrl-C, at a speed."""
    console = Console(soft_wrap=True)
    with staged(
        options.folder / "data", console, http_port=options.port, mqtt_port=options.mqtt_port
    ) as stage:
        seed(stage)
        console.print(f"HTTP  http://127.0.0.1:{stage.door.port}  (API below /v1 and /ops)")
        console.print(
            f"MQTT  mqtts://127.0.0.1:{stage.runtime.mqtt_port}  (CA in {options.folder}/data/ca)"
        )
        console.print(f"mail  {options.folder}/data/mail")
        names = ", ".join(client.id for client in cast.CLIENTS)
        console.print(f"clients {names}; people {', '.join(PEOPLE)}")
        console.print(f"token sunreeve token NAME --folder {options.folder}")
        console.print(
            f"the clock runs {options.speed:g} times as fast; Ctrl-C stops it, nothing is lost"
        )
        pace = Pace(stage.runtime.clock, speed=options.speed, real=time.monotonic)
        while True:
            stage.conductor.advance_to(max(pace.due(), stage.runtime.clock.now()))
            stage.story.tell(stage.runtime.clock.now())
            time.sleep(0.2)


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


def token(options: argparse.Namespace) -> int:
    """Print an access token for a client or a person of the demo, good for an hour of its clock."""
    _must_exist(options.folder)
    data = options.folder / "data"
    stack = load(TEMPLATE, cache=CACHE)
    now = SimulatedClock(data / "clock.sqlite")
    issuer = Issuer(data / "secrets", issuer=stack.issuer, audience=stack.audience, clock=now)
    roles: dict[str, Claims] = {
        name: {"username": name, "cognito:groups": [role]} for name, role in PEOPLE.items()
    }
    clients: dict[str, Claims] = {
        client.id: {"client_id": client.id, "scope": "sunreeve/partner"} for client in cast.CLIENTS
    }
    claims = {**roles, **clients}.get(options.name)
    if claims is None:
        msg = f"nobody here is called {options.name}: {', '.join([*clients, *roles])} are"
        raise BadInput(msg)
    print(issuer.token(options.name, **claims))
    return 0


def clock(options: argparse.Namespace) -> int:
    """Show the clock, or let days pass: every schedule and timer on the way is passed in order."""
    _must_exist(options.folder)
    with staged(options.folder / "data", Console(soft_wrap=True)) as stage:
        if options.jump:
            until = stage.runtime.clock.now() + timedelta(days=options.jump)
            stage.conductor.advance_to(until)
            stage.story.tell(stage.runtime.clock.now())
        print(stage.runtime.clock.now().isoformat())
    return 0


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
