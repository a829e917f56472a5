"""What the numbers of a template may be, after the API reference of the service they are for."""

import json
import re
from collections.abc import Mapping
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local.template.stack import Resource

MOST_UNBATCHED = 10
"""A larger batch of a standard queue needs a batching window."""
_OF_STREAMS = (
    "DestinationConfig",
    "MaximumRetryAttempts",
    "StartingPosition",
)
"""Properties of a mapping that a queue does not have; it has its redrive policy."""


class Limits:
    """Refuses what AWS would refuse, by the resource's name."""

    def __init__(self, template: str) -> None:
        """Know the name of the template's file, for messages."""
        self._template = template

    def wrong(self, resource: str, why: str) -> BadInput:
        """Give the error that says what is wrong with a resource."""
        return BadInput(f"booting from {self._template}: resource {resource}: {why}")

    def whole(
        self, resource: str, properties: Resource, name: str, *, default: int, low: int, high: int
    ) -> int:
        """Give a whole number within its range, the default when it is not there.

        Raises:
            BadInput: it is no whole number, or out of range.
        """
        given = properties.get(name, default)
        number = None
        if isinstance(given, int | str) and not isinstance(given, bool):
            found = re.fullmatch(r"-?\d{1,18}", str(given), re.ASCII)
            number = int(given) if found else None
        if number is None or not low <= number <= high:
            raise self.wrong(resource, f"{name} {given!r} is not {low} to {high}; correct it")
        return number

    def runtime(self, resource: str, properties: Resource) -> None:
        """Make sure that a function is Python.

        Raises:
            BadInput: it is something else.
        """
        runtime = properties.get("Runtime")
        if not isinstance(runtime, str) or not re.fullmatch(r"python3\.\d+", runtime, re.ASCII):
            why = f"Runtime {runtime!r} cannot be run here; only python3.x can"
            raise self.wrong(resource, why)

    def notifications(self, bucket: str, properties: Resource) -> None:
        """Make sure that a bucket tells nobody but EventBridge.

        Raises:
            BadInput: it should tell a queue, a topic or a function itself.
        """
        given = properties.get("NotificationConfiguration", {})
        for name in sorted(given.keys() - {"EventBridgeConfiguration"}):
            why = f"NotificationConfiguration has no {name} known here; use a rule of EventBridge"
            raise self.wrong(bucket, why)
        wanted = given.get("EventBridgeConfiguration", {"EventBridgeEnabled": True})
        if set(wanted) != {"EventBridgeEnabled"} or not _is_truth(wanted["EventBridgeEnabled"]):
            why = "EventBridgeConfiguration holds EventBridgeEnabled alone, true or false"
            raise self.wrong(bucket, f"{why}; correct it")

    def time_to_live(self, table: str, properties: Resource) -> None:
        """Make sure that a table's rows do not expire by one of its keys.

        Raises:
            BadInput: they do.
        """
        name = properties.get("TimeToLiveSpecification", {}).get("AttributeName")
        if name in {key["AttributeName"] for key in properties["KeySchema"]}:
            why = f"TimeToLiveSpecification names {name}, a key; name another attribute"
            raise self.wrong(table, why)

    def redrive(self, queue: str, properties: Resource) -> None:
        """Make sure that a RedrivePolicy says what is known here and nothing else.

        Raises:
            BadInput: it says something else.
        """
        policy = redrive_policy(properties)
        unknown = sorted(policy.keys() - {"deadLetterTargetArn", "maxReceiveCount"})
        if unknown:
            raise self.wrong(queue, f"RedrivePolicy has no {unknown[0]} known here; take it out")

    def mapping(self, logical: str, properties: Resource, *, is_stream: bool) -> int:
        """Give how many records a function gets at once at most.

        Raises:
            BadInput: that, or another property of the mapping, is not allowed for its source.
        """
        is_fifo = str(properties["EventSourceArn"]).endswith(".fifo")
        most = MOST_UNBATCHED if is_fifo else 10_000
        default = 100 if is_stream else MOST_UNBATCHED
        size = self.whole(logical, properties, "BatchSize", default=default, low=1, high=most)
        window = "MaximumBatchingWindowInSeconds"
        window_s = self.whole(logical, properties, window, default=0, low=0, high=300)
        if is_fifo and window_s:
            raise self.wrong(logical, f"a FIFO queue has no {window}; take it out")
        if not is_stream and size > MOST_UNBATCHED and not window_s:
            why = f"BatchSize {size} is above {MOST_UNBATCHED} and needs a {window} of 1 or more"
            raise self.wrong(logical, f"{why}; say one, or a smaller batch")
        if is_stream:
            self._of_stream(logical, properties)
        else:
            for name in properties.keys() & set(_OF_STREAMS):
                raise self.wrong(logical, f"a queue's mapping has no {name}; take it out")
        for one in properties.get("FunctionResponseTypes", ()):
            if one != "ReportBatchItemFailures":
                why = f"FunctionResponseTypes {one!r} is not known; ReportBatchItemFailures is"
                raise self.wrong(logical, why)
        return size

    def _of_stream(self, logical: str, properties: Resource) -> None:
        retries = "MaximumRetryAttempts"
        self.whole(logical, properties, retries, default=-1, low=-1, high=10_000)
        position = properties.get("StartingPosition")
        if position not in {"LATEST", "TRIM_HORIZON"}:
            why = f"StartingPosition {position!r} is neither LATEST nor TRIM_HORIZON; say one"
            raise self.wrong(logical, why)


def redrive_policy(properties: Resource) -> Mapping[str, Any]:
    """Give a queue's RedrivePolicy, which may be an object or its text; empty without one.

    Raises:
        ValueError: it is neither.
    """
    policy = properties.get("RedrivePolicy") or {}
    read = json.loads(policy) if isinstance(policy, str) else policy
    if not isinstance(read, Mapping):
        raise ValueError(f"RedrivePolicy {policy!r}")  # noqa: TRY004 - as for a text that is none
    return read


def _is_truth(value: object) -> bool:
    return str(value).lower() in {"true", "false"}
