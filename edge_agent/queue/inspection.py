"""Looks at the queue of an agent without disturbing it: the file is opened for reading only."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from edge_agent.dictionary import QUALITY_NAMES
from edge_agent.queue.file import COUNTS, opened

WAIT_S = 5.0


class QueueUnreadable(Exception):
    """The file of the queue cannot be looked at; the message is one line."""


class Inspection:
    """An open look at a queue; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            QueueUnreadable: there is none, or it is no queue.
        """
        if not path.is_file():
            raise QueueUnreadable(f"opening the queue {path}: there is none, run the agent first")
        self._path = path
        try:
            self._db = self._opened("mode=ro")
        except sqlite3.Error as error:
            raise QueueUnreadable(f"opening the queue {path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def counts(self) -> dict[str, int | None]:
        """Return how much of what the queue holds, the oldest window that waits, the last number.

        Raises:
            QueueUnreadable: the file is damaged.
        """
        return {name: self._rows(query)[0][0] for name, query in COUNTS.items()}

    def notes(self) -> dict[str, int | None]:
        """Return the numbers that the queue keeps about itself, such as what it had to drop."""
        try:
            return dict(self._rows("SELECT name, value FROM meta ORDER BY name"))
        except QueueUnreadable:
            return {}  # a queue of an older agent has none

    def states(self) -> dict[str, dict[str, Any]]:
        """Return what the agent last knew of each device, by its name.

        Raises:
            QueueUnreadable: the file is damaged.
        """
        return {
            name: _state(text)
            for name, text in self._rows("SELECT name, state FROM devices ORDER BY name")
        }

    def chunks(self, *, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield chunks with what is in them, newest first: all, or so many that wait.

        Raises:
            QueueUnreadable: the file is damaged.
        """
        query = "SELECT seq, t0, acked_at, payload FROM chunks "
        if most is None:
            query += "ORDER BY seq DESC"
        else:
            query += f"WHERE acked_at IS NULL ORDER BY seq DESC LIMIT {int(most)}"
        try:
            for seq, t0, acked_at, payload in self._db.execute(query):
                bytes_sent = len(payload)
                yield {
                    "seq": seq,
                    "t0": t0,
                    "acked_at": acked_at,
                    "bytes": bytes_sent,
                    "chunk": opened(payload),
                }
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def last_health(self) -> Mapping[str, Any]:
        """Return the health in the newest chunk; empty when there is none.

        Raises:
            QueueUnreadable: the file is damaged.
        """
        rows = self._rows("SELECT payload FROM chunks ORDER BY seq DESC LIMIT 1")
        chunk = opened(rows[0][0]) if rows else None
        health = chunk.get("health") if chunk else None
        return health if isinstance(health, dict) else {}

    def integrity(self) -> str:
        """Return `ok`, or the first thing that SQLite finds wrong with the file."""
        try:
            return str(self._rows("PRAGMA integrity_check(1)")[0][0])
        except QueueUnreadable as error:
            return str(error)

    def _rows(self, query: str) -> list[Any]:
        try:
            return self._db.execute(query).fetchall()
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def _damaged(self, error: sqlite3.Error) -> QueueUnreadable:
        return QueueUnreadable(f"reading the queue {self._path}: {error}")

    def _opened(self, how: str) -> sqlite3.Connection:
        """Open the file; where no journal can be made beside it, and none is, it stands still."""
        db = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?{how}",
            uri=True,
            timeout=WAIT_S,
            isolation_level=None,
        )
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            db.close()
            if how == "immutable=1" or self._path.with_name(f"{self._path.name}-wal").exists():
                raise
            return self._opened("immutable=1")
        except sqlite3.Error:
            db.close()
            raise
        return db


def _state(text: str) -> dict[str, Any]:
    """Return a state as people read it: the code of the quality has its name beside it."""
    try:
        state = json.loads(text)
    except ValueError:
        return {"unreadable": True}
    return {
        "serial": state.get("serial"),
        "layout": state.get("label"),
        "quality": state.get("quality"),
        "quality_name": QUALITY_NAMES.get(state.get("quality")),
        "alarms": state.get("alarms"),
    }
