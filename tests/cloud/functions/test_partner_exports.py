"""A large export through the whole stack: asked, written by its function, announced, downloaded."""

import json
from dataclasses import replace

import pytest
from conftest import TEMPLATE
from rights import not_allowed, watched

from cloud.funding.exports import ExportOrder
from cloud.funding.models import Payable
from cloud.funding.policy import F29, FIRST_DAY
from cloud.kernel.change import Change
from cloud.kernel.money import Money
from cloud.portfolio.models import ApiClient


def granted(world, client):
    stored = world.records.load(ApiClient, client.id)
    made = replace(client, roles=frozenset({"accounting_admin"}))
    world.records.commit(Change(saves=(stored.replaced_by(made),)))
    return made


def payable(name, partner_id, cents, at):
    return Payable(name, partner_id, "", "", "service", Money(cents), at)


@pytest.mark.rule("F29", "D36")
def test_a_large_export_is_written_by_its_function_and_announced(world):
    done = watched(world.runtime)
    home = world.new_home()
    client = granted(world, home.clients[0])
    number = F29.on(FIRST_DAY) + 1
    for start in range(0, number, 90):
        world.save(
            *(
                payable(f"PAY-{one:05d}", client.partner_id, 100 + one, world.now)
                for one in range(start, min(start + 90, number))
            )
        )
    token = world.token(client)
    asked = {"report": "payouts"}
    answer = world.call("POST", "/v1/exports", asked, token=token, key="large")
    made = json.loads(answer.body)
    assert (answer.status, made["mode"], made["state"]) == (202, "email", "wanted")
    again = world.call("POST", "/v1/exports", asked, token=token, key="large")
    assert (again.status, json.loads(again.body)) == (202, made)
    waiting = world.call("GET", made["path"], token=token)
    assert waiting.status == 409
    too_large = world.call("GET", "/v1/exports/download?report=payouts", token=token)
    assert (too_large.status, json.loads(too_large.body)["errors"][0]["rule"]) == (422, "F29")
    world.runtime.run_due()
    shown = json.loads(world.call("GET", f"/v1/exports/{made['export_id']}", token=token).body)
    assert (shown["state"], shown["row_count"]) == ("ready", number)
    assert [
        one["export_id"]
        for one in json.loads(world.call("GET", "/v1/exports", token=token).body)["exports"]
    ] == [made["export_id"]]
    link = json.loads(world.call("GET", made["path"], token=token).body)["url"]
    assert f"exports/{client.partner_id}/{made['export_id']}.csv" in link
    stranger = granted(world, home.clients[1])
    for path in (f"/v1/exports/{made['export_id']}", made["path"]):
        assert world.call("GET", path, token=world.token(stranger)).status == 404
    order = world.records.load(ExportOrder, made["export_id"]).record
    assert order.reference
    assert not_allowed(done, TEMPLATE.read_bytes()) == []
    assert {"ExportFunction", "PartnerApiFunction"} <= {who for who, _, _ in done.done}
