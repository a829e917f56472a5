"""The HTTP door of the local runtime: the API, the token issuer's keys, DynamoDB's protocol."""

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cloud.kernel.errors import BadInput
from cloud.local.dynamodb.wire import answer_http
from cloud.local.lambdas import Failed
from cloud.local.runtime import Runtime
from cloud.local.web import Request, Response, as_json

LARGEST_BODY = 10 * 1024 * 1024
"""The payload limit of an HTTP API (API Gateway developer guide, quotas)."""


class Door:
    """Answers HTTP requests on loopback, each in a thread of its own."""

    def __init__(self, runtime: Runtime, *, port: int = 0) -> None:
        self._runtime = runtime
        handler = type("Handler", (_Handler,), {"door": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port that it answers on."""
        return int(self._server.server_address[1])

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
        if request.path == "/.well-known/jwks.json":
            return as_json(200, self._runtime.issuer.jwks())
        for route in self._runtime.stack.routes:
            if request.path.startswith(route.prefix) and request.path != route.prefix:
                return self._api(request, route.prefix, route.function, route.authorizer)
        return as_json(404, {"message": "Not Found"})

    def _api(
        self, request: Request, prefix: str, function: str, authorizer: str | None
    ) -> Response:
        claims: Mapping[str, Any] = {}
        if authorizer is not None:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            try:
                claims = self._runtime.issuer.claims(token)
            except BadInput as refused:
                return Response(
                    401,
                    b'{"message":"Unauthorized"}',
                    {
                        "content-type": "application/json",
                        "www-authenticate": 'Bearer error="invalid_token", error_description='
                        + json.dumps(str(refused)),
                    },
                )
        event = as_event(request, prefix, claims, self._runtime.clock.now())
        answer = self._runtime.call_http(function, event)
        if isinstance(answer, Failed) or not isinstance(answer, Mapping):
            return as_json(500, {"message": "Internal Server Error"})
        return from_answer(answer)


class _Handler(BaseHTTPRequestHandler):
    door: Door
    protocol_version = "HTTP/1.1"
    timeout = 30
    # Headers and body leave in one segment: apart, each answer would wait 40 ms for the client's
    # delayed acknowledgement.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = self.headers.get("content-length") or "0"
        refused = None
        if "transfer-encoding" in self.headers:  # read as no body, it would be the next request
            refused = as_json(411, {"message": "Length Required"})
        elif not (length.isascii() and length.isdigit()):
            refused = as_json(400, {"message": "Bad Request"})
        elif int(length) > LARGEST_BODY:
            refused = as_json(413, {"message": "Request Entity Too Large"})
        if refused is not None:
            self.close_connection = True
            self._send(refused)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.door.answer(Request(self.command, parts.path, parts.query, headers, body)))

    # The names are the base class's own: one for each HTTP method.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the functions write their own structured logs."""


def as_event(
    request: Request, prefix: str, claims: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Give the event that an HTTP API sends (API Gateway developer guide, payload format 2.0)."""
    is_text = _is_text(request.body)
    body = request.body.decode() if is_text else base64.b64encode(request.body).decode()
    route = f"ANY {prefix}{{proxy+}}"
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": dict(request.headers),
        "queryStringParameters": dict(parse_qsl(request.query, keep_blank_values=True)),
        "pathParameters": {"proxy": request.path.removeprefix(prefix)},
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
            "authorizer": {
                "jwt": {
                    "claims": {
                        name: f"[{' '.join(value)}]" if isinstance(value, list) else str(value)
                        for name, value in claims.items()
                    },
                    "scopes": None,
                }
            },
            "requestId": secrets.token_hex(8),
            "routeKey": route,
            "stage": "$default",
            "time": f"{now:%d/%b/%Y:%H:%M:%S +0000}",
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "body": body,
        "isBase64Encoded": not is_text,
    }


def from_answer(answer: Mapping[str, Any]) -> Response:
    """Give the response that a handler's answer stands for."""
    text = answer.get("body") or ""
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    headers = {name.lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
    headers.pop("content-length", None)
    return Response(int(answer.get("statusCode", 200)), body, headers)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
