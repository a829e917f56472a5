"""Walks the chain of SunSpec models of a device and says where each one stands.

Real devices break the rules of the chain in every way; what was odd is kept as flags, and what was
found before the oddity counts.
"""

from collections.abc import Iterable
from typing import NamedTuple

from edge_agent.source import (
    Busy,
    DeviceRefused,
    NoReply,
    ReadFailed,
    RegisterSource,
    ShortReply,
    Unreachable,
)

BASES = (40000, 0, 50000)
"""Register addresses where the chain may start (SunSpec Device Information Model, 6.3)."""
UNITS = (1, 3, 126, 247, 2)
"""Unit ids to try when none is configured; SMA inverters answer as 126, many others as 1 or 247."""
MARKER = (0x5375, 0x6E53)
"""The letters `SunS`, before the first model."""
END = 0xFFFF
ADDRESSES = 0x10000
"""There are so many register addresses; the last is 65535."""
MOST_MODELS = 200
NOTHING_THERE = frozenset({1, 2, 3, 4})
"""Exceptions with which devices refuse registers that they do not have: most say 2."""
NOT_REACHED = frozenset({10, 11})
"""Exceptions of a gateway that did not reach the device behind it."""


class FoundModel(NamedTuple):
    """One model in the chain; `address` is the register of its ID, `length` what its L says."""

    id: int
    address: int
    length: int

    @property
    def end(self) -> int:
        """Return the first register behind the model."""
        return self.address + 2 + self.length


class Chain(NamedTuple):
    """The models of one device in the order in which they stand, and what was odd about them.

    `is_cut_off` tells that the walk ended because asking failed, and not by what the device said:
    asked again, it may have more.
    """

    unit: int
    base: int
    models: tuple[FoundModel, ...]
    flags: tuple[str, ...] = ()
    is_cut_off: bool = False

    @property
    def label(self) -> str:
        """Return the layout as it is told to the cloud: `1.103.160.802`."""
        return ".".join(str(model.id) for model in self.models)

    @property
    def end(self) -> int:
        """Return the first register behind the models, where an end marker stands if there is."""
        return self.models[-1].end if self.models else self.base + len(MARKER)


def find_base(source: RegisterSource, unit: int) -> int | None:
    """Return the address of the `SunS` marker, or None when no usual place has it.

    Raises:
        Unreachable: the unit does not answer at all, so other places need no asking.
        ShortReply: no place has it, and there was one of which not all registers came.
        DeviceRefused: no place has it, and at one the device was busy, or the gateway before it
            did not reach it: what stands there nobody knows.
    """
    has_answered = False
    short: ShortReply | None = None
    unknown: DeviceRefused | None = None
    for base in BASES:
        try:
            if source.read(unit, base, 2) == MARKER:
                return base
            has_answered = True
        except NoReply:
            # Some devices say nothing about registers that they do not have.
            if not has_answered:
                raise
        except Unreachable:
            raise
        except ShortReply as error:
            short, has_answered = error, True
        except DeviceRefused as error:
            has_answered = True
            if isinstance(error, Busy) or error.code in NOT_REACHED:
                unknown = error
    if short is not None:
        raise short
    if unknown is not None:
        raise unknown
    return None


def _base_of_the_silent(source: RegisterSource, unit: int) -> int | None:
    """Return where the marker is in a device that says nothing about registers it does not have.

    Raises:
        Unreachable: there is no connection.
    """
    for base in BASES[1:]:
        try:
            if source.read(unit, base, 2) == MARKER:
                return base
        except NoReply:
            continue
        except Unreachable:
            raise
        except ReadFailed:
            continue
    return None


def walk(source: RegisterSource, unit: int, base: int) -> Chain:
    """Follow the chain from the marker at `base` to its end.

    It ends at an end marker (one or two registers), at a model ID of 0, at an address the device
    does not have, or where reading fails; all but the first leave a flag.
    """
    models: list[FoundModel] = []
    address = base + len(MARKER)
    flag: str | None = "no_end_marker"
    is_cut_off = False
    while len(models) < MOST_MODELS and address < ADDRESSES:
        try:
            head = _head(source, unit, address)
        except ReadFailed as error:
            is_cut_off = not _says_there_is_nothing(error)
            break
        if head[0] in {END, 0}:
            flag = "end_zero" if head[0] == 0 else "end_one_register" if len(head) == 1 else None
            break
        if len(head) == 1 or head[1] == 0 or address + 2 + head[1] > ADDRESSES:
            break
        models.append(FoundModel(head[0], address, head[1]))
        address = models[-1].end
    flags = () if flag is None else (flag,)
    return Chain(unit, base, tuple(models), flags, is_cut_off)


def _head(source: RegisterSource, unit: int, address: int) -> tuple[int, ...]:
    """Return ID and length of a model, or what there is of them.

    Some devices end with one register of 0xFFFF, behind which there is nothing to read, and some
    refuse a read that begins in one model and ends in another; some say nothing instead.
    """
    if address + 2 <= ADDRESSES:
        try:
            return source.read(unit, address, 2)
        except Busy:
            raise
        except (DeviceRefused, NoReply, ShortReply):
            pass
    (number,) = source.read(unit, address, 1)
    if number in {END, 0} or address + 2 > ADDRESSES:
        return (number,)
    return (number, *source.read(unit, address + 1, 1))


def _says_there_is_nothing(error: ReadFailed) -> bool:
    """Tell whether the device means that its registers end here: most say 2, some 3 or 4."""
    return isinstance(error, DeviceRefused) and error.code in NOTHING_THERE


def end_registers(source: RegisterSource, chain: Chain) -> tuple[int, ...]:
    """Return what the device has behind its last model: two registers, one, or none."""
    if chain.is_cut_off or chain.end >= ADDRESSES:
        return ()
    try:
        return _head(source, chain.unit, chain.end)
    except ReadFailed:
        return ()


def scan(source: RegisterSource, units: Iterable[int] = UNITS) -> Chain | None:
    """Return the chain of the first unit that has one, or None.

    Where all units are silent at the first place, the first of them is asked at the others.

    Raises:
        Unreachable: there is no connection, or no unit answered anything.
        ShortReply: no unit has one, and one answered with too few registers.
        DeviceRefused: no unit has one, and one was busy; or the gateway before them reached none.
    """
    tried = tuple(units)
    silent: NoReply | None = None
    short: ShortReply | None = None
    unknown: DeviceRefused | None = None
    answered = False
    for unit in tried:
        try:
            base = find_base(source, unit)
        except NoReply as error:
            silent = error
            continue
        except ShortReply as error:
            short, answered = error, True
            continue
        except DeviceRefused as error:
            unknown = unknown if isinstance(unknown, Busy) else error
            continue
        answered = True
        if base is not None:
            return walk(source, unit, base)
    if short is not None:
        raise short
    if unknown is not None and (isinstance(unknown, Busy) or not answered):
        raise unknown
    if silent is not None and not answered:
        base = _base_of_the_silent(source, tried[0])
        if base is None:
            raise silent
        return walk(source, tried[0], base)
    return None
