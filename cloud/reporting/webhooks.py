"""What webhooks go by: where they may go, how they are signed, when they are tried again.

The signatures are those of Standard Webhooks, so that any library of that name checks them. An
address is judged twice: its name when somebody asks for it, and what the name leads to at every
single try, just before the connection is made.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from cloud.kernel.errors import BadInput
from cloud.kernel.secret import Sealed, Secret
from cloud.reporting.policy import (
    CLOSED_NETWORKS,
    DEAD_AFTER_DAYS,
    REST_SECONDS,
    RETRY_SECONDS,
)

SECRET_PREFIX = "whsec_"  # noqa: S105 - it tells what kind of secret follows
SECRET_BYTES = 32
_LONGEST_URL = 2000
_LONGEST_NAME = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_PATH = r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
_URL = re.compile(rf"(https)://([A-Za-z0-9.-]+)(?::(443))?({_PATH})", re.IGNORECASE)
_LOOPBACK = re.compile(rf"(http)://(127\.0\.0\.1|localhost):([1-9][0-9]{{0,4}})({_PATH})")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NOT_PUBLIC = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain"}
    | {"localhost", "onion", "private"}
)
"""Last labels of names that lead nowhere in public (RFC 6761, RFC 6762, RFC 7686, RFC 8375)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes, taken apart.

    Attributes:
        path: with the query.
        is_plain: without TLS, to a program on this machine; never on AWS.
    """

    host: str
    port: int
    path: str
    is_plain: bool = False


def target_of(url: str, *, to_loopback: bool = False) -> Target:
    """Give where a URL leads, if a webhook may go there by its name (WH-07).

    It is https on port 443, to a name in public: no user, no fragment, no address in the place of
    the name, however it is written. Where `to_loopback` allows it, also http to this machine.

    Raises:
        BadInput: it may not; the message says what to write.
    """
    plain = _LOOPBACK.fullmatch(url) if to_loopback and len(url) <= _LONGEST_URL else None
    if plain is not None and int(plain[3]) < 1 << 16:
        return Target(plain[2], int(plain[3]), _rooted(plain[4]), is_plain=True)
    found = _URL.fullmatch(url) if len(url) <= _LONGEST_URL else None
    if found is None:
        msg = "a webhook goes to https://name/path: port 443, without user, fragment or other signs"
        raise BadInput(msg)
    host = found[2].lower()
    last = host.rpartition(".")[2]
    is_name = _HOST.fullmatch(host) is not None and len(host) <= _LONGEST_NAME
    if not is_name or _NUMBER.fullmatch(last) or last in _NOT_PUBLIC:
        msg = f"a webhook goes to a public name, as hooks.partner.example; {host!r} is none"
        raise BadInput(msg)
    return Target(host, 443, _rooted(found[4]))


def _rooted(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


@cache
def _closed(day: date) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one) for one in CLOSED_NETWORKS.on(day))


def is_public(address: str, *, on: date) -> bool:
    """Tell whether a webhook may go to an address that a name led to (WH-07).

    What cannot be read is not public, nor is an address of a link (``fe80::1%eth0``).
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if "%" in address:
        return False
    return not any(found in network for network in _closed(on) if network.version == found.version)


# ---------------------------------------------------------------------- signatures
def secret_of(random: bytes) -> Secret:
    """Give a signing secret as Standard Webhooks writes it, made of what the caller drew."""
    return Secret(SECRET_PREFIX + base64.b64encode(random).decode())


def signed(
    secrets: Iterable[Secret], *, message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """Give the headers by which a receiver knows a webhook as ours, for each secret a signature."""
    moment = str(int(at.timestamp()))
    text = b".".join((message_id.encode(), moment.encode(), body))
    signatures = []
    for secret in secrets:
        key = base64.b64decode(secret.value.removeprefix(SECRET_PREFIX))
        mac = hmac.new(key, text, hashlib.sha256).digest()
        signatures.append(f"v1,{base64.b64encode(mac).decode()}")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(signatures),
    }


# ---------------------------------------------------------------------- what is kept
@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret that signs, sealed; until an instant where another one has taken its place."""

    sealed: Sealed
    until: datetime | None = None


class Off(StrEnum):
    """Why nothing is sent to an endpoint."""

    NOT = ""
    BY_PARTNER = "by_partner"
    GONE = "gone"
    FAILED_TOO_LONG = "failed_too_long"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where a partner's program wants to be told.

    Attributes:
        client_id: the program that asked for it; money is told as long as that one has the role
            (F27).
        types: what it is told; everything where it is empty.
        secrets: the one that counts first.
        off: why it is switched off; empty while it is on.
        rotations: how often its secret was replaced.
        pings: how often it was tried.
    """

    id: str
    partner_id: str
    client_id: str
    url: str
    types: tuple[str, ...]
    secrets: tuple[SigningSecret, ...]
    made_at: datetime
    off: Off = Off.NOT
    off_at: datetime | None = None
    rotations: int = 0
    pings: int = 0

    def signing(self, at: datetime) -> tuple[SigningSecret, ...]:
        """Give the secrets that sign at an instant (WH-05)."""
        return tuple(one for one in self.secrets if one.until is None or at < one.until)


@dataclass(frozen=True, slots=True)
class WebhookBook:
    """A partner's endpoints: the book is read where an index might not know a new one yet."""

    id: str
    endpoint_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How an endpoint has answered lately.

    Attributes:
        failing_since: the first failure after the last success.
        rests_until: it did not answer in time; nothing is sent before.
    """

    id: str
    failing_since: datetime | None = None
    rests_until: datetime | None = None


class DeliveryState(StrEnum):
    """How one event stands with one endpoint."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Try:
    """One try: when, and the status that came or the fault of ours in its place.

    Attributes:
        at: to the second.
        status: of the answer; 0 where there was none.
        fault: why there was none, one of `FAULTS`.
    """

    at: datetime
    status: int = 0
    fault: str = ""


TIMED_OUT = "timed_out"
FAULTS = frozenset(
    {"address_refused", "name_unknown", "unreachable", "tls_failed", "bad_answer", TIMED_OUT}
)
"""What may stand in the place of a status."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        id: endpoint and number of the event, as `delivery_key` gives it.
        tries: the latest; of those before a redelivery at most `TRIES_KEPT` in all are kept.
        round: how often it was asked for anew.
        tried: tries in this round.
        next_at: when it is tried next, while it waits.
        failed_of: the endpoint, while it has failed for good; deliveries are found by it.
    """

    id: str
    endpoint_id: str
    partner_id: str
    number: int
    event_id: str
    type: str
    state: DeliveryState
    expires_at: datetime
    next_at: datetime | None
    tries: tuple[Try, ...] = ()
    round: int = 1
    tried: int = 0
    failed_of: str = ""


TRIES_KEPT = 20


def delivery_key(endpoint_id: str, number: int) -> str:
    """Give the id under which one event's delivery to one endpoint is kept."""
    return f"{endpoint_id}.{number:012d}"


# ---------------------------------------------------------------------- what follows from a try
def is_success(made: Try) -> bool:
    """Tell whether a try reached the receiver: an answer 2xx and no other (WH-03)."""
    return 200 <= made.status < 300


def next_try_at(tried: int, at: datetime) -> datetime | None:
    """Give when to try again after so many tries, or None where it was the last (WH-02)."""
    pauses: Sequence[int] = RETRY_SECONDS.on(at.astimezone(UTC).date())
    return at + timedelta(seconds=pauses[tried - 1]) if tried <= len(pauses) else None


def health_after(health: EndpointHealth, made: Try, *, at: datetime) -> EndpointHealth:
    """Give how an endpoint stands after a try; one without an answer in time rests (WH-08)."""
    if is_success(made):
        return EndpointHealth(health.id)
    failing = EndpointHealth(health.id, health.failing_since or at)
    return resting(failing, at=at) if made.fault == TIMED_OUT else failing


def resting(health: EndpointHealth, *, at: datetime) -> EndpointHealth:
    """Give an endpoint's health with a rest that begins now (WH-08)."""
    pause = timedelta(seconds=REST_SECONDS.on(at.astimezone(UTC).date()))
    return replace(health, rests_until=at + pause)


def off_after(health: EndpointHealth, made: Try, *, at: datetime) -> Off:
    """Tell whether a try switches its endpoint off: 410, or days of only failures (WH-06)."""
    if made.status == 410:
        return Off.GONE
    since = health.failing_since
    days = DEAD_AFTER_DAYS.on(at.astimezone(UTC).date())
    if since is not None and at - since >= timedelta(days=days) and not is_success(made):
        return Off.FAILED_TOO_LONG
    return Off.NOT
