"""What the disk does not take stays in memory until it does: readings, and what goes on.

Kept are a day of readings at a minute's step (1,440) of each device, 10,000 in all, and 1,000
events.

Nothing here is sent: a number that the disk does not know of could be used twice.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from edge_agent.dictionary import (
    CLOCK_SYNCED,
    CLOCK_UNSYNCED,
    QUALITY_PARTIAL,
    QUALITY_SUSPECT,
    QUALITY_UNREACHABLE,
)

ROWS_PER_DEVICE = 1440
MOST_ROWS = 10_000
MOST_EVENTS = 1000
ROWS_AT_ONCE = 500
"""Written in one transaction: where little fits, something does."""
QUARTER_S = 900
POOR = f"({QUALITY_PARTIAL}, {QUALITY_SUSPECT})"
BETTER = (
    "ON CONFLICT (at, serial, layout, scale) DO UPDATE SET boot = excluded.boot, "
    "quality = excluded.quality, layout = excluded.layout, cells = excluded.cells "
    f"WHERE excluded.quality != {QUALITY_UNREACHABLE} AND (excluded.quality NOT IN {POOR} "
    f"OR readings.quality IN {POOR} OR readings.quality = {QUALITY_UNREACHABLE})"
)
"""Of two readings of one device at one instant silence loses, then what is not whole; else the
later one stays."""
INSERT_ROW = (
    f"INSERT INTO readings (at, serial, scale, boot, quality, layout, cells) "
    f"VALUES (?, ?, ?, ?, ?, ?, ?) {BETTER}"
)
INSERT_EVENT = "INSERT INTO events (fields, payload, at, scale, boot) VALUES (?, ?, ?, ?, ?)"
NO_START = MOVING = "~"
"""No start has this name."""


@dataclass(frozen=True, slots=True)
class Row:
    """A reading as the table has it; `scale` is empty, or the start whose clock was not set."""

    at: int
    serial: str
    scale: str
    boot: str
    quality: int
    layout: str
    cells: str

    @property
    def columns(self) -> tuple[int | str, ...]:
        """Return the values in the order of INSERT_ROW."""
        return (
            self.at,
            self.serial,
            self.scale,
            self.boot,
            self.quality,
            self.layout,
            self.cells,
        )


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as the table has it: its fields, or the text of one that was made outside."""

    fields: str
    payload: bytes
    at: int
    scale: str
    boot: str

    @property
    def columns(self) -> tuple[int | str | bytes, ...]:
        """Return the values in the order of INSERT_EVENT."""
        return (self.fields, self.payload, self.at, self.scale, self.boot)


class Move(NamedTuple):
    """Readings and events of one start move to another instant, and to another scale.

    Attributes:
        boot: of which start.
        scale, to_scale: as in `Row`, before and after.
        shift_s: what is added to their instants.
        step_s: of the grid to which they go.
        spared: numbers of events that may be on their way already.
    """

    boot: str
    scale: str
    to_scale: str
    shift_s: int
    step_s: int
    spared: tuple[int, ...] = ()

    def at(self, at: int) -> int:
        """Return the instant of the grid that is nearest to where `at` moves."""
        return (at + self.shift_s + self.step_s // 2) // self.step_s * self.step_s

    def write(self, db: sqlite3.Connection) -> None:
        """Move what is on disk, within the caller's transaction; the better reading stays."""
        mine = (self.boot, self.scale)
        # In two steps: a row that moved must not be met by one that moves after it.
        db.execute(
            f"UPDATE readings SET scale = '{MOVING}' WHERE boot = ? AND scale = ?",
            mine,
        )
        moved = (self.shift_s + self.step_s // 2, self.step_s, self.step_s, self.to_scale)
        db.execute(
            "INSERT INTO readings (at, serial, scale, boot, quality, layout, cells) "
            "SELECT (at + ?) / ? * ?, serial, ?, boot, quality, layout, cells FROM readings "
            f"WHERE scale = '{MOVING}' ORDER BY at {BETTER}",
            moved,
        )
        db.execute(f"DELETE FROM readings WHERE scale = '{MOVING}'")
        places = ", ".join("?" * len(self.spared))
        db.execute(
            "UPDATE events SET at = (at + ?) / ? * ?, scale = ? "
            f"WHERE fields != '' AND boot = ? AND scale = ? AND number NOT IN ({places})",
            (*moved, *mine, *self.spared),
        )


@dataclass(slots=True)
class Memory:
    """What waits for the disk; what was thinned and dropped meanwhile is counted."""

    rows: list[Row] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    acked_chunks: dict[int, int] = field(default_factory=dict)
    acked_events: set[int] = field(default_factory=set)
    lost: int = 0
    thin: int = 0
    lost_events: int = 0

    def add(
        self, rows: Iterable[Row], events: Iterable[EventRow], states: Iterable[tuple[str, str]]
    ) -> None:
        """Keep what the disk did not take."""
        self.rows += rows
        self.events += events
        self.states.update(states)
        self.lost_events += max(0, len(self.events) - MOST_EVENTS)
        del self.events[:-MOST_EVENTS]
        devices = {(row.serial, row.layout) for row in self.rows}
        most = min(MOST_ROWS, ROWS_PER_DEVICE * len(devices))
        if len(self.rows) > most:
            self._thin()
        if len(self.rows) > most:
            self.lost += len(self.rows) - most
            del self.rows[:-most]

    def move(self, move: Move) -> None:
        """Move what is in memory, and remember to do so with what is on disk."""
        self.moves.append(move)
        self.rows = [
            replace(row, at=move.at(row.at), scale=move.to_scale)
            if (row.boot, row.scale) == (move.boot, move.scale)
            else row
            for row in self.rows
        ]
        self.events = [
            replace(event, at=move.at(event.at), scale=move.to_scale)
            if event.fields and (event.boot, event.scale) == (move.boot, move.scale)
            else event
            for event in self.events
        ]

    def pour(self, db: sqlite3.Connection) -> int:
        """Write what is here, within the caller's transaction; return how many readings it was.

        What is written leaves by `poured`, once it is on disk.
        """
        for move in self.moves:
            move.write(db)
        rows = self.rows[:ROWS_AT_ONCE]
        db.executemany(INSERT_ROW, [row.columns for row in rows])
        db.executemany(INSERT_EVENT, [event.columns for event in self.events])
        db.executemany("INSERT OR REPLACE INTO devices VALUES (?, ?)", self.states.items())
        db.executemany(
            "UPDATE chunks SET acked_at = ? WHERE seq = ? AND acked_at IS NULL",
            [(at, seq) for seq, at in self.acked_chunks.items()],
        )
        db.executemany("DELETE FROM again WHERE seq = ?", [(seq,) for seq in self.acked_chunks])
        db.executemany(
            "DELETE FROM events WHERE number = ?", [(number,) for number in self.acked_events]
        )
        return len(rows)

    def poured(self, rows: int) -> None:
        """Forget what the disk has now."""
        del self.rows[:rows]
        self.moves.clear()
        self.events.clear()
        self.states.clear()
        self.acked_chunks.clear()
        self.acked_events.clear()

    def _thin(self) -> None:
        """Leave one row of each quarter of an hour in the older half."""
        half = len(self.rows) // 2
        kept: dict[tuple[int, str, str, str], Row] = {}
        for row in self.rows[:half]:
            place = (row.at // QUARTER_S, row.serial, row.layout, row.scale)
            if place not in kept or (
                kept[place].quality == QUALITY_UNREACHABLE and row.quality != QUALITY_UNREACHABLE
            ):
                kept[place] = row
        self.thin += half - len(kept)
        self.rows[:half] = kept.values()


def scale_of(clock: int, boot: str) -> str:
    """Return what instants are measured by: nothing when the clock was set, else this start."""
    if clock not in {CLOCK_SYNCED, CLOCK_UNSYNCED}:
        raise ValueError(f"clock code {clock}: there is no such code")
    return "" if clock == CLOCK_SYNCED else boot
