"""Asking the operations API of a running stack, as one of its people."""

import http.client
import json
from contextlib import closing
from pathlib import Path
from typing import Any

from cloud.cli.local import PATIENCE_S, RunningStack
from cloud.kernel.errors import BadInput, Unavailable


def ask(folder: Path, person: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Ask the stack that runs in a folder in a person's name; on AWS it is whoever signed in.

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
            found: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as silent:
        msg = f"asking the stack in {folder}: {silent}; it may have ended, ask again"
        raise Unavailable(msg) from silent
    if response.status >= 300:
        raise BadInput(_refusal(found))
    return found


def _refusal(problem: dict[str, Any]) -> str:
    """Give the API's reason, with each place of a request that it could not read."""
    places = [
        f"{one['pointer']}: {one['message']}"
        for one in problem.get("errors", ())
        if "pointer" in one
    ]
    return "; ".join(places) or str(problem.get("detail") or problem.get("message") or problem)
