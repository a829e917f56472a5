"""Debts that no run takes: listed, written about every thirty days, settled by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest
from funding_world import Killed
from life_world import DAY, HOUR, M1, Life

from cloud.funding import process
from cloud.funding.dunning import letter_due
from cloud.funding.models import Deduction
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import TEST
from cloud.portfolio.proposals import Proposal

SECOND = timedelta(seconds=1)


def owing(cents: int = 900_00) -> Life:
    """A partner that owes, without any money of its own."""
    life = Life()
    life.offset("OFF-1", cents, at=life.now)
    return life


def letters(life: Life):
    return sorted(life.records.letters.values(), key=lambda one: one.at)


# --- the list ----------------------------------------------------------------------------------


@pytest.mark.rule("D02")
def test_debts_are_listed_with_age_and_whether_money_waits():
    life = owing()
    life.offset("OFF-2", 100_00, at=life.now)
    (debt,) = process.debts(life.records, as_of=life.now)
    assert (debt.partner_id, debt.open, debt.has_open_payable) == ("P-A", Money(1_000_00), False)
    assert (debt.oldest_on.isoformat(), debt.age_days) == ("2026-11-20", -50)
    assert [one.id for one in debt.deductions] == ["OFF-1", "OFF-2"]
    life.earn(5_00)
    (debt,) = process.debts(life.records, as_of=life.now)
    assert debt.has_open_payable
    assert process.debts(Life().records, as_of=life.now) == ()


# --- letters -----------------------------------------------------------------------------------


@pytest.mark.rule("D12")
def test_a_letter_leaves_on_day_thirty_and_every_thirty_days():
    life = owing()
    life.pass_(30 * DAY - SECOND).wake()
    assert letters(life) == []
    life.pass_(SECOND).wake()
    (first,) = letters(life)
    assert first.to == "money@partner.example"
    assert "$900.00 since 2026-11-20: offset OFF-1 (Net Fund/Offset, reference OFF-1)" in first.text
    assert "check or wire" in first.text
    for _ in range(2):
        process.assess_debts(life.records, partner_id="P-A", at=life.now)
    life.pass_(30 * DAY - SECOND).wake()
    assert len(letters(life)) == 1
    life.pass_(SECOND).wake()
    assert len({one.id for one in letters(life)}) == 2


@pytest.mark.rule("D12")
def test_a_run_that_had_money_of_the_partner_puts_the_letter_off():
    life = owing()
    life.pass_(20 * DAY).earn(1_00)
    plan = life.pay()
    assert plan.net == Money(0)
    paid_at = life.now
    life.pass_(10 * DAY).wake()
    assert letters(life) == []
    life.now = paid_at + 30 * DAY
    life.wake()
    assert len(letters(life)) == 1


@pytest.mark.rule("D12")
def test_many_debts_are_one_letter():
    life = owing()
    for number in range(2, 30):
        life.pass_(HOUR)
        life.offset(f"OFF-{number}", 100, at=life.now)
    life.pass_(31 * DAY).wake()
    (letter,) = letters(life)
    assert "$928.00" in letter.subject


@pytest.mark.rule("D12")
@pytest.mark.parametrize("why", ["paused", "closed", "tried out"])
def test_nobody_is_written_to_who_owes_nothing_now(why):
    life = owing()
    if why == "paused":
        process.pause_deduction(
            life.records, deduction_id="OFF-1", paused=True, by="ana", at=life.now
        )
    elif why == "closed":
        life.earn(900_00)
        life.pay()
    else:
        life.put(replace(life.partner, mode=TEST))
    life.pass_(61 * DAY).wake()
    assert letters(life) == []


@pytest.mark.rule("D12")
def test_killed_after_the_letter_it_is_one_letter():
    life = owing()
    life.pass_(30 * DAY)
    life.fuse(1)
    with pytest.raises(Killed):
        process.assess_debts(life.records, partner_id="P-A", at=life.now)
    life.fuse(-1)
    process.assess_debts(life.records, partner_id="P-A", at=life.now)
    assert len(letters(life)) == 1


@pytest.mark.rule("D12")
def test_the_latest_of_debt_run_and_letter_counts():
    start = Life().now
    for number, at in enumerate([start, start + DAY, start + 2 * DAY]):
        found = letter_due(
            oldest_raised_at=start,
            last_run_at=start + DAY if number else None,
            written_at=start + 2 * DAY if number == 2 else None,
        )
        assert found == at + 30 * DAY


# --- settling by hand --------------------------------------------------------------------------


def proposed(life: Life, cents: int, how: str = "wire", by: str = "ana"):
    return process.propose_settlement(
        life.records,
        deduction_id="OFF-1",
        amount=Money(cents),
        how=how,
        because="came with the letter of 3 March",
        at=life.now,
        by=by,
    )


def agreed(life: Life, proposal: Proposal, by: str = "bob"):
    return process.agree_settlement(life.records, proposal_id=proposal.id, at=life.now, by=by)


@pytest.mark.rule("D13")
@pytest.mark.rule("D09")
@pytest.mark.parametrize(
    ("how", "account"),
    [("paid_by_check", "bank_cash"), ("wire", "bank_cash"), ("written_off", "bad_debt")],
)
def test_two_people_settle_a_debt_once(how, account):
    life = owing()
    made = proposed(life, 900_00, how)
    alone = agreed(life, made, by="ana")
    assert isinstance(alone, Refused)
    assert alone.code == "maker_is_checker"
    for by in ("bob", "bob", "cleo"):
        debt = agreed(life, made, by=by)
    assert (debt.state, debt.open, debt.recovered) == ("closed", Money(0), Money(900_00))
    assert life.check()[account] == 900


@pytest.mark.rule("D13")
def test_a_part_is_settled_and_the_rest_stays_open():
    life = owing()
    agreed(life, proposed(life, 400_01))
    assert life.deductions()[0].open == Money(499_99)
    life.earn(1_000_00)
    assert life.pay().net == Money(500_01)
    life.check()


@pytest.mark.rule("D13")
@pytest.mark.parametrize(("cents", "is_allowed"), [(900_00, True), (900_01, False)])
def test_no_more_than_is_open_is_settled(cents, is_allowed):
    found = proposed(owing(), cents)
    assert isinstance(found, Proposal) is is_allowed


@pytest.mark.rule("D13")
def test_what_a_run_took_meanwhile_is_not_settled():
    life = owing()
    made = proposed(life, 900_00)
    life.earn(100_00)
    life.pay()
    refused = agreed(life, made)
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.code) == ("D13", "more_than_open")
    assert portfolio.proposal(life.records, made.id).record.state == "pending"
    assert life.deductions()[0].open == Money(800_00)
    life.check()


@pytest.mark.rule("D13")
def test_a_run_that_takes_it_this_moment_comes_first():
    life = owing()
    made = proposed(life, 900_00)
    life.earn(100_00)
    run = life.prepared()
    life.overtake(
        lambda one: isinstance(one, Deduction),
        lambda: process.commit(life.records, run_id=run.id, at=life.now),
    )
    refused = agreed(life, made)
    assert isinstance(refused, Refused)
    assert life.deductions()[0].open == Money(800_00)
    life.check()


@pytest.mark.rule("D13")
def test_a_plan_whose_debt_was_settled_waits_for_the_next_run():
    life = owing()
    made = proposed(life, 900_00)
    life.earn(100_00)
    run = life.prepared()
    agreed(life, made)
    process.commit(life.records, run_id=run.id, at=life.now)
    assert life.open() == {"service": 100}
    life.check()


@pytest.mark.rule("D13")
def test_killed_after_settling_and_agreed_to_again():
    life = owing()
    made = proposed(life, 900_00)
    life.fuse(1)
    with pytest.raises(Killed):
        agreed(life, made)
    life.fuse(-1)
    assert agreed(life, made).open == Money(0)
    life.check()


def test_what_cannot_be_a_settlement():
    life = owing()
    with pytest.raises(BadInput, match="use one of paid_by_check, wire, written_off"):
        proposed(life, 1, "cash")
    with pytest.raises(BadInput, match="above zero"):
        proposed(life, 0)
    made = proposed(life, 1)
    rejected = portfolio.reject(life.records, proposal_id=made.id, at=life.now, by="bob")
    assert rejected.state == "rejected"
    refused = agreed(life, made)
    assert isinstance(refused, Refused)
    other = portfolio.propose(
        life.records, kind="other", subject="J-1", facts={}, because="x", at=life.now, by="ana"
    )
    with pytest.raises(BadInput, match="is about other"):
        agreed(life, other)


def test_a_clawback_that_is_paused_can_be_paid():
    life = Life()
    life.reach(M1)
    life.pay()
    life.pass_(121 * DAY).wake()
    (debt,) = life.deductions("clawback_m1")
    process.pause_deduction(life.records, deduction_id=debt.id, paused=True, by="ana", at=life.now)
    made = process.propose_settlement(
        life.records,
        deduction_id=debt.id,
        amount=debt.open,
        how="wire",
        because="paid",
        at=life.now,
        by="ana",
    )
    assert agreed(life, made).state == "closed"
    life.check()
