"""Keeps the queue within its limits of size and age: what goes first, and what is counted as lost.

First go chunks that the broker has acknowledged. Then the oldest that wait are thinned to a row in
a quarter of an hour: energy travels as lifetime counters, so that none of it is lost. Then the
oldest are dropped.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any, NamedTuple

from edge_agent.dictionary import QUALITY_UNREACHABLE
from edge_agent.queue.file import is_chunk, opened
from edge_agent.reading import Section, Window, chunk_text, packed

QUARTER_S = 900
STEPS = 20
"""Chunks that are thinned or dropped in one turn: more than one turn can add."""
ROWS = 500
MOST_EVENTS = 10_000
MARGIN_BYTES = 1_500_000
"""What the log beside the file may take."""
OLD = "acked_at IS NOT NULL AND seq NOT IN (SELECT seq FROM again)"
DROP_ACKNOWLEDGED = (
    "DELETE FROM chunks WHERE seq IN "
    f"(SELECT seq FROM chunks WHERE {OLD} ORDER BY seq LIMIT {STEPS})"
)
USED_BYTES = (
    "SELECT (page_count - freelist_count) * page_size "
    "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)
"""What of the file holds something: a page that was freed is used again."""
OLDEST_WAITING = "SELECT seq, payload FROM chunks WHERE acked_at IS NULL"


@dataclass(slots=True)
class Toll:
    """What keeping within the limits cost: readings dropped or thinned away, events dropped."""

    lost: int = 0
    thin: int = 0
    lost_events: int = 0


class Limits(NamedTuple):
    """How much is kept: bytes of the file with its log, and seconds since sealing."""

    size_bytes: int
    age_s: int

    @property
    def used_bytes(self) -> int:
        """Return how much of the file itself may be in use."""
        return self.size_bytes - min(MARGIN_BYTES, self.size_bytes // 8)


def trim(
    db: sqlite3.Connection,
    limits: Limits,
    *,
    now: int | None,
    boot: str,
) -> Toll:
    """Bring the queue a bounded step nearer to its limits, within the caller's transaction.

    Args:
        db: the queue.
        limits: what it is held to.
        now: unix seconds, None when they are not known: then nothing is too old.
        boot: name of this start, in chunks that are written anew.
    """
    toll = Toll()
    toll.lost_events += db.execute(
        "DELETE FROM events WHERE number <= (SELECT number FROM events ORDER BY number DESC "
        "LIMIT 1 OFFSET ?)",
        (MOST_EVENTS,),
    ).rowcount
    if now is not None:
        _drop_too_old(db, now - limits.age_s, toll)
    for _ in range(STEPS):
        if db.execute(USED_BYTES).fetchone()[0] <= limits.used_bytes:
            break
        if db.execute(DROP_ACKNOWLEDGED).rowcount > 0:
            continue
        if _thin_oldest(db, boot, toll) or _drop_oldest(db, toll):
            continue
        _shorten_readings(db, toll)
        break
    return toll


def _drop_too_old(db: sqlite3.Connection, before: int, toll: Toll) -> None:
    for seq, payload in db.execute(
        f"{OLDEST_WAITING} AND made < ? ORDER BY t0 LIMIT ?", (before, STEPS)
    ).fetchall():
        _drop(db, seq, payload, toll)


def _drop_oldest(db: sqlite3.Connection, toll: Toll) -> bool:
    row = db.execute(f"{OLDEST_WAITING} ORDER BY t0, seq LIMIT 1").fetchone()
    if row is None:  # what waits to be sent again is younger than a week, and the last to go
        row = db.execute("SELECT seq, payload FROM again JOIN chunks USING (seq)").fetchone()
        if row is None:
            return False
        db.execute("DELETE FROM again WHERE seq = ?", (row[0],))
        db.execute("DELETE FROM chunks WHERE seq = ?", (row[0],))
        return True
    _drop(db, row[0], row[1], toll)
    return True


def _drop(db: sqlite3.Connection, seq: int, payload: bytes, toll: Toll) -> None:
    toll.lost += count_rows(opened(payload))
    db.execute("DELETE FROM chunks WHERE seq = ?", (seq,))


def _thin_oldest(db: sqlite3.Connection, boot: str, toll: Toll) -> bool:
    """Write the oldest chunk that was not thinned anew, under a new number; tell whether one was.

    Its bytes may have been sent before, and a number always carries the same bytes. The name of
    this start goes with the number: numbers rise from start to start.
    """
    row = db.execute(
        "SELECT seq, t0, until, payload, made FROM chunks WHERE acked_at IS NULL AND thinned = 0 "
        "ORDER BY t0, seq LIMIT 1"
    ).fetchone()
    if row is None:
        return False
    seq, t0, until, payload, made = row
    message = opened(payload) if is_chunk(payload, seq=seq) else None
    try:
        taken = 0 if message is None else thin(message)
    except (KeyError, TypeError, IndexError):  # damage
        taken = 0
    if message is None or taken == 0:
        db.execute("UPDATE chunks SET thinned = 1 WHERE seq = ?", (seq,))
        return True
    toll.thin += taken
    db.execute("DELETE FROM chunks WHERE seq = ?", (seq,))
    new = db.execute(
        "INSERT INTO chunks (t0, until, payload, made, thinned) VALUES (?, ?, x'', ?, 1)",
        (t0, until, made),
    ).lastrowid
    fresh = int(new or 0)
    db.execute(
        "UPDATE chunks SET payload = ? WHERE seq = ?", (written(message, fresh, boot), fresh)
    )
    return True


def _shorten_readings(db: sqlite3.Connection, toll: Toll) -> None:
    """Thin the oldest readings that are not sealed, or drop some where that was done before."""
    thinned = db.execute(
        "DELETE FROM readings WHERE (at, serial, layout, scale) IN "
        "(SELECT at, serial, layout, scale FROM (SELECT at, serial, layout, scale, "
        "row_number() OVER (PARTITION BY scale, serial, layout, at / ? "
        "ORDER BY quality = ?, at) AS place FROM readings) WHERE place > 1 ORDER BY at LIMIT ?)",
        (QUARTER_S, QUALITY_UNREACHABLE, ROWS),
    ).rowcount
    toll.thin += thinned
    if thinned == 0:
        toll.lost += db.execute(
            "DELETE FROM readings WHERE (at, serial, layout, scale) IN "
            "(SELECT at, serial, layout, scale FROM readings ORDER BY at LIMIT ?)",
            (ROWS // 5,),
        ).rowcount


def count_rows(message: dict[str, Any] | None) -> int:
    """Return how many readings a chunk holds; those of one that is damaged cannot be told."""
    try:
        sections = message["dev"] if message else ()
        return sum(code is not None for section in sections for code in section["q"])
    except (KeyError, TypeError):
        return 0


def thin(message: dict[str, Any]) -> int:
    """Leave one row of each quarter of an hour in a decoded chunk; return how many went.

    The first of a quarter in which the device answered stays, or the first of all.
    """
    before = count_rows(message)
    for section in message["dev"]:
        kept = _kept_rows(section["q"], t0=message["t0"], dt=message["dt"])
        section["q"] = [code if row in kept else None for row, code in enumerate(section["q"])]
        section["cols"] = {
            name: [value if row in kept else None for row, value in enumerate(_absolute(coded))]
            for name, coded in section["cols"].items()
        }
    return before - count_rows(message)


def _kept_rows(quality: list[int | None], *, t0: int, dt: int) -> set[int]:
    kept: dict[int, int] = {}
    for row, code in enumerate(quality):
        place = (t0 + row * dt) // QUARTER_S
        if code is None:
            continue
        if place not in kept or (
            quality[kept[place]] == QUALITY_UNREACHABLE and code != QUALITY_UNREACHABLE
        ):
            kept[place] = row
    return set(kept.values())


def _absolute(coded: list[int | None]) -> list[int | None]:
    values: list[int | None] = []
    last = 0
    for delta in coded:
        if delta is not None:
            last += delta
        values.append(None if delta is None else last)
    return values


def written(message: dict[str, Any], seq: int, boot: str) -> bytes:
    """Return the payload of a thinned chunk, under another number and the name of this start."""
    window = Window(
        gateway=message["gw"],
        boot=boot,
        seq=seq,
        t0=message["t0"],
        dt=message["dt"],
        n=message["n"],
        clock=message["clk"],
        health=message["health"],
    )
    devices = [
        Section(section["sn"], section["ml"], section["q"], section["cols"])
        for section in message["dev"]
    ]
    return packed(chunk_text(window, devices))
