"""The event bus: what rules read, where events go, what targets get, and PutEvents of boto3."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from cloud.kernel.errors import BadInput, Unavailable
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.events import (
    Buses,
    Delivery,
    EventRule,
    deliveries,
    route,
    s3_created,
    scheduled,
)

NOW = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:F"
EVENT = s3_created(bucket="Docs", key="a b/ü.pdf", size=7, etag='"e"', now=NOW, id="id-1")


class Clock:
    def now(self) -> datetime:
        return NOW


def properties(**more: Any) -> dict[str, Any]:
    target = {"Id": "t", "Arn": QUEUE, **more.pop("target", {})}
    return {"EventPattern": {"source": ["aws.s3"]}, "Targets": [target], **more}


def rule(**more: Any) -> EventRule:
    return EventRule.from_properties("R", properties(**more))


def body(event: dict[str, Any] = EVENT, **target: Any) -> str:
    (delivery,) = deliveries(rule(target=target), event)
    return delivery.body


def test_the_event_of_a_new_object() -> None:
    assert EVENT["detail-type"] == "Object Created"
    assert EVENT["time"] == "2026-06-01T06:00:00Z"
    assert EVENT["resources"] == ["arn:aws:s3:::Docs"]
    assert EVENT["detail"]["object"]["key"] == "a b/ü.pdf"
    assert EVENT["detail"]["object"]["etag"] == "e"
    later = s3_created(bucket="B", key="k", size=1, etag="e", now=NOW.replace(hour=7), id="x")
    assert later["detail"]["object"]["sequencer"] > EVENT["detail"]["object"]["sequencer"]


def test_an_event_goes_to_every_target_of_every_rule_that_wants_it() -> None:
    wanted = {"EventPattern": {"detail": {"bucket": {"name": ["Docs"]}}}}
    two = [{"Id": "one", "Arn": QUEUE}, {"Id": "two", "Arn": FUNCTION}]
    rules = [
        EventRule.from_properties("A", {**wanted, "Targets": two}),
        EventRule.from_properties("B", {**wanted, "Targets": two, "State": "DISABLED"}),
        EventRule.from_properties("C", {**properties(), "Name": "named"}),
        EventRule.from_properties("D", properties(EventPattern={"source": ["other"]})),
        EventRule.from_properties("E", {"ScheduleExpression": "rate(1 day)", "Targets": two}),
    ]
    found = route(rules, EVENT)
    assert [(one.rule, one.target_id, one.target_arn) for one in found] == [
        ("A", "one", QUEUE), ("A", "two", FUNCTION), ("named", "t", QUEUE),
    ]  # fmt: skip
    assert all(json.loads(one.body) == EVENT for one in found)


def test_what_a_delivery_says_besides() -> None:
    target = {
        "Arn": f"{QUEUE}.fifo",
        "SqsParameters": {"MessageGroupId": "g"},
        "DeadLetterConfig": {"Arn": f"{QUEUE}-dead"},
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": "60"},
    }
    assert route([rule(target=target)], {"source": "aws.s3"}) == [
        Delivery(
            target_arn=f"{QUEUE}.fifo", body='{"source":"aws.s3"}', rule="R", target_id="t",
            dead_letter_arn=f"{QUEUE}-dead", group_id="g", max_attempts=3, max_age_s=60,
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"Input": '{"a": 1}'}, '{"a": 1}'),
        ({"InputPath": "$.detail.object.key"}, '"a b/ü.pdf"'),
        ({"InputPath": "$.resources[0]"}, '"arn:aws:s3:::Docs"'),
        ({"InputPath": "$.resources[9]"}, "null"),
        ({"InputPath": "$.detail-type"}, '"Object Created"'),
        ({"InputPath": "$"}, json.dumps(EVENT, separators=(",", ":"), ensure_ascii=False)),
    ],
)
def test_inputs(target: dict[str, Any], expected: str) -> None:
    assert body(**target) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"key": <key>, "n": <size>, "o": <object>}',
         {"key": 'a"b', "n": 7, "o": {"key": 'a"b', "size": 7}}),
        ('{"says": "<key> has <size> bytes"}', {"says": 'a"b has 7 bytes'}),
        ('{"says": "it is \\"<key>\\""}', {"says": 'it is "a"b"'}),
        ('"<object>"', '{"key":"a\\"b","size":7}'),
        ('{"a": <gone>, "b": "-<gone>-"}', {"a": None, "b": "--"}),
        ('[<aws.events.rule-name>, "<aws.events.rule-arn>"]',
         ["R", "arn:aws:events:us-east-1:000000000000:rule/R"]),
        ('{"e": <aws.events.event.json>}', {"e": {"detail": {"key": 'a"b', "size": 7}}}),
        ('"1 < 2 > 0"', "1 < 2 > 0"),
    ],
)  # fmt: skip
def test_templates(template: str, expected: Any) -> None:
    paths = {"key": "$.detail.key", "size": "$.detail.size", "object": "$.detail", "gone": "$.x.y"}
    transformer = {"InputPathsMap": paths, "InputTemplate": template}
    event = {"detail": {"key": 'a"b', "size": 7}}
    assert json.loads(body(event, InputTransformer=transformer)) == expected


def test_a_template_of_lines() -> None:
    transformer = {"InputPathsMap": {"k": "$.source"}, "InputTemplate": '"one <k>"\n"two"'}
    assert body({"source": "s"}, InputTransformer=transformer) == '"one s"\n"two"'


@given(value=st.text() | st.integers() | st.none() | st.lists(st.text(), max_size=2))
def test_no_value_breaks_out_of_a_template(value: Any) -> None:
    template = '{"a": <v>, "b": "x <v> y", "c": [1]}'
    transformer = {"InputPathsMap": {"v": "$.v"}, "InputTemplate": template}
    read = json.loads(body({"v": value}, InputTransformer=transformer))
    assert read["a"] == value
    assert set(read) == {"a", "b", "c"}
    assert isinstance(read["b"], str)


def test_a_rule_with_a_schedule() -> None:
    one = rule(ScheduleExpression="cron(0 7 * * ? *)")
    assert one.schedule is not None
    at = one.schedule.next_after(NOW)
    assert at == NOW.replace(hour=7)
    event = scheduled(one, at=at, id="x")
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == [one.arn]
    assert event["time"] == "2026-06-01T07:00:00Z"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"EventPattern": None}, "EventPattern or a ScheduleExpression"),
        ({"EventPattern": {}}, "an empty pattern"),
        ({"EventPattern": {"a": 1}}, "event pattern at a"),
        ({"Colour": "red"}, "Colour is not supported"),
        ({"Name": "a b"}, "Name"),
        ({"EventBusName": "mine"}, "only default"),
        ({"State": "ENABLED_WITH_ALL"}, "State"),
        ({"ScheduleExpression": "rate(1 days)"}, "rate\\(1 day\\)"),
        ({"ScheduleExpression": "rate(2 day)"}, "rate\\(2 days\\)"),
        ({"ScheduleExpression": "rate(5 weeks)"}, "neither rate"),
        ({"ScheduleExpression": "at(2026-01-01T00:00:00)"}, "neither rate"),
        ({"ScheduleExpression": "cron(0 5 * * *)"}, "six fields"),
        ({"Targets": [{"Id": "a", "Arn": QUEUE}] * 2}, "same Id"),
        ({"Targets": [{"Id": str(n), "Arn": QUEUE} for n in range(6)]}, "at most 5"),
        ({"target": {"Arn": "arn:aws:sns:us-east-1:000000000000:t"}}, "neither a function"),
        ({"target": {"Id": ""}}, "target Id"),
        ({"target": {"EcsParameters": {}}}, "EcsParameters is not supported"),
        ({"target": {"Input": "{"}}, "not JSON"),
        ({"target": {"Input": "1", "InputPath": "$"}}, "only one of Input and InputPath"),
        ({"target": {"InputPath": "detail"}}, "not a path"),
        ({"target": {"InputPath": "$.a[*]"}}, "not a path"),
        ({"target": {"InputTransformer": {"InputTemplate": "<a>"}}}, "<a> is not in"),
        ({"target": {"InputTransformer": {"InputTemplate": "{"}}}, "neither JSON"),
        ({"target": {"InputTransformer": {"InputPathsMap": {"aws.x": "$"}}}}, "name of a variable"),
        ({"target": {"SqsParameters": {"MessageGroupId": "g"}}}, "a FIFO queue"),
        ({"target": {"Arn": f"{QUEUE}.fifo"}}, "a FIFO queue"),
        ({"target": {"DeadLetterConfig": {"Arn": FUNCTION}}}, "is not a queue"),
        ({"target": {"RetryPolicy": {"MaximumRetryAttempts": 186}}}, "0 to 185"),
        ({"target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 59}}}, "60 to 86400"),
    ],
)
def test_what_a_rule_cannot_be(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says) as info:
        rule(**changes)
    assert "event rule R" in str(info.value)


# ---- PutEvents ----------------------------------------------------------------------------------


class Taken:
    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.is_full = False

    def __call__(self, delivery: Delivery) -> None:
        if self.is_full:
            raise Unavailable("the queue is full")
        self.deliveries.append(delivery)


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def buses(taken: Taken) -> Buses:
    mine = properties(EventPattern={"source": ["mine"]})
    return Buses({"Mine": mine, "S3": properties()}, Clock(), deliver=taken)


@pytest.fixture
def client(buses: Buses) -> Any:
    def answer(model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        try:
            return AWSResponse("", 200, {}, None), buses.call(model.name, given[-1])
        except ServiceError as error:
            parsed = {"Error": {"Code": error.code, "Message": error.message}}
            return AWSResponse("", 400, {}, None), parsed

    given: list[dict[str, Any]] = []
    session = boto3.session.Session(
        "x", "x", region_name="us-east-1", botocore_session=botocore.session.Session()
    )
    made = session.client("events")
    made.meta.events.register("before-parameter-build", lambda params, **_: given.append(params))
    made.meta.events.register("before-call", answer)
    return made


GOOD = {"Source": "mine", "DetailType": "said", "Detail": '{"a": 1}'}


def test_put_events(client: Any, taken: Taken) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    answer = client.put_events(Entries=[GOOD, {**GOOD, "Time": at, "Resources": ["r"]},
                                        {**GOOD, "Source": "nobody asks"}])  # fmt: skip
    assert answer["FailedEntryCount"] == 0
    first, second = [json.loads(one.body) for one in taken.deliveries]
    assert first["id"] == answer["Entries"][0]["EventId"] != second["id"]
    assert (first["time"], second["time"]) == ("2026-06-01T06:00:00Z", "2026-01-02T03:04:05Z")
    assert (second["resources"], second["detail"]) == (["r"], {"a": 1})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Source": ""}, "InvalidArgument"),
        ({"DetailType": ""}, "InvalidArgument"),
        ({"Detail": ""}, "InvalidArgument"),
        ({"Detail": "{"}, "MalformedDetail"),
        ({"Detail": "[]"}, "MalformedDetail"),
        ({"Detail": '{"a": NaN}'}, "MalformedDetail"),
        ({"Detail": '{"a": "\\ud800"}'}, "MalformedDetail"),
        ({"Detail": "[" * 100_000}, "MalformedDetail"),
        ({"Source": "aws.s3"}, "NotAuthorizedForSource"),
        ({"EventBusName": "other"}, "InvalidArgument"),
    ],
)
def test_one_bad_entry_does_not_touch_the_others(
    client: Any, taken: Taken, change: dict[str, str], code: str
) -> None:
    answer = client.put_events(Entries=[{**GOOD, **change}, GOOD])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == code
    assert "EventId" in answer["Entries"][1]
    assert len(taken.deliveries) == 1


def test_requests_that_are_too_large(client: Any, buses: Buses) -> None:
    big = {**GOOD, "Detail": json.dumps({"a": "x" * (256 * 1024)})}
    for entries in ([GOOD] * 11, [big]):
        with pytest.raises(client.exceptions.ClientError, match="ValidationException"):
            client.put_events(Entries=entries)
    fits = {**GOOD, "Detail": '{"a": "%s"}' % ("x" * (256 * 1024 - 9 - 4 - 4))}
    assert client.put_events(Entries=[fits])["FailedEntryCount"] == 0
    with pytest.raises(client.exceptions.ClientError, match="not supported"):
        client.list_rules()


def test_what_was_not_kept_is_not_acknowledged(client: Any, taken: Taken) -> None:
    taken.is_full = True
    answer = client.put_events(Entries=[GOOD])
    assert answer["Entries"][0]["ErrorCode"] == "InternalFailure"
    answer = Buses({"Mine": properties(EventPattern={"source": ["mine"]})}, Clock()).call(
        "PutEvents", {"Entries": [GOOD]}
    )
    assert "nothing delivers" in answer["Entries"][0]["ErrorMessage"]


def test_publish_and_fire(buses: Buses, taken: Taken) -> None:
    assert buses.publish(EVENT) == 1
    assert buses.fire(buses.rules[0], NOW) == 1
    assert [one.rule for one in taken.deliveries] == ["S3", "Mine"]
    with pytest.raises(BadInput, match="two rules"):
        Buses({"A": properties(Name="x"), "B": properties(Name="x")}, Clock())
