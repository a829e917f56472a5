"""The stack as the template describes it: translated, resolved, and strict about what it knows.

The SAM translator turns `template.yaml` into CloudFormation, as `sam deploy` would; what comes out
is resolved to plain values here. A resource type, property or intrinsic function that this runtime
does not know is an error at boot, by name: nothing is skipped in silence. The translator takes over
a second to import, so its answer is kept beside the data, by the hash of the template.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cloud.kernel.errors import BadInput

ACCOUNT = "000000000000"
REGION = "us-east-1"
QUEUE_URL = f"http://127.0.0.1/{ACCOUNT}/"

Resource = Mapping[str, Any]

HONOURED: dict[str, frozenset[str]] = {
    "AWS::DynamoDB::Table": frozenset(
        {
            "AttributeDefinitions",
            "KeySchema",
            "GlobalSecondaryIndexes",
            "TimeToLiveSpecification",
            "BillingMode",
        }
    ),
    "AWS::SQS::Queue": frozenset(
        {"VisibilityTimeout", "RedrivePolicy", "MessageRetentionPeriod", "DelaySeconds"}
    ),
    "AWS::S3::Bucket": frozenset({"VersioningConfiguration"}),
    "AWS::Lambda::Function": frozenset({"Handler", "Environment", "Timeout", "Runtime"}),
    "AWS::Lambda::EventSourceMapping": frozenset(
        {
            "BatchSize",
            "EventSourceArn",
            "FunctionName",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
        }
    ),
    "AWS::Scheduler::Schedule": frozenset(
        {"ScheduleExpression", "ScheduleExpressionTimezone", "Target", "State", "Name"}
    ),
    "AWS::IoT::TopicRule": frozenset({"RuleName", "TopicRulePayload"}),
    "AWS::IoT::Policy": frozenset({"PolicyName", "PolicyDocument"}),
    "AWS::ApiGatewayV2::Api": frozenset({"Body"}),
    "AWS::ApiGatewayV2::Stage": frozenset({"ApiId", "StageName", "AutoDeploy"}),
    "AWS::Cognito::UserPool": frozenset({"UserPoolName"}),
    "AWS::Cognito::UserPoolResourceServer": frozenset({"UserPoolId", "Identifier", "Scopes"}),
    "AWS::IAM::Role": frozenset(),
    "AWS::Lambda::LayerVersion": frozenset(),
    "AWS::Lambda::Permission": frozenset(),
}
"""Resource types and the properties that this runtime acts upon."""

WITHOUT_EFFECT: dict[str, frozenset[str]] = {
    "AWS::DynamoDB::Table": frozenset(
        {"SSESpecification", "PointInTimeRecoverySpecification", "Tags"}
    ),
    "AWS::SQS::Queue": frozenset({"SqsManagedSseEnabled", "Tags"}),
    "AWS::S3::Bucket": frozenset({"BucketEncryption", "PublicAccessBlockConfiguration", "Tags"}),
    "AWS::Lambda::Function": frozenset(
        {
            "Code",
            "Description",
            "MemorySize",
            "Role",
            "Tags",
            "Layers",
            "Architectures",
            "LoggingConfig",
        }
    ),
    "AWS::Scheduler::Schedule": frozenset({"FlexibleTimeWindow"}),
    "AWS::ApiGatewayV2::Stage": frozenset({"Tags"}),
    "AWS::ApiGatewayV2::Api": frozenset({"Tags"}),
    "AWS::Cognito::UserPool": frozenset(
        {"AdminCreateUserConfig", "MfaConfiguration", "EnabledMfas"}
    ),
    "AWS::Cognito::UserPoolResourceServer": frozenset({"Name"}),
    "AWS::IAM::Role": frozenset(
        {"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies", "Tags"}
    ),
    "AWS::Lambda::LayerVersion": frozenset(
        {"Content", "CompatibleRuntimes", "CompatibleArchitectures", "LayerName"}
    ),
    "AWS::Lambda::Permission": frozenset({"Action", "FunctionName", "Principal", "SourceArn"}),
}
"""Properties that mean something on AWS only: rights, encryption, sizes, packaging."""


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function.

    Attributes:
        environment: the only environment that its module sees when it is imported.
        due_index: table, index and key of the sparse index that its minute schedule sweeps; the
            clock asks it for the next due instant instead of firing every minute.
    """

    name: str
    handler: str
    timeout_s: int
    environment: Mapping[str, str]
    due_index: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """An event source mapping: this queue feeds that function."""

    queue: str
    function: str
    batch_size: int
    reports_failures: bool


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule: this expression fires that function with an input."""

    name: str
    expression: str
    timezone: str
    function: str
    input: Mapping[str, Any]
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """An HTTP API route: any method below the prefix goes to the function."""

    prefix: str
    function: str
    authorizer: str | None


@dataclass(frozen=True, slots=True)
class Stack:
    """All that a template describes, resolved."""

    functions: Mapping[str, Function]
    tables: Mapping[str, Resource]
    queues: Mapping[str, Resource]
    buckets: tuple[str, ...]
    mappings: tuple[Mapped, ...]
    schedules: tuple[Scheduled, ...]
    topic_rules: Mapping[str, Resource]
    gateway_policy: Mapping[str, Any]
    routes: tuple[Route, ...]
    audience: tuple[str, ...]
    issuer: str
    outputs: Mapping[str, str] = field(default_factory=dict)


RESOURCE_PARTS = frozenset(
    {"Type", "Properties", "Metadata", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"}
)
"""What a resource may consist of; a Condition, for one, would decide whether it exists at all."""


def load(path: Path, *, cache: Path, parameters: Mapping[str, str] | None = None) -> Stack:
    """Give the stack that a template describes.

    Args:
        path: the SAM template.
        cache: a folder in which the translator's answer is kept.
        parameters: values in the place of the template's defaults.

    Raises:
        BadInput: something in the template is not known here; the message names it.
    """
    source = path.read_bytes()
    document = _translated(path, source, cache)
    values = {
        name: str((parameters or {}).get(name, definition.get("Default", "")))
        for name, definition in document.get("Parameters", {}).items()
    }
    unknown = set(parameters or {}) - set(values)
    if unknown:
        msg = f"{path.name} has no parameter {sorted(unknown)[0]}: check its Parameters"
        raise BadInput(msg)
    return _Reader(path.name, document, values).stack()


def _translated(path: Path, source: bytes, cache: Path) -> dict[str, Any]:
    """Translate, or read what was translated before from the same bytes by the same translator."""
    key = hashlib.sha256(source + version("aws-sam-translator").encode()).hexdigest()[:24]
    kept = cache / f"template-{key}.json"
    if kept.exists():
        document: dict[str, Any] = json.loads(kept.read_text())
        return document
    document = translate(source, name=path.name)
    cache.mkdir(parents=True, exist_ok=True)
    for older in cache.glob("template-*.json"):
        older.unlink(missing_ok=True)
    part = kept.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(document))
    part.replace(kept)
    return document


def translate(source: bytes, *, name: str) -> dict[str, Any]:
    """Give the CloudFormation document that SAM makes of a template.

    Raises:
        BadInput: the translator refuses it.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415 - slow
    from samtranslator.translator.transform import transform  # noqa: PLC0415
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415

    document = yaml_parse(source.decode())
    placed = {"Bucket": "local", "Key": "local"}
    for part in (
        document.get("Globals", {}).get("Function", {}),
        *(resource.get("Properties", {}) for resource in document["Resources"].values()),
    ):
        for uri in ("CodeUri", "ContentUri"):
            if isinstance(part.get(uri), str):
                part[uri] = placed

    class NoManagedPolicies:
        """The translator asks for AWS's managed policies by name; the template uses none."""

        @staticmethod
        def load() -> dict[str, str]:
            return {}

    try:
        answer: dict[str, Any] = transform(document, {}, NoManagedPolicies())
    except InvalidDocumentException as refused:
        msg = f"{name} is not a SAM template: {'; '.join(str(cause) for cause in refused.causes)}"
        raise BadInput(msg) from refused
    return answer


class _Reader:
    """Resolves one document."""

    def __init__(
        self, name: str, document: Mapping[str, Any], parameters: Mapping[str, str]
    ) -> None:
        self._name = name
        self._document = document
        self._parameters = parameters
        self._resources: Mapping[str, Resource] = document["Resources"]
        self._reading = ""

    def stack(self) -> Stack:
        for logical, resource in self._resources.items():
            self._check(logical, resource)
        try:
            return self._read()
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as wrong:
            msg = f"booting from {self._name}: resource {self._reading} cannot be read: {wrong!r}"
            raise BadInput(msg) from wrong

    def _read(self) -> Stack:
        api = self._body()
        return Stack(
            functions={n: self._function(n) for n in self._of("AWS::Lambda::Function")},
            tables={n: self._properties(n) for n in self._of("AWS::DynamoDB::Table")},
            queues={n: self._properties(n) for n in self._of("AWS::SQS::Queue")},
            buckets=tuple(self._of("AWS::S3::Bucket")),
            mappings=tuple(self._mapping(n) for n in self._of("AWS::Lambda::EventSourceMapping")),
            schedules=tuple(self._schedule(n) for n in self._of("AWS::Scheduler::Schedule")),
            topic_rules={n: self._properties(n) for n in self._of("AWS::IoT::TopicRule")},
            gateway_policy=self._gateway_policy(),
            routes=self._routes(api),
            audience=tuple(self._jwt(api).get("audience", ())),
            issuer=str(self._jwt(api).get("issuer", "")),
            outputs={
                output: str(self._resolve(part["Value"], f"Outputs.{output}"))
                for output, part in self._document.get("Outputs", {}).items()
            },
        )

    def _of(self, resource_type: str) -> list[str]:
        return sorted(n for n, r in self._resources.items() if r["Type"] == resource_type)

    def _check(self, logical: str, resource: Resource) -> None:
        kind = resource.get("Type", "")
        if kind not in HONOURED:
            self._refuse(f"resource {logical}: the type {kind} is not known to the local runtime")
        for name in resource.keys() - RESOURCE_PARTS:
            self._refuse(f"resource {logical}: {name} is not known to the local runtime")
        known = HONOURED[kind] | WITHOUT_EFFECT.get(kind, frozenset())
        for name in resource.get("Properties", {}):
            if name not in known:
                self._refuse(f"resource {logical}: {kind} has no property {name} known here")

    def _refuse(self, why: str) -> None:
        msg = f"booting from {self._name}: {why}"
        raise BadInput(msg)

    def _properties(self, logical: str) -> Resource:
        self._reading = logical
        raw = self._resources[logical].get("Properties", {})
        resolved: Resource = self._resolve(raw, logical)
        return resolved

    def _function(self, logical: str) -> Function:
        properties = self._properties(logical)
        due = self._resources[logical].get("Metadata", {}).get("SunreeveDueIndex")
        return Function(
            name=logical,
            handler=properties["Handler"],
            timeout_s=int(properties.get("Timeout", 3)),
            environment=properties.get("Environment", {}).get("Variables", {}),
            due_index=due,
        )

    def _mapping(self, logical: str) -> Mapped:
        properties = self._properties(logical)
        return Mapped(
            queue=properties["EventSourceArn"].rpartition(":")[2],
            function=properties["FunctionName"],
            batch_size=int(properties.get("BatchSize", 10)),
            reports_failures="ReportBatchItemFailures"
            in properties.get("FunctionResponseTypes", []),
        )

    def _schedule(self, logical: str) -> Scheduled:
        properties = self._properties(logical)
        unknown = properties["Target"].keys() - {"Arn", "RoleArn", "Input", "RetryPolicy"}
        if unknown:
            self._refuse(f"resource {logical}: its Target has no {min(unknown)} known here")
        state = properties.get("State", "ENABLED")
        if state not in {"ENABLED", "DISABLED"}:
            self._refuse(f"resource {logical}: State {state} is neither ENABLED nor DISABLED")
        return Scheduled(
            name=logical,
            expression=properties["ScheduleExpression"],
            timezone=properties.get("ScheduleExpressionTimezone", "UTC"),
            function=properties["Target"]["Arn"].rpartition(":")[2],
            input=json.loads(properties["Target"].get("Input", "{}")),
            is_enabled=state == "ENABLED",
        )

    def _gateway_policy(self) -> Mapping[str, Any]:
        policies = self._of("AWS::IoT::Policy")
        if len(policies) != 1:
            self._refuse(f"there are {len(policies)} IoT policies, and gateways have exactly one")
        document: Mapping[str, Any] = self._properties(policies[0])["PolicyDocument"]
        return document

    def _body(self) -> Mapping[str, Any]:
        for logical in self._of("AWS::ApiGatewayV2::Api"):
            body: Mapping[str, Any] = self._properties(logical)["Body"]
            return body
        return {}

    def _jwt(self, api: Mapping[str, Any]) -> Mapping[str, Any]:
        schemes = api.get("components", {}).get("securitySchemes", {})
        for scheme in schemes.values():
            jwt: Mapping[str, Any] = scheme["x-amazon-apigateway-authorizer"]["jwtConfiguration"]
            return jwt
        return {}

    def _routes(self, api: Mapping[str, Any]) -> tuple[Route, ...]:
        routes = []
        for path, methods in api.get("paths", {}).items():
            prefix, found, rest = path.partition("{proxy+}")
            if not found or rest or set(methods) != {"x-amazon-apigateway-any-method"}:
                self._refuse(f"route {path}: only ANY .../{{proxy+}} routes are known here")
            method = methods["x-amazon-apigateway-any-method"]
            uri = method["x-amazon-apigateway-integration"]["uri"]
            function = re.search(r"function:(\w+)/invocations", uri)
            if function is None:
                self._refuse(f"route {path}: its integration is not a function")
                raise AssertionError
            security = method.get("security") or [{}]
            routes.append(Route(prefix, function[1], next(iter(security[0]), None)))
        return tuple(routes)

    # ------------------------------------------------------------------ intrinsic functions
    def _resolve(self, value: Any, where: str) -> Any:
        if isinstance(value, list):
            return [self._resolve(part, where) for part in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            functions: dict[str, Callable[[Any, str], Any]] = {
                "Ref": self._ref,
                "Fn::GetAtt": self._get_att,
                "Fn::Sub": self._sub,
                "Fn::Join": self._join,
            }
            if name in functions:
                return functions[name](argument, where)
            if name.startswith("Fn::") or name == "Condition":
                self._refuse(f"{where}: the intrinsic function {name} is not known here")
        return {key: self._resolve(part, f"{where}.{key}") for key, part in value.items()}

    def _ref(self, name: str, where: str) -> str:
        pseudo = {
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::StackName": "sunreeve-local",
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        if name not in self._resources:
            self._refuse(f"{where}: Ref {name} names neither a parameter nor a resource")
        return QUEUE_URL + name if self._resources[name]["Type"] == "AWS::SQS::Queue" else name

    def _get_att(self, argument: Any, where: str) -> str:
        name, _, attribute = (
            argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
        )
        if name not in self._resources:
            self._refuse(f"{where}: GetAtt {name}.{attribute} names no resource")
        kinds = {
            "AWS::DynamoDB::Table": ("dynamodb", "table/"),
            "AWS::SQS::Queue": ("sqs", ""),
            "AWS::S3::Bucket": ("s3", ""),
            "AWS::Lambda::Function": ("lambda", "function:"),
            "AWS::IAM::Role": ("iam", "role/"),
        }
        of_type = self._resources[name]["Type"]
        if attribute != "Arn" or of_type not in kinds:
            known = ", ".join(sorted(kinds))
            self._refuse(f"{where}: GetAtt {name}.{attribute}: only Arn is known here, of {known}")
        service, kind = kinds[of_type]
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}{name}"

    def _sub(self, argument: Any, where: str) -> str:
        text, extra = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in extra:
                return str(self._resolve(extra[name], where))
            return self._get_att(name, where) if "." in name else self._ref(name, where)

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _join(self, argument: Any, where: str) -> str:
        separator, parts = argument
        return str(separator).join(str(self._resolve(part, where)) for part in parts)
