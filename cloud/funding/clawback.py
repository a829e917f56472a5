"""What kind of reduction an offset is, and what becomes of clawbacks when a system is activated."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.funding.netting import DeductionKind
from cloud.funding.policy import F26
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.policy import COMFORT


class ReductionType(StrEnum):
    """The article's name for a reduction; reports filter on it."""

    CLAWBACK = "Clawback"
    CLAWBACK_TO_NET_FUND = "Clawback to Net Fund"
    NET_FUND = "Net Fund/Offset"


_TYPES = {
    DeductionKind.PROJECT_NET_FUND: ReductionType.NET_FUND,
    DeductionKind.EQUIPMENT: ReductionType.NET_FUND,
    DeductionKind.REVOCATION: ReductionType.NET_FUND,
    DeductionKind.CANCELLATION: ReductionType.NET_FUND,
    DeductionKind.MATERIAL: ReductionType.CLAWBACK_TO_NET_FUND,
    DeductionKind.COMPLIANCE: ReductionType.CLAWBACK_TO_NET_FUND,
    DeductionKind.BACK_BILL: ReductionType.NET_FUND,
    DeductionKind.CLAWBACK_M1: ReductionType.CLAWBACK,
    DeductionKind.PREPAID_COMMISSION: ReductionType.NET_FUND,
}
_RULES = {
    DeductionKind.PROJECT_NET_FUND: "F23",
    DeductionKind.EQUIPMENT: "F22",
    DeductionKind.REVOCATION: "D08",
    DeductionKind.CANCELLATION: "F25",
    DeductionKind.MATERIAL: "F19",
    DeductionKind.COMPLIANCE: "F18",
    DeductionKind.BACK_BILL: "D02",
    DeductionKind.CLAWBACK_M1: "F08",
    DeductionKind.PREPAID_COMMISSION: "F10",
}


def reduction_type(kind: DeductionKind) -> ReductionType:
    """Give the article's type of a reduction (F26)."""
    return _TYPES[kind]


def rule_of(kind: DeductionKind) -> str:
    """Give the id of the rule that a deduction of this kind follows."""
    return _RULES[kind]


@dataclass(frozen=True, slots=True)
class Reduction:
    """A deduction as far as activation is concerned: what was taken, what is still to take."""

    kind: DeductionKind
    recovered: Money
    open: Money


@dataclass(frozen=True, slots=True)
class Reinstatement:
    """What becomes payable again, and what is no longer asked for."""

    reinstated: Money
    cancelled_open: Money


def reinstatement(
    reductions: Iterable[Reduction], *, activated_on: date | None, programme: str = COMFORT
) -> Reinstatement:
    """Give back clawbacks on Activation Approved (F26); before it, nothing."""
    if activated_on is None:
        return Reinstatement(ZERO, ZERO)
    returned = [one for one in reductions if one.kind in F26.on(activated_on, programme)]
    return Reinstatement(
        total(one.recovered for one in returned), total(one.open for one in returned)
    )
