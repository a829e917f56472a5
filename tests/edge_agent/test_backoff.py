from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from edge_agent.backoff import Backoff


def pauses(backoff: Backoff, count: int) -> list[int]:
    """Fail `count` times, each as soon as it may be tried again; return the pauses in seconds."""
    now, found = 0, []
    for _ in range(count):
        backoff.failed(now)
        pause = next(wait for wait in range(5000) if backoff.may_try(now + wait))
        found.append(pause)
        now += pause
    return found


def test_pauses_double_up_to_the_longest():
    assert pauses(Backoff(30, 900, lambda: 1.0), 7) == [30, 60, 120, 240, 480, 900, 900]


def test_the_draw_takes_off_up_to_one_half():
    assert pauses(Backoff(30, 900, lambda: 0.0), 6) == [15, 30, 60, 120, 240, 450]


def test_two_that_failed_together_do_not_come_back_together():
    draws = cycle((0.1, 0.8)), cycle((0.7, 0.3))
    one, other = (Backoff(60, 900, drawn.__next__) for drawn in draws)
    assert all(a != b for a, b in zip(pauses(one, 6), pauses(other, 6), strict=True))


def test_success_ends_the_pause_and_the_doubling():
    backoff = Backoff(30, 900, lambda: 1.0)
    assert backoff.may_try(0)
    for _ in range(5):
        backoff.failed(0)
    assert backoff.failures == 5
    backoff.succeeded()
    assert backoff.may_try(0)
    assert backoff.failures == 0
    assert pauses(backoff, 1) == [30]


def test_a_thousand_failures_are_no_longer_a_pause_than_the_longest():
    backoff = Backoff(30, 900, lambda: 1.0)
    for now in range(1000):
        backoff.failed(now)
    assert not backoff.may_try(999 + 899)
    assert backoff.may_try(999 + 900)


def test_a_clock_that_is_put_back_does_not_silence_a_device_for_years():
    backoff = Backoff(30, 900, lambda: 1.0)
    backoff.failed(4_000_000_000)
    assert not backoff.may_try(4_000_000_010)
    assert backoff.may_try(1_782_025_200)


@with_settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 600),
    st.integers(600, 10_000),
    st.lists(st.floats(0, 1), min_size=1, max_size=80),
)
def test_a_pause_lies_between_half_of_what_it_is_and_all_of_it(first, longest, draws):
    left = iter(draws)
    backoff = Backoff(first, longest, lambda: next(left))
    for number in range(len(draws)):
        backoff.failed(0)
        whole = min(longest, first * 2**number)
        assert not backoff.may_try(whole / 2 - 0.01)
        assert backoff.may_try(whole)


@pytest.mark.parametrize("now", [0, 1.5, 1e10])
def test_what_never_failed_may_be_tried(now):
    assert Backoff(1, 2, lambda: 0.5).may_try(now)
