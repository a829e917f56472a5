"""Judges a reading: asleep, faulted, suspect, partial, or in order.

The rules see the reading and the one before it, and nothing else. What is refused becomes null,
so that a wrong number never leaves the house; the quality code says that it was so.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from edge_agent.dictionary import (
    QUALITY_ASLEEP,
    QUALITY_FAULTED,
    QUALITY_OK,
    QUALITY_PARTIAL,
    QUALITY_SUSPECT,
)

Values = Mapping[str, int | None]

ASLEEP_STATES: Mapping[str, frozenset[int]] = {"St": frozenset({1, 2}), "InvSt": frozenset({0, 1})}
"""OFF and SLEEPING of models 101-103, 111-113 and 701."""
FAULT_STATES: Mapping[str, int] = {
    "St": 7,
    "InvSt": 6,
    "BatSt": 99,
    "BatSta": 2,
    "DCSt": 7,
    "PrtSta": 3,
}
"""FAULT of models 101-103, 111-113, 701, 802 and 160, ERROR of 713 and of a port of 714."""
COUNTERS = (
    "WH",
    "DCWH",
    "PrtWH",
    "PrtWHAbs",
    "PvWH",
    "BatWHIn",
    "BatWHOut",
    "MtrWHImp",
    "MtrWHExp",
)
SETTINGS = frozenset({"LimEna", "LimPct"})
"""What somebody set and nobody measured: unreadable, it casts no doubt on the rest."""
JUMP_MARGIN = 1.2
"""A counter may run a fifth faster than the rated power: inverters may overload, clocks err."""
JUMP_SLACK_WH = 1000
"""Counters that move in steps of a kilowatt-hour are not jumping."""
LARGEST_W = 1_000_000
"""No home makes or draws more: what a counter may do where no rated power is known."""
RATED_COUNTERS = frozenset({"WH"})
"""What an inverter gives on its AC side, and nothing else, is limited by its rated power."""
METER_COUNTERS = frozenset({"MtrWHImp", "MtrWHExp"})
"""What the house draws and gives has nothing to do with the rated power of an inverter."""
DC_MARGIN = 3
"""Modules and battery together may do so many times the AC power of the inverter they hang on."""


@lru_cache(1024)
def base_of(column: str) -> str:
    """Return the column without its input number: `DCWH_3` is a `DCWH`."""
    stem, _, number = column.rpartition("_")
    return stem if number.isdigit() else column


@lru_cache(1024)
def is_counter(column: str) -> bool:
    """Tell whether a column is an energy counter, which only ever rises."""
    return base_of(column) in COUNTERS


@lru_cache(1024)
def _largest_w(column: str, rated_w: int | None) -> int:
    """Return the power beyond which a counter is not believed to run."""
    base = base_of(column)
    if rated_w is None or base in METER_COUNTERS:
        return LARGEST_W
    return rated_w if base in RATED_COUNTERS else DC_MARGIN * rated_w


@lru_cache(1024)
def _fault_of(column: str) -> int | None:
    return FAULT_STATES.get(base_of(column))


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
    return any(value is not None and value == _fault_of(name) for name, value in values.items())


class Count(NamedTuple):
    """What a counter showed at an instant (unix seconds)."""

    at: int
    value: int


@dataclass(frozen=True, slots=True)
class Counters:
    """What each counter showed when it was last believed, and those that were refused just now.

    `turned` is what a counter has lost by turning over at the end of its 32 bits; it is in the
    values that are believed, and not in those that are refused.
    """

    believed: Mapping[str, Count] = field(default_factory=dict)
    refused: Mapping[str, Count] = field(default_factory=dict)
    turned: Mapping[str, int] = field(default_factory=dict)


def counters_text(counters: Counters) -> str:
    """Return counters as text that `counters_from` reads, to be kept over a restart."""
    parts = (counters.believed, counters.refused, counters.turned)
    return json.dumps([dict(part) for part in parts], separators=(",", ":"))


def counters_from(text: str) -> Counters | None:
    """Return what `counters_text` wrote; None when it is anything else."""
    try:
        believed, refused, turned = json.loads(text)
        return Counters(
            {name: Count(int(at), int(value)) for name, (at, value) in believed.items()},
            {name: Count(int(at), int(value)) for name, (at, value) in refused.items()},
            {name: int(value) for name, value in turned.items()},
        )
    except (ValueError, TypeError, AttributeError):
        return None


class Checked(NamedTuple):
    """Values with refused counters as None, and the counters to compare the next reading with."""

    values: dict[str, int | None]
    counters: Counters
    is_suspect: bool


def check_counters(
    values: Values,
    at: int,
    last: Counters | None,
    rated_w: int | None,
    turns_over_at: Callable[[str], int | None] = lambda _: None,
) -> Checked:
    """Refuse energy counters that fell, or rose by more than is possible.

    The rated AC power limits what an inverter gives; modules and batteries may do three times as
    much; meters are limited by what no home exceeds.

    A counter that jumps, or falls for one cycle, is refused once. When the next reading agrees with
    the refused one, the device means it (a meter was changed) and it counts. A fall to 0 never
    counts: 0 is how a counter says that it has counted nothing, which it cannot mean any more.

    A counter that began again at the end of its 32 bits did not fall. It is told as if it had gone
    on, when what it made meanwhile is possible for the device.

    Args:
        values: columns of the reading.
        at: its instant.
        last: what the reading before this one left; None when there was none.
        rated_w: rated AC power in watts; without one, what no home exceeds.
        turns_over_at: gives the value at which a counter begins again at 0, None for never. It is
            asked of counters that fell.
    """
    last = last or Counters()
    checked = dict(values)
    believed, turned = dict(last.believed), dict(last.turned)
    refused: dict[str, Count] = {}
    for name, value in values.items():
        if value is None or not is_counter(name):
            continue
        limit_w = _largest_w(name, rated_w)
        count = Count(at, value + turned.get(name, 0))
        before, doubted = believed.get(name), last.refused.get(name)
        if before is not None and not _may_follow(before, count, limit_w):
            turn = turns_over_at(name) if count.value < before.value else None
            if turn and _may_follow(before, Count(at, count.value + turn), limit_w):
                turned[name] = turned.get(name, 0) + turn
                count = Count(at, count.value + turn)
            elif value and doubted and _may_follow(doubted, Count(at, value), limit_w):
                turned.pop(name, None)
                count = Count(at, value)
            else:
                refused[name] = Count(at, value)
                checked[name] = None
                continue
        believed[name] = count
        checked[name] = count.value
    return Checked(checked, Counters(believed, refused, turned), is_suspect=bool(refused))


def _may_follow(before: Count, now: Count, limit_w: int) -> bool:
    """Tell whether a counter may show this now; a clock that was put back counts as no time."""
    made = now.value - before.value
    seconds = max(0, now.at - before.at)
    return 0 <= made <= limit_w * seconds / 3600 * JUMP_MARGIN + JUMP_SLACK_WH


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
