"""What is at stake with the original installers, as of any instant."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime

from cloud.invoicing.models import BackBill, BackBillState, Standing
from cloud.kernel.money import ZERO, Money

_OF_STATE = {
    BackBillState.CANDIDATE: "candidate",
    BackBillState.PENDING: "pending",
    BackBillState.CONFIRMED: "confirmed",
    BackBillState.NOTIFIED: "confirmed",
    BackBillState.DISPUTED: "disputed",
}
_EXPECTED = frozenset({BackBillState.CANDIDATE, BackBillState.PENDING, BackBillState.CONFIRMED})


@dataclass(frozen=True, slots=True)
class Exposure:
    """A partner's back-bills in sums; no amount stands in two of the first four.

    Attributes:
        candidate: nothing is paid yet and the cause is open.
        pending: paid, and the cause is open.
        confirmed: both keys are there, and it is not posted yet.
        disputed: held by a dispute, and not posted.
        posted: handed to the funding runs, less what was given back.
        credited: given back.
    """

    candidate: Money = ZERO
    pending: Money = ZERO
    confirmed: Money = ZERO
    disputed: Money = ZERO
    posted: Money = ZERO
    credited: Money = ZERO

    def __add__(self, other: "Exposure") -> "Exposure":
        names = [field.name for field in fields(self)]
        return Exposure(**{name: getattr(self, name) + getattr(other, name) for name in names})


def exposure(bills: Iterable[BackBill], *, as_of: datetime) -> dict[str, Exposure]:
    """Give each partner's exposure as it was then (B-53), by partner in order of id.

    Before a cause is found, it is what all of it would come to with the markup; no probability is
    made up. A bill that was not there yet leaves its partner out.
    """
    found: dict[str, Exposure] = {}
    for bill in sorted(bills, key=lambda bill: (bill.partner_id, bill.id)):
        stood = [one for one in bill.standings if one.at <= as_of]
        if stood:
            known = found.get(bill.partner_id, Exposure())
            found[bill.partner_id] = known + _of(stood[-1])
    return found


def _of(standing: Standing) -> Exposure:
    """Give one bill's part.

    What is open is what would be owed less what is posted; it never counts below zero, for what is
    to be given back is no exposure.
    """
    found = Exposure(posted=standing.posted, credited=standing.credited)
    column = _OF_STATE.get(standing.state)
    if column is None:
        return found
    whole = standing.expected if standing.state in _EXPECTED else standing.total
    return replace(found, **{column: max(ZERO, whole - standing.posted)})
