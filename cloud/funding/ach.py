"""The bank file: corporate credits in the Nacha format, written, read back and judged strictly.

Record layouts and field names: Nacha Operating Rules, Appendix Three (ACH Record Format
Specifications). One file holds one batch of CCD credits (service class 220); it is unbalanced, so
the bank books the offsetting debit itself. Files with returns are not read here.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cloud.funding.policy import F04
from cloud.kernel.calendar import EASTERN, is_banking_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money, total

RECORD_SIZE, BLOCKING_FACTOR = 94, 10
MAX_ENTRY = Money(99_999_999_99)
MAX_ENTRIES = 9_999
FILLER = "9" * RECORD_SIZE

FILE_HEADER, BATCH_HEADER, ENTRY, ADDENDA, BATCH_CONTROL, FILE_CONTROL = "156789"
_NEXT = {
    "": FILE_HEADER,
    FILE_HEADER: BATCH_HEADER,
    BATCH_HEADER: ENTRY,
    ENTRY: ENTRY + ADDENDA + BATCH_CONTROL,
    ADDENDA: ENTRY + BATCH_CONTROL,
    BATCH_CONTROL: FILE_CONTROL,
}

# Record type -> (field name, length). Every record is 94 characters; numbers are right-justified
# with zeros, text is left-justified with blanks.
_LAYOUTS: Mapping[str, tuple[tuple[str, int], ...]] = {
    FILE_HEADER: (
        ("Record Type Code", 1),
        ("Priority Code", 2),
        ("Immediate Destination", 10),
        ("Immediate Origin", 10),
        ("File Creation Date", 6),
        ("File Creation Time", 4),
        ("File ID Modifier", 1),
        ("Record Size", 3),
        ("Blocking Factor", 2),
        ("Format Code", 1),
        ("Immediate Destination Name", 23),
        ("Immediate Origin Name", 23),
        ("Reference Code", 8),
    ),
    BATCH_HEADER: (
        ("Record Type Code", 1),
        ("Service Class Code", 3),
        ("Company Name", 16),
        ("Company Discretionary Data", 20),
        ("Company Identification", 10),
        ("Standard Entry Class Code", 3),
        ("Company Entry Description", 10),
        ("Company Descriptive Date", 6),
        ("Effective Entry Date", 6),
        ("Settlement Date (Julian)", 3),
        ("Originator Status Code", 1),
        ("Originating DFI Identification", 8),
        ("Batch Number", 7),
    ),
    ENTRY: (
        ("Record Type Code", 1),
        ("Transaction Code", 2),
        ("Receiving DFI Identification", 8),
        ("Check Digit", 1),
        ("DFI Account Number", 17),
        ("Amount", 10),
        ("Identification Number", 15),
        ("Receiving Company Name", 22),
        ("Discretionary Data", 2),
        ("Addenda Record Indicator", 1),
        ("Trace Number", 15),
    ),
    ADDENDA: (
        ("Record Type Code", 1),
        ("Addenda Type Code", 2),
        ("Payment Related Information", 80),
        ("Addenda Sequence Number", 4),
        ("Entry Detail Sequence Number", 7),
    ),
    BATCH_CONTROL: (
        ("Record Type Code", 1),
        ("Service Class Code", 3),
        ("Entry/Addenda Count", 6),
        ("Entry Hash", 10),
        ("Total Debit Entry Dollar Amount", 12),
        ("Total Credit Entry Dollar Amount", 12),
        ("Company Identification", 10),
        ("Message Authentication Code", 19),
        ("Reserved", 6),
        ("Originating DFI Identification", 8),
        ("Batch Number", 7),
    ),
    FILE_CONTROL: (
        ("Record Type Code", 1),
        ("Batch Count", 6),
        ("Block Count", 6),
        ("Entry/Addenda Count", 8),
        ("Entry Hash", 10),
        ("Total Debit Entry Dollar Amount", 12),
        ("Total Credit Entry Dollar Amount", 12),
        ("Reserved", 39),
    ),
}

_LETTERS = str.maketrans({"Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Þ": "TH", "Ð": "D"})
_NOT_ALLOWED = re.compile(r"[^A-Z0-9 .,&'()*+/#$%:;@_=?!\\-]")
_ACCOUNT = re.compile(r"[A-Z0-9][A-Z0-9-]{0,16}")
_ORIGIN = re.compile(r"[A-Z0-9]{10}| \d{9}")


def transliterated(text: str) -> str:
    """Give the text in the upper-case ASCII that banks accept; what has no letter is a blank."""
    plain = unicodedata.normalize("NFKD", text.upper().translate(_LETTERS))
    plain = "".join(mark for mark in plain if not unicodedata.combining(mark)).upper()
    return " ".join(_NOT_ALLOWED.sub(" ", plain).split())


def is_routing_number(number: str) -> bool:
    """Tell whether nine digits end with the right check digit (weights 3, 7, 1 modulo 10)."""
    return bool(re.fullmatch(r"[0-9]{9}", number)) and (
        sum(int(digit) * (3, 7, 1)[place % 3] for place, digit in enumerate(number)) % 10 == 0
    )


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
        if not _ORIGIN.fullmatch(self.origin):
            msg = f"originator: Immediate Origin {self.origin!r} is not ten capitals or digits"
            raise BadInput(msg)
        if not re.fullmatch(r"[A-Z0-9]{10}", self.company_identification):
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


@dataclass(frozen=True, slots=True)
class Credit:
    """One payment of the file.

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

    def __repr__(self) -> str:
        return f"Credit({self.identification!r}, {self.amount})"


@dataclass(frozen=True, slots=True)
class Controls:
    """The sums by which a bank checks a file of credits."""

    entry_addenda_count: int
    entry_hash: str
    total_credit: Money
    block_count: int

    @property
    def line_count(self) -> int:
        """Lines of the file, fillers included."""
        return self.block_count * BLOCKING_FACTOR


def controls(entries: Sequence[tuple[str, Money, bool]]) -> Controls:
    """Sum entries given as routing number, amount and whether an addenda follows (F04).

    The hash is the sum of the first eight digits of the routing numbers, its last ten digits.
    """
    count = sum(2 if has_addenda else 1 for _, _, has_addenda in entries)
    hashed = sum(int(routing[:8]) for routing, _, _ in entries if routing[:8].isdigit())
    return Controls(
        entry_addenda_count=count,
        entry_hash=f"{hashed:010d}"[-10:],
        total_credit=total(amount for _, amount, _ in entries),
        block_count=-(-(count + 4) // BLOCKING_FACTOR),
    )


def trace_number(originator: Originator, sequence: int, place: int) -> str:
    """Give the trace number of the entry at that place, from one, of the run with that sequence.

    Eight digits of the originating bank, three of the run, four of the entry: a number comes back
    only after a thousand runs, long after the last return of the first.
    """
    return f"{originator.bank_routing_number[:8]}{sequence % 1_000:03d}{place:04d}"


def _check(credit: Credit) -> None:
    wrong = ""
    if not is_routing_number(credit.routing_number):
        wrong = "Receiving DFI Identification: not nine digits with their check digit"
    elif not _ACCOUNT.fullmatch(credit.account_number):
        wrong = "DFI Account Number: not 1 to 17 capitals, digits or dashes"
    elif not Money(0) < credit.amount <= MAX_ENTRY:
        wrong = f"Amount: {credit.amount} is not above zero and at most {MAX_ENTRY}"
    elif not 0 < len(transliterated(credit.identification)) <= 15:
        wrong = "Identification Number: not 1 to 15 characters"
    elif not transliterated(credit.name):
        wrong = "Receiving Company Name: blank"
    elif len(transliterated(credit.note)) > 80:
        wrong = "Payment Related Information: more than 80 characters"
    if wrong:
        msg = f"payment of {credit.identification}: {wrong}"
        raise BadInput(msg)


def _record(kind: str, values: Mapping[str, str | int]) -> str:
    """Lay out one record: numbers to the right with zeros, text to the left, cut to its field."""
    parts = [kind]
    for field, length in _LAYOUTS[kind][1:]:
        value = values.get(field, "")
        if isinstance(value, int):
            text = f"{value:0{length}d}"
            if len(text) > length:
                msg = f"bank file, {field}: {value} needs more than {length} digits"
                raise BadInput(msg)
        else:
            text = f"{value:<{length}.{length}}"
        parts.append(text)
    return "".join(parts)


def _records(
    originator: Originator,
    credits_: Sequence[Credit],
    *,
    created: datetime,
    effective: date,
    run: str,
    sequence: int,
) -> Iterator[str]:
    sums = controls([(one.routing_number, one.amount, bool(one.note)) for one in credits_])
    yield _record(
        FILE_HEADER,
        {
            "Priority Code": "01",
            "Immediate Destination": f" {originator.bank_routing_number}",
            "Immediate Origin": originator.origin,
            "File Creation Date": f"{created:%y%m%d}",
            "File Creation Time": f"{created:%H%M}",
            "File ID Modifier": "A",
            "Record Size": f"{RECORD_SIZE:03d}",
            "Blocking Factor": f"{BLOCKING_FACTOR}",
            "Format Code": "1",
            "Immediate Destination Name": transliterated(originator.bank_name),
            "Immediate Origin Name": transliterated(originator.name),
            "Reference Code": f"{sequence % 1_000:08d}",
        },
    )
    batch: dict[str, str | int] = {
        "Service Class Code": "220",
        "Company Identification": originator.company_identification,
        "Originating DFI Identification": originator.bank_routing_number[:8],
        "Batch Number": 1,
    }
    yield _record(
        BATCH_HEADER,
        batch
        | {
            "Company Name": transliterated(originator.name),
            "Company Discretionary Data": transliterated(run),
            "Standard Entry Class Code": F04.on(effective),
            "Company Entry Description": transliterated(originator.entry_description),
            "Company Descriptive Date": f"{effective:%y%m%d}",
            "Effective Entry Date": f"{effective:%y%m%d}",
            "Originator Status Code": "1",
        },
    )
    for place, credit in enumerate(credits_, start=1):
        trace = trace_number(originator, sequence, place)
        yield _record(
            ENTRY,
            {
                "Transaction Code": "22",
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
            yield _record(
                ADDENDA,
                {
                    "Addenda Type Code": "05",
                    "Payment Related Information": transliterated(credit.note),
                    "Addenda Sequence Number": 1,
                    "Entry Detail Sequence Number": trace[-7:],
                },
            )
    totals: dict[str, str | int] = {
        "Entry/Addenda Count": sums.entry_addenda_count,
        "Entry Hash": sums.entry_hash,
        "Total Debit Entry Dollar Amount": 0,
        "Total Credit Entry Dollar Amount": sums.total_credit.cents,
    }
    yield _record(BATCH_CONTROL, batch | totals)
    yield _record(FILE_CONTROL, totals | {"Batch Count": 1, "Block Count": sums.block_count})


def build(
    originator: Originator,
    credits_: Sequence[Credit],
    *,
    created_at: datetime,
    effective_on: date,
    run: str,
    sequence: int,
) -> bytes:
    """Write the bank file; the same arguments give the same bytes (F04).

    The creation time is shown on the Eastern clock. Settlement Date is left to the bank.

    Raises:
        BadInput: an entry cannot be paid as it is, a receiver is there twice, there are no entries
            or too many, or banks do not settle on the effective day.
    """
    if not 0 < len(credits_) <= MAX_ENTRIES:
        msg = f"bank file of {run}: {len(credits_)} entries are not between 1 and {MAX_ENTRIES}"
        raise BadInput(msg)
    if not is_banking_day(effective_on):
        msg = f"bank file of {run}, Effective Entry Date: banks are closed on {effective_on}"
        raise BadInput(msg)
    seen = set()
    for credit in credits_:
        _check(credit)
        if credit.identification in seen:
            msg = f"payment of {credit.identification}: it is in the file twice"
            raise BadInput(msg)
        seen.add(credit.identification)
    lines = list(
        _records(
            originator,
            credits_,
            created=created_at.astimezone(EASTERN),
            effective=effective_on,
            run=run,
            sequence=sequence,
        )
    )
    lines += [FILLER] * (-len(lines) % BLOCKING_FACTOR)
    return "".join(f"{line}\n" for line in lines).encode("ascii")


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """An entry as it stands in a file, with the line it stands on."""

    line: int
    trace_number: str
    credit: Credit


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file of ours that was read back and found right in every character."""

    company_name: str
    run: str
    effective_on: date
    entries: tuple[ReadEntry, ...]
    controls: Controls

    def entry(self, trace: str) -> ReadEntry | None:
        """Give the entry with that trace number, or None."""
        return next((entry for entry in self.entries if entry.trace_number == trace), None)


class _Line:
    """One record being read: its fields by name, its complaints with line and field."""

    def __init__(self, number: int, text: str) -> None:
        self.number, self.text, self.kind = number, text, text[0]
        self._fields: dict[str, str] = {}
        start = 0
        for field, length in _LAYOUTS[self.kind]:
            self._fields[field] = text[start : start + length]
            start += length

    def __getitem__(self, field: str) -> str:
        return self._fields[field]

    def wrong(self, field: str, why: str) -> BadInput:
        return BadInput(f"line {self.number}, {field}: {why}")

    def number_in(self, field: str) -> int:
        if not re.fullmatch(r"[0-9]+", self[field]):
            raise self.wrong(field, "not all digits")
        return int(self[field])

    def expect(self, values: Mapping[str, str | int]) -> None:
        """Compare the whole record with what it should be; the first field that differs is named.

        An account number is not repeated in the complaint.
        """
        should = _Line(self.number, _record(self.kind, values))
        for field, _ in _LAYOUTS[self.kind]:
            if self[field] != should[field]:
                raise self.wrong(field, f"{self[field]!r} where {should[field]!r} should stand")


def _lines(content: bytes) -> list[_Line]:
    """Check what holds for every file: characters, length of records, blocks, order."""
    if not content.endswith(b"\n"):
        msg = f"line {content.count(10) + 1}, Record Size: the last line does not end"
        raise BadInput(msg)
    texts = content[:-1].split(b"\n")
    for number, raw in enumerate(texts, start=1):
        if len(raw) != RECORD_SIZE:
            msg = f"line {number}, Record Size: {len(raw)} characters where 94 should stand"
            raise BadInput(msg)
        if not all(32 <= octet < 127 for octet in raw):
            msg = f"line {number}, Record Type Code: it holds a character that is not ASCII"
            raise BadInput(msg)
    if len(texts) % BLOCKING_FACTOR:
        msg = f"line {len(texts)}, Blocking Factor: {len(texts)} lines are not blocks of ten"
        raise BadInput(msg)
    lines: list[_Line] = []
    before = ""
    for number, text in enumerate((raw.decode("ascii") for raw in texts), start=1):
        if before == FILE_CONTROL:
            if text != FILLER:
                msg = f"line {number}, Record Type Code: only fillers may follow the file control"
                raise BadInput(msg)
            continue
        if text[0] not in _NEXT[before] or text == FILLER:
            msg = f"line {number}, Record Type Code: {text[0]} cannot follow {before or 'nothing'}"
            raise BadInput(msg)
        before = text[0]
        lines.append(_Line(number, text))
    if before != FILE_CONTROL:
        msg = f"line {len(texts)}, Record Type Code: the file has no file control record"
        raise BadInput(msg)
    if len(texts) - len(lines) >= BLOCKING_FACTOR:
        msg = f"line {len(texts)}, Blocking Factor: there is a whole block of fillers too many"
        raise BadInput(msg)
    return lines


def _day(line: _Line, field: str) -> date:
    found = re.fullmatch(r"([0-9]{2})([0-9]{2})([0-9]{2})", line[field])
    try:
        if found is None:
            raise ValueError  # noqa: TRY301 - one complaint for both
        return date(2000 + int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise line.wrong(field, f"{line[field]!r} is not a date") from None


def _check_headers(file: _Line, batch: _Line) -> date:
    """Check what a header says by itself, and give the effective day."""
    _day(file, "File Creation Date")
    if not re.fullmatch(r"([01][0-9]|2[0-3])[0-5][0-9]", file["File Creation Time"]):
        raise file.wrong("File Creation Time", f"{file['File Creation Time']!r} is not a time")
    if not re.fullmatch(r"[A-Z0-9]", file["File ID Modifier"]):
        raise file.wrong("File ID Modifier", "not a capital or a digit")
    if not is_routing_number(file["Immediate Destination"][1:]):
        raise file.wrong("Immediate Destination", "the check digit is wrong")
    if not _ORIGIN.fullmatch(file["Immediate Origin"]):
        raise file.wrong("Immediate Origin", "not ten capitals or digits")
    for field in ("Company Name", "Company Identification", "Company Entry Description"):
        if not batch[field].strip():
            raise batch.wrong(field, "blank")
    for line in (file, batch):
        for field, _ in _LAYOUTS[line.kind]:
            if line[field] != line[field].upper() or (
                field.endswith("Name") and line[field].startswith(" ")
            ):
                raise line.wrong(field, "not upper-case text to the left")
    effective = _day(batch, "Effective Entry Date")
    if not is_banking_day(effective):
        raise batch.wrong("Effective Entry Date", f"banks are closed on {effective}")
    file.expect(
        {field: file[field] for field, _ in _LAYOUTS[FILE_HEADER]}
        | {
            "Priority Code": "01",
            "Immediate Destination": f" {file['Immediate Destination'][1:]}",
            "Record Size": "094",
            "Blocking Factor": "10",
            "Format Code": "1",
        }
    )
    batch.expect(
        {field: batch[field] for field, _ in _LAYOUTS[BATCH_HEADER]}
        | {
            "Service Class Code": "220",
            "Standard Entry Class Code": F04.on(effective),
            "Company Descriptive Date": batch["Effective Entry Date"],
            "Settlement Date (Julian)": "",
            "Originator Status Code": "1",
            "Originating DFI Identification": file["Immediate Destination"][1:9],
            "Batch Number": 1,
        }
    )
    return effective


def _entry(line: _Line, addenda: _Line | None, *, odfi: str, previous: int) -> ReadEntry:
    """Read one entry with its addenda, if one follows."""
    routing = f"{line['Receiving DFI Identification']}{line['Check Digit']}"
    if not is_routing_number(routing):
        raise line.wrong("Check Digit", "it does not fit the Receiving DFI Identification")
    account = line["DFI Account Number"].rstrip()
    if not _ACCOUNT.fullmatch(account):
        raise line.wrong("DFI Account Number", "not 1 to 17 capitals, digits or dashes")
    amount = Money(line.number_in("Amount"))
    if not amount:
        raise line.wrong("Amount", "zero; a payment of nothing is not sent")
    for field in ("Identification Number", "Receiving Company Name"):
        if not line[field].strip() or line[field].rstrip() != transliterated(line[field]):
            raise line.wrong(field, "blank, or not upper-case text to the left")
    sequence = line.number_in("Trace Number")
    if line["Trace Number"][:8] != odfi or sequence <= previous:
        raise line.wrong("Trace Number", "another bank's, or not above the one before it")
    line.expect(
        {field: line[field] for field, _ in _LAYOUTS[ENTRY]}
        | {
            "Transaction Code": "22",
            "Discretionary Data": "",
            "Addenda Record Indicator": int(addenda is not None),
        }
    )
    note = ""
    if addenda is not None:
        note = addenda["Payment Related Information"].rstrip()
        if not note or note != transliterated(note):
            raise addenda.wrong("Payment Related Information", "blank, or not upper-case text")
        addenda.expect(
            {
                "Addenda Type Code": "05",
                "Payment Related Information": note,
                "Addenda Sequence Number": 1,
                "Entry Detail Sequence Number": line["Trace Number"][-7:],
            }
        )
    return ReadEntry(
        line.number,
        line["Trace Number"],
        Credit(
            routing,
            account,
            amount,
            line["Identification Number"].rstrip(),
            line["Receiving Company Name"].rstrip(),
            note,
        ),
    )


def _entries(lines: Sequence[_Line], *, odfi: str) -> Iterator[ReadEntry]:
    seen: set[str] = set()
    previous = 0
    for place, line in enumerate(lines):
        if line.kind == ENTRY:
            after = lines[place + 1] if place + 1 < len(lines) else None
            addenda = after if after is not None and after.kind == ADDENDA else None
            entry = _entry(line, addenda, odfi=odfi, previous=previous)
            if entry.credit.identification in seen:
                raise line.wrong("Identification Number", "the receiver is in the file twice")
            seen.add(entry.credit.identification)
            previous = int(entry.trace_number)
            yield entry


def read(content: bytes) -> BankFile:
    """Read a file of ours, refusing it at the first character that cannot be right.

    Raises:
        BadInput: one line that names the line of the file and the Nacha field.
    """
    lines = _lines(content)
    file, batch, *body, batch_control, file_control = lines
    effective = _check_headers(file, batch)
    odfi = batch["Originating DFI Identification"]
    entries = tuple(_entries(body, odfi=odfi))
    sums = controls(
        [(one.credit.routing_number, one.credit.amount, bool(one.credit.note)) for one in entries]
    )
    totals: dict[str, str | int] = {
        "Entry/Addenda Count": sums.entry_addenda_count,
        "Entry Hash": sums.entry_hash,
        "Total Debit Entry Dollar Amount": 0,
        "Total Credit Entry Dollar Amount": sums.total_credit.cents,
    }
    batch_control.expect(
        totals
        | {
            "Service Class Code": "220",
            "Company Identification": batch["Company Identification"],
            "Originating DFI Identification": odfi,
            "Batch Number": 1,
        }
    )
    file_control.expect(totals | {"Batch Count": 1, "Block Count": sums.block_count})
    return BankFile(
        company_name=batch["Company Name"].rstrip(),
        run=batch["Company Discretionary Data"].rstrip(),
        effective_on=effective,
        entries=entries,
        controls=sums,
    )
