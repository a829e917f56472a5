"""Inverters that are off by day: which hours, for their neighbours to tell what it means; pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cloud.detection.codes import INV_OFF
from cloud.detection.daylight import Place, is_daylight
from cloud.telemetry.dictionary import ENUMS, QUALITY_SUSPECT, QUALITY_UNREACHABLE
from cloud.telemetry.models import Sample

HOUR_S = 3600
_STATES = ("St", "InvSt")
_OFF: Mapping[str, frozenset[int]] = {
    table: frozenset(code.value for code in ENUMS.get(table, {}).values() if code.issue == INV_OFF)
    for table in _STATES
}
_RUNNING: Mapping[str, frozenset[int]] = {
    table: frozenset(
        code.value
        for code in ENUMS.get(table, {}).values()
        if code.name in {"MPPT", "RUNNING", "THROTTLED"}
    )
    for table in _STATES
}
_STORES = frozenset({"713", *(str(number) for number in range(801, 810))})
_MODULES = frozenset({"101", "102", "103", "111", "112", "113", "160"})
_INVERTERS = frozenset({"101", "102", "103", "111", "112", "113", "701"})
"""SunSpec models of batteries, of devices that modules hang on, and of inverters."""
_PV_PORT = next(code.value for code in ENUMS["PrtTyp_n"].values() if code.name == "PV")
_UNBELIEVED = frozenset({QUALITY_SUSPECT, QUALITY_UNREACHABLE})


def is_inverter_of_modules(samples: Sequence[Sample]) -> bool:
    """Tell whether a device turns light into power: the inverter of a battery alone may rest.

    A device with a battery counts only when it shows inputs for modules as well, and one with
    ports when modules hang on any of them.
    """
    columns = set[str]().union(*(row.columns for row in samples))
    layouts = {model for layout in {row.layout for row in samples} for model in layout.split(".")}
    names = [name for name in columns if name.startswith("PrtTyp_")]
    ports = {row.columns.get(name) for row in samples for name in names} - {None}
    has_inputs = not layouts.isdisjoint(_MODULES) or any(
        name.startswith("DCW_") for name in columns
    )
    has_store = bool(ports) or not layouts.isdisjoint(_STORES)
    if has_store and not has_inputs and _PV_PORT not in ports:
        return False
    return not columns.isdisjoint({*_STATES, "W"}) or not layouts.isdisjoint(_INVERTERS)


def is_running(sample: Sample) -> bool:
    """Tell whether an inverter says that it produces."""
    return sample.quality not in _UNBELIEVED and _is_in(sample, _RUNNING)


def is_off(sample: Sample) -> bool:
    """Tell whether an inverter says that it is off, asleep, starting or standing by, at no power.

    One that starts and never gets on is as good as off, unlike one that shuts down or has failed.
    """
    is_idle = (sample.columns.get("W") or 0) <= 0
    return sample.quality not in _UNBELIEVED and is_idle and _is_in(sample, _OFF)


def off_in_daylight(samples: Sequence[Sample], now: datetime, place: Place) -> frozenset[datetime]:
    """Give the samples of the hours that are over in which an inverter was off all along by day.

    An hour in which it said anything else is not one of them: inverters rest for a while when
    clouds come or the morning is young.
    """
    off = [row for row in samples if is_off(row)]
    if not off or not is_inverter_of_modules(samples):
        return frozenset()
    over = int(now.timestamp()) // HOUR_S
    hours: dict[int, list[Sample]] = {
        hour: [] for row in off if (hour := int(row.at.timestamp()) // HOUR_S) < over
    }
    for row in samples:
        if (hour := int(row.at.timestamp()) // HOUR_S) in hours:
            hours[hour].append(row)
    return frozenset(
        row.at
        for rows in hours.values()
        if _is_off_hour(rows, place)
        for row in rows
        if row.quality != QUALITY_UNREACHABLE
    )


def _is_off_hour(rows: Sequence[Sample], place: Place) -> bool:
    told = [row for row in rows if row.quality != QUALITY_UNREACHABLE]
    return bool(told) and all(map(is_off, told)) and all(is_daylight(row.at, place) for row in told)


def _is_in(sample: Sample, states: Mapping[str, frozenset[int]]) -> bool:
    columns = sample.columns
    return columns.get("St") in states["St"] or columns.get("InvSt") in states["InvSt"]
