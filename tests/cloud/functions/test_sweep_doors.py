"""A sweep from its doors: the schedule, the orders, the finding, the case, and what repeats."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from conftest import TEMPLATE, a_world
from doors_street import at, behind_doors, running
from rights import Asked, not_allowed, watched

from cloud.detection.models import RegionOutages, RegionSweep, SiteFacts, SiteTrack, SweepHold
from cloud.service.models import CaseState, Task, WorkOrderState
from cloud.telemetry.late import LateWindows

CLEAR_WH, ILL = 40_000, 3
REGION = "UTC-05.N35W079"
HOME_MAIL = "home{}@home.example"
GRID_DISCONNECT, CABINET_OPEN = 1 << 4, 1 << 5
ARC, GROUND_FAULT, TOO_HOT = 1 << 15, 1 << 0, 1 << 1
BATTERY_OTHER = 1 << 25


@contextmanager
def a_stack(folder, cache):
    """A stack whose clock stands at the street's first midnight."""
    yield from a_world(folder, cache, at(0))


@pytest.fixture(scope="module")
def story(tmp_path_factory, cache):
    """A street of which one home made a third too little on its first three days."""
    with a_stack(tmp_path_factory.mktemp("story"), cache) as world:
        street = behind_doors(
            world, made=lambda home, day: 26_000 if home == ILL and day <= 2 else CLEAR_WH
        )
        street.asked = watched(world.runtime)
        street.live(at(3, 5.1))
        yield street


def mails_to(street, address):
    paths = street.world.runtime.mailbox.mails()
    found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
    return [mail for mail in found if mail["To"] == address]


def remembered(street):
    kinds = (SiteFacts, SiteTrack)
    names = [f"site-{home}" for home in range(street.homes)]
    return [street.world.records.load(kind, name) for name in names for kind in kinds]


def sweep_of(street):
    return street.world.records.load(RegionSweep, REGION).record


def orders_of(instant):
    stamp = instant.isoformat()
    return {"region": REGION, "shard": 0, "at": stamp}, {"region": REGION, "at": stamp}


# ---------------------------------------------------------------------- from one end to the other
@pytest.mark.rule("D-11")
@pytest.mark.rule("D-13")
@pytest.mark.rule("D-14")
def test_from_the_schedule_to_the_case(story):
    (case,) = [one for one in story.cases() if one.family == "PRODUCTION"]
    assert (case.site_id, case.rule, case.opened_at) == ("site-3", "D-13", at(3, 5))
    assert case.state is CaseState.WORK_ORDERED
    assert len(case.evidence) == 3
    assert [one.startswith("gw-3/2026-06-0") for one in case.causes] == [True, True]
    (order,) = story.orders(ILL)
    assert (order.state, order.partner_id) == (WorkOrderState.OFFERED, "builder")
    assert order.picture == case.pictures[-1]
    assert not order.is_emergency


@pytest.mark.rule("D-14")
def test_the_customer_and_the_partner_get_the_picture(story):
    for address in (HOME_MAIL.format(ILL), story.builder_mail):
        (mail, *_) = mails_to(story, address)
        (picture,) = mail.iter_attachments()
        assert (picture.get_filename(), picture.get_content_type()) == ("days.svg", "image/svg+xml")
        assert b"<svg" in picture.get_payload(decode=True)[:200]


def test_every_function_may_do_what_it_did(story):
    done = story.asked.done
    assert {who for who, _, _ in done} >= {
        "IngestFunction",
        "SweepFunction",
        "MeasureFunction",
        "JudgeFunction",
        "DispatchFunction",
        "TimersFunction",
        "SendOutboxFunction",
    }
    assert any(thing.startswith("DocumentsBucket/evidence/") for _, _, thing in done)
    assert not_allowed(story.asked, TEMPLATE.read_bytes()) == []


def test_what_no_role_allows_is_seen(story):
    made = Asked({("JudgeFunction", "dynamodb:Scan", "SitesTable")})
    made.done |= {("MeasureFunction", "s3:GetObject", "DocumentsBucket/evidence/F-1.svg")}
    assert len(not_allowed(made, TEMPLATE.read_bytes())) == 2


def test_an_order_that_comes_twice_changes_nothing(story):
    before, cases = remembered(story), story.cases()
    shard, region = orders_of(sweep_of(story).at)
    for _ in range(2):
        for function, order in (("MeasureFunction", shard), ("JudgeFunction", region)):
            answer = story.world.deliver(function, order, order)
            assert answer == {"batchItemFailures": []}
    story.world.runtime.run_due()
    assert remembered(story) == before
    assert story.cases() == cases


@pytest.mark.parametrize(
    "bad",
    ["{", "[]", "{}", {"region": REGION, "at": "soon", "shard": 0}, {"region": 1, "at": None}],
    ids=["torn JSON", "a list", "nothing in it", "no instant", "of another shape"],
)
@pytest.mark.parametrize("function", ["MeasureFunction", "JudgeFunction"])
def test_a_malformed_order_comes_back_and_harms_no_neighbour(story, function, bad):
    shard, region = orders_of(sweep_of(story).at)
    good = shard if function == "MeasureFunction" else region
    answer = story.world.deliver(function, good, bad, good)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def test_a_good_order_beside_a_malformed_one_is_carried_out(story):
    instant = at(3, 5) + timedelta(minutes=3)
    story.world.invoke(
        "SweepFunction", {"utc_offset_hours": -5, "scheduled_for": instant.isoformat()}
    )
    assert sweep_of(story).measured == ()
    shard, region = orders_of(instant)
    story.world.deliver("MeasureFunction", "{", shard)
    assert sweep_of(story).measured == (0,)
    assert sweep_of(story).judged_at is None
    story.world.deliver("JudgeFunction", "{", region)
    assert sweep_of(story).judged_at == instant
    assert len(story.cases(ILL)) == 1


def test_an_order_of_a_region_that_nobody_knows_changes_nothing(story):
    shard, region = orders_of(at(3, 5))
    for function, order in (("MeasureFunction", shard), ("JudgeFunction", region)):
        unknown = {**order, "region": "UTC+03.N00E000"}
        assert story.world.deliver(function, unknown) == {"batchItemFailures": []}


@pytest.mark.rule("T-25")
def test_a_late_window_is_noted_at_the_door_and_the_earliest_stands(story):
    for number in (3, 9, 6):  # windows of two hours, counted back from now
        start = at(3, 4) - timedelta(hours=2 * number)
        story.arrive(story.sent_late(6, start))
    noted = story.world.records.load(LateWindows, "gw-6").record
    assert noted.earliest == at(3, 4) - timedelta(hours=18)


# ---------------------------------------------------------------------- what may hurt somebody
@pytest.mark.rule("D-80")
@pytest.mark.parametrize(
    ("home", "column", "bits", "family"),
    [
        pytest.param(0, "DCEvt_1", ARC, "INVERTER", id="an arc"),
        pytest.param(1, "Evt1", GROUND_FAULT, "INVERTER", id="a ground fault"),
        pytest.param(2, "BatEvt1", TOO_HOT, "BATTERY", id="a battery far too hot"),
    ],
)
def test_what_may_hurt_somebody_is_an_emergency_at_once_and_once(story, home, column, bits, family):
    told = story.alarm(home, column, bits | CABINET_OPEN, at=story.world.now)
    assert story.world.deliver("IngestFunction", told, told) == {"batchItemFailures": []}
    story.world.runtime.run_due()
    (case,) = story.cases(home)
    assert (case.family, case.rule, case.is_emergency) == (family, "D-80", True)
    assert case.opened_at == story.world.now
    (order,) = story.orders(home)
    assert order.is_emergency
    assert order.task is Task.PHONE_PARTNER
    (mail,) = mails_to(story, HOME_MAIL.format(home))
    assert "This may be dangerous" in mail.get_content()
    story.world.deliver("IngestFunction", told)
    story.world.runtime.run_due()
    assert story.cases(home) == [case]
    assert story.orders(home) == [order]
    assert len(mails_to(story, HOME_MAIL.format(home))) == 1


@pytest.mark.rule("D-80")
@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        pytest.param("Evt1", 0, CABINET_OPEN, id="a harmless bit"),
        pytest.param("BatEvt1", 0, BATTERY_OTHER, id="a battery that fails while there is a grid"),
        pytest.param("Evt1", GROUND_FAULT, GROUND_FAULT, id="a bit that was set before"),
        pytest.param("Evt1", GROUND_FAULT, 0, id="a bit that was cleared"),
        pytest.param("W", 0, 1, id="no column of bits"),
    ],
)
def test_what_hurts_nobody_waits_for_the_sweep(story, column, before, after):
    told = story.alarm(5, column, after, before=before, at=story.world.now)
    assert story.world.deliver("IngestFunction", told) == {"batchItemFailures": []}
    story.world.runtime.run_due()
    assert story.cases(5) == []


@pytest.mark.rule("D-80")
def test_a_gateway_of_no_site_raises_nothing(story):
    known = len(story.cases())
    told = story.alarm(99, "Evt1", GROUND_FAULT, at=story.world.now)
    assert story.world.deliver("IngestFunction", told) == {"batchItemFailures": []}
    story.world.runtime.run_due()
    assert len(story.cases()) == known
    assert len(story.world.records.history("DEVICE-gw-99-SN-99")) == 1


def shows(columns, first, last, homes=range(99)):
    """Inverters of some homes say something else from one instant to another."""

    def of(home, instant):
        usual = running(home, instant)
        return {**usual, **columns(home)} if home in homes and first <= instant < last else usual

    return of


@pytest.mark.rule("D-80")
def test_what_the_sweep_finds_of_a_danger_that_was_told_stands_under_its_case(tmp_path, cache):
    bad = shows(lambda home: {"DCEvt_1": ARC}, at(0, 10), at(0, 12), homes=[ILL])
    with a_stack(tmp_path, cache) as world:
        street = behind_doors(world, says=lambda home, now: {"DCEvt_1": 0, **bad(home, now)})
        street.live(at(0, 5.1))
        street.move_to(at(0, 10))
        world.deliver("IngestFunction", street.alarm(ILL, "DCEvt_1", ARC, at=at(0, 10)))
        street.move_to(at(0, 10.1))
        (told,) = street.cases()
        street.live(at(0, 13.1))
        (case,) = street.cases()
        assert (case.id, case.findings[0], len(case.findings)) == (told.id, told.findings[0], 2)
        street.live(at(1, 13.1))
        (case,) = street.cases()
        assert case.recovered_at == at(1, 13)
        assert len(street.orders(ILL)) == 1
        assert len(mails_to(street, HOME_MAIL.format(ILL))) == 1


@pytest.mark.rule("D-80")
@pytest.mark.rule("D-84")
def test_an_outage_of_the_grid_is_one_letter_and_only_a_failing_battery_is_a_case(tmp_path, cache):
    def says(home):
        broken = {"BatEvt1": BATTERY_OTHER} if home == ILL else {}
        return {"Evt1": GRID_DISCONNECT, **broken}

    with a_stack(tmp_path, cache) as world:
        street = behind_doors(world, says=shows(says, at(0, 9), at(0, 19)))
        street.live(at(0, 22))
        (mail,) = mails_to(street, "operations@owner.example")
        assert "The grid is out" in mail["Subject"]
        assert "for 7 of 7 homes" in mail.get_content()
        (case,) = street.cases()
        assert (case.site_id, case.family, case.is_emergency) == ("site-3", "BATTERY", True)
        assert street.orders(ILL)[0].is_emergency
        assert world.records.load(RegionOutages, REGION).record.rows
        assert world.records.load(SweepHold, REGION) is None


@pytest.mark.rule("D-80")
@pytest.mark.parametrize(
    "when", [datetime(1970, 1, 1, 0, 5, tzinfo=UTC), at(900)], ids=["unset", "ahead"]
)
def test_a_wrong_clock_delays_no_emergency_and_no_neighbours(tmp_path, cache, when):
    with a_stack(tmp_path, cache) as world:
        street = behind_doors(world)
        bad = street.alarm(0, "Evt1", GROUND_FAULT, at=when, came_at=world.now)
        good = street.alarm(1, "Evt1", GROUND_FAULT, at=world.now)
        assert world.deliver("IngestFunction", bad, good) == {"batchItemFailures": []}
        world.runtime.run_due()
        assert [len(street.cases(home)) for home in (0, 1)] == [1, 1]
