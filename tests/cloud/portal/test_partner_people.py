"""People and programs in the portal: who sees money, made and unmade, and never the last."""

from typing import Any

import pytest

from cloud.portfolio.models import ApiClient
from cloud.portfolio.papers import PartnerPerson
from tests.cloud.portal.billing_world import BillingWorld
from tests.cloud.portal.orders_world import ALDER, OTHER
from tests.cloud.portal.partners_world import a_partner

HERE = "/portal/people"


@pytest.fixture
def world() -> BillingWorld:
    made = BillingWorld(state="offered")
    made.put(ApiClient("prog-1", ALDER), a_partner("P-PART", parent_id=ALDER))
    made.partner_person("pia", "P-PART")
    return made


def roles(world: BillingWorld, name: str, kind: Any = PartnerPerson) -> frozenset[str]:
    return world.records.load(kind, name).record.roles


def test_only_an_accounting_admin_comes_here(world: BillingWorld) -> None:
    assert world.page("bo", HERE).status == 403
    assert world.send("bo", f"{HERE}/grant", holder="bo").status == 403
    assert HERE not in world.page("bo", "/portal").text
    seen = world.page("ines", HERE).plain
    for told in ("Ines", "Bo", "prog-1", "the last: cannot be taken"):
        assert told in seen
    assert "Lu" not in seen


@pytest.mark.parametrize(
    ("holder", "kind"),
    [
        pytest.param("bo", PartnerPerson, id="a person"),
        pytest.param("prog-1", ApiClient, id="a program"),
        pytest.param("pia", PartnerPerson, id="a person of a part of it"),
    ],
)
def test_the_role_is_granted_and_taken_again(world: BillingWorld, holder: str, kind: Any) -> None:
    seen = world.after("ines", world.send("ines", f"{HERE}/grant", holder=holder))
    assert "is an Accounting Admin now" in seen.plain
    assert roles(world, holder, kind) == {"accounting_admin"}
    if holder == "pia":
        return  # she is the last of her organisation
    world.send("ines", f"{HERE}/revoke", holder=holder)
    assert roles(world, holder, kind) == frozenset()


def test_the_last_keeps_the_role(world: BillingWorld) -> None:
    no = world.after("ines", world.send("ines", f"{HERE}/revoke", holder="ines"))
    assert "Rule P-80" in no.plain
    assert roles(world, "ines") == {"accounting_admin"}


def test_who_lays_it_down_lands_where_everybody_may_be(world: BillingWorld) -> None:
    world.send("ines", f"{HERE}/grant", holder="bo")
    sent = world.send("ines", f"{HERE}/revoke", holder="ines")
    assert sent.to == "/portal"
    assert world.after("ines", sent).status == 200
    assert world.page("ines", HERE).status == 403


@pytest.mark.parametrize("holder", ["lu", "nobody", ""])
def test_who_is_not_of_the_organisation_does_not_exist(world: BillingWorld, holder: str) -> None:
    world.put(ApiClient("theirs", OTHER))
    sent = world.send("ines", f"{HERE}/grant", holder=holder)
    assert sent.status == 404
    assert world.send("ines", f"{HERE}/grant", holder="theirs").plain == sent.plain
    assert roles(world, "lu") == frozenset()
