"""The records of all stages in DynamoDB: one transaction a change."""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import count
from typing import Any, TypeVar

from pynamodb.connection import Connection
from pynamodb.exceptions import PutError, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from cloud.adapters.chart import ALONE, EXPIRING, LISTED, charted, listed, waits
from cloud.adapters.codec import SHAPE, Codec
from cloud.adapters.outside import reaching
from cloud.adapters.tables import DUE_SHARDS, Chart, OperationsRow, Row
from cloud.kernel.change import NEW, Change, Event, Letter, Message, Save, Timer
from cloud.kernel.errors import BrokenInvariant, Conflict
from cloud.kernel.ports import Leaf, Stored
from cloud.reporting.feed import TOLD

R = TypeVar("R")

TRANSACTION_ITEMS = 100
"""The most items of one TransactWriteItems call (DynamoDB API reference, TransactWriteItems)."""


_CANCELLED, _RELIED_ON = "_cancelled", "_relied_on"
"""Kinds of rows that are not written: one is deleted, the other only looked at."""

PLAIN = Codec()
"""For what holds no secrets: events, letters, messages, timers."""

_TOLD = count(1)
"""Tells events of one instant apart, in the order in which this process wrote them."""


LONGEST_KEY = 2048
"""Of a partition key, in bytes (DynamoDB developer guide, quotas): nothing is kept under more."""
LONGEST_SORT_KEY = 1024
"""Of a sort key, likewise."""

WAITING_SHARD = "waiting"
"""The partition of the due index in which records lie that a person has to do something with."""


def sortable(instant: datetime) -> str:
    """Give an instant as text that sorts as time does: UTC, microseconds, one width."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def shard_of(row_id: str, shards: int = DUE_SHARDS) -> str:
    """Give the partition of the due index that an id belongs to."""
    return f"due-{zlib.crc32(row_id.encode()) % shards}"


def telling_shard(subject: str) -> str:
    """Give the partition of the due index in which an entry of the log waits to be told."""
    return f"told-{zlib.crc32(subject.encode()) % DUE_SHARDS}"


class DynamoRecords:
    """`cloud.kernel.ports.Records` over pynamodb."""

    def __init__(
        self,
        chart: Chart,
        connection: Connection,
        codec: Codec | None = None,
        *,
        heard: Callable[[Sequence[Event]], None] | None = None,
    ) -> None:
        """Take the tables, and whoever wants to hear of the events that were committed."""
        self._heard = heard
        self._chart = chart
        self._connection = connection
        self._codec = codec or Codec()

    def load(self, kind: type[R], record_id: str) -> Stored[R] | None:
        """See `Records.load`; the read is strongly consistent."""
        table, _ = self._place(kind)
        if len(_key(kind, record_id).encode()) > LONGEST_KEY:
            return None
        with reaching(f"loading {kind.__name__} {record_id}"):
            try:
                row = table.get(_key(kind, record_id), "-", consistent_read=True)
            except table.DoesNotExist:
                return None
        return self._stored(kind, row)

    def load_all(self, kind: type[R], record_ids: Sequence[str]) -> Mapping[str, Stored[R]]:
        """See `Records.load_all`; the reads are strongly consistent, a hundred at a time."""
        table, _ = self._place(kind)
        keys = {_key(kind, one): one for one in record_ids}
        fitting = [(key, "-") for key in keys if len(key.encode()) <= LONGEST_KEY]
        with reaching(f"loading {len(fitting)} of {kind.__name__}"):
            rows = list(table.batch_get(fitting, consistent_read=True)) if fitting else []
        return {keys[row.pk]: self._stored(kind, row) for row in rows}

    def find(self, kind: type[R], *, by: str, value: str) -> Sequence[Stored[R]]:
        """See `Records.find`."""
        table, attributes = self._place(kind)
        if by not in attributes:
            msg = f"{kind.__name__} is not charted by {by}: add it in cloud/adapters/chart.py"
            raise BrokenInvariant(msg)
        if len(_lookup(kind, by, value).encode()) > LONGEST_KEY:
            return ()
        index = getattr(table, f"by_{attributes.index(by) + 1}")
        with reaching(f"finding {kind.__name__} by {by} {value}"):
            rows = list(index.query(_lookup(kind, by, value)))
        return tuple(self._stored(kind, row) for row in rows)

    def some(self, kind: type[R], *, by: str, value: str, limit: int, after: str = "") -> Leaf[R]:
        """See `Records.some`; one more is read than given, to know whether there is one."""
        table, attributes = self._place(kind)
        if by not in attributes:
            msg = f"{kind.__name__} is not charted by {by}: add it in cloud/adapters/chart.py"
            raise BrokenInvariant(msg)
        place = attributes.index(by) + 1
        index, pile = getattr(table, f"by_{place}"), _lookup(kind, by, value)
        if len(pile.encode()) > LONGEST_KEY or len(_key(kind, after).encode()) > LONGEST_SORT_KEY:
            return Leaf((), (), has_more=False)
        past = table.pk > _key(kind, after) if after else None
        with reaching(f"finding some of {kind.__name__} by {by} {value}"):
            rows = list(index.query(pile, past, limit=limit + 1))
        found = tuple(self._stored(kind, row) for row in rows[:limit])
        places = tuple(row.pk.partition("#")[2] for row in rows[:limit])
        return Leaf(found, places, has_more=len(rows) > limit)

    def latest(self, kind: type[R], *, value: str, limit: int, after: str = "") -> Leaf[R]:
        """See `Records.latest`; one more is read than given, to know whether there is one."""
        table, _ = self._place(kind)
        pile = _pile(kind, value)
        if len(pile.encode()) > LONGEST_KEY or len(after.encode()) > LONGEST_SORT_KEY:
            return Leaf((), (), has_more=False)
        past = table.listed_at < after if after else None
        with reaching(f"finding the latest {kind.__name__} of {value}"):
            rows = list(
                OperationsRow.latest.query(pile, past, scan_index_forward=False, limit=limit + 1)
            )
        found = tuple(self._stored(kind, row) for row in rows[:limit])
        return Leaf(found, tuple(row.listed_at for row in rows[:limit]), len(rows) > limit)

    def waiting(self, kinds: Sequence[type[Any]]) -> Sequence[Stored[Any]]:
        """See `cloud.reporting.ports.WaitingRecords.waiting`."""
        wanted = {kind.__name__: kind for kind in kinds}
        with reaching("finding what waits for a person"):
            rows = list(OperationsRow.due.query(WAITING_SHARD))
        return tuple(self._stored(wanted[row.kind], row) for row in rows if row.kind in wanted)

    def history(self, subject: str) -> Sequence[Event]:
        """See `Records.history`."""
        with reaching(f"reading the log of {subject}"):
            rows = list(OperationsRow.query(f"LOG#{subject}", consistent_read=True))
        return tuple(PLAIN.from_text(Event, row.body) for row in rows)

    def events_of(self, day: date) -> Sequence[Event]:
        """Give all events of one UTC day, in order of time: the day's page of the audit log."""
        with reaching(f"reading the log of {day}"):
            rows = list(OperationsRow.by_1.query(f"Event.day={day.isoformat()}"))
        told = [(PLAIN.from_text(Event, row.body), int(row.version)) for row in rows]
        return [event for event, _ in sorted(told, key=lambda one: (one[0].at, one[1]))]

    def told(self, what: str, *, month: str) -> Sequence[Event]:
        """See `cloud.reporting.ports.ToldRecords.told`."""
        with reaching(f"reading what was {what} in {month}"):
            rows = list(OperationsRow.by_2.query(f"Event.told={what}@{month}"))
        found = [(PLAIN.from_text(Event, row.body), int(row.version)) for row in rows]
        return [event for event, _ in sorted(found, key=lambda one: (one[0].at, one[1]))]

    def commit(self, change: Change) -> None:
        """See `Records.commit`.

        Raises:
            Conflict: a record's stored version is not the expected one.
            BrokenInvariant: the change holds more items than one transaction can, or a record
                twice.
            Unavailable: the table did not take it; nothing of it was written.
        """
        require_fitting(change)
        known: frozenset[str] = frozenset()
        while written := self._written(change, known):
            try:
                with reaching("writing a change"):
                    if _goes_alone(change, written):
                        _put(*written[0])
                    else:
                        self._write(written)
            except _Lost as lost:
                outgoing = {row.pk for row in lost.rows if row.pk.startswith("OUT#")}
                if not outgoing or len(outgoing) < len(lost.rows):
                    names = ", ".join(row.pk for row in lost.rows) or str(lost)
                    msg = (
                        f"writing a change: {names} changed meanwhile; load again and decide again"
                    )
                    raise Conflict(msg) from lost
                known |= outgoing  # these letters and messages are there already: leave them be
            else:
                if self._heard is not None:
                    self._heard(change.events)
                return

    def _write(self, written: Sequence[tuple[Row, Condition | None]]) -> None:
        try:
            with TransactWrite(connection=self._connection) as transaction:
                for row, condition in written:
                    if row.kind == _CANCELLED:
                        transaction.delete(row)
                    elif row.kind == _RELIED_ON:
                        transaction.condition_check(type(row), row.pk, row.sk, condition)
                    else:
                        transaction.save(row, condition=condition)
        except TransactWriteError as failed:
            if failed.cause_response_code != "TransactionCanceledException":
                raise
            raise _Lost(_failed(failed, written)) from failed

    def _written(
        self, change: Change, known: frozenset[str]
    ) -> Sequence[tuple[Row, Condition | None]]:
        """Give each row once: DynamoDB refuses a transaction that names an item twice."""
        rows: dict[tuple[type[Row], str, str], tuple[Row, Condition | None]] = {}
        for row, condition in self._writes(change, known):
            rows.setdefault((type(row), row.pk, row.sk), (row, condition))
        return tuple(rows.values())

    def _stored(self, kind: type[R], row: Row) -> Stored[R]:
        record = self._codec.from_text(kind, row.body, about=row.pk, shape=int(row.shape))
        return Stored(record, int(row.version))

    def _place(self, kind: type[Any]) -> tuple[type[Row], tuple[str, ...]]:
        try:
            return self._chart[charted(kind)]
        except KeyError:
            msg = f"{kind.__name__} is not charted: add it in cloud/adapters/chart.py"
            raise BrokenInvariant(msg) from None

    def _writes(
        self, change: Change, known: frozenset[str]
    ) -> Iterator[tuple[Row, Condition | None]]:
        for save in change.saves:
            yield self._record_row(save), _expects(save)
        for relied in change.relies_on:
            kind = type(relied.record)
            table, _ = self._place(kind)
            row = table(_key(kind, relied.record.id), "-", kind=_RELIED_ON, body="")
            yield row, Row.version == relied.version
        for event in change.events:
            yield _event_row(event), None
        outgoings: tuple[Letter | Message, ...] = (*change.letters, *change.messages)
        for outgoing in outgoings:
            row = _outgoing_row(outgoing)
            if row.pk not in known:
                yield row, OperationsRow.pk.does_not_exist()
        for timer in reversed(change.timers):  # of one that is set twice, the last stands
            yield _timer_row(timer), None
        for cancelled in set(change.cancelled_timers) - {timer.id for timer in change.timers}:
            yield OperationsRow(f"TIMER#{cancelled}", "-", kind=_CANCELLED, body=""), None

    def read(self, kind: type[R], row: Row) -> Stored[R]:
        """Give the record that lies in a row of its kind."""
        return self._stored(kind, row)

    def found_by(self, record: Any) -> dict[str, str]:
        """Give what the row of a record is found by beside its id: lookups, and its pile."""
        kind = type(record)
        _, attributes = self._place(kind)
        found = {
            f"lookup_{place}": _lookup(kind, attribute, str(getattr(record, attribute)))
            for place, attribute in enumerate(attributes, 1)
            if getattr(record, attribute) not in {None, ""}
        }
        if (pile := listed(record)) is not None:
            found["listed"] = _pile(kind, pile[0])
            found["listed_at"] = place_in_pile(pile[1], record.id)
        if waits(record):
            found |= {"due_shard": WAITING_SHARD, "due_at": _key(kind, record.id)}
        return found

    def _record_row(self, save: Save) -> Row:
        kind = type(save.record)
        table, _ = self._place(kind)
        lookups: dict[str, Any] = dict(self.found_by(save.record))
        key = _key(kind, save.record.id)
        if charted(kind) in EXPIRING:
            lookups["ttl"] = int(save.record.expires_at.timestamp())
        return table(
            key,
            "-",
            kind=kind.__name__,
            version=save.expected_version + 1,
            shape=SHAPE,
            body=self._codec.to_text(save.record, about=key),
            **lookups,
        )


class _Lost(Exception):
    """A condition of a transaction failed, on these rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__("the transaction was cancelled")
        self.rows = rows


def require_fitting(change: Change) -> None:
    """Check that a change can be one transaction.

    Raises:
        BrokenInvariant: it holds more items than one can, or a record twice.
    """
    items = (
        *change.saves,
        *change.events,
        *change.letters,
        *change.messages,
        *change.timers,
        *change.cancelled_timers,
        *change.relies_on,
    )
    if len(items) > TRANSACTION_ITEMS:
        msg = f"a change of {len(items)} items does not fit one transaction: split it"
        raise BrokenInvariant(msg)
    records = [save.record for save in change.saves] + [r.record for r in change.relies_on]
    keys = [_key(type(record), record.id) for record in records]
    twice = sorted(key for key in set(keys) if keys.count(key) > 1)
    if twice:
        msg = f"a change names {twice[0]} twice: decide what it becomes"
        raise BrokenInvariant(msg)


def _key(kind: type[Any], record_id: str) -> str:
    return f"{kind.__name__}#{record_id}"


def _lookup(kind: type[Any], attribute: str, value: str) -> str:
    return f"{kind.__name__}.{attribute}={value}"


def _pile(kind: type[Any], value: str) -> str:
    """Give the partition of the index by time that records of a kind with that value lie in.

    Raises:
        BrokenInvariant: its chart does not list the kind by time.
    """
    if charted(kind) not in LISTED:
        msg = f"{kind.__name__} is not listed by time: add it to LISTED in cloud/adapters/chart.py"
        raise BrokenInvariant(msg)
    return _lookup(kind, LISTED[charted(kind)][0], value)


def place_in_pile(instant: datetime, record_id: str) -> str:
    """Give where a record stands in its pile: no two stand in the same place."""
    return f"{sortable(instant)} {record_id}"


def _goes_alone(change: Change, written: Sequence[tuple[Row, Condition | None]]) -> bool:
    return len(written) == 1 and any(charted(type(one.record)) in ALONE for one in change.saves)


def _put(row: Row, condition: Condition | None) -> None:
    try:
        row.save(condition=condition)
    except PutError as failed:
        if failed.cause_response_code != "ConditionalCheckFailedException":
            raise
        raise _Lost([row]) from failed


def _expects(save: Save) -> Condition:
    if save.expected_version == NEW:
        return Row.pk.does_not_exist()
    return Row.version == save.expected_version


def _event_row(event: Event) -> OperationsRow:
    body = PLAIN.to_text(event)
    digest = hashlib.sha256(body.encode()).hexdigest()[:12]
    # Partners are to be told: it is due until `cloud.adapters.tellings` says that they were.
    to_tell: dict[str, Any] = {}
    if event.what in TOLD:
        to_tell = {"due_shard": telling_shard(event.subject), "due_at": sortable(event.at)}
    return OperationsRow(
        f"LOG#{event.subject}",
        f"{sortable(event.at)}#{digest}",
        kind="Event",
        version=next(_TOLD),
        body=body,
        lookup_1=f"Event.day={event.at.astimezone(UTC).date().isoformat()}",
        lookup_2=f"Event.told={event.what}@{event.at.astimezone(UTC):%Y-%m}",
        **to_tell,
    )


def _outgoing_row(outgoing: Letter | Message) -> OperationsRow:
    return OperationsRow(
        f"OUT#{type(outgoing).__name__}#{outgoing.id}",
        "-",
        kind=type(outgoing).__name__,
        body=PLAIN.to_text(outgoing),
        due_shard=shard_of(outgoing.id),
        due_at=sortable(outgoing.at),
    )


def _timer_row(timer: Timer) -> OperationsRow:
    return OperationsRow(
        f"TIMER#{timer.id}",
        "-",
        kind="Timer",
        body=PLAIN.to_text(timer),
        due_shard=shard_of(timer.id),
        due_at=sortable(timer.due_at),
    )


def _failed(lost: TransactWriteError, written: Sequence[tuple[Row, Condition | None]]) -> list[Row]:
    """Name the rows whose condition failed; the reasons stand in the order of the items.

    pynamodb sends checks, then deletes, then saves, whatever the order they were given in.
    """
    sent = [row for row, _ in written if row.kind == _RELIED_ON]
    sent += [row for row, _ in written if row.kind == _CANCELLED]
    sent += [row for row, _ in written if row.kind not in {_RELIED_ON, _CANCELLED}]
    return [
        row
        for row, reason in zip(sent, lost.cancellation_reasons, strict=False)
        if reason is not None and reason.code == "ConditionalCheckFailed"
    ]
