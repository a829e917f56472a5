"""The clock that the agent is given, that of the machine, and the time the agent goes by."""

import time
from dataclasses import dataclass
from typing import Protocol

from edge_agent.dictionary import CLOCK_SYNCED, CLOCK_UNSYNCED

EARLIEST_BELIEVABLE = 1_735_689_600
"""2025-01-01: a gateway without battery-backed clock starts in 1970 until a time server answers."""
FOLLOWED_S = 2.0
"""A wall clock that is no further off is followed without a word, as when it is slewed."""
STANDS_S = 60.0
STANDS_TIMES = 3
"""So long, and seen so often, must a wall clock stand where it jumped to before it is believed."""
PATIENCE_S = 600.0
"""How long a start waits for a time server before it sends with the clock that it has."""
_TIME_ERROR = 5
_TIMEX_BYTES = 512
"""More than `struct timex` takes on any machine."""


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

    def __init__(self, *, asks_kernel: bool = True) -> None:
        """Prepare to tell the time.

        Args:
            asks_kernel: whether only the kernel's word counts that the time was set by a server;
                without it the clock is believed as it is, such as one with a battery.
        """
        self._asks_kernel = asks_kernel

    def now(self) -> float:
        """Return unix seconds, UTC."""
        return time.time()  # noqa: TID251 - the one place where the agent's own clock is read

    def monotonic(self) -> float:
        """Return seconds since some start of the machine, those it slept through included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def is_synced(self) -> bool:
        """Tell whether the kernel holds its clock for set by a time server.

        Where the kernel cannot be asked, a time that is not before this agent was written will do.
        """
        answer = kernel_state() if self._asks_kernel else None
        is_kernel_content = answer is None or answer != _TIME_ERROR
        return is_kernel_content and self.now() >= EARLIEST_BELIEVABLE


def kernel_state() -> int | None:
    """Return the state of the kernel's clock as `adjtimex` gives it, None where it cannot be asked.

    A structure of zeros asks and sets nothing. It answers 5 (TIME_ERROR) while the clock was not
    set, or was not put right for so long that it may be off by 16 seconds (adjtimex(2)).
    """
    import ctypes  # noqa: PLC0415 - nobody else needs it, nor anybody with a simulated clock

    try:
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (OSError, AttributeError, TypeError):
        return None
    return state if state >= 0 else None


@dataclass(frozen=True, slots=True)
class Shift:
    """The agent's time was put right: readings of this start that are not sealed yet move along.

    Attributes:
        seconds: what is added to their instants; nought where only `becomes` is news.
        was: clock code of the readings that are meant.
        becomes: their clock code from now on.
    """

    seconds: int
    was: int
    becomes: int


@dataclass(slots=True)
class _Candidate:
    """A difference between wall and monotonic clock that is not believed yet."""

    offset: float
    since: float
    seen: int = 1


class TimeKeeper:
    """The time that the agent goes by: an anchor, and the monotonic clock from there on.

    The wall clock of the machine only moves the anchor: by a little at once, by more when a time
    server set it for the first time, and after that when it stands where it jumped to.
    """

    def __init__(self, clock: Clock, *, floor: float) -> None:
        """Take the wall clock where it can be believed, else go on from the floor.

        Args:
            clock: of the machine, or a simulated one.
            floor: the last time that was believed before this start; 0 when there was none.
        """
        self._clock = clock
        self._least = max(floor, EARLIEST_BELIEVABLE)
        self._started = clock.monotonic()
        wall = clock.now()
        self._is_synced = self._may_sync(wall)
        self._is_wall = self._is_synced or wall >= self._least
        self._anchor = (wall if self._is_wall else max(0.0, floor)) - self._started
        self._latest = self._anchor + self._started
        self._candidate: _Candidate | None = None
        self.stepped_s: int | None = None
        """Seconds by which the time was last put right, None when it never was."""

    def now(self) -> float:
        """Return unix seconds; they go back only where `observe` returned a shift that says so."""
        self._latest = max(self._latest, self._anchor + self._clock.monotonic())
        return self._latest

    def code(self) -> int:
        """Return the clock code of what is read now; once set, the monotonic clock keeps it."""
        return CLOCK_SYNCED if self._is_synced else CLOCK_UNSYNCED

    def is_held(self) -> bool:
        """Tell whether readings wait to be sealed, because their time may still become known.

        Where not even the wall clock can be believed they wait until it can, else for the first ten
        minutes.
        """
        if self._is_synced:
            return False
        return not self._is_wall or self._clock.monotonic() - self._started < PATIENCE_S

    def observe(self) -> Shift | None:
        """Look at the wall clock, once per turn; return what is to be done to readings not sealed.

        Take its answer before the next reading is kept: the shift is of those before it.
        """
        wall, mono = self._clock.now(), self._clock.monotonic()
        offset = wall - mono
        is_set = self._may_sync(wall)
        if is_set and not self._is_synced:
            return self._adopt(offset, mono, becomes=CLOCK_SYNCED)
        if self._is_wall and abs(offset - self._anchor) <= FOLLOWED_S:
            self._candidate = None
            if is_set or not self._is_synced:
                self._anchor = offset
            return None
        # A clock that a server once set is moved by a server only, one never set by whoever does.
        may_move = is_set if self._is_synced else wall >= self._least
        if not may_move:
            self._candidate = None
            return None
        if not self._stands(offset, mono):
            return None
        return self._adopt(offset, mono, becomes=self.code())

    def _may_sync(self, wall: float) -> bool:
        return wall >= EARLIEST_BELIEVABLE and self._clock.is_synced()

    def _stands(self, offset: float, mono: float) -> bool:
        candidate = self._candidate
        if candidate is None or abs(offset - candidate.offset) > FOLLOWED_S:
            self._candidate = _Candidate(offset, mono)
            return False
        candidate.seen += 1
        return candidate.seen >= STANDS_TIMES and mono - candidate.since >= STANDS_S

    def _adopt(self, offset: float, mono: float, *, becomes: int) -> Shift:
        was = self.code()
        difference = offset - self._anchor
        if abs(difference) > FOLLOWED_S:
            self.stepped_s = round(difference)
            self._latest = offset + mono
        self._anchor = offset
        self._candidate = None
        self._is_wall = True
        self._is_synced = becomes == CLOCK_SYNCED
        return Shift(round(difference), was, becomes)


def quality(now: float) -> int:
    """Return the clock code of the chunk: a time before the agent was written is not believed."""
    return CLOCK_SYNCED if now >= EARLIEST_BELIEVABLE else CLOCK_UNSYNCED


def aligned(at: float, step_s: int) -> int:
    """Return the last instant of a grid of `step_s` seconds (from the epoch on) not after `at`."""
    return int(at // step_s) * step_s
