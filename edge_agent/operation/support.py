"""Collects what support needs to know about a gateway into one zip file, without its secrets.

Keys and certificates are named and never opened. Of the settings file only the entries that the
agent knows go in, not its text: comments hold passwords. Of serial numbers the last four letters
are left. What cannot be found out is said in its place, and the rest goes in all the same.
"""

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from edge_agent.health import AGENT_VERSION, disk_free_mb
from edge_agent.queue.inspection import Inspection, QueueUnreadable
from edge_agent.remote import in_force, state_path
from edge_agent.settings import DeviceSettings, Settings, SettingsError, load

UNIT = "sunreeve-edge"
JOURNAL_LINES = 1000
JOURNAL_WAIT_S = 20
KEPT_LETTERS = 4
SHORTEST_SERIAL = 5
"""A shorter one would be found within other words."""
MOST_STATE_BYTES = 1_000_000
ZIP_DATE = (1980, 1, 1, 0, 0, 0)

ABOUT = """What is in this file
=====================
settings.json   entries of the settings file that the agent knows; paths, not contents, of keys
remote.json     the configuration from afar: in force, on trial, refused
status.json     what the agent last knew of its devices
queue.json      what waits, and whether the file of the queue is sound
health.json     the health in the newest chunk
profiles.json   profiles in use, and their fingerprints
versions.json   agent, Python, libraries, system, disk
journal.txt     the last lines of the log
scan.json       the models of each device, when it was asked for

Not in it: keys, certificates, the text of the settings file, readings. Of serial numbers the last
four letters are left.
"""

Journal = Callable[[], str]
Scan = Callable[[DeviceSettings], Mapping[str, Any]]
"""Looks for the models of a device; what went wrong is in what it returns."""

_PEM = re.compile(r"-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
_SIGN = r"(\"?\s*[=:]\s*)"
_PASSWORD = re.compile(
    r"(?i)\b([\w-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key)|pass|pwd)"
    + _SIGN
    # Quoted, it may have blanks in it; the quotes may be escaped, as within JSON.
    + r"(?:\\*\"(?:[^\"\\\n]|\\.)*\"?|'[^'\n]*'?|\S+)"
)
_AUTHORIZATION = re.compile(r"(?i)\b(authorization)" + _SIGN + r"[^\r\n]*")
_BEARER = re.compile(r"(?i)\b(bearer)\s+\S+")
_WEB_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
"""A JSON Web Token begins with an object in base64."""
_LOGIN = re.compile(r"//[^/@\s]+@")


def write_bundle(
    config: Path, output: Path, *, journal: Journal, scan: Scan | None = None
) -> list[str]:
    """Write the bundle and return the names of what is in it; nobody else may read the file.

    Args:
        config: the settings file; when it is wrong, the error is what is told of it.
        output: the zip file, replaced whole.
        journal: gives the last lines of the log.
        scan: looks for the models of a device; None leaves them out.

    Raises:
        OSError: the file cannot be written.
    """
    if output.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    parts = collected(config, journal=journal, scan=scan)
    fresh = output.with_name(f"{output.name}.new")
    fresh.unlink(missing_ok=True)
    # Made with its rights, and not given them later: it must never have been open to others.
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as bundle:
        for name, text in parts.items():
            info = zipfile.ZipInfo(name, ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            bundle.writestr(info, text)
    fresh.replace(output)
    return list(parts)


def collected(config: Path, *, journal: Journal, scan: Scan | None) -> dict[str, str]:
    """Return the files of the bundle by name, secrets taken out."""
    parts: dict[str, Any] = {"ABOUT.txt": ABOUT, "versions.json": versions()}
    serials: set[str] = set()
    try:
        settings = load(config)
    except SettingsError as error:
        parts["settings.json"] = {"error": str(error)}
    else:
        parts["settings.json"] = _plain_settings(settings)
        parts["remote.json"] = _remote(settings.outbox)
        parts |= _queue(settings.outbox)
        devices = in_force(settings)[0].devices
        parts["profiles.json"] = [_profile(device) for device in devices if device.profile]
        parts["versions.json"]["disk_free_mb"] = disk_free_mb(settings.outbox)
        serials = {device.serial for device in (*settings.devices, *devices)}
        if scan is not None:
            parts["scan.json"] = {device.name: dict(scan(device)) for device in devices}
    serials |= set(_serials(parts))
    parts["journal.txt"] = journal()
    return {
        name: scrubbed(part if isinstance(part, str) else _json(part), serials)
        for name, part in parts.items()
    }


def scrubbed(text: str, serials: Iterable[str]) -> str:
    """Return a text without keys, certificates, passwords, tokens, log-ins, whole serial numbers.

    What looks like a secret is taken out to the end of it; rather too much than too little.
    """
    text = _PEM.sub("[PEM taken out]", text)
    text = _AUTHORIZATION.sub(r"\1\2[taken out]", text)
    text = _PASSWORD.sub(r"\1\2[taken out]", text)
    text = _BEARER.sub(r"\1 [taken out]", text)
    text = _WEB_TOKEN.sub("[token taken out]", text)
    text = _LOGIN.sub("//[taken out]@", text)
    # The longest first: one may be the beginning of another.
    for serial in sorted(set(serials), key=len, reverse=True):
        if len(serial) >= SHORTEST_SERIAL:
            text = text.replace(serial, masked(serial))
            text = text.replace(json.dumps(serial)[1:-1], masked(serial))
    return text


def masked(serial: str) -> str:
    """Return a serial number of which only the end can be read."""
    return f"...{serial[-KEPT_LETTERS:]}" if len(serial) >= SHORTEST_SERIAL else serial


def versions() -> dict[str, Any]:
    """Return what runs here."""
    return {
        "agent": AGENT_VERSION,
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
        "machine": platform.machine(),
        **{name: _version(name) for name in ("pymodbus", "paho-mqtt")},
    }


def journal_tail() -> str:
    """Return the last lines that systemd kept of the agent, or why there are none."""
    program = shutil.which("journalctl")
    if program is None:
        return "there is no journalctl on this computer\n"
    command = [program, "-u", UNIT, "-n", str(JOURNAL_LINES), "-o", "short-iso", "--no-pager"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, timeout=JOURNAL_WAIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"asking journalctl: {error}\n"
    return (done.stdout or done.stderr).decode("utf-8", errors="replace")


def scan_of(device: DeviceSettings) -> Mapping[str, Any]:
    """Return the models of a device, found over Modbus/TCP, or why there are none."""
    from edge_agent.modbus import Registers  # noqa: PLC0415 - needs an extra
    from edge_agent.patient import Patient  # noqa: PLC0415 - rare
    from edge_agent.source import ReadFailed  # noqa: PLC0415 - rare
    from edge_agent.sunspec.report import scan_report  # noqa: PLC0415 - rare
    from edge_agent.sunspec.scan import UNITS, scan  # noqa: PLC0415 - rare

    where = f"{device.host}:{device.port}"
    if device.profile:
        return {"host": where, "profile": device.profile}
    source = Patient(Registers(device.host, device.port, max(device.timeout_s, 1.0)))
    try:
        chain = scan(source, UNITS if device.unit is None else (device.unit,))
    except ReadFailed as error:
        return {"host": where, "error": str(error)}
    finally:
        source.close()
    return {"host": where, "error": "no SunSpec"} if chain is None else scan_report(where, chain)


def _plain_settings(settings: Settings) -> dict[str, Any]:
    return asdict(settings) | {"outbox": str(settings.outbox)}


def _remote(outbox: Path) -> Any:
    path = state_path(outbox)
    try:
        with path.open(encoding="utf-8") as file:
            return json.loads(file.read(MOST_STATE_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        return {"error": f"reading {path}: {error}"}


def _queue(outbox: Path) -> dict[str, Any]:
    try:
        with Inspection(outbox) as queue:
            integrity = queue.integrity()
            counts: dict[str, Any] = {"integrity": integrity}
            size = sum(path.stat().st_size for path in outbox.parent.glob(f"{outbox.name}*"))
            counts |= queue.counts() | {"bytes": size, "notes": queue.notes()}
            return {
                "queue.json": counts,
                "status.json": queue.states(),
                "health.json": dict(queue.last_health()),
            }
    except (QueueUnreadable, OSError) as error:
        return {"queue.json": {"error": str(error)}}


def _profile(device: DeviceSettings) -> dict[str, str]:
    """Return which profile a device has; the text of one is not told, its fingerprint is."""
    entry = {"device": device.name, "profile": device.profile}
    path = device.profile_path
    try:
        entry["sha256"] = hashlib.sha256(path.read_bytes() if path else b"").hexdigest()
    except OSError as error:
        entry["error"] = str(error.strerror)
    return entry


def _serials(part: Any) -> Iterable[str]:
    """Yield every serial number that stands somewhere in what was collected."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in {"serial", "SN", "sn"} and isinstance(value, str):
                yield value
            yield from _serials(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _serials(value)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _json(part: Any) -> str:
    return json.dumps(part, indent=2, ensure_ascii=True, default=str) + "\n"
