"""Walks the chain of SunSpec models of a device and says where each one stands.

Real devices break the rules of the chain in every way; what was odd is kept as flags, and what was
found before the oddity counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.source import IllegalAddress, NoReply, ReadFailed, RegisterSource, Unreachable

BASES = (40000, 0, 50000)
"""Register addresses where the chain may start (SunSpec Device Information Model, 6.3)."""
UNITS = (1, 3, 126, 247, 2)
"""Unit ids to try when none is configured; SMA inverters answer as 126, many others as 1 or 247."""
MARKER = (0x5375, 0x6E53)
"""The letters `SunS`, before the first model."""
END = 0xFFFF
LAST_ADDRESS = 0xFFFF
MOST_MODELS = 200


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One model in the chain; `address` is the register of its ID, `length` what its L says."""

    id: int
    address: int
    length: int

    @property
    def end(self) -> int:
        """Return the first register behind the model."""
        return self.address + 2 + self.length


@dataclass(frozen=True, slots=True)
class Chain:
    """The models of one device in the order in which they stand, and what was odd about them."""

    unit: int
    base: int
    models: tuple[FoundModel, ...]
    flags: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the layout as it is told to the cloud: `1.103.160.802`."""
        return ".".join(str(model.id) for model in self.models)


def find_base(source: RegisterSource, unit: int) -> int | None:
    """Return the address of the `SunS` marker, or None when no usual place has it.

    Raises:
        Unreachable: the unit does not answer at all, so other places need no asking.
    """
    for base in BASES:
        try:
            if source.read(unit, base, 2) == MARKER:
                return base
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
    while len(models) < MOST_MODELS:
        try:
            model_id, length = source.read(unit, address, 2)
        except IllegalAddress:
            flag = _flag_of_last_register(source, unit, address)
            return Chain(unit, base, tuple(models), (flag,))
        except ReadFailed:
            return Chain(unit, base, tuple(models), ("no_end_marker",))
        if model_id == END:
            return Chain(unit, base, tuple(models))
        if model_id == 0:
            return Chain(unit, base, tuple(models), ("end_zero",))
        model = FoundModel(model_id, address, length)
        if length == 0 or model.end > LAST_ADDRESS:
            return Chain(unit, base, tuple(models), ("no_end_marker",))
        models.append(model)
        address = model.end
    return Chain(unit, base, tuple(models), ("no_end_marker",))


def _flag_of_last_register(source: RegisterSource, unit: int, address: int) -> str:
    """Some devices end with one register of 0xFFFF, behind which there is nothing to read."""
    try:
        (word,) = source.read(unit, address, 1)
    except ReadFailed:
        return "no_end_marker"
    return {END: "end_one_register", 0: "end_zero"}.get(word, "no_end_marker")


def scan(source: RegisterSource, units: Iterable[int] = UNITS) -> Chain | None:
    """Return the chain of the first unit that has one, or None.

    Raises:
        Unreachable: there is no connection, or no unit answered anything.
    """
    silent: NoReply | None = None
    answered = False
    for unit in units:
        try:
            base = find_base(source, unit)
        except NoReply as error:
            silent = error
            continue
        answered = True
        if base is not None:
            return walk(source, unit, base)
    if silent is not None and not answered:
        raise silent
    return None
