"""Partners as the owner's people look for them: who works how well, has how much, lacks what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from cloud.funding.gates import Blocked, PartnerGate, partner_blocks
from cloud.funding.planning import has_bank_details
from cloud.funding.prenotes import prenote_pending
from cloud.funding.process import payouts
from cloud.kernel.calendar import eastern_day
from cloud.kernel.money import Money, total
from cloud.kernel.ports import Records
from cloud.portfolio.fitness import is_insured
from cloud.portfolio.models import LIVE, Partner
from cloud.reporting.leafing import SOUGHT_AT_ONCE, rows_like
from cloud.reporting.partner_desk import in_order, next_due, orders_of
from cloud.service.models import WorkOrder

MOST = 25
"""Partners that are given at once: the work orders of each are found by one question."""
SHOWN = ("", "lacking", "inactive", "tried")
_ACTIVE = ("True",)
_PILES: Mapping[str, tuple[str, ...]] = {"inactive": ("False",), "tried": ("True", "False")}
"""What is asked for -> which partners it may be, by whether they are active."""


@dataclass(frozen=True, slots=True)
class FoundPartner:
    """A partner with what it has to do and what it lacks.

    Attributes:
        open_orders, late: its work orders that are not over, and those of them past their time.
        holds: what holds all of its money (F05).
        expired: what let it be sent and has ended: states of licences, ``insurance``.
    """

    partner: Partner
    open_orders: int
    late: int
    holds: tuple[Blocked, ...]
    expired: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundPartners:
    """What was found: the rows of one page, in order of id, and where the next one begins.

    Attributes:
        after: empty where none comes any more.
    """

    rows: tuple[FoundPartner, ...]
    after: str


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Money that waits for one reason; what waits for two stands under both."""

    reason: str
    payables: int
    amount: Money


def partners_like(
    records: Records, *, said: str, show: str, state: str, at: datetime, after: str = ""
) -> FoundPartners:
    """Give the partners that a person may mean, at most `MOST` of them, by their ids.

    What it reads does not grow with the partners there are: a page that seeks few among many ends
    before it is full.

    Args:
        records: where they are kept.
        said: a part of the name or of the id, or a mail address; empty for all.
        show: ``lacking`` for those whose papers hold money or have ended, ``inactive`` for those
            that are sent nowhere any more, ``tried`` for those that are only tried out; without it
            those that work.
        state: only those that work in a state, as ``CO``.
        at: now.
        after: of the page before; empty for the first one.
    """
    today = eastern_day(at)
    text = said.strip().casefold()

    def keeps(one: Partner) -> bool:
        return _is_meant(one, text) and state in {"", *one.states} and _is_shown(one, show, today)

    piles = _PILES.get(show, _ACTIVE)
    first, _, place = after.partition("/")
    at_once = SOUGHT_AT_ONCE if text or state or show else MOST
    kept: list[Partner] = []
    for pile in piles[piles.index(first) :] if first in piles else piles:
        read = partial(records.some, Partner, by="active", value=pile)
        more = rows_like(read, keeps, most=MOST - len(kept), after=place, at_once=at_once)
        kept += more.found
        if more.after:
            return _found(records, kept, at, after=f"{pile}/{more.after}")
        if len(kept) == MOST and pile != piles[-1]:
            return _found(records, kept, at, after=f"{piles[-1]}/")
        place = ""
    return _found(records, kept, at, after="")


def _found(records: Records, kept: Iterable[Partner], at: datetime, *, after: str) -> FoundPartners:
    return FoundPartners(tuple(_row(records, one, at) for one in kept), after)


def money_holds(partner: Partner, *, on: date) -> tuple[Blocked, ...]:
    """Give what holds all money of a partner on a day, in alphabetical order (F05)."""
    gate = PartnerGate(
        w9_on_file=partner.w9_on_file,
        bank_authorization_on_file=partner.bank_authorization_on_file,
        bank_account_blocked=partner.bank_account_blocked,
        prenote_pending=prenote_pending(partner, on=on),
        bank_details_missing=not has_bank_details(partner),
    )
    return partner_blocks(gate)


def expired_of(partner: Partner, *, on: date) -> tuple[str, ...]:
    """Give what let a partner be sent and has ended: its last day counts whole (Q-79)."""
    states = sorted(one.state for one in partner.licences if one.expires_on < on)
    return (*states, *(() if is_insured(partner, on=on) else ("insurance",)))


def open_orders_of(records: Records, partner_id: str, *, at: datetime) -> tuple[WorkOrder, ...]:
    """Give the work orders of a partner that are not over, what is due first in front."""
    found = (one for one in orders_of(records, partner_id) if one.is_open)
    return in_order(found, at=at)


def late_among(orders: Iterable[WorkOrder], *, at: datetime) -> int:
    """Count the open work orders whose next thing was due before an instant."""
    due = (next_due(one, at=at) for one in orders)
    return sum(one is not None and one < at for one in due)


def held_back(records: Records, partner_id: str, *, at: datetime) -> Sequence[HeldBack]:
    """Give the money of a partner that waits, by why it waits, the largest sum first (F05).

    Raises:
        NotFound: there is no such partner.
    """
    rows = [
        row
        for row in payouts.rows_of(payouts.holdings(records, partner_id, at=at), at=at)
        if row.kind == payouts.PAYABLE and row.holds and row.left
    ]
    reasons = sorted({reason for row in rows for reason in row.holds})
    found = [
        HeldBack(reason, len(under), total(row.left for row in under))
        for reason in reasons
        for under in ([row for row in rows if reason in row.holds],)
    ]
    return sorted(found, key=lambda one: (-one.amount.cents, one.reason))


def _is_meant(partner: Partner, text: str) -> bool:
    known = (partner.name, partner.id, partner.service_email, partner.remittance_email)
    return any(text in one.casefold() for one in known)


def _is_shown(partner: Partner, show: str, today: date) -> bool:
    is_live = partner.mode == LIVE
    if show == "tried":
        return not is_live
    if show == "inactive":
        return is_live and not partner.active
    if not is_live or not partner.active:
        return False
    lacks = money_holds(partner, on=today) or expired_of(partner, on=today)
    return bool(lacks) if show == "lacking" else True


def _row(records: Records, partner: Partner, at: datetime) -> FoundPartner:
    orders = open_orders_of(records, partner.id, at=at)
    today = eastern_day(at)
    return FoundPartner(
        partner,
        len(orders),
        late_among(orders, at=at),
        money_holds(partner, on=today),
        expired_of(partner, on=today),
    )
