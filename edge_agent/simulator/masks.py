"""Registers as a device in a bad mood gives them: other scale factors, or the blanks of the night.

The points are found by walking the chain with the model table, so that any image can be masked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge_agent.simulator.misbehaviour import FLIP_EVERY, ZERO_EVERY, Misbehaviour
from edge_agent.source import ReadFailed
from edge_agent.sunspec.decode import LARGEST_SCALE, NUMBERS
from edge_agent.sunspec.definitions import Group, Point
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.scan import FoundModel, scan

Read = Callable[[int, int, int], tuple[int, ...]]
"""Registers of a unit, an address and a count."""

SHIFTS = (0, -1, -2, -1)
KEPT = frozenset({"sunssf", "count", "pad", "string", "float32", "float64", "eui48"})
COMMON = 1


class Spot(NamedTuple):
    """A number in the registers, counted from the marker, and where its scale factor stands."""

    point: Point
    offset: int
    scale_offset: int | None


@dataclass(frozen=True, slots=True)
class Map:
    """Where the numbers of a device stand."""

    unit: int
    base: int
    end: int
    spots: tuple[Spot, ...]


def map_of(read: Read, unit: int) -> Map | None:
    """Return the map of a device; None when it has no chain of models."""
    source = _Source(read)
    chain = scan(source, (unit,))
    if chain is None or not chain.models:
        return None
    spots: list[Spot] = []
    end = chain.models[0].address
    for model in chain.models:
        try:
            words = source.read(chain.unit, model.address, 2 + model.length)
        except ReadFailed:
            break
        spots += _spots(model, words, model.address - chain.base)
        end = model.end
    return Map(chain.unit, chain.base, end, tuple(spots))


def masked(
    read: Read, places: Map, address: int, count: int, *, moods: Mapping[Misbehaviour, int]
) -> tuple[int, ...]:
    """Return registers as a device gives them in these moods, each at its n-th request.

    Raises:
        ReadFailed: there are no such registers.
    """
    plain = read(places.unit, address, count)
    words = list(read(places.unit, places.base, places.end - places.base))
    if Misbehaviour.NIGHT in moods:
        _darken(words, places, has_zeros=moods[Misbehaviour.NIGHT] % ZERO_EVERY == ZERO_EVERY - 1)
    if Misbehaviour.FLIP_SF in moods:
        turn = moods[Misbehaviour.FLIP_SF] // FLIP_EVERY + 1
        _rescale(words, places, SHIFTS[turn % len(SHIFTS)])
    start = address - places.base
    return tuple(
        words[start + i] if 0 <= start + i < len(words) else plain[i] for i in range(count)
    )


@dataclass(frozen=True, slots=True)
class _Source:
    of: Read

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        return self.of(unit, address, count)

    def close(self) -> None:
        """Do nothing: there is no connection."""


def _spots(model: FoundModel, words: Sequence[int], start: int) -> list[Spot]:
    """Return the numbers of a model that begins so many registers behind the marker."""
    found: list[Spot] = []
    if model.id != COMMON and model.id in MODELS:
        _collect(MODELS[model.id].group, words, 0, {}, found)
    return [
        spot._replace(
            offset=spot.offset + start,
            scale_offset=None if spot.scale_offset is None else spot.scale_offset + start,
        )
        for spot in found
    ]


def _collect(
    group: Group,
    words: Sequence[int],
    start: int,
    outer: Mapping[str, int],
    found: list[Spot],
) -> int:
    """Append the numbers of one repetition of a group and return the offset behind it.

    `outer` has the offsets of the points around it, of which some are its scale factors and counts.
    """
    whole = [point for point in group.points if start + point.offset + point.size <= len(words)]
    here = {**outer, **{point.name: start + point.offset for point in whole}}
    for point in whole:
        scale = here.get(point.sf) if isinstance(point.sf, str) else None
        if point.name not in {"ID", "L"} or start:
            found.append(Spot(point, start + point.offset, scale))
    offset = start + group.own_length
    for inner in group.groups:
        times = _times(inner, words, here)
        while (times is None or times > 0) and offset < len(words):
            behind = _collect(inner, words, offset, here, found)
            if behind > len(words) or behind == offset:
                break
            offset, times = behind, None if times is None else times - 1
    return offset


def _times(group: Group, words: Sequence[int], offsets: Mapping[str, int]) -> int | None:
    if isinstance(group.repeats, str):
        return words[offsets[group.repeats]] if group.repeats in offsets else 0
    return 1 if group.repeats is None else (group.repeats or None)


def _is_counter(point: Point) -> bool:
    return point.type.startswith("acc") or (point.type == "uint64" and point.units == "Wh")


def _darken(words: list[int], places: Map, *, has_zeros: bool) -> None:
    for spot in places.spots:
        point = spot.point
        if _is_counter(point):
            if has_zeros:
                _put(words, spot, 0)
        elif point.type not in KEPT and (absent := NUMBERS[point.type].absent) is not None:
            _put(words, spot, absent)


def _rescale(words: list[int], places: Map, shift: int) -> None:
    """Lower each scale factor by up to so many powers of ten that all its numbers have room for."""
    by_scale: dict[int, list[Spot]] = {}
    for spot in places.spots:
        if spot.scale_offset is not None:
            by_scale.setdefault(spot.scale_offset, []).append(spot)
    for scale_offset, spots in by_scale.items():
        scale = _signed(words[scale_offset], 16)
        down = shift
        while down and not (
            -LARGEST_SCALE <= scale + down <= scale <= LARGEST_SCALE
            and all(_has_room(words, spot, 10**-down) for spot in spots)
        ):
            down += 1
        if not down:
            continue
        words[scale_offset] = (scale + down) & 0xFFFF
        for spot in spots:
            number = _number(words, spot)
            if number is not None:
                _put(words, spot, number * 10**-down)


def _has_room(words: Sequence[int], spot: Spot, factor: int) -> bool:
    number = _number(words, spot)
    if number is None:
        return True
    kind = NUMBERS[spot.point.type]
    bits = 16 * spot.point.size
    least, most = (-(1 << bits - 1), 1 << bits - 1) if kind.is_signed else (0, 1 << bits)
    grown = number * factor
    return least <= grown < most and grown & ((1 << bits) - 1) != kind.absent


def _number(words: Sequence[int], spot: Spot) -> int | None:
    """Return a raw number; None when it is not implemented."""
    kind = NUMBERS[spot.point.type]
    number = 0
    for word in words[spot.offset : spot.offset + spot.point.size]:
        number = number << 16 | word
    if number == kind.absent:
        return None
    return _signed(number, 16 * spot.point.size) if kind.is_signed else number


def _signed(number: int, bits: int) -> int:
    return number - (1 << bits) if number >> (bits - 1) else number


def _put(words: list[int], spot: Spot, number: int) -> None:
    size = spot.point.size
    for i in range(size):
        words[spot.offset + i] = number >> 16 * (size - 1 - i) & 0xFFFF
