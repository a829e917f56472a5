"""The installer's report: what stands in the home, whether it answers, and whether it gets through.

Every line says what was looked at, how it went, and, when it did not go well, what to do next.
Nothing is judged by colour alone. What devices call themselves is shown as text and no more.
"""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from edge_agent.clock import Clock
from edge_agent.dictionary import COLUMNS, QUALITY_NAMES, QUALITY_OK
from edge_agent.health import AGENT_VERSION, LITTLE_DISK_MB, disk_free_mb
from edge_agent.reading import Reading, column_rank
from edge_agent.remote import OWN_FILE
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings
from edge_agent.source import ReadFailed, RegisterSource, Unreachable

BROKER_WAIT_S = 10.0
PROBE_BYTES = 4096
SOON_DAYS = 30
LIVE = {
    "W": "AC power",
    "DCW": "DC power of the modules",
    "PvW": "PV power",
    "WH": "energy so far",
    "SoC": "battery, charge",
    "SoH": "battery, health",
    "BatW": "battery, power out",
    "BatChgW": "battery, power in",
    "MtrW": "meter, power (sign as the device gives it)",
    "MtrWHImp": "meter, energy drawn",
    "MtrWHExp": "meter, energy given",
    "TmpCab": "cabinet",
}
"""Columns that an installer compares with what the displays of the devices show."""
NUMBERED = {"DCW": "input", "PrtW": "DC port"}
UNITS = {"Cel": "°C"}


class Verdict(Enum):
    """How one thing stands."""

    OK = "ok"
    LOOK = "look"
    """It works, and somebody should look at it."""
    FAIL = "fail"


SIGNS = {Verdict.OK: "✓", Verdict.LOOK: "!", Verdict.FAIL: "✗"}
WORDS = {Verdict.OK: "in order", Verdict.LOOK: "look at it", Verdict.FAIL: "not in order"}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at: how it stands, in words, and what to do if it is not well."""

    subject: str
    verdict: Verdict
    says: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device as it showed itself; texts are as the device has them, and not to be trusted."""

    name: str
    address: str
    line: Line
    is_reached: bool = False
    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    models: str = ""
    quality: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All that was looked at."""

    gateway: str
    at: float
    is_clock_set: bool
    devices: tuple[FoundDevice, ...]
    gateway_lines: tuple[Line, ...]
    is_broker_reached: bool
    origin: str
    """Which settings these are: the file's, or a configuration's from afar."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """Return every line, the devices' first."""
        return tuple(device.line for device in self.devices) + self.gateway_lines

    @property
    def has_failed(self) -> bool:
        """Tell whether something is not in order."""
        return any(line.verdict is Verdict.FAIL for line in self.lines)

    @property
    def is_nothing_reachable(self) -> bool:
        """Tell whether neither a device nor the broker answered."""
        return not self.is_broker_reached and not any(d.is_reached for d in self.devices)


Probe = Callable[[DeviceSettings, int], FoundDevice]
Reach = Callable[[Settings], str]
"""Publishes something and waits for the acknowledgement; returns why there is none, or nothing."""
DaysLeft = Callable[[Path, float], int | None]


def report(
    settings: Settings,
    clock: Clock,
    *,
    probe: Probe,
    reach: Reach,
    days_left: DaysLeft,
    origin: str = OWN_FILE,
) -> Report:
    """Look at everything that the settings name, one after the other, and return what was found."""
    now = clock.now()
    devices = doubles_failed([probe(device, int(now)) for device in settings.devices])
    broker = broker_line(settings, reach(settings))
    lines = [
        broker,
        *certificate_lines(settings.broker, now, days_left),
        clock_line(is_set=clock.is_synced()),
        disk_line(
            settings.outbox, disk_free_mb(settings.outbox), trouble=disk_trouble(settings.outbox)
        ),
    ]
    return Report(
        gateway=settings.thing,
        at=now,
        is_clock_set=clock.is_synced(),
        devices=devices,
        gateway_lines=tuple(lines),
        is_broker_reached=broker.verdict is Verdict.OK,
        origin=origin,
    )


# ------------------------------------------------------------------------------- looking
def probe_over_modbus(device: DeviceSettings, at: int) -> FoundDevice:
    """Look at a device over Modbus/TCP, as often as it takes for a first reading."""
    from edge_agent.modbus import Registers  # noqa: PLC0415 - needs an extra
    from edge_agent.patient import Patient  # noqa: PLC0415 - rare

    registers = Registers(device.host, device.port, max(device.timeout_s, 1.0))
    try:
        if device.profile:
            return probe_profile(device, Patient(registers), at)
        return probe_sunspec(device, Patient(registers), at)
    finally:
        registers.close()


def probe_sunspec(device: DeviceSettings, source: RegisterSource, at: int) -> FoundDevice:
    """Return what a SunSpec device says of itself, with one reading of its values."""
    from edge_agent.poll import Poller  # noqa: PLC0415 - rare
    from edge_agent.sunspec.report import read_report  # noqa: PLC0415 - rare
    from edge_agent.sunspec.scan import UNITS as USUAL_UNITS  # noqa: PLC0415 - rare
    from edge_agent.sunspec.scan import scan  # noqa: PLC0415 - rare

    where = f"{device.host}:{device.port}"
    try:
        chain = scan(source, USUAL_UNITS if device.unit is None else (device.unit,))
        if chain is None:
            return _not_found(
                device, "it answers, but speaks no SunSpec", "check the unit id; switch SunSpec on"
            )
        told = read_report(where, source, chain)
        poller = Poller(source, unit=chain.unit, rated_w=device.rated_w)
        reading = poller.poll(at)
    except Unreachable as error:
        return _silent(device, str(error))
    except ReadFailed as error:
        return _not_found(device, str(error), "try again; then call the maker of the device")
    plate = _nameplate(told["models"])
    oddities = list(told["flags"])
    oddities += [f"{model['model']}: {flag}" for model in told["models"] for flag in model["flags"]]
    return found(
        device,
        reading,
        address=f"{where} unit {chain.unit}",
        plate=plate,
        models=chain.label,
        oddities=tuple(oddities),
    )


def probe_profile(device: DeviceSettings, source: RegisterSource, at: int) -> FoundDevice:
    """Return one reading of a device that is read by a profile."""
    from edge_agent.profiles.file import load_file  # noqa: PLC0415 - rare
    from edge_agent.profiles.profile import ProfilePoller  # noqa: PLC0415 - rare

    path = device.profile_path
    if path is None:
        raise ValueError(f"device {device.name}: it has no profile")
    poller = ProfilePoller(source, load_file(path), draw=lambda: 1.0, unit=device.unit)
    reading = poller.poll(at)
    if reading is None:
        return _silent(device, poller.why)
    plate = {"SN": reading.serial}
    address = f"{device.host}:{device.port}"
    return found(device, reading, address=address, plate=plate, models=reading.layout, oddities=())


def found(
    device: DeviceSettings,
    reading: Reading | None,
    *,
    address: str,
    plate: Mapping[str, str],
    models: str,
    oddities: tuple[str, ...],
) -> FoundDevice:
    """Return a device that answered, judged."""
    quality = QUALITY_NAMES.get(reading.quality, "") if reading else ""
    return FoundDevice(
        name=device.name,
        address=address,
        line=device_line(device, reading, serial=plate.get("SN", ""), oddities=oddities),
        is_reached=True,
        maker=plate.get("Mn", ""),
        model=plate.get("Md", ""),
        serial=plate.get("SN", ""),
        firmware=plate.get("Vr", ""),
        models=models,
        quality=quality,
        values=live_values(reading.values) if reading else {},
        oddities=oddities,
    )


def disk_trouble(outbox: Path) -> str:
    """Write something where the queue lies or will lie, and take it away; return why not.

    Folders that are missing are not made; whether they can be is tried one level up.
    """
    try:
        if outbox.is_dir():
            return os.strerror(errno.EISDIR)
        if outbox.is_file() and not os.access(outbox, os.W_OK):
            return os.strerror(errno.EACCES)
        folder = outbox.absolute().parent
        while not folder.exists():
            folder = folder.parent
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def reach_over_mqtt(settings: Settings) -> str:
    """Connect as the gateway, have its status acknowledged, say goodbye; return why not.

    A running agent of the same name loses its connection for a moment.
    """
    from edge_agent.mqtt import Message, Uplink  # noqa: PLC0415 - needs an extra

    uplink = Uplink(settings.broker, thing=settings.thing, status_topic=settings.status_topic)
    try:
        if not uplink.open(BROKER_WAIT_S):
            return getattr(uplink, "why", "") or "no connection"
        # Twice: the second says that the agent is not there, as it is not.
        for text in (b'{"up":1}', b'{"up":0}'):
            message = Message(("status", 0), settings.status_topic, text)
            if not uplink.deliver([message], BROKER_WAIT_S):
                return "connected, but it acknowledges nothing"
    finally:
        uplink.close()
    return ""


# ------------------------------------------------------------------------------- judging
def device_line(
    device: DeviceSettings, reading: Reading | None, *, serial: str, oddities: Sequence[str]
) -> Line:
    """Judge a device that answered."""
    name = device.name
    if device.serial and serial != device.serial:
        return Line(
            name,
            Verdict.FAIL,
            f"another device answers: {serial or 'one without a serial number'}",
            f"find the one with the serial number {device.serial}, or correct the settings",
        )
    if reading is None:
        return Line(
            name,
            Verdict.FAIL,
            "found, but it gives no reading",
            "it has no serial number, or no model that is read; see the list of models",
        )
    quality = QUALITY_NAMES.get(reading.quality, str(reading.quality))
    if reading.quality == QUALITY_OK:
        if oddities:
            return Line(name, Verdict.OK, "answers; its oddities do no harm")
        return Line(name, Verdict.OK, "answers")
    hints = {
        "asleep": (Verdict.LOOK, "normal at night; by day check the DC switch"),
        "partial": (Verdict.LOOK, "some values are missing; update the firmware of the device"),
        "suspect": (Verdict.LOOK, "some values were refused; look again in a few minutes"),
        "faulted": (Verdict.FAIL, "read the fault on the display of the device and mend it"),
        "unreachable": (Verdict.FAIL, "it answered, then fell silent; check cable and power"),
    }
    verdict, hint = hints.get(quality, (Verdict.LOOK, "look again in a few minutes"))
    return Line(name, verdict, f"answers; its state is: {quality}", hint)


def doubles_failed(devices: Sequence[FoundDevice]) -> tuple[FoundDevice, ...]:
    """Return the devices; one that cannot be told from one before it fails, as the agent has it.

    A profile may read another part of a device: its models are not the same then.
    """
    seen: dict[tuple[str, str], str] = {}
    judged: list[FoundDevice] = []
    for device in devices:
        first = seen.setdefault((device.serial, device.models), device.name)
        if device.serial and first != device.name:
            says = f"it has the serial number of {first}, {device.serial}, and is not read"
            hint = (
                "correct its host, port or unit; if these are two devices, let their maker give "
                "one of them a number of its own"
            )
            line = Line(device.name, Verdict.FAIL, says, hint)
            judged.append(replace(device, line=line))
        else:
            judged.append(device)
    return tuple(judged)


def broker_line(settings: Settings, why_not: str) -> Line:
    """Judge the way to the broker."""
    where = f"{settings.broker.host}:{settings.broker.port}"
    if not why_not:
        how = "with the certificate" if settings.broker.has_tls else "without a certificate"
        return Line("broker", Verdict.OK, f"{where}: reached {how}, and it acknowledges")
    hint = f"check that this network lets port {settings.broker.port} out"
    if settings.broker.has_tls:
        hint += ", and that ca, cert and key belong to this gateway and broker"
    return Line("broker", Verdict.FAIL, f"{where}: {why_not}", hint)


def certificate_lines(broker: BrokerSettings, now: float, days_left: DaysLeft) -> list[Line]:
    """Judge how long the certificate lasts; without TLS there is none, and no line."""
    if not broker.has_tls:
        return []
    days = days_left(Path(broker.cert), now)
    if days is None:
        hint = f"check that {broker.cert} is there and is a certificate in PEM"
        return [Line("certificate", Verdict.FAIL, f"{broker.cert}: cannot be read", hint)]
    if days < 0:
        hint = "ask for a new one"
        return [Line("certificate", Verdict.FAIL, f"it ended {-days} days ago", hint)]
    if days < SOON_DAYS:
        return [Line("certificate", Verdict.LOOK, f"ends in {days} days", "ask for a new one")]
    return [Line("certificate", Verdict.OK, f"good for {days} days")]


def clock_line(*, is_set: bool) -> Line:
    """Judge the clock; readings are kept until it is set, so an unset one is no failure."""
    if is_set:
        return Line("clock", Verdict.OK, "set by a time server")
    hint = "check that this network lets NTP (UDP port 123) out; readings wait for it"
    return Line("clock", Verdict.LOOK, "not set by a time server yet", hint)


def disk_line(path: Path, free_mb: int | None, *, trouble: str = "") -> Line:
    """Judge the place of the queue, and the room for it."""
    if trouble:
        hint = "correct outbox, or let this user write there"
        return Line("disk", Verdict.FAIL, f"writing beside {path}: {trouble}", hint)
    if free_mb is None:
        return Line("disk", Verdict.FAIL, f"{path}: there is no such place", "correct outbox")
    if free_mb < LITTLE_DISK_MB:
        hint = f"make room: {LITTLE_DISK_MB} MB or more"
        return Line("disk", Verdict.LOOK, f"{free_mb} MB free for the queue", hint)
    return Line("disk", Verdict.OK, f"{free_mb} MB free for the queue")


def live_values(values: Mapping[str, int | None]) -> dict[str, str]:
    """Return the values that an installer compares, as texts with units, by what they are."""
    shown: dict[str, str] = {}
    for column in sorted(values, key=column_rank):
        value = values[column]
        base, _, number = column.rpartition("_")
        known = COLUMNS[column] if column in COLUMNS else COLUMNS[f"{base}_n"]
        if base in NUMBERED:
            title = f"{NUMBERED[base]} {number}, power"
        elif column in LIVE:
            title = LIVE[column]
        else:
            continue
        if value is not None:
            scaled = f"{value / 10**known.decimals:.{known.decimals}f}"
            shown[title] = f"{scaled} {UNITS.get(known.unit, known.unit)}"
    return shown


def _silent(device: DeviceSettings, why: str) -> FoundDevice:
    says = _reason(why) or "no connection"
    hint = "check power, cable, address and port, and that Modbus/TCP is switched on in the device"
    return FoundDevice(
        device.name,
        f"{device.host}:{device.port}",
        Line(device.name, Verdict.FAIL, f"does not answer: {says}", hint),
    )


def _not_found(device: DeviceSettings, says: str, hint: str) -> FoundDevice:
    return FoundDevice(
        device.name,
        f"{device.host}:{device.port}",
        Line(device.name, Verdict.FAIL, says, hint),
        is_reached=True,
    )


def _reason(message: str) -> str:
    """Return what went wrong, without the registers that were asked for."""
    return message.rpartition(": ")[2]


def _nameplate(models: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    for model in models:
        if model["model"] == 1:
            points = model["points"]
            return {
                name: plain(str(points[name]["value"]))
                for name in ("Mn", "Md", "SN", "Vr")
                if isinstance(points.get(name), dict) and points[name].get("value") is not None
            }
    return {}


def plain(text: str) -> str:
    """Return a device's text as it can be shown: no letters that steer, one line, not long."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).strip()[:64]


# ------------------------------------------------------------------------------- showing
def as_data(found: Report) -> dict[str, Any]:
    """Return a report as data, for other programs."""
    return {
        "gateway": found.gateway,
        "at": int(found.at),
        "clock_set": found.is_clock_set,
        "settings": found.origin,
        "agent": AGENT_VERSION,
        "result": "fail" if found.has_failed else "pass",
        "devices": [_data_of(device) for device in found.devices],
        "gateway_checks": [_line_data(line) for line in found.gateway_lines],
    }


def as_text(found: Report) -> str:
    """Return a report as lines for a terminal."""
    lines = [f"{found.gateway} at {moment(found)}, by {found.origin}"]
    for device in found.devices:
        lines += _text_of(device.line)
        about = [device.maker, device.model, device.serial, device.firmware]
        known = ", ".join(part for part in about if part)
        if device.is_reached:
            lines.append(f"    {device.address}  {known}  {device.models}".rstrip())
        lines += [f"    {title:<24}{value:>14}" for title, value in device.values.items()]
        if device.oddities:
            lines.append(f"    odd: {', '.join(device.oddities)}")
    for line in found.gateway_lines:
        lines += _text_of(line)
    return "\n".join([*lines, result(found)])


def as_page(found: Report) -> str:
    """Return a report as one HTML page that needs nothing else."""
    from edge_agent.operation.commission_page import page  # noqa: PLC0415 - only this needs it

    return page(found)


def _text_of(line: Line) -> list[str]:
    lines = [f"{SIGNS[line.verdict]} {line.subject}: {line.says}"]
    return [*lines, f"    -> {line.next}"] if line.next else lines


def result(found: Report) -> str:
    """Return the result in one sentence."""
    failed = sum(line.verdict is Verdict.FAIL for line in found.lines)
    if not failed:
        return "PASS: everything that must work works"
    return f"FAIL: {failed} of {len(found.lines)} not in order"


def moment(found: Report) -> str:
    """Return when the report was made, for people."""
    text = datetime.fromtimestamp(found.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return text if found.is_clock_set else f"{text} (the clock is not set)"


def _line_data(line: Line) -> dict[str, str]:
    return {
        "subject": line.subject,
        "verdict": line.verdict.value,
        "says": line.says,
        "next": line.next,
    }


def _data_of(device: FoundDevice) -> dict[str, Any]:
    entries = asdict(device)
    return entries | {"line": _line_data(device.line), "oddities": list(device.oddities)}
