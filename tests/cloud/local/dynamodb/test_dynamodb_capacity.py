"""Capacity units by hand: each row's id says its arithmetic.

A unit of writing is 1 KB of the larger of the item before and after, a unit of reading 4 KB, half
of it when eventually consistent; an index is written when its entry changes, twice when its key
moves; a transaction takes twice as much.
"""

import pytest
from dynamodb_definitions import definition

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
    wanted = {name: factor * units for name, units in indexes.items() if units}
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
    assert extents == {"by-owner": (1, 1100), "keys-only": (1, 112), "some": (1, 112)}
    assert (described["ItemCount"], described["TableSizeBytes"]) == (2, 1500)
