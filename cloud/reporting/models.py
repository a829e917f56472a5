"""What a report is: its columns, its rows, and the question that it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from cloud.kernel.calendar import EASTERN, wall_time
from cloud.kernel.errors import BadInput

Cell = str | int | float | bool | datetime | None
"""What stands in one place of a table; None is unknown, never zero."""

ALL = "all"
"""Stands for every partner, region or milestone in a line that sums others up."""
LONGEST_PERIOD_DAYS = 3660
LONGEST_HORIZON_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a report.

    Attributes:
        unit: what its numbers count: ``orders``, ``business hours``, ``cents``; empty for text.
    """

    name: str
    unit: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a report.

    Attributes:
        subjects: ids of the records that it rests on; the event log of each tells the rest.
    """

    cells: tuple[Cell, ...]
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The question: as of which instant, of which period, about whom.

    Attributes:
        as_of: nothing that became true later is known.
        since, until: the first day of the period and the first one after it, in Eastern time.
        partner_id, milestone, region: only of these; empty for all.
        emergency: only emergencies, or only the others; None for both.
        horizon_hours: how far ahead a report of what is coming looks.
        what_if: another policy to replay under, as ``cloud.reporting.replay`` reads it.
    """

    as_of: datetime
    since: date
    until: date
    partner_id: str = ""
    milestone: str = ""
    region: str = ""
    emergency: bool | None = None
    horizon_hours: int = 72
    what_if: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is None:
            msg = f"asking for a report as of {self.as_of}: say the zone, as 2026-06-30T12:00Z"
            raise BadInput(msg)
        if not self.since < self.until <= self.since + timedelta(days=LONGEST_PERIOD_DAYS):
            msg = f"asking for {self.since} until {self.until}: end after the start, in ten years"
            raise BadInput(msg)
        if not 0 < self.horizon_hours <= 24 * LONGEST_HORIZON_DAYS:
            msg = f"asking {self.horizon_hours} h ahead: use 1 up to ten years"
            raise BadInput(msg)

    @property
    def starts_at(self) -> datetime:
        """The first instant of the period."""
        return wall_time(self.since, time(), EASTERN).astimezone(UTC)

    @property
    def ends_at(self) -> datetime:
        """The first instant after the period that is known: its end, or the instant asked for."""
        end = wall_time(self.until, time(), EASTERN).astimezone(UTC)
        return min(end, self.as_of.astimezone(UTC) + timedelta(microseconds=1))

    def covers(self, instant: datetime) -> bool:
        """Tell whether an instant lies in the period and was known."""
        return self.starts_at <= instant < self.ends_at

    @property
    def parameters(self) -> dict[str, Cell]:
        """What was asked, for whoever reads the answer."""
        told: dict[str, Cell] = {
            "from": self.since.isoformat(),
            "until": self.until.isoformat(),
            "partner": self.partner_id or ALL,
            "milestone": self.milestone or ALL,
            "region": self.region or ALL,
            "emergency": self.emergency,
            "horizon_hours": self.horizon_hours,
        }
        return told | {f"what_if.{name}": value for name, value in sorted(self.what_if.items())}


@dataclass(frozen=True, slots=True)
class Report:
    """A table with what it means.

    Attributes:
        name: what it is asked for by.
        says: what it shows, and what that is derived from.
        notes: what it cannot say, and how many lie outside of it.
    """

    name: str
    says: str
    asked: Asked
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                msg = (
                    f"report {self.name}: a row of {len(row.cells)} in {len(self.columns)} columns"
                )
                raise ValueError(msg)
