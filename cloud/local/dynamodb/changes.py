"""Keeps what changed in the tables that have a stream, and gives it back in order.

A change is written in the transaction of the write that made it: there is never one without the
other. AWS, DynamoDB Developer Guide, "Change data capture for DynamoDB Streams".
"""

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from cloud.local.dynamodb.errors import EngineError
from cloud.local.dynamodb.schema import REGION, Stream, Table, stream_arn
from cloud.local.dynamodb.values import Item, is_equal, item_size

KEPT_SECONDS = 24 * 60 * 60.0
# The API's numbers have 21 digits and more; ours count from one.
_FIRST_NUMBER = 10**20
_EXPIRY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}

SETUP = """
CREATE TABLE IF NOT EXISTS ddb_streams (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL,
    label TEXT NOT NULL,
    view TEXT NOT NULL,
    key_schema BLOB NOT NULL,
    created_at REAL NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    closed_at REAL,
    UNIQUE (table_name, label)
);
CREATE TABLE IF NOT EXISTS ddb_sequences (
    table_name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ddb_changes (
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at REAL NOT NULL,
    name TEXT NOT NULL,
    is_expiry INTEGER NOT NULL,
    keys BLOB NOT NULL,
    old BLOB,
    new BLOB,
    PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;
"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, dict[str, Any]]).decode


@dataclass(frozen=True, slots=True)
class Image:
    """An item as it was or became, decoded and as it is stored."""

    item: Item
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an item.

    Attributes:
        sequence: its number, which rises over the life of the table's name.
        record: the change as Lambda gets it in the event of a DynamoDB stream.
    """

    sequence: int
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A stream with the range of what it has held.

    Attributes:
        first: the sequence of its first change, whether or not one was made.
        last: the sequence of its latest change; `first - 1` when there was none.
        closed_at: seconds since 1970; None while it takes changes.
    """

    stream: Stream
    table: str
    key_schema: list[dict[str, str]]
    created_at: float
    first: int
    last: int
    closed_at: float | None

    @property
    def arn(self) -> str:
        """The ARN of the stream."""
        return stream_arn(self.table, self.stream.label)


def follow(
    connection: sqlite3.Connection,
    name: str,
    definition: Mapping[str, Any],
    view: str | None,
    now: float,
) -> Stream | None:
    """Bring the stream of a table to what its definition wants: keep, open or close it.

    A stream of another view is another stream, as on AWS; the numbers of its records go on.
    """
    row = connection.execute(
        "SELECT number, label, view FROM ddb_streams WHERE table_name = ? AND closed_at IS NULL",
        (name,),
    ).fetchone()
    if row is not None and row[2] == view:
        return Stream(*row)
    shut(connection, name, now)
    if view is None:
        return None
    connection.execute("INSERT OR IGNORE INTO ddb_sequences VALUES (?, 0)", (name,))
    (last,) = connection.execute(
        "SELECT last FROM ddb_sequences WHERE table_name = ?", (name,)
    ).fetchone()
    label = _new_label(connection, name, now)
    cursor = connection.execute(
        "INSERT INTO ddb_streams (table_name, label, view, key_schema, created_at, first, last) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (name, label, view, _encode(definition["KeySchema"]), now, last + 1, last),
    )
    return Stream(cursor.lastrowid or 0, label, view)


def shut(connection: sqlite3.Connection, name: str, now: float) -> None:
    """Let the stream of a table take no more changes; those it has are kept for their day."""
    connection.execute(
        "UPDATE ddb_streams SET closed_at = ?, last = "
        "(SELECT last FROM ddb_sequences AS one WHERE one.table_name = ddb_streams.table_name) "
        "WHERE table_name = ? AND closed_at IS NULL",
        (now, name),
    )


def note(
    connection: sqlite3.Connection, table: Table, old: Image | None, new: Image | None, at: float
) -> None:
    """Keep the change which a request made; nothing when the item is as it was."""
    if old is not None and new is not None and _is_same(old, new):
        return
    _insert(connection, table, old, new, at, is_expiry=0)


def note_expiry(connection: sqlite3.Connection, table: Table, old: Image, at: float) -> None:
    """Keep the deletion of an item whose time to live was over."""
    _insert(connection, table, old, None, at, is_expiry=1)


def trim(connection: sqlite3.Connection, now: float) -> None:
    """Delete what is older than a day; its cost is that of what it deletes."""
    earliest = now - KEPT_SECONDS
    for (number,) in connection.execute("SELECT number FROM ddb_streams").fetchall():
        row = connection.execute(
            "SELECT sequence FROM ddb_changes WHERE stream = ? AND at > ? ORDER BY sequence "
            "LIMIT 1",
            (number, earliest),
        ).fetchone()
        connection.execute(
            "DELETE FROM ddb_changes WHERE stream = ? AND sequence < coalesce(?, 9e18)",
            (number, row[0] if row else None),
        )
    connection.execute("DELETE FROM ddb_streams WHERE closed_at <= ?", (earliest,))


def open_stream(connection: sqlite3.Connection, table: str) -> Kept:
    """Find the stream that takes a table's changes.

    Raises:
        EngineError: there is none.
    """
    for kept in _kept(connection, "table_name = ? AND closed_at IS NULL", table):
        return kept
    raise EngineError(
        "ResourceNotFoundException", f"Requested resource not found: Table: {table} has no stream"
    )


def stream_of(connection: sqlite3.Connection, arn: str) -> Kept:
    """Find a stream by its ARN; that of a deleted table can be read for a day more.

    Raises:
        EngineError: there is none.
    """
    table, _, label = arn.rpartition(":table/")[2].partition("/stream/")
    for kept in _kept(connection, "table_name = ? AND label = ?", table, label):
        if kept.arn == arn:
            return kept
    raise EngineError(
        "ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found"
    )


def all_streams(connection: sqlite3.Connection) -> list[Kept]:
    """List every stream, the oldest first."""
    return _kept(connection, "1 ORDER BY number")


def last_of(connection: sqlite3.Connection, table: str) -> int:
    """Give the number of a table's latest change; 0 when there was none ever."""
    row = connection.execute(
        "SELECT last FROM ddb_sequences WHERE table_name = ?", (table,)
    ).fetchone()
    return row[0] if row else 0


def oldest_of(connection: sqlite3.Connection, kept: Kept, now: float) -> int:
    """Give the number of the oldest change which is not yet trimmed, else of the one to come."""
    row = connection.execute(
        "SELECT sequence FROM ddb_changes WHERE stream = ? AND at > ? ORDER BY sequence LIMIT 1",
        (kept.stream.number, now - KEPT_SECONDS),
    ).fetchone()
    return row[0] if row else kept.last + 1


def changes_after(
    connection: sqlite3.Connection, kept: Kept, *, sequence: int, limit: int, now: float
) -> list[Change]:
    """Give the changes after a number, in their order, without those older than a day."""
    rows = connection.execute(
        "SELECT sequence, at, name, is_expiry, keys, old, new FROM ddb_changes "
        "WHERE stream = ? AND sequence > ? AND at > ? ORDER BY sequence LIMIT ?",
        (kept.stream.number, sequence, now - KEPT_SECONDS, limit),
    )
    return [Change(row[0], _record(kept, row)) for row in rows]


def spelled(sequence: int) -> str:
    """Write a change's number as the API does: text that sorts as the numbers do."""
    return str(_FIRST_NUMBER + sequence)


def read_spelled(text: str) -> int | None:
    """Read a number of the API; None when it is none of ours."""
    number = int(text) - _FIRST_NUMBER if text.isascii() and text.isdigit() else -1
    return number if number >= 0 else None


def _insert(
    connection: sqlite3.Connection,
    table: Table,
    old: Image | None,
    new: Image | None,
    at: float,
    *,
    is_expiry: int,
) -> None:
    image, stream = new or old, table.stream
    if image is None or stream is None:
        return
    (sequence,) = connection.execute(
        "UPDATE ddb_sequences SET last = last + 1 WHERE table_name = ? RETURNING last",
        (table.name,),
    ).fetchone()
    names = {(False, True): "INSERT", (True, True): "MODIFY", (True, False): "REMOVE"}
    connection.execute(
        "INSERT INTO ddb_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stream.number,
            sequence,
            at,
            names[old is not None, new is not None],
            is_expiry,
            _encode({key: image.item[key] for key in table.keys.kinds}),
            old.encoded if old is not None and stream.shows_old else None,
            new.encoded if new is not None and stream.shows_new else None,
        ),
    )


def _is_same(old: Image, new: Image) -> bool:
    return old.encoded == new.encoded or is_equal({"M": old.item}, {"M": new.item})


def _kept(connection: sqlite3.Connection, where: str, *values: str) -> list[Kept]:
    rows = connection.execute(
        "SELECT number, label, view, table_name, key_schema, created_at, first, "
        "CASE WHEN closed_at IS NULL THEN (SELECT last FROM ddb_sequences AS one "
        "WHERE one.table_name = ddb_streams.table_name) ELSE last END, closed_at "
        f"FROM ddb_streams WHERE {where}",
        values,
    )
    return [Kept(Stream(*row[:3]), row[3], msgspec.json.decode(row[4]), *row[5:]) for row in rows]


def _record(kept: Kept, row: tuple[Any, ...]) -> dict[str, Any]:
    sequence, at, name, is_expiry, keys, old, new = row
    content: dict[str, Any] = {
        "ApproximateCreationDateTime": int(at),
        "Keys": _decode(keys),
        "SequenceNumber": spelled(sequence),
        "StreamViewType": kept.stream.view,
    }
    if new is not None:
        content["NewImage"] = _decode(new)
    if old is not None:
        content["OldImage"] = _decode(old)
    content["SizeBytes"] = sum(
        item_size(content[part]) for part in ("Keys", "NewImage", "OldImage") if part in content
    )
    record = {
        "eventID": hashlib.sha256(f"{kept.arn} {sequence}".encode()).hexdigest()[:32],
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": content,
        "eventSourceARN": kept.arn,
    }
    return {**record, "userIdentity": dict(_EXPIRY)} if is_expiry else record


def _new_label(connection: sqlite3.Connection, table: str, now: float) -> str:
    """Give the moment as text; a later one when a stream of this table has it already."""
    moment = datetime.fromtimestamp(now, UTC)
    while True:
        label = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}"
        if not connection.execute(
            "SELECT 1 FROM ddb_streams WHERE table_name = ? AND label = ?", (table, label)
        ).fetchone():
            return label
        moment += timedelta(milliseconds=1)
