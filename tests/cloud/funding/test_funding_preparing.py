"""A run that is prepared anew on a person's word, where the accounts can be opened."""

from datetime import timedelta

import pytest
from funding_world import AT, REACHED, RUN_ID, World

from cloud.funding import process
from cloud.funding.models import FundingRun, RunState
from cloud.kernel.errors import NotFound

LATER = AT + timedelta(hours=1)


def order(world, *, by="alan", at=LATER):
    return process.order_preparing(
        world.records, run_id=RUN_ID, partners=world.partners, by=by, at=at
    )


def orders(world):
    return [one for one in world.records.messages.values() if one.topic == "run_prepare"]


def prepared():
    world = World()
    world.service("INV-1", 100_00)
    world.prepare()
    return world


@pytest.mark.rule("D03")
def test_what_still_shows_what_is_known_is_not_prepared_anew():
    world = prepared()
    before = world.records.history(RUN_ID)
    assert order(world).is_current
    assert orders(world) == []
    assert world.records.history(RUN_ID) == before


@pytest.mark.rule("D03")
def test_what_changed_is_prepared_in_the_name_of_who_asked():
    world = prepared()
    world.service("INV-2", 50_00, at=REACHED + timedelta(hours=1))
    first = order(world)
    assert not first.is_current
    assert first.run == world.records.load(FundingRun, RUN_ID).record
    assert not order(world, at=LATER + timedelta(minutes=1)).is_current
    assert [one.body for one in orders(world)] == [{"run_id": RUN_ID, "by": "alan"}] * 2
    prepared_anew = [world.prepare(by="alan", at=LATER) for _ in orders(world)]
    assert prepared_anew[0] == prepared_anew[1]
    now = order(world)
    assert now.is_current
    assert now.run.preparer == "alan"
    assert now.run.net.cents == 150_00
    assert world.approve(now.run, by="alan").code == "maker_is_checker"


def test_what_changes_again_is_ordered_again():
    world = prepared()
    world.service("INV-2", 50_00)
    order(world)
    world.service("INV-3", 25_00)
    order(world, at=LATER + timedelta(minutes=1))
    assert len(orders(world)) == 2


def test_what_is_approved_stays_as_it_was_approved():
    world = prepared()
    run = world.records.load(FundingRun, RUN_ID).record
    world.approve(run)
    world.service("INV-2", 50_00)
    asked = order(world)
    assert asked.is_current
    assert asked.run.state is RunState.APPROVED
    assert orders(world) == []


def test_a_run_that_nobody_prepared_is_not_known():
    with pytest.raises(NotFound, match=RUN_ID):
        order(World())
