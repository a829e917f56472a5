"""Finding a home by what people know of it, and what a search reads."""

from dataclasses import replace
from datetime import date

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone, PlanShare, Project
from cloud.portfolio.organisation import Device, Equipment
from cloud.reporting.home_search import MOST, homes_like
from tests.cloud.portal.homes_world import Street
from tests.cloud.service.case_world import put

TODAY = date(2026, 6, 8)


@pytest.fixture
def street() -> Street:
    made = Street(neighbours=3)
    gone = Device("OLD-1", "inverter", TODAY, removed_on=TODAY, replaced_by="NEW-1")
    put(made.records, Equipment("site-n1", (gone, Device("NEW-1", "inverter", TODAY))))
    plan = (PlanShare(Milestone.M1, 10_000),)
    put(made.records, Project("PRJ-7", "site-n2", "orig", Money(100), plan))
    put(made.records, Project("PRJ-8", "site-gone", "orig", Money(100), plan))
    return made


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param("site-1", ["site-1"], id="its id"),
        pytest.param("gw-n0", ["site-n0"], id="its gateway"),
        pytest.param("N0@Home.example", ["site-n0"], id="a mail address, however written"),
        pytest.param("prj-7", ["site-n2"], id="its project, in small letters"),
        pytest.param("PRJ-8", [], id="a project of a home that is not there"),
        pytest.param("1 example", ["site-1"], id="words of its address"),
        pytest.param("raleigh, other", ["site-n0", "site-n1", "site-n2"], id="in any order"),
        pytest.param("neighbour 2", ["site-n2"], id="its customer"),
        pytest.param("new-1", ["site-n1"], id="a serial number"),
        pytest.param(" OLD -1", ["site-n1"], id="one that went, with the spaces people add"),
        pytest.param("NEW-", [], id="half a serial number"),
        pytest.param("nobody", [], id="nothing on record"),
        pytest.param("   ", [], id="nothing said"),
    ],
)
def test_what_people_know(street, said, found):
    assert sorted(one.id for one in homes_like(street.records, said, on=TODAY)) == found


def test_a_home_by_its_name_is_found_without_reading_the_others(street, monkeypatch):
    asked = []
    find = MemoryRecords.find
    monkeypatch.setattr(
        MemoryRecords,
        "find",
        lambda self, kind, *, by, value: asked.append(by) or find(self, kind, by=by, value=value),
    )
    homes_like(street.records, "site-1", on=TODAY)
    homes_like(street.records, "gw-n0", on=TODAY)
    assert "utc_offset_hours" not in asked


def test_a_search_that_means_many_gives_the_first_by_their_addresses():
    street = Street(neighbours=0)
    for number in range(MOST + 5):
        put(
            street.records,
            replace(street.site, id=f"site-{number:03}x", address=f"{number:03} Long Rd, Raleigh"),
        )
    found = homes_like(street.records, "long rd", on=TODAY)
    assert len(found) == MOST
    assert found[0].address.startswith("000")


def test_an_empty_register_has_no_home():
    assert homes_like(MemoryRecords(), "SN-1", on=TODAY) == ()
