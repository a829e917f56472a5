"""Reading what the bank sends back: returned entries, and changes of account details.

Return entries: Nacha Operating Rules, Appendix Four; notifications of change: Appendix Five. The
file is another writer's, so its texts may be anything that is printable; its sums, its counts and
where a number stands are held to the letter.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from cloud.funding.ach.characters import ACCOUNT
from cloud.funding.ach.entries import CREDITS, DEBITS, hashed
from cloud.funding.ach.layouts import (
    ADDENDA,
    BATCH_CONTROL,
    BATCH_HEADER,
    BLOCKING_FACTOR,
    CHANGE_ADDENDA,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    RETURN_ADDENDA,
    Line,
    check_header,
    check_size,
    in_order,
    is_time,
    split,
)
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.routing import is_routing_number
from cloud.kernel.secret import Secret
from cloud.portfolio.models import AccountKind
from cloud.portfolio.papers import corrects

MIXED = "200"
CHANGES = "COR"
_CLASSES = ("CCD", "PPD", CHANGES)

_ORDER = {
    "": FILE_HEADER,
    FILE_HEADER: BATCH_HEADER + FILE_CONTROL,
    BATCH_HEADER: ENTRY,
    ENTRY: ADDENDA,
    ADDENDA: ENTRY + BATCH_CONTROL,
    BATCH_CONTROL: BATCH_HEADER + FILE_CONTROL,
}
_CODES = {
    "21": (AccountKind.CHECKING, False),
    "26": (AccountKind.CHECKING, True),
    "31": (AccountKind.SAVINGS, False),
    "36": (AccountKind.SAVINGS, True),
}
"""Transaction code of what comes back -> the account, and whether the original took money."""

_ACCOUNT_KINDS = {"2": AccountKind.CHECKING, "3": AccountKind.SAVINGS}


@dataclass(frozen=True, slots=True)
class ReturnedEntry:
    """An entry that the bank sent back, or sent word of.

    Attributes:
        code: R and two digits for a return, C and two digits for a change.
        amount: what comes back; zero for a change, and for a prenote.
        is_debit: the original took money (a reversal of ours).
        receiving_dfi: eight digits of the bank that the original went to.
        died_on: where the account's owner did (R14, R15).
        information: what the bank adds in words.
        corrected_data: for a change, what `corrected` reads.
    """

    line: int
    original_trace: str
    code: str
    amount: Money
    identification: str
    name: str
    receiving_dfi: str
    trace_number: str
    account_kind: AccountKind
    is_debit: bool
    account_number: Secret = field(repr=False)
    died_on: date | None = None
    information: str = field(default="", repr=False)
    corrected_data: Secret | None = field(default=None, repr=False)

    @property
    def is_change(self) -> bool:
        """Whether the bank kept the money and says what to put right."""
        return self.code.startswith("C")


@dataclass(frozen=True, slots=True)
class ReturnFile:
    """A file of the bank that was found right: its entries in order, and its sums.

    Attributes:
        companies: whose payments its batches speak of, by Company Identification.
    """

    created_on: date
    file_id_modifier: str
    entries: tuple[ReturnedEntry, ...]
    total_credit: Money
    total_debit: Money
    batch_count: int
    companies: frozenset[str] = frozenset()

    @property
    def returns(self) -> tuple[ReturnedEntry, ...]:
        """Entries that came back."""
        return tuple(one for one in self.entries if not one.is_change)

    @property
    def changes(self) -> tuple[ReturnedEntry, ...]:
        """Entries of which the details change."""
        return tuple(one for one in self.entries if one.is_change)


def is_dispute(code: str) -> bool:
    """Tell whether a code dishonours a return, or contests that: R61 to R79."""
    return bool(re.fullmatch(r"R[67][0-9]", code)) and code > "R60"


@dataclass(frozen=True, slots=True)
class _Sums:
    """What control records count; two of them add up."""

    lines: int = 0
    prefixes: int = 0
    debit: Money = ZERO
    credit: Money = ZERO

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.lines + other.lines,
            self.prefixes + other.prefixes,
            self.debit + other.debit,
            self.credit + other.credit,
        )

    def values(self) -> dict[str, str | int]:
        return {
            "Entry/Addenda Count": self.lines,
            "Entry Hash": hashed(self.prefixes),
            "Total Debit Entry Dollar Amount": self.debit.cents,
            "Total Credit Entry Dollar Amount": self.credit.cents,
        }


def _unix(content: bytes) -> bytes:
    """Give the content with one line feed at each end of line, whichever system wrote it.

    Raises:
        BadInput: some lines end in one way and some in another.
    """
    check_size(content)
    if b"\r" in content:
        ends = content.count(b"\r\n")
        if not ends == content.count(b"\r") == content.count(b"\n"):
            lines = content.split(b"\n")
            other = (
                number
                for number, text in enumerate(lines, start=1)
                if not text.endswith(b"\r") or text.count(b"\r") > 1
            )
            line = next(other, len(lines))
            msg = f"line {line}, Record Size: it does not end as the other lines do"
            raise BadInput(msg)
        content = content.replace(b"\r\n", b"\n")
    return content if content.endswith(b"\n") else content + b"\n"


def _check_file_header(file: Line) -> None:
    check_header(file)
    hour = file["File Creation Time"]
    if hour.strip() and not is_time(hour):
        raise file.wrong("File Creation Time", f"{hour!r} is not a time")
    for name in ("Immediate Destination", "Immediate Origin"):
        if not file[name].strip():
            raise file.wrong(name, "blank")


def _check_batch_header(batch: Line) -> None:
    batch.one_of("Service Class Code", (MIXED, CREDITS, DEBITS))
    batch.one_of("Standard Entry Class Code", _CLASSES)
    batch.one_of("Originator Status Code", ("0", "1", "2"))
    if not batch["Company Identification"].strip():
        raise batch.wrong("Company Identification", "blank")
    if batch["Effective Entry Date"].strip(" 0"):
        batch.day("Effective Entry Date")
    settled = batch["Settlement Date (Julian)"]
    if settled.strip() and not batch.number_in("Settlement Date (Julian)") <= 366:
        raise batch.wrong("Settlement Date (Julian)", f"{settled} is no day of a year")
    batch.digits("Originating DFI Identification")
    batch.digits("Batch Number")


def _check_entry(line: Line, batch: Line) -> tuple[AccountKind, bool]:
    """Check what an entry says by itself; give its account and whether it is a debit."""
    kind, is_debit = _CODES[line.one_of("Transaction Code", tuple(_CODES))]
    service_class = batch["Service Class Code"]
    if service_class == (CREDITS if is_debit else DEBITS):
        raise line.wrong("Transaction Code", f"not one of service class {service_class}")
    line.digits("Receiving DFI Identification")
    if not is_routing_number(line["Receiving DFI Identification"] + line["Check Digit"]):
        raise line.wrong("Check Digit", "it does not fit the Receiving DFI Identification")
    if batch["Standard Entry Class Code"] == CHANGES and line.number_in("Amount"):
        raise line.wrong("Amount", "not zero; a change carries no money")
    if not line["DFI Account Number"].strip():
        raise line.wrong("DFI Account Number", "blank")
    line.expect({"Addenda Record Indicator": 1})
    line.digits("Trace Number")
    return kind, is_debit


def _check_addenda(addenda: Line, name: str, letter: str, line: Line) -> str:
    """Check what both kinds of addenda have; give the code."""
    code = addenda[name]
    if not re.fullmatch(rf"{letter}[0-9]{{2}}", code):
        raise addenda.wrong(name, f"{code!r} is not {letter} and two digits")
    addenda.digits("Original Entry Trace Number")
    addenda.digits("Original Receiving DFI Identification")
    addenda.expect({"Trace Number": line["Trace Number"]})
    return code


def _died_on(addenda: Line, code: str) -> date | None:
    """Read the date of death; in the banks' disputes other dates stand in its place."""
    if is_dispute(code) or not addenda["Date of Death"].strip(" 0"):
        return None
    return addenda.day("Date of Death")


def _entry(line: Line, below: Line, batch: Line) -> ReturnedEntry:
    """Read one entry with its addenda, by the class of its batch."""
    kind, is_debit = _check_entry(line, batch)
    is_change = batch["Standard Entry Class Code"] == CHANGES
    below.expect({"Addenda Type Code": "98" if is_change else "99"})
    died_on, information, corrected_data = None, "", None
    if is_change:
        addenda = Line(below.number, below.text, CHANGE_ADDENDA)
        code = _check_addenda(addenda, "Change Code", "C", line)
        addenda.expect({"Reserved": "", "Reserved after Corrected Data": ""})
        if not addenda["Corrected Data"].strip():
            raise addenda.wrong("Corrected Data", "blank")
        corrected_data = Secret(addenda["Corrected Data"].rstrip())
    else:
        addenda = Line(below.number, below.text, RETURN_ADDENDA)
        code = _check_addenda(addenda, "Return Reason Code", "R", line)
        died_on = _died_on(addenda, code)
        information = addenda["Addenda Information"].strip()
    return ReturnedEntry(
        line=line.number,
        original_trace=addenda["Original Entry Trace Number"],
        code=code,
        amount=Money(line.number_in("Amount")),
        identification=line["Identification Number"].strip(),
        name=line["Receiving Company Name"].strip(),
        receiving_dfi=addenda["Original Receiving DFI Identification"],
        trace_number=line["Trace Number"],
        account_kind=kind,
        is_debit=is_debit,
        account_number=Secret(line["DFI Account Number"].strip()),
        died_on=died_on,
        information=information,
        corrected_data=corrected_data,
    )


def _batches(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Give each batch with its header first and its control last."""
    start = 0
    for place, line in enumerate(lines, start=1):
        if line.kind == BATCH_CONTROL:
            yield lines[start:place]
            start = place


def _batch(lines: Sequence[Line]) -> tuple[list[ReturnedEntry], _Sums]:
    """Read one batch, and hold its control against it."""
    batch, *body, control = lines
    _check_batch_header(batch)
    entries: list[ReturnedEntry] = []
    seen: set[str] = set()
    for line, addenda in zip(body[::2], body[1::2], strict=True):
        entry = _entry(line, addenda, batch)
        if entry.trace_number in seen:
            raise line.wrong("Trace Number", "it is in the batch twice")
        seen.add(entry.trace_number)
        entries.append(entry)
    sums = _Sums(
        lines=len(body),
        prefixes=sum(line.number_in("Receiving DFI Identification") for line in body[::2]),
        debit=total(one.amount for one in entries if one.is_debit),
        credit=total(one.amount for one in entries if not one.is_debit),
    )
    same = ("Service Class Code", "Company Identification", "Originating DFI Identification")
    control.expect(
        sums.values()
        | {name: batch[name] for name in same}
        | {"Reserved": "", "Batch Number": batch["Batch Number"]}
    )
    return entries, sums


def read_returns(content: bytes) -> ReturnFile:
    """Read a file of returns and changes, refusing it where it contradicts itself.

    Lines may end as Windows ends them, and fillers may be left out; a file without a batch says
    that nothing came back. Codes that we do not know are kept: a person decides on them.

    Raises:
        BadInput: one line that names the line of the file and the Nacha field.
    """
    file, *body, file_control = in_order(split(_unix(content)), _ORDER)
    _check_file_header(file)
    entries: list[ReturnedEntry] = []
    sums, count = _Sums(), 0
    for count, batch in enumerate(_batches(body), start=1):  # noqa: B007 - the last one is used
        found, subtotal = _batch(batch)
        entries += found
        sums += subtotal
    blocks = -(-file_control.number // BLOCKING_FACTOR)
    file_control.expect_whole(sums.values() | {"Batch Count": count, "Block Count": blocks})
    return ReturnFile(
        created_on=file.day("File Creation Date"),
        file_id_modifier=file["File ID Modifier"],
        entries=tuple(entries),
        total_credit=sums.credit,
        total_debit=sums.debit,
        batch_count=count,
        companies=frozenset(
            line["Company Identification"].strip() for line in body if line.kind == BATCH_HEADER
        ),
    )


@dataclass(frozen=True, slots=True)
class Correction:
    """What a change puts right; what is None stays as it was."""

    routing_number: str | None = None
    account_number: Secret | None = None
    account_kind: AccountKind | None = None


# Change code -> where in the corrected data routing number, account and transaction code stand.
_ROUTING, _ACCOUNT, _TRANSACTION = "routing", "account", "transaction"
_STANDS = {
    "C01": ((_ACCOUNT, 0, 17),),
    "C02": ((_ROUTING, 0, 9),),
    "C03": ((_ROUTING, 0, 9), (_ACCOUNT, 12, 29)),
    "C05": ((_TRANSACTION, 0, 2),),
    "C06": ((_ACCOUNT, 0, 17), (_TRANSACTION, 20, 22)),
    "C07": ((_ROUTING, 0, 9), (_ACCOUNT, 9, 26), (_TRANSACTION, 26, 28)),
}


def corrected(code: str, data: Secret, *, on: date) -> Correction | None:
    """Give what a change puts right, None when a person must read it (P-86).

    It is read only where each part stands in its place, nothing stands beside them, a routing
    number has its check digit, and a transaction code is one of a checking or savings account.
    """
    if code not in _STANDS or not corrects(code, on=on):
        return None
    text = f"{data.value:<29.29}"
    if len(data.value.rstrip()) > 29:
        return None
    parts = {part: text[start:end].rstrip() for part, start, end in _STANDS[code]}
    between = list(text)
    for _, start, end in _STANDS[code]:
        between[start:end] = " " * (end - start)
    routing, account = parts.get(_ROUTING), parts.get(_ACCOUNT)
    transaction = parts.get(_TRANSACTION)
    kind = None
    if transaction is not None:
        if not re.fullmatch(r"[23][2-478]", transaction):
            return None
        kind = _ACCOUNT_KINDS[transaction[0]]
    if (
        "".join(between).strip()
        or (routing is not None and not is_routing_number(routing))
        or (account is not None and not ACCOUNT.fullmatch(account))
    ):
        return None
    return Correction(routing, None if account is None else Secret(account), kind)
