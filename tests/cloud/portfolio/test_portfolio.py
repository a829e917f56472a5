from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sample_home import HOME

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import (
    ApiClient,
    Milestone,
    Partner,
    PlanShare,
    Project,
    milestone_id,
)
from cloud.portfolio.policy import MILESTONE_INSTANT
from cloud.portfolio.process import record_milestone, register

NOW = datetime(2026, 6, 8, 15, tzinfo=UTC)
SITE = replace(
    HOME,
    commissioned_on=date(2026, 5, 1),
    workmanship_until=date(2036, 5, 1),
    installer_id="builder",
)
PARTNER = Partner(
    id="partner-1",
    name="Sample Partner",
    service_email="service@partner.example",
    remittance_email="pay@partner.example",
    states=frozenset({"NC"}),
    scopes=frozenset(),
    certifications=frozenset(),
    latitude=35.0,
    longitude=-78.0,
    max_km=100,
    performance=80,
    routing_number="000000000",
    account_number=Secret("12345678"),
)
PLAN = (PlanShare(Milestone.M1, 8_000), PlanShare(Milestone.M2, 2_000))
PROJECT = Project("project-1", "site-1", "partner-1", Money(3_000_000), PLAN)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as it is"),
        pytest.param({"latitude": 90.0, "longitude": 180.0}, id="on the edge of the map"),
        pytest.param({"latitude": -90.0, "longitude": -180.0}, id="on its other edge"),
        pytest.param({"dc_rating_w": 1}, id="one watt"),
        pytest.param(
            {"utc_offset_hours": -8, "time_zone": "America/Los_Angeles"}, id="the western clock"
        ),
        pytest.param(
            {"utc_offset_hours": -7, "time_zone": "America/Phoenix"}, id="no summer time at all"
        ),
    ],
)
@pytest.mark.rule("P-02")
def test_site_is_taken(changes):
    replace(SITE, **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"latitude": 90.1}, "place on Earth", id="beyond the pole"),
        pytest.param({"longitude": -180.1}, "place on Earth", id="beyond the date line"),
        pytest.param({"latitude": float("nan")}, "place on Earth", id="not a number"),
        pytest.param({"dc_rating_w": 0}, "rating", id="no rating"),
        pytest.param({"time_zone": "America/Nowhere"}, "time zone", id="no such zone"),
        pytest.param({"time_zone": "../etc/passwd"}, "time zone", id="a path"),
        pytest.param({"time_zone": ""}, "time zone", id="no zone"),
        pytest.param(
            {"utc_offset_hours": -10, "time_zone": "Pacific/Honolulu"},
            "no sweep is scheduled",
            id="where nothing is swept",
        ),
        pytest.param({"utc_offset_hours": -7}, "never is", id="another zone's clock"),
    ],
)
@pytest.mark.rule("P-02")
def test_site_is_refused(changes, says):
    with pytest.raises(BadInput, match=says):
        replace(SITE, **changes)


@pytest.mark.parametrize(
    ("latitude", "longitude", "region"),
    [
        pytest.param(35.78, -78.64, "UTC-05.N35W079", id="north and west"),
        pytest.param(35.0, -78.0, "UTC-05.N35W078", id="on the corner"),
        pytest.param(-0.5, 0.5, "UTC-05.S01E000", id="around zero"),
        pytest.param(-33.9, 151.2, "UTC-05.S34E151", id="south and east"),
    ],
)
def test_region_is_a_clock_and_a_degree_square(latitude, longitude, region):
    assert replace(SITE, latitude=latitude, longitude=longitude).region == region


@pytest.mark.parametrize(
    "shares",
    [
        pytest.param((), id="no share"),
        pytest.param((8_000, 1_999), id="just below the whole"),
        pytest.param((8_000, 2_001), id="just above the whole"),
        pytest.param((12_000, -2_000), id="a share below zero"),
    ],
)
def test_plan_is_refused(shares):
    plan = tuple(map(PlanShare, (Milestone.M1, Milestone.M2), shares))
    with pytest.raises(BadInput, match="payment plan"):
        replace(PROJECT, plan=plan)


def test_plan_that_names_a_milestone_twice_is_refused():
    plan = (PlanShare(Milestone.M1, 8_000), PlanShare(Milestone.M1, 2_000))
    with pytest.raises(BadInput, match="twice"):
        replace(PROJECT, plan=plan)


def test_account_number_prints_nowhere():
    assert "12345678" not in f"{PARTNER} {PARTNER!r} {PARTNER.account_number}"


THINGS = [SITE, PARTNER, PROJECT, ApiClient("client-1", "partner-1")]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_register_once_twice_and_differently(thing):
    records = MemoryRecords()
    for _ in range(2):
        register(records, thing, at=NOW, by="operations")
    stored = records.load(type(thing), thing.id)
    assert stored is not None
    assert (stored.record, stored.version) == (thing, 1)
    (event,) = records.history(thing.id)
    assert event.what == f"{type(thing).__name__.lower()}_registered"
    other = replace(thing, **{"gateway_id": "gw-2"} if thing is SITE else {"id": "other"})
    if thing is SITE:
        with pytest.raises(Conflict):
            register(records, other, at=NOW, by="operations")
        assert len(records.history(thing.id)) == 1


@pytest.fixture
def records() -> MemoryRecords:
    kept = MemoryRecords()
    register(kept, PROJECT, at=NOW, by="operations")
    return kept


def record(records: MemoryRecords, milestone: Milestone, at: datetime, project="project-1"):
    return record_milestone(
        records, project_id=project, milestone=milestone, at=at, by="operations"
    )


@pytest.mark.rule("P-01")
def test_milestone_keeps_its_first_instant(records):
    for minutes in range(3):
        project = record(records, Milestone.M1, NOW + timedelta(minutes=minutes))
    assert [at for one, at in project.reached if one is Milestone.M1] == [NOW]
    assert MILESTONE_INSTANT.on(NOW.date()) == 1
    assert project.reached_at(Milestone.M2) is None
    message = records.messages[milestone_id("project-1", Milestone.M1)]
    assert message.topic == "milestone"
    assert message.body == {
        "project_id": "project-1",
        "milestone": "M1",
        "reached_at": NOW.isoformat(),
        "occurrence": 0,
    }
    (event,) = records.history(message.id)
    assert (event.rule, event.causes) == ("P-01", ("project-1",))


@pytest.mark.rule("P-01")
def test_milestones_are_kept_side_by_side(records):
    record(records, Milestone.M1, NOW)
    project = record(records, Milestone.M2, NOW + timedelta(days=9))
    assert project.reached_at(Milestone.M1) == NOW
    assert project.reached_at(Milestone.M2) == NOW + timedelta(days=9)
    assert len(records.messages) == len(project.reached) == 4


@pytest.mark.rule("P-01")
def test_cancelled_project_reaches_nothing_and_keeps_what_it_reached(records):
    record(records, Milestone.M1, NOW)
    stored = records.load(Project, "project-1")
    cancelled = replace(stored.record, cancelled=True)
    records.commit(Change(saves=(stored.replaced_by(cancelled),)))
    answer = record(records, Milestone.M2, NOW)
    assert isinstance(answer, Refused)
    assert (answer.rule, answer.code) == ("P-01", "project_cancelled")
    assert record(records, Milestone.M1, NOW + timedelta(days=1)) == cancelled
    assert milestone_id("project-1", Milestone.M2) not in records.messages


def test_milestone_of_no_project(records):
    with pytest.raises(NotFound, match="project-9"):
        record(records, Milestone.M1, NOW, project="project-9")
