"""What ending a project would take back, shown before two people do it; nothing is written."""

from dataclasses import dataclass
from datetime import datetime

from cloud.funding.cancellation import cancellation_offsets
from cloud.funding.direct_pay import DirectPay
from cloud.funding.models import Deduction, Payable
from cloud.funding.process.opening import standing_of
from cloud.kernel.calendar import eastern_day
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records
from cloud.portfolio.models import Project


@dataclass(frozen=True, slots=True)
class CancelOutlook:
    """The consequences of ending a project now (F10, F25).

    Attributes:
        withdrawn: payables that no run took and none would.
        ended: open deductions whose place the one of the cancellation takes.
        paid: what runs took for the project, before anything was netted.
        billed: what vendors were paid for it.
        recovered: what was taken back of both already.
        owed: what the partner would owe: the paid and billed less the recovered, never below zero.
        commission: prepaid commission that would be owed beside it.
    """

    withdrawn: tuple[Payable, ...]
    ended: tuple[Deduction, ...]
    paid: Money
    billed: Money
    recovered: Money
    owed: Money
    commission: Money

    @property
    def withdrawn_sum(self) -> Money:
        """What would not be paid any more."""
        return total(one.amount for one in self.withdrawn)

    @property
    def ended_sum(self) -> Money:
        """What would not be asked for by itself any more."""
        return total(one.open for one in self.ended)


def cancellation_outlook(records: Records, project: Project, *, at: datetime) -> CancelOutlook:
    """Give what would become of a project's money, were it cancelled now (F10, F25).

    It is the arithmetic that settles a cancelled project, on what is known now. A run or a vendor's
    invoice that comes before the second person agrees changes it.
    """
    standing = standing_of(records, project)
    direct = records.load(DirectPay, project.id)
    billed = direct.record.billed if direct is not None else ZERO
    paid = total(one.amount for one in (*standing.taken, *standing.credits_due))
    offsets = cancellation_offsets(
        milestone_payments=[paid],
        vendor_payments=[billed],
        already_recovered=standing.recovered,
        prepaid_commission=project.prepaid_commission,
        cancelled_on=eastern_day(at),
        programme=project.programme,
    )
    return CancelOutlook(
        withdrawn=standing.waiting,
        ended=tuple(one for one in standing.replaced_by_cancelling if one.open),
        paid=paid,
        billed=billed,
        recovered=standing.recovered,
        owed=offsets.offset,
        commission=offsets.commission_offset,
    )
