"""A listener in a process of its own, to be killed: it commits each message to a database."""

import signal
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from cloud.local.authority import Authority
from cloud.local.mqtt.listener import Listener
from cloud.local.mqtt.message import Publish


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - an entry point


class Journal:
    """Commits with FULL before it returns."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS message (payload BLOB)")

    def accept(self, publish: Publish) -> None:
        with self._lock:
            self._db.execute("INSERT INTO message VALUES (?)", (publish.payload,))


def main(folder: Path, port: int) -> None:
    authority = Authority(folder / "ca", clock=WallClock())
    listener = Listener(
        database=folder / "mqtt.db",
        tls=authority.server_context(),
        authorise=lambda *_: True,
        accept=Journal(folder / "journal.db").accept,
        clock=WallClock(),
        port=port,
    )
    sys.stdout.write(f"{listener.start()}\n")
    sys.stdout.flush()
    signal.pause()


main(Path(sys.argv[1]), int(sys.argv[2]))
