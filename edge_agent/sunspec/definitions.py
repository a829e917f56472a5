"""The shape of a SunSpec model definition, as `models.py` holds it."""

from collections.abc import Iterator
from typing import NamedTuple


class Point(NamedTuple):
    """One point; `offset` is in registers from the start of its group."""

    name: str
    type: str
    offset: int
    size: int
    sf: str | int | None
    units: str | None


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


def placed_flat(model: Model, length: int) -> Iterator[Placed]:
    """Yield the points of a model with at most one level of repeating groups.

    Such are all the models that telemetry comes from. `length` is what the device says in L: points
    that do not lie wholly inside are left out.
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
        for repetition in range(1, (end - start) // step + 1):
            for point in group.points:
                yield place(point, start, repetition)
            start += step
