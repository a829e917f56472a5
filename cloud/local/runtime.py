"""The whole stack on one machine: what the template names, made of SQLite, files and sockets."""

import fcntl
import json
import logging
import os
import socket
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from cloud.adapters import clock as clock_in_use
from cloud.adapters import wiring
from cloud.adapters.clock import SystemClock
from cloud.kernel.errors import BadInput
from cloud.local import borrowed_time, iot, staff
from cloud.local.authority import Authority
from cloud.local.clock import SimulatedClock
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import EngineError
from cloud.local.events import Buses, Delivery, s3_created
from cloud.local.function_log import FunctionLog
from cloud.local.invocations import Invocations
from cloud.local.iot.data import DataPlane
from cloud.local.issuer import OF_PEOPLE, Issuer
from cloud.local.keys import Keys
from cloud.local.lambdas import Failed, Functions
from cloud.local.mail_events import read_sets
from cloud.local.mailbox import Mailbox
from cloud.local.mqtt.conversation import Presence
from cloud.local.mqtt.listener import Listener
from cloud.local.mqtt.message import Publish
from cloud.local.people import PEOPLE
from cloud.local.post_office import Arrived, BounceAction, Decided, PostOffice, S3Action
from cloud.local.queues import Outgoing, QueueError, Queues
from cloud.local.s3.buckets import Buckets
from cloud.local.s3.scanning import scanned
from cloud.local.sources import Marks, QueueSource, Source, StreamSource
from cloud.local.template import QUEUE_URL, Mapped, load
from cloud.local.timetable import ScheduleState, Timetable, Upcoming, parsed

log = logging.getLogger(__name__)

EXPIRY = timedelta(days=1)
"""How often rows whose time to live is over are deleted; on AWS it takes up to a few days."""
BACKLOG = 128
"""Connections that wait for the HTTP door while it is not open yet."""


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
        http_port: int = 0,
        mqtt_port: int = 0,
        smtp_port: int = 0,
        cache: Path | None = None,
    ) -> None:
        """Open the data folder, or make it.

        Args:
            folder: where everything is kept.
            template: the SAM template.
            starts_at: first instant of the clock of a new folder.
            parameters: values for the template's parameters.
            http_port: that the door of `cloud.local.http` answers on; any free one when 0.
            mqtt_port: of the MQTT listener; any free one when 0.
            smtp_port: of the listener for mail; any free one when 0.
            cache: where the translated template is kept; within the folder when absent.

        Raises:
            BadInput: something in the template is not known; the message names it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        with ExitStack() as undo:
            undo.callback(_locked(folder).close)
            # Bound before the functions are loaded: their environment names the port.
            self.http_socket = undo.enter_context(_bound(http_port))
            self.http_port: int = self.http_socket.getsockname()[1]
            self.address = f"http://127.0.0.1:{self.http_port}"
            self.stack = load(
                template,
                cache=cache or folder / "cache",
                parameters=parameters,
                address=self.address,
            )
            self._rules = [
                iot.TopicRule.from_properties(properties)
                for properties in self.stack.topic_rules.values()
            ]
            templates = [
                iot.ProvisioningTemplate.from_properties(properties)
                for properties in self.stack.provisioning.values()
            ]
            schedules = parsed(self.stack)
            self._open(undo, folder, starts_at)
            self.timetable = Timetable(
                self.stack,
                schedules,
                clock=self.clock,
                invocations=self._invocations,
                engine=self.engine,
                buses=self.buses,
            )
            self.registry = iot.Registry(
                folder / "things.sqlite",
                policies=self.stack.iot_policies,
                gateway_policy=self.stack.gateway_policy,
                thing_of=self.authority.thing_of,
            )
            undo.callback(self.registry.close)
            self.listener = Listener(
                database=folder / "mqtt.sqlite",
                tls=self.authority.server_context(),
                authorise=self.registry.allows,
                accept=self.accept,
                clock=self.clock,
                port=mqtt_port,
                admits=self.registry.admits,
                reserved=iot.Provisioning(
                    self.registry,
                    {one.name: one for one in templates},
                    sign=self.authority.sign,
                    invoke=self.invoke,
                ),
                on_presence=self._tell_of_presence,
            )
            self.registry.on_inactive = self.listener.cut
            undo.callback(self.listener.stop)
            hook.register("iot", iot.ControlPlane(self.registry, self.authority.sign).call)
            hook.register("iot-data-plane", DataPlane(self.listener.publish).call)
            self.post_office = PostOffice(
                self.stack.receipt_rules, self.clock, accept=self._accept_mail, port=smtp_port
            )
            undo.callback(self.post_office.stop)
            self._undo = undo.pop_all()
        self.mqtt_port = self.smtp_port = 0

    def _open(self, undo: ExitStack, folder: Path, starts_at: datetime | None) -> None:
        """Open everything, and note how each is let go of again, the latest first."""
        self.clock = SimulatedClock(folder / "clock.sqlite", starts_at=starts_at)
        undo.callback(self.clock.close)
        clock_in_use.use(self.clock)
        undo.callback(clock_in_use.use, SystemClock())
        undo.callback(borrowed_time.install(self.clock).close)
        self.engine = Engine(folder / "tables.sqlite", clock=self.clock.now)
        undo.callback(self.engine.close)
        hook.install(self.engine)
        undo.callback(hook.uninstall)
        self.queues = Queues(folder / "queues.sqlite", self.clock)
        undo.callback(self.queues.close)
        self._invocations = Invocations(
            folder / "schedules.sqlite", self.clock, self.stack.functions
        )
        undo.callback(self._invocations.close)
        self.buses = Buses(self.stack.event_rules, self.clock, deliver=self._deliver)
        self.buckets = Buckets(
            folder / "buckets",
            self.stack.buckets,
            self.clock,
            on_created=self._tell_of_object,
            scanned=scanned(self.stack.malware_plans),
        )
        undo.callback(self.buckets.close)
        self.mailbox = Mailbox(
            folder / "mail",
            self.clock,
            configuration_sets=read_sets(
                self.stack.configuration_sets, self.stack.mail_destinations
            ),
            tell=self.buses.publish,
        )
        self.keys = Keys(
            folder / "secrets" / "kms",
            self.stack.keys,
            self.clock,
            aliases={
                one["AliasName"]: one["TargetKeyId"] for one in self.stack.key_aliases.values()
            },
        )
        hook.register("sqs", self._call_sqs)
        hook.register("s3", self.buckets.call)
        hook.register("sesv2", self.mailbox.call)
        hook.register("kms", self.keys.call)
        hook.register("eventbridge", self.buses.call)
        hook.register(staff.SERVICE, staff.Staff(PEOPLE).call)
        self._create_resources()
        self.buckets.announce()
        self.issuer = Issuer(
            folder / "secrets",
            pools=self.stack.user_pools,
            scopes=self.stack.scopes - {OF_PEOPLE},
            clock=self.clock,
            people=PEOPLE,
            address=self.address,
        )
        self.authority = Authority(folder / "ca", clock=self.clock)
        marks = Marks(folder / "streams.sqlite")
        undo.callback(marks.close)
        self._expire_from = self.clock.now()
        self.log = FunctionLog(folder / "functions.jsonl", self.clock)
        undo.callback(self.log.close)
        # What presigns a URL must presign one that leads here, in a function or beside it; and
        # people sign in at our own stand-in for the pool's pages.
        environment = {"AWS_ENDPOINT_URL_S3": self.address, "SIGN_IN_ENDPOINT": self.address}
        os.environ.update(environment)
        wiring.forget()  # clients that were made for another stack lead there
        self.functions = Functions(self.stack.functions, self.log, self.clock, beside=environment)
        undo.callback(self.functions.close)
        self._sources = [self._source(mapped, marks) for mapped in self.stack.mappings]

    def _source(self, mapped: Mapped, marks: Marks) -> Source:
        if mapped.is_stream:
            return StreamSource(
                mapped,
                self.engine,
                self.invoke,
                marks=marks,
                clock=self.clock,
                give_up=self._give_up,
            )
        return QueueSource(mapped, self.queues, self.invoke)

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
                settings = {key: value for key, value in definition.items() if key != "QueueName"}
                self.queues.create(name, settings)
        except (EngineError, QueueError) as refused:
            msg = f"resource {name}: {refused}"
            raise BadInput(msg) from refused

    def start(self) -> None:
        """Open the listeners for MQTT and, where the template takes mail in, for SMTP."""
        self.mqtt_port = self.listener.start()
        if self.stack.receipt_rules:
            self.smtp_port = self.post_office.start()

    def close(self) -> None:
        """Stop listening and let go of the files; nothing is lost by not calling it."""
        self._undo.close()

    # ------------------------------------------------------------------ in
    def accept(self, publish: Publish) -> None:
        """Take a message in: when this returns, its queue has it for good.

        Raises:
            QueueError: neither the rule's action nor its error action could be carried out.
        """
        now_ms = int(publish.at.timestamp() * 1000)
        iot.carry_out(self._rules, publish, now_ms, self._send_to)

    def _tell_of_presence(self, presence: Presence) -> None:
        """Let the topic rules know that a client came or went."""
        self.accept(presence.publish())

    def accept_all(self, publishes: Iterable[Publish]) -> None:
        """Take many messages in, as `accept` would one after another, with one commit a queue.

        Raises:
            QueueError: a queue refuses one of them, and then has none of them.
        """
        bodies: dict[str, list[str]] = {}

        def keep(queue_url: str, body: str) -> None:
            bodies.setdefault(queue_url.removeprefix(QUEUE_URL), []).append(body)

        for publish in publishes:
            now_ms = int(publish.at.timestamp() * 1000)
            iot.carry_out(self._rules, publish, now_ms, keep)
        for queue, found in bodies.items():
            self.queues.send_batch(queue, [Outgoing(body) for body in found])

    def _send_to(self, queue_url: str, body: str) -> None:
        self.queues.send(queue_url.removeprefix(QUEUE_URL), body)

    def _accept_mail(self, mail: Arrived) -> None:
        """Do as the receipt rules say, before the mail's sender is told that it was taken."""
        for kept in self.post_office.kept(mail):
            self.buckets.call(
                "PutObject",
                {
                    "Bucket": kept.bucket,
                    "Key": kept.key,
                    "Body": kept.content,
                    "ContentType": "message/rfc822",
                },
            )
        for place, called in enumerate(self.post_office.calls(mail)):
            name = called.function_arn.rpartition(":")[2]
            self._invocations.accept(f"{mail.message_id}#{place}", name, called.event)
        for bounced in self.post_office.bounces(mail):
            self.mailbox.call("SendEmail", _bounce(mail, bounced))

    def _tell_of_object(self, bucket: str, key: str, size: int, etag: str) -> None:
        """Tell the bus of an object, where the bucket's properties ask for it."""
        notifies = self.stack.buckets[bucket].get("NotificationConfiguration", {})
        wanted = notifies.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", False)
        if str(wanted).lower() == "true":
            now = self.clock.now()
            event = s3_created(
                bucket=bucket, key=key, size=size, etag=etag, now=now, id=str(uuid.uuid4())
            )
            self.buses.publish(event)

    def _deliver(self, delivery: Delivery) -> None:
        """Keep what a rule of the bus sends: in a queue, or as a call that nobody waits for.

        Raises:
            QueueError: the queue did not take it, and there is none for what cannot be delivered.
        """
        name = delivery.target_arn.rpartition(":")[2]
        if ":lambda:" in delivery.target_arn:
            call = f"{delivery.event_id}/{delivery.rule}/{delivery.target_id}"
            self._invocations.accept(call, name, json.loads(delivery.body))
            return
        try:
            self.queues.send(name, delivery.body, group_id=delivery.group_id)
        except QueueError:
            if delivery.dead_letter_arn is None:
                raise
            self.queues.send(delivery.dead_letter_arn.rpartition(":")[2], delivery.body)

    def _call_sqs(self, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self.queues.call(operation, params)
        except QueueError as refused:
            raise hook.ServiceError(
                refused.code, str(refused), query_code=refused.shape
            ) from refused

    def invoke(self, function: str, event: Any) -> Any:
        """Call a function and wait for its answer; `Failed` when it has none."""
        answer = self.functions.invoke(function, event)
        if isinstance(answer, Failed):
            log.error("%s failed: %s: %s", function, answer.error_type, answer.message)
        return answer

    def _give_up(self, queue: str, record: str) -> None:
        self.queues.send(queue, record)

    # ------------------------------------------------------------------ on
    def next_due(self) -> datetime | None:
        """Give the next instant at which something happens by itself, None when nothing will."""
        waiting = (
            self.timetable.next_due(),
            self.queues.next_due(),
            self._invocations.next_due(),
            *(source.next_due() for source in self._sources),
        )
        return min((at for at in waiting if at is not None), default=None)

    def run_due(self) -> int:
        """Do everything that is due at the clock's instant, until quiet; give how much it was."""
        done = 0
        if self.clock.now() >= self._expire_from:
            self.engine.expire(self.clock.now())
            self._expire_from = self.clock.now() + EXPIRY
        while step := self._step():
            done += step
        return done

    def _step(self) -> int:
        pumped = sum(source.pump() for source in self._sources)
        called = self.timetable.fire_due()
        called += self._invocations.run_due(self.invoke, self._give_up)
        return pumped + called + self.timetable.sweep_due_rows(self.invoke)

    # ------------------------------------------------------------------ to look at
    def schedule_states(self) -> Sequence[ScheduleState]:
        """Give every schedule with its next and its last instant."""
        return self.timetable.states()

    def upcoming(self, limit: int) -> Sequence[Upcoming]:
        """Give what happens next by itself, the soonest first."""
        found = self.timetable.upcoming()
        found += [
            Upcoming(call.next_at, f"call of {call.function}, try {call.attempts + 1}")
            for call in self._invocations.pending(limit)
        ]
        back = self.queues.next_due()
        if back is not None:
            found.append(Upcoming(back, "a message comes back to its queue"))
        return sorted(found, key=lambda one: (one.at, one.what))[:limit]

    def inbound(self) -> Sequence[Path]:
        """Give the files of the mails that came in, oldest first."""
        places = {
            (action.bucket, action.prefix)
            for rule in self.post_office.rules
            for action in rule.actions
            if isinstance(action, S3Action)
        }
        found = [
            path
            for bucket, prefix in sorted(places)
            for path in (self.folder / "buckets" / bucket).glob(f"{prefix}*")
            if path.is_file()
        ]
        return sorted(found, key=lambda path: (path.stat().st_mtime, path.name))


def _bounce(mail: Arrived, decided: Decided) -> dict[str, Any]:
    """Give the mail by which a bounce action tells a sender no."""
    action = decided.action
    if not isinstance(action, BounceAction):
        msg = f"receipt rule {decided.rule}: {action} bounces nothing"
        raise BadInput(msg)
    text = f"{action.smtp_code} {action.status_code} {action.message}\n{decided.recipients}"
    return {
        "FromEmailAddress": action.sender,
        "Destination": {"ToAddresses": [mail.sender]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Delivery Status Notification (Failure)"},
                "Body": {"Text": {"Data": text}},
            }
        },
    }


def _bound(port: int) -> socket.socket:
    """Listen on a loopback port.

    Raises:
        BadInput: somebody else does already.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as taken:
        listening.close()
        msg = f"opening port {port} for HTTP: {taken}; name another port"
        raise BadInput(msg) from taken
    return listening


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


def _honoured(definition: Mapping[str, Any]) -> dict[str, Any]:
    ignored = {"BillingMode", "SSESpecification", "PointInTimeRecoverySpecification", "Tags"}
    return {name: value for name, value in definition.items() if name not in ignored}
