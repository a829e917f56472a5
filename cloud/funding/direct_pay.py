"""What is known of a project's equipment when the owner pays the vendor for it (Direct Pay)."""

from dataclasses import dataclass
from datetime import datetime

from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import Money, total


@dataclass(frozen=True, slots=True)
class Vendor:
    """A dealer that ships to partners' projects and bills the owner.

    Attributes:
        email: its office, which is told which organisations take part.
        orders_email: who prepares its orders, and is told of single projects; the office if empty.
    """

    id: str
    name: str
    email: str
    orders_email: str = ""
    is_active: bool = True

    def __post_init__(self) -> None:
        wrong = [one for one in (self.email, self.orders_email or self.email) if "@" not in one]
        if wrong:
            msg = f"vendor {self.id}: {wrong[0]!r} is no mail address: its notices would be lost"
            raise BadInput(msg)

    @property
    def tells(self) -> str:
        """Where what concerns one project goes."""
        return self.orders_email or self.email


def invoice_id(vendor_id: str, number: str) -> str:
    """Name a vendor's invoice; a vendor uses each number once, however it is spaced or cased."""
    return derived("VIN", vendor_id, " ".join(number.split()).upper())


def equipment_id(invoice: str) -> str:
    """Name what is taken for an invoice from its own project's money."""
    return derived("DED", invoice, "equipment")


def material_id(invoice: str) -> str:
    """Name what is taken for an invoice from any money, once a limit was missed."""
    return derived("DED", invoice, "material")


def late_id(invoice: str) -> str:
    """Name what is taken for an invoice that came after its project's cancellation was settled."""
    return derived("DED", invoice, "cancellation")


@dataclass(frozen=True, slots=True)
class EquipmentInvoice:
    """What a vendor billed the owner for one project.

    Attributes:
        is_final: nothing more will be billed; only then the project's money is free (F31).
        voided_at: the vendor took it back, or bills the partner instead.
        number: the vendor's own.
        document: reference of the paper, where it came by mail.
    """

    id: str
    amount: Money
    received_at: datetime
    is_final: bool = True
    voided_at: datetime | None = None
    number: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class DirectPay:
    """How one project stands with Direct Pay; its id is the project's.

    One record holds the choice and the shipment, so that of two who change it at once one is told
    to look again: nobody leaves after the vendor shipped (F33).

    Attributes:
        is_enrolled: the owner pays the vendor, and takes the cost from the project's money.
        shipped_at: when it was shipped, by the vendor's word; the 14 days count from it (F19).
        told: how often the vendor was told of a change.
        chosen_at: when the last such change was made.
        order_number: the vendor's, or the partner's, name of the order.
        shipment_recorded_at: when we heard of the shipment.
        material_taken_at: when the material was first asked for from any money; invoices after it
            start no clock again (F20).
        closed_at: when the project's cancellation was settled, with the invoices there were then.
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
    chosen_at: datetime | None = None
    order_number: str = ""
    shipment_recorded_at: datetime | None = None
    material_taken_at: datetime | None = None
    closed_at: datetime | None = None

    def invoice(self, wanted: str) -> EquipmentInvoice | None:
        """Give one of its invoices by id, standing or not."""
        return next((one for one in self.invoices if one.id == wanted), None)

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
