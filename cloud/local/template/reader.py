"""The stack as the template describes it: translated, resolved, and strict about what it knows.

The SAM translator turns `template.yaml` into CloudFormation, as `sam deploy` would; what comes out
is resolved to plain values here. A resource type, property or intrinsic function that this runtime
does not know is an error at boot, by name, and so is a name of something that the template does not
hold: nothing is skipped in silence.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local import patterns
from cloud.local.template import conditions, references
from cloud.local.template import parameters as parameter
from cloud.local.template.intrinsics import Resolver
from cloud.local.template.known import HONOURED, RESOURCE_PARTS, WITHOUT_EFFECT
from cloud.local.template.limits import Limits
from cloud.local.template.stack import (
    ACCOUNT,
    REGION,
    Authorizer,
    Function,
    Mapped,
    Resource,
    Route,
    Scheduled,
    Stack,
)
from cloud.local.template.translation import translated

_FUNCTION_ARN = references.function_arn("")
_QUEUE_ARN = references.queue_arn("")
_OF_A_TARGET = frozenset({"Arn", "RoleArn", "Input", "DeadLetterConfig", "RetryPolicy"})
"""Of a schedule. Here the call itself cannot get lost: how often it is tried, and where it would
lie, matters on AWS only."""
MOST_AT_ONCE = 1_000_000
"""More calls at once than any account is allowed: a slip of the finger."""
_TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"


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
    document = translated(path, cache)
    values = parameter.values(path.name, document.get("Parameters", {}), parameters or {})
    return _Reader(path.name, document, values, address=address).stack()


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
        truths = conditions.truths(name, document.get("Conditions", {}), parameters)
        self._truths = truths
        self._resources: Mapping[str, Resource] = {
            logical: resource
            for logical, resource in document["Resources"].items()
            if self._is_wanted(f"resource {logical}", resource)
        }
        self._resolver = Resolver(
            name, self._resources, parameters, address=address, conditions=truths
        )
        self._limits = Limits(name)
        self._address = address
        self._reading = ""

    def _is_wanted(self, what: str, part: Mapping[str, Any]) -> bool:
        """Tell whether a part is there: it has no condition, or one that holds.

        What is not there must be of a known type all the same; its values are not looked at.
        """
        condition = part.get("Condition")
        if condition is not None and condition not in self._truths:
            self._refuse(f"{what}: Condition {condition} is no condition of the template")
        return condition is None or self._truths[condition]

    def stack(self) -> Stack:
        for logical, resource in self._document["Resources"].items():
            self._check(logical, resource)
        try:
            everything = self._read()
            references.check(self._name, everything)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as wrong:
            msg = f"booting from {self._name}: resource {self._reading} cannot be read: {wrong!r}"
            raise BadInput(msg) from wrong
        in_use = tuple(one for one in everything.mappings if self._is_enabled(one.name))
        return replace(everything, mappings=in_use)

    def _read(self) -> Stack:
        return Stack(
            functions={n: self._function(n) for n in self._of("AWS::Lambda::Function")},
            tables={n: self._table(n) for n in self._of("AWS::DynamoDB::Table")},
            queues=dict(self._queue(n) for n in self._of("AWS::SQS::Queue")),
            buckets={n: self._bucket(n) for n in self._of("AWS::S3::Bucket")},
            mappings=tuple(self._mapping(n) for n in self._of("AWS::Lambda::EventSourceMapping")),
            schedules=tuple(self._schedule(n) for n in self._of("AWS::Scheduler::Schedule")),
            topic_rules=self._all("AWS::IoT::TopicRule"),
            event_rules=self._all("AWS::Events::Rule"),
            receipt_rules=self._all("AWS::SES::ReceiptRule"),
            keys=self._all("AWS::KMS::Key"),
            key_aliases=self._all("AWS::KMS::Alias"),
            malware_plans=self._all("AWS::GuardDuty::MalwareProtectionPlan"),
            configuration_sets=tuple(self._of("AWS::SES::ConfigurationSet")),
            mail_destinations=self._all("AWS::SES::ConfigurationSetEventDestination"),
            iot_policies=self._iot_policies(),
            provisioning=self._all("AWS::IoT::ProvisioningTemplate"),
            routes=self._routes(self._body()),
            user_pools={n: f"{self._address}/{n}" for n in self._of("AWS::Cognito::UserPool")},
            scopes=frozenset(
                f"{server['Identifier']}/{scope['ScopeName']}"
                for server in self._all("AWS::Cognito::UserPoolResourceServer").values()
                for scope in server.get("Scopes", ())
            ),
            outputs={
                output: str(self._resolver.resolve(part["Value"], f"Outputs.{output}"))
                for output, part in self._document.get("Outputs", {}).items()
                if self._is_wanted(f"output {output}", part)
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
                self._refuse(
                    f"resource {logical}: {kind} has no property {name} known here; take it out"
                )

    def _refuse(self, why: str) -> None:
        msg = f"booting from {self._name}: {why}"
        raise BadInput(msg)

    def _properties(self, logical: str) -> Resource:
        self._reading = logical
        raw = self._resources[logical].get("Properties", {})
        resolved: Resource = self._resolver.resolve(raw, logical)
        return resolved

    def _table(self, logical: str) -> Resource:
        properties = self._properties(logical)
        self._limits.time_to_live(logical, properties)
        return properties

    def _queue(self, logical: str) -> tuple[str, Resource]:
        properties = self._properties(logical)
        self._limits.redrive(logical, properties)
        return str(properties.get("QueueName", logical)), properties

    def _bucket(self, logical: str) -> Resource:
        properties = self._properties(logical)
        self._limits.notifications(logical, properties)
        return properties

    def _function(self, logical: str) -> Function:
        properties = self._properties(logical)
        self._limits.runtime(logical, properties)
        ours = self._resources[logical].get("Metadata", {})
        whole = self._limits.whole
        timeout_s = whole(logical, properties, "Timeout", default=3, low=1, high=900)
        reserved = properties.get("ReservedConcurrentExecutions")
        if reserved is not None:
            name = "ReservedConcurrentExecutions"
            reserved = whole(logical, properties, name, default=0, low=0, high=MOST_AT_ONCE)
        called_by, called = self._called(logical)
        target = properties.get("DeadLetterConfig", {}).get("TargetArn")
        destination = called.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        return Function(
            name=logical,
            handler=properties["Handler"],
            timeout_s=timeout_s,
            environment={
                name: str(value)
                for name, value in properties.get("Environment", {}).get("Variables", {}).items()
            },
            due_index=ours.get("SunreeveDueIndex"),
            only_looks=ours.get("SunreeveOnlyLooks") is True,
            reserved_concurrency=reserved,
            retries=whole(called_by, called, "MaximumRetryAttempts", default=2, low=0, high=2),
            most_event_age_s=whole(
                called_by, called, "MaximumEventAgeInSeconds", default=21600, low=60, high=21600
            ),
            on_failure=self._queue_behind(logical, destination or target),
        )

    def _called(self, function: str) -> tuple[str, Resource]:
        """Give a function's EventInvokeConfig with its name, if it has one."""
        for logical in self._of("AWS::Lambda::EventInvokeConfig"):
            properties = self._properties(logical)
            named = properties["FunctionName"]
            if named not in self._of("AWS::Lambda::Function"):
                why = f"FunctionName {named} is no function of this stack; name one of its own"
                self._refuse(f"resource {logical}: {why}")
            if named == function:
                return logical, properties
        return "", {}

    def _queue_behind(self, logical: str, arn: str | None) -> str | None:
        """Give the name of a queue that failures go to."""
        if arn is None:
            return None
        if ":sqs:" not in arn:
            self._refuse(f"resource {logical}: failures go to a queue here, not to {arn}")
        return references.name_in(arn, _QUEUE_ARN, self._name, logical)

    def _is_enabled(self, mapping: str) -> bool:
        return str(self._properties(mapping).get("Enabled", True)).lower() == "true"

    def _mapping(self, logical: str) -> Mapped:
        properties = self._properties(logical)
        if str(properties.get("Enabled", True)).lower() not in {"true", "false"}:
            given = properties["Enabled"]
            self._refuse(f"resource {logical}: Enabled {given!r} is neither true nor false")
        arn = properties["EventSourceArn"]
        is_stream = ":dynamodb:" in arn
        before = _TABLE_ARN if is_stream else _QUEUE_ARN
        source = references.name_in(arn, before, self._name, logical)
        batch_size = self._limits.mapping(logical, properties, is_stream=is_stream)
        failure = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        filters = properties.get("FilterCriteria", {}).get("Filters", [])
        retries = properties.get("MaximumRetryAttempts", -1)
        return Mapped(
            name=logical,
            source=source.split("/")[0],
            is_stream=is_stream,
            function=properties["FunctionName"],
            batch_size=batch_size,
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
        unknown = properties["Target"].keys() - _OF_A_TARGET
        if unknown:
            what = f"its Target has no {min(unknown)} known here; take it out"
            self._refuse(f"resource {logical}: {what}")
        dead = properties["Target"].get("DeadLetterConfig", {}).get("Arn")
        state = properties.get("State", "ENABLED")
        if state not in {"ENABLED", "DISABLED"}:
            self._refuse(f"resource {logical}: State {state} is neither ENABLED nor DISABLED")
        return Scheduled(
            name=logical,
            expression=properties["ScheduleExpression"],
            timezone=properties.get("ScheduleExpressionTimezone", "UTC"),
            function=references.name_in(
                properties["Target"]["Arn"], _FUNCTION_ARN, self._name, logical
            ),
            input=json.loads(properties["Target"].get("Input", "{}")),
            is_enabled=state == "ENABLED",
            dead_letters=self._queue_behind(logical, dead),
        )

    def _iot_policies(self) -> dict[str, Mapping[str, Any]]:
        """Give the documents of the IoT policies by their names."""
        return {
            str(one.get("PolicyName", name)): one["PolicyDocument"]
            for name, one in self._all("AWS::IoT::Policy").items()
        }

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
            is_exact = not found and "{" not in path and not path.endswith("/")
            is_known = is_exact or (found and not rest)
            if not is_known or set(methods) != {"x-amazon-apigateway-any-method"}:
                self._refuse(
                    f"route {path}: only ANY .../{{proxy+}} routes and ANY routes without a "
                    "variable are known here"
                )
            method = methods["x-amazon-apigateway-any-method"]
            function = _function_of(method["x-amazon-apigateway-integration"]["uri"])
            if function is None:
                self._refuse(f"route {path}: its integration is not a function")
                raise AssertionError
            security = method.get("security") or [{}]
            name = next(iter(security[0]), None)
            # SAM writes NONE where a route asks for no authorizer although there is a default one.
            authorizer = authorizers[name] if name not in {None, "NONE"} else None
            routes.append(Route(prefix, function, authorizer, is_exact))
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
