"""Writing a bank file: payments, and the questions about accounts that go before them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from cloud.funding.ach.characters import ACCOUNT, transliterated
from cloud.funding.ach.entries import (
    BLOCK,
    MAX_ENTRY,
    PLACES,
    REVERSAL,
    SERVICE_CLASS,
    TRANSACTION_CODE,
    Controls,
    Credit,
    FileKind,
    Originator,
    controls,
    debit_controls,
    trace_number,
)
from cloud.funding.ach.layouts import (
    ADDENDA,
    BATCH_CONTROL,
    BATCH_HEADER,
    BLOCKING_FACTOR,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    FILLER,
    RECORD_SIZE,
    record,
)
from cloud.funding.policy import D33, F03, F04
from cloud.kernel.calendar import EASTERN, eastern_day, is_banking_day, next_banking_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money
from cloud.kernel.routing import is_routing_number
from cloud.portfolio.models import AccountKind

MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""File ID Modifiers in the order of the files of a day."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers of a file say.

    Attributes:
        created_at: shown on the Eastern clock.
        run: what the entries are for; it reaches the receiver's bank as discretionary data.
        sequence: its last three digits make the trace numbers.
        file_of_day: how many files of the same day went before it.
        is_same_day: the batch asks to be settled on the day of its file.
        standard_class: of all entries, where it is not today's.
    """

    created_at: datetime
    effective_on: date
    run: str
    sequence: int
    file_of_day: int = 0
    is_same_day: bool = False
    standard_class: str = ""


def descriptive_date(effective_on: date, *, is_same_day: bool) -> str:
    """Give the Company Descriptive Date: the day, or the hour asked for on the same day (D33)."""
    if is_same_day:
        return f"SD{D33.on(effective_on):%H%M}"
    return f"{effective_on:%y%m%d}"


def settles_same_day(created_on: date, effective_on: date) -> bool:
    """Tell whether a file of one day can, and must, settle on another as same-day (F03).

    It must where no banking day lies between them: made on a holiday, it is taken on the next one.
    """
    return effective_on == next_banking_day(created_on)


def may_go_same_day(entries: Sequence[Credit], *, created_at: datetime, effective_on: date) -> bool:
    """Tell whether a file may ask to settle on its own day (F03).

    Not when it is made too late, nor with an entry above the limit: such a file goes without the
    mark, and banks settle what they can.
    """
    return settles_same_day(eastern_day(created_at), effective_on) and all(
        one.amount <= F03.on(effective_on) for one in entries
    )


def sums_of(kind: FileKind, entries: Sequence[Credit]) -> Controls:
    """Give the sums of a file of that kind."""
    rows = [(one.routing_number, one.amount, bool(one.note)) for one in entries]
    return debit_controls(rows) if kind is FileKind.REVERSALS else controls(rows)


def totals_of(sums: Controls) -> dict[str, str | int]:
    """Give the sums as both control records carry them."""
    return {
        "Entry/Addenda Count": sums.entry_addenda_count,
        "Entry Hash": sums.entry_hash,
        "Total Debit Entry Dollar Amount": sums.total_debit.cents,
        "Total Credit Entry Dollar Amount": sums.total_credit.cents,
    }


def fault_of(kind: FileKind, credit: Credit, most: Money = MAX_ENTRY) -> str:
    """Name the field of an entry that cannot be, and why; empty when all can."""
    if not is_routing_number(credit.routing_number):
        return "Receiving DFI Identification: not nine digits with their check digit"
    if not ACCOUNT.fullmatch(credit.account_number):
        return "DFI Account Number: not 1 to 17 capitals, digits or dashes"
    if credit.account_kind not in set(AccountKind):
        return f"Transaction Code: {credit.account_kind!r} is neither checking nor savings"
    if kind is FileKind.PRENOTES and credit.amount:
        return f"Amount: {credit.amount} is not zero, and a prenote carries no money"
    if kind is not FileKind.PRENOTES and not ZERO < credit.amount <= most:
        return f"Amount: {credit.amount} is not above zero and at most {most}"
    if not 0 < len(transliterated(credit.identification)) <= 15:
        return "Identification Number: not 1 to 15 characters"
    if not transliterated(credit.name):
        return "Receiving Company Name: blank"
    if len(transliterated(credit.note)) > 80:
        return "Payment Related Information: more than 80 characters"
    return ""


def _check(kind: FileKind, entries: Sequence[Credit], envelope: Envelope, first: int) -> None:
    run, effective_on = envelope.run, envelope.effective_on
    places = PLACES[kind]
    if first not in places or not 0 < len(entries) <= places.stop - first:
        msg = (
            f"bank file of {run}: {len(entries)} entries are not between 1 and "
            f"{max(places.stop - first, 0)}"
        )
        raise BadInput(msg)
    if not is_banking_day(effective_on):
        msg = f"bank file of {run}, Effective Entry Date: banks are closed on {effective_on}"
        raise BadInput(msg)
    created_on = eastern_day(envelope.created_at)
    if envelope.is_same_day and not settles_same_day(created_on, effective_on):
        msg = (
            f"bank file of {run}, Effective Entry Date: a same-day file of {created_on} settles on "
            f"{next_banking_day(created_on)}, not on {effective_on}"
        )
        raise BadInput(msg)
    if not 0 <= envelope.file_of_day < len(MODIFIERS):
        msg = f"bank file of {run}, File ID Modifier: a day has at most {len(MODIFIERS)} files"
        raise BadInput(msg)
    most = min(MAX_ENTRY, F03.on(effective_on)) if envelope.is_same_day else MAX_ENTRY
    seen = set()
    for credit in entries:
        wrong = fault_of(kind, credit, most)
        identification = transliterated(credit.identification)
        if not wrong and identification in seen:
            wrong = "it is in the file twice"
        if wrong:
            msg = f"payment of {credit.identification}: {wrong}"
            raise BadInput(msg)
        seen.add(identification)


def _headers(originator: Originator, kind: FileKind, envelope: Envelope) -> Iterator[str]:
    created, effective = envelope.created_at.astimezone(EASTERN), envelope.effective_on
    yield record(
        FILE_HEADER,
        {
            "Priority Code": "01",
            "Immediate Destination": f" {originator.bank_routing_number}",
            "Immediate Origin": originator.origin,
            "File Creation Date": f"{created:%y%m%d}",
            "File Creation Time": f"{created:%H%M}",
            "File ID Modifier": MODIFIERS[envelope.file_of_day],
            "Record Size": f"{RECORD_SIZE:03d}",
            "Blocking Factor": f"{BLOCKING_FACTOR}",
            "Format Code": "1",
            "Immediate Destination Name": transliterated(originator.bank_name),
            "Immediate Origin Name": transliterated(originator.name),
            "Reference Code": f"{envelope.sequence % BLOCK:08d}",
        },
    )
    description = REVERSAL if kind is FileKind.REVERSALS else originator.entry_description
    yield record(
        BATCH_HEADER,
        {
            "Service Class Code": SERVICE_CLASS[kind],
            "Company Name": transliterated(originator.name),
            "Company Discretionary Data": transliterated(envelope.run),
            "Company Identification": originator.company_identification,
            "Standard Entry Class Code": envelope.standard_class or F04.on(effective),
            "Company Entry Description": transliterated(description),
            "Company Descriptive Date": descriptive_date(
                effective, is_same_day=envelope.is_same_day
            ),
            "Effective Entry Date": f"{effective:%y%m%d}",
            "Originator Status Code": "1",
            "Originating DFI Identification": originator.bank_routing_number[:8],
            "Batch Number": 1,
        },
    )


def _entry(kind: FileKind, credit: Credit, trace: str) -> Iterator[str]:
    yield record(
        ENTRY,
        {
            "Transaction Code": TRANSACTION_CODE[kind, AccountKind(credit.account_kind)],
            "Receiving DFI Identification": credit.routing_number[:8],
            "Check Digit": credit.routing_number[8],
            "DFI Account Number": credit.account_number,
            "Amount": credit.amount.cents,
            "Identification Number": transliterated(credit.identification),
            "Receiving Company Name": transliterated(credit.name),
            "Addenda Record Indicator": int(bool(credit.note)),
            "Trace Number": trace,
        },
    )
    if credit.note:
        yield record(
            ADDENDA,
            {
                "Addenda Type Code": "05",
                "Payment Related Information": transliterated(credit.note),
                "Addenda Sequence Number": 1,
                "Entry Detail Sequence Number": trace[-7:],
            },
        )


def _controls(originator: Originator, kind: FileKind, sums: Controls) -> Iterator[str]:
    totals = totals_of(sums)
    yield record(
        BATCH_CONTROL,
        totals
        | {
            "Service Class Code": SERVICE_CLASS[kind],
            "Company Identification": originator.company_identification,
            "Originating DFI Identification": originator.bank_routing_number[:8],
            "Batch Number": 1,
        },
    )
    yield record(FILE_CONTROL, totals | {"Batch Count": 1, "Block Count": sums.block_count})


def write(
    originator: Originator,
    kind: FileKind,
    entries: Sequence[Credit],
    envelope: Envelope,
    first_place: int,
) -> bytes:
    """Write a file of one kind; its entries take the places from the first one on.

    Raises:
        BadInput: an entry, their number, the day or the place cannot be.
    """
    # A note of characters that no bank takes is no note: else an addenda would be promised for it.
    entries = [replace(one, note=transliterated(one.note)) for one in entries]
    _check(kind, entries, envelope, first_place)
    lines = list(_headers(originator, kind, envelope))
    for place, credit in enumerate(entries, start=first_place):
        lines += _entry(kind, credit, trace_number(originator, envelope.sequence % BLOCK, place))
    lines += _controls(originator, kind, sums_of(kind, entries))
    lines += [FILLER] * (-len(lines) % BLOCKING_FACTOR)
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def build(
    originator: Originator,
    credits_: Sequence[Credit],
    *,
    created_at: datetime,
    effective_on: date,
    run: str,
    sequence: int,
    file_of_day: int = 0,
    is_same_day: bool = False,
) -> bytes:
    """Write the bank file; the same arguments give the same bytes (F04).

    The creation time is shown on the Eastern clock. Settlement Date is left to the bank. A file
    that must settle on its own day says so in its batch, and refuses an entry above the limit for
    those (F03); whether it must, `settles_same_day` tells.

    Raises:
        BadInput: an entry cannot be paid as it is, a receiver is there twice, there are no entries
            or too many, or banks do not settle on the effective day.
    """
    envelope = Envelope(created_at, effective_on, run, sequence, file_of_day, is_same_day)
    kind = FileKind.PAYMENTS
    return write(
        originator, kind, credits_, envelope, PLACES[kind].start + sequence // BLOCK * BLOCK
    )


def build_prenotes(
    originator: Originator,
    receivers: Sequence[Credit],
    *,
    created_at: datetime,
    effective_on: date,
    run: str,
    sequence: int,
    file_of_day: int = 0,
    first_place: int = PLACES[FileKind.PRENOTES].start,
) -> bytes:
    """Write a file that asks banks about accounts: entries of nothing, before money follows (D11).

    They have a file of their own, so that a payment never waits for a question. Where an earlier
    file asked with the same sequence, this one's first place is the one after its last.

    Raises:
        BadInput: as `build`, or an entry carries money.
    """
    envelope = Envelope(created_at, effective_on, run, sequence, file_of_day)
    return write(originator, FileKind.PRENOTES, receivers, envelope, first_place)
