"""Decides when something that failed may be tried again.

After each failure in a row the pause doubles, up to a longest one, and a random part of up to one
half is taken off: devices that went silent together, and gateways that lost the server together,
do not come back in step.
"""

import hashlib
from collections.abc import Callable
from itertools import count

MOST_DOUBLINGS = 60
"""Past this every pause is the longest one; a float would overflow much later."""


class Backoff:
    """Paces the attempts at one thing: one device, or the connection to the server."""

    def __init__(self, first_s: float, longest_s: float, draw: Callable[[], float]) -> None:
        """Start with nothing failed.

        Args:
            first_s: the pause after the first failure, before the random part is taken off.
            longest_s: the longest pause.
            draw: gives a random number from 0 to 1.
        """
        self.failures = 0
        self._first_s = first_s
        self._longest_s = longest_s
        self._draw = draw
        self._failed_at = float("inf")
        self._next_try_at = float("-inf")

    @property
    def next_try_at(self) -> float:
        """Return when the pause ends, on the clock `failed` was told; long past without one."""
        return self._next_try_at

    def may_try(self, now: float) -> bool:
        """Tell whether the pause after the last failure is over, on the clock `failed` was told.

        A clock that was put back behind the failure ends the pause: it could last for years.
        """
        return not self._failed_at <= now < self._next_try_at

    def failed(self, now: float) -> None:
        """Note one more failure in a row, at `now` (seconds)."""
        doubled_s = self._first_s * 2.0 ** min(self.failures, MOST_DOUBLINGS)
        self.failures += 1
        self._failed_at = now
        self._next_try_at = now + min(self._longest_s, doubled_s) * (0.5 + 0.5 * self._draw())

    def succeeded(self) -> None:
        """Forget the failures."""
        self.failures = 0
        self._failed_at = float("inf")
        self._next_try_at = float("-inf")


def drawn_from(seed: str) -> Callable[[], float]:
    """Return a source of numbers from 0 to 1 that differ between seeds and are the same for one.

    They are spread well enough for pauses, and for nothing that must not be guessed. A checksum
    would not do: its numbers for two seeds differ by the same bits in every draw, so that after a
    hundred pauses a fleet is in step again.
    """
    numbers = count()

    def draw() -> float:
        digest = hashlib.sha256(f"{seed} {next(numbers)}".encode()).digest()
        return int.from_bytes(digest[:4]) / 0xFFFFFFFF

    return draw
