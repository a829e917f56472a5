"""The clock that the functions run by: this machine's, unless the local runtime gave its own."""

from datetime import UTC, datetime

from cloud.kernel.clock import Clock


class SystemClock:
    """`cloud.kernel.clock.Clock` of this machine."""

    def now(self) -> datetime:
        """Give the present instant in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the port


class _InUse:
    """What `now` asks; a holder, so that handlers that were loaded already see a change."""

    clock: Clock = SystemClock()


class CurrentClock:
    """`cloud.kernel.clock.Clock` that asks whichever clock is in use at the moment."""

    def now(self) -> datetime:
        """Give the present instant in UTC."""
        return _InUse.clock.now()


def use(clock: Clock) -> None:
    """Let all functions of this process run by another clock; for the local runtime only."""
    _InUse.clock = clock
