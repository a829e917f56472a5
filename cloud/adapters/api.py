"""What both APIs share: who calls, what a *no* looks like, and doing a thing once."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from pydantic import BaseModel

from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound, Unavailable

logger = Logger(child=True)

PROBLEM = "application/problem+json"
MOST_ERRORS = 100
"""How many faults of one request are named; the answer must fit where it is remembered."""
RETRY_AFTER = "Retry-After"
"""On answers that may be another in a moment: they are not kept for their key."""

REQUEST_ID = "Request-Id"
"""Header with the name of the request, as API Gateway gave it."""
MOST_BYTES = 400_000
"""Longest body that is read: files come by upload, never in a request."""

REMEMBERED_S = 72 * 3600
"""How long an answer is kept for a key that comes again."""

Answer = dict[str, Any]
T = TypeVar("T")


class Problem(BaseModel):
    """What went wrong, as RFC 9457 lays it out."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = ""
    errors: list[dict[str, str]] = []


PROBLEMS: dict[int, Any] = {
    status: {"description": title, "content": {PROBLEM: {"model": Problem}}}
    for status, title in (
        (400, "The request cannot be read"),
        (401, "There is no token, or it does not hold any more"),
        (403, "The token does not allow it"),
        (404, "There is no such thing for you"),
        (409, "It stands otherwise by now"),
        (412, "It is another version by now"),
        (413, "The request is too long"),
        (415, "The body is of another type"),
        (422, "A rule says no"),
        (429, "Too many requests at once"),
        (500, "It failed here"),
        (503, "It cannot be answered now"),
    )
}
"""What any route may answer beside what it is for."""


def answers() -> dict[int, Any]:
    """Give what a route documents: its own answer, and every problem; a fresh one for each."""
    return {200: {"description": "Done"}, **deepcopy(PROBLEMS)}


def problem(
    status: int, title: str, detail: str, errors: Sequence[Mapping[str, str]] = ()
) -> Response[str]:
    """Give an RFC 9457 answer."""
    body = Problem(title=title, status=status, detail=detail, errors=[dict(e) for e in errors])
    return Response(status_code=status, content_type=PROBLEM, body=body.model_dump_json())


class No(Exception):
    """A business *no*, on its way to the caller.

    Attributes:
        refused: what the process said.
        codes: everything that stands against it, where it is more than one thing.
    """

    def __init__(self, refused: Refused, codes: Sequence[str] = ()) -> None:
        super().__init__(refused.because)
        self.refused = refused
        self.codes = codes


class Forbidden(Exception):
    """The token is good, but not for this."""


def allowed(answer: T | Refused) -> T:
    """Give a process's answer.

    Raises:
        No: it was a refusal.
    """
    if isinstance(answer, Refused):
        raise No(answer)
    return answer


def _refused(no: Refused, codes: Sequence[str] = ()) -> Response[str]:
    """Give a business *no*: 409 when the thing stands otherwise by now, else 422."""
    errors = [
        {"code": code, "message": no.because, "rule": no.rule} for code in codes or (no.code,)
    ]
    if no.code in {"conflict", "not_as_shown"}:
        return problem(409, "It stands otherwise by now", no.because, errors)
    return problem(422, "A rule says no", no.because, errors)


def resolver() -> APIGatewayHttpResolver:
    """Give a resolver that checks bodies and turns our errors into problems."""
    app = APIGatewayHttpResolver(enable_validation=True)

    @app.exception_handler(NotFound)
    def not_found(error: NotFound) -> Response[str]:
        return problem(404, "There is no such thing for you", str(error))

    @app.exception_handler(No)
    def no(error: No) -> Response[str]:
        return _refused(error.refused, error.codes)

    @app.exception_handler(Forbidden)
    def forbidden(error: Forbidden) -> Response[str]:
        return problem(403, "The token does not allow it", str(error))

    @app.exception_handler(BadInput)
    def bad_input(error: BadInput) -> Response[str]:
        return problem(400, "The request cannot be read", str(error))

    @app.exception_handler(Conflict)
    def conflict(error: Conflict) -> Response[str]:
        # Somebody was faster: the same call may go through at once, so its answer is not kept.
        answer = problem(409, "It stands otherwise by now", f"{error}")
        answer.headers[RETRY_AFTER] = "0"
        return answer

    @app.exception_handler(Unavailable)
    def unavailable(error: Unavailable) -> Response[str]:
        return _unavailable(error)

    @app.exception_handler(RequestValidationError)
    def invalid(error: RequestValidationError) -> Response[str]:
        errors = [
            {
                "pointer": "/" + "/".join(str(part) for part in found["loc"]),
                "code": str(found["type"]),
                "message": str(found["msg"]),
            }
            for found in error.errors()[:MOST_ERRORS]
        ]
        return problem(400, "The request cannot be read", "see errors, each with its place", errors)

    @app.exception_handler(RequestUnsupportedContentType)
    def other_type(_error: RequestUnsupportedContentType) -> Response[str]:
        return problem(415, "The body is of another type", "send the body as application/json")

    @app.exception_handler(ServiceError)
    def unfit(error: ServiceError) -> Response[str]:
        return problem(error.status_code, "The request cannot be read", str(error.msg))

    @app.not_found
    def no_route(_error: NotFoundError) -> Response[str]:
        return problem(404, "There is no such thing for you", "no route of this API has that path")

    return app


def _unavailable(error: Exception, detail: str = "nothing was done: try again") -> Response[str]:
    logger.warning("unavailable", because=str(error))
    answer = problem(503, "It cannot be answered now", f"{detail} in a moment, with the same key")
    answer.headers[RETRY_AFTER] = "1"
    return answer


def reported(
    answer: Callable[[Answer, Any], Answer], event: Answer, context: Any, *, log: Logger
) -> Answer:
    """Give the answer to a request, whatever happens: a fault of ours is a problem as well.

    Each answer names its request, and so does each line of the log meanwhile: `request_id`. A fault
    is logged once, with its trace; who called is told where it is found, and nothing of what it is.
    """
    log.thread_safe_clear_keys()  # what the request before it left
    log.thread_safe_append_keys(request_id=_id_of(event))
    try:
        given = answer(event, context)
    except Unavailable as failed:
        given = _plain(_unavailable(failed))
    except IdempotencyPersistenceLayerError as failed:
        given = _plain(_unavailable(failed, "we cannot tell whether it was done: send it again"))
    except Exception:  # the one place that reports: a request never ends without a problem
        log.exception("failed")
        detail = "the fault is ours: write to us and name the request; a command may be sent again"
        given = _plain(problem(500, "It failed here", f"{detail} with the same key"))
    named = given if REQUEST_ID in given.get("headers", {}) else _named(given, event)
    http = event.get("requestContext", {}).get("http", {})
    asked = {"method": http.get("method"), "path": event.get("rawPath")}
    log.info("answered", status=named["statusCode"], **asked)
    return named


def _id_of(event: Mapping[str, Any]) -> str:
    """Give the name of a request, as API Gateway gave it."""
    return str(event.get("requestContext", {}).get("requestId", ""))


def resolved(app: APIGatewayHttpResolver, event: Answer, context: Any) -> Answer:
    """Answer a request; a body that is no JSON text is a problem, and never reaches a route.

    A problem names the request it answers, so that it is found again in the log.
    """
    stopped = _stopped(event)
    answer: Answer = _plain(stopped) if stopped is not None else app.resolve(event, context)
    return _named(answer, event)


def stopped_by(event: Mapping[str, Any], stopped: Response[str]) -> Answer:
    """Give a problem as the whole answer to a request that no route is asked about."""
    return _named(_plain(stopped), event)


def forbidden(event: Mapping[str, Any], because: str) -> Answer:
    """Give the answer to a caller who may do nothing here."""
    return stopped_by(event, problem(403, "The token does not allow it", because))


def _named(answer: Answer, event: Mapping[str, Any]) -> Answer:
    """Give the answer with the request's id in its header, and in its body where it is a problem.

    An answer that is given again for its key keeps the id of the request that was answered first.
    """
    request_id = _id_of(event)
    headers = {**answer.get("headers", {}), REQUEST_ID: request_id}
    kinds = [value for name, value in headers.items() if name.lower() == "content-type"]
    if kinds != [PROBLEM]:
        return {**answer, "headers": headers}
    body = {**json.loads(answer["body"]), "instance": request_id}
    return {**answer, "headers": headers, "body": json.dumps(body)}


def _stopped(event: Mapping[str, Any]) -> Response[str] | None:
    """Give the problem of a body that no route is asked about, None for one that may be read."""
    body = event.get("body") or ""
    if len(body) > MOST_BYTES:
        return problem(413, "The request is too long", f"send at most {MOST_BYTES} bytes")
    if body and "json" not in event.get("headers", {}).get("content-type", "json").lower():
        return problem(415, "The body is of another type", "send the body as application/json")
    unreadable = _unreadable(event)
    return problem(400, "The request cannot be read", unreadable) if unreadable else None


def _unreadable(event: Mapping[str, Any]) -> str:
    """Say why a body cannot be read; what is JSON of another shape is told by its route."""
    body = event.get("body")
    if not body:
        return ""
    try:
        json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except UnicodeDecodeError:
        return "the body is not UTF-8 text"
    except RecursionError:
        return "the body is nested too deep"
    except json.JSONDecodeError as wrong:
        return f"the body is not JSON: {wrong}"
    return ""


def claims_of(event: Mapping[str, Any]) -> Mapping[str, str]:
    """Give the claims of the token, as `cloud.functions.authorize` checked them."""
    claims: Mapping[str, str] = (
        event.get("requestContext", {}).get("authorizer", {}).get("lambda") or {}
    )
    return claims


def groups_of(claims: Mapping[str, str]) -> frozenset[str]:
    """Give the roles of a person."""
    return frozenset(claims.get("groups", "").split())


class Once:
    """Answers a call that comes again with the same key as it was answered the first time.

    Scope: caller, method, path and key. The same key with another body is refused, and so is one
    whose first call is still being answered. A server error is not kept. The processes behind are
    safe to repeat by themselves; this makes the *answers* repeatable too.

    Of a body a plain digest is kept, so that what must not be guessed has no place in what is
    remembered of it.
    """

    def __init__(
        self,
        table: str,
        resolve: Callable[[Answer, Any], Answer],
        *,
        remembered: Callable[[Mapping[str, Any]], str] = lambda event: event.get("body") or "",
    ) -> None:
        """Make it over a table; `remembered` gives what of a request's body counts."""
        self._resolve = resolve
        self._remembered = remembered
        layer = DynamoDBPersistenceLayer(table_name=table)
        config = IdempotencyConfig(
            event_key_jmespath="[caller, method, path, key]",
            payload_validation_jmespath="body",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=REMEMBERED_S,
            hash_function="sha256",
            response_hook=_replayed,  # type: ignore[arg-type] # its protocol names differ
        )

        @idempotent_function(
            data_keyword_argument="call", persistence_store=layer, config=config, key_prefix="api"
        )
        def once(*, call: Answer, event: Answer, context: Any) -> Answer:  # noqa: ARG001 - the key
            answer = self._resolve(event, context)
            if answer["statusCode"] >= 500 or RETRY_AFTER in answer.get("headers", {}):
                raise _ServerError(answer)
            return answer

        self._once = once
        self._config = config

    def answer(self, event: Answer, context: Any, *, caller: str) -> Answer:
        """Answer a request; one that changes something must carry an Idempotency-Key."""
        http = event["requestContext"]["http"]
        if http["method"] in {"GET", "HEAD", "OPTIONS"}:
            return self._resolve(event, context)
        key = event.get("headers", {}).get("idempotency-key", "").strip()
        if not 0 < len(key) <= 255:
            detail = "send a header Idempotency-Key with a value of your own, new for each command"
            return _plain(problem(400, "The request cannot be read", detail))
        self._config.register_lambda_context(context)
        call = {
            "caller": caller,
            "method": http["method"],
            "path": event["rawPath"],
            "key": key,
            "body": self._remembered(event),
        }
        try:
            answer: Answer = self._once(call=call, event=event, context=context)
        except IdempotencyValidationError:
            detail = f"the key {key!r} was used with another body: use a new key"
            return _plain(problem(422, "A rule says no", detail))
        except IdempotencyAlreadyInProgressError:
            detail = f"a call with the key {key!r} is being answered: try again in a moment"
            return _plain(problem(409, "It stands otherwise by now", detail))
        except _ServerError as failed:
            return failed.answer
        return answer


class _ServerError(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer["statusCode"])
        self.answer = answer


def _replayed(answer: Any, _record: Any) -> Any:
    headers = {**answer.get("headers", {}), "Idempotent-Replayed": "true"}
    return {**answer, "headers": headers}


def _plain(response: Response[str]) -> Answer:
    others = {k: v for k, v in response.headers.items() if k.lower() != "content-type"}
    return {
        "statusCode": response.status_code,
        "headers": {"content-type": PROBLEM, **others},
        "body": response.body,
        "isBase64Encoded": False,
        "cookies": [],
    }
