"""The hands on a running stack's clock: speed, pause, jump, from any thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Condition

from cloud.kernel.errors import BadInput
from cloud.local.clock import Pace
from cloud.local.conductor import Conductor

STEP = timedelta(hours=6)
"""How far a jump goes before it looks whether somebody stopped it."""
BREATH_S = 0.2
"""Real time between two looks at what is due."""
FASTEST = 100_000.0
"""Simulated seconds for each real one; beyond it a jump is what is wanted."""
LONGEST_JUMP = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class ClockState:
    """What a page shows of the clock.

    Attributes:
        speed: simulated seconds for each real one.
        target: where a jump that is under way ends, None when none is.
        started_from: where it began.
    """

    now: datetime
    speed: float
    is_paused: bool
    target: datetime | None
    started_from: datetime | None


class Controls:
    """Moves a conductor's clock in the thread that calls `run`; everybody else asks here."""

    def __init__(
        self, conductor: Conductor, *, speed: float, real: Callable[[], float] = time.monotonic
    ) -> None:
        self._conductor = conductor
        self._clock = conductor.runtime.clock
        self._real = real
        self._changed = Condition()
        self._speed = _checked(speed)
        self._is_paused = False
        self._target: datetime | None = None
        self._started_from: datetime | None = None
        self._is_over = False
        self._pace = self._new_pace()

    def state(self) -> ClockState:
        """Give what the clock does now."""
        with self._changed:
            return ClockState(
                self._clock.now(), self._speed, self._is_paused, self._target, self._started_from
            )

    def jump_to(self, instant: datetime) -> None:
        """Pass every schedule and timer up to an instant, as fast as it goes.

        Raises:
            BadInput: the instant is not ahead, or a jump is under way.
        """
        now = self._clock.now()
        wanted = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        if not now < wanted <= now + LONGEST_JUMP:
            msg = f"jumping to {wanted}: the clock shows {now}; name an instant up to ten years on"
            raise BadInput(msg)
        with self._changed:
            if self._target is not None:
                msg = f"jumping to {wanted}: a jump to {self._target} is under way; wait, or pause"
                raise BadInput(msg)
            self._target, self._started_from = wanted, now
            self._changed.notify_all()

    def jump_by(self, days: float) -> None:
        """Jump a number of days ahead; see `jump_to`."""
        try:
            until = self._clock.now() + timedelta(days=days)
        except (OverflowError, ValueError) as wrong:
            msg = f"jumping {days} days: {wrong}"
            raise BadInput(msg) from wrong
        self.jump_to(until)

    def set_speed(self, speed: float) -> None:
        """Let the clock run so many times as fast as the real one.

        Raises:
            BadInput: it is not more than zero, or too much.
        """
        checked = _checked(speed)
        with self._changed:
            self._speed = checked
            self._pace = self._new_pace()
            self._changed.notify_all()

    def pause(self) -> None:
        """Let the clock stand, in the middle of a jump as well; what arrives is still worked on."""
        with self._changed:
            self._is_paused = True
            self._target = self._started_from = None
            self._changed.notify_all()

    def resume(self) -> None:
        """Let the clock run on."""
        with self._changed:
            self._is_paused = False
            self._pace = self._new_pace()
            self._changed.notify_all()

    def stop(self) -> None:
        """Let `run` return."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def run(self, after: Callable[[datetime], None]) -> None:
        """Move the clock until `stop`.

        Args:
            after: called with the instant after each step.
        """
        while True:
            with self._changed:
                if self._is_over:
                    return
                target, is_paused, pace = self._target, self._is_paused, self._pace
            if target is not None:
                self._jump(target, after)
            elif is_paused:
                self._conductor.settle()
            else:
                self._conductor.advance_to(max(pace.due(), self._clock.now()))
                self._conductor.settle()
            after(self._clock.now())
            with self._changed:
                if self._target is None:
                    self._changed.wait(BREATH_S)

    def _jump(self, target: datetime, after: Callable[[datetime], None]) -> None:
        with self._conductor.jumping():
            while self._clock.now() < target:
                with self._changed:
                    if self._is_over or self._target is not target:
                        break
                self._conductor.advance_to(min(self._clock.now() + STEP, target))
                after(self._clock.now())
        with self._changed:
            if self._target is target:  # and not another that was asked for meanwhile
                self._target = self._started_from = None
            self._pace = self._new_pace()

    def _new_pace(self) -> Pace:
        return Pace(self._clock, speed=self._speed, real=self._real)


def _checked(speed: float) -> float:
    if not 0 < speed <= FASTEST:
        msg = f"setting the speed to {speed}: give a number above 0, up to {FASTEST:g}, or jump"
        raise BadInput(msg)
    return speed
