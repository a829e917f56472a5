"""Requests to postpone a clawback: what they must hold, how long they last, how much may be out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from cloud.funding.policy import D21, D23, F07, F08, F11, F12, F13, F14, F15, F16, F17
from cloud.kernel.calendar import eastern_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money, total
from cloud.kernel.policy import COMFORT


@dataclass(frozen=True, slots=True)
class Extension:
    """A request as it was decided.

    Attributes:
        days: what it adds once it is granted.
        programme: whose rules say which status pauses.
    """

    days: int
    status: str
    decided_at: datetime | None
    programme: str = COMFORT

    def holds_at(self, as_of: datetime) -> bool:
        """Tell whether it had been granted by then; a pending request pauses nothing (F13)."""
        return (
            self.decided_at is not None
            and self.decided_at <= as_of
            and self.status == F13.on(eastern_day(self.decided_at), self.programme)
        )


def days_of(
    reason: str, on: date, *, set_by_approver: int | None = None, programme: str = COMFORT
) -> int:
    """Give how many days a reason adds (F14); for other reasons the approver sets them.

    Raises:
        BadInput: the reason is not on the list.
    """
    reasons = F14.on(on, programme)
    if reason not in reasons:
        msg = f"extension reason {reason!r} is not known: use one of {', '.join(reasons)}"
        raise BadInput(msg)
    days = reasons[reason]
    return (set_by_approver or 0) if days is None else days


def may_add(days: int, on: date, programme: str = COMFORT) -> bool:
    """Tell whether an approver may set that many days (D21)."""
    return 1 <= days <= D21.on(on, programme)


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
    programme: str = COMFORT,
) -> Review:
    """Check a request before anybody reads it (F11, F12, F15, F17, D23).

    A blank field is a missing one. The decision is due a week on, whatever is wrong with it. A
    reason whose days the approver sets is one that has to be told in words.
    """
    day = eastern_day(submitted_at)
    given = {name: text.strip() for name, text in fields.items()}
    reason, reasons = given.get("reason", ""), F14.on(day, programme)
    is_other = reason in reasons and reasons[reason] is None
    asks_for_market = reason in D23.on(day, programme)
    checks = {f"missing_{name}": not given.get(name) for name in F11.on(day, programme)}
    checks |= {f"missing_{document}": not has_proof for document in F17.on(day, programme)}
    checks |= {
        "missing_reason_text": is_other and not reason_text.strip(),
        "market_not_eligible": asks_for_market
        and market.strip().upper() not in F15.on(day, programme),
        "unknown_reason": bool(reason) and reason not in reasons,
    }
    problems = tuple(code for code, wrong in checks.items() if wrong)
    due = day + timedelta(F12.on(day, programme))
    return Review(problems, due, None if problems else reasons[reason])


@dataclass(frozen=True, slots=True)
class Known:
    """What we know ourselves of the account that a request is about."""

    project_id: str
    account_name: str
    installed_on: date


_DATES = ("eta_of_pto", "extension_request_deadline", "install_submission_date")


def disagreements(fields: Mapping[str, str], known: Known) -> tuple[str, ...]:
    """Give codes of what a request says otherwise than our records, and of dates that are none.

    Of a blank field nothing is said here. Names are compared without case and double blanks.
    """
    given = {name: text.strip() for name, text in fields.items()}
    wrong = []
    if given.get("account_finco_id", "") not in {"", known.project_id}:
        wrong.append("account_finco_id_differs")
    name = _folded(given.get("account_primary_name", ""))
    if name and name != _folded(known.account_name):
        wrong.append("account_primary_name_differs")
    days = {field: _day(given[field]) for field in _DATES if given.get(field)}
    wrong += [f"unreadable_{field}" for field, day in days.items() if day is None]
    if (days.get("install_submission_date") or known.installed_on) != known.installed_on:
        wrong.append("install_submission_date_differs")
    return tuple(wrong)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def last_day(m1_on: date, days: int, programme: str = COMFORT) -> date:
    """Give the last day before money moves, with so many granted days (F07, F08, F14)."""
    limit = F07.on(m1_on, programme) + F08.on(m1_on, programme)
    return m1_on + timedelta(limit + days)


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
    *,
    extended_now: Money,
    requested: Money,
    backlog: Money,
    decided_on: date,
    programme: str = COMFORT,
) -> Exposure:
    """Weigh a grant against what the partner has out already (F16).

    The backlog is M1 money of installed projects that are not activated.
    """
    cap = F16.on(decided_on, programme)
    return Exposure(
        extended_now + requested, min(backlog.share_rounded_down(cap.share_bps), cap.amount)
    )


class RequestState(StrEnum):
    """Where a request stands; what was decided stays decided."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ExtensionRequest:
    """A partner's wish to postpone the clawback of one project.

    Attributes:
        programme: whose rules it follows.
        occurrence: which time of the project's M1 it is about; a revoked one takes it along.
        fields: what F11 asks for, by name, as it was given.
        proof_reference: the upload that proves the delay (F17).
        decision_due_date: the day by which it is decided (F12).
        days: what it adds; None while the approver is to set it.
        amount: the M1 money whose clawback it postpones.
        until: of a granted one, the last day before money moves.
        alarmed_at: when operations were told that the decision is late.
    """

    id: str
    project_id: str
    partner_id: str
    programme: str
    occurrence: int
    fields: tuple[tuple[str, str], ...]
    reason: str
    reason_text: str
    proof_reference: str
    submitted_at: datetime
    by: str
    decision_due_date: date
    days: int | None
    amount: Money
    state: RequestState = RequestState.PENDING
    decided_at: datetime | None = None
    decided_by: str = ""
    because: str = ""
    until: date | None = None
    alarmed_at: datetime | None = None

    @property
    def extension(self) -> Extension:
        """The request as clocks look at it."""
        return Extension(self.days or 0, self.state, self.decided_at, self.programme)


@dataclass(frozen=True, slots=True)
class Extended:
    """A project whose clawback is postponed: how much, and until which day."""

    request_id: str
    project_id: str
    amount: Money
    until: date


def exposure_id(programme: str, partner_id: str) -> str:
    """Name what a partner has postponed in a programme."""
    return f"{programme}.{partner_id}"


@dataclass(frozen=True, slots=True)
class ExtensionExposure:
    """All that a partner has postponed in a programme, each project once (F16).

    One record, so that of two grants that would share the last of the cap one has to look again.
    """

    id: str
    extended: tuple[Extended, ...] = ()

    def running(self, on: date) -> tuple[Extended, ...]:
        """Give the extensions that still run; the last day is one of them."""
        return tuple(one for one in self.extended if one.until >= on)

    def without(self, project_id: str) -> tuple[Extended, ...]:
        """Give what is postponed of other projects."""
        return tuple(one for one in self.extended if one.project_id != project_id)


def sum_of(extended: Sequence[Extended]) -> Money:
    """Give what is postponed in all; of nothing it is zero."""
    return total(one.amount for one in extended)
