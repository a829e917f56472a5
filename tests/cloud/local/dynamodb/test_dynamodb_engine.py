"""What only the engine does: definitions that change, time to live, the next due, refusals."""

from datetime import UTC, datetime

import pytest
from dynamodb_definitions import definition, index, simple

from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import EngineError


def key(pk, sk="a"):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def put(engine, pk, sk="a", table="things", **attributes):
    engine.call("PutItem", {"TableName": table, "Item": {**key(pk, sk), **attributes}})


def get(engine, pk, sk="a", **request):
    return engine.call("GetItem", {"TableName": "things", "Key": key(pk, sk), **request}).get(
        "Item"
    )


def owned(engine, owner, **request):
    found = engine.call(
        "Query",
        {
            "TableName": "things",
            "IndexName": "by-owner",
            "KeyConditionExpression": "#o = :o",
            "ExpressionAttributeNames": {"#o": "owner"},
            "ExpressionAttributeValues": {":o": {"S": owner}},
            **request,
        },
    )
    return [item["pk"]["S"] for item in found["Items"]]


@pytest.fixture
def things(engine):
    engine.create_table(definition())
    return engine


def test_everything_is_there_after_closing(things, tmp_path, clock):
    put(things, "p", owner={"S": "o"}, due={"N": "1"})
    things.close()
    again = Engine(tmp_path / "local.db", clock=clock)
    assert owned(again, "o") == ["p"]
    again.close()


def test_an_equal_definition_changes_nothing(things):
    put(things, "p")
    things.create_table(definition())
    assert get(things, "p") == key("p")


def test_a_changed_key_is_refused_in_words(things):
    with pytest.raises(EngineError, match="A key cannot be changed") as caught:
        things.create_table(definition(sort="N"))
    assert caught.value.code == "ResourceInUseException"


def test_a_new_index_is_filled_from_the_items(engine):
    slim = definition()
    del slim["GlobalSecondaryIndexes"][0]
    slim["AttributeDefinitions"] = [
        one for one in slim["AttributeDefinitions"] if one["AttributeName"] != "due"
    ]
    engine.create_table(slim)
    put(engine, "p", owner={"S": "o"}, due={"N": "2"})
    put(engine, "q", owner={"S": "o"}, due={"S": "no number, so not in the index"})
    engine.create_table(definition())
    assert owned(engine, "o") == ["p"]
    assert get(engine, "q")["due"] == {"S": "no number, so not in the index"}


def test_another_engine_follows_a_rebuilt_table(things, tmp_path, clock):
    other = Engine(tmp_path / "local.db", clock=clock)
    put(other, "p", expires={"N": "1"})
    things.create_table(definition(ttl="expires"))
    put(other, "q")
    assert get(things, "p") is not None
    assert get(things, "q") is not None
    other.call("DeleteTable", {"TableName": "things"})
    with pytest.raises(EngineError, match="not found") as caught:
        get(things, "p")
    assert caught.value.code == "ResourceNotFoundException"
    other.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"LocalSecondaryIndexes": []}, "LocalSecondaryIndexes is not supported"),
        ({"TableName": "ab"}, "between 3 and 255"),
        ({"KeySchema": []}, "one HASH key"),
        ({"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "M"}]}, "S, N or B"),
        ({"AttributeDefinitions": []}, "not defined in AttributeDefinitions"),
        ({"GlobalSecondaryIndexes": [index("x", "pk"), index("x", "pk")]}, "Duplicate index"),
        (
            {"GlobalSecondaryIndexes": [index("x", "pk", projection={"ProjectionType": "SOME"})]},
            "ProjectionType",
        ),
    ],
)
def test_definitions_refused(engine, change, words):
    with pytest.raises(EngineError, match=words):
        engine.create_table({**simple(), **change})


def test_expiry(engine, clock):
    engine.create_table(definition(ttl="expires"))
    now = clock.now.timestamp()
    for pk, value in {
        "past": {"N": str(now - 1)},
        "now": {"N": str(now)},
        "later": {"N": str(now + 1)},
        "text": {"S": str(now - 1)},
        "six years": {"N": str(now - 6 * 365 * 86400)},
    }.items():
        put(engine, pk, expires=value)
    put(engine, "never")
    assert engine.expire(clock.now) == 1
    assert get(engine, "past") is None
    left = engine.call("Scan", {"TableName": "things"})["Items"]
    assert {item["pk"]["S"] for item in left} == {"now", "later", "text", "six years", "never"}


def test_the_earliest_over_all_partitions(things):
    assert things.earliest("things", "by-owner", "due") is None
    for number, due in enumerate(["10", "9.5", "-3", "200"]):
        put(things, f"p{number}", owner={"S": f"o{number % 2}"}, due={"N": due})
    put(things, "other", owner={"S": "o9"})
    assert things.earliest("things", "by-owner", "due") == "-3"
    things.call("DeleteItem", {"TableName": "things", "Key": key("p2")})
    assert things.earliest("things", "by-owner", "due") == "9.5"
    with pytest.raises(EngineError, match="does not have the specified index"):
        things.earliest("things", "by-owner", "pk")


def test_a_token_is_forgotten_after_ten_minutes(things, clock):
    def add():
        things.call(
            "TransactWriteItems",
            {
                "ClientRequestToken": "once",
                "TransactItems": [
                    {
                        "Update": {
                            "TableName": "things",
                            "Key": key("p"),
                            "UpdateExpression": "ADD n :n",
                            "ExpressionAttributeValues": {":n": {"N": "1"}},
                        }
                    }
                ],
            },
        )
        return get(things, "p")["n"]["N"]

    assert [add(), add()] == ["1", "1"]
    clock.advance(minutes=9, seconds=59)
    assert add() == "1"
    clock.advance(seconds=1)
    assert add() == "2"


def test_a_cancelled_transaction_does_not_use_up_its_token(things):
    request = {
        "ClientRequestToken": "t",
        "TransactItems": [
            {
                "Put": {
                    "TableName": "things",
                    "Item": key("p"),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
        ],
    }
    put(things, "p")
    with pytest.raises(EngineError) as caught:
        things.call("TransactWriteItems", request)
    assert caught.value.code == "TransactionCanceledException"
    things.call("DeleteItem", {"TableName": "things", "Key": key("p")})
    things.call("TransactWriteItems", request)
    assert get(things, "p") == key("p")


@pytest.mark.parametrize(
    ("operation", "request_", "code", "words"),
    [
        ("ExecuteStatement", {}, "UnknownOperationException", "not supported"),
        ("GetItem", {"TableName": "things"}, "ValidationException", "Value null at 'key'"),
        ("GetItem", {"TableName": 5, "Key": {}}, "SerializationException", "TableName"),
        ("GetItem", [], "SerializationException", "object"),
        (
            "Query",
            {"TableName": "things", "KeyConditionExpression": "pk = :p", "KeyConditions": {}},
            "ValidationException",
            "KeyConditions is not supported by the local engine; use expressions",
        ),
        (
            "PutItem",
            {"TableName": "things", "Item": key("p"), "ReturnValues": "SOME"},
            "ValidationException",
            "Value 'SOME' at 'returnValues' failed to satisfy constraint",
        ),
        ("Scan", {"TableName": "things", "Limit": 0}, "ValidationException", "'limit'"),
        ("Scan", {"TableName": "things", "Limit": True}, "SerializationException", "Limit"),
        ("Scan", {"TableName": "things", "Segment": 1}, "ValidationException", "together"),
        (
            "Scan",
            {"TableName": "things", "Segment": 1, "TotalSegments": 1},
            "ValidationException",
            "zero-based",
        ),
        (
            "PutItem",
            {"TableName": "things", "Item": {**key("p"), "x": {"S": 1}}},
            "SerializationException",
            "STRING_VALUE",
        ),
        (
            "PutItem",
            {"TableName": "things", "Item": {**key("p"), "x": {"B": "?"}}},
            "SerializationException",
            "base64",
        ),
        (
            "PutItem",
            {"TableName": "things", "Item": {**key("p"), "x": {}}},
            "ValidationException",
            "Supplied AttributeValue is empty",
        ),
        (
            "PutItem",
            {"TableName": "things", "Item": {**key("p"), "x": {"S": "a", "N": "1"}}},
            "ValidationException",
            "more than one datatypes",
        ),
        (
            "PutItem",
            {"TableName": "things", "Item": {**key("p" * 2049)}},
            "ValidationException",
            "Size of hashkey",
        ),
        (
            "PutItem",
            {"TableName": "things", "Item": {**key("p", "s" * 1025)}},
            "ValidationException",
            "range keys",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {}, "Delete": {}}]},
            "ValidationException",
            "can only contain one of",
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Get": {}}]},
            "ValidationException",
            "Get is not an action",
        ),
    ],
)
def test_requests_refused(things, operation, request_, code, words):
    with pytest.raises(EngineError, match=words) as caught:
        things.call(operation, request_)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({"pk": {"S": "p"}}, "The provided starting key is invalid"),
        (key("q"), "outside query boundaries"),
    ],
)
def test_starting_keys_refused(things, start, words):
    with pytest.raises(EngineError, match=words):
        things.call(
            "Query",
            {
                "TableName": "things",
                "KeyConditionExpression": "pk = :p",
                "ExpressionAttributeValues": {":p": {"S": "p"}},
                "ExclusiveStartKey": start,
            },
        )


def nested(levels):
    value = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


def test_nesting(things):
    put(things, "p", x=nested(32))
    for levels in (33, 500):
        with pytest.raises(EngineError, match="Nesting Levels"):
            put(things, "p", x=nested(levels))


def test_the_keys_of_a_batch_beyond_16_mb_are_given_back(things):
    keys = [key("p", f"{number:02}") for number in range(42)]
    for one in keys:
        things.call("PutItem", {"TableName": "things", "Item": {**one, "x": {"S": "x" * 409_000}}})
    response = things.call("BatchGetItem", {"RequestItems": {"things": {"Keys": keys}}})
    assert len(response["Responses"]["things"]) == 41
    assert response["UnprocessedKeys"] == {"things": {"Keys": keys[41:]}}


def test_tables_are_listed_in_pages(engine):
    for name in ("ccc", "aaa", "bbb"):
        engine.create_table(simple(name))
    first = engine.call("ListTables", {"Limit": 2})
    assert first == {"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"}
    rest = engine.call("ListTables", {"ExclusiveStartTableName": "bbb"})
    assert rest == {"TableNames": ["ccc"]}


def test_a_moved_index_entry_costs_two_writes(things):
    put(things, "p", owner={"S": "o"}, due={"N": "1"})
    response = things.call(
        "UpdateItem",
        {
            "TableName": "things",
            "Key": key("p"),
            "UpdateExpression": "SET due = :d",
            "ExpressionAttributeValues": {":d": {"N": "2"}},
            "ReturnConsumedCapacity": "INDEXES",
        },
    )
    units = response["ConsumedCapacity"]["GlobalSecondaryIndexes"]
    assert units == {"by-owner": {"CapacityUnits": 2.0}}


def test_a_definition_may_carry_a_stream_and_a_ttl(engine):
    engine.create_table(
        {
            **simple(),
            "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
            "TimeToLiveSpecification": {"AttributeName": "x", "Enabled": True},
        }
    )
    described = engine.call("DescribeTable", {"TableName": "simple"})["Table"]
    assert described["StreamSpecification"] == {
        "StreamEnabled": True,
        "StreamViewType": "NEW_IMAGE",
    }
    ttl = engine.call("DescribeTimeToLive", {"TableName": "simple"})["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "x"}
    assert described["CreationDateTime"] == datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
