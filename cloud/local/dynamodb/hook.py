"""Answers botocore inside the process: boto3, pynamodb and powertools run unchanged, off line.

The handlers go into botocore's built-in list, because the events of one session do not reach
pynamodb and powertools, which make sessions of their own. A session that exists already never gets
them: install before the first one is made. While nothing is installed they return None, so that
another stand-in, such as moto, can work in the same process.
"""

import base64
import ipaddress
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from botocore import handlers, parsers

from cloud.local import interrupts
from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.errors import EngineError
from cloud.local.dynamodb.parameters import STREAM_OPERATIONS
from cloud.local.dynamodb.values import Value
from cloud.local.dynamodb.wire import error_body

DYNAMODB = "dynamodb"
STREAMS = "dynamodb-streams"
_PARAMS = "sunreeve.local.params"
_CONTENT_TYPE = "application/x-amz-json-1.0"
# Without a region or keys pynamodb would make a new client at each call, and botocore would look
# for keys in the metadata service of a cloud machine.
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

Answer = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class ServiceError(Exception):
    """A refusal by a service which stands in for one of AWS.

    Attributes:
        code: the exception's name in the service's API, such as `NoSuchKey`.
        message: the sentence for the person who reads it.
        status: the HTTP status.
        query_code: the shape that the service's model knows, where it spells its codes otherwise.
    """

    def __init__(self, code: str, message: str, status: int = 400, *, query_code: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.query_code = query_code
        self.code = code
        self.message = message
        self.status = status


class LeavesTheMachineError(Exception):
    """A request was on its way out of the machine, and no service here answers it."""


# Their answers hold moments, which botocore's own parser reads; the others are read faster here.
_WITH_MOMENTS = frozenset(
    {
        *STREAM_OPERATIONS,
        "CreateTable",
        "DeleteTable",
        "DescribeTable",
        "DescribeTimeToLive",
        "ListTables",
        "UpdateTimeToLive",
    }
)


@dataclass(frozen=True, slots=True)
class HttpLike:
    """As much of an HTTP response as botocore reads after `before-call`."""

    status_code: int


class _Installed:
    """What answers at present."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.services: dict[str, Answer] = {}
        self.before: dict[str, str] | None = None


_installed = _Installed()
_json_parser = parsers.create_parser("json")


def install(engine: Engine) -> None:
    """Let the engine answer every DynamoDB client made from now on, and let nothing leave.

    What the environment says of AWS (a profile, keys, endpoints) is put aside until `uninstall`:
    here it could only lead somewhere else.

    Raises:
        RuntimeError: a default session of boto3 exists already and would pass by the hook.
    """
    prepare()
    _installed.engine = engine
    if _installed.before is None:
        _installed.before = _of_aws()
    for name in _of_aws():
        del os.environ[name]
    os.environ.update(_ENVIRONMENT)


def uninstall() -> None:
    """Answer nothing any more, forget the other services, and take back what was set."""
    _installed.engine = None
    _installed.services.clear()
    if _installed.before is not None:
        for name in _of_aws():
            del os.environ[name]
        os.environ.update(_installed.before)
        _installed.before = None


def _of_aws() -> dict[str, str]:
    """Give what the environment says of AWS: profiles, keys, endpoints."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def register(service: str, answer: Answer) -> None:
    """Let a function answer every operation of another service, while an engine is installed.

    Args:
        service: the service's id as botocore's events spell it: `sqs`, `s3`, `sesv2`,
            `iot-data-plane`, `eventbridge`, `scheduler`.
        answer: gets the operation's name and the caller's parameters, and returns the response
            as the caller shall see it; a `ServiceError` becomes the client's exception.
    """
    _installed.services[service] = answer


def prepare() -> None:
    """Put the handlers into botocore's list, once; until an engine is installed they do nothing.

    Raises:
        RuntimeError: a default session of boto3 exists already and would pass by the hook.
    """
    entries = [
        ("before-parameter-build", _keep_params),
        ("before-call", _answer),
        ("before-send", _refuse, handlers.REGISTER_LAST),
    ]
    if any(entry[1] is _answer for entry in handlers.BUILTIN_HANDLERS):
        return
    # Imported here only to look at it: whoever made a default session has imported it.
    import boto3  # noqa: PLC0415

    if boto3.DEFAULT_SESSION is not None:
        raise RuntimeError(
            "boto3's default session was made before the local engine was installed and would "
            "reach AWS: call install() before the first client is made"
        )
    handlers.BUILTIN_HANDLERS.extend(entries)


def _keep_params(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Keep the caller's parameters: after this they are only seen as an HTTP request."""
    if _installed.engine is not None:
        context[_PARAMS] = params


def _answer(
    model: Any, params: Mapping[str, Any], context: Mapping[str, Any], **_: Any
) -> tuple[HttpLike, dict[str, Any]] | None:
    if _installed.engine is None:
        return None
    with interrupts.service():
        return _answered(_installed.engine, model, params, context)


def _answered(
    engine: Engine, model: Any, params: Mapping[str, Any], context: Mapping[str, Any]
) -> tuple[HttpLike, dict[str, Any]] | None:
    service = model.service_model.service_id.hyphenize()
    if service in (DYNAMODB, STREAMS):
        return _answer_dynamodb(engine, model, params)
    answer = _installed.services.get(service)
    if answer is None:
        return None
    try:
        response = dict(answer(model.name, context[_PARAMS]))
    except ServiceError as error:
        told = {"Code": error.code, "Message": error.message}
        if error.query_code:  # by it botocore picks the exception's class
            told["QueryErrorCode"] = error.query_code
        return _finished(error.status, {"Error": told})
    return _finished(200, response)


def _answer_dynamodb(
    engine: Engine, model: Any, params: Mapping[str, Any]
) -> tuple[HttpLike, dict[str, Any]]:
    try:
        response = engine.call(model.name, msgspec.json.decode(params["body"]))
    except EngineError as error:
        return _finished(400, _parsed_error(error, model))
    if model.name not in _WITH_MOMENTS:
        return _finished(200, _with_bytes(response))
    return _finished(200, _parsed(response, 200, model.output_shape))


def _parsed_error(error: EngineError, model: Any) -> dict[str, Any]:
    """Parse a refusal as botocore does: first what all errors have, then what this one has."""
    content = error_body(error)
    parsed = _parsed(content, 400, model.output_shape)
    shape = model.service_model.shape_for_error_code(error.code)
    if shape is not None:
        parsed |= _parsed(content, 400, shape)
    return parsed


def _parsed(content: Mapping[str, Any], status: int, shape: Any) -> dict[str, Any]:
    """Parse a response as botocore itself does, with the error shapes and moments of its model."""
    response = {
        "status_code": status,
        "headers": {"content-type": _CONTENT_TYPE},
        "body": msgspec.json.encode(content),
    }
    parsed: dict[str, Any] = _json_parser.parse(response, shape)
    return parsed


def _finished(status: int, parsed: dict[str, Any]) -> tuple[HttpLike, dict[str, Any]]:
    parsed["ResponseMetadata"] = {
        "HTTPStatusCode": status,
        "HTTPHeaders": {},
        "RetryAttempts": 0,
        "RequestId": "local",
    }
    return HttpLike(status), parsed


def _with_bytes(response: dict[str, Any]) -> dict[str, Any]:
    """Turn base64 into bytes, in place, wherever the response of an item operation has values."""
    for member in ("Item", "Attributes", "LastEvaluatedKey"):
        if member in response:
            _decode_item(response[member])
    for item in response.get("Items", ()):
        _decode_item(item)
    found = response.get("Responses", ())
    if isinstance(found, dict):
        for items in found.values():
            for item in items:
                _decode_item(item)
    else:
        for one in found:
            _decode_item(one.get("Item", {}))
    for unprocessed in response.get("UnprocessedKeys", {}).values():
        for key in unprocessed["Keys"]:
            _decode_item(key)
    return response


def _decode_item(item: Mapping[str, Value]) -> None:
    _decode_values(item.values())


def _decode_values(values: Iterable[Value]) -> None:
    for value in values:
        for kind, content in value.items():
            if kind in _MAY_HOLD_BYTES:
                value[kind] = _decode(kind, content)


_MAY_HOLD_BYTES = frozenset({"B", "BS", "M", "L"})


def _decode(kind: str, content: Any) -> Any:
    if kind == "B":
        return base64.b64decode(content)
    if kind == "BS":
        return [base64.b64decode(member) for member in content]
    if kind == "M":
        _decode_values(content.values())
    else:
        _decode_values(content)
    return content


def _refuse(request: Any, event_name: str, **_: Any) -> None:
    """Let nothing out but to this machine; botocore would otherwise send it.

    Raises:
        LeavesTheMachineError: the request is for another machine.
    """
    if _installed.engine is None or _is_loopback(urlsplit(request.url).hostname or ""):
        return
    service, operation = event_name.split(".")[1:]
    raise LeavesTheMachineError(
        f"{service} {operation} would have left the machine for {request.url}: nothing here "
        f"answers {service!r}; see cloud.local.dynamodb.hook.register"
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
