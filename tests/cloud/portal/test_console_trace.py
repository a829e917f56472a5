"""Trace in the console: from any id back to what led to it, and what the rules say."""

import re

import pytest
from money_office import Office
from money_street import said

from cloud.funding.models import Deduction, LedgerEntry, Payable, PaymentTrace
from cloud.kernel.change import Change, Event
from cloud.portal.console_views.trace import rule_book
from cloud.reporting.roles import MONEY_ROLES, ROLES


def paid() -> Office:
    world = Office()
    world.earns_m1("PRJ-1", customer="Ada Home")
    world.offset("OFF-1", 500_00)
    world.settled()
    return world


def first(world, kind):
    return world.records.find(kind, by="partner_id", value="P-A")[0].record.id


def traced(world, who, about):
    return world.page(who, f"/console/trace?id={about}")


def test_the_empty_page_teaches():
    world = Office()
    assert "What can be traced" in world.page("ada", "/console/trace").plain
    plain = world.page("sam", "/console/trace").plain
    assert "WO-…, CASE-…" in plain
    assert "DED-…" not in plain
    world = paid()
    assert "Trace the latest run, comfort-2026-12-03" in world.page("ada", "/console/trace").plain


def test_a_line_of_the_bank_leads_back_to_the_milestone():
    world = paid()
    page = traced(world, "otto", first(world, PaymentTrace))
    plain = said(page)
    for told in ("Line of a bank file", "A partner's part of a run", "Money earned", "PRJ-1"):
        assert told in plain
    assert "$23,500.00" in plain
    assert "/console/runs/comfort-2026-12-03/partners/P-A" in page.text
    assert "/console/projects/PRJ-1" in traced(world, "ada", first(world, PaymentTrace)).text
    assert f"/console/reductions/{first(world, Deduction)}" in page.text
    assert "stands elsewhere in this tree" in plain


def test_what_stands_elsewhere_is_linked_to_where_it_stands():
    world = paid()
    text = traced(world, "otto", first(world, PaymentTrace)).text
    places = re.findall(r'href="#(n\d+)">stands elsewhere', text)
    assert places
    for place in places:
        assert text.count(f'id="{place}"') == 1


def test_tracing_a_run_leads_to_the_milestones():
    plain = traced(paid(), "ada", "comfort-2026-12-03").plain
    for told in ("A partner's part of a run", "Money earned", "Milestone"):
        assert told.lower() in plain.lower()


def test_what_came_of_a_thing_is_told_apart():
    world = paid()
    about = first(world, Payable)
    event = Event(about, "paid", world.now, "funding", "D01", ("comfort-2026-12-03",), "paid")
    world.records.commit(Change(events=(event,)))
    tree, _, came = traced(world, "ada", about).plain.partition("What came of it")
    assert "comfort-2026-12-03" not in tree
    assert "comfort-2026-12-03" in came


def test_a_reading_ends_the_way():
    world = Office()
    world.earns_m1("PRJ-1")
    event = Event(
        "F-1", "finding", world.now, "sweep", "D-13", ("gw-1/2026-12-01T10:00:00+00:00/7",), "low"
    )
    world.records.commit(Change(events=(event,)))
    page = traced(world, "sam", "F-1")
    assert "down to 1 window of readings" in page.plain
    assert "/console/trace/rules/D-13" in page.text


def test_small_letters_are_as_good():
    world = paid()
    name = first(world, Payable)
    assert f"Trace of {name}" in traced(world, "ada", name.lower()).plain


@pytest.mark.parametrize(
    ("about", "says"),
    [
        pytest.param(
            "PAY-NONE", "PAY-NONE is not known here: check the id", id="nothing on record"
        ),
        pytest.param("<script>alert(1)</script>", "is not known here", id="no id at all"),
        pytest.param("a%E2%80%8Bb", "is not known here", id="with what cannot be seen"),
        pytest.param("a%0Ab", "give an id", id="two lines"),
        pytest.param("%20%00", "What can be traced", id="blank asks for nothing"),
    ],
)
def test_what_is_not_found_is_told(about, says):
    page = traced(Office(), "ada", about)
    assert page.status == 200
    assert says in page.plain
    assert "<script>alert" not in page.text


@pytest.mark.parametrize("role", sorted(ROLES))
def test_money_is_traced_by_who_deals_with_money(role):
    world = paid()
    world.owner_person("one", role)
    page = traced(world, "one", first(world, LedgerEntry))
    assert page.status == 200
    assert ("Ledger entry" in page.plain) == (role in MONEY_ROLES)


def test_a_rule_says_what_it_says():
    page = Office().page("sam", "/console/trace/rules/D10")
    assert "held until somebody looked at why" in page.plain
    assert "above_bps=25000" in page.plain
    assert Office().page("sam", "/console/trace/rules/X99").status == 404


def test_every_rule_of_the_book_has_its_page():
    world = Office()
    for name in rule_book():
        assert world.page("otto", f"/console/trace/rules/{name}").status == 200
