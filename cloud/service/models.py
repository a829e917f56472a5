"""What is known of an issue that someone must look after: the case, the work order, the report."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.service.offer import AssignmentState
from cloud.service.report import SerialState, VisitReport
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
    CLOSED = "closed"
    CANCELLED = "cancelled"


class CaseTask(StrEnum):
    """What a case waits for a person of the aftermarket service to do."""

    TRIAGE = "triage"
    """Decide whether somebody has to go."""
    RETURN_VISIT = "return_visit"
    """It was worked on and is not mended: decide what is next."""
    NO_DATA = "no_data"
    """It was worked on, and the home says nothing: find out why."""
    CALL_CUSTOMER = "call_customer"
    """The customer has to say whether it is mended, or says that it is not."""


class EmergencyCategory(StrEnum):
    """What kind of emergency a person says that it is (E-31)."""

    ROOF_LEAK = "roof_leak"
    ELECTRICAL_HAZARD = "electrical_hazard"
    THERMAL_EVENT = "thermal_event"
    BESS_MALFUNCTION = "bess_malfunction"
    OTHER = "other"


class ReportedFamily(StrEnum):
    """What a person can report, in the help desk's words."""

    NO_PRODUCTION = "no_production"
    LOW_PRODUCTION = "low_production"
    BATTERY = "battery"
    MONITORING = "monitoring"
    ROOF_LEAK = "roof_leak"
    ELECTRICAL_HAZARD = "electrical_hazard"
    THERMAL_EVENT = "thermal_event"
    PHYSICAL_DAMAGE = "physical_damage"
    OTHER = "other"


class Sight(StrEnum):
    """What an evaluation showed of an issue after the work (C-17)."""

    CLEAR = "clear"
    STANDING = "standing"
    NO_DATA = "no_data"


class WorkOrderState(StrEnum):
    """Where a work order stands."""

    OFFERED = "offered"
    CONTACT_FAILED = "contact_failed"
    REASSIGNABLE = "reassignable"
    MANUAL_DISPATCH = "manual_dispatch"
    AWAITING_SPEND = "awaiting_spend"
    SPEND_REJECTED = "spend_rejected"
    ACCEPTED = "accepted"
    SCHEDULING = "scheduling"
    SCHEDULED = "scheduled"
    ON_SITE = "on_site"
    AWAITING_REPORT = "awaiting_report"
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
    CONFIRM_PAUSE = "confirm_pause"
    ANSWER_QUESTION = "answer_question"
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
class CustomerReport:
    """What a person told the help desk, or wrote into the form.

    Attributes:
        id: made from what was said, by whom and on which day.
        reported_by, contact: who said it, and how to reach them.
    """

    id: str
    source: CaseSource
    family: ReportedFamily
    says: str
    at: datetime
    reported_by: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class EvaluationCheck:
    """What one of detection's evaluations showed after the work; `at` is that evaluation's."""

    at: datetime
    sight: Sight


@dataclass(frozen=True, slots=True)
class Case:
    """One issue of one site, from the first sign to the proof that it is gone.

    Attributes:
        findings: ids of the findings that it holds; one that is here is old news.
        causes: ids of what led to those.
        visited_at: when the work was done: the partner left, or it was mended from afar.
        recovered_at: when telemetry was last seen to be well again.
        told_at: when it was last found or reported; what was well before that proves nothing.
        pictures: where the days behind its findings are drawn, the oldest first.
        reopened: how often it came back after it was resolved: each time a first fix that missed.
        returns: how often work was done that did not mend it: a first fix that missed as well.
        reports: what people told of it.
        emergency_category, emergency_reason: set by a person; empty where detection's hazard is it.
        checks: what the evaluations since the work showed.
        verified_at: the evaluation, or the customer's word, that proved that it is mended.
        confirmed_by: the person who said so; empty where the readings did.
        handed_over_at: when the support center was given it.
        external_reference, external_status: the support center's number, and how it stands.
        closed_at: from here on partners see nothing of the customer any more.
        advised: codes of what the customer was told to look after (K-30).
        task: what it waits for a person to do.
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
    returns: int = 0
    reports: tuple[CustomerReport, ...] = ()
    emergency_category: EmergencyCategory | None = None
    emergency_reason: str = ""
    checks: tuple[EvaluationCheck, ...] = ()
    verified_at: datetime | None = None
    confirmed_by: str = ""
    handed_over_at: datetime | None = None
    external_reference: str = ""
    external_status: str = ""
    closed_at: datetime | None = None
    advised: tuple[str, ...] = ()
    task: CaseTask | None = None
    told_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.state not in {CaseState.RESOLVED, CaseState.CLOSED, CaseState.CANCELLED}


@dataclass(frozen=True, slots=True)
class CaseSlot:
    """The latest case of a site and family: two cannot be opened at once, for both write this."""

    id: str
    case_id: str


class HelpState(StrEnum):
    """What became of a request that came through the customer's form."""

    NEW = "new"
    """Nobody has looked yet."""
    UNMATCHED = "unmatched"
    """No home is known by that address: a person has to find it."""
    LINKED = "linked"
    """It is a report of a case."""
    DISMISSED = "dismissed"
    """A person saw that it is none of ours."""


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """What a customer wrote into the form, as it was written.

    Attributes:
        id: made from what was written and the day: the same again is the same request.
        case_id, site_id: what it was linked to; empty before.
        decided_by: the person who linked or dismissed it; empty where its address did.
    """

    id: str
    state: HelpState
    name: str
    email: str
    phone: str
    address: str
    family: ReportedFamily
    is_grid_out: bool
    says: str
    at: datetime
    case_id: str = ""
    site_id: str = ""
    decided_by: str = ""
    because: str = ""


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
class PlannedEnd:
    """An end that a pause was given ahead of it, and when that was told."""

    told_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """An interval in which clocks stand (S-23).

    Attributes:
        until: None while it stands open.
        declared_at: when it was told, which may be after it began.
        decided_at, decided_by: a coordinator's word on it; None until then.
        is_rejected: it never stopped a clock.
        planned: the ends that were fixed ahead, the latest last; empty where it was left open.
    """

    reason: str
    since: datetime
    until: datetime | None
    evidence: str
    by: str
    declared_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str = ""
    is_rejected: bool = False
    planned: tuple[PlannedEnd, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it stands without an end, and counts."""
        return self.until is None and not self.is_rejected


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """One attempt to reach a partner by telephone, whatever came of it (E-32b)."""

    at: datetime
    outcome: str
    by: str


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """One thing that a work order asks for: what kind of work, and what exactly (A-81)."""

    code: str
    says: str


@dataclass(frozen=True, slots=True)
class ContactAttempt:
    """One attempt to reach the homeowner."""

    at: datetime
    channel: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that was agreed with the homeowner.

    Attributes:
        technician: the name, as it was told.
        partner_id: whose technician it is.
        technician_id, certification: as they were on record on the day of the visit; empty where
            the partner's word stands for them (Q-78).
        arrived_at, departed_at: when somebody was there.
        is_finished: nothing is left to be done; None until the technician left.
    """

    since: datetime
    until: datetime
    technician: str
    partner_id: str = ""
    technician_id: str = ""
    certification: str = ""
    arrived_at: datetime | None = None
    departed_at: datetime | None = None
    is_finished: bool | None = None


@dataclass(frozen=True, slots=True)
class SpendApproval:
    """A written leave to spend up to a total on a work order (I-62).

    Attributes:
        first_by, first_at: of one that two people gave (I-62a), who gave the first of the two.
    """

    by: str
    role: str
    is_written: bool
    at: datetime
    max_total: Money
    first_by: str = ""
    first_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """The offer of a work order to one partner, with the facts that its clock runs on.

    Attributes:
        letter_id: the mail that offers it; the clock starts when that one is delivered.
        bounced_at: the mail came back, so that no clock runs.
        acknowledged_at: the first authentic answer, which need not be an acceptance.
        answered_at: when it was first accepted or declined.
        missed: milestones whose breach is on record, each once.
        calls: attempts to reach the partner by telephone; `phoned_at` is the first one.
        reminded: the reminders that were sent, each once.
        letters_sent: how many letters offered it: one more after a corrected contact.
        ended_at: when the work was given on; the facts of the work order up to then follow, for the
            order itself begins anew: leave to work and to spend, attempts, visits and pauses.
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
    calls: tuple[PhoneCall, ...] = ()
    reminded: tuple[str, ...] = ()
    letters_sent: int = 1
    ended_at: datetime | None = None
    work_authorized_at: datetime | None = None
    contact_attempts: tuple[ContactAttempt, ...] = ()
    visits: tuple[Visit, ...] = ()
    pauses: tuple[Pause, ...] = ()
    spend_approvals: tuple[SpendApproval, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """The written order to go to a site and mend it; its id is the number that people use.

    Attributes:
        partner_id: who has it now; None while a person looks for somebody.
        assignments: all offers of it, the latest last.
        time_zone, policy_day: fixed at issue, so that its clocks never change their meaning.
        spend_limit: what needs no approval beforehand, by the policy of that day.
        not_to_exceed: what may be spent now, by who has it now.
        ranking, routed_by: how the present partner was chosen.
        emergency_since: when work that was ordered already became an emergency; None when it was
            one from the beginning, or is none.
        excluded: partners that declined it or lost it.
        work_authorized_at: the clocks of scheduling and completion start here: acceptance, or spend
            approval where one was needed.
        departed_at, reported_at: both make it complete; the later one counts.
        picture: where the days behind it are drawn, in the document store; empty when nothing is.
        task: what it waits for a person to do.
        scope_lines: what was asked for, in words; `scope` has their codes.
        issued_by: who issued it; empty where detection did.
        open_questions: ids of the partner's questions that nobody has answered.
        closed_because: why it was cancelled.
        customer_hidden_at: its case was closed; from here on no partner sees the customer in it.
        visit_moves: how often the visit that lies ahead was moved (S-21c).
        first_spend_approval: the first of two approvals, until somebody gives the second (I-62a).
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
    scope_lines: tuple[ScopeLine, ...] = ()
    issued_by: str = ""
    open_questions: tuple[str, ...] = ()
    closed_because: str = ""
    customer_hidden_at: datetime | None = None
    visit_moves: int = 0
    first_spend_approval: SpendApproval | None = None

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


class ReportState(StrEnum):
    """Where one version of a report stands."""

    SUBMITTED = "submitted"
    RETURNED = "returned"
    REPLACED = "replaced"


class ReportTask(StrEnum):
    """What a report waits for a person to do."""

    CHECK_SERIALS = "check_serials"


@dataclass(frozen=True, slots=True)
class Report:
    """A complete report of a visit, in one of its versions.

    Attributes:
        departed_at: when the technician left.
        version: 1 for the first one, which is what met the deadline.
        returned_for, returned_by: what a coordinator wants corrected; then a next version comes.
        serials, serials_say: what telemetry says of the parts that were exchanged.
        serials_at: when that was settled.
    """

    id: str
    work_order_id: str
    partner_id: str
    content: VisitReport
    departed_at: datetime
    submitted_at: datetime
    submitted_by: str
    version: int = 1
    state: ReportState = ReportState.SUBMITTED
    returned_for: tuple[str, ...] = ()
    returned_at: datetime | None = None
    returned_by: str = ""
    serials: SerialState = SerialState.NOT_ASKED
    serials_say: str = ""
    serials_at: datetime | None = None
    task: ReportTask | None = None


@dataclass(frozen=True, slots=True)
class ReportDraft:
    """A report that is being written; its id is the work order's."""

    id: str
    partner_id: str
    content: VisitReport
    departed_at: datetime | None
    saved_at: datetime
    saved_by: str


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


# ---- mail ---------------------------------------------------------------------------------------


class MailState(StrEnum):
    """Where a mail stands; the first five are of mails that go out."""

    LEAVING = "leaving"
    HELD = "held"
    DELIVERED = "delivered"
    RETURNED = "returned"
    DROPPED = "dropped"
    FILED = "filed"
    FOR_A_PERSON = "for_a_person"
    QUARANTINED = "quarantined"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    RELEASED = "released"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class MailReading:
    """What one command of a mail was read as, and what came of it.

    Attributes:
        code: why it was not done, as the interface names it; empty when it was.
        says: one sentence for the sender.
    """

    word: str
    is_done: bool
    code: str
    says: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that went out or came in, with how it was filed and read.

    Attributes:
        thread: the work order, case or other thing that it is about; empty when that is not known.
        is_ours: it went out.
        raw: where its bytes lie in the document store; empty for one of ours, which is a letter.
        message_id: by which answers name it; of one of ours, what the mail service gave it.
        matched_by: what led to its thread.
        letter_id: of one of ours, its letter; of one that came back, the letter that did.
        decided_by: who released or discarded it.
    """

    id: str
    state: MailState
    thread: str
    is_ours: bool
    sender: str
    recipient: str
    subject: str
    at: datetime
    raw: str = ""
    message_id: str = ""
    matched_by: str = ""
    readings: tuple[MailReading, ...] = ()
    letter_id: str = ""
    says: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PostHour:
    """How many letters left in an hour; its id is the hour."""

    id: str
    letters: int


@dataclass(frozen=True, slots=True)
class PostHold:
    """Whether letters are held because too many were leaving; its id is always the same.

    Attributes:
        state: held, released or dropped; a decision covers the letters written before it.
    """

    id: str
    state: MailState
    says: str
    held_at: datetime
    decided_by: str = ""
    decided_at: datetime | None = None
