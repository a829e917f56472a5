"""What is known of an organisation beside its address: people, licences, contacts, warranties."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput


@dataclass(frozen=True, slots=True)
class Certification:
    """A maker's word that a technician may work on what it makes; good until its last day."""

    manufacturer: str
    number: str
    expires_on: date


@dataclass(frozen=True, slots=True)
class Technician:
    """A person that a partner sends to sites."""

    id: str
    partner_id: str
    name: str
    certifications: tuple[Certification, ...] = ()
    is_active: bool = True

    def certified_by(self, manufacturer: str, *, on: date) -> Certification | None:
        """Give the certification of a maker that holds on a day, the longest one (Q-78)."""
        held = [
            one
            for one in self.certifications
            if one.manufacturer.casefold() == manufacturer.casefold() and one.expires_on >= on
        ]
        return max(held, key=lambda one: one.expires_on, default=None)


@dataclass(frozen=True, slots=True)
class RelationshipManager:
    """The owner's person who looks after some partners (RM in the articles)."""

    id: str
    name: str
    email: str
    partner_ids: tuple[str, ...] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class ContactPeriod:
    """An address that counted as a partner's service contact, from a moment on.

    Attributes:
        until: None while it counts.
    """

    email: str
    since: datetime
    until: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class AskedContact:
    """An address that waits for whoever reads it to confirm it.

    Attributes:
        token_sha256: of the token that was mailed there; the token itself is not kept.
    """

    email: str
    token_sha256: str
    asked_at: datetime
    asked_by: str


@dataclass(frozen=True, slots=True)
class ServiceContact:
    """A partner's contact for service after installation; its id is the partner's (M-74).

    Attributes:
        history: every address that counted, the oldest first: when a clock started is evidence.
        asked: what is to count next, once it was confirmed.
        bounced_at: mail to the address that counts came back; a person corrects it.
        task: ``correct_contact`` while that is so, else empty.
        codes_at: when the codes of the last hour were mailed, whatever the address (M-74c).
    """

    id: str
    history: tuple[ContactPeriod, ...] = ()
    asked: AskedContact | None = None
    bounced_at: datetime | None = None
    task: str = ""
    codes_at: tuple[datetime, ...] = ()

    def at(self, moment: datetime) -> str | None:
        """Give the address that counted at a moment, None from before the history begins."""
        for one in self.history:
            if one.since <= moment and (one.until is None or moment < one.until):
                return one.email
        return None


class OptInState(StrEnum):
    """Where a partner's wish for more work stands."""

    ASKED = "asked"
    GRANTED = "granted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class OptInRequest:
    """A partner's wish to serve systems that others built (R-47).

    Attributes:
        relationship_manager_id: who decides; empty while nobody looks after the partner.
    """

    id: str
    partner_id: str
    relationship_manager_id: str
    says: str
    asked_at: datetime
    asked_by: str
    state: OptInState = OptInState.ASKED
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""


class WarrantyKind(StrEnum):
    """What a warranty covers."""

    WORKMANSHIP = "workmanship"
    ROOF_PENETRATION = "roof_penetration"
    PRODUCT = "product"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Warranty:
    """One warranty of a site, both days included.

    Attributes:
        voided_on: the first day on which it covers nothing any more; a person's act (B-55).
    """

    kind: WarrantyKind
    starts_on: date
    ends_on: date
    voided_on: date | None = None
    void_reason: str = ""
    voided_by: str = ""

    def __post_init__(self) -> None:
        if self.ends_on < self.starts_on:
            msg = f"{self.kind} warranty: it ends on {self.ends_on}, before {self.starts_on}"
            raise BadInput(msg)

    def covers(self, day: date) -> bool:
        """Tell whether it holds on a day (B-55)."""
        is_void = self.voided_on is not None and day >= self.voided_on
        return self.starts_on <= day <= self.ends_on and not is_void


@dataclass(frozen=True, slots=True)
class SiteWarranties:
    """The warranties of one site; its id is the site's."""

    id: str
    warranties: tuple[Warranty, ...]

    def covers(self, kind: WarrantyKind, day: date) -> bool:
        """Tell whether any warranty of a kind holds on a day (B-55)."""
        return any(one.kind is kind and one.covers(day) for one in self.warranties)


@dataclass(frozen=True, slots=True)
class Device:
    """A thing with a serial number at a site.

    Attributes:
        removed_on: the day on which it went; None while it is there.
        replaced_by: serial number of what came in its place.
    """

    serial: str
    kind: str
    installed_on: date
    removed_on: date | None = None
    replaced_by: str = ""


@dataclass(frozen=True, slots=True)
class Equipment:
    """All that was ever built in at a site; its id is the site's."""

    id: str
    devices: tuple[Device, ...] = ()

    def present(self, serial: str) -> Device | None:
        """Give the device with a serial number that is there now."""
        wanted = serial_key(serial)
        for one in self.devices:
            if one.removed_on is None and serial_key(one.serial) == wanted:
                return one
        return None

    def with_device(self, device: Device) -> "Equipment | Refused":
        """Give the register with one more device (P-71); a serial number is there once."""
        if not serial_key(device.serial):
            return Refused("P-71", "a device is known by its serial number", "serial_missing")
        if self.present(device.serial) is not None:
            because = f"{device.serial} is on record at site {self.id} already"
            return Refused("P-71", because, "serial_known")
        return replace(self, devices=(*self.devices, device))

    def exchanged(self, *, old_serial: str, new_serial: str, on: date) -> "Equipment | Refused":
        """Give the register with the new device in the place of the old one (P-71).

        An exchange that is on record changes nothing. What went is kept with the day.
        """
        old, new = self.present(old_serial), self.present(new_serial)
        if old is None:
            was_there = any(
                serial_key(one.serial) == serial_key(old_serial)
                and serial_key(one.replaced_by) == serial_key(new_serial)
                for one in self.devices
            )
            if was_there and new is not None:
                return self
            because = f"{old_serial} is not on record at site {self.id}: check the serial number"
            return Refused("P-71", because, "old_serial_unknown")
        gone = replace(old, removed_on=on, replaced_by=new_serial.strip())
        without = replace(self, devices=tuple(gone if one is old else one for one in self.devices))
        return without.with_device(Device(new_serial.strip(), old.kind, on))


def serial_key(serial: str) -> str:
    """Give a serial number as it is compared: without case and the spaces that people add."""
    return "".join(serial.split()).casefold()
