"""The clawback and net fund report: which clocks run, how long, and what they move (F28)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from funding_office import NOW, OWNER, Office, taken
from funding_world import REACHED, partner, project
from hypothesis import given
from hypothesis import strategies as st

from cloud.funding import views
from cloud.funding.direct_pay import DirectPay, EquipmentInvoice
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import DeductionState, PayableState
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import D34, F08, FIRST_DAY, STANDARD
from cloud.funding.process import risk
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone, milestone_id

M1 = milestone_id("PJ", Milestone.M1)
SUBMITTED, APPROVED = Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED
INVOICE = EquipmentInvoice("I-1", Money(9_000_00), REACHED)


def reach(*milestones, at=REACHED):
    return tuple((one, at) for one in milestones)


def after(days):
    """Give noon of an Eastern day, so many days after the milestone."""
    return REACHED + timedelta(days=days)


def direct(**changes):
    made = DirectPay("PJ", OWNER, "V", True, REACHED, REACHED, REACHED, (INVOICE,))
    return replace(made, **changes)


def clocks(office, at):
    return risk.risk(office.records, OWNER, at=at).clocks


def names(office, at=NOW):
    return [row.clock for row in clocks(office, at)]


def extended(days, *, state=RequestState.APPROVED, occurrence=0, decided_at=REACHED):
    return ExtensionRequest(
        id=f"EXT-{days}-{occurrence}",
        project_id="PJ",
        partner_id=OWNER,
        programme="comfort",
        occurrence=occurrence,
        fields=(),
        reason="other",
        reason_text="",
        proof_reference="",
        submitted_at=REACHED,
        by="x",
        decision_due_date=date(2026, 12, 8),
        days=days,
        amount=Money(1),
        state=state,
        decided_at=decided_at,
    )


@pytest.mark.rule("F28")
@pytest.mark.parametrize(
    ("reached", "direct_pay", "changes", "expected"),
    [
        pytest.param((), None, {}, [], id="before NTP"),
        pytest.param((Milestone.NTP,), None, {}, ["ntp_to_m1"], id="NTP"),
        pytest.param((Milestone.NTP,), None, {"cancelled": True}, [], id="cancelled"),
        pytest.param(
            (Milestone.NTP,), direct(), {}, ["ntp_to_m1", "material_submit"], id="shipped"
        ),
        pytest.param(
            (Milestone.NTP,), direct(shipped_at=None), {}, ["ntp_to_m1"], id="not shipped"
        ),
        pytest.param(
            (Milestone.NTP,), direct(is_enrolled=False), {}, ["ntp_to_m1"], id="left Direct Pay"
        ),
        pytest.param(
            (Milestone.NTP,),
            direct(material_taken_at=NOW),
            {},
            ["ntp_to_m1"],
            id="material was asked for",
        ),
        pytest.param(
            (Milestone.NTP, SUBMITTED),
            direct(),
            {},
            ["ntp_to_m1", "material_approve"],
            id="submitted",
        ),
        pytest.param(
            (Milestone.NTP, SUBMITTED, APPROVED, Milestone.M1),
            direct(),
            {},
            ["m1_to_m2"],
            id="approved",
        ),
        pytest.param(
            (Milestone.NTP, SUBMITTED, Milestone.M1),
            direct(),
            {"m1_basis": SUBMITTED},
            ["material_approve", "m1_to_m2"],
            id="M1 on submission",
        ),
        pytest.param(
            (Milestone.NTP, SUBMITTED, APPROVED, Milestone.M1, Milestone.M2),
            direct(),
            {},
            [],
            id="activated",
        ),
    ],
)
def test_clocks_run_from_their_milestone_to_the_next(reached, direct_pay, changes, expected):
    office = Office()
    office.project("PJ", reached=reach(*reached), **changes)
    if direct_pay is not None:
        office.save(direct_pay)
    assert names(office) == expected


@pytest.mark.rule("F08", "F13")
@pytest.mark.parametrize(
    ("days", "extra", "status", "left", "is_red"),
    [
        (0, 0, "running", 120, False),
        (105, 0, "running", 15, False),
        (106, 0, "running", 14, True),
        (120, 0, "running", 0, True),
        (121, 0, "overdue", -1, True),
        (106, 30, "extended", 44, False),
        (120, 30, "extended", 30, False),
        (121, 30, "paused", 29, False),
        (150, 30, "paused", 0, True),
        (151, 30, "overdue", -1, True),
    ],
)
def test_the_clock_to_activation_on_its_last_days(days, extra, status, left, is_red):
    office = Office()
    office.project("PJ")
    if extra:
        office.save(extended(extra))
    (row,) = clocks(office, after(days))
    assert (row.status, row.days_left, row.is_red) == (status, left, is_red)
    assert row.due_on - row.contract_due_on == timedelta(F08.on(FIRST_DAY))
    assert row.due_on == date(2026, 12, 1) + timedelta(120 + extra)
    assert row.extension_days == extra


@pytest.mark.rule("F13")
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(extended(30, state=RequestState.PENDING, decided_at=None), id="pending"),
        pytest.param(extended(30, state=RequestState.DENIED), id="denied"),
        pytest.param(extended(30, decided_at=after(200)), id="granted later"),
        pytest.param(extended(30, occurrence=1), id="of another M1"),
    ],
)
def test_only_a_granted_extension_of_this_m1_adds_days(request_):
    office = Office()
    office.project("PJ")
    office.save(request_)
    assert clocks(office, after(100))[0].extension_days == 0


@pytest.mark.rule("F20")
def test_the_fourteen_days_begin_again_with_a_later_invoice():
    office = Office()
    later = replace(INVOICE, id="I-2", received_at=after(5))
    office.project("PJ", reached=reach(Milestone.NTP))
    office.save(direct(invoices=(INVOICE, later, replace(later, id="I-3", voided_at=NOW))))
    row = next(one for one in clocks(office, after(6)) if one.clock == "material_submit")
    assert (row.started_on, row.due_on) == (date(2026, 12, 6), date(2026, 12, 20))
    assert (row.days_left, row.amount) == (13, Money(18_000_00))


@pytest.mark.rule("F28")
def test_rows_are_sorted_by_milestone_and_by_the_days_that_are_left():
    office = Office()
    for name, reached_, at in (
        ("B", Milestone.NTP, REACHED),
        ("A", Milestone.NTP, REACHED),
        ("C", Milestone.NTP, after(-10)),
        ("D", Milestone.M1, after(-300)),
    ):
        office.project(name, reached=reach(reached_, at=at))
    found = clocks(office, NOW)
    assert [row.project_id for row in found] == ["C", "A", "B", "D"]
    assert sorted(found, key=risk.place) == list(found)
    assert all(row.account_name == "C. Ustomer" for row in found)


@pytest.mark.rule("F28")
def test_what_is_at_risk_is_what_would_be_taken_and_was_not_yet():
    office = Office()
    office.project("PJ")
    office.payable("X", 900_00, project_id="PJ", causes=(M1,))
    (row,) = clocks(office, NOW)
    assert row.amount == Money(0), "no run took it: nothing can be clawed back"
    office.payable("Y", 800_00, project_id="PJ", causes=(M1,), state=PayableState.PAID)
    office.payable("Z", 50_00, project_id="PJ", causes=("another",), state=PayableState.PAID)
    office.deduction(
        "D",
        800_00,
        DeductionKind.CLAWBACK_M1,
        project_id="PJ",
        causes=(M1,),
        applications=taken("R", 300_00),
    )
    assert clocks(office, NOW)[0].amount == Money(500_00)


@pytest.mark.rule("F25")
def test_until_installation_all_that_was_paid_is_at_risk():
    office = Office()
    office.project("PJ", reached=reach(Milestone.NTP))
    office.payable("X", 900_00, project_id="PJ", milestone="NTP", state=PayableState.PLANNED)
    assert clocks(office, NOW)[0].amount == Money(900_00)


@pytest.mark.rule("F26")
def test_open_reductions_carry_type_age_and_what_is_left():
    office = Office()
    office.project("PJ", market="CA", salesperson="Sam")
    office.deduction("D", 40_00, DeductionKind.MATERIAL, project_id="PJ", paused=True)
    office.deduction("E", 9_00, DeductionKind.CLAWBACK_M1, incurred_on=date(2026, 10, 1))
    office.deduction("F", dropped=Money(40_00), state=DeductionState.CLOSED)
    older, row = risk.risk(office.records, OWNER, at=NOW).reductions
    assert (older.id, older.age_days, older.age_class, older.type) == ("E", 61, "61-90", "Clawback")
    assert (row.type, row.rule, row.left, row.is_paused) == (
        "Clawback to Net Fund",
        "F19",
        Money(40_00),
        True,
    )
    assert (row.account_name, row.market, row.salesperson) == ("C. Ustomer", "CA", "Sam")


def test_the_report_is_of_one_organisation():
    office = Office()
    office.save(partner("P-B"))
    office.project("PJ", "P-B")
    office.deduction("D", partner_id="P-B")
    found = risk.risk(office.records, OWNER, at=NOW)
    assert (found.clocks, found.reductions) == ((), ())


@pytest.mark.rule("D34")
@pytest.mark.parametrize(
    ("days", "name"),
    [
        (0, "0-30"),
        (30, "0-30"),
        (31, "31-60"),
        (60, "31-60"),
        (90, "61-90"),
        (91, "91-120"),
        (120, "91-120"),
        (121, "over 120"),
    ],
)
def test_an_age_falls_into_one_class(days, name):
    assert views.age_class(days, on=FIRST_DAY) == name


@pytest.mark.rule("D34")
@given(st.integers(0, 400), st.integers(0, 400))
def test_classes_follow_each_other(one, other):
    names_ = [views.age_class(days, on=FIRST_DAY) for days in range(401)]
    assert len(dict.fromkeys(names_)) == len(D34.on(FIRST_DAY)) + 1
    low, high = sorted((one, other))
    order = list(dict.fromkeys(names_))
    assert order.index(names_[low]) <= order.index(names_[high])


@pytest.mark.rule("F28")
@pytest.mark.parametrize(
    ("clock", "limit", "standard"),
    [
        pytest.param("ntp_to_m1", 160, 160, id="no value of its own: the same"),
        pytest.param("material_submit", 14, 14, id="the same days"),
        pytest.param("material_approve", 30, 30, id="the same days again"),
        pytest.param("m1_to_m2", 120, 95, id="90 days and the buffer"),
    ],
)
def test_each_clock_has_the_limits_of_its_programme(clock, limit, standard):
    running = [
        views.RunningClock("PJ-1", clock, date(2026, 12, 1)),
        views.RunningClock("PJ-2", clock, date(2026, 12, 1), programme=STANDARD),
    ]
    rows = views.risk_rows(running, datetime(2026, 12, 11, 16, tzinfo=UTC))
    assert {row.project: row.days_left for row in rows} == {
        "PJ-1": limit - 10,
        "PJ-2": standard - 10,
    }


@pytest.mark.rule("F07", "F08")
def test_both_last_days_are_those_of_the_projects_programme():
    office = Office()
    office.project("PJ", programme=STANDARD)
    (row,) = clocks(office, after(0))
    assert (row.contract_due_on, row.due_on) == (date(2027, 3, 1), date(2027, 3, 6))


def test_reads_do_not_grow_with_the_projects():
    office = Office()
    for number in range(300):
        made = project(f"PJ-{number}", m1_basis=SUBMITTED)
        office.save(made, replace(direct(), id=f"PJ-{number}"))
    office.records.requests = 0
    assert len(clocks(office, NOW)) == 300 * 2
    assert office.records.requests <= 15
