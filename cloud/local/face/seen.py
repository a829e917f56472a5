"""What the face looks at: the runtime and the controls of its clock, as far as they are shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cloud.kernel.clock import Clock
from cloud.local.queues import Depth, Peeked, Settings
from cloud.local.template import Stack


class Counted(Protocol):
    """What a function has done."""

    @property
    def invocations(self) -> int:
        """How often it was called."""
        ...

    @property
    def errors(self) -> int:
        """How often it failed."""
        ...

    @property
    def throttles(self) -> int:
        """How often no sandbox was free for it."""
        ...

    @property
    def last_at(self) -> datetime | None:
        """When it was last called, by the clock of the runtime."""
        ...

    @property
    def last_ms(self) -> float:
        """How long the last call took."""
        ...

    @property
    def total_ms(self) -> float:
        """How long all calls took together."""
        ...

    @property
    def last_error(self) -> str:
        """One line; empty when none failed."""
        ...


class CountsCalls(Protocol):
    """Knows what each function has done."""

    def statistics(self) -> Mapping[str, Counted]:
        """Give it by the function's name."""
        ...


class HoldsQueues(Protocol):
    """The queues."""

    def depth(self, name: str, /) -> Depth:
        """Count a queue's messages."""
        ...

    def settings(self, name: str, /) -> Settings:
        """Give a queue's attributes."""
        ...

    def peek(self, name: str, limit: int, /) -> Sequence[Peeked]:
        """Give a queue's first messages; nothing about them changes."""
        ...

    def call(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        """Do an operation of the SQS API."""
        ...

    def purge(self, name: str, /) -> None:
        """Throw a queue's messages away."""
        ...


class Calls(Protocol):
    """Answers the operations of one of AWS's APIs."""

    def call(self, operation: str, request: Mapping[str, Any], /) -> Mapping[str, Any]:
        """Do one operation."""
        ...


class HoldsMails(Protocol):
    """The mails that were sent."""

    def mails(self) -> Sequence[Path]:
        """Give their files, oldest first."""
        ...


class Due(Protocol):
    """Something that will happen by itself."""

    @property
    def at(self) -> datetime:
        """When."""
        ...

    @property
    def what(self) -> str:
        """What, in words."""
        ...


class ScheduleSeen(Protocol):
    """A schedule with its next and its last instant."""

    @property
    def name(self) -> str:
        """Its logical name."""
        ...

    @property
    def expression(self) -> str:
        """When it fires, in AWS's notation."""
        ...

    @property
    def timezone(self) -> str:
        """The zone that the expression is read in."""
        ...

    @property
    def next_at(self) -> datetime | None:
        """When it fires next."""
        ...

    @property
    def last_at(self) -> datetime | None:
        """For which instant it fired last."""
        ...


class Runs(Protocol):
    """The runtime, as far as it is shown."""

    @property
    def clock(self) -> Clock:
        """Tells the simulated time."""
        ...

    @property
    def stack(self) -> Stack:
        """What the template describes."""
        ...

    @property
    def functions(self) -> CountsCalls:
        """The functions."""
        ...

    @property
    def queues(self) -> HoldsQueues:
        """The queues."""
        ...

    @property
    def engine(self) -> Calls:
        """The tables."""
        ...

    @property
    def buckets(self) -> Calls:
        """The buckets."""
        ...

    @property
    def mailbox(self) -> HoldsMails:
        """The mails that were sent."""
        ...

    @property
    def folder(self) -> Path:
        """Where the runtime keeps its data."""
        ...

    def upcoming(self, limit: int, /) -> Sequence[Due]:
        """Give what happens next, the earliest first."""
        ...

    def schedule_states(self) -> Sequence[ScheduleSeen]:
        """Give every schedule that is not disabled."""
        ...


@runtime_checkable
class TakesMail(Protocol):
    """A runtime that mail can be sent to."""

    def inbound(self) -> Sequence[Path]:
        """Give the files of the mails that arrived, oldest first."""
        ...


class ClockState(Protocol):
    """How the clock runs."""

    @property
    def now(self) -> datetime:
        """The instant of the simulation."""
        ...

    @property
    def speed(self) -> float:
        """Simulated seconds for each real one."""
        ...

    @property
    def is_paused(self) -> bool:
        """Tell whether it stands still."""
        ...

    @property
    def target(self) -> datetime | None:
        """Where a jump goes that is under way."""
        ...

    @property
    def started_from(self) -> datetime | None:
        """Where that jump began."""
        ...


class MovesClock(Protocol):
    """Whoever runs the clock; what cannot be done is a `BadInput` with a line for the person."""

    def state(self) -> ClockState:
        """Tell how the clock runs."""
        ...

    def jump_to(self, instant: datetime, /) -> object:
        """Begin to pass all time until an instant, with everything that happens in it."""
        ...

    def jump_by(self, days: float, /) -> object:
        """Begin to pass so many days."""
        ...

    def set_speed(self, speed: float, /) -> object:
        """Run so many times as fast as real time."""
        ...

    def pause(self) -> object:
        """Stand still."""
        ...

    def resume(self) -> object:
        """Run again."""
        ...
