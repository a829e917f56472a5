"""The whole stack on one machine: what the template names, made of SQLite, files and sockets."""

import fcntl
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from cloud.kernel.errors import BadInput
from cloud.local import iot
from cloud.local.authority import Authority
from cloud.local.buckets import Buckets
from cloud.local.clock import SimulatedClock
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import EngineError
from cloud.local.issuer import Issuer
from cloud.local.lambdas import Failed, Functions, forget
from cloud.local.mailbox import Mailbox
from cloud.local.mqtt.listener import Listener
from cloud.local.mqtt.message import Publish
from cloud.local.mqtt.policy import Policy
from cloud.local.queues import QueueError, Queues, Received
from cloud.local.schedules import Schedule, parse
from cloud.local.template import QUEUE_URL, Mapped, Scheduled, load

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a schedule calls a function that fails: Lambda tries an event twice more."""
SWEEP_AGAIN = timedelta(minutes=1)
"""When a sweep that moved nothing is tried again: when its minute schedule would next fire."""
EXPIRY = timedelta(days=1)
"""How often rows whose time to live is over are deleted; on AWS it takes up to a few days."""


@dataclass(slots=True)
class _Armed:
    """A schedule with the instant at which it fires next."""

    scheduled: Scheduled
    schedule: Schedule
    due: datetime | None
    attempts: int = 0
    again_from: datetime | None = None

    @property
    def next_at(self) -> datetime | None:
        """When it fires, or is tried again."""
        return self.again_from or self.due


class Runtime:
    """One running stack over one data folder.

    Everything acknowledged is on disk: after ``kill -9`` a new runtime over the same folder goes
    on. Time moves in the thread that calls `run_due`; the doors answer in threads of their own.
    """

    def __init__(
        self,
        folder: Path,
        template: Path,
        *,
        starts_at: datetime | None = None,
        parameters: Mapping[str, str] | None = None,
        mqtt_port: int = 0,
        cache: Path | None = None,
    ) -> None:
        """Open the data folder, or make it.

        Args:
            folder: where everything is kept.
            template: the SAM template.
            starts_at: first instant of the clock of a new folder.
            parameters: values for the template's parameters.
            mqtt_port: of the MQTT listener; any free one when 0.
            cache: where the translated template is kept; within the folder when absent.

        Raises:
            BadInput: something in the template is not known; the message names it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.stack = load(template, cache=cache or folder / "cache", parameters=parameters)
        self._rules = [iot.TopicRule.from_properties(p) for p in self.stack.topic_rules.values()]
        authorise = Policy(self.stack.gateway_policy)
        schedules = [(one, _parsed(one)) for one in self.stack.schedules if one.is_enabled]
        with ExitStack() as undo:
            self._open(undo, folder, starts_at)
            self._armed = [self._arm(scheduled, parsed) for scheduled, parsed in schedules]
            self.listener = Listener(
                database=folder / "mqtt.sqlite",
                tls=self.authority.server_context(),
                authorise=authorise,
                accept=self.accept,
                clock=self.clock,
                port=mqtt_port,
            )
            undo.callback(self.listener.stop)
            self._undo = undo.pop_all()
        self.mqtt_port = 0

    def _open(self, undo: ExitStack, folder: Path, starts_at: datetime | None) -> None:
        """Open everything, and note how each is let go of again, the latest first."""
        undo.callback(_locked(folder).close)
        self.clock = SimulatedClock(folder / "clock.sqlite", starts_at=starts_at)
        undo.callback(self.clock.close)
        self.engine = Engine(folder / "tables.sqlite", clock=self.clock.now)
        undo.callback(self.engine.close)
        hook.install(self.engine)
        undo.callback(hook.uninstall)
        self.queues = Queues(folder / "queues.sqlite", self.clock)
        undo.callback(self.queues.close)
        self.buckets = Buckets(folder / "buckets", self.stack.buckets)
        self.mailbox = Mailbox(folder / "mail", self.clock)
        hook.register("sqs", self._call_sqs)
        hook.register("s3", self.buckets.call)
        hook.register("sesv2", self.mailbox.call)
        self._create_resources()
        self.issuer = Issuer(
            folder / "secrets",
            issuer=self.stack.issuer,
            audience=self.stack.audience,
            clock=self.clock,
        )
        self.authority = Authority(folder / "ca", clock=self.clock)
        self._fired = _Fired(folder / "schedules.sqlite")
        undo.callback(self._fired.close)
        self._sweep_from = self._expire_from = self.clock.now()
        self._log = (folder / "functions.jsonl").open("a", buffering=1)
        undo.callback(self._log.close)
        # Handlers run in one thread of their own: as on Lambda, one sandbox, one call at a time.
        self._sandbox = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lambda")
        undo.callback(self._sandbox.shutdown)
        undo.callback(forget, self.stack.functions)
        self.functions = self._sandbox.submit(Functions, self.stack.functions, self._log).result()

    def _create_resources(self) -> None:
        """Make the tables and queues, or bring those that exist up to the template.

        Raises:
            BadInput: a definition is refused; the message names the resource.
        """
        name = ""
        try:
            for name, definition in self.stack.tables.items():
                self.engine.create_table({"TableName": name, **_honoured(definition)})
            for name, definition in self.stack.queues.items():
                self.queues.create(name, definition)
        except (EngineError, QueueError) as refused:
            msg = f"resource {name}: {refused}"
            raise BadInput(msg) from refused

    def start(self) -> None:
        """Open the MQTT listener."""
        self.mqtt_port = self.listener.start()

    def close(self) -> None:
        """Stop listening and let go of the files; nothing is lost by not calling it."""
        self._undo.close()

    # ------------------------------------------------------------------ in
    def accept(self, publish: Publish) -> None:
        """Take a message in: when this returns, its queue has it for good."""
        now_ms = int(publish.at.timestamp() * 1000)
        for action, message in iot.route(self._rules, publish, now_ms):
            name = action.queue_url.removeprefix(QUEUE_URL)
            self.queues.send(name, message.decode())

    def _call_sqs(self, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self.queues.call(operation, params)
        except QueueError as refused:
            raise hook.ServiceError(refused.code, str(refused)) from refused

    def call_http(self, function: str, event: Mapping[str, Any]) -> Any:
        """Invoke an API's function."""
        return self._invoke(function, event)

    def _invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        answer = self._sandbox.submit(self.functions.invoke, function, event).result()
        if isinstance(answer, Failed):
            log.error("%s failed: %s: %s", function, answer.error_type, answer.message)
            self._log.write(answer.trace)
        return answer

    # ------------------------------------------------------------------ on
    def next_due(self) -> datetime | None:
        """Give the next instant at which something happens by itself, None when nothing will."""
        instants = [armed.next_at for armed in self._armed if armed.next_at is not None]
        waiting = self.queues.next_due()
        if waiting is not None:
            instants.append(waiting)
        instants += [max(due, self._sweep_from) for due in self._due_rows()]
        return min(instants, default=None)

    def run_due(self) -> int:
        """Do everything that is due at the clock's instant, until quiet; give how much it was."""
        done = 0
        if self.clock.now() >= self._expire_from:
            self.engine.expire(self.clock.now())
            self._expire_from = self.clock.now() + EXPIRY
        while step := self._pump() + self._fire_schedules() + self._sweep_due_rows():
            done += step
        return done

    def _pump(self) -> int:
        """Deliver what the queues hold to the functions behind them."""
        delivered = 0
        for mapped in self.stack.mappings:
            while batch := self.queues.receive(mapped.queue, limit=mapped.batch_size):
                delivered += len(batch)
                self._deliver(mapped, batch)
        return delivered

    def _deliver(self, mapped: Mapped, batch: Sequence[Received]) -> None:
        records = [
            {
                "messageId": message.id,
                "receiptHandle": message.receipt,
                "body": message.body,
                "attributes": dict(message.system),
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{mapped.queue}",
                "awsRegion": "us-east-1",
            }
            for message in batch
        ]
        answer = self._invoke(mapped.function, {"Records": records})
        if isinstance(answer, Failed):
            return
        failures = (answer or {}).get("batchItemFailures", []) if mapped.reports_failures else []
        failed = {failure["itemIdentifier"] for failure in failures}
        for message_id in failed:
            log.warning("%s put back message %s", mapped.function, message_id)
        done = [message.receipt for message in batch if message.id not in failed]
        self.queues.delete_batch(mapped.queue, done)

    def _arm(self, scheduled: Scheduled, parsed: Callable[[datetime], Schedule]) -> _Armed:
        """Arm a schedule from its last firing, or, when it is new here, from now.

        A schedule that a template gains later does not make up for the time before it.
        """
        schedule = parsed(self._fired.first(self.clock.now()))
        if self.stack.functions[scheduled.function].due_index is not None:
            return _Armed(scheduled, schedule, None)
        last = self._fired.last(scheduled.name)
        if last is None:
            last = self.clock.now()
            self._fired.remember(scheduled.name, last)
        return _Armed(scheduled, schedule, schedule.next_after(last))

    def _fire_schedules(self) -> int:
        """Fire whatever is due, in the order of their instants over all schedules."""
        fired = 0
        while due := [
            (armed.due, armed.scheduled.name, armed)
            for armed in self._armed
            if armed.due is not None and (armed.again_from or armed.due) <= self.clock.now()
        ]:
            at, name, armed = min(due, key=lambda one: one[:2])
            fired += 1
            answer = self._invoke(armed.scheduled.function, _input(armed.scheduled, at))
            armed.attempts += 1
            if isinstance(answer, Failed) and armed.attempts < ATTEMPTS:
                armed.again_from = self.clock.now() + SWEEP_AGAIN
                continue
            self._fired.remember(name, at)
            armed.due = armed.schedule.next_after(at)
            armed.attempts, armed.again_from = 0, None
        return fired

    def _due_rows(self) -> list[datetime]:
        """Give the earliest due instant of each sparse index that a minute schedule sweeps."""
        found = []
        for index in {
            (f.due_index["Table"], f.due_index["Index"], f.due_index["Key"])
            for f in self.stack.functions.values()
            if f.due_index is not None
        }:
            earliest = self.engine.earliest(*index)
            if earliest is not None:
                found.append(datetime.fromisoformat(earliest))
        return found

    def _sweep_due_rows(self) -> int:
        """Fire the minute schedules of functions that sweep an index, if a row there is due.

        Firing them every simulated minute would find nothing 43,200 times a month. A sweep that
        moves nothing, because its function fails, is tried again a minute later.
        """
        now = self.clock.now()
        before = self._due_rows()
        if now < self._sweep_from or not any(due <= now for due in before):
            return 0
        for name, function in sorted(self.stack.functions.items()):
            if function.due_index is not None:
                self._invoke(name, {})
        if self._due_rows() == before:
            self._sweep_from = now + SWEEP_AGAIN
            return 0
        return 1


def _input(scheduled: Scheduled, at: datetime) -> dict[str, Any]:
    """Give a schedule's input with the instant it fires for in the place of AWS's keyword.

    See EventBridge Scheduler user guide, "Adding context attributes".
    """
    instant = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {
        name: instant if value == "<aws.scheduler.scheduled-time>" else value
        for name, value in scheduled.input.items()
    }


def _locked(folder: Path) -> TextIO:
    """Hold a data folder for this process alone; the hold ends with the process, however it ends.

    Raises:
        BadInput: another runtime holds it.
    """
    held = (folder / "lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as taken:
        held.close()
        msg = f"opening {folder}: another runtime works there; stop it, or name another folder"
        raise BadInput(msg) from taken
    return held


class _Fired:
    """Remembers when each schedule fired last, so that a restart misses none and repeats none."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")  # as the clock, for its reason
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS fired (name TEXT PRIMARY KEY, at TEXT)"
        )

    def first(self, now: datetime) -> datetime:
        """Give the instant at which this stack was first started."""
        self._connection.execute(
            "INSERT OR IGNORE INTO fired VALUES ('first start', ?)", (now.isoformat(),)
        )
        started = self.last("first start")
        return started or now

    def last(self, name: str) -> datetime | None:
        """Give the instant for which a schedule fired last."""
        row = self._connection.execute("SELECT at FROM fired WHERE name = ?", (name,)).fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def remember(self, name: str, at: datetime) -> None:
        """Note that a schedule fired for an instant."""
        self._connection.execute(
            "INSERT INTO fired VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at",
            (name, at.isoformat()),
        )

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def _parsed(scheduled: Scheduled) -> Callable[[datetime], Schedule]:
    """Read a schedule's expression; what comes back makes the schedule, given the first start.

    A local time that a clock change leaves out is left out, as EventBridge Scheduler does.

    Raises:
        BadInput: the expression or the zone is not one; the message names the schedule.
    """

    def made(start: datetime | None) -> Schedule:
        return parse(scheduled.expression, scheduled.timezone, start=start, in_gap="skip")

    try:
        made(None)
    except ValueError as wrong:
        msg = f"resource {scheduled.name}: {wrong}"
        raise BadInput(msg) from wrong
    return made


def _honoured(definition: Mapping[str, Any]) -> dict[str, Any]:
    ignored = {"BillingMode", "SSESpecification", "PointInTimeRecoverySpecification", "Tags"}
    return {name: value for name, value in definition.items() if name not in ignored}
