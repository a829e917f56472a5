"""What happens when a deadline of an invoice or a back-bill comes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from cloud.invoicing import letters
from cloud.invoicing.approval import escalates_to
from cloud.invoicing.models import BackBill, InvoiceState
from cloud.invoicing.process.books import (
    BACK_BILL_DUE,
    coordinator_of,
    letters_to,
    load_invoice,
    load_order,
)
from cloud.invoicing.process.claims import assess
from cloud.invoicing.process.decisions import escalated
from cloud.invoicing.process.rerouting import REROUTE, reroute
from cloud.invoicing.process.submission import APPROVAL_DUE, APPROVAL_REMINDER, due_of, reminder_of
from cloud.kernel.change import Change, Event, Timer
from cloud.kernel.errors import BadInput
from cloud.kernel.ports import Records, require
from cloud.service.clocks import AFTER_THE_LAST_INSTANT, BY_CLOCK
from cloud.service.sla import calendar_at


def wake(records: Records, *, timer: Timer, at: datetime) -> object:
    """Look again at what a timer was set for (I-66, I-66a, I-69, B-54a).

    The verdict is derived from facts: what was decided, moved or disputed meanwhile is found so.

    Raises:
        BadInput: the timer is another stage's.
    """
    if timer.wakes not in _WAKES:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is not the decision on an invoice"
        raise BadInput(msg)
    return _WAKES[timer.wakes](records, timer, at)


def _decision_due(records: Records, timer: Timer, at: datetime) -> object:
    """Escalate an invoice that nobody decided in time, once (I-66, I-69).

    Silence approves nothing. A deadline that moved meanwhile is looked at again when it comes.
    """
    invoice = load_invoice(records, timer.subject).record
    order = load_order(records, invoice.work_order_id).record
    due_at = due_of(invoice, order)
    if invoice.state is not InvoiceState.SUBMITTED or invoice.escalated_at or due_at is None:
        return invoice
    if escalates_to(due_at=due_at, now=at) is None:
        later = due_at.astimezone(UTC) + AFTER_THE_LAST_INSTANT
        records.commit(Change(timers=(replace(timer, due_at=later),)))
        return invoice
    return escalated(records, invoice.id, by=BY_CLOCK, at=at, since=due_at)


def _remind(records: Records, timer: Timer, at: datetime) -> object:
    """Remind who decides, once, and only in working hours (I-66a).

    One that could not be woken in time is woken at the next opening; after the deadline nobody is
    reminded, for the deadline has its own letter.
    """
    stored = load_invoice(records, timer.subject)
    invoice = stored.record
    order = load_order(records, invoice.work_order_id).record
    due_at, remind_at = due_of(invoice, order), reminder_of(invoice, order)
    if invoice.state is not InvoiceState.SUBMITTED or invoice.reminded_at is not None:
        return invoice
    if due_at is None or remind_at is None or at >= due_at:
        return invoice
    hour = calendar_at(order.time_zone, on=order.policy_day).deemed(max(at, remind_at))
    if hour > at:
        later = replace(timer, due_at=hour.astimezone(UTC))
        records.commit(Change(timers=(later,)))
        return invoice
    after = replace(invoice, reminded_at=at)
    says = f"{invoice.routed_to} was reminded of invoice {invoice.content.number}"
    event = Event(invoice.id, "reminded", at, BY_CLOCK, "I-66a", (order.id,), says)
    sent = letters_to(
        coordinator_of(records, invoice.routed_to),
        lambda one: letters.reminder(
            invoice, coordinator=one, due_at=due_at, time_zone=order.time_zone, at=at
        ),
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=sent))
    return after


def _post(records: Records, timer: Timer, at: datetime) -> object:
    bill = require(records.load(BackBill, timer.subject), "back-bill", timer.subject).record
    return assess(records, work_order_id=bill.work_order_id, at=at)


def _reroute(records: Records, timer: Timer, at: datetime) -> object:
    return reroute(records, coordinator_id=timer.subject, at=at, by=BY_CLOCK)


_WAKES: Mapping[str, Callable[[Records, Timer, datetime], object]] = {
    APPROVAL_DUE: _decision_due,
    APPROVAL_REMINDER: _remind,
    BACK_BILL_DUE: _post,
    REROUTE: _reroute,
}
WAKES = frozenset(_WAKES)
"""The names of the timers that this stage answers to."""
