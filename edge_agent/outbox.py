"""The only queue of the agent: readings, sealed chunks and events in SQLite until acknowledged.

What was appended survives a `kill -9` and a power cut (WAL, synchronous=FULL). Chunks are numbered
by AUTOINCREMENT, so a number is never used twice, and stay seven days after their acknowledgement,
so that the cloud can ask for them again: what a broker acknowledged from memory may be lost behind
it. All methods belong to one thread.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.reading import Reading, Window, seal

KEEP_SENT_S = 7 * 86_400
"""How long a chunk is kept after the broker acknowledged it."""
DAY_S = 86_400
MOST_REQUESTS_A_DAY = 6
"""Twice as many as the cloud sends: what is more is a fault of somebody's."""

TABLES = """
CREATE TABLE IF NOT EXISTS readings (
    serial TEXT NOT NULL, at INTEGER NOT NULL, quality INTEGER NOT NULL, layout TEXT NOT NULL,
    cells TEXT NOT NULL, PRIMARY KEY (serial, at)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, t0 INTEGER NOT NULL, payload BLOB NOT NULL,
    acked_at INTEGER
);
CREATE INDEX IF NOT EXISTS chunks_waiting ON chunks (seq) WHERE acked_at IS NULL;
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS again (seq INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS requests (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (name TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is not acknowledged yet: its number in its table, and its bytes."""

    number: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: chunks put back among the waiting ones, numbers not kept."""

    put_back: int
    gone: int


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What is remembered of a device across restarts; `alarms` holds its bits that are set."""

    serial: str
    label: str
    quality: int | None
    alarms: Mapping[str, int]


class Outbox:
    """The queue in one file."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            sqlite3.DatabaseError: the file is no database; it must be moved away by hand.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def append(
        self,
        readings: Iterable[Reading],
        events: Iterable[bytes] = (),
        states: Mapping[str, DeviceState] | None = None,
    ) -> None:
        """Keep readings, events and device states, all or nothing, safe on disk on return.

        Of two readings of one device at one instant (after a restart) the better one is kept.
        """
        rows = [
            (reading.serial, reading.at, reading.quality, reading.layout, _cells(reading))
            for reading in readings
        ]
        with self._transaction():
            self._db.executemany(
                "INSERT INTO readings VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "quality = excluded.quality, layout = excluded.layout, cells = excluded.cells "
                "WHERE excluded.quality != 2",
                rows,
            )
            self._db.executemany(
                "INSERT INTO events (payload) VALUES (?)", [(event,) for event in events]
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO devices VALUES (?, ?)",
                [(name, _state_text(state)) for name, state in (states or {}).items()],
            )

    def seal(self, *, before: int, window_s: int, head: Window) -> int:
        """Turn all readings before the instant `before` into chunks; return how many were made.

        One chunk per aligned window. The readings leave the table in the transaction in which their
        chunk enters. A reading that comes for a window sealed earlier (the clock was set back) gets
        a chunk of its own: the cloud takes the union. `head` gives all but seq, t0 and n.
        """
        rows = self._db.execute(
            "SELECT serial, at, quality, layout, cells FROM readings WHERE at < ? ORDER BY at",
            (before,),
        ).fetchall()
        if not rows:
            return 0
        windows: dict[int, list[Reading]] = {}
        for serial, at, quality, layout, cells in rows:
            reading = Reading(serial, at, quality, layout, json.loads(cells))
            windows.setdefault(at - at % window_s, []).append(reading)
        with self._transaction():
            for t0, readings in windows.items():
                cursor = self._db.execute("INSERT INTO chunks (t0, payload) VALUES (?, x'')", (t0,))
                seq = int(cursor.lastrowid or 0)
                window = Window(
                    gateway=head.gateway,
                    boot=head.boot,
                    seq=seq,
                    t0=t0,
                    dt=head.dt,
                    n=window_s // head.dt,
                    clock=head.clock,
                    health=head.health,
                )
                self._db.execute(
                    "UPDATE chunks SET payload = ? WHERE seq = ?", (seal(window, readings), seq)
                )
            self._db.execute("DELETE FROM readings WHERE at < ?", (before,))
        return len(windows)

    def waiting_chunks(self, limit: int = 100) -> list[Waiting]:
        """Return chunks that are not acknowledged, newest first: what is happening goes first."""
        return self._waiting(
            "SELECT seq, payload FROM chunks WHERE acked_at IS NULL ORDER BY seq DESC LIMIT ?",
            limit,
        )

    def waiting_again(self, limit: int = 20) -> list[Waiting]:
        """Return acknowledged chunks that were asked for and not sent since, newest first."""
        return self._waiting(
            "SELECT seq, payload FROM again JOIN chunks USING (seq) ORDER BY seq DESC LIMIT ?",
            limit,
        )

    def waiting_events(self, limit: int = 100) -> list[Waiting]:
        """Return events that are not acknowledged, in the order in which they happened."""
        return self._waiting("SELECT number, payload FROM events ORDER BY number LIMIT ?", limit)

    def acknowledge(self, *, chunks: Sequence[int], events: Sequence[int], at: int) -> None:
        """Mark chunks as taken over by the broker, forget such events, drop chunks kept enough.

        A chunk that was sent again is kept from its first acknowledgement on, and one that still
        waits to be sent again is not dropped.
        """
        with self._transaction():
            self._db.executemany(
                "UPDATE chunks SET acked_at = ? WHERE seq = ? AND acked_at IS NULL",
                [(at, seq) for seq in chunks],
            )
            self._db.executemany("DELETE FROM again WHERE seq = ?", [(seq,) for seq in chunks])
            self._db.executemany(
                "DELETE FROM events WHERE number = ?", [(number,) for number in events]
            )
            self._db.execute(
                "DELETE FROM chunks WHERE acked_at < ? AND seq NOT IN (SELECT seq FROM again)",
                (at - KEEP_SENT_S,),
            )

    def send_again(
        self, request_id: str, ranges: Iterable[tuple[int, int]], *, at: int
    ) -> Answer | None:
        """Put acknowledged chunks back among the waiting ones, safe on disk on return.

        What waits already stays as it is. The same request again changes nothing. A seventh within
        a day (by `at`, unix seconds) is not obeyed: None.
        """
        with self._transaction():
            self._db.execute("DELETE FROM requests WHERE at < ?", (at - KEEP_SENT_S,))
            is_known, today = self._db.execute(
                "SELECT total(id = ?), total(at > ? AND at <= ?) FROM requests",
                (request_id, at - DAY_S, at),
            ).fetchone()
            if is_known:
                return Answer(0, 0)
            if today >= MOST_REQUESTS_A_DAY:
                return None
            self._db.execute("INSERT INTO requests VALUES (?, ?)", (request_id, at))
            put_back = gone = 0
            for first, last in ranges:
                span = (first, last)
                kept = self._db.execute(
                    "SELECT count(*) FROM chunks WHERE seq BETWEEN ? AND ?", span
                ).fetchone()[0]
                gone += last - first + 1 - kept
                put_back += self._db.execute(
                    "INSERT OR IGNORE INTO again SELECT seq FROM chunks "
                    "WHERE seq BETWEEN ? AND ? AND acked_at IS NOT NULL",
                    span,
                ).rowcount
        return Answer(put_back, gone)

    def depth(self) -> int:
        """Return how many chunks wait for their acknowledgement, be it the first or another."""
        query = (
            "SELECT (SELECT count(*) FROM chunks WHERE acked_at IS NULL)"
            " + (SELECT count(*) FROM again)"
        )
        return int(self._db.execute(query).fetchone()[0])

    def counts(self) -> dict[str, int | None]:
        """Return what the queue holds, for people: rows of each kind and the oldest waiting t0."""
        queries = {
            "readings": "SELECT count(*) FROM readings",
            "waiting_chunks": "SELECT count(*) FROM chunks WHERE acked_at IS NULL",
            "kept_chunks": "SELECT count(*) FROM chunks WHERE acked_at IS NOT NULL",
            "asked_again": "SELECT count(*) FROM again",
            "events": "SELECT count(*) FROM events",
            "oldest_waiting_t0": "SELECT min(t0) FROM chunks WHERE acked_at IS NULL",
            "last_seq": "SELECT max(seq) FROM chunks",
        }
        return {name: self._db.execute(query).fetchone()[0] for name, query in queries.items()}

    def states(self) -> dict[str, DeviceState]:
        """Return what is remembered of each device, by its name in the settings."""
        rows = self._db.execute("SELECT name, state FROM devices").fetchall()
        return {name: DeviceState(**json.loads(state)) for name, state in rows}

    def _waiting(self, query: str, limit: int) -> list[Waiting]:
        rows = self._db.execute(query, (limit,)).fetchall()
        return [Waiting(number, bytes(payload)) for number, payload in rows]

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    """BEGIN IMMEDIATE .. COMMIT, or ROLLBACK when the block raised."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _cells(reading: Reading) -> str:
    return json.dumps(dict(reading.values), separators=(",", ":"))


def _state_text(state: DeviceState) -> str:
    fields = {
        "serial": state.serial,
        "label": state.label,
        "quality": state.quality,
        "alarms": dict(state.alarms),
    }
    return json.dumps(fields, separators=(",", ":"))
