"""Prenotes, same-day files and reversals: written, read back, and accepted by somebody else."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import ach_files as files
import pytest
from achlens.core import validate
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.funding import ach
from cloud.funding.policy import F03
from cloud.kernel.calendar import eastern_day
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money

NOTHING = Money(0)
KEPT = {
    "payments": files.payments,
    "same_day": lambda: files.same_day(file_of_day=1),
    "prenotes": files.prenotes,
    "reversal": files.reversal,
}


def zeros(count: int) -> list[ach.Credit]:
    return [files.entry(n, amount=NOTHING) for n in range(1, count + 1)]


@pytest.mark.parametrize("name", KEPT)
def test_a_file_that_a_person_has_read(name):
    assert KEPT[name]() == (files.DATA / f"{name}.ach").read_bytes()


@pytest.mark.rule("F04")
@pytest.mark.parametrize(
    ("content", "kind", "count", "sums"),
    [
        pytest.param(files.payments([files.noted(1)]), "payments", 1, (1_250_001, 0), id="one"),
        pytest.param(
            files.payments([files.noted(n) for n in range(1, 61)]),
            "payments", 60, (75_001_830, 0), id="sixty",
        ),
        pytest.param(
            files.payments([files.entry(n) for n in range(1, 301)]),
            "payments", 300, (375_045_150, 0), id="three hundred",
        ),
        pytest.param(files.same_day(), "payments", 3, (3_750_006, 0), id="same day"),
        pytest.param(files.prenotes(), "prenotes", 3, (0, 0), id="prenotes"),
        pytest.param(files.prenotes(zeros(300)), "prenotes", 300, (0, 0), id="many prenotes"),
        pytest.param(files.reversal(), "reversals", 1, (0, 1_250_002), id="reversal"),
        pytest.param(
            files.reversal(traces=[f"02100002201000{n}" for n in (1, 2, 3)]),
            "reversals", 3, (0, 3_750_006), id="whole file reversed",
        ),
    ],
)  # fmt: skip
def test_an_independent_validator_accepts_it(content, kind, count, sums):
    report = validate(content.decode("ascii"))
    assert report.valid
    assert not report.findings
    assert report.summary.entry_count == count
    found = ach.read(content)
    assert str(found.kind) == kind
    assert len(found.entries) == count
    assert (found.controls.total_credit.cents, found.controls.total_debit.cents) == sums
    assert len(content) == found.controls.line_count * 95


def test_an_independent_validator_sees_damage():
    content = files.put(files.prenotes(), 3, 39, "1").decode("ascii")
    assert not validate(content).valid


# --- prenotes ---------------------------------------------------------------------------------


@pytest.mark.rule("D11")
def test_a_prenote_asks_about_the_account_and_carries_nothing():
    found = ach.read(files.prenotes())
    assert found.kind is ach.FileKind.PRENOTES
    assert [line[1:3] for line in files.texts(files.prenotes()) if line[0] == "6"] == [
        "33",
        "23",
        "33",
    ]
    assert {one.credit.amount for one in found.entries} == {NOTHING}
    assert [one.credit.account_number for one in found.entries] == [f"{n:09d}" for n in (1, 2, 3)]
    with pytest.raises(BadInput, match=r"P-1: Amount: \$0.01 is not zero"):
        files.prenotes([files.entry(1, amount=Money(1))])


def test_a_payment_is_never_a_prenote():
    with pytest.raises(BadInput, match="Amount"):
        files.payments([files.entry(1, amount=NOTHING)])


def test_a_second_file_of_prenotes_goes_on_where_the_first_ended():
    first = ach.read(files.prenotes(zeros(2)))
    second = ach.read(files.prenotes(zeros(2), first_place=8_002, file_of_day=1))
    traces = [one.trace_number for one in (*first.entries, *second.entries)]
    assert traces == [f"02100002201800{n}" for n in range(4)]


# --- savings, traces, the files of a day --------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code"),
    [(ach.AccountKind.CHECKING, "22"), (ach.AccountKind.SAVINGS, "32"), ("savings", "32")],
)
def test_the_kind_of_account_is_the_transaction_code(kind, code):
    content = files.payments([files.entry(1, account_kind=kind)])
    assert files.texts(content)[2][1:3] == code
    assert ach.read(content).entries[0].credit.account_kind == kind


def test_another_kind_of_account_is_refused():
    with pytest.raises(BadInput, match="Transaction Code: 'loan' is neither"):
        files.payments([files.entry(1, account_kind="loan")])


@pytest.mark.parametrize(
    ("trace", "kind"),
    [
        ("021000022010001", "payments"),
        ("021000022017999", "payments"),
        ("021000022018000", "prenotes"),
        ("021000022019999", "reversals"),
        ("021000022010000", None),
        ("02100002201000", None),
        ("02100002201000x", None),
        ("", None),
    ],
)
def test_a_trace_number_tells_what_it_did(trace, kind):
    assert ach.kind_of_trace(trace) == kind


def test_no_two_kinds_of_file_share_a_trace_number():
    everything = [
        one.trace_number
        for content in (files.payments(), files.prenotes(), files.reversal())
        for one in ach.read(content).entries
    ]
    assert len(everything) == len(set(everything)) == 7


@pytest.mark.rule("D24")
def test_a_programme_of_its_own_block_has_trace_numbers_of_its_own():
    ours = {one.trace_number for one in ach.read(files.payments(sequence=201)).entries}
    content = files.payments(sequence=5_201)
    found = ach.read(content)
    assert [one.trace_number[8:] for one in found.entries] == ["2015001", "2015002", "2015003"]
    assert found.entries[0].trace_number == ach.trace_number(files.BANK, 5_201, 1)
    assert not ours & {one.trace_number for one in found.entries}
    assert validate(content.decode("ascii")).valid


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(
            lambda: files.payments([files.entry(1)], sequence=8_001), "between 1 and 0",
            id="no such block",
        ),
        pytest.param(
            lambda: files.payments([files.entry(n) for n in range(1, 1_001)], sequence=7_001),
            "1000 entries are not between 1 and 999", id="a block that is full",
        ),
        pytest.param(lambda: files.prenotes([]), "0 entries", id="no prenotes"),
        pytest.param(
            lambda: files.prenotes(zeros(2), first_place=8_999), "2 entries are not between 1 and",
            id="prenotes that do not fit",
        ),
        pytest.param(
            lambda: files.prenotes(zeros(1), first_place=1), "1 entries are not between",
            id="a prenote at a payment's place",
        ),
        pytest.param(lambda: files.payments(file_of_day=36), "File ID Modifier", id="37th file"),
        pytest.param(lambda: files.payments(file_of_day=-1), "File ID Modifier", id="before A"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_made(make, words):
    with pytest.raises(BadInput, match=words):
        make()


def test_the_largest_file_of_payments():
    rows = [files.entry(n) for n in range(1, ach.MAX_ENTRIES + 1)]
    assert len(ach.read(files.payments(rows)).entries) == 7_999
    with pytest.raises(BadInput, match="8000 entries are not between 1 and 7999"):
        files.payments([*rows, files.entry(8_000)])


def test_files_of_a_day_have_modifiers_of_their_own():
    found = [ach.read(files.payments(file_of_day=n)).file_id_modifier for n in range(36)]
    assert "".join(found) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def test_two_receivers_that_print_the_same_are_one():
    rows = [files.entry(1, identification="P-1"), files.entry(2, identification="p-1")]
    with pytest.raises(BadInput, match="it is in the file twice"):
        files.payments(rows)


def test_a_note_that_no_bank_can_read_is_none():
    found = ach.read(files.payments([files.entry(1, note="太陽")]))
    assert found.entries[0].credit.note == ""
    assert found.controls.entry_addenda_count == 1


@pytest.mark.parametrize("word", ["REVERSAL", "reversal", "Reclaim", "Nonsettled"])
def test_words_of_the_network_are_not_descriptions_of_payments(word):
    with pytest.raises(BadInput, match="Company Entry Description"):
        replace(files.BANK, entry_description=word)


# --- same day -----------------------------------------------------------------------------------


@pytest.mark.rule("F03")
@pytest.mark.rule("D33")
def test_a_same_day_file_says_so():
    content = files.same_day()
    assert files.texts(content)[1][63:75] == "SD1800261203"
    assert ach.read(content).is_same_day
    assert not ach.read(files.payments()).is_same_day


@pytest.mark.rule("F03")
def test_an_entry_above_the_limit_does_not_go_the_same_day():
    limit = F03.on(files.THURSDAY)
    above = [files.entry(1, amount=limit + Money(1))]
    exact = files.same_day([files.entry(1, amount=limit)])
    assert ach.read(exact).controls.total_credit == limit
    assert not ach.read(files.payments(above)).is_same_day
    with pytest.raises(BadInput, match=r"at most \$1,000,000.00"):
        files.same_day(above)


@pytest.mark.rule("F03")
@pytest.mark.parametrize(
    ("over", "created_at", "may"),
    [
        pytest.param(0, files.CREATED_THURSDAY, True, id="on the limit"),
        pytest.param(1, files.CREATED_THURSDAY, False, id="a cent above"),
        pytest.param(0, files.CREATED, False, id="a day before"),
        pytest.param(0, files.CREATED_THURSDAY + timedelta(days=1), False, id="a day late"),
    ],
)
def test_what_may_not_go_the_same_day_goes_without_the_mark(over, created_at, may):
    rows = [files.entry(1), files.entry(2, amount=F03.on(files.THURSDAY) + Money(over))]
    facts = {"created_at": created_at, "effective_on": files.THURSDAY}
    assert ach.may_go_same_day(rows, **facts) is may
    found = ach.read(files.payments(rows, is_same_day=may, **facts))
    assert found.is_same_day is may


@pytest.mark.rule("F03")
def test_a_file_above_the_limit_cannot_be_made_same_day_afterwards():
    above = [files.entry(1, amount=F03.on(files.THURSDAY) + Money(1))]
    content = files.payments(above, created_at=files.CREATED_THURSDAY)
    with pytest.raises(BadInput, match="line 3, Amount: above"):
        ach.read(files.put(content, 2, 64, "SD1800"))


@pytest.mark.rule("F03")
@pytest.mark.parametrize(
    ("created_at", "effective_on", "same_day"),
    [
        pytest.param("2026-10-12T14:00", "2026-10-13", True, id="on a Monday holiday"),
        pytest.param("2026-10-13T12:00", "2026-10-13", True, id="the day after it"),
        pytest.param("2026-10-14T03:59", "2026-10-13", True, id="before midnight, Eastern"),
        pytest.param("2026-10-14T04:00", "2026-10-13", False, id="after midnight, Eastern"),
        pytest.param("2026-10-09T14:00", "2026-10-13", False, id="the Friday before"),
        pytest.param("2026-10-10T14:00", "2026-10-13", True, id="the Saturday before"),
        pytest.param("2026-12-02T14:00", "2026-12-03", False, id="an ordinary week"),
        pytest.param("2026-11-02T04:30", "2026-11-02", True, id="the night the clock goes back"),
    ],
)
def test_when_a_file_goes_the_same_day(created_at, effective_on, same_day):
    created, day = datetime.fromisoformat(f"{created_at}+00:00"), date.fromisoformat(effective_on)
    assert ach.settles_same_day(eastern_day(created), day) is same_day
    facts = {"created_at": created, "effective_on": day}
    if same_day:
        assert ach.read(files.same_day(**facts)).effective_on == day
        return
    with pytest.raises(BadInput, match="Effective Entry Date: a same-day file of"):
        files.same_day(**facts)


# --- reversals ----------------------------------------------------------------------------------


@pytest.mark.rule("D30")
@pytest.mark.parametrize(
    ("settled_on", "until"),
    [
        pytest.param("2026-12-03", "2026-12-10", id="a plain Thursday"),
        pytest.param("2026-11-24", "2026-12-02", id="Thanksgiving between"),
        pytest.param("2026-12-24", "2027-01-04", id="Christmas and New Year between"),
        pytest.param("2028-02-24", "2028-03-02", id="a leap day between"),
        pytest.param("2026-07-02", "2026-07-09", id="a Saturday holiday leaves Friday open"),
    ],
)
def test_the_last_day_to_reverse(settled_on, until):
    day, last = date.fromisoformat(settled_on), date.fromisoformat(until)
    assert ach.reversible_until(day) == last
    facts = {"reason": "duplicate", "settled_on": day}
    assert ach.reversal_refused(effective_on=last, **facts) is None
    refused = ach.reversal_refused(effective_on=date.fromordinal(last.toordinal() + 1), **facts)
    assert (refused.rule, refused.code) == ("D30", "reversal_too_late")


@pytest.mark.rule("D30")
@pytest.mark.rule("D31")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, None, id="in order"),
        pytest.param({"effective_on": files.THURSDAY}, None, id="the day of settlement itself"),
        pytest.param(
            {"effective_on": date(2026, 12, 2)}, "reversal_before_settlement", id="too early"
        ),
        pytest.param({"effective_on": date(2026, 12, 11)}, "reversal_too_late", id="the sixth day"),
        pytest.param({"reason": "clawback"}, "reversal_reason_not_permitted", id="a debt"),
        pytest.param({"reason": ""}, "reversal_reason_not_permitted", id="no reason"),
    ],
)
def test_reversal_refused(changes, code):
    facts = {
        "reason": "duplicate", "settled_on": files.THURSDAY, "effective_on": files.FRIDAY,
    }  # fmt: skip
    refused = ach.reversal_refused(**facts | changes)
    assert (refused and refused.code) == code
    if code:
        with pytest.raises(BadInput, match=refused.rule):
            files.reversal(**changes)


@pytest.mark.rule("D31")
def test_every_reason_of_the_network_is_permitted():
    for reason in ach.ReversalReason:
        assert ach.read(files.reversal(reason=reason)).entries


@pytest.mark.rule("D30")
def test_a_reversal_repeats_the_payment():
    original = files.payments()
    found = ach.read(files.reversal(original, ["021000022010003", "021000022010001"]))
    assert found.kind is ach.FileKind.REVERSALS
    assert found.standard_class == ach.read(original).standard_class == "CCD"
    assert found.company_identification == "1234567890"
    by_trace = {one.trace_number: one.credit for one in ach.read(original).entries}
    for reversed_, trace in zip(found.entries, ("021000022010003", "021000022010001"), strict=True):
        assert reversed_.credit == replace(by_trace[trace], note=f"REVERSES {trace} WRONG AMOUNT")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda: files.reversal(traces=()), "0 entries", id="nothing"),
        pytest.param(
            lambda: files.reversal(traces=["021000022010009"]), "no trace number 0210",
            id="not in that file",
        ),
        pytest.param(
            lambda: files.reversal(traces=["021000022010001"] * 2), "in the file twice", id="twice"
        ),
        pytest.param(
            lambda: files.reversal(files.prenotes(), ["021000022018000"]), "only payments",
            id="a prenote",
        ),
        pytest.param(
            lambda: files.reversal(files.reversal(), ["021000022019000"]), "only payments",
            id="a reversal",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_reversed(make, words):
    with pytest.raises(BadInput, match=words):
        make()


def test_only_who_paid_reverses():
    another = replace(files.BANK, company_identification="1999999999")
    with pytest.raises(BadInput, match="Company Identification"):
        ach.build_reversal(
            another,
            ach.read(files.payments()),
            ["021000022010001"],
            reason="duplicate",
            settled_on=files.THURSDAY,
            created_at=files.CREATED,
            effective_on=files.FRIDAY,
            sequence=201,
        )


# --- all kinds ----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 100_000_000),
            st.from_regex(r"[A-Z0-9][A-Z0-9-]{0,16}", fullmatch=True),
            st.sampled_from(ach.AccountKind),
            st.text(max_size=80).filter(lambda text: len(ach.transliterated(text)) <= 80),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 60 * 366 * 24 * 60),
    st.booleans(),
)
def test_whatever_is_written_is_read_back_and_can_be_reversed(rows, minutes, same_day):
    entries = [
        files.entry(n, amount=Money(cents), account_number=account, account_kind=kind, note=note)
        for n, (cents, account, kind, note) in enumerate(rows, start=1)
    ]
    created_at = files.CREATED + timedelta(minutes=minutes)
    content = files.payments(entries, created_at=created_at)
    if same_day:
        content = files.same_day(entries)
    paid = ach.read(content)
    assert [one.credit for one in paid.entries] == [
        replace(one, name=one.name.upper(), note=ach.transliterated(one.note)) for one in entries
    ]
    asked = ach.read(files.prenotes([replace(one, amount=NOTHING) for one in entries]))
    back = ach.read(files.reversal(content, [one.trace_number for one in paid.entries]))
    assert back.controls.total_debit == paid.controls.total_credit
    assert back.controls.entry_hash == paid.controls.entry_hash == asked.controls.entry_hash


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=60).filter(ach.transliterated),
    st.text(max_size=60).filter(ach.transliterated),
    st.text(max_size=40),
)
def test_whoever_sends_it(name, bank_name, run):
    originator = replace(files.BANK, name=name, bank_name=bank_name)
    facts = {"created_at": files.CREATED, "effective_on": files.THURSDAY, "sequence": 7}
    found = ach.read(ach.build(originator, [files.entry(1)], run=run, **facts))
    assert found.company_name == ach.transliterated(name)[:16].rstrip()
    assert found.run == ach.transliterated(run)[:20].rstrip()
