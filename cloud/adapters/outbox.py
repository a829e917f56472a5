"""What is due: letters and messages that must leave, and timers that must wake somebody."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import UpdateError

from cloud.adapters.outside import reaching
from cloud.adapters.records import PLAIN, sortable
from cloud.adapters.tables import DUE_SHARDS, OperationsRow, Row
from cloud.kernel.change import Letter, Message, Timer

LEASE = timedelta(minutes=5)
"""How long a row that somebody took is left alone; after a crash it is due again."""

LONGEST_WAIT = timedelta(hours=1)
"""The longest pause between two attempts; a row is tried for ever and never dropped."""

PASSING = frozenset({"webhook_due"})
"""Topics whose messages DynamoDB deletes some time after they were sent."""
PASSING_KEPT = timedelta(days=30)

KINDS: dict[str, type[Any]] = {"Letter": Letter, "Message": Message, "Timer": Timer}


@dataclass(frozen=True, slots=True)
class Due:
    """A row that was claimed: do what it says, then say `done` or `failed`.

    Attributes:
        what: the letter, message or timer.
        row_id: key of the row.
        claimed_until: due instant of the claim; a row moved meanwhile (a timer that was set again)
            no longer carries it and is left alone by `done` and `failed`.
        attempts: how often it was claimed before this time.
    """

    what: Letter | Message | Timer
    row_id: str
    claimed_until: str
    attempts: int

    def late_s(self, now: datetime) -> float:
        """Give for how long it should have happened by now, whatever was tried meanwhile."""
        since = self.what.due_at if isinstance(self.what, Timer) else self.what.at
        return max((now - since).total_seconds(), 0.0)


class DynamoOutbox:
    """Claims due rows of the operations table, one at a time, oldest first in each partition."""

    def claim(self, now: datetime, *, kinds: frozenset[str]) -> Iterator[Due]:
        """Give the due rows of those kinds, each claimed for `LEASE`.

        A row that another sweeper claimed first is passed over.

        Raises:
            Unavailable: the table did not answer.
        """
        for shard in range(DUE_SHARDS):
            with reaching("reading what is due"):
                rows = list(
                    OperationsRow.due.query(f"due-{shard}", OperationsRow.due_at <= sortable(now))
                )
            yield from _claimed((row for row in rows if row.kind in kinds), now)

    def claim_rows(self, row_ids: Sequence[str], now: datetime) -> Iterator[Due]:
        """Give those of some rows that are due, each claimed for `LEASE`.

        This is how what was just written leaves at once. A row that is due later, that is gone or
        that somebody else claimed is passed over: `claim` comes to it in its time.

        Raises:
            Unavailable: the table did not answer.
        """
        for row_id in row_ids:
            with reaching(f"reading {row_id}"):
                try:
                    row = OperationsRow.get(row_id, "-", consistent_read=True)
                except OperationsRow.DoesNotExist:
                    continue
            if row.due_at and row.due_at <= sortable(now):
                yield from _claimed([row], now)

    def done(self, due: Due, now: datetime) -> None:
        """Take a row off the index of what is due; it stays as a record of what was sent.

        One of a topic of `PASSING` goes by itself after a while: a delivery keeps its own tries.
        """
        actions = [
            OperationsRow.due_at.remove(),
            OperationsRow.due_shard.remove(),
            OperationsRow.done_at.set(sortable(now)),
        ]
        if isinstance(due.what, Message) and due.what.topic in PASSING:
            actions.append(OperationsRow.ttl.set(int((now + PASSING_KEPT).timestamp())))
        _is_updated(OperationsRow(due.row_id, "-"), actions, if_due_at=due.claimed_until)

    def failed(self, due: Due, now: datetime) -> None:
        """Put a row back, to be tried again after a pause that doubles up to `LONGEST_WAIT`."""
        wait = min(timedelta(minutes=1) * 2 ** min(due.attempts, 10), LONGEST_WAIT)
        _is_updated(
            OperationsRow(due.row_id, "-"),
            [OperationsRow.due_at.set(sortable(now + wait))],
            if_due_at=due.claimed_until,
        )


def _claimed(rows: Iterable[Row], now: datetime) -> Iterator[Due]:
    """Claim rows one after another, passing over those that somebody else claimed first."""
    until = sortable(now + LEASE)
    for row in rows:
        if _is_updated(
            row,
            [OperationsRow.due_at.set(until), OperationsRow.attempts.set(row.attempts + 1)],
            if_due_at=row.due_at,
        ):
            what = PLAIN.from_text(KINDS[row.kind], row.body)
            yield Due(what, row.pk, until, int(row.attempts) - 1)


def _is_updated(row: Row, actions: list[Any], *, if_due_at: str) -> bool:
    """Update a row that is still due at that instant, or tell that somebody moved it."""
    with reaching(f"updating {row.pk}"):
        try:
            row.update(actions=actions, condition=(OperationsRow.due_at == if_due_at))
        except UpdateError as lost:
            if lost.cause_response_code != "ConditionalCheckFailedException":
                raise
            return False
    return True
