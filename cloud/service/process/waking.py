"""What happens when a deadline comes: breaches go on record, and partners are reminded."""

from dataclasses import replace
from datetime import datetime

from cloud.kernel.change import Change, Letter, Timer
from cloud.kernel.errors import BadInput
from cloud.kernel.ports import Records, require
from cloud.portfolio.models import Partner
from cloud.service import letters
from cloud.service.clocks import (
    ACKNOWLEDGE_DUE,
    LATE,
    REMIND,
    Reminder,
    clock_of,
    is_quiet,
    reminders_of,
    timers_of,
    wakes,
)
from cloud.service.models import WorkOrder
from cloud.service.process.saving import load_order, settle, with_offer
from cloud.service.sla import SlaMilestone

WAKES = frozenset({ACKNOWLEDGE_DUE, REMIND, *map(wakes, SlaMilestone)})
"""The names of the timers that this stage answers to."""


def wake(records: Records, *, timer: Timer, at: datetime) -> WorkOrder:
    """Look at a work order whose timer came due (S-20, S-21, S-22, E-32, S-28).

    The verdict is derived from facts: a clock that was met, paused or moved meanwhile is no breach,
    and one that is on record is not recorded again. A reminder that comes due at night waits.

    Raises:
        BadInput: the timer is another stage's.
    """
    if timer.wakes not in WAKES:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is not a clock of a work order"
        raise BadInput(msg)
    stored = load_order(records, timer.subject)
    order = stored.record
    due = [one for one in reminders_of(order, now=at) if one.at <= at]
    if not due or is_quiet(order, now=at):
        after = settle(records, stored, order, at=at)
        if due and after == order:
            # Nothing was written, and the timer that came due is done: it is set for the opening.
            clocks, _ = timers_of(order, now=at)
            records.commit(Change(timers=clocks, relies_on=(stored.relied_on(),)))
        return after
    offer = order.assignments[-1]
    names = tuple(one.name for one in due)
    after = with_offer(order, replace(offer, reminded=(*offer.reminded, *names)))
    return settle(records, stored, after, at=at, letters=_letters(records, order, due, at))


def _letters(
    records: Records, order: WorkOrder, due: list[Reminder], at: datetime
) -> tuple[Letter, ...]:
    """Give one letter for each milestone: who is overdue is not told that it is due soon."""
    partner_id = order.assignments[-1].partner_id
    partner = require(records.load(Partner, partner_id), "partner", partner_id)
    late = [one.milestone for one in due if one.when == LATE]
    sent = [letters.deadline_missed(order, partner=partner.record, what=one, at=at) for one in late]
    for one in due:
        clock = clock_of(order, one.milestone, now=at)
        due_at = clock.deadline.due_at if clock else None
        if one.milestone not in late and due_at is not None:
            sent.append(
                letters.due_soon(
                    order, partner=partner.record, what=one.milestone, due_at=due_at, at=at
                )
            )
    return tuple(sent)
