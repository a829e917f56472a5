"""Tells who calls an API, from an access token that the user pool signed."""

import os
from typing import Any

from cloud.adapters.clock import CurrentClock
from cloud.adapters.tokens import Tokens

TOKENS = Tokens(os.environ["TOKEN_ISSUER"], CurrentClock())


class Unauthorized(Exception):
    """What API Gateway turns into a 401; with any other error it would answer 500."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API's authorizer request, payload format 2.0, simple response.

    Raises:
        Unauthorized: the token is not a good one; the caller is to get a new one.
    """
    caller = TOKENS.caller(event.get("headers", {}).get("authorization", ""))
    if caller is None:
        raise Unauthorized
    return {"isAuthorized": True, "context": dict(caller)}
