"""What a queue is: its name, its attributes, and how SQS says no."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloud.kernel.errors import SunreeveError

ACCOUNT = "000000000000"
REGION = "us-east-1"
URL_BASE = f"http://127.0.0.1/{ACCOUNT}/"
MAX_MESSAGE_BYTES = 1024 * 1024
MAX_VISIBILITY_S = 12 * 60 * 60
MAX_DELAY_S = 15 * 60


class QueueError(SunreeveError):
    """SQS says no; the code is the one that boto3 shows, the shape its exception class.

    `parsed` is what a parsed error response holds: SQS speaks JSON but keeps the codes of its
    older query protocol, and botocore picks the exception by `QueryErrorCode`.
    """

    def __init__(self, code: str, message: str, shape: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.shape = shape or code.rpartition(".")[2]

    @property
    def parsed(self) -> dict[str, str]:
        """Give the `Error` member of a parsed response."""
        return {
            "Code": self.code,
            "QueryErrorCode": self.shape,
            "Message": str(self),
            "Type": "Sender",
        }


def invalid(message: str) -> QueueError:
    """Refuse the value of a parameter."""
    return QueueError("InvalidParameterValue", message)


def missing(parameter: str) -> QueueError:
    """Refuse a request without a parameter."""
    return QueueError("MissingParameter", f"The request must contain the parameter {parameter}.")


@dataclass(frozen=True, slots=True)
class Redrive:
    """Where a message goes that was received too often ("Using dead-letter queues")."""

    target: str
    max_receives: int


@dataclass(frozen=True, slots=True)
class Settings:
    """A queue's attributes, checked ("SetQueueAttributes")."""

    visibility_s: int = 30
    delay_s: int = 0
    retention_s: int = 4 * 24 * 60 * 60
    is_fifo: bool = False
    deduplicates_by_content: bool = False
    redrive: Redrive | None = None

    @classmethod
    def read(cls, name: str, attributes: Mapping[str, Any]) -> "Settings":
        """Read attributes as CloudFormation or CreateQueue give them.

        Raises:
            QueueError: One is not known here, or out of its range.
        """
        known = {"VisibilityTimeout", "DelaySeconds", "MessageRetentionPeriod", "FifoQueue",
                 "ContentBasedDeduplication", "RedrivePolicy", "ReceiveMessageWaitTimeSeconds",
                 "MaximumMessageSize", "SqsManagedSseEnabled", "Tags"}  # fmt: skip
        if unknown := sorted(set(attributes) - known):
            raise QueueError("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
        is_fifo = str(attributes.get("FifoQueue", False)).lower() == "true"
        if not re.fullmatch(r"[\w-]{1,80}", name.removesuffix(".fifo"), re.ASCII):
            raise invalid(f"{name!r}: a queue's name has 1 to 80 of a-z A-Z 0-9 _ -")
        if is_fifo != name.endswith(".fifo"):
            raise invalid(f"{name}: the name of a FIFO queue, and no other, ends in .fifo")
        by_content = str(attributes.get("ContentBasedDeduplication", False)).lower() == "true"
        if by_content and not is_fifo:
            raise QueueError("InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication.")
        return cls(
            visibility_s=_within(attributes, "VisibilityTimeout", 30, 0, MAX_VISIBILITY_S),
            delay_s=_within(attributes, "DelaySeconds", 0, 0, MAX_DELAY_S),
            retention_s=_within(attributes, "MessageRetentionPeriod", 345_600, 60, 1_209_600),
            is_fifo=is_fifo,
            deduplicates_by_content=by_content,
            redrive=_read_redrive(attributes.get("RedrivePolicy")),
        )

    def attributes(self) -> dict[str, str]:
        """Give the attributes as GetQueueAttributes shows them."""
        shown = {
            "VisibilityTimeout": str(self.visibility_s),
            "DelaySeconds": str(self.delay_s),
            "MessageRetentionPeriod": str(self.retention_s),
            "MaximumMessageSize": str(MAX_MESSAGE_BYTES),
            "ReceiveMessageWaitTimeSeconds": "0",
        }
        if self.is_fifo:
            shown["FifoQueue"] = "true"
            shown["ContentBasedDeduplication"] = str(self.deduplicates_by_content).lower()
        if self.redrive:
            policy = {
                "deadLetterTargetArn": arn_of(self.redrive.target),
                "maxReceiveCount": self.redrive.max_receives,
            }
            shown["RedrivePolicy"] = json.dumps(policy)
        return shown


def _within(given: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    try:
        value = int(given.get(name, default))
    except (TypeError, ValueError):
        value = low - 1
    if not low <= value <= high:
        message = f"Invalid value for the parameter {name}: {given[name]!r} is not {low} to {high}."
        raise QueueError("InvalidAttributeValue", message)
    return value


def _read_redrive(policy: Any) -> Redrive | None:
    if not policy:
        return None
    try:
        read = json.loads(policy) if isinstance(policy, str) else policy
        target = str(read["deadLetterTargetArn"]).rpartition(":")[2]
        redrive = Redrive(target, int(read["maxReceiveCount"]))
    except (KeyError, TypeError, ValueError) as error:
        raise QueueError("InvalidAttributeValue", f"RedrivePolicy {policy!r}: {error}") from error
    if not 1 <= redrive.max_receives <= 1000:
        raise QueueError("InvalidAttributeValue", "RedrivePolicy: maxReceiveCount is 1 to 1000")
    return redrive


def url_of(name: str) -> str:
    """Give a queue's URL."""
    return URL_BASE + name


def arn_of(name: str) -> str:
    """Give a queue's ARN."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
