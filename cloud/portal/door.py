"""The door of a set of pages: who is signed in, what they may ask for, and what goes back.

Nothing that a person sends decides who they are: the session's cookie does, and behind it the user
pool's token. What changes something is a POST with the form's own token and comes from a page of
this door (OWASP, Cross-Site Request Forgery Prevention).
"""

import base64
import gzip
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from aws_lambda_powertools import Logger

from cloud.adapters.sessions import Sessions
from cloud.adapters.sign_in import SignIn
from cloud.kernel.clock import Clock
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound, Unavailable
from cloud.portal import reading
from cloud.portal.asking import (
    NOTHING,
    Absent,
    Answer,
    Ask,
    Away,
    File,
    Form,
    Go,
    House,
    NotAllowed,
    Page,
    Part,
    Visitor,
)
from cloud.portal.routes import Map, View
from cloud.portal.sheets import ASSETS, ICON, SCRIPT, STYLE, sheet

logger = Logger(child=True)

SESSION = timedelta(hours=8)
"""How long a session is good for: a working day, whatever happens in it."""
SIGNING_IN = timedelta(minutes=15)
"""How long the way to the pool and back may take."""
MOST_ENCODED = 5_900_000
"""Characters of a form in base64: Lambda takes 6 MB of an event. Larger files go to the store."""
WORTH_PACKING = 900
"""Bytes from which on an answer is packed."""
LONGEST_ID = 200
_BACK = re.compile(r"/[A-Za-z0-9_.~%/-]*(\?[A-Za-z0-9_.~%=&+:-]*)?", re.ASCII)

Raw = dict[str, Any]
VisitorOf = Callable[[Mapping[str, str]], Visitor | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu; it is shown to who may ask for its path."""

    title: str
    path: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A session that holds."""

    secret: str
    visitor: Visitor


class Door:
    """Answers requests for the pages below one path."""

    def __init__(
        self,
        prefix: str,
        *,
        name: str,
        views: Map,
        menu: Sequence[Entry],
        house: House,
        visitor_of: VisitorOf,
        sessions: Sessions,
        sign_in: SignIn,
        clock: Clock,
        chance: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        """Open it.

        Args:
            prefix: the path below which its pages lie, ``/portal``.
            name: stands in each page's head.
            views: its pages.
            menu: what the side of each page leads to.
            house: what pages read and change.
            visitor_of: gives the person whom a token's claims name, None for one who has no
                business here. It is asked at each request, so who was let go is out at once.
            sessions: who is signed in.
            sign_in: where people sign in.
            clock: tells when sessions end.
            chance: gives a new secret text, another each time.
        """
        self._prefix = prefix
        self._name = name
        self._views = views
        self._menu = menu
        self._house = house
        self._visitor_of = visitor_of
        self._sessions = sessions
        self._sign_in = sign_in
        self._clock = clock
        self._chance = chance
        mark = prefix.strip("/")
        # The prefix keeps cookies to this host and to TLS (RFC 6265bis, section 4.1.3).
        self._session_cookie = f"__Host-{mark}"
        self._way_cookie = f"__Host-{mark}-way"
        self._said_cookie = f"__Host-{mark}-said"

    # ---- the whole of it --------------------------------------------------------------------
    def answer(self, event: Mapping[str, Any]) -> Raw:
        """Answer one request, as an HTTP API sends it; there is an answer whatever happens."""
        asked = _Asked(event)
        try:
            made = self._answered(asked)
        except Exception:  # the one place that reports: a person is never left without a page
            logger.exception("a page failed", path=asked.path, request_id=asked.request_id)
            because = "Something here is broken. It is noted and somebody will look at it."
            made = self._problem(asked, None, 500, "That did not work", because)
        return _packed(made, asked.headers.get("accept-encoding", ""))

    def _answered(self, asked: "_Asked") -> Raw:
        own = asked.path.removeprefix(self._prefix)
        asset = ASSETS.get(own.removeprefix("/"))
        if asset is not None:
            return _raw(
                200,
                asset.content,
                {
                    "content-type": asset.content_type,
                    "cache-control": "public, max-age=31536000, immutable",
                    "x-content-type-options": "nosniff",
                },
            )
        match asked.method, own:
            case "GET", "/sign_in":
                return self._to_the_pool(asked)
            case "GET", "/signed_in":
                return self._from_the_pool(asked)
            case "GET", "/goodbye":
                return self._problem(
                    asked, None, 200, "You are signed out", "Close the window, or sign in again."
                )
        try:
            signed = self._signed(asked)
        except Unavailable as out:
            return self._waits(asked, None, out)
        if signed is None:
            return self._stranger(asked)
        if (asked.method, own) == ("POST", "/sign_out"):
            return self._out(asked, signed)
        return self._inside(asked, signed)

    def _inside(self, asked: "_Asked", signed: Signed) -> Raw:
        try:
            return self._viewed(asked, signed)
        except (Absent, NotFound) as gone:
            because = str(gone) or "There is no such page, or it is not yours."
            return self._problem(asked, signed, 404, "There is no such thing here", because)
        except NotAllowed as lacking:
            return self._problem(asked, signed, 403, "This is not yours to see", str(lacking))
        except BadInput as wrong:
            return self._problem(asked, signed, 400, "That could not be read", str(wrong))
        except Conflict:
            because = "Somebody changed it at the same moment, and nothing was done. Look again."
            return self._problem(asked, signed, 409, "Somebody was faster", because)
        except Unavailable as out:
            return self._waits(asked, signed, out)

    def _waits(self, asked: "_Asked", signed: Signed | None, out: Unavailable) -> Raw:
        logger.warning("a page waits for something outside", because=str(out))
        because = "Nothing was done. Try again in a moment."
        return self._problem(asked, signed, 503, "It cannot be answered now", because)

    def _viewed(self, asked: "_Asked", signed: Signed) -> Raw:
        found = self._views.find(asked.method, asked.path)
        if found is None:
            if asked.method not in {"GET", "POST"} or self._views.knows(asked.path):
                because = "This page is not asked for in that way. Go back and use its buttons."
                return self._problem(asked, signed, 405, "That does not go", because)
            raise Absent
        if not found.route.is_for(signed.visitor.roles):
            roles = " or ".join(sorted(one.replace("_", " ") for one in found.route.roles))
            msg = f"It is for people with the role {roles}; ask an administrator for it."
            raise NotAllowed(msg)
        if any(len(one) > LONGEST_ID for one in found.names.values()):
            raise Absent
        form = NOTHING
        if asked.method == "POST":
            if len(asked.event.get("body") or "") > MOST_ENCODED:
                msg = "reading a form: it is longer than 4 MB; send larger files by themselves"
                raise BadInput(msg)
            form = reading.form_of(asked.event)
            self._require_own(asked, signed, form)
        ask = Ask(
            method=asked.method,
            path=asked.path,
            names=found.names,
            query=reading.query_of(asked.event),
            form=form,
            visitor=signed.visitor,
            house=self._house,
            at=self._clock.now(),
            request_id=asked.request_id,
        )
        logger.info(
            "page", route=found.route.path, method=asked.method, username=signed.visitor.username
        )
        return self._sent(asked, signed, _viewed_again(found.route.view, ask))

    # ---- forms ------------------------------------------------------------------------------
    def _require_own(self, asked: "_Asked", signed: Signed, form: Form) -> None:
        """Let only forms of our own pages through.

        Raises:
            BadInput: it is another site's, or a page's that was opened in an earlier session.
        """
        site = asked.headers.get("sec-fetch-site", "same-origin")
        origin = asked.headers.get("origin", "")
        is_other = site not in {"same-origin", "none"} or (
            origin not in {"", "null"} and origin.partition("://")[2] != asked.host
        )
        nonce, _, proof = form["form_token"].partition(".")
        ours = _proof(signed.secret, nonce)
        if is_other or not hmac.compare_digest(ours.encode(), proof.encode()):
            msg = "reading a form: its page is too old; go back, load it again and send it again"
            raise BadInput(msg)

    def _token(self, signed: Signed) -> str:
        """Give a form's token: another each time, so that a packed page tells nothing of it."""
        nonce = self._chance()[:16]
        return f"{nonce}.{_proof(signed.secret, nonce)}"

    # ---- what goes back ---------------------------------------------------------------------
    def _sent(self, asked: "_Asked", signed: Signed, answer: Answer) -> Raw:
        match answer:
            case Page():
                return self._page(asked, signed, answer)
            case Part(template, shows):
                # A form inside a piece of a page needs its token as much as the page does.
                text = sheet(
                    template, {**self._everywhere(), **shows, "form_token": self._token(signed)}
                )
                return _raw(200, text.encode(), self._headers("text/html; charset=utf-8"))
            case Go(to, said, refused):
                return self._redirected(303, to, self._to_say(said, refused))
            case Away(to):
                return self._redirected(303, to)
            case File(name, content_type, content):
                plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
                headers = self._headers(content_type) | {
                    "content-disposition": f'attachment; filename="{plain}"'
                }
                return _raw(200, content, headers)

    def _page(self, asked: "_Asked", signed: Signed | None, page: Page) -> Raw:
        said = self._said(asked) if signed is not None else {}
        shown = {
            **self._everywhere(),
            "title": page.title,
            "visitor": signed.visitor if signed else None,
            "menu": self._menu_of(signed),
            "here": self._here(asked.path),
            "form_token": self._token(signed) if signed else "",
            "flash_said": said.get("said", ""),
            "flash_no": said.get("no", ""),
            "flash_rule": said.get("rule", ""),
            "request_id": asked.request_id,
            **page.shows,
        }
        answer = _raw(
            page.status,
            sheet(page.template, shown).encode(),
            self._headers("text/html; charset=utf-8"),
        )
        if said:
            answer["cookies"] = [self._cookie(self._said_cookie, "", timedelta(0))]
        return answer

    def _everywhere(self) -> dict[str, Any]:
        return {
            "prefix": self._prefix,
            "door": self._name,
            "style": f"{self._prefix}/{STYLE.name}",
            "script": f"{self._prefix}/{SCRIPT.name}",
            "icon": f"{self._prefix}/{ICON.name}",
            "now": self._clock.now(),
        }

    def _problem(
        self, asked: "_Asked", signed: Signed | None, status: int, title: str, because: str
    ) -> Raw:
        said = because[:1].upper() + because[1:]
        page = Page("problem.html", title, {"because": said, "status": status}, status)
        return self._page(asked, signed, page)

    def _menu_of(self, signed: Signed | None) -> Sequence[tuple[str, Sequence[Entry]]]:
        """Give the menu's groups, each with the lines that lead somewhere for this person."""
        if signed is None:
            return ()
        groups: dict[str, list[Entry]] = {}
        for entry in self._menu:
            found = self._views.find("GET", entry.path)
            if found is not None and found.route.is_for(signed.visitor.roles):
                groups.setdefault(entry.group, []).append(entry)
        return tuple(groups.items())

    def _here(self, path: str) -> str:
        """Give the line of the menu that a page belongs to: the one with the longest path."""
        above = [one.path for one in self._menu if f"{path}/".startswith(f"{one.path}/")]
        return max(above, key=len, default="")

    def _headers(self, content_type: str) -> dict[str, str]:
        files = f" {self._house.files_from}" if self._house.files_from else ""
        return {
            "content-type": content_type,
            "content-security-policy": (
                "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; "
                f"img-src 'self' data:{files}; connect-src 'self'{files}; "
                # Signing out is a form whose answer leads to the pool, which is another origin.
                f"form-action 'self' {self._sign_in.origin}{files}; "
                "base-uri 'none'; frame-ancestors 'none'"
            ),
            "cache-control": "no-store",
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "cross-origin-opener-policy": "same-origin",
            "strict-transport-security": "max-age=31536000",
        }

    # ---- what is said once ------------------------------------------------------------------
    def _to_say(self, said: str, refused: Refused | None) -> Sequence[str]:
        told = {"said": said} if said else {}
        if refused is not None:
            told |= {"no": refused.because, "rule": refused.rule}
        if not told:
            return ()
        text = base64.urlsafe_b64encode(json.dumps(told).encode()[:2800]).decode()
        return (self._cookie(self._said_cookie, text, timedelta(minutes=1)),)

    def _said(self, asked: "_Asked") -> Mapping[str, str]:
        """Give what the last deed said; what cannot be read says nothing."""
        try:
            told = json.loads(base64.urlsafe_b64decode(asked.cookies.get(self._said_cookie, "")))
        except ValueError:
            return {}
        return {k: str(v) for k, v in told.items()} if isinstance(told, dict) else {}

    # ---- signing in and out -----------------------------------------------------------------
    def _signed(self, asked: "_Asked") -> Signed | None:
        secret = asked.cookies.get(self._session_cookie, "")
        claims = self._sessions.of(secret, self._clock.now()) if secret else None
        visitor = self._visitor_of(claims) if claims is not None else None
        return Signed(secret, visitor) if visitor is not None else None

    def _stranger(self, asked: "_Asked") -> Raw:
        """Answer somebody who is not signed in; what a form held is not kept."""
        if asked.method == "GET":
            query = asked.event.get("rawQueryString") or ""
            back = asked.path + (f"?{query}" if query else "")
            return self._redirected(302, f"{self._prefix}/sign_in?" + urlencode({"to": back}))
        because = "You were not signed in any more, and nothing was done. Sign in and do it again."
        return self._problem(asked, None, 401, "Please sign in again", because)

    def _to_the_pool(self, asked: "_Asked") -> Raw:
        state, verifier = self._chance(), self._chance() + self._chance()[:10]
        to = reading.query_of(asked.event).get("to", "")
        way = json.dumps({"state": state, "verifier": verifier, "to": to[:500]})
        kept = base64.urlsafe_b64encode(way.encode()).decode()
        page = self._sign_in.page(state=state, verifier=verifier, back_to=self._back_to(asked))
        return self._redirected(302, page, (self._cookie(self._way_cookie, kept, SIGNING_IN),))

    def _from_the_pool(self, asked: "_Asked") -> Raw:
        query = reading.query_of(asked.event)
        way = _way(asked.cookies.get(self._way_cookie, ""))
        state, code = query.get("state", ""), query.get("code", "")
        if not code or not hmac.compare_digest(way.get("state", "-").encode(), state.encode()):
            because = "The way here was left open for too long, or came from elsewhere. Try again."
            return self._problem(asked, None, 400, "Signing in did not work", because)
        claims = self._sign_in.person(
            code=code, verifier=way.get("verifier", ""), back_to=self._back_to(asked)
        )
        if claims is None:
            because = "The sign-in page did not confirm it. Try again."
            return self._problem(asked, None, 400, "Signing in did not work", because)
        if self._visitor_of(claims) is None:
            because = f"You are signed in, but not as somebody who has business with {self._name}."
            return self._problem(asked, None, 403, "This is not your door", because)
        secret, now = self._chance(), self._clock.now()
        self._sessions.open(secret, claims, now + SESSION)
        logger.info("signed in", username=claims.get("username", ""))
        cookies = (
            self._cookie(self._session_cookie, secret, SESSION),
            self._cookie(self._way_cookie, "", timedelta(0)),
        )
        return self._redirected(302, self._safe(way.get("to", "")), cookies)

    def _out(self, asked: "_Asked", signed: Signed) -> Raw:
        self._require_own(asked, signed, reading.form_of(asked.event))
        self._sessions.close(signed.secret)
        leaving = self._sign_in.leaving(back_to=f"{asked.origin}{self._prefix}/goodbye")
        return self._redirected(
            303, leaving, (self._cookie(self._session_cookie, "", timedelta(0)),)
        )

    def _back_to(self, asked: "_Asked") -> str:
        return f"{asked.origin}{self._prefix}/signed_in"

    def _safe(self, to: str) -> str:
        """Give a path of ours, whatever was asked for: nobody is led away by our link."""
        ours = (f"{self._prefix}/", f"{self._prefix}?")
        is_ours = bool(_BACK.fullmatch(to)) and (to == self._prefix or to.startswith(ours))
        return to if is_ours and "//" not in to and ".." not in to else self._prefix

    # ---- small things -----------------------------------------------------------------------
    def _redirected(self, status: int, to: str, cookies: Sequence[str] = ()) -> Raw:
        headers = {
            "location": quote(to, safe="/:?=&%#+~.,-_@!$'()*;[]"),
            "cache-control": "no-store",
        }
        return {**_raw(status, b"", headers), "cookies": list(cookies)}

    def _cookie(self, name: str, value: str, kept: timedelta) -> str:
        seconds = int(kept.total_seconds())
        return f"{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"


class _Asked:
    """A request, as API Gateway sends it in payload format 2.0."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        http = event["requestContext"]["http"]
        self.event = event
        self.method = "GET" if http["method"] == "HEAD" else str(http["method"])
        self.path = str(event["rawPath"]).rstrip("/") or "/"
        self.headers: Mapping[str, str] = event.get("headers") or {}
        self.cookies = reading.cookies_of(event)
        self.request_id = str(event["requestContext"].get("requestId", ""))
        self.host = self.headers.get("host", "")
        local = self.host.partition(":")[0] in {"127.0.0.1", "localhost"}
        self.origin = f"{'http' if local else 'https'}://{self.host}"


def _viewed_again(view: View, ask: Ask) -> Answer:
    """Give the view's answer; where somebody else was faster it looks at what stands now, once.

    What a view does may be done twice, so that most who meet at one thing need not know of it.
    """
    try:
        return view(ask)
    except Conflict:
        return view(ask)


def _proof(secret: str, nonce: str) -> str:
    return hmac.new(secret.encode(), f"form {nonce}".encode(), hashlib.sha256).hexdigest()


def _way(text: str) -> Mapping[str, str]:
    try:
        told = json.loads(base64.urlsafe_b64decode(text))
    except ValueError:
        return {}
    return {k: str(v) for k, v in told.items()} if isinstance(told, dict) else {}


def _raw(status: int, body: bytes, headers: Mapping[str, str]) -> Raw:
    return {"statusCode": int(status), "headers": dict(headers), "body": body, "cookies": []}


def _packed(answer: Raw, accepted: str) -> Raw:
    """Give the answer as API Gateway takes it, packed where the browser can unpack it."""
    body: bytes = answer["body"]
    kind = answer["headers"].get("content-type", "")
    is_text = kind.startswith(("text/", "image/svg"))
    if is_text and len(body) >= WORTH_PACKING and "gzip" in accepted:
        body = gzip.compress(body, compresslevel=6, mtime=0)
        answer["headers"] |= {"content-encoding": "gzip", "vary": "accept-encoding"}
    return {**answer, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
