"""How one project's money stands: what runs took for it, and what is asked back of that."""

from dataclasses import dataclass
from datetime import date

from cloud.funding.models import CREDIT, SERVICE, Deduction, DeductionState, Payable, PayableState
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import D14
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT

TAKEN = frozenset({PayableState.PLANNED, PayableState.PAID})
"""States of a payable that a run took."""

TAKES_BACK = frozenset(
    {
        DeductionKind.CLAWBACK_M1,
        DeductionKind.REVOCATION,
        DeductionKind.COMPLIANCE,
        DeductionKind.CANCELLATION,
    }
)
"""Kinds that take back what was paid; the others are costs that the partner bears beside it."""

OUTLIVES = frozenset(
    {DeductionKind.BACK_BILL, DeductionKind.PREPAID_COMMISSION, DeductionKind.CANCELLATION}
)
"""Kinds that a cancellation leaves alone: it replaces all others."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The items of one project; money for service is none of it."""

    payables: tuple[Payable, ...]
    deductions: tuple[Deduction, ...]

    @property
    def taken(self) -> tuple[Payable, ...]:
        """The payables that runs took."""
        return tuple(
            one for one in self.payables if one.state in TAKEN and one.milestone != SERVICE
        )

    @property
    def waiting(self) -> tuple[Payable, ...]:
        """The payables that still wait for a run, but for what is given back of a cost."""
        return tuple(
            one
            for one in self.payables
            if one.state is PayableState.OPEN and one.milestone not in {SERVICE, CREDIT}
        )

    @property
    def credits_due(self) -> tuple[Payable, ...]:
        """What is given back of a cost and waits for a run: the partner's own, come what may."""
        return tuple(
            one
            for one in self.payables
            if one.state is PayableState.OPEN and one.milestone == CREDIT
        )

    @property
    def paid(self) -> Money:
        """What runs took for the project, before anything was netted."""
        return total(one.amount for one in self.taken)

    def left(self, *, on: date, programme: str = COMFORT) -> Money:
        """Give what may still be taken back of what was paid (D14); never below zero.

        Raises:
            BrokenInvariant: the rule names another limit than this one.
        """
        if D14.on(on, programme) != "paid_less_taken_back":
            msg = f"nothing is known of the limit {D14.on(on, programme)!r}"
            raise BrokenInvariant(msg)
        back = total(asked(one) for one in self.deductions if one.kind in TAKES_BACK)
        # A cost that was given back was the partner's own money, not paid for the project.
        given = total(one.amount for one in self.taken if one.milestone == CREDIT)
        return max(self.paid - given - back, ZERO)

    @property
    def replaced_by_cancelling(self) -> tuple[Deduction, ...]:
        """The open deductions whose place a cancellation takes."""
        return tuple(
            one
            for one in self.deductions
            if one.kind not in OUTLIVES and one.state is DeductionState.OPEN
        )

    @property
    def recovered(self) -> Money:
        """What was taken of the deductions that a cancellation replaces."""
        return total(one.recovered for one in self.deductions if one.kind not in OUTLIVES)


def asked(deduction: Deduction) -> Money:
    """Give what was taken of a deduction or is still asked for."""
    return deduction.raised - deduction.dropped
