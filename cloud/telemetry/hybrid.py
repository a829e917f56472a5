"""Whether a battery hangs on the DC side of an inverter, and which sign its charging has; pure."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from cloud.telemetry.counters import Window
from cloud.telemetry.dictionary import QUALITY_ASLEEP
from cloud.telemetry.equipment import Equipment
from cloud.telemetry.models import Sample
from cloud.telemetry.policy import HYBRID_EVIDENCE, HybridEvidence

CHARGING = "BatChgW"


def is_proven_hybrid(window: Window, kit: Equipment, inputs: Mapping[int, str]) -> bool:
    """Tell whether a day's readings prove that the battery is on the DC side (T-06).

    Args:
        window: the samples of the inverter.
        kit: what the inverter has.
        inputs: column of the power of each MPPT input.
    """
    if not kit.has_battery:
        return False
    rule = HYBRID_EVIDENCE.on(window.day)
    powers = tuple(inputs.values()) or ("DCW",)
    column, sign = battery_power(window)
    battery = zip(window.today, window.column(column), strict=True)
    busy = [
        (row, power if sign is None else sign * power)
        for row, power in battery
        if power is not None and abs(power) >= rule.least_battery_w
    ]
    has_sign = sign is not None
    balance = (_by_balance(row, w, powers, rule, has_sign=has_sign) for row, w in busy)
    morning, evening = window.start + rule.dark, window.end - rule.dark
    night = (_by_night(row, power) for row, power in busy if not morning <= row.at < evening)
    return _is_carried(balance, rule) or _is_carried(night, rule)


def battery_power(window: Window) -> tuple[str, int | None]:
    """Give the column of the battery's power, and the sign that charging has there, if known.

    Where the power into the battery is told, its sign is part of what the column means.
    """
    if any(row.columns.get(CHARGING) is not None for row in window.rows):
        return CHARGING, 1
    return "BatW", charging_sign(window)


def charging_sign(window: Window) -> int | None:
    """Give 1 where a battery's power is positive as it charges, -1 where it is negative.

    What the battery holds tells: vendors do not agree. None when it held the same all day.
    """
    known = [
        (power, charge)
        for row in window.rows
        if (power := row.columns.get("BatW")) is not None
        and (charge := row.columns.get("SoC")) is not None
    ]
    together = sum(power * (after - before) for (power, before), (_, after) in pairwise(known))
    return None if together == 0 else 1 if together > 0 else -1


def _is_carried(votes: Iterable[bool | None], rule: HybridEvidence) -> bool:
    known = [vote for vote in votes if vote is not None]
    ayes = sum(known)
    return ayes >= rule.least_readings and ayes >= 3 * (len(known) - ayes)


def _ac_w(row: Sample) -> int | None:
    power = row.columns.get("W")
    return 0 if power is None and row.quality == QUALITY_ASLEEP else power


def _by_balance(
    row: Sample, stored_w: int, powers: tuple[str, ...], rule: HybridEvidence, *, has_sign: bool
) -> bool | None:
    """Tell whether AC departs from DC by the battery's power; None when it cannot be told.

    Args:
        row: one reading.
        stored_w: what the battery takes, less than 0 when it gives.
        powers: columns that make up the DC power.
        rule: what counts.
        has_sign: whether it is known which of the two the battery does.
    """
    ac_w = _ac_w(row)
    known = [power for name in powers if (power := row.columns.get(name)) is not None]
    if ac_w is None or (len(known) < len(powers) and row.quality != QUALITY_ASLEEP):
        return None
    dc_w, battery_w = sum(known), abs(stored_w)
    if 100 * battery_w < rule.least_battery_percent * dc_w:
        return None
    surplus = 100 * (dc_w - ac_w)
    is_taken = surplus >= rule.charging_percent * battery_w
    is_given = -surplus >= rule.discharging_percent * battery_w
    if not has_sign:
        return is_taken or is_given
    return is_taken if stored_w > 0 else is_given


def _by_night(row: Sample, stored_w: int) -> bool | None:
    """Tell whether the inverter moves in the dark what its battery moves."""
    ac_w = _ac_w(row)
    return None if ac_w is None else 2 * abs(ac_w) >= abs(stored_w)
