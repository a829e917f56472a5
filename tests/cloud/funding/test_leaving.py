"""When a run's file should have left for the bank, and which runs are late."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.funding.models import FundingRun, RunState
from cloud.funding.process.leaving import leaves_by, unsent
from cloud.funding.schedule import DateSource
from cloud.kernel.change import Change, Save
from cloud.kernel.money import ZERO, Money

TUESDAY = date(2026, 6, 9)
MONDAYS_NOON = datetime(2026, 6, 8, 16, 0, tzinfo=UTC)


def run(**changes):
    made = FundingRun(
        id="RUN-COMFORT-2026-06-09",
        programme="comfort",
        regular_date=TUESDAY,
        funding_date=TUESDAY,
        date_source=DateSource.REGULAR,
        opens_at=datetime(2026, 6, 3, 6, 31, tzinfo=UTC),
        cut_off_at=datetime(2026, 6, 8, 6, 31, tzinfo=UTC),
        state=RunState.APPROVED,
        plan_ids=("p",),
        plans_hash="h",
        gross=Money(100),
        net=Money(100),
        flags=(),
        preparer="ana",
        prepared_at=datetime(2026, 6, 8, 7, tzinfo=UTC),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("changes", "noon"),
    [
        pytest.param({}, MONDAYS_NOON, id="the day before, in summer"),
        pytest.param(
            {"funding_date": date(2026, 6, 8), "cut_off_at": datetime(2026, 6, 4, tzinfo=UTC)},
            datetime(2026, 6, 5, 16, tzinfo=UTC),
            id="before a weekend",
        ),
        pytest.param(
            {
                "funding_date": date(2026, 12, 1),
                "cut_off_at": datetime(2026, 11, 30, 7, 31, tzinfo=UTC),
            },
            datetime(2026, 11, 30, 17, tzinfo=UTC),
            id="in winter an hour later",
        ),
        pytest.param(
            {"is_same_day": True}, datetime(2026, 6, 9, 16, tzinfo=UTC), id="settled on its day"
        ),
        pytest.param(
            {"cut_off_at": datetime(2026, 6, 9, 0, tzinfo=UTC)},
            datetime(2026, 6, 9, 16, tzinfo=UTC),
            id="a window that ends on Monday at five, Pacific",
        ),
        pytest.param(
            {
                "funding_date": date(2026, 5, 26),
                "cut_off_at": datetime(2026, 5, 22, 6, 31, tzinfo=UTC),
            },
            datetime(2026, 5, 22, 16, tzinfo=UTC),
            id="before Memorial Day",
        ),
    ],
)
def test_a_file_leaves_by_a_noon(changes, noon):
    assert leaves_by(run(**changes)) == noon


FILE = {"file_reference": "ach/1"}


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        pytest.param({}, 1, id="approved and not filed"),
        pytest.param({"state": RunState.PREVIEW}, 1, id="nobody has approved it"),
        pytest.param({"state": RunState.COMMITTED}, 1, id="on its way to a file"),
        pytest.param({"state": RunState.FILED, **FILE}, 1, id="the file lies there"),
        pytest.param({"state": RunState.SENDING, **FILE}, 1, id="nobody knows if the bank has it"),
        pytest.param({"state": RunState.SENT, **FILE}, 0, id="the bank has it"),
        pytest.param({"state": RunState.SETTLED, **FILE}, 0, id="the bank paid"),
        pytest.param({"net": ZERO}, 0, id="it pays nobody"),
        pytest.param({"state": RunState.FILED, "net": ZERO}, 0, id="it has no file"),
        pytest.param(
            {"state": RunState.FILED, "net": ZERO, "prenote_reference": "ach/2"},
            1,
            id="it asks a bank something",
        ),
    ],
)
def test_what_has_not_left_at_noon_is_counted(changes, count):
    records = MemoryRecords()
    records.commit(Change(saves=(Save(run(**changes)),)))
    assert unsent(records, at=MONDAYS_NOON) == count
    assert unsent(records, at=MONDAYS_NOON.replace(hour=15, minute=59)) == 0
