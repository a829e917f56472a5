"""The log by what was told in a month, on each of its stand-ins."""

from datetime import UTC, datetime, timedelta

from cloud.kernel.change import Change, Event

LAST = datetime(2026, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def test_events_are_found_by_what_was_told_in_a_month_of_utc(kept):
    records = kept.records
    told = [
        Event("WO-2", "issued", LAST, "jo"),
        Event("WO-1", "issued", LAST - timedelta(days=29), "jo"),
        Event("WO-3", "issued", LAST + MOMENT, "jo"),
        Event("WO-1", "completed", LAST, "jo"),
    ]
    for event in told:
        records.commit(Change(events=(event,)))
    assert [one.subject for one in records.told("issued", month="2026-06")] == ["WO-1", "WO-2"]
    assert [one.subject for one in records.told("issued", month="2026-07")] == ["WO-3"]
    assert list(records.told("completed", month="2026-06")) == [told[3]]
    assert list(records.told("issued", month="2025-06")) == []
    assert list(records.told("issue", month="2026-06")) == []


def test_events_of_one_instant_stand_in_the_order_in_which_they_were_told(kept):
    names = [f"WO-{number}" for number in (7, 3, 9, 1)]
    events = tuple(Event(name, "issued", LAST, "jo") for name in names)
    kept.records.commit(Change(events=events))
    assert [one.subject for one in kept.records.told("issued", month="2026-06")] == names


def test_the_same_event_offered_twice_is_told_once(kept):
    event = Event("WO-1", "issued", LAST, "jo")
    for _ in range(2):
        kept.records.commit(Change(events=(event,)))
    assert list(kept.records.told("issued", month="2026-06")) == [event]
