"""What reports need from outside: the records, and the log by what was told in a month."""

from collections.abc import Sequence
from typing import Protocol

from cloud.kernel.change import Event
from cloud.kernel.ports import Records


class ToldRecords(Records, Protocol):
    """Records whose log can also be asked for one kind of event."""

    def told(self, what: str, *, month: str) -> Sequence[Event]:
        """Give all events of one kind in a month of UTC, ``2026-06``, in order of time.

        Answers come from an index and may lag behind a write that was just committed.
        """
        ...
