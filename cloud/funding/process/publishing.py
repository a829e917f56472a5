"""Announcing another funding day: put on record once, and written to every partner."""

from datetime import UTC, date, datetime

from cloud.funding.published import PublishedDay, letter_of, may_publish
from cloud.funding.schedule import Alternative, Window, window_paid_on
from cloud.kernel.change import NEW, Change, Event, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records, require
from cloud.portfolio.process import paid_partners

PUBLISHED = "funding_day_published"
"""Wakes whoever writes a published day to the partners; its subject is the publication."""
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
    """Announce that a run is paid on another day than its own (F03).

    The latest announcement counts; announcing again what counts already changes nothing. Who is
    told is woken by a timer, for there may be more partners than fit into one transaction.

    Raises:
        Conflict: another day was announced for the run at the same moment: ask again.
    """
    before = _published_for(records, regular_date, programme)
    if before and before[-1].alternative_date == alternative_date:
        return before[-1]
    window = may_publish(regular_date, alternative_date, programme=programme, at=at)
    if isinstance(window, Refused):
        return window
    day = PublishedDay(
        id=derived("PUB", programme, regular_date.isoformat(), len(before)),
        programme=programme,
        regular_date=regular_date,
        alternative_date=alternative_date,
        published_at=at,
        by=by,
    )
    run_id = window.run_id()
    says = f"{by} announces that {run_id} is paid on {alternative_date}"
    event = Event(day.id, "funding_day_published", at, by, "F03", (run_id,), says)
    timer = Timer(f"published-{day.id}", day.id, PUBLISHED, at.astimezone(UTC))
    records.commit(Change(saves=(Save(day, NEW),), events=(event,), timers=(timer,)))
    return day


def published(records: Records, programme: str = COMFORT) -> tuple[Alternative, ...]:
    """Give every announcement of a programme, oldest first; the schedule picks the one to follow.

    Asked right after an announcement it may not have it yet: a run is planned after its cut-off,
    and what is announced then does not count.
    """
    return tuple(day.alternative for day in _all(records, programme))


def wake_publishing(records: Records, *, timer: Timer, at: datetime) -> int:
    """Write a published day to every partner that money moves for, once each (D20).

    A day that another announcement replaced meanwhile is not written any more. Killed in between
    and woken again, it goes on: letters that were written stay one. Tells how many it offered.

    Raises:
        BadInput: the timer is somebody else's.
    """
    if timer.wakes != PUBLISHED:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is no published funding day"
        raise BadInput(msg)
    day = require(records.load(PublishedDay, timer.subject), "published day", timer.subject).record
    following = _published_for(records, day.regular_date, day.programme)
    if any(one.published_at > day.published_at for one in following):
        return 0
    window = _window(day)
    told = [one for one in paid_partners(records) if one.active and one.remittance_email]
    for start in range(0, len(told), LETTERS):
        some = told[start : start + LETTERS]
        letters = tuple(letter_of(day, window, partner=one, at=at) for one in some)
        records.commit(Change(letters=letters))
    return len(told)


PUBLISHING_WAKES = frozenset({PUBLISHED})
"""The names of the timers that published days answer to."""


def _all(records: Records, programme: str) -> list[PublishedDay]:
    found = records.find(PublishedDay, by="programme", value=programme)
    return sorted((one.record for one in found), key=lambda day: (day.published_at, day.id))


def _published_for(records: Records, regular_date: date, programme: str) -> list[PublishedDay]:
    return [one for one in _all(records, programme) if one.regular_date == regular_date]


def _window(day: PublishedDay) -> Window:
    window = window_paid_on(day.regular_date, (day.alternative,), day.programme)
    if window is None:
        msg = f"{day.id}: no run of {day.programme} is paid on {day.regular_date}"
        raise BadInput(msg)
    return window
