"""The audit log as it is read: of one thing, of one day, of one person, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from cloud.invoicing.models import Invoice, Superseded
from cloud.invoicing.process.books import superseded_ids
from cloud.kernel.change import Event
from cloud.kernel.errors import BadInput
from cloud.kernel.ports import Records, require
from cloud.reporting.history import case_at, invoice_at, order_at
from cloud.reporting.policy import FIRST_DAY
from cloud.service.models import Case, WorkOrder

PAGE = 100
LARGEST_PAGE = 500
DAYS_AT_ONCE = 14
"""How many days one page of a person's acts looks through: each of them is read whole."""


class DailyRecords(Records, Protocol):
    """Records whose log can also be asked for one day."""

    def events_of(self, day: date) -> Sequence[Event]:
        """Give all events of one UTC day, in order of time.

        Answers come from an index and may lag behind a write that was just committed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, and where the next ones begin.

    Attributes:
        next: what to ask with for the page after it; empty on the last one.
    """

    events: tuple[Event, ...]
    next: str = ""


def log_of_subject(records: Records, subject: str, *, after: str = "", limit: int = PAGE) -> Page:
    """Give what happened to one thing, the oldest first; of what is not known, nothing."""
    return _page(records.history(subject), after=after, limit=limit)


def log_of_day(records: DailyRecords, day: date, *, after: str = "", limit: int = PAGE) -> Page:
    """Give what became true on a day of UTC, in order of time.

    On a day that is not over, what is written down late can move a place by one.
    """
    return _page(records.events_of(day), after=after, limit=limit)


def log_of_person(
    records: DailyRecords, person: str, *, until: date, after: str = "", limit: int = PAGE
) -> Page:
    """Give what somebody did, the latest day first and each day in order of time.

    The log has no index by person: a page looks through `DAYS_AT_ONCE` days, so that it can be
    empty and still name a next one. The last one is that of the first day of any rule.

    Args:
        records: with the log by day.
        person: a person's, partner's or process's name, as events carry it.
        until: the last day that is looked at, of UTC.
        after: where the page before it ended.
        limit: the most events of a page.

    Raises:
        BadInput: the limit or the place cannot be read.
    """
    _fitting(limit)
    day, place = _day_and_place(after) if after else (until, 0)
    found: list[Event] = []
    for _ in range(DAYS_AT_ONCE):
        if day < FIRST_DAY:
            return Page(tuple(found))
        theirs = [one for one in records.events_of(day) if one.by == person][place:]
        taken = theirs[: limit - len(found)]
        found += taken
        if len(taken) < len(theirs):
            return Page(tuple(found), f"{day.isoformat()}:{place + len(taken)}")
        day, place = day - timedelta(days=1), 0
        if len(found) == limit:
            break
    return Page(tuple(found), f"{day.isoformat()}:0" if day >= FIRST_DAY else "")


def order_then(records: Records, order_id: str, *, at: datetime) -> WorkOrder | None:
    """Give a work order as it stood at an instant, None where it was not issued yet.

    Raises:
        NotFound: there is none of that id.
    """
    order = require(records.load(WorkOrder, order_id), "work order", order_id).record
    return order_at(order, records.history(order_id), at)


def case_then(records: Records, case_id: str, *, at: datetime) -> Case | None:
    """Give a case as it stood at an instant, None where it was not opened yet.

    Raises:
        NotFound: there is none of that id.
    """
    case = require(records.load(Case, case_id), "case", case_id).record
    if case.opened_at > at:
        return None
    found = records.find(WorkOrder, by="case_id", value=case_id)
    stood = [order_at(one.record, records.history(one.record.id), at) for one in found]
    orders = [one for one in stood if one is not None]
    return case_at(case, records.history(case_id), orders, at)


def invoice_then(records: Records, invoice_id: str, *, at: datetime) -> Invoice | None:
    """Give an invoice as it stood at an instant, None where it was not submitted yet.

    Raises:
        NotFound: there is none of that id.
    """
    invoice = require(records.load(Invoice, invoice_id), "invoice", invoice_id).record
    kept = records.load_all(Superseded, superseded_ids(invoice))
    superseded = [one.record for one in kept.values()]
    return invoice_at(invoice, records.history(invoice_id), at, superseded)


def _page(events: Sequence[Event], *, after: str, limit: int) -> Page:
    _fitting(limit)
    start = _place(after) if after else 0
    end = start + limit
    return Page(tuple(events[start:end]), str(end) if end < len(events) else "")


def _fitting(limit: int) -> None:
    if not 1 <= limit <= LARGEST_PAGE:
        msg = f"reading {limit} events of the log at once: ask for 1 up to {LARGEST_PAGE}"
        raise BadInput(msg)


def _place(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        msg = f"going on with the log from {text[:40]!r}: give what the page before called next"
        raise BadInput(msg)
    return int(text)


def _day_and_place(text: str) -> tuple[date, int]:
    day, _, place = text.partition(":")
    try:
        return date.fromisoformat(day), _place(place)
    except ValueError as wrong:
        msg = f"going on with the log from {text[:40]!r}: give what the page before called next"
        raise BadInput(msg) from wrong


def today(at: datetime) -> date:
    """Give the day of the log that an instant lies in: days of the log are those of UTC."""
    return at.astimezone(UTC).date()
