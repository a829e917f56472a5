"""The emergencies that are open: who was called, who answered, and what has to be done next."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.kernel.ports import Records
from cloud.portfolio.models import Site
from cloud.service.cases import emergency_contact
from cloud.service.clocks import emergency_of, may_be_reassigned
from cloud.service.emergency import EmergencyVerdict
from cloud.service.models import Assignment, Case, CaseOwner, CaseState, WorkOrder

OPEN_STATES = (
    CaseState.OPEN,
    CaseState.WITH_OMNIDIAN,
    CaseState.WORK_ORDERED,
    CaseState.VERIFYING,
)
"""The states of a case for which somebody still has to do something."""


class Next(StrEnum):
    """What an emergency waits for."""

    CENTER = "center"
    """The support center has it; it was told."""
    DECIDE = "decide"
    """Nobody was sent: decide who goes."""
    CHOOSE = "choose"
    """It has no partner: choose one."""
    CORRECT = "correct"
    """The mail came back: correct the contact and send it again."""
    CALL = "call"
    """The partner was not called yet."""
    REASSIGN = "reassign"
    """The partner declined, or its time is over: offer it to another."""
    ANSWER = "answer"
    """Mailed and called: the partner's answer is awaited."""
    VISIT = "visit"
    """The partner answered: the visit is next."""
    VERIFY = "verify"
    """Worked on: the readings, or the customer, have to show that it is mended."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One open emergency.

    Attributes:
        order: its work order that is open; None where there is none.
        offer: the standing offer of it; None while it has no partner.
        call: how the call for help stands; None before the partner's mail arrived.
        missing: the ways of reaching the partner that are not on record yet (E-32b).
    """

    case: Case
    site: Site | None
    order: WorkOrder | None
    offer: Assignment | None
    call: EmergencyVerdict | None
    missing: tuple[str, ...]
    next: Next

    @property
    def since(self) -> datetime:
        """From when on it is one, as far as that is on record."""
        begun = self.order.emergency_since if self.order else None
        return begun or self.case.opened_at

    @property
    def answered_at(self) -> datetime | None:
        """When the partner said that it heard."""
        return (self.offer.acknowledged_at or self.offer.answered_at) if self.offer else None


def open_cases(records: Records) -> list[Case]:
    """Give all cases for which somebody still has to do something, the oldest first."""
    found = {
        one.record.id: one.record
        for state in OPEN_STATES
        for one in records.find(Case, by="state", value=state)
    }
    return sorted(found.values(), key=lambda one: (one.opened_at, one.id))


def alarms(records: Records, *, at: datetime) -> tuple[Alarm, ...]:
    """Give the open emergencies, the oldest first (E-31, E-32, E-33).

    Each costs a question for its work orders: there are few.
    """
    cases = [one for one in open_cases(records) if one.is_emergency]
    homes = sorted({one.site_id for one in cases})
    sites = records.load_all(Site, homes) if homes else {}
    found = []
    for case in cases:
        orders = [one.record for one in records.find(WorkOrder, by="case_id", value=case.id)]
        site = sites.get(case.site_id)
        found.append(_alarm(case, site.record if site else None, orders, at))
    return tuple(sorted(found, key=lambda one: (one.since, one.case.id)))


def _alarm(case: Case, site: Site | None, orders: list[WorkOrder], at: datetime) -> Alarm:
    still = [one for one in orders if one.is_open]
    order = max(still, key=lambda one: (one.issued_at, one.id), default=None)
    contact = emergency_contact(order) if order else None
    return Alarm(
        case=case,
        site=site,
        order=order,
        offer=order.assignment if order else None,
        call=emergency_of(order, now=at) if order else None,
        missing=contact.missing if contact else (),
        next=_next(case, order, at),
    )


def _next(case: Case, order: WorkOrder | None, at: datetime) -> Next:
    """Give what is to be done next; what makes a partner hear of it goes first (E-32b)."""
    if order is None:
        if case.state is CaseState.VERIFYING:
            return Next.VERIFY
        return Next.CENTER if case.owner is CaseOwner.OMNIDIAN else Next.DECIDE
    offer = order.assignment
    if offer is None:
        return Next.CHOOSE
    if offer.bounced_at is not None and offer.acknowledged_at is None:
        return Next.CORRECT
    if may_be_reassigned(order, now=at):
        return Next.REASSIGN
    if offer.acknowledged_at or offer.answered_at:
        return Next.VISIT
    return Next.CALL if offer.phoned_at is None else Next.ANSWER
