"""Pages of gateways: who may be two machines, what is to come in, and who may say what it was."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.kernel.change import Change, Save
from cloud.portfolio.devices import DeviceSerial, DeviceState
from cloud.portfolio.process.devices import admit
from cloud.telemetry.watching import OPEN, SETTLED, GatewayPresence
from tests.cloud.portal.homes_world import Street

HERE = "/console/gateways"
SAYS = "boot b1 is told again after b2"


@pytest.fixture
def street() -> Street:
    made = Street()
    suspected = GatewayPresence(
        "gw-1", suspicion=OPEN, rule="DV-07", says=SAYS, suspected_at=made.world.now
    )
    made.records.commit(Change(saves=(Save(suspected),)))
    return made


def let_in(street: Street, serial: str = "SN-NEW-1") -> DeviceSerial:
    made = admit(
        street.records, serial=serial, site_id="site-1", token="t" * 32, because="order 7",
        at=street.world.now, by="amy",
    )  # fmt: skip
    assert isinstance(made, DeviceSerial)
    return made


def test_a_suspicion_stands_in_the_queue_and_leads_to_what_was_seen(street):
    queue = street.world.page("amy", "/console")
    assert "Gateway gw-1 may be two machines: look which it is" in queue.plain
    assert f'href="{HERE}/gw-1"' in queue.text
    page = street.world.page("amy", f"{HERE}/gw-1")
    assert SAYS in page.plain
    assert "It is settled" in page.plain


def test_what_was_found_is_noted_and_the_queue_is_rid_of_it(street):
    sent = street.world.send("amy", f"{HERE}/gw-1/settle", because="the installer's second box")
    assert sent.status == 303
    page = street.world.page("amy", f"{HERE}/gw-1")
    assert "the installer's second box" in page.plain
    known = street.records.load(GatewayPresence, "gw-1").record
    assert (known.suspicion, known.settled_by) == (SETTLED, "amy")
    assert "may be two machines" not in street.world.page("amy", "/console").plain
    assert "No gateway looks like two machines" in street.world.page("amy", HERE).plain


def test_a_word_is_asked_for(street):
    page = street.world.send("amy", f"{HERE}/gw-1/settle", because=" ")
    assert page.status == 422
    assert "Say what you found." in page.plain
    assert street.records.load(GatewayPresence, "gw-1").record.suspicion == OPEN


@pytest.mark.parametrize("person", ["sam", "otto"])
def test_who_only_looks_sees_it_and_settles_nothing(street, person):
    page = street.world.page(person, f"{HERE}/gw-1")
    assert SAYS in page.plain
    assert "It is settled" not in page.plain
    assert street.world.send(person, f"{HERE}/gw-1/settle", because="mine").status in {403, 404}
    assert street.records.load(GatewayPresence, "gw-1").record.suspicion == OPEN


def test_what_was_let_in_stands_there_until_it_is_live(street):
    device = let_in(street)
    page = street.world.page("amy", HERE)
    assert "SN-NEW-1" in page.plain
    assert "Let in, not come yet" in page.plain
    assert "its token is over" not in page.plain
    street.world.clock.at += timedelta(days=15)
    assert "its token is over" in street.world.page("sam", HERE).plain
    live = replace(device, state=DeviceState.LIVE)
    stored = street.records.load(DeviceSerial, device.id)
    street.records.commit(Change(saves=(stored.replaced_by(live),)))
    assert "SN-NEW-1" not in street.world.page("sam", HERE).plain
    life = street.world.page("sam", f"{HERE}/{device.gateway_id}")
    assert "SN-NEW-1 Live" in life.plain.replace("✔", "").replace("  ", " ")
    assert "order 7" in life.plain


@pytest.mark.parametrize("said", ["SN-NEW-1", "gw-1"])
def test_one_is_found_by_serial_number_and_by_name(street, said):
    let_in(street)
    sent = street.world.page("amy", f"{HERE}?q={said}")
    assert (sent.status, sent.headers["location"]) == (303, f"{HERE}/gw-1")


def test_what_nobody_knows_is_said_and_has_no_page(street):
    assert "is called gw-none" in street.world.page("amy", f"{HERE}?q=gw-none").plain
    assert street.world.page("amy", f"{HERE}/gw-none").status == 404
