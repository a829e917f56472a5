"""Queues that were set aside because of damage, and how what can be read of them is saved.

A new queue notes with its first tables which one lies beside it. From then on rows are copied a
few at a time, each lot in one transaction with the place up to which it went: an end of power or a
full disk only delays it.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge_agent.queue.file import TABLES, is_chunk, text_of

MOST_ASIDE: Final = 2
ROWS: Final = 200
"""Copied in one transaction; a chunk has a few KB."""
KEYED: Final = (("chunks", "seq"), ("readings", "at"), ("events", "number"))
"""Large tables, each read from its start to the damage, then from its end back to it."""
SMALL: Final = {
    "devices": (str, str),
    "meta": (str, int),
    "again": (int,),
    "requests": (str, int),
    "salvage": (int, int, int, int),
}
"""Tables that are copied at once, and what their columns hold."""
DONE: Final = 1 + 2 * len(KEYED)
LOWEST, HIGHEST = -(1 << 62), 1 << 62
MOST_GAP: Final = 10_000
"""A key that damage has made is no reason to count a million."""


class Place(NamedTuple):
    """How far the rows of a queue that was set aside are copied, as the table `salvage` has it.

    Attributes:
        aside: its number.
        step: 0 for the small tables, then two for each large one: up from its start, and down from
            its end.
        low, high: key of the last row that was copied on the way up, and down.
    """

    aside: int
    step: int = 0
    low: int = LOWEST
    high: int = HIGHEST


class Taken(NamedTuple):
    """What was copied: where to go on, and how many rows there were that cannot be used."""

    place: Place
    lost: int


def set_aside(path: Path) -> Path:
    """Move a file that cannot be read out of the way, its log with it; return where it is now.

    The last two are kept. The log goes first: beside a new file it would be taken for its own.

    Raises:
        OSError: the disk takes nothing.
    """
    aside = _aside(path, max(numbers(path), default=0) + 1)
    _beside(path, "-shm").unlink(missing_ok=True)
    for suffix in ("-wal", ""):
        with suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(aside, suffix))
    drop(path, numbers(path)[:-MOST_ASIDE])
    return aside


def numbers(path: Path) -> list[int]:
    """Return the numbers of the files that were set aside, the newest last."""
    ends = (one.name.rpartition("-")[2] for one in path.parent.glob(f"{path.name}.corrupt-*"))
    return sorted(int(end) for end in ends if end.isdecimal())


def used_bytes(path: Path) -> int:
    """Return how much they take."""
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}.corrupt-*"))


def drop(path: Path, which: Sequence[int]) -> None:
    """Delete files that were set aside."""
    for number in which:
        for suffix in ("-wal", "-shm", ""):
            _beside(_aside(path, number), suffix).unlink(missing_ok=True)


def take(db: sqlite3.Connection, path: Path, place: Place) -> Taken:
    """Copy some rows into the new queue, within the caller's transaction."""
    found: Taken | None = None
    with suppress(OSError, _Unreadable), closing(_open_to_look(_aside(path, place.aside))) as old:
        found = _take_small(db, old, place) if place.step == 0 else _take_keyed(db, old, place)
    found = found or Taken(Place(place.aside, DONE), 0)
    if found.place.step < DONE:
        db.execute("INSERT OR REPLACE INTO salvage VALUES (?, ?, ?, ?)", found.place)
    else:
        db.execute("DELETE FROM salvage WHERE aside = ?", (place.aside,))
    return found


class _Unreadable(Exception):
    """Nothing at all can be read of the file."""


def _open_to_look(aside: Path) -> sqlite3.Connection:
    """Open a file that was set aside; nothing in it can be changed."""
    try:
        db = sqlite3.connect(f"{aside.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise _Unreadable from error
    db.text_factory = text_of
    return db


def _take_small(db: sqlite3.Connection, old: sqlite3.Connection, place: Place) -> Taken:
    for table, types in SMALL.items():
        rows = chain.from_iterable(
            _until_damage(old, f"SELECT {TABLES[table]} FROM {table} ORDER BY 1 {order}", ())[0]
            for order in ("ASC", "DESC")
        )
        whole = [row for row in rows if tuple(map(type, row)) == types]
        places = ", ".join("?" * len(types))
        newer = (
            " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value) "
            "WHERE name != 'aside_at'"
            if table == "meta"
            else " ON CONFLICT DO NOTHING"
        )
        db.executemany(f"INSERT INTO {table} VALUES ({places}){newer}", whole)
    return Taken(Place(place.aside, 1), 0)


def _take_keyed(db: sqlite3.Connection, old: sqlite3.Connection, place: Place) -> Taken:
    table, key = KEYED[(place.step - 1) // 2]
    is_up = place.step % 2 == 1
    # Several readings have one instant: the damage may lie between them.
    above = ">=" if table == "readings" and not is_up else ">"
    rows, is_damaged = _until_damage(
        old,
        f"SELECT {TABLES[table]} FROM {table} WHERE {key} {above} ? AND {key} < ? "
        f"ORDER BY {key} {'ASC' if is_up else 'DESC'} LIMIT {ROWS}",
        (place.low, place.high),
    )
    is_end = len(rows) < ROWS
    if not is_end:  # the rest of an instant comes with the next lot
        rows = [row for row in rows if row[0] != rows[-1][0]] or rows
    whole = [row for row in rows if _is_whole(table, row)]
    lost = len(rows) - len(whole)
    places = ", ".join("?" * len(TABLES[table].split(",")))
    db.executemany(f"INSERT OR IGNORE INTO {table} ({TABLES[table]}) VALUES ({places})", whole)
    last = rows[-1][0] if rows else None
    low, high = place.low, place.high
    if last is not None:
        low, high = (last, high) if is_up else (low, last)
    if not is_end:
        return Taken(Place(place.aside, place.step, low, high), lost)
    if is_up and is_damaged:
        return Taken(Place(place.aside, place.step + 1, low), lost)
    if is_damaged and low > LOWEST and high < HIGHEST:
        lost += min(max(high - low - 1, 0), MOST_GAP) if table == "chunks" else 1
    elif is_damaged and (low > LOWEST or high < HIGHEST):
        lost += 1
    return Taken(Place(place.aside, place.step + (2 if is_up else 1)), lost)


def _until_damage(
    db: sqlite3.Connection, query: str, given: tuple[int, ...]
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the rows of a query up to the first damage, and whether there was any."""
    rows: list[tuple[Any, ...]] = []
    try:
        for row in db.execute(query, given):
            rows.append(row)  # noqa: PERF402 - what came before the damage stays
    except (sqlite3.Error, UnicodeError):
        return rows, True
    return rows, False


def _is_whole(table: str, row: tuple[Any, ...]) -> bool:
    if table == "chunks":
        return is_chunk(row[2], seq=row[0]) and type(row[1]) is int
    if table == "events":
        return isinstance(row[1], bytes) and isinstance(row[2], str) and type(row[3]) is int
    try:
        return type(json.loads(row[6])) is dict and isinstance(row[1], str)
    except (TypeError, ValueError, RecursionError):
        return False


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.corrupt-{number}")


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
