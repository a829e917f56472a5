"""Routes of a partner's papers, people and bank details."""

from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel

from cloud.adapters.api import allowed, answers
from cloud.functions.operations_api.desk import (
    ACCOUNTANT,
    ACCOUNTING,
    ADMIN,
    AUDITOR,
    CLOCK,
    DOCUMENTS,
    OUTSIDE,
    PROJECTS,
    RECORDS,
    RM,
    acting,
    listed,
    may,
    shown,
)
from cloud.functions.operations_api.project_shapes import (
    BankChangeIn,
    DocumentIn,
    ParentIn,
    PersonIn,
    RoleIn,
)
from cloud.functions.operations_api.shapes import Listed, One, ReasonIn
from cloud.funding import process as funding
from cloud.kernel.errors import NotFound
from cloud.kernel.secret import Secret
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import ApiClient
from cloud.portfolio.papers import BankChange, PartnerDocument, PartnerPerson

router = Router()
PAPERS, PEOPLE, BANK = ["Papers"], ["People"], ["Bank details"]


class FileOut(BaseModel):
    """An address that shows a paper for some minutes."""

    url: str


# ---------------------------------------------------------------------- papers
@router.get(
    "/ops/partners/<partner_id>/documents",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(RM, ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def list_documents(partner_id: str) -> Listed:
    """List a partner's papers, the withdrawn ones included."""
    return listed(PartnerDocument, "partner_id", partner_id)


@router.post(
    "/ops/partners/<partner_id>/documents",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(RM, ACCOUNTANT)],
)
def put_document(partner_id: str, body: DocumentIn) -> One:
    """Put a paper on file that nobody is paid without; it is kept under ``papers/`` (F05)."""
    return shown(
        portfolio.record_partner_document(
            RECORDS,
            DOCUMENTS,
            partner_id=partner_id,
            kind=body.kind,
            reference=body.reference,
            **acting(),
        )
    )


@router.get(
    "/ops/documents",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(PROJECTS, ACCOUNTANT, AUDITOR)],
)
def list_documents_to_review(task: str) -> Listed:
    """List the papers that wait for a person (F18)."""
    return listed(PartnerDocument, "task", task)


@router.post(
    "/ops/documents/<document_id>/review",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(PROJECTS)],
)
def review_document(document_id: str) -> One:
    """Note that a paper of a case was looked at; it decides nothing (F18)."""
    return shown(portfolio.review_document(RECORDS, document_id=document_id, **acting()))


@router.post(
    "/ops/documents/<document_id>/withdraw",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(RM, ACCOUNTANT)],
)
def withdraw_document(document_id: str, body: ReasonIn) -> One:
    """Withdraw a paper; payments wait unless another one of its kind is on file (F05)."""
    return shown(
        portfolio.withdraw_partner_document(
            RECORDS, document_id=document_id, because=body.reason, **acting()
        )
    )


@router.get(
    "/ops/partner_documents",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def list_partner_documents(state: str) -> Listed:
    """List all papers by where they stand; those that wait are accepted or refused (F05)."""
    return listed(PartnerDocument, "state", state)


@router.get(
    "/ops/partner_documents/<document_id>/file",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(ACCOUNTANT, ACCOUNTING)],
)
def get_partner_document(document_id: str) -> FileOut:
    """Give an address that shows a paper, as a download (U-08)."""
    found = portfolio.document(RECORDS, document_id).record
    return _file(found)


@router.get(
    "/ops/projects/<project_id>/documents/<document_id>/file",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(PROJECTS, ACCOUNTANT, ACCOUNTING)],
)
def get_case_document(project_id: str, document_id: str) -> FileOut:
    """Give an address that shows a paper of a project's case, as a download (U-08)."""
    found = portfolio.document(RECORDS, document_id).record
    if found.project_id != project_id:
        msg = f"document {document_id} is not known here: check the id"
        raise NotFound(msg)
    return _file(found)


def _file(document: PartnerDocument) -> FileOut:
    link = funding.link_to_document(OUTSIDE.desk, document, at=CLOCK.now())
    return FileOut(url=allowed(link))


@router.post(
    "/ops/partner_documents/<document_id>/accept",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(ACCOUNTANT)],
)
def accept_document(document_id: str) -> One:
    """Accept a paper that waits; payments no longer wait for its kind (F05)."""
    return shown(portfolio.accept_document(RECORDS, document_id=document_id, **acting()))


@router.post(
    "/ops/partner_documents/<document_id>/refuse",
    responses=answers(),
    tags=PAPERS,
    middlewares=[may(ACCOUNTANT)],
)
def refuse_document(document_id: str, body: ReasonIn) -> One:
    """Refuse a paper that waits; the partner is told why (F05)."""
    return shown(
        portfolio.refuse_document(RECORDS, document_id=document_id, because=body.reason, **acting())
    )


# ---------------------------------------------------------------------- people
@router.post(
    "/ops/partners/<partner_id>/parent", responses=answers(), tags=PEOPLE, middlewares=[may(ADMIN)]
)
def set_parent(partner_id: str, body: ParentIn) -> One:
    """Make an organisation a part of another one, or of none again (P-84)."""
    return shown(
        portfolio.set_parent(RECORDS, partner_id=partner_id, parent_id=body.parent_id, **acting())
    )


@router.get(
    "/ops/partners/<partner_id>/people",
    responses=answers(),
    tags=PEOPLE,
    middlewares=[may(RM, ADMIN, AUDITOR)],
)
def list_people(partner_id: str) -> Listed:
    """List a partner's people with their roles."""
    return listed(PartnerPerson, "partner_id", partner_id)


@router.get(
    "/ops/partners/<partner_id>/programs",
    responses=answers(),
    tags=PEOPLE,
    middlewares=[may(RM, ADMIN, AUDITOR)],
)
def list_programs(partner_id: str) -> Listed:
    """List a partner's programs with their roles."""
    return listed(ApiClient, "partner_id", partner_id)


@router.post(
    "/ops/programs/<program_id>/stop",
    responses=answers(),
    tags=PEOPLE,
    middlewares=[may(RM, ADMIN)],
)
def stop_program(program_id: str) -> One:
    """Stop a program of a partner or a vendor: its next call is a 403 (API-04)."""
    return shown(portfolio.stop_program(RECORDS, program_id=program_id, **acting()))


@router.post(
    "/ops/programs/<program_id>/resume",
    responses=answers(),
    tags=PEOPLE,
    middlewares=[may(RM, ADMIN)],
)
def let_program_call(program_id: str) -> One:
    """Let a stopped program call again (API-04)."""
    return shown(portfolio.let_program_call(RECORDS, program_id=program_id, **acting()))


@router.post(
    "/ops/partners/<partner_id>/people",
    responses=answers(),
    tags=PEOPLE,
    middlewares=[may(RM, ADMIN)],
)
def add_person(partner_id: str, body: PersonIn) -> One:
    """Put a person of a partner on record, without any role."""
    return shown(
        portfolio.add_person(
            RECORDS,
            person_id=body.person_id,
            partner_id=partner_id,
            name=body.name,
            email=body.email,
            **acting(),
        )
    )


@router.post(
    "/ops/people/<person_id>/retire",
    responses=answers(),
    tags=PEOPLE,
    middlewares=[may(RM, ADMIN)],
)
def retire_person(person_id: str) -> One:
    """Let a person go who holds no role any more (P-80)."""
    return shown(portfolio.retire_person(RECORDS, person_id=person_id, **acting()))


@router.post(
    "/ops/first_accounting_admins", responses=answers(), tags=PEOPLE, middlewares=[may(ADMIN)]
)
def grant_first_role(body: RoleIn) -> One:
    """Make the first Accounting Admin of an organisation; it makes the others (P-80)."""
    return shown(
        portfolio.grant_first_role(RECORDS, holder_id=body.holder_id, role=body.role, **acting())
    )


@router.post(
    "/ops/accounting_admins/revoke", responses=answers(), tags=PEOPLE, middlewares=[may(ADMIN)]
)
def revoke_role(body: RoleIn) -> One:
    """Take the role from an Accounting Admin, the last one included (P-80)."""
    return shown(
        portfolio.revoke_role_as_owner(
            RECORDS, holder_id=body.holder_id, role=body.role, **acting()
        )
    )


# ---------------------------------------------------------------------- bank details
@router.get(
    "/ops/bank_changes",
    responses=answers(),
    tags=BANK,
    middlewares=[may(ACCOUNTANT, ACCOUNTING, AUDITOR)],
)
def list_bank_changes(state: str) -> Listed:
    """List the changes of bank details by where they stand; accounts show four digits (P-81)."""
    return listed(BankChange, "state", state)


@router.post(
    "/ops/partners/<partner_id>/bank_changes",
    responses=answers(),
    tags=BANK,
    middlewares=[may(ACCOUNTANT)],
)
def ask_bank_change(partner_id: str, body: BankChangeIn) -> One:
    """Ask for other bank details in a partner's name (P-81); somebody else agrees."""
    return shown(
        portfolio.ask_bank_change(
            RECORDS,
            partner_id=partner_id,
            routing_number=body.routing_number,
            account_number=Secret(body.account_number),
            account_kind=body.account_kind,
            authorization_id=body.authorization_id,
            **acting(),
        )
    )


@router.post(
    "/ops/bank_changes/<change_id>/agree",
    responses=answers(),
    tags=BANK,
    middlewares=[may(ACCOUNTING)],
)
def agree_bank_change(change_id: str) -> One:
    """Agree as the second person; the details count after the hold (D09, P-81)."""
    return shown(portfolio.agree_bank_change(RECORDS, change_id=change_id, **acting()))


@router.post(
    "/ops/bank_changes/<change_id>/apply",
    responses=answers(),
    tags=BANK,
    middlewares=[may(ACCOUNTANT)],
)
def apply_bank_change(change_id: str) -> One:
    """Have a change applied whose hold is over and whose message was lost (P-81)."""
    return shown(portfolio.tell_bank_change_due(RECORDS, change_id=change_id, **acting()))


@router.post(
    "/ops/bank_changes/<change_id>/reject",
    responses=answers(),
    tags=BANK,
    middlewares=[may(ACCOUNTANT, ACCOUNTING)],
)
def reject_bank_change(change_id: str, body: ReasonIn) -> One:
    """Stop a change before it counts, also during the hold (P-81)."""
    return shown(
        portfolio.reject_bank_change(RECORDS, change_id=change_id, because=body.reason, **acting())
    )
