"""Bodies of the routes about funding runs and the bank."""

from typing import Annotated, Literal

from pydantic import Field

from cloud.adapters.instants import Instant
from cloud.functions.operations_api.shapes import In, Reason
from cloud.funding.ach import ReversalReason
from cloud.kernel.policy import COMFORT


class OpeningIn(In):
    """A cut-off whose run the schedule missed."""

    cut_off_at: Instant
    programme: Annotated[str, Field(min_length=1, max_length=40)] = COMFORT


class RunApprovalIn(In):
    """An approval of exactly the plans that were shown."""

    plans_hash: Annotated[str, Field(min_length=16, max_length=128)]


class ReleaseIn(RunApprovalIn):
    """A look at exactly the plans that were shown, and why they are right."""

    reason: Reason


class SettlementIn(In):
    """What the bank's statement shows for a file; it must be the net of the run."""

    statement_cents: Annotated[int, Field(ge=0, le=10**12)]


class ReversalIn(In):
    """Why a payment is called back: the network's reason, and ours in words."""

    why: ReversalReason
    reason: Reason


class AssignmentIn(In):
    """Whose money in suspense is, and why."""

    whose: Literal["partner", "bank"]
    reason: Reason


class BankFileIn(In):
    """A file of the bank's, as it came: returned payments and corrected details.

    Four thousand records fit; a larger file is asked of the bank in parts.
    """

    content: Annotated[str, Field(min_length=94, max_length=390_000)]
