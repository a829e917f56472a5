"""Devices come in, renew their certificates and end: load, decide, save, tell the registry."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.devices import (
    ALL_CLAIMS,
    SERIAL,
    THING,
    Asked,
    ClaimCertificate,
    DeviceSerial,
    DeviceState,
    ProvisionHour,
    admitted,
    claim_end,
    connected,
    ended,
    hour_id,
    let_in,
    renewed,
    token_digest,
    too_many,
)
from cloud.portfolio.models import Site
from cloud.portfolio.policy import (
    DECOMMISSIONED,
    ONE_LIVE_GATEWAY,
    PROVISION_RATE,
    PROVISION_TOKEN,
    RENEWALS_A_DAY,
)
from cloud.portfolio.ports import DeviceRegistry, IssuedCertificate

_TRIES = 4
"""Devices that come in at one moment count on the same hour, and one of them has to count again."""
PROVISIONER = "provisioning"


def device_subject(serial: str) -> str:
    """Give the subject under which a device's history stands."""
    return f"DEVICE-{serial}"


def _gateway_subject(gateway_id: str) -> str:
    return f"GATEWAY-{gateway_id}"


# ---------------------------------------------------------------------- what devices ask for
def provision(records: Records, wanted: Asked, *, at: datetime) -> DeviceSerial | Refused:
    """Decide whether a device that has a claim and a token gets its certificate (DV-01 to DV-05).

    It counts whatever the answer is. The same device, token and key within a while get the same
    answer again. Each answer is in the log of the serial number; beyond the rate only the first.

    Raises:
        Conflict: too many came in at one moment; for AWS that is a no, and the device asks again.
    """

    def once() -> DeviceSerial | Refused:
        claim = records.load(ClaimCertificate, wanted.claim_id)
        if claim is None or not claim.record.is_good(at):
            refused = Refused(PROVISION_RATE.id, "its claim is not a good one", "bad_claim")
            return _refused(records, wanted, refused, at=at, counts=())
        hours = {name: _hour(records, name, at) for name in (wanted.claim_id, ALL_CLAIMS)}
        counted = {name: stored.record.asked for name, stored in hours.items()}
        often = too_many(counted, claim_id=wanted.claim_id, at=at)
        counts = tuple(
            Save(replace(one.record, asked=one.record.asked + 1), one.version)
            for one in hours.values()
        )
        if often is not None:
            return _over_the_rate(records, wanted, often, hours, at=at)
        stored = records.load(DeviceSerial, wanted.serial)
        device = stored.record if stored else None
        site = records.load(Site, device.site_id) if device else None
        answer = let_in(wanted, device, site.record if site else None, at=at)
        if isinstance(answer, Refused):
            return _refused(records, wanted, answer, at=at, counts=counts)
        saves = (*counts, *_changed(stored, answer))
        says = f"{wanted.serial} was given a certificate as {answer.gateway_id}"
        event = _event(wanted, "device_provisioned", says, PROVISION_TOKEN.id, at)
        records.commit(Change(saves=saves, events=(event,)))
        return answer

    return _again(once)


def renew(records: Records, wanted: Asked, *, at: datetime) -> DeviceSerial | Refused:
    """Decide whether a device that is connected as itself gets its next certificate (DV-06).

    Raises:
        Conflict: somebody else changed the device at this moment; it asks again.
    """

    def once() -> DeviceSerial | Refused:
        stored = records.load(DeviceSerial, wanted.serial)
        answer = renewed(wanted, stored.record if stored else None, at=at)
        if isinstance(answer, Refused):
            return _refused(records, wanted, answer, at=at, counts=())
        says = f"{wanted.serial} was given its next certificate"
        event = _event(wanted, "device_renewed", says, RENEWALS_A_DAY.id, at)
        records.commit(Change(saves=_changed(stored, answer), events=(event,)))
        return answer

    return _again(once)


def note_connected(
    records: Records, registry: DeviceRegistry, *, thing: str, certificate_id: str, at: datetime
) -> bool:
    """Note that a device connected with a certificate, and end those that came before it (DV-06).

    They are made inactive first and noted after: what breaks off in between is done again when it
    connects again. Tells whether anything changed.

    Raises:
        Conflict: somebody else changed the device at this moment; do it again.
        Unavailable: a certificate may still work; do it again.
    """
    for stored in records.find(DeviceSerial, by="gateway_id", value=thing):
        device = stored.record
        if device.certificate(certificate_id) is None:
            continue
        live, over = connected(device, certificate_id, at=at)
        if live == device:
            return False
        for one in over:
            registry.retire(one)
        what = "device_live" if device.state is not DeviceState.LIVE else "device_certificate_used"
        event = Event(
            subject=device_subject(device.id),
            what=what,
            at=at,
            by=thing,
            rule=RENEWALS_A_DAY.id,
            causes=(certificate_id, *over),
            says=f"{thing} connected with certificate {certificate_id[:12]}; "
            f"{len(over)} earlier ones ended",
        )
        records.commit(Change(saves=(stored.replaced_by(live),), events=(event,)))
        return True
    return False


# ---------------------------------------------------------------------- what people ask for
def admit(
    records: Records, *, serial: str, site_id: str, token: str, because: str, at: datetime, by: str
) -> DeviceSerial | Refused:
    """Put a serial number on the list for a site, with the token that it comes in with (DV-01).

    Asked again for one that never connected, the new token is good and the old one dead.

    Raises:
        BadInput: it cannot be a serial number, or its site's gateway has a name no thing can have.
        NotFound: there is no such site.
        Conflict: somebody else changed it at this moment.
    """
    site = require(records.load(Site, site_id), "site", site_id).record
    known = records.load(DeviceSerial, _serial(serial))
    others = records.find(DeviceSerial, by="gateway_id", value=_thing(site))
    new = _new(serial, site, token, because=because, at=at, by=by)
    answer = admitted(known.record if known else None, tuple(one.record for one in others), new)
    if isinstance(answer, Refused):
        return answer
    event = Event(
        subject=device_subject(serial),
        what="device_admitted",
        at=at,
        by=by,
        rule=PROVISION_TOKEN.id,
        causes=(site.id,),
        says=f"{serial} may come in as {answer.gateway_id} of site {site.id}: {because}",
    )
    save = Save(answer, known.version if known else NEW)
    records.commit(Change(saves=(save,), events=(event,)))
    return answer


def decommission(
    records: Records, registry: DeviceRegistry, *, gateway_id: str, because: str,
    at: datetime, by: str,
) -> DeviceSerial:  # fmt: skip
    """End the device that is a gateway now: no certificate and no token of it works (DV-09).

    Its thing stays with the reason, and so do the site's readings. It is noted first, so that it
    cannot come in or renew meanwhile; asked again, it makes inactive what may have been left.

    Raises:
        NotFound: no device is, or was, this gateway.
        Conflict: somebody else changed it at this moment.
        Unavailable: it is noted, and a certificate may still work: ask again.
    """
    stored = _device_of(records, gateway_id)
    device = stored.record
    if device.state is not DeviceState.ENDED:
        over, _ = ended(device, because=because)
        event = _ending(device, "device_decommissioned", because, at=at, by=by)
        records.commit(Change(saves=(stored.replaced_by(over),), events=event))
    _end_for_good(registry, device, because=because, at=at)
    return require(records.load(DeviceSerial, device.id), "device", device.id).record


def replace_device(
    records: Records, registry: DeviceRegistry, *, old: str, new: str, token: str, because: str,
    at: datetime, by: str,
) -> DeviceSerial | Refused:  # fmt: skip
    """Put a serial number in the place of another, which ends by that (RMA; DV-05, DV-09).

    The gateway keeps its name: to the site's readings it is the same one. Asked again before the
    new one connected, it gets another token.

    Raises:
        BadInput: the new one cannot be a serial number, or is the old one.
        NotFound: the old one is not on record.
        Conflict: somebody else changed one of them at this moment.
        Unavailable: it is noted, and a certificate of the old one may still work: ask again.
    """
    if _serial(new) == old:
        msg = f"replacing {old}: the new serial number is the old one; to let it in again, admit it"
        raise BadInput(msg)
    stored = require(records.load(DeviceSerial, old), "device", old)
    device = stored.record
    site = require(records.load(Site, device.site_id), "site", device.site_id).record
    known = records.load(DeviceSerial, new)
    others = records.find(DeviceSerial, by="gateway_id", value=_thing(site))
    fresh = replace(_new(new, site, token, because=because, at=at, by=by), replaces=old)
    rest = tuple(one.record for one in others if one.record.id != old)
    answer = admitted(known.record if known else None, rest, fresh)
    if isinstance(answer, Refused):
        return answer
    answer = replace(answer, replaces=old)
    saves = [Save(answer, known.version if known else NEW)]
    events: list[Event] = []
    if device.state is not DeviceState.ENDED:
        over, _ = ended(device, because=f"replaced by {new}: {because}")
        saves.append(stored.replaced_by(over))
        events += _ending(device, "device_replaced", f"by {new}: {because}", at=at, by=by)
    events.append(
        Event(
            subject=device_subject(new),
            what="device_admitted",
            at=at,
            by=by,
            rule=ONE_LIVE_GATEWAY.id,
            causes=(device_subject(old), site.id),
            says=f"{new} may come in as {answer.gateway_id} in the place of {old}: {because}",
        )
    )
    records.commit(Change(saves=tuple(saves), events=tuple(events)))
    _end_for_good(registry, device, because=because, at=at)
    return answer


def make_claim(
    records: Records, registry: DeviceRegistry, *, request_pem: str, retire_others: bool,
    at: datetime, by: str,
) -> tuple[ClaimCertificate, IssuedCertificate]:  # fmt: skip
    """Have a claim certificate signed for a key that who asks keeps (DV-04, DV-10).

    With `retire_others` all earlier ones end by it: devices that carry one need the new one.

    Raises:
        BadInput: it is no request for a certificate.
        Unavailable: nothing was signed, or an earlier one may still work: ask again.
    """
    issued = registry.issue_claim(request_pem)
    made = ClaimCertificate(issued.id, at, by, claim_end(at))
    says = f"claim certificate {made.id[:12]} brings devices in until {made.ends_at:%Y-%m-%d}"
    event = Event("DEVICE-CLAIMS", "claim_made", at, by, PROVISION_RATE.id, (made.id,), says)
    known = records.load(ClaimCertificate, made.id)
    if known is None:
        records.commit(Change(saves=(Save(made),), events=(event,)))
    if retire_others:
        for stored in records.find(ClaimCertificate, by="state", value="active"):
            if stored.record.id != made.id:
                retire_claim(records, registry, claim_id=stored.record.id, at=at, by=by)
    return made, issued


def retire_claim(
    records: Records, registry: DeviceRegistry, *, claim_id: str, at: datetime, by: str
) -> ClaimCertificate:
    """End a claim certificate: nobody comes in by it any more (DV-04).

    Raises:
        NotFound: there is no such claim.
        Conflict: somebody else changed it at this moment.
        Unavailable: it is noted, and it may still connect: ask again.
    """
    stored = require(records.load(ClaimCertificate, claim_id), "claim certificate", claim_id)
    claim = stored.record
    if claim.retired_at is None:
        claim = replace(claim, retired_at=at, state="retired")
        says = f"claim certificate {claim.id[:12]} brings nobody in any more"
        event = Event(
            "DEVICE-CLAIMS", "claim_retired", at, by, PROVISION_RATE.id, (claim.id,), says
        )
        records.commit(Change(saves=(stored.replaced_by(claim),), events=(event,)))
    registry.retire(claim_id)
    return claim


# ---------------------------------------------------------------------- within
def _again(act: Callable[[], DeviceSerial | Refused]) -> DeviceSerial | Refused:
    """Decide anew while others change the same at this moment, a few times."""
    for _ in range(_TRIES - 1):
        try:
            return act()
        except Conflict:
            continue
    return act()


def _hour(records: Records, name: str, at: datetime) -> Stored[ProvisionHour]:
    found = hour_id(name, at)
    return records.load(ProvisionHour, found) or Stored(ProvisionHour(found), NEW)


def _changed(stored: Stored[DeviceSerial] | None, answer: DeviceSerial) -> tuple[Save, ...]:
    if stored is None or stored.record == answer:
        return ()
    return (stored.replaced_by(answer),)


def _refused(
    records: Records, wanted: Asked, refused: Refused, *, at: datetime, counts: tuple[Save, ...]
) -> Refused:
    """Note a no under the serial number that was said, known or not."""
    says = f"{wanted.serial} got no certificate: {refused.because}"
    event = _event(wanted, "device_refused", says, refused.rule, at)
    records.commit(Change(saves=counts, events=(event,)))
    return refused


def _over_the_rate(
    records: Records,
    wanted: Asked,
    refused: Refused,
    hours: dict[str, Stored[ProvisionHour]],
    *,
    at: datetime,
) -> Refused:
    """Note once in an hour that a claim asks too often: a flood must not fill the log."""
    subject = f"DEVICE-CLAIM-{hours[wanted.claim_id].record.id}"
    if not records.history(subject):
        says = f"claim {wanted.claim_id[:12]}: {refused.because}; look who has it, and retire it"
        event = Event(subject, "claim_over_rate", at, PROVISIONER, refused.rule, (), says)
        told = replace(event, subject="DEVICE-CLAIMS")
        records.commit(Change(events=(event, told)))
    return refused


def _event(wanted: Asked, what: str, says: str, rule: str, at: datetime) -> Event:
    causes = (wanted.certificate_id, wanted.claim_id)
    return Event(device_subject(wanted.serial), what, at, PROVISIONER, rule, causes, says)


def _serial(serial: str) -> str:
    if not SERIAL.fullmatch(serial):
        msg = f"serial number {serial[:80]!r}: give 3 to 64 letters, digits, - and _"
        raise BadInput(msg)
    return serial


def _thing(site: Site) -> str:
    if not THING.fullmatch(site.gateway_id):
        msg = (
            f"site {site.id}: its gateway {site.gateway_id} has a name that no thing can have: "
            "give it 1 to 64 letters, digits, - and _, and not claim- at its beginning"
        )
        raise BadInput(msg)
    return site.gateway_id


def _new(
    serial: str, site: Site, token: str, *, because: str, at: datetime, by: str
) -> DeviceSerial:
    return DeviceSerial(
        id=serial,
        site_id=site.id,
        gateway_id=site.gateway_id,
        state=DeviceState.ADMITTED,
        admitted_at=at,
        admitted_by=by,
        token_digest=token_digest(token),
        token_ends_at=at + PROVISION_TOKEN.on(at.date()),
        because=because,
    )


def _device_of(records: Records, gateway_id: str) -> Stored[DeviceSerial]:
    """Give the device that is a gateway, or that was it last."""
    found = records.find(DeviceSerial, by="gateway_id", value=gateway_id)
    if not found:
        msg = f"gateway {gateway_id} is no device that was let in: check its thing name"
        raise NotFound(msg)
    now = [one for one in found if one.record.state is not DeviceState.ENDED]
    latest = max(now or found, key=lambda one: one.record.admitted_at)
    # An index may lag behind; the decision rests on the record itself.
    return require(records.load(DeviceSerial, latest.record.id), "device", latest.record.id)


def _ending(
    device: DeviceSerial, what: str, because: str, *, at: datetime, by: str
) -> tuple[Event, ...]:
    causes = tuple(one.id for one in device.working)
    says = f"{device.id} is {device.gateway_id} no more: {because}"
    return tuple(
        Event(subject, what, at, by, DECOMMISSIONED.id, causes, says)
        for subject in (device_subject(device.id), _gateway_subject(device.gateway_id))
    )


def _end_for_good(
    registry: DeviceRegistry, device: DeviceSerial, *, because: str, at: datetime
) -> None:
    """Make inactive all that a device was given, also what an earlier try may have left."""
    for one in device.certificates:
        registry.retire(one.id)
    registry.note(
        device.gateway_id,
        {"state": "decommissioned", "reason": because, "at": f"{at:%Y-%m-%d}"},
    )


__all__ = [
    "admit",
    "decommission",
    "device_subject",
    "make_claim",
    "note_connected",
    "provision",
    "renew",
    "replace_device",
    "retire_claim",
]
