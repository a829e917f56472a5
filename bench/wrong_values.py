"""Wrong values that leave the house while a device misbehaves: the agent's reader beside others.

One house for each reader and fault, the same script: well, then the fault for sixteen polls, then
well again. A value is wrong when it is not what the house said at that instant; one that is missing
is not wrong. The peers are used as their own examples do: connect once, scan once, then read; what
raises is missing. One of them connects anew after each error. pymodbus is read at the places of the
models, with `isError()` asked.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Protocol

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP, SunSpecModbusClientError
from sunspec2.modbus.modbus import ModbusClientError

from edge_agent.dictionary import COLUMNS
from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.image import Template
from edge_agent.simulator.quiet import readings
from edge_agent.simulator.server import Misbehaviour, Server

MIDNIGHT = 1_780_297_200  # 2026-06-01 in the house's standard time
MORNING = MIDNIGHT + 8 * 3600
STEP_S = 900
POLLS, FIRST, LAST = 24, 3, 19
TIMEOUT_S = 0.1
PACE = 0.2
"""Of the faults' pauses: late is 0.16 s, slow is 0.3 s, and both are past the time-out."""
SPEC = HouseSpec("BENCH-1", battery=802, shares=(1 / 12,) * 12)
MODELS = (103, 160, 802)
SLOTS = Template([(1, 0), (103, 0), (160, 12), (802, 0)]).slots
KINDS = tuple(kind for kind in Misbehaviour if kind is not Misbehaviour.NONE)
DECIMALS = {source: column.decimals for column in COLUMNS.values() for source in column.sources}
NAMES = {source: column.name for column in COLUMNS.values() for source in column.sources}

Values = Mapping[str, int | None]


class Reader(Protocol):
    """Somebody who reads a device."""

    def read(self, at: int) -> Values:
        """Return the columns of the dictionary that it would publish."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class Ours:
    """The agent's poller."""

    def __init__(self, port: int) -> None:
        registers = Registers("127.0.0.1", port, TIMEOUT_S)
        self._poller = Poller(registers, unit=1, rated_w=SPEC.rated_w)

    def read(self, at: int) -> Values:
        reading = self._poller.poll(at)
        return {} if reading is None else reading.values

    def close(self) -> None:
        self._poller.close()


class PySunSpec2:
    """pysunspec2: each model is read, each point's computed value taken."""

    def __init__(self, port: int) -> None:
        self._device = SunSpecModbusClientDeviceTCP(1, "127.0.0.1", port, timeout=TIMEOUT_S)
        self._device.scan()

    def _recover(self) -> None:
        """Read on with the same connection."""

    def read(self, at: int) -> Values:  # noqa: ARG002 - it has no clock
        found: dict[str, int | None] = {}
        for number in MODELS:
            (model,) = self._device.models[number]
            try:
                model.read()
            except (SunSpecModbusClientError, ModbusClientError, OSError):
                self._recover()
                continue
            for name, point in model.points.items():
                with contextlib.suppress(OverflowError):
                    _take(found, f"{number}.{name}", point.cvalue)
            for group in model.groups.values():
                for i, entry in enumerate(group if isinstance(group, list) else [group]):
                    for name, point in entry.points.items():
                        with contextlib.suppress(OverflowError):
                            _take(found, f"{number}.{name}.{i + 1}", point.cvalue)
        return found

    def close(self) -> None:
        self._device.close()


class CarefulPySunSpec2(PySunSpec2):
    """pysunspec2 by somebody who connects anew after every error."""

    def _recover(self) -> None:
        with contextlib.suppress(SunSpecModbusClientError, ModbusClientError, OSError):
            self._device.disconnect()
            self._device.connect(timeout=TIMEOUT_S)


class PyModbus:
    """pymodbus: each model is read at its place, in as many registers as one request may have."""

    def __init__(self, port: int) -> None:
        self._client = ModbusTcpClient("127.0.0.1", port=port, timeout=TIMEOUT_S, retries=0)
        self._client.connect()  # type: ignore[no-untyped-call] # pymodbus leaves it untyped

    def read(self, at: int) -> Values:  # noqa: ARG002 - it has no clock
        found: dict[str, int | None] = {}
        for number in MODELS:
            slots = {name: s for name, s in SLOTS.items() if name.startswith(f"{number}.")}
            start = min(slot.offset for slot in slots.values())
            end = max(slot.offset + slot.point.size for slot in slots.values())
            words = self._words(start, end)
            for name in slots if words else ():
                with contextlib.suppress(IndexError, KeyError):
                    _take(found, name, self._value(words, start, name))
        return found

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call] # pymodbus leaves it untyped

    def _words(self, start: int, end: int) -> list[int]:
        """Return the registers of a model; none when one of the reads failed."""
        words: list[int] = []
        for first in range(start, end, 125):
            try:
                reply = self._client.read_holding_registers(
                    40000 + first, count=min(125, end - first)
                )
            except (ModbusException, OSError):
                return []
            if reply.isError():
                return []
            words += reply.registers
        return words

    def _value(self, words: Sequence[int], start: int, name: str) -> Decimal | None:
        point = SLOTS[name].point
        number, bits = 0, 16 * point.size
        for i in range(point.size):
            number = number << 16 | words[SLOTS[name].offset - start + i]
        if point.type.startswith(("int", "sunssf")):
            if number == 1 << bits - 1:
                return None
            number -= number >> bits - 1 << bits
        elif not point.type.startswith("acc") and number == (1 << bits) - 1:
            return None
        if not isinstance(point.sf, str):
            return Decimal(number)
        scale = self._value(words, start, f"{name.partition('.')[0]}.{point.sf}")
        return None if scale is None else Decimal(number).scaleb(int(scale))


@dataclass(slots=True)
class Tally:
    """What one reader did under one fault.

    Attributes:
        published: values that it gave while the fault was on and after.
        wrong: those that were not true.
    """

    published: int = 0
    wrong: int = 0


READERS: Mapping[str, Callable[[int], Reader]] = {
    "ours": Ours,
    "pysunspec2": PySunSpec2,
    "  connecting anew": CarefulPySunSpec2,
    "pymodbus": PyModbus,
}


def run(kinds: Sequence[Misbehaviour] = KINDS) -> dict[Misbehaviour, dict[str, Tally]]:
    """Let each reader read each house; the numbers do not depend on how fast the machine is."""
    return {kind: {name: tally_of(make, kind) for name, make in READERS.items()} for kind in kinds}


@cache
def _truth() -> dict[int, Values]:
    house = House(SPEC, Curve("bench", MIDNIGHT))
    return {
        reading.at: reading.values
        for at in range(MORNING, MORNING + STEP_S * POLLS, STEP_S)
        for reading in readings(house, [at])
    }


def tally_of(make: Callable[[int], Reader], kind: Misbehaviour) -> Tally:
    """Let one reader read one house that misbehaves for a while."""
    now = [float(MORNING)]
    tally = Tally()
    with Server(lambda: now[0]) as server:
        port = server.add(House(SPEC, Curve("bench", MIDNIGHT)))
        port.pace = PACE
        reader = make(port.number)
        for i, (at, true) in enumerate(_truth().items()):
            now[0] = at
            port.misbehaviour = kind if FIRST <= i < LAST else Misbehaviour.NONE
            for name, value in reader.read(at).items():
                if value is None or i < FIRST:
                    continue
                tally.published += 1
                tally.wrong += value != true.get(name)
        reader.close()
    return tally


def _take(found: dict[str, int | None], name: str, value: object) -> None:
    """Keep a value under the name of its column, in the column's decimals."""
    number, point, *repetition = name.split(".")
    column = NAMES.get(f"{number}.{point}")
    if column is None or not isinstance(value, int | float | Decimal):
        return
    exact = Decimal(str(value)).scaleb(DECIMALS[f"{number}.{point}"])
    found[column.removesuffix("n") + "".join(repetition)] = round(exact)


def main() -> int:
    """Print a row for each fault; ours has to have no wrong value."""
    print(f"{'values published / wrong':26}" + "".join(f"{name:>18}" for name in READERS))
    total = {name: Tally() for name in READERS}
    for kind, tallies in run().items():
        cells = [f"{tally.published:>11} / {tally.wrong:<4}" for tally in tallies.values()]
        print(f"{kind.value:26}" + "".join(cells), flush=True)
        for name, tally in tallies.items():
            total[name].published += tally.published
            total[name].wrong += tally.wrong
    cells = [f"{tally.published:>11} / {tally.wrong:<4}" for tally in total.values()]
    print(f"{'together':26}" + "".join(cells))
    return 1 if total["ours"].wrong else 0


if __name__ == "__main__":
    sys.exit(main())
