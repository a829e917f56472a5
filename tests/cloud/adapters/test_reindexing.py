"""Old records are found by what is new: on our engine and on moto, a part of a table at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from record_examples import example

from cloud.adapters import reindexing, wiring
from cloud.adapters.chart import CHART, charted
from cloud.adapters.reindexing import FOUND_BY, TABLES, Part, kind_named, reindex
from cloud.adapters.tables import OperationsRow, SitesRow
from cloud.kernel.change import Change, Event, Letter, Save, Timer
from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.portfolio.models import Partner
from cloud.service.models import Mail, MailState

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)


@pytest.fixture
def tables(dynamo):
    """Records in tables: in memory there is nothing that could be missing."""
    return wiring.records(dynamo)


def mails(count):
    return [
        replace(example(Mail), id=f"MAIL-{n:03d}", state=MailState.FILED, at=MONDAY)
        for n in range(count)
    ]


def old(records, made, *lost):
    """Write records as the program did before it found them by some things."""
    for one in made:
        records.commit(Change(saves=(Save(one),)))
        row = OperationsRow.get(f"Mail#{one.id}", "-")
        row.update(actions=[getattr(OperationsRow, name).remove() for name in lost])


def gone_through(records, table):
    parts, after = [], ""
    while not parts or after:
        parts.append(reindex(records, table, after=after))
        after = parts[-1].next
        assert len(parts) < 100
    return parts


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(["listed", "listed_at"], id="a list by time"),
        pytest.param(["lookup_2"], id="one lookup"),
        pytest.param(list(FOUND_BY), id="everything"),
    ],
)
def test_an_old_record_is_found_again_and_stays_as_it_is(tables, lost):
    (made,) = mails(1)
    old(tables, [made], *lost)
    before = tables.load(Mail, made.id)
    (part,) = gone_through(tables, "operations")
    assert part.written == 1
    assert tables.load(Mail, made.id) == before
    assert [one.record for one in tables.find(Mail, by="state", value="filed")] == [made]
    latest = tables.latest(Mail, value="filed", limit=5)
    assert [one.record for one in latest.found] == [made]
    assert gone_through(tables, "operations") == [Part(1, 0)]


def test_what_a_record_is_found_by_no_more_goes(tables):
    (made,) = mails(1)
    tables.commit(Change(saves=(Save(replace(made, thread="")),)))
    row = OperationsRow.get(f"Mail#{made.id}", "-")
    row.update(actions=[OperationsRow.lookup_1.set("Mail.thread=WO-PAST")])
    assert gone_through(tables, "operations")[0].written == 1
    assert tables.find(Mail, by="thread", value="WO-PAST") == ()


def test_a_long_table_is_gone_through_in_parts(tables, monkeypatch):
    monkeypatch.setattr(reindexing, "MOST_ROWS", 4)
    monkeypatch.setattr(reindexing, "MOST_WRITTEN", 3)
    made = mails(10)
    old(tables, made, "listed", "listed_at")
    parts = gone_through(tables, "operations")
    assert all(one.looked_at <= 4 and one.written <= 3 for one in parts)
    assert sum(one.written for one in parts) == sum(one.looked_at for one in parts) == 10
    assert len(tables.latest(Mail, value="filed", limit=20).found) == 10


def test_what_is_no_record_is_left_alone(tables):
    event = Event("WO-1", "issued", MONDAY, "x")
    letter = Letter("L-1", "a@b.example", "Hello", "Text", "WO-1", MONDAY)
    timer = Timer("T-1", "WO-1", "accept_due", MONDAY + timedelta(days=1))
    tables.commit(Change(events=(event,), letters=(letter,), timers=(timer,)))
    assert [one.written for one in gone_through(tables, "operations")] == [0]
    assert tables.history("WO-1") == (event,)


class Raced:
    """Records in which somebody writes a record as it is being looked at."""

    def __init__(self, records, written):
        self._records, self._written = records, written

    def read(self, kind, row):
        return self._records.read(kind, row)

    def found_by(self, record):
        stored = self._records.load(Mail, record.id)
        self._records.commit(Change(saves=(stored.replaced_by(self._written),)))
        return self._records.found_by(record)


def test_a_record_that_somebody_writes_meanwhile_is_theirs(tables):
    (made,) = mails(1)
    old(tables, [made], "listed", "listed_at")
    returned = replace(made, state=MailState.RETURNED)
    assert reindex(Raced(tables, returned), "operations") == Part(1, 0)
    (found,) = tables.latest(Mail, value=MailState.RETURNED.value, limit=5).found
    assert (found.record, found.version) == (returned, 2)


def test_a_record_with_a_secret_keeps_it(tables):
    partner = replace(example(Partner), id="one")
    tables.commit(Change(saves=(Save(partner),)))
    SitesRow.get("Partner#one", "-").update(actions=[SitesRow.lookup_1.remove()])
    assert gone_through(tables, "sites")[0].written == 1
    assert tables.load(Partner, "one").record == partner


@pytest.mark.parametrize(
    ("table", "after"),
    [
        pytest.param("telemetry", "", id="another table"),
        pytest.param("sites", "x", id="no place"),
        pytest.param("sites", "[1, 2]", id="numbers"),
        pytest.param("sites", '["a"]', id="half a place"),
        pytest.param("sites", '["", "-"]', id="an empty key"),
        pytest.param("sites", "{}", id="an object"),
        pytest.param("sites", "[" * 3000, id="deep"),
        pytest.param("sites", f'["{"x" * 2049}", "-"]', id="too long"),
    ],
)
def test_what_is_no_place_is_refused(table, after):
    with pytest.raises(BadInput, match="reindexing"):
        reindex(None, table, after=after)


@pytest.mark.parametrize("name", CHART)
def test_each_kind_of_the_chart_is_known_by_its_name(name):
    assert charted(kind_named(name)) == name


def test_a_name_without_a_class_is_told():
    with pytest.raises(BrokenInvariant, match="no such class"):
        kind_named("service.Nothing")


def test_every_table_of_the_chart_is_gone_through():
    assert {rows for rows, _ in CHART.values()} == set(TABLES.values())
