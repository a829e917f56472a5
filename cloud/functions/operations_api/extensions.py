"""Routes of extension requests, of the funding calendar and of partners' questions about money."""

from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

from cloud.adapters import codec
from cloud.adapters.api import allowed, answers
from cloud.functions.operations_api.desk import (
    ACCOUNTANT,
    ACCOUNTING,
    AUDITOR,
    CLOCK,
    OUTSIDE,
    RECORDS,
    RM,
    TREASURY,
    acting,
    decided,
    listed,
    marked,
    may,
    shown,
)
from cloud.functions.operations_api.extension_shapes import (
    AnswerIn,
    FundingDayIn,
    GrantIn,
    NoFundingDayIn,
)
from cloud.functions.operations_api.shapes import Listed, Marked, One, ReasonIn
from cloud.funding import process as funding
from cloud.funding.extension import ExtensionRequest
from cloud.funding.funding_calendar import funding_calendar, shown_time
from cloud.funding.published import PublishedDay
from cloud.funding.tickets import Ticket
from cloud.kernel.calendar import eastern_day
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import require
from cloud.portfolio.models import Partner
from cloud.reporting.shown_to_decide import extension_shown
from cloud.service.process.uploads import link_to

router = Router()
EXTENSIONS, CALENDAR, TICKETS = ["Extensions"], ["Funding calendar"], ["Tickets"]
READERS = (ACCOUNTANT, ACCOUNTING, RM, AUDITOR)
PLANNERS = (ACCOUNTANT, ACCOUNTING, TREASURY, AUDITOR)
Word = Annotated[str, Query(min_length=1, max_length=200)]


class ProofOut(BaseModel):
    """An address that shows a proof for some minutes."""

    url: str


# ---------------------------------------------------------------------- extension requests
@router.get(
    "/ops/extension_requests", responses=answers(), tags=EXTENSIONS, middlewares=[may(*READERS)]
)
def list_requests(state: Word) -> Listed:
    """List the extension requests in one state; each says until when it is decided (F12)."""
    return listed(ExtensionRequest, "state", state)


@router.get(
    "/ops/extension_requests/<request_id>",
    responses=answers(),
    tags=EXTENSIONS,
    middlewares=[may(*READERS)],
)
def get_request(request_id: str) -> Marked:
    """Give one extension request."""
    request = funding.load_request(RECORDS, request_id).record
    return marked(request, extension_shown(RECORDS, request_id))


@router.get(
    "/ops/extension_requests/<request_id>/proof",
    responses=answers(),
    tags=EXTENSIONS,
    middlewares=[may(*READERS)],
)
def get_proof(request_id: str) -> ProofOut:
    """Give an address that shows the proof of a request, as a download (F17)."""
    request = funding.load_request(RECORDS, request_id).record
    proof = funding.proof_of(RECORDS, request)
    return ProofOut(url=allowed(link_to(OUTSIDE.desk, proof, at=CLOCK.now())))


@router.post(
    "/ops/extension_requests/<request_id>/grant",
    responses=answers(),
    tags=EXTENSIONS,
    middlewares=[may(ACCOUNTING)],
)
def grant(request_id: str, body: GrantIn) -> One:
    """Grant a request, within the cap; a clawback that is there is paused at once (F13, F16)."""
    return shown(
        decided(
            lambda: extension_shown(RECORDS, request_id),
            lambda records: funding.grant_extension(
                records, request_id=request_id, days=body.days, **acting()
            ),
        )
    )


@router.post(
    "/ops/extension_requests/<request_id>/deny",
    responses=answers(),
    tags=EXTENSIONS,
    middlewares=[may(ACCOUNTING)],
)
def deny(request_id: str, body: ReasonIn) -> One:
    """Deny a request; the partner is told why."""
    return shown(
        decided(
            lambda: extension_shown(RECORDS, request_id),
            lambda records: funding.deny_extension(
                records, request_id=request_id, because=body.reason, **acting()
            ),
        )
    )


@router.get(
    "/ops/extension_exposure", responses=answers(), tags=EXTENSIONS, middlewares=[may(*READERS)]
)
def get_exposure(partner_id: Word, programme: Word = COMFORT) -> One:
    """Give what a partner has postponed, its backlog, and the cap today (F16)."""
    require(RECORDS.load(Partner, partner_id), "partner", partner_id)
    standing = funding.exposure_of(
        RECORDS, partner_id=partner_id, programme=programme, at=CLOCK.now()
    )
    return One(item=codec.to_shown(standing))


# ---------------------------------------------------------------------- the calendar
@router.get(
    "/ops/funding_calendar", responses=answers(), tags=CALENDAR, middlewares=[may(*PLANNERS)]
)
def get_calendar(
    first: date | None = None, last: date | None = None, programme: Word = COMFORT
) -> Listed:
    """Give the runs of some time: cut-off, funding day, and why that day (F01 to F03)."""
    since, until = shown_time(first, last, today=eastern_day(CLOCK.now()))
    days = funding_calendar(since, until, funding.published(RECORDS, programme), programme)
    return Listed(items=[codec.to_shown(day) for day in days])


@router.get("/ops/funding_days", responses=answers(), tags=CALENDAR, middlewares=[may(*PLANNERS)])
def list_published(programme: Word = COMFORT) -> Listed:
    """List what was announced; of several for one run the latest counts."""
    return listed(PublishedDay, "programme", programme)


@router.post("/ops/funding_days", responses=answers(), tags=CALENDAR, middlewares=[may(ACCOUNTING)])
def publish(body: FundingDayIn) -> One:
    """Announce another funding day; every partner is written to, once (F03, D20)."""
    return shown(
        funding.publish_funding_day(
            RECORDS,
            regular_date=body.regular_date,
            alternative_date=body.alternative_date,
            programme=body.programme,
            **acting(),
        )
    )


@router.post(
    "/ops/funding_days/withdraw", responses=answers(), tags=CALENDAR, middlewares=[may(ACCOUNTING)]
)
def withdraw(body: NoFundingDayIn) -> One:
    """Take back what was announced for a run, before its cut-off; partners are written to (D43)."""
    return shown(
        funding.withdraw_funding_day(
            RECORDS,
            regular_date=body.regular_date,
            because=body.reason,
            programme=body.programme,
            **acting(),
        )
    )


# ---------------------------------------------------------------------- tickets
@router.get("/ops/tickets", responses=answers(), tags=TICKETS, middlewares=[may(*READERS)])
def list_tickets(state: Word) -> Listed:
    """List the questions about money in one state; open ones wait for an answer (F36)."""
    return listed(Ticket, "state", state)


@router.get(
    "/ops/tickets/<ticket_id>", responses=answers(), tags=TICKETS, middlewares=[may(*READERS)]
)
def get_ticket(ticket_id: str) -> One:
    """Give one question with all that was said."""
    return shown(funding.load_ticket(RECORDS, ticket_id).record)


@router.post(
    "/ops/tickets/<ticket_id>/answer",
    responses=answers(),
    tags=TICKETS,
    middlewares=[may(ACCOUNTANT)],
)
def answer(ticket_id: str, body: AnswerIn) -> One:
    """Answer a question, on record and by mail."""
    return shown(funding.answer_ticket(RECORDS, ticket_id=ticket_id, text=body.text, **acting()))


@router.post(
    "/ops/tickets/<ticket_id>/close",
    responses=answers(),
    tags=TICKETS,
    middlewares=[may(ACCOUNTANT)],
)
def close(ticket_id: str) -> One:
    """Close a question that was answered."""
    return shown(funding.close_ticket(RECORDS, ticket_id=ticket_id, **acting()))
