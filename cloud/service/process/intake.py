"""Taking up what detection found or a person told: one case per issue, and somebody to look."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Site
from cloud.service import customer_letters, desk_letters
from cloud.service.cases import (
    Desks,
    case_family,
    comes_back,
    hazard_of,
    is_intake,
    local_day,
    slot_id,
    support_owner,
)
from cloud.service.emergency import is_emergency
from cloud.service.models import (
    SPC_QUEUE,
    Case,
    CaseOwner,
    CaseSlot,
    CaseSource,
    CaseState,
    CaseTask,
    CustomerReport,
    Finding,
    ReportedFamily,
)
from cloud.service.process.issuing import escalated, issued
from cloud.service.process.saving import orders_of
from cloud.service.verification import is_new_since

BY_DETECTION = "detection"
_MOST = 500
"""Findings and lines of evidence that a case keeps, the latest: a flapping bit makes many."""
_FAULT_OF_THE_INVERTER = "INVERTER"
_MISSING_PRODUCTION = "PRODUCTION"


@dataclass(frozen=True, slots=True)
class _Sign:
    """One thing that was found or told, and who is told of it.

    Attributes:
        report: None where detection found it.
    """

    site: Site
    finding: Finding
    desks: Desks
    at: datetime
    by: str
    report: CustomerReport | None = None

    @property
    def source(self) -> CaseSource:
        return self.report.source if self.report else CaseSource.DETECTION

    @property
    def is_emergency(self) -> bool:
        found = self.finding
        return is_emergency(found.hazard, grid_outage=found.is_grid_out, on=found.opened_on)

    def event(self, case: Case, what: str, rule: str = "") -> Event:
        causes = (self.finding.id, *self.finding.causes)
        return Event(
            case.id, what, self.at, self.by, rule or self.finding.rule, causes, self.finding.says
        )


def take_up(
    records: Records,
    *,
    finding: Finding,
    at: datetime,
    spc_id: str = SPC_QUEUE,
    desks: Desks | None = None,
) -> Case:
    """Open a case for a finding, or add it to the one that is open (D-14, C-15, C-16, D-15, R-43).

    Opening tells the customer. What comes back soon after it was resolved is the same case again.
    A finding that is sure enough to send somebody issues a work order, also when the case was
    opened on an earlier, less certain one. The same finding again changes nothing.
    """
    site = require(records.load(Site, finding.site_id), "site", finding.site_id).record
    opened = records.load(Case, derived("CASE", finding.id))
    if opened is not None:
        return opened.record
    told = desks or Desks(coordinator_id=spc_id)
    return _taken(records, _Sign(site, finding, told, at, BY_DETECTION))


def report(
    records: Records,
    *,
    source: CaseSource,
    site_id: str,
    family: ReportedFamily,
    says: str,
    hazard: str = "",
    is_grid_out: bool = False,
    reported_by: str,
    contact: str,
    at: datetime,
    by: str,
    desks: Desks | None = None,
) -> Case | Refused:
    """Take up what a person told, as detection's findings are (C-02, C-02a, D-14, E-31).

    An open case of the same trouble gets it as evidence. It sends nobody by itself, unless it is
    an emergency: the aftermarket service decides. The same report on the same day changes nothing.

    Args:
        records: the cases.
        source: telephone, mail, chat or form.
        site_id: the home.
        family: the kind of trouble, in the help desk's words.
        says: what was told, in a sentence or more.
        hazard: what may hurt somebody, in the words of the rule, where it is more than the family.
        is_grid_out: whether the grid was out, as told.
        reported_by: who told it.
        contact: how to reach them.
        at: when it was told.
        by: who wrote it down.
        desks: who else is told.
    """
    site = require(records.load(Site, site_id), "site", site_id).record
    day = local_day(at, site.time_zone)
    if not is_intake(source, on=day):
        return Refused("C-02", f"{source} is no way in which a person reports", "unknown_source")
    words = " ".join(says.split())
    if not words:
        return Refused("C-02", "a report says what is wrong", "nothing_said")
    told = CustomerReport(
        id=derived("HELP", site_id, family, words, contact, day.isoformat()),
        source=source,
        family=family,
        says=words,
        at=at,
        reported_by=reported_by,
        contact=contact,
    )
    of = _family(records, site_id, case_family(family, on=day))
    finding = replace(
        _as_finding(told, site_id, of, day),
        hazard=hazard_of(family, hazard, on=day),
        is_grid_out=is_grid_out,
    )
    return _taken(records, _Sign(site, finding, desks or Desks(), at, by, told))


def _as_finding(told: CustomerReport, site_id: str, family: str, day: date) -> Finding:
    """Give a person's report as detection would tell it; it sends nobody by itself (C-02)."""
    return Finding(
        id=told.id,
        site_id=site_id,
        family=family,
        rule="C-02",
        opened_on=day,
        says=told.says,
        dispatchable=False,
        evidence=(f"{day} {told.source}: {told.says}",),
    )


def _family(records: Records, site_id: str, family: str) -> str:
    """Give the family under which a report stands: an open fault explains missing production."""
    if family != _MISSING_PRODUCTION:
        return family
    slot = records.load(CaseSlot, slot_id(site_id, _FAULT_OF_THE_INVERTER))
    fault = records.load(Case, slot.record.case_id) if slot else None
    return _FAULT_OF_THE_INVERTER if fault is not None and fault.record.is_open else family


def _taken(records: Records, sign: _Sign) -> Case:
    finding = sign.finding
    slot = records.load(CaseSlot, slot_id(finding.site_id, finding.family))
    if slot is None:
        return _open(records, None, sign)
    latest = require(records.load(Case, slot.record.case_id), "case", slot.record.case_id)
    if finding.id in latest.record.findings:
        return latest.record
    if comes_back(latest.record, sign.at):
        return _reopen(records, latest, sign)
    if not latest.record.is_open:
        return _open(records, slot, sign)
    return _append(records, latest, sign)


def _open(records: Records, slot: Stored[CaseSlot] | None, sign: _Sign) -> Case:
    site, finding = sign.site, sign.finding
    owner = CaseOwner(
        support_owner(omnidian_onboarded=site.omnidian_onboarded, on=finding.opened_on)
    )
    case = Case(
        id=derived("CASE", finding.id),
        source=sign.source,
        family=finding.family,
        site_id=site.id,
        owner=owner,
        state=_first_state(owner),
        rule=finding.rule,
        is_emergency=sign.is_emergency,
        opened_at=sign.at,
        findings=(finding.id,),
        evidence=finding.evidence,
        causes=finding.causes,
        pictures=_pictures(finding),
        reports=(sign.report,) if sign.report else (),
        handed_over_at=sign.at if owner is CaseOwner.OMNIDIAN else None,
        task=CaseTask.TRIAGE if owner is CaseOwner.AMS else None,
        told_at=sign.at,
    )
    taken = CaseSlot(slot_id(site.id, finding.family), case.id)
    opening = Change(
        saves=(slot.replaced_by(taken) if slot else Save(taken, NEW),),
        events=(sign.event(case, "case_opened"),),
        letters=(_first_letter(case, sign), *_handed(case, sign)),
    )
    case, sending = _sent(records, case, sign)
    records.commit(Change(saves=(Save(case, NEW),)) + opening + sending)
    return case


def _reopen(records: Records, stored: Stored[Case], sign: _Sign) -> Case:
    """Open a case again: a first fix that missed (C-16)."""
    owner = stored.record.owner
    case = replace(
        _with(stored.record, sign),
        is_emergency=sign.is_emergency,
        emergency_category=None,
        emergency_reason="",
        state=_first_state(owner),
        reopened=stored.record.reopened + 1,
        visited_at=None,
        recovered_at=None,
        resolved_at=None,
        verified_at=None,
        confirmed_by="",
        closed_at=None,
        checks=(),
        handed_over_at=sign.at if owner is CaseOwner.OMNIDIAN else None,
        external_status="",
        task=CaseTask.TRIAGE if owner is CaseOwner.AMS else None,
    )
    again = Change(
        events=(sign.event(case, "case_reopened"),),
        letters=(_first_letter(case, sign), *_handed(case, sign)),
    )
    case, sending = _sent(records, case, sign)
    records.commit(Change(saves=(stored.replaced_by(case),)) + again + sending)
    return case


def _append(records: Records, stored: Stored[Case], sign: _Sign) -> Case:
    """Add to a case that is open; what is found anew after the work shows that it missed (C-17)."""
    case, what, rule = _with(stored.record, sign), "evidence_added", ""
    if case.state is CaseState.VERIFYING and _shows_a_miss(case, sign):
        what, rule = "work_did_not_hold", "C-17"
        case = replace(
            case,
            state=CaseState.OPEN,
            visited_at=None,
            checks=(),
            returns=case.returns + 1,
            task=CaseTask.RETURN_VISIT,
        )
    elif case.state is CaseState.VERIFYING and sign.report:
        case = replace(case, task=CaseTask.CALL_CUSTOMER)
    noted = Change(events=(sign.event(case, what, rule),))
    if case.is_emergency and not stored.record.is_emergency:
        noted += escalated(
            records, case, site=sign.site, finding=sign.finding, at=sign.at, by=sign.by
        )
        noted += Change(letters=_alarmed(case, sign))
    case, sending = _sent(records, case, sign)
    if sending and not sign.is_emergency:
        order = sending.saves[0].record
        letter = customer_letters.visit_needed(case, site=sign.site, order=order, at=sign.at)
        sending += Change(letters=(letter,))
    records.commit(Change(saves=(stored.replaced_by(case),)) + noted + sending)
    return case


def _shows_a_miss(case: Case, sign: _Sign) -> bool:
    """Tell whether a sign is of the time after the work: detection's, or any danger."""
    if sign.is_emergency:
        return True
    if sign.report or case.visited_at is None:
        return False
    return is_new_since(sign.finding, case.visited_at, sign.site.utc_offset_hours)


def _with(case: Case, sign: _Sign) -> Case:
    """Give the case with one more sign and all that it rests on.

    A person's word does not take back what the readings showed. A sign that comes late does not
    make an earlier instant the latest one.
    """
    finding = sign.finding
    return replace(
        case,
        is_emergency=case.is_emergency or sign.is_emergency,
        findings=(*case.findings, finding.id)[-_MOST:],
        evidence=tuple(dict.fromkeys((*case.evidence, *finding.evidence)))[-_MOST:],
        causes=tuple(dict.fromkeys((*case.causes, *finding.causes))),
        pictures=tuple(dict.fromkeys((*case.pictures, *_pictures(finding)))),
        reports=(*case.reports, sign.report)[-_MOST:] if sign.report else case.reports,
        recovered_at=case.recovered_at if sign.report else None,
        told_at=max(case.told_at or sign.at, sign.at),
    )


def _sent(records: Records, case: Case, sign: _Sign) -> tuple[Case, Change]:
    """Give the case with its work order, if somebody has to go and nobody was sent (D-15)."""
    may_go = sign.finding.dispatchable or case.is_emergency
    if case.state is not CaseState.OPEN or not may_go:
        return case, Change()
    is_new = len(case.findings) + len(case.reports) <= 1
    change = issued(
        records,
        case,
        earlier=0 if is_new else len(orders_of(records, case.id)),
        site=sign.site,
        finding=sign.finding,
        spc_id=sign.desks.coordinator_id,
        at=sign.at,
        by=sign.by,
    )
    return replace(case, state=CaseState.WORK_ORDERED, task=None), change


def _first_state(owner: CaseOwner) -> CaseState:
    return CaseState.OPEN if owner is CaseOwner.AMS else CaseState.WITH_OMNIDIAN


def _first_letter(case: Case, sign: _Sign) -> Letter:
    write = customer_letters.case_reported if sign.report else customer_letters.case_opened
    return write(case, site=sign.site, finding=sign.finding, at=sign.at)


def _handed(case: Case, sign: _Sign) -> tuple[Letter, ...]:
    """Give the letters of a case that is the support center's from the beginning (C-15)."""
    if case.state is not CaseState.WITH_OMNIDIAN:
        return ()
    says = sign.finding.says
    packed = packets(case, site=sign.site, desks=sign.desks, says=says, at=sign.at)
    return (*packed, *(_alerts(case, sign) if case.is_emergency else ()))


def packets(case: Case, *, site: Site, desks: Desks, says: str, at: datetime) -> tuple[Letter, ...]:
    """Give the letter that hands a case over, or the one that says that nobody can be written to.

    Without either address nothing is written: the case shows by itself that it was handed over.
    """
    if desks.support_center:
        to = desks.support_center
        return (desk_letters.packet(case, site=site, to=to, says=says, at=at),)
    if desks.aftermarket:
        return (desk_letters.nobody_to_hand_to(case, site=site, to=desks.aftermarket, at=at),)
    return ()


def _alarmed(case: Case, sign: _Sign) -> tuple[Letter, ...]:
    """Give who is told that a case the support center has became an emergency (C-15, E-31)."""
    if case.state is not CaseState.WITH_OMNIDIAN:
        return ()
    site, says, at, to = sign.site, sign.finding.says, sign.at, sign.desks.support_center
    told = (desk_letters.emergency_packet(case, site=site, to=to, says=says, at=at),) if to else ()
    return (*told, *_alerts(case, sign))


def _alerts(case: Case, sign: _Sign) -> tuple[Letter, ...]:
    to = sign.desks.aftermarket
    if not to:
        return ()
    return (desk_letters.alert(case, site=sign.site, to=to, says=sign.finding.says, at=sign.at),)


def _pictures(finding: Finding) -> tuple[str, ...]:
    return (finding.picture,) if finding.picture else ()
