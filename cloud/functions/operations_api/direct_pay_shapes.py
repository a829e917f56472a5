"""Bodies of the routes about Direct Pay: vendors, and what came from them by mail."""

from typing import Annotated

from pydantic import Field

from cloud.adapters.instants import Instant
from cloud.functions.operations_api.shapes import In, Reason

Id = Annotated[str, Field(min_length=1, max_length=200)]
Mail = Annotated[str, Field(min_length=3, max_length=254)]
Number = Annotated[str, Field(min_length=1, max_length=60, pattern=r"\S")]


class VendorIn(In):
    """A dealer that bills the owner; notices go to its office where it names nobody else."""

    vendor_id: Id
    name: Id
    email: Mail
    orders_email: Annotated[str, Field(max_length=254)] = ""
    is_active: bool = True


class VendorChoiceIn(In):
    """The vendor that new projects of an organisation order from; none means that it leaves."""

    vendor_id: Id | None = None


class OrderIn(In):
    """An order that a vendor has."""

    vendor_id: Id
    order_number: Number
    ordered_at: Instant


class ShipmentIn(In):
    """A shipment, by the vendor's date."""

    vendor_id: Id
    shipped_at: Instant


class VendorInvoiceIn(In):
    """What a vendor billed; the paper's reference, where it was kept."""

    vendor_id: Id
    number: Number
    amount_cents: Annotated[int, Field(gt=0, le=10**10)]
    is_final: bool
    document: Annotated[str, Field(max_length=500)] = ""


class VoidIn(In):
    """An invoice that its vendor takes back, and why."""

    vendor_id: Id
    number: Number
    reason: Reason
