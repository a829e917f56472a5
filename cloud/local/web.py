"""One HTTP request and its response, as the doors of the local runtime hand them on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole.

    Attributes:
        path: as it was sent, still percent-encoded, without the query.
        query: what stood behind the question mark.
        headers: with names in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back; the door adds the length.

    Attributes:
        cookies: each a header ``set-cookie`` of its own.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


def as_json(status: int, value: Mapping[str, Any]) -> Response:
    """Give a response that holds JSON."""
    return Response(status, json.dumps(value).encode(), {"content-type": "application/json"})
