"""Loading a work order for who may have it, and writing it with its breaches and timers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Change, Event, Letter, Message, Reliance, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ports import Records, Stored, require
from cloud.service.clocks import judged, timers_of
from cloud.service.models import AWAITING_OWNER, Assignment, Pause, Task, WorkOrder


def load_order(records: Records, work_order_id: str) -> Stored[WorkOrder]:
    """Give a work order to the owner's own people.

    Raises:
        NotFound: there is none with that number.
    """
    return require(records.load(WorkOrder, work_order_id), "work order", work_order_id)


def orders_of(records: Records, case_id: str) -> Sequence[Stored[WorkOrder]]:
    """Give the work orders of a case, each as it stands now."""
    found = records.find(WorkOrder, by="case_id", value=case_id)
    return tuple(load_order(records, one.record.id) for one in found)


def load_own(records: Records, *, work_order_id: str, partner_id: str) -> Stored[WorkOrder]:
    """Give a work order to a partner that has or had it (T-91).

    Raises:
        NotFound: it was never offered to that partner, or does not exist: the partner cannot tell
            which.
    """
    stored = records.load(WorkOrder, work_order_id)
    if stored is None or all(offer.partner_id != partner_id for offer in stored.record.assignments):
        msg = f"work order {work_order_id} is not known here: check the id"
        raise NotFound(msg)
    return stored


def not_yours_now(order: WorkOrder, partner_id: str) -> Refused | None:
    """Refuse a partner that had the work order and lost it (R-44)."""
    if order.partner_id == partner_id:
        return None
    return Refused("R-44", f"work order {order.id} is no longer yours to change", "conflict")


def with_offer(order: WorkOrder, offer: Assignment) -> WorkOrder:
    """Give the order with another state of the offer that stands."""
    return replace(order, assignments=(*order.assignments[:-1], offer))


def waits_for(order: WorkOrder) -> Task | None:
    """Give what is left for a person to do once something else is done."""
    if any(one.decided_at is None and is_a_partners(one) for one in order.pauses):
        return Task.CONFIRM_PAUSE
    return Task.ANSWER_QUESTION if order.open_questions else None


def is_a_partners(pause: Pause) -> bool:
    """Tell whether a partner declared a pause, so that a coordinator decides on it (S-23d)."""
    return pause.reason != AWAITING_OWNER and pause.declared_at is not None


def settle(
    records: Records,
    stored: Stored[WorkOrder],
    after: WorkOrder,
    *,
    at: datetime,
    events: Sequence[Event] = (),
    letters: Sequence[Letter] = (),
    saves: Sequence[Save] = (),
    timers: Sequence[Timer] = (),
    messages: Sequence[Message] = (),
    relies_on: Sequence[Reliance] = (),
) -> WorkOrder:
    """Write a work order with what follows from its clocks, and give it as it was written.

    Its timers follow from this version of it and are written with it, never beside a newer one;
    where nothing changed they stand already, and nothing is written.

    Raises:
        Conflict: somebody else changed the work order meanwhile.
    """
    final, breaches = judged(after, now=at)
    if final == stored.record and not (events or letters or saves or timers or messages):
        return final
    clocks, cancelled = timers_of(final, now=at)
    records.commit(
        Change(
            saves=(stored.replaced_by(final), *saves),
            events=(*events, *breaches),
            letters=tuple(letters),
            timers=(*clocks, *timers),
            messages=tuple(messages),
            cancelled_timers=cancelled,
            relies_on=tuple(relies_on),
        )
    )
    return final
