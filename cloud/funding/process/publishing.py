"""Announcing another funding day or taking it back: on record once, written to every partner."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

from cloud.funding.policy import D43, F03
from cloud.funding.published import (
    PublishedDay,
    letter_of,
    letter_of_withdrawal,
    may_publish,
    still_open,
)
from cloud.funding.schedule import Alternative, Window, window_paid_on
from cloud.kernel.change import NEW, Change, Event, Letter, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner
from cloud.portfolio.process import paid_partners

PUBLISHED = "funding_day_published"
"""Wakes whoever writes a published day to the partners; its subject is the publication."""
WITHDRAWN = "funding_day_withdrawn"
"""Wakes whoever writes to the partners that one does not hold; its subject is the publication."""
LETTERS = 80
"""Letters of one transaction; the store takes a hundred items."""


def publish_funding_day(
    records: Records,
    *,
    regular_date: date,
    alternative_date: date,
    at: datetime,
    by: str,
    programme: str = COMFORT,
) -> PublishedDay | Refused:
    """Announce that a run is paid on another day than its own (D43, F03).

    The latest announcement counts; announcing again what counts already changes nothing. Who is
    told is woken by a timer, for there may be more partners than fit into one transaction.

    Raises:
        Conflict: another day was announced for the run at the same moment: ask again.
    """
    before = _of_run(records, regular_date, programme)
    last = before[-1].record if before else None
    if last and last.alternative_date == alternative_date and last.withdrawn_at is None:
        return last
    window = may_publish(regular_date, alternative_date, programme=programme, at=at)
    if isinstance(window, Refused):
        return window
    day = PublishedDay(
        id=_id(programme, regular_date, len(before)),
        programme=programme,
        regular_date=regular_date,
        alternative_date=alternative_date,
        published_at=at,
        by=by,
    )
    run_id = window.run_id()
    says = f"{by} announces that {run_id} is paid on {alternative_date}"
    event = Event(day.id, "funding_day_published", at, by, F03.id, (run_id,), says)
    timer = Timer(f"published-{day.id}", day.id, PUBLISHED, at.astimezone(UTC))
    records.commit(Change(saves=(Save(day, NEW),), events=(event,), timers=(timer,)))
    return day


def withdraw_funding_day(
    records: Records,
    *,
    regular_date: date,
    because: str,
    at: datetime,
    by: str,
    programme: str = COMFORT,
) -> PublishedDay | Refused:
    """Take back what was announced for a run, before its cut-off: it keeps its own day (D43).

    All of its announcements go, also those that a later one replaced. Partners are written to once;
    again, it changes nothing.

    Raises:
        Conflict: another day was announced for the run at the same moment: ask again.
    """
    if not because.strip():
        return Refused(D43.id, "a withdrawal says why", "reason_missing")
    found = _of_run(records, regular_date, programme)
    standing = [one for one in found if one.record.withdrawn_at is None]
    if found and not standing:
        return found[-1].record
    window = still_open(regular_date, programme=programme, at=at)
    if isinstance(window, Refused):
        return window
    if not standing:
        return Refused(D43.id, f"nothing was announced for {window.run_id()}", "not_published")
    days = [replace(one.record, withdrawn_at=at) for one in standing]
    last, run_id = days[-1], window.run_id()
    says = f"{by} withdraws the days announced for {run_id}: {because.strip()}"
    causes = (run_id, *(one.id for one in days))
    records.commit(
        Change(
            saves=tuple(one.replaced_by(day) for one, day in zip(standing, days, strict=True)),
            events=(Event(last.id, "funding_day_withdrawn", at, by, D43.id, causes, says),),
            timers=(Timer(f"withdrawn-{last.id}", last.id, WITHDRAWN, at.astimezone(UTC)),),
            cancelled_timers=tuple(f"published-{one.id}" for one in days),
        )
    )
    return last


def published(records: Records, programme: str = COMFORT) -> tuple[Alternative, ...]:
    """Give every announcement of a programme that stands, oldest first; the schedule picks one.

    Asked right after an announcement it may not have it yet: a run is planned after its cut-off,
    and what is announced then does not count.
    """
    found = (one.record for one in records.find(PublishedDay, by="programme", value=programme))
    standing = [day for day in found if day.withdrawn_at is None]
    standing.sort(key=lambda day: (day.published_at, day.id))
    return tuple(day.alternative for day in standing)


def wake_publishing(records: Records, *, timer: Timer, at: datetime) -> int:
    """Write to every partner that money moves for what was announced or withdrawn, once (D20).

    What another announcement or a withdrawal replaced meanwhile is not written any more. Killed in
    between and woken again, it goes on: letters that were written stay one. Tells how many it
    offered.

    Raises:
        BadInput: the timer is somebody else's.
        Conflict: the announcement was withdrawn while it was being written: wake it again.
    """
    if timer.wakes not in PUBLISHING_WAKES:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is no published funding day"
        raise BadInput(msg)
    stored = require(records.load(PublishedDay, timer.subject), "published day", timer.subject)
    day = stored.record
    following = [one.record for one in _of_run(records, day.regular_date, day.programme)]
    if timer.wakes == WITHDRAWN:
        if any(one.withdrawn_at is None for one in following):
            return 0
        window = _window(day)
        return _write(
            records, stored, lambda one: letter_of_withdrawal(day, window, partner=one, at=at)
        )
    is_replaced = any(one.published_at > day.published_at for one in following)
    if is_replaced or day.withdrawn_at is not None:
        return 0
    window = _window(day, day.alternative)
    return _write(records, stored, lambda one: letter_of(day, window, partner=one, at=at))


def _write(
    records: Records, stored: Stored[PublishedDay], letter: Callable[[Partner], Letter]
) -> int:
    """Write a letter to each partner, while the announcement stands as it was loaded."""
    told = [one for one in paid_partners(records) if one.active and one.remittance_email]
    for start in range(0, len(told), LETTERS):
        letters = tuple(letter(one) for one in told[start : start + LETTERS])
        records.commit(Change(letters=letters, relies_on=(stored.relied_on(),)))
    return len(told)


PUBLISHING_WAKES = frozenset({PUBLISHED, WITHDRAWN})
"""The names of the timers that published days answer to."""


def _id(programme: str, regular_date: date, place: int) -> str:
    return derived("PUB", programme, regular_date.isoformat(), place)


def _of_run(records: Records, regular_date: date, programme: str) -> list[Stored[PublishedDay]]:
    """Give the announcements for a run, oldest first, by their ids: no index that may lag."""
    found: list[Stored[PublishedDay]] = []
    while (one := records.load(PublishedDay, _id(programme, regular_date, len(found)))) is not None:
        found.append(one)
    return found


def _window(day: PublishedDay, *announced: Alternative) -> Window:
    window = window_paid_on(day.regular_date, announced, day.programme)
    if window is None:
        msg = f"{day.id}: no run of {day.programme} is paid on {day.regular_date}"
        raise BadInput(msg)
    return window
