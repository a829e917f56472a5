"""What ending a project would take back is what then is taken back."""

from dataclasses import replace

import pytest
from funding_world import AT, World, project

from cloud.funding import process
from cloud.funding.models import Deduction, Payable, PayableState
from cloud.funding.process.cancel_outlook import CancelOutlook, cancellation_outlook
from cloud.kernel.change import Change
from cloud.kernel.money import ZERO, Money, total
from cloud.portfolio.models import Project


def outlook(world: World) -> CancelOutlook:
    found = world.records.load(Project, "J-1").record
    return cancellation_outlook(world.records, found, at=AT)


def cancel(world: World) -> None:
    stored = world.records.load(Project, "J-1")
    ended = replace(stored.record, cancelled=True, cancelled_at=AT)
    world.records.commit(Change(saves=(stored.replaced_by(ended),)))
    process.take_back_cancelled(world.records, project_id="J-1", at=AT)


def untouched() -> World:
    world = World()
    world.add_project(project("J-1"))
    return world


def waiting() -> World:
    world = World()
    world.m1("J-1", prepaid_commission=Money(250_00))
    world.offset("OFF-1", 600_00, kind="project_net_fund", project_id="J-1")
    return world


def paid() -> World:
    world = waiting()
    world.run()
    return world


def paid_and_owing() -> World:
    world = paid()
    world.offset("OFF-2", 100_00, kind="compliance", project_id="J-1")
    return world


@pytest.mark.rule("F25")
@pytest.mark.rule("F10")
@pytest.mark.parametrize(
    ("made", "owed", "commission", "withdrawn", "ended"),
    [
        pytest.param(untouched, 0, 0, 0, 0, id="nothing was earned"),
        pytest.param(waiting, 0, 250_00, 24_000_00, 600_00, id="no run took anything"),
        pytest.param(paid, 23_400_00, 250_00, 0, 0, id="a run paid, and took the warranty"),
        pytest.param(paid_and_owing, 23_400_00, 250_00, 0, 100_00, id="something is open"),
    ],
)
def test_the_outlook_is_what_comes(made, owed, commission, withdrawn, ended):
    world = made()
    before = {one.record.id for one in world.records.find(Deduction, by="partner_id", value="P-A")}
    told = outlook(world)
    assert told.owed == Money(owed)
    assert told.commission == Money(commission)
    assert told.withdrawn_sum == Money(withdrawn)
    assert told.ended_sum == Money(ended)
    assert told.owed == max(told.paid + told.billed - told.recovered, ZERO)
    cancel(world)
    debts = [one.record for one in world.records.find(Deduction, by="partner_id", value="P-A")]
    new = [one for one in debts if one.id not in before]
    assert total(one.raised for one in new) == told.owed + told.commission
    assert total(one.dropped for one in debts) == told.ended_sum
    gone = [
        one.record.amount
        for one in world.records.find(Payable, by="partner_id", value="P-A")
        if one.record.state is PayableState.WITHDRAWN
    ]
    assert total(gone) == told.withdrawn_sum


@pytest.mark.rule("F25")
def test_looking_writes_nothing():
    world = paid()
    seen = dict(world.records._records)
    outlook(world)
    assert world.records._records == seen
