from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays as public_holidays
import pytest

from cloud.kernel.calendar import (
    EASTERN,
    US_BANK,
    US_FEDERAL,
    BusinessCalendar,
    eastern_day,
    holidays,
    is_banking_day,
    next_banking_day,
    wall_time,
)
from cloud.kernel.errors import BadInput

YEARS = range(2022, 2033)
OFFICE = BusinessCalendar(US_FEDERAL, EASTERN, time(9), time(17), frozenset({date(2026, 6, 12)}))


def weekdays(days, year: int) -> set[date]:
    return {day for day in days if day.weekday() < 5 and day.year == year}


@pytest.mark.rule("D07")
@pytest.mark.parametrize("year", YEARS)
def test_banks_are_closed_as_the_federal_reserve_says(year):
    assert holidays(US_BANK, year) == weekdays(public_holidays.XFED(years=year), year)


@pytest.mark.rule("S-24")
@pytest.mark.parametrize("year", YEARS)
def test_federal_offices_are_closed_as_the_law_says(year):
    """Inauguration Day is a holiday of the capital's area only."""
    kept = public_holidays.US(years=[year, year + 1])
    assert holidays(US_FEDERAL, year) == weekdays(kept, year)


@pytest.mark.rule("S-24")
@pytest.mark.parametrize(
    ("calendar_id", "day", "closed"),
    [
        pytest.param(US_BANK, date(2026, 7, 3), False, id="Saturday holiday, banks open on Friday"),
        pytest.param(US_FEDERAL, date(2026, 7, 3), True, id="Saturday holiday, kept on Friday"),
        pytest.param(US_BANK, date(2027, 7, 5), True, id="Sunday holiday, kept on Monday"),
        pytest.param(US_FEDERAL, date(2027, 7, 5), True, id="by both"),
        pytest.param(US_FEDERAL, date(2027, 12, 31), True, id="New Year kept in the year before"),
        pytest.param(US_BANK, date(2027, 12, 31), False, id="but not by banks"),
        pytest.param(US_FEDERAL, date(2020, 6, 19), False, id="Juneteenth before it was one"),
        pytest.param(US_FEDERAL, date(2026, 5, 25), True, id="last Monday of May"),
        pytest.param(US_FEDERAL, date(2028, 2, 29), False, id="leap day"),
    ],
)
def test_days_that_people_argue_about(calendar_id, day, closed):
    assert (day in holidays(calendar_id, day.year)) is closed


def test_another_calendar_is_refused():
    with pytest.raises(BadInput, match="lunar"):
        holidays("lunar", 2026)
    with pytest.raises(BadInput, match="lunar"):
        BusinessCalendar("lunar", EASTERN, time(9), time(17))


@pytest.mark.parametrize("closes", [time(9), time(8)], ids=["no hours", "backwards"])
def test_hours_that_do_not_open_are_refused(closes):
    with pytest.raises(BadInput, match="not before closing"):
        BusinessCalendar(US_FEDERAL, EASTERN, time(9), closes)


@pytest.mark.rule("D07")
@pytest.mark.parametrize(
    ("day", "following"),
    [
        pytest.param("2026-06-08", "2026-06-08", id="a banking day is itself"),
        pytest.param("2026-06-06", "2026-06-08", id="Saturday"),
        pytest.param("2026-07-03", "2026-07-03", id="Friday before a Saturday holiday"),
        pytest.param("2026-07-04", "2026-07-06", id="the holiday itself"),
        pytest.param("2027-07-04", "2027-07-06", id="Sunday holiday and its Monday"),
        pytest.param("2027-01-01", "2027-01-04", id="New Year and a weekend"),
    ],
)
def test_banking_days(day, following):
    day, following = date.fromisoformat(day), date.fromisoformat(following)
    assert next_banking_day(day) == following
    assert is_banking_day(day) is (day == following)


@pytest.mark.parametrize(
    ("day", "at", "instant"),
    [
        pytest.param("2026-06-08", "09:00", "2026-06-08T13:00Z", id="summer"),
        pytest.param("2026-12-08", "09:00", "2026-12-08T14:00Z", id="winter"),
        pytest.param("2026-03-08", "01:59", "2026-03-08T06:59Z", id="just before the gap"),
        pytest.param("2026-03-08", "02:00", "2026-03-08T07:00Z", id="start of the gap"),
        pytest.param("2026-03-08", "02:30", "2026-03-08T07:00Z", id="in the gap"),
        pytest.param("2026-03-08", "02:30:15", "2026-03-08T07:00Z", id="seconds in the gap"),
        pytest.param("2026-03-08", "03:00", "2026-03-08T07:00Z", id="end of the gap"),
        pytest.param("2026-11-01", "00:59", "2026-11-01T04:59Z", id="just before the fold"),
        pytest.param("2026-11-01", "01:30", "2026-11-01T06:30Z", id="the later of two"),
        pytest.param("2026-11-01", "02:00", "2026-11-01T07:00Z", id="after the fold"),
        pytest.param("2028-02-29", "09:00", "2028-02-29T14:00Z", id="leap day"),
    ],
)
def test_wall_time(day, at, instant):
    found = wall_time(date.fromisoformat(day), time.fromisoformat(at), EASTERN)
    assert found.astimezone(UTC) == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-06-09T03:59:59Z", date(2026, 6, 8)),
        ("2026-06-09T04:00:00Z", date(2026, 6, 9)),
        ("2026-12-09T04:59:59Z", date(2026, 12, 8)),
    ],
    ids=["just before midnight in summer", "on it", "just before midnight in winter"],
)
def test_eastern_day(instant, day):
    assert eastern_day(datetime.fromisoformat(instant)) == day


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


@pytest.mark.rule("S-24")
@pytest.mark.parametrize(
    ("day", "works"),
    [
        pytest.param("2026-06-08", True, id="Monday"),
        pytest.param("2026-06-06", False, id="Saturday"),
        pytest.param("2026-06-07", False, id="Sunday"),
        pytest.param("2026-06-19", False, id="holiday"),
        pytest.param("2026-06-12", False, id="a closure of our own"),
    ],
)
def test_business_day(day, works):
    assert OFFICE.is_business_day(date.fromisoformat(day)) is works


@pytest.mark.rule("S-25")
@pytest.mark.parametrize(
    ("instant", "deemed"),
    [
        pytest.param("2026-06-08T08:59:59", "2026-06-08T09:00", id="just before opening"),
        pytest.param("2026-06-08T09:00", "2026-06-08T09:00", id="on opening"),
        pytest.param("2026-06-08T16:59:59", "2026-06-08T16:59:59", id="just before closing"),
        pytest.param("2026-06-08T17:00", "2026-06-09T09:00", id="on closing"),
        pytest.param("2026-06-11T18:00", "2026-06-15T09:00", id="over a closure and a weekend"),
        pytest.param("2026-06-19T12:00", "2026-06-22T09:00", id="holiday"),
        pytest.param("2026-11-01T01:30", "2026-11-02T09:00", id="night of the fold"),
        pytest.param("2026-03-08T02:30", "2026-03-09T09:00", id="night of the gap"),
    ],
)
def test_deemed(instant, deemed):
    asked = local(instant)
    for moment in (asked, asked.astimezone(UTC)):
        assert OFFICE.deemed(moment) == local(deemed)


@pytest.mark.parametrize(
    ("after", "days", "closing"),
    [
        pytest.param("2026-06-08", 1, "2026-06-09T17:00", id="the next day"),
        pytest.param("2026-06-06", 1, "2026-06-08T17:00", id="from a Saturday"),
        pytest.param("2026-06-11", 1, "2026-06-15T17:00", id="over a closure"),
        pytest.param("2026-06-18", 2, "2026-06-23T17:00", id="over a holiday"),
        pytest.param("2026-10-30", 1, "2026-11-02T17:00", id="over the fold"),
        pytest.param("2028-02-28", 1, "2028-02-29T17:00", id="leap day counts"),
    ],
)
def test_close_of_business(after, days, closing):
    found = OFFICE.close_of_business(after=date.fromisoformat(after), days=days)
    assert found == local(closing)


@pytest.mark.parametrize(
    ("start", "end", "pauses", "hours"),
    [
        pytest.param("2026-06-08T10:00", "2026-06-08T12:00", [], 2, id="within a day"),
        pytest.param("2026-06-08T16:00", "2026-06-09T10:00", [], 2, id="over a night"),
        pytest.param("2026-06-11T16:00", "2026-06-15T10:00", [], 2, id="over a closure"),
        pytest.param("2026-06-06T10:00", "2026-06-07T10:00", [], 0, id="a weekend"),
        pytest.param("2026-06-08T12:00", "2026-06-08T12:00", [], 0, id="no time"),
        pytest.param("2026-06-09T12:00", "2026-06-08T12:00", [], 0, id="backwards"),
        pytest.param("2026-10-30T16:00", "2026-11-02T10:00", [], 2, id="over the fold"),
        pytest.param("2026-06-08T09:00", "2026-06-08T17:00", [("10:00", "11:00")], 7, id="a pause"),
        pytest.param(
            "2026-06-08T09:00", "2026-06-08T17:00", [("07:00", "10:00")], 7, id="from before"
        ),
        pytest.param(
            "2026-06-08T09:00", "2026-06-08T17:00", [("16:00", "23:00")], 7, id="beyond closing"
        ),
        pytest.param(
            "2026-06-08T09:00", "2026-06-08T17:00", [("18:00", "19:00")], 8, id="after hours"
        ),
        pytest.param(
            "2026-06-08T09:00", "2026-06-08T17:00", [("00:00", "23:00")], 0, id="the whole day"
        ),
        pytest.param(
            "2026-06-08T09:00",
            "2026-06-09T17:00",
            [("10:00", "11:00"), ("12:00", "13:00")],
            14,
            id="two pauses of two days",
        ),
    ],
)
def test_working_time(start, end, pauses, hours):
    spans = [(local(f"2026-06-08T{a}"), local(f"2026-06-08T{b}")) for a, b in pauses]
    assert OFFICE.working_time(local(start), local(end), spans) == timedelta(hours=hours)
    instants = [(a.astimezone(UTC), b.astimezone(UTC)) for a, b in spans]
    assert OFFICE.working_time(
        local(start).astimezone(UTC), local(end).astimezone(UTC), instants
    ) == timedelta(hours=hours)


def test_hours_that_hold_the_jump_are_as_long_as_they_are():
    night = BusinessCalendar(US_BANK, ZoneInfo("Africa/Cairo"), time(0), time(6))
    spring = date(2026, 4, 24)
    worked = night.working_time(night.opening(spring), night.closing(spring))
    assert worked == timedelta(hours=5)
