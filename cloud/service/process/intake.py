"""Taking up what detection found: one case per issue, somebody to look after it, and its end."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Site
from cloud.service import letters
from cloud.service.cases import comes_back, slot_id, support_owner
from cloud.service.clocks import timers_of
from cloud.service.emergency import is_emergency
from cloud.service.models import (
    SPC_QUEUE,
    Case,
    CaseOwner,
    CaseSlot,
    CaseSource,
    CaseState,
    Finding,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.process.dispatch import drafted, offered_next
from cloud.service.process.saving import load_order

BY_DETECTION = "detection"
_MOST = 500
"""Findings and lines of evidence that a case keeps, the latest: a flapping bit makes many."""
_OVER = frozenset({WorkOrderState.COMPLETED, WorkOrderState.CANCELLED})


def take_up(records: Records, *, finding: Finding, at: datetime, spc_id: str = SPC_QUEUE) -> Case:
    """Open a case for a finding, or add it to the one that is open (D-14, C-15, C-16, D-15, R-43).

    Opening tells the customer. What comes back soon after it was resolved is the same case again.
    A finding that is sure enough to send somebody issues a work order, also when the case was
    opened on an earlier, less certain one. The same finding again changes nothing.
    """
    site = require(records.load(Site, finding.site_id), "site", finding.site_id).record
    opened = records.load(Case, derived("CASE", finding.id))
    if opened is not None:
        return opened.record
    slot = records.load(CaseSlot, slot_id(finding.site_id, finding.family))
    if slot is None:
        return _open(records, None, site=site, finding=finding, at=at, spc_id=spc_id)
    latest = require(records.load(Case, slot.record.case_id), "case", slot.record.case_id)
    if finding.id in latest.record.findings:
        return latest.record
    if comes_back(latest.record, at):
        return _reopen(records, latest, site=site, finding=finding, at=at, spc_id=spc_id)
    if not latest.record.is_open:
        return _open(records, slot, site=site, finding=finding, at=at, spc_id=spc_id)
    return _append(records, latest, site=site, finding=finding, at=at, spc_id=spc_id)


def record_recovery(records: Records, *, site_id: str, family: str, at: datetime) -> Case | None:
    """Note that telemetry is well again, and close the case if the work is done.

    A case that nobody went for closes as well. While a partner is on its way the recovery is kept,
    and the report closes the case. Without a case there is nothing to do.
    """
    slot = records.load(CaseSlot, slot_id(site_id, family))
    if slot is None:
        return None
    stored = require(records.load(Case, slot.record.case_id), "case", slot.record.case_id)
    case = stored.record
    if not case.is_open or case.recovered_at is not None:
        return case
    case = replace(case, recovered_at=at)
    says = f"the readings of site {site_id} are well again"
    seen = Event(case.id, "recovered", at, BY_DETECTION, case.rule, case.causes, says)
    if case.state is CaseState.WORK_ORDERED:
        records.commit(Change(saves=(stored.replaced_by(case),), events=(seen,)))
        return case
    case, event, letter = resolved(records, case, at=at)
    records.commit(
        Change(saves=(stored.replaced_by(case),), events=(seen, event), letters=(letter,))
    )
    return case


def resolved(records: Records, case: Case, *, at: datetime) -> tuple[Case, Event, Letter]:
    """Give the case as resolved, with the letter that tells the customer."""
    site = require(records.load(Site, case.site_id), "site", case.site_id).record
    case = replace(case, state=CaseState.RESOLVED, resolved_at=at)
    says = f"case {case.id} is resolved: the readings are well again"
    event = Event(case.id, "case_resolved", at, BY_DETECTION, case.rule, case.causes, says)
    return case, event, letters.case_resolved(case, site=site, at=at)


def _open(
    records: Records,
    slot: Stored[CaseSlot] | None,
    *,
    site: Site,
    finding: Finding,
    at: datetime,
    spc_id: str,
) -> Case:
    owner = CaseOwner(
        support_owner(omnidian_onboarded=site.omnidian_onboarded, on=finding.opened_on)
    )
    case = Case(
        id=derived("CASE", finding.id),
        source=CaseSource.DETECTION,
        family=finding.family,
        site_id=site.id,
        owner=owner,
        state=CaseState.OPEN if owner is CaseOwner.AMS else CaseState.WITH_OMNIDIAN,
        rule=finding.rule,
        is_emergency=_is_emergency(finding),
        opened_at=at,
        findings=(finding.id,),
        evidence=finding.evidence,
        causes=finding.causes,
        pictures=_pictures(finding),
    )
    taken = CaseSlot(slot_id(site.id, finding.family), case.id)
    opening = Change(
        saves=(slot.replaced_by(taken) if slot else Save(taken, NEW),),
        events=(_event(case, "case_opened", finding, at),),
        letters=(letters.case_opened(case, site=site, finding=finding, at=at),),
    )
    case, sending = _sent(records, case, site=site, finding=finding, at=at, spc_id=spc_id)
    records.commit(Change(saves=(Save(case, NEW),)) + opening + sending)
    return case


def _reopen(
    records: Records,
    stored: Stored[Case],
    *,
    site: Site,
    finding: Finding,
    at: datetime,
    spc_id: str,
) -> Case:
    """Open a case again: a first fix that missed (C-16)."""
    owner = stored.record.owner
    case = replace(
        _with(stored.record, finding),
        is_emergency=_is_emergency(finding),
        state=CaseState.OPEN if owner is CaseOwner.AMS else CaseState.WITH_OMNIDIAN,
        reopened=stored.record.reopened + 1,
        visited_at=None,
        resolved_at=None,
    )
    again = Change(
        events=(_event(case, "case_reopened", finding, at),),
        letters=(letters.case_opened(case, site=site, finding=finding, at=at),),
    )
    case, sending = _sent(records, case, site=site, finding=finding, at=at, spc_id=spc_id)
    records.commit(Change(saves=(stored.replaced_by(case),)) + again + sending)
    return case


def _append(
    records: Records,
    stored: Stored[Case],
    *,
    site: Site,
    finding: Finding,
    at: datetime,
    spc_id: str,
) -> Case:
    case = _with(stored.record, finding)
    noted = Change(events=(_event(case, "evidence_added", finding, at),))
    if case.is_emergency and not stored.record.is_emergency:
        noted += _escalated(records, case, site=site, finding=finding, at=at)
    case, sending = _sent(records, case, site=site, finding=finding, at=at, spc_id=spc_id)
    records.commit(Change(saves=(stored.replaced_by(case),)) + noted + sending)
    return case


def _escalated(
    records: Records, case: Case, *, site: Site, finding: Finding, at: datetime
) -> Change:
    """Give what follows when a case under way turns out to be dangerous (E-31, E-32b).

    The customer is warned. Work that was ordered already is an emergency from now on: its partner
    is written to at once, and has to be phoned.
    """
    change = Change(letters=(letters.danger(case, site=site, finding=finding, at=at),))
    for found in records.find(WorkOrder, by="case_id", value=case.id):
        stored = load_order(records, found.record.id)
        order = stored.record
        if order.state in _OVER or order.is_emergency:
            continue
        task = Task.PHONE_PARTNER if order.partner_id else Task.CHOOSE_PARTNER
        order = replace(order, is_emergency=True, emergency_since=at, task=task)
        says = f"work order {order.id} is an emergency now: {finding.says}"
        event = Event(order.id, "became_emergency", at, BY_DETECTION, "E-31", (finding.id,), says)
        timers, cancelled = timers_of(order, now=at)
        change += Change(
            saves=(stored.replaced_by(order),),
            events=(event,),
            timers=timers,
            cancelled_timers=cancelled,
        )
        if order.partner_id:
            partner = require(records.load(Partner, order.partner_id), "partner", order.partner_id)
            letter = letters.became_emergency(order, partner=partner.record, finding=finding, at=at)
            change += Change(letters=(letter,))
    return change


def _with(case: Case, finding: Finding) -> Case:
    """Give the case with one more finding and all that it rests on."""
    return replace(
        case,
        is_emergency=case.is_emergency or _is_emergency(finding),
        findings=(*case.findings, finding.id)[-_MOST:],
        evidence=tuple(dict.fromkeys((*case.evidence, *finding.evidence)))[-_MOST:],
        causes=tuple(dict.fromkeys((*case.causes, *finding.causes))),
        pictures=tuple(dict.fromkeys((*case.pictures, *_pictures(finding)))),
        recovered_at=None,
    )


def _pictures(finding: Finding) -> tuple[str, ...]:
    return (finding.picture,) if finding.picture else ()


def _sent(
    records: Records, case: Case, *, site: Site, finding: Finding, at: datetime, spc_id: str
) -> tuple[Case, Change]:
    """Give the case with its work order, if somebody has to go and nobody was sent (D-15)."""
    if case.state is not CaseState.OPEN or not (finding.dispatchable or case.is_emergency):
        return case, Change()
    count = len(records.find(WorkOrder, by="case_id", value=case.id))
    draft = drafted(
        case,
        site=site,
        finding=finding,
        number=derived("WO", case.id, count + 1),
        spc_id=spc_id,
        at=at,
    )
    order, events, sent = offered_next(records, draft, site=site, at=at)
    says = f"work order {order.id} was issued for case {case.id}"
    issued = Event(order.id, "issued", at, BY_DETECTION, "A-81", (case.id, finding.id), says)
    change = Change(saves=(Save(order, NEW),), events=(issued, *events), letters=sent)
    return replace(case, state=CaseState.WORK_ORDERED), change


def _is_emergency(finding: Finding) -> bool:
    return is_emergency(finding.hazard, grid_outage=finding.is_grid_out, on=finding.opened_on)


def _event(case: Case, what: str, finding: Finding, at: datetime) -> Event:
    causes = (finding.id, *finding.causes)
    return Event(case.id, what, at, BY_DETECTION, finding.rule, causes, finding.says)
