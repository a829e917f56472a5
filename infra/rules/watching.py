"""Doors and watching: who may knock, who is called, and that what is watched for can happen."""

import json
import re
from collections.abc import Iterator
from typing import Any

from infra.rules.stack import QUEUE, Properties, Stack, listed, named, names_in, plain, substituted

PUBLIC = {
    "/help": "customers ask for help; nobody reads here",
    "/calendar/{proxy+}": "funding days, which name no partner",
    "/.well-known/security.txt": "where to tell of a hole",
    "/.well-known/security-policy.txt": "what is asked of who looks for one",
    "/portal": "its own door asks who it is",
    "/portal/{proxy+}": "its own door asks who it is",
    "/console": "its own door asks who it is",
    "/console/{proxy+}": "its own door asks who it is",
}
"""Routes that ask for no token by design, with the reason."""
NAMESPACE = "Sunreeve"
SILENCE_IS_A_FAULT = frozenset({"TimerLagSeconds", "DeadLetters", "CertificateDaysLeft"})
"""Metrics that are told whether or not there is something to tell."""
_OF_PEOPLE = re.compile(
    r"\$context\.(identity|path\b|requestOverride|authorizer\.(?!latency|error|status)|domainName)"
)


def routes_ask_who_calls(stack: Stack) -> list[str]:
    """Every route asks for a token, but those that are public by design.

    Source: Amazon API Gateway developer guide, "Control and manage access to HTTP APIs in API
    Gateway".
    """
    faults = []
    for name, api in stack.of("AWS::ApiGatewayV2::Api").items():
        for path, methods in api.get("Body", {}).get("paths", {}).items():
            for operation in methods.values():
                security = listed(operation.get("security"))
                asks = any(set(one) - {"NONE"} for one in security)
                if not asks and path not in PUBLIC:
                    faults.append(f"{name}: {path} asks for no token")
    return faults


def api_is_bounded(stack: Stack) -> list[str]:
    """An API takes a bounded number of requests a second, so that a flood is not a bill.

    Source: Amazon API Gateway developer guide, "Throttle requests to your HTTP APIs".
    """
    faults = []
    for name, stage in stack.of("AWS::ApiGatewayV2::Stage").items():
        settings = stage.get("DefaultRouteSettings", {})
        faults += [
            f"{name}: {limit} is not set"
            for limit in ("ThrottlingBurstLimit", "ThrottlingRateLimit")
            if not settings.get(limit)
        ]
    return faults


def api_writes_who_asked_nothing_of_whom(stack: Stack) -> list[str]:
    """An API logs each request by its id, with nothing of people: no address, no path, no token.

    Source: Amazon API Gateway developer guide, "Customize HTTP API access logs".
    """
    faults = []
    for name, stage in stack.of("AWS::ApiGatewayV2::Stage").items():
        settings = stage.get("AccessLogSettings", {})
        if named(settings.get("DestinationArn")) not in stack.of("AWS::Logs::LogGroup"):
            faults.append(f"{name}: it writes into no log group of this stack")
        if "$context.requestId" not in plain(settings.get("Format", "")):
            faults.append(f"{name}: its log does not name the request")
        if found := _OF_PEOPLE.search(plain(settings.get("Format", ""))):
            faults.append(f"{name}: its log holds {found[0]}")
    return faults


def _alarms(stack: Stack) -> dict[str, Properties]:
    return stack.of("AWS::CloudWatch::Alarm")


def alarm_calls_somebody(stack: Stack) -> list[str]:
    """An alarm tells a topic that people listen to, when it rings and when it is over.

    Source: Amazon CloudWatch user guide, "Using Amazon CloudWatch alarms", Alarm actions.
    """
    heard = {
        named(one.get("TopicArn"))
        for one in stack.of("AWS::SNS::Subscription").values()
        if one.get("Protocol") == "email"
    }
    return [
        f"{name}: {place} calls nobody"
        for name, alarm in _alarms(stack).items()
        for place in ("AlarmActions", "OKActions")
        if alarm.get("ActionsEnabled") is False
        or not names_in(alarm.get(place)) & heard & set(stack.of("AWS::SNS::Topic"))
    ]


def alarms_reach_the_topic(stack: Stack) -> list[str]:
    """Alarms may publish to their topic, which is sealed with a key that they may use.

    Source: Amazon SNS developer guide, "Enable compatibility between event sources from AWS
    services and encrypted topics". With the key that SNS has by itself, no alarm ever arrives.
    """
    faults = []
    policies = list(stack.resource_policies())
    for name, topic in stack.of("AWS::SNS::Topic").items():
        key = named(topic.get("KmsMasterKeyId"))
        allowed = {
            action
            for owner, statement in policies
            if owner == key or name in names_in(statement.get("Resource"))
            if "cloudwatch.amazonaws.com" in plain(statement.get("Principal"))
            for action in listed(statement.get("Action"))
        }
        faults += [
            f"{name}: alarms may not {action}"
            for action in ("kms:Decrypt", "kms:GenerateDataKey", "sns:Publish")
            if action not in allowed
        ]
    return faults


def alarm_watches_what_is_told(stack: Stack) -> list[str]:
    """An alarm on a metric of ours names one that the code writes, with the dimension it has.

    Source: Amazon CloudWatch user guide, "CloudWatch concepts", Dimensions: another set of
    dimensions is another metric, and one that nobody writes has no data for ever.
    """
    faults = []
    for name, alarm in _alarms(stack).items():
        if alarm.get("Namespace") != NAMESPACE:
            continue
        if alarm.get("MetricName") not in stack.code.metrics:
            faults.append(f"{name}: nobody writes {alarm.get('MetricName')}")
        if [one.get("Name") for one in listed(alarm.get("Dimensions"))] != ["Stage"]:
            faults.append(f"{name}: its dimension is not Stage alone")
    return faults


def alarm_knows_what_silence_means(stack: Stack) -> list[str]:
    """An alarm says what missing data means; what is told every minute rings when it is silent.

    Source: Amazon CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data".
    By default an alarm stays as it was, and a clock that stopped is never noticed.
    """
    faults = []
    for name, alarm in _alarms(stack).items():
        silence = alarm.get("TreatMissingData")
        if silence not in {"breaching", "notBreaching"}:
            faults.append(f"{name}: TreatMissingData is {silence}")
        told = alarm.get("MetricName") in SILENCE_IS_A_FAULT
        awaited = str(alarm.get("ComparisonOperator")).startswith("LessThan")
        if (told or awaited) and silence != "breaching":
            faults.append(f"{name}: silence of {alarm['MetricName']} rings nobody")
    return faults


def alarm_is_about_this_stack(stack: Stack) -> list[str]:
    """The resources that an alarm's dimensions name are of this stack.

    Source: Amazon CloudWatch user guide, "CloudWatch concepts", Dimensions.
    """
    known = set(stack.resources) | set(stack.document.get("Parameters", {}))
    return [
        f"{name}: {one.get('Name')} is {plain(one.get('Value'))}, nothing of this stack"
        for name, alarm in _alarms(stack).items()
        for one in listed(alarm.get("Dimensions"))
        if named(one.get("Value")) not in known
    ]


def what_must_ring_rings(stack: Stack) -> list[str]:
    """There is an alarm for each thing that people must know before anybody asks.

    Source: AWS Well-Architected Framework, Operational Excellence, "Create actionable alerts".
    """
    wanted = {
        "TimerLagSeconds", "OutboxLagSeconds", "SweepPartsMissing", "FundingUnsentAfterNoon",
        "CertificateDaysLeft", "DeadLetters", "ApproximateAgeOfOldestMessage", "Errors",
        "Invocations",
        "Throttles", "5xx", "Latency", "Reputation.BounceRate", "Reputation.ComplaintRate",
    }  # fmt: skip
    there = {alarm.get("MetricName") for alarm in _alarms(stack).values()}
    return [f"AWS::CloudWatch::Alarm: nobody is told of {one}" for one in sorted(wanted - there)]


def _widgets(stack: Stack) -> Iterator[tuple[str, Any]]:
    for name, dashboard in stack.of("AWS::CloudWatch::Dashboard").items():
        try:
            yield name, json.loads(substituted(dashboard.get("DashboardBody")))["widgets"]
        except (ValueError, KeyError, TypeError):
            yield name, None


def dashboard_can_be_drawn(stack: Stack) -> list[str]:
    """The body of a dashboard is JSON whose graphs show metrics that exist, of this stack.

    Source: Amazon CloudWatch user guide, "Dashboard body structure and syntax". CloudFormation
    takes any text, and the graph stays empty.
    """
    faults = []
    known = set(stack.resources) | set(stack.document.get("Parameters", {}))
    for name, widgets in _widgets(stack):
        if widgets is None:
            faults.append(f"{name}: DashboardBody is not what CloudWatch reads")
            continue
        text = json.dumps(widgets)
        faults += [
            f"{name}: it shows {one}, nothing of this stack"
            for one in re.findall(r"\$\{([^}]+)\}", text)
            if not one.startswith("AWS::") and one.partition(".")[0] not in known
        ]
        shown = [one for w in widgets for one in w["properties"].get("metrics", ())]
        faults += [
            f"{name}: it shows {metric}, which nobody writes"
            for namespace, metric, *_ in shown
            if namespace == NAMESPACE and metric not in stack.code.metrics
        ]
    return faults


def the_dead_are_seen(stack: Stack) -> list[str]:
    """Every queue of dead letters is on the dashboard: the alarm counts all of them as one.

    Source: Amazon SQS developer guide, "Creating alarms for dead-letter queues using Amazon
    CloudWatch".
    """
    shown = json.dumps([widgets for _, widgets in _widgets(stack)])
    return [
        f"{name}: no dashboard shows how many lie in it"
        for name in sorted((stack.dead_letters() | stack.failed_calls()) & set(stack.of(QUEUE)))
        if f"${{{name}.QueueName}}" not in shown
    ]


def no_secret_is_put_out(stack: Stack) -> list[str]:
    """No output of the stack is a secret: whoever may see the stack reads them all.

    Source: AWS CloudFormation user guide, "Outputs", and "Do not embed credentials in your
    templates" of its best practices.
    """
    hidden = {n for n, one in stack.document.get("Parameters", {}).items() if one.get("NoEcho")}
    faults = []
    for name, output in stack.document.get("Outputs", {}).items():
        text = plain(output.get("Value"))
        if re.search(r"ClientSecret|SecretString|PrivateKey|\{\{resolve:", text):
            faults.append(f"{name}: the output is a secret")
        if names_in(output.get("Value")) & hidden:
            faults.append(f"{name}: the output is a parameter that must not be shown")
    return faults


RULES = (
    routes_ask_who_calls,
    api_is_bounded,
    api_writes_who_asked_nothing_of_whom,
    alarm_calls_somebody,
    alarms_reach_the_topic,
    alarm_watches_what_is_told,
    alarm_knows_what_silence_means,
    alarm_is_about_this_stack,
    what_must_ring_rings,
    dashboard_can_be_drawn,
    the_dead_are_seen,
    no_secret_is_put_out,
)
