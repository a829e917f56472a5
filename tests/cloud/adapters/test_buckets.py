"""Counting what programs call, in memory, on our engine and on moto."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.adapters import wiring
from cloud.adapters.buckets import KEPT_S, SLACK_MS, TRIES, DynamoBuckets
from cloud.adapters.memory import MemoryBuckets
from cloud.service.programs import Pace, instant_ms

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
FIVE = Pace(a_second=10, burst=5)
RUNS = count()


def after(ms):
    return MONDAY + timedelta(milliseconds=ms)


@pytest.mark.rule("API-02")
def test_a_burst_fits_and_one_more_does_not(buckets):
    met = [buckets.draw("C-1", FIVE, MONDAY) for _ in range(6)]
    assert [one.is_within for one in met] == [True] * 5 + [False]
    assert [one.remaining for one in met] == [4, 3, 2, 1, 0, 0]
    assert met[-1].retry_after_s == 1
    assert buckets.draw("C-1", FIVE, after(100)).is_within


@pytest.mark.rule("API-02")
def test_a_program_that_calls_too_often_harms_no_other(buckets):
    for _ in range(20):
        buckets.draw("C-1", FIVE, MONDAY)
    assert buckets.draw("C-2", FIVE, MONDAY).remaining == 4


def test_a_rest_gives_all_of_it_back(buckets):
    for _ in range(5):
        buckets.draw("C-1", FIVE, MONDAY)
    assert buckets.draw("C-1", FIVE, after(500)).remaining == 4


# ---------------------------------------------------------------------- the table's own
@pytest.fixture
def table(dynamo):
    assert dynamo["IDEMPOTENCY_TABLE"] == "IdempotencyTable"
    return wiring._connection().client


class Counting:
    """A client that counts what it is asked."""

    def __init__(self, client):
        self.client, self.asked = client, 0

    def update_item(self, **request):
        self.asked += 1
        return self.client.update_item(**request)


def test_two_sandboxes_count_together(table):
    one, other = (DynamoBuckets(table, "IdempotencyTable") for _ in range(2))
    met = [box.draw("C-1", FIVE, MONDAY) for _ in range(3) for box in (one, other)]
    assert [m.is_within for m in met] == [True] * 5 + [False]


def test_a_request_writes_once_and_one_too_many_not_at_all(table):
    counting = Counting(table)
    box = DynamoBuckets(counting, "IdempotencyTable")
    costs = []
    for _ in range(7):
        before = counting.asked
        box.draw("C-1", FIVE, MONDAY)
        costs.append(counting.asked - before)
    assert costs == [1, 1, 1, 1, 1, 0, 0]
    box.draw("C-1", FIVE, after(10_000))
    assert counting.asked == 6


def test_a_sandbox_that_knows_nothing_finds_out_with_one_write_more(table):
    DynamoBuckets(table, "IdempotencyTable").draw("C-1", FIVE, MONDAY)
    counting = Counting(table)
    assert DynamoBuckets(counting, "IdempotencyTable").draw("C-1", FIVE, MONDAY).remaining == 3
    assert counting.asked == 2


def put(table, ahead_ms):
    number = {"N": str(instant_ms(MONDAY) + ahead_ms)}
    table.put_item(
        TableName="IdempotencyTable", Item={"id": {"S": "pace#C-1"}, "ahead_until": number}
    )


@pytest.mark.parametrize(
    ("ahead_ms", "is_within"),
    [
        pytest.param(0, True, id="the steps end now"),
        pytest.param(400, True, id="just room for one"),
        pytest.param(401, False, id="just no room"),
        pytest.param(500 + SLACK_MS, False, id="another clock goes fast"),
        pytest.param(501 + SLACK_MS, True, id="a clock further ahead than that is not believed"),
        pytest.param(50_000, True, id="a clock that was a minute ahead shuts nobody out"),
        pytest.param(10**12, True, id="nor does one that was years ahead"),
    ],
)
def test_what_stands_there_is_believed_as_far_as_it_can_be(table, ahead_ms, is_within):
    put(table, ahead_ms)
    for _ in range(2):
        box = DynamoBuckets(table, "IdempotencyTable")
        assert box.draw("C-1", FIVE, MONDAY).is_within == is_within
        put(table, ahead_ms)


def test_a_sandbox_whose_clock_is_ahead_shuts_out_no_other_for_longer_than_clocks_may_differ(table):
    fast, right = (DynamoBuckets(table, "IdempotencyTable") for _ in range(2))
    assert fast.draw("C-1", FIVE, after(50_000)).is_within
    assert right.draw("C-1", FIVE, MONDAY).is_within
    assert fast.draw("C-1", FIVE, after(50_001)).is_within
    worst_ms = FIVE.burst * FIVE.step_ms + SLACK_MS
    for ahead_ms in (1, SLACK_MS // 2, SLACK_MS):
        put(table, ahead_ms + FIVE.burst * FIVE.step_ms)
        box = DynamoBuckets(table, "IdempotencyTable")
        assert box.draw("C-1", FIVE, after(worst_ms)).is_within


def test_the_item_goes_by_itself(table):
    DynamoBuckets(table, "IdempotencyTable").draw("C-1", FIVE, MONDAY)
    key = {"id": {"S": "pace#C-1"}}
    item = table.get_item(TableName="IdempotencyTable", Key=key)["Item"]
    assert int(item["expiration"]["N"]) == MONDAY.timestamp() + KEPT_S


class AlwaysFaster(Counting):
    """A client before whose every write somebody else's lands, and then as much time passes."""

    def update_item(self, **request):
        put(self.client, 200 if self.asked % 2 == 0 else -1)
        return super().update_item(**request)


def test_who_is_never_counted_is_let_through(table):
    box = AlwaysFaster(table)
    assert DynamoBuckets(box, "IdempotencyTable").draw("C-1", FIVE, MONDAY) is None
    assert box.asked == TRIES


class Refusing:
    """A client whose table has no patience left, or that reaches nobody."""

    def __init__(self, failed):
        self.failed = failed

    def update_item(self, **_request):
        raise self.failed


def error(code):
    return ClientError({"Error": {"Code": code, "Message": "later"}}, "UpdateItem")


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param(error("ProvisionedThroughputExceededException"), id="throttled"),
        pytest.param(error("InternalServerError"), id="a fault of the service"),
        pytest.param(EndpointConnectionError(endpoint_url="https://x"), id="nobody there"),
    ],
)
def test_a_table_that_does_not_answer_lets_everybody_through(failed):
    assert DynamoBuckets(Refusing(failed), "T").draw("C-1", FIVE, MONDAY) is None


def test_a_table_that_is_not_there_lets_everybody_through(table):
    assert DynamoBuckets(table, "NoSuchTable").draw("C-1", FIVE, MONDAY) is None


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.booleans()), max_size=25)
)
def test_the_table_counts_as_memory_does(table, steps):
    """Two sandboxes in any turns, three programs, any pauses: the same as in memory."""
    run, memory = next(RUNS), MemoryBuckets()
    boxes = [DynamoBuckets(table, "IdempotencyTable") for _ in range(2)]
    now = 0
    for gap, program, which in steps:
        now += gap
        name = f"C-{run}-{program}"
        expected = memory.draw(name, FIVE, after(now))
        assert boxes[which].draw(name, FIVE, after(now)) == expected
