"""What evaluations write for each site goes without a transaction, and is kept as safely."""

from datetime import UTC, datetime, timedelta

import pytest

from bench import requests
from cloud.adapters import wiring
from cloud.adapters.chart import ALONE, CHART, charted
from cloud.detection.models import ShardResult, SiteFacts
from cloud.kernel.change import NEW, Change, Save, Timer
from cloud.kernel.errors import Conflict
from cloud.telemetry.late import LateWindows

# At collection, before a client is made that would not be counted.
requests.prepare()

FACTS = SiteFacts("SITE-1")
MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)


@pytest.fixture
def records(dynamo):
    wiring.forget()
    yield wiring.records(dynamo)
    wiring.forget()


def asked(records, change):
    with requests.counting() as made:
        records.commit(change)
    return dict(made)


def test_every_kind_that_goes_alone_is_charted():
    assert {kind if isinstance(kind, str) else charted(kind) for kind in CHART} >= ALONE


@pytest.mark.parametrize(
    ("change", "operation"),
    [
        pytest.param(Change(saves=(Save(FACTS),)), "PutItem", id="facts of a site"),
        pytest.param(
            Change(saves=(Save(ShardResult("R#0", MONDAY, ())),)), "PutItem", id="a part's result"
        ),
        pytest.param(
            Change(saves=(Save(FACTS), Save(LateWindows("gw-1", None)))),
            "TransactWriteItems",
            id="two records are one thing",
        ),
        pytest.param(
            Change(saves=(Save(FACTS),), timers=(Timer("T", "S", "w", MONDAY),)),
            "TransactWriteItems",
            id="a record and a timer are one thing",
        ),
        pytest.param(
            Change(saves=(Save(LateWindows("gw-1", None)),)),
            "TransactWriteItems",
            id="another kind by itself",
        ),
        pytest.param(
            Change(timers=(Timer("T", "S", "w", MONDAY),)), "TransactWriteItems", id="no record"
        ),
    ],
)
def test_what_goes_alone(records, change, operation):
    assert asked(records, change) == {f"dynamodb {operation}": 1}


def test_what_went_alone_is_found_and_its_version_counts(records):
    records.commit(Change(saves=(Save(FACTS, NEW),)))
    stored = records.load(SiteFacts, "SITE-1")
    assert stored.record == FACTS
    later = SiteFacts("SITE-1", measured_at=MONDAY)
    records.commit(Change(saves=(stored.replaced_by(later),)))
    assert records.load(SiteFacts, "SITE-1").record == later


@pytest.mark.parametrize("is_new", [True, False], ids=["made twice", "changed twice"])
def test_who_comes_second_is_told_so_and_changes_nothing(records, is_new):
    records.commit(Change(saves=(Save(FACTS, NEW),)))
    stored = records.load(SiteFacts, "SITE-1")
    first = SiteFacts("SITE-1", measured_at=MONDAY)
    records.commit(Change(saves=(stored.replaced_by(first),)))
    second = SiteFacts("SITE-1", measured_at=MONDAY + timedelta(hours=8))
    with pytest.raises(Conflict, match="SiteFacts#SITE-1"):
        records.commit(Change(saves=(Save(second, NEW) if is_new else stored.replaced_by(second),)))
    assert records.load(SiteFacts, "SITE-1").record == first
