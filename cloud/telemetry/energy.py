"""What one inverter's modules made on a day, with or without a battery beside them; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from cloud.telemetry.counters import Window, made, made_by_all
from cloud.telemetry.dictionary import ENUMS, QUALITY_ASLEEP
from cloud.telemetry.equipment import (
    AC_COUNTER,
    MODULES_COUNTER,
    MODULES_POWER,
    Equipment,
    is_sunspec,
)
from cloud.telemetry.hybrid import battery_power, is_proven_hybrid
from cloud.telemetry.models import PvEnergySource, Sample
from cloud.telemetry.policy import LONGEST_HOLE, STORAGE_PORTS
from cloud.telemetry.policy import MODULES_COUNTER as MODULES_HOLE

Counters = Mapping[str, int | None]

_MODULES = next(value for value, code in ENUMS["PrtTyp_n"].items() if code.name == "PV")


@dataclass(frozen=True, slots=True)
class InverterEnergy:
    """One inverter's part in a day of energy; the attributes are those of `DayOfEnergy`."""

    source: PvEnergySource
    wh: int | None
    is_hybrid: bool
    pv_powers: tuple[str, ...]
    inputs_wh: Counters
    opening_wh: Counters = field(default_factory=dict)
    closing_wh: Counters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Modules:
    """The inputs or ports of one device with modules on them: number -> column."""

    power: Mapping[int, str]
    counter: Mapping[int, str]


def energy_of(
    window: Window, kit: Equipment, *, serial: str, most_wh: int, is_known_hybrid: bool
) -> InverterEnergy:
    """Give what an inverter's modules made, from the best source that the inverter has (T-05).

    An inverter with a battery on its DC side is known by a port for storage, by what was proven
    before, by what only a gateway can have summed for it, or by the day's own readings (T-06). Of
    any other the AC counter tells; a device outside of SunSpec without one is measured at its
    modules as well. What a meter in the inverter's own chain says is no production.
    """
    day = window.day
    ports = _ports(window, kit)
    storage = _storage(ports, day)
    inputs = _inputs(window, kit, ports)
    on_ports = _on_ports(window, ports)
    # An input that counts and tells no power is missing from the sum: nothing follows from it.
    powers_told = inputs.power if inputs.counter.keys() <= inputs.power.keys() else {}
    is_hybrid = (
        bool(storage)
        or is_known_hybrid
        or _tells_of_modules_and_battery(window, kit)
        or is_proven_hybrid(window, kit, powers_told)
    )
    modules = inputs if inputs.power or inputs.counter else on_ports
    inputs_wh = {
        f"{serial}/{number}": _made_by_input(window, modules, number, most_wh)
        for number in sorted({*modules.power, *modules.counter})
    }
    powers = tuple(modules.power.values()) or _power_of_all(window, kit, is_hybrid=is_hybrid)
    if not is_hybrid and (kit.has_counter or is_sunspec(_layouts(window))):
        counters = {serial: AC_COUNTER}
        source = PvEnergySource.AC_COUNTER
    elif _all_count(window, inputs):
        counters = {f"{serial}/{number}": name for number, name in inputs.counter.items()}
        source = PvEnergySource.INPUT_COUNTERS
    elif _all_count(window, on_ports):
        counters = {f"{serial}/{number}": name for number, name in on_ports.counter.items()}
        source = PvEnergySource.PORT_COUNTERS
    else:
        source, wh = _estimated(window, modules, storage, most_wh)
        return InverterEnergy(source, wh, is_hybrid, powers, inputs_wh)
    ends = {name: window.ends_of(column) for name, column in counters.items()}
    opening = {name: before for name, (before, _) in ends.items()}
    closing = {name: after for name, (_, after) in ends.items()}
    wh = made_by_all(opening, closing, most_wh=most_wh, day=day)
    believed = wh if wh is not None and wh <= most_wh else None
    return InverterEnergy(source, believed, is_hybrid, powers, inputs_wh, opening, closing)


def _ports(window: Window, kit: Equipment) -> dict[int, int]:
    """Give the type of each DC port, where it is told."""
    names = {number: f"PrtTyp_{number}" for number in kit.ports}
    return {
        number: kind
        for number, name in names.items()
        if (kind := _last_known(window.rows, name)) is not None
    }


def _storage(ports: Mapping[int, int], day: date) -> tuple[int, ...]:
    """Give the numbers of the ports that a battery hangs on (T-05)."""
    names = STORAGE_PORTS.on(day)
    kinds = {value for value, code in ENUMS["PrtTyp_n"].items() if code.name in names}
    return tuple(number for number, kind in ports.items() if kind in kinds)


def _inputs(window: Window, kit: Equipment, ports: Mapping[int, int]) -> _Modules:
    """Give the MPPT inputs that modules hang on.

    Where a device has as many ports as inputs, they are the same sockets, and the ports tell which
    of them is the battery's. Where it has not, all of its inputs are for modules.
    """
    is_same = len(ports) == len(kit.inputs)
    numbers = [n for n in kit.inputs if not is_same or ports.get(n, _MODULES) == _MODULES]
    return _modules(window, numbers, power="DCW_", counter="DCWH_")


def _on_ports(window: Window, ports: Mapping[int, int]) -> _Modules:
    """Give the ports that modules hang on."""
    numbers = [number for number, kind in ports.items() if kind == _MODULES]
    return _modules(window, numbers, power="PrtW_", counter="PrtWH_")


def _modules(window: Window, numbers: Iterable[int], *, power: str, counter: str) -> _Modules:
    """Give the columns that tell something: a counter that never left 0 is none."""
    rows = window.rows
    powers = {n: name for n in numbers if _last_known(rows, name := f"{power}{n}") is not None}
    counters = {n: name for n in numbers if _last_known(rows, name := f"{counter}{n}")}
    return _Modules(powers, counters)


def _all_count(window: Window, modules: _Modules) -> bool:
    """Tell whether every socket that had power has a counter, and there is one at all."""
    without = (name for n, name in modules.power.items() if n not in modules.counter)
    is_idle = (all((row.columns.get(name) or 0) <= 0 for row in window.rows) for name in without)
    return bool(modules.counter) and all(is_idle)


def _last_known(rows: Sequence[Sample], column: str) -> int | None:
    for row in reversed(rows):
        if (value := row.columns.get(column)) is not None:
            return value
    return None


def _made_by_input(window: Window, modules: _Modules, number: int, most_wh: int) -> int | None:
    """Give the DC energy of one input: by its counter, else by its power."""
    if (column := modules.counter.get(number)) is not None:
        before, after = window.ends_of(column)
        return made(before, after, most_wh=most_wh, day=window.day)
    return summed_wh(window, _total_of((modules.power[number],)))


def _tells_of_modules_and_battery(window: Window, kit: Equipment) -> bool:
    """Tell whether a device shows by its columns that a battery is on its DC side (T-05).

    In SunSpec no model tells of all modules: a gateway found it for a battery on the DC side.
    Outside of it, modules and battery in one device share its DC side, or the modules tell anyway.
    """
    if is_sunspec(_layouts(window)):
        return kit.has_modules
    return kit.has_battery and (kit.has_modules or bool(kit.inputs))


def _layouts(window: Window) -> tuple[str, str]:
    """Give the layouts at both ends: a device seldom gets another, and there are many samples."""
    return window.rows[0].layout, window.rows[-1].layout


def _power_of_all(window: Window, kit: Equipment, *, is_hybrid: bool) -> tuple[str, ...]:
    """Give the column that tells by itself whether there was light on the modules."""
    if kit.has_modules and _last_known(window.rows, MODULES_POWER) is not None:
        return (MODULES_POWER,)
    return () if is_hybrid else ("DCW",)


def _estimated(
    window: Window, modules: _Modules, storage: Sequence[int], most_wh: int
) -> tuple[PvEnergySource, int | None]:
    """Give the energy of modules of which no counter of their own tells for sure."""
    if _last_known(window.rows, MODULES_COUNTER):
        wh = counted_by_all(window, most_wh=most_wh)
        return PvEnergySource.MODULES_COUNTER, _believed(wh, most_wh)
    powers = tuple(modules.power.values())
    if not powers and _last_known(window.rows, MODULES_POWER) is not None:
        powers = (MODULES_POWER,)
    if powers:
        return PvEnergySource.DC_POWER, _believed(summed_wh(window, _total_of(powers)), most_wh)
    battery, sign = battery_power(window)
    if _last_known(window.rows, "DCW") is not None:
        power = None if sign is None else _before_battery(battery, sign)
        wh = None if power is None else summed_wh(window, power)
        return PvEnergySource.DC_POWER, _believed(wh, most_wh)
    ac_wh = made(*window.ends_of(AC_COUNTER), most_wh=most_wh, day=window.day)
    drawn_wh = summed_wh(window, _drawn)
    stored_wh = _stored_wh(window, storage, most_wh)
    if ac_wh is None or drawn_wh is None or stored_wh is None:
        return PvEnergySource.AC_AND_BATTERY, None
    return PvEnergySource.AC_AND_BATTERY, _believed(max(0, ac_wh - drawn_wh + stored_wh), most_wh)


def _drawn(row: Sample) -> float | None:
    """Give the AC power that an inverter draws to charge: its counter does not go back for it."""
    ac_w = row.columns.get("W")
    if ac_w is None:
        return 0.0 if row.quality == QUALITY_ASLEEP else None
    return float(max(0, -ac_w))


def _believed(wh: int | None, most_wh: int) -> int | None:
    return wh if wh is not None and 0 <= wh <= most_wh else None


def _stored_wh(window: Window, storage: Sequence[int], most_wh: int) -> int | None:
    """Give what went into the battery less what came out, by its counters or its power."""
    for pairs in (
        [(f"PrtWHAbs_{number}", f"PrtWH_{number}") for number in storage],
        [("BatWHIn", "BatWHOut")],
    ):
        if pairs and all(_last_known(window.rows, taken) is not None for taken, _ in pairs):
            return _differences(window, pairs, most_wh)
    battery, sign = battery_power(window)
    if sign is None:
        return None
    return summed_wh(window, lambda row: _times(row.columns.get(battery), sign))


def _differences(window: Window, pairs: Iterable[tuple[str, str]], most_wh: int) -> int | None:
    """Give what the first counters made less what the second made, None when one is not known."""
    total = 0
    for columns in pairs:
        into, out = (
            made(*window.ends_of(name), most_wh=most_wh, day=window.day) for name in columns
        )
        if into is None or out is None:
            return None
        total += into - out
    return total


def _times(power: int | None, sign: int) -> float | None:
    return None if power is None else float(power * sign)


def _total_of(columns: Sequence[str]) -> Callable[[Sample], float | None]:
    """Give what reads the power of several columns; one that is not known spoils the sum.

    An inverter that is asleep lets its modules make nothing: here, that is zero.
    """

    def power(row: Sample) -> float | None:
        values = [row.columns.get(name) for name in columns]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            return float(sum(known))
        return 0.0 if row.quality == QUALITY_ASLEEP and not known else None

    return power


def _before_battery(battery: str, sign: int) -> Callable[[Sample], float | None]:
    """Give what reads the modules' power off the inverter's DC power and what the battery takes."""

    def power(row: Sample) -> float | None:
        dc_w, battery_w = row.columns.get("DCW"), row.columns.get(battery)
        if row.quality == QUALITY_ASLEEP and dc_w is None:
            dc_w = 0
        return None if dc_w is None or battery_w is None else float(max(0, dc_w + sign * battery_w))

    return power


def counted_by_all(window: Window, *, most_wh: float) -> int | None:
    """Give what the counter of all modules made over the day, with what it left out (T-09).

    Where there are readings without the counter between two with it, a gateway could not read, and
    did not sum: there the power at both ends, straight between them, tells of more. Where there is
    no reading at all, a chunk is missing, and the counter knows. It is None when there is a hole of
    more than an hour, when the counter fell (it never does: it is another one), and when it rose
    beyond belief (T-02). An inverter that is asleep is no hole.
    """
    hole = MODULES_HOLE.on(window.day)
    total, is_blind, has_slept = 0.0, False, False
    last: Sample | None = None
    seen_at = window.rows[0].at
    for row in window.rows:
        value = row.columns.get(MODULES_COUNTER)
        if value is None and row.quality != QUALITY_ASLEEP:
            is_blind = True
            continue
        if row.at - seen_at > hole and row.at > window.start and seen_at < window.end:
            return None
        seen_at = row.at
        if value is None:
            has_slept = True
            continue
        is_filled = is_blind and not has_slept
        part = 0.0 if last is None else _made_between(last, row, window, is_filled=is_filled)
        if value < 0 or part is None or part > most_wh:
            return None
        total, last, is_blind, has_slept = total + part, row, False, False
    is_whole = window.rows[0].at - window.start <= hole and window.end - seen_at <= hole
    return round(total) if last is not None and is_whole else None


def _made_between(
    before: Sample, after: Sample, window: Window, *, is_filled: bool
) -> float | None:
    """Give what the modules made between two readings of their counter, as far as it is of the day.

    None when the counter fell.
    """
    since, until = max(before.at, window.start), min(after.at, window.end)
    if since >= until:
        return 0.0
    rise = (after.columns[MODULES_COUNTER] or 0) - (before.columns[MODULES_COUNTER] or 0)
    if rise < 0:
        return None
    counted = rise * ((until - since) / (after.at - before.at))
    ends = before.columns.get(MODULES_POWER), after.columns.get(MODULES_POWER)
    if not is_filled or None in ends:
        return counted
    told = _between((before.at, float(ends[0] or 0)), (after.at, float(ends[1] or 0)), window)
    return max(counted, told)


def summed_wh(window: Window, power: Callable[[Sample], float | None]) -> int | None:
    """Give the energy of a power over the day, straight between readings.

    It is None when there is a hole of more than an hour (T-08), also at the day's ends.
    """
    hole = LONGEST_HOLE.on(window.day)
    known = ((row.at, watts) for row in window.rows if (watts := power(row)) is not None)
    total = 0.0
    last: tuple[datetime, float] | None = None
    for at, watts in known:
        if last is None and at - window.start > hole:
            return None
        if last is not None and at > window.start and last[0] < window.end:
            if at - last[0] > hole:
                return None
            total += _between(last, (at, watts), window)
        last = (at, watts)
    if last is None or window.end - last[0] > hole:
        return None
    return round(total)


def _between(
    before: tuple[datetime, float], after: tuple[datetime, float], window: Window
) -> float:
    """Give the energy between two readings, as far as it is of the day."""
    length = after[0] - before[0]
    slope = (after[1] - before[1]) / (length / timedelta(seconds=1))
    since, until = max(before[0], window.start), min(after[0], window.end)
    middle = before[0] + ((since - before[0]) + (until - before[0])) / 2
    watts = before[1] + slope * ((middle - before[0]) / timedelta(seconds=1))
    return watts * ((until - since) / timedelta(hours=1))
