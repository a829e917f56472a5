"""The `sunreeve` command: the owner's side, on this machine or on AWS."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from cloud.kernel.errors import SunreeveError, Unavailable

DONE, NO, WRONG_USE, UNREACHABLE = 0, 1, 2, 3
"""Exit codes: done, the answer is no, wrong use, the outside is unreachable."""

NOT_YET = {
    "detect": "replaying a labelled fleet",
    "fund": "running a funding date by hand",
    "report": "reports as of an instant",
}
"""Commands whose names are settled and whose work is not built yet."""

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; an error is one line on standard error."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in NOT_YET:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        command: Command = getattr(import_module(options.module), options.function)
        return command(options)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] in {"cloud", "edge_agent"}:
            raise
        print(
            f"sunreeve: {missing.name} is not installed: install sunreeve[cloud,edge]",
            file=sys.stderr,
        )
        return WRONG_USE
    except Unavailable as error:
        print(f"sunreeve {options.command}: {error}", file=sys.stderr)
        return UNREACHABLE
    except SunreeveError as error:
        print(f"sunreeve {options.command}: {error}", file=sys.stderr)
        return NO
    except KeyboardInterrupt:
        return DONE


def not_yet(options: argparse.Namespace) -> int:
    """Say that a command has no content yet, and fail."""
    what = NOT_YET[options.command]
    print(f"sunreeve {options.command}: {what} is not built yet", file=sys.stderr)
    return NO


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sunreeve",
        description="Watches home solar and battery systems, sends someone when one fails, "
        "and pays who built and mended it.",
        epilog="Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 the outside is unreachable.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="play a month from register to bank line, and stop")
    demo.add_argument(
        "--folder", type=Path, default=Path("var/demo"), help="where it leaves its files"
    )
    demo.add_argument("--fresh", action="store_true", help="start over, whatever was played before")
    demo.add_argument("--days", type=int, default=28, help="play only the first days of the story")
    demo.set_defaults(module="cloud.cli.stack", function="demo")

    up = commands.add_parser("up", help="run the stack with simulated homes until Ctrl-C")
    up.add_argument("--folder", type=Path, default=Path("var/up"), help="where its data lies")
    up.add_argument("--port", type=int, default=8787, help="HTTP port on 127.0.0.1")
    up.add_argument("--mqtt-port", type=int, default=8883, help="MQTT port on 127.0.0.1")
    up.add_argument("--smtp-port", type=int, default=8025, help="SMTP port on 127.0.0.1")
    up.add_argument("--speed", type=float, default=60.0, help="simulated seconds for each real one")
    up.add_argument("--homes", type=int, default=0, help="so many more homes, over real sockets")
    up.set_defaults(module="cloud.cli.stack", function="up")

    rules = commands.add_parser("rules", help="the rule book: every number, with its source")
    rules.add_argument("words", nargs="*", help="only rules that hold all of these words")
    rules.add_argument("--markdown", action="store_true", help="as the page docs/rules.md")
    rules.set_defaults(module="cloud.cli.rules", function="show")

    trace = commands.add_parser("trace", help="walk a line of a bank file back to its causes")
    trace.add_argument("id", help="trace number of the line")
    trace.add_argument("--folder", type=Path, default=Path("var/demo"), help="the stack's files")
    trace.add_argument("--json", action="store_true", help="as JSON")
    trace.set_defaults(module="cloud.cli.stack", function="trace")

    _add_of_running(commands)

    for name, what in NOT_YET.items():
        later = commands.add_parser(name, help=f"{what} (not built yet)")
        later.add_argument("rest", nargs="*")
        later.set_defaults(module="cloud.cli", function="not_yet")
    return parser


def _add_of_running(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands that talk to a stack while it runs."""
    clock = commands.add_parser("clock", help="the clock of a stack: see it, let days pass")
    clock.add_argument("--jump", metavar="DAYS", type=float, help="let so many days pass at once")
    clock.add_argument("--to", metavar="INSTANT", help="let time pass up to 2026-11-08T12:00Z")
    clock.add_argument("--speed", type=float, help="simulated seconds for each real one")
    clock.add_argument("--pause", action="store_true", help="let it stand; ends a jump")
    clock.add_argument("--resume", action="store_true", help="let it run on")
    clock.set_defaults(module="cloud.cli.stack", function="clock")

    token = commands.add_parser("token", help="an access token of a running stack, for its API")
    token.add_argument("name", help="a client (client-alder) or a person (sam.spc)")
    token.set_defaults(module="cloud.cli.local", function="token")

    logs = commands.add_parser("logs", help="what the functions of a running stack wrote")
    logs.add_argument("--follow", action="store_true", help="and what they write, until Ctrl-C")
    logs.add_argument("--function", help="only of this one")
    logs.add_argument("--level", help="only of this level: INFO, WARNING, ERROR")
    logs.set_defaults(module="cloud.cli.local", function="logs")

    queues = commands.add_parser("queues", help="the queues of a running stack")
    queues.add_argument("--redrive", metavar="QUEUE", help="send its dead letters back")
    queues.set_defaults(module="cloud.cli.local", function="queues")

    for command in (clock, token, logs, queues):
        command.add_argument(
            "--folder", type=Path, default=Path("var/up"), help="the stack's files"
        )
        command.add_argument("--json", action="store_true", help="as JSON")
