"""A signing secret in an answer, shown once: it is put in behind what remembers answers.

What is remembered for a key that comes again lies in a table. So the route answers without the
secret, and it is put into the answer on its way out; the same command again gets none.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from cloud.kernel.secret import Secret

Answer = dict[str, Any]

_NEW: ContextVar[tuple[str, Secret] | None] = ContextVar("new_secret", default=None)


def show_once(endpoint_id: str, secret: Secret) -> None:
    """Let the answer to this request carry an endpoint's new secret."""
    _NEW.set((endpoint_id, secret))


def with_secret(answer: Callable[[], Answer]) -> Answer:
    """Give an answer, with the secret that its route made for just this endpoint."""
    _NEW.set(None)
    try:
        given = answer()
        made = _NEW.get()
    finally:
        _NEW.set(None)
    if made is None or given["statusCode"] != HTTPStatus.OK:
        return given
    body = json.loads(given["body"])
    endpoint_id, secret = made
    if body.get("id") != endpoint_id or body.get("secret", "") is not None:
        return given
    return {**given, "body": json.dumps({**body, "secret": secret.value})}
