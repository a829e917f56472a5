"""The commands of a stack on this machine: play it, run it, move its clock, look inside."""

from dataclasses import replace

from cloud.cli import kinds
from cloud.cli.shape import Chapter, Command, Example, Option
from cloud.cli.tree.places import FOLDER, JSON

STACK = Chapter(
    "a stack on this machine",
    (
        Command(
            "demo",
            "play a month from register to bank line, and stop",
            (
                Example("sunreeve demo", "plays four weeks, and leaves its files in var/demo"),
                Example("sunreeve demo --fresh --days 7", "starts over, and plays the first week"),
            ),
            runs="cloud.cli.stack:demo",
            options=(
                replace(FOLDER, default="var/demo", says="where it leaves its files; var/demo"),
                Option("--fresh", "start over, whatever was played before"),
                Option(
                    "--days",
                    "play only the first days of the story; 28",
                    value="DAYS",
                    reads=int,
                    default=28,
                ),
            ),
            more="One that was broken off goes on; one that ended is played anew.",
        ),
        Command(
            "up",
            "run the stack with simulated homes until Ctrl-C",
            (
                Example("sunreeve up", "runs it a minute a second, and says where it answers"),
                Example("sunreeve up --homes 20 --speed 600", "more homes, ten minutes a second"),
            ),
            runs="cloud.cli.stack:up",
            options=(
                replace(FOLDER, says="where its data lies; var/up"),
                Option(
                    "--port",
                    "HTTP port on 127.0.0.1; 8787",
                    value="PORT",
                    reads=kinds.port,
                    default=8787,
                ),
                Option(
                    "--mqtt-port",
                    "MQTT port on 127.0.0.1; 8883",
                    value="PORT",
                    reads=kinds.port,
                    default=8883,
                ),
                Option(
                    "--smtp-port",
                    "SMTP port on 127.0.0.1; 8025",
                    value="PORT",
                    reads=kinds.port,
                    default=8025,
                ),
                Option(
                    "--speed",
                    "simulated seconds for each real one; 60",
                    value="SPEED",
                    reads=float,
                    default=60.0,
                ),
                Option(
                    "--homes",
                    "so many more homes, over real sockets; 0",
                    value="HOMES",
                    reads=int,
                    default=0,
                ),
                Option("--town", "a town of 400 homes and five months of business instead"),
                Option(
                    "--town-homes",
                    "how many homes a new town has; 400",
                    value="HOMES",
                    reads=kinds.homes,
                    default=400,
                ),
            ),
            is_endless=True,
        ),
        Command(
            "clock",
            "the clock of a stack: see it, let days pass",
            (
                Example("sunreeve clock", "tells what it shows, and how it runs"),
                Example("sunreeve clock --jump 3", "lets three days pass, and all that is due"),
            ),
            runs="cloud.cli.stack:clock",
            options=(
                Option("--jump", "let so many days pass at once", value="DAYS", reads=kinds.days),
                Option("--to", "let time pass up to 2026-11-08T12:00Z", value="INSTANT"),
                Option(
                    "--speed", "simulated seconds for each real one", value="SPEED", reads=float
                ),
                Option("--pause", "let it stand; ends a jump"),
                Option("--resume", "let it run on"),
                FOLDER,
                JSON,
            ),
            more="Of a stack that does not run it can only be seen, or jump.",
        ),
        Command(
            "token",
            "an access token of a running stack, for its API",
            (
                Example("sunreeve token sam.spc", "for one of the owner's people"),
                Example("sunreeve token client-alder", "for a partner's program"),
            ),
            runs="cloud.cli.local:token",
            options=(
                Option("name", "a client (client-alder) or a person (sam.spc)", is_required=True),
                FOLDER,
                JSON,
            ),
        ),
        Command(
            "logs",
            "what the functions of a running stack wrote",
            (
                Example("sunreeve logs", "the end of it"),
                Example("sunreeve logs --level WARNING", "only warnings"),
            ),
            runs="cloud.cli.local:logs",
            options=(
                Option("--follow", "and what they write, until Ctrl-C"),
                Option("--function", "only of this one", value="NAME", into="of_function"),
                Option("--level", "only of this level: INFO, WARNING, ERROR", value="LEVEL"),
                FOLDER,
                Option("--json", "as JSON, an object a line"),
            ),
        ),
        Command(
            "queues",
            "the queues of a running stack",
            (
                Example("sunreeve queues", "how many messages wait in each, and dead ones"),
                Example("sunreeve queues --redrive FindingsQueue", "sends its dead letters back"),
            ),
            runs="cloud.cli.local:queues",
            options=(
                Option("--redrive", "send its dead letters back", value="QUEUE"),
                FOLDER,
                JSON,
            ),
        ),
    ),
)
