"""What became of the letter that offers the work, and how the partner was reached otherwise."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Site
from cloud.portfolio.process import record_contact_bounce
from cloud.service.models import Assignment, PhoneCall, Task, WorkOrder, WorkOrderState
from cloud.service.process.dispatch import offer_letter
from cloud.service.process.saving import load_order, settle, waits_for, with_offer

BY_MAIL = "mail"
_UNANSWERED = {WorkOrderState.OFFERED, WorkOrderState.REASSIGNABLE}


def record_delivery(
    records: Records, *, thread: str, letter_id: str, delivered_at: datetime, by: str = BY_MAIL
) -> WorkOrder | None:
    """Start the accept clock when the letter that offers the work was delivered (S-20, S-20a).

    The news of the offer may have come another way first, by webhook: then `by` says so.
    None for a letter that offers no work, and for one whose offer is past. What came back was not
    delivered, in whichever order the news arrives.
    """
    found = _offered_by(records, thread, letter_id)
    if found is None:
        return None
    stored, current = found
    if current.delivered_at is not None or current.bounced_at is not None:
        return stored.record
    after = with_offer(stored.record, replace(current, delivered_at=delivered_at))
    says = f"the offer of work order {thread} reached partner {current.partner_id}"
    event = Event(thread, "delivered", delivered_at, by, "S-20", (letter_id,), says)
    return settle(records, stored, after, at=delivered_at, events=(event,))


def record_bounce(
    records: Records, *, thread: str, letter_id: str, at: datetime, address: str = ""
) -> WorkOrder | None:
    """Void the accept clock of an offer whose letter came back, and ask a person (S-20, M-74).

    A partner that answered already, in another way, was reached: its answer stands, and so does
    what a person has to do about the work; only its contact is noted for correction, where the
    address is given that the letter went to.
    """
    found = _offered_by(records, thread, letter_id)
    if found is None:
        return None
    partner_id = found[1].partner_id
    if address:
        record_contact_bounce(records, partner_id=partner_id, address=address, at=at)
    says = f"the offer of work order {thread} came back: correct partner {partner_id}'s mail"
    event = Event(thread, "bounced", at, BY_MAIL, "S-20", (letter_id,), says)
    return _not_reached(records, found, event)


def record_unsent(
    records: Records, *, thread: str, letter_id: str, because: str, at: datetime
) -> WorkOrder | None:
    """Ask a person about an offer whose letter never left: no clock of it will start (S-20).

    None for a letter that offers no work, and for one whose offer is past.
    """
    found = _offered_by(records, thread, letter_id)
    if found is None:
        return None
    says = f"the offer of work order {thread} was not sent: {because}"
    return _not_reached(
        records, found, Event(thread, "not_sent", at, BY_MAIL, "S-20", (letter_id,), says)
    )


def _not_reached(
    records: Records, found: tuple[Stored[WorkOrder], Assignment], event: Event
) -> WorkOrder:
    stored, current = found
    order = stored.record
    if current.bounced_at is not None:
        return order
    after = with_offer(order, replace(current, bounced_at=event.at))
    if order.state in _UNANSWERED:
        after = replace(after, state=WorkOrderState.CONTACT_FAILED, task=Task.CORRECT_CONTACT)
    return settle(records, stored, after, at=event.at, events=(event,))


def resend_offer(
    records: Records, *, work_order_id: str, at: datetime, by: str
) -> WorkOrder | Refused:
    """Offer the work again to the same partner, at the contact that counts now (S-20, M-74).

    The new letter starts the clock when it is delivered; the one that came back never did. Of an
    emergency the partner is called again as well.
    """
    stored = load_order(records, work_order_id)
    order, current = stored.record, stored.record.assignment
    if current is None or order.state is not WorkOrderState.CONTACT_FAILED:
        return Refused("S-20", f"the offer of work order {order.id} did not come back", "conflict")
    partner = require(records.load(Partner, current.partner_id), "partner", current.partner_id)
    site = require(records.load(Site, order.site_id), "site", order.site_id).record
    sent = current.letters_sent + 1
    letter_id = derived("LTR", order.id, "offer", len(order.assignments), sent)
    again = replace(
        current, letter_id=letter_id, letters_sent=sent, delivered_at=None, bounced_at=None
    )
    after = replace(
        with_offer(order, again),
        state=WorkOrderState.OFFERED,
        task=Task.PHONE_PARTNER if order.is_emergency else waits_for(order),
    )
    says = f"work order {order.id} was offered again to {partner.record.service_email}"
    event = Event(order.id, "offered_again", at, by, "S-20", (current.letter_id,), says)
    letter = offer_letter(after, site=site, partner=partner.record, at=at)
    return settle(records, stored, after, at=at, events=(event,), letters=(letter,))


def record_phone_call(
    records: Records, *, work_order_id: str, at: datetime, by: str, outcome: str = "reached"
) -> WorkOrder | Refused:
    """Note an attempt to call the partner as well, as an emergency asks for (E-32, E-32b).

    Every attempt is kept with what came of it. The same one again changes nothing.
    """
    stored = load_order(records, work_order_id)
    order = stored.record
    current = order.assignment
    if current is None:
        return Refused("E-32", f"work order {order.id} has no partner to call", "conflict")
    call = PhoneCall(at, outcome, by)
    if call in current.calls:
        return order
    called = replace(current, phoned_at=current.phoned_at or at, calls=(*current.calls, call))
    is_done = order.task is Task.PHONE_PARTNER
    after = replace(with_offer(order, called), task=waits_for(order) if is_done else order.task)
    says = f"partner {current.partner_id} was called about work order {order.id}: {outcome}"
    event = Event(order.id, "phoned", at, by, "E-32", (order.case_id,), says)
    return settle(records, stored, after, at=at, events=(event,))


def _offered_by(
    records: Records, thread: str, letter_id: str
) -> tuple[Stored[WorkOrder], Assignment] | None:
    stored = records.load(WorkOrder, thread)
    current = stored.record.assignment if stored else None
    if stored is None or current is None or current.letter_id != letter_id:
        return None
    return stored, current
