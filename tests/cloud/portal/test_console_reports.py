"""The console's reports: asked, shown, taken away as files, and sent regularly."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.reporting.models import Asked, Column, Report, Row
from cloud.reporting.process import REPORTS
from cloud.reporting.schedule_letters import page_of
from cloud.reporting.schedules import (
    Cadence,
    ReportFormat,
    ReportSchedule,
    ScheduleState,
    failing,
)
from tests.cloud.portal.orders_world import ALDER, OrdersWorld
from tests.cloud.portal.pages_world import NOW

HERE = "/console/reports"
NEW = {
    "report": "due_soon",
    "format": "csv",
    "cadence": "weekly",
    "at": "07:30",
    "time_zone": "America/Denver",
    "weekday": "2",
    "day": "1",
    "to": "sam@owner.example",
}


@pytest.fixture(scope="module")
def read() -> OrdersWorld:
    """A world that nothing is changed in."""
    return peopled(OrdersWorld())


@pytest.fixture
def world() -> OrdersWorld:
    return peopled(OrdersWorld())


def peopled(world: OrdersWorld) -> OrdersWorld:
    for name, *groups in (
        ("sam", "spc"),
        ("ron", "relationship_manager"),
        ("otto", "auditor"),
        ("ann", "admin"),
        ("tess", "treasury"),
    ):
        world.owner_person(name, *groups)
    return world


def schedules(world: OrdersWorld) -> list[ReportSchedule]:
    found = world.records.find(ReportSchedule, by="state", value=ScheduleState.RUNNING)
    return [one.record for one in found]


def test_the_list_says_what_each_report_tells(read):
    page = read.page("sam", HERE)
    for name in REPORTS:
        assert f'href="{HERE}/{name}"' in page.text
    assert "How often partners kept their deadlines." in page.plain
    assert "No report is sent regularly for you" in page.plain


@pytest.mark.parametrize("name", REPORTS)
def test_each_report_is_shown_and_is_a_file_of_each_format(read, name):
    page = read.page("sam", f"{HERE}/{name}")
    assert page.status == 200
    piece = re.search(r'data-load="([^"]+)"', page.text)
    assert piece is not None
    made = read.page("sam", piece[1].replace("&amp;", "&"))
    assert made.status == 200
    assert "<h1" not in made.text
    assert read.page("sam", f"{HERE}/{name}?show=now").status == 200
    csv = read.page("sam", f"{HERE}/{name}/csv")
    assert csv.text.splitlines()[0].endswith("subjects")
    assert csv.headers["content-disposition"] == f'attachment; filename="{name}-2026-06-08.csv"'
    assert read.page("sam", f"{HERE}/{name}/pdf").content.startswith(b"%PDF")
    assert "<h1>" in read.page("sam", f"{HERE}/{name}/html").text


def test_a_report_shows_its_rows_with_names_links_and_a_picture_that_can_be_read(read):
    page = read.page("sam", f"{HERE}/sla_compliance?show=now")
    assert f'<a href="/console/partners/{ALDER}">Alder Solar</a>' in page.text
    assert 'role="img" aria-label="Performance' not in page.text
    scores = read.page("sam", f"{HERE}/partner_scorecard?show=now")
    assert 'role="img" aria-label="Performance (of 100): Alder Solar 80; Birch Solar 80"' in (
        scores.text
    )
    ageing = read.page("sam", f"{HERE}/ageing?show=now").plain
    assert read.number in ageing
    assert "By age" in ageing


def test_the_link_of_a_mailed_report_leads_to_the_same_question(read):
    asked = Asked(
        NOW - timedelta(days=1),
        since=(NOW - timedelta(days=30)).date(),
        until=NOW.date(),
        partner_id=ALDER,
        region="NC",
        emergency=False,
    )
    letter = Report("sla_compliance", "says", asked, (Column("x"),), (Row(("y",)),))
    page = read.page("sam", page_of("", letter))
    assert page.status == 200
    assert "As of Sun, Jun 7, 2026, 11:00 AM EDT" in page.plain
    assert 'value="2026-06-07T11:00"' in page.text
    assert f'<option value="{ALDER}" selected>' in page.text
    assert '<option value="no" selected>' in page.text


@pytest.mark.parametrize(
    ("query", "says"),
    [
        pytest.param("from=nonsense", "Reading from", id="a day that is none"),
        pytest.param("from=2026-06-09&until=2026-06-01", "end after the start", id="backwards"),
        pytest.param("as_of=2026-99-01", "Reading as_of", id="an instant that is none"),
    ],
)
def test_a_question_that_cannot_be_read_says_why_and_keeps_what_was_typed(read, query, says):
    page = read.page("sam", f"{HERE}/sla_compliance?region=NC&{query}")
    assert page.status == 422
    assert says in page.plain
    assert 'value="NC"' in page.text


def test_what_a_report_itself_cannot_read_is_told_in_its_place(read):
    made = read.page("sam", f"{HERE}/replay/made?what_if=nonsense%3D3")
    assert made.status == 200
    assert 'role="alert"' in made.text


def test_without_script_what_a_report_cannot_read_loses_no_word_of_the_question(read):
    page = read.page("sam", f"{HERE}/replay?what_if=nonsense%3D3&region=NC&show=now")
    assert page.status == 422
    assert 'role="alert"' in page.text
    for said in ("nonsense=3", "NC"):
        assert f'value="{said}"' in page.text


def test_a_report_of_nothing_says_so(read):
    page = read.page("sam", f"{HERE}/sla_compliance?from=2025-02-01&until=2025-03-01&show=now")
    assert "Nothing to tell" in page.plain


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        pytest.param("otto", HERE, 200, id="auditor, list"),
        pytest.param("otto", f"{HERE}/ageing", 200, id="auditor, report"),
        pytest.param("otto", f"{HERE}/schedules/new", 403, id="auditor schedules nothing"),
        pytest.param("ann", HERE, 200, id="admin, who gets what"),
        pytest.param("ann", f"{HERE}/ageing", 403, id="admin reads no report"),
        pytest.param("tess", HERE, 403, id="treasury"),
        pytest.param("sam", f"{HERE}/nonsense", 404, id="no such report"),
        pytest.param("sam", f"{HERE}/schedules/RPS-X", 404, id="no such schedule"),
    ],
)
def test_who_sees_what(read, who, path, status):
    assert read.page(who, path).status == status


def test_a_schedule_is_made_shown_changed_and_ended(world):
    sent = world.send("sam", f"{HERE}/schedules", **NEW, region="NC", days="7")
    assert "It is scheduled" in world.after("sam", sent).plain
    (made,) = schedules(world)
    assert (made.report, made.when.cadence, made.to) == (
        "due_soon",
        Cadence.WEEKLY,
        ("sam@owner.example",),
    )
    assert made.words == (("days", "7"), ("region", "NC"))
    assert made.format is ReportFormat.CSV
    assert "Each Tuesday at 07:30 (America/Denver)" in world.page("sam", HERE).plain
    own = f"{HERE}/schedules/{made.id}"
    changed = NEW | {"cadence": "daily", "to": "sam@owner.example, ops@owner.example"}
    world.send("sam", own, **changed)
    (after,) = schedules(world)
    assert (after.when.cadence, len(after.to)) == (Cadence.DAILY, 2)
    world.send("sam", f"{own}/end")
    assert schedules(world) == []
    page = world.page("sam", own).plain
    assert "Ended by sam" in page
    assert "End it" not in page


def test_the_same_form_sent_twice_is_one_schedule(world):
    world.send("sam", f"{HERE}/schedules", **NEW)
    world.send("sam", f"{HERE}/schedules", **NEW)
    assert len(schedules(world)) == 1


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        pytest.param("report", "", "Choose the report.", id="no report"),
        pytest.param("at", "25:99", "This is no time", id="no time"),
        pytest.param("at", "", "Write the time", id="time left out"),
        pytest.param("to", "", "Write at least one address", id="nobody gets it"),
        pytest.param("to", "eve@elsewhere.example", "Rule OR-12", id="out of the house"),
        pytest.param("day", "40", "whole number from 1 to 31", id="a day that no month has"),
        pytest.param("days", "many", "Reading days", id="words of a period"),
    ],
)
def test_a_form_that_is_wrong_keeps_what_was_typed(world, field, value, says):
    page = world.send("sam", f"{HERE}/schedules", **(NEW | {"region": "NC", field: value}))
    assert page.status == 422
    assert says in page.plain
    assert 'value="NC"' in page.text
    assert schedules(world) == []


def test_only_maker_auditor_and_admin_see_a_schedule_and_an_admin_ends_it(world):
    world.send("sam", f"{HERE}/schedules", **NEW)
    (made,) = schedules(world)
    own = f"{HERE}/schedules/{made.id}"
    assert world.page("ron", own).status == 404
    assert world.send("ron", f"{own}/end").status == 404
    seen = world.page("otto", own)
    assert seen.status == 200
    assert "Change it" not in seen.plain
    assert world.send("otto", f"{own}/end").status == 403
    assert "What others have sent" in world.page("ann", HERE).plain
    world.send("ann", f"{own}/end")
    assert schedules(world) == []


def test_a_schedule_that_fails_says_since_when_and_why(world):
    world.send("sam", f"{HERE}/schedules", **NEW)
    (made,) = schedules(world)
    due_at = made.due_at - timedelta(days=7)
    world.change(failing(made, due_at, "the table did not answer"))
    page = world.page("sam", f"{HERE}/schedules/{made.id}").plain
    assert "Fails" in page
    assert "Not sent since the one that was due Tue, Jun 2, 2026, 7:30 AM MDT" in page
    assert "the table did not answer" in page
    assert "Fails" in world.page("sam", HERE).plain


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.sampled_from(["as_of", "from", "region", "page", "what_if"]))
def test_any_text_in_a_question_is_answered(read, text, name):
    said = quote(text, safe="")
    assert read.page("sam", f"{HERE}/replay?{name}={said}").status in {200, 422}
    assert read.page("sam", f"{HERE}/replay/made?{name}={said}").status == 200
    assert read.page("sam", f"{HERE}/schedules/new?report={said}").status == 200


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*NEW, "days", "region", "horizon_hours", "what_if"]), st.text(max_size=40))
def test_any_text_in_the_form_of_a_schedule_is_taken_or_sent_back(read, name, text):
    sent = read.send("sam", f"{HERE}/schedules", **(NEW | {name: text}))
    assert sent.status in {303, 422}
