"""Which registers of a device become which columns of a chunk; made once from its chain.

What is needed at every poll is worked out here, so that a poll is: read, look up, multiply.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edge_agent.dictionary import COLUMNS
from edge_agent.sunspec.decode import (
    FLOATS,
    LARGEST_SCALE,
    POWERS,
    absent_of,
    code_of,
    fixed,
    is_scale,
    power_of_ten,
)
from edge_agent.sunspec.definitions import Placed, placed_flat
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import Extent, Read, plan
from edge_agent.sunspec.scan import END, MARKER, Chain, FoundModel

COLUMN_OF = {source: column for column in COLUMNS.values() for source in column.sources}
TOLD_MODELS = frozenset(int(source.partition(".")[0]) for source in COLUMN_OF)
COMMON = 1
NO_SCALE = 0x8000
ABSENT_SCALE = NO_SCALE - 0x10000
SCALE_CODE = "h"
LIMIT = 2**63
"""Values in a chunk lie in -LIMIT .. LIMIT-1."""
MOST_INPUTS = {160: 64, 714: 32}
"""Inputs and ports of one device that are told to the cloud; a chunk holds 512 columns."""
MOST_ALONG = 72
"""Marker and common model; where other models stand between them, they are not read along."""
PORT_COUNTS = {714: "NPrt"}
"""Where a model says how many of its ports are there; space for more may follow."""


class ColumnSource(NamedTuple):
    """One column and the registers it comes from, as offsets from its model's ID.

    `code` is the letter with which `struct` unpacks the number, `absent` the number that means "not
    implemented".
    """

    column: str
    offset: int
    size: int
    code: str
    absent: int | None
    is_float: bool
    scale_offset: int | None
    constant_scale: int
    decimals: int
    is_accumulator: bool

    def turns_over_at(self, registers: Sequence[int]) -> int | None:
        """Return where this counter begins again at 0, in the column's unit; None if it never does.

        Accumulators of 32 bits do, after years; those of 64 bits outlive everybody.
        """
        if not self.is_accumulator or self.size != 2:
            return None
        scale = self.constant_scale
        if self.scale_offset is not None:
            word = registers[self.scale_offset]
            scale = word - 0x10000 if word >= NO_SCALE else word
        return fixed(1 << 32, scale, self.decimals) if is_scale(scale) else None


class _Step(NamedTuple):
    """How one column is made of the fields of its model; `at` and `scale_at` count the fields.

    `blank` is what an accumulator says that was reset just now.
    """

    column: str
    at: int
    absent: int | None
    is_float: bool
    scale_at: int | None
    constant_scale: int
    decimals: int
    blank: int | None


class Decoder:
    """Makes the columns of one model out of its registers; all is unpacked at once."""

    def __init__(self, sources: Sequence[ColumnSource], count: int) -> None:
        """Prepare for these columns of a model of which `count` registers are read."""
        fields = {source.offset: (source.code, source.size) for source in sources}
        for source in sources:
            if source.scale_offset is not None:
                fields[source.scale_offset] = (SCALE_CODE, 1)
        text, end = ">", 0
        at: dict[int, int] = {}
        for offset, (code, size) in sorted(fields.items()):
            at[offset] = len(at)
            text += f"{2 * (offset - end)}x{code}"
            end = offset + size
        self._registers = struct.Struct(f">{count}H")
        self._fields = struct.Struct(text)
        self._steps = tuple(
            _Step(
                column=source.column,
                at=at[source.offset],
                absent=source.absent,
                is_float=source.is_float,
                scale_at=None if source.scale_offset is None else at[source.scale_offset],
                constant_scale=source.constant_scale,
                decimals=source.decimals,
                blank=(1 << 16 * source.size) - 1 if source.is_accumulator else None,
            )
            for source in sources
        )

    def columns(self, registers: Sequence[int]) -> tuple[dict[str, int | None], list[str]]:
        """Return the columns in the dictionary's decimals, and which of them cannot be used.

        What is not implemented is None. So is what cannot be used: there is a number, but its scale
        factor is absent or out of range, or makes it too large for a chunk. A 0 without a scale
        factor is how some devices leave out an accumulator: not implemented. An accumulator of all
        ones is how some say so for one reading after a reset: not usable.
        """
        fields = self._fields.unpack_from(self._registers.pack(*registers))
        found: dict[str, int | None] = {}
        unusable: list[str] = []
        for column, at, absent, is_float, scale_at, constant_scale, decimals, blank in self._steps:
            found[column] = None
            number = fields[at]
            if is_float:
                if not math.isfinite(number):
                    continue
                value = round(number * power_of_ten(decimals))
            else:
                if number == absent:
                    continue
                scale = constant_scale if scale_at is None else fields[scale_at]
                if not -LARGEST_SCALE <= scale <= LARGEST_SCALE or number == blank:
                    if number or scale != ABSENT_SCALE:
                        unusable.append(column)
                    continue
                shift = scale + decimals
                value = number * POWERS[shift] if shift >= 0 else fixed(number, scale, decimals)
            if -LIMIT <= value < LIMIT:
                found[column] = value
            else:
                unusable.append(column)
        return found, unusable


class PolledModel(NamedTuple):
    """One model of a poll: the stretch to read and the columns in it."""

    model: FoundModel
    extent: Extent
    columns: tuple[ColumnSource, ...]
    decoder: Decoder


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


class Layout(NamedTuple):
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
    extent = Extent(model.address, max(ends), cuts)
    return PolledModel(model, extent, sources, Decoder(sources, extent.count))


def _source(model: FoundModel, place: Placed, name: str) -> ColumnSource:
    point = place.point
    return ColumnSource(
        column=name,
        offset=place.offset,
        size=point.size,
        code=code_of(point.type, point.size),
        absent=None if point.type in FLOATS else absent_of(point.type, point.size),
        is_float=point.type in FLOATS,
        scale_offset=place.scale_offset,
        constant_scale=point.sf if isinstance(point.sf, int) else 0,
        decimals=COLUMN_OF[f"{model.id}.{point.name}"].decimals,
        is_accumulator=point.type.startswith("acc"),
    )
