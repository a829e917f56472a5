"""What the funding runs say came of an approved invoice and of what was claimed back."""

from dataclasses import replace
from datetime import UTC, datetime

from cloud.invoicing import letters
from cloud.invoicing.backbill import claim_of
from cloud.invoicing.models import (
    BackBill,
    Invoice,
    InvoiceState,
    Payment,
    Taken,
)
from cloud.invoicing.process.books import (
    BY_INVOICING,
    advanced,
    bill_id,
    books_of,
    commit_invoice,
    conflict,
    load_invoice,
    load_partner,
    retried,
)
from cloud.kernel.change import Change, Event, Message
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.kernel.ports import Records, require

_PAYABLE = frozenset({InvoiceState.APPROVED, InvoiceState.PAID})


def record_payment(
    records: Records,
    *,
    invoice_id: str,
    run_id: str,
    amount: Money,
    trace_number: str,
    paid_at: datetime,
    at: datetime,
) -> Invoice:
    """Note that a funding run paid an invoice, and claim back what follows (B-54, I-68).

    The same run's payment again changes nothing, also when it came back meanwhile: what funding
    tells may arrive twice and in any order.

    Raises:
        BrokenInvariant: the invoice is not approved, or was paid with another amount.
    """

    def attempt() -> Invoice:
        stored = load_invoice(records, invoice_id)
        invoice = stored.record
        if any(one.run_id == run_id for one in invoice.payments):
            return invoice
        _require_payable(invoice, amount)
        payment = Payment(run_id, amount, paid_at, trace_number)
        after = replace(invoice, state=InvoiceState.PAID, payments=(*invoice.payments, payment))
        partner = load_partner(records, invoice.partner_id)
        says = f"invoice {invoice.content.number} was paid {amount} by {run_id}"
        causes = (invoice.work_order_id, *([trace_number] if trace_number else []))
        event = Event(invoice_id, "paid", paid_at, BY_INVOICING, "I-68", causes, says)
        letter = letters.paid(after, partner=partner, run_id=run_id, amount=amount, at=at)
        told = Change(events=(event,), letters=(letter,))
        books = books_of(records, invoice.work_order_id, stored)
        return commit_invoice(records, books, after, at=at, told=told)

    return retried(attempt)


def record_returned_payment(
    records: Records,
    *,
    invoice_id: str,
    run_id: str,
    amount: Money,
    trace_number: str,
    paid_at: datetime,
    returned_at: datetime,
    code: str,
    at: datetime,
) -> Invoice:
    """Note that the bank sent a payment back: the invoice is approved and not paid (B-54, I-68).

    What was claimed back for it is given back until it is paid again. It may be heard of before
    the payment is.

    Raises:
        BrokenInvariant: the invoice is not approved, or was paid with another amount.
    """

    def attempt() -> Invoice:
        stored = load_invoice(records, invoice_id)
        invoice = stored.record
        known = {one.run_id: one for one in invoice.payments}
        if run_id in known and known[run_id].returned_at is not None:
            return invoice
        _require_payable(invoice, amount)
        known[run_id] = Payment(run_id, amount, paid_at, trace_number, returned_at, code)
        payments = tuple(known.values())
        is_paid = any(one.returned_at is None for one in payments)
        state = InvoiceState.PAID if is_paid else InvoiceState.APPROVED
        after = replace(invoice, state=state, payments=payments)
        partner = load_partner(records, invoice.partner_id)
        says = f"the bank sent back the {amount} of {run_id}: {code}"
        causes = (invoice.work_order_id, trace_number)
        event = Event(
            invoice_id, "payment_returned", returned_at, BY_INVOICING, "I-68", causes, says
        )
        letter = letters.payment_returned(after, partner=partner, run_id=run_id, code=code, at=at)
        told = Change(events=(event,), letters=(letter,))
        books = books_of(records, invoice.work_order_id, stored)
        return commit_invoice(records, books, after, at=at, told=told)

    return retried(attempt)


def record_offset_taken(
    records: Records,
    *,
    work_order_id: str,
    offset_id: str,
    run_id: str,
    amount: Money,
    at: datetime,
) -> BackBill | None:
    """Note what a funding run took of a back-bill; once all is taken, it is settled (B-54).

    None where no back-bill raised it: a deduction may also be raised by hand.

    Raises:
        BrokenInvariant: there is a back-bill, and it never raised this offset.
    """

    def attempt() -> BackBill | None:
        stored = records.load(BackBill, bill_id(work_order_id))
        if stored is None:
            return None
        bill = stored.record
        if any((one.offset_id, one.run_id) == (offset_id, run_id) for one in bill.taken):
            return bill
        if all(one.id != offset_id for one in bill.offsets):
            msg = f"back-bill {bill.id} has no offset {offset_id}: {run_id} took it from nowhere"
            raise BrokenInvariant(msg)
        after = replace(bill, taken=(*bill.taken, Taken(offset_id, run_id, amount)))
        books = books_of(records, work_order_id)
        order = books.order.record
        claim = claim_of(order, books.spend.record, books.others)
        says = f"{run_id} took {amount} of back-bill {bill.id}"
        event = Event(bill.id, "offset_taken", at, BY_INVOICING, "B-54", (offset_id, run_id), says)
        moved = advanced(records, stored, after, claim, order=order, at=at)
        records.commit(moved + Change(events=(event,)))
        return require(records.load(BackBill, bill.id), "back-bill", bill.id).record

    return retried(attempt)


def request_void(
    records: Records, *, invoice_id: str, reason: str, by: str, at: datetime
) -> Invoice | Refused:
    """Ask the funding runs not to pay an approved invoice (I-64).

    Whether it is too late is decided where the money is: until funding answers, the invoice stands
    as approved and counts against the limit. `record_void` takes the answer.
    """
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    if invoice.void_requested_at is not None and invoice.state is InvoiceState.APPROVED:
        return invoice
    if invoice.state is not InvoiceState.APPROVED:
        return conflict(invoice, "I-64")
    if not reason.strip():
        return Refused("I-64", "the partner must be told why", "reason_missing")
    after = replace(invoice, void_requested_at=at, void_requested_by=by, void_reason=reason)
    says = f"{by} wants invoice {invoice.content.number} not to be paid: {reason}"
    event = Event(invoice_id, "void_requested", at, by, "I-64", (invoice.work_order_id,), says)
    message = Message(
        id=derived("VOID", invoice_id, at.astimezone(UTC).isoformat()),
        topic="withdrawal",
        at=at,
        body={"invoice_id": invoice_id, "by": by, "says": says},
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), messages=(message,)))
    return after


def record_void(records: Records, *, invoice_id: str, is_withdrawn: bool, at: datetime) -> Invoice:
    """Take funding's answer: the invoice is void, or it was too late and stands as it was (I-64).

    The same answer again changes nothing.
    """

    def attempt() -> Invoice:
        stored = load_invoice(records, invoice_id)
        invoice = stored.record
        if invoice.void_requested_at is None or invoice.state is InvoiceState.VOID:
            return invoice
        if not is_withdrawn:
            return _too_late(records, invoice_id, at=at)
        after = replace(invoice, state=InvoiceState.VOID)
        partner = load_partner(records, invoice.partner_id)
        says = f"invoice {invoice.content.number} is void: {invoice.void_reason}"
        by, causes = invoice.void_requested_by, (invoice.work_order_id,)
        event = Event(invoice_id, "voided", at, by, "I-64", causes, says)
        letter = letters.voided(after, partner=partner, at=at)
        told = Change(events=(event,), letters=(letter,))
        books = books_of(records, invoice.work_order_id, stored)
        return commit_invoice(records, books, after, at=at, told=told)

    return retried(attempt)


def _too_late(records: Records, invoice_id: str, *, at: datetime) -> Invoice:
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    after = replace(invoice, void_requested_at=None, void_requested_by="", void_reason="")
    says = f"invoice {invoice.content.number} is in a funding run already and cannot be voided"
    causes = (invoice.work_order_id,)
    event = Event(invoice_id, "void_too_late", at, BY_INVOICING, "I-64", causes, says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def _require_payable(invoice: Invoice, amount: Money) -> None:
    if invoice.state not in _PAYABLE:
        msg = f"invoice {invoice.id} was paid, but it stands as {invoice.state}: look at its run"
        raise BrokenInvariant(msg)
    if amount != invoice.content.total:
        msg = f"invoice {invoice.id} over {invoice.content.total} was paid {amount}"
        raise BrokenInvariant(msg)
