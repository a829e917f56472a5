"""What the original installer owes when another partner mended its workmanship."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cloud.invoicing.policy import BACK_BILL_OFFERS
from cloud.kernel.money import ZERO, Money, total
from cloud.service.models import Cause


@dataclass(frozen=True, slots=True)
class PaidLine:
    """What was actually paid to the partner that did the work, by cause and invoice."""

    cause: str
    paid: Money
    invoice_id: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    """What the installer owes in all, and what of it is not posted yet.

    Attributes:
        to_post: negative where what was paid has shrunk since: a credit.
    """

    is_eligible: bool
    cost: Money = ZERO
    markup: Money = ZERO
    total: Money = ZERO
    to_post: Money = ZERO


def owed(
    lines: Iterable[PaidLine],
    *,
    is_workmanship_confirmed: bool,
    original_offer: str,
    markup_bps: int,
    already_posted: Money,
    on: date,
) -> Owed:
    """Give what the original installer owes (B-53, B-54).

    Nothing without both keys: workmanship confirmed, and the offer declined, unanswered or
    impossible to answer. The markup is taken once on the total of the workmanship lines, half a
    cent up. What was posted before is deducted, so that later costs post the difference.
    """
    if not is_workmanship_confirmed or original_offer not in BACK_BILL_OFFERS.on(on):
        return Owed(is_eligible=False)
    cost = total(line.paid for line in lines if line.cause == Cause.WORKMANSHIP)
    markup = cost.share_rounded_half_up(markup_bps)
    return Owed(
        is_eligible=True,
        cost=cost,
        markup=markup,
        total=cost + markup,
        to_post=cost + markup - already_posted,
    )
