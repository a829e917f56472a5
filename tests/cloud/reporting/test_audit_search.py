"""Looking through the log: what fits, page by page, while it grows."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Event
from cloud.kernel.errors import BadInput
from cloud.reporting.audit_search import (
    AT_ONCE,
    MOST_EXPORTED,
    Wanted,
    as_csv,
    days_beside,
    everything,
    look,
)
from cloud.reporting.policy import FIRST_DAY

TODAY = date(2026, 6, 8)


def event(number: int, *, day=TODAY, by="sam", what="issued", subject="WO-1") -> Event:
    begins = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return Event(subject, what, begins + timedelta(seconds=number), by, says=f"{number}")


def logged(*told: Event) -> MemoryRecords:
    records = MemoryRecords()
    for one in told:
        records.commit(Change(events=(one,)))
    return records


def all_pages(records, wanted, limit):
    found, after = [], ""
    for _ in range(2000):
        page = look(records, wanted, today=TODAY, after=after, limit=limit)
        assert len(page.events) <= limit
        found += page.events
        after = page.next
        if not after:
            return found
    raise AssertionError("the pages have no end")


LOG = [
    event(1, day=date(2026, 3, 1), by="ada", what="approved", subject="INV-1"),
    event(2, day=date(2026, 5, 31), by="sam"),
    event(3, day=date(2026, 6, 7), by="sam", subject="WO-2"),
    event(4, by="ada"),
    event(5, by="sam", what="approved", subject="INV-2"),
    event(6, by="sam"),
]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        pytest.param(Wanted(subject="WO-1"), "642", id="one thing"),
        pytest.param(Wanted(subject="WO-1", by="sam"), "62", id="one thing by somebody"),
        pytest.param(Wanted(subject="WO-1", since=TODAY), "64", id="one thing since a day"),
        pytest.param(Wanted(what="approved"), "51", id="one kind, over months"),
        pytest.param(Wanted(what="approved", by="ada"), "1", id="one kind by somebody"),
        pytest.param(Wanted(by="ada"), "41", id="somebody, over empty weeks"),
        pytest.param(Wanted(since=TODAY, until=TODAY), "654", id="one day"),
        pytest.param(Wanted(until=date(2026, 6, 7)), "321", id="up to a day"),
        pytest.param(Wanted(since=date(2026, 6, 9)), "", id="days to come"),
        pytest.param(Wanted(subject="nobody"), "", id="what is not known"),
    ],
)
def test_every_event_that_fits_stands_once_the_latest_first(wanted, numbers, limit):
    found = all_pages(logged(*LOG), wanted, limit)
    assert "".join(one.says for one in found) == numbers


def test_a_page_looks_through_some_days_and_goes_on():
    long_ago = event(1, day=TODAY - timedelta(days=AT_ONCE))
    page = look(logged(long_ago), Wanted(by="sam"), today=TODAY)
    assert page.events == ()
    assert look(logged(long_ago), Wanted(by="sam"), today=TODAY, after=page.next).events == (
        long_ago,
    )


def test_what_is_written_meanwhile_moves_no_place():
    records = logged(*(event(number) for number in range(4)))
    wanted = Wanted(since=TODAY, until=TODAY)
    first = look(records, wanted, today=TODAY, limit=2)
    records.commit(Change(events=(event(9),)))
    rest = look(records, wanted, today=TODAY, after=first.next, limit=2)
    assert [one.says for one in (*first.events, *rest.events)] == ["3", "2", "1", "0"]


@given(st.text(max_size=30))
def test_a_place_that_is_none_is_refused_or_read(after):
    with suppress(BadInput):
        found = look(logged(*LOG), Wanted(by="sam"), today=TODAY, after=after)
        assert len(found.events) <= len(LOG)


def test_a_file_holds_the_same_events_the_oldest_first():
    records = logged(*LOG)
    found = everything(records, Wanted(by="sam", since=date(2026, 5, 1)), today=TODAY)
    assert "".join(one.says for one in found) == "2356"
    assert as_csv(found).splitlines()[1] == "2026-05-31T08:00:02Z,sam,issued,WO-1,,2,"


def test_a_file_runs_no_formula():
    assert ",'=1+1," in as_csv([Event("X", "said", LOG[0].at, "sam", says="=1+1")])


def test_a_file_has_bounds():
    with pytest.raises(BadInput, match="92 days at most"):
        everything(MemoryRecords(), Wanted(by="sam"), today=TODAY)

    class Full(MemoryRecords):
        def history(self, subject):
            return [event(1)] * (MOST_EXPORTED + 1)

    with pytest.raises(BadInput, match="more than 5000 events"):
        everything(Full(), Wanted(subject="WO-1"), today=TODAY)


def test_days_that_end_before_they_begin_are_refused():
    with pytest.raises(BadInput, match="end on the first day or later"):
        Wanted(since=TODAY, until=FIRST_DAY)


@pytest.mark.parametrize(
    ("day", "beside"),
    [
        pytest.param(TODAY, [date(2026, 6, 7)], id="today: no day after it"),
        pytest.param(FIRST_DAY, [date(2025, 1, 2)], id="the first day: none before it"),
        pytest.param(date(2026, 6, 1), [date(2026, 5, 31), date(2026, 6, 2)], id="between"),
    ],
)
def test_the_days_beside_one(day, beside):
    assert list(days_beside(day, TODAY)) == beside
