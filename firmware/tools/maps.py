"""Writes sunreeve_device/maps.py from the gateway's SunSpec definitions; --check tells if it is old."""

import sys
from pathlib import Path

from edge_agent.dictionary import COLUMNS
from edge_agent.sunspec.definitions import Point
from edge_agent.sunspec.layout import COLUMN_OF, MOST_INPUTS, PORT_COUNTS, TOLD_MODELS
from edge_agent.sunspec.models import MODELS

TARGET = Path(__file__).parents[1] / "sunreeve_device" / "maps.py"
UNSIGNED, SIGNED, ACCUMULATOR, FLOAT, PLAIN = range(5)
NO_SCALE = 255
HEAD = '''"""Which registers become which columns; written by firmware/tools/maps.py, not edited."""

# Columns in the order in which a section has them.
COLUMNS = (
{columns})

# Model: (registers before the repeating group, its registers, where the number of repetitions
# stands, most repetitions told, points before, points in the group). A point is six bytes: column,
# offset, registers, kind (0 unsigned, 1 signed, 2 accumulator, 3 float), offset of the scale factor
# (255: none), decimals. Offsets are from the model's ID, in the group from the group's start.
MODELS = {{
{models}}}

# Every offset at which a point begins, for reads that must be divided: before the group, in it.
CUTS = {{
{cuts}}}
'''


def _kind(point: Point) -> int:
    if point.type.startswith("acc"):
        return ACCUMULATOR
    if point.type == "float32":
        return FLOAT
    if point.type in {"int16", "int32", "int64"}:
        return SIGNED
    if point.type in {
        "uint16", "enum16", "bitfield16", "uint32", "enum32", "bitfield32", "uint64", "count",
    }:  # fmt: skip
        return UNSIGNED
    raise ValueError(f"type {point.type} of {point.name}: the device does not know it")


def _points(number: int, points: tuple[Point, ...], *, is_repeated: bool) -> bytes:
    scales = {p.name: p.offset for p in MODELS[number].group.points if p.type == "sunssf"}
    found = b""
    for point in points:
        column = COLUMN_OF.get(f"{number}.{point.name}")
        if column is None or column.per_input != is_repeated:
            continue
        if isinstance(point.sf, int):
            raise ValueError(f"{number}.{point.name}: a constant scale, which the device has not")
        scale = NO_SCALE if point.sf is None else scales[point.sf]
        found += bytes(
            (list(COLUMNS).index(column.name), point.offset, point.size, _kind(point), scale,
             column.decimals)
        )  # fmt: skip
    return found


def written() -> str:
    """Return the text of maps.py."""
    models = cuts = ""
    for number in sorted(TOLD_MODELS):
        group = MODELS[number].group
        inner = group.groups[0] if group.groups else None
        if len(group.groups) > 1 or (inner is not None and inner.groups):
            inner = None if number not in MOST_INPUTS else inner
        step = inner.own_length if inner else 0
        count = 0
        if number in PORT_COUNTS:
            count = next(p.offset for p in group.points if p.name == PORT_COUNTS[number])
        fixed = _points(number, group.points, is_repeated=False)
        repeated = _points(number, inner.points, is_repeated=True) if inner else b""
        entry = (group.own_length, step, count, MOST_INPUTS.get(number, 0), fixed, repeated)
        models += f"    {number}: {entry},\n"
        if number in MOST_INPUTS and inner is not None:
            before = bytes(point.offset for point in group.points)
            within = bytes(point.offset for point in inner.points)
            cuts += f"    {number}: ({before}, {within}),\n"
    columns = "".join(f'    "{name}",\n' for name in COLUMNS)
    return HEAD.format(columns=columns, models=models, cuts=cuts)


if __name__ == "__main__":
    if "--check" in sys.argv:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != written():
            sys.exit(f"{TARGET.name} is old: run python firmware/tools/maps.py")
    else:
        TARGET.write_text(written(), encoding="utf-8")
