"""Shares, ranks, intervals and buckets: the arguments that people have about figures."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from cloud.reporting.figures import (
    age_bucket,
    hours,
    nearest_rank,
    percent,
    performance,
    shrunk,
    tenths,
    wilson,
)

DAY = date(2026, 6, 30)


@pytest.mark.parametrize(
    ("values", "percentile", "found"),
    [
        pytest.param([], 50, None, id="of nothing"),
        pytest.param([7.0], 90, 7.0, id="of one"),
        pytest.param([1.0, 2.0], 50, 1.0, id="an even number has no middle: the lower one"),
        pytest.param([3.0, 1.0, 2.0], 50, 2.0, id="the middle, in whatever order"),
        pytest.param([float(n) for n in range(1, 11)], 90, 9.0, id="nine of ten"),
        pytest.param([float(n) for n in range(1, 12)], 90, 10.0, id="ten of eleven"),
        pytest.param([1.0, 2.0], 0, 1.0, id="the smallest"),
        pytest.param([1.0, 2.0], 100, 2.0, id="the largest"),
    ],
)
def test_percentiles_are_values_that_were_measured(values, percentile, found):
    assert nearest_rank(values, percentile) == found


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (Fraction(1, 20), 0.1),
        (Fraction(49, 1000), 0.0),
        (Fraction(-1, 20), 0.0),
        (Fraction(-51, 1000), -0.1),
        (2.25, 2.3),
    ],
)
def test_half_a_tenth_goes_up(number, found):
    assert tenths(number) == found


def test_spans_are_exact():
    assert hours(timedelta(minutes=3)) == 0.1
    assert hours(timedelta(minutes=2, seconds=59)) == 0.0
    assert hours(-timedelta(hours=307)) == -307.0
    assert percent(2, 3) == 66.7
    assert percent(0, 0) is None


@pytest.mark.rule("OR-01")
@pytest.mark.parametrize(
    ("hits", "tries", "found"),
    [
        pytest.param(0, 0, Fraction(8, 10), id="never tried"),
        pytest.param(1, 1, Fraction(9, 11), id="one of one is not all"),
        pytest.param(0, 1, Fraction(8, 11), id="one miss is not the end"),
        pytest.param(90, 90, Fraction(98, 100), id="many weigh"),
    ],
)
def test_shares_shrink_towards_what_all_start_with(hits, tries, found):
    assert shrunk(hits, tries, on=DAY) == found


@pytest.mark.rule("OR-02")
@pytest.mark.parametrize(
    ("measured", "found"),
    [
        pytest.param({}, 80, id="nobody knows it yet"),
        pytest.param({"accept": (0, 10**9)}, 60, id="never accepts in time"),
        pytest.param({"complete": (10**9, 10**9)}, 86, id="always completes in time"),
        pytest.param({"report_right": (0, 10**9)}, 80, id="what has no weight"),
    ],
)
def test_performance_weighs_its_measures(measured, found):
    assert performance(measured, on=DAY) == found


@pytest.mark.rule("OR-02")
def test_the_weights_are_a_whole():
    names = ("accept", "schedule", "complete", "first_time_fix", "invoice_right")
    assert performance(dict.fromkeys(names, (10**9, 10**9)), on=DAY) == 100
    assert performance(dict.fromkeys(names, (0, 10**9)), on=DAY) == 0


@pytest.mark.rule("OR-07")
@pytest.mark.parametrize(
    ("hits", "tries", "found"),
    [
        pytest.param(0, 0, None, id="of nothing"),
        pytest.param(1, 1, (20.7, 100.0), id="one of one"),
        pytest.param(0, 1, (0.0, 79.3), id="none of one"),
        # Brown, Cai and DasGupta 2001 give the formula; 8 of 10 by hand: 0.4902 to 0.9433.
        pytest.param(8, 10, (49.0, 94.3), id="eight of ten"),
        pytest.param(800, 1000, (77.4, 82.4), id="eight hundred of a thousand"),
    ],
)
def test_precision_has_its_interval(hits, tries, found):
    assert wilson(hits, tries, on=DAY) == found


@pytest.mark.rule("OR-04")
@pytest.mark.parametrize(
    ("days", "found"),
    [
        pytest.param(Fraction(0), "0-2 d", id="just now"),
        pytest.param(Fraction(-1), "0-2 d", id="not yet"),
        pytest.param(Fraction(199, 100), "0-2 d", id="just below"),
        pytest.param(Fraction(2), "2-5 d", id="on the bound"),
        pytest.param(Fraction(30), "30+ d", id="the last one"),
        pytest.param(Fraction(4000), "30+ d", id="far beyond"),
    ],
)
def test_ages_lie_in_one_bucket(days, found):
    assert age_bucket(days, on=DAY) == found
