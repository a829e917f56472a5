"""What a device said at one instant, and the message in which a window of such readings leaves.

The wire format is described in `contract/README.md`. Nothing here reads a clock or a device.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edge_agent.dictionary import CLOCK_SYNCED, COLUMNS, DICTIONARY_ID

COLUMN_ORDER = {name: position for position, name in enumerate(COLUMNS)}


@dataclass(frozen=True, slots=True)
class Reading:
    """One device at one instant: whole numbers in the units and decimals of the dictionary.

    `at` is the instant of the polling grid (unix seconds, UTC), not that of the reply. `layout` is
    the models of the device as the chain has them, such as `1.103.160.802`. A value that is not
    known is left out or None, never zero.
    """

    serial: str
    at: int
    quality: int
    layout: str
    values: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """The head of a chunk: rows at `t0 + i * dt` for `i` in `0 .. n-1` (unix seconds)."""

    gateway: str
    boot: str
    seq: int
    t0: int
    dt: int
    n: int
    clock: int
    health: Mapping[str, int | str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dt <= 0 or self.t0 % self.dt:
            raise ValueError(f"window at {self.t0}: not aligned to its step of {self.dt} s")


@dataclass(frozen=True, slots=True)
class Section:
    """One device in a chunk, still with absolute values; every list has the window's `n` rows."""

    serial: str
    layout: str
    quality: Sequence[int | None]
    columns: Mapping[str, Sequence[int | None]]


def column_rank(name: str) -> tuple[int, int]:
    """Return where a column stands in a section: by dictionary, then by input number."""
    base, _, number = name.rpartition("_")
    if number.isdigit():
        return (COLUMN_ORDER[base + "_n"], int(number))
    return (COLUMN_ORDER[name], 0)


def deltas(values: Sequence[int | None]) -> list[int | None]:
    """Code a column: the first known value absolute, later ones as differences, None stays None."""
    coded: list[int | None] = []
    last = 0
    for value in values:
        if value is None:
            coded.append(None)
        else:
            coded.append(value - last)
            last = value
    return coded


def sections(readings: Iterable[Reading], window: Window) -> list[Section]:
    """Sort readings into one section per device, in order of serial number.

    A reading outside the window is left out. Of two readings for one row the later one counts. The
    layout of a section is that of its last row.
    """
    by_serial: dict[str, list[Reading]] = {}
    for reading in readings:
        by_serial.setdefault(reading.serial, []).append(reading)
    found: list[Section] = []
    for serial in sorted(by_serial):
        rows: list[Reading | None] = [None] * window.n
        for reading in by_serial[serial]:
            row = (reading.at - window.t0) // window.dt
            if 0 <= row < window.n:
                rows[row] = reading
        taken = [reading for reading in rows if reading is not None]
        if not taken:
            continue
        names = {name for reading in taken for name in reading.values}
        columns = {
            name: [None if reading is None else reading.values.get(name) for reading in rows]
            for name in sorted(names, key=column_rank)
        }
        quality = [None if reading is None else reading.quality for reading in rows]
        found.append(Section(serial, taken[-1].layout, quality, columns))
    return found


def chunk_text(window: Window, devices: Sequence[Section]) -> str:
    """Return the JSON text of a chunk, keys in the contract's order, nothing but ASCII.

    A column in which nothing is known is left out.
    """
    message = {
        "v": 1,
        "gw": window.gateway,
        "boot": window.boot,
        "seq": window.seq,
        "t0": window.t0,
        "dt": window.dt,
        "n": window.n,
        "clk": window.clock,
        "dict": DICTIONARY_ID,
        "health": dict(window.health),
        "dev": [
            {
                "sn": device.serial,
                "ml": device.layout,
                "q": list(device.quality),
                "cols": {
                    name: deltas(values)
                    for name, values in device.columns.items()
                    if any(value is not None for value in values)
                },
            }
            for device in devices
        ],
    }
    return json.dumps(message, separators=(",", ":"), ensure_ascii=True)


def packed(text: str) -> bytes:
    """Return the bytes to send: the text itself, or its zlib form where that is shorter."""
    plain = text.encode("ascii")
    pressed = zlib.compress(plain, 9)
    return pressed if len(pressed) < len(plain) else plain


def seal(window: Window, readings: Iterable[Reading]) -> bytes:
    """Return the payload of the chunk that holds these readings; the same input, the same bytes."""
    return packed(chunk_text(window, sections(readings, window)))


@dataclass(frozen=True, slots=True)
class Event:
    """A device changed its quality (`state`) or a bit (`alarm`).

    `before` and `after` are quality codes for `state`; for `alarm` they are the bits of `column`.
    """

    at: int
    serial: str
    kind: str
    before: int | None
    after: int | None
    column: str | None = None


def event_text(event: Event, *, gateway: str, boot: str, clock: int = CLOCK_SYNCED) -> str:
    """Return the JSON text of an event; one of a clock that was not set says so."""
    message: dict[str, int | str | None] = {
        "v": 1,
        "gw": gateway,
        "boot": boot,
        "at": event.at,
        "sn": event.serial,
        "kind": event.kind,
        "from": event.before,
        "to": event.after,
    }
    if event.column is not None:
        message["col"] = event.column
    if clock != CLOCK_SYNCED:
        message["clk"] = clock
    return json.dumps(message, separators=(",", ":"), ensure_ascii=True)
