"""The console's requests for help: matched to a home, made a case, or put away."""

from dataclasses import replace

import pytest

from cloud.service import process as service
from cloud.service.models import Case, CaseSource, HelpRequest, HelpState, ReportedFamily
from tests.cloud.portal.homes_world import Street
from tests.cloud.portal.pages_world import NOW
from tests.cloud.service.case_world import put

PATH = "/console/help"


@pytest.fixture
def street() -> Street:
    return Street()


def asked(street: Street, **differs: object) -> HelpRequest:
    """Have a customer write into the form what names no home."""
    said = {
        "name": "Ana Sample",
        "email": "else@where.example",
        "phone": "555-0100",
        "address": "1 Example Street, Raleigh",
        "family": ReportedFamily.NO_PRODUCTION,
        "is_grid_out": False,
        "says": "dark since Friday",
        **differs,
    }
    request = service.ask_for_help(street.records, at=NOW, **said)
    return service.match_help_request(street.records, request_id=request.id)


def now(street: Street, request: HelpRequest) -> HelpRequest:
    found = street.records.load(HelpRequest, request.id)
    assert found is not None
    return found.record


def test_requests_that_wait_are_listed_with_what_was_written(street):
    request = asked(street)
    page = street.world.page("amy", PATH)
    assert f"{PATH}/{request.id}" in page.text
    for words in ("Ana Sample", "dark since Friday", "Makes nothing", "Whose home is it"):
        assert words in page.plain


@pytest.mark.parametrize(
    ("state", "says"),
    [
        pytest.param("", "No request waits", id="none waits"),
        pytest.param("linked", "No request stands here", id="none was taken in"),
        pytest.param("nonsense", "No request stands here", id="no state"),
    ],
)
def test_an_empty_list_says_what_would_stand_there(street, state, says):
    assert says in street.world.page("otto", f"{PATH}?state={state}").plain


def test_homes_of_the_mail_address_are_offered_else_those_of_the_words(street):
    request = asked(street, email="N1@home.example ", address="1 Example, somewhere")
    page = street.world.page("amy", f"{PATH}/{request.id}").plain
    assert "11 Other Rd" in page
    assert "The same" in page
    assert "1 Example St, Raleigh NC" not in page
    other = asked(street, address="1 Example, somewhere")
    page = street.world.page("amy", f"{PATH}/{other.id}").plain
    assert "1 Example St, Raleigh NC" in page
    assert "Another" in page


def test_another_home_is_searched(street):
    request = asked(street)
    page = street.world.page("amy", f"{PATH}/{request.id}?q=12+Other").plain
    assert "12 Other Rd" in page
    nothing = street.world.page("amy", f"{PATH}/{request.id}?q=nowhere").plain
    assert "No home is known" in nothing


def test_a_request_becomes_a_report_of_the_home_that_a_person_found(street):
    request = asked(street)
    sent = street.world.send("amy", f"{PATH}/{request.id}/link", site_id="site-1")
    assert "a report of this case now" in street.world.after("amy", sent).plain
    linked = now(street, request)
    assert (linked.state, linked.site_id, linked.decided_by) == (HelpState.LINKED, "site-1", "amy")
    case = street.records.load(Case, linked.case_id)
    assert case is not None
    assert case.record.source is CaseSource.FORM
    again = street.world.send("amy", f"{PATH}/{request.id}/link", site_id="site-1")
    assert again.to == sent.to
    page = street.world.page("amy", f"{PATH}/{request.id}").plain
    assert "Open its case" in page
    assert "Whose home" not in page


def test_another_home_afterwards_is_refused_with_its_rule(street):
    request = asked(street)
    street.world.send("amy", f"{PATH}/{request.id}/link", site_id="site-1")
    sent = street.world.send("amy", f"{PATH}/{request.id}/link", site_id="site-n0")
    assert "Rule C-02" in street.world.after("amy", sent).plain


def test_a_home_that_is_not_there_is_not_linked(street):
    request = asked(street)
    assert street.world.send("amy", f"{PATH}/{request.id}/link", site_id="no-home").status == 404
    assert street.world.send("amy", f"{PATH}/{request.id}/link").status == 404
    assert now(street, request).state is HelpState.UNMATCHED


def test_a_request_is_put_away_for_a_reason(street):
    request = asked(street)
    nothing = street.world.send("amy", f"{PATH}/{request.id}/dismiss")
    assert nothing.status == 422
    assert "Say why" in nothing.plain
    sent = street.world.send("amy", f"{PATH}/{request.id}/dismiss", because="not our customer")
    assert "put away" in street.world.after("amy", sent).plain
    assert now(street, request).because == "not our customer"
    assert (
        "Put away by amy: not our customer"
        in street.world.page("amy", f"{PATH}/{request.id}").plain
    )


def test_words_from_outside_are_never_markup(street):
    request = asked(street, says="<img src=x>", name="<b>Ann</b>")
    page = street.world.page("amy", f"{PATH}/{request.id}").text
    assert "<img src=x>" not in page
    assert "<b>Ann" not in page


# ---- what is told by phone -----------------------------------------------------------------------


def test_a_report_begins_with_the_home(street):
    first = street.world.page("sam", f"{PATH}/report").plain
    assert "1. Which home" in first
    assert "In the customer" not in first
    found = street.world.page("sam", f"{PATH}/report?q=example").text
    assert f"{PATH}/report?site_id=site-1" in found
    assert "No home is found" in street.world.page("sam", f"{PATH}/report?q=nowhere").plain
    form = street.world.page("sam", f"{PATH}/report?site_id=site-1").plain
    assert "1 Example St, Raleigh NC" in form
    assert "In the customer" in form


TOLD = {
    "site_id": "site-1",
    "source": "phone",
    "family": "battery",
    "says": "the battery is warm",
    "reported_by": "Ana",
    "contact": "555-0100",
}


@pytest.mark.parametrize(
    ("differs", "is_emergency"),
    [
        pytest.param({}, False, id="a battery while the grid is up"),
        pytest.param({"is_grid_out": "yes"}, True, id="a battery while the grid is out"),
        pytest.param({"family": "thermal_event"}, True, id="smoke"),
        pytest.param({"family": "low_production"}, False, id="too little energy"),
    ],
)
def test_what_is_told_becomes_a_case(street, differs, is_emergency):
    sent = (
        street.world.send("sam", f"{PATH}/report", **TOLD, **{})
        if not differs
        else (street.world.send("sam", f"{PATH}/report", **{**TOLD, **differs}))
    )
    assert "Written down" in street.world.after("sam", sent).plain
    case = street.records.load(Case, sent.to.rpartition("/")[2])
    assert case is not None
    assert case.record.is_emergency is is_emergency
    assert case.record.reports[0].contact == "555-0100"


def test_the_same_told_twice_is_one_case(street):
    once = street.world.send("amy", f"{PATH}/report", **TOLD)
    twice = street.world.send("amy", f"{PATH}/report", **TOLD)
    assert once.to == twice.to
    case = street.records.load(Case, once.to.rpartition("/")[2])
    assert case is not None
    assert len(case.record.reports) == 1


@pytest.mark.parametrize(
    ("differs", "says"),
    [
        pytest.param({"says": ""}, "Write down what was told", id="nothing told"),
        pytest.param({"family": "weather"}, "Choose what it is about", id="no such trouble"),
        pytest.param({"source": "detection"}, "rule C-02", id="no way in which people report"),
        pytest.param({"source": "pigeon"}, "Choose how it was told", id="no such way"),
        pytest.param({"site_id": "no-home"}, "Find the home first", id="no such home"),
    ],
)
def test_a_report_that_is_wrong_is_shown_again(street, differs, says):
    answer = street.world.send("sam", f"{PATH}/report", **{**TOLD, **differs})
    assert answer.status == 422
    assert says in answer.plain
    if "site_id" not in differs:
        assert "555-0100" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "may"),
    [
        pytest.param("GET", PATH, {"amy", "otto"}, id="the list"),
        pytest.param("GET", PATH + "/{id}", {"amy", "otto"}, id="one request"),
        pytest.param("GET", PATH + "/report", {"amy", "sam"}, id="the form by phone"),
        pytest.param("POST", PATH + "/report", {"amy", "sam"}, id="a report"),
        pytest.param("POST", PATH + "/{id}/link", {"amy"}, id="link"),
        pytest.param("POST", PATH + "/{id}/dismiss", {"amy"}, id="put away"),
    ],
)
def test_who_may_do_what(street, method, path, may):
    request = asked(street)
    where = path.replace("{id}", request.id)
    for who in ("amy", "sam", "otto", "tess"):
        answer = street.world.page(who, where) if method == "GET" else street.world.send(who, where)
        assert (answer.status != 403) == (who in may), who


def test_a_request_that_is_not_there(street):
    assert street.world.page("amy", f"{PATH}/HR-NONE").status == 404


def test_a_long_list_says_how_many_stand_behind_it(street):
    for number in range(53):
        put(street.records, replace(asked(street), id=f"HR-{number}"))
    assert "4 more stand behind these" in street.world.page("amy", PATH).plain
