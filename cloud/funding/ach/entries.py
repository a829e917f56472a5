"""What a bank file is made of: who sends it, its entries, its sums and its trace numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.funding.ach.characters import COMPANY_ID, ORIGIN, transliterated
from cloud.funding.ach.layouts import BLOCKING_FACTOR
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.routing import is_routing_number
from cloud.portfolio.models import AccountKind

MAX_ENTRY = Money(99_999_999_99)

REVERSAL = "REVERSAL"
"""Company Entry Description by which receivers know a reversal; no other file may carry it."""
_RESERVED_DESCRIPTIONS = frozenset({REVERSAL, "RECLAIM", "NONSETTLED", "AUTOENROLL", "RETRY PYMT"})


class FileKind(StrEnum):
    """What a file of ours does: pay, ask about accounts, or take a wrong payment back."""

    PAYMENTS = "payments"
    PRENOTES = "prenotes"
    REVERSALS = "reversals"


CREDITS, DEBITS = "220", "225"
SERVICE_CLASS = {
    FileKind.PAYMENTS: CREDITS,
    FileKind.PRENOTES: CREDITS,
    FileKind.REVERSALS: DEBITS,
}
TRANSACTION_CODE = {
    (FileKind.PAYMENTS, AccountKind.CHECKING): "22",
    (FileKind.PAYMENTS, AccountKind.SAVINGS): "32",
    (FileKind.PRENOTES, AccountKind.CHECKING): "23",
    (FileKind.PRENOTES, AccountKind.SAVINGS): "33",
    (FileKind.REVERSALS, AccountKind.CHECKING): "27",
    (FileKind.REVERSALS, AccountKind.SAVINGS): "37",
}
PLACES = {
    FileKind.PAYMENTS: range(1, 8_000),
    FileKind.PRENOTES: range(8_000, 9_000),
    FileKind.REVERSALS: range(9_000, 10_000),
}
"""Last four digits of the trace numbers: an answer of the bank tells by itself what it answers."""
MAX_ENTRIES = len(PLACES[FileKind.PAYMENTS])
BLOCK = 1_000
"""Places to a block; a programme that is added has its lines begin at a block of its own (D24)."""


@dataclass(frozen=True, slots=True)
class Originator:
    """Who sends the file, through which bank.

    Attributes:
        bank_routing_number: nine digits; the bank that takes the file and originates the entries.
        origin: ten characters that the bank assigned (often 1 and the tax number).
        name: the owner's name, as receivers see it; the first 16 characters reach them.
        entry_description: what receivers read beside the amount, at most 10 characters.
        questions_to: address for questions about a payment, printed on remittance advices.
    """

    bank_routing_number: str
    bank_name: str
    origin: str
    name: str
    company_identification: str
    entry_description: str = "INSTALLER"
    questions_to: str = ""

    def __post_init__(self) -> None:
        if not is_routing_number(self.bank_routing_number):
            msg = "originator: Immediate Destination is not a routing number: ask the bank"
            raise BadInput(msg)
        if not ORIGIN.fullmatch(self.origin):
            msg = f"originator: Immediate Origin {self.origin!r} is not ten capitals or digits"
            raise BadInput(msg)
        if not COMPANY_ID.fullmatch(self.company_identification):
            msg = "originator: Company Identification is not ten capitals or digits: ask the bank"
            raise BadInput(msg)
        for field, text in (
            ("Company Name", self.name),
            ("Immediate Destination Name", self.bank_name),
            ("Company Entry Description", self.entry_description),
        ):
            if not transliterated(text):
                msg = f"originator: {field} is blank"
                raise BadInput(msg)
        if transliterated(self.entry_description)[:10] in _RESERVED_DESCRIPTIONS:
            msg = "originator: Company Entry Description is a word that the network reserves"
            raise BadInput(msg)


@dataclass(frozen=True, slots=True)
class Credit:
    """One entry of the file: a payment, a question about an account, or a payment taken back.

    Attributes:
        account_number: up to 17 capitals, digits and dashes; it must not reach a log.
        identification: the receiver's id with us, at most 15 characters, once in a file.
        note: payment related information for the receiver's bank; empty for none.
    """

    routing_number: str
    account_number: str
    amount: Money
    identification: str
    name: str
    note: str = ""
    account_kind: AccountKind = AccountKind.CHECKING

    def __repr__(self) -> str:
        return f"Credit({self.identification!r}, {self.amount})"


@dataclass(frozen=True, slots=True)
class Controls:
    """The sums by which a bank checks a file."""

    entry_addenda_count: int
    entry_hash: str
    total_credit: Money
    block_count: int
    total_debit: Money = ZERO

    @property
    def line_count(self) -> int:
        """Lines of the file, fillers included."""
        return self.block_count * BLOCKING_FACTOR


def hashed(prefixes: int) -> str:
    """Give the entry hash: the last ten digits of a sum of eight-digit routing numbers."""
    return f"{prefixes:010d}"[-10:]


def controls(entries: Sequence[tuple[str, Money, bool]]) -> Controls:
    """Sum credits given as routing number, amount and whether an addenda follows (F04).

    The hash is the sum of the first eight digits of the routing numbers, its last ten digits.
    """
    count = sum(2 if has_addenda else 1 for _, _, has_addenda in entries)
    prefixes = sum(int(routing[:8]) for routing, _, _ in entries if routing[:8].isdigit())
    return Controls(
        entry_addenda_count=count,
        entry_hash=hashed(prefixes),
        total_credit=total(amount for _, amount, _ in entries),
        block_count=-(-(count + 4) // BLOCKING_FACTOR),
    )


def debit_controls(entries: Sequence[tuple[str, Money, bool]]) -> Controls:
    """Sum entries of a reversal, which are debits."""
    sums = controls(entries)
    return Controls(
        sums.entry_addenda_count, sums.entry_hash, ZERO, sums.block_count, sums.total_credit
    )


def trace_number(originator: Originator, sequence: int, place: int) -> str:
    """Give the trace number of the entry at that place, from one, of the run with that sequence.

    Eight digits of the originating bank, three of the run, four of the entry: a number comes back
    only after a thousand runs, long after the last return of the first. What stands before the
    last three digits of a sequence is the block in which the programme's places begin (D24).
    Prenotes and reversals have places of their own, so that they may share the number of a run.
    """
    block, number = divmod(sequence, BLOCK)
    return f"{originator.bank_routing_number[:8]}{number:03d}{block * BLOCK + place:04d}"


def kind_of_trace(trace: str) -> FileKind | None:
    """Tell what the entry with a trace number of ours did, None where it is no such number."""
    if not re.fullmatch(r"[0-9]{15}", trace):
        return None
    place = int(trace[-4:])
    return next((kind for kind, places in PLACES.items() if place in places), None)


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """An entry as it stands in a file, with the line it stands on."""

    line: int
    trace_number: str
    credit: Credit


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file of ours that was read back and found right in every character.

    Attributes:
        kind: whether its entries pay, ask, or take back.
        is_same_day: whether its batch asks to be settled on the day of the file.
        standard_class, company_identification: of the batch; a reversal repeats them.
    """

    company_name: str
    run: str
    effective_on: date
    entries: tuple[ReadEntry, ...]
    controls: Controls
    kind: FileKind = FileKind.PAYMENTS
    is_same_day: bool = False
    file_id_modifier: str = "A"
    standard_class: str = ""
    company_identification: str = ""

    def entry(self, trace: str) -> ReadEntry | None:
        """Give the entry with that trace number, or None."""
        return next((entry for entry in self.entries if entry.trace_number == trace), None)
