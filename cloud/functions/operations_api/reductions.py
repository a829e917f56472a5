"""Routes of what is taken from partners: by decision of two people, by price table, as a debt."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    ACCOUNTANT,
    ACCOUNTING,
    AUDITOR,
    CLOCK,
    PROJECTS,
    RECORDS,
    acting,
    listed,
    may,
    shown,
)
from cloud.functions.operations_api.reduction_shapes import (
    ComplianceIn,
    DebtSettlementIn,
    WarrantyPricesIn,
)
from cloud.functions.operations_api.shapes import Listed, One
from cloud.funding import process as funding
from cloud.funding.overdue import OverdueFile
from cloud.funding.process.debts import SETTLEMENT
from cloud.funding.process.reductions import COMPLIANCE_OFFSET
from cloud.funding.warranty import WarrantyPrices
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.money import Money
from cloud.kernel.policy import COMFORT
from cloud.portfolio import process as portfolio
from cloud.portfolio.proposals import Proposal

router = Router()
TAGS = ["Funding"]


@router.get(
    "/ops/debts",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def list_debts() -> Listed:
    """List what partners owe, for how long, and whether a coming run may take of it."""
    found = funding.debts(RECORDS, as_of=CLOCK.now())
    return Listed(items=[codec.to_shown(one) for one in found])


@router.post(
    "/ops/deductions/<deduction_id>/settlement",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT)],
)
def propose_settlement(deduction_id: str, body: DebtSettlementIn) -> One:
    """Propose that a debt was paid by check or wire, or is written off (D13)."""
    made = funding.propose_settlement(
        RECORDS,
        deduction_id=deduction_id,
        amount=Money(body.amount_cents),
        how=body.how,
        because=body.reason,
        **acting(),
    )
    return shown(made)


@router.post(
    "/ops/settlements/<proposal_id>/agree",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def agree_settlement(proposal_id: str) -> One:
    """Settle a debt as somebody else proposed (D09)."""
    return shown(funding.agree_settlement(RECORDS, proposal_id=proposal_id, **acting()))


@router.post(
    "/ops/settlements/<proposal_id>/reject",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def reject_settlement(proposal_id: str) -> One:
    """Reject a proposed settlement; nothing of it is booked."""
    return shown(_rejected(proposal_id, SETTLEMENT))


@router.post(
    "/ops/projects/<project_id>/compliance_offset",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT)],
)
def propose_compliance_offset(project_id: str, body: ComplianceIn) -> One:
    """Propose to take money of a project for a compliance case or a stip (F18)."""
    made = funding.propose_compliance_offset(
        RECORDS,
        project_id=project_id,
        amount=Money(body.amount_cents),
        because=body.reason,
        **acting(),
    )
    return shown(made)


@router.post(
    "/ops/compliance_offsets/<proposal_id>/agree",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def agree_compliance_offset(proposal_id: str) -> One:
    """Take the money that somebody else proposed to take (D09)."""
    return shown(funding.agree_compliance_offset(RECORDS, proposal_id=proposal_id, **acting()))


@router.post(
    "/ops/compliance_offsets/<proposal_id>/reject",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def reject_compliance_offset(proposal_id: str) -> One:
    """Reject a proposed amount; nothing of it is taken."""
    return shown(_rejected(proposal_id, COMPLIANCE_OFFSET))


def _rejected(proposal_id: str, kind: str) -> Proposal | Refused:
    if portfolio.proposal(RECORDS, proposal_id).record.kind != kind:
        msg = f"proposal {proposal_id} is not known here: check the id"
        raise NotFound(msg)
    return portfolio.reject(RECORDS, proposal_id=proposal_id, **acting())


@router.get(
    "/ops/warranty_prices",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def list_warranty_prices(programme: str = COMFORT) -> Listed:
    """List the price tables of extended warranties, each with its first day."""
    return listed(WarrantyPrices, "programme", programme)


@router.post(
    "/ops/warranty_prices",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT)],
)
def import_warranty_prices(body: WarrantyPricesIn) -> One:
    """Import a price table, and free each M1 that waited for one of its prices (F24)."""
    table = funding.import_prices(
        RECORDS, body.content.encode(), effective_from=body.effective_from, **acting()
    )
    return shown(table)


@router.get(
    "/ops/overdue_files",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(PROJECTS, ACCOUNTING, AUDITOR)],
)
def list_overdue_files(state: str = "open") -> Listed:
    """List the projects without installation that may be cancelled (F06)."""
    return listed(OverdueFile, "state", state)
