"""The books: they sum to zero, and a change of what was written is seen."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.funding import ledger
from cloud.funding.models import Application, Deduction, LedgerEntry, Payable, Posting
from cloud.funding.netting import DeductionKind
from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.kernel.money import Money

AT = datetime(2026, 12, 1, tzinfo=UTC)


def append(head, name, postings):
    return ledger.append(
        head, entry_id=name, postings=postings, event_at=AT, recorded_at=AT, causes=("c",), says="s"
    )


def chain(partner="P-A", amounts=(100, 50, 7)):
    head, entries = ledger.head_of(partner), []
    for place, cents in enumerate(amounts):
        sides = ledger.move(Money(cents), debit="project_cost", credit="partner_payable")
        entry, head = append(head, f"{partner}-{place}", sides)
        entries.append(entry)
    return entries, head


@pytest.mark.parametrize(
    "postings",
    [
        (),
        (Posting("a", Money(0)),),
        (Posting("a", Money(5)),),
        (Posting("a", Money(5)), Posting("b", Money(-4))),
        (Posting("a", Money(5)), Posting("b", Money(-5)), Posting("c", Money(0))),
    ],
    ids=["empty", "one of zero", "one side", "a cent off", "a side of zero"],
)
def test_an_entry_that_does_not_balance_cannot_exist(postings):
    with pytest.raises(BrokenInvariant, match="ledger entry E"):
        append(ledger.head_of("P-A"), "E", postings)


def test_trial_balance():
    entries, _ = chain()
    paid, _ = append(
        ledger.head_of("P-A"),
        "pay",
        ledger.paying(Money(157), {DeductionKind.MATERIAL: Money(57)}, Money(100)),
    )
    raised, _ = append(
        ledger.head_of("P-A"), "raise", ledger.raising(DeductionKind.MATERIAL, Money(57))
    )
    assert {
        name: one.cents for name, one in ledger.trial_balance([*entries, raised, paid]).items()
    } == {"ach_in_transit": -100, "material_cost": -57, "project_cost": 157}


def test_a_payment_of_nothing_has_no_side_of_zero():
    sides = ledger.paying(Money(5), {DeductionKind.MATERIAL: Money(5)}, Money(0))
    assert [side.account for side in sides] == ["partner_payable", "receivable:material"]


def test_every_kind_can_be_raised():
    for kind in DeductionKind:
        entry, _ = append(ledger.head_of("P-A"), "E", ledger.raising(kind, Money(1)))
        assert entry.postings[0].account == f"receivable:{kind}"


def test_chains_of_several_partners_are_verified_in_any_order():
    (one, end), (two, other) = chain("P-A"), chain("P-B", (9,))
    ledger.verify([*reversed(one), *two], [end, other])
    ledger.verify([])


def _forged(entry: LedgerEntry) -> LedgerEntry:
    return replace(entry, says="something else")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda rows: [rows[0], _forged(rows[1]), rows[2]], "P-A-1 .* content was changed"),
        (lambda rows: [rows[0], rows[2]], "P-A-2 .* number is 3 where 2"),
        (lambda rows: rows[1:], "P-A-1 .* number is 2 where 1"),
        (lambda rows: [rows[0], rows[1], rows[1]], "P-A-1 .* number is 2 where 3"),
        (lambda rows: rows[:2], "ledger of P-A: it should end with entry 3"),
        (
            lambda rows: [rows[0], replace(rows[1], previous_hash="0" * 64), rows[2]],
            "P-A-1 .* does not follow",
        ),
    ],
    ids=["forged", "one missing", "first missing", "one twice", "last missing", "relinked"],
)
def test_what_was_changed_is_named(damage, words):
    entries, head = chain()
    with pytest.raises(BrokenInvariant, match=words):
        ledger.verify(damage(entries), [head])


def test_an_id_is_used_once():
    entries, head = chain(amounts=(1,))
    again, _ = append(head, "P-A-0", entries[0].postings)
    with pytest.raises(BrokenInvariant, match="id was used before"):
        ledger.verify([*entries, again])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=12), st.data())
def test_any_change_of_an_amount_is_seen(amounts, data):
    entries, head = chain(amounts=amounts)
    ledger.verify(entries, [head])
    assert sum(one.cents for one in ledger.trial_balance(entries).values()) == 0
    place = data.draw(st.integers(0, len(entries) - 1))
    more = data.draw(st.integers(1, 100))
    sides = tuple(
        Posting(side.account, side.amount + Money(more if side.amount.cents > 0 else -more))
        for side in entries[place].postings
    )
    entries[place] = replace(entries[place], postings=sides)
    with pytest.raises(BrokenInvariant, match=f"P-A-{place} "):
        ledger.verify(entries, [head])


def test_items_of_nothing_cannot_exist():
    with pytest.raises(BadInput, match="payable P"):
        Payable("P", "P-A", "", "", "service", Money(0), AT)
    with pytest.raises(BadInput, match="deduction D"):
        Deduction("D", DeductionKind.MATERIAL, "P-A", "", Money(0), AT.date(), AT)
    with pytest.raises(BrokenInvariant, match="more than its"):
        Deduction(
            "D",
            DeductionKind.MATERIAL,
            "P-A",
            "",
            Money(5),
            AT.date(),
            AT,
            (Application("R", Money(6)),),
        )
