"""Runs a town: its stack with all doors, in a folder that is a copy of the one that is kept."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cloud.kernel.errors import BadInput
from cloud.local import people
from cloud.local.conductor import Conductor
from cloud.local.controls import Controls
from cloud.local.demo.play import CACHE, TEMPLATE, Ports
from cloud.local.face.face import Face
from cloud.local.http import Door
from cloud.local.issuer import Issuer
from cloud.local.runtime import Runtime
from cloud.local.town import streets
from cloud.local.town.cache import HOMES, copy_of_town, homes_of, is_town
from cloud.local.town.making import COORDINATOR_ID, STARTS_AT
from cloud.local.town.partners import CLIENTS
from cloud.local.town.projects import courses
from cloud.local.town.vendors import VENDORS, program_of

ANY_PORTS = Ports()


@dataclass(frozen=True, slots=True)
class Running:
    """A town whose stack runs."""

    runtime: Runtime
    conductor: Conductor
    controls: Controls


def prepared(folder: Path, homes: int = HOMES) -> Path:
    """Give a folder that holds a town, copied there where it is new.

    Raises:
        BadInput: it holds another stack.
    """
    if is_town(folder):
        return folder
    if (folder / "data").exists():
        msg = f"{folder} holds a stack that is no town: name another --folder"
        raise BadInput(msg)
    return copy_of_town(folder, homes)


@contextmanager
def running(folder: Path, *, ports: Ports = ANY_PORTS, speed: float = 1.0) -> Iterator[Running]:
    """Run the town of a folder; everything ends with the block, and nothing is lost."""
    runtime = Runtime(
        folder / "data",
        TEMPLATE,
        starts_at=STARTS_AT,
        # While a simulated clock stands, who was refused a request would be refused for ever.
        parameters={
            "Coordinator": COORDINATOR_ID,
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
        listed = courses(homes_of(folder))
        players = (streets.of_story(runtime, listed), *streets.of_fleet(runtime, listed))
        for street in players:
            undo.callback(street.close)
        conductor = Conductor(runtime, players)
        controls = Controls(conductor, speed=speed)
        door = Door(runtime, face=Face(runtime, controls, partial(token_for, runtime.issuer)))
        undo.callback(door.stop)
        door.start()
        yield Running(runtime, conductor, controls)


def token_for(issuer: Issuer, name: str) -> str:
    """Give an access token for a person or a partner's program of the town, by name.

    Raises:
        BadInput: nobody is called that.
    """
    if name in people.BY_NAME:
        return issuer.person_token(name, *sorted(people.BY_NAME[name].roles))
    programs = (*CLIENTS, *map(program_of, VENDORS))
    if name in programs:
        return issuer.client_token(name)
    msg = f"nobody here is called {name}: {', '.join([*programs, *people.BY_NAME])} are"
    raise BadInput(msg)
