"""What the bank sends back is read to the letter, or refused at its line and field."""

import re
from dataclasses import replace
from datetime import date

import ach_files as files
import pytest
from bank_replies import returns_for
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.funding import ach, returns
from cloud.funding.ach import layouts
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money
from cloud.kernel.secret import Secret

PAID = files.payments()
FIRST, SECOND, THIRD = (f"02100002201000{n}" for n in (1, 2, 3))
CHANGE = ("C03", "091000019   55-66")
ANSWER = returns_for(
    PAID,
    {FIRST: "R03", THIRD: "R14"},
    {SECOND: CHANGE},
    died={THIRD: "261130"},
    information={FIRST: "NO SUCH ACCOUNT"},
)
DAY = files.FRIDAY
COMPLAINT = re.compile(r"line (\d+), ([^:]+): .+")
FIELDS = {field for layout in layouts.LAYOUTS.values() for field, _ in layout}


def read(content: bytes = ANSWER) -> ach.ReturnFile:
    return ach.read_returns(content)


def by_trace(found: ach.ReturnFile) -> dict[str, ach.ReturnedEntry]:
    return {one.original_trace: one for one in found.entries}


# --- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"), [("returns", ANSWER), ("nothing_returned", returns_for(PAID, {}))]
)
def test_an_answer_that_a_person_has_read(name, content):
    assert (files.DATA / f"{name}.ach").read_bytes() == content


def test_returns_and_changes_of_several_banks():
    found = read()
    assert (found.batch_count, found.total_credit, found.total_debit) == (3, Money(2_500_004), ZERO)
    assert (found.created_on, found.file_id_modifier) == (date(2026, 12, 2), "A")
    entries = by_trace(found)
    back = entries[FIRST]
    assert (back.code, back.amount, back.identification) == ("R03", Money(1_250_001), "P-1")
    assert (back.name, back.receiving_dfi, back.line) == ("PARTNER 1", "09100001", 11)
    assert back.account_number.value == "000000001"
    assert (back.account_kind, back.is_debit) == ("savings", False)
    assert (back.information, back.died_on, back.corrected_data) == ("NO SUCH ACCOUNT", None, None)
    assert entries[THIRD].died_on == date(2026, 11, 30)
    change = entries[SECOND]
    assert (change.code, change.amount, change.is_change) == ("C03", ZERO, True)
    assert change.corrected_data.value == CHANGE[1]
    assert [one.original_trace for one in found.returns] == [THIRD, FIRST]
    assert found.changes == (change,)


def test_a_file_of_nothing():
    found = read(returns_for(PAID, {}))
    assert (found.entries, found.batch_count, found.total_credit) == ((), 0, ZERO)


def test_returned_prenotes_and_reversals():
    prenotes = read(returns_for(files.prenotes(), {"021000022018000": "R04"}))
    assert (prenotes.entries[0].amount, prenotes.entries[0].code) == (ZERO, "R04")
    back = files.reversal(traces=[FIRST, SECOND])
    found = read(returns_for(back, {"021000022019000": "R09", "021000022019001": "R17"}))
    assert {one.is_debit for one in found.entries} == {True}
    assert (found.total_debit, found.total_credit) == (Money(2_500_003), ZERO)


@pytest.mark.parametrize("code", ["R00", "R29", "R53", "R80", "R99", "R61", "R73"])
def test_a_code_is_kept_whether_known_or_not(code):
    (entry,) = read(returns_for(PAID, {FIRST: code})).entries
    assert entry.code == code


def test_a_dispute_has_other_dates_where_the_date_of_death_stands():
    (entry,) = read(returns_for(PAID, {FIRST: "R73"}, died={FIRST: "337   "})).entries
    assert entry.died_on is None


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(ANSWER.replace(b"\n", b"\r\n"), id="Windows"),
        pytest.param(ANSWER[:-1], id="last line open"),
        pytest.param(ANSWER.replace(b"\n", b"\r\n")[:-2], id="Windows, last line open"),
        pytest.param(ANSWER.replace(b"9" * 94 + b"\n", b""), id="no fillers"),
        pytest.param(files.put(ANSWER, 2, 70, "000000"), id="no effective date"),
        pytest.param(files.put(ANSWER, 2, 76, "366"), id="settled on a leap year's last day"),
        pytest.param(files.put(ANSWER, 1, 30, "    "), id="no time"),
        pytest.param(files.put(ANSWER, 3, 77, "S "), id="discretionary data"),
        pytest.param(files.put(ANSWER, 2, 5, "The Owner, Inc. "), id="small letters"),
    ],
)
def test_what_banks_do_differently(written):
    assert [replace(one, line=0) for one in read(written).entries] == [
        replace(one, line=0) for one in read().entries
    ]


def test_no_account_number_is_printed():
    shown = repr(read()) + repr(read().entries[1])
    for secret in ("000000001", "000000002", "55-66", "091000019"):
        assert secret not in shown
    broken = files.put(ANSWER, 7, 30, "000000000x")
    with pytest.raises(BadInput) as raised:
        read(broken)
    assert "000000002" not in str(raised.value)
    with pytest.raises(BadInput) as raised:
        read(files.put(ANSWER, 8, 65, "7788"))
    assert "55-66" not in str(raised.value)


# --- damage -------------------------------------------------------------------------------------


def at(line: int, start: int, text: str) -> bytes:
    return files.put(ANSWER, line, start, text)


@pytest.mark.parametrize(
    ("content", "line", "field"),
    [
        pytest.param(b"", 1, "Record Size", id="empty"),
        pytest.param(ANSWER.replace(b"\n", b"\r\n", 3), 4, "Record Size", id="mixed ends"),
        pytest.param(ANSWER.replace(b"\n", b"\r"), 1, "Record Size", id="CR only"),
        pytest.param(ANSWER.replace(b"\n", b"\r\r\n"), 1, "Record Size", id="two CR"),
        pytest.param(ANSWER[:-200], 18, "Record Size", id="cut in a filler"),
        pytest.param(ANSWER[: 95 * 7], 7, "Record Type Code", id="cut off"),
        pytest.param(at(4, 40, "\xe9"), 4, "Record Type Code", id="accent"),
        pytest.param(at(4, 40, "\x00"), 4, "Record Type Code", id="control character"),
        pytest.param(PAID, 4, "Record Type Code", id="our own file"),
        pytest.param(files.without(ANSWER, 4), 4, "Record Type Code", id="no addenda"),
        pytest.param(files.without(ANSWER, 5), 5, "Record Type Code", id="no batch control"),
        pytest.param(files.without(ANSWER, 3, 4), 3, "Record Type Code", id="empty batch"),
        pytest.param(ANSWER + ANSWER, 21, "Record Type Code", id="two files"),
        pytest.param(at(1, 2, "00"), 1, "Priority Code", id="priority"),
        pytest.param(at(1, 4, " " * 10), 1, "Immediate Destination", id="to nobody"),
        pytest.param(at(1, 14, " " * 10), 1, "Immediate Origin", id="from nobody"),
        pytest.param(at(1, 24, "261301"), 1, "File Creation Date", id="month 13"),
        pytest.param(at(1, 30, "9999"), 1, "File Creation Time", id="hour 99"),
        pytest.param(at(1, 34, "-"), 1, "File ID Modifier", id="modifier"),
        pytest.param(at(1, 35, "095"), 1, "Record Size", id="record size"),
        pytest.param(at(2, 2, "280"), 2, "Service Class Code", id="class 280"),
        pytest.param(at(2, 41, " " * 10), 2, "Company Identification", id="no company"),
        pytest.param(at(2, 51, "IAT"), 2, "Standard Entry Class Code", id="international"),
        pytest.param(at(2, 51, "COR"), 3, "Amount", id="a change with money"),
        pytest.param(at(6, 51, "CCD"), 8, "Addenda Type Code", id="a return with a change"),
        pytest.param(at(2, 70, "263003"), 2, "Effective Entry Date", id="month 30"),
        pytest.param(at(2, 76, "367"), 2, "Settlement Date (Julian)", id="day 367"),
        pytest.param(at(2, 76, "x"), 2, "Settlement Date (Julian)", id="no day"),
        pytest.param(at(2, 79, "9"), 2, "Originator Status Code", id="status"),
        pytest.param(at(2, 80, "x"), 2, "Originating DFI Identification", id="bank"),
        pytest.param(at(2, 88, "x"), 2, "Batch Number", id="batch number"),
        pytest.param(at(3, 2, "32"), 3, "Transaction Code", id="a live entry"),
        pytest.param(at(3, 2, "26"), 3, "Transaction Code", id="a debit among credits"),
        pytest.param(at(2, 2, "225"), 3, "Transaction Code", id="credits called debits"),
        pytest.param(at(3, 4, "x"), 3, "Receiving DFI Identification", id="letter"),
        pytest.param(at(3, 12, "9"), 3, "Check Digit", id="check digit"),
        pytest.param(at(3, 13, " " * 17), 3, "DFI Account Number", id="no account"),
        pytest.param(at(3, 30, "x"), 3, "Amount", id="letter in the amount"),
        pytest.param(at(3, 30, "1"), 5, "Total Credit Entry Dollar Amount", id="more"),
        pytest.param(at(3, 79, "0"), 3, "Addenda Record Indicator", id="addenda denied"),
        pytest.param(at(3, 94, "x"), 3, "Trace Number", id="letter in the trace"),
        pytest.param(at(3, 94, "2"), 4, "Trace Number", id="another trace than its addenda"),
        pytest.param(at(4, 2, "05"), 4, "Addenda Type Code", id="a payment's addenda"),
        pytest.param(at(4, 4, "C01"), 4, "Return Reason Code", id="a change among returns"),
        pytest.param(at(4, 4, "R1 "), 4, "Return Reason Code", id="half a code"),
        pytest.param(at(8, 4, "R03"), 8, "Change Code", id="a return among changes"),
        pytest.param(at(4, 7, " "), 4, "Original Entry Trace Number", id="blank in it"),
        pytest.param(at(4, 22, "261131"), 4, "Date of Death", id="31 November"),
        pytest.param(at(4, 28, "x"), 4, "Original Receiving DFI Identification", id="bank x"),
        pytest.param(at(8, 22, "261130"), 8, "Reserved", id="a change with a date"),
        pytest.param(at(8, 36, " " * 29), 8, "Corrected Data", id="nothing corrected"),
        pytest.param(at(8, 65, "X"), 8, "Reserved after Corrected Data", id="too much corrected"),
        pytest.param(at(5, 2, "225"), 5, "Service Class Code", id="control's class"),
        pytest.param(at(5, 5, "000001"), 5, "Entry/Addenda Count", id="count"),
        pytest.param(at(5, 11, "0002100003"), 5, "Entry Hash", id="hash"),
        pytest.param(at(5, 21, "0" * 11 + "1"), 5, "Total Debit Entry Dollar Amount", id="debit"),
        pytest.param(at(5, 33, "0" * 12), 5, "Total Credit Entry Dollar Amount", id="credit"),
        pytest.param(at(5, 45, "9"), 5, "Company Identification", id="control's company"),
        pytest.param(at(5, 74, "X"), 5, "Reserved", id="control's reserved"),
        pytest.param(at(5, 80, "9"), 5, "Originating DFI Identification", id="control's bank"),
        pytest.param(at(5, 94, "2"), 5, "Batch Number", id="control's number"),
        pytest.param(at(14, 2, "000002"), 14, "Batch Count", id="batches"),
        pytest.param(at(14, 8, "000003"), 14, "Block Count", id="blocks"),
        pytest.param(at(14, 14, "00000005"), 14, "Entry/Addenda Count", id="file's count"),
        pytest.param(at(14, 22, "0006300007"), 14, "Entry Hash", id="file's hash"),
        pytest.param(at(14, 32, "1"), 14, "Total Debit Entry Dollar Amount", id="file's debit"),
        pytest.param(at(14, 44, "1"), 14, "Total Credit Entry Dollar Amount", id="file's credit"),
        pytest.param(at(14, 94, "X"), 14, "Reserved", id="file's reserved"),
    ],
)  # fmt: skip
def test_damage_is_named(content, line, field):
    if content == ANSWER:
        pytest.fail("the row damages nothing")
    with pytest.raises(BadInput) as raised:
        read(content)
    found = COMPLAINT.fullmatch(str(raised.value))
    assert (int(found[1]), found[2]) == (line, field)


def test_a_trace_twice_in_a_batch():
    paid = files.payments([files.entry(3), files.entry(6)])
    answer = returns_for(paid, {FIRST: "R02", SECOND: "R02"})
    assert len(read(answer).entries) == 2
    with pytest.raises(BadInput, match="line 5, Trace Number: it is in the batch twice"):
        read(files.put(files.put(answer, 5, 94, "1"), 6, 94, "1"))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(ANSWER) - 1), st.integers(0, 255))
def test_no_one_character_changes_what_comes_back(place, octet):
    damaged = ANSWER[:place] + bytes([octet]) + ANSWER[place + 1 :]
    try:
        found = read(damaged)
    except BadInput as refused:
        said = str(refused)
    else:
        assert [one.amount for one in found.entries] == [one.amount for one in read().entries]
        assert found.total_credit == read().total_credit
        return
    assert COMPLAINT.fullmatch(said)[2] in FIELDS


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_bank_answers_is_read(data):
    count = data.draw(st.integers(1, 12))
    paid = files.payments([files.noted(n) for n in range(1, count + 1)])
    traces = [one.trace_number for one in ach.read(paid).entries]
    codes = st.from_regex(r"R[0-9]{2}", fullmatch=True)
    answers = data.draw(st.dictionaries(st.sampled_from(traces), codes))
    left = [trace for trace in traces if trace not in answers]
    changes = {trace: ("C01", f"{n:09d}") for n, trace in enumerate(left[::2])}
    found = read(returns_for(paid, answers, changes))
    assert {one.original_trace: one.code for one in found.returns} == answers
    assert {one.original_trace: one.corrected_data.value for one in found.changes} == {
        trace: text for trace, (_, text) in changes.items()
    }
    by_sum = {one.trace_number: one.credit.amount for one in ach.read(paid).entries}
    assert found.total_credit == Money(sum(by_sum[trace].cents for trace in answers))


def test_many_returns():
    paid = files.payments([files.entry(n) for n in range(1, 5_001)])
    traces = [one.trace_number for one in ach.read(paid).entries]
    found = read(returns_for(paid, dict.fromkeys(traces, "R02")))
    assert len(found.entries) == 5_000
    assert found.total_credit == ach.read(paid).controls.total_credit


# --- corrections --------------------------------------------------------------------------------

SAVINGS, CHECKING = ach.AccountKind.SAVINGS, ach.AccountKind.CHECKING


@pytest.mark.rule("P-86")
@pytest.mark.parametrize(
    ("code", "data", "expected"),
    [
        pytest.param("C01", "1918171614", (None, "1918171614", None), id="account"),
        pytest.param("C01", "1" * 17, (None, "1" * 17, None), id="longest account"),
        pytest.param("C01", "1" * 18, None, id="account too long"),
        pytest.param("C01", "12 34", None, id="blank in the account"),
        pytest.param("C01", " 1234", None, id="account to the right"),
        pytest.param("C01", "12ab", None, id="small letters"),
        pytest.param("C02", "091000019", ("091000019", None, None), id="routing number"),
        pytest.param("C02", "091000018", None, id="no check digit"),
        pytest.param("C02", "0910000190", None, id="ten digits"),
        pytest.param("C02", "09100001", None, id="eight digits"),
        pytest.param("C03", "091000019   55-66", ("091000019", "55-66", None), id="both"),
        pytest.param("C03", "091000019" + " " * 3 + "7" * 17, ("091000019", "7" * 17, None),
                     id="both, to the end"),
        pytest.param("C03", "091000019  155-66", None, id="account begins too early"),
        pytest.param("C03", "091000019", None, id="one of both"),
        pytest.param("C05", "32", (None, None, SAVINGS), id="savings"),
        pytest.param("C05", "22", (None, None, CHECKING), id="checking"),
        pytest.param("C05", "37", (None, None, SAVINGS), id="savings, of a debit"),
        pytest.param("C05", "42", None, id="a ledger account"),
        pytest.param("C05", "2", None, id="half a code"),
        pytest.param("C05", "322", None, id="three digits"),
        pytest.param("C06", f"{'55-66':17}   32", (None, "55-66", SAVINGS), id="account and kind"),
        pytest.param("C06", f"{'55-66':17}   52", None, id="account and loan"),
        pytest.param("C06", "55-66", None, id="account without kind"),
        pytest.param("C06", f"{'55-66':17} X 32", None, id="something between"),
        pytest.param("C07", f"091000019{'55-66':17}22", ("091000019", "55-66", CHECKING), id="all"),
        pytest.param("C07", f"091000019{'7' * 17}32 ", ("091000019", "7" * 17, SAVINGS),
                     id="all, full"),
        pytest.param("C07", f"091000019{'55-66':17}22X", None, id="all and more"),
        pytest.param("C07", f"091000019{'55-66':17}", None, id="two of three"),
        pytest.param("C04", "NEW NAME LLC", None, id="a name"),
        pytest.param("C09", "P-9", None, id="an id"),
        pytest.param("C61", "", None, id="a refused change"),
        pytest.param("C99", "1", None, id="unknown"),
        pytest.param("C01", "", None, id="nothing"),
        pytest.param("C01", "1" + " " * 40 + "2", None, id="longer than its field"),
    ],
)  # fmt: skip
def test_corrected(code, data, expected):
    found = ach.corrected(code, Secret(data), on=DAY)
    if expected is None:
        assert found is None
        return
    routing, account, kind = expected
    assert found == ach.Correction(routing, None if account is None else Secret(account), kind)
    assert account is None or account not in repr(found)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["C01", "C02", "C03", "C05", "C06", "C07"]), st.text(max_size=40))
def test_a_correction_is_usable_or_none(code, data):
    found = ach.corrected(code, Secret(data), on=DAY)
    if found is None:
        return
    assert found != ach.Correction()
    changes = {
        "routing_number": found.routing_number or files.ROUTING[0],
        "account_number": (found.account_number or Secret("1")).value,
        "account_kind": found.account_kind or CHECKING,
    }
    assert ach.read(files.payments([files.entry(1, **changes)])).entries


# --- what follows -------------------------------------------------------------------------------

NOTHING = returns.ReturnVerdict(
    ZERO, ZERO, ZERO, blocks_account=False, action=returns.ReturnAction.MANUAL_REVIEW
)


@pytest.mark.rule("D04")
@pytest.mark.parametrize("was_processed", [False, True], ids=["first", "after the return"])
@pytest.mark.parametrize("number", [61, 62, 67, 68, 69, 70, 71, 73, 76, 77, 79])
def test_the_banks_dispute_about_a_return_goes_to_a_person(number, was_processed):
    found = returns.judge_return(f"R{number}", Money(700), was_processed=was_processed, on=DAY)
    assert found == NOTHING


@pytest.mark.rule("D04")
@pytest.mark.parametrize("number", [n for n in range(100) if not 61 <= n <= 79])
def test_every_other_return_gives_all_of_the_money_back_once(number):
    first = returns.judge_return(f"R{number:02d}", Money(700), on=DAY)
    again = returns.judge_return(f"R{number:02d}", Money(700), was_processed=True, on=DAY)
    assert first.reversed == first.payable + first.suspense == Money(700)
    assert (again.reversed, again.action) == (ZERO, "duplicate_ignored")


@pytest.mark.rule("P-86")
@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("C01", "apply_noc_before_next_entry"),
        ("c07 ", "apply_noc_before_next_entry"),
        ("C04", "apply_noc_before_next_entry"),
        ("C13", "apply_noc_before_next_entry"),
        ("C61", "apply_noc_before_next_entry"),
    ],
)
def test_a_change_moves_no_money(code, action):
    found = returns.judge_return(code, Money(700), on=DAY)
    assert (found.reversed, found.blocks_account, found.action) == (ZERO, False, action)


@pytest.mark.parametrize("code", ["R\u0660\u0663", "R0", "", "C1"])
def test_a_code_that_is_none(code):
    for judge in (
        lambda: returns.judge_return(code, Money(1), on=DAY),
        lambda: returns.judge_prenote_return(code, on=DAY),
    ):
        with pytest.raises(BadInput, match="not R or C and two digits"):
            judge()


@pytest.mark.rule("D11")
@pytest.mark.parametrize(
    ("code", "blocks", "action"),
    [
        ("R03", True, "prenote_returned_account_blocked"),
        ("R23", True, "prenote_returned_account_blocked"),
        ("R99", True, "prenote_returned_account_blocked"),
        ("C01", False, "apply_noc_before_next_entry"),
        ("C04", False, "apply_noc_before_next_entry"),
        ("R71", False, "manual_review"),
    ],
)
def test_an_answer_to_a_prenote(code, blocks, action):
    found = returns.judge_prenote_return(code, on=DAY)
    assert (found.reversed, found.blocks_account, found.action) == (ZERO, blocks, action)


@pytest.mark.rule("D04")
@pytest.mark.parametrize(
    ("trace", "sent", "changes", "why"),
    [
        pytest.param(FIRST, 1_250_001, {}, None, id="what we sent"),
        pytest.param(FIRST, None, {}, "unknown_trace_manual_review", id="not our line"),
        pytest.param(FIRST, 1_250_000, {}, "other_amount_manual_review", id="a cent less was sent"),
        pytest.param(FIRST, 1_250_002, {}, "other_amount_manual_review", id="a cent more was sent"),
        pytest.param(
            FIRST, 1_250_001, {"is_debit": True}, "unknown_trace_manual_review", id="a debit"
        ),
        pytest.param(
            FIRST, 1_250_000, {"code": "R61"}, "other_amount_manual_review", id="a dispute"
        ),
        pytest.param(SECOND, 7, {}, None, id="a change brings nothing back"),
        pytest.param(SECOND, None, {}, "unknown_trace_manual_review", id="a change of no line"),
    ],
)
def test_what_does_not_fit_is_not_judged(trace, sent, changes, why):
    entry = replace(by_trace(read())[trace], **changes)
    assert returns.misfit(entry, sent=None if sent is None else Money(sent)) == why


def test_a_returned_reversal_is_no_returned_payment():
    back = files.reversal(traces=[FIRST])
    (entry,) = read(returns_for(back, {"021000022019000": "R09"})).entries
    found = returns.misfit(entry, sent=Money(1_250_001))
    assert found is returns.ReturnAction.UNKNOWN_TRACE


def test_every_action_that_says_so_is_for_a_person():
    assert {one for one in returns.ReturnAction if one.endswith("manual_review")} == set(
        returns.FOR_PERSONS
    )
