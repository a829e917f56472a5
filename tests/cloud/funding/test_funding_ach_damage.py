"""A damaged bank file is refused, at its line and by the name of its Nacha field."""

import re
import sys
from dataclasses import asdict

import ach_files as files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.funding import ach
from cloud.funding.ach import layouts
from cloud.kernel.errors import BadInput

GOOD = {
    "payments": files.payments(),
    "same day": files.same_day(),
    "prenotes": files.prenotes(),
    "reversals": files.reversal(traces=["021000022010001", "021000022010002"]),
}
FIELDS = {field for layout in layouts.LAYOUTS.values() for field, _ in layout}
COMPLAINT = re.compile(r"line (\d+), ([^:]+): .+")


def swapped(content: bytes, one: int, other: int) -> bytes:
    lines = files.texts(content)
    lines[one - 1], lines[other - 1] = lines[other - 1], lines[one - 1]
    return "".join(f"{line}\n" for line in lines).encode()


def repeated(content: bytes, number: int) -> bytes:
    """Write a line twice, and leave a filler out."""
    lines = files.texts(content)
    lines.insert(number, lines[number - 1])
    return "".join(f"{line}\n" for line in lines[:-1]).encode()


def rows(name: str, *damage: tuple[bytes, int, str, str]):
    return [
        pytest.param(content, line, field, id=f"{name}: {words}")
        for content, line, field, words in damage
    ]


def at(content: bytes):
    return lambda line, start, text: files.put(content, line, start, text)


pay, ask, back, now = (
    at(GOOD["payments"]),
    at(GOOD["prenotes"]),
    at(GOOD["reversals"]),
    at(GOOD["same day"]),
)
PAY, ASK, BACK = GOOD["payments"], GOOD["prenotes"], GOOD["reversals"]

TABLE = [
    *rows(
        "file",
        (b"", 1, "Record Size", "empty"),
        (b"\n", 1, "Record Size", "an empty line"),
        (PAY[:-1], 10, "Record Size", "last line open"),
        (PAY[: 95 * 4 + 7], 5, "Record Size", "cut in a line"),
        (PAY[: 95 * 4], 4, "Blocking Factor", "cut between lines"),
        (PAY.replace(b"\n", b"\r\n"), 1, "Record Size", "CRLF"),
        (PAY.replace(b"\n", b"\r\n", 1), 1, "Record Size", "one CRLF"),
        (PAY.replace(b"\n", b"\r"), 1, "Record Size", "CR only"),
        (pay(1, 94, "  "), 1, "Record Size", "95 columns"),
        (PAY[:93] + PAY[94:], 1, "Record Size", "93 columns"),
        (PAY.replace(b"\n", b" \n"), 1, "Record Size", "a blank after each line"),
        (pay(4, 60, "\x00"), 4, "Record Type Code", "control character"),
        (pay(4, 60, "\t"), 4, "Record Type Code", "tab"),
        (pay(4, 60, "\x7f"), 4, "Record Type Code", "delete"),
        (pay(4, 60, "\xa0"), 4, "Record Type Code", "blank that is none"),
        (pay(4, 60, "\xc9"), 4, "Record Type Code", "accent"),
        (files.without(PAY, 10), 9, "Blocking Factor", "not padded"),
        (PAY + b"9" * 94 + b"\n", 11, "Blocking Factor", "a filler too many"),
        (PAY + (b"9" * 94 + b"\n") * 10, 20, "Blocking Factor", "a block too many"),
        (swapped(PAY, 3, 9), 3, "Record Type Code", "filler inside"),
        (files.without(PAY, 8) + PAY[-95:], 8, "Record Type Code", "no file control"),
        (files.without(PAY, 7) + PAY[-95:], 7, "Record Type Code", "no batch control"),
        (files.without(PAY, 2) + PAY[-95:], 2, "Record Type Code", "no batch header"),
        (files.without(PAY, 1) + PAY[-95:], 1, "Record Type Code", "no file header"),
        (repeated(PAY, 1), 2, "Record Type Code", "two file headers"),
        (repeated(PAY, 5), 6, "Record Type Code", "two addenda"),
        (repeated(PAY, 7), 8, "Record Type Code", "two batch controls"),
        (swapped(PAY, 7, 8), 7, "Record Type Code", "controls in the wrong order"),
        (PAY + PAY, 11, "Record Type Code", "two files in one"),
        (b" " * 94 + b"\n" + PAY[95:], 1, "Record Type Code", "a blank line"),
    ),
    *rows(
        "file header",
        (pay(1, 2, "00"), 1, "Priority Code", "priority"),
        (pay(1, 4, "0"), 1, "Immediate Destination", "destination to the left"),
        (pay(1, 13, "3"), 1, "Immediate Destination", "destination's check digit"),
        (pay(1, 14, "12345-7890"), 1, "Immediate Origin", "dash in the origin"),
        (pay(1, 14, " " * 10), 1, "Immediate Origin", "no origin"),
        (pay(1, 24, "260229"), 1, "File Creation Date", "no leap year"),
        (pay(1, 24, "      "), 1, "File Creation Date", "no date"),
        (pay(1, 30, "2400"), 1, "File Creation Time", "24 o'clock"),
        (pay(1, 30, "0960"), 1, "File Creation Time", "60 minutes"),
        (pay(1, 34, " "), 1, "File ID Modifier", "no modifier"),
        (pay(1, 34, "b"), 1, "File ID Modifier", "small modifier"),
        (pay(1, 35, "080"), 1, "Record Size", "record size"),
        (pay(1, 38, "01"), 1, "Blocking Factor", "blocking factor"),
        (pay(1, 40, "0"), 1, "Format Code", "format"),
        (pay(1, 41, " " * 23), 1, "Immediate Destination Name", "bank without a name"),
        (pay(1, 64, "the owner"), 1, "Immediate Origin Name", "small letters"),
        (pay(1, 64, "THE OTHER"), 2, "Company Name", "two names"),
        (pay(1, 87, "00000202"), 1, "Reference Code", "another run's reference"),
        (pay(1, 87, "10000201"), 1, "Reference Code", "long reference"),
        (pay(1, 87, "RUN00201"), 1, "Reference Code", "words in the reference"),
    ),
    *rows(
        "batch header",
        (pay(2, 2, "225"), 2, "Service Class Code", "debits that are credits"),
        (pay(2, 2, "200"), 2, "Service Class Code", "mixed"),
        (back(2, 2, "220"), 2, "Service Class Code", "credits that are debits"),
        (pay(2, 5, " "), 2, "Company Name", "name to the right"),
        (pay(2, 21, "x"), 2, "Company Discretionary Data", "small letter in the run"),
        (pay(2, 41, " " * 10), 2, "Company Identification", "no company"),
        (pay(2, 41, "0"), 7, "Company Identification", "another company"),
        (pay(2, 51, "CTX"), 2, "Standard Entry Class Code", "another class"),
        (pay(2, 54, " " * 10), 2, "Company Entry Description", "no description"),
        (pay(2, 54, "REVERSAL  "), 2, "Service Class Code", "payments called a reversal"),
        (back(2, 54, "INSTALLER "), 2, "Service Class Code", "reversal called a payment"),
        (pay(2, 64, "      "), 2, "Company Descriptive Date", "no descriptive date"),
        (now(2, 64, "SD1300"), 2, "Company Descriptive Date", "another settlement"),
        (ask(2, 64, "SD1800"), 2, "Company Descriptive Date", "prenotes in a hurry"),
        (now(2, 70, "261204"), 2, "Effective Entry Date", "same day, but the day after"),
        (now(1, 24, "261201"), 2, "Effective Entry Date", "same day, of another day"),
        (now(2, 64, "SD1801"), 2, "Company Descriptive Date", "an hour that is none"),
        (pay(2, 64, "261225261225"), 2, "Effective Entry Date", "Christmas"),
        (pay(2, 64, "261206261206"), 2, "Effective Entry Date", "Sunday"),
        (pay(2, 70, "261332"), 2, "Effective Entry Date", "no day"),
        (pay(2, 64, "241203241203"), 2, "Effective Entry Date", "before the first rules"),
        (pay(2, 76, "001"), 2, "Settlement Date (Julian)", "settled already"),
        (pay(2, 79, "2"), 2, "Originator Status Code", "a federal agency"),
        (pay(2, 80, "09100001"), 2, "Originating DFI Identification", "another bank"),
        (pay(2, 88, "0000000"), 2, "Batch Number", "batch zero"),
    ),
    *rows(
        "entry",
        (pay(4, 2, "27"), 4, "Transaction Code", "a debit among credits"),
        (pay(4, 2, "23"), 4, "Transaction Code", "a prenote among payments"),
        (pay(4, 2, "42"), 4, "Transaction Code", "a ledger account"),
        (pay(4, 2, "2 "), 4, "Transaction Code", "half a code"),
        (back(3, 2, "32"), 3, "Transaction Code", "a payment among reversals"),
        (ask(4, 2, "22"), 4, "Transaction Code", "a payment among prenotes"),
        (pay(3, 4, "x"), 3, "Receiving DFI Identification", "letter in the bank"),
        (pay(3, 4, "1"), 3, "Check Digit", "another bank"),
        (pay(3, 12, "0"), 3, "Check Digit", "check digit"),
        (pay(3, 4, "021000021"), 7, "Entry Hash", "a bank that exists"),
        (pay(3, 13, "12 34"), 3, "DFI Account Number", "blank in the account"),
        (pay(3, 13, "a"), 3, "DFI Account Number", "small letter in the account"),
        (pay(3, 30, "0000000000"), 3, "Amount", "payment of zero"),
        (ask(3, 30, "0000000001"), 3, "Amount", "prenote of a cent"),
        (back(3, 30, "0000000000"), 3, "Amount", "reversal of zero"),
        (now(3, 30, "0100000001"), 3, "Amount", "a cent above the same-day limit"),
        (pay(3, 30, "0001250000"), 7, "Total Credit Entry Dollar Amount", "a cent less"),
        (back(3, 30, "0001250000"), 7, "Total Debit Entry Dollar Amount", "a cent less back"),
        (pay(3, 30, " 001250001"), 3, "Amount", "blank before the amount"),
        (pay(3, 30, "000125000-"), 3, "Amount", "sign in the amount"),
        (pay(4, 40, "P-1 "), 4, "Identification Number", "a receiver twice"),
        (pay(3, 40, " "), 3, "Identification Number", "id to the right"),
        (pay(3, 55, "partner"), 3, "Receiving Company Name", "small letters"),
        (pay(3, 63, "  X"), 3, "Receiving Company Name", "two blanks in the name"),
        (pay(3, 77, "S "), 3, "Discretionary Data", "discretionary data"),
        (pay(4, 79, "0"), 4, "Addenda Record Indicator", "addenda denied"),
        (pay(3, 79, "1"), 3, "Addenda Record Indicator", "addenda promised"),
        (pay(3, 79, "2"), 3, "Addenda Record Indicator", "two addenda promised"),
        (pay(4, 80, "021000022010001"), 4, "Trace Number", "a trace twice"),
        (pay(4, 80, "021000022010003"), 4, "Trace Number", "a place left out"),
        (pay(4, 80, "091000012010002"), 4, "Trace Number", "trace of another bank"),
        (pay(4, 80, "021000022020002"), 4, "Trace Number", "trace of another run"),
        (pay(3, 80, "021000022018001"), 3, "Trace Number", "payment at a prenote's place"),
        (ask(3, 80, "021000022010001"), 3, "Trace Number", "prenote at a payment's place"),
        (back(3, 80, "021000022018001"), 3, "Trace Number", "reversal at a prenote's place"),
        (ask(3, 80, "021000022018999"), 5, "Trace Number", "prenotes beyond their places"),
        (pay(4, 80, " 21000022010002"), 4, "Trace Number", "blank in the trace"),
        (swapped(PAY, 3, 6), 3, "Trace Number", "entries in another order"),
        (files.without(PAY, 6) + PAY[-95:], 6, "Entry/Addenda Count", "an entry gone"),
        (repeated(PAY, 3), 4, "Trace Number", "an entry twice"),
    ),
    *rows(
        "addenda",
        (pay(5, 2, "10"), 5, "Addenda Type Code", "another type"),
        (pay(5, 2, "99"), 5, "Addenda Type Code", "a return's"),
        (pay(5, 4, " "), 5, "Payment Related Information", "to the right"),
        (pay(5, 4, "rmr"), 5, "Payment Related Information", "small letters"),
        (pay(5, 84, "0000"), 5, "Addenda Sequence Number", "sequence zero"),
        (pay(5, 88, "2010001"), 5, "Entry Detail Sequence Number", "another entry's"),
        (files.without(PAY, 5) + PAY[-95:], 4, "Addenda Record Indicator", "gone"),
        (swapped(PAY, 5, 6), 4, "Addenda Record Indicator", "below another entry"),
    ),
    *rows(
        "controls",
        (pay(7, 2, "225"), 7, "Service Class Code", "class"),
        (pay(7, 5, "000005"), 7, "Entry/Addenda Count", "count"),
        (pay(7, 11, "0012340155"), 7, "Entry Hash", "hash"),
        (pay(7, 21, "000003750006"), 7, "Total Debit Entry Dollar Amount", "debits"),
        (pay(7, 33, "000003750007"), 7, "Total Credit Entry Dollar Amount", "credits"),
        (pay(7, 45, "2"), 7, "Company Identification", "company"),
        (pay(7, 55, "0"), 7, "Message Authentication Code", "authentication"),
        (pay(7, 74, "0"), 7, "Reserved", "reserved"),
        (pay(7, 80, "09100001"), 7, "Originating DFI Identification", "bank"),
        (pay(7, 88, "0000002"), 7, "Batch Number", "batch number"),
        (pay(8, 2, "000000"), 8, "Batch Count", "no batch"),
        (pay(8, 8, "000010"), 8, "Block Count", "lines for blocks"),
        (pay(8, 14, "00000003"), 8, "Entry/Addenda Count", "file count"),
        (pay(8, 22, "1012340156"), 8, "Entry Hash", "file hash"),
        (pay(8, 32, "000000000001"), 8, "Total Debit Entry Dollar Amount", "file debits"),
        (pay(8, 44, "000003750005"), 8, "Total Credit Entry Dollar Amount", "file credits"),
        (pay(8, 94, "0"), 8, "Reserved", "file reserved"),
        (back(7, 21, "000000000000"), 7, "Total Debit Entry Dollar Amount", "nothing back"),
    ),
]


@pytest.mark.rule("F04")
@pytest.mark.parametrize(("content", "line", "field"), TABLE)
def test_damage_is_named(content, line, field):
    with pytest.raises(BadInput) as raised:
        ach.read(content)
    found = COMPLAINT.fullmatch(str(raised.value))
    assert (int(found[1]), found[2]) == (line, field)


def test_an_account_number_is_never_repeated():
    for content in (pay(3, 13, "0 SECRET"), pay(3, 12, "0"), pay(3, 30, "0000000000")):
        with pytest.raises(BadInput) as raised:
            ach.read(content)
        assert "SECRET" not in str(raised.value)
        assert "000000001" not in str(raised.value)


def field_at(content: bytes, place: int) -> tuple[str, str]:
    """Give the record type and the field at a place of a file."""
    text, column = files.texts(content)[place // 95], place % 95
    for field, length in layouts.LAYOUTS[text[0]]:
        if column < length:
            return text[0], field
        column -= length
    return text[0], "line feed"


def judge_change(good: bytes, place: int, octet: int) -> None:
    """Change one character: the file is refused by line and field, or was changed where it may."""
    damaged = good[:place] + bytes([octet]) + good[place + 1 :]
    if said := refusal(ach.read, damaged):
        line, field = COMPLAINT.fullmatch(said).groups()
        assert 1 <= int(line) <= 11
        assert field in FIELDS
        return
    found = ach.read(damaged)
    kind, field = field_at(good, place)
    assert field in ach.UNCHECKED.get(kind, ()), f"{field} at {place} was changed unseen"
    before = ach.read(good)
    assert found.controls == before.controls
    free = {"account_number", "identification", "name", "note"}
    for one, was in zip(found.entries, before.entries, strict=True):
        changed = {
            key for key, value in asdict(one.credit).items() if value != asdict(was.credit)[key]
        }
        assert changed <= free
        assert one.trace_number == was.trace_number


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_one_character_is_seen_everywhere_but_in_free_text(good):
    for place in range(len(good)):
        for octet in b"0A ":
            if good[place] != octet:
                judge_change(good, place, octet)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(GOOD)), st.integers(0, 949), st.integers(0, 255))
def test_any_one_character(name, place, octet):
    good = GOOD[name]
    if good[place] != octet:
        judge_change(good, place, octet)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(GOOD.values())).flatmap(
        lambda good: st.one_of(
            st.binary(max_size=300),
            st.integers(0, len(good)).map(lambda end: good[:end]),
            st.tuples(st.integers(0, len(good)), st.integers(0, len(good)), st.binary(max_size=95))
            .map(lambda cut: good[: cut[0]] + cut[2] + good[cut[1] :]),
            st.permutations(good.splitlines(keepends=True)).map(b"".join),
            st.lists(st.sampled_from(good.splitlines(keepends=True)), max_size=30).map(b"".join),
        )
    )
)  # fmt: skip
def test_whatever_comes_is_read_or_refused(content):
    for read in (ach.read, ach.read_returns):
        assert COMPLAINT.fullmatch(refusal(read, content) or "line 1, Nothing: wrong")


def refusal(read, content: bytes) -> str:
    """Give the complaint about a file, empty when it is read."""
    try:
        read(content)
    except BadInput as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\n" * 10_000_001, id="lines"),
        pytest.param(b"9" * 10_000_001, id="one line"),
        pytest.param(b"\r\n" * 5_000_001, id="Windows lines"),
    ],
)
def test_a_huge_file_is_refused_before_it_is_taken_apart(content):
    for read in (ach.read, ach.read_returns):
        said: list[str] = []
        calls = count_calls(lambda read=read, said=said: said.append(refusal(read, content)))
        assert said[0].startswith("line 1, Record Size: ")
        assert calls < 20


def count_calls(act) -> int:
    """Count the calls of Python functions that something makes."""
    count = 0

    def seen(_frame, what, _arg) -> None:
        nonlocal count
        count += what == "call"

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def test_twice_the_entries_are_twice_the_work():
    one, two = (
        files.payments([files.noted(n) for n in range(1, count + 1)]) for count in (300, 600)
    )
    few, many = (count_calls(lambda content=content: ach.read(content)) for content in (one, two))
    assert many < 2.1 * few
