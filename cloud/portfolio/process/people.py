"""Organisations and their parts, and who of a partner's people may see and do what with money."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import ApiClient, Partner
from cloud.portfolio.papers import PartnerPerson, PartnerRole, RoleHolders, may_grant
from cloud.portfolio.policy import ORGANISATION_LEVELS, ROLE_GRANTED_BY
from cloud.portfolio.process.registry import all_partners

Holder = PartnerPerson | ApiClient
"""Who may hold a role: a person, or a program."""


# ---------------------------------------------------------------------- organisations
def reaches(records: Records, *, of: str, other: str) -> bool:
    """Tell whether an organisation is another one itself or has it as a part (P-84).

    A part does not reach the organisation that it belongs to, nor the other parts.
    """
    if not of or of == other:
        return bool(of)
    found = records.load(Partner, other)
    return found is not None and found.record.parent_id == of


def set_parent(
    records: Records, *, partner_id: str, parent_id: str, at: datetime, by: str
) -> Partner | Refused:
    """Make an organisation a part of another one, or of none again (P-84).

    The other one is written too, so that it cannot become a part itself at the same time.

    Raises:
        NotFound: one of the two is not known.
    """
    stored = require(records.load(Partner, partner_id), "partner", partner_id)
    partner = stored.record
    if partner.parent_id == parent_id:
        return partner
    saves = [stored.replaced_by(replace(partner, parent_id=parent_id))]
    if parent_id:
        parent = require(records.load(Partner, parent_id), "partner", parent_id)
        wrong = _no_part(records, partner, parent.record)
        if wrong is not None:
            return wrong
        saves.append(parent.replaced_by(parent.record))
    belongs = f"is a part of {parent_id}" if parent_id else "stands by itself"
    event = Event(
        partner_id,
        "organisation_moved",
        at,
        by,
        ORGANISATION_LEVELS.id,
        says=f"partner {partner_id} {belongs}",
    )
    records.commit(Change(saves=tuple(saves), events=(event,)))
    return replace(partner, parent_id=parent_id)


def _no_part(records: Records, partner: Partner, parent: Partner) -> Refused | None:
    rule = ORGANISATION_LEVELS.id
    if parent.id == partner.id:
        return Refused(rule, f"partner {partner.id} is no part of itself", "own_parent")
    if parent.mode != partner.mode:
        because = f"partner {parent.id} is {parent.mode} and {partner.id} is {partner.mode}"
        return Refused(rule, because, "other_mode")
    if parent.parent_id:
        because = f"partner {parent.id} is a part itself: name {parent.parent_id}"
        return Refused(rule, because, "too_deep")
    ids = [one.id for one in all_partners(records)]
    now = records.load_all(Partner, ids).values()
    parts = [one.record.id for one in now if one.record.parent_id == partner.id]
    if parts:
        because = f"partner {partner.id} has parts of its own: {', '.join(sorted(parts))}"
        return Refused(rule, because, "too_deep")
    return None


# ---------------------------------------------------------------------- people
def people_of(records: Records, partner_id: str) -> tuple[Holder, ...]:
    """Give a partner's people and programs, those that are gone included."""
    people = records.find(PartnerPerson, by="partner_id", value=partner_id)
    programs = records.find(ApiClient, by="partner_id", value=partner_id)
    return (*(one.record for one in people), *(one.record for one in programs))


def add_person(
    records: Records,
    *,
    person_id: str,
    partner_id: str,
    name: str,
    email: str,
    at: datetime,
    by: str,
) -> PartnerPerson | Refused:
    """Put a person of a partner on record, without any role; the same one again changes nothing."""
    require(records.load(Partner, partner_id), "partner", partner_id)
    known = records.load(PartnerPerson, person_id)
    if known is not None:
        told = (known.record.partner_id, known.record.name, known.record.email)
        if told == (partner_id, name, email):
            return known.record
    if known is not None or records.load(ApiClient, person_id) is not None:
        because = f"{person_id} names somebody else already: give the person an id of its own"
        return Refused(ROLE_GRANTED_BY.id, because, "conflict")
    made = PartnerPerson(person_id, partner_id, name, email)
    says = f"{name} is one of the people of partner {partner_id}"
    event = Event(person_id, "person_added", at, by, ROLE_GRANTED_BY.id, (partner_id,), says)
    records.commit(Change(saves=(Save(made, NEW),), events=(event,)))
    return made


def retire_person(
    records: Records, *, person_id: str, at: datetime, by: str
) -> PartnerPerson | Refused:
    """Let a person go; whoever holds a role loses that first (P-80)."""
    stored = require(records.load(PartnerPerson, person_id), "person", person_id)
    if not stored.record.is_active:
        return stored.record
    if stored.record.roles:
        because = f"person {person_id} holds a role: take that first"
        return Refused(ROLE_GRANTED_BY.id, because, "has_role")
    after = replace(stored.record, is_active=False)
    says = f"{after.name} is no longer one of the people of partner {after.partner_id}"
    event = Event(person_id, "person_retired", at, by, ROLE_GRANTED_BY.id, says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def grant_role(
    records: Records, *, holder_id: str, role: PartnerRole, granter_id: str, at: datetime
) -> Holder | Refused:
    """Let an Accounting Admin of the organisation, or of its parent, grant the role (P-80).

    Raises:
        NotFound: holder or granter is neither a person nor a program on record.
    """
    stored = _holder(records, holder_id)
    granter = _holder(records, granter_id)
    if role in stored.record.roles:
        return stored.record
    if not _may_decide(records, granter.record, stored.record, at):
        return _not_yours(granter_id, stored.record)
    if not _is_active(stored.record):
        return _gone(stored.record)
    return _write(records, stored, role, gains=True, relies_on=granter, at=at, by=granter_id)


def grant_first_role(
    records: Records, *, holder_id: str, role: PartnerRole, at: datetime, by: str
) -> Holder | Refused:
    """Let the owner's administrator make the first Accounting Admin of an organisation (P-80).

    Refused: it has one already, who makes any other. While only persons hold the role, who call no
    API, the first program is made here too.
    """
    stored = _holder(records, holder_id)
    if role in stored.record.roles:
        return stored.record
    others = _who_grants(records, stored.record)
    if others:
        because = (
            f"organisation {stored.record.partner_id} has an Accounting Admin ({others[0]}), "
            "who grants the role to others"
        )
        return Refused(ROLE_GRANTED_BY.id, because, "has_accounting_admin")
    if not _is_active(stored.record):
        return _gone(stored.record)
    return _write(records, stored, role, gains=True, relies_on=None, at=at, by=by)


def _who_grants(records: Records, gains: Holder) -> tuple[str, ...]:
    """Give the Accounting Admins that the organisation has for it: for a program, the programs."""
    holders = _roster(records, gains.partner_id).record.holders
    if not isinstance(gains, ApiClient):
        return holders
    return tuple(sorted(records.load_all(ApiClient, list(holders))))


def revoke_role(
    records: Records, *, holder_id: str, role: PartnerRole, revoker_id: str, at: datetime
) -> Holder | Refused:
    """Let an Accounting Admin take the role from another, or lay it down; never the last (P-80).

    Raises:
        NotFound: one of the two is neither a person nor a program on record.
    """
    stored = _holder(records, holder_id)
    revoker = _holder(records, revoker_id)
    if role not in stored.record.roles:
        return stored.record
    if not _may_decide(records, revoker.record, stored.record, at):
        return _not_yours(revoker_id, stored.record)
    if _roster(records, stored.record.partner_id).record.holders == (holder_id,):
        because = f"{holder_id} is the organisation's last Accounting Admin: ask the administrator"
        return Refused(ROLE_GRANTED_BY.id, because, "last_accounting_admin")
    return _write(records, stored, role, gains=False, relies_on=revoker, at=at, by=revoker_id)


def revoke_role_as_owner(
    records: Records, *, holder_id: str, role: PartnerRole, at: datetime, by: str
) -> Holder:
    """Let the owner's administrator take the role, from the last one too (P-80)."""
    stored = _holder(records, holder_id)
    if role not in stored.record.roles:
        return stored.record
    return _write(records, stored, role, gains=False, relies_on=None, at=at, by=by)


def holder(records: Records, holder_id: str) -> Holder:
    """Give a person or a program of a partner.

    Raises:
        NotFound: it is neither; a vendor's program is none.
    """
    return _holder(records, holder_id).record


def _holder(records: Records, holder_id: str) -> Stored[Holder]:
    person = records.load(PartnerPerson, holder_id)
    if person is not None:
        return Stored(person.record, person.version)
    found = records.load(ApiClient, holder_id)
    ours = found if found is not None and found.record.partner_id else None
    program = require(ours, "person or program", holder_id)
    return Stored(program.record, program.version)


def _may_decide(records: Records, granter: Holder, of: Holder, at: datetime) -> bool:
    return may_grant(
        granter_roles=granter.roles,
        same_organisation=reaches(records, of=granter.partner_id, other=of.partner_id),
        is_active=_is_active(granter),
        on=eastern_day(at),
    )


def _is_active(one: Holder) -> bool:
    """Tell whether somebody may act: a person who is there, a program that was not stopped."""
    return not one.is_stopped if isinstance(one, ApiClient) else one.is_active


def _gone(one: Holder) -> Refused:
    if isinstance(one, ApiClient):
        return Refused(ROLE_GRANTED_BY.id, f"program {one.id} was stopped", "program_stopped")
    return Refused(ROLE_GRANTED_BY.id, f"person {one.id} is gone", "person_gone")


def _not_yours(granter_id: str, one: Holder) -> Refused:
    because = f"{granter_id} is no Accounting Admin of organisation {one.partner_id}"
    return Refused(ROLE_GRANTED_BY.id, because, "not_accounting_admin")


def _roster(records: Records, partner_id: str) -> Stored[RoleHolders]:
    """Give who holds the role; until it was first written, as the people and programs say."""
    stored = records.load(RoleHolders, partner_id)
    if stored is not None:
        return stored
    everybody = people_of(records, partner_id)
    holders = (one.id for one in everybody if PartnerRole.ACCOUNTING_ADMIN in one.roles)
    return Stored(RoleHolders(partner_id, tuple(sorted(holders))), NEW)


def _write(
    records: Records,
    stored: Stored[Holder],
    role: PartnerRole,
    *,
    gains: bool,
    relies_on: Stored[Holder] | None,
    at: datetime,
    by: str,
) -> Holder:
    known = stored.record
    change: Callable[[frozenset[str], frozenset[str]], frozenset[str]] = (
        frozenset.union if gains else frozenset.difference
    )
    after = replace(known, roles=change(known.roles, frozenset({role.value})))
    roster = _roster(records, known.partner_id)
    names = change(frozenset(roster.record.holders), frozenset({known.id}))
    what = "role_granted" if gains else "role_revoked"
    says = f"{by} {'made' if gains else 'no longer has'} {known.id} {role.replace('_', ' ')}"
    event = Event(known.id, what, at, by, ROLE_GRANTED_BY.id, (known.partner_id,), says)
    is_self = relies_on is not None and relies_on.record.id == known.id
    records.commit(
        Change(
            saves=(
                stored.replaced_by(after),
                roster.replaced_by(replace(roster.record, holders=tuple(sorted(names)))),
            ),
            events=(event,),
            relies_on=(relies_on.relied_on(),) if relies_on is not None and not is_self else (),
        )
    )
    return after
