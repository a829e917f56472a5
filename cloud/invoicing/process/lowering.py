"""Lowering an invoice that nobody decided on yet: its partner takes money off it, never on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloud.invoicing.models import Invoice, InvoiceLine, InvoiceState, LineFinding
from cloud.invoicing.policy import LOWERED_ONLY
from cloud.invoicing.process.books import books_of, commit_invoice, conflict, load_invoice
from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records


def lower_invoice(
    records: Records,
    *,
    invoice_id: str,
    partner_id: str,
    was: Money,
    amounts: Sequence[Money],
    at: datetime,
    by: str,
) -> Invoice | Refused:
    """Let a partner lower the lines of an invoice that waits for its decision (I-67a).

    A line at nothing is left out; a finding stays with its line. The clock of the decision goes on,
    and who approved the higher sum as the first of two approves again. The same again changes
    nothing.

    Args:
        records: where everything is kept.
        invoice_id: which.
        partner_id: whose it must be.
        was: the total that the partner lowered from, so that nothing else is lowered unseen.
        amounts: what each line shall come to, in the order of the lines.
        at: when.
        by: who, for the partner.

    Raises:
        NotFound: the invoice is not the partner's.
    """
    rule = LOWERED_ONLY.id
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    if invoice.partner_id != partner_id:
        msg = f"invoice {invoice_id} is not known here: check the id"
        raise NotFound(msg)
    if invoice.state is not InvoiceState.SUBMITTED:
        return conflict(invoice, rule)
    if invoice.content.total != was:
        is_done = invoice.content.total == total(amounts)
        return invoice if is_done else _another_sum(invoice)
    refused = _not_lowered(invoice.content.lines, amounts)
    if refused is not None:
        return refused
    if total(amounts) == was:
        return invoice
    after = _lowered(invoice, amounts)
    says = f"invoice {after.content.number} was lowered from {was} to {after.content.total}"
    event = Event(invoice_id, "lowered", at, by, rule, (invoice.work_order_id,), says)
    books = books_of(records, invoice.work_order_id, stored)
    return commit_invoice(records, books, after, at=at, told=Change(events=(event,)))


def _moved(findings: Sequence[LineFinding], kept: Sequence[int]) -> tuple[LineFinding, ...]:
    """Give the findings at the new places of their lines, without those of lines left out."""
    places = {old: new for new, old in enumerate(kept)}
    return tuple(replace(one, line=places[one.line]) for one in findings if one.line in places)


def _lowered(invoice: Invoice, amounts: Sequence[Money]) -> Invoice:
    """Give the invoice with its lines at these amounts, those at nothing left out (I-67a)."""
    lines = invoice.content.lines
    kept = [place for place, new in enumerate(amounts) if new > ZERO]
    return replace(
        invoice,
        content=replace(
            invoice.content,
            lines=tuple(replace(lines[place], amount=amounts[place]) for place in kept),
            total=total(amounts),
        ),
        line_findings=_moved(invoice.line_findings, kept),
        first_approved_by="",
        first_approved_at=None,
    )


def _another_sum(invoice: Invoice) -> Refused:
    because = f"invoice {invoice.content.number} comes to {invoice.content.total} by now"
    return Refused(LOWERED_ONLY.id, f"{because}: look at it again", "conflict")


def _not_lowered(lines: Sequence[InvoiceLine], amounts: Sequence[Money]) -> Refused | None:
    """Say why these amounts lower nothing: one is raised, or none is left (I-67a)."""
    rule = LOWERED_ONLY.id
    is_lower = len(amounts) == len(lines) and all(
        ZERO <= new <= line.amount for new, line in zip(amounts, lines, strict=True)
    )
    if not is_lower:
        return Refused(rule, "a line is lowered or left out, and never raised", "not_lower")
    if not total(amounts):
        because = "nothing would be left of the invoice: take it back instead"
        return Refused(rule, because, "nothing_left")
    return None
