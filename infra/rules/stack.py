"""The translated template as the rules read it, with what they must know of the code beside it."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Properties = Mapping[str, Any]

FUNCTION = "AWS::Lambda::Function"
MAPPING = "AWS::Lambda::EventSourceMapping"
QUEUE = "AWS::SQS::Queue"
ROLE = "AWS::IAM::Role"
SCHEDULE = "AWS::Scheduler::Schedule"
TABLE = "AWS::DynamoDB::Table"
TOPIC_RULE = "AWS::IoT::TopicRule"


@dataclass(frozen=True, slots=True)
class Code:
    """What the code says that the template must agree with.

    Attributes:
        folders: the folders of functions, each with a handler.
        reads: handler -> the variables that its modules read when they are imported; None where
            there is no such handler.
        metrics: the names of the metrics that functions write.
    """

    folders: Collection[str]
    reads: Callable[[str], Collection[str] | None]
    metrics: Collection[str]


@dataclass(frozen=True, slots=True)
class Stack:
    """A CloudFormation document, its resources found by type."""

    document: Mapping[str, Any]
    code: Code

    @property
    def resources(self) -> Mapping[str, Any]:
        """Every resource by its logical name."""
        found: Mapping[str, Any] = self.document["Resources"]
        return found

    def of(self, kind: str) -> dict[str, Properties]:
        """Give the properties of each resource of a type."""
        return {
            name: part.get("Properties", {})
            for name, part in self.resources.items()
            if part["Type"] == kind
        }

    def dead_letters(self) -> set[str]:
        """Give the queues in which another queue's dead lie."""
        policies = [queue.get("RedrivePolicy", {}) for queue in self.of(QUEUE).values()]
        return {named(policy.get("deadLetterTargetArn")) for policy in policies if policy}

    def failed_calls(self) -> set[str]:
        """Give the queues in which failed calls lie: of schedules, streams and functions."""
        called = (*self.of("AWS::Lambda::EventInvokeConfig").values(), *self.streams.values())
        told = [one.get("DestinationConfig", {}).get("OnFailure", {}) for one in called]
        targets = [schedule.get("Target", {}) for schedule in self.of(SCHEDULE).values()]
        ends = [one.get("Destination") for one in told]
        ends += [target.get("DeadLetterConfig", {}).get("Arn") for target in targets]
        return {named(end) for end in ends if end is not None}

    @property
    def streams(self) -> dict[str, Properties]:
        """Mappings whose source is a table's stream."""
        found = self.of(MAPPING)
        return {n: m for n, m in found.items() if "StreamArn" in json.dumps(m["EventSourceArn"])}

    @property
    def polled(self) -> dict[str, Properties]:
        """Mappings whose source is a queue."""
        found, streams = self.of(MAPPING), self.streams
        return {n: m for n, m in found.items() if n not in streams}

    def role_of(self, function: str) -> str:
        """Give the logical name of a function's role."""
        return named(self.of(FUNCTION)[function].get("Role"))

    def statements(self, owner: str) -> Iterator[Properties]:
        """Give the statements of a role's own policies."""
        for policy in self.of(ROLE).get(owner, {}).get("Policies", []):
            yield from listed(policy["PolicyDocument"]["Statement"])

    def may(self, owner: str, action: str, resource: str) -> bool:
        """Tell whether a role's own policies let it do something with a resource of the stack."""
        return any(
            statement["Effect"] == "Allow"
            and action in listed(statement.get("Action"))
            and resource in names_in(statement.get("Resource"))
            for statement in self.statements(owner)
        )

    def grants(self) -> Iterator[tuple[str, Properties]]:
        """Give every statement of roles and of IoT policies, with whose it is."""
        for name in self.of(ROLE):
            for statement in self.statements(name):
                yield name, statement
        for name, policy in self.of("AWS::IoT::Policy").items():
            for statement in listed(policy["PolicyDocument"]["Statement"]):
                yield name, statement

    def resource_policies(self) -> Iterator[tuple[str, Properties]]:
        """Give every statement that a resource has itself: buckets, queues, topics and keys."""
        kinds = {
            "AWS::S3::BucketPolicy": "PolicyDocument",
            "AWS::SQS::QueuePolicy": "PolicyDocument",
            "AWS::SNS::TopicPolicy": "PolicyDocument",
            "AWS::KMS::Key": "KeyPolicy",
        }
        for kind, place in kinds.items():
            for name, properties in self.of(kind).items():
                for statement in listed(properties.get(place, {}).get("Statement")):
                    yield name, statement


Rule = Callable[[Stack], list[str]]
"""What a rule finds: a sentence for each fault, which begins with the resource's name."""


def listed(value: Any) -> list[Any]:
    """Give a list, where IAM lets one part stand for a list of it; empty for None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def named(value: Any) -> str:
    """Give the logical name that a Ref or GetAtt leads to; empty where it leads nowhere."""
    found = sorted(names_in(value)) if isinstance(value, dict) else []
    return found[0] if len(found) == 1 else ""


def names_in(value: Any) -> set[str]:
    """Give every logical name that a value refers to."""
    if isinstance(value, list):
        return {name for part in value for name in names_in(part)}
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, part in value.items():
        if key == "Ref" and isinstance(part, str):
            found.add(part)
        elif key == "Fn::GetAtt":
            found.add(part[0] if isinstance(part, list) else part.partition(".")[0])
        elif key == "Fn::Sub":
            text = part if isinstance(part, str) else part[0]
            found |= {name.partition(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)}
            found |= names_in(part[1:]) if isinstance(part, list) else set()
        else:
            found |= names_in(part)
    return {name for name in found if not name.startswith("AWS::")}


def plain(value: Any) -> str:
    """Give a value as text, its intrinsic functions as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def substituted(value: Any) -> str:
    """Give the text of a value, with what Fn::Sub puts in still as `${..}`."""
    if isinstance(value, dict) and set(value) == {"Fn::Sub"}:
        inside = value["Fn::Sub"]
        return inside if isinstance(inside, str) else str(inside[0])
    return plain(value)
