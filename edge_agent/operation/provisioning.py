"""How a gateway gets its certificate, and the next one: key made here, certificate signed there.

The steps are those of AWS IoT's fleet provisioning ("Device provisioning MQTT API", AWS IoT Core
developer guide): a request becomes a certificate that does nothing yet, and the certificate, with
serial number and token, becomes a thing that may connect. Whatever breaks off, the same command
goes on where it was: the key stays, and asking again with it is the same provision for a while.

It is imported only when it is needed.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from edge_agent.mqtt import CLAIM_CLIENT, Asker, BrokerRefused
from edge_agent.operation.credentials import (
    CredentialsError,
    Pair,
    forget,
    make_key,
    request,
    settle,
    take_back,
    tidy,
    write,
)
from edge_agent.settings import BrokerSettings, Settings

CREATE = "$aws/certificates/create-from-csr/json"

log = logging.getLogger(__name__)


class NotProvisioned(Exception):
    """The cloud said no, or something that is no answer; the message is one line."""


class Questions(Protocol):
    """A connection on which the broker itself is asked."""

    def ask(self, topic: str, payload: bytes) -> tuple[bool, bytes]:
        """Return whether it was accepted, and the answer.

        Raises:
            OSError: there was none.
        """
        ...

    def close(self) -> None:
        """Say goodbye."""
        ...


AskerOf = Callable[[BrokerSettings, str], Questions]
"""Connects with certificates under a client id; raises BrokerRefused or another OSError."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a device comes in with, once.

    Attributes:
        cert, key: files of the claim certificate.
        token: its one-time token.
        token_file: the file that it stood in, if it stood in one.
    """

    cert: Path
    key: Path
    token: str
    token_file: Path | None = None

    def files(self) -> Sequence[Path]:
        """Return what is to be forgotten, the token first."""
        return [path for path in (self.token_file, self.key, self.cert) if path is not None]


def provision(settings: Settings, claim: Claim, *, asker_of: AskerOf = Asker) -> bool:
    """Get the gateway's certificate, use it once, and forget claim and token.

    Tells whether a certificate was fetched; False when an earlier try had got so far.

    Raises:
        CredentialsError: a file cannot be read or written.
        NotProvisioned: the cloud said no.
        OSError: it cannot be reached, or refuses the claim; nothing is lost, try again.
    """
    pair = Pair.of(settings.broker)
    settle(pair)
    is_new = not pair.fits()
    if is_new:
        make_key(pair.key)
        wanted = request(pair.key, settings.thing)
        parameters = _parameters(settings) | {"Token": claim.token}
        with_claim = replace(settings.broker, cert=str(claim.cert), key=str(claim.key))
        asker = asker_of(with_claim, f"{CLAIM_CLIENT}{settings.serial}")
        try:
            certificate = _fetched(asker, wanted, settings.claim_template, parameters, settings)
        finally:
            asker.close()
        _keep(certificate, Pair(pair.cert, pair.key))
    asker_of(settings.broker, settings.thing).close()
    tidy(pair)
    forget(claim.files())
    return is_new


def renew(settings: Settings, *, asker_of: AskerOf = Asker) -> None:
    """Get the gateway's next certificate over its own connection, for a new key, and use it once.

    The one before it works until then, and is put back if the broker says no to the new one. After
    a connection that broke, nobody knows whether the new one was seen: it stays, and the next try
    goes on there.

    Raises:
        CredentialsError: a file cannot be read or written; the old pair is still in place.
        NotProvisioned: the cloud said no.
        OSError: it cannot be reached; whichever pair is in place works.
    """
    pair = Pair.of(settings.broker)
    settle(pair)
    if not pair.before.cert.exists():
        make_key(pair.next.key)
        wanted = request(pair.next.key, settings.thing)
        asker = asker_of(settings.broker, settings.thing)
        try:
            certificate = _fetched(
                asker, wanted, settings.renew_template, _parameters(settings), settings
            )
        finally:
            asker.close()
        _keep(certificate, pair.next)
        settle(pair)
    try:
        asker_of(settings.broker, settings.thing).close()
    except BrokerRefused:
        if take_back(pair):
            log.warning("the broker refuses the new certificate: the one before it is back")
        raise
    tidy(pair)


def _parameters(settings: Settings) -> dict[str, str]:
    if not settings.serial:
        raise NotProvisioned('serial: the gateway\'s own is missing; add serial = "..."')
    return {"SerialNumber": settings.serial, "ThingName": settings.thing}


def _fetched(
    asker: Questions, wanted: str, template: str, parameters: dict[str, str], settings: Settings
) -> str:
    """Return the certificate that the cloud signed and made a thing of."""
    created = _answer(asker, CREATE, {"certificateSigningRequest": wanted})
    certificate, token = created.get("certificatePem"), created.get("certificateOwnershipToken")
    if not isinstance(certificate, str) or not isinstance(token, str):
        raise NotProvisioned("the answer of the cloud holds no certificate")
    topic = f"$aws/provisioning-templates/{template}/provision/json"
    asked = {"certificateOwnershipToken": token, "parameters": parameters}
    made = _answer(asker, topic, asked)
    if made.get("thingName") != settings.thing:
        raise NotProvisioned("the cloud made another thing of it; ask operations")
    return certificate


def _answer(asker: Questions, topic: str, asked: dict[str, Any]) -> dict[str, Any]:
    is_accepted, payload = asker.ask(topic, json.dumps(asked).encode())
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise NotProvisioned("the answer of the cloud cannot be read") from error
    if not isinstance(found, dict):
        raise NotProvisioned("the answer of the cloud cannot be read")
    if not is_accepted:
        code = str(found.get("errorCode", "no reason"))[:60]
        raise NotProvisioned(
            f"the cloud said no ({code}); ask operations whether serial number, token, thing and "
            "site are as they have them"
        )
    return found


def _keep(certificate: str, pair: Pair) -> None:
    """Put a certificate in place, if it belongs to the key; from then on it counts."""
    draft = Pair(pair.cert.with_name(f"{pair.cert.name}.signed"), pair.key)
    write(draft.cert, certificate.encode("ascii", "replace"))
    try:
        if not draft.fits():
            raise NotProvisioned("the certificate that the cloud signed is of another key")
        write(pair.cert, certificate.encode("ascii"))
    finally:
        forget([draft.cert])


__all__ = ["Claim", "CredentialsError", "NotProvisioned", "provision", "renew"]
