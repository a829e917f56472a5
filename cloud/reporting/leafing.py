"""Going through a list that may be long: so many rows of it, and where the next ones begin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cloud.kernel.ports import Leaf

R = TypeVar("R")

READS = 8
"""Parts of a list that one page looks through for what somebody seeks; the next page goes on."""
SOUGHT_AT_ONCE = 100
"""Records of one such part: more of them are passed over than shown."""


class Read(Protocol[R]):
    """Reads a part of one list: `Records.some` or `Records.latest` of a kind and a value."""

    def __call__(self, *, limit: int, after: str) -> Leaf[R]:
        """Give so many records after a place."""
        ...


@dataclass(frozen=True, slots=True)
class Rows(Generic[R]):
    """What one page shows of a list.

    Attributes:
        after: where the next page begins; empty where nothing comes any more.
    """

    found: tuple[R, ...]
    after: str


def rows_of(read: Read[R], *, most: int, after: str = "") -> Rows[R]:
    """Give one page of a list: one read, however long the list is."""
    leaf = read(limit=most, after=after)
    found = tuple(stored.record for stored in leaf.found)
    return Rows(found, leaf.places[-1] if leaf.has_more else "")


def rows_like(
    read: Read[R],
    keeps: Callable[[R], bool],
    *,
    most: int,
    after: str = "",
    at_once: int = SOUGHT_AT_ONCE,
) -> Rows[R]:
    """Give the rows of a list that somebody seeks: in at most `READS` reads.

    Where few rows fit, a page ends before it is full, or stays empty; its `after` goes on from the
    last record that was looked at.

    Args:
        read: the list.
        keeps: tells which rows are sought.
        most: rows of the page.
        after: where the page begins.
        at_once: records of one read.
    """
    found: list[R] = []
    for _ in range(READS):
        leaf = read(limit=at_once, after=after)
        for place, stored in zip(leaf.places, leaf.found, strict=True):
            if not keeps(stored.record):
                continue
            found.append(stored.record)
            if len(found) == most:
                is_last = place == leaf.places[-1] and not leaf.has_more
                return Rows(tuple(found), "" if is_last else place)
        if not leaf.has_more:
            return Rows(tuple(found), "")
        after = leaf.places[-1]
    return Rows(tuple(found), after)
