"""The file of the queue: its tables, how it is opened, and what is done when it cannot be read."""

import json
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge_agent.clock import EARLIEST_BELIEVABLE

VERSION: Final = 1
"""Of the tables, kept in the file; 0 is that of the first agents."""
BLOCK: Final = 100
"""Numbers that are reserved at once outside of the file."""
MOST_NUMBER: Final = 2**53
MOST_ASIDE: Final = 2
BUSY_S: Final = 0.5
CHECKPOINT_PAGES: Final = 256
"""The log beside the file is worked into it at 1 MB, and stays that size: room on a full disk."""
CREATE: Final = (
    # `scale` is what an instant is measured by: '' true time, else the start whose clock was not
    # set. Two starts without a clock may have used the same instants for different ones.
    """CREATE TABLE IF NOT EXISTS readings (
        at INTEGER NOT NULL, serial TEXT NOT NULL, scale TEXT NOT NULL, boot TEXT NOT NULL,
        quality INTEGER NOT NULL, layout TEXT NOT NULL, cells TEXT NOT NULL,
        PRIMARY KEY (at, serial, scale)
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
TABLES: Final = {
    "readings": "at, serial, scale, boot, quality, layout, cells",
    "chunks": "seq, t0, payload, acked_at, made, thinned, until",
    "events": "number, payload, fields, at, scale, boot",
    "again": "seq",
    "requests": "id, at",
    "devices": "name, state",
    "meta": "name, value",
}


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
    if isinstance(error, Damaged):
        return Trouble.DAMAGED
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _TROUBLES.get(code & 0xFF)


def open_file(path: Path) -> sqlite3.Connection:
    """Open or create the file, bring its tables up to date, and look whether it is whole.

    Raises:
        sqlite3.Error: `trouble_of` tells what is wrong.
        OSError: the folder cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
    db.text_factory = _text
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA journal_size_limit={CHECKPOINT_PAGES * 4096}")
        _check_whole(db)
        _bring_up_to_date(db)
    except (sqlite3.Error, UnicodeError) as error:
        db.close()
        # Even the words of an error come from the file, and may be none.
        if isinstance(error, UnicodeError) or trouble_of(error) is None:
            raise Damaged(f"it is no queue: {error}") from error
        raise
    return db


def _text(raw: bytes) -> str:
    """Return text of the file; what damage made of it is no reason to stop."""
    return raw.decode("utf-8", "replace")


def _open_to_look(path: Path) -> sqlite3.Connection:
    """Open a file that was set aside; nothing in it can be changed."""
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.text_factory = _text
    return db


def _check_whole(db: sqlite3.Connection) -> None:
    found = db.execute("PRAGMA quick_check(1)").fetchone()
    if found is None or found[0] != "ok":
        raise Damaged("nothing is found in it" if found is None else str(found[0]))


def _bring_up_to_date(db: sqlite3.Connection) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise Damaged(f"its tables are of version {version}, of an agent newer than this one")
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version < VERSION or not there.issuperset(TABLES):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in (FROM_0 if version == 0 and "readings" in there else ()) + CREATE:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    for name, columns in TABLES.items():
        db.execute(f"SELECT {columns} FROM {name} LIMIT 1")


def set_aside(path: Path) -> Path:
    """Move a file that cannot be read out of the way, its log with it; return where it is now.

    The last two are kept. The log goes first: beside a new file it would be taken for its own.

    Raises:
        OSError: the disk takes nothing.
    """
    aside = path.with_name(f"{path.name}.corrupt-{max(_asides(path), default=0) + 1}")
    _beside(path, "-shm").unlink(missing_ok=True)
    for suffix in ("-wal", ""):
        with suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(aside, suffix))
    for number in sorted(_asides(path))[:-MOST_ASIDE]:
        for suffix in ("-wal", "-shm", ""):
            path.with_name(f"{path.name}.corrupt-{number}{suffix}").unlink(missing_ok=True)
    return aside


def _asides(path: Path) -> list[int]:
    ends = (one.name.rpartition("-")[2] for one in path.parent.glob(f"{path.name}.corrupt-*"))
    return [int(end) for end in ends if end.isdecimal()]


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


class Salvaged(NamedTuple):
    """Rows of a damaged file that can still be read, by table."""

    chunks: list[tuple[Any, ...]]
    readings: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]


def salvage(aside: Path) -> Salvaged:
    """Read what can be read of a file that was set aside: from both ends of each table."""
    try:
        with closing(_open_to_look(aside)) as db:
            chunks = _rows(db, "chunks", "seq")
            readings = _rows(db, "readings", "at")
            events = _rows(db, "events", "number")
    except (sqlite3.Error, UnicodeError):
        return Salvaged([], [], [])
    whole = [row for row in chunks if is_chunk(row[2], seq=row[0]) and type(row[1]) is int]
    return Salvaged(whole, [row for row in readings if _is_reading(row)], events)


def restore(db: sqlite3.Connection, saved: Salvaged) -> None:
    """Put into a new file what was saved of the one before it, all or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for table, rows in (
            ("chunks", saved.chunks),
            ("readings", saved.readings),
            ("events", saved.events),
        ):
            places = ", ".join("?" * len(TABLES[table].split(",")))
            db.executemany(
                f"INSERT OR IGNORE INTO {table} ({TABLES[table]}) VALUES ({places})",
                rows,
            )
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _rows(db: sqlite3.Connection, table: str, key: str) -> list[tuple[Any, ...]]:
    found: dict[tuple[Any, ...], None] = {}
    for order in ("ASC", "DESC"):
        query = f"SELECT {TABLES[table]} FROM {table} ORDER BY {key} {order}"
        for row in _until_damage(db, query):
            if row in found and order == "DESC":
                break
            found[row] = None
    return list(found)


def _until_damage(db: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    with suppress(sqlite3.DatabaseError, UnicodeError):
        yield from db.execute(query)


def _is_reading(row: tuple[Any, ...]) -> bool:
    try:
        return type(json.loads(row[6])) is dict and type(row[0]) is int
    except (TypeError, ValueError):
        return False


def opened(payload: bytes) -> dict[str, Any] | None:
    """Return the message that a payload of ours holds, None when it is damaged."""
    try:
        text = payload if payload[:1] == b"{" else zlib.decompress(payload)
        message = json.loads(text)
    except (TypeError, ValueError, zlib.error):
        return None
    return message if isinstance(message, dict) else None


def is_chunk(payload: Any, *, seq: int) -> bool:
    """Tell whether bytes are a whole chunk of that number."""
    message = opened(payload) if isinstance(payload, bytes) else None
    return message is not None and message.get("seq") == seq and type(message.get("dev")) is list


class Numbers:
    """Which numbers may have been used, in a small file of its own beside the queue.

    It says so before a number is used, a hundred ahead, so that no number is used twice when the
    queue itself is lost.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; one that is missing or makes no sense says nothing."""
        self._path = path
        self.reserved = 0
        with suppress(OSError, ValueError):
            found = int(path.read_text("ascii"))
            self.reserved = found if 0 < found < MOST_NUMBER else 0

    def reserve(self, number: int) -> None:
        """Make sure that the file on disk says `number` or more.

        Raises:
            OSError: the disk takes nothing; the number must not be used.
        """
        if number <= self.reserved:
            return
        ahead = number + BLOCK
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("w", encoding="ascii") as file:
            file.write(str(ahead))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.reserved = ahead

    def begin_after(self, last: int) -> int:
        """Return the number after which a queue goes on whose last one was `last`.

        One that lags by more than what is reserved at once is new, or an older copy.
        """
        return self.reserved if last < self.reserved - BLOCK - 1 or last == 0 else last
