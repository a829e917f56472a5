"""What the template does not say well stops the boot with one line that names the thing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.kernel.errors import BadInput
from cloud.local.dynamodb import hook
from cloud.local.runtime import Runtime
from cloud.local.template import load

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

TEMPLATE = Path(__file__).parents[3] / "template.yaml"

SMALL = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60}
  Role:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Statement: []}}
  Rule:
    Type: AWS::IoT::TopicRule
    Properties:
      RuleName: chunks
      TopicRulePayload:
        AwsIotSqlVersion: "2016-03-23"
        Sql: SELECT topic(1) AS gateway FROM 'sunreeve/+/chunk'
        Actions: [Sqs: {QueueUrl: !Ref Queue, RoleArn: !GetAtt Role.Arn, UseBase64: false}]
  Policy:
    Type: AWS::IoT::Policy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: iot:Connect, Resource: "arn:aws:iot:us-east-1:1:client/x"}
  Sweep:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      CodeUri: .
      Role: !GetAtt Role.Arn
      Handler: cloud.functions.ingest.handler.handle
      Environment:
        Variables:
          TELEMETRY_TABLE: !Ref Table
          DOCUMENTS_BUCKET: none
          OPERATIONS_TABLE: !Ref Table
          POWERTOOLS_SERVICE_NAME: sunreeve
      Events:
        Often:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: cron(0 5 * * ? *)
            ScheduleExpressionTimezone: America/Denver
            RoleArn: !GetAtt Role.Arn
"""

BROKEN = [
    pytest.param("AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::SNS::Topic", id="unknown type"),
    pytest.param("VisibilityTimeout: 60", "FifoThroughputLimit: x", "Queue.*FifoThroughputLimit",
                 id="unknown property"),
    pytest.param("VisibilityTimeout: 60", "VisibilityTimeout: 99999", "Queue.*VisibilityTimeout",
                 id="a value out of range"),
    pytest.param("KeyType: HASH", "KeyType: MESH", "Table", id="a key of no kind"),
    pytest.param("TELEMETRY_TABLE: !Ref Table", "TELEMETRY_TABLE: !Select [0, [a]]",
                 "Sweep.*Fn::Select", id="unknown intrinsic"),
    pytest.param("TELEMETRY_TABLE: !Ref Table", "TELEMETRY_TABLE: !Ref Tabel", "Sweep.*Tabel",
                 id="Ref to nothing"),
    pytest.param("TELEMETRY_TABLE: !Ref Table", "TELEMETRY_TABLE: !GetAtt Tabel.Arn",
                 "Sweep.*Tabel", id="GetAtt of a missing resource"),
    pytest.param("TELEMETRY_TABLE: !Ref Table", "TELEMETRY_TABLE: !GetAtt Table.StreamArn",
                 "Sweep.*StreamArn", id="GetAtt of another attribute"),
    pytest.param("TELEMETRY_TABLE: !Ref Table", 'TELEMETRY_TABLE: !Sub "${Tabel}"', "Sweep.*Tabel",
                 id="Sub of nothing"),
    pytest.param("TELEMETRY_TABLE: !Ref Table", "TELEMETRY_TABEL: !Ref Table",
                 "Sweep.*TELEMETRY_TABLE", id="missing variable"),
    pytest.param("ingest.handler.handle", "ingets.handler.handle", "Sweep.*ingets", id="no module"),
    pytest.param("ingest.handler.handle", "ingest.handler.handel", "Sweep.*handel",
                 id="no function"),
    pytest.param("Handler: cloud.functions.ingest.handler.handle", "Handler: handle",
                 "Sweep.*handle", id="a handler without a module"),
    pytest.param("cron(0 5 * * ? *)", "cron(0 5 * * *)", "SweepOften.*six fields",
                 id="five fields"),
    pytest.param("cron(0 5 * * ? *)", "cron(0 25 * * ? *)", "SweepOften.*hours", id="hour 25"),
    pytest.param("America/Denver", "America/Golden", "SweepOften.*America/Golden", id="no zone"),
    pytest.param("SELECT topic(1)", "SELECT toppic(1)", "chunks.*toppic", id="SQL of no function"),
    pytest.param("FROM 'sunreeve", "FORM 'sunreeve", "chunks", id="SQL that cannot be read"),
    pytest.param("iot:Connect", "iot:Conect", "iot:Conect", id="an action that is none"),
    pytest.param("  Queue:\n    Type", "  Queue:\n    Condition: X\n    Type", "Queue.*Condition",
                 id="a condition"),
]  # fmt: skip


@pytest.fixture
def boot(tmp_path):
    def booted(text: str) -> Runtime:
        path = tmp_path / "small.yaml"
        path.write_text(text)
        return Runtime(tmp_path / "data", path, starts_at=datetime(2026, 6, 1, tzinfo=UTC))

    return booted


def test_the_small_template_boots(boot):
    boot(SMALL).close()


@pytest.mark.parametrize(("right", "wrong", "named"), BROKEN)
def test_a_broken_template_names_what_is_broken(boot, right, wrong, named):
    assert right in SMALL
    with pytest.raises(BadInput, match=named) as refused:
        boot(SMALL.replace(right, wrong))
    assert "\n" not in str(refused.value)
    boot(SMALL).close()  # nothing is left open that would stand in the way


def test_a_disabled_schedule_is_not_armed(boot):
    text = SMALL.replace(
        "            RoleArn: !GetAtt Role.Arn",
        "            RoleArn: !GetAtt Role.Arn\n            State: DISABLED",
    )
    runtime = boot(text)
    assert runtime.next_due() is None
    runtime.close()


@pytest.fixture(scope="module")
def translated(tmp_path_factory):
    return tmp_path_factory.mktemp("translated")


def test_a_parameter_takes_the_place_of_its_default(translated):
    names = [
        load(TEMPLATE, cache=translated, parameters=parameters).topic_rules["ChunksRule"][
            "RuleName"
        ]
        for parameters in ({}, {"Stage": "prod"})
    ]
    assert names == ["sunreeve_dev_chunks", "sunreeve_prod_chunks"]


def test_a_parameter_that_is_none_is_named(translated):
    with pytest.raises(BadInput, match="no parameter Stag:"):
        load(TEMPLATE, cache=translated, parameters={"Stag": "prod"})


def test_what_was_translated_before_is_read_again(translated):
    first = load(TEMPLATE, cache=translated)
    (kept,) = translated.glob("template-*.json")
    assert load(TEMPLATE, cache=translated) == first
    kept.unlink()
    assert load(TEMPLATE, cache=translated) == first
