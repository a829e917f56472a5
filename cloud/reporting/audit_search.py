"""Looking through the audit log: by thing, person, day and what happened, the latest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from cloud.kernel.calendar import DAY
from cloud.kernel.change import Event
from cloud.kernel.csv_text import csv_text
from cloud.kernel.errors import BadInput
from cloud.reporting.audit import DailyRecords, Page
from cloud.reporting.facts import months
from cloud.reporting.policy import FIRST_DAY
from cloud.reporting.ports import ToldRecords

PAGE = 50
AT_ONCE = 14
"""How many days, or months of one kind of event, one page looks through: each is read whole."""
LONGEST_DAYS = 92
"""Of a period that is looked through day by day for a file."""
MOST_EXPORTED = 5000


class LoggedRecords(DailyRecords, ToldRecords, Protocol):
    """Records whose log can be asked for a day, and for one kind of event of a month."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are looked for; what is empty asks for nothing.

    Attributes:
        subject: id of the thing that they are about.
        by: who did it.
        what: the fact, as the log names it: ``case_opened``.
        since, until: days of UTC, both included.
    """

    subject: str = ""
    by: str = ""
    what: str = ""
    since: date = FIRST_DAY
    until: date = date.max

    def __post_init__(self) -> None:
        if self.until < self.since:
            msg = f"looking from {self.since} until {self.until}: end on the first day or later"
            raise BadInput(msg)

    def fits(self, event: Event) -> bool:
        """Tell whether an event is one of those."""
        return (
            self.subject in {"", event.subject}
            and self.by in {"", event.by}
            and self.what in {"", event.what}
            and self.since <= _day(event.at) <= self.until
        )


def look(
    records: LoggedRecords, wanted: Wanted, *, today: date, after: str = "", limit: int = PAGE
) -> Page:
    """Give a page of the events that are looked for, the latest first.

    The log is read by its narrowest index: of one thing, else of one kind of event, else by days.
    A page of the last two looks through `AT_ONCE` months or days, so that it can be empty and name
    a next one all the same. What is written meanwhile moves no place.

    Raises:
        BadInput: the place to go on from cannot be read.
    """
    chunks = _chunks(wanted, today)
    start, left = _place(after, chunks) if after else (0, None)
    found: list[Event] = []
    for number in range(start, len(chunks)):
        if number >= start + AT_ONCE:
            return Page(tuple(found), f"{chunks[number]}:")
        kept = [one for one in _read(records, wanted, chunks[number]) if wanted.fits(one)]
        open_ = kept[:left] if left is not None else kept
        left = None
        room = limit - len(found)
        found += reversed(open_[-room:])
        if len(open_) > room:
            return Page(tuple(found), f"{chunks[number]}:{len(open_) - room}")
        if len(found) == limit and number + 1 < len(chunks):
            return Page(tuple(found), f"{chunks[number + 1]}:")
    return Page(tuple(found))


def everything(records: LoggedRecords, wanted: Wanted, *, today: date) -> tuple[Event, ...]:
    """Give all events that are looked for, the oldest first, for a file.

    Raises:
        BadInput: they are too many, or the period too long to be read day by day.
    """
    chunks = _chunks(wanted, today)
    is_by_day = not wanted.subject and not wanted.what
    if is_by_day and len(chunks) > LONGEST_DAYS:
        msg = f"a file of {len(chunks)} days of the log: ask for {LONGEST_DAYS} days at most"
        raise BadInput(msg)
    found: list[Event] = []
    for chunk in reversed(chunks):
        found += [one for one in _read(records, wanted, chunk) if wanted.fits(one)]
        if len(found) > MOST_EXPORTED:
            msg = f"a file of more than {MOST_EXPORTED} events: ask for fewer days, or one thing"
            raise BadInput(msg)
    return tuple(found)


def as_csv(events: Sequence[Event]) -> str:
    """Give events as RFC 4180 text; causes stand in one cell with spaces between them."""
    head = ("at", "by", "what", "subject", "rule", "says", "causes")
    rows = (
        (one.at, one.by, one.what, one.subject, one.rule, one.says, " ".join(one.causes))
        for one in events
    )
    return csv_text([head, *rows])


def _chunks(wanted: Wanted, today: date) -> list[str]:
    """Give what the log is read by, the latest first: the whole, months or days."""
    if wanted.subject:
        return ["all"]
    last = min(wanted.until, today)
    first = max(wanted.since, FIRST_DAY)
    if last < first:
        return []
    if wanted.what:
        return list(reversed(months(_noon(first), _noon(last))))
    days = (last - first).days
    return [(last - timedelta(days=step)).isoformat() for step in range(days + 1)]


def _read(records: LoggedRecords, wanted: Wanted, chunk: str) -> Sequence[Event]:
    if wanted.subject:
        return records.history(wanted.subject)
    if wanted.what:
        return records.told(wanted.what, month=chunk)
    return records.events_of(date.fromisoformat(chunk))


def _place(after: str, chunks: Sequence[str]) -> tuple[int, int | None]:
    """Give which chunk to go on with, and how many of its first events are left; None for all."""
    chunk, _, left = after.partition(":")
    is_number = left.isascii() and left.isdigit() and len(left) < 10
    if chunk not in chunks or not (is_number or left == ""):
        msg = f"going on with the log from {after[:40]!r}: use the links of the page"
        raise BadInput(msg)
    return chunks.index(chunk), int(left) if left else None


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def days_beside(day: date, today: date) -> Iterator[date]:
    """Give the day before one, and the one after it where that has begun."""
    if day > FIRST_DAY:
        yield day - DAY
    if day < today:
        yield day + DAY
