"""Payouts: the runs and their sums, each amount with its place, one payment line by line."""

from dataclasses import replace
from datetime import date

import pytest
from money_street import REACHED, RUN, Street, said

from cloud.funding.models import Deduction, PaymentTrace, PlanState, RunPlan
from cloud.funding.netting import DeductionKind
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner


def money_of(*, settled=True, **differs):
    """A payment of two projects with a back-bill: 24,000 + 24,000 - 500."""
    street = Street(**differs)
    street.earns_m1("PRJ-1", customer="Ada Home")
    street.earns_m1("PRJ-2", customer="Ben Home")
    street.offset("BB-1", 500_00)
    if settled:
        street.settled()
    return street


@pytest.mark.rule("F35")
def test_the_first_page_has_the_runs_with_their_sums_and_every_amount():
    street = money_of()
    plain = said(street.page("ines", "/portal/payouts"))
    assert "Thu, Dec 3, 2026" in plain
    assert "$48,000.00 -$500.00 $47,500.00 ••••0732" in plain
    assert "Ada Home" in plain
    assert "Service back-bill Net Fund/Offset, rule D02" in plain
    assert "Sum of 3 lines $47,500.00 $0.00" in plain
    assert "12345678" not in plain


def test_who_has_nothing_learns_what_will_stand_here():
    page = Street().page("ines", "/portal/payouts")
    assert "Each Tuesday and Thursday that pays you stands here" in page.plain


@pytest.mark.rule("F27")
@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        pytest.param("bo", "/portal/payouts", 403, id="no accounting admin"),
        pytest.param("bo", f"/portal/payouts/{RUN}", 403, id="no accounting admin, one run"),
        pytest.param("zoe", "/portal/payouts", 200, id="their own, which is empty"),
        pytest.param("zoe", "/portal/payouts?organisation=P-A", 404, id="another's, by name"),
        pytest.param("zoe", f"/portal/payouts/{RUN}", 404, id="a run that paid another"),
        pytest.param("zoe", f"/portal/payouts/{RUN}/advice", 404, id="another's advice"),
        pytest.param("zoe", f"/portal/payouts/{RUN}/lines", 404, id="another's lines"),
        pytest.param("ines", f"/portal/payouts/{RUN}", 200, id="their own payment"),
        pytest.param("ines", "/portal/payouts/comfort-2026-12-08", 404, id="a run yet to come"),
        pytest.param("ines", "/portal/payouts?organisation=P-S", 200, id="their part's"),
    ],
)
def test_money_is_seen_by_its_own_accounting_admin_only(who, path, status):
    page = money_of().page(who, path)
    assert page.status == status
    assert who == "ines" or "Ada Home" not in page.plain


def test_a_part_is_chosen_and_its_links_stay_with_it():
    street = Street()
    street.earns_m1("PRJ-S", owner="P-S", customer="Sue South")
    street.settled()
    page = street.page("ines", "/portal/payouts?organisation=P-S")
    assert "Sue South" in page.plain
    assert f"/portal/payouts/{RUN}?organisation=P-S" in page.text
    one = street.page("ines", f"/portal/payouts/{RUN}?organisation=P-S")
    assert "Alder South" in one.plain
    assert street.page("ines", f"/portal/payouts/{RUN}").status == 404
    assert "Sue South" not in street.page("ines", "/portal/payouts").plain


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param("", {"Ada Home", "Ben Home", "Service back-bill"}, id="everything"),
        pytest.param("?project=PRJ-1", {"Ada Home"}, id="one project"),
        pytest.param("?milestone=M1", {"Ada Home", "Ben Home"}, id="a milestone"),
        pytest.param("?category=Net+Fund%2FOffset", {"Service back-bill"}, id="a reduction"),
        pytest.param("?category=nonsense", {"Ada Home", "Ben Home", "Service back-bill"}, id="?"),
        pytest.param("?status=returned", set(), id="a status that nothing has"),
        pytest.param("?since=2026-12-01&until=2026-12-01", {"Ada Home", "Ben Home"}, id="the day"),
        pytest.param("?since=2026-12-02", set(), id="from the day after"),
        pytest.param("?tab=queued", set(), id="queued: all is paid"),
        pytest.param("?programme=comfort", {"Ada Home", "Ben Home"}, id="the programme"),
    ],
)
def test_filters_narrow_the_list_and_its_sum(query, shown):
    page = money_of().page("ines", f"/portal/payouts{query}")
    rows = page.plain.partition("Every amount, and where it stands")[2]
    found = {name for name in ("Ada Home", "Ben Home") if name in rows}
    found |= {"Service back-bill"} if "Service back-bill Net Fund" in rows else set()
    assert found >= shown
    assert shown or not found


def test_a_day_that_is_none_is_told_and_kept():
    page = money_of().page("ines", "/portal/payouts?since=soon")
    assert "This is no day" in page.plain
    assert 'value="soon"' in page.text


@pytest.mark.rule("D02")
@pytest.mark.parametrize(
    ("kind", "paused", "says"),
    [
        pytest.param(
            DeductionKind.PROJECT_NET_FUND,
            False,
            "It is taken from this project's next payment, which waits",
            id="of its own project only",
        ),
        pytest.param(
            DeductionKind.EQUIPMENT,
            False,
            "It is taken from this project's next payment, which waits",
            id="equipment",
        ),
        pytest.param(
            DeductionKind.BACK_BILL, True, "An extension postpones it", id="what is postponed"
        ),
        pytest.param(
            DeductionKind.PREPAID_COMMISSION, False, "none left", id="of M1 and M2 payments"
        ),
        pytest.param(
            DeductionKind.CLAWBACK_M1, False, "There was no money left", id="of any money"
        ),
    ],
)
def test_what_a_run_did_not_take_says_why(kind, paused, says):
    street = Street()
    street.earns_m1("PRJ-1", customer="Ada Home")
    street.offset("BB-1", 24_000_00)
    street.project("PRJ-9", customer="Nia Home", reached=())
    debt = Deduction(
        id="DED-9",
        kind=kind,
        partner_id="P-A",
        project_id="PRJ-9",
        raised=Money(700_00),
        incurred_on=date(2026, 12, 1),
        raised_at=REACHED,
        says="for the home",
        causes=("PRJ-9",),
        paused=paused,
    )
    street.save(debt)
    street.settled()
    page = street.page("ines", f"/portal/payouts/{RUN}")
    rows = page.plain.partition("Open, and not taken in this run")[2]
    assert says in rows, rows


@pytest.mark.rule("F05")
def test_money_that_waits_says_why():
    street = money_of(settled=False)
    street.save(replace(street.get(Partner, "P-A"), w9_on_file=False))
    page = street.page("ines", "/portal/payouts?tab=paused")
    assert "The W-9 is missing" in page.plain


def test_one_payment_is_told_project_by_project_with_what_was_taken():
    street = Street()
    street.earns_m1("PRJ-1", customer="Ada Home")
    street.offset("CB-1", 400_00, kind="cancellation", project_id="PRJ-9")
    street.offset("BB-1", 99_000_00)
    street.settled()
    page = street.page("ines", f"/portal/payouts/{RUN}")
    assert "Ada Home PRJ-1 Install (M1) $24,000.00 — $24,000.00" in page.plain
    assert "Project cancellation offset CB-1 · Net Fund/Offset, rule F25" in page.plain
    assert "Total $24,000.00 -$24,000.00 $0.00" in said(page)
    assert "Deductions took all of it, so no money was sent." in page.plain
    assert "$75,400.00 stays open" in page.plain


def test_what_a_run_held_out_stands_with_its_reason():
    street = Street()
    street.earns_m1("PRJ-1", customer="Ada Home")
    street.earns_m1("PRJ-2", customer="Ben Home", compliance_case_open=True)
    street.settled()
    page = street.page("ines", f"/portal/payouts/{RUN}")
    held = page.plain.partition("Held out of this run")[2]
    assert "Ben Home" in held
    assert "A compliance case or administrative stip is open $24,000.00" in held


@pytest.mark.rule("D37")
@pytest.mark.parametrize(
    ("until", "says"),
    [
        pytest.param("approved", "Accounting has agreed to it", id="approved"),
        pytest.param("filed", "It stands in the books", id="in the books"),
        pytest.param("sent", "Our bank has the file", id="with the bank"),
        pytest.param("settled", "The bank paid it out", id="paid out"),
    ],
)
def test_a_payment_says_how_far_it_has_come(until, says):
    street = money_of(settled=False)
    getattr(street, until)()
    assert says in street.page("ines", f"/portal/payouts/{RUN}").plain
    assert "Thu, Dec 3, 2026" in street.page("ines", "/portal/payouts").plain


def test_what_is_only_previewed_is_not_told():
    street = money_of(settled=False)
    street.planned()
    assert street.page("ines", f"/portal/payouts/{RUN}").status == 404
    assert "No payment yet" in street.page("ines", "/portal/payouts").plain


@pytest.mark.rule("D01")
def test_a_plan_that_was_not_carried_out_is_no_payment():
    street = money_of(settled=False)
    street.filed()
    (plan,) = street.records.find(RunPlan, by="partner_id", value="P-A")
    street.save(replace(plan.record, state=PlanState.STALE))
    assert street.page("ines", f"/portal/payouts/{RUN}").status == 404
    assert "No payment yet" in street.page("ines", "/portal/payouts").plain


@pytest.mark.parametrize(
    ("code", "says"),
    [
        pytest.param("R02", "The account is closed. (code R02)", id="closed account"),
        pytest.param("R99", "A person of accounting looks at it", id="a code we have no words for"),
        pytest.param("C01", "the account's details have changed", id="a notification of change"),
    ],
)
@pytest.mark.rule("D04")
def test_what_the_bank_answered_is_explained(code, says):
    street = money_of()
    street.came_back(code)
    page = street.page("ines", f"/portal/payouts/{RUN}")
    assert says in page.plain
    assert ("The payment came back." in page.plain) == (code != "C01")


def test_the_advice_and_its_lines_are_fetched():
    street = money_of()
    away = street.page("ines", f"/portal/payouts/{RUN}/advice")
    assert away.status == 303
    assert f"remittances/{RUN}/P-A.pdf" in away.to
    lines = street.page("ines", f"/portal/payouts/{RUN}/lines")
    assert lines.headers["content-disposition"].startswith("attachment")
    assert "PRJ-2" in lines.text
    (trace,) = street.records.find(PaymentTrace, by="partner_id", value="P-A")
    assert trace.record.id in lines.text


def test_many_amounts_come_in_pages():
    street = Street()
    for number in range(55):
        street.earns_m1(f"PRJ-{number:02d}")
    first = street.page("ines", "/portal/payouts")
    assert "page=1" in first.text
    second = street.page("ines", "/portal/payouts?page=1")
    assert second.text.count('data-label="Recorded"') == 5
    assert street.page("ines", "/portal/payouts?page=999").text.count('data-label="Recorded"') == 5
    assert "Sum of 55 lines $1,320,000.00" in second.plain
    assert len(first.content) < 60_000
