"""Debts that no run takes: when a partner is written to, and what the letter says (D12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloud.funding.clawback import reduction_type
from cloud.funding.models import Deduction
from cloud.funding.policy import D12
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.kernel.money import Money, total
from cloud.kernel.policy import COMFORT
from cloud.portfolio.models import Partner


@dataclass(frozen=True, slots=True)
class Dunning:
    """How often a partner was written to about its debts; its id is the partner's."""

    id: str
    letters: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class PartnerDebt:
    """What one partner owes, and whether any money of its own waits that could pay it.

    Attributes:
        deductions: what is open, oldest first; paused ones are among them.
        oldest_on, age_days: of the oldest.
        has_open_payable: whether a coming run may take of it.
    """

    partner_id: str
    open: Money
    oldest_on: date
    age_days: int
    has_open_payable: bool
    deductions: tuple[Deduction, ...]


def debt_of(
    partner_id: str, deductions: Sequence[Deduction], *, has_open_payable: bool, as_of: datetime
) -> PartnerDebt:
    """Give what a partner owes, from its open deductions, of which there is at least one."""
    ordered = tuple(sorted(deductions, key=lambda one: (one.incurred_on, one.id)))
    oldest = ordered[0].incurred_on
    return PartnerDebt(
        partner_id,
        total(one.open for one in ordered),
        oldest,
        (eastern_day(as_of) - oldest).days,
        has_open_payable,
        ordered,
    )


def letter_due(
    *,
    oldest_raised_at: datetime,
    last_run_at: datetime | None,
    written_at: datetime | None,
    programme: str = COMFORT,
) -> datetime:
    """Give the instant from which a letter is due (D12).

    The days count from the latest of the oldest debt, the last run that took money of the partner,
    and the last letter.
    """
    since = max(one for one in (oldest_raised_at, last_run_at, written_at) if one is not None)
    return since + timedelta(D12.on(eastern_day(since), programme))


def dunning_letter(
    partner: Partner, deductions: Sequence[Deduction], *, number: int, at: datetime
) -> Letter:
    """Say what is owed, since when, and how to pay."""
    lines = "\n".join(
        f"- {one.open} since {one.incurred_on.isoformat()}: {one.says} "
        f"({reduction_type(one.kind)}, reference {one.id})"
        for one in sorted(deductions, key=lambda one: (one.incurred_on, one.id))
    )
    owed = total(one.open for one in deductions)
    return Letter(
        id=derived("LTR", partner.id, "dunning", number, at.isoformat()),
        to=partner.remittance_email,
        subject=f"[{partner.id}] Open balance of {owed}",
        text=(
            f"Hello {partner.name},\n\nno funding run had money of yours from which these could "
            f"be taken:\n\n{lines}\n\nTogether this is {owed}. Please pay by check or wire and "
            "give the references, or answer this mail if something is wrong. What a later "
            "funding run takes is not owed any more.\n\nKind regards\nAccounting"
        ),
        thread=partner.id,
        at=at,
    )
