"""What goes in and out of the routes about extensions, the funding calendar and questions."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from cloud.adapters.plain_text import Plain
from cloud.functions.partner_api.shapes import In, Short, Text
from cloud.funding.extension import ExtensionRequest
from cloud.funding.funding_calendar import CalendarDay
from cloud.funding.tickets import About, Ticket

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S"), Plain]
Said = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S"), Plain]


class ProofIn(In):
    """The file that shows a delay, just as it will arrive."""

    account_finco_id: Name
    name: Name
    content_type: Short
    size_bytes: Annotated[int, Field(ge=0, le=10**9)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ExtensionIn(In):
    """A request for one account; what is missing in it is answered with all problems at once."""

    account_finco_id: Name
    account_primary_name: Short = ""
    eta_of_pto: Short = ""
    extension_request_deadline: Short = ""
    install_submission_date: Short = ""
    reason: Short = ""
    reason_text: Text = ""
    proof: Short = ""

    def fields(self) -> dict[str, str]:
        """Give the six facts of a request by name (F11)."""
        return {
            "account_finco_id": self.account_finco_id,
            "account_primary_name": self.account_primary_name,
            "eta_of_pto": self.eta_of_pto,
            "extension_request_deadline": self.extension_request_deadline,
            "install_submission_date": self.install_submission_date,
            "reason": self.reason,
        }


class ExtensionOut(BaseModel):
    """A request as it stands."""

    request_id: str
    account_finco_id: str
    partner_id: str
    state: str
    reason: str
    reason_text: str
    proof: str
    submitted_at: datetime
    decision_due_date: date
    days: int | None
    until: date | None
    decided_at: datetime | None
    because: str

    @classmethod
    def of(cls, request: ExtensionRequest) -> "ExtensionOut":
        """Give the request as its organisation may see it."""
        return cls(
            request_id=request.id,
            account_finco_id=request.project_id,
            partner_id=request.partner_id,
            state=request.state,
            reason=request.reason,
            reason_text=request.reason_text,
            proof=request.proof_reference,
            submitted_at=request.submitted_at,
            decision_due_date=request.decision_due_date,
            days=request.days,
            until=request.until,
            decided_at=request.decided_at,
            because=request.because,
        )


class ExtensionsOut(BaseModel):
    """The organisation's requests, oldest first."""

    extension_requests: list[ExtensionOut]
    has_more: bool
    next_cursor: str


class CalendarDayOut(BaseModel):
    """One run: what it pays, and when."""

    run_id: str
    opens_at: datetime
    cut_off_at: datetime
    regular_date: date
    funding_date: date
    source: str
    is_same_day: bool
    note: str

    @classmethod
    def of(cls, day: CalendarDay) -> "CalendarDayOut":
        """Give the day."""
        return cls(
            run_id=day.run_id,
            opens_at=day.opens_at,
            cut_off_at=day.cut_off_at,
            regular_date=day.regular_date,
            funding_date=day.funding_date,
            source=day.source,
            is_same_day=day.is_same_day,
            note=day.note,
        )


class CalendarOut(BaseModel):
    """The runs of some time, in order."""

    programme: str
    days: list[CalendarDayOut]


class TicketIn(In):
    """A question about money, and what it names; its Idempotency-Key is its name."""

    subject: Name
    question: Said
    about: About = About.NOTHING
    about_id: Short = ""


class TextIn(In):
    """What is added to a question."""

    text: Said


class MessageOut(BaseModel):
    """One thing that was said."""

    by: str
    is_support: bool
    text: str
    at: datetime


class TicketOut(BaseModel):
    """A question with all that was said."""

    ticket_id: str
    partner_id: str
    state: str
    subject: str
    about: str
    about_id: str
    opened_at: datetime
    messages: list[MessageOut]

    @classmethod
    def of(cls, ticket: Ticket) -> "TicketOut":
        """Give the ticket; who of support answered is not told."""
        return cls(
            ticket_id=ticket.id,
            partner_id=ticket.partner_id,
            state=ticket.state,
            subject=ticket.subject,
            about=ticket.about,
            about_id=ticket.about_id,
            opened_at=ticket.opened_at,
            messages=[
                MessageOut(
                    by="support" if one.is_ours else one.by,
                    is_support=one.is_ours,
                    text=one.text,
                    at=one.at,
                )
                for one in ticket.messages
            ],
        )


class TicketsOut(BaseModel):
    """The organisation's questions, oldest first."""

    tickets: list[TicketOut]
    has_more: bool
    next_cursor: str
