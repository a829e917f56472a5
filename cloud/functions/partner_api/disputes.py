"""Routes of what a partner is back-billed, and of its disagreements (B-53, X-85 to X-87)."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters.api import allowed, answers
from cloud.functions.partner_api.caller import caller, common
from cloud.functions.partner_api.desk import CLOCK, RECORDS, Cursor, Limit, page
from cloud.functions.partner_api.gate import here
from cloud.functions.partner_api.money_shapes import (
    BackBillOut,
    BackBillsOut,
    DisputeIn,
    DisputeOut,
    DisputesOut,
    EvidenceIn,
    LevelIn,
)
from cloud.invoicing import process
from cloud.invoicing.models import BackBill, Dispute

router = Router()
BACK_BILLS, DISPUTES = ["Back-bills"], ["Disputes"]


@router.get("/v1/back_bills", responses=answers(), tags=BACK_BILLS)
def list_back_bills(limit: Limit = 100, cursor: Cursor = "") -> BackBillsOut:
    """List what the partner, as original installer, is or may be charged (B-53)."""
    found = RECORDS.find(BackBill, by="partner_id", value=caller().partner_id)
    wanted, following = page(
        [one.record for one in found],
        of="back_bills",
        place=lambda bill: [bill.id],
        limit=limit,
        cursor=cursor,
    )
    shown = [BackBillOut.of(one) for one in wanted]
    return BackBillsOut(back_bills=shown, has_more=bool(following), next_cursor=following)


@router.get("/v1/back_bills/<back_bill_id>", responses=answers(), tags=BACK_BILLS)
def get_back_bill(back_bill_id: str) -> BackBillOut:  # noqa: ARG001 - the gate loaded it
    """Give one back-bill as it stands (B-54)."""
    bill: BackBill = here()
    return BackBillOut.of(bill)


@router.get("/v1/disputes", responses=answers(), tags=DISPUTES)
def list_disputes(limit: Limit = 100, cursor: Cursor = "") -> DisputesOut:
    """List the partner's disputes, oldest first."""
    found = RECORDS.find(Dispute, by="partner_id", value=caller().partner_id)
    wanted, following = page(
        [one.record for one in found],
        of="disputes",
        place=lambda dispute: [dispute.opened_at.isoformat(), dispute.id],
        limit=limit,
        cursor=cursor,
    )
    shown = [DisputeOut.of(one) for one in wanted]
    return DisputesOut(disputes=shown, has_more=bool(following), next_cursor=following)


@router.post("/v1/disputes", responses=answers(), tags=DISPUTES)
def open_dispute(body: DisputeIn) -> DisputeOut:
    """Disagree with a finding, a back-bill, a decision, a breach or a pause (X-85).

    What is not posted of a back-bill is held until the dispute is over; the work is not.
    """
    opened = process.open_dispute(
        RECORDS,
        kind=body.kind,
        work_order_id=body.work_order_number,
        says=body.says,
        what=body.what,
        evidence=body.evidence,
        **common(CLOCK.now()),
    )
    return DisputeOut.of(allowed(opened))


@router.get("/v1/disputes/<dispute_id>", responses=answers(), tags=DISPUTES)
def get_dispute(dispute_id: str) -> DisputeOut:  # noqa: ARG001 - the gate loaded it
    """Give one dispute with the levels that it came through."""
    dispute: Dispute = here()
    return DisputeOut.of(dispute)


@router.post("/v1/disputes/<dispute_id>/evidence", responses=answers(), tags=DISPUTES)
def add_evidence(dispute_id: str, body: EvidenceIn) -> DisputeOut:
    """Add what was uploaded to an open dispute."""
    answer = process.add_evidence(
        RECORDS, dispute_id=dispute_id, evidence=body.evidence, **common(CLOCK.now())
    )
    return DisputeOut.of(allowed(answer))


@router.post("/v1/disputes/<dispute_id>/escalate", responses=answers(), tags=DISPUTES)
def escalate_dispute(dispute_id: str, body: LevelIn) -> DisputeOut:
    """Take a dispute to the next level; levels go forward only (X-86)."""
    answer = process.escalate_dispute(
        RECORDS, dispute_id=dispute_id, to_level=body.to_level, **common(CLOCK.now())
    )
    return DisputeOut.of(allowed(answer))


@router.post("/v1/disputes/<dispute_id>/withdraw", responses=answers(), tags=DISPUTES)
def withdraw_dispute(dispute_id: str) -> DisputeOut:
    """Give a dispute up, which releases what it held."""
    answer = process.withdraw_dispute(RECORDS, dispute_id=dispute_id, **common(CLOCK.now()))
    return DisputeOut.of(allowed(answer))
