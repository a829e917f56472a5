"""Who of a partner makes Accounting Admins over the partner API, and who does not exist for it."""

import json
from dataclasses import replace

import pytest

from cloud.kernel.change import Change, Save
from cloud.portfolio import process
from cloud.portfolio.models import ApiClient, Partner
from cloud.portfolio.papers import PartnerRole

PATH = "/v1/organisation/accounting_admins"
ADMIN = PartnerRole.ACCOUNTING_ADMIN


@pytest.fixture(scope="module")
def home(shared):
    made = shared.new_home()
    process.grant_first_role(
        shared.records, holder_id=made.clients[0].id, role=ADMIN, at=shared.now, by="adm"
    )
    part = replace(made.partners[0], id=f"{made.partners[0].id}-PART", parent_id="")
    shared.records.commit(
        Change(saves=(Save(part), Save(ApiClient(f"{part.id}-program", part.id))))
    )
    process.set_parent(
        shared.records, partner_id=part.id, parent_id=made.partners[0].id, at=shared.now, by="adm"
    )
    for partner, name in ((made.partners[0], "jo"), (made.partners[1], "eve"), (part, "pat")):
        process.add_person(
            shared.records,
            person_id=f"{partner.id}-{name}",
            partner_id=partner.id,
            name=name,
            email=f"{name}@x.example",
            at=shared.now,
            by="rm",
        )
    return made


def ask(shared, client, method, path, body=None, *, key=None):
    token = shared.token(client)
    answer = shared.call(method, path, body, token=token, key=key)
    return answer.status, json.loads(answer.body)


@pytest.mark.rule("P-80")
def test_an_accounting_admin_makes_others_of_its_organisation_and_of_its_parts(shared, home):
    mine, (own, other) = home.clients[0], home.partners
    for number, holder in enumerate((f"{own.id}-jo", f"{own.id}-PART-pat")):
        made = ask(shared, mine, "POST", PATH, {"holder_id": holder}, key=f"grant-{number}")
        assert (made[0], made[1]["is_accounting_admin"]) == (200, True)
    status, listed = ask(shared, mine, "GET", PATH)
    assert status == 200
    assert {one["holder_id"]: one["is_accounting_admin"] for one in listed["items"]} == {
        f"{own.id}-jo": True,
        mine.id: True,
    }
    status, listed = ask(shared, mine, "GET", f"{PATH}?organisation={own.id}-PART")
    assert {one["name"] for one in listed["items"]} == {"pat", f"{own.id}-PART-program"}
    assert ask(shared, mine, "GET", f"{PATH}?organisation={other.id}")[0] == 404
    gone = ask(shared, mine, "POST", f"{PATH}/revoke", {"holder_id": f"{own.id}-jo"}, key="r-1")
    assert gone[1]["is_accounting_admin"] is False
    last = ask(shared, mine, "POST", f"{PATH}/revoke", {"holder_id": mine.id}, key="r-2")
    assert (last[0], last[1]["errors"][0]["code"]) == (422, "last_accounting_admin")


@pytest.mark.rule("P-80")
def test_who_is_out_of_reach_is_nobody(shared, home):
    mine, (_, other) = home.clients[0], home.partners
    said = []
    for number, holder in enumerate((f"{other.id}-eve", home.clients[1].id, "nobody-at-all")):
        status, answer = ask(shared, mine, "POST", PATH, {"holder_id": holder}, key=f"no-{number}")
        assert status == 404
        said.append(answer["detail"].replace(holder, "X"))
    assert len(set(said)) == 1
    assert not shared.records.load(ApiClient, home.clients[1].id).record.roles


@pytest.mark.rule("P-80")
def test_without_the_role_nobody_looks_and_nobody_grants(shared, home):
    stranger = home.clients[1]
    assert ask(shared, stranger, "GET", PATH)[0] == 403
    status, _ = ask(shared, stranger, "POST", PATH, {"holder_id": stranger.id}, key="self")
    assert status == 403
    assert shared.records.load(Partner, home.partners[1].id) is not None
    assert not shared.records.load(ApiClient, stranger.id).record.roles
