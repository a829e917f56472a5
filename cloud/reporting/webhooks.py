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
    ASKED_PACE,
    CLOSED_NETWORKS,
    DEAD_AFTER_DAYS,
    PLACES,
    REST_SECONDS,
    RETRY_SECONDS,
    ROTATION_HOURS,
    SLOW_SECONDS,
)

SECRET_PREFIX = "whsec_"  # noqa: S105 - it tells what kind of secret follows
SECRET_BYTES = 32
_LONGEST_URL = 2000
_LONGEST_NAME = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_PATH = r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
_URL = re.compile(rf"(https)://([A-Za-z0-9.-]+)(?::(443))?({_PATH})", re.IGNORECASE | re.ASCII)
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


@dataclass(frozen=True, slots=True)
class SecretAsked:
    """Which form made the secret that counts, so that sending it twice shows the same one (WH-12).

    Attributes:
        form_sha256: of what the form drew; the form itself is not kept.
    """

    form_sha256: str
    at: datetime
    by: str


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
        client_id: the program or the person that asked for it; money is told as long as that one
            has the role (F27).
        types: what it is told; everything where it is empty.
        secrets: the one that counts first.
        off: why it is switched off; empty while it is on.
        rotations: how often its secret was replaced.
        pings: how often it was tried.
        asked_until: where the steps end that its requests cost, see `asked_after`.
        sends_until: where that ends which its requests send again, see `sent_from`.
        asked: by which form of a page the secret that counts was made; None for a program's.
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
    asked_until: datetime | None = None
    sends_until: datetime | None = None
    asked: SecretAsked | None = None

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
        rests_until: it did not answer in time; the next place in the line for it (WH-10).
        failed_at: the latest failure, give or take `NOTED_AGAIN_AFTER`.
    """

    id: str
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    failed_at: datetime | None = None


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
        put_offs: how often this try was put off; a message of before counts no more.
        has_place: `next_at` is its place in the line for its endpoint (WH-10).
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
    put_offs: int = 0
    has_place: bool = False

    @property
    def waiting_of(self) -> str:
        """Give the endpoint, while it waits; deliveries are found by it."""
        return self.endpoint_id if self.state is DeliveryState.WAITING else ""


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


NOTED_AGAIN_AFTER = timedelta(minutes=5)
"""Failures that follow one another sooner are written down once."""
CLOCKS_APART = timedelta(minutes=1)
"""How far two clocks may differ."""


def health_after(
    health: EndpointHealth, made: Try, *, at: datetime, took_s: float = 0.0
) -> EndpointHealth:
    """Give how an endpoint stands after a try; one without an answer soon rests (WH-08, WH-09).

    Failures count together only while they go on: after none for as long as a webhook is tried,
    they begin anew (WH-06). A line that waits for it is kept, also where it answers soon again:
    who answers soon every second time only would be sent everything at once (WH-10).
    """
    health = believed(health, at=at)
    is_slow = made.fault == TIMED_OUT or took_s > SLOW_SECONDS.on(_day(at))
    rests_until = (health.rests_until or _rested(at)) if is_slow else _line(health, at)
    if is_success(made):
        return EndpointHealth(health.id, rests_until=rests_until)
    window = timedelta(seconds=sum(RETRY_SECONDS.on(_day(at))))
    last = health.failed_at or health.failing_since
    goes_on = last is not None and at - last <= window
    since = health.failing_since if goes_on else at
    is_noted = (
        health.failed_at is not None and goes_on and at - health.failed_at < NOTED_AGAIN_AFTER
    )
    failed_at = health.failed_at if is_noted else at
    return EndpointHealth(health.id, since, rests_until, failed_at)


def _line(health: EndpointHealth, at: datetime) -> datetime | None:
    """Give where the line ends that others wait in, None where the try was the last of it."""
    step, _ = PLACES.on(_day(at))
    until = health.rests_until
    return until if until is not None and until > at + timedelta(seconds=step) else None


def _rested(at: datetime) -> datetime:
    return at + timedelta(seconds=REST_SECONDS.on(_day(at)))


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def believed(health: EndpointHealth, *, at: datetime) -> EndpointHealth:
    """Give an endpoint's health without a rest that only a clock gone wrong can have left."""
    _, longest = PLACES.on(_day(at))
    most = _rested(at) + timedelta(seconds=longest) + CLOCKS_APART
    is_too_long = health.rests_until is not None and health.rests_until > most
    return replace(health, rests_until=None) if is_too_long else health


@dataclass(frozen=True, slots=True)
class Place:
    """When a try may go to its endpoint, and whether that instant is kept for it."""

    at: datetime
    is_kept: bool


def place_in_line(
    health: EndpointHealth, *, at: datetime, spread: float
) -> tuple[EndpointHealth, Place]:
    """Give the next place in the line for an endpoint, which moves on by a step (WH-10).

    Nothing waits for an endpoint that does not rest. Where the line is full, none is kept: come
    again after it.

    Args:
        health: how the endpoint does.
        at: when the try is due.
        spread: 0 to 1, the try's own; it keeps those that come again after the line apart.
    """
    health = believed(health, at=at)
    if health.rests_until is None:
        return health, Place(at, is_kept=True)
    step, longest = (timedelta(seconds=one) for one in PLACES.on(_day(at)))
    if health.rests_until - at > longest:
        return health, Place(at + longest * (1 + spread), is_kept=False)
    begins = max(at, health.rests_until)
    return replace(health, rests_until=begins + step), Place(begins, is_kept=True)


def come_again(at: datetime, *, spread: float) -> datetime:
    """Give when to ask for a place again, where others were faster: within a minute, each apart."""
    return at + timedelta(seconds=REST_SECONDS.on(_day(at))) * (0.5 + spread / 2)


def off_after(health: EndpointHealth, made: Try, *, at: datetime) -> Off:
    """Tell whether a try switches its endpoint off: 410, or days of only failures (WH-06)."""
    if made.status == 410:
        return Off.GONE
    since = health.failing_since
    days = DEAD_AFTER_DAYS.on(_day(at))
    if since is not None and at - since >= timedelta(days=days) and not is_success(made):
        return Off.FAILED_TOO_LONG
    return Off.NOT


# ---------------------------------------------------------------------- what partners ask for
def asked_after(asked_until: datetime | None, *, at: datetime) -> datetime | None:
    """Give where the steps of an endpoint's requests end after one more, None where none fits.

    A request costs a step; they are laid end to end, none in the past, and may be as far ahead of
    the clock as there may be requests at once (WH-11).
    """
    burst, seconds, _ = ASKED_PACE.on(_day(at))
    step = timedelta(seconds=seconds)
    most = at + burst * step
    is_ours = asked_until is not None and at < asked_until <= most + CLOCKS_APART
    after = (asked_until if asked_until is not None and is_ours else at) + step
    return after if after <= most else None


def sent_from(sends_until: datetime | None, *, at: datetime) -> datetime | None:
    """Give from when on an endpoint is sent more of the old, None where too much waits (WH-11).

    A place further ahead than two lines is of a clock gone wrong.
    """
    _, seconds = PLACES.on(_day(at))
    longest = timedelta(seconds=seconds)
    if sends_until is None or not at < sends_until <= at + 2 * longest:
        return at
    return sends_until if sends_until - at <= longest else None


def rotated(
    secrets: Sequence[SigningSecret], new: Sealed, *, at: datetime
) -> tuple[SigningSecret, ...] | None:
    """Give the secrets after a rotation, the new one first; None where too many count (WH-05)."""
    hours, most = ROTATION_HOURS.on(_day(at))
    until = at + timedelta(hours=hours)
    counting = [one for one in secrets if one.until is None or at < one.until]
    if len(counting) >= most:
        return None
    former = (one if one.until is not None else replace(one, until=until) for one in counting)
    return (SigningSecret(new), *former)
