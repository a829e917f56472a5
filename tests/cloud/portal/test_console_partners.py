"""The console's partners: found, shown by who may know what, and kept."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import NEW, Change, Save
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import ApiClient, Licence, Partner
from cloud.portfolio.organisation import (
    Certification,
    ContactPeriod,
    OptInState,
    RelationshipManager,
    ServiceContact,
    Technician,
)
from cloud.portfolio.papers import DocumentKind, PartnerDocument, PartnerPerson
from tests.cloud.portal.money_street import Street
from tests.cloud.portal.orders_world import ALDER, OTHER, OrdersWorld
from tests.cloud.portal.pages_world import NOW, World
from tests.cloud.portal.partners_world import a_partner

HERE = "/console/partners"
OWN = f"{HERE}/{ALDER}"
SMALL = "P-CEDAR"


class Partners(OrdersWorld):
    """Alder has a work order, Birch is there as well, Cedar does its own work only."""

    def __init__(self) -> None:
        super().__init__()
        for name, *groups in (
            ("sam", "spc"),
            ("ron", "relationship_manager"),
            ("alan", "accounting"),
            ("otto", "auditor"),
            ("ann", "admin"),
            ("tess", "treasury"),
        ):
            self.owner_person(name, *groups)
        self.put(
            a_partner(SMALL, opted_in=False),
            a_partner("P-GONE", active=False),
            a_partner("P-TRIED", mode="test"),
            Technician("T-1", ALDER, "Jo Field", (Certification("Enphase", "E-9", LAST_YEAR),)),
            ApiClient("client-alder", ALDER),
            PartnerDocument("DOC-1", ALDER, DocumentKind.W9, "papers/w9.pdf", NOW, "ines"),
            ServiceContact(ALDER, (ContactPeriod("old@alder.example", NOW, None, "ines"),)),
            RelationshipManager("ron", "Ron Bellamy", "ron@owner.example", (ALDER, SMALL)),
        )

    def partner(self, partner_id: str = ALDER) -> Partner:
        return self.records.load(Partner, partner_id).record

    def wish(self) -> str:
        made = portfolio.request_opt_in(
            self.records, partner_id=SMALL, says="we have two crews", at=self.now, by="cy"
        )
        return made.id


LAST_YEAR = date(2025, 12, 31)


@pytest.fixture
def world() -> Partners:
    return Partners()


@pytest.fixture(scope="module")
def read() -> Partners:
    """A world that nothing is changed in."""
    return Partners()


# ---- the list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", {ALDER, OTHER, SMALL}, id="those that work"),
        pytest.param("q=alder", {ALDER}, id="a part of the name"),
        pytest.param("q=p-birch", {OTHER}, id="the id in small letters"),
        pytest.param("q=service@birch.example", {OTHER}, id="the mail address"),
        pytest.param("state=nc", {ALDER, OTHER}, id="the state"),
        pytest.param("show=inactive", {"P-GONE"}, id="not active"),
        pytest.param("show=tried", {"P-TRIED"}, id="tried out"),
        pytest.param("show=lacking", {ALDER, OTHER, SMALL}, id="papers missing"),
        pytest.param("q=nobody", set(), id="nobody"),
    ],
)
def test_a_partner_is_found_by_what_people_know(read, query, found):
    page = read.page("sam", f"{HERE}?{query}")
    known = {ALDER, OTHER, SMALL, "P-GONE", "P-TRIED"}
    assert {one for one in known if f'href="{HERE}/{one}"' in page.text} == found


def test_the_list_counts_what_is_open_and_late_and_names_what_is_missing(world):
    assert "Alder Solar P-ALDER 80 of 100 1 of 20 none" in world.page("sam", HERE).plain
    world.wait(timedelta(days=9))
    world.owner_person("sid", "spc")  # the sessions of that day are over
    late = world.page("sid", HERE).plain
    assert "Alder Solar P-ALDER 80 of 100 1 of 20 ✖ 1 late" in late
    assert "W-9 missing" in late


def test_what_has_ended_is_told(world):
    world.change(
        replace(
            world.partner(), licences=(Licence("NC", "L-1", LAST_YEAR),), insured_until=LAST_YEAR
        )
    )
    page = world.page("sam", HERE).plain
    assert "Licence of NC ended" in page
    assert "Insurance ended" in page


# ---- who sees what -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "sees", "not_shown"),
    [
        pytest.param(
            "sam",
            ["Open work orders", "Service contact"],
            ["Money held back", "People and programs", "Papers None", "Make it a part of"],
            id="coordination",
        ),
        pytest.param(
            "ron",
            ["Open work orders", "People and programs", "W-9", "Wishes for more work"],
            ["Money held back", "Make it a part of"],
            id="relationship manager",
        ),
        pytest.param(
            "alan",
            ["Money held back, and why", "W-9"],
            ["Open work orders", "People and programs", "Service contact"],
            id="accounting",
        ),
        pytest.param(
            "otto",
            ["Money held back", "Open work orders", "People and programs", "••••6789"],
            ["Make it a part of"],
            id="auditor",
        ),
        pytest.param("ann", ["Make it a part of"], ["Money held back", "6789"], id="admin"),
    ],
)
def test_each_role_sees_its_parts(read, who, sees, not_shown):
    page = read.page(who, OWN).plain
    assert [one for one in sees if one not in page] == []
    assert [one for one in not_shown if one in page] == []
    assert "123456789" not in page


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        pytest.param("tess", HERE, 403, id="treasury"),
        pytest.param("alan", f"{OWN}/people", 403, id="accounting sees no people"),
        pytest.param("sam", f"{OWN}/people", 403, id="coordination sees no people"),
        pytest.param("otto", f"{OWN}/technicians/T-1", 403, id="an auditor changes nothing"),
        pytest.param("ron", f"{HERE}/{OTHER}/technicians/T-1", 404, id="another's technician"),
        pytest.param("sam", f"{HERE}/P-NONE", 404, id="nobody of that id"),
        pytest.param("sam", "/console/opt_ins", 403, id="coordination decides no wish"),
        pytest.param("ron", "/console/opt_ins/OPT-NONE", 404, id="no such wish"),
    ],
)
def test_what_is_not_theirs_is_not_shown(read, who, path, status):
    assert read.page(who, path).status == status


DEEDS = [
    ("licences", "ron ann"),
    ("technicians", "ron ann"),
    ("technicians/T-1", "ron ann"),
    ("people", "ron ann"),
    ("people/bo/retire", "ron ann"),
    ("people/bo/grant", "ann"),
    ("people/ines/revoke", "ann"),
    ("people/client-alder/stop", "ron ann"),
    ("people/client-alder/resume", "ron ann"),
    ("parent", "ann"),
]


@pytest.mark.parametrize(("deed", "may"), DEEDS, ids=[one for one, _ in DEEDS])
def test_deeds_are_for_the_roles_of_the_interface(read, deed, may):
    for who in ("sam", "ron", "alan", "otto", "ann", "tess"):
        if who not in may.split():
            assert read.send(who, f"{OWN}/{deed}").status == 403, who


# ---- one partner ---------------------------------------------------------------------------------


def test_the_page_tells_what_it_has_to_do_and_who_looks_after_it(read):
    page = read.page("sam", OWN)
    assert read.number in page.plain
    assert "Ron Bellamy" in page.plain
    assert "old@alder.example" in page.plain
    assert f'data-load="{OWN}/figures"' in page.text
    piece = read.page("sam", f"{OWN}/figures")
    assert "Offers answered in time" in piece.plain
    assert "<h1" not in piece.text
    assert "Offers answered in time" in read.page("sam", f"{OWN}/scorecard").plain
    assert "offered no work order" in read.page("sam", f"{HERE}/{SMALL}/figures").plain


def test_money_that_waits_is_told_by_why():
    street = Street()
    street.owner_person("alan", "accounting")
    assert "Nothing that it earned is held back." in street.page("alan", f"{HERE}/P-A").plain
    street.earns_m1("PRJ-1")
    street.earns_m1("PRJ-2")
    held = replace(street.get(Partner, "P-A"), w9_on_file=False)
    street.save(held)
    page = street.page("alan", f"{HERE}/P-A").plain
    assert "The W-9 is missing 2 $48,000.00" in page


def test_an_organisation_becomes_a_part_and_stands_by_itself_again(world):
    sent = world.send("ann", f"{HERE}/{SMALL}/parent", parent_id=ALDER)
    assert "is a part of it now" in world.after("ann", sent).plain
    assert world.partner(SMALL).parent_id == ALDER
    assert "Cedar Solar" in world.page("sam", OWN).plain
    refused = world.send("ann", f"{OWN}/parent", parent_id=OTHER)
    assert refused.status == 422
    assert "Rule P-84" in refused.plain
    world.send("ann", f"{HERE}/{SMALL}/parent", parent_id="")
    assert world.partner(SMALL).parent_id == ""


# ---- wishes --------------------------------------------------------------------------------------


def test_a_wish_is_shown_granted_and_then_no_longer_waits(world):
    wish = world.wish()
    assert "1 wish for more work" in world.page("ron", HERE).plain
    assert "we have two crews" in world.page("ron", "/console/opt_ins").plain
    assert "we have two crews" in world.page("otto", f"/console/opt_ins/{wish}").plain
    sent = world.send("ron", f"/console/opt_ins/{wish}", state="granted")
    assert "It is granted" in world.after("ron", sent).plain
    assert world.partner(SMALL).opted_in
    assert "No wish waits" in world.page("ron", "/console/opt_ins").plain


def test_a_wish_that_is_declined_says_why(world):
    wish = world.wish()
    path = f"/console/opt_ins/{wish}"
    wrong = world.send("ron", path, state="declined")
    assert wrong.status == 422
    assert "Say why: the partner reads it." in wrong.plain
    world.send("ron", path, state="declined", reason="too few technicians")
    page = world.page("ron", path).plain
    assert "too few technicians" in page
    assert "Decide" not in page
    refused = world.send("ron", path, state="granted")
    assert refused.status == 422
    assert f"stands as {OptInState.DECLINED}" in refused.plain
    world.owner_person("rita", "relationship_manager")
    assert "Rule R-47" in world.send("rita", path, state="granted").plain


def test_a_manager_is_put_on_record_once(world):
    form = {
        "name": "Rita", "relationship_manager_id": "rita", "email": "rita@owner.example",
        "partner_ids": [OTHER],
    }  # fmt: skip
    sent = world.send("ann", f"{HERE}/managers", **form)
    assert "Rita looks after 1 partners" in world.after("ann", sent).plain
    again = world.send("ann", f"{HERE}/managers", **(form | {"email": "other@owner.example"}))
    assert again.status == 422
    assert "is on record already" in again.plain
    wrong = world.send("ann", f"{HERE}/managers", name="Kim", email="kim")
    assert wrong.status == 422
    assert 'value="Kim"' in wrong.text
    assert world.send("ron", f"{HERE}/managers", **form).status == 403


# ---- licences and technicians --------------------------------------------------------------------


def test_licences_are_put_one_a_state(world):
    rows = {
        "name_0": "nc", "number_0": "L-1", "ends_0": "2027-03-31",
        "name_2": "SC", "number_2": "L-2", "ends_2": "2027-06-30",
    }  # fmt: skip
    sent = world.send("ron", f"{OWN}/licences", **rows)
    assert "The licences are on record." in world.after("ron", sent).plain
    assert [one.state for one in world.partner().licences] == ["NC", "SC"]
    twice = world.send("ron", f"{OWN}/licences", **(rows | {"name_2": "NC"}))
    assert twice.status == 422
    assert "Rule Q-79" in twice.plain
    assert 'value="L-2"' in twice.text
    none_left = world.send("ron", f"{OWN}/licences")
    assert "kept with its last day" in none_left.plain


@pytest.mark.parametrize(
    ("row", "says"),
    [
        pytest.param({"name_0": "N1"}, "two letters", id="no state"),
        pytest.param({"number_0": ""}, "Write the number", id="no number"),
        pytest.param({"ends_0": "soon"}, "This is no day", id="no day"),
    ],
)
def test_a_licence_that_cannot_be_read_keeps_what_was_typed(world, row, says):
    rows = {"name_0": "NC", "number_0": "L-1", "ends_0": "2027-03-31"} | row
    page = world.send("ron", f"{OWN}/licences", **rows)
    assert page.status == 422
    assert says in page.plain
    assert world.partner().licences == ()
    kept = [value for value in rows.values() if value]
    assert [one for one in kept if f'value="{one}"' not in page.text] == []


def test_a_technician_is_put_on_record_and_certified(world):
    form = {
        "name": "Ada Rope", "technician_id": "T-2", "is_active": "yes",
        "name_0": "Tesla", "number_0": "T-77", "ends_0": "2027-01-31",
    }  # fmt: skip
    world.send("ron", f"{OWN}/technicians", **form)
    made = world.records.load(Technician, "T-2").record
    assert (made.partner_id, made.certifications[0].manufacturer) == (ALDER, "Tesla")
    page = world.page("otto", f"{OWN}/fitness").plain
    assert "Ada Rope T-2 Tesla T-77" in page
    assert "Enphase E-9 Wed, Dec 31, 2025 ✖ Ended" in page
    taken = world.send("ron", f"{OWN}/technicians", **(form | {"name": "Somebody else"}))
    assert taken.status == 422
    assert "known by that already" in taken.plain
    world.send(
        "ron", f"{OWN}/technicians/T-2", name_0="Tesla", number_0="T-78", ends_0="2028-01-31"
    )
    after = world.records.load(Technician, "T-2").record
    assert (after.is_active, after.certifications[0].number) == (False, "T-78")


# ---- people and programs -------------------------------------------------------------------------


def test_a_person_comes_gets_the_role_loses_it_and_goes(world):
    own = f"{HERE}/{SMALL}/people"
    assert "Nobody is on record" in world.page("ron", own).plain
    world.send("ron", own, name="Cy Cedar", person_id="cy", email="cy@cedar.example")
    assert "Cy Cedar cy" in world.page("otto", own).plain
    world.send("ann", f"{own}/cy/grant")
    assert world.records.load(PartnerPerson, "cy").record.roles == {"accounting_admin"}
    refused = world.after("ron", world.send("ron", f"{own}/cy/retire")).plain
    assert "take that first" in refused
    assert "Rule P-80" in refused
    world.send("ann", f"{own}/cy/revoke")
    world.send("ron", f"{own}/cy/retire")
    assert not world.records.load(PartnerPerson, "cy").record.is_active


def test_a_person_of_another_partner_is_not_reached_through_this_one(world):
    for deed, who in (("retire", "ron"), ("grant", "ann"), ("revoke", "ann")):
        assert world.send(who, f"{HERE}/{OTHER}/people/bo/{deed}").status == 404
    assert world.send("ron", f"{HERE}/{OTHER}/people/client-alder/stop").status == 404
    assert world.send("ron", f"{OWN}/people/bo/stop").status == 404


def test_a_name_that_is_taken_or_missing_is_told(world):
    taken = world.send("ron", f"{OWN}/people", name="Other", person_id="bo", email="o@x.example")
    assert taken.status == 422
    assert "names somebody else already" in taken.plain
    wrong = world.send("ron", f"{OWN}/people", name="Kim", person_id="", email="kim")
    assert wrong.status == 422
    assert "This is no mail address." in wrong.plain
    assert 'value="Kim"' in wrong.text


def test_a_program_is_stopped_and_may_call_again(world):
    own = f"{OWN}/people"
    world.send("ron", f"{own}/client-alder/stop")
    assert world.records.load(ApiClient, "client-alder").record.is_stopped
    assert "Stopped" in world.page("otto", own).plain
    world.send("ron", f"{own}/client-alder/resume")
    assert not world.records.load(ApiClient, "client-alder").record.is_stopped


def test_a_house_without_partners_says_what_will_stand_there():
    empty = World()
    empty.owner_person("sam", "spc")
    assert "No partner is on record" in empty.page("sam", HERE).plain
    assert "Nobody looks after partners yet" in empty.page("sam", f"{HERE}/managers").plain


def test_a_long_list_comes_in_pages():
    many = Partners()
    for number in range(60):
        save = Save(a_partner(f"P-{number:03d}", name=f"Wide {number:03d}"), NEW)
        many.records.commit(Change(saves=(save,)))
    seen, path = [], HERE
    while path:
        page = many.page("sam", path).text
        seen.append(re.findall(r"Wide (\d{3})", page))
        path = next(iter(re.findall(r'rel="next" href="([^"]+)"', page)), "").replace("&amp;", "&")
    assert all(len(one) <= 25 for one in seen)
    assert [one for page in seen for one in page] == [f"{number:03d}" for number in range(60)]
    assert "From the beginning" in page


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_text_in_a_form_is_taken_or_sent_back(one, two, three):
    world = Partners()
    row = {"name_0": one, "number_0": two, "ends_0": three}
    wish = f"/console/opt_ins/{world.wish()}"
    for who, path, fields in (
        ("ron", f"{OWN}/licences", row),
        ("ron", f"{OWN}/technicians", row | {"name": two, "technician_id": one}),
        ("ron", f"{OWN}/people", {"name": one, "person_id": two, "email": three}),
        ("ann", f"{OWN}/parent", {"parent_id": one}),
        ("ann", f"{HERE}/managers", {"name": one, "relationship_manager_id": two, "email": three}),
        ("ron", wish, {"state": one, "reason": two}),
    ):
        assert world.send(who, path, **fields).status in {303, 422}, path


class Counted(MemoryRecords):
    """Records that count how often they are asked."""

    asked = 0

    def load(self, kind, record_id):
        self.asked += 1
        return super().load(kind, record_id)

    def load_all(self, kind, record_ids):
        self.asked += 1
        return super().load_all(kind, record_ids)

    def find(self, kind, *, by, value):
        self.asked += 1
        return super().find(kind, by=by, value=value)

    def history(self, subject):
        self.asked += 1
        return super().history(subject)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        pytest.param(HERE, 8, id="the list: one question a partner"),
        pytest.param(OWN, 30, id="an auditor sees every part of a partner"),
        pytest.param(f"{OWN}/fitness", 4, id="licences and technicians"),
        pytest.param(f"{OWN}/people", 4, id="people and programs"),
    ],
)
def test_a_page_asks_few_questions(path, most):
    records = Counted()
    world = OrdersWorld(records)
    world.owner_person("otto", "auditor")
    records.asked = 0
    assert world.page("otto", path).status == 200
    assert records.asked <= most
