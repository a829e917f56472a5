"""Register images: words at addresses, made from model definitions or read from a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from edge_agent.source import IllegalAddress
from edge_agent.sunspec.decode import NUMBERS
from edge_agent.sunspec.definitions import Point, placed_flat
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.scan import END, MARKER

REGISTERS_IN_ALL = 65_536


@dataclass(frozen=True, slots=True)
class Image:
    """The holding registers of one unit, in blocks, at one instant."""

    unit: int
    blocks: tuple[tuple[int, tuple[int, ...]], ...]

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return registers.

        Raises:
            IllegalAddress: one of them, or the unit, is not in the image.
        """
        for start, words in self.blocks:
            if unit == self.unit and start <= address and address + count <= start + len(words):
                return words[address - start : address - start + count]
        raise IllegalAddress(f"reading {count} registers at {address} of unit {unit}: none", 2)

    def close(self) -> None:
        """Do nothing: there is no connection."""


def from_file(path: Path) -> Image:
    """Return the image of a JSON file: `{"unit", "blocks": [{"address", "registers"}]}`.

    Raises:
        ValueError: the file is no such image.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        blocks = tuple(_block(block["address"], block["registers"]) for block in data["blocks"])
        unit = data.get("unit", 1)
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"reading image {path}: {error!r}") from error
    if not _is_whole(unit, 255):
        raise ValueError(f"reading image {path}: unit: must be a whole number from 0 to 255")
    if not blocks:
        raise ValueError(f"reading image {path}: blocks: there are none")
    return Image(unit, _joined(blocks))


def _joined(
    blocks: Sequence[tuple[int, tuple[int, ...]]],
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Return blocks in the order of their addresses, made one where one begins at another's end."""
    joined: list[tuple[int, tuple[int, ...]]] = []
    for start, words in sorted(blocks, key=lambda block: block[0]):
        if joined and joined[-1][0] + len(joined[-1][1]) == start:
            joined[-1] = (joined[-1][0], joined[-1][1] + words)
        else:
            joined.append((start, words))
    return tuple(joined)


def _block(address: object, registers: Sequence[object]) -> tuple[int, tuple[int, ...]]:
    """Return a block of an image, checked.

    Raises:
        ValueError: its address or a register cannot be.
    """
    words = tuple(word for word in registers if _is_whole(word, 0xFFFF))
    if not words or len(words) < len(registers):
        raise ValueError(f"block {address}: registers must be one or more numbers up to 65535")
    if not _is_whole(address, REGISTERS_IN_ALL - len(words)):
        raise ValueError("a block has an address, and lies within 0 to 65535")
    return address, words


def _is_whole(value: object, most: int) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= most


def to_json(image: Image, *, name: str, source: str) -> dict[str, Any]:
    """Return an image as the data of such a file."""
    blocks = [{"address": start, "registers": list(words)} for start, words in image.blocks]
    return {"name": name, "unit": image.unit, "source": source, "licence": "", "blocks": blocks}


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a point stands in a device, in registers from the marker on."""

    offset: int
    point: Point


class Template:
    """A device with every point not implemented, and the places of its points.

    Points are named `103.W`; those of a repeating group `160.DCW.2` for the second repetition.
    """

    def __init__(self, models: Sequence[tuple[int, int]]) -> None:
        """Lay out models in a chain.

        Args:
            models: number of each model, and how often its repeating group stands there.
        """
        self.slots: dict[str, Slot] = {}
        words = list(MARKER)
        for number, repetitions in models:
            model = MODELS[number]
            length = model.group.own_length - 2
            length += sum(group.own_length for group in model.group.groups) * repetitions
            start = len(words)
            words += [0] * (2 + length)
            for place in placed_flat(model, length):
                suffix = f".{place.repetition}" if place.repetition else ""
                slot = Slot(start + place.offset, place.point)
                self.slots[f"{number}.{place.point.name}{suffix}"] = slot
                if place.point.type != "string":
                    write(words, slot, None)
            words[start], words[start + 1] = number, length
        self.words = (*words, END, 0)

    def filled(
        self, values: Mapping[str, int | str | None], base: Sequence[int] | None = None
    ) -> list[int]:
        """Return the words with these raw values in them."""
        words = list(self.words if base is None else base)
        for name, value in values.items():
            write(words, self.slots[name], value)
        return words


FLOAT_ABSENT = {"float32": 0x7FC0_0000, "float64": 0x7FF8_0000_0000_0000}


def _absent(point: Point) -> int:
    """Return the pattern that means "not implemented"; that of text and addresses is 0."""
    number_type = NUMBERS.get(point.type)
    if number_type is None:
        return FLOAT_ABSENT.get(point.type, 0)
    return number_type.absent or 0


def write(words: list[int], slot: Slot, value: int | str | None) -> None:
    """Write a raw value into registers; None writes what means "not implemented"."""
    size = slot.point.size
    if isinstance(value, str):
        data = value.encode("ascii")[: 2 * size].ljust(2 * size, b"\0")
        number = int.from_bytes(data, "big")
    elif value is None:
        number = _absent(slot.point)
    else:
        number = value & ((1 << 16 * size) - 1)
    for i in range(size):
        words[slot.offset + i] = number >> 16 * (size - 1 - i) & 0xFFFF
