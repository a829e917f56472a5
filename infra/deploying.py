"""Deploys the translated template to an emulator, and tells what became of each resource.

An emulator makes what it makes from our template and not from our reading of it. What it skips it
skips in silence, so each resource is looked for; and what it made is asked for what the template
says of it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from infra.rules.stack import names_in

Client = Callable[[str], Any]
"""Gives a client of boto3 for a service of the emulator."""
Has = Callable[[Client, str], bool]
"""Tells whether a resource, by its physical name, has what the template says."""
STACK = "sunreeve-dev"
_BUCKET, _KEY = "local", "local"
"""Where the translator says that the code of functions lies."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What became of the resources of one type.

    Attributes:
        made: all, some or none of them.
        lacks: what those that were made do not have, though the template says so.
    """

    made: Literal["all", "some", "none"]
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """What became of the template.

    Attributes:
        refused: resources and types for which the whole stack was refused at first; it was made
            without them.
    """

    kinds: Mapping[str, Kind]
    refused: tuple[str, ...]

    def table(self) -> str:
        """Give it as a table of Markdown."""
        lines = ["| type | made | what those lack |", "|---|---|---|"]
        for name, kind in sorted(self.kinds.items()):
            lacks = ", ".join(kind.lacks)
            lines.append(f"| `{name.removeprefix('AWS::')}` | {kind.made} | {lacks} |")
        return "\n".join(line.replace("|  |", "| |") for line in lines) + "\n"


def create(client: Client, document: Mapping[str, Any], code: bytes) -> list[str]:
    """Make the stack; give the types or resources for which it is refused, none when it is made.

    Args:
        client: of the emulator.
        document: the translated template.
        code: a zip that stands for every function's.

    Raises:
        RuntimeError: it is refused for something else.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow

    files = client("s3")
    files.create_bucket(Bucket=_BUCKET)
    files.put_object(Bucket=_BUCKET, Key=_KEY, Body=code)
    files.put_object(Bucket=_BUCKET, Key="template", Body=json.dumps(document).encode())
    try:
        client("cloudformation").create_stack(
            StackName=STACK,
            TemplateURL=f"https://s3.amazonaws.com/{_BUCKET}/template",
            Capabilities=["CAPABILITY_IAM"],
        )
    except ClientError as no:
        resources = re.findall(r"references undefined resource (\w+)", str(no))
        types = re.findall(r"AWS::\w+::\w+", str(no)) if "Unrecognized" in str(no) else []
        if not resources and not types:
            msg = f"deploying: {no}"
            raise RuntimeError(msg) from no
        return [*resources, *types]
    return []


def take_out(document: dict[str, Any], lacking: list[str]) -> dict[str, Any]:
    """Give the document without what it was refused for.

    Types go, and resources that nothing refers to; where something does, attributes become a text.
    """
    resources = document["Resources"]
    named = {
        one for name, resource in resources.items() for one in names_in(resource) if one != name
    }
    there = {
        name: resource
        for name, resource in resources.items()
        if resource["Type"] not in lacking and not (name in lacking and name not in named)
    }
    given: dict[str, Any] = {**document, "Resources": there}
    for name in lacking:
        given = _without(given, name)
    return given


def _without(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_without(part, name) for part in value]
    if not isinstance(value, dict):
        return value
    attribute = value.get("Fn::GetAtt")
    if attribute is not None and (attribute[0] if isinstance(attribute, list) else
                                  attribute.partition(".")[0]) == name:  # fmt: skip
        return f"https://{name}.invalid"
    text = value.get("Fn::Sub")
    if isinstance(text, str):
        return {"Fn::Sub": re.sub(rf"\$\{{{name}\.\w+\}}", f"{name}.invalid", text)}
    return {key: _without(part, name) for key, part in value.items()}


def kinds(client: Client, document: Mapping[str, Any]) -> dict[str, Kind]:
    """Give what became of each type of resource."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    physical = {
        one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
        for page in pages
        for one in page["StackResourceSummaries"]
    }
    wanted: dict[str, list[str]] = {}
    for name, resource in document["Resources"].items():
        if resource.get("Condition") not in {"WithDomain", "WithAccountWide"}:  # false by default
            wanted.setdefault(resource["Type"], []).append(name)
    found = {}
    for kind, names in wanted.items():
        made = [name for name in names if name in physical]
        lacks = []
        for what, has in _ASKED.get(kind, {}).items():
            said = [name for name in made if _says(document, name, what)]
            missing = sum(not has(client, physical[name]) for name in said)
            if missing:
                lacks.append(what if missing == len(said) else f"{what} (some)")
        found[kind] = Kind(
            "all" if made == names else "some" if made else "none", tuple(sorted(lacks))
        )
    return found


def _says(document: Mapping[str, Any], name: str, what: str) -> bool:
    """Tell whether the template says something of a resource."""
    return what in document["Resources"][name].get("Properties", {})


def _bucket(call: str) -> Has:
    def has(client: Client, bucket: str) -> bool:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - slow

        try:
            answer = getattr(client("s3"), call)(Bucket=bucket)
        except ClientError:
            return False
        return bool(set(answer) - {"ResponseMetadata"})

    return has


def _function(place: str) -> Has:
    def has(client: Client, name: str) -> bool:
        try:
            found = client("lambda").get_function_configuration(FunctionName=name)
        except TypeError:  # moto kept an object of its own in the place of a name, and cannot say
            return False
        value = found.get(place)
        return bool(value) and value not in ({"Mode": "PassThrough"}, ["x86_64"])

    return has


def _table(place: str) -> Has:
    def has(client: Client, name: str) -> bool:
        return bool(client("dynamodb").describe_table(TableName=name)["Table"].get(place))

    return has


def _expires(client: Client, name: str) -> bool:
    found = client("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return bool(found["TimeToLiveStatus"] == "ENABLED")


def _can_be_put_back(client: Client, name: str) -> bool:
    found = client("dynamodb").describe_continuous_backups(TableName=name)
    point = found["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    return bool(point["PointInTimeRecoveryStatus"] == "ENABLED")


def _queue(place: str) -> Has:
    def has(client: Client, url: str) -> bool:
        found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return bool(found["Attributes"].get(place, "false") != "false")

    return has


def _mapping(place: str) -> Has:
    def has(client: Client, uuid: str) -> bool:
        return bool(client("lambda").get_event_source_mapping(UUID=uuid).get(place))

    return has


def _is_renewed(client: Client, key: str) -> bool:
    return bool(client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])


def _forgets(client: Client, name: str) -> bool:
    groups = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any("retentionInDays" in one for one in groups)


_ASKED: dict[str, dict[str, Has]] = {
    "AWS::DynamoDB::Table": {
        "TimeToLiveSpecification": _expires,
        "PointInTimeRecoverySpecification": _can_be_put_back,
        "SSESpecification": _table("SSEDescription"),
        "StreamSpecification": _table("LatestStreamArn"),
        "GlobalSecondaryIndexes": _table("GlobalSecondaryIndexes"),
    },
    "AWS::KMS::Key": {"EnableKeyRotation": _is_renewed},
    "AWS::Lambda::EventSourceMapping": {
        "FilterCriteria": _mapping("FilterCriteria"),
        "FunctionResponseTypes": _mapping("FunctionResponseTypes"),
        "ScalingConfig": _mapping("ScalingConfig"),
    },
    "AWS::Lambda::Function": {
        "Architectures": _function("Architectures"),
        "Environment": _function("Environment"),
        "Layers": _function("Layers"),
        "LoggingConfig": _function("LoggingConfig"),
        "TracingConfig": _function("TracingConfig"),
    },
    "AWS::Logs::LogGroup": {"RetentionInDays": _forgets},
    "AWS::S3::Bucket": {
        "BucketEncryption": _bucket("get_bucket_encryption"),
        "LifecycleConfiguration": _bucket("get_bucket_lifecycle_configuration"),
        "NotificationConfiguration": _bucket("get_bucket_notification_configuration"),
        "OwnershipControls": _bucket("get_bucket_ownership_controls"),
        "PublicAccessBlockConfiguration": _bucket("get_public_access_block"),
        "VersioningConfiguration": _bucket("get_bucket_versioning"),
    },
    "AWS::SQS::Queue": {
        "RedrivePolicy": _queue("RedrivePolicy"),
        "SqsManagedSseEnabled": _queue("SqsManagedSseEnabled"),
        "VisibilityTimeout": _queue("VisibilityTimeout"),
    },
}
"""Type -> property -> whether a resource that was made has it."""
