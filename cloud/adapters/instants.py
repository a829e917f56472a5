"""Instants that come from outside: with their zone, and of a year in which something can happen."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

from cloud.kernel.calendar import FIRST_YEAR, LAST_YEAR


def _bounded(value: datetime) -> datetime:
    """Refuse what lies so far away that the days of a deadline would run out of the calendar."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        msg = f"an instant lies in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise ValueError(msg)
    return value


Instant = Annotated[AwareDatetime, AfterValidator(_bounded)]
"""In a body or a query: an instant with its zone."""
