"""What is to be told: due from the transaction that wrote it, until somebody says that it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from record_examples import example

from cloud.adapters import wiring
from cloud.adapters.tables import OperationsRow
from cloud.kernel.change import Change, Event, Save
from cloud.reporting.feed import FeedHead, Telling, ToldEvent
from cloud.reporting.webhooks import Delivery

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
OFFERED = Event("WO-1", "offered", MONDAY, "policy")
UNTOLD = Event("WO-1", "issued", MONDAY, "policy")
LATER = Event("WO-2", "arrived", MONDAY + timedelta(hours=2), "x")


@pytest.fixture
def stores(dynamo):
    return wiring.records(dynamo), wiring.tellings(dynamo)


def keys():
    return [(row.pk, row.sk) for row in OperationsRow.scan() if row.pk.startswith("LOG#")]


def test_what_partners_are_told_of_is_due_and_all_else_is_not(stores):
    records, tellings = stores
    records.commit(Change(events=(OFFERED, UNTOLD, LATER)))
    assert [one.event for one in tellings.due(MONDAY)] == [OFFERED]
    found = tellings.due(MONDAY + timedelta(hours=2))
    assert sorted(one.event.subject for one in found) == ["WO-1", "WO-2"]


def test_a_stream_finds_what_was_written_by_its_keys(stores):
    records, tellings = stores
    records.commit(Change(events=(OFFERED, UNTOLD, LATER)))
    found = list(tellings.of([*keys(), ("LOG#WO-9", "gone")]))
    assert {one.event.subject for one in found} == {"WO-1", "WO-2"}
    assert len({one.key for one in found}) == len(found) == 2


def test_what_was_told_is_not_due_any_more_and_stays_in_the_log(stores):
    records, tellings = stores
    records.commit(Change(events=(OFFERED,)))
    (entry,) = tellings.due(MONDAY)
    tellings.done(entry)
    tellings.done(entry)  # once more changes nothing
    assert list(tellings.due(MONDAY)) == []
    assert list(tellings.of(keys())) == []
    assert records.history("WO-1") == (OFFERED,)
    assert [one.what for one in records.events_of(MONDAY.date())] == ["offered"]


def test_what_failed_comes_again_after_a_pause_that_doubles(stores):
    records, tellings = stores
    records.commit(Change(events=(OFFERED,)))
    now, pauses = MONDAY, []
    for _ in range(8):
        (entry,) = tellings.due(now)
        tellings.failed(entry, now)
        tellings.failed(entry, now + timedelta(hours=5))  # it moved meanwhile: let be
        pause = next(
            minutes
            for minutes in (1, 2, 4, 8, 16, 32, 60, 61)
            if list(tellings.due(now + timedelta(minutes=minutes)))
        )
        assert not list(tellings.due(now + timedelta(minutes=pause, microseconds=-1)))
        pauses.append(pause)
        now += timedelta(minutes=pause)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_nobody_else_takes_what_is_to_be_told(stores, dynamo):
    records, _ = stores
    records.commit(Change(events=(OFFERED,)))
    assert list(wiring.outbox(dynamo).claim(MONDAY, kinds=frozenset({"Event"}))) == []


@pytest.mark.rule("WH-01")
@pytest.mark.parametrize(
    ("kind", "expires"), [(ToldEvent, True), (Telling, True), (Delivery, True), (FeedHead, False)]
)
def test_a_feed_expires_and_where_it_ends_does_not(stores, kind, expires):
    records, _ = stores
    record = replace(example(kind), id="1")
    records.commit(Change(saves=(Save(record),)))
    row = OperationsRow.get(f"{kind.__name__}#1", "-")
    assert row.ttl == (int(record.expires_at.timestamp()) if expires else None)
    assert records.load(kind, "1").record == record
