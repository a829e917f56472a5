"""People, papers, contacts, warranties and devices: who changes them, and what stays on record."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portfolio import fitness, process
from cloud.portfolio.models import Licence, Partner, PartnerKind, RateCard, Site
from cloud.portfolio.organisation import (
    Certification,
    Device,
    Equipment,
    OptInState,
    RelationshipManager,
    ServiceContact,
    SiteWarranties,
    Technician,
    Warranty,
    WarrantyKind,
)
from tests.cloud.portfolio.test_portfolio import NOW, PARTNER, SITE

RM = RelationshipManager("rm-1", "Ria", "ria@owner.example", ("partner-1",))
TODAY = date(2026, 6, 8)
DAY = timedelta(days=1)


@pytest.fixture
def records():
    kept = MemoryRecords()
    closed = replace(PARTNER, opted_in=False)
    kept.commit(Change(saves=(Save(SITE), Save(closed), Save(RM))))
    return kept


def everything(records):
    return (
        dict(records._records),
        {name: tuple(log) for name, log in records._history.items()},
        dict(records.letters),
    )


def twice(command, records, **arguments):
    answer = command(records, **arguments)
    before = everything(records)
    assert command(records, **arguments) == answer
    assert everything(records) == before
    return answer


def partner_now(records) -> Partner:
    return records.load(Partner, "partner-1").record


# ---------------------------------------------------------------------- the service contact
def ask(records, email="new@partner.example", code="t-1", when=NOW):
    return process.request_contact_change(
        records, partner_id="partner-1", email=email, token=code, at=when, by="jo"
    )


def confirm(records, code="t-1", when=NOW):
    return process.confirm_contact(records, partner_id="partner-1", token=code, at=when, by="jo")


@pytest.mark.rule("M-74b")
def test_a_new_contact_counts_once_its_reader_confirmed_it(records):
    asked = ask(records)
    before = everything(records)
    assert ask(records) == asked
    assert everything(records) == before
    assert partner_now(records).service_email == "service@partner.example"
    (letter,) = records.letters.values()
    assert (letter.to, "t-1" in letter.text) == ("new@partner.example", True)
    assert "t-1" not in repr(records.load(ServiceContact, "partner-1"))
    contact = confirm(records, when=NOW + DAY)
    assert partner_now(records).service_email == "new@partner.example"
    assert contact.at(NOW) == "service@partner.example"
    assert contact.at(NOW + DAY) == "new@partner.example"
    told = [one for one in records.letters.values() if one.to == "service@partner.example"]
    assert "new@partner.example" in told[0].text
    before = everything(records)
    assert confirm(records, when=NOW + 9 * DAY) == contact
    assert everything(records) == before


@pytest.mark.rule("M-74b")
def test_each_further_contact_is_one_more_in_the_history(records):
    ask(records)
    confirm(records, when=NOW + DAY)
    ask(records, "third@partner.example", "t-2", NOW + 2 * DAY)
    contact = confirm(records, "t-2", NOW + 3 * DAY)
    assert [one.email for one in contact.history] == [
        "service@partner.example",
        "new@partner.example",
        "third@partner.example",
    ]
    assert contact.at(NOW + 2 * DAY) == "new@partner.example"
    assert confirm(records, "t-1", NOW + 4 * DAY).code == "unknown_token"


@pytest.mark.rule("M-74b")
@pytest.mark.parametrize(
    ("token", "after", "code"),
    [
        pytest.param("t-2", timedelta(), "unknown_token", id="another code"),
        pytest.param("", timedelta(), "unknown_token", id="no code"),
        pytest.param("t-1", timedelta(hours=72), None, id="the last instant"),
        pytest.param("t-1", timedelta(hours=72, seconds=1), "token_expired", id="a second late"),
    ],
)
def test_which_codes_confirm(records, token, after, code):
    ask(records)
    answer = confirm(records, token, NOW + after)
    assert getattr(answer, "code", None) == code
    is_changed = partner_now(records).service_email == "new@partner.example"
    assert is_changed is (code is None)


@pytest.mark.rule("M-74b")
def test_nothing_was_asked_so_nothing_is_confirmed(records):
    assert confirm(records).code == "unknown_token"


@pytest.mark.rule("M-74b")
@pytest.mark.parametrize(
    ("email", "code"),
    [
        pytest.param("", "invalid_address", id="nothing"),
        pytest.param("a@b", "invalid_address", id="no domain"),
        pytest.param("a@b.example, c@d.example", "invalid_address", id="two"),
        pytest.param("A <a@b.example>", "invalid_address", id="with a name"),
        pytest.param("a@b.example\nBcc: c@d.example", "invalid_address", id="a line more"),
        pytest.param("a" * 250 + "@b.example", "invalid_address", id="too long"),
        pytest.param("SERVICE@partner.example", "already_the_contact", id="the present one"),
    ],
)
def test_which_addresses_are_not_asked(records, email, code):
    assert ask(records, email).code == code
    assert records.letters == {}


MINUTE = timedelta(minutes=1)


@pytest.mark.rule("M-74c")
@pytest.mark.parametrize(
    ("second", "after", "letters"),
    [
        pytest.param("new@partner.example", timedelta(), 1, id="a form sent twice"),
        pytest.param(" NEW@partner.example ", MINUTE, 1, id="the same address, written otherwise"),
        pytest.param("new@partner.example", 2 * MINUTE, 2, id="again after two minutes"),
        pytest.param("other@partner.example", timedelta(), 2, id="another address at once"),
    ],
)
def test_how_many_codes_are_mailed_for_two_requests(records, second, after, letters):
    ask(records)
    answer = ask(records, second, "t-2", NOW + after)
    assert len(records.letters) == letters
    good = "t-1" if letters == 1 else "t-2"
    assert isinstance(confirm(records, good, NOW + after), ServiceContact)
    assert answer.asked.email.casefold() == second.strip().casefold()


@pytest.mark.rule("M-74c")
@pytest.mark.parametrize(
    ("at", "says"),
    [
        pytest.param(10 * MINUTE, "in 50 minutes", id="soon after"),
        pytest.param(59.5 * MINUTE, "in 1 minute", id="just before the hour is over"),
        pytest.param(60 * MINUTE, "", id="the hour is over"),
    ],
)
def test_a_fourth_code_within_the_hour_is_refused_whatever_the_address(records, at, says):
    for number in range(3):
        ask(records, f"{number}@partner.example", f"t-{number}", NOW + number * MINUTE)
    before = everything(records)
    answer = ask(records, "4@partner.example", "t-4", NOW + at)
    if not says:
        assert answer.asked.email == "4@partner.example"
        return
    assert (answer.rule, answer.code) == ("M-74c", "too_often")
    assert says in answer.because
    assert everything(records) == before
    assert isinstance(confirm(records, "t-2", NOW + at), ServiceContact), "the last code stays good"


@pytest.mark.rule("M-74b")
def test_mail_that_comes_back_is_a_person_s_task_until_the_contact_is_new(records):
    facts = {"partner_id": "partner-1", "at": NOW}
    other = process.record_contact_bounce(records, address="old@partner.example", **facts)
    assert other is None
    given = {"address": "Service@partner.example", **facts}
    assert twice(process.record_contact_bounce, records, **given).bounced_at == NOW
    (found,) = records.find(ServiceContact, by="task", value="correct_contact")
    assert found.record.id == "partner-1"
    ask(records)
    assert confirm(records).task == ""


# ---------------------------------------------------------------------- more work
def wish(records, when=NOW):
    return process.request_opt_in(
        records, partner_id="partner-1", says="two more crews", at=when, by="jo"
    )


def decide(records, request, state, reason="", by="rm-1"):
    return process.decide_opt_in(
        records, request_id=request.id, state=state, reason=reason, at=NOW, by=by
    )


@pytest.mark.rule("R-47")
def test_a_wish_for_more_work_is_the_relationship_manager_s_to_grant(records):
    request = wish(records)
    assert wish(records) == request
    assert request.relationship_manager_id == "rm-1"
    (letter,) = records.letters.values()
    assert (letter.to, "two more crews" in letter.text) == ("ria@owner.example", True)
    assert decide(records, request, OptInState.GRANTED, by="rm-2").code == "not_your_partner"
    assert not partner_now(records).opted_in
    granted = decide(records, request, OptInState.GRANTED)
    assert (granted.state, partner_now(records).opted_in) == (OptInState.GRANTED, True)
    before = everything(records)
    assert decide(records, request, OptInState.GRANTED) == granted
    assert everything(records) == before
    assert decide(records, request, OptInState.DECLINED, "no").code == "conflict"
    assert wish(records).code == "already_opted_in"


@pytest.mark.rule("R-47")
def test_a_refusal_says_why_and_the_partner_may_ask_again(records):
    request = wish(records)
    assert decide(records, request, OptInState.ASKED).state is OptInState.ASKED
    assert decide(records, request, OptInState.DECLINED, " ").code == "reason_missing"
    decide(records, request, OptInState.DECLINED, "not this year")
    assert not partner_now(records).opted_in
    told = [one for one in records.letters.values() if one.to == "service@partner.example"]
    assert "not this year" in told[0].text
    again = wish(records, NOW + DAY)
    assert again.id != request.id


@pytest.mark.rule("R-47")
def test_without_a_manager_the_wish_waits_for_any(records):
    stored = records.load(RelationshipManager, "rm-1")
    records.commit(Change(saves=(stored.replaced_by(replace(RM, is_active=False)),)))
    assert process.relationship_manager_of(records, "partner-1") is None
    request = wish(records)
    assert (request.relationship_manager_id, records.letters) == ("", {})
    assert decide(records, request, OptInState.GRANTED, by="rm-9").state is OptInState.GRANTED


# ---------------------------------------------------------------------- people and papers
HELD = (Certification("Sample Maker", "S-1", TODAY), Certification("Other", "O-1", TODAY - DAY))


@pytest.mark.rule("Q-79")
def test_what_technicians_are_certified_for_counts_on_the_day(records):
    jo = Technician("T-1", "partner-1", "Jo")
    process.register(records, jo, at=NOW, by="rm")
    facts = {"technician_id": "T-1", "is_active": True, "at": NOW, "by": "rm"}
    facts["partner_id"] = "partner-1"
    jo = twice(process.set_certifications, records, certifications=HELD, **facts)
    assert process.technicians_of(records, "partner-1") == (jo,)
    makers = fitness.certified_makers(PARTNER, (jo,), on=TODAY)
    assert makers == {"sample maker"}
    assert fitness.certified_makers(PARTNER, (jo,), on=TODAY + DAY) == set()
    gone = replace(jo, is_active=False)
    assert fitness.certified_makers(PARTNER, (gone,), on=TODAY) == set()
    told = replace(PARTNER, certifications=frozenset({"Tesla"}))
    assert fitness.certified_makers(told, (), on=TODAY) == {"tesla"}
    process.set_certifications(records, certifications=(), **facts)
    assert records.history("T-1")[-1].says.endswith("no certification")


@pytest.mark.rule("Q-79")
def test_of_two_certificates_the_longer_one_is_shown():
    longer = Certification("SAMPLE maker", "S-2", TODAY + DAY)
    jo = Technician("T-1", "partner-1", "Jo", (*HELD, longer))
    assert jo.certified_by("Sample Maker", on=TODAY) == longer
    assert jo.certified_by("Other", on=TODAY) is None


@pytest.mark.rule("Q-79")
@pytest.mark.parametrize(
    ("facts", "state", "is_fit"),
    [
        pytest.param({}, "NC", True, id="its word"),
        pytest.param({"licensed": False}, "NC", False, id="its word that it has none"),
        pytest.param({"licences": (Licence("NC", "1", TODAY),)}, "NC", True, id="its last day"),
        pytest.param(
            {"licences": (Licence("NC", "1", TODAY - DAY),)}, "NC", False, id="a day later"
        ),
        pytest.param({"licences": (Licence("NC", "1", TODAY),)}, "VA", False, id="elsewhere"),
        pytest.param(
            {"licences": (Licence("NC", "1", TODAY),), "licensed": False},
            "NC",
            False,
            id="barred all the same",
        ),
    ],
)
def test_who_is_licensed_on_a_day(facts, state, is_fit):
    assert fitness.is_licensed(replace(PARTNER, **facts), state=state, on=TODAY) is is_fit


@pytest.mark.rule("Q-79")
def test_licences_are_put_by_state_and_end_by_their_last_day(records):
    facts = {"partner_id": "partner-1", "at": NOW, "by": "rm"}
    one = Licence("NC", "1", TODAY)
    both = process.change_licences(records, licences=(one, one), **facts)
    assert both.code == "duplicate_state"
    assert twice(process.change_licences, records, licences=(one,), **facts).licences == (one,)
    assert process.change_licences(records, licences=(), **facts).code == "licences_missing"


@pytest.mark.rule("Q-79")
def test_insurance_holds_to_its_last_day():
    insured = replace(PARTNER, insured_until=TODAY)
    assert fitness.is_insured(insured, on=TODAY)
    assert not fitness.is_insured(insured, on=TODAY + DAY)


# ---------------------------------------------------------------------- the owner's own people
@pytest.mark.rule("R-46")
@pytest.mark.parametrize(
    ("minutes", "km", "cents"),
    [
        pytest.param(0, 0, 0, id="nothing"),
        pytest.param(60, 10, 9_670, id="an hour and ten kilometres"),
        pytest.param(1, 0, 150, id="a minute"),
        pytest.param(20, 0, 3_000, id="a third of an hour"),
    ],
)
def test_what_the_owner_s_own_people_cost(minutes, km, cents):
    card = RateCard(per_hour=Money(9_000), per_km=Money(67))
    own = replace(PARTNER, kind=PartnerKind.IN_HOUSE, rate_card=card)
    assert fitness.in_house_cost(own, minutes=minutes, km=km) == Money(cents)


@pytest.mark.rule("R-46")
@pytest.mark.parametrize(("per_hour", "cents"), [(1, 1), (59, 30), (29, 15)])
def test_half_a_cent_of_an_hour_goes_up(per_hour, cents):
    own = replace(PARTNER, rate_card=RateCard(Money(per_hour), Money(0)))
    assert fitness.in_house_cost(own, minutes=30, km=0) == Money(cents)


@pytest.mark.rule("R-46")
def test_a_price_list_is_needed_and_is_a_cost():
    with pytest.raises(BadInput, match="rate card"):
        replace(PARTNER, kind=PartnerKind.IN_HOUSE)
    with pytest.raises(BadInput, match="not both a cost"):
        RateCard(Money(1), Money(-1))
    with pytest.raises(BadInput, match="no such price"):
        fitness.in_house_cost(PARTNER, minutes=1, km=1)
    own = replace(PARTNER, rate_card=RateCard(Money(1), Money(1)))
    with pytest.raises(BadInput, match="no such price"):
        fitness.in_house_cost(own, minutes=-1, km=1)


# ---------------------------------------------------------------------- performance
def test_the_latest_performance_counts(records):
    facts = {"partner_id": "partner-1", "by": "scorecard"}
    noted = {"performance": 91, "as_of": NOW, **facts}
    assert twice(process.record_performance, records, **noted).performance == 91
    old = process.record_performance(records, performance=10, as_of=NOW - DAY, **facts)
    assert old.performance == 91
    assert process.record_performance(records, performance=0, as_of=NOW + DAY, **facts) == (
        partner_now(records)
    )
    for wrong in (-1, 101):
        with pytest.raises(BadInput, match="is not 0 to 100"):
            process.record_performance(records, performance=wrong, as_of=NOW, **facts)


# ---------------------------------------------------------------------- warranties
def void(records, kind=WarrantyKind.WORKMANSHIP, on=TODAY, reason="the roof was rebuilt"):
    return process.void_warranty(
        records, site_id="site-1", kind=kind, on=on, reason=reason, at=NOW, by="ams"
    )


@pytest.mark.rule("B-55")
def test_what_came_with_the_site_is_a_warranty_until_a_person_voids_it(records):
    known = process.warranties_of(records, SITE)
    assert known.warranties == (
        Warranty(WarrantyKind.WORKMANSHIP, date(2026, 5, 1), date(2036, 5, 1)),
    )
    assert process.workmanship_until(records, SITE) == date(2036, 5, 1)
    assert void(records, reason=" ").code == "reason_missing"
    assert void(records, WarrantyKind.PRODUCT).code == "conflict"
    voided = void(records)
    before = everything(records)
    assert void(records) == voided
    assert everything(records) == before
    assert voided.covers(WarrantyKind.WORKMANSHIP, TODAY - DAY)
    assert not voided.covers(WarrantyKind.WORKMANSHIP, TODAY)
    assert process.workmanship_until(records, SITE) == TODAY - DAY
    assert records.load(Site, "site-1").record == SITE
    assert records.load(SiteWarranties, "site-1").record == voided


@pytest.mark.rule("B-55")
def test_a_warranty_that_is_granted_stands_beside_what_came_with_the_site(records):
    roof = Warranty(WarrantyKind.ROOF_PENETRATION, TODAY, TODAY)
    given = {"site_id": "site-1", "warranty": roof, "at": NOW, "by": "ams"}
    known = twice(process.grant_warranty, records, **given)
    assert [one.kind.value for one in known.warranties] == ["workmanship", "roof_penetration"]
    assert known.covers(WarrantyKind.ROOF_PENETRATION, TODAY)
    assert not known.covers(WarrantyKind.ROOF_PENETRATION, TODAY + DAY)
    assert not known.covers(WarrantyKind.ROOF_PENETRATION, TODAY - DAY)
    assert process.warranties_of(records, SITE) == known


@pytest.mark.rule("B-55")
def test_a_site_may_come_without_any():
    sold = replace(SITE, workmanship_until=SITE.commissioned_on - DAY)
    assert fitness.warranties_on_record(sold, None).warranties == ()
    assert process.workmanship_until(MemoryRecords(), sold) == sold.workmanship_until
    with pytest.raises(BadInput, match="it ends on"):
        Warranty(WarrantyKind.SYSTEM, TODAY, TODAY - DAY)


# ---------------------------------------------------------------------- devices
def install(records, serial="SN-1"):
    device = Device(serial, "inverter", TODAY)
    facts = {"site_id": "site-1", "at": NOW, "by": "ams"}
    return process.install_equipment(records, device=device, **facts)


def exchange(records, old="sn-1", new="SN-2"):
    facts = {"site_id": "site-1", "on": TODAY + DAY, "at": NOW, "by": "ams"}
    return process.replace_equipment(records, old_serial=old, new_serial=new, **facts)


@pytest.mark.rule("P-71")
def test_a_device_goes_and_another_comes_in_its_place(records):
    known = install(records)
    before = everything(records)
    assert install(records) == known
    assert everything(records) == before
    assert install(records, " ").code == "serial_missing"
    facts = {"site_id": "site-1", "at": NOW, "by": "ams"}
    twin = process.install_equipment(records, device=Device("sn-1", "battery", TODAY), **facts)
    assert twin.code == "serial_known"
    assert exchange(records, "SN-9").code == "old_serial_unknown"
    after = exchange(records, "sn - 1")
    gone, came = after.devices
    assert (gone.removed_on, gone.replaced_by) == (TODAY + DAY, "SN-2")
    assert (came.serial, came.kind, after.present("SN-1")) == ("SN-2", "inverter", None)
    before = everything(records)
    assert exchange(records) == after
    assert everything(records) == before
    assert exchange(records, "SN-1", "SN-3").code == "old_serial_unknown"
    assert process.equipment_of(records, "site-1").record == after


@pytest.mark.rule("P-71")
def test_a_device_is_not_exchanged_for_what_is_there(records):
    install(records)
    install(records, "SN-2")
    assert exchange(records, "SN-1", "SN-2").code == "serial_known"
    assert records.load(Equipment, "site-1").record.present("SN-1")


@pytest.mark.rule("R-43")
def test_the_installer_is_changed_only_to_a_partner_and_with_a_reason(records):
    given = {"site_id": "site-1", "partner_id": "partner-1", "at": NOW, "by": "rm"}
    assert process.change_installer(records, reason=" ", **given).code == "reason_missing"
    site = twice(process.change_installer, records, reason="the builder closed", **given)
    assert (site.installer_id, site.answers_for_workmanship) == ("builder", "partner-1")
    (event,) = records.history("site-1")
    assert event.causes == ("builder", "partner-1")


def test_moments_before_the_history_have_no_contact():
    assert ServiceContact("partner-1").at(datetime(2026, 1, 1, tzinfo=UTC)) is None
