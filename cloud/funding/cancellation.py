"""What is taken back when a customer cancels."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cloud.funding.policy import F10, F25
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT


@dataclass(frozen=True, slots=True)
class CancellationOffsets:
    """What a cancelled project owes.

    Attributes:
        offset: milestone and vendor payments that were not recovered yet.
        commission_offset: commission that was paid before installation.
        commission_nettable_against: milestones from whose money the commission may be taken.
    """

    offset: Money
    commission_offset: Money
    commission_nettable_against: tuple[str, ...]


def cancellation_offsets(
    *,
    milestone_payments: Iterable[Money],
    vendor_payments: Iterable[Money],
    already_recovered: Money = ZERO,
    prepaid_commission: Money = ZERO,
    cancelled_on: date,
    programme: str = COMFORT,
) -> CancellationOffsets:
    """Give what is offset from the partner's future money (F10, F25); never below zero."""
    payments = {"milestone": milestone_payments, "vendor": vendor_payments}
    paid = total(total(payments[kind]) for kind in F25.on(cancelled_on, programme))
    return CancellationOffsets(
        offset=max(paid - already_recovered, ZERO),
        commission_offset=prepaid_commission,
        commission_nettable_against=F10.on(cancelled_on, programme) if prepaid_commission else (),
    )
