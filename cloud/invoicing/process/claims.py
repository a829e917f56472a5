"""Claiming back from the original installer what another partner was paid."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from cloud.invoicing.models import BackBill, InternalCost, Invoice, InvoiceState, LineFinding
from cloud.invoicing.process.books import (
    bill_id,
    books_of,
    claim_change,
    commit_invoice,
    conflict,
    load_invoice,
    load_partner,
    retried,
)
from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records
from cloud.portfolio.fitness import in_house_cost
from cloud.service.models import Cause, WorkOrderState

_FINDABLE = frozenset({InvoiceState.SUBMITTED, InvoiceState.APPROVED, InvoiceState.PAID})


def assess(records: Records, *, work_order_id: str, at: datetime) -> BackBill | None:
    """Give what the original installer owes as things stand, with all that follows (B-53, B-54).

    None where nothing can be claimed and nothing ever was. What is new is notified; what was
    notified is posted once its term is over; assessing the same again changes nothing.
    """

    def attempt() -> BackBill | None:
        books = books_of(records, work_order_id)
        order, spend = books.order.record, books.spend
        change = claim_change(records, order, spend.record, books.others, at=at)
        if change.saves:
            # What was found and what was paid stay as they are until this is written.
            relied = (books.order.relied_on(), *([spend.relied_on()] if spend.version else []))
            records.commit(change + Change(relies_on=relied))
        stored = records.load(BackBill, bill_id(work_order_id))
        return stored.record if stored else None

    return retried(attempt)


def record_line_causes(
    records: Records,
    *,
    invoice_id: str,
    causes: Mapping[int, Cause],
    evidence: str,
    by: str,
    at: datetime,
) -> Invoice | Refused:
    """Note the cause of single lines, on evidence; the work order's holds for the others (B-52).

    Lines count from zero. It may be corrected; each time is on record. The same again changes
    nothing. What is claimed back follows at once.

    Raises:
        BadInput: no line is named.
    """
    if not causes:
        msg = f"recording causes of invoice {invoice_id}: name at least one line"
        raise BadInput(msg)
    stored = load_invoice(records, invoice_id)
    invoice = stored.record
    if invoice.state not in _FINDABLE:
        return conflict(invoice, "B-52")
    if not evidence.strip():
        return Refused("B-52", "a finding names what it rests on", "evidence_missing")
    strange = sorted(place for place in causes if not 0 <= place < len(invoice.content.lines))
    if strange:
        because = f"invoice {invoice.content.number} has no line {strange[0]}, counted from zero"
        return Refused("B-52", because, "unknown_line")
    latest = {one.line: one for one in invoice.line_findings}
    new = [
        LineFinding(place, cause, evidence, by, at)
        for place, cause in sorted(causes.items())
        if place not in latest or (latest[place].cause, latest[place].evidence) != (cause, evidence)
    ]
    if not new:
        return invoice
    after = replace(invoice, line_findings=(*invoice.line_findings, *new))
    found = ", ".join(f"line {one.line + 1} {one.cause}" for one in new)
    says = f"{by} found on invoice {invoice.content.number}: {found}; {evidence}"
    event = Event(invoice_id, "line_causes_found", at, by, "B-52", (invoice.work_order_id,), says)
    books = books_of(records, invoice.work_order_id, stored)
    return commit_invoice(records, books, after, at=at, told=Change(events=(event,)))


def record_internal_cost(
    records: Records,
    *,
    work_order_id: str,
    minutes: int,
    distance_km: int,
    by: str,
    at: datetime,
) -> InternalCost | Refused:
    """Note what the owner's own technicians cost, by their rate card, so that it can be claimed.

    It stands in the place of an invoice (B-54); the same figures again change nothing, others
    replace them.

    Raises:
        BadInput: the partner has no rate card, or a time or a way is below zero.
    """
    books = books_of(records, work_order_id)
    order, spend = books.order.record, books.spend
    if order.state is not WorkOrderState.COMPLETED or order.partner_id is None:
        because = f"work order {order.id} stands as {order.state}: it is costed after the work"
        return Refused("B-54", because, "conflict")
    partner = load_partner(records, order.partner_id)
    amount = in_house_cost(partner, minutes=minutes, km=distance_km)
    cost = InternalCost(
        derived("IHC", order.id), order.partner_id, minutes, distance_km, amount, at, by
    )
    known = spend.record.internal
    if known is not None and replace(known, at=at, by=by) == cost:
        return known
    after = replace(spend.record, internal=cost)
    says = f"{minutes} minutes and {distance_km} km on work order {order.id} cost {amount}"
    event = Event(cost.id, "internal_cost_recorded", at, by, "B-54", (order.id,), says)
    change = claim_change(records, order, after, books.others, at=at)
    relied = (books.order.relied_on(),)
    records.commit(
        Change(saves=(spend.replaced_by(after),), events=(event,), relies_on=relied) + change
    )
    return cost
