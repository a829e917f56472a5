"""Clawback and Net-Fund: clocks with their days, what is taken, and one project's whole money."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from money_street import NOW, REACHED, Street, said

from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.models import Application, Deduction, DeductionState
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import F29, FIRST_DAY
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.portal.life_line import Point, life_line
from cloud.portfolio.models import Milestone, Project, milestone_id


def clawback(name="PRJ-1", **differs):
    made = Deduction(
        id=f"DED-{name}",
        kind=DeductionKind.CLAWBACK_M1,
        partner_id="P-A",
        project_id=name,
        raised=Money(24_000_00),
        incurred_on=date(2027, 4, 1),
        raised_at=REACHED,
        says=f"clawback of {name}",
        causes=(milestone_id(name, Milestone.M1), name),
    )
    return replace(made, **differs)


def request(name="PRJ-1", **differs):
    made = ExtensionRequest(
        id=f"EXT-{name}",
        project_id=name,
        partner_id="P-A",
        programme="comfort",
        occurrence=0,
        fields=(("account_primary_name", "Ada Home"),),
        reason="transformer_upgrade",
        reason_text="",
        proof_reference="upload:UPL-1",
        submitted_at=REACHED,
        by="ines",
        decision_due_date=date(2026, 12, 8),
        days=30,
        amount=Money(24_000_00),
        state=RequestState.APPROVED,
        decided_at=REACHED,
        until=date(2027, 4, 30),
    )
    return replace(made, **differs)


def days_on(count):
    """Give an instant so many days after M1, in the middle of the day."""
    return REACHED + timedelta(days=count)


@pytest.mark.rule("F28")
@pytest.mark.parametrize(
    ("day", "says"),
    [
        pytest.param(10, "• 110 days left", id="there is time"),
        pytest.param(106, "▲ 14 days left", id="the first red day"),
        pytest.param(119, "▲ 1 day left", id="one day"),
        pytest.param(120, "▲ last day", id="the last day"),
        pytest.param(121, "✖ 1 day over", id="the first day over"),
        pytest.param(130, "✖ 10 days over", id="long over"),
    ],
)
def test_days_left_are_told_in_words_with_a_sign(day, says):
    street = Street(now=days_on(day))
    street.was_paid("PRJ-1", customer="Ada Home")
    page = street.page("ines", "/portal/clawback")
    row = page.plain.partition("Projects at risk, by milestone")[2]
    assert f"Ada Home PRJ-1 {says} Install (M1) to Activation (M2)" in row
    assert "$24,000.00" in row


def test_the_most_urgent_of_a_clock_stands_first_and_the_sum_below():
    street = Street(now=days_on(20))
    street.was_paid("PRJ-1")
    street.was_paid("PRJ-2", customer="Early", reached=())
    early = street.get(Project, "PRJ-2")
    street.save(
        replace(early, reached=((Milestone.NTP, REACHED), (Milestone.M1, REACHED - 9 * DAY)))
    )
    text = street.page("ines", "/portal/clawback").text
    assert text.index("Early") < text.index("Customer PRJ-1")
    assert "Sum of 2" in text


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("query", "is_shown"),
    [
        pytest.param("?within=14", False, id="fewer days than it has"),
        pytest.param("?within=30", True, id="as many as it has"),
        pytest.param("?within=over", False, id="only what is over"),
        pytest.param("?within=red", False, id="only what needs action, which it does not yet"),
        pytest.param("?clock=m1_to_m2", True, id="its clock"),
        pytest.param("?clock=ntp_to_m1", False, id="another clock"),
        pytest.param("?within=soon", True, id="a word that is none"),
    ],
)
def test_the_report_is_filtered_by_days_left_and_clock(query, is_shown):
    street = Street(now=days_on(90))
    street.was_paid("PRJ-1", customer="Ada Home")
    page = street.page("ines", f"/portal/clawback{query}")
    assert ("Ada Home" in page.plain) == is_shown
    assert is_shown or "No clock like that" in page.plain


@pytest.mark.rule("F26")
def test_what_was_clawed_back_says_what_would_undo_it():
    street = Street(now=days_on(125))
    street.was_paid("PRJ-1", customer="Ada Home")
    street.save(
        clawback(applications=(Application("R", Money(4_000_00)),)),
        clawback("PRJ-2", paused=True),
        clawback("PRJ-3", state=DeductionState.CLOSED, dropped=Money(24_000_00)),
    )
    page = street.page("ines", "/portal/clawback").plain
    taken = page.partition("Clawed back")[2]
    assert "$24,000.00 $4,000.00 $20,000.00 Activation Approved (M2)" in taken
    assert "Paused" in taken
    assert "Given up" in taken
    assert "Total $72,000.00 $4,000.00 $44,000.00" in taken


@pytest.mark.rule("F25")
def test_the_netting_is_told_project_by_project_and_sums():
    street = Street()
    street.earns_m1("PRJ-1", customer="Ada Home")
    street.offset("CA-1", 1_000_00, kind="cancellation", project_id="PRJ-1")
    street.offset("BB-1", 500_00)
    street.settled()
    street.save(clawback("PRJ-1", paused=True))
    plain = said(street.page("ines", "/portal/clawback?tab=net_fund"))
    assert (
        "Ada Home PRJ-1 $24,000.00 — $25,000.00 -$1,000.00 $24,000.00 $24,000.00 paused $23,000.00"
    ) in plain
    assert "No single project $0.00 — $500.00 -$500.00 — -$500.00" in plain
    assert "Total $24,000.00 $0.00 $25,500.00 -$1,500.00 $24,000.00 $22,500.00" in plain
    assert "Project cancellation Net Fund/Offset, rule F25" in plain
    assert "Install (M1) clawback" not in plain


@pytest.mark.parametrize("tab", ["clawback", "net_fund"])
def test_an_empty_report_teaches(tab):
    page = Street().page("ines", f"/portal/clawback?tab={tab}").plain
    assert ("From NTP to Install there are 160 days" in page) == (tab == "clawback")
    assert ("Nothing is netted" in page) == (tab == "net_fund")


def test_the_report_is_downloaded_as_csv():
    street = Street(now=days_on(90))
    street.was_paid("PRJ-1", customer="Ada Home")
    found = street.page("ines", "/portal/clawback/csv")
    assert found.headers["content-type"].startswith("text/csv")
    assert found.text.splitlines()[0].startswith("id,line,project,account_name")
    assert "Ada Home" in found.text


@pytest.mark.rule("F29")
def test_a_report_that_is_too_large_is_to_be_asked_for():
    street = Street()
    most = F29.on(FIRST_DAY)
    for start in range(0, most + 1, 90):
        some = [clawback(f"PRJ-{one}") for one in range(start, min(start + 90, most + 1))]
        street.records.commit(Change(saves=tuple(Save(one) for one in some)))
    page = street.after("ines", street.page("ines", "/portal/clawback/csv"))
    assert "rows are too many for one answer" in page.plain
    assert page.text.count("<h1>") == 1


@pytest.mark.rule("F27")
@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        pytest.param("bo", "/portal/clawback", 403, id="no accounting admin"),
        pytest.param("bo", "/portal/projects/PRJ-1", 403, id="no accounting admin, a project"),
        pytest.param("zoe", "/portal/projects/PRJ-1", 404, id="another organisation's project"),
        pytest.param("zoe", "/portal/clawback?organisation=P-A", 404, id="another's report"),
        pytest.param("zoe", "/portal/clawback/csv?organisation=P-A", 404, id="another's table"),
        pytest.param("ines", "/portal/projects/PRJ-9", 404, id="no such project"),
        pytest.param("ines", "/portal/projects/PRJ-S", 200, id="a part's project"),
    ],
)
def test_a_project_is_seen_by_its_own_accounting_admin_only(who, path, status):
    street = Street()
    street.was_paid("PRJ-1", customer="Ada Home")
    street.was_paid("PRJ-S", owner="P-S")
    page = street.page(who, path)
    assert page.status == status
    assert "Ada Home" not in page.plain


def test_one_project_shows_all_that_is_known_of_its_money():
    street = Street(now=days_on(100))
    street.was_paid("PRJ-1", customer="Ada Home", reached=(Milestone.NTP, Milestone.M1))
    street.save(clawback(applications=(Application("R", Money(4_000_00)),)), request())
    page = street.page("ines", "/portal/projects/PRJ-1")
    assert "Project value $30,000.00" in page.plain
    assert "Net so far $20,000.00" in page.plain
    assert "Install (M1) Tue, Dec 1, 2026, 10:00 AM EST $24,000.00" in page.plain
    assert "Activation (M2) not yet $6,000.00" in page.plain
    assert "30 days of extension" in page.plain
    assert "Transformer upgrade" in page.plain
    assert "Not in Direct Pay" in page.plain
    assert "Install (M1) clawback Clawback, rule F08" in page.plain
    assert 'role="img"' in page.text
    assert "Activation (M2) due April 30, 2027" in page.text
    assert "/portal/extensions/new?project=PRJ-1" in page.text


def test_a_cancelled_project_says_so_and_asks_for_nothing():
    street = Street()
    street.project("PRJ-1", cancelled=True, cancelled_at=NOW - DAY)
    page = street.page("ines", "/portal/projects/PRJ-1")
    assert "Cancelled" in page.plain
    assert "No clock runs for this project." in page.plain
    assert "Cancelled December 3, 2026" in page.text
    assert "extensions/new" not in page.text


@pytest.mark.parametrize(
    ("days", "gap"),
    [
        pytest.param(0, 44, id="the same day: one line of text apart"),
        pytest.param(50, 55, id="the gap tells the time"),
        pytest.param(4_000, 96, id="years do not make it endless"),
    ],
)
def test_the_line_of_a_life_can_be_read_whatever_its_length(days, gap):
    today = date(2026, 12, 4)
    line = life_line([Point(today - timedelta(days=days), "reached", "NTP")], today)
    (first, last) = line.points
    assert [first.point.name, last.point.name] == ["NTP", "Today"]
    assert last.y - first.y == gap
    assert line.today_y == last.y < line.height


@pytest.mark.rule("F26")
def test_money_that_is_being_clawed_back_is_not_at_risk_as_well():
    street = Street(now=days_on(130))
    street.was_paid("PRJ-1", customer="Ada Home")
    street.was_paid("PRJ-2", customer="Ben Home")
    street.save(clawback("PRJ-1"))
    page = street.page("ines", "/portal/clawback")
    assert "At risk in all $24,000.00 if every clock ran out, besides what is" in page.plain
    assert "Still to be taken $24,000.00" in page.plain
    assert "Needs action now $24,000.00 2 clocks" in page.plain
    row = page.plain.partition("Projects at risk, by milestone")[2]
    assert "$24,000.00 is being clawed back; M2 gives it back" in row
    assert "Sum of 2 $24,000.00" in row
    today = street.page("ines", "/portal").plain
    assert "Ada Home is being clawed back; M2 gives it back $24,000.00" in today
    assert "Ben Home needs M2 before money is taken back $24,000.00" in today


@pytest.mark.rule("F26")
@pytest.mark.parametrize(
    ("debt", "at_risk"),
    [
        pytest.param(clawback(), "$0.00", id="all of it is being taken"),
        pytest.param(
            clawback(applications=(Application("R", Money(4_000_00)),)),
            "$0.00",
            id="a part of it was taken",
        ),
        pytest.param(
            clawback(dropped=Money(24_000_00), state=DeductionState.CLOSED),
            "$24,000.00",
            id="one that was given up",
        ),
        pytest.param(clawback(causes=("M-OLD",)), "$24,000.00", id="one of an M1 revoked since"),
    ],
)
def test_at_risk_is_what_no_open_clawback_takes(debt, at_risk):
    street = Street(now=days_on(130))
    street.was_paid("PRJ-1", customer="Ada Home")
    street.save(debt)
    assert f"At risk in all {at_risk} if every" in street.page("ines", "/portal/clawback").plain
