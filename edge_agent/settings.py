"""The agent's settings: one TOML file, checked whole before anything starts."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MOST_DEVICES = 32
MOST_ROWS = 1500

Part = TypeVar("Part")


class SettingsError(ValueError):
    """The settings cannot be used; the message is one line and names the entry."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where messages go. `ca`, `cert` and `key` are paths of PEM files, all or none.

    Without them the connection is plain, which is allowed to this machine only.
    """

    host: str
    port: int = 8883
    ca: str = ""
    cert: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        _check_text("broker.host", self.host)
        _check_number("broker.port", self.port, 1, 65_535)
        given = [bool(path) for path in (self.ca, self.cert, self.key)]
        if any(given) and not all(given):
            raise SettingsError("broker: give all of ca, cert and key, or none of them")
        if not any(given) and self.host not in LOOPBACK:
            raise SettingsError(f"broker.host {self.host}: needs ca, cert and key")

    @property
    def has_tls(self) -> bool:
        """Tell whether the connection is encrypted and both ends show certificates."""
        return bool(self.ca)


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """One device on the home's network.

    Attributes:
        name: what people and the log call it.
        host: address or name on the home's network.
        port: of Modbus/TCP.
        unit: Modbus unit id; the usual ones are tried when it is not given.
        rated_w: rated AC power in watts, to tell jumps of the counters by.
        timeout_s: how long one request may take.
        pause_s: how long the device is left alone between two requests.
        profile: name of a file in `profiles/`, for a device that does not speak SunSpec.
        serial: its serial number. Another device is refused, and when it is silent it is looked
            for in the network of its host (`edge_agent.discovery`).
        dc_of: name of the inverter on whose DC side this battery hangs.
    """

    name: str
    host: str
    port: int = 502
    unit: int | None = None
    rated_w: int | None = None
    timeout_s: float = 0.5
    pause_s: float = 0.0
    profile: str = ""
    serial: str = ""
    dc_of: str = ""

    def __post_init__(self) -> None:
        _check_text("device.name", self.name)
        _check_text(f"device {self.name}: host", self.host)
        _check_number(f"device {self.name}: port", self.port, 1, 65_535)
        if self.unit is not None:
            _check_number(f"device {self.name}: unit", self.unit, 0, 255)
        if self.rated_w is not None:
            _check_number(f"device {self.name}: rated_w", self.rated_w, 1, 1_000_000)
        if type(self.timeout_s) not in {int, float} or not 0.05 <= self.timeout_s <= 10:
            raise SettingsError(f"device {self.name}: timeout_s is no number from 0.05 to 10")
        if type(self.pause_s) not in {int, float} or not 0 <= self.pause_s <= 5:
            raise SettingsError(f"device {self.name}: pause_s is no number from 0 to 5")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings.

    Attributes:
        thing: name of the gateway in every message, topic and certificate.
        outbox: file of the queue.
        broker: where messages go.
        devices: what is read.
        poll_s: seconds between readings.
        window_s: seconds in a chunk.
        chunk_rule: topic rule of chunks.
        event_rule: topic rule of events.
        log: least level that is logged.
        keep_days: how long what cannot be sent is kept.
        keep_mb: how large the queue may grow.
        backfill_per_s: chunks a second that are sent late; what is new is not held back.
        backfill_within_s: sending late begins at a random moment within so many seconds.
    """

    thing: str
    outbox: Path
    broker: BrokerSettings
    devices: tuple[DeviceSettings, ...]
    poll_s: int = 60
    window_s: int = 3600
    chunk_rule: str = "sunreeve_chunks"
    event_rule: str = "sunreeve_events"
    log: str = "info"
    keep_days: int = 90
    keep_mb: int = 64
    backfill_per_s: float = 5.0
    backfill_within_s: int = 300

    def __post_init__(self) -> None:
        _check_text("thing", self.thing)
        if not self.thing.isascii() or not self.thing.replace("-", "").replace("_", "").isalnum():
            raise SettingsError(f"thing {self.thing}: only letters, digits, - and _ can be used")
        _check_number("poll_s", self.poll_s, 1, 86_400)
        _check_number("window_s", self.window_s, 1, 86_400)
        if self.window_s % self.poll_s or 86_400 % self.window_s:
            raise SettingsError("window_s: must be a multiple of poll_s and divide a day")
        if self.window_s // self.poll_s > MOST_ROWS:
            raise SettingsError(f"window_s: holds more than {MOST_ROWS} polls")
        if not 1 <= len(self.devices) <= MOST_DEVICES:
            raise SettingsError(f"device: there must be 1 to {MOST_DEVICES} of them")
        if len({device.name for device in self.devices}) < len(self.devices):
            raise SettingsError("device: two have the same name")

    @property
    def chunk_topic(self) -> str:
        """Return the Basic Ingest topic of chunks."""
        return f"$aws/rules/{self.chunk_rule}/{self.thing}/chunk"

    @property
    def event_topic(self) -> str:
        """Return the Basic Ingest topic of events."""
        return f"$aws/rules/{self.event_rule}/{self.thing}/event"

    @property
    def status_topic(self) -> str:
        """Return the ordinary topic of the last will."""
        return f"sunreeve/{self.thing}/status"


def load(path: Path) -> Settings:
    """Read and check a settings file.

    Raises:
        SettingsError: the file is missing, is no TOML, or an entry is wrong or unknown.
    """
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"reading settings {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"reading settings {path}: {error}") from error
    try:
        return from_tables(tables)
    except SettingsError as error:
        raise SettingsError(f"checking settings {path}: {error}") from error


def from_tables(tables: Mapping[str, Any]) -> Settings:
    """Return checked settings from the tables of the file: `[broker]` and one `[[device]]` each.

    Raises:
        SettingsError: an entry is missing, unknown or wrong.
    """
    rest = dict(tables)
    broker = _part(BrokerSettings, "broker", rest.pop("broker", None))
    entries = rest.pop("device", None)
    if not isinstance(entries, list):
        raise SettingsError("device: there must be a [[device]] table for each device")
    devices = tuple(_part(DeviceSettings, "device", entry) for entry in entries)
    if not isinstance(rest.get("outbox"), str):
        raise SettingsError("outbox: the path of the queue's file is missing")
    rest |= {"outbox": Path(rest["outbox"]), "broker": broker, "devices": devices}
    return _part(Settings, "settings", rest)


def _part(kind: type[Part], where: str, entries: Any) -> Part:
    if not isinstance(entries, dict):
        raise SettingsError(f"{where}: the table is missing")
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type] # only our dataclasses
    unknown = sorted(set(entries) - known)
    if unknown:
        raise SettingsError(f"{where}: there is no entry {unknown[0]}")
    try:
        return kind(**entries)
    except TypeError as error:
        raise SettingsError(f"{where}: {error}") from error


def _check_text(where: str, value: object) -> None:
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 128:
        raise SettingsError(f"{where}: must be a text of 1 to 128 characters")


def _check_number(where: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise SettingsError(f"{where}: must be a whole number from {least} to {most}")
