"""Routes of what an organisation is paid and may lose, as accounting sees it."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.functions.operations_api.desk import ACCOUNTANT, ACCOUNTING, AUDITOR, CLOCK, RECORDS, may
from cloud.functions.operations_api.shapes import Listed
from cloud.funding.process import payouts, remittances, risk
from cloud.kernel.errors import BadInput

router = Router()
READERS = (ACCOUNTANT, ACCOUNTING, AUDITOR)
TAGS = ["Funding"]
MOST_ROWS = 5_000
"""Rows of one answer; a row has less than a kilobyte, and an answer at most six million bytes."""
Word = Annotated[str, Query(max_length=200)]
Id = Annotated[str, Query(min_length=1, max_length=200)]
Day = Annotated[date | None, Query()]


@router.get("/ops/payouts", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def list_payouts(
    partner_id: Id,
    *,
    tab: Word = "",
    status: Word = "",
    since: Day = None,
    until: Day = None,
    category: Word = "",
    milestone: Word = "",
    project: Word = "",
) -> Listed:
    """List an organisation's payables and deductions, each under its tab (F35)."""
    wanted = payouts.PayoutFilter(
        tab=tab,
        status=status,
        since=since,
        until=until,
        category=category,
        milestone=milestone,
        project_id=project,
    )
    return _listed(payouts.payouts(RECORDS, partner_id, wanted=wanted, at=CLOCK.now()))


@router.get(
    "/ops/partners/<partner_id>/risk",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(*READERS)],
)
def list_risk(partner_id: str) -> Listed:
    """List an organisation's running clocks, red ones marked, then its open reductions (F28)."""
    report = risk.risk(RECORDS, partner_id, at=CLOCK.now())
    return _listed([*report.clocks, *report.reductions])


@router.get(
    "/ops/partners/<partner_id>/remittances",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(*READERS)],
)
def list_remittances(partner_id: str) -> Listed:
    """List what was paid to an organisation, and how each payment stands (F04)."""
    return _listed(remittances.payments(RECORDS, partner_id))


def _listed(rows: Sequence[object]) -> Listed:
    if len(rows) > MOST_ROWS:
        msg = f"{len(rows)} rows are too many for one answer: ask for one tab or a shorter period"
        raise BadInput(msg)
    return Listed(items=[codec.to_shown(row) for row in rows])
