"""What comes at an awkward moment: windows after the day was made, decisions while a sweep runs."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from detection_street import CLEAR_WH, FIRST, OFFSET, REGION, Street, at, running

from cloud.detection import process
from cloud.detection.findings import Seen, telling
from cloud.detection.models import HoldState, IssueClock, RegionSweep, Tier, Told
from cloud.detection.verdict import NEW, Reason

ILL = 3


@pytest.mark.rule("T-25")
@pytest.mark.rule("D-99")
def test_a_day_whose_last_windows_come_in_the_morning_is_known_by_noon():
    def says(home, moment: datetime):
        is_away = home == ILL and at(2, 20) <= moment < at(3, 5.5)
        return {} if is_away else running(home, moment)

    street = Street(says=says)
    street.live_until(at(3, 6))
    assert street.lines(ILL)[2].reason is Reason.UNKNOWN
    street.says = running
    for start in (at(2, 20), at(2, 22), at(3, 0), at(3, 2)):
        street.arrive(
            [replace(one, received_at=at(3, 5.6)) for one in street._chunks_of(ILL, start)]
        )
    street.live_until(at(3, 14))
    assert street.lines(ILL)[2].reason is Reason.GOOD


@pytest.mark.rule("D-99")
def test_a_region_whose_evaluation_is_not_over_is_not_replayed():
    street = Street()
    street.live_until(at(2, 6))
    street.send(until=at(2, 13))
    process.plan(street.records, utc_offset_hours=OFFSET, at=at(2, 13))
    before = street.records.load(RegionSweep, REGION)
    shared = process.plan(
        street.records, utc_offset_hours=OFFSET, at=at(2, 13.2), replay_from=FIRST
    )
    assert street.records.load(RegionSweep, REGION) == before
    assert (shared.sites, shared.passed_over > 0) == (0, True)


@pytest.mark.rule("D-97")
def test_a_decision_while_the_next_evaluation_runs_leaves_it_to_that():
    street = Street(homes=14, made=lambda home, day: 26_000 if home < 6 and day >= 2 else CLEAR_WH)
    street.live_until(at(5, 6))
    street.send(until=at(5, 13))
    process.plan(street.records, utc_offset_hours=OFFSET, at=at(5, 13))
    process.decide(
        street.records, region_id=REGION, state=HoldState.RELEASED, by="pat", at=at(5, 13.1)
    )
    orders = [one for one in street.records.messages.values() if one.topic == process.REGION]
    assert all(one.body["at"] != at(5, 13).isoformat() for one in orders)
    street.deliver()
    found = [one for one in street.records.messages.values() if one.topic == "finding"]
    assert len(found) == 6
    stored = street.records.load(RegionSweep, REGION)
    assert stored is not None
    assert (stored.record.is_measured, stored.record.judged_at) == (True, at(5, 13))


@pytest.mark.rule("D-100a")
def test_an_evaluation_that_cannot_be_judged_is_left_to_the_next_one():
    street = Street()
    street.send(until=at(1, 5))
    process.plan(street.records, utc_offset_hours=OFFSET, at=at(1, 5))
    timer, rounds = next(iter(street.records.timers.values())), 0
    while timer.id in street.records.timers and rounds < 20:
        rounds += 1
        before = dict(street.records.timers)
        process.watch(street.records, timer=timer, at=timer.due_at + rounds * timedelta(hours=1))
        if street.records.timers == before:
            break
    assert rounds == 7
    assert "left to the next one" in street.records.history(f"SWEEP-{REGION}")[-1].says


@pytest.mark.rule("D-97")
def test_what_is_over_while_news_are_held_back_is_told_when_they_are_not():
    """The new issue stands in the old one's place, and is then taken out again."""
    old = Told("INV_FAULT", "INVERTER", "2026-06-01", Tier.DISPATCH)
    clock = IssueClock("CABINET_OPEN", at(0))
    seen = Seen("site-3", OFFSET, (old,), (clock,), NEW, (), at(3))
    first = telling(seen)
    assert (len(first.findings), first.recoveries) == (1, ())
    assert first.dangers_only().told == (old,)
    assert [one.family for one in telling(replace(seen, clocks=())).recoveries] == ["INVERTER"]
