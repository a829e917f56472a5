"""Moves the clock from one thing that happens to the next, with homes and people in step."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from cloud.local.runtime import Runtime


class Player(Protocol):
    """Somebody outside the stack who acts by the same clock: a home, a partner, the operations."""

    def next_at(self, now: datetime) -> datetime | None:
        """Give the instant after now at which it wants to act, None when never."""
        ...

    def act(self, now: datetime) -> None:
        """Act: whatever is asked of the stack goes over its real doors."""
        ...


@runtime_checkable
class Jumper(Protocol):
    """A player that has a faster way while nobody watches."""

    def begin_jump(self) -> None:
        """Go over to the faster way."""
        ...

    def end_jump(self) -> None:
        """Come back, with nothing left undone up to the clock's instant."""
        ...


class Conductor:
    """Plays simulated time.

    At each instant the homes and people act first, then everything that is due in the stack is done
    until it is quiet; only then does the clock move on, to the next instant at which anything
    happens. So nothing is ever late, and a jump passes every schedule and timer in order.
    """

    def __init__(self, runtime: Runtime, players: Iterable[Player] = ()) -> None:
        self.runtime = runtime
        self.players = list(players)
        self._has_begun = False

    def settle(self) -> None:
        """Do all that is due now."""
        while self.runtime.run_due():
            pass

    def advance_to(self, end: datetime) -> None:
        """Play until an instant, which is reached even when nothing happens at it."""
        clock = self.runtime.clock
        self._begin()
        while clock.now() < end:
            due = self.runtime.next_due()
            wishes = [player.next_at(clock.now()) for player in self.players]
            instants = [at for at in (due, *wishes) if at is not None]
            after = max(min(instants, default=end), clock.now())
            if after > end:
                clock.move_to(end)
                return
            clock.move_to(after)
            for player, wish in zip(self.players, wishes, strict=True):
                if wish is not None and wish <= after:
                    player.act(after)
            self.settle()

    @contextmanager
    def jumping(self) -> Iterator[None]:
        """Let the players take their faster way within the block.

        Everything is passed in the same order and means the same; only sockets are left out.
        """
        jumpers = [player for player in self.players if isinstance(player, Jumper)]
        for jumper in jumpers:
            jumper.begin_jump()
        try:
            yield
        finally:
            for jumper in jumpers:
                jumper.end_jump()
            self.settle()

    def _begin(self) -> None:
        """Do what belongs to the clock's instant: before a ``kill -9`` it may not have been done.

        Acting twice at one instant changes nothing.
        """
        if not self._has_begun:
            self._has_begun = True
            now = self.runtime.clock.now()
            for player in self.players:
                if player.next_at(now - timedelta(microseconds=1)) == now:
                    player.act(now)
        self.settle()
