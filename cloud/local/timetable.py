"""What happens by itself: the schedules of the template, and the rows that fall due."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput
from cloud.local.dynamodb.engine import Engine
from cloud.local.events import Buses, EventRule
from cloud.local.invocations import Invocations, Invoke
from cloud.local.schedules import Schedule, parse
from cloud.local.template import Scheduled, Stack

SWEEP_AGAIN = timedelta(minutes=1)
"""When a sweep that moved nothing is tried again: when its minute schedule would next fire."""


@dataclass(slots=True)
class _Armed:
    """A schedule with the instant at which it fires next."""

    scheduled: Scheduled
    schedule: Schedule
    due: datetime | None


@dataclass(slots=True)
class _ArmedRule:
    """A rule of the event bus with a schedule of its own."""

    rule: EventRule
    due: datetime | None


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """What a page shows of a schedule; one that sweeps an index fires when a row there is due."""

    name: str
    expression: str
    timezone: str
    next_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Something that will happen by itself."""

    at: datetime
    what: str


Parsed = Callable[[datetime | None], Schedule]


def parsed(stack: Stack) -> list[tuple[Scheduled, Parsed]]:
    """Read the expression of every schedule that is not disabled.

    What comes back makes the schedule, given the instant of the first start, which a rate counts
    from. A local time that a clock change leaves out is left out, as EventBridge Scheduler does.

    Raises:
        BadInput: an expression or a zone is not one; the message names the schedule.
    """

    def one(scheduled: Scheduled) -> Parsed:
        def made(start: datetime | None) -> Schedule:
            return parse(scheduled.expression, scheduled.timezone, start=start, in_gap="skip")

        try:
            made(None)
        except ValueError as wrong:
            msg = f"resource {scheduled.name}: {wrong}"
            raise BadInput(msg) from wrong
        return made

    return [(scheduled, one(scheduled)) for scheduled in stack.schedules if scheduled.is_enabled]


class Timetable:
    """Arms the schedules of a stack, and fires them in the order of their instants.

    Attributes:
        is_to_the_hour: whether functions that only look are called at each of their instants, as
            AWS does, and not once a day.
    """

    def __init__(
        self,
        stack: Stack,
        schedules: list[tuple[Scheduled, Parsed]],
        *,
        clock: Clock,
        invocations: Invocations,
        engine: Engine,
        buses: Buses,
    ) -> None:
        self._stack = stack
        self._clock = clock
        self._invocations = invocations
        self._engine = engine
        self._sweep_from = clock.now()
        self.is_to_the_hour = False
        self._armed = [self._arm(scheduled, made) for scheduled, made in schedules]
        self._buses = buses
        self._rules = [
            _ArmedRule(rule, rule.schedule.next_after(self._from(rule.arn)))
            for rule in buses.rules
            if rule.schedule is not None and rule.is_enabled
        ]
        self._sweepers = sorted(
            name for name, function in stack.functions.items() if function.due_index is not None
        )
        self._indexes = {
            (found["Table"], found["Index"], found["Key"])
            for name in self._sweepers
            if (found := stack.functions[name].due_index) is not None
        }

    def _arm(self, scheduled: Scheduled, made: Parsed) -> _Armed:
        """Arm a schedule from its last firing, or, when it is new here, from now.

        A schedule that a template gains later does not make up for the time before it.
        """
        schedule = made(self._invocations.first_start())
        if self._stack.functions[scheduled.function].due_index is not None:
            return _Armed(scheduled, schedule, None)
        return _Armed(scheduled, schedule, schedule.next_after(self._from(scheduled.name)))

    def _from(self, name: str) -> datetime:
        last = self._invocations.last_fired(name)
        if last is None:
            last = self._clock.now()
            self._invocations.fire(name, last, None)
        return last

    # ---- looking ----------------------------------------------------------------------------
    def next_due(self) -> datetime | None:
        """Give the next instant at which a schedule fires or a row falls due."""
        instants = [
            armed.due
            for armed in self._armed
            if armed.due is not None and not self._only_looks(armed.scheduled)
        ]
        instants += [ruled.due for ruled in self._rules if ruled.due is not None]
        instants += [max(due, self._sweep_from) for due in self._due_rows()]
        return min(instants, default=None)

    def states(self) -> list[ScheduleState]:
        """Give every schedule with its next and its last instant."""
        return [
            ScheduleState(
                armed.scheduled.name,
                armed.scheduled.expression,
                armed.scheduled.timezone,
                armed.due,
                self._invocations.last_fired(armed.scheduled.name),
            )
            for armed in self._armed
        ]

    def upcoming(self) -> list[Upcoming]:
        """Give what is next of each kind: schedules, and rows of the due index."""
        found = [
            Upcoming(armed.due, f"schedule {armed.scheduled.name}")
            for armed in self._armed
            if armed.due is not None
        ]
        return found + [Upcoming(due, "a letter, message or timer") for due in self._due_rows()]

    # ---- doing ------------------------------------------------------------------------------
    def fire_due(self) -> int:
        """Fire whatever is due, in the order of their instants over all schedules."""
        fired = 0
        now = self._clock.now()
        while due := [
            (armed.due, armed.scheduled.name, armed)
            for armed in self._armed
            if armed.due is not None and armed.due <= now
        ]:
            at, name, armed = min(due, key=lambda one: one[:2])
            if self._looks_too_soon(armed.scheduled, at):
                armed.due = armed.schedule.next_after(at)
                continue
            fired += 1
            event = _input(armed.scheduled, at)
            self._invocations.fire(name, at, (armed.scheduled.function, event))
            armed.due = armed.schedule.next_after(at)
        for ruled in self._rules:
            while ruled.due is not None and ruled.due <= now and ruled.rule.schedule is not None:
                fired += 1
                self._buses.fire(ruled.rule, ruled.due)
                self._invocations.fire(ruled.rule.arn, ruled.due, None)
                ruled.due = ruled.rule.schedule.next_after(ruled.due)
        return fired

    def _looks_too_soon(self, scheduled: Scheduled, at: datetime) -> bool:
        """Say whether a function that only looks did so within a day: hours of a jump are many."""
        last = self._invocations.last_fired(scheduled.name)
        return self._only_looks(scheduled) and last is not None and at - last < timedelta(days=1)

    def _only_looks(self, scheduled: Scheduled) -> bool:
        return not self.is_to_the_hour and self._stack.functions[scheduled.function].only_looks

    def sweep_due_rows(self, invoke: Invoke) -> int:
        """Fire the minute schedules of functions that sweep an index, if a row there is due.

        Firing them every simulated minute would find nothing 43,200 times a month. A sweep that
        moves nothing, because its function fails, is tried again a minute later.
        """
        now = self._clock.now()
        before = self._due_rows()
        if now < self._sweep_from or not any(due <= now for due in before):
            return 0
        for name in self._sweepers:
            invoke(name, {})
        if self._due_rows() == before:
            self._sweep_from = now + SWEEP_AGAIN
            return 0
        return 1

    def _due_rows(self) -> list[datetime]:
        """Give the earliest due instant of each sparse index that a minute schedule sweeps.

        Records that wait for a person lie in the same index and are never due: their place there is
        their key (`cloud.adapters.records.WAITING_SHARD`), which begins with a letter and so comes
        after every instant.
        """
        earliest = (self._engine.earliest(*index) for index in self._indexes)
        return [datetime.fromisoformat(found) for found in earliest if found and found[0].isdigit()]


def _input(scheduled: Scheduled, at: datetime) -> Mapping[str, Any]:
    """Give a schedule's input with the instant it fires for in the place of AWS's keyword.

    See EventBridge Scheduler user guide, "Adding context attributes".
    """
    instant = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {
        name: instant if value == "<aws.scheduler.scheduled-time>" else value
        for name, value in scheduled.input.items()
    }
