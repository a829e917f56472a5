"""Projects: putting them on record, the milestones that they reach or lose, and their end."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import NEW, Change, Event, Message, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.milestones import is_pinned, steps_to, taken_back_with
from cloud.portfolio.models import (
    Milestone,
    Partner,
    PaymentPlan,
    PlanShare,
    Project,
    Revocation,
    Site,
    SoldInverter,
    milestone_id,
)
from cloud.portfolio.policy import MILESTONE_ORDER, PLAN_PINNED_AT, PROGRAMMES, TWO_PEOPLE
from cloud.portfolio.process.proposing import agreeing, proposal, propose
from cloud.portfolio.proposals import Proposal, ProposalState

CANCEL_PROJECT = "cancel_project"
PREPAID_COMMISSION = "prepaid_commission"


class CancellationReason(StrEnum):
    """Why a project ends: its customer leaves, it was not installed in 160 days, or another."""

    CUSTOMER = "customer"
    NO_INSTALLATION_160 = "no_installation_160"
    OTHER = "other"


# ---------------------------------------------------------------------- on record
@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What is told of a project; what is left out comes from its organisation and its site.

    Attributes:
        plan, m1_basis, programme: from the organisation's payment plan where they are left out.
        market: the site's state where it is left out.
    """

    id: str
    site_id: str
    partner_id: str
    value: Money
    plan: tuple[PlanShare, ...] = ()
    m1_basis: Milestone | None = None
    programme: str = ""
    market: str = ""
    salesperson: str = ""
    inverters: tuple[SoldInverter, ...] = ()


def put_payment_plan(
    records: Records, plan: PaymentPlan, *, at: datetime, by: str
) -> PaymentPlan | Refused:
    """Put a payment plan on record or change it, for projects that are registered from now on."""
    if plan.programme not in PROGRAMMES.on(eastern_day(at)):
        return _no_programme(plan.programme)
    stored = records.load(PaymentPlan, plan.id)
    if stored is not None and stored.record == plan:
        return plan
    event = Event(
        plan.id, "payment_plan_put", at, by, PLAN_PINNED_AT.id, says=f"payment plan {plan.id} holds"
    )
    save = stored.replaced_by(plan) if stored else Save(plan, NEW)
    records.commit(Change(saves=(save,), events=(event,)))
    return plan


def assign_payment_plan(
    records: Records, *, partner_id: str, payment_plan_id: str, at: datetime, by: str
) -> Partner:
    """Say how an organisation's projects are paid that are registered from now on (P-83)."""
    require(records.load(PaymentPlan, payment_plan_id), "payment plan", payment_plan_id)
    stored = require(records.load(Partner, partner_id), "partner", partner_id)
    if stored.record.payment_plan_id == payment_plan_id:
        return stored.record
    after = replace(stored.record, payment_plan_id=payment_plan_id)
    says = f"new projects of partner {partner_id} are paid by plan {payment_plan_id}"
    event = Event(partner_id, "payment_plan_assigned", at, by, PLAN_PINNED_AT.id, says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def put_project(
    records: Records, facts: ProjectFacts, *, at: datetime, by: str
) -> Project | Refused:
    """Put a project on record, or change one whose plan does not stand yet (P-83, P-87).

    The stages that follow are told of a new one once. The same again changes nothing, and what is
    left out of a change stays as it is. Site and partner never change.

    Raises:
        NotFound: there is no such site or partner.
        BadInput: they are not of one mode (T-91), or the plan does not pay the whole.
    """
    stored = records.load(Project, facts.id)
    after = _new(records, facts, at) if stored is None else _changed(stored.record, facts, at)
    if isinstance(after, Refused) or (stored is not None and stored.record == after):
        return after
    what = "project_registered" if stored is None else "project_changed"
    says = f"project {after.id} of partner {after.partner_id} pays {after.value} in all"
    causes = (after.site_id, after.partner_id)
    event = Event(after.id, what, at, by, PLAN_PINNED_AT.id, causes, says)
    message = Message(
        id=derived("PRJ", after.id, "registered"),
        topic="project_registered",
        at=at,
        body={"project_id": after.id},
    )
    records.commit(
        Change(
            saves=(Save(after, NEW) if stored is None else stored.replaced_by(after),),
            events=(event,),
            messages=(message,) if stored is None else (),
        )
    )
    return after


def _new(records: Records, facts: ProjectFacts, at: datetime) -> Project | Refused:
    partner = require(records.load(Partner, facts.partner_id), "partner", facts.partner_id).record
    site = require(records.load(Site, facts.site_id), "site", facts.site_id).record
    if site.mode != partner.mode:
        msg = (
            f"registering project {facts.id}: site {site.id} is {site.mode} and partner "
            f"{partner.id} is {partner.mode}; name two of one mode"
        )
        raise BadInput(msg)
    plan = records.load(PaymentPlan, partner.payment_plan_id) if partner.payment_plan_id else None
    usual = plan.record if plan else None
    if not facts.plan and usual is None:
        because = f"partner {partner.id} has no payment plan: give the project one of its own"
        return Refused(PLAN_PINNED_AT.id, because, "plan_missing")
    programme = facts.programme or (usual.programme if usual else COMFORT)
    if programme not in PROGRAMMES.on(eastern_day(at)):
        return _no_programme(programme)
    if not facts.plan and usual and usual.programme != programme:
        because = f"payment plan {usual.id} is of programme {usual.programme}, not of {programme}"
        return Refused(PLAN_PINNED_AT.id, because, "plan_of_other_programme")
    return Project(
        id=facts.id,
        site_id=facts.site_id,
        partner_id=facts.partner_id,
        value=facts.value,
        plan=facts.plan or (usual.shares if usual else ()),
        programme=programme,
        market=facts.market or site.state,
        m1_basis=facts.m1_basis or (usual.m1_basis if usual else Milestone.INSTALL_APPROVED),
        salesperson=facts.salesperson,
        inverters=facts.inverters,
    )


def _changed(known: Project, facts: ProjectFacts, at: datetime) -> Project | Refused:
    if (known.site_id, known.partner_id) != (facts.site_id, facts.partner_id):
        because = f"project {known.id} is of {known.partner_id} at site {known.site_id} already"
        return Refused(PLAN_PINNED_AT.id, because, "conflict")
    after = replace(
        known,
        value=facts.value,
        plan=facts.plan or known.plan,
        programme=facts.programme or known.programme,
        market=facts.market or known.market,
        m1_basis=facts.m1_basis or known.m1_basis,
        salesperson=facts.salesperson or known.salesperson,
        inverters=facts.inverters or known.inverters,
    )
    if after.programme not in PROGRAMMES.on(eastern_day(at)):
        return _no_programme(after.programme)
    if known.cancelled and after != known:
        return Refused(PLAN_PINNED_AT.id, f"project {known.id} is cancelled", "project_cancelled")
    is_about_money = after != replace(known, salesperson=after.salesperson)
    if is_about_money and is_pinned(known, on=eastern_day(at)):
        because = f"project {known.id} has reached what it pays for: its plan stands"
        return Refused(PLAN_PINNED_AT.id, because, "plan_pinned")
    if known.reached_at(after.m1_basis) is not None and known.reached_at(Milestone.M1) is None:
        because = f"project {known.id} is past {after.m1_basis}: M1 cannot come with it any more"
        return Refused(PLAN_PINNED_AT.id, because, "basis_passed")
    return after


def _no_programme(programme: str) -> Refused:
    return Refused(PROGRAMMES.id, f"no programme {programme!r} is funded", "unknown_programme")


# ---------------------------------------------------------------------- paid beforehand
def propose_prepaid_commission(
    records: Records, *, project_id: str, amount: Money, because: str, at: datetime, by: str
) -> Proposal | Refused:
    """Propose to note what was paid before the installation (F10, D09), in place of what stands.

    Raises:
        NotFound: there is no such project.
        BadInput: it is below nothing.
    """
    project = require(records.load(Project, project_id), "project", project_id).record
    if amount < ZERO:
        msg = f"prepaid commission of project {project_id}: {amount} is below nothing"
        raise BadInput(msg)
    wrong = _against_prepaying(project, amount)
    if wrong is not None:
        return wrong
    return propose(
        records,
        kind=PREPAID_COMMISSION,
        subject=project_id,
        facts={"amount": str(amount.cents)},
        because=because,
        at=at,
        by=by,
    )


def agree_prepaid_commission(
    records: Records, *, proposal_id: str, at: datetime, by: str
) -> Project | Refused:
    """Note what another person proposed as prepaid (D09, F10); agreeing again changes nothing.

    Raises:
        NotFound: there is no such proposal.
    """
    asked = proposal(records, proposal_id)
    wanted = asked.record
    if wanted.kind != PREPAID_COMMISSION:
        because = f"proposal {proposal_id} is of no prepaid commission"
        return Refused(TWO_PEOPLE.id, because, "other_proposal")
    stored = require(records.load(Project, wanted.subject), "project", wanted.subject)
    decided = agreeing(asked, by=by, at=at)
    if isinstance(decided, Refused):
        return decided
    if wanted.state is ProposalState.AGREED:
        return stored.record
    amount = Money(int(wanted.fact("amount")))
    wrong = _against_prepaying(stored.record, amount)
    if wrong is not None:
        return wrong
    after = replace(stored.record, prepaid_commission=amount)
    says = f"{amount} of commission was paid before project {after.id} is installed"
    event = Event(after.id, "commission_prepaid", at, by, "F10", (wanted.id,), says)
    act = Change(saves=(stored.replaced_by(after),), events=(event,))
    records.commit(act + decided[1])
    return after


def _against_prepaying(project: Project, amount: Money) -> Refused | None:
    """Say why no such commission may be noted (F10): from M1 on, or more than the project pays."""
    if project.cancelled:
        return Refused("F10", f"project {project.id} is cancelled", "project_cancelled")
    if project.reached_at(Milestone.M1) is not None or project.occurrence(Milestone.M1):
        because = f"project {project.id} reached M1: nothing is prepaid after the installation"
        return Refused("F10", because, "already_installed")
    if amount > project.value:
        because = f"project {project.id} pays {project.value} in all, and {amount} is more"
        return Refused("F10", because, "above_value")
    return None


# ---------------------------------------------------------------------- milestones
def record_milestone(
    records: Records, *, project_id: str, milestone: Milestone, at: datetime, by: str
) -> Project | Refused:
    """Record that a project reached a milestone, at the server's instant (P-01, P-82).

    A milestone that is on record keeps its first instant: recording it again changes nothing. M1
    and the installation steps that lead to it are recorded in one change, and told one by one.

    Raises:
        NotFound: there is no such project.
    """
    stored = require(records.load(Project, project_id), "project", project_id)
    project = stored.record
    steps = steps_to(project, milestone, on=eastern_day(at))
    if isinstance(steps, Refused):
        return steps
    if not steps:
        return project
    reached = replace(project, reached=(*project.reached, *((one, at) for one in steps)))
    told = [_reached(project, one, at=at, by=by) for one in steps]
    records.commit(
        Change(
            saves=(stored.replaced_by(reached),),
            events=tuple(event for event, _ in told),
            messages=tuple(message for _, message in told),
        )
    )
    return reached


def _reached(
    project: Project, milestone: Milestone, *, at: datetime, by: str
) -> tuple[Event, Message]:
    occurrence = project.occurrence(milestone)
    reached_id = milestone_id(project.id, milestone, occurrence)
    says = f"project {project.id} reached {milestone}" + (" again" if occurrence else "")
    event = Event(reached_id, "milestone_reached", at, by, "P-01", (project.id,), says)
    body = {
        "project_id": project.id,
        "milestone": milestone.value,
        "reached_at": at.isoformat(),
        "occurrence": occurrence,
    }
    return event, Message(id=reached_id, topic="milestone", at=at, body=body)


def revoke_milestone(
    records: Records,
    *,
    project_id: str,
    milestone: Milestone,
    because: str,
    at: datetime,
    by: str,
    occurrence: int | None = None,
) -> Project | Refused:
    """Take back a milestone that should not have been recorded (P-82).

    M1 and the step that brought it go together; what rests on them is revoked first. Who names the
    occurrence that is meant may ask twice: a milestone that was reached again since stays.

    Raises:
        NotFound: there is no such project.
    """
    stored = require(records.load(Project, project_id), "project", project_id)
    project = stored.record
    times_revoked = project.occurrence(milestone)
    if occurrence is not None and occurrence < times_revoked:
        return project
    if project.reached_at(milestone) is None:
        if occurrence is None and times_revoked:
            return project
        is_off = f"project {project_id} has not reached {milestone}"
        return Refused(MILESTONE_ORDER.id, is_off, "not_reached")
    if not because.strip():
        return Refused(MILESTONE_ORDER.id, "revoking a milestone says why", "reason_missing")
    going = taken_back_with(project, milestone, on=eastern_day(at))
    if isinstance(going, Refused):
        return going
    lost = tuple(
        Revocation(one, instant, at, by, because.strip())
        for one, instant in project.reached
        if one in going
    )
    after = replace(
        project,
        reached=tuple(pair for pair in project.reached if pair[0] not in going),
        revoked=(*project.revoked, *lost),
    )
    told = [_revoked(project, one) for one in lost]
    records.commit(
        Change(
            saves=(stored.replaced_by(after),),
            events=tuple(event for event, _ in told),
            messages=tuple(message for _, message in told),
        )
    )
    return after


def _revoked(project: Project, lost: Revocation) -> tuple[Event, Message]:
    occurrence = project.occurrence(lost.milestone)
    reached_id = milestone_id(project.id, lost.milestone, occurrence)
    says = f"project {project.id} did not reach {lost.milestone} after all: {lost.because}"
    event = Event(
        reached_id,
        "milestone_revoked",
        lost.revoked_at,
        lost.by,
        MILESTONE_ORDER.id,
        (project.id,),
        says,
    )
    body = {
        "project_id": project.id,
        "milestone": lost.milestone.value,
        "occurrence": occurrence,
        "revoked_at": lost.revoked_at.isoformat(),
        "because": lost.because,
    }
    revoked_id = derived("MSR", reached_id, "revoked")
    return event, Message(id=revoked_id, topic="milestone_revoked", at=lost.revoked_at, body=body)


# ---------------------------------------------------------------------- the end
def propose_cancellation(
    records: Records,
    *,
    project_id: str,
    reason: CancellationReason,
    because: str,
    at: datetime,
    by: str,
) -> Proposal | Refused:
    """Propose to end a project (D09, F06); whether its 160 days are over is the caller's to know.

    Raises:
        NotFound: there is no such project.
    """
    project = require(records.load(Project, project_id), "project", project_id).record
    wrong = _against(project, reason)
    if wrong is not None:
        return wrong
    return propose(
        records,
        kind=CANCEL_PROJECT,
        subject=project_id,
        facts={"reason": reason.value},
        because=because,
        at=at,
        by=by,
    )


def agree_cancellation(
    records: Records, *, proposal_id: str, at: datetime, by: str
) -> Project | Refused:
    """End a project that another person proposed to end (D09); agreeing again changes nothing.

    Raises:
        NotFound: there is no such proposal of a cancellation.
    """
    asked = proposal(records, proposal_id)
    wanted = asked.record
    if wanted.kind != CANCEL_PROJECT:
        because = f"proposal {proposal_id} does not end a project"
        return Refused(TWO_PEOPLE.id, because, "other_proposal")
    stored = require(records.load(Project, wanted.subject), "project", wanted.subject)
    decided = agreeing(asked, by=by, at=at)
    if isinstance(decided, Refused):
        return decided
    if wanted.state is ProposalState.AGREED:
        return stored.record
    wrong = _against(stored.record, CancellationReason(wanted.fact("reason")))
    if wrong is not None:
        return wrong
    return _cancelled(records, stored, wanted, decided[1], at=at, by=by)


def _against(project: Project, reason: CancellationReason) -> Refused | None:
    if project.cancelled:
        return Refused("F06", f"project {project.id} is cancelled already", "project_cancelled")
    is_installed = project.reached_at(Milestone.M1) is not None
    if reason is CancellationReason.NO_INSTALLATION_160 and is_installed:
        because = f"project {project.id} is installed: it is not ended for its lateness any more"
        return Refused("F06", because, "installed")
    return None


def _cancelled(
    records: Records,
    stored: Stored[Project],
    wanted: Proposal,
    decided: Change,
    *,
    at: datetime,
    by: str,
) -> Project:
    after = replace(stored.record, cancelled=True, cancelled_at=at)
    reason = wanted.fact("reason")
    says = f"project {after.id} is cancelled ({reason.replace('_', ' ')}): {wanted.because}"
    event = Event(after.id, "project_cancelled", at, by, TWO_PEOPLE.id, (wanted.id,), says)
    message = Message(
        id=derived("PRJ", after.id, "cancelled"),
        topic="project_cancelled",
        at=at,
        body={"project_id": after.id, "cancelled_at": at.isoformat(), "reason": reason},
    )
    act = Change(saves=(stored.replaced_by(after),), events=(event,), messages=(message,))
    records.commit(act + decided)
    return after
