"""Who decides on an invoice, and by when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud.kernel.calendar import BusinessCalendar
from cloud.kernel.money import Money
from cloud.service.sla import Pausing, SlaMilestone, deadline

SPC_QUEUE = "spc_queue"
"""Where invoices wait when neither the coordinator nor a delegate is there."""
RELATIONSHIP_MANAGER = "relationship_manager"


@dataclass(frozen=True, slots=True)
class IssuingSpc:
    """The coordinator who issued the work order."""

    id: str
    is_active: bool
    delegate_id: str = ""


def route_to(spc: IssuingSpc | None) -> str:
    """Give who decides (I-66): the issuing coordinator, else the delegate, else the queue."""
    if spc is None:
        return SPC_QUEUE
    return (spc.id if spc.is_active else spc.delegate_id.strip()) or SPC_QUEUE


def may_decide(by: str, *, routed_to: str, spc: IssuingSpc | None) -> bool:
    """Tell whether a coordinator decides on this invoice (I-66).

    The one it went to, the one who issued the work order, and that one's delegate may; what waits
    in the queue is for any of them.
    """
    if routed_to == SPC_QUEUE:
        return True
    named = {routed_to} if spc is None else {routed_to, spc.id, spc.delegate_id.strip()}
    return by in named


def needs_second(amount: Money, *, above_cents: int | None) -> bool:
    """Tell whether two people must approve (I-66b); without an amount the rule is off."""
    return above_cents is not None and amount > Money(above_cents)


def approval_due(
    *,
    submitted_at: datetime,
    business_days: int,
    calendar: BusinessCalendar,
    returned: Sequence[Pausing] = (),
) -> datetime | None:
    """Give by when a complete invoice is decided (I-66).

    While it is back with the partner the clock stands; if it still is, there is no due time.
    """
    return deadline(
        SlaMilestone.COMPLETE,
        start_at=submitted_at,
        business_days=business_days,
        calendar=calendar,
        pauses=returned,
    ).due_at


def reminder_due(
    *,
    submitted_at: datetime,
    business_days: int,
    calendar: BusinessCalendar,
    returned: Sequence[Pausing] = (),
) -> datetime | None:
    """Give when who decides is reminded (I-66a): as the offices open on that day."""
    ends = approval_due(
        submitted_at=submitted_at,
        business_days=business_days,
        calendar=calendar,
        returned=returned,
    )
    return None if ends is None else calendar.opening(ends.astimezone(calendar.zone).date())


def escalates_to(*, due_at: datetime | None, now: datetime) -> str | None:
    """Give who is told when the decision is late (I-66, I-69); silence never approves."""
    return RELATIONSHIP_MANAGER if due_at is not None and now > due_at else None
