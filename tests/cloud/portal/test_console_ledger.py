"""The ledger in the console: accounts, entries with causes, sums, checks of all books."""

from dataclasses import replace
from datetime import timedelta

import pytest
from money_office import Office
from money_street import RUN, said

from cloud.funding.models import BooksCheck, LedgerEntry
from cloud.funding.process import check_books
from cloud.reporting.roles import ROLES

OF = "/console/ledger/of/P-A"
OPERATIONS = "o@owner.example"


def booked() -> Office:
    world = Office()
    world.earns_m1("PRJ-1", customer="Ada Home")
    world.earns_m1("PRJ-2", customer="Ben Home")
    world.offset("BB-1", 500_00)
    world.settled()
    return world


def done(world, check_id):
    return check_books(
        world.records, world.documents, check_id=check_id, operations=OPERATIONS, at=world.now
    )


def test_before_the_first_check_the_page_says_what_it_is():
    plain = Office().page("otto", "/console/ledger").plain
    assert "The books were never checked" in plain
    assert "Accounting or treasury can have it done" in plain


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_books_are_for_who_deals_with_money(role):
    world = booked()
    world.owner_person("one", role)
    may = role in {"accounting", "accounting_admin", "treasury", "auditor"}
    for path in ("/console/ledger", OF, f"{OF}/csv"):
        assert world.page("one", path).status == (200 if may else 403)


def test_entries_have_sides_a_balance_their_run_and_their_cause():
    plain = said(booked().page("otto", OF))
    assert "The chain of entries holds" in plain
    assert "The accounts sum to zero" in plain
    assert "Debits and credits are equal" in plain
    assert "Our bank account — $47,500.00" in plain
    assert "Sum of all, 5 entries $0.00" in plain
    text = booked().page("otto", OF).text
    assert "/console/trace?id=PAY-" in text
    assert f"/console/runs/{RUN}" in text


@pytest.mark.parametrize(
    ("query", "there", "absent"),
    [
        pytest.param(
            "account=bank_cash", "Credit $47,500.00", "Cost of service —", id="one account"
        ),
        pytest.param("project=PRJ-1", "PRJ-1", "offset BB-1", id="one project"),
        pytest.param("account=nothing", "No entry stands so", "11 lines", id="no such account"),
        pytest.param("project=PRJ-9", "No entry stands so", "11 lines", id="no such project"),
    ],
)
def test_entries_are_filtered(query, there, absent):
    plain = said(booked().page("otto", f"{OF}?{query}"))
    shown = plain.partition("Show")[2]
    assert there.removeprefix("Credit ") in shown
    assert absent not in shown


@pytest.mark.parametrize(
    ("query", "to"),
    [
        pytest.param("partner=P-A", OF, id="a partner"),
        pytest.param("project=prj-1", f"{OF}?project=PRJ-1", id="a project, in small letters"),
        pytest.param("", "/console/ledger", id="nothing"),
    ],
)
def test_the_form_leads_to_the_entries(query, to):
    answer = booked().page("otto", f"/console/ledger/find?{query}")
    assert (answer.status, answer.to) == (303, to)


def test_what_is_unknown_is_not_there():
    world = Office()
    for path in ("of/P-NONE", "find?project=NONE", "entries/LE-NONE", "checks/CHK-NONE"):
        assert world.page("otto", f"/console/ledger/{path}").status == 404


def test_the_csv_has_every_line_and_runs_no_formula():
    world = booked()
    (entry, *_) = world.records.find(LedgerEntry, by="partner_id", value="P-A")
    world.save(replace(entry.record, says="=1+1"))
    page = world.page("otto", f"{OF}/csv")
    lines = page.text.splitlines()
    assert lines[0].startswith("number,entry,recorded_at")
    assert len(lines) == 1 + 11
    assert ",'=1+1" in page.text
    assert "attachment" in page.headers["content-disposition"]


def test_a_changed_entry_is_told_at_once():
    world = booked()
    (entry, *_) = world.records.find(LedgerEntry, by="partner_id", value="P-A")
    world.save(replace(entry.record, says="changed"))
    plain = world.page("otto", OF).plain
    assert "The chain is broken" in plain
    assert "its content was changed after it was written" in plain


def test_one_entry_has_its_sides_and_causes():
    world = booked()
    (entry, *_) = world.records.find(LedgerEntry, by="partner_id", value="P-A")
    plain = world.page("otto", f"/console/ledger/entries/{entry.record.id}").plain
    assert "It sums to zero" in plain
    assert entry.record.hash in plain
    assert all(one in plain for one in entry.record.causes)


def test_the_books_are_checked_on_order_and_the_result_stands():
    world = booked()
    page = world.told("tess", "/console/ledger/checks")
    assert "All books are being recomputed" in page.plain
    assert "data-again" in page.text
    (check,) = world.records.find(BooksCheck, by="by", value="tess")
    here = f"/console/ledger/checks/{check.record.id}"
    assert "data-again" in world.page("tess", f"{here}/progress").text
    world.clock.at += timedelta(hours=1)
    assert "longer than usual" in world.page("tess", here).plain
    done(world, check.record.id)
    assert "data-again" not in world.page("tess", f"{here}/progress").text
    assert "All agrees" in world.page("tess", here).plain
    plain = said(world.page("tess", "/console/ledger"))
    assert "All accounts sum to zero" in plain
    assert "Our bank account bank_cash — $47,500.00" in plain
    assert "Sum of all $0.00" in plain


def test_a_difference_is_told_with_what_not_to_do():
    world = booked()
    (entry, *_) = world.records.find(LedgerEntry, by="partner_id", value="P-A")
    world.save(replace(entry.record, says="changed"))
    world.told("alan", "/console/ledger/checks")
    (check,) = world.records.find(BooksCheck, by="by", value="alan")
    done(world, check.record.id)
    plain = world.page("alan", f"/console/ledger/checks/{check.record.id}").plain
    assert "approve no run" in plain
    assert "its content was changed after it was written" in plain


def test_an_auditor_orders_no_check():
    world = Office()
    assert world.send("otto", "/console/ledger/checks").status == 403
    assert world.messages("books_check") == []
