"""What would be otherwise about a run, were it prepared now; nothing of it is written."""

from dataclasses import replace
from datetime import timedelta

import pytest
from funding_world import AT, REACHED, RUN_ID, World, partner

from cloud.funding import process
from cloud.funding.models import RunPlan
from cloud.funding.rehearsal import plan_changes
from cloud.kernel.change import Change
from cloud.kernel.errors import NotFound
from cloud.kernel.money import ZERO, Money
from cloud.portfolio.models import Partner, Project

LATER = AT + timedelta(hours=1)


def prepared(*names: str) -> World:
    world = World([partner(name) for name in names or ("P-A",)])
    world.m1("J-1")
    world.prepare()
    return world


def rehearsed(world: World, at=LATER):
    return process.rehearse(world.records, run_id=RUN_ID, partners=world.partners, at=at, by="ada")


def changes(world: World):
    run = process.load_run(world.records, RUN_ID).record
    shown = [world.records.load(RunPlan, one).record for one in run.plan_ids]
    return plan_changes(shown, rehearsed(world)[1])


@pytest.mark.rule("D03")
def test_what_is_as_it_was_shown_has_no_change_and_nothing_is_written():
    world = prepared()
    before = world.records.history(RUN_ID)
    assert changes(world) == ()
    assert rehearsed(world)[0].net == process.load_run(world.records, RUN_ID).record.net
    world.m1("J-2")
    rehearsed(world)
    assert world.records.history(RUN_ID) == before
    assert len(world.records.find(RunPlan, by="run_id", value=RUN_ID)) == 1


@pytest.mark.rule("D03")
def test_what_came_and_what_went_is_told():
    world = prepared()
    world.m1("J-2")
    world.offset("OFF-1", 100_00)
    (one,) = changes(world)
    assert (one.before, one.now) == (Money(24_000_00), Money(47_900_00))
    assert one.difference == Money(23_900_00)
    assert len(one.came) == 2
    assert "OFF-1" in one.came
    assert (one.went, one.freed, one.held, one.account_changed) == ((), (), (), False)


@pytest.mark.rule("F18")
def test_what_is_held_now_and_what_was_freed_is_told():
    world = prepared()
    stored = world.records.load(Project, "J-1")
    _put(world, replace(stored.record, compliance_case_open=True))
    (one,) = changes(world)
    assert len(one.held) == 1
    assert one.now == ZERO
    world.prepare(at=LATER)
    _put(world, stored.record)
    (back,) = changes(world)
    assert back.freed == one.held
    assert back.now == Money(24_000_00)


def test_another_account_is_told():
    world = prepared()
    world.partners = [replace(world.partners[0], bank_details_version=2)]
    world.remember()
    (one,) = changes(world)
    assert one.account_changed
    assert one.difference == ZERO


def test_a_partner_that_came_or_went_is_told_with_its_name():
    world = prepared("P-A", "P-B")
    world.service("INV-1", 50_00, "P-B", at=REACHED)
    (came,) = changes(world)
    assert (came.partner_name, came.before, came.now) == ("Partner P-B", ZERO, Money(50_00))
    world.prepare(at=LATER)
    shown = [one.record for one in world.records.find(RunPlan, by="run_id", value=RUN_ID)]
    of_b = [one for one in shown if one.partner_id == "P-B"]
    (went,) = plan_changes(of_b, ())
    assert (went.now, len(went.went)) == (ZERO, 1)
    assert world.records.load(Partner, "P-B") is not None


def test_a_run_that_was_never_prepared_is_not_known():
    with pytest.raises(NotFound, match=RUN_ID):
        rehearsed(World())


def _put(world: World, record) -> None:
    stored = world.records.load(type(record), record.id)
    world.records.commit(Change(saves=(stored.replaced_by(record),)))
