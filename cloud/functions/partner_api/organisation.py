"""Routes of the partner itself: its service contact, its technicians, its wish for more work."""

from datetime import date, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel, Field

from cloud.adapters.api import allowed, answers
from cloud.adapters.plain_text import Plain
from cloud.functions.partner_api.caller import caller, common
from cloud.functions.partner_api.desk import CLOCK, RECORDS, SIGNATURES
from cloud.functions.partner_api.shapes import In, Text
from cloud.kernel.ports import require
from cloud.portfolio import process
from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import (
    AskedContact,
    OptInRequest,
    ServiceContact,
    Technician,
)

router = Router()
TAGS = ["Organisation"]


class ContactIn(In):
    """The address that work orders shall go to; it counts once its reader confirmed it."""

    email: Annotated[str, Field(min_length=3, max_length=254), Plain]


class TokenIn(In):
    """What was mailed to the address that waits to be confirmed."""

    token: Annotated[str, Field(min_length=1, max_length=200), Plain]


class WishIn(In):
    """What the relationship manager should know."""

    says: Text = ""


class PeriodOut(BaseModel):
    """An address that counted, and when."""

    email: str
    since: datetime
    until: datetime | None


class ContactOut(BaseModel):
    """The service contact: what counts, what waits, what counted before."""

    email: str
    waits_for: str
    history: list[PeriodOut]

    @classmethod
    def of(cls, contact: ServiceContact, email: str) -> "ContactOut":
        """Give the contact with its history."""
        asked: AskedContact | None = contact.asked
        history = [PeriodOut(email=o.email, since=o.since, until=o.until) for o in contact.history]
        return cls(email=email, waits_for=asked.email if asked else "", history=history)


class CertificationOut(BaseModel):
    """What a technician may work on, and until when."""

    manufacturer: str
    number: str
    expires_on: date


class TechnicianOut(BaseModel):
    """A technician of the partner's."""

    technician_id: str
    name: str
    is_active: bool
    certifications: list[CertificationOut]

    @classmethod
    def of(cls, technician: Technician) -> "TechnicianOut":
        """Give the technician."""
        return cls(
            technician_id=technician.id,
            name=technician.name,
            is_active=technician.is_active,
            certifications=[
                CertificationOut(
                    manufacturer=one.manufacturer, number=one.number, expires_on=one.expires_on
                )
                for one in technician.certifications
            ],
        )


class OrganisationOut(BaseModel):
    """The partner as it stands here."""

    partner_id: str
    name: str
    is_opted_in: bool
    states: list[str]
    scopes: list[str]
    performance: int
    contact: ContactOut
    technicians: list[TechnicianOut]


class FigureOut(BaseModel):
    """One figure; without a value nothing was measured."""

    name: str
    unit: str
    says: str
    value: str | int | float | datetime | None


class ScorecardOut(BaseModel):
    """How the partner worked, and the work orders that it is taken from."""

    as_of: datetime
    says: str
    notes: list[str]
    figures: list[FigureOut]
    work_orders: list[str]


class OptInOut(BaseModel):
    """A wish for more work."""

    request_id: str
    state: str
    reason: str

    @classmethod
    def of(cls, request: OptInRequest) -> "OptInOut":
        """Give the wish and what became of it."""
        return cls(request_id=request.id, state=request.state, reason=request.reason)


@router.get("/v1/organisation", responses=answers(), tags=TAGS)
def get_organisation() -> OrganisationOut:
    """Give what is on record of the partner: where work orders go, who is sent, what it may do."""
    partner_id = caller().partner_id
    partner = require(RECORDS.load(Partner, partner_id), "partner", partner_id).record
    contact = RECORDS.load(ServiceContact, partner_id)
    technicians = process.technicians_of(RECORDS, partner_id)
    return OrganisationOut(
        partner_id=partner.id,
        name=partner.name,
        is_opted_in=partner.opted_in,
        states=sorted(partner.states),
        scopes=sorted(partner.scopes),
        performance=partner.performance,
        contact=ContactOut.of(
            contact.record if contact else ServiceContact(partner_id), partner.service_email
        ),
        technicians=[TechnicianOut.of(one) for one in technicians],
    )


@router.get("/v1/scorecard", responses=answers(), tags=["Scorecard"])
def get_scorecard() -> ScorecardOut:
    """Give the partner's own figures of the last 90 days, what each means, and what it counts."""
    # Only who asks for figures works them out.
    from cloud.reporting.asking import question  # noqa: PLC0415
    from cloud.reporting.process import report  # noqa: PLC0415

    words = {"partner": caller().partner_id}
    made = report(RECORDS, "partner_scorecard", question(words, now=CLOCK.now()))
    cells = made.rows[0].cells if made.rows else (None,) * len(made.columns)
    return ScorecardOut(
        as_of=made.asked.as_of,
        says=made.says,
        notes=list(made.notes),
        figures=[
            FigureOut(name=column.name, unit=column.unit, says=column.says, value=cell)
            for column, cell in zip(made.columns, cells, strict=True)
            if column.name != "partner"
        ],
        work_orders=list(made.rows[0].subjects) if made.rows else [],
    )


@router.post("/v1/organisation/contact", responses=answers(), tags=TAGS)
def ask_contact(body: ContactIn) -> ContactOut:
    """Ask for another service contact; a token goes to that address (M-74b)."""
    at, partner_id = CLOCK.now(), caller().partner_id
    token = _token(partner_id, body.email, at)
    answer = process.request_contact_change(RECORDS, email=body.email, token=token, **common(at))
    return _contact(allowed(answer))


@router.post("/v1/organisation/contact/confirm", responses=answers(), tags=TAGS)
def confirm_contact(body: TokenIn) -> ContactOut:
    """Confirm the new service contact with the token that was mailed there (M-74b)."""
    answer = process.confirm_contact(RECORDS, token=body.token, **common(CLOCK.now()))
    return _contact(allowed(answer))


@router.post("/v1/organisation/opt_in_requests", responses=answers(), tags=TAGS)
def ask_for_more_work(body: WishIn) -> OptInOut:
    """Ask the relationship manager for service work on systems that others built (R-47)."""
    answer = process.request_opt_in(RECORDS, says=body.says, **common(CLOCK.now()))
    return OptInOut.of(allowed(answer))


def _token(partner_id: str, email: str, at: datetime) -> str:
    """Give a token that nobody can guess: it is signed, and another one each time."""
    signed = SIGNATURES.of(f"contact {partner_id} {email} {at.isoformat()}".encode())
    return signed.hex()[:32]


def _contact(contact: ServiceContact) -> ContactOut:
    partner_id = caller().partner_id
    partner = require(RECORDS.load(Partner, partner_id), "partner", partner_id).record
    return ContactOut.of(contact, partner.service_email)
