"""What a customer may be charged, and the rows in which it leaves for whoever collects it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from cloud.invoicing.models import ChargeState, CustomerCharge
from cloud.invoicing.policy import CHARGE_APPROVERS


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """One line of the export, in the order of its columns.

    Attributes:
        export_id: the export that it left with, by which its rows can be read again.
    """

    charge_id: str
    invoice_id: str
    work_order_id: str
    site_id: str
    line: int
    cause: str
    description: str
    amount_cents: int
    evidence: str
    state: str
    approved_by: str
    told_on: date | None
    export_id: str = ""


def are_enough(people: Collection[str], *, on: date) -> bool:
    """Tell whether enough different people stand behind a charge (B-52a)."""
    return len({person for person in people if person.strip()}) >= CHARGE_APPROVERS.on(on)


def rows_of(charges: Iterable[CustomerCharge]) -> tuple[ChargeRow, ...]:
    """Give the lines of all charges that the customer was told of, by charge and line (B-52)."""
    asked = {ChargeState.TOLD, ChargeState.EXPORTED}
    return tuple(
        ChargeRow(
            charge_id=charge.id,
            invoice_id=charge.invoice_id,
            work_order_id=charge.work_order_id,
            site_id=charge.site_id,
            line=one.line + 1,
            cause=one.cause,
            description=one.description,
            amount_cents=one.amount.cents,
            evidence=charge.evidence,
            state=charge.state,
            approved_by=charge.approved_by,
            told_on=charge.told_at.date() if charge.told_at else None,
            export_id=charge.export_id,
        )
        for charge in sorted(charges, key=lambda charge: charge.id)
        if charge.state in asked
        for one in charge.lines
    )
