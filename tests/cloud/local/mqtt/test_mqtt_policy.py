"""The policy document: a device reaches its own topics and no other's."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.kernel.errors import BadInput
from cloud.local.mqtt.policy import Connected, Policy

ARN = "arn:aws:iot:eu-west-1:000000000000:"
THING = "${iot:Connection.Thing.ThingName}"


def statement(action: Any, *resources: str, effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": [ARN + name for name in resources]}


DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [
        statement("iot:Connect", f"client/{THING}"),
        statement(
            ["iot:Publish", "iot:RetainPublish"],
            f"topic/$aws/rules/telemetry/{THING}/chunk",
            f"topic/sr/v1/{THING}/*",
        ),
        statement("iot:Subscribe", f"topicfilter/sr/v1/{THING}/c"),
        statement("iot:Receive", f"topic/sr/v1/{THING}/c"),
        statement("iot:Publish", f"topic/sr/v1/{THING}/secret/*", effect="Deny"),
    ],
}
POLICY = Policy(DOCUMENT)


@pytest.mark.parametrize(
    ("thing", "action", "resource", "expected"),
    [
        ("home-1", "iot:Connect", "client/home-1", True),
        ("home-1", "iot:Connect", "client/home-2", False),
        ("home-1", "iot:Connect", "client/home-11", False),
        ("home-1", "iot:Publish", "topic/$aws/rules/telemetry/home-1/chunk", True),
        ("home-1", "iot:Publish", "topic/$aws/rules/telemetry/home-2/chunk", False),
        ("home-1", "iot:Publish", "topic/$aws/rules/other/home-1/chunk", False),
        ("home-1", "iot:Publish", "topic/$aws/rules/telemetry/home-1/chunk/x", False),
        ("home-1", "iot:Publish", "topic/sr/v1/home-1/a/b", True),
        ("home-1", "iot:Publish", "topic/sr/v1/home-1/secret/b", False),
        ("home-1", "iot:Publish", "topic/sr/v1/home-1", False),
        ("home-1", "iot:Subscribe", "topicfilter/sr/v1/home-1/c", True),
        ("home-1", "iot:Subscribe", "topicfilter/sr/v1/+/c", False),
        ("home-1", "iot:Subscribe", "topicfilter/#", False),
        ("home-1", "iot:Subscribe", "topic/sr/v1/home-1/c", False),
        ("home-1", "iot:Receive", "topic/sr/v1/home-1/c", True),
        ("home-1", "iot:Receive", "topic/sr/v1/home-2/c", False),
        ("*", "iot:Publish", "topic/sr/v1/home-2/x", False),
        (".*", "iot:Publish", "topic/sr/v1/home-2/x", False),
    ],
)
def test_policy(thing: str, action: str, resource: str, expected: bool) -> None:
    assert POLICY(thing, action, resource) is expected


NAMES = st.text("ab1-:_", min_size=1, max_size=6)


@settings(max_examples=500, deadline=None)
@given(owner=NAMES, other=NAMES, rest=st.sampled_from(["chunk", "x", "c", "a/b"]))
def test_no_cross_grants(owner: str, other: str, rest: str) -> None:
    for resource in (
        f"client/{other}",
        f"topic/$aws/rules/telemetry/{other}/{rest}",
        f"topic/sr/v1/{other}/{rest}",
        f"topicfilter/sr/v1/{other}/c",
    ):
        for action in ("iot:Connect", "iot:Publish", "iot:Subscribe", "iot:Receive"):
            if POLICY(owner, action, resource):
                assert owner == other


def test_wildcards_of_actions_and_resources() -> None:
    policy = Policy({"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}})
    assert policy("home-1", "iot:Receive", "topic/anything")


def test_a_question_mark_is_one_letter() -> None:
    policy = Policy({"Statement": statement("iot:Publish", "topic/a?c")})
    assert policy("h", "iot:Publish", "topic/abc")
    assert not policy("h", "iot:Publish", "topic/ac")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "no Statement"),
        ({"Statement": [{**statement("iot:Publish", "topic/a"), "Condition": {}}]}, "Condition"),
        ({"Statement": [{**statement("iot:Publish", "topic/a"), "NotAction": "x"}]}, "NotAction"),
        ({"Statement": [statement("iot:Publish", "topic/a", effect="Maybe")]}, "Maybe"),
        ({"Statement": [statement("iot:UpdateThingShadow", "topic/a")]}, "UpdateThingShadow"),
        ({"Statement": [statement("iot:Publish", "thing/a")]}, "thing/a"),
        ({"Statement": [statement("iot:Publish", "topic/${iot:SourceIp}")]}, "variable"),
        ({"Statement": [statement("iot:Publish")]}, "no Action or no Resource"),
        ({"Statement": {"Effect": "Allow", "Resource": "*"}}, "no Action or no Resource"),
        (
            {"Statement": {"Effect": "Allow", "Action": "iot:Publish", "Resource": "topic/a"}},
            "topic/a",
        ),
    ],
)
def test_what_is_not_understood_is_refused(document: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        Policy(document)


ATTACHED = {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}


@pytest.mark.parametrize(
    ("connected", "resource", "expected"),
    [
        pytest.param(Connected("h", "h"), "topic/h/x", True, id="its own"),
        pytest.param(Connected("h"), "topic/h/x", False, id="no thing, no name to put in"),
        pytest.param(Connected("h"), "topic//x", False, id="a missing name is not an empty one"),
        pytest.param(Connected("h", ""), "topic//x", False, id="an empty name is none"),
        pytest.param(Connected("*", "*"), "topic/other/x", False, id="a star in a name"),
        pytest.param(Connected("a", "h"), "topic/by/a", True, id="the client id is another name"),
        pytest.param(Connected("a", "h"), "topic/by/h", False, id="the thing is not the client id"),
        pytest.param(Connected("a", "h"), "topic/star/*", True, id="a star that is a letter"),
        pytest.param(Connected("a", "h"), "topic/star/x", False, id="and covers nothing else"),
    ],
)
def test_variables_stand_for_what_the_connection_is(connected, resource, expected) -> None:
    resources = (f"topic/{THING}/x", "topic/by/${iot:ClientId}", "topic/star/${*}")
    policy = Policy({"Statement": statement("iot:Publish", *resources)})
    assert policy.allows(connected, "iot:Publish", resource) is expected


def test_a_statement_may_ask_whether_a_thing_is_attached() -> None:
    policy = Policy({"Statement": {**statement("iot:Connect", "client/*"), "Condition": ATTACHED}})
    assert policy.allows(Connected("h", "h"), "iot:Connect", "client/h")
    assert not policy.allows(Connected("h"), "iot:Connect", "client/h")


@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {"iot:Connection.Thing.IsAttached": "perhaps"}},
        {"Bool": {"iot:Connection.Thing.IsAttached": ["true", "false"]}},
        {"StringEquals": {"iot:ClientId": "h"}},
        ATTACHED | {"StringEquals": {"iot:ClientId": "h"}},
        [],
        None,
    ],
)
def test_any_other_condition_is_refused(condition) -> None:
    with pytest.raises(BadInput, match="Condition"):
        Policy({"Statement": {**statement("iot:Connect", "client/*"), "Condition": condition}})
