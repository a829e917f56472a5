"""The audit log a page at a time, and how things stood."""

import contextlib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting_world import MOMENT, House, at, empty_house, story

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Event
from cloud.kernel.errors import BadInput, NotFound
from cloud.reporting.audit import (
    DAYS_AT_ONCE,
    LARGEST_PAGE,
    case_then,
    invoice_then,
    log_of_day,
    log_of_person,
    log_of_subject,
    order_then,
    today,
)

DAY = date(2026, 6, 8)


def events(count, *, by="sam", day=DAY, subject="WO-1"):
    begins = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return [
        Event(subject, f"step_{number}", begins + timedelta(seconds=number), by)
        for number in range(count)
    ]


def logged(*told):
    records = MemoryRecords()
    for event in told:
        records.commit(Change(events=(event,)))
    return records


def all_pages(ask, limit):
    found, after = [], ""
    for _ in range(10_000):
        page = ask(after=after, limit=limit)
        assert len(page.events) <= limit
        found += page.events
        after = page.next
        if not after:
            return found
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8, 500])
def test_pages_of_a_subject_and_of_a_day_hold_each_event_once_in_order(limit):
    records = logged(*events(7), *events(3, subject="WO-2"))
    of_subject = all_pages(lambda **page: log_of_subject(records, "WO-1", **page), limit)
    assert [one.what for one in of_subject] == [f"step_{number}" for number in range(7)]
    of_day = all_pages(lambda **page: log_of_day(records, DAY, **page), limit)
    assert len(of_day) == 10
    assert [one.at for one in of_day] == sorted(one.at for one in of_day)


def test_the_last_page_that_is_full_names_no_next_one():
    page = log_of_day(logged(*events(5)), DAY, limit=5)
    assert (len(page.events), page.next) == (5, "")


def test_days_are_those_of_utc():
    late = Event("WO-1", "late", datetime(2026, 6, 8, 23, 59, 59, tzinfo=UTC), "sam")
    early = Event("WO-1", "early", datetime(2026, 6, 9, 0, 0, tzinfo=UTC), "sam")
    records = logged(late, early)
    assert log_of_day(records, DAY).events == (late,)
    assert log_of_day(records, DAY + timedelta(days=1)).events == (early,)
    assert today(at("08T23:00")) == DAY + timedelta(days=1)


@given(
    days=st.lists(st.integers(0, 40), max_size=12),
    others=st.lists(st.integers(0, 40), max_size=6),
    limit=st.integers(1, 5),
)
def test_what_a_person_did_is_found_whole_whatever_lies_between(days, others, limit):
    told = []
    for number, back in enumerate(days):
        at_noon = datetime(2026, 6, 8, 12, number, tzinfo=UTC) - timedelta(days=back)
        told.append(Event(f"X-{number}", "did", at_noon, "sam"))
    noise = [Event(f"Y-{n}", "did", told[0].at if told else at("08T12:00"), "jo") for n in others]
    records = logged(*told, *noise)
    found = all_pages(lambda **page: log_of_person(records, "sam", until=DAY, **page), limit)
    assert sorted(found, key=lambda one: one.subject) == sorted(told, key=lambda one: one.subject)
    assert [one.at.date() for one in found] == sorted((one.at.date() for one in told), reverse=True)


def test_a_page_looks_through_so_many_days_and_no_more():
    asked_for = []

    class Counted(MemoryRecords):
        def events_of(self, day):
            asked_for.append(day)
            return super().events_of(day)

    page = log_of_person(Counted(), "sam", until=DAY)
    assert len(asked_for) == DAYS_AT_ONCE
    assert page.events == ()
    assert page.next == f"{DAY - timedelta(days=DAYS_AT_ONCE)}:0"


@pytest.mark.parametrize("limit", [0, -1, LARGEST_PAGE + 1])
def test_a_page_of_no_size_is_refused(limit):
    for ask in (
        lambda: log_of_subject(MemoryRecords(), "WO-1", limit=limit),
        lambda: log_of_day(MemoryRecords(), DAY, limit=limit),
        lambda: log_of_person(MemoryRecords(), "sam", until=DAY, limit=limit),
    ):
        with pytest.raises(BadInput, match="ask for 1 up to"):
            ask()


@given(st.text(min_size=1, max_size=40))
def test_any_place_is_read_or_refused(after):
    for ask in (
        lambda: log_of_day(logged(*events(3)), DAY, after=after),
        lambda: log_of_person(logged(*events(3)), "sam", until=DAY, after=after),
    ):
        with contextlib.suppress(BadInput):
            assert len(ask().events) <= 3


@pytest.mark.parametrize(
    "after", ["-1", "1.5", "x", "2026-06-08:", "2026-06-08", "2026-02-30:1", ":1", "٣"]
)
def test_a_place_in_a_persons_log_is_a_day_and_a_number(after):
    with pytest.raises(BadInput, match="called next"):
        log_of_person(MemoryRecords(), "sam", until=DAY, after=after)


# ---------------------------------------------------------------------- how things stood
@pytest.fixture(scope="module")
def june():
    """Give the house at the end of June, with what was true on the way."""
    house = House(empty_house())
    then = {}
    for when in story(house):
        then[at(when) + MOMENT] = house.order("site-2").state if when > "08T11:00" else None
    return house, then


def test_a_work_order_is_shown_as_it_stood(june):
    house, then = june
    order = house.order("site-2")
    for instant, state in then.items():
        stood = order_then(house.records, order.id, at=instant)
        assert (stood.state if stood else None) == state, instant


def test_before_it_began_there_was_nothing(june):
    house, _ = june
    before = at("01T09:00")
    assert order_then(house.records, house.order("site-2").id, at=before) is None
    assert case_then(house.records, house.case("site-2").id, at=before) is None
    assert invoice_then(house.records, house.invoice("site-2").id, at=before) is None


@pytest.mark.parametrize(
    ("instant", "case", "invoice"),
    [
        pytest.param("19T11:00", "verifying", "submitted", id="an invoice is there"),
        pytest.param("22T10:00", "verifying", "returned", id="it went back"),
        pytest.param("24T10:00", "verifying", "approved", id="it is approved"),
    ],
)
def test_a_case_and_an_invoice_are_shown_as_they_stood(june, instant, case, invoice):
    house, _ = june
    stood = case_then(house.records, house.case("site-2").id, at=at(instant))
    assert stood.state == case
    billed = invoice_then(house.records, house.invoice("site-2").id, at=at(instant))
    assert billed.state == invoice


@pytest.mark.parametrize("ask", [order_then, case_then, invoice_then])
def test_what_is_not_there_is_told_so(ask):
    with pytest.raises(NotFound, match="X-1"):
        ask(MemoryRecords(), "X-1", at=at("08T12:00"))
