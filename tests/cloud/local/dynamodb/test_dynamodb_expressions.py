"""The parser takes what the grammar allows and refuses everything else in one way."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloud.local.dynamodb.binding import Binder
from cloud.local.dynamodb.errors import EngineError, ExpressionError
from cloud.local.dynamodb.evaluation import holds, projected, updated
from cloud.local.dynamodb.expressions import parse_condition, parse_projection, parse_update

ITEM = {
    "a": {"N": "5"},
    "b": {"S": "blue"},
    "flag": {"BOOL": True},
    "nothing": {"NULL": True},
    "tags": {"SS": ["x", "y"]},
    "ns": {"NS": ["1", "2"]},
    "bin": {"B": "AAEC"},
    "deep": {"M": {"in": {"L": [{"S": "zero"}, {"M": {"k": {"N": "1"}}}]}, "a.b": {"N": "9"}}},
    "series": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
}


def bound(label, text, values=None, names=None):
    request = {label: text}
    if values is not None:
        request["ExpressionAttributeValues"] = values
    if names is not None:
        request["ExpressionAttributeNames"] = names
    binder = Binder(request, label)
    kind = {"UpdateExpression": binder.update, "ProjectionExpression": binder.projection}
    made = kind[label]() if label in kind else binder.condition(label)
    binder.finish()
    return made


def is_met(text, values=None, names=None):
    return holds(bound("ConditionExpression", text, values, names), ITEM)


def after(text, values=None, names=None, item=None):
    import copy

    made = bound("UpdateExpression", text, values, names)
    return updated(made, copy.deepcopy(ITEM if item is None else item))


_WORDS = (
    "a b #n :v SET REMOVE ADD DELETE AND OR NOT IN BETWEEN ( ) [ ] . , = <> < <= > >= + - 0 12 "
    "size attribute_exists attribute_type begins_with contains if_not_exists list_append name _ é $"
)
_words = st.sampled_from(_WORDS.split())
_garbage = st.one_of(st.text(), st.lists(_words).map(" ".join), st.lists(_words).map("".join))


@given(_garbage)
@example("(" * 2000)
@example("NOT " * 1000 + "a = :v")
@example("a" + "[0]" * 1000)
@example("SET a = " + "if_not_exists(a, " * 200)
def test_garbage_gives_an_expression_error_and_nothing_else(text):
    for parse in (parse_condition, parse_update, parse_projection):
        with suppress(ExpressionError):
            parse(text)


@given(_garbage, st.sampled_from(["ConditionExpression", "UpdateExpression"]))
def test_garbage_in_a_request_gives_a_validation_exception(text, label):
    values = {":v": {"N": "1"}}
    try:
        made = bound(label, text, values, {"#n": "n"})
        if label == "UpdateExpression":
            after(text, values, {"#n": "n"})
        else:
            holds(made, ITEM)
    except EngineError as error:
        if error.code != "ValidationException":
            raise


@pytest.mark.parametrize(
    ("text", "values", "met"),
    [
        ("a = :n", {":n": {"N": "5"}}, True),
        ("a = :n", {":n": {"N": "5.00"}}, True),
        ("a = :n", {":n": {"S": "5"}}, False),
        ("a <> :n", {":n": {"S": "5"}}, True),
        ("gone <> :n", {":n": {"S": "5"}}, True),
        ("gone = :n", {":n": {"S": "5"}}, False),
        ("gone < :n", {":n": {"S": "5"}}, False),
        ("a < :n", {":n": {"N": "10"}}, True),
        ("a < :n", {":n": {"S": "9"}}, False),
        ("a >= :n", {":n": {"N": "5"}}, True),
        ("a <= :n", {":n": {"N": "4.9"}}, False),
        ("a > :n", {":n": {"N": "-9"}}, True),
        ("a BETWEEN :x AND :y", {":x": {"N": "5"}, ":y": {"N": "6"}}, True),
        ("a between :x and :y", {":x": {"N": "6"}, ":y": {"N": "7"}}, False),
        ("gone BETWEEN :x AND :y", {":x": {"N": "6"}, ":y": {"N": "7"}}, False),
        (":x BETWEEN a AND a", {":x": {"N": "5"}}, True),
        ("b IN (:x, :y)", {":x": {"S": "red"}, ":y": {"S": "blue"}}, True),
        ("b IN (:x)", {":x": {"S": "red"}}, False),
        ("gone IN (:x)", {":x": {"S": "red"}}, False),
        ("attribute_exists(deep.#in[1].k)", None, True),
        ("attribute_exists(deep.#in[2])", None, False),
        ("attribute_exists(a.#in)", None, False),
        ("attribute_not_exists(gone)", None, True),
        ("attribute_type(tags, :t)", {":t": {"S": "SS"}}, True),
        ("attribute_type(gone, :t)", {":t": {"S": "SS"}}, False),
        ("begins_with(b, :p)", {":p": {"S": "bl"}}, True),
        ("begins_with(a, :p)", {":p": {"S": "5"}}, False),
        ("begins_with(bin, :p)", {":p": {"B": "AAE="}}, True),
        ("contains(b, :p)", {":p": {"S": "lu"}}, True),
        ("contains(tags, :p)", {":p": {"S": "x"}}, True),
        ("contains(tags, :p)", {":p": {"N": "1"}}, False),
        ("contains(ns, :p)", {":p": {"N": "2.0"}}, True),
        ("contains(series, :p)", {":p": {"N": "2"}}, True),
        ("contains(bin, :p)", {":p": {"B": "AQI="}}, True),
        ("contains(a, :p)", {":p": {"N": "5"}}, False),
        ("size(b) = :n", {":n": {"N": "4"}}, True),
        ("size(bin) = :n", {":n": {"N": "3"}}, True),
        ("size(tags) = :n", {":n": {"N": "2"}}, True),
        ("size(deep) = :n", {":n": {"N": "2"}}, True),
        ("size(a) > :n", {":n": {"N": "0"}}, False),
        ("size(gone) > :n", {":n": {"N": "0"}}, False),
        ("tags = :s", {":s": {"SS": ["y", "x"]}}, True),
        ("series = :s", {":s": {"L": [{"N": "0"}, {"N": "1.0"}, {"N": "2"}]}}, True),
        ("flag = :t", {":t": {"BOOL": True}}, True),
        ("flag < a", None, False),
        ("NOT a = :n", {":n": {"N": "5"}}, False),
        ("NOT (a = :n AND b = :n)", {":n": {"N": "5"}}, True),
        # NOT binds tighter than AND, and AND than OR.
        ("a = :n OR b = :n AND gone = :n", {":n": {"N": "5"}}, True),
        ("(a = :n OR b = :n) AND gone = :n", {":n": {"N": "5"}}, False),
        ("NOT b = :n AND a = :n", {":n": {"N": "5"}}, True),
        ("NOT NOT a = :n", {":n": {"N": "5"}}, True),
    ],
)
def test_condition(text, values, met):
    assert is_met(text, values, {"#in": "in"} if "#in" in text else None) is met


def test_a_name_with_a_dot_is_one_name_when_it_is_given_by_placeholder():
    assert is_met("deep.#d = :n", {":n": {"N": "9"}}, {"#d": "a.b"})


V = {":v": {"N": "1"}}


@pytest.mark.parametrize(
    ("text", "values", "names", "words"),
    [
        ("", None, None, "The expression can not be empty"),
        ("a =", None, None, 'Syntax error; token: "<EOF>", near: "="'),
        ("a = :v :v", V, None, "Syntax error"),
        ("a = :v AND", V, None, "Syntax error"),
        ("a == :v", V, None, "Syntax error"),
        ("_a = :v", V, None, 'Syntax error; token: "_"'),
        ("1a = :v", V, None, "Syntax error"),
        ("a[x] = :v", V, None, "Syntax error"),
        ("a. = :v", V, None, "Syntax error"),
        ("name = :v", V, None, "reserved keyword; reserved keyword: name"),
        ("a.Status = :v", V, None, "reserved keyword; reserved keyword: Status"),
        ("((a = :v))", V, None, "redundant parentheses"),
        ("((a = :v AND b = :v))", V, None, "redundant parentheses"),
        ("a = a", None, None, "must be distinct"),
        ("#x = #y", None, {"#x": "a", "#y": "a"}, "must be distinct"),
        ("a = :w", V, None, "attribute value: :w"),
        ("#x = :v", V, None, "attribute name: #x"),
        ("a = :v", {**V, ":w": {"N": "2"}}, None, r"unused in expressions: keys: \{:w\}"),
        ("a = :v", V, {"#q": "q"}, r"unused in expressions: keys: \{#q\}"),
        ("a = :v", {"v": {"N": "2"}}, None, "contains invalid key"),
        ("a = :v", {}, None, "must not be empty"),
        ("a = :v", {":v": {"N": "x"}}, None, "contains invalid value.*for key :v"),
        ("a < :v", {":v": {"BOOL": True}}, None, "operator or function: <, operand type: BOOL"),
        ("begins_with(a, :v)", V, None, "function: begins_with, operand type: N"),
        ("attribute_exists(:v)", V, None, "requires a document path"),
        ("attribute_exists(a, b)", None, None, "number of operands: 2"),
        ("attribute_type(a, :v)", {":v": {"S": "Q"}}, None, "Invalid attribute type name"),
        ("attribute_type(a, :v)", V, None, "Incorrect operand type"),
        ("attribute_exists(a) = :v", V, None, "not allowed to be used this way"),
        ("a = attribute_exists(b)", None, None, "not allowed to be used this way"),
        ("size(a)", None, None, "not allowed to be used this way"),
        ("size(:v) = :v", V, None, "function: size, operand type: N"),
        ("nosuch(a)", None, None, "Invalid function name; function: nosuch"),
        ("SIZE(a) = :v", V, None, "Invalid function name; function: SIZE"),
        (
            "a BETWEEN :v AND :w",
            {**V, ":w": {"N": "0"}},
            None,
            "upper bound to be greater than or equal to lower bound",
        ),
        ("a BETWEEN :v AND :w", {**V, ":w": {"S": "2"}}, None, "same data type"),
        ("a = :v OR " * 450 + "a = :v", V, None, "maximum allowed size"),
    ],
)
def test_condition_refused(text, values, names, words):
    with pytest.raises(EngineError, match=words) as caught:
        bound("ConditionExpression", text, values, names)
    assert caught.value.code == "ValidationException"


def test_names_without_an_expression():
    with pytest.raises(EngineError, match="can only be specified when using expressions"):
        Binder({"ExpressionAttributeNames": {"#a": "a"}}, "ConditionExpression")


@pytest.mark.parametrize(
    ("text", "values", "attribute", "value"),
    [
        ("SET a = :v", V, "a", {"N": "1"}),
        ("SET a = a + :v", V, "a", {"N": "6"}),
        ("SET a = :v - a", V, "a", {"N": "-4"}),
        ("SET c = b", None, "c", {"S": "blue"}),
        ("SET c = if_not_exists(c, :v)", V, "c", {"N": "1"}),
        ("SET a = if_not_exists(a, :v)", V, "a", {"N": "5"}),
        ("SET c = if_not_exists(c, :v) + :v", V, "c", {"N": "2"}),
        (
            "SET c = list_append(if_not_exists(c, :l), :l)",
            {":l": {"L": [{"N": "1"}]}},
            "c",
            {"L": [{"N": "1"}, {"N": "1"}]},
        ),
        (
            "SET series[1] = :v",
            {":v": {"S": "x"}},
            "series",
            {"L": [{"N": "0"}, {"S": "x"}, {"N": "2"}]},
        ),
        (
            "SET series[9] = :v, series[7] = :w",
            {":v": {"S": "nine"}, ":w": {"S": "seven"}},
            "series",
            {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"S": "seven"}, {"S": "nine"}]},
        ),
        ("REMOVE series[0], series[2]", None, "series", {"L": [{"N": "1"}]}),
        ("REMOVE series[9]", None, "series", ITEM["series"]),
        ("REMOVE b", None, "b", None),
        ("REMOVE gone", None, "gone", None),
        ("ADD a :v", V, "a", {"N": "6"}),
        ("ADD c :v", V, "c", {"N": "1"}),
        ("ADD tags :s", {":s": {"SS": ["y", "z"]}}, "tags", {"SS": ["x", "y", "z"]}),
        ("DELETE tags :s", {":s": {"SS": ["y", "z"]}}, "tags", {"SS": ["x"]}),
        ("DELETE tags :s", {":s": {"SS": ["x", "y"]}}, "tags", None),
        ("DELETE gone :s", {":s": {"SS": ["x"]}}, "gone", None),
        ("set a = :v remove b", V, "b", None),
    ],
)
def test_update(text, values, attribute, value):
    assert after(text, values).get(attribute) == value


def test_sources_are_read_before_anything_is_changed():
    item = after("SET a = b, b = a")
    assert (item["a"], item["b"]) == (ITEM["b"], ITEM["a"])


def test_a_copied_map_does_not_change_with_its_origin():
    item = after("SET copied = deep REMOVE deep.#d", None, {"#d": "a.b"})
    assert item["copied"] == ITEM["deep"]
    assert "a.b" not in item["deep"]["M"]


def test_a_removed_element_does_not_move_the_others_first():
    item = {"l": {"L": [{"N": "0"}, {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}]}}
    assert after("REMOVE l[0], l[1].x", item=item) == {"l": {"L": [{"M": {"y": {"N": "2"}}}]}}


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        ("SET a = :v SET b = :v", V, 'The "SET" section can only be used once'),
        (
            "SET a = :v, a.b = :v",
            V,
            r"overlap with each other.*path one: \[a\], path two: \[a, b\]",
        ),
        ("SET a.b = :v REMOVE a[0]", V, "conflict with each other"),
        ("SET a = :v + :v + :v", V, "Syntax error"),
        ("SET a = :v,", V, "Syntax error"),
        ("a = :v", V, "Syntax error"),
        ("SET a = size(b)", None, "Invalid function name; function: size"),
        ("SET a = if_not_exists(:v, :v)", V, "requires a document path"),
        ("SET a = if_not_exists(a)", None, "number of operands: 1"),
        ("SET a = b + :v", {":v": {"S": "x"}}, "operand type: S"),
        ("SET a = list_append(b, :v)", V, "operand type: N"),
        ("ADD a b", None, "Syntax error"),
        ("ADD a :v", {":v": {"S": "x"}}, "ALLOWED_FOR_ADD_OPERAND"),
        ("DELETE a :v", V, "ALLOWED_FOR_DELETE_OPERAND"),
        ("SET year = :v", V, "reserved keyword: year"),
        ("SET c = gone", None, "does not exist in the item"),
        ("SET gone.x = :v", V, "document path provided in the update expression is invalid"),
        ("SET a[0] = :v", V, "document path provided in the update expression is invalid"),
        ("REMOVE a.x", None, "document path provided in the update expression is invalid"),
        ("SET c = b + :v", V, "incorrect data type"),
        ("SET c = list_append(a, a)", None, "incorrect data type"),
        ("ADD b :v", V, "incorrect data type"),
        ("DELETE tags :v", {":v": {"NS": ["1"]}}, "incorrect data type"),
    ],
)
def test_update_refused(text, values, words):
    with pytest.raises(EngineError, match=words) as caught:
        after(text, values)
    assert caught.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("text", "names", "kept"),
    [
        ("a, gone", None, {"a": {"N": "5"}}),
        ("series[2], series[0]", None, {"series": {"L": [{"N": "0"}, {"N": "2"}]}}),
        (
            "deep.#in[1].k",
            {"#in": "in"},
            {"deep": {"M": {"in": {"L": [{"M": {"k": {"N": "1"}}}]}}}},
        ),
        ("a.x, series[9], deep.gone", None, {}),
    ],
)
def test_projection(text, names, kept):
    assert projected(bound("ProjectionExpression", text, None, names), ITEM) == kept


@pytest.mark.parametrize("text", ["a, a", "a, a.b", "a.b, a[0]", "a b", "a,", ":v"])
def test_projection_refused(text):
    with pytest.raises(EngineError, match="Invalid ProjectionExpression"):
        bound("ProjectionExpression", text)
