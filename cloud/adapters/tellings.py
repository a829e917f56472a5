"""Entries of the log that partners are still to be told of.

They carry a due instant from the transaction that wrote them, and lose it when they were told. So
what the table's stream loses is found by the sweep of the index. Nobody claims one: telling the
same entry twice writes nothing the second time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import UpdateError

from cloud.adapters.outside import reaching
from cloud.adapters.records import PLAIN, sortable
from cloud.adapters.tables import DUE_SHARDS, OperationsRow, Row
from cloud.kernel.change import Event

LONGEST_WAIT = timedelta(hours=1)
"""The longest pause between two attempts; an entry is tried for ever and never dropped."""


@dataclass(frozen=True, slots=True)
class ToTell:
    """An entry of the log that is to be told.

    Attributes:
        key: its row's, which no other entry has.
    """

    event: Event
    row_id: str
    place: str
    due_at: str
    attempts: int

    @property
    def key(self) -> str:
        """What names the entry among all others."""
        return f"{self.row_id} {self.place}"


class DynamoTellings:
    """Entries of the operations table's log that are due to be told."""

    def due(self, now: datetime) -> Iterator[ToTell]:
        """Give all that is due, oldest first in each partition.

        Raises:
            Unavailable: the table did not answer.
        """
        for shard in range(DUE_SHARDS):
            with reaching("reading what is to be told"):
                rows = list(
                    OperationsRow.due.query(f"told-{shard}", OperationsRow.due_at <= sortable(now))
                )
            yield from (_to_tell(row) for row in rows)

    def of(self, keys: Sequence[tuple[str, str]]) -> Iterator[ToTell]:
        """Give those of some entries, by their keys, that are still to be told.

        Raises:
            Unavailable: the table did not answer.
        """
        for row_id, place in keys:
            with reaching(f"reading {row_id}"):
                try:
                    row = OperationsRow.get(row_id, place, consistent_read=True)
                except OperationsRow.DoesNotExist:
                    continue
            if row.due_at:
                yield _to_tell(row)

    def done(self, entry: ToTell) -> None:
        """Take an entry off the index; it stays in the log."""
        _update(entry, [OperationsRow.due_at.remove(), OperationsRow.due_shard.remove()])

    def failed(self, entry: ToTell, now: datetime) -> None:
        """Put an entry off for a pause that doubles up to `LONGEST_WAIT`."""
        wait = min(timedelta(minutes=1) * 2 ** min(entry.attempts, 10), LONGEST_WAIT)
        _update(
            entry,
            [
                OperationsRow.due_at.set(sortable(now + wait)),
                OperationsRow.attempts.set(entry.attempts + 1),
            ],
        )


def _to_tell(row: Row) -> ToTell:
    event = PLAIN.from_text(Event, row.body)
    return ToTell(event, row.pk, row.sk, row.due_at or "", int(row.attempts))


def _update(entry: ToTell, actions: list[Any]) -> None:
    """Update an entry that is still due as it was read; one that moved meanwhile is let be."""
    row = OperationsRow(entry.row_id, entry.place)
    with reaching(f"updating {entry.row_id}"):
        try:
            row.update(actions=actions, condition=(OperationsRow.due_at == entry.due_at))
        except UpdateError as lost:
            if lost.cause_response_code != "ConditionalCheckFailedException":
                raise
