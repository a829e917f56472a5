"""Routes of projects: on record, their milestones, what holds their money, and their end."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters.api import allowed, answers
from cloud.functions.operations_api.desk import (
    ACCOUNTANT,
    ACCOUNTING,
    ADMIN,
    AUDITOR,
    DOCUMENTS,
    PROJECTS,
    RECORDS,
    RM,
    acting,
    listed,
    may,
    shown,
)
from cloud.functions.operations_api.project_shapes import (
    CancellationIn,
    CaseDocumentIn,
    CommissionIn,
    PaymentPlanIn,
    PlanChoiceIn,
    ProjectIn,
    RevocationIn,
    plan_of,
)
from cloud.functions.operations_api.shapes import Listed, MilestoneIn, One, ReasonIn
from cloud.funding import process as funding
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.kernel.ports import require
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import PaymentPlan, Project
from cloud.portfolio.process import CANCEL_PROJECT, PREPAID_COMMISSION
from cloud.portfolio.proposals import Proposal

router = Router()
TAGS = ["Projects"]


# ---------------------------------------------------------------------- on record
@router.get(
    "/ops/projects",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS, RM, ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def list_projects(partner_id: str) -> Listed:
    """List the projects of one partner."""
    return listed(Project, "partner_id", partner_id)


@router.get(
    "/ops/projects/<project_id>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS, RM, ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def get_project(project_id: str) -> One:
    """Give one project with its milestones, those that were taken back included."""
    return shown(require(RECORDS.load(Project, project_id), "project", project_id).record)


@router.post("/ops/projects", responses=answers(), tags=TAGS, middlewares=[may(PROJECTS)])
def put_project(body: ProjectIn) -> One:
    """Put a project on record, or change one whose plan does not stand yet (P-83)."""
    return shown(portfolio.put_project(RECORDS, body.told(), **acting()))


@router.post("/ops/payment_plans", responses=answers(), tags=TAGS, middlewares=[may(ADMIN)])
def put_payment_plan(body: PaymentPlanIn) -> One:
    """Put a payment plan on record, for projects that are registered from now on."""
    plan = PaymentPlan(body.payment_plan_id, body.programme, plan_of(body.shares), body.m1_basis)
    return shown(portfolio.put_payment_plan(RECORDS, plan, **acting()))


@router.get(
    "/ops/payment_plans/<payment_plan_id>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS, ACCOUNTANT, ACCOUNTING, ADMIN, AUDITOR)],
)
def get_payment_plan(payment_plan_id: str) -> One:
    """Give one payment plan."""
    stored = RECORDS.load(PaymentPlan, payment_plan_id)
    return shown(require(stored, "payment plan", payment_plan_id).record)


@router.post(
    "/ops/partners/<partner_id>/payment_plan",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ADMIN)],
)
def assign_payment_plan(partner_id: str, body: PlanChoiceIn) -> One:
    """Say how a partner's new projects are paid (P-83)."""
    return shown(
        portfolio.assign_payment_plan(
            RECORDS, partner_id=partner_id, payment_plan_id=body.payment_plan_id, **acting()
        )
    )


# ---------------------------------------------------------------------- paid beforehand
@router.post(
    "/ops/projects/<project_id>/prepaid_commission",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT)],
)
def propose_prepaid_commission(project_id: str, body: CommissionIn) -> One:
    """Propose to note what was paid before the installation, until M1 (F10, D09)."""
    return shown(
        portfolio.propose_prepaid_commission(
            RECORDS,
            project_id=project_id,
            amount=Money(body.amount_cents),
            because=body.because,
            **acting(),
        )
    )


@router.get(
    "/ops/prepaid_commissions",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def list_prepaid_commissions(state: str) -> Listed:
    """List the proposals of prepaid commission, by what became of them (D09)."""
    found = listed(Proposal, "state", state).items
    return Listed(items=[one for one in found if one["kind"] == PREPAID_COMMISSION])


@router.post(
    "/ops/prepaid_commissions/<proposal_id>/agree",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def agree_prepaid_commission(proposal_id: str) -> One:
    """Note what was prepaid, as another person than who proposed it (D09)."""
    return shown(portfolio.agree_prepaid_commission(RECORDS, proposal_id=proposal_id, **acting()))


@router.post(
    "/ops/prepaid_commissions/<proposal_id>/reject",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def reject_prepaid_commission(proposal_id: str) -> One:
    """Leave what is noted as prepaid as it is (D09)."""
    wanted = portfolio.proposal(RECORDS, proposal_id).record
    if wanted.kind != PREPAID_COMMISSION:
        because = f"proposal {proposal_id} is of no prepaid commission"
        allowed(Refused("D09", because, "other_proposal"))
    return shown(portfolio.reject(RECORDS, proposal_id=proposal_id, **acting()))


# ---------------------------------------------------------------------- milestones
@router.post(
    "/ops/projects/<project_id>/milestones",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS)],
)
def reach_milestone(project_id: str, body: MilestoneIn) -> One:
    """Record a milestone, at the instant of this call (P-01, P-82)."""
    return shown(
        portfolio.record_milestone(
            RECORDS, project_id=project_id, milestone=body.milestone, **acting()
        )
    )


@router.post(
    "/ops/projects/<project_id>/milestones/revoke",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS)],
)
def revoke_milestone(project_id: str, body: RevocationIn) -> One:
    """Take back a milestone that should not have been recorded (P-82)."""
    return shown(
        portfolio.revoke_milestone(
            RECORDS,
            project_id=project_id,
            milestone=body.milestone,
            because=body.reason,
            occurrence=body.occurrence,
            **acting(),
        )
    )


# ---------------------------------------------------------------------- what holds its money
@router.post(
    "/ops/projects/<project_id>/compliance_case/open",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS, ACCOUNTANT)],
)
def open_compliance_case(project_id: str, body: ReasonIn) -> One:
    """Open a compliance case; the project's money waits (F18)."""
    return shown(
        portfolio.open_compliance_case(
            RECORDS, project_id=project_id, because=body.reason, **acting()
        )
    )


@router.post(
    "/ops/projects/<project_id>/compliance_case/close",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS)],
)
def close_compliance_case(project_id: str, body: ReasonIn) -> One:
    """Close a compliance case; the project's money waits for it no longer (F18)."""
    return shown(
        portfolio.close_compliance_case(
            RECORDS, project_id=project_id, because=body.reason, **acting()
        )
    )


@router.post(
    "/ops/projects/<project_id>/stip/open",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS, ACCOUNTANT)],
)
def open_stip(project_id: str, body: ReasonIn) -> One:
    """Ask for something administrative; the project's money waits for it (F18)."""
    return shown(
        portfolio.open_stip(RECORDS, project_id=project_id, because=body.reason, **acting())
    )


@router.post(
    "/ops/projects/<project_id>/stip/close",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS)],
)
def close_stip(project_id: str, body: ReasonIn) -> One:
    """Note that what was asked for came (F18)."""
    return shown(
        portfolio.close_stip(RECORDS, project_id=project_id, because=body.reason, **acting())
    )


@router.post(
    "/ops/projects/<project_id>/documents",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS, ACCOUNTANT)],
)
def put_case_document(project_id: str, body: CaseDocumentIn) -> One:
    """Put a paper for a project's case on file, for somebody to look at (F18)."""
    return shown(
        portfolio.record_compliance_document(
            RECORDS, DOCUMENTS, project_id=project_id, reference=body.reference, **acting()
        )
    )


# ---------------------------------------------------------------------- the end
@router.get(
    "/ops/cancellations",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS, ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def list_cancellations(state: str) -> Listed:
    """List the proposals to end a project, by what became of them (D09)."""
    found = listed(Proposal, "state", state).items
    return Listed(items=[one for one in found if one["kind"] == CANCEL_PROJECT])


@router.post(
    "/ops/projects/<project_id>/cancellation",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS)],
)
def propose_cancellation(project_id: str, body: CancellationIn) -> One:
    """Propose to end a project; for its lateness only once its 160 days are over (F06)."""
    return shown(
        funding.propose_cancellation(
            RECORDS, project_id=project_id, reason=body.reason, because=body.because, **acting()
        )
    )


@router.post(
    "/ops/cancellations/<proposal_id>/agree",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def agree_cancellation(proposal_id: str) -> One:
    """End the project, as another person than who proposed it (D09)."""
    return shown(funding.agree_cancellation(RECORDS, proposal_id=proposal_id, **acting()))


@router.post(
    "/ops/cancellations/<proposal_id>/reject",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def reject_cancellation(proposal_id: str) -> One:
    """Let the project go on (D09)."""
    return shown(funding.reject_cancellation(RECORDS, proposal_id=proposal_id, **acting()))
