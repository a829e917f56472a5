"""The coordinators' board: which work orders are on it, on which shelf, in which order."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from test_reporting_reads import Counted

from cloud.kernel.ids import derived
from cloud.reporting.dispatch_board import (
    Shelf,
    able_partners,
    is_late,
    late_first,
    orders_at_work,
    orders_of_homes,
    shelves_of,
)
from cloud.reporting.partner_desk import next_due
from cloud.service.models import Case, CaseState, Task, WorkOrder, WorkOrderState
from tests.cloud.portal.orders_world import HOME, OrdersWorld
from tests.cloud.portal.partners_world import a_partner

DAY = timedelta(days=1)


@pytest.fixture
def world() -> OrdersWorld:
    return OrdersWorld()


def case_is(world: OrdersWorld, state: CaseState) -> None:
    case = world.records.load(Case, world.order.case_id).record
    world.change(replace(case, state=state))


@pytest.mark.parametrize(
    ("state", "task", "is_there"),
    [
        pytest.param(CaseState.WORK_ORDERED, None, True, id="of an open case"),
        pytest.param(CaseState.VERIFYING, None, True, id="done, and not proven yet"),
        pytest.param(CaseState.CLOSED, None, False, id="of a closed case"),
        pytest.param(
            CaseState.CLOSED, Task.RECORD_FINDING, True, id="closed, but a person is asked"
        ),
    ],
)
def test_what_is_at_work_is_found_by_its_case_or_its_task(world, state, task, is_there):
    case_is(world, state)
    world.change(replace(world.order, task=task))
    assert (world.number in {one.id for one in orders_at_work(world.records)}) is is_there


def test_a_case_with_several_orders_has_all_of_them_on_the_board(world):
    second = replace(world.order, id=derived("WO", world.order.case_id, 2))
    third = replace(world.order, id=derived("WO", world.order.case_id, 3))
    world.put(second, third)
    assert {one.id for one in orders_at_work(world.records)} == {world.number, second.id, third.id}


def test_the_orders_of_a_home_are_found_whatever_became_of_them(world):
    case_is(world, CaseState.CLOSED)
    assert [one.id for one in orders_of_homes(world.records, [HOME.id])] == [world.number]
    assert orders_of_homes(world.records, ["elsewhere"]) == ()


@pytest.mark.parametrize("count", [1, 30], ids=["one case", "thirty cases"])
def test_the_orders_of_a_home_with_many_cases_cost_no_more_calls(world, count):
    case = world.records.load(Case, world.order.case_id).record
    for number in range(count):
        past = replace(case, id=f"CASE-PAST-{number}", state=CaseState.CLOSED)
        ids = [derived("WO", past.id, place) for place in (1, 2)]
        world.put(past, *(replace(world.order, id=one, case_id=past.id) for one in ids))
    counted = Counted(world.records)
    found = orders_of_homes(counted, [HOME.id])
    assert len({one.id for one in found}) == 1 + 2 * count
    del counted.calls["loaded"]
    assert dict(counted.calls) == {"find": 1, "load_all": 3}


def test_on_the_last_instant_nothing_is_late(world):
    due = next_due(world.order, at=world.now)
    assert not is_late(world.order, at=due)
    assert is_late(world.order, at=due + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("differs", "shelves"),
    [
        pytest.param({}, {Shelf.TO_ANSWER}, id="offered"),
        pytest.param(
            {
                "state": WorkOrderState.MANUAL_DISPATCH,
                "partner_id": None,
                "task": Task.CHOOSE_PARTNER,
            },
            {Shelf.NO_PARTNER, Shelf.WAITS},
            id="nobody has it",
        ),
        pytest.param(
            {"state": WorkOrderState.CANCELLED, "task": Task.CHOOSE_PARTNER},
            {Shelf.PAST},
            id="called off: nobody waits for anything",
        ),
        pytest.param(
            {"state": WorkOrderState.AWAITING_SPEND, "task": Task.APPROVE_SPEND},
            {Shelf.PAUSED, Shelf.WAITS},
            id="its cost is to be approved",
        ),
    ],
)
def test_each_lies_where_somebody_looks_for_it(world, differs, shelves):
    assert shelves_of(replace(world.order, **differs), at=world.now) == shelves


def test_emergencies_lead_then_what_nobody_has_then_what_is_due(world):
    usual = world.order
    sooner = replace(
        usual,
        id="WO-SOONER",
        assignments=(replace(usual.assignments[0], delivered_at=world.now - 3 * DAY),),
    )
    nobody = replace(usual, id="WO-NOBODY", partner_id=None, state=WorkOrderState.MANUAL_DISPATCH)
    urgent = replace(usual, id="WO-URGENT", is_emergency=True)
    past = replace(usual, id="WO-PAST", state=WorkOrderState.CANCELLED, is_emergency=True)
    mixed: list[WorkOrder] = [past, usual, nobody, sooner, urgent]
    ordered = [one.id for one in late_first(mixed, at=world.now)]
    assert ordered == ["WO-URGENT", "WO-NOBODY", "WO-SOONER", usual.id, "WO-PAST"]


def test_a_person_may_choose_who_may_work_there_the_nearest_first(world):
    there = {"states": frozenset({"NC"}), "latitude": 35.8}
    world.put(
        a_partner("P-FAR", **there, longitude=-80.0),
        a_partner("P-IDLE", **there, longitude=-78.6, active=False),
        a_partner("P-OPEN", **there, longitude=-78.6, licensed=False),
        a_partner("P-BARE", **there, longitude=-78.6, insured_until=date(2026, 6, 7)),
        a_partner("P-TRIED", **there, longitude=-78.6, mode="test"),
    )
    found = able_partners(world.records, HOME, on=date(2026, 6, 8))
    assert [one.id for one, _ in found] == ["P-ALDER", "P-BIRCH", "P-FAR"]
    assert found[-1][1] > found[0][1]
