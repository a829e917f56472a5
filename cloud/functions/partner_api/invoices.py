"""Routes of a partner's invoices: checked, kept while they are written, sent, followed (I-65)."""

from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters.api import No, allowed, answers
from cloud.functions.partner_api.caller import caller, common
from cloud.functions.partner_api.desk import CLOCK, RECORDS, Cursor, Limit, page
from cloud.functions.partner_api.gate import here
from cloud.functions.partner_api.money_shapes import (
    CheckOut,
    DraftIn,
    DraftOut,
    InvoiceOut,
    InvoicesOut,
)
from cloud.functions.partner_api.shapes import InvoiceIn
from cloud.funding.approval import is_allowed
from cloud.invoicing import process
from cloud.invoicing.models import Invoice, Rejected
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused

router = Router()
TAGS = ["Invoices"]


@router.get("/v1/invoices", responses=answers(), tags=TAGS)
def list_invoices(
    state: Annotated[str, Query(max_length=40)] = "", limit: Limit = 100, cursor: Cursor = ""
) -> InvoicesOut:
    """List the partner's invoices, oldest first, all or those in one state."""
    found = RECORDS.find(Invoice, by="partner_id", value=caller().partner_id)
    wanted, following = page(
        [one.record for one in found if state in {"", one.record.state}],
        of=f"invoices {state}",
        place=lambda invoice: [invoice.submitted_at.isoformat(), invoice.id],
        limit=limit,
        cursor=cursor,
    )
    shown = [_shown(one) for one in wanted]
    return InvoicesOut(invoices=shown, has_more=bool(following), next_cursor=following)


@router.post("/v1/invoices", responses=answers(), tags=TAGS)
def send_invoice(body: InvoiceIn) -> InvoiceOut:
    """Send an invoice; all that stands against it comes back at once (I-61 to I-66)."""
    return _taken(process.submit(RECORDS, draft=body.draft(), **common(CLOCK.now())))


@router.post("/v1/invoices/validate", responses=answers(), tags=TAGS)
def check_invoice(body: DraftIn) -> CheckOut:
    """Tell what would stand against an invoice; nothing is taken (I-65)."""
    found = process.validate(RECORDS, partner_id=caller().partner_id, draft=body.draft())
    return CheckOut.of(found)


@router.post("/v1/invoices/drafts", responses=answers(), tags=TAGS)
def keep_draft(body: DraftIn) -> DraftOut:
    """Keep an invoice that is still being written, in the place of what was kept before."""
    kept = process.save_draft(RECORDS, draft=body.draft(), **common(CLOCK.now()))
    return DraftOut.of(allowed(kept))


@router.post("/v1/invoices/drafts/<draft_id>/submit", responses=answers(), tags=TAGS)
def submit_draft(draft_id: str) -> InvoiceOut:
    """Send an invoice as it was kept (I-65)."""
    return _taken(process.submit_draft(RECORDS, draft_id=draft_id, **common(CLOCK.now())))


@router.post("/v1/invoices/drafts/<draft_id>/discard", responses=answers(), tags=TAGS)
def discard_draft(draft_id: str) -> DraftOut:
    """Give up what was kept; its number is free again."""
    return DraftOut.of(
        allowed(process.discard_draft(RECORDS, draft_id=draft_id, **common(CLOCK.now())))
    )


@router.get("/v1/invoices/<invoice_id>", responses=answers(), tags=TAGS)
def get_invoice(invoice_id: str) -> InvoiceOut:  # noqa: ARG001 - the gate loaded it
    """Give one invoice of the partner's, as it stands (I-68)."""
    invoice: Invoice = here()
    return _shown(invoice)


@router.post("/v1/invoices/<invoice_id>/escalate", responses=answers(), tags=TAGS)
def escalate_invoice(invoice_id: str) -> InvoiceOut:
    """Take a late decision to the relationship manager (I-69)."""
    answer = process.escalate(RECORDS, invoice_id=invoice_id, **common(CLOCK.now()))
    return _shown(allowed(answer))


@router.post("/v1/invoices/<invoice_id>/withdraw", responses=answers(), tags=TAGS)
def withdraw_invoice(invoice_id: str) -> InvoiceOut:
    """Take an undecided invoice back; its number stays used (I-64)."""
    answer = process.withdraw_invoice(RECORDS, invoice_id=invoice_id, **common(CLOCK.now()))
    return _shown(allowed(answer))


def _taken(answer: Invoice | Rejected | Refused) -> InvoiceOut:
    if isinstance(answer, Rejected):
        raise No(Refused(answer.rule, answer.because, answer.code), answer.errors)
    return _shown(allowed(answer))


def _shown(invoice: Invoice) -> InvoiceOut:
    """Give an invoice; what was paid for it only to an Accounting Admin's program (F27)."""
    today = eastern_day(CLOCK.now())
    shows = is_allowed(caller().roles, "view_payouts", same_organisation=True, on=today)
    return InvoiceOut.of(invoice, shows_money=shows)
