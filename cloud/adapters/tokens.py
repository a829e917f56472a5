"""Access tokens of the user pool: who signed them, whether they still hold, whom they name.

After the Amazon Cognito developer guide, "Verifying JSON Web Tokens". Cognito's access tokens name
no audience; that they are for us follows from the pool, which is ours alone, and from the scopes
and groups that each API asks for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from aws_lambda_powertools import Logger
from jwt import PyJWKClient, PyJWKClientConnectionError, PyJWKClientError

from cloud.kernel.clock import Clock
from cloud.kernel.errors import Unavailable

logger = Logger(child=True)

LEEWAY = timedelta(seconds=30)
"""How far two clocks may differ about a token's beginning; about its end nothing is given."""
TOLD = ("sub", "client_id", "username", "scope")
"""Claims that are handed on as they are."""
KEYS_KEPT_S = 3600
"""How long the pool's public keys are kept; one that is not among them is looked for at once."""


class Tokens:
    """Checks access tokens against a pool's published keys."""

    def __init__(self, issuer: str, clock: Clock) -> None:
        """Know the pool; its keys are fetched when the first token comes.

        Args:
            issuer: the pool's URL, which its tokens name and its keys are below.
            clock: tells whether a token is over.
        """
        self._issuer = issuer
        self._clock = clock
        self._keys = PyJWKClient(
            f"{issuer}/.well-known/jwks.json", lifespan=KEYS_KEPT_S, timeout=5, cache_keys=True
        )

    def caller(self, header: str) -> Mapping[str, str] | None:
        """Give whom a token names, None when it is not a good one.

        Args:
            header: value of the Authorization header.

        Returns:
            The claims that the APIs decide by, each a text: `groups` holds the person's groups,
            with blanks between.

        Raises:
            Unavailable: the pool's keys could not be fetched.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        try:
            claims = self._claims(token)
        except PyJWKClientConnectionError as unreachable:
            msg = f"fetching the keys of {self._issuer}: {unreachable}; try again"
            raise Unavailable(msg) from unreachable
        except (jwt.InvalidTokenError, PyJWKClientError) as wrong:
            logger.info("a token is refused", because=str(wrong))
            return None
        told = {name: str(claims[name]) for name in TOLD if name in claims}
        return {**told, "groups": " ".join(claims.get("cognito:groups", ()))}

    def _claims(self, token: str) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            self._keys.get_signing_key_from_jwt(token).key,
            algorithms=["RS256"],
            issuer=self._issuer,
            # The library would look at the machine's clock; below it is ours.
            options={
                "require": ["exp", "iat", "sub", "token_use"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
            },
        )
        now = self._clock.now()
        if claims["token_use"] != "access":  # noqa: S105 - the name of a use
            msg = f"it is for {claims['token_use']}, not for access"
            raise jwt.InvalidTokenError(msg)
        if _instant(claims["exp"]) <= now:
            msg = "it has expired"
            raise jwt.ExpiredSignatureError(msg)
        if _instant(claims["iat"]) > now + LEEWAY:
            msg = "it begins in the future"
            raise jwt.ImmatureSignatureError(msg)
        return claims


def _instant(claim: object) -> datetime:
    if not isinstance(claim, int) or isinstance(claim, bool):
        msg = f"{claim!r} is no instant"
        raise jwt.InvalidTokenError(msg)
    try:
        return datetime.fromtimestamp(claim, UTC)
    except (ValueError, OverflowError, OSError) as wrong:
        msg = f"{claim!r} is no instant"
        raise jwt.InvalidTokenError(msg) from wrong
