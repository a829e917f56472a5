"""Fetches whole models in few requests, and proves that no scale factor moved in between.

Reads follow the chain and are as long as they may be. A model that has scale factors which may
change comes in one read where it fits; where it does not, they are read again behind it, and what
cannot be proved is given up. A factor that is static by its definition needs no proof.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import takewhile
from typing import NamedTuple

from edge_agent.source import Busy, DeviceRefused, ReadFailed, RegisterSource, Unreachable
from edge_agent.sunspec.definitions import Group, Spot, spots
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import MOST_GAP, MOST_REGISTERS, Extent, Read, pieces
from edge_agent.sunspec.scan import Chain, FoundModel

TRIES = 2
"""Times that a model is read when its scale factors move meanwhile."""
MOST_SHORTER = 3
"""Times that reads of one model are made shorter because the device refuses them."""
MOST_SILENCES = 2
"""After so many reads in a row without an answer the rest of the device is not asked."""


class Fetched(NamedTuple):
    """What there is of a model, from its ID on.

    `flag` tells why it is not all: `truncated` or `read_failed`. `doubtful` are the offsets of
    points of which nobody knows whether their scale factor is the right one.
    """

    words: tuple[int, ...]
    flag: str | None = None
    doubtful: frozenset[int] = frozenset()


def fetch(source: RegisterSource, chain: Chain) -> list[Fetched]:
    """Return what there is of each model in the chain; nothing of those that are not known."""
    sheet = _Sheet(source, chain.unit)
    models = [model for model in chain.models if model.id in MODELS]
    flags = sheet.fill(models)
    return [
        sheet.checked(model, flags.get(model)) if model.id in MODELS else Fetched(())
        for model in chain.models
    ]


def one_model(source: RegisterSource, unit: int, model: FoundModel) -> tuple[tuple[int, ...], bool]:
    """Return the registers of a model, known or not, and whether those are all of it."""
    sheet = _Sheet(source, unit)
    is_whole = sheet.alone(model) is None
    return sheet.words_of(model), is_whole


@cache
def has_moving_scales(number: int) -> bool:
    """Tell whether a model has scale factors that may change while the device works."""
    return _moves(MODELS[number].group)


def _moves(group: Group) -> bool:
    return any(point.type == "sunssf" and not point.is_static for point in group.points) or any(
        _moves(inner) for inner in group.groups
    )


def spots_of(model: FoundModel, words: Sequence[int]) -> tuple[Spot, ...]:
    """Return the points of a model as far as its registers tell where they stand.

    They are worked out once for the same counts; most of all in a poll, whose counts never change.
    """
    offsets = _count_offsets(model.id)
    if offsets is None:
        return tuple(spots(MODELS[model.id], words, model.length))
    counts = tuple(words[offset] if offset < len(words) else None for offset in offsets)
    return _spots_for(model.id, model.length, offsets, counts)


@lru_cache(256)
def _spots_for(
    number: int, length: int, offsets: tuple[int, ...], counts: tuple[int | None, ...]
) -> tuple[Spot, ...]:
    """Return the points where the counts at these offsets are such; None is a count not known."""
    known = list(takewhile(lambda pair: pair[1] is not None, zip(offsets, counts, strict=True)))
    words = [0] * (known[-1][0] + 1 if known else 0)
    for offset, count in known:
        words[offset] = count or 0
    return tuple(spots(MODELS[number], words, length))


@cache
def _count_offsets(number: int) -> tuple[int, ...] | None:
    """Return where the counts of a model's groups stand; None when they are in those groups."""
    outermost = MODELS[number].group
    names = _repeat_names(outermost)
    if any(names & {point.name for point in group.points} for group in _inner(outermost)):
        return None
    return tuple(point.offset for point in outermost.points if point.name in names)


def _repeat_names(group: Group) -> frozenset[str]:
    return frozenset(inner.repeats for inner in _inner(group) if isinstance(inner.repeats, str))


def _inner(group: Group) -> Iterator[Group]:
    for inner in group.groups:
        yield inner
        yield from _inner(inner)


class _Sheet:
    """Registers by address, each with the number of the request that it came with."""

    def __init__(self, source: RegisterSource, unit: int) -> None:
        self._source = source
        self._unit = unit
        self._words: dict[int, int] = {}
        self._request_of: dict[int, int] = {}
        self._requests = 0
        self._silences = 0

    def fill(self, models: Sequence[FoundModel]) -> dict[FoundModel, str]:
        """Fetch models in reads that go on from one to the next; return the flags of those cut."""
        flags: dict[FoundModel, str] = {}
        left = list(models)
        address = left[0].address if left else 0
        while left:
            end = _end_of_read(left, address)
            try:
                self._read(address, end - address)
            except ReadFailed:
                # One of these models is to blame: each is asked for alone.
                for model in [model for model in left if model.address < end]:
                    if (flag := self.alone(model)) is not None:
                        flags[model] = flag
                    left.remove(model)
                address = left[0].address if left else 0
                continue
            left = [model for model in left if model.end > end]
            if left:
                address = max(address + 1, self._go_on_from(left[0], end))
        return flags

    def checked(self, model: FoundModel, flag: str | None) -> Fetched:
        """Return a model, read once more when its scale factors moved while it was read."""
        for _ in range(TRIES):
            words = self.words_of(model)
            if words[:2] not in {(), (model.id,), (model.id, model.length)}:
                return Fetched((), "read_failed")
            torn = self._torn(model, words)
            if not torn or self._are_steady(model, words, torn):
                return Fetched(words, flag)
            again = self.alone(model)
            flag = again if again is not None else flag
        doubtful = frozenset(spot.offset for spot in torn)
        return Fetched(words, flag or "read_failed", doubtful)

    def _read(self, address: int, count: int) -> None:
        if self._silences >= MOST_SILENCES:
            raise Unreachable(f"reading {count} registers at {address}: the device has gone silent")
        try:
            words = self._source.read(self._unit, address, count)
        except Unreachable:
            self._silences += 1
            raise
        self._silences = 0
        self._requests += 1
        places = range(address, address + count)
        self._words.update(zip(places, words, strict=True))
        self._request_of.update(dict.fromkeys(places, self._requests))

    def words_of(self, model: FoundModel) -> tuple[int, ...]:
        found = self._words
        places = range(model.address, model.end)
        try:
            return tuple(map(found.__getitem__, places))
        except KeyError:
            return tuple(map(found.__getitem__, takewhile(found.__contains__, places)))

    def _go_on_from(self, model: FoundModel, end: int) -> int:
        """Return where the next read starts: at the model, or at the point that `end` cuts."""
        if model.address >= end or model.id not in MODELS:
            return max(model.address, end)
        for spot in spots_of(model, self.words_of(model)):
            start = model.address + spot.offset
            if start >= end:
                break
            if end < start + spot.point.size:
                return start
        return end

    def alone(self, model: FoundModel) -> str | None:
        """Read as much of one model as the device has; say why it is not all.

        A refused read is made shorter, down to what the device gives. Where even one register is
        refused, the device has no more.
        """
        at, most, shorter = model.address, MOST_REGISTERS, 0
        for address in range(model.address, model.end):
            self._words.pop(address, None)
        while at < model.end:
            end = min(at + most, model.end)
            try:
                self._read(at, end - at)
            except Busy:
                return "read_failed"
            except DeviceRefused as error:
                shorter += 1
                found = self._longest(at, end - at)
                if found == 0 or shorter > MOST_SHORTER:
                    return "truncated" if error.code == 2 else "read_failed"
                most, end = found, at + found
            except ReadFailed:
                return "read_failed"
            at = max(at + 1, self._go_on_from(model, end)) if end < model.end else end
        return None

    def _longest(self, address: int, count: int) -> int:
        """Return the longest run of registers that can be read, by halving; it is kept."""
        least, most = 0, count
        while most - least > 1:
            middle = (least + most) // 2
            try:
                self._read(address, middle)
                least = middle
            except DeviceRefused:
                most = middle
            except ReadFailed:
                break
        return least

    def _torn(self, model: FoundModel, words: Sequence[int]) -> list[Spot]:
        """Return the points that came with another request than their scale factor."""
        requests = set(map(self._request_of.get, range(model.address, model.address + len(words))))
        if len(requests) <= 1 or not has_moving_scales(model.id):
            return []
        return [
            spot
            for spot in spots_of(model, words)
            if spot.scale_offset is not None
            and not spot.scale_is_static
            and max(spot.offset + spot.point.size, spot.scale_offset + 1) <= len(words)
            and self._request(model, spot.offset) != self._request(model, spot.scale_offset)
        ]

    def _request(self, model: FoundModel, offset: int) -> int:
        return self._request_of[model.address + offset]

    def _are_steady(self, model: FoundModel, words: Sequence[int], torn: Sequence[Spot]) -> bool:
        """Read the scale factors of these points again and tell whether they are what they were."""
        scales = sorted({spot.scale_offset for spot in torn if spot.scale_offset is not None})
        span = pieces(Extent(model.address + scales[0], scales[-1] + 1 - scales[0]))
        try:
            return all(self._is_as_before(model, words, read) for read in span)
        except DeviceRefused:
            singly = [Read(model.address + scale, 1) for scale in scales]
        except ReadFailed:
            return False
        try:
            return all(self._is_as_before(model, words, read) for read in singly)
        except ReadFailed:
            return False

    def _is_as_before(self, model: FoundModel, words: Sequence[int], read: Read) -> bool:
        start = read.address - model.address
        after = self._source.read(self._unit, read.address, read.count)
        return after == tuple(words[start : start + read.count])


def _end_of_read(models: Sequence[FoundModel], address: int) -> int:
    """Return where a read ends that begins at `address`, in or before the first of these models."""
    reach = address + MOST_REGISTERS
    end = address
    for model in models:
        if model.address - end > MOST_GAP or model.address >= reach:
            break
        if model.end > reach:
            if end > address and has_moving_scales(model.id):
                break
            return reach
        end = model.end
    return end
