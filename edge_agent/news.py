"""What a reading changes in what is known of its device, and the events that tell it; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.dictionary import BITS, QUALITY_ASLEEP, QUALITY_OK
from edge_agent.quality import base_of
from edge_agent.queue.outbox import DeviceState
from edge_agent.reading import Event, Reading

_WELL = frozenset({QUALITY_OK, QUALITY_ASLEEP})
"""Going to sleep and waking is no news: every inverter does it each day, and its chunks tell it."""
ALARM_COLUMNS = frozenset(column.removesuffix("_n") for column in BITS) - {"ThrotSrc"}
"""Bits that cannot wait for the end of a window; limits come and go all day, and can."""

Extra = Mapping[str, int | str | None]


@dataclass(frozen=True, slots=True)
class Change:
    """What is known of a device after a reading, and the events that tell what is new."""

    state: DeviceState
    events: tuple[Event, ...]


def change(before: DeviceState | None, reading: Reading, extra: Extra) -> Change | None:
    """Return what is new about a device; None when nothing is.

    A device that is met for the first time tells nothing unless something is wrong with it, and one
    that falls asleep or wakes tells nothing either. The bits that are not known now are as they
    were.

    Args:
        before: what was known of it; None when it is met for the first time.
        reading: what it says now.
        extra: what its poller wants to find again after a restart.
    """
    known_alarms = before.alarms if before else {}
    alarms = alarms_of(reading, known_alarms)
    state = DeviceState(reading.serial, reading.layout, reading.quality, alarms, extra)
    if state == before:
        return None
    events: list[Event] = []
    last = before.quality if before else None
    was_well = last is None or last in _WELL
    if last != reading.quality and not (was_well and reading.quality in _WELL):
        events.append(Event(reading.at, reading.serial, "state", last, reading.quality))
    events += [
        Event(reading.at, reading.serial, "alarm", known_alarms.get(column, 0), bits, column)
        for column in sorted({*alarms, *known_alarms})
        if known_alarms.get(column, 0) != (bits := alarms.get(column, 0))
    ]
    return Change(state, tuple(events))


def alarms_of(reading: Reading, last: Mapping[str, int]) -> dict[str, int]:
    """Return the bit-field columns in which a bit is set; those not known now are as in `last`."""
    unknown = {column: bits for column, bits in last.items() if reading.values.get(column) is None}
    known = {
        column: bits
        for column, bits in reading.values.items()
        if bits and base_of(column) in ALARM_COLUMNS
    }
    return unknown | known
