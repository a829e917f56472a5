"""Windows of several programmes, the calendar that is shown, and the file that is subscribed to."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from holidays import financial_holidays
from hypothesis import given
from hypothesis import strategies as st

from cloud.funding import schedule
from cloud.funding.funding_calendar import (
    CalendarDay,
    calendar_file,
    funding_calendar,
    holiday_name,
    known_programmes,
    shown_time,
)
from cloud.funding.policy import D24, F01, F02, FIRST_DAY, CutOff, Cycle
from cloud.funding.schedule import Alternative, DateSource
from cloud.kernel.calendar import is_banking_day
from cloud.kernel.errors import BadInput

ET, PT = ZoneInfo("America/New_York"), ZoneInfo("America/Los_Angeles")
FIRST, LAST = date(2025, 1, 6), date(2032, 12, 31)
YEARS = st.dates(date(2025, 1, 14), date(2032, 12, 20))
INSTANTS = st.datetimes(datetime(2025, 1, 14), datetime(2032, 12, 20), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ET)


@pytest.fixture(scope="module", autouse=True)
def programmes():
    """Three programmes more, as data: evenings in the west, one that moved, one at night."""
    F02.programmes["evening"] = {FIRST_DAY: CutOff(time(17), PT)}
    F02.programmes["moved"] = {
        FIRST_DAY: CutOff(time(2, 31), ET),
        date(2026, 3, 18): CutOff(time(23, 30), PT),
        date(2027, 3, 17): CutOff(time(9), ET),
    }
    F02.programmes["sundays"] = {FIRST_DAY: CutOff(time(2, 30), ET)}
    F01.programmes["sundays"] = {FIRST_DAY: (Cycle(6, 1), Cycle(2, 3))}
    D24.programmes["evening"] = {FIRST_DAY: 4}
    yield
    for rule in (F01, F02, D24):
        for name in ("evening", "moved", "sundays"):
            rule.programmes.pop(name, None)


EVERY = pytest.mark.parametrize("programme", ["comfort", "evening", "moved", "sundays"])


@EVERY
@pytest.mark.rule("F01")
@pytest.mark.rule("F02")
@pytest.mark.rule("D05")
def test_windows_tile_time(programme):
    windows = schedule.schedule(FIRST, LAST, programme=programme)
    assert len(windows) > 800
    for before, after in pairwise(windows):
        assert before.cut_off_at.astimezone(UTC) == after.opens_at.astimezone(UTC)
        assert before.regular_date < after.regular_date
    assert len({window.run_id() for window in windows}) == len(windows)
    assert {window.run_id()[: -len("-2026-12-01")] for window in windows} == {programme}


@EVERY
@given(INSTANTS)
def test_every_instant_is_in_one_window(programme, at):
    window = schedule.window_of(at, programme=programme)
    assert window.opens_at.astimezone(UTC) <= at < window.cut_off_at.astimezone(UTC)
    assert schedule.window_ending(window.cut_off_at, programme=programme) == window
    assert schedule.window_paid_on(window.regular_date, programme=programme) == window
    assert is_banking_day(window.funding_date)


@pytest.mark.rule("F02")
@pytest.mark.parametrize(
    ("programme", "event", "ends", "paid"),
    [
        pytest.param(
            "evening",
            "2026-11-30T16:59:59.999999-08:00",
            "2026-11-30T17:00:00-08:00",
            "2026-12-01",
            id="before five in the west",
        ),
        pytest.param(
            "evening",
            "2026-11-30T20:00:00-05:00",
            "2026-12-02T17:00:00-08:00",
            "2026-12-03",
            id="at five in the west, said in Eastern time",
        ),
        pytest.param(
            "moved",
            "2026-12-02T02:00:00-05:00",
            "2026-12-02T23:30:00-08:00",
            "2026-12-03",
            id="in the west it is Tuesday still",
        ),
        pytest.param(
            "moved",
            "2026-12-03T02:29:00-05:00",
            "2026-12-02T23:30:00-08:00",
            "2026-12-03",
            id="in the east it is Thursday already",
        ),
        pytest.param(
            "sundays",
            "2027-03-14T01:59:59-05:00",
            "2027-03-14T03:00:00-04:00",
            "2027-03-16",
            id="2:30 does not come that night: the end of the gap",
        ),
        pytest.param(
            "sundays",
            "2027-03-14T03:00:00-04:00",
            "2027-03-17T02:30:00-04:00",
            "2027-03-18",
            id="at the end of the gap",
        ),
    ],
)
def test_a_programmes_own_zone(programme, event, ends, paid):
    window = schedule.window_of(datetime.fromisoformat(event), programme=programme)
    assert (window.cut_off_at.isoformat(), window.regular_date.isoformat()) == (ends, paid)


@pytest.mark.rule("F02")
def test_a_cut_off_that_comes_twice_is_the_later():
    F02.programmes["twice"] = {FIRST_DAY: CutOff(time(1, 30), ET)}
    F01.programmes["twice"] = {FIRST_DAY: (Cycle(6, 1), Cycle(2, 3))}
    try:
        ends = schedule.window_paid_on(date(2026, 11, 3), programme="twice").cut_off_at
    finally:
        del F02.programmes["twice"], F01.programmes["twice"]
    assert ends.astimezone(UTC) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_before_the_rules_there_is_no_window():
    with pytest.raises(BadInput, match="F02 has no value on 2024-12-30"):
        schedule.window_of(et("2024-12-30T12:00:00"))
    assert schedule.window_of(et("2025-01-01T00:00:00")).run_id() == "comfort-2025-01-02"


def test_a_day_without_a_run():
    assert schedule.window_paid_on(date(2026, 12, 2)) is None


@pytest.mark.rule("D24")
def test_runs_of_two_programmes_never_share_a_number():
    days = [window.regular_date for window in schedule.schedule(FIRST, date(2034, 1, 1))]
    numbers = {
        name: [schedule.run_sequence(day, name) for day in days] for name in ("comfort", "evening")
    }
    assert all(len(set(some)) == len(days) for some in numbers.values())
    assert not set(numbers["comfort"]) & set(numbers["evening"])
    assert numbers["comfort"] == sorted(numbers["comfort"])
    assert max(numbers["comfort"]) < schedule.SEQUENCES
    assert {number // schedule.SEQUENCES for number in numbers["evening"]} == {4}


# --- same day ----------------------------------------------------------------------------------


@pytest.mark.rule("F03")
@pytest.mark.parametrize(
    ("event", "published", "same_day"),
    [
        pytest.param("2026-11-29T12:00", None, False, id="Monday works, paid on Tuesday"),
        pytest.param("2026-10-11T12:00", None, True, id="Columbus Day is the cut-off's Monday"),
        pytest.param("2026-11-10T12:00", None, True, id="Veterans Day is the cut-off's Wednesday"),
        pytest.param("2026-11-24T12:00", None, False, id="Thanksgiving: Wednesday is left"),
        pytest.param("2026-11-24T12:00", "2026-11-25", True, id="published for the cut-off's day"),
        pytest.param("2026-10-11T12:00", "2026-10-14", False, id="published a day later"),
    ],
)
def test_same_day_files(event, published, same_day):
    at = et(event)
    regular = schedule.window_of(at).regular_date
    moved = [Alternative(regular, date.fromisoformat(published), at)] if published else []
    window = schedule.window_of(at, moved)
    assert window.funding_date.isoformat() == (published or window.funding_date.isoformat())
    assert schedule.needs_same_day_file(window) is same_day


@given(YEARS)
def test_a_file_that_is_not_same_day_has_a_banking_day_before(day):
    window = schedule.window_of(datetime.combine(day, time(12), tzinfo=ET))
    between = [
        window.cut_off_at.date() + timedelta(days)
        for days in range((window.funding_date - window.cut_off_at.date()).days)
    ]
    assert schedule.needs_same_day_file(window) is not any(map(is_banking_day, between))


# --- the calendar ------------------------------------------------------------------------------


@pytest.mark.rule("F03")
@pytest.mark.parametrize(
    ("day", "funding_date", "source", "note"),
    [
        pytest.param("2026-12-03", "2026-12-03", "regular", "", id="any Thursday"),
        pytest.param(
            "2027-11-11",
            "2027-11-12",
            "next_banking_day",
            "Veterans Day: paid on Friday, November 12",
            id="a holiday",
        ),
        pytest.param(
            "2026-11-26",
            "2026-11-30",
            "published",
            "Thanksgiving Day: paid on Monday, November 30, as published",
            id="a holiday with a published day",
        ),
        pytest.param(
            "2026-12-08",
            "2026-12-09",
            "published",
            "paid on Wednesday, December 9, as published",
            id="published for no holiday",
        ),
        pytest.param(
            "2026-10-13",
            "2026-10-13",
            "regular",
            "Columbus Day leaves no banking day before: the file settles on the day it leaves",
            id="a Monday holiday",
        ),
    ],
)
def test_calendar_notes(day, funding_date, source, note):
    published = [
        Alternative(date(2026, 11, 26), date(2026, 11, 30), et("2026-11-02T12:00")),
        Alternative(date(2026, 12, 8), date(2026, 12, 9), et("2026-11-02T12:00")),
    ]
    day = date.fromisoformat(day)
    (shown,) = funding_calendar(day, day, published)
    assert (shown.funding_date.isoformat(), shown.source, shown.note) == (
        funding_date,
        source,
        note,
    )


def test_a_year_has_every_run_once():
    shown = funding_calendar(date(2027, 1, 1), date(2027, 12, 31))
    assert len(shown) == 104
    assert {one.regular_date.weekday() for one in shown} == {1, 3}
    assert all(is_banking_day(one.funding_date) for one in shown)


@pytest.mark.parametrize(
    ("first", "last", "programme", "because"),
    [
        pytest.param("2027-01-02", "2027-01-01", "comfort", "ask for up to 800", id="backwards"),
        pytest.param("2027-01-01", "2029-03-11", "comfort", "ask for up to 800", id="801 days"),
        pytest.param("2027-01-01", "2027-01-09", "no", "programme 'no' is not", id="programme"),
    ],
)
def test_calendars_that_are_not_shown(first, last, programme, because):
    with pytest.raises(BadInput, match=because):
        funding_calendar(date.fromisoformat(first), date.fromisoformat(last), programme=programme)


def test_before_the_rules_the_calendar_is_empty_or_refused():
    with pytest.raises(BadInput):
        funding_calendar(date(2024, 12, 1), date(2024, 12, 31))
    assert {"comfort", "evening"} <= known_programmes()


def test_holiday_names_are_those_of_the_federal_reserve():
    theirs = financial_holidays("XFED", years=range(2025, 2041))
    compared = 0
    for day, name in theirs.items():
        if day.weekday() < 5:
            plain = name.removesuffix(" (observed)").removesuffix(" National Independence Day")
            assert holiday_name(day) == plain, day
            compared += 1
    assert compared > 150
    day = date(2025, 1, 1)
    while day.year < 2041:
        assert bool(holiday_name(day)) == (day.weekday() < 5 and day in theirs)
        day += timedelta(1)


# --- the file ----------------------------------------------------------------------------------

MADE_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def entries(content: bytes) -> list[dict[str, str]]:
    """Read a calendar file as RFC 5545 says: unfolded, then split into properties."""
    assert content.endswith(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    lines = content.decode().replace("\r\n ", "").split("\r\n")[:-1]
    assert (lines[0], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    found, inside = [], None
    for line in lines:
        if line == "BEGIN:VEVENT":
            inside = {}
        elif line == "END:VEVENT":
            found.append(inside)
            inside = None
        elif inside is not None:
            name, _, value = line.partition(":")
            assert name not in inside
            inside[name] = value
    return found


def test_each_run_is_a_day_and_a_cut_off():
    days = funding_calendar(date(2026, 11, 24), date(2026, 11, 26))
    content = calendar_file(days, name="Funding days", made_at=MADE_AT)
    found = {one["UID"]: one for one in entries(content)}
    assert list(found) == [
        "comfort-2026-11-24-paid@sunreeve",
        "comfort-2026-11-24-cut-off@sunreeve",
        "comfort-2026-11-26-paid@sunreeve",
        "comfort-2026-11-26-cut-off@sunreeve",
    ]
    paid = found["comfort-2026-11-26-paid@sunreeve"]
    assert paid["DTSTART;VALUE=DATE"] == "20261127"
    assert paid["DTEND;VALUE=DATE"] == "20261128"
    assert paid["DTSTAMP"] == "20261122T120000Z"
    assert paid["DESCRIPTION"].startswith("Thanksgiving Day: paid on Friday\\, November 27.")
    assert found["comfort-2026-11-26-cut-off@sunreeve"]["DTSTART"] == "20261125T073100Z"


def test_a_day_that_moves_keeps_its_name():
    day = date(2026, 11, 26)
    moved = [Alternative(day, date(2026, 11, 25), et("2026-11-02T12:00"))]
    before, after = (
        entries(calendar_file(funding_calendar(day, day, one), name="n", made_at=MADE_AT))
        for one in ([], moved)
    )
    assert [one["UID"] for one in before] == [one["UID"] for one in after]
    assert before[0]["DTSTART;VALUE=DATE"] != after[0]["DTSTART;VALUE=DATE"]


def test_the_file_is_the_same_each_time():
    days = funding_calendar(date(2026, 1, 1), date(2026, 12, 31))
    one, two = (calendar_file(days, name="n", made_at=MADE_AT) for _ in range(2))
    assert one == two
    assert len(entries(one)) == 2 * len(days)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_any_note_survives_the_file(note):
    at = et("2026-11-25T02:31:00")
    day = CalendarDay(
        "r", "comfort", at, at, date(2026, 1, 6), date(2026, 1, 6), DateSource.REGULAR, False, note
    )
    told = entries(calendar_file([day], name=note, made_at=MADE_AT))[0]["DESCRIPTION"]
    plain, signs = "", iter(told)
    for sign in signs:
        plain += next(signs) if sign == "\\" else sign
    assert plain.startswith(note or "paid on its regular day")


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        pytest.param("", "", ("2026-09-23", "2027-12-27"), id="around today"),
        pytest.param("2026-12-01", "", ("2026-12-01", "2028-01-05"), id="from a day to come"),
        pytest.param("2026-01-01", "", ("2026-01-01", "2027-12-27"), id="from a day that was"),
        pytest.param("", "2026-06-30", ("2026-05-01", "2026-06-30"), id="until a day that was"),
        pytest.param("2026-06-01", "2026-06-30", ("2026-06-01", "2026-06-30"), id="both"),
        pytest.param("", "2025-02-01", ("2025-01-01", "2025-02-01"), id="not before the rules"),
    ],
)
def test_the_time_that_is_shown(first, last, shown):
    asked = [date.fromisoformat(one) if one else None for one in (first, last)]
    since, until = shown_time(*asked, today=date(2026, 11, 22))
    assert (since.isoformat(), until.isoformat()) == shown
    assert funding_calendar(since, until)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param("", "0001-01-01", id="until the first day that there is"),
        pytest.param("0001-01-01", "", id="from the first day that there is"),
        pytest.param("9999-12-31", "", id="from the last day that there is"),
        pytest.param("9999-12-01", "9999-12-31", id="the last month that there is"),
        pytest.param("", "9999-12-31", id="until the last day that there is"),
        pytest.param("0001-01-01", "0001-01-02", id="long before the rules"),
    ],
)
def test_a_time_at_the_ends_of_the_calendar_is_told_to_be_none(first, last):
    asked = [date.fromisoformat(one) if one else None for one in (first, last)]
    since, until = shown_time(*asked, today=date(2026, 11, 22))
    with pytest.raises(BadInput, match="ask for up to 800 days"):
        funding_calendar(since, until)
