"""Routes of extension requests, of the funding calendar and of questions about money (F11, F36)."""

import os
from datetime import date
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters.api import No, allowed, answers
from cloud.functions.partner_api.caller import caller, common
from cloud.functions.partner_api.desk import CLOCK, OUTSIDE, RECORDS, Cursor, Limit, page
from cloud.functions.partner_api.extension_shapes import (
    CalendarDayOut,
    CalendarOut,
    ExtensionIn,
    ExtensionOut,
    ExtensionsOut,
    ProofIn,
    TextIn,
    TicketIn,
    TicketOut,
    TicketsOut,
)
from cloud.functions.partner_api.money_desk import accounting_admin, organisation_asked, typed
from cloud.functions.partner_api.uploads import FormOut, RequestedOut, UploadOut
from cloud.funding import process
from cloud.funding.extension import ExtensionRequest
from cloud.funding.funding_calendar import (
    CalendarDay,
    calendar_file,
    funding_calendar,
    shown_time,
)
from cloud.funding.process import Unfit
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.policy import COMFORT
from cloud.service.uploads import Announced, Purpose

router = Router()
EXTENSIONS, CALENDAR, TICKETS = ["Extensions"], ["Funding calendar"], ["Tickets"]
SUPPORT = os.environ["OPERATIONS_MAIL"]
SUBMIT, ASK = "submit_extension_request", "ask_tier2"
ICS = "text/calendar; charset=utf-8"
Organisation = Annotated[str, Query(max_length=200)]
Programme = Annotated[str, Query(min_length=1, max_length=50)]


# ---------------------------------------------------------------------- extension requests
@router.post("/v1/extension_requests/proofs", responses=answers(), tags=EXTENSIONS)
def request_proof(body: ProofIn) -> RequestedOut:
    """Announce the file that shows a delay; the answer is a form that takes just this one (F17)."""
    accounting_admin(SUBMIT)
    file = Announced(Purpose.EVIDENCE, body.name, body.content_type, body.size_bytes, body.sha256)
    answer = process.request_proof(
        RECORDS,
        OUTSIDE.desk,
        project_id=body.account_finco_id,
        file=file,
        **common(CLOCK.now()),
    )
    asked = allowed(answer)
    form = asked.form and FormOut(
        url=asked.form.url, fields=dict(asked.form.fields), until=asked.form.until
    )
    return RequestedOut(upload=UploadOut.of(asked.upload), form=form or None)


@router.post(
    "/v1/extension_requests/proofs/<upload_id>/complete", responses=answers(), tags=EXTENSIONS
)
def complete_proof(upload_id: str) -> UploadOut:
    """Have what arrived looked at; what is kept can be named in a request (F17)."""
    accounting_admin(SUBMIT)
    answer = process.complete_proof(RECORDS, OUTSIDE, upload_id=upload_id, **common(CLOCK.now()))
    return UploadOut.of(allowed(answer))


@router.get("/v1/extension_requests", responses=answers(), tags=EXTENSIONS)
def list_requests(
    limit: Limit = 100, cursor: Cursor = "", partner_id: Organisation = ""
) -> ExtensionsOut:
    """List an organisation's extension requests, oldest first."""
    accounting_admin(SUBMIT)
    whose = organisation_asked(RECORDS, partner_id)
    found = RECORDS.find(ExtensionRequest, by="partner_id", value=whose)
    wanted, following = page(
        [one.record for one in found],
        of=f"extension_requests {whose}",
        place=lambda request: [request.submitted_at.isoformat(), request.id],
        limit=limit,
        cursor=cursor,
    )
    return ExtensionsOut(
        extension_requests=[ExtensionOut.of(one) for one in wanted],
        has_more=bool(following),
        next_cursor=following,
    )


@router.post("/v1/extension_requests", responses=answers(), tags=EXTENSIONS)
def submit_extension(body: ExtensionIn) -> ExtensionOut:
    """Ask for the clawback of one account to be postponed; it is decided within a week (F11, F12).

    The same request again is the same one.
    """
    accounting_admin(SUBMIT)
    answer = process.submit_extension(
        RECORDS,
        project_id=body.account_finco_id,
        fields=body.fields(),
        reason_text=body.reason_text,
        proof_reference=body.proof,
        **common(CLOCK.now()),
    )
    return _taken(answer)


@router.get("/v1/extension_requests/<request_id>", responses=answers(), tags=EXTENSIONS)
def get_request(request_id: str) -> ExtensionOut:
    """Give one extension request as it stands."""
    found = process.own_request(
        RECORDS, request_id=request_id, partner_id=accounting_admin(SUBMIT).partner_id
    )
    return ExtensionOut.of(found.record)


@router.post("/v1/extension_requests/<request_id>/withdraw", responses=answers(), tags=EXTENSIONS)
def withdraw_extension(request_id: str) -> ExtensionOut:
    """Take an undecided request back."""
    accounting_admin(SUBMIT)
    answer = process.withdraw_extension(RECORDS, request_id=request_id, **common(CLOCK.now()))
    return ExtensionOut.of(allowed(answer))


def _taken(answer: ExtensionRequest | Refused) -> ExtensionOut:
    if isinstance(answer, Unfit):
        raise No(answer, answer.problems)
    return ExtensionOut.of(allowed(answer))


# ---------------------------------------------------------------------- the calendar
@router.get("/v1/funding_calendar", responses=answers(), tags=CALENDAR)
def get_calendar(
    first: date | None = None, last: date | None = None, programme: Programme = COMFORT
) -> CalendarOut:
    """Give the runs of some time: what each pays, when, and why on that day (F01 to F03)."""
    days = _days(first, last, programme)
    return CalendarOut(programme=programme, days=[CalendarDayOut.of(day) for day in days])


@router.get("/v1/funding_calendar.ics", responses=typed("text/calendar"), tags=CALENDAR)
def get_calendar_file(
    first: date | None = None, last: date | None = None, programme: Programme = COMFORT
) -> Response[str]:
    """Give the same as a file for a program that holds a token (RFC 5545).

    Calendar programs subscribe to the public one, under ``/calendar/``.
    """
    days = _days(first, last, programme)
    content = calendar_file(days, name=f"Funding days ({programme})", made_at=CLOCK.now())
    return Response(status_code=200, content_type=ICS, body=content.decode())


def _days(first: date | None, last: date | None, programme: str) -> tuple[CalendarDay, ...]:
    since, until = shown_time(first, last, today=eastern_day(CLOCK.now()))
    return funding_calendar(since, until, process.published(RECORDS, programme), programme)


# ---------------------------------------------------------------------- tickets
@router.get("/v1/tickets", responses=answers(), tags=TICKETS)
def list_tickets(
    limit: Limit = 100, cursor: Cursor = "", partner_id: Organisation = ""
) -> TicketsOut:
    """List an organisation's questions about money, oldest first (F36)."""
    accounting_admin(ASK)
    whose = organisation_asked(RECORDS, partner_id)
    wanted, following = page(
        process.tickets_of(RECORDS, whose),
        of=f"tickets {whose}",
        place=lambda ticket: [ticket.opened_at.isoformat(), ticket.id],
        limit=limit,
        cursor=cursor,
    )
    return TicketsOut(
        tickets=[TicketOut.of(one) for one in wanted],
        has_more=bool(following),
        next_cursor=following,
    )


@router.post("/v1/tickets", responses=answers(), tags=TICKETS)
def ask(body: TicketIn) -> TicketOut:
    """Ask second-line support about money; once a key (F36)."""
    accounting_admin(ASK)
    answer = process.ask_tier2(
        RECORDS,
        roles=caller().roles,
        subject=body.subject,
        question=body.question,
        about=body.about,
        about_id=body.about_id,
        key=_key(),
        support=SUPPORT,
        **common(CLOCK.now()),
    )
    return TicketOut.of(allowed(answer))


@router.get("/v1/tickets/<ticket_id>", responses=answers(), tags=TICKETS)
def get_ticket(ticket_id: str) -> TicketOut:
    """Give one question with all that was said."""
    mine = accounting_admin(ASK).partner_id
    return TicketOut.of(process.own_ticket(RECORDS, ticket_id=ticket_id, partner_id=mine).record)


@router.post("/v1/tickets/<ticket_id>/messages", responses=answers(), tags=TICKETS)
def follow_up(ticket_id: str, body: TextIn) -> TicketOut:
    """Add to a question, or ask on after an answer; once a key (F36)."""
    accounting_admin(ASK)
    answer = process.follow_up(
        RECORDS,
        ticket_id=ticket_id,
        roles=caller().roles,
        text=body.text,
        key=_key(),
        support=SUPPORT,
        **common(CLOCK.now()),
    )
    return TicketOut.of(allowed(answer))


@router.post("/v1/tickets/<ticket_id>/close", responses=answers(), tags=TICKETS)
def close_ticket(ticket_id: str) -> TicketOut:
    """Close a question; it needs no answer any more."""
    accounting_admin(ASK)
    answer = process.close_ticket(RECORDS, ticket_id=ticket_id, **common(CLOCK.now()))
    return TicketOut.of(allowed(answer))


def _key() -> str:
    """Give the caller's own name for the command; without one it does not come this far."""
    return router.current_event.headers.get("idempotency-key", "").strip()
