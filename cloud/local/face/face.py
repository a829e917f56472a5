"""Answers everything below /_local: who may ask, which page it is, and what a browser may do."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from cloud.kernel.errors import BadInput, NotFound
from cloud.local.dynamodb.errors import EngineError
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.face.interface import Interface
from cloud.local.face.seen import MovesClock, Runs
from cloud.local.face.shown import STATIC, static
from cloud.local.face.views import Views
from cloud.local.queues import QueueError
from cloud.local.web import Request, Response

ROOT = "/_local"
OURS = "x-sunreeve"
"""The header by which the `sunreeve` command says that no browser sent its request."""

SECURITY: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    # Not no-referrer: with it a browser sends a form of ours with `Origin: null`, as a stranger.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""What every answer carries; an answer's own headers come before these."""

_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
"""Of a file whose address changes with its content."""


class Face:
    """The pages and the JSON that show a running stack.

    It trusts that the door lets in only requests to a host of loopback.
    """

    def __init__(
        self,
        runtime: Runs,
        controls: MovesClock | None = None,
        tokens: Callable[[str], str] | None = None,
    ) -> None:
        """Look at a runtime.

        Args:
            runtime: what is shown.
            controls: who moves the clock; None when nobody does, then nothing moves it from here.
            tokens: gives an access token for a name; raises `BadInput` for one it does not know.
        """
        self._views = Views(runtime, controls)
        self._interface = Interface(runtime, controls, tokens)

    def answer(self, request: Request) -> Response | None:
        """Answer one request; None when it is for somebody else."""
        if request.path != ROOT and not request.path.startswith(f"{ROOT}/"):
            return None
        asked = request
        if request.method == "HEAD":
            asked = Request("GET", request.path, request.query, request.headers, request.body)
        response = self._answer(asked)
        return Response(response.status, response.body, {**SECURITY, **response.headers})

    def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "POST"}:
            return Response(405, b"", {"allow": "GET, HEAD, POST"})
        segments = [unquote(part) for part in request.path.split("/")[2:]]
        is_for_program = segments[:1] == ["api"]
        if request.method == "POST" and not may_change(request):
            why = "this request did not come from a page of this stack: nothing was changed"
            return self._refused(403, why, is_for_program=is_for_program)
        try:
            if is_for_program:
                return self._interface.answer(request, *segments[1:])
            return self._page(request, *segments)
        except NotFound as missing:
            status, why = 404, str(missing)
        except (BadInput, QueueError, EngineError) as wrong:
            status, why = 400, str(wrong)
        except ServiceError as refused:
            status, why = refused.status, refused.message
        return self._refused(status, why, is_for_program=is_for_program)

    def _page(self, request: Request, *segments: str) -> Response:
        match (request.method, *segments):
            case ("GET",):
                return Response(308, b"", {"location": f"{ROOT}/"})
            case ("GET", name) if name in STATIC:
                kind = {"content-type": f"{STATIC[name]}; charset=utf-8"}
                return Response(200, static(name), {**kind, **_FOREVER})
            case _:
                return self._views.answer(request, *segments)

    def _refused(self, status: int, why: str, *, is_for_program: bool) -> Response:
        if is_for_program:
            body = json.dumps({"message": why}).encode()
            return Response(status, body, {"content-type": "application/json"})
        return self._views.refused(status, HTTPStatus(status).phrase, why)


def may_change(request: Request) -> bool:
    """Tell whether a request that changes something comes from a page of ours or from our command.

    A browser says which page sent a form, and no page can leave that out or set our header for
    another site; so a page elsewhere changes nothing here.
    """
    ours = f"http://{request.headers.get('host', '')}"
    origin = request.headers.get("origin")
    if origin is not None:
        return origin == ours
    referer = request.headers.get("referer")
    if referer is not None:
        try:
            parts = urlsplit(referer)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}" == ours
    return request.headers.get(OURS) == "1"
