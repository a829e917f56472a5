"""What lies in queues and streams reaches its function: filtered, in order, tried again."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cloud.local import patterns
from cloud.local.dynamodb.engine import Engine
from cloud.local.lambdas import Failed
from cloud.local.queues import Queues
from cloud.local.sources import Marks, QueueSource, StreamSource, failures
from cloud.local.template import Mapped

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TABLE = {
    "TableName": "Table",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
}


class Clock:
    def __init__(self):
        self.instant = NOON

    def now(self):
        return self.instant


class Behind:
    """A function that answers as it is told to, and remembers what it was given."""

    def __init__(self):
        self.batches = []
        self.answer = lambda batch: None
        self.given_up = []

    def invoke(self, function, event):
        self.batches.append(event["Records"])
        return self.answer(event["Records"])

    def give_up(self, queue, record):
        self.given_up.append((queue, json.loads(record)))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def behind():
    return Behind()


# ---------------------------------------------------------------------- queues
@pytest.fixture
def queues(tmp_path, clock):
    made = Queues(tmp_path / "queues.sqlite", clock)
    made.create("Q", {"VisibilityTimeout": 60})
    yield made
    made.close()


def queue_source(queues, behind, **settings):
    mapped = Mapped("M", "Q", False, "F", 2, settings.pop("reports", True), **settings)
    return QueueSource(mapped, queues, behind.invoke)


def bodies(behind):
    return [[record["body"] for record in batch] for batch in behind.batches]


def test_messages_come_in_batches_and_are_gone(queues, behind):
    for number in range(3):
        queues.send("Q", f"{number}")
    assert queue_source(queues, behind).pump() == 3
    assert bodies(behind) == [["0", "1"], ["2"]]
    assert queues.depth("Q").in_flight == 0


def test_only_what_failed_comes_back_in_its_time(queues, behind, clock):
    for number in range(2):
        queues.send("Q", f"{number}")
    behind.answer = lambda batch: {
        "batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in batch if r["body"] == "1"]
    }
    source = queue_source(queues, behind)
    source.pump()
    assert source.pump() == 0
    clock.instant += timedelta(seconds=60)
    behind.answer = lambda batch: {}
    assert source.pump() == 1
    assert bodies(behind) == [["0", "1"], ["1"]]


def test_a_function_that_fails_keeps_its_whole_batch(queues, behind, clock):
    queues.send("Q", "x")
    behind.answer = lambda batch: Failed("ValueError", "no good")
    source = queue_source(queues, behind)
    source.pump()
    assert queues.depth("Q").in_flight == 1


def test_who_does_not_report_failures_is_done_with_all_of_them(queues, behind):
    queues.send("Q", "x")
    behind.answer = lambda batch: {"batchItemFailures": [{"itemIdentifier": "x"}]}
    queue_source(queues, behind, reports=False).pump()
    assert queues.depth("Q").in_flight == 0


def test_what_no_filter_wants_is_deleted_unseen(queues, behind):
    for body in ('{"kind": "chunk"}', '{"kind": "event"}', "no JSON"):
        queues.send("Q", body)
    wanted = patterns.parse({"body": {"kind": ["event"]}})
    queue_source(queues, behind, filters=(wanted,)).pump()
    assert bodies(behind) == [['{"kind": "event"}']]
    assert queues.depth("Q").visible == queues.depth("Q").in_flight == 0


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, ""),
        ({}, ""),
        ({"batchItemFailures": []}, ""),
        ({"batchItemFailures": None}, ""),
        ({"other": 1}, ""),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, "a"),
        ({"batchItemFailures": [{"itemIdentifier": "z"}]}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "ab"),
        ({"batchItemFailures": [{}]}, "ab"),
        ({"batchItemFailures": ["a"]}, "ab"),
        ({"batchItemFailures": "a"}, "ab"),
        ("done", "ab"),
        ([], "ab"),
    ],
    ids=json.dumps,
)
def test_how_an_answer_is_read(answer, failed):
    assert failures(answer, {"a", "b"}) == set(failed)


# ---------------------------------------------------------------------- streams
@pytest.fixture
def engine(tmp_path, clock):
    made = Engine(tmp_path / "tables.sqlite", clock=clock.now)
    made.create_table(TABLE)
    yield made
    made.close()


@pytest.fixture
def opened(tmp_path, engine, behind, clock):
    made = []

    def source(**settings):
        mapped = Mapped(
            **{
                "name": "M", "source": "Table", "is_stream": True, "function": "F", "batch_size": 2,
                "reports_failures": False, "on_failure": "Lost", **settings,
            }
        )  # fmt: skip
        made.append(Marks(tmp_path / "marks.sqlite"))
        return StreamSource(
            mapped, engine, behind.invoke, marks=made[-1], clock=clock, give_up=behind.give_up
        )

    yield source
    for marks in made:
        marks.close()


def put(engine, *keys):
    for key in keys:
        engine.call("PutItem", {"TableName": "Table", "Item": {"pk": {"S": key}}})


def keys(behind):
    return [[r["dynamodb"]["Keys"]["pk"]["S"] for r in batch] for batch in behind.batches]


def test_changes_come_in_order_once_and_from_the_mark_after_a_restart(opened, engine, behind):
    put(engine, "before")
    first = opened()
    assert first.pump() == 0  # LATEST: what was there before is not ours
    put(engine, "a", "b", "c")
    assert first.pump() == 3
    put(engine, "d")
    assert opened().pump() == 1
    assert keys(behind) == [["a", "b"], ["c"], ["d"]]


def test_from_the_beginning_where_the_mapping_says_so(opened, engine, behind):
    put(engine, "before")
    assert opened(starting_position="TRIM_HORIZON").pump() == 1


def test_a_write_that_changes_nothing_is_no_change(opened, engine, behind):
    source = opened()
    put(engine, "a", "a")
    assert source.pump() == 1


def test_filters_pass_over_what_nobody_wants(opened, engine, behind):
    wanted = patterns.parse({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "OUT#"}]}}}})
    source = opened(filters=(wanted,))
    put(engine, "a", "OUT#1", "b", "c")
    assert source.pump() == 1
    assert keys(behind) == [["OUT#1"]]
    assert source.pump() == 0


def test_a_batch_that_fails_is_tried_again_with_growing_pauses_and_nothing_passes_it(
    opened, engine, behind, clock
):
    source = opened()
    put(engine, "a", "b", "c")
    behind.answer = lambda batch: Failed("ValueError", "no good")
    waited = []
    for _ in range(8):
        before = clock.instant
        source.pump()
        assert source.pump() == 0  # not before its time
        clock.instant = source.next_due()
        waited.append((clock.instant - before).total_seconds())
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]
    behind.answer = lambda batch: None
    assert source.pump() == 3
    assert keys(behind) == [["a", "b"]] * 9 + [["c"]]


def test_what_is_tried_too_often_is_given_up_and_told(opened, engine, behind, clock):
    source = opened(most_retries=1)
    put(engine, "a", "b", "c")
    behind.answer = lambda batch: Failed("x", "y") if len(batch) == 2 else None
    source.pump()
    clock.instant = source.next_due()
    source.pump()
    assert keys(behind) == [["a", "b"], ["a", "b"], ["c"]]
    ((queue, record),) = behind.given_up
    assert queue == "Lost"
    assert record["DDBStreamBatchInfo"]["batchSize"] == 2
    assert record["requestContext"]["approximateInvokeCount"] == 2
    numbers = [r["dynamodb"]["SequenceNumber"] for r in behind.batches[0]]
    told = record["DDBStreamBatchInfo"]
    assert [told["startSequenceNumber"], told["endSequenceNumber"]] == numbers


def test_a_batch_goes_on_from_the_first_record_that_failed(opened, engine, behind, clock):
    source = opened(reports_failures=True, batch_size=3)
    put(engine, "a", "b", "c")

    def second_fails(batch):
        failed = [r for r in batch if r["dynamodb"]["Keys"]["pk"]["S"] == "b"]
        return {
            "batchItemFailures": [
                {"itemIdentifier": r["dynamodb"]["SequenceNumber"]} for r in failed
            ]
        }

    behind.answer = second_fails
    source.pump()
    behind.answer = lambda batch: None
    clock.instant = source.next_due()
    source.pump()
    assert keys(behind) == [["a", "b", "c"], ["b", "c"]]
