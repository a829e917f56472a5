"""The versions of the partner API: what each changed, and how an earlier one is still answered.

A version is the day on which it came out. The routes speak the newest one only. A call in an
earlier version is met at the door: its body is brought up to date through every version since, and
the answer is taken back the same way. So a change that would break a program is written down here
once, as data, and no route knows of it.

What adds is no new version: routes, fields of answers, fields of bodies that may be left out,
values of a field that had others already. Programs pass over what they do not know.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.service.programs import last_day, version_of

HEADER = "Service-Version"
"""Header by which a call asks for a version, and an answer says which it is in."""
DEPRECATION, SUNSET = "Deprecation", "Sunset"
"""Headers of a version that ends: since when that is known (RFC 9745), and when (RFC 8594)."""

Json = Any
Event = dict[str, Any]
Answer = dict[str, Any]
Resolve = Callable[[Event, Any], Answer]


def unchanged(told: Json) -> Json:
    """Give what was told as it is."""
    return told


def same_place(pointer: str) -> str:
    """Give a place in a body as it is."""
    return pointer


@dataclass(frozen=True, slots=True)
class Alteration:
    """What a version changed of one route, for a program that only knows the version before.

    Attributes:
        route: method and path, a name in braces for each part that is an id.
        taken: brings a body of the version before up to this one; it meets anything that is JSON.
        given: takes this version's answer back to the one before; problems are not given to it.
        pointed: gives the place in a body of the version before of a fault found in this one's.
    """

    route: str
    taken: Callable[[Json], Json] = unchanged
    given: Callable[[Json], Json] = unchanged
    pointed: Callable[[str], str] = same_place

    def is_of(self, method: str, path: str) -> bool:
        """Tell whether it is about what a request calls."""
        pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(self.route))
        return re.fullmatch(pattern, f"{method} {path.rstrip('/')}") is not None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the API.

    Attributes:
        name: the day on which it came out.
        says: what it changed, for people.
        alterations: the same for programs of the version before.
        end_told_on: the day on which partners were told that it ends; None while it does not.
    """

    name: str
    says: str
    alterations: tuple[Alteration, ...] = ()
    end_told_on: date | None = None

    def __post_init__(self) -> None:
        try:
            is_day = date.fromisoformat(self.name).isoformat() == self.name
        except ValueError:
            is_day = False
        if not is_day:
            msg = f"version {self.name!r} is no day: write it as 2026-06-01"
            raise BadInput(msg)

    def has_ended(self, on: date) -> bool:
        """Tell whether it is over: it goes on for a year after its end was told (API-01)."""
        return self.end_told_on is not None and on > last_day(self.end_told_on)

    @property
    def headers(self) -> Mapping[str, str]:
        """What every answer in this version says of it."""
        if self.end_told_on is None:
            return {HEADER: self.name}
        since = datetime.combine(self.end_told_on, time(), UTC)
        until = datetime.combine(last_day(self.end_told_on), time(23, 59, 59), UTC)
        return {
            HEADER: self.name,
            DEPRECATION: f"@{int(since.timestamp())}",
            SUNSET: format_datetime(until, usegmt=True),
        }


class Versions:
    """All versions, and the way of a request and its answer through those after its own."""

    def __init__(self, newest_first: Sequence[Version]) -> None:
        """Make them.

        Raises:
            BrokenInvariant: there is none, they are out of order, the newest one ends, or the first
                one changes what nobody knew before it.
        """
        names = [one.name for one in newest_first]
        if not names or names != sorted(set(names), reverse=True):
            msg = f"versions {names}: name each once, the newest first"
            raise BrokenInvariant(msg)
        if newest_first[0].end_told_on is not None or newest_first[-1].alterations:
            msg = f"versions {names}: the newest does not end, and the first alters nothing"
            raise BrokenInvariant(msg)
        self.newest_first = tuple(newest_first)

    @property
    def newest(self) -> Version:
        """The one that the routes speak."""
        return self.newest_first[0]

    def open_on(self, on: date) -> tuple[str, ...]:
        """Give the names of those that have not ended."""
        return tuple(one.name for one in self.newest_first if not one.has_ended(on))

    def of_call(self, *, asked: str, own: str, on: date) -> Version:
        """Give the version that a call is answered in (API-03).

        Raises:
            BadInput: there is no such version, or it has ended; the message names those there are.
        """
        name = version_of(asked=asked, own=own, newest=self.newest.name, on=on)
        found = next((one for one in self.newest_first if one.name == name), None)
        there = f"ask for one of {', '.join(self.open_on(on))} with the header {HEADER}"
        if found is None:
            msg = f"there is no version {name!r}: {there}"
            raise BadInput(msg)
        if found.has_ended(on):
            msg = f"version {name} ended: {there}"
            raise BadInput(msg)
        return found

    def after(self, name: str, *, method: str, path: str) -> tuple[Alteration, ...]:
        """Give what versions after a named one altered of a route, the oldest first."""
        return tuple(
            one
            for version in reversed(self.newest_first)
            if version.name > name
            for one in version.alterations
            if one.is_of(method, path)
        )


class Translated:
    """Answers calls of earlier versions through the routes of the newest one."""

    def __init__(self, versions: Versions, resolve: Resolve) -> None:
        self._versions = versions
        self._resolve = resolve

    def answer(self, event: Event, context: Any) -> Answer:
        """Answer in the version that the request was found to be in (`speak`)."""
        version = _SPOKEN.get()
        altered = self._versions.after(
            version.name, method=event["requestContext"]["http"]["method"], path=event["rawPath"]
        )
        answer = self._resolve(_brought_up(event, altered) if altered else event, context)
        given = _taken_back(answer, altered) if altered else answer
        return {**given, "headers": {**given.get("headers", {}), **version.headers}}


_SPOKEN: ContextVar[Version] = ContextVar("version")


def speak(version: Version) -> None:
    """Let the request be answered in this version."""
    _SPOKEN.set(version)


def _brought_up(event: Event, altered: Sequence[Alteration]) -> Event:
    """Give the request with the body of the newest version; what is no JSON stays as it is."""
    body = event.get("body")
    if not body:
        return event
    try:
        told = json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except (ValueError, RecursionError):
        return event
    for one in altered:
        told = one.taken(told)
    return {**event, "body": json.dumps(told), "isBase64Encoded": False}


def _taken_back(answer: Answer, altered: Sequence[Alteration]) -> Answer:
    """Give the answer as the earlier version knew it; a problem keeps its words."""
    kinds = [v for name, v in answer.get("headers", {}).items() if name.lower() == "content-type"]
    if not answer.get("body") or not any("json" in kind for kind in kinds):
        return answer
    told = json.loads(answer["body"])
    is_done = answer["statusCode"] < HTTPStatus.BAD_REQUEST
    for one in reversed(altered):
        told = one.given(told) if is_done else _pointed(told, one)
    return {**answer, "body": json.dumps(told, ensure_ascii=False)}


def _pointed(told: Json, one: Alteration) -> Json:
    """Give a problem with the places of its faults as the program wrote them."""
    errors = [
        {**error, "pointer": one.pointed(error["pointer"])} if "pointer" in error else error
        for error in told.get("errors", ())
    ]
    return {**told, "errors": errors}


VERSIONS = Versions((Version("2026-06-01", "the first version"),))
"""The product's own, the newest first."""
