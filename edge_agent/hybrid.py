"""Finds what the modules make where a battery hangs on the DC side of their inverter.

There the inverter's DC power is not that of the modules: what the battery takes never arrives, and
what it gives looks like sunshine. The sum of both readings of one instant is the modules' power.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_agent.quality import base_of
from edge_agent.reading import Reading

MOST_MISSED_POLLS = 3
"""So many in a row are filled in; of a longer gap nobody knows what the modules made."""
OWN_COUNTERS = frozenset({"DCWH", "PrtWH"})
"""Counters of inputs or ports: they know the energy of the modules, and nothing is derived."""
MICRO = 1_000_000
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class PvState:
    """The energy counter of one inverter's modules, kept with what is known of the device.

    Attributes:
        micro_wh: millionths of a Wh since the gateway first knew the power.
        at: instant of the reading in which the power was last known; None before the first.
        w: the power at that instant.
    """

    micro_wh: int = 0
    at: int | None = None
    w: int = 0


def pv_text(state: PvState) -> str:
    """Return a counter as text that `pv_from` reads, to be kept over a restart."""
    known = () if state.at is None else (state.at, state.w)
    return json.dumps([state.micro_wh, *known], separators=(",", ":"))


def pv_from(text: str) -> PvState:
    """Return what `pv_text` wrote; a new counter for anything else."""
    try:
        numbers = json.loads(text)
    except ValueError:
        return PvState()
    if not isinstance(numbers, list) or any(type(number) is not int for number in numbers):
        return PvState()
    if len(numbers) not in {1, 3} or numbers[0] < 0 or numbers[-1] < 0:
        return PvState()
    return PvState(*numbers)


def with_pv(
    inverter: Reading,
    batteries: Sequence[Reading],
    state: PvState,
    poll_s: int,
    *,
    expected: int | None = None,
) -> tuple[Reading, PvState]:
    """Return the inverter's reading with `PvW` and `PvWH`, and the counter as it stands then.

    Nothing is derived for an inverter that tells either column itself or counts the energy of its
    inputs. Where the inverter or a battery is silent, or gives no power, or is of another instant,
    `PvW` is null. `PvWH` stands still then and is told all the same once it was known, so that the
    difference over a gap is only what is known to have been made: a lower bound.

    Args:
        inverter: the reading of the inverter.
        batteries: the readings of the batteries on its DC side.
        state: the counter after the reading before.
        poll_s: seconds between two readings.
        expected: how many batteries there are, where some may have no reading; `PvW` is null then.
    """
    count = len(batteries) if expected is None else expected
    if not count or has_own_pv(inverter.values):
        return inverter, state
    pv_w = pv_power(inverter, batteries) if len(batteries) == count else None
    after = counted(state, inverter.at, pv_w, poll_s)
    told: dict[str, int | None] = dict(inverter.values)
    told["PvW"] = pv_w
    if after.at is not None and inverter.values:
        told["PvWH"] = after.micro_wh // MICRO
    return replace(inverter, values=told), after


def has_own_pv(values: Mapping[str, int | None]) -> bool:
    """Tell whether the inverter itself tells what its modules make."""
    return any(
        name in {"PvW", "PvWH"} or (base_of(name) in OWN_COUNTERS and value is not None)
        for name, value in values.items()
    )


def pv_power(inverter: Reading, batteries: Sequence[Reading]) -> int | None:
    """Return the power of the modules in watts, never below zero; None when a part is not known."""
    total = inverter.values.get("DCW")
    if total is None:
        return None
    for battery in batteries:
        charge_w = battery.values.get("BatChgW")
        if battery.at != inverter.at or charge_w is None:
            return None
        total += charge_w
    return max(0, total)


def counted(state: PvState, at: int, pv_w: int | None, poll_s: int) -> PvState:
    """Return the counter after a reading: by the trapezium between two readings that are known.

    It never falls. Up to three missed polls are filled in; a longer gap, or a clock that was put
    back, adds nothing.
    """
    if pv_w is None:
        return state
    if state.at is None:
        return PvState(state.micro_wh, at, pv_w)
    seconds = at - state.at
    if seconds == 0:
        return state
    added = 0
    if 0 < seconds <= (MOST_MISSED_POLLS + 1) * poll_s:
        added = (state.w + pv_w) * seconds * MICRO // (2 * HOUR_S)
    return PvState(state.micro_wh + added, at, pv_w)
