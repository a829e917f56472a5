"""The bank file: right to the character, and refused when it is not."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from achlens.core import validate
from funding_world import BANK
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.funding import ach
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money

CREATED = datetime(2026, 12, 2, 14, 5, tzinfo=UTC)
THURSDAY = date(2026, 12, 3)
ROUTING = ("011401533", "091000019", "021000021")


def credit(place: int = 1, **changes) -> ach.Credit:
    made = ach.Credit(
        routing_number=ROUTING[place % 3],
        account_number=f"{place:09d}",
        amount=Money(1_250_000 + place),
        identification=f"P-{place}",
        name=f"Partner Nº {place} & Söhne",
    )
    return replace(made, **changes)


def build(credits_, **changes) -> bytes:
    given_ = {"created_at": CREATED, "effective_on": THURSDAY, "run": "comfort-2026-12-03"}
    return ach.build(BANK, credits_, **given_ | {"sequence": 201} | changes)


def notes(count: int) -> list[ach.Credit]:
    return [credit(n, note=f"RMR*IV*comfort-2026-12-03**{n}.00\\") for n in range(1, count + 1)]


GOOD = build([credit(1), *notes(3)[1:]])
LINES = GOOD.decode().splitlines()


def test_a_file_that_a_person_can_read():
    assert LINES[:7] == [
        "101 02100002112345678902612020905A094101FIRST BANK OF TESTING  THE OWNER, INC.        "
        "00000201",
        "5220THE OWNER, INC. COMFORT-2026-12-03  1234567890CCDINSTALLER 261203261203   "
        "1021000020000001",
        "622091000019000000001        0001250001P-1            PARTNER NO 1 & SOHNE    "
        "0021000022010001",
        "622021000021000000002        0001250002P-2            PARTNER NO 2 & SOHNE    "
        "1021000022010002",
        "705RMR*IV*COMFORT-2026-12-03**2.00\\" + " " * 48 + "00012010002",
        "622011401533000000003        0001250003P-3            PARTNER NO 3 & SOHNE    "
        "1021000022010003",
        "705RMR*IV*COMFORT-2026-12-03**3.00\\" + " " * 48 + "00012010003",
    ]
    assert LINES[7].startswith("822000000500123401560000000000000000037500061234567890")
    assert LINES[8].startswith("90000010000010000000500123401560000000000000000037500 06"[:36])
    assert LINES[9] == "9" * 94


@pytest.mark.rule("F04")
@pytest.mark.parametrize("count", [1, 3, 10, 300])
@pytest.mark.parametrize("with_notes", [False, True], ids=["plain", "addenda"])
def test_an_independent_validator_accepts_it(count, with_notes):
    entries = notes(count) if with_notes else [credit(n) for n in range(1, count + 1)]
    content = build(entries)
    report = validate(content.decode("ascii"))
    assert report.valid
    assert not report.findings
    assert report.summary.entry_count == count
    assert report.summary.addenda_count == count * with_notes
    found = ach.read(content)
    assert len(content) == found.controls.line_count * 95
    assert found.controls.total_credit == Money(sum(one.amount.cents for one in entries))
    assert [line.credit.identification for line in found.entries] == [
        one.identification for one in entries
    ]
    assert found.effective_on == THURSDAY
    assert found.run == "COMFORT-2026-12-03"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 9_999_999_999),
            st.text(min_size=1, max_size=40).filter(ach.transliterated),
            st.from_regex(r"[A-Z0-9][A-Z0-9-]{0,16}", fullmatch=True),
            st.booleans(),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_whatever_is_written_is_read_back(rows):
    entries = [
        credit(
            n,
            amount=Money(cents),
            name=name,
            account_number=account,
            note="RMR*IV*X**1.00" if noted else "",
        )
        for n, (cents, name, account, noted) in enumerate(rows, start=1)
    ]
    content = build(entries)
    found = ach.read(content)
    assert [line.credit.amount for line in found.entries] == [one.amount for one in entries]
    assert [line.credit.account_number for line in found.entries] == [
        one.account_number for one in entries
    ]
    assert validate(content.decode("ascii")).valid


def test_the_same_file_twice_is_the_same_bytes():
    assert build([credit(1), *notes(3)[1:]]) == GOOD


def test_reading_finds_an_entry_by_its_trace_number():
    found = ach.read(GOOD)
    assert found.entry("021000022010002").credit.name == "PARTNER NO 2 & SOHNE"
    assert found.entry("021000022010009") is None
    assert "000000002" not in repr(found.entries[1])


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Jürgen & Söhne GmbH", "JURGEN & SOHNE GMBH"),
        ("Łódź Größe", "LODZ GROSSE"),
        ("Ærø  Solar\t<b>", "AERO SOLAR B"),
        ("太陽", ""),
        ("O'Brien #1, Inc.", "O'BRIEN #1, INC."),
    ],
)
def test_transliterated(text, plain):
    assert ach.transliterated(text) == plain


@pytest.mark.parametrize(
    ("number", "right"),
    [("021000021", True), ("021000022", False), ("02100002", False), ("02100002a", False),
     ("٠٢١٠٠٠٠٢١", False), ("", False)],
)  # fmt: skip
def test_routing_number(number, right):
    assert ach.is_routing_number(number) is right


@pytest.mark.rule("F04")
def test_controls_of_nothing_and_of_a_long_hash():
    assert ach.controls([]).line_count == 10
    many = ach.controls([("999999992", Money(1), False)] * 101)
    assert many.entry_hash == f"{99999999 * 101:d}"[-10:]
    assert [ach.controls([("021000021", Money(1), False)] * n).block_count for n in (6, 7)] == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": Money(0)}, "Amount: \\$0.00 is not above zero"),
        ({"amount": Money(-1)}, "Amount"),
        ({"amount": Money(10_000_000_000)}, "Amount"),
        ({"routing_number": "021000022"}, "Receiving DFI Identification"),
        ({"account_number": ""}, "DFI Account Number"),
        ({"account_number": "1" * 18}, "DFI Account Number"),
        ({"account_number": "12 34"}, "DFI Account Number"),
        ({"identification": "P-" + "1" * 14}, "Identification Number"),
        ({"identification": ""}, "Identification Number"),
        ({"name": "太陽"}, "Receiving Company Name: blank"),
        ({"note": "x" * 81}, "Payment Related Information"),
    ],
)
def test_an_entry_that_cannot_be_paid(changes, words):
    with pytest.raises(BadInput, match=words) as raised:
        build([credit(1, **changes)])
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_made():
    with pytest.raises(BadInput, match="0 entries are not between 1"):
        build([])
    with pytest.raises(BadInput, match="P-1: it is in the file twice"):
        build([credit(1), credit(1, account_number="999")])
    with pytest.raises(BadInput, match="banks are closed on 2026-11-26"):
        build([credit(1)], effective_on=date(2026, 11, 26))
    with pytest.raises(BadInput, match="Total Credit Entry Dollar Amount"):
        build([credit(n, amount=ach.MAX_ENTRY) for n in range(1, 102)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bank_routing_number": "021000020"}, "Immediate Destination"),
        ({"origin": "12345"}, "Immediate Origin"),
        ({"company_identification": "12345678 0"}, "Company Identification"),
        ({"name": " "}, "Company Name"),
        ({"bank_name": ""}, "Immediate Destination Name"),
        ({"entry_description": "é" * 0}, "Company Entry Description"),
    ],
)
def test_an_originator_that_cannot_be(changes, words):
    with pytest.raises(BadInput, match=words):
        replace(BANK, **changes)


def put(line: int, start: int, text: str) -> bytes:
    """Damage the good file: write a text over a place, both counted from one."""
    lines = list(LINES)
    old = lines[line - 1]
    lines[line - 1] = old[: start - 1] + text + old[start - 1 + len(text) :]
    return "".join(f"{one}\n" for one in lines).encode("latin-1")


def without(*numbers: int) -> bytes:
    kept = [line for number, line in enumerate(LINES, start=1) if number not in numbers]
    return "".join(f"{line}\n" for line in kept).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "line 1, Record Size", id="empty"),
        pytest.param(GOOD[:-1], "Record Size: the last line does not end", id="last line open"),
        pytest.param(GOOD.replace(b"\n", b"\r\n"), "line 1, Record Size: 95", id="CRLF"),
        pytest.param(GOOD[:100] + GOOD[101:], "line 2, Record Size: 93", id="short line"),
        pytest.param(without(10), "line 9, Blocking Factor", id="not padded"),
        pytest.param(GOOD + b"9" * 94 + b"\n", "line 11, Blocking Factor", id="a filler too many"),
        pytest.param(
            GOOD + (b"9" * 94 + b"\n") * 10, "line 20, Blocking Factor", id="a block too many"
        ),
        pytest.param(put(3, 60, "\xe9"), "line 3, .* not ASCII", id="accent"),
        pytest.param(put(10, 1, "8"), "line 10, Record Type Code", id="filler damaged"),
        pytest.param(put(9, 1, "8"), "line 9, Record Type Code: 8 cannot", id="no control"),
        pytest.param(put(4, 1, "7"), "line 5, Record Type Code", id="stray addenda"),
        pytest.param(without(9, 10) + GOOD[-95:] * 2, "line 9, Record Type Code", id="no end"),
        pytest.param(
            b"".join(GOOD.splitlines(keepends=True)[:2] + GOOD.splitlines(keepends=True)[2:3] * 8),
            "line 10, Record Type Code: the file has no file control",
            id="ends with an entry",
        ),
        pytest.param(put(1, 1, "2"), "line 1, Record Type Code", id="unknown record"),
        pytest.param(put(1, 2, "02"), "line 1, Priority Code", id="priority"),
        pytest.param(put(1, 13, "2"), "line 1, Immediate Destination: the check", id="destination"),
        pytest.param(put(1, 14, "  "), "line 1, Immediate Origin", id="origin"),
        pytest.param(put(1, 24, "261302"), "line 1, File Creation Date", id="month 13"),
        pytest.param(put(1, 30, "2460"), "line 1, File Creation Time", id="time"),
        pytest.param(put(1, 34, "a"), "line 1, File ID Modifier", id="modifier"),
        pytest.param(put(1, 35, "095"), "line 1, Record Size", id="record size"),
        pytest.param(put(1, 38, "20"), "line 1, Blocking Factor", id="blocking factor"),
        pytest.param(put(1, 40, "2"), "line 1, Format Code", id="format"),
        pytest.param(put(1, 41, "f"), "line 1, Immediate Destination Name", id="small letter"),
        pytest.param(put(2, 2, "200"), "line 2, Service Class Code", id="mixed class"),
        pytest.param(put(2, 5, " " * 16), "line 2, Company Name: blank", id="no company"),
        pytest.param(put(2, 51, "PPD"), "line 2, Standard Entry Class Code", id="another class"),
        pytest.param(put(2, 64, "261204"), "line 2, Company Descriptive Date", id="descriptive"),
        pytest.param(put(2, 70, "260230"), "line 2, Effective Entry Date", id="30 February"),
        pytest.param(put(2, 70, "261205"), "line 2, Effective Entry Date: banks", id="Saturday"),
        pytest.param(put(2, 76, "337"), "line 2, Settlement Date", id="settlement filled in"),
        pytest.param(put(2, 79, "0"), "line 2, Originator Status Code", id="status"),
        pytest.param(put(2, 80, "09100001"), "line 2, Originating DFI", id="another bank"),
        pytest.param(put(2, 88, "0000002"), "line 2, Batch Number", id="batch number"),
        pytest.param(put(3, 2, "27"), "line 3, Transaction Code", id="a debit"),
        pytest.param(put(3, 12, "8"), "line 3, Check Digit", id="check digit"),
        pytest.param(put(3, 13, " " * 17), "line 3, DFI Account Number", id="no account"),
        pytest.param(put(3, 13, " "), "line 3, DFI Account Number", id="account to the right"),
        pytest.param(put(3, 30, "0" * 10), "line 3, Amount: zero", id="zero"),
        pytest.param(put(3, 30, "0001250002"), "line 8, Total Credit", id="a cent more"),
        pytest.param(put(3, 35, "x"), "line 3, Amount: not all digits", id="letter in amount"),
        pytest.param(put(4, 40, "P-1"), "line 4, Identification Number", id="receiver twice"),
        pytest.param(put(3, 40, " " * 15), "line 3, Identification Number", id="no id"),
        pytest.param(put(3, 55, " " * 22), "line 3, Receiving Company Name", id="no name"),
        pytest.param(put(3, 77, "XX"), "line 3, Discretionary Data", id="discretionary"),
        pytest.param(put(3, 79, "1"), "line 3, Addenda Record Indicator", id="addenda promised"),
        pytest.param(put(4, 79, "0"), "line 4, Addenda Record Indicator", id="addenda denied"),
        pytest.param(put(4, 88, "2010001"), "line 4, Trace", id="trace twice"),
        pytest.param(put(4, 80, "09100001"), "line 4, Trace Number", id="another bank's trace"),
        pytest.param(put(4, 94, "x"), "line 4, Trace Number", id="letter in trace"),
        pytest.param(put(5, 2, "99"), "line 5, Addenda Type Code", id="return addenda"),
        pytest.param(put(5, 4, " " * 80), "line 5, Payment Related", id="empty addenda"),
        pytest.param(put(5, 84, "0002"), "line 5, Addenda Sequence", id="addenda sequence"),
        pytest.param(put(5, 88, "2010003"), "line 5, Entry Detail Sequence", id="addenda's entry"),
        pytest.param(put(8, 5, "000004"), "line 8, Entry/Addenda Count", id="count"),
        pytest.param(put(8, 11, "0012340157"), "line 8, Entry Hash", id="hash"),
        pytest.param(put(8, 21, "000000000001"), "line 8, Total Debit", id="debits"),
        pytest.param(put(8, 45, "9"), "line 8, Company Identification", id="company differs"),
        pytest.param(put(8, 60, "X"), "line 8, Message Authentication Code", id="authentication"),
        pytest.param(put(9, 2, "000002"), "line 9, Batch Count", id="batches"),
        pytest.param(put(9, 8, "000002"), "line 9, Block Count", id="blocks"),
        pytest.param(put(9, 60, "X"), "line 9, Reserved", id="reserved"),
    ],
)  # fmt: skip
def test_damage_is_seen(content, words):
    with pytest.raises(BadInput, match=words) as raised:
        ach.read(content)
    assert "\n" not in str(raised.value)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_no_damaged_byte_raises_anything_else(place, octet):
    damaged = GOOD[:place] + bytes([octet]) + GOOD[place + 1 :]
    if damaged == GOOD:
        return
    try:
        found = ach.read(damaged)
    except BadInput:
        return
    assert found.controls.total_credit == ach.read(GOOD).controls.total_credit
