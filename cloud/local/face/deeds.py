"""What a person can have done from a page or by the JSON interface: read, checked, then done."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.kernel.errors import BadInput, NotFound
from cloud.local.face.seen import MovesClock, Runs
from cloud.local.queues import NO_QUEUE, NO_SOURCE, arn_of

LONGEST_JUMP_DAYS = 3660
"""Ten years: a longer jump is a slip of the finger."""

_WHY = {
    NO_SOURCE: "no source queue is known of them",
    NO_QUEUE: "the queue they came from is not there any more",
    None: "they are out of sight; they come back by themselves",
}
"""Why dead letters stay, by the failure of the move."""
REASONS = frozenset(_WHY.values())


@dataclass(frozen=True, slots=True)
class SentBack:
    """What became of a queue's dead letters.

    Attributes:
        queue: the queue of dead letters.
        moved: how many went back to where they came from.
        left: how many are still there.
        why: the reason that those stay for, empty when there are none.
    """

    queue: str
    moved: int
    left: int
    why: str

    @property
    def says(self) -> str:
        """Say it in one line."""
        if not self.left:
            return f"{self.moved} sent back from {self.queue}"
        stay = "stays" if self.left == 1 else "stay"
        return f"{self.moved} sent back from {self.queue}, {self.left} {stay}: {self.why}"


def jump(controls: MovesClock | None, given: Mapping[str, Any]) -> None:
    """Begin a jump of `days`, or one to an instant `to`.

    Raises:
        BadInput: neither or both are given, or one cannot be used.
    """
    mover = _mover(controls)
    if ("days" in given) == ("to" in given):
        msg = 'moving the clock: say either "days" or "to"'
        raise BadInput(msg)
    if "to" in given:
        mover.jump_to(_instant(given["to"]))
        return
    days = _number(given["days"], "days")
    if days > LONGEST_JUMP_DAYS:
        msg = f"moving the clock: {days:g} days are more than {LONGEST_JUMP_DAYS}; jump in parts"
        raise BadInput(msg)
    mover.jump_by(days)


def set_speed(controls: MovesClock | None, given: Mapping[str, Any]) -> None:
    """Set the `speed`.

    Raises:
        BadInput: it is not a number above 0.
    """
    _mover(controls).set_speed(_number(given.get("speed"), "speed"))


def pause(controls: MovesClock | None) -> None:
    """Let the clock stand still."""
    _mover(controls).pause()


def resume(controls: MovesClock | None) -> None:
    """Let the clock run again."""
    _mover(controls).resume()


def redrive(runtime: Runs, name: str) -> SentBack:
    """Send the dead letters of a queue back to where they came from.

    One that was not in a queue before, as what an error action sent, stays and holds up no other.

    Args:
        runtime: the stack.
        name: the queue of dead letters, or the queue whose dead letters are meant.

    Raises:
        NotFound: there is no such queue.
        BadInput: it neither holds dead letters nor has any.
    """
    known_queue(runtime, name)
    own = runtime.queues.settings(name).redrive
    dead_letters = own.target if own else name
    settings = (runtime.queues.settings(one).redrive for one in runtime.stack.queues)
    if not any(redrive and redrive.target == dead_letters for redrive in settings):
        msg = f"redriving {name}: no queue sends its dead letters there"
        raise BadInput(msg)
    moved, left, failure = 0, 0, None
    if runtime.queues.depth(dead_letters).visible:
        source = {"SourceArn": arn_of(dead_letters)}
        runtime.queues.call("StartMessageMoveTask", source)
        (task,) = runtime.queues.call("ListMessageMoveTasks", source)["Results"]
        moved = task["ApproximateNumberOfMessagesMoved"]
        left = task["ApproximateNumberOfMessagesToMove"] - moved
        failure = task.get("FailureReason")
    depth = runtime.queues.depth(dead_letters)
    left += depth.in_flight + depth.delayed
    return SentBack(dead_letters, moved, left, _WHY[failure] if left else "")


def purge(runtime: Runs, name: str) -> None:
    """Throw away all messages of a queue.

    Raises:
        NotFound: there is no such queue.
    """
    known_queue(runtime, name)
    runtime.queues.purge(name)


def known_queue(runtime: Runs, name: str) -> None:
    """Make sure that a queue is of the stack.

    Raises:
        NotFound: it is not.
    """
    if name not in runtime.stack.queues:
        msg = f"there is no queue {name}: the template has {', '.join(runtime.stack.queues)}"
        raise NotFound(msg)


def _mover(controls: MovesClock | None) -> MovesClock:
    if controls is None:
        msg = "moving the clock: nobody runs it here; start the stack with `sunreeve up`"
        raise BadInput(msg)
    return controls


def _number(given: object, name: str) -> float:
    number = math.nan
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        with suppress(ValueError, OverflowError):
            number = float(given)
    if not 0 < number < math.inf:
        msg = f"moving the clock: {name} must be a number above 0"
        raise BadInput(msg)
    return number


def _instant(given: object) -> datetime:
    try:
        instant = datetime.fromisoformat(str(given))
    except ValueError:
        msg = "moving the clock: the instant is not like 2026-06-30T12:00:00Z"
        raise BadInput(msg) from None
    if instant.tzinfo is None:
        msg = "moving the clock: say the zone of the instant, as in 2026-06-30T12:00:00Z"
        raise BadInput(msg)
    return instant
