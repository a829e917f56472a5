"""Decodes the chunk, the message of one gateway for one window, and refuses everything else.

The wire format is described in `contract/README.md`; the golden messages of `contract/golden` hold
this module and both writers to it. A version that was ever sent is decoded for ever.
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from cloud.telemetry.dictionary import (
    CLOCK_SYNCED,
    CLOCK_UNSYNCED,
    DICTIONARY_ID,
    QUALITY_NAMES,
)

MOST_PAYLOAD_BYTES = 128 * 1024
"""The largest message that AWS IoT Core accepts."""
MOST_JSON_BYTES = 1024 * 1024
MOST_ROWS = 1500
"""A day of minutes, and some."""
MOST_DEVICES = 32
MOST_COLUMNS = 512
MOST_HEALTH_ENTRIES = 64
LATEST = 2**33
"""The year 2242: a window beyond it is no instant that a calendar can hold."""
LIMIT = 2**63
"""Values lie in -LIMIT .. LIMIT-1, so that every store can hold them."""

GATEWAY_NAME = re.compile(r"[A-Za-z0-9:_-]{1,128}", re.ASCII)
BOOT_ID = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}", re.ASCII)


class MalformedChunk(ValueError):
    """The bytes are not a chunk of any version; the message names what is wrong with them."""


@dataclass(frozen=True, slots=True)
class DeviceSection:
    """What one device said in the window, one entry per row in `quality` and in each column.

    A null in a column means not known, never zero. A null in `quality` means that the gateway took
    no reading for that row at all. Columns that are not in the dictionary are kept as they are.
    """

    serial: str
    layout: str
    quality: tuple[int | None, ...]
    columns: Mapping[str, tuple[int | None, ...]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One gateway, one window: row `i` was read at `t0 + i * dt` (unix seconds, UTC)."""

    version: int
    gateway: str
    boot: str
    seq: int
    t0: int
    dt: int
    n: int
    clock: int
    dictionary_id: int
    health: Mapping[str, int | str | None]
    devices: tuple[DeviceSection, ...]

    @property
    def key(self) -> tuple[str, int, int]:
        """Return (gateway, window, seq): the same key always carries the same content."""
        return (self.gateway, self.t0, self.seq)

    @property
    def is_clock_synced(self) -> bool:
        """Tell whether the times can be trusted."""
        return self.clock == CLOCK_SYNCED


def decode(payload: bytes) -> Chunk:
    """Return the chunk that the payload holds.

    Raises:
        MalformedChunk: for everything else; no other exception leaves this function, whatever
            the bytes are.
    """
    message = _parsed(_inflated(payload))
    if type(message) is not dict:
        _refuse("it is not a JSON object")
    version = message.get("v")
    if version != 1 or type(version) is not int:
        _refuse(f"version {str(version)[:20]} is not known here, only 1 is")
    return _decode_v1(message)


def _refuse(why: str) -> NoReturn:
    raise MalformedChunk(f"decoding a chunk: {why}")


def _inflated(payload: bytes) -> bytes:
    if len(payload) > MOST_PAYLOAD_BYTES:
        _refuse(f"{len(payload)} bytes are more than {MOST_PAYLOAD_BYTES}")
    if payload[:1] == b"{":
        return payload
    if payload[:1] != b"\x78":
        _refuse("the first byte is neither '{' nor 0x78")
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(payload, MOST_JSON_BYTES + 1)
    except zlib.error as error:
        raise MalformedChunk(f"decoding a chunk: zlib says {error}") from error
    if len(text) > MOST_JSON_BYTES:
        _refuse(f"it inflates to more than {MOST_JSON_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        _refuse("the zlib stream is cut short or has bytes behind it")
    return text


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.decode("ascii"), parse_constant=_no_constant)
    except MalformedChunk:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedChunk(f"decoding a chunk: not JSON in ASCII: {error}") from error


def _no_constant(name: str) -> NoReturn:
    _refuse(f"{name} is not a number here")


def _decode_v1(message: Mapping[str, Any]) -> Chunk:
    dt = _whole(message, "dt", 1, 86_400)
    t0 = _whole(message, "t0", 0, LATEST)
    if t0 % dt:
        _refuse(f"t0 {t0} is not aligned to dt {dt}")
    n = _whole(message, "n", 0, MOST_ROWS)
    sections = message.get("dev")
    if type(sections) is not list:
        _refuse("dev is not a list")
    if len(sections) > MOST_DEVICES:
        _refuse(f"{len(sections)} devices are more than {MOST_DEVICES}")
    devices = tuple(_section(section, n, f"dev[{i}]") for i, section in enumerate(sections))
    if len({device.serial for device in devices}) < len(devices):
        _refuse("two sections have the same serial number")
    return Chunk(
        version=1,
        gateway=_matching(message, "gw", GATEWAY_NAME),
        boot=_matching(message, "boot", BOOT_ID),
        seq=_whole(message, "seq", 1, LIMIT - 1),
        t0=t0,
        dt=dt,
        n=n,
        clock=_whole(message, "clk", CLOCK_UNSYNCED, CLOCK_SYNCED),
        dictionary_id=_whole(message, "dict", 1, DICTIONARY_ID),
        health=_health(message.get("health")),
        devices=devices,
    )


def _section(section: Any, n: int, where: str) -> DeviceSection:
    if type(section) is not dict:
        _refuse(f"{where} is not an object")
    columns = section.get("cols")
    if type(columns) is not dict or len(columns) > MOST_COLUMNS:
        _refuse(f"{where}.cols is not an object of at most {MOST_COLUMNS} columns")
    for name in columns:
        if not COLUMN_NAME.fullmatch(name):
            _refuse(f"{where}.cols has the name {name[:40]!r}, which no column can have")
    return DeviceSection(
        serial=_text(section, "sn", 64, where),
        layout=_text(section, "ml", 1200, where),
        quality=_quality(section.get("q"), n, where),
        columns={
            name: _summed(_listed(deltas, n, f"{where}.cols.{name}"), f"{where}.cols.{name}")
            for name, deltas in columns.items()
        },
    )


def _quality(codes: Any, n: int, where: str) -> tuple[int | None, ...]:
    for code in _listed(codes, n, f"{where}.q"):
        if code is not None and (type(code) is not int or code not in QUALITY_NAMES):
            _refuse(f"{where}.q has {str(code)[:20]}, which is no quality code")
    return tuple(codes)


def _listed(values: Any, n: int, where: str) -> list[Any]:
    if type(values) is not list:
        _refuse(f"{where} is not a list")
    if len(values) != n:
        _refuse(f"{where} has {len(values)} entries, but n is {n}")
    return values


def _summed(deltas: list[Any], where: str) -> tuple[int | None, ...]:
    """Undo the delta coding: the first known value is absolute, later ones are differences."""
    values: list[int | None] = []
    last = 0
    for delta in deltas:
        if delta is None:
            values.append(None)
            continue
        if type(delta) is not int:
            _refuse(f"{where} has a value that is no whole number")
        last += delta
        if not -LIMIT <= last < LIMIT:
            _refuse(f"{where} leaves the range of 64 bits")
        values.append(last)
    return tuple(values)


def _health(entries: Any) -> Mapping[str, int | str | None]:
    if type(entries) is not dict or len(entries) > MOST_HEALTH_ENTRIES:
        _refuse(f"health is not an object of at most {MOST_HEALTH_ENTRIES} entries")
    for name, value in entries.items():
        if not name.isprintable() or len(name) > 32:
            _refuse("health has a name that is too long or not printable")
        is_number = type(value) is int and -LIMIT <= value < LIMIT
        is_text = type(value) is str and len(value) <= 256 and value.isprintable()
        if not (value is None or is_number or is_text):
            _refuse(f"health.{name} is no small number, text or null")
    return entries


def _whole(message: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = message.get(name)
    if type(value) is not int or not least <= value <= most:
        _refuse(f"{name} is no whole number from {least} to {most}")
    return value


def _matching(message: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = message.get(name)
    if type(value) is not str or not pattern.fullmatch(value):
        _refuse(f"{name} does not look like {pattern.pattern}")
    return value


def _text(section: Mapping[str, Any], name: str, most: int, where: str) -> str:
    value = section.get(name)
    if type(value) is not str or not value.isprintable() or not 1 <= len(value) <= most:
        _refuse(f"{where}.{name} is no printable text of 1 to {most} characters")
    return value
