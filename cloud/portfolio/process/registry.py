"""Putting homes, partners and projects on record, as they are given."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.errors import BadInput
from cloud.kernel.ports import Records
from cloud.portfolio.models import LIVE, ApiClient, Partner, Project, Site
from cloud.portfolio.organisation import RelationshipManager, Technician

Registered = Site | Partner | Project | ApiClient | Technician | RelationshipManager
"""What is put on record as it is."""


def register(records: Records, record: Registered, *, at: datetime, by: str) -> None:
    """Put a new thing on record; the same one again changes nothing.

    A program that called since then is the same one, and keeps the version of its first call.

    Raises:
        Conflict: another one is on record under that id.
        BadInput: the site's gateway speaks for another site already, a program is not of its
            partner's mode (T-91), or a partner is a part of one that cannot have parts (P-84).
    """
    kind = type(record)
    known = records.load(kind, record.id)
    if known is not None and _as_given(known.record, record) == record:
        return
    if isinstance(record, Site):
        spoken_for = records.find(Site, by="gateway_id", value=record.gateway_id)
        others = [one.record.id for one in spoken_for if one.record.id != record.id]
        if others:
            msg = (
                f"registering site {record.id}: gateway {record.gateway_id} speaks for "
                f"{others[0]} already; give each site a gateway of its own"
            )
            raise BadInput(msg)
    if isinstance(record, ApiClient):
        partner = records.load(Partner, record.partner_id)
        if partner is not None and partner.record.mode != record.mode:
            msg = (
                f"registering program {record.id}: it is {record.mode} and partner "
                f"{record.partner_id} is {partner.record.mode}; give both the same mode"
            )
            raise BadInput(msg)
    if isinstance(record, Partner) and record.parent_id:
        parent = records.load(Partner, record.parent_id)
        if parent is None or parent.record.parent_id or parent.record.mode != record.mode:
            msg = (
                f"registering partner {record.id}: {record.parent_id} is no organisation that it "
                "can be a part of; register the whole first, in the same mode"
            )
            raise BadInput(msg)
    event = Event(
        subject=record.id,
        what=f"{kind.__name__.lower()}_registered",
        at=at,
        by=by,
        says=f"{kind.__name__} {record.id} is on record",
    )
    records.commit(Change(saves=(Save(record, NEW),), events=(event,)))


def _as_given(known: Registered, record: Registered) -> Registered:
    """Give what is on record as it was given, before its first call said its version."""
    if isinstance(known, ApiClient) and isinstance(record, ApiClient) and not record.version:
        return replace(known, version="")
    return known


def all_partners(records: Records) -> list[Partner]:
    """Give all partners: who is not active any more is still owed what was earned."""
    return [
        stored.record
        for active in ("True", "False")
        for stored in records.find(Partner, by="active", value=active)
    ]


def paid_partners(records: Records) -> list[Partner]:
    """Give the partners that money moves for: all but those that are tried out (T-91)."""
    return [partner for partner in all_partners(records) if partner.mode == LIVE]
