"""Dead-letter redrive: messages go back from a dead-letter queue ("StartMessageMoveTask").

On AWS a task runs for a while; here it is one transaction, done or failed when it is answered.
"""

import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloud.kernel.clock import Clock
from cloud.local.queues.settings import QueueError, arn_of, invalid
from cloud.local.queues.store import QueueStore, open_database

MAX_MOVES_SHOWN = 10
MAX_RATE = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queue_move (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    handle TEXT NOT NULL UNIQUE, source TEXT NOT NULL, destination TEXT, rate INTEGER,
    moved INTEGER NOT NULL, to_move INTEGER NOT NULL, started_ms INTEGER NOT NULL, failure TEXT
);
"""
NO_SOURCE = "CouldNotDetermineMessageSource"
"""Failure of a move: nothing tells which queue a message was in before; it was sent there."""
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
"""Failure of a move: the queue that a message came from is not there any more."""


@dataclass(frozen=True, slots=True)
class Move:
    """A move that is over: what could be moved was, and its failure says why the rest stays."""

    handle: str
    source: str
    destination: str | None
    rate: int | None
    moved: int
    to_move: int
    started_ms: int
    failure: str | None

    @property
    def left(self) -> int:
        """Give how many messages could not be moved."""
        return self.to_move - self.moved


def _not_found(message: str) -> QueueError:
    return QueueError("ResourceNotFoundException", message)


def name_in_arn(arn: str) -> str:
    """Give the queue's name in an ARN.

    Raises:
        QueueError: It is not the ARN of a queue here.
    """
    name = arn.rpartition(":")[2]
    if not name or arn != arn_of(name):
        raise invalid(f"{arn!r} is not the ARN of a queue of this account and region.")
    return name


class MovingStore(QueueStore):
    """Queues whose dead letters can go back."""

    def __init__(
        self,
        database: Path,
        clock: Clock,
        *,
        connect: Callable[[Path], sqlite3.Connection] = open_database,
    ) -> None:
        super().__init__(database, clock, connect=connect)
        self._db.executescript(_SCHEMA)

    def sources_of(self, name: str) -> list[str]:
        """Give the queues whose dead letters go to this one, in order of name.

        Raises:
            QueueError: There is no such queue.
        """
        self.settings(name)
        return [
            other
            for other in self.names()
            if (redrive := self.settings(other).redrive) and redrive.target == name
        ]

    def start_move(
        self, source: str, destination: str | None = None, *, rate: int | None = None
    ) -> Move:
        """Move all visible messages of a dead-letter queue, in one transaction.

        They are new messages where they arrive: with a new id, age and count of receives. Without
        a destination each goes to the queue it came from. One that has no such queue stays and is
        in nobody's way, and the move's failure says why the first of them does; AWS ends the task
        at the first of them, and leaves those behind it, too.

        Args:
            source: The dead-letter queue.
            destination: Where all of them go.
            rate: Messages a second; it is kept and shown, the move takes no time.

        Raises:
            QueueError: A queue is not there, or not one to move from or to.
        """
        self._check_move(source, destination, rate)
        now_ms = self._now_ms()
        with self._transaction() as db:
            self._expire(source, self.settings(source), now_ms)
            rows = self._movable(source, now_ms)
            targets = [destination or _came_from(row) for row in rows]
            faults = [self._fault_of(source, target) for target in targets]
            for row, target, fault in zip(rows, targets, faults, strict=True):
                if fault is None:
                    self._put_back(db, row, str(target), now_ms)
            move = Move(
                handle=uuid.uuid4().hex,
                source=source,
                destination=destination,
                rate=rate,
                moved=faults.count(None),
                to_move=len(rows),
                started_ms=now_ms,
                failure=next((fault for fault in faults if fault is not None), None),
            )
            self._remember(db, move)
        return move

    def _check_move(self, source: str, destination: str | None, rate: int | None) -> None:
        for name in (source, *((destination,) if destination else ())):
            if name not in self._settings:
                raise _not_found(f"There is no queue {name}: name one that exists.")
        if not self.sources_of(source):
            raise invalid("Source queue must be configured as a Dead Letter Queue.")
        if destination == source:
            raise invalid("Source and destination of a move cannot be the same queue.")
        if destination and self.settings(destination).is_fifo != self.settings(source).is_fifo:
            raise invalid(f"{source} and {destination} are not of the same type of queue.")
        if rate is not None and not 1 <= rate <= MAX_RATE:
            raise invalid(f"MaxNumberOfMessagesPerSecond {rate} is not 1 to {MAX_RATE}.")

    def _movable(self, source: str, now_ms: int) -> list[sqlite3.Row]:
        cursor = self._db.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(
            "SELECT * FROM queue_message WHERE queue = ? AND visible_ms <= ? ORDER BY number",
            (source, now_ms),
        ).fetchall()

    def _fault_of(self, source: str, target: str | None) -> str | None:
        """Tell why a message cannot go where it should, or None."""
        if target is None or target == source:
            return NO_SOURCE
        known = self._settings.get(target)
        if known is None or known.is_fifo != self.settings(source).is_fifo:
            return NO_QUEUE
        return None

    def _put_back(self, db: sqlite3.Connection, row: sqlite3.Row, target: str, now_ms: int) -> None:
        system = json.loads(row["system"])
        system.pop("DeadLetterQueueSourceArn", None)
        db.execute(
            "INSERT INTO queue_message (queue, message_id, body, attributes, system, group_id,"
            " sent_ms, visible_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                target, str(uuid.uuid4()), row["body"], row["attributes"], json.dumps(system),
                row["group_id"], now_ms, now_ms + self.settings(target).delay_s * 1000,
            ),
        )  # fmt: skip
        db.execute("DELETE FROM queue_message WHERE number = ?", (row["number"],))

    def _remember(self, db: sqlite3.Connection, move: Move) -> None:
        db.execute(
            "INSERT INTO queue_move (handle, source, destination, rate, moved, to_move,"
            " started_ms, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                move.handle, move.source, move.destination, move.rate, move.moved, move.to_move,
                move.started_ms, move.failure,
            ),
        )  # fmt: skip

    def moves(self, source: str, limit: int = 1) -> list[Move]:
        """Give the latest moves from a queue, the newest first.

        Raises:
            QueueError: There is no such queue, or the limit is not 1 to 10.
        """
        if source not in self._settings:
            raise _not_found(f"There is no queue {source}: name one that exists.")
        if not 1 <= limit <= MAX_MOVES_SHOWN:
            raise invalid(f"MaxResults {limit} is not 1 to {MAX_MOVES_SHOWN}.")
        with self._lock:
            rows = self._db.execute(
                "SELECT handle, source, destination, rate, moved, to_move, started_ms, failure"
                " FROM queue_move WHERE source = ? ORDER BY number DESC LIMIT ?",
                (source, limit),
            ).fetchall()
        return [Move(*row) for row in rows]

    def cancel_move(self, handle: str) -> None:
        """Refuse: a move is over when it is answered, so there is never one to stop.

        Raises:
            QueueError: Always; it tells a move that is over from one that never was.
        """
        with self._lock:
            row = self._db.execute(
                "SELECT 1 FROM queue_move WHERE handle = ?", (handle,)
            ).fetchone()
        if row is None:
            raise _not_found("There is no such task: take the handle that starting it returned.")
        message = "The task is not running any more, and only a running one can be cancelled."
        raise QueueError(
            "AWS.SimpleQueueService.UnsupportedOperation", message, "UnsupportedOperation"
        )


def _came_from(row: sqlite3.Row) -> str | None:
    arn = json.loads(row["system"]).get("DeadLetterQueueSourceArn")
    return str(arn).rpartition(":")[2] if arn else None
