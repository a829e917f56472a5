"""The command `sunreeve-edge`: look at devices, run the agent, look at its queue.

Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 the outside is unreachable. An error is one
line: what was being done, to which thing, what to do next.
"""

import argparse
import json
import secrets
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_agent import settings
from edge_agent.clock import SystemClock
from edge_agent.outbox import Outbox
from edge_agent.source import ReadFailed, RegisterSource, Unreachable
from edge_agent.sunspec.report import chain_registers, read_report, scan_report
from edge_agent.sunspec.scan import UNITS, Chain, scan

DONE, NO, WRONG_USE, UNREACHABLE = 0, 1, 2, 3
MODBUS_PORT = 502
PUBLISH_S = 10.0


class WrongUse(Exception):
    """The command cannot be carried out as it was given; the message is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except (WrongUse, settings.SettingsError) as error:
        return _fail(WRONG_USE, str(error))
    except Unreachable as error:
        return _fail(UNREACHABLE, f"{error}; check address, port and power")
    except ReadFailed as error:
        return _fail(NO, str(error))
    except ImportError as error:
        hint = "install the agent with its extra: pip install 'sunreeve[edge]'"
        return _fail(WRONG_USE, f"starting: {error.name} is not installed; {hint}")


def _fail(code: int, message: str) -> int:
    sys.stderr.write(f"sunreeve-edge: {message}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sunreeve-edge", description="The agent in the home.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, act: Callable[[argparse.Namespace], int], says: str, *names: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=says, description=says)
        for argument in names:
            sub.add_argument(argument)
        sub.set_defaults(command=act)
        return sub

    command("run", _run, "poll devices and send readings until stopped", "CONFIG")
    command("check", _check, "check a settings file", "CONFIG")
    command("status", _status, "say what the agent last knew of its devices", "CONFIG")
    command("queue", _queue, "say what waits in the queue", "CONFIG")
    for name, act, says in (
        ("scan", _scan, "find the models of a device"),
        ("read", _read, "read all models of a device once"),
        ("dump", _dump, "save the registers of a device as an image"),
    ):
        sub = command(name, act, says, "HOST")
        sub.add_argument("--unit", type=int, help="unit id (default: tries the usual ones)")
        sub.add_argument("--timeout", type=float, default=2.0, help="seconds per request")
        if name == "dump":
            sub.add_argument("-o", "--output", required=True, help="file to write")
        else:
            sub.add_argument("--json", action="store_true", help="print JSON")
    sub = command("sim", _sim, "serve a register image over Modbus TCP", "IMAGE")
    sub.add_argument("--port", type=int, default=0, help="port (default: any free one)")
    sub.add_argument("--fault", default="none", help="late, short, foreign, silent or busy")
    return parser


def _address(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    if not name:
        return host, MODBUS_PORT
    if not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise WrongUse(f"reading the address {host}: the port is no number from 1 to 65535")
    return name, int(port)


def _open(options: argparse.Namespace) -> tuple[RegisterSource, Chain]:
    from edge_agent.modbus import Registers  # noqa: PLC0415 - needs an extra

    name, port = _address(options.HOST)
    if options.unit is not None and not 0 <= options.unit <= 255:
        raise WrongUse(f"reading unit {options.unit}: unit ids go from 0 to 255")
    source = Registers(name, port, options.timeout)
    chain = scan(source, UNITS if options.unit is None else (options.unit,))
    if chain is None:
        source.close()
        raise ReadFailed(f"scanning {options.HOST}: no SunSpec models at 40000, 0 or 50000")
    return source, chain


def _scan(options: argparse.Namespace) -> int:
    source, chain = _open(options)
    source.close()
    report = scan_report(options.HOST, chain)
    if options.json:
        return _print_json(report)
    for model in report["models"]:
        name = " ".join([model["name"], *model["flags"]])
        print(f"{model['address']:>6} {model['model']:>6} {model['length']:>4} {name}")
    return DONE


def _read(options: argparse.Namespace) -> int:
    source, chain = _open(options)
    report = read_report(options.HOST, source, chain)
    source.close()
    if options.json:
        return _print_json(report)
    for model in report["models"]:
        print(f"{model['model']} {model['name']} {' '.join(model['flags'])}")
        for name, point in model["points"].items():
            if isinstance(point, dict) and point.get("value") is not None:
                print(f"  {name:<12} {point['value']} {point['unit'] or ''}")
    return DONE


def _dump(options: argparse.Namespace) -> int:
    from edge_agent.simulator.image import Image, to_json  # noqa: PLC0415 - not on every gateway

    source, chain = _open(options)
    words = chain_registers(source, chain)
    source.close()
    image = to_json(Image(chain.unit, ((chain.base, words),)), name=options.HOST, source="dump")
    Path(options.output).write_text(json.dumps(image) + "\n", encoding="ascii")
    print(f"{len(words)} registers from {chain.base} on in {options.output}")
    return DONE


def _sim(options: argparse.Namespace) -> int:
    from edge_agent.simulator import image, server, stand  # noqa: PLC0415 - not on every gateway

    try:
        misbehaviour = server.Misbehaviour(options.fault)
        return stand.serve(
            image.from_file(Path(options.IMAGE)), number=options.port, misbehaviour=misbehaviour
        )
    except (ValueError, OSError, OverflowError) as error:
        raise WrongUse(f"serving {options.IMAGE}: {error}") from error


def _check(options: argparse.Namespace) -> int:
    try:
        checked = settings.load(Path(options.CONFIG))
    except settings.SettingsError as error:
        return _fail(NO, str(error))
    print(f"{options.CONFIG}: {checked.thing}, {len(checked.devices)} devices, in order")
    return DONE


def _run(options: argparse.Namespace) -> int:
    checked = settings.load(Path(options.CONFIG))
    from edge_agent.agent import Agent  # noqa: PLC0415 - needs an extra

    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    clock = SystemClock()
    agent = Agent(checked, clock=clock, boot_id=secrets.token_hex(8))
    print(f"{checked.thing}: polling {len(checked.devices)} devices", flush=True)
    while not stopping.is_set():
        agent.tick()
        agent.publish(PUBLISH_S)
        stopping.wait(min(1.0, checked.poll_s - clock.now() % checked.poll_s))
    agent.close()
    return DONE


def _existing_outbox(options: argparse.Namespace) -> Outbox:
    checked = settings.load(Path(options.CONFIG))
    if not checked.outbox.is_file():
        raise WrongUse(f"opening the queue {checked.outbox}: there is none, run the agent first")
    try:
        return Outbox(checked.outbox)
    except sqlite3.DatabaseError as error:
        raise WrongUse(f"opening the queue {checked.outbox}: {error}") from error


def _status(options: argparse.Namespace) -> int:
    outbox = _existing_outbox(options)
    states = {
        name: {
            "serial": state.serial,
            "layout": state.label,
            "quality": state.quality,
            "alarms": dict(state.alarms),
        }
        for name, state in outbox.states().items()
    }
    outbox.close()
    return _print_json(states)


def _queue(options: argparse.Namespace) -> int:
    outbox = _existing_outbox(options)
    counts = outbox.counts()
    outbox.close()
    return _print_json(counts)


def _print_json(data: dict[str, Any]) -> int:
    print(json.dumps(data, ensure_ascii=False))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
