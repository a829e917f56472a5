"""What is known of an issue that someone must look after: the case, the work order, the report."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.service.offer import AssignmentState
from cloud.service.report import VisitReport
from cloud.service.routing import Ranked, RoutingReason
from cloud.service.sla import SlaMilestone

SPC_QUEUE = "spc_queue"
"""Stands for a coordinator where none is named: whoever of them is free."""
SPC_ROLE = "spc"
"""Role of a Service Project Coordinator in a written approval."""
AWAITING_OWNER = "awaiting_owner"
"""The one reason for a pause that is the owner's and not the partner's."""


class Cause(StrEnum):
    """What a person found to be the cause, for each thing that can be billed."""

    WORKMANSHIP = "workmanship"
    PRODUCT_FAILURE = "product_failure"
    SYSTEM_WARRANTY = "system_warranty"
    UNDETERMINED = "undetermined"
    GROSS_NEGLIGENCE = "gross_negligence"
    INTENTIONAL_HARM = "intentional_harm"
    FAILURE_TO_MAINTAIN = "failure_to_maintain"
    CRITTER_REMEDIATION = "critter_remediation"
    SNOW_GUARD_INSTALLATION = "snow_guard_installation"
    ROOF_REPAIR = "roof_repair"
    REMOVAL_REINSTALL_FOR_ROOF_WORK = "removal_reinstall_for_roof_work"
    PRE_EXISTING_ISSUE = "pre_existing_issue"


class OriginalOffer(StrEnum):
    """What became of the work order's offer to the original installer (B-53)."""

    NOT_OFFERED = "not_offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NO_RESPONSE = "no_response"
    COULD_NOT_RESPOND_EMERGENCY = "could_not_respond_emergency"


class CaseSource(StrEnum):
    """Where a case came from."""

    DETECTION = "detection"
    PHONE = "phone"
    EMAIL = "email"
    CHAT = "chat"
    FORM = "form"


class CaseOwner(StrEnum):
    """Who leads a case to its end (C-15)."""

    AMS = "ams"
    OMNIDIAN = "omnidian"


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    WITH_OMNIDIAN = "with_omnidian"
    WORK_ORDERED = "work_ordered"
    VERIFYING = "verifying"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


class WorkOrderState(StrEnum):
    """Where a work order stands."""

    OFFERED = "offered"
    REASSIGNABLE = "reassignable"
    MANUAL_DISPATCH = "manual_dispatch"
    AWAITING_SPEND = "awaiting_spend"
    ACCEPTED = "accepted"
    SCHEDULING = "scheduling"
    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Task(StrEnum):
    """What a work order waits for a person to do."""

    CHOOSE_PARTNER = "choose_partner"
    CONFIRM_REASSIGNMENT = "confirm_reassignment"
    APPROVE_SPEND = "approve_spend"
    CORRECT_CONTACT = "correct_contact"
    PHONE_PARTNER = "phone_partner"
    CHASE_PARTNER = "chase_partner"
    RECORD_FINDING = "record_finding"


@dataclass(frozen=True, slots=True)
class Finding:
    """What detection concluded of one issue of one site.

    Attributes:
        family: what kind of issue it is; one case is open per site and family.
        rule: the rule that it follows, D-12 or D-13.
        opened_on: the first day of the issue.
        says: one sentence for the customer and the partner.
        dispatchable: a visit may be sent on it without a person's word.
        evidence: what it rests on, in words or references.
        causes: ids of what led to it.
        hazard: kind of danger, if there is one (E-31).
        is_grid_out: the grid was out when it happened.
        scope: kinds of work that a partner must do for it; empty if any partner will do.
        summary: its days in words for the customer; empty when they are not the reason.
        picture: where its days are drawn, in the document store; empty when nothing is.
    """

    id: str
    site_id: str
    family: str
    rule: str
    opened_on: date
    says: str
    dispatchable: bool
    evidence: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    hazard: str = ""
    is_grid_out: bool = False
    scope: tuple[str, ...] = ()
    summary: str = ""
    picture: str = ""

    def __post_init__(self) -> None:
        if not (self.id and self.site_id and self.family):
            msg = f"finding {self.id!r} of site {self.site_id!r} names no issue: send it complete"
            raise BadInput(msg)


@dataclass(frozen=True, slots=True)
class Case:
    """One issue of one site, from the first sign to the proof that it is gone.

    Attributes:
        findings: ids of the findings that it holds; one that is here is old news.
        causes: ids of what led to those.
        visited_at: when the partner left after the work was done.
        recovered_at: when telemetry was last seen to be well again.
        pictures: where the days behind its findings are drawn, the oldest first.
        reopened: how often it came back after it was resolved: each time a first fix that missed.
    """

    id: str
    source: CaseSource
    family: str
    site_id: str
    owner: CaseOwner
    state: CaseState
    rule: str
    is_emergency: bool
    opened_at: datetime
    findings: tuple[str, ...]
    evidence: tuple[str, ...]
    causes: tuple[str, ...]
    visited_at: datetime | None = None
    recovered_at: datetime | None = None
    resolved_at: datetime | None = None
    pictures: tuple[str, ...] = ()
    reopened: int = 0

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.state not in {CaseState.RESOLVED, CaseState.CANCELLED}


@dataclass(frozen=True, slots=True)
class CaseSlot:
    """The latest case of a site and family: two cannot be opened at once, for both write this."""

    id: str
    case_id: str


@dataclass(frozen=True, slots=True)
class Coordinator:
    """A Service Project Coordinator (SPC), who issues work orders and decides on invoices."""

    id: str
    name: str
    email: str
    is_active: bool = True
    delegate_id: str = ""


@dataclass(frozen=True, slots=True)
class ServiceRoster:
    """The partners among which the work of one state is routed; its id is the state."""

    id: str
    partner_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """An interval in which clocks stand (S-23).

    Attributes:
        until: None while it stands open.
    """

    reason: str
    since: datetime
    until: datetime | None
    evidence: str
    by: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """The offer of a work order to one partner, with the facts that its clock runs on.

    Attributes:
        letter_id: the mail that offers it; the clock starts when that one is delivered.
        bounced_at: the mail came back, so that no clock runs.
        acknowledged_at: the first authentic answer, which need not be an acceptance.
        answered_at: when it was accepted or declined.
        missed: milestones whose breach is on record, each once.
    """

    partner_id: str
    state: AssignmentState
    letter_id: str
    offered_at: datetime
    delivered_at: datetime | None = None
    bounced_at: datetime | None = None
    phoned_at: datetime | None = None
    acknowledged_at: datetime | None = None
    answered_at: datetime | None = None
    is_late: bool = False
    estimate: Money | None = None
    reason: str = ""
    missed: tuple[SlaMilestone, ...] = ()


@dataclass(frozen=True, slots=True)
class SpendApproval:
    """A written leave to spend up to a total on a work order (I-62)."""

    by: str
    role: str
    is_written: bool
    at: datetime
    max_total: Money


@dataclass(frozen=True, slots=True)
class ContactAttempt:
    """One attempt to reach the homeowner."""

    at: datetime
    channel: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that was agreed with the homeowner."""

    since: datetime
    until: datetime
    technician: str


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """The written order to go to a site and mend it; its id is the number that people use.

    Attributes:
        partner_id: who has it now; None while a person looks for somebody.
        assignments: all offers of it, the latest last.
        time_zone, policy_day: fixed at issue, so that its clocks never change their meaning.
        spend_limit: what needs no approval beforehand, by the policy of that day.
        not_to_exceed: what may be spent now.
        ranking, routed_by: how the present partner was chosen.
        emergency_since: when work that was ordered already became an emergency; None when it was
            one from the beginning, or is none.
        excluded: partners that declined it or lost it.
        work_authorized_at: the clocks of scheduling and completion start here: acceptance, or spend
            approval where one was needed.
        departed_at, reported_at: both make it complete; the later one counts.
        picture: where the days behind it are drawn, in the document store; empty when nothing is.
        task: what it waits for a person to do.
    """

    id: str
    case_id: str
    site_id: str
    spc_id: str
    partner_id: str | None
    original_installer_id: str
    state: WorkOrderState
    scope: tuple[str, ...]
    instructions: str
    time_zone: str
    policy_day: date
    issued_at: datetime
    spend_limit: Money
    not_to_exceed: Money
    is_emergency: bool = False
    emergency_since: datetime | None = None
    is_workmanship_suspected: bool = False
    assignments: tuple[Assignment, ...] = ()
    ranking: tuple[Ranked, ...] = ()
    routed_by: RoutingReason = RoutingReason.MANUAL_DISPATCH
    excluded: tuple[str, ...] = ()
    original_offer: OriginalOffer = OriginalOffer.NOT_OFFERED
    spend_approvals: tuple[SpendApproval, ...] = ()
    work_authorized_at: datetime | None = None
    contact_attempts: tuple[ContactAttempt, ...] = ()
    visits: tuple[Visit, ...] = ()
    pauses: tuple[Pause, ...] = ()
    report_id: str | None = None
    departed_at: datetime | None = None
    reported_at: datetime | None = None
    cause: Cause = Cause.UNDETERMINED
    cause_evidence: str = ""
    cause_found_by: str = ""
    picture: str = ""
    task: Task | None = None

    @property
    def assignment(self) -> Assignment | None:
        """The offer that stands, or None while there is no partner."""
        if self.partner_id is None:
            return None
        return self.assignments[-1]

    @property
    def is_open(self) -> bool:
        """Whether work is still to be done on it."""
        return self.state not in {WorkOrderState.COMPLETED, WorkOrderState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Report:
    """A complete report of a visit.

    Attributes:
        departed_at: when the technician left.
    """

    id: str
    work_order_id: str
    partner_id: str
    content: VisitReport
    departed_at: datetime
    submitted_at: datetime
    submitted_by: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A report that cannot be taken yet: by which rule, and all that it lacks.

    Attributes:
        missing: machine-readable codes, sorted.
    """

    rule: str
    because: str
    code: str
    missing: tuple[str, ...]
