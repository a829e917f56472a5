"""Spend requests in the portal: what may be spent, what is asked for, what is answered."""

import pytest

from cloud.kernel.money import Money
from cloud.service import process
from tests.cloud.portal.orders_world import OrdersWorld


@pytest.fixture
def world() -> OrdersWorld:
    return OrdersWorld()


def path(world: OrdersWorld) -> str:
    return f"{world.path}/spend"


def approve(world: OrdersWorld, most: int) -> None:
    world.allowed(
        process.approve_spend(
            world.records,
            work_order_id=world.number,
            max_total=Money(most),
            is_written=True,
            at=world.now,
            by="spc_1",
        )
    )


def reject(world: OrdersWorld) -> None:
    world.allowed(
        process.reject_spend(
            world.records,
            work_order_id=world.number,
            reason="Use the spare one",
            at=world.now,
            by="spc_1",
        )
    )


def test_nothing_asked_for_says_what_will_stand_there(world: OrdersWorld) -> None:
    assert "Nothing was asked for" in world.page("lu", "/portal/spend").plain
    assert "once you have accepted it" in world.page("bo", path(world)).plain


def test_an_estimate_above_the_limit_stands_until_it_is_answered(world: OrdersWorld) -> None:
    world.accept(Money(80_000))
    for page in ("/portal/spend", path(world)):
        seen = world.page("bo", page).plain
        assert "Waits for our answer" in seen
        assert "$800.00" in seen
    assert "<textarea" not in world.page("bo", path(world)).text
    reject(world)
    assert "Not approved" in world.page("bo", "/portal/spend").plain
    told = world.page("bo", path(world)).plain
    assert "Accept with less, or decline" in told
    assert "Spending was not approved: Use the spare one" in told


def test_more_is_asked_for_with_the_reason_and_the_clocks_stand(world: OrdersWorld) -> None:
    world.until("accepted")
    sent = world.send("bo", path(world), amount="1,250.00", why="A whole new string")
    assert "You asked for it. The clocks stand" in world.after("bo", sent).plain
    (pause,) = world.order.pauses
    assert pause.evidence == "asked for $1,250.00: A whole new string"
    told = world.page("bo", path(world)).plain
    assert "You asked for $1,250.00: A whole new string" in told
    letter = [one for one in world.records.letters.values() if one.to == "spc@owner.example"][-1]
    assert "The partner says: A whole new string" in letter.text
    before = world.order
    world.send("bo", path(world), amount="1,250.00", why="A whole new string")
    assert world.order == before
    approve(world, 125_000)
    seen = world.page("bo", path(world)).plain
    assert "Up to $1,250.00 , in writing by spc_1" in seen
    assert "Approved" in world.page("bo", "/portal/spend").plain


@pytest.mark.parametrize(
    ("form", "says", "kept"),
    [
        pytest.param({"amount": "lots", "why": "Roof"}, "This is no amount", "Roof", id="words"),
        pytest.param({"why": "Roof"}, "Say how much it may come to", "Roof", id="no amount"),
        pytest.param({"amount": "900"}, "Say why", "900", id="no reason"),
        pytest.param(
            {"amount": "500.00", "why": "Roof"}, "rule I-61", "Roof", id="within what may be spent"
        ),
        pytest.param(
            {"amount": "900", "why": "x" * 2001}, "2,000 characters", "900", id="too long"
        ),
    ],
)
def test_a_request_that_is_wrong_comes_back_as_it_was_typed(
    world: OrdersWorld, form: dict[str, str], says: str, kept: str
) -> None:
    world.until("accepted")
    before = world.order
    seen = world.send("bo", path(world), **form)
    assert seen.status == 422
    assert says in seen.plain
    assert kept in seen.text
    assert world.order == before


def test_before_and_after_the_work_nothing_can_be_asked_for(world: OrdersWorld) -> None:
    refused = world.send("bo", path(world), amount="900", why="Roof")
    assert (refused.status, world.order.pauses) == (422, ())
    world.until("completed")
    assert "nothing more can be asked for" in world.page("bo", path(world)).plain
    assert world.send("bo", path(world), amount="900", why="Roof").status == 422


def test_who_lost_the_work_sees_nothing_of_its_spending(world: OrdersWorld) -> None:
    world.decline()
    assert world.page("bo", path(world)).status == 404
    assert world.number not in world.page("bo", "/portal/spend").text


@pytest.mark.rule("I-62")
@pytest.mark.parametrize(
    ("again", "status"),
    [
        pytest.param({"amount": "900", "why": "a crane"}, 303, id="the same again"),
        pytest.param({"amount": "1,500", "why": "a crane"}, 422, id="another amount"),
        pytest.param({"amount": "900", "why": "two cranes"}, 422, id="another reason"),
    ],
)
def test_a_second_request_is_not_told_as_done(again: dict[str, str], status: int) -> None:
    world = OrdersWorld().until("accepted")
    world.send("bo", f"{world.path}/spend", amount="900", why="a crane")
    before = world.order
    told = world.send("bo", f"{world.path}/spend", **again)
    assert told.status == status
    assert world.order == before
    if status != 303:
        assert "$900.00 waits for an answer already" in told.plain
        assert f"You wrote: {again['amount']}, {again['why']}" in told.plain
