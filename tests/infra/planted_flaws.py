"""Flaws that reviewers know, each planted into the template by a small change.

A flaw names the rule that has to catch it. It is planted into what SAM makes of the template, or
into its source where SAM has a say in what comes of it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
THING = "${!iot:Connection.Thing.ThingName}"
ARN = "arn:${AWS::Partition}:iot:${AWS::Region}:${AWS::AccountId}"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A flaw.

    Attributes:
        name: what is wrong, in words.
        rule: the rule that catches it.
        plant: changes the translated document.
        source: what stands in template.yaml, and what stands there instead.
    """

    name: str
    rule: str
    plant: Callable[[Document], None] | None = None
    source: tuple[str, str] | None = None


def _place(document: Document, path: str) -> tuple[Any, Any]:
    """Give what holds the last part of a path below Resources, and that part."""
    found: Any = document["Resources"]
    *before, last = (int(one) if one.isdecimal() else one for one in path.split("/"))
    for one in before:
        found = found[one]
    return found, last


def put(path: str, value: Any) -> Callable[[Document], None]:
    """Put a value in the place of another one, or where none was."""

    def plant(document: Document) -> None:
        holder, last = _place(document, path)
        holder[last] = value

    return plant


def drop(path: str) -> Callable[[Document], None]:
    """Take out what is there."""

    def plant(document: Document) -> None:
        holder, last = _place(document, path)
        del holder[last]

    return plant


def add(path: str, value: Any) -> Callable[[Document], None]:
    """Put a value at the end of a list."""

    def plant(document: Document) -> None:
        holder, last = _place(document, path)
        holder[last].append(value)

    return plant


def swap(path: str, right: str, wrong: str) -> Callable[[Document], None]:
    """Put other words into a part, wherever they stand in it."""

    def plant(document: Document) -> None:
        holder, last = _place(document, path)
        text = json.dumps(holder[last])
        assert right in text, f"{path}: {right} is not there"
        holder[last] = json.loads(text.replace(right, wrong))

    return plant


def output(name: str, value: Any) -> Callable[[Document], None]:
    """Add an output."""

    def plant(document: Document) -> None:
        document["Outputs"][name] = {"Value": value}

    return plant


def grant(role: str, action: Any, resource: Any, **more: Any) -> Callable[[Document], None]:
    """Give a role one right more."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return add(f"{role}/Properties/Policies/0/PolicyDocument/Statement", statement)


def open_account(document: Document) -> None:
    """Let the account use a key for anything."""
    for statement in document["Resources"]["SecretsKey"]["Properties"]["KeyPolicy"]["Statement"]:
        statement.pop("Condition", None)


def hide_and_tell(document: Document) -> None:
    """Add a parameter that must not be shown, and hand it to a function."""
    document["Parameters"]["BankWord"] = {"Type": "String", "NoEcho": True, "Default": "x"}
    variables = document["Resources"]["HelpFunction"]["Properties"]["Environment"]["Variables"]
    variables["BANK_WORD"] = {"Ref": "BankWord"}


def share_a_role(document: Document) -> None:
    """Let two functions run as one."""
    resources = document["Resources"]
    resources["HelpFunction"]["Properties"]["Role"] = resources["PortalFunction"]["Properties"][
        "Role"
    ]


QUEUE = "ArrivalsQueue/Properties"
MAPPING = "IngestFunctionArrivals/Properties"
STREAM = "SendOutboxFunctionWritten/Properties"
HELP = "HelpFunction/Properties"
CUT_OFF = "FundingRunFunctionCutOff/Properties"
TRUST = "SchedulesRole/Properties/AssumeRolePolicyDocument/Statement/0"
CHUNKS = "ChunksRule/Properties/TopicRulePayload"
GATEWAYS = "GatewayPolicy/Properties/PolicyDocument/Statement"
BUCKET = "DocumentsBucket/Properties"
STAGE = "ApiApiGatewayDefaultStage/Properties"
TIMERS = "TimersStoodStill/Properties"
BUCKET_POLICY = "DocumentsBucketPolicy/Properties/PolicyDocument/Statement"

FLAWS = (
    # ---------------------------------------------------------------- queues
    Flaw("a queue waits less than its function runs", "queue_waits_long_enough",
         put(f"{QUEUE}/VisibilityTimeout", 60)),
    Flaw("a queue forgets the window of its batches", "queue_waits_long_enough",
         put(f"{QUEUE}/VisibilityTimeout", 360)),
    Flaw("a function is given more time, and its queue is not", "queue_waits_long_enough",
         source=("      Handler: cloud.functions.dispatch.handler.handle\n",
                 "      Handler: cloud.functions.dispatch.handler.handle\n      Timeout: 300\n")),
    Flaw("a queue without dead letters", "queue_buries_its_dead", drop(f"{QUEUE}/RedrivePolicy")),
    Flaw("dead letters of another account", "queue_buries_its_dead",
         put(f"{QUEUE}/RedrivePolicy/deadLetterTargetArn", "arn:aws:sqs:us-east-1:1:theirs")),
    Flaw("a message dies at its first try", "queue_tries_often_enough",
         put(f"{QUEUE}/RedrivePolicy/maxReceiveCount", 1)),
    Flaw("dead letters are kept four days", "dead_letters_are_kept_longest",
         drop("ArrivalsDeadLetters/Properties/MessageRetentionPeriod")),
    Flaw("failed calls are kept a day", "dead_letters_are_kept_longest",
         put("FailedCalls/Properties/MessageRetentionPeriod", 86400)),
    Flaw("a queue keeps as long as its dead letters", "dead_letters_are_kept_longest",
         put(f"{QUEUE}/MessageRetentionPeriod", 1209600)),
    Flaw("dead letters that die in a circle", "dead_letters_go_in_no_circle",
         put("ArrivalsDeadLetters/Properties/RedrivePolicy",
             {"deadLetterTargetArn": {"Fn::GetAtt": ["ArrivalsQueue", "Arn"]},
              "maxReceiveCount": 5})),
    Flaw("a function eats the dead letters", "dead_letters_feed_nobody",
         put(f"{MAPPING}/EventSourceArn", {"Fn::GetAtt": ["ArrivalsDeadLetters", "Arn"]})),
    Flaw("a FIFO queue with standard dead letters", "queue_and_dead_letters_are_of_one_kind",
         put(f"{QUEUE}/FifoQueue", True)),
    Flaw("a queue in clear", "queue_is_sealed", drop(f"{QUEUE}/SqsManagedSseEnabled")),
    Flaw("one bad message brings its batch again", "failures_are_reported_one_by_one",
         drop(f"{MAPPING}/FunctionResponseTypes")),
    Flaw("a hundred messages at once, and no window", "large_batches_wait",
         drop(f"{MAPPING}/MaximumBatchingWindowInSeconds")),
    Flaw("a burst takes all calls of the account", "polling_is_bounded",
         drop(f"{MAPPING}/ScalingConfig")),
    Flaw("a stream tries for a day", "stream_gives_up_and_tells",
         drop(f"{STREAM}/MaximumRetryAttempts")),
    Flaw("a stream gives up in silence", "stream_gives_up_and_tells",
         drop(f"{STREAM}/DestinationConfig")),
    Flaw("each write of a table is a call", "stream_gives_up_and_tells",
         drop(f"{STREAM}/FilterCriteria")),
    Flaw("nothing sweeps behind a stream", "stream_has_a_sweep_behind_it",
         put("SendOutboxFunctionMinute/Properties/ScheduleExpression", "rate(1 hour)")),
    Flaw("an event that cannot be handed over is lost", "event_is_laid_aside",
         drop("MailCame/Properties/Targets/0/DeadLetterConfig")),
    Flaw("a rule of the bus that its queue lets in no more", "event_is_laid_aside",
         swap("MailsQueuePolicy/Properties/PolicyDocument/Statement/0/Condition",
              "MailCame", "MailLeft")),
    Flaw("a sender that may not send", "senders_may_send",
         swap("SendOutboxFunctionRole/Properties/Policies", "AccrualsQueue", "RunsQueue")),
    # ---------------------------------------------------------------- functions
    Flaw("two functions with one role", "function_has_a_role_of_its_own", share_a_role),
    Flaw("a role from elsewhere", "function_has_a_role_of_its_own",
         put(f"{HELP}/Role", "arn:aws:iam::1:role/admin")),
    Flaw("a function that is not traced", "function_is_traced",
         put(f"{HELP}/TracingConfig/Mode", "PassThrough")),
    Flaw("a function on the dearer processor", "function_runs_on_arm",
         put(f"{HELP}/Architectures", ["x86_64"])),
    Flaw("a log group for ever", "logs_end", drop("FunctionsLogs/Properties/RetentionInDays")),
    Flaw("a function whose log Lambda makes", "logs_end", drop(f"{HELP}/LoggingConfig/LogGroup")),
    Flaw("a function that writes lines of text", "logs_end",
         put(f"{HELP}/LoggingConfig/LogFormat", "Text")),
    Flaw("an answer after the API stopped waiting", "answers_come_in_time",
         source=("      Handler: cloud.functions.partner_api.handler.handle\n      Timeout: 20\n",
                 "      Handler: cloud.functions.partner_api.handler.handle\n      Timeout: 60\n")),
    Flaw("a password in the environment", "no_secret_stands_in_the_environment",
         put(f"{HELP}/Environment/Variables/BANK_PASSWORD", "hunter2")),
    Flaw("a secret that is resolved into the environment", "no_secret_stands_in_the_environment",
         put(f"{HELP}/Environment/Variables/BANK", "{{resolve:secretsmanager:bank:SecretString}}")),
    Flaw("a hidden parameter in the environment", "no_secret_stands_in_the_environment",
         hide_and_tell),
    Flaw("a variable that the code reads is not given", "environment_is_what_the_code_reads",
         drop(f"{HELP}/Environment/Variables/HELP_DESK_PHONE")),
    Flaw("a variable that nobody reads", "environment_is_what_the_code_reads",
         put(f"{HELP}/Environment/Variables/HELP_DESK_FAX", "1")),
    Flaw("a handler that is not there", "handler_is_there",
         put(f"{HELP}/Handler", "cloud.functions.help.handler.handel")),
    Flaw("a function of the code that is not deployed", "handler_is_there", drop("SettleFunction")),
    Flaw("a table in reach without rights", "rights_reach_what_is_given",
         put(f"{HELP}/Environment/Variables/MONEY_TABLE", {"Ref": "MoneyTable"})),
    Flaw("scheduled calls that fail for good are lost", "failed_calls_are_kept",
         drop("ScoreFunctionEventInvokeConfig")),
    Flaw("who tells of failed calls may not", "who_tells_of_failures_may",
         swap("ScoreFunctionRole/Properties/Policies", "FailedCalls", "RunsQueue")),
    # ---------------------------------------------------------------- schedules
    Flaw("a schedule of five fields", "schedule_can_be_read",
         put(f"{CUT_OFF}/ScheduleExpression", "cron(31 2 * * MON,WED)")),
    Flaw("a zone that is none", "schedule_can_be_read",
         put(f"{CUT_OFF}/ScheduleExpressionTimezone", "America/New_Yrok")),
    Flaw("a cut-off by UTC", "schedule_can_be_read",
         source=("            ScheduleExpression: cron(31 2 ? * MON,WED *)\n"
                 "            ScheduleExpressionTimezone: America/New_York\n",
                 "            ScheduleExpression: cron(31 2 ? * MON,WED *)\n")),
    Flaw("a sweep that is told another clock", "sweep_says_its_own_clock",
         put("SweepFunctionPacific/Properties/ScheduleExpressionTimezone", "Etc/GMT+7")),
    Flaw("a schedule whose role trusts another service", "schedule_calls_as_somebody_who_may",
         put(f"{TRUST}/Principal", {"Service": "events.amazonaws.com"})),
    Flaw("a schedule that may not call", "schedule_calls_as_somebody_who_may",
         swap("SchedulesRole/Properties/Policies", "FundingRunFunction", "HelpFunction")),
    Flaw("a call that could not be made is lost", "schedule_lays_failed_calls_aside",
         drop(f"{CUT_OFF}/Target/DeadLetterConfig")),
    Flaw("a cut-off that is tried until tomorrow", "schedule_lays_failed_calls_aside",
         drop(f"{CUT_OFF}/Target/RetryPolicy")),
    Flaw("a call that the scheduler may not lay aside", "schedule_lays_failed_calls_aside",
         drop("SchedulesRole/Properties/Policies/0/PolicyDocument/Statement/1")),
    Flaw("a schedule that SAM names", "names_are_of_the_stage",
         source=('            Name: !Sub "sunreeve-${Stage}-cut-off"\n', "")),
    Flaw("a topic rule without its stage", "names_are_of_the_stage",
         put("StatusRule/Properties/RuleName", "sunreeve_status")),
    # ---------------------------------------------------------------- the field
    Flaw("a gateway that connects as anybody", "gateway_connects_under_its_own_name",
         put(f"{GATEWAYS}/0/Resource", {"Fn::Sub": f"{ARN}:client/*"})),
    Flaw("a gateway that may not connect", "gateway_connects_under_its_own_name",
         put(f"{GATEWAYS}/0/Action", "iot:RetainPublish")),
    Flaw("a gateway that publishes anywhere", "gateway_speaks_for_itself_only",
         put(f"{GATEWAYS}/1/Resource/0", "*")),
    Flaw("a gateway that publishes for others", "gateway_speaks_for_itself_only",
         add(f"{GATEWAYS}/1/Resource", {"Fn::Sub": f"{ARN}:topic/sunreeve/*/status"})),
    Flaw("a gateway that hears all commands", "gateway_speaks_for_itself_only",
         put(f"{GATEWAYS}/2/Resource", {"Fn::Sub": f"{ARN}:topicfilter/sunreeve/+/command"})),
    Flaw("a gateway that publishes below its name", "gateway_speaks_for_itself_only",
         add(f"{GATEWAYS}/1/Resource", {"Fn::Sub": f"{ARN}:topic/sunreeve/{THING}/*"})),
    Flaw("a topic rule that drops what it cannot send", "topic_rule_lays_aside",
         drop(f"{CHUNKS}/ErrorAction")),
    Flaw("a topic rule that fails into its own queue", "topic_rule_lays_aside",
         put(f"{CHUNKS}/ErrorAction/Sqs/QueueUrl", {"Ref": "ArrivalsQueue"})),
    Flaw("a topic rule that may not send", "topic_rule_may_hand_over",
         swap("TopicRuleRole/Properties/Policies", "ArrivalsQueue", "RunsQueue")),
    Flaw("whose it is stands at another level", "topic_rule_reads_whose_it_is",
         swap(f"{CHUNKS}/Sql", "topic(1)", "topic(2)")),
    Flaw("nobody says whose it is", "topic_rule_reads_whose_it_is",
         swap(f"{CHUNKS}/Sql", "topic(1) AS gateway_id,", "")),
    Flaw("compressed bytes as text", "topic_rule_keeps_bytes",
         swap(f"{CHUNKS}/Sql", "encode(*, 'base64') AS payload", "* AS payload")),
    Flaw("a topic rule is renamed, and gateways are not told", "gateways_may_reach_the_rules",
         put("ChunksRule/Properties/RuleName", {"Fn::Sub": "sunreeve_${Stage}_telemetry"})),
    Flaw("a topic rule reads another topic", "gateways_may_reach_the_rules",
         swap(f"{CHUNKS}/Sql", "FROM '+/chunk'", "FROM '+/chunks'")),
    Flaw("a claim that publishes like a gateway", "claim_does_nothing_but_ask",
         put("ClaimPolicy/Properties/PolicyDocument/Statement/1/Resource/0",
             {"Fn::Sub": f"{ARN}:topic/$aws/rules/sunreeve_${{Stage}}_chunks/gw/chunk"})),
    Flaw("a claim that connects as a gateway", "claim_does_nothing_but_ask",
         put("ClaimPolicy/Properties/PolicyDocument/Statement/0/Resource",
             {"Fn::Sub": f"{ARN}:client/*"})),
    Flaw("any device with a claim becomes a gateway", "provisioning_asks_first",
         drop("ClaimTemplate/Properties/PreProvisioningHook")),
    # ---------------------------------------------------------------- rights
    Flaw("a function may do everything with tables", "no_action_is_for_everything",
         grant("HelpFunctionRole", "dynamodb:*", {"Fn::GetAtt": ["OperationsTable", "Arn"]})),
    Flaw("a function may do everything", "no_action_is_for_everything",
         grant("HelpFunctionRole", "*", "*")),
    Flaw("a function reads all objects of all", "no_resource_is_everything",
         grant("HelpFunctionRole", "s3:GetObject", "*")),
    Flaw("a function reads all tables of the account", "no_resource_is_everything",
         grant("HelpFunctionRole", "dynamodb:GetItem",
               {"Fn::Sub": "arn:aws:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*"})),
    Flaw("all but one right", "nothing_is_given_by_exclusion",
         add("HelpFunctionRole/Properties/Policies/0/PolicyDocument/Statement",
             {"Effect": "Allow", "NotAction": "iam:CreateUser",
              "Resource": {"Fn::GetAtt": ["SitesTable", "Arn"]}})),
    Flaw("an administrator", "managed_policies_are_known",
         add("HelpFunctionRole/Properties/ManagedPolicyArns",
             "arn:aws:iam::aws:policy/AdministratorAccess")),
    Flaw("SAM's policy for whole tables", "managed_policies_are_known",
         add("HelpFunctionRole/Properties/ManagedPolicyArns",
             "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess")),
    Flaw("anybody may send into a queue", "nobody_unnamed_may_anything",
         put("MailsQueuePolicy/Properties/PolicyDocument/Statement/0/Principal", "*")),
    Flaw("any account may take a role", "nobody_unnamed_may_anything",
         put(f"{TRUST}/Principal", {"AWS": "*"})),
    Flaw("a service takes a role for strangers", "services_work_for_this_account_only",
         drop("TopicRuleRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition")),
    Flaw("any rule of anybody fills a queue", "services_work_for_this_account_only",
         drop("MailsQueuePolicy/Properties/PolicyDocument/Statement/0/Condition")),
    Flaw("any API of anybody calls a function", "callers_of_functions_are_named",
         drop("HelpFunctionHelpPermission/Properties/SourceArn")),
    Flaw("a function opens sealed values of any kind", "what_is_sealed_is_opened_for_a_purpose",
         grant("HelpFunctionRole", "kms:Decrypt", {"Fn::GetAtt": ["SecretsKey", "Arn"]})),
    # ---------------------------------------------------------------- what is kept
    Flaw("money without recovery", "table_can_be_put_back",
         drop("MoneyTable/Properties/PointInTimeRecoverySpecification")),
    Flaw("readings for ever", "table_can_be_put_back",
         drop("TelemetryTable/Properties/TimeToLiveSpecification")),
    Flaw("a table in clear", "table_is_sealed", drop("MoneyTable/Properties/SSESpecification")),
    Flaw("money goes with the stack", "what_is_kept_outlives_the_stack",
         drop("MoneyTable/DeletionPolicy")),
    Flaw("a bucket goes when it is replaced", "what_is_kept_outlives_the_stack",
         put("DocumentsBucket/UpdateReplacePolicy", "Delete")),
    Flaw("the key of account numbers goes with the stack", "what_is_kept_outlives_the_stack",
         put("SecretsKey/DeletionPolicy", "Delete")),
    Flaw("a table of prod that one call deletes", "prod_is_not_deleted_by_a_slip",
         put("MoneyTable/Properties/DeletionProtectionEnabled", False)),
    Flaw("people of prod that one call deletes", "prod_is_not_deleted_by_a_slip",
         drop("People/Properties/DeletionProtection")),
    Flaw("rows that expire by their key", "expiry_is_no_key",
         put("OperationsTable/Properties/TimeToLiveSpecification/AttributeName", "pk")),
    Flaw("an index with keys only", "index_gives_whole_records",
         put("MoneyTable/Properties/GlobalSecondaryIndexes/0/Projection",
             {"ProjectionType": "KEYS_ONLY"})),
    Flaw("a bucket that may be made public", "bucket_is_closed_and_sealed",
         put(f"{BUCKET}/PublicAccessBlockConfiguration/BlockPublicPolicy", False)),
    Flaw("a public bucket", "bucket_is_closed_and_sealed",
         put(f"{BUCKET}/AccessControl", "PublicRead")),
    Flaw("a bucket without versions", "bucket_is_closed_and_sealed",
         drop(f"{BUCKET}/VersioningConfiguration")),
    Flaw("a bucket that is read in clear", "bucket_is_reached_by_tls_only",
         drop(f"{BUCKET_POLICY}/0")),
    Flaw("bank files that expire", "books_are_not_deleted",
         add(f"{BUCKET}/LifecycleConfiguration/Rules",
             {"Id": "all", "Status": "Enabled", "ExpirationInDays": 365})),
    Flaw("bank files that may be deleted", "books_are_not_deleted", drop(f"{BUCKET_POLICY}/1")),
    Flaw("broken uploads for ever", "broken_uploads_end",
         drop(f"{BUCKET}/LifecycleConfiguration/Rules/0")),
    Flaw("a key that is never renewed", "key_is_renewed",
         drop("SecretsKey/Properties/EnableKeyRotation")),
    Flaw("a key with which the account may do everything", "who_cares_for_a_key_cannot_open",
         put("SecretsKey/Properties/KeyPolicy/Statement/0/Action", "kms:*")),
    Flaw("a key that the account uses for anything", "who_cares_for_a_key_cannot_open",
         open_account),
    Flaw("people without a second factor", "people_have_a_second_factor",
         put("People/Properties/MfaConfiguration", "OFF")),
    Flaw("anybody signs up", "people_have_a_second_factor",
         drop("People/Properties/AdminCreateUserConfig")),
    Flaw("a sign-in that tells who has an account", "people_have_a_second_factor",
         put("PagesClient/Properties/PreventUserExistenceErrors", "LEGACY")),
    # ---------------------------------------------------------------- doors and watching
    Flaw("partners' routes without a token", "routes_ask_who_calls",
         source=('Properties: {ApiId: !Ref Api, Method: ANY, Path: "/v1/{proxy+}"}',
                 'Properties: {ApiId: !Ref Api, Method: ANY, Path: "/v1/{proxy+}", '
                 "Auth: {Authorizer: NONE}}")),
    Flaw("the owner's routes without a token", "routes_ask_who_calls",
         source=('Properties: {ApiId: !Ref Api, Method: ANY, Path: "/ops/{proxy+}"}',
                 'Properties: {ApiId: !Ref Api, Method: ANY, Path: "/ops/{proxy+}", '
                 "Auth: {Authorizer: NONE}}")),
    Flaw("an API without a bound", "api_is_bounded", drop(f"{STAGE}/DefaultRouteSettings")),
    Flaw("an API without a log", "api_writes_who_asked_nothing_of_whom",
         drop(f"{STAGE}/AccessLogSettings")),
    Flaw("addresses of people in the log", "api_writes_who_asked_nothing_of_whom",
         swap(f"{STAGE}/AccessLogSettings/Format", "context.status", "context.identity.sourceIp")),
    Flaw("an alarm that calls nobody", "alarm_calls_somebody",
         drop("FundingNotSent/Properties/AlarmActions")),
    Flaw("nobody listens to the alarms", "alarm_calls_somebody", drop("AlarmsToOperations")),
    Flaw("alarms sealed with the key of SNS", "alarms_reach_the_topic",
         put("AlarmsTopic/Properties/KmsMasterKeyId", "alias/aws/sns")),
    Flaw("an alarm on a metric that nobody writes", "alarm_watches_what_is_told",
         put("FundingNotSent/Properties/MetricName", "FundingUnsentAfterLunch")),
    Flaw("an alarm on another dimension", "alarm_watches_what_is_told",
         put(f"{TIMERS}/Dimensions/0/Name", "Environment")),
    Flaw("a clock that stopped is not noticed", "alarm_knows_what_silence_means",
         put(f"{TIMERS}/TreatMissingData", "notBreaching")),
    Flaw("sweeps that stopped are not noticed", "alarm_knows_what_silence_means",
         put("SweepsStopped/Properties/TreatMissingData", "notBreaching")),
    Flaw("an alarm without a word on silence", "alarm_knows_what_silence_means",
         drop("ApiFails/Properties/TreatMissingData")),
    Flaw("an alarm on a queue of another stack", "alarm_is_about_this_stack",
         put("ArrivalsWait/Properties/Dimensions/0/Value", "their-queue")),
    Flaw("nobody is told that a bank file did not leave", "what_must_ring_rings",
         drop("FundingNotSent")),
    Flaw("a dashboard that cannot be drawn", "dashboard_can_be_drawn",
         put("Dashboard/Properties/DashboardBody", {"Fn::Sub": '{"widgets": [}'})),
    Flaw("a graph of a metric that nobody writes", "dashboard_can_be_drawn",
         swap("Dashboard/Properties/DashboardBody", "SweepPartsMissing", "SweepPartsLost")),
    Flaw("dead letters that no graph shows", "the_dead_are_seen",
         swap("Dashboard/Properties/DashboardBody", "RunsDeadLetters.Queue", "RunsQueue.Queue")),
    Flaw("a client's secret as an output", "no_secret_is_put_out",
         output("Word", {"Fn::GetAtt": ["PagesClient", "ClientSecret"]})),
)  # fmt: skip
