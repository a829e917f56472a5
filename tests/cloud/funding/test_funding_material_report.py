"""The material rows of the report are those of the judge: the same limits, last days and money."""

from dataclasses import replace
from datetime import timedelta

import pytest
from direct_pay_world import Deal, days, et
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.funding.models import Application
from cloud.funding.netting import DeductionKind
from cloud.funding.process import risk
from cloud.funding.process.equipment import APPROVE_DUE, SUBMIT_DUE
from cloud.funding.process.taking import running_limits
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone

NOON = et("2026-10-20T12:00")
SUBMITTED, APPROVED = Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED
TIMER_OF = {"material_submit": SUBMIT_DUE, "material_approve": APPROVE_DUE}


def material_rows(deal, at):
    rows = risk.risk(deal.records, "P-A", at=at).clocks
    return [row for row in rows if row.clock.startswith("material")]


@pytest.mark.rule("F21")
def test_a_packet_without_a_shipment_on_record_has_its_thirty_days():
    deal = Deal()
    deal.bill("1", 5_000_00, NOON)
    deal.reach(SUBMITTED, NOON)
    (row,) = material_rows(deal, NOON + days(30))
    assert (row.clock, row.days_left, row.amount) == ("material_approve", 0, Money(5_000_00))
    assert deal.material("1") is None
    assert deal.wake_due(et("2026-11-20T00:00")) == 1
    assert deal.material("1").raised == row.amount
    assert material_rows(deal, NOON + days(31)) == []


@pytest.mark.rule("F20")
def test_an_invoice_that_was_voided_has_started_its_days_in_the_report_too():
    deal = Deal()
    deal.ship(NOON)
    deal.bill("1", 5_000_00, NOON)
    deal.bill("2", 4_000_00, NOON + days(6))
    deal.void("2", NOON + days(7))
    (row,) = material_rows(deal, NOON + days(7))
    assert (row.started_on, row.days_left) == (eastern_day(NOON + days(6)), 13)
    assert row.amount == Money(5_000_00)


@pytest.mark.rule("F22")
def test_what_a_voided_invoice_took_went_back_and_lowers_nothing():
    deal = Deal(m1_basis=SUBMITTED)
    deal.ship(NOON)
    deal.reach(SUBMITTED, NOON)
    deal.reach(Milestone.M1, NOON)
    deal.bill("1", 5_000_00, NOON)
    stored = deal.records.load(type(deal.deduction("1")), deal.deduction("1").id)
    assert stored.record.kind is DeductionKind.EQUIPMENT
    taken = replace(stored.record, applications=(Application("R-1", stored.record.raised),))
    deal.records.commit(Change(saves=(stored.replaced_by(taken),)))
    assert material_rows(deal, NOON)[0].amount == Money(0)
    deal.void("1", NOON + days(1))
    deal.bill("2", 5_000_00, NOON + days(1))
    assert material_rows(deal, NOON + days(1))[0].amount == Money(5_000_00)


@pytest.mark.rule("F19")
def test_a_project_whose_cancellation_was_settled_has_no_row():
    deal = Deal()
    deal.ship(NOON)
    deal.bill("1", 5_000_00, NOON)
    stored = deal.records.load(type(deal.direct), "J-1")
    closed = replace(stored.record, closed_at=NOON)
    deal.records.commit(Change(saves=(Save(closed, stored.version),)))
    assert material_rows(deal, NOON) == []


@pytest.mark.rule("F20")
def test_an_invoice_of_the_instant_at_which_material_is_asked_for_is_asked_for_too():
    deal = Deal()
    deal.ship(NOON)
    deal.bill("1", 5_000_00, NOON)
    late = NOON + days(15)
    deal.wake_due(late)
    deal.bill("2", 100_00, late)
    assert (deal.material("1").raised, deal.material("2").raised) == (
        Money(5_000_00),
        Money(100_00),
    )


# --- whatever happens --------------------------------------------------------------------------

HAPPENS = ("ship", "bill", "void", "submit", "approve", "m1", "out", "in")


def happen(deal, what, place, at):
    """Let one thing of a life happen; what the doors refuse does not."""
    reached = {one for one, _ in deal.project.reached}
    if what == "ship":
        deal.ship(at)
    elif what == "bill":
        deal.bill(f"N-{place}", 1_000_00 + place, at)
    elif what == "void" and deal.direct.standing_invoices:
        deal.void(deal.direct.standing_invoices[0].number, at)
    elif what in {"in", "out"}:
        deal.choose(what, at)
    milestone = {"submit": SUBMITTED, "approve": APPROVED, "m1": Milestone.M1}.get(what)
    if milestone is not None and milestone not in reached:
        deal.reach(milestone, at)


@pytest.mark.rule("F28")
@pytest.mark.parametrize("programme", ["comfort", "standard"])
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(HAPPENS), st.integers(0, 20)), max_size=8),
    st.integers(0, 40),
)
def test_a_row_is_there_exactly_while_a_limit_runs_and_then_money_moves(programme, life, later):
    deal, at = Deal(programme=programme), NOON
    for place, (what, hours_x6) in enumerate(life):
        at += timedelta(hours=6 * hours_x6)
        deal.wake_due(at)
        happen(deal, what, place, at)
    at += days(later)
    deal.wake_due(at)

    rows = {row.clock: row for row in material_rows(deal, at)}
    verdict = deal.assess(at)
    due = {
        "material_submit": verdict and verdict.submit_due_date,
        "material_approve": verdict and verdict.approve_due_date,
    }
    done = {
        "material_submit": {SUBMITTED, APPROVED, Milestone.M1},
        "material_approve": {APPROVED, Milestone.M2},
    }
    if deal.project.m1_basis is APPROVED:
        done["material_approve"].add(Milestone.M1)
    reached = {one for one, _ in deal.project.reached}
    runs = {
        clock
        for clock, day in due.items()
        if day and not done[clock] & reached and deal.direct.material_taken_at is None
    }
    assert set(rows) == runs
    for clock, row in rows.items():
        assert row.due_on == due[clock]
        assert row.days_left == (due[clock] - eastern_day(at)).days
    if not rows or not deal.direct.standing_invoices:
        return
    first = min(rows.values(), key=lambda row: row.due_on)
    ends = {one.clock: one.missed_from for one in running_limits(deal.direct, deal.project, at)}
    end = min(ends.values())
    if programme == "comfort":
        assert eastern_day(end) == first.due_on + days(1)
    deal.wake_due(end - timedelta(microseconds=1))
    assert deal.direct.material_taken_at is None
    assert deal.timer(TIMER_OF[first.clock]) == ends[first.clock]
    deal.wake_due(end)
    assert deal.direct.material_taken_at == end
    assert material_rows(deal, end) == []
