"""The agent's settings: one TOML file, checked whole before anything starts.

Every error is one line: the file, the entry, what is wrong with it, what to do.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MOST_DEVICES = 32
MOST_ROWS = 1500
LOG_LEVELS = ("debug", "info", "warning", "error")
CLOCKS = ("kernel", "machine")
PROFILES = Path(__file__).parent / "profiles"
"""Where the profiles lie that come with the agent."""
MOST_SHOWN = 60
"""Letters of a wrong entry that an error repeats."""

_THING = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_RULE = re.compile(r"[A-Za-z0-9_]{1,128}", re.ASCII)
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,63}", re.ASCII)
_TEMPLATE = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
_PROFILE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

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
        _check_host("broker.host", self.host)
        _check_number("broker.port", self.port, 1, 65_535)
        files = {"ca": self.ca, "cert": self.cert, "key": self.key}
        for name, path in files.items():
            _check_path(f"broker.{name}", path, may_be_empty=True)
        missing = [name for name, path in files.items() if not path]
        if missing and len(missing) < len(files):
            raise SettingsError(
                f"broker: give all of ca, cert and key, or none of them; {missing[0]} is missing"
            )
        if missing and self.host not in LOOPBACK:
            raise SettingsError(
                f"broker.host {self.host}: needs ca, cert and key; only 127.0.0.1 goes without"
            )

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
        profile: name of a file in `profiles/`, or the absolute path of one, for a device that does
            not speak SunSpec.
        serial: its serial number. Another device is refused, and when it is silent it is looked
            for in the network of its host (`edge_agent.discovery`).
        dc_of: name of the inverter on whose DC side this battery hangs.
    """

    name: str
    host: str
    port: int = 502
    unit: int | None = None
    rated_w: int | None = None
    timeout_s: float = 2.0
    pause_s: float = 0.0
    profile: str = ""
    serial: str = ""
    dc_of: str = ""

    def __post_init__(self) -> None:
        _check_text("device.name", self.name)
        where = f"device {_shown(self.name)}:"
        _check_host(f"{where} host", self.host)
        _check_number(f"{where} port", self.port, 1, 65_535)
        if self.unit is not None:
            _check_number(f"{where} unit", self.unit, 0, 255)
        if self.rated_w is not None:
            _check_number(f"{where} rated_w", self.rated_w, 1, 1_000_000)
        _check_seconds(f"{where} timeout_s", self.timeout_s, 0.05, 10)
        _check_seconds(f"{where} pause_s", self.pause_s, 0, 5)
        if self.serial != "":
            _check_text(f"{where} serial", self.serial, most=64)
        if self.dc_of != "":
            _check_text(f"{where} dc_of", self.dc_of)
            if self.dc_of == self.name:
                raise SettingsError(f"{where} dc_of names the device itself; name its inverter")
        if self.profile != "":
            _check_text(f"{where} profile", self.profile, most=1024)
            if not _PROFILE.fullmatch(self.profile) and not self.has_own_profile:
                raise SettingsError(
                    f"{where} profile {_shown(self.profile)}: must be a name such as "
                    "solaredge_battery, or an absolute path that ends with .toml"
                )

    @property
    def has_own_profile(self) -> bool:
        """Tell whether the profile is a file of the owner's, not one that comes with the agent."""
        return Path(self.profile).is_absolute() and self.profile.endswith(".toml")

    @property
    def profile_path(self) -> Path | None:
        """Return the file of the profile, None for a device that speaks SunSpec."""
        if not self.profile:
            return None
        return Path(self.profile) if self.has_own_profile else PROFILES / f"{self.profile}.toml"


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
        clock: who says that the time is right: the `kernel`, once a time server set it, or the
            `machine`, whose clock is then believed as it is (battery-backed, or a virtual one).
        keep_days: how long what cannot be sent is kept.
        keep_mb: how large the queue may grow.
        backfill_per_s: chunks a second that are sent late; what is new is not held back.
        backfill_within_s: sending late begins at a random moment within so many seconds.
        serial: the gateway's own serial number, as it stands on it; it gets certificates by it.
        claim_template, renew_template: names under which the cloud gives the first certificate,
            and the next one.
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
    clock: str = "kernel"
    keep_days: int = 90
    keep_mb: int = 64
    backfill_per_s: float = 5.0
    backfill_within_s: int = 300
    serial: str = ""
    claim_template: str = "sunreeve-claim"
    renew_template: str = "sunreeve-renew"

    def __post_init__(self) -> None:
        _check_text("thing", self.thing)
        if not _THING.fullmatch(self.thing):
            raise SettingsError(
                f"thing {_shown(self.thing)}: only letters, digits, - and _ can be used"
            )
        for name, rule in (("chunk_rule", self.chunk_rule), ("event_rule", self.event_rule)):
            _check_text(name, rule)
            if not _RULE.fullmatch(rule):
                raise SettingsError(f"{name}: only letters, digits and _ can be used")
        if self.serial != "":
            _check_text("serial", self.serial, most=64)
            if not _SERIAL.fullmatch(self.serial):
                raise SettingsError("serial: must be 3 to 64 letters, digits, - and _")
        for name, template in (
            ("claim_template", self.claim_template),
            ("renew_template", self.renew_template),
        ):
            _check_text(name, template)
            if not _TEMPLATE.fullmatch(template):
                raise SettingsError(f"{name}: must be 1 to 36 letters, digits, - and _")
        if self.outbox.name in {"", ".."}:
            where = _shown(str(self.outbox))
            raise SettingsError(f"outbox {where}: must be the path of a file, as x/outbox.sqlite")
        _check_number("poll_s", self.poll_s, 1, 86_400)
        _check_number("window_s", self.window_s, 1, 86_400)
        if self.window_s % self.poll_s or 86_400 % self.window_s:
            raise SettingsError(
                f"window_s {self.window_s}: must be a multiple of poll_s ({self.poll_s}) and "
                "divide a day, such as 900 or 3600"
            )
        if self.window_s // self.poll_s > MOST_ROWS:
            raise SettingsError(
                f"window_s {self.window_s}: holds more than {MOST_ROWS} polls; shorten it"
            )
        if self.log not in LOG_LEVELS:
            raise SettingsError(f"log: must be one of {', '.join(LOG_LEVELS)}")
        if self.clock not in CLOCKS:
            raise SettingsError(f"clock: must be one of {', '.join(CLOCKS)}")
        _check_number("keep_days", self.keep_days, 1, 365)
        _check_number("keep_mb", self.keep_mb, 8, 4096)
        _check_seconds("backfill_per_s", self.backfill_per_s, 0.1, 100)
        _check_number("backfill_within_s", self.backfill_within_s, 0, 3600)
        _check_devices(self.devices)

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
    """Read and check a settings file, and the profiles that it names.

    Raises:
        SettingsError: the file is missing, is no TOML, or an entry is wrong or unknown.
    """
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"reading settings {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"reading settings {path}: byte {error.start} is no UTF-8; save the file as UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:  # no TOML, or a number too long to be read
        raise SettingsError(f"reading settings {path}: {_one_line(str(error))}") from error
    try:
        settings = from_tables(tables)
        check_profiles(settings.devices)
    except SettingsError as error:
        raise SettingsError(f"checking settings {path}: {error}") from error
    return settings


def from_tables(tables: Mapping[str, Any]) -> Settings:
    """Return checked settings from the tables of the file: `[broker]` and one `[[device]]` each.

    Raises:
        SettingsError: an entry is missing, unknown or wrong.
    """
    rest = dict(tables)
    broker, entries = rest.pop("broker", None), rest.pop("device", None)
    if broker is None:
        raise SettingsError(f"broker: the table is missing; add [broker]{_instead(rest, 'broker')}")
    if entries is None:
        raise SettingsError(
            f"device: there must be a [[device]] table for each device{_instead(rest, 'device')}"
        )
    if "devices" in rest:
        raise SettingsError("settings: there is no entry devices; did you mean [[device]]?")
    _check_names(Settings, "settings", rest)
    outbox = rest.get("outbox")
    if not isinstance(outbox, str):
        raise SettingsError('outbox: the path of the queue\'s file is missing; add outbox = "..."')
    _check_path("outbox", outbox, may_be_empty=False)
    rest |= {
        "broker": _part(BrokerSettings, "broker", broker),
        "devices": devices_from(entries),
        "outbox": Path(outbox),
    }
    return _part(Settings, "settings", rest)


def devices_from(entries: Any) -> tuple[DeviceSettings, ...]:
    """Return the devices of a list of `[[device]]` tables.

    Raises:
        SettingsError: it is no list, or an entry of a table is missing, unknown or wrong.
    """
    if not isinstance(entries, list):
        raise SettingsError("device: there must be a [[device]] table for each device, in [[ ]]")
    return tuple(_part(DeviceSettings, "device", entry) for entry in entries)


def check_profiles(devices: Iterable[DeviceSettings]) -> None:
    """Check that every profile that is named is there and in order.

    Raises:
        SettingsError: one is not.
    """
    for device in devices:
        path = device.profile_path
        if path is None:
            continue
        where = f"device {_shown(device.name)}"
        try:
            is_there = path.is_file()
        except OSError as error:
            raise SettingsError(f"{where}: opening its profile: {error.strerror}") from error
        if not is_there:
            known = profile_names()
            hint = _near(device.profile, known) or f"; there are {', '.join(known) or 'none'}"
            raise SettingsError(f"{where}: there is no profile {_shown(device.profile)}{hint}")
        # Not at the top: a gateway without such devices need not know how to read one.
        from edge_agent.profiles.file import ProfileError, load_file  # noqa: PLC0415

        try:
            load_file(path)
        except ProfileError as error:
            raise SettingsError(f"{where}: {_one_line(str(error))}") from error


def profile_names() -> list[str]:
    """Return the names of the profiles that come with the agent."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def _part(kind: type[Part], where: str, entries: Any) -> Part:
    if not isinstance(entries, dict):
        raise SettingsError(f"{where}: the table is missing; add [{where}] to the file")
    _check_names(kind, where, entries)
    for known in _fields(kind):
        if known.default is MISSING and known.name not in entries:
            raise SettingsError(f"{where}: {known.name} is missing; add {known.name} = ...")
    return kind(**entries)


def _instead(names: Iterable[str], wanted: str) -> str:
    """Return the end of a sentence that names the table that stands where one is missing."""
    near = [name for name in names if _near(name, [wanted])]
    return f", not [{_shown(near[0])}]" if near else ""


def _check_names(kind: type[Any], where: str, entries: Mapping[str, Any]) -> None:
    """Refuse an entry that is not known, and say what may have been meant."""
    known = [field.name for field in _fields(kind)]
    unknown = sorted(set(entries) - set(known))
    if not unknown:
        return
    name = unknown[0]
    hint = _near(name, known)
    for other, place in (
        (Settings, "above the first table"),
        (DeviceSettings, "in a [[device]] table"),
        (BrokerSettings, "in the table [broker]"),
    ):
        if not hint and name in {field.name for field in _fields(other)} - {"devices"}:
            hint = f"; it belongs {place}"
    raise SettingsError(f"{where}: there is no entry {_shown(name)}{hint}")


def _fields(kind: type[Any]) -> tuple[Field[Any], ...]:
    return fields(kind)


def _near(name: str, known: Sequence[str]) -> str:
    """Return the end of a sentence that offers the name most like this one, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only errors need it

    near = get_close_matches(name[:MOST_SHOWN], known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _check_devices(devices: tuple[DeviceSettings, ...]) -> None:
    """Check what one device must not be to another."""
    if not 1 <= len(devices) <= MOST_DEVICES:
        raise SettingsError(f"device: there must be 1 to {MOST_DEVICES} of them")
    by_name = {device.name: device for device in devices}
    if len(by_name) < len(devices):
        raise SettingsError("device: two have the same name; each needs its own")
    serials = [device.serial for device in devices if device.serial]
    if len(set(serials)) < len(serials):
        raise SettingsError("device: two have the same serial; each needs its own")
    for device in devices:
        if not device.dc_of:
            continue
        where = f"device {_shown(device.name)}: dc_of {_shown(device.dc_of)}"
        if device.dc_of not in by_name:
            raise SettingsError(
                f"{where}: there is no such device{_near(device.dc_of, [*by_name])}"
            )
        if by_name[device.dc_of].dc_of:
            raise SettingsError(f"{where}: that hangs on another itself; name the inverter")


def _check_text(where: str, value: object, *, most: int = 128) -> None:
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > most:
        raise SettingsError(f"{where}: must be a text of 1 to {most} characters")
    if value != value.strip():
        raise SettingsError(f"{where}: begins or ends with a blank; take it away")


def _check_host(where: str, value: object) -> None:
    _check_text(where, value)
    if isinstance(value, str) and ("/" in value or "@" in value or " " in value):
        raise SettingsError(f"{where}: must be an address or a name alone, such as 192.168.1.20")


def _check_path(where: str, value: object, *, may_be_empty: bool) -> None:
    if may_be_empty and value == "":
        return
    _check_text(where, value, most=1024)


def _check_number(where: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise SettingsError(f"{where}: must be a whole number from {least} to {most}")


def _check_seconds(where: str, value: object, least: float, most: float) -> None:
    if (type(value) is not int and type(value) is not float) or not least <= value <= most:
        raise SettingsError(f"{where}: must be a number from {least} to {most}")


def _shown(text: str) -> str:
    """Return a text as an error may repeat it: one line, not long."""
    return _one_line(text)[:MOST_SHOWN]


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
