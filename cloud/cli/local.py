"""Commands that talk to a stack while it runs: its clock, its log, its queues, its tokens."""

import argparse
import http.client
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from cloud.cli import screen
from cloud.cli.saying import harmless, say, say_json
from cloud.kernel.errors import BadInput, Unavailable

LOOK_AGAIN_S = 0.2
"""How often a running jump is looked at, and a followed log."""
PATIENCE_S = 30.0
"""How long an answer is waited for."""
OFFICE = ZoneInfo("America/New_York")

_API = "/_local/api"
_CURSOR = "x-sunreeve-cursor"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the stack answered."""

    body: bytes
    cursor: str

    @property
    def content(self) -> Mapping[str, Any]:
        """The JSON object that it holds.

        Raises:
            ValueError: it holds none.
        """
        content = json.loads(self.body)
        if not isinstance(content, dict):
            raise ValueError(content)  # noqa: TRY004 - for the caller it is the same as no JSON
        return content


class RunningStack:
    """The stack that works in a folder, reached over HTTP."""

    def __init__(self, folder: Path) -> None:
        """Find the stack.

        Args:
            folder: where it left its address.

        Raises:
            Unavailable: none runs there.
        """
        self._folder = folder
        try:
            address = json.loads((folder / "address.json").read_text())
            self.port, pid = int(address["http"]), int(address["pid"])
        except (OSError, ValueError, KeyError, TypeError) as missing:
            raise self._none_runs() from missing
        # What a stack left that was killed may name a port that another one answers on by now.
        if self.state().get("pid") != pid:
            raise self._none_runs()

    def _none_runs(self) -> Unavailable:
        return Unavailable(
            f"no stack runs in {self._folder}: start one with `sunreeve up --folder {self._folder}`"
        )

    def state(self) -> Mapping[str, Any]:
        """Give the figures of the whole stack."""
        return self.ask("GET", "/state").content

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Ask for something.

        Raises:
            BadInput: the stack refused; the message is its own.
            Unavailable: nothing answers, or something that is no stack.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with closing(connection):
            try:
                text = None if body is None else json.dumps(body)
                connection.request(method, _API + path, text, {"x-sunreeve": "1"})
                response = connection.getresponse()
                answer = Answer(response.read(), response.getheader(_CURSOR, ""))
                refusal = str(answer.content["message"]) if response.status != 200 else ""
                if response.status == 200 and response.getheader("content-type") == (
                    "application/json"
                ):
                    _ = answer.content
            except (
                OSError,
                OverflowError,
                http.client.HTTPException,
                ValueError,
                KeyError,
            ) as silent:
                raise self._none_runs() from silent
        if refusal:
            raise BadInput(refusal)
        return answer


def is_running(folder: Path) -> bool:
    """Tell whether a stack runs in a folder."""
    try:
        RunningStack(folder)
    except Unavailable:
        return False
    return True


def clock(options: argparse.Namespace) -> int:
    """Show the clock of a running stack, or move it; a jump is waited for."""
    stack = RunningStack(options.folder)
    if options.jump is not None and options.to is not None:
        msg = "moving the clock: say either --jump or --to"
        raise BadInput(msg)
    if options.speed is not None:
        stack.ask("POST", "/clock/speed", {"speed": options.speed})
    if options.pause:
        stack.ask("POST", "/clock/pause", {})
    if options.resume:
        stack.ask("POST", "/clock/resume", {})
    if options.jump is not None:
        stack.ask("POST", "/clock/jump", {"days": options.jump})
    if options.to is not None:
        stack.ask("POST", "/clock/jump", {"to": str(options.to)})
    if options.jump is not None or options.to is not None:
        _wait_for_jump(stack, screen.Screen(stderr=True, quiet=bool(options.json)))
    seen = stack.ask("GET", "/clock").content
    if options.json:
        say(json.dumps(seen))
    else:
        say(clock_says(seen))
    return 0


def _wait_for_jump(stack: RunningStack, console: Console) -> None:
    """Show how a jump goes on until it has ended; breaking off ends the wait and not the jump."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=40),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal or console.quiet,
    ) as progress:
        bar = progress.add_task("", total=1.0)
        while (seen := stack.ask("GET", "/clock").content)["status"] == "jumping":
            now = datetime.fromisoformat(seen["now"])
            progress.update(bar, completed=seen["progress"], description=f"{now:%a %d %b %Y}")
            time.sleep(LOOK_AGAIN_S)


def clock_says(seen: Mapping[str, Any]) -> str:
    """Say in two lines what a clock shows and how it runs."""
    now = datetime.fromisoformat(seen["now"])
    how = {
        "running": f"running, {seen['speed'] or 0:g} simulated seconds for each real one",
        "paused": f"paused; it runs {seen['speed'] or 0:g} times as fast when resumed",
        "jumping": f"jumping to {seen['target']}",
    }.get(seen["status"], "standing: nobody runs it")
    return f"{now:%Y-%m-%d %H:%M:%S} UTC ({now.astimezone(OFFICE):%a %H:%M %Z in New York})\n{how}"


def logs(options: argparse.Namespace) -> int:
    """Print the end of the functions' log, and with --follow what is added to it until Ctrl-C."""
    stack = RunningStack(options.folder)
    wanted = {"function": options.of_function or "", "level": options.level or ""}
    answer = stack.ask("GET", f"/logs?{urlencode(wanted)}")
    _print_lines(answer, as_json=bool(options.json))
    while options.follow:
        time.sleep(LOOK_AGAIN_S)
        answer = stack.ask("GET", f"/logs?{urlencode({**wanted, 'after': answer.cursor or '0'})}")
        _print_lines(answer, as_json=bool(options.json))
    return 0


def _print_lines(answer: Answer, *, as_json: bool) -> None:
    for raw in answer.body.splitlines():
        if as_json:
            say_json(raw.decode())
        else:
            say(log_line(json.loads(raw)))
    sys.stdout.flush()


def log_line(line: Mapping[str, str]) -> str:
    """Write a line of the log for a terminal; what would steer the terminal is shown as text."""
    text = f"{line['at'][:19]:<19} {line['level']:<8} {line['function']:<22} {line['message']}"
    return harmless(f"{text} {line['more']}".rstrip())


def queues(options: argparse.Namespace) -> int:
    """Show the queues of a running stack, or send the dead letters of one back."""
    stack = RunningStack(options.folder)
    if options.redrive:
        path = f"/queues/{quote(options.redrive, safe='')}/redrive"
        sent = stack.ask("POST", path, {}).content
        if options.json:
            say(json.dumps(sent))
        else:
            stay = f", {sent['left']} stay: {sent['why']}" if sent["left"] else ""
            say(f"{sent['moved']} sent back from {sent['queue']}{stay}")
        return 1 if sent["left"] else 0
    seen = stack.state()["queues"]
    if options.json:
        say(json.dumps(seen))
    else:
        screen.draw(_rows_of(seen), _QUEUES, screen.console(), nothing="there is no queue")
    return 0


_QUEUES = (
    screen.Column("queue"),
    *(screen.Column(name, is_number=True) for name in ("visible", "in flight", "delayed", "dead")),
    screen.Column("its dead letters", gives_way=1),
)


def _rows_of(seen: Sequence[Mapping[str, Any]]) -> list[screen.Row]:
    """Give a row for each queue that is none of dead letters."""
    return [
        {
            "queue": one["name"],
            "visible": str(one["visible"]),
            "in flight": str(one["in_flight"]),
            "delayed": str(one["delayed"]),
            "dead": Text(str(one["dead"]), style="bold red" if one["dead"] else ""),
            "its dead letters": str(one["dead_letters"] or ""),
        }
        for one in seen
        if not one["sources"]
    ]


def token(options: argparse.Namespace) -> int:
    """Print an access token of a running stack for a client or a person."""
    given = RunningStack(options.folder).ask("POST", "/token", {"name": options.name}).content
    say(json.dumps(given) if options.json else given["token"])
    return 0
