"""Signing people in at the user pool: the authorization code flow with a proof key.

RFC 6749, section 4.1, with RFC 7636; Amazon Cognito developer guide, "Authorize endpoint", "Token
endpoint" and "Logout endpoint". The pool asks for password and second factor; we see neither.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from cloud.kernel.errors import Unavailable

if TYPE_CHECKING:
    from cloud.adapters.tokens import Tokens

TIMEOUT_S = 8
LONGEST_ANSWER = 64 * 1024
_OPENER = build_opener(ProxyHandler({}))


class SignIn:
    """The pool's pages, as one of our doors uses them."""

    def __init__(self, base: str, client_id: str, tokens: "Callable[[], Tokens]") -> None:
        """Know the pool.

        Args:
            base: URL that its pages are below.
            client_id: what the pool calls our pages.
            tokens: gives what checks what it signs; asked when the first person comes, as its
                library takes long to import.
        """
        self._base = base.rstrip("/")
        self._client_id = client_id
        self._tokens = tokens

    @property
    def origin(self) -> str:
        """Scheme and host of the pool's pages."""
        parts = urlsplit(self._base)
        return f"{parts.scheme}://{parts.netloc}"

    def page(self, *, state: str, verifier: str, back_to: str) -> str:
        """Give the address of the page where a person signs in."""
        return f"{self._base}/oauth2/authorize?" + urlencode(
            {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": back_to,
                "scope": "openid",
                "state": state,
                "code_challenge": challenge(verifier),
                "code_challenge_method": "S256",
            }
        )

    def leaving(self, *, back_to: str) -> str:
        """Give the address by which the pool forgets the person, too."""
        query = urlencode({"client_id": self._client_id, "logout_uri": back_to})
        return f"{self._base}/logout?{query}"

    def person(self, *, code: str, verifier: str, back_to: str) -> Mapping[str, str] | None:
        """Give whom a code stands for, None where the pool does not take it (any more).

        Raises:
            Unavailable: the pool could not be asked.
        """
        body = urlencode(
            {
                "grant_type": "authorization_code",
                "client_id": self._client_id,
                "code": code,
                "redirect_uri": back_to,
                "code_verifier": verifier,
            }
        ).encode()
        told = _asked(f"{self._base}/oauth2/token", body)
        token = told.get("access_token") if told is not None else None
        return self._tokens().caller(f"Bearer {token}") if isinstance(token, str) else None


def challenge(verifier: str) -> str:
    """Give what is shown of a proof key before it is needed (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _asked(url: str, body: bytes) -> Mapping[str, Any] | None:
    asked = Request(  # noqa: S310 - the address is our own setting
        url, body, {"content-type": "application/x-www-form-urlencoded"}, method="POST"
    )
    try:
        with _OPENER.open(asked, timeout=TIMEOUT_S) as answer:
            told = json.loads(answer.read(LONGEST_ANSWER))
    except HTTPError as refused:
        if refused.code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        msg = f"signing in at {url}: it answered {refused.code}; try again in a moment"
        raise Unavailable(msg) from refused
    except (URLError, TimeoutError, OSError, ValueError) as unreachable:
        msg = f"signing in at {url}: {unreachable}; try again in a moment"
        raise Unavailable(msg) from unreachable
    return told if isinstance(told, dict) else None
