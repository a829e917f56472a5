"""The clock of the local runtime: it stands still until somebody moves it, or runs at a speed."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from cloud.adapters.clock import SystemClock
from cloud.kernel.errors import BadInput


class SimulatedClock:
    """`cloud.kernel.clock.Clock` whose instant is a row in a database.

    It only moves forward. Every step is committed before it is seen, so that after ``kill -9`` the
    runtime goes on from an instant that nothing has acted beyond.
    """

    def __init__(self, database: Path, *, starts_at: datetime | None = None) -> None:
        """Open the clock.

        Args:
            database: where the row is kept.
            starts_at: the first instant of a new clock; the machine's own when absent.

        Raises:
            BadInput: the file is damaged, or holds no clock.
        """
        first = (starts_at or SystemClock().now()).astimezone(UTC)
        self._lock = Lock()
        with ExitStack() as undo:
            try:
                self._connection = sqlite3.connect(
                    database, isolation_level=None, check_same_thread=False
                )
                undo.callback(self._connection.close)
                self._now = self._read(first)
            except (sqlite3.Error, TypeError, ValueError) as damaged:
                msg = (
                    f"reading the clock in {database}: {damaged}; bring the file back from a copy,"
                    " or begin anew in another folder"
                )
                raise BadInput(msg) from damaged
            undo.pop_all()

    def _read(self, first: datetime) -> datetime:
        """Give the instant where the clock stands; a new one stands at its first."""
        self._connection.execute("PRAGMA journal_mode=WAL")
        # A commit outlives the process at once; after a power cut the clock may stand a moment
        # earlier, and what is due is done again.
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), now TEXT)"
        )
        self._connection.execute("INSERT OR IGNORE INTO clock VALUES (1, ?)", (first.isoformat(),))
        row = self._connection.execute("SELECT now FROM clock").fetchone()
        now = datetime.fromisoformat(row[0])
        if now.tzinfo is None:
            raise ValueError(f"its instant {row[0]} has no zone")
        return now

    def now(self) -> datetime:
        """Give the present instant of the simulation, in UTC."""
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Move forward to an instant.

        Raises:
            BadInput: the instant lies in the past.
        """
        with self._lock:
            if instant < self._now:
                msg = f"moving the clock: {instant} is before {self._now}; it only moves on"
                raise BadInput(msg)
            if instant > self._now:
                after = instant.astimezone(UTC)
                self._connection.execute("UPDATE clock SET now = ?", (after.isoformat(),))
                self._now = after

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


class Pace:
    """Says where a clock that runs at a speed should be by now.

    Attributes:
        speed: simulated seconds for each real one; 1 is real time.
    """

    def __init__(self, clock: SimulatedClock, *, speed: float, real: Callable[[], float]) -> None:
        self.speed = speed
        self._real = real
        self._started = real()
        self._from = clock.now()

    def due(self) -> datetime:
        """Give the instant that the simulation should have reached."""
        return self._from + timedelta(seconds=(self._real() - self._started) * self.speed)
