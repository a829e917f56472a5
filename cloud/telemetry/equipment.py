"""What a device has, told by the columns that it fills; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cloud.telemetry.dictionary import BITS, COLUMNS

AC_COUNTER = "WH"
MODULES_COUNTER, MODULES_POWER = "PvWH", "PvW"
BATTERY_COLUMNS = frozenset(
    {"SoC", "BatW", "BatSt", "BatSta", "BatChgW", "BatWHIn", "BatWHOut", "SoH"}
)
LIMIT_COLUMNS = frozenset({"ThrotSrc", "LimEna"})
_COUNTING_MODELS = frozenset(source.partition(".")[0] for source in COLUMNS[AC_COUNTER].sources)
_BATTERY_MODELS = frozenset(
    source.partition(".")[0] for name in BATTERY_COLUMNS for source in COLUMNS[name].sources
)
_CHAIN = re.compile(r"[0-9.]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Equipment:
    """The columns of one device, sorted by what they tell.

    Attributes:
        has_counter: it counts AC energy, as an inverter does.
        has_battery: a battery is among the device's own models.
        has_modules: it tells of all of its modules together.
        has_limits: it tells of limits of its power.
        has_temperature: it tells how warm its cabinet is.
        states: columns of the inverter's operating state.
        bits: column and table of each bit field.
        inputs: numbers of the MPPT inputs (model 160).
        ports: numbers of the DC ports (model 714).
    """

    has_counter: bool
    has_battery: bool
    has_modules: bool
    has_limits: bool
    has_temperature: bool
    states: tuple[str, ...]
    bits: tuple[tuple[str, str], ...]
    inputs: tuple[int, ...]
    ports: tuple[int, ...]


@lru_cache(maxsize=1024)
def equipment_of(columns: frozenset[str]) -> Equipment:
    """Give what a device has that fills these columns."""
    tables = ((name, _table_of(name)) for name in sorted(columns))
    return Equipment(
        has_counter=AC_COUNTER in columns,
        has_battery=not BATTERY_COLUMNS.isdisjoint(columns),
        has_modules=not columns.isdisjoint({MODULES_COUNTER, MODULES_POWER}),
        has_limits=not LIMIT_COLUMNS.isdisjoint(columns),
        has_temperature="TmpCab" in columns,
        states=tuple(name for name in ("St", "InvSt") if name in columns),
        bits=tuple((name, table) for name, table in tables if table in BITS),
        inputs=_numbers(columns, ("DCW_", "DCWH_")),
        ports=_numbers(columns, ("PrtTyp_", "PrtW_", "PrtWH_")),
    )


def is_sunspec(layouts: Iterable[str]) -> bool:
    """Tell whether a device's layouts are chains of SunSpec models; else it is of a profile.

    A device of which no layout is known is taken for one of SunSpec, as all were at first.
    """
    return all(_CHAIN.fullmatch(layout) for layout in layouts)


def is_inverter(layouts: Iterable[str]) -> bool:
    """Tell whether a device's models would count AC energy, whatever it says today."""
    return not _COUNTING_MODELS.isdisjoint(_models(layouts))


def is_battery(layouts: Iterable[str]) -> bool:
    """Tell whether there is a battery among a device's models."""
    return not _BATTERY_MODELS.isdisjoint(_models(layouts))


def _models(layouts: Iterable[str]) -> set[str]:
    return {model for layout in layouts for model in layout.split(".")}


def _table_of(column: str) -> str:
    stem, _, number = column.rpartition("_")
    return f"{stem}_n" if number.isdecimal() else column


def _numbers(columns: Iterable[str], stems: tuple[str, ...]) -> tuple[int, ...]:
    found = {
        int(number)
        for name in columns
        for stem in stems
        if name.startswith(stem) and (number := name.removeprefix(stem)).isdecimal()
    }
    return tuple(sorted(found))
