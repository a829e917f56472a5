"""The only queue of the agent: readings, sealed chunks and events in SQLite until acknowledged.

What was appended survives a `kill -9` and a power cut (WAL, synchronous=FULL). A number is never
used twice, not even when the file is lost, and chunks stay seven days after their acknowledgement,
so that the cloud can ask for them again: what a broker acknowledged from memory may be lost behind
it. A disk that takes nothing and a file that cannot be read raise nothing: readings stay in memory
meanwhile, and a new file is begun, into which what can be read of the old one is copied. All
methods belong to one thread.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from edge_agent.dictionary import CLOCK_SYNCED, CLOCK_UNSYNCED
from edge_agent.queue import aside
from edge_agent.queue.caps import DROP_ACKNOWLEDGED, USED_BYTES, Limits, Toll, trim
from edge_agent.queue.file import (
    COUNTS,
    LAST_NUMBER,
    Trouble,
    is_of_tables,
    open_file,
    trouble_of,
)
from edge_agent.queue.memory import (
    INSERT_EVENT,
    INSERT_ROW,
    NO_START,
    EventRow,
    Memory,
    Move,
    Row,
    scale_of,
)
from edge_agent.queue.numbers import Numbers
from edge_agent.queue.sealing import Group, groups, reading_of
from edge_agent.reading import Event, Reading, Window, event_text, packed

KEEP_SENT_S = 7 * 86_400
"""How long a chunk is kept after the broker acknowledged it."""
DAY_S = 86_400
MOST_REQUESTS_A_DAY = 6
"""Twice as many as the cloud sends: what is more is a fault of somebody's."""
MOST_WINDOWS = 500
"""Sealed in one call; what is left is sealed by the next."""
MOST_LOTS = 20
"""Copied in one call out of a queue that was set aside: nobody waits long for the rest."""
FLOOR_STEP_S = 300
"""How old the time on disk may be: it costs a page of the file each time."""
MB = 1024 * 1024

Got = TypeVar("Got")
log = logging.getLogger(__name__)


class Waiting(NamedTuple):
    """A message that is not acknowledged yet: its number in its table, and its bytes.

    `until` is the end of a chunk's window, by the clock that it was read with; 0 for an event.
    """

    number: int
    payload: bytes
    until: int = 0


class Answer(NamedTuple):
    """What became of a request: chunks put back among the waiting ones, numbers not kept."""

    put_back: int
    gone: int


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What is remembered of a device across restarts.

    Attributes:
        serial, label: of the device, and its models.
        quality: code of its last reading.
        alarms: its bits that are set.
        extra: what else those who read it want to find again.
    """

    serial: str
    label: str
    quality: int | None
    alarms: Mapping[str, int]
    extra: Mapping[str, int | str | None] = field(default_factory=dict)


class _Ready(NamedTuple):
    """A query for the windows and scales that can be sealed, and its arguments."""

    query: str
    given: tuple[int | str, ...]


class Outbox:
    """The queue in one file."""

    def __init__(
        self,
        path: Path,
        *,
        boot: str = "",
        gateway: str = "",
        keep_days: int = 90,
        keep_mb: float = 64,
    ) -> None:
        """Open or create the file; one that cannot be read is set aside, a new one begun.

        Args:
            path: of the file.
            boot: name of this start of the agent.
            gateway: its thing name, for the text of events.
            keep_days: how long what was never sent is kept.
            keep_mb: how large the file with its log may grow; a file that was set aside goes
                where it does not fit in beside it, once what it held is saved.
        """
        self._path = path
        self._boot = boot or "-"
        self._gateway = gateway
        self._limits = Limits(int(keep_mb * MB), keep_days * DAY_S)
        self._db: sqlite3.Connection | None = None
        self._numbers = Numbers(path.with_name(path.name + ".seq"))
        self._memory = Memory()
        self._states: dict[str, str] = {}
        self._meta: dict[str, int] = {}
        self._time: int | None = None
        self._given: set[int] = set()
        self._is_away = False
        self._has_earlier = True
        self._saving: list[aside.Place] = []
        self._aside_bytes = 0
        self._has_begun_anew = False
        self._write(lambda _: True)

    def close(self) -> None:
        """Close the file; what the disk did not take is lost."""
        if self._memory.rows or self._memory.events:
            self._write(lambda _: True)
        self._close()

    # ------------------------------------------------------------------ coming in
    def append(
        self,
        readings: Iterable[Reading],
        events: Iterable[Event | bytes] = (),
        states: Mapping[str, DeviceState] | None = None,
        *,
        clock: int = CLOCK_SYNCED,
    ) -> None:
        """Keep readings, events and device states, all or nothing, safe on disk on return.

        Of two readings of one device at one instant (after a restart) the better one is kept. What
        the disk does not take is kept in memory, and tried again with every call.

        Args:
            readings: what was read.
            events: what happened; the bytes of one that is a text already are sent as they are.
            states: what changed in what is known of devices, by name.
            clock: code of the clock that gave the instants.
        """
        scale = scale_of(clock, self._boot)
        rows = [self._row(reading, scale) for reading in readings]
        event_rows = [self._event_row(event, scale) for event in events]
        texts = [(name, _state_text(state)) for name, state in (states or {}).items()]

        def keep(db: sqlite3.Connection) -> bool:
            db.executemany(INSERT_ROW, [row.columns for row in rows])
            db.executemany(INSERT_EVENT, [event.columns for event in event_rows])
            db.executemany("INSERT OR REPLACE INTO devices VALUES (?, ?)", texts)
            return True

        if self._write(keep) is None:
            self._memory.add(rows, event_rows, texts)
        self._states.update(texts)
        self._keep_within(None)

    def restamp(
        self,
        shift_s: int,
        step_s: int,
        *,
        was: int = CLOCK_UNSYNCED,
        becomes: int = CLOCK_SYNCED,
    ) -> None:
        """Move what this start has read and not sealed, and its events, by so many seconds.

        They go to the nearest instant of the grid. Where a reading is there already the better one
        stays. An event that may be on its way keeps its instant. Chunks do not change.

        Args:
            shift_s: what is added.
            step_s: seconds between two instants of the grid.
            was: clock code of those that are meant.
            becomes: their clock code from now on.
        """
        move = Move(
            self._boot,
            scale_of(was, self._boot),
            scale_of(becomes, self._boot),
            shift_s,
            step_s,
            tuple(sorted(self._given)),
        )
        self._memory.move(move)
        self._write(lambda _: True)

    def remember_time(self, now: float) -> None:
        """Remember that `now` is believed; it goes to disk with what is written next."""
        self._time = int(now)

    def floor(self) -> int:
        """Return the last time that was believed and is on disk, 0 when there is none."""
        return self._meta.get("floor", 0)

    def seal(self, *, before: int, window_s: int, head: Window, hold: bool = False) -> int:
        """Turn readings before the instant `before` into chunks; return how many were made.

        One chunk per aligned window and kind of clock. The readings leave the table in the
        transaction in which their chunk enters. A reading that comes for a window sealed earlier
        (the clock was set back) gets a chunk of its own: the cloud takes the union. Readings of an
        earlier start whose clock was never set are sealed at once, and say so: nobody will know
        their time any more. The newest windows are sealed first, and a bounded number in one call.

        Args:
            before: end of the last window that is over.
            window_s: length of a window.
            head: gives all but seq, t0, n and the clock of what was read; its `clock` tells whether
                `before` can be believed.
            hold: readings of this start whose clock is not set yet stay where they are.
        """
        now = before if head.clock == CLOCK_SYNCED else None
        if self._is_away:
            self._write(lambda _: True)
        span = (before, window_s)
        ready = self._ready(span, is_held=hold)
        made: int | None = 0
        if self._read(f"SELECT 1 FROM ({ready.query}) LIMIT 1", ready.given):
            made = self._write(partial(self._seal, ready, span, head, now))
        if made is not None and made < MOST_WINDOWS and self._db is not None:
            self._has_earlier = False
        self._keep_within(now)
        return made or 0

    # ------------------------------------------------------------------ going out
    def waiting_chunks(self, limit: int = 100) -> list[Waiting]:
        """Return chunks that are not acknowledged, newest first: what is happening goes first."""
        return self._waiting_between(0, None, limit)

    def waiting_live(self, since_t0: int, limit: int = 100) -> list[Waiting]:
        """Return those of the waiting chunks whose window began at `since_t0` or later."""
        return self._waiting_between(since_t0, None, limit)

    def waiting_backfill(self, before_t0: int, limit: int = 20) -> list[Waiting]:
        """Return those of the waiting chunks whose window began before `before_t0`."""
        return self._waiting_between(0, before_t0, limit)

    def waiting_again(self, limit: int = 20) -> list[Waiting]:
        """Return acknowledged chunks that were asked for and not sent since, newest first."""
        done = self._memory.acked_chunks
        rows = self._read(
            "SELECT seq, payload, until FROM again JOIN chunks USING (seq) "
            "ORDER BY seq DESC LIMIT ?",
            (limit + len(done),),
        )
        return [Waiting(*row) for row in rows if row[0] not in done][:limit]

    def waiting_events(self, limit: int = 100, *, hold: bool = False) -> list[Waiting]:
        """Return events that are not acknowledged, in the order in which they happened.

        Args:
            limit: how many at most.
            hold: leave out those of this start whose clock is not set yet.
        """
        done = self._memory.acked_events
        rows = self._read(
            "SELECT number, payload, fields, at, scale, boot FROM events "
            "WHERE scale != ? ORDER BY number LIMIT ?",
            (self._boot if hold else NO_START, limit + len(done)),
        )
        kept = [row for row in rows if row[0] not in done][:limit]
        found = [Waiting(row[0], self._event_payload(*row[1:])) for row in kept]
        self._given.update(one.number for one in found if one.payload)
        self._memory.acked_events.update(one.number for one in found if not one.payload)
        return [one for one in found if one.payload]

    def acknowledge(self, *, chunks: Sequence[int], events: Sequence[int], at: int) -> None:
        """Mark chunks as taken over by the broker, forget such events, drop chunks kept enough.

        A chunk that was sent again is kept from its first acknowledgement on, and one that still
        waits to be sent again is not dropped.
        """
        self._memory.acked_chunks.update(dict.fromkeys(chunks, at))
        self._memory.acked_events.update(events)
        self._given.difference_update(events)

        def drop(db: sqlite3.Connection) -> bool:
            db.execute(
                "DELETE FROM chunks WHERE acked_at < ? AND seq NOT IN (SELECT seq FROM again)",
                (at - KEEP_SENT_S,),
            )
            return True

        self._write(drop)

    def send_again(
        self, request_id: str, ranges: Iterable[tuple[int, int]], *, at: int
    ) -> Answer | None:
        """Put acknowledged chunks back among the waiting ones, safe on disk on return.

        What waits already stays as it is. The same request again changes nothing. A seventh within
        a day (by `at`, unix seconds) is not obeyed, nor is one that the disk does not take: None.
        """
        got = self._write(partial(_send_again, request_id, list(ranges), at))
        return got[0] if got else None

    # ------------------------------------------------------------------ what is known
    def depth(self) -> int:
        """Return how many chunks wait for their acknowledgement, be it the first or another."""
        rows = self._read(
            "SELECT (SELECT count(*) FROM chunks WHERE acked_at IS NULL)"
            " + (SELECT count(*) FROM again)"
        )
        return int(rows[0][0]) - len(self._memory.acked_chunks) if rows else 0

    def held(self) -> int:
        """Return how many readings of this start wait until the clock is set."""
        rows = self._read("SELECT count(*) FROM readings WHERE scale = ?", (self._boot,))
        return int(rows[0][0]) if rows else 0

    @property
    def ram(self) -> int:
        """Return how many readings are in memory only, because the disk takes nothing."""
        return len(self._memory.rows)

    @property
    def lost(self) -> int:
        """Return how many readings were dropped, since the queue was made.

        The queue was full, or they could not be read any more; of a damaged chunk nobody knows how
        many it held, and it counts as one.
        """
        return self._meta.get("lost", 0) + self._memory.lost

    @property
    def lost_events(self) -> int:
        """Return how many events were dropped because there were too many."""
        return self._meta.get("lost_events", 0) + self._memory.lost_events

    @property
    def thin(self) -> int:
        """Return how many readings were thinned away because the queue was full."""
        return self._meta.get("thin", 0) + self._memory.thin

    @property
    def aside_at(self) -> int | None:
        """Return when a queue was set aside or had lost its end, 0 until the time is known."""
        return self._meta.get("aside_at")

    def oldest_age_s(self, now: float) -> int | None:
        """Return how long ago the window of the oldest chunk that waits was sealed."""
        rows = self._read("SELECT min(made) FROM chunks WHERE acked_at IS NULL")
        made = rows[0][0] if rows else None
        return max(0, int(now) - made) if type(made) is int else None

    def health(self, now: float) -> dict[str, int]:
        """Return what the health of the gateway tells of its queue; nothing where all is well."""
        known = {
            "held": self.held(),
            "lost": self.lost,
            "lost_events": self.lost_events,
            "thin": self.thin,
            "ram": self.ram,
            "aside": self.aside_at,
            "old_s": self.oldest_age_s(now),
        }
        told = {name: value for name, value in known.items() if value}
        return told | ({"aside": 0} if self.aside_at == 0 else {})

    def counts(self) -> dict[str, int | None]:
        """Return what the queue holds, for people: rows of each kind and the oldest waiting t0."""
        found = {name: self._read(query) for name, query in COUNTS.items()}
        return {name: rows[0][0] if rows else None for name, rows in found.items()}

    def used_bytes(self) -> int:
        """Return how much of the file is in use."""
        rows = self._read(USED_BYTES)
        return int(rows[0][0]) if rows else 0

    def states(self) -> dict[str, DeviceState]:
        """Return what is remembered of each device, by its name in the settings."""
        found = {name: _state(text) for name, text in self._states.items()}
        return {name: state for name, state in found.items() if state is not None}

    # ------------------------------------------------------------------ rows
    def _row(self, reading: Reading, scale: str) -> Row:
        return Row(
            reading.at,
            reading.serial,
            scale,
            self._boot,
            reading.quality,
            reading.layout,
            json.dumps(dict(reading.values), separators=(",", ":")),
        )

    def _event_row(self, event: Event | bytes, scale: str) -> EventRow:
        if isinstance(event, bytes):
            return EventRow("", event, 0, "", self._boot)
        known = asdict(event)
        return EventRow(json.dumps(known), b"", known.pop("at"), scale, self._boot)

    def _event_payload(self, payload: bytes, known: str, at: int, scale: str, boot: str) -> bytes:
        clock = CLOCK_UNSYNCED if scale else CLOCK_SYNCED
        try:
            if not known:
                return bytes(payload)
            event = Event(**(json.loads(known) | {"at": at}))
            return event_text(event, gateway=self._gateway, boot=boot, clock=clock).encode("ascii")
        except (TypeError, ValueError):  # damage; nothing is sent of it
            return b""

    def _waiting_between(self, since: int, before: int | None, limit: int) -> list[Waiting]:
        done = self._memory.acked_chunks
        rows = self._read(
            "SELECT seq, payload, until FROM chunks WHERE acked_at IS NULL AND t0 >= ? AND t0 < ? "
            "AND seq <= ? ORDER BY t0 DESC, seq DESC LIMIT ?",
            (
                since,
                1 << 62 if before is None else before,
                self._numbers.last,
                limit + len(done),
            ),
        )
        broken = [row[0] for row in rows if not isinstance(row[1], bytes)]
        if broken:
            self._write(partial(self._drop_broken, broken))
        kept = (row for row in rows if row[0] not in done and row[0] not in broken)
        return [Waiting(*row) for row in kept][:limit]

    def _drop_broken(self, numbers: Sequence[int], db: sqlite3.Connection) -> bool:
        """Drop chunks that damage has left no bytes of."""
        db.executemany("DELETE FROM chunks WHERE seq = ?", [(number,) for number in numbers])
        self._count(db, Toll(lost=len(numbers)))
        return True

    # ------------------------------------------------------------------ sealing
    def _ready(self, span: tuple[int, int], *, is_held: bool) -> "_Ready":
        """Return the query for what can be sealed; `span` is the end and the length of a window."""
        before, window_s = span
        parts = [f"SELECT at - at % {window_s} AS t0, scale FROM readings WHERE at < ?"]
        given: list[int | str] = [before]
        parts[0] += " AND scale = ''" if is_held else " AND scale IN ('', ?)"
        given += [] if is_held else [self._boot]
        if self._has_earlier:
            parts.append(
                f"SELECT at - at % {window_s} AS t0, scale FROM readings WHERE scale NOT IN ('', ?)"
            )
            given.append(self._boot)
        return _Ready(" UNION ".join(parts), tuple(given))

    def _seal(
        self,
        ready: "_Ready",
        span: tuple[int, int],
        head: Window,
        now: int | None,
        db: sqlite3.Connection,
    ) -> int:
        before, window_s = span
        if now is not None:
            db.execute("UPDATE chunks SET made = ? WHERE made IS NULL AND acked_at IS NULL", (now,))
        windows = db.execute(
            f"SELECT DISTINCT t0, scale FROM ({ready.query}) "
            f"ORDER BY t0 DESC, scale DESC LIMIT {MOST_WINDOWS}",
            ready.given,
        ).fetchall()
        # The oldest of them get the lowest numbers.
        for t0, scale in reversed(windows):
            is_earlier = scale not in {"", self._boot}
            until = t0 + window_s if is_earlier else min(before, t0 + window_s)
            rows_of = (t0, until, scale)
            rows = db.execute(
                "SELECT serial, at, quality, layout, cells FROM readings "
                "WHERE at >= ? AND at < ? AND scale = ? ORDER BY at",
                rows_of,
            ).fetchall()
            clock = CLOCK_UNSYNCED if scale else CLOCK_SYNCED
            readings = [reading for reading in map(reading_of, rows) if reading is not None]
            self._count(db, Toll(lost=len(rows) - len(readings)))
            for group in groups(t0, window_s, clock, readings, head):
                _insert(db, group, head, now)
            db.execute("DELETE FROM readings WHERE at >= ? AND at < ? AND scale = ?", rows_of)
        return len(windows)

    def _keep_within(self, now: int | None) -> None:
        """Hold the queue to its limits where it is beyond them."""
        used = self.used_bytes()
        if self._aside_bytes and not self._saving:
            since = self.aside_at or now or 0
            is_over = used + self._aside_bytes > self._limits.used_bytes
            if is_over or (now is not None and now - since > self._limits.age_s):
                self._drop_asides()
        is_full = used > self._limits.used_bytes
        is_old = now is not None and bool(
            self._read(
                "SELECT 1 FROM chunks WHERE acked_at IS NULL AND made < ? LIMIT 1",
                (now - self._limits.age_s,),
            )
        )
        if is_full or is_old:
            self._write(partial(self._trim, now))

    def _trim(self, now: int | None, db: sqlite3.Connection) -> bool:
        toll = trim(db, self._limits, now=now, boot=self._boot)
        self._count(db, toll)
        return True

    # ------------------------------------------------------------------ the file
    def _write(self, work: Callable[[sqlite3.Connection], Got]) -> Got | None:
        """Do all of `work` or nothing of it, safe on disk on return, and all that waits for it.

        None when the disk takes nothing now.
        """
        for _ in range(3):
            try:
                return self._transaction(work)
            except (sqlite3.Error, UnicodeError) as error:
                if not self._may_try_again(error):
                    return None
            except OSError as error:
                self._let_go(error)
                return None
        return None

    def _transaction(self, work: Callable[[sqlite3.Connection], Got]) -> Got:
        db = self._opened()
        if self._saving:
            self._save_some(db)
        with self._all_or_nothing(db):
            rows = self._memory.pour(db)
            toll = Toll(self._memory.lost, self._memory.thin, self._memory.lost_events)
            self._count(db, toll)
            self._note_time(db)
            got = work(db)
            last = int(db.execute(LAST_NUMBER).fetchone()[0])
        self._memory.poured(rows)
        self._memory.lost -= toll.lost
        self._memory.thin -= toll.thin
        self._memory.lost_events -= toll.lost_events
        try:
            # Until that is written no chunk beyond it is given out.
            self._numbers.keep(last)
        except OSError as error:
            self._tell(error)
            return got
        if self._is_away:
            self._is_away = False
            log.info("the queue %s is written again", self._path)
        return got

    @contextmanager
    def _all_or_nothing(self, db: sqlite3.Connection) -> Iterator[None]:
        before = dict(self._meta)
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            self._meta = before
            if db.in_transaction:  # some errors end it by themselves
                db.execute("ROLLBACK")
            raise

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None:
            return self._db
        self._db = db = open_file(self._path, max(aside.numbers(self._path), default=None))
        used = int(db.execute(LAST_NUMBER).fetchone()[0])
        if used < self._numbers.last:
            log.error(
                "the queue %s ends at chunk %d, but %d may have been sent: it goes on after that",
                self._path,
                used,
                self._numbers.last,
            )
            db.execute("DELETE FROM sqlite_sequence WHERE name = 'chunks'")
            db.execute("INSERT INTO sqlite_sequence VALUES ('chunks', ?)", (self._numbers.last,))
            db.execute("INSERT OR REPLACE INTO meta VALUES ('aside_at', 0)")
        self._saving = [
            aside.Place(*row) for row in db.execute("SELECT * FROM salvage ORDER BY aside DESC")
        ]
        self._aside_bytes = aside.used_bytes(self._path)
        if self._saving and self._saving[0].step == 0:
            known = self._meta | {"aside_at": 0}
            db.executemany("INSERT OR REPLACE INTO devices VALUES (?, ?)", self._states.items())
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", known.items())
        self._learn(db)
        return db

    def _learn(self, db: sqlite3.Connection) -> None:
        """Read what the file says of itself and of the devices; what is in memory is newer."""
        self._meta = dict(
            db.execute(
                "SELECT name, value FROM meta "
                "WHERE typeof(value) = 'integer' AND typeof(name) = 'text'"
            )
        )
        states = db.execute("SELECT name, state FROM devices WHERE typeof(name) = 'text'")
        self._states = dict(states) | self._states
        self._has_earlier = True

    def _save_some(self, db: sqlite3.Connection) -> None:
        """Copy some of what was set aside; where there is no room for it, it waits."""
        try:
            for _ in range(MOST_LOTS):
                place = self._saving[0]
                with self._all_or_nothing(db):
                    taken = aside.take(db, self._path, place)
                    self._count(db, Toll(lost=taken.lost))
                self._saving[0] = taken.place
                if taken.place.step == aside.DONE:
                    log.info("what can be read of the old queue %d is saved", place.aside)
                    del self._saving[0]
                if place.step == 0:
                    rows = db.execute("SELECT * FROM salvage ORDER BY aside DESC")
                    self._saving = [aside.Place(*row) for row in rows]
                self._learn(db)
                if not self._saving:
                    return
        except sqlite3.Error as error:
            if trouble_of(error) is not Trouble.FULL:
                raise

    def _drop_asides(self) -> None:
        """Delete what was set aside, but not what is still to be saved."""
        kept = {place.aside for place in self._saving}
        try:
            aside.drop(self._path, [n for n in aside.numbers(self._path) if n not in kept])
            self._aside_bytes = aside.used_bytes(self._path)
        except OSError as error:
            log.warning("deleting an old queue beside %s: %s", self._path, error)

    def _read(self, query: str, given: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none where the file cannot be read now."""
        if self._db is None:
            return []
        try:
            return self._db.execute(query, given).fetchall()
        except (sqlite3.Error, UnicodeError) as error:
            self._may_try_again(error)
            return []

    def _may_try_again(self, error: sqlite3.Error | UnicodeError) -> bool:
        """Do what an error of the file asks for; raise it where it is a mistake of ours.

        Words of an error that are no text come from a file that is damaged.
        """
        trouble = trouble_of(error) if isinstance(error, sqlite3.Error) else Trouble.DAMAGED
        # What goes wrong in a file that was just begun is a mistake of ours.
        if trouble is None or (is_of_tables(error) and self._has_begun_anew):
            raise error
        if trouble is Trouble.DAMAGED:
            return self._begin_anew(error)
        if trouble is Trouble.FULL and self._make_room():
            return True
        if trouble is Trouble.FULL:
            self._tell(error)
        else:
            self._let_go(error)
        return False

    def _make_room(self) -> bool:
        """Drop what was set aside, else acknowledged chunks; tell whether there were any."""
        if self._db is None:
            return False
        freed = self._aside_bytes
        self._drop_asides()
        if self._aside_bytes < freed:
            return True
        try:
            # The log is worked in first: it is used again from its start, and need not grow.
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            return self._db.execute(DROP_ACKNOWLEDGED).rowcount > 0
        except sqlite3.Error:
            return False

    def _let_go(self, error: Exception) -> None:
        """Close the file until the next call."""
        self._tell(error)
        self._close()

    def _tell(self, error: Exception) -> None:
        """Say once that the disk takes nothing."""
        if not self._is_away:
            self._is_away = True
            log.error("writing the queue %s: %s; readings stay in memory", self._path, error)

    def _begin_anew(self, error: Exception) -> bool:
        """Set the file aside and begin to save what can be read of it; tell whether it worked."""
        self._close()
        try:
            old = aside.set_aside(self._path)
            log.error("reading the queue %s: %s; it is %s now", self._path, error, old.name)
            self._opened()
        except (sqlite3.Error, OSError) as second:
            self._let_go(second)
            return False
        self._has_begun_anew = True
        return True

    def _close(self) -> None:
        if self._db is not None:
            try:
                self._db.close()
            except sqlite3.Error as error:
                log.warning("closing the queue %s: %s", self._path, error)
            self._db = None

    def _count(self, db: sqlite3.Connection, toll: Toll) -> None:
        for name, more in asdict(toll).items():
            if more:
                self._note(db, name, self._meta.get(name, 0) + more)

    def _note_time(self, db: sqlite3.Connection) -> None:
        """Write the time down where that on disk is old, and when a file was set aside."""
        if self._time is None:
            return
        if abs(self._time - self.floor()) >= FLOOR_STEP_S:
            self._note(db, "floor", self._time)
        if self._meta.get("aside_at") == 0:
            self._note(db, "aside_at", self._time)

    def _note(self, db: sqlite3.Connection, name: str, value: int) -> None:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
        self._meta[name] = value


def _insert(db: sqlite3.Connection, group: Group, head: Window, now: int | None) -> None:
    cursor = db.execute(
        "INSERT INTO chunks (t0, until, payload, made) VALUES (?, ?, x'', ?)",
        (group.t0, group.t0 + group.n * group.dt, now),
    )
    seq = int(cursor.lastrowid or 0)
    payload = packed(group.text(head, seq))
    db.execute("UPDATE chunks SET payload = ? WHERE seq = ?", (payload, seq))


def _send_again(
    request_id: str, ranges: Sequence[tuple[int, int]], at: int, db: sqlite3.Connection
) -> tuple[Answer | None]:
    db.execute("DELETE FROM requests WHERE at < ?", (at - KEEP_SENT_S,))
    is_known, today = db.execute(
        "SELECT total(id = ?), total(at > ? AND at <= ?) FROM requests",
        (request_id, at - DAY_S, at),
    ).fetchone()
    if is_known:
        return (Answer(0, 0),)
    if today >= MOST_REQUESTS_A_DAY:
        return (None,)
    db.execute("INSERT INTO requests VALUES (?, ?)", (request_id, at))
    put_back = gone = 0
    for first, last in ranges:
        span = (first, last)
        kept = db.execute("SELECT count(*) FROM chunks WHERE seq BETWEEN ? AND ?", span)
        gone += last - first + 1 - kept.fetchone()[0]
        put_back += db.execute(
            "INSERT OR IGNORE INTO again SELECT seq FROM chunks "
            "WHERE seq BETWEEN ? AND ? AND acked_at IS NOT NULL",
            span,
        ).rowcount
    return (Answer(put_back, gone),)


def _state_text(state: DeviceState) -> str:
    known = {
        "serial": state.serial,
        "label": state.label,
        "quality": state.quality,
        "alarms": dict(state.alarms),
    }
    extra = {"extra": dict(state.extra)} if state.extra else {}
    return json.dumps(known | extra, separators=(",", ":"))


def _state(text: str) -> DeviceState | None:
    """Return a state; None for one that damage made unreadable. What is not known is left out."""
    known = {one.name for one in fields(DeviceState)}
    try:
        found = {name: value for name, value in json.loads(text).items() if name in known}
        return DeviceState(**found)
    except (TypeError, ValueError, AttributeError):
        return None
