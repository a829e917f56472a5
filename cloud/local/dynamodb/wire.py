"""Speaks DynamoDB's JSON 1.0 protocol, so that any client may reach the engine over HTTP."""

import secrets
import zlib
from collections.abc import Container, Mapping
from typing import Any

import msgspec

from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import VALIDATION, EngineError
from cloud.local.dynamodb.parameters import OPERATIONS, STREAM_OPERATIONS

# The two APIs share the protocol; each has its own operations.
_TARGETS: Mapping[str, Container[str]] = {
    "DynamoDB_20120810": OPERATIONS,
    "DynamoDBStreams_20120810": STREAM_OPERATIONS,
}
_SHAPES = "com.amazonaws.dynamodb.v20120810#"
_PROTOCOL_SHAPES = "com.amazon.coral.service#"
_VALIDATION_SHAPES = "com.amazon.coral.validate#"
_PROTOCOL_ERRORS = ("SerializationException", "UnknownOperationException")
# These two spell the member with a capital; so does the model of the API.
_CAPITAL_MESSAGE = ("TransactionCanceledException", "IdempotentParameterMismatchException")

Answer = tuple[int, dict[str, str], bytes]


def answer_http(engine: Engine, target_header: str, body: bytes) -> Answer:
    """Answer one POST of the protocol (AWS, DynamoDB Developer Guide, "DynamoDB low-level API").

    Args:
        engine: what answers.
        target_header: the value of `X-Amz-Target`.
        body: the JSON of the request.

    Returns:
        The status, the headers and the JSON of the response; a refusal has status 400.
    """
    try:
        content: dict[str, Any] = engine.call(_operation(target_header), _decoded(body))
        status = 200
    except EngineError as error:
        content, status = error_body(error), 400
    encoded = msgspec.json.encode(content)
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "Content-Length": str(len(encoded)),
        "x-amz-crc32": str(zlib.crc32(encoded)),
        "x-amzn-RequestId": secrets.token_hex(26).upper(),
    }
    return status, headers, encoded


def error_body(error: EngineError) -> dict[str, Any]:
    """Lay out a refusal as the JSON body of the protocol."""
    if error.code in _PROTOCOL_ERRORS:
        shapes = _PROTOCOL_SHAPES
    else:
        shapes = _VALIDATION_SHAPES if error.code == VALIDATION else _SHAPES
    message = "Message" if error.code in _CAPITAL_MESSAGE else "message"
    return {"__type": shapes + error.code, message: error.message, **error.extra}


def _operation(target_header: str) -> str:
    target, _, operation = target_header.partition(".")
    if operation not in _TARGETS.get(target, ()):
        raise EngineError(
            "UnknownOperationException",
            f"X-Amz-Target {target_header!r} is not supported by the local engine",
        )
    return operation


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as reason:
        raise EngineError("SerializationException", f"The body is no JSON object: {reason}") from (
            reason
        )
