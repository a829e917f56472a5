"""The records of a Nacha file: their fields, how one is laid out, and how lines become records.

Record layouts and field names: Nacha Operating Rules, Appendix Three (ACH Record Format
Specifications); the addenda of returns and changes: Appendices Four and Five.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from cloud.kernel.errors import BadInput

RECORD_SIZE, BLOCKING_FACTOR = 94, 10
FILLER = "9" * RECORD_SIZE
MAX_OCTETS = 10_000_000
"""A larger file is no bank file of this trade: it is refused before it is taken apart."""

FILE_HEADER, BATCH_HEADER, ENTRY, ADDENDA, BATCH_CONTROL, FILE_CONTROL = "156789"
CHANGE_ADDENDA, RETURN_ADDENDA = "798", "799"

Order = Mapping[str, str]
"""Record type -> the types that may follow it; nothing at all is the empty type."""

# Layout -> (field name, length). Every record is 94 characters; numbers are right-justified with
# zeros, text is left-justified with blanks. A layout is named by the first characters of its
# record.
LAYOUTS: Mapping[str, tuple[tuple[str, int], ...]] = {
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
    RETURN_ADDENDA: (
        ("Record Type Code", 1),
        ("Addenda Type Code", 2),
        ("Return Reason Code", 3),
        ("Original Entry Trace Number", 15),
        ("Date of Death", 6),
        ("Original Receiving DFI Identification", 8),
        ("Addenda Information", 44),
        ("Trace Number", 15),
    ),
    CHANGE_ADDENDA: (
        ("Record Type Code", 1),
        ("Addenda Type Code", 2),
        ("Change Code", 3),
        ("Original Entry Trace Number", 15),
        ("Reserved", 6),
        ("Original Receiving DFI Identification", 8),
        ("Corrected Data", 29),
        ("Reserved after Corrected Data", 15),
        ("Trace Number", 15),
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


def _places(layout: Sequence[tuple[str, int]]) -> dict[str, slice]:
    found, start = {}, 0
    for field, length in layout:
        found[field] = slice(start, start + length)
        start += length
    return found


_PLACES: Mapping[str, Mapping[str, slice]] = {
    kind: _places(layout) for kind, layout in LAYOUTS.items()
}
SECRET_FIELDS = frozenset({"DFI Account Number", "Corrected Data"})
"""Fields that no complaint repeats."""

Values = Mapping[str, str | int]


def laid_out(field: str, length: int, value: str | int) -> str:
    """Lay out one field: a number to the right with zeros, text to the left, cut to its field.

    Raises:
        BadInput: the number needs more digits.
    """
    if isinstance(value, str):
        return f"{value:<{length}.{length}}"
    text = f"{value:0{length}d}"
    if len(text) > length:
        msg = f"bank file, {field}: {value} needs more than {length} digits"
        raise BadInput(msg)
    return text


def record(kind: str, values: Values) -> str:
    """Lay out one record; a field without a value is blank."""
    return kind[0] + "".join(
        laid_out(field, length, values.get(field, "")) for field, length in LAYOUTS[kind][1:]
    )


class Line:
    """One record being read: its fields by name, its complaints with line and field."""

    __slots__ = ("_layout", "_places", "kind", "number", "text")

    def __init__(self, number: int, text: str, layout: str = "") -> None:
        self.number, self.text, self.kind = number, text, text[0]
        self._layout = LAYOUTS[layout or self.kind]
        self._places = _PLACES[layout or self.kind]

    def __getitem__(self, field: str) -> str:
        return self.text[self._places[field]]

    def wrong(self, field: str, why: str) -> BadInput:
        """Give the complaint about one field, to be raised."""
        return BadInput(f"line {self.number}, {field}: {why}")

    def digits(self, field: str) -> str:
        """Give a field that holds digits only.

        Raises:
            BadInput: it does not.
        """
        text = self[field]
        if not (text.isascii() and text.isdigit()):
            raise self.wrong(field, "not all digits")
        return text

    def number_in(self, field: str) -> int:
        """Give the number that a field of digits holds."""
        return int(self.digits(field))

    def one_of(self, field: str, values: Sequence[str]) -> str:
        """Give a field that holds one of these values.

        Raises:
            BadInput: it does not.
        """
        if self[field] not in values:
            raise self.wrong(field, f"{self[field]!r} where {' or '.join(values)} should stand")
        return self[field]

    def expect(self, values: Values) -> None:
        """Compare the named fields with what they should be; the first that differs is named.

        Raises:
            BadInput: one differs; a secret one is not repeated.
        """
        for field, length in self._layout:
            if field in values:
                should = laid_out(field, length, values[field])
                if self[field] != should:
                    shown = "" if field in SECRET_FIELDS else f"{self[field]!r} where "
                    raise self.wrong(field, f"{shown}{should!r} should stand")

    def expect_whole(self, values: Values) -> None:
        """Compare all fields but the type; one that is not named must be blank."""
        self.expect({field: values.get(field, "") for field, _ in self._layout[1:]})

    def day(self, field: str) -> date:
        """Give the day that a field holds as year, month and day of this century.

        Raises:
            BadInput: it is none.
        """
        found = re.fullmatch(r"([0-9]{2})([0-9]{2})([0-9]{2})", self[field])
        try:
            if found is None:
                raise ValueError  # noqa: TRY301 - one complaint for both
            return date(2000 + int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            raise self.wrong(field, f"{self[field]!r} is not a date") from None


def check_size(content: bytes) -> None:
    """Refuse what is too large to be looked at.

    Raises:
        BadInput: it has more than ten million octets.
    """
    if len(content) > MAX_OCTETS:
        msg = f"line 1, Record Size: {len(content)} octets are more than a bank file has"
        raise BadInput(msg)


def split(content: bytes) -> list[str]:
    """Cut a file into its lines: 94 printable ASCII characters and a line feed each.

    Raises:
        BadInput: a line is not so.
    """
    check_size(content)
    if not content.endswith(b"\n"):
        msg = f"line {content.count(10) + 1}, Record Size: the last line does not end"
        raise BadInput(msg)
    return list(_split(content))


def _split(content: bytes) -> Iterator[str]:
    start, number = 0, 0
    while start < len(content):
        number += 1
        end = content.index(b"\n", start)
        raw = content[start:end]
        start = end + 1
        if len(raw) != RECORD_SIZE:
            msg = f"line {number}, Record Size: {len(raw)} characters where 94 should stand"
            raise BadInput(msg)
        # Printable by Python is letters of all alphabets: asked of ASCII only, it is 32 to 126.
        text = raw.decode("latin-1")
        if not (text.isascii() and text.isprintable()):
            msg = f"line {number}, Record Type Code: it holds a character that is not ASCII text"
            raise BadInput(msg)
        yield text


def in_order(texts: Sequence[str], order: Order) -> list[Line]:
    """Give the records up to the file control, each one after what it may follow.

    Raises:
        BadInput: one stands where it cannot, or what follows the control is no filler.
    """
    lines: list[Line] = []
    before = ""
    for number, text in enumerate(texts, start=1):
        if before == FILE_CONTROL:
            if text != FILLER:
                msg = f"line {number}, Record Type Code: only fillers may follow the file control"
                raise BadInput(msg)
            continue
        if text[0] not in order[before] or text == FILLER:
            msg = f"line {number}, Record Type Code: {text[0]} cannot follow {before or 'nothing'}"
            raise BadInput(msg)
        before = text[0]
        lines.append(Line(number, text))
    if before != FILE_CONTROL:
        msg = f"line {len(texts)}, Record Type Code: the file has no file control record"
        raise BadInput(msg)
    if len(texts) - len(lines) >= BLOCKING_FACTOR:
        msg = f"line {len(texts)}, Blocking Factor: there is a whole block of fillers too many"
        raise BadInput(msg)
    return lines


def is_time(text: str) -> bool:
    """Tell whether four digits are an hour and a minute."""
    return bool(re.fullmatch(r"([01][0-9]|2[0-3])[0-5][0-9]", text))


def check_header(file: Line) -> None:
    """Check what the file header of everybody's file says of itself.

    Raises:
        BadInput: a constant is another one, or a date or an hour cannot be.
    """
    file.expect(
        {
            "Priority Code": "01",
            "Record Size": "094",
            "Blocking Factor": "10",
            "Format Code": "1",
        }
    )
    file.day("File Creation Date")
    if not re.fullmatch(r"[A-Z0-9]", file["File ID Modifier"]):
        raise file.wrong("File ID Modifier", "not a capital or a digit")
