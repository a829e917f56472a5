"""Event patterns: every operator by a table, and the whole language against a naive reading."""

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.kernel.errors import BadInput
from cloud.local.patterns import parse

E = "equals-ignore-case"


@pytest.mark.parametrize(
    ("condition", "taken", "not_taken"),
    [
        pytest.param("a", ["a", ["b", "a"], [["a"]]], ["A", "", None, 1, [], {"a": "a"}], id="a"),
        pytest.param("", [""], [None, " ", 0, False], id="empty text"),
        pytest.param(None, [None, [None]], ["", 0, False, "null"], id="null"),
        pytest.param(1, [1, 1.0, [0, 1]], [True, "1", 2], id="one is not true"),
        pytest.param(True, [True], [1, "true", False], id="true is not one"),
        pytest.param(300, [300, 3.0e2], [301, "300"], id="a number by its value"),
        pytest.param({"prefix": "eu-"}, ["eu-", "eu-1"], ["EU-1", "e", 1, None], id="prefix"),
        pytest.param({"prefix": {E: "eu-"}}, ["EU-1"], ["us-1"], id="prefix in any case"),
        pytest.param({"suffix": ".png"}, [".png", "a.png"], [".PNG", "png"], id="suffix"),
        pytest.param({"suffix": {E: ".png"}}, ["a.PNG"], ["a.jpg"], id="suffix in any case"),
        pytest.param({E: "Alice"}, ["alice", "ALICE"], ["alic", 1, None], id="any case"),
        pytest.param({"anything-but": "a"}, ["b", 1, None, ["a", "b"]], ["a", ["a"], []], id="no"),
        pytest.param({"anything-but": ["a", "b"]}, ["c"], ["a", "b"], id="none of a list"),
        pytest.param({"anything-but": [1, 2]}, [3, "1"], [1, 2.0], id="none of these numbers"),
        pytest.param({"anything-but": {"prefix": "a"}}, ["b", 7], ["a", "ab"], id="no prefix"),
        pytest.param({"anything-but": {"prefix": ["a", "b"]}}, ["c"], ["a1", "b1"], id="prefixes"),
        pytest.param({"anything-but": {"suffix": "z"}}, ["a"], ["z", "az"], id="no suffix"),
        pytest.param({"anything-but": {E: ["a"]}}, ["b"], ["a", "A"], id="not in any case"),
        pytest.param({"anything-but": {"wildcard": "*x*"}}, ["a"], ["axa", "x"], id="no wildcard"),
        pytest.param({"numeric": ["=", 5]}, [5, 5.0], [4, "5", True, None], id="equal"),
        pytest.param({"numeric": [">", 0, "<=", 5]}, [0.1, 5], [0, 5.1], id="range"),
        pytest.param({"numeric": [">=", 0, "<", 5]}, [0, 4.9], [-1, 5], id="other range"),
        pytest.param({"numeric": ["<", 10]}, [9, -1e300], [10, False], id="below"),
        pytest.param({"numeric": [">=", 10]}, [10, 11], [9.99], id="from"),
        pytest.param({"exists": True}, ["a", None, [1]], [[], {}, {"a": 1}], id="exists"),
        pytest.param({"exists": False}, [[], {"a": 1}], ["a", None], id="exists not"),
        pytest.param({"wildcard": "a*c"}, ["ac", "abc", "a*c", "acc"], ["ab", "bc"], id="star"),
        pytest.param({"wildcard": "*"}, ["", "x"], [None, 1], id="only a star"),
        pytest.param({"wildcard": r"a\*c"}, ["a*c"], ["abc"], id="an escaped star"),
        pytest.param({"wildcard": r"a\\*"}, ["a\\", "a\\b"], ["ab"], id="an escaped backslash"),
        pytest.param({"wildcard": "a*a"}, ["aa", "aba"], ["a"], id="ends do not overlap"),
        pytest.param({"cidr": "10.0.0.0/24"}, ["10.0.0.255"], ["10.0.1.0", "x", 1], id="cidr"),
        pytest.param({"cidr": "2001:db8::/32"}, ["2001:db8::1"], ["10.0.0.1"], id="cidr of six"),
    ],
)  # fmt: skip
def test_conditions(condition: Any, taken: list[Any], not_taken: list[Any]) -> None:
    pattern = parse(json.dumps({"a": {"b": [condition]}}))
    assert [value for value in taken if not pattern.matches({"a": {"b": value}})] == []
    assert [value for value in not_taken if pattern.matches({"a": {"b": value}})] == []


def test_a_missing_field_is_only_taken_by_exists_false() -> None:
    for condition in ("a", None, {"anything-but": "a"}, {"exists": True}, {"wildcard": "*"}):
        assert not parse({"a": [condition]}).matches({})
        assert not parse({"a": {"b": [condition]}}).matches({"a": "text"})
    assert parse({"a": [{"exists": False}]}).matches({})
    assert parse({"a": {"b": [{"exists": False}]}}).matches({"a": "text"})


def test_keys_are_and_and_arrays_are_or() -> None:
    pattern = parse(
        {"source": ["s"], "detail": {"state": ["on", "off"], "n": [{"numeric": [">", 1]}]}}
    )
    assert pattern.matches({"source": "s", "detail": {"state": "off", "n": 2, "more": 1}})
    assert not pattern.matches({"source": "s", "detail": {"state": "off", "n": 1}})
    assert not pattern.matches({"source": "t", "detail": {"state": "on", "n": 2}})


def test_or() -> None:
    pattern = parse({"s": ["x"], "$or": [{"a": [1]}, {"b": {"c": [2]}, "d": [3]}]})
    assert pattern.matches({"s": "x", "a": 1})
    assert pattern.matches({"s": "x", "b": {"c": 2}, "d": 3})
    assert not pattern.matches({"s": "x", "b": {"c": 2}})
    assert not pattern.matches({"s": "y", "a": 1})
    inside = parse({"detail": {"$or": [{"a": [1]}, {"a": [{"exists": False}]}]}})
    assert inside.matches({"detail": {"b": 1}})
    assert not inside.matches({"detail": {"a": 2}})


def test_one_element_of_an_array_satisfies_all() -> None:
    pattern = parse({"list": {"a": [1], "b": [2]}})
    assert pattern.matches({"list": [{"a": 0}, {"a": 1, "b": 2}]})
    assert not pattern.matches({"list": [{"a": 1}, {"b": 2}]})


def test_the_filter_of_a_table_stream() -> None:
    pattern = parse({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"n": {"N": ["7"]}}}})
    assert pattern.matches({"eventName": "INSERT", "dynamodb": {"NewImage": {"n": {"N": "7"}}}})
    assert not pattern.matches({"eventName": "INSERT", "dynamodb": {"NewImage": {"n": {"N": "8"}}}})


def test_an_empty_pattern_takes_all() -> None:
    assert parse("{}").matches({"a": 1})


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("[]", "want an object"),
        ("{", "not JSON"),
        ('{"a": [NaN]}', "not JSON"),
        ('{"a": [1], "a": [2]}', "stands twice"),
        ("[" * 100_000, "not JSON"),
        ({"a": 1}, "at a: a value stands in an array"),
        ({"a": []}, "at a: an empty array"),
        ({"a": {}}, "at a: an empty object"),
        ({"a": {"b": [[1]]}}, r"at a.b\[0\]: want a string"),
        ({"a": [1, {"prefx": "x"}]}, r"at a\[1\].prefx: 'prefx' is no operator"),
        ({"a": [{"prefix": 1}]}, "want a string"),
        ({"a": [{"prefix": ["x"]}]}, "not an array"),
        ({"a": [{"prefix": {"suffix": "x"}}]}, "equals-ignore-case"),
        ({"a": [{"prefix": "x", "suffix": "y"}]}, "one operator"),
        ({"a": [{}]}, "one operator"),
        ({"a": [{"exists": "true"}]}, "true or false"),
        ({"a": [{"numeric": ["=", "1"]}]}, "want a number"),
        ({"a": [{"numeric": ["=", 6e9]}]}, "within 5e9"),
        ({"a": [{"numeric": ["!=", 1]}]}, "want =, <"),
        ({"a": [{"numeric": ["<", 1, ">", 0]}]}, "a range has"),
        ({"a": [{"numeric": [">", 2, "<", 1]}]}, "lower bound"),
        ({"a": [{"numeric": [">", 2, "<"]}]}, "want \\[sign"),
        ({"a": [{"numeric": "> 1"}]}, "want \\[sign"),
        ({"a": [{"anything-but": []}]}, "at least one"),
        ({"a": [{"anything-but": [1, "a"]}]}, "not both"),
        ({"a": [{"anything-but": None}]}, "a string or a number"),
        ({"a": [{"anything-but": {"numeric": ["=", 1]}}]}, "no operator"),
        ({"a": [{"wildcard": "a**b"}]}, "two stars"),
        ({"a": [{"wildcard": "a\\b"}]}, "backslash"),
        ({"a": [{"wildcard": "a\\"}]}, "backslash"),
        ({"a": [{"cidr": "10.0.0.0"}]}, "a network"),
        ({"a": [{"cidr": "10.0.0.0/33"}]}, "33"),
        ({"$or": [{"a": [1]}]}, "two patterns"),
        ({"$or": [{"a": [1]}, 2]}, r"at \$or\[1\]"),
        ({1: ["a"]}, "not a string"),
    ],
)
def test_bad_patterns_are_named(pattern: Any, place: str) -> None:
    with pytest.raises(BadInput, match=place):
        parse(pattern)


def test_a_pattern_that_nests_for_ever_is_refused() -> None:
    deep: Any = ["x"]
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(BadInput, match="deeper"):
        parse(deep)


def test_a_wildcard_takes_no_time_to_fail() -> None:
    pattern = parse({"a": [{"wildcard": "*a" * 40 + "b"}]})
    assert not pattern.matches({"a": "a" * 100_000})


# ---- against a naive reading --------------------------------------------------------------------

WORDS = st.sampled_from(["", "a", "b", "A", "ab", "aB", "ba", "aab", "*", "a*b", "10.0.0.1", "\\"])
NUMBERS = st.sampled_from([0, 1, 2, 2.5, -1])
SCALARS = WORDS | NUMBERS | st.booleans() | st.none()
NAMES = st.sampled_from(["x", "y", "z"])
STARRED = st.lists(st.sampled_from(["a", "b", "*", "\\*", "\\\\"]), max_size=6).map("".join)
CONDITIONS = st.one_of(
    SCALARS,
    st.builds(lambda text: {"prefix": text}, WORDS),
    st.builds(lambda text: {"prefix": {E: text}}, WORDS),
    st.builds(lambda text: {"suffix": text}, WORDS),
    st.builds(lambda text: {E: text}, WORDS),
    st.builds(lambda text: {"wildcard": text}, STARRED.filter(lambda text: "**" not in text)),
    st.builds(lambda sign, value: {"numeric": [sign, value]},
              st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBERS),
    st.builds(lambda yes: {"exists": yes}, st.booleans()),
    st.builds(lambda bits: {"cidr": f"10.0.0.0/{bits}"}, st.integers(0, 32)),
    st.builds(lambda one: {"anything-but": one}, WORDS | NUMBERS),
    st.builds(lambda many: {"anything-but": many}, st.lists(WORDS, min_size=1, max_size=3)),
    st.builds(lambda text: {"anything-but": {"prefix": text}}, WORDS),
)  # fmt: skip
PATTERNS = st.recursive(
    st.dictionaries(NAMES, st.lists(CONDITIONS, min_size=1, max_size=3), min_size=1, max_size=2),
    lambda inner: (
        st.dictionaries(
            NAMES, st.lists(CONDITIONS, min_size=1, max_size=2) | inner, min_size=1, max_size=2
        )
        | st.builds(lambda sides: {"$or": sides}, st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=5,
)
EVENTS = st.recursive(
    st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3), max_size=3),
    lambda inner: st.dictionaries(
        NAMES, SCALARS | st.lists(SCALARS, max_size=2) | inner | st.lists(inner, max_size=2),
        max_size=3,
    ),
    max_leaves=6,
)  # fmt: skip


def naive(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Read the language another way: alternatives multiplied out, conditions as regexes."""
    for name, wanted in pattern.items():
        if name == "$or":
            if not [side for side in wanted if naive(side, event)]:
                return False
            continue
        values = event.get(name, [])
        values = values if isinstance(values, list) else [values]
        if isinstance(wanted, dict):
            objects = [value for value in values if isinstance(value, dict)]
            if not [one for one in objects or [{}] if naive(wanted, one)]:
                return False
            continue
        leaves = [json.dumps(value) for value in values if not isinstance(value, dict)]
        if not [one for one in wanted if naive_condition(one, leaves)]:
            return False
    return True


def naive_condition(condition: Any, leaves: list[str]) -> bool:
    if condition in ({"exists": True}, {"exists": False}):
        return condition == {"exists": len(leaves) > 0}
    return any(naive_value(condition, json.loads(leaf)) for leaf in leaves)


def naive_value(condition: Any, value: Any) -> bool:
    if not isinstance(condition, dict):
        return (type(condition) in (int, float) and type(value) in (int, float) and (
            condition == value
        )) or json.dumps(condition) == json.dumps(value)  # fmt: skip
    ((name, operand),) = condition.items()
    if name == "anything-but":
        listed = operand if isinstance(operand, list) else [operand]
        return all(not naive_value(one, value) for one in listed)
    if name == "numeric":
        signs = {"=": [0], "<": [-1], "<=": [-1, 0], ">": [1], ">=": [1, 0]}[operand[0]]
        is_number = type(value) in (int, float)
        return is_number and (value > operand[1]) - (value < operand[1]) in signs
    if not isinstance(value, str):
        return False
    if name == "cidr":
        try:
            address = int(ipaddress.IPv4Address(value))
        except ValueError:
            return False
        shift = 32 - int(operand.partition("/")[2])
        return address >> shift == int(ipaddress.IPv4Address("10.0.0.0")) >> shift
    flags = re.DOTALL
    if isinstance(operand, dict):
        operand, flags = operand[E], re.DOTALL | re.IGNORECASE
    if name == E:
        return re.fullmatch(re.escape(operand), value, re.IGNORECASE) is not None
    if name == "wildcard":
        parts = re.findall(r"\\.|.", operand, re.DOTALL)
        regex = "".join(".*" if part == "*" else re.escape(part[-1]) for part in parts)
        return re.fullmatch(regex, value, re.DOTALL) is not None
    regex = re.escape(operand)
    return (
        re.fullmatch(f"{regex}.*" if name == "prefix" else f".*{regex}", value, flags) is not None
    )


@settings(max_examples=1000, deadline=None)
@given(pattern=PATTERNS, event=EVENTS)
def test_the_naive_reading_agrees(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assert parse(json.dumps(pattern)).matches(event) == naive(pattern, event)


ANYTHING = st.recursive(
    SCALARS | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["prefix", "numeric", "anything-but", "wildcard", "cidr", "$or", E, "x"]
            ),
            inner,
            max_size=2,
        )
    ),
    max_leaves=12,
)


@given(given=ANYTHING, text=st.text(max_size=20), event=EVENTS)
def test_only_bad_input_is_raised(given: Any, text: str, event: dict[str, Any]) -> None:
    for pattern in (given, {"x": given}, {"x": [given]}, text):
        try:
            parse(pattern).matches(event)
        except BadInput as fault:
            assert "event pattern" in str(fault)  # noqa: PT017 - nothing else may be raised
