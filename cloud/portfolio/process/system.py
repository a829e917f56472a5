"""What is built in at a site, and what warrants it."""

from dataclasses import replace
from datetime import date, datetime

from cloud.kernel.calendar import DAY
from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.fitness import warranties_on_record
from cloud.portfolio.models import Site
from cloud.portfolio.organisation import (
    Device,
    Equipment,
    SiteWarranties,
    Warranty,
    WarrantyKind,
)


def warranties_of(records: Records, site: Site) -> SiteWarranties:
    """Give the warranties of a site, the one of the workmanship that came with it included."""
    stored = records.load(SiteWarranties, site.id)
    return warranties_on_record(site, stored.record if stored else None)


def workmanship_until(records: Records, site: Site) -> date:
    """Give the last day on which anybody answers for a site's workmanship (B-55)."""
    kept = warranties_of(records, site).warranties
    lasts = [
        one.ends_on if one.voided_on is None else min(one.ends_on, one.voided_on - DAY)
        for one in kept
        if one.kind is WarrantyKind.WORKMANSHIP
    ]
    return max(lasts, default=site.workmanship_until)


def grant_warranty(
    records: Records, *, site_id: str, warranty: Warranty, at: datetime, by: str
) -> SiteWarranties:
    """Put one more warranty of a site on record (B-55); the same one again changes nothing."""
    stored = _warranties(records, site_id)
    if warranty in stored.record.warranties:
        return stored.record
    after = replace(stored.record, warranties=(*stored.record.warranties, warranty))
    says = f"{warranty.kind} warranty from {warranty.starts_on} to {warranty.ends_on}"
    event = Event(site_id, "warranty_granted", at, by, "B-55", says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def void_warranty(
    records: Records,
    *,
    site_id: str,
    kind: WarrantyKind,
    on: date,
    reason: str,
    at: datetime,
    by: str,
) -> SiteWarranties | Refused:
    """Void the warranties of a kind that hold on a day, from that day on (B-55).

    A person does this and says why; nothing that detection or a report finds does it.
    """
    stored = _warranties(records, site_id)
    if not reason.strip():
        return Refused("B-55", "voiding a warranty says why", "reason_missing")
    known = stored.record.warranties
    after = replace(
        stored.record,
        warranties=tuple(
            replace(one, voided_on=on, void_reason=reason, voided_by=by)
            if one.kind is kind and one.covers(on)
            else one
            for one in known
        ),
    )
    if after == stored.record:
        if any(one.kind is kind and one.voided_on == on for one in known):
            return stored.record
        return Refused("B-55", f"no {kind} warranty of site {site_id} holds on {on}", "conflict")
    says = f"{by} voided the {kind} warranty of site {site_id} from {on}: {reason}"
    event = Event(site_id, "warranty_voided", at, by, "B-55", says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def equipment_of(records: Records, site_id: str) -> Stored[Equipment]:
    """Give the register of a site's devices, to be read or written with another change."""
    return records.load(Equipment, site_id) or Stored(Equipment(site_id), 0)


def install_equipment(
    records: Records, *, site_id: str, device: Device, at: datetime, by: str
) -> Equipment | Refused:
    """Put a device of a site on record (P-71); the same one again changes nothing."""
    require(records.load(Site, site_id), "site", site_id)
    stored = equipment_of(records, site_id)
    if device in stored.record.devices:
        return stored.record
    after = stored.record.with_device(device)
    if isinstance(after, Refused):
        return after
    says = f"{device.kind} {device.serial} is at site {site_id} since {device.installed_on}"
    event = Event(site_id, "device_installed", at, by, "P-71", says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def replace_equipment(
    records: Records,
    *,
    site_id: str,
    old_serial: str,
    new_serial: str,
    on: date,
    at: datetime,
    by: str,
) -> Equipment | Refused:
    """Put a new device in the place of an old one (P-71); the same again changes nothing."""
    stored = equipment_of(records, site_id)
    after = stored.record.exchanged(old_serial=old_serial, new_serial=new_serial, on=on)
    if isinstance(after, Refused) or after == stored.record:
        return after
    says = f"{old_serial} went and {new_serial} came at site {site_id}"
    event = Event(site_id, "device_exchanged", at, by, "P-71", says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def _warranties(records: Records, site_id: str) -> Stored[SiteWarranties]:
    """Give the record to be written: what came with the site is on it from the first write."""
    site = require(records.load(Site, site_id), "site", site_id).record
    stored = records.load(SiteWarranties, site_id)
    if stored is None:
        return Stored(warranties_on_record(site, None), 0)
    return Stored(warranties_on_record(site, stored.record), stored.version)
