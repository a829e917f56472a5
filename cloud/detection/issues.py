"""What the samples say is wrong, by the code tables of the dictionary; pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud.telemetry.dictionary import (
    BITS,
    ENUMS,
    QUALITY_ASLEEP,
    QUALITY_SUSPECT,
    QUALITY_UNREACHABLE,
)
from cloud.telemetry.models import Sample

COMMS_LOSS = "COMMS_LOSS_SITE"
"""No gateway, no samples: its own family, and never a loss of production."""

NEEDS_CONTEXT = frozenset({"INV_OFF_DAYLIGHT", "UNEXPLAINED_DERATE", "GRID_DISCONNECT"})
"""Issues that a code alone does not prove: the sun, a limit or the grid may be the reason."""

PRODUCTION, INVERTER, BATTERY = "PRODUCTION", "INVERTER", "BATTERY"
COMMUNICATIONS = "COMMUNICATIONS"
"""The families under which cases stand."""

_FAMILIES = {"BATTERY_FAULT": BATTERY, COMMS_LOSS: COMMUNICATIONS}
_INPUT = re.compile(r"_\d+$")
_SAYS_NOTHING = frozenset({QUALITY_ASLEEP, QUALITY_SUSPECT, QUALITY_UNREACHABLE})
_SHOWABLE: Mapping[str, frozenset[str | None]] = {
    table: frozenset(code.issue for code in codes.values())
    for table, codes in (*ENUMS.items(), *BITS.items())
}
"""Table of codes -> the issues that it can show."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the samples since the last evaluation tell of one issue family.

    Attributes:
        bad_since: the first sample that shows it, None when none does.
        was_good: the devices that showed it were awake and could have shown it again.
        devices: serial numbers of the devices that show it now.
    """

    family: str
    bad_since: datetime | None
    was_good: bool
    devices: tuple[str, ...] = ()


def families_of(sample: Sample) -> frozenset[str]:
    """Give the issues that one sample shows."""
    found: set[str] = set()
    for name, value in sample.columns.items():
        if value is None:
            continue
        table = _INPUT.sub("_n", name)
        if table in ENUMS:
            code = ENUMS[table].get(value)
            found.update({code.issue} if code and code.issue else ())
        elif table in BITS:
            found.update(
                code.issue for bit, code in BITS[table].items() if code.issue and value >> bit & 1
            )
    return frozenset(found) - NEEDS_CONTEXT


def observe(
    devices: Mapping[str, Sequence[Sample]],
    *,
    running: Mapping[str, Collection[str]],
    since: datetime,
    now: datetime,
) -> tuple[Observed, ...]:
    """Give what the samples in (since, now] tell of each issue that is running or begins.

    A sleeping or silent device says nothing, neither good nor bad, and no other device says it in
    its place. Losing the whole site is an issue of its own, which begins at the last evaluation
    that still heard of it.

    Args:
        devices: serial number -> samples in order of time, also some from before.
        running: issue -> serial numbers of the devices that showed it.
        since: instant of the last evaluation.
        now: instant of this one.
    """
    recent = {
        serial: rows
        for serial, known in devices.items()
        if (rows := [row for row in known if since < row.at <= now])
    }
    heard = {
        serial: [row for row in rows if row.quality != QUALITY_UNREACHABLE]
        for serial, rows in recent.items()
    }
    if not any(heard.values()):
        return (Observed(COMMS_LOSS, since, was_good=False),)
    shown: dict[str, dict[str, datetime]] = {}
    for serial, rows in heard.items():
        for row in rows:
            for family in families_of(row):
                shown.setdefault(family, {}).setdefault(serial, row.at)
    return tuple(
        Observed(
            family,
            min(
                (_onset(devices[serial], family, at) for serial, at in bad.items()),
                default=None,
            ),
            was_good=family == COMMS_LOSS or _is_denied(family, running.get(family, ()), recent),
            devices=tuple(sorted(bad)),
        )
        for family in sorted({*shown, *running, COMMS_LOSS})
        for bad in (shown.get(family, {}),)
    )


def _onset(rows: Sequence[Sample], family: str, seen: datetime) -> datetime:
    """Give the first sample of the unbroken run of bad ones in which an issue is seen.

    The last window before an evaluation arrives after it, so that an issue may be older than the
    first sample that an evaluation sees of it.
    """
    onset = seen
    for row in reversed([row for row in rows if row.at < seen]):
        if family in families_of(row):
            onset = row.at
        elif row.quality not in _SAYS_NOTHING:
            break
    return onset


def _is_denied(
    family: str, devices: Collection[str], recent: Mapping[str, Sequence[Sample]]
) -> bool:
    """Tell whether those that showed an issue were awake and could have shown it again.

    A device of which the gateway does not speak at all is gone: it was exchanged, and any other
    device speaks for it.
    """
    asked = [recent[serial] for serial in devices if serial in recent]
    if asked:
        return all(any(_could_show(row, family) for row in rows) for rows in asked)
    return any(row.quality not in _SAYS_NOTHING for rows in recent.values() for row in rows)


def _could_show(sample: Sample, family: str) -> bool:
    return sample.quality not in _SAYS_NOTHING and any(
        value is not None and family in _SHOWABLE.get(_INPUT.sub("_n", name), ())
        for name, value in sample.columns.items()
    )


def case_family(issue: str) -> str:
    """Give the family under which an issue's case stands.

    A fault, the event bit that goes with it and the energy that it costs are one thing to mend: one
    case, one visit.
    """
    return _FAMILIES.get(issue, INVERTER)
