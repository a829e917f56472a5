"""The public SunSpec models, each taken from the table when a device has it.

Source: github.com/sunspec/models (Apache-2.0), as shipped in pysunspec2; `generate.py` compiles
them into `models.txt`, a line for each. A gateway meets five or ten of them, and holds no others.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edge_agent.sunspec.definitions import Group, Model, Point

TABLE = Path(__file__).with_name("models.txt")


class ModelTable(Mapping[int, Model]):
    """Model definitions by number; a line of the table is read when its model is asked for."""

    def __init__(self, path: Path) -> None:
        """Remember where the table is; nothing is read yet."""
        self._path = path
        self._starts: dict[int, int] = {}
        self._read: dict[int, Model] = {}

    def __getitem__(self, number: int) -> Model:
        model = self._read.get(number)
        if model is None:
            start = self._places()[number]
            with self._path.open("rb") as file:
                file.seek(start)
                line = file.readline()
            model = Model(number, _group(json.loads(line)))
            self._read[number] = model
        return model

    def __contains__(self, number: object) -> bool:
        return number in self._places()

    def __iter__(self) -> Iterator[int]:
        return iter(self._places())

    def __len__(self) -> int:
        return len(self._places())

    def _places(self) -> Mapping[int, int]:
        """Return where the definition of each model begins in the file, after its number."""
        if not self._starts:
            found: dict[int, int] = {}
            start = 0
            with self._path.open("rb") as file:
                for line in file:
                    number = line.partition(b" ")[0]
                    found[int(number)] = start + len(number) + 1
                    start += len(line)
            self._starts = found
        return self._starts


def _group(entry: Sequence[Any]) -> Group:
    name, repeats, points, groups = entry
    return Group(name, tuple(_points(points)), tuple(_group(inner) for inner in groups), repeats)


def _points(entries: Sequence[Sequence[Any]]) -> Iterator[Point]:
    """Yield points of `[name, type, size, scale, unit, static]`; the last may be missing."""
    offset = 0
    for entry in entries:
        name, kind, size = entry[:3]
        scale, units, is_static = [*entry[3:], None, None, None][:3]
        # Types are the same few words again and again.
        yield Point(name, sys.intern(kind), offset, size, scale, units, bool(is_static))
        offset += size


MODELS: Final[Mapping[int, Model]] = ModelTable(TABLE)
