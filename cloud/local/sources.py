"""Event source mappings: what lies in queues and streams is given to the functions behind them.

After the AWS Lambda developer guide, "Using Lambda with Amazon SQS" and "Using AWS Lambda with
Amazon DynamoDB", with their chapters on error handling and event filtering.
"""

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from cloud.kernel.clock import Clock
from cloud.local.dynamodb.changes import spelled
from cloud.local.dynamodb.engine import Engine
from cloud.local.invocations import Invoke, SendOnFailure
from cloud.local.lambdas import Failed
from cloud.local.queues import Queues, Received
from cloud.local.template import ACCOUNT, REGION, Mapped

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=1)
"""Before a batch of a stream that failed is tried again; it doubles up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = timedelta(minutes=1)


class Source(Protocol):
    """Something that feeds a function."""

    def next_due(self) -> datetime | None:
        """Give when it will try again by itself; None when it waits for nothing."""
        ...

    def pump(self) -> int:
        """Give the function all there is to give now; give how much it was."""
        ...


class QueueSource:
    """A queue before a function. What fails comes back when its visibility timeout is over."""

    def __init__(self, mapped: Mapped, queues: Queues, invoke: Invoke) -> None:
        self._mapped = mapped
        self._queues = queues
        self._invoke = invoke

    def next_due(self) -> datetime | None:
        """Give None: the queues themselves know when a message comes back."""
        return None

    def pump(self) -> int:
        """Deliver what can be received, batch by batch."""
        delivered = 0
        while batch := self._queues.receive(self._mapped.source, limit=self._mapped.batch_size):
            delivered += len(batch)
            wanted = [message for message in batch if self._is_wanted(message)]
            failed = self._failed(wanted) if wanted else set()
            done = [message.receipt for message in batch if message.id not in failed]
            self._queues.delete_batch(self._mapped.source, done)
        return delivered

    def _is_wanted(self, message: Received) -> bool:
        """Tell whether a filter lets a message through; what none does is deleted."""
        if not self._mapped.filters:
            return True
        try:
            body = json.loads(message.body)
        except ValueError:
            body = message.body
        seen = {"messageId": message.id, "body": body}
        return any(pattern.matches(seen) for pattern in self._mapped.filters)

    def _failed(self, batch: Sequence[Received]) -> set[str]:
        """Call the function; give the ids of the messages that are to come back."""
        answer = self._invoke(self._mapped.function, {"Records": [self._record(m) for m in batch]})
        every = {message.id for message in batch}
        if isinstance(answer, Failed):
            return every
        failed = failures(answer, every) if self._mapped.reports_failures else set()
        for message_id in sorted(failed):
            log.warning("%s put back message %s", self._mapped.function, message_id)
        return failed

    def _record(self, message: Received) -> dict[str, Any]:
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": dict(message.system),
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self._mapped.source}",
            "awsRegion": REGION,
        }


class StreamSource:
    """A table's stream before a function, read in order from a mark that outlives the process.

    A batch that fails is tried again, from the first record that failed where the function says
    which; after as many tries as the mapping allows it is given up and its place in the stream
    goes to the queue for failures.
    """

    def __init__(
        self,
        mapped: Mapped,
        engine: Engine,
        invoke: Invoke,
        *,
        marks: "Marks",
        clock: Clock,
        give_up: SendOnFailure,
    ) -> None:
        self._mapped = mapped
        self._engine = engine
        self._invoke = invoke
        self._marks = marks
        self._clock = clock
        self._give_up = give_up
        self._tries = 0
        self._again_at: datetime | None = None
        if marks.read(mapped.name) is None:
            from_start = mapped.starting_position == "TRIM_HORIZON"
            marks.write(mapped.name, 0 if from_start else engine.last_change(mapped.source))

    def next_due(self) -> datetime | None:
        """Give when a batch that failed is tried again."""
        return self._again_at

    def pump(self) -> int:
        """Deliver the changes since the mark, batch by batch, until one fails."""
        delivered = 0
        if self._again_at is not None and self._again_at > self._clock.now():
            return 0
        self._again_at = None
        while True:
            mark = self._marks.read(self._mapped.name) or 0
            changes = self._engine.changes(self._mapped.source, mark, self._mapped.batch_size)
            if not changes:
                return delivered
            wanted = [
                (change.sequence, change.record)
                for change in changes
                if not self._mapped.filters
                or any(pattern.matches(change.record) for pattern in self._mapped.filters)
            ]
            until = self._deliver(wanted) if wanted else None
            if until is not None:  # everything before this record is done
                if until - 1 > mark:
                    self._marks.write(self._mapped.name, until - 1)
                self._again_at = self._clock.now() + self._pause()
                return delivered
            self._tries = 0
            delivered += len(wanted)
            self._marks.write(self._mapped.name, changes[-1].sequence)

    def _pause(self) -> timedelta:
        doublings = min(max(self._tries - 1, 0), 10)
        return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)

    def _deliver(self, batch: Sequence[tuple[int, Mapping[str, Any]]]) -> int | None:
        """Call the function; give the sequence to go on from later, None when all is done."""
        answer = self._invoke(self._mapped.function, {"Records": [record for _, record in batch]})
        first = batch[0][0]
        if not isinstance(answer, Failed):
            if not self._mapped.reports_failures:
                return None
            by_id = {record["dynamodb"]["SequenceNumber"]: number for number, record in batch}
            failed = failures(answer, set(by_id))
            if not failed:
                return None
            first = min(by_id[one] for one in failed)
            if first > batch[0][0]:  # what stood before it got through: its tries begin anew
                self._tries = 0
        if isinstance(answer, Failed) and answer.is_throttled:
            return first  # nothing was run: it does not count
        self._tries += 1
        if self._mapped.most_retries is not None and self._tries > self._mapped.most_retries:
            self._abandon([number for number, _ in batch if number >= first])
            return None
        return first

    def _abandon(self, numbers: Sequence[int]) -> None:
        log.error("%s: gave up changes %s of %s", self._mapped.function, numbers, self._mapped.name)
        if self._mapped.on_failure:
            record = {
                "requestContext": {
                    "functionArn": self._mapped.function,
                    "condition": "RetryAttemptsExhausted",
                    "approximateInvokeCount": self._tries,
                },
                "timestamp": self._clock.now().isoformat(),
                "DDBStreamBatchInfo": {
                    "startSequenceNumber": spelled(numbers[0]),
                    "endSequenceNumber": spelled(numbers[-1]),
                    "batchSize": len(numbers),
                    "streamArn": self._engine.stream_arn(self._mapped.source),
                },
            }
            self._give_up(self._mapped.on_failure, json.dumps(record))
        self._tries = 0


class Marks:
    """How far each mapping has read its stream."""

    def __init__(self, database: Path) -> None:
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        # What is lost is read twice. The first mark is not lost: made anew it would pass over.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, at INTEGER)")
        self._known = dict(self._db.execute("SELECT name, at FROM mark"))

    def read(self, name: str) -> int | None:
        """Give the last change that a mapping is done with."""
        found: int | None = self._known.get(name)
        return found

    def write(self, name: str, at: int) -> None:
        """Note how far a mapping has come."""
        durability = "NORMAL" if name in self._known else "FULL"
        self._db.execute(f"PRAGMA synchronous={durability}")
        self._db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (name, at))
        self._known[name] = at

    def close(self) -> None:
        """Close the database."""
        self._db.close()


def failures(answer: Any, every: set[str]) -> set[str]:
    """Read `batchItemFailures`; an answer of the wrong shape means that the whole batch failed.

    See "Implementing partial batch responses": nothing, or an empty list, means that all is done.
    """
    if answer is None or answer == {}:
        return set()
    if not isinstance(answer, Mapping):
        return every
    listed = answer.get("batchItemFailures")
    if listed is None:
        return set()
    if not isinstance(listed, list):
        return every
    named = {one.get("itemIdentifier") if isinstance(one, Mapping) else None for one in listed}
    return named if named <= every else every  # type: ignore[return-value] # all of them are texts
