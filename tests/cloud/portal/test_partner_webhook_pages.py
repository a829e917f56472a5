"""Programs and webhooks in the portal: a secret that is shown once, tries, sending again."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cloud.kernel.change import Event
from cloud.portal.partner_views import webhooks
from cloud.portfolio.models import ApiClient
from cloud.portfolio.papers import PartnerPerson
from cloud.reporting.feed import ToldEvent
from cloud.reporting.telling import endpoints_of, is_told_to, tell
from cloud.reporting.webhooks import (
    FAULTS,
    Delivery,
    DeliveryState,
    EndpointHealth,
    Off,
    Try,
    WebhookEndpoint,
)
from tests.cloud.portal.billing_world import BillingWorld
from tests.cloud.portal.orders_world import ALDER
from tests.cloud.portal.pages_world import Seen

HERE = "/portal/webhooks"
URL = "https://hooks.alder.example/in"


@pytest.fixture
def world() -> BillingWorld:
    made = BillingWorld(state="offered")
    made.put(ApiClient("prog-1", ALDER, version="2026-06-01"))
    return made


def added(world: BillingWorld, **differs: Any) -> Seen:
    return world.send("ines", HERE, **{"url": URL, **differs})


def the_one(world: BillingWorld) -> WebhookEndpoint:
    (found,) = endpoints_of(world.records, ALDER)
    return found


def path(world: BillingWorld) -> str:
    return f"{HERE}/{the_one(world).id}"


def told(world: BillingWorld, what: str = "offered") -> None:
    tell(
        world.records,
        Event(world.number, what, world.now, "policy"),
        key=f"{world.number} {what}",
        at=world.now,
    )


def secret_in(seen: Seen) -> str:
    return next(one for one in seen.plain.split() if one.startswith("whsec_"))


def test_only_an_accounting_admin_comes_here(world: BillingWorld) -> None:
    assert world.page("bo", HERE).status == 403
    assert world.send("bo", HERE, url=URL).status == 403
    seen = world.page("ines", HERE).plain
    for one in ("prog-1", "2026-06-01", "No endpoint", "Nothing was told yet"):
        assert one in seen


def test_a_secret_is_shown_once(world: BillingWorld) -> None:
    seen = added(world, types=["invoice", "work_order"])
    assert seen.status == 200
    secret = secret_in(seen)
    assert not any(secret in one for one in seen.cookies)
    assert the_one(world).types == ("invoice.*", "work_order.*")
    for page in (HERE, path(world)):
        shown = world.page("ines", page).text
        assert secret not in shown
        assert URL in shown
    assert secret[-4:] in world.page("ines", path(world)).plain


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("", "Write where events go", id="none"),
        pytest.param("http://hooks.alder.example/", "https", id="without TLS"),
        pytest.param("https://127.0.0.1/in", "public name", id="an address"),
        pytest.param("javascript:alert(1)", "https", id="no URL"),
    ],
)
def test_a_url_that_nothing_is_sent_to_is_told_and_kept(
    world: BillingWorld, url: str, says: str
) -> None:
    seen = added(world, url=url, types=["invoice"])
    assert seen.status == 422
    assert says in seen.plain
    assert f'value="{url}"' in seen.text
    assert 'value="invoice" checked' in seen.text
    assert endpoints_of(world.records, ALDER) == []


def test_the_same_url_twice_is_refused_with_its_rule(world: BillingWorld) -> None:
    added(world)
    assert "rule WH-04" in added(world).plain
    the_one(world)


def drawn_on(world: BillingWorld, page: str) -> str:
    (found,) = re.findall(r'name="drawn" value="([^"]+)"', world.page("ines", page).text)
    return found


@pytest.mark.rule("WH-12")
@pytest.mark.parametrize("is_first", [True, False], ids=["add it", "new secret"])
@pytest.mark.parametrize(
    ("who", "after", "is_same_form", "is_shown"),
    [
        pytest.param("ines", timedelta(), True, True, id="sent twice"),
        pytest.param("ines", timedelta(minutes=9, seconds=59), True, True, id="within minutes"),
        pytest.param("ines", timedelta(minutes=10), True, False, id="too late"),
        pytest.param("ines", timedelta(), False, False, id="another page"),
        pytest.param("ivo", timedelta(), True, False, id="another person"),
    ],
)
def test_a_form_that_is_sent_twice_shows_one_secret_both_times(
    world: BillingWorld,
    who: str,
    after: timedelta,
    *,
    is_same_form: bool,
    is_shown: bool,
    is_first: bool,
) -> None:
    world.partner_person("ivo", ALDER, is_admin=True)
    if is_first:
        page, to, fields = HERE, HERE, {"url": URL}
    else:
        added(world)
        page, to, fields = path(world), f"{path(world)}/rotate", {"rotations": 0}
    drawn = drawn_on(world, page)
    secret = secret_in(world.send("ines", to, drawn=drawn, **fields))
    world.wait(after)
    other = drawn if is_same_form else drawn_on(world, page)
    again = world.send(who, to, drawn=other, **fields)
    assert (again.status == 200) is is_shown
    assert (secret in again.text) is is_shown
    if not is_shown:
        told = again if is_first else world.after(who, again)
        assert "secret was shown when it was added" in told.plain or "shown once" in told.plain
    endpoint = the_one(world)
    assert endpoint.rotations == (0 if is_first else 1)
    assert endpoint.secrets[0].sealed.text.endswith(secret[::-1]), "what was shown is what signs"


def test_two_pages_make_two_secrets(world: BillingWorld) -> None:
    first = secret_in(added(world, drawn=drawn_on(world, HERE)))
    second = secret_in(added(world, drawn=drawn_on(world, HERE), url=f"{URL}/2"))
    assert first != second


def test_a_refused_change_keeps_what_was_typed(world: BillingWorld) -> None:
    added(world, url=f"{URL}/2")
    other = the_one(world)
    added(world)
    seen = world.send("ines", f"{HERE}/{other.id}", url=URL, types=["invoice"])
    assert (seen.status, "rule WH-04" in seen.plain) == (422, True)
    assert f'value="{URL}"' in seen.text


def test_a_new_secret_is_made_once_for_a_page(world: BillingWorld) -> None:
    first = secret_in(added(world))
    rotate = f"{path(world)}/rotate"
    second = secret_in(world.send("ines", rotate, rotations=0))
    assert second != first
    again = world.send("ines", rotate, rotations=0)
    assert again.status == 303
    assert the_one(world).rotations == 1
    assert "new secret already" in world.after("ines", again).plain


def test_it_is_changed_switched_off_and_on_and_deleted(world: BillingWorld) -> None:
    added(world)
    world.send("ines", path(world), url=f"{URL}/2", types=["invoice"], single="payout.x")
    assert (the_one(world).url, the_one(world).types) == (f"{URL}/2", ("invoice.*",))
    assert world.send("ines", path(world), url="ftp://x").status == 422
    world.send("ines", f"{path(world)}/switch", to="off")
    assert the_one(world).off is Off.BY_PARTNER
    assert "Switched off by you" in world.page("ines", path(world)).plain
    no = world.after("ines", world.send("ines", f"{path(world)}/test"))
    assert "Rule WH-06" in no.plain
    world.send("ines", f"{path(world)}/switch", to="on")
    assert the_one(world).off is Off.NOT
    world.send("ines", f"{path(world)}/delete")
    assert endpoints_of(world.records, ALDER) == []


def test_a_test_event_stands_in_the_feed_and_among_the_deliveries(world: BillingWorld) -> None:
    added(world)
    assert "Nothing was sent here" in world.page("ines", path(world)).plain
    world.send("ines", f"{path(world)}/test")
    seen = world.page("ines", path(world)).plain
    assert "webhook_endpoint.ping" in seen
    assert "Waiting" in seen
    assert "webhook_endpoint.ping" in world.page("ines", HERE).plain


def test_a_delivery_that_failed_shows_its_tries_and_is_sent_again(world: BillingWorld) -> None:
    added(world)
    told(world)
    (delivery,) = [r.record for (k, _), r in world.records._records.items() if k is Delivery]
    failed = replace(
        delivery,
        state=DeliveryState.FAILED,
        next_at=None,
        tries=(Try(world.now, 500), Try(world.now, 0, "timed_out")),
        failed_of=the_one(world).id,
    )
    world.change(failed)
    world.put(EndpointHealth(the_one(world).id, failing_since=world.now))
    seen = world.page("ines", f"{path(world)}?state=failed").plain
    assert "2, last no answer in time" in seen
    assert ": 500" in seen
    assert "Every try has failed since" in seen
    assert "Nothing was sent here" in world.page("ines", f"{path(world)}?state=delivered").plain
    again = world.after(
        "ines", world.send("ines", f"{path(world)}/redeliver", event=delivery.event_id)
    )
    assert "It is sent again" in again.plain
    assert world.records.load(Delivery, delivery.id).record.state is DeliveryState.WAITING


@pytest.mark.rule("F27")
def test_money_is_told_as_long_as_the_person_is_an_accounting_admin(world: BillingWorld) -> None:
    added(world)
    event = ToldEvent(
        "E", ALDER, 1, "payable.opened", world.now, world.now, world.now, "payable", "P", "live",
        is_money=True,
    )  # fmt: skip
    assert is_told_to(world.records, the_one(world), event, at=world.now)
    ines = world.records.load(PartnerPerson, "ines").record
    for differs in ({"roles": frozenset()}, {"is_active": False}, {"partner_id": "P-BIRCH"}):
        world.change(replace(ines, **differs))
        assert not is_told_to(world.records, the_one(world), event, at=world.now), differs


def test_another_partners_endpoint_is_not_there(world: BillingWorld) -> None:
    world.partner_person("ola", "P-BIRCH", is_admin=True)
    added(world)
    assert world.page("ola", path(world)).status == 404
    for deed in ("", "/switch", "/rotate", "/test", "/redeliver", "/delete"):
        assert world.send("ola", f"{path(world)}{deed}", url=URL, rotations=0).status == 404
    the_one(world)


def test_every_reason_and_fault_has_words() -> None:
    assert set(webhooks.OFF) == {one.value for one in Off} - {"deleted"}
    assert set(webhooks.FAULTS) == FAULTS
