"""Decides which reads fetch a set of models in the fewest requests.

A read holds whole models where they fit, so that a point and its scale factor come in one
transaction: a scale factor may change between two. Where a model is too long for one read, the
reader asks for the scale factors again afterwards (`edge_agent.poll`, `edge_agent.sunspec.report`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_REGISTERS = 125
"""Largest count of one read (MODBUS Application Protocol V1.1b3, 6.3)."""
MOST_GAP = 30
"""Registers nobody asked for that are read along to save a request."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of registers to fetch; `cuts` are the addresses at which it may be divided."""

    address: int
    count: int
    cuts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """One request."""

    address: int
    count: int

    @property
    def end(self) -> int:
        """Return the first register behind the read."""
        return self.address + self.count


def pieces(extent: Extent) -> list[Read]:
    """Divide an extent into reads that are each short enough, at its cuts where it has them."""
    parts: list[Read] = []
    start, end = extent.address, extent.address + extent.count
    while end - start > MOST_REGISTERS:
        reachable = [cut for cut in extent.cuts if start < cut <= start + MOST_REGISTERS]
        cut = max(reachable, default=start + MOST_REGISTERS)
        parts.append(Read(start, cut - start))
        start = cut
    parts.append(Read(start, end - start))
    return parts


def plan(extents: Iterable[Extent]) -> tuple[Read, ...]:
    """Return the reads for these extents, neighbours merged as long as they fit together."""
    reads: list[Read] = []
    for extent in sorted(extents, key=lambda extent: extent.address):
        for piece in pieces(extent):
            last = reads[-1] if reads else None
            if (
                last is not None
                and piece.address - last.end <= MOST_GAP
                and piece.end - last.address <= MOST_REGISTERS
            ):
                reads[-1] = Read(last.address, max(last.end, piece.end) - last.address)
            else:
                reads.append(piece)
    return tuple(reads)


def extract(
    reads: Sequence[Read], fetched: Sequence[Sequence[int] | None], extent: Extent
) -> tuple[int, ...] | None:
    """Return the registers of an extent out of what the reads fetched.

    None when one of the reads it needs failed (is None in `fetched`).
    """
    end = extent.address + extent.count
    found: list[int] = []
    for read, registers in zip(reads, fetched, strict=True):
        if read.end <= extent.address or read.address >= end:
            continue
        if registers is None:
            return None
        start = max(extent.address - read.address, 0)
        found += registers[start : end - read.address]
    return tuple(found)
