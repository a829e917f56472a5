"""Requests to postpone a clawback: what they must hold, how long they last, how much may be out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloud.funding.policy import F11, F12, F13, F14, F15, F16, F17
from cloud.kernel.calendar import eastern_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money

OTHER = "other"
MARKET = "ca_co_market"


@dataclass(frozen=True, slots=True)
class Extension:
    """A request as it was decided.

    Attributes:
        days: what it adds once it is granted.
    """

    days: int
    status: str
    decided_at: datetime | None

    def holds_at(self, as_of: datetime) -> bool:
        """Tell whether it had been granted by then; a pending request pauses nothing (F13)."""
        return (
            self.decided_at is not None
            and self.decided_at <= as_of
            and self.status == F13.on(eastern_day(self.decided_at))
        )


def days_of(reason: str, on: date, *, set_by_approver: int | None = None) -> int:
    """Give how many days a reason adds (F14); for other reasons the approver sets them.

    Raises:
        BadInput: the reason is not on the list.
    """
    reasons = F14.on(on)
    if reason not in reasons:
        msg = f"extension reason {reason!r} is not known: use one of {', '.join(reasons)}"
        raise BadInput(msg)
    days = reasons[reason]
    return (set_by_approver or 0) if days is None else days


@dataclass(frozen=True, slots=True)
class Review:
    """What became of a request at the door.

    Attributes:
        problems: codes of what is missing or wrong, fields first; none means that it is reviewed.
        days: what it will add when granted; None when the approver sets it, or when refused.
    """

    problems: tuple[str, ...]
    decision_due_date: date
    days: int | None

    @property
    def is_accepted(self) -> bool:
        """Whether somebody will decide on it."""
        return not self.problems


def review(
    fields: Mapping[str, str],
    *,
    has_proof: bool,
    reason_text: str,
    market: str,
    submitted_at: datetime,
) -> Review:
    """Check a request before anybody reads it (F11, F12, F15, F17).

    A blank field is a missing one. The decision is due a week on, whatever is wrong with it.
    """
    day = eastern_day(submitted_at)
    given = {name: text.strip() for name, text in fields.items()}
    reason, reasons = given.get("reason", ""), F14.on(day)
    checks = {f"missing_{name}": not given.get(name) for name in F11.on(day)}
    checks |= {f"missing_{document}": not has_proof for document in F17.on(day)}
    checks |= {
        "missing_reason_text": reason == OTHER and not reason_text.strip(),
        "market_not_eligible": reason == MARKET and market.strip().upper() not in F15.on(day),
        "unknown_reason": bool(reason) and reason not in reasons,
    }
    problems = tuple(code for code, wrong in checks.items() if wrong)
    due = day + timedelta(F12.on(day))
    return Review(problems, due, None if problems else reasons[reason])


@dataclass(frozen=True, slots=True)
class Exposure:
    """What would be postponed after a grant, and what may be."""

    after: Money
    cap: Money

    @property
    def is_within_cap(self) -> bool:
        """Whether the grant is allowed; exactly the cap is."""
        return self.after <= self.cap


def exposure(
    *, extended_now: Money, requested: Money, backlog: Money, decided_on: date
) -> Exposure:
    """Weigh a grant against what the partner has out already (F16).

    The backlog is M1 money of installed projects that are not activated.
    """
    cap = F16.on(decided_on)
    return Exposure(
        extended_now + requested, min(backlog.share_rounded_down(cap.share_bps), cap.amount)
    )
