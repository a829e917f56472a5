"""Which registers of a device become which columns of a chunk; made once from its chain.

What is needed at every poll is worked out here, so that a poll is: read, look up, multiply.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.dictionary import COLUMNS
from edge_agent.sunspec.decode import NUMBERS, NumberType, fixed, is_scale, whole_number
from edge_agent.sunspec.definitions import Placed, placed_flat
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import Extent, Read, pieces, plan
from edge_agent.sunspec.scan import Chain, FoundModel

COLUMN_OF = {source: column for column in COLUMNS.values() for source in column.sources}
COMMON = 1
LIMIT = 2**63
"""Values in a chunk lie in -LIMIT .. LIMIT-1."""
MOST_INPUTS = {160: 64, 714: 32}
"""Inputs and ports of one device that are told to the cloud; a chunk holds 512 columns."""


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """One column and the registers it comes from, as offsets from its model's ID."""

    column: str
    offset: int
    size: int
    number_type: NumberType
    scale_offset: int | None
    decimals: int

    def value(self, registers: Sequence[int]) -> int | None:
        """Return the value in the dictionary's decimals; None when not implemented.

        A 0 without a scale factor is how some devices leave out an accumulator: not implemented.

        Raises:
            ScaleUnusable: there is a number, but its scale factor is absent or out of range, or
                makes the value too large for a chunk.
        """
        number = whole_number(registers, self.offset, self.size, self.number_type)
        if number is None:
            return None
        scale: int | None = 0
        if self.scale_offset is not None:
            scale = whole_number(registers, self.scale_offset, 1, NUMBERS["sunssf"])
        if number == 0 and scale is None:
            return None
        if scale is None or not is_scale(scale):
            raise ScaleUnusable(self.column)
        value = fixed(number, scale, self.decimals)
        if not -LIMIT <= value < LIMIT:
            raise ScaleUnusable(self.column)
        return value


class ScaleUnusable(Exception):
    """The scale factor of a column (the argument) is absent or outside of -10 .. 10."""


@dataclass(frozen=True, slots=True)
class PolledModel:
    """One model of a poll: the stretch to read and the columns in it."""

    model: FoundModel
    extent: Extent
    columns: tuple[ColumnSource, ...]
    scales_again: Read | None
    """Set when some points come in another read than their scale factors: read this again after."""


@dataclass(frozen=True, slots=True)
class Layout:
    """All that a poll of one device needs to know."""

    chain: Chain
    models: tuple[PolledModel, ...]
    reads: tuple[Read, ...]

    @property
    def label(self) -> str:
        """Return the models as they are told to the cloud: `1.103.160.802`."""
        return self.chain.label


def layout(chain: Chain) -> Layout:
    """Work out the poll of a device.

    Where several models give one column, the first in the chain does. Inputs of several model-160
    instances are numbered on, and so are ports of several model-714 instances, apart from them. The
    common model is read along where that costs no request.
    """
    polled: list[PolledModel] = []
    taken: set[str] = set()
    numbered: dict[int, int] = {}
    for model in chain.models:
        if model.id not in MODELS or model.id == COMMON:
            continue
        places = list(placed_flat(MODELS[model.id], model.length))
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
    if common is not None:
        with_common = plan([Extent(common.address, 2 + common.length), *extents])
        if len(with_common) == len(reads):
            reads = with_common
    return Layout(chain, tuple(polled), reads)


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
    sources = tuple(
        ColumnSource(
            column=name,
            offset=place.offset,
            size=place.point.size,
            number_type=NUMBERS[place.point.type],
            scale_offset=place.scale_offset,
            decimals=COLUMN_OF[f"{model.id}.{place.point.name}"].decimals,
        )
        for place, name in columns
    )
    scales = [source.scale_offset for source in sources if source.scale_offset is not None]
    ends = [source.offset + source.size for source in sources] + [scale + 1 for scale in scales]
    count = max(ends)
    cuts = tuple(model.address + place.offset for place in places)
    extent = Extent(model.address, count, cuts)
    parts = pieces(extent)
    is_apart = any(
        _part(parts, model.address + source.offset)
        != _part(parts, model.address + source.scale_offset)
        for source in sources
        if source.scale_offset is not None
    )
    again = None
    if is_apart:
        first = model.address + min(scales)
        again = Read(first, model.address + max(scales) + 1 - first)
    return PolledModel(model, extent, sources, again)


def _part(parts: Sequence[Read], address: int) -> int:
    return next(i for i, part in enumerate(parts) if part.address <= address < part.end)
