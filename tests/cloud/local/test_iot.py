"""Topic rules: the statement, Basic Ingest, and what ends up in which queue."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cloud.kernel.errors import BadInput
from cloud.local.iot import SqsAction, TopicRule, error_document, parse_sql, route
from cloud.local.mqtt.message import Publish

NOW_MS = 1_790_000_000_123
URL = "http://127.0.0.1/000000000000/"


def rule(sql: str, name: str = "telemetry", **options: Any) -> TopicRule:
    sqs = {"QueueUrl": f"{URL}{name}", "RoleArn": "arn:aws:iam::000000000000:role/r"}
    payload = {"Sql": sql, "AwsIotSqlVersion": "2016-03-23", "Actions": [{"Sqs": sqs}], **options}
    return TopicRule.from_properties({"RuleName": name, "TopicRulePayload": payload})


def message(topic: str, payload: bytes = b"{}") -> Publish:
    return Publish(
        "home-1", "home-1", topic, payload, 1, datetime(2026, 9, 21, tzinfo=UTC), "c" * 64
    )


def results(sql: str, payload: Any, topic: str = "sr/v1/home-1/e") -> list[Any]:
    wire = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return [json.loads(body) for _, body in route([rule(sql)], message(topic, wire), NOW_MS)]


@pytest.mark.parametrize(
    ("items", "payload", "expected"),
    [
        ("*", {"a": 1, "b": [None]}, {"a": 1, "b": [None]}),
        ("*", [1, 2], [1, 2]),
        ("*, topic(3) AS home", {"a": 1}, {"a": 1, "home": "home-1"}),
        ("*, 7 AS a", {"a": 1}, {"a": 7}),
        ("a, b.c AS d", {"a": 1, "b": {"c": 2}}, {"a": 1, "d": 2}),
        ("a, b.c AS d", {"a": None, "b": 2}, {"a": None}),
        ("topic() AS t", {}, {"t": "sr/v1/home-1/e"}),
        ("topic(1) AS t, topic(4) AS u, topic(5) AS v", {}, {"t": "sr", "u": "e"}),
        ("timestamp() AS at", {}, {"at": NOW_MS}),
        ("clientid() AS c, principal() AS p", {}, {"c": "home-1", "p": "c" * 64}),
        ("encode(*, 'base64') AS data", {"a": 1}, {"data": "eyJhIjogMX0="}),
        ("ENCODE(*, 'BASE64') as data", b"\x78\x9c\xff", {"data": "eJz/"}),
        ("'it''s' AS s, -1.5 AS n, true AS t, null AS z", {},
         {"s": "it's", "n": -1.5, "t": True, "z": None}),
        ("n", {"n": 10.0}, {"n": 10}),
    ],
)  # fmt: skip
def test_select(items: str, payload: Any, expected: Any) -> None:
    assert results(f"SELECT {items} FROM 'sr/v1/+/e'", payload) == [expected]


@pytest.mark.parametrize(
    ("condition", "payload", "is_taken"),
    [
        ("a = 1", {"a": 1}, True),
        ("a = 1", {"a": True}, False),
        ("a = 1", {"a": "1"}, False),
        ("a = 1", {}, False),
        ("a <> 1", {"a": 2}, True),
        ("a <> 1", {"a": "1"}, True),
        ("a <> 1", {}, False),
        ("NOT a = 1", {}, False),
        ("a < 2", {"a": 1}, True),
        ("a < 2", {"a": 2}, False),
        ("a <= 2", {"a": 2}, True),
        ("a > '1.5'", {"a": 2}, True),
        ("a >= 2", {"a": "2"}, True),
        ("a > 1", {"a": "x"}, False),
        ("a > 1", {"a": True}, False),
        ("a = null", {"a": None}, True),
        ("a = 'x' AND b = 'y'", {"a": "x", "b": "y"}, True),
        ("a = 'x' AND b = 'y'", {"a": "x", "b": "z"}, False),
        ("a = 1 OR b = 1 AND c = 1", {"a": 1, "b": 0, "c": 0}, True),
        ("(a = 1 OR b = 1) AND c = 1", {"a": 1, "b": 0, "c": 0}, False),
        ("a = 1 OR b = 1", {"a": 1}, False),
        ("NOT (a = 1)", {"a": 2}, True),
        ("NOT NOT a = 1", {"a": 1}, True),
        ("a", {"a": True}, True),
        ("a", {"a": "True"}, True),
        ("a", {"a": 1}, False),
        ("a.b.c = 'x'", {"a": {"b": {"c": "x"}}}, True),
        ("topic(4) = 'e'", {}, True),
        ("timestamp() > 0", {}, True),
    ],
)
def test_where(condition: str, payload: Any, is_taken: bool) -> None:
    assert bool(results(f"SELECT * FROM '#' WHERE {condition}", payload)) is is_taken


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("", "want SELECT"),
        ("SELECT", "want a value, got the end"),
        ("SELECT * FROM sr", "single quotes"),
        ("SELECT * FROM 'a' LIMIT 1", "LIMIT is not supported"),
        ("SELECT * FROM 'a/#/b'", "alone and last"),
        ("SELECT topic(2) FROM 'a'", "needs a name"),
        ("SELECT a.b FROM 'a'", "needs a name"),
        ("SELECT 1 FROM 'a'", "needs a name"),
        ("SELECT a AS from FROM 'a'", "is not a name"),
        ("SELECT a, b AS a FROM 'a'", "two items"),
        ("SELECT topic(0) AS t FROM 'a'", "from 1"),
        ("SELECT topic(1.5) AS t FROM 'a'", "from 1"),
        ("SELECT upper(a) AS u FROM 'a'", "function upper"),
        ("SELECT encode(a, 'base64') AS d FROM 'a'", r"want \*"),
        ("SELECT encode(*, 'hex') AS d FROM 'a'", "only"),
        ("SELECT a + 1 AS b FROM 'a'", "cannot read"),
        ("SELECT -a AS b FROM 'a'", "arithmetic"),
        ("SELECT * FROM 'a' WHERE", "want a value"),
        ("SELECT * FROM 'a' WHERE a = ", "want a value"),
        ("SELECT * FROM 'a' WHERE (a = 1", r"want \)"),
        ("SELECT * FROM 'a' WHERE a IN (1)", "IN is not supported"),
        ("SELECT * FROM 'a' WHERE a == 1", "want a value, got ="),
        ("SELECT * FROM 'a", "cannot read"),
        ("SELECT VALUE a FROM 'a'", "want FROM"),
    ],
)
def test_what_is_not_known_is_refused_at_boot(sql: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        parse_sql(sql)


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"RuleName": None}, "RuleName"),
        ({"RuleName": "a-b"}, "RuleName"),
        ({"RuleName": "r", "Enabled": True}, "Enabled"),
        ({"RuleName": "r", "TopicRulePayload": {"Sql": "SELECT * FROM 'a'"}}, "AwsIotSqlVersion"),
        (
            {"RuleName": "r", "TopicRulePayload": {"AwsIotSqlVersion": "2016-03-23", "Sql": "x"}},
            "topic rule r: SQL",
        ),
    ],
)
def test_properties_that_are_not_known(properties: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        TopicRule.from_properties(properties)


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({"Lambda": {}}, "Lambda"),
        ({"Sqs": {"QueueUrl": "u"}}, "RoleArn"),
        ({"Sqs": {"QueueUrl": "u", "RoleArn": "r", "Fifo": 1}}, "Fifo"),
    ],
)
def test_actions_that_are_not_known(action: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        rule("SELECT * FROM 'a'", Actions=[action])


def names(rules: list[TopicRule], topic: str) -> list[str]:
    routed = route(rules, message(topic), NOW_MS)
    return [action.queue_url.removeprefix(URL) for action, _ in routed]


def test_basic_ingest_triggers_its_rule_only() -> None:
    rules = [
        rule("SELECT * FROM '#'", "everything"),
        rule("SELECT * FROM 'other'", "telemetry"),
        rule("SELECT * FROM '#'", "off", RuleDisabled=True),
    ]
    assert names(rules, "$aws/rules/telemetry/home-1/chunk") == ["telemetry"]
    assert names(rules, "$aws/rules/off/home-1/chunk") == []
    assert names(rules, "$aws/rules/nobody/home-1/chunk") == []
    assert names(rules, "home-1/chunk") == ["everything"]
    assert names(rules, "other") == ["everything", "telemetry"]


def test_basic_ingest_hides_its_prefix() -> None:
    sql = "SELECT topic() AS t, topic(1) AS gateway FROM 'a'"
    topic = "$aws/rules/telemetry/home-1/chunk"
    assert results(sql, {}, topic) == [{"t": "home-1/chunk", "gateway": "home-1"}]


@pytest.mark.parametrize("payload", [b"\x78\x9c", b"", b"NaN", b"1e999", b"[" * 100_000])
def test_binary_payloads_need_encode(payload: bytes) -> None:
    assert results("SELECT * FROM '#'", payload) == []
    assert results("SELECT a FROM '#'", payload) == []
    assert results("SELECT topic() AS t FROM '#' WHERE a = 1", payload) == []
    assert results("SELECT encode(*, 'base64') AS d FROM '#'", payload) == [
        {"d": base64.b64encode(payload).decode()}
    ]


ERROR = {"Sqs": {"QueueUrl": f"{URL}errors", "RoleArn": "r"}}


@pytest.mark.parametrize(
    ("sql", "payload"),
    [("SELECT * FROM '#'", b"\x00"), ("SELECT *, topic() AS t FROM '#'", b"[1]")],
)
def test_unusable_payloads_go_to_the_error_action(sql: str, payload: bytes) -> None:
    rules = [rule(sql, ErrorAction=ERROR)]
    ((action, body),) = route(rules, message("a", payload), NOW_MS)
    assert action == SqsAction(f"{URL}errors", "r", is_error_action=True)
    document = json.loads(body)
    assert base64.b64decode(document["base64OriginalPayload"]) == payload
    assert (document["ruleName"], document["clientId"]) == ("telemetry", "home-1")


def test_an_action_that_failed_can_be_reported() -> None:
    one = rule("SELECT * FROM '#'", ErrorAction=ERROR)
    body = error_document(one, message("a"), action="SqsAction", resource="q", message="full")
    (failure,) = json.loads(body)["failures"]
    assert failure == {"failedAction": "SqsAction", "failedResource": "q", "errorMessage": "full"}


def test_base64_bodies() -> None:
    sqs = {"QueueUrl": "u", "RoleArn": "r", "UseBase64": True}
    ((action, body),) = route(
        [rule("SELECT * FROM '#'", Actions=[{"Sqs": sqs}])], message("a", b'{"a":1}'), NOW_MS
    )
    assert action.use_base64
    assert base64.b64decode(body) == b'{"a":1}'
