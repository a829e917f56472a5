"""Chunks of telemetry, on our engine and on moto."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cloud.adapters import wiring
from cloud.telemetry.ports import StoredChunk

NOON = datetime(2026, 6, 8, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def chunk(hours=0, *, gateway="gw-1", sequence=1, payload=b"\x01\xff") -> StoredChunk:
    return StoredChunk(gateway, NOON + hours * HOUR, sequence, payload, NOON + timedelta(days=1))


@pytest.fixture
def chunks(dynamo):
    return wiring.chunks(dynamo)


def span(chunks, start=NOON - 100 * HOUR, end=NOON + 100 * HOUR, gateway="gw-1"):
    return list(chunks.between(gateway, start, end))


def test_they_come_back_byte_for_byte_in_order_of_windows(chunks):
    made = [chunk(2), chunk(-1), chunk(0, sequence=10), chunk(0, sequence=9)]
    chunks.put(made)
    assert span(chunks) == [made[1], made[3], made[2], made[0]]


def test_keeping_again_changes_nothing(chunks):
    for _ in range(2):
        chunks.put([chunk(), chunk()])
    assert span(chunks) == [chunk()]


def test_none_is_none(chunks):
    chunks.put([])
    assert span(chunks) == []


@pytest.mark.parametrize("count", [25, 26, 60])
def test_more_than_a_batch(chunks, count):
    chunks.put(chunk(sequence=number) for number in range(count))
    assert [one.sequence for one in span(chunks)] == list(range(count))


def test_more_than_a_page(chunks):
    chunks.put([chunk(sequence=number, payload=b"x" * 300_000) for number in range(5)])
    assert len(span(chunks)) == 5


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        pytest.param(NOON, NOON + HOUR, [0], id="the start is in, the end is not"),
        pytest.param(NOON - HOUR, NOON, [-1], id="up to an instant"),
        pytest.param(NOON, NOON, [], id="nothing"),
        pytest.param(NOON - 2 * HOUR, NOON + 3 * HOUR, [-1, 0, 1], id="all"),
        pytest.param(
            NOON.astimezone(timezone(-7 * HOUR)), NOON + 2 * HOUR, [0, 1], id="another zone"
        ),
    ],
)
def test_a_span_is_half_open(chunks, start, end, hours):
    chunks.put([chunk(hour) for hour in (-1, 0, 1)])
    assert span(chunks, start, end) == [chunk(hour) for hour in hours]


def test_another_gateway_s_are_not_given(chunks):
    chunks.put([chunk(), chunk(gateway="gw-10"), chunk(gateway="gw-1#")])
    assert span(chunks) == [chunk()]
