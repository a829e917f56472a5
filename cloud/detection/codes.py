"""What each issue is: how soon it is told, under which case it stands, whom it may hurt; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache

from cloud.detection.policy import HAZARDS, PRESENCE
from cloud.detection.rules import has_persisted
from cloud.kernel.change import Event
from cloud.telemetry.device_event import BY_ARRIVAL
from cloud.telemetry.dictionary import BITS, ENUMS, Code

COMMS_LOSS = "COMMS_LOSS_SITE"
"""No gateway, no samples: its own family, and never a loss of production."""
COMMS_LOSS_DEVICE = "COMMS_LOSS_DEVICE"
INV_OFF = "INV_OFF_DAYLIGHT"
DERATE = "UNEXPLAINED_DERATE"
STUCK_METER = "STUCK_METER"
COUNTER_BACKWARDS = "COUNTER_BACKWARDS"
CLOCK_SKEW = "CLOCK_SKEW"
STRING_MISSING = "STRING_MISSING"
GRID_DISCONNECT = "GRID_DISCONNECT"

PRODUCTION, INVERTER, BATTERY = "PRODUCTION", "INVERTER", "BATTERY"
COMMUNICATIONS, DATA = "COMMUNICATIONS", "DATA"
"""The families under which cases stand."""

_INV_FAULT, _BATTERY_FAULT = "INV_FAULT", "BATTERY_FAULT"


class Starts(StrEnum):
    """When an issue is told."""

    LASTING = "lasting"
    """When it has lasted longer than 48 elapsed hours (D-12)."""
    PRESENT = "present"
    """When it was there for more than 48 hours of daylight, added up: it comes with the heat."""
    AT_ONCE = "at_once"
    """At the evaluation that sees it: somebody may be hurt."""


class Needs(StrEnum):
    """What a code must be seen beside before it is believed to be this home's fault."""

    NOTHING = ""
    NEIGHBOURS = "neighbours"
    """Neighbours that produce: else it is the weather, or the night."""
    GRID = "grid"
    """Neighbours that still have the grid: else it is the grid's fault."""
    LIMIT = "limit"
    """No limit that is in force: else it was told to hold back."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Something that can be wrong with a home.

    Attributes:
        starts: when it is told.
        family: what its case stands under. A fault, the event bit that goes with it and the energy
            that it costs are one thing to mend: one case, one visit.
        says: what is wrong, as the first half of a sentence for a person.
        hazard: what may hurt somebody, in the words of the emergency rules; empty when nothing.
        needs: what else must be known.
    """

    name: str
    starts: Starts
    family: str
    says: str
    hazard: str = ""
    needs: Needs = Needs.NOTHING


def _lasting(name: str, says: str, family: str = INVERTER, needs: Needs = Needs.NOTHING) -> Issue:
    return Issue(name, Starts.LASTING, family, says, needs=needs)


_ALL = (
    _lasting(_INV_FAULT, "the inverter, or one of its inputs, reports a fault"),
    _lasting(INV_OFF, "the inverter is off while homes around it produce", needs=Needs.NEIGHBOURS),
    Issue(
        "GROUND_FAULT",
        Starts.AT_ONCE,
        INVERTER,
        "the inverter reports a ground fault",
        "electrical_hazard",
    ),
    Issue(
        "ARC_DETECTION",
        Starts.AT_ONCE,
        INVERTER,
        "the inverter detected an electric arc",
        "electrical_hazard",
    ),
    _lasting("DC_OVER_VOLT", "the voltage of the modules is too high for the inverter"),
    _lasting("AC_DISCONNECT", "the switch between the inverter and the house is open"),
    _lasting("DC_DISCONNECT", "the switch between the modules and the inverter is open"),
    _lasting("CABINET_OPEN", "the inverter's cabinet is open"),
    _lasting("MANUAL_SHUTDOWN", "the inverter was shut down by hand"),
    _lasting("BLOWN_STRING_FUSE", "the fuse of a string of modules has blown"),
    _lasting("MEMORY_LOSS", "the inverter lost its memory"),
    _lasting("HW_TEST_FAILURE", "the inverter failed its own hardware test"),
    _lasting("MANUFACTURER_ALRM", "the inverter raises an alarm of its maker's own"),
    _lasting("TEST_FAILED", "an input of the inverter failed its own test"),
    _lasting("INPUT_UNDER_VOLTAGE", "the voltage of an input of the inverter is too low"),
    _lasting("INPUT_OVER_CURRENT", "the current of an input of the inverter is too high"),
    Issue("OVER_TEMP", Starts.PRESENT, INVERTER, "the inverter is too hot"),
    Issue("UNDER_TEMP", Starts.PRESENT, INVERTER, "the inverter is too cold"),
    _lasting(GRID_DISCONNECT, "the inverter is cut off from the grid", needs=Needs.GRID),
    _lasting("OVER_FREQUENCY", "the inverter sees too high a frequency", needs=Needs.GRID),
    _lasting("UNDER_FREQUENCY", "the inverter sees too low a frequency", needs=Needs.GRID),
    _lasting("AC_OVER_VOLT", "the inverter sees too high a voltage in the house", needs=Needs.GRID),
    _lasting("AC_UNDER_VOLT", "the inverter sees too low a voltage in the house", needs=Needs.GRID),
    _lasting(
        DERATE, "the inverter holds its power back though no limit asks it to", needs=Needs.LIMIT
    ),
    _lasting(STRING_MISSING, "a string of modules makes next to nothing beside the others"),
    Issue(
        _BATTERY_FAULT, Starts.LASTING, BATTERY, "the battery reports a fault", "bess_malfunction"
    ),
    Issue(
        "BATTERY_OVER_TEMP", Starts.AT_ONCE, BATTERY, "the battery is far too hot", "thermal_event"
    ),
    Issue(
        "BATTERY_CONTACTOR",
        Starts.AT_ONCE,
        BATTERY,
        "the battery's main switch does not obey",
        "electrical_hazard",
    ),
    Issue(
        "BATTERY_GROUND_FAULT",
        Starts.AT_ONCE,
        BATTERY,
        "the battery reports a ground fault",
        "electrical_hazard",
    ),
    _lasting(COMMS_LOSS, "nothing is heard of the home's gateway", COMMUNICATIONS),
    _lasting(COMMS_LOSS_DEVICE, "the gateway cannot reach one of its devices", COMMUNICATIONS),
    _lasting(STUCK_METER, "the inverter's readings stand still while it produces", DATA),
    _lasting(COUNTER_BACKWARDS, "the inverter's energy counter went back", DATA),
    _lasting(CLOCK_SKEW, "the gateway's clock is wrong", DATA),
)
ISSUES: Mapping[str, Issue] = {issue.name: issue for issue in _ALL}

MEASURED = frozenset(
    {
        COMMS_LOSS,
        COMMS_LOSS_DEVICE,
        STUCK_METER,
        COUNTER_BACKWARDS,
        CLOCK_SKEW,
        STRING_MISSING,
    }
)
"""Issues that no code tells, only what came or did not come."""

SHARPENED: Mapping[tuple[str, str], str] = {
    ("BatEvt1", "OVER_TEMP_ALARM"): "BATTERY_OVER_TEMP",
    ("BatEvt1", "CONTACTOR_ERROR"): "BATTERY_CONTACTOR",
    ("BatEvt1", "GROUND_FAULT"): "BATTERY_GROUND_FAULT",
}
"""Codes of a battery that may hurt somebody, which the wire's dictionary files under less."""

_INPUT = re.compile(r"_\d+$")
_PORT_STATE = re.compile(r"PrtSta_(\d+)")
_PV_PORT, _STORAGE_PORT = 0, 1
_PORT_FAULTS: Mapping[int, str] = {_PV_PORT: _INV_FAULT, _STORAGE_PORT: _BATTERY_FAULT}
_EVENT = re.compile(
    r"device (.+) changed ([A-Za-z][A-Za-z0-9_]*) from (None|\d+) to (None|\d+)"
    f"(?:{re.escape(BY_ARRIVAL)})?"
)


@cache
def table_of(column: str) -> str:
    """Give the table of codes that a column is read by: ``DCSt_2`` is read by ``DCSt_n``."""
    return _INPUT.sub("_n", column)


def codes_in(column: str, value: int) -> Iterator[tuple[Code, str | None]]:
    """Give the codes that a value of a column stands for, each with the issue that it shows."""
    table = table_of(column)
    code = ENUMS.get(table, {}).get(value)
    if code is not None:
        yield code, SHARPENED.get((table, code.name), code.issue)
    for bit, one in BITS.get(table, {}).items():
        if value >> bit & 1:
            yield one, SHARPENED.get((table, one.name), one.issue)


@dataclass(frozen=True, slots=True)
class Codes:
    """What the codes of one sample tell.

    Attributes:
        shown: the issues that they show, also those that need more to be believed.
        showable: the issues that they could have shown: those of the columns that are known.
    """

    shown: frozenset[str]
    showable: frozenset[str]


def codes_of(columns: Mapping[str, int | None]) -> Codes:
    """Give what the codes of one sample tell.

    A fault of a port is the inverter's or the battery's by what hangs on the port.
    """
    names = _coded(tuple(columns))
    return _read(names, tuple([columns[name] for name in names]))


def issues_in(columns: Mapping[str, int | None]) -> frozenset[str]:
    """Give the issues that the codes of one sample show."""
    return codes_of(columns).shown


def showable_in(columns: Mapping[str, int | None]) -> frozenset[str]:
    """Give the issues that a sample could have shown."""
    return codes_of(columns).showable


def unknown_codes(columns: Mapping[str, int | None]) -> frozenset[str]:
    """Give the states and bits that no table explains: a maker's own, told as advice only."""
    found = set()
    for column, value in columns.items():
        table = table_of(column)
        if value is None:
            continue
        if table in ENUMS and value not in ENUMS[table]:
            found.add(f"{column} {value}")
        for bit in range(value.bit_length()) if table in BITS and value > 0 else ():
            if value >> bit & 1 and bit not in BITS[table]:
                found.add(f"{column} bit {bit}")
    return frozenset(found)


def case_family(issue: str) -> str:
    """Give the family under which an issue's case stands, an inverter's where it is not known."""
    return ISSUES[issue].family if issue in ISSUES else INVERTER


def is_due(
    issue: str, *, since: datetime, now: datetime, present_hours: int = 0, is_grid_out: bool = False
) -> bool:
    """Tell whether an issue that is seen at an evaluation is to be told (D-12, D-80, D-81).

    What may hurt somebody is told at once; a failing battery is that while the grid is out. Heat
    and cold count the hours in which they were there. Everything else has to last, strictly
    longer than 48 elapsed hours, day and night.

    Args:
        issue: its name.
        since: the first bad observation.
        now: the instant of the evaluation.
        present_hours: hours of daylight in which it was seen, since then.
        is_grid_out: the grid is out at the home.
    """
    known = ISSUES.get(issue)
    if known is None:
        return has_persisted(since, now)
    if is_emergency(known, is_grid_out=is_grid_out, on=now.date()):
        return True
    if known.starts is Starts.PRESENT:
        return timedelta(hours=present_hours) > PRESENCE.on(now.date())
    return has_persisted(since, now)


def is_emergency(issue: Issue, *, is_grid_out: bool, on: date) -> bool:
    """Tell whether an issue may hurt somebody now (D-80)."""
    always, in_an_outage = HAZARDS.on(on)
    return issue.hazard in always or (is_grid_out and issue.hazard in in_an_outage)


@dataclass(frozen=True, slots=True)
class Danger:
    """A code that may hurt somebody, as its event told it.

    Attributes:
        at: the sample that showed it first; a finding of the sweep has the same onset.
        serial: the device's.
    """

    issue: Issue
    serial: str
    at: datetime


def hazards_in(event: Event, *, on: date) -> tuple[Danger, ...]:
    """Give what a device's event tells that may hurt somebody at any time (D-80).

    Only bits that were not set before: the others were told when they came. A failing battery
    needs to be known beside the grid, and waits for the evaluation. An event that is not a
    device's alarm tells nothing.

    Args:
        event: what the device said, by its own clock, which may be wrong.
        on: day on which it came in.
    """
    told = _EVENT.fullmatch(event.says) if event.what == "device_alarm" else None
    if told is None:
        return ()
    serial, column, *values = told.groups()
    before, after = (0 if value == "None" else int(value) for value in values)
    shown = issues_in({column: after & ~before}) if table_of(column) in BITS else frozenset()
    return tuple(
        Danger(ISSUES[name], serial, event.at)
        for name in sorted(shown)
        if name in ISSUES and is_emergency(ISSUES[name], is_grid_out=False, on=on)
    )


@lru_cache(maxsize=1 << 12)
def _coded(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Give the columns that hold codes; a device has the same ones all day."""
    return tuple(name for name in columns if table_of(name) in ENUMS or table_of(name) in BITS)


@lru_cache(maxsize=1 << 14)
def _read(names: tuple[str, ...], values: tuple[int | None, ...]) -> Codes:
    known = {name: v for name, v in zip(names, values, strict=True) if v is not None}
    shown: set[str] = set()
    showable: set[str] = set()
    for column, value in known.items():
        fault = _port_fault(column, known)
        shown |= {fault or issue for _, issue in codes_in(column, value) if issue}
        showable |= {fault} if fault else _showable(table_of(column))
    return Codes(frozenset(shown), frozenset(showable))


def _port_fault(column: str, types: Mapping[str, int]) -> str | None:
    """Give what a fault of a port is, by what hangs on it; None for any other column."""
    port = _PORT_STATE.fullmatch(column)
    return _PORT_FAULTS.get(types.get(f"PrtTyp_{port[1]}", -1)) if port else None


@cache
def _showable(table: str) -> frozenset[str]:
    codes = (*ENUMS.get(table, {}).values(), *BITS.get(table, {}).values())
    issues = (SHARPENED.get((table, code.name), code.issue) for code in codes)
    return frozenset(issue for issue in issues if issue)
