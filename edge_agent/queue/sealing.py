"""How the readings of one window become chunks: on one step, and none larger than the cloud takes.

The wire and the cloud know a device by its serial number. Two devices that give the same one, or
two ways to look at one device, are told apart by their layouts.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import gcd
from typing import Any, NamedTuple

from edge_agent.dictionary import QUALITY_NAMES, QUALITY_UNREACHABLE
from edge_agent.reading import (
    Reading,
    Window,
    chunk_text,
    column_rank,
    packed,
    sections,
)

MOST_BYTES, MOST_TEXT = 128 * 1024, 1024 * 1024
"""Of a chunk as sent, and of its text: the cloud refuses what is larger, as with all of these."""
MOST_ROWS = 1500
MOST_SECTIONS = 32
MOST_COLUMNS = 512
MOST_SERIAL, MOST_LAYOUT = 64, 1200
MOST_VALUE = 2**63
SMALL_VALUES = 8000
"""What has no more values never comes near the limits and is not measured."""


class Group(NamedTuple):
    """Readings of one window, or a part of it, on one scale, as they become a chunk."""

    t0: int
    dt: int
    n: int
    clock: int
    readings: Sequence[Reading]

    def text(self, head: Window, seq: int) -> str:
        """Return the text of the chunk; `head` gives what is not here."""
        window = replace(head, seq=seq, t0=self.t0, dt=self.dt, n=self.n, clock=self.clock)
        return chunk_text(window, sections(self.readings, window))


def groups(
    t0: int, window_s: int, clock: int, readings: Iterable[Reading], head: Window
) -> list[Group]:
    """Return what becomes a chunk each: nearly always one, more where it would be too large.

    Readings that were polled with another step than that of now keep their instants.
    """
    by_serial: dict[str, list[Reading]] = {}
    dt = gcd(head.dt, window_s)
    for reading in _told_apart(readings):
        by_serial.setdefault(reading.serial, []).append(reading)
        dt = gcd(dt, reading.at - t0)
    serials = sorted(by_serial)
    rows = window_s // dt
    found: list[Group] = []
    for lot in range(0, len(serials), MOST_SECTIONS):
        mine = [one for serial in serials[lot : lot + MOST_SECTIONS] for one in by_serial[serial]]
        for row in range(0, rows, MOST_ROWS):
            n = min(MOST_ROWS, rows - row)
            begin = t0 + row * dt
            part = [one for one in mine if begin <= one.at < begin + n * dt]
            found += _split(Group(begin, dt, n, clock, part), head) if part else []
    return found


def reading_of(row: Sequence[Any]) -> Reading | None:
    """Return the reading of a row: serial, at, quality, layout, cells; None after damage."""
    serial, at, quality, layout, cells = row
    try:
        values = dict(json.loads(cells))
        for name in values:
            column_rank(name)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        return None
    is_whole = (
        type(at) is int
        and type(quality) is int
        and quality in QUALITY_NAMES
        and _is_text(serial, MOST_SERIAL)
        and _is_text(layout, MOST_LAYOUT)
        and all(
            value is None or (type(value) is int and abs(value) < MOST_VALUE)
            for value in values.values()
        )
    )
    return Reading(serial, at, quality, layout, values) if is_whole else None


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and value.isprintable() and 1 <= len(value) <= most


def _told_apart(readings: Iterable[Reading]) -> list[Reading]:
    """Return readings of which no two have the serial number and the instant in common.

    Two views of one serial number become one where they do not contradict each other. Where they
    do, the second, in order of their layouts, goes by the serial number with `~2` behind it, as do
    columns for which a section has no place.
    """
    views: dict[str, dict[str, dict[int, Reading]]] = {}
    for reading in readings:
        views.setdefault(reading.serial, {}).setdefault(reading.layout, {})[reading.at] = reading
    found: list[Reading] = []
    for serial, layouts in views.items():
        devices: list[dict[int, Reading]] = []
        for _, rows in sorted(layouts.items()):
            for device in devices:
                if not any(_contradict(device.get(at), row) for at, row in rows.items()):
                    device.update(
                        {
                            at: _union(device[at], row) if at in device else row
                            for at, row in rows.items()
                        }
                    )
                    break
            else:
                devices.append(rows)
        parts = [part for device in devices for part in _narrow(list(device.values()))]
        found += parts[0]
        for number, part in enumerate(parts[1:], 2):
            name = f"{serial[: MOST_SERIAL - 4]}~{number}"
            found += [replace(reading, serial=name) for reading in part]
    return found


def _contradict(one: Reading | None, other: Reading) -> bool:
    if one is None:
        return False
    return any(
        value is not None and other.values.get(name, value) not in {None, value}
        for name, value in one.values.items()
    )


def _union(one: Reading, other: Reading) -> Reading:
    """Return what both say; silence says nothing, else the worse quality counts."""
    if other.quality == QUALITY_UNREACHABLE:
        return one
    if one.quality == QUALITY_UNREACHABLE:
        return other
    known = {name: value for name, value in other.values.items() if value is not None}
    return replace(one, quality=max(one.quality, other.quality), values={**one.values, **known})


def _narrow(rows: list[Reading]) -> list[list[Reading]]:
    names = {name for reading in rows for name in reading.values}
    if len(names) <= MOST_COLUMNS:
        return [rows]
    ranked = sorted(names, key=column_rank)
    lots = [set(ranked[i : i + MOST_COLUMNS]) for i in range(0, len(ranked), MOST_COLUMNS)]
    return [
        [
            replace(row, values={name: row.values[name] for name in row.values if name in lot})
            for row in rows
        ]
        for lot in lots
    ]


def _split(group: Group, head: Window) -> list[Group]:
    """Halve a group until its chunks are small enough: by rows, then by devices."""
    if sum(len(reading.values) for reading in group.readings) <= SMALL_VALUES:
        return [group]
    text = group.text(head, 1 << 40)
    if len(text) <= MOST_TEXT and len(packed(text)) <= MOST_BYTES:
        return [group]
    if group.n == 1:
        middle = len(group.readings) // 2
        if middle == 0:
            return [group]
        lots = (group.readings[:middle], group.readings[middle:])
        return [part for lot in lots for part in _split(group._replace(readings=lot), head)]
    half = group.n // 2
    until = group.t0 + half * group.dt
    early = [reading for reading in group.readings if reading.at < until]
    late = [reading for reading in group.readings if reading.at >= until]
    halves = (
        group._replace(n=half, readings=early),
        group._replace(t0=until, n=group.n - half, readings=late),
    )
    return [part for one in halves if one.readings for part in _split(one, head)]
