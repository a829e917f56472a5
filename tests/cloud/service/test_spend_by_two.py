"""Leave to spend much is given by two people, who name the same total (I-62a)."""

from dataclasses import replace

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.service import process
from cloud.service.models import Coordinator, Task, WorkOrderState
from cloud.service.process.spend import takes_two
from tests.cloud.service.test_service_process import (
    accept,
    at,
    everything,
    offered,
    the_order,
)
from tests.cloud.service.test_service_process import records as _records

records = _records
MUCH = 600_000
LATER = at("2026-06-09T09:00")


@pytest.fixture
def asked(records: MemoryRecords) -> MemoryRecords:
    """Give records in which an estimate above the limit of two people waits."""
    offered(records)
    accept(records, estimate=MUCH)
    assert the_order(records).state is WorkOrderState.AWAITING_SPEND
    return records


def approve(records, by, cents=MUCH, when=LATER):
    told = {"work_order_id": the_order(records).id, "max_total": Money(cents), "is_written": True}
    return process.approve_spend(records, by=by, at=when, **told)


@pytest.mark.rule("I-62a")
@pytest.mark.parametrize(
    ("cents", "above", "two"),
    [
        pytest.param(499_999, 500_000, False, id="a cent below"),
        pytest.param(500_000, 500_000, False, id="the amount itself"),
        pytest.param(500_001, 500_000, True, id="a cent above"),
        pytest.param(10**9, None, False, id="switched off"),
    ],
)
def test_a_cent_above_the_amount_takes_two(cents, above, two):
    assert takes_two(Money(cents), above_cents=above) is two


@pytest.mark.rule("I-62a")
def test_the_first_of_two_approves_nothing_and_the_clocks_go_on_standing(asked):
    before = the_order(asked)
    order = approve(asked, "spc_1")
    assert order.first_spend_approval.by == "spc_1"
    assert (order.state, order.task) == (WorkOrderState.AWAITING_SPEND, Task.APPROVE_SPEND)
    assert (order.spend_approvals, order.not_to_exceed) == ((), before.not_to_exceed)
    assert asked.timers == {}
    assert not [one for one in asked.letters.values() if "Approved up to" in one.subject]
    told = everything(asked)
    assert approve(asked, "spc_1") == order, "the same person again gives no second approval"
    assert everything(asked) == told


@pytest.mark.rule("I-62a")
def test_another_person_gives_the_second(asked):
    approve(asked, "spc_1")
    order = approve(asked, "spc_2", when=at("2026-06-10T09:00"))
    (given,) = order.spend_approvals
    assert (given.first_by, given.first_at, given.by) == ("spc_1", LATER, "spc_2")
    assert given.at == at("2026-06-10T09:00"), "it covers nothing before the second one"
    assert (order.not_to_exceed, order.first_spend_approval) == (Money(MUCH), None)
    assert order.state is WorkOrderState.ACCEPTED
    told = everything(asked)
    for who in ("spc_1", "spc_2"):
        assert approve(asked, who) == order
    assert everything(asked) == told


@pytest.mark.rule("I-62a")
@pytest.mark.parametrize(
    ("by", "cents", "waits"),
    [
        pytest.param("spc_2", 700_000, ("spc_2", 700_000), id="another total begins anew"),
        pytest.param("spc_1", 700_000, ("spc_1", 700_000), id="another total of the same person"),
        pytest.param("spc_2", 500_000, None, id="one that takes one person is given"),
    ],
)
def test_two_people_name_the_same_total(asked, by, cents, waits):
    approve(asked, "spc_1")
    order = approve(asked, by, cents)
    first = order.first_spend_approval
    assert (first and (first.by, first.max_total.cents)) == waits
    assert bool(order.spend_approvals) is (waits is None)


@pytest.mark.rule("I-62a")
def test_what_was_refused_or_accepted_anew_has_no_first_approval(asked):
    approve(asked, "spc_1")
    number = the_order(asked).id
    refused = process.reject_spend(asked, work_order_id=number, reason="no", at=LATER, by="spc_2")
    assert refused.first_spend_approval is None
    order = accept(asked, estimate=MUCH - 1)
    assert order.first_spend_approval is None
    assert approve(asked, "spc_2").state is WorkOrderState.SPEND_REJECTED or order.task


@pytest.mark.rule("I-62a")
@pytest.mark.parametrize(
    ("first", "asks"),
    [
        pytest.param("spc_1", "kim@owner.example", id="the delegate after the coordinator"),
        pytest.param("spc_9", "spc@owner.example", id="the coordinator after somebody else"),
    ],
)
def test_who_may_give_the_second_is_asked(asked, first, asks):
    stored = asked.load(Coordinator, "spc_1")
    delegating = replace(stored.record, delegate_id="spc_2")
    kim = Coordinator("spc_2", "Kim", "kim@owner.example")
    asked.commit(Change(saves=(stored.replaced_by(delegating), Save(kim))))
    approve(asked, first)
    (letter,) = [one for one in asked.letters.values() if "Second approval" in one.subject]
    assert letter.to == asks
    assert first in letter.text


@pytest.mark.rule("I-62a")
def test_where_nobody_else_is_named_nobody_is_written_to(asked):
    approve(asked, "spc_1")
    assert not [one for one in asked.letters.values() if "Second approval" in one.subject]
