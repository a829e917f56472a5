"""What goes in and out of the operations API: shapes only, checked by type and size."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from cloud.portfolio.models import Milestone
from cloud.service.models import Cause

Reason = Annotated[str, Field(min_length=1, max_length=4000)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SpendApprovalIn(_In):
    """A written leave to spend up to a total on a work order."""

    max_total_cents: Annotated[int, Field(gt=0, le=10**9)]


class FindingIn(_In):
    """What was found to be the cause, on which evidence."""

    cause: Cause
    evidence: Reason


class ReasonIn(_In):
    """Why."""

    reason: Reason


class MilestoneIn(_In):
    """A milestone that a project reached now."""

    milestone: Milestone


class ReplayIn(_In):
    """An evaluation of one clock that judges its open days anew."""

    utc_offset_hours: Annotated[int, Field(ge=-12, le=14)]
    replay_from: date


class RunApprovalIn(_In):
    """An approval of exactly the plans that were shown."""

    plans_hash: Annotated[str, Field(min_length=16, max_length=128)]


class Listed(BaseModel):
    """Records as they are kept."""

    items: list[dict[str, Any]]


class One(BaseModel):
    """A record as it is kept."""

    item: dict[str, Any]
