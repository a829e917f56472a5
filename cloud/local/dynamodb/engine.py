"""The engine: DynamoDB's operations, in and out as the API's JSON, on one SQLite file."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cloud.local.dynamodb import changes, reads, streams, tables, writes
from cloud.local.dynamodb.capacity import Told, stored_bytes
from cloud.local.dynamodb.changes import Change, Image
from cloud.local.dynamodb.errors import EngineError
from cloud.local.dynamodb.parameters import OPERATIONS, STREAM_OPERATIONS
from cloud.local.dynamodb.schema import Table, no_such_index
from cloud.local.dynamodb.store import Store, decode_item

# AWS, DynamoDB Developer Guide, "Using time to live": what expired over five years ago stays.
_LONGEST_EXPIRED = timedelta(days=5 * 365)
# Expired items of a table with a stream are deleted in transactions of so many.
_EXPIRED_AT_ONCE = 1000

_Operation = Callable[[Store, Mapping[str, Any]], dict[str, Any]]
_OPERATIONS: dict[str, _Operation] = {
    "BatchGetItem": reads.batch_get,
    "BatchWriteItem": writes.batch_write,
    "DeleteItem": writes.delete_item,
    "DeleteTable": tables.delete_table,
    "DescribeStream": streams.describe_stream,
    "DescribeTable": tables.describe_table,
    "DescribeTimeToLive": tables.describe_time_to_live,
    "GetItem": reads.get_item,
    "GetRecords": streams.get_records,
    "GetShardIterator": streams.get_shard_iterator,
    "ListStreams": streams.list_streams,
    "ListTables": tables.list_tables,
    "PutItem": writes.put_item,
    "Query": reads.query,
    "Scan": reads.scan,
    "TransactGetItems": reads.transact_get,
    "UpdateItem": writes.update_item,
    "UpdateTimeToLive": tables.update_time_to_live,
}
_TimedOperation = Callable[[Store, Mapping[str, Any], float], dict[str, Any]]
_TIMED_OPERATIONS: dict[str, _TimedOperation] = {
    "CreateTable": tables.create_table,
    "TransactWriteItems": writes.transact_write,
}


class Engine:
    """DynamoDB on one SQLite file.

    Several threads may use one engine, and several processes the same file. What `call` has
    answered is on the disk. PartiQL, local secondary indexes and legacy parameters are not here.
    """

    def __init__(self, path: Path | str, *, clock: Callable[[], datetime]) -> None:
        """Open the file, or make it.

        Args:
            path: the SQLite file; its folder must exist.
            clock: tells the moment by which request tokens and changes grow old.
        """
        self._store = Store(path, clock)
        self._clock = clock

    def create_table(self, definition: Mapping[str, Any]) -> None:
        """Make a table from its CloudFormation properties, or bring an existing one up to them.

        Items are kept when indexes, the time to live or the stream change.

        Raises:
            EngineError: the key differs from that of the existing table, or a property is unknown.
        """
        self._store.ensure(definition, self._store.now())

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do one operation of the APIs of version 2012-08-10: DynamoDB, and DynamoDB Streams.

        Args:
            operation: its name in its API, such as `PutItem` or `GetRecords`.
            request: its parameters in the API's JSON; binary values in base64.

        Returns:
            The answer in the API's JSON. Its values may be those of the request: change neither.

        Raises:
            EngineError: as AWS would refuse it, or because the local engine cannot do it.
        """
        parameters = OPERATIONS.get(operation) or STREAM_OPERATIONS.get(operation)
        if parameters is None:
            raise EngineError(
                "UnknownOperationException", f"{operation} is not supported by the local engine"
            )
        parameters.check(request)
        try:
            return self._perform(operation, request)
        except sqlite3.OperationalError as error:
            # Another process rebuilt or deleted the table after its name was looked up.
            if "no such table" not in str(error):
                raise
            self._store.reload()
            return self._perform(operation, request)

    def expire(self, now: datetime) -> int:
        """Delete the items whose time to live is past; tell how many they were.

        Nothing else deletes them: until then they are read like any other, as on AWS.
        """
        latest = now.timestamp()
        earliest = (now - _LONGEST_EXPIRED).timestamp()
        deleted = 0
        self._store.reload()
        for name in self._store.table_names():
            table = self._store.table(name)
            if table.ttl_name is None:
                continue
            if table.stream is not None:
                deleted += self._expire_noted(table, earliest=earliest, latest=latest)
                continue
            with self._store.writing() as connection:
                deleted += connection.execute(
                    f"DELETE FROM {table.rows} WHERE expires_at < ? AND expires_at >= ?",
                    (latest, earliest),
                ).rowcount
        return deleted

    def changes(self, table: str, after: int, limit: int) -> list[Change]:
        """Give the changes of a table after a number, in their order, none older than 24 hours.

        Args:
            table: its name.
            after: the number of the last change that the caller is done with; 0 for the oldest.
            limit: how many at most.

        Raises:
            EngineError: the table has no stream.
        """
        with self._store.reading() as connection:
            kept = changes.open_stream(connection, table)
            return changes.changes_after(
                connection, kept, sequence=after, limit=limit, now=self._store.now()
            )

    def last_change(self, table: str) -> int:
        """Give the number of a table's latest change; 0 when there was none ever."""
        return changes.last_of(self._store.connection, table)

    def stream_arn(self, table: str) -> str:
        """Give the ARN of the stream that takes a table's changes.

        Raises:
            EngineError: the table has no stream.
        """
        return changes.open_stream(self._store.connection, table).arn

    def watch(self, told: Told | None) -> None:
        """Let somebody learn of all capacity that is consumed from now on, None for nobody.

        He is told in the thread that asked, also of writes whose condition failed.
        """
        self._store.told = told

    def stored_bytes(self, name: str) -> int:
        """Count the bytes that a table and its indexes are billed for."""
        table = self._store.table(name)
        rows = self._store.connection.execute(f"SELECT item FROM {table.rows}")
        return sum(stored_bytes(table, decode_item(item)) for (item,) in rows)

    def earliest(self, table: str, index: str, sort_key: str) -> str | None:
        """Find the smallest sort key of an index over all its partitions.

        A simulated clock asks this for the next due timer. The work grows with the number of
        partitions, not of items.

        Returns:
            The text of the string or number; None when the index is empty.

        Raises:
            EngineError: there is no such table or index, or its sort key is another attribute.
        """
        found = self._store.table(table)
        wanted = found.indexes.get(index)
        if wanted is None or wanted.keys.sort_name != sort_key:
            raise no_such_index(f"{index} with the sort key {sort_key}")
        pk, sk = f"i{wanted.place}_pk", f"i{wanted.place}_sk"
        smallest: tuple[bytes, bytes] | None = None
        hash_key = b""
        while True:
            row = self._store.connection.execute(
                f"SELECT {pk}, {sk}, item FROM {found.rows} WHERE {pk} > ? "
                f"ORDER BY {pk}, {sk} LIMIT 1",
                (hash_key,),
            ).fetchone()
            if row is None:
                break
            hash_key = row[0]
            if smallest is None or row[1] < smallest[0]:
                smallest = (row[1], row[2])
        if smallest is None:
            return None
        value = decode_item(smallest[1])[sort_key]
        return str(value[wanted.keys.sort_kind])

    def close(self) -> None:
        """Close the file; no thread may be using the engine."""
        self._store.close()

    def _expire_noted(self, table: Table, *, earliest: float, latest: float) -> int:
        """Delete the expired items of a table with a stream, each with its change."""
        deleted, found = 0, _EXPIRED_AT_ONCE
        while found == _EXPIRED_AT_ONCE:
            with self._store.writing() as connection:
                rows = connection.execute(
                    f"SELECT pk, sk, item FROM {table.rows} "
                    "WHERE expires_at < ? AND expires_at >= ? LIMIT ?",
                    (latest, earliest, _EXPIRED_AT_ONCE),
                ).fetchall()
                self._store.trim_changes(connection, latest)
                for pk, sk, encoded in rows:
                    connection.execute(table.delete_one, (pk, sk))
                    old = Image(decode_item(encoded), encoded)
                    changes.note_expiry(connection, table, old, latest)
            found = len(rows)
            deleted += found
        return deleted

    def _perform(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        timed = _TIMED_OPERATIONS.get(operation)
        if timed is not None:
            return timed(self._store, request, self._clock().timestamp())
        return _OPERATIONS[operation](self._store, request)
