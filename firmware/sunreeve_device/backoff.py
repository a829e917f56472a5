"""Decides when something that failed may be tried again: the gateway's rule in whole milliseconds.

After each failure in a row the pause doubles, up to a longest one, and a random part of up to one
half is taken off.
"""

from sunreeve_device import port

MOST_DRAW = 65535
MOST_DOUBLINGS = 20


def drawn():
    """Return a random whole number from 0 to 65535."""
    raw = port.random_bytes(2)
    return raw[0] << 8 | raw[1]


class Backoff:
    """Paces the attempts at one thing; it reads no clock."""

    def __init__(self, first_ms=5000, longest_ms=300000, draw=drawn):
        """Start with nothing failed; `draw` gives whole numbers from 0 to 65535."""
        self.failures = 0
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self._draw = draw

    def failed(self):
        """Note one more failure in a row; return the milliseconds to wait before the next try."""
        pause_ms = min(self._longest_ms, self._first_ms << min(self.failures, MOST_DOUBLINGS))
        self.failures += 1
        return pause_ms * (MOST_DRAW + self._draw()) // (2 * MOST_DRAW)

    def succeeded(self):
        """Forget the failures."""
        self.failures = 0
