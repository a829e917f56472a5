"""What the parts of a stack name of one another: all of it must be of this stack."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local.template.limits import Limits, redrive_policy
from cloud.local.template.stack import ACCOUNT, QUEUE_URL, REGION, Mapped, Stack

_DEFAULT_VISIBILITY_S = 30


@dataclass(frozen=True, slots=True)
class _Name:
    """A name by which one resource reaches another.

    Attributes:
        at: the resource that says it.
        place: where it says it.
        name: what it says.
        kind: what must be there.
        known: how those that are there are named.
    """

    at: str
    place: str
    name: str
    kind: str
    known: Collection[str]


def check(template: str, stack: Stack) -> None:
    """Make sure that whatever is named is there, and that a queue waits as long as its function.

    Raises:
        BadInput: something names nothing of this stack; the message names both.
    """
    for one in _names(stack):
        if one.name not in one.known:
            there = ", ".join(sorted(one.known)) or "none"
            why = f"{one.place} {one.name} is no {one.kind} of this stack; there is {there}"
            raise Limits(template).wrong(one.at, why)
    for mapped in stack.mappings:
        _check_wait(template, stack, mapped)


def _check_wait(template: str, stack: Stack, mapped: Mapped) -> None:
    """Hold a queue's time out of sight against its function ("Configuring a queue", Lambda)."""
    if mapped.is_stream:
        return
    wait_s = int(stack.queues[mapped.source].get("VisibilityTimeout", _DEFAULT_VISIBILITY_S))
    timeout_s = stack.functions[mapped.function].timeout_s
    if wait_s < timeout_s:
        why = (
            f"VisibilityTimeout {wait_s} is below the Timeout {timeout_s} of"
            f" {mapped.function}, which {mapped.name} feeds; raise it"
        )
        raise Limits(template).wrong(mapped.source, why)


def function_arn(name: str) -> str:
    """Give a function's ARN."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def queue_arn(name: str) -> str:
    """Give a queue's ARN."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def _names(stack: Stack) -> Iterator[_Name]:
    yield from _of_functions(stack)
    yield from _of_mappings(stack)
    yield from _of_queues(stack)
    yield from _of_topic_rules(stack)
    yield from _of_provisioning(stack)
    yield from _of_receipt_rules(stack)
    yield from _of_malware_plans(stack)
    yield from _of_event_rules(stack)
    for schedule in stack.schedules:
        yield _Name(schedule.name, "Target", schedule.function, "function", stack.functions)
        if schedule.dead_letters is not None:
            dead = schedule.dead_letters
            yield _Name(schedule.name, "DeadLetterConfig", dead, "queue", stack.queues)
    for route in stack.routes:
        yield _Name(f"route {route.prefix}", "the integration", route.function, "function",
                    stack.functions)  # fmt: skip
        if route.authorizer:
            yield _Name(f"route {route.prefix}", "the authorizer", route.authorizer.function,
                        "function", stack.functions)  # fmt: skip


def _of_functions(stack: Stack) -> Iterator[_Name]:
    for function in stack.functions.values():
        if function.on_failure is not None:
            yield _Name(function.name, "the destination of failures", function.on_failure,
                        "queue", stack.queues)  # fmt: skip
        if function.due_index is not None:
            table = function.due_index["Table"]
            yield _Name(function.name, "SunreeveDueIndex: Table", table, "table", stack.tables)


def _of_mappings(stack: Stack) -> Iterator[_Name]:
    streaming = [name for name, one in stack.tables.items() if "StreamSpecification" in one]
    for one in stack.mappings:
        yield _Name(one.name, "FunctionName", one.function, "function", stack.functions)
        if one.is_stream:
            yield _Name(one.name, "EventSourceArn", one.source, "table with a stream", streaming)
        else:
            yield _Name(one.name, "EventSourceArn", one.source, "queue", stack.queues)
        if one.on_failure is not None:
            yield _Name(one.name, "OnFailure", one.on_failure, "queue", stack.queues)


def _of_queues(stack: Stack) -> Iterator[_Name]:
    arns = [queue_arn(name) for name in stack.queues]
    for name, properties in stack.queues.items():
        policy = redrive_policy(properties)
        if policy:
            target = str(policy.get("deadLetterTargetArn"))
            yield _Name(name, "deadLetterTargetArn", target, "queue", arns)


def _of_topic_rules(stack: Stack) -> Iterator[_Name]:
    urls = [QUEUE_URL + name for name in stack.queues]
    for name, properties in stack.topic_rules.items():
        payload = _part(properties, "TopicRulePayload")
        for action in (*_parts(payload, "Actions"), _part(payload, "ErrorAction")):
            if "Sqs" in action:
                url = str(_part(action, "Sqs").get("QueueUrl"))
                yield _Name(name, "QueueUrl", url, "queue", urls)


def _of_provisioning(stack: Stack) -> Iterator[_Name]:
    arns = [function_arn(name) for name in stack.functions]
    for name, properties in stack.provisioning.items():
        arn = str(_part(properties, "PreProvisioningHook").get("TargetArn"))
        yield _Name(name, "TargetArn", arn, "function", arns)


def _of_receipt_rules(stack: Stack) -> Iterator[_Name]:
    arns = [function_arn(name) for name in stack.functions]
    for name, properties in stack.receipt_rules.items():
        for action in _parts(_part(properties, "Rule"), "Actions"):
            if "S3Action" in action:
                bucket = str(_part(action, "S3Action").get("BucketName"))
                yield _Name(name, "BucketName", bucket, "bucket", stack.buckets)
            if "LambdaAction" in action:
                arn = str(_part(action, "LambdaAction").get("FunctionArn"))
                yield _Name(name, "FunctionArn", arn, "function", arns)


def _of_malware_plans(stack: Stack) -> Iterator[_Name]:
    for name, properties in stack.malware_plans.items():
        bucket = _part(_part(properties, "ProtectedResource"), "S3Bucket")
        yield _Name(name, "BucketName", str(bucket.get("BucketName")), "bucket", stack.buckets)


def _of_event_rules(stack: Stack) -> Iterator[_Name]:
    queues = [queue_arn(name) for name in stack.queues]
    targets = [*queues, *(function_arn(name) for name in stack.functions)]
    for name, properties in stack.event_rules.items():
        for target in _parts(properties, "Targets"):
            yield _Name(name, "Target", str(target.get("Arn")), "queue or function", targets)
            if "DeadLetterConfig" in target:
                dead = str(_part(target, "DeadLetterConfig").get("Arn"))
                yield _Name(name, "DeadLetterConfig", dead, "queue", queues)


# What is of another kind than it should be is refused where it is read: rules read their own parts.
def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _parts(whole: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    parts = whole.get(name)
    return [one for one in parts if isinstance(one, Mapping)] if isinstance(parts, list) else []


def name_in(arn: object, whole: str, template: str, resource: str) -> str:
    """Give the name at the end of an ARN of this account and region.

    Args:
        arn: what the template says.
        whole: what comes before the name.
        template: name of the template's file, for messages.
        resource: who says it.

    Raises:
        BadInput: it is no such ARN.
    """
    name = str(arn).removeprefix(whole)
    if not name or name == str(arn):
        why = f"{arn} is not of this stack: an ARN here begins with {whole}; name one of its own"
        raise BadInput(f"booting from {template}: resource {resource}: {why}")
    return name
