"""The file of the queue: its tables, how it is opened, and what its errors mean."""

import json
import sqlite3
import zlib
from enum import Enum
from pathlib import Path
from typing import Any, Final

from edge_agent.clock import EARLIEST_BELIEVABLE

VERSION: Final = 2
"""Of the tables, kept in the file; 0 is that of the first agents."""
MOST_INFLATED: Final = 4 * 2**20
MOST_CHECKED: Final = 8 * 2**20
"""A larger file is not read through when it is opened: that takes an SD card seconds. Damage in it
is found when it is met."""
BUSY_S: Final = 0.5
CHECKPOINT_PAGES: Final = 256
"""The log beside the file is worked into it at 1 MB, and stays that size: room on a full disk."""
CREATE: Final = (
    # `scale` is what an instant is measured by: '' true time, else the start whose clock was not
    # set. Two starts without a clock may have used the same instants for different ones.
    """CREATE TABLE IF NOT EXISTS readings (
        at INTEGER NOT NULL, serial TEXT NOT NULL, scale TEXT NOT NULL, boot TEXT NOT NULL,
        quality INTEGER NOT NULL, layout TEXT NOT NULL, cells TEXT NOT NULL,
        PRIMARY KEY (at, serial, layout, scale)
    ) WITHOUT ROWID""",
    # `made` is when a chunk was sealed, NULL until the time is known, `until` its window's end.
    """CREATE TABLE IF NOT EXISTS chunks (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, t0 INTEGER NOT NULL, payload BLOB NOT NULL,
        acked_at INTEGER, made INTEGER,
        thinned INTEGER NOT NULL DEFAULT 0, until INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX IF NOT EXISTS chunks_unsent ON chunks (t0, seq) WHERE acked_at IS NULL",
    # `payload` is the text of an event that an older agent made; else the fields are there.
    """CREATE TABLE IF NOT EXISTS events (
        number INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL DEFAULT x'',
        fields TEXT NOT NULL DEFAULT '', at INTEGER NOT NULL DEFAULT 0,
        scale TEXT NOT NULL DEFAULT '', boot TEXT NOT NULL DEFAULT ''
    )""",
    "CREATE TABLE IF NOT EXISTS again (seq INTEGER PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS requests (
        id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS devices (name TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID",
    # How far a queue that was set aside is copied: `Place`.
    """CREATE TABLE IF NOT EXISTS salvage (aside INTEGER PRIMARY KEY,
        step INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL)""",
)
FROM_0: Final = (
    "ALTER TABLE readings RENAME TO readings_0",
    CREATE[0],
    "INSERT INTO readings SELECT at, serial, "
    f"CASE WHEN at < {EARLIEST_BELIEVABLE} THEN 'old' ELSE '' END, '', quality, layout, cells "
    "FROM readings_0",
    "DROP TABLE readings_0",
    "ALTER TABLE chunks ADD COLUMN made INTEGER",
    "ALTER TABLE chunks ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE chunks ADD COLUMN until INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX IF EXISTS chunks_waiting",
    "ALTER TABLE events ADD COLUMN fields TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE events ADD COLUMN at INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE events ADD COLUMN scale TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE events ADD COLUMN boot TEXT NOT NULL DEFAULT ''",
)
FROM_1: Final = (
    "ALTER TABLE readings RENAME TO readings_1",
    CREATE[0],
    "INSERT INTO readings SELECT at, serial, scale, boot, quality, layout, cells FROM readings_1",
    "DROP TABLE readings_1",
)
BEGIN_ASIDE: Final = (
    "INSERT INTO salvage VALUES (:aside, 0, 0, 0)",
    "INSERT INTO meta VALUES ('aside_at', 0)",
    # An acknowledgement that is on its way must not meet an event of the same number.
    "INSERT INTO sqlite_sequence VALUES ('events', :aside << 32)",
)
"""What the first transaction of a queue notes of the one before it."""
TABLES: Final = {
    "readings": "at, serial, scale, boot, quality, layout, cells",
    "chunks": "seq, t0, payload, acked_at, made, thinned, until",
    "events": "number, payload, fields, at, scale, boot",
    "again": "seq",
    "requests": "id, at",
    "devices": "name, state",
    "meta": "name, value",
    "salvage": "aside, step, low, high",
}
KEYS: Final = {
    "readings": {"at", "serial", "layout", "scale"},
    "chunks": {"seq"},
    "events": {"number"},
    "again": {"seq"},
    "requests": {"id"},
    "devices": {"name"},
    "meta": {"name"},
    "salvage": {"aside"},
}
COUNTS: Final = {
    "readings": "SELECT count(*) FROM readings",
    "waiting_chunks": "SELECT count(*) FROM chunks WHERE acked_at IS NULL",
    "kept_chunks": "SELECT count(*) FROM chunks WHERE acked_at IS NOT NULL",
    "asked_again": "SELECT count(*) FROM again",
    "events": "SELECT count(*) FROM events",
    "oldest_waiting_t0": "SELECT min(t0) FROM chunks WHERE acked_at IS NULL",
    "last_seq": "SELECT max(seq) FROM chunks",
    "last_acked_at": "SELECT max(acked_at) FROM chunks",
}
"""How much of what the queue holds, for people."""
LAST_NUMBER: Final = (
    "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chunks' "
    "AND typeof(seq) = 'integer'), 0), coalesce((SELECT max(seq) FROM chunks), 0))"
)


class Trouble(Enum):
    """What is wrong with a file, by what has to follow."""

    FULL = "full"
    """The disk takes nothing more: something can be dropped."""
    AWAY = "away"
    """It cannot be used now: read-only, gone, locked by another, or the disk failed."""
    DAMAGED = "damaged"
    """It will not be read again: set it aside."""


_TROUBLES: Final = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_PERM: Trouble.AWAY,
    sqlite3.SQLITE_BUSY: Trouble.AWAY,
    sqlite3.SQLITE_LOCKED: Trouble.AWAY,
    sqlite3.SQLITE_READONLY: Trouble.AWAY,
    sqlite3.SQLITE_IOERR: Trouble.AWAY,
    sqlite3.SQLITE_CANTOPEN: Trouble.AWAY,
    sqlite3.SQLITE_PROTOCOL: Trouble.AWAY,
    sqlite3.SQLITE_CORRUPT: Trouble.DAMAGED,
    sqlite3.SQLITE_NOTADB: Trouble.DAMAGED,
}


class Damaged(sqlite3.DatabaseError):
    """The file can be opened, but what it holds is not the queue, or not whole."""


def trouble_of(error: sqlite3.Error) -> Trouble | None:
    """Return what an error says of the file; None when it is a mistake of the program."""
    if isinstance(error, Damaged) or is_of_tables(error):
        return Trouble.DAMAGED
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _TROUBLES.get(code & 0xFF)


def is_of_tables(error: Exception) -> bool:
    """Tell whether a table is not as it was made: damage, or a mistake of the program."""
    words = str(error) if isinstance(error, sqlite3.OperationalError) else ""
    return words.startswith(("no such ", "ON CONFLICT clause")) or "has no column" in words


def open_file(path: Path, aside: int | None = None) -> sqlite3.Connection:
    """Open or create the file, bring its tables up to date, and look whether it is whole.

    Args:
        path: of the file.
        aside: number of the queue that was set aside last; a new file notes that what can be read
            of it is to be saved.

    Raises:
        sqlite3.Error: `trouble_of` tells what is wrong.
        OSError: the folder cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
    db.text_factory = text_of
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA journal_size_limit={CHECKPOINT_PAGES * 4096}")
        if path.stat().st_size <= MOST_CHECKED:
            _check_whole(db)
        _bring_up_to_date(db, aside)
    except (sqlite3.Error, UnicodeError) as error:
        db.close()
        # Even the words of an error come from the file, and may be none.
        if isinstance(error, UnicodeError) or trouble_of(error) is None or is_of_tables(error):
            raise Damaged(f"it is no queue: {error}") from error
        raise
    return db


def text_of(raw: bytes) -> str:
    """Return text of the file; what damage made of it is no reason to stop."""
    return raw.decode("utf-8", "replace")


def _check_whole(db: sqlite3.Connection) -> None:
    found = db.execute("PRAGMA quick_check(1)").fetchone()
    if found is None or found[0] != "ok":
        raise Damaged("nothing is found in it" if found is None else str(found[0]))


def _bring_up_to_date(db: sqlite3.Connection, aside: int | None) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise Damaged(f"its tables are of version {version}, of an agent newer than this one")
    if version < 0:
        raise Damaged(f"its tables are of version {version}, which no agent writes")
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version < VERSION or not there.issuperset(TABLES):
        db.execute("BEGIN IMMEDIATE")
        try:
            older = (FROM_0, FROM_1)[version] if version < VERSION and "readings" in there else ()
            for statement in older + CREATE:
                db.execute(statement)
            if aside is not None and not there:
                for statement in BEGIN_ASIDE:
                    db.execute(statement, {"aside": aside})
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    for name, columns in TABLES.items():
        db.execute(f"SELECT {columns} FROM {name} LIMIT 1")
        keys = db.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0", (name,))
        if {key for (key,) in keys} != KEYS[name]:
            raise Damaged(f"its table {name} has another key")
    db.execute("SELECT seq FROM sqlite_sequence LIMIT 1")


def opened(payload: Any) -> dict[str, Any] | None:
    """Return the message that a payload of ours holds, None when it is damaged."""
    try:
        if payload[:1] != b"{":
            unpacker = zlib.decompressobj()
            payload = unpacker.decompress(payload, MOST_INFLATED)
            if not unpacker.eof:
                return None
        message = json.loads(payload)
    except (TypeError, ValueError, RecursionError, zlib.error):
        return None
    return message if isinstance(message, dict) else None


def is_chunk(payload: Any, *, seq: int) -> bool:
    """Tell whether bytes are a whole chunk of that number."""
    message = opened(payload) if isinstance(payload, bytes) else None
    return message is not None and message.get("seq") == seq and type(message.get("dev")) is list
