"""What becomes of an offer when the partner answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.kernel.decision import Refused
from cloud.kernel.money import Money


class AssignmentState(StrEnum):
    """How one partner's offer stands."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    AWAITING_SPEND_APPROVAL = "awaiting_spend_approval"
    DECLINED = "declined"
    EXPIRED_REASSIGNED = "expired_reassigned"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that stands."""

    state: AssignmentState
    is_late: bool


def accept(
    state: AssignmentState,
    *,
    accept_due_at: datetime | None,
    at: datetime,
    estimate: Money | None,
    spend_limit: Money,
) -> Answered | Refused:
    """Accept an offer (R-44, I-63).

    A late acceptance stands as long as nobody else was given the work, and is recorded late. An
    estimate over the limit waits for the written approval before anything is scheduled; one exactly
    on the limit does not.
    """
    if state is not AssignmentState.OFFERED:
        return _conflict(state)
    needs_approval = estimate is not None and estimate > spend_limit
    after = AssignmentState.AWAITING_SPEND_APPROVAL if needs_approval else AssignmentState.ACCEPTED
    return Answered(after, is_late=_is_late(at, accept_due_at))


def decline(
    state: AssignmentState, *, accept_due_at: datetime | None, at: datetime
) -> Answered | Refused:
    """Decline an offer (R-44); what was accepted, declined or given away is no longer offered."""
    if state is not AssignmentState.OFFERED:
        return _conflict(state)
    return Answered(AssignmentState.DECLINED, is_late=_is_late(at, accept_due_at))


def _is_late(at: datetime, accept_due_at: datetime | None) -> bool:
    return accept_due_at is not None and at > accept_due_at


def _conflict(state: AssignmentState) -> Refused:
    named = state.replace("_", " ")
    return Refused("R-44", f"this offer stands as {named} and cannot be answered again", "conflict")
