"""Decides which reads fetch a set of models in the fewest requests.

A read holds whole models where they fit, so that a point and its scale factor come in one
transaction: a scale factor may change between two. Where a model is too long for one read, the
reader asks for the scale factors again afterwards (`edge_agent.poll`, `edge_agent.sunspec.whole`).
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

    @property
    def end(self) -> int:
        """Return the first register behind the extent."""
        return self.address + self.count


@dataclass(frozen=True, slots=True)
class Read:
    """One request."""

    address: int
    count: int

    @property
    def end(self) -> int:
        """Return the first register behind the read."""
        return self.address + self.count

    def holds(self, address: int, count: int) -> bool:
        """Tell whether these registers come whole with this read."""
        return self.address <= address and address + count <= self.end


def pieces(extent: Extent) -> list[Read]:
    """Divide an extent into reads that are each short enough, at its cuts where it has them."""
    parts: list[Read] = []
    start = extent.address
    while extent.end - start > MOST_REGISTERS:
        reachable = [cut for cut in extent.cuts if start < cut <= start + MOST_REGISTERS]
        cut = max(reachable, default=start + MOST_REGISTERS)
        parts.append(Read(start, cut - start))
        start = cut
    parts.append(Read(start, extent.end - start))
    return parts


def plan(extents: Iterable[Extent], most: int = MOST_REGISTERS) -> tuple[Read, ...]:
    """Return the reads for these extents, neighbours merged to at most `most` registers."""
    reads: list[Read] = []
    for extent in sorted(extents, key=lambda extent: extent.address):
        for piece in pieces(extent):
            last = reads[-1] if reads else None
            if (
                last is not None
                and piece.address - last.end <= MOST_GAP
                and max(last.end, piece.end) - last.address <= most
            ):
                reads[-1] = Read(last.address, max(last.end, piece.end) - last.address)
            else:
                reads.append(piece)
    return tuple(reads)


def divided(read: Read, extents: Iterable[Extent]) -> tuple[Read, ...]:
    """Return what to ask for instead of a read that the device refuses.

    A read of several extents becomes one for each; a read of one is halved at the cut that is
    nearest to its middle. What cannot be divided is returned as it is.
    """
    inside = sorted(
        (extent for extent in extents if extent.address < read.end and read.address < extent.end),
        key=lambda extent: extent.address,
    )
    if len(inside) > 1:
        starts = [max(extent.address, read.address) for extent in inside]
        ends = [min(extent.end, read.end) for extent in inside]
        return tuple(Read(start, end - start) for start, end in zip(starts, ends, strict=True))
    cuts = [cut for extent in inside for cut in extent.cuts if read.address < cut < read.end]
    if not cuts:
        return (read,)
    cut = min(cuts, key=lambda cut: abs(2 * cut - read.address - read.end))
    return (Read(read.address, cut - read.address), Read(cut, read.end - cut))


class Cutter:
    """Cuts stretches out of what the reads of a plan fetched; where each lies is found once."""

    def __init__(self, reads: Sequence[Read]) -> None:
        """Prepare for these reads; their order is that of what they fetch."""
        self.reads = tuple(reads)
        self._places: dict[tuple[int, int], tuple[int, slice] | None] = {}
        self._nowhere: set[tuple[int, int]] = set()

    def cut(
        self, fetched: Sequence[tuple[int, ...] | None], address: int, count: int
    ) -> tuple[int, ...] | None:
        """Return `count` registers from `address` on.

        None when a read that they need failed (is None in `fetched`), or they are not wholly in the
        reads.
        """
        key = (address, count)
        if key in self._nowhere:
            return None
        if key not in self._places:
            self._places[key] = self._place(address, count)
        place = self._places[key]
        if place is None:
            return extract(self.reads, fetched, Extent(address, count))
        words = fetched[place[0]]
        return None if words is None else words[place[1]]

    def _place(self, address: int, count: int) -> tuple[int, slice] | None:
        """Return which read holds these registers whole, and where in it; None when none does."""
        for i, read in enumerate(self.reads):
            if read.holds(address, count):
                start = address - read.address
                return i, slice(start, start + count)
        whole = [(0,) * read.count for read in self.reads]
        if extract(self.reads, whole, Extent(address, count)) is None:
            self._nowhere.add((address, count))
        return None


def extract(
    reads: Sequence[Read], fetched: Sequence[Sequence[int] | None], extent: Extent
) -> tuple[int, ...] | None:
    """Return the registers of an extent out of what the reads, in order, fetched.

    None when one of the reads it needs failed (is None in `fetched`), or it is not wholly in them.
    """
    at = extent.address
    found: list[int] = []
    for read, registers in zip(reads, fetched, strict=True):
        if read.end <= at or read.address >= extent.end:
            continue
        if registers is None or read.address > at:
            return None
        if read.end >= extent.end and not found:
            return tuple(registers[at - read.address : extent.end - read.address])
        found += registers[at - read.address : extent.end - read.address]
        at = min(read.end, extent.end)
    return tuple(found) if at == extent.end else None
