"""What must outlive a connection and a `kill -9`: sessions, subscriptions, undelivered messages.

The sections in brackets are of MQTT 3.1.1. "MQTT persistent sessions" (AWS IoT Core developer
guide) gives the seven days.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cloud.local.mqtt.packets import Message, Will
from cloud.local.mqtt.topics import has_wildcard, matches
from cloud.local.sqlite import transaction

KEPT_FOR = timedelta(days=7)
MAX_QUEUED = 1000
"""Undelivered messages of one session; the oldest gives way, as a newer command replaces it."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
    client_id TEXT PRIMARY KEY,
    is_clean INTEGER NOT NULL,
    left_at REAL,                -- NULL while connected
    last_packet_id INTEGER NOT NULL DEFAULT 0,
    will_topic TEXT, will_payload BLOB, will_qos INTEGER, will_retain INTEGER,
    thing TEXT NOT NULL, certificate_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subscription (
    client_id TEXT NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL,
    PRIMARY KEY (client_id, filter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS undelivered (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL, packet_id INTEGER NOT NULL,
    topic TEXT NOT NULL, payload BLOB NOT NULL, retain INTEGER NOT NULL,
    is_sent INTEGER NOT NULL DEFAULT 0, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS undelivered_of ON undelivered (client_id, number);
CREATE TABLE IF NOT EXISTS retained (
    topic TEXT PRIMARY KEY, payload BLOB NOT NULL, qos INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Lost:
    """A connection that the listener's own end cut off, with the will it left."""

    client_id: str
    thing: str
    certificate_id: str
    will: Will


class Sessions:
    """The listener's memory: every method commits before it returns, and any thread may call it."""

    def __init__(self, database: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        # a session that the client was told is present may not be gone after a power cut
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        self._filters = _Filters()
        for client_id, topic_filter, qos in self._db.execute("SELECT * FROM subscription"):
            self._filters.add(client_id, topic_filter, qos)

    def close(self) -> None:
        """Close the database; what was connected stays marked so, see `recover`."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._db):
            yield self._db

    def recover(self, now: datetime) -> list[Lost]:
        """Take up after a stop or a crash: who was connected is not any more.

        Returns the wills of those connections, which nobody has sent.
        """
        at = now.timestamp()
        with self._transaction() as db:
            rows = db.execute(
                "SELECT client_id, thing, certificate_id, will_topic, will_payload, will_qos,"
                " will_retain FROM session WHERE left_at IS NULL AND will_topic IS NOT NULL"
            ).fetchall()
            db.execute("UPDATE session SET left_at = ? WHERE left_at IS NULL", (at,))
            db.execute("UPDATE session SET will_topic = NULL, will_payload = NULL")
            gone = [row[0] for row in db.execute("SELECT client_id FROM session WHERE is_clean")]
            for client_id in gone:
                self._forget(client_id)
        return [
            Lost(client_id, thing, certificate_id, Will(topic, payload, qos, bool(retain)))
            for client_id, thing, certificate_id, topic, payload, qos, retain in rows
        ]

    def begin(
        self,
        client_id: str,
        *,
        thing: str,
        certificate_id: str,
        clean: bool,
        will: Will | None,
        now: datetime,
    ) -> bool:
        """Open a client's session and tell whether an earlier one goes on (3.1.2.4).

        A session whose client was away for longer than seven days is gone; so is any session
        when either end of it was a clean one.
        """
        with self._transaction() as db:
            row = db.execute(
                "SELECT is_clean, left_at FROM session WHERE client_id = ?", (client_id,)
            ).fetchone()
            is_present = bool(row) and not clean and not row[0] and not _is_over(row[1], now)
            if not is_present:
                self._forget(client_id)
            said = (will.topic, will.payload, will.qos, will.retain) if will else (None,) * 4
            db.execute(
                "INSERT INTO session (client_id, is_clean, left_at, thing, certificate_id,"
                " will_topic, will_payload, will_qos, will_retain)"
                " VALUES (?, ?, NULL, ?, ?, ?, ?, ?, ?) ON CONFLICT (client_id) DO UPDATE SET"
                " left_at = NULL, thing = excluded.thing,"
                " certificate_id = excluded.certificate_id, will_topic = excluded.will_topic,"
                " will_payload = excluded.will_payload, will_qos = excluded.will_qos,"
                " will_retain = excluded.will_retain",
                (client_id, clean, thing, certificate_id, *said),
            )
        return is_present

    def end(self, client_id: str, now: datetime) -> None:
        """Close a connection's session: a clean one is forgotten, another waits seven days."""
        with self._transaction() as db:
            db.execute(
                "UPDATE session SET left_at = ?, will_topic = NULL, will_payload = NULL"
                " WHERE client_id = ?",
                (now.timestamp(), client_id),
            )
            clean = db.execute(
                "SELECT 1 FROM session WHERE client_id = ? AND is_clean", (client_id,)
            )
            if clean.fetchone():
                self._forget(client_id)

    def _forget(self, client_id: str) -> None:
        for table in ("session", "subscription", "undelivered"):
            self._db.execute(f"DELETE FROM {table} WHERE client_id = ?", (client_id,))
        self._filters.forget(client_id)

    def subscribe(self, client_id: str, filters: Sequence[tuple[str, int]]) -> None:
        """Keep subscriptions; one for the same filter is replaced (3.8.4)."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO subscription VALUES (?, ?, ?)",
                [(client_id, topic_filter, qos) for topic_filter, qos in filters],
            )
            for topic_filter, qos in filters:
                self._filters.add(client_id, topic_filter, qos)

    def unsubscribe(self, client_id: str, filters: Sequence[str]) -> None:
        """End subscriptions; what is already queued still goes out (3.10.4)."""
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM subscription WHERE client_id = ? AND filter = ?",
                [(client_id, topic_filter) for topic_filter in filters],
            )
            for topic_filter in filters:
                self._filters.remove(client_id, topic_filter)

    def subscribers(self, topic: str) -> dict[str, int]:
        """Give the clients whose filters cover a topic, each with its highest QoS (3.3.5)."""
        with self._lock:
            return self._filters.subscribers(topic)

    def retain(self, topic: str, payload: bytes, qos: int) -> None:
        """Keep a topic's last message for later subscribers; an empty one clears it (3.3.1.3)."""
        with self._transaction() as db:
            db.execute("DELETE FROM retained WHERE topic = ?", (topic,))
            if payload:
                db.execute("INSERT INTO retained VALUES (?, ?, ?)", (topic, payload, qos))

    def retained(self, topic_filter: str) -> list[Message]:
        """Give the kept messages that a new subscription is to be sent."""
        with self._lock:
            rows = self._db.execute("SELECT topic, payload, qos FROM retained").fetchall()
        return [
            Message(topic, payload, qos, retain=True)
            for topic, payload, qos in rows
            if matches(topic_filter, topic)
        ]

    def enqueue(self, client_ids: Sequence[str], message: Message, now: datetime) -> list[str]:
        """Keep a QoS 1 message until each of these clients has acknowledged it.

        Returns the clients whose oldest message had to go because their queue was full. Clients
        that are gone for longer than seven days are not written for.
        """
        crowded = []
        with self._transaction() as db:
            for client_id in client_ids:
                row = db.execute(
                    "SELECT last_packet_id, left_at FROM session WHERE client_id = ?", (client_id,)
                ).fetchone()
                if row is None or _is_over(row[1], now):
                    continue
                packet_id = row[0] % 0xFFFF + 1
                db.execute(
                    "UPDATE session SET last_packet_id = ? WHERE client_id = ?",
                    (packet_id, client_id),
                )
                db.execute(
                    "INSERT INTO undelivered (client_id, packet_id, topic, payload, retain, at)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (client_id, packet_id, message.topic, message.payload, message.retain,
                     now.timestamp()),
                )  # fmt: skip
                if self._trim(client_id):
                    crowded.append(client_id)
        return crowded

    def _trim(self, client_id: str) -> bool:
        cursor = self._db.execute(
            "DELETE FROM undelivered WHERE client_id = ? AND number <= (SELECT number FROM"
            " undelivered WHERE client_id = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (client_id, client_id, MAX_QUEUED),
        )
        return cursor.rowcount > 0

    def window(self, client_id: str, *, size: int, now: datetime) -> list[Message]:
        """Give the oldest unacknowledged messages and mark them as sent.

        One that an earlier connection sent keeps its packet id and has DUP set (4.4).
        """
        since = (now - KEPT_FOR).timestamp()
        with self._transaction() as db:
            rows = db.execute(
                "SELECT topic, payload, packet_id, retain, is_sent FROM undelivered"
                " WHERE client_id = ? AND at > ? ORDER BY number LIMIT ?",
                (client_id, since, size),
            ).fetchall()
            db.executemany(
                "UPDATE undelivered SET is_sent = 1 WHERE client_id = ? AND packet_id = ?",
                [(client_id, row[2]) for row in rows if not row[4]],
            )
        return [
            Message(topic, payload, 1, packet_id, retain=bool(retain), dup=bool(is_sent))
            for topic, payload, packet_id, retain, is_sent in rows
        ]

    def delivered(self, client_id: str, packet_ids: Sequence[int]) -> None:
        """Forget messages that the client has acknowledged; an unknown id is passed over."""
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM undelivered WHERE client_id = ? AND packet_id = ?",
                [(client_id, packet_id) for packet_id in packet_ids],
            )

    def expire(self, now: datetime) -> None:
        """Throw away sessions and messages older than seven days, so that the file stays small."""
        since = (now - KEPT_FOR).timestamp()
        with self._transaction() as db:
            rows = db.execute("SELECT client_id FROM session WHERE left_at <= ?", (since,))
            for (client_id,) in rows.fetchall():
                self._forget(client_id)
            db.execute("DELETE FROM undelivered WHERE at <= ?", (since,))


def _is_over(left_at: float | None, now: datetime) -> bool:
    return left_at is not None and now.timestamp() - left_at >= KEPT_FOR.total_seconds()


class _Filters:
    """All subscriptions by filter: a plain topic is one look-up, only wildcards are walked."""

    def __init__(self) -> None:
        self._plain: dict[str, dict[str, int]] = {}
        self._wild: dict[str, dict[str, int]] = {}

    def _of(self, topic_filter: str) -> dict[str, dict[str, int]]:
        return self._wild if has_wildcard(topic_filter) else self._plain

    def add(self, client_id: str, topic_filter: str, qos: int) -> None:
        self._of(topic_filter).setdefault(topic_filter, {})[client_id] = qos

    def remove(self, client_id: str, topic_filter: str) -> None:
        filters = self._of(topic_filter)
        clients = filters.get(topic_filter, {})
        clients.pop(client_id, None)
        if not clients:
            filters.pop(topic_filter, None)

    def forget(self, client_id: str) -> None:
        for filters in (self._plain, self._wild):
            for topic_filter in [name for name, clients in filters.items() if client_id in clients]:
                self.remove(client_id, topic_filter)

    def subscribers(self, topic: str) -> dict[str, int]:
        found = dict(self._plain.get(topic, {}))
        for topic_filter, clients in self._wild.items():
            if matches(topic_filter, topic):
                for client_id, qos in clients.items():
                    found[client_id] = max(qos, found.get(client_id, 0))
        return found
