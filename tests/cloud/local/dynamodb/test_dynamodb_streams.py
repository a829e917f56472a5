"""What a stream keeps of each write, for how long, and what its API answers."""

import base64
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from dynamodb_definitions import definition, simple

from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import EngineError


def streamed(view="NEW_AND_OLD_IMAGES", **more):
    return {**simple(), "StreamSpecification": {"StreamViewType": view}, **more}


def put(engine, pk="p", table="simple", **rest):
    engine.call("PutItem", {"TableName": table, "Item": {"pk": {"S": pk}, **rest}})


def delete(engine, pk="p"):
    engine.call("DeleteItem", {"TableName": "simple", "Key": {"pk": {"S": pk}}})


def num(number):
    return {"N": str(number)}


def names(engine, after=0, table="simple"):
    return [change.record["eventName"] for change in engine.changes(table, after, 1000)]


@pytest.fixture
def table(engine):
    engine.create_table(streamed())
    return engine


@pytest.fixture
def streams(table, hooked):
    """A client of the streams' API, in front of the engine with the table."""
    return boto3.session.Session().client("dynamodbstreams")


def shard(engine, streams):
    arn = engine.stream_arn("simple")
    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    return {"StreamArn": arn, "ShardId": described["Shards"][0]["ShardId"]}


def iterator(engine, streams, kind, **rest):
    return streams.get_shard_iterator(**shard(engine, streams), ShardIteratorType=kind, **rest)[
        "ShardIterator"
    ]


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"]


def test_the_record_of_each_kind_of_write(table, clock):
    put(table, n=num(1))
    put(table, n=num(2))
    delete(table)
    first, second, third = table.changes("simple", 0, 10)
    assert first.record == {
        "eventID": first.record["eventID"],
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": table.stream_arn("simple"),
        "dynamodb": {
            "ApproximateCreationDateTime": int(clock.now.timestamp()),
            "Keys": {"pk": {"S": "p"}},
            "NewImage": {"pk": {"S": "p"}, "n": num(1)},
            "SequenceNumber": first.record["dynamodb"]["SequenceNumber"],
            # pk and p, twice, and n with a number of two bytes.
            "SizeBytes": 3 + 3 + 3,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    assert (second.record["eventName"], third.record["eventName"]) == ("MODIFY", "REMOVE")
    assert second.record["dynamodb"]["OldImage"] == first.record["dynamodb"]["NewImage"]
    assert third.record["dynamodb"]["OldImage"] == second.record["dynamodb"]["NewImage"]
    assert "NewImage" not in third.record["dynamodb"]
    assert len({change.record["eventID"] for change in (first, second, third)}) == 3
    assert [change.sequence for change in (first, second, third)] == [1, 2, 3]
    assert table.last_change("simple") == 3


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("KEYS_ONLY", [set(), set(), set()]),
        ("NEW_IMAGE", [{"NewImage"}, {"NewImage"}, set()]),
        ("OLD_IMAGE", [set(), {"OldImage"}, {"OldImage"}]),
        ("NEW_AND_OLD_IMAGES", [{"NewImage"}, {"NewImage", "OldImage"}, {"OldImage"}]),
    ],
)
def test_views(engine, view, images):
    engine.create_table(streamed(view))
    put(engine, n=num(1))
    put(engine, n=num(2))
    delete(engine)
    found = [change.record["dynamodb"] for change in engine.changes("simple", 0, 10)]
    assert [one.keys() & {"NewImage", "OldImage"} for one in found] == images
    assert all(one["Keys"] == {"pk": {"S": "p"}} for one in found)
    assert names(engine) == ["INSERT", "MODIFY", "REMOVE"]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("PutItem", {"Item": {"pk": {"S": "p"}, "s": {"SS": ["b", "a"]}, "n": num("1.0")}}),
        (
            "UpdateItem",
            {
                "Key": {"pk": {"S": "p"}},
                "UpdateExpression": "SET n = n + :none ADD s :a",
                "ExpressionAttributeValues": {":none": num(0), ":a": {"SS": ["a"]}},
            },
        ),
        ("UpdateItem", {"Key": {"pk": {"S": "p"}}, "UpdateExpression": "REMOVE gone"}),
        ("DeleteItem", {"Key": {"pk": {"S": "not there"}}}),
    ],
)
def test_a_write_that_leaves_the_item_equal_makes_no_record(table, operation, request_):
    put(table, s={"SS": ["a", "b"]}, n=num(1))
    table.call(operation, {"TableName": "simple", **request_})
    assert names(table) == ["INSERT"]


def test_batches_and_transactions_make_a_record_for_each_item(table):
    table.call(
        "BatchWriteItem",
        {"RequestItems": {"simple": [{"PutRequest": {"Item": {"pk": {"S": p}}}} for p in "abc"]}},
    )
    actions = [
        {"Delete": {"TableName": "simple", "Key": {"pk": {"S": "a"}}}},
        {
            "ConditionCheck": {
                "TableName": "simple",
                "Key": {"pk": {"S": "b"}},
                "ConditionExpression": "attribute_exists(pk)",
            }
        },
        {
            "Update": {
                "TableName": "simple",
                "Key": {"pk": {"S": "c"}},
                "UpdateExpression": "ADD n :n",
                "ExpressionAttributeValues": {":n": num(1)},
            }
        },
    ]
    table.call("TransactWriteItems", {"TransactItems": actions, "ClientRequestToken": "t"})
    table.call("TransactWriteItems", {"TransactItems": actions, "ClientRequestToken": "t"})
    assert names(table) == ["INSERT"] * 3 + ["REMOVE", "MODIFY"]


def test_a_refused_write_makes_no_record(table):
    put(table)
    failed = {"ConditionExpression": "attribute_not_exists(pk)"}
    item = {"TableName": "simple", "Item": {"pk": {"S": "p"}, "n": num(1)}, **failed}
    with pytest.raises(EngineError):
        table.call("PutItem", item)
    other = {"Put": {"TableName": "simple", "Item": {"pk": {"S": "q"}}}}
    with pytest.raises(EngineError):
        table.call("TransactWriteItems", {"TransactItems": [other, {"Put": item}]})
    assert names(table) == ["INSERT"]
    put(table, "r")
    assert [change.sequence for change in table.changes("simple", 0, 10)] == [1, 2]


def test_what_expired_is_told_from_what_was_deleted(engine, clock):
    ttl = {"TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True}}
    engine.create_table(streamed(**ttl))
    past = clock.now.timestamp() - 1
    for number in range(1001):
        put(engine, f"p{number}", until=num(past))
    put(engine, "stays")
    assert engine.expire(clock.now) == 1001
    records = [change.record for change in engine.changes("simple", 1002, 5000)]
    assert len(records) == 1001
    assert {record["eventName"] for record in records} == {"REMOVE"}
    assert all(
        record["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        for record in records
    )
    delete(engine, "stays")
    assert "userIdentity" not in engine.changes("simple", 2003, 1)[0].record
    assert engine.expire(clock.now) == 0


def test_a_table_without_a_stream_has_no_changes(engine):
    engine.create_table(simple())
    put(engine)
    assert engine.last_change("simple") == 0
    with pytest.raises(EngineError, match="has no stream"):
        engine.changes("simple", 0, 1)
    with pytest.raises(EngineError, match="has no stream"):
        engine.stream_arn("simple")


def test_a_definition_that_gains_a_stream_keeps_its_items(engine, tmp_path, clock):
    engine.create_table(simple())
    put(engine, n=num(1))
    other = Engine(tmp_path / "local.db", clock=clock)
    put(other, n=num(2))
    engine.create_table(streamed())
    assert engine.changes("simple", 0, 10) == []
    # The other engine knows the table as it was without the stream.
    put(other, n=num(3))
    (change,) = engine.changes("simple", 0, 10)
    assert change.record["dynamodb"]["OldImage"]["n"] == num(2)
    other.close()


def test_numbers_go_on_over_a_rebuild_and_a_new_stream(table):
    put(table, "a")
    arn = table.stream_arn("simple")
    ttl = {"TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True}}
    table.create_table(streamed(**ttl))
    put(table, "b")
    assert table.stream_arn("simple") == arn
    assert [change.sequence for change in table.changes("simple", 0, 10)] == [1, 2]
    table.create_table(streamed("KEYS_ONLY", **ttl))
    assert table.stream_arn("simple") != arn
    put(table, "c")
    assert [change.sequence for change in table.changes("simple", 0, 10)] == [3]
    table.call("DeleteTable", {"TableName": "simple"})
    table.create_table(streamed())
    put(table, "d")
    assert [change.sequence for change in table.changes("simple", 0, 10)] == [4]


def test_a_definition_that_loses_its_stream_keeps_no_more(table):
    put(table)
    table.create_table(simple())
    put(table, n=num(1))
    assert table.last_change("simple") == 1
    assert "LatestStreamArn" not in table.call("DescribeTable", {"TableName": "simple"})["Table"]


def test_records_go_after_a_day(table, clock, tmp_path):
    put(table, "a")
    clock.advance(hours=12)
    put(table, "b")
    clock.advance(hours=12, seconds=1)
    assert [change.sequence for change in table.changes("simple", 0, 10)] == [2]
    put(table, "c")
    again = Engine(tmp_path / "local.db", clock=lambda: datetime(2026, 3, 2, 13, tzinfo=UTC))
    # The first record is not only hidden: an earlier clock does not bring it back.
    assert [change.sequence for change in again.changes("simple", 0, 10)] == [2, 3]
    again.close()
    clock.advance(days=3)
    assert table.changes("simple", 0, 10) == []
    assert table.last_change("simple") == 3
    put(table, "d")
    assert [change.sequence for change in table.changes("simple", 0, 10)] == [4]


def test_everything_is_there_after_closing(table, tmp_path, clock):
    put(table)
    arn = table.stream_arn("simple")
    table.close()
    again = Engine(tmp_path / "local.db", clock=clock)
    put(again, n=num(1))
    assert (again.stream_arn("simple"), names(again)) == (arn, ["INSERT", "MODIFY"])
    again.close()


def test_changes_in_pieces(table):
    for number in range(7):
        put(table, f"p{number}")
    found, after = [], 0
    while piece := table.changes("simple", after, 3):
        found += [change.sequence for change in piece]
        after = found[-1]
    assert found == list(range(1, 8))


@pytest.mark.parametrize(
    ("specification", "words"),
    [
        ({"StreamViewType": "ALL"}, "StreamViewType"),
        ({"StreamEnabled": True}, "StreamViewType"),
        ({"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}, "should not be specified"),
        ({"StreamViewType": "KEYS_ONLY", "ResourcePolicy": {}}, "ResourcePolicy"),
    ],
)
def test_specifications_refused(engine, specification, words):
    with pytest.raises(EngineError, match=words):
        engine.create_table({**simple(), "StreamSpecification": specification})


def test_a_stream_that_is_off_is_none(engine):
    engine.create_table({**simple(), "StreamSpecification": {"StreamEnabled": False}})
    with pytest.raises(EngineError, match="has no stream"):
        engine.stream_arn("simple")


# The API


def test_describe_table_and_stream(table, streams, clock):
    described = table.call("DescribeTable", {"TableName": "simple"})["Table"]
    arn = table.stream_arn("simple")
    assert described["LatestStreamArn"] == arn
    assert arn.endswith("table/simple/stream/" + described["LatestStreamLabel"])
    stream = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert (stream["StreamStatus"], stream["StreamViewType"], stream["TableName"]) == (
        "ENABLED",
        "NEW_AND_OLD_IMAGES",
        "simple",
    )
    assert stream["KeySchema"] == simple()["KeySchema"]
    assert stream["CreationRequestDateTime"] == clock.now
    (one,) = stream["Shards"]
    assert "EndingSequenceNumber" not in one["SequenceNumberRange"]
    after = streams.describe_stream(StreamArn=arn, ExclusiveStartShardId=one["ShardId"])
    assert after["StreamDescription"]["Shards"] == []


def test_lists_in_pages(table, streams):
    for name in ("aaa", "bbb"):
        table.create_table({**streamed(), "TableName": name})
    first = streams.list_streams(Limit=2)
    assert [one["TableName"] for one in first["Streams"]] == ["simple", "aaa"]
    rest = streams.list_streams(ExclusiveStartStreamArn=first["LastEvaluatedStreamArn"])
    assert [one["TableName"] for one in rest["Streams"]] == ["bbb"]
    assert "LastEvaluatedStreamArn" not in rest
    (only,) = streams.list_streams(TableName="aaa")["Streams"]
    assert only["StreamArn"] == table.stream_arn("aaa")


def test_the_four_kinds_of_iterator(table, streams):
    for number in range(3):
        put(table, f"p{number}")
    second = table.changes("simple", 1, 1)[0].record["dynamodb"]["SequenceNumber"]

    def read(kind, **rest):
        page = streams.get_records(ShardIterator=iterator(table, streams, kind, **rest))
        return [one["dynamodb"]["Keys"]["pk"]["S"] for one in page["Records"]], page

    assert read("TRIM_HORIZON")[0] == ["p0", "p1", "p2"]
    assert read("AT_SEQUENCE_NUMBER", SequenceNumber=second)[0] == ["p1", "p2"]
    assert read("AFTER_SEQUENCE_NUMBER", SequenceNumber=second)[0] == ["p2"]
    found, page = read("LATEST")
    assert found == []
    put(table, "p3")
    page = streams.get_records(ShardIterator=page["NextShardIterator"])
    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in page["Records"]] == ["p3"]


def test_records_have_moments_and_bytes(table, streams, clock):
    blob = base64.b64encode(b"\x00\xff").decode()
    put(table, b={"B": blob})
    page = streams.get_records(ShardIterator=iterator(table, streams, "TRIM_HORIZON"))
    (record,) = page["Records"]
    assert record["dynamodb"]["NewImage"]["b"] == {"B": b"\x00\xff"}
    assert record["dynamodb"]["ApproximateCreationDateTime"] == clock.now
    assert "eventSourceARN" not in record


def test_the_user_of_an_expiry(engine, clock, hooked):
    ttl = {"TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True}}
    engine.create_table(streamed(**ttl))
    streams = boto3.session.Session().client("dynamodbstreams")
    put(engine, until=num(1772452799))
    engine.expire(clock.now)
    page = streams.get_records(ShardIterator=iterator(engine, streams, "TRIM_HORIZON"))
    assert page["Records"][1]["userIdentity"] == {
        "PrincipalId": "dynamodb.amazonaws.com",
        "Type": "Service",
    }


def test_pages_by_limit_and_by_size(table, streams):
    for number in range(4):
        put(table, f"p{number}", x={"S": "x" * 390_000})
    found, at = [], iterator(table, streams, "TRIM_HORIZON")
    for _ in range(3):
        page = streams.get_records(ShardIterator=at)
        found.append(len(page["Records"]))
        at = page["NextShardIterator"]
    # Three of 390 KB are over 1 MB.
    assert found == [2, 2, 0]
    first = streams.get_records(ShardIterator=iterator(table, streams, "TRIM_HORIZON"), Limit=1)
    assert len(first["Records"]) == 1
    assert len(streams.get_records(ShardIterator=first["NextShardIterator"])["Records"]) == 2


def test_an_iterator_expires_after_a_quarter_of_an_hour(table, streams, clock):
    put(table)
    at = iterator(table, streams, "TRIM_HORIZON")
    clock.advance(minutes=15)
    assert len(streams.get_records(ShardIterator=at)["Records"]) == 1
    clock.advance(seconds=1)
    assert refusal(streams.get_records, ShardIterator=at) == "ExpiredIteratorException"


def test_what_is_trimmed_cannot_be_read(table, streams, clock):
    put(table, "old")
    clock.advance(hours=1)
    put(table, "young")
    old = table.changes("simple", 0, 1)[0].record["dynamodb"]["SequenceNumber"]
    clock.advance(hours=22, minutes=59)
    at = iterator(table, streams, "TRIM_HORIZON")
    clock.advance(minutes=1, seconds=1)
    with pytest.raises(streams.exceptions.TrimmedDataAccessException):
        streams.get_records(ShardIterator=at)
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        code = refusal(
            streams.get_shard_iterator,
            **shard(table, streams),
            ShardIteratorType=kind,
            SequenceNumber=old,
        )
        assert code == "TrimmedDataAccessException"
    page = streams.get_records(ShardIterator=iterator(table, streams, "TRIM_HORIZON"))
    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in page["Records"]] == ["young"]


def test_the_stream_of_a_deleted_table_is_read_to_its_end(table, streams, clock):
    put(table)
    one, at = shard(table, streams), iterator(table, streams, "TRIM_HORIZON")
    table.call("DeleteTable", {"TableName": "simple"})
    stream = streams.describe_stream(StreamArn=one["StreamArn"])["StreamDescription"]
    assert stream["StreamStatus"] == "DISABLED"
    assert "EndingSequenceNumber" in stream["Shards"][0]["SequenceNumberRange"]
    page = streams.get_records(ShardIterator=at)
    assert (len(page["Records"]), "NextShardIterator" in page) == (1, False)
    clock.advance(hours=24)
    code = refusal(streams.describe_stream, StreamArn=one["StreamArn"])
    assert code == "ResourceNotFoundException"
    assert streams.list_streams()["Streams"] == []


@pytest.mark.parametrize(
    ("operation", "change", "code"),
    [
        ("get_records", {"ShardIterator": "nonsense"}, "ValidationException"),
        ("get_records", {"ShardIterator": "a|1|x|2"}, "ValidationException"),
        ("get_records", {"Limit": 1001}, "ValidationException"),
        ("get_shard_iterator", {"ShardId": "shardId-" + "0" * 29}, "ResourceNotFoundException"),
        ("get_shard_iterator", {"ShardIteratorType": "FIRST"}, "ValidationException"),
        ("get_shard_iterator", {"SequenceNumber": "1" * 21}, "ValidationException"),
        (
            "get_shard_iterator",
            {"ShardIteratorType": "AT_SEQUENCE_NUMBER"},
            "ValidationException",
        ),
        (
            "get_shard_iterator",
            {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "9" * 21},
            "ValidationException",
        ),
        (
            "get_shard_iterator",
            {"StreamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/no/stream/no"},
            "ResourceNotFoundException",
        ),
        ("list_streams", {"Limit": 101}, "ValidationException"),
    ],
)
def test_requests_refused_by_streams(table, streams, operation, change, code):
    put(table)
    request = {
        "get_records": {"ShardIterator": iterator(table, streams, "LATEST")},
        "get_shard_iterator": {**shard(table, streams), "ShardIteratorType": "LATEST"},
        "list_streams": {},
    }[operation]
    assert refusal(getattr(streams, operation), **{**request, **change}) == code


def test_indexes_and_streams_together(engine):
    engine.create_table({**definition(), "StreamSpecification": {"StreamViewType": "KEYS_ONLY"}})
    item = {"pk": {"S": "p"}, "sk": {"S": "a"}, "owner": {"S": "o"}}
    engine.call("PutItem", {"TableName": "things", "Item": item})
    (change,) = engine.changes("things", 0, 10)
    assert change.record["dynamodb"]["Keys"] == {"pk": {"S": "p"}, "sk": {"S": "a"}}
