"""One partner's figures: those of the report for everybody, at the price of its own work."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from reporting_world import MOMENT, House, asked, at, empty_house, story
from test_reporting_as_of import given_on
from test_reporting_reads import Counted, crowded

from cloud.reporting.facts import of_own_work_now, of_partners_work
from cloud.reporting.own_scorecard import figures_of, missed_and_excluded, own_scorecard, quarters
from cloud.reporting.partners import clocks_in, partner_scorecard
from cloud.service import process
from cloud.service.models import Report

PARTNERS = ("orig", "other", "third")


def found_of(house: House, of: str):
    order = house.order(of)
    return house.records.find(Report, by="work_order_id", value=order.id)


def came_back(house: House) -> Iterator[str]:
    """Let a report come back and be corrected, and let what was mended break again."""
    for when in story(house):
        if when == "16T12:00":
            break
    yield when
    house.coordinate(process.return_report, "site-1", "16T13:00", reasons=("which string?",))
    yield "16T13:00"
    (first,) = (one.record for one in found_of(house, "site-1"))
    corrected = replace(first.content, summary="replaced the connector of string 2")
    house.do(
        process.submit_report,
        "site-1",
        "16T14:00",
        content=corrected,
        departed_at=first.departed_at,
    )
    yield "16T14:00"
    house.find("F-8", "site-1", "17T09:00")
    yield "17T09:00"


@pytest.mark.parametrize(
    "tale",
    [
        pytest.param(story, id="a month with refusals, silence, money and what came back"),
        pytest.param(given_on, id="work that was taken back twice"),
        pytest.param(came_back, id="a report that was corrected"),
    ],
)
def test_after_every_deed_a_partners_own_figures_are_those_of_the_report(tale):
    house = House(empty_house())
    for when in tale(house):
        for partner in PARTNERS:
            question = asked(at(when) + MOMENT, partner_id=partner)
            whole = of_partners_work(house.records, question)
            own = of_own_work_now(house.records, question)
            assert partner_scorecard(own) == partner_scorecard(whole), (when, partner)
            assert figures_of(own, partner) == figures_of(whole, partner), (when, partner)
            assert missed_and_excluded(clocks_in(own), partner) == missed_and_excluded(
                clocks_in(whole), partner
            )


def reads(count):
    """Count what the scorecard and the quarters ask in a house with so much work of others."""
    records = crowded(count, since=at("08T12:00"))
    counted = Counted(records)
    own = own_scorecard(
        counted, "third", since=asked().since, until=asked().until, at=at("09T12:00")
    )
    quarters(counted, "third", at=at("09T12:00"))
    assert own.orders == 0
    return counted.calls


def test_what_others_do_costs_a_partners_scorecard_nothing():
    few, many = reads(0), reads(2_000)
    assert few == many
    assert few["loaded"] < 10
    assert few["history"] == 0
    assert sum(few[one] for one in ("told", "load", "load_all", "find", "history")) <= 65
