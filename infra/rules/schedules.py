"""Schedules: when they are due, as whom they call, and what becomes of a call that was not made."""

import json
import re

from cloud.local import schedules
from infra.rules.stack import FUNCTION, QUEUE, ROLE, SCHEDULE, Stack, listed, named, plain

_OF_A_STAGE = {
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IoT::Policy": "PolicyName",
    "AWS::IoT::TopicRule": "RuleName",
    "AWS::Cognito::UserPool": "UserPoolName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IoT::ProvisioningTemplate": "TemplateName",
}
AWS_NAMES = frozenset({"AWSIotLogsV2"})
"""Names that AWS gives, once for an account."""


def schedule_can_be_read(stack: Stack) -> list[str]:
    """Expression and zone are such that EventBridge Scheduler knows, and a time of day has a zone.

    Source: EventBridge Scheduler user guide, "Schedule types in EventBridge Scheduler". Without a
    zone a cut-off is an hour off for half of the year.
    """
    faults = []
    for name, schedule in stack.of(SCHEDULE).items():
        expression = str(schedule.get("ScheduleExpression"))
        zone = schedule.get("ScheduleExpressionTimezone")
        if expression.startswith("cron") and zone is None:
            faults.append(f"{name}: {expression} has no zone")
        try:
            schedules.parse(expression, str(zone or "UTC"))
        except ValueError as wrong:
            faults.append(f"{name}: {wrong}")
    return faults


def sweep_says_its_own_clock(stack: Stack) -> list[str]:
    """The clock that a sweep is told is the clock on which it is started.

    Source: the IANA zones Etc/GMT+5 to Etc/GMT+10, whose sign is turned round: +5 is UTC-5.
    """
    faults = []
    for name, schedule in stack.of(SCHEDULE).items():
        told = json.loads(schedule["Target"].get("Input", "{}")).get("utc_offset_hours")
        zone = re.fullmatch(r"Etc/GMT\+(\d+)", str(schedule.get("ScheduleExpressionTimezone")))
        if told is not None and (zone is None or int(zone[1]) != -int(told)):
            faults.append(f"{name}: it tells of UTC{told}, and is due by {zone and zone[0]}")
    return faults


def schedule_calls_as_somebody_who_may(stack: Stack) -> list[str]:
    """The role of a schedule trusts the scheduler and nobody else, and may call its function.

    Source: EventBridge Scheduler user guide, "Setting up Amazon EventBridge Scheduler". A role that
    trusts events.amazonaws.com is made without complaint, and nothing is ever called.
    """
    faults = []
    for name, schedule in stack.of(SCHEDULE).items():
        role, function = (named(schedule["Target"].get(part)) for part in ("RoleArn", "Arn"))
        trust = stack.of(ROLE).get(role, {}).get("AssumeRolePolicyDocument", {})
        trusted = [
            one
            for statement in listed(trust.get("Statement"))
            for one in listed(statement.get("Principal", {}).get("Service"))
        ]
        if trusted != ["scheduler.amazonaws.com"]:
            faults.append(f"{name}: its role {role} trusts {trusted}")
        if function not in stack.of(FUNCTION) or not stack.may(
            role, "lambda:InvokeFunction", function
        ):
            faults.append(f"{name}: its role {role} may not call {function}")
    return faults


def schedule_lays_failed_calls_aside(stack: Stack) -> list[str]:
    """What a schedule could not call lies in a queue that its role may write to, in bounded time.

    Source: EventBridge Scheduler user guide, "Configuring a dead-letter queue for EventBridge
    Scheduler". By default it tries for a day: a cut-off would come on another day.
    """
    faults = []
    for name, schedule in stack.of(SCHEDULE).items():
        target = schedule["Target"]
        dead, role = named(target.get("DeadLetterConfig", {}).get("Arn")), named(target["RoleArn"])
        if dead not in stack.of(QUEUE):
            faults.append(f"{name}: DeadLetterConfig names no queue of this stack")
        elif not stack.may(role, "sqs:SendMessage", dead):
            faults.append(f"{name}: its role {role} may not send to {dead}")
        if "MaximumEventAgeInSeconds" not in target.get("RetryPolicy", {}):
            faults.append(f"{name}: RetryPolicy does not say for how long it is tried")
    return faults


def names_are_of_the_stage(stack: Stack) -> list[str]:
    """A name that the template gives holds the stage, so that two stages fit into one account.

    Source: AWS CloudFormation user guide, "Name type". SAM names a schedule by its logical name
    alone, and the second stage would not deploy.
    """
    return [
        f"{name}: {place} {plain(properties[place])} is the same for every stage"
        for kind, place in _OF_A_STAGE.items()
        for name, properties in stack.of(kind).items()
        if place in properties
        and plain(properties[place]) not in AWS_NAMES
        and "${Stage}" not in plain(properties[place])
    ]


RULES = (
    schedule_can_be_read,
    sweep_says_its_own_clock,
    schedule_calls_as_somebody_who_may,
    schedule_lays_failed_calls_aside,
    names_are_of_the_stage,
)
