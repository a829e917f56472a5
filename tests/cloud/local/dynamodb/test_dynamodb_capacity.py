"""Capacity units by hand: each row's id says its arithmetic.

A unit of writing is 1 KB of the larger of the item before and after, a unit of reading 4 KB, half
of it when eventually consistent (AWS, DynamoDB Developer Guide, "DynamoDB read and write
operations"); an index is written when its entry changes, twice when its key moves ("Using Global
Secondary Indexes in DynamoDB"); a transaction takes twice as much of the table ("Amazon DynamoDB
Transactions: How it works") and of an index no more than anything else. What an item's bytes are
stands in "DynamoDB item sizes and formats".
"""

import base64
from datetime import UTC, datetime

import pytest
from dynamodb_definitions import definition

from cloud.local.dynamodb.errors import EngineError

KB = 1024
WHOLE, HALF = True, False


def item(size, pk="p", sk="a", **more):
    """An item of exactly so many bytes: names, values, and a filling."""
    made = {"pk": {"S": pk}, "sk": {"S": sk}, **more}
    used = sum(len(name) + sized(value) for name, value in made.items()) + len("x")
    return {**made, "x": {"S": "x" * (size - used)}}


def sized(value):
    ((kind, content),) = value.items()
    return len(content) if kind == "S" else 2


OWNED = {"owner": {"S": "o"}, "due": {"N": "1"}}
MOVED = {"owner": {"S": "o"}, "due": {"N": "2"}}
ELSEWHERE = {"owner": {"S": "q"}, "due": {"N": "1"}}


@pytest.fixture
def things(engine):
    engine.create_table(definition())
    return engine


def put(engine, made):
    engine.call("PutItem", {"TableName": "things", "Item": made})


def key(pk="p", sk="a"):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def spent(engine, operation, **request):
    """What an operation consumed: the table's units, then those of each index."""
    name = {} if operation.startswith(("Batch", "Transact")) else {"TableName": "things"}
    answer = engine.call(operation, {**name, **request, "ReturnConsumedCapacity": "INDEXES"})
    report = answer["ConsumedCapacity"]
    if isinstance(report, list):
        (report,) = report
    indexes = {
        index: one["CapacityUnits"]
        for index, one in report.get("GlobalSecondaryIndexes", {}).items()
    }
    assert report["CapacityUnits"] == report["Table"]["CapacityUnits"] + sum(indexes.values())
    return report["Table"]["CapacityUnits"], indexes


@pytest.mark.parametrize(
    ("before", "after", "table", "indexes"),
    [
        pytest.param(None, item(100), 1, {}, id="100 bytes: 1"),
        pytest.param(None, item(KB), 1, {}, id="just 1 KB: 1"),
        pytest.param(None, item(KB + 1), 2, {}, id="1 KB and a byte: 2"),
        pytest.param(None, item(10 * KB), 10, {}, id="10 KB: 10"),
        pytest.param(None, item(400 * KB), 400, {}, id="400 KB: 400"),
        pytest.param(item(5 * KB), item(100), 5, {}, id="5 KB become 100 bytes: 5, the larger"),
        pytest.param(item(100), item(5 * KB), 5, {}, id="100 bytes become 5 KB: 5"),
        pytest.param(item(3 * KB), item(3 * KB), 3, {}, id="3 KB put again: 3"),
        pytest.param(
            None,
            item(3 * KB, **OWNED),
            3,
            {"by-owner": 3, "keys-only": 1, "some": 1},
            id="3 KB with an index key: 3, whole entry 3, keys 1, keys 1",
        ),
        pytest.param(
            None,
            item(2500, **OWNED, extra={"S": "e" * 1200}),
            3,
            {"by-owner": 3, "keys-only": 1, "some": 2},
            id="2500 with 1200 projected: 3, whole 3, keys 1, keys and 1200 are 2",
        ),
        pytest.param(
            item(2500, **OWNED), item(2500, **OWNED), 3, {}, id="unchanged entries cost nothing: 3"
        ),
        pytest.param(
            item(2500, **OWNED),
            item(3500, **OWNED),
            4,
            {"by-owner": 4},
            id="what two indexes do not project: 4, whole entry 4",
        ),
        pytest.param(
            item(2500, **OWNED),
            item(2500, **MOVED),
            3,
            {"by-owner": 6, "some": 0, "keys-only": 0},
            id="a moved sort key: 3, whole entry 3 out and 3 in",
        ),
        pytest.param(
            item(1500, **OWNED),
            item(2500, **ELSEWHERE),
            3,
            {"by-owner": 5, "keys-only": 2, "some": 2},
            id="a moved hash key: 3, whole 2 out and 3 in, keys 1 and 1 each",
        ),
        pytest.param(
            item(2500, **OWNED),
            item(100),
            3,
            {"by-owner": 3, "keys-only": 1, "some": 1},
            id="index keys taken away: 3, whole 3 out, keys 1 out each",
        ),
        pytest.param(
            item(100),
            item(2500, **OWNED),
            3,
            {"by-owner": 3, "keys-only": 1, "some": 1},
            id="index keys given: 3, whole 3 in, keys 1 in each",
        ),
        pytest.param(
            None,
            item(2500, owner={"S": "o"}),
            3,
            {"keys-only": 1, "some": 1},
            id="half of an index key: 3, nothing, keys 1 each",
        ),
        pytest.param(item(2500, **OWNED), None, 3, {"by-owner": 3, "keys-only": 1, "some": 1},
                     id="deleted: 3, whole 3 out, keys 1 out each"),
        pytest.param(None, None, 1, {}, id="nothing deleted: 1"),
        pytest.param(item(7 * KB), None, 7, {}, id="7 KB deleted: 7"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["alone", "in a batch", "in a transaction"])
def test_writes(things, way, *, before, after, table, indexes):
    if before is not None:
        put(things, before)
    if way == "alone":
        if after is None:
            found = spent(things, "DeleteItem", Key=key())
        else:
            found = spent(things, "PutItem", Item=after)
    elif way == "in a batch":
        write = (
            {"DeleteRequest": {"Key": key()}} if after is None else {"PutRequest": {"Item": after}}
        )
        found = spent(things, "BatchWriteItem", RequestItems={"things": [write]})
    else:
        one = {"Delete": {"Key": key()}} if after is None else {"Put": {"Item": after}}
        for content in one.values():
            content["TableName"] = "things"
        found = spent(things, "TransactWriteItems", TransactItems=[one])
    factor = 2 if way == "in a transaction" else 1
    wanted = {name: units for name, units in indexes.items() if units}
    assert found == (factor * table, wanted)


@pytest.mark.parametrize(
    ("expression", "values", "table", "indexes"),
    [
        pytest.param("SET n = :v", {":v": {"N": "1"}}, 3, {"by-owner": 3}, id="2503: 3, whole 3"),
        pytest.param(
            "SET y = :v", {":v": {"S": "y" * 2000}}, 5, {"by-owner": 5}, id="4501: 5, whole 5"
        ),
        pytest.param("REMOVE x", None, 3, {"by-owner": 3}, id="far smaller: 3 before, whole 3"),
        pytest.param("REMOVE gone", None, 3, {}, id="nothing changed: 3, no entry"),
        pytest.param(
            "SET extra = :v",
            {":v": {"S": "e" * 100}},
            3,
            {"by-owner": 3, "some": 1},
            id="a projected attribute: 3, whole 3, small 1",
        ),
        pytest.param("ADD due :v", {":v": {"N": "1"}}, 3, {"by-owner": 6}, id="moved: 3, 3 and 3"),
        pytest.param(
            "REMOVE #o",
            None,
            3,
            {"by-owner": 3, "keys-only": 1, "some": 1},
            id="out of all indexes: 3, 3 and 1 and 1",
        ),
    ],
)
def test_updates(things, expression, values, table, indexes):
    put(things, item(2500, **OWNED))
    request = {"Key": key(), "UpdateExpression": expression}
    if "#o" in expression:
        request["ExpressionAttributeNames"] = {"#o": "owner"}
    if values:
        request["ExpressionAttributeValues"] = values
    assert spent(things, "UpdateItem", **request) == (table, indexes)


@pytest.mark.parametrize(
    ("size", "is_consistent", "units"),
    [
        pytest.param(None, HALF, 0.5, id="nothing: half of 1"),
        pytest.param(None, WHOLE, 1, id="nothing, consistently: 1"),
        pytest.param(4 * KB, HALF, 0.5, id="just 4 KB: half of 1"),
        pytest.param(4 * KB, WHOLE, 1, id="just 4 KB, consistently: 1"),
        pytest.param(4 * KB + 1, HALF, 1, id="4 KB and a byte: half of 2"),
        pytest.param(4 * KB + 1, WHOLE, 2, id="4 KB and a byte, consistently: 2"),
        pytest.param(400 * KB, HALF, 50, id="400 KB: half of 100"),
        pytest.param(400 * KB, WHOLE, 100, id="400 KB, consistently: 100"),
    ],
)
def test_gets(things, size, is_consistent, units):
    if size is not None:
        put(things, item(size))
    get = {"Key": key(), "ConsistentRead": is_consistent}
    assert spent(things, "GetItem", **get) == (units, {})
    # A projection is charged for the whole item.
    assert spent(things, "GetItem", **get, ProjectionExpression="pk") == (units, {})
    batch = {"things": {"Keys": [key()], "ConsistentRead": is_consistent}}
    assert spent(things, "BatchGetItem", RequestItems=batch) == (units, {})


def test_a_batch_rounds_each_item_up(things):
    """Three items of 100 bytes are three times half a unit."""
    for sk in "abc":
        put(things, item(100, sk=sk))
    batch = {"things": {"Keys": [key(sk=sk) for sk in "abc"]}}
    assert spent(things, "BatchGetItem", RequestItems=batch) == (1.5, {})


def test_a_reading_transaction_takes_twice_as_much(things):
    """5 KB are two units, what is not there is one; twice three."""
    put(things, item(5 * KB))
    gets = [{"Get": {"TableName": "things", "Key": key(sk=sk)}} for sk in "ab"]
    assert spent(things, "TransactGetItems", TransactItems=gets) == (6, {})


def test_a_condition_check_is_charged_as_a_write(things):
    """3 KB are three units, twice."""
    put(things, item(3 * KB))
    check = {"TableName": "things", "Key": key(), "ConditionExpression": "attribute_exists(pk)"}
    actions = [{"ConditionCheck": check}]
    assert spent(things, "TransactWriteItems", TransactItems=actions) == (6, {})


def test_a_repeated_transaction_is_charged_as_a_reading(things):
    """3 KB are one unit of 4 KB, twice."""
    actions = [{"Put": {"TableName": "things", "Item": item(3 * KB)}}]
    request = {"TransactItems": actions, "ClientRequestToken": "t"}
    assert spent(things, "TransactWriteItems", **request) == (6, {})
    assert spent(things, "TransactWriteItems", **request) == (2, {})


def test_a_repeated_deletion_is_charged_by_what_was_deleted(things):
    """9 KB are nine units, twice; read again they are three of 4 KB, twice."""
    put(things, item(9 * KB, **OWNED))
    actions = [{"Delete": {"TableName": "things", "Key": key()}}]
    request = {"TransactItems": actions, "ClientRequestToken": "t"}
    entries = {"by-owner": 9, "keys-only": 1, "some": 1}
    assert spent(things, "TransactWriteItems", **request) == (18, entries)
    assert spent(things, "TransactWriteItems", **request) == (6, {})


def binary(count):
    return {"B": base64.b64encode(b"b" * count).decode()}


# The rest of the item: pk p, sk a and the name v are 7 bytes.
@pytest.mark.parametrize(
    ("value", "size"),
    [
        pytest.param({"S": ""}, 0, id="no text: 0"),
        pytest.param({"S": "abc"}, 3, id="ASCII: a byte each"),
        pytest.param({"S": "\u00e9t\u00e9"}, 5, id="two letters of 2 bytes in UTF-8 and one of 1"),
        pytest.param({"S": "\u20ac"}, 3, id="the euro sign: 3"),
        pytest.param({"S": "\U0001f31e"}, 4, id="a sun outside of the basic plane: 4"),
        pytest.param({"N": "0"}, 1, id="zero: no digits, and 1"),
        pytest.param({"N": "7"}, 2, id="one digit: 1 and 1"),
        pytest.param({"N": "42"}, 2, id="two digits: 1 and 1"),
        pytest.param({"N": "123"}, 3, id="three digits: 2 and 1"),
        pytest.param({"N": "1000000"}, 2, id="zeros behind are trimmed: 1 and 1"),
        pytest.param({"N": "0.0001"}, 2, id="zeros before are trimmed: 1 and 1"),
        pytest.param({"N": "1.50"}, 2, id="one point five: two digits, 1 and 1"),
        pytest.param({"N": "1e3"}, 2, id="an exponent is spelled out first: 1 and 1"),
        pytest.param({"N": "9" * 38}, 20, id="38 digits: 19 and 1"),
        pytest.param(binary(0), 0, id="no bytes: 0"),
        pytest.param(binary(1), 1, id="one byte, four letters on the line: 1"),
        pytest.param(binary(700), 700, id="bytes count as they are, not as base64"),
        pytest.param({"BOOL": True}, 1, id="true: 1"),
        pytest.param({"NULL": True}, 1, id="null: 1"),
        pytest.param({"L": []}, 3, id="an empty list: 3"),
        pytest.param({"M": {}}, 3, id="an empty map: 3"),
        pytest.param({"L": [{"S": "ab"}, {"S": "c"}]}, 8, id="a list of 2 and 1: 3, and 1 each"),
        pytest.param({"M": {"ab": {"S": "cde"}}}, 9, id="a map: 3, 1, a name of 2, a text of 3"),
        pytest.param(
            {"M": {"a": {"L": [{"M": {}}, {"N": "12"}]}}}, 15, id="nested: 3+1+1, 3+1+1, 3, 2"
        ),
        pytest.param({"SS": ["ab", "cde"]}, 5, id="a set of texts: their sum, nothing for the set"),
        pytest.param({"NS": ["1", "234"]}, 5, id="a set of numbers: 2 and 3"),
        pytest.param({"BS": [binary(2)["B"]]}, 2, id="a set of bytes: 2"),
    ],
)  # fmt: skip
def test_sizes_just_up_to_a_unit_and_a_byte_beyond(things, value, size):
    """Filled up to 1024 bytes it is one unit, with one byte more it is two."""
    rest = KB - 7 - size - len("x")
    whole = {**key(), "v": value, "x": {"S": "x" * rest}}
    assert spent(things, "PutItem", Item=whole) == (1, {})
    whole["x"]["S"] += "x"
    assert spent(things, "PutItem", Item=whole) == (2, {})


@pytest.fixture
def told(things):
    """All that the engine tells of from here on: table or index, and units."""
    found = []
    things.watch(lambda one: found.append((one.index or one.table, one.is_write, one.units)))
    return found


IF_NEW = {"ConditionExpression": "attribute_not_exists(pk)"}
IF_THERE = {"ConditionExpression": "attribute_exists(gone)"}
SET = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}


@pytest.mark.parametrize(
    ("before", "operation", "request_", "units"),
    [
        pytest.param(
            item(300),
            "PutItem",
            {"Item": item(5 * KB), **IF_NEW},
            5,
            id="300 B there, 5 KB wanted: 5",
        ),
        pytest.param(
            item(5 * KB),
            "PutItem",
            {"Item": item(300), **IF_NEW},
            5,
            id="5 KB there, 300 B wanted: 5",
        ),
        pytest.param(
            item(3 * KB, **OWNED),
            "PutItem",
            {"Item": item(300), **IF_NEW},
            3,
            id="no entry is touched: 3",
        ),
        pytest.param(
            None, "UpdateItem", {"Key": key(), **SET, **IF_THERE}, 1, id="nothing there: 1"
        ),
        pytest.param(
            item(2 * KB), "UpdateItem", {"Key": key(), **SET, **IF_THERE}, 2, id="2 KB to change: 2"
        ),
        pytest.param(
            item(4 * KB), "DeleteItem", {"Key": key(), **IF_THERE}, 4, id="4 KB to delete: 4"
        ),
        pytest.param(None, "DeleteItem", {"Key": key(), **IF_THERE}, 1, id="nothing to delete: 1"),
    ],
)
def test_a_condition_that_fails_is_charged(things, told, *, before, operation, request_, units):
    """AWS, "Working with items and attributes": the larger of what is there and what was wanted."""
    if before is not None:
        put(things, before)
        told.clear()
    with pytest.raises(EngineError, match="ConditionalCheckFailedException"):
        things.call(operation, {"TableName": "things", **request_})
    assert told == [("things", True, units)]


def test_a_cancelled_transaction_is_counted_as_if_it_had_been_done(things, told):
    """2 KB whose condition fails are two units, twice; 3 KB that would have gone are three."""
    put(things, item(2 * KB))
    told.clear()
    actions = [
        {"Put": {"TableName": "things", "Item": item(100), **IF_NEW}},
        {"Put": {"TableName": "things", "Item": item(3 * KB, sk="b", **OWNED)}},
    ]
    with pytest.raises(EngineError, match="TransactionCanceledException"):
        things.call("TransactWriteItems", {"TransactItems": actions})
    assert sorted(told) == [("things", True, 4), ("things", True, 6)]


def test_what_is_refused_before_it_is_looked_at_costs_nothing(things, told):
    with pytest.raises(EngineError, match="may not be empty"):
        put(things, {**key(), "v": {"SS": []}})
    assert told == []


def test_what_expires_costs_nothing(engine):
    """AWS, "Using time to live (TTL) in DynamoDB": deletions take no write units."""
    engine.create_table(definition(ttl="ttl"))
    put(engine, {**item(3 * KB, **OWNED), "ttl": {"N": "1767225600"}})
    told = []
    engine.watch(told.append)
    assert engine.expire(datetime(2026, 2, 1, tzinfo=UTC)) == 1
    assert told == []


def test_who_watches_learns_of_reads_and_writes_that_report_nothing(things, told):
    things.call("PutItem", {"TableName": "things", "Item": item(1500, **OWNED)})
    things.call("GetItem", {"TableName": "things", "Key": key()})
    things.call("Query", {"TableName": "things", "IndexName": "by-owner", **OF_OWNER})
    things.call("BatchGetItem", {"RequestItems": {"things": {"Keys": [key(), key(sk="none")]}}})
    entries = [("by-owner", True, 2), ("keys-only", True, 1), ("some", True, 1)]
    reads = [("things", False, 0.5), ("by-owner", False, 0.5)]
    assert told == [("things", True, 2), *entries, *reads, *(2 * [("things", False, 0.5)])]
    things.watch(None)
    put(things, item(100))
    assert len(told) == 8


SEARCH = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}}
OF_OWNER = {
    "KeyConditionExpression": "#o = :o",
    "ExpressionAttributeNames": {"#o": "owner"},
    "ExpressionAttributeValues": {":o": {"S": "o"}},
}


@pytest.mark.parametrize(
    ("operation", "request_", "table", "indexes"),
    [
        pytest.param("Query", SEARCH, 2, {}, id="10 of 1500 are 15000, 4 units: half is 2"),
        pytest.param("Query", {**SEARCH, "ConsistentRead": True}, 4, {}, id="consistently: 4"),
        pytest.param("Query", {**SEARCH, "Limit": 3}, 1, {}, id="3 of 1500: half of 2"),
        pytest.param("Query", {**SEARCH, "Select": "COUNT"}, 2, {}, id="a count reads all: 2"),
        pytest.param(
            "Query", {**SEARCH, "ProjectionExpression": "pk"}, 2, {}, id="a projection too: 2"
        ),
        pytest.param(
            "Query",
            {**SEARCH, "FilterExpression": "attribute_exists(gone)"},
            2,
            {},
            id="a filter that drops all: 2",
        ),
        pytest.param(
            "Query",
            {**SEARCH, "ExpressionAttributeValues": {":p": {"S": "none"}}},
            0.5,
            {},
            id="nothing found: half of 1",
        ),
        pytest.param(
            "Query", {**OF_OWNER, "IndexName": "by-owner"}, 0, {"by-owner": 2}, id="whole entries"
        ),
        pytest.param(
            "Query",
            {**OF_OWNER, "IndexName": "keys-only"},
            0,
            {"keys-only": 0.5},
            # pk p, sk a, owner o: 3 + 3 + 6.
            id="10 entries of 12 bytes: half of 1",
        ),
        pytest.param("Scan", {}, 2, {}, id="a scan: 2"),
        pytest.param("Scan", {"ConsistentRead": True}, 4, {}, id="a consistent scan: 4"),
        pytest.param("Scan", {"IndexName": "some"}, 0, {"some": 0.5}, id="a scan of entries"),
    ],
)
def test_searches(things, operation, request_, table, indexes):
    for number in range(10):
        put(things, item(1500, sk=str(number), **OWNED))
    assert spent(things, operation, **request_) == (table, indexes)


def test_totals_have_no_parts(things):
    answer = things.call(
        "PutItem",
        {"TableName": "things", "Item": item(100), "ReturnConsumedCapacity": "TOTAL"},
    )
    assert answer["ConsumedCapacity"] == {"TableName": "things", "CapacityUnits": 1.0}


def test_a_transaction_says_which_units(things):
    answer = things.call(
        "TransactWriteItems",
        {
            "TransactItems": [{"Put": {"TableName": "things", "Item": item(100)}}],
            "ReturnConsumedCapacity": "INDEXES",
        },
    )
    units = {"CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}
    assert answer["ConsumedCapacity"] == [{"TableName": "things", **units, "Table": units}]


def test_an_entry_takes_100_bytes_more_than_its_attributes(things):
    put(things, item(1000, **OWNED))
    put(things, item(500, pk="q"))
    described = things.call("DescribeTable", {"TableName": "things"})["Table"]
    extents = {
        one["IndexName"]: (one["ItemCount"], one["IndexSizeBytes"])
        for one in described["GlobalSecondaryIndexes"]
    }
    assert things.stored_bytes("things") == 1100 + 1100 + 112 + 112 + 600
    assert extents == {"by-owner": (1, 1100), "keys-only": (1, 112), "some": (1, 112)}
    assert (described["ItemCount"], described["TableSizeBytes"]) == (2, 1500)
