"""Windows that come after their time: which they are, what is noted, and what becomes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import Conflict
from cloud.telemetry.late import LateWindows, is_late, note_late
from cloud.telemetry.policy import LATE_AFTER
from cloud.telemetry.ports import StoredChunk
from tests.cloud.detection.detection_street import Street, at, running

WINDOW = datetime(2026, 6, 8, 12, tzinfo=UTC)
LATE = LATE_AFTER.on(WINDOW.date())


def a_chunk(*, hours=0.0, after=LATE + timedelta(hours=1), gateway="gw-1") -> StoredChunk:
    start = WINDOW - timedelta(hours=hours)
    return StoredChunk(gateway, start, 1, b"", start + after)


@pytest.mark.rule("T-25")
@pytest.mark.parametrize(
    ("after", "late"),
    [
        pytest.param(timedelta(hours=2), False, id="in time"),
        pytest.param(LATE, False, id="exactly at the limit"),
        pytest.param(LATE + timedelta(seconds=1), True, id="a second later"),
        pytest.param(timedelta(days=7), True, id="a week later"),
        pytest.param(-timedelta(days=1), False, id="of a clock that is ahead"),
    ],
)
def test_which_window_is_late(after, late):
    assert is_late(a_chunk(after=after)) is late


def noted(records, gateway="gw-1"):
    stored = records.load(LateWindows, gateway)
    return stored and (stored.record.earliest, stored.version)


@pytest.mark.rule("T-25")
def test_the_earliest_stands_and_whoever_measures_meanwhile_sees_that_more_came():
    records = MemoryRecords()
    note_late(records, [a_chunk(hours=2), a_chunk(hours=6), a_chunk(hours=4)])
    assert noted(records) == (WINDOW - timedelta(hours=6), 1)
    note_late(records, [a_chunk(hours=6), a_chunk(hours=3)])
    assert noted(records) == (WINDOW - timedelta(hours=6), 2)
    note_late(records, [a_chunk(hours=7)])
    assert noted(records) == (WINDOW - timedelta(hours=7), 3)


@pytest.mark.rule("T-25")
def test_a_window_of_a_clock_that_was_not_set_is_not_waited_for():
    records = MemoryRecords()
    note_late(records, [a_chunk(after=timedelta(days=61))])
    assert noted(records) is None


def test_each_gateway_has_its_own_and_one_in_time_has_none():
    records = MemoryRecords()
    note_late(records, [a_chunk(), a_chunk(hours=1, gateway="gw-2")])
    note_late(records, [a_chunk(after=timedelta(hours=1), gateway="gw-3")])
    assert noted(records) == (WINDOW, 1)
    assert noted(records, "gw-2") == (WINDOW - timedelta(hours=1), 1)
    assert noted(records, "gw-3") is None


class Contended(MemoryRecords):
    """Somebody else notes a window just before each of the first writes."""

    def __init__(self, *others: datetime) -> None:
        super().__init__()
        self.others = list(others)

    def commit(self, change: Change) -> None:
        if self.others:
            stored = self.load(LateWindows, "gw-1")
            other = LateWindows("gw-1", self.others.pop(0))
            super().commit(Change(saves=(stored.replaced_by(other) if stored else Save(other),)))
        super().commit(change)


@pytest.mark.parametrize(
    ("others", "stands"),
    [
        pytest.param([1, 2], 5, id="the others were later"),
        pytest.param([1, 9], 9, id="one of the others was earlier"),
    ],
)
def test_two_that_note_at_once_leave_the_earliest(others, stands):
    records = Contended(*(WINDOW - timedelta(hours=hours) for hours in others))
    note_late(records, [a_chunk(hours=5)])
    assert noted(records)[0] == WINDOW - timedelta(hours=stands)


def test_one_that_is_always_in_the_way_is_told_of():
    records = Contended(*(WINDOW + timedelta(hours=hour) for hour in range(1, 41)))
    with pytest.raises(Conflict, match=r"gw-1.*it comes again"):
        note_late(records, [a_chunk()])


@pytest.mark.rule("T-25")
def test_the_sweep_looks_at_it_once_and_clears_it():
    street = Street()
    ill, last = 3, at(2, 4)
    street.says = lambda home, moment: (
        {} if home == ill and at(1, 4) <= moment < last else running(home, moment)
    )
    street.live_until(at(3, 6))
    assert not street.lines(ill)[1].is_counted
    street.says = running
    starts = [at(1, 4) + number * timedelta(hours=2) for number in range(12)]
    missing = [one for start in starts for one in street._chunks_of(ill, start)]
    street.arrive([replace(one, received_at=street.now) for one in missing])
    assert noted(street.records, "gw-3")[0] == at(1, 4)
    street.live_until(at(3, 14))
    assert noted(street.records, "gw-3")[0] is None
    assert street.lines(ill)[1].is_counted
    version = noted(street.records, "gw-3")[1]
    street.live_until(at(4, 6))
    assert noted(street.records, "gw-3") == (None, version)
    street.arrive([replace(missing[0], received_at=street.now)])
    assert noted(street.records, "gw-3") == (at(1, 4), version + 1)
