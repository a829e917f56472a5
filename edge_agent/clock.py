"""The clock that the agent is given, and the one of the machine."""

import time
from typing import Protocol

from edge_agent.dictionary import CLOCK_SYNCED, CLOCK_UNSYNCED

EARLIEST_BELIEVABLE = 1_735_689_600
"""2025-01-01: a gateway without battery-backed clock starts in 1970 until a time server answers."""


class Clock(Protocol):
    """Tells the time; the simulated one of the local runtime can stand still and jump."""

    def now(self) -> float:
        """Return unix seconds, UTC, as the machine has them: they may be wrong, and may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, counted from any instant."""
        ...

    def is_synced(self) -> bool:
        """Tell whether a time server set `now` since the machine started."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Return unix seconds, UTC."""
        return time.time()  # noqa: TID251 - the one place where the agent's own clock is read

    def monotonic(self) -> float:
        """Return seconds since some start of the machine, those it slept through included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def is_synced(self) -> bool:
        """Tell whether the time can be believed."""
        return self.now() >= EARLIEST_BELIEVABLE


def quality(now: float) -> int:
    """Return the clock code of the chunk: a time before the agent was written is not believed."""
    return CLOCK_SYNCED if now >= EARLIEST_BELIEVABLE else CLOCK_UNSYNCED


def aligned(at: float, step_s: int) -> int:
    """Return the last instant of a grid of `step_s` seconds (from the epoch on) not after `at`."""
    return int(at // step_s) * step_s
