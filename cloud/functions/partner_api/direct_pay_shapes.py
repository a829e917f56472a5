"""What goes in and out of the routes about Direct Pay, for partners and for vendors."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from cloud.adapters.instants import Instant
from cloud.adapters.plain_text import Plain
from cloud.functions.partner_api.shapes import In
from cloud.funding.direct_pay import DirectPay, EquipmentInvoice, Vendor
from cloud.funding.materials import MaterialVerdict
from cloud.funding.policy import F34

Id = Annotated[str, Field(min_length=1, max_length=200), Plain]
Number = Annotated[str, Field(min_length=1, max_length=60, pattern=r"\S"), Plain]


class VendorChoiceIn(In):
    """The vendor that new projects order from, none to leave; for a part of the organisation."""

    vendor_id: Id | None = None
    organisation: Annotated[str, Field(max_length=200), Plain] = ""


class OrderIn(In):
    """An order that the vendor has for a project."""

    project_id: Id
    order_number: Number
    ordered_at: Instant


class ShipmentIn(In):
    """A shipment to a project, by the vendor's date."""

    project_id: Id
    shipped_at: Instant


class VendorInvoiceIn(In):
    """What the vendor bills for a project, and whether anything more will come."""

    project_id: Id
    number: Number
    amount_cents: Annotated[int, Field(gt=0, le=10**10)]
    is_final: bool


class VoidIn(In):
    """An invoice that the vendor takes back, and why."""

    project_id: Id
    number: Number
    because: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S"), Plain]


class VendorOut(BaseModel):
    """A vendor that takes part."""

    vendor_id: str
    name: str

    @classmethod
    def of(cls, vendor: Vendor) -> "VendorOut":
        """Give the vendor."""
        return cls(vendor_id=vendor.id, name=vendor.name)


class EnrolmentOut(BaseModel):
    """Whom an organisation's new projects order from, and who could be chosen."""

    organisation: str
    vendor_id: str
    vendors: list[VendorOut]


class EquipmentInvoiceOut(BaseModel):
    """What the vendor billed for one project."""

    number: str
    amount_cents: int
    received_at: datetime
    is_final: bool
    voided_at: datetime | None

    @classmethod
    def of(cls, invoice: EquipmentInvoice) -> "EquipmentInvoiceOut":
        """Give the invoice."""
        return cls(
            number=invoice.number,
            amount_cents=invoice.amount.cents,
            received_at=invoice.received_at,
            is_final=invoice.is_final,
            voided_at=invoice.voided_at,
        )


class DirectPayOut(BaseModel):
    """How a project stands with Direct Pay."""

    project_id: str
    is_enrolled: bool
    bill_to: str
    vendor_id: str
    order_number: str
    ordered_at: datetime | None
    shipped_at: datetime | None
    may_choose: bool
    needs_invoice: bool
    invoices: list[EquipmentInvoiceOut]

    @classmethod
    def of(cls, direct: DirectPay, on: date) -> "DirectPayOut":
        """Give how it stands on a day."""
        owner, partner = F34.on(on)
        return cls(
            project_id=direct.id,
            is_enrolled=direct.is_enrolled,
            bill_to=owner if direct.is_enrolled else partner,
            vendor_id=direct.vendor_id,
            order_number=direct.order_number,
            ordered_at=direct.ordered_at,
            shipped_at=direct.shipped_at,
            may_choose=direct.shipped_at is None,
            needs_invoice=direct.needs_invoice,
            invoices=[EquipmentInvoiceOut.of(one) for one in direct.invoices],
        )


class VendorProjectsOut(BaseModel):
    """A page of the projects that order from a vendor."""

    projects: list[DirectPayOut]
    has_more: bool
    next_cursor: str


class MaterialOut(BaseModel):
    """Until when the packet and its approval are due, and which limit was missed."""

    submit_due_date: date | None
    approve_due_date: date | None
    missed: list[str]
    is_waiting_for_invoice: bool

    @classmethod
    def of(cls, verdict: MaterialVerdict) -> "MaterialOut":
        """Give where the clocks stand."""
        return cls(
            submit_due_date=verdict.submit_due_date,
            approve_due_date=verdict.approve_due_date,
            missed=list(verdict.triggers),
            is_waiting_for_invoice=verdict.is_waiting_for_invoice,
        )


class ProjectDirectPayOut(DirectPayOut):
    """How a project stands, with its clocks where they run."""

    material: MaterialOut | None = None
