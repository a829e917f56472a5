"""What goes in of the routes about cases, work orders, mails and organisations."""

from datetime import date
from typing import Annotated

from pydantic import Field

from cloud.adapters.instants import Instant
from cloud.functions.operations_api.shapes import In, Reason
from cloud.portfolio.organisation import OptInState, WarrantyKind
from cloud.service.models import CaseSource, EmergencyCategory, ReportedFamily

Id = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=4000)]
Cents = Annotated[int, Field(gt=0, le=10**9)]


class ReportIn(In):
    """What a person told the help desk."""

    source: CaseSource
    site_id: Id
    family: ReportedFamily
    says: Reason
    hazard: Text = ""
    is_grid_out: bool = False
    reported_by: Text = ""
    contact: Text = ""


class VisitIn(In):
    """What somebody shall go for."""

    scope: Annotated[list[Id], Field(max_length=20)] = Field(default_factory=list)
    instructions: Reason
    is_workmanship_suspected: bool | None = None


class ScopeLineIn(In):
    """One thing that is asked for: what kind of work, and what exactly."""

    code: Id
    says: Reason


class IssueIn(In):
    """A work order in writing: what is to be done, and up to which total."""

    scope_lines: Annotated[list[ScopeLineIn], Field(min_length=1, max_length=60)]
    instructions: Reason
    is_workmanship_suspected: bool = False
    not_to_exceed_cents: Cents | None = None


class EmergencyIn(In):
    """What kind of emergency it is, and why somebody says so."""

    category: EmergencyCategory
    reason: Text = ""
    is_grid_out: bool = False


class SaysIn(In):
    """One's words."""

    says: Text = ""


class ExternalIn(In):
    """The support center's number of a case, and how it stands there."""

    reference: Id
    status: Id


class AdviceIn(In):
    """The code of a duty, or of work that the customer would pay."""

    code: Id


class LinkIn(In):
    """The home that a request is about."""

    site_id: Id


class PhoneIn(In):
    """What came of a call."""

    outcome: Id = "reached"


class AssignIn(In):
    """The partner that a person chose."""

    partner_id: Id


class PauseIn(In):
    """A pause on a coordinator's word."""

    reason: Id
    evidence: Reason
    since: Instant
    until: Instant | None = None


class VisitMoveIn(In):
    """The hours to which a coordinator moves a visit, who comes then, and why."""

    since: Instant
    until: Instant
    technician: Id
    reason: Reason


class AnswerIn(In):
    """An answer to a partner's question."""

    text: Reason


class ReasonsIn(In):
    """What is to be corrected."""

    reasons: Annotated[list[Reason], Field(min_length=1, max_length=60)]


class ReleaseIn(In):
    """The work order that a mail belongs to."""

    work_order_number: Id


class MailCaseIn(In):
    """The case that a mail is about."""

    case_id: Id


class OptInIn(In):
    """What becomes of a partner's wish."""

    state: OptInState
    reason: Text = ""


class CertificationIn(In):
    """A maker's word that a technician may work on what it makes."""

    manufacturer: Id
    number: Id
    expires_on: date


class TechnicianIn(In):
    """A technician of a partner's, with what it is certified for."""

    technician_id: Id
    name: Id
    is_active: bool = True
    certifications: Annotated[list[CertificationIn], Field(max_length=60)] = Field(
        default_factory=list
    )


class LicenceIn(In):
    """A licence of one state."""

    state: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    number: Id
    expires_on: date


class LicencesIn(In):
    """All licences of a partner."""

    licences: Annotated[list[LicenceIn], Field(max_length=60)]


class InstallerIn(In):
    """Who answers for a site's workmanship from now on, and why."""

    partner_id: Id
    reason: Reason


class VoidIn(In):
    """Which warranty is void, from which day on, and why."""

    kind: WarrantyKind
    on: date
    reason: Reason


class WarrantyIn(In):
    """One more warranty of a site."""

    kind: WarrantyKind
    starts_on: date
    ends_on: date


class ManagerIn(In):
    """Who looks after which partners."""

    relationship_manager_id: Id
    name: Id
    email: Id
    partner_ids: Annotated[list[Id], Field(max_length=1000)]
