"""Asking the operations API of a running stack, as one of its people."""

import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from cloud.cli.local import LOOK_AGAIN_S, PATIENCE_S, RunningStack
from cloud.kernel.errors import BadInput, Unavailable

T = TypeVar("T")


def ask(folder: Path, person: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Ask the stack that runs in a folder in a person's name; on AWS it is whoever signed in.

    Raises:
        BadInput: it refused; the reason is the API's own.
        Unavailable: no stack runs there, or what it said is no answer of the API's.
    """
    text = ask_text(folder, person, method, path, body)
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as unreadable:
        raise _silent(folder, unreadable) from unreadable
    return found


def ask_text(folder: Path, person: str, method: str, path: str, body: Any = None) -> str:
    """Ask in the same way for an answer that is not only JSON, as reports are also CSV.

    Raises:
        BadInput: it refused; the reason is the API's own.
        Unavailable: no stack runs there.
    """
    stack = RunningStack(folder)
    token = stack.ask("POST", "/token", {"name": person}).content["token"]
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    try:
        with closing(
            http.client.HTTPConnection("127.0.0.1", stack.port, timeout=PATIENCE_S)
        ) as door:
            door.request(method, path, None if body is None else json.dumps(body), headers)
            response = door.getresponse()
            text = response.read().decode()
    except (OSError, http.client.HTTPException, ValueError) as silent:
        raise _silent(folder, silent) from silent
    if response.status >= 300:
        raise BadInput(_refusal(text))
    return text


def wait_until(
    look: Callable[[], T], is_done: Callable[[T], bool], *, begun: T, patience_s: float
) -> T:
    """Look again until it is done or patience ends; give what was seen last, whichever it was."""
    seen, looked_s = begun, 0.0
    while not is_done(seen) and looked_s < patience_s:
        time.sleep(LOOK_AGAIN_S)
        looked_s += LOOK_AGAIN_S
        seen = look()
    return seen


def _silent(folder: Path, why: Exception) -> Unavailable:
    return Unavailable(f"asking the stack in {folder}: {why}; it may have ended, ask again")


def _refusal(text: str) -> str:
    """Give the API's reason, with each place of a request that it could not read."""
    try:
        problem = json.loads(text)
        places = [
            f"{one['pointer']}: {one['message']}"
            for one in problem.get("errors", ())
            if "pointer" in one
        ]
        return "; ".join(places) or str(problem.get("detail") or problem.get("message") or problem)
    except (ValueError, AttributeError, KeyError, TypeError):
        return text
