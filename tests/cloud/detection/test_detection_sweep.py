import random  # noqa: TID251 - its seed is drawn, and shown when it fails
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from detection_street import (
    CLEAR_WH,
    DAY,
    FIRST,
    OFFSET,
    STEP,
    Street,
    at,
    deliver,
    next_sweep,
    running,
    site,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryRecords
from cloud.detection import process
from cloud.detection.models import RegionRoster, SiteFacts, SiteTrack, place_of
from cloud.detection.verdict import Reason
from cloud.kernel.change import Change, Save
from cloud.portfolio.models import Site
from cloud.telemetry.ports import StoredChunk, chunk_id
from edge_agent.reading import Reading, Window, seal

ILL = 3
"""The home that something happens to."""


def brief(told) -> list[tuple[str, str, str]]:
    return [
        (topic, body["family"], body.get("tier", ""))
        for _, topic, body in told
        if topic in {"finding", "recovery"}
    ]


def found(told):
    """Leave out the sweep's own orders."""
    return [one for one in told if one[1] in {"finding", "recovery"}]


def dead_string(first: int, last: int):
    """A third of the home's energy is gone from one day to another."""

    def made(home: int, day: int) -> int:
        lost = home == ILL and first <= day <= last
        return 26_000 if lost else CLEAR_WH

    return made


def says(columns, first: datetime, last: datetime):
    """The home's inverter says something else from one instant to another."""

    def of(home: int, instant: datetime):
        return columns if home == ILL and first <= instant < last else running(home, instant)

    return of


@pytest.mark.rule("D-13")
@pytest.mark.rule("D-13a")
@pytest.mark.rule("D-13c")
def test_a_dead_string_opens_one_case_on_the_third_low_day_and_recovers_once():
    street = Street(made=dead_string(2, 6))
    told = found(street.live_until(at(10, 22)))
    assert brief(told) == [("finding", "PRODUCTION", "dispatch"), ("recovery", "PRODUCTION", "")]
    found_at, _, finding = told[0]
    assert found_at == at(5, 5)
    assert (finding["site_id"], finding["rule"]) == ("site-3", "D-13")
    assert finding["onset"] == "2026-06-03"
    assert finding["evidence"][0] == (
        "2026-06-03: 26.0 of 40.1 kWh expected (65%), 6 neighbours within 25 km: "
        "below the floor, counts"
    )
    assert len(finding["evidence"]) == 3
    assert finding["causes"] == [
        chunk_id(stored)
        for start in (at(3, 22), at(4, 22))
        for stored in street.chunks.between("gw-3", start, start + timedelta(hours=1))
    ]
    assert finding["causes"][0].startswith("gw-3/2026-06-05T03:00Z/")
    assert told[1][0] == at(10, 5)
    event = street.records.history(finding["finding_id"])[0]
    assert (event.what, event.rule, event.causes) == (
        "finding_made",
        "D-13",
        tuple(finding["causes"]),
    )


@pytest.mark.rule("D-13a")
def test_two_low_days_are_no_case():
    street = Street(made=dead_string(2, 3))
    assert found(street.live_until(at(8))) == []


@pytest.mark.rule("D-13")
@settings(max_examples=3, deadline=None)
@given(
    st.lists(st.sampled_from([0.02, 0.1, 0.3, 0.5, 0.75, 1.0, 1.1]), min_size=4, max_size=4),
    st.lists(st.floats(0.95, 1.05), min_size=7, max_size=7),
)
def test_clouds_over_all_never_open_a_case(clouds, roofs):
    street = Street(made=lambda home, day: int(CLEAR_WH * roofs[home] * clouds[day % 4]))
    assert found(street.live_until(at(4, 6))) == []


@pytest.mark.rule("D-12")
@pytest.mark.parametrize("begins", [8.0, 12.5, 13.5, 17.0], ids=lambda hour: f"{hour:.1f} h")
def test_an_inverter_fault_opens_one_case_after_48_to_56_hours(begins):
    onset = at(1, begins)
    street = Street(says=says({"St": 7}, onset, at(5, 12)))
    told = found(street.live_until(at(8)))
    assert brief(told) == [("finding", "INVERTER", "dispatch"), ("recovery", "INVERTER", "")]
    found_at, _, finding = told[0]
    assert timedelta(hours=48) < found_at - onset <= timedelta(hours=56)
    assert finding["rule"] == "D-12"
    assert finding["onset"] == "2026-06-02"
    assert finding["says"].startswith("the inverter, or one of its inputs, reports a fault, for")
    assert finding["evidence"][0].startswith(
        f"INV_FAULT (SN-3): first seen {onset.astimezone(UTC):%Y-%m-%d %H:%M} UTC, not over by"
    )
    assert len(finding["causes"]) == 1
    assert told[1][2]["says"] == "INV_FAULT was not seen in 2 evaluations in a row"


@pytest.mark.rule("D-12")
def test_a_fault_that_ends_before_48_hours_opens_nothing():
    street = Street(says=says({"St": 7}, at(1, 8), at(3, 4)))
    assert found(street.live_until(at(6))) == []


@pytest.mark.rule("D-12a")
def test_nothing_is_told_of_an_issue_that_was_just_seen_gone():
    street = Street(says=says({"St": 7}, at(1, 12.5), at(3, 4.5)))
    assert found(street.live_until(at(3, 14))) == []
    assert [clock.good_evaluations for clock in street.facts(ILL).clocks] == [1]
    assert found(street.live_until(at(6))) == []
    assert street.facts(ILL).clocks == ()


@pytest.mark.rule("D-13")
def test_low_days_of_a_faulted_inverter_join_its_case_and_recover_with_it_once():
    street = Street(
        made=lambda home, day: 1_000 if home == ILL and 1 <= day <= 5 else CLEAR_WH,
        says=says({"St": 7}, at(1, 7), at(5, 12)),
    )
    told = found(street.live_until(at(9, 22)))
    assert brief(told) == [
        ("finding", "INVERTER", "dispatch"),
        ("finding", "INVERTER", "dispatch"),
        ("recovery", "INVERTER", ""),
    ]
    assert [body.get("rule") for _, _, body in told] == ["D-12", "D-13", None]
    assert told[2][0] == at(9, 5)
    assert "three" not in told[2][2]["says"]
    assert told[2][2]["says"].startswith("3 days in a row make again")


@pytest.mark.rule("D-13")
def test_a_fault_that_outlasts_the_low_days_recovers_once_at_its_own_end():
    street = Street(
        made=lambda home, day: 1_000 if home == ILL and 1 <= day <= 4 else CLEAR_WH,
        says=says({"St": 7}, at(1, 7), at(9, 12)),
    )
    told = found(street.live_until(at(11)))
    assert brief(told) == [
        ("finding", "INVERTER", "dispatch"),
        ("finding", "INVERTER", "dispatch"),
        ("recovery", "INVERTER", ""),
    ]
    assert told[2][0] > at(9, 12)


@pytest.mark.rule("D-12")
def test_two_issues_of_one_inverter_recover_once():
    street = Street(says=says({"St": 7, "Evt1": 1}, at(1, 8), at(4, 12)))
    told = found(street.live_until(at(7)))
    assert brief(told) == [
        ("finding", "INVERTER", "dispatch"),
        ("finding", "INVERTER", "dispatch"),
        ("recovery", "INVERTER", ""),
    ]
    assert told[2][2]["says"].startswith("GROUND_FAULT, INV_FAULT was not seen")


@pytest.mark.rule("D-77b")
def test_low_days_are_told_once_more_under_their_own_family_when_sure_enough_for_a_visit():
    def made(home: int, day: int) -> int:
        if home == ILL and day >= 1:
            return 32_800 if day <= 3 else 20_000
        return CLEAR_WH

    street = Street(made=made, says=says({"St": 7}, at(2, 7), at(7)))
    told = found(street.live_until(at(7, 6)))
    assert brief(told) == [
        ("finding", "PRODUCTION", "literal"),
        ("finding", "INVERTER", "dispatch"),
        ("finding", "PRODUCTION", "dispatch"),
    ]
    assert [when for when, _, _ in told] == [at(4, 5), at(4, 13), at(5, 5)]


@pytest.mark.rule("D-12")
def test_a_silent_gateway_is_a_loss_of_communications_and_not_of_production():
    street = Street(says=says({}, at(2, 6), at(8, 3)))
    told = found(street.live_until(at(12)))
    assert brief(told) == [
        ("finding", "COMMUNICATIONS", "literal"),
        ("recovery", "COMMUNICATIONS", ""),
    ]
    heard_last = at(2, 13)
    assert timedelta(hours=48) < told[0][0] - heard_last <= timedelta(hours=56)
    assert told[0][2]["causes"] == []
    unknown = [day for day, line in street.lines(ILL).items() if line.reason is Reason.UNKNOWN]
    assert unknown == [2, 3, 4, 5, 6, 7, 8]
    gap = street.lines(ILL)[9].gap
    assert gap is not None
    assert not gap.is_loss(85)


@pytest.mark.rule("D-13")
def test_on_return_the_counter_tells_that_a_silent_home_made_nothing_either():
    street = Street(
        made=lambda home, day: 0 if home == ILL and 2 <= day <= 7 else CLEAR_WH,
        says=says({}, at(2, 6), at(8, 3)),
    )
    told = found(street.live_until(at(12)))
    assert brief(told)[:2] == [
        ("finding", "COMMUNICATIONS", "literal"),
        ("recovery", "COMMUNICATIONS", ""),
    ]
    assert brief(told)[2] == ("finding", "PRODUCTION", "literal")
    assert told[2][0] == at(10, 5)
    assert told[2][2]["says"].startswith("the counter shows of 7 days without readings")
    assert "each of them counts" in told[2][2]["evidence"][-1]


@pytest.mark.rule("D-12")
def test_an_inverter_that_does_not_answer_is_no_loss_of_production():
    street = Street(says=says(None, at(2, 6), at(6, 6)))
    assert brief(street.live_until(at(10))) == [
        ("finding", "COMMUNICATIONS", "literal"),
        ("recovery", "COMMUNICATIONS", ""),
    ]


@pytest.mark.rule("D-11")
def test_the_same_sweep_twice_changes_nothing():
    street = Street(made=dead_string(0, 9))
    street.live_until(at(3, 6))
    before = kept(street)
    messages = dict(street.records.messages)
    assert len([one for one in messages.values() if one.topic == "finding"]) == 1
    for again in (street.now, street.now - timedelta(hours=8)):
        street.sweep(again)
    assert kept(street) == before
    assert street.records.messages == messages


def kept(street: Street):
    """Give all that is remembered of the homes."""
    return [
        street.records.load(kind, f"site-{home}")
        for home in range(street.homes)
        for kind in (SiteFacts, SiteTrack)
    ]


@pytest.mark.rule("D-11")
@pytest.mark.parametrize("left", [1, 2, 4, 6])
def test_a_sweep_that_was_cut_off_is_run_again_and_tells_the_same(left):
    street, whole = Street(made=dead_string(0, 9)), Street(made=dead_string(0, 9))
    street.live_until(at(2, 22))
    street.send(until=at(3, 5))
    street.now = at(3, 5)

    class Interrupted(Exception):
        pass

    class CutOff(MemoryRecords):
        def __init__(self) -> None:
            self.__dict__.update(street.records.__dict__)
            self.left = left

        def commit(self, change: Change) -> None:
            if not self.left:
                raise Interrupted
            self.left -= 1
            super().commit(change)

    records = CutOff()

    def cut_off() -> None:
        process.plan(records, utc_offset_hours=OFFSET, at=at(3, 5))
        deliver(street, records, set(street.done))

    with pytest.raises(Interrupted):
        cut_off()
    street.sweep(at(3, 5))  # the schedule and the queues give again what was not acknowledged
    whole.live_until(at(3, 5))
    assert street.records.messages == whole.records.messages
    assert len(found_in(street)) == 1
    assert [(one.record if one else None) for one in kept(street)] == [
        (one.record if one else None) for one in kept(whole)
    ]


def found_in(street: Street):
    return [one for one in street.records.messages.values() if one.topic == "finding"]


@pytest.mark.rule("D-11")
def test_evaluations_keep_standard_time_over_the_change_of_the_clock():
    moments = [datetime.fromisoformat("2026-11-01T00:00-05:00")]
    while len(moments) < 5:
        moments.append(next_sweep(moments[-1]))
    assert {after - before for before, after in pairwise(moments[1:])} == {timedelta(hours=8)}


@pytest.mark.rule("D-61")
@pytest.mark.parametrize(
    ("homes", "told"),
    [(5, []), (6, [("finding", "PRODUCTION", "dispatch")])],
    ids=["four neighbours", "five neighbours"],
)
def test_a_site_with_few_neighbours_is_not_judged(homes, told):
    street = Street(homes=homes, made=dead_string(0, 9))
    assert brief(street.live_until(at(4))) == told


@pytest.mark.rule("D-76")
def test_a_home_with_low_days_is_no_witness_of_the_weather():
    street = Street(homes=6, made=lambda home, day: 26_000 if home == 0 else CLEAR_WH)
    street.live_until(at(5))
    neighbours = [line.neighbours for _, line in sorted(street.lines(ILL).items())]
    assert neighbours == [5, 5, 0, 0]


@pytest.mark.rule("D-63")
def test_roofs_differ_and_the_warm_up_learns_it():
    roofs = [0.9, 0.95, 1.0, 0.7, 1.0, 1.05, 1.1]
    street = Street(
        learned=False,
        made=lambda home, day: int(
            CLEAR_WH
            * roofs[home]
            * (1, 0.5, 0.8)[day % 3]
            * (0.6 if day >= 16 else 1) ** (home == ILL)
        ),
    )
    assert found(street.live_until(at(16, 22))) == []
    judged = [day for day, line in street.lines(ILL).items() if line.is_counted]
    assert judged == [14, 15]
    assert street.lines(ILL)[3].reason is Reason.WARM_UP
    told = found(street.live_until(at(20)))
    assert brief(told) == [("finding", "PRODUCTION", "dispatch")]
    assert told[0][0] == at(19, 5)


@pytest.mark.rule("D-63")
def test_warm_up_without_enough_neighbours_learns_nothing():
    street = Street(homes=5, learned=False)
    street.live_until(at(15))
    reasons = {line.reason for line in street.lines(0).values()}
    assert reasons == {Reason.NO_WEATHER}


@pytest.mark.rule("D-65")
def test_a_day_with_few_samples_is_not_judged_though_the_counter_is_known():
    street = Street(says=says({}, at(2, 4), at(2, 20)))
    street.live_until(at(4, 6))
    assert street.lines(ILL)[2].reason is Reason.PARTIAL
    assert street.lines(ILL)[3].is_counted
    assert street.lines(0)[2].neighbours == 5


@pytest.mark.rule("T-25")
@pytest.mark.rule("D-99")
def test_a_day_that_becomes_known_late_is_judged_as_if_it_had_been_there_in_time():
    late, prompt = Street(made=dead_string(1, 4)), Street(made=dead_string(1, 4))
    late.says = says({}, at(2, 2), at(4, 12))
    late.live_until(at(4, 12))
    assert [late.lines(ILL)[day].reason for day in (2, 3)] == [Reason.UNKNOWN] * 2
    late.says = running
    for missing in late_chunks(late, at(2, 2), at(4, 12)):
        late.arrive([missing])
    late.live_until(at(9))
    prompt.live_until(at(9))
    assert late.lines(ILL) == prompt.lines(ILL)
    assert late.lines(0) == prompt.lines(0)
    assert [one.body["onset"] for one in found_in(late)] == ["2026-06-02"]


def late_chunks(street: Street, first: datetime, last: datetime):
    """Give what a home's gateway could not send between two instants, newest first."""
    starts = []
    start = at(0) - timedelta(hours=6)
    while start < last:
        if start >= first:
            starts.append(start)
        start += timedelta(hours=2)
    return [
        replace(chunk, received_at=street.now)
        for start in reversed(starts)
        for chunk in street._chunks_of(ILL, start)
    ]


@pytest.mark.rule("D-99")
@pytest.mark.rule("D-99a")
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_the_order_in_which_chunks_come_changes_no_verdict(seed):
    dice = random.Random(seed)
    prompt = Street(made=dead_string(2, 6))
    prompt.live_until(at(9, 6))
    shuffled = Street(made=dead_string(2, 6))
    waiting: list[StoredChunk] = []

    def arrive(chunks):
        """Keep some back for days, and send some twice."""
        waiting.extend(chunks)
        dice.shuffle(waiting)
        ready = waiting[: dice.randint(0, len(waiting))]
        del waiting[: len(ready)]
        ready += dice.sample(ready, len(ready) // 4)
        Street.arrive(shuffled, [replace(one, received_at=shuffled.now) for one in ready])

    shuffled.arrive = arrive
    shuffled.live_until(at(8, 22))
    Street.arrive(shuffled, [replace(one, received_at=shuffled.now) for one in waiting])
    shuffled.live_until(at(9, 6))
    for home in range(7):
        assert shuffled.lines(home) == prompt.lines(home)
        assert shuffled.track(home).latest == prompt.track(home).latest


@pytest.mark.rule("D-99")
@pytest.mark.parametrize("first", [3, 44], ids=lambda day: f"from day {day}")
def test_a_replay_from_any_open_day_gives_the_same_verdicts(first):
    street = Street(made=dead_string(38, 60))
    street.live_until(at(45, 6))
    before = [street.track(home) for home in range(7)]
    messages = set(street.records.messages)
    street.sweep(street.now, replay_from=FIRST + first * DAY)
    assert [street.track(home) for home in range(7)] == before
    new = [street.records.messages[one] for one in set(street.records.messages) - messages]
    assert {one.topic for one in new} == {"sweep_shard", "sweep_region"}


def test_a_site_that_is_not_commissioned_yet_is_passed_over():
    street = Street()
    street.records.commit(Change(saves=(Save(site(8, commissioned_on=FIRST.replace(day=20))),)))
    assert found(street.live_until(at(5))) == []
    assert street.records.load(SiteTrack, "site-8") is None


def test_a_site_that_is_older_than_the_rules_is_swept():
    street = Street(homes=1)
    old = replace(site(9), commissioned_on=FIRST.replace(year=2019))
    street.records.commit(Change(saves=(Save(old),)))
    street.sweep(at(0, 5))
    stored = street.records.load(SiteFacts, old.id)
    assert stored is not None
    assert len(stored.record.rows) == 45


def test_sites_of_another_clock_are_left_alone():
    street = Street()
    assert process.plan(street.records, utc_offset_hours=-8, at=at(3, 5)).sites == 0
    assert street.records.messages == {}


def test_a_roster_tells_where_its_sites_lie_and_is_written_anew_only_where_one_moved():
    street = Street(homes=2)
    region = site(0).region

    def planned(day: int):
        process.plan(street.records, utc_offset_hours=OFFSET, at=at(day, 5))
        stored = street.records.load(RegionRoster, region)
        assert stored is not None
        return stored

    first = planned(3)
    known = [street.records.load(Site, one) for one in first.record.site_ids]
    assert first.record.places == tuple(place_of(one.record) for one in known if one)
    assert planned(4).version == first.version
    moved = replace(known[0].record, latitude=known[0].record.latitude + 0.01)
    street.records.commit(Change(saves=(known[0].replaced_by(moved),)))
    again = planned(5).record
    assert again.places == (place_of(moved), *first.record.places[1:])
    unplaced = replace(again, places=())
    street.records.commit(Change(saves=(planned(5).replaced_by(unplaced),)))
    assert planned(6).record == again


def test_a_change_of_the_sampling_step_does_not_lose_the_days_before():
    street = Street()
    street.live_until(at(1, 22))
    fine = at(2, 4)
    t0 = int(fine.timestamp())
    readings = [
        Reading("SN-3", moment, 0, "1.103", {"WH": street._counter(ILL, at(2)), "St": 4})
        for moment in range(t0, t0 + 3600, STEP // 30)
    ]
    window = Window("gw-3", "5f", 10_000, t0, STEP // 30, 60, 1)
    street.chunks.put([StoredChunk("gw-3", fine, 10_000, seal(window, readings), at(2, 5))])
    street.live_until(at(2, 6))
    assert street.lines(ILL)[1].is_counted


@pytest.mark.rule("D-13")
def test_low_days_found_with_the_fault_that_explains_them_join_it_also_after_a_pause_of_sweeps():
    street = Street(
        made=lambda home, day: 1_000 if home == ILL and day >= 1 else CLEAR_WH,
        says=says({"St": 7}, at(1, 7), at(9)),
    )
    street.live_until(at(1, 6))
    street.send(until=at(4, 5))
    street.now = at(4, 4)
    assert brief(street.live_until(at(4, 6))) == [
        ("finding", "INVERTER", "dispatch"),
        ("finding", "INVERTER", "dispatch"),
    ]
