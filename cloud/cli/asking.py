"""Asking the operations API: of a stack that runs on this machine, or of one on AWS."""

import argparse
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from cloud.cli.local import LOOK_AGAIN_S, PATIENCE_S, RunningStack
from cloud.cli.profile import Profile
from cloud.cli.screen import patience
from cloud.kernel.errors import BadInput, Unavailable

T = TypeVar("T")


class Refusal(BadInput):
    """The API said no.

    Attributes:
        problem: the whole of what it said, where that was JSON.
    """

    def __init__(self, says: str, problem: Mapping[str, Any]) -> None:
        super().__init__(says)
        self.problem = problem


class Door(Protocol):
    """A way to the API."""

    @property
    def name(self) -> str:
        """What people call the stack behind it."""

    def open(self) -> http.client.HTTPConnection:
        """Give a connection."""

    def token(self, person: str) -> str:
        """Give an access token; on AWS it is always the one of who signed in."""


class LocalDoor:
    """The stack that runs in a folder; it gives a token for each of its people."""

    def __init__(self, folder: Path) -> None:
        """Find the stack.

        Raises:
            Unavailable: none runs there.
        """
        self.name = f"in {folder}"
        self.stack = RunningStack(folder)

    def open(self) -> http.client.HTTPConnection:
        """Give a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=PATIENCE_S)

    def token(self, person: str) -> str:
        """Give a person's token; a stack's clock may be so fast that none is good for two calls."""
        return str(self.stack.ask("POST", "/token", {"name": person}).content["token"])


@dataclass(frozen=True, slots=True)
class ProfileDoor:
    """A stack on AWS, entered as who signed in."""

    profile: Profile

    @property
    def name(self) -> str:
        """What people call it."""
        return f"of profile {self.profile.name}"

    def open(self) -> http.client.HTTPConnection:
        """Give a connection.

        Raises:
            BadInput: the certificate that the profile names cannot be read.
        """
        to = urlsplit(self.profile.address)
        host = to.hostname or ""
        if to.scheme == "http":
            return http.client.HTTPConnection(host, to.port, timeout=PATIENCE_S)
        context = ssl.create_default_context()
        if self.profile.authority_file is not None:
            try:
                context.load_verify_locations(self.profile.authority_file)
            except (OSError, ssl.SSLError) as wrong:
                msg = f"reading {self.profile.authority_file}: {wrong}; name a PEM file"
                raise BadInput(msg) from wrong
        return http.client.HTTPSConnection(host, to.port, timeout=PATIENCE_S, context=context)

    def token(self, _person: str) -> str:
        """Give the token of who signed in."""
        return self.profile.token()


class OperationsApi:
    """The operations API, asked in the name of a person."""

    def __init__(self, door: Door) -> None:
        self._door = door

    @classmethod
    def of(cls, options: argparse.Namespace) -> "OperationsApi":
        """Give the API that a command's options mean: of a profile, else of a folder.

        Raises:
            Unavailable: no stack runs in the folder.
        """
        profile: Profile | None = getattr(options, "profile", None)
        return cls(LocalDoor(options.folder) if profile is None else ProfileDoor(profile))

    def ask(self, person: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Ask in a person's name; on AWS it is whoever signed in.

        Raises:
            Refusal: it refused; the reason is the API's own.
            Unavailable: nothing answers, or what it said is no answer of the API's.
        """
        text = self.ask_text(person, method, path, body)
        try:
            found = json.loads(text)
        except ValueError as unreadable:
            raise self._silent(unreadable) from unreadable
        if not isinstance(found, dict):
            raise self._silent(TypeError("it answered with no object"))
        return found

    def ask_text(self, person: str, method: str, path: str, body: Any = None) -> str:
        """Ask in the same way for an answer that is not only JSON, as reports are also CSV."""
        with patience(f"asking the stack {self._door.name}"):
            status, text = self._exchange(person, method, path, body)
        if status >= 500:
            raise self._silent(f"{status} {_refusal(text)[0]}")
        if status >= 300:
            says, problem = _refusal(text)
            if status == 401:
                says = f"{says}: the stack {self._door.name} takes no such token; sign in again"
            raise Refusal(says, problem)
        return text

    def _exchange(self, person: str, method: str, path: str, body: Any) -> tuple[int, str]:
        token = self._door.token(person)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        sent = None if body is None else json.dumps(body)
        try:
            with closing(self._door.open()) as connection:
                connection.request(method, path, sent, headers)
                response = connection.getresponse()
                return response.status, response.read().decode()
        except (OSError, OverflowError, http.client.HTTPException, ValueError) as silent:
            raise self._silent(silent) from silent

    def _silent(self, why: object) -> Unavailable:
        told = str(why).replace("\n", " ")
        return Unavailable(
            f"asking the stack {self._door.name}: {told}; it may have ended, ask again"
        )


def ask(
    options: argparse.Namespace, person: str, method: str, path: str, body: Any = None
) -> dict[str, Any]:
    """Ask the stack that a command's options mean; see `OperationsApi.ask`."""
    return OperationsApi.of(options).ask(person, method, path, body)


def wait_until(
    look: Callable[[], T], is_done: Callable[[T], bool], *, begun: T, patience_s: float
) -> T:
    """Look again until it is done or patience ends; give what was seen last, whichever it was."""
    seen, looked_s = begun, 0.0
    with patience("waiting for it to be done"):
        while not is_done(seen) and looked_s < patience_s:
            time.sleep(LOOK_AGAIN_S)
            looked_s += LOOK_AGAIN_S
            seen = look()
    return seen


def _refusal(text: str) -> tuple[str, Mapping[str, Any]]:
    """Give the API's reason, with each place of a request that it could not read."""
    try:
        problem = json.loads(text)
        places = [
            f"{one['pointer']}: {one['message']}"
            for one in problem.get("errors", ())
            if "pointer" in one
        ]
        says = "; ".join(places) or problem.get("detail") or problem.get("message") or problem
        return str(says), problem
    except (ValueError, AttributeError, KeyError, TypeError):
        return text.replace("\n", " "), {}
