"""What the samples say is wrong, by the code tables of the dictionary; pure."""

import re
from collections.abc import Iterable, Sequence
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


@dataclass(frozen=True, slots=True)
class Observed:
    """What the samples since the last evaluation tell of one issue family.

    Attributes:
        bad_since: the first sample that shows it, None when none does.
        was_good: some sample with the device awake does not show it.
    """

    family: str
    bad_since: datetime | None
    was_good: bool


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
    devices: Iterable[Sequence[Sample]], *, running: Iterable[str], since: datetime, now: datetime
) -> tuple[Observed, ...]:
    """Give what the samples in (since, now] tell of each issue that is running or begins.

    A sleeping or silent device says nothing, neither good nor bad. Losing the whole site is an
    issue of its own, which begins at the last evaluation that still heard of it.
    """
    recent = [
        [row for row in rows if since < row.at <= now and row.quality != QUALITY_UNREACHABLE]
        for rows in devices
    ]
    if not any(recent):
        return (Observed(COMMS_LOSS, since, was_good=False),)
    shown: dict[str, datetime] = {}
    awake = False
    for row in sorted((row for rows in recent for row in rows), key=lambda row: row.at):
        awake = awake or row.quality not in {QUALITY_ASLEEP, QUALITY_SUSPECT}
        for family in families_of(row):
            shown.setdefault(family, row.at)
    families = sorted({*shown, *running, COMMS_LOSS})
    return tuple(
        Observed(family, shown.get(family), was_good=(awake or family == COMMS_LOSS))
        for family in families
    )


def case_family(issue: str) -> str:
    """Give the family under which an issue's case stands.

    A fault, the event bit that goes with it and the energy that it costs are one thing to mend: one
    case, one visit.
    """
    return _FAMILIES.get(issue, INVERTER)
