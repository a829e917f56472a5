"""Judges a reading: asleep, faulted, suspect, partial, or in order.

The rules see the reading and the one before it, and nothing else. What is refused becomes null,
so that a wrong number never leaves the house; the quality code says that it was so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.dictionary import (
    QUALITY_ASLEEP,
    QUALITY_FAULTED,
    QUALITY_OK,
    QUALITY_PARTIAL,
    QUALITY_SUSPECT,
)

Values = Mapping[str, int | None]

ASLEEP_STATES: Mapping[str, frozenset[int]] = {"St": frozenset({1, 2}), "InvSt": frozenset({0, 1})}
"""OFF and SLEEPING of models 101-103 and 701."""
FAULT_STATES: Mapping[str, int] = {
    "St": 7,
    "InvSt": 6,
    "BatSt": 99,
    "BatSta": 2,
    "DCSt": 7,
    "PrtSta": 3,
}
"""FAULT of models 101-103, 701, 802 and 160, ERROR of 713 and of a port of 714."""
COUNTERS = ("WH", "DCWH", "PrtWH", "PrtWHAbs")
SETTINGS = frozenset({"LimEna", "LimPct"})
"""What somebody set and nobody measured: unreadable, it casts no doubt on the rest."""
JUMP_MARGIN = 1.2
"""A counter may run a fifth faster than the rated power: inverters may overload, clocks err."""
JUMP_SLACK_WH = 1000
"""Counters that move in steps of a kilowatt-hour are not jumping."""


def base_of(column: str) -> str:
    """Return the column without its input number: `DCWH_3` is a `DCWH`."""
    stem, _, number = column.rpartition("_")
    return stem if number.isdigit() else column


def is_asleep(values: Values) -> bool:
    """Tell whether the inverter says that it is off or sleeping.

    An inverter that gives no state and no power, as many do at night, is asleep too. One that gives
    a state is believed: power of null in the state MPPT is not sleep.
    """
    states = [(name, values.get(name)) for name in ASLEEP_STATES if name in values]
    if not states:
        return False
    if all(state is None for _, state in states):
        return values.get("W") is None
    return any(state in ASLEEP_STATES[name] for name, state in states)


def is_faulted(values: Values) -> bool:
    """Tell whether the device, an input or the battery says that it has failed."""
    return any(
        value is not None and FAULT_STATES.get(base_of(name)) == value
        for name, value in values.items()
    )


@dataclass(frozen=True, slots=True)
class Counters:
    """The last counters that were believed, and those that were refused once."""

    at: int
    believed: Values
    refused: Values


@dataclass(frozen=True, slots=True)
class Checked:
    """Values with refused counters as None, and the counters to compare the next reading with."""

    values: dict[str, int | None]
    counters: Counters
    is_suspect: bool


def check_counters(values: Values, at: int, last: Counters | None, rated_w: int | None) -> Checked:
    """Refuse energy counters that fell, or rose by more than the device can make.

    A counter that reads 0 for one cycle after a reset, or jumps, is refused once. When the next
    reading agrees with the refused one, the device means it (a meter was changed) and it counts.
    Without a rated power only falls are refused.
    """
    counters = {
        name: value
        for name, value in values.items()
        if base_of(name) in COUNTERS and value is not None
    }
    if last is None:
        return Checked(dict(values), Counters(at, counters, {}), is_suspect=False)
    refused: dict[str, int | None] = {}
    for name, value in counters.items():
        believed, doubted = last.believed.get(name), last.refused.get(name)
        may_follow = _may_follow(believed, value, at - last.at, rated_w)
        if not may_follow and not (
            doubted is not None and _may_follow(doubted, value, at - last.at, rated_w)
        ):
            refused[name] = value
    kept = {name: value for name, value in counters.items() if name not in refused}
    believed_now = Counters(at, {**last.believed, **kept}, refused)
    cleaned = {name: None if name in refused else value for name, value in values.items()}
    return Checked(cleaned, believed_now, is_suspect=bool(refused))


def _may_follow(before: int | None, now: int, seconds: int, rated_w: int | None) -> bool:
    if before is None:
        return True
    if now < before:
        return False
    if rated_w is None:
        return True
    return now - before <= rated_w * seconds / 3600 * JUMP_MARGIN + JUMP_SLACK_WH


def code(values: Values, *, is_suspect: bool, is_partial: bool) -> int:
    """Return the quality code of a device that answered; the worse news wins."""
    if is_faulted(values):
        return QUALITY_FAULTED
    if is_suspect:
        return QUALITY_SUSPECT
    if is_partial:
        return QUALITY_PARTIAL
    if is_asleep(values):
        return QUALITY_ASLEEP
    return QUALITY_OK
