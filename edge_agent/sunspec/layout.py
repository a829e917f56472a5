"""Which registers of a device become which columns of a chunk; made once from its chain.

What is needed at every poll is worked out here, so that a poll is: read, look up, multiply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge_agent.dictionary import COLUMNS
from edge_agent.sunspec.decode import (
    FLOATS,
    NUMBERS,
    NumberType,
    fixed,
    floating,
    is_scale,
    power_of_ten,
    whole_number,
)
from edge_agent.sunspec.definitions import Placed, placed_flat
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import Extent, Read, plan
from edge_agent.sunspec.scan import END, MARKER, Chain, FoundModel

COLUMN_OF = {source: column for column in COLUMNS.values() for source in column.sources}
TOLD_MODELS = frozenset(int(source.partition(".")[0]) for source in COLUMN_OF)
COMMON = 1
NO_SCALE = 0x8000
LIMIT = 2**63
"""Values in a chunk lie in -LIMIT .. LIMIT-1."""
MOST_INPUTS = {160: 64, 714: 32}
"""Inputs and ports of one device that are told to the cloud; a chunk holds 512 columns."""
MOST_ALONG = 72
"""Marker and common model; where other models stand between them, they are not read along."""
PORT_COUNTS = {714: "NPrt"}
"""Where a model says how many of its ports are there; space for more may follow."""


class ScaleUnusable(Exception):
    """A column (the argument) has no scale factor in -10 .. 10, or no number that a chunk holds."""


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """One column and the registers it comes from, as offsets from its model's ID.

    `number_type` is None for a float.
    """

    column: str
    offset: int
    size: int
    number_type: NumberType | None
    scale_offset: int | None
    constant_scale: int
    decimals: int
    is_accumulator: bool

    def value(self, registers: Sequence[int]) -> int | None:
        """Return the value in the dictionary's decimals; None when not implemented.

        A 0 without a scale factor is how some devices leave out an accumulator: not implemented. An
        accumulator of all ones is how some say so for one reading after a reset: not usable.

        Raises:
            ScaleUnusable: there is a number, but its scale factor is absent or out of range, or
                makes the value too large for a chunk.
        """
        if self.number_type is None:
            return self._rounded(registers)
        number = whole_number(registers, self.offset, self.size, self.number_type)
        if number is None:
            return None
        scale = self._scale(registers)
        if number == 0 and scale is None:
            return None
        is_blank = self.is_accumulator and number == (1 << 16 * self.size) - 1
        if scale is None or not is_scale(scale) or is_blank:
            raise ScaleUnusable(self.column)
        value = fixed(number, scale, self.decimals)
        if not -LIMIT <= value < LIMIT:
            raise ScaleUnusable(self.column)
        return value

    def turns_over_at(self, registers: Sequence[int]) -> int | None:
        """Return where this counter begins again at 0, in the column's unit; None if it never does.

        Accumulators of 32 bits do, after years; those of 64 bits outlive everybody.
        """
        scale = self._scale(registers)
        if not self.is_accumulator or self.size != 2 or scale is None or not is_scale(scale):
            return None
        return fixed(1 << 32, scale, self.decimals)

    def _scale(self, registers: Sequence[int]) -> int | None:
        if self.scale_offset is None:
            return self.constant_scale
        word = registers[self.scale_offset]
        return None if word == NO_SCALE else word - 0x10000 if word > NO_SCALE else word

    def _rounded(self, registers: Sequence[int]) -> int | None:
        number = floating(registers, self.offset, self.size)
        if number is None:
            return None
        value = round(number * power_of_ten(self.decimals))
        if not -LIMIT <= value < LIMIT:
            raise ScaleUnusable(self.column)
        return value


@dataclass(frozen=True, slots=True)
class PolledModel:
    """One model of a poll: the stretch to read and the columns in it."""

    model: FoundModel
    extent: Extent
    columns: tuple[ColumnSource, ...]


class Torn(NamedTuple):
    """Columns of one model that come with another read than their scale factors.

    `again` is to be read after all others: the factors must still be what they were.
    """

    columns: frozenset[str]
    again: Read


class Expected(NamedTuple):
    """Registers that are what they were as long as the layout is the one that was learnt."""

    address: int
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """All that a poll of one device needs to know.

    `ends` are the marker, the first model and the serial number in front, the head of the last
    model and the end marker behind.
    """

    chain: Chain
    models: tuple[PolledModel, ...]
    reads: tuple[Read, ...]
    ends: tuple[Expected, ...] = ()

    @property
    def label(self) -> str:
        """Return the models as they are told to the cloud: `1.103.160.802`."""
        return self.chain.label

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Return all stretches that are worth a read of their own."""
        common = [Extent(m.address, 2 + m.length) for m in self.chain.models if m.id == COMMON]
        return (*common, *(polled.extent for polled in self.models))


def layout(
    chain: Chain, counts: Mapping[int, int] | None = None, ends: tuple[Expected, ...] = ()
) -> Layout:
    """Work out the poll of a device.

    Where several models give one column, the first in the chain does. Inputs of several model-160
    instances are numbered on, and so are ports of several model-714 instances, apart from them. The
    marker and the common model are read along where that costs no request.

    Args:
        chain: the models.
        counts: by address of a model, how many inputs or ports of it are there.
        ends: what tells the layout from another one.
    """
    polled: list[PolledModel] = []
    taken: set[str] = set()
    numbered: dict[int, int] = {}
    for model in chain.models:
        if model.id not in TOLD_MODELS:
            continue
        most = (counts or {}).get(model.address)
        places = list(placed_flat(MODELS[model.id], model.length, most))
        first_input = numbered.get(model.id, 0)
        columns = [
            (place, name)
            for place in places
            if (name := _column_name(model, place, first_input)) is not None
            and name not in taken
            and (place.scale_offset or 0) < 2 + model.length
        ]
        if not columns:
            continue
        taken |= {name for _, name in columns}
        numbered[model.id] = first_input + max(
            (place.repetition for place, _ in columns), default=0
        )
        polled.append(_polled(model, columns, places))
    extents = [entry.extent for entry in polled]
    reads = plan(extents)
    common = next((model for model in chain.models if model.id == COMMON), None)
    for address in (chain.base, common.address if common else 0):
        if common is not None and common.end - address <= MOST_ALONG:
            along = plan([Extent(address, common.end - address), *extents])
            if len(along) <= len(reads):
                reads = along
                break
    return Layout(chain, tuple(polled), reads, ends)


def front(chain: Chain, serial: Expected) -> tuple[Expected, ...]:
    """Return what is expected of marker, first model and serial number."""
    first = chain.models[0]
    return (Expected(chain.base, (*MARKER, first.id, first.length)), serial)


def back(chain: Chain) -> tuple[Expected, ...]:
    """Return what is expected of the head of the last model and of the end marker, if there is."""
    last = chain.models[-1]
    head = Expected(last.address, (last.id, last.length))
    if "no_end_marker" in chain.flags:
        return (head,)
    return (head, Expected(chain.end, (0 if "end_zero" in chain.flags else END,)))


def torn(polled: PolledModel, reads: Sequence[Read]) -> Torn | None:
    """Return what these reads tear apart in a model; None when all comes with its scale factor."""
    start = polled.model.address
    apart = [
        column
        for column in polled.columns
        if column.scale_offset is not None
        and not any(
            read.holds(start + column.offset, column.size)
            and read.holds(start + column.scale_offset, 1)
            for read in reads
        )
    ]
    if not apart:
        return None
    scales = [column.scale_offset for column in apart if column.scale_offset is not None]
    again = Read(start + min(scales), max(scales) + 1 - min(scales))
    return Torn(frozenset(column.column for column in apart), again)


def _column_name(model: FoundModel, place: Placed, first_input: int) -> str | None:
    column = COLUMN_OF.get(f"{model.id}.{place.point.name}")
    if column is None or column.per_input != (place.repetition > 0):
        return None
    if not column.per_input:
        return column.name
    if first_input + place.repetition > MOST_INPUTS[model.id]:
        return None
    return f"{column.name.removesuffix('n')}{first_input + place.repetition}"


def _polled(
    model: FoundModel, columns: Sequence[tuple[Placed, str]], places: Sequence[Placed]
) -> PolledModel:
    sources = tuple(_source(model, place, name) for place, name in columns)
    scales = [source.scale_offset for source in sources if source.scale_offset is not None]
    ends = [source.offset + source.size for source in sources] + [scale + 1 for scale in scales]
    cuts = tuple(model.address + place.offset for place in places)
    return PolledModel(model, Extent(model.address, max(ends), cuts), sources)


def _source(model: FoundModel, place: Placed, name: str) -> ColumnSource:
    point = place.point
    return ColumnSource(
        column=name,
        offset=place.offset,
        size=point.size,
        number_type=None if point.type in FLOATS else NUMBERS[point.type],
        scale_offset=place.scale_offset,
        constant_scale=point.sf if isinstance(point.sf, int) else 0,
        decimals=COLUMN_OF[f"{model.id}.{point.name}"].decimals,
        is_accumulator=point.type.startswith("acc"),
    )
