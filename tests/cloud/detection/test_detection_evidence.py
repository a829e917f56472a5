"""Days as evidence: kept in few bytes, told in sentences that their own numbers bear out."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from detection_region import A_DAY, START, TERMS, a_region, makes, play, silent, told
from hypothesis import example, given
from hypothesis import strategies as st

from cloud.detection.evidence import (
    KEPT_DAYS,
    DayLine,
    in_kwh,
    kept,
    line_of,
    packed,
    packed_with,
    percent,
    says,
    unpacked,
)
from cloud.detection.summary import between, for_a_homeowner, for_a_partner, runs
from cloud.detection.verdict import Gap, Reason, is_below

DAY = date(2026, 6, 5)
LINE = DayLine(DAY, 11_200, 22_900, 950, 40, 8, 25.0, 85, 850, Reason.LOW)

energies = st.none() | st.integers(0, 999_999)
gaps = st.none() | st.builds(
    Gap, st.integers(1, 400), st.none() | st.integers(0, 10**7), st.integers(0, 10**7)
)
lines = st.builds(
    DayLine,
    day=st.dates(date(2020, 1, 1), date(2060, 1, 1)),
    actual_wh=energies,
    expected_wh=energies,
    weather_permille=st.none() | st.integers(0, 9999),
    spread_permille=st.none() | st.integers(0, 4000),
    neighbours=st.integers(0, 32),
    within_km=st.sampled_from([0.0, 12.5, 25.0, 50.0]),
    floor_percent=st.sampled_from([80, 85]),
    guarded_permille=st.integers(0, 850),
    reason=st.sampled_from(Reason),
    gap=gaps,
)


def on(number):
    return START + number * A_DAY


def lines_of(played, name, first, last):
    return [line_of(played.verdicts[name, on(day)], TERMS) for day in range(first, last + 1)]


@given(st.lists(lines, max_size=40))
def test_lines_come_back_from_json_as_they_were(some):
    back = unpacked(json.loads(json.dumps(packed(some))))
    assert back == tuple(some)
    assert [type(line.within_km) for line in back] == [float] * len(some)


@given(lines)
def test_a_day_takes_at_most_sixty_bytes(line):
    cells = packed([replace(line, gap=None)])[1]
    assert len(json.dumps(cells, separators=(",", ":"))) <= 60


def test_a_day_that_ends_a_gap_takes_at_most_sixty_bytes_as_well():
    line = replace(LINE, actual_wh=61_234, expected_wh=60_001, gap=Gap(10, 612_345, 598_765))
    assert len(json.dumps(packed([line])[1], separators=(",", ":"))) <= 60


def test_every_reason_can_be_kept():
    some = [replace(LINE, reason=reason) for reason in Reason]
    assert unpacked(packed(some)) == tuple(some)


@given(
    st.lists(lines, max_size=40),
    st.lists(st.integers(0, 60).map(lambda n: replace(LINE, day=DAY + n * A_DAY)), max_size=50),
)
def test_packed_lines_grow_as_unpacked_ones_do(old, new):
    assert packed_with(packed(kept(old, ())), new) == packed(kept(old, new))
    assert packed_with([], new) == packed_with([2, [1]], new) == packed(kept((), new))


def test_another_format_is_not_read():
    assert unpacked([2, *packed([LINE])[1:]]) is None
    assert unpacked([]) is None


def test_a_line_says_what_its_verdict_says():
    played = play(a_region(), 34, changes={("S3", 32): makes(0.5)})
    verdict = played.verdicts["S3", on(32)]
    line = line_of(verdict, TERMS)
    assert (line.day, line.actual_wh, line.expected_wh) == (
        on(32),
        verdict.actual_wh,
        verdict.expected_wh,
    )
    assert line.ratio == verdict.ratio
    assert (line.is_low, line.is_counted) == (True, True)
    assert (line.neighbours, line.within_km, line.floor_percent) == (7, 25.0, 85)
    assert line.weather_permille == pytest.approx(900, abs=20)
    assert line.guarded_permille == pytest.approx(10 * verdict.guarded_percent, abs=0.5)


def test_the_last_days_are_kept_and_a_day_told_anew_is_replaced():
    old = [replace(LINE, day=DAY + timedelta(days=n)) for n in range(50)]
    again = replace(old[-1], actual_wh=5)
    left = kept(reversed(old), [again])
    assert len(left) == KEPT_DAYS == 35
    assert [line.day for line in left] == [line.day for line in old[-35:]]
    assert left[-1].actual_wh == 5
    assert kept((), ()) == ()
    assert kept(old[:2], [old[49]]) == (old[49],)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        pytest.param(
            LINE,
            "2026-06-05: 11.2 of 22.9 kWh expected (49%), 8 neighbours within 25 km: "
            "below the floor, counts",
            id="low",
        ),
        pytest.param(
            replace(LINE, actual_wh=22_000, reason=Reason.GOOD),
            "2026-06-05: 22.0 of 22.9 kWh expected (96%), 8 neighbours within 25 km: "
            "at or above the floor, counts",
            id="good",
        ),
        pytest.param(
            replace(LINE, actual_wh=None, reason=Reason.UNKNOWN),
            "2026-06-05: 22.9 kWh expected, 8 neighbours within 25 km: "
            "the day's energy is not known, so it does not count",
            id="not known, and expected",
        ),
        pytest.param(
            replace(
                LINE,
                actual_wh=None,
                expected_wh=None,
                weather_permille=None,
                neighbours=0,
                reason=Reason.UNKNOWN,
            ),
            "2026-06-05: energy not known: the day's energy is not known, so it does not count",
            id="nothing known at all",
        ),
        pytest.param(
            replace(LINE, expected_wh=None, weather_permille=None, reason=Reason.NO_WEATHER),
            "2026-06-05: 11.2 kWh made, nothing to expect: too few healthy neighbours tell of the "
            "day, and no hourly feed does, so it does not count",
            id="no neighbours, no feed",
        ),
        pytest.param(
            replace(LINE, neighbours=0, within_km=0.0, reason=Reason.SNOW),
            "2026-06-05: 11.2 of 22.9 kWh expected (49%), by the hourly weather alone: "
            "low, and snow may lie on the roof, so it does not count",
            id="a lone site under snow",
        ),
        pytest.param(
            replace(LINE, actual_wh=850, expected_wh=1000, neighbours=1, reason=Reason.GOOD),
            "2026-06-05: 0.85 of 1.00 kWh expected (85%), 1 neighbour within 25 km: "
            "at or above the floor, counts",
            id="on the floor",
        ),
        pytest.param(
            replace(LINE, actual_wh=21_000, reason=Reason.LOW),
            "2026-06-05: 21.0 of 22.9 kWh expected (92%), 8 neighbours within 25 km: "
            "far below what its design lets expect, counts",
            id="a new site, low by its design only",
        ),
        pytest.param(
            replace(LINE, actual_wh=22_000, reason=Reason.GOOD, gap=Gap(4, 144_000, 143_000)),
            "2026-06-05: 22.0 of 22.9 kWh expected (96%), 8 neighbours within 25 km: at or above "
            "the floor, counts; by the counter, the 4 days before made 143.0 of 144.0 kWh expected "
            "(99%): nothing was lost but the connection",
            id="after a gap in which nothing was lost",
        ),
        pytest.param(
            replace(LINE, gap=Gap(1, 20_000, 10_000)),
            "2026-06-05: 11.2 of 22.9 kWh expected (49%), 8 neighbours within 25 km: below the "
            "floor, counts; by the counter, the day before made 10.0 of 20.0 kWh expected (50%): "
            "below the floor, it counts",
            id="after a gap that was a loss",
        ),
        pytest.param(
            replace(LINE, gap=Gap(3, None, 30_000)),
            "2026-06-05: 11.2 of 22.9 kWh expected (49%), 8 neighbours within 25 km: below the "
            "floor, counts; by the counter, the 3 days before made 30.0 kWh",
            id="after a gap of which nothing could be expected",
        ),
    ],
)
def test_a_day_is_one_sentence(line, sentence):
    assert says(line) == sentence


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_that_it_counts_or_does_not(reason):
    sentence = says(replace(LINE, reason=reason))
    assert reason.value in sentence
    counts = reason in {Reason.GOOD, Reason.LOW}
    assert sentence.endswith(", counts" if counts else ", so it does not count")


@pytest.mark.rule("D-13")
@example(8_499, 10_000, 85)
@example(8_500, 10_000, 85)
@example(849_999, 1_000_000, 85)
@given(st.integers(0, 10**6), st.integers(1, 10**6), st.sampled_from([80, 85]))
def test_a_share_below_the_floor_is_never_written_as_the_floor(actual_wh, expected_wh, floor):
    written = float(percent(actual_wh, expected_wh, floor).rstrip("%").replace(",", ""))
    assert (written < floor) == is_below(actual_wh, expected_wh, floor)
    assert written == pytest.approx(100 * actual_wh / expected_wh, abs=0.51)


@pytest.mark.parametrize(
    ("wh", "largest", "text"),
    [
        (0, None, "0.000"),
        (40, None, "0.040"),
        (520, 900, "0.52"),
        (520, 22_900, "0.5"),
        (22_949, None, "22.9"),
        (3_920_000, None, "3,920"),
    ],
)
def test_energy_has_the_digits_that_it_needs(wh, largest, text):
    assert in_kwh(wh, largest) == text


def test_a_homeowner_is_told_of_three_days_in_a_row():
    run = [replace(LINE, day=DAY + n * A_DAY) for n in range(3)]
    assert for_a_homeowner(run) == (
        "Your system made 49% of what we expected from it (33.6 of 68.7 kWh) on 3 days in a row, "
        "June 5 to 7, 2026. What we expect follows the sun that 8 homes within 25 km of you had on "
        "the same day."
    )


def test_days_that_do_not_count_are_not_called_a_row():
    run = [replace(LINE, day=DAY + n * A_DAY) for n in (0, 1, 3)]
    run.insert(2, replace(LINE, day=DAY + 2 * A_DAY, reason=Reason.DARK))
    said = for_a_homeowner(run)
    assert "on all 3 days that we could judge from June 5 to 8, 2026" in said
    assert "1 day does not count: too dark a day to tell." in said
    assert "in a row" not in said


def test_good_days_between_low_ones_are_told():
    run = [replace(LINE, day=DAY + n * A_DAY) for n in range(3)]
    run[1] = replace(run[1], actual_wh=22_000, reason=Reason.GOOD)
    said = for_a_homeowner(run)
    assert "(22.4 of 45.8 kWh) on 2 of the 3 days that we could judge from June 5 to 7" in said


def test_a_sound_system_and_an_unknown_one_are_told_as_such():
    good = [replace(LINE, actual_wh=22_000, reason=Reason.GOOD, neighbours=0)]
    assert for_a_homeowner(good) == (
        "Your system made 96% of what we expected from it (22.0 of 22.9 kWh), June 5, 2026: no day "
        "was too low. What we expect follows the hourly weather at your home."
    )
    blank = [replace(LINE, actual_wh=None, reason=Reason.UNKNOWN)]
    assert for_a_homeowner(blank) == (
        "We could not judge the day of June 5, 2026. "
        "1 day does not count: the day's energy is not known."
    )
    assert for_a_homeowner([]) == "We know of no day of your system yet."
    assert for_a_partner([]) == "No day was judged."


def test_a_partner_is_told_numbers_spread_and_neighbours():
    run = [
        replace(LINE, day=DAY + n * A_DAY, actual_wh=11_200 + 500 * n, spread_permille=40 + 10 * n)
        for n in range(3)
    ]
    run.append(replace(LINE, day=DAY + 3 * A_DAY, reason=Reason.DARK))
    run.append(replace(LINE, day=DAY + 4 * A_DAY, reason=Reason.DARK))
    assert for_a_partner(run) == (
        "June 5 to 9, 2026: 3 low of 3 days that count; 35.1 of 68.7 kWh expected (51%), by day "
        "49% to 53%; floor 85%, for a visit 85%; 8 homes within 25 km made 95% of their own "
        "expectation and differed by 4 to 6%. "
        "Not counted: 2026-06-08 to 2026-06-09 (too dark a day to tell)."
    )


def test_a_gap_is_told_to_both():
    changes = {("S3", day): silent for day in range(32, 36)}
    made = sum(told("S3", on(day)).actual_wh for day in range(32, 36))
    changes["S3", 36] = lambda row: replace(row, since_gap_wh=made)
    run = lines_of(play(a_region(), 38, changes=changes), "S3", 30, 37)
    for said in (for_a_homeowner(run), for_a_partner(run)):
        assert "On June 6, 2026 the system was heard again: by the counter, the 4 days" in said
        assert "nothing was lost but the connection." in said


@given(st.lists(lines, max_size=8, unique_by=lambda line: line.day))
def test_any_days_can_be_told(some):
    some.sort(key=lambda line: line.day)
    for text in (for_a_homeowner(some), for_a_partner(some), *map(says, some)):
        assert text
        assert text.isascii()
        assert "  " not in text
        assert "None" not in text


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 6, 5), date(2026, 6, 5), "June 5, 2026"),
        (date(2026, 6, 5), date(2026, 6, 7), "June 5 to 7, 2026"),
        (date(2026, 5, 31), date(2026, 6, 2), "May 31 to June 2, 2026"),
        (date(2026, 12, 30), date(2027, 1, 2), "December 30, 2026 to January 2, 2027"),
    ],
)
def test_spans_are_written_as_people_write_them(first, last, text):
    assert between(first, last) == text


def test_days_that_follow_each_other_are_one_run():
    assert runs([on(0), on(1), on(3)]) == ((on(0), on(1)), (on(3), on(3)))
    assert runs([]) == ()
