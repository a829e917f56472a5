"""Queues: nothing is lost, nothing is had by two at once, and boto3 cannot tell the difference."""

import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cloud.local.queues import (
    NO_QUEUE,
    NO_SOURCE,
    Depth,
    Outgoing,
    QueueError,
    Queues,
    arn_of,
    url_of,
)

START = datetime(2031, 1, 1, tzinfo=UTC)


class SimClock:
    def __init__(self) -> None:
        self.instant = START

    def now(self) -> datetime:
        return self.instant

    def pass_by(self, **span: float) -> None:
        self.instant += timedelta(**span)


@pytest.fixture
def clock() -> SimClock:
    return SimClock()


@pytest.fixture
def queues(tmp_path: Path, clock: SimClock) -> Iterator[Queues]:
    made = Queues(tmp_path / "queues.db", clock)
    yield made
    made.close()


def bodies(queues: Queues, name: str, limit: int = 10, **options: Any) -> list[str]:
    return [message.body for message in queues.receive(name, limit, **options)]


def test_a_message_comes_back_until_it_is_deleted(queues: Queues, clock: SimClock) -> None:
    queues.create("q", {"VisibilityTimeout": 60})
    queues.send("q", "hello")
    (first,) = queues.receive("q")
    assert bodies(queues, "q") == []
    clock.pass_by(seconds=59.999)
    assert bodies(queues, "q") == []
    clock.pass_by(seconds=0.001)
    (second,) = queues.receive("q")
    assert (second.id, second.receive_count) == (first.id, 2)
    assert second.system["SentTimestamp"] == str(int(START.timestamp() * 1000))
    queues.delete("q", first.receipt)  # an old receipt: whoever has the message now keeps it
    assert queues.depth("q") == Depth(0, 1, 0)
    queues.delete("q", second.receipt)
    queues.delete("q", second.receipt)
    assert queues.depth("q") == Depth(0, 0, 0)


def test_a_late_delete_still_counts_if_nobody_else_received(
    queues: Queues, clock: SimClock
) -> None:
    queues.create("q")
    queues.send("q", "hello")
    (message,) = queues.receive("q")
    clock.pass_by(minutes=5)
    queues.delete("q", message.receipt)
    assert bodies(queues, "q") == []


def test_everything_survives_a_restart(tmp_path: Path, clock: SimClock) -> None:
    first = Queues(tmp_path / "q.db", clock)
    first.create("q", {"VisibilityTimeout": 60})
    first.send("q", "a")
    first.send("q", "b")
    (message,) = first.receive("q")
    first.close()
    second = Queues(tmp_path / "q.db", clock)
    assert second.depth("q") == Depth(1, 1, 0)
    second.delete("q", message.receipt)
    clock.pass_by(seconds=60)
    assert bodies(second, "q") == ["b"]
    second.close()


def test_delays_and_next_due(queues: Queues, clock: SimClock) -> None:
    queues.create("slow", {"DelaySeconds": "900"})
    queues.create("q", {"VisibilityTimeout": 30})
    assert queues.next_due() is None
    queues.send("slow", "late")
    queues.send("slow", "soon", delay_s=10)
    assert queues.depth("slow") == Depth(0, 0, 2)
    assert queues.next_due() == START + timedelta(seconds=10)
    queues.send("q", "now")
    assert queues.next_due() == START + timedelta(seconds=10)
    queues.receive("q", visibility_s=5)
    assert queues.next_due() == START + timedelta(seconds=5)
    clock.pass_by(seconds=10)
    assert bodies(queues, "slow") == ["soon"]
    assert queues.next_due() == START + timedelta(seconds=40)
    clock.pass_by(days=1)
    assert queues.next_due() is None
    assert bodies(queues, "slow") == ["soon", "late"]


def test_change_visibility(queues: Queues, clock: SimClock) -> None:
    queues.create("q", {"VisibilityTimeout": 30})
    queues.send("q", "x")
    (message,) = queues.receive("q")
    queues.change_visibility("q", message.receipt, 100)
    clock.pass_by(seconds=99)
    assert bodies(queues, "q") == []
    queues.change_visibility("q", message.receipt, 0)
    (again,) = queues.receive("q")
    with pytest.raises(QueueError, match="not in flight"):
        queues.change_visibility("q", message.receipt, 10)
    queues.change_visibility("q", again.receipt, 10)
    clock.pass_by(seconds=10)
    with pytest.raises(QueueError, match="not in flight"):
        queues.change_visibility("q", again.receipt, 10)


def test_dead_letters(queues: Queues, clock: SimClock) -> None:
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:0:dead", "maxReceiveCount": 3}
    queues.create("q", {"VisibilityTimeout": 10, "RedrivePolicy": policy})
    queues.create("dead")
    queues.send("q", "poison")
    for _ in range(3):
        (message,) = queues.receive("q")
        clock.pass_by(seconds=10)
    queues.send("q", "good")
    assert bodies(queues, "q", limit=1) == ["good"]
    (dead,) = queues.receive("dead")
    assert (dead.body, dead.id, dead.receive_count) == ("poison", message.id, 1)
    assert dead.system["DeadLetterQueueSourceArn"].endswith(":q")
    assert dead.system["SentTimestamp"] == message.system["SentTimestamp"]


def test_retention(queues: Queues, clock: SimClock) -> None:
    queues.create("q", {"MessageRetentionPeriod": 86_400})
    queues.send("q", "old")
    clock.pass_by(days=0.5)
    queues.send("q", "young")
    clock.pass_by(days=0.5)
    assert queues.depth("q") == Depth(1, 0, 0)
    assert bodies(queues, "q") == ["young"]


def test_bulk_receive(queues: Queues) -> None:
    queues.create("q")
    queues.send_batch("q", [Outgoing(str(number)) for number in range(12_000)])
    assert bodies(queues, "q", 10_000) == [str(number) for number in range(10_000)]
    assert len(bodies(queues, "q", 10_000)) == 2000


# ---- FIFO --------------------------------------------------------------------------------------


def fifo(queues: Queues, **attributes: Any) -> None:
    queues.create("q.fifo", {"FifoQueue": True, "VisibilityTimeout": 30, **attributes})


def test_groups_keep_their_order(queues: Queues, clock: SimClock) -> None:
    fifo(queues)
    for body in ("a1", "b1", "a2", "b2", "a3"):
        queues.send("q.fifo", body, group_id=body[0], deduplication_id=body)
    first = queues.receive("q.fifo", 2)
    assert [message.body for message in first] == ["a1", "b1"]
    assert bodies(queues, "q.fifo") == []
    queues.delete("q.fifo", first[0].receipt)
    assert bodies(queues, "q.fifo", 1) == ["a2"]
    assert bodies(queues, "q.fifo") == []
    clock.pass_by(seconds=30)
    with pytest.raises(QueueError, match="expired"):
        queues.delete("q.fifo", first[1].receipt)
    assert bodies(queues, "q.fifo") == ["b1", "a2", "b2", "a3"]


def test_a_batch_of_one_group_is_blocked_until_all_is_back(queues: Queues) -> None:
    fifo(queues)
    for number in "123":
        queues.send("q.fifo", number, group_id="g", deduplication_id=number)
    one, _ = queues.receive("q.fifo", 2)
    queues.change_visibility("q.fifo", one.receipt, 0)
    assert bodies(queues, "q.fifo") == []


def test_a_dead_fifo_message_lets_its_group_go_on(queues: Queues, clock: SimClock) -> None:
    queues.create("dead.fifo", {"FifoQueue": True})
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:0:dead.fifo", "maxReceiveCount": 1}
    fifo(queues, RedrivePolicy=json.dumps(policy))
    for number in "12":
        queues.send("q.fifo", number, group_id="g", deduplication_id=number)
    assert bodies(queues, "q.fifo", 1) == ["1"]
    clock.pass_by(seconds=30)
    assert bodies(queues, "q.fifo", 1) == ["2"]
    assert bodies(queues, "dead.fifo") == ["1"]


def test_deduplication_lasts_five_minutes(queues: Queues, clock: SimClock) -> None:
    fifo(queues, ContentBasedDeduplication="true")
    first = queues.send("q.fifo", "same", group_id="g")
    clock.pass_by(minutes=4, seconds=59)
    assert queues.send("q.fifo", "same", group_id="g").id == first.id
    assert queues.send("q.fifo", "same", group_id="g", deduplication_id="x").id != first.id
    clock.pass_by(seconds=1)
    assert queues.send("q.fifo", "same", group_id="g").id != first.id
    assert len(bodies(queues, "q.fifo")) == 3


# ---- many hands --------------------------------------------------------------------------------


def test_two_never_have_the_same_message(queues: Queues) -> None:
    queues.create("q", {"VisibilityTimeout": 43_200})
    seen: list[str] = []

    def send(worker: int) -> None:
        for number in range(50):
            queues.send("q", f"{worker}-{number}")

    def take() -> None:
        while len(seen) < 400 and not stop.is_set():
            for message in queues.receive("q", 7):
                seen.append(message.body)
                queues.delete("q", message.receipt)

    stop = threading.Event()
    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(8)]
    threads += [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        stop.set() if thread.is_alive() else None
    assert Counter(seen) == Counter(f"{w}-{n}" for w in range(8) for n in range(50))
    assert queues.depth("q") == Depth(0, 0, 0)


class Redelivery(RuleBasedStateMachine):
    """Whatever receivers do, each message is in exactly one place and comes back on time."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SimClock()
        self.queues = Queues(Path(":memory:"), self.clock)
        policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:0:dead", "maxReceiveCount": 3}
        self.queues.create("dead", {"MessageRetentionPeriod": 1_209_600})
        self.queues.create("q", {"VisibilityTimeout": 30, "RedrivePolicy": policy})
        self.sent: set[str] = set()
        self.deleted: set[str] = set()
        self.held: dict[str, tuple[str, datetime]] = {}
        self.receives: Counter[str] = Counter()

    @rule(delay_s=st.integers(0, 60))
    def send(self, delay_s: int) -> None:
        body = str(len(self.sent))
        self.queues.send("q", body, delay_s=delay_s)
        self.sent.add(body)

    @rule(limit=st.integers(1, 10), visibility_s=st.integers(1, 60))
    def receive(self, limit: int, visibility_s: int) -> None:
        now = self.clock.now()
        for message in self.queues.receive("q", limit, visibility_s=visibility_s):
            _, until = self.held.get(message.body, ("", START))
            assert until <= now, "it was still out of sight"
            assert message.body not in self.deleted
            self.receives[message.body] += 1
            assert message.receive_count == self.receives[message.body] <= 3
            self.held[message.body] = (message.receipt, now + timedelta(seconds=visibility_s))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        body = data.draw(st.sampled_from(sorted(self.held)))
        receipt, _ = self.held.pop(body)
        self.queues.delete("q", receipt)
        self.deleted.add(body)

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.clock.pass_by(seconds=seconds)

    @rule()
    def jump(self) -> None:
        due = self.queues.next_due()
        if due:
            before = self.queues.depth("q").visible
            self.clock.instant = due
            assert self.queues.depth("q").visible + self.queues.depth("dead").visible > before

    @invariant()
    def nothing_is_lost(self) -> None:
        depth, dead = self.queues.depth("q"), self.queues.depth("dead")
        total = sum((depth.visible, depth.in_flight, depth.delayed, dead.visible))
        # a deleted message that was already in the dead-letter queue is still there
        assert total >= len(self.sent) - len(self.deleted)
        assert total <= len(self.sent)

    def teardown(self) -> None:
        self.queues.close()


Redelivery.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestRedelivery = Redelivery.TestCase


# ---- boto3 -------------------------------------------------------------------------------------


@pytest.fixture
def sqs(queues: Queues) -> Any:
    """A boto3 client whose calls are answered before they leave, as the runtime does it."""

    def answer(model: Any, params: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        body = given[-1]
        try:
            return AWSResponse("", 200, {}, None), queues.call(model.name, body)
        except QueueError as error:
            return AWSResponse("", 400, {}, None), {"Error": error.parsed}

    given: list[dict[str, Any]] = []
    session = boto3.session.Session(
        "x", "x", region_name="us-east-1", botocore_session=botocore.session.Session()
    )
    client = session.client("sqs")
    client.meta.events.register(
        "before-parameter-build.sqs", lambda params, **_: given.append(dict(params))
    )
    client.meta.events.register("before-call.sqs", answer)
    return client


def test_boto3_round_trip(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    assert url == "http://127.0.0.1/000000000000/q"
    attributes = {
        "kind": {"DataType": "String", "StringValue": "hello"},
        "count": {"DataType": "Number", "StringValue": "7"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="héllo", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5("héllo".encode()).hexdigest()  # noqa: S324
    received = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"]
    )
    (message,) = received["Messages"]
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=5
    )
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert shown["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert shown["QueueArn"] == "arn:aws:sqs:us-east-1:000000000000:q"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    assert sqs.get_queue_url(QueueName="q")["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix="q")["QueueUrls"] == [url]


def test_the_attribute_digest_of_a_known_case(queues: Queues) -> None:
    # a case that moto's tests hold on to as well
    queues.create("q")
    attributes = {"timestamp": {"DataType": "Number", "StringValue": "1493147359900"}}
    params = {"QueueUrl": url_of("q"), "MessageBody": "x", "MessageAttributes": attributes}
    digest = queues.call("SendMessage", params)["MD5OfMessageAttributes"]
    assert digest == "235c5c510d26fb653d073faed50ae77c"


def test_boto3_batches(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    entries[3]["MessageBody"] = "\x00"
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [failed["Id"] for failed in answer["Failed"]] == ["3"]
    assert len(answer["Successful"]) == 9
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    gone = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
    gone[0]["ReceiptHandle"] = "nonsense"
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=gone)
    assert [failed["Code"] for failed in answer["Failed"]] == ["ReceiptHandleIsInvalid"]
    assert len(answer["Successful"]) == 9
    sqs.purge_queue(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_boto3_sees_the_right_exceptions(sqs: Any) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as info:
        sqs.send_message(QueueUrl=url_of("nobody"), MessageBody="x")
    assert info.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    assert sqs.create_queue(QueueName="q")["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "1"})
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[])
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="?")


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("TagQueue", {"QueueUrl": url_of("q")}, "UnsupportedOperation"),
        ("SendMessage", {"MessageBody": "x"}, "MissingParameter"),
        ("SendMessage", {"QueueUrl": url_of("q"), "MessageBody": ""}, "MissingParameter"),
        ("SendMessage", {"QueueUrl": url_of("q"), "MessageBody": "\ud800"},
         "InvalidMessageContents"),
        ("SendMessage", {"QueueUrl": url_of("q"), "MessageBody": "x" * 1_048_577},
         "InvalidParameterValue"),
        ("SendMessage", {"QueueUrl": url_of("q"), "MessageBody": "x", "DelaySeconds": 901},
         "InvalidParameterValue"),
        ("SendMessage", {"QueueUrl": url_of("q.fifo"), "MessageBody": "x"}, "MissingParameter"),
        ("SendMessage", {"QueueUrl": url_of("q.fifo"), "MessageBody": "x", "MessageGroupId": "g"},
         "InvalidParameterValue"),
        ("ReceiveMessage", {"QueueUrl": url_of("q"), "MaxNumberOfMessages": 11},
         "InvalidParameterValue"),
        ("ReceiveMessage", {"QueueUrl": url_of("q"), "VisibilityTimeout": 43_201},
         "InvalidParameterValue"),
        ("SendMessageBatch", {"QueueUrl": url_of("q"), "Entries": [{"Id": "a", "MessageBody": "x"}]
                              * 2}, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
        ("SendMessageBatch", {"QueueUrl": url_of("q"), "Entries": [{"Id": "?", "MessageBody": "x"}]
                              }, "AWS.SimpleQueueService.InvalidBatchEntryId"),
        ("SendMessageBatch", {"QueueUrl": url_of("q"), "Entries": [{"Id": str(n)}
                              for n in range(11)]},
         "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
        ("SendMessageBatch", {"QueueUrl": url_of("q"), "Entries": [
            {"Id": str(n), "MessageBody": "x" * 600_000} for n in range(2)]},
         "AWS.SimpleQueueService.BatchRequestTooLong"),
        ("CreateQueue", {"QueueName": "a b"}, "InvalidParameterValue"),
        ("CreateQueue", {"QueueName": "a", "Attributes": {"FifoQueue": "true"}},
         "InvalidParameterValue"),
        ("CreateQueue", {"QueueName": "a.fifo"}, "InvalidParameterValue"),
        ("CreateQueue", {"QueueName": "a", "Attributes": {"Colour": "red"}},
         "InvalidAttributeName"),
        ("CreateQueue", {"QueueName": "a", "Attributes": {"VisibilityTimeout": "x"}},
         "InvalidAttributeValue"),
        ("CreateQueue", {"QueueName": "a", "Attributes": {"RedrivePolicy": "{}"}},
         "InvalidAttributeValue"),
    ],
)  # fmt: skip
def test_errors(queues: Queues, operation: str, params: dict[str, Any], code: str) -> None:
    queues.create("q")
    queues.create("q.fifo", {"FifoQueue": True})
    with pytest.raises(QueueError) as info:
        queues.call(operation, params)
    assert info.value.parsed["Code"] == code


# ---- looking and changing ----------------------------------------------------------------------


def test_peeking_changes_nothing(queues: Queues, clock: SimClock) -> None:
    queues.create("q", {"VisibilityTimeout": 30})
    for body in ("a", "b", "c"):
        queues.send("q", body)
    queues.send("q", "late", delay_s=60)
    (taken,) = queues.receive("q")
    before = queues.depth("q")
    seen = queues.peek("q", 10)
    assert queues.peek("q", 10) == seen
    assert queues.depth("q") == before
    assert [one.body for one in seen] == ["a", "b", "c", "late"]
    assert [one.is_in_flight for one in seen] == [True, False, False, False]
    assert [one.receive_count for one in seen] == [1, 0, 0, 0]
    assert seen[0].id == taken.id
    assert seen[3].visible_at == START + timedelta(seconds=60)
    assert len(queues.peek("q", 2)) == 2
    clock.pass_by(seconds=30)
    assert not queues.peek("q", 1)[0].is_in_flight
    queues.change_visibility("q", queues.receive("q")[0].receipt, 5)
    clock.pass_by(days=4)
    assert queues.peek("q") == []


def test_attributes_are_changed_one_by_one(sqs: Any, tmp_path: Path, clock: SimClock) -> None:
    url = sqs.create_queue(QueueName="q", Attributes={"DelaySeconds": "5"})["QueueUrl"]
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": arn_of("dead"), "maxReceiveCount": "3"}
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "7", "RedrivePolicy": json.dumps(policy)}
    )
    again = Queues(tmp_path / "queues.db", clock)
    shown = again.settings("q").attributes()
    again.close()
    assert (shown["DelaySeconds"], shown["VisibilityTimeout"]) == ("5", "7")
    assert json.loads(shown["RedrivePolicy"])["maxReceiveCount"] == 3
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == []
    for wrong in ({"FifoQueue": "true"}, {"DelaySeconds": "901"}, {"RedrivePolicy": json.dumps(
        {"deadLetterTargetArn": arn_of("nobody"), "maxReceiveCount": 1})}):  # fmt: skip
        with pytest.raises(ClientError):
            sqs.set_queue_attributes(QueueUrl=url, Attributes=wrong)
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])[
        "Attributes"
    ] == {"DelaySeconds": "5"}


# ---- redrive -----------------------------------------------------------------------------------


def with_dead_letters(queues: Queues, suffix: str = "", *, sources: str = "ab") -> None:
    kind = {"FifoQueue": True} if suffix else {}
    queues.create(f"dead{suffix}", kind)
    queues.create(f"other{suffix}", kind)
    policy = {"deadLetterTargetArn": arn_of(f"dead{suffix}"), "maxReceiveCount": 1}
    for name in sources:
        queues.create(f"{name}{suffix}", {**kind, "VisibilityTimeout": 1, "RedrivePolicy": policy})


def let_die(queues: Queues, clock: SimClock, name: str, *messages: str) -> None:
    for body in messages:
        group = {"group_id": "g", "deduplication_id": body} if name.endswith(".fifo") else {}
        queues.send(name, body, **group)
    while queues.receive(name, 10):
        clock.pass_by(seconds=1)


def test_dead_letters_go_back_to_where_they_came_from(queues: Queues, clock: SimClock) -> None:
    with_dead_letters(queues)
    let_die(queues, clock, "a", "a1", "a2")
    let_die(queues, clock, "b", "b1")
    dead = {one.id for one in queues.peek("dead")}
    move = queues.start_move("dead")
    assert (move.moved, move.to_move, move.failure) == (3, 3, None)
    assert queues.depth("dead") == Depth(0, 0, 0)
    back = queues.receive("a", 10)
    assert [one.body for one in back] == ["a1", "a2"]
    assert {one.receive_count for one in back} == {1}
    assert not dead & {one.id for one in back}
    assert "DeadLetterQueueSourceArn" not in back[0].system
    assert back[0].system["SentTimestamp"] == str(int(clock.now().timestamp() * 1000))
    assert bodies(queues, "b") == ["b1"]


def test_fifo_dead_letters_keep_their_order_and_block_their_group(
    queues: Queues, clock: SimClock
) -> None:
    with_dead_letters(queues, ".fifo")
    let_die(queues, clock, "a.fifo", "1", "2", "3")
    assert [one.body for one in queues.peek("dead.fifo")] == ["1", "2", "3"]
    assert queues.start_move("dead.fifo", "other.fifo", rate=500).moved == 3
    assert bodies(queues, "other.fifo", 1) == ["1"]
    assert bodies(queues, "other.fifo") == []
    clock.pass_by(seconds=30)
    assert bodies(queues, "other.fifo") == ["1", "2", "3"]


def test_what_is_out_of_sight_or_has_no_source_stays(queues: Queues, clock: SimClock) -> None:
    with_dead_letters(queues)
    let_die(queues, clock, "a", "died")
    (held,) = queues.receive("dead", visibility_s=60)
    queues.send("dead", "sent by hand")
    move = queues.start_move("dead")
    assert (move.moved, move.left, move.to_move) == (0, 1, 1)
    assert move.failure == "CouldNotDetermineMessageSource"
    assert queues.depth("dead") == Depth(1, 1, 0)
    assert queues.start_move("dead", "other").moved == 1
    assert bodies(queues, "other") == ["sent by hand"]
    queues.change_visibility("dead", held.receipt, 0)
    assert queues.start_move("dead").moved == 1
    assert bodies(queues, "a") == ["died"]


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_what_has_no_source_is_in_nobodys_way(queues: Queues, clock: SimClock, suffix: str) -> None:
    with_dead_letters(queues, suffix)
    dead = f"dead{suffix}"
    let_die(queues, clock, f"a{suffix}", "a1", "a2")
    group = {"group_id": "g", "deduplication_id": "x"} if suffix else {}
    queues.send(dead, "of nobody", **group)
    let_die(queues, clock, f"b{suffix}", "b1")
    move = queues.start_move(dead)
    assert (move.moved, move.left, move.to_move) == (3, 1, 4)
    assert move.failure == NO_SOURCE
    assert queues.moves(dead) == [move]
    assert bodies(queues, f"a{suffix}") == ["a1", "a2"]
    assert bodies(queues, f"b{suffix}") == ["b1"]
    assert [one.body for one in queues.peek(dead)] == ["of nobody"]
    again = queues.start_move(dead)
    assert (again.moved, again.left, again.failure) == (0, 1, NO_SOURCE)


def test_what_came_from_a_queue_that_is_gone_stays(tmp_path: Path, clock: SimClock) -> None:
    before = Queues(tmp_path / "q.db", clock)
    with_dead_letters(before)
    let_die(before, clock, "a", "a1")
    let_die(before, clock, "b", "b1")
    before.close()
    with closing(sqlite3.connect(tmp_path / "q.db")) as database, database:
        database.execute("DELETE FROM queue WHERE name = 'a'")
    after = Queues(tmp_path / "q.db", clock)
    move = after.start_move("dead")
    assert (move.moved, move.left, move.failure) == (1, 1, NO_QUEUE)
    assert bodies(after, "b") == ["b1"]
    after.close()


def test_boto3_redrives(sqs: Any, queues: Queues, clock: SimClock) -> None:
    with_dead_letters(queues)
    let_die(queues, clock, "a", "x")
    arn = arn_of("dead")
    handle = sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=10)
    (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
    assert task == {
        "Status": "COMPLETED",
        "SourceArn": arn,
        "MaxNumberOfMessagesPerSecond": 10,
        "ApproximateNumberOfMessagesMoved": 1,
        "ApproximateNumberOfMessagesToMove": 1,
        "StartedTimestamp": int(clock.now().timestamp() * 1000),
    }
    queues.send("dead", "by hand")
    sqs.start_message_move_task(SourceArn=arn)
    tasks = sqs.list_message_move_tasks(SourceArn=arn, MaxResults=10)["Results"]
    assert [task["Status"] for task in tasks] == ["FAILED", "COMPLETED"]
    assert tasks[0]["FailureReason"] == NO_SOURCE
    assert tasks[0]["ApproximateNumberOfMessagesMoved"] == 0
    assert tasks[0]["ApproximateNumberOfMessagesToMove"] == 1
    with pytest.raises(sqs.exceptions.UnsupportedOperation):
        sqs.cancel_message_move_task(TaskHandle=handle["TaskHandle"])
    with pytest.raises(sqs.exceptions.ResourceNotFoundException):
        sqs.cancel_message_move_task(TaskHandle="nobody")
    with pytest.raises(sqs.exceptions.ResourceNotFoundException):
        sqs.start_message_move_task(SourceArn=arn_of("nobody"))
    pages, token = [], {}
    while True:
        page = sqs.list_dead_letter_source_queues(QueueUrl=url_of("dead"), MaxResults=1, **token)
        pages.append(page["queueUrls"])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert pages == [[url_of("a")], [url_of("b")]]


@pytest.mark.parametrize(
    ("source", "options", "code"),
    [
        ("a", {}, "InvalidParameterValue"),
        ("nobody", {}, "ResourceNotFoundException"),
        ("dead", {"destination": "nobody"}, "ResourceNotFoundException"),
        ("dead", {"destination": "dead"}, "InvalidParameterValue"),
        ("dead", {"destination": "q.fifo"}, "InvalidParameterValue"),
        ("dead", {"rate": 501}, "InvalidParameterValue"),
        ("dead", {"rate": 0}, "InvalidParameterValue"),
    ],
)
def test_moves_that_are_refused(
    queues: Queues, source: str, options: dict[str, Any], code: str
) -> None:
    with_dead_letters(queues)
    queues.create("q.fifo", {"FifoQueue": True})
    with pytest.raises(QueueError) as info:
        queues.start_move(source, **options)
    assert info.value.code == code
