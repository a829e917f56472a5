"""What boto3 asks of SQS, answered as its responses parse ("Amazon SQS API reference")."""

import hashlib
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloud.local.queues.messages import Outgoing, Received, Sent, check_outgoing, size_bytes
from cloud.local.queues.moves import Move, MovingStore, name_in_arn
from cloud.local.queues.settings import (
    MAX_MESSAGE_BYTES,
    QueueError,
    Settings,
    arn_of,
    invalid,
    missing,
    url_of,
)

MAX_BATCH = 10


class Queues(MovingStore):
    """All queues of the local runtime, with the operations of boto3's client."""

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer an operation of boto3's SQS client as its response would parse.

        Raises:
            QueueError: SQS would answer with an error; `QueueError.parsed` is its body.
        """
        answer = _OPERATIONS.get(operation)
        if answer is None:
            raise QueueError("UnsupportedOperation", f"{operation} is not supported here")
        return answer(self, params)


_Params = Mapping[str, Any]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _md5_of_attributes(attributes: Mapping[str, Any]) -> str:
    """Hash attributes ("Calculating the MD5 message digest for message attributes")."""
    digest = bytearray()
    for name in sorted(attributes):
        attribute = attributes[name]
        is_binary = attribute["DataType"].startswith("Binary")
        content = attribute["BinaryValue"] if is_binary else attribute["StringValue"].encode()
        for piece in (name.encode(), attribute["DataType"].encode()):
            digest += struct.pack(">I", len(piece)) + piece
        digest += bytes((2 if is_binary else 1,)) + struct.pack(">I", len(content)) + content
    return _md5(bytes(digest))


def _name_of(params: _Params) -> str:
    if not params.get("QueueUrl"):
        raise missing("QueueUrl")
    return str(params["QueueUrl"]).rstrip("/").rpartition("/")[2]


def _outgoing(params: _Params) -> Outgoing:
    trace = params.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {})
    return Outgoing(
        body=params.get("MessageBody", ""),
        delay_s=params.get("DelaySeconds"),
        attributes=params.get("MessageAttributes", {}),
        group_id=params.get("MessageGroupId"),
        deduplication_id=params.get("MessageDeduplicationId"),
        trace_header=trace.get("StringValue"),
    )


def _sent(sent: Sent) -> dict[str, Any]:
    answer = {"MessageId": sent.id, "MD5OfMessageBody": _md5(sent.body.encode())}
    if sent.attributes:
        answer["MD5OfMessageAttributes"] = _md5_of_attributes(sent.attributes)
    if sent.sequence:
        answer["SequenceNumber"] = sent.sequence
    return answer


def _send_message(queues: Queues, params: _Params) -> dict[str, Any]:
    return _sent(queues.send_batch(_name_of(params), [_outgoing(params)])[0])


def _entries(params: _Params) -> list[_Params]:
    """Check a batch as a whole ("SendMessageBatch", errors)."""
    entries = list(params.get("Entries", ()))
    prefix = "AWS.SimpleQueueService."
    if not entries:
        raise QueueError(f"{prefix}EmptyBatchRequest", "There should be at least one entry.")
    if len(entries) > MAX_BATCH:
        message = f"Maximum number of entries per request are {MAX_BATCH}."
        raise QueueError(f"{prefix}TooManyEntriesInBatchRequest", message)
    ids = [entry["Id"] for entry in entries]
    if any(not re.fullmatch(r"[\w-]{1,80}", entry_id, re.ASCII) for entry_id in ids):
        raise QueueError(f"{prefix}InvalidBatchEntryId", "An Id has 1 to 80 of a-z A-Z 0-9 _ -")
    if len(set(ids)) != len(ids):
        raise QueueError(f"{prefix}BatchEntryIdsNotDistinct", "Two entries have the same Id.")
    return entries


def _each(params: _Params, act: Callable[[_Params], dict[str, Any]]) -> dict[str, Any]:
    """Act on each entry of a batch; one that fails does not touch the others."""
    answer: dict[str, list[dict[str, Any]]] = {}
    for entry in _entries(params):
        try:
            answer.setdefault("Successful", []).append({"Id": entry["Id"], **act(entry)})
        except QueueError as error:
            failed = {"SenderFault": True, "Code": error.code, "Message": str(error)}
            answer.setdefault("Failed", []).append({"Id": entry["Id"], **failed})
    return {key: value for key, value in answer.items() if value}


def _send_message_batch(queues: Queues, params: _Params) -> dict[str, Any]:
    """Send up to ten; in one commit, unless one of them is refused."""
    name, entries = _name_of(params), _entries(params)
    settings, messages = queues.settings(name), [_outgoing(entry) for entry in entries]
    if sum(map(size_bytes, messages)) > MAX_MESSAGE_BYTES:
        text = f"Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes."
        raise QueueError("AWS.SimpleQueueService.BatchRequestTooLong", text)
    for message in messages:
        try:
            check_outgoing(settings, message)
        except QueueError:
            return _each(
                params, lambda entry: _sent(queues.send_batch(name, [_outgoing(entry)])[0])
            )
    sent = queues.send_batch(name, messages)
    return {
        "Successful": [
            {"Id": entry["Id"], **_sent(one)} for entry, one in zip(entries, sent, strict=True)
        ]
    }


def _receive_message(queues: Queues, params: _Params) -> dict[str, Any]:
    """Receive at once: waiting would stop a simulated clock, so WaitTimeSeconds is passed over."""
    limit = params.get("MaxNumberOfMessages", 1)
    if not 1 <= limit <= MAX_BATCH:
        raise invalid(f"Value {limit} for parameter MaxNumberOfMessages is invalid. Reason: Must"
                       f" be between 1 and {MAX_BATCH}, if provided.")  # fmt: skip
    received = queues.receive(
        _name_of(params), limit=limit, visibility_s=params.get("VisibilityTimeout")
    )
    asked = {*params.get("AttributeNames", ()), *params.get("MessageSystemAttributeNames", ())}
    names = params.get("MessageAttributeNames", ())
    messages = [_shown(message, asked, names) for message in received]
    return {"Messages": messages} if messages else {}


def _shown(message: Received, asked: set[str], names: Sequence[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": _md5(message.body.encode()),
        "Body": message.body,
    }
    system = {key: value for key, value in message.system.items() if asked & {"All", key}}
    if system:
        shown["Attributes"] = system
    attributes = {
        key: value
        for key, value in message.attributes.items()
        if any(_is_asked(name, key) for name in names)
    }
    if attributes:
        shown["MessageAttributes"] = attributes
        shown["MD5OfMessageAttributes"] = _md5_of_attributes(attributes)
    return shown


def _is_asked(wanted: str, name: str) -> bool:
    return wanted in ("All", name) or (wanted.endswith(".*") and name.startswith(wanted[:-2]))


def _delete_message(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.delete(_name_of(params), params["ReceiptHandle"])
    return {}


def _delete_message_batch(queues: Queues, params: _Params) -> dict[str, Any]:
    name = _name_of(params)
    queues.settings(name)

    def delete(entry: _Params) -> dict[str, Any]:
        queues.delete(name, entry["ReceiptHandle"])
        return {}

    return _each(params, delete)


def _change_message_visibility(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.change_visibility(
        _name_of(params), params["ReceiptHandle"], int(params["VisibilityTimeout"])
    )
    return {}


def _get_queue_url(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.settings(params["QueueName"])
    return {"QueueUrl": url_of(params["QueueName"])}


def _get_queue_attributes(queues: Queues, params: _Params) -> dict[str, Any]:
    name = _name_of(params)
    depth, created = queues.depth(name), str(queues.created_ms(name) // 1000)
    every = {
        **queues.settings(name).attributes(),
        "QueueArn": arn_of(name),
        "ApproximateNumberOfMessages": str(depth.visible),
        "ApproximateNumberOfMessagesNotVisible": str(depth.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(depth.delayed),
        "CreatedTimestamp": created,
        "LastModifiedTimestamp": created,
    }
    asked = set(params.get("AttributeNames", ()))
    found = {key: value for key, value in every.items() if asked & {"All", key}}
    return {"Attributes": found} if found else {}


def _purge_queue(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.purge(_name_of(params))
    return {}


def _create_queue(queues: Queues, params: _Params) -> dict[str, Any]:
    """Make a queue; one of this name with other attributes is an error ("CreateQueue")."""
    name, attributes = params["QueueName"], params.get("Attributes", {})
    if name in queues.names() and queues.settings(name) != Settings.read(name, attributes):
        message = "A queue already exists with the same name and a different value for attributes"
        raise QueueError("QueueAlreadyExists", message, "QueueNameExists")
    return {"QueueUrl": queues.create(name, attributes)}


def _list_queues(queues: Queues, params: _Params) -> dict[str, Any]:
    prefix = params.get("QueueNamePrefix", "")
    urls = [url_of(name) for name in queues.names() if name.startswith(prefix)]
    return {"QueueUrls": urls} if urls else {}


def _set_queue_attributes(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.change(_name_of(params), params.get("Attributes", {}))
    return {}


def _source_of(params: _Params) -> str:
    if not params.get("SourceArn"):
        raise missing("SourceArn")
    return name_in_arn(params["SourceArn"])


def _start_message_move_task(queues: Queues, params: _Params) -> dict[str, Any]:
    destination = params.get("DestinationArn")
    move = queues.start_move(
        _source_of(params),
        name_in_arn(destination) if destination else None,
        rate=params.get("MaxNumberOfMessagesPerSecond"),
    )
    return {"TaskHandle": move.handle}


def _list_message_move_tasks(queues: Queues, params: _Params) -> dict[str, Any]:
    """List tasks; the handle is only shown of one that runs, so of none here."""
    moves = queues.moves(_source_of(params), params.get("MaxResults", 1))
    return {"Results": [_shown_move(move) for move in moves]}


def _shown_move(move: Move) -> dict[str, Any]:
    shown = {
        "Status": "FAILED" if move.failure else "COMPLETED",
        "SourceArn": arn_of(move.source),
        "DestinationArn": arn_of(move.destination) if move.destination else None,
        "MaxNumberOfMessagesPerSecond": move.rate,
        "ApproximateNumberOfMessagesMoved": move.moved,
        "ApproximateNumberOfMessagesToMove": move.to_move,
        "FailureReason": move.failure,
        "StartedTimestamp": move.started_ms,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _cancel_message_move_task(queues: Queues, params: _Params) -> dict[str, Any]:
    queues.cancel_move(params.get("TaskHandle", ""))
    return {}


def _list_dead_letter_source_queues(queues: Queues, params: _Params) -> dict[str, Any]:
    """List a page; there is a next one only for who asks for pages ("MaxResults")."""
    names = queues.sources_of(_name_of(params))
    after, limit = params.get("NextToken", ""), params.get("MaxResults")
    if limit is not None and not 1 <= limit <= 1000:
        raise invalid(f"Value {limit} for parameter MaxResults is invalid. It is 1 to 1000.")
    rest = [name for name in names if name > after]
    page = rest[:limit]
    answer: dict[str, Any] = {"queueUrls": [url_of(name) for name in page]}
    return answer | {"NextToken": page[-1]} if len(page) < len(rest) else answer


_OPERATIONS: dict[str, Callable[[Queues, _Params], dict[str, Any]]] = {
    "SendMessage": _send_message,
    "SendMessageBatch": _send_message_batch,
    "ReceiveMessage": _receive_message,
    "DeleteMessage": _delete_message,
    "DeleteMessageBatch": _delete_message_batch,
    "ChangeMessageVisibility": _change_message_visibility,
    "GetQueueUrl": _get_queue_url,
    "GetQueueAttributes": _get_queue_attributes,
    "PurgeQueue": _purge_queue,
    "CreateQueue": _create_queue,
    "ListQueues": _list_queues,
    "SetQueueAttributes": _set_queue_attributes,
    "StartMessageMoveTask": _start_message_move_task,
    "ListMessageMoveTasks": _list_message_move_tasks,
    "CancelMessageMoveTask": _cancel_message_move_task,
    "ListDeadLetterSourceQueues": _list_dead_letter_source_queues,
}
