"""The SQLite file: a connection for each thread, one writer at a time, and the list of tables."""

import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from cloud.local.dynamodb import changes
from cloud.local.dynamodb.capacity import Told
from cloud.local.dynamodb.errors import EngineError, no_such_table
from cloud.local.dynamodb.schema import Stream, Table, read_table, stream_view
from cloud.local.dynamodb.values import Item
from cloud.local.sqlite import transaction

# Another process may hold the file for as long as a table is rebuilt.
_BUSY_SECONDS = 30.0
_STATEMENTS_KEPT = 512
_SECONDS_BETWEEN_FORGETTING = 60.0
_SECONDS_BETWEEN_TRIMMING = 3600.0
# 16 MB of log before it is copied into the file: fewer, larger copies than SQLite's default.
_CHECKPOINT_PAGES = 4000

_SETUP = """
CREATE TABLE IF NOT EXISTS ddb_tables (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    definition BLOB NOT NULL,
    created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS ddb_tokens (
    token TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    accepted_at REAL NOT NULL
) WITHOUT ROWID;
"""
_TABLES = (
    "SELECT one.name, one.definition, one.number, one.created_at, stream.number, stream.label, "
    "stream.view FROM ddb_tables AS one LEFT JOIN ddb_streams AS stream "
    "ON stream.table_name = one.name AND stream.closed_at IS NULL"
)

encode = msgspec.json.Encoder().encode
decode_item = msgspec.json.Decoder(dict[str, dict[str, Any]]).decode


class _Connection(sqlite3.Connection):
    """A connection which can be referred to weakly, so that it goes when its thread goes."""


class Store:
    """One SQLite file, which several threads and processes may open.

    Every commit is on the disk when it returns (WAL, `synchronous=FULL`).
    """

    def __init__(self, path: Path | str, clock: Callable[[], datetime]) -> None:
        self._path = str(path)
        self._clock = clock
        self._local = threading.local()
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()
        # Threads queue here rather than in SQLite, whose waiting is by sleeping and trying again.
        self._turn = threading.Lock()
        self._tables: dict[str, Table] = {}
        self._tokens_forgotten_to = float("-inf")
        self._trimmed_at = float("-inf")
        self.told: Told | None = None
        self.connection.executescript(_SETUP + changes.SETUP)

    def now(self) -> float:
        """Give the clock's instant in seconds since 1970."""
        return self._clock().timestamp()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the calling thread."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        return connection if connection is not None else self._connect()

    def close(self) -> None:
        """Close every connection; no thread may be using the store."""
        for connection in list(self._connections):
            connection.close()
        self._connections.clear()
        self._local = threading.local()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for writing; commit at the end, or undo everything on an error."""
        connection = self.connection
        with self._turn, transaction(connection):
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold one state of the file for several reads."""
        connection = self.connection
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    def table(self, name: str) -> Table:
        """Find a table.

        Raises:
            EngineError: there is none of this name.
        """
        found = self._tables.get(name)
        if found is None:
            self.reload()
            found = self._tables.get(name)
        if found is None:
            raise no_such_table(name)
        return found

    def table_names(self) -> list[str]:
        """List the names of the tables."""
        self.reload()
        return sorted(self._tables)

    def reload(self) -> None:
        """Read the list of tables again; another process may have changed it."""
        rows = self.connection.execute(_TABLES).fetchall()
        self._tables = {row[0]: _read(row) for row in rows}

    def forget_tokens(self, connection: sqlite3.Connection, *, before: float) -> None:
        """Delete the request tokens of before a moment, but not more often than once a minute."""
        if before - self._tokens_forgotten_to < _SECONDS_BETWEEN_FORGETTING:
            return
        connection.execute("DELETE FROM ddb_tokens WHERE accepted_at <= ?", (before,))
        self._tokens_forgotten_to = before

    def trim_changes(self, connection: sqlite3.Connection, now: float) -> None:
        """Delete the changes of more than a day ago, but not more often than once an hour."""
        if now - self._trimmed_at < _SECONDS_BETWEEN_TRIMMING:
            return
        changes.trim(connection, now)
        self._trimmed_at = now

    def create(self, definition: Mapping[str, Any], now: float) -> Table:
        """Make a table that must not exist yet.

        Raises:
            EngineError: a table of this name exists, or the definition is wrong.
        """
        wanted = read_table(definition, 0, now)
        with self.writing() as connection:
            if self._stored(connection, wanted.name) is not None:
                raise EngineError("ResourceInUseException", f"Table already exists: {wanted.name}")
            table = _add(connection, definition, created_at=now, now=now)
        self._tables[table.name] = table
        return table

    def ensure(self, definition: Mapping[str, Any], now: float) -> Table:
        """Make a table, or bring the one that exists up to a definition with the same key.

        Items are kept: when anything changed, every row is laid out again under another number, so
        that a process which knows the old definition finds out and reads the new one.

        Raises:
            EngineError: the key differs from the existing table's, or the definition is wrong.
        """
        wanted = read_table(definition, 0, now)
        with self.writing() as connection:
            table = self._stored(connection, wanted.name)
            if table is None:
                table = _add(connection, definition, created_at=now, now=now)
            elif table.keys != wanted.keys:
                raise EngineError(
                    "ResourceInUseException",
                    f"Table {table.name} exists with the key {table.keys.kinds}; the definition "
                    f"now says {wanted.keys.kinds}. A key cannot be changed: delete the table, or "
                    "give the new one another name.",
                )
            elif table.definition != wanted.definition or not _has_its_stream(table):
                old, table = table, _replace(connection, table, definition, now)
                _copy_rows(connection, old, table)
                connection.execute(f"DROP TABLE {old.rows}")
        self._tables[table.name] = table
        return table

    def drop(self, name: str) -> Table:
        """Delete a table and its items.

        Raises:
            EngineError: there is none of this name.
        """
        with self.writing() as connection:
            table = self._stored(connection, name)
            if table is None:
                raise no_such_table(name)
            connection.execute("DELETE FROM ddb_tables WHERE number = ?", (table.number,))
            connection.execute(f"DROP TABLE {table.rows}")
            changes.shut(connection, name, self.now())
        self._tables.pop(name, None)
        return table

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS_KEPT,
            factory=_Connection,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        self._connections.add(connection)
        self._local.connection = connection
        return connection

    @staticmethod
    def _stored(connection: sqlite3.Connection, name: str) -> Table | None:
        row = connection.execute(f"{_TABLES} WHERE one.name = ?", (name,)).fetchone()
        return _read(row) if row else None


def _read(row: tuple[Any, ...]) -> Table:
    _, definition, number, created_at, stream, label, view = row
    found = Stream(stream, label, view) if stream is not None else None
    return read_table(msgspec.json.decode(definition), number, created_at, found)


def _has_its_stream(table: Table) -> bool:
    """Tell whether the stream is what the definition says; one in an older file may have none."""
    return stream_view(table.definition) == (table.stream.view if table.stream else None)


def _add(
    connection: sqlite3.Connection, definition: Mapping[str, Any], *, created_at: float, now: float
) -> Table:
    cursor = connection.execute(
        "INSERT INTO ddb_tables (name, definition, created_at) VALUES (?, ?, ?)",
        (definition["TableName"], encode(definition), created_at),
    )
    stream = changes.follow(
        connection, definition["TableName"], definition, stream_view(definition), now
    )
    table = read_table(definition, cursor.lastrowid or 0, created_at, stream)
    index_columns = "".join(
        f", i{index.place}_pk BLOB, i{index.place}_sk BLOB" for index in table.indexes.values()
    )
    connection.execute(
        f"CREATE TABLE {table.rows} (pk BLOB NOT NULL, sk BLOB NOT NULL, size INTEGER NOT NULL, "
        f"expires_at REAL, item BLOB NOT NULL{index_columns}, PRIMARY KEY (pk, sk)) WITHOUT ROWID"
    )
    for index in table.indexes.values():
        hash_column, sort_column = f"i{index.place}_pk", f"i{index.place}_sk"
        connection.execute(
            f"CREATE INDEX {table.rows}_i{index.place} ON {table.rows} "
            f"({hash_column}, {sort_column}, pk, sk) WHERE {hash_column} IS NOT NULL"
        )
    if table.ttl_name is not None:
        connection.execute(
            f"CREATE INDEX {table.rows}_expiry ON {table.rows} (expires_at) "
            "WHERE expires_at IS NOT NULL"
        )
    return table


def _replace(
    connection: sqlite3.Connection, table: Table, definition: Mapping[str, Any], now: float
) -> Table:
    connection.execute("DELETE FROM ddb_tables WHERE number = ?", (table.number,))
    return _add(connection, definition, created_at=table.created_at, now=now)


def _copy_rows(connection: sqlite3.Connection, old: Table, new: Table) -> None:
    rows = connection.execute(f"SELECT pk, sk, item, size FROM {old.rows}")
    for pk, sk, encoded, size in rows:
        item: Item = decode_item(encoded)
        _leave_out_misfits(new, item)
        connection.execute(new.replace_one, new.row((pk, sk), item, encoded, size))


def _leave_out_misfits(table: Table, item: Item) -> None:
    """Take from a decoded item what cannot be a key of a new index; AWS keeps it out of it too."""
    for index in table.indexes.values():
        for name, kind in index.keys.kinds.items():
            if not item.get(name, {}).get(kind):
                item.pop(name, None)
