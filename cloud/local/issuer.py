"""The token issuer: stands where Cognito stands on AWS, with tokens of the same shape.

After the Amazon Cognito developer guide, "Understanding the access token" and "Token endpoint".
Time is the runtime's clock, so that a token ends when the simulation says so.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
import threading
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput
from cloud.local.people import Person
from cloud.local.sign_in_page import AUTHORIZE_PATH, SignInPages
from cloud.local.web import Request, Response, as_json

LIFETIME = timedelta(hours=1)
"""How long an access token is good for; Cognito's default."""
ALL_OF_A_PARTNER = "sunreeve/partner"
OF_PEOPLE = "sunreeve/operations"
"""Scopes: what a program asks for that names none; what is no program's."""
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path


class Issuer:
    """Signs access tokens for people and for partners' programs (JWS with RS256, RFC 7515)."""

    def __init__(
        self,
        folder: Path,
        *,
        pools: Mapping[str, str],
        scopes: Collection[str],
        clock: Clock,
        people: Sequence[Person] = (),
        address: str = "",
    ) -> None:
        """Read the signing key and the clients' secrets, or make them.

        Args:
            folder: where they are kept.
            pools: user pools of the stack, each with its issuer's URL; tokens are of the first.
            scopes: what a program may ask its token to allow.
            clock: tells when a token begins and ends.
            people: who may sign in; the page lists them, and asks for no password.
            address: where this runtime answers; people are sent back to it and nowhere else.
        """
        self._people = {person.username: person for person in people}
        self._pages = SignInPages(people, address, clock)
        self._scopes = frozenset(scopes)
        self._pools = pools
        self._issuer = next(iter(pools.values()), "")
        self._clock = clock
        self._key = _key(folder / "token-key.pem")
        self._kid = f"{self._key.public_key().public_numbers().n & 0xFFFFFFFF:08x}"
        self._clients = _Clients(folder / "clients.json")

    def client_token(self, client_id: str, scope: str = ALL_OF_A_PARTNER) -> str:
        """Give the token that a program gets for its credentials; it names no audience."""
        return self._signed({"sub": client_id, "client_id": client_id, "scope": scope})

    def person_token(self, username: str, *roles: str, client_id: str = "console") -> str:
        """Give the token that a person has after signing in, with these groups."""
        return self._signed(
            {
                "sub": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._issuer}/{username}")),
                "client_id": client_id,
                "username": username,
                "cognito:groups": list(roles),
                "scope": "openid",
            }
        )

    def client_secret(self, client_id: str) -> str:
        """Give a program's secret, made when it is first asked for."""
        return self._clients.secret(client_id)

    def _signed(self, claims: Mapping[str, Any]) -> str:
        now = int(self._clock.now().timestamp())
        body = {
            "iss": self._issuer,
            "token_use": "access",
            "version": 2,
            "auth_time": now,
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "jti": str(uuid.uuid4()),
            **claims,
        }
        return jwt.encode(body, self._key, algorithm="RS256", headers={"kid": self._kid})

    # ---- over HTTP --------------------------------------------------------------------------
    def answer(self, request: Request) -> Response | None:
        """Answer for the user pools: their keys, their description, their token endpoint.

        None: the path is nothing of theirs.
        """
        if request.path == TOKEN_PATH:
            return self._token(request)
        page = self._pages.answer(request)
        if page is not None:
            return page
        for pool, url in self._pools.items():
            if request.path == f"/{pool}/.well-known/jwks.json":
                return as_json(200, self.jwks())
            if request.path == f"/{pool}/.well-known/openid-configuration":
                base = url.removesuffix(f"/{pool}")
                described = {
                    "issuer": url,
                    "jwks_uri": f"{url}/.well-known/jwks.json",
                    "authorization_endpoint": base + AUTHORIZE_PATH,
                    "token_endpoint": base + TOKEN_PATH,
                    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "subject_types_supported": ["public"],
                    "response_types_supported": ["code"],
                }
                return as_json(200, described)
        return None

    def jwks(self) -> Mapping[str, Any]:
        """Give the public key as a JSON Web Key Set (RFC 7517)."""
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "use": "sig", "alg": "RS256", "kid": self._kid}]}

    def _token(self, request: Request) -> Response:
        """Give a token for a client's credentials (RFC 6749, section 4.4)."""
        if request.method != "POST":
            return as_json(405, {"error": "invalid_request"})
        form = parse_qs(request.body.decode("latin-1"))
        if form.get("grant_type") == ["authorization_code"]:
            return self._token_for_code(form)
        if form.get("grant_type") != ["client_credentials"]:
            return as_json(400, {"error": "unsupported_grant_type"})
        client = _credentials(request.headers.get("authorization", ""))
        if client is None or not self._clients.is_right(*client):
            return Response(
                401,
                b'{"error":"invalid_client"}',
                {"content-type": "application/json", "www-authenticate": "Basic"},
            )
        scope = form.get("scope", [ALL_OF_A_PARTNER])[0]
        if not set(scope.split()) <= self._scopes or not scope.split():
            return as_json(400, {"error": "invalid_scope"})
        seconds = int(LIFETIME.total_seconds())
        token = self.client_token(client[0], scope)
        return as_json(200, {"access_token": token, "expires_in": seconds, "token_type": "Bearer"})

    def _token_for_code(self, form: Mapping[str, list[str]]) -> Response:
        """Give a token for a code that the sign-in page gave (RFC 6749, section 4.1.3)."""
        named = ("code", "client_id", "redirect_uri", "code_verifier")
        code, client_id, back_to, verifier = (form.get(name, [""])[0] for name in named)
        username = self._pages.redeem(code, client_id=client_id, back_to=back_to, verifier=verifier)
        person = self._people.get(username)
        if person is None:
            return as_json(400, {"error": "invalid_grant"})
        token = self.person_token(username, *sorted(person.roles), client_id=client_id)
        seconds = int(LIFETIME.total_seconds())
        return as_json(200, {"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


class _Clients:
    """The programs' secrets, in a file that only its owner reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._secrets: dict[str, str] = {}
        if path.exists():
            try:
                self._secrets = dict(json.loads(path.read_text()))
            except (ValueError, TypeError) as damaged:
                msg = f"reading {path}: it is damaged ({damaged}); delete it for new secrets"
                raise BadInput(msg) from damaged

    def secret(self, client_id: str) -> str:
        with self._lock:
            if client_id not in self._secrets:
                self._secrets[client_id] = secrets.token_urlsafe(32)
                _write_private(self._path, json.dumps(self._secrets).encode())
            return self._secrets[client_id]

    def is_right(self, client_id: str, secret: str) -> bool:
        known = self._secrets.get(client_id)
        return known is not None and hmac.compare_digest(known.encode(), secret.encode())


def _credentials(header: str) -> tuple[str, str] | None:
    """Read HTTP Basic credentials (RFC 7617)."""
    kind, _, text = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (name, secret) if colon else None


def _key(path: Path) -> rsa.RSAPrivateKey:
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
        msg = f"reading {path.name}: it is not an RSA key; delete it and a new one is made"
        raise BadInput(msg)
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_private(
        path,
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    return made


def _write_private(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, whole or not at all: half a key would stop every start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
