"""The organisation in the portal: its contact in two steps, its papers, its wish for more."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloud.portfolio.models import Licence, Partner
from cloud.portfolio.organisation import Certification, OptInRequest, OptInState, Technician
from cloud.reporting.own_papers import certificates, lasting
from tests.cloud.portal.billing_world import BillingWorld
from tests.cloud.portal.orders_world import ALDER
from tests.cloud.portal.partners_world import a_partner

HERE = "/portal/organisation"
TODAY = date(2026, 6, 8)


@pytest.fixture
def world() -> BillingWorld:
    return BillingWorld(state="offered")


def partner(world: BillingWorld) -> Partner:
    return world.records.load(Partner, ALDER).record


def code_in(world: BillingWorld) -> str:
    """Give the code that the latest letter to the new address holds."""
    (letter,) = [one for one in world.records.letters.values() if "new@p.example" in one.to]
    words = letter.text.replace(".", " ").split()
    (code,) = [one for one in words if len(one) == 32]
    return code


def test_who_is_asked_and_what_is_on_record_stands_there(world: BillingWorld) -> None:
    world.put(Technician("T-1", ALDER, "Jo Crew", (Certification("enphase", "E-1", TODAY),)))
    seen = world.page("bo", HERE).plain
    for told in ("service@partner.example", "NC", "Jo Crew", "enphase", "60 minutes"):
        assert told in seen
    assert "Nobody is on record" in world.page("lu", HERE).plain


def test_another_contact_counts_once_its_reader_confirmed_it(world: BillingWorld) -> None:
    asked = world.after("bo", world.send("bo", f"{HERE}/contact", email="new@p.example"))
    assert "Waits to be confirmed" in asked.plain
    assert partner(world).service_email == "service@partner.example"
    assert code_in(world) not in asked.text
    wrong = world.send("bo", f"{HERE}/contact/confirm", code="0" * 32)
    assert (wrong.status, "rule M-74b" in wrong.plain) == (422, True)
    world.send("bo", f"{HERE}/contact/confirm", code=code_in(world))
    assert partner(world).service_email == "new@p.example"
    assert "service@partner.example" in world.page("bo", HERE).plain


def test_a_form_that_is_sent_twice_mails_one_code_and_three_an_hour_are_all(
    world: BillingWorld,
) -> None:
    for _ in range(2):
        seen = world.after("bo", world.send("bo", f"{HERE}/contact", email="new@p.example"))
        assert "A code was mailed to new@p.example" in seen.plain
    assert len(code_in(world)) == 32, "there is one letter"
    for number in range(2):
        world.send("bo", f"{HERE}/contact", email=f"{number}@p.example")
    seen = world.send("bo", f"{HERE}/contact", email="4@p.example")
    assert (seen.status, "rule M-74c" in seen.plain) == (422, True)
    assert 'value="4@p.example"' in seen.text


@pytest.mark.parametrize("is_taken", [True, False], ids=["work is taken", "a wish waits"])
def test_a_wish_that_is_refused_is_not_lost(world: BillingWorld, *, is_taken: bool) -> None:
    world.change(replace(partner(world), opted_in=is_taken))
    if not is_taken:
        assert world.send("bo", f"{HERE}/opt_in", says="We like to").status == 303
        assert world.send("bo", f"{HERE}/opt_in", says="We like to").status == 303, "twice is once"
    seen = world.send("bo", f"{HERE}/opt_in", says="We could do more")
    assert seen.status == 422
    assert "rule R-47" in seen.plain
    assert "We could do more" in seen.text


def test_what_is_no_address_is_told_and_kept(world: BillingWorld) -> None:
    seen = world.send("bo", f"{HERE}/contact", email="nobody & co")
    assert seen.status == 422
    assert 'value="nobody &amp; co"' in seen.text
    assert not [one for one in world.records.letters.values() if "nobody" in one.to]


def test_a_wish_for_more_work_is_asked_once(world: BillingWorld) -> None:
    world.change(replace(partner(world), opted_in=False))
    for _ in range(2):
        world.send("bo", f"{HERE}/opt_in", says="Two more crews")
    (wish,) = world.records.find(OptInRequest, by="partner_id", value=ALDER)
    assert (wish.record.state, wish.record.says) == (OptInState.ASKED, "Two more crews")
    assert "Two more crews" in world.page("bo", HERE).plain
    world.change(replace(partner(world), opted_in=True))
    no = world.send("bo", f"{HERE}/opt_in", says="")
    assert (no.status, "rule R-47" in no.plain) == (422, True)


def test_a_wish_that_is_too_long_is_told_and_not_cut(world: BillingWorld) -> None:
    world.change(replace(partner(world), opted_in=False))
    told = world.send("bo", f"{HERE}/opt_in", says="w" * 4_001)
    assert (told.status, "these are 4,001" in told.plain) == (422, True)
    assert "w" * 4_001 in told.text
    assert not world.records.find(OptInRequest, by="partner_id", value=ALDER)


@pytest.mark.parametrize(
    ("days", "state"),
    [
        pytest.param(-1, "ended", id="yesterday"),
        pytest.param(0, "ends_soon", id="its last day counts"),
        pytest.param(45, "ends_soon", id="six weeks ahead"),
        pytest.param(46, "good", id="a day more"),
    ],
)
def test_a_paper_is_told_by_its_last_day(days: int, state: str) -> None:
    last = TODAY + timedelta(days=days)
    (licence,) = lasting(a_partner(licences=(Licence("CO", "L-1", last),)), today=TODAY)
    assert (licence.what, licence.of, licence.state) == ("Licence", "CO", state)
    person = Technician("T-1", ALDER, "Jo", (Certification("enphase", "E-1", last),))
    assert [one.state for one in certificates(person, today=TODAY)] == [state]
    (insurance,) = lasting(a_partner(insured_until=last), today=TODAY)
    assert (insurance.what, insurance.state) == ("Insurance", state)


def test_what_has_ended_stands_at_the_top(world: BillingWorld) -> None:
    world.change(replace(partner(world), licences=(Licence("NC", "L-1", TODAY - timedelta(1)),)))
    assert "Licence NC has ended" in world.page("bo", HERE).plain
