"""The town: it holds what pages need, is the same each time, and a copy of its folder runs."""

import json
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from cloud.kernel.errors import BadInput
from cloud.local import people
from cloud.local.town import cache, stage, streets
from cloud.local.town.build import TEMPLATE, rested
from cloud.local.town.draws import Draws
from cloud.local.town.making import ENDS_AT, STARTS_AT
from cloud.local.town.pages import paper
from cloud.local.town.partners import BUILDERS, BY_ID
from cloud.local.town.places import PLACES, household
from cloud.local.town.projects import Life, courses
from cloud.local.town.turns import Turn, errands

ROOT = Path(__file__).parents[3]
HOMES = cache.HOMES

LOOK = """
import json, sys
from pathlib import Path
from cloud.local.town import stage
from cloud.local.town.holdings import records

with stage.running(Path(sys.argv[1])) as town:
    print(json.dumps({"now": town.runtime.clock.now().isoformat(), "held": list(records())}))
"""
"""Reads a town in a process of its own: a stack takes the clock and the connections of its own."""


def looked(folder):
    """What a town's folder holds, and where its clock stands."""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", LOOK, str(folder)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    return json.loads(done.stdout)


# ---------------------------------------------------------------------- the recipe
def test_draws_follow_from_their_name_alone():
    one, same, other = Draws("home", 7), Draws("home", 7), Draws("home", 8)
    drawn = [one.between(1, 6) for _ in range(60)]
    assert drawn == [same.between(1, 6) for _ in range(60)]
    assert drawn != [other.between(1, 6) for _ in range(60)]
    assert set(drawn) == {1, 2, 3, 4, 5, 6}


def test_homes_are_all_different_and_nobodys():
    homes = [household(number) for number in range(1, HOMES + 1)]
    for kind in ("site_id", "gateway_id", "project_id", "email"):
        assert len({getattr(one, kind) for one in homes}) == HOMES
    assert all(one.email.endswith(".example") and " 555-01" in one.phone for one in homes)
    assert {one.place for one in homes} == set(PLACES)
    assert len({one.place.zone for one in homes}) >= 4


def test_each_course_keeps_its_order_and_its_place():
    listed = courses(HOMES)
    assert {one.life for one in listed} == set(Life)
    for one in listed:
        instants = [one.registered_at, *(at for _, at in one.reached)]
        assert instants == sorted(set(instants)), one.home.number
        assert instants[0] >= STARTS_AT, one.home.number
        assert instants[-1] < ENDS_AT, one.home.number
        assert one.home.place in one.firm.places


def test_a_larger_town_begins_as_a_smaller_one():
    assert courses(40) == courses(HOMES)[:40]


def test_no_home_has_two_cases_at_once():
    listed = errands(courses(HOMES))
    assert {one.turn for one in listed} == set(Turn)
    last: dict[int, datetime] = {}
    for one in sorted(listed, key=lambda it: it.opens_at):
        before = last.get(one.course.home.number)
        assert before is None or (one.opens_at - before).days >= 50, one.number
        last[one.course.home.number] = one.opens_at


def test_the_broken_homes_are_homes_of_the_story():
    told = {one.home.number for one in courses(HOMES) if streets.is_in_story(one.home)}
    assert set(streets.BREAKS) | set(streets.DARK) | set(streets.WITH_BATTERY) <= told
    assert not set(streets.BREAKS) & set(streets.DARK)


def test_twelve_partners_and_a_part():
    assert sum(not firm.parent_id for firm in BY_ID.values()) == 12
    assert [firm.parent_id for firm in BUILDERS if firm.parent_id] == ["P-ALDER"]
    assert {one.partner_id for one in people.PEOPLE} - {""} <= set(BY_ID)


def test_everybody_signs_in_under_one_name():
    assert len(people.BY_NAME) == len(people.PEOPLE)
    for one in people.PEOPLE:
        assert bool(one.roles) != bool(one.partner_id)
        assert one.email.endswith(".example")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"username": "", "name": "Nobody", "roles": frozenset({"spc"})}, id="no name"),
        pytest.param({"username": "x", "name": "X"}, id="neither roles nor a partner"),
        pytest.param(
            {"username": "x", "name": "X", "roles": frozenset({"spc"}), "partner_id": "P-ALDER"},
            id="both",
        ),
    ],
)
def test_a_person_is_the_owners_or_a_partners(given):
    with pytest.raises(BadInput):
        people.Person(**given)


def test_resting_schedules_are_named_in_the_template():
    text = TEMPLATE.read_text()
    after = rested(text, ("cron(0 5,13,21 * * ? *)", "cron(0 4 ? * TUE-SAT *)"))
    assert after.count("State: DISABLED") - text.count("State: DISABLED") == 5
    assert rested(text, ()) == text


def test_a_paper_is_the_same_each_time():
    assert paper("W-9") == paper("W-9") != paper("W-8")
    assert paper("W-9").startswith(b"%PDF-")


# ---------------------------------------------------------------------- the cache
def test_the_digest_follows_the_code_that_makes_a_town(tmp_path):
    (tmp_path / "cloud/portal").mkdir(parents=True)
    (tmp_path / "template.yaml").write_text("one")
    (tmp_path / "cloud/rules.py").write_text("A = 1")
    (tmp_path / "cloud/portal/page.py").write_text("B = 1")
    first = cache.digest(tmp_path)
    (tmp_path / "cloud/portal/page.py").write_text("B = 2")
    assert cache.digest(tmp_path) == first
    (tmp_path / "cloud/rules.py").write_text("A = 2")
    assert cache.digest(tmp_path) != first


def test_a_folder_that_is_named_has_to_hold_a_town(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.GIVEN, str(tmp_path))
    with pytest.raises(BadInput, match="holds no town"):
        cache.folder_of_town()
    (tmp_path / "data").mkdir()
    (tmp_path / cache.MARK).write_text("{}")
    assert cache.folder_of_town() == tmp_path


def test_a_folder_with_another_stack_is_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(BadInput, match="no town"):
        stage.prepared(tmp_path)


# ---------------------------------------------------------------------- the whole town
whole = pytest.mark.xdist_group("town")
"""Tests of a town that was made go to one worker, so that it is read once."""


@pytest.fixture(scope="session")
def town(tmp_path_factory):
    """What the town holds, after a copy of its folder was started once."""
    folder = tmp_path_factory.mktemp("town") / "copied"
    return looked(cache.copy_of_town(folder))


LEAST = [
    ("Partner", "", 13),
    ("PartnerPerson", "", 4),
    ("Project", "", 400),
    ("Site", "CO", 90),
    ("Site", "CA", 90),
    ("WorkOrder", "offered", 3),
    ("WorkOrder", "reassignable", 1),
    ("WorkOrder", "awaiting_spend", 1),
    ("WorkOrder", "spend_rejected", 1),
    ("WorkOrder", "accepted", 2),
    ("WorkOrder", "scheduling", 3),
    ("WorkOrder", "scheduled", 3),
    ("WorkOrder", "awaiting_report", 1),
    ("WorkOrder", "manual_dispatch", 1),
    ("WorkOrder", "completed", 40),
    ("WorkOrder", "cancelled", 1),
    ("Case", "open", 2),
    ("Case", "work_ordered", 20),
    ("Case", "resolved", 2),
    ("Case", "closed", 20),
    ("ReportDraft", "", 1),
    ("SavedDraft", "open", 1),
    ("Invoice", "submitted", 3),
    ("Invoice", "returned", 1),
    ("Invoice", "approved", 1),
    ("Invoice", "rejected", 1),
    ("Invoice", "paid", 15),
    ("Invoice", "void", 1),
    ("Dispute", "open", 2),
    ("Dispute", "resolved", 1),
    ("BackBill", "settled", 1),
    ("CustomerCharge", "proposed", 1),
    ("CustomerCharge", "approved", 1),
    ("HelpRequest", "unmatched", 3),
    ("HelpRequest", "linked", 1),
    ("HelpRequest", "dismissed", 1),
    ("Mail", "quarantined", 2),
    ("Mail", "filed", 1),
    ("Mail", "for_a_person", 1),
    ("FundingRun", "preview", 1),
    ("FundingRun", "settled", 30),
    ("PaymentTrace", "", 150),
    ("Payable", "open", 20),
    ("Payable", "paid", 300),
    ("Deduction", "open", 5),
    ("Deduction", "closed", 50),
    ("ExtensionRequest", "pending", 4),
    ("ExtensionRequest", "approved", 1),
    ("ExtensionRequest", "denied", 1),
    ("DirectPay", "", 300),
    ("Vendor", "", 2),
    ("BankChange", "asked", 1),
    ("BankChange", "agreed", 1),
    ("BankChange", "effective", 1),
    ("PartnerDocument", "waiting", 1),
    ("PartnerDocument", "on_file", 15),
    ("PartnerDocument", "refused", 1),
    ("OptInRequest", "asked", 2),
    ("OptInRequest", "declined", 1),
    ("Proposal", "pending", 3),
    ("Proposal", "agreed", 3),
    ("Ticket", "open", 1),
    ("Ticket", "answered", 1),
    ("SweepHold", "held", 1),
    ("GatewayConfiguration", "", 3),
    ("SiteFacts", "", 150),
]
"""What pages need to have something to show: kind, state, and how many at least."""


@whole
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_holds_what_pages_need(town):
    held = Counter((kind, str(one.get("state", ""))) for kind, one in town["held"])
    few = [(*row, held[row[:2]]) for row in LEAST if held[row[:2]] < row[2]]
    assert not few


@whole
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_its_clock_stands_on_a_monday_morning(town):
    assert datetime.fromisoformat(town["now"]) == ENDS_AT


@whole
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_is_small_enough_to_be_copied_for_each_test():
    files = [path for path in cache.folder_of_town().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60_000_000


@whole
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("partner_id", ["P-ALDER", "P-SACRAMENTO"])
def test_those_who_sign_in_have_work_and_money_in_many_states(town, partner_id):
    mine = [(kind, one) for kind, one in town["held"] if one.get("partner_id") == partner_id]
    orders = Counter(one["state"] for kind, one in mine if kind == "WorkOrder")
    assert len(orders) >= 5
    assert sum(orders.values()) >= 15
    assert {one["state"] for kind, one in mine if kind == "Payable"} >= {"open", "paid"}
    assert any(kind == "Invoice" for kind, _ in mine)


@whole
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_detection_found_by_itself_what_is_broken(town):
    """Nobody sent a word of these: the chunks of the homes did, through sweeps and judges."""
    of_story = {f"SITE-GOL-{number:03}": kind for number, (kind, _) in streets.BREAKS.items()}
    pictured = {
        one["site_id"]
        for kind, one in town["held"]
        if kind == "Case" and one["source"] == "detection" and one["pictures"]
    }
    assert set(of_story) <= pictured


def _unsealed(record):
    """A record without what is drawn anew each time: sealed accounts, and the names of mails."""
    drawn = {"account_number", "message_id", "raw"}
    return {name: value for name, value in record.items() if name not in drawn}


@whole
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_same_code_makes_the_same_town(tmp_path):
    """A fraction of it, made twice: each record is there again, and says the same."""
    made = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        command = [sys.executable, "-m", "cloud.local.town.build", str(folder / "data"), "20"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - our own
        (folder / cache.MARK).write_text(json.dumps({"homes": 20}))
        held = looked(folder)["held"]
        made.append({(kind, one["id"]): _unsealed(one) for kind, one in held})
    assert made[0] == made[1]
    assert len(made[0]) > 500
