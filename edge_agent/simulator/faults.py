"""What can break in a simulated home, from when, and until it is mended."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum


class FaultKind(Enum):
    """What is broken."""

    DEAD_STRING = "dead_string"
    """One MPPT input makes nothing; the inverter notices nothing."""
    INVERTER_FAULT = "inverter_fault"
    """The inverter stands still, says FAULT and sets an event bit."""
    SILENCE = "silence"
    """Nothing answers any more; the home goes on making energy."""
    ALARM = "alarm"
    """The inverter sets an event bit and goes on working."""
    BATTERY_FAULT = "battery_fault"
    """The battery says that it has failed; a model 802 sets an event bit, too."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is broken from an instant on, until another (unix seconds; None: for ever).

    `input` counts from 1 and is of a dead string. `bit` is the event bit of a fault or an alarm.
    """

    kind: FaultKind
    since: float
    until: float | None = None
    input: int = 1
    bit: int = 15

    def is_on(self, at: float) -> bool:
        """Tell whether it is broken at an instant; at `until` it works again."""
        return self.since <= at and (self.until is None or at < self.until)

    def stops_input(self, number: int) -> bool:
        """Tell whether this keeps an MPPT input from making energy."""
        if self.kind is FaultKind.INVERTER_FAULT:
            return True
        return self.kind is FaultKind.DEAD_STRING and self.input == number


def dead_string(since: float, *, number: int = 1, until: float | None = None) -> Fault:
    """Return a string that is dead on the MPPT input `number`."""
    return Fault(FaultKind.DEAD_STRING, since, until, input=number)


def inverter_fault(since: float, *, bit: int = 15, until: float | None = None) -> Fault:
    """Return an inverter that stands still with an event bit (15: HW_TEST_FAILURE)."""
    return Fault(FaultKind.INVERTER_FAULT, since, until, bit=bit)


def silence(since: float, *, until: float | None = None) -> Fault:
    """Return a device that does not answer."""
    return Fault(FaultKind.SILENCE, since, until)


def alarm(since: float, *, bit: int, until: float | None = None) -> Fault:
    """Return an event bit of the inverter that comes, and goes at `until`."""
    return Fault(FaultKind.ALARM, since, until, bit=bit)


def battery_fault(since: float, *, bit: int = 0, until: float | None = None) -> Fault:
    """Return a battery that says that it has failed."""
    return Fault(FaultKind.BATTERY_FAULT, since, until, bit=bit)


def mended(fault: Fault, at: float) -> Fault:
    """Return a fault that ends at an instant, unless it had ended before."""
    if fault.until is not None and fault.until <= at:
        return fault
    return replace(fault, until=max(at, fault.since))


def spans(faults: Iterable[Fault], number: int, until: float) -> list[tuple[float, float]]:
    """Return the spans of time, merged and in order, in which an MPPT input made nothing."""
    found: list[tuple[float, float]] = []
    stops = sorted(
        (fault.since, until if fault.until is None else min(fault.until, until))
        for fault in faults
        if fault.stops_input(number)
    )
    for since, end in stops:
        if since >= end:
            continue
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((since, end))
    return found
