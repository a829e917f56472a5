from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from detection_street import CLEAR_WH, FIRST, OFFSET, STEP, Street, at, next_sweep, running, site
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryChunks, MemoryRecords
from cloud.detection.models import IssueClock, SiteState, Tier
from cloud.detection.process import Looked, evaluate, sweep
from cloud.kernel.change import Change, Save
from cloud.kernel.ports import Stored
from cloud.telemetry.ports import StoredChunk, chunk_id
from edge_agent.reading import Reading, Window, seal

ILL = 3
"""The home that something happens to."""


def brief(told) -> list[tuple[str, str, str]]:
    return [(topic, body["family"], body.get("tier", "")) for _, topic, body in told]


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
    told = street.live_until(at(10, 22))
    assert brief(told) == [("finding", "PRODUCTION", "dispatch"), ("recovery", "PRODUCTION", "")]
    found_at, _, finding = told[0]
    assert found_at == at(5, 5)
    assert (finding["site_id"], finding["rule"]) == ("site-3", "D-13")
    assert finding["onset"] == "2026-06-03"
    assert finding["evidence"][0] == (
        "2026-06-03: 26.0 kWh of 40.0 kWh expected (65%, 6 neighbours)"
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
    assert street.live_until(at(8)) == []


@pytest.mark.rule("D-13")
@settings(max_examples=3, deadline=None)
@given(
    st.lists(st.sampled_from([0.02, 0.1, 0.3, 0.5, 0.75, 1.0, 1.1]), min_size=4, max_size=4),
    st.lists(st.floats(0.95, 1.05), min_size=7, max_size=7),
)
def test_clouds_over_all_never_open_a_case(clouds, roofs):
    street = Street(made=lambda home, day: int(CLEAR_WH * roofs[home] * clouds[day % 4]))
    assert street.live_until(at(4, 6)) == []


@pytest.mark.rule("D-13")
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(8_000, 42_000), min_size=7, max_size=7), min_size=4, max_size=6),
    st.lists(st.integers(1, 40), min_size=6, max_size=6),
)
def test_a_factor_common_to_all_homes_changes_no_verdict(days, factors):
    def verdicts(scaled: bool):
        fleet = [looked(home, days, factors if scaled else [1] * 6) for home in range(7)]
        return [
            [(day.is_judged, day.is_judged and near_floor(day)) for day in state.judged]
            for one in fleet
            for state in (evaluate(one, fleet, at(len(days), 5))[0],)
        ]

    assert verdicts(scaled=True) == verdicts(scaled=False)


def near_floor(day) -> str:
    """Give the verdict; within a watt-hour of rounding there is none to compare."""
    distance = day.actual_wh * 100 / max(day.expected_wh, 1) - 85
    return "on the floor" if abs(distance) < 0.02 else "low" if distance < 0 else "well"


def looked(home: int, days, factors) -> Looked:
    energy = {
        FIRST + timedelta(days=n): (made[home] * factors[n], 1.0) for n, made in enumerate(days)
    }
    state = SiteState(f"site-{home}", scale=1.0)
    return Looked(site(home, dc_rating_w=80_000), Stored(state, 1), {}, energy, ())


@pytest.mark.rule("D-12")
@pytest.mark.parametrize("begins", [8.0, 12.5, 13.5, 17.0], ids=lambda hour: f"{hour:.1f} h")
def test_an_inverter_fault_opens_one_case_after_48_to_56_hours(begins):
    onset = at(1, begins)
    street = Street(says=says({"St": 7}, onset, at(5, 12)))
    told = street.live_until(at(8))
    assert brief(told) == [("finding", "INVERTER", "dispatch"), ("recovery", "INVERTER", "")]
    found_at, _, finding = told[0]
    assert timedelta(hours=48) < found_at - onset <= timedelta(hours=56)
    assert finding["rule"] == "D-12"
    assert finding["onset"] == "2026-06-02"
    assert "INV_FAULT has lasted" in finding["says"]
    assert finding["evidence"][0].startswith(
        f"first seen {onset.astimezone(UTC):%Y-%m-%d %H:%M} UTC, not over by"
    )
    assert len(finding["causes"]) == 1
    assert told[1][2]["says"] == "INV_FAULT was not seen in 2 evaluations in a row"


@pytest.mark.rule("D-12")
def test_a_fault_that_ends_before_48_hours_opens_nothing():
    street = Street(says=says({"St": 7}, at(1, 8), at(3, 4)))
    assert street.live_until(at(6)) == []


@pytest.mark.rule("D-12a")
def test_nothing_is_told_of_an_issue_that_was_just_seen_gone():
    street = Street(says=says({"St": 7}, at(1, 12.5), at(3, 4.5)))
    assert street.live_until(at(3, 14)) == []
    assert [clock.good_evaluations for clock in street.state(ILL).clocks] == [1]
    assert street.live_until(at(6)) == []
    assert street.state(ILL).clocks == ()


@pytest.mark.rule("D-13")
def test_low_days_of_a_faulted_inverter_join_its_case_and_recover_with_it_once():
    street = Street(
        made=lambda home, day: 1_000 if home == ILL and 1 <= day <= 5 else CLEAR_WH,
        says=says({"St": 7}, at(1, 7), at(5, 12)),
    )
    told = street.live_until(at(9, 22))
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
    told = street.live_until(at(11))
    assert brief(told) == [
        ("finding", "INVERTER", "dispatch"),
        ("finding", "INVERTER", "dispatch"),
        ("recovery", "INVERTER", ""),
    ]
    assert told[2][0] > at(9, 12)


@pytest.mark.rule("D-12")
def test_two_issues_of_one_inverter_recover_once():
    street = Street(says=says({"St": 7, "Evt1": 1}, at(1, 8), at(4, 12)))
    told = street.live_until(at(7))
    assert brief(told) == [
        ("finding", "INVERTER", "dispatch"),
        ("finding", "INVERTER", "dispatch"),
        ("recovery", "INVERTER", ""),
    ]
    assert told[2][2]["says"].startswith("GROUND_FAULT, INV_FAULT was not seen")


@pytest.mark.rule("D-64")
def test_low_days_are_told_once_more_under_their_own_family_when_sure_enough_for_a_visit():
    wide = [34_000, 36_000, 37_500, 0, 42_500, 44_000, 46_000]

    def made(home: int, day: int) -> int:
        if home == ILL:
            return {1: 33_000, 2: 33_000, 3: 33_000}.get(day, 20_000)
        return wide[home] if day in {1, 2, 3} else CLEAR_WH

    street = Street(made=made, says=says({"St": 7}, at(3, 7), at(7)))
    told = street.live_until(at(7, 6))
    assert brief(told) == [
        ("finding", "PRODUCTION", "literal"),
        ("finding", "INVERTER", "dispatch"),
        ("finding", "PRODUCTION", "dispatch"),
    ]
    assert told[0][0] == at(3, 5)


@pytest.mark.rule("D-12")
def test_a_silent_gateway_is_a_loss_of_communications_and_never_of_production():
    street = Street(
        made=lambda home, day: 0 if home == ILL and 2 <= day <= 7 else CLEAR_WH,
        says=says({}, at(2, 6), at(8, 3)),
    )
    told = street.live_until(at(12))
    assert brief(told) == [
        ("finding", "COMMUNICATIONS", "literal"),
        ("recovery", "COMMUNICATIONS", ""),
    ]
    heard_last = at(2, 13)
    assert timedelta(hours=48) < told[0][0] - heard_last <= timedelta(hours=56)
    assert told[0][2]["causes"] == []
    reasons = {day.day.day: day.reason for day in street.state(ILL).judged if not day.is_judged}
    assert set(reasons) == {3, 4, 5, 6, 7, 8, 9}
    assert all("counter is not known" in reason for reason in reasons.values())


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
    before = [street.records.load(SiteState, f"site-{home}") for home in range(7)]
    messages = dict(street.records.messages)
    assert len(messages) == 1
    for again in (street.now, street.now - timedelta(hours=8)):
        assert sweep(street.records, street.chunks, utc_offset_hours=OFFSET, at=again) == 0
    assert [street.records.load(SiteState, f"site-{home}") for home in range(7)] == before
    assert street.records.messages == messages


@pytest.mark.rule("D-11")
def test_a_sweep_that_was_cut_off_is_run_again_and_tells_the_same():
    street, whole = Street(made=dead_string(0, 9)), Street(made=dead_string(0, 9))
    street.live_until(at(2, 22))
    street.send(until=at(3, 5))
    cut = street.records

    class Interrupted(Exception):
        pass

    class CutOff(MemoryRecords):
        def __init__(self) -> None:
            self.__dict__.update(cut.__dict__)
            self.left = 2

        def commit(self, change: Change) -> None:
            if not self.left:
                raise Interrupted
            self.left -= 1
            super().commit(change)

    with pytest.raises(Interrupted):
        sweep(CutOff(), street.chunks, utc_offset_hours=OFFSET, at=at(3, 5))
    assert sweep(street.records, street.chunks, utc_offset_hours=OFFSET, at=at(3, 5)) == 1
    whole.live_until(at(3, 5))
    assert street.records.messages == whole.records.messages
    assert [street.state(home) for home in range(7)] == [whole.state(home) for home in range(7)]


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


@pytest.mark.rule("D-61")
def test_a_home_with_low_days_is_no_witness_of_the_weather():
    street = Street(homes=6, made=lambda home, day: 26_000 if home == 0 else CLEAR_WH)
    street.live_until(at(6))
    assert [day.neighbours for day in street.state(ILL).judged[1:]] == [5, 5, 5, 4, 4]


@pytest.mark.rule("D-63")
def test_roofs_differ_and_the_warm_up_learns_it():
    roofs = [0.9, 0.95, 1.0, 0.7, 1.0, 1.05, 1.1]
    street = Street(
        learned=False,
        made=lambda home, day: int(
            CLEAR_WH
            * roofs[home]
            * (1, 0.4, 0.8)[day % 3]
            * (0.6 if day >= 16 else 1) ** (home == 3)
        ),
    )
    assert street.live_until(at(16, 22)) == []
    assert street.state(ILL).scale == pytest.approx(0.7 / 1.0, rel=0.03)
    assert street.state(ILL).ratios == ()
    judged = street.state(ILL).judged
    assert [day.day.day for day in judged if day.is_judged] == [15, 16]
    assert judged[0].reason.startswith("the site is new")
    told = street.live_until(at(20))
    assert brief(told) == [("finding", "PRODUCTION", "dispatch")]
    assert told[0][0] == at(19, 5)


@pytest.mark.rule("D-63")
def test_warm_up_without_enough_neighbours_learns_nothing():
    street = Street(homes=5, learned=False)
    street.live_until(at(15))
    assert street.state(0).scale is None
    assert street.state(0).ratios == ()


@pytest.mark.rule("D-65")
def test_a_day_with_few_samples_is_not_judged_though_the_counter_is_known():
    street = Street(says=says({}, at(2, 4), at(2, 20)))
    street.live_until(at(4, 6))
    verdicts = {day.day.day: day for day in street.state(ILL).judged}
    assert not verdicts[3].is_judged
    assert verdicts[4].is_judged
    assert {day.day.day: day.neighbours for day in street.state(0).judged}[3] == 5


def test_a_day_waits_for_its_data_and_is_judged_when_it_comes():
    late = Street(says=says({}, at(2, 2), at(9)))
    late.live_until(at(4, 12))
    assert late.state(ILL).judged[-1].day == FIRST + timedelta(days=1)
    late.says = running
    late._sent = at(2, 2)
    late.live_until(at(4, 22))
    verdicts = late.state(ILL).judged
    assert verdicts[-1].day == FIRST + timedelta(days=3)
    assert all(day.is_judged for day in verdicts)


def test_a_site_that_is_not_commissioned_yet_is_passed_over():
    street = Street()
    street.records.commit(Change(saves=(Save(site(8, commissioned_on=FIRST.replace(day=20))),)))
    assert street.live_until(at(5)) == []
    assert street.records.load(SiteState, "site-8") is None


def test_a_site_that_is_older_than_the_rules_is_swept():
    records, chunks = MemoryRecords(), MemoryChunks()
    old = site(0, commissioned_on=FIRST.replace(year=2019))
    records.commit(Change(saves=(Save(old),)))
    assert sweep(records, chunks, utc_offset_hours=OFFSET, at=at(0, 5)) == 0
    stored = records.load(SiteState, old.id)
    assert stored is not None
    assert stored.record.judged[0].day == FIRST - timedelta(days=30)


def test_sites_of_another_clock_are_left_alone():
    street = Street()
    assert sweep(street.records, street.chunks, utc_offset_hours=-8, at=at(3, 5)) == 0
    assert street.state(0).evaluated_at == at(0)


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
    assert street.state(ILL).judged[-1].is_judged


@pytest.mark.parametrize(
    ("clocks", "production", "families"),
    [
        pytest.param((), None, [], id="nothing was told"),
        pytest.param(("INV_FAULT",), None, ["INVERTER"], id="a fault"),
        pytest.param((), "PRODUCTION", ["PRODUCTION"], id="low days"),
        pytest.param(("INV_FAULT",), "INVERTER", ["INVERTER"], id="a fault and what it cost"),
        pytest.param(
            ("BATTERY_FAULT", "INV_FAULT"),
            "PRODUCTION",
            ["BATTERY", "INVERTER", "PRODUCTION"],
            id="three families",
        ),
    ],
)
def test_everything_that_ends_at_once_recovers_once(clocks, production, families):
    street = Street()
    street.live_until(at(3, 14))
    street.send(until=at(3, 21))
    stored = street.records.load(SiteState, "site-3")
    assert stored is not None
    state = SiteState(
        id="site-3",
        scale=1.0,
        judged=stored.record.judged,
        clocks=tuple(IssueClock(name, at(0), good_evaluations=1, told=True) for name in clocks),
        evaluated_at=at(3, 13),
        production_told=Tier.DISPATCH if production else None,
        production_family=production or "",
    )
    street.records.commit(Change(saves=(stored.replaced_by(state),)))
    told = street.live_until(at(3, 22))
    assert brief(told) == [("recovery", family, "") for family in families]


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


def test_a_day_that_becomes_known_after_a_later_one_is_judged() -> None:
    """A gateway that was cut off sends its newest chunks first."""
    from datetime import date, timedelta

    from cloud.detection.models import JudgedDay, SiteState
    from cloud.detection.process import _first_unjudged

    today = date(2026, 6, 10)
    known = [JudgedDay(today - timedelta(days=n), 20_000, 20_000) for n in (6, 5, 4)]
    gap = JudgedDay(today - timedelta(days=3), None, None, reason="unknown")
    late = JudgedDay(today - timedelta(days=2), 20_000, 20_000)
    state = SiteState("S", scale=1.0, judged=(*known, gap, late))
    assert _first_unjudged(None, state, today) == gap.day
    assert _first_unjudged(None, state, today + timedelta(days=1)) == late.day + timedelta(days=1)
