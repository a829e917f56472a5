"""Routes of a partner's own papers and of the account that it is paid to (F05, F18, P-81)."""

from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from cloud.adapters.api import allowed, answers
from cloud.adapters.plain_text import Plain
from cloud.functions.partner_api.caller import caller, common
from cloud.functions.partner_api.desk import CLOCK, OUTSIDE, RECORDS
from cloud.functions.partner_api.extension_shapes import Name
from cloud.functions.partner_api.money_caller import is_reached
from cloud.functions.partner_api.money_desk import accounting_admin, organisation_asked
from cloud.functions.partner_api.shapes import In, Short
from cloud.functions.partner_api.uploads import FormOut
from cloud.funding import process
from cloud.kernel.errors import NotFound
from cloud.kernel.secret import Secret
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import AccountKind
from cloud.portfolio.papers import BankChange, DocumentKind, PartnerDocument
from cloud.service.uploads import Announced, Purpose

router = Router()
PAPERS, BANK = ["Papers"], ["Bank details"]
SEND, CHANGE = "send_document", "ask_bank_change"
Organisation = Annotated[str, Query(max_length=200)]


class DocumentIn(In):
    """A paper of the organisation, and its file just as it will arrive."""

    kind: DocumentKind
    partner_id: Short = ""
    account_finco_id: Short = ""
    name: Name
    content_type: Short
    size_bytes: Annotated[int, Field(ge=0, le=10**9)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class DocumentOut(BaseModel):
    """A paper as it stands; what was refused says why."""

    document_id: str
    partner_id: str
    kind: str
    account_finco_id: str
    state: str
    because: str
    recorded_at: datetime

    @classmethod
    def of(cls, document: PartnerDocument) -> "DocumentOut":
        """Give the paper as its organisation may see it."""
        return cls(
            document_id=document.id,
            partner_id=document.partner_id,
            kind=document.kind,
            account_finco_id=document.project_id,
            state=document.state,
            because=document.because,
            recorded_at=document.recorded_at,
        )


class AnnouncedOut(BaseModel):
    """A paper that may be sent now; without a form its file is here already."""

    document: DocumentOut
    form: FormOut | None


class SentOut(BaseModel):
    """A paper, and where its file stands: scanning, kept or refused."""

    document: DocumentOut
    file: str


class DocumentsOut(BaseModel):
    """The papers of an organisation."""

    items: list[DocumentOut]


class BankChangeIn(In):
    """Other bank details; what is wrong with them is said without repeating them."""

    partner_id: Short = ""
    routing_number: Annotated[str, Field(min_length=1, max_length=20), Plain]
    account_number: Annotated[str, Field(min_length=1, max_length=40, repr=False), Plain]
    account_kind: AccountKind = AccountKind.CHECKING
    authorization_id: Name


class ReasonIn(In):
    """Why something is stopped."""

    reason: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S"), Plain]


class BankChangeOut(BaseModel):
    """A change of bank details; of the account the last four digits."""

    bank_change_id: str
    partner_id: str
    state: str
    routing_number: str
    account_ending: str
    account_kind: str
    authorization_id: str
    asked_at: datetime
    takes_effect_at: datetime | None
    because: str

    @classmethod
    def of(cls, change: BankChange) -> "BankChangeOut":
        """Give the change as its partner may see it."""
        return cls(
            bank_change_id=change.id,
            partner_id=change.partner_id,
            state=change.state,
            routing_number=change.routing_number,
            account_ending=change.account_number.last4,
            account_kind=change.account_kind,
            authorization_id=change.authorization_id,
            asked_at=change.asked_at,
            takes_effect_at=change.takes_effect_at,
            because=change.because,
        )


class BankChangesOut(BaseModel):
    """The changes of an organisation's bank details."""

    items: list[BankChangeOut]


# ---------------------------------------------------------------------- papers
@router.get("/v1/organisation/documents", responses=answers(), tags=PAPERS)
def list_documents(partner_id: Organisation = "") -> DocumentsOut:
    """List an organisation's papers, those that were refused or withdrawn included."""
    accounting_admin(SEND)
    found = process.documents_of(RECORDS, organisation_asked(RECORDS, partner_id))
    return DocumentsOut(items=[DocumentOut.of(one) for one in found])


@router.post("/v1/organisation/documents", responses=answers(), tags=PAPERS)
def request_document(body: DocumentIn) -> AnnouncedOut:
    """Announce a W-9, a bank authorization or a paper for a case, and get a form (F05, F18)."""
    accounting_admin(SEND)
    file = Announced(Purpose.EVIDENCE, body.name, body.content_type, body.size_bytes, body.sha256)
    answer = process.request_document(
        RECORDS,
        OUTSIDE.desk,
        kind=body.kind,
        project_id=body.account_finco_id,
        file=file,
        **_for(body.partner_id),
    )
    asked = allowed(answer)
    form = asked.form and FormOut(
        url=asked.form.url, fields=dict(asked.form.fields), until=asked.form.until
    )
    return AnnouncedOut(document=DocumentOut.of(asked.document), form=form or None)


@router.post("/v1/organisation/documents/<document_id>/complete", responses=answers(), tags=PAPERS)
def complete_document(document_id: str) -> SentOut:
    """Have what arrived looked at; what is kept waits for a person (F05)."""
    accounting_admin(SEND)
    answer = process.complete_document(
        RECORDS, OUTSIDE, document_id=document_id, **common(CLOCK.now())
    )
    sent = allowed(answer)
    return SentOut(document=DocumentOut.of(sent.document), file=sent.upload.state)


# ---------------------------------------------------------------------- bank details
@router.get("/v1/organisation/bank_changes", responses=answers(), tags=BANK)
def list_bank_changes(partner_id: Organisation = "") -> BankChangesOut:
    """List the changes of an organisation's bank details, the oldest first (P-81)."""
    accounting_admin(CHANGE)
    found = portfolio.bank_changes_of(RECORDS, organisation_asked(RECORDS, partner_id))
    return BankChangesOut(items=[BankChangeOut.of(one) for one in found])


@router.post("/v1/organisation/bank_changes", responses=answers(), tags=BANK)
def ask_bank_change(body: BankChangeIn) -> BankChangeOut:
    """Ask to be paid to another account, by an authorization that was sent before (P-81)."""
    accounting_admin(CHANGE)
    answer = portfolio.ask_bank_change(
        RECORDS,
        routing_number=body.routing_number,
        account_number=Secret(body.account_number),
        account_kind=body.account_kind,
        authorization_id=body.authorization_id,
        **_for(body.partner_id),
    )
    return BankChangeOut.of(allowed(answer))


@router.post("/v1/organisation/bank_changes/<change_id>/withdraw", responses=answers(), tags=BANK)
def withdraw_bank_change(change_id: str, body: ReasonIn) -> BankChangeOut:
    """Stop a change before it counts, also one that was agreed to (P-81)."""
    mine = accounting_admin(CHANGE)
    known = portfolio.bank_change(RECORDS, change_id).record
    if not is_reached(RECORDS, known.partner_id, mine):
        msg = f"change of bank details {change_id} is not known here: check the id"
        raise NotFound(msg)
    answer = portfolio.withdraw_bank_change(
        RECORDS, change_id=change_id, because=body.reason, at=CLOCK.now(), by=mine.client_id
    )
    return BankChangeOut.of(allowed(answer))


def _for(partner_id: str) -> dict[str, Any]:
    """Give who commands and when, for the caller's own organisation or a part of it."""
    at = CLOCK.now()
    whose = organisation_asked(RECORDS, partner_id)
    return {"partner_id": whose, "at": at, "by": caller().client_id}
