import math
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.detection.expected import (
    Weather,
    judge,
    learned_scale,
    tells_of_the_scale,
    weather,
    yields_without,
)
from cloud.detection.rules import is_low

DAY = date(2026, 6, 8)
CLEAR = Weather(yield_wh_per_w=5.0, spread=0.02, neighbours=6)


def test_weather_is_the_median_of_those_that_made_something():
    sky = weather([4.0, 5.0, 6.0, 0.0])
    assert sky is not None
    assert (sky.yield_wh_per_w, sky.neighbours) == (5.0, 3)
    assert sky.spread == pytest.approx(1.4826 * math.log(6 / 5))


@pytest.mark.parametrize("yields", [[], [0.0, 0.0]], ids=["nobody", "nobody made anything"])
def test_no_weather(yields):
    assert weather(yields) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.5, 8), min_size=1, max_size=9), st.floats(0.1, 10))
def test_a_cloud_over_all_moves_the_yield_and_not_the_spread(yields, factor):
    before, after = weather(yields), weather([value * factor for value in yields])
    assert before is not None
    assert after is not None
    assert after.yield_wh_per_w == pytest.approx(before.yield_wh_per_w * factor)
    assert after.spread == pytest.approx(before.spread, abs=1e-9)


@pytest.mark.rule("D-61")
@pytest.mark.rule("D-62")
@pytest.mark.rule("D-63")
@pytest.mark.rule("D-65")
@pytest.mark.parametrize(
    ("actual_wh", "scale", "sky", "reason"),
    [
        pytest.param(40_000, 1.0, CLEAR, "", id="judged"),
        pytest.param(0, 1.0, CLEAR, "", id="zero is known"),
        pytest.param(None, 1.0, CLEAR, "counter", id="missing data"),
        pytest.param(40_000, None, CLEAR, "new", id="in its warm-up"),
        pytest.param(40_000, 1.0, None, "too few", id="no neighbours"),
        pytest.param(40_000, 1.0, Weather(5.0, 0.0, 4), "too few", id="four neighbours"),
        pytest.param(40_000, 1.0, Weather(5.0, 0.0, 5), "", id="five neighbours"),
        pytest.param(40_000, 1.0, Weather(5.0, 0.15, 6), "", id="spread on the limit"),
        pytest.param(40_000, 1.0, Weather(5.0, 0.1501, 6), "disagree", id="spread above it"),
    ],
)
def test_when_a_day_is_judged(actual_wh, scale, sky, reason):
    verdict = judge(day=DAY, actual_wh=actual_wh, rated_w=8000, scale=scale, sky=sky)
    assert verdict.is_judged is (reason == "")
    assert reason in verdict.reason
    assert bool(reason) is bool(verdict.reason)
    assert verdict.neighbours == (sky.neighbours if sky else 0)


@pytest.mark.rule("D-64")
@pytest.mark.parametrize(
    ("spread", "percent"),
    [
        pytest.param(0.0, 85.0, id="they agree"),
        pytest.param(0.05, 85.0, id="as healthy neighbours always differ"),
        pytest.param(0.10, 85.0 * math.exp(-0.05), id="beyond it the floor is lowered"),
        pytest.param(0.15, 85.0 * math.exp(-0.10), id="at the widest spread"),
    ],
)
def test_floor_is_lowered_by_the_spread(spread, percent):
    sky = Weather(5.0, spread, 6)
    verdict = judge(day=DAY, actual_wh=1, rated_w=8000, scale=1.0, sky=sky)
    assert verdict.guarded_percent == pytest.approx(percent)


@pytest.mark.rule("D-13")
@pytest.mark.parametrize(
    ("actual_wh", "low"),
    [(30_599, True), (30_600, False), (30_601, False)],
    ids=["just below", "on the floor", "just above"],
)
def test_expected_is_rating_times_scale_times_yield(actual_wh, low):
    verdict = judge(day=DAY, actual_wh=actual_wh, rated_w=8000, scale=0.9, sky=CLEAR)
    assert verdict.expected_wh == 36_000
    assert is_low(verdict) is low


@pytest.mark.rule("D-63")
@pytest.mark.parametrize(
    ("days", "scale"),
    [(0, None), (13, None), (14, 1.1), (20, 1.1)],
    ids=["no day", "a day short", "fourteen days", "more"],
)
def test_scale_is_learned_over_the_warm_up(days, scale):
    assert learned_scale([1.1] * days, DAY) == scale


@pytest.mark.rule("D-63")
def test_a_bad_day_of_the_warm_up_does_not_move_the_scale():
    assert learned_scale([1.0] * 12 + [0.1, 9.0], DAY) == 1.0


@pytest.mark.rule("D-63")
@pytest.mark.parametrize(
    ("actual_wh", "sky", "tells"),
    [
        pytest.param(40_000, CLEAR, True, id="an answer from all"),
        pytest.param(40_000, Weather(5.0, 0.0, 5), True, id="five neighbours"),
        pytest.param(40_000, Weather(5.0, 0.0, 4), False, id="four neighbours"),
        pytest.param(40_000, Weather(5.0, 0.3, 6), True, id="roofs differ before scales are known"),
        pytest.param(40_000, None, False, id="no neighbours"),
        pytest.param(None, CLEAR, False, id="missing data"),
        pytest.param(0, CLEAR, False, id="made nothing"),
    ],
)
def test_days_of_the_warm_up(actual_wh, sky, tells):
    assert tells_of_the_scale(day=DAY, actual_wh=actual_wh, sky=sky) is tells


def test_a_site_is_not_its_own_neighbour():
    assert yields_without("b", {"a": 1.0, "b": 2.0, "c": 3.0}) == [1.0, 3.0]
