"""Direct Pay material: two limits, and each invoice recovered once, whatever comes when."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from direct_pay_world import Deal, days, et
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.funding import ledger, process
from cloud.funding.books import problems_of
from cloud.funding.materials import Material, VendorInvoice, judge, missed_from
from cloud.funding.models import (
    Application,
    Deduction,
    DeductionState,
    Payable,
    PayableState,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import D26, LimitEnd
from cloud.funding.process import direct_pay
from cloud.funding.process.booking import entry_change
from cloud.funding.process.ending import take_back_cancelled
from cloud.funding.process.equipment import APPROVE_DUE, SUBMIT_DUE
from cloud.funding.process.verifying import partner_books
from cloud.kernel.change import Change
from cloud.kernel.money import ZERO, Money
from cloud.portfolio.models import Milestone

SHIPPED = et("2026-11-02T12:00")
SUBMITTED, APPROVED = Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED
ONE_US = timedelta(microseconds=1)


# --- when a limit is missed --------------------------------------------------------------------


@pytest.mark.rule("D26")
@pytest.mark.parametrize(
    ("due", "end", "from_when"),
    [
        pytest.param("2026-11-16", LimitEnd(1, time(0)), "2026-11-17T00:00-05:00", id="day after"),
        pytest.param(
            "2026-11-16", LimitEnd(0, time(8)), "2026-11-16T08:00-05:00", id="8 in the am"
        ),
        pytest.param("2026-10-31", LimitEnd(1, time(0)), "2026-11-01T00:00-04:00", id="DST ends"),
        pytest.param("2027-03-13", LimitEnd(1, time(0)), "2027-03-14T00:00-05:00", id="DST begins"),
        pytest.param("2027-03-14", LimitEnd(0, time(8)), "2027-03-14T08:00-04:00", id="DST, 8 am"),
        pytest.param("2028-02-28", LimitEnd(1, time(0)), "2028-02-29T00:00-05:00", id="leap day"),
    ],
)
def test_missed_from(due, end, from_when):
    found = missed_from(date.fromisoformat(due), end)
    assert found.isoformat(timespec="minutes") == from_when


@pytest.mark.rule("D26")
@pytest.mark.parametrize(
    ("programme", "submitted", "is_missed"),
    [
        pytest.param("comfort", "2026-11-16T23:59:59", False, id="the last second of day 14"),
        pytest.param("comfort", "2026-11-17T00:00", True, id="the first instant of day 15"),
        pytest.param("standard", "2026-11-16T07:59:59", False, id="just before 8"),
        pytest.param("standard", "2026-11-16T08:00", True, id="at 8 on day 14"),
    ],
)
def test_a_programme_says_at_what_hour_its_14_days_end(programme, submitted, is_missed):
    billed = [VendorInvoice(Money(100), SHIPPED)]
    facts = Material(shipped_at=SHIPPED, invoices=billed, m1_submitted_at=et(submitted))
    verdict = judge(facts, et(submitted), programme)
    assert verdict.submit_due_date == date(2026, 11, 16)
    assert verdict.triggers == (("install_not_submitted_14d",) if is_missed else ())
    waiting = replace(facts, m1_submitted_at=None)
    since = verdict.submit_missed_from
    assert judge(waiting, since, programme).triggers
    assert not judge(waiting, since - ONE_US, programme).triggers


@pytest.mark.rule("D26")
def test_the_thirty_days_end_at_midnight_in_every_programme():
    for programme in ("comfort", "standard"):
        assert D26.on(SHIPPED.date(), programme)["material_approve"] == LimitEnd(1, time(0))


# --- the timers --------------------------------------------------------------------------------


def shipped(**changes):
    deal = Deal(**changes)
    deal.ship(SHIPPED)
    return deal


@pytest.mark.rule("F19")
@pytest.mark.rule("F20")
def test_the_timer_of_the_14_days_moves_with_each_later_invoice():
    deal = shipped()
    assert deal.timer(SUBMIT_DUE) == et("2026-11-17T00:00")
    deal.bill("1", 5_000_00, SHIPPED + days(3), final=False)
    assert deal.timer(SUBMIT_DUE) == et("2026-11-20T00:00")
    deal.bill("1", 5_000_00, SHIPPED + days(9))
    assert deal.timer(SUBMIT_DUE) == et("2026-11-20T00:00")
    deal.bill("2", 100_00, SHIPPED + days(10))
    assert deal.timer(SUBMIT_DUE) == et("2026-11-27T00:00")
    assert deal.wake_due(et("2026-11-20T00:00")) == 0


@pytest.mark.rule("F19")
@pytest.mark.parametrize(
    ("woken", "is_taken"),
    [("2026-11-16T23:59:59", False), ("2026-11-17T00:00", True)],
    ids=["the last second of day 14", "the first instant of day 15"],
)
def test_woken_early_nothing_is_taken_and_the_timer_is_set_again(woken, is_taken):
    deal = shipped()
    deal.bill("1", 5_000_00, SHIPPED)
    deal.assess(et(woken))
    assert (deal.material("1") is not None) is is_taken
    assert deal.timer(SUBMIT_DUE) == et("2026-11-17T00:00")
    if is_taken:
        made = deal.material("1")
        assert (made.kind, made.open, made.raised_at) == ("material", Money(5_000_00), et(woken))
        before = deal.records.load(type(made), made.id)
        deal.wake_due(et("2026-11-18T00:00"))
        deal.assess(et("2026-12-18T00:00"))
        assert deal.records.load(type(made), made.id) == before
        assert deal.timer(SUBMIT_DUE) is None


@pytest.mark.rule("F21")
def test_the_thirty_days_begin_with_the_packet():
    deal = shipped()
    deal.bill("1", 5_000_00, SHIPPED)
    deal.reach(SUBMITTED, SHIPPED + days(5))
    assert deal.timer(APPROVE_DUE) == et("2026-12-08T00:00")
    assert deal.wake_due(et("2026-12-07T23:59:59")) == 1  # that of the 14 days, which were kept
    assert deal.material("1") is None
    assert deal.wake_due(et("2026-12-08T00:00")) == 1
    assert deal.material("1").open == Money(5_000_00)


def test_what_was_done_in_time_is_not_taken():
    deal = shipped()
    deal.bill("1", 5_000_00, SHIPPED)
    deal.reach(SUBMITTED, et("2026-11-16T23:59:59"))
    deal.reach(APPROVED, et("2026-12-16T23:59:59"))
    for at in ("2026-11-17T00:00", "2026-12-17T00:00", "2027-03-01T00:00"):
        deal.wake_due(et(at))
        deal.assess(et(at))
    assert deal.material("1") is None
    assert not deal.records.timers


def test_without_an_invoice_it_waits_and_the_invoice_starts_the_days_again():
    deal = shipped()
    deal.wake_due(et("2026-11-20T00:00"))
    assert deal.assess(et("2026-11-20T00:00")).is_waiting_for_invoice
    deal.bill("1", 5_000_00, et("2026-11-20T09:00"))
    assert deal.material("1") is None
    assert deal.timer(SUBMIT_DUE) == et("2026-12-05T00:00")
    assert deal.wake_due(et("2026-12-05T00:00")) == 1
    assert deal.material("1").open == Money(5_000_00)


@pytest.mark.rule("F20")
def test_an_invoice_after_the_material_was_taken_is_taken_at_once():
    deal = shipped()
    deal.bill("1", 5_000_00, SHIPPED, final=False)
    deal.wake_due(et("2026-11-17T00:00"))
    deal.bill("2", 300_00, et("2026-11-18T00:00"))
    assert deal.material("2").open == Money(300_00)
    assert deal.timer(SUBMIT_DUE) is None


def test_a_shipment_told_when_its_days_are_over_is_acted_on_at_once():
    deal = Deal()
    deal.bill("1", 5_000_00, SHIPPED - days(1))
    deal.ship(SHIPPED, at=SHIPPED + days(20))
    assert deal.wake_due(SHIPPED + days(20)) == 1
    assert deal.material("1").open == Money(5_000_00)


def test_who_left_or_cancelled_is_not_asked():
    deal = Deal()
    deal.bill("1", 5_000_00, SHIPPED)
    deal.choose("out", SHIPPED)
    deal.ship(SHIPPED + days(1))
    assert not deal.records.timers
    assert deal.assess(SHIPPED + days(90)) is None
    gone = shipped()
    gone.bill("1", 5_000_00, SHIPPED)
    gone.put(replace(gone.project, cancelled=True))
    assert gone.wake_due(SHIPPED + days(90)) == 1
    assert gone.material("1") is None


# --- from the project's own money to any -------------------------------------------------------


def taken(deal, debt, cents, run="R-1"):
    """Let a run take that much of a deduction."""
    stored = deal.records.load(type(debt), debt.id)
    done = replace(debt, applications=(*debt.applications, Application(run, Money(cents))))
    done = replace(done, state=DeductionState.OPEN if done.open else DeductionState.CLOSED)
    deal.records.commit(Change(saves=(stored.replaced_by(done),)))


@pytest.mark.rule("F22")
@pytest.mark.parametrize(
    ("recovered", "left"),
    [(0, 5_000_00), (1, 4_999_99), (4_999_99, 1), (5_000_00, 0)],
    ids=["nothing", "a cent", "all but a cent", "all"],
)
def test_what_its_own_money_did_not_pay_is_asked_for_from_any(recovered, left):
    deal = shipped()
    deal.bill("1", 5_000_00, SHIPPED)
    deal.reach(SUBMITTED, SHIPPED + days(1))
    deal.reach(Milestone.M1, SHIPPED + days(2))
    own = deal.deduction("1")
    assert (own.kind, own.raised_at) == (DeductionKind.EQUIPMENT, SHIPPED + days(2))
    if recovered:
        taken(deal, own, recovered)
    # M1 came without an approval of its own: with this plan it stands for it.
    deal.put(replace(deal.project, m1_basis=SUBMITTED))
    deal.assess(SHIPPED + days(40))
    own, material = deal.deduction("1"), deal.material("1")
    assert (own.open, own.dropped, own.state) == (ZERO, Money(left), DeductionState.CLOSED)
    assert (material.open if material else ZERO) == Money(left)
    if material:
        assert material.raised_at == own.raised_at, "it keeps its place in the window"
    deal.assess(SHIPPED + days(41))
    assert deal.material("1") == material


def test_the_debt_keeps_its_window_when_its_reach_changes():
    """The limit passes between the cut-off and the run: M1 is not paid without its reduction."""
    deal = Deal(m1_basis=SUBMITTED)
    deal.ship(et("2026-10-05T12:00"))
    deal.bill("1", 5_000_00, et("2026-10-05T12:00"))
    deal.reach(SUBMITTED, et("2026-11-01T12:00"))  # late, and found so only now
    assert deal.material("1").raised_at == et("2026-11-01T12:00")

    deal = Deal(m1_basis=SUBMITTED)
    m1_at = et("2026-11-02T01:00")
    deal.put(replace(deal.project, reached=((SUBMITTED, m1_at), (Milestone.M1, m1_at))))
    deal.bill("1", 5_000_00, m1_at)
    process.accrue_milestone(deal.records, project=deal.project, milestone=Milestone.M1, at=m1_at)
    deal.assess(et("2026-12-03T00:00"))
    assert deal.deduction("1").open == ZERO
    run = deal.run(cutoff=et("2026-12-02T02:31"), at=et("2026-12-03T09:00"))
    assert run.net == Money(19_000_00)


@pytest.mark.rule("D27")
@pytest.mark.rule("D29")
def test_a_dozen_invoices_half_paid_back_leave_in_one_transaction():
    deal = Deal()
    deal.reach(Milestone.M1, SHIPPED)
    numbers = [f"N{number}" for number in range(12)]
    for number in numbers:
        deal.bill(number, 100_00, SHIPPED, final=False)
        taken(deal, deal.deduction(number), 40_00)
    deal.choose("out", SHIPPED)
    assert {deal.credit(number).amount for number in numbers} == {Money(40_00)}
    assert {deal.deduction(number).open for number in numbers} == {ZERO}


# --- anything, in any order --------------------------------------------------------------------

NUMBERS = ("A", "B", "C")
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(0, 20)),
    st.tuples(st.just("order"), st.just(0)),
    st.tuples(st.just("ship"), st.integers(0, 10)),
    st.tuples(st.just("bill"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("again"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("void"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("submit"), st.just(0)),
    st.tuples(st.just("approve"), st.just(0)),
    st.tuples(st.just("out"), st.just(0)),
    st.tuples(st.just("in"), st.just(0)),
    st.tuples(st.just("recover"), st.integers(1, 9_000_00)),
    st.tuples(st.just("assess"), st.just(0)),
    st.tuples(st.just("cancel"), st.just(0)),
)
AMOUNTS = {"A": 5_000_00, "B": 1, "C": 7_777_77}


class Life:
    """A deal to which things happen, a day at a time or many."""

    def __init__(self):
        self.deal, self.at, self.runs = Deal(), SHIPPED, 0

    def do(self, what, arg):
        deal, at = self.deal, self.at
        if what == "wait":
            self.at += days(arg)
            self.wake()
        elif what == "order":
            deal.order(at)
        elif what == "ship":
            deal.ship(at - days(arg), at=at)
        elif what in {"bill", "again"}:
            deal.bill(arg, AMOUNTS[arg], at)
        elif what == "void":
            if deal.direct.invoices and any(one.number == arg for one in deal.direct.invoices):
                deal.void(arg, at)
        elif what in {"in", "out"}:
            deal.choose(what, at)
        elif what == "submit" and not deal.project.reached_at(SUBMITTED):
            deal.reach(SUBMITTED, at)
        elif what == "approve" and deal.project.reached_at(SUBMITTED):
            if not deal.project.reached_at(Milestone.M1):
                deal.reach(APPROVED, at)
                deal.reach(Milestone.M1, at)
        elif what == "assess":
            deal.assess(at)
        elif what == "recover":
            self.recover(arg)
        elif what == "cancel":
            self.cancel()

    def cancel(self):
        """Cancel once; settling it looks again whenever it is asked to."""
        if not self.deal.project.cancelled:
            gone = replace(self.deal.project, cancelled=True, cancelled_at=self.at)
            self.deal.put(gone)
        take_back_cancelled(self.deal.records, project_id="J-1", at=self.at)

    def wake(self):
        while self.deal.wake_due(self.at):
            pass

    def recover(self, cents):
        """Let runs take up to that much of every open deduction, in the books too."""
        for debt in self.debts():
            if debt.open:
                self.runs += 1
                some = min(cents, debt.open.cents)
                taken(self.deal, debt, some, f"R-{self.runs}")
                entry = entry_change(
                    self.deal.records,
                    "P-A",
                    entry_id=f"LE-{self.runs}",
                    postings=ledger.move(
                        Money(some), debit="bank_cash", credit=ledger.receivable(debt.kind)
                    ),
                    event_at=self.at,
                    recorded_at=self.at,
                    causes=(debt.id,),
                    says="a run took it",
                )
                self.deal.records.commit(entry)

    def debts(self):
        found = self.deal.records.find(Deduction, by="partner_id", value="P-A")
        return [one.record for one in found]

    def check_cancelled(self):
        """All that was ever asked for and not given back is what vendors keep."""
        asked = sum(one.recovered.cents + one.open.cents for one in self.debts())
        found = self.deal.records.find(Payable, by="partner_id", value="P-A")
        back = [one.record for one in found if one.record.state is not PayableState.WITHDRAWN]
        owed = direct_pay.vendor_payments(self.deal.records, "J-1").cents
        assert asked - sum(one.amount.cents for one in back) == owed

    def check(self):
        direct = self.deal.direct
        assert problems_of(partner_books(self.deal.records, "P-A")) == ()
        assert len(self.deal.records.letters) == direct.told
        if direct.closed_at is not None:
            self.check_cancelled()
            return
        for number in NUMBERS:
            debts = [
                one for one in (self.deal.deduction(number), self.deal.material(number)) if one
            ]
            asked = sum(one.recovered.cents + one.open.cents for one in debts)
            billed = next((one for one in direct.invoices if one.number == number), None)
            assert asked <= (billed.amount.cents if billed else 0)
            if billed is not None and billed.voided_at is not None:
                back = self.deal.credit(number)
                assert sum(one.open.cents for one in debts) == 0
                assert (back.amount.cents if back else 0) == asked
            if billed is not None and billed.voided_at is None and direct.is_enrolled:
                started = bool(
                    direct.material_taken_at or self.deal.project.reached_at(Milestone.M1)
                )
                assert asked == (billed.amount.cents if started else 0)
        if not direct.is_enrolled:
            assert direct_pay.vendor_payments(self.deal.records, "J-1") == ZERO


@pytest.mark.rule("F22")
@settings(deadline=None, max_examples=150)
@given(steps=st.lists(STEPS, max_size=25))
def test_each_invoice_is_recovered_once_whatever_happens(steps):
    life = Life()
    for what, arg in steps:
        life.do(what, arg)
        life.wake()
        life.check()
    # And in the end, with all the money that there is, a missed limit recovers exactly the bill.
    life.at += days(200)
    life.wake()
    deal = life.deal
    verdict = deal.assess(life.at)
    life.check()
    if verdict is not None and verdict.triggers and deal.direct.standing_invoices:
        life.recover(10**9)
        for one in deal.direct.standing_invoices:
            debts = (deal.deduction(one.number), deal.material(one.number))
            recovered = sum(debt.recovered.cents for debt in debts if debt)
            assert recovered == one.amount.cents
