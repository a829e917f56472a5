"""The `sunreeve` command: the owner's side, on this machine or on AWS."""

import argparse
import sqlite3
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from cloud.kernel.errors import BadInput, SunreeveError, Unavailable
from cloud.kernel.money import Money

DONE, NO, WRONG_USE, UNREACHABLE = 0, 1, 2, 3
"""Exit codes: done, the answer is no, wrong use, the outside is unreachable."""

LONGEST_JUMP_DAYS = 3660
"""Ten years: a longer jump is a slip of the finger."""

LONGEST_WAIT_S = 86_400

EXTRA_OF = dict.fromkeys(("pvlib", "numpy", "pandas"), "baseline")
"""Library -> the extra that brings it, where it is not one that every command needs."""

Command = Callable[[argparse.Namespace], int]

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command."""

    def error(self, message: str) -> NoReturn:
        """End with the exit code for wrong use."""
        self.exit(WRONG_USE, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; an error is one line on standard error."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        command: Command = getattr(import_module(options.module), options.function)
        return command(options)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] in {"cloud", "edge_agent"}:
            raise
        extra = EXTRA_OF.get(missing.name or "", "cloud,edge")
        print(
            f"sunreeve: {missing.name} is not installed: install sunreeve[{extra}]",
            file=sys.stderr,
        )
        return WRONG_USE
    except Unavailable as error:
        print(f"sunreeve {options.command}: {error}", file=sys.stderr)
        return UNREACHABLE
    except SunreeveError as error:
        print(f"sunreeve {options.command}: {error}", file=sys.stderr)
        return NO
    except (OSError, sqlite3.DatabaseError) as error:
        why = _fault_of_folder(error, getattr(options, "folder", None))
        if why is None:
            raise
        print(f"sunreeve {options.command}: {why}", file=sys.stderr)
        return NO
    except KeyboardInterrupt:
        return DONE


def _fault_of_folder(error: Exception, folder: Path | None) -> str | None:
    """Say what is wrong with the files of a stack; None when the error is about something else."""
    if folder is None:
        return None
    remedy = "bring it back from a copy, or name another --folder"
    if isinstance(error, OSError):
        path = Path(str(error.filename or ""))
        if not path.absolute().is_relative_to(folder.absolute()):
            return None
        return f"{path}: {error.strerror}; {remedy}"
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _DAMAGED:
        return None
    return f"{_damaged_in(folder)}: {error}; {remedy}"


def _damaged_in(folder: Path) -> Path:
    """Give the database below a folder that cannot be read, or the folder when all can."""
    for path in sorted(folder.rglob("*.sqlite")):
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            try:
                connection.execute("PRAGMA quick_check(1)").fetchall()
            finally:
                connection.close()
        except sqlite3.DatabaseError:
            return path
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sunreeve",
        description="Watches home solar and battery systems, sends someone when one fails, "
        "and pays who built and mended it.",
        epilog="Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 the outside is unreachable.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="play a month from register to bank line, and stop")
    demo.add_argument(
        "--folder", type=_folder, default="var/demo", help="where it leaves its files"
    )
    demo.add_argument("--fresh", action="store_true", help="start over, whatever was played before")
    demo.add_argument("--days", type=int, default=28, help="play only the first days of the story")
    demo.set_defaults(module="cloud.cli.stack", function="demo")

    up = commands.add_parser("up", help="run the stack with simulated homes until Ctrl-C")
    up.add_argument("--folder", type=_folder, default="var/up", help="where its data lies")
    up.add_argument("--port", type=_port, default=8787, help="HTTP port on 127.0.0.1")
    up.add_argument("--mqtt-port", type=_port, default=8883, help="MQTT port on 127.0.0.1")
    up.add_argument("--smtp-port", type=_port, default=8025, help="SMTP port on 127.0.0.1")
    up.add_argument("--speed", type=float, default=60.0, help="simulated seconds for each real one")
    up.add_argument("--homes", type=int, default=0, help="so many more homes, over real sockets")
    up.set_defaults(module="cloud.cli.stack", function="up")

    rules = commands.add_parser("rules", help="the rule book: every number, with its source")
    rules.add_argument("words", nargs="*", help="only rules that hold all of these words")
    rules.add_argument("--markdown", action="store_true", help="as the page docs/rules.md")
    rules.set_defaults(module="cloud.cli.rules", function="show")

    trace = commands.add_parser("trace", help="walk a line of a bank file back to its causes")
    trace.add_argument("id", help="trace number of the line")
    trace.add_argument("--folder", type=_folder, default="var/demo", help="the stack's files")
    trace.add_argument("--json", action="store_true", help="as JSON")
    trace.set_defaults(module="cloud.cli.stack", function="trace")

    detect = commands.add_parser("detect", help="replay a fleet's days, and write what opens")
    detect.add_argument(
        "--fleet", type=Path, required=True, help="folder with sites.csv, days.csv.gz and the rest"
    )
    detect.add_argument("--out", type=Path, required=True, help="the cases, as CSV")
    detect.set_defaults(module="cloud.cli.detect", function="detect")

    _add_fleet(commands)
    _add_of_running(commands)
    _add_sweep(commands)
    _add_report(commands)
    _add_fund(commands)
    return parser


def _port(text: str) -> int:
    """Read a TCP port; 0 is any that is free."""
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
    if not 0 <= port <= 65535:
        msg = f"{text!r} is not a port of 0 to 65535"
        raise argparse.ArgumentTypeError(msg)
    return port


def _days(text: str) -> float:
    """Read how many days a clock jumps."""
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= LONGEST_JUMP_DAYS:
        msg = f"{text!r} is not a number of days above 0, up to {LONGEST_JUMP_DAYS}"
        raise argparse.ArgumentTypeError(msg)
    return days


def _seconds(text: str) -> float:
    """Read how long is waited."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT_S:
        msg = f"{text!r} is not a number of seconds from 0 to {LONGEST_WAIT_S}"
        raise argparse.ArgumentTypeError(msg)
    return seconds


def _amount(text: str) -> Money:
    """Read an amount of money."""
    try:
        return Money.parse(text)
    except BadInput as wrong:
        msg = f"{text!r} is not an amount, as 23480.00"
        raise argparse.ArgumentTypeError(msg) from wrong


def _folder(text: str) -> Path:
    """Read the path of a folder, which may be there or may be made."""
    folder = Path(text)
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            msg = f"{path} is a file; name a folder"
            raise argparse.ArgumentTypeError(msg)
    return folder


def _add_fleet(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands that bring a folder's baselines and weather into a file or to a stack."""
    baseline = commands.add_parser("baseline", help="work out what a fleet's sites make when clear")
    baseline.add_argument(
        "--ends-cases",
        action="store_true",
        help="put also those of sites with an open case of low days, which may end by it",
    )
    weather = commands.add_parser("weather", help="bring the weather of a fleet's days to a region")
    weather.add_argument("--region", required=True, help="its clock and square, UTC-07.N39W106")
    weather.add_argument("--since", metavar="DAY", help="only from a day on, as 2026-11-08")
    for name, command in (("baseline", baseline), ("weather", weather)):
        command.add_argument(
            "--fleet", type=Path, required=True, help="folder with sites.csv, days.csv.gz and more"
        )
        place = command.add_mutually_exclusive_group(required=True)
        place.add_argument(
            "--out", type=Path, metavar="FILE", help="write them, one line of JSON each"
        )
        place.add_argument(
            "--put", action="store_true", help="put them on record in a running stack"
        )
        command.add_argument("--folder", type=_folder, default="var/up", help="the stack's files")
        command.set_defaults(module="cloud.cli.baselines", function=name)


def _add_sweep(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands for what sweeps found and held back."""
    sweep = commands.add_parser("sweep", help="what sweeps held back, and days judged anew")
    actions = sweep.add_subparsers(dest="action", metavar="ACTION", required=True)
    holds = actions.add_parser("holds", help="findings that were too many to be believed")
    holds.add_argument("--state", default="held", help="held, released, discarded or over")
    release = actions.add_parser("release", help="let them be told: they are true")
    discard = actions.add_parser("discard", help="tell nobody: they are not true")
    for decision in (release, discard):
        decision.add_argument("region", help="as the list names it, UTC-07.N39W106")
    replay = actions.add_parser("replay", help="judge the open days of a clock anew")
    replay.add_argument("--clock", type=int, required=True, help="hours from UTC, as -7")
    replay.add_argument("--since", metavar="DAY", required=True, help="first day, as 2026-11-08")
    for name, action in actions.choices.items():
        action.add_argument("--folder", type=_folder, default="var/up", help="the stack's files")
        action.add_argument("--json", action="store_true", help="as JSON")
        action.set_defaults(module="cloud.cli.sweep", function=name)


def _add_fund(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands of funding runs, in the order in which a run is done."""
    fund = commands.add_parser("fund", help="funding runs: preview, approve, send, returns")
    actions = fund.add_subparsers(dest="action", metavar="ACTION", required=True)
    words = {
        "preview": "what a run pays, computed anew until it is approved; without one, all runs",
        "release": "let a run go on that is far above the runs before",
        "approve": "approve exactly what the preview showed",
        "commit": "carry an approved run out, and wait until it stands in the books",
        "file": "carry an approved run out, and wait until the bank file is made",
        "send": "hand the file to the bank, once",
        "sent": "say that the bank has the file, after it was doubtful",
        "not-sent": "say that the bank never got it, so that it can be sent",
        "settle": "book what the bank's statement shows",
        "return": "hand in the bank's file of returned payments and corrected details",
        "agree": "agree as a second person that such a file is the bank's, and have it done",
        "balance": "the trial balance as of an instant",
        "verify": "recompute all books, and say what differs",
    }
    named = {name: actions.add_parser(name, help=what) for name, what in words.items()}
    for name, action in named.items():
        if name == "preview":
            action.add_argument("run", nargs="?", default="", help="as comfort-2026-12-03")
        elif name not in {"return", "agree", "balance", "verify"}:
            action.add_argument("run", help="as comfort-2026-12-03")
        if name in {"release", "not-sent"}:
            action.add_argument("--because", required=True, help="why, in words")
        if name in {"preview", "commit", "file", "send", "agree", "verify"}:
            action.add_argument(
                "--wait", metavar="SECONDS", type=_seconds, default=30.0, help="at most; 30"
            )
        action.add_argument("--folder", type=_folder, default="var/up", help="the stack's files")
        action.add_argument("--json", action="store_true", help="as JSON")
        function = {"not-sent": "not_sent", "return": "take_returns"}.get(name, name)
        action.set_defaults(module="cloud.cli.fund", function=function)
    again = commands.add_parser("replay", help="who is paid otherwise by another programme's rules")
    again.add_argument("--programme", required=True, help="whose rules, as standard")
    again.add_argument("--as-of", default="", help="as 2026-12-03T12:00:00Z")
    again.add_argument("--folder", type=_folder, default="var/up", help="the stack's files")
    again.add_argument("--json", action="store_true", help="as JSON")
    again.set_defaults(module="cloud.cli.fund", function="replay")
    for name in ("approve", "release"):
        named[name].add_argument("--hash", required=True, help="of the plans, as it was shown")
    named["release"].add_argument("--by", default="abe.accounting", help="who looked at it")
    named["settle"].add_argument(
        "--statement", type=_amount, required=True, help="amount, as 23480.00"
    )
    named["agree"].add_argument("bank_file", help="as BF-NKQWZJ0AS8")
    named["return"].add_argument("file", type=Path, help="in the Nacha format")
    named["balance"].add_argument("--as-of", default="", help="as 2026-12-03T12:00:00Z")


def _add_report(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the command for reports as of an instant."""
    command = commands.add_parser("report", help="reports as of an instant")
    command.add_argument("name", nargs="?", default="", help="which; without it, all their names")
    command.add_argument("--as-of", metavar="INSTANT", default="", help="as 2026-06-30T12:00Z")
    command.add_argument("--from", dest="since", metavar="DAY", default="", help="first day")
    command.add_argument("--until", metavar="DAY", default="", help="the first day after")
    command.add_argument("--partner", metavar="ID", default="", help="only of this partner")
    command.add_argument("--milestone", default="", help="accept, schedule or complete")
    command.add_argument("--region", default="", help="only of this state, as NC")
    command.add_argument("--emergency", choices=("yes", "no"), default="", help="or the others")
    command.add_argument(
        "--horizon", dest="horizon_hours", metavar="HOURS", default="", help="how far ahead"
    )
    command.add_argument(
        "--what-if", metavar="SETTINGS", default="", help="for replay, as accept=3,opens=00:00"
    )
    command.add_argument("--format", choices=("csv", "json"), help="instead of a table")
    command.add_argument("--out", type=Path, metavar="FILE", help="write it there instead")
    command.add_argument("--folder", type=_folder, default="var/up", help="the stack's files")
    command.set_defaults(module="cloud.cli.report", function="show")


def _add_of_running(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands that talk to a stack while it runs."""
    clock = commands.add_parser("clock", help="the clock of a stack: see it, let days pass")
    clock.add_argument("--jump", metavar="DAYS", type=_days, help="let so many days pass at once")
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
    logs.add_argument("--function", dest="of_function", metavar="NAME", help="only of this one")
    logs.add_argument("--level", help="only of this level: INFO, WARNING, ERROR")
    logs.set_defaults(module="cloud.cli.local", function="logs")

    queues = commands.add_parser("queues", help="the queues of a running stack")
    queues.add_argument("--redrive", metavar="QUEUE", help="send its dead letters back")
    queues.set_defaults(module="cloud.cli.local", function="queues")

    for command in (clock, token, logs, queues):
        command.add_argument("--folder", type=_folder, default="var/up", help="the stack's files")
        command.add_argument("--json", action="store_true", help="as JSON")
