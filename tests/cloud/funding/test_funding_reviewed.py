"""Ways in which money could go wrong across two parts of funding, each held by one test."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from direct_pay_world import Deal, days
from direct_pay_world import et as et_of_deal
from funding_world import World
from life_world import DAY, HOUR, M1, M2, NTP, Life

from cloud.funding import process
from cloud.funding.models import Deduction
from cloud.funding.process.opening import standing_of
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone


@pytest.mark.rule("F26")
@pytest.mark.parametrize("is_reordered", [False, True])
def test_an_activation_reached_anew_before_its_revocation_is_heard_of_returns_the_clawback(
    is_reordered,
):
    life = Life()
    life.reach(NTP)
    life.pass_(DAY)
    life.reach(M1)
    life.pay()
    life.pass_(130 * DAY)
    life.wake()
    life.earn(50_000_00)
    life.pay()  # the clawback is taken
    life.pass_(DAY)
    life.reach(M2)
    life.pay()  # and returned
    life.pass_(DAY)
    life.take_off(M2)
    life.pass_(HOUR)
    life.record(M2)
    told = [
        lambda: process.milestone_revoked(life.records, project_id="J-1", at=life.now),
        lambda: life.tell(M2),
    ]
    for tell in reversed(told) if is_reordered else told:
        tell()
    life.wake()
    life.check()
    owed = life.open()
    assert sum(owed.values()) == 0, owed


@pytest.mark.rule("D13")
def test_what_was_written_off_is_not_given_back_when_the_vendor_takes_its_invoice_back():
    deal = Deal()
    shipped = et_of_deal("2026-10-02T09:00")
    deal.ship(shipped)
    deal.bill("I-1", 4_000_00, shipped)
    late = shipped + days(20)
    deal.wake_due(late)
    debt = deal.material("I-1")
    proposal = process.propose_settlement(
        deal.records,
        deduction_id=debt.id,
        amount=debt.open,
        how="written_off",
        because="gone",
        at=late,
        by="ana",
    )
    process.agree_settlement(deal.records, proposal_id=proposal.id, at=late, by="bob")
    deal.void("I-1", late + days(1))
    assert deal.credit("I-1") is None


@pytest.mark.rule("D14")
def test_a_cost_that_was_given_back_does_not_raise_what_may_be_taken_back():
    deal = Deal()
    shipped, reached = et_of_deal("2026-11-20T09:00"), et_of_deal("2026-11-24T09:00")
    deal.ship(shipped)
    deal.bill("I-1", 4_000_00, shipped)
    steps = (Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED, Milestone.M1)
    deal.put(replace(deal.project, reached=tuple((one, reached) for one in steps)))
    process.milestone_reached(deal.records, project_id="J-1", milestone=M1, at=reached)
    deal.run(cutoff=datetime(2026, 11, 25, 7, 31, tzinfo=UTC), at=reached + days(1))
    deal.void("I-1", reached + days(2))
    monday = datetime(2026, 11, 30, 7, 31, tzinfo=UTC)
    deal.run(cutoff=monday, at=monday)
    standing = standing_of(deal.records, deal.project)
    m1 = sum(one.amount.cents for one in standing.payables if one.milestone == M1)
    assert standing.left(on=monday.date()) == Money(m1)


@pytest.mark.rule("F24")
def test_nobody_frees_an_m1_that_waits_for_a_price():
    world = World()
    made = world.m1("PRJ-1", make="SolarEdge", model="SE-UNKNOWN")
    assert made.hold == "unpriced_inverter"
    refused = process.release_payable(
        world.records, payable_id=made.id, by="bob", at=made.accrued_at
    )
    assert isinstance(refused, Refused)
    assert refused.code == "unpriced_inverter"


@pytest.mark.rule("F25")
def test_what_a_vendor_took_back_is_paid_although_its_project_is_cancelled():
    """The cost was taken from other money of the partner: it is its own, whatever becomes of it."""
    deal = Deal()
    shipped = et_of_deal("2026-10-02T09:00")
    deal.ship(shipped)
    deal.bill("I-1", 4_000_00, shipped)
    late = shipped + days(20)
    deal.wake_due(late)
    first = datetime(2026, 10, 26, 6, 31, tzinfo=UTC)
    deal.service("INV-1", 10_000_00, at=first - days(1))
    assert deal.run(cutoff=first, at=first).net == Money(6_000_00)
    deal.void("I-1", first + days(1))
    gone = replace(deal.project, cancelled=True, cancelled_at=first + days(1))
    deal.put(gone)
    process.project_cancelled(deal.records, project_id="J-1", at=first + days(1))
    second = datetime(2026, 10, 28, 6, 31, tzinfo=UTC)
    assert deal.run(cutoff=second, at=second).net == Money(4_000_00)
    third = datetime(2026, 11, 2, 7, 31, tzinfo=UTC)
    assert deal.run(cutoff=third, at=third).net == Money(0)


@pytest.mark.rule("D13")
def test_what_was_written_off_of_a_cancellation_is_lost_once_over_all_invoices():
    deal = Deal()
    shipped = et_of_deal("2026-10-02T09:00")
    deal.ship(shipped)
    deal.bill("I-1", 4_000_00, shipped)
    deal.bill("I-2", 1_000_00, shipped)
    over = shipped + days(1)
    deal.put(replace(deal.project, cancelled=True, cancelled_at=over))
    process.project_cancelled(deal.records, project_id="J-1", at=over)
    (debt,) = [
        one.record
        for one in deal.records.find(Deduction, by="project_id", value="J-1")
        if one.record.open
    ]
    assert debt.open == Money(5_000_00)
    proposal = process.propose_settlement(
        deal.records,
        deduction_id=debt.id,
        amount=Money(3_000_00),
        how="written_off",
        because="half is gone",
        at=over,
        by="ana",
    )
    process.agree_settlement(deal.records, proposal_id=proposal.id, at=over, by="bob")
    for number in ("I-1", "I-2"):
        deal.void(number, over + days(1))
    given = [deal.credit(number).amount.cents for number in ("I-1", "I-2")]
    assert sum(given) == 2_000_00
