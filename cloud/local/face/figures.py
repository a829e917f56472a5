"""The state of the whole stack at one instant, as the overview and the JSON show it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.local.face.masks import masked_text
from cloud.local.face.seen import MovesClock, Runs, TakesMail
from cloud.local.template import Stack

NEXT_SHOWN = 8
"""How much of what happens next is shown."""
LONGEST_ERROR = 300
"""Of a function's last error, in characters."""


@dataclass(frozen=True, slots=True)
class ClockFigures:
    """The clock.

    Attributes:
        status: running, paused, jumping; unattended when nobody moves it.
        progress: of a jump, from 0 to 1.
    """

    now: datetime
    status: str
    speed: float | None = None
    target: datetime | None = None
    started_from: datetime | None = None
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """What calls a function.

    Attributes:
        kind: schedule, queue, stream, event, http, provisioning or rows due.
    """

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class FunctionFigures:
    """A function and what it has done since the process began."""

    name: str
    handler: str
    causes: tuple[Cause, ...]
    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    last_at: datetime | None = None
    last_ms: float = 0.0
    mean_ms: float = 0.0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """A queue.

    Attributes:
        dead_letters: the queue that its dead letters go to; empty for none.
        dead: how many lie there.
        sources: the queues whose dead letters come here.
        feeds: the functions behind it.
    """

    name: str
    visible: int
    in_flight: int
    delayed: int
    dead_letters: str
    dead: int
    sources: tuple[str, ...]
    feeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableFigures:
    """A table; its size is that of its items, in bytes."""

    name: str
    items: int
    size_bytes: int
    stream: str


@dataclass(frozen=True, slots=True)
class ScheduleFigures:
    """A schedule."""

    name: str
    expression: str
    timezone: str
    function: str
    next_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class UpcomingFigures:
    """Something that will happen by itself."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class TopicRuleFigures:
    """A rule that sends what gateways publish to where it is worked on."""

    name: str
    sql: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it.

    Attributes:
        pid: of the process, by which a client knows that it reached the stack it looked for.
    """

    pid: int
    folder: str
    clock: ClockFigures
    upcoming: tuple[UpcomingFigures, ...]
    functions: tuple[FunctionFigures, ...]
    queues: tuple[QueueFigures, ...]
    tables: tuple[TableFigures, ...]
    schedules: tuple[ScheduleFigures, ...]
    topic_rules: tuple[TopicRuleFigures, ...]
    buckets: tuple[str, ...]
    mails_sent: int
    mails_arrived: int


def figures(runtime: Runs, controls: MovesClock | None) -> Figures:
    """Look at everything once."""
    return Figures(
        pid=os.getpid(),
        folder=str(runtime.folder),
        clock=clock(runtime, controls),
        upcoming=tuple(UpcomingFigures(d.at, d.what) for d in runtime.upcoming(NEXT_SHOWN)),
        functions=functions(runtime),
        queues=tuple(queue(runtime, name) for name in runtime.stack.queues),
        tables=tuple(_table(runtime, name) for name in runtime.stack.tables),
        schedules=_schedules(runtime),
        topic_rules=tuple(_topic_rules(runtime.stack.topic_rules)),
        buckets=tuple(runtime.stack.buckets),
        mails_sent=len(runtime.mailbox.mails()),
        mails_arrived=len(runtime.inbound()) if isinstance(runtime, TakesMail) else 0,
    )


def clock(runtime: Runs, controls: MovesClock | None) -> ClockFigures:
    """Look at the clock."""
    if controls is None:
        return ClockFigures(runtime.clock.now(), "unattended")
    state = controls.state()
    if state.target is None:
        status = "paused" if state.is_paused else "running"
        return ClockFigures(state.now, status, state.speed)
    begin = state.started_from or state.now
    whole = (state.target - begin).total_seconds()
    done = (state.now - begin).total_seconds() / whole if whole > 0 else 1.0
    progress = min(max(done, 0.0), 1.0)
    return ClockFigures(state.now, "jumping", state.speed, state.target, begin, progress)


def functions(runtime: Runs) -> tuple[FunctionFigures, ...]:
    """Look at the functions."""
    counted = runtime.functions.statistics()
    found = []
    for name, function in runtime.stack.functions.items():
        causes = causes_of(runtime.stack, name)
        seen = counted.get(name)
        if seen is None:
            found.append(FunctionFigures(name, function.handler, causes))
            continue
        found.append(
            FunctionFigures(
                name,
                function.handler,
                causes,
                seen.invocations,
                seen.errors,
                seen.throttles,
                seen.last_at,
                seen.last_ms,
                seen.total_ms / seen.invocations if seen.invocations else 0.0,
                masked_text(" ".join(seen.last_error.split()))[:LONGEST_ERROR],
            )
        )
    return tuple(found)


def causes_of(stack: Stack, function: str) -> tuple[Cause, ...]:
    """Give what calls a function."""
    described = stack.functions[function]
    mine = (route for route in stack.routes if route.function == function)
    found = [Cause("http", one.prefix if one.is_exact else f"{one.prefix}*") for one in mine]
    if any(r.authorizer and r.authorizer.function == function for r in stack.routes):
        found.append(Cause("http", "as authorizer"))
    found += [
        Cause("stream" if mapped.is_stream else "queue", mapped.source)
        for mapped in stack.mappings
        if mapped.function == function
    ]
    for name, rule in stack.event_rules.items():
        targets = rule.get("Targets", ())
        if any(str(t.get("Arn", "")).endswith(f":function:{function}") for t in targets):
            found.append(Cause("event", name))
    if described.due_index is not None:
        found.append(Cause("rows due", f"{described.due_index['Table']}"))
    else:
        found += [Cause("schedule", s.name) for s in stack.schedules if s.function == function]
    found += [
        Cause("provisioning", name)
        for name, one in stack.provisioning.items()
        if one["PreProvisioningHook"]["TargetArn"].rpartition(":")[2] == function
    ]
    return tuple(found)


def queue(runtime: Runs, name: str) -> QueueFigures:
    """Look at one queue."""
    depth = runtime.queues.depth(name)
    redrive = runtime.queues.settings(name).redrive
    return QueueFigures(
        name,
        depth.visible,
        depth.in_flight,
        depth.delayed,
        redrive.target if redrive else "",
        _all_of(runtime, redrive.target) if redrive else 0,
        tuple(one for one in runtime.stack.queues if _dead_letters_of(runtime, one) == name),
        tuple(m.function for m in runtime.stack.mappings if not m.is_stream and m.source == name),
    )


def _dead_letters_of(runtime: Runs, name: str) -> str:
    redrive = runtime.queues.settings(name).redrive
    return redrive.target if redrive else ""


def _all_of(runtime: Runs, name: str) -> int:
    depth = runtime.queues.depth(name)
    return depth.visible + depth.in_flight + depth.delayed


def _table(runtime: Runs, name: str) -> TableFigures:
    described = runtime.engine.call("DescribeTable", {"TableName": name})["Table"]
    stream = runtime.stack.tables[name].get("StreamSpecification", {}).get("StreamViewType", "")
    return TableFigures(name, described["ItemCount"], described["TableSizeBytes"], stream)


def _schedules(runtime: Runs) -> tuple[ScheduleFigures, ...]:
    callees = {scheduled.name: scheduled.function for scheduled in runtime.stack.schedules}
    return tuple(
        ScheduleFigures(
            s.name, s.expression, s.timezone, callees.get(s.name, ""), s.next_at, s.last_at
        )
        for s in runtime.schedule_states()
    )


def _topic_rules(rules: Mapping[str, Mapping[str, Any]]) -> Iterable[TopicRuleFigures]:
    for logical, properties in rules.items():
        payload = properties.get("TopicRulePayload", {})
        actions = tuple(_action(action) for action in payload.get("Actions", ()))
        name = str(properties.get("RuleName", logical))
        yield TopicRuleFigures(name, str(payload.get("Sql", "")), actions)


def _action(action: Mapping[str, Any]) -> str:
    """Say where an action sends to: its kind and the last part of its address."""
    kind = next(iter(action), "")
    for where in ("QueueUrl", "FunctionArn", "BucketName", "Topic", "TableName"):
        if where in action.get(kind, {}):
            address = str(action[kind][where])
            return f"{_KINDS.get(kind, kind)} {address.rpartition('/')[2].rpartition(':')[2]}"
    return kind


_KINDS = {"Sqs": "queue", "Lambda": "function", "S3": "bucket", "DynamoDBv2": "table"}
