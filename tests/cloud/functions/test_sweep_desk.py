"""What the owner's people see of sweeps and decide, over the operations API."""

import json

import pytest
from conftest import TEMPLATE
from doors_street import at, behind_doors
from rights import not_allowed, watched
from test_sweep_doors import a_stack

from cloud.detection.models import HoldState, RegionSweep, SiteTrack, SweepHold

CLEAR_WH, ILL = 40_000, 6
REGION = "UTC-05.N35W079"


@pytest.fixture(scope="module")
def street(tmp_path_factory, cache):
    """Fourteen homes, six of which lost a third on the same three days."""
    with a_stack(tmp_path_factory.mktemp("desk"), cache) as world:
        made = behind_doors(
            world, homes=14, made=lambda home, day: 26_000 if home < ILL else CLEAR_WH
        )
        made.live(at(3, 5.1))
        made.asked = watched(world.runtime)
        yield made


def ask(street, path, who="otto.audit", role="auditor"):
    world = street.world
    return world.call("GET", path, token=world.person(who, role))


def listed(street, path):
    response = ask(street, path)
    assert response.status == 200, response.body
    return json.loads(response.body)["items"]


def do(street, path, body=None):
    world = street.world
    response = world.call("POST", path, body, token=world.person("sam.spc", "spc"))
    return response.status, json.loads(response.body)


@pytest.mark.rule("D-97")
def test_what_was_held_back_is_listed_and_nothing_of_it_left(street):
    (hold,) = listed(street, "/ops/sweep_holds")
    assert (hold["id"], hold["state"], hold["sites"]) == (REGION, "held", 14)
    assert len(hold["finding_ids"]) == ILL
    assert hold["examples"][0].startswith("site-0: 3 days in a row below 85%")
    assert listed(street, "/ops/sweep_holds?state=released") == []
    assert street.cases() == []


def test_the_days_of_a_site_say_why_each_counted(street):
    days = listed(street, "/ops/sites/site-0/days")
    assert [day["day"] for day in days][:2] == ["2026-06-01", "2026-06-02"]
    assert all(day["actual_wh"] < 0.85 * day["expected_wh"] for day in days)
    assert all(day["says"].endswith("below the floor, counts") for day in days)


def test_the_days_of_a_site_are_drawn(street):
    response = ask(street, "/ops/sites/site-0/days.svg")
    assert (response.status, response.headers["content-type"]) == (200, "image/svg+xml")
    assert response.body.startswith(b"<svg")
    assert b"site-0" in response.body


def test_the_watch_list_is_of_one_region(street):
    watched = listed(street, f"/ops/watch_list?region={REGION}")
    assert [one["site_id"] for one in watched] == [f"site-{home}" for home in range(ILL)]
    assert [day["day"] for day in watched[0]["days"]][:2] == ["2026-06-01", "2026-06-02"]
    assert listed(street, "/ops/watch_list?region=UTC-05.N36W079") == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/ops/sites/site-99/days", "judged site"),
        ("/ops/sites/site-99/days.svg", "judged site"),
        ("/ops/cases/CASE-0/days.svg", "case CASE-0"),
    ],
)
def test_what_is_not_there_is_a_problem_that_names_it(street, path, says):
    response = ask(street, path)
    assert response.status == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert says in json.loads(response.body)["detail"]


def test_a_decision_needs_something_that_is_held(street):
    status, problem = do(street, "/ops/sweep_holds/UTC-05.N00E000/release")
    assert status == 404
    assert "UTC-05.N00E000" in problem["detail"]


@pytest.mark.rule("D-99")
def test_a_replay_is_carried_out_and_gives_the_same(street):
    world = street.world

    def tracks():
        return [world.records.load(SiteTrack, f"site-{home}").record for home in range(14)]

    before = tracks()
    body = {"utc_offset_hours": -5, "replay_from": "2026-06-02"}
    status, answer = do(street, "/ops/sweeps", body)
    assert (status, answer["item"]["sites"]) == (200, 14)
    world.runtime.run_due()
    sweep = world.records.load(RegionSweep, REGION).record
    assert sweep.judged_at == sweep.at == at(3, 5)
    assert sweep.replay_from.isoformat() == "2026-06-02"
    assert tracks() == before
    assert world.records.load(SweepHold, REGION).record.state is HoldState.HELD
    assert do(street, "/ops/sweeps", {**body, "utc_offset_hours": -8})[1]["item"]["sites"] == 0


@pytest.mark.rule("D-97")
def test_what_is_released_opens_its_cases_and_cannot_be_discarded(street):
    status, answer = do(street, f"/ops/sweep_holds/{REGION}/release")
    assert (status, answer["item"]["state"]) == (200, "released")
    assert answer["item"]["decided_by"] == "sam.spc"
    street.world.runtime.run_due()
    cases = street.cases()
    assert sorted(case.site_id for case in cases) == [f"site-{home}" for home in range(ILL)]
    assert listed(street, "/ops/sweep_holds") == []
    (hold,) = listed(street, "/ops/sweep_holds?state=released")
    assert hold["id"] == REGION
    assert do(street, f"/ops/sweep_holds/{REGION}/release")[0] == 200
    status, problem = do(street, f"/ops/sweep_holds/{REGION}/discard")
    assert status == 409
    assert problem["errors"][0]["rule"] == "D-97"
    street.world.runtime.run_due()
    assert street.cases() == cases
    drawn = ask(street, f"/ops/cases/{cases[0].id}/days.svg")
    assert (drawn.status, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert drawn.body.startswith(b"<svg")


def test_a_case_without_days_has_no_picture_and_says_so(street):
    world = street.world
    home = world.new_home()
    world.deliver("DispatchFunction", world.finding(home, family="COMMUNICATIONS", rule="D-12"))
    cases = listed(street, "/ops/cases?state=work_ordered")
    (case,) = [one for one in cases if one["site_id"] == home.site.id]
    response = ask(street, f"/ops/cases/{case['id']}/days.svg")
    assert response.status == 404
    assert "has no picture: no day of its site was judged" in json.loads(response.body)["detail"]


def test_the_desk_may_do_what_it_did(street):
    listed(street, "/ops/sweep_holds")
    do(street, "/ops/sweeps", {"utc_offset_hours": -5, "replay_from": "2026-06-02"})
    do(street, f"/ops/sweep_holds/{REGION}/release")
    street.world.runtime.run_due()
    assert "OperationsApiFunction" in {who for who, _, _ in street.asked.done}
    assert not_allowed(street.asked, TEMPLATE.read_bytes()) == []
