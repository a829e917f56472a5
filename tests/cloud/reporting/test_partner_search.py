"""What a partner lacks, and what of its work is late."""

from dataclasses import replace
from datetime import date

import pytest
from reporting_world import asked, told
from reporting_world import partner as a_partner
from test_leafing import Weighed

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.portfolio.models import TEST, Licence
from cloud.reporting.leafing import READS, SOUGHT_AT_ONCE
from cloud.reporting.partner_search import (
    MOST,
    expired_of,
    late_among,
    money_holds,
    open_orders_of,
    partners_like,
)

TODAY = date(2026, 6, 8)
IN_ORDER = a_partner("orig", w9_on_file=True, bank_authorization_on_file=True)


@pytest.mark.parametrize(
    ("differs", "holds"),
    [
        pytest.param({}, (), id="in order"),
        pytest.param({"w9_on_file": False}, ("w9_missing",), id="no W-9"),
        pytest.param({"bank_account_blocked": True}, ("bank_account_blocked",), id="blocked"),
        pytest.param({"routing_number": ""}, ("bank_details_missing",), id="no bank details"),
    ],
)
def test_what_holds_all_of_its_money(differs, holds):
    assert money_holds(replace(IN_ORDER, **differs), on=TODAY) == holds


@pytest.mark.parametrize(
    ("licences", "insured", "expired"),
    [
        pytest.param((), None, (), id="nothing on record is its word"),
        pytest.param((("NC", TODAY),), TODAY, (), id="the last day counts"),
        pytest.param(
            (("SC", date(2026, 6, 7)), ("NC", date(2026, 6, 1))),
            date(2026, 6, 7),
            ("NC", "SC", "insurance"),
            id="the day after it does not",
        ),
    ],
)
def test_what_has_ended(licences, insured, expired):
    known = tuple(Licence(state, "L", last) for state, last in licences)
    assert expired_of(replace(IN_ORDER, licences=known, insured_until=insured), on=TODAY) == expired


def partners(count, **facts):
    kept = MemoryRecords()
    for n in range(count):
        made = a_partner(f"P-{n:05d}", **facts)
        kept.commit(Change(saves=(Save(made),)))
    return Weighed(kept)


def every_page(records, **asked_for):
    sought = {"said": "", "show": "", "state": "", **asked_for}
    after, seen = "", []
    while True:
        found = partners_like(records, **sought, at=asked().as_of, after=after)
        seen.append([row.partner.id for row in found.rows])
        after = found.after
        if not after:
            return seen


def test_ten_times_the_partners_cost_a_page_no_more():
    costs = []
    for count in (60, 600):
        records = partners(count)
        partners_like(records, said="", show="", state="", at=asked().as_of)
        costs.append(dict(records.calls))
    assert costs[0] == costs[1] == {"some": 1, "given": MOST, "find": MOST}


def test_a_search_reads_so_much_and_goes_on_from_there():
    records = partners(2_000)
    first = partners_like(records, said="P-01999", show="", state="", at=asked().as_of)
    assert (first.rows, records.calls["given"]) == ((), READS * SOUGHT_AT_ONCE)
    assert [one for page in every_page(records, said="P-01999") for one in page] == ["P-01999"]


@pytest.mark.parametrize(
    ("show", "facts", "there"),
    [
        pytest.param("", {}, True, id="who works"),
        pytest.param("", {"active": False}, False, id="who is not active is not among them"),
        pytest.param("inactive", {"active": False}, True, id="but among the inactive"),
        pytest.param("inactive", {}, False, id="where nobody works"),
        pytest.param("tried", {"mode": TEST}, True, id="who is tried out"),
        pytest.param("tried", {"mode": TEST, "active": False}, True, id="or was"),
        pytest.param("tried", {}, False, id="who works is not tried out"),
        pytest.param("lacking", {"w9_on_file": False}, True, id="who lacks a paper"),
    ],
)
def test_each_list_holds_each_of_its_partners_once(show, facts, there):
    records = partners(2 * MOST, **facts)
    found = [one for page in every_page(records, show=show) for one in page]
    assert found == ([f"P-{n:05d}" for n in range(2 * MOST)] if there else [])


def test_who_is_tried_out_is_found_among_the_active_and_the_others():
    records = partners(MOST, mode=TEST)
    for n in range(3):
        late = a_partner(f"Q-{n}", mode=TEST, active=False)
        records.commit(Change(saves=(Save(late),)))
    pages = every_page(records, show="tried")
    assert [len(page) for page in pages] == [MOST, 3]


def test_the_counts_of_the_list_are_those_of_the_orders():
    house, at = told(), asked().as_of
    found = partners_like(house.records, said="", show="", state="", at=at)
    assert len(found.rows) > 0
    assert found.after == ""
    for row in found.rows:
        orders = open_orders_of(house.records, row.partner.id, at=at)
        assert row.open_orders == len(orders)
        assert row.late == late_among(orders, at=at) <= len(orders)
