"""Reading a bank file of ours back, and judging it in every character."""

from collections.abc import Iterator, Sequence
from datetime import date

from cloud.funding.ach.characters import (
    ACCOUNT,
    COMPANY_ID,
    ORIGIN,
    is_text_to_the_left,
)
from cloud.funding.ach.entries import (
    BLOCK,
    PLACES,
    REVERSAL,
    SERVICE_CLASS,
    TRANSACTION_CODE,
    BankFile,
    Credit,
    FileKind,
    ReadEntry,
)
from cloud.funding.ach.layouts import (
    ADDENDA,
    BATCH_CONTROL,
    BATCH_HEADER,
    BLOCKING_FACTOR,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    Line,
    check_header,
    in_order,
    is_time,
    split,
)
from cloud.funding.ach.writing import descriptive_date, settles_same_day, sums_of, totals_of
from cloud.funding.policy import F03, F04, FIRST_DAY
from cloud.kernel.calendar import is_banking_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.kernel.routing import is_routing_number
from cloud.portfolio.models import AccountKind

UNCHECKED = {
    FILE_HEADER: (
        "Immediate Destination Name",
        "File Creation Date",
        "File Creation Time",
        "File ID Modifier",
        "Immediate Origin",
        "Immediate Origin Name",  # after the sixteen characters that are the Company Name too
    ),
    BATCH_HEADER: ("Company Discretionary Data", "Company Entry Description"),
    ENTRY: ("DFI Account Number", "Identification Number", "Receiving Company Name"),
    ADDENDA: ("Payment Related Information",),
}
"""Fields in which a file can be changed and still be one that we might have written.

The format has no sum over them: that the file is ours to the last character, its hash in the run
says.
"""

_ORDER = {
    "": FILE_HEADER,
    FILE_HEADER: BATCH_HEADER,
    BATCH_HEADER: ENTRY,
    ENTRY: ENTRY + ADDENDA + BATCH_CONTROL,
    ADDENDA: ENTRY + BATCH_CONTROL,
    BATCH_CONTROL: FILE_CONTROL,
}
_TEXTS = (
    (FILE_HEADER, "Immediate Destination Name"),
    (FILE_HEADER, "Immediate Origin Name"),
    (BATCH_HEADER, "Company Name"),
    (BATCH_HEADER, "Company Discretionary Data"),
    (BATCH_HEADER, "Company Entry Description"),
)


def _kind(batch: Line, first_entry: Line) -> FileKind:
    """Tell what the file does: its description and its first entry say so."""
    if batch["Company Entry Description"].rstrip() == REVERSAL:
        return FileKind.REVERSALS
    asks = {TRANSACTION_CODE[FileKind.PRENOTES, kind] for kind in AccountKind}
    return FileKind.PRENOTES if first_entry["Transaction Code"] in asks else FileKind.PAYMENTS


def _check_headers(file: Line, batch: Line, kind: FileKind) -> date:
    """Check what a header says by itself, and give the effective day (F04)."""
    check_header(file)
    if not is_time(file["File Creation Time"]):
        raise file.wrong("File Creation Time", f"{file['File Creation Time']!r} is not a time")
    if not is_routing_number(file["Immediate Destination"][1:]):
        raise file.wrong("Immediate Destination", "the check digit is wrong")
    file.expect({"Immediate Destination": f" {file['Immediate Destination'][1:]}"})
    if not ORIGIN.fullmatch(file["Immediate Origin"]):
        raise file.wrong("Immediate Origin", "not ten capitals or digits")
    for record_type, field in _TEXTS:
        line = file if record_type == FILE_HEADER else batch
        if not line[field].strip() and field != "Company Discretionary Data":
            raise line.wrong(field, "blank")
        if not is_text_to_the_left(line[field]):
            raise line.wrong(field, "not upper-case text to the left")
    batch.expect(
        {
            "Service Class Code": SERVICE_CLASS[kind],
            "Company Name": file["Immediate Origin Name"][:16],
        }
    )
    if not COMPANY_ID.fullmatch(batch["Company Identification"]):
        raise batch.wrong("Company Identification", "not ten capitals or digits")
    effective = batch.day("Effective Entry Date")
    if effective < FIRST_DAY:
        raise batch.wrong("Effective Entry Date", f"{effective} is before we paid anybody")
    if not is_banking_day(effective):
        raise batch.wrong("Effective Entry Date", f"banks are closed on {effective}")
    same_day = batch["Company Descriptive Date"].startswith("SD") and kind is FileKind.PAYMENTS
    if same_day and not settles_same_day(file.day("File Creation Date"), effective):
        raise batch.wrong("Effective Entry Date", "not the day on which a same-day file settles")
    batch.expect(
        {
            "Standard Entry Class Code": F04.on(effective),
            "Company Descriptive Date": descriptive_date(effective, is_same_day=same_day),
            "Settlement Date (Julian)": "",
            "Originator Status Code": "1",
            "Originating DFI Identification": file["Immediate Destination"][1:9],
            "Batch Number": 1,
        }
    )
    return effective


def _check_amount(line: Line, kind: FileKind, most: Money | None) -> Money:
    amount = Money(line.number_in("Amount"))
    if kind is FileKind.PRENOTES and amount:
        raise line.wrong("Amount", "not zero; a prenote carries no money")
    if kind is not FileKind.PRENOTES and not amount:
        raise line.wrong("Amount", "zero; a payment of nothing is not sent")
    if most is not None and amount > most:
        raise line.wrong("Amount", f"above {most}, the limit of what settles on the same day")
    return amount


def _note(addenda: Line | None, trace: str) -> str:
    """Read the addenda of an entry; empty where it has none."""
    if addenda is None:
        return ""
    note = addenda["Payment Related Information"]
    if not note.strip() or not is_text_to_the_left(note):
        raise addenda.wrong("Payment Related Information", "blank, or not upper-case text")
    addenda.expect(
        {
            "Addenda Type Code": "05",
            "Addenda Sequence Number": 1,
            "Entry Detail Sequence Number": trace[-7:],
        }
    )
    return note.rstrip()


def _entry(
    line: Line, addenda: Line | None, *, kind: FileKind, most: Money | None, trace: str
) -> ReadEntry:
    """Read one entry with its addenda, if one follows."""
    codes = {TRANSACTION_CODE[kind, account]: account for account in AccountKind}
    account_kind = codes[line.one_of("Transaction Code", tuple(codes))]
    line.digits("Receiving DFI Identification")
    routing = f"{line['Receiving DFI Identification']}{line['Check Digit']}"
    if not is_routing_number(routing):
        raise line.wrong("Check Digit", "it does not fit the Receiving DFI Identification")
    account = line["DFI Account Number"].rstrip()
    if not ACCOUNT.fullmatch(account):
        raise line.wrong("DFI Account Number", "not 1 to 17 capitals, digits or dashes")
    amount = _check_amount(line, kind, most)
    for field in ("Identification Number", "Receiving Company Name"):
        if not line[field].strip() or not is_text_to_the_left(line[field]):
            raise line.wrong(field, "blank, or not upper-case text to the left")
    line.expect(
        {
            "Discretionary Data": "",
            "Addenda Record Indicator": int(addenda is not None),
            "Trace Number": trace,
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
            _note(addenda, trace),
            account_kind,
        ),
    )


def _traces(file: Line, entries: Sequence[Line], kind: FileKind, odfi: str) -> Iterator[str]:
    """Give the trace numbers that the entries should have: one bank, one run, place after place.

    Raises:
        BadInput: the reference of the header is that of none of them, or the first place is not
            one of such entries.
    """
    for line in entries:
        line.digits("Trace Number")
    sequence = f"{file.number_in('Reference Code'):08d}"[-3:]
    file.expect({"Reference Code": f"{int(sequence):08d}"})
    if not any(line["Trace Number"][8:11] == sequence for line in entries):
        raise file.wrong("Reference Code", "no trace number is of that run")
    places, first = PLACES[kind], int(entries[0]["Trace Number"][-4:])
    if first not in places or (kind is FileKind.PAYMENTS and first % BLOCK != places.start):
        raise entries[0].wrong("Trace Number", f"the first of {kind} is not at place {first}")
    if first + len(entries) > places.stop:
        raise entries[-1].wrong("Trace Number", f"more entries than {kind} have places")
    for place in range(first, first + len(entries)):
        yield f"{odfi}{sequence}{place:04d}"


def _entries(
    file: Line, body: Sequence[Line], *, kind: FileKind, odfi: str, most: Money | None
) -> Iterator[ReadEntry]:
    after = {line.number - 1: line for line in body if line.kind == ADDENDA}
    lines = [line for line in body if line.kind == ENTRY]
    seen: set[str] = set()
    for line, trace in zip(lines, _traces(file, lines, kind, odfi), strict=True):
        entry = _entry(line, after.get(line.number), kind=kind, most=most, trace=trace)
        if entry.credit.identification in seen:
            raise line.wrong("Identification Number", "the receiver is in the file twice")
        seen.add(entry.credit.identification)
        yield entry


def read(content: bytes) -> BankFile:
    """Read a file of ours, refusing it at the first character that cannot be right.

    Payments, prenotes and reversals are told apart by what they hold. What a change can still hide
    in is listed in `UNCHECKED`.

    Raises:
        BadInput: one line that names the line of the file and the Nacha field.
    """
    texts = split(content)
    if len(texts) % BLOCKING_FACTOR:
        msg = f"line {len(texts)}, Blocking Factor: {len(texts)} lines are not blocks of ten"
        raise BadInput(msg)
    file, batch, *body, batch_control, file_control = in_order(texts, _ORDER)
    kind = _kind(batch, body[0])
    effective = _check_headers(file, batch, kind)
    is_same_day = batch["Company Descriptive Date"].startswith("SD")
    odfi = batch["Originating DFI Identification"]
    most = F03.on(effective) if is_same_day else None
    entries = tuple(_entries(file, body, kind=kind, odfi=odfi, most=most))
    sums = sums_of(kind, [one.credit for one in entries])
    totals = totals_of(sums)
    batch_control.expect_whole(
        totals
        | {
            "Service Class Code": SERVICE_CLASS[kind],
            "Company Identification": batch["Company Identification"],
            "Originating DFI Identification": odfi,
            "Batch Number": 1,
        }
    )
    file_control.expect_whole(totals | {"Batch Count": 1, "Block Count": sums.block_count})
    return BankFile(
        company_name=batch["Company Name"].rstrip(),
        run=batch["Company Discretionary Data"].rstrip(),
        effective_on=effective,
        entries=entries,
        controls=sums,
        kind=kind,
        is_same_day=is_same_day,
        file_id_modifier=file["File ID Modifier"],
        standard_class=batch["Standard Entry Class Code"],
        company_identification=batch["Company Identification"],
    )
