"""The nightly look at the books: everything is recomputed, and operations hear of what differs."""

from datetime import datetime

from cloud.funding.models import BooksCheck
from cloud.funding.policy import RULES
from cloud.funding.process.run import RUN
from cloud.funding.process.verifying import verify_books
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import NEW, Change, Event, Letter, Message, Save
from cloud.kernel.ids import derived
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Documents, Records, require
from cloud.portfolio.process import all_partners

CHECK = "books_check"
"""Topic of the message on which the books are recomputed."""
MOST_TOLD = 100
"""Differences that one check keeps; the first ones are where to look."""


def order_check(records: Records, *, by: str, at: datetime) -> BooksCheck:
    """Have the books recomputed, and give the check that will hold what was found."""
    made = BooksCheck(derived("CHK", by, at.isoformat()), by, at)
    if records.load(BooksCheck, made.id) is not None:
        return books_check(records, made.id)
    message = Message(derived("MSG", made.id), CHECK, {"check_id": made.id}, at)
    records.commit(Change(saves=(Save(made, NEW),), messages=(message,)))
    return made


def books_check(records: Records, check_id: str) -> BooksCheck:
    """Give a check and what it found.

    Raises:
        NotFound: none of that id was asked for.
    """
    return require(records.load(BooksCheck, check_id), "check of the books", check_id).record


def check_books(
    records: Records, documents: Documents, *, check_id: str, operations: str, at: datetime
) -> BooksCheck:
    """Recompute everything, keep what was found, and tell operations of any difference; once."""
    stored = require(records.load(BooksCheck, check_id), "check of the books", check_id)
    if stored.record.done_at is not None:
        return stored.record
    programmes = sorted({COMFORT, *(name for rule in RULES for name in rule.programmes)})
    found = verify_books(records, documents, partners=all_partners(records), programmes=programmes)
    done = BooksCheck(
        check_id,
        stored.record.by,
        stored.record.at,
        done_at=at,
        partners=found.partners,
        entries=found.entries,
        items=found.items,
        runs=found.runs,
        balances=tuple(sorted(found.balances.items())),
        differences=len(found.problems),
        problems=found.problems[:MOST_TOLD],
    )
    count = len(found.problems)
    save = stored.replaced_by(done)
    if not count:  # the log tells what happened, and nothing did
        records.commit(Change(saves=(save,)))
        return done
    says = f"{found.entries} entries and {found.items} items: {count} differences"
    event = Event(check_id, "books_differ", at, RUN, says=says)
    letters = (_letter(done, operations, at),)
    records.commit(Change(saves=(save,), events=(event,), letters=letters))
    return done


def _letter(done: BooksCheck, operations: str, at: datetime) -> Letter:
    return Letter(
        id=f"books-{done.id}",
        to=operations,
        subject=f"The books differ in {done.differences} places; no run should be approved",
        text="\n".join(
            [
                f"The check {done.id} of {eastern_day(at)} recomputed all books, and found:",
                "",
                *(f"  {line}" for line in done.problems),
                "",
                "Approve no run before it is understood: somebody changed what is never changed, "
                "or we have an error. Each partner's ledger and `sunreeve trace` help to look.",
            ]
        ),
        thread=done.id,
        at=at,
    )
