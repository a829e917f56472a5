"""Writing one ledger entry together with the records that it is about, exactly once."""

from collections.abc import Callable
from datetime import datetime

from cloud.funding import ledger
from cloud.funding.models import LedgerEntry, LedgerHead, Posting
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import Conflict
from cloud.kernel.ports import Records

ATTEMPTS = 5
"""How often a lost race for the end of a partner's chain is tried again."""


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
    """Give the change that puts an entry at the end of the partner's chain as it stands now."""
    head = records.load(LedgerHead, partner_id)
    entry, after = ledger.append(
        head.record if head else ledger.head_of(partner_id),
        entry_id=entry_id,
        postings=postings,
        event_at=event_at,
        recorded_at=recorded_at,
        causes=causes,
        says=says,
    )
    return Change(saves=(Save(entry), head.replaced_by(after) if head else Save(after)))


def book(records: Records, entry_id: str, change: Callable[[], Change]) -> bool:
    """Commit the change unless its entry stands in the books already; tell whether it was written.

    The entry's id decides: whoever comes second, or again after a crash, changes nothing. `change`
    is asked again after a lost race, so it must load what it replaces; an empty one means that
    there is nothing to book any more.

    Raises:
        Conflict: others were faster five times in a row.
    """
    for _ in range(ATTEMPTS):
        if records.load(LedgerEntry, entry_id) is not None:
            return False
        wanted = change()
        if not wanted:
            return False
        try:
            records.commit(wanted)
        except Conflict:
            continue
        return True
    msg = f"booking {entry_id}: others wrote to the same books {ATTEMPTS} times; try again"
    raise Conflict(msg)
