"""Runs as those see them who prepare, approve and send: their order, what is usual, at work."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloud.funding.models import FundingRun, PaymentTrace, PlanState, RunPlan, RunState
from cloud.funding.schedule import DateSource
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.money import ZERO, Money
from cloud.reporting import run_desk
from tests.cloud.funding.funding_world import AT, CUTOFF, RUN_ID, World, partner

WEEK = timedelta(days=7)


def run(name: str, *, weeks: int = 0, state=RunState.SETTLED, cents: int = 100_00) -> FundingRun:
    day = date(2026, 12, 3) + weeks * WEEK
    return FundingRun(
        id=name,
        programme="comfort",
        regular_date=day,
        funding_date=day,
        date_source=DateSource.REGULAR,
        opens_at=CUTOFF + (weeks - 1) * WEEK,
        cut_off_at=CUTOFF + weeks * WEEK,
        state=state,
        plan_ids=(),
        plans_hash="h",
        gross=Money(cents),
        net=Money(cents),
        flags=(),
        preparer="ana",
        prepared_at=AT + weeks * WEEK,
    )


def test_what_is_not_over_stands_first_then_the_latest():
    world = World()
    known = [
        run("old", weeks=-3),
        run("new", weeks=-1),
        run("sent", weeks=0, state=RunState.SENT),
        run("next", weeks=1, state=RunState.PREVIEW),
    ]
    world.records.commit(Change(saves=tuple(Save(one) for one in known)))
    assert [one.id for one in run_desk.all_runs(world.records)] == ["sent", "next", "new", "old"]


@pytest.mark.rule("D10")
def test_a_run_stands_beside_those_that_paid_before_it():
    this = run("this", state=RunState.PREVIEW)
    others = [run(f"r{one}", weeks=one - 10, cents=one * 100_00) for one in range(10)]
    later = run("later", weeks=1)
    never = run("never", weeks=-1, state=RunState.PREVIEW)
    elsewhere = replace(run("elsewhere", weeks=-1), programme="other")
    found = run_desk.beside(this, [later, never, elsewhere, *reversed(others), this])
    assert [one.id for one in found.before] == [f"r{one}" for one in range(2, 10)]
    assert found.usual is not None
    assert found.usual.middle == Money(500_00)
    assert run_desk.beside(this, others[:3]).usual is None


SECOND = timedelta(seconds=1)


def log(*what: str) -> list[Event]:
    return [
        Event(RUN_ID, one, AT + number * timedelta(minutes=1), "x")
        for number, one in enumerate(what)
    ]


@pytest.mark.parametrize(
    ("state", "told", "expected"),
    [
        pytest.param("approved", [], True, id="approved, and no log"),
        pytest.param("preview", [], False, id="nothing is known of it"),
        pytest.param("preview", ["run_prepared"], False, id="prepared"),
        pytest.param("preview", ["run_prepared", "preparing_ordered"], True, id="prepared anew"),
        pytest.param(
            "preview",
            ["run_prepared", "preparing_ordered", "run_prepared"],
            False,
            id="and that is done",
        ),
        pytest.param(
            "preview",
            ["run_prepared", "preparing_ordered", "run_released"],
            True,
            id="and somebody looked meanwhile",
        ),
        pytest.param("approved", ["run_approved"], True, id="on its way into the books"),
        pytest.param("committed", ["run_committed"], True, id="on its way to its file"),
        pytest.param("filed", ["run_filed"], False, id="its file is made"),
        pytest.param("filed", ["run_filed", "sending_ordered"], True, id="ordered to be sent"),
        pytest.param("filed", ["sending_ordered", "run_not_sent"], False, id="not sent"),
        pytest.param("sending", ["run_sending"], True, id="being handed over"),
        pytest.param("sending", ["sending_unsure"], False, id="nobody knows"),
        pytest.param("sent", ["run_sent"], False, id="the bank has it"),
        pytest.param("settled", ["run_settled"], False, id="paid out"),
        pytest.param("filed", [], False, id="filed, and no log"),
    ],
)
def test_whether_something_is_done_for_it_by_itself(state, told, expected):
    what, happened = run("r", state=RunState(state)), log(*told)
    begun = [one for one in happened if one.what != "run_released"]
    last = begun[-1].at if begun else what.dated_at
    for late, is_late in ((run_desk.PATIENCE, False), (run_desk.PATIENCE + SECOND, True)):
        at = last + late
        assert run_desk.is_at_work(what, happened, at=at) is (expected and not is_late)
        assert run_desk.has_stopped(what, happened, at=at) is (expected and is_late)


def test_what_happened_to_it_meanwhile_does_not_make_a_stopped_preparation_go_on():
    happened = log("run_prepared", "preparing_ordered", *["run_released"] * 20)
    prepared = run("r", state=RunState.PREVIEW)
    assert run_desk.has_stopped(prepared, happened, at=happened[-1].at)


@pytest.mark.rule("F05")
def test_rows_sums_and_gates_of_a_run():
    world = World([partner("P-A"), partner("P-B", w9_on_file=False), partner("P-C")])
    world.service("INV-A", 100_00, "P-A")
    world.service("INV-B", 70_00, "P-B")
    world.service("INV-C", 300_00, "P-C")
    world.offset("OFF-C", 50_00, owner="P-C")
    made = world.prepare()
    plans = [one.record for one in _plans(world, made)]
    rows = run_desk.plan_rows(plans, ())
    assert [one.plan.partner_id for one in rows] == ["P-C", "P-A", "P-B"]
    assert [one.taken for one in rows] == [Money(50_00), ZERO, ZERO]
    sums = run_desk.sums_of(rows)
    assert (sums.gross, sums.taken, sums.net) == (Money(400_00), Money(50_00), Money(350_00))
    assert (sums.held, sums.receivers, sums.carried) == (Money(70_00), 2, ZERO)
    (gate,) = run_desk.held_for(rows)
    assert (gate.reason, gate.items, gate.amount) == ("w9_missing", 1, Money(70_00))
    assert rows[2].reasons == ("w9_missing",)
    assert sums.held_items == 1


@pytest.mark.rule("F05")
def test_an_item_that_two_gates_hold_stands_at_both_and_is_held_once():
    world = World([partner("P-A", w9_on_file=False, bank_authorization_on_file=False)])
    world.service("INV-A", 100_00, "P-A")
    plans = [one.record for one in _plans(world, world.prepare())]
    rows = run_desk.plan_rows(plans, ())
    sums = run_desk.sums_of(rows)
    assert (sums.held, sums.held_items) == (Money(100_00), 1)
    assert [(one.items, one.amount) for one in run_desk.held_for(rows)] == [(1, Money(100_00))] * 2
    left_out = run_desk.plan_rows([replace(one, state=PlanState.STALE) for one in plans], ())
    assert run_desk.held_for(left_out) == ()
    assert run_desk.sums_of(left_out).held_items == 0


def test_what_came_back_stands_first_and_what_was_left_out_is_not_summed():
    world = World([partner("P-A"), partner("P-B")])
    world.service("INV-A", 100_00, "P-A")
    world.service("INV-B", 300_00, "P-B")
    made = world.run()
    lines = [one.record for one in world.records.find(PaymentTrace, by="run_id", value=made.id)]
    of_a = next(one for one in lines if one.partner_id == "P-A")
    back = [replace(one, return_code="R02") if one == of_a else one for one in lines]
    plans = [one.record for one in _plans(world, made)]
    rows = run_desk.plan_rows(plans, back)
    assert [one.is_returned for one in rows] == [True, False]
    stale = [
        replace(one, state=PlanState.STALE) if one.partner_id == "P-B" else one for one in plans
    ]
    rows = run_desk.plan_rows(stale, back)
    assert [one.is_left_out for one in rows] == [False, True]
    assert run_desk.sums_of(rows).net == Money(100_00)


def _plans(world, made):
    return [world.records.load(RunPlan, one) for one in made.plan_ids]
