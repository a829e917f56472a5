"""The page where people sign in to a stack of this machine; on AWS the user pool has it.

It asks for no password: who can reach this machine's loopback is whoever they say. Codes are those
of the authorization code flow with a proof key (RFC 6749, section 4.1; RFC 7636): for one use, one
client and one address, for five minutes.
"""

import hmac
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

from cloud.adapters.sign_in import challenge
from cloud.kernel.clock import Clock
from cloud.local.people import Person
from cloud.local.web import Request, Response, as_json

AUTHORIZE_PATH = "/oauth2/authorize"
LOGOUT_PATH = "/logout"
CODE_KEPT = timedelta(minutes=5)
MOST_CODES = 1000

_STYLE = """
:root{color-scheme:light dark}
body{margin:0;font:1rem/1.5 ui-sans-serif,system-ui,sans-serif;background:Canvas;color:CanvasText}
main{max-width:34rem;margin:0 auto;padding:2.5rem 1rem}
h1{font-size:1.5rem;margin:0 0 .5rem}
h2{font-size:1rem;margin:1.75rem 0 .5rem}
ul{list-style:none;margin:0;padding:0;display:grid;gap:.5rem}
button{width:100%;min-height:3rem;padding:.5rem 1rem;font:inherit;border-radius:.625rem;
border:1px solid GrayText;background:Canvas;color:CanvasText;cursor:pointer;display:flex;gap:1rem;
justify-content:space-between;flex-wrap:wrap;text-align:left}
button:hover{background:Highlight;color:HighlightText}
:focus-visible{outline:3px solid LinkText;outline-offset:2px}
"""


@dataclass(frozen=True, slots=True)
class _Code:
    username: str
    client_id: str
    back_to: str
    challenge: str
    until: datetime


class SignInPages:
    """Shows who may sign in, and gives the codes that stand for them."""

    def __init__(self, people: Sequence[Person], address: str, clock: Clock) -> None:
        self._people = people
        self._address = address
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response | None:
        """Answer for the pool's pages; None: the path is none of them."""
        if request.path == LOGOUT_PATH:
            asked = parse_qs(request.query)
            to = asked.get("logout_uri", [""])[0]
            return Response(302, b"", {"location": to}) if self._is_ours(to) else _wrong()
        if request.path != AUTHORIZE_PATH:
            return None
        asked = parse_qs(request.query)
        client_id, to, proof, method, state = (
            asked.get(name, [""])[0]
            for name in (
                "client_id", "redirect_uri", "code_challenge", "code_challenge_method", "state",
            )
        )  # fmt: skip
        if not client_id or not self._is_ours(to) or not proof or method != "S256":
            return _wrong()
        if request.method == "GET":
            return self._page(request.query)
        username = parse_qs(request.body.decode("latin-1")).get("username", [""])[0]
        if request.method != "POST" or username not in {one.username for one in self._people}:
            return _wrong()
        code = self._given(username, client_id=client_id, back_to=to, proof=proof)
        return Response(302, b"", {"location": f"{to}?{urlencode({'code': code, 'state': state})}"})

    def redeem(self, code: str, *, client_id: str, back_to: str, verifier: str) -> str:
        """Give whom a code stands for, once; empty where it does not hold."""
        with self._lock:
            found = self._codes.pop(code, None)
        if found is None or found.until <= self._clock.now():
            return ""
        meant = (found.client_id, found.back_to) == (client_id, back_to)
        is_proven = hmac.compare_digest(challenge(verifier).encode(), found.challenge.encode())
        return found.username if meant and is_proven else ""

    def _given(self, username: str, *, client_id: str, back_to: str, proof: str) -> str:
        code = secrets.token_urlsafe(24)
        with self._lock:
            if len(self._codes) >= MOST_CODES:
                self._codes.clear()
            until = self._clock.now() + CODE_KEPT
            self._codes[code] = _Code(username, client_id, back_to, proof, until)
        return code

    def _is_ours(self, to: str) -> bool:
        """Tell whether an address is on this machine's own port, under either of its names."""
        port = urlsplit(self._address).port
        try:
            asked = urlsplit(to)
            there = asked.scheme, asked.hostname, asked.port
        except ValueError:
            return False
        return there in {("http", name, port) for name in ("127.0.0.1", "localhost")}

    def _page(self, query: str) -> Response:
        partners = [one for one in self._people if one.partner_id]
        owners = [one for one in self._people if not one.partner_id]
        body = "".join(
            f"<h2>{title}</h2><ul>{''.join(_line(one) for one in found)}</ul>"
            for title, found in (("Partners' people", partners), ("The owner's people", owners))
            if found
        )
        text = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>Sign in to this machine's stack</title><style>{_STYLE}</style></head><body>"
            "<main><h1>Who are you?</h1><p>This is the stack on your own machine: it stands where "
            "the user pool stands on AWS, and asks for no password.</p>"
            f'<form method="post" action="{AUTHORIZE_PATH}?{escape(query, quote=True)}">{body}'
            "</form></main></body></html>"
        )
        headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
        return Response(200, text.encode(), headers)


def _line(person: Person) -> str:
    what = person.partner_id or ", ".join(sorted(person.roles)).replace("_", " ")
    return (
        f'<li><button name="username" value="{escape(person.username, quote=True)}">'
        f"<b>{escape(person.name)}</b><span>{escape(what)}</span></button></li>"
    )


def _wrong() -> Response:
    return as_json(400, {"error": "invalid_request"})
