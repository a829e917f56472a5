"""What one inverter's modules made on a day, with or without a battery beside them; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from cloud.telemetry.counters import Window, made, made_by_all
from cloud.telemetry.dictionary import ENUMS, QUALITY_ASLEEP
from cloud.telemetry.equipment import AC_COUNTER, Equipment
from cloud.telemetry.hybrid import charging_sign, is_proven_hybrid
from cloud.telemetry.models import PvEnergySource, Sample
from cloud.telemetry.policy import LONGEST_HOLE, STORAGE_PORTS

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
    before, or by the day's own readings (T-06). Of any other the AC counter tells.
    """
    day = window.day
    ports = _ports(window, kit)
    storage = _storage(ports, day)
    inputs = _inputs(window, kit, ports)
    on_ports = _on_ports(window, ports)
    # An input that counts and tells no power is missing from the sum: nothing follows from it.
    powers_told = inputs.power if inputs.counter.keys() <= inputs.power.keys() else {}
    is_hybrid = bool(storage) or is_known_hybrid or is_proven_hybrid(window, kit, powers_told)
    modules = inputs if inputs.power or inputs.counter else on_ports
    inputs_wh = {
        f"{serial}/{number}": _made_by_input(window, modules, number, most_wh)
        for number in sorted({*modules.power, *modules.counter})
    }
    powers = tuple(modules.power.values()) or (("DCW",) if not is_hybrid else ())
    if not is_hybrid:
        counters = {serial: AC_COUNTER}
        source = PvEnergySource.AC_COUNTER
    elif _all_count(window, inputs):
        counters = {f"{serial}/{number}": name for number, name in inputs.counter.items()}
        source = PvEnergySource.INPUT_COUNTERS
    elif _all_count(window, on_ports):
        counters = {f"{serial}/{number}": name for number, name in on_ports.counter.items()}
        source = PvEnergySource.PORT_COUNTERS
    else:
        source, wh = _without_counters(window, modules, storage, most_wh)
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


def _without_counters(
    window: Window, modules: _Modules, storage: Sequence[int], most_wh: int
) -> tuple[PvEnergySource, int | None]:
    """Give the energy of a hybrid of which no counter tells what the modules made."""
    powers = tuple(modules.power.values())
    if powers:
        return PvEnergySource.DC_POWER, _believed(summed_wh(window, _total_of(powers)), most_wh)
    sign = charging_sign(window)
    if _last_known(window.rows, "DCW") is not None:
        power = None if sign is None else _before_battery(sign)
        wh = None if power is None else summed_wh(window, power)
        return PvEnergySource.DC_POWER, _believed(wh, most_wh)
    ac_wh = made(*window.ends_of(AC_COUNTER), most_wh=most_wh, day=window.day)
    drawn_wh = summed_wh(window, _drawn)
    stored_wh = _stored_wh(window, storage, sign, most_wh)
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


def _stored_wh(
    window: Window, storage: Sequence[int], sign: int | None, most_wh: int
) -> int | None:
    """Give what went into the battery less what came out, by its ports or its power."""
    day = window.day
    if storage and all(_last_known(window.rows, f"PrtWHAbs_{n}") is not None for n in storage):
        parts = [
            made(*window.ends_of(f"{column}_{n}"), most_wh=most_wh, day=day)
            for n in storage
            for column in ("PrtWHAbs", "PrtWH")
        ]
        if any(part is None for part in parts):
            return None
        known = [part or 0 for part in parts]
        return sum(known[::2]) - sum(known[1::2])
    if sign is None:
        return None
    return summed_wh(window, lambda row: _times(row.columns.get("BatW"), sign))


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


def _before_battery(sign: int) -> Callable[[Sample], float | None]:
    """Give what reads the modules' power off the inverter's DC power and what the battery takes."""

    def power(row: Sample) -> float | None:
        dc_w, battery_w = row.columns.get("DCW"), row.columns.get("BatW")
        if row.quality == QUALITY_ASLEEP and dc_w is None:
            dc_w = 0
        return None if dc_w is None or battery_w is None else float(max(0, dc_w + sign * battery_w))

    return power


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
