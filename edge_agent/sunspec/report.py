"""Reads every model of a device whole and tells it as data, for people and other programs.

The shape is that of `sunreeve-edge read --json` and `scan --json`. It is for commissioning and
support; the poll of telemetry (`edge_agent.poll`) reads less and decodes less.
"""

import struct
from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache
from typing import Any, NamedTuple

from edge_agent.source import RegisterSource
from edge_agent.sunspec.decode import (
    FLOATS,
    NUMBERS,
    absent_of,
    code_of,
    is_scale,
    other_value,
    scaled,
)
from edge_agent.sunspec.definitions import Group, Point, repetitions
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.scan import MARKER, Chain, FoundModel, end_registers
from edge_agent.sunspec.whole import Fetched, fetch, registers_of

LENGTH_DIFFERS = "length_differs"
BAD_SF = "bad_sf"


def scan_report(host: str, chain: Chain, source: RegisterSource | None = None) -> dict[str, Any]:
    """Return what was found, without points.

    Models that say in points how often their groups stand there are read from the source; without
    one, nothing is said about their length.
    """
    counted = [model for model in chain.models if model.id in MODELS and _is_counted(model.id)]
    words: dict[FoundModel, Sequence[int] | None] = dict.fromkeys(counted)
    if source is not None and counted:
        for model, fetched in zip(
            counted, fetch(source, chain._replace(models=tuple(counted))), strict=True
        ):
            words[model] = fetched.words if fetched.flag is None else None
    models = [
        _head(model)
        | {"flags": _unknown(model) + _differs(model, words.get(model, (0,) * (2 + model.length)))}
        for model in chain.models
    ]
    return {"host": host, "unit": chain.unit, "flags": list(chain.flags), "models": models}


def read_report(host: str, source: RegisterSource, chain: Chain) -> dict[str, Any]:
    """Return one reading of all models; a model that fails does not keep the others from it."""
    models = [
        _model_report(model, fetched)
        for model, fetched in zip(chain.models, fetch(source, chain), strict=True)
    ]
    return {"host": host, "unit": chain.unit, "flags": list(chain.flags), "models": models}


def chain_registers(
    source: RegisterSource, chain: Chain
) -> tuple[tuple[tuple[int, tuple[int, ...]], ...], tuple[str, ...]]:
    """Return every register from the marker to the end of the chain as it stands in the device.

    They come in blocks, each an address and its registers, one for each stretch that can be read;
    behind them a text for each that cannot.
    """
    blocks: list[tuple[int, tuple[int, ...]]] = []
    at = chain.base
    words: tuple[int, ...] = MARKER
    missing: list[str] = []
    for model, found in zip(chain.models, registers_of(source, chain), strict=True):
        words += found
        if len(found) < 2 + model.length:
            gap = f"{model.address + len(found)} to {model.end - 1}"
            missing.append(f"model {model.id}: no registers {gap}")
            blocks.append((at, words))
            at, words = model.end, ()
    words += end_registers(source, chain)
    if chain.is_cut_off:
        missing.append(f"the chain broke off at {chain.end}")
    blocks.append((at, words))
    return tuple(block for block in blocks if block[1]), tuple(missing)


def _head(model: FoundModel) -> dict[str, Any]:
    name = MODELS[model.id].name if model.id in MODELS else ""
    return {"model": model.id, "name": name, "address": model.address, "length": model.length}


def _unknown(model: FoundModel) -> list[str]:
    return [] if model.id in MODELS else ["unknown_model"]


def _model_report(model: FoundModel, fetched: Fetched) -> dict[str, Any]:
    flags = _unknown(model) + ([fetched.flag] if fetched.flag else [])
    points: dict[str, Any] = {}
    if model.id in MODELS:
        reader = _Reader(fetched.words, 2 + model.length, fetched.doubtful)
        points, consumed = reader.group(_shape(model.id), 0, {})
        if consumed != 2 + model.length and fetched.flag is None:
            flags.append(LENGTH_DIFFERS)
    return _head(model) | {"flags": flags, "points": points}


def _differs(model: FoundModel, words: Sequence[int] | None) -> list[str]:
    """Return the flag of a model whose length is not that of its definition; None: not known."""
    if model.id not in MODELS or words is None:
        return []
    _, consumed = _Reader(words, 2 + model.length, frozenset()).group(_shape(model.id), 0, {})
    return [] if consumed == 2 + model.length else [LENGTH_DIFFERS]


@cache
def _is_counted(number: int) -> bool:
    """Tell whether points of a model say how often its groups stand there."""

    def is_so(group: Group) -> bool:
        return any(isinstance(inner.repeats, str) or is_so(inner) for inner in group.groups)

    return is_so(MODELS[number].group)


class _Told(NamedTuple):
    """One point of a group, ready to be told; `at` counts the fields that are unpacked.

    `kind` is None for a whole number, else the type that `other_value` and floats need.
    """

    name: str
    at: int
    offset: int
    absent: int | None
    kind: str | None
    sf: str | int | None
    unit: str | None


class _Fields(NamedTuple):
    """The points of a group that lie wholly in the registers that there are, unpacked at once.

    `numbers` are the scale factors and counts on which others depend.
    """

    unpack_from: Callable[[bytes, int], tuple[Any, ...]]
    told: tuple[_Told, ...]
    numbers: tuple[_Told, ...]


class _Shape:
    """A group of a model and all that telling it needs, worked out once."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.length = group.own_length
        self.inner = tuple(_Shape(inner) for inner in group.groups)
        self._fields: dict[int, _Fields] = {}
        self._wanted = _names_wanted(group)

    def fields(self, room: int) -> _Fields:
        """Return the points that lie wholly in so many registers."""
        room = max(0, min(room, self.length))
        if room not in self._fields:
            self._fields[room] = self._made(room)
        return self._fields[room]

    def _made(self, room: int) -> _Fields:
        points = [point for point in self.group.points if point.offset + point.size <= room]
        text = ">" + "".join(_code(point) for point in points)
        told = [_told(point, at) for at, point in enumerate(points) if point.type != "pad"]
        numbers = [
            _told(point, at)
            for at, point in enumerate(points)
            if point.type in {"sunssf", "count", "uint16"} and point.name in self._wanted
        ]
        return _Fields(struct.Struct(text).unpack_from, tuple(told), tuple(numbers))


@cache
def _shape(number: int) -> _Shape:
    return _Shape(MODELS[number].group)


def _names_wanted(group: Group) -> frozenset[str]:
    """Return the names of scale factors and counts that a group or one in it refers to."""
    own = {point.sf for point in group.points if isinstance(point.sf, str)}
    counts = {inner.repeats for inner in group.groups if isinstance(inner.repeats, str)}
    return frozenset(own | counts).union(*(_names_wanted(inner) for inner in group.groups))


def _code(point: Point) -> str:
    """Return how `struct` unpacks a point; what is no number stays bytes."""
    if point.type in FLOATS or (point.type in NUMBERS and point.type != "pad"):
        return code_of(point.type, point.size)
    return f"{2 * point.size}s"


def _told(point: Point, at: int) -> _Told:
    is_number = point.type in NUMBERS
    return _Told(
        name=point.name,
        at=at,
        offset=point.offset,
        absent=absent_of(point.type, point.size) if is_number else None,
        kind=None if is_number else point.type,
        sf=point.sf,
        unit=point.units,
    )


class _Reader:
    """The registers of one model, `end` by its length, of which there may be fewer."""

    def __init__(self, words: Sequence[int], end: int, doubtful: Set[int]) -> None:
        self._data = struct.pack(f">{len(words)}H", *words)
        self._count = len(words)
        self._end = end
        self._doubtful = doubtful

    def group(
        self, shape: _Shape, start: int, outer: Mapping[str, int | None]
    ) -> tuple[dict[str, Any], int]:
        """Return the points of one repetition of a group, pads left out, and the offset behind it.

        `outer` has the scale factors and counts of the groups around it. Points that do not lie
        wholly inside the registers are left out; the offset is the one the definition asks for.
        """
        fields = shape.fields(self._count - start)
        values = fields.unpack_from(self._data, 2 * start) if fields.told else ()
        numbers = outer
        if fields.numbers:
            numbers = dict(outer) | {
                name: None if values[at] == absent else values[at]
                for name, at, _, absent, _, _, _ in fields.numbers
            }
        told = _points(fields.told, values, numbers)
        for point in fields.told if self._doubtful else ():
            if start + point.offset in self._doubtful:
                # The point is there, but nobody knows its scale: no value, and the flag says so.
                told[point.name] |= {"raw": None, "value": None, "flags": [BAD_SF]}
        offset = start + shape.length
        for inner in shape.inner:
            if offset > self._count:
                break
            entries, offset = self._entries(inner, offset, numbers)
            told[inner.group.name] = (
                entries if inner.group.repeats is not None else (entries[0] if entries else {})
            )
        return told, offset

    def _entries(
        self, shape: _Shape, offset: int, numbers: Mapping[str, int | None]
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the repetitions of a group, the last perhaps in part, and the offset behind."""
        entries: list[dict[str, Any]] = []
        times = repetitions(shape.group, numbers, room=self._end - offset) or 0
        for _ in range(times):
            if offset >= self._count:
                # More of them were announced than there are: never the length that L says.
                return entries, self._end + 1
            entry, behind = self.group(shape, offset, numbers)
            if behind == offset:
                break
            if _has_points(entry):
                entries.append(entry)
            offset = behind
        return entries, offset


def _has_points(entry: Mapping[str, Any]) -> bool:
    return any(not isinstance(told, list) and told for told in entry.values())


def _points(
    points: Sequence[_Told], values: Sequence[Any], scales: Mapping[str, int | None]
) -> dict[str, Any]:
    """Return points as raw number, scaled number, unit and flags."""
    found: dict[str, Any] = {}
    for name, at, _, absent, kind, sf, unit in points:
        raw = values[at]
        if kind is not None:
            raw = other_value(kind, raw)
        elif raw == absent:
            raw = None
        value = raw
        flags: list[str] = []
        if sf is not None and kind is None and raw is not None:
            scale = sf if isinstance(sf, int) else scales.get(sf)
            if absent is None and raw == 0:
                pass  # an accumulator of 0 is 0, whatever its scale factor
            elif scale is None or not is_scale(scale):
                value, flags = None, [BAD_SF]
            else:
                value = scaled(raw, scale)
        found[name] = {"raw": raw, "value": value, "unit": unit, "flags": flags}
    return found
