"""Samples from chunks, and days of energy from samples; pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from cloud.telemetry.chunk import Chunk
from cloud.telemetry.counters import Window, made_by_all, most_made, window_of
from cloud.telemetry.dictionary import COLUMNS, ENUMS, QUALITY_UNREACHABLE
from cloud.telemetry.energy import InverterEnergy, energy_of
from cloud.telemetry.equipment import (
    Equipment,
    equipment_of,
    is_battery,
    is_inverter,
    is_sunspec,
)
from cloud.telemetry.models import DayOfEnergy, PvEnergySource, Sample
from cloud.telemetry.policy import COUNTER_SLACK
from cloud.telemetry.throttle import coldest_in_the_dark, light_of, throttled_share

_MINUTES = 24 * 60
_DEGREE = 10 ** COLUMNS["TmpCab"].decimals
_WORST_LAST = tuple(PvEnergySource)


def samples_of(chunks: Iterable[Chunk]) -> dict[str, tuple[Sample, ...]]:
    """Give each device's samples in order of time.

    Chunks may come late, twice and in any order: the union by instant is the same. Where two chunks
    tell of one instant, the one with the higher sequence number stands; what a gateway sent before
    its clock was set never stands against what it sent with a true clock.
    """
    rows: dict[str, dict[datetime, Sample]] = {}
    for chunk in sorted(chunks, key=_standing):
        for device in chunk.devices:
            known = rows.setdefault(device.serial, {})
            for row, quality in enumerate(device.quality):
                if quality is None:
                    continue
                at = datetime.fromtimestamp(chunk.t0 + row * chunk.dt, UTC)
                columns = {name: column[row] for name, column in device.columns.items()}
                known[at] = Sample(at, quality, columns, device.layout)
    return {
        serial: tuple(sample for _, sample in sorted(known.items()))
        for serial, known in rows.items()
    }


def _standing(chunk: Chunk) -> tuple[bool, int, int, str]:
    """Give what a later chunk of one instant is known by; where numbers are equal, by its names."""
    return (chunk.is_clock_synced, chunk.seq, chunk.t0, chunk.boot)


def standard_day(instant: datetime, utc_offset_hours: int) -> date:
    """Give the date on a clock that never keeps summer time, in which days of energy are cut."""
    return instant.astimezone(timezone(timedelta(hours=utc_offset_hours))).date()


def start_of(day: date, utc_offset_hours: int) -> datetime:
    """Give the instant at which a day of energy begins."""
    return datetime.combine(day, time(), timezone(timedelta(hours=utc_offset_hours)))


@dataclass(frozen=True, slots=True)
class _Device:
    """One device on the day: its samples, what it has, and its energy if it is an inverter."""

    window: Window
    kit: Equipment
    energy: InverterEnergy | None


def day_of_energy(
    devices: Mapping[str, Sequence[Sample]],
    *,
    day: date,
    utc_offset_hours: int,
    samples_expected: int,
    rated_w: int,
    hybrids: Collection[str] = (),
) -> DayOfEnergy:
    """Give the energy that a site made on a day, by lifetime counters (T-01, T-02).

    A device without such a counter (a battery) adds nothing. If any inverter's counter is not known
    at both ends of the day, fell, or rose beyond belief, the day is unknown: a part of a site is
    not the site, and a silent inverter is a part of it. One that has no samples around the day is
    not: it was not there yet, or was exchanged. Completeness is that of the inverter with the most
    gaps. An inverter with a battery on its DC side is measured at its modules (T-05).

    Args:
        devices: serial number -> samples in order of time.
        day: a day of the site's standard time.
        utc_offset_hours: of the site's standard time.
        samples_expected: samples that a device without gaps has on a day.
        rated_w: DC rating of the site.
        hybrids: serial numbers of the inverters of which an earlier day proved a battery on the DC
            side. Without them, a day on which the battery rests is taken from another source.
    """
    producing = _producing_profiles(devices)
    # In UTC, as samples are: instants of one zone are compared several times as fast.
    start = start_of(day, utc_offset_hours).astimezone(UTC)
    windows = {serial: window_of(rows, day=day, start=start) for serial, rows in devices.items()}
    heard = {
        serial: _device(rows, serial, rated_w=rated_w, hybrids=hybrids, producing=producing)
        for serial, rows in windows.items()
    }
    found = {serial: device for serial, device in heard.items() if device}
    inverters = {
        serial: energy for serial, device in found.items() if (energy := device.energy) is not None
    }
    bits = _event_bits(found.values())
    if not inverters:
        return DayOfEnergy(day, None, 0.0, event_bits=bits, hybrids=tuple(sorted(set(hybrids))))
    proven = {*hybrids, *(serial for serial, energy in inverters.items() if energy.is_hybrid)}
    parts = [energy.wh for energy in inverters.values()]
    share, coldest = _light_and_dark(found.values())
    return DayOfEnergy(
        day=day,
        pv_wh=None if None in parts else sum(part for part in parts if part is not None),
        completeness=_completeness(found.values(), samples_expected),
        throttled_share=share,
        state_minutes=_state_minutes(found.values(), samples_expected),
        event_bits=bits,
        inputs_wh=_merged(energy.inputs_wh for energy in inverters.values()),
        pv_energy_source=max(
            (energy.source for energy in inverters.values()), key=_WORST_LAST.index
        ),
        opening_wh=_merged(energy.opening_wh for energy in inverters.values()),
        closing_wh=_merged(energy.closing_wh for energy in inverters.values()),
        coldest_c=coldest,
        hybrids=tuple(sorted(proven)),
    )


def made_between(earlier: DayOfEnergy, later: DayOfEnergy, rated_w: int) -> int | None:
    """Give what a site made over the days between two others, by its counters (T-01, T-02, T-07).

    A gap in communication loses no energy: it stands between the counters at the end of the earlier
    day and at the start of the later one, and two days in a row have nothing between them. None
    when it cannot be told: another source or another device, estimated energy, a counter that is
    not known, fell, or rose beyond belief.
    """
    days = (later.day - earlier.day).days - 1
    if days < 0 or earlier.pv_energy_source is not later.pv_energy_source:
        return None
    # Each boundary may be told by a reading up to the slack away from it.
    slack = 2 * COUNTER_SLACK.on(later.day) / timedelta(hours=1) * rated_w
    most_wh = most_made(rated_w, later.day) * days + slack
    wh = made_by_all(earlier.closing_wh, later.opening_wh, most_wh=most_wh, day=later.day)
    return wh if wh is not None and wh <= most_wh else None


def _producing_profiles(devices: Mapping[str, Sequence[Sample]]) -> frozenset[str]:
    """Give the layouts outside of SunSpec of which a device told that it makes energy.

    Only its columns say what such a device is. Silent, it is an inverter if it, or another of its
    kind, showed as much in the samples at hand, or if it was proven a hybrid; a battery beside an
    inverter may be silent for long, and must not make the days of its home unknown.
    """
    return frozenset(
        row.layout
        for rows in devices.values()
        if rows and not is_sunspec((rows[0].layout, rows[-1].layout))
        for row in rows
        if not is_sunspec((row.layout,)) and _makes_energy(equipment_of(frozenset(row.columns)))
    )


def _makes_energy(kit: Equipment) -> bool:
    return kit.has_counter or kit.has_modules or bool(kit.inputs)


def _device(
    window: Window,
    serial: str,
    *,
    rated_w: int,
    hybrids: Collection[str],
    producing: Collection[str],
) -> _Device | None:
    """Give a device with its energy; None for one that has no samples around the day."""
    if not window.rows:
        return None
    kit = equipment_of(frozenset[str]().union(*(row.columns for row in window.rows)))
    energy = None
    is_known = serial in hybrids or window.rows[-1].layout in producing
    if kit.has_counter or is_known or _is_missing(window.rows, kit):
        energy = energy_of(
            window,
            kit,
            serial=serial,
            most_wh=most_made(rated_w, window.day),
            is_known_hybrid=serial in hybrids,
        )
    return _Device(window, kit, energy)


def _is_missing(rows: Sequence[Sample], kit: Equipment) -> bool:
    """Tell whether a device without any AC counter is an inverter all the same, by its models.

    One that was heard, has a battery and nothing for modules to hang on is the battery's own.
    """
    layouts = {row.layout for row in rows}
    is_silent = all(row.quality == QUALITY_UNREACHABLE for row in rows)
    has_sockets = bool(kit.inputs or kit.ports)
    return is_inverter(layouts) and (is_silent or has_sockets or not is_battery(layouts))


def _completeness(devices: Iterable[_Device], samples_expected: int) -> float:
    """Give the share of expected samples of the inverter with the most gaps."""
    seen = (
        sum(row.quality != QUALITY_UNREACHABLE for row in device.window.today)
        for device in devices
        if device.energy is not None
    )
    return min(1.0, min(seen) / samples_expected)


def _state_minutes(devices: Iterable[_Device], samples_expected: int) -> dict[str, int]:
    """Give the minutes in each operating state; a code that no table has stands as its number."""
    samples: Counter[str] = Counter()
    for device in devices:
        for column in device.kit.states:
            codes = Counter(device.window.column(column))
            for value, count in codes.items():
                if value is not None:
                    code = ENUMS[column].get(value)
                    samples[str(value) if code is None else code.name] += count
    return {name: round(count * _MINUTES / samples_expected) for name, count in samples.items()}


def _event_bits(devices: Iterable[_Device]) -> dict[str, int]:
    """Give all bits that were set at some time of the day, by their table."""
    bits: dict[str, int] = {}
    for device in devices:
        for column, table in device.kit.bits:
            for value in set(device.window.column(column)):
                if value is not None and value > 0:
                    bits[table] = bits.get(table, 0) | value
    return bits


def _light_and_dark(devices: Iterable[_Device]) -> tuple[float, float | None]:
    """Give the throttled share of the day's light (T-03), and the lowest temperature of its dark.

    Of several inverters, the one that was held back most counts, and the coldest.
    """
    shares, colds = [0.0], []
    for window, kit, energy in ((one.window, one.kit, one.energy) for one in devices):
        if energy is None or not (kit.has_limits or kit.has_temperature):
            continue
        light = light_of(window, kit, energy.pv_powers, is_hybrid=energy.is_hybrid)
        if kit.has_limits:
            shares.append(throttled_share(window, light))
        if (cold := coldest_in_the_dark(window, light)) is not None:
            colds.append(cold / _DEGREE)
    return max(shares), min(colds, default=None)


def _merged(parts: Iterable[Mapping[str, int | None]]) -> dict[str, int | None]:
    return {name: value for part in parts for name, value in part.items()}
