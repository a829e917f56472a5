"""Writing a decision that is made anew after a lost race, and several entries of books at once."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from cloud.funding import ledger
from cloud.funding.models import LedgerEntry, LedgerHead, Posting
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.ports import Records

T = TypeVar("T")
ATTEMPTS = 5
"""How often a decision is made anew after somebody else was faster."""


def settled(records: Records, what: str, decide: Callable[[], tuple[T, Change]]) -> T:
    """Commit what is decided, and decide anew on what is there by then after a lost race.

    Raises:
        Conflict: others were faster five times in a row.
    """
    for _ in range(ATTEMPTS):
        answer, change = decide()
        if not change:
            return answer
        try:
            records.commit(change)
        except Conflict:
            continue
        return answer
    msg = f"{what}: others changed the same things {ATTEMPTS} times; try again"
    raise Conflict(msg)


def written(
    records: Records, what: str, decide: Callable[[], tuple[T, Change] | Refused]
) -> T | Refused:
    """Do the same with a decision that may be a refusal, which writes nothing."""

    def either() -> tuple[T | Refused, Change]:
        decided = decide()
        return (decided, Change()) if isinstance(decided, Refused) else decided

    return settled(records, what, either)


class Chain:
    """The end of a partner's books, to which one change adds any number of entries."""

    def __init__(self, records: Records, partner_id: str) -> None:
        self._stored = records.load(LedgerHead, partner_id)
        self._head = self._stored.record if self._stored else ledger.head_of(partner_id)
        self._entries: list[LedgerEntry] = []

    def add(
        self,
        entry_id: str,
        postings: tuple[Posting, ...],
        *,
        event_at: datetime,
        recorded_at: datetime,
        causes: tuple[str, ...],
        says: str,
    ) -> None:
        """Put an entry behind those that are there."""
        entry, self._head = ledger.append(
            self._head,
            entry_id=entry_id,
            postings=postings,
            event_at=event_at,
            recorded_at=recorded_at,
            causes=causes,
            says=says,
        )
        self._entries.append(entry)

    def change(self) -> Change:
        """Give what writes the entries; nothing where there are none."""
        if not self._entries:
            return Change()
        end = self._stored.replaced_by(self._head) if self._stored else Save(self._head)
        return Change(saves=(*(Save(entry) for entry in self._entries), end))
