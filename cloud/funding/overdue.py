"""Projects whose installation did not come in time: a person may cancel them (F06)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.funding.clocks import NtpToM1
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived


class OverdueState(StrEnum):
    """Whether somebody should still look at it."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class OverdueFile:
    """A project that may be cancelled because it has no installation; its id is the project's.

    Attributes:
        since: when it was noticed.
        closed_because: what happened instead, or that it was cancelled.
    """

    id: str
    partner_id: str
    since: datetime
    state: OverdueState = OverdueState.OPEN
    closed_because: str = ""


def overdue_letter(file: OverdueFile, clock: NtpToM1, *, to: str, at: datetime) -> Letter:
    """Tell operations that a project may be cancelled; nothing cancels itself (F06)."""
    return Letter(
        id=derived("LTR", file.id, "overdue", file.since.isoformat()),
        to=to,
        subject=f"[{file.id}] No installation {clock.days_elapsed} days after NTP",
        text=(
            f"Project {file.id} of {file.partner_id} had until {clock.due_date.isoformat()} to "
            "reach its installation (M1). It may be cancelled now. If it should be, please "
            "propose it; somebody else agrees. Nothing is cancelled by itself."
        ),
        thread=file.id,
        at=at,
    )
