"""The same checks on the engine and on moto; where moto is known to answer wrongly it is named."""

import base64

import boto3
import pytest
from botocore.exceptions import ClientError
from dynamodb_definitions import definition, simple
from moto import mock_aws

# What moto 5.2 answers otherwise than AWS documents it, by test; in brackets one row of a test.
_CAPACITY = "capacity is a constant"
_KEY_CONDITION = "a key condition that AWS refuses is taken, or fails an assertion inside moto"
_NUMBERS = "numbers are neither checked nor normalised"
_CONDITIONS = "a condition is read only as far as the item makes it necessary"
_STARTS = "starting keys are not checked"
_STREAMS = "DescribeStream is answered with 404: not yet implemented"
MOTO_IS_WRONG = {
    "test_a_number_has_one_spelling": _NUMBERS,
    "test_a_number_out_of_range[too-many-digits]": _NUMBERS,
    "test_a_number_out_of_range[too-large]": _NUMBERS,
    "test_two_spellings_of_a_number_are_one_member": _NUMBERS,
    "test_a_value_that_is_not_well_formed[member-twice]": "a set may hold a member twice",
    "test_a_key_that_does_not_fit_the_schema[incomplete]": "the message is another",
    "test_a_key_that_does_not_fit_the_schema[wrong-type]": "a key's type is not checked",
    "test_an_index_key_of_the_wrong_type": "an index key's type is not checked in a put",
    "test_an_item_over_400_kb": "the size is not counted by AWS's rules",
    "test_projection_of_nested_parts": "the second element of a list is lost",
    "test_an_update_without_expression_makes_the_bare_item": "AttributeError inside moto",
    "test_key_conditions_refused[either]": _KEY_CONDITION,
    "test_key_conditions_refused[not-equal]": _KEY_CONDITION,
    "test_key_conditions_refused[two-for-one-key]": _KEY_CONDITION,
    "test_key_conditions_refused[wrong-type]": _KEY_CONDITION,
    "test_a_limit_that_is_just_reached_gives_a_key": "no key when the limit is just reached",
    "test_a_filter_on_a_key": "a filter on a key attribute is taken",
    "test_what_an_index_does_not_project": "attributes outside of the projection are taken",
    "test_an_index_that_is_not_there": "ResourceNotFoundException instead",
    "test_a_batch_that_is_too_long": "26 writes are taken",
    "test_an_update_of_the_wrong_type_cancels": "ValidationException instead of a reason",
    "test_a_transaction_with_a_token_is_done_once": "tokens are ignored",
    "test_a_token_with_another_request": "tokens are ignored",
    "test_a_transaction_that_reads": "the projection is ignored",
    "test_a_read_of_9_kb[eventually]": _CAPACITY,
    "test_a_read_of_9_kb[consistently]": _CAPACITY,
    "test_a_write_of_1500_bytes_in_no_index": _CAPACITY,
    "test_a_write_of_1500_bytes_in_three_indexes": _CAPACITY,
    "test_a_transaction_costs_twice": _CAPACITY,
    "test_a_condition_beyond_a_limit[over-4-kb]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[301-operators]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[in-101]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[a-path-of-34]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[begins-number]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[number-contains]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[size-of-a-number]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[bounds-turned]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[bounds]": _CONDITIONS,
    "test_a_condition_beyond_a_limit[no-such-type]": _CONDITIONS,
    "test_a_condition_of_300_operators": _CONDITIONS,
    "test_updates_refused[add-text]": "an operand of the wrong type is taken",
    "test_updates_refused[delete-a-number]": "an operand of the wrong type is taken",
    "test_updates_refused[add-a-list]": "an operand of the wrong type is taken",
    "test_what_an_update_returns[UPDATED_OLD-shown2]": "the whole map is returned",
    "test_a_put_cannot_return_what_is_new": "the message is another",
    "test_a_sum_of_over_38_digits": "ValueError inside moto",
    "test_nesting_of_33_levels": "nesting is not limited",
    "test_an_update_cannot_nest_too_deeply": "nesting is not limited",
    "test_queries_refused[start-without-sort-key]": _STARTS,
    "test_queries_refused[start-of-another-shape]": _STARTS,
    "test_queries_refused[start-of-another-hash-key]": _STARTS,
    "test_queries_refused[start-outside-of-the-range]": _STARTS,
    "test_queries_refused[overlapping-projection]": "overlapping paths are taken",
    "test_queries_refused[unused]": "an unused value is taken",
    "test_scans_refused[too-many-segments]": "the number of segments is not limited",
    "test_scans_refused[start-without-sort-key]": _STARTS,
    "test_a_start_from_another_segment": _STARTS,
    "test_empty_batches": "an empty batch is taken",
    "test_a_get_of_101": "the message is another",
    "test_a_batch_with_one_item_that_is_too_large_does_nothing": "the items before it are written",
    "test_a_transaction_of_over_4_mb": "the size of a transaction is not limited",
    "test_a_reading_transaction_of_over_4_mb": "the size of a transaction is not limited",
    "test_a_stream_tells_of_puts_updates_and_deletes": _STREAMS,
    "test_a_stream_says_nothing_of_a_put_that_changes_nothing": _STREAMS,
    "test_a_stream_says_nothing_of_a_delete_of_nothing": _STREAMS,
    "test_a_stream_says_nothing_of_a_cancelled_transaction": _STREAMS,
}


@pytest.fixture(scope="module")
def shared_client():
    """One client for both: the hook answers it while installed, and moto when it is not."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "local")
        yield boto3.session.Session().client("dynamodb", region_name="us-east-1")


@pytest.fixture(params=["engine", "moto"])
def db(request, shared_client):
    """A client of the engine, then one of moto."""
    if request.param == "engine":
        request.getfixturevalue("hooked")
        yield shared_client
        return
    row = request.node.callspec.id.removeprefix("moto").removeprefix("-")
    name = request.node.originalname + (f"[{row}]" if row else "")
    reason = MOTO_IS_WRONG.get(name)
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=f"moto: {reason}", strict=True))
    with mock_aws():
        yield shared_client


@pytest.fixture
def things(db):
    db.create_table(**definition("things"))
    return Things(db, "things")


class Things:
    """A table with the words of a test around it."""

    def __init__(self, client, name):
        self.client, self.name = client, name

    def __getattr__(self, operation):
        return lambda **request: getattr(self.client, operation)(TableName=self.name, **request)

    def put(self, pk, sk="a", **attributes):
        self.put_item(Item={"pk": {"S": pk}, "sk": {"S": sk}, **attributes})

    def get(self, pk, sk="a", **request):
        return self.get_item(Key=key(pk, sk), **request).get("Item")

    def update(self, expression, pk="p", sk="a", values=None, **request):
        if values is not None:
            request["ExpressionAttributeValues"] = values
        return self.update_item(Key=key(pk, sk), UpdateExpression=expression, **request)


def key(pk, sk="a"):
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def refused(code="ValidationException", words=""):
    return _Refused(code, words)


class _Refused:
    def __init__(self, code, words):
        self.code, self.words = code, words
        self.response = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert kind is not None, f"nothing was refused; expected {self.code}"
        if not issubclass(kind, ClientError):
            return False
        self.response = error.response
        assert error.response["Error"]["Code"] == self.code, error.response["Error"]
        assert self.words in error.response["Error"]["Message"], error.response["Error"]
        return True


def text(content):
    return {"S": content}


def num(number):
    return {"N": str(number)}


# Items


def test_an_item_comes_back_as_it_was_put(things):
    item = {
        "text": text("é\u2600"),
        "empty": text(""),
        "number": num(-1.5),
        "bytes": {"B": b"\x00\xff"},
        "yes": {"BOOL": True},
        "nothing": {"NULL": True},
        "texts": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2"]},
        "blobs": {"BS": [b"\x00", b"\x01"]},
        "list": {"L": [text("a"), {"B": b"\x02"}, {"L": []}]},
        "map": {"M": {"b": {"B": b"\x03"}, "m": {"M": {}}}},
    }
    things.put("p", **item)
    got = things.get("p")
    assert {name: got[name] for name in item} == item


def test_a_put_replaces_the_whole_item(things):
    things.put("p", one=text("1"))
    things.put("p", two=text("2"))
    assert things.get("p") == {**key("p"), "two": text("2")}


def test_what_is_not_there_gives_no_item(things):
    assert "Item" not in things.get_item(Key=key("p"))


def test_deleting_what_is_not_there_succeeds(things):
    assert "Attributes" not in things.delete_item(Key=key("p"), ReturnValues="ALL_OLD")


def test_a_number_has_one_spelling(things):
    things.put("p", n=num("1.500"), m=num("1e3"))
    assert things.get("p")["n"] == num("1.5")
    assert things.get("p")["m"] == num("1000")


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("1" * 39, id="too-many-digits"),
        pytest.param("1E126", id="too-large"),
        pytest.param("1E-131", id="too-small"),
    ],
)
def test_a_number_out_of_range(things, number):
    with refused():
        things.put("p", n=num(number))


def test_a_number_that_is_none(things):
    with refused(words="cannot be converted to a numeric value"):
        things.put("p", n=num("twelve"))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"SS": []}, id="empty-set"),
        pytest.param({"SS": ["a", "a"]}, id="member-twice"),
        pytest.param({"NULL": False}, id="null-false"),
    ],
)
def test_a_value_that_is_not_well_formed(things, value):
    with refused():
        things.put("p", x=value)


def test_two_spellings_of_a_number_are_one_member(things):
    with refused(words="contains duplicates"):
        things.put("p", x={"NS": ["1", "1.0"]})


def test_a_missing_key(things):
    with refused(words="Missing the key sk in the item"):
        things.put_item(Item={"pk": text("p")})


def test_a_key_of_the_wrong_type(things):
    with refused(words="Type mismatch for key"):
        things.put_item(Item={"pk": text("p"), "sk": num(1)})


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"pk": text("p")}, id="incomplete"),
        pytest.param({**key("p"), "x": text("y")}, id="too-much"),
        pytest.param({"pk": num(1), "sk": text("a")}, id="wrong-type"),
    ],
)
def test_a_key_that_does_not_fit_the_schema(things, wrong):
    with refused(words="The provided key element does not match the schema"):
        things.get_item(Key=wrong)


def test_an_empty_key(things):
    with refused():
        things.put("")


def test_an_index_key_of_the_wrong_type(things):
    with refused(words="Type mismatch for Index Key"):
        things.put("p", owner=num(1))


def test_an_empty_index_key(things):
    with refused(words="empty string value"):
        things.put("p", owner=text(""))


def test_an_item_over_400_kb(things):
    things.put("p", x=text("x" * (400 * 1024 - 6 - 3)))
    with refused(words="Item size"):
        things.put("p", x=text("x" * (400 * 1024)))


def test_an_update_that_makes_an_item_too_large(things):
    things.put("p", x=text("x" * 300_000))
    with refused(words="Item size to update"):
        things.update("SET y = :y", values={":y": text("y" * 110_000)})


def test_a_table_that_is_not_there(db):
    with refused("ResourceNotFoundException"):
        db.get_item(TableName="nowhere", Key=key("p"))


def test_projection_of_nested_parts(things):
    things.put("p", m={"M": {"a": num(1), "b": num(2)}}, l={"L": [num(0), num(1), num(2)]})
    got = things.get("p", ProjectionExpression="m.a, l[2], l[0]")
    assert got == {"m": {"M": {"a": num(1)}}, "l": {"L": [num(0), num(2)]}}


# Conditions and updates


def test_a_condition_that_is_not_met_shows_the_item_when_asked(things):
    things.put("p", n=num(1))
    with refused("ConditionalCheckFailedException", "The conditional request failed") as error:
        things.put_item(
            Item=key("p"),
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert error.response["Item"] == {**key("p"), "n": num(1)}


def test_a_condition_that_is_not_met_shows_nothing_unasked(things):
    with refused("ConditionalCheckFailedException") as error:
        things.delete_item(Key=key("p"), ConditionExpression="attribute_exists(pk)")
    assert "Item" not in error.response


def test_compare_and_set(things):
    things.put("p", version=num(1))
    request = {
        "values": {":old": num(1), ":new": num(2)},
        "ConditionExpression": "version = :old",
    }
    things.update("SET version = :new", **request)
    with refused("ConditionalCheckFailedException"):
        things.update("SET version = :new", **request)
    assert things.get("p")["version"] == num(2)


def test_an_update_makes_the_item_that_is_not_there(things):
    things.update("ADD n :one", values={":one": num(1)})
    assert things.get("p") == {**key("p"), "n": num(1)}


def test_an_update_without_expression_makes_the_bare_item(things):
    things.update_item(Key=key("p"))
    assert things.get("p") == key("p")


@pytest.mark.parametrize(
    ("wanted", "attributes"),
    [
        ("NONE", None),
        ("ALL_OLD", {**key("p"), "a": num(1), "b": num(2)}),
        ("ALL_NEW", {**key("p"), "a": num(5), "b": num(2), "c": num(3)}),
        ("UPDATED_OLD", {"a": num(1)}),
        ("UPDATED_NEW", {"a": num(5), "c": num(3)}),
    ],
)
def test_return_values_of_an_update(things, wanted, attributes):
    things.put("p", a=num(1), b=num(2))
    values = {":a": num(5), ":c": num(3)}
    response = things.update("SET a = :a, c = :c", values=values, ReturnValues=wanted)
    assert response.get("Attributes") == attributes


def test_updated_new_of_a_nested_path(things):
    things.put("p", m={"M": {"a": num(1), "b": num(2)}})
    response = things.update("SET m.a = :a", values={":a": num(9)}, ReturnValues="UPDATED_NEW")
    assert response["Attributes"] == {"m": {"M": {"a": num(9)}}}


def test_return_values_of_a_put(things):
    things.put("p", a=num(1))
    response = things.put_item(Item=key("p"), ReturnValues="ALL_OLD")
    assert response["Attributes"] == {**key("p"), "a": num(1)}
    with refused():
        things.put_item(Item=key("p"), ReturnValues="ALL_NEW")


def test_a_key_cannot_be_updated(things):
    with refused(words="This attribute is part of the key"):
        things.update("SET sk = :v", values={":v": text("b")})


def test_an_update_to_an_index_key_of_the_wrong_type(things):
    with refused():
        things.update("SET due = :v", values={":v": text("soon")})
    assert things.get("p") is None


def test_arithmetic_is_exact(things):
    things.put("p", n=num("0.1"))
    things.update("SET n = n + :v", values={":v": num("0.2")})
    assert things.get("p")["n"] == num("0.3")


def test_sets_grow_and_shrink(things):
    things.update("ADD tags :t", values={":t": {"SS": ["a", "b"]}})
    things.update("ADD tags :t", values={":t": {"SS": ["b", "c"]}})
    assert set(things.get("p")["tags"]["SS"]) == {"a", "b", "c"}
    things.update("DELETE tags :t", values={":t": {"SS": ["a", "b", "c"]}})
    assert "tags" not in things.get("p")


def test_lists_by_index(things):
    things.put("p", l={"L": [num(0), num(1), num(2)]})
    things.update("SET l[9] = :v REMOVE l[0]", values={":v": num(9)})
    assert things.get("p")["l"] == {"L": [num(1), num(2), num(9)]}


def test_a_path_that_leads_nowhere(things):
    things.put("p", n=num(1))
    with refused(words="document path provided in the update expression is invalid"):
        things.update("SET gone.x = :v", values={":v": num(1)})


def test_an_operand_that_is_not_there(things):
    things.put("p")
    with refused(words="refers to an attribute that does not exist in the item"):
        things.update("SET n = n + :v", values={":v": num(1)})


def test_an_unused_value(things):
    with refused(words="unused in expressions: keys: {:w}"):
        things.update("SET n = :v", values={":v": num(1), ":w": num(1)})


def test_an_undefined_value(things):
    with refused(words="attribute value"):
        things.update("SET m = :v, n = :w", values={":v": num(1)})


def test_a_reserved_word(things):
    with refused(words="reserved keyword"):
        things.update("SET status = :v", values={":v": num(1)})


def test_overlapping_paths(things):
    with refused(words="Two document paths overlap with each other"):
        things.update("SET a = :v, a.b = :v", values={":v": num(1)})


# Queries and scans


@pytest.mark.parametrize(
    ("condition", "values", "found"),
    [
        ("pk = :p", {}, "abcd"),
        ("pk = :p AND sk = :x", {":x": text("b")}, "b"),
        ("pk = :p AND sk < :x", {":x": text("c")}, "ab"),
        ("pk = :p AND sk <= :x", {":x": text("c")}, "abc"),
        ("pk = :p AND sk > :x", {":x": text("c")}, "d"),
        ("sk >= :x AND pk = :p", {":x": text("c")}, "cd"),
        ("pk = :p AND sk BETWEEN :x AND :y", {":x": text("b"), ":y": text("c")}, "bc"),
        ("pk = :p AND begins_with(sk, :x)", {":x": text("b")}, "b"),
        ("(pk = :p) AND (sk > :x)", {":x": text("z")}, ""),
    ],
)
def test_key_conditions(things, condition, values, found):
    for sk in "dbac":
        things.put("p", sk)
        things.put("other", sk)
    response = things.query(
        KeyConditionExpression=condition, ExpressionAttributeValues={":p": text("p"), **values}
    )
    assert [item["sk"]["S"] for item in response["Items"]] == list(found)
    assert response["Count"] == response["ScannedCount"] == len(found)


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        pytest.param("sk = :v", {":v": text("a")}, id="no-hash-key"),
        pytest.param("pk > :v", {":v": text("a")}, id="hash-key-in-a-range"),
        pytest.param("pk = :v OR sk = :v", {":v": text("a")}, id="either"),
        pytest.param("pk = :v AND sk <> :v", {":v": text("a")}, id="not-equal"),
        pytest.param("pk = :v AND owner = :v", {":v": text("a")}, id="no-key"),
        pytest.param(
            "pk = :v AND sk > :v AND sk < :w",
            {":v": text("a"), ":w": text("b")},
            id="two-for-one-key",
        ),
        pytest.param("pk = :v", {":v": num(1)}, id="wrong-type"),
    ],
)
def test_key_conditions_refused(things, condition, values):
    with refused():
        things.query(KeyConditionExpression=condition, ExpressionAttributeValues=values)


def test_numbers_sort_by_value(db):
    db.create_table(**definition("numbers", sort="N"))
    numbers = ["-1E30", "-10", "-9.5", "-9", "-0.001", "0", "0.001", "2", "10", "10.5", "1E30"]
    for number in reversed(numbers):
        db.put_item(TableName="numbers", Item={"pk": text("p"), "sk": num(number)})
    response = db.query(
        TableName="numbers",
        KeyConditionExpression="pk = :p AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues={":p": text("p"), ":low": num(-9.5), ":high": num("10.0")},
    )
    found = [float(item["sk"]["N"]) for item in response["Items"]]
    assert found == [-9.5, -9, -0.001, 0, 0.001, 2, 10]


def test_bytes_sort_as_unsigned(db):
    db.create_table(**definition("bytes", sort="B"))
    keys = [b"\x00", b"\x00\x01", b"\x7f", b"\x80", b"\xff", b"\xff\x00"]
    for one in reversed(keys):
        db.put_item(TableName="bytes", Item={"pk": text("p"), "sk": {"B": one}})
    response = db.query(
        TableName="bytes",
        KeyConditionExpression="pk = :p AND begins_with(sk, :f)",
        ExpressionAttributeValues={":p": text("p"), ":f": {"B": b"\xff"}},
    )
    assert [item["sk"]["B"] for item in response["Items"]] == [b"\xff", b"\xff\x00"]


def pages(search, **request):
    """Follow the pages to the end; give the items and the number of pages."""
    items, count = [], 0
    while True:
        page = search(**request)
        items += page["Items"]
        count += 1
        if "LastEvaluatedKey" not in page:
            return items, count
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@pytest.mark.parametrize("is_forward", [True, False])
def test_pages_of_a_query(things, is_forward):
    for number in range(7):
        things.put("p", f"{number}")
    items, _ = pages(
        things.query,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": text("p")},
        ScanIndexForward=is_forward,
        Limit=3,
    )
    found = "".join(item["sk"]["S"] for item in items)
    assert found == ("0123456" if is_forward else "6543210")


def test_pages_of_an_index_with_equal_keys(things):
    for number in range(7):
        things.put(f"p{number}", owner=text("o"), due=num(number // 3))
    items, _ = pages(
        things.query,
        IndexName="by-owner",
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": text("o")},
        Limit=2,
    )
    assert sorted(item["pk"]["S"] for item in items) == [f"p{number}" for number in range(7)]
    assert [item["due"]["N"] for item in items] == ["0", "0", "0", "1", "1", "1", "2"]


def test_a_limit_that_is_just_reached_gives_a_key(things):
    for number in range(3):
        things.put("p", f"{number}")
    request = {
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": text("p")},
        "Limit": 3,
    }
    page = things.query(**request)
    assert page["LastEvaluatedKey"] == key("p", "2")
    last = things.query(**request, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert (last["Items"], "LastEvaluatedKey" in last) == ([], False)


def test_a_page_holds_at_most_1_mb(things):
    for number in range(4):
        things.put("p", f"{number}", x=text("x" * 350_000))
    items, count = pages(
        things.query,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": text("p")},
    )
    assert (len(items), count) == (4, 2)


def test_a_filter_drops_after_the_limit(things):
    for number in range(6):
        things.put("p", f"{number}", n=num(number))
    page = things.query(
        KeyConditionExpression="pk = :p",
        FilterExpression="n > :n",
        ExpressionAttributeValues={":p": text("p"), ":n": num(1)},
        Limit=4,
    )
    assert (page["Count"], page["ScannedCount"]) == (2, 4)


def test_a_filter_on_a_key(things):
    with refused(words="Filter Expression can only contain non-primary key attributes"):
        things.query(
            KeyConditionExpression="pk = :p",
            FilterExpression="sk = :p",
            ExpressionAttributeValues={":p": text("p")},
        )


def test_count_only(things):
    things.put("p", "1")
    things.put("p", "2")
    page = things.query(
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": text("p")},
        Select="COUNT",
    )
    assert (page["Count"], "Items" in page) == (2, False)


def test_scan_with_filter_and_pages(things):
    for number in range(9):
        things.put(f"p{number}", n=num(number))
    items, _ = pages(
        things.scan,
        FilterExpression="n >= :n",
        ExpressionAttributeValues={":n": num(5)},
        Limit=2,
    )
    assert sorted(item["pk"]["S"] for item in items) == ["p5", "p6", "p7", "p8"]


def test_segments_of_a_scan_make_up_the_whole(things):
    for number in range(20):
        things.put(f"p{number}")
    found = [
        item["pk"]["S"]
        for segment in range(3)
        for item in things.scan(Segment=segment, TotalSegments=3)["Items"]
    ]
    assert sorted(found) == sorted(f"p{number}" for number in range(20))


# Indexes


def by_owner(things, index, **request):
    return things.query(
        IndexName=index,
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner", **request.pop("names", {})},
        ExpressionAttributeValues={":o": text("o")},
        **request,
    )


def test_an_index_is_sparse_and_follows_the_item(things):
    things.put("p", owner=text("o"))
    things.put("q", owner=text("o"), due=num(2))
    assert [item["pk"]["S"] for item in by_owner(things, "by-owner")["Items"]] == ["q"]
    things.update("SET due = :d", values={":d": num(1)})
    assert [item["pk"]["S"] for item in by_owner(things, "by-owner")["Items"]] == ["p", "q"]
    things.update("REMOVE due", pk="q")
    assert [item["pk"]["S"] for item in by_owner(things, "by-owner")["Items"]] == ["p"]
    things.delete_item(Key=key("p"))
    assert by_owner(things, "by-owner")["Items"] == []


@pytest.mark.parametrize(
    ("index", "names"),
    [
        ("keys-only", {"pk", "sk", "owner"}),
        ("some", {"pk", "sk", "owner", "extra"}),
        ("by-owner", {"pk", "sk", "owner", "due", "extra", "more"}),
    ],
)
def test_projections_of_an_index(things, index, names):
    things.put("p", owner=text("o"), due=num(1), extra=text("e"), more=text("m"))
    assert by_owner(things, index)["Items"][0].keys() == names


def test_what_an_index_does_not_project(things):
    with refused():
        by_owner(things, "some", ProjectionExpression="pk, more")


def test_all_attributes_of_an_index_that_has_not_all(things):
    with refused(words="ALL_ATTRIBUTES is not supported"):
        by_owner(things, "some", Select="ALL_ATTRIBUTES")


def test_an_index_cannot_be_read_consistently(things):
    with refused(words="Consistent reads are not supported on global secondary indexes"):
        by_owner(things, "by-owner", ConsistentRead=True)


def test_an_index_that_is_not_there(things):
    with refused(words="The table does not have the specified index"):
        by_owner(things, "nowhere")


def test_scan_of_an_index(things):
    things.put("p", owner=text("o"))
    things.put("q")
    assert [item["pk"]["S"] for item in things.scan(IndexName="some")["Items"]] == ["p"]


# Batches


def test_batches(things):
    things.put("gone")
    writes = [{"PutRequest": {"Item": {**key(f"p{n}"), "b": {"B": b"\xff"}}}} for n in range(3)]
    response = things.client.batch_write_item(
        RequestItems={"things": [*writes, {"DeleteRequest": {"Key": key("gone")}}]}
    )
    assert response["UnprocessedItems"] == {}
    response = things.client.batch_get_item(
        RequestItems={"things": {"Keys": [key("p0"), key("p2"), key("gone")]}}
    )
    found = {item["pk"]["S"]: item["b"]["B"] for item in response["Responses"]["things"]}
    assert found == {"p0": b"\xff", "p2": b"\xff"}
    assert response["UnprocessedKeys"] == {}


def test_a_batch_with_an_item_twice(things):
    put = {"PutRequest": {"Item": key("p")}}
    with refused(words="contains duplicates"):
        things.client.batch_write_item(RequestItems={"things": [put, put]})
    with refused(words="contains duplicates"):
        things.client.batch_get_item(RequestItems={"things": {"Keys": [key("p"), key("p")]}})


def test_a_batch_that_is_too_long(things):
    puts = [{"PutRequest": {"Item": key(f"p{number}")}} for number in range(26)]
    with refused():
        things.client.batch_write_item(RequestItems={"things": puts})


# Transactions


def put_of(pk, **rest):
    return {"Put": {"TableName": "things", "Item": key(pk), **rest}}


NEW = {"ConditionExpression": "attribute_not_exists(pk)"}


def test_a_transaction_of_every_kind(things):
    things.put("gone")
    things.put("kept")
    things.client.transact_write_items(
        TransactItems=[
            put_of("p", **NEW),
            {
                "Update": {
                    "TableName": "things",
                    "Key": key("u"),
                    "UpdateExpression": "ADD n :n",
                    "ExpressionAttributeValues": {":n": num(1)},
                }
            },
            {"Delete": {"TableName": "things", "Key": key("gone")}},
            {
                "ConditionCheck": {
                    "TableName": "things",
                    "Key": key("kept"),
                    "ConditionExpression": "attribute_exists(pk)",
                }
            },
        ]
    )
    assert things.get("p") == key("p")
    assert things.get("u")["n"] == num(1)
    assert things.get("gone") is None


def test_a_cancelled_transaction_says_why_and_does_nothing(things):
    things.put("q", n=num(1))
    with refused("TransactionCanceledException") as error:
        things.client.transact_write_items(
            TransactItems=[
                put_of("p"),
                put_of("q", **NEW, ReturnValuesOnConditionCheckFailure="ALL_OLD"),
                put_of("r", **NEW),
            ]
        )
    reasons = error.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed", "None"]
    assert reasons[1]["Message"] == "The conditional request failed"
    assert reasons[1]["Item"] == {**key("q"), "n": num(1)}
    assert "[None, ConditionalCheckFailed, None]" in error.response["Error"]["Message"]
    assert things.get("p") is None


def test_every_failed_condition_is_named(things):
    things.put("p")
    things.put("q")
    with refused("TransactionCanceledException") as error:
        things.client.transact_write_items(TransactItems=[put_of("p", **NEW), put_of("q", **NEW)])
    codes = [reason["Code"] for reason in error.response["CancellationReasons"]]
    assert codes == ["ConditionalCheckFailed", "ConditionalCheckFailed"]


def test_an_update_of_the_wrong_type_cancels(things):
    things.put("u", n=text("text"))
    with refused("TransactionCanceledException") as error:
        things.client.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": "things",
                        "Key": key("u"),
                        "UpdateExpression": "ADD n :n",
                        "ExpressionAttributeValues": {":n": num(1)},
                    }
                }
            ]
        )
    assert error.response["CancellationReasons"][0]["Code"] == "ValidationError"


def test_two_actions_on_one_item(things):
    with refused(words="multiple operations on one item"):
        things.client.transact_write_items(TransactItems=[put_of("p"), put_of("p")])


ADD_ONE = {
    "Update": {
        "TableName": "things",
        "Key": key("p"),
        "UpdateExpression": "ADD n :n",
        "ExpressionAttributeValues": {":n": num(1)},
    }
}


def test_a_transaction_with_a_token_is_done_once(things):
    for _ in range(3):
        things.client.transact_write_items(TransactItems=[ADD_ONE], ClientRequestToken="once")
    assert things.get("p")["n"] == num(1)


def test_a_token_with_another_request(things):
    things.client.transact_write_items(TransactItems=[ADD_ONE], ClientRequestToken="once")
    with refused("IdempotentParameterMismatchException"):
        things.client.transact_write_items(TransactItems=[put_of("q")], ClientRequestToken="once")


def test_a_transaction_that_reads(things):
    things.put("p", n=num(1), m=num(2))
    response = things.client.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": "things", "Key": key("p"), "ProjectionExpression": "n"}},
            {"Get": {"TableName": "things", "Key": key("gone")}},
        ]
    )
    assert response["Responses"] == [{"Item": {"n": num(1)}}, {}]


# Tables


def test_describe_and_list(things):
    things.put("p", owner=text("o"))
    table = things.describe_table()["Table"]
    assert (table["TableStatus"], table["ItemCount"]) == ("ACTIVE", 1)
    assert table["KeySchema"] == definition()["KeySchema"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {
        "by-owner",
        "keys-only",
        "some",
    }
    assert table["CreationDateTime"].tzinfo is not None
    assert things.client.list_tables()["TableNames"] == ["things"]


def test_a_table_that_exists(things):
    with refused("ResourceInUseException"):
        things.client.create_table(**definition("things"))


def test_a_deleted_table_is_gone(things):
    things.delete_table()
    with refused("ResourceNotFoundException"):
        things.describe_table()


def test_attributes_which_no_key_uses(db):
    wrong = simple()
    wrong["AttributeDefinitions"].append({"AttributeName": "x", "AttributeType": "S"})
    with refused():
        db.create_table(**wrong)


def test_time_to_live(things):
    described = things.describe_time_to_live()["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "DISABLED"}
    things.update_time_to_live(
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    described = things.describe_time_to_live()["TimeToLiveDescription"]
    assert described["AttributeName"] == "expires"


# Capacity


def units(response):
    return response["ConsumedCapacity"]["CapacityUnits"]


@pytest.mark.parametrize(
    ("is_consistent", "expected"),
    [pytest.param(False, 1.5, id="eventually"), pytest.param(True, 3.0, id="consistently")],
)
def test_a_read_of_9_kb(things, is_consistent, expected):
    things.put("p", x=text("x" * 9000))
    response = things.get_item(
        Key=key("p"), ConsistentRead=is_consistent, ReturnConsumedCapacity="TOTAL"
    )
    assert units(response) == expected


def test_a_write_of_1500_bytes_in_no_index(things):
    item = {**key("p"), "x": text("x" * 1500)}
    assert units(things.put_item(Item=item, ReturnConsumedCapacity="TOTAL")) == 2


def test_a_write_of_1500_bytes_in_three_indexes(things):
    item = {**key("p"), "x": text("x" * 1500), "owner": text("o"), "due": num(1)}
    response = things.put_item(Item=item, ReturnConsumedCapacity="INDEXES")
    capacity = response["ConsumedCapacity"]
    assert capacity["Table"]["CapacityUnits"] == 2
    indexes = {
        name: one["CapacityUnits"] for name, one in capacity["GlobalSecondaryIndexes"].items()
    }
    assert indexes == {"by-owner": 2, "keys-only": 1, "some": 1}
    assert capacity["CapacityUnits"] == 6


def test_a_query_is_rounded_up_once(things):
    for number in range(5):
        things.put("p", f"{number}", x=text("x" * 1000))
    response = things.query(
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": text("p")},
        ReturnConsumedCapacity="TOTAL",
    )
    assert units(response) == 1


def test_a_transaction_costs_twice(things):
    response = things.client.transact_write_items(
        TransactItems=[put_of("p"), put_of("q")], ReturnConsumedCapacity="TOTAL"
    )
    assert [one["CapacityUnits"] for one in response["ConsumedCapacity"]] == [4]


def test_binary_in_an_expression(things):
    things.put("p", b={"B": b"\x01\x02"})
    things.update(
        "SET c = :c",
        values={":c": {"B": b"\x03"}, ":b": {"B": b"\x01\x02"}},
        ConditionExpression="b = :b",
    )
    assert things.get("p")["c"] == {"B": b"\x03"}
    assert base64.b64encode(b"\x03") == b"Aw=="


# Limits of the API


@pytest.mark.parametrize(
    ("expression", "values", "words"),
    [
        pytest.param(
            " OR ".join(["a = :v"] * 500), {":v": num(1)}, "maximum allowed size", id="over-4-kb"
        ),
        pytest.param(
            " OR ".join(["a=:v"] * 151), {":v": num(1)}, "too many operators", id="301-operators"
        ),
        pytest.param(
            f"a IN ({', '.join(f':v{place}' for place in range(101))})",
            {f":v{place}": num(place) for place in range(101)},
            "number of operands",
            id="in-101",
        ),
        pytest.param("a" + "[0]" * 33 + " = :v", {":v": num(1)}, "nesting", id="a-path-of-34"),
        pytest.param("begins_with(a, :v)", {":v": num(1)}, "operand type: N", id="begins-number"),
        pytest.param("contains(:v, a)", {":v": num(1)}, "operand type: N", id="number-contains"),
        pytest.param("size(:v) > :v", {":v": num(1)}, "operand type: N", id="size-of-a-number"),
        pytest.param(
            "a BETWEEN :v AND :w", {":v": num(2), ":w": num(1)}, "upper bound", id="bounds-turned"
        ),
        pytest.param(
            "a BETWEEN :v AND :w", {":v": num(2), ":w": text("3")}, "same data type", id="bounds"
        ),
        pytest.param(
            "attribute_type(a, :v)", {":v": text("TEXT")}, "attribute type name", id="no-such-type"
        ),
    ],
)
def test_a_condition_beyond_a_limit(things, expression, values, words):
    with refused(words=words):
        things.put_item(
            Item=key("p"), ConditionExpression=expression, ExpressionAttributeValues=values
        )


def test_a_condition_of_300_operators(things):
    expression = " OR ".join(["a=:v"] * 150) + " OR a=:v"
    with refused(words="too many operators; operator count: 301"):
        things.put_item(
            Item=key("p"),
            ConditionExpression=expression,
            ExpressionAttributeValues={":v": num(1)},
        )
    things.put_item(
        Item=key("p"),
        ConditionExpression=" OR ".join(["a<>:v"] * 150),
        ExpressionAttributeValues={":v": num(1)},
    )


def test_in_of_100(things):
    values = {f":v{place}": num(place) for place in range(100)}
    things.put("p", a=num(99))
    things.put_item(
        Item=key("p"),
        ConditionExpression=f"a IN ({', '.join(values)})",
        ExpressionAttributeValues=values,
    )
    assert things.get("p") == key("p")


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        pytest.param("SET a = :v SET b = :v", {":v": num(1)}, id="a-section-twice"),
        pytest.param("SET pk = :v", {":v": text("q")}, id="a-key"),
        pytest.param("REMOVE sk", None, id="a-key-removed"),
        pytest.param("ADD a :v", {":v": text("x")}, id="add-text"),
        pytest.param("DELETE a :v", {":v": num(1)}, id="delete-a-number"),
        pytest.param("ADD a :v", {":v": {"L": [num(1)]}}, id="add-a-list"),
        pytest.param("SET a = list_append(:v, :v)", {":v": num(1)}, id="append-a-number"),
        pytest.param("SET a[0] = :v", {":v": num(1)}, id="an-element-of-nothing"),
        pytest.param("SET owner = :v", {":v": num(1)}, id="an-index-key-of-another-type"),
        pytest.param("SET owner = :v", {":v": text("")}, id="an-empty-index-key"),
    ],
)
def test_updates_refused(things, expression, values):
    with refused():
        things.update(expression, values=values)
    assert things.get("p") is None


def test_if_not_exists_and_list_append(things):
    for number in range(3):
        things.update(
            "SET l = list_append(if_not_exists(l, :none), :v), n = if_not_exists(n, :n)",
            values={":none": {"L": []}, ":v": {"L": [num(number)]}, ":n": num(number)},
        )
    assert things.get("p") == {**key("p"), "l": {"L": [num(0), num(1), num(2)]}, "n": num(0)}


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("NONE", None),
        ("ALL_OLD", {**key("p"), "m": {"M": {"a": num(1), "b": num(2)}}, "n": num(1)}),
        ("UPDATED_OLD", {"m": {"M": {"a": num(1)}}, "n": num(1)}),
        ("UPDATED_NEW", {"m": {"M": {"a": num(5)}}, "n": num(2)}),
        ("ALL_NEW", {**key("p"), "m": {"M": {"a": num(5), "b": num(2)}}, "n": num(2)}),
    ],
)
def test_what_an_update_returns(things, wanted, shown):
    things.put("p", m={"M": {"a": num(1), "b": num(2)}}, n=num(1))
    response = things.update(
        "SET m.a = :v ADD n :one", values={":v": num(5), ":one": num(1)}, ReturnValues=wanted
    )
    assert response.get("Attributes") == shown


def test_a_put_cannot_return_what_is_new(things):
    with refused(words="ReturnValues can only be ALL_OLD or NONE"):
        things.put_item(Item=key("p"), ReturnValues="ALL_NEW")


def test_a_sum_of_over_38_digits(things):
    things.put("p", n=num("1E37"))
    with refused():
        things.update("SET n = n + :v", values={":v": num("0.1")})


def test_empty_text_and_bytes_are_values(things):
    item = {"a": text(""), "b": {"B": b""}, "l": {"L": [text("")]}, "m": {"M": {"x": text("")}}}
    things.put("p", **item)
    assert things.get("p") == {**key("p"), **item}


@pytest.mark.parametrize(
    ("name", "length", "fits"),
    [
        pytest.param("pk", 2048, True, id="hash-key-of-2048"),
        pytest.param("pk", 2049, False, id="hash-key-of-2049"),
        pytest.param("sk", 1024, True, id="sort-key-of-1024"),
        pytest.param("sk", 1025, False, id="sort-key-of-1025"),
        pytest.param("owner", 2048, True, id="index-hash-key-of-2048"),
        pytest.param("owner", 2049, False, id="index-hash-key-of-2049"),
    ],
)
def test_lengths_of_keys(things, name, length, fits):
    item = {**key("p"), name: text("x" * length)}
    if fits:
        things.put_item(Item=item)
        assert things.get_item(Key={part: item[part] for part in ("pk", "sk")})["Item"] == item
    else:
        with refused():
            things.put_item(Item=item)


def nested(levels):
    value = text("x")
    for _ in range(levels):
        value = {"L": [value]}
    return value


def test_nesting_of_33_levels(things):
    things.put("p", x=nested(32))
    with refused(words="Nesting Levels have exceeded supported limits"):
        things.put("p", x=nested(33))


def test_an_update_cannot_nest_too_deeply(things):
    things.put("p", x=nested(32))
    with refused():
        things.update("SET y = :y", values={":y": nested(33)})


# Searches that are refused


def all_of(things, **request):
    values = {":p": text("p"), **request.pop("values", {})}
    condition = request.pop("condition", "pk = :p")
    return things.query(
        KeyConditionExpression=condition, ExpressionAttributeValues=values, **request
    )


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"Select": "SPECIFIC_ATTRIBUTES"}, id="select-without-projection"),
        pytest.param({"Select": "ALL_PROJECTED_ATTRIBUTES"}, id="projected-without-index"),
        pytest.param({"Select": "COUNT", "ProjectionExpression": "pk"}, id="count-and-projection"),
        pytest.param({"ProjectionExpression": "a, a.b"}, id="overlapping-projection"),
        pytest.param({"values": {":p": text("")}}, id="empty-key"),
        pytest.param(
            {"condition": "pk = :p AND begins_with(sk, :s)", "values": {":s": text("")}},
            id="empty-prefix",
        ),
        pytest.param({"ExclusiveStartKey": {"pk": text("p")}}, id="start-without-sort-key"),
        pytest.param({"ExclusiveStartKey": {"x": text("p")}}, id="start-of-another-shape"),
        pytest.param({"ExclusiveStartKey": key("q")}, id="start-of-another-hash-key"),
        pytest.param(
            {
                "condition": "pk = :p AND sk > :s",
                "values": {":s": text("b")},
                "ExclusiveStartKey": key("p", "a"),
            },
            id="start-outside-of-the-range",
        ),
        pytest.param(
            {"FilterExpression": "x = :x", "values": {":x": num(1), ":y": num(1)}}, id="unused"
        ),
    ],
)
def test_queries_refused(things, request_):
    with refused():
        all_of(things, **request_)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"Segment": 0}, id="segment-alone"),
        pytest.param({"Segment": 2, "TotalSegments": 2}, id="segment-too-high"),
        pytest.param({"Segment": 0, "TotalSegments": 1_000_001}, id="too-many-segments"),
        pytest.param({"ExclusiveStartKey": {"pk": text("p")}}, id="start-without-sort-key"),
    ],
)
def test_scans_refused(things, request_):
    with refused():
        things.scan(**request_)


def test_a_start_from_another_segment(things):
    for number in range(20):
        things.put(f"p{number}")
    starts = [things.scan(Segment=one, TotalSegments=2, Limit=1) for one in range(2)]
    with refused(words="does not map to the provided Segment"):
        things.scan(Segment=1, TotalSegments=2, ExclusiveStartKey=starts[0]["LastEvaluatedKey"])


def test_a_page_of_1_mb_counts_what_the_filter_drops(things):
    for number in range(4):
        things.put("p", f"{number}", x=text("x" * 350_000))
    page = all_of(things, FilterExpression="n = :n", values={":n": num(1)})
    assert (page["Count"], page["ScannedCount"]) == (0, 2)
    assert page["LastEvaluatedKey"] == key("p", "1")


def test_a_filter_in_a_scan_may_name_a_key(things):
    things.put("p")
    things.put("q")
    page = things.scan(FilterExpression="pk = :p", ExpressionAttributeValues={":p": text("q")})
    assert [item["pk"] for item in page["Items"]] == [text("q")]


# Batches and transactions at their limits


def test_empty_batches(things):
    with refused():
        things.client.batch_get_item(RequestItems={})
    with refused():
        things.client.batch_write_item(RequestItems={})


def test_a_get_of_101(things):
    keys = [key(f"p{number}") for number in range(101)]
    with refused(words="Too many items requested for the BatchGetItem call"):
        things.client.batch_get_item(RequestItems={"things": {"Keys": keys}})


def test_a_batch_with_one_item_that_is_too_large_does_nothing(things):
    puts = [
        {"PutRequest": {"Item": {**key("p"), "x": text("x")}}},
        {"PutRequest": {"Item": {**key("q"), "x": text("x" * 410_000)}}},
    ]
    with refused(words="Item size has exceeded the maximum allowed size"):
        things.client.batch_write_item(RequestItems={"things": puts})
    assert things.get("p") is None


def test_a_transaction_of_101(things):
    with refused():
        things.client.transact_write_items(
            TransactItems=[put_of(f"p{number}") for number in range(101)]
        )


def test_a_transaction_of_100(things):
    things.client.transact_write_items(
        TransactItems=[put_of(f"p{number}") for number in range(100)]
    )
    assert things.scan(Select="COUNT")["Count"] == 100


def test_a_transaction_of_over_4_mb(things):
    puts = [put_of(f"p{number}") for number in range(11)]
    for put in puts:
        put["Put"]["Item"]["x"] = text("x" * 390_000)
    with refused():
        things.client.transact_write_items(TransactItems=puts)
    assert things.scan(Select="COUNT")["Count"] == 0


def test_a_reading_transaction_of_over_4_mb(things):
    for number in range(11):
        things.put(f"p{number}", x=text("x" * 390_000))
    gets = [{"Get": {"TableName": "things", "Key": key(f"p{number}")}} for number in range(11)]
    with refused():
        things.client.transact_get_items(TransactItems=gets)


def test_a_condition_check_beside_a_write_of_its_item(things):
    check = {
        "ConditionCheck": {
            "TableName": "things",
            "Key": key("p"),
            "ConditionExpression": "attribute_exists(pk)",
        }
    }
    with refused(words="multiple operations on one item"):
        things.client.transact_write_items(TransactItems=[put_of("p"), check])


# Streams


@pytest.fixture
def changed(db, things):
    """The changes of a table with a stream, read through the API of streams."""
    name = "watched"
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    made = db.create_table(**simple(name), StreamSpecification=stream)
    client = boto3.session.Session().client("dynamodbstreams", region_name="us-east-1")
    arn = made["TableDescription"]["LatestStreamArn"]

    def read():
        described = client.describe_stream(StreamArn=arn)["StreamDescription"]
        at = client.get_shard_iterator(
            StreamArn=arn,
            ShardId=described["Shards"][0]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        return client.get_records(ShardIterator=at)["Records"]

    return Things(db, name), read


def of_watched(number):
    return {"pk": text("p"), "n": num(number)}


def test_a_stream_tells_of_puts_updates_and_deletes(changed):
    watched, read = changed
    watched.put_item(Item=of_watched(1))
    watched.update_item(
        Key={"pk": text("p")},
        UpdateExpression="ADD n :n",
        ExpressionAttributeValues={":n": num(1)},
    )
    watched.delete_item(Key={"pk": text("p")})
    records = read()
    assert [one["eventName"] for one in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[1]["dynamodb"]["OldImage"] == of_watched(1)
    assert records[1]["dynamodb"]["NewImage"] == of_watched(2)
    assert records[2]["dynamodb"]["Keys"] == {"pk": text("p")}
    numbers = [int(one["dynamodb"]["SequenceNumber"]) for one in records]
    assert numbers == sorted(set(numbers))


def test_a_stream_says_nothing_of_a_put_that_changes_nothing(changed):
    watched, read = changed
    for _ in range(2):
        watched.put_item(Item=of_watched(1))
    assert len(read()) == 1


def test_a_stream_says_nothing_of_a_delete_of_nothing(changed):
    watched, read = changed
    watched.delete_item(Key={"pk": text("p")})
    assert read() == []


def test_a_stream_says_nothing_of_a_cancelled_transaction(changed):
    watched, read = changed
    put = {"TableName": "watched", "Item": of_watched(1)}
    with refused("TransactionCanceledException"):
        watched.client.transact_write_items(
            TransactItems=[
                {"Put": put},
                {
                    "ConditionCheck": {
                        "TableName": "watched",
                        "Key": {"pk": text("q")},
                        "ConditionExpression": "attribute_exists(pk)",
                    }
                },
            ]
        )
    assert read() == []


def test_a_described_table_names_its_stream(changed):
    watched, _ = changed
    table = watched.describe_table()["Table"]
    assert table["StreamSpecification"] == {
        "StreamEnabled": True,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    assert table["LatestStreamArn"].endswith("table/watched/stream/" + table["LatestStreamLabel"])
