"""Deeds on a work order's page: its visit is moved, and what our own crew cost is noted."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from cloud.invoicing.models import WorkOrderSpend
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, PartnerKind, RateCard
from cloud.service.models import Case, Mail, MailState
from tests.cloud.portal.billing_world import BillingWorld
from tests.cloud.portal.orders_world import ALDER, OrdersWorld

DAY = timedelta(days=1)


def with_people(world):
    for name, group in (("sam", "spc"), ("amy", "ams"), ("otto", "auditor"), ("tess", "treasury")):
        world.owner_person(name, group)
    return world


@pytest.fixture
def world() -> OrdersWorld:
    return with_people(OrdersWorld().until("scheduled"))


def at(world) -> str:
    return f"/console/work_orders/{world.number}"


def hours(world, later=DAY, **differs):
    zone, ahead = ZoneInfo(world.order.time_zone), world.order.visits[-1]
    return {
        "visit_since": f"{(ahead.since + later).astimezone(zone):%Y-%m-%dT%H:%M}",
        "visit_until": f"{(ahead.until + later).astimezone(zone):%Y-%m-%dT%H:%M}",
        "visit_technician": "Jo",
        "visit_reason": "The homeowner is away.",
    } | differs


def test_the_form_begins_with_the_visit_that_is_booked(world):
    page = world.page("sam", at(world))
    assert f'value="{hours(world, timedelta(0))["visit_since"]}"' in page.text
    assert 'value="Jo"' in page.text


def test_a_visit_is_moved_on_the_homes_clock(world):
    before = world.order.visits[-1]
    page = world.after("sam", world.send("sam", f"{at(world)}/visit", **hours(world)))
    assert "The visit is moved; homeowner and partner are told." in page.plain
    assert world.order.visits[-1].since == (before.since + DAY).replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param({"visit_since": ""}, "Say when it begins.", id="no beginning"),
        pytest.param({"visit_technician": ""}, "Say who comes.", id="nobody"),
        pytest.param({"visit_reason": ""}, "Say why: the partner reads it.", id="no reason"),
        pytest.param(
            {"visit_since": "2026-01-01T10:00"}, "lies ahead and ends after", id="it is over"
        ),
    ],
)
def test_a_wrong_move_is_shown_again(world, differs, says):
    before = world.order
    page = world.send(
        "sam",
        f"{at(world)}/visit",
        **(hours(world) | {"visit_until": "2026-06-20T12:34"} | differs),
    )
    assert page.status == 422
    assert says in page.plain
    assert 'value="2026-06-20T12:34"' in page.text
    assert world.order == before


@pytest.mark.parametrize("who", ["amy", "otto", "tess"])
def test_only_coordinators_move_a_visit(world, who):
    assert world.send(who, f"{at(world)}/visit", **hours(world)).status == 403
    assert "visit_since" not in world.page(who, at(world)).text


def test_without_a_visit_ahead_there_is_no_form():
    world = with_people(OrdersWorld().until("accepted"))
    assert "visit_since" not in world.page("sam", at(world)).text


# ---- our own crew --------------------------------------------------------------------------------


def own_crew() -> BillingWorld:
    world = with_people(BillingWorld())
    known = world.records.load(Partner, ALDER).record
    card = RateCard(Money(60_00), Money(70))
    world.change(replace(known, kind=PartnerKind.IN_HOUSE, rate_card=card))
    return world


def test_what_our_own_crew_cost_is_noted_and_corrected():
    world = own_crew()
    to = f"{at(world)}/internal_cost"
    page = world.after("sam", world.send("sam", to, internal_minutes="90", internal_km="10"))
    assert "It cost $97.00, by the crew's rate card." in page.plain
    assert world.records.load(WorkOrderSpend, world.number).record.internal.minutes == 90
    assert 'value="90"' in page.text
    world.send("sam", to, internal_minutes="60", internal_km="0")
    assert world.records.load(WorkOrderSpend, world.number).record.internal.amount == Money(60_00)


@pytest.mark.parametrize(
    ("filled", "says"),
    [
        pytest.param({}, "Write the minutes.", id="nothing"),
        pytest.param(
            {"internal_minutes": "-1", "internal_km": "7"}, "Write a whole number", id="below zero"
        ),
        pytest.param(
            {"internal_minutes": "100001", "internal_km": "7"}, "from 0 to 100,000", id="too much"
        ),
    ],
)
def test_a_wrong_cost_is_shown_again(filled, says):
    world = own_crew()
    page = world.send("sam", f"{at(world)}/internal_cost", **filled)
    assert (page.status, says in page.plain) == (422, True)
    assert world.records.load(WorkOrderSpend, world.number) is None


def test_of_an_installer_nothing_is_noted():
    world = with_people(BillingWorld())
    assert "internal_minutes" not in world.page("sam", at(world)).text
    page = world.send("sam", f"{at(world)}/internal_cost", internal_minutes="1", internal_km="1")
    assert page.status == 422
    assert "has no rate card" in page.plain


# ---- a mail and its case -------------------------------------------------------------------------


def came(world, thread=""):
    mail = Mail(
        "MAIL-1", MailState.QUARANTINED, thread, False, "jo@home.example", "", "Roof", world.now
    )
    world.put(replace(mail, subject=f"About {world.order.case_id}"))
    return "/console/mails/MAIL-1"


@pytest.mark.parametrize("who", ["sam", "amy"])
def test_a_mail_is_filed_under_its_case(world, who):
    path, case_id = came(world), world.order.case_id
    assert f'value="{case_id}"' in world.page(who, path).text
    page = world.after(who, world.send(who, f"{path}/case", case_id=case_id.lower()))
    assert f"It is filed under {case_id} and waits there." in page.plain
    assert world.records.load(Mail, "MAIL-1").record.thread == case_id
    assert world.records.load(Case, case_id) is not None


@pytest.mark.parametrize(
    ("said", "says"),
    [
        pytest.param("", "Write the number of the case.", id="nothing"),
        pytest.param("CASE-NONE", "There is no case of that number.", id="no such case"),
    ],
)
def test_a_case_that_is_none_is_said(world, said, says):
    page = world.send("sam", f"{came(world)}/case", case_id=said)
    assert (page.status, says in page.plain) == (422, True)
    assert f'value="{said}"' in page.text
    assert world.send("otto", "/console/mails/MAIL-1/case", case_id=said).status == 403
