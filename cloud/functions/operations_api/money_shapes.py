"""What goes in of the routes about invoices, charges, back-bills and disputes."""

from typing import Annotated

from pydantic import Field

from cloud.functions.operations_api.shapes import In, Reason
from cloud.invoicing.models import Outcome
from cloud.service.models import Cause

Id = Annotated[str, Field(min_length=1, max_length=200)]


class LineCauseIn(In):
    """What was found to be the cause of one line; lines count from zero."""

    line: Annotated[int, Field(ge=0, le=1000)]
    cause: Cause


class LineCausesIn(In):
    """The causes of single lines, on evidence."""

    causes: Annotated[list[LineCauseIn], Field(min_length=1, max_length=200)]
    evidence: Reason


class ChargeIn(In):
    """What a charge rests on."""

    evidence: Reason


class InternalCostIn(In):
    """What the owner's own technicians did."""

    minutes: Annotated[int, Field(ge=0, le=100_000)]
    distance_km: Annotated[int, Field(ge=0, le=100_000)]


class DecisionIn(In):
    """How a dispute ends; what is left of the claim, where it stands in part."""

    outcome: Outcome
    reason: Reason
    new_amount_cents: Annotated[int, Field(ge=0, le=10**10)] | None = None


class LevelIn(In):
    """The level that a dispute is taken to."""

    to_level: Id


class DelegateIn(In):
    """Whether a coordinator is there, and who stands in."""

    is_active: bool
    delegate_id: str = ""
