"""The console's queue: what waits for whom, in which pile, and where it leads."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloud.funding.extension import ExtensionRequest
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.proposals import Proposal
from cloud.service import process as service
from cloud.service.models import ReportedFamily
from tests.cloud.portal.homes_world import DANGER, Street
from tests.cloud.portal.pages_world import NOW
from tests.cloud.service.case_world import orders, put
from tests.cloud.service.test_service_process import FINDING

UNSURE = replace(FINDING, dispatchable=False)


@pytest.fixture
def street() -> Street:
    made = Street()
    made.world.owner_person("abe", "accounting_admin")
    made.world.owner_person("both", "spc", "accounting_admin")
    made.world.owner_person("ann", "admin")
    return made


def a_proposal(by: str) -> Proposal:
    return Proposal(
        id=derived("PR", by), kind="cancel_project", subject="PRJ-1", facts=(), because="sold",
        at=NOW - timedelta(days=2), by=by,
    )  # fmt: skip


def test_what_waits_is_told_with_its_page_its_rule_and_since_when(street):
    case = street.case(UNSURE, at=NOW - timedelta(days=4))
    page = street.world.page("amy", "/console")
    assert f'href="/console/cases/{case.id}">Decide whether somebody has to go' in page.text
    assert "4 d ago" in page.plain
    assert "D-15" in page.plain
    assert "No agreed day, the longest waiting first" in page.plain
    assert "Waiting in all 1 no emergency" in page.plain


def test_an_emergency_stands_before_everything(street):
    street.case(UNSURE, at=NOW - timedelta(days=9))
    danger = street.case(replace(DANGER, family="INVERTER"))
    page = street.world.page("sam", "/console").plain
    number = orders(street.records, danger)[0].id
    assert page.index(number) < page.index("Decide whether somebody")
    assert "1 emergency" in page


def test_what_the_person_prepared_is_marked_and_not_left_out(street):
    put(street.records, a_proposal("abe"))
    put(street.records, a_proposal("someone"))
    page = street.world.page("abe", "/console").plain
    assert page.count("You prepared it: another person decides") == 1
    assert "Prepared by you 1" in page
    assert "Waiting in all 2" in page


def test_filters_by_kind_and_by_role(street):
    put(street.records, a_proposal("abe"))
    case = street.case(UNSURE)
    everything = street.world.page("both", "/console").plain
    assert "Coordination (SPC) 1" in everything
    assert "Accounting admin 1" in everything
    of_spc = street.world.page("both", "/console?role=spc").plain
    assert case.site_id in of_spc
    assert "PRJ-1" not in of_spc
    of_kind = street.world.page("both", "/console?kind=decide_proposal").plain
    assert "PRJ-1" in of_kind
    assert "Decide whether" not in of_kind
    nothing = street.world.page("both", "/console?kind=nonsense").plain
    assert "Nothing of this kind waits" in nothing


def test_one_role_is_no_choice(street):
    street.case(UNSURE)
    assert "All roles" not in street.world.page("sam", "/console").plain


def test_an_auditor_sees_what_waits_for_anybody(street):
    put(street.records, a_proposal("abe"))
    street.case(UNSURE)
    page = street.world.page("otto", "/console").plain
    assert "PRJ-1" in page
    assert "Decide whether" in page
    assert "An auditor does nothing of it" in page


def test_nobody_has_to_do_anything(street):
    page = street.world.page("ann", "/console").plain
    assert "Nothing waits for you" in page
    street.case(UNSURE)
    assert "Nothing waits for you" in street.world.page("tess", "/console").plain


@pytest.mark.parametrize(
    ("start", "rows"),
    [
        pytest.param("", 50, id="the first page"),
        pytest.param("?from=50", 10, id="the second"),
        pytest.param("?from=51", 10, id="in the middle of it"),
        pytest.param("?from=99999999", 50, id="far too far"),
        pytest.param("?from=-1", 50, id="before the first"),
    ],
)
def test_a_long_queue_is_paged(street, start, rows):
    for number in range(60):
        street.case(replace(UNSURE, id=f"F-{number}", family=f"FAMILY_{number}"))
    page = street.world.page("amy", f"/console{start}")
    assert page.text.count("/console/cases/CASE-") == rows
    assert len(page.text) < 60_000


def test_a_request_for_help_leads_to_its_page_for_those_who_may_open_it(street):
    request = service.ask_for_help(
        street.records, name="Ann", email="a@b.example", phone="", address="9 Elm St",
        family=ReportedFamily.OTHER, is_grid_out=False, says="hum", at=NOW,
    )  # fmt: skip
    page = street.world.page("amy", "/console")
    assert f'href="/console/help/{request.id}"' in page.text
    assert request.id not in street.world.page("sam", "/console").text


@pytest.mark.parametrize(
    ("due", "pile"),
    [
        pytest.param(date(2026, 6, 5), "Late", id="last week"),
        pytest.param(date(2026, 6, 8), "Today", id="by the end of today, a Monday"),
        pytest.param(date(2026, 6, 14), "This week", id="by the end of Sunday"),
        pytest.param(date(2026, 6, 15), "Later", id="by the end of next Monday"),
        pytest.param(date(2026, 7, 1), "Later", id="next month"),
    ],
)
def test_what_is_due_stands_in_its_pile_with_its_amount(street, due, pile):
    request = ExtensionRequest(
        id="EXT-1", project_id="PRJ-1", partner_id="orig", programme="comfort", occurrence=0,
        fields=(), reason="weather", reason_text="", proof_reference="", by="ann",
        submitted_at=NOW - timedelta(days=6), decision_due_date=due, days=None,
        amount=Money(1_234_500),
    )  # fmt: skip
    put(street.records, request)
    page = street.world.page("abe", "/console").plain
    assert f"{pile} What is to be done" in page
    assert "$12,345.00" in page
    assert f"end of {due:%a, %b} {due.day}, 2026" in page
    assert "F12" in page


def test_what_is_due_today_stands_on_the_first_page_of_a_long_queue(street):
    for number in range(60):
        put(street.records, replace(a_proposal("someone"), id=f"PR-{number}"))
    request = ExtensionRequest(
        id="EXT-1", project_id="PRJ-1", partner_id="orig", programme="comfort", occurrence=0,
        fields=(), reason="weather", reason_text="", proof_reference="", by="ann",
        submitted_at=NOW, decision_due_date=date(2026, 6, 8), days=None, amount=Money(1),
    )  # fmt: skip
    put(street.records, request)
    page = street.world.page("abe", "/console").plain
    assert page.index("Today What is to be done") < page.index("No agreed day")
