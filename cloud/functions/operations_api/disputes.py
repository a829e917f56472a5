"""Routes of back-bills and disputes: each level is decided by who owns it (X-86)."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import (
    ACCOUNTING,
    ADMIN,
    AUDITOR,
    RECORDS,
    RM,
    SPC,
    acting,
    decided,
    listed,
    marked,
    may,
    person,
    shown,
)
from cloud.functions.operations_api.money_shapes import DecisionIn, LevelIn
from cloud.functions.operations_api.shapes import Listed, Marked, One
from cloud.invoicing import process as invoicing
from cloud.invoicing.models import BackBill, Dispute
from cloud.kernel.money import Money
from cloud.kernel.ports import require
from cloud.reporting.shown_to_decide import dispute_shown

router = Router()
TAGS = ["Disputes"]


@router.get(
    "/ops/back_bills",
    responses=answers(),
    tags=["Back-bills"],
    middlewares=[may(SPC, RM, ACCOUNTING, AUDITOR)],
)
def list_back_bills(partner_id: str) -> Listed:
    """List what one partner, as original installer, is or may be charged (B-53)."""
    return listed(BackBill, "partner_id", partner_id)


@router.get(
    "/ops/disputes", responses=answers(), tags=TAGS, middlewares=[may(SPC, RM, ADMIN, AUDITOR)]
)
def list_disputes(state: str) -> Listed:
    """List the disputes in one state; each names the level that decides it now."""
    return listed(Dispute, "state", state)


@router.get(
    "/ops/disputes/<dispute_id>",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, RM, ADMIN, AUDITOR)],
)
def get_dispute(dispute_id: str) -> Marked:
    """Give one dispute, with the levels that it came through."""
    dispute = require(RECORDS.load(Dispute, dispute_id), "dispute", dispute_id).record
    return marked(dispute, dispute_shown(RECORDS, dispute_id))


@router.post(
    "/ops/disputes/<dispute_id>/escalate",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, RM)],
)
def escalate_dispute(dispute_id: str, body: LevelIn) -> One:
    """Take a dispute to the next level; levels go forward only (X-86)."""
    return shown(
        decided(
            lambda: dispute_shown(RECORDS, dispute_id),
            lambda records: invoicing.escalate_dispute(
                records, dispute_id=dispute_id, to_level=body.to_level, **acting()
            ),
        )
    )


@router.post(
    "/ops/disputes/<dispute_id>/resolve",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(SPC, RM, ADMIN)],
)
def resolve_dispute(dispute_id: str, body: DecisionIn) -> One:
    """Decide a dispute, by who owns its level (X-86, X-87)."""
    left = body.new_amount_cents
    return shown(
        decided(
            lambda: dispute_shown(RECORDS, dispute_id),
            lambda records: invoicing.resolve_dispute(
                records,
                dispute_id=dispute_id,
                outcome=body.outcome,
                reason=body.reason,
                roles=person().roles,
                partial=None if left is None else Money(left),
                **acting(),
            ),
        )
    )
