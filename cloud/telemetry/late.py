"""Windows that came after their time: what a sweep has to look at again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.kernel.change import NEW, Change, Save
from cloud.kernel.errors import Conflict
from cloud.kernel.ports import Records
from cloud.telemetry.policy import LATE_AFTER
from cloud.telemetry.ports import StoredChunk

_TRIES = 20
_FORGOTTEN = timedelta(days=60)
"""What began longer ago is of a clock that was not set, or of days that are settled."""


@dataclass(frozen=True, slots=True)
class LateWindows:
    """The earliest window of a gateway that came late since its sites were last measured.

    Attributes:
        id: the gateway's thing name.
        earliest: start of the window, None when nothing came late.
    """

    id: str
    earliest: datetime | None


def is_late(chunk: StoredChunk) -> bool:
    """Tell whether a window began so long before it came that a sweep may have passed it (T-25).

    A sweep reads back a few hours before the last one; within them a chunk is found by itself.
    """
    age = chunk.received_at - chunk.window_start
    return LATE_AFTER.on(chunk.received_at.date()) < age <= _FORGOTTEN


def note_late(records: Records, chunks: Iterable[StoredChunk]) -> None:
    """Note the earliest late window of each gateway; an earlier one that is noted stays.

    Raises:
        Conflict: somebody else noted something each time; offering the same again is safe.
    """
    earliest: dict[str, datetime] = {}
    for chunk in filter(is_late, chunks):
        known = earliest.get(chunk.gateway_id, chunk.window_start)
        earliest[chunk.gateway_id] = min(known, chunk.window_start)
    for gateway_id, start in sorted(earliest.items()):
        _note(records, gateway_id, start)


def _note(records: Records, gateway_id: str, start: datetime) -> None:
    for _ in range(_TRIES):
        stored = records.load(LateWindows, gateway_id)
        known = stored.record.earliest if stored else None
        # Written also when it says the same: whoever measures meanwhile must see that more came.
        earliest = min(known or start, start)
        noted = Save(LateWindows(gateway_id, earliest), stored.version if stored else NEW)
        try:
            records.commit(Change(saves=(noted,)))
        except Conflict:
            continue
        return
    msg = f"noting a late window of {gateway_id}: others were in the way; it comes again"
    raise Conflict(msg)
