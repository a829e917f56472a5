"""What a street says together: outages of the grid, and inverters that rest while others run."""

from datetime import timedelta

import pytest
from detection_street import CLEAR_WH, OPERATIONS, REGION, Street, at, running

from cloud.detection.daylight import Place
from cloud.detection.hearing import Heard, heard, packed_outage, still_known, unpacked_outage
from cloud.detection.hours import SiteHour
from cloud.detection.issues import Observed
from cloud.detection.models import RegionOutages
from cloud.detection.outages import GridOutage
from cloud.detection.packed import packed_result

ILL = 3
GRID_DISCONNECT, BATTERY_OTHER = 1 << 4, 1 << 25
FULL_W, NO_W = 5000, 0
FAR = at(99)
HOURS_48, HOURS_56 = timedelta(hours=48), timedelta(hours=56)


def producing(home, instant, *, clear=True):
    """Give what an inverter says that makes power by day, much of it or next to none."""
    usual = running(home, instant)
    watts = FULL_W if clear else 50
    return {**usual, "W": watts if usual["St"] == 4 else NO_W}


def brief(told):
    return [
        (topic, body["site_id"], body["family"])
        for _, topic, body in told
        if topic in {"finding", "recovery"}
    ]


def notices(street):
    return [one for one in street.records.letters.values() if one.to == OPERATIONS]


# ---------------------------------------------------------------------- the grid
def grid_lost(homes, first, last, more=lambda home: {}):
    """Some homes say by day that they are cut off from the grid."""

    def says(home, instant):
        usual = {"BatEvt1": 0, **producing(home, instant)}
        if home in homes and first <= instant < last and usual["St"] == 4:
            return {**usual, "Evt1": GRID_DISCONNECT, **more(home)}
        return usual

    return says


@pytest.mark.rule("D-84")
def test_many_homes_that_lose_the_grid_are_one_letter_and_no_case():
    street = Street(says=grid_lost(range(7), at(1, 9), at(4, 12)))
    assert brief(street.live_until(at(6))) == []
    (letter,) = notices(street)
    assert letter.at == at(1, 13)
    assert "for 7 of 7 homes" in letter.text
    assert "No case is opened" in letter.text
    assert all(f"site-{home}" in letter.text for home in range(7))
    (event,) = street.records.history(letter.thread)
    assert (event.what, event.rule) == ("grid_outage", "D-84")
    stored = street.records.load(RegionOutages, REGION)
    assert stored is not None
    assert stored.record.rows == ()


@pytest.mark.rule("D-84")
@pytest.mark.parametrize(
    ("homes", "letters", "cases"),
    [
        pytest.param([1, 2], 0, ["site-1", "site-2"], id="two of seven are their own"),
        pytest.param([1, 2, 3], 1, [], id="three of seven are the grid's"),
    ],
)
def test_how_many_homes_make_an_outage(homes, letters, cases):
    street = Street(says=grid_lost(homes, at(1, 9), at(9)))
    told = [one for one in street.live_until(at(4, 6)) if one[1] in {"finding", "recovery"}]
    assert brief(told) == [("finding", name, "INVERTER") for name in cases]
    assert all(HOURS_48 < found_at - at(1, 9) <= HOURS_56 for found_at, _, _ in told)
    assert len(notices(street)) == letters


@pytest.mark.rule("D-84a")
def test_an_outage_over_the_night_is_told_once_and_one_of_next_week_again():
    first, second = (at(1, 15), at(2, 10)), (at(5, 9), at(5, 12))

    def says(home, instant):
        for begins, ends in (first, second):
            if begins <= instant < ends:
                return grid_lost(range(7), begins, ends)(home, instant)
        return producing(home, instant)

    street = Street(says=says)
    assert brief(street.live_until(at(6))) == []
    assert [one.at for one in notices(street)] == [at(1, 21), at(5, 13)]


@pytest.mark.rule("D-80")
@pytest.mark.parametrize(
    "homes",
    [range(7), [ILL]],
    ids=["in an outage of its town", "cut off by itself"],
)
def test_a_failing_battery_is_an_emergency_while_its_home_has_no_grid(homes):
    def broken(home):
        return {"BatEvt1": BATTERY_OTHER} if home == ILL else {}

    street = Street(says=grid_lost(homes, at(1, 9), at(1, 12), broken))
    told = [one for one in street.live_until(at(1, 14)) if one[1] == "finding"]
    ((found_at, _, finding),) = told
    assert found_at == at(1, 13)
    assert (finding["site_id"], finding["family"]) == ("site-3", "BATTERY")
    assert (finding["rule"], finding["hazard"]) == ("D-80", "bess_malfunction")
    assert finding["is_grid_out"]
    assert finding["tier"] == "dispatch"


@pytest.mark.rule("D-80")
def test_a_failing_battery_that_has_its_grid_waits_and_is_none():
    def says(home, instant):
        usual = {"BatEvt1": 0, **producing(home, instant)}
        return {**usual, "BatEvt1": BATTERY_OTHER} if home == ILL and instant >= at(1, 9) else usual

    told = [one for one in Street(says=says).live_until(at(4)) if one[1] == "finding"]
    ((found_at, _, finding),) = told
    assert HOURS_48 < found_at - at(1, 9) <= HOURS_56
    assert (finding["rule"], finding["hazard"]) == ("D-12", "")
    assert not finding["is_grid_out"]


# ---------------------------------------------------------------------- neighbours
def off_from(first, *, clear=True, last=FAR):
    def says(home, instant):
        if home == ILL and first <= instant < last:
            return {"St": 1, "Evt1": 0, "W": NO_W}
        return producing(home, instant, clear=clear)

    return says


@pytest.mark.rule("D-83")
@pytest.mark.rule("D-12")
def test_an_inverter_that_is_off_while_others_run_is_a_case_after_48_hours():
    street = Street(says=off_from(at(1, 10), last=at(5, 10)))
    told = [one for one in street.live_until(at(8)) if one[1] in {"finding", "recovery"}]
    assert brief(told) == [
        ("finding", "site-3", "INVERTER"),
        ("recovery", "site-3", "INVERTER"),
    ]
    found_at, _, finding = told[0]
    assert HOURS_48 < found_at - at(1, 10) <= HOURS_56
    assert finding["says"].startswith("the inverter is off while homes around it produce")
    assert told[1][0] > at(5, 10)


@pytest.mark.rule("D-83")
@pytest.mark.parametrize(
    "street",
    [
        pytest.param(Street(says=off_from(at(1, 10), clear=False)), id="neighbours make nothing"),
        pytest.param(Street(homes=5, says=off_from(at(1, 10))), id="four neighbours"),
        pytest.param(
            Street(says=off_from(at(1, 10), last=at(3, 4))), id="it runs again before 48 hours"
        ),
    ],
)
def test_an_inverter_that_is_off_is_no_case_when(street):
    assert brief(street.live_until(at(5))) == []


@pytest.mark.rule("D-83")
def test_the_same_evaluation_again_moves_no_clock():
    street = Street(says=off_from(at(1, 10)))
    street.live_until(at(1, 22))
    before = [street.track(home) for home in range(7)]
    assert [clock.family for clock in before[ILL].clocks] == ["INV_OFF_DAYLIGHT"]
    for shard in range(1):
        street.measure(shard, street.now)
    street.judge(street.now)
    assert [street.track(home) for home in range(7)] == before


@pytest.mark.rule("D-89")
@pytest.mark.rule("D-89a")
@pytest.mark.parametrize(
    ("gone", "told"),
    [
        pytest.param(99, [("finding", "site-3", "INVERTER")], id="it stays away"),
        pytest.param(16, [], id="one day is no string that is missing"),
    ],
)
def test_an_input_that_makes_nothing_beside_the_other_is_a_case(gone, told):
    """Two inputs, one of a tenth: the rule of three low days would never see it."""

    def says(home, instant):
        shares = (36_000, 4_000)
        counted = []
        passed = (instant - at(0)) / timedelta(days=1)
        for number, share in enumerate(shares):
            dead = home == ILL and number == 1
            day, hour = int(passed // 1), passed % 1 * 24
            whole = sum(share for one in range(day) if not (dead and 16 <= one <= gone))
            lit = 0 if dead and 16 <= day <= gone else share
            counted.append(1_000_000 + whole + int(lit * min(1, max(0, (hour - 6) / 12))))
        usual = running(home, instant)
        return {**usual, "DCWH_1": counted[0], "DCWH_2": counted[1]}

    street = Street(homes=6, says=says)
    found = street.live_until(at(20, 22))
    assert brief(found) == told
    if told:
        ((found_at, _, finding),) = [one for one in found if one[1] == "finding"]
        assert finding["says"].startswith("a string of modules makes next to nothing")
        assert "SN-3/2" in finding["evidence"][0]
        assert finding["tier"] == "dispatch"
        assert found_at - at(16) > HOURS_48
        drawn = street.documents.get(finding["picture"]).decode()
        assert "Input 2" in drawn


# ---------------------------------------------------------------------- heard, by itself
NOW = at(1, 13)
HOUR = int(at(1, 10).timestamp()) // 3600
PLACES = {f"S{n}": Place(35.7, -78.6) for n in range(6)}


def nobody_is_asked():
    pytest.fail("nobody had to be asked")


def hear(rows, known=(), neighbours=nobody_is_asked):
    return heard(rows, known, PLACES, neighbours, since=at(1, 5), now=NOW)


def test_of_a_region_without_issues_nobody_is_asked():
    rows = [packed_result(name, (SiteHour(HOUR, 500, False, True),), ()) for name in PLACES]
    assert hear(rows) == Heard()
    assert hear([]) == Heard()


def test_an_issue_that_is_off_beside_those_that_run_is_confirmed():
    off = Observed("INV_OFF_DAYLIGHT", at(1, 10), was_good=False, devices=("SN",))
    rows = [packed_result(f"S{n}", (SiteHour(HOUR, 500, False, True),), ()) for n in range(1, 6)]
    rows.append(packed_result("S0", (SiteHour(HOUR, 0, True, True),), (off,)))
    others = {"S0": tuple(f"S{n}" for n in range(1, 6))}
    assert hear(rows, neighbours=lambda: others).seen == {"S0": (off,)}
    assert hear(rows[::-1], neighbours=lambda: others).seen == {"S0": (off,)}
    (one,) = hear(rows, neighbours=dict).seen["S0"]
    assert one.bad_since is None


def outage(hour):
    return GridOutage("12km+1+1", (hour,), ("S0",), ("S0",))


@pytest.mark.rule("D-84a")
@pytest.mark.parametrize(
    ("hours_ago", "is_known"),
    [(0, True), (32, True), (33, False)],
    ids=["just over", "twice the pause", "an hour more"],
)
def test_how_long_an_outage_is_remembered(hours_ago, is_known):
    last = int(NOW.timestamp()) // 3600 - 1 - hours_ago
    assert still_known([outage(last)], NOW) == ((outage(last),) if is_known else ())


def test_an_outage_comes_back_from_its_row():
    one = GridOutage("c", (1, 2), ("S0", "S1"), ("S1",))
    assert unpacked_outage(packed_outage(one)) == one


@pytest.mark.rule("D-80")
def test_who_is_in_a_known_outage_is_out_though_it_says_nothing():
    last = int(at(1, 9).timestamp()) // 3600
    assert hear([], [outage(last)]).out == {"S0"}
    before = int(at(0, 12).timestamp()) // 3600
    assert hear([], [outage(before)]).out == frozenset()


def test_a_street_that_makes_nothing_of_note_hears_nothing():
    street = Street(says=producing, made=lambda home, day: CLEAR_WH)
    assert brief(street.live_until(at(2))) == []
    assert street.records.load(RegionOutages, REGION) is None
