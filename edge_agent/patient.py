"""Asks a device again where an answer broke: for people who wait, and not for a poll.

A poll has a fixed time and comes again in a minute. Who commissions a device looks once, and must
not take a broken answer for the end of what the device has.
"""

import time
from collections.abc import Callable

from edge_agent.source import (
    Busy,
    DeviceRefused,
    NoReply,
    ReadFailed,
    RegisterSource,
    Unreachable,
    connections_of,
)

PAUSES_S = (0.2, 0.5)
"""How long a device is left alone before it is asked for the second and for the third time."""


class Patient:
    """A source whose reads are tried up to three times, each time with a new connection.

    What the device refuses is not asked again, but for "busy". A unit that never answered anything
    is not there, as most that are tried while a device is looked for: its silence counts at once,
    but for the very first question of all. Nor is it of use to knock again where nobody opens.
    """

    def __init__(
        self, source: RegisterSource, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        """Prepare to read from a source; nothing is read yet.

        Args:
            source: where the registers come from.
            sleep: waits so many seconds.
        """
        self._source = source
        self._sleep = sleep
        self._answered: set[int] = set()
        self._questions = 0

    @property
    def connections(self) -> int:
        """Return how often the connection was opened."""
        return connections_of(self._source)

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return exactly `count` registers of one instant, of the first answer that is in order.

        Raises:
            ReadFailed: the last of the failures.
        """
        for pause_s in PAUSES_S:
            try:
                return self._asked(unit, address, count)
            except ReadFailed as error:
                if not self._may_pass(unit, error):
                    raise
            self._source.close()
            self._sleep(pause_s)
        return self._asked(unit, address, count)

    def close(self) -> None:
        """Let go of the connection."""
        self._source.close()

    def _asked(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        self._questions += 1
        try:
            words = self._source.read(unit, address, count)
        except DeviceRefused:
            self._answered.add(unit)
            raise
        self._answered.add(unit)
        return words

    def _may_pass(self, unit: int, error: ReadFailed) -> bool:
        """Tell whether the next answer may be in order where this one was not."""
        if isinstance(error, DeviceRefused):
            return isinstance(error, Busy)
        if unit in self._answered or not isinstance(error, Unreachable):
            return True
        return self._questions == 1 if isinstance(error, NoReply) else self.connections > 0
