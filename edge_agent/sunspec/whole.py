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
from edge_agent.sunspec.plan import MOST_GAP, MOST_REGISTERS, Extent, Read, plan
from edge_agent.sunspec.scan import NOTHING_THERE, Chain, FoundModel

TRIES = 2
"""Times that a model is read when its scale factors move meanwhile."""
MOST_SHORTER = 64
"""Times that reads of one device are made shorter because it does not answer longer ones."""
MOST_SILENCES = 8
"""After so many reads without an answer the rest of the device is not asked."""


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
    last = chain.models[-1] if chain.models and "no_end_marker" in chain.flags else None
    sheet = _Sheet(source, chain.unit, last)
    models = [model for model in chain.models if model.id in MODELS]
    flags = sheet.fill(models)
    return [
        sheet.checked(model, flags.get(model)) if model.id in MODELS else Fetched(())
        for model in chain.models
    ]


def registers_of(source: RegisterSource, chain: Chain) -> list[tuple[int, ...]]:
    """Return the registers of each model, known or not, as far as the device gives them."""
    sheet = _Sheet(source, chain.unit)
    for model in chain.models:
        sheet.alone(model)
    return [sheet.words_of(model) for model in chain.models]


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

    def __init__(self, source: RegisterSource, unit: int, last: FoundModel | None = None) -> None:
        self._source = source
        self._unit = unit
        self._last = last
        """The model in which the device may end, as nothing was found behind it."""
        self._most = MOST_REGISTERS
        """The longest read that the device answers, as far as is known."""
        self._cuts: set[int] = set()
        """Where no read goes across although a point does."""
        self._shorter = 0
        self._is_dead = False
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
            end = _end_of_read(left, address, self._most)
            try:
                self._read(address, end - address)
            except ReadFailed as error:
                if isinstance(error, Unreachable):
                    self._is_alive(left[0])
                # One of these models is to blame: each is asked for alone.
                for model in [model for model in left if model.address < end]:
                    if (flag := self.alone(model)) is not None:
                        flags[model] = flag
                    left.remove(model)
                address = left[0].address if left else 0
                continue
            left = [model for model in left if model.end > end]
            if left:
                address = self._go_on_from(left[0], address, end)
        return flags

    def checked(self, model: FoundModel, flag: str | None) -> Fetched:
        """Return a model, read once more when its scale factors moved while it was read.

        Once more, too, when another model stands in its place.
        """
        if not self._is_itself(model):
            flag = self.alone(model)
        for _ in range(TRIES):
            if not self._is_itself(model):
                return Fetched((), "read_failed")
            words = self.words_of(model)
            torn = self._torn(model, words)
            if not torn or self._are_steady(model, words, torn):
                return Fetched(words, flag)
            again = self.alone(model)
            flag = again if again is not None else flag
        doubtful = frozenset(spot.offset for spot in torn)
        return Fetched(words, flag or "read_failed", doubtful)

    def _is_itself(self, model: FoundModel) -> bool:
        """Tell whether ID and length are those that the scan saw, as far as they were read."""
        words = self.words_of(model)[:2]
        return words == (model.id, model.length)[: len(words)]

    def _read(self, address: int, count: int) -> None:
        if self._is_dead or self._silences >= MOST_SILENCES:
            raise Unreachable(f"reading {count} registers at {address}: the device has gone silent")
        try:
            words = self._source.read(self._unit, address, count)
        except Unreachable:
            self._silences += 1
            raise
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

    def _go_on_from(self, model: FoundModel, start: int, end: int) -> int:
        """Return where to read on behind a read: at the number that `end` cuts, else at `end`.

        A text may come in two reads, and so does a number that has no room in one.
        """
        if end <= model.address or end >= model.end or model.id not in MODELS:
            return max(model.address, end)
        for spot in spots_of(model, self.words_of(model)):
            place = model.address + spot.offset
            if place >= end:
                break
            if end < place + spot.point.size and spot.point.type != "string":
                if place > start and end not in self._cuts:
                    return place
                self._cuts.add(end)
        return end

    def alone(self, model: FoundModel) -> str | None:
        """Read as much of one model as the device has; say why it is not all.

        A read that is refused is made shorter, down to what the device gives; so is one that it
        leaves without an answer, if it still answers short ones. Where not even one register comes,
        there is no more.
        """
        for address in range(model.address, model.end):
            self._words.pop(address, None)
        at = behind = model.address
        most, before = self._most, 0
        while at < model.end:
            end = min(at + most, model.end)
            try:
                self._read(at, end - at)
            except Busy:
                return "read_failed"
            except (DeviceRefused, Unreachable) as error:
                self._shorter += 1
                if self._shorter > MOST_SHORTER:
                    return "read_failed"
                found = self._longest(model, at, end - at, error)
                if at + found <= behind:
                    if at == behind:
                        return self._why_no_more(model, error)
                    # The border lies in a number; its parts come one by one.
                    self._cuts.add(behind)
                    at = behind
                    continue
                if found == before or isinstance(error, Unreachable):
                    # It is not a border between models, blocks or the like, but the length.
                    most = found
                before, end = found, at + found
            except ReadFailed:
                return "read_failed"
            behind = end
            at = self._go_on_from(model, at, end)
        self._most = most
        return None

    def _longest(self, model: FoundModel, address: int, count: int, error: ReadFailed) -> int:
        """Return how many registers can be read where so many cannot; they are kept.

        Halving finds the longest run; after silence, which costs time, the first run will do.
        """
        least, most = 0, count
        if isinstance(error, Unreachable) and not self._is_alive(model):
            return 0
        while most - least > 1:
            middle = (least + most) // 2
            try:
                self._read(address, middle)
            except DeviceRefused:
                most = middle
            except Unreachable:
                if not self._is_alive(model):
                    break
                most = middle
            except ReadFailed:
                break
            else:
                least = middle
                if isinstance(error, Unreachable):
                    break
        return least

    def _is_alive(self, model: FoundModel) -> bool:
        """Tell whether the device answers where it answered when it was scanned.

        If it does not, it is not asked for anything any more.
        """
        try:
            self._read(model.address, 2)
        except DeviceRefused:
            return True
        except ReadFailed:
            self._is_dead = True
        return not self._is_dead

    def _why_no_more(self, model: FoundModel, error: ReadFailed) -> str:
        """Tell registers that a device does not have from those that it does not give."""
        if isinstance(error, DeviceRefused):
            nothing = NOTHING_THERE if model == self._last else {2}
            return "truncated" if error.code in nothing else "read_failed"
        return "truncated" if model == self._last and not self._is_dead else "read_failed"

    def _torn(self, model: FoundModel, words: Sequence[int]) -> list[Spot]:
        """Return the points that came with another request than their scale factor.

        So are numbers of which a part came with another request than the rest.
        """
        requests = set(map(self._request_of.get, range(model.address, model.address + len(words))))
        is_cut = any(model.address < cut < model.end for cut in self._cuts)
        if len(requests) <= 1 or not (is_cut or has_moving_scales(model.id)):
            return []
        return [
            spot
            for spot in spots_of(model, words)
            if spot.offset + spot.point.size <= len(words)
            and (self._is_apart(model, spot, len(words)) or self._cut_parts(model, spot))
        ]

    def _is_apart(self, model: FoundModel, spot: Spot, count: int) -> bool:
        """Tell whether a point's scale factor, which may move, came with another request."""
        return (
            spot.scale_offset is not None
            and not spot.scale_is_static
            and spot.scale_offset < count
            and self._request(model, spot.offset) != self._request(model, spot.scale_offset)
        )

    def _cut_parts(self, model: FoundModel, spot: Spot) -> list[int]:
        """Return the offsets of a number that came before its last part; none if it is whole."""
        if spot.point.type == "string" or spot.point.size == 1 or not self._cuts:
            return []
        places = range(spot.offset, spot.offset + spot.point.size)
        last = self._request(model, places[-1])
        return [offset for offset in places if self._request(model, offset) != last]

    def _request(self, model: FoundModel, offset: int) -> int:
        return self._request_of[model.address + offset]

    def _are_steady(self, model: FoundModel, words: Sequence[int], torn: Sequence[Spot]) -> bool:
        """Read again what these points hang on and tell whether it is what it was.

        That are their scale factors, and of numbers in parts all but the last.
        """
        offsets = {spot.scale_offset for spot in torn if spot.scale_offset is not None}
        offsets.update(*(self._cut_parts(model, spot) for spot in torn))
        wanted = [model.address + offset for offset in sorted(offsets)]
        reads = plan((Extent(place, 1) for place in wanted), self._most)
        for asked in (reads, [Read(place, 1) for place in wanted]):
            try:
                return all(self._is_as_before(model, words, read, wanted) for read in asked)
            except DeviceRefused:
                continue
            except ReadFailed:
                break
        return False

    def _is_as_before(
        self, model: FoundModel, words: Sequence[int], read: Read, wanted: Sequence[int]
    ) -> bool:
        after = self._source.read(self._unit, read.address, read.count)
        return all(
            after[place - read.address] == words[place - model.address]
            for place in wanted
            if read.holds(place, 1)
        )


def _end_of_read(models: Sequence[FoundModel], address: int, most: int) -> int:
    """Return where a read ends that begins at `address`, in or before the first of these models."""
    reach = address + most
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
