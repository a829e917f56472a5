"""Routes of what an organisation is paid, what is at risk, and the papers of its payments (F35)."""

from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters.api import answers
from cloud.functions.partner_api.desk import (
    CLOCK,
    DOCUMENTS,
    OUTSIDE,
    RECORDS,
    Cursor,
    Limit,
    page,
)
from cloud.functions.partner_api.money_desk import CSV, accounting_admin, as_csv, organisation_asked
from cloud.functions.partner_api.payout_shapes import (
    ClockOut,
    ClocksOut,
    PayoutOut,
    PayoutsOut,
    ReductionOut,
    ReductionsOut,
    RemittanceOut,
    RemittancesOut,
    TabOut,
)
from cloud.functions.partner_api.shapes import LinkOut
from cloud.funding.exports import link_minutes
from cloud.funding.process import payouts, remittances, risk
from cloud.kernel.calendar import eastern_day

router = Router()
TAGS = ["Payouts"]
Word = Annotated[str, Query(max_length=200)]
Day = Annotated[date | None, Query()]


@router.get("/v1/payouts", responses=answers(), tags=TAGS)
def list_payouts(
    organisation: Word = "",
    *,
    tab: Word = "",
    status: Word = "",
    since: Day = None,
    until: Day = None,
    category: Word = "",
    milestone: Word = "",
    project: Word = "",
    market: Word = "",
    salesperson: Word = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> PayoutsOut:
    """List what was earned and what is taken, with where each stands (F27, F35)."""
    accounting_admin()
    now, about = CLOCK.now(), organisation_asked(RECORDS, organisation)
    wanted = payouts.PayoutFilter(
        tab=tab,
        status=status,
        since=since,
        until=until,
        category=category,
        milestone=milestone,
        project_id=project,
        market=market,
        salesperson=salesperson,
    )
    found = payouts.holdings(RECORDS, about, at=now)
    rows = payouts.rows_of(found, at=now)
    given, following = page(
        payouts.wanted_rows(rows, wanted, at=now),
        of=f"payouts {about} {wanted}",
        place=payouts.place,
        limit=limit,
        cursor=cursor,
    )
    return PayoutsOut(
        payouts=[PayoutOut.of(one) for one in payouts.named(RECORDS, found, given)],
        tabs=[TabOut.of(one) for one in payouts.totals(rows, at=now)],
        has_more=bool(following),
        next_cursor=following,
    )


@router.get("/v1/risk", responses=answers(), tags=TAGS)
def list_clocks(
    organisation: Word = "",
    *,
    clock: Word = "",
    aging: Word = "",
    status: Word = "",
    market: Word = "",
    salesperson: Word = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> ClocksOut:
    """List the clocks that run and the money that each moves; red ones need action (F28)."""
    accounting_admin("view_clawback_report")
    about = organisation_asked(RECORDS, organisation)
    asked = (clock, aging, status, market, salesperson)
    rows = risk.risk(RECORDS, about, at=CLOCK.now()).clocks
    given, following = page(
        [
            row
            for row in rows
            if _fits(asked, (row.clock, row.age_class, row.status, row.market, row.salesperson))
        ],
        of=f"risk {about} {asked}",
        place=risk.place,
        limit=limit,
        cursor=cursor,
    )
    shown = [ClockOut.of(one) for one in given]
    return ClocksOut(clocks=shown, has_more=bool(following), next_cursor=following)


@router.get("/v1/risk/reductions", responses=answers(), tags=TAGS)
def list_reductions(
    organisation: Word = "",
    *,
    category: Word = "",
    aging: Word = "",
    market: Word = "",
    salesperson: Word = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> ReductionsOut:
    """List what is still to be taken, each with its type (F26)."""
    accounting_admin("view_clawback_report")
    about = organisation_asked(RECORDS, organisation)
    asked = (category, aging, market, salesperson)
    rows = risk.risk(RECORDS, about, at=CLOCK.now()).reductions
    given, following = page(
        [
            row
            for row in rows
            if _fits(asked, (row.type, row.age_class, row.market, row.salesperson))
        ],
        of=f"reductions {about} {asked}",
        place=lambda row: [row.incurred_on.isoformat(), row.id],
        limit=limit,
        cursor=cursor,
    )
    shown = [ReductionOut.of(one) for one in given]
    return ReductionsOut(reductions=shown, has_more=bool(following), next_cursor=following)


@router.get("/v1/remittances", responses=answers(), tags=TAGS)
def list_remittances(
    organisation: Word = "", *, limit: Limit = 100, cursor: Cursor = ""
) -> RemittancesOut:
    """List the payments to the organisation, oldest first (F04)."""
    accounting_admin()
    about = organisation_asked(RECORDS, organisation)
    given, following = page(
        remittances.payments(RECORDS, about),
        of=f"remittances {about}",
        place=lambda one: [one.funding_date.isoformat(), one.trace_number],
        limit=limit,
        cursor=cursor,
    )
    shown = [RemittanceOut.of(one) for one in given]
    return RemittancesOut(remittances=shown, has_more=bool(following), next_cursor=following)


@router.get("/v1/remittances/<run_id>/document", responses=answers(), tags=TAGS)
def get_advice(run_id: str, organisation: Word = "") -> LinkOut:
    """Give an address that shows the advice of a payment as pages for some minutes (D36)."""
    accounting_admin()
    about = organisation_asked(RECORDS, organisation)
    reference = remittances.advice_document(RECORDS, run_id=run_id, partner_id=about)
    minutes = link_minutes(eastern_day(CLOCK.now()))
    name = f"remittance-{run_id}.pdf"
    return LinkOut(url=OUTSIDE.desk.link(reference, name=name, minutes=minutes))


@router.get("/v1/remittances/<run_id>/csv", responses=CSV, tags=TAGS)
def get_advice_lines(run_id: str, organisation: Word = "") -> Response[str]:
    """Give the lines of a payment, one for each payable and each deduction, as CSV."""
    accounting_admin()
    about = organisation_asked(RECORDS, organisation)
    reference = remittances.advice_lines(RECORDS, run_id=run_id, partner_id=about)
    return as_csv(DOCUMENTS.get(reference).decode())


def _fits(asked: tuple[str, ...], values: tuple[str, ...]) -> bool:
    return all(one in {"", value} for one, value in zip(asked, values, strict=True))
