"""Where a list goes on: a text that its reader cannot read into, or change.

A cursor is signed together with whose list it is and what was asked for, so that one of another
partner or of another filter is refused and never silently gives another list.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from cloud.kernel.errors import BadInput

T = TypeVar("T")

MOST = 100
"""Entries of one page at most."""
_MAC_BYTES = 16


class Signatures(Protocol):
    """Signs texts."""

    def of(self, text: bytes) -> bytes:
        """Give the signature of a text."""
        ...

    def is_of(self, text: bytes, signature: bytes) -> bool:
        """Tell whether a signature is this text's."""
        ...


class Cursors:
    """Signs and checks cursors."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures

    def page(
        self,
        found: Sequence[T],
        *,
        about: str,
        place: Callable[[T], list[str]],
        limit: int,
        cursor: str,
    ) -> tuple[list[T], str]:
        """Give one page of what was found, and the cursor of the next one; empty at the end.

        Entries that come or go between two pages are neither skipped nor given twice: a page
        begins after the place of the last entry given, whether or not that one is still there.

        Args:
            found: everything that is listed, in any order.
            about: whose list it is and what it was filtered by.
            place: where an entry stands in the list; no two stand in the same place.
            limit: entries of this page.
            cursor: of the page before; empty for the first page.

        Raises:
            BadInput: the cursor is not one of this list.
        """
        ordered = sorted(found, key=place)
        if cursor:
            after = self._opened(cursor, about)
            ordered = [one for one in ordered if place(one) > after]
        given = ordered[:limit]
        more = len(ordered) > limit
        return given, self._made(place(given[-1]), about) if more else ""

    def to(self, place: list[str], *, about: str) -> str:
        """Give the cursor of a place, for lists that are read from where they lie."""
        return self._made(place, about)

    def place_of(self, cursor: str, *, about: str) -> list[str]:
        """Give the place that a cursor of such a list leads to.

        Raises:
            BadInput: the cursor is not one of this list.
        """
        return self._opened(cursor, about)

    def _made(self, place: list[str], about: str) -> str:
        text = json.dumps(place, separators=(",", ":")).encode()
        mac = self._signatures.of(_signed(text, about))[:_MAC_BYTES]
        return base64.urlsafe_b64encode(mac + text).decode().rstrip("=")

    def _opened(self, cursor: str, about: str) -> list[str]:
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as wrong:
            raise _refused() from wrong
        mac, text = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not self._signatures.is_of(_signed(text, about), mac):
            raise _refused()
        place: list[str] = json.loads(text)
        return place


def _signed(text: bytes, about: str) -> bytes:
    """Give what is signed; the two parts cannot run into each other."""
    return len(about.encode()).to_bytes(4) + about.encode() + text


def _refused() -> BadInput:
    return BadInput("the cursor is not one of this list: leave it out to begin anew")
