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
    pytest.param("AWS::SQS::Queue", "AWS::MSK::Cluster", "AWS::MSK::Cluster", id="unknown type"),
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
                 id="a condition that the template has not"),
]  # fmt: skip

FED = (
    SMALL
    + """
  Eventful:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  Dead:
    Type: AWS::SQS::Queue
  Ordered:
    Type: AWS::SQS::Queue
    Properties: {FifoQueue: true, QueueName: ordered.fifo}
  Feeding:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 90
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}
  Papers:
    Type: AWS::S3::Bucket
    Properties:
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
  Heard:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.s3]}
      Targets: [{Id: one, Arn: !GetAtt Fed.Arn, DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}]
  Rules:
    Type: AWS::SES::ReceiptRuleSet
  Kept:
    Type: AWS::SES::ReceiptRule
    Properties:
      RuleSetName: !Ref Rules
      Rule:
        Enabled: true
        Actions:
          - S3Action: {BucketName: !Ref Papers}
          - LambdaAction: {FunctionArn: !GetAtt Fed.Arn, InvocationType: Event}
  Fed:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: .
      Role: !GetAtt Role.Arn
      Handler: cloud.functions.ingest.handler.handle
      Timeout: 80
      ReservedConcurrentExecutions: 0
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        MaximumEventAgeInSeconds: 60
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}
      Environment:
        Variables:
          TELEMETRY_TABLE: x
          DOCUMENTS_BUCKET: x
          OPERATIONS_TABLE: x
          POWERTOOLS_SERVICE_NAME: x
      Events:
        Queued:
          Type: SQS
          Properties:
            {Queue: !GetAtt Feeding.Arn, BatchSize: 10000, MaximumBatchingWindowInSeconds: 1}
        Written:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Eventful.StreamArn
            StartingPosition: LATEST
            BatchSize: 9999
            MaximumRetryAttempts: 3
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}
        Weekly:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(7 days), RoleArn: !GetAtt Role.Arn}
"""
)
ELSEWHERE = "arn:aws:sqs:us-east-1:000000000000:Nobody"
ABROAD = "arn:aws:sqs:us-east-1:999999999999:Dead"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:Nobody"
PARAMETER = "Stage: {Type: String, Default: dev"
QUEUED = "{Queue: !GetAtt Feeding.Arn, BatchSize: 10000, MaximumBatchingWindowInSeconds: 1}"
REDRIVE = "{deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}"
STREAM_SIZE = "BatchSize: 9999"
RETRIES = "            MaximumRetryAttempts: 3"
TO_DEAD = "Type: SQS, Destination: !GetAtt Dead.Arn"

BROKEN_FED = [
    ("no value", PARAMETER, "Stage: {Type: String", "parameter Stage: .*give it one"),
    ("a pattern", PARAMETER, PARAMETER + ", AllowedPattern: 'de'", "Stage: 'dev' .*'?de"),
    ("a pattern that is none", PARAMETER, PARAMETER + ", AllowedPattern: '(e'", "Stage.*'?.e"),
    ("no allowed value", PARAMETER, PARAMETER + ", AllowedValues: [a, b]", "Stage.*among.* a, b;"),
    ("a long value", PARAMETER, PARAMETER + ", MaxLength: 2", "Stage.*above MaxLength 2"),
    ("a small number", PARAMETER, "Stage: {Type: Number, MinValue: 5, Default: 4", "MinValue 5"),
    ("no number", PARAMETER, "Stage: {Type: Number, Default: four", "Stage.*not a number"),
    ("a list", PARAMETER, "Stage: {Type: CommaDelimitedList, Default: a", "Stage.*CommaDelim"),
    ("a source abroad", QUEUED, "{Queue: '" + ABROAD + "'}", "FedQueued.*99999.*not of this stack"),
    ("no source", QUEUED, "{Queue: '" + ELSEWHERE + "'}", "FedQueued: EventSourceArn Nobody"),
    ("no source, disabled", QUEUED, "{Queue: '" + ELSEWHERE + "', Enabled: false}",
     "FedQueued: EventSourceArn Nobody"),
    ("a table without a stream", "Stream: !GetAtt Eventful.StreamArn",
     "Stream: arn:aws:dynamodb:us-east-1:000000000000:table/Table/stream/local",
     "FedWritten: EventSourceArn Table is no table with a stream"),
    ("a function's failures", "Seconds: 60\n        DestinationConfig: {OnFailure: {" + TO_DEAD,
     "Seconds: 60\n        DestinationConfig: {OnFailure: {Type: SQS, Destination: '"
     + ELSEWHERE + "'", "resource Fed: .*Nobody is no queue"),
    ("a stream's failures", RETRIES + "\n            DestinationConfig: {OnFailure: {" + TO_DEAD,
     RETRIES + "\n            DestinationConfig: {OnFailure: {Type: SQS, Destination: '"
     + ELSEWHERE + "'",
     "FedWritten: OnFailure Nobody is no queue"),
    ("no dead letters", REDRIVE, "{deadLetterTargetArn: '" + ELSEWHERE + "', maxReceiveCount: 5}",
     "Feeding: deadLetterTargetArn .*Nobody is no queue"),
    ("dead letters abroad", REDRIVE, "{deadLetterTargetArn: '" + ABROAD + "', maxReceiveCount: 5}",
     "Feeding: deadLetterTargetArn .*:Dead is no queue"),
    ("more of a redrive", REDRIVE, REDRIVE[:-1] + ", minReceiveCount: 2}",
     "Feeding: RedrivePolicy has no minReceiveCount"),
    ("more of a redrive's text", REDRIVE, "'{\"x\": 1}'", "Feeding: RedrivePolicy has no x"),
    ("a redrive that is a list", REDRIVE, "[1]", "Feeding.*RedrivePolicy"),
    ("a topic rule", "QueueUrl: !Ref Queue", "QueueUrl: http://127.0.0.1/000000000000/Nobody",
     "Rule: QueueUrl .*Nobody is no queue"),
    ("a topic rule's errors", "Sqs: {QueueUrl: !Ref Queue, RoleArn: !GetAtt Role.Arn, "
     "UseBase64: false}]", "Sqs: {QueueUrl: !Ref Queue, RoleArn: x}]\n        ErrorAction: "
     "{Sqs: {QueueUrl: 'http://else/Queue', RoleArn: x}}", "Rule: QueueUrl http://else/Queue"),
    ("mail to no bucket", "BucketName: !Ref Papers", "BucketName: nobody",
     "Kept: BucketName nobody is no bucket.*Papers"),
    ("mail to no function", "LambdaAction: {FunctionArn: !GetAtt Fed.Arn",
     "LambdaAction: {FunctionArn: '" + FUNCTION + "'", "Kept: FunctionArn .*Nobody"),
    ("an event to nobody", "Id: one, Arn: !GetAtt Fed.Arn", "Id: one, Arn: '" + FUNCTION + "'",
     "Heard: Target .*Nobody is no queue or function"),
    ("an event's dead letters", "DeadLetterConfig: {Arn: !GetAtt Dead.Arn}",
     "DeadLetterConfig: {Arn: '" + ELSEWHERE + "'}", "Heard: DeadLetterConfig .*Nobody"),
    ("other notifications", "{EventBridgeConfiguration: {EventBridgeEnabled: true}}",
     "{QueueConfigurations: []}", "Papers: .*QueueConfigurations.*use a rule"),
    ("half a notification", "{EventBridgeConfiguration: {EventBridgeEnabled: true}}",
     "{EventBridgeConfiguration: {EventBridgeEnabled: often}}", "Papers: EventBridgeConfiguration"),
    ("no batch", "BatchSize: 10000", "BatchSize: 0", "FedQueued: BatchSize 0 is not 1 to 10000"),
    ("a large batch", "BatchSize: 10000", "BatchSize: 10001", "FedQueued: BatchSize 10001"),
    ("a batch that waits for none", QUEUED, "{Queue: !GetAtt Feeding.Arn, BatchSize: 11}",
     "FedQueued: BatchSize 11 .*needs a MaximumBatchingWindowInSeconds"),
    ("a long window", "MaximumBatchingWindowInSeconds: 1", "MaximumBatchingWindowInSeconds: 301",
     "FedQueued: MaximumBatchingWindowInSeconds 301 is not 0 to 300"),
    ("a large ordered batch", QUEUED, "{Queue: !GetAtt Ordered.Arn, BatchSize: 11}",
     "FedQueued: BatchSize 11 is not 1 to 10"),
    ("an ordered batch that waits", QUEUED,
     "{Queue: !GetAtt Ordered.Arn, MaximumBatchingWindowInSeconds: 1}", "FedQueued: a FIFO"),
    ("a stream's batch", STREAM_SIZE, "BatchSize: 10001", "FedWritten: BatchSize 10001"),
    ("half a batch", STREAM_SIZE, "BatchSize: 2.5", "FedWritten.*BatchSize"),
    ("a true batch", STREAM_SIZE, "BatchSize: true", "FedWritten: BatchSize True"),
    ("a stream's retries", RETRIES, "            MaximumRetryAttempts: -2", "FedWritten: .* -2"),
    ("a stream's place", "StartingPosition: LATEST", "StartingPosition: FIRST",
     "FedWritten: StartingPosition 'FIRST'"),
    ("bisecting", STREAM_SIZE, STREAM_SIZE + "\n            BisectBatchOnFunctionError: true",
     "FedWritten: .*BisectBatchOnFunctionError.*take it out"),
    ("counting", QUEUED, "{Queue: !GetAtt Feeding.Arn, MetricsConfig: {Metrics: [EventCount]}}",
     "FedQueued: .*MetricsConfig.*take it out"),
    ("a schedule's dead letters", "rate(7 days)", "rate(7 days), DeadLetterConfig: {"
     "Arn: '" + ELSEWHERE + "'}", "FedWeekly: DeadLetterConfig Nobody is no queue"),
    ("no time", "Timeout: 80", "Timeout: 0", "Fed: Timeout 0 is not 1 to 900"),
    ("much time", "Timeout: 80", "Timeout: 901", "Fed: Timeout 901"),
    ("more time than the queue", "Timeout: 80", "Timeout: 91",
     "Feeding: VisibilityTimeout 90 is below the Timeout 91 of Fed"),
    ("less time of another queue", "!GetAtt Feeding.Arn, BatchSize: 10000", "!GetAtt Dead.Arn, "
     "BatchSize: 10000", "Dead: VisibilityTimeout 30 is below"),
    ("expiring by a key", "AttributeName: ttl", "AttributeName: pk", "Eventful: .*names pk, a key"),
    ("many retries", "        MaximumRetryAttempts: 1\n", "        MaximumRetryAttempts: 3\n",
     "FedEventInvokeConfig: MaximumRetryAttempts 3 is not 0 to 2"),
    ("young events", "MaximumEventAgeInSeconds: 60", "MaximumEventAgeInSeconds: 59",
     "FedEventInvokeConfig: MaximumEventAgeInSeconds 59 is not 60 to 21600"),
    ("old events", "MaximumEventAgeInSeconds: 60", "MaximumEventAgeInSeconds: 21601", "21601"),
    ("less than nobody at once", "Executions: 0", "Executions: -1", "Fed: Reserved.* -1"),
    ("another language", "Runtime: python3.12", "Runtime: nodejs22.x", "Fed: Runtime 'nodejs22.x'"),
    ("a rate beyond time", "rate(7 days)", "rate(99999999999999999999 days)",
     "FedWeekly: rate.*too large"),
]  # fmt: skip
"""What it is, what stands there, what stands there instead, and what the message says."""

NO_TEMPLATES = {
    "a YAML error": ("Resources:\n  A: {b: [c}\n", "line 2.*correct it"),
    "an unclosed text": ("Resources: 'a\n\nb: 1\n", "no YAML"),
    "an empty file": ("", "empty"),
    "a list": ("- a\n- b\n", "a list"),
    "a word": ("hello", "a str"),
    "no resources": ("Resources: {}\n", "no Resources"),
    "a resource without a type": ("Resources: {A: {Properties: {}}}\n", "resource A has no Type"),
    "a resource that is a list": ("Resources: {A: [1]}\n", "resource A has no Type"),
    "properties that are a list": ("Resources: {A: {Type: X, Properties: [1]}}\n", "resource A"),
    "globals that are a list": (SMALL + "\nGlobals: [1]\n", "Globals"),
}


@pytest.fixture
def boot(tmp_path):
    def booted(text: str) -> Runtime:
        path = tmp_path / "small.yaml"
        path.write_text(text)
        return Runtime(tmp_path / "data", path, starts_at=datetime(2026, 6, 1, tzinfo=UTC))

    return booted


def test_the_small_template_boots(boot):
    runtime = boot(SMALL)
    assert (set(runtime.stack.tables), set(runtime.stack.queues)) == ({"Table"}, {"Queue"})
    assert runtime.stack.topic_rules.keys() == {"Rule"}
    runtime.close()


@pytest.mark.parametrize(("right", "wrong", "named"), BROKEN)
def test_a_broken_template_names_what_is_broken(boot, right, wrong, named):
    assert right in SMALL
    with pytest.raises(BadInput, match=named) as refused:
        boot(SMALL.replace(right, wrong))
    assert "\n" not in str(refused.value)
    boot(SMALL).close()  # nothing is left open that would stand in the way


@pytest.mark.parametrize(
    ("right", "wrong", "named"), [pytest.param(*one, id=what) for what, *one in BROKEN_FED]
)
def test_what_the_parts_of_a_stack_say_of_each_other_is_checked(boot, right, wrong, named):
    assert FED.count(right) == 1
    with pytest.raises(BadInput, match=named) as refused:
        boot(FED.replace(right, wrong))
    assert "\n" not in str(refused.value)


def test_a_stack_at_its_limits_boots(boot):
    runtime = boot(FED)
    assert set(runtime.stack.tables) == {"Table", "Eventful"}
    assert runtime.stack.functions["Fed"].timeout_s == 80
    runtime.close()


@pytest.mark.parametrize(
    ("right", "right_too"),
    [
        ("Timeout: 80", "Timeout: 90"),
        (REDRIVE, '\'{"deadLetterTargetArn": "' + ABROAD.replace("9" * 12, "0" * 12)
         + '", "maxReceiveCount": "5"}\''),
        (PARAMETER, PARAMETER + ", AllowedPattern: '[a-z]+', AllowedValues: [dev, prod]"),
        ("MaximumEventAgeInSeconds: 60", "MaximumEventAgeInSeconds: 21600"),
        ("rate(7 days)", "rate(999999999 days)"),
        ("rate(7 days)", "rate(7 days), RetryPolicy: {MaximumRetryAttempts: 1}, "
         "DeadLetterConfig: {Arn: !GetAtt Dead.Arn}"),
        (STREAM_SIZE, "BatchSize: 1"),
        ("Timeout: 80", 'Timeout: "80"'),
    ],
)  # fmt: skip
def test_what_is_allowed_boots(boot, right, right_too):
    assert FED.count(right) == 1
    runtime = boot(FED.replace(right, right_too))
    assert "Fed" in runtime.stack.functions
    runtime.close()


@pytest.mark.parametrize("name", NO_TEMPLATES)
def test_a_file_that_is_no_template_says_why(boot, name):
    text, why = NO_TEMPLATES[name]
    with pytest.raises(BadInput, match=f"small.yaml is not a SAM template: .*{why}") as refused:
        boot(text)
    assert "\n" not in str(refused.value)


STAGED = (
    FED.replace(PARAMETER, PARAMETER + "}\n  Domain: {Type: String, Default: ''").replace(
        "Resources:\n  Table:",
        "Conditions:\n"
        "  IsProd: !Equals [!Ref Stage, prod]\n"
        "  IsNamed: !Not [!Equals [!Ref Domain, '']]\n"
        "  IsShown: !And [!Condition IsProd, !Condition IsNamed]\n"
        "  IsEither: !Or [!Condition IsProd, !Condition IsNamed]\n"
        "Resources:\n"
        "  Told:\n"
        "    Type: AWS::SQS::Queue\n"
        "    Condition: IsShown\n"
        "    Properties:\n"
        "      VisibilityTimeout: !If [IsProd, 70, !Ref AWS::NoValue]\n"
        "  Said:\n"
        "    Type: AWS::SQS::Queue\n"
        "    Condition: IsEither\n"
        "    Properties:\n"
        "      VisibilityTimeout: !If [IsProd, 70, !Ref AWS::NoValue]\n"
        "  Table:",
    )
    + "Outputs:\n  Where: {Condition: IsShown, Value: !Ref Told}\n"
)


@pytest.mark.parametrize(
    ("given", "waits"),
    [
        pytest.param({}, {}, id="neither"),
        pytest.param({"Stage": "prod"}, {"Said": 70}, id="one of two"),
        pytest.param({"Domain": "a.example"}, {"Said": None}, id="the other, and no value"),
        pytest.param({"Stage": "prod", "Domain": "a.example"}, {"Said": 70, "Told": 70}, id="both"),
    ],
)
def test_a_stage_has_what_its_conditions_say(translated, tmp_path, given, waits):
    path = tmp_path / "small.yaml"
    path.write_text(STAGED)
    stack = load(path, cache=translated, parameters=given)
    found = {
        name: properties.get("VisibilityTimeout")
        for name, properties in stack.queues.items()
        if name in {"Said", "Told"}
    }
    assert found == waits
    assert set(stack.outputs) == ({"Where"} if "Told" in waits else set())


def test_what_a_stage_does_not_have_must_be_of_a_known_kind_all_the_same(translated, tmp_path):
    path = tmp_path / "small.yaml"
    alarm = (
        "\n  Alarm: {Type: AWS::CloudWatch::Alarm, Condition: IsProd, Properties: {Perriod: 1}}\n"
    )
    path.write_text(STAGED.replace("Outputs:\n", alarm + "Outputs:\n"))
    with pytest.raises(BadInput, match=r"resource Alarm: AWS::CloudWatch::Alarm has no .*Perriod"):
        load(path, cache=translated)
    path.write_text(path.read_text().replace("Perriod", "Period"))
    load(path, cache=translated, parameters={"Stage": "prod"})


BROKEN_STAGED = [
    ("IsProd: !Equals [!Ref Stage, prod]", "IsProd: !Equals [!Ref Stag, prod]", "IsProd: Ref Stag"),
    ("IsProd: !Equals [!Ref Stage, prod]", "IsProd: !Equals [a]", "IsProd: Fn::Equals"),
    ("IsProd: !Equals [!Ref Stage, prod]", "IsProd: !Equals [[a], a]", "IsProd: .*neither a text"),
    ("IsProd: !Equals [!Ref Stage, prod]", "IsProd: true", "IsProd: True is no condition function"),
    ("IsProd: !Equals [!Ref Stage, prod]", "IsProd: !Condition IsShown", "rests on itself"),
    ("IsProd: !Equals [!Ref Stage, prod]", "IsProd: {Fn::Contains: [a, b]}", "Fn::Contains is not"),
    ("IsProd: !Equals [!Ref Stage, prod]", "IsProd: {Fn::Not: x}", "IsProd: Fn::Not takes a list"),
    ("!Condition IsNamed]\n  IsE", "!Condition Named]\n  IsE", "Named is no condition of it"),
    ("Where: {Condition: IsShown", "Where: {Condition: Shown", "output Where: Condition Shown"),
    ("Condition: IsEither\n    Properties:\n      VisibilityTimeout: !If [IsProd", "Condition: "
     "IsEither\n    Properties:\n      VisibilityTimeout: !If [Prod", "Said.*Fn::If asks for Prod"),
    ("Conditions:\n", "Conditions: [a]\nMetadata:\n", "Conditions must be a mapping"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "named"), BROKEN_STAGED)
def test_a_condition_that_cannot_be_read_stops_the_boot(translated, tmp_path, right, wrong, named):
    assert STAGED.count(right) == 1
    path = tmp_path / "small.yaml"
    path.write_text(STAGED.replace(right, wrong))
    with pytest.raises(BadInput, match=named) as refused:
        load(path, cache=translated, parameters={"Stage": "prod"})
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(translated, tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.yaml: No such file"):
        load(tmp_path / "nowhere.yaml", cache=translated)


def test_bytes_that_are_no_text_are_no_template(translated, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_bytes(b"Resources: \xff\xfe")
    with pytest.raises(BadInput, match=r"small\.yaml is not a SAM template: it is no YAML"):
        load(path, cache=translated)


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


def test_a_given_value_is_held_against_the_parameter(translated):
    with pytest.raises(BadInput, match="parameter Stage: 'Prod' does not fit AllowedPattern"):
        load(TEMPLATE, cache=translated, parameters={"Stage": "Prod"})


def test_what_was_translated_before_is_read_again(translated):
    first = load(TEMPLATE, cache=translated)
    (kept,) = translated.glob("template-*.json")
    assert load(TEMPLATE, cache=translated) == first
    kept.unlink()
    assert load(TEMPLATE, cache=translated) == first
