"""What happens when a deadline comes: breaches go on record, and partners are reminded."""

from collections.abc import Sequence
from datetime import datetime

from cloud.kernel.change import Event, Letter, Timer
from cloud.kernel.errors import BadInput
from cloud.kernel.ports import Records
from cloud.portfolio.models import Partner
from cloud.service import letters
from cloud.service.clocks import ACKNOWLEDGE_DUE, judged, wakes
from cloud.service.models import WorkOrder
from cloud.service.process.saving import load_order, settle
from cloud.service.sla import SlaMilestone

WAKES = frozenset({ACKNOWLEDGE_DUE, *map(wakes, SlaMilestone)})
"""The names of the timers that this stage answers to."""


def wake(records: Records, *, timer: Timer, at: datetime) -> WorkOrder:
    """Look at a work order whose timer came due (S-20, S-21, S-22, E-32).

    The verdict is derived from facts: a clock that was met, paused or moved meanwhile is no breach,
    and one that is on record is not recorded again.

    Raises:
        BadInput: the timer is another stage's.
    """
    if timer.wakes not in WAKES:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is not a clock of a work order"
        raise BadInput(msg)
    stored = load_order(records, timer.subject)
    _, breaches = judged(stored.record, now=at)
    reminders = _reminders(records, stored.record, breaches, at)
    return settle(records, stored, stored.record, at=at, letters=reminders)


def _reminders(
    records: Records, order: WorkOrder, breaches: Sequence[Event], at: datetime
) -> tuple[Letter, ...]:
    partner = records.load(Partner, order.partner_id) if order.partner_id else None
    if partner is None:
        return ()
    return tuple(
        letters.deadline_missed(
            order, partner=partner.record, what=breach.what.removesuffix("_missed"), at=at
        )
        for breach in breaches
    )
