"""Finding a home by what people know of it: address, customer, gateway, serial, project."""

import re
from collections.abc import Iterable
from datetime import date

from cloud.kernel.ports import Records
from cloud.portfolio.models import Project, Site
from cloud.portfolio.organisation import Equipment, serial_key
from cloud.portfolio.policy import SERVED_OFFSETS

MOST = 50
"""Homes that are given; who sees so many says more."""
_WORD = re.compile(r"[^\s,]+")


def homes_like(records: Records, said: str, *, on: date) -> tuple[Site, ...]:
    """Give the homes that a person may mean, in order of their addresses, at most `MOST`.

    A name that is on record as it was written (site, gateway, project, mail address) is looked up
    and decides. Else every home is read, and those are given in whose id, address or customer all
    words are found; where there is none, one whose device has that serial number. That reads the
    whole register: it is for a person who looks for one home, and not for lists.
    """
    text = said.strip()
    if not text:
        return ()
    named = _named(records, text)
    if named:
        return _first(named)
    homes = every_home(records, on=on)
    words = [one.casefold() for one in _WORD.findall(text)]
    alike = [one for one in homes if _has_all(one, words)]
    return _first(alike or _with_serial(records, homes, text))


def every_home(records: Records, *, on: date) -> list[Site]:
    """Give every home on record, clock by clock (P-02)."""
    return [
        stored.record
        for hours in SERVED_OFFSETS.on(on)
        for stored in records.find(Site, by="utc_offset_hours", value=str(hours))
    ]


def _named(records: Records, text: str) -> list[Site]:
    """Give the homes that a name of a record means."""
    site = records.load(Site, text) or records.load(Site, text.upper())
    if site is not None:
        return [site.record]
    for by, value in (("gateway_id", text), ("customer_key", text.casefold())):
        found = records.find(Site, by=by, value=value)
        if found:
            return [one.record for one in found]
    project = records.load(Project, text) or records.load(Project, text.upper())
    of = records.load(Site, project.record.site_id) if project else None
    return [of.record] if of else []


def _has_all(site: Site, words: Iterable[str]) -> bool:
    known = f"{site.id} {site.address} {site.customer_name} {site.gateway_id}".casefold()
    return all(one in known for one in words)


def _with_serial(records: Records, homes: Iterable[Site], text: str) -> list[Site]:
    """Give the homes at which a device of that serial number stands, or stood."""
    wanted, by_id = serial_key(text), {one.id: one for one in homes}
    if not any(one.isdigit() for one in wanted):
        return []
    kept = records.load_all(Equipment, sorted(by_id)) if by_id else {}
    return [
        by_id[name]
        for name, stored in kept.items()
        if any(serial_key(one.serial) == wanted for one in stored.record.devices)
    ]


def _first(homes: Iterable[Site]) -> tuple[Site, ...]:
    return tuple(sorted(homes, key=lambda one: (one.address, one.id))[:MOST])
