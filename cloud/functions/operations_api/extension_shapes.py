"""Bodies of the routes about extension requests, funding days and partners' questions."""

from datetime import date
from typing import Annotated

from pydantic import Field

from cloud.functions.operations_api.shapes import In
from cloud.kernel.policy import COMFORT

Programme = Annotated[str, Field(min_length=1, max_length=50)]


class GrantIn(In):
    """A grant; days are told for other reasons only, the listed ones have their own."""

    days: Annotated[int, Field(ge=1, le=1000)] | None = None


class FundingDayIn(In):
    """Another day on which a run is paid, announced before its cut-off."""

    regular_date: date
    alternative_date: date
    programme: Programme = COMFORT


class NoFundingDayIn(In):
    """A run that is paid on its own day after all, and why."""

    regular_date: date
    reason: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]
    programme: Programme = COMFORT


class AnswerIn(In):
    """What is answered to a partner's question; it is mailed."""

    text: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]
