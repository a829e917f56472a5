"""The shape of a SunSpec model definition, as the table of `models.py` gives it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """One point; `offset` is in registers from the start of its group.

    `sf` is the name of its scale factor, in its own group or one around it, or a constant one. What
    is static never changes while the device lives, by its definition.
    """

    name: str
    type: str
    offset: int
    size: int
    sf: str | int | None
    units: str | None
    is_static: bool = False


class Group(NamedTuple):
    """Points and inner groups that follow them; the group stands there `repeats` times.

    0 means as often as the length of the model has room for, a name means as often as
    that point says, None means once.
    """

    name: str
    points: tuple[Point, ...]
    groups: tuple["Group", ...]
    repeats: int | str | None

    @property
    def own_length(self) -> int:
        """Return the registers of the group's own points, inner groups not counted."""
        return self.points[-1].offset + self.points[-1].size if self.points else 0


class Model(NamedTuple):
    """One model; its group starts with the points ID and L, at offsets 0 and 1."""

    id: int
    group: Group

    @property
    def name(self) -> str:
        """Return the name of the outermost group, which is the model's."""
        return self.group.name


class Placed(NamedTuple):
    """A point with its place in the model, in registers from the model's ID, and its scale."""

    point: Point
    offset: int
    scale_offset: int | None
    """Where the scale factor stands; None when the point has none or a constant one."""
    repetition: int
    """0 outside of repeating groups, else counted from 1."""


class Spot(NamedTuple):
    """A point of any depth at its place, and where its scale factor stands."""

    point: Point
    offset: int
    scale_offset: int | None
    scale_is_static: bool


def placed_flat(model: Model, length: int, most: int | None = None) -> Iterator[Placed]:
    """Yield the points of a model with at most one level of groups, whatever the counts in it say.

    Such are all the models that telemetry comes from. `length` is what the device says in L: points
    that do not lie wholly inside are left out. A repeating group stands there as often as there is
    room, but no more than `most` times.
    """
    end = 2 + length
    scales = {point.name: point.offset for point in model.group.points if point.type == "sunssf"}

    def place(point: Point, start: int, repetition: int) -> Placed:
        scale = scales.get(point.sf) if isinstance(point.sf, str) else None
        return Placed(point, start + point.offset, scale, repetition)

    for point in model.group.points:
        if point.offset + point.size <= end:
            yield place(point, 0, 0)
    start = model.group.own_length
    for group in model.group.groups:
        step = group.own_length
        room = max((end - start) // step, 0)
        times = min(room, 1) if group.repeats is None else room if most is None else min(room, most)
        for repetition in range(1, times + 1):
            for point in group.points:
                yield place(point, start, repetition)
            start += step


def spots(model: Model, words: Sequence[int], length: int) -> Iterator[Spot]:
    """Yield the points of all groups in their order, as far as `words` tell where they stand.

    `words` are the first registers of the model, from its ID on. The points go on behind them as
    long as no count is needed that is not among them, but never past the length of the model.
    """
    yield from _spots(model.group, words, 0, 2 + length, {}, {})


def _spots(  # noqa: PLR0917 - all that a group inherits from those around it
    group: Group,
    words: Sequence[int],
    start: int,
    end: int,
    scales: Mapping[str, tuple[int, bool]],
    counts: Mapping[str, int | None],
) -> Iterator[Spot]:
    """Yield the points of one repetition; the last one yielded tells how far it went."""
    here = dict(scales)
    known = dict(counts)
    for point in group.points:
        offset = start + point.offset
        if offset + point.size > end:
            continue
        if point.type == "sunssf":
            here[point.name] = (offset, point.is_static)
        elif point.type in {"count", "uint16"}:
            known[point.name] = words[offset] if offset < len(words) else None
    for point in group.points:
        offset = start + point.offset
        if offset + point.size > end:
            return
        place = here.get(point.sf) if isinstance(point.sf, str) else None
        yield Spot(point, offset, *(place or (None, True)))
    offset = start + group.own_length
    for inner in group.groups:
        times = repetitions(inner, known, room=end - offset)
        if times is None:
            return
        for _ in range(times):
            before = offset
            for spot in _spots(inner, words, offset, end, here, known):
                offset = spot.offset + spot.point.size
                yield spot
            if offset < before + max(inner.own_length, 1):
                return


def repetitions(group: Group, counts: Mapping[str, int | None], *, room: int) -> int | None:
    """Return how often a group stands in `room` registers; None when its count is not known.

    A count of 0xFFFF means that it is not implemented: the group does not stand there.
    """
    if group.repeats is None:
        return 1
    if isinstance(group.repeats, str):
        count = counts.get(group.repeats)
        return 0 if count == 0xFFFF else count
    return group.repeats or max(room, 0) // max(group.own_length, 1)
