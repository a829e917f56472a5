"""Counts what a running stack does: capacity, requests to AWS, calls of functions, lines of log.

A function's work is counted in calls of Python functions, as Python's own profiler sees them: the
same on every machine and in every run. `prices.toml` says how many microseconds of a
processor one of them was measured to take.
"""

import cProfile
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from botocore import handlers

from bench.cost_meter.units import GATEWAYS, Units
from cloud.local.dynamodb.capacity import Consumed
from cloud.local.iot import TopicRule, route
from cloud.local.lambdas import Handler
from cloud.local.mqtt.message import Publish
from cloud.local.mqtt.topics import basic_ingest, matches
from cloud.local.queues import Outgoing
from cloud.local.runtime import Runtime
from cloud.local.template import QUEUE_URL

MESSAGE_UNIT = 5 * 1024
"""AWS IoT Core pricing: messages and rules are metered in units of 5 KB."""
QUEUE_UNIT = 64 * 1024
"""Amazon SQS pricing: each 64 KB chunk of a payload is a request."""
LOG_EVENT = 26
"""CloudWatch Logs API reference, PutLogEvents: bytes that each event counts beside its text."""
OF_AWS = "$aws/events/"
METRICS = "_aws"
"""Begins a line in the embedded metric format."""

_STARTED = (
    '{"time":"2026-09-16T12:00:00.000Z","type":"platform.start","record":{"requestId":'
    '"00000000-0000-0000-0000-000000000000","functionArn":'
    '"arn:aws:lambda:us-east-1:000000000000:function:sunreeve-IngestFunction-000000000000",'
    '"version":"$LATEST"}}'
)
_REPORTED = (
    '{"time":"2026-09-16T12:00:00.000Z","type":"platform.report","record":{"requestId":'
    '"00000000-0000-0000-0000-000000000000","metrics":{"durationMs":100.000,'
    '"billedDurationMs":100,"memorySizeMB":256,"maxMemoryUsedMB":100},"status":"success"}}'
)
PLATFORM_LOG = len(_STARTED) + len(_REPORTED) + 2 * LOG_EVENT
"""What Lambda itself writes of each call at its level INFO (Lambda developer guide, "System log
level event mapping" and "Lambda Telemetry API Event schema reference")."""
TRACE_ID = len('"xray_trace_id":"1-00000000-000000000000000000000000",')
"""What powertools adds to each line where X-Ray is on."""

_watches: list["Watch"] = []


def _note(params: Mapping[str, Any], model: Any, **_: Any) -> None:
    for watch in _watches:
        watch.requested(model.service_model.service_id.hyphenize(), model.name, params)


def prepare() -> None:
    """Let requests of clients that are made from now on be seen."""
    entry = ("before-parameter-build", _note)
    if entry not in handlers.BUILTIN_HANDLERS:
        handlers.BUILTIN_HANDLERS.append(entry)


class Counting(Enum):
    """How the work of functions is counted."""

    NOTHING = "nothing"
    CALLS = "calls"
    """By the profiler, which slows them."""
    TIME = "time"
    """By the processor's clock, to find out what a call takes; no bill is made of it."""


class Watch:
    """Counts a stack's units while it is on."""

    def __init__(self, runtime: Runtime) -> None:
        """Look at a stack; nothing is counted before `on`.

        Args:
            runtime: the stack; its functions are called through the profiler from now on.
        """
        self.units = Units()
        self.messages: Counter[str] = Counter()
        """How many messages each queue was sent."""
        self.capacity: Counter[tuple[str, str, bool]] = Counter()
        """Units by function, by table or index, and whether they were written."""
        self.metrics: set[tuple[str, ...]] = set()
        """The metrics that functions told of, each with its namespace and dimensions."""
        self._runtime = runtime
        self._is_on = False
        self._counting = Counting.NOTHING
        self._rules = [TopicRule.from_properties(one) for one in runtime.stack.topic_rules.values()]
        self._behind = {one.source: one.function for one in runtime.stack.mappings}
        self._log = _Log(runtime.log.path)
        runtime.functions.put_around(self._profiled)

    @contextmanager
    def on(self, work: "Counting") -> Iterator[None]:
        """Count within the block, and the work of functions in one way or none."""
        self._counting = work
        self._log.skip()
        self._is_on = True
        _watches.append(self)
        self._runtime.engine.watch(self._consumed)
        try:
            yield
        finally:
            self._runtime.engine.watch(None)
            _watches.remove(self)
            self._is_on = False
            for function, size in self._log.read(self.metrics):
                self.units.add("logs.bytes", function, size)
                self.units.add("logs.lines", function)

    # ------------------------------------------------------------------ from gateways
    def publish_all(self, publishes: list[Publish]) -> None:
        """Take messages of gateways in, as the broker would, by the stack's topic rules."""
        bodies: dict[str, list[Outgoing]] = {}
        for publish in publishes:
            now_ms = int(publish.at.timestamp() * 1000)
            actions = route(self._rules, publish, now_ms)
            if self._is_on:
                self._count_publish(publish, [body for _, body in actions])
            for action, body in actions:
                queue = action.queue_url.removeprefix(QUEUE_URL)
                bodies.setdefault(queue, []).append(Outgoing(body.decode()))
        for queue, found in bodies.items():
            self._runtime.queues.send_batch(queue, found)
            if self._is_on:
                whose = self._behind.get(queue, GATEWAYS)
                self.messages[queue] += len(found)
                for one in found:
                    self.units.add("sqs.requests", whose, chunks_of(len(one.body.encode())))

    def _count_publish(self, publish: Publish, bodies: list[bytes]) -> None:
        size = math.ceil((len(publish.topic.encode()) + len(publish.payload)) / MESSAGE_UNIT)
        ingest = basic_ingest(publish.topic)
        add = self.units.add
        if ingest is not None:  # Basic Ingest passes the broker by
            add("publishes", GATEWAYS)
            add("payload.bytes", GATEWAYS, len(publish.payload))
        elif not publish.topic.startswith(OF_AWS):  # the broker's own word is free
            add("iot.messages", GATEWAYS, size)
        met = sum(
            rule.name == ingest.rule if ingest else matches(rule.query.topic_filter, publish.topic)
            for rule in self._rules
        )
        add("iot.rules", GATEWAYS, met * size)
        for body in bodies:
            add("iot.actions", GATEWAYS, math.ceil(len(body) / MESSAGE_UNIT))

    # ------------------------------------------------------------------ from functions
    def _profiled(self, name: str, handler: Handler) -> Handler:
        def called(event: Any, context: Any) -> Any:
            if not self._is_on:
                return handler(event, context)
            self.units.add("lambda.requests", name)
            if self._counting is Counting.NOTHING:
                return handler(event, context)
            if self._counting is Counting.TIME:
                return self._timed(name, handler, event, context)
            profiler = cProfile.Profile(subcalls=False, builtins=False)
            profiler.enable()
            try:
                return handler(event, context)
            finally:
                profiler.disable()
                calls = sum(one.callcount for one in profiler.getstats())
                self.units.add("lambda.calls", name, calls)

        return called

    def _timed(self, name: str, handler: Handler, event: Any, context: Any) -> Any:
        began = time.thread_time()
        try:
            return handler(event, context)
        finally:
            self.units.add("lambda.cpu_us", name, 1_000_000 * (time.thread_time() - began))

    def _consumed(self, one: Consumed) -> None:
        whose = self._runtime.log.writer
        if whose:
            meter = "dynamodb.write" if one.is_write else "dynamodb.read"
            self.units.add(meter, whose, one.units)
            table = f"{one.table}/{one.index}" if one.index else one.table
            self.capacity[whose, table, one.is_write] += one.units  # type: ignore[assignment] # halves

    def requested(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """Count a request to AWS, by the service's name for its API's operation."""
        whose = self._runtime.log.writer
        if not whose or not self._is_on:
            return
        self.units.add(f"waits.{service}", whose)
        count = _COUNTED.get(service)
        if count is not None:
            count(self, whose, operation, params)

    def count_queue(self, whose: str, operation: str, params: Mapping[str, Any]) -> None:
        """Count a request to SQS."""
        sizes = [
            len(str(one.get("MessageBody", "")).encode()) for one in params.get("Entries", [params])
        ]
        self.units.add("sqs.requests", whose, chunks_of(sum(sizes)))
        if operation.startswith("SendMessage"):
            queue = str(params["QueueUrl"]).rstrip("/").rpartition("/")[2]
            self.messages[queue] += len(sizes)

    def count_bucket(self, whose: str, operation: str, params: Mapping[str, Any]) -> None:
        """Count a request to S3: writing and listing cost more than reading; deleting is free."""
        if operation.startswith("Delete"):
            return
        is_put = operation.startswith(("Put", "Post", "Copy", "List", "Create", "Upload"))
        self.units.add("s3.put" if is_put else "s3.get", whose)
        body = params.get("Body", b"")
        self.units.add("s3.bytes", whose, len(body) if isinstance(body, bytes | str) else 0)

    def count_mail(self, whose: str, _: str, __: Mapping[str, Any]) -> None:
        """Count a letter."""
        self.units.add("ses.mails", whose)

    def count_key(self, whose: str, _: str, __: Mapping[str, Any]) -> None:
        """Count a use of a key."""
        self.units.add("kms.requests", whose)

    def count_command(self, whose: str, _: str, params: Mapping[str, Any]) -> None:
        """Count a command: it comes in, goes out, and the gateway acknowledges it."""
        size = math.ceil(len(params.get("payload", b"") or b"") / MESSAGE_UNIT) or 1
        self.units.add("iot.messages", whose, 2 * size + 1)

    def count_event(self, whose: str, _: str, params: Mapping[str, Any]) -> None:
        """Count our own events on a bus; those of AWS's services are free."""
        self.units.add("events.published", whose, len(params.get("Entries", ())))


_COUNTED: dict[str, Callable[[Watch, str, str, Mapping[str, Any]], None]] = {
    "sqs": Watch.count_queue,
    "s3": Watch.count_bucket,
    "sesv2": Watch.count_mail,
    "kms": Watch.count_key,
    "iot-data-plane": Watch.count_command,
    "eventbridge": Watch.count_event,
}


def chunks_of(size: int) -> int:
    """Give the requests that a payload of so many bytes is billed as."""
    return max(1, math.ceil(size / QUEUE_UNIT))


class _Log:
    """The lines that functions print, read again from the file that the runtime keeps."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def skip(self) -> None:
        """Pass over what stands there by now."""
        self._at = self._path.stat().st_size

    def read(self, metrics: set[tuple[str, ...]]) -> Iterator[tuple[str, int]]:
        """Give each line's function and its bytes as CloudWatch would bill them."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                told = json.loads(line)
                function = told.pop("function")
                for added in ("at", "request"):
                    told.pop(added)
                if METRICS in told:
                    metrics.update(_metrics(told[METRICS]))
                text = json.dumps(told, ensure_ascii=False)
                yield function, len(text.encode()) + LOG_EVENT
        self.skip()


def _metrics(told: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in told.get("CloudWatchMetrics", ()):
        for dimensions in one.get("Dimensions", [[]]) or [[]]:
            for metric in one.get("Metrics", ()):
                yield (one.get("Namespace", ""), metric["Name"], *dimensions)
