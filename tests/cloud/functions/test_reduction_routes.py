"""What is taken back, as it runs: messages, timers and the routes of accounting."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.funding.models import Deduction, Payable
from cloud.funding.overdue import OverdueFile
from cloud.funding.warranty import WarrantyPrices
from cloud.kernel.change import Change
from cloud.local.demo import cast
from cloud.portfolio.models import Milestone, Project, Revocation
from cloud.portfolio.process import register

PROJECT = cast.PROJECT.id
DAY = timedelta(days=1)


@pytest.fixture
def cast_world(world):
    for partner in cast.PARTNERS:
        register(world.records, partner, at=world.now, by="test")
    for household in cast.HOUSEHOLDS:
        register(world.records, household.site, at=world.now, by="test")
    reached = ((Milestone.NTP, world.now), (Milestone.M1, world.now))
    register(world.records, replace(cast.PROJECT, reached=reached), at=world.now, by="test")
    return world


def tell(world, topic, **body):
    message = {"id": f"MSG-{topic}", "topic": topic, "project_id": PROJECT, **body}
    assert world.deliver("AccrueFunction", message) == {"batchItemFailures": []}


def change_project(world, **changes):
    stored = world.records.load(Project, PROJECT)
    saved = stored.replaced_by(replace(stored.record, **changes))
    world.records.commit(Change(saves=(saved,)))


def of_project(world, kind):
    return [one.record for one in world.records.find(kind, by="project_id", value=PROJECT)]


def taken_by_a_run(world):
    for one in world.records.find(Payable, by="project_id", value=PROJECT):
        taken = replace(one.record, state="planned", run_id="comfort-2026-06-11")
        world.records.commit(Change(saves=(one.replaced_by(taken),)))


def asked(world, method, path, body=None, *, by, role):
    answer = world.call(method, path, body, token=world.person(by, role))
    return answer.status, json.loads(answer.body)


def test_a_milestone_that_is_revoked_is_taken_back(cast_world):
    world = cast_world
    tell(world, "milestone", milestone="M1", occurrence=0)
    (paid,) = of_project(world, Payable)
    gone = Revocation(Milestone.M1, world.now, world.now, "ana", "wrong photo")
    change_project(world, reached=((Milestone.NTP, world.now),), revoked=(gone,))
    for _ in range(2):
        tell(world, "milestone_revoked", milestone="M1", occurrence=0)
        tell(world, "milestone", milestone="M1", occurrence=0)
    (now,) = of_project(world, Payable)
    assert (now.id, now.state) == (paid.id, "withdrawn")


def test_a_cancelled_project_is_settled_and_looked_at_again(cast_world):
    world = cast_world
    tell(world, "milestone", milestone="M1", occurrence=0)
    taken_by_a_run(world)
    change_project(world, cancelled=True, cancelled_at=world.now)
    for _ in range(2):
        tell(world, "project_cancelled")
    owed = [one for one in of_project(world, Deduction) if one.kind == "cancellation"]
    assert [one.raised for one in owed] == [one.amount for one in of_project(world, Payable)]
    world.runtime.clock.move_to(world.now + DAY)
    assert world.invoke("TimersFunction", {})["woken"] >= 1
    assert len([o for o in of_project(world, Deduction) if o.kind == "cancellation"]) == 1


def test_the_timers_claw_back_and_put_files_on_the_list(cast_world):
    world = cast_world
    tell(world, "milestone", milestone="M1", occurrence=0)
    taken_by_a_run(world)
    world.runtime.clock.move_to(world.now + 122 * DAY)
    assert world.invoke("TimersFunction", {})["woken"] >= 1
    assert "clawback_m1" in {one.kind for one in of_project(world, Deduction)}


def test_a_file_without_installation_is_listed_and_told_of(cast_world):
    world = cast_world
    change_project(world, reached=((Milestone.NTP, world.now),))
    tell(world, "milestone", milestone="NTP", occurrence=0)
    world.runtime.clock.move_to(world.now + 162 * DAY)
    world.invoke("TimersFunction", {})
    assert world.records.load(OverdueFile, PROJECT).record.state == "open"
    status, body = asked(world, "GET", "/ops/overdue_files", by="pia", role="projects")
    assert status == 200
    assert PROJECT in str(body)
    world.invoke("SendOutboxFunction", {})
    mails = [path.read_bytes() for path in world.runtime.mailbox.mails()]
    assert any(b"No installation" in mail for mail in mails)


def test_a_compliance_amount_and_its_settlement_take_two_people_each(cast_world):
    world = cast_world
    tell(world, "milestone", milestone="M1", occurrence=0)
    taken_by_a_run(world)
    path = f"/ops/projects/{PROJECT}/compliance_offset"
    wanted = {"amount_cents": 50_00, "reason": "stip"}
    status, body = asked(world, "POST", path, wanted, by="ana", role="accounting")
    assert status == 200
    made = body["item"]["id"]
    agree = f"/ops/compliance_offsets/{made}/agree"
    status, body = asked(world, "POST", agree, by="ana", role="accounting_admin")
    assert (status, "somebody else decides" in str(body)) == (422, True)
    status, body = asked(world, "POST", agree, by="bob", role="accounting_admin")
    assert status == 200
    debt = body["item"]["id"]
    status, body = asked(world, "GET", "/ops/debts", by="bob", role="auditor")
    assert status == 200
    assert debt in str(body)
    path = f"/ops/deductions/{debt}/settlement"
    wanted = {"amount_cents": 50_00, "how": "wire", "reason": "came"}
    status, body = asked(world, "POST", path, wanted, by="ana", role="accounting")
    assert status == 200
    made = body["item"]["id"]
    for kind, expected in (("compliance_offsets", 404), ("settlements", 200)):
        path = f"/ops/{kind}/{made}/reject"
        status, _ = asked(world, "POST", path, by="bob", role="accounting_admin")
        assert status == expected
    world.runtime.clock.move_to(world.now + timedelta(minutes=1))
    wanted["reason"] = "came after all"
    path = f"/ops/deductions/{debt}/settlement"
    _, body = asked(world, "POST", path, wanted, by="ana", role="accounting")
    path = f"/ops/settlements/{body['item']['id']}/agree"
    status, body = asked(world, "POST", path, by="bob", role="accounting_admin")
    assert (status, body["item"]["state"]) == (200, "closed")


def test_a_price_table_is_imported_or_says_what_is_wrong(world):
    path = "/ops/warranty_prices"
    wanted = {"effective_from": "2026-06-01", "content": "model,price\nSE7600H-US,155.25\n"}
    for _ in range(2):
        status, _ = asked(world, "POST", path, wanted, by="ana", role="accounting")
        assert status == 200
    assert len(world.records.find(WarrantyPrices, by="programme", value="comfort")) == 1
    wrong = {**wanted, "content": "model,price\nSE7600H-US,1\n"}
    status, body = asked(world, "POST", path, wrong, by="ana", role="accounting")
    assert status in {400, 422}
    assert "line 2, column price" in str(body)
    status, body = asked(world, "GET", path, by="bob", role="auditor")
    assert (status, "SE7600H-US" in str(body)) == (200, True)
