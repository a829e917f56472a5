"""Invoices follow their coordinator's delegate when the coordinator leaves or comes back."""

from dataclasses import replace
from datetime import datetime

from cloud.invoicing import letters
from cloud.invoicing.approval import route_to
from cloud.invoicing.models import Invoice, InvoiceState
from cloud.invoicing.process.books import coordinator_of, letters_to
from cloud.invoicing.process.submission import issuing_spc
from cloud.kernel.change import Change, Event, Timer
from cloud.kernel.ports import Records, Stored, require
from cloud.service.models import Coordinator, WorkOrder

REROUTE = "reroute_invoices"


def delegate(
    records: Records,
    *,
    coordinator_id: str,
    is_active: bool,
    delegate_id: str,
    at: datetime,
    by: str,
) -> Coordinator:
    """Say whether a coordinator is there and who stands in, and re-route open invoices (I-66).

    A timer is written with it, so that the invoices follow also when this is interrupted.

    Raises:
        NotFound: there is no such coordinator.
    """
    stored = require(records.load(Coordinator, coordinator_id), "coordinator", coordinator_id)
    after = replace(stored.record, is_active=is_active, delegate_id=delegate_id.strip())
    if after != stored.record:
        whom = after.delegate_id or "nobody"
        says = f"{coordinator_id} is {'there' if is_active else 'away'}; {whom} stands in"
        event = Event(coordinator_id, "delegate_changed", at, by, "I-66", says=says)
        timer = Timer(f"{coordinator_id}:{REROUTE}", coordinator_id, REROUTE, at)
        records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), timers=(timer,)))
    reroute(records, coordinator_id=coordinator_id, at=at, by=by)
    return after


def reroute(records: Records, *, coordinator_id: str, at: datetime, by: str) -> tuple[Invoice, ...]:
    """Give the undecided invoices of a coordinator's work orders to who decides now (I-66).

    Only those that change are written and told of; the clock of each goes on as it was.
    """
    open_ones = [
        stored
        for state in (InvoiceState.SUBMITTED, InvoiceState.RETURNED)
        for stored in records.find(Invoice, by="state", value=state)
    ]
    orders = records.load_all(WorkOrder, sorted({one.record.work_order_id for one in open_ones}))
    moved = []
    for stored in open_ones:
        order = orders[stored.record.work_order_id].record
        if order.spc_id == coordinator_id:
            moved += _rerouted(records, stored, order, at=at, by=by)
    return tuple(moved)


def _rerouted(
    records: Records, stored: Stored[Invoice], order: WorkOrder, *, at: datetime, by: str
) -> list[Invoice]:
    invoice = stored.record
    now = route_to(issuing_spc(records, order))
    if now == invoice.routed_to:
        return []
    after = replace(invoice, routed_to=now)
    says = f"invoice {invoice.content.number} went from {invoice.routed_to} to {now}"
    event = Event(invoice.id, "rerouted", at, by, "I-66", (order.id,), says)
    sent = letters_to(
        coordinator_of(records, now),
        lambda one: letters.handed_over(after, coordinator=one, at=at),
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=sent))
    return [after]
