"""Revoked milestones and cancelled projects: what was paid comes back once, whatever happened."""

from dataclasses import replace
from datetime import timedelta

import pytest
from funding_world import Killed
from hypothesis import given, settings
from hypothesis import strategies as st
from life_world import DAY, HOUR, M1, M2, NTP, TESLA, Life

from cloud.funding import process
from cloud.funding.models import Payable, PayableState
from cloud.funding.process import ending, equipment
from cloud.funding.process.opening import payable_id
from cloud.kernel.change import Change
from cloud.kernel.errors import Conflict
from cloud.kernel.money import Money, total
from cloud.portfolio.models import Project

LONG = timedelta(days=121)


def clawed(life: Life | None = None, *, recovered: int = 0) -> Life:
    """M1 was paid and clawed back, and so many dollars of it were recovered."""
    life = life or Life()
    life.reach(M1)
    life.pay()
    life.pass_(LONG).assess()
    if recovered:
        life.earn(recovered * 100)
        life.pay()
    return life


# --- revocation --------------------------------------------------------------------------------


@pytest.mark.rule("D08")
def test_what_no_run_took_is_withdrawn():
    life = Life()
    life.reach(NTP)
    paid = life.reach(M1)
    life.pass_(HOUR).revoke(M1)
    assert life.open() == {"NTP": 3_000}
    assert life.records.load(Payable, paid.id).record.state is PayableState.WITHDRAWN
    assert life.check()["project_cost"] == 3_000
    before = life.records.history(paid.id)
    process.milestone_revoked(life.records, project_id="J-1", at=life.now)
    assert life.records.history(paid.id) == before


@pytest.mark.rule("D08")
def test_what_a_run_took_is_asked_for_once_and_the_milestone_pays_anew():
    life = Life()
    life.reach(M1)
    life.pay()
    life.revoke(M1)
    for _ in range(3):
        process.milestone_revoked(life.records, project_id="J-1", at=life.now)
        life.tell(M1, occurrence=0)  # its first message comes again, late
    assert life.open() == {"revocation": -21_000}
    again = life.pass_(DAY).reach(M1)
    assert again.id == payable_id("J-1", M1, 1) != payable_id("J-1", M1)
    assert life.open() == {"M1": 21_000, "revocation": -21_000}
    plan = life.pay()
    assert (plan.gross, plan.net) == (Money(21_000_00), Money(0))
    life.check()


@pytest.mark.rule("D08")
@pytest.mark.parametrize(
    ("recovered", "asked"),
    [
        pytest.param(0, 21_000, id="nothing recovered"),
        pytest.param(5_000, 16_000, id="part"),
        pytest.param(21_000, 0, id="all"),
    ],
)
def test_what_a_clawback_took_is_not_taken_again(recovered, asked):
    life = clawed(recovered=recovered)
    life.revoke(M1)
    wanted = {"revocation": -asked} if asked else {}
    assert life.open() == wanted
    life.check()


@pytest.mark.rule("D08")
def test_what_other_milestones_paid_makes_no_difference():
    life = Life()
    life.reach(NTP)
    clawed(life, recovered=5_000).revoke(M1)
    assert life.open() == {"revocation": -16_000}


@pytest.mark.rule("D08")
@pytest.mark.rule("F25")
def test_what_was_revoked_and_cancelled_is_taken_back_once():
    life = Life(inverters=TESLA)
    life.reach(M1)
    life.pay()
    life.take_off(M1)
    life.cancel()
    process.milestone_revoked(life.records, project_id="J-1", at=life.now)
    assert life.open() == {"cancellation": -20_400}
    life.check()


@pytest.mark.rule("D08")
@pytest.mark.rule("F26")
def test_an_activation_that_is_revoked_takes_what_it_returned_with_it():
    life = clawed(recovered=5_000)
    life.reach(M2)
    assert life.open() == {"M2": 6_000, "reinstated": 5_000}
    life.pay()
    life.revoke(M2)
    assert life.open() == {"revocation": -11_000}
    # The clock runs again, and has run out long ago: what is left of M1 is clawed back anew.
    life.pass_(HOUR).wake()
    assert life.open() == {"clawback_m1": -16_000, "revocation": -11_000}
    life.reach(M2)
    assert life.open() == {"M2": 6_000, "revocation": -6_000}
    life.check()


@pytest.mark.rule("D08")
def test_the_order_in_which_revocations_are_told_does_not_matter():
    life = clawed(Life(), recovered=5_000)
    life.reach(M2)
    life.pay()
    life.take_off(M2)
    life.take_off(M1)
    # The message about M1 comes first and finds both on record.
    process.milestone_revoked(life.records, project_id="J-1", at=life.now)
    process.milestone_revoked(life.records, project_id="J-1", at=life.now)
    # Paid 21,000 + 6,000 + 5,000 returned; 5,000 were taken: 27,000 are left to take.
    assert life.open() == {"revocation": -27_000}
    life.check()


@pytest.mark.rule("D08")
def test_a_milestone_that_is_told_after_its_revocation_brings_nothing():
    life = Life()
    life.record(M1)
    life.take_off(M1)
    process.milestone_revoked(life.records, project_id="J-1", at=life.now)
    assert life.tell(M1, occurrence=0) is None
    assert life.open() == {}


@pytest.mark.rule("D08")
def test_a_revocation_between_loading_and_opening_is_seen():
    life = Life()
    life.record(M1)
    as_it_was = life.project
    life.take_off(M1)
    found = process.accrue_milestone(life.records, project=as_it_was, milestone=M1, at=life.now)
    assert found is None
    assert life.open() == {}


@pytest.mark.rule("F23")
@pytest.mark.rule("D08")
def test_the_warranty_is_owed_once_however_often_m1_is_reached():
    life = Life(inverters=TESLA)
    life.reach(M1)
    life.pay()
    life.revoke(M1)
    life.pass_(DAY).reach(M1)
    assert life.open() == {"M1": 21_000, "revocation": -21_000}
    assert total(one.raised for one in life.deductions("project_net_fund")) == Money(600_00)


# --- cancellation ------------------------------------------------------------------------------


@pytest.mark.rule("F25")
@pytest.mark.rule("F10")
def test_a_cancelled_project_owes_what_was_paid_and_its_commission():
    life = Life(inverters=TESLA, prepaid_commission=Money(900_00))
    life.reach(NTP)
    life.reach(M1)
    life.pay()
    life.pass_(DAY).cancel()
    # 24,000 were paid, of which 600 were kept for the warranty already.
    assert life.open() == {"cancellation": -23_400, "prepaid_commission": -900}
    for _ in range(2):
        process.project_cancelled(life.records, project_id="J-1", at=life.now)
    assert life.pass_(2 * HOUR).wake() == 1
    assert life.open() == {"cancellation": -23_400, "prepaid_commission": -900}
    life.check()


@pytest.mark.rule("F25")
def test_what_waits_is_withdrawn_and_other_reductions_end():
    life = clawed(recovered=5_000)
    life.pass_(DAY).reach(NTP)
    life.cancel()
    assert life.open() == {"cancellation": -16_000}
    (clawback,) = life.deductions("clawback_m1")
    assert (clawback.recovered, clawback.dropped) == (Money(5_000_00), Money(16_000_00))
    life.check()


@pytest.mark.rule("F25")
def test_a_project_that_nobody_was_paid_for_owes_nothing():
    life = Life()
    life.reach(M1)
    life.cancel()
    assert life.open() == {}
    assert not life.deductions()
    assert life.tell(M1) is None  # its message comes after the cancellation
    assert life.open() == {}
    life.check()


@pytest.mark.rule("F25")
def test_a_milestone_told_after_the_cancellation_brings_nothing():
    life = Life()
    life.record(M1)
    life.end()
    life.tell(M1)
    assert life.open() == {}
    process.project_cancelled(life.records, project_id="J-1", at=life.now)
    assert life.open() == {}


@pytest.mark.rule("F25")
def test_cancelled_after_the_approval_the_run_finds_nothing_to_pay():
    life = Life()
    life.reach(M1)
    run = life.prepared()
    life.cancel()
    process.commit(life.records, run_id=run.id, at=life.now)
    assert life.open() == {}
    assert life.check() == {}


@pytest.mark.rule("F25")
def test_paid_between_the_cancellation_and_its_settlement_it_is_asked_for():
    life = Life()
    life.reach(M1)
    run = life.prepared()
    process.commit(life.records, run_id=run.id, at=life.now)
    life.end()
    life.tell(M1)
    assert life.open() == {"cancellation": -21_000}
    life.check()


@pytest.mark.rule("F25")
def test_a_run_prepared_after_the_cancellation_holds_what_waits():
    life = Life()
    life.reach(M1)
    life.end()
    plan = life.pay()
    assert plan.gross == Money(0)
    assert [one.held_for for one in plan.held] == [("project_cancelled",)]
    process.project_cancelled(life.records, project_id="J-1", at=life.now)
    assert life.open() == {}


@pytest.mark.rule("F25")
@pytest.mark.rule("D14")
def test_a_payable_that_a_run_let_go_again_is_withdrawn_and_not_owed():
    life = Life()
    paid = life.reach(M1)
    run = life.prepared()
    stored = life.records.load(Payable, paid.id)
    taken = replace(stored.record, state=PayableState.PLANNED, run_id=run.id)
    life.records.commit(Change(saves=(stored.replaced_by(taken),)))
    life.cancel()
    assert life.open() == {"cancellation": -21_000}
    stored = life.records.load(Payable, paid.id)
    let_go = replace(stored.record, state=PayableState.OPEN, run_id="")
    life.records.commit(Change(saves=(stored.replaced_by(let_go),)))
    life.pass_(HOUR).wake()
    assert life.open() == {}
    life.check()


def test_what_was_taken_for_a_cancellation_that_asked_too_much_is_returned():
    life = Life()
    paid = life.reach(M1)
    life.pay()
    life.cancel()
    life.earn(21_000_00)
    life.pay()
    stored = life.records.load(Payable, paid.id)
    gone = replace(stored.record, state=PayableState.WITHDRAWN)
    life.records.commit(Change(saves=(stored.replaced_by(gone),)))
    for _ in range(2):
        ending.take_back_cancelled(life.records, project_id="J-1", at=life.now)
    assert life.open() == {"credit": 21_000}
    assert life.payables("credit")[0].project_id == ""


def test_a_project_that_is_not_cancelled_is_left_alone():
    life = Life()
    life.reach(M1)
    ending.take_back_cancelled(life.records, project_id="J-1", at=life.now)
    assert life.open() == {"M1": 21_000}


def test_many_items_take_several_transactions():
    life = Life()
    life.reach(M1)
    for number in range(75):
        life.offset(f"OFF-{number:03}", 100, kind="material", project_id="J-1", at=life.now)
    life.cancel()
    assert life.open() == {}
    life.check()


@pytest.mark.rule("F25")
@pytest.mark.parametrize("writes", range(1, 8))
def test_killed_anywhere_and_told_again_it_ends_the_same(writes):
    life = clawed(recovered=5_000)
    for number in range(40):
        life.offset(f"OFF-{number:03}", 100, kind="material", project_id="J-1", at=life.now)
    life.end()
    life.fuse(writes)
    try:
        process.project_cancelled(life.records, project_id="J-1", at=life.now)
    except Killed:
        life.fuse(-1)
        process.project_cancelled(life.records, project_id="J-1", at=life.now)
    assert life.open() == {"cancellation": -16_000}
    life.check()


@pytest.mark.rule("D08")
@pytest.mark.parametrize("writes", range(1, 6))
def test_killed_in_a_revocation_and_told_again_it_ends_the_same(writes):
    life = clawed(recovered=5_000)
    life.reach(M2)
    life.pay()
    life.take_off(M2)
    life.take_off(M1)
    life.fuse(writes)
    try:
        process.milestone_revoked(life.records, project_id="J-1", at=life.now)
    except Killed:
        life.fuse(-1)
        process.milestone_revoked(life.records, project_id="J-1", at=life.now)
    assert life.open() == {"revocation": -27_000}
    life.check()


def test_a_project_that_changes_all_the_time_is_given_up_for_now():
    life = Life()
    life.reach(M1)
    life.pay()
    life.take_off(M1)

    class Restless(type(life.records)):
        def commit(self, change: Change) -> None:
            if change.relies_on:
                stored = self.load(Project, "J-1")
                super().commit(Change(saves=(stored.replaced_by(stored.record),)))
            super().commit(change)

    life.records.__class__ = Restless
    with pytest.raises(Conflict, match="5 times"):
        process.milestone_revoked(life.records, project_id="J-1", at=life.now)


# --- any order ---------------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(
        [
            *("ntp", "m1", "m2", "m1", "m2", "revoke", "revoke", "m1 untold", "m2 untold"),
            *("revoke untold",),
            *("pay", "pay", "earn", "earn", "wait", "wake", "repeat", "compliance"),
        ]
    ),
    min_size=4,
    max_size=30,
)


def _step(life: Life, step: str) -> None:
    made = life.project
    order = [NTP, M1, M2]
    reached = [one for one in order if made.reached_at(one)]
    name = step.removesuffix(" untold")
    if name in {"ntp", "m1", "m2"}:
        milestone = order[["ntp", "m1", "m2"].index(name)]
        if milestone not in reached and (milestone is not M2 or M1 in reached):
            (life.reach if name == step else life.record)(milestone)
    elif step == "revoke untold" and reached:
        life.take_off(reached[-1])
    elif step == "revoke" and reached:
        life.revoke(reached[-1])
    elif step == "pay":
        life.pay()
    elif step == "earn":
        life.earn(4_321_09)
    elif step == "wait":
        life.pass_(61 * DAY)
    elif step == "wake":
        life.wake()
    elif step == "repeat":
        for milestone in reached:
            life.tell(milestone)
        process.milestone_revoked(life.records, project_id="J-1", at=life.now)
    elif step == "compliance":
        made = process.propose_compliance_offset(
            life.records,
            project_id="J-1",
            amount=Money(700_00),
            because="stip",
            at=life.now,
            by="ana",
        )
        if hasattr(made, "subject"):
            process.agree_compliance_offset(
                life.records, proposal_id=made.id, at=life.now, by="bob"
            )


@pytest.mark.rule("D14")
@pytest.mark.rule("F25")
@settings(max_examples=60, deadline=None, print_blob=True)
@given(steps=STEPS, is_cancelled=st.booleans())
def test_whatever_happens_no_more_is_taken_back_than_was_paid(steps, is_cancelled):
    life = Life(inverters=TESLA, prepaid_commission=Money(900_00))
    for step in steps:
        life.pass_(HOUR)
        _step(life, step)
        life.check()
        _no_more_than_paid(life)
    if is_cancelled:
        life.cancel()
        life.pass_(2 * HOUR).wake()
        life.check()
        _no_more_than_paid(life)
        _all_comes_back(life)


def _no_more_than_paid(life: Life) -> None:
    paid = total(one.amount for one in life.payables() if one.project_id and one.state in TAKEN)
    back = total(
        one.raised - one.dropped
        for one in life.deductions("clawback_m1", "revocation", "compliance", "cancellation")
    )
    assert back <= paid


TAKEN = {"planned", "paid"}


def _all_comes_back(life: Life) -> None:
    """With money enough, a cancelled project ends where it began: nobody owes anything for it."""
    kept = total(one.amount for one in life.payables("service") if one.state in TAKEN)
    life.earn(90_000_00)
    life.pay()
    assert [name for name in life.open() if name != "prepaid_commission"] == []
    paid = total(one.amount for one in life.payables() if one.project_id and one.state in TAKEN)
    back = total(one.recovered for one in life.deductions() if one.kind != "prepaid_commission")
    assert paid == back, kept


def test_vendors_are_counted_with_what_was_paid():
    assert equipment.vendor_payments(Life().records, "J-1") == Money(0)
