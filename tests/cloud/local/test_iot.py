"""Topic rules: the statement, Basic Ingest, and what ends up in which queue."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kernel.errors import BadInput, Unavailable
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.iot import (
    DataPlane,
    SqsAction,
    TopicRule,
    carry_out,
    error_document,
    parse_sql,
    route,
)
from cloud.local.mqtt.message import Publish
from cloud.local.queues import QueueError, Queues

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
        ("SELECT get_thing_shadow(a) AS u FROM 'a'", "function get_thing_shadow"),
        ("SELECT upper() AS u FROM 'a'", "upper has 1 arguments"),
        ("SELECT substring(a) AS u FROM 'a'", "substring has 2 to 3"),
        ("SELECT regexp_matches(a, '[') AS u FROM 'a'", "not a pattern"),
        ("SELECT regexp_matches(a, b) AS u FROM 'a'", "single quotes"),
        ("SELECT CASE a END AS u FROM 'a'", "want WHEN"),
        ("SELECT CASE a WHEN 1 THEN 2 AS u FROM 'a'", "want END"),
        ("SELECT 1e999 AS u FROM 'a'", "too large"),
        ("SELECT encode(*, 'hex') AS d FROM 'a'", "only"),
        ("SELECT a + AS b FROM 'a'", "want a value"),
        ("SELECT a | 1 AS b FROM 'a'", "cannot read"),
        ("SELECT " + "(" * 5000 + "a" + ")" * 5000 + " AS b FROM 'a'", "nests deeper"),
        ("SELECT " + "-" * 5000 + "a AS b FROM 'a'", "nests deeper"),
        ("SELECT * FROM 'a' WHERE " + "NOT " * 5000 + "a", "nests deeper"),
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


# ---- what an expression makes -------------------------------------------------------------------

GONE = object()


@pytest.mark.parametrize(
    ("expression", "payload", "expected"),
    [
        ("a + 1", {"a": 2}, 3),
        ("a + '1'", {"a": 2}, "21"),
        ("'x' + 1.5", {}, "x1.5"),
        ("a + 1", {"a": None}, GONE),
        ("a + 1", {"a": True}, GONE),
        ("1 + 2 * 3 - 4", {}, 3),
        ("(1 + 2) * 3", {}, 9),
        ("10 - 3 - 2", {}, 5),
        ("'7' - 2", {}, 5),
        ("'x' - 2", {}, GONE),
        ("7 / 2", {}, 3),
        ("-7 / 2", {}, -3),
        ("7.5 / 2", {}, 3.75),
        ("1 / 0", {}, GONE),
        ("1.5 / 0", {}, GONE),
        ("7 % 3", {}, 1),
        ("-7 % 3", {}, -1),
        ("-a", {"a": 3}, -3),
        ("--a", {"a": "3"}, 3),
        ("1e308 * 1e308", {}, int(1e308) * int(1e308)),
        ("a * a", {"a": 10**600}, GONE),
        ("a + 0.5", {"a": 10**400}, GONE),
        ("a > 1 AND b", {"a": 2, "b": "true"}, True),
        ("abs(-5.5)", {}, 5.5),
        ("abs('-5')", {}, 5),
        ("abs(true)", {}, GONE),
        ("ceil(1.2)", {}, 2),
        ("floor('1.9')", {}, 1),
        ("floor(null)", {}, GONE),
        ("round(1.5)", {}, 2),
        ("round(-1.5)", {}, -2),
        ("round(-1.1)", {}, -1),
        ("concat('con', 'cat')", {}, "concat"),
        ("concat(1, 'hello')", {}, "1hello"),
        ("concat(a, 4)", {"a": [1, 2]}, [1, 2, 4]),
        ("concat(a, b)", {"a": "x"}, GONE),
        ("concat(1, 2)", {}, GONE),
        ("upper(a)", {"a": "hé"}, "HÉ"),
        ("lower(true)", {}, "true"),
        ("length(false)", {}, 5),
        ("length(a)", {}, GONE),
        ("startswith('ranger', 'ran')", {}, True),
        ("endswith('cat', 'at')", {}, True),
        ("startswith(null, 'ran')", {}, GONE),
        ("substring('012345', 2)", {}, "2345"),
        ("substring('012345', 2.745)", {}, "2345"),
        ("substring(123, 2)", {}, "3"),
        ("substring('012345', -1)", {}, "012345"),
        ("substring(true, 1.2)", {}, "rue"),
        ("substring('012345', 1, 3)", {}, "12"),
        ("substring('012345', -50, 50)", {}, "012345"),
        ("substring('012345', 3, 1)", {}, ""),
        ("regexp_matches('aaaa', 'a{2,}')", {}, True),
        ("regexp_matches('aaaa', 'b')", {}, False),
        ("isNull(a)", {"a": None}, True),
        ("isNull(a)", {}, False),
        ("isUndefined(a)", {}, True),
        ("isUndefined(a)", {"a": None}, False),
        ("encode(a, 'base64')", {"a": "hi"}, "aGk="),
        ("encode(a, 'base64')", {"a": [1]}, base64.b64encode(b"[1]").decode()),
        ("CASE a WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'many' END", {"a": 2}, "two"),
        ("CASE a WHEN 1 THEN 'one' ELSE 'many' END", {"a": 3}, "many"),
        ("CASE a WHEN 1 THEN 'one' END", {"a": 3}, GONE),
        ("CASE a WHEN b THEN 'same' END", {}, GONE),
    ],
)
def test_expressions(expression: str, payload: Any, expected: Any) -> None:
    (result,) = results(f"SELECT {expression} AS v FROM '#'", payload)
    assert result.get("v", GONE) == expected
    assert type(result.get("v", GONE)) is type(expected)


def test_a_new_uuid_each_time() -> None:
    one, two = (results("SELECT newuuid() AS id FROM '#'", {})[0]["id"] for _ in range(2))
    assert len(one) == len(two) == 36
    assert one != two


def test_a_long_condition_is_read_and_evaluated() -> None:
    condition = " OR ".join(f"a = {number}" for number in range(5000))
    assert results(f"SELECT * FROM '#' WHERE {condition}", {"a": 4999}) == [{"a": 4999}]
    total = " + ".join(["a"] * 5000)
    assert results(f"SELECT {total} AS v FROM '#'", {"a": 2}) == [{"v": 10_000}]


WORDS = [
    "SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "CASE", "WHEN", "THEN", "ELSE", "END",
    "*", "(", ")", ",", ".", "+", "-", "/", "%", "=", "<>", "<", ">=", "'#'", "'base64'", "'['",
    "1", "1.5", "1e9", "9e999", "null", "true", "a", "b", "topic(", "encode(", "abs(", "concat(",
    "substring(", "regexp_matches(", "timestamp()", "newuuid()",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(words=st.lists(st.sampled_from(WORDS), max_size=20), text=st.text(max_size=20))
def test_no_statement_breaks_the_parser(words: list[str], text: str) -> None:
    for sql in (" ".join(words), f"SELECT {' '.join(words)} FROM '#'", text,
                f"SELECT * FROM '#' WHERE {text}"):  # fmt: skip
        try:
            parse_sql(sql)
        except BadInput as fault:
            assert str(fault)  # noqa: PT017 - nothing else may be raised


@given(
    value=JSON,
    name=st.sampled_from(["abs", "ceil", "floor", "round", "upper", "length", "isNull", "-"]),
    sign=st.sampled_from(["+", "-", "*", "/", "%", "<", "="]),
    payload=st.binary(max_size=30) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_no_payload_breaks_a_rule(value: Any, name: str, sign: str, payload: bytes) -> None:
    sql = (
        f"SELECT {name}(a) AS f, a {sign} b AS s, concat(a, b) AS c, substring(a, b) AS t,"
        " encode(a, 'base64') AS e FROM '#'"
    )
    one = rule(sql, ErrorAction=ERROR)
    for wire in (payload, json.dumps({"a": value, "b": value}).encode()):
        for _, body in route([one], message("a", wire), NOW_MS):
            json.loads(body)


# ---- carrying out -------------------------------------------------------------------------------


class At:
    def now(self) -> datetime:
        return datetime(2026, 9, 21, tzinfo=UTC)


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[Queues]:
    made = Queues(tmp_path / "queues.db", At())
    yield made
    made.close()


def carry(queues: Queues, rules: list[TopicRule], payload: bytes, topic: str = "a") -> None:
    carry_out(
        rules,
        message(topic, payload),
        NOW_MS,
        lambda url, body: queues.send(url.removeprefix(URL), body),
    )


def bodies(queues: Queues, name: str) -> list[str]:
    return [message.body for message in queues.receive(name, 10)]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        pytest.param('{"a": "\uffff"}'.encode(), "Invalid characters", id="refused character"),
        pytest.param(b'{"a": "\\ud800"}', "surrogates", id="half of a pair"),
    ],
)
def test_a_body_that_sqs_refuses_goes_to_the_error_action(
    queues: Queues, payload: bytes, says: str
) -> None:
    queues.create("telemetry")
    queues.create("errors")
    carry(queues, [rule("SELECT * FROM '#'", ErrorAction=ERROR)], payload)
    assert bodies(queues, "telemetry") == []
    (body,) = bodies(queues, "errors")
    document = json.loads(body)
    assert base64.b64decode(document["base64OriginalPayload"]) == payload
    assert says in document["failures"][0]["errorMessage"]


def test_a_missing_queue_is_told_to_the_error_action(queues: Queues) -> None:
    queues.create("errors")
    queues.create("other")
    rules = [rule("SELECT * FROM '#'", ErrorAction=ERROR), rule("SELECT * FROM '#'", "other")]
    carry(queues, rules, b"{}", topic="a\ufffe")
    (failure,) = json.loads(bodies(queues, "errors")[0])["failures"]
    assert failure["failedAction"] == "SqsAction"
    assert failure["failedResource"] == "telemetry"
    assert "NonExistentQueue" in failure["errorMessage"]
    assert bodies(queues, "other") == ["{}"]


@pytest.mark.parametrize("options", [{}, {"ErrorAction": ERROR}])
def test_what_nobody_can_take_is_raised_and_the_others_still_get_it(
    queues: Queues, options: dict[str, Any]
) -> None:
    queues.create("other")
    rules = [rule("SELECT * FROM '#'", **options), rule("SELECT * FROM '#'", "other")]
    with pytest.raises(QueueError, match="does not exist"):
        carry(queues, rules, b"{}")
    assert bodies(queues, "other") == ["{}"]


# ---- the data plane -----------------------------------------------------------------------------


def test_the_data_plane_publishes() -> None:
    sent: list[Any] = []
    plane = DataPlane(lambda *given, **named: sent.append((*given, named)))
    assert plane.call("Publish", {"topic": "a/b", "qos": 1, "payload": "hé"}) == {}
    assert plane.call("Publish", {"topic": "a", "payload": b"x" * 131_072, "retain": True}) == {}
    assert plane.call("Publish", {"topic": "a"}) == {}
    assert sent[0] == ("a/b", "hé".encode(), 1, {"retain": False})
    assert sent[1][2:] == (0, {"retain": True})
    assert sent[2] == ("a", b"", 0, {"retain": False})


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("Publish", {"topic": "a/+"}, "InvalidRequestException"),
        ("Publish", {"topic": "#"}, "InvalidRequestException"),
        ("Publish", {"topic": ""}, "InvalidRequestException"),
        ("Publish", {"topic": "a\x00"}, "InvalidRequestException"),
        ("Publish", {"topic": "$aws/rules/x/a"}, "InvalidRequestException"),
        ("Publish", {"topic": "a/b/c/d/e/f/g/h/i"}, "InvalidRequestException"),
        ("Publish", {"topic": "a", "qos": 2}, "InvalidRequestException"),
        ("Publish", {"topic": "a", "payload": b"x" * 131_073}, "InvalidRequestException"),
        ("Publish", {"topic": "a", "messageExpiry": 1}, "InvalidRequestException"),
        ("GetRetainedMessage", {"topic": "a"}, "MethodNotAllowedException"),
        ("Publish", {"topic": "down"}, "ServiceUnavailableException"),
    ],
)
def test_what_the_data_plane_refuses(operation: str, parameters: dict[str, Any], code: str) -> None:
    def publish(topic: str, *_: Any, retain: bool) -> None:
        if topic == "down":
            raise Unavailable("the MQTT listener is not started")
        pytest.fail("it was published")

    with pytest.raises(ServiceError) as info:
        DataPlane(publish).call(operation, parameters)
    assert info.value.code == code
