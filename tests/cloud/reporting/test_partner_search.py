"""What a partner lacks, and what of its work is late."""

from dataclasses import replace
from datetime import date

import pytest
from reporting_world import asked, told
from reporting_world import partner as a_partner

from cloud.portfolio.models import Licence
from cloud.reporting.partner_search import (
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


def test_the_counts_of_the_list_are_those_of_the_orders():
    house, at = told(), asked().as_of
    found = partners_like(house.records, said="", show="", state="", at=at)
    assert found.count == len(found.rows) > 0
    for row in found.rows:
        orders = open_orders_of(house.records, row.partner.id, at=at)
        assert row.open_orders == len(orders)
        assert row.late == late_among(orders, at=at) <= len(orders)
