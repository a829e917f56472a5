"""The HTTP door of the local runtime: API, pages, tokens, documents, DynamoDB."""

import base64
import logging
import secrets
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from cloud.local.dynamodb.wire import answer_http
from cloud.local.lambdas import Failed
from cloud.local.runtime import Runtime
from cloud.local.template import ACCOUNT, REGION, Authorizer, Route
from cloud.local.web import Request, Response, as_json

log = logging.getLogger(__name__)

LARGEST_BODY = 10 * 1024 * 1024
"""The payload limit of an HTTP API (API Gateway developer guide, quotas)."""
LONGEST_LENGTH = 12
"""Digits of a Content-Length that is looked at."""
MOST_CALLERS = 1000
"""How many tokens are remembered before all are forgotten and asked for again."""


class Answers(Protocol):
    """Whoever answers for some of the paths."""

    def answer(self, request: Request) -> Response | None:
        """Answer, or give None for a path that is nothing of its own."""
        ...


class Door:
    """Answers HTTP requests on the runtime's loopback port, each in a thread of its own."""

    def __init__(self, runtime: Runtime, *, face: Answers | None = None) -> None:
        """Take the runtime's port over; nothing is answered before `start`.

        Args:
            runtime: what is behind the door.
            face: answers for the pages below `/_local`.
        """
        self._runtime = runtime
        self._face = face
        self._callers = _Callers()
        handler = type("Handler", (_Handler,), {"door": self})
        self._server = _Server(runtime.http_socket, handler)
        self._thread = Thread(target=self._server.serve_forever, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port that it answers on."""
        return self._runtime.http_port

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering; a door that never began to is shut as well."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def answer(self, request: Request) -> Response:
        """Answer one request.

        A page of another site that made a browser call here names its own host: it is refused.
        """
        host = request.headers.get("host", "").rpartition(":")[0]
        if host not in {"127.0.0.1", "localhost"}:
            return as_json(421, {"message": "Misdirected Request"})
        if "x-amz-target" in request.headers:
            status, headers, body = answer_http(
                self._runtime.engine, request.headers["x-amz-target"], request.body
            )
            return Response(status, body, headers)
        for route in self._runtime.stack.routes:
            if route.takes(request.path):
                return self._api(request, route)
        for answers in (self._face, self._runtime.issuer, self._runtime.buckets):
            found = answers.answer(request) if answers is not None else None
            if found is not None:
                return found
        if request.path == "/" and self._face is not None:
            return Response(302, b"", {"location": "/_local/"})
        return as_json(404, {"message": "Not Found"})

    def _api(self, request: Request, route: Route) -> Response:
        """Answer as an HTTP API does, which names each request in a header of its own."""
        event = as_event(request, route, self._runtime.clock.now())
        answer = self._integrated(request, route, event)
        name = {"apigw-requestid": event["requestContext"]["requestId"]}
        return replace(answer, headers={**answer.headers, **name})

    def _integrated(self, request: Request, route: Route, event: dict[str, Any]) -> Response:
        if route.authorizer is not None:
            caller = self._caller(request, route, route.authorizer, event)
            if isinstance(caller, Response):
                return caller
            event["requestContext"]["authorizer"] = {"lambda": caller}
        answer = self._runtime.invoke(route.function, event)
        if isinstance(answer, Failed) or not isinstance(answer, Mapping):
            return as_json(500, {"message": "Internal Server Error"})
        return from_answer(answer)

    def _caller(
        self, request: Request, route: Route, authorizer: Authorizer, event: Mapping[str, Any]
    ) -> Mapping[str, Any] | Response:
        """Ask the authorizer who calls, or remember what it said of the same token.

        API Gateway developer guide, "Control access to HTTP APIs with AWS Lambda authorizers":
        without the header nothing is asked, an error that says Unauthorized is a 401, any other a
        500, and `isAuthorized: false` a 403.
        """
        token = request.headers.get("authorization", "")
        if not token:
            return as_json(401, {"message": "Unauthorized"})
        now = self._runtime.clock.now()
        known = self._callers.of(authorizer.function, token, now)
        if known is not None:
            return known
        asked = {
            **{k: v for k, v in event.items() if k not in {"body", "isBase64Encoded"}},
            "type": "REQUEST",
            "routeArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:local/$default/ANY{route.prefix}*",
            "identitySource": [token],
        }
        answer = self._runtime.functions.invoke(authorizer.function, asked)
        if isinstance(answer, Failed):
            if answer.message == "Unauthorized":
                return as_json(401, {"message": "Unauthorized"})
            return as_json(500, {"message": "Internal Server Error"})
        if not isinstance(answer, Mapping) or answer.get("isAuthorized") is not True:
            return as_json(403, {"message": "Forbidden"})
        caller: Mapping[str, Any] = answer.get("context") or {}
        until = now + timedelta(seconds=authorizer.kept_s)
        self._callers.remember(authorizer.function, token, caller, until)
        return caller


class _Callers:
    """What authorizers said of tokens, for as long as the template lets it be kept."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[datetime, Mapping[str, Any]]] = {}
        self._lock = Lock()

    def of(self, function: str, token: str, now: datetime) -> Mapping[str, Any] | None:
        with self._lock:
            until, caller = self._known.get((function, token), (now, {}))
        return caller if until > now else None

    def remember(
        self, function: str, token: str, caller: Mapping[str, Any], until: datetime
    ) -> None:
        with self._lock:
            if len(self._known) >= MOST_CALLERS:
                self._known.clear()
            self._known[function, token] = (until, caller)


class _Server(ThreadingHTTPServer):
    """A server on a socket that listens already."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(listening.getsockname(), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening


class _Handler(BaseHTTPRequestHandler):
    door: Door
    protocol_version = "HTTP/1.1"
    timeout = 30
    # Headers and body leave in one segment: apart, each answer would wait 40 ms for the client's
    # delayed acknowledgement.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        length = self.headers.get("content-length") or "0"
        refused = None
        try:
            parts = urlsplit(self.path)
        except ValueError:
            parts = urlsplit("/")
            refused = as_json(400, {"message": "Bad Request"})
        if "transfer-encoding" in self.headers:  # read as no body, it would be the next request
            refused = as_json(411, {"message": "Length Required"})
        elif not (length.isascii() and length.isdigit()):
            refused = as_json(400, {"message": "Bad Request"})
        elif len(length) > LONGEST_LENGTH or int(length) > LARGEST_BODY:
            refused = as_json(413, {"message": "Request Entity Too Large"})
        if refused is not None:
            self.close_connection = True
            self._send(refused)
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # it broke off: half a document must not replace a whole one
            self.close_connection = True
            self._send(as_json(400, {"message": "Bad Request"}))
            return
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known},{value}"
        request = Request(self.command, parts.path, parts.query, headers, body)
        try:
            response = self.door.answer(request)
        except Exception:  # the one place that reports: a request never ends without an answer
            log.exception("%s %s failed", request.method, request.path)
            response = as_json(500, {"message": "Internal Server Error"})
        self._send(response)

    # The names are the base class's own: one for each HTTP method.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        for cookie in response.cookies:
            self.send_header("set-cookie", cookie)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the functions write their own structured logs."""


def as_event(request: Request, route: Route, now: datetime) -> dict[str, Any]:
    """Give the event that an HTTP API sends (API Gateway developer guide, payload format 2.0)."""
    is_text = _is_text(request.body)
    body = request.body.decode() if is_text else base64.b64encode(request.body).decode()
    # Payload 2.0: what comes several times stands once, with commas; what is empty is not there.
    query: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    proxy = {} if route.is_exact else {"proxy": request.path.removeprefix(route.prefix)}
    # A browser sends one header of cookies with semicolons; the event has a list, and no header.
    sent = request.headers.get("cookie", "")
    cookies = [one.strip() for one in sent.split(";") if one.strip()]
    there = {"queryStringParameters": query, "pathParameters": proxy, "body": body}
    key = f"ANY {route.path}"
    return {
        "version": "2.0",
        "routeKey": key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": {name: value for name, value in request.headers.items() if name != "cookie"},
        **({"cookies": cookies} if cookies else {}),
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "127.0.0.1",
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": secrets.token_hex(8),
            "routeKey": key,
            "stage": "$default",
            "time": f"{now:%d/%b/%Y:%H:%M:%S +0000}",
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": not is_text,
        **{name: value for name, value in there.items() if value},
    }


def from_answer(answer: Mapping[str, Any]) -> Response:
    """Give the response that a handler's answer stands for."""
    text = answer.get("body") or ""
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    headers = {name.lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
    headers.pop("content-length", None)
    cookies = tuple(str(one) for one in answer.get("cookies") or ())
    return Response(int(answer.get("statusCode", 200)), body, headers, cookies)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
