"""The real clock."""

from datetime import UTC, datetime


class SystemClock:
    """`cloud.kernel.clock.Clock` of this machine."""

    def now(self) -> datetime:
        """Give the present instant in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the port
