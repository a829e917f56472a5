"""Who owns a case, which case an issue belongs to, and which steps are open to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cloud.kernel.decision import Refused
from cloud.service.models import (
    Case,
    CaseState,
    CaseTask,
    Cause,
    EmergencyCategory,
    ReportedFamily,
    WorkOrder,
)
from cloud.service.policy import (
    ASKS_THE_DESK,
    CASE_OWNERS,
    CASE_STEPS,
    CHANGES_NOTHING,
    CLOSES,
    EMERGENCIES,
    EMERGENCY_CHANNELS,
    FIRST_DAY,
    INTAKE,
    KEEPS_CLEAR,
    KEEPS_ONLINE,
    LETS_IN,
    REOPENS,
    REPORTED_AS,
    REPORTS_DAMAGE,
    SEEN_BY_READINGS,
    TRIMS,
    WORKMANSHIP_FAMILIES,
)

_NOT_BILLED = frozenset(
    {Cause.WORKMANSHIP, Cause.PRODUCT_FAILURE, Cause.SYSTEM_WARRANTY, Cause.UNDETERMINED}
)


@dataclass(frozen=True, slots=True)
class Desks:
    """Whom a case is told to besides the customer; an empty address is told nothing.

    Attributes:
        coordinator_id: who issues work orders where no person does.
        support_center: mail address of the support center that some systems are onboarded with.
        aftermarket: mail address of the owner's aftermarket service.
    """

    coordinator_id: str = "spc_queue"
    support_center: str = ""
    aftermarket: str = ""


def support_owner(*, omnidian_onboarded: bool, on: date) -> str:
    """Give who handles a site's cases (C-15): the support center it is onboarded with, or AMS."""
    ours, theirs = CASE_OWNERS.on(on)
    return theirs if omnidian_onboarded else ours


def slot_id(site_id: str, family: str) -> str:
    """Give the name of the one place that an open case of this site and family can take (D-14)."""
    return f"{site_id}#{family}"


def comes_back(case: Case, at: datetime) -> bool:
    """Tell whether what is found is a case that was thought to be resolved (C-16).

    A case that was called off is not: nobody said that it was mended. Whether somebody has closed
    it already in the last instant is not asked: the dates decide.
    """
    if case.state not in {CaseState.RESOLVED, CaseState.CLOSED} or case.resolved_at is None:
        return False
    return at - case.resolved_at <= timedelta(days=REOPENS.on(case.resolved_at.date()))


def closes_at(resolved_at: datetime) -> datetime:
    """Give the instant from which a resolved case is closed (C-18)."""
    return resolved_at + timedelta(days=CLOSES.on(resolved_at.date()))


def step_refused(case: Case, step: str, *, on: date) -> Refused | None:
    """Refuse a step that is not open to a case, naming those that are (C-01)."""
    steps: Sequence[str] = CASE_STEPS.on(on)[case.state.value]
    if step in steps:
        return None
    because = (
        f"case {case.id} stands as {case.state}; open to it: {', '.join(steps) or 'nothing more'}"
    )
    return Refused("C-01", because, "conflict")


def is_intake(source: str, *, on: date) -> bool:
    """Tell whether a person's report may come in this way (C-02)."""
    return source in INTAKE.on(on)


def case_family(reported: ReportedFamily, *, on: date) -> str:
    """Give the family of the case that a reported kind of trouble belongs to (C-02a)."""
    return REPORTED_AS.on(on).get(reported.value, reported.value)


def hazard_of(reported: ReportedFamily, hazard: str, *, on: date) -> str:
    """Give what may hurt somebody in a person's report, in the words of the rule (E-31)."""
    if hazard:
        return hazard
    always, in_an_outage = EMERGENCIES.on(on)
    if reported.value in always:
        return reported.value
    return in_an_outage[0] if reported is ReportedFamily.BATTERY else ""


def is_seen_by_readings(family: str, *, on: date) -> bool:
    """Tell whether the readings can show that an issue is mended (C-17c)."""
    return family in SEEN_BY_READINGS.on(on)


def is_workmanship_suspected(
    family: str, *, until: date, began_on: date, said: bool | None = None
) -> bool:
    """Tell whether the installer's work may be the cause (R-43, R-43b).

    A person's word, either way, stands before the list. The last day of the warranty counts.
    """
    if said is not None:
        return said
    return until >= began_on and family in WORKMANSHIP_FAMILIES.on(max(began_on, FIRST_DAY))


def category_refused(
    category: EmergencyCategory, *, reason: str, is_grid_out: bool, on: date
) -> Refused | None:
    """Refuse what is no emergency (E-31): a battery with the grid up, or any other without a word.

    The article's list is open: what is none of the four is one because a person says why.
    """
    always, in_an_outage = EMERGENCIES.on(on)
    if category.value in always or (category.value in in_an_outage and is_grid_out):
        return None
    if category.value in in_an_outage:
        because = "a failing battery is an emergency only while the grid is out"
        return Refused("E-31", because, "not_an_emergency")
    if reason.strip():
        return None
    return Refused("E-31", "say why this is an emergency", "reason_missing")


@dataclass(frozen=True, slots=True)
class EmergencyContact:
    """How the partner of an emergency was reached.

    Attributes:
        missing: the ways that are not on record yet; reports say so.
    """

    work_order_id: str
    partner_id: str
    emailed_at: datetime | None
    phoned_at: datetime | None
    missing: tuple[str, ...]


def emergency_contact(order: WorkOrder) -> EmergencyContact | None:
    """Give how the partner that has an emergency was reached (E-32b); None while nobody has it."""
    current = order.assignment
    if current is None or not order.is_emergency:
        return None
    used = {"email": current.delivered_at, "phone": current.phoned_at}
    needed = EMERGENCY_CHANNELS.on(order.policy_day)
    return EmergencyContact(
        work_order_id=order.id,
        partner_id=current.partner_id,
        emailed_at=current.delivered_at,
        phoned_at=current.phoned_at,
        missing=tuple(one for one in needed if used[one] is None),
    )


def advice_of(code: str, *, on: date) -> str | None:
    """Say to the customer what a code of theirs means; None where a code is none of theirs.

    Their duties (K-30, K-31, K-32, K-33, K-34, K-35, K-36), and the causes of damage whose repair
    they would pay themselves (B-52).
    """
    duties = (
        (ASKS_THE_DESK, "Please ask us for service, and not the installer on your own."),
        (TRIMS, "Please keep trees and bushes trimmed, so that they do not shade the modules."),
        (KEEPS_CLEAR, "Please keep leaves, nests and animals off the modules."),
        (
            KEEPS_ONLINE,
            "Please keep your internet connection working: without it we cannot see how your "
            "system does.",
        ),
        (LETS_IN, "Please let us and our partners reach the system."),
        (CHANGES_NOTHING, "Please have nothing changed on the system without asking us first."),
        (REPORTS_DAMAGE, "Please tell us of damage or danger at once; in an emergency, call."),
    )
    said = {rule.on(on): words for rule, words in duties}
    causes = {one.value: one.value.replace("_", " ") for one in Cause if one not in _NOT_BILLED}
    if code in causes:
        return (
            f"What was found so far points to {causes[code]}. Your agreement does not cover that: "
            "work for it would be billed to you. We do not begin before you have agreed."
        )
    return said.get(code)


def sent_for(case: Case) -> Case:
    """Give a case for which somebody goes; again, where work was done: that one missed (C-17)."""
    is_again = case.state is CaseState.VERIFYING
    return replace(
        case,
        state=CaseState.WORK_ORDERED,
        visited_at=None,
        checks=(),
        returns=case.returns + is_again,
        task=None,
    )


def sent_nobody(case: Case) -> Case:
    """Give a case whose work order was called off: a person decides anew (C-01)."""
    return replace(case, state=CaseState.OPEN, task=CaseTask.TRIAGE)


def local_day(instant: datetime, time_zone: str) -> date:
    """Give the date on the wall clock of the home."""
    return instant.astimezone(ZoneInfo(time_zone)).date()
