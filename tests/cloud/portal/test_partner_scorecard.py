"""The scorecard in the portal: a partner's own figures, what they count and leave out."""

import re
from datetime import timedelta

import pytest

from tests.cloud.portal.orders_world import ALDER, OrdersWorld

CARD = "/portal/scorecard"


@pytest.fixture
def world() -> OrdersWorld:
    return OrdersWorld()


def test_without_an_offer_it_says_what_will_stand_there(world: OrdersWorld) -> None:
    assert "No work order in this period" in world.page("lu", CARD).plain


def test_each_figure_has_its_definition_and_what_it_counts(world: OrdersWorld) -> None:
    world.until("completed")
    seen = world.page("bo", CARD).plain
    for said in (
        "Offers answered in time 100.0 % 1 of 1 25 Of the offers that were answered or ran out",
        "Completed in time 100.0 % 1 of 1 30",
        "Mended at the first visit — 0 of 0 20",
        "Work orders offered 1",
    ):
        assert said in seen, said
    assert "Deadlines that were not kept" not in seen


def test_what_was_missed_and_what_does_not_count_is_named_by_work_order(
    world: OrdersWorld,
) -> None:
    running = world.page("bo", CARD)
    assert "Its clock still runs" in running.plain
    assert f'href="{world.path}"' in running.text
    world.wait(timedelta(days=9))
    world.partner_person("ka", ALDER)  # the sessions of that day are over
    late = world.page("ka", CARD).plain
    assert "Deadlines that were not kept" in late
    assert re.search(rf"{world.number} Answer . Not met", late)
    assert "Offers answered in time 0.0 % 0 of 1" in late


def test_the_figures_of_another_partner_are_its_own(world: OrdersWorld) -> None:
    world.decline()
    assert "Work orders offered 1" in world.page("bo", CARD).plain
    assert "Work orders offered 1" in world.page("lu", CARD).plain
    assert "0 of 0 25" in world.page("lu", CARD).plain
    assert "1 of 1 25" in world.page("bo", CARD).plain


@pytest.mark.parametrize(
    ("period", "since", "orders"),
    [
        pytest.param("", "Wed, Mar 11, 2026", 1, id="90 days"),
        pytest.param("this", "Wed, Apr 1, 2026", 1, id="this quarter"),
        pytest.param("last", "Thu, Jan 1, 2026", 0, id="last quarter"),
        pytest.param("nonsense", "Wed, Mar 11, 2026", 1, id="a period that is none"),
    ],
)
def test_a_period_is_chosen(world: OrdersWorld, period: str, since: str, orders: int) -> None:
    seen = world.page("bo", f"{CARD}?period={period}").plain
    assert f"issued {since}" in seen
    assert f"Work orders offered {orders}" in seen


def test_quarters_come_as_a_piece_and_without_script_in_the_page(world: OrdersWorld) -> None:
    world.until("completed")
    part = world.page("bo", f"{CARD}/trend")
    assert "<html" not in part.text
    page = world.page("bo", f"{CARD}?trend=yes")
    for seen in (part, page):
        assert "Q3 2025 Q4 2025 Q1 2026 Q2 2026" in seen.plain
        assert "Completed in time — — — 100.0 % (1 of 1)" in seen.plain
        assert 'aria-label="Completed in time by quarter: Q3 2025 no figure' in seen.text
    assert f'data-load="{CARD}/trend"' not in page.text
    assert f'data-load="{CARD}/trend"' in world.page("bo", CARD).text
