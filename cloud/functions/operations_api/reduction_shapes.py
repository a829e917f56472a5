"""Bodies of the routes about what is taken from partners: amounts by decision, debts, prices."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from cloud.functions.operations_api.shapes import In, Reason

Cents = Annotated[int, Field(gt=0, le=10**10)]


class ComplianceIn(In):
    """What is to be taken of a project for a compliance case or an administrative stip."""

    amount_cents: Cents
    reason: Reason


class DebtSettlementIn(In):
    """How a debt was settled outside the runs."""

    amount_cents: Cents
    how: Literal["paid_by_check", "wire", "written_off"]
    reason: Reason


class WarrantyPricesIn(In):
    """A price table as CSV text with the columns model and price, and its first day."""

    effective_from: date
    content: Annotated[str, Field(min_length=1, max_length=250_000)]
