"""Choices that look like chance and follow from names alone, so that each town is the same."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A row of choices with a name; another name has another row, whatever was drawn before."""

    def __init__(self, *names: object) -> None:
        self._name = "/".join(map(str, names))
        self._count = 0

    def below(self, limit: int) -> int:
        """Give a whole number from 0 up to, and without, a limit."""
        self._count += 1
        digest = hashlib.sha256(f"{self._name}#{self._count}".encode()).digest()
        return int.from_bytes(digest[:6], "big") % limit

    def between(self, first: int, last: int) -> int:
        """Give a whole number from first to last, both of which may come."""
        return first + self.below(last - first + 1)

    def pick(self, things: Sequence[T]) -> T:
        """Give one of some things."""
        return things[self.below(len(things))]

    def has(self, percent: int) -> bool:
        """Tell whether something holds that does in so many of a hundred."""
        return self.below(100) < percent
