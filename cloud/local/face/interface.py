"""The face as JSON, below /_local/api: for scripts, and for the `sunreeve` command."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cloud.kernel.errors import BadInput, NotFound
from cloud.local.face import deeds, logs
from cloud.local.face.figures import clock, figures
from cloud.local.face.query import Query
from cloud.local.face.seen import MovesClock, Runs
from cloud.local.web import Request, Response

CURSOR = "x-sunreeve-cursor"
"""The header that says from where a reader of the log goes on."""
TAIL = 200
"""How many lines of the log are given where no cursor says where to begin."""
MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Interface:
    """Answers the requests of programs."""

    runtime: Runs
    controls: MovesClock | None
    tokens: Callable[[str], str] | None

    def answer(self, request: Request, *segments: str) -> Response:
        """Answer one request.

        Raises:
            BadInput: something in it cannot be used, or nothing of that kind is there.
        """
        match (request.method, *segments):
            case ("GET", "state"):
                return _json(figures(self.runtime, self.controls))
            case ("GET", "logs"):
                return self._logs(request)
            case ("GET", "clock"):
                pass
            case ("POST", "clock", "jump"):
                deeds.jump(self.controls, _body(request))
            case ("POST", "clock", "speed"):
                deeds.set_speed(self.controls, _body(request))
            case ("POST", "clock", "pause"):
                deeds.pause(self.controls)
            case ("POST", "clock", "resume"):
                deeds.resume(self.controls)
            case ("POST", "queues", name, "redrive"):
                return _json(deeds.redrive(self.runtime, name))
            case ("POST", "token"):
                return self._token(_body(request))
            case _:
                msg = f"there is no {request.method} {request.path}: GET /_local/api/state is there"
                raise NotFound(msg)
        return _json(clock(self.runtime, self.controls))

    def _logs(self, request: Request) -> Response:
        query = Query(request.query)
        path = self.runtime.folder / "functions.jsonl"
        wanted = wanted_lines(query)
        if query.get("after"):
            read = logs.after(path, wanted, query.number("after"))
        else:
            limit = query.number("limit", default=TAIL)
            read = logs.tail(path, wanted, limit=min(limit, MOST_LINES))
        body = "".join(json.dumps(logs.as_object(line)) + "\n" for line in read.lines)
        headers = {"content-type": "application/x-ndjson", CURSOR: str(read.cursor)}
        return Response(200, body.encode(), headers)

    def _token(self, given: Mapping[str, Any]) -> Response:
        name = given.get("name")
        if not isinstance(name, str) or not name:
            msg = 'making a token: say whose, as {"name": "client-alder"}'
            raise BadInput(msg)
        if self.tokens is None:
            msg = "making a token: this stack knows no clients and no people"
            raise BadInput(msg)
        return _json({"name": name, "token": self.tokens(name)})


def wanted_lines(query: Query) -> logs.Wanted:
    """Read which lines of the log are wanted.

    Raises:
        BadInput: the level is none.
    """
    level = query.get("level").upper()
    if level and level not in logs.LEVELS:
        msg = f"reading the log: there is no such level; there are {', '.join(logs.LEVELS)}"
        raise BadInput(msg)
    return logs.Wanted(query.get("function"), level, query.get("text"))


def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        msg = f"POST {request.path}: the body must be a JSON object"
        raise BadInput(msg)
    return body


def _json(value: Any) -> Response:
    return Response(200, msgspec.json.encode(value), {"content-type": "application/json"})
