"""What every route has in common, put into the description that is made of the routes."""

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.adapters.api import REQUEST_ID, RETRY_AFTER
from cloud.functions.partner_api.examples import EXAMPLES
from cloud.functions.partner_api.limits import LIMIT, REMAINING, RESET
from cloud.functions.partner_api.versions import DEPRECATION, HEADER, SUNSET

Described = dict[str, Any]

KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A value of your own, new for each command.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]+$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The version of the thing that is meant, as ETag told it.",
    "schema": {"type": "string", "pattern": r'^"[0-9]{1,9}"$'},
}
TOKENS = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token of the client credentials flow.",
}
_COUNT: Mapping[str, Any] = {"type": "string", "pattern": "^[0-9]+$"}
HEADERS: Mapping[str, Mapping[str, Any]] = {
    REQUEST_ID: {"description": "The request's name.", "schema": {"type": "string"}},
    HEADER: {
        "description": "The version that this answer is in.",
        "schema": {"type": "string", "format": "date"},
    },
    DEPRECATION: {
        "description": "Since when it is known that this version ends; only where it does.",
        "schema": {"type": "string", "pattern": "^@[0-9]+$"},
    },
    SUNSET: {
        "description": "When this version ends; only where it does.",
        "schema": {"type": "string"},
    },
    LIMIT: {"description": "Requests that may come at once.", "schema": _COUNT},
    REMAINING: {"description": "Those that still may.", "schema": _COUNT},
    RESET: {"description": "Seconds until all of them may again.", "schema": _COUNT},
}
"""What an answer tells of the request, whatever it was."""
RETRY = {"description": "Seconds after which another one may come.", "schema": _COUNT}
GATEWAYS = {
    "description": "There is no token, or it does not hold any more; Apigw-Requestid names it",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["message"],
                "properties": {"message": {"type": "string"}},
            }
        }
    },
}
"""What the gateway answers by itself, before a request comes to us."""


def completed(described: Described, versions: Sequence[str]) -> Described:
    """Give the description with the token, and with what belongs to each route.

    Args:
        described: as it was made of the routes.
        versions: those that a call may ask for.
    """
    described.setdefault("components", {})["securitySchemes"] = {"Tokens": TOKENS}
    described["components"]["headers"] = {name: dict(one) for name, one in HEADERS.items()}
    described["security"] = [{"Tokens": []}]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            added = [KEY, IF_MATCH] if method == "post" else []
            asked = [*operation.get("parameters", []), *added, _version(versions)]
            operation["parameters"] = asked
            _show(operation, EXAMPLES.get(f"{method.upper()} {path}"))
            _head(operation["responses"])
    return described


def _version(versions: Sequence[str]) -> Described:
    return {
        "name": HEADER,
        "in": "header",
        "required": False,
        "description": "The version to be answered in; else it is that of your first call.",
        "schema": {"type": "string", "enum": list(versions)},
    }


def _show(operation: Described, example: Mapping[str, Any] | None) -> None:
    """Put an example beside the shape of the body."""
    if example is not None:
        for content in operation["requestBody"]["content"].values():
            content["example"] = dict(example)


def _head(responses: Described) -> None:
    """Put the headers on every answer of ours; the gateway's own has none of them."""
    responses["401"] = GATEWAYS
    for status, response in responses.items():
        if status == "401":
            continue
        named = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
        extra = {RETRY_AFTER: RETRY} if status in {"429", "503"} else {}
        response["headers"] = {**response.get("headers", {}), **named, **extra}
