"""The records of all stages in DynamoDB: one transaction a change."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from cloud.adapters import codec
from cloud.adapters.tables import DUE_SHARDS, Chart, OperationsRow, Row
from cloud.kernel.change import NEW, Change, Event, Letter, Message, Save, Timer
from cloud.kernel.errors import BrokenInvariant, Conflict
from cloud.kernel.ports import Stored

R = TypeVar("R")

TRANSACTION_ITEMS = 100
"""The most items of one TransactWriteItems call (DynamoDB API reference, TransactWriteItems)."""


def sortable(instant: datetime) -> str:
    """Give an instant as text that sorts as time does: UTC, microseconds, one width."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def shard_of(row_id: str, shards: int = DUE_SHARDS) -> str:
    """Give the partition of the due index that an id belongs to."""
    return f"due-{zlib.crc32(row_id.encode()) % shards}"


class DynamoRecords:
    """`cloud.kernel.ports.Records` over pynamodb."""

    def __init__(self, chart: Chart, connection: Connection) -> None:
        self._chart = chart
        self._connection = connection

    def load(self, kind: type[R], record_id: str) -> Stored[R] | None:
        """See `Records.load`; the read is strongly consistent."""
        table, _ = self._place(kind)
        try:
            row = table.get(_key(kind, record_id), "-", consistent_read=True)
        except table.DoesNotExist:
            return None
        return Stored(codec.from_text(kind, row.body), int(row.version))

    def find(self, kind: type[R], *, by: str, value: str) -> Sequence[Stored[R]]:
        """See `Records.find`."""
        table, attributes = self._place(kind)
        if by not in attributes:
            msg = f"{kind.__name__} is not charted by {by}: add it in cloud/adapters/chart.py"
            raise BrokenInvariant(msg)
        index = getattr(table, f"by_{attributes.index(by) + 1}")
        return tuple(
            Stored(codec.from_text(kind, row.body), int(row.version))
            for row in index.query(_lookup(kind, by, value))
        )

    def history(self, subject: str) -> Sequence[Event]:
        """See `Records.history`."""
        rows = OperationsRow.query(f"LOG#{subject}", consistent_read=True)
        return tuple(codec.from_text(Event, row.body) for row in rows)

    def events_of(self, day: date) -> Sequence[Event]:
        """Give all events of one UTC day, in order of time: the day's page of the audit log."""
        rows = OperationsRow.by_1.query(f"Event.day={day.isoformat()}")
        events = [codec.from_text(Event, row.body) for row in rows]
        return sorted(events, key=lambda event: (event.at, event.subject, event.what))

    def commit(self, change: Change) -> None:
        """See `Records.commit`.

        Raises:
            Conflict: a record's stored version is not the expected one.
            BrokenInvariant: the change holds more items than one transaction can.
        """
        if not change:
            return
        known: frozenset[str] = frozenset()
        while True:
            written = tuple(self._writes(change, known))
            if len(written) > TRANSACTION_ITEMS:
                msg = f"a change of {len(written)} items does not fit one transaction: split it"
                raise BrokenInvariant(msg)
            try:
                with TransactWrite(connection=self._connection) as transaction:
                    for row, condition in written:
                        if row.kind == "_cancelled":
                            transaction.delete(row)
                        else:
                            transaction.save(row, condition=condition)
            except TransactWriteError as lost:
                failed = _failed(lost, written)
                outgoing = {row.pk for row in failed if row.pk.startswith("OUT#")}
                if not outgoing or len(outgoing) < len(failed):
                    names = ", ".join(row.pk for row in failed) or str(lost)
                    msg = (
                        f"writing a change: {names} changed meanwhile; load again and decide again"
                    )
                    raise Conflict(msg) from lost
                known |= outgoing  # these letters and messages are there already: leave them be
                continue
            return

    def _place(self, kind: type[Any]) -> tuple[type[Row], tuple[str, ...]]:
        try:
            return self._chart[kind]
        except KeyError:
            msg = f"{kind.__name__} is not charted: add it in cloud/adapters/chart.py"
            raise BrokenInvariant(msg) from None

    def _writes(
        self, change: Change, known: frozenset[str]
    ) -> Iterator[tuple[Row, Condition | None]]:
        for save in change.saves:
            yield self._record_row(save), _expects(save)
        for event in change.events:
            yield _event_row(event), None
        outgoings: tuple[Letter | Message, ...] = (*change.letters, *change.messages)
        for outgoing in outgoings:
            row = _outgoing_row(outgoing)
            if row.pk not in known:
                yield row, OperationsRow.pk.does_not_exist()
        for timer in change.timers:
            yield _timer_row(timer), None
        for cancelled in set(change.cancelled_timers) - {timer.id for timer in change.timers}:
            yield OperationsRow(f"TIMER#{cancelled}", "-", kind="_cancelled", body=""), None

    def _record_row(self, save: Save) -> Row:
        kind = type(save.record)
        table, attributes = self._place(kind)
        lookups: dict[str, Any] = {
            f"lookup_{place}": _lookup(kind, attribute, str(getattr(save.record, attribute)))
            for place, attribute in enumerate(attributes, 1)
            if getattr(save.record, attribute) not in {None, ""}
        }
        return table(
            _key(kind, save.record.id),
            "-",
            kind=kind.__name__,
            version=save.expected_version + 1,
            shape=codec.SHAPE,
            body=codec.to_text(save.record),
            **lookups,
        )


def _key(kind: type[Any], record_id: str) -> str:
    return f"{kind.__name__}#{record_id}"


def _lookup(kind: type[Any], attribute: str, value: str) -> str:
    return f"{kind.__name__}.{attribute}={value}"


def _expects(save: Save) -> Condition:
    if save.expected_version == NEW:
        return Row.pk.does_not_exist()
    return Row.version == save.expected_version


def _event_row(event: Event) -> OperationsRow:
    body = codec.to_text(event)
    digest = hashlib.sha256(body.encode()).hexdigest()[:12]
    return OperationsRow(
        f"LOG#{event.subject}",
        f"{sortable(event.at)}#{digest}",
        kind="Event",
        body=body,
        lookup_1=f"Event.day={event.at.astimezone(UTC).date().isoformat()}",
    )


def _outgoing_row(outgoing: Letter | Message) -> OperationsRow:
    return OperationsRow(
        f"OUT#{outgoing.id}",
        "-",
        kind=type(outgoing).__name__,
        body=codec.to_text(outgoing),
        due_shard=shard_of(outgoing.id),
        due_at=sortable(outgoing.at),
    )


def _timer_row(timer: Timer) -> OperationsRow:
    return OperationsRow(
        f"TIMER#{timer.id}",
        "-",
        kind="Timer",
        body=codec.to_text(timer),
        due_shard=shard_of(timer.id),
        due_at=sortable(timer.due_at),
    )


def _failed(lost: TransactWriteError, written: Sequence[tuple[Row, Condition | None]]) -> list[Row]:
    """Name the rows whose condition failed; the reasons stand in the order of the items.

    pynamodb sends deletes before saves, whatever the order they were given in.
    """
    sent = [row for row, _ in written if row.kind == "_cancelled"]
    sent += [row for row, _ in written if row.kind != "_cancelled"]
    return [
        row
        for row, reason in zip(sent, lost.cancellation_reasons, strict=False)
        if reason is not None and reason.code == "ConditionalCheckFailed"
    ]
