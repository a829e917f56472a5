"""The one place that time comes from."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; there is one for the real world and one that can jump (cloud/local)."""

    def now(self) -> datetime:
        """Give the present instant, with its zone (UTC)."""
        ...
