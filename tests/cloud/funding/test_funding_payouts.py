"""Payouts: each row under its tab, with its reasons, its run and its payment (F27, F32, F35)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from funding_office import NOW, OWNER, Office, RunState, taken
from funding_world import REACHED, World, partner
from hypothesis import given
from hypothesis import strategies as st

from cloud.funding import views
from cloud.funding.direct_pay import DirectPay, EquipmentInvoice
from cloud.funding.models import DeductionState, PayableState
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import D37, FIRST_DAY
from cloud.funding.process import payouts
from cloud.funding.process.payouts import PayoutFilter
from cloud.funding.published import PublishedDay
from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone, Partner

THURSDAY = date(2026, 12, 3)
LAST_WEEK = NOW - timedelta(days=7)


def rows(office, at=NOW, **wanted):
    return payouts.payouts(office.records, OWNER, wanted=PayoutFilter(**wanted), at=at)


def only(office, at=NOW, **wanted):
    (row,) = rows(office, at, **wanted)
    return row


def enrolled(name, *invoices, is_enrolled=True):
    return DirectPay(name, OWNER, "V", is_enrolled, REACHED, REACHED, invoices=invoices)


INVOICE = EquipmentInvoice("I-1", Money(1_000_00), REACHED, is_final=True)


@pytest.mark.rule("F35")
@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param(
            lambda one: one.payable("X"),
            ("queued", "pending", (), THURSDAY),
            id="earned in the open window",
        ),
        pytest.param(
            lambda one: one.payable("X", hold="unpriced_inverter"),
            ("paused", "pending", ("unpriced_inverter",), None),
            id="held by itself",
        ),
        pytest.param(
            lambda one: (one.project("PJ", cancelled=True), one.payable("X", project_id="PJ")),
            ("paused", "pending", ("project_cancelled",), None),
            id="held by its project",
        ),
        pytest.param(
            lambda one: (
                one.project("PJ"),
                one.save(enrolled("PJ")),
                one.payable("X", project_id="PJ"),
            ),
            ("invoice_needed", "pending", ("invoice_needed",), None),
            id="waits for the vendor's invoice",
        ),
        pytest.param(
            lambda one: (
                one.project("PJ", compliance_case_open=True),
                one.save(enrolled("PJ")),
                one.payable("X", project_id="PJ"),
            ),
            ("paused", "pending", ("compliance_hold", "invoice_needed"), None),
            id="waits for the invoice and for something else",
        ),
        pytest.param(
            lambda one: one.run(RunState.APPROVED, payables=[one.payable("X")]),
            ("approved", "pending", (), THURSDAY),
            id="approved and not yet in the books",
        ),
        pytest.param(
            lambda one: one.run(RunState.PREVIEW, payables=[one.payable("X")]),
            ("queued", "pending", (), THURSDAY),
            id="only previewed",
        ),
        *[
            pytest.param(
                lambda one, state=state: one.run(
                    state,
                    payables=[
                        one.payable("X", state=PayableState.PLANNED, run_id="comfort-2026-12-03")
                    ],
                ),
                ("all", status, (), THURSDAY),
                id=f"in a run that is {state}",
            )
            for state, status in (
                (RunState.COMMITTED, "pending"),
                (RunState.FILED, "pending"),
                (RunState.SENDING, "pending"),
                (RunState.SENT, "sent"),
                (RunState.SETTLED, "settled"),
            )
        ],
        pytest.param(
            lambda one: one.payable("X", state=PayableState.WITHDRAWN),
            ("all", "withdrawn", (), None),
            id="taken back before a run took it",
        ),
        pytest.param(
            lambda one: (
                one.run(RunState.FILED),
                one.payable("X", accrued_at=datetime(2026, 12, 1, 15, tzinfo=UTC)),
            ),
            ("queued", "pending", (), date(2026, 12, 8)),
            id="left out of the run of its window: the next one",
        ),
        pytest.param(
            lambda one: one.payable("X", accrued_at=datetime(2026, 6, 1, 15, tzinfo=UTC)),
            ("queued", "pending", (), date(2026, 12, 1)),
            id="old, and free only now: the first run that may still take it",
        ),
    ],
)
def test_each_payable_stands_under_its_tab(prepare, expected):
    office = Office()
    prepare(office)
    found = [row for row in rows(office) if row.id == "X"]
    assert [(row.tab, row.status, row.holds, row.funding_date) for row in found] == [expected]


@pytest.mark.rule("F35")
def test_the_partners_own_papers_hold_every_payable():
    office = Office(w9_on_file=False)
    office.payable("X")
    assert only(office).holds == ("w9_missing",)
    assert rows(office, tab="queued") == []


@pytest.mark.rule("D37")
def test_a_payment_that_came_back_stays_returned_and_the_money_is_another_row():
    office = Office()
    item = office.payable("X", state=PayableState.PAID, run_id="comfort-2026-12-03")
    office.run(RunState.SETTLED, payables=[item], trace="0210000200000001", return_code="R03")
    office.payable("Y", milestone="returned", hold="new_authorization", causes=("021",))
    back, again = rows(office)
    assert (back.status, back.trace_number, back.account_last4) == (
        "returned",
        "0210000200000001",
        "9012",
    )
    assert (again.tab, again.status) == ("paused", "pending")


@pytest.mark.rule("F35")
@pytest.mark.parametrize(
    ("changes", "run", "expected"),
    [
        pytest.param({}, None, ("queued", "pending", 40_00), id="open"),
        pytest.param({"paused": True}, None, ("paused", "pending", 40_00), id="postponed"),
        pytest.param(
            {"applications": taken("comfort-2026-12-03", 15_00)},
            RunState.SENT,
            ("queued", "pending", 25_00),
            id="taken in part",
        ),
        pytest.param(
            {
                "applications": taken("comfort-2026-12-03", 40_00),
                "state": DeductionState.CLOSED,
            },
            RunState.SENT,
            ("all", "sent", 0),
            id="taken by a run that is with the bank",
        ),
        pytest.param(
            {"applications": taken("PROP-1", 40_00), "state": DeductionState.CLOSED},
            None,
            ("all", "settled", 0),
            id="settled by hand",
        ),
        pytest.param(
            {"dropped": Money(40_00), "state": DeductionState.CLOSED},
            None,
            ("all", "withdrawn", 0),
            id="not asked for any more",
        ),
    ],
)
def test_each_deduction_stands_below_zero_with_its_type(changes, run, expected):
    office = Office()
    office.deduction("D", **changes)
    if run is not None:
        office.run(run)
    row = only(office)
    assert (row.tab, row.status, row.left.cents) == expected
    assert (row.amount, row.type, row.rule) == (Money(-40_00), "Net Fund/Offset", "D02")


@pytest.mark.rule("F35")
def test_a_deduction_of_an_approved_plan_is_approved_and_one_without_effect_is_not():
    office = Office()
    office.run(RunState.APPROVED, deductions=[office.deduction("D")])
    office.deduction("E")
    assert {row.id: (row.tab, row.funding_date) for row in rows(office)} == {
        "D": ("approved", THURSDAY),
        "E": ("queued", None),
    }


@pytest.mark.rule("F32")
@pytest.mark.parametrize(
    ("reached", "direct", "is_listed"),
    [
        pytest.param([Milestone.INSTALL_SUBMITTED], enrolled("PJ"), True, id="submitted"),
        pytest.param([Milestone.M1], enrolled("PJ"), True, id="M1 known only"),
        pytest.param([], enrolled("PJ"), False, id="not installed"),
        pytest.param([Milestone.M1], enrolled("PJ", INVOICE), False, id="invoice is there"),
        pytest.param(
            [Milestone.M1],
            enrolled("PJ", replace(INVOICE, voided_at=NOW)),
            True,
            id="invoice was taken back",
        ),
        pytest.param(
            [Milestone.M1],
            enrolled("PJ", replace(INVOICE, is_final=False)),
            True,
            id="invoice is not the last",
        ),
        pytest.param([Milestone.M1], enrolled("PJ", is_enrolled=False), False, id="left"),
        pytest.param([Milestone.M1], None, False, id="never took part"),
    ],
)
def test_invoice_needed_lists_installed_projects_without_money_too(reached, direct, is_listed):
    office = Office()
    office.project("PJ", reached=tuple((one, REACHED) for one in reached))
    if direct is not None:
        office.save(direct)
    found = rows(office, tab="invoice_needed")
    assert [(row.kind, row.id, row.amount.cents) for row in found] == (
        [("project", "PJ", 0)] if is_listed else []
    )
    office.payable("X", project_id="PJ")
    assert [row.id for row in rows(office, tab="invoice_needed")] == (["X"] if is_listed else [])
    is_held = direct is not None and direct.needs_invoice
    assert [row.id for row in rows(office, tab="paused")] == (
        ["X"] if is_held and not is_listed else []
    )


@pytest.mark.rule("F35")
def test_filters_narrow_and_an_unknown_tab_is_told():
    office = Office()
    office.project("PJ", market="CA", salesperson="Sam")
    office.payable("X", project_id="PJ")
    office.payable("Y", milestone="M2")
    office.deduction("D", kind=DeductionKind.CLAWBACK_M1, paused=True)

    def ids(**wanted):
        return [row.id for row in rows(office, **wanted)]

    assert ids() == ["D", "X", "Y"]
    assert ids(tab="all") == ids()
    assert ids(tab="paused") == ["D"]
    assert ids(category="Clawback") == ["D"]
    assert ids(milestone="M2") == ["Y"]
    assert ids(project_id="PJ") == ids(market="CA") == ids(salesperson="Sam") == ["X"]
    assert ids(status="settled") == []
    with pytest.raises(BadInput, match="use one of queued, approved"):
        ids(tab="soon")


@pytest.mark.rule("F35")
@pytest.mark.parametrize(
    ("since", "until", "is_there"),
    [
        (date(2026, 11, 30), None, True),
        (date(2026, 12, 1), None, False),
        (None, date(2026, 11, 30), True),
        (None, date(2026, 11, 29), False),
    ],
)
def test_days_of_a_filter_are_eastern_and_both_included(since, until, is_there):
    office = Office()
    office.payable("X", accrued_at=datetime(2026, 12, 1, 4, 59, 59, tzinfo=UTC))
    assert bool(rows(office, since=since, until=until)) == is_there


@pytest.mark.rule("F35")
def test_totals_of_the_tabs_are_those_of_their_rows():
    office = Office(bank_account_blocked=False)
    office.payable("X", 100_00)
    office.payable("Y", 7_00, hold="manual")
    office.deduction("D", 40_00, applications=taken("comfort-2026-12-03", 15_00))
    found = payouts.holdings(office.records, OWNER, at=NOW)
    sums = payouts.totals(payouts.rows_of(found, at=NOW), at=NOW)
    assert [(one.tab, one.rows, one.payable.cents, one.deducted.cents) for one in sums] == [
        ("queued", 2, 100_00, 25_00),
        ("approved", 0, 0, 0),
        ("paused", 1, 7_00, 0),
        ("invoice_needed", 0, 0, 0),
        ("all", 3, 107_00, 25_00),
    ]


@pytest.mark.rule("F03")
def test_a_published_day_is_the_expected_one():
    office = Office()
    office.payable("X")
    office.save(
        PublishedDay(
            "D-1", "comfort", THURSDAY, date(2026, 12, 4), NOW - timedelta(days=5), "accounting"
        )
    )
    assert only(office).funding_date == date(2026, 12, 4)


def test_what_is_anothers_is_not_there():
    office = Office()
    office.save(partner("P-B"))
    office.payable("X", partner_id="P-B")
    office.deduction("D", partner_id="P-B")
    office.project("PJ", "P-B")
    assert rows(office) == []
    with pytest.raises(NotFound, match="organisation P-Z"):
        payouts.payouts(office.records, "P-Z", wanted=PayoutFilter(), at=NOW)


def test_a_plan_of_an_organisation_whose_id_begins_alike_is_not_ours():
    office = Office()
    item = office.payable("X", state=PayableState.PLANNED, run_id="comfort-2026-12-03")
    run = office.run(RunState.SENT, payables=[item], trace="0210000200000001")
    stored = office.records.load(type(run), run.id)
    office.records._records[type(run), run.id] = replace(
        stored, record=replace(run, plan_ids=(f"{run.id}.{OWNER}.X.abcdef012345",))
    )
    assert only(office).trace_number == ""


def test_reads_do_not_grow_with_the_rows():
    """500 payables of 500 projects, over ten runs: a number of requests that fits one answer."""
    office = Office()
    runs = [
        office.run(RunState.SETTLED, of=NOW - timedelta(days=7 * (back + 1)), trace=f"{back:016d}")
        for back in range(10)
    ]
    for number in range(500):
        name = f"PJ-{number:03d}"
        office.project(name)
        office.save(enrolled(name, INVOICE))
        office.payable(
            f"X-{number:03d}",
            project_id=name,
            state=PayableState.PAID,
            run_id=runs[number % 10].id,
        )
        office.deduction(f"D-{number:03d}", project_id=name)
    office.records.requests = 0
    found = payouts.holdings(office.records, OWNER, at=NOW)
    made = payouts.rows_of(found, at=NOW)
    shown = payouts.named(office.records, found, made[:100])
    assert len(made) == 1_000
    assert all(row.account_name == "C. Ustomer" for row in shown)
    assert office.records.requests <= 12


@pytest.mark.rule("D37")
@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_a_payment_has_one_word(withdrawn, sent, settled, returned):
    word = views.payment_status(withdrawn=withdrawn, sent=sent, settled=settled, returned=returned)
    assert word in D37.on(FIRST_DAY)
    assert (word == "returned") == returned
    assert (word == "pending") == (not any((withdrawn, sent, settled, returned)))


@pytest.mark.rule("F35")
def test_a_real_run_moves_its_rows_from_tab_to_tab():
    world = World()
    known = [world.records.load(Partner, one.id) for one in world.partners]
    assert all(known)
    world.m1("PJ")
    world.offset("O", 1_000_00)

    def tabs(at):
        found = payouts.payouts(world.records, OWNER, wanted=PayoutFilter(), at=at)
        return {row.kind: (row.tab, row.status, row.funding_date) for row in found}

    after = datetime(2026, 12, 2, 14, tzinfo=UTC)
    assert tabs(REACHED)["payable"] == ("queued", "pending", THURSDAY)
    run = world.prepare()
    world.approve(run)
    assert tabs(after) == {
        "payable": ("approved", "pending", THURSDAY),
        "deduction": ("approved", "pending", THURSDAY),
    }
    world.finish()
    assert tabs(after) == {
        "payable": ("all", "pending", THURSDAY),
        "deduction": ("all", "pending", THURSDAY),
    }
    row = payouts.payouts(world.records, OWNER, wanted=PayoutFilter(), at=after)[0]
    assert row.trace_number
    assert row.account_last4 == "9012"
