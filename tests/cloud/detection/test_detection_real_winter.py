"""A real roof under real snow: no case is opened of it, and one would be if snow were not held."""

import csv
import os
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from detection_winter import FILE, REAL, Winter, WinterDay, clear_hours, is_storm, judged, winter

from cloud.detection.verdict import Reason

FLEETS = os.environ.get("SUNREEVE_FLEETS") or Path(__file__).parents[4] / "shared/data/fleets"
WINTER_MONTHS = {11, 12, 1, 2, 3}


def of_real(found: list) -> list:
    return [day for name, day in found if name == REAL]


def snow_fell(one: WinterDay) -> bool:
    """Tell as a feed would: a storm that day or within the six days before."""
    place = winter().index(one)
    return any(is_storm(day) for day in winter()[max(0, place - 6) : place + 1])


# ---------------------------------------------------------------------- the fixture
def test_the_fixture_says_whose_it_is_and_under_what_licence():
    head = [line for line in FILE.read_text(encoding="ascii").splitlines() if line[0] == "#"]
    for word in ("PVDAQ system 50", "NSRDB", "pvanalytics 0.2.2", "MIT", "copyright"):
        assert any(word in line for line in head), word


def test_it_is_a_whole_winter_with_every_day_in_it():
    days = [one.day for one in winter()]
    assert {(after - before).days for before, after in pairwise(days)} == {1}
    assert sum(day.month in WINTER_MONTHS for day in days) >= 120
    assert len(days) == 259
    assert sum(one.completeness < 0.95 for one in winter()) >= 5, "real data has holes"


def test_real_snow_is_in_it():
    """On a covered roof there is light for hours of sun, and next to nothing is made of it."""
    covered = [
        one.day
        for one in winter()
        if one.completeness > 0.95
        and sum(hour.ghi_wh_m2 for hour in one.hours) > 1000
        and one.wh < 800
    ]
    assert len(covered) >= 6
    assert {day.month for day in covered} >= {2, 3, 4, 5}


def test_the_light_is_that_of_a_place_under_the_sun():
    """No more than a cloudless day's at 1800 m, and on bright days as much before noon as after."""
    middles = []
    for one in winter():
        clear = sum(hour.ghi_wh_m2 for hour in clear_hours(one.day))
        light = sum(hour.ghi_wh_m2 for hour in one.hours)
        assert 0 < light < 1.25 * clear, one.day
        if light > 1.1 * clear:
            middles.append(sum((hour.hour + 0.5) * hour.ghi_wh_m2 for hour in one.hours) / light)
    assert 12.0 < median(middles) < 12.25, "noon by the sun, from January to March"


# ---------------------------------------------------------------------- the verdicts
@pytest.mark.rule("D-72")
@pytest.mark.parametrize("snow_below_c", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("feed", [False, True], ids=["no feed of light", "a feed of light"])
@pytest.mark.parametrize("temperatures", [True, False], ids=["warmth known", "warmth not known"])
def test_the_real_roof_opens_no_case_among_roofs_that_had_the_same_storms(
    temperatures, feed, snow_below_c
):
    """Nobody tells of snow; that some storms are rain on the neighbours changes nothing."""
    found = judged(temperatures=temperatures, feed=feed, snow_below_c=snow_below_c)
    assert of_real(found.cases) == []
    assert of_real(found.visits) == []
    assert_it_was_judged(found)


def assert_it_was_judged(found: Winter) -> None:
    """A detector that judges nothing opens no case either."""
    reasons = [verdict.reason for verdict in found.verdicts.values()]
    assert reasons.count(Reason.GOOD) >= 150
    assert reasons.count(Reason.LOW) + reasons.count(Reason.SNOW) >= 10


@pytest.mark.parametrize("feed", [False, True], ids=["no feed of light", "a feed of light"])
def test_no_neighbour_opens_one_either_where_the_warmth_is_known(feed):
    found = judged(feed=feed)
    assert found.cases == []
    assert found.visits == []


@pytest.mark.rule("D-72")
@pytest.mark.parametrize("feed", [False, True], ids=["no feed of light", "a feed of light"])
@pytest.mark.parametrize("temperatures", [True, False], ids=["warmth known", "warmth not known"])
def test_what_a_feed_tells_of_snow_holds_the_case_that_would_open_without(temperatures, feed):
    """All roofs around are bare: only the word of the feed stands between snow and a visit."""
    options = {"temperatures": temperatures, "feed": feed, "snow_below_c": None}
    held = judged(**options, is_snow_told=snow_fell)
    assert of_real(held.cases) == []
    assert of_real(held.visits) == []
    assert_it_was_judged(held)
    open_ = judged(**options, is_snow_told=lambda day: False)
    assert len(of_real(open_.cases)) >= 1
    assert len(of_real(open_.visits)) >= 1


def test_a_fault_in_this_winter_is_still_found():
    """What opens no case under snow opens one when half of the modules are off."""
    found = judged(share=lambda one: 0.5 if one.day.isoformat() >= "2013-01-16" else 1.0)
    assert 0 <= (min(of_real(found.cases)) - winter()[123].day).days <= 14
    assert of_real(found.visits)


# ---------------------------------------------------------------------- the command
def test_the_same_roof_alone_opens_no_case_in_the_command(tmp_path):
    fleet = Path(FLEETS) / "real_pvdaq50"
    if not fleet.is_dir():
        pytest.skip("SUNREEVE_FLEETS names no folder of labelled fleets, and none lies beside us")
    pytest.importorskip("pvlib", reason="pvlib is not installed: install sunreeve[baseline]")
    from cloud.cli import main

    out = tmp_path / "cases.csv"
    assert main(["detect", "--fleet", str(fleet), "--out", str(out)]) == 0
    with out.open(newline="") as file:
        assert [row for row in csv.DictReader(file) if row["tier"] != "advisory"] == []
