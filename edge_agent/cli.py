"""The command `sunreeve-edge`: look at devices, run the agent, look at its queue.

Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 the outside is unreachable. An error is one
line: what was being done, to which thing, what to do next.
"""

import argparse
import io
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from edge_agent import settings
from edge_agent.source import (
    Busy,
    DeviceRefused,
    ReadFailed,
    RegisterSource,
    ShortReply,
    Unreachable,
)

if TYPE_CHECKING:
    from edge_agent.queue.inspection import Inspection

DONE, NO, WRONG_USE, UNREACHABLE = 0, 1, 2, 3
MODBUS_PORT = 502
LONGEST_TIMEOUT_S = 60.0
OF_THE_EXTRA = frozenset({"pymodbus", "paho"})

EXAMPLES = """examples, in the order in which a gateway comes to life:
  sunreeve-edge scan 192.168.1.20         what models does the inverter have?
  sunreeve-edge read 192.168.1.20 --json  what does it say now?
  sunreeve-edge check agent.toml          are the settings in order?
  sunreeve-edge provision agent.toml --claim claim.pem --claim-key claim.key --token-file token
                                          get this gateway's own certificate, once
  sunreeve-edge commission agent.toml -o report.html
                                          does everything work, and what is to be done next?
  sunreeve-edge run agent.toml            poll and send, until Ctrl-C
  sunreeve-edge queue agent.toml          what waits to be sent?

exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 the outside is unreachable
"""


class WrongUse(Exception):
    """The command cannot be carried out as it was given; the message is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    # A terminal that knows few letters shows question marks for the others.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        code = command(options)
        sys.stdout.flush()
    except (WrongUse, settings.SettingsError) as error:
        return _fail(WRONG_USE, str(error))
    except Unreachable as error:
        return _fail(UNREACHABLE, f"{error}; check address, port and power")
    except ReadFailed as error:
        return _fail(NO, str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OF_THE_EXTRA:
            raise
        hint = "install the agent with its extra: pip install 'sunreeve[edge]'"
        return _fail(WRONG_USE, f"starting: {error.name} is not installed; {hint}")
    except KeyboardInterrupt:
        return _fail(NO, "interrupted")
    except BrokenPipeError:
        # Who reads our output has seen enough; Python would complain once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


def _fail(code: int, message: str) -> int:
    sys.stderr.write(f"sunreeve-edge: {message}\n")
    return code


class _Parser(argparse.ArgumentParser):
    """A parser whose last words are made when somebody reads them, and whose errors are a line."""

    last_words: Callable[[], str] | None = None

    def format_help(self) -> str:
        if self.last_words is not None:
            self.epilog = self.last_words()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USE, f"sunreeve-edge: {message}; {self.prog} --help says more\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sunreeve-edge",
        description="The agent in the home: reads inverters and batteries, sends what they said.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(
        name: str, act: Callable[[argparse.Namespace], int], says: str, *names: str, more: str = ""
    ) -> _Parser:
        sub = commands.add_parser(
            name,
            help=says,
            description=f"{says[0].upper()}{says[1:]}.",
            epilog=more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for argument in names:
            sub.add_argument(argument)
        sub.set_defaults(command=act)
        return sub

    _add_running(command)
    _add_looking(command)
    _add_installing(command)
    return parser


def _add_running(command: Callable[..., _Parser]) -> None:
    command(
        "run",
        _run,
        "poll devices and send readings until stopped",
        "CONFIG",
        more="The log goes to standard error, at the level of the settings' entry log.\n"
        "edge_agent/operation/systemd has a unit that runs it as a service.",
    )
    command("check", _check, "check a settings file", "CONFIG")
    command("status", _status, "say what the agent last knew of its devices", "CONFIG")
    _add_queue(command("queue", _queue, "say what waits in the queue", "CONFIG"))


def _add_looking(command: Callable[..., _Parser]) -> None:
    for name, act, says in (
        ("scan", _scan, "find the models of a device"),
        ("read", _read, "read all models of a device once"),
        ("dump", _dump, "save the registers of a device as an image"),
    ):
        sub = command(name, act, says, "HOST", more=_device_examples(name))
        sub.add_argument("--unit", type=int, help="unit id (default: tries the usual ones)")
        sub.add_argument("--timeout", type=float, default=2.0, help="seconds per request")
        if name == "dump":
            sub.add_argument("-o", "--output", required=True, help="file to write")
        else:
            sub.add_argument("--json", action="store_true", help="print JSON")
    sub = command("sim", _sim, "serve a register image over Modbus TCP", "IMAGE")
    sub.add_argument("--port", type=int, default=0, help="port (default: any free one)")
    sub.add_argument("--fault", default="none", help="what it does wrong; see below")
    sub.last_words = _faults_explained


def _add_installing(command: Callable[..., _Parser]) -> None:
    sub = command(
        "commission",
        _commission,
        "make the installer's report: devices, values, broker",
        "CONFIG",
        more="It connects to the broker as the gateway; an agent that runs is cut off for a "
        "moment.\nexit codes: 0 all in order, 1 something is not, 3 nothing can be reached",
    )
    sub.add_argument("--json", action="store_true", help="print JSON")
    sub.add_argument("-o", "--output", help="file for a page to print or to send (HTML)")
    _add_provision(command)
    sub = command(
        "support-bundle",
        _support_bundle,
        "collect what support needs, without secrets",
        "CONFIG",
        more="Keys, passwords and the text of the settings file stay here; of serial numbers the\n"
        "last four letters are left. The file says in ABOUT.txt what is in it.",
    )
    sub.add_argument("-o", "--output", required=True, help="zip file to write")
    sub.add_argument("--scan", action="store_true", help="look for the models of each device, too")
    sub = command(
        "profiles",
        _profiles,
        "list the profiles of devices outside SunSpec, or check one",
        more="examples:\n  sunreeve-edge profiles\n  sunreeve-edge profiles /etc/sunreeve/own.toml",
    )
    sub.add_argument("FILE", nargs="?", help="name of a profile, or a TOML file")


def _add_provision(command: Callable[..., _Parser]) -> None:
    sub = command(
        "provision",
        _provision,
        "get the gateway's own certificate with a claim and a one-time token",
        "CONFIG",
        more="The key is made here, by openssl, and never leaves this machine. The claim and the\n"
        "token's file are removed once the certificate was used. Broken off at any moment, the\n"
        "same command goes on; after half an hour operations makes another token.\n"
        "exit codes: 0 it has its certificate, 1 no, 2 wrong use, 3 the broker is unreachable",
    )
    sub.add_argument("--claim", required=True, help="file of the claim certificate (PEM)")
    sub.add_argument("--claim-key", required=True, help="file of its key (PEM)")
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument("--token", help="the one-time token; others on this machine can see it")
    which.add_argument("--token-file", help="file that holds the token alone")


def _add_queue(sub: argparse.ArgumentParser) -> None:
    sub.epilog = (
        "examples:\n"
        "  sunreeve-edge queue agent.toml             how much waits\n"
        "  sunreeve-edge queue agent.toml --peek 1    the newest chunk that waits\n"
        "  sunreeve-edge queue agent.toml --export chunks.jsonl\n"
        "It reads only; an agent that runs is not disturbed."
    )
    which = sub.add_mutually_exclusive_group()
    which.add_argument("--peek", type=int, metavar="N", help="print the newest N that wait")
    which.add_argument("--export", metavar="FILE", help="write all chunks, a line of JSON each")


def _device_examples(name: str) -> str:
    more = " -o image.json" if name == "dump" else ""
    return (
        f"HOST may have a port: 192.168.1.20:1502, [fe80::1]:502.\nexamples:\n"
        f"  sunreeve-edge {name} 192.168.1.20{more}\n"
        f"  sunreeve-edge {name} 192.168.1.20 --unit 126 --timeout 5{more}"
    )


def _faults() -> dict[str, str]:
    """Return the names of what a simulated device can do wrong."""
    from edge_agent.simulator.server import Misbehaviour  # noqa: PLC0415 - not on every gateway

    return {fault.value: fault.name for fault in Misbehaviour}


def _faults_explained() -> str:
    return f"faults: {', '.join(_faults())}"


def _address(host: str) -> tuple[str, int]:
    """Return host and port of `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`; a bare V6 has no port."""
    name, port = host, ""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        has_port = port.startswith(":")
        port = port.removeprefix(":")
    else:
        has_port = host.count(":") == 1
        if has_port:
            name, _, port = host.partition(":")
    if not name:
        raise WrongUse(f"reading the address {host}: there is no host in it")
    if not has_port and not port:
        return name, MODBUS_PORT
    if not (port.isascii() and port.isdigit()) or not 1 <= int(port[:6]) <= 65_535:
        raise WrongUse(f"reading the address {host}: the port is no number from 1 to 65535")
    return name, int(port)


def _open(options: argparse.Namespace) -> tuple[RegisterSource, Any]:
    from edge_agent.modbus import Registers  # noqa: PLC0415 - needs an extra
    from edge_agent.patient import Patient  # noqa: PLC0415 - not for run
    from edge_agent.sunspec.scan import UNITS, scan  # noqa: PLC0415 - not for run

    name, port = _address(options.HOST)
    if options.unit is not None and not 0 <= options.unit <= 255:
        raise WrongUse(f"reading unit {options.unit}: unit ids go from 0 to 255")
    if not 0 < options.timeout <= LONGEST_TIMEOUT_S:
        raise WrongUse(f"waiting {options.timeout} s: --timeout goes from 0 to 60 seconds")
    source = Patient(Registers(name, port, options.timeout))
    try:
        chain = scan(source, UNITS if options.unit is None else (options.unit,))
    except ShortReply as error:
        source.close()
        hint = "the device, or what stands between, cuts its answers; switch it off and on"
        raise ReadFailed(f"{error}; {hint}") from error
    except DeviceRefused as error:
        source.close()
        what = "the device is busy" if isinstance(error, Busy) else "nothing behind the gateway"
        raise ReadFailed(f"{error}; {what}; try again, or give another --unit") from error
    except ReadFailed:
        source.close()
        raise
    if chain is None:
        source.close()
        raise ReadFailed(f"scanning {options.HOST}: no SunSpec models at 40000, 0 or 50000")
    return source, chain


def _scan(options: argparse.Namespace) -> int:
    from edge_agent.sunspec.report import scan_report  # noqa: PLC0415 - not for run

    source, chain = _open(options)
    try:
        report = scan_report(options.HOST, chain, source)
    finally:
        source.close()
    if options.json:
        return _print_json(report)
    for model in report["models"]:
        name = " ".join([model["name"], *model["flags"]])
        print(f"{model['address']:>6} {model['model']:>6} {model['length']:>4} {name}")
    return DONE


def _read(options: argparse.Namespace) -> int:
    from edge_agent.sunspec.report import read_report  # noqa: PLC0415 - not for run

    source, chain = _open(options)
    try:
        report = read_report(options.HOST, source, chain)
    finally:
        source.close()
    if options.json:
        return _print_json(report)
    for model in report["models"]:
        print(" ".join([str(model["model"]), model["name"], *model["flags"]]))
        for name, point in model["points"].items():
            if isinstance(point, dict) and point.get("value") is not None:
                print(f"  {name:<12} {point['value']} {point['unit'] or ''}".rstrip())
    return DONE


def _dump(options: argparse.Namespace) -> int:
    from edge_agent.simulator.image import Image, to_json  # noqa: PLC0415 - not on every gateway
    from edge_agent.sunspec.report import chain_registers  # noqa: PLC0415 - not for run

    source, chain = _open(options)
    try:
        blocks, missing = chain_registers(source, chain)
    finally:
        source.close()
    image = to_json(Image(chain.unit, blocks), name=options.HOST, source="dump")
    _write(options.output, json.dumps(image) + "\n")
    count = sum(len(words) for _, words in blocks)
    print(f"{count} registers from {chain.base} on in {options.output}")
    for what in missing:
        print(f"missing: {what}")
    return DONE


def _sim(options: argparse.Namespace) -> int:
    from edge_agent.simulator import image, server, stand  # noqa: PLC0415 - not on every gateway

    if options.fault not in _faults():
        raise WrongUse(f"serving with the fault {options.fault}: {_faults_explained()}")
    try:
        return stand.serve(
            image.from_file(Path(options.IMAGE)),
            number=options.port,
            misbehaviour=server.Misbehaviour(options.fault),
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
    _finish_renewal(checked)
    from edge_agent.agent import Agent  # noqa: PLC0415 - needs an extra
    from edge_agent.clock import SystemClock  # noqa: PLC0415 - only for run
    from edge_agent.operation import journal  # noqa: PLC0415 - only for run
    from edge_agent.operation.supervision import Supervisor  # noqa: PLC0415 - only for run
    from edge_agent.running import run  # noqa: PLC0415 - needs an extra

    journal.start(checked.log, os.environ)
    clock = SystemClock(asks_kernel=checked.clock == "kernel")
    agent = Agent(checked, clock=clock, boot_id=secrets.token_hex(8))
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        agent.wake()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    print(f"{checked.thing}: polling {len(checked.devices)} devices", flush=True)
    run(agent, Supervisor.from_environment(os.environ), stopping)
    return DONE


def _finish_renewal(checked: settings.Settings) -> None:
    """Carry out a change of certificate that a power cut broke off."""
    if not checked.broker.has_tls or not Path(f"{checked.broker.cert}.new").exists():
        return
    from edge_agent.operation import credentials  # noqa: PLC0415 - after a power cut only

    try:
        credentials.settle(credentials.Pair.of(checked.broker))
    except credentials.CredentialsError as error:
        raise WrongUse(str(error)) from error


def _status(options: argparse.Namespace) -> int:
    from edge_agent.queue.inspection import QueueUnreadable  # noqa: PLC0415 - not for run

    checked = settings.load(Path(options.CONFIG))
    try:
        with _look_into(checked.outbox) as queue:
            return _print_json(queue.states())
    except QueueUnreadable as error:
        raise WrongUse(str(error)) from error


def _queue(options: argparse.Namespace) -> int:
    from edge_agent.queue.inspection import QueueUnreadable  # noqa: PLC0415 - not for run

    checked = settings.load(Path(options.CONFIG))
    if options.peek is not None and options.peek < 1:
        raise WrongUse(f"looking at {options.peek} chunks: --peek takes a number from 1 on")
    try:
        with _look_into(checked.outbox) as queue:
            if options.peek is not None:
                for chunk in queue.chunks(most=options.peek):
                    _print_json(chunk)
                return DONE
            if options.export is not None:
                return _export(queue.chunks(), options.export)
            notes = queue.notes()
            dropped = {name: notes.get(name, 0) for name in ("lost", "thin", "lost_events")}
            return _print_json(queue.counts() | dropped)
    except QueueUnreadable as error:
        raise WrongUse(str(error)) from error


def _look_into(outbox: Path) -> "Inspection":
    from edge_agent.queue.inspection import Inspection  # noqa: PLC0415 - not for run

    try:
        return Inspection(outbox)
    except OSError as error:
        raise WrongUse(f"opening the queue {outbox}: {error.strerror}") from error


def _export(chunks: Iterable[dict[str, Any]], output: str) -> int:
    """Write chunks one by one: there may be more of them than memory holds."""
    count = 0
    try:
        with Path(output).open("w", encoding="ascii") as file:
            for chunk in chunks:
                file.write(json.dumps(chunk) + "\n")
                count += 1
    except OSError as error:
        raise WrongUse(f"writing {output}: {error.strerror}") from error
    print(f"{count} chunks in {output}")
    return DONE


def _commission(options: argparse.Namespace) -> int:
    from edge_agent.clock import SystemClock  # noqa: PLC0415 - not for run
    from edge_agent.operation import commission  # noqa: PLC0415 - not for run
    from edge_agent.operation.certificate import certificate_days  # noqa: PLC0415 - not for run
    from edge_agent.remote import in_force  # noqa: PLC0415 - not for run

    checked, origin = in_force(settings.load(Path(options.CONFIG)))
    found = commission.report(
        checked,
        SystemClock(asks_kernel=checked.clock == "kernel"),
        probe=commission.probe_over_modbus,
        reach=commission.reach_over_mqtt,
        days_left=certificate_days,
        origin=origin,
    )
    if options.output:
        _write(options.output, commission.as_page(found))
    if options.json:
        _print_json(commission.as_data(found))
    else:
        print(commission.as_text(found))
    if found.is_nothing_reachable:
        return UNREACHABLE
    return NO if found.has_failed else DONE


def _provision(options: argparse.Namespace) -> int:
    checked = settings.load(Path(options.CONFIG))
    from edge_agent.operation import provisioning  # noqa: PLC0415 - once in a gateway's life

    token_file = None if options.token_file is None else Path(options.token_file)
    try:
        token = options.token or ""
        if token_file is not None and token_file.exists():
            token = token_file.read_text(encoding="ascii").strip()
        claim = provisioning.Claim(Path(options.claim), Path(options.claim_key), token, token_file)
        is_new = provisioning.provision(checked, claim)
    except (provisioning.CredentialsError, provisioning.NotProvisioned, ValueError) as error:
        return _fail(NO, f"provisioning {checked.thing}: {error}")
    except OSError as error:
        hint = "nothing is lost, give the same command again"
        return _fail(UNREACHABLE, f"provisioning {checked.thing}: {error}; {hint}")
    what = "has its certificate" if is_new else "had its certificate already"
    print(f"{checked.thing}: {what}, {checked.broker.cert}; claim and token are removed")
    return DONE


def _support_bundle(options: argparse.Namespace) -> int:
    from edge_agent.operation import support  # noqa: PLC0415 - not for run

    try:
        names = support.write_bundle(
            Path(options.CONFIG),
            Path(options.output),
            journal=support.journal_tail,
            scan=support.scan_of if options.scan else None,
        )
    except OSError as error:
        raise WrongUse(f"writing {options.output}: {error.strerror}") from error
    print(f"{len(names)} files in {options.output}; look at it before you send it")
    return DONE


def _profiles(options: argparse.Namespace) -> int:
    from edge_agent.profiles import file as profile_file  # noqa: PLC0415 - not for run

    if options.FILE is None:
        for name in settings.profile_names():
            notes = profile_file.load(name).notes
            print(f"{name:<20} {notes['maker']}, {notes['says']}")
        return DONE
    path = Path(options.FILE)
    try:
        if path.suffix == ".toml" and path.is_file():
            profile = profile_file.load_file(path)
        else:
            profile = profile_file.load(options.FILE)
    except profile_file.ProfileError as error:
        return _fail(NO, str(error))
    columns = ", ".join(column.column for column in profile.columns)
    print(f"{options.FILE}: {profile.name}, {len(profile.reads)} requests a poll, in order")
    print(f"columns: {columns}")
    if "source" in profile.notes:
        print(f"compared with: {profile.notes['source']}")
    return DONE


def _write(output: str, text: str) -> None:
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"writing {output}: {error.strerror}") from error


def _print_json(data: dict[str, Any]) -> int:
    # A terminal that knows few letters gets the others escaped: question marks are not what was.
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(data, ensure_ascii=not is_unicode))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
