"""Calls that nobody waits for: kept until their function has taken them, or given up visibly.

After the AWS Lambda developer guide, "How Lambda handles errors and retries with asynchronous
invocation": two more tries, a minute and two minutes later, then the destination on failure.
Schedules and events call in this way. A schedule's firing and the call it makes are one commit.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cloud.kernel.clock import Clock
from cloud.local.lambdas import Failed
from cloud.local.sqlite import transaction
from cloud.local.template import ACCOUNT, REGION, Function

FIRST_PAUSE = timedelta(minutes=1)
"""Before the second try; before the third it is twice as long."""
THROTTLED_PAUSE = timedelta(seconds=1)
"""Before a call that was not run at all is tried again; such a try does not count."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fired (name TEXT PRIMARY KEY, at TEXT);
CREATE TABLE IF NOT EXISTS invocation (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    function TEXT NOT NULL, payload TEXT NOT NULL,
    accepted_at TEXT NOT NULL, attempts INTEGER NOT NULL, next_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS invocation_next ON invocation (next_at, number);
"""

Invoke = Callable[[str, Any], Any]
SendOnFailure = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that is waiting for its function."""

    id: str
    function: str
    payload: str
    accepted_at: datetime
    attempts: int
    next_at: datetime


class Invocations:
    """The queue inside Lambda, and when each schedule fired last."""

    def __init__(self, database: Path, clock: Clock, functions: Mapping[str, Function]) -> None:
        self._clock = clock
        self._functions = functions
        self._lock = threading.Lock()
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        # Schedules are as the clock: a commit outlives the process; after a power cut the clock may
        # stand a moment earlier, and what is due is done again.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    # ---- schedules --------------------------------------------------------------------------
    def first_start(self) -> datetime:
        """Give the instant at which this stack was first started."""
        now = self._clock.now()
        with self._lock:
            self._db.execute(
                "INSERT OR IGNORE INTO fired VALUES ('first start', ?)", (now.isoformat(),)
            )
        return self.last_fired("first start") or now

    def last_fired(self, schedule: str) -> datetime | None:
        """Give the instant for which a schedule fired last."""
        with self._lock:
            row = self._db.execute("SELECT at FROM fired WHERE name = ?", (schedule,)).fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def fire(self, schedule: str, at: datetime, call: tuple[str, Any] | None) -> None:
        """Note that a schedule fired for an instant, and take its call in, in one commit.

        A schedule fires once for an instant, however often this is asked for.

        Args:
            schedule: its name.
            at: the instant it fired for.
            call: function and event; None only sets the mark from which the schedule counts.
        """
        with self._lock, transaction(self._db):
            self._db.execute(
                "INSERT INTO fired VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at",
                (schedule, at.isoformat()),
            )
            if call is not None:
                self._insert(f"{schedule}@{at.isoformat()}", *call)

    # ---- calls ------------------------------------------------------------------------------
    def accept(self, call_id: str, function: str, event: Any) -> None:
        """Take a call in; the same id is taken in once while it waits.

        It outlives a power cut: somebody was told that it was taken.
        """
        with self._lock:
            self._db.execute("PRAGMA synchronous=FULL")
            self._insert(call_id, function, event)
            self._db.execute("PRAGMA synchronous=NORMAL")

    def _insert(self, call_id: str, function: str, event: Any) -> None:
        now = self._clock.now().isoformat()
        self._db.execute(
            "INSERT OR IGNORE INTO invocation VALUES (NULL, ?, ?, ?, ?, 0, ?)",
            (call_id, function, json.dumps(event), now, now),
        )

    def pending(self, limit: int = 100) -> list[Pending]:
        """Give the calls that wait, the next one first, of one instant the first that came."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, function, payload, accepted_at, attempts, next_at FROM invocation"
                " ORDER BY next_at, number LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            Pending(i, f, p, datetime.fromisoformat(a), n, datetime.fromisoformat(x))
            for i, f, p, a, n, x in rows
        ]

    def next_due(self) -> datetime | None:
        """Give when the next call is to be made, None when none waits."""
        waiting = self.pending(1)
        return waiting[0].next_at if waiting else None

    def run_due(self, invoke: Invoke, give_up: SendOnFailure) -> int:
        """Make every call that is due; give how many were made.

        Args:
            invoke: calls a function.
            give_up: sends the record of a call that failed for good to a queue.
        """
        made = 0
        while (waiting := self.pending(1)) and waiting[0].next_at <= self._clock.now():
            call = waiting[0]
            made += 1
            answer = invoke(call.function, json.loads(call.payload))
            if isinstance(answer, Failed):
                self._after_failure(call, answer, give_up)
            else:
                self._remove(call.id)
        return made

    def _after_failure(self, call: Pending, failed: Failed, give_up: SendOnFailure) -> None:
        function = self._functions[call.function]
        now = self._clock.now()
        is_too_old = now - call.accepted_at >= timedelta(seconds=function.most_event_age_s)
        if failed.is_throttled and not is_too_old:
            self._again(call, now + THROTTLED_PAUSE, call.attempts)
            return
        attempts = call.attempts + 1
        if attempts <= function.retries and not is_too_old:
            self._again(call, now + FIRST_PAUSE * attempts, attempts)
            return
        if function.on_failure:
            record = _record(call, failed, attempts, now, is_too_old=is_too_old)
            give_up(function.on_failure, json.dumps(record))
        self._remove(call.id)

    def _again(self, call: Pending, at: datetime, attempts: int) -> None:
        with self._lock:
            self._db.execute(
                "UPDATE invocation SET next_at = ?, attempts = ? WHERE id = ?",
                (at.isoformat(), attempts, call.id),
            )

    def _remove(self, call_id: str) -> None:
        with self._lock:
            self._db.execute("DELETE FROM invocation WHERE id = ?", (call_id,))


def _record(
    call: Pending, failed: Failed, attempts: int, now: datetime, *, is_too_old: bool
) -> Mapping[str, Any]:
    """Write what a destination is sent ("Capturing records of Lambda asynchronous invocations")."""
    return {
        "version": "1.0",
        "timestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "requestContext": {
            "requestId": call.id,
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{call.function}:$LATEST",
            "condition": "EventAgeExceeded" if is_too_old else "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(call.payload),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST",
                            "functionError": "Unhandled"},
        "responsePayload": {"errorType": failed.error_type, "errorMessage": failed.message},
    }  # fmt: skip
