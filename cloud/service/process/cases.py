"""What the owner's aftermarket service decides about a case, and what the customer says of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Change, Event, Letter
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Site
from cloud.service import customer_letters, desk_letters
from cloud.service.cases import (
    Desks,
    EmergencyContact,
    advice_of,
    category_refused,
    emergency_contact,
    local_day,
    sent_for,
    step_refused,
)
from cloud.service.models import (
    Case,
    CaseOwner,
    CaseState,
    CaseTask,
    EmergencyCategory,
    Finding,
)
from cloud.service.process.intake import packets
from cloud.service.process.issuing import escalated, issued, nobody_goes
from cloud.service.process.saving import orders_of
from cloud.service.process.verifying import disagreed, resolved, worked


def _visit_asked(
    case: Case, site: Site, words: str, scope: tuple[str, ...], at: datetime
) -> Finding:
    """Give what a person found out as a finding: somebody goes for it (D-15)."""
    return Finding(
        id=derived("VISIT", case.id, at.isoformat(), words),
        site_id=site.id,
        family=case.family,
        rule="D-15",
        opened_on=local_day(case.opened_at, site.time_zone),
        says=words,
        dispatchable=True,
        scope=scope,
        picture=case.pictures[-1] if case.pictures else "",
    )


def require_site_visit(
    records: Records,
    *,
    case_id: str,
    scope: Sequence[str],
    instructions: str,
    is_workmanship_suspected: bool | None = None,
    spc_id: str,
    at: datetime,
    by: str,
) -> Case | Refused:
    """Have somebody go: a work order is issued and offered (C-01, D-15, A-81, R-43b).

    After work that is being verified it is a return visit, which counts as a first fix that
    missed. While an order with the same words is open the same request changes nothing.

    Args:
        records: the case, and the partners.
        case_id: the case.
        scope: the kinds of work that a partner must be able to do.
        instructions: what is wrong and what is to be done, for the partner.
        is_workmanship_suspected: a person's word on it; None where the list decides.
        spc_id: who coordinates the work.
        at: now.
        by: who decides.
    """
    stored, site = _case(records, case_id)
    case, day = stored.record, local_day(at, site.time_zone)
    words, wanted = instructions.strip(), tuple(scope)
    if case.state is CaseState.WORK_ORDERED and any(
        (one.record.instructions, one.record.scope) == (words, wanted) and one.record.is_open
        for one in orders_of(records, case_id)
    ):
        return case
    refused = step_refused(case, "require_site_visit", on=day)
    if refused is not None:
        return refused
    if not words:
        return Refused("A-81", "a work order says what is to be done", "instructions_missing")
    asked = _visit_asked(case, site, words, wanted, at)
    case = sent_for(case)
    issuing = issued(
        records,
        case,
        earlier=len(orders_of(records, case.id)),
        site=site,
        finding=asked,
        spc_id=spc_id,
        at=at,
        by=by,
        is_workmanship_suspected_by_person=is_workmanship_suspected,
    )
    order = issuing.saves[0].record
    letter = customer_letters.visit_needed(case, site=site, order=order, at=at)
    event = _event(case, "site_visit_required", at, by, words, rule="D-15", causes=(order.id,))
    return _written(records, stored, case, event, issuing, letters=(letter,))


def remote_fix(
    records: Records, *, case_id: str, says: str, at: datetime, by: str
) -> Case | Refused:
    """Note that it was mended from afar; the readings, or the customer, have to prove it (C-17)."""
    stored, site = _case(records, case_id)
    case, line = stored.record, _line(by, says)
    if case.state is CaseState.VERIFYING and line in case.evidence:
        return case
    refused = step_refused(case, "remote_fix", on=local_day(at, site.time_zone))
    if refused is not None:
        return refused
    if not says.strip():
        return Refused("C-01", "say what was done from afar", "nothing_said")
    case, proving = worked(records, _noted(case, line), worked_at=at, at=at)
    event = _event(case, "fixed_remotely", at, by, says.strip(), rule="C-17")
    return _written(records, stored, case, event, proving)


def escalate_emergency(
    records: Records,
    *,
    case_id: str,
    category: EmergencyCategory,
    reason: str = "",
    is_grid_out: bool = False,
    desks: Desks | None = None,
    at: datetime,
    by: str,
) -> Case | Refused:
    """Treat a case as an emergency, by a person's word (E-31, E-32, C-15).

    The customer is warned. Somebody is sent at once, or whoever was sent is written to and has to
    be phoned; where the support center has the case, it and the aftermarket service are told.
    """
    stored, site = _case(records, case_id)
    case, day, told = stored.record, local_day(at, site.time_zone), desks or Desks()
    if case.is_emergency and case.emergency_category is category and case.is_open:
        return case
    refused = step_refused(case, "escalate_emergency", on=day) or category_refused(
        category, reason=reason, is_grid_out=is_grid_out, on=day
    )
    if refused is not None:
        return refused
    was_emergency = case.is_emergency
    words = reason.strip() or category.value.replace("_", " ")
    case = replace(
        case, is_emergency=True, emergency_category=category, emergency_reason=reason.strip()
    )
    danger = Finding(
        id=derived("EMERGENCY", case.id, case.reopened, category),
        site_id=site.id,
        family=case.family,
        rule="E-31",
        opened_on=local_day(case.opened_at, site.time_zone),
        says=words,
        dispatchable=True,
        hazard=category.value,
        is_grid_out=is_grid_out,
    )
    change = Change()
    if not was_emergency:
        change = escalated(records, case, site=site, finding=danger, at=at, by=by)
        change += Change(letters=_center_warned(case, site, told, words, at))
    if case.state in {CaseState.OPEN, CaseState.VERIFYING}:
        case = sent_for(case)
        change += issued(
            records,
            case,
            earlier=len(orders_of(records, case.id)),
            site=site,
            finding=danger,
            spc_id=told.coordinator_id,
            at=at,
            by=by,
        )
    event = _event(case, "became_emergency", at, by, words, rule="E-31")
    return _written(records, stored, case, event, change)


def cancel(
    records: Records, *, case_id: str, because: str, at: datetime, by: str
) -> Case | Refused:
    """Call a case off, and the work that is open on it; customer and partner are told (C-01)."""
    stored, site = _case(records, case_id)
    case, words = stored.record, because.strip()
    if case.state is CaseState.CANCELLED:
        return case
    refused = step_refused(case, "cancel", on=local_day(at, site.time_zone))
    if refused is not None:
        return refused
    if not words:
        return Refused("C-01", "a case is called off for a reason", "reason_missing")
    change = nobody_goes(records, case_id, because=words, at=at, by=by)
    if isinstance(change, Refused):
        return change
    case = replace(case, state=CaseState.CANCELLED, task=None)
    letter = customer_letters.case_cancelled(case, site=site, because=words, at=at)
    event = _event(case, "case_cancelled", at, by, words, rule="C-01")
    return _written(records, stored, case, event, change, letters=(letter,))


def customer_confirms(
    records: Records, *, case_id: str, says: str = "", at: datetime, by: str
) -> Case | Refused:
    """Resolve a case because the customer says that it is mended (C-17c).

    Args:
        records: the case.
        case_id: the case.
        says: the customer's words.
        at: now.
        by: who heard it: the customer's mail, or a person.
    """
    stored, site = _case(records, case_id)
    case = stored.record
    if case.state is CaseState.RESOLVED and case.confirmed_by:
        return case
    refused = step_refused(case, "customer_confirms", on=local_day(at, site.time_zone))
    if refused is not None:
        return refused
    why = f"the customer says that it is mended{f': {says.strip()}' if says.strip() else ''}"
    case = replace(case, confirmed_by=by, verified_at=at)
    case, ending = resolved(case, site=site, because=why, at=at, by=by)
    records.commit(Change(saves=(stored.replaced_by(case),)) + ending)
    return case


def customer_disagrees(
    records: Records, *, case_id: str, says: str, at: datetime, by: str
) -> Case | Refused:
    """Note that the customer says that it is not mended; a person decides what is next (C-17c)."""
    stored, site = _case(records, case_id)
    case, line = stored.record, _line("customer", says)
    if case.task is CaseTask.RETURN_VISIT and line in case.evidence:
        return case
    refused = step_refused(case, "customer_disagrees", on=local_day(at, site.time_zone))
    if refused is not None:
        return refused
    case, change = disagreed(_noted(case, line), says=says.strip(), at=at, by=by)
    records.commit(Change(saves=(stored.replaced_by(case),)) + change)
    return case


def hand_over(
    records: Records, *, case_id: str, desks: Desks, at: datetime, by: str
) -> Case | Refused:
    """Give a case to the support center with all that is known of it (C-15).

    Only what nobody was sent for, and only where the home is onboarded there.
    """
    stored, site = _case(records, case_id)
    case = stored.record
    if case.state is CaseState.WITH_OMNIDIAN:
        return case
    refused = step_refused(case, "hand_over", on=local_day(at, site.time_zone))
    if refused is not None:
        return refused
    if not site.omnidian_onboarded:
        because = f"site {site.id} is not onboarded with the support center"
        return Refused("C-15", because, "not_onboarded")
    case = replace(
        case,
        owner=CaseOwner.OMNIDIAN,
        state=CaseState.WITH_OMNIDIAN,
        handed_over_at=at,
        external_reference="",
        external_status="",
        task=None,
    )
    says = case.evidence[-1] if case.evidence else case.family
    sent = packets(case, site=site, desks=desks, says=says, at=at)
    letter = customer_letters.handed_over(case, site=site, at=at)
    event = _event(case, "handed_over", at, by, "the support center has it now", rule="C-15")
    return _written(records, stored, case, event, Change(), letters=(*sent, letter))


def external_update(
    records: Records, *, case_id: str, reference: str, status: str, at: datetime, by: str
) -> Case | Refused:
    """Note the support center's own number of a case and how it stands there (C-15)."""
    stored, site = _case(records, case_id)
    case, told = stored.record, (reference.strip(), status.strip())
    if told == (case.external_reference, case.external_status):
        return case
    refused = step_refused(case, "external_update", on=local_day(at, site.time_zone))
    if refused is not None:
        return refused
    case = replace(case, external_reference=told[0], external_status=told[1])
    says = f"the support center's {told[0] or 'case'} stands as {told[1] or 'unknown'}"
    event = _event(case, "external_update", at, by, says, rule="C-15")
    return _written(records, stored, case, event, Change())


def returned(
    records: Records, *, case_id: str, because: str, at: datetime, by: str
) -> Case | Refused:
    """Take a case back from the support center; the aftermarket service leads it now (C-15)."""
    stored, site = _case(records, case_id)
    case = stored.record
    is_back = case.owner is CaseOwner.AMS and case.handed_over_at is not None
    if case.state is CaseState.OPEN and is_back:
        return case
    refused = step_refused(case, "returned", on=local_day(at, site.time_zone))
    if refused is not None:
        return refused
    case = replace(case, owner=CaseOwner.AMS, state=CaseState.OPEN, task=CaseTask.TRIAGE)
    letter = customer_letters.taken_back(case, site=site, at=at)
    says = f"the support center gave it back: {because.strip() or 'no reason given'}"
    event = _event(case, "returned", at, by, says, rule="C-15")
    return _written(records, stored, case, event, Change(), letters=(letter,))


def advise_customer(
    records: Records, *, case_id: str, code: str, at: datetime, by: str
) -> Case | Refused:
    """Tell the customer of a duty, or of work that they would pay, before it begins (B-52, K-30).

    Once for each code. In an emergency nobody waits for the customer to agree.
    """
    stored, site = _case(records, case_id)
    case, day = stored.record, local_day(at, site.time_zone)
    words = advice_of(code, on=day)
    if words is None:
        return Refused("B-52", f"{code} is nothing that a customer looks after", "unknown_code")
    if code in case.advised:
        return case
    if not case.is_open:
        return Refused("C-01", f"case {case.id} stands as {case.state}", "conflict")
    case = replace(case, advised=(*case.advised, code))
    letter = customer_letters.advice(case, site=site, code=code, words=words, at=at)
    event = _event(
        case, "customer_advised", at, by, f"the customer was told of {code}", rule="B-52"
    )
    return _written(records, stored, case, event, Change(), letters=(letter,))


def emergency_contacts(records: Records, *, case_id: str) -> Sequence[EmergencyContact]:
    """Give how the partners of an emergency were reached, and by which way not yet (E-32b)."""
    found = (emergency_contact(one.record) for one in orders_of(records, case_id))
    return tuple(one for one in found if one is not None)


def _case(records: Records, case_id: str) -> tuple[Stored[Case], Site]:
    stored = require(records.load(Case, case_id), "case", case_id)
    site = require(records.load(Site, stored.record.site_id), "site", stored.record.site_id)
    return stored, site.record


def _center_warned(
    case: Case, site: Site, desks: Desks, says: str, at: datetime
) -> tuple[Letter, ...]:
    if case.state is not CaseState.WITH_OMNIDIAN:
        return ()
    sent = []
    if to := desks.support_center:
        sent.append(desk_letters.emergency_packet(case, site=site, to=to, says=says, at=at))
    if to := desks.aftermarket:
        sent.append(desk_letters.alert(case, site=site, to=to, says=says, at=at))
    return tuple(sent)


def _line(who: str, says: str) -> str:
    return f"{who}: {says.strip()}"


def _noted(case: Case, line: str) -> Case:
    return replace(case, evidence=(*case.evidence, line))


def _event(
    case: Case,
    what: str,
    at: datetime,
    by: str,
    says: str,
    *,
    rule: str,
    causes: tuple[str, ...] = (),
) -> Event:
    return Event(case.id, what, at, by, rule, causes or case.findings[-1:], says)


def _written(
    records: Records,
    stored: Stored[Case],
    case: Case,
    event: Event,
    change: Change,
    *,
    letters: tuple[Letter, ...] = (),
) -> Case:
    case_written = Change(saves=(stored.replaced_by(case),), events=(event,), letters=letters)
    records.commit(case_written + change)
    return case
