"""The queues themselves, on SQLite: every call commits or raises."""

import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloud.kernel.clock import Clock
from cloud.local.queues.messages import (
    Depth,
    Outgoing,
    Peeked,
    Received,
    Sent,
    attributes_from_text,
    attributes_to_text,
    check_outgoing,
    check_visibility,
    deduplication_id_of,
    read_receipt,
    receipt_of,
    sequence_of,
)
from cloud.local.queues.settings import (
    ACCOUNT,
    QueueError,
    Settings,
    arn_of,
    invalid,
    url_of,
)
from cloud.local.sqlite import transaction

MAX_BULK = 10_000
DEDUPLICATION_MS = 5 * 60 * 1000

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


def open_database(database: Path) -> sqlite3.Connection:
    """Open a database whose commits survive a power cut."""
    db = sqlite3.connect(database, check_same_thread=False, isolation_level=None, timeout=30)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    return db


class QueueStore:
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
        with self._lock, transaction(self._db):
            yield self._db

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
            raise invalid(
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

    def change(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Set some attributes of a queue and leave its others; an empty RedrivePolicy ends it.

        Raises:
            QueueError: There is no such queue, one is wrong, or the dead-letter queue is not there.
        """
        self.settings(name)
        if "FifoQueue" in attributes:
            raise QueueError("InvalidAttributeName", "Attribute FifoQueue cannot be changed.")
        with self._lock:
            query = "SELECT attributes FROM queue WHERE name = ?"
            row = self._db.execute(query, (name,)).fetchone()
            merged = {**json.loads(row[0]), **attributes}
            redrive = Settings.read(name, merged).redrive
            if redrive and redrive.target not in self._settings:
                raise invalid(f"RedrivePolicy of {name}: there is no queue {redrive.target}.")
            self.create(name, merged)

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
            check_outgoing(settings, message)
        now_ms = self._now_ms()
        with self._transaction() as db:
            self._expire(name, settings, now_ms)
            return [self._put(db, name, settings, message, now_ms) for message in messages]

    def _put(
        self, db: sqlite3.Connection, name: str, settings: Settings, message: Outgoing, now_ms: int
    ) -> Sent:
        deduplication_id = deduplication_id_of(settings, message)
        if deduplication_id:
            twin = db.execute(
                "SELECT message_id, number FROM queue_deduplication"
                " WHERE queue = ? AND deduplication_id = ? AND until_ms > ?",
                (name, deduplication_id, now_ms),
            ).fetchone()
            if twin:
                return Sent(twin[0], sequence_of(twin[1]), message.body, message.attributes)
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
                attributes_to_text(message.attributes),
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
        sequence = sequence_of(number) if settings.is_fifo else None
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
            raise invalid(f"cannot receive {limit} messages: it is 1 to {MAX_BULK}")
        if visibility_s is None:
            visibility_s = settings.visibility_s
        check_visibility(visibility_s)
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
                receipt=receipt_of(row["number"], nonce),
                body=row["body"],
                attributes=attributes_from_text(row["attributes"]),
                system={
                    **json.loads(row["system"]),
                    "SenderId": ACCOUNT,
                    "SentTimestamp": str(row["sent_ms"]),
                    "ApproximateReceiveCount": str(row["receives"] + 1),
                    "ApproximateFirstReceiveTimestamp": str(row["first_received_ms"] or now_ms),
                    **({"SequenceNumber": sequence_of(row["number"])} if row["group_id"] else {}),
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
        found = [read_receipt(receipt) for receipt in receipts]
        now_ms = self._now_ms()
        with self._transaction() as db:
            for number, nonce in found:
                row = db.execute(
                    "SELECT visible_ms FROM queue_message WHERE number = ? AND queue = ?"
                    " AND receipt = ?",
                    (number, name, nonce),
                ).fetchone()
                if row and settings.is_fifo and row[0] <= now_ms:
                    raise invalid("The receipt handle has expired")
                if row:
                    db.execute("DELETE FROM queue_message WHERE number = ?", (number,))

    def change_visibility(self, name: str, receipt: str, visibility_s: int) -> None:
        """Set when a received message comes back, counted from now; zero is at once.

        Raises:
            QueueError: The message is not out of sight under this receipt.
        """
        self.settings(name)
        number, nonce = read_receipt(receipt)
        check_visibility(visibility_s)
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

    def peek(self, name: str, limit: int = 10) -> list[Peeked]:
        """Give the oldest messages of a queue without receiving them: nothing about them changes.

        Raises:
            QueueError: There is no such queue, or the limit is out of range.
        """
        settings = self.settings(name)
        if not 1 <= limit <= MAX_BULK:
            raise invalid(f"cannot peek at {limit} messages: it is 1 to {MAX_BULK}")
        now_ms = self._now_ms()
        with self._lock:
            cursor = self._db.cursor()
            cursor.row_factory = sqlite3.Row
            rows = cursor.execute(
                "SELECT * FROM queue_message WHERE queue = ? AND sent_ms > ?"
                " ORDER BY number LIMIT ?",
                (name, now_ms - settings.retention_s * 1000, limit),
            ).fetchall()
        return [
            Peeked(
                id=row["message_id"],
                body=row["body"],
                attributes=attributes_from_text(row["attributes"]),
                system=json.loads(row["system"]),
                receive_count=row["receives"],
                sent_at=datetime.fromtimestamp(row["sent_ms"] / 1000, UTC),
                visible_at=datetime.fromtimestamp(row["visible_ms"] / 1000, UTC),
                is_in_flight=row["visible_ms"] > now_ms and row["receipt"] is not None,
            )
            for row in rows
        ]

    def next_due(self) -> datetime | None:
        """Give the earliest instant at which a message that is out of sight or delayed comes back.

        None: there is none. What is visible now is not waited for.
        """
        with self._lock:
            row = self._db.execute(
                "SELECT min(visible_ms) FROM queue_message WHERE visible_ms > ?", (self._now_ms(),)
            ).fetchone()
        return None if row[0] is None else datetime.fromtimestamp(row[0] / 1000, UTC)

    def created_ms(self, name: str) -> int:
        """Give when a queue was first made."""
        with self._lock:
            row = self._db.execute("SELECT created_ms FROM queue WHERE name = ?", (name,))
            return int(row.fetchone()[0])


def _is_spent(settings: Settings, row: sqlite3.Row) -> bool:
    return settings.redrive is not None and row["receives"] >= settings.redrive.max_receives
