"""What changes in an organisation: its people and papers, its wish for work, its record."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio import letters
from cloud.portfolio.models import Licence, Partner, Site
from cloud.portfolio.organisation import (
    Certification,
    OptInRequest,
    OptInState,
    RelationshipManager,
    Technician,
)
from cloud.portfolio.process.registry import register

_BEST = 100


def technicians_of(records: Records, partner_id: str) -> tuple[Technician, ...]:
    """Give everybody that was ever recorded as a partner's technician."""
    found = records.find(Technician, by="partner_id", value=partner_id)
    return tuple(one.record for one in found)


def put_technician(records: Records, wanted: Technician, *, at: datetime, by: str) -> Technician:
    """Put a partner's technician on record, or change what one of its own may do there (Q-79).

    The name stays as it was first given.

    Raises:
        NotFound: there is no such partner, or the technician is another partner's.
    """
    require(records.load(Partner, wanted.partner_id), "partner", wanted.partner_id)
    if records.load(Technician, wanted.id) is None:
        register(records, wanted, at=at, by=by)
        return wanted
    return set_certifications(
        records,
        partner_id=wanted.partner_id,
        technician_id=wanted.id,
        certifications=wanted.certifications,
        is_active=wanted.is_active,
        at=at,
        by=by,
    )


def set_certifications(
    records: Records,
    *,
    partner_id: str,
    technician_id: str,
    certifications: Sequence[Certification],
    is_active: bool,
    at: datetime,
    by: str,
) -> Technician:
    """Put what a technician is certified for, and whether it still works there (Q-79).

    Raises:
        NotFound: the partner has no technician of that id; another partner's is none of its own.
    """
    found = records.load(Technician, technician_id)
    own = found if found is not None and found.record.partner_id == partner_id else None
    stored = require(own, "technician", technician_id)
    after = replace(stored.record, certifications=tuple(certifications), is_active=is_active)
    if after == stored.record:
        return after
    makers = ", ".join(f"{one.manufacturer} to {one.expires_on}" for one in certifications)
    says = f"technician {after.name}: {makers or 'no certification'}"
    event = Event(technician_id, "certifications_set", at, by, "Q-79", (after.partner_id,), says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def change_licences(
    records: Records,
    *,
    partner_id: str,
    licences: Sequence[Licence],
    at: datetime,
    by: str,
) -> Partner | Refused:
    """Put the licences of a partner, one a state (Q-79); the log keeps what they were.

    The last one is let expire, not taken away: without any on record its word would hold again.
    """
    stored = require(records.load(Partner, partner_id), "partner", partner_id)
    if len({one.state for one in licences}) < len(licences):
        return Refused("Q-79", "a partner has one licence a state", "duplicate_state")
    if stored.record.licences and not licences:
        because = "a licence that ended is kept with its last day"
        return Refused("Q-79", because, "licences_missing")
    after = replace(stored.record, licences=tuple(licences))
    if after == stored.record:
        return after
    told = ", ".join(f"{one.state} {one.number} to {one.expires_on}" for one in licences)
    event = Event(partner_id, "licences_set", at, by, "Q-79", says=f"licences: {told}")
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def relationship_manager_of(records: Records, partner_id: str) -> RelationshipManager | None:
    """Give who looks after a partner; None while nobody does."""
    found = records.find(RelationshipManager, by="is_active", value="True")
    return next((one.record for one in found if partner_id in one.record.partner_ids), None)


def request_opt_in(
    records: Records, *, partner_id: str, says: str, at: datetime, by: str
) -> OptInRequest | Refused:
    """Ask the relationship manager for service work on systems that others built (R-47).

    One request is open at a time: asking again gives that one, and asking with other words is
    refused, so that nobody believes them read.
    """
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    if partner.opted_in:
        return Refused("R-47", f"partner {partner_id} takes such work already", "already_opted_in")
    earlier = records.find(OptInRequest, by="partner_id", value=partner_id)
    waiting = [one.record for one in earlier if one.record.state is OptInState.ASKED]
    if waiting:
        if says in {"", waiting[0].says}:
            return waiting[0]
        because = "a wish of yours waits for its answer: write to your relationship manager"
        return Refused("R-47", because, "conflict")
    manager = relationship_manager_of(records, partner_id)
    request = OptInRequest(
        id=derived("OPT", partner_id, len(earlier) + 1),
        partner_id=partner_id,
        relationship_manager_id=manager.id if manager else "",
        says=says,
        asked_at=at,
        asked_by=by,
    )
    event = Event(
        request.id, "opt_in_asked", at, by, "R-47", (partner_id,), f"{partner.name} asks: {says}"
    )
    told: tuple[Letter, ...] = ()
    if manager is not None:
        told = (letters.opt_in_asked(request, partner=partner, manager=manager, at=at),)
    records.commit(Change(saves=(Save(request, NEW),), events=(event,), letters=told))
    return request


def decide_opt_in(
    records: Records,
    *,
    request_id: str,
    state: OptInState,
    reason: str,
    at: datetime,
    by: str,
) -> OptInRequest | Refused:
    """Grant or decline a wish for more work (R-47).

    The caller has seen to it that `by` is a relationship manager; another one's partner is refused.
    A granted one is considered from the next work order on.
    """
    stored = require(records.load(OptInRequest, request_id), "request", request_id)
    request = stored.record
    if request.relationship_manager_id not in {"", by}:
        because = f"request {request_id} is decided by {request.relationship_manager_id}"
        return Refused("R-47", because, "not_your_partner")
    if request.state is state:
        return request
    if request.state is not OptInState.ASKED or state is OptInState.ASKED:
        return Refused("R-47", f"request {request_id} stands as {request.state}", "conflict")
    if state is OptInState.DECLINED and not reason.strip():
        return Refused("R-47", "a refusal says why", "reason_missing")
    known = require(records.load(Partner, request.partner_id), "partner", request.partner_id)
    after = replace(request, state=state, decided_at=at, decided_by=by, reason=reason)
    says = f"{by} {state} that partner {request.partner_id} takes more work: {reason}"
    event = Event(request_id, f"opt_in_{state}", at, by, "R-47", (request.partner_id,), says)
    change = Change(
        saves=(stored.replaced_by(after),),
        events=(event,),
        letters=(letters.opt_in_decided(after, partner=known.record, at=at),),
    )
    if state is OptInState.GRANTED:
        opted_in = Event(request.partner_id, "opted_in", at, by, "R-47", (request_id,), says)
        change += Change(
            saves=(known.replaced_by(replace(known.record, opted_in=True)),), events=(opted_in,)
        )
    records.commit(change)
    return after


def change_installer(
    records: Records, *, site_id: str, partner_id: str, reason: str, at: datetime, by: str
) -> Site | Refused:
    """Let another partner answer for a site's workmanship, for new work orders only (R-43, B-53).

    Who built the system stays on record beside it, and open work orders keep whom they name: a
    back-bill follows the order, not the site.
    """
    stored = require(records.load(Site, site_id), "site", site_id)
    known = require(records.load(Partner, partner_id), "partner", partner_id)
    site = stored.record
    if site.answers_for_workmanship == partner_id:
        return site
    if not reason.strip():
        return Refused("R-43", "a change of the installer says why", "reason_missing")
    after = replace(site, workmanship_partner_id=partner_id)
    says = f"partner {partner_id} answers for site {site_id}'s workmanship from now on: {reason}"
    causes = (site.answers_for_workmanship, partner_id)
    event = Event(site_id, "installer_changed", at, by, "R-43", causes, says)
    records.commit(
        Change(saves=(stored.replaced_by(after),), events=(event,), relies_on=(known.relied_on(),))
    )
    return after


def record_performance(
    records: Records, *, partner_id: str, performance: int, as_of: datetime, by: str
) -> Partner:
    """Note how well a partner works, as the scorecard has it, for routing (R-42).

    What was worked out earlier than what is on record changes nothing.

    Raises:
        BadInput: it is not 0 to 100.
    """
    if not 0 <= performance <= _BEST:
        msg = f"performance of partner {partner_id}: {performance} is not 0 to {_BEST}"
        raise BadInput(msg)
    stored: Stored[Partner] = require(records.load(Partner, partner_id), "partner", partner_id)
    partner = stored.record
    if partner.performance_as_of is not None and as_of <= partner.performance_as_of:
        return partner
    after = replace(partner, performance=performance, performance_as_of=as_of)
    says = (
        f"partner {partner_id} performs at {performance} of {_BEST}, before {partner.performance}"
    )
    event = Event(partner_id, "performance_recorded", as_of, by, "R-42", says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after
