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
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local import patterns
from cloud.local.template.intrinsics import Resolver
from cloud.local.template.known import HONOURED, RESOURCE_PARTS, WITHOUT_EFFECT
from cloud.local.template.stack import (
    REGION,
    Authorizer,
    Function,
    Mapped,
    Resource,
    Route,
    Scheduled,
    Stack,
)


def load(
    path: Path,
    *,
    cache: Path,
    parameters: Mapping[str, str] | None = None,
    address: str = "http://127.0.0.1",
) -> Stack:
    """Give the stack that a template describes.

    Args:
        path: the SAM template.
        cache: a folder in which the translator's answer is kept.
        parameters: values in the place of the template's defaults.
        address: where the runtime answers HTTP.

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
    return _Reader(path.name, document, values, address=address).stack()


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
    """Reads one document."""

    def __init__(
        self,
        name: str,
        document: Mapping[str, Any],
        parameters: Mapping[str, str],
        *,
        address: str,
    ) -> None:
        self._name = name
        self._document = document
        self._resources: Mapping[str, Resource] = document["Resources"]
        self._resolver = Resolver(name, self._resources, parameters, address=address)
        self._address = address
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
        return Stack(
            functions={n: self._function(n) for n in self._of("AWS::Lambda::Function")},
            tables=self._all("AWS::DynamoDB::Table"),
            queues={
                str(properties.get("QueueName", n)): properties
                for n, properties in self._all("AWS::SQS::Queue").items()
            },
            buckets=self._all("AWS::S3::Bucket"),
            mappings=tuple(
                mapped
                for n in self._of("AWS::Lambda::EventSourceMapping")
                if (mapped := self._mapping(n)) is not None
            ),
            schedules=tuple(self._schedule(n) for n in self._of("AWS::Scheduler::Schedule")),
            topic_rules=self._all("AWS::IoT::TopicRule"),
            event_rules=self._all("AWS::Events::Rule"),
            receipt_rules=self._all("AWS::SES::ReceiptRule"),
            keys=self._all("AWS::KMS::Key"),
            key_aliases=self._all("AWS::KMS::Alias"),
            gateway_policy=self._gateway_policy(),
            routes=self._routes(self._body()),
            user_pools={n: f"{self._address}/{n}" for n in self._of("AWS::Cognito::UserPool")},
            outputs={
                output: str(self._resolver.resolve(part["Value"], f"Outputs.{output}"))
                for output, part in self._document.get("Outputs", {}).items()
            },
        )

    def _of(self, resource_type: str) -> list[str]:
        return sorted(n for n, r in self._resources.items() if r["Type"] == resource_type)

    def _all(self, resource_type: str) -> dict[str, Resource]:
        return {name: self._properties(name) for name in self._of(resource_type)}

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
        resolved: Resource = self._resolver.resolve(raw, logical)
        return resolved

    def _function(self, logical: str) -> Function:
        properties = self._properties(logical)
        due = self._resources[logical].get("Metadata", {}).get("SunreeveDueIndex")
        called = self._called(logical)
        target = properties.get("DeadLetterConfig", {}).get("TargetArn")
        destination = called.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        reserved = properties.get("ReservedConcurrentExecutions")
        return Function(
            name=logical,
            handler=properties["Handler"],
            timeout_s=int(properties.get("Timeout", 3)),
            environment={
                name: str(value)
                for name, value in properties.get("Environment", {}).get("Variables", {}).items()
            },
            due_index=due,
            reserved_concurrency=None if reserved is None else int(reserved),
            retries=int(called.get("MaximumRetryAttempts", 2)),
            most_event_age_s=int(called.get("MaximumEventAgeInSeconds", 6 * 3600)),
            on_failure=self._queue_behind(logical, destination or target),
        )

    def _called(self, function: str) -> Resource:
        """Give what a function's EventInvokeConfig says, if it has one."""
        for logical in self._of("AWS::Lambda::EventInvokeConfig"):
            properties = self._properties(logical)
            if properties["FunctionName"] == function:
                return properties
        return {}

    def _queue_behind(self, logical: str, arn: str | None) -> str | None:
        """Give the name of a queue that failures go to."""
        if arn is None:
            return None
        if ":sqs:" not in arn:
            self._refuse(f"resource {logical}: failures go to a queue here, not to {arn}")
        return arn.rpartition(":")[2]

    def _mapping(self, logical: str) -> Mapped | None:
        properties = self._properties(logical)
        if str(properties.get("Enabled", True)).lower() != "true":
            return None
        arn = properties["EventSourceArn"]
        is_stream = ":dynamodb:" in arn
        failure = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        filters = properties.get("FilterCriteria", {}).get("Filters", [])
        retries = properties.get("MaximumRetryAttempts", -1)
        return Mapped(
            name=logical,
            source=arn.split("/")[1] if is_stream else arn.rpartition(":")[2],
            is_stream=is_stream,
            function=properties["FunctionName"],
            batch_size=int(properties.get("BatchSize", 100 if is_stream else 10)),
            reports_failures="ReportBatchItemFailures"
            in properties.get("FunctionResponseTypes", []),
            filters=tuple(self._pattern(logical, one["Pattern"]) for one in filters),
            starting_position=properties.get("StartingPosition", "LATEST"),
            most_retries=None if int(retries) < 0 else int(retries),
            on_failure=self._queue_behind(logical, failure),
        )

    def _pattern(self, logical: str, text: str) -> patterns.Pattern:
        try:
            return patterns.parse(text)
        except BadInput as wrong:
            msg = f"booting from {self._name}: resource {logical}: {wrong}"
            raise BadInput(msg) from wrong

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

    def _routes(self, api: Mapping[str, Any]) -> tuple[Route, ...]:
        routes = []
        authorizers = {
            name: self._authorizer(name, scheme["x-amazon-apigateway-authorizer"])
            for name, scheme in api.get("components", {}).get("securitySchemes", {}).items()
        }
        for path, methods in api.get("paths", {}).items():
            prefix, found, rest = path.partition("{proxy+}")
            if not found or rest or set(methods) != {"x-amazon-apigateway-any-method"}:
                self._refuse(f"route {path}: only ANY .../{{proxy+}} routes are known here")
            method = methods["x-amazon-apigateway-any-method"]
            function = _function_of(method["x-amazon-apigateway-integration"]["uri"])
            if function is None:
                self._refuse(f"route {path}: its integration is not a function")
                raise AssertionError
            security = method.get("security") or [{}]
            name = next(iter(security[0]), None)
            routes.append(Route(prefix, function, authorizers[name] if name else None))
        return tuple(routes)

    def _authorizer(self, name: str, scheme: Mapping[str, Any]) -> Authorizer:
        """Read an authorizer that is a function with simple answers, asked with the token."""
        function = _function_of(str(scheme.get("authorizerUri", "")))
        asked = (
            scheme.get("type"),
            scheme.get("authorizerPayloadFormatVersion"),
            scheme.get("enableSimpleResponses"),
            scheme.get("identitySource"),
        )
        known = ("request", "2.0", True, ["$request.header.Authorization"])
        if function is None or asked != known:
            self._refuse(
                f"authorizer {name}: only a function with simple answers, payload format 2.0 and "
                "the Authorization header is known here"
            )
            raise AssertionError
        return Authorizer(function, int(scheme.get("authorizerResultTtlInSeconds", 300)))


def _function_of(uri: str) -> str | None:
    found = re.search(r"function:(\w+)/invocations", uri)
    return found[1] if found else None
