"""What a message is and may be ("Amazon SQS message quotas", "SendMessage")."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cloud.local.queues.settings import (
    MAX_DELAY_S,
    MAX_MESSAGE_BYTES,
    MAX_VISIBILITY_S,
    QueueError,
    Settings,
    invalid,
    missing,
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent."""

    body: str
    delay_s: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The receipt of a message that is in the queue for good."""

    id: str
    sequence: str | None
    body: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """A message that nobody else gets until its visibility timeout is over."""

    id: str
    receipt: str
    body: str
    attributes: Mapping[str, Any]
    system: Mapping[str, str]

    @property
    def receive_count(self) -> int:
        """Give how often the message was received, this time included."""
        return int(self.system["ApproximateReceiveCount"])


@dataclass(frozen=True, slots=True)
class Peeked:
    """A message as it lies in its queue: looked at, not received."""

    id: str
    body: str
    attributes: Mapping[str, Any]
    system: Mapping[str, str]
    receive_count: int
    sent_at: datetime
    visible_at: datetime
    is_in_flight: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages a queue holds, by whether they can be received now."""

    visible: int
    in_flight: int
    delayed: int


def sequence_of(number: int) -> str:
    """Give the sequence number that a FIFO queue shows."""
    return f"{number:020d}"


def receipt_of(number: int, nonce: str) -> str:
    """Give the receipt handle of one receiving of a message."""
    return base64.urlsafe_b64encode(f"{number}:{nonce}".encode()).decode()


def read_receipt(receipt: str) -> tuple[int, str]:
    """Take a receipt handle apart into the message's number and the receiving's nonce.

    Raises:
        QueueError: It is none.
    """
    try:
        number, _, nonce = base64.urlsafe_b64decode(receipt).decode().partition(":")
        return int(number), nonce
    except (ValueError, binascii.Error):
        message = f'The input receipt handle "{receipt}" is not a valid receipt handle.'
        raise QueueError("ReceiptHandleIsInvalid", message) from None


_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIFO_ID = re.compile(r"[!-~]{1,128}")


def check_outgoing(settings: Settings, message: Outgoing) -> None:
    """Check a message against its queue.

    Raises:
        QueueError: SQS would not take it.
    """
    if not message.body:
        raise missing("MessageBody")
    if _NOT_XML.search(message.body):
        message_text = "Invalid characters found: a control character is not allowed in a message."
        raise QueueError("InvalidMessageContents", message_text)
    if size_bytes(message) > MAX_MESSAGE_BYTES:
        raise invalid(f"One or more parameters are invalid. Reason: Message must be shorter than"
                       f" {MAX_MESSAGE_BYTES} bytes.")  # fmt: skip
    if message.delay_s is not None and not 0 <= message.delay_s <= MAX_DELAY_S:
        raise invalid(f"Value {message.delay_s} for parameter DelaySeconds is invalid.")
    if settings.is_fifo:
        _check_fifo(settings, message)
    elif message.deduplication_id is not None:
        raise invalid("MessageDeduplicationId is only for FIFO queues.")


def _check_fifo(settings: Settings, message: Outgoing) -> None:
    if message.group_id is None:
        raise missing("MessageGroupId")
    if message.delay_s:
        raise invalid("DelaySeconds of one message is not valid in a FIFO queue.")
    if message.deduplication_id is None and not settings.deduplicates_by_content:
        raise invalid(
            "The queue should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly"
        )
    for value in (message.group_id, message.deduplication_id):
        if value is not None and not _FIFO_ID.fullmatch(value):
            raise invalid(f"Value {value!r} can only have 1 to 128 letters, digits and signs.")


def size_bytes(message: Outgoing) -> int:
    """Measure a message as its limit does: body, and names, types and values of attributes."""
    size = len(message.body.encode())
    for name, value in message.attributes.items():
        content = value.get("StringValue", value.get("BinaryValue", b""))
        raw = content.encode() if isinstance(content, str) else bytes(content)
        size += len(name.encode()) + len(value.get("DataType", "").encode()) + len(raw)
    return size


def deduplication_id_of(settings: Settings, message: Outgoing) -> str | None:
    """Give the id under which a FIFO queue knows the message for five minutes."""
    if message.deduplication_id is None and settings.deduplicates_by_content:
        return hashlib.sha256(message.body.encode()).hexdigest()
    return message.deduplication_id


def attributes_to_text(attributes: Mapping[str, Any]) -> str:
    """Write attributes as JSON, binary ones in base64."""
    kept = {
        name: {
            key: base64.b64encode(bytes(value)).decode() if key == "BinaryValue" else value
            for key, value in attribute.items()
        }
        for name, attribute in attributes.items()
    }
    return json.dumps(kept)


def attributes_from_text(text: str) -> dict[str, Any]:
    """Read attributes back."""
    attributes: dict[str, Any] = json.loads(text)
    for attribute in attributes.values():
        if "BinaryValue" in attribute:
            attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    return attributes


def check_visibility(visibility_s: int) -> None:
    """Check a visibility timeout.

    Raises:
        QueueError: It is longer than twelve hours, or negative.
    """
    if not 0 <= visibility_s <= MAX_VISIBILITY_S:
        raise invalid(f"Value {visibility_s} for parameter VisibilityTimeout is invalid.")
