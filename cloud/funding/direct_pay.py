"""What is known of a project's equipment when the owner pays the vendor for it (Direct Pay)."""

from dataclasses import dataclass
from datetime import datetime

from cloud.kernel.money import Money, total


@dataclass(frozen=True, slots=True)
class EquipmentInvoice:
    """What a vendor billed the owner for one project.

    Attributes:
        is_final: nothing more will be billed; only then the project's money is free (F31).
        voided_at: the vendor took it back.
    """

    id: str
    amount: Money
    received_at: datetime
    is_final: bool = True
    voided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DirectPay:
    """How one project stands with Direct Pay; its id is the project's.

    One record holds the choice and the shipment, so that of two who change it at once one is told
    to look again: nobody leaves after the vendor shipped (F33).

    Attributes:
        is_enrolled: the owner pays the vendor, and takes the cost from the project's money.
        told: how often the vendor was told of a change.
    """

    id: str
    partner_id: str
    vendor_id: str
    is_enrolled: bool
    enrolled_at: datetime
    ordered_at: datetime | None = None
    shipped_at: datetime | None = None
    invoices: tuple[EquipmentInvoice, ...] = ()
    told: int = 0

    @property
    def standing_invoices(self) -> tuple[EquipmentInvoice, ...]:
        """The invoices that were not taken back."""
        return tuple(one for one in self.invoices if one.voided_at is None)

    @property
    def billed(self) -> Money:
        """What the vendor billed in all."""
        return total(one.amount for one in self.standing_invoices)

    @property
    def has_final_invoice(self) -> bool:
        """Whether the vendor said that it bills nothing more (F31)."""
        return any(one.is_final for one in self.standing_invoices)

    @property
    def needs_invoice(self) -> bool:
        """Whether the project's money waits for the vendor's final invoice (F31)."""
        return self.is_enrolled and not self.has_final_invoice
