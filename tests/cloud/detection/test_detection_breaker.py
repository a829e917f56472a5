"""The sweep that stops and asks, and the sweep that waits for its parts."""

from datetime import timedelta

import pytest
from detection_street import CLEAR_WH, OPERATIONS, REGION, Street, at, running, site

from cloud.adapters.memory import MemoryRecords
from cloud.detection import process
from cloud.detection.breaker import too_many
from cloud.detection.models import HoldState, RegionSweep, SweepHold
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, NotFound

AN_HOUR = timedelta(hours=1)


@pytest.mark.rule("D-97")
@pytest.mark.rule("D-97a")
@pytest.mark.rule("D-98")
@pytest.mark.rule("D-98a")
@pytest.mark.parametrize(
    ("opening", "sites", "all_opening", "all_sites", "stops"),
    [
        pytest.param(0, 100, 0, 100, False, id="nothing"),
        pytest.param(5, 5, 5, 5, False, id="five are never too many"),
        pytest.param(6, 60, 6, 60, False, id="six of sixty are exactly a tenth"),
        pytest.param(6, 59, 6, 59, True, id="six of fifty-nine are more than a tenth"),
        pytest.param(5, 1000, 25, 500, False, id="twenty-five of a clock are never too many"),
        pytest.param(1, 1000, 30, 1000, False, id="thirty of a thousand are exactly the share"),
        pytest.param(1, 1000, 31, 1000, True, id="one more of a clock is too many"),
    ],
)
def test_when_it_is_too_much(opening, sites, all_opening, all_sites, stops):
    why = too_many(
        opening=opening,
        sites=sites,
        all_opening=all_opening,
        all_sites=all_sites,
        on=at(0).date(),
    )
    assert bool(why) is stops


def half_dead(homes: int = 14, ill: int = 6) -> Street:
    """Six of fourteen homes lose a third of their energy on one day."""
    street = Street(
        homes=homes, made=lambda home, day: 26_000 if home < ill and day >= 2 else CLEAR_WH
    )
    street.live_until(at(5, 6))
    return street


def told(street: Street) -> list[str]:
    return sorted(
        str(one.body["site_id"])
        for one in street.records.messages.values()
        if one.topic == "finding"
    )


def the_hold(street: Street) -> SweepHold:
    stored = street.records.load(SweepHold, REGION)
    assert stored is not None
    return stored.record


@pytest.mark.rule("D-97")
def test_an_unlikely_share_is_held_back_and_a_person_is_asked_once():
    street = half_dead()
    assert told(street) == []
    hold = the_hold(street)
    assert (hold.state, hold.sites, len(hold.finding_ids)) == (HoldState.HELD, 14, 6)
    assert hold.held_at == at(5, 5)
    letters = list(street.records.letters.values())
    assert [one.to for one in letters] == [OPERATIONS]
    assert "something new at 6 of 14 sites of one region at once" in letters[0].text
    assert f"sunreeve sweep release {REGION}" in letters[0].text
    street.live_until(at(6, 6))
    assert told(street) == []
    assert len(street.records.letters) == 1
    assert the_hold(street).held_at == at(5, 5)


@pytest.mark.rule("D-97")
def test_what_is_released_is_told_at_once_and_only_what_was_shown():
    street = half_dead()
    shown = the_hold(street).finding_ids
    hold = process.decide(
        street.records, region_id=REGION, state=HoldState.RELEASED, by="pat", at=at(5, 9)
    )
    assert isinstance(hold, SweepHold)
    street.deliver()
    assert told(street) == [f"site-{home}" for home in range(6)]
    assert {one for one in street.records.messages if one.startswith("F-")} == set(shown)
    assert [event.by for event in street.records.history(f"SWEEP-{REGION}")] == ["sweep", "pat"]
    again = process.decide(
        street.records, region_id=REGION, state=HoldState.RELEASED, by="pat", at=at(5, 10)
    )
    assert again == the_hold(street)
    other = process.decide(
        street.records, region_id=REGION, state=HoldState.DISCARDED, by="pat", at=at(5, 10)
    )
    assert isinstance(other, Refused)
    street.live_until(at(8, 6))
    assert len(told(street)) == 6


@pytest.mark.rule("D-97")
def test_what_is_discarded_is_never_told():
    street = half_dead()
    process.decide(
        street.records, region_id=REGION, state=HoldState.DISCARDED, by="pat", at=at(5, 9)
    )
    street.deliver()
    street.live_until(at(9, 6))
    assert told(street) == []


@pytest.mark.rule("D-97")
def test_a_hold_ends_by_itself_when_it_is_no_longer_found():
    street = half_dead()
    street.made = lambda home, day: 26_000 if home < 6 and 2 <= day <= 4 else CLEAR_WH
    street.live_until(at(9, 6))
    assert told(street) == []
    assert the_hold(street).state is HoldState.OVER


def test_a_decision_needs_something_to_decide_on():
    records = MemoryRecords()
    with pytest.raises(NotFound, match="held sweep"):
        process.decide(records, region_id=REGION, state=HoldState.RELEASED, by="pat", at=at(0))
    with pytest.raises(BadInput, match="release it or discard it"):
        process.decide(records, region_id=REGION, state=HoldState.OVER, by="pat", at=at(0))


@pytest.mark.rule("D-97")
def test_a_discard_silences_no_recovery():
    def made(home, day):
        low = (home == 13 and day <= 3) or (home < 6 and day >= 4)
        return 26_000 if low else CLEAR_WH

    street = Street(homes=14, made=made)
    street.live_until(at(7, 6))
    process.decide(
        street.records, region_id=REGION, state=HoldState.DISCARDED, by="pat", at=at(7, 9)
    )
    street.deliver()
    mended = [one for one in street.records.messages.values() if one.topic == "recovery"]
    assert [one.body["site_id"] for one in mended] == ["site-13"]


@pytest.mark.rule("D-97")
def test_a_hold_stops_no_clock_of_the_others():
    def says(home, moment):
        if home == 10 and moment >= at(5, 8):
            return {"St": 1, "Evt1": 0, "W": 0}
        usual = running(home, moment)
        return {**usual, "W": 3000 if usual["St"] == 4 else 0}

    street = Street(
        homes=14,
        made=lambda home, day: 26_000 if home < 6 and day >= 2 else CLEAR_WH,
        says=says,
    )
    street.live_until(at(8, 6))
    assert street.lines(0)[6].is_low  # the days go on being judged, and can be looked at
    process.decide(
        street.records, region_id=REGION, state=HoldState.RELEASED, by="pat", at=at(8, 9)
    )
    street.deliver()
    assert "site-10" in told(street)


@pytest.mark.rule("D-80")
def test_a_danger_passes_the_breaker():
    def says(home, moment):
        usual = running(home, moment)
        return {**usual, "Evt1": 1} if home < 7 and moment >= at(5, 8) else usual

    street = Street(
        homes=14,
        made=lambda home, day: 26_000 if home >= 7 and day >= 3 else CLEAR_WH,
        says=says,
    )
    street.live_until(at(6, 6))
    assert the_hold(street).state is HoldState.HELD
    assert told(street) == [f"site-{home}" for home in range(7)]


# ---------------------------------------------------------------------- parts that do not answer
def large_street() -> Street:
    """A region of two parts, of which nothing was measured yet."""
    street = Street(homes=8)
    for number in range(8, 501):
        street.records.commit(Change(saves=(Save(site(number, latitude=35.2)),)))
    street.send(until=at(1, 5))
    street.now = at(1, 5)
    process.plan(street.records, utc_offset_hours=-5, at=at(1, 5))
    return street


def the_sweep(street: Street) -> RegionSweep:
    stored = street.records.load(RegionSweep, REGION)
    assert stored is not None
    return stored.record


def of_topic(street: Street, topic: str):
    return [one for one in street.records.messages.values() if one.topic == topic]


@pytest.mark.rule("D-96")
def test_a_region_is_judged_once_all_its_parts_are_measured():
    street = large_street()
    first, second = of_topic(street, process.SHARD)
    for order in (first, second):
        assert of_topic(street, process.REGION) == []
        process.measure(
            street.records,
            street.chunks,
            street.downlink,
            region_id=REGION,
            shard=order.body["shard"],
            at=at(1, 5),
        )
    assert the_sweep(street).is_measured
    assert len(of_topic(street, process.REGION)) == 1
    street.deliver()
    assert the_sweep(street).judged_at == at(1, 5)
    assert not [one for one in street.records.timers if one.startswith("SWEEP-")]


@pytest.mark.rule("D-100")
@pytest.mark.rule("D-100a")
def test_a_part_that_does_not_answer_is_sent_again_three_times_and_then_judged_without():
    street = large_street()
    street.measure(0, at(1, 5))
    sent = len(of_topic(street, process.SHARD))
    for number in range(1, 4):
        (timer,) = (one for one in street.records.timers.values() if one.wakes == process.WATCH)
        assert timer.due_at == at(1, 5) + number * AN_HOUR
        assert process.watch(street.records, timer=timer, at=timer.due_at) == 0
        orders = of_topic(street, process.SHARD)[sent:]
        assert [one.body["shard"] for one in orders] == [1] * number
        assert of_topic(street, process.REGION) == []
    assert process.watch(street.records, timer=timer, at=timer.due_at + AN_HOUR) == 1
    (order,) = of_topic(street, process.REGION)
    street.judge(at(1, 5))
    assert street.lines(0)[0].is_counted
    says = [event.says for event in street.records.history(f"SWEEP-{REGION}")]
    assert [one.rpartition(": ")[2] for one in says] == [
        "parts [1] are sent again",
        "parts [1] are sent again",
        "parts [1] are sent again",
        "it is judged without parts [1]",
    ]
    assert order.body["region"] == REGION
    assert process.watch(street.records, timer=timer, at=at(1, 9)) == 0
    assert len(of_topic(street, process.REGION)) == 1


@pytest.mark.rule("D-100")
def test_an_order_of_an_evaluation_that_is_over_changes_nothing():
    street = large_street()
    process.plan(street.records, utc_offset_hours=-5, at=at(1, 13))
    assert street.measure(0, at(1, 5)) == 0
    assert the_sweep(street).measured == ()
    assert street.judge(at(1, 5)) == 0
