"""Writing what was decided about money: once, and decided anew where somebody else was faster.

There is one loop, and three ways to it. `write` is for a decision that looks for itself at what is
done already, and `write_unless_refused` for one that may say no. `book` is for one whose ledger
entry stands for it: where the entry is in the books, all of it is done. What opens, drops or
withdraws items is decided on the partner's whole books, and goes through `opening.post_once`,
which calls `book`.
"""

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
"""How often something is decided before it is said that others are always faster."""


class Chain:
    """The end of a partner's books as it is now, to which one change adds any number of entries.

    Whoever added to the books since makes the change a lost race. So what is decided after this
    was loaded, and written with it, is decided on the partner's books as they are.
    """

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


def entry_change(
    records: Records,
    partner_id: str,
    *,
    entry_id: str,
    postings: tuple[Posting, ...],
    event_at: datetime,
    recorded_at: datetime,
    causes: tuple[str, ...],
    says: str,
) -> Change:
    """Give the change that puts one entry at the end of the partner's books as they are now."""
    chain = Chain(records, partner_id)
    chain.add(
        entry_id,
        postings,
        event_at=event_at,
        recorded_at=recorded_at,
        causes=causes,
        says=says,
    )
    return chain.change()


def write(records: Records, what: str, decide: Callable[[], tuple[T, Change]]) -> T:
    """Commit what is decided, and give the answer; an empty change is not committed.

    `decide` is asked again after a lost race, so it must load what it replaces.

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
    msg = f"{what}: others wrote to the same things {ATTEMPTS} times; try again"
    raise Conflict(msg)


def write_unless_refused(
    records: Records, what: str, decide: Callable[[], tuple[T, Change] | Refused]
) -> T | Refused:
    """Do the same with a decision that may be a refusal, which writes nothing."""

    def either() -> tuple[T | Refused, Change]:
        decided = decide()
        return (decided, Change()) if isinstance(decided, Refused) else decided

    return write(records, what, either)


def book(records: Records, entry_id: str, change: Callable[[], Change]) -> bool:
    """Commit the change unless its entry stands in the books already; tell whether it was written.

    The entry's id decides: whoever comes second, or again after a crash, changes nothing. An empty
    change means that there is nothing to book any more.

    Raises:
        Conflict: others were faster five times in a row.
    """

    def decide() -> tuple[bool, Change]:
        if records.load(LedgerEntry, entry_id) is not None:
            return False, Change()
        wanted = change()
        return bool(wanted), wanted

    return write(records, f"booking {entry_id}", decide)
