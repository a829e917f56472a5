from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.service.sla import ClockState, SlaMilestone, calendar_at, deadline, state_of
from cloud.service.sla import working_hours as hours

EASTERN = ZoneInfo("America/New_York")
CALENDAR = hours("us_bank", zone=EASTERN, opens="08:00", closes="17:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


def maybe(text: str | None) -> datetime | None:
    return None if text is None else at(text)


def due(milestone, start, days, pauses=(), calendar=CALENDAR):
    return deadline(
        SlaMilestone(milestone),
        start_at=at(start),
        business_days=days,
        calendar=calendar,
        pauses=[(at(a), maybe(b)) for a, b in pauses],
    )


@pytest.mark.rule("S-20")
@pytest.mark.rule("S-24")
@pytest.mark.rule("S-25")
@pytest.mark.parametrize(
    ("start", "deemed", "expected"),
    [
        pytest.param(
            "2026-06-02T08:00", "2026-06-02T08:00", "2026-06-04T17:00", id="at the opening"
        ),
        pytest.param(
            "2026-06-02T07:59:59", "2026-06-02T08:00", "2026-06-04T17:00", id="just before opening"
        ),
        pytest.param(
            "2026-06-02T16:59:59",
            "2026-06-02T16:59:59",
            "2026-06-04T17:00",
            id="just before closing",
        ),
        pytest.param(
            "2026-06-02T17:00", "2026-06-03T08:00", "2026-06-05T17:00", id="exactly at closing"
        ),
        pytest.param(
            "2026-06-18T17:00",
            "2026-06-22T08:00",
            "2026-06-24T17:00",
            id="evening before Juneteenth",
        ),
        pytest.param(
            "2026-07-03T10:00",
            "2026-07-03T10:00",
            "2026-07-07T17:00",
            id="Friday before a Saturday holiday is a business day",
        ),
        pytest.param(
            "2028-02-28T10:00", "2028-02-28T10:00", "2028-03-01T17:00", id="over a leap day"
        ),
        pytest.param(
            "2026-10-30T10:00",
            "2026-10-30T10:00",
            "2026-11-03T17:00",
            id="over the night the clocks go back",
        ),
    ],
)
def test_acceptance_is_due_at_the_close_of_the_second_business_day(start, deemed, expected):
    found = due("accept", start, 2)
    assert found.deemed_start == at(deemed)
    assert found.due_at == at(expected)


@pytest.mark.rule("S-23")
@pytest.mark.rule("S-27")
@pytest.mark.parametrize(
    ("milestone", "pauses", "expected"),
    [
        pytest.param("schedule", [], "2026-06-10T17:00", id="no pause"),
        pytest.param(
            "schedule",
            [("2026-06-08T12:00", "2026-06-08T13:00")],
            "2026-06-11T09:00",
            id="an hour moves it into the next morning",
        ),
        pytest.param(
            "schedule",
            [("2026-06-05T12:00", "2026-06-08T10:00")],
            "2026-06-11T09:00",
            id="begun before the clock, only what lies after the start counts",
        ),
        pytest.param(
            "schedule",
            [("2026-06-01T12:00", "2026-06-08T09:00")],
            "2026-06-10T17:00",
            id="over before the clock starts",
        ),
        pytest.param(
            "schedule",
            [("2026-06-08T17:00", "2026-06-09T08:00")],
            "2026-06-10T17:00",
            id="out of hours",
        ),
        pytest.param(
            "schedule",
            [("2026-06-10T17:00", None)],
            "2026-06-10T17:00",
            id="open, from the deadline on",
        ),
        pytest.param("schedule", [("2026-06-10T16:59", None)], None, id="open, a minute before it"),
        pytest.param("schedule", [("2026-06-09T20:00", None)], None, id="open since the night"),
        pytest.param("schedule", [("2026-06-01T20:00", None)], None, id="open since before start"),
        pytest.param(
            "schedule",
            [("2026-06-08T10:00", "2026-06-08T12:00"), ("2026-06-10T20:00", None)],
            None,
            id="open after the base deadline, but the first pause has moved it",
        ),
        pytest.param(
            "schedule",
            [("2026-06-08T10:00", "2026-06-08T12:00"), ("2026-06-11T10:00", None)],
            "2026-06-11T10:00",
            id="open, exactly from the moved deadline on",
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T08:00", "2026-06-09T12:00"), ("2026-06-09T10:00", "2026-06-09T11:00")],
            "2026-06-11T12:00",
            id="one inside another",
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T10:00", "2026-06-09T12:00"), ("2026-06-09T08:00", "2026-06-09T10:00")],
            "2026-06-11T12:00",
            id="end to end, in any order",
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T12:00", "2026-06-09T12:00")],
            "2026-06-10T17:00",
            id="of no length",
        ),
        pytest.param(
            "complete",
            [("2026-06-10T08:00", "2026-06-12T17:00")],
            "2026-06-15T17:00",
            id="three whole days",
        ),
        pytest.param("accept", [("2026-06-08T08:00", None)], "2026-06-10T17:00", id="acceptance"),
    ],
)
def test_a_pause_stops_the_clock_while_it_covers_working_time(milestone, pauses, expected):
    assert due(milestone, "2026-06-08T09:00", 2, pauses).due_at == maybe(expected)


@pytest.mark.rule("S-26")
def test_the_site_s_own_clock_counts():
    found = deadline(
        SlaMilestone.ACCEPT,
        start_at=datetime(2026, 6, 9, 0, 30, tzinfo=UTC),
        business_days=2,
        calendar=calendar_at("America/Denver", on=date(2026, 6, 8)),
    )
    assert found.deemed_start.isoformat() == "2026-06-09T08:00:00-06:00"
    assert found.due_at is not None
    assert found.due_at.isoformat() == "2026-06-11T17:00:00-06:00"


@pytest.mark.rule("S-24b")
@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        pytest.param("17:00", "2026-06-05T17:00", id="by day"),
        pytest.param("24:00", "2026-06-06T00:00", id="where a day ends at midnight"),
    ],
)
def test_an_own_closure_is_no_business_day(closes, expected):
    closed = hours(
        "us_bank",
        zone=EASTERN,
        opens="08:00",
        closes=closes,
        extra_closures=frozenset({date(2026, 6, 3)}),
    )
    assert due("accept", "2026-06-02T10:00", 2, calendar=closed).due_at == at(expected)


@pytest.mark.rule("S-25")
@pytest.mark.parametrize("opens", ["00:00", "08:00"])
def test_a_day_may_end_at_midnight(opens):
    calendar = hours("us_bank", zone=EASTERN, opens=opens, closes="24:00")
    found = due("accept", "2026-06-02T23:30", 2, calendar=calendar)
    assert found.deemed_start == at("2026-06-02T23:30")
    assert found.due_at == at("2026-06-05T00:00")


@pytest.mark.rule("S-20")
@pytest.mark.rule("S-23")
@pytest.mark.parametrize(
    ("milestone", "pauses", "met_at", "now", "expected"),
    [
        pytest.param("accept", [], None, "2026-06-10T17:00", "running", id="now exactly due"),
        pytest.param("accept", [], None, "2026-06-10T17:00:01", "overdue", id="a second later"),
        pytest.param(
            "accept", [], "2026-06-10T17:00", "2026-07-01T09:00", "met", id="met exactly due"
        ),
        pytest.param(
            "accept", [], "2026-06-10T17:00:01", "2026-07-01T09:00", "met_late", id="a second late"
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T08:00", None)],
            None,
            "2026-07-01T09:00",
            "paused",
            id="stopped and never resumed",
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T08:00", None)],
            "2026-06-30T09:00",
            "2026-07-01T09:00",
            "met",
            id="met while it stands",
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T08:00", "2026-06-12T08:00")],
            None,
            "2026-06-10T09:00",
            "paused",
            id="now inside a pause that has an end",
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T08:00", "2026-06-12T08:00")],
            None,
            "2026-06-09T08:00",
            "paused",
            id="now at the first instant of the pause",
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T08:00", "2026-06-12T08:00")],
            None,
            "2026-06-12T08:00",
            "running",
            id="now at the end of the pause",
        ),
        pytest.param(
            "schedule",
            [("2026-06-09T10:00", "2026-06-09T17:00"), ("2026-06-09T17:00", "2026-06-10T08:00")],
            None,
            "2026-06-09T20:00",
            "paused",
            id="the night, when the pause of the day goes on in it",
        ),
        pytest.param(
            "schedule",
            [("2026-06-08T10:00", "2026-06-08T11:00"), ("2026-06-09T10:00", "2026-06-09T11:00")],
            None,
            "2026-06-09T10:30",
            "paused",
            id="the second of two",
        ),
        pytest.param(
            "schedule",
            [("2026-06-08T10:00", "2026-06-08T11:00"), ("2026-06-09T10:00", "2026-06-09T11:00")],
            None,
            "2026-06-08T18:00",
            "running",
            id="between two",
        ),
        pytest.param(
            "schedule",
            [("2026-06-08T17:00", "2026-06-09T08:00")],
            None,
            "2026-06-08T20:00",
            "running",
            id="a pause at night stops nothing",
        ),
        pytest.param(
            "schedule",
            [("2026-06-10T17:00", None)],
            None,
            "2026-06-11T09:00",
            "overdue",
            id="stopped only after it was due",
        ),
        pytest.param(
            "accept",
            [("2026-06-08T10:00", None)],
            None,
            "2026-06-09T09:00",
            "running",
            id="acceptance never pauses",
        ),
    ],
)
def test_a_clock_s_state_follows_from_its_facts(milestone, pauses, met_at, now, expected):
    spans = [(at(a), maybe(b)) for a, b in pauses]
    state = state_of(
        SlaMilestone(milestone),
        found=due(milestone, "2026-06-08T09:00", 2, pauses),
        calendar=CALENDAR,
        pauses=spans,
        met_at=maybe(met_at),
        now=at(now),
    )
    assert state is ClockState(expected)


HOURS_FROM_START = st.integers(min_value=-30, max_value=500)
PAUSES = st.lists(st.tuples(HOURS_FROM_START, st.integers(min_value=0, max_value=60)), max_size=5)


@pytest.mark.rule("S-23")
@given(start=st.integers(min_value=0, max_value=24 * 40), pauses=PAUSES)
@settings(max_examples=60, deadline=None)
def test_due_is_when_that_many_unpaused_working_hours_have_passed(start, pauses):
    """Count hour by hour, over the night the clocks go back and two holidays."""
    begin = datetime(2026, 10, 12, tzinfo=UTC) + timedelta(hours=start)
    spans = [
        (begin + timedelta(hours=after), begin + timedelta(hours=after + length))
        for after, length in pauses
    ]
    found = deadline(
        SlaMilestone.COMPLETE, start_at=begin, business_days=3, calendar=CALENDAR, pauses=spans
    )
    base = deadline(SlaMilestone.ACCEPT, start_at=begin, business_days=3, calendar=CALENDAR)
    assert base.due_at is not None
    left = CALENDAR.working_time(base.deemed_start, base.due_at) // timedelta(hours=1)
    hour = base.deemed_start.astimezone(UTC)
    while left:
        local = hour.astimezone(EASTERN)
        is_working = CALENDAR.is_business_day(local.date()) and 8 <= local.hour < 17
        is_paused = any(a <= hour < b for a, b in spans)
        left -= is_working and not is_paused
        hour += timedelta(hours=1)
    assert found.due_at == hour
