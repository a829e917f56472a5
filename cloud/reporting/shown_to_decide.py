"""What of each thing a decision rests on, so that it counts for what was shown (D09a).

Beside each stands what is loaded with it and could change the decision. What is not said here (a
reminder, an escalation, who it is routed to) may change while somebody looks.
"""

from typing import Any, TypeVar

from cloud.detection.models import SweepHold
from cloud.funding.extension import ExtensionRequest
from cloud.invoicing.models import (
    BackBill,
    CustomerCharge,
    Dispute,
    Invoice,
    Subject,
)
from cloud.invoicing.process.books import bill_id, load_spend
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.as_shown import Shown
from cloud.portfolio.proposals import Proposal
from cloud.reporting.held_back import held_letters
from cloud.service.models import PostHold, WorkOrder
from cloud.service.process.sending import HOLD

R = TypeVar("R")


def invoice_shown(records: Records, invoice_id: str) -> Shown:
    """Give what a decision on an invoice, its lines or its customer's charge rests on.

    Raises:
        NotFound: there is none of that id.
    """
    invoice = _of(records, Invoice, "invoice", invoice_id)
    order = _of(records, WorkOrder, "work order", invoice.record.work_order_id)
    spend = load_spend(records, order.record.id)
    said = _said_of(invoice.record)
    other = (order.record.cause, order.record.spend_approvals, order.record.not_to_exceed)
    things: dict[str, Stored[Any]] = {"invoice": invoice, "work_order": order, "spend": spend}
    return Shown(things, (*said, *other, spend.record.spent))


def _said_of(invoice: Invoice) -> tuple[object, ...]:
    return (
        invoice.content,
        invoice.state,
        invoice.submitted_by,
        invoice.returned,
        invoice.warnings,
        invoice.line_findings,
        invoice.first_approved_by,
        invoice.payments,
        invoice.void_requested_at,
    )


def charge_shown(records: Records, charge_id: str) -> Shown:
    """Give what a decision on a customer's charge rests on; it may be proposed anew.

    Raises:
        NotFound: there is none of that id.
    """
    charge = _of(records, CustomerCharge, "charge", charge_id)
    one = charge.record
    said = (one.lines, one.total, one.evidence, one.state, one.proposed_at, one.proposed_by)
    return Shown({"customer_charge": charge}, said)


def dispute_shown(records: Records, dispute_id: str) -> Shown:
    """Give what the decision of a dispute rests on: with its back-bill, or with its invoice.

    Raises:
        NotFound: there is none of that id.
    """
    dispute = _of(records, Dispute, "dispute", dispute_id)
    one = dispute.record
    things: dict[str, Stored[Any]] = {"dispute": dispute}
    said: tuple[object, ...] = (one.state, one.level, one.says, one.evidence)
    bill = records.load(BackBill, bill_id(one.work_order_id))
    if bill is not None:
        things["back_bill"] = bill
        owed = bill.record
        said = (*said, owed.state, owed.total, owed.posted, owed.waived, owed.held_by)
    invoice = records.load(Invoice, one.subject_id) if one.kind is Subject.INVOICE else None
    if invoice is not None:
        things["invoice"] = invoice
        said = (*said, *_said_of(invoice.record))
    return Shown(things, said)


def order_shown(records: Records, work_order_id: str) -> Shown:
    """Give what leave to spend and the cause of a work order are decided on.

    What is asked for, by whom, and what may be spent already; the report, and what was found.

    Raises:
        NotFound: there is no such work order.
    """
    order = _of(records, WorkOrder, "work order", work_order_id)
    one = order.record
    offer = one.assignments[-1] if one.assignments else None
    asked = (offer.partner_id, offer.state, offer.estimate, offer.reason) if offer else ()
    waits = [(it.reason, it.evidence, it.since) for it in one.pauses if it.until is None]
    given = (one.spend_approvals, one.first_spend_approval, one.not_to_exceed)
    found = (one.report_id, one.cause, one.cause_evidence)
    return Shown({"work_order": order}, (one.state, one.partner_id, asked, waits, *given, *found))


def extension_shown(records: Records, request_id: str) -> Shown:
    """Give what the decision on a request to postpone a clawback rests on.

    Raises:
        NotFound: there is none of that id.
    """
    request = _of(records, ExtensionRequest, "extension request", request_id)
    one = request.record
    said = (one.fields, one.reason, one.reason_text, one.proof_reference, one.days, one.amount)
    return Shown({"extension": request}, (*said, one.state, one.by))


def proposal_shown(records: Records, proposal_id: str) -> Shown:
    """Give what agreeing to a proposal rests on.

    Raises:
        NotFound: there is none of that id.
    """
    proposal = _of(records, Proposal, "proposal", proposal_id)
    one = proposal.record
    said = (one.kind, one.subject, one.facts, one.because, one.by, one.state)
    return Shown({"proposal": proposal}, said)


def sweep_shown(records: Records, region_id: str) -> Shown:
    """Give what a decision on findings that were held back rests on: which ones they are.

    Raises:
        NotFound: nothing was held back there.
    """
    hold = _of(records, SweepHold, "held sweep", region_id)
    one = hold.record
    return Shown({"finding": hold}, (one.state, one.finding_ids, one.says))


def letters_shown(records: Records) -> Shown:
    """Give what a decision on letters that are held rests on: which ones wait.

    What waits is read from an index, so that a letter of this very moment may be among them unseen.
    """
    stored = records.load(PostHold, HOLD)
    post = held_letters(records)
    state = post.hold.state if post.hold else None
    things: dict[str, Stored[Any]] = {"mail": stored} if stored is not None else {}
    return Shown(things, (state, [one.id for one in post.letters]))


def _of(records: Records, kind: type[R], what: str, record_id: str) -> Stored[R]:
    return require(records.load(kind, record_id), what, record_id)
