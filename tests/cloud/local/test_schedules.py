"""Schedules against a calendar on the wall: clock changes, leap days, month ends, L, W and #."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.local.schedules import parse, within

EASTERN = "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(expression: str, zone: str, after: str, count: int) -> list[str]:
    """List the next due times as a wall clock in the zone shows them."""
    schedule, instant, seen = parse(expression, zone), local(after, zone), []
    for _ in range(count):
        due = schedule.next_after(instant)
        if due is None:
            break
        assert due.tzinfo is UTC
        seen.append(due.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M"))
        instant = due
    return seen


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        pytest.param(
            "cron(0 5 * * ? *)", "UTC", "2026-02-27 05:00",
            ["2026-02-28 05:00", "2026-03-01 05:00"], id="a due minute is not after itself",
        ),
        pytest.param(
            "cron(0 5 29 2 ? *)", "UTC", "2025-01-01",
            ["2028-02-29 05:00", "2032-02-29 05:00"], id="leap day waits for a leap year",
        ),
        pytest.param(
            "cron(0 0 29 2 ? 2100)", "UTC", "2025-01-01", [], id="2100 is not a leap year",
        ),
        pytest.param(
            "cron(30 8 31 * ? *)", "UTC", "2026-01-31 09:00",
            ["2026-03-31 08:30", "2026-05-31 08:30"], id="the 31st skips short months",
        ),
        pytest.param(
            "cron(0 6 L * ? *)", "UTC", "2028-01-31 07:00",
            ["2028-02-29 06:00", "2028-03-31 06:00", "2028-04-30 06:00"], id="L is the last day",
        ),
        pytest.param(
            "cron(0 6 L-2 * ? *)", "UTC", "2027-02-01",
            ["2027-02-26 06:00", "2027-03-29 06:00"], id="L-2 is two days before the last",
        ),
        pytest.param(
            "cron(0 6 LW * ? *)", "UTC", "2026-02-01",
            ["2026-02-27 06:00", "2026-03-31 06:00", "2026-04-30 06:00", "2026-05-29 06:00"],
            id="LW is the last weekday",
        ),
        pytest.param(
            "cron(0 6 1W * ? *)", "UTC", "2026-07-31",
            ["2026-08-03 06:00", "2026-09-01 06:00"], id="1W on a Saturday stays in the month",
        ),
        pytest.param(
            "cron(0 6 31W * ? *)", "UTC", "2026-05-01",
            ["2026-05-29 06:00", "2026-07-31 06:00"], id="31W on a Sunday stays in the month",
        ),
        pytest.param(
            "cron(0 6 15W * ? *)", "UTC", "2026-02-01",
            ["2026-02-16 06:00", "2026-03-16 06:00", "2026-04-15 06:00"], id="15W goes to Monday",
        ),
        pytest.param(
            "cron(0 6 ? * 6L *)", "UTC", "2026-01-01",
            ["2026-01-30 06:00", "2026-02-27 06:00"], id="6L is the last Friday",
        ),
        pytest.param(
            "cron(0 6 ? * FRIL *)", "UTC", "2026-01-01", ["2026-01-30 06:00"], id="FRIL too",
        ),
        pytest.param(
            "cron(0 6 ? * 2#5 *)", "UTC", "2026-01-01",
            ["2026-03-30 06:00", "2026-06-29 06:00"], id="a fifth Monday is rare",
        ),
        pytest.param(
            "cron(0 6 ? * SUN#2 *)", "UTC", "2026-03-01", ["2026-03-08 06:00"], id="second Sunday",
        ),
        pytest.param(
            "cron(0 6 ? * L *)", "UTC", "2026-01-01",
            ["2026-01-03 06:00", "2026-01-10 06:00"], id="L alone is Saturday",
        ),
        pytest.param(
            "cron(0 9 ? * MON-FRI *)", "UTC", "2026-01-02 09:00",
            ["2026-01-05 09:00", "2026-01-06 09:00"], id="weekdays by name",
        ),
        pytest.param(
            "cron(0 9 ? * FRI-MON *)", "UTC", "2026-01-01",
            ["2026-01-02 09:00", "2026-01-03 09:00", "2026-01-04 09:00", "2026-01-05 09:00",
             "2026-01-09 09:00"], id="a range of weekdays wraps",
        ),
        pytest.param(
            "cron(0/20 8-9 1,15 jan-mar/2 ? 2026)", "UTC", "2026-01-15 09:20",
            ["2026-01-15 09:40", "2026-03-01 08:00", "2026-03-01 08:20"],
            id="lists, ranges, steps and small letters",
        ),
        pytest.param(
            "cron(*/25 0 1 1 ? 2026/2)", "UTC", "2026-01-01 00:25",
            ["2026-01-01 00:50", "2028-01-01 00:00"], id="a step starts at the field's least",
        ),
        pytest.param(
            "cron(31 2 * * ? *)", EASTERN, "2026-03-07 00:00",
            ["2026-03-07 02:31", "2026-03-08 03:00", "2026-03-09 02:31"],
            id="spring: a missing time is due at the end of the gap",
        ),
        pytest.param(
            "cron(0/30 1-3 8 3 ? 2026)", EASTERN, "2026-03-08 00:00",
            ["2026-03-08 01:00", "2026-03-08 01:30", "2026-03-08 03:00", "2026-03-08 03:30"],
            id="spring: missing times fall on one instant",
        ),
        pytest.param(
            "cron(30 1 * * ? *)", EASTERN, "2026-10-31 12:00",
            ["2026-11-01 01:30", "2026-11-02 01:30"], id="autumn: a repeated time is due once",
        ),
        pytest.param(
            "cron(15 2 ? * SUN#1 *)", "Australia/Lord_Howe", "2026-10-01",
            ["2026-10-04 02:30", "2026-11-01 02:15"], id="a gap of half an hour",
        ),
        pytest.param(
            "cron(0 0 25 4 ? 2025)", "Africa/Cairo", "2025-04-24", ["2025-04-25 01:00"],
            id="a gap at midnight stays on its day",
        ),
        pytest.param("at(2026-11-01T01:30:00)", EASTERN, "2026-10-31", ["2026-11-01 01:30"],
                     id="at is due once"),
        pytest.param("at(2026-11-01T01:30:00)", EASTERN, "2026-11-02", [], id="at is over"),
        pytest.param(
            "rate(1 day)", EASTERN, "2026-03-07 20:00",
            ["2026-03-08 20:00", "2026-03-09 20:00"], id="a day of a rate has 24 hours",
        ),
    ],
)  # fmt: skip
def test_next_runs(expression: str, zone: str, after: str, expected: list[str]) -> None:
    # one run more than expected, where the table's list is meant to be the end of it
    count = len(expected) + (1 if expression.startswith("at") or "2100" in expression else 0)
    assert runs(expression, zone, after, count) == expected


def test_the_repeated_hour_is_its_first_pass() -> None:
    schedule = parse("cron(30 1 1 11 ? *)", EASTERN)
    assert schedule.next_after(utc("2026-10-31")) == utc("2026-11-01T05:30")
    assert schedule.next_after(utc("2026-11-01T05:30")) == utc("2027-11-01T05:30")


def test_the_gap_ends_at_the_change() -> None:
    due = parse("cron(31 2 8 3 ? 2026)", EASTERN).next_after(utc("2026-03-01"))
    assert due == utc("2026-03-08T07:00")


def test_between_the_wall_time_and_the_end_of_the_gap() -> None:
    # 06:59 UTC is 01:59 on the wall; the missing 02:31 is still to come
    schedule = parse("cron(31 2 8 3 ? 2026)", EASTERN)
    assert schedule.next_after(utc("2026-03-08T06:59")) == utc("2026-03-08T07:00")
    assert schedule.next_after(utc("2026-03-08T07:00")) is None


def test_a_gap_can_be_skipped_as_aws_does() -> None:
    schedule = parse("cron(31 2 * * ? *)", EASTERN, in_gap="skip")
    assert schedule.next_after(utc("2026-03-08T05:00")) == utc("2026-03-09T06:31")
    assert (
        parse("at(2026-03-08T02:31:00)", EASTERN, in_gap="skip").next_after(utc("2026-01-01"))
        is None
    )


def test_a_rate_counts_from_its_start() -> None:
    schedule = parse("rate(5 minutes)", start=utc("2026-01-01T00:02"))
    assert schedule.next_after(utc("2025-01-01")) == utc("2026-01-01T00:02")
    assert schedule.next_after(utc("2026-01-01T00:02")) == utc("2026-01-01T00:07")
    assert schedule.next_after(utc("2026-01-01T00:06:59")) == utc("2026-01-01T00:07")


def test_a_rate_without_a_start_survives_restarts() -> None:
    assert parse("rate(1 minute)").next_after(utc("2026-05-01T10:00:30")) == utc("2026-05-01T10:01")


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("every 5 minutes", "rate"),
        ("cron(0 5 * * *)", "six fields"),
        ("cron(60 5 * * ? *)", "minutes '60'"),
        ("cron(0 24 * * ? *)", "hours '24'"),
        ("cron(0 5 32 * ? *)", "day-of-month '32'"),
        ("cron(0 5 0 * ? *)", "day-of-month '0'"),
        ("cron(0 5 32W * ? *)", "day-of-month '32'"),
        ("cron(0 5 L-31 * ? *)", "day-of-month 'L-31'"),
        ("cron(0 5 * 13 ? *)", "month '13'"),
        ("cron(0 5 * FOO ? *)", "month 'FOO'"),
        ("cron(0 5 ? * 8 *)", "day-of-week '8'"),
        ("cron(0 5 ? * 2#6 *)", "day-of-week '2#6'"),
        ("cron(0 5 ? * FOO#1 *)", "day-of-week 'FOO'"),
        ("cron(0 5 * * ? 1969)", "year '1969'"),
        ("cron(0 5 * * ? 2030-2029)", "year '2030-2029'"),
        ("cron(0/0 5 * * ? *)", "minutes '0/0'"),
        ("cron(5/x 5 * * ? *)", "minutes '5/x'"),
        ("cron(1,,2 5 * * ? *)", "minutes ''"),
        ("cron(? 5 * * ? *)", "minutes '\\?'"),
        ("cron(0 5 * * * *)", "exactly one"),
        ("cron(0 5 ? * ? *)", "exactly one"),
        ("rate(0 minutes)", "value 0"),
        ("rate(5 weeks)", "rate\\(5 weeks\\)"),
        ("rate(-1 day)", "rate\\(-1 day\\)"),
        ("at(2026-02-30T00:00:00)", "at\\(2026-02-30"),
        ("at(2026-02-28)", "yyyy-mm-dd"),
    ],
)
def test_a_bad_field_is_named(expression: str, names: str) -> None:
    with pytest.raises(ValueError, match=names):
        parse(expression)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "EST5XYZ"])
def test_a_bad_zone_is_named(zone: str) -> None:
    with pytest.raises(ValueError, match="timezone"):
        parse("rate(1 day)", zone)


MINUTES = st.integers(min_value=0, max_value=2 * 366 * 24 * 60)


@given(offset=MINUTES, zone=st.sampled_from([EASTERN, "UTC", "Australia/Lord_Howe"]))
def test_an_hourly_minute_is_never_more_than_the_change_away(offset: int, zone: str) -> None:
    instant = utc("2026-01-01") + timedelta(minutes=offset)
    due = parse("cron(0 * * * ? *)", zone).next_after(instant)
    assert due is not None
    assert timedelta(0) < due - instant <= timedelta(hours=2)


# ---- a StartDate and an EndDate -----------------------------------------------------------------


def test_start_and_end_are_included() -> None:
    start, end = utc("2026-01-02T05:00"), utc("2026-01-04T05:00")
    daily = within(parse("cron(0 5 * * ? *)"), start=start, end=end)
    assert daily.next_after(utc("2020-01-01")) == start
    assert daily.next_after(start) == utc("2026-01-03T05:00")
    assert daily.next_after(utc("2026-01-03T05:00")) == end
    assert daily.next_after(end) is None
    rate = within(parse("rate(7 hours)", start=start), start=start)
    assert rate.next_after(utc("2025-01-01")) == start
    assert rate.next_after(start) == start + timedelta(hours=7)
    with pytest.raises(ValueError, match="EndDate"):
        within(parse("rate(1 day)"), start=end, end=end)


# ---- against every minute -----------------------------------------------------------------------

NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def numbers(text: str, low: int, high: int) -> set[int]:
    """Read lists, ranges and steps by trying every number of the field."""
    found, size = set(), high - low + 1
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if span == "*" else int(first)
        end = int(last) if dash else high if step or span == "*" else begin
        for number in range(low, high + 1):
            away = (number - begin) % size
            if away <= (end - begin) % size and away % int(step or 1) == 0:
                found.add(number)
    return found


def is_weekday(day: date) -> bool:
    return day.strftime("%a") not in ("Sat", "Sun")


def is_month_day(text: str, day: date) -> bool:
    month = [date(day.year, day.month, 1) + timedelta(days=count) for count in range(31)]
    month = [one for one in month if one.month == day.month]
    if text == "L":
        return day == month[-1]
    if text == "LW":
        return day == [one for one in month if is_weekday(one)][-1]
    if text.startswith("L-"):
        back = int(text[2:])
        return back < len(month) and day == month[-1 - back]
    if text.endswith("W"):
        wanted = int(text[:-1])
        weekdays = [one for one in month if is_weekday(one)]
        return wanted <= len(month) and day == min(weekdays, key=lambda one: abs(one.day - wanted))
    return day.day in numbers(text, 1, 31)


def is_week_day(text: str, day: date) -> bool:
    name = day.strftime("%a").upper()
    for number, one in enumerate(NAMES, 1):
        text = text.replace(one, str(number))
    if text == "L":
        return name == "SAT"
    if text.endswith("L"):
        return name == NAMES[int(text[:-1]) - 1] and (day + timedelta(days=7)).month != day.month
    if "#" in text:
        weekday, which = text.split("#")
        before = [day - timedelta(days=7 * weeks) for weeks in range(6)]
        count = sum((one.month, one.year) == (day.month, day.year) for one in before)
        return name == NAMES[int(weekday) - 1] and count == int(which)
    return NAMES.index(name) + 1 in numbers(text, 1, 7)


def minutes_of(expression: str, zone: str, first: datetime, last: datetime) -> list[datetime]:
    """Walk over every minute of real time and ask whether its wall time is due.

    A wall time that comes twice is due the first time, and one that never comes is not due.
    """
    minute, hour, day, month, weekday, year = expression[5:-1].split()
    minutes, hours, months = numbers(minute, 0, 59), numbers(hour, 0, 23), numbers(month, 1, 12)
    years = numbers(year, 1970, 2199)
    found, seen, instant = [], set(), first
    days: dict[date, bool] = {}
    while instant <= last:
        wall = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if wall not in seen and wall.minute in minutes and wall.hour in hours:
            day_of_wall = wall.date()
            if day_of_wall not in days:
                days[day_of_wall] = (
                    wall.month in months
                    and wall.year in years
                    and (
                        is_month_day(day, day_of_wall)
                        if weekday == "?"
                        else is_week_day(weekday, day_of_wall)
                    )
                )
            if days[day_of_wall]:
                found.append(instant)
        seen.add(wall)
        instant += timedelta(minutes=1)
    return found


def spans(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    step = st.integers(1, high).map(str)
    return st.one_of(
        st.just("*"),
        number,
        st.lists(number, min_size=2, max_size=3).map(",".join),
        st.tuples(number, number).map("-".join),
        st.tuples(number | st.just("*"), step).map("/".join),
        st.tuples(number, number, step).map(lambda one: f"{one[0]}-{one[1]}/{one[2]}"),
    )


DAYS = st.one_of(
    spans(1, 31),
    st.sampled_from(["L", "LW", "L-3", "L-30"]),
    st.integers(1, 31).map(lambda day: f"{day}W"),
).map(lambda day: (day, "?"))
WEEKDAYS = st.one_of(
    spans(1, 7),
    st.just("L"),
    st.sampled_from(["MON-FRI", "FRI-MON", "SUN,WED", "2L", "FRIL"]),
    st.tuples(st.integers(1, 7), st.integers(1, 5)).map(lambda one: f"{one[0]}#{one[1]}"),
).map(lambda weekday: ("?", weekday))
CHANGES = {
    EASTERN: ["2026-03-07", "2026-10-31", "2026-02-26"],
    "UTC": ["2028-02-27", "2026-12-30"],
    "Australia/Lord_Howe": ["2026-10-03", "2026-04-04"],
    "Africa/Cairo": ["2025-04-24", "2025-10-30"],
    "Asia/Kathmandu": ["2026-06-29"],
}
PLACES = st.sampled_from([(zone, day) for zone, days in CHANGES.items() for day in days])


@settings(max_examples=60, deadline=None)
@given(
    minute=spans(0, 59),
    hour=spans(0, 23),
    day=DAYS | WEEKDAYS,
    month=st.just("*") | spans(1, 12),
    year=st.sampled_from(["*", "2026", "2025-2028", "2026/2"]),
    place=PLACES,
)
def test_every_minute_agrees(  # noqa: PLR0917 - hypothesis names them
    minute: str, hour: str, day: tuple[str, str], month: str, year: str, place: tuple[str, str]
) -> None:
    zone, text = place
    expression = f"cron({minute} {hour} {day[0]} {month} {day[1]} {year})"
    first = utc(text)
    last = first + timedelta(days=3, hours=12)
    # the walk begins a day early, so that it knows which wall times come the second time
    walked = minutes_of(expression, zone, first - timedelta(days=1), last)
    expected = [instant for instant in walked if instant >= first]
    schedule = parse(expression, zone, in_gap="skip")
    probes = [first + (last - first) * step / 24 for step in range(24)]
    for probe in [*probes, *expected[:8], *expected[-8:]]:
        wanted = next((instant for instant in expected if instant > probe), None)
        due = schedule.next_after(probe)
        assert (due if due and due <= last else None) == wanted, (expression, zone, probe)
