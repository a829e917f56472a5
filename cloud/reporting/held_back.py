"""What stopped and asks a person, with what would follow from letting it go; nothing is decided."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cloud.detection.models import HoldState, SweepHold
from cloud.kernel.ports import Records
from cloud.service.models import Mail, MailState, PostHold
from cloud.service.process.sending import HOLD
from cloud.service.uploads import Upload, UploadState

LOOK_BACK: Final = timedelta(days=30)
"""How long a file that was removed is still shown."""
A_SCAN: Final = timedelta(hours=1)
"""A scan takes minutes; one that takes longer than this does not come back by itself."""
_WORK_ORDER: Final = "WO-"


@dataclass(frozen=True, slots=True)
class HeldLetters:
    """The hold on letters, and the letters that wait for it.

    Attributes:
        hold: None where none ever was.
        letters: what waits, the oldest first.
    """

    hold: PostHold | None
    letters: tuple[Mail, ...]

    @property
    def is_held(self) -> bool:
        """Whether a person has to decide."""
        return self.hold is not None and self.hold.state is MailState.HELD

    @property
    def by_thread(self) -> Sequence[tuple[str, int]]:
        """What the letters are about, by the first part of its number, the most first."""
        return Counter(one.thread.partition("-")[0] for one in self.letters).most_common()

    @property
    def receivers(self) -> int:
        """How many people or desks would get at least one."""
        return len({one.recipient.casefold() for one in self.letters})


def held_letters(records: Records) -> HeldLetters:
    """Give the hold on letters with what waits for it (M-76)."""
    stored = records.load(PostHold, HOLD)
    waiting = [one.record for one in records.find(Mail, by="state", value=MailState.HELD)]
    ordered = tuple(sorted(waiting, key=lambda one: (one.at, one.id)))
    return HeldLetters(stored.record if stored else None, ordered)


def held_sweeps(records: Records) -> tuple[SweepHold, ...]:
    """Give the findings that wait for a person, the longest waiting first (D-97)."""
    found = [one.record for one in records.find(SweepHold, by="state", value=HoldState.HELD)]
    return tuple(sorted(found, key=lambda one: (one.held_at, one.id)))


def decided_sweeps(records: Records) -> tuple[SweepHold, ...]:
    """Give the latest decision on each region that had one and still has something of it left."""
    found = [
        one.record
        for state in (HoldState.RELEASED, HoldState.DISCARDED)
        for one in records.find(SweepHold, by="state", value=state)
    ]
    return tuple(sorted(found, key=lambda one: one.decided_at or one.held_at, reverse=True))


def stopped_files(records: Records, *, at: datetime) -> tuple[Upload, ...]:
    """Give the files of work orders that were removed lately, or whose scan does not end.

    Papers of partners and of projects are not among them: others look after those.
    """
    removed = [
        one.record
        for one in records.find(Upload, by="state", value=UploadState.REFUSED)
        if (one.record.settled_at or one.record.requested_at) > at - LOOK_BACK
    ]
    stuck = [
        one.record
        for one in records.find(Upload, by="state", value=UploadState.SCANNING)
        if one.record.requested_at < at - A_SCAN
    ]
    stuck.sort(key=lambda one: (one.requested_at, one.id))
    removed.sort(key=lambda one: (one.settled_at or one.requested_at, one.id), reverse=True)
    return tuple(one for one in (*stuck, *removed) if one.work_order_id.startswith(_WORK_ORDER))
