"""Reads every model of a device whole and tells it as data, for people and other programs.

The shape is that of `sunreeve-edge read --json` and `scan --json`. It is for commissioning and
support; the poll of telemetry (`edge_agent.poll`) reads less and decodes less.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.source import IllegalAddress, ReadFailed, RegisterSource
from edge_agent.sunspec.decode import is_scale, raw, scaled
from edge_agent.sunspec.definitions import Group, Point
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import Extent, extract, pieces, plan
from edge_agent.sunspec.scan import END, MARKER, Chain, FoundModel


def scan_report(host: str, chain: Chain) -> dict[str, Any]:
    """Return what was found, without points."""
    models = [_head(model) | {"flags": _unknown(model)} for model in chain.models]
    return {"host": host, "unit": chain.unit, "flags": list(chain.flags), "models": models}


def read_report(host: str, source: RegisterSource, chain: Chain) -> dict[str, Any]:
    """Return one reading of all models; a model that fails does not keep the others from it."""
    registers = _registers(source, chain)
    models = [
        _model_report(model, words, flag)
        for model, (words, flag) in zip(chain.models, registers, strict=True)
    ]
    return {"host": host, "unit": chain.unit, "flags": list(chain.flags), "models": models}


def chain_registers(source: RegisterSource, chain: Chain) -> tuple[int, ...]:
    """Return every register from the marker to the end marker, which is made up if there is none.

    A model that cannot be read whole ends the image.
    """
    words: tuple[int, ...] = MARKER
    for model in chain.models:
        found, flag = _alone(source, chain.unit, Extent(model.address, 2 + model.length))
        words += found
        if flag is not None:
            return words
    return (*words, END, 0)


def _head(model: FoundModel) -> dict[str, Any]:
    name = MODELS[model.id].name if model.id in MODELS else ""
    return {"model": model.id, "name": name, "address": model.address, "length": model.length}


def _unknown(model: FoundModel) -> list[str]:
    return [] if model.id in MODELS else ["unknown_model"]


def _registers(source: RegisterSource, chain: Chain) -> list[tuple[tuple[int, ...], str | None]]:
    """Fetch all models in merged reads, and alone those whose merged read failed."""
    extents = [Extent(model.address, 2 + model.length) for model in chain.models]
    reads = plan(
        extent for model, extent in zip(chain.models, extents, strict=True) if model.id in MODELS
    )
    fetched: list[tuple[int, ...] | None] = []
    for read in reads:
        try:
            fetched.append(source.read(chain.unit, read.address, read.count))
        except ReadFailed:
            fetched.append(None)
    found: list[tuple[tuple[int, ...], str | None]] = []
    for model, extent in zip(chain.models, extents, strict=True):
        if model.id not in MODELS:
            found.append(((), None))
            continue
        words = extract(reads, fetched, extent)
        found.append((words, None) if words is not None else _alone(source, chain.unit, extent))
    return found


def _alone(source: RegisterSource, unit: int, extent: Extent) -> tuple[tuple[int, ...], str | None]:
    """Read as much of one model as the device has; say whether that was less than all."""
    words: tuple[int, ...] = ()
    for piece in pieces(extent):
        try:
            words += source.read(unit, piece.address, piece.count)
        except IllegalAddress:
            return (words + _prefix(source, unit, piece.address, piece.count), "truncated")
        except ReadFailed:
            return (words, "read_failed")
    return (words, None)


def _prefix(source: RegisterSource, unit: int, address: int, count: int) -> tuple[int, ...]:
    """Return the longest run of registers that can be read, found by halving."""
    least, most = 0, count
    words: tuple[int, ...] = ()
    while most - least > 1:
        middle = (least + most) // 2
        try:
            words = source.read(unit, address, middle)
            least = middle
        except ReadFailed:
            most = middle
    return words


def _model_report(model: FoundModel, words: Sequence[int], flag: str | None) -> dict[str, Any]:
    flags = _unknown(model) + ([flag] if flag else [])
    points: dict[str, Any] = {}
    if model.id in MODELS:
        points, consumed = group_points(MODELS[model.id].group, words, 0, {})
        if consumed != 2 + model.length and flag is None:
            flags.append("length_differs")
    return _head(model) | {"flags": flags, "points": points}


def group_points(
    group: Group, words: Sequence[int], start: int, outer: Mapping[str, int | None]
) -> tuple[dict[str, Any], int]:
    """Return the points of one repetition of a group, pads left out, and the offset behind it.

    `outer` has the scale factors and counts of the groups around it. Points that do not lie wholly
    inside the registers are left out; the offset is then the one the definition asks for.
    """
    whole = [p for p in group.points if start + p.offset + p.size <= len(words)]
    raws = {point.name: raw(point, words, start + point.offset) for point in whole}
    numbers = dict(outer) | {
        point.name: value
        for point in whole
        if point.type in {"sunssf", "count", "uint16"}
        and ((value := raws[point.name]) is None or isinstance(value, int))
    }
    told: dict[str, Any] = {
        point.name: _point(point, raws[point.name], numbers)
        for point in whole
        if point.type != "pad"
    }
    offset = start + group.own_length
    for inner in group.groups:
        entries: list[dict[str, Any]] = []
        wanted = _repetitions(inner, numbers)
        while (wanted is None or len(entries) < wanted) and offset < len(words):
            entry, behind = group_points(inner, words, offset, numbers)
            if behind > len(words) or behind == offset:
                break
            entries.append(entry)
            offset = behind
        told[inner.name] = entries if inner.repeats is not None else (entries[0] if entries else {})
    return told, offset


def _repetitions(group: Group, numbers: Mapping[str, int | None]) -> int | None:
    """Return how often a group stands there; None for as often as there is room."""
    if isinstance(group.repeats, str):
        return numbers.get(group.repeats) or 0
    return 1 if group.repeats is None else (group.repeats or None)


def _point(
    point: Point, value: int | float | str | None, scales: Mapping[str, int | None]
) -> dict[str, Any]:
    """Return a point as raw number, scaled number, unit and flags."""
    told: dict[str, Any] = {"raw": value, "value": value, "unit": point.units, "flags": []}
    if point.sf is None or not isinstance(value, int):
        return told
    scale = point.sf if isinstance(point.sf, int) else scales.get(point.sf)
    if scale is None or not is_scale(scale):
        return told | {"value": None, "flags": ["bad_sf"]}
    return told | {"value": scaled(value, scale)}
