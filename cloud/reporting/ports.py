"""What reports need from outside: the records, the log by month, and what waits for a person."""

from collections.abc import Sequence
from typing import Any, Protocol

from cloud.kernel.change import Event
from cloud.kernel.ports import Records, Stored


class ToldRecords(Records, Protocol):
    """Records whose log can also be asked for one kind of event."""

    def told(self, what: str, *, month: str) -> Sequence[Event]:
        """Give all events of one kind in a month of UTC, ``2026-06``, in order of time.

        Answers come from an index and may lag behind a write that was just committed.
        """
        ...


class WaitingRecords(Records, Protocol):
    """Records that know which of them wait for a person."""

    def waiting(self, kinds: Sequence[type[Any]]) -> Sequence[Stored[Any]]:
        """Give the records of these kinds that wait for somebody, whoever that is, all at once.

        Only of kinds whose chart says when they wait (`cloud.adapters.chart.WAITING`). Answers come
        from an index and may lag behind a write that was just committed; what was written before
        its kind was charted so is found once it is written again.
        """
        ...
