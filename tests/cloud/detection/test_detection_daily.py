"""What a region's days come to: cases, visits, and the many days that must not count."""

import ast
import math
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from detection_region import A_DAY, CLEAR_WH, START, TERMS, a_region, makes, play, silent, told
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud.detection.daily import judge_day
from cloud.detection.feed import FeedHour, Plane, energy_wh, sky_of
from cloud.detection.packed import packed, through_of, unpacked
from cloud.detection.verdict import Reason

ROOT = Path(__file__).parents[3]
HALF = makes(0.5)
LEARNED = 30
"""Days after which every scale is learned and settled."""


def on(number: int) -> date:
    return START + number * A_DAY


def bad(name: str, first: int, last: int, change=HALF):
    return {(name, number): change for number in range(first, last + 1)}


@pytest.mark.rule("D-13")
@pytest.mark.rule("D-13a")
@pytest.mark.rule("D-13c")
def test_a_site_that_makes_half_is_a_case_on_its_third_day_and_closed_on_the_third_good_one():
    played = play(a_region(), 45, changes=bad("S3", 32, 37))
    assert played.opened == [("S3", on(34))]
    assert played.tracks["S3"].standing.case_on is None
    before = play(a_region(), 40, changes=bad("S3", 32, 37)).tracks["S3"].standing
    assert before.case_on == on(34)
    assert before.well == 2
    verdict = played.verdicts["S3", on(32)]
    assert verdict.ratio == pytest.approx(0.5, abs=0.03)
    assert verdict.weather is not None
    assert verdict.weather.neighbours == 7


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.02, 1.0), min_size=45, max_size=45))
@example([1.0] * LEARNED + [0.1] * 15)
def test_clouds_common_to_all_open_no_case(clouds):
    played = play(a_region(), 45, shares=lambda day: clouds[(day - START).days])
    assert (played.opened, played.visits, played.watched) == ([], [], [])


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([0.5, 3.0, 40.0, 1000.0]))
def test_scaling_energy_and_baseline_changes_no_verdict(factor):
    changes = {**bad("S3", 32, 37), **bad("S5", 33, 39, makes(0.8))}
    once = play(a_region(), 42, changes=changes)
    again = play(a_region(clear_wh=CLEAR_WH * factor), 42, changes=changes, scale=factor)
    assert again.opened == once.opened
    assert {key: one.reason for key, one in again.verdicts.items()} == {
        key: one.reason for key, one in once.verdicts.items()
    }


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(dice):
    def shaken(rows):
        mixed = [*rows, *rows]
        dice.shuffle(mixed)
        return mixed

    changes = bad("S3", 32, 37)
    assert play(a_region(), 40, changes=changes, order=shaken) == play(
        a_region(), 40, changes=changes
    )


def test_a_day_run_again_changes_nothing():
    region, played = a_region(), play(a_region(), 40, changes=bad("S3", 32, 37))
    rows = [told(name, on(39)) for name in region.baselines]
    again, verdicts = judge_day(on(39), region, played.tracks, rows, terms=TERMS)
    assert (again, verdicts) == (dict(played.tracks), {})
    earlier, verdicts = judge_day(on(20), region, played.tracks, rows, terms=TERMS)
    assert (earlier, verdicts) == (dict(played.tracks), {})


def test_a_track_is_the_same_after_it_was_packed():
    played = play(a_region(), 40, changes=bad("S3", 32, 37) | bad("S2", 39, 39, silent))
    for track in played.tracks.values():
        assert unpacked(packed(track)) == track
    assert unpacked([0, "of another format"]) is None
    assert [through_of(cells) for cells in ([], [0, *packed(track)[1:]])] == [None, None]


UNJUDGED = {
    "unknown": silent,
    "partial": lambda row: replace(row, completeness=0.9499, actual_wh=100),
    "throttled": lambda row: replace(row, throttled_share=0.0501, actual_wh=100),
    "snow": lambda row: replace(HALF(row), is_snow_told=True),
}


@pytest.mark.rule("D-13b")
@pytest.mark.rule("D-69")
@pytest.mark.rule("D-70")
@pytest.mark.parametrize("change", UNJUDGED.values(), ids=UNJUDGED)
@pytest.mark.parametrize(
    ("between", "opens"), [(1, True), (10, True), (11, False)], ids=["one", "ten", "eleven"]
)
def test_days_that_are_not_judged_neither_count_nor_reset_until_there_are_too_many(
    change, between, opens
):
    changes = bad("S3", 32, 33) | bad("S3", 34, 33 + between, change)
    changes |= bad("S3", 34 + between, 34 + between)
    played = play(a_region(), 36 + between, changes=changes)
    if change is UNJUDGED["snow"]:  # and what is low next is still melting: D-72c
        assert played.opened == []
        return
    assert played.opened == ([("S3", on(34 + between))] if opens else [])
    assert not played.verdicts["S3", on(34)].is_judged


def test_a_day_exactly_on_the_limits_counts():
    def edge(row):
        return replace(makes(0.5)(row), completeness=0.95, throttled_share=0.05)

    assert play(a_region(), 36, changes=bad("S3", 32, 34, edge)).opened == [("S3", on(34))]


def test_a_stuck_meter_is_no_loss_and_a_dead_site_is():
    stuck = play(a_region(), 42, changes=bad("S3", 32, 40, lambda r: replace(r, actual_wh=9_000)))
    assert stuck.opened == []
    assert stuck.reason("S3", on(33)) is Reason.STUCK_METER
    dead = play(a_region(), 42, changes=bad("S3", 32, 40, makes(0.0)))
    assert dead.opened == [("S3", on(34))]
    assert dead.visits == [("S3", on(34))]


@pytest.mark.rule("D-71")
@pytest.mark.rule("D-71a")
@pytest.mark.rule("D-71b")
@pytest.mark.parametrize(
    ("light", "made", "reason"),
    [
        pytest.param(0.31, 0.7, Reason.LOW, id="just light enough"),
        pytest.param(0.28, 0.7, Reason.DARK, id="too dark"),
        pytest.param(0.28, 1.0, Reason.DARK, id="too dark and good"),
        pytest.param(0.28, 0.1, Reason.LOW, id="off on a dark day"),
        pytest.param(0.04, 0.0, Reason.DARK, id="so dark that nothing is told"),
    ],
)
def test_dark_days(light, made, reason):
    played = play(
        a_region(),
        LEARNED + 1,
        shares=lambda day: 0.9 if day < on(LEARNED) else light,
        changes=bad("S3", LEARNED, LEARNED, makes(made)),
    )
    # 0.9 of a clear day is what the scale of every site has learned to be ordinary
    assert played.reason("S3", on(LEARNED)) is reason


@pytest.mark.rule("D-72")
@pytest.mark.rule("D-72a")
@pytest.mark.rule("D-72b")
@pytest.mark.rule("D-72d")
@pytest.mark.rule("D-72e")
@pytest.mark.parametrize(
    ("cold", "covered", "reason"),
    [
        pytest.param(0.9, (0.62, 0.7, 0.75, 0.8), Reason.SNOW, id="cold and they differ"),
        pytest.param(1.0, (0.62, 0.7, 0.75, 0.8), Reason.LOW, id="not cold enough"),
        pytest.param(4.9, (0.1, 0.2, 0.4, 0.6), Reason.SNOW, id="cool, and no cloud does that"),
        pytest.param(5.0, (0.1, 0.2, 0.4, 0.6), Reason.LOW, id="not cool enough"),
        pytest.param(None, (0.1, 0.2, 0.4, 0.6), Reason.LOW, id="temperature unknown"),
        pytest.param(0.9, (), Reason.LOW, id="cold alone is not snow"),
    ],
)
def test_snow_without_a_flag(cold, covered, reason):
    changes = bad("S3", LEARNED, LEARNED, lambda row: replace(makes(0.02)(row), mean_4d_c=cold))
    for index, share in enumerate(covered):
        changes |= bad(f"S{4 + index}", LEARNED, LEARNED, makes(share))
    assert play(a_region(), LEARNED + 1, changes=changes).reason("S3", on(LEARNED)) is reason


@pytest.mark.rule("D-72c")
@pytest.mark.parametrize(("after", "opens"), [(5, False), (8, True)], ids=["melts", "is a fault"])
def test_what_was_low_under_snow_has_five_days_to_shed_the_rest(after, opens):
    snow = bad("S3", 32, 33, lambda row: replace(makes(0.1)(row), is_snow_told=True))
    played = play(a_region(), 50, changes=snow | bad("S3", 34, 33 + after))
    assert bool(played.opened) is opens


def test_a_good_day_ends_the_melting():
    snow = bad("S3", 32, 33, lambda row: replace(makes(0.1)(row), is_snow_told=True))
    played = play(a_region(), 50, changes=snow | bad("S3", 35, 37))
    assert played.opened == [("S3", on(37))]


@pytest.mark.rule("D-72c")
def test_a_day_as_good_as_that_of_neighbours_who_differ_does_not_end_it():
    """They may be as covered as the site is."""
    snow = bad("S3", 32, 33, lambda row: replace(makes(0.1)(row), is_snow_told=True))
    split = bad("S3", 34, 34, makes(1.6))
    for name, share in zip("0124567", (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3), strict=True):
        split |= bad(f"S{name}", 34, 34, makes(share))
    played = play(a_region(), 50, changes=snow | split | bad("S3", 35, 37))
    assert played.reason("S3", on(34)) is Reason.GOOD
    assert [played.reason("S3", on(n)) for n in (35, 36, 37)] == [Reason.SNOW] * 3
    assert [name for name, _ in played.opened] == []


@pytest.mark.rule("D-63")
@pytest.mark.rule("D-73c")
def test_the_warm_up_learns_and_a_site_that_is_dead_at_birth_is_found():
    weak = play(a_region(), 40, changes=bad("S3", 0, 39, makes(0.7)))
    assert weak.opened == []  # smaller than designed: its own scale
    assert weak.tracks["S3"].scale.log == pytest.approx(math.log(0.7), abs=0.02)
    assert weak.reason("S3", on(13)) is Reason.WARM_UP
    assert weak.reason("S3", on(14)) is Reason.GOOD
    assert play(a_region(), 10, changes=bad("S3", 0, 9, makes(0.0))).opened == [("S3", on(2))]


def test_snow_in_the_warm_up_is_not_learned():
    snow = bad("S3", 0, 12, lambda row: replace(makes(0.6)(row), is_snow_told=True))
    played = play(a_region(), 40, changes=snow)
    assert played.tracks["S3"].scale.log == pytest.approx(0.0, abs=0.05)


@pytest.mark.rule("D-73")
@pytest.mark.rule("D-73a")
@pytest.mark.rule("D-73b")
@pytest.mark.rule("D-73d")
def test_a_slow_swing_is_followed_and_a_slow_fault_is_not_learned_away():
    swing = {("S3", n): makes(1 - 0.04 * math.sin((n - 30) / 40)) for n in range(30, 200)}
    assert play(a_region(), 200, changes=swing).opened == []
    shade = {("S3", n): makes(max(1 - 0.0025 * (n - 30), 0.7)) for n in range(30, 160)}
    played = play(a_region(), 160, changes=shade)
    assert len(played.opened) == 1
    assert (played.opened[0][1] - on(30)).days < 100


@pytest.mark.rule("D-61")
@pytest.mark.rule("D-74")
def test_without_enough_neighbours_the_hourly_feed_is_the_weather():
    def feed(day):
        return tuple(
            FeedHour(hour, 800 * math.sin(math.pi * (hour - 5) / 14), 15) for hour in range(6, 19)
        )

    few = a_region(5)
    blind = play(few, 40, changes=bad("S3", 32, 37))
    assert blind.opened == []
    assert blind.reason("S3", on(32)) is Reason.NO_WEATHER
    fed = play(few, 40, changes=bad("S3", 32, 37), feed=feed)
    assert fed.opened == [("S3", on(34))]
    verdict = fed.verdicts["S3", on(32)]
    assert verdict.weather is not None
    assert (verdict.weather.neighbours, verdict.weather.doubt) == (0, TERMS.lone_spread)


@pytest.mark.rule("D-78")
@pytest.mark.rule("D-78a")
def test_on_a_day_of_doubt_only_what_is_beyond_it_counts():
    split = {}
    for index, share in enumerate((0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)):
        split |= bad(f"S{index + 1}", LEARNED, LEARNED, makes(share))

    def reason(share):
        changes = split | bad("S0", LEARNED, LEARNED, makes(share))
        return play(a_region(), LEARNED + 1, changes=changes).reason("S0", on(LEARNED))

    assert [reason(share) for share in (0.1, 0.75, 1.6)] == [
        Reason.LOW,
        Reason.DISAGREE,
        Reason.GOOD,
    ]


@pytest.mark.rule("D-102")
@pytest.mark.rule("D-102a")
def test_a_restless_site_is_doubted_and_a_lasting_loss_is_no_unrest():
    last = 60
    low = bad("S3", last, last, makes(0.83))
    swings = {("S3", n): makes(1.25 if n % 2 else 0.8) for n in range(30, last)}
    quiet, restless = (play(a_region(), last + 1, changes=one | low) for one in ({}, swings))
    assert restless.opened == []
    assert quiet.reason("S3", on(last)) is Reason.LOW
    assert restless.reason("S3", on(last)) is Reason.RESTLESS
    floors = [one.verdicts["S3", on(last)].guarded_percent for one in (quiet, restless)]
    assert floors[1] < floors[0]
    beyond = play(a_region(), last + 1, changes=swings | bad("S3", last, last, makes(0.3)))
    assert beyond.reason("S3", on(last)) is Reason.LOW
    lasting = play(a_region(), last + 1, changes=bad("S3", 32, last, makes(0.9)))
    assert lasting.tracks["S3"].standing.unrest < 0


@pytest.mark.rule("D-102")
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        pytest.param(0.82, Reason.RESTLESS, id="just below the floor"),
        pytest.param(0.90, Reason.GOOD, id="just above it: no day needs an excuse for being good"),
        pytest.param(1.10, Reason.GOOD, id="far above it"),
    ],
)
def test_unrest_excuses_a_low_day_and_asks_no_more_of_a_good_one(made, reason):
    last = 60
    days = {("S3", n): makes(1.25 if n % 2 else 0.8) for n in range(30, last)}
    played = play(a_region(), last + 1, changes=days | bad("S3", last, last, makes(made)))
    assert played.tracks["S3"].standing.unrest > 0.05
    assert played.reason("S3", on(last)) is reason


@pytest.mark.rule("D-102")
@pytest.mark.rule("D-102a")
def test_a_site_that_was_restless_is_judged_as_all_others_once_it_is_calm():
    """Its calm days count, so that they are what its unrest is learned from."""
    swings = {("S3", n): makes(1.25 if n % 2 else 0.8) for n in range(30, 60)}
    played = play(a_region(), 150, changes=swings)
    assert all(played.reason("S3", on(n)) is Reason.GOOD for n in range(75, 150))
    assert played.tracks["S3"].standing.unrest < 0
    found = play(a_region(), 150, changes=swings | bad("S3", 146, 149, makes(0.8)))
    assert found.opened == [("S3", on(148))]


@pytest.mark.rule("D-77c")
@pytest.mark.rule("D-77")
@pytest.mark.rule("D-77a")
@pytest.mark.rule("D-77b")
def test_a_visit_waits_until_the_loss_is_sure():
    deep = play(a_region(), 60, changes=bad("S3", 32, 50))
    slight = play(a_region(), 60, changes=bad("S3", 32, 50, makes(0.83)))
    assert deep.visits == deep.opened == [("S3", on(34))]
    assert slight.opened[0] == ("S3", on(34))
    assert on(35) < slight.visits[0][1] < on(40)
    single = play(a_region(), 60, changes=bad("S3", 32, 32, makes(0.0)))
    assert single.visits == []


@pytest.mark.rule("D-75")
@pytest.mark.rule("D-75a")
@pytest.mark.rule("D-75b")
def test_a_tenth_less_is_watched_and_no_case():
    played = play(a_region(), 60, changes=bad("S3", 32, 59, makes(0.9)))
    assert played.opened == []
    assert [name for name, _ in played.watched] == ["S3"]
    mended = play(a_region(), 70, changes=bad("S3", 32, 50, makes(0.9)))
    assert mended.tracks["S3"].standing.watch_on is None


@pytest.mark.rule("D-76")
def test_a_suspected_site_is_no_witness():
    played = play(a_region(), 40, changes=bad("S3", 32, 39))
    counts = [
        weather.neighbours
        for number in range(32, 37)
        if (weather := played.verdicts["S0", on(number)].weather)
    ]
    assert counts == [7, 7, 6, 6, 6]


def test_most_sites_faulty_together_do_not_make_the_sound_ones_high_for_good():
    changes = {}
    for name in ("S0", "S1", "S2"):
        changes |= bad(name, 32, 39)
    assert {name for name, _ in play(a_region(9), 40, changes=changes).opened} == {"S0", "S1", "S2"}


@pytest.mark.parametrize(
    ("share", "opens"),
    [(1.0, False), (0.86, False), (0.84, True), (0.0, True)],
    ids=["only the connection", "just above", "just below", "nothing was made"],
)
def test_the_counter_tells_on_return_what_a_gap_was(share, opens):
    gap = bad("S3", 32, 36, silent)
    expected = sum(
        play(a_region(), 37, changes=gap).verdicts["S3", on(n)].expected_wh or 0
        for n in range(32, 37)
    )
    back = {("S3", 37): lambda row: replace(row, since_gap_wh=round(expected * share))}
    played = play(a_region(), 38, changes=gap | back)
    assert played.opened == ([("S3", on(37))] if opens else [])
    assert play(a_region(), 40, changes=gap).opened == []
    verdict = played.verdicts["S3", on(37)]
    assert verdict.gap is not None
    assert (verdict.gap.days, verdict.gap.expected_wh) == (5, expected)


@pytest.mark.parametrize("night", [date(2026, 3, 8), date(2026, 11, 1)], ids=["spring", "autumn"])
def test_summer_time_changes_nothing(night):
    """A day is cut on standard time, and the sun of a feed's hours stands as on the days beside."""
    rows = [FeedHour(hour, 500, 10) for hour in range(7, 17)]
    where = {"latitude": 40.0, "longitude": -105.0, "utc_offset_hours": -7.0}
    before, on_it, after = (
        energy_wh((Plane(8000, 30, 90),), 7600, sky_of(night + n * A_DAY, rows, **where))
        for n in (-1, 0, 1)
    )
    assert abs(on_it - (before + after) / 2) < 0.002 * on_it


def test_the_core_is_made_of_the_standard_library():
    for path in (ROOT / "cloud" / "detection").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in {"cloud", *sys.stdlib_module_names}, (path, name)


def test_the_judgement_of_a_day_does_not_know_the_days_after_it():
    changes = bad("S3", 32, 37)
    whole = play(a_region(), 60, changes=changes)
    cut = play(a_region(), 36, changes=changes)
    assert all(whole.verdicts[key] == verdict for key, verdict in cut.verdicts.items())
