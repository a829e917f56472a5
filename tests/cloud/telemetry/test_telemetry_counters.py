"""Counters that go round, fall or stand on both sides of a gap."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.telemetry.counters import made
from cloud.telemetry.days import day_of_energy, made_between
from cloud.telemetry.models import DayOfEnergy, PvEnergySource, Sample

DAY = date(2026, 6, 8)
RATED_W = 5000
MOST = 24 * RATED_W
ROUND = 2**32


@pytest.mark.rule("T-07")
@pytest.mark.parametrize(
    ("opening", "closing", "wh"),
    [
        pytest.param(ROUND - 500, 100, 600, id="round in Wh"),
        pytest.param(42_949_672 - 500, 100, 601, id="round in hundredths of a Wh"),
        pytest.param(429_496_729 - 500, 100, 601, id="round in tenths"),
        pytest.param(1000 * (ROUND - 1), 9000, 10_000, id="round in kWh"),
        pytest.param(ROUND - 1, 0, 1, id="round by one"),
        pytest.param(ROUND - MOST, 0, MOST, id="all that the rating could make"),
        pytest.param(ROUND - MOST, 1, None, id="one more than it could"),
        pytest.param(1_000_000, 0, None, id="reset or exchanged"),
        pytest.param(1_000_000, 999_999, None, id="fell by one"),
        pytest.param(0, -42_949_674, None, id="below zero, nearly a round"),
        pytest.param(-5, 3, None, id="from below zero"),
        pytest.param(ROUND + 5, 4, None, id="beyond 32 bits nothing goes round"),
        pytest.param(None, 5, None, id="start unknown"),
        pytest.param(5, None, None, id="end unknown"),
    ],
)
def test_a_counter_that_fell(opening, closing, wh):
    assert made(opening, closing, most_wh=MOST, day=DAY) == wh


@pytest.mark.rule("T-07")
def test_where_much_could_have_been_made_a_fall_proves_nothing():
    assert made(42_949_672, 100, most_wh=42_949_672 // 2 + 1, day=DAY) is None
    assert made(42_949_672, 100, most_wh=42_949_672 // 2, day=DAY) == 101


@pytest.mark.rule("T-07")
@given(st.integers(0, MOST), st.integers(0, MOST), st.sampled_from([1, 10, 100, 1000]))
def test_a_round_loses_nothing(before, after, unit):
    """A counter of 32 bits in units of 1 Wh to 1 kWh, read on both sides of its end."""
    before, after = before // unit, after // unit
    opening, closing = (ROUND - before) % ROUND * unit, after * unit
    wh = made(opening, closing, most_wh=MOST, day=DAY)
    assert wh == ((before + after) * unit if (before + after) * unit <= MOST else None)


def known(day: int, opening: dict, closing: dict, **changes) -> DayOfEnergy:
    values = {"opening_wh": opening, "closing_wh": closing} | changes
    return DayOfEnergy(date(2026, 6, day), 1000, 1.0, **values)


EARLIER = known(8, {"A": 1000}, {"A": 2000})


@pytest.mark.rule("T-01")
@pytest.mark.parametrize(
    ("later", "wh"),
    [
        pytest.param(known(9, {"A": 2000}, {"A": 3000}), 0, id="the next day has no gap"),
        pytest.param(known(12, {"A": 9500}, {"A": 9600}), 7500, id="three unknown days"),
        pytest.param(known(12, {"A": 2000}, {"A": 2000}), 0, id="made nothing in three days"),
        pytest.param(known(12, {"A": 1999}, {"A": 2500}), None, id="fell"),
        pytest.param(known(12, {"B": 9500}, {"B": 9600}), None, id="another device"),
        pytest.param(known(12, {"A": 9500, "B": 1}, {}), None, id="one device more"),
        pytest.param(known(12, {"A": None}, {"A": 9600}), None, id="start of the later unknown"),
        pytest.param(known(12, {}, {}), None, id="no counters"),
        pytest.param(
            known(12, {"A": 9500}, {}, pv_energy_source=PvEnergySource.INPUT_COUNTERS),
            None,
            id="another source",
        ),
        pytest.param(known(8, {"A": 2000}, {}), None, id="the same day"),
        pytest.param(known(7, {"A": 2000}, {}), None, id="before it"),
        pytest.param(
            known(10, {"A": 2000 + 28 * RATED_W}, {}), 28 * RATED_W, id="a day and its two slacks"
        ),
        pytest.param(known(10, {"A": 2001 + 28 * RATED_W}, {}), None, id="beyond belief"),
    ],
)
def test_what_was_made_between_two_days(later, wh):
    assert made_between(EARLIER, later, RATED_W) == wh


@pytest.mark.rule("T-07")
def test_a_counter_may_go_round_in_a_gap():
    earlier = known(1, {}, {"A": ROUND - 50_000})
    assert made_between(earlier, known(6, {"A": 30_000}, {}), RATED_W) == 80_000


def test_the_parts_of_a_site_are_believed_together():
    earlier = known(8, {}, {"A": 0, "B": 0})
    half = 14 * RATED_W
    assert made_between(earlier, known(10, {"A": half, "B": half}, {}), RATED_W) == 2 * half
    assert made_between(earlier, known(10, {"A": half + 1, "B": half}, {}), RATED_W) is None


@pytest.mark.rule("T-02")
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 20_000), min_size=6, max_size=6),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([1000, ROUND - 30_000, 42_949_672 - 30_000]),
)
def test_days_and_gaps_add_up_to_what_the_counter_made(daily, first, length, counted):
    """Whatever days are silent: the known days and the gap between them are the whole."""
    start = datetime(2026, 6, 1, tzinfo=UTC)
    period = {1000: ROUND, ROUND - 30_000: ROUND, 42_949_672 - 30_000: 2**32 / 100}[counted]
    rows = []
    for hour in range(6 * 24 + 1):
        day, rest = divmod(hour, 24)
        wh = counted + sum(daily[:day]) + (daily[day] * rest // 24 if day < 6 else 0)
        if not first * 24 < hour < (first + length) * 24:
            at = start + timedelta(hours=hour)
            rows.append(Sample(at, 0, {"WH": round(wh % period)}, "1.103"))
    days = [
        day_of_energy(
            {"A": rows},
            day=(start + timedelta(days=n)).date(),
            utc_offset_hours=0,
            samples_expected=24,
            rated_w=RATED_W,
        )
        for n in range(6)
    ]
    lost = days[first : first + length]
    assert [day.completeness for day in lost] != [1.0] * length
    between = (
        made_between(days[first - 1], days[first + length], RATED_W) if first + length < 6 else None
    )
    if between is not None:
        assert between == pytest.approx(sum(daily[first : first + length]), abs=1)
        seen = sum(day.pv_wh for day in days if day not in lost)
        assert seen + between == pytest.approx(sum(daily), abs=3)
    else:
        assert first + length >= 6
