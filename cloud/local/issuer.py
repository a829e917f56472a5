"""The token issuer: stands where Cognito stands on AWS."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput

LIFETIME = timedelta(hours=1)
"""How long an access token is good for; Cognito's default."""


class Issuer:
    """Signs and checks access tokens (JWS with RS256, RFC 7515 and RFC 9068), by our own clock."""

    def __init__(
        self, folder: Path, *, issuer: str, audience: tuple[str, ...], clock: Clock
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._key = _key(folder / "token-key.pem")
        self._kid = f"{self._key.public_key().public_numbers().n & 0xFFFFFFFF:08x}"

    def jwks(self) -> Mapping[str, Any]:
        """Give the public key as a JSON Web Key Set (RFC 7517)."""
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "use": "sig", "alg": "RS256", "kid": self._kid}]}

    def token(self, subject: str, **claims: str | list[str]) -> str:
        """Give an access token for a subject with these claims, good for `LIFETIME`."""
        now = int(self._clock.now().timestamp())
        body = {
            "iss": self._issuer,
            "aud": self._audience[0],
            "sub": subject,
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "jti": secrets.token_hex(8),
            **claims,
        }
        return jwt.encode(
            body, self._key, algorithm="RS256", headers={"kid": self._kid, "typ": "at+jwt"}
        )

    def claims(self, token: str) -> Mapping[str, Any]:
        """Give the claims of a good token.

        The library would compare the expiry with the wall clock; here it is the simulated one.

        Raises:
            BadInput: the token is malformed, of another issuer or audience, signed by another key,
                or expired.
        """
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],
                issuer=self._issuer,
                audience=list(self._audience),
                options={
                    "require": ["exp", "sub"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.InvalidTokenError as wrong:
            msg = f"the access token is refused ({wrong}): ask for a new one"
            raise BadInput(msg) from wrong
        if datetime.fromtimestamp(claims["exp"], UTC) <= self._clock.now():
            msg = "the access token has expired: ask for a new one"
            raise BadInput(msg)
        return claims


def _key(path: Path) -> rsa.RSAPrivateKey:
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
        msg = f"reading {path.name}: it is not an RSA key; delete it and a new one is made"
        raise BadInput(msg)
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    part.replace(path)  # whole or not at all: half a key would stop every later start
    return made
