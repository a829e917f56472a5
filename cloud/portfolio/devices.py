"""Gateways as things with certificates: which serial numbers may come in, and how they end.

Everything here is pure: who asks is a value, and so is the answer. A device hears yes or no and
nothing else; the rule that said no stands in the log.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.portfolio.models import Site
from cloud.portfolio.policy import (
    ADMITTED_SERIAL,
    CERTIFICATES_KEPT,
    CLAIM_LIFE,
    ONE_LIVE_GATEWAY,
    PROVISION_RATE,
    PROVISION_TOKEN,
    RENEWALS_A_DAY,
    SAME_PROVISION,
)

SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,63}", re.ASCII)
CLAIM_CLIENT = "claim-"
"""How the client id of a device begins that has no certificate of its own yet.

No thing may be called so: whoever has a claim could throw it off the broker.
"""
THING = re.compile(rf"(?!{CLAIM_CLIENT})[A-Za-z0-9_-]{{1,64}}", re.ASCII)
"""Shorter than AWS allows: the name is the common name of a certificate, too."""
ALL_CLAIMS = "all"
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class DeviceState(StrEnum):
    """How far a device has come."""

    ADMITTED = "admitted"
    """It may come in, once, with its token."""
    PROVISIONED = "provisioned"
    """It was given a certificate, and has not connected with it yet."""
    LIVE = "live"
    ENDED = "ended"
    """Decommissioned or replaced; no certificate of it works."""


class CertificateState(StrEnum):
    """What a certificate is good for."""

    ISSUED = "issued"
    """It works, and nobody has connected with it yet."""
    IN_USE = "in_use"
    RETIRED = "retired"
    """Made inactive."""


@dataclass(frozen=True, slots=True)
class DeviceCertificate:
    """A certificate that a device was given.

    Attributes:
        id: as AWS IoT Core names it: the SHA-256 of its DER form.
        key_digest: SHA-256 of its public key, by which a retry is known.
    """

    id: str
    key_digest: str
    issued_at: datetime
    state: CertificateState = CertificateState.ISSUED


@dataclass(frozen=True, slots=True)
class DeviceSerial:
    """A serial number that somebody of operations let in, and what became of it.

    Attributes:
        id: the serial number as it stands on the device.
        gateway_id: the thing that it is, which is the gateway of its site.
        token_digest: SHA-256 of its one-time token; empty once nobody can use it any more.
        token_ends_at: the token is good until then.
        certificates: those it was given, the latest last.
        replaces: the serial number in whose place it came.
        because: why it was let in, or why it ended.
    """

    id: str
    site_id: str
    gateway_id: str
    state: DeviceState
    admitted_at: datetime
    admitted_by: str
    token_digest: str
    token_ends_at: datetime
    certificates: tuple[DeviceCertificate, ...] = ()
    replaces: str = ""
    because: str = ""

    def certificate(self, certificate_id: str) -> DeviceCertificate | None:
        """Give one of its certificates."""
        return next((one for one in self.certificates if one.id == certificate_id), None)

    @property
    def working(self) -> tuple[DeviceCertificate, ...]:
        """Those that were not made inactive."""
        return tuple(one for one in self.certificates if one.state is not CertificateState.RETIRED)


@dataclass(frozen=True, slots=True)
class ClaimCertificate:
    """A certificate that can do nothing but ask for a device's own one.

    Attributes:
        retired_at: None while it works.
    """

    id: str
    made_at: datetime
    made_by: str
    ends_at: datetime
    retired_at: datetime | None = None
    state: str = "active"

    def is_good(self, at: datetime) -> bool:
        """Tell whether devices may still come in with it (DV-04)."""
        return self.retired_at is None and at < self.ends_at


@dataclass(frozen=True, slots=True)
class ProvisionHour:
    """How often certificates were asked for in an hour, by one claim or by all together."""

    id: str
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a device says when it asks for a certificate, and what its connection says of it.

    Attributes:
        claim_id: the certificate that it is connected with.
        certificate_id: the new one, which works once the answer is yes.
        key_digest: SHA-256 of the new one's public key.
        client_id: under which it is connected.
    """

    claim_id: str
    certificate_id: str
    key_digest: str
    client_id: str
    serial: str
    token: str
    thing: str


def asked(event: Mapping[str, object], *, key_digest: str) -> Asked:
    """Read what AWS IoT hands to a pre-provisioning hook (payload version 2020-04-01).

    Raises:
        BadInput: it is no such thing. Nothing that the device wrote stands in the message.
    """
    parameters = event.get("parameters")
    if not isinstance(parameters, Mapping):
        raise BadInput("provisioning: there are no parameters")

    def text(of: Mapping[str, object], name: str, most: int) -> str:
        value = of.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            msg = f"provisioning: {name} is no text of at most {most} characters"
            raise BadInput(msg)
        return value

    found = Asked(
        claim_id=text(event, "claimCertificateId", 64),
        certificate_id=text(event, "certificateId", 64),
        key_digest=key_digest,
        client_id=text(event, "clientId", 128),
        serial=text(parameters, "SerialNumber", 64),
        token=text(parameters, "Token", 128),
        thing=text(parameters, "ThingName", 128),
    )
    if not SERIAL.fullmatch(found.serial) or not THING.fullmatch(found.thing):
        raise BadInput("provisioning: SerialNumber or ThingName cannot be one")
    if not re.fullmatch(r"[0-9a-f]{64}", found.certificate_id):
        raise BadInput("provisioning: certificateId is none")
    return found


def token_digest(token: str) -> str:
    """Give what is kept of a token. It is long and drawn, so that a plain digest gives no hint."""
    return hashlib.sha256(token.encode()).hexdigest()


def too_many(counted: Mapping[str, int], *, claim_id: str, at: datetime) -> Refused | None:
    """Refuse what is asked too often in an hour, by one claim or by all (DV-04).

    Args:
        counted: how often it was asked before in this hour, by claim and by `ALL_CLAIMS`.
        claim_id: who asks.
        at: now.
    """
    rate = PROVISION_RATE.on(at.date())
    if counted.get(claim_id, 0) >= rate["a claim"] or counted.get(ALL_CLAIMS, 0) >= rate["all"]:
        return Refused(PROVISION_RATE.id, "too much was asked for in this hour", "rate")
    return None


def hour_id(claim_id: str, at: datetime) -> str:
    """Give the id of the hour that an instant is counted in."""
    return f"{claim_id}/{at.astimezone(UTC):%Y-%m-%dT%H}"


def let_in(
    wanted: Asked, device: DeviceSerial | None, site: Site | None, *, at: datetime
) -> DeviceSerial | Refused:
    """Decide whether a device gets its first certificate (DV-01, DV-02, DV-03, DV-05).

    The token is compared in the same time whatever it is, and also where there is nothing to
    compare it with. A device that asks again for the same key within a while lost the answer: it
    is the same provision, and its earlier certificate is retired when the later one is used.
    """
    expected = device.token_digest if device is not None else token_digest("")
    is_token = hmac.compare_digest(expected, token_digest(wanted.token))
    if device is None or device.state is DeviceState.ENDED:
        return Refused(ADMITTED_SERIAL.id, "the serial number is not on the list", "unknown_serial")
    if site is None or site.gateway_id != device.gateway_id:
        return Refused(ADMITTED_SERIAL.id, "no site is assigned to it", "no_site")
    if wanted.thing != device.gateway_id:
        because = f"it calls itself {wanted.thing}, and is to be {device.gateway_id}"
        return Refused(ADMITTED_SERIAL.id, because, "wrong_thing")
    if not is_token or not wanted.token or not device.token_digest:
        return Refused(PROVISION_TOKEN.id, "its token is not the one that was made", "wrong_token")
    if at >= device.token_ends_at:
        return Refused(PROVISION_TOKEN.id, "its token has ended", "token_ended")
    if device.state is not DeviceState.ADMITTED and not _is_same_provision(wanted, device, at):
        return Refused(
            ONE_LIVE_GATEWAY.id,
            "it has a certificate; decommission or replace it first, or admit it again",
            "live_already",
        )
    return _given(device, wanted, at, state=DeviceState.PROVISIONED)


def _is_same_provision(wanted: Asked, device: DeviceSerial, at: datetime) -> bool:
    """Tell whether a device asks again for what it was just given (DV-03)."""
    mine = [
        one.issued_at
        for one in device.certificates
        if one.issued_at >= device.admitted_at
        and hmac.compare_digest(one.key_digest, wanted.key_digest)
    ]
    return (
        device.state is DeviceState.PROVISIONED
        and bool(mine)
        and at - min(mine) <= SAME_PROVISION.on(at.date())
    )


def renewed(wanted: Asked, device: DeviceSerial | None, *, at: datetime) -> DeviceSerial | Refused:
    """Decide whether a device that is connected as itself gets its next certificate (DV-06).

    The old one keeps working until the new one was used once: a device that loses power in
    between still has a certificate, whichever it finds on its disk.
    """
    current = device.certificate(wanted.claim_id) if device is not None else None
    if device is None or current is None or current.state is CertificateState.RETIRED:
        return Refused(RENEWALS_A_DAY.id, "it does not connect with its own certificate", "foreign")
    if device.state not in {DeviceState.LIVE, DeviceState.PROVISIONED}:
        return Refused(RENEWALS_A_DAY.id, "it was decommissioned", "ended")
    if not device.gateway_id == wanted.client_id == wanted.thing or device.id != wanted.serial:
        return Refused(RENEWALS_A_DAY.id, "it asks in another's name", "wrong_thing")
    lately = sum(at - one.issued_at < _DAY for one in device.certificates)
    if lately > RENEWALS_A_DAY.on(at.date()):
        return Refused(RENEWALS_A_DAY.id, "it was renewed too often in a day", "rate")
    return _given(device, wanted, at, state=device.state)


def _given(
    device: DeviceSerial, wanted: Asked, at: datetime, *, state: DeviceState
) -> DeviceSerial:
    if device.certificate(wanted.certificate_id) is not None:
        return device
    new = DeviceCertificate(wanted.certificate_id, wanted.key_digest, at)
    return replace(device, state=state, certificates=(*device.certificates, new))


def connected(
    device: DeviceSerial, certificate_id: str, *, at: datetime
) -> tuple[DeviceSerial, tuple[str, ...]]:
    """Give a device that was seen with a certificate, and those of it that end by that (DV-06).

    A device seen for the first time is live, and its token is dead. Certificates that are older
    than one in use end; one that is newer stays, it was not tried yet. Of those that are retired
    the latest few are kept.
    Of those that are retired the last ten stay (DV-11).
    """
    seen = device.certificate(certificate_id)
    if seen is None or seen.state is not CertificateState.ISSUED:
        return device, ()
    place = device.certificates.index(seen)
    older = device.certificates[:place]
    over = tuple(one.id for one in older if one.state is not CertificateState.RETIRED)
    kept = [replace(one, state=CertificateState.RETIRED) for one in older]
    most = CERTIFICATES_KEPT.on(at.date())
    certificates = (
        *kept[-most:],
        replace(seen, state=CertificateState.IN_USE),
        *device.certificates[place + 1 :],
    )
    live = replace(device, state=DeviceState.LIVE, token_digest="", certificates=certificates)
    return live, over


def admitted(
    known: DeviceSerial | None,
    others: tuple[DeviceSerial, ...],
    new: DeviceSerial,
) -> DeviceSerial | Refused:
    """Decide whether a serial number goes on the list, or gets a new token (DV-01, DV-05).

    One that was let in, or given a certificate that it never connected with, gets a new token; a
    token that was made before is dead by that. The certificates that it never used end once it
    connects with the next.

    Args:
        known: what is on record under the serial number.
        others: devices of the same gateway.
        new: as it would stand on record.
    """
    if known is not None and known.state is DeviceState.LIVE:
        because = f"{known.id} is live as {known.gateway_id}: decommission or replace it first"
        return Refused(ONE_LIVE_GATEWAY.id, because, "live_already")
    if known is not None and known.state is not DeviceState.ENDED:
        if known.gateway_id != new.gateway_id:
            because = f"{known.id} is let in as {known.gateway_id}: decommission it first"
            return Refused(ONE_LIVE_GATEWAY.id, because, "live_already")
        return replace(new, certificates=known.certificates, replaces=known.replaces)
    there = [one.id for one in others if one.id != new.id and one.state is not DeviceState.ENDED]
    if there:
        because = f"{new.gateway_id} is {there[0]}: replace that one, or decommission it"
        return Refused(ONE_LIVE_GATEWAY.id, because, "live_already")
    return new


def ended(device: DeviceSerial, *, because: str) -> tuple[DeviceSerial, tuple[str, ...]]:
    """Give a device that is over, and its certificates that are to be made inactive (DV-09)."""
    over = tuple(one.id for one in device.working)
    retired = tuple(replace(one, state=CertificateState.RETIRED) for one in device.certificates)
    return (
        replace(
            device,
            state=DeviceState.ENDED,
            token_digest="",
            certificates=retired,
            because=because,
        ),
        over,
    )


def claim_end(at: datetime) -> datetime:
    """Give the instant until which a claim that is made now is good (DV-04)."""
    return at + CLAIM_LIFE.on(at.date())
