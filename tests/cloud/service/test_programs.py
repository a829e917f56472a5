"""Who may call the partner API, in which version, and how often (API-01 to API-04)."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.service.programs import (
    Pace,
    allowance,
    instant_ms,
    last_day,
    may_call,
    pace,
    standing_status,
    version_of,
)

DAY = date(2026, 6, 8)


@pytest.mark.rule("API-01")
@pytest.mark.parametrize(
    ("told_on", "last"),
    [
        pytest.param(date(2026, 6, 1), date(2027, 6, 1), id="a year, the day itself included"),
        pytest.param(date(2026, 12, 31), date(2027, 12, 31), id="the last day of a year"),
        pytest.param(date(2028, 2, 29), date(2029, 2, 28), id="a leap day has none a year later"),
        pytest.param(date(2027, 2, 28), date(2028, 2, 28), id="a leap day is no day later"),
    ],
)
def test_a_version_goes_on_for_a_year(told_on, last):
    assert last_day(told_on) == last


@pytest.mark.rule("API-03")
@pytest.mark.parametrize(
    ("asked", "own", "answered"),
    [
        pytest.param("2026-09-01", "2026-06-01", "2026-09-01", id="asked for, whatever its own"),
        pytest.param("", "2026-06-01", "2026-06-01", id="its own"),
        pytest.param("", "", "2026-12-01", id="a first call that asks for none"),
        pytest.param("2026-06-01", "", "2026-06-01", id="a first call that asks for one"),
        pytest.param("nonsense", "2026-06-01", "nonsense", id="what is asked for is not judged"),
    ],
)
def test_a_call_is_answered_in_the_first_version_that_is_named(asked, own, answered):
    assert version_of(asked=asked, own=own, newest="2026-12-01", on=DAY) == answered


@pytest.mark.rule("API-04")
@pytest.mark.parametrize(
    ("is_stopped", "is_active", "code"),
    [
        pytest.param(False, True, None, id="a program of an active partner"),
        pytest.param(True, True, "program_stopped", id="a stopped program"),
        pytest.param(False, False, "partner_inactive", id="an inactive partner's"),
        pytest.param(True, False, "program_stopped", id="both: its own comes first"),
    ],
)
def test_who_may_not_call_hears_why(is_stopped, is_active, code):
    refused = may_call(
        program_id="C-1", is_stopped=is_stopped, owner_id="P-1", is_owner_active=is_active
    )
    assert (refused and refused.code) == code
    assert standing_status(DAY) == 403


# ---------------------------------------------------------------------- how often
FIVE = Pace(a_second=10, burst=5)
NOW = 1_780_000_000_000


def walked(gaps_ms, rate=FIVE):
    """Give what each request meets that comes so long after the one before."""
    until, now, met = 0, NOW, []
    for gap in gaps_ms:
        now += gap
        met.append(allowance(rate, before_ms=until, now_ms=now))
        if met[-1].is_within:
            until = max(until, now) + rate.step_ms
    return met


@pytest.mark.rule("API-02")
def test_ten_a_second_and_fifty_at_once():
    agreed = pace(DAY)
    assert (agreed.a_second, agreed.burst) == (10, 50)
    met = walked([0] * 51, agreed)
    assert [one.is_within for one in met] == [True] * 50 + [False]
    assert [one.remaining for one in met[:3]] == [49, 48, 47]
    assert (met[49].remaining, met[49].reset_s) == (0, 5)
    assert (met[50].remaining, met[50].retry_after_s) == (0, 1)


@pytest.mark.rule("API-02")
@pytest.mark.parametrize(
    ("gaps", "within"),
    [
        pytest.param([0] * 5, "yyyyy", id="the whole burst"),
        pytest.param([0] * 7, "yyyyynn", id="a request too many, twice"),
        pytest.param([0] * 5 + [99], "yyyyyn", id="just before a step is over"),
        pytest.param([0] * 5 + [100], "yyyyyy", id="when a step is over"),
        pytest.param([0] * 5 + [99, 1], "yyyyyny", id="what was refused costs nothing"),
        pytest.param([0] * 5 + [200, 0, 0], "yyyyyyyn", id="two steps are two requests"),
        pytest.param([0] * 5 + [500] + [0] * 5, "yyyyyyyyyyn", id="all of it after half a second"),
        pytest.param([0] * 5 + [10**7] + [0] * 5, "yyyyyyyyyyn", id="a rest saves up no more"),
        pytest.param([100] * 40, "y" * 40, id="the agreed pace for ever"),
    ],
)
def test_requests_fit_as_long_as_there_is_room(gaps, within):
    assert "".join("y" if one.is_within else "n" for one in walked(gaps)) == within


@given(
    gaps=st.lists(st.integers(0, 700), max_size=60),
    a_second=st.sampled_from([1, 2, 5, 10, 50]),
    burst=st.integers(1, 8),
)
def test_it_is_a_bucket_of_tokens(gaps, a_second, burst):
    """The one number says the same as a bucket that fills up continuously."""
    tokens = Fraction(burst)
    for gap, met in zip(gaps, walked(gaps, Pace(a_second, burst)), strict=True):
        tokens = min(Fraction(burst), tokens + Fraction(gap * a_second, 1000))
        assert met.is_within == (tokens >= 1)
        tokens -= met.is_within
        assert met.remaining == tokens // 1
        assert met.limit == burst
        assert (met.retry_after_s > 0) == (not met.is_within)


@given(gaps=st.lists(st.integers(0, 300), min_size=1, max_size=40))
def test_who_waits_as_told_is_let_through(gaps):
    for place, met in enumerate(walked(gaps)):
        if not met.is_within:
            later = [*gaps[: place + 1], met.retry_after_s * 1000]
            assert walked(later)[-1].is_within
            break


def test_an_instant_is_counted_from_the_epoch_and_cut():
    at = datetime(2026, 6, 8, 12, 0, 0, 999, UTC)
    assert instant_ms(at) == instant_ms(at - timedelta(microseconds=999))
    assert instant_ms(at + timedelta(microseconds=1)) - instant_ms(at) == 1
