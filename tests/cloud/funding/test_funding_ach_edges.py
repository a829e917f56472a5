"""Edges of bank files: what is reserved, what is repeated, what a wrong file is told."""

from dataclasses import replace
from datetime import date

import ach_files as files
import pytest
from bank_replies import returns_for

from cloud.funding import ach
from cloud.funding.ach.entries import controls
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money

BANK_SAYS = {
    "Company Name": {"name": "\u4e2d"},
    "Immediate Destination Name": {"bank_name": " "},
    "Company Entry Description": {"entry_description": ""},
}


@pytest.mark.parametrize("field", BANK_SAYS)
def test_a_blank_name_is_told_by_its_field(field):
    with pytest.raises(BadInput, match=f"originator: {field} is blank"):
        replace(files.BANK, **BANK_SAYS[field])


@pytest.mark.parametrize("words", ["REVERSAL", "retry pymt", "RETRY PYMT AGAIN", "RETRY PYMTS"])
def test_words_of_the_network_are_not_ours(words):
    with pytest.raises(BadInput, match="originator: Company Entry Description is a word that"):
        replace(files.BANK, entry_description=words)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("bank_routing_number", "021000022", "originator: Immediate Destination is not a routing"),
        ("company_identification", "12", "originator: Company Identification is not ten"),
        ("origin", "12", "originator: Immediate Origin '12' is not ten"),
    ],
)
def test_what_the_bank_assigned_is_told_by_its_field(field, value, words):
    with pytest.raises(BadInput, match=words):
        replace(files.BANK, **{field: value})


def test_a_check_digit_is_no_part_of_the_sum():
    found = controls([("01140153?", Money(5), False), ("bank", Money(6), True)])
    assert (found.entry_hash, found.entry_addenda_count) == ("0001140153", 3)
    assert found.total_credit == Money(11)


# --- reversals ---------------------------------------------------------------------------------


@pytest.mark.rule("D30")
def test_a_reversal_repeats_the_class_and_has_a_letter_of_its_own():
    original = replace(ach.read(files.payments()), standard_class="PPD")
    content = ach.build_reversal(
        files.BANK,
        original,
        ["021000022010002"],
        reason="duplicate",
        settled_on=files.THURSDAY,
        created_at=files.CREATED,
        effective_on=files.FRIDAY,
        sequence=201,
        file_of_day=2,
    )
    header, batch = files.texts(content)[:2]
    assert (batch[50:53], header[33]) == ("PPD", "C")


@pytest.mark.rule("D30")
@pytest.mark.rule("D31")
@pytest.mark.parametrize(
    ("changes", "rule", "because"),
    [
        pytest.param(
            {"reason": "debt"}, "D31",
            "'debt' is no reason to reverse: use one of duplicate, wrong_receiver, ", id="reason",
        ),
        pytest.param(
            {"effective_on": date(2026, 12, 2)}, "D30",
            "the payment settles on 2026-12-03, after the reversal on 2026-12-02", id="too early",
        ),
        pytest.param(
            {"effective_on": date(2026, 12, 11)}, "D30",
            "the payment settled on 2026-12-03 and could be reversed until 2026-12-10", id="late",
        ),
    ],
)  # fmt: skip
def test_a_reversal_that_is_refused_names_its_rule(changes, rule, because):
    facts = {"reason": "duplicate", "settled_on": files.THURSDAY, "effective_on": files.FRIDAY}
    found = ach.reversal_refused(**facts | changes)
    assert found.rule == rule
    assert found.because.startswith(because)


# --- what comes back ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"x\r\ny\r", 2), (b"x\ny\r\n", 1), (b"x\r\ny\n", 2), (b"x\r\ny\rz\r\n", 2)],
    ids=["half an end", "the first", "the last", "one inside"],
)
def test_lines_end_as_one_system_ends_them(content, line):
    with pytest.raises(BadInput, match=f"line {line}, Record Size: it does not end as"):
        ach.read_returns(content)


@pytest.mark.parametrize("status", "012")
def test_a_bank_s_status_is_one_of_three(status):
    answer = files.put(returns_for(files.payments(), {"021000022010001": "R03"}), 2, 79, status)
    assert len(ach.read_returns(answer).entries) == 1


ANSWER = returns_for(
    files.payments(),
    {"021000022010001": "R03", "021000022010003": "R14"},
    {"021000022010002": ("C03", "091000019   55-66")},
)


@pytest.mark.parametrize(
    ("line", "start", "text", "told"),
    [
        (1, 30, "9999", "File Creation Time: '9999' is not a time"),
        (1, 4, " " * 10, "Immediate Destination: blank"),
        (1, 14, " " * 10, "Immediate Origin: blank"),
        (2, 41, " " * 10, "Company Identification: blank"),
        (2, 70, "XXXXXX", "Effective Entry Date: "),
        (2, 76, "367", "Settlement Date (Julian): 367 is no day of a year"),
        (3, 2, "26", "Transaction Code: not one of service class 220"),
        (3, 12, "9", "Check Digit: it does not fit the Receiving DFI Identification"),
        (7, 30, "1", "Amount: not zero; a change carries no money"),
        (3, 13, " " * 17, "DFI Account Number: blank"),
        (4, 4, "C01", "Return Reason Code: 'C01' is not R and two digits"),
        (8, 4, "R03", "Change Code: 'R03' is not C and two digits"),
        (4, 22, "XXXXXX", "Date of Death: "),
        (8, 36, " " * 29, "Corrected Data: blank"),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(line, start, text, told):
    with pytest.raises(BadInput) as wrong:
        ach.read_returns(files.put(ANSWER, line, start, text))
    assert str(wrong.value).startswith(f"line {line}, {told}")


@pytest.mark.parametrize("written", ["000000", "      "])
def test_nobody_died(written):
    found = ach.read_returns(files.put(ANSWER, 4, 22, written))
    assert found.returns[0].died_on is None
    assert [(one.information, one.died_on) for one in found.changes] == [("", None)]
