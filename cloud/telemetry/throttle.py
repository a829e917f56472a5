"""Whether a limit held an inverter back, and whether there was light; pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache

from cloud.telemetry.counters import Window
from cloud.telemetry.dictionary import BITS, COLUMNS, ENUMS, QUALITY_ASLEEP
from cloud.telemetry.equipment import Equipment
from cloud.telemetry.policy import FULL_POWER, NO_LIMIT_BITS

Columns = Mapping[str, int | None]

_AWAKE = frozenset({"MPPT", "RUNNING", "THROTTLED", "SHUTTING_DOWN"})
_STATES: Mapping[str, frozenset[int]] = {
    column: frozenset(value for value, code in ENUMS[column].items() if code.name in _AWAKE)
    for column in ("St", "InvSt")
}
_THROTTLED: Mapping[str, int] = {
    column: next(value for value, code in ENUMS[column].items() if code.name == "THROTTLED")
    for column in ("St", "InvSt")
}
_ENABLED = next(value for value, code in ENUMS["LimEna"].items() if code.name == "ENABLED")
_PERCENT = 10 ** COLUMNS["LimPct"].decimals


@lru_cache(maxsize=8)
def _limit_bits(no_limits: frozenset[str]) -> int:
    return sum(1 << bit for bit, code in BITS["ThrotSrc"].items() if code.name not in no_limits)


def is_limited(columns: Columns, day: date) -> bool:
    """Tell whether a limit held the inverter back at one instant (T-03).

    THROTTLED without a limit, and a limit of 100 % (T-04), do not count; nor does a limit that is
    set while the inverter says that it follows the sun.
    """
    source = columns.get("ThrotSrc")
    if source and source & _limit_bits(NO_LIMIT_BITS.on(day)):
        return True
    if columns.get("LimEna") != _ENABLED:
        return False
    if all(columns.get(column) != code for column, code in _THROTTLED.items()):
        return False
    percent = columns.get("LimPct")
    return percent is None or percent < FULL_POWER.on(day) * _PERCENT


def light_of(
    window: Window, kit: Equipment, pv_powers: Sequence[str], *, is_hybrid: bool
) -> list[bool]:
    """Tell of each sample of the day whether it was light: modules had power, or it was awake.

    An inverter with a battery on its DC side is awake at night as well: of it, only the modules
    tell, where their power is known. One that tells no state is awake while it gives power.
    """
    powers = [window.column(name) for name in pv_powers]
    light = [False] * (window.last - window.first)
    is_told = [False] * len(light)
    for column in powers:
        for place, power in enumerate(column):
            if power is not None:
                is_told[place] = is_hybrid
                light[place] = light[place] or power > 0
    has_state = [False] * len(light)
    for name in kit.states:
        awake = _STATES[name]
        for place, state in enumerate(window.column(name)):
            if state is not None:
                has_state[place] = True
                light[place] = light[place] or (state in awake and not is_told[place])
    if not all(has_state):
        for place, row in enumerate(window.today):
            if not (has_state[place] or is_told[place]) and row.quality != QUALITY_ASLEEP:
                light[place] = light[place] or (row.columns.get("W") or 0) > 0
    return light


def throttled_share(window: Window, light: Sequence[bool]) -> float:
    """Give the share of an inverter's daylight samples in which a limit held it back (T-03)."""
    day = window.day
    lit = [row.columns for row, is_light in zip(window.today, light, strict=True) if is_light]
    return sum(is_limited(columns, day) for columns in lit) / len(lit) if lit else 0.0


def coldest_in_the_dark(window: Window, light: Sequence[bool]) -> int | None:
    """Give the lowest temperature of the cabinet while it was dark, in the dictionary's decimals.

    By day the sun and the inverter's own work warm it.
    """
    warmth = zip(window.column("TmpCab"), light, strict=True)
    return min(
        (warm for warm, is_light in warmth if warm is not None and not is_light), default=None
    )
