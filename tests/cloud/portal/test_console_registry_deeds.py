"""Registry deeds of the console: projects, plans, warranties, coordinators, funding days."""

from dataclasses import replace
from datetime import date

import pytest
from money_office import Office

from cloud.funding.published import PublishedDay
from cloud.invoicing.models import Invoice
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone, Partner, PaymentPlan, PlanShare, Project, Site
from cloud.portfolio.organisation import SiteWarranties
from cloud.service.models import Coordinator
from tests.cloud.portal.billing_world import BillingWorld
from tests.cloud.portal.money_street import site

NEW, PROJECTS = "/console/projects/new", "/console/projects"
PLANS, DAYS = "/console/payment_plans", "/console/funding_days"
HOME = "/console/homes/S-PRJ-1"
TOLD = {
    "project_id": "PRJ-9",
    "site_id": "S-PRJ-9",
    "partner_id": "P-A",
    "value": "30,000.00",
    "m1_basis": "",
    "programme": "",
    "share_M1": "80",
    "share_M2": "20",
}


@pytest.fixture
def office() -> Office:
    world = Office()
    world.owner_person("ann", "admin")
    world.owner_person("amy", "ams")
    world.save(site("PRJ-9", "Joe Home"))
    return world


# ---- projects ------------------------------------------------------------------------------------


def test_a_project_is_put_on_record_once_however_often_it_is_sent(office):
    filled = TOLD | {"inverters": "Fronius, IG 10, 2\n", "salesperson": "Kim"}
    page = office.told("pat", PROJECTS, **filled)
    assert "It is on record, and pays $30,000.00 in all." in page.plain
    made = office.get(Project, "PRJ-9")
    assert made.plan == (PlanShare(Milestone.M1, 8_000), PlanShare(Milestone.M2, 2_000))
    assert [(one.make, one.model, one.quantity) for one in made.inverters] == [
        ("Fronius", "IG 10", 2)
    ]
    office.told("pat", PROJECTS, **filled)
    assert len(office.messages("project_registered")) == 1


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param({"project_id": ""}, "Write its number.", id="no number"),
        pytest.param({"site_id": "S-X"}, "There is no home of that number", id="no such home"),
        pytest.param({"partner_id": "P-X"}, "Choose whose project it is.", id="no such partner"),
        pytest.param({"value": "much"}, "This is no amount", id="no amount"),
        pytest.param({"value": "0"}, "more than nothing", id="an amount of nothing"),
        pytest.param({"share_M2": "10"}, "Together they pay 90%", id="shares short of the whole"),
        pytest.param({"share_M2": "a"}, "Write a percentage", id="no percentage"),
        pytest.param({"programme": "luxury"}, "one of the programmes", id="no such programme"),
        pytest.param({"inverters": "Fronius"}, "This line is none", id="no inverter"),
        pytest.param({"inverters": "A, B, 0"}, "This line is none", id="not one inverter"),
        pytest.param({"inverters": "A, B\n" * 51}, "at most 50 lines", id="too many inverters"),
        pytest.param(
            {"share_M1": "", "share_M2": ""}, "has no payment plan", id="nobody says how it is paid"
        ),
    ],
)
def test_a_wrong_form_is_shown_again_with_what_was_typed(office, differs, says):
    page = office.send("pat", PROJECTS, **(TOLD | {"salesperson": "Kim Lee"} | differs))
    assert page.status == 422
    assert says in page.plain
    assert 'value="Kim Lee"' in page.text
    assert office.get(Project, "PRJ-9") is None


def test_a_number_that_is_taken_changes_no_other_project(office):
    office.project("PRJ-1")
    page = office.send("pat", PROJECTS, **(TOLD | {"project_id": "PRJ-1"}))
    assert "There is a project of that number already" in page.plain
    assert office.get(Project, "PRJ-1").site_id == "S-PRJ-1"


def test_a_project_is_corrected_until_its_plan_stands(office):
    office.project("PRJ-1", reached=())
    form = office.page("pat", f"{NEW}?project=PRJ-1")
    assert "Correct project PRJ-1" in form.plain
    assert 'value="30,000.00"' in form.text
    own = TOLD | {"changes": "PRJ-1", "site_id": "S-PRJ-1", "value": "31,000"}
    assert "It is corrected" in office.told("pat", PROJECTS, **own).plain
    assert office.get(Project, "PRJ-1").value == Money(31_000_00)
    office.project("PRJ-2")
    other = own | {"changes": "PRJ-2", "site_id": "S-PRJ-2"}
    page = office.send("pat", PROJECTS, **other)
    assert "its plan stands" in page.plain
    assert page.status == 422


@pytest.mark.parametrize("who", ["alan", "otto", "ron"])
def test_only_who_keeps_projects_puts_one_on_record(office, who):
    assert office.page(who, NEW).status == 403
    assert office.send(who, PROJECTS, **TOLD).status == 403
    assert office.page("pat", f"{NEW}?project=PRJ-X").status == 404


# ---- payment plans -------------------------------------------------------------------------------

PLAN = {
    "payment_plan_id": "PLAN-70-30",
    "programme": "comfort",
    "m1_basis": "install_approved",
    "share_NTP": "",
    "share_M1": "70",
    "share_M2": "30",
}


def test_a_plan_is_put_on_record_and_given_to_an_organisation(office):
    assert "PLAN-70-30 is on record" in office.told("ann", PLANS, **PLAN).plain
    assert [one.share_bps for one in office.get(PaymentPlan, "PLAN-70-30").shares] == [7_000, 3_000]
    to = "/console/partners/P-A/payment_plan"
    wrong = office.send("ann", to, payment_plan_id="PLAN-NONE")
    assert (wrong.status, "no payment plan of that name" in wrong.plain) == (422, True)
    page = office.told("ann", to, payment_plan_id="PLAN-70-30")
    assert "New projects of Alder Solar are paid by PLAN-70-30" in page.plain
    assert office.get(Partner, "P-A").payment_plan_id == "PLAN-70-30"
    for who in ("ann", "pat", "otto", "alan"):
        assert "PLAN-70-30" in office.page(who, PLANS).plain
    assert office.page("sam", PLANS).status == 403
    assert office.send("pat", PLANS, **PLAN).status == 403


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param({"share_M1": "", "share_M2": ""}, "at least one milestone", id="no share"),
        pytest.param({"share_M1": "70.5"}, "Together they pay 100.5%", id="more than the whole"),
        pytest.param({"payment_plan_id": ""}, "Give it a name.", id="no name"),
        pytest.param({"programme": "x"}, "Choose the programme.", id="no programme"),
        pytest.param({"m1_basis": "M2"}, "Choose what M1 comes with.", id="M1 comes with M2"),
    ],
)
def test_a_wrong_plan_keeps_what_was_typed(office, differs, says):
    page = office.send("ann", PLANS, **(PLAN | differs))
    assert page.status == 422
    assert says in page.plain
    assert office.get(PaymentPlan, "PLAN-70-30") is None


# ---- warranties ----------------------------------------------------------------------------------


def test_a_warranty_is_granted_and_voided_by_a_person(office):
    office.project("PRJ-1")
    to = f"{HOME}/warranties"
    dates = {"kind": "product", "starts_on": "2026-01-01", "ends_on": "2036-01-01"}
    assert "A product warranty is on record." in office.told("ann", to, **dates).plain
    page = office.told(
        "amy", f"{to}/void", void_kind="product", void_on="2026-12-10", void_reason="Rebuilt."
    )
    assert "The product warranty is void." in page.plain
    assert "Rebuilt." in page.plain
    kept = office.get(SiteWarranties, "S-PRJ-1").warranties
    assert {str(one.kind): one.voided_on for one in kept}["product"] == date(2026, 12, 10)


@pytest.mark.parametrize(
    ("to", "filled", "says"),
    [
        pytest.param(
            "",
            {"kind": "product", "starts_on": "2026-02-01", "ends_on": "2026-01-01"},
            "It ends before it begins.",
            id="it ends first",
        ),
        pytest.param("", {"kind": "x", "starts_on": "", "ends_on": "1"}, "no day", id="no day"),
        pytest.param(
            "/void",
            {"void_kind": "roof_penetration", "void_on": "2026-02-01", "void_reason": "No."},
            "warranty of site S-PRJ-1 holds on",
            id="none holds that day",
        ),
        pytest.param("/void", {"void_kind": "product"}, "Say why", id="no reason"),
    ],
)
def test_a_wrong_warranty_changes_nothing(office, to, filled, says):
    office.project("PRJ-1")
    page = office.send("ann", f"{HOME}/warranties{to}", **filled)
    assert page.status == 422
    assert says in page.plain
    assert office.get(SiteWarranties, "S-PRJ-1") is None


def test_another_partner_answers_for_the_workmanship(office):
    office.project("PRJ-1")
    to = f"{HOME}/installer"
    wrong = office.send("ron", to, installer_id="P-S", installer_reason="")
    assert (wrong.status, "Say why" in wrong.plain) == (422, True)
    page = office.told("ron", to, installer_id="P-S", installer_reason="Alder left the state.")
    assert "Alder South answers for it" in page.plain
    assert office.get(Site, "S-PRJ-1").answers_for_workmanship == "P-S"
    assert office.page("otto", f"{HOME}/warranties").status == 200
    assert office.page("alan", f"{HOME}/warranties").status == 403
    assert office.page("ann", "/console/homes/S-NONE/warranties").status == 404


# ---- funding days --------------------------------------------------------------------------------


def test_another_day_is_announced_and_taken_back(office):
    page = office.page("tess", DAYS)
    assert "Announce it" not in page.plain
    page = office.told("ada", DAYS, regular_date="2026-12-15", alternative_date="2026-12-16")
    assert "The run of December 15 is paid on December 16" in page.plain
    (day,) = office.records.find(PublishedDay, by="programme", value="comfort")
    assert day.record.alternative_date == date(2026, 12, 16)
    assert "Take an announcement back" in page.plain
    page = office.told(
        "ada", f"{DAYS}/withdraw", withdrawn_date="2026-12-15", withdrawn_because="Not needed."
    )
    assert "keeps its own day" in page.plain
    assert "Taken back" in page.plain


@pytest.mark.parametrize(
    ("filled", "says"),
    [
        pytest.param({}, "Choose the run.", id="nothing chosen"),
        pytest.param(
            {"regular_date": "2026-12-15", "alternative_date": "2026-12-19"},
            "banks are closed",
            id="a Saturday",
        ),
        pytest.param(
            {"regular_date": "2026-12-03", "alternative_date": "2026-12-04"},
            "was cut off",
            id="a run that was cut off",
        ),
    ],
)
def test_a_day_that_cannot_be_is_refused(office, filled, says):
    page = office.send("ada", DAYS, **filled)
    assert page.status == 422
    assert says.casefold() in page.plain.casefold()
    assert not office.records.find(PublishedDay, by="programme", value="comfort")
    assert office.send("alan", DAYS, **filled).status == 403


# ---- coordinators --------------------------------------------------------------------------------


@pytest.fixture
def service() -> BillingWorld:
    world = BillingWorld()
    for name, group in (("ann", "admin"), ("otto", "auditor"), ("spc_1", "spc"), ("amy", "ams")):
        world.owner_person(name, group)
    world.put(Coordinator("spc_2", "Pia", "pia@owner.example"))
    return world


PEOPLE = "/console/coordinators"


def test_invoices_follow_who_stands_in(service):
    invoice = service.submitted()
    row = service.page("otto", PEOPLE).plain
    assert "Sam" in row
    page = service.after(
        "ann",
        service.send("ann", f"{PEOPLE}/spc_1/presence", presence="away", delegate_id="spc_2"),
    )
    assert "Sam is away; the invoices to decide on follow." in page.plain
    assert "Pia" in page.plain
    assert service.records.load(Invoice, invoice.id).record.routed_to == "spc_2"
    one = service.page("spc_1", f"{PEOPLE}/spc_1").plain
    assert "Pia" in one
    assert "An administrator says otherwise." in one


@pytest.mark.parametrize(
    ("filled", "says"),
    [
        pytest.param({"presence": ""}, "Say whether", id="nothing said"),
        pytest.param({"presence": "away", "delegate_id": "spc_1"}, "themselves", id="themselves"),
        pytest.param({"presence": "away", "delegate_id": "x"}, "There is no", id="nobody known"),
    ],
)
def test_a_wrong_word_changes_nothing(service, filled, says):
    before = service.records.load(Coordinator, "spc_1").record
    page = service.send("ann", f"{PEOPLE}/spc_1/presence", **filled)
    assert (page.status, says in page.plain) == (422, True)
    assert service.records.load(Coordinator, "spc_1").record == before


def test_who_may_look_at_coordinators(service):
    assert service.send("spc_1", f"{PEOPLE}/spc_1/presence", presence="away").status == 403
    assert service.page("amy", PEOPLE).status == 403
    assert service.page("ann", f"{PEOPLE}/nobody").status == 404
    assert service.send("ann", f"{PEOPLE}/nobody/presence", presence="away").status == 404
    assert "No coordinator signs in as nobody" in service.page("ann", f"{PEOPLE}?q=nobody").plain
    service.change(replace(service.records.load(Coordinator, "spc_2").record, is_active=False))
    assert "Pia" in service.page("ann", f"{PEOPLE}?q=spc_2").plain
