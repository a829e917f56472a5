"""All of the console's pages of service: what any text does to them, and what browsers allow."""

import itertools
import re
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.service import process as service
from cloud.service.models import ReportedFamily
from tests.cloud.portal.homes_world import DANGER, FAULT_TOLD, Street, days
from tests.cloud.portal.pages_world import NOW

ANY = st.text(max_size=60)
FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def street() -> Street:
    made = Street()
    made.judged(days(), told=[FAULT_TOLD], inputs=True)
    made.sends()
    made.danger = made.case(DANGER)
    made.request = service.ask_for_help(
        made.records, name="Ann", email="a@b.example", phone="", address="1 Example St",
        family=ReportedFamily.OTHER, is_grid_out=False, says="hum", at=NOW,
    )  # fmt: skip
    return made


PAGES = [
    "/console",
    "/console/cases",
    "/console/cases/{case}",
    "/console/emergencies",
    "/console/homes",
    "/console/homes?q=other",
    "/console/homes/site-1",
    "/console/homes/site-1/gateway",
    "/console/help",
    "/console/help/{request}",
    "/console/help/report",
    "/console/help/report?site_id=site-1",
]


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_keeps_to_what_browsers_allow_and_can_be_read_aloud(street, path):
    where = path.format(case=street.danger.id, request=street.request.id)
    answer = street.world.page("amy", where)
    assert answer.status == 200
    tags = Tags(answer.text)
    assert "<style" not in answer.text
    assert not [
        one for _, one in tags.found if "style" in one or any(name[:2] == "on" for name in one)
    ]
    assert len(tags.of("h1")) == 1
    levels = [int(one) for one in re.findall(r"<h([1-6])", answer.text.partition("<main")[2])]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = [one["id"] for _, one in tags.found if one.get("id")]
    assert len(ids) == len(set(ids))
    labelled = {one.get("for") for one in tags.of("label")}
    fields = [*tags.of("input"), *tags.of("select"), *tags.of("textarea")]
    unnamed = [one for one in fields if one.get("type") != "hidden" and one["id"] not in labelled]
    assert unnamed == []
    for one in tags.of("form"):
        assert one.get("action", "").startswith("/console")
    drawn = [one for one in tags.of("svg") if one.get("role") != "img"]
    assert drawn == []
    assert len(answer.text) < 60_000


@FEW
@given(ANY, ANY)
def test_any_text_in_a_question_is_answered(street, one, other):
    for path, name in (
        ("/console", "kind"),
        ("/console", "from"),
        ("/console/cases", "q"),
        ("/console/cases", "state"),
        ("/console/homes", "q"),
        ("/console/help", "state"),
        ("/console/help/report", "site_id"),
        ("/console/emergencies", "case"),
    ):
        asked = f"{path}?{name}={quote(one)}&tier={quote(other)}&task={quote(other)}"
        assert street.world.page("amy", asked).status == 200


@FEW
@given(ANY.filter(lambda text: text.strip("/. ")))
def test_any_name_of_a_thing_is_a_page_or_none(street, name):
    for path in ("cases", "homes", "help"):
        assert street.world.page("amy", f"/console/{path}/{quote(name, safe='')}").status in {
            200,
            404,
        }


@FEW
@given(st.dictionaries(
    st.sampled_from(["poll_s", "window_s", "log", "device", "take_back"]), ANY, min_size=1
))  # fmt: skip
def test_any_text_in_the_form_of_a_gateway_is_answered(street, fields):
    # Without a way down nothing can be sent: it is the reading of the form that is asked here.
    answer = street.world.send("amy", "/console/homes/site-1/gateway", **fields)
    assert answer.status in {303, 404, 422}


@FEW
@given(st.dictionaries(
    st.sampled_from(["case_id", "category", "reason", "is_grid_out"]), ANY, min_size=1
))  # fmt: skip
def test_any_text_in_the_form_of_an_emergency_is_answered(street, fields):
    assert street.world.send("amy", "/console/emergencies", **fields).status == 422


@FEW
@given(st.dictionaries(
    st.sampled_from(["site_id", "source", "family", "says", "contact"]), ANY, min_size=1
))  # fmt: skip
def test_any_text_in_a_report_is_answered(street, fields):
    assert street.world.send("amy", "/console/help/report", **fields).status == 422
