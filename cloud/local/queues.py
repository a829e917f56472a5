"""Queues as SQS has them, on SQLite: visibility, redelivery, dead letters, FIFO groups.

After the Amazon SQS developer guide and API reference (the chapter names are in quotes). Time is
the runtime's clock, so that a jump of months redelivers, delays and expires in order.
"""

import base64
import binascii
import hashlib
import json
import re
import sqlite3
import struct
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloud.kernel.clock import Clock
from cloud.kernel.errors import SunreeveError

ACCOUNT = "000000000000"
REGION = "us-east-1"
URL_BASE = f"http://127.0.0.1/{ACCOUNT}/"
MAX_MESSAGE_BYTES = 1024 * 1024
MAX_BATCH = 10
MAX_BULK = 10_000
DEDUPLICATION_MS = 5 * 60 * 1000
MAX_VISIBILITY_S = 12 * 60 * 60
MAX_DELAY_S = 15 * 60

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queue (
    name TEXT PRIMARY KEY, attributes TEXT NOT NULL, created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue_message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL, message_id TEXT NOT NULL, body TEXT NOT NULL,
    attributes TEXT NOT NULL, system TEXT NOT NULL,
    group_id TEXT, sent_ms INTEGER NOT NULL, visible_ms INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0, first_received_ms INTEGER, receipt TEXT
);
CREATE INDEX IF NOT EXISTS queue_message_visible ON queue_message (queue, visible_ms, number);
CREATE INDEX IF NOT EXISTS queue_message_group ON queue_message (queue, group_id, number)
    WHERE group_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS queue_message_sent ON queue_message (queue, sent_ms);
CREATE INDEX IF NOT EXISTS queue_message_due ON queue_message (visible_ms);
CREATE TABLE IF NOT EXISTS queue_deduplication (
    queue TEXT NOT NULL, deduplication_id TEXT NOT NULL,
    message_id TEXT NOT NULL, number INTEGER NOT NULL, until_ms INTEGER NOT NULL,
    PRIMARY KEY (queue, deduplication_id)
) WITHOUT ROWID;
"""


class QueueError(SunreeveError):
    """SQS says no; the code is the one that boto3 shows, the shape its exception class.

    `parsed` is what a parsed error response holds: SQS speaks JSON but keeps the codes of its
    older query protocol, and botocore picks the exception by `QueryErrorCode`.
    """

    def __init__(self, code: str, message: str, shape: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.shape = shape or code.rpartition(".")[2]

    @property
    def parsed(self) -> dict[str, str]:
        """Give the `Error` member of a parsed response."""
        return {
            "Code": self.code,
            "QueryErrorCode": self.shape,
            "Message": str(self),
            "Type": "Sender",
        }


def _invalid(message: str) -> QueueError:
    return QueueError("InvalidParameterValue", message)


def _missing(parameter: str) -> QueueError:
    return QueueError("MissingParameter", f"The request must contain the parameter {parameter}.")


@dataclass(frozen=True, slots=True)
class Redrive:
    """Where a message goes that was received too often ("Using dead-letter queues")."""

    target: str
    max_receives: int


@dataclass(frozen=True, slots=True)
class Settings:
    """A queue's attributes, checked ("SetQueueAttributes")."""

    visibility_s: int = 30
    delay_s: int = 0
    retention_s: int = 4 * 24 * 60 * 60
    is_fifo: bool = False
    deduplicates_by_content: bool = False
    redrive: Redrive | None = None

    @classmethod
    def read(cls, name: str, attributes: Mapping[str, Any]) -> "Settings":
        """Read attributes as CloudFormation or CreateQueue give them.

        Raises:
            QueueError: One is not known here, or out of its range.
        """
        known = {"VisibilityTimeout", "DelaySeconds", "MessageRetentionPeriod", "FifoQueue",
                 "ContentBasedDeduplication", "RedrivePolicy", "ReceiveMessageWaitTimeSeconds",
                 "MaximumMessageSize", "SqsManagedSseEnabled", "Tags"}  # fmt: skip
        if unknown := sorted(set(attributes) - known):
            raise QueueError("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
        is_fifo = str(attributes.get("FifoQueue", False)).lower() == "true"
        if not re.fullmatch(r"[\w-]{1,80}", name.removesuffix(".fifo"), re.ASCII):
            raise _invalid(f"{name!r}: a queue's name has 1 to 80 of a-z A-Z 0-9 _ -")
        if is_fifo != name.endswith(".fifo"):
            raise _invalid(f"{name}: the name of a FIFO queue, and no other, ends in .fifo")
        by_content = str(attributes.get("ContentBasedDeduplication", False)).lower() == "true"
        if by_content and not is_fifo:
            raise QueueError("InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication.")
        return cls(
            visibility_s=_within(attributes, "VisibilityTimeout", 30, 0, MAX_VISIBILITY_S),
            delay_s=_within(attributes, "DelaySeconds", 0, 0, MAX_DELAY_S),
            retention_s=_within(attributes, "MessageRetentionPeriod", 345_600, 60, 1_209_600),
            is_fifo=is_fifo,
            deduplicates_by_content=by_content,
            redrive=_read_redrive(attributes.get("RedrivePolicy")),
        )

    def attributes(self) -> dict[str, str]:
        """Give the attributes as GetQueueAttributes shows them."""
        shown = {
            "VisibilityTimeout": str(self.visibility_s),
            "DelaySeconds": str(self.delay_s),
            "MessageRetentionPeriod": str(self.retention_s),
            "MaximumMessageSize": str(MAX_MESSAGE_BYTES),
            "ReceiveMessageWaitTimeSeconds": "0",
        }
        if self.is_fifo:
            shown["FifoQueue"] = "true"
            shown["ContentBasedDeduplication"] = str(self.deduplicates_by_content).lower()
        if self.redrive:
            policy = {
                "deadLetterTargetArn": arn_of(self.redrive.target),
                "maxReceiveCount": self.redrive.max_receives,
            }
            shown["RedrivePolicy"] = json.dumps(policy)
        return shown


def _within(given: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    try:
        value = int(given.get(name, default))
    except (TypeError, ValueError):
        value = low - 1
    if not low <= value <= high:
        message = f"Invalid value for the parameter {name}: {given[name]!r} is not {low} to {high}."
        raise QueueError("InvalidAttributeValue", message)
    return value


def _read_redrive(policy: Any) -> Redrive | None:
    if not policy:
        return None
    try:
        read = json.loads(policy) if isinstance(policy, str) else policy
        target = str(read["deadLetterTargetArn"]).rpartition(":")[2]
        redrive = Redrive(target, int(read["maxReceiveCount"]))
    except (KeyError, TypeError, ValueError) as error:
        raise QueueError("InvalidAttributeValue", f"RedrivePolicy {policy!r}: {error}") from error
    if not 1 <= redrive.max_receives <= 1000:
        raise QueueError("InvalidAttributeValue", "RedrivePolicy: maxReceiveCount is 1 to 1000")
    return redrive


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent."""

    body: str
    delay_s: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The receipt of a message that is in the queue for good."""

    id: str
    sequence: str | None
    body: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """A message that nobody else gets until its visibility timeout is over."""

    id: str
    receipt: str
    body: str
    attributes: Mapping[str, Any]
    system: Mapping[str, str]

    @property
    def receive_count(self) -> int:
        """Give how often the message was received, this time included."""
        return int(self.system["ApproximateReceiveCount"])


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages a queue holds, by whether they can be received now."""

    visible: int
    in_flight: int
    delayed: int


def open_database(database: Path) -> sqlite3.Connection:
    """Open a database whose commits survive a power cut."""
    db = sqlite3.connect(database, check_same_thread=False, isolation_level=None, timeout=30)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    return db


class Queues:
    """All queues of the local runtime; any thread may call, and every call commits or raises.

    Standard queues give a message at least once and in about the order of sending; here that
    order is kept unless a message comes back. A FIFO queue keeps it within a group.
    """

    def __init__(
        self,
        database: Path,
        clock: Clock,
        *,
        connect: Callable[[Path], sqlite3.Connection] = open_database,
    ) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._db = connect(database)
        self._db.executescript(_SCHEMA)
        self._settings: dict[str, Settings] = {
            name: Settings.read(name, json.loads(attributes))
            for name, attributes in self._db.execute("SELECT name, attributes FROM queue")
        }

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def create(self, name: str, attributes: Mapping[str, Any] | None = None) -> str:
        """Make a queue, or give an existing one these attributes, and return its URL.

        Raises:
            QueueError: An attribute or the name is wrong, or the dead-letter queue is of another
                kind. It need not be there yet: a template names its queues in any order.
        """
        settings = Settings.read(name, attributes or {})
        if settings.redrive and settings.redrive.target.endswith(".fifo") != settings.is_fifo:
            raise _invalid(
                f"Value for parameter RedrivePolicy of {name} is invalid. Reason: Dead letter"
                f" target {settings.redrive.target} must be of the same type of queue."
            )
        with self._transaction() as db:
            db.execute(
                "INSERT INTO queue VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
                " attributes = excluded.attributes",
                (name, json.dumps(attributes or {}), self._now_ms()),
            )
            self._settings[name] = settings
        return url_of(name)

    def settings(self, name: str) -> Settings:
        """Give a queue's settings.

        Raises:
            QueueError: There is no such queue.
        """
        try:
            return self._settings[name]
        except KeyError:
            raise QueueError(
                "AWS.SimpleQueueService.NonExistentQueue",
                f"The specified queue does not exist: {name}",
                "QueueDoesNotExist",
            ) from None

    def names(self) -> list[str]:
        """Give the names of all queues in order."""
        return sorted(self._settings)

    # ---- sending ----------------------------------------------------------------------------

    def send(
        self,
        name: str,
        body: str,
        *,
        delay_s: int | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
    ) -> Sent:
        """Put a message into a queue; it is committed when this returns.

        A FIFO message whose deduplication id was sent within five minutes is not put in again:
        the answer is that of the first one ("Exactly-once processing in Amazon SQS").

        Raises:
            QueueError: The queue is not there, or the message is not one for it.
        """
        message = Outgoing(
            body, delay_s=delay_s, group_id=group_id, deduplication_id=deduplication_id
        )
        return self.send_batch(name, [message])[0]

    def send_batch(self, name: str, messages: Sequence[Outgoing]) -> list[Sent]:
        """Put messages into a queue, all in one transaction; here there is no limit to how many.

        Raises:
            QueueError: As for `send`; then none of them is in the queue.
        """
        settings = self.settings(name)
        for message in messages:
            _check_outgoing(settings, message)
        now_ms = self._now_ms()
        with self._transaction() as db:
            self._expire(name, settings, now_ms)
            return [self._put(db, name, settings, message, now_ms) for message in messages]

    def _put(
        self, db: sqlite3.Connection, name: str, settings: Settings, message: Outgoing, now_ms: int
    ) -> Sent:
        deduplication_id = _deduplication_id(settings, message)
        if deduplication_id:
            twin = db.execute(
                "SELECT message_id, number FROM queue_deduplication"
                " WHERE queue = ? AND deduplication_id = ? AND until_ms > ?",
                (name, deduplication_id, now_ms),
            ).fetchone()
            if twin:
                return Sent(twin[0], _sequence(twin[1]), message.body, message.attributes)
        delay_s = settings.delay_s if message.delay_s is None else message.delay_s
        system = {"MessageGroupId": message.group_id, "MessageDeduplicationId": deduplication_id,
                  "AWSTraceHeader": message.trace_header}  # fmt: skip
        message_id = str(uuid.uuid4())
        number = db.execute(
            "INSERT INTO queue_message (queue, message_id, body, attributes, system, group_id,"
            " sent_ms, visible_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                name,
                message_id,
                message.body,
                _attributes_to_text(message.attributes),
                json.dumps({key: value for key, value in system.items() if value}),
                message.group_id if settings.is_fifo else None,
                now_ms,
                now_ms + delay_s * 1000,
            ),
        ).lastrowid
        if number is None:
            raise sqlite3.DatabaseError("an inserted message has no number")
        if deduplication_id:
            db.execute(
                "INSERT OR REPLACE INTO queue_deduplication VALUES (?, ?, ?, ?, ?)",
                (name, deduplication_id, message_id, number, now_ms + DEDUPLICATION_MS),
            )
        sequence = _sequence(number) if settings.is_fifo else None
        return Sent(message_id, sequence, message.body, message.attributes)

    def _expire(self, name: str, settings: Settings, now_ms: int) -> None:
        """Drop what is older than the retention period and deduplication ids that are over."""
        self._db.execute(
            "DELETE FROM queue_message WHERE queue = ? AND sent_ms <= ?",
            (name, now_ms - settings.retention_s * 1000),
        )
        if settings.is_fifo:
            self._db.execute(
                "DELETE FROM queue_deduplication WHERE queue = ? AND until_ms <= ?", (name, now_ms)
            )

    # ---- receiving --------------------------------------------------------------------------

    def receive(
        self, name: str, limit: int = 1, *, visibility_s: int | None = None
    ) -> list[Received]:
        """Take up to 10,000 messages out of sight for their visibility timeout.

        The API takes ten; the event source mapping collects a Lambda's whole batch at once. A
        message that was received as often as the redrive policy allows goes to the dead-letter
        queue instead. FIFO: while a message of a group is out of sight, so is the rest of it.

        Raises:
            QueueError: The queue is not there, or a number is out of range.
        """
        settings = self.settings(name)
        if not 1 <= limit <= MAX_BULK:
            raise _invalid(f"cannot receive {limit} messages: it is 1 to {MAX_BULK}")
        if visibility_s is None:
            visibility_s = settings.visibility_s
        _check_visibility(visibility_s)
        now_ms = self._now_ms()
        with self._transaction() as db:
            self._expire(name, settings, now_ms)
            rows = self._receivable(name, settings, now_ms, limit)
            while spent := [row for row in rows if _is_spent(settings, row)]:
                self._bury(db, name, settings, spent, now_ms)
                rows = self._receivable(name, settings, now_ms, limit)
            return self._take(db, rows, now_ms, now_ms + visibility_s * 1000)

    def _receivable(
        self, name: str, settings: Settings, now_ms: int, limit: int
    ) -> list[sqlite3.Row]:
        order, blocked = "visible_ms, number", ""
        if settings.is_fifo:
            order = "number"
            blocked = (
                " AND NOT EXISTS (SELECT 1 FROM queue_message AS other WHERE"
                " other.queue = queue_message.queue AND other.group_id = queue_message.group_id"
                " AND other.visible_ms > :now"
                " AND (other.number < queue_message.number OR other.receipt IS NOT NULL))"
            )
        cursor = self._db.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(
            f"SELECT * FROM queue_message WHERE queue = :queue AND visible_ms <= :now{blocked}"
            f" ORDER BY {order} LIMIT :limit",
            {"queue": name, "now": now_ms, "limit": limit},
        ).fetchall()

    def _take(
        self, db: sqlite3.Connection, rows: Sequence[sqlite3.Row], now_ms: int, until_ms: int
    ) -> list[Received]:
        nonces = [uuid.uuid4().hex for _ in rows]
        db.executemany(
            "UPDATE queue_message SET receives = receives + 1, receipt = ?, visible_ms = ?,"
            " first_received_ms = coalesce(first_received_ms, ?) WHERE number = ?",
            [
                (nonce, until_ms, now_ms, row["number"])
                for nonce, row in zip(nonces, rows, strict=True)
            ],
        )
        return [
            Received(
                id=row["message_id"],
                receipt=_receipt(row["number"], nonce),
                body=row["body"],
                attributes=_attributes_from_text(row["attributes"]),
                system={
                    **json.loads(row["system"]),
                    "SenderId": ACCOUNT,
                    "SentTimestamp": str(row["sent_ms"]),
                    "ApproximateReceiveCount": str(row["receives"] + 1),
                    "ApproximateFirstReceiveTimestamp": str(row["first_received_ms"] or now_ms),
                    **({"SequenceNumber": _sequence(row["number"])} if row["group_id"] else {}),
                },
            )
            for nonce, row in zip(nonces, rows, strict=True)
        ]

    def _bury(
        self,
        db: sqlite3.Connection,
        name: str,
        settings: Settings,
        rows: Sequence[sqlite3.Row],
        now_ms: int,
    ) -> None:
        """Move messages to the dead-letter queue; a standard one keeps its age there."""
        if not settings.redrive:
            return
        self.settings(settings.redrive.target)
        for row in rows:
            system = {**json.loads(row["system"]), "DeadLetterQueueSourceArn": arn_of(name)}
            db.execute(
                "INSERT INTO queue_message (queue, message_id, body, attributes, system,"
                " group_id, sent_ms, visible_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    settings.redrive.target, row["message_id"], row["body"], row["attributes"],
                    json.dumps(system), row["group_id"],
                    now_ms if settings.is_fifo else row["sent_ms"], now_ms,
                ),
            )  # fmt: skip
            db.execute("DELETE FROM queue_message WHERE number = ?", (row["number"],))

    # ---- after receiving --------------------------------------------------------------------

    def delete(self, name: str, receipt: str) -> None:
        """Take a message out for good.

        A receipt that is not the message's latest changes nothing, as on AWS: whoever received it
        later has it now. A FIFO message can only be deleted while it is out of sight.

        Raises:
            QueueError: The receipt is not one, or a FIFO message's has expired.
        """
        self.delete_batch(name, [receipt])

    def delete_batch(self, name: str, receipts: Sequence[str]) -> None:
        """Take messages out for good, all or none.

        Raises:
            QueueError: As for `delete`.
        """
        settings = self.settings(name)
        found = [_read_receipt(receipt) for receipt in receipts]
        now_ms = self._now_ms()
        with self._transaction() as db:
            for number, nonce in found:
                row = db.execute(
                    "SELECT visible_ms FROM queue_message WHERE number = ? AND queue = ?"
                    " AND receipt = ?",
                    (number, name, nonce),
                ).fetchone()
                if row and settings.is_fifo and row[0] <= now_ms:
                    raise _invalid("The receipt handle has expired")
                if row:
                    db.execute("DELETE FROM queue_message WHERE number = ?", (number,))

    def change_visibility(self, name: str, receipt: str, visibility_s: int) -> None:
        """Set when a received message comes back, counted from now; zero is at once.

        Raises:
            QueueError: The message is not out of sight under this receipt.
        """
        self.settings(name)
        number, nonce = _read_receipt(receipt)
        _check_visibility(visibility_s)
        now_ms = self._now_ms()
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE queue_message SET visible_ms = ? WHERE number = ? AND queue = ?"
                " AND receipt = ? AND visible_ms > ?",
                (now_ms + visibility_s * 1000, number, name, nonce, now_ms),
            ).rowcount
        if not changed:
            raise QueueError(
                "AWS.SimpleQueueService.MessageNotInflight",
                "The message referred to is not in flight.",
                "MessageNotInflight",
            )

    def purge(self, name: str) -> None:
        """Throw away all messages of a queue.

        Raises:
            QueueError: There is no such queue.
        """
        self.settings(name)
        with self._transaction() as db:
            db.execute("DELETE FROM queue_message WHERE queue = ?", (name,))

    # ---- looking ----------------------------------------------------------------------------

    def depth(self, name: str) -> Depth:
        """Count a queue's messages, without those past their retention period.

        Raises:
            QueueError: There is no such queue.
        """
        settings = self.settings(name)
        now_ms = self._now_ms()
        with self._lock:
            row = self._db.execute(
                "SELECT total(visible_ms <= :now),"
                " total(visible_ms > :now AND receipt IS NOT NULL),"
                " total(visible_ms > :now AND receipt IS NULL)"
                " FROM queue_message WHERE queue = :queue AND sent_ms > :since",
                {"now": now_ms, "queue": name, "since": now_ms - settings.retention_s * 1000},
            ).fetchone()
        return Depth(*map(int, row))

    def next_due(self) -> datetime | None:
        """Give the earliest instant at which a message that is out of sight or delayed comes back.

        None: there is none. What is visible now is not waited for.
        """
        with self._lock:
            row = self._db.execute(
                "SELECT min(visible_ms) FROM queue_message WHERE visible_ms > ?", (self._now_ms(),)
            ).fetchone()
        return None if row[0] is None else datetime.fromtimestamp(row[0] / 1000, UTC)

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer an operation of boto3's SQS client as its response would parse.

        Raises:
            QueueError: SQS would answer with an error; `QueueError.parsed` is its body.
        """
        answer = _OPERATIONS.get(operation)
        if answer is None:
            raise QueueError("UnsupportedOperation", f"{operation} is not supported here")
        return answer(self, params)

    def created_ms(self, name: str) -> int:
        """Give when a queue was first made."""
        with self._lock:
            row = self._db.execute("SELECT created_ms FROM queue WHERE name = ?", (name,))
            return int(row.fetchone()[0])


def url_of(name: str) -> str:
    """Give a queue's URL."""
    return URL_BASE + name


def arn_of(name: str) -> str:
    """Give a queue's ARN."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def _sequence(number: int) -> str:
    return f"{number:020d}"


def _is_spent(settings: Settings, row: sqlite3.Row) -> bool:
    return settings.redrive is not None and row["receives"] >= settings.redrive.max_receives


def _receipt(number: int, nonce: str) -> str:
    return base64.urlsafe_b64encode(f"{number}:{nonce}".encode()).decode()


def _read_receipt(receipt: str) -> tuple[int, str]:
    try:
        number, _, nonce = base64.urlsafe_b64decode(receipt).decode().partition(":")
        return int(number), nonce
    except (ValueError, binascii.Error):
        message = f'The input receipt handle "{receipt}" is not a valid receipt handle.'
        raise QueueError("ReceiptHandleIsInvalid", message) from None


# ---- what a message may be ("Amazon SQS message quotas", "SendMessage") ------------------------

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIFO_ID = re.compile(r"[!-~]{1,128}")


def _check_outgoing(settings: Settings, message: Outgoing) -> None:
    if not message.body:
        raise _missing("MessageBody")
    if _NOT_XML.search(message.body):
        message_text = "Invalid characters found: a control character is not allowed in a message."
        raise QueueError("InvalidMessageContents", message_text)
    if _size(message) > MAX_MESSAGE_BYTES:
        raise _invalid(f"One or more parameters are invalid. Reason: Message must be shorter than"
                       f" {MAX_MESSAGE_BYTES} bytes.")  # fmt: skip
    if message.delay_s is not None and not 0 <= message.delay_s <= MAX_DELAY_S:
        raise _invalid(f"Value {message.delay_s} for parameter DelaySeconds is invalid.")
    if settings.is_fifo:
        _check_fifo(settings, message)
    elif message.deduplication_id is not None:
        raise _invalid("MessageDeduplicationId is only for FIFO queues.")


def _check_fifo(settings: Settings, message: Outgoing) -> None:
    if message.group_id is None:
        raise _missing("MessageGroupId")
    if message.delay_s:
        raise _invalid("DelaySeconds of one message is not valid in a FIFO queue.")
    if message.deduplication_id is None and not settings.deduplicates_by_content:
        raise _invalid(
            "The queue should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly"
        )
    for value in (message.group_id, message.deduplication_id):
        if value is not None and not _FIFO_ID.fullmatch(value):
            raise _invalid(f"Value {value!r} can only have 1 to 128 letters, digits and signs.")


def _size(message: Outgoing) -> int:
    size = len(message.body.encode())
    for name, value in message.attributes.items():
        content = value.get("StringValue", value.get("BinaryValue", b""))
        raw = content.encode() if isinstance(content, str) else bytes(content)
        size += len(name.encode()) + len(value.get("DataType", "").encode()) + len(raw)
    return size


def _deduplication_id(settings: Settings, message: Outgoing) -> str | None:
    if message.deduplication_id is None and settings.deduplicates_by_content:
        return hashlib.sha256(message.body.encode()).hexdigest()
    return message.deduplication_id


def _attributes_to_text(attributes: Mapping[str, Any]) -> str:
    kept = {
        name: {
            key: base64.b64encode(bytes(value)).decode() if key == "BinaryValue" else value
            for key, value in attribute.items()
        }
        for name, attribute in attributes.items()
    }
    return json.dumps(kept)


def _attributes_from_text(text: str) -> dict[str, Any]:
    attributes: dict[str, Any] = json.loads(text)
    for attribute in attributes.values():
        if "BinaryValue" in attribute:
            attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    return attributes


def _check_visibility(visibility_s: int) -> None:
    if not 0 <= visibility_s <= MAX_VISIBILITY_S:
        raise _invalid(f"Value {visibility_s} for parameter VisibilityTimeout is invalid.")


# ---- boto3's operations ("Amazon SQS API reference") -------------------------------------------

_Params = Mapping[str, Any]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _md5_of_attributes(attributes: Mapping[str, Any]) -> str:
    """Hash attributes ("Calculating the MD5 message digest for message attributes")."""
    digest = bytearray()
    for name in sorted(attributes):
        attribute = attributes[name]
        is_binary = attribute["DataType"].startswith("Binary")
        content = attribute["BinaryValue"] if is_binary else attribute["StringValue"].encode()
        for piece in (name.encode(), attribute["DataType"].encode()):
            digest += struct.pack(">I", len(piece)) + piece
        digest += bytes((2 if is_binary else 1,)) + struct.pack(">I", len(content)) + content
    return _md5(bytes(digest))


def _name_of(params: _Params) -> str:
    if not params.get("QueueUrl"):
        raise _missing("QueueUrl")
    return str(params["QueueUrl"]).rstrip("/").rpartition("/")[2]


def _outgoing(params: _Params) -> Outgoing:
    trace = params.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {})
    return Outgoing(
        body=params.get("MessageBody", ""),
        delay_s=params.get("DelaySeconds"),
        attributes=params.get("MessageAttributes", {}),
        group_id=params.get("MessageGroupId"),
        deduplication_id=params.get("MessageDeduplicationId"),
        trace_header=trace.get("StringValue"),
    )


def _sent(sent: Sent) -> dict[str, Any]:
    answer = {"MessageId": sent.id, "MD5OfMessageBody": _md5(sent.body.encode())}
    if sent.attributes:
        answer["MD5OfMessageAttributes"] = _md5_of_attributes(sent.attributes)
    if sent.sequence:
        answer["SequenceNumber"] = sent.sequence
    return answer


def _send_message(queues: Queues, params: _Params) -> dict[str, Any]:
    return _sent(queues.send_batch(_name_of(params), [_outgoing(params)])[0])


def _entries(params: _Params) -> list[_Params]:
    """Check a batch as a whole ("SendMessageBatch", errors)."""
    entries = list(params.get("Entries", ()))
    prefix = "AWS.SimpleQueueService."
    if not entries:
        raise QueueError(f"{prefix}EmptyBatchRequest", "There should be at least one entry.")
    if len(entries) > MAX_BATCH:
        message = f"Maximum number of entries per request are {MAX_BATCH}."
        raise QueueError(f"{prefix}TooManyEntriesInBatchRequest", message)
    ids = [entry["Id"] for entry in entries]
    if any(not re.fullmatch(r"[\w-]{1,80}", entry_id, re.ASCII) for entry_id in ids):
        raise QueueError(f"{prefix}InvalidBatchEntryId", "An Id has 1 to 80 of a-z A-Z 0-9 _ -")
    if len(set(ids)) != len(ids):
        raise QueueError(f"{prefix}BatchEntryIdsNotDistinct", "Two entries have the same Id.")
    return entries


def _each(params: _Params, act: Callable[[_Params], dict[str, Any]]) -> dict[str, Any]:
    """Act on each entry of a batch; one that fails does not touch the others."""
    answer: dict[str, list[dict[str, Any]]] = {}
    for entry in _entries(params):
        try:
            answer.setdefault("Successful", []).append({"Id": entry["Id"], **act(entry)})
        except QueueError as error:
            failed = {"SenderFault": True, "Code": error.code, "Message": str(error)}
            answer.setdefault("Failed", []).append({"Id": entry["Id"], **failed})
    return {key: value for key, value in answer.items() if value}


def _send_message_batch(queues: Queues, params: _Params) -> dict[str, Any]:
    """Send up to ten; in one commit, unless one of them is refused."""
    name, entries = _name_of(params), _entries(params)
    settings, messages = queues.settings(name), [_outgoing(entry) for entry in entries]
    if sum(map(_size, messages)) > MAX_MESSAGE_BYTES:
        text = f"Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes."
        raise QueueError("AWS.SimpleQueueService.BatchRequestTooLong", text)
    for message in messages:
        try:
            _check_outgoing(settings, message)
        except QueueError:
            return _each(
                params, lambda entry: _sent(queues.send_batch(name, [_outgoing(entry)])[0])
            )
    sent = queues.send_batch(name, messages)
    return {
        "Successful": [
            {"Id": entry["Id"], **_sent(one)} for entry, one in zip(entries, sent, strict=True)
        ]
    }


def _receive_message(queues: Queues, params: _Params) -> dict[str, Any]:
    """Receive at once: waiting would stop a simulated clock, so WaitTimeSeconds is passed over."""
    limit = params.get("MaxNumberOfMessages", 1)
    if not 1 <= limit <= MAX_BATCH:
        raise _invalid(f"Value {limit} for parameter MaxNumberOfMessages is invalid. Reason: Must"
                       f" be between 1 and {MAX_BATCH}, if provided.")  # fmt: skip
    received = queues.receive(
        _name_of(params), limit=limit, visibility_s=params.get("VisibilityTimeout")
    )
    asked = {*params.get("AttributeNames", ()), *params.get("MessageSystemAttributeNames", ())}
    names = params.get("MessageAttributeNames", ())
    messages = [_shown(message, asked, names) for message in received]
    return {"Messages": messages} if messages else {}


def _shown(message: Received, asked: set[str], names: Sequence[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": _md5(message.body.encode()),
        "Body": message.body,
    }
    system = {key: value for key, value in message.system.items() if asked & {"All", key}}
    if system:
        shown["Attributes"] = system
    attributes = {
        key: value
        for key, value in message.attributes.items()
        if any(_is_asked(name, key) for name in names)
    }
    if attributes:
        shown["MessageAttributes"] = attributes
        shown["MD5OfMessageAttributes"] = _md5_of_attributes(attributes)
    return shown


def _is_asked(wanted: str, name: str) -> bool:
    return wanted in ("All", name) or (wanted.endswith(".*") and name.startswith(wanted[:-2]))


def _delete_message(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.delete(_name_of(params), params["ReceiptHandle"])
    return {}


def _delete_message_batch(queues: Queues, params: _Params) -> dict[str, Any]:
    name = _name_of(params)
    queues.settings(name)

    def delete(entry: _Params) -> dict[str, Any]:
        queues.delete(name, entry["ReceiptHandle"])
        return {}

    return _each(params, delete)


def _change_message_visibility(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.change_visibility(
        _name_of(params), params["ReceiptHandle"], int(params["VisibilityTimeout"])
    )
    return {}


def _get_queue_url(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.settings(params["QueueName"])
    return {"QueueUrl": url_of(params["QueueName"])}


def _get_queue_attributes(queues: Queues, params: _Params) -> dict[str, Any]:
    name = _name_of(params)
    depth, created = queues.depth(name), str(queues.created_ms(name) // 1000)
    every = {
        **queues.settings(name).attributes(),
        "QueueArn": arn_of(name),
        "ApproximateNumberOfMessages": str(depth.visible),
        "ApproximateNumberOfMessagesNotVisible": str(depth.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(depth.delayed),
        "CreatedTimestamp": created,
        "LastModifiedTimestamp": created,
    }
    asked = set(params.get("AttributeNames", ()))
    found = {key: value for key, value in every.items() if asked & {"All", key}}
    return {"Attributes": found} if found else {}


def _purge_queue(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.purge(_name_of(params))
    return {}


def _create_queue(queues: Queues, params: _Params) -> dict[str, Any]:
    """Make a queue; one of this name with other attributes is an error ("CreateQueue")."""
    name, attributes = params["QueueName"], params.get("Attributes", {})
    if name in queues.names() and queues.settings(name) != Settings.read(name, attributes):
        message = "A queue already exists with the same name and a different value for attributes"
        raise QueueError("QueueAlreadyExists", message, "QueueNameExists")
    return {"QueueUrl": queues.create(name, attributes)}


def _list_queues(queues: Queues, params: _Params) -> dict[str, Any]:
    prefix = params.get("QueueNamePrefix", "")
    urls = [url_of(name) for name in queues.names() if name.startswith(prefix)]
    return {"QueueUrls": urls} if urls else {}


_OPERATIONS: dict[str, Callable[[Queues, _Params], dict[str, Any]]] = {
    "SendMessage": _send_message,
    "SendMessageBatch": _send_message_batch,
    "ReceiveMessage": _receive_message,
    "DeleteMessage": _delete_message,
    "DeleteMessageBatch": _delete_message_batch,
    "ChangeMessageVisibility": _change_message_visibility,
    "GetQueueUrl": _get_queue_url,
    "GetQueueAttributes": _get_queue_attributes,
    "PurgeQueue": _purge_queue,
    "CreateQueue": _create_queue,
    "ListQueues": _list_queues,
}
