"""Hours of a home, read back from its chunks: what was made, what was not heard, what was wrong."""

from datetime import UTC, datetime, timedelta

from cloud.adapters.memory import MemoryChunks
from cloud.detection.process.hourly import MOST_HOURS, hours_of_home
from cloud.telemetry.ports import StoredChunk
from edge_agent.reading import Reading, Window, seal
from tests.cloud.service.test_service_process import SITE

HOUR = timedelta(hours=1)
NOON = datetime(2026, 6, 6, 17, 0, tzinfo=UTC)


def a_chunk(start: datetime, number: int, *, hours: int = 1, **columns: int) -> StoredChunk:
    t0, rows = int(start.timestamp()), 4 * hours
    seen = {"W": 3000, "St": 4, "Evt1": 0, "WH": 1_000_000 + number, **columns}
    quality = 5 if seen["St"] == 7 else 0
    readings = [Reading("SN-1", t0 + 900 * row, quality, "1.103", seen) for row in range(rows)]
    payload = seal(Window("gw-1", "5f", number, t0, 900, rows, 1), readings)
    return StoredChunk("gw-1", start, number, payload, start + hours * HOUR)


def hours_from(*chunks: StoredChunk, since: datetime = NOON, until: datetime = NOON + 4 * HOUR):
    kept = MemoryChunks()
    kept.put(chunks)
    return hours_of_home(kept, SITE, since=since, until=until)


def test_each_hour_has_its_mean_power_and_what_was_shown():
    found = hours_from(
        a_chunk(NOON, 1), a_chunk(NOON + HOUR, 2, W=0, St=7), a_chunk(NOON + 3 * HOUR, 3, W=1500)
    )
    assert [one.start for one in found] == [NOON + number * HOUR for number in range(4)]
    assert [one.power_w for one in found] == [3000, 0, None, 1504]  # thousandths of the rating
    assert [one.is_heard for one in found] == [True, True, False, True]
    assert [bool(one.issues) for one in found] == [False, True, False, False]
    assert all(one.is_day for one in found)


def test_an_hour_of_a_longer_window_that_began_before_is_known():
    found = hours_from(a_chunk(NOON - 2 * HOUR, 1, hours=4))
    assert [one.power_w for one in found] == [3000, 3000, None, None]


def test_night_is_told_from_day():
    night = datetime(2026, 6, 6, 5, 0, tzinfo=UTC)
    found = hours_from(a_chunk(night, 1, W=0, St=2), since=night, until=night + HOUR)
    assert [(one.is_day, one.is_heard) for one in found] == [(False, True)]


def test_the_grid_gone_is_told_from_a_fault():
    found = hours_from(a_chunk(NOON, 1, W=0, Evt1=1 << 11))
    assert found[0].issues or found[0].is_grid_lost
    assert not found[1].is_grid_lost


def test_without_chunks_of_the_time_there_is_nothing_to_show():
    assert hours_from() == ()
    assert hours_from(a_chunk(NOON - 5 * HOUR, 1)) == ()


def test_only_whole_hours_and_at_most_a_week():
    found = hours_from(a_chunk(NOON, 1), since=NOON - HOUR / 2, until=NOON + HOUR * 3 / 2)
    assert [one.start for one in found] == [NOON]
    long = hours_from(a_chunk(NOON, 1), since=NOON - timedelta(days=30))
    assert len(long) == MOST_HOURS
