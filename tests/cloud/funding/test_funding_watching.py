"""The clocks of a project: the last day, the first day after, extensions, and repeated wakes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from funding_world import Killed
from life_world import DAY, HOUR, M1, M2, NTP, Life, et

from cloud.funding import process
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import Deduction, Payable
from cloud.funding.overdue import OverdueFile
from cloud.funding.process.opening import clawback_id
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portfolio.models import Project

SECOND = timedelta(seconds=1)


def paid_m1(at: str = "2026-10-05T15:00") -> Life:
    """M1 was reached then, and the next run took its money."""
    life = Life()
    life.now = et(at)
    life.reach(M1)
    life.pay()
    return life


def at(life: Life, text: str) -> Life:
    life.now = et(text)
    return life


# --- from NTP to installation ------------------------------------------------------------------


@pytest.mark.rule("F06")
@pytest.mark.parametrize(
    ("now", "is_overdue"),
    [
        # NTP on 1 October 2026: day 160 is 10 March 2027; clocks change on 14 March.
        pytest.param("2027-03-10T23:59:59", False, id="last instant of day 160"),
        pytest.param("2027-03-11T00:00:00", True, id="first instant of day 161"),
    ],
)
def test_a_file_is_overdue_from_day_161(now, is_overdue):
    life = Life()
    life.reach(NTP)
    at(life, now)
    life.wake()
    assert (life.records.load(OverdueFile, "J-1") is not None) is is_overdue
    letters = [one for one in life.records.letters.values() if one.to == "ops@owner.example"]
    assert len(letters) == is_overdue
    assert not life.project.cancelled


@pytest.mark.rule("F06")
def test_the_timer_wakes_at_the_first_instant_of_day_161_also_after_a_clock_change():
    life = Life()
    life.now = et("2026-10-10T23:30")
    life.reach(NTP)
    (timer,) = [one for one in life.records.timers.values() if one.wakes == "ntp_due"]
    assert timer.due_at == et("2027-03-20T00:00")
    assert timer.due_at.utcoffset() == timedelta(0)


@pytest.mark.rule("F06")
@pytest.mark.parametrize(
    ("then", "because"),
    [
        pytest.param(lambda life: life.reach(M1), "installed", id="installed after all"),
        pytest.param(lambda life: life.cancel(), "cancelled", id="cancelled"),
        pytest.param(lambda life: life.revoke(NTP), "ntp_revoked", id="NTP was revoked"),
    ],
)
def test_an_overdue_file_is_closed(then, because):
    life = Life()
    life.reach(NTP)
    at(life, "2027-04-01T12:00").wake()
    assert life.records.find(OverdueFile, by="state", value="open")
    then(life)
    assert not life.records.find(OverdueFile, by="state", value="open")
    assert life.records.load(OverdueFile, "J-1").record.closed_because == because


@pytest.mark.rule("F06")
def test_an_installation_that_is_revoked_lets_the_clock_run_again():
    life = Life()
    life.reach(NTP)
    at(life, "2027-03-01T12:00").reach(M1)
    at(life, "2027-04-01T12:00").wake()
    assert life.records.load(OverdueFile, "J-1") is None
    life.revoke(M1)
    life.wake()
    assert life.records.load(OverdueFile, "J-1").record.state == "open"


def test_waking_again_writes_no_second_letter():
    life = Life()
    life.reach(NTP)
    at(life, "2027-04-01T12:00").wake()
    for _ in range(2):
        process.assess_ntp(
            life.records, project_id="J-1", at=life.now, operations="ops@owner.example"
        )
    assert len(life.records.letters) == 1


# --- from M1 to activation ---------------------------------------------------------------------


@pytest.mark.rule("F07")
@pytest.mark.rule("F08")
@pytest.mark.parametrize(
    ("now", "open_"),
    [
        # M1 on 5 October 2026: day 115 is 28 January 2027, day 120 is 2 February.
        pytest.param("2027-01-29T12:00", {}, id="day 116: the contract's day moves no money"),
        pytest.param("2027-02-02T23:59:59", {}, id="last instant of day 120"),
        pytest.param("2027-02-03T00:00:00", {"clawback_m1": -21_000}, id="first of day 121"),
    ],
)
def test_m1_is_clawed_back_from_day_121(now, open_):
    life = at(paid_m1(), now)
    life.wake()
    assert life.open() == open_
    life.wake()
    life.assess()
    assert life.open() == open_
    life.check()


@pytest.mark.rule("F08")
def test_across_the_spring_clock_change_a_day_is_a_day():
    life = paid_m1("2026-11-20T23:30")  # day 120 is 20 March 2027, after the change of 14 March
    at(life, "2027-03-20T23:59:59").wake()
    assert life.open() == {}
    at(life, "2027-03-21T00:00:00").wake()
    assert life.open() == {"clawback_m1": -21_000}


@pytest.mark.rule("F08")
def test_what_was_not_paid_is_not_clawed_back_until_it_is():
    life = Life()
    life.now = et("2026-10-05T15:00")
    paid = life.reach(M1)
    at(life, "2027-02-03T00:00").wake()
    assert life.open() == {"M1": 21_000}
    life.pay()
    taken = life.records.load(Payable, paid.id).record
    for _ in range(2):
        process.watch_paid(life.records, [taken], at=life.now)
    assert life.wake() == 1
    assert life.open() == {"clawback_m1": -21_000}


@pytest.mark.rule("F08")
def test_what_ntp_paid_is_not_taken_for_an_m1_that_was_not():
    life = Life()
    life.reach(NTP)
    life.pay()
    life.reach(M1)
    life.pass_(121 * DAY).assess()
    assert life.open() == {"M1": 21_000}


def test_watching_many_payments_sets_each_timer_once():
    life = paid_m1()
    one = life.payables("M1")[0]
    many = [replace(one, id=f"PAY-{n}", project_id=f"J-{n}") for n in range(200)]
    service = replace(one, milestone="service", project_id="")
    process.watch_paid(life.records, [*many, service], at=life.now)
    process.watch_paid(life.records, many, at=life.now)
    due = [one for one in life.records.timers.values() if one.wakes == "clawback_due"]
    assert len(due) == 200
    assert {one.due_at for one in due if one.subject != "J-1"} == {et("2027-02-03T00:00")}


@pytest.mark.rule("F08")
def test_activated_in_time_nothing_is_taken_however_late_the_timer_wakes():
    life = at(paid_m1(), "2027-02-02T23:00")
    life.reach(M2)
    at(life, "2027-06-01T12:00").wake()
    assert life.open() == {"M2": 6_000}


def test_an_activation_between_the_decision_and_its_writing_is_seen():
    life = at(paid_m1(), "2027-02-03T12:00")

    life.overtake(lambda one: isinstance(one, Deduction), lambda: life.record(M2))
    life.assess()
    assert life.project.reached_at(M2)
    assert life.open() == {}


@pytest.mark.rule("F08")
def test_a_test_of_another_programme_is_pure_data():
    life = at(paid_m1(), "2027-02-03T12:00")
    clock = process.clock_of(life.records, life.project, at=life.now)
    assert clock.backend_due_date.isoformat() == "2027-02-02"
    assert clock.contractual_due_date.isoformat() == "2027-01-28"


# --- extensions --------------------------------------------------------------------------------


def granted(life: Life, days: int, *, decided: str) -> None:
    """Put a granted request on record, as it stands after the decision."""
    request = ExtensionRequest(
        id=f"EXT-{decided}",
        project_id="J-1",
        partner_id="P-A",
        programme="comfort",
        occurrence=0,
        amount=Money(21_000_00),
        fields=(("reason", "transformer_upgrade"),),
        reason="transformer_upgrade",
        reason_text="",
        proof_reference="proof",
        submitted_at=et(decided),
        by="eva",
        decision_due_date=et(decided).date(),
        state=RequestState.APPROVED,
        days=days,
        decided_at=et(decided),
        decided_by="bob",
    )
    life.records.commit(Change(saves=(Save(request),)))


@pytest.mark.rule("F13")
@pytest.mark.rule("F14")
def test_an_extension_moves_the_day_and_adds_to_others():
    life = paid_m1()
    granted(life, 14, decided="2027-01-20T12:00")
    granted(life, 30, decided="2027-01-25T12:00")
    at(life, "2027-02-03T12:00").wake()
    assert life.open() == {}
    at(life, "2027-03-18T23:59:59").wake()  # day 164
    assert life.open() == {}
    at(life, "2027-03-19T00:00").wake()
    assert life.open() == {"clawback_m1": -21_000}


@pytest.mark.rule("F13")
def test_a_clawback_that_is_there_is_paused_and_taken_up_again():
    life = at(paid_m1(), "2027-02-03T12:00")
    life.wake()
    granted(life, 14, decided="2027-02-04T09:00")
    at(life, "2027-02-04T09:01").assess()
    (debt,) = life.deductions("clawback_m1")
    assert debt.paused
    at(life, "2027-02-16T23:59").assess()
    assert life.deductions("clawback_m1")[0].paused
    at(life, "2027-02-17T00:00").wake()
    (debt,) = life.deductions("clawback_m1")
    assert (debt.paused, debt.open) == (False, Money(21_000_00))


# --- return on activation ----------------------------------------------------------------------


@pytest.mark.rule("F26")
@pytest.mark.parametrize(
    ("recovered", "open_"),
    [
        pytest.param(0, {"M2": 6_000}, id="nothing recovered: the clawback is dropped"),
        pytest.param(5_000, {"M2": 6_000, "reinstated": 5_000}, id="part"),
        pytest.param(21_000, {"M2": 6_000, "reinstated": 21_000}, id="all"),
    ],
)
def test_a_clawback_is_returned_with_the_activation(recovered, open_):
    life = at(paid_m1(), "2027-02-03T12:00")
    life.wake()
    if recovered:
        life.earn(recovered * 100)
        life.pay()
    life.reach(M2)
    life.tell(M2)
    assert life.open() == open_
    at_once = {one.accrued_at for one in life.payables("M2", "reinstated")}
    assert at_once == {life.project.reached_at(M2)}
    life.check()


@pytest.mark.rule("F26")
def test_a_run_that_takes_of_it_this_moment_counts_as_taken():
    life = at(paid_m1(), "2027-02-03T12:00")
    life.wake()
    life.earn(5_000_00)
    run = life.prepared()

    life.overtake(
        lambda one: getattr(one, "dropped", None),
        lambda: process.commit(life.records, run_id=run.id, at=life.now),
    )
    life.reach(M2)
    assert life.open() == {"M2": 6_000, "reinstated": 5_000}
    life.check()


@pytest.mark.rule("F26")
def test_a_plan_whose_clawback_was_dropped_is_stale():
    life = at(paid_m1(), "2027-02-03T12:00")
    life.wake()
    life.earn(5_000_00)
    run = life.prepared()
    life.reach(M2)
    process.commit(life.records, run_id=run.id, at=life.now)
    assert life.open() == {"M2": 6_000, "service": 5_000}
    life.check()


@pytest.mark.rule("F26")
@pytest.mark.rule("D13")
def test_what_was_written_off_is_not_returned():
    life = at(paid_m1(), "2027-02-03T12:00")
    life.wake()
    (debt,) = life.deductions("clawback_m1")
    for how, cents in (("written_off", 15_000_00), ("wire", 1_000_00)):
        made = process.propose_settlement(
            life.records,
            deduction_id=debt.id,
            amount=Money(cents),
            how=how,
            because="closed down",
            at=life.now,
            by="ana",
        )
        process.agree_settlement(life.records, proposal_id=made.id, at=life.now, by="bob")
    life.reach(M2)
    assert life.open() == {"M2": 6_000, "reinstated": 1_000}
    life.check()


@pytest.mark.parametrize("writes", range(1, 8))
def test_killed_while_activating_and_told_again(writes):
    life = at(paid_m1(), "2027-02-03T12:00")
    life.wake()
    life.earn(5_000_00)
    life.pay()
    life.record(M2)
    life.fuse(writes)
    try:
        life.tell(M2)
    except Killed:
        life.fuse(-1)
        life.tell(M2)
    assert life.open() == {"M2": 6_000, "reinstated": 5_000}
    life.check()


@pytest.mark.parametrize("writes", range(1, 5))
def test_killed_while_clawing_back_and_woken_again(writes):
    life = at(paid_m1(), "2027-02-03T12:00")
    life.fuse(writes)
    try:
        life.assess()
    except Killed:
        life.fuse(-1)
        life.assess()
    assert life.open() == {"clawback_m1": -21_000}
    assert life.records.load(Deduction, clawback_id("J-1", 0, 0)) is not None


def test_a_second_clawback_after_m1_was_reached_anew():
    life = at(paid_m1(), "2027-02-03T12:00")
    life.wake()
    life.revoke(M1)
    assert life.open() == {"revocation": -21_000}
    life.reach(M1)
    life.pay()
    life.pass_(121 * DAY).wake()
    assert life.open() == {"clawback_m1": -21_000}
    life.check()


# --- what else wakes ---------------------------------------------------------------------------


def test_a_timer_of_somebody_else_is_refused():
    timer = Timer("T-1", "J-1", "accept_due", et("2026-10-01T00:00"))
    with pytest.raises(BadInput, match="no clock of funding"):
        process.wake(Life().records, timer=timer, at=et("2026-10-01T00:00"))


def test_a_project_without_milestones_sets_no_timer():
    life = Life()
    process.watch(life.records, project_id="J-1", at=life.now)
    assert not life.records.timers
    assert life.assess() is None
    assert process.assess_ntp(life.records, project_id="J-1", at=life.now) is None


def test_every_timer_of_ours_is_answered():
    life = Life()
    life.reach(NTP)
    life.pass_(HOUR).reach(M1)
    life.pay()
    life.cancel()
    life.pass_(200 * DAY).wake()
    assert {one.wakes for one in life.records.timers.values()} <= process.WAKES
    assert life.records.load(Project, "J-1").record.cancelled
