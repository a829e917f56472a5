"""What is there whether or not a home is: keys, alarms, polled queues; read from the template."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud.local.template import translate

_EACH = {
    "AWS::KMS::Key": "kms.keys",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch.composite_alarms",
    "AWS::CloudWatch::Dashboard": "cloudwatch.dashboards",
}


@dataclass(frozen=True, slots=True)
class Polled:
    """A queue that Lambda polls for a function.

    Attributes:
        at_once: messages of one call at most.
        gathers_s: how long a batch is waited for.
        most: calls at once; None for no limit of its own.
    """

    queue: str
    function: str
    at_once: int
    gathers_s: float
    most: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a template says that costs money.

    Attributes:
        things: how many there are of what is billed for each month.
        memory_mb: of each function.
        traced: functions that X-Ray is on for.
        told: functions of whose calls Lambda itself writes lines.
        backed_up: tables with continuous backups.
    """

    things: Mapping[str, int]
    memory_mb: Mapping[str, int]
    traced: frozenset[str]
    told: frozenset[str]
    backed_up: frozenset[str]
    polled: tuple[Polled, ...]


def standing(template: Path) -> Standing:
    """Read a template."""
    resources = translate(template.read_bytes(), name=template.name)["Resources"]
    things: Counter[str] = Counter()
    for one in resources.values():
        kind, told = one["Type"], one.get("Properties", {})
        if kind in _EACH:
            things[_EACH[kind]] += 1
        if kind == "AWS::CloudWatch::Alarm":
            metrics = [each for each in told.get("Metrics", ()) if "MetricStat" in each]
            things["cloudwatch.alarms"] += max(1, len(metrics))
    functions = _of_kind(resources, "AWS::Lambda::Function")
    return Standing(
        things=things,
        memory_mb={name: int(told.get("MemorySize", 128)) for name, told in functions.items()},
        traced=frozenset(
            name
            for name, told in functions.items()
            if told.get("TracingConfig", {}).get("Mode") == "Active"
        ),
        told=frozenset(name for name, told in functions.items() if _is_told(told)),
        backed_up=frozenset(
            name
            for name, told in _of_kind(resources, "AWS::DynamoDB::Table").items()
            if told.get("PointInTimeRecoverySpecification")
        ),
        polled=tuple(
            _polled(told)
            for told in _of_kind(resources, "AWS::Lambda::EventSourceMapping").values()
            if "Queue" in _named(told.get("EventSourceArn"))
        ),
    )


def _of_kind(resources: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    return {
        name: one.get("Properties", {}) for name, one in resources.items() if one["Type"] == kind
    }


def _is_told(function: Mapping[str, Any]) -> bool:
    """Tell whether Lambda writes lines of its own: at INFO, which is its default, it does."""
    return str(function.get("LoggingConfig", {}).get("SystemLogLevel", "INFO")) != "WARN"


def _polled(told: Mapping[str, Any]) -> Polled:
    most = told.get("ScalingConfig", {}).get("MaximumConcurrency")
    return Polled(
        queue=_named(told.get("EventSourceArn")),
        function=_named(told.get("FunctionName")),
        at_once=int(told.get("BatchSize", 10)),
        gathers_s=float(told.get("MaximumBatchingWindowInSeconds", 0)),
        most=int(most) if most is not None else None,
    )


def _named(reference: Any) -> str:
    """Give the resource that a Ref or GetAtt names; empty where it is neither."""
    if not isinstance(reference, Mapping):
        return ""
    if "Ref" in reference:
        return str(reference["Ref"]).removesuffix("Aliaslive")
    found = reference.get("Fn::GetAtt", "")
    return str(found[0] if isinstance(found, list) else found).partition(".")[0]
