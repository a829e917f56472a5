"""Every way into a runtime and on: mail, objects, events, topics, each to its function."""

import base64
import json
import smtplib
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import boto3
import paho.mqtt.client as paho
import pytest

from cloud.kernel.errors import BadInput
from cloud.local.conductor import Conductor
from cloud.local.dynamodb import hook
from cloud.local.mqtt.message import Publish
from cloud.local.queues import QueueError
from cloud.local.runtime import Runtime

hook.prepare()

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
HANDLER = """
import json, os
from pathlib import Path

KEPT = Path(os.environ["KEPT"])

def keep(event, context):
    with KEPT.open("a") as file:
        file.write(json.dumps(event) + "\\n")
    if event.get("detail", {}).get("bad"):
        raise ValueError("no good")
"""
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Statement: []}}
  Policy:
    Type: AWS::IoT::Policy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: iot:Connect, Resource: "arn:aws:iot:us-east-1:1:client/*"}
          - {Effect: Allow, Action: iot:Subscribe, Resource: "arn:aws:iot:x:1:topicfilter/*"}
          - {Effect: Allow, Action: iot:Receive, Resource: "arn:aws:iot:us-east-1:1:topic/*"}
          - {Effect: Allow, Action: iot:Publish, Resource: "arn:aws:iot:us-east-1:1:topic/*"}
  Rule:
    Type: AWS::IoT::TopicRule
    Properties:
      RuleName: chunks
      TopicRulePayload:
        AwsIotSqlVersion: "2016-03-23"
        Sql: SELECT *, topic(2) AS gateway FROM 'homes/+/said' WHERE size < 100
        Actions: [Sqs: {QueueUrl: !Ref Said, RoleArn: !GetAtt Role.Arn, UseBase64: false}]
        ErrorAction: {Sqs: {QueueUrl: !Ref Failures, RoleArn: !GetAtt Role.Arn, UseBase64: false}}
  Said:
    Type: AWS::SQS::Queue
  Failures:
    Type: AWS::SQS::Queue
  Ordered:
    Type: AWS::SQS::Queue
    Properties: {QueueName: ordered.fifo, FifoQueue: true, ContentBasedDeduplication: true}
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
  MailCame:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.s3]
        detail-type: [Object Created]
        detail: {bucket: {name: [!Ref Bucket]}, object: {key: [{prefix: mail/}]}}
      Targets:
        - Id: function
          Arn: !GetAtt Keep.Arn
        - Id: queue
          Arn: !GetAtt Ordered.Arn
          InputPath: $.detail.object
          SqsParameters: {MessageGroupId: mail}
  Nightly:
    Type: AWS::Events::Rule
    Properties:
      ScheduleExpression: cron(30 4 * * ? *)
      Targets: [{Id: function, Arn: !GetAtt Keep.Arn, Input: '{"night": true}'}]
  Told:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [sunreeve]}
      Targets: [{Id: function, Arn: !GetAtt Keep.Arn}]
  Rules:
    Type: AWS::SES::ReceiptRuleSet
  Inbound:
    Type: AWS::SES::ReceiptRule
    Properties:
      RuleSetName: !Ref Rules
      Rule:
        Enabled: true
        Recipients: [mail.example]
        Actions:
          - S3Action: {BucketName: !Ref Bucket, ObjectKeyPrefix: mail/}
          - LambdaAction: {FunctionArn: !GetAtt Keep.Arn, InvocationType: Event}
  Refused:
    Type: AWS::SES::ReceiptRule
    Properties:
      RuleSetName: !Ref Rules
      After: !Ref Inbound
      Rule:
        Enabled: true
        Recipients: [gone.example]
        Actions:
          - BounceAction:
              {SmtpReplyCode: "550", Message: Nobody here, Sender: bounces@mail.example}
  Keep:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      CodeUri: .
      Role: !GetAtt Role.Arn
      Handler: MODULE.keep
      Environment: {Variables: {KEPT: PLACE}}
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}
"""


class Stack:
    def __init__(self, folder, template):
        self.runtime = Runtime(folder / "data", template, starts_at=START)
        self.conductor = Conductor(self.runtime)
        self.place = folder / "kept.jsonl"

    def kept(self):
        self.conductor.settle()
        if not self.place.exists():
            return []
        return [json.loads(line) for line in self.place.read_text().splitlines()]

    def bodies(self, queue):
        return [message.body for message in self.runtime.queues.receive(queue, limit=100)]


@pytest.fixture
def opened(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"keeping_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{module}.py").write_text(HANDLER)
    text = TEMPLATE.replace("MODULE", module).replace("PLACE", str(tmp_path / "kept.jsonl"))

    @contextmanager
    def block(*changes):
        changed = text
        for before, after in changes:
            assert before in changed
            changed = changed.replace(before, after)
        (tmp_path / "template.yaml").write_text(changed)
        stack = Stack(tmp_path, tmp_path / "template.yaml")
        try:
            yield stack
        finally:
            stack.runtime.close()

    yield block
    sys.modules.pop(module, None)


@pytest.fixture
def stack(opened):
    with opened() as made:
        made.runtime.start()
        yield made


# ---------------------------------------------------------------------- mail
MAIL = b"From: ann@partner.example\r\nTo: wo+1@mail.example\r\nSubject: Accept\r\n\r\nYes.\r\n"


def post(stack, *recipients):
    with smtplib.SMTP("127.0.0.1", stack.runtime.smtp_port, timeout=10) as client:
        client.sendmail("ann@partner.example", list(recipients), MAIL)


def test_a_mail_is_kept_told_of_and_handed_on(stack):
    post(stack, "wo+1@mail.example")
    (path,) = stack.runtime.inbound()
    assert path.read_bytes().endswith(b"\r\n\r\nYes.\r\n")
    kept = stack.kept()
    (seen,) = [one["Records"][0]["ses"] for one in kept if "Records" in one]
    assert seen["receipt"]["recipients"] == ["wo+1@mail.example"]
    (created,) = [one["detail"]["object"] for one in kept if one.get("source") == "aws.s3"]
    assert created["key"] == f"mail/{path.name}" == f"mail/{seen['mail']['messageId']}"
    (told,) = map(json.loads, stack.bodies("ordered.fifo"))
    assert (told["key"], told["size"]) == (created["key"], path.stat().st_size)


def test_an_address_that_nobody_takes_is_refused_at_once(stack):
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        post(stack, "ann@other.example")
    assert stack.runtime.inbound() == []


def test_a_rule_that_bounces_writes_to_the_sender(stack):
    post(stack, "bob@gone.example")
    (mail,) = stack.runtime.mailbox.mails()
    envelope = stack.runtime.mailbox.envelope(mail)
    assert "ann@partner.example" in json.dumps(envelope)
    assert b"550" in mail.read_bytes()


# ---------------------------------------------------------------------- objects and events
def test_only_objects_that_the_pattern_names_are_told_of(stack):
    s3 = boto3.client("s3")
    s3.put_object(Bucket="Bucket", Key="other/x", Body=b"1")
    s3.put_object(Bucket="Bucket", Key="mail/x", Body=b"1")
    assert [one["detail"]["object"]["key"] for one in stack.kept()] == ["mail/x"]


def test_an_event_of_ours_reaches_its_function_and_a_failure_the_queue_of_failures(stack):
    bus = boto3.client("events")
    for detail in ({"n": 1}, {"n": 2, "bad": True}, {"n": 3}):
        answer = bus.put_events(
            Entries=[
                {"Source": source, "DetailType": "Told", "Detail": json.dumps(detail)}
                for source in ("sunreeve", "somebody else")
            ]
        )
        assert answer["FailedEntryCount"] == 0
    assert [one["detail"]["n"] for one in stack.kept()] == [1, 2, 3]
    stack.conductor.advance_to(START + timedelta(minutes=1))
    assert [one["detail"]["n"] for one in stack.kept()] == [1, 2, 3, 2]
    (record,) = map(json.loads, stack.bodies("Failures"))
    assert record["requestPayload"]["detail"] == {"n": 2, "bad": True}


def test_a_rule_with_a_schedule_fires_in_its_time_and_once(opened):
    with opened() as stack:
        stack.conductor.advance_to(START + timedelta(days=3))
        assert stack.kept() == [{"night": True}] * 3
    with opened() as stack:  # what fired before a restart does not fire again
        stack.conductor.advance_to(START + timedelta(days=4))
        assert stack.kept() == [{"night": True}] * 4


# ---------------------------------------------------------------------- topics
def say(stack, payload, topic="homes/gw-1/said"):
    stack.runtime.accept(Publish("gw-1", "gw-1", topic, payload, 1, START, "c"))


def test_a_message_becomes_what_the_statement_says(stack):
    say(stack, b'{"size": 3}')
    say(stack, b'{"size": 300}')
    assert [json.loads(body) for body in stack.bodies("Said")] == [{"size": 3, "gateway": "gw-1"}]


UNFIT = '{"size": 3, "text": "\ufffe"}'.encode()  # JSON may hold it, a message in a queue may not


def test_what_a_queue_refuses_goes_to_the_error_action(stack):
    say(stack, UNFIT)
    assert stack.bodies("Said") == []
    (told,) = map(json.loads, stack.bodies("Failures"))
    assert told["ruleName"] == "chunks"
    assert told["failures"][0]["failedResource"] == "Said"
    assert base64.b64decode(told["base64OriginalPayload"]) == UNFIT


def test_what_even_the_error_action_cannot_take_is_not_acknowledged(opened):
    without = ("        ErrorAction:", "        # ErrorAction:")
    with opened(without) as stack, pytest.raises(QueueError):
        say(stack, UNFIT)


def test_a_command_goes_down_to_a_device_also_after_it_was_away(stack):
    """boto3's data plane publishes; a real client gets it, now or when it comes back."""
    runtime = stack.runtime
    got, came = [], threading.Event()

    def device():
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, "gw-1", clean_session=False)
        client.tls_set_context(runtime.authority.device_context("gw-1"))
        client.on_connect = lambda c, *_: c.subscribe("homes/gw-1/command", qos=1)
        client.on_subscribe = lambda *_: came.set()
        client.on_message = lambda _c, _d, message: (got.append(message.payload), came.set())
        client.connect("127.0.0.1", runtime.mqtt_port)
        client.loop_start()
        assert came.wait(10)
        came.clear()
        return client

    def away(client):
        client.disconnect()
        client.loop_stop()

    plane = boto3.client("iot-data")
    first = device()
    plane.publish(topic="homes/gw-1/command", qos=1, payload=b"now")
    assert came.wait(10)
    away(first)
    plane.publish(topic="homes/gw-1/command", qos=1, payload=b"later")
    came.clear()
    second = device()
    for _ in range(100):
        if b"later" in got:
            break
        came.wait(0.1)
        came.clear()
    away(second)
    assert list(dict.fromkeys(got)) == [b"now", b"later"]  # at least once, in order


# ---------------------------------------------------------------------- strict
BROKEN = [
    ("{prefix: mail/}", "{prefx: mail/}", "MailCame.*prefx"),
    ("cron(30 4 * * ? *)", "cron(30 4 * * *)", "Nightly"),
    ("InputPath: $.detail.object", "InputPaht: $.x", "MailCame.*InputPaht"),
    ("Arn: !GetAtt Ordered.Arn", "Arn: !GetAtt Order.Arn", "Order"),
    ("ObjectKeyPrefix: mail/", "ObjectKeyPerfix: mail/", "Inbound.*ObjectKeyPerfix"),
    ("WHERE size < 100", "WHERE size < ", "chunks"),
    ("QueueName: ordered.fifo", "QueueName: ordered", "FIFO"),
    ("MaximumRetryAttempts: 1", "MaximumRetryAttempts: many", "Keep.*many"),
    ("Destination: !GetAtt Failures.Arn", "Destination: !GetAtt Bucket.Arn", "Keep.*queue"),
    ("KEPT: /", "KPET: /", "Keep.*KEPT"),
]


@pytest.mark.parametrize(("right", "wrong", "named"), BROKEN, ids=[one[2] for one in BROKEN])
def test_a_broken_template_stops_the_boot_with_one_line(opened, right, wrong, named):
    with pytest.raises(BadInput, match=named) as refused, opened((right, wrong)):
        pass
    assert "\n" not in str(refused.value)
