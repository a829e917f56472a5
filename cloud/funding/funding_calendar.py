"""The calendar of funding days: when each window ends, when it is paid, and why on that day."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cloud.funding.policy import FIRST_DAY, RULES
from cloud.funding.schedule import (
    Alternative,
    DateSource,
    Window,
    needs_same_day_file,
    window_paid_on,
)
from cloud.kernel.calendar import DAY, is_banking_day
from cloud.kernel.errors import BadInput
from cloud.kernel.policy import COMFORT

BEHIND, AHEAD = timedelta(days=60), timedelta(days=400)
"""What is shown of the time before and after today where nobody says from when to when."""
MOST_DAYS = 800
"""The longest time that is shown at once: two years and a little."""
LAST_DAY = date(9998, 12, 31)
"""A window may end in the year after its day, and there is no year 10000."""
_WEEKDAYS = 5
_NEW_LINE = "\r\n"
_LINE_OCTETS = 75
"""The longest line of a calendar file without its end (RFC 5545, section 3.1)."""


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One run in the calendar.

    Attributes:
        opens_at, cut_off_at: the window that it pays, half-open.
        regular_date: the day that names it.
        funding_date: the day on which it is paid.
        source: why that day.
        is_same_day: its file leaves on the day on which it is paid.
        note: what is unusual about it, for people; mostly empty.
    """

    run_id: str
    programme: str
    opens_at: datetime
    cut_off_at: datetime
    regular_date: date
    funding_date: date
    source: DateSource
    is_same_day: bool
    note: str


def shown_time(first: date | None, last: date | None, *, today: date) -> tuple[date, date]:
    """Give the time that a calendar shows: what was asked for, else from before today to after."""
    since = first or max(min(last or today, today), FIRST_DAY + BEHIND) - BEHIND
    return since, last or min(max(since, today), LAST_DAY - AHEAD) + AHEAD


def known_programmes() -> frozenset[str]:
    """Give the programmes that have rules of their own, and the one that all others follow."""
    return frozenset({COMFORT}.union(*(rule.programmes for rule in RULES)))


def funding_calendar(
    first: date,
    last: date,
    published: Sequence[Alternative] = (),
    programme: str = COMFORT,
) -> tuple[CalendarDay, ...]:
    """Give the runs whose regular funding date lies from first to last, both included (F01, F03).

    Raises:
        BadInput: that is no time, a time before the rules, or too long a one; or no programme.
    """
    if programme not in known_programmes():
        msg = f"programme {programme!r} is not known: use one of {sorted(known_programmes())}"
        raise BadInput(msg)
    if not 0 <= (last - first).days < MOST_DAYS or not FIRST_DAY <= first <= last <= LAST_DAY:
        msg = f"a calendar from {first} to {last}: ask for up to {MOST_DAYS} days, first to last"
        raise BadInput(msg)
    days = (first + DAY * place for place in range((last - first).days + 1))
    windows = (window_paid_on(day, published, programme) for day in days)
    return tuple(_shown(window) for window in windows if window is not None)


def _shown(window: Window) -> CalendarDay:
    is_same_day = needs_same_day_file(window)
    return CalendarDay(
        run_id=window.run_id(),
        programme=window.programme,
        opens_at=window.opens_at,
        cut_off_at=window.cut_off_at,
        regular_date=window.regular_date,
        funding_date=window.funding_date,
        source=window.date_source,
        is_same_day=is_same_day,
        note="; ".join(_notes(window, is_same_day=is_same_day)),
    )


def _notes(window: Window, *, is_same_day: bool) -> Iterator[str]:
    closed = holiday_name(window.regular_date)
    moved = f"paid on {window.funding_date:%A, %B} {window.funding_date.day}"
    if window.date_source is DateSource.PUBLISHED:
        yield f"{closed}: {moved}, as published" if closed else f"{moved}, as published"
    elif window.date_source is DateSource.NEXT_BANKING_DAY:
        yield f"{closed}: {moved}"
    if is_same_day:
        on_cut_off = holiday_name(window.cut_off_at.date())
        before = f"{on_cut_off} leaves no banking day before: " if on_cut_off else ""
        yield f"{before}the file settles on the day it leaves"


_NAMES = {
    2: "Washington's Birthday",
    5: "Memorial Day",
    6: "Juneteenth",
    7: "Independence Day",
    9: "Labor Day",
    10: "Columbus Day",
    12: "Christmas Day",
}
_THANKSGIVING_FROM, _NEW_YEAR_UNTIL = 22, 2


def holiday_name(day: date) -> str:
    """Give the name of a bank holiday as it is kept, empty for any other day.

    Every month has at most one but January and November, whose two are weeks apart.
    """
    if day.weekday() >= _WEEKDAYS or is_banking_day(day):
        return ""
    if day.month == 1:
        is_first = day.day <= _NEW_YEAR_UNTIL
        return "New Year's Day" if is_first else "Birthday of Martin Luther King, Jr."
    if day.month == 11:
        return "Thanksgiving Day" if day.day >= _THANKSGIVING_FROM else "Veterans Day"
    return _NAMES[day.month]


# ---------------------------------------------------------------------- the file
def calendar_file(days: Iterable[CalendarDay], *, name: str, made_at: datetime) -> bytes:
    """Give the calendar as people's programs subscribe to it (RFC 5545, iCalendar).

    Each run is two entries whose names never change, so that a day that moves moves there too: the
    day on which it is paid, and the instant of its cut-off, in UTC.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Sunreeve//Funding calendar//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_text(name)}",
        f"X-WR-CALNAME:{_text(name)}",
    ]
    for day in days:
        lines += _paid(day, made_at)
        lines += _cut_off(day, made_at)
    lines.append("END:VCALENDAR")
    return "".join(_folded(line) + _NEW_LINE for line in lines).encode()


def _paid(day: CalendarDay, made_at: datetime) -> list[str]:
    note = day.note or "paid on its regular day"
    return _entry(
        f"{day.run_id}-paid",
        made_at,
        f"DTSTART;VALUE=DATE:{day.funding_date:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day.funding_date + DAY:%Y%m%d}",
        f"SUMMARY:{_text(f'Funding day ({day.run_id})')}",
        f"DESCRIPTION:{_text(f'{note}. At what hour it arrives depends on your bank.')}",
    )


def _cut_off(day: CalendarDay, made_at: datetime) -> list[str]:
    paid = f"What is recorded before is paid on {day.funding_date.isoformat()}."
    return _entry(
        f"{day.run_id}-cut-off",
        made_at,
        f"DTSTART:{_instant(day.cut_off_at)}",
        f"SUMMARY:{_text(f'Cut-off ({day.run_id})')}",
        f"DESCRIPTION:{_text(paid)}",
    )


def _entry(name: str, made_at: datetime, *lines: str) -> list[str]:
    head = ["BEGIN:VEVENT", f"UID:{name}@sunreeve", f"DTSTAMP:{_instant(made_at)}"]
    return [*head, *lines, "TRANSP:TRANSPARENT", "END:VEVENT"]


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """Give text with what has a meaning in a value escaped (RFC 5545, section 3.3.11)."""
    for sign, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(sign, written)
    return text


def _folded(line: str) -> str:
    """Give a line in pieces of at most 75 octets, none of which cuts a character in two."""
    pieces, room = [""], _LINE_OCTETS
    for sign in line:
        octets = len(sign.encode())
        if octets > room:
            # The blank that a piece begins with is one of its octets.
            pieces.append("")
            room = _LINE_OCTETS - 1
        pieces[-1] += sign
        room -= octets
    return f"{_NEW_LINE} ".join(pieces)
