"""Reads every model of a device whole and tells it as data, for people and other programs.

The shape is that of `sunreeve-edge read --json` and `scan --json`. It is for commissioning and
support; the poll of telemetry (`edge_agent.poll`) reads less and decodes less.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from edge_agent.source import RegisterSource
from edge_agent.sunspec.decode import is_scale, raw, scaled
from edge_agent.sunspec.definitions import Group, Point, repetitions
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.scan import END, MARKER, Chain, FoundModel
from edge_agent.sunspec.whole import Fetched, fetch, one_model


def scan_report(host: str, chain: Chain) -> dict[str, Any]:
    """Return what was found, without points."""
    models = [_head(model) | {"flags": _unknown(model)} for model in chain.models]
    return {"host": host, "unit": chain.unit, "flags": list(chain.flags), "models": models}


def read_report(host: str, source: RegisterSource, chain: Chain) -> dict[str, Any]:
    """Return one reading of all models; a model that fails does not keep the others from it."""
    models = [
        _model_report(model, fetched)
        for model, fetched in zip(chain.models, fetch(source, chain), strict=True)
    ]
    return {"host": host, "unit": chain.unit, "flags": list(chain.flags), "models": models}


def chain_registers(source: RegisterSource, chain: Chain) -> tuple[int, ...]:
    """Return every register from the marker to the end marker, which is made up if there is none.

    A model that cannot be read whole ends the image.
    """
    words: tuple[int, ...] = MARKER
    for model in chain.models:
        found, is_whole = one_model(source, chain.unit, model)
        words += found
        if not is_whole:
            return words
    return (*words, END, 0)


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
        points, consumed = reader.group(MODELS[model.id].group, 0, {})
        if consumed != 2 + model.length and fetched.flag is None:
            flags.append("length_differs")
    return _head(model) | {"flags": flags, "points": points}


class _Reader(NamedTuple):
    """The registers of one model, `end` by its length, of which there may be fewer."""

    words: Sequence[int]
    end: int
    doubtful: Set[int]

    def group(
        self, group: Group, start: int, outer: Mapping[str, int | None]
    ) -> tuple[dict[str, Any], int]:
        """Return the points of one repetition of a group, pads left out, and the offset behind it.

        `outer` has the scale factors and counts of the groups around it. Points that do not lie
        wholly inside the registers are left out; the offset is the one the definition asks for.
        """
        words = self.words
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
            if point.type != "pad" and start + point.offset not in self.doubtful
        }
        offset = start + group.own_length
        for inner in group.groups:
            if offset > len(words):
                break
            entries, offset = self._entries(inner, offset, numbers)
            told[inner.name] = (
                entries if inner.repeats is not None else (entries[0] if entries else {})
            )
        return told, offset

    def _entries(
        self, group: Group, offset: int, numbers: Mapping[str, int | None]
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the repetitions of a group, the last perhaps in part, and the offset behind."""
        entries: list[dict[str, Any]] = []
        times = repetitions(group, numbers, room=self.end - offset) or 0
        for _ in range(times):
            if offset >= len(self.words):
                # More of them were announced than there are: never the length that L says.
                return entries, self.end + 1
            entry, behind = self.group(group, offset, numbers)
            if behind == offset:
                break
            if _has_points(entry):
                entries.append(entry)
            offset = behind
        return entries, offset


def _has_points(entry: Mapping[str, Any]) -> bool:
    return any(not isinstance(told, list) and told for told in entry.values())


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
