"""What waits for a partner: its stage, its place in the list, its clocks, its part of the log."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.reporting import partner_desk
from cloud.reporting.facts import Facts
from cloud.reporting.models import Asked
from cloud.reporting.own_scorecard import figures_of, own_scorecard, quarters
from cloud.reporting.partner_desk import Stage, Waiting, quarter_of
from cloud.service import process
from cloud.service.models import WorkOrder, WorkOrderState
from tests.cloud.service.report_world import MONDAY, World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2026, 6, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        pytest.param(WorkOrderState.OFFERED, Stage.TO_ANSWER, id="offered"),
        pytest.param(WorkOrderState.CONTACT_FAILED, Stage.TO_ANSWER, id="its mail came back"),
        pytest.param(WorkOrderState.REASSIGNABLE, Stage.TO_ANSWER, id="late, and still its own"),
        pytest.param(WorkOrderState.SPEND_REJECTED, Stage.TO_ANSWER, id="cost not approved"),
        pytest.param(WorkOrderState.AWAITING_SPEND, Stage.PAUSED, id="waits for the owner"),
        pytest.param(WorkOrderState.SCHEDULING, Stage.TO_SCHEDULE, id="reached"),
        pytest.param(WorkOrderState.ON_SITE, Stage.IN_WORK, id="there"),
        pytest.param(WorkOrderState.AWAITING_REPORT, Stage.TO_REPORT, id="done"),
        pytest.param(WorkOrderState.CANCELLED, Stage.PAST, id="called off"),
    ],
)
def test_each_state_stands_in_one_stage(state: WorkOrderState, stage: Stage) -> None:
    order = replace(World().order, state=state)
    assert partner_desk.stage_of(order, at=MONDAY) is stage


def test_every_state_has_a_stage() -> None:
    order = World().order
    assert {partner_desk.stage_of(replace(order, state=one), at=MONDAY) for one in WorkOrderState}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        pytest.param(
            {"is_emergency": True, "due_at": NOW + DAY}, {"due_at": NOW - DAY}, id="danger"
        ),
        pytest.param({"due_at": NOW}, {"due_at": NOW + DAY}, id="what is due first"),
        pytest.param({"due_at": NOW + 90 * DAY}, {}, id="what is due at all"),
        pytest.param({}, {"is_standing": True, "due_at": NOW}, id="what stands comes last"),
        pytest.param({}, {"about": "invoice"}, id="work before papers"),
    ],
)
def test_what_is_due_first_stands_first(earlier: dict, later: dict) -> None:
    usual = {"kind": "x", "about": "work_order", "id": "1", "title": ""}
    assert Waiting(**(usual | earlier)).place < Waiting(**(usual | later)).place


@pytest.mark.parametrize(
    ("day", "since", "until"),
    [
        pytest.param(date(2026, 1, 1), date(2026, 1, 1), date(2026, 4, 1), id="its first day"),
        pytest.param(date(2026, 6, 30), date(2026, 4, 1), date(2026, 7, 1), id="its last day"),
        pytest.param(date(2026, 12, 31), date(2026, 10, 1), date(2027, 1, 1), id="over New Year"),
        pytest.param(date(2024, 2, 29), date(2024, 1, 1), date(2024, 4, 1), id="a leap day"),
    ],
)
def test_a_quarter_begins_and_ends(day: date, since: date, until: date) -> None:
    assert quarter_of(day) == (since, until)


def test_the_log_of_a_partner_ends_where_the_work_was_given_on() -> None:
    world = World()
    mine = {"work_order_id": world.number, "partner_id": "orig", "by": "orig:jo"}
    process.decline(world.records, reason="no crew", at=MONDAY + HOUR, **mine)
    process.question(
        world.records,
        work_order_id=world.number,
        partner_id="other",
        text="Dog?",
        at=MONDAY + DAY,
        by="other:jo",
    )
    log = world.records.history(world.number)
    whats = {
        who: [one.what for one in partner_desk.own_events(world.order, log, who)]
        for who in ("orig", "other", "third")
    }
    assert whats == {
        "orig": ["offered", "declined"],
        "other": ["offered", "question_asked"],
        "third": [],
    }


def test_orders_that_are_over_come_last_the_latest_first() -> None:
    world = World()
    world.accept()
    order: WorkOrder = world.order
    done = [
        replace(
            order,
            id=f"WO-{n}",
            state=WorkOrderState.COMPLETED,
            departed_at=MONDAY + n * DAY,
            reported_at=MONDAY + n * DAY,
        )
        for n in range(3)
    ]
    found = partner_desk.in_order([*done, order], at=MONDAY + 5 * DAY)
    assert [one.id for one in found] == [order.id, "WO-2", "WO-1", "WO-0"]


# ---- the scorecard -----------------------------------------------------------------------------
def test_own_figures_are_those_of_the_report_for_everybody() -> None:
    from cloud.reporting.process import report

    world = World()
    world.accept()
    asked = Asked(MONDAY + DAY, date(2026, 4, 1), date(2026, 7, 1), "orig")
    made = report(world.records, "partner_scorecard", asked)
    row = dict(zip((one.name for one in made.columns), made.rows[0].cells, strict=True))
    own = own_scorecard(world.records, "orig", since=asked.since, until=asked.until, at=asked.as_of)
    assert (own.orders, own.performance) == (row["orders"], row["performance"])
    for figure in own.figures:
        assert (figure.percent, figure.tries) == (row[figure.name], row[f"{figure.name}_n"])


def test_four_quarters_end_with_the_present_one_and_hold_each_order_once() -> None:
    world = World()
    letter_id = world.order.assignments[-1].letter_id
    process.record_delivery(
        world.records, thread=world.number, letter_id=letter_id, delivered_at=MONDAY
    )
    world.accept()
    found = quarters(world.records, "orig", at=MONDAY)
    assert [one.name for one in found] == ["Q3 2025", "Q4 2025", "Q1 2026", "Q2 2026"]
    assert [sum(one.tries for one in quarter.figures) for quarter in found] == [0, 0, 0, 1]


def test_a_partner_without_work_has_no_figure_and_no_percent() -> None:
    facts = Facts(Asked(MONDAY, date(2026, 4, 1), date(2026, 7, 1), "orig"))
    assert {one.percent for one in figures_of(facts, "orig")} == {None}
